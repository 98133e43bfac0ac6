/*
 * load_creators.sql
 *
 * The service's calls for creators: who they are, their channels with metric
 * snapshots. The answers (ids) are kept, since the service may not read the
 * program's tables. Variable: round.
 */
SELECT count(*) FILTER (WHERE t = 'c') AS creators, count(*) FILTER (WHERE t = 'h') AS channels, count(*) FILTER (WHERE t = 'm') AS metrics,
	   count(*) FILTER (WHERE t = 'v') AS visitors
  FROM (SELECT 'c' AS t FROM demo.creator UNION ALL SELECT 'h' FROM demo.channel UNION ALL SELECT 'm' FROM demo.metric
		UNION ALL SELECT 'v' FROM demo.visitor) x \gset

UPDATE demo.visitor v SET visitor_id = influence.visitor_key(p.program_id, v.key) FROM demo.plan p WHERE v.visitor_id IS NULL;
ANALYZE demo.visitor;

CALL demo.call(:round, 'register_creator', :creators, 500, $$
	SELECT c.n, 1 AS calls, x.*
	  FROM (SELECT c.*, v.visitor_id FROM demo.creator c LEFT JOIN demo.visitor v ON v.key = c.own_key WHERE c.n BETWEEN $1 AND $2 ORDER BY c.n) c,
		   LATERAL influence.register_creator(c.ref, c.name, country => c.country, vertical => c.vertical, visitor_id => c.visitor_id) x $$,
	'UPDATE demo.creator c SET creator_id = r.creator_id FROM r WHERE r.n = c.n AND c.creator_id IS DISTINCT FROM r.creator_id');
UPDATE demo.channel h SET creator_id = c.creator_id FROM demo.creator c WHERE c.ref = h.creator_ref AND h.creator_id IS NULL;

CALL demo.call(:round, 'add_channel', :channels, 1000, $$
	SELECT h.n, 1 AS calls, x.*
	  FROM (SELECT * FROM demo.channel WHERE n BETWEEN $1 AND $2 ORDER BY n) h,
		   LATERAL influence.add_channel(h.creator_id, h.platform, h.handle, h.verified) x $$,
	'UPDATE demo.channel h SET channel_id = r.channel_id FROM r WHERE r.n = h.n AND h.channel_id IS DISTINCT FROM r.channel_id');
ANALYZE demo.channel, demo.metric;

CALL demo.call(:round, 'record_channel_metrics', :metrics, 2000, $$
	SELECT 1 AS calls, x.*
	  FROM (SELECT m.*, h.creator_id, h.channel_id
			  FROM demo.metric m JOIN demo.channel h ON h.platform = m.platform AND h.handle = m.handle
			 WHERE m.n BETWEEN $1 AND $2 ORDER BY m.n) m,
		   LATERAL influence.record_channel_metrics(m.creator_id, m.channel_id, m.measured_at, followers => m.followers, posts => m.posts,
				views => m.views, likes => m.likes, comments => m.comments, shares => m.shares, interactions => m.interactions,
				source => m.source) x $$);

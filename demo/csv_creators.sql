/*
 * csv_creators.sql
 *
 * Records of creators.csv become creators, channels and metric snapshots. The
 * key of a snapshot is (platform, period, handle); the first record with a key
 * counts, the others are listed as exact repeats or as conflicts.
 */
CREATE TEMP TABLE snapshot AS
SELECT r.line_no, r.problem, r.fields, btrim(r.fields[h.platform]) AS platform, btrim(r.fields[h.period]) AS period, btrim(r.fields[h.handle]) AS handle,
	   btrim(r.fields[h.name]) AS name, btrim(r.fields[h.category]) AS category, btrim(r.fields[h.country]) AS country,
	   btrim(r.fields[h.followers]) AS followers, btrim(r.fields[h.views]) AS views, btrim(r.fields[h.likes]) AS likes,
	   btrim(r.fields[h.comments]) AS comments, btrim(r.fields[h.shares]) AS shares, btrim(r.fields[h.interactions]) AS interactions,
	   btrim(r.fields[h.authentic]) <> '' AS has_authentic
  FROM demo.source_record r
 CROSS JOIN (SELECT array_position(fields, 'platform') AS platform, array_position(fields, 'period') AS period, array_position(fields, 'handle') AS handle,
					array_position(fields, 'name') AS name, array_position(fields, 'category') AS category, array_position(fields, 'country') AS country,
					array_position(fields, 'followers') AS followers, array_position(fields, 'views_avg') AS views,
					array_position(fields, 'likes_avg') AS likes, array_position(fields, 'comments_avg') AS comments,
					array_position(fields, 'shares_avg') AS shares, array_position(fields, 'eng_avg') AS interactions,
					array_position(fields, 'eng_auth_avg') AS authentic
			   FROM demo.source_record WHERE file = 'creators' AND line_no = 1) h
 WHERE r.file = 'creators' AND r.line_no > 1;

UPDATE snapshot s SET problem = nullif(concat_ws('; ',
	CASE WHEN platform <> ALL ('{instagram,facebook,x,pinterest,snapchat,twitch,youtube,tiktok,blog}') THEN format('platform "%s" is not known', left(platform, 40)) END,
	CASE WHEN period !~ '^[12]\d{3}-(0[1-9]|1[0-2])$' THEN format('period "%s" is not YYYY-MM', left(period, 40)) END,
	CASE WHEN handle = '' THEN 'no handle' WHEN length(handle) > 180 THEN 'the handle is longer than 180 characters' END,
	CASE WHEN length(name) > 200 THEN 'the name is longer than 200 characters' END,
	(SELECT string_agg(format('%s "%s" is not a count', v.n, left(v.x, 40)), '; ' ORDER BY v.n)
	   FROM (VALUES ('followers', followers), ('views_avg', views), ('likes_avg', likes), ('comments_avg', comments), ('shares_avg', shares),
					('eng_avg', interactions)) v(n, x) WHERE v.x <> '' AND v.x !~ '^\d{1,15}$')), '')
 WHERE problem IS NULL;

INSERT INTO demo.listed (file, line_no, class, reason) SELECT 'creators', line_no, 'rejected', problem FROM snapshot WHERE problem IS NOT NULL;
CREATE TEMP TABLE ranked AS
SELECT s.*, row_number() OVER w AS copy, first_value(s.fields) OVER w AS first_fields, first_value(s.line_no) OVER w AS first_line
  FROM snapshot s WHERE s.problem IS NULL
WINDOW w AS (PARTITION BY s.platform, s.period, s.handle ORDER BY s.line_no);
INSERT INTO demo.listed (file, line_no, class, reason)
SELECT 'creators', line_no, CASE WHEN fields = first_fields THEN 'exact repeat' ELSE 'conflict' END,
	   format('%s/%s of %s is on line %s already', platform, handle, period, first_line)
  FROM ranked WHERE copy > 1;

-- of the descriptions a creator has over time, the newest that is given
INSERT INTO demo.creator (ref, name, country, vertical)
SELECT r.platform || '/' || r.handle,
	   coalesce((array_agg(r.name ORDER BY r.period DESC, r.line_no) FILTER (WHERE r.name <> ''))[1], r.handle),
	   (array_agg(c.code ORDER BY r.period DESC, r.line_no) FILTER (WHERE c.code IS NOT NULL))[1],
	   coalesce((array_agg(r.category ORDER BY r.period DESC, r.line_no) FILTER (WHERE r.category <> ''))[1], '')
  FROM ranked r LEFT JOIN demo.country c ON c.name = r.country
 WHERE r.copy = 1
 GROUP BY r.platform, r.handle
 ORDER BY min(r.line_no);
INSERT INTO demo.channel (creator_ref, platform, handle, verified)
SELECT platform || '/' || handle, platform, handle, false FROM ranked WHERE copy = 1 GROUP BY platform, handle ORDER BY min(line_no);

-- the last day of the month in the label; averages per post, so posts = 1
INSERT INTO demo.metric (platform, handle, measured_at, followers, posts, views, likes, comments, shares, interactions, source)
SELECT platform, handle, ((period || '-01')::timestamp + interval '1 month - 1 day') AT TIME ZONE 'UTC', nullif(followers, '')::bigint, 1,
	   nullif(views, '')::bigint, nullif(likes, '')::bigint, nullif(comments, '')::bigint, nullif(shares, '')::bigint, nullif(interactions, '')::bigint,
	   'creators.csv line ' || line_no
  FROM ranked WHERE copy = 1 ORDER BY line_no;

-- thresholds of this demo for accounts that all have millions
INSERT INTO demo.rule (metric, threshold, platform) VALUES
	('followers', 5000000, ''), ('engagement_rate', 0.01, 'instagram'), ('engagement_rate', 0.06, 'tiktok'), ('engagement_rate', 0.02, 'youtube'),
	('views_per_post', 250000, 'tiktok'), ('views_per_post', 100000, 'youtube');

CREATE TABLE demo.creator_report AS
SELECT (SELECT count(*) FROM snapshot) AS records,
	   (SELECT count(*) FROM demo.metric) AS snapshots,
	   (SELECT count(*) FROM demo.listed WHERE file = 'creators' AND class = 'exact repeat') AS repeats,
	   (SELECT count(*) FROM demo.listed WHERE file = 'creators' AND class = 'conflict') AS conflicts,
	   (SELECT count(*) FROM demo.listed WHERE file = 'creators' AND class = 'rejected') AS rejected,
	   (SELECT count(*) FROM demo.creator) AS creators,
	   (SELECT count(*) FROM demo.creator WHERE country IS NULL) AS without_country,
	   (SELECT count(*) FROM ranked r WHERE copy = 1 AND country <> '' AND NOT EXISTS (SELECT FROM demo.country c WHERE c.name = r.country)) AS strange_countries,
	   (SELECT count(*) FROM ranked WHERE copy = 1 AND has_authentic) AS authentic;

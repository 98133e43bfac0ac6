/*
 * show_feeds.sql
 *
 * Two shoppers who like different things, at the same moment.
 */
\pset footer off
\pset null '-'
-- the first with a block, the second with none of the first one's topics where that is possible
SELECT v.key AS one, v.visitor_id AS one_id FROM demo.visitor v JOIN demo.block b ON b.key = v.key
 WHERE v.registered ORDER BY (SELECT count(*) FROM demo.follow f WHERE f.key = v.key) DESC, v.n LIMIT 1 \gset
SELECT o.key AS two, o.visitor_id AS two_id FROM demo.visitor o, demo.visitor v
 WHERE v.key = :'one' AND o.registered AND o.key <> v.key
 ORDER BY cardinality(ARRAY(SELECT unnest(o.interests) INTERSECT SELECT unnest(v.interests))),
		  (SELECT count(*) FROM demo.follow f WHERE f.key = o.key) DESC, o.n LIMIT 1 \gset
\echo
\echo 'Two feeds at the same moment, and why each post is there (influence.get_feed)'
\echo
\set who :one
\set who_id :one_id
\ir show_feed.sql
\set who :two
\set who_id :two_id
\ir show_feed.sql
SELECT format('Posts in both first pages of ten: %s. %s''s second page repeats %s posts of the first. Blocked creators in it: %s.',
	   (SELECT count(*) FROM influence.get_feed(p.program_id, :'one_id', 10, as_of => p.feed_at) a
		  JOIN influence.get_feed(p.program_id, :'two_id', 10, as_of => p.feed_at) b ON b.post_id = a.post_id), :'one',
	   (SELECT count(*) FROM influence.get_feed(p.program_id, :'one_id', 10, (SELECT min(f.next_cursor) FROM influence.get_feed(p.program_id, :'one_id', 10, as_of => p.feed_at) f)) a
		  JOIN influence.get_feed(p.program_id, :'one_id', 10, as_of => p.feed_at) b ON b.post_id = a.post_id),
	   (SELECT count(*) FROM influence.get_feed(p.program_id, :'one_id', 100, as_of => p.feed_at) a JOIN demo.block b ON b.key = :'one' AND b.creator_id = a.creator_id)) AS line
  FROM demo.plan p \gset feed_
\echo :feed_line

/*
 * show_feed.sql
 *
 * The top of one viewer's feed. Variables: who, who_id.
 */
SELECT format('%s likes %s', v.key, array_to_string(v.interests, ', ')) || coalesce(' and blocks ' || b.names, '') AS line
  FROM demo.visitor v
  LEFT JOIN (SELECT b.key, string_agg(c.name, ', ') AS names FROM demo.block b JOIN influence.creator c ON c.creator_id = b.creator_id GROUP BY b.key) b ON b.key = v.key
 WHERE v.key = :'who' \gset feed_
\echo :feed_line
SELECT f.rank AS "#", left(c.name, 22) AS creator, p.kind, to_char(p.published_at, 'MM-DD') AS published, round(f.score::numeric, 2) AS score,
	   left(concat(f.products -> 0 ->> 'title', CASE WHEN jsonb_array_length(f.products) > 1 THEN ' +' || jsonb_array_length(f.products) - 1 END), 36) AS products,
	   lpad(influence.format_minor((f.products -> 0 ->> 'price')::bigint, l.currency), 7) AS price, array_to_string(f.sources, ' + ') AS why
  FROM demo.plan l, LATERAL influence.get_feed(l.program_id, :'who_id', 5, as_of => l.feed_at) f
  JOIN influence.creator c ON c.creator_id = f.creator_id
  JOIN influence.post p ON p.post_id = f.post_id
 ORDER BY f.rank;

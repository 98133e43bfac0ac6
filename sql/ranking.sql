-- Decayed scores and the feed's cursor.
-- Expected numbers: 60-digit arithmetic in Python's decimal.
\set VERBOSITY default

-- an event counts 2^((at - 2000-01-01) / half-life); the score is log2 of the sum
SELECT influence.decayed_score(1, '2000-01-02 00:00+00', '1 day') AS one,
       influence.decayed_score(1, '1999-12-31 00:00+00', '1 day') AS before,
       influence.decayed_score(8, '2000-01-01 00:00+00', '24 hours') AS eight;
SELECT influence.decayed_score(1, '2000-01-11 00:00+00', '1 day') AS two_events
FROM generate_series(1, 2);

-- 1, 2.5 after 8 h, -0.75 after 5 days and 17 us, 10 three days before; half-life 2 days
SELECT round(influence.decayed_score(w, '2000-01-01 00:00+00'::timestamptz + d, '2 days')::numeric, 12) AS mixed
FROM (VALUES (1, interval '0'), (2.5, '8 hours'), (-0.75, '120 hours 17 microseconds'), (10, '-72 hours')) AS v(w, d);

-- no rows, NULLs, sums that are not above zero
SELECT influence.decayed_score(1, 'infinity', '1 day') FILTER (WHERE false) AS no_rows,
       influence.decayed_score(NULL, '2000-01-01 00:00+00', '1 day') AS no_weight,
       influence.decayed_score(1, NULL, '1 day') AS no_time,
       influence.decayed_score(1, '2000-01-01 00:00+00', NULL) AS no_half_life,
       influence.decayed_score(0, '2000-01-01 00:00+00', '1 day') AS zero,
       influence.decayed_score(-1, '2000-01-01 00:00+00', '1 day') AS negative;

-- a like and its un-like leave nothing behind, however much newer they are
SELECT influence.decayed_score(w, t, '1 hour')
FROM (VALUES (1, '2020-01-01 00:00+00'::timestamptz), (3, '2026-01-01 00:00:00.000001+00'), (-3, '2026-01-01 00:00:00.000001+00')) AS v(w, t);
SELECT extract(epoch FROM '2020-01-01 00:00+00'::timestamptz - '2000-01-01 00:00+00') / 3600 AS hours;

-- weights count in steps of 2^-20
SELECT influence.decayed_score(2 ^ -20, '2000-01-01 00:00+00', '1 day') AS one_step,
       influence.decayed_score(2 ^ -22, '2000-01-01 00:00+00', '1 day') AS less;

-- any order, any grouping, any plan: the same bits
CREATE TABLE ranking_event AS
SELECT i % 5 AS post, (i * 7919) % 13 - 2.5 AS weight,
       '2024-01-01 00:00+00'::timestamptz + (i * 104729 % 1000003) * interval '61 s' AS at
FROM generate_series(1, 20000) AS i;
ANALYZE ranking_event;
CREATE TEMP TABLE serial_score AS
SELECT post, influence.decayed_score(weight, at, '6 hours') AS score FROM ranking_event GROUP BY post;
SELECT count(*) AS posts, bool_and(a.score = s.score AND b.score = s.score) AS same
FROM (SELECT post, influence.decayed_score(weight, at, '6 hours' ORDER BY at) AS score FROM ranking_event GROUP BY post) AS a
JOIN (SELECT post, influence.decayed_score(weight, at, '6 hours' ORDER BY at DESC) AS score FROM ranking_event GROUP BY post) AS b USING (post)
JOIN serial_score AS s USING (post);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT influence.decayed_score(weight, at, '6 hours') FROM ranking_event;
SELECT count(*) AS posts, bool_and(p.score = s.score) AS same
FROM (SELECT post, influence.decayed_score(weight, at, '6 hours') AS score FROM ranking_event GROUP BY post) AS p
JOIN serial_score AS s USING (post);
SELECT count(DISTINCT score) AS posts_that_differ FROM serial_score;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
DROP TABLE ranking_event;

-- 2,000 events, half-life 6 hours
SELECT round(influence.decayed_score(1 + (i * 7919) % 13,
                                     '2000-01-01 00:00+00'::timestamptz + (i * 104729 % 1000003) * interval '1 s',
                                     '6 hours')::numeric, 11) AS many
FROM generate_series(0, 1999) AS i;

-- as a moving window
SELECT d, influence.decayed_score(1, '2000-01-01 00:00+00'::timestamptz + d * interval '24 hours', '1 day')
          OVER (ORDER BY d ROWS BETWEEN CURRENT ROW AND CURRENT ROW) AS alone
FROM generate_series(0, 3) AS d;

SELECT influence.decayed_score(1, now(), '1 month');
SELECT influence.decayed_score(1, now(), '0');
SELECT influence.decayed_score(1, now(), '-1 day');
SELECT influence.decayed_score(1, now(), '178956970 days');
SELECT influence.decayed_score(1, 'infinity', '1 day');
SELECT influence.decayed_score('NaN', now(), '1 day');
SELECT influence.decayed_score(3e9, now(), '1 day');
SELECT influence.decayed_score(1, now(), h) FROM unnest('{1 day,2 days}'::interval[]) AS h;
\echo :LAST_ERROR_SQLSTATE

-- states are checked before they are read
CREATE AGGREGATE pg_temp.forged_score(float8, timestamptz, interval) (
    SFUNC = influence_internal.decayed_score_trans, STYPE = bytea, INITCOND = '\x53444950');
SELECT pg_temp.forged_score(1, now(), '1 day');

-- the cursor gives back what went in, in its order
SELECT d.as_of = '2026-01-02 03:04:05.000006+00' AS same_instant, d.delivered
FROM influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    influence_internal.feed_cursor_encode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
        '2026-01-02 03:04:05.000006+00', '{30,10,20,9223372036854775807,-9223372036854775808}')) AS d;
SELECT d.delivered
FROM influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    influence_internal.feed_cursor_encode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2000-01-01 00:00+00', '{}')) AS d;
SELECT c ~ '^[A-Za-z0-9_-]+$' AS base64url, length(c) < 1000 AS short,
       (influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', c)).delivered = ids AS same
FROM (SELECT ids, influence_internal.feed_cursor_encode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', now(), ids) AS c
      FROM (SELECT array_agg(1000 - i::bigint) AS ids FROM generate_series(1, 500) AS i) AS x) AS y;

-- for its owner only, and only unaltered
CREATE TEMP TABLE cursor_kept AS
SELECT influence_internal.feed_cursor_encode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2026-01-02 00:00+00', '{1,2,3}') AS c;
SELECT influence_internal.feed_cursor_decode('salt', 8, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', c) FROM cursor_kept;
\echo :LAST_ERROR_SQLSTATE
SELECT influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', c) FROM cursor_kept;
SELECT influence_internal.feed_cursor_decode('other salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', c) FROM cursor_kept;
SELECT influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', c, 'shop') FROM cursor_kept;
SELECT influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', c, 'feed', 'buy') FROM cursor_kept;
-- the same letters, divided elsewhere
SELECT influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', c, 'feedb', 'rowse') FROM cursor_kept;
SELECT influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', overlay(c PLACING '_' FROM 5)) FROM cursor_kept;
SELECT influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', c || 'A') FROM cursor_kept;
SELECT influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '');
SELECT influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', repeat('A', 1000000));
-- no letter can be another one, and none be missing
CREATE FUNCTION pg_temp.is_cursor(c text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence_internal.feed_cursor_decode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', c);
	RETURN true;
EXCEPTION WHEN SQLSTATE 'IN002' THEN
	RETURN false;
END $$;
SELECT count(*) > 2000 AS many, count(*) FILTER (WHERE pg_temp.is_cursor(overlay(c PLACING letter FROM i))) AS altered, count(*) FILTER (WHERE pg_temp.is_cursor(left(c, i - 1))) AS cut, bool_and(pg_temp.is_cursor(c)) AS whole
FROM cursor_kept, generate_series(1, length(c)) i, string_to_table('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_', NULL) letter WHERE letter <> substr(c, i, 1);
-- version 2 had a checksum that anybody could compute: what it was for this content
SELECT pg_temp.is_cursor('AgDAvyhb6gIAAAAAAAMCAgIAey6KMGklmEY');

SELECT influence_internal.feed_cursor_encode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', now(), array_agg(i::bigint))
FROM generate_series(1, 501) AS i;
SELECT influence_internal.feed_cursor_encode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', now(), '{1,NULL}');
SELECT influence_internal.feed_cursor_encode('salt', 7, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'infinity', '{1}');
\echo :LAST_ERROR_SQLSTATE

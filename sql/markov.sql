-- Markov attribution: counted paths and removal effects.
-- Expected numbers: test/oracle/markov_model.py in fractions.
\set VERBOSITY default
SET extra_float_digits = 0;

-- two paths by hand: 1, 2 converts once in four, 2 once in two;
-- without 1 a third is left, without 2 nothing
SELECT creator_id, round(removal_effect::numeric, 12) AS effect, round(conversions::numeric, 12) AS conversions,
       round(value_removal_effect::numeric, 12) AS value_effect, round(value::numeric, 10) AS value
FROM influence.markov_credit((
    SELECT influence.markov_agg(path, c, v, n, 1)
    FROM (VALUES ('{1,1,2}'::bigint[], 1, 10, 3), ('{2,2}', 1, 2, 1)) AS t(path, c, v, n)));

-- five paths, orders 1 to 4, with null paths and without
CREATE TABLE markov_path (path bigint[], c bigint, v bigint, n bigint);
INSERT INTO markov_path VALUES
    ('{1,2,3}', 4, 9000, 6), ('{2,1,2,2,4}', 1, 500, 9), ('{3}', 2, 1000, 20), ('{1,3,2,1,2}', 3, 100, 0), ('{4,1}', 0, 0, 7);
SELECT k, nulls, creator_id, round(removal_effect::numeric, 12) AS effect, round(conversions::numeric, 11) AS conversions,
       round(value_removal_effect::numeric, 12) AS value_effect, round(value::numeric, 8) AS value
FROM generate_series(1, 4) AS k, (VALUES (true), (false)) AS w(nulls),
     LATERAL (SELECT influence.markov_agg(path, c, v, CASE WHEN nulls THEN n END, k) AS state FROM markov_path) AS s,
     influence.markov_credit(state)
ORDER BY k, nulls DESC, creator_id;

-- rows that say nothing are left out: no path, an empty one, neither conversions nor nulls
SELECT influence.markov_agg(path, c, v, n, 1) IS NULL AS nothing
FROM (VALUES (NULL::bigint[], 1, 5, 1), ('{}', 1, 5, 1), ('{1,2}', 0, 0, 0), ('{1,2}', NULL, NULL, NULL)) AS t(path, c, v, n);
SELECT influence.markov_agg('{1}', 1, 1, 1, 1) FILTER (WHERE false) IS NULL AS no_rows;
SELECT count(*) AS rows_of_nothing FROM influence.markov_credit(NULL);
SELECT influence.markov_agg(path, c, v, n, 2) = influence.markov_agg(path, c, v, n, 2) FILTER (WHERE c > 0) AS same_state
FROM (VALUES ('{7,8}'::bigint[], 1, 5, 1), ('{9}', 0, 0, 0), ('{}', 3, 7, 0)) AS t(path, c, v, n);

-- nothing converts, or nothing has a value
SELECT * FROM influence.markov_credit((SELECT influence.markov_agg('{5,6}', 0, 0, 3, 1)));
SELECT * FROM influence.markov_credit((SELECT influence.markov_agg('{5,6}', 2, NULL, NULL, 1)));

-- counts up to the last one, ids at the ends of the range
SELECT * FROM influence.markov_credit((SELECT influence.markov_agg('{-9223372036854775808,9223372036854775807}', 9223372036854775807, 9223372036854775807, 0, 2)));

-- any order, any grouping, any plan: the same bytes
CREATE TABLE markov_many AS
SELECT ARRAY[i % 7, i % 11, i * 7919 % 13, i % 5]::bigint[] AS path, (i % 4)::bigint AS c, (i % 4 * i % 1000)::bigint AS v, (i % 3)::bigint AS n
FROM generate_series(1, 20000) AS i;
ANALYZE markov_many;
SELECT influence.markov_agg(path, c, v, n, 2 ORDER BY path) = influence.markov_agg(path, c, v, n, 2 ORDER BY c DESC, path DESC) AS same FROM markov_many;
CREATE TABLE markov_serial AS SELECT influence.markov_agg(path, c, v, n, 2) AS state FROM markov_many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT influence.markov_agg(path, c, v, n, 2) FROM markov_many;
SELECT (SELECT influence.markov_agg(path, c, v, n, 2) FROM markov_many) = state AS same FROM markov_serial;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- a stored state is as good as a fresh one; every conversion is shared out
SELECT count(*) AS creators, round(sum(conversions)::numeric, 6) AS conversions, round(sum(value)::numeric, 3) AS value
FROM markov_serial, influence.markov_credit(state);
SELECT sum(c) AS conversions, sum(v) AS value FROM markov_many;

-- as a window
SELECT i, length(influence.markov_agg(ARRAY[i, i + 1], 1, 0, 0, 1) OVER (ORDER BY i)) > 0 AS state
FROM generate_series(1::bigint, 3) AS i;

SELECT influence.markov_agg('{1,NULL}', 1, 0, 0, 1);
SELECT influence.markov_agg('{{1,2},{3,4}}', 1, 0, 0, 1);
SELECT influence.markov_agg('{1}', -1, 0, 0, 1);
SELECT influence.markov_agg('{1}', 1, -1, 0, 1);
SELECT influence.markov_agg('{1}', 0, 0, -1, 1);
SELECT influence.markov_agg('{1}', 0, 5, 1, 1);
SELECT influence.markov_agg('{1}', 1, 0, 0, 5);
SELECT influence.markov_agg('{1}', 1, 0, 0, NULL);
SELECT influence.markov_agg('{1}', 1, 0, 0, k) FROM generate_series(1, 2) AS k;
\echo :LAST_ERROR_SQLSTATE
SELECT influence.markov_agg('{1,2}', 9223372036854775807, 0, 1, 1);
\echo :LAST_ERROR_SQLSTATE
SELECT influence.markov_agg('{1}', 1, 9223372036854775807, 0, 1) FROM generate_series(1, 2);

-- states are checked before they are read
SELECT * FROM influence.markov_credit('\x434d4950');
\echo :LAST_ERROR_SQLSTATE
SELECT creator_id FROM markov_serial, influence.markov_credit(substr(state, 1, length(state) - 8));
SELECT creator_id FROM markov_serial, influence.markov_credit(overlay(state PLACING '\xff'::bytea FROM 46));
CREATE AGGREGATE pg_temp.forged_markov(bigint[], bigint, bigint, bigint, int) (
    SFUNC = influence_internal.markov_trans, STYPE = bytea, INITCOND = '\x434d4950');
SELECT pg_temp.forged_markov('{1}', 1, 1, 1, 1);
SELECT influence_internal.markov_final(NULL);

DROP TABLE markov_path, markov_many, markov_serial;

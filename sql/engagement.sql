-- Engagement rates and Wilson's bound.
-- Expected numbers: design §9 and Python's decimal.
\set VERBOSITY default

CREATE TEMP TABLE post_metric (post int, interactions bigint, base bigint);
INSERT INTO post_metric VALUES
    (1, 30, 1000), (1, 15, 500),        -- 45 / 1500
    (2, 5, 2),                          -- above 1 is legal
    (3, 7, 0), (3, NULL, 100), (3, 7, NULL), (3, 7, -1),
    (4, 0, 10), (4, 9, 0);

SELECT post, influence.engagement_rate(interactions, base)
FROM post_metric GROUP BY post ORDER BY post;

-- 59 / 1512 over all rows that count
SELECT round(influence.engagement_rate(interactions, base)::numeric, 12) AS rate,
       influence.engagement_rate(interactions, base) FILTER (WHERE post = 2) AS filtered,
       influence.engagement_rate(interactions, base) FILTER (WHERE false) AS no_rows
FROM post_metric;

-- sums leave bigint
SELECT influence.engagement_rate(i, 9223372036854775807)
FROM unnest('{9223372036854775807,0,0,9223372036854775807}'::bigint[]) AS i;

-- as a moving window
SELECT x, influence.engagement_rate(x, 10) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS two_rows
FROM generate_series(1, 4) AS x;
SELECT x, influence.engagement_rate(x, nullif(x, 2) * 4) OVER (ORDER BY x) AS so_far
FROM generate_series(1, 3) AS x;

-- rows that are skipped are not looked at, others must make sense
SELECT influence.engagement_rate(-1, 0);
SELECT influence.engagement_rate(-1, 1);
\echo :LAST_ERROR_SQLSTATE

-- parallel workers and one process give the same bits
CREATE TABLE engagement_many AS
SELECT i % 7 AS g, (i * 7919) % 1000 AS interactions, (i * 104729) % 5000 - 10 AS base
FROM generate_series(1, 20000) AS i;
ANALYZE engagement_many;
CREATE TEMP TABLE serial_rate AS
SELECT g, influence.engagement_rate(interactions, base) AS rate FROM engagement_many GROUP BY g;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT count(*) AS groups, bool_and(p.rate = s.rate) AS same
FROM (SELECT g, influence.engagement_rate(interactions, base) AS rate FROM engagement_many GROUP BY g) AS p
JOIN serial_rate AS s USING (g);
EXPLAIN (COSTS OFF) SELECT influence.engagement_rate(interactions, base) FROM engagement_many;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
SELECT bool_and(s.rate = x.rate) AS equals_the_quotient_of_sums
FROM (SELECT g, (sum(interactions)::float8 / sum(base)::float8) AS rate FROM engagement_many WHERE base > 0 GROUP BY g) AS x
JOIN serial_rate AS s USING (g);
DROP TABLE engagement_many;

-- states are checked before they are read
CREATE AGGREGATE pg_temp.forged_rate(bigint, bigint) (
    SFUNC = influence_internal.engagement_rate_trans, STYPE = bytea, INITCOND = '\x0102030405');
SELECT pg_temp.forged_rate(1, 1);
SELECT influence_internal.engagement_rate_trans(NULL, 1, 1);

-- Wilson's lower bound
SELECT positives, trials, confidence,
       round(influence.wilson_lower_bound(positives, trials, confidence)::numeric, 6) AS bound
FROM (VALUES (1, 1, 0.95), (90, 100, 0.95), (0, 10, 0.95), (0, 0, 0.95),
             (5, 1000, 0.95), (3, 7, 0.8), (100, 100, 0.999)) AS v(positives, trials, confidence);
SELECT influence.wilson_lower_bound(90, 100) = influence.wilson_lower_bound(90, 100, 0.95) AS default_is_95,
       influence.wilson_lower_bound(NULL, 100) IS NULL AS no_positives;
SELECT influence.wilson_lower_bound(2, 1);
SELECT influence.wilson_lower_bound(-1, 1);
SELECT influence.wilson_lower_bound(1, 1, 1);
SELECT influence.wilson_lower_bound(1, 1, 0);
SELECT influence.wilson_lower_bound(1, 1, 'NaN');
\echo :LAST_ERROR_SQLSTATE

-- Commission by tiers: as a function, as an aggregate, as steps.
-- Expected numbers: design §6 and Python's fractions (test/oracle/tier_model.py).
\set VERBOSITY default

-- 4, 6 and 8 % from 0, 200 and 400: beside every threshold, and mirrored
SELECT x AS amount, influence.reached_tier(x, t) AS tier,
       influence.tiered_amount(x, t, r, 'graduated') AS graduated,
       influence.tiered_amount(x, t, r, 'volume') AS volume,
       influence.tiered_amount(-x, t, r, 'graduated') AS minus_graduated,
       influence.tiered_amount(-x, t, r, 'volume') AS minus_volume
FROM unnest('{0,1,12,13,199,200,201,399,400,401,500}'::bigint[]) AS x,
     (VALUES ('{0,200,400}'::bigint[], '{0.04,0.06,0.08}'::numeric[])) AS v(t, r);
SELECT influence.reached_tier(-1, '{0,200}') AS below_the_first,
       influence.reached_tier('-9223372036854775808', '{0}') AS smallest,
       influence.reached_tier(9223372036854775807, '{0,9223372036854775807}') AS largest;

-- one rounding of the whole: two slices of half a unit are one unit
SELECT influence.tiered_amount(10, '{0,5}', '{0.1,0.1}', 'graduated') AS one,
       rounding,
       influence.tiered_amount(15, '{0,10}', '{0.1,0.1}', 'graduated', rounding) AS one_and_a_half,
       influence.tiered_amount(-15, '{0,10}', '{0.1,0.1}', 'volume', rounding) AS mirrored,
       influence.tiered_amount(25, '{0,10}', '{0.1,0.1}', 'volume', rounding) AS two_and_a_half
FROM unnest('{half_up,half_even,down}'::text[]) AS rounding;

-- the ends of bigint, rates of nine decimals, rates above 1, a tier that earns nothing
SELECT influence.tiered_amount(9223372036854775807, '{0,200,400}', '{0.04,0.06,0.08}', 'graduated') AS graduated,
       influence.tiered_amount('-9223372036854775808', '{0,200,400}', '{0.04,0.06,0.08}', 'volume') AS volume,
       influence.tiered_amount(9223372036854775807, '{0}', '{1}', 'volume') AS all_of_it,
       influence.tiered_amount('-9223372036854775808', '{0}', '{1.000}', 'graduated') AS all_below;
SELECT influence.tiered_amount(500000000, '{0,1}', '{1,0.000000001}', 'graduated') AS nearly,
       influence.tiered_amount(500000001, '{0,1}', '{1,0.000000001}', 'graduated') AS just,
       influence.tiered_amount(1, '{0}', '{9200000000}', 'volume') AS largest_rate,
       influence.tiered_amount(300, '{0,200}', '{0,2.5}', 'graduated') AS nothing_at_first;
SELECT influence.tiered_amount(NULL, '{0}', '{1}', 'volume') IS NULL AS no_amount,
       influence.tiered_amount(1, NULL, '{1}', 'volume') IS NULL AS no_thresholds,
       influence.tiered_amount(1, '{0}', '{1}', NULL) IS NULL AS no_mode,
       influence.reached_tier(NULL, '{0}') IS NULL AS no_tier;

-- a thousand tiers: 0.001 at first, 0.001 more every 100
SELECT influence.tiered_amount(100000, t, r, 'graduated') AS graduated, influence.tiered_amount(100000, t, r, 'volume') AS volume,
       influence.tiered_amount(54321, t, r, 'graduated') AS inside, influence.reached_tier(54321, t) AS tier
FROM (SELECT array_agg(i * 100 ORDER BY i) AS t, array_agg((i + 1) * 0.001 ORDER BY i) AS r FROM generate_series(0::bigint, 999) AS i) AS v;

-- the aggregate: f(sum), none of it by row
CREATE TEMP TABLE sale (creator int, amount bigint, at int);
INSERT INTO sale VALUES (1, 100, 1), (1, 150, 2), (1, 250, 3), (2, 150, 1), (2, NULL, 2), (2, 100, 3), (2, -50, 4), (3, NULL, 1), (4, 0, 1), (5, -500, 1);
SELECT creator, sum(amount) AS amount,
       influence.tiered_commission(amount, '{0,200,400}', '{0.04,0.06,0.08}', 'graduated') AS graduated,
       influence.tiered_commission(amount, '{0,200,400}', '{0.04,0.06,0.08}', 'volume') AS volume
FROM sale GROUP BY creator ORDER BY creator;
SELECT influence.tiered_commission(amount, '{0,200,400}', '{0.04,0.06,0.08}', 'volume') AS all_rows,
       influence.tiered_commission(amount, '{0,200,400}', '{0.04,0.06,0.08}', 'volume') FILTER (WHERE creator = 1) AS filtered,
       influence.tiered_commission(amount, '{0,200,400}', '{0.04,0.06,0.08}', 'volume') FILTER (WHERE false) AS no_rows,
       influence.tiered_commission(DISTINCT amount, '{0,200,400}', '{0.04,0.06,0.08}', 'volume') AS distinct_amounts
FROM sale;

-- each group has its own tiers; spelling does not matter, and rows without an amount are not looked at
SELECT creator,
       influence.tiered_commission(amount, ARRAY[0, creator * 100], CASE WHEN at % 2 = 0 THEN '{0.1,0.20}'::numeric[] ELSE '{0.10,0.2}' END, 'volume') AS own,
       influence.tiered_commission(amount, CASE WHEN amount IS NOT NULL THEN '[3:4]={0,200}'::bigint[] END, '{0.1,0.2}', 'volume') AS skipped
FROM sale WHERE creator < 5 GROUP BY creator ORDER BY creator;

-- the sum may leave bigint, the commission may not
SELECT influence.tiered_commission(x, '{0,1000}', '{0,0.1}', 'volume') AS tenth,
       influence.tiered_commission(x, '{0}', '{0}', 'volume') AS nothing
FROM unnest(array_fill(9223372036854775807, '{10}')) AS x;
SELECT influence.tiered_commission(x, '{0}', '{1}', 'graduated') AS there_and_back
FROM unnest('{9223372036854775807,9223372036854775807,-9223372036854775808,-9223372036854775807,1}'::bigint[]) AS x;

-- steps: exact marginals, and they add up
SELECT creator, at, amount,
       influence.tiered_commission_step(amount, '{0,200,400}', '{0.04,0.06,0.08}', 'graduated') OVER w AS graduated,
       influence.tiered_commission_step(amount, '{0,200,400}', '{0.04,0.06,0.08}', 'volume') OVER w AS volume,
       influence.tiered_commission(amount, '{0,200,400}', '{0.04,0.06,0.08}', 'volume') OVER w AS volume_so_far
FROM sale WINDOW w AS (PARTITION BY creator ORDER BY at) ORDER BY creator, at;

-- a lower rate above takes back; the frame does not matter
SELECT x, influence.tiered_commission_step(x, '{0,200}', '{0.1,0.05}', 'volume') OVER (ORDER BY x ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS falling
FROM generate_series(80, 120, 20) AS x;

-- of the run only the steps have to fit
SELECT at, influence.tiered_commission_step(x, '{0}', '{1}', 'volume') OVER (ORDER BY at) AS step
FROM unnest('{9223372036854775807,9223372036854775807,-9223372036854775808,-9223372036854775807}'::bigint[]) WITH ORDINALITY AS u(x, at);

-- other tiers in the next partition, and the first ones again
SELECT g, at, influence.tiered_commission_step(100, ARRAY[0, 150], ARRAY[0.1, 0.1 + g % 2], 'volume') OVER (PARTITION BY g ORDER BY at) AS step
FROM generate_series(1, 3) AS g, generate_series(1, 2) AS at ORDER BY g, at;

-- each of the three makes other tiers at the same call site
SELECT mode, t AS thresholds, r AS rates, influence.tiered_amount(300, t, r, mode)
FROM unnest('{graduated,volume}'::text[]) AS mode,
     (VALUES ('{0,200}'::bigint[]), ('{0,250}'), ('{0,400}')) AS v(t), (VALUES ('{0.1,0.2}'::numeric[]), ('{0.1,0.3}')) AS w(r)
ORDER BY mode, t, r;

-- more tables in turn than a call site remembers, and more spellings of one
SELECT count(*) AS groups, bool_and(c = influence.tiered_amount(400, ARRAY[0, g * 10, 400], ARRAY[0.1, 0.2, 0.01 * g], 'graduated')) AS same
FROM (SELECT g, influence.tiered_commission(100, ARRAY[0, g * 10, 400], ARRAY[0.1, 0.2, 0.01 * g], 'graduated') AS c
      FROM generate_series(1, 4) AS i, generate_series(1, 30) AS g GROUP BY g) AS x;
SELECT count(*) AS rows, sum(step) AS added
FROM (SELECT influence.tiered_commission_step(10, '{0,100}', ARRAY[0.1, ('0.2' || repeat('0', i))::numeric], 'volume') OVER (PARTITION BY g ORDER BY i) AS step
      FROM generate_series(1, 3) AS g, generate_series(1, 40) AS i) AS x;

-- as a moving window: rows leave exactly
SELECT count(*) AS frames,
       bool_and(moving IS NOT DISTINCT FROM influence.tiered_amount(total, '{0,200,400}', '{0.04,0.06,0.08}', 'volume')) AS same,
       count(moving) AS with_rows
FROM (SELECT influence.tiered_commission(x, '{0,200,400}', '{0.04,0.06,0.08}', 'volume') OVER w AS moving, sum(x) OVER w AS total
      FROM (SELECT i, CASE WHEN i % 5 > 1 THEN i * 7919 % 211 - 40 END AS x FROM generate_series(1, 500) AS i) AS v
      WINDOW w AS (ORDER BY i ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING)) AS x;
SELECT x, influence.tiered_commission(x, '{0,200,400}', '{0.04,0.06,0.08}', 'graduated') OVER (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS two_rows,
       influence.tiered_commission(x, '{0,200,400}', '{0.04,0.06,0.08}', 'graduated') OVER (ORDER BY i ROWS BETWEEN 1 FOLLOWING AND 1 FOLLOWING) AS next_row
FROM unnest('{300,200,NULL,NULL,100}'::bigint[]) WITH ORDINALITY AS u(x, i);

-- parallel, partition by partition and in one process: the same; only together the amounts reach 5,000,000
CREATE TABLE tiers_many (g int, amount bigint, t bigint[], r numeric[]) PARTITION BY LIST (g);
CREATE TABLE tiers_many_1 PARTITION OF tiers_many FOR VALUES IN (1, 2, 3);
CREATE TABLE tiers_many_2 PARTITION OF tiers_many FOR VALUES IN (4, 5, 6);
INSERT INTO tiers_many
SELECT 1 + i % 6, i * 7919 % 1000 - 200, ARRAY[0, 100000 * (1 + i % 6), 1000000], ARRAY[0.01, 0.02 + i % 6 * 0.001, 0.123456789]
FROM generate_series(1, 20000) AS i;
ANALYZE tiers_many;
CREATE TEMP TABLE serial_commission AS
SELECT g, influence.tiered_commission(amount, t, r, 'graduated') AS c FROM tiers_many GROUP BY g;
SELECT bool_and(c = influence.tiered_amount(total, t, r, 'graduated')) AS of_the_sums, count(*)
FROM (SELECT g, sum(amount)::bigint AS total, min(t) AS t, min(r) AS r FROM tiers_many GROUP BY g) AS x JOIN serial_commission USING (g);
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT count(*) AS groups, bool_and(p.c = s.c) AS same
FROM (SELECT g, influence.tiered_commission(amount, t, r, 'graduated') AS c FROM tiers_many GROUP BY g) AS p JOIN serial_commission AS s USING (g);
EXPLAIN (COSTS OFF) SELECT influence.tiered_commission(amount, '{0}', '{1}', 'volume') FROM tiers_many_1;
SELECT influence.tiered_commission(amount, '{0,5000000}', '{0.1,0.2}', 'volume') AS parallel,
       influence.tiered_amount(sum(amount)::bigint, '{0,5000000}', '{0.1,0.2}', 'volume') AS of_the_sum FROM tiers_many;
SET enable_partitionwise_aggregate = on;
SET max_parallel_workers_per_gather = 0;
SELECT count(*) AS groups, bool_and(p.c = s.c) AS same
FROM (SELECT g, influence.tiered_commission(amount, t, r, 'graduated') AS c FROM tiers_many GROUP BY g) AS p JOIN serial_commission AS s USING (g);
EXPLAIN (COSTS OFF) SELECT influence.tiered_commission(amount, '{0}', '{1}', 'volume') FROM tiers_many;
SELECT influence.tiered_commission(amount, ARRAY[0, 1 + g / 4], '{0.1,0.2}', 'volume') FROM tiers_many;
SELECT influence.tiered_commission(CASE WHEN g < 4 THEN amount END, ARRAY[0, 1 + g / 4], '{0.1,0.2}', 'volume') AS first_half FROM tiers_many;
RESET enable_partitionwise_aggregate;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
DROP TABLE tiers_many;

-- tiers that cannot be meant
SELECT influence.tiered_amount(1, '{}', '{}', 'volume');
SELECT influence.tiered_amount(1, '{{0,1}}', '{0,1}', 'volume');
SELECT influence.tiered_amount(1, '{0,1}', '{{0,1}}', 'volume');
SELECT influence.tiered_amount(1, '{0,1,NULL}', '{0,1,1}', 'volume');
SELECT influence.tiered_amount(1, '{0,1}', '{NULL,1}', 'volume');
SELECT influence.tiered_amount(1, '{1,2}', '{0,1}', 'volume');
SELECT influence.tiered_amount(1, '{0,2,2}', '{0,1,1}', 'volume');
SELECT influence.tiered_amount(1, '{0,2}', '{0,1,1}', 'volume');
SELECT influence.tiered_amount(1, '{0}', '{}', 'volume');
SELECT influence.tiered_amount(1, '{0}', '{1}', 'Volume');
SELECT influence.tiered_amount(1, '{0}', '{1}', 'volume', 'ceiling');
SELECT influence.tiered_amount(1, '{0,1}', '{0.1,-0.1}', 'volume');
SELECT influence.tiered_amount(1, '{0}', '{NaN}', 'volume');
SELECT influence.tiered_amount(1, '{0}', '{9200000001}', 'volume');
SELECT influence.tiered_amount(1, '{0}', '{0.0123456789}', 'volume');
SELECT influence.tiered_amount(1, array_agg(i), array_agg(0), 'volume') FROM generate_series(0::bigint, 1000) AS i;
SELECT influence.reached_tier(1, '{0,NULL}');
\echo :LAST_ERROR_SQLSTATE
SELECT influence.reached_tier(1, '{5}');
SELECT influence.tiered_commission(1, NULL, '{1}', 'volume');
SELECT influence.tiered_commission(1, '{0}', NULL, 'volume');
SELECT influence.tiered_commission(1, '{0}', '{1}', NULL);
SELECT influence.tiered_commission(1, '{0}', ARRAY[x], 'volume') FROM unnest('{0.1,0.2}'::numeric[]) AS x;
SELECT influence.tiered_commission(1, '{0}', '{1}', x) FROM unnest('{volume,graduated}'::text[]) AS x;
\echo :LAST_ERROR_SQLSTATE
SELECT influence.tiered_commission_step(1, NULL, '{1}', 'volume') OVER ();
SELECT influence.tiered_commission_step(1, '{0}', ARRAY[x], 'volume') OVER () FROM unnest('{0.1,0.10,0.2}'::numeric[]) AS x;
\echo :LAST_ERROR_SQLSTATE

-- what leaves bigint
SELECT influence.tiered_amount(9223372036854775807, '{0,1}', '{1,1.1}', 'graduated');
\echo :LAST_ERROR_SQLSTATE
SELECT influence.tiered_commission(x, '{0}', '{1}', 'volume') FROM unnest('{9223372036854775807,1}'::bigint[]) AS x;
SELECT influence.tiered_commission_step(x, '{0}', '{2}', 'volume') OVER () FROM unnest('{1,9223372036854775807}'::bigint[]) AS x;
\echo :LAST_ERROR_SQLSTATE

-- states are checked before they are read
CREATE AGGREGATE pg_temp.forged_tiers(bigint, bigint[], numeric[], text) (
    SFUNC = influence_internal.tiered_commission_trans, STYPE = bytea, INITCOND = '\x0102030405');
SELECT pg_temp.forged_tiers(1, '{0}', '{1}', 'volume');
SELECT influence_internal.tiered_commission_final('\x0102030405');
SELECT influence_internal.tiered_commission_trans(NULL, 1, '{0}', '{1}', 'volume');
SELECT influence.tiered_commission_step(1, '{0}', '{1}', 'volume');

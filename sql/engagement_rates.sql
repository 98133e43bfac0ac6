-- Rates of posts as a distribution, priors fitted to creators, shrunk rates.
-- Expected numbers: Python's fractions.
\set VERBOSITY default
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_influence;
RESET client_min_messages;
\pset null '~'

-- rates 0.02 0.04 | 0.1 0.1 0.16 | 0.3 over 1 3 | 2 2 4 | 5 posts, and a creator whose rows don't count
CREATE TEMP TABLE observation (creator int, interactions bigint, base bigint, posts bigint);
INSERT INTO observation VALUES
    (1, 2, 100, 1), (1, 4, 100, 3),
    (2, 10, 100, 2), (2, 10, 100, 2), (2, 16, 100, 4),
    (3, 300, 1000, 5), (3, 7, 0, 1), (3, 7, -7, 1), (3, 7, 7, 0), (3, NULL, 7, 1), (3, 7, NULL, 1), (3, 7, 7, NULL),
    (4, 1, 0, 1), (4, -1, 0, -1);
CREATE TEMP VIEW creator AS
SELECT creator, influence.engagement_agg(interactions, base, posts) AS state FROM observation GROUP BY creator;

SELECT creator, influence.engagement_posts(state) AS posts, influence.engagement_mean(state) AS mean, influence.engagement_median(state) AS median,
       influence.engagement_trimmed_mean(state) AS trimmed, influence.engagement_trimmed_mean(state, 0.25) AS quarters,
       round(influence.engagement_variance(state)::numeric, 15) AS variance
FROM creator ORDER BY creator;

-- {mean, strength, within, between, creators, posts}: 27643/1840000 between
SELECT round(p[1]::numeric, 14) AS mean, round(p[2]::numeric, 14) AS strength, round(p[3]::numeric, 16) AS within, round(p[4]::numeric, 15) AS between,
       p[5] AS creators, p[6] AS posts, cardinality(p) AS elements
FROM (SELECT influence.engagement_prior(state) AS p FROM creator) AS x;
SELECT c.creator, round(influence.shrunk_rate(influence.engagement_posts(c.state), influence.engagement_mean(c.state), p.prior)::numeric, 14) AS shrunk,
       round(b.lower_bound::numeric, 12) AS lower, round(b.upper_bound::numeric, 12) AS upper
FROM creator AS c, (SELECT influence.engagement_prior(state) AS prior FROM creator) AS p,
     influence.shrunk_rate_bounds(influence.engagement_posts(c.state), influence.engagement_mean(c.state), p.prior) AS b
ORDER BY c.creator;

-- what can't be estimated: one creator, single rows, creators that don't differ, posts that don't
SELECT influence.engagement_prior(state) AS one_creator FROM creator WHERE creator = 1;
SELECT influence.engagement_prior(state) AS single_row FROM creator WHERE creator = 3;
SELECT influence.engagement_prior(state) AS nobody, influence.engagement_prior(NULL) AS null_state FROM creator WHERE creator = 4;
CREATE FUNCTION pg_temp.prior_of(rates text) RETURNS float8[] LANGUAGE sql AS $$
    SELECT influence.engagement_prior(state) FROM (
        SELECT influence.engagement_agg(r::bigint, 8) AS state
        FROM unnest(string_to_array(rates, '|')) WITH ORDINALITY AS c(row_rates, creator), unnest(string_to_array(row_rates, ' ')) AS r
        GROUP BY creator) AS s
$$;
SELECT pg_temp.prior_of('1 3|1 3') AS creators_equal, pg_temp.prior_of('1 1|3 3 3') AS posts_equal, pg_temp.prior_of('2 2|2 2') AS all_equal,
       pg_temp.prior_of('1|3') AS no_repeat;

-- shrinking by hand
SELECT influence.shrunk_rate(3, 0.1, '{0.5,1,1,1,2,2}') AS quarter_way, influence.shrunk_rate(0, 0.1, '{0.5,1,1,1,2,2}') AS no_posts,
       influence.shrunk_rate(NULL, 0.1, '{0.5,1,1,1,2,2}') AS null_posts, influence.shrunk_rate(3, NULL, '{0.5,1,1,1,2,2}') AS no_rate,
       influence.shrunk_rate(3, 0.1, '{0.5,Infinity,1,0,2,2}') AS infinite, influence.shrunk_rate(3, 0.1, '{0.5,NULL,NULL,NULL,1,2}') AS no_strength,
       influence.shrunk_rate(3, 0.1, NULL) AS no_prior, influence.shrunk_rate(0, 0.1, NULL) AS nothing,
       influence.shrunk_rate(3, 0.1, '{0.5,0,0,1,2,2}') AS strength_0;
-- 0.2 -+ 1.959964 / 2; without posts 0.5 -+ 1.959964
SELECT * FROM influence.shrunk_rate_bounds(3, 0.1, '{0.5,1,1,1,2,2}');
SELECT * FROM influence.shrunk_rate_bounds(3, 0.1, '{0.5,1,0.0001,0.0001,2,2}', 0.5);
SELECT * FROM influence.shrunk_rate_bounds(0, NULL, '{0.5,1,1,1,2,2}');
SELECT * FROM influence.shrunk_rate_bounds(3, 0.1, '{0.5,Infinity,1,0,2,2}');
SELECT * FROM influence.shrunk_rate_bounds(3, 0.1, '{0.5,NULL,NULL,NULL,1,2}');
SELECT * FROM influence.shrunk_rate_bounds(3, 0.1, '{0.5,1,1,1,2,2}', NULL);

-- arguments that can't be meant
SELECT influence.engagement_agg(-1, 1, 1);
SELECT influence.engagement_agg(1, 1, -1);
SELECT influence.engagement_trimmed_mean(NULL, 0.5);
SELECT influence.engagement_trimmed_mean(NULL, 'NaN');
SELECT influence.shrunk_rate(-1, 0.1, '{0.5,1,1,1,2,2}');
SELECT influence.shrunk_rate('Infinity', 0.1, '{0.5,1,1,1,2,2}');
SELECT influence.shrunk_rate(1, 'NaN', '{0.5,1,1,1,2,2}');
SELECT influence.shrunk_rate(1, 0.1, '{0.5,1}');
SELECT influence.shrunk_rate(1, 0.1, '{{0.5,1,1,1,2,2}}');
SELECT influence.shrunk_rate(1, 0.1, '{NaN,1,1,1,2,2}');
SELECT influence.shrunk_rate(1, 0.1, '{0.5,-1,1,1,2,2}');
SELECT * FROM influence.shrunk_rate_bounds(1, 0.1, '{0.5,1,1,1,2,2}', 1);
\echo :LAST_ERROR_SQLSTATE
-- posts beyond bigint: the mean is still there
SELECT influence.engagement_mean(influence.engagement_agg(i, 4, 9223372036854775807)) FROM unnest('{1,3}'::bigint[]) AS i;
SELECT influence.engagement_posts(influence.engagement_agg(i, 4, 9223372036854775807)) FROM unnest('{1,3}'::bigint[]) AS i;
\echo :LAST_ERROR_SQLSTATE
SELECT influence.engagement_agg(9223372036854775807, 1, 1) IS NOT NULL AS the_largest_rate;

-- the conveniences are the accessors, in one pass
SELECT influence.median_engagement_rate(i * i, 100) AS median, influence.trimmed_engagement_rate(i * i, 100) AS trimmed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY i * i / 100.0::float8) AS percentile_cont,
       influence.median_engagement_rate(i, 0) AS none, influence.median_engagement_rate(i, 1) FILTER (WHERE i > 18) AS filtered
FROM generate_series(1, 20) AS i;
SELECT i, influence.median_engagement_rate(i, 10) OVER (ORDER BY i ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS window_of_three
FROM generate_series(1, 5) AS i;

-- serial = parallel = partitioned = combined in random order, to the bit: states are compared
CREATE TABLE engagement_many (creator int, interactions bigint, base bigint, posts bigint) PARTITION BY HASH (creator);
CREATE TABLE engagement_many_0 PARTITION OF engagement_many FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE engagement_many_1 PARTITION OF engagement_many FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE engagement_many_2 PARTITION OF engagement_many FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO engagement_many
SELECT sqrt(i * 7919 % 30011)::int, i * 104729 % 997, i * 15485863 % 100003 - 50, CASE WHEN i % 5 < 4 THEN 1 ELSE i % 40 END
FROM generate_series(1::bigint, 30000) AS i;
ANALYZE engagement_many;
CREATE TEMP TABLE serial_state AS
SELECT creator, influence.engagement_agg(interactions, base, posts) AS state, influence.median_engagement_rate(interactions, base) AS median,
       influence.trimmed_engagement_rate(interactions, base) AS trimmed
FROM engagement_many GROUP BY creator;
CREATE TEMP TABLE serial_prior AS
SELECT creator % 7 AS cell, influence.engagement_prior(state ORDER BY creator) AS prior FROM serial_state GROUP BY 1;
SELECT count(*) AS creators, sum(influence.engagement_posts(state)) = (SELECT sum(posts) FROM engagement_many WHERE base > 0 AND posts > 0) AS all_posts,
       max(octet_length(state)) > 1000 AS large FROM serial_state;

CREATE FUNCTION pg_temp.agrees(query text) RETURNS TABLE (creators bigint, same_states boolean, same_rates boolean) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT count(*), bool_and(a.state = s.state), bool_and(a.median = s.median AND a.trimmed = s.trimmed) FROM (%s) AS a '
        'FULL JOIN serial_state AS s USING (creator)', query);
END $$;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT * FROM pg_temp.agrees('SELECT creator, influence.engagement_agg(interactions, base, posts) AS state,
    influence.median_engagement_rate(interactions, base) AS median, influence.trimmed_engagement_rate(interactions, base) AS trimmed
    FROM engagement_many GROUP BY creator');
EXPLAIN (COSTS OFF) SELECT influence.engagement_agg(interactions, base, posts) FROM engagement_many_0;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SET enable_partitionwise_aggregate = on;
SELECT * FROM pg_temp.agrees('SELECT creator, influence.engagement_agg(interactions, base, posts) AS state,
    influence.median_engagement_rate(interactions, base) AS median, influence.trimmed_engagement_rate(interactions, base) AS trimmed
    FROM engagement_many GROUP BY creator');
RESET enable_partitionwise_aggregate;

-- as many partial states as rows fall into, joined in random order
CREATE AGGREGATE pg_temp.part_state(bigint, bigint, bigint) (SFUNC = influence_internal.engagement_rates_trans, STYPE = bytea);
CREATE AGGREGATE pg_temp.join_states(bytea) (SFUNC = influence_internal.engagement_rates_combine, STYPE = bytea,
    FINALFUNC = influence_internal.engagement_rates_final);
SELECT bool_and(j.state = s.state) AS same
FROM (SELECT creator, pg_temp.join_states(part ORDER BY random()) AS state
      FROM (SELECT creator, pg_temp.part_state(interactions, base, posts ORDER BY random()) AS part FROM engagement_many
            GROUP BY creator, floor(random() * 5)) AS p GROUP BY creator) AS j
JOIN serial_state AS s USING (creator);
CREATE AGGREGATE pg_temp.part_prior(bytea) (SFUNC = influence_internal.engagement_prior_trans, STYPE = bytea);
CREATE AGGREGATE pg_temp.join_priors(bytea) (SFUNC = influence_internal.engagement_prior_combine, STYPE = bytea,
    FINALFUNC = influence_internal.engagement_prior_final);
SELECT count(*) AS cells, bool_and(j.prior = s.prior) AS same
FROM (SELECT cell, pg_temp.join_priors(part ORDER BY random()) AS prior
      FROM (SELECT creator % 7 AS cell, pg_temp.part_prior(state ORDER BY random()) AS part FROM serial_state
            GROUP BY 1, floor(random() * 4)) AS p GROUP BY cell) AS j
JOIN serial_prior AS s USING (cell);

-- against SQL's own arithmetic
SELECT bool_and(abs(influence.engagement_mean(s.state) - x.mean) < 1e-12) AS means,
       bool_and(abs(coalesce(influence.engagement_variance(s.state), 0) - coalesce(x.variance, 0)) < 1e-9 * coalesce(x.variance, 1)) AS variances
FROM serial_state AS s
JOIN (SELECT creator, (sum(posts * interactions::numeric / base) / sum(posts))::float8 AS mean,
             ((sum(posts * (interactions::numeric / base) ^ 2) - sum(posts * interactions::numeric / base) ^ 2 / sum(posts)) / nullif(count(*) - 1, 0))::float8 AS variance
      FROM engagement_many WHERE base > 0 AND posts > 0 GROUP BY creator) AS x USING (creator);

-- states are checked before they are read
CREATE AGGREGATE pg_temp.forged(bigint, bigint, bigint) (
    SFUNC = influence_internal.engagement_rates_trans, STYPE = bytea, INITCOND = '\x0102030405');
SELECT pg_temp.forged(1, 1, 1);
SELECT influence.engagement_mean('\x');
SELECT influence.engagement_mean(substr(state, 1, octet_length(state) - 1)) FROM serial_state WHERE creator = 5;
SELECT influence.engagement_mean(overlay(state PLACING '\xffff' FROM octet_length(state) - 1)) FROM serial_state WHERE creator = 5;
SELECT influence.engagement_prior(substr(state, 2)) FROM serial_state WHERE creator = 5;
SELECT influence_internal.engagement_rates_trans(NULL, 1, 1, 1);
SELECT influence_internal.engagement_prior_combine(NULL, NULL);

-- score_creators: the same bits, in memory and by temporary files
CREATE FUNCTION pg_temp.scored(posts text) RETURNS TABLE (rows bigint, differences bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($q$
        WITH s AS MATERIALIZED (
            SELECT creator_id, coalesce(vertical, '') AS vertical, tier, influence.engagement_agg(interactions, base, posts) AS state
            FROM (%1$s) AS q GROUP BY 1, 2, 3),
        p AS (SELECT vertical, tier, influence.engagement_prior(state) AS prior FROM s GROUP BY 1, 2),
        wanted AS (
            SELECT s.creator_id, s.vertical, s.tier, influence.engagement_posts(s.state), influence.engagement_mean(s.state), influence.engagement_median(s.state),
                   influence.engagement_trimmed_mean(s.state, 0.2), influence.shrunk_rate(influence.engagement_posts(s.state), influence.engagement_mean(s.state), p.prior),
                   b.lower_bound, b.upper_bound
            FROM s JOIN p USING (vertical, tier),
                 influence.shrunk_rate_bounds(influence.engagement_posts(s.state), influence.engagement_mean(s.state), p.prior, 0.9) AS b
            WHERE s.state IS NOT NULL),
        got AS (SELECT * FROM influence.score_creators(%1$L, 0.9, 0.2))
        SELECT (SELECT count(*) FROM got), count(*) FROM ((TABLE got EXCEPT ALL TABLE wanted) UNION ALL (TABLE wanted EXCEPT ALL TABLE got)) AS d$q$, posts);
END $$;
SELECT * FROM pg_temp.scored('SELECT creator::bigint AS creator_id, interactions, base, posts, ''vertical '' || creator % 3 AS vertical,
    (ARRAY[''nano'', ''micro'', ''a tier with a long name''])[1 + creator % 2 + interactions % 2] AS tier FROM engagement_many');
SELECT * FROM pg_temp.scored('SELECT creator AS creator_id, interactions::int, base::int, 1::bigint AS posts, nullif(left(''fashion'', creator % 8), ''f'') AS vertical,
    ''''::text AS tier FROM engagement_many');
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SELECT * FROM pg_temp.scored('SELECT creator::bigint AS creator_id, interactions + k AS interactions, base, posts + k AS posts, (creator % 3)::text AS vertical,
    ''x''::varchar AS tier FROM engagement_many, generate_series(0, 5) AS k');
RESET work_mem;
RESET hash_mem_multiplier;
-- in order of creators, then by the bytes of vertical and tier
SELECT creator_id, vertical, tier, posts_counted, rate_mean, rate_shrunk FROM influence.score_creators($$
    SELECT * FROM (VALUES (7, 1, 4, 'b', 'Z'), (7, 1, 4, 'b', 'a'), (-7, 3, 4, 'a', NULL), (7, 1, 2, 'A', 'z'), (7, 3, 4, 'B', 'z'), (7, 3, 0, 'B', 'z'), (NULL, 1, 1, '', ''))
    AS v(creator_id, interactions, base, vertical, tier)$$);
SELECT * FROM influence.score_creators('SELECT 1 AS creator_id, 1 AS interactions, 1 AS base WHERE false');
SELECT influence.score_creators(NULL);
SELECT influence.score_creators('SELECT 1', 1);
SELECT influence.score_creators('SELECT 1', 0.9, -0.1);
SELECT influence.score_creators('SELECT 1 AS creator_id, 1 AS interactions');
SELECT influence.score_creators('SELECT 1 AS creator_id, 1 AS interactions, 1.5 AS base');
SELECT influence.score_creators('SELECT 1 AS creator_id, 1 AS interactions, 1 AS base, 1 AS base');
SELECT influence.score_creators('SELECT 1 AS creator_id, 1 AS interactions, 1 AS base, 1 AS tier');
SELECT influence.score_creators('CREATE TABLE pg_temp.t ()');
SELECT influence.score_creators('');
SELECT influence.score_creators('SELECT 1; SELECT 2');
\echo :LAST_ERROR_SQLSTATE
SELECT influence.score_creators('SELECT 1 AS creator_id, -1 AS interactions, 1 AS base');
SELECT influence.score_creators('SELECT 1 AS creator_id, 1 AS interactions, 1 AS base, -1 AS posts');
SELECT influence.score_creators('SELECT 1 AS creator_id, 1 AS interactions, 1 AS base, 9223372036854775807 AS posts FROM generate_series(1, 2)');
\echo :LAST_ERROR_SQLSTATE
DROP TABLE engagement_many;

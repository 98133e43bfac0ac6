-- Focus, growth and regularity.
-- Expected numbers: Python's math.
\set VERBOSITY default
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_influence;
RESET client_min_messages;
SET timezone = 'America/New_York';
\pset null '~'

-- exp(-entropy): 70, 20, 10 of a hundred are 0.448512578331946
SELECT influence.topic_focus(topic, posts) AS uneven, influence.topic_focus(topic, 5) AS equal, influence.topic_focus(1, posts) AS one,
       influence.topic_focus(topic, 0) AS no_posts, influence.topic_focus(NULL, posts) AS no_topic, influence.topic_focus(topic, posts) FILTER (WHERE false) AS no_row,
       influence.topic_focus(topic, 9223372036854775807) AS beyond_bigint
FROM (VALUES (1, 60), (2, 20), (1, 10), (3, 10), (NULL, 1000), (4, NULL)) AS v(topic, posts);
SELECT influence.topic_focus(1, -1);

-- 1000, 1000, 4000 after 10, 25, 40 days: four times as much in 30 days
SELECT influence.growth_rate(timestamptz '2026-03-01' + day * interval '24 hours', amount) AS growth,
       influence.growth_rate(timestamptz '2026-03-01' + day * interval '24 hours', 7) AS none,
       influence.growth_rate(timestamptz '2026-03-01', amount) AS one_time,
       influence.growth_rate(timestamptz '2026-03-01' + day * interval '24 hours', -amount) AS below_zero,
       influence.growth_rate(timestamptz '2026-03-01' + day * interval '1 microsecond', amount) AS in_no_time,
       influence.growth_rate(timestamptz '2026-03-01' - day * interval '1 microsecond', amount) AS down
FROM (VALUES (10, 1000), (25, 1000), (40, 4000), (50, 0), (60, NULL), (NULL, 5)) AS v(day, amount);
SELECT influence.growth_rate('infinity', 1);

-- gaps of 10 and 30 days: cv 1/2
SELECT influence.posting_regularity(timestamptz '2026-01-01' + day * interval '24 hours') AS uneven,
       influence.posting_regularity(timestamptz '2026-01-01' + day * interval '24 hours') FILTER (WHERE day < 40) AS two_posts,
       influence.posting_regularity(timestamptz '2026-01-01') AS one_time
FROM (VALUES (0), (40), (10), (NULL)) AS v(day);
SELECT influence.posting_regularity(at) AS even, influence.posting_regularity(at) FILTER (WHERE at < '2026-01-05') AS four
FROM generate_series(timestamptz '2026-01-01', '2026-02-01', '24 hours') AS at;
SELECT influence.posting_regularity('-infinity');
\echo :LAST_ERROR_SQLSTATE

-- serial = parallel = combined in random order, to the bit
CREATE TABLE pattern_many AS
SELECT i % 13 AS creator, (i * 7919 % 101) * (i % 7) AS topic, i * 104729 % 997 AS amount, timestamptz '2026-01-01' + (i * 15485863 % 1000003) * interval '77 seconds' AS at
FROM generate_series(1::bigint, 20000) AS i;
ANALYZE pattern_many;
CREATE TEMP TABLE serial_pattern AS
SELECT creator, influence.topic_focus(topic, amount) AS focus, influence.growth_rate(at, amount) AS growth, influence.posting_regularity(at) AS regularity
FROM pattern_many GROUP BY creator;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SELECT count(*) AS creators, bool_and((p.focus, p.growth, p.regularity) = (s.focus, s.growth, s.regularity)) AS same
FROM (SELECT creator, influence.topic_focus(topic, amount) AS focus, influence.growth_rate(at, amount) AS growth, influence.posting_regularity(at) AS regularity
      FROM pattern_many GROUP BY creator) AS p
JOIN serial_pattern AS s USING (creator);
EXPLAIN (COSTS OFF) SELECT influence.topic_focus(topic, amount), influence.growth_rate(at, amount), influence.posting_regularity(at) FROM pattern_many;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
CREATE AGGREGATE pg_temp.focus_part(bigint, bigint) (SFUNC = influence_internal.engagement_focus_trans, STYPE = bytea);
CREATE AGGREGATE pg_temp.focus_join(bytea) (SFUNC = influence_internal.engagement_focus_combine, STYPE = bytea, FINALFUNC = influence_internal.engagement_focus_final);
CREATE AGGREGATE pg_temp.growth_part(timestamptz, bigint) (SFUNC = influence_internal.engagement_growth_trans, STYPE = bytea);
CREATE AGGREGATE pg_temp.growth_join(bytea) (SFUNC = influence_internal.engagement_growth_combine, STYPE = bytea, FINALFUNC = influence_internal.engagement_growth_final);
CREATE AGGREGATE pg_temp.regularity_part(timestamptz) (SFUNC = influence_internal.engagement_regularity_trans, STYPE = bytea);
CREATE AGGREGATE pg_temp.regularity_join(bytea) (SFUNC = influence_internal.engagement_regularity_combine, STYPE = bytea, FINALFUNC = influence_internal.engagement_regularity_final);
SELECT count(*) AS creators, bool_and((p.focus, p.growth, p.regularity) = (s.focus, s.growth, s.regularity)) AS same
FROM (SELECT creator, pg_temp.focus_join(f ORDER BY random()) AS focus, pg_temp.growth_join(g ORDER BY random()) AS growth, pg_temp.regularity_join(r ORDER BY random()) AS regularity
      FROM (SELECT creator, pg_temp.focus_part(topic, amount ORDER BY random()) AS f, pg_temp.growth_part(at, amount ORDER BY random()) AS g,
                   pg_temp.regularity_part(at ORDER BY random()) AS r
            FROM pattern_many GROUP BY creator, floor(random() * 6)) AS x GROUP BY creator) AS p
JOIN serial_pattern AS s USING (creator);

-- against SQL's own arithmetic
SELECT bool_and(abs(s.focus - f.focus) < 1e-12) AS focus, bool_and(abs(s.growth - g.growth) < 1e-9) AS growth, bool_and(abs(s.regularity - r.regularity) < 1e-12) AS regularity
FROM serial_pattern AS s
JOIN (SELECT creator, exp(sum(p * ln(p))) AS focus
      FROM (SELECT creator, (sum(amount) / sum(sum(amount)) OVER (PARTITION BY creator))::float8 AS p FROM pattern_many GROUP BY creator, topic) AS t
      WHERE p > 0 GROUP BY creator) AS f USING (creator)
JOIN (SELECT creator, exp(regr_slope(ln(amount::float8), extract(epoch FROM at - '2026-01-01')::float8) * 86400 * 30) - 1 AS growth
      FROM pattern_many WHERE amount > 0 GROUP BY creator) AS g USING (creator)
JOIN (SELECT creator, 1 / (1 + stddev_pop(gap) / avg(gap)) AS regularity
      FROM (SELECT creator, extract(epoch FROM at - lag(at) OVER (PARTITION BY creator ORDER BY at))::float8 AS gap FROM pattern_many) AS x GROUP BY creator) AS r USING (creator);
DROP TABLE pattern_many;

-- states are checked before they are read
CREATE AGGREGATE pg_temp.forged_focus(bigint, bigint) (SFUNC = influence_internal.engagement_focus_trans, STYPE = bytea, INITCOND = '\x00');
SELECT pg_temp.forged_focus(1, 1);
-- a state of another aggregate is none of these
CREATE AGGREGATE pg_temp.other_state(bytea) (SFUNC = influence_internal.engagement_growth_combine, STYPE = bytea);
SELECT pg_temp.other_state(s) FROM (SELECT influence.engagement_agg(1, 2) AS s FROM generate_series(1, 2) AS i GROUP BY i) AS x;
SELECT influence_internal.engagement_focus_trans(NULL, 1, 1);
SELECT influence_internal.engagement_regularity_combine(NULL, NULL);

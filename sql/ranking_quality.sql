--
-- evaluate_ranking, logistic regression, fit_feed_profile. The figures are worked
-- out by hand; test/oracle/check_ranking.py has the large sets.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

CREATE TEMP TABLE choice (user_id bigint, item_id bigint, at int);
INSERT INTO choice VALUES (1, 1, 1), (1, 2, 2), (2, 1, 1), (2, 3, 2), (3, 2, 1), (3, 1, 2);
-- learned: item 1 twice, item 2 once; asked: item 2 is first of 2, 3; item 3 second of 2, 3; item 1 first of 1, 3
SELECT users, round(ndcg::numeric, 6) AS ndcg, recall, round(hit_rate::numeric, 6) AS hit_rate, round(coverage::numeric, 6) AS coverage, parameters
  FROM influence.evaluate_ranking('SELECT * FROM choice', ranker => 'popularity');
SELECT users, round(ndcg::numeric, 6) AS ndcg, recall, round(hit_rate::numeric, 6) AS hit_rate, round(coverage::numeric, 6) AS coverage
  FROM influence.evaluate_ranking('SELECT * FROM choice', ranker => 'popularity', k => 1);
-- what a user had before is not ranked again: a repeated row changes nothing, whatever the types
SELECT round(ndcg::numeric, 6) AS ndcg FROM influence.evaluate_ranking('SELECT user_id::text, item_id::int, ''2024-01-01''::date + at AS at FROM choice UNION ALL SELECT ''1'', 1, ''2024-02-01''', ranker => 'popularity');
SELECT round(ndcg::numeric, 6) AS ndcg FROM influence.evaluate_ranking('SELECT pg_temp.visitor(user_id::int) AS user_id, item_id, ''2024-01-01''::timestamptz + at * interval ''1 h'' AS at, 2.5 ::float8 AS weight FROM choice', ranker => 'popularity');
-- a chain: who chose n chooses n + 1 next; neighbours know the way, popularity does not
CREATE TEMP TABLE chain AS
SELECT u AS user_id, u * 7 % 40 + n AS item_id, n AS at FROM generate_series(1, 200) u, generate_series(1, 5) n;
SELECT users, ndcg > 0.85 AS finds, coverage > 0.85 AS covers, (parameters ->> 'validation_tests')::int AS tests FROM influence.evaluate_ranking('TABLE chain');
SELECT ndcg < 0.2 AS lost FROM influence.evaluate_ranking('TABLE chain', ranker => 'popularity');
-- a profile of the feed: neighbours only
SELECT status FROM influence.create_feed_profile('alike', '{"neighbor": 2}');
SELECT users, ndcg > 0.5 AS finds, parameters FROM influence.evaluate_ranking('TABLE chain', ranker => 'alike');
SELECT users, ndcg > 0 AS some FROM influence.evaluate_ranking('TABLE chain', ranker => 'standard', protocol => 'time', items => 'SELECT g AS item_id, 1 AS creator_id, ARRAY[g % 3] AS categories FROM generate_series(1, 9) g');
-- without times the last is drawn; nothing at all is no error
SELECT users, ndcg > 0 AS some FROM influence.evaluate_ranking('SELECT user_id, item_id FROM chain');
SELECT users, ndcg > 0 AS some FROM influence.evaluate_ranking('SELECT user_id, item_id, NULL::timestamptz AS at FROM chain');
SELECT * FROM influence.evaluate_ranking('SELECT 1 AS user_id, 1 AS item_id, 1 AS at WHERE false');
SELECT * FROM influence.evaluate_ranking('SELECT 1 AS user_id, 1 AS item_id, 1 AS at', protocol => 'leave_last_out');
SELECT users, ndcg IS NOT NULL AS measured FROM influence.evaluate_ranking($$SELECT u AS user_id, i AS item_id, CASE i WHEN 1 THEN '-infinity' WHEN 9 THEN 'infinity' ELSE now() END AS at, 1e300::float8 / 1e280 AS weight FROM generate_series(1, 9) u, generate_series(1, 9) i$$);

-- an infinite date is the latest that is known: a month decays, and item 2 of the last day is before item 1, which two chose on the first
SELECT users, ndcg FROM influence.evaluate_ranking($$SELECT * FROM (VALUES (1, 1, date '2024-01-01'), (2, 1, '2024-01-01'), (3, 2, '2024-02-01'), (4, 3, 'infinity'), (5, 4, '2024-01-01'), (5, 2, '2024-02-01')) v(user_id, item_id, at)$$, ranker => 'decayed');

SELECT * FROM pg_temp.not_refused('IN002', $$evaluate_ranking('SELECT user_id, item_id FROM chain', protocol => 'time')$$,
	$$evaluate_ranking('TABLE chain', protocol => 'never')$$, $$evaluate_ranking('TABLE chain', k => 0)$$,
	$$evaluate_ranking('TABLE chain', k => NULL)$$, $$evaluate_ranking(NULL)$$,
	$$evaluate_ranking('SELECT *, -1::float8 AS weight FROM chain')$$, $$evaluate_ranking('SELECT *, ''NaN''::float8 AS weight FROM chain')$$,
	$$evaluate_ranking('TABLE chain', 'SELECT 1 AS item_id UNION ALL SELECT 1')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$evaluate_ranking('TABLE chain', ranker => 'magic')$$);
SELECT * FROM pg_temp.not_refused('IN008', $$evaluate_ranking('SELECT 1')$$, $$evaluate_ranking('DELETE FROM chain')$$,
	$$evaluate_ranking('TABLE chain', 'SELECT 1 AS item_id, ''{a}''::text[] AS categories')$$);

-- 3 of 10 rows are positive: at 0 the loss is 10 ln 2, the gradient 3 - 5, the Hessian 10 / 4; the best intercept is ln(3 / 7)
SELECT influence.logistic_agg(n <= 3, '{1}', '{0}', 1)::numeric(9,6)[] AS sums, influence.logistic_step(influence.logistic_agg(n <= 3, '{1}', '{0}', 1), '{0}', 0)::numeric(9,6)[] AS step,
	   influence.logistic_step(influence.logistic_agg(n <= 3, '{1}', '{0}', 1), '{0}', 1.5)::numeric(9,6)[] AS step_l2 FROM generate_series(1, 10) n;
WITH RECURSIVE newton AS (
	SELECT 0 AS n, '{0}'::float8[] AS c
	UNION ALL
	SELECT n + 1, influence.logistic_step((SELECT influence.logistic_agg(g <= 3, '{1}', newton.c, 1) FROM generate_series(1, 10) g), c, 0) FROM newton WHERE n < 6)
SELECT round(c[1]::numeric, 9) AS intercept, round(ln(3 / 7.0), 9) AS expected FROM newton WHERE n = 6;
SELECT influence.logistic_agg(NULL, '{1}', '{0}', 1);
-- states are checked before they are written to
CREATE AGGREGATE pg_temp.forged_null(boolean, float8[], float8[], float8) (SFUNC = influence_internal.logistic_trans, STYPE = float8[], INITCOND = '{NULL,NULL,NULL,NULL,NULL}');
SELECT pg_temp.forged_null(true, '{1}', '{0}', 1);
CREATE AGGREGATE pg_temp.forged_table(boolean, float8[], float8[], float8) (SFUNC = influence_internal.logistic_trans, STYPE = float8[], INITCOND = '{{0},{0},{0},{0},{0}}');
SELECT pg_temp.forged_table(true, '{1}', '{0}', 1);
CREATE AGGREGATE pg_temp.forged_sum(float8[]) (SFUNC = influence_internal.logistic_combine, STYPE = float8[]);
SELECT pg_temp.forged_sum('{NULL,NULL,NULL,NULL,NULL}');
SELECT * FROM pg_temp.not_refused('IN002', $$logistic_step((SELECT influence.logistic_agg(true, '{1,2}', '{0}', 1)), '{0}')$$, $$logistic_step((SELECT influence.logistic_agg(true, '{NaN}', '{0}', 1)), '{0}')$$, $$logistic_step((SELECT influence.logistic_agg(true, '{}', '{}', 1)), '{0}')$$,
	$$logistic_step((SELECT influence.logistic_agg(true, '{1}', '{0}', -1)), '{0}')$$, $$logistic_step('{1}', '{0}')$$, $$logistic_step((SELECT influence.logistic_agg(true, '{0}', '{0}', 1)), '{0}', 0)$$);

-- Of those who follow the creator 3 in 10 click, of the others 1 in 10: weight ln(3/7) - ln(1/9) = 1.349927, losses of the test
-- (H(0.3) + H(0.1)) / 2 = 0.467974, at the mean rate H(0.2) = 0.500402
SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
SELECT * FROM pg_temp.not_refused('IN005', $$fit_feed_profile(1, 'ours', '2024-01-01', '2024-02-01')$$);
INSERT INTO influence.impression (visitor_id, shown_at, impression_id, program_id, post_id, creator_id, rank, score, features, profile, profile_version, sources, propensity, disclosure, clicked)
SELECT pg_temp.visitor(r), timestamptz '2024-01-01' + b * interval '1 hour', b * 100 + r, 1, 1, 1, 1, 1, ARRAY[1, r % 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 'standard', 1, '{popular}', 1, '', r / 2 < CASE r % 2 WHEN 1 THEN 3 ELSE 1 END
  FROM generate_series(0, 99) b, generate_series(0, 19) r;
SELECT status, version, rows_fitted, rows_tested, round(log_loss_rate::numeric, 6) AS rate, round(log_loss_before::numeric, 6) AS before, round(log_loss_after::numeric, 6) AS after,
	   round((weights ->> 'follow')::numeric, 5) AS follow, weights ->> 'bias' AS bias, weights ->> 'quality' AS quality
  FROM influence.fit_feed_profile(1, 'ours', '2024-01-01', '2024-02-01', l2 => 1e-6);
SELECT status, version FROM influence.fit_feed_profile(1, 'ours', '2024-01-01', '2024-02-01', l2 => 1e-6);
SELECT * FROM pg_temp.not_refused('IN002', $$fit_feed_profile(1, 'ours', '2024-01-01', '2024-02-01', l2 => 0)$$, $$fit_feed_profile(1, 'ours', '2024-01-01', '2024-02-01', l2 => 'NaN')$$,
	$$fit_feed_profile(1, NULL, '2024-01-01', '2024-02-01')$$, $$fit_feed_profile(1, 'ours', '-infinity', '2024-02-01')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$fit_feed_profile(9, 'ours', '2024-01-01', '2024-02-01')$$);

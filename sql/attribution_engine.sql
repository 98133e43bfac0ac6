--
-- Attribution's engine: many rows against plain SQL, and the same result
-- whatever the memory, the order of rows, the plan, the types of columns; what
-- spills, what is larger than memory, what goes wrong in the middle.
--
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
CREATE SCHEMA engine_test;
SET search_path = engine_test, public;

CREATE TABLE touch (visitor bigint, touched_at timestamptz, touch_id bigint, creator_id bigint,
	kind text, product_id bigint);
CREATE TABLE sale (visitor bigint, converted_at timestamptz, conversion_id bigint, amount bigint,
	product_id bigint, excluded_creator_ids bigint[]);

-- 60,000 rows of 3,000 visitors with many ties, against plain SQL
INSERT INTO touch
SELECT (h >> 8) % 3000, '2024-01-01Z'::timestamptz + ((h >> 20) % 4000) * interval '1 hour', i, nullif((h >> 4) % 41, 0),
	(ARRAY['view', 'click', 'click', 'cart', 'coupon'])[1 + h % 5], nullif((h >> 12) % 4, 0)
FROM (SELECT i, ('x' || substr(md5(i::text), 1, 15))::bit(60)::bigint AS h FROM generate_series(1, 48000) AS i) AS hashes;
INSERT INTO sale
SELECT (h >> 8) % 3000, '2024-01-01Z'::timestamptz + ((h >> 20) % 4000) * interval '1 hour', i, h % 20011 - 4000, nullif((h >> 12) % 4, 0),
	CASE WHEN h % 3 = 0 THEN ARRAY[h % 40, (h >> 9) % 40] END
FROM (SELECT i, ('x' || substr(md5('sale' || i), 1, 15))::bit(60)::bigint AS h FROM generate_series(1, 12000) AS i) AS hashes;
CREATE INDEX ON touch (visitor, touched_at);
ANALYZE touch, sale;

-- the path of each sale: rules of windows, views and carts in SQL
CREATE TABLE path AS
SELECT s.conversion_id, s.amount, s.excluded_creator_ids, e.*
FROM sale AS s CROSS JOIN LATERAL (
	SELECT t.touch_id, t.creator_id,
		row_number() OVER (ORDER BY t.touched_at, array_position(ARRAY['view', 'click', 'cart', 'coupon'], t.kind), t.touch_id) AS touch_position,
		count(*) OVER () AS path_length
	FROM (
		SELECT t.*, bool_or(t.kind <> 'view') OVER () AS stronger
		FROM touch AS t
		WHERE t.visitor = s.visitor AND t.touched_at <= s.converted_at
			AND t.touched_at > s.converted_at - CASE t.kind WHEN 'view' THEN interval '240 hours' WHEN 'cart' THEN interval '2160 hours' ELSE interval '720 hours' END
			AND (t.kind <> 'cart' OR t.product_id = s.product_id)) AS t
	WHERE t.kind <> 'view' OR NOT stronger) AS e;

-- integer weights, exclusion, and the largest remainder, exact in numeric
CREATE FUNCTION plain_credits(model text) RETURNS TABLE (conversion_id bigint, touch_id bigint, creator_id bigint,
	touch_position int, path_length int, weight float8, credit bigint, reason text) LANGUAGE sql AS $$
	WITH weighted AS (
		SELECT p.*, CASE model
			WHEN 'first_touch' THEN (touch_position = 1)::int::numeric
			WHEN 'last_touch' THEN (touch_position = path_length)::int
			WHEN 'linear' THEN 1
			ELSE CASE
				WHEN path_length = 1 THEN 1
				WHEN touch_position = 1 THEN 3 * greatest(path_length - 2, 1)
				WHEN touch_position = path_length THEN 4 * greatest(path_length - 2, 1)
				ELSE 2 END
			END AS w
		FROM path AS p),
	summed AS (
		SELECT *, sum(w) OVER (PARTITION BY conversion_id) AS w_sum,
			bool_or(w > 0 AND creator_id = ANY (excluded_creator_ids)) OVER (PARTITION BY conversion_id) IS TRUE AS excluded
		FROM weighted),
	split AS (
		SELECT *, div(abs(amount) * w, w_sum) AS floor,
			row_number() OVER (PARTITION BY conversion_id ORDER BY mod(abs(amount) * w, w_sum) DESC, touch_position) AS turn
		FROM summed WHERE w > 0 AND NOT excluded),
	credited AS (
		SELECT *, sign(amount) * (floor + (turn <= abs(amount) - sum(floor) OVER (PARTITION BY conversion_id))::int) AS credit
		FROM split)
	SELECT conversion_id, touch_id, creator_id, touch_position::int, path_length::int, (w / w_sum)::float8, credit::bigint, 'credited' FROM credited
	UNION ALL
	SELECT DISTINCT conversion_id, NULL::bigint, NULL::bigint, NULL::int, path_length::int, 1::float8, amount, 'excluded' FROM summed WHERE excluded
	UNION ALL
	SELECT s.conversion_id, NULL, NULL, NULL, 0, 1, s.amount,
		CASE WHEN EXISTS (SELECT FROM touch AS t WHERE t.visitor = s.visitor AND t.touched_at <= s.converted_at) THEN 'outside_window' ELSE 'no_touch' END
	FROM sale AS s WHERE NOT EXISTS (SELECT FROM path AS p WHERE p.conversion_id = s.conversion_id)
$$;

CREATE TABLE engine AS
SELECT model, c.*
FROM unnest(ARRAY['first_touch', 'last_touch', 'linear', 'position_based']) AS model,
	influence.attribute('TABLE touch', 'TABLE sale', model, view_lookback => '10 days', position_weights => '{0.3,0.2,0.4}') AS c;
CREATE TABLE plain AS
SELECT model, c.* FROM unnest(ARRAY['first_touch', 'last_touch', 'linear', 'position_based']) AS model, plain_credits(model) AS c;

-- row for row; the weights of numeric may differ in the last bit
SELECT coalesce(e.model, p.model) AS model, count(*) >= 12000 AS enough,
	count(*) FILTER (WHERE e.conversion_id IS NULL OR p.conversion_id IS NULL) AS one_sided,
	count(*) FILTER (WHERE (e.creator_id, e.touch_position, e.path_length, e.credit) IS DISTINCT FROM (p.creator_id, p.touch_position, p.path_length, p.credit)
		OR abs(e.weight - p.weight) > 1e-15) AS different
FROM engine AS e FULL JOIN plain AS p
	ON (e.model, e.conversion_id, coalesce(e.touch_id, 0), e.reason) = (p.model, p.conversion_id, coalesce(p.touch_id, 0), p.reason)
GROUP BY 1 ORDER BY 1;
SELECT reason, count(DISTINCT conversion_id) > 100 AS enough FROM engine WHERE model = 'linear' GROUP BY reason ORDER BY reason;

-- credits sum to the amount of every sale, by every model
SELECT count(*) AS wrong
FROM (SELECT model, conversion_id, sum(credit) AS credits FROM engine GROUP BY 1, 2) AS c
	JOIN sale AS s USING (conversion_id)
WHERE c.credits <> s.amount;

-- totals are the sums of the credits; the conversions of all creators are all sales
SELECT model, sum(t.conversions) AS conversions, sum(t.credit) = (SELECT sum(amount) FROM sale) AS all_money,
	count(*) FILTER (WHERE t.credit <> e.credit OR abs(t.conversions - e.weight::numeric) > 0.00001 OR e.credit IS NULL) AS wrong, count(*) AS creators
FROM unnest(ARRAY['first_touch', 'last_touch', 'linear', 'position_based']) AS model
	CROSS JOIN LATERAL influence.attribute_totals('TABLE touch', 'TABLE sale', model, view_lookback => '10 days', position_weights => '{0.3,0.2,0.4}') AS t
	LEFT JOIN (SELECT model, coalesce(creator_id, 0) AS creator, sum(credit) AS credit, sum(weight) AS weight FROM engine GROUP BY 1, 2) AS e
		USING (model)
WHERE e.creator = coalesce(t.creator_id, 0)
GROUP BY model ORDER BY model;
SELECT touches, conversions, credits = (SELECT count(*) FROM engine WHERE model = 'position_based') AS credits_counted
FROM influence.last_attribution_stats();

-- The same credits whatever the order of the rows, the memory, the type of visitor, and with
-- parallel plans. Credits compare as sets: EXCEPT both ways.
CREATE FUNCTION differences(touches text, sales text) RETURNS bigint LANGUAGE sql AS $$
	WITH again AS MATERIALIZED (
		SELECT * FROM influence.attribute(touches, sales, 'position_based', view_lookback => '10 days', position_weights => '{0.3,0.2,0.4}')),
	before AS (
		SELECT conversion_id, touch_id, creator_id, touch_position, path_length, weight, credit, reason FROM engine WHERE model = 'position_based')
	SELECT (SELECT count(*) FROM (TABLE again EXCEPT ALL TABLE before) AS d) + (SELECT count(*) FROM (TABLE before EXCEPT ALL TABLE again) AS d)
$$;
SELECT differences('SELECT * FROM touch ORDER BY touch_id DESC', 'SELECT * FROM sale ORDER BY md5(conversion_id::text)') AS reordered;
SELECT differences('SELECT *, md5(visitor::text)::uuid AS key FROM touch', 'TABLE sale') AS more_columns;
SELECT differences('SELECT md5(visitor::text)::uuid AS visitor, touched_at, touch_id, creator_id, kind, product_id FROM touch',
	'SELECT md5(visitor::text)::uuid AS visitor, converted_at, conversion_id, amount, product_id, excluded_creator_ids FROM sale') AS by_uuid;
SELECT differences('SELECT repeat(''visitor'', 500) || visitor AS visitor, touched_at, touch_id, creator_id, kind::varchar(9), product_id FROM touch',
	'SELECT (repeat(''visitor'', 500) || visitor)::varchar AS visitor, converted_at, conversion_id, amount, product_id, excluded_creator_ids FROM sale') AS by_text;
SELECT differences('SELECT visitor::int, touched_at, touch_id::int, creator_id::int, kind, product_id::int FROM touch',
	'SELECT visitor, converted_at, conversion_id::int, amount::int, product_id::int, excluded_creator_ids::int[] FROM sale') AS by_int;
SET work_mem = '64kB';
SELECT differences('TABLE touch', 'TABLE sale') AS in_little_memory;
SELECT spilled_bytes > 0 AS spilled, oversized_partitions FROM influence.last_attribution_stats();
RESET work_mem;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT differences('TABLE touch', 'TABLE sale') AS by_parallel_plans;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- credit_order() agrees with attribute(), whose sales are its lines
SELECT count(*) AS lines, count(*) FILTER (WHERE o IS DISTINCT FROM e) AS different
FROM (SELECT s.visitor, s.converted_at, s.excluded_creator_ids,
		array_agg(conversion_id) AS line_ids, array_agg(amount) AS amounts, array_agg(product_id) AS products,
		array_agg(NULL::bigint) AS nulls, array_agg(NULL::timestamptz) AS no_starts
	FROM sale AS s GROUP BY 1, 2, 3) AS s
	CROSS JOIN LATERAL (SELECT array_agg(touched_at) AS ats, array_agg(kind) AS kinds, array_agg(touch_id) AS ids,
		array_agg(creator_id) AS creators, array_agg(product_id) AS products,
		array_agg(NULL::bigint) AS nulls, array_agg(NULL::text) AS channels, array_agg(false) AS late FROM touch AS t WHERE t.visitor = s.visitor) AS t
	CROSS JOIN LATERAL influence_internal.credit_order(coalesce(ats, '{}'), coalesce(kinds, '{}'), coalesce(ids, '{}'), coalesce(creators, '{}'),
		coalesce(t.products, '{}'), coalesce(t.nulls, '{}'), coalesce(channels, '{}'), coalesce(late, '{}'), converted_at, line_ids, amounts, s.products, s.nulls,
		coalesce(excluded_creator_ids, '{}'), NULL, no_starts,
		'linear', '30 days', '10 days', '90 days', '7 days', '{0.4,0.2,0.4}', 'reuse', '24 hours', 'any', 'UTC') AS o
	FULL JOIN (SELECT conversion_id, touch_id, creator_id, touch_position, path_length, weight, credit, reason FROM engine WHERE model = 'linear') AS e
		ON o.conversion_id = e.conversion_id AND coalesce(o.touch_id, 0) = coalesce(e.touch_id, 0);

-- A touches query may call attribute() itself: the statistics are those of the outer one.
SELECT differences($$ SELECT * FROM touch WHERE touch_id = 0 OR EXISTS (SELECT FROM influence.attribute('SELECT * FROM touch LIMIT 1', 'SELECT * FROM sale LIMIT 1')) $$,
	'TABLE sale') AS nested;
SELECT touches, conversions FROM influence.last_attribution_stats();

-- By a cursor, a prepared statement, a loop, in a transaction that may not write and spills all the same.
BEGIN READ ONLY;
SET LOCAL work_mem = '64kB';
DECLARE credits CURSOR FOR SELECT conversion_id, touch_position FROM influence.attribute('TABLE touch', 'TABLE sale', 'linear', view_lookback => '10 days') WHERE conversion_id <= 20 ORDER BY conversion_id, touch_position;
FETCH 1 FROM credits;
MOVE FORWARD ALL FROM credits;
SELECT spilled_bytes > 0 AS spilled FROM influence.last_attribution_stats();
COMMIT;
PREPARE totals (text) AS SELECT count(*), sum(conversions), sum(credit) = (SELECT sum(amount) FROM sale) AS all_money FROM influence.attribute_totals('TABLE touch', 'TABLE sale', $1);
DO $$
DECLARE
	answer text;
	answers text[];
BEGIN
	FOR i IN 1..7 LOOP
		EXECUTE 'EXECUTE totals (''linear'')' INTO answer;
		answers := answers || answer;
	END LOOP;
	RAISE NOTICE 'the same seven times: %', (SELECT count(DISTINCT a) = 1 FROM unnest(answers) AS a);
END $$;
EXECUTE totals ('shapley');
DEALLOCATE totals;

-- TOTALS are the sums of the credits, by every model, reuse and match. The credits must be equal, the conversions of all creators must
-- add up to the number of lines exactly, those of one creator to the sum of weights but for a billionth a row. Once with
-- everything there is, once with clicks alone, where totals are added up in another way.
CREATE TABLE rich AS
SELECT t.visitor, t.touched_at, t.touch_id, t.creator_id, t.kind, t.product_id, nullif(t.touch_id % 3, 0) AS category_id,
	CASE WHEN t.touch_id % 5 < 2 THEN 'direct' END AS channel, (t.touch_id % 4) * 0.25 AS weight
FROM touch AS t WHERE visitor < 150;
CREATE TABLE rich_sale AS
SELECT s.*, nullif(s.conversion_id % 3, 0) AS category_id, nullif(s.conversion_id % 7, 0) + s.visitor AS order_id FROM sale AS s WHERE visitor < 150;
CREATE FUNCTION wrong_totals(touches text, sales text) RETURNS TABLE (wrong text) LANGUAGE sql AS $$
	SELECT concat_ws(' ', model, reuse, match)
	FROM unnest('{first_touch,last_touch,last_non_direct,linear,position_based,j_shaped,inverse_j,time_decay,participation,shapley,custom}'::text[]) AS model,
		unnest('{reuse,consume,session}'::text[]) AS reuse,
		unnest('{any,product,category}'::text[]) AS match
	WHERE EXISTS (
		SELECT FROM (
			SELECT coalesce(t.creator_id, -1) AS creator, t.conversions, t.credit, sum(t.conversions) OVER () AS all_conversions
			FROM influence.attribute_totals(touches, sales, model, view_lookback => '10 days', reuse => reuse, session_lifetime => '5 days', match => match,
				position_weights => '{0.3,0.1,0.6}') AS t) AS t
			FULL JOIN (
			SELECT coalesce(a.creator_id, -1) AS creator, sum(a.credit) AS credit, sum(a.weight::numeric) AS weight, count(*) AS rows,
				sum(sum(a.weight) FILTER (WHERE model = 'participation')) OVER () AS weights
			FROM influence.attribute(touches, sales, model, view_lookback => '10 days', reuse => reuse, session_lifetime => '5 days', match => match,
				position_weights => '{0.3,0.1,0.6}') AS a GROUP BY 1) AS a USING (creator)
		WHERE t.credit IS DISTINCT FROM a.credit OR abs(t.conversions - a.weight) > 0.000000001 * a.rows
			OR t.all_conversions <> coalesce(round(a.weights::numeric), (SELECT count(*) FROM rich_sale)))
$$;
SELECT count(*) AS touches, (SELECT count(*) FROM rich_sale) AS sales FROM rich;
SELECT wrong_totals('TABLE rich', 'TABLE rich_sale');
SELECT wrong_totals('SELECT visitor, touched_at, touch_id, creator_id, product_id, category_id, channel, weight FROM rich',
	'SELECT visitor, converted_at, conversion_id, amount, product_id, category_id FROM rich_sale');

-- SPILLS, of conversions and of touches: 2000 visitors whose conversions come first and end up in the middle of their file, then 98,000
-- of one visitor, then as many touches, two days apart for each visitor. Each conversion has the first touch of its visitor.
CREATE FUNCTION spilled() RETURNS boolean LANGUAGE sql AS 'SELECT spilled_bytes > 0 FROM influence.last_attribution_stats()';
SET work_mem = '64kB';
SELECT count(*), count(DISTINCT conversion_id) AS conversions, count(*) FILTER (WHERE c.touch_id IS DISTINCT FROM CASE WHEN conversion_id < 2000 THEN conversion_id ELSE 2000 END) AS wrong
FROM influence.attribute(
	$$ SELECT n % 2000 AS visitor, '2024-01-01Z'::timestamptz + n * interval '1 minute' AS touched_at, n AS touch_id, 1 AS creator_id FROM generate_series(1, 100000) AS n $$,
	$$ SELECT CASE WHEN n < 2000 THEN n ELSE 0 END AS visitor, '2024-06-01Z'::timestamptz AS converted_at, n AS conversion_id, 1 AS amount FROM generate_series(1, 100000) AS n $$,
	'first_touch', lookback => '1 year') AS c;
SELECT spilled();
-- the temporary file is there while touches are read, and only then
SELECT touch_id AS files FROM influence.attribute(
	$$ SELECT 1 AS visitor, '2024-01-01Z'::timestamptz AS touched_at, (SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%') AS touch_id, 1 AS creator_id $$,
	$$ SELECT n AS visitor, '2024-01-02Z'::timestamptz AS converted_at, n AS conversion_id FROM generate_series(1, 100000) AS n $$)
WHERE conversion_id = 1;
SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%';

-- Excluded creators, 0 to 100 of them, travel with their conversion: visitor n was brought by creator n, whom every third conversion with any excludes, last of all.
CREATE TABLE guarded AS
SELECT n AS visitor, '2024-01-02Z'::timestamptz AS converted_at, n AS conversion_id, 100 AS amount,
	ARRAY(SELECT CASE WHEN i = n % 101 AND n % 3 = 0 THEN n ELSE 1000000 + i END FROM generate_series(1, n % 101) AS i) AS excluded_creator_ids
FROM generate_series(1, 20000) AS n;
SELECT reason, count(*), count(*) FILTER (WHERE (reason = 'excluded') <> (conversion_id % 3 = 0 AND conversion_id % 101 > 0)) AS wrong
FROM influence.attribute($$ SELECT n AS visitor, '2024-01-01Z'::timestamptz AS touched_at, n AS touch_id, n AS creator_id FROM generate_series(1, 20000) AS n $$, 'TABLE guarded')
GROUP BY reason ORDER BY reason;
SELECT spilled();
-- as int[], and with NULLs between them
SELECT reason, count(*), count(*) FILTER (WHERE (reason = 'excluded') <> (conversion_id % 3 = 0 AND conversion_id % 101 > 0)) AS wrong
FROM influence.attribute($$ SELECT n AS visitor, '2024-01-01Z'::timestamptz AS touched_at, n AS touch_id, n AS creator_id FROM generate_series(1, 20000) AS n $$,
	'SELECT visitor, converted_at, conversion_id, NULL::int || excluded_creator_ids::int[] || NULL::int AS excluded_creator_ids FROM guarded')
GROUP BY reason ORDER BY reason;

-- OVERSIZE. Visitor 1, a guest account, has 350,000 touches, ten seconds apart, and 2,000 others have one each, an hour before their conversion.
-- 104 bytes for each touch are more than the 32 MB that a partition may have. Of visitor 1 conversion n is at touch 1500 n, and looks
-- back an hour: at 360 touches. Plain SQL: generate_series.
SET hash_mem_multiplier = 1;
CREATE TABLE guest AS SELECT n AS touch_id, '2024-01-01Z'::timestamptz + n * interval '10 seconds' AS touched_at, (n * 7) % 11 AS creator_id FROM generate_series(1, 350000) AS n;
CREATE VIEW crowd AS
SELECT 1 AS visitor, touched_at, touch_id, creator_id FROM guest UNION ALL
SELECT v, '2024-01-10 11:00Z', -v, v FROM generate_series(1001, 3000) AS v;
CREATE TABLE crowd_sale AS
SELECT 1 AS visitor, '2024-01-01Z'::timestamptz + n * interval '15000 seconds' AS converted_at, n AS conversion_id, 1000 + n AS amount FROM generate_series(1, 233) AS n UNION ALL
SELECT v, '2024-01-10 12:00Z', v, 100 FROM generate_series(1001, 3000) AS v;
SELECT count(*), count(w.n) AS wanted, count(*) FILTER (WHERE (c.touch_position, c.path_length, c.creator_id) IS DISTINCT FROM (w.n - (w.conversion_id * 1500 - 360), 360, (w.n * 7) % 11)) AS wrong
FROM (SELECT * FROM influence.attribute('TABLE crowd', 'TABLE crowd_sale', 'linear', lookback => '1 hour') WHERE conversion_id <= 233) AS c
	FULL JOIN (SELECT conversion_id, n FROM generate_series(1, 233) AS conversion_id, generate_series(conversion_id * 1500 - 359, conversion_id * 1500) AS n) AS w
		ON c.conversion_id = w.conversion_id AND c.touch_id = w.n;
SELECT touches, conversions, credits, oversized_partitions, spilled_bytes > 5000000 AS spilled FROM influence.last_attribution_stats();
-- More than half of the touches in one window (21 days: 181,440), rows in any order.
SELECT count(*) AS conversions, count(*) FILTER (WHERE (c.touch_id, c.path_length) IS DISTINCT FROM (greatest(1, conversion_id * 1500 - 181439), least(conversion_id * 1500, 181440))) AS wrong
FROM influence.attribute('SELECT * FROM crowd ORDER BY creator_id, hashint4(touch_id::int)', 'SELECT * FROM crowd_sale WHERE conversion_id % 5 = 0', 'first_touch', lookback => '21 days') AS c
WHERE conversion_id <= 233;
-- Totals, oversize, against totals in memory: linear, and with consume and carts (sessions) where conversions go one by one.
CREATE FUNCTION crowd_totals(model text, reuse text) RETURNS TABLE (c text) LANGUAGE sql AS $$
	SELECT t::text FROM influence.attribute_totals('SELECT *, CASE touch_id % 5 WHEN 0 THEN ''cart'' WHEN 1 THEN ''view'' END AS kind, touch_id % 3 AS product_id FROM crowd',
		'SELECT *, conversion_id % 3 AS product_id FROM crowd_sale', model, lookback => '6 hours', view_lookback => '1 day', cart_lookback => '12 hours', reuse => reuse) AS t
$$;
CREATE TABLE crowd_total (in_memory boolean, model text, reuse text, c text);
INSERT INTO crowd_total SELECT false, model, reuse, crowd_totals(model, reuse) FROM (VALUES ('linear', 'consume'), ('time_decay', 'session'), ('shapley', 'reuse')) AS x(model, reuse);
SELECT oversized_partitions > 0 AS oversized FROM influence.last_attribution_stats();
RESET work_mem;
RESET hash_mem_multiplier;
SET work_mem = '128MB';
INSERT INTO crowd_total SELECT true, model, reuse, crowd_totals(model, reuse) FROM (VALUES ('linear', 'consume'), ('time_decay', 'session'), ('shapley', 'reuse')) AS x(model, reuse);
SELECT oversized_partitions, spilled_bytes FROM influence.last_attribution_stats();
RESET work_mem;
SELECT count(*) AS different FROM (SELECT model, reuse, c FROM crowd_total GROUP BY 1, 2, 3 HAVING count(*) <> 2) AS d;
SELECT count(*) > 1000 AS enough FROM crowd_total;

-- MANY ROWS of one visitor in memory: more than a million, whose numbers take bits that keys of the sort have for the time otherwise. Touches a
-- microsecond apart, rows in any order; conversion n is at touch 110,000 n and looks back 50 microseconds.
SET work_mem = '256MB';
SELECT count(*), count(*) FILTER (WHERE (c.touch_id, c.path_length, c.creator_id) IS DISTINCT FROM (conversion_id * 110000, 50, conversion_id % 7)) AS wrong
FROM influence.attribute($$ SELECT 1 AS visitor, '2024-01-01Z'::timestamptz + touch_id * interval '1 microsecond' AS touched_at, touch_id, touch_id / 110000 % 7 AS creator_id
	FROM (SELECT n * 700001 % 1100000 + 1 AS touch_id FROM generate_series(0::bigint, 1099999) AS n) AS t $$,
	$$ SELECT 1 AS visitor, '2024-01-01Z'::timestamptz + n * 110000 * interval '1 microsecond' AS converted_at, n AS conversion_id FROM generate_series(1, 10) AS n $$,
	'last_touch', lookback => '50 microseconds') AS c;
SELECT oversized_partitions FROM influence.last_attribution_stats();
RESET work_mem;

-- TIMES from one end to the other, with a hundred microseconds between them: keys of the sort can't tell those apart. 100,000 more visitors, so that
-- some share the rest of the key. Every third has no touch, the others theirs.
SELECT c.reason, count(*), count(*) FILTER (WHERE (c.touch_id, c.path_length) IS DISTINCT FROM CASE WHEN conversion_id % 3 = 0 THEN (NULL::bigint, 0) ELSE (conversion_id, 1) END) AS wrong
FROM influence.attribute(
	$$ SELECT n AS visitor, '2024-01-01Z'::timestamptz + (n % 7) * interval '1 microsecond' AS touched_at, n AS touch_id, n AS creator_id FROM generate_series(1, 100000) AS n WHERE n % 3 > 0
	UNION ALL SELECT 0, t, 0, 0 FROM unnest('{4714-11-24 00:00:00+00 BC,294276-12-31 23:59:59.999999+00}'::timestamptz[]) AS t $$,
	$$ SELECT n AS visitor, '2024-01-01Z'::timestamptz + interval '6 microseconds' AS converted_at, n AS conversion_id FROM generate_series(1, 100000) AS n
	UNION ALL SELECT 0, '294276-12-31 23:59:59.999999+00', 0 $$) AS c
WHERE conversion_id > 0 GROUP BY c.reason ORDER BY c.reason;
SELECT touch_id, touch_position, path_length, reason
FROM influence.attribute(
	$$ SELECT 'v' AS visitor, t AS touched_at, no AS touch_id, no AS creator_id FROM (
		SELECT '4714-11-24 00:00:00+00 BC'::timestamptz AS t, 1 AS no UNION ALL SELECT '294276-12-31 23:59:59.999999+00', 102 UNION ALL
		SELECT '2024-01-01Z'::timestamptz + ((n * 37) % 100) * interval '1 microsecond', 2 + (n * 37) % 100 FROM generate_series(0, 99) AS n) AS x $$,
	$$ SELECT 'v' AS visitor, '294276-12-31 23:59:59.999999+00'::timestamptz AS converted_at, 1 AS conversion_id, 0 AS amount $$,
	'linear', lookback => '178000000 years', time_zone => 'Asia/Tokyo')
WHERE touch_id <> touch_position OR touch_id IN (1, 2, 102) ORDER BY touch_position;
-- the window of a conversion at the beginning of time has no start; that of a month after it neither
SELECT zone, converted_at, touch_id FROM unnest('{UTC,America/New_York,Asia/Tokyo}'::text[]) WITH ORDINALITY AS z(zone, no), unnest('{4714-11-24 00:00:00+00 BC,4714-12-01 00:00:00+00 BC}'::timestamptz[]) AS converted_at,
	influence.attribute('SELECT 1 AS visitor, ''4714-11-24 00:00:00+00 BC''::timestamptz AS touched_at, 5 AS touch_id, 1 AS creator_id',
		format('SELECT 1 AS visitor, %L::timestamptz AS converted_at, 1 AS conversion_id', converted_at), lookback => '1 month', time_zone => zone)
ORDER BY no, converted_at;

-- One instant for 20,011 touches of a visitor, in no order: kind, then id. The ids are m - 10000, the kinds m % 4, for each m from 0 to 20010. The
-- 5003 views take no part, so the first is the click of m = 1, the last the coupon of m = 20007.
SELECT model, touch_id, touch_position, path_length
FROM unnest('{first_touch,last_touch}'::text[]) AS model,
	influence.attribute($$ SELECT 1 AS visitor, '2024-01-01Z'::timestamptz AS touched_at, (n * 7919) % 20011 - 10000 AS touch_id, n % 4 AS creator_id,
			(ARRAY['view', 'click', 'cart', 'coupon'])[1 + ((n * 7919) % 20011) % 4] AS kind, 1 AS product_id FROM generate_series(0, 20010) AS n $$,
		$$ SELECT 1 AS visitor, '2024-01-01Z'::timestamptz AS converted_at, 1 AS conversion_id, 1 AS product_id $$, model, view_lookback => '1 day')
ORDER BY model;

-- Numbers at the ends of their range, of either sign, in every place: each visitor v has the touch v of creator v and the conversion v.
CREATE TABLE extreme AS SELECT unnest('{-9223372036854775808,-9223372036854775807,-4294967296,-2147483648,-1,0,1,2147483647,4294967295,9223372036854775806,9223372036854775807}'::bigint[]) AS v;
SELECT count(*), count(*) FILTER (WHERE (touch_id, creator_id, reason) IS DISTINCT FROM (conversion_id, conversion_id, 'excluded'::text) AND (touch_id, creator_id, credit) IS DISTINCT FROM (conversion_id, conversion_id, conversion_id)) AS wrong,
	count(*) FILTER (WHERE reason = 'excluded') AS excluded
FROM influence.attribute($$ SELECT v AS visitor, '2024-01-01Z'::timestamptz AS touched_at, v AS touch_id, v AS creator_id, v AS product_id, 'cart' AS kind FROM extreme $$,
	$$ SELECT v AS visitor, '2024-01-02Z'::timestamptz AS converted_at, v AS conversion_id, v AS amount, v AS product_id, v AS order_id FROM extreme $$, 'linear', reuse => 'consume');
-- each has its own; creator 0 excludes itself, which leaves one conversion of 0 without a creator
SELECT count(*), count(*) FILTER (WHERE (creator_id, conversions, credit) IS DISTINCT FROM (coalesce(nullif(credit, 0), creator_id), 1::numeric, credit)) AS wrong, count(*) FILTER (WHERE creator_id IS NULL) AS nobody
FROM influence.attribute_totals($$ SELECT v AS visitor, '2024-01-01Z'::timestamptz AS touched_at, v AS touch_id, v AS creator_id FROM extreme $$,
	$$ SELECT v AS visitor, '2024-01-02Z'::timestamptz AS converted_at, v AS conversion_id, v AS amount, ARRAY[v - sign(v)::int] AS excluded_creator_ids FROM extreme $$);
SELECT touch_id, touch_position FROM influence.attribute($$ SELECT 1 AS visitor, '2024-01-01Z'::timestamptz AS touched_at, v AS touch_id, v AS creator_id FROM extreme ORDER BY abs(v / 2) $$,
	$$ SELECT 1 AS visitor, '2024-01-02Z'::timestamptz AS converted_at, 1 AS conversion_id $$, 'linear') ORDER BY touch_position;

-- Visitors of one text but for the last byte, of none, of many bytes; another case is another visitor.
SELECT c.conversion_id, c.touch_id
FROM influence.attribute($$ SELECT v AS visitor, '2024-01-01Z'::timestamptz AS touched_at, no AS touch_id, 1 AS creator_id FROM unnest(ARRAY['', 'a', 'b', 'A', 'a ', repeat('x', 300000) || 'a', repeat('x', 300000) || 'b', 'é', 'e']) WITH ORDINALITY AS t(v, no) $$,
	$$ SELECT v AS visitor, '2024-01-02Z'::timestamptz AS converted_at, no AS conversion_id FROM unnest(ARRAY['', 'a', 'b', 'A', 'a ', repeat('x', 300000) || 'a', repeat('x', 300000) || 'b', 'é', 'e']) WITH ORDINALITY AS t(v, no) $$) AS c
WHERE conversion_id IS DISTINCT FROM touch_id;
-- NULL wherever one can be
SELECT * FROM influence.attribute('SELECT 1 AS visitor, ''2024-01-01Z''::timestamptz AS touched_at, 1 AS touch_id, NULL::bigint AS creator_id, NULL::text AS kind, NULL::bigint AS product_id, NULL::bigint AS category_id, NULL::text AS channel, NULL::numeric AS weight',
	'SELECT 1 AS visitor, ''2024-01-01Z''::timestamptz AS converted_at, 1 AS conversion_id, NULL::bigint AS amount, NULL::text AS order_id, NULL::bigint AS product_id, NULL::bigint AS category_id, NULL::bigint[] AS excluded_creator_ids', 'linear');
SELECT count(*) FROM influence.attribute('SELECT NULL::uuid AS visitor, NULL::timestamptz AS touched_at, NULL::bigint AS touch_id, NULL::bigint AS creator_id',
	'SELECT NULL::uuid AS visitor, NULL::timestamptz AS converted_at, NULL::bigint AS conversion_id');

-- WHAT GOES WRONG leaves no temporary file behind, and the statistics are those of the last run that came to its end: an error of the first query, of the
-- second, of a row that can't be (its weight), too little room for temporary files, a run that is cancelled.
SELECT count(*) FROM influence.attribute('SELECT * FROM touch LIMIT 2', 'SELECT * FROM sale LIMIT 1');
SET work_mem = '64kB';
CREATE FUNCTION files() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%' $$;
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch',
	'SELECT n AS visitor, now() AS converted_at, 1 / (n - 99999) AS conversion_id FROM generate_series(1, 100000) AS n') $$), files();
SELECT error_of($$ SELECT * FROM influence.attribute('SELECT n AS visitor, now() AS touched_at, 1 / (n - 99999) AS touch_id, 1 AS creator_id FROM generate_series(1, 100000) AS n',
	'SELECT n AS visitor, now() AS converted_at, n AS conversion_id FROM generate_series(1, 100000) AS n') $$), files();
SELECT error_of($$ SELECT * FROM influence.attribute('SELECT n AS visitor, now() AS touched_at, n AS touch_id, 1 AS creator_id, 99999 - n AS weight FROM generate_series(1, 100000) AS n',
	'SELECT n AS visitor, now() AS converted_at, n AS conversion_id FROM generate_series(1, 100000) AS n', 'custom') $$), files();
SELECT * FROM influence.attribute('SELECT n AS visitor, now() AS touched_at, n AS touch_id, 1 AS creator_id, 99999 - n AS weight FROM generate_series(1, 100000) AS n',
	'SELECT n AS visitor, now() AS converted_at, n AS conversion_id FROM generate_series(1, 100000) AS n', 'custom');
SELECT files();
SET temp_file_limit = '1MB';
SELECT error_of($$ SELECT * FROM influence.attribute_totals('TABLE touch', 'SELECT n AS visitor, now() AS converted_at, n AS conversion_id FROM generate_series(1, 100000) AS n') $$), files();
RESET temp_file_limit;
SET statement_timeout = '300ms';
SELECT count(*) FROM influence.attribute(
	$$ SELECT 1 AS visitor, '2024-01-01'::timestamptz AS touched_at, n AS touch_id, 1 AS creator_id FROM generate_series(1, 70000) AS n $$,
	$$ SELECT 1 AS visitor, '2024-01-01'::timestamptz AS converted_at, n AS conversion_id FROM generate_series(1, 70000) AS n $$);
RESET statement_timeout;
SELECT files();
RESET work_mem;
SELECT touches, conversions FROM influence.last_attribution_stats();

SET client_min_messages = warning;
DROP SCHEMA engine_test CASCADE;

--
-- Attribution: attribute(), attribute_totals(), last_attribution_stats() and
-- influence_internal.credit_order(). Small cases are worked out by hand, large
-- ones compared with plain SQL.
--
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
CREATE SCHEMA attribution_test;
SET search_path = attribution_test, public;

CREATE TABLE touch (visitor bigint, touched_at timestamptz, touch_id bigint, creator_id bigint,
	kind text, product_id bigint);
CREATE TABLE sale (visitor bigint, converted_at timestamptz, conversion_id bigint, amount bigint,
	product_id bigint, excluded_creator_ids bigint[]);

-- what an erring statement says: code, message, detail, hint
CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', SQLSTATE || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;

SELECT * FROM influence.last_attribution_stats();

-- Models. Visitor 1 has five touches, visitor 2 two, visitor 3 one.
INSERT INTO touch
SELECT v, '2024-05-01'::timestamptz + n * interval '1 hour', 10 * v + n, 100 * n, 'click', NULL
FROM (VALUES (1, 5), (2, 2), (3, 1)) AS paths(v, length), generate_series(1, length) AS n;
INSERT INTO sale
SELECT v, '2024-05-02', v, 100, NULL, NULL FROM generate_series(1, 3) AS v;

SELECT model, c.*
FROM (VALUES (1, 'first_touch'), (2, 'last_touch'), (3, 'linear'), (4, 'position_based')) AS m(no, model),
	influence.attribute('TABLE touch', 'TABLE sale', model => model) AS c
ORDER BY no, conversion_id, touch_position;

SELECT conversion_id, touch_id, touch_position, weight, credit
FROM influence.attribute('TABLE touch', 'TABLE sale', 'position_based', position_weights => '{0,20,60}')
ORDER BY conversion_id, touch_position;

-- linear: of visitor 1 each creator has 0.2, of visitor 2 0.5, of visitor 3 the first has 1
SELECT * FROM influence.attribute_totals('TABLE touch', 'TABLE sale', 'linear') ORDER BY creator_id;

-- thirds of a conversion still add up to one: 333333334 + 333333333 + 333333333
SELECT creator_id, conversions, credit, sum(conversions) OVER () AS all_conversions
FROM influence.attribute_totals(
	$$ SELECT 1 AS visitor, '2024-01-01'::timestamptz AS touched_at, n AS touch_id, n AS creator_id FROM generate_series(1, 3) AS n $$,
	$$ SELECT 1 AS visitor, '2024-01-01'::timestamptz AS converted_at, 1 AS conversion_id, 100 AS amount $$,
	'linear')
ORDER BY creator_id;

-- Windows: open at the start, closed at the conversion, in microseconds.
TRUNCATE touch, sale;
INSERT INTO touch VALUES
	(1, '2024-05-01 12:00:00', 1, 1, 'click', NULL),
	(2, '2024-05-01 12:00:00.000001', 2, 1, 'click', NULL),
	(3, '2024-05-31 12:00:00', 3, 1, 'click', NULL),
	(4, '2024-05-31 12:00:00.000001', 4, 1, 'click', NULL),
	(5, '2024-05-01 12:00:00', 5, 1, 'coupon', NULL),
	(6, '2024-05-01 12:00:00.000001', 6, 1, 'coupon', NULL),
	(7, '2024-05-30 12:00:00', 7, 1, 'view', NULL),
	(8, '2024-05-30 12:00:00.000001', 8, 1, 'view', NULL),
	(9, '2024-03-02 12:00:00', 9, 1, 'cart', 5),
	(10, '2024-03-02 12:00:00.000001', 10, 1, 'cart', 5),
	(11, '2024-05-31', 11, 1, 'cart', 6),
	(12, '2024-05-31', 12, 1, 'cart', NULL);
INSERT INTO sale SELECT v, '2024-05-31 12:00:00', v, 7, 5, NULL FROM generate_series(1, 13) AS v;

SELECT * FROM influence.attribute('TABLE touch', 'TABLE sale', view_lookback => '1 day') ORDER BY conversion_id;

-- views never earn by default, and lookbacks of zero never do
SELECT conversion_id, touch_id, reason
FROM influence.attribute('TABLE touch', 'TABLE sale') WHERE conversion_id IN (7, 8) ORDER BY conversion_id;
SELECT count(*) FILTER (WHERE reason = 'credited') AS credited
FROM influence.attribute('TABLE touch', 'TABLE sale', lookback => '0', cart_lookback => '0 days');

-- longer than time itself
SELECT count(*) FILTER (WHERE reason = 'credited') AS credited
FROM influence.attribute('TABLE touch', 'TABLE sale', lookback => '170000000 years', view_lookback => '2147483647 days',
	cart_lookback => '2562047788 hours');

-- Views count only where nothing else is eligible; a click out of its window is nothing.
TRUNCATE touch, sale;
INSERT INTO touch VALUES
	(1, '2024-05-01', 11, 1, 'view', NULL), (1, '2024-05-02', 12, 2, 'click', NULL), (1, '2024-05-03', 13, 3, 'view', NULL),
	(2, '2024-05-01', 21, 1, 'view', NULL), (2, '2024-05-03', 22, 2, 'view', NULL),
	(3, '2024-04-01', 31, 1, 'click', NULL), (3, '2024-05-03', 32, 2, 'view', NULL),
	(4, '2024-05-01', 41, 1, 'cart', 5), (4, '2024-05-03', 42, 2, 'view', NULL),
	(5, '2024-05-01', 51, 1, 'cart', 6), (5, '2024-05-03', 52, 2, 'view', NULL);
INSERT INTO sale SELECT v, '2024-05-04', v, 9, 5, NULL FROM generate_series(1, 5) AS v;
SELECT conversion_id, touch_id, touch_position, path_length, weight, credit
FROM influence.attribute('TABLE touch', 'TABLE sale', 'linear', lookback => '7 days', view_lookback => '7 days')
ORDER BY conversion_id, touch_position;

-- Carts by product: each line sees the cart of its own product; a line without product sees none.
TRUNCATE touch, sale;
INSERT INTO touch VALUES
	(1, '2024-05-01', 1, 10, 'cart', 5), (1, '2024-05-02', 2, 20, 'cart', 6), (1, '2024-05-03', 3, 30, 'cart', NULL);
INSERT INTO sale VALUES
	(1, '2024-05-04', 1, 100, 5, NULL), (1, '2024-05-04', 2, 200, 6, NULL), (1, '2024-05-04', 3, 300, NULL, NULL);
SELECT conversion_id, touch_id, creator_id, path_length, credit, reason
FROM influence.attribute('TABLE touch', 'TABLE sale') ORDER BY conversion_id;

-- Order within one instant: view, click, cart, coupon, then id. Equal ids stay legal.
TRUNCATE touch, sale;
INSERT INTO touch VALUES
	(1, '2024-05-01', 1, 1, 'coupon', NULL), (1, '2024-05-01', 2, 2, 'cart', 5), (1, '2024-05-01', 4, 4, 'click', NULL),
	(1, '2024-05-01', 3, 3, 'click', NULL), (1, '2024-05-01', 5, 5, 'view', NULL),
	(2, '2024-05-01', 7, 2, 'click', NULL), (2, '2024-05-01', 7, 1, 'click', NULL), (2, '2024-05-01', 7, NULL, NULL, NULL);
INSERT INTO sale VALUES (1, '2024-05-01', 1, 10, 5, NULL), (2, '2024-05-01', 2, 10, NULL, NULL);
SELECT conversion_id, touch_position, touch_id, creator_id, credit
FROM influence.attribute('TABLE touch', 'TABLE sale', 'linear', view_lookback => '1 day')
ORDER BY conversion_id, touch_position;

-- Exclusion: the line is disqualified when an excluded creator would earn, and only then.
TRUNCATE touch, sale;
INSERT INTO touch VALUES
	(1, '2024-05-01', 1, 10, 'click', NULL), (1, '2024-05-02', 2, 20, 'click', NULL), (1, '2024-05-03', 3, NULL, 'click', NULL),
	(2, '2024-05-01', 4, 10, 'click', NULL), (2, '2024-05-02', 5, 20, 'click', NULL);
INSERT INTO sale VALUES
	(1, '2024-05-04', 1, 100, NULL, '{10}'), (1, '2024-05-04', 2, 100, NULL, '{20,NULL}'),
	(2, '2024-05-04', 3, 100, NULL, '{10}'), (2, '2024-05-04', 4, 100, NULL, '{30,20}'),
	(2, '2024-05-04', 5, 100, NULL, '{}'), (2, '2024-05-04', 6, 100, NULL, '{NULL}');
SELECT model, c.*
FROM (VALUES (1, 'first_touch'), (2, 'last_touch'), (3, 'linear')) AS m(no, model),
	influence.attribute('TABLE touch', 'TABLE sale', model => model) AS c
ORDER BY no, conversion_id, touch_position;
-- three conversions of 20 (nobody's 3 is of no use to it), the rest without a creator
SELECT * FROM influence.attribute_totals('TABLE touch', 'TABLE sale') ORDER BY creator_id;

-- Unattributed: no touch so far, or none eligible.
TRUNCATE touch, sale;
INSERT INTO touch VALUES
	(2, '2024-05-05', 1, 1, 'click', NULL),
	(3, '2024-01-01', 2, 1, 'click', NULL),
	(4, '2024-05-03', 3, 1, 'view', NULL);
INSERT INTO sale SELECT v, '2024-05-04', v, -50, NULL, NULL FROM generate_series(1, 4) AS v;
SELECT * FROM influence.attribute('TABLE touch', 'TABLE sale', 'position_based') ORDER BY conversion_id;

-- Amounts: negative ones mirror, NULL or no amount gives no credit; two sales of one instant are independent.
TRUNCATE touch, sale;
INSERT INTO touch SELECT 1, '2024-05-01', n, n, 'click', NULL FROM generate_series(1, 3) AS n;
INSERT INTO sale VALUES (1, '2024-05-01', 1, 5, NULL, NULL), (1, '2024-05-01', 2, -5, NULL, NULL),
	(1, '2024-05-01', 3, NULL, NULL, NULL), (1, '2024-05-01', 4, 0, NULL, NULL),
	(1, '2024-05-01', 5, 9223372036854775807, NULL, NULL), (1, '2024-05-01', 6, -9223372036854775808, NULL, NULL);
SELECT conversion_id, array_agg(credit ORDER BY touch_position) AS credits
FROM influence.attribute('TABLE touch', 'TABLE sale', 'linear') GROUP BY conversion_id ORDER BY conversion_id;
SELECT touch_id, credit, reason
FROM influence.attribute('TABLE touch', 'SELECT visitor, converted_at, conversion_id FROM sale WHERE conversion_id = 1', 'linear')
ORDER BY touch_id;
-- the extremes cancel: 5 - 5 + 0 + max + min = -1, though sums on the way may not fit
SELECT * FROM influence.attribute_totals('TABLE touch', 'TABLE sale');
SELECT error_of($$ SELECT * FROM influence.attribute_totals('TABLE touch',
	'SELECT * FROM sale WHERE amount > 0') $$);
SELECT error_of($$ SELECT * FROM influence.attribute_totals('SELECT * FROM touch WHERE false',
	'SELECT * FROM sale WHERE amount > 0') $$);

-- Rejected rows are counted: no visitor, time or id, or an infinite time.
SELECT * FROM influence.attribute(
	$$ SELECT * FROM (VALUES (1, '2024-05-01'::timestamptz, 1, 1), (NULL, '2024-05-01', 2, 1), (1, NULL, 3, 1), (1, 'infinity', 4, 1),
		(1, '-infinity', 5, 1), (1, '2024-05-01', NULL, 1)) AS t(visitor, touched_at, touch_id, creator_id) $$,
	$$ SELECT * FROM (VALUES (1, '2024-05-02'::timestamptz, 1, 3), (NULL, '2024-05-02', 2, 3), (1, NULL, 3, 3), (1, 'infinity', 4, 3),
		(1, '2024-05-02', NULL, 3)) AS s(visitor, converted_at, conversion_id, amount) $$);
SELECT * FROM influence.last_attribution_stats();

-- Nothing in, nothing out.
SELECT * FROM influence.attribute('SELECT * FROM touch WHERE false', 'SELECT * FROM sale WHERE false');
SELECT * FROM influence.attribute_totals('SELECT * FROM touch WHERE false', 'SELECT * FROM sale WHERE false');
SELECT * FROM influence.last_attribution_stats();

-- Days and months on the calendar. Summer time ends in Berlin on 2024-10-27 and begins on
-- 2024-03-31; a day is 25 and 23 hours long, and 24 hours are always 24. A month before
-- March 31 is the last of February.
TRUNCATE touch, sale;
INSERT INTO touch VALUES
	(1, '2024-10-26 10:00Z', 10, 1, 'click', NULL), (1, '2024-10-26 10:30Z', 11, 1, 'click', NULL), (1, '2024-10-26 11:30Z', 12, 1, 'click', NULL),
	(2, '2024-03-30 10:30Z', 20, 1, 'click', NULL), (2, '2024-03-30 11:30Z', 21, 1, 'click', NULL),
	(3, '2024-02-29 12:00Z', 30, 1, 'click', NULL), (3, '2024-02-29 12:00:00.000001Z', 31, 1, 'click', NULL);
INSERT INTO sale VALUES
	(1, '2024-10-27 11:00Z', 1, 1, NULL, NULL), (2, '2024-03-31 10:00Z', 2, 1, NULL, NULL), (3, '2024-03-31 12:00Z', 3, 1, NULL, NULL);
SELECT l.lookback, l.zone, c.conversion_id, c.touch_id, c.path_length
FROM (VALUES (1, interval '1 day', 'Europe/Berlin'), (2, '1 day', 'UTC'), (3, '24 hours', 'Europe/Berlin'), (4, '1 month', 'UTC')) AS l(no, lookback, zone),
	influence.attribute('TABLE touch', 'TABLE sale', 'first_touch', lookback => l.lookback, time_zone => l.zone) AS c
WHERE (l.lookback = '1 month') = (c.conversion_id = 3)
ORDER BY l.no, c.conversion_id;
-- the session's time zone does not matter
SET TimeZone = 'America/New_York';
SELECT conversion_id, touch_id FROM influence.attribute('TABLE touch', 'TABLE sale', 'first_touch', lookback => '1 day', time_zone => 'Europe/Berlin')
WHERE conversion_id < 3 ORDER BY conversion_id;
SET TimeZone = 'UTC';

-- 10,000 sales of 20 years against PostgreSQL's own calendar
TRUNCATE touch, sale;
INSERT INTO touch SELECT i, '2004-01-01Z'::timestamptz + i * interval '17 hours 31 minutes 7.123457 seconds', i, 1, 'click', NULL
FROM generate_series(1, 10000) AS i;
INSERT INTO sale SELECT visitor, touched_at + (35 * 24 + (visitor * 7919) % 97) * interval '1 hour', visitor, 1, NULL, NULL FROM touch;
SELECT count(*) AS sales, count(c.touch_id) AS credited,
	count(*) FILTER (WHERE (c.touch_id IS NOT NULL) <>
		(t.touched_at > ((s.converted_at AT TIME ZONE 'Europe/Berlin') - interval '1 month 6 days') AT TIME ZONE 'Europe/Berlin' - interval '5 hours')) AS wrong
FROM influence.attribute('TABLE touch', 'TABLE sale', lookback => '1 month 6 days 5 hours', time_zone => 'Europe/Berlin') AS c
	JOIN sale AS s USING (conversion_id) JOIN touch AS t USING (visitor);

-- 60,000 rows of 3,000 visitors with many ties, against plain SQL
TRUNCATE touch, sale;
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
		array_agg(conversion_id) AS line_ids, array_agg(amount) AS amounts, array_agg(product_id) AS products
	FROM sale AS s GROUP BY 1, 2, 3) AS s
	CROSS JOIN LATERAL (SELECT array_agg(touched_at) AS ats, array_agg(kind) AS kinds, array_agg(touch_id) AS ids,
		array_agg(creator_id) AS creators, array_agg(product_id) AS products FROM touch AS t WHERE t.visitor = s.visitor) AS t
	CROSS JOIN LATERAL influence_internal.credit_order(coalesce(ats, '{}'), coalesce(kinds, '{}'), coalesce(ids, '{}'), coalesce(creators, '{}'),
		coalesce(t.products, '{}'), converted_at, line_ids, amounts, s.products, coalesce(excluded_creator_ids, '{}'),
		'linear', '30 days', '10 days', '90 days', '{0.4,0.2,0.4}', 'UTC') AS o
	FULL JOIN (SELECT conversion_id, touch_id, creator_id, touch_position, path_length, weight, credit, reason FROM engine WHERE model = 'linear') AS e
		ON o.conversion_id = e.conversion_id AND coalesce(o.touch_id, 0) = coalesce(e.touch_id, 0);

-- A touches query may call attribute() itself: the touches that were last, here.
SELECT differences($$ SELECT * FROM touch WHERE touch_id = 0 OR EXISTS (SELECT FROM influence.attribute('SELECT * FROM touch LIMIT 1', 'SELECT * FROM sale LIMIT 1')) $$,
	'TABLE sale') AS nested;
SELECT touches, conversions FROM influence.last_attribution_stats();

-- Any query, changes in WITH included; both see what the calling statement sees.
CREATE TABLE moved (LIKE touch);
SELECT count(*), count(touch_id)
FROM influence.attribute('WITH gone AS (INSERT INTO moved SELECT * FROM touch WHERE touch_id <= 10 RETURNING *) SELECT * FROM gone',
	'SELECT * FROM sale WHERE conversion_id <= 10', lookback => '10 years', cart_lookback => '10 years');
SELECT count(*) FROM moved;
SELECT count(*) FROM influence.attribute('SELECT * FROM touch FOR UPDATE;', 'SELECT * FROM sale WHERE conversion_id = 1 -- one');

CREATE FUNCTION add_sale() RETURNS bigint LANGUAGE sql VOLATILE AS
	$$ INSERT INTO sale VALUES (1, '2024-01-02', 1000000, 1, NULL, NULL) RETURNING 1::bigint $$;
SELECT count(*) FILTER (WHERE conversion_id = 1000000) AS seen
FROM influence.attribute('SELECT add_sale() AS visitor, now() AS touched_at, 1 AS touch_id, 1 AS creator_id', 'TABLE sale');
SELECT count(*) FILTER (WHERE conversion_id = 1000000) AS seen FROM influence.attribute('TABLE touch', 'TABLE sale');

-- Queries that are none.
SELECT error_of($$ SELECT * FROM influence.attribute('', 'TABLE sale') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch', ' -- nothing') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch; TABLE touch', 'TABLE sale') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('DELETE FROM touch RETURNING *', 'TABLE sale') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch', 'DROP TABLE sale') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch', 'SELECT * INTO sale2 FROM sale') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch', 'EXPLAIN TABLE sale') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch', 'COPY sale TO STDOUT') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch', 'COMMIT') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('SELECT visitor FROM', 'TABLE sale') $$);
SELECT count(*) FROM touch;

-- Columns that are missing, double, or of another type.
SELECT error_of(format($$ SELECT * FROM influence.attribute('SELECT %s FROM touch', 'TABLE sale') $$, columns))
FROM unnest(ARRAY['touched_at, touch_id, creator_id', 'visitor, touch_id, creator_id', 'visitor, touched_at, creator_id', 'visitor, touched_at, touch_id',
	'*, 1 AS touch_id', 'touched_at::timestamp, visitor, touch_id, creator_id', 'touched_at::date, visitor, touch_id, creator_id',
	'touched_at, visitor::numeric, touch_id, creator_id', 'touched_at, visitor, touch_id::text, creator_id',
	'visitor, touched_at, touch_id, creator_id, 1 AS kind', 'visitor, touched_at, touch_id, creator_id, product_id::text', 'visitor::text, touched_at, touch_id, creator_id']) AS columns;
SELECT error_of(format($$ SELECT * FROM influence.attribute('TABLE touch', 'SELECT %s FROM sale') $$, columns))
FROM unnest(ARRAY['visitor, conversion_id', 'visitor, converted_at', 'converted_at, conversion_id', 'visitor, converted_at::timestamp, conversion_id',
	'visitor, converted_at, conversion_id, amount / 100.0 AS amount', 'visitor, converted_at, conversion_id, 7 AS excluded_creator_ids']) AS columns;
SELECT error_of($$ SELECT * FROM influence.attribute('SELECT visitor, touched_at, touch_id, creator_id, ''Click'' AS kind FROM touch', 'TABLE sale') $$);

-- Arguments.
SELECT error_of(format($$ SELECT * FROM influence.%s('TABLE touch', 'TABLE sale', %s) $$, function, argument))
FROM unnest(ARRAY['attribute', 'attribute_totals']) WITH ORDINALITY AS f(function, no),
	unnest(ARRAY['model => NULL', 'lookback => NULL', 'view_lookback => NULL', 'cart_lookback => NULL', 'half_life => NULL', 'position_weights => NULL',
		'reuse => NULL', 'session_lifetime => NULL', 'match => NULL', 'time_zone => NULL']) AS argument
WHERE no = 1 OR argument LIKE 'm%';
SELECT error_of($$ SELECT * FROM influence.attribute(NULL, 'TABLE sale') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch', NULL) $$);
SELECT error_of(format($$ SELECT * FROM influence.attribute('TABLE touch', 'TABLE sale', %s) $$, argument))
FROM unnest(ARRAY['''last''', '''LINEAR''', 'lookback => ''-1 day''', 'lookback => ''1 month -1 day''', 'view_lookback => ''-1 second''', 'cart_lookback => ''-1 month''',
	'half_life => ''1 month''', 'half_life => ''0''', 'session_lifetime => ''-1 hour''', 'reuse => ''always''', 'match => ''brand''', 'time_zone => ''Mars/Olympus''',
	'position_weights => ''{0.5,0.5}''', 'position_weights => ''{}''', 'position_weights => ''{0,1,0}''',
	'position_weights => ''{0.4,0.1999999999999,0.4}''']) AS argument;
SELECT left(error_of(format($$ SELECT * FROM influence.attribute('TABLE touch', 'TABLE sale', position_weights => %L) $$, weights)), 5) AS code, weights
FROM unnest(ARRAY['{0,0,0}', '{-0.4,0.2,0.4}', '{0.4,NaN,0.4}', '{0.4,NULL,0.4}', '{{0.4,0.2,0.4}}', '{1e30,1e-30,1}']) AS weights;
SELECT error_of(format($$ SELECT * FROM influence.attribute('TABLE touch', 'TABLE sale', %s) $$, argument))
FROM unnest(ARRAY['''last_non_direct''', '''time_decay''', '''j_shaped''', '''inverse_j''', '''custom''', '''participation''', '''shapley''',
	'reuse => ''consume''', 'reuse => ''session''', 'match => ''product''', 'match => ''category''']) AS argument;

-- credit_order(): one order, its touches in any order
SELECT * FROM influence_internal.credit_order(
	ARRAY['2024-05-03', '2024-05-01', '2024-05-02', '2024-05-09']::timestamptz[], '{click,click,cart,click}', '{3,1,2,9}', '{30,10,20,10}', '{NULL,NULL,5,NULL}',
	'2024-05-04', '{1,2}', '{100,-7}', '{5,NULL}', '{}', 'linear', '30 days', '0', '90 days', '{0.4,0.2,0.4}', 'UTC')
ORDER BY conversion_id, touch_position;
SELECT * FROM influence_internal.credit_order('{}', '{}', '{}', '{}', '{}', '2024-05-04', '{1}', '{100}', '{5}', '{10}', 'linear', '30 days', '0', '90 days', '{0.4,0.2,0.4}', 'UTC');
SELECT * FROM influence_internal.credit_order('{}', '{}', '{}', '{}', '{}', '2024-05-04', '{}', '{}', '{}', '{}', 'linear', '30 days', '0', '90 days', '{0.4,0.2,0.4}', 'UTC');
SELECT error_of(format($$ SELECT * FROM influence_internal.credit_order(%s, '2024-05-04', %s, '30 days', '0', '90 days', '{0.4,0.2,0.4}', 'UTC') $$, touches, sales))
FROM (VALUES
	($$ '{2024-05-03}', '{click,click}', '{3}', '{30}', '{NULL}' $$, $$ '{1}', '{100}', '{NULL}', '{}', 'linear' $$),
	($$ '{2024-05-03}', '{click}', '{NULL}', '{30}', '{NULL}' $$, $$ '{1}', '{100}', '{NULL}', '{}', 'linear' $$),
	($$ '{2024-05-03}', '{tap}', '{3}', '{30}', '{NULL}' $$, $$ '{1}', '{100}', '{NULL}', '{}', 'linear' $$),
	($$ '{infinity}', '{click}', '{3}', '{30}', '{NULL}' $$, $$ '{1}', '{100}', '{NULL}', '{}', 'linear' $$),
	($$ '{2024-05-03}', '{click}', '{3}', '{30}', '{NULL}' $$, $$ '{1,2}', '{100}', '{NULL}', '{}', 'linear' $$),
	($$ '{2024-05-03}', '{click}', '{3}', '{30}', '{NULL}' $$, $$ '{1}', '{NULL}', '{NULL}', '{}', 'linear' $$),
	($$ '{2024-05-03}', '{click}', '{3}', '{30}', '{NULL}' $$, $$ '{1}', '{100}', '{NULL}', '{NULL}', 'linear' $$),
	($$ '{2024-05-03}', '{click}', '{{3}}', '{30}', '{NULL}' $$, $$ '{1}', '{100}', '{NULL}', NULL, 'linear' $$),
	($$ '{2024-05-03}', '{click}', '{{3}}', '{30}', '{NULL}' $$, $$ '{1}', '{100}', '{NULL}', '{}', 'linear' $$),
	($$ '{2024-05-03}', '{click}', '{3}', '{30}', '{NULL}' $$, $$ '{1}', '{100}', '{NULL}', '{}', 'time_decay' $$)) AS calls(touches, sales);

-- An error in the middle leaves no temporary file behind, a cancelled run neither, and the
-- statistics are those of the last run that came to its end.
SELECT count(*) FROM influence.attribute('SELECT * FROM touch LIMIT 2', 'SELECT * FROM sale LIMIT 1');
SET work_mem = '64kB';
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch', 'SELECT visitor, converted_at, 1 / (conversion_id - 9000) AS conversion_id FROM sale') $$);
SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%';
SET statement_timeout = '300ms';
SELECT count(*) FROM influence.attribute(
	$$ SELECT 1 AS visitor, '2024-01-01'::timestamptz AS touched_at, n AS touch_id, 1 AS creator_id FROM generate_series(1, 60000) AS n $$,
	$$ SELECT 1 AS visitor, '2024-01-01'::timestamptz AS converted_at, n AS conversion_id FROM generate_series(1, 60000) AS n $$);
RESET statement_timeout;
SELECT count(*) FROM pg_ls_tmpdir() WHERE name LIKE 'pgsql_tmp' || pg_backend_pid() || '.%';
RESET work_mem;
SELECT touches, conversions FROM influence.last_attribution_stats();

-- The queries run as the caller, not as the extension's owner.
BEGIN;
CREATE ROLE regress_attribution;
GRANT USAGE ON SCHEMA influence, attribution_test TO regress_attribution;
GRANT EXECUTE ON FUNCTION influence.attribute TO regress_attribution;
GRANT SELECT ON sale TO regress_attribution;
SET LOCAL ROLE regress_attribution;
SELECT error_of($$ SELECT * FROM influence.attribute('TABLE touch', 'TABLE sale') $$);
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA attribution_test CASCADE;

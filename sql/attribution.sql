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

SELECT touches, conversions, rejected_touches, rejected_conversions, credits, skipped_touches, partitions, oversized_partitions, spilled_bytes, read_ms + credit_ms > 0 AS timed
FROM influence.last_attribution_stats();

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
SELECT touches, conversions, rejected_touches, rejected_conversions, credits, skipped_touches, partitions, oversized_partitions, spilled_bytes, read_ms + credit_ms > 0 AS timed
FROM influence.last_attribution_stats();

-- Nothing in, nothing out.
SELECT * FROM influence.attribute('SELECT * FROM touch WHERE false', 'SELECT * FROM sale WHERE false');
SELECT * FROM influence.attribute_totals('SELECT * FROM touch WHERE false', 'SELECT * FROM sale WHERE false');
SELECT touches, conversions, rejected_touches, rejected_conversions, credits, skipped_touches, partitions, oversized_partitions, spilled_bytes, read_ms + credit_ms > 0 AS timed
FROM influence.last_attribution_stats();

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

-- Ten visitors with a sale each on January 2, and two touches before: 7 and 8.
TRUNCATE touch, sale;
INSERT INTO touch SELECT v, '2024-01-01', 10 * c + v, c, 'click', NULL FROM generate_series(1, 10) AS v, generate_series(7, 8) AS c;
INSERT INTO sale SELECT v, '2024-01-02', v, 100, NULL, NULL FROM generate_series(1, 10) AS v;

-- Any query, changes in WITH included; both see what the calling statement sees.
CREATE TABLE moved (LIKE touch);
SELECT count(*), count(touch_id)
FROM influence.attribute('WITH gone AS (INSERT INTO moved SELECT * FROM touch WHERE touch_id <= 80 RETURNING *) SELECT * FROM gone',
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
-- credit_order(): one order, its touches in any order; its arguments, and what they are unless given.
CREATE FUNCTION credit_order(VARIADIC given text[]) RETURNS text LANGUAGE sql AS $$
	SELECT 'SELECT * FROM influence_internal.credit_order(' || string_agg(format('%I => %s', name, coalesce(g[1], usual)), ', ') || ') ORDER BY conversion_id, touch_position'
	FROM (VALUES ('touched_at', '''{2024-05-03}'''), ('kinds', '''{click}'''), ('touch_ids', '''{3}'''), ('creator_ids', '''{30}'''), ('product_ids', '''{NULL}'''),
		('category_ids', '''{NULL}'''), ('channels', '''{NULL}'''), ('late', '''{f}'''), ('converted_at', '''2024-05-04'''), ('line_ids', '''{1}'''), ('amounts', '''{100}'''),
		('line_product_ids', '''{NULL}'''), ('line_category_ids', '''{NULL}'''), ('excluded_creator_ids', '''{}'''), ('path_start', 'NULL'), ('cart_starts', '''{NULL}'''),
		('model', '''linear'''), ('lookback', '''30 days'''), ('view_lookback', '''0'''), ('cart_lookback', '''90 days'''), ('half_life', '''7 days'''),
		('position_weights', '''{0.4,0.2,0.4}'''), ('reuse', '''reuse'''), ('session_lifetime', '''24 hours'''), ('match', '''any'''), ('time_zone', '''UTC''')) AS a(name, usual)
		LEFT JOIN LATERAL (SELECT regexp_match(argument, '^' || name || ' => (.*)') AS g FROM unnest(given) AS argument WHERE argument LIKE name || ' =>%') AS g ON true
$$;
-- Line 1 is of product 5: the cart of touch 2 is its own. 100 among 1, 2, 3: the odd unit to the earliest; -7 among 1 and 3 mirrors 7. Touch 9 is
-- later than the order.
SELECT credit_order('touched_at => ''{2024-05-03,2024-05-01,2024-05-02,2024-05-09}''', 'kinds => ''{click,click,cart,click}''', 'touch_ids => ''{3,1,2,9}''',
	'creator_ids => ''{30,10,20,10}''', 'product_ids => ''{NULL,NULL,5,NULL}''', 'category_ids => ''{1,NULL,2,3}''', 'channels => ''{direct,NULL,x,direct}''', 'late => ''{f,f,f,f}''',
	'line_ids => ''{1,2}''', 'amounts => ''{100,-7}''', 'line_product_ids => ''{5,NULL}''', 'line_category_ids => ''{NULL,NULL}''', 'cart_starts => ''{NULL,NULL}''') \gexec
-- no touch, no line
SELECT credit_order('touched_at => ''{}''', 'kinds => ''{}''', 'touch_ids => ''{}''', 'creator_ids => ''{}''', 'product_ids => ''{}''', 'category_ids => ''{}''', 'channels => ''{}''', 'late => ''{}''') \gexec
SELECT credit_order('line_ids => ''{}''', 'amounts => ''{}''', 'line_product_ids => ''{}''', 'line_category_ids => ''{}''', 'cart_starts => ''{}''') \gexec
-- the only touch is excluded, direct, late; a model whose weights there are none of
SELECT credit_order(argument) FROM unnest(ARRAY['excluded_creator_ids => ''{30}''', 'channels => ''{direct}''', 'late => ''{t}''', 'model => ''custom''']) AS argument \gexec
-- arrays that don't belong together, NULLs, what is no moment, no kind, no model
SELECT wrong, error_of(credit_order(wrong))
FROM unnest(ARRAY['kinds => ''{click,click}''', 'category_ids => ''{}''', 'channels => ''{a,b}''', 'late => ''{}''', 'touch_ids => ''{NULL}''', 'kinds => ''{tap}''', 'kinds => ''{NULL}''',
	'late => ''{NULL}''', 'late => NULL', 'touched_at => ''{infinity}''', 'converted_at => ''-infinity''', 'converted_at => NULL', 'line_ids => ''{1,2}''', 'line_category_ids => ''{}''',
	'cart_starts => ''{}''', 'cart_starts => NULL', 'amounts => ''{NULL}''', 'excluded_creator_ids => ''{NULL}''', 'excluded_creator_ids => NULL', 'touch_ids => ''{{3}}''',
	'model => ''last''', 'half_life => ''0''', 'session_lifetime => ''0''', 'match => NULL', 'path_start => NULL']) AS wrong;

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

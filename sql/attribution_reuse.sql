--
-- Attribution: what earlier orders consume, sessions, orders of several lines,
-- matching by product and category, late touches. Worked out by hand.
--
SET TimeZone = 'UTC';
CREATE SCHEMA reuse_test;
SET search_path = reuse_test, public;

CREATE TABLE touch (visitor bigint, touched_at timestamptz, touch_id bigint, creator_id bigint,
	kind text DEFAULT 'click', product_id bigint, category_id bigint);
CREATE TABLE sale (visitor bigint, converted_at timestamptz, conversion_id bigint, product_id bigint,
	order_id bigint, category_id bigint, excluded_creator_ids bigint[], amount bigint DEFAULT 100);

-- One text per conversion: id, reason, path length, touch@position=credit ... ("-" for no touch), linear.
-- What is wanted stands in this file, from the rules alone; what is not so is printed.
CREATE FUNCTION wrong(arguments text, VARIADIC wanted text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	got text[];
BEGIN
	EXECUTE format($q$
		SELECT array_agg(line ORDER BY conversion_id)
		FROM (SELECT conversion_id, concat_ws(' ', conversion_id, reason, path_length,
				string_agg(CASE WHEN touch_id IS NULL THEN '-' ELSE touch_id || '@' || touch_position END || '=' || credit, ' ' ORDER BY touch_position)) AS line
			FROM influence.attribute('TABLE touch', 'TABLE sale', 'linear', %s) GROUP BY conversion_id, reason, path_length) AS c $q$, arguments) INTO got;
	RETURN QUERY SELECT arguments || ': got ' || coalesce(g, 'nothing') || ', wanted ' || coalesce(w, 'nothing')
		FROM unnest(got, wanted) AS u(g, w) WHERE g IS DISTINCT FROM w;
END $$;

-- CONSUME. Visitor 1: an order takes what is before it; the next one sees only what came since.
INSERT INTO touch VALUES (1, '2024-05-01', 11, 1), (1, '2024-05-03', 12, 2);
INSERT INTO sale VALUES (1, '2024-05-02', 1), (1, '2024-05-04', 2), (1, '2024-05-05', 3);
-- Visitor 2: of two orders at one moment the one with the smaller id is first; a touch of that moment is the first one's, too.
INSERT INTO touch VALUES (2, '2024-05-01', 21, 1), (2, '2024-05-02', 22, 1);
INSERT INTO sale VALUES (2, '2024-05-02', 5), (2, '2024-05-02', 4);
-- Visitor 3: an order that is excluded consumes all the same, and so does one that finds nothing: the click of
-- March is out of order 7's window, and would be even if nobody had consumed it. Order 8 has click 32 alone.
INSERT INTO touch VALUES (3, '2024-03-01', 31, 1), (3, '2024-05-07', 32, 1);
INSERT INTO sale VALUES (3, '2024-03-02', 6, NULL, NULL, NULL, '{1}'), (3, '2024-05-06', 7, NULL, NULL, NULL, NULL), (3, '2024-05-08', 8, NULL, NULL, NULL, NULL), (3, '2024-05-09', 9, NULL, NULL, NULL, NULL);
SELECT wrong('reuse => ''consume''',
	'1 credited 1 11@1=100', '2 credited 1 12@1=100', '3 consumed 0 -=100',
	'4 credited 2 21@1=50 22@2=50', '5 consumed 0 -=100',
	'6 excluded 1 -=100', '7 outside_window 0 -=100', '8 credited 1 32@1=100', '9 consumed 0 -=100');
SELECT wrong('reuse => ''reuse''',
	'1 credited 1 11@1=100', '2 credited 2 11@1=50 12@2=50', '3 credited 2 11@1=50 12@2=50',
	'4 credited 2 21@1=50 22@2=50', '5 credited 2 21@1=50 22@2=50',
	'6 excluded 1 -=100', '7 outside_window 0 -=100', '8 credited 1 32@1=100', '9 credited 1 32@1=100');
-- a session is consumed as well (it lives for 30 days here; creator 2's click ended none that was still open)
SELECT wrong('reuse => ''session'', session_lifetime => ''30 days''',
	'1 credited 1 11@1=100', '2 credited 1 12@1=100', '3 consumed 0 -=100',
	'4 credited 2 21@1=50 22@2=50', '5 consumed 0 -=100',
	'6 excluded 1 -=100', '7 outside_window 0 -=100', '8 credited 1 32@1=100', '9 consumed 0 -=100');
-- totals: 3, 5, 6, 7 and 9 are nobody's; creator 1 has 1, 4 and 8, creator 2 has 2
SELECT * FROM influence.attribute_totals('TABLE touch', 'TABLE sale', 'linear', reuse => 'consume') ORDER BY creator_id;

-- Carts outlive orders of other products. Visitor 1: a cart of 5 and a click, then orders of 6, 5 and 5. Visitor 2: orders without
-- product consume no cart. Visitor 3: a later cart of 5 is not the one that was consumed.
TRUNCATE touch, sale;
INSERT INTO touch VALUES (1, '2024-05-01', 11, 1, 'cart', 5), (1, '2024-05-01', 12, 2, 'click', NULL),
	(2, '2024-05-01', 21, 1, 'cart', 5),
	(3, '2024-05-01', 31, 1, 'cart', 5), (3, '2024-05-03', 32, 2, 'cart', 5), (3, '2024-05-03', 33, 3, 'cart', 6);
INSERT INTO sale VALUES (1, '2024-05-02', 1, 6), (1, '2024-05-03', 2, 5), (1, '2024-05-04', 3, 5),
	(2, '2024-05-02', 4, NULL), (2, '2024-05-03', 5, 5),
	(3, '2024-05-02', 6, 5), (3, '2024-05-04', 7, 5), (3, '2024-05-04', 8, 5), (3, '2024-05-04', 9, 6);
SELECT wrong(arguments, '1 credited 1 12@1=100', '2 credited 1 11@1=100', '3 consumed 0 -=100',
	'4 outside_window 0 -=100', '5 credited 1 21@1=100',
	'6 credited 1 31@1=100', '7 credited 1 32@1=100', '8 consumed 0 -=100', '9 credited 1 33@1=100')
FROM unnest('{"reuse => ''consume''","reuse => ''session'', session_lifetime => ''30 days''"}'::text[]) AS arguments;

-- ORDERS. Visitor 1: order 77 has lines on May 2 and 4 and happens on May 2, so touch 12 of May 3 is nobody's until order 78. Each of its lines
-- has all of touch 11. A line without order_id is an order of its own (14).
TRUNCATE touch, sale;
INSERT INTO touch VALUES (1, '2024-05-01', 11, 1), (1, '2024-05-03', 12, 2);
INSERT INTO sale (visitor, converted_at, conversion_id, order_id) VALUES
	(1, '2024-05-04', 10, 77), (1, '2024-05-02', 11, 77), (1, '2024-05-05', 12, 78), (1, '2024-05-05', 13, 78), (1, '2024-05-06', 14, NULL), (1, '2024-05-06', 15, NULL);
-- Visitor 2: two orders of one moment follow each other by their smallest line: order 1 has 21 and 24, order 2 has 22 and 20.
INSERT INTO touch VALUES (2, '2024-05-01', 21, 1);
INSERT INTO sale (visitor, converted_at, conversion_id, order_id) VALUES
	(2, '2024-05-02', 21, 1), (2, '2024-05-02', 24, 1), (2, '2024-05-03', 22, 2), (2, '2024-05-02', 20, 2);
-- Visitor 3 has the order of visitor 1's number: another order. Its window counts from its first line, so the click of May 1 is in by a day,
-- and line 31, five weeks later, is attributed by it, too.
INSERT INTO touch VALUES (3, '2024-05-01', 31, 1);
INSERT INTO sale (visitor, converted_at, conversion_id, order_id) VALUES (3, '2024-05-30', 30, 77), (3, '2024-06-03', 31, 77);
SELECT wrong('reuse => ''consume''',
	'10 credited 1 11@1=100', '11 credited 1 11@1=100', '12 credited 1 12@1=100', '13 credited 1 12@1=100', '14 consumed 0 -=100', '15 consumed 0 -=100',
	'20 credited 1 21@1=100', '21 consumed 0 -=100', '22 credited 1 21@1=100', '24 consumed 0 -=100',
	'30 credited 1 31@1=100', '31 credited 1 31@1=100');
SELECT wrong('reuse => ''reuse''',
	'10 credited 1 11@1=100', '11 credited 1 11@1=100', '12 credited 2 11@1=50 12@2=50', '13 credited 2 11@1=50 12@2=50',
	'14 credited 2 11@1=50 12@2=50', '15 credited 2 11@1=50 12@2=50',
	'20 credited 1 21@1=100', '21 credited 1 21@1=100', '22 credited 1 21@1=100', '24 credited 1 21@1=100',
	'30 credited 1 31@1=100', '31 credited 1 31@1=100');
-- The same whatever the type of the order's id.
CREATE FUNCTION by_key(key text) RETURNS TABLE (c text) LANGUAGE sql AS $$
	SELECT c::text FROM influence.attribute('TABLE touch', format('SELECT visitor, converted_at, conversion_id, amount, %s AS order_id FROM sale', key), 'linear', reuse => 'consume') AS c
$$;
SELECT key, (SELECT count(*) FROM (SELECT by_key(key) EXCEPT ALL SELECT by_key('order_id')) AS d) AS different
FROM unnest('{order_id::int,-order_id,order_id::text,md5(order_id::text)::uuid,"repeat(''order'', 1000) || order_id","(''o'' || order_id)::varchar(9)"}'::text[]) AS key;
-- Without order_ids five lines change: 10 has touch 12 now, which leaves nothing for 12 and 13; 22 comes after 20; 31 is out of its own window.
SELECT count(*) FROM (SELECT by_key('NULL::bigint') EXCEPT ALL SELECT by_key('order_id')) AS d;

-- Where lines share even their id, orders go by their own: of -1, 1 and 2 the first, with 20, has the touch.
SELECT type, credit, reason
FROM unnest('{int,bigint}'::text[]) WITH ORDINALITY AS t(type, no),
	influence.attribute('SELECT 1 AS visitor, timestamptz ''2024-05-01'' AS touched_at, 1 AS touch_id, 1 AS creator_id',
		format('SELECT 1 AS visitor, timestamptz ''2024-05-01'' AS converted_at, 1 AS conversion_id, o::%s AS order_id, a AS amount FROM (VALUES (1, 10), (-1, 20), (2, 30)) AS o(o, a)', type), reuse => 'consume')
ORDER BY no, credit;

-- Carts and orders: order 77 of 5 and 6 happens on May 2 and consumes the carts of both, but not the one of May 3, though its line 11 is of May 4.
-- Two lines of the same product see the same cart.
TRUNCATE touch, sale;
INSERT INTO touch VALUES (1, '2024-05-01', 1, 1, 'cart', 5), (1, '2024-05-01', 2, 2, 'cart', 6), (1, '2024-05-01', 3, 3, 'cart', 7), (1, '2024-05-03', 4, 4, 'cart', 6);
INSERT INTO sale VALUES (1, '2024-05-02', 10, 5, 77), (1, '2024-05-04', 11, 6, 77), (1, '2024-05-02', 12, 5, 77),
	(1, '2024-05-05', 13, 5, 78), (1, '2024-05-05', 14, 6, 78), (1, '2024-05-05', 15, 7, 78), (1, '2024-05-06', 16, 7, NULL);
SELECT wrong('reuse => ''consume''', '10 credited 1 1@1=100', '11 credited 1 2@1=100', '12 credited 1 1@1=100',
	'13 consumed 0 -=100', '14 credited 1 4@1=100', '15 credited 1 3@1=100', '16 consumed 0 -=100');

-- SESSION. Orders at 13:00.
-- 1: creator 1, 2, 1: the click of 2 ended the first session of 1, the last click that of 2.
-- 2: 1, nobody, 1: own clicks prolong, nobody's ends nothing, but is ended by the later click of 1.
-- 3: 1, then a view and a cart of 2: neither ends a session nor has one.
-- 4: coupons are like clicks.
-- 5: 1, then nobody: both stand.
-- 6: creator 1 a lifetime before, to the microsecond.
-- 7: a microsecond less.
-- 8: at one instant the order of the path decides: touch 82 is later.
-- 9: what comes after the order ends nothing.
-- 10: 1, 2, 2, nobody, 2: all since the first of 2 but nobody's.
TRUNCATE touch, sale;
INSERT INTO touch (visitor, touched_at, touch_id, creator_id, kind, product_id) VALUES
	(1, '2024-05-01 10:00', 11, 1, 'click', NULL), (1, '2024-05-01 11:00', 12, 2, 'click', NULL), (1, '2024-05-01 12:00', 13, 1, 'click', NULL),
	(2, '2024-05-01 10:00', 21, 1, 'click', NULL), (2, '2024-05-01 11:00', 22, NULL, 'click', NULL), (2, '2024-05-01 12:00', 23, 1, 'click', NULL),
	(3, '2024-05-01 10:00', 31, 1, 'click', NULL), (3, '2024-05-01 11:00', 32, 2, 'view', NULL), (3, '2024-05-01 12:00', 33, 2, 'cart', 5),
	(4, '2024-05-01 10:00', 41, 1, 'click', NULL), (4, '2024-05-01 11:00', 42, 2, 'coupon', NULL),
	(5, '2024-05-01 10:00', 51, 1, 'click', NULL), (5, '2024-05-01 11:00', 52, NULL, 'click', NULL),
	(6, '2024-04-30 13:00', 61, 1, 'click', NULL),
	(7, '2024-04-30 13:00:00.000001', 71, 1, 'click', NULL),
	(8, '2024-05-01 12:00', 82, 2, 'click', NULL), (8, '2024-05-01 12:00', 81, 1, 'click', NULL),
	(9, '2024-05-01 13:00', 91, 1, 'click', NULL), (9, '2024-05-01 13:00:00.000001', 92, 2, 'click', NULL),
	(10, '2024-05-01 08:00', 101, 1, 'click', NULL), (10, '2024-05-01 09:00', 102, 2, 'click', NULL), (10, '2024-05-01 10:00', 103, 2, 'coupon', NULL),
	(10, '2024-05-01 11:00', 104, NULL, 'click', NULL), (10, '2024-05-01 12:00', 105, 2, 'click', NULL);
INSERT INTO sale SELECT v, '2024-05-01 13:00', v, 5 FROM generate_series(1, 10) AS v;
SELECT wrong('reuse => ''session'', view_lookback => ''7 days''',
	'1 credited 1 13@1=100', '2 credited 2 21@1=50 23@2=50', '3 credited 2 31@1=50 33@2=50', '4 credited 1 42@1=100', '5 credited 2 51@1=50 52@2=50',
	'6 outside_window 0 -=100', '7 credited 1 71@1=100', '8 credited 1 82@1=100', '9 credited 1 91@1=100', '10 credited 3 102@1=34 103@2=33 105@3=33');
-- the lookback of clicks still counts where it is the shorter one, and days are those of the calendar
SELECT wrong('reuse => ''session'', lookback => ''90 minutes''',
	'1 credited 1 13@1=100', '2 credited 1 23@1=100', '3 credited 1 33@1=100', '4 outside_window 0 -=100', '5 outside_window 0 -=100',
	'6 outside_window 0 -=100', '7 outside_window 0 -=100', '8 credited 1 82@1=100', '9 credited 1 91@1=100', '10 credited 1 105@1=100');
-- summer time began in Berlin on March 31: the day before the order at 13:00 there had 23 hours
SELECT session_lifetime, c.reason
FROM unnest('{"1 day","24 hours"}'::interval[]) AS session_lifetime,
	influence.attribute('SELECT 1 AS visitor, timestamptz ''2024-03-30 12:30+01'' AS touched_at, 1 AS touch_id, 1 AS creator_id',
		'SELECT 1 AS visitor, timestamptz ''2024-03-31 13:00+02'' AS converted_at, 1 AS conversion_id', reuse => 'session', session_lifetime => session_lifetime, time_zone => 'Europe/Berlin') AS c;

-- Where there is no session left, views earn; a view or cart needs none.
SELECT wrong('reuse => ''session'', view_lookback => ''7 days'', session_lifetime => ''1 hour'', cart_lookback => ''0''',
	'1 outside_window 0 -=100', '2 outside_window 0 -=100', '3 credited 1 32@1=100', '4 outside_window 0 -=100', '5 outside_window 0 -=100',
	'6 outside_window 0 -=100', '7 outside_window 0 -=100', '8 outside_window 0 -=100', '9 credited 1 91@1=100', '10 outside_window 0 -=100');

-- MATCH. Clicks for products 5, 6, none; a coupon for 6 and one for the whole order; a view of 5. Lines of 5, 6, 7 and none.
TRUNCATE touch, sale;
INSERT INTO touch VALUES (1, '2024-05-01 01:00', 1, 1, 'click', 5, 50), (1, '2024-05-01 02:00', 2, 2, 'click', 6, 50), (1, '2024-05-01 03:00', 3, 3, 'click', NULL, NULL),
	(1, '2024-05-01 04:00', 4, 4, 'coupon', 6, NULL), (1, '2024-05-01 05:00', 5, 5, 'coupon', NULL, 60), (1, '2024-05-01 06:00', 6, 6, 'view', 5, 50);
INSERT INTO sale (visitor, converted_at, conversion_id, product_id, category_id) VALUES
	(1, '2024-05-02', 1, 5, 50), (1, '2024-05-02', 2, 6, 60), (1, '2024-05-02', 3, 7, 70), (1, '2024-05-02', 4, NULL, NULL);
SELECT wrong('match => ''product'', view_lookback => ''2 days''',
	'1 credited 2 1@1=50 5@2=50', '2 credited 3 2@1=34 4@2=33 5@3=33', '3 credited 1 5@1=100', '4 credited 1 5@1=100');
-- by category coupon 4 is for the whole order, coupon 5 for category 60
SELECT wrong('match => ''category'', view_lookback => ''2 days''',
	'1 credited 3 1@1=34 2@2=33 4@3=33', '2 credited 2 4@1=50 5@2=50', '3 credited 1 4@1=100', '4 credited 1 4@1=100');
SELECT wrong('match => ''any'', view_lookback => ''2 days''',
	'1 credited 5 1@1=20 2@2=20 3@3=20 4@4=20 5@5=20', '2 credited 5 1@1=20 2@2=20 3@3=20 4@4=20 5@5=20',
	'3 credited 5 1@1=20 2@2=20 3@3=20 4@4=20 5@5=20', '4 credited 5 1@1=20 2@2=20 3@3=20 4@4=20 5@5=20');
-- without coupons: the view of 5 is pushed aside by click 1, and alone where clicks don't match; an unmatched line finds nothing
DELETE FROM touch WHERE kind = 'coupon';
SELECT wrong('match => ''product'', view_lookback => ''2 days''',
	'1 credited 1 1@1=100', '2 credited 1 2@1=100', '3 outside_window 0 -=100', '4 outside_window 0 -=100');
DELETE FROM touch WHERE touch_id = 1;
SELECT wrong('match => ''product'', view_lookback => ''2 days''',
	'1 credited 1 6@1=100', '2 credited 1 2@1=100', '3 outside_window 0 -=100', '4 outside_window 0 -=100');
-- a query without the columns has no products, so nothing matches; an unmatched touch consumes and is consumed all the same
SELECT reason, count(*) FROM influence.attribute('SELECT visitor, touched_at, touch_id, creator_id FROM touch', 'TABLE sale', match => 'product') GROUP BY 1;
SELECT reason, count(*) FROM influence.attribute('TABLE touch', 'SELECT visitor, converted_at, conversion_id FROM sale', match => 'category') GROUP BY 1;

-- Session and match: the click of 2 for product 6 ends the session of 1, though it doesn't match a line of 5.
-- Order 2 comes after order 1 consumed all: for its line of 5 there is nothing even without that (outside_window), for its line of 6 there would be.
TRUNCATE touch, sale;
INSERT INTO touch VALUES (1, '2024-05-01 10:00', 1, 1, 'click', 5), (1, '2024-05-01 11:00', 2, 2, 'click', 6);
INSERT INTO sale VALUES (1, '2024-05-01 12:00', 1, 5, 1), (1, '2024-05-01 12:00', 2, 6, 1), (1, '2024-05-01 13:00', 3, 5, 2), (1, '2024-05-01 13:00', 4, 6, 2);
SELECT wrong('reuse => ''session'', match => ''product''', '1 outside_window 0 -=100', '2 credited 1 2@1=100', '3 outside_window 0 -=100', '4 consumed 0 -=100');
SELECT wrong('reuse => ''consume'', match => ''product''', '1 credited 1 1@1=100', '2 credited 1 2@1=100', '3 consumed 0 -=100', '4 consumed 0 -=100');

-- LATE touches, and what an order of the program knows of earlier ones: credit_order().
CREATE FUNCTION order_credits(reuse text, path_start timestamptz, cart_start timestamptz) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws(' ', conversion_id, reason, path_length, string_agg(coalesce(touch_id || '@' || touch_position, '-') || '=' || credit, ' ' ORDER BY touch_position))
	FROM (SELECT array_agg(touched_at) AS ats, array_agg(kind) AS kinds, array_agg(touch_id) AS ids, array_agg(creator_id) AS creators, array_agg(product_id) AS products,
			array_agg(category_id) AS categories, array_agg(NULL::text) AS channels, array_agg(visitor = 2) AS late FROM touch) AS t,
		influence_internal.credit_order(ats, kinds, ids, creators, products, categories, channels, late, '2024-05-02', '{1,2}', '{100,100}', '{5,NULL}', '{NULL,NULL}', '{}',
			path_start, ARRAY[cart_start, NULL], 'linear', '30 days', '0', '90 days', '7 days', '{0.4,0.2,0.4}', reuse, '24 hours', 'any', 'UTC')
	GROUP BY conversion_id, reason, path_length ORDER BY conversion_id
$$;
-- Touches of "visitor" 2 are late. On time: click 1 at 10:00, cart 2 of product 5 at 11:00. Late: click 3 of another creator at 12:00.
TRUNCATE touch;
INSERT INTO touch VALUES (1, '2024-05-01 10:00', 1, 1, 'click', NULL), (1, '2024-05-01 11:00', 2, 1, 'cart', 5), (2, '2024-05-01 12:00', 3, 2, 'click', NULL);
-- the line of 5 has the click and the cart, the other the click; a late click ends no session
SELECT order_credits(reuse, NULL, NULL) FROM unnest('{reuse,consume,session}'::text[]) AS reuse;
-- an order at 10:30 consumed the click: the late touch would still earn, so line 2 says late; without it, consumed
SELECT order_credits('consume', '2024-05-01 10:30', NULL);
-- at 12:00 an order of 5: late or not, all would be consumed; nothing is late then, and lines 1 and 2 lack what was consumed
SELECT order_credits('consume', '2024-05-01 12:00', '2024-05-01 12:00');
-- an order at 12:00 without the product left the cart
SELECT order_credits('session', '2024-05-01 12:00', NULL);
-- both are ignored under reuse
SELECT order_credits('reuse', '2024-05-01 12:00', '2024-05-01 12:00');
-- only the late one: late; consumed too: it would not be eligible if it were on time, nor for being late if it were not consumed
DELETE FROM touch WHERE visitor = 1;
SELECT order_credits('consume', NULL, NULL);
SELECT order_credits('consume', '2024-05-01 12:00', NULL);

SET client_min_messages = warning;
DROP SCHEMA reuse_test CASCADE;

-- Journeys: text, the aggregate, what can be asked of one, and that
-- attribute_journey() and attribute() give the same rows.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_influence;
RESET client_min_messages;
SET timezone = 'America/New_York';
\pset null '~'

-- Text ---------------------------------------------------------------------

-- events and their parts come in the one order, whatever the session's settings
SELECT 'journey1()'::influence.journey;
SELECT $$ journey1( rejected=3 ;
  2026-06-02T09:00:00.500Z conversion 5 excluded={9,-7,9} category=2 amount=-1000 order=8 product=3;
  2026-06-01T12:00:00Z   click -1 product=100 weight=1.50 creator=7 channel=direct ) $$::influence.journey;
SET datestyle = 'SQL, DMY';
SELECT 'journey1(2026-06-01T12:00:00Z view 1; 0000-12-31T23:59:59.000001Z cart 2)'::influence.journey;
RESET datestyle;
-- equal events stay as often as they are there
SELECT 'journey1(2026-06-01T12:00:00Z view 1; 2026-06-01T12:00:00Z view 1)'::influence.journey;

SELECT ''::influence.journey;
SELECT 'journey2()'::influence.journey;
SELECT 'journey1(2026-06-31T12:00:00Z click 1)'::influence.journey;
SELECT 'journey1(infinity click 1)'::influence.journey;
SELECT 'journey1(2026-06-01T12:00:00Z purchase 1)'::influence.journey;
SELECT 'journey1(2026-06-01T12:00:00Z click 1 amount=5)'::influence.journey;
SELECT 'journey1(2026-06-01T12:00:00Z click 1 creator=9223372036854775808)'::influence.journey;
SELECT 'journey1(2026-06-01T12:00:00Z click 1 weight=-1)'::influence.journey;
SELECT 'journey1(2026-06-01T12:00:00Z click 1)); DROP'::influence.journey;
\echo :LAST_ERROR_SQLSTATE
SELECT ('journey1(' || repeat('2026-06-01T12:00:00Z click 1;', 100000))::influence.journey;

-- The aggregate ------------------------------------------------------------

-- what belongs to the other sort of event is ignored; a kind that is NULL is a click
SELECT influence.journey(at, kind, id, 7, 100, 3, 5, 6, 'direct', 0.25, '{2,1,NULL,2}')
  FROM (VALUES (timestamptz '2026-06-02 00:00+00', 'conversion', 1), ('2026-06-01 00:00+00', NULL, 2)) e(at, kind, id);
SELECT influence.journey(at, kind, id, NULL, NULL, NULL, NULL, NULL, 'email', 0, '{}')
  FROM (VALUES (timestamptz '2026-06-02 00:00+00', 'conversion', 1), ('2026-06-01 00:00+00', 'coupon', 2)) e(at, kind, id);
SELECT influence.journey('2026-06-01 00:00+00', 'view', 1, NULL, NULL, NULL, NULL, NULL, 'Direct', 9223372036.854775807, NULL);
-- rows that can't take part are counted, and what else they say is not looked at
SELECT j, c.*
  FROM (SELECT influence.journey(at, kind, id, NULL, NULL, NULL, NULL, NULL, NULL, -1, NULL) FILTER (WHERE id IS DISTINCT FROM 9) AS j
		  FROM (VALUES (NULL::timestamptz, 'click', 1), ('2026-06-01 00:00+00', 'nonsense', NULL), ('infinity', 'view', 2),
					   ('-infinity', NULL, 3), ('2026-06-01 00:00+00', 'nonsense', 9), ('2026-06-01 00:00+00', 'conversion', 4)) e(at, kind, id)) x,
	   influence.journey_counts(j) c;
-- no rows, no journey
SELECT influence.journey(now(), 'click', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) FILTER (WHERE false);

SELECT influence.journey(now(), 'purchase', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse
SELECT influence.journey(now(), 'click', 1, NULL, NULL, NULL, NULL, NULL, NULL, -1, NULL);
SELECT influence.journey(now(), 'click', 1, NULL, NULL, NULL, NULL, NULL, NULL, 'NaN', NULL);
SELECT influence.journey(now(), 'click', 1, NULL, NULL, NULL, NULL, NULL, NULL, 0.0000000001, NULL);
\set VERBOSITY default

-- as a window
SELECT n, influence.journey(timestamptz '2026-06-01 00:00+00' + n * interval '1 second', 'view', n, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
		  OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
  FROM generate_series(1, 3) n;

-- the functions of the aggregate take no forged state
CREATE AGGREGATE pg_temp.forged(bytea) (SFUNC = influence_internal.journey_combine, STYPE = bytea, FINALFUNC = influence_internal.journey_final);
SELECT pg_temp.forged(s) FROM (VALUES ('\x00'::bytea), ('\x00')) v(s);
SELECT pg_temp.forged(s) FROM (VALUES ('\x594e524a0100000030000000000000000000000000000000000000000000000000000000000000000100000000000000'::bytea), (NULL)) v(s);
SELECT pg_temp.forged(s) FROM (VALUES ('\x594e524a0100000030000000000000000000000000000000010000000000000000000000000000000000000000000000'::bytea), (NULL)) v(s);
SELECT pg_temp.forged(s) FROM (VALUES ('\x594e524a0100000033000000000000000000000000000000010000000000000000000000000000000300000000000000070000'::bytea), (NULL)) v(s);
SELECT pg_temp.forged(s) FROM (VALUES ('\x594e524a0100000033000000000000000000000000000000010000000000000000000000000000000300000000000000010000'::bytea), (NULL)) v(s);
SELECT influence_internal.journey_combine(NULL, NULL);

-- Random visitors ------------------------------------------------------------

-- touches and order lines of 3,000 visitors; a seeded hash makes them, so every
-- run is the same. Times are few, so that they tie; days go over a clock change.
CREATE FUNCTION pg_temp.draw(key text, sides int) RETURNS int LANGUAGE sql IMMUTABLE
AS $$ SELECT ((hashtextextended(key, 20261122) % sides + sides) % sides)::int $$;

CREATE TABLE journey_touch AS
SELECT v AS visitor, v * 100 + t AS touch_id,
	   timestamptz '2026-03-20 00:00+00' + pg_temp.draw(format('at %s %s', v, t), 40) * interval '9 hours' AS touched_at,
	   (ARRAY['view', 'click', 'cart', 'coupon', NULL, 'click'])[1 + pg_temp.draw(format('kind %s %s', v, t), 6)] AS kind,
	   nullif(pg_temp.draw(format('creator %s %s', v, t), 6), 0)::bigint AS creator_id,
	   nullif(pg_temp.draw(format('product %s %s', v, t), 5), 0)::bigint AS product_id,
	   nullif(pg_temp.draw(format('category %s %s', v, t), 3), 0)::bigint AS category_id,
	   (ARRAY[NULL, 'direct', 'email'])[1 + pg_temp.draw(format('channel %s %s', v, t), 3)] AS channel,
	   nullif(pg_temp.draw(format('weight %s %s', v, t), 9), 8) / 8.0 AS weight
  FROM generate_series(1::bigint, 3000) v, generate_series(1, 14) t
 WHERE t <= pg_temp.draw('touches ' || v, 15);
CREATE TABLE journey_line AS
SELECT v AS visitor, v * 100 + l AS conversion_id,
	   timestamptz '2026-03-22 00:00+00' + pg_temp.draw(format('converted %s %s', v, l), 40) * interval '9 hours' AS converted_at,
	   nullif(pg_temp.draw(format('amount %s %s', v, l), 1000), 0)::bigint - 100 AS amount,
	   nullif(pg_temp.draw(format('order %s %s', v, l), 3), 0)::bigint AS order_id,
	   nullif(pg_temp.draw(format('line product %s %s', v, l), 5), 0)::bigint AS product_id,
	   nullif(pg_temp.draw(format('line category %s %s', v, l), 3), 0)::bigint AS category_id,
	   (ARRAY[NULL, '{}', '{5}', '{4,NULL,5}'])[1 + pg_temp.draw(format('excluded %s %s', v, l), 4)]::bigint[] AS excluded_creator_ids
  FROM generate_series(1::bigint, 3000) v, generate_series(1, 5) l
 WHERE l <= pg_temp.draw('lines ' || v, 6);
CREATE VIEW journey_event AS
SELECT visitor, touched_at AS occurred_at, kind, touch_id AS id, creator_id, NULL::bigint AS amount, NULL::bigint AS order_id,
	   product_id, category_id, channel, weight::numeric, NULL::bigint[] AS excluded_creator_ids
  FROM journey_touch
 UNION ALL
SELECT visitor, converted_at, 'conversion', conversion_id, NULL, amount, order_id, product_id, category_id, NULL, NULL, excluded_creator_ids
  FROM journey_line;

CREATE FUNCTION pg_temp.journeys(shuffle text DEFAULT '') RETURNS TABLE (visitor bigint, journey influence.journey) LANGUAGE sql AS $$
	SELECT visitor, influence.journey(occurred_at, kind, id, creator_id, amount, order_id, product_id, category_id, channel, weight, excluded_creator_ids)
	  FROM (SELECT * FROM journey_event ORDER BY CASE shuffle WHEN '' THEN NULL ELSE md5(concat(id, kind, shuffle)) END OFFSET 0) e
	 GROUP BY visitor $$;
CREATE TABLE visitor_journey AS SELECT * FROM pg_temp.journeys();
SELECT count(*) > 2900 AS many, bool_and(c.touches + c.conversions > 0 AND c.rejected = 0) AS whole,
	   sum(c.touches) = (SELECT count(*) FROM journey_touch) AS touches, sum(c.conversions) = (SELECT count(*) FROM journey_line) AS lines
  FROM visitor_journey, influence.journey_counts(journey) c;

-- any order of rows gives the same bytes
SELECT s AS shuffle, count(*) > 2900 AS many, count(*) FILTER (WHERE influence_internal.journey_send(a.journey) <> influence_internal.journey_send(b.journey)) AS differences
  FROM unnest('{one,two,three}'::text[]) s, pg_temp.journeys(s) a JOIN visitor_journey b USING (visitor)
 GROUP BY s ORDER BY s;
-- and so do parallel workers, whose states are combined
ALTER TABLE journey_touch SET (parallel_workers = 3);
ALTER TABLE journey_line SET (parallel_workers = 3);
SET force_parallel_mode = on;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
EXPLAIN (COSTS OFF)
SELECT visitor % 7, influence.journey(touched_at, kind, touch_id, creator_id, NULL, NULL, product_id, category_id, channel, weight, NULL)
  FROM journey_touch GROUP BY 1;
CREATE TABLE parallel_journey AS
SELECT visitor % 7 AS part, influence.journey(touched_at, kind, touch_id, creator_id, NULL, NULL, product_id, category_id, channel, weight, NULL)
  FROM journey_touch GROUP BY 1;
SET max_parallel_workers_per_gather = 0;
SET force_parallel_mode = off;
SELECT count(*), count(*) FILTER (WHERE influence_internal.journey_send(p.journey) = influence_internal.journey_send(q.journey)) AS same
  FROM parallel_journey p
  JOIN (SELECT visitor % 7 AS part, influence.journey(touched_at, kind, touch_id, creator_id, NULL, NULL, product_id, category_id, channel, weight, NULL)
		  FROM journey_touch GROUP BY 1) q USING (part);
RESET force_parallel_mode;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;

-- text, and the events themselves, give the same journey
SELECT count(*) > 2900 AS many,
	   count(*) FILTER (WHERE NOT journey::text::influence.journey OPERATOR(influence.=) journey) AS lost_in_text,
	   count(*) FILTER (WHERE NOT (SELECT influence.journey(e.occurred_at, e.kind, e.id, e.creator_id, e.amount, e.order_id, e.product_id,
														   e.category_id, e.channel, e.weight, e.excluded_creator_ids)
									 FROM influence.journey_events(journey) e) OPERATOR(influence.=) journey) AS lost_in_events
  FROM visitor_journey;
-- and its events are the rows; 0 weighs as much as NULL, only direct is kept of a channel
WITH kept AS (
	SELECT occurred_at, coalesce(kind, 'click') AS kind, id, creator_id, amount, order_id, product_id, category_id,
		   CASE channel WHEN 'direct' THEN channel END AS channel, trim_scale(nullif(weight, 0))::text AS weight,
		   nullif(array_remove(excluded_creator_ids, NULL), '{}') AS excluded_creator_ids
	  FROM journey_event),
again AS (
	SELECT e.occurred_at, e.kind, e.id, e.creator_id, e.amount, e.order_id, e.product_id, e.category_id, e.channel, e.weight::text, e.excluded_creator_ids
	  FROM visitor_journey, influence.journey_events(journey) e)
SELECT (SELECT count(*) FROM (TABLE kept EXCEPT ALL TABLE again) x) AS missing, (SELECT count(*) FROM (TABLE again EXCEPT ALL TABLE kept) x) AS invented;

-- Comparing ------------------------------------------------------------------

SELECT a OPERATOR(influence.=) b AS eq, a OPERATOR(influence.<>) b AS ne, (a OPERATOR(influence.<) b) <> (a OPERATOR(influence.>=) b) AS lt_ge,
	   (a OPERATOR(influence.>) b) <> (a OPERATOR(influence.<=) b) AS gt_le
  FROM (VALUES ('journey1()'::influence.journey, 'journey1()'::influence.journey), ('journey1()', 'journey1(rejected=1)')) v(a, b);
SET enable_hashagg = off;
SELECT count(*) = (SELECT count(*) FROM visitor_journey) AS sorted
  FROM (SELECT DISTINCT journey FROM (TABLE visitor_journey UNION ALL TABLE visitor_journey) v) d;
SET enable_hashagg = on;
SET enable_sort = off;
SELECT count(*) = (SELECT count(*) FROM visitor_journey) AS hashed
  FROM (SELECT journey FROM (TABLE visitor_journey UNION ALL TABLE visitor_journey) v GROUP BY 1) d;
RESET enable_sort;
RESET enable_hashagg;
SELECT count(*) = (SELECT count(*) FROM visitor_journey) AS joined FROM visitor_journey a JOIN visitor_journey b ON a.journey OPERATOR(influence.=) b.journey;

-- A large one, out of line and compressed
CREATE TABLE large AS SELECT influence.journey(occurred_at, kind, id, creator_id, amount, order_id, product_id, category_id, channel, weight, excluded_creator_ids) FROM journey_event;
SELECT pg_column_size(journey) > 100000 AS large, journey OPERATOR(influence.=)
	   (SELECT influence.journey(e.occurred_at, e.kind, e.id, e.creator_id, e.amount, e.order_id, e.product_id, e.category_id, e.channel, e.weight, e.excluded_creator_ids)
		  FROM visitor_journey v, influence.journey_events(v.journey) e) AS merged
  FROM large;

-- Agreement ------------------------------------------------------------------

-- each model with each reuse, matching in turn; windows by the calendar over
-- the night in which Berlin's clocks change
CREATE FUNCTION pg_temp.disagreement(model text, reuse text, match text) RETURNS TABLE (rows bigint, reasons text, differences bigint) LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS direct, pushed;
	CREATE TEMP TABLE direct AS
	SELECT * FROM influence.attribute('SELECT * FROM journey_touch', 'SELECT * FROM journey_line', model => model, reuse => reuse, match => match,
		lookback => '6 days', view_lookback => '30 hours', cart_lookback => '1 month', half_life => '50 hours', position_weights => '{0.5,0.1,0.4}',
		session_lifetime => '2 days', time_zone => 'Europe/Berlin');
	CREATE TEMP TABLE pushed AS
	SELECT a.* FROM visitor_journey v, influence.attribute_journey(v.journey, model => model, reuse => reuse, match => match,
		lookback => '6 days', view_lookback => '30 hours', cart_lookback => '1 month', half_life => '50 hours', position_weights => '{0.5,0.1,0.4}',
		session_lifetime => '2 days', time_zone => 'Europe/Berlin') a;
	RETURN QUERY SELECT (SELECT count(*) FROM pushed), (SELECT string_agg(DISTINCT reason, ' ' ORDER BY reason) FROM pushed),
		(SELECT count(*) FROM (TABLE direct EXCEPT ALL TABLE pushed) x) + (SELECT count(*) FROM (TABLE pushed EXCEPT ALL TABLE direct) x);
END
$$;
SET client_min_messages = warning;
SELECT m.model, string_agg(DISTINCT d.reasons, ' | ') AS reasons, bool_and(d.rows >= (SELECT count(*) FROM journey_line)) AS enough, sum(d.differences) AS differences
  FROM unnest('{first_touch,last_touch,last_non_direct,linear,position_based,j_shaped,inverse_j,time_decay,participation,shapley,custom}'::text[])
	   WITH ORDINALITY m(model, i),
	   unnest('{reuse,consume,session}'::text[]) WITH ORDINALITY r(reuse, k),
	   pg_temp.disagreement(m.model, r.reuse, ('{any,product,category}'::text[])[1 + (i + k) % 3]) d
 GROUP BY m.i, m.model ORDER BY m.i;
RESET client_min_messages;
-- with every argument left out
WITH direct AS (SELECT * FROM influence.attribute('SELECT * FROM journey_touch', 'SELECT * FROM journey_line')),
pushed AS (SELECT a.* FROM visitor_journey, influence.attribute_journey(journey) a)
SELECT (SELECT count(*) FROM direct) > 7000 AS enough, (SELECT count(*) FROM (TABLE direct EXCEPT ALL TABLE pushed) x) AS missing,
	   (SELECT count(*) FROM (TABLE pushed EXCEPT ALL TABLE direct) x) AS invented;

-- One visitor by hand: 10.00 over three clicks and a view that does not count
SELECT * FROM influence.attribute_journey('journey1(
	2026-06-01T12:00:00Z click 1 creator=7; 2026-06-05T12:00:00Z view 2 creator=8; 2026-06-08T12:00:00Z click 3; 2026-06-09T12:00:00Z click 4 creator=8;
	2026-06-10T12:00:00Z conversion 5 amount=1000)', 'linear', view_lookback => '30 days');
SELECT * FROM influence.attribute_journey('journey1(2026-06-10T12:00:00Z conversion 5 amount=1000)');
SELECT * FROM influence.attribute_journey('journey1(2026-06-10T12:00:00Z click 5 creator=1)');
SELECT * FROM influence.attribute_journey(NULL);
SELECT * FROM influence.attribute_journey(NULL, model => 'last click');
SELECT * FROM influence.attribute_journey('journey1()', model => NULL);
\echo :LAST_ERROR_SQLSTATE

-- Paths ------------------------------------------------------------------------

-- creators 1 to 4 are A to D of fractribution's example: D, A, B, B, C, D, C, C
CREATE TEMP TABLE example AS
SELECT influence.journey('2026-06-01'::timestamptz + n * interval '1 hour', 'click', n, c, NULL, NULL, NULL, NULL, NULL, NULL, NULL) AS j
  FROM unnest('{4,1,2,2,3,4,3,3}'::bigint[]) WITH ORDINALITY u(c, n);
SELECT t AS transform, influence.journey_path(j, t) AS path, influence.journey_path(j, t, 3) AS last_3, influence.journey_path(j, t, 99) AS last_99
  FROM example, unnest('{unique,exposure,first}'::text[]) t;
SELECT influence.journey_path(j) FROM example;
-- no creator is one like any other; every kind counts; conversions give nothing
SELECT t AS transform, influence.journey_path('journey1(2026-06-01T12:00:00Z click 1 creator=7; 2026-06-01T12:00:00Z click 2; 2026-06-01T12:00:00Z conversion 2;
	2026-06-01T12:00:01Z view 3; 2026-06-01T12:00:02Z cart 4 creator=7; 2026-06-01T12:00:02Z coupon 4 creator=8)', t) AS path
  FROM unnest('{unique,exposure,first}'::text[]) t;
SELECT influence.journey_path('journey1(2026-06-01T12:00:00Z conversion 1)') AS empty, influence.journey_path(NULL) AS nothing;
SELECT influence.journey_path('journey1()', 'frequency');
SELECT influence.journey_path('journey1()', last_k => 0);
SELECT influence.journey_path('journey1()', NULL);
\echo :LAST_ERROR_SQLSTATE

-- a path per conversion by its window, and one for what led to no order
SELECT r AS reuse, p.*
  FROM unnest('{reuse,consume}'::text[]) WITH ORDINALITY u(r, i),
	   influence.journey_paths('journey1(
		2026-06-01T12:00:00Z click 1 creator=1; 2026-06-02T12:00:00Z click 2 creator=2; 2026-06-03T12:00:00Z click 3 creator=2;
		2026-06-03T13:00:00Z cart 4 creator=3 product=100;
		2026-06-04T00:00:00Z conversion 10 order=1 amount=1000 product=100; 2026-06-04T00:00:00Z conversion 11 order=1 amount=50;
		2026-06-05T12:00:00Z click 5 creator=4; 2026-06-06T00:00:00Z conversion 12;
		2026-06-07T12:00:00Z click 6 creator=5; 2026-06-08T12:00:00Z click 7)', lookback => '4 days', reuse => r) p
 ORDER BY i, conversion_id;
-- windows of the path to nothing end at its last touch of a kind that counts; views only where nothing else does
SELECT v AS view_lookback, p.path, p.nulls
  FROM unnest('{0,1 day,30 days}'::text[]) v,
	   influence.journey_paths('journey1(2026-06-01T00:00:00Z click 1 creator=1; 2026-06-02T00:00:00Z cart 2 creator=2; 2026-07-20T00:00:00Z view 3 creator=3)',
							   lookback => '10 days', cart_lookback => '20 days', view_lookback => v::interval) p;
-- nobody is credited: nobody is on the path
SELECT * FROM influence.journey_paths('journey1(2026-06-01T00:00:00Z click 1 creator=1; 2026-06-02T00:00:00Z conversion 2 amount=-7 excluded={1})');
SELECT * FROM influence.journey_paths('journey1(2026-06-01T00:00:00Z view 1 creator=1)');
SELECT * FROM influence.journey_paths(NULL);
SELECT * FROM influence.journey_paths(NULL, 'frequency');
SELECT * FROM influence.journey_paths('journey1()', lookback => NULL);
SELECT * FROM influence.journey_paths('journey1()', reuse => 'never');

-- the path of a conversion is what its amount is split over
SELECT count(*) > 7000 AS enough, count(*) FILTER (WHERE a.path IS DISTINCT FROM p.path) AS differences
  FROM (SELECT p.conversion_id, p.path FROM visitor_journey, influence.journey_paths(journey, 'unique', lookback => '6 days', reuse => 'session', match => 'product') p
		 WHERE conversions = 1) p
  FULL JOIN (SELECT a.conversion_id, coalesce(array_agg(a.creator_id ORDER BY a.touch_position) FILTER (WHERE a.touch_id IS NOT NULL), '{}') AS path
			   FROM visitor_journey, influence.attribute_journey(journey, 'linear', lookback => '6 days', reuse => 'session', match => 'product') a
			  GROUP BY 1) a USING (conversion_id);

-- Plans may use what is known of the functions
SELECT proname, provolatile, proparallel, proisstrict
  FROM pg_proc WHERE pronamespace = 'influence'::regnamespace AND proname ~ 'journey' ORDER BY 1;

DROP VIEW journey_event;
DROP TABLE journey_touch, journey_line, visitor_journey, parallel_journey, large;

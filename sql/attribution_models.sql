--
-- Attribution: each model, worked out by hand on paths of a few touches.
--
SET TimeZone = 'UTC';
CREATE SCHEMA models_test;
SET search_path = models_test, public;

CREATE TABLE touch (visitor bigint, touched_at timestamptz, touch_id bigint, creator_id bigint,
	kind text, channel text, weight numeric);
CREATE TABLE sale (visitor bigint, converted_at timestamptz, conversion_id bigint, amount bigint,
	excluded_creator_ids bigint[]);

-- One text per conversion: id, reason, path length, touch@position=credit ... ("-" for no touch).
-- What is wanted stands in this file, from the rules alone; what is not so is printed.
CREATE FUNCTION wrong(arguments text, VARIADIC wanted text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	got text[];
BEGIN
	EXECUTE format($q$
		SELECT array_agg(line ORDER BY conversion_id)
		FROM (SELECT conversion_id, concat_ws(' ', conversion_id, reason, path_length,
				string_agg(CASE WHEN touch_id IS NULL THEN '-' ELSE touch_id || '@' || touch_position END || '=' || coalesce(credit::text, 'null'), ' '
					ORDER BY touch_position)) AS line
			FROM influence.attribute('TABLE touch', 'TABLE sale', %s) GROUP BY conversion_id, reason, path_length) AS c $q$, arguments) INTO got;
	RETURN QUERY SELECT arguments || ': got ' || coalesce(g, 'nothing') || ', wanted ' || coalesce(w, 'nothing')
		FROM unnest(got, wanted) AS u(g, w) WHERE g IS DISTINCT FROM w;
END $$;

CREATE FUNCTION error_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', SQLSTATE || ' ' || message, nullif(hint, ''));
END $$;

-- Visitor 1 has five touches, an hour apart, of creators 1, 2, 1 and nobody twice; visitor 2 has two
-- of creator 5, visitor 3 one of nobody. Only the channel "direct", exactly, is direct.
INSERT INTO touch VALUES
	(1, '2024-05-01 01:00', 11, 1, 'click', 'direct', NULL),
	(1, '2024-05-01 02:00', 12, 2, 'click', 'Direct', 0),
	(1, '2024-05-01 03:00', 13, 1, 'click', NULL, 2.5),
	(1, '2024-05-01 04:00', 14, NULL, 'click', 'direct', 0.000000001),
	(1, '2024-05-01 05:00', 15, NULL, 'click', 'direct', 7.5),
	(2, '2024-05-01 01:00', 21, 5, 'click', 'social', 1),
	(2, '2024-05-01 02:00', 22, 5, 'coupon', 'direct', 3),
	(3, '2024-05-01 01:00', 31, NULL, 'click', 'direct', 0);
INSERT INTO sale SELECT v, '2024-05-02', v, 100, NULL FROM generate_series(1, 3) AS v;

SELECT wrong('''first_touch''', '1 credited 5 11@1=100', '2 credited 2 21@1=100', '3 credited 1 31@1=100');
SELECT wrong('''last_touch''', '1 credited 5 15@5=100', '2 credited 2 22@2=100', '3 credited 1 31@1=100');
-- the last that is not direct; where all are, the last
SELECT wrong('''last_non_direct''', '1 credited 5 13@3=100', '2 credited 2 21@1=100', '3 credited 1 31@1=100');
SELECT wrong('''linear''', '1 credited 5 11@1=20 12@2=20 13@3=20 14@4=20 15@5=20', '2 credited 2 21@1=50 22@2=50', '3 credited 1 31@1=100');
-- 2:1:2 is 6 1 1 1 6 of 15: 40, 6.67 thrice, 40; the two units left go to the earlier ones
SELECT wrong('''position_based''', '1 credited 5 11@1=40 12@2=7 13@3=7 14@4=6 15@5=40', '2 credited 2 21@1=50 22@2=50', '3 credited 1 31@1=100');
-- 1:1:3 is 3 1 1 1 9 of 15; of two 1 and 3. The weights that were given don't matter.
SELECT wrong('''j_shaped'', position_weights => ''{0.5,0.1,0.4}''', '1 credited 5 11@1=20 12@2=7 13@3=7 14@4=6 15@5=60', '2 credited 2 21@1=25 22@2=75', '3 credited 1 31@1=100');
SELECT wrong('''inverse_j''', '1 credited 5 11@1=60 12@2=7 13@3=7 14@4=6 15@5=20', '2 credited 2 21@1=75 22@2=25', '3 credited 1 31@1=100');
-- halved each hour: 1 2 4 8 16 of 31 are 3.23, 6.45, 12.90, 25.81, 51.61: three units to the last three; 1 2 of 3 are 33.33 and 66.67
SELECT wrong('''time_decay'', half_life => ''1 hour''', '1 credited 5 11@1=3 12@2=6 13@3=13 14@4=26 15@5=52', '2 credited 2 21@1=33 22@2=67', '3 credited 1 31@1=100');
-- halved in 24 hours, which one day is in every zone
SELECT (SELECT array_agg(c ORDER BY c) FROM influence.attribute('TABLE touch', 'TABLE sale', 'time_decay', half_life => '1 day', time_zone => 'Europe/Berlin') AS c) =
	(SELECT array_agg(c ORDER BY c) FROM influence.attribute('TABLE touch', 'TABLE sale', 'time_decay', half_life => '24 hours') AS c) AS a_day_is_24_hours;
-- the weight column: NULL and 0 are no weight, 2.5 + 0.000000001 + 7.5 = 10.000000001; of 100 that are a little less than 25, nearly 0, a little less than 75
SELECT wrong('''custom''', '1 credited 5 13@3=25 14@4=0 15@5=75', '2 credited 2 21@1=25 22@2=75', '3 no_weight 1 -=100');
-- each creator once, at its last touch, with everything or an equal part; without any creator the last touch
SELECT wrong('''participation''', '1 credited 5 12@2=100 13@3=100', '2 credited 2 22@2=100', '3 credited 1 31@1=100');
SELECT wrong('''shapley''', '1 credited 5 12@2=50 13@3=50', '2 credited 2 22@2=100', '3 credited 1 31@1=100');

-- Shares of one: participation gives each creator all of it.
SELECT model, array_agg(round(weight::numeric, 6) ORDER BY touch_position) AS weights
FROM unnest('{j_shaped,inverse_j,custom,participation,shapley}'::text[]) WITH ORDINALITY AS m(model, no),
	influence.attribute('TABLE touch', 'SELECT * FROM sale WHERE conversion_id = 1', model) GROUP BY no, model ORDER BY no;

-- Totals. Participation: each creator has the whole conversion, so 4 of 3, and 400 of 300.
SELECT * FROM influence.attribute_totals('TABLE touch', 'TABLE sale', 'participation') ORDER BY creator_id;
SELECT * FROM influence.attribute_totals('TABLE touch', 'TABLE sale', 'shapley') ORDER BY creator_id;
-- custom: creator 1 has 2.5 of 10.000000001: 0.24999999997500.. of a conversion; nobody 0.0000000000999.. and 0.74999999992500.. .
-- In billionths the floors are 249999999, 0, 749999999, the two left go to the largest remainders: .975, .1, .925. Visitor 3 is nobody's.
SELECT * FROM influence.attribute_totals('TABLE touch', 'TABLE sale', 'custom') ORDER BY creator_id;

-- Excluded: an excluded creator among those who would earn, and only there. 1 has touches 11 and 13, 2 has 12.
UPDATE sale SET conversion_id = 101, excluded_creator_ids = '{1}' WHERE visitor = 1;
DELETE FROM sale WHERE visitor > 1;
INSERT INTO sale VALUES (1, '2024-05-02', 102, 100, '{9,2}');
SELECT wrong('''first_touch''', '101 excluded 5 -=100', '102 credited 5 11@1=100');
SELECT wrong('''last_touch''', '101 credited 5 15@5=100', '102 credited 5 15@5=100');
SELECT wrong('''last_non_direct''', '101 excluded 5 -=100', '102 credited 5 13@3=100');
SELECT wrong(quote_literal(model), '101 excluded 5 -=100', '102 excluded 5 -=100')
FROM unnest('{linear,position_based,j_shaped,inverse_j,time_decay,participation,shapley}'::text[]) AS model;
-- touch 12 of creator 2 weighs nothing
SELECT wrong('''custom''', '101 excluded 5 -=100', '102 credited 5 13@3=25 14@4=0 15@5=75');
-- totals: 100 and one conversion are nobody's for being excluded, 100 and one for touch 15
SELECT * FROM influence.attribute_totals('TABLE touch', 'TABLE sale', 'last_touch') ORDER BY creator_id;
SELECT * FROM influence.attribute_totals('TABLE touch', 'TABLE sale', 'participation') ORDER BY creator_id;

-- Views are weighed by the same models where there is nothing else; a path of views alone has its own positions.
TRUNCATE touch, sale;
INSERT INTO touch VALUES
	(1, '2024-05-01 01:00', 1, 1, 'view', 'social', 1), (1, '2024-05-01 02:00', 2, 2, 'view', 'direct', 2), (1, '2024-05-01 03:00', 3, 1, 'view', 'direct', 5),
	(2, '2024-05-01 01:00', 4, 1, 'view', NULL, 1), (2, '2024-05-01 02:00', 5, 2, 'click', 'direct', 2), (2, '2024-05-01 03:00', 6, 3, 'view', NULL, 5);
INSERT INTO sale VALUES (1, '2024-05-02', 1, 7, NULL), (2, '2024-05-02', 2, NULL, '{3}');
SELECT wrong('''last_non_direct'', view_lookback => ''2 days''', '1 credited 3 1@1=7', '2 credited 1 5@1=null');
-- 1 1 3 of 5 are 1.4, 1.4, 4.2 of 7: the unit left to the first
SELECT wrong('''j_shaped'', view_lookback => ''2 days''', '1 credited 3 1@1=2 2@2=1 3@3=4', '2 credited 1 5@1=null');
-- 1 2 4 of 7; 1 2 5 of 8 are 0.875, 1.75, 4.375: units to the first and second
SELECT wrong('''time_decay'', half_life => ''1 hour'', view_lookback => ''2 days''', '1 credited 3 1@1=1 2@2=2 3@3=4', '2 credited 1 5@1=null');
SELECT wrong('''custom'', view_lookback => ''2 days''', '1 credited 3 1@1=1 2@2=2 3@3=4', '2 credited 1 5@1=null');
-- creator 2 is at touch 2, creator 1 at touch 3: 3.5 each, the odd unit to the earlier
SELECT wrong('''shapley'', view_lookback => ''2 days''', '1 credited 3 2@2=4 3@3=3', '2 credited 1 5@1=null');
SELECT wrong('''participation'', view_lookback => ''2 days''', '1 credited 3 2@2=7 3@3=7', '2 credited 1 5@1=null');

-- The newest touch weighs 2^31; one of 31 half-lives before weighs 1, one of 32 half-lives 0.5, which is even rounded to 0, one of 31.5 1.
TRUNCATE touch, sale;
INSERT INTO touch SELECT v, '2024-05-02'::timestamptz - before, 10 * v, v, 'click', NULL, NULL
FROM (VALUES (1, interval '31 hours'), (2, '32 hours'), (3, '31.5 hours'), (4, '32 hours -1 microsecond')) AS x(v, before);
INSERT INTO touch SELECT v, '2024-05-02', 10 * v + 1, 9, 'click', NULL, NULL FROM generate_series(1, 4) AS v;
INSERT INTO sale SELECT v, '2024-05-02', v, 2147483648 + (v <> 2)::int, NULL FROM generate_series(1, 4) AS v;
SELECT wrong('''time_decay'', half_life => ''1 hour''', '1 credited 2 10@1=1 11@2=2147483648', '2 credited 2 21@2=2147483648',
	'3 credited 2 30@1=1 31@2=2147483648', '4 credited 2 40@1=1 41@2=2147483648');

-- Weights of every type; nothing but their ratio counts.
SELECT type, array_agg(credit ORDER BY touch_position) AS credits
FROM unnest('{int,bigint,numeric,"numeric(12,9)"}'::text[]) WITH ORDINALITY AS t(type, no),
	influence.attribute(format($$ SELECT 1 AS visitor, timestamptz '2024-05-01' AS touched_at, n AS touch_id, 1 AS creator_id, (n - 1)::%s AS weight FROM generate_series(1, 3) AS n $$, type),
		$$ SELECT 1 AS visitor, timestamptz '2024-05-01' AS converted_at, 1 AS conversion_id, 99 AS amount $$, 'custom')
GROUP BY no, type ORDER BY no;
CREATE FUNCTION with_weights(VARIADIC weights text[]) RETURNS text LANGUAGE sql AS $$
	SELECT error_of(format('SELECT * FROM influence.attribute(%L, %L, ''custom'')',
		format('SELECT 1 AS visitor, timestamptz ''2024-05-01'' AS touched_at, no AS touch_id, 1 AS creator_id, w::numeric AS weight FROM unnest(%L::text[]) WITH ORDINALITY AS u(w, no)', weights),
		'SELECT 1 AS visitor, timestamptz ''2024-05-01'' AS converted_at, 1 AS conversion_id, 99 AS amount'))
$$;
SELECT with_weights('-1');
SELECT with_weights('-0.000000001');
SELECT with_weights('NaN');
SELECT with_weights('Infinity');
SELECT with_weights('-Infinity');
SELECT with_weights('0.0000000001');
SELECT with_weights('9223372036.854775808');
-- zeros behind the ninth decimal are none; the largest sum is that of int64 in billionths
SELECT with_weights('1.0000000000000');
SELECT with_weights('9223372036.854775806', '0.000000001', '0', NULL);
SELECT with_weights('9223372036.854775806', '0.000000002');
SELECT with_weights('5000000000', '5000000000');
-- integers as large
SELECT error_of($$ SELECT * FROM influence.attribute('SELECT 1 AS visitor, now() AS touched_at, 1 AS touch_id, 1 AS creator_id, 9223372036854775807 AS weight',
	'SELECT 1 AS visitor, now() AS converted_at, 1 AS conversion_id', 'custom') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('SELECT 1 AS visitor, now() AS touched_at, 1 AS touch_id, 1 AS creator_id, -1 AS weight',
	'SELECT 1 AS visitor, now() AS converted_at, 1 AS conversion_id', 'custom') $$);
SELECT touch_id, credit FROM influence.attribute('SELECT 1 AS visitor, now() AS touched_at, 1 AS touch_id, 1 AS creator_id, 9223372036 AS weight',
	'SELECT 1 AS visitor, now() AS converted_at, 1 AS conversion_id, 5 AS amount', 'custom');
-- the column must be there, of a type that is exact, for this model only; others don't look at it
SELECT error_of($$ SELECT * FROM influence.attribute('SELECT visitor, touched_at, touch_id, creator_id FROM touch', 'TABLE sale', 'custom') $$);
SELECT error_of($$ SELECT * FROM influence.attribute_totals('SELECT visitor, touched_at, touch_id, creator_id FROM touch', 'TABLE sale', 'custom') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('SELECT visitor, touched_at, touch_id, creator_id, 1::float8 AS weight FROM touch', 'TABLE sale', 'custom') $$);
SELECT error_of($$ SELECT * FROM influence.attribute('SELECT visitor, touched_at, touch_id, creator_id, -1 AS weight FROM touch', 'TABLE sale', 'linear') $$);
-- a row that is left out is not asked for its weight
SELECT count(*) FROM influence.attribute('SELECT NULL::int AS visitor, now() AS touched_at, 1 AS touch_id, 1 AS creator_id, -1 AS weight', 'TABLE sale', 'custom');
SELECT rejected_touches FROM influence.last_attribution_stats();

-- Wrong types of the other columns.
SELECT error_of(format($$ SELECT * FROM influence.attribute('SELECT visitor, touched_at, touch_id, creator_id, %s FROM touch', 'TABLE sale') $$, columns))
FROM unnest(ARRAY['1 AS channel', '1.5 AS category_id']) AS columns;
SELECT error_of(format($$ SELECT * FROM influence.attribute('TABLE touch', 'SELECT visitor, converted_at, conversion_id, %s FROM sale') $$, columns))
FROM unnest(ARRAY['1.5 AS order_id', 'now() AS category_id']) AS columns;

SET client_min_messages = warning;
DROP SCHEMA models_test CASCADE;

-- record_order and influence.attribute() run the same core: over the same
-- touches and order lines they give the same rows, model by model. The touches
-- have ties in time, kinds of every sort, carts, creators without a name and
-- buyers who are creators; a seeded hash makes them, so every run is the same.
SET client_min_messages = warning;
DO $$
BEGIN
	IF to_regclass('influence.schema_version') IS NOT NULL THEN
		PERFORM influence.uninstall('drop all influence data in ' || current_database());
	END IF;
	PERFORM influence.install();
END
$$;
RESET client_min_messages;

CREATE FUNCTION pg_temp.draw(key text, sides int) RETURNS int LANGUAGE sql IMMUTABLE
AS $$ SELECT (abs(hashtextextended(key, 20260101) % sides))::int $$;

SELECT status FROM influence.create_category('everything');
SELECT recorded
  FROM influence.add_products((SELECT jsonb_agg(jsonb_build_object('sku', 'p' || i, 'title', 'p' || i,
			'category_id', (SELECT category_id FROM influence.category))) FROM generate_series(1, 5) i));
DO $$
DECLARE
	model text;
	visitor uuid;
	program bigint;
BEGIN
	FOR i IN 1 .. 6 LOOP
		-- creator c6 is also visitor 7
		PERFORM influence.register_creator('c' || i, 'c' || i,
			visitor_id => CASE WHEN i = 6 THEN md5('visitor 7')::uuid END);
	END LOOP;
	FOREACH model IN ARRAY ARRAY['first_touch', 'last_touch', 'linear', 'position_based'] LOOP
		program := (influence.create_program(model, 'EUR', 'Europe/Berlin',
			jsonb_build_object('model', model, 'lookback', '10 days', 'view_lookback', '2 days', 'cart_lookback', '20 days',
							   'position_weights', '{0.5,0.1,0.4}'))).program_id;
		FOR v IN 1 .. 60 LOOP
			visitor := md5('visitor ' || v)::uuid;
			PERFORM influence.record_touches(program, (
				SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
					'visitor_id', visitor, 'touch_ref', format('%s/%s/%s', program, v, t),
					'touched_at', timestamptz '2026-03-20 00:00:00+00' + pg_temp.draw(format('at %s %s', v, t), 120) * interval '6 hours',
					'kind', (ARRAY['view', 'click', 'cart', 'coupon', 'click'])[1 + pg_temp.draw(format('kind %s %s', v, t), 5)],
					'creator_id', nullif(pg_temp.draw(format('creator %s %s', v, t), 7), 0),
					'product_id', nullif(pg_temp.draw(format('product %s %s', v, t), 6), 0))))
				  FROM generate_series(1, pg_temp.draw('touches ' || v, 12)) t
				HAVING count(*) > 0))
			WHERE pg_temp.draw('touches ' || v, 12) > 0;
			FOR o IN 1 .. 2 LOOP
				PERFORM influence.record_order(program, visitor, format('%s/%s', v, o), (
					SELECT jsonb_agg(jsonb_build_object('line_no', l, 'sku', 'p' || 1 + pg_temp.draw(format('line %s %s %s', v, o, l), 5),
							'quantity', 1, 'paid_price', pg_temp.draw(format('price %s %s %s', v, o, l), 1000)))
					  FROM generate_series(1, 2) l),
					timestamptz '2026-03-20 00:00:00+00' + pg_temp.draw(format('ordered %s %s', v, o), 120) * interval '6 hours');
			END LOOP;
		END LOOP;
	END LOOP;
END
$$;

-- every way to be credited or not occurs in every model
SELECT p.name, c.reason, count(*) > 5 AS several
  FROM influence.credit c JOIN influence.program p USING (program_id)
 WHERE c.reason <> 'excluded'
 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) > 0 AS some_excluded FROM influence.credit WHERE reason = 'excluded';

CREATE TEMP TABLE numbered AS
SELECT t.*, row_number() OVER (ORDER BY t.visitor_id, t.touched_at, t.touch_ref COLLATE "C") AS touch_id
  FROM influence.touch t;
CREATE TEMP TABLE lines AS
SELECT l.*, o.ordered_at, row_number() OVER (ORDER BY l.program_id, l.visitor_id, l.order_ref, l.line_no) AS conversion_id
  FROM influence.order_line l JOIN influence.orders o USING (visitor_id, program_id, order_ref);
CREATE TEMP TABLE engine AS
SELECT p.program_id, a.*
  FROM influence.program p
  JOIN influence.attribution_policy y USING (program_id)
 CROSS JOIN LATERAL influence.attribute(
	format('SELECT visitor_id AS visitor, touched_at, touch_id, creator_id, kind, product_id FROM numbered WHERE program_id = %s', p.program_id),
	format($q$SELECT l.visitor_id AS visitor, l.ordered_at AS converted_at, l.conversion_id, l.base_amount AS amount, l.product_id,
				ARRAY(SELECT c.creator_id FROM influence.creator c WHERE c.visitor_id = l.visitor_id) AS excluded_creator_ids
			   FROM lines l WHERE l.program_id = %s$q$, p.program_id),
	model => y.model, lookback => y.lookback, view_lookback => y.view_lookback, cart_lookback => y.cart_lookback,
	position_weights => y.position_weights, time_zone => p.time_zone) a;

SELECT count(*) > 500 AS enough_rows FROM engine;
-- the symmetric difference of both is empty
WITH program_rows AS (
	SELECT c.program_id, l.conversion_id, n.touch_id, c.creator_id, c.touch_position, c.path_length, c.weight, c.credit, c.reason
	  FROM influence.credit c
	  JOIN lines l USING (visitor_id, program_id, order_ref, line_no)
	  LEFT JOIN numbered n ON n.visitor_id = c.visitor_id AND n.program_id = c.program_id AND n.touch_ref = c.touch_ref
), engine_rows AS (
	SELECT e.program_id, e.conversion_id, e.touch_id, e.creator_id, e.touch_position, e.path_length, e.weight, e.credit, e.reason
	  FROM engine e
)
SELECT 'only in the program' AS side, d.* FROM (SELECT * FROM program_rows EXCEPT ALL SELECT * FROM engine_rows) d
UNION ALL
SELECT 'only in the engine', d.* FROM (SELECT * FROM engine_rows EXCEPT ALL SELECT * FROM program_rows) d;

SELECT * FROM influence.check_books();
SELECT dropped > 40 AS dropped FROM influence.uninstall('drop all influence data in ' || current_database());

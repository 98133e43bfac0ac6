--
-- The short way of plain orders and the long way of all others come to the same: each order is recorded twice, for two visitors with the
-- same touches, once with a coupon that is nobody's and, under coupon_rule none, changes nothing but takes the long way.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('last', 'USD', 'UTC', '{"view_lookback": "1 day"}', '{"hold": "30 days"}');
SELECT pg_temp.new_program('linear', 'EUR', 'Europe/Berlin', '{"model": "linear", "lookback": "7 days"}', '{"hold_after_month_end": 15, "rounding": "half_even"}');
SELECT pg_temp.new_program('match', 'JPY', 'Asia/Tokyo', '{"model": "position_based", "match": "category"}', '{"hold_from": "delivered", "rounding": "down"}');
SELECT category_id FROM influence.create_category('Home');
SELECT category_id FROM influence.create_category('Light', 1);
SELECT category_id FROM influence.create_category('Food');
SELECT product_ids FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 2}, {"sku": "rug", "title": "Rug", "category_id": 1}, {"sku": "tea", "title": "Tea", "category_id": 3}]');
SELECT pg_temp.new_creator('c' || i, CASE WHEN i = 7 THEN pg_temp.visitor(1007) END) FROM generate_series(1, 7) i;
SELECT status FROM influence.register_creator('c8', 'Not admitted');
SELECT status FROM influence.set_creator_status(pg_temp.creator('c5'), 'suspended', 'fake followers', 'ops', '2024-06-05');
SELECT status FROM influence.set_creator_status(pg_temp.creator('c6'), 'banned', 'fraud', 'ops', '2024-06-01');
-- visitor 1007 is creator c7's account, of whose person 2007 is; 1009 and 1010 are one person, as are 2009 and 2010
SELECT status FROM (VALUES (2007, 1007), (1009, 1010), (2009, 2010)) v(a, b), influence.identify(pg_temp.visitor(a), pg_temp.visitor(b));
SELECT count(*) FROM (VALUES (0.05, 0, 0, 0, '', '', 0), (0.06, 0, 0, 1, '', '', 0), (0.07, 0, 0, 2, '', '', 0), (0.03, 0, 3, 0, '', '', 0), (0.11, 1, 0, 0, '', '', 0),
		(0.12, 1, 1, 0, '', '', 0), (0.13, 2, 0, 2, '', '', 0), (0.015, 0, 0, 0, 'DE', '', 0), (0.025, 0, 0, 0, '', 'new', 0), (0.035, 0, 0, 3, '', 'returning', 0), (0.045, 3, 0, 0, '', '', 1), (0.0333, 3, 0, 0, '', '', 0)) r(rate, c, p, k, country, kind, priority),
	influence.program g, influence.set_commission_rate(g.program_id, r.rate, r.c, r.p, r.k, r.country, NULL, r.priority, '2024-01-01', customer_kind => r.kind);
SELECT count(*) FROM influence.set_tier_table(2, 'revenue', 'graduated', '{0,100000}', '{0.05,0.06}', valid_from => '2024-01-01') a, influence.set_tier_table(2, 'revenue', 'volume', '{0,100000}', '{0.05,0.06}', 2, '2024-06-04') b;

-- Touches of the persons 1 to 60 under the visitors 1000 + n and 2000 + n: all kinds, some late, without creator, before the windows
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, channel, product_id, category_id, post_id, viewable_ms, received_at)
SELECT pg_temp.visitor(w + n), m.at, 't' || i % 9, 1 + n % 3, (ARRAY['click', 'view', 'cart', 'click', 'coupon'])[1 + x.r % 5], nullif(x.r / 5 % 9, 0), (ARRAY['social', 'direct', NULL])[1 + x.r / 45 % 3],
	   nullif(x.r / 135 % 4, 0), NULL, nullif(x.r / 540 % 3, 0), x.r % 3000, m.at + CASE WHEN x.r % 7 = 0 THEN interval '5 days' ELSE '0' END
  FROM generate_series(1, 60) n CROSS JOIN generate_series(1, 10) i CROSS JOIN (VALUES (1000), (2000)) v(w)
 CROSS JOIN LATERAL (SELECT (hashint8extended(n * 100 + i, 7) & 65535)::int AS r) x
 CROSS JOIN LATERAL (SELECT '2024-06-07'::timestamptz - x.r % 1000 * (CASE WHEN n % 4 = 0 THEN interval '1 hour' ELSE '5 minutes' END) AS at) m
 WHERE n % 10 <> 0 ON CONFLICT DO NOTHING;
UPDATE influence.program SET created_at = '2024-01-01';
CREATE TEMP TABLE answer AS
SELECT v.w, n, (to_jsonb(o) - 'status')::text AS answer
  FROM generate_series(1, 60) n CROSS JOIN (VALUES (1000, '{}'), (2000, '{"coupon": "NONE"}')) v(w, details)
 CROSS JOIN LATERAL (SELECT (hashint8extended(n, 11) & 65535)::int AS r) x
 CROSS JOIN LATERAL influence.record_order(1 + n % 3, pg_temp.visitor(v.w + n), 'o' || v.w + n,
		(SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('line_no', k, 'product_id', 1 + (x.r + k) % 3, 'quantity', 1 + x.r % 3, 'paid_price', 999 + x.r % 777 * k, 'discount_seller', x.r % 5,
				'new_customer', (ARRAY[true, false, NULL])[1 + (x.r + k) % 3], 'renewal_no', CASE WHEN x.r % 11 = 0 THEN 2 END,
				'list_price', 1999 + x.r % 3, 'discount_platform', x.r % 4, 'tax', CASE WHEN x.r % 2 = 0 THEN x.r % 190 END, 'shipping', CASE WHEN x.r % 3 = 0 THEN 40 END, 'points', x.r % 6,
				'gift_card', x.r % 9, 'seller', 's' || x.r % 3, 'cost', -(x.r % 5), 'membership', CASE WHEN x.r % 13 = 0 THEN 'plus' END, 'base_amount', CASE WHEN x.r % 17 = 0 THEN x.r % 1000 END))
				|| CASE WHEN x.r % 7 = 0 THEN jsonb_build_object('product_id', NULL, 'sku', (ARRAY['lamp', 'rug', 'tea'])[1 + (x.r + k) % 3]) ELSE '{}' END)
		   FROM generate_series(1, 1 + x.r % 3) k),
		'2024-06-02'::timestamptz + x.r % 9 * interval '16 hours', NULL, v.details::jsonb || CASE WHEN x.r % 4 = 0 THEN '{"country": "DE"}' ELSE '{}' END::jsonb) o;
SELECT count(*) AS orders, count(*) FILTER (WHERE answer LIKE '%unattributed: %') > 5 AS unattributed, count(*) FILTER (WHERE answer LIKE '%not earned: %') > 5 AS not_earned,
	   count(*) FILTER (WHERE answer LIKE '%"remarks": null%') > 20 AS whole FROM answer;
CREATE FUNCTION pg_temp.told(w int) RETURNS TABLE (of text, n int, facts text) LANGUAGE sql AS $$
	SELECT 'answer', a.n, a.answer FROM answer a WHERE a.w = $1
	UNION ALL
	SELECT 'order', right(x.order_ref, 2)::int, (to_jsonb(x) - '{visitor_id,order_ref,coupon,content_hash,xact}'::text[])::text FROM influence.orders x WHERE x.order_ref LIKE 'o' || $1 / 1000 || '%'
	UNION ALL
	SELECT 'line', right(x.order_ref, 2)::int, (to_jsonb(x) - '{visitor_id,order_ref,xact}'::text[])::text FROM influence.order_line x WHERE x.order_ref LIKE 'o' || $1 / 1000 || '%'
	UNION ALL
	SELECT 'credit', right(x.order_ref, 2)::int, (to_jsonb(x) - '{visitor_id,touch_visitor_id,order_ref,xact}'::text[] || jsonb_build_object('own', x.touch_visitor_id = x.visitor_id))::text
	  FROM influence.credit x WHERE x.order_ref LIKE 'o' || $1 / 1000 || '%'
	UNION ALL
	SELECT 'earning', right(x.order_ref, 2)::int, (to_jsonb(x) - '{visitor_id,order_ref,entry_id,xact}'::text[])::text FROM influence.earning x WHERE x.order_ref LIKE 'o' || $1 / 1000 || '%'
	UNION ALL
	SELECT 'ledger', right(x.order_ref, 2)::int, (to_jsonb(x) - '{visitor_id,order_ref,entry_key,entry_no,booked_at,xact}'::text[] || jsonb_build_object('key', regexp_replace(x.entry_key, '[^/]*/[^/]*$', '')))::text
	  FROM influence.ledger x WHERE x.order_ref LIKE 'o' || $1 / 1000 || '%'
$$;
SELECT of, count(*) >= 60 AS many, count(DISTINCT n) > 20 AS of_many_orders FROM pg_temp.told(1000) WHERE of <> 'answer' GROUP BY of ORDER BY of;
SELECT 'short' AS way, * FROM (SELECT * FROM pg_temp.told(1000) EXCEPT ALL SELECT * FROM pg_temp.told(2000)) x
UNION ALL
SELECT 'long', * FROM (SELECT * FROM pg_temp.told(2000) EXCEPT ALL SELECT * FROM pg_temp.told(1000)) x;
SELECT count(DISTINCT rate) AS rates, count(DISTINCT tier_id) AS tiers, array_agg(DISTINCT hold_reason) AS reasons, array_agg(DISTINCT customer_kind) AS kinds FROM influence.earning WHERE order_ref LIKE 'o1%';
SELECT array_agg(DISTINCT reason) AS reasons, array_agg(DISTINCT snapshot ->> 'kind') AS kinds FROM influence.credit WHERE order_ref LIKE 'o1%';
SELECT * FROM influence.check_books();
-- which way an order goes: to compare the ways, both have to be taken
SET track_functions = 'all';
CREATE FUNCTION pg_temp.way_of(program_id bigint, visitor uuid, order_ref text, lines jsonb, details jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before bigint;
	after bigint;
BEGIN
	SELECT coalesce(sum(calls), 0) INTO before FROM pg_stat_xact_user_functions WHERE schemaname = 'influence_internal' AND funcname = 'record_any_order';
	PERFORM influence.record_order($1, $2, $3, $4, '2024-06-07 12:00:00+00', NULL, $5);
	SELECT coalesce(sum(calls), 0) INTO after FROM pg_stat_xact_user_functions WHERE schemaname = 'influence_internal' AND funcname = 'record_any_order';
	RETURN CASE WHEN after > before THEN 'long' ELSE 'short' END;
END $$;
SELECT n, pg_temp.way_of(1 + n % 3, pg_temp.visitor(3000 + n), 'w' || n, x.lines::jsonb, x.details::jsonb) AS way
  FROM (VALUES (1, '[{"line_no": 1, "product_id": 1, "quantity": 2, "paid_price": 100}]', '{}'),
			   (2, '[{"line_no": 2e0, "sku": "tea", "quantity": 1e2, "paid_price": 100, "seller": null}, {"line_no": 1, "product_id": 2, "quantity": 1, "base_amount": 999999999999999999}]', '{"country": "DE"}'),
			   (3, '[{"line_no": 1, "product_id": 1, "quantity": 2, "paid_price": 100}]', '{"coupon": "NONE"}'),
			   -- numbers as text, and of more than 18 digits
			   (4, '[{"line_no": 1, "product_id": 1, "quantity": "2", "paid_price": 100}]', '{}'),
			   (5, '[{"line_no": 1, "product_id": 1, "quantity": 1, "base_amount": 9223372036854775807}]', '{}'),
			   (6, '[{"line_no": "1", "product_id": 1, "quantity": 1, "paid_price": 100}]', '{}')) x(n, lines, details) ORDER BY n;
SELECT order_ref, line_no, quantity, paid_price, base_amount FROM influence.order_line WHERE order_ref LIKE 'w%' ORDER BY order_ref, line_no;
-- What is read of the credits of an order of many lines grows with their number, not with its square: 300 lines, none of which earns, told
-- again; a few looks at each, not 300.
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, received_at)
VALUES (pg_temp.visitor(4001), '2024-06-06', 't', 1, 'click', pg_temp.creator('c6'), '2024-06-06');
SELECT jsonb_agg(jsonb_build_object('line_no', i, 'product_id', 1, 'quantity', 1, 'paid_price', 100)) AS many FROM generate_series(1, 300) i \gset
SELECT * FROM influence.record_order(1, pg_temp.visitor(4001), 'many', :'many', '2024-06-07');
BEGIN;
SELECT pg_stat_get_xact_tuples_fetched('influence.credit_pkey'::regclass) AS before \gset
SELECT * FROM influence.record_order(1, pg_temp.visitor(4001), 'many', :'many', '2024-06-07');
SELECT pg_stat_get_xact_tuples_fetched('influence.credit_pkey'::regclass) - :before BETWEEN 300 AND 3000 AS in_proportion;
COMMIT;
-- The short way writes without a statement: what somebody added to the tables holds all the same. All in one session, which keeps what
-- it once read of them: a default of one's own, also after its function is another, a generated column, CHECKs that come and go, triggers
-- of rows, foreign keys. With triggers of statements, or row security, the order takes the long way.
\set line '[{"line_no": 1, "product_id": 1, "quantity": 50, "paid_price": 100}]'
CREATE FUNCTION public.own_default() RETURNS text LANGUAGE sql AS $$ SELECT 'first' $$;
ALTER TABLE influence.orders ADD COLUMN own_note text DEFAULT public.own_default(), ADD COLUMN own_length int GENERATED ALWAYS AS (length(order_ref)) STORED, ADD COLUMN own_at timestamptz DEFAULT now();
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'own1', :'line', '{"experiment": "e", "variant": "v", "device": {"os": 1}, "gift": "yes", "holdout": false}') AS way;
CREATE OR REPLACE FUNCTION public.own_default() RETURNS text LANGUAGE sql AS $$ SELECT 'second' $$;
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'own2', :'line', '{"variant": null}') AS way;
SELECT order_ref, own_note, own_length, own_at = received_at AS now, experiment, variant, device, gift, holdout FROM influence.orders WHERE order_ref LIKE 'own_' ORDER BY 1;
SELECT pg_temp.error_of(format('SELECT pg_temp.way_of(1, pg_temp.visitor(3101), ''own3'', %L, %L)', :'line', '{"gift": "perhaps"}'));
ALTER TABLE influence.order_line ADD CONSTRAINT own_check CHECK (quantity < 50 AND tableoid = 'influence.order_line'::regclass OR quantity = 1) NOT VALID;
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'owna', replace(:'line', '50', '49')::jsonb) AS way;
SELECT pg_temp.error_of(format('SELECT pg_temp.way_of(1, pg_temp.visitor(3101), ''own3'', %L)', :'line'));
ALTER TABLE influence.order_line DROP CONSTRAINT own_check;
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'own3', :'line') AS way;
CREATE FUNCTION public.own_rule(quantity bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN quantity < 100; END $$;
ALTER TABLE influence.order_line ADD CONSTRAINT own_check CHECK (public.own_rule(quantity)) NOT VALID;
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'own4', :'line') AS way;
CREATE OR REPLACE FUNCTION public.own_rule(quantity bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN quantity < 50; END $$;
SELECT pg_temp.error_of(format('SELECT pg_temp.way_of(1, pg_temp.visitor(3101), ''own5'', %L)', :'line'));
ALTER TABLE influence.order_line DROP CONSTRAINT own_check;
CREATE TABLE public.own_party (party_id bigint PRIMARY KEY);
ALTER TABLE influence.ledger ADD CONSTRAINT own_key FOREIGN KEY (party_id) REFERENCES public.own_party NOT VALID;
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, received_at) VALUES (pg_temp.visitor(3101), '2024-06-06', 't', 1, 'click', pg_temp.creator('c1'), '2024-06-06');
SELECT pg_temp.error_of(format('SELECT pg_temp.way_of(1, pg_temp.visitor(3101), ''own5'', %L)', :'line'));
ALTER TABLE influence.ledger DROP CONSTRAINT own_key;
SELECT count(*) FROM influence.orders WHERE order_ref = 'own5';
CREATE TABLE public.own_log (entry text);
CREATE FUNCTION public.own_before() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seller := 'own ' || NEW.quantity; RETURN NEW; END $$;
CREATE FUNCTION public.own_after() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO public.own_log SELECT NEW.order_ref || ' ' || count(*) FROM influence.order_line l WHERE l.order_ref = NEW.order_ref; RETURN NULL; END $$;
CREATE TRIGGER own_before BEFORE INSERT ON influence.order_line FOR EACH ROW EXECUTE FUNCTION public.own_before();
CREATE TRIGGER own_after AFTER INSERT ON influence.orders FOR EACH ROW EXECUTE FUNCTION public.own_after();
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'own5', :'line') AS way;
SELECT seller, (SELECT entry FROM public.own_log) AS logged FROM influence.order_line WHERE order_ref = 'own5';
DROP TRIGGER own_before ON influence.order_line;
DROP TRIGGER own_after ON influence.orders;
CREATE FUNCTION public.own_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO public.own_log SELECT 'all of ' || order_ref FROM fresh; RETURN NULL; END $$;
CREATE TRIGGER own_rows AFTER INSERT ON influence.orders REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION public.own_rows();
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'own6', :'line') AS way;
SELECT entry FROM public.own_log ORDER BY 1;
DROP TRIGGER own_rows ON influence.orders;
ALTER TABLE influence.credit ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT pg_temp.error_of(format('SELECT pg_temp.way_of(1, pg_temp.visitor(3101), ''own7'', %L)', :'line'));
-- also after somebody recorded an order whom policies do not concern
SELECT status FROM influence_internal.record_order(1, pg_temp.visitor(3102), 'own0', :'line', '2024-06-07', NULL, '{}');
SELECT pg_temp.error_of(format('SELECT pg_temp.way_of(1, pg_temp.visitor(3101), ''own7'', %L)', :'line'));
ALTER TABLE influence.credit DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
CREATE DOMAIN public.own_domain AS text CHECK (VALUE IS NOT NULL);
ALTER TABLE influence.orders ADD COLUMN own_domain public.own_domain DEFAULT '';
ALTER TABLE influence.orders ALTER COLUMN own_domain DROP DEFAULT;
SELECT pg_temp.error_of(format('SELECT pg_temp.way_of(1, pg_temp.visitor(3101), ''own7'', %L)', :'line'));
ALTER TABLE influence.orders DROP COLUMN own_domain;
DROP DOMAIN public.own_domain;
ALTER TABLE influence.order_line ALTER COLUMN membership TYPE varchar(4);
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'own7', :'line', '{"device": "phone"}') AS way;
ALTER TABLE influence.order_line ALTER COLUMN membership TYPE text;
-- nor is a moment written more exactly than its column has it
ALTER TABLE influence.earning ALTER COLUMN available_at TYPE timestamptz(0);
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'own9', :'line') AS way;
ALTER TABLE influence.earning ALTER COLUMN available_at TYPE timestamptz;
ALTER TABLE influence.orders DROP COLUMN own_note, DROP COLUMN own_length, DROP COLUMN own_at;
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'own8', :'line', '{"device": "phone"}') AS way;
SELECT order_ref, device FROM influence.orders WHERE device = 'phone' ORDER BY 1;
-- CHECKs of whole rows, also as those of a parent, are good for more than one statement
CREATE TABLE influence.own_parent (currency char(3) NOT NULL, order_ref text NOT NULL);
ALTER TABLE influence.orders INHERIT influence.own_parent;
ALTER TABLE influence.orders ADD CONSTRAINT own_row CHECK (orders IS NOT DISTINCT FROM orders AND (orders::influence.own_parent).order_ref <> 'refused');
SELECT n, pg_temp.way_of(1, pg_temp.visitor(3101), 'row' || n, :'line') AS way FROM generate_series(1, 3) n;
SELECT pg_temp.error_of(format('SELECT pg_temp.way_of(1, pg_temp.visitor(3101), ''refused'', %L)', :'line'));
SELECT pg_temp.way_of(1, pg_temp.visitor(3101), 'row4', :'line') AS way;
ALTER TABLE influence.orders DROP CONSTRAINT own_row, NO INHERIT influence.own_parent;
DROP TABLE influence.own_parent;
DROP FUNCTION public.own_default, public.own_rule, public.own_before, public.own_after, public.own_rows;
DROP TABLE public.own_party, public.own_log;
SELECT * FROM influence.check_books();
-- the step of the tables is read each time
BEGIN;
DELETE FROM influence.schema_version WHERE step = (SELECT max(s.step) FROM influence.schema_version s);
SELECT influence_internal.installed_step() = influence_internal.code_step() - 1 AS one_less;
ROLLBACK;
SELECT influence_internal.installed_step() = influence_internal.code_step() AS again;
-- what is no table is not read
BEGIN;
ALTER TABLE influence.schema_version RENAME TO own_steps;
CREATE VIEW influence.schema_version AS SELECT * FROM influence.own_steps;
SELECT influence_internal.installed_step();
ROLLBACK;
-- the constant that the published functions compare with
SELECT influence_internal.code_step() = max(step) AS constant FROM influence_internal.install_steps();

--
-- What a creator may show: brands let in by the program, sellers authorised by
-- the brand, exclusivity. Products: 1 Acme drill by acme, 2 Acme drill by a
-- stranger, 3 Bolt saw, 4 no brand, 5 Bolt soup; categories tools > power, food.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_program('Other', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator('anna');
SELECT pg_temp.new_creator('bert');
SELECT influence.create_category('tools'), influence.create_category('power', 1), influence.create_category('food');
SELECT influence.add_product('acme-drill', 'Drill', 2, brand => 'Acme', seller => 'acme store'), influence.add_product('copy-drill', 'Drill', 2, brand => ' ACME ', seller => 'Stranger'),
	influence.add_product('bolt-saw', 'Saw', 1, brand => 'Bolt', seller => 'bolt'), influence.add_product('plain-saw', 'Saw', 2), influence.add_product('bolt-soup', 'Soup', 3, brand => 'Bolt');
-- the products that may not be shown in program 1 by creator 1 at a moment, and why
CREATE FUNCTION pg_temp.bars(at timestamptz, creator bigint DEFAULT 1, program bigint DEFAULT 1) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(product_id || ' ' || bar, ', ' ORDER BY n), 'none') FROM influence_internal.tagging_bars(program, creator, '{1,2,3,4,5,99,NULL,1}', at) WITH ORDINALITY b(product_id, bar, detail, hint, n) $$;
CREATE FUNCTION pg_temp.tags(at timestamptz, VARIADIC products bigint[]) RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.error_of(format('SELECT influence_internal.require_taggable(1, 1, %L, %L)', products, at)) $$;

SELECT pg_temp.bars('2024-01-01') AS nothing_is_agreed;

-- Brands. From 2024-02-01 on only those allowed; names in any spelling; a deny rule wins.
SELECT status FROM influence.set_brand_rule(1, 'Acme', true, '2024-02-01', '2024-06-01');
SELECT status FROM influence.set_brand_rule(1, U&'\FF21cme', true, '2024-02-01', '2024-06-01');
SELECT status FROM influence.set_brand_rule(1, 'acme', false, '2024-03-01', '2024-04-01');
SELECT status FROM influence.set_brand_rule(1, '  BOLT', true, '2024-05-01');
SELECT at::date, pg_temp.bars(at), pg_temp.bars(at, program => 2) AS elsewhere, pg_temp.bars(at, program => NULL) AS in_no_program
FROM unnest('{2024-01-31 23:59:59.999999,2024-02-01,2024-03-01,2024-04-01,2024-05-01,2024-06-01}'::timestamptz[]) at;
SELECT pg_temp.tags('2024-02-01', 1), pg_temp.tags('2024-02-01', 1, 3), pg_temp.tags('2024-02-01', 4), pg_temp.tags('2024-03-01', 2), pg_temp.tags('2024-02-01', VARIADIC '{}');
SELECT * FROM pg_temp.not_refused('IN004', $$set_brand_rule(1, 'Acme', true, '2024-02-01')$$);
SELECT * FROM pg_temp.not_refused('IN011', $$set_brand_rule(1, 'Acme', true, '2024-05-31 23:00', '2024-07-01')$$, $$set_brand_rule(1, 'Acme', true, '2024-01-01')$$,
	$$set_brand_rule(1, 'bolt', true, '2025-01-01', '2025-02-01')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_brand_rule(1, NULL, true)$$, $$set_brand_rule(1, '  ', true)$$, $$set_brand_rule(1, repeat('x', 201), true)$$, $$set_brand_rule(1, 'x', NULL)$$,
	$$set_brand_rule(1, 'x', true, NULL)$$, $$set_brand_rule(1, 'x', true, 'infinity')$$, $$set_brand_rule(1, 'x', true, '2024-01-01', '2024-01-01')$$, $$set_brand_rule(1, 'x', true, '2024-01-01', NULL)$$,
	$$set_brand_rule(1, 'x', true, '2024-01-01', '-infinity')$$, $$end_brand_rule(1, 'bolt', NULL)$$, $$end_brand_rule(1, 'bolt', true, NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_brand_rule(99, 'x', true)$$, $$set_brand_rule(NULL, 'x', true)$$, $$end_brand_rule(1, 'bolt', true, '2024-04-30')$$, $$end_brand_rule(1, 'bolt', false)$$, $$end_brand_rule(2, 'bolt', true)$$);
-- the last allowed brand ends: nothing is allowed, until everything is
SELECT status FROM influence.end_brand_rule(1, 'bolt', true, '2024-07-01');
SELECT status FROM influence.end_brand_rule(1, 'bolt', true, '2024-07-01');
SELECT status FROM influence.set_brand_rule(1, '  BOLT', true, '2024-05-01');		-- the first call again
SELECT * FROM pg_temp.not_refused('IN005', $$end_brand_rule(1, 'bolt', true, '2024-07-02')$$);
SELECT pg_temp.bars('2024-07-01');
SELECT status FROM influence.set_brand_rule(1, '*', true, '2024-08-01');
SELECT status FROM influence.set_brand_rule(1, '*', false, '2024-09-01', '2024-10-01');
SELECT at::date, pg_temp.bars(at) FROM unnest('{2024-08-01,2024-09-01,2024-10-01}'::timestamptz[]) at;
-- a rule that is ended where it begins was never there
SELECT status FROM influence.set_brand_rule(2, 'Acme', true, '2024-02-01');
SELECT pg_temp.bars('2024-02-01', program => 2);
SELECT status FROM influence.end_brand_rule(2, 'Acme', true, '2024-02-01');
SELECT pg_temp.bars('2024-02-01', program => 2);
SELECT status FROM influence.set_brand_rule(2, 'Acme', true, '2024-03-01');
SELECT status FROM influence.end_brand_rule(2, 'Acme', true, '2024-03-01');

-- Sellers, for all programs.
SELECT status FROM influence.authorise_seller('ACME', 'Acme  Store', '2025-01-01', '2025-03-01');
SELECT status FROM influence.authorise_seller('acme', 'acme store', '2025-01-01', '2025-03-01');
SELECT status FROM influence.authorise_seller('acme', 'stranger', '2025-02-01', '2025-04-01');
SELECT status FROM influence.authorise_seller('bolt', 'bolt', '2025-01-01');
SELECT at::date, pg_temp.bars(at), pg_temp.bars(at, program => NULL) FROM unnest('{2024-12-31,2025-01-01,2025-02-01,2025-03-01,2025-04-01}'::timestamptz[]) at;
SELECT pg_temp.tags('2025-01-01', 1), pg_temp.tags('2025-01-01', 1, 2), pg_temp.tags('2025-01-01', 5);
SELECT status FROM influence.end_authorisation('Bolt', 'bolt', '2025-03-15');
SELECT status FROM influence.end_authorisation('Bolt', 'bolt', '2025-03-15');
SELECT status FROM influence.authorise_seller('acme', '*', '2025-05-01');
SELECT status FROM influence.authorise_seller('bolt', '*', '2025-05-01');
SELECT at::date, pg_temp.bars(at) FROM unnest('{2025-03-15,2025-05-01}'::timestamptz[]) at;
SELECT * FROM pg_temp.not_refused('IN002', $$authorise_seller(NULL, 'x')$$, $$authorise_seller('x', NULL)$$, $$authorise_seller('', 'x')$$, $$authorise_seller('*', 'x')$$, $$authorise_seller('x', ' ')$$, $$authorise_seller('x', 'x', NULL)$$,
	$$authorise_seller('x', 'x', '2024-01-01', '2023-01-01')$$, $$end_authorisation('x', NULL)$$, $$end_authorisation('x', 'x', 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN004', $$authorise_seller('acme', 'acme store', '2025-01-01')$$);
SELECT * FROM pg_temp.not_refused('IN011', $$authorise_seller('acme', 'acme store', '2025-02-01')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$end_authorisation('acme', 'nobody')$$, $$end_authorisation(' ', 'nobody')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$end_authorisation('bolt', 'bolt', '2025-03-16')$$);

-- Exclusivity of creator 1 (anna), in tools and below; of bert nothing is asked.
SELECT * FROM influence.agree_exclusivity(1, 'e1', 'Acme', 'ops', 1, '2025-06-01', '2025-07-01', 'drills only');
SELECT * FROM influence.agree_exclusivity(1, 'e1', 'Acme', 'ops', 1, '2025-06-01', '2025-07-01', 'drills only');
SELECT at::date, pg_temp.bars(at), pg_temp.bars(at, 2) AS bert, pg_temp.bars(at, NULL) AS nobody
FROM unnest('{2025-05-31 23:59:59.999999,2025-06-01,2025-07-01}'::timestamptz[]) at;
SELECT pg_temp.tags('2025-06-01', 1), pg_temp.tags('2025-06-01', 3, 4);
SELECT * FROM pg_temp.not_refused('IN011', $$agree_exclusivity(1, 'e2', 'Bolt', 'ops', 1, '2025-06-30')$$, $$agree_exclusivity(1, 'e2', 'Bolt', 'ops', 2, '2025-05-01', '2025-06-02')$$,
	$$agree_exclusivity(1, 'e2', 'Bolt', 'ops', 0, '2025-06-30')$$, $$agree_exclusivity(1, 'e2', 'Acme', 'ops', 2, '2025-06-02', '2025-06-03')$$);
SELECT status FROM influence.agree_exclusivity(1, 'e3', 'Bolt', 'ops', 3, '2025-06-01', '2025-07-01');		-- another branch
SELECT status FROM influence.agree_exclusivity(1, 'e4', 'Bolt', 'ops', 2, '2025-07-01', '2025-08-01');		-- another time
SELECT status FROM influence.agree_exclusivity(2, 'e1', 'Bolt', 'ops', valid_from => '2025-06-01', valid_to => '2025-07-01');	-- another creator, everything
SELECT * FROM pg_temp.not_refused('IN011', $$agree_exclusivity(2, 'e2', 'Acme', 'ops', 3, '2025-06-15', '2025-06-16')$$);
SELECT at::date, pg_temp.bars(at), pg_temp.bars(at, 2) AS bert FROM unnest('{2025-06-01,2025-07-01,2025-08-01}'::timestamptz[]) at;
SELECT * FROM pg_temp.not_refused('IN004', $$agree_exclusivity(1, 'e1', 'Acme', 'ops', 1, '2025-06-01', '2025-07-01')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$agree_exclusivity(1, NULL, 'Acme', 'ops')$$, $$agree_exclusivity(1, 'x', NULL, 'ops')$$, $$agree_exclusivity(1, 'x', '*', 'ops')$$, $$agree_exclusivity(1, 'x', 'Acme', NULL)$$,
	$$agree_exclusivity(1, 'x', 'Acme', 'ops', NULL)$$, $$agree_exclusivity(1, 'x', 'Acme', 'ops', 0, '2026-01-01', '2026-01-01')$$, $$agree_exclusivity(1, 'x', 'Acme', 'ops', 0, 'infinity')$$,
	$$end_exclusivity(1, NULL, 'ops')$$, $$end_exclusivity(1, 'e1', NULL)$$, $$end_exclusivity(1, 'e1', 'ops', 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$agree_exclusivity(99, 'x', 'Acme', 'ops')$$, $$agree_exclusivity(NULL, 'x', 'Acme', 'ops')$$, $$agree_exclusivity(1, 'x', 'Acme', 'ops', 99)$$,
	$$end_exclusivity(1, 'nothing', 'ops')$$, $$end_exclusivity(99, 'e1', 'ops')$$);
SELECT status FROM influence.end_exclusivity(1, 'e1', 'ops', '2025-06-15', 'sold out');
SELECT status FROM influence.end_exclusivity(1, 'e1', 'ops', '2025-06-15', 'sold out');
SELECT * FROM pg_temp.not_refused('IN005', $$end_exclusivity(1, 'e1', 'ops', '2025-06-16')$$);
SELECT status FROM influence.end_exclusivity(1, 'e4', 'ops', '2025-01-01');		-- before it began: it never held
SELECT creator_id, exclusivity_ref, brand, category_id, valid, stated, actor, ended_by, end_note FROM influence.exclusivity ORDER BY 1, 2;
SELECT at::date, pg_temp.bars(at) FROM unnest('{2025-06-14,2025-06-15,2025-07-01}'::timestamptz[]) at;
-- what ended lately ends once, whatever the clock says
SELECT status FROM influence.agree_exclusivity(2, 'e9', 'Bolt', 'ops', 3);
SELECT status FROM influence.end_exclusivity(2, 'e9', 'ops', now() + interval '1 year');
SELECT status FROM influence.end_exclusivity(2, 'e9', 'ops');
SELECT status FROM influence.end_exclusivity(2, 'e9', 'ops');

-- What was shown before the exclusivity was written down.
SELECT status FROM influence.publish_post(1, 1, 'p1', 'photo', '[{"product_id": 1}, {"product_id": 3}, {"product_id": 5}]', published_at => '2025-10-01');
SELECT status FROM influence.publish_post(1, 1, 'p2', 'photo', '[{"product_id": 4}]', published_at => '2025-10-02');
SELECT status FROM influence.publish_post(1, 1, 'p3', 'photo', '[{"product_id": 4}]', published_at => '2025-10-03');
SELECT status FROM influence.set_post_status(3, 'removed', 'broken', 'ops', '2025-10-04');
SELECT * FROM influence.agree_exclusivity(1, 'e5', 'acme', 'ops', 1, '2025-10-01', '2025-11-01');
SELECT exclusivity_ref, brand, valid_from::date, valid_to::date, program_id, post_id, published_at::date, tag_id, product_id, shown_brand FROM influence.exclusivity_breach ORDER BY post_id, tag_id;
-- a retry is one, also when it has ended
BEGIN;
SELECT clock_timestamp() AS soon \gset
SELECT status FROM influence.agree_exclusivity(2, 'e10', 'Bolt', 'ops', 3, valid_to => :'soon');
COMMIT;
SELECT status FROM influence.agree_exclusivity(2, 'e10', 'Bolt', 'ops', 3, valid_to => :'soon');
-- without a moment the same call again is one, too
SELECT status FROM influence.set_brand_rule(1, 'Cato', false);
SELECT status FROM influence.set_brand_rule(1, 'Cato', false);
SELECT status FROM influence.end_brand_rule(1, 'Cato', false);
SELECT status FROM influence.end_brand_rule(1, 'Cato', false);
SELECT status FROM influence.authorise_seller('Cato', 'C');
SELECT status FROM influence.authorise_seller('Cato', 'C');
SELECT status FROM influence.end_authorisation('Cato', 'C');
SELECT status FROM influence.end_authorisation('Cato', 'C');
SELECT count(*) AS rules FROM influence.brand_rule WHERE brand = 'Cato';
SELECT count(*) AS authorisations FROM influence.authorised_seller WHERE brand = 'Cato';
-- what was undone does not hide what holds
SELECT status FROM influence.set_brand_rule(1, 'Dora', false, '2025-02-01');
SELECT status FROM influence.end_brand_rule(1, 'Dora', false, '2025-02-01');
SELECT status FROM influence.set_brand_rule(1, 'Dora', false, '2025-01-01');
SELECT status FROM influence.end_brand_rule(1, 'Dora', false, '2025-03-01');
SELECT status FROM influence.end_brand_rule(1, 'Dora', false, '2025-02-01');
SELECT valid FROM influence.brand_rule WHERE brand = 'Dora' ORDER BY rule_id;
SELECT status FROM influence.authorise_seller('Dora', 'D', '2025-02-01');
SELECT status FROM influence.end_authorisation('Dora', 'D', '2025-02-01');
SELECT status FROM influence.authorise_seller('Dora', 'D', '2025-01-01');
SELECT status FROM influence.end_authorisation('Dora', 'D', '2025-03-01');
SELECT status FROM influence.end_authorisation('Dora', 'D', '2025-02-01');
SELECT valid FROM influence.authorised_seller WHERE brand = 'Dora' ORDER BY authorisation_id;

--
-- reconcile(): a bank's export beside the payouts, a network's list beside the
-- commissions. Every kind of answer, the rights and the shape of the query.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- 10 %: orders of 100.00 earn 10.00. A creator whose reference is another's number.
SELECT pg_temp.new_program('Shop', 'EUR', 'Europe/Berlin', '{}', '{"hold": "0"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo,dora,1}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1);
SELECT status FROM influence.set_commission_rate(1, 0.1, valid_from => '2020-01-01');
CREATE FUNCTION pg_temp.sell(ref text, seller text, at timestamptz, price bigint DEFAULT 10000) RETURNS text LANGUAGE sql AS $$
	SELECT o.status || ' ' || o.commission
	FROM md5(ref) h, LATERAL (SELECT h::uuid) v(visitor),
		influence.record_touch(1, v.visitor, ref, 'click', pg_temp.creator(seller), at) t,
		influence.record_order(1, v.visitor, ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', 'lamp', 'quantity', 1, 'paid_price', price)), at) o
	WHERE t.status IS NOT NULL $$;
SELECT ref, pg_temp.sell(ref, who, at, price) FROM (VALUES ('a1', 'anna', '2024-03-05'::timestamptz, 10000), ('a2', 'anna', '2024-03-06', 25000), ('a3', 'anna', '2024-04-02', 10000),
	('b1', 'bert', '2024-03-07', 10000), ('c1', 'cleo', '2024-03-08', 10000), ('d1', 'dora', '2024-03-08', 30000), ('n1', '1', '2024-03-09', 7000)) v(ref, who, at, price) ORDER BY 1;
SELECT status, clawed_back FROM influence.record_return(1, md5('a2')::uuid, 'a2', 1, 'r', amount => 5000, returned_at => '2024-03-20');
SELECT status, payouts, amount FROM influence.run_payouts(1, '2024-03', '2024-04-01');
SELECT c.status FROM unnest('{anna,bert,1}'::text[]) w, influence.confirm_payout(1, pg_temp.creator(w), '2024-03', 'SEPA ' || w, paid_at => '2024-04-02') c;

-- The bank: anna as she should be, bert with another reference, cleo paid but not confirmed, dora missing, "1" is the
-- reference of a creator before it is a party_id, nobody unknown, and the same transfer to bert twice in April.
CREATE TABLE pg_temp.bank (party text, period text, currency char(3), amount bigint, reference varchar);
INSERT INTO pg_temp.bank VALUES ('anna', '2024-03', 'EUR', 3000, 'SEPA anna'), ('bert', '2024-03', 'EUR', 1000, 'SEPA 9'), ('cleo', '2024-03', 'EUR', 990, 'SEPA cleo'),
	('1', '2024-03', 'EUR', 700, 'SEPA 1'), ('nobody', '2024-03', 'EUR', 5, NULL), ('bert', '2024-04', 'EUR', 1, 'x'), ('bert', '2024-04', 'EUR', 2, 'y');
SELECT * FROM influence.reconcile(1, 'payouts', 'SELECT * FROM pg_temp.bank');
SELECT result, creator_ref, month, ours, theirs FROM influence.reconcile(1, 'payouts', 'TABLE pg_temp.bank;', '2024-04');
-- by party_id, any order of columns, more columns, integers as names
SELECT result, creator_ref, ours, theirs, difference, note FROM influence.reconcile(1, 'payouts',
	'SELECT 3000.00 AS amount, true AS extra, 1 AS number, ''EUR'' AS currency, ''SEPA anna'' AS reference, ''2024-03'' AS period, ''anna'' AS party', '2024-03') WHERE result = 'matched';
SELECT result, creator_ref FROM influence.reconcile(1, 'payouts', 'SELECT 2 AS party, ''2024-03'' AS period, ''EUR'' AS currency, 1000 AS amount, ''SEPA bert'' AS reference', '2024-03') WHERE theirs IS NOT NULL;
-- an empty list: all is only ours
SELECT result, creator_ref, ours, difference FROM influence.reconcile(1, 'payouts', 'SELECT * FROM pg_temp.bank WHERE false', '2024-03');

-- The network: one line right, one of another amount, one twice, one unknown; what is nothing is not missed.
SELECT result, creator_ref, order_ref, line_no, currency, ours, theirs, difference, note FROM influence.reconcile(1, 'commissions',
	$$SELECT * FROM (VALUES ('a1', 1, 'anna', 1000, 'EUR'), ('a2', 1, 'anna', 2500, 'EUR'), ('b1', 1, 'bert', 500, 'EUR'), ('b1', 1, 'bert', 500, 'EUR'), ('x9', 2, 'bert', 10, 'EUR'),
		('c1', 1, 'cleo', 1000, 'USD'), ('d1', 1, 'anna', 0, 'EUR')) v(order_ref, line_no, creator, amount, currency)$$, '2024-03');

-- The query is the caller's: a reader cannot read more by it, nor may it write; the caller's path holds.
CREATE ROLE pgi_accountant IN ROLE influence_reader;
CREATE TABLE public.secret AS SELECT 'a1' AS order_ref, 1 AS line_no, 'anna' AS creator, 1000 AS amount, 'EUR' AS currency;
CREATE SCHEMA pgi_books;
CREATE VIEW pgi_books.list AS SELECT 'a1' AS order_ref, 1 AS line_no, 'anna' AS creator, 1000 AS amount, 'EUR' AS currency;
GRANT USAGE ON SCHEMA pgi_books TO pgi_accountant;
GRANT SELECT ON pgi_books.list TO pgi_accountant;
SET ROLE pgi_accountant;
SET search_path = pgi_books, public;
SELECT result, order_ref, ours FROM influence.reconcile(1, 'commissions', 'SELECT * FROM list') WHERE result = 'matched';
SELECT pg_temp.refused($$reconcile(1, 'commissions', 'SELECT * FROM public.secret')$$);
SELECT pg_temp.refused($$reconcile(1, 'commissions', 'SELECT * FROM influence.program_secret')$$);
RESET search_path;
RESET ROLE;
SET ROLE influence_writer;
SELECT pg_temp.refused($$reconcile(1, 'commissions', 'SELECT 1')$$) ~ '^42501' AS not_for_writers;
RESET ROLE;
DROP SCHEMA pgi_books CASCADE;
DROP TABLE public.secret;
DROP ROLE pgi_accountant;

-- What has not the shape, and the query's own errors.
SELECT call, pg_temp.refused(call) FROM unnest(ARRAY[
	$$reconcile(1, 'commissions', 'SELECT 1 AS line_no, ''a'' AS creator, 1 AS amount, ''EUR'' AS currency')$$,
	$$reconcile(1, 'commissions', 'SELECT ''a'' AS order_ref, ''b'' AS order_ref, 1 AS line_no, ''a'' AS creator, 1 AS amount, ''EUR'' AS currency')$$,
	$$reconcile(1, 'commissions', 'SELECT ''a'' AS order_ref, 1 AS line_no, ''a'' AS creator, 1.5::float8 AS amount, ''EUR'' AS currency')$$,
	$$reconcile(1, 'commissions', 'SELECT ''a'' AS order_ref, 1 AS line_no, ''a'' AS creator, 1.5 AS amount, ''EUR'' AS currency')$$,
	$$reconcile(1, 'commissions', 'SELECT ''a'' AS order_ref, 1 AS line_no, ''a'' AS creator, ''NaN''::numeric AS amount, ''EUR'' AS currency')$$,
	$$reconcile(1, 'commissions', 'SELECT ''a'' AS order_ref, 1 AS line_no, ''a'' AS creator, ''-Infinity''::numeric AS amount, ''EUR'' AS currency')$$,
	$$reconcile(1, 'commissions', 'SELECT ''a'' AS order_ref, 1 AS line_no, ''a'' AS creator, NULL::bigint AS amount, ''EUR'' AS currency')$$,
	$$reconcile(1, 'commissions', 'SELECT ''a'' AS order_ref, 0 AS line_no, ''a'' AS creator, 1 AS amount, ''EUR'' AS currency')$$,
	$$reconcile(1, 'commissions', 'SELECT now() AS order_ref, 1 AS line_no, ''a'' AS creator, 1 AS amount, ''EUR'' AS currency')$$,
	$$reconcile(1, 'commissions', 'SELECT')$$,
	$$reconcile(1, 'commissions', '')$$,
	$$reconcile(1, 'commissions', 'SELECT 1; SELECT 2')$$,
	$$reconcile(1, 'commissions', 'DELETE FROM influence.ledger RETURNING *')$$,
	$$reconcile(1, 'commissions', 'WITH gone AS (DELETE FROM influence.ledger RETURNING 1) SELECT ''a'' AS order_ref, 1 AS line_no, ''a'' AS creator, 1 AS amount, ''EUR'' AS currency')$$,
	$$reconcile(1, 'commissions', 'DROP TABLE influence.ledger')$$,
	$$reconcile(1, 'commissions', 'SELECT 1/0')$$,
	$$reconcile(1, 'commissions', 'SELEC')$$,
	$$reconcile(1, 'commissions', 'SELECT * FROM nowhere')$$,
	$$reconcile(1, 'commissions', NULL)$$,
	$$reconcile(1, 'orders', 'SELECT 1')$$,
	$$reconcile(1, NULL, 'SELECT 1')$$,
	$$reconcile(9, 'payouts', 'SELECT 1')$$,
	$$reconcile(1, 'payouts', 'SELECT 1', 'March')$$]) call;
SELECT count(*) AS entries FROM influence.ledger;

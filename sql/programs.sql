--
-- Programs, their policies, the catalogue: recorded once, a retry is a
-- duplicate, other content a conflict, a change a new version.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT * FROM influence.create_program('Creators', 'USD', 'Europe/Berlin', '{"model": "linear", "lookback": "14 days"}', '{"hold": "10 days", "minimums": {"USD": 2500}}');
SELECT * FROM influence.create_program('Creators', 'USD', 'Europe/Berlin', '{"lookback": "14 days", "model": "linear"}', '{"minimums": {"USD": 2500}, "hold": "10 days"}');
SELECT pg_temp.refused($$create_program('Creators', 'USD', 'Europe/Berlin', '{"model": "linear", "lookback": "15 days"}', '{"hold": "10 days", "minimums": {"USD": 2500}}')$$);
SELECT pg_temp.refused($$create_program('Creators', 'EUR', 'Europe/Berlin')$$);
SELECT * FROM influence.create_program('Brand', 'JPY', paying => false, demands_tag => false);
SELECT name, currency, time_zone, paying, demands_tag FROM influence.program ORDER BY program_id;
SELECT p.name, a.version, a.valid, a.model, a.lookback, a.view_lookback, a.cart_lookback, a.position_weights
FROM influence.attribution_policy a JOIN influence.program p USING (program_id) ORDER BY 1, 2;
SELECT p.name, y.version, y.valid, y.hold, y.hold_after_month_end, y.minimums, y.rounding
FROM influence.payout_policy y JOIN influence.program p USING (program_id) ORDER BY 1, 2;

SELECT * FROM pg_temp.not_refused('IN002',
	$$create_program(NULL, 'USD')$$,
	$$create_program('', 'USD')$$,
	$$create_program(repeat('x', 201), 'USD')$$,
	$$create_program('X', NULL)$$,
	$$create_program('X', 'usd')$$,
	$$create_program('X', 'DOLLAR')$$,
	$$create_program('X', 'USD', 'Mars')$$, $$create_program('X', 'USD', 'CET')$$, $$create_program('X', 'USD', 'WET')$$,
	$$create_program('X', 'USD', NULL)$$,
	$$create_program('X', 'USD', paying => NULL)$$,
	$$create_program('X', 'USD', attribution => NULL)$$,
	$$create_program('X', 'USD', attribution => '[]')$$,
	$$create_program('X', 'USD', attribution => '{"modell": "linear"}')$$,
	$$create_program('X', 'USD', attribution => '{"version": 3}')$$,
	$$create_program('X', 'USD', attribution => '{"model": "lastest"}')$$,
	$$create_program('X', 'USD', attribution => '{"model": null}')$$,
	$$create_program('X', 'USD', attribution => '{"lookback": "-1 day"}')$$,
	$$create_program('X', 'USD', attribution => '{"position_weights": [0.5, 0.5]}')$$,
	$$create_program('X', 'USD', payout => '{"hold": "-1 day"}')$$,
	$$create_program('X', 'USD', payout => '{"hold": null}')$$,
	$$create_program('X', 'USD', payout => '{"hold_after_month_end": 400}')$$,
	$$create_program('X', 'USD', payout => '{"rounding": "up"}')$$,
	$$create_program('X', 'USD', payout => '{"minimums": {"usd": 1}}')$$,
	$$create_program('X', 'USD', payout => '{"minimums": {"USD": -1}}')$$,
	$$create_program('X', 'USD', payout => '{"minimums": {"USD": 1.5}}')$$,
	$$create_program('X', 'USD', payout => '{"minimums": [1]}')$$,
	$$create_program('X', 'USD', attribution => '{"model": "custom"}')$$,
	$$create_program('X', 'USD', attribution => '{"reuse": "twice"}')$$,
	$$create_program('X', 'USD', attribution => '{"match": "brand"}')$$,
	$$create_program('X', 'USD', attribution => '{"coupon_rule": "first"}')$$,
	$$create_program('X', 'USD', attribution => '{"half_life": "1 month"}')$$,
	$$create_program('X', 'USD', attribution => '{"max_touch_delay": "-1 hour"}')$$,
	$$create_program('X', 'USD', attribution => '{"view_min_ms": -1}')$$,
	$$create_program('X', 'USD', dedup_group => '')$$,
	$$create_program('X', 'USD', commission => NULL)$$,
	$$create_program('X', 'USD', commission => '{"rate": 0.1}')$$,
	$$create_program('X', 'USD', commission => '{"base_less": ["taxes"]}')$$,
	$$create_program('X', 'USD', commission => '{"base_less": "tax"}')$$,
	$$create_program('X', 'USD', commission => '{"base_less": null}')$$,
	$$create_program('X', 'USD', commission => '{"platform_rate": 1.01}')$$,
	$$create_program('X', 'USD', commission => '{"platform_rate": -0.01}')$$,
	$$create_program('X', 'USD', commission => '{"platform_rate": "NaN"}')$$,
	$$create_program('X', 'USD', commission => '{"platform_rate": 0.0000000001}')$$,
	$$create_program('X', 'USD', commission => '{"line_cap": -1}')$$,
	$$create_program('X', 'USD', commission => '{"month_minimum": 0.5}')$$,
	$$create_program('X', 'USD', commission => '{"tier_restate": "never"}')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$create_program('X', 'USD', attribution => '{"model": "participation"}')$$);
SELECT * FROM pg_temp.not_refused('IN002',
	$$create_program('X', 'USD', payout => '{"granularity": 100}')$$,
	$$create_program('X', 'USD', payout => '{"granularity": {"USD": 0}}')$$,
	$$create_program('X', 'USD', payout => '{"granularity": {"USD": 1.5}}')$$,
	$$create_program('X', 'USD', payout => '{"granularity": {"USD": "100"}}')$$,
	$$create_program('X', 'USD', payout => '{"granularity": {"USD/DE": 100}}')$$,
	$$create_program('X', 'USD', payout => '{"granularity": {"usd": 100}}')$$,
	$$create_program('X', 'USD', payout => '{"granularity": null}')$$,
	$$create_program('X', 'USD', payout => '{"minimums": {"USD/Germany": 100}}')$$,
	$$create_program('X', 'USD', payout => '{"minimums": {"/DE": 100}}')$$,
	$$create_program('X', 'USD', payout => '{"minimums": {"XY/DE": 100}}')$$,
	$$create_program('X', 'USD', payout => '{"minimums": {"USD/DE": -1}}')$$,
	$$create_program('X', 'USD', payout => '{"pay_when_funded": null}')$$,
	$$create_program('X', 'USD', payout => '{"pay_when_funded": "perhaps"}')$$,
	$$create_program('X', 'USD', payout => '{"seal_after": "59 minutes"}')$$,
	$$create_program('X', 'USD', payout => '{"demands_destination": null}')$$,
	$$create_program('X', 'USD', payout => '{"tax_authorities": [null]}')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$create_program('X', 'USD', payout => '{"tax_authorities": ["DE"]}')$$);
-- nothing is left of a call that failed
SELECT count(*) AS programs, (SELECT count(*) FROM influence.program_secret) AS secrets FROM influence.program;

-- Policies: a change closes the version in force and keeps what it does not name.
SELECT * FROM influence.set_attribution_policy(pg_temp.program('Creators'), '{"model": "position_based", "view_lookback": "1 day"}', '2024-03-01');
SELECT * FROM influence.set_attribution_policy(pg_temp.program('Creators'), '{"cart_lookback": "7 days"}', '2024-04-01');
SELECT * FROM influence.set_attribution_policy(pg_temp.program('Creators'), '{"model": "position_based", "view_lookback": "1 day"}', '2024-03-01');
SELECT version, valid, model, lookback, view_lookback, cart_lookback FROM influence.attribution_policy WHERE program_id = pg_temp.program('Creators') ORDER BY 1;
SELECT * FROM influence.set_payout_policy(pg_temp.program('Creators'), '{"hold_after_month_end": 15, "rounding": "half_even"}', '2024-03-01');
SELECT * FROM influence.set_payout_policy(pg_temp.program('Creators'), '{"hold_after_month_end": null, "hold": "1 mon"}', '2024-04-01');
SELECT version, valid, hold, hold_after_month_end, minimums, rounding FROM influence.payout_policy WHERE program_id = pg_temp.program('Creators') ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN002',
	$$set_attribution_policy(1, NULL)$$,
	$$set_attribution_policy(1, '{"model": "linear"}', NULL)$$,
	$$set_attribution_policy(1, '{"model": "linear"}', 'infinity')$$,
	$$set_payout_policy(1, '{"hold": "1 day"}', NULL)$$,
	$$set_payout_policy(1, '{"hold": "1 day"}', 'infinity')$$,
	$$set_payout_policy(1, '{"holds": "1 day"}', '2024-05-01')$$);
SELECT * FROM pg_temp.not_refused('IN003',
	$$set_attribution_policy(99, '{}')$$,
	$$set_attribution_policy(NULL, '{}')$$,
	$$set_payout_policy(99, '{}')$$);
SELECT * FROM pg_temp.not_refused('IN004',
	$$set_attribution_policy(1, '{"model": "linear"}', '2024-03-01')$$,
	$$set_payout_policy(1, '{"hold": "1 day"}', '2024-03-01')$$);
SELECT * FROM pg_temp.not_refused('IN005',
	$$set_attribution_policy(1, '{"model": "linear"}', '2024-03-15')$$,
	$$set_payout_policy(1, '{"hold": "1 day"}', '2024-02-01')$$);
SELECT * FROM pg_temp.not_refused('IN005',
	$$set_attribution_policy(1, '{"model": "participation"}', '2024-05-01')$$);
SELECT count(*) FROM influence.attribution_policy WHERE program_id = pg_temp.program('Creators');
SELECT * FROM influence.set_commission_policy(pg_temp.program('Creators'), '{"base_less": ["tax"], "platform_rate": 0.02, "order_cap": 5000}', '2024-03-01');
SELECT * FROM influence.set_commission_policy(pg_temp.program('Creators'), '{"order_cap": null, "base_less": []}', '2024-04-01');
SELECT * FROM influence.set_commission_policy(pg_temp.program('Creators'), '{"base_less": ["tax"], "platform_rate": 0.02, "order_cap": 5000}', '2024-03-01');
SELECT version, valid, base_less, platform_rate, order_cap, tier_restate FROM influence.commission_policy WHERE program_id = pg_temp.program('Creators') ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN002', $$set_commission_policy(1, NULL)$$, $$set_commission_policy(1, '{}', NULL)$$, $$set_commission_policy(1, '{}', 'infinity')$$, $$set_commission_policy(1, '{"cap": 1}')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_commission_policy(99, '{}')$$, $$set_commission_policy(NULL, '{}')$$);
SELECT * FROM pg_temp.not_refused('IN004', $$set_commission_policy(1, '{"platform_rate": 0.03}', '2024-03-01')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$set_commission_policy(1, '{"platform_rate": 0.03}', '2024-03-15')$$);
SELECT status FROM influence.create_program('Cut', 'USD', commission => '{"platform_rate": 0.02}');
SELECT status FROM influence.create_program('Cut', 'USD', commission => '{"platform_rate": 0.02}');
SELECT * FROM pg_temp.not_refused('IN004', $$create_program('Cut', 'USD')$$, $$create_program('Cut', 'USD', commission => '{"platform_rate": 0.03}')$$);

-- Exchange rates.
SELECT status FROM influence.set_exchange_rate('EUR', 'USD', 1.0823, 'ECB', '2024-03-01');
SELECT status FROM influence.set_exchange_rate('EUR', 'USD', 1.08230, 'ECB', '2024-03-01');
SELECT status FROM influence.set_exchange_rate('USD', 'EUR', 0.923958237087, 'ECB', '2024-03-01');
SELECT currency_from, currency_to, valid_from, rate, source FROM influence.exchange_rate ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN004', $$set_exchange_rate('EUR', 'USD', 1.0824, 'ECB', '2024-03-01')$$, $$set_exchange_rate('EUR', 'USD', 1.0823, 'us', '2024-03-01')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_exchange_rate(NULL, 'USD', 1, 's')$$, $$set_exchange_rate('EUR', NULL, 1, 's')$$, $$set_exchange_rate('EURO', 'USD', 1, 's')$$, $$set_exchange_rate('EUR', 'usd', 1, 's')$$,
	$$set_exchange_rate('EUR', 'EUR', 1, 's')$$, $$set_exchange_rate('EUR', 'USD', NULL, 's')$$, $$set_exchange_rate('EUR', 'USD', 0, 's')$$, $$set_exchange_rate('EUR', 'USD', -1, 's')$$, $$set_exchange_rate('EUR', 'USD', 'NaN', 's')$$,
	$$set_exchange_rate('EUR', 'USD', 'Infinity', 's')$$, $$set_exchange_rate('EUR', 'USD', 1000000000000, 's')$$, $$set_exchange_rate('EUR', 'USD', 0.0000000000001, 's')$$, $$set_exchange_rate('EUR', 'USD', 1, NULL)$$, $$set_exchange_rate('EUR', 'USD', 1, '')$$,
	$$set_exchange_rate('EUR', 'USD', 1, 's', NULL)$$, $$set_exchange_rate('EUR', 'USD', 1, 's', 'infinity')$$, $$set_exchange_rate('EUR', 'USD', 1, 's', '-infinity')$$);

-- The catalogue.
SELECT * FROM influence.create_category('Home');
SELECT * FROM influence.create_category('Home');
SELECT status FROM influence.create_category('Garden', 1);
SELECT status FROM influence.create_category('Home', 1);		-- the same name elsewhere is another category
SELECT category_id, parent_id, name, path FROM influence.category ORDER BY 1;
SELECT status FROM influence.create_topic('travel');
SELECT status FROM influence.create_topic('travel');
SELECT status, product_id FROM influence.add_product('lamp', 'Lamp', 1, 1999, 'USD', 5, 'Lux', valid_from => '2024-01-01');
SELECT status, product_id FROM influence.add_product('lamp', 'Lamp', 1, 1999, 'USD', 5, 'Lux', valid_from => '2024-01-01');
SELECT pg_temp.refused($$add_product('lamp', 'Lamp', 1, 2999, 'USD', 5, 'Lux', valid_from => '2024-01-01')$$);
SELECT status, recorded, duplicates, cardinality(product_ids) AS ids
FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1, "price": 1999, "currency": "USD", "stock": 5, "brand": "Lux"},
	{"sku": "rake", "title": "Rake", "category_id": 2, "valid_from": "2024-01-01"}]');
SELECT status, recorded, duplicates FROM influence.add_products('[{"sku": "rake", "title": "Rake", "category_id": 2, "valid_from": "2024-01-01"}]');
SELECT status, recorded FROM influence.add_products('[]');
SELECT status FROM influence.set_price(pg_temp.product('lamp'), 1799, 'USD', '2024-02-01');
SELECT status FROM influence.set_price(pg_temp.product('lamp'), 1799, 'USD', '2024-02-01');
SELECT pg_temp.refused($$set_price(pg_temp.product('lamp'), 1798, 'USD', '2024-02-01')$$);
SELECT status FROM influence.set_stock(pg_temp.product('lamp'), 0, '2024-02-01');
SELECT status FROM influence.set_stock(pg_temp.product('lamp'), 0, '2024-02-01');
SELECT pg_temp.refused($$set_stock(pg_temp.product('lamp'), 1, '2024-02-01')$$);
SELECT p.sku, h.currency, h.valid_from, h.price FROM influence.product_price h JOIN influence.product p USING (product_id) ORDER BY 1, 3;
SELECT p.sku, h.valid_from, h.quantity FROM influence.product_stock h JOIN influence.product p USING (product_id) ORDER BY 1, 2;
SELECT * FROM pg_temp.not_refused('IN002',
	$$create_category(NULL)$$,
	$$create_category('')$$,
	$$create_topic(NULL)$$,
	$$create_topic('')$$,
	$$add_product(NULL, 'T', 1)$$,
	$$add_product('', 'T', 1)$$,
	$$add_product('x', NULL, 1)$$,
	$$add_product('x', 'T', 1, 100)$$,
	$$add_product('x', 'T', 1, -1, 'USD')$$,
	$$add_product('x', 'T', 1, 1, 'usd')$$,
	$$add_product('x', 'T', 1, stock => -1)$$,
	$$add_product('x', 'T', 1, valid_from => NULL)$$,
	$$add_products(NULL)$$,
	$$add_products('{}')$$,
	$$add_products('[1]')$$,
	$$add_products('[{"sku": "x", "titel": "T"}]')$$,
	$$set_price(1, NULL, 'USD')$$,
	$$set_price(1, -1, 'USD')$$,
	$$set_price(1, 1, NULL)$$,
	$$set_price(1, 1, 'XX')$$,
	$$set_price(1, 1, 'USD', NULL)$$,
	$$set_price(1, 1, 'USD', 'infinity')$$,
	$$set_stock(1, NULL)$$,
	$$set_stock(1, -1)$$,
	$$set_stock(1, 1, NULL)$$,
	$$set_stock(1, 1, 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003',
	$$create_category('X', 99)$$,
	$$add_product('x', 'T', 99)$$,
	$$add_product('x', 'T', NULL)$$,
	$$add_products('[{"sku": "y", "title": "Y", "category_id": 1}, {"sku": "x", "title": "X", "category_id": 99}]')$$,
	$$set_price(99, 1, 'USD')$$,
	$$set_stock(99, 1)$$);
-- a batch is all or nothing
SELECT sku FROM influence.product ORDER BY 1;

-- Visitor keys: sha256 of the program's salt and the key, its first 128 bits with the marks of a version 8 uuid.
WITH h AS (
	SELECT program_id, encode(sha256(visitor_salt || 'customer-1'), 'hex') AS hex FROM influence.program_secret)
SELECT p.name, influence.visitor_key(p.program_id, 'customer-1')
	= (substr(hex, 1, 12) || '8' || substr(hex, 14, 3) || to_hex(8 + ('x' || substr(hex, 17, 1))::bit(4)::int % 4) || substr(hex, 18, 15))::uuid AS as_defined,
	influence.visitor_key(p.program_id, 'customer-1') = influence.visitor_key(p.program_id, 'customer-1') AS stable
FROM influence.program p JOIN h USING (program_id) ORDER BY 1;
SELECT count(DISTINCT v) FROM influence.program p, unnest('{a,b,A,"",ä}'::text[]) k, influence.visitor_key(p.program_id, k) v;
SELECT min(length(visitor_salt)), count(DISTINCT visitor_salt) FROM influence.program_secret;
SELECT * FROM pg_temp.not_refused('IN002', 'visitor_key(1, NULL)');
SELECT * FROM pg_temp.not_refused('IN003', $$visitor_key(99, 'x')$$, $$visitor_key(NULL, 'x')$$);

--
-- Policies at work: models, reuse, match, coupons, carts, groups. Every amount follows from the rules by hand.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT category_id FROM influence.create_category('Home');
SELECT category_id FROM influence.create_category('Light', 1);
SELECT product_ids FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 2}, {"sku": "torch", "title": "Torch", "category_id": 2}, {"sku": "rug", "title": "Rug", "category_id": 1}]');
CREATE FUNCTION pg_temp.shop(name text, attribution jsonb, dedup_group text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence.create_program(name, 'USD', 'UTC', attribution, '{"hold": "10 years"}', dedup_group);
	PERFORM influence.set_admission_rule(pg_temp.program(name), 'channels', '>=', 0, valid_from => '2020-01-01');
	PERFORM influence.set_commission_rate(pg_temp.program(name), 0.1, valid_from => '2020-01-01');
END $$;
SELECT pg_temp.shop(name, policy::jsonb, dedup_group) FROM (VALUES
	('non direct', '{"model": "last_non_direct"}', NULL), ('j', '{"model": "j_shaped"}', NULL), ('inverse j', '{"model": "inverse_j"}', NULL),
	('decay', '{"model": "time_decay", "half_life": "1 day"}', NULL), ('shapley', '{"model": "shapley"}', NULL),
	('consume', '{"model": "linear", "reuse": "consume"}', NULL), ('session', '{"reuse": "session"}', NULL),
	('product', '{"model": "linear", "match": "product"}', NULL), ('category', '{"model": "linear", "match": "category"}', NULL),
	('override', '{"coupon_rule": "override", "lookback": "0"}', NULL), ('without click', '{"coupon_rule": "only_without_click", "view_lookback": "1 day"}', NULL),
	('coupon last', '{"model": "linear", "coupon_rule": "last_touch"}', NULL), ('seen', '{"view_lookback": "1 day", "view_min_ms": 1000}', NULL),
	('cart', '{"session_lifetime": "1 hour"}', NULL),
	('group a', '{"model": "linear", "reuse": "consume"}', 'g'), ('group b', '{"model": "linear", "reuse": "consume"}', 'g')) p(name, policy, dedup_group);
SELECT pg_temp.new_creator('anna', pg_temp.visitor(900));
SELECT pg_temp.new_creator('bert');
SELECT pg_temp.new_creator('cleo');

-- t('shop', visitor, 'ref', at, creator, kind, product, more), o('shop', visitor, 'ref', at, product, coupon): one line of 10.00
CREATE FUNCTION pg_temp.t(shop text, v int, ref text, at timestamptz, creator text, kind text DEFAULT 'click', sku text DEFAULT NULL, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS
$$ SELECT status FROM influence.record_touch(pg_temp.program(shop), pg_temp.visitor(v), ref, kind, pg_temp.creator(creator), at, pg_temp.product(sku), NULL, more) $$;
CREATE FUNCTION pg_temp.o(shop text, v int, ref text, at timestamptz, sku text DEFAULT 'lamp', coupon text DEFAULT NULL) RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws('; ', status, remarks) FROM influence.record_order(pg_temp.program(shop), pg_temp.visitor(v), ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', sku, 'quantity', 1, 'paid_price', 1000)), at,
	details => CASE WHEN coupon IS NULL THEN '{}' ELSE jsonb_build_object('coupon', coupon) END) $$;
CREATE FUNCTION pg_temp.shares(ref text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(concat_ws(' ', coalesce(nullif(k.touch_ref, ''), k.reason), c.creator_ref, k.credit), ', ' ORDER BY k.line_no, k.touch_position) FROM influence.credit k LEFT JOIN influence.creator c USING (creator_id)
	WHERE k.order_ref = ref AND k.superseded_by IS NULL $$;
CREATE FUNCTION pg_temp.why(shop text, ref text) RETURNS TABLE (touch text, verdict text) LANGUAGE sql AS
$$ SELECT coalesce(x.touch_ref, '-'), x.verdict FROM influence.explain_attribution(pg_temp.program(shop), ref) x $$;

-- Models. Touches of anna, bert, anna and a direct visit, a day apart; the order an hour after the last.
--   last_non_direct: the third; j_shaped .2 first, .6 last, .2 shared by two; inverse_j mirrored; decay: 1, 2, 4, 8 of 15:
--   66.67, 133.33, 266.67, 533.33 -> the two largest remainders are .67; shapley: half anna (her last), half bert.
SELECT count(*) FROM unnest('{non direct,j,inverse j,decay,shapley}'::text[]) shop,
	LATERAL (SELECT pg_temp.t(shop, 1, shop || 1, '2024-06-01 10:00', 'anna') || pg_temp.t(shop, 1, shop || 2, '2024-06-02 10:00', 'bert')
		|| pg_temp.t(shop, 1, shop || 3, '2024-06-03 10:00', 'anna') || pg_temp.t(shop, 1, shop || 4, '2024-06-04 10:00', NULL, more => '{"channel": "direct"}')) x;
SELECT shop, pg_temp.o(shop, 1, shop, '2024-06-04 11:00') FROM unnest('{non direct,j,inverse j,decay,shapley}'::text[]) shop;
SELECT shop, pg_temp.shares(shop) FROM unnest('{non direct,j,inverse j,decay,shapley}'::text[]) shop;
SELECT * FROM pg_temp.why('non direct', 'non direct');
SELECT * FROM pg_temp.why('shapley', 'shapley');

-- consume: the first order ends the path; a cart of the rug stays for the order of the rug.
SELECT pg_temp.t('consume', 2, 'a', '2024-06-01 10:00', 'anna'), pg_temp.t('consume', 2, 'rug', '2024-06-01 11:00', 'cleo', 'cart', 'rug'), pg_temp.t('consume', 2, 'lamp', '2024-06-01 11:00', 'cleo', 'cart', 'lamp'),
	pg_temp.o('consume', 2, 'c1', '2024-06-01 12:00'), pg_temp.t('consume', 2, 'b', '2024-06-02 10:00', 'bert'), pg_temp.o('consume', 2, 'c2', '2024-06-02 12:00', 'rug'), pg_temp.o('consume', 2, 'c3', '2024-06-03', 'rug');
SELECT ref, pg_temp.shares(ref) FROM unnest('{c1,c2,c3}'::text[]) ref;
SELECT * FROM pg_temp.why('consume', 'c3');
-- two orders at one instant: the first by order_ref takes all
SELECT pg_temp.t('consume', 3, 'a', '2024-06-01 10:00', 'anna'), pg_temp.o('consume', 3, 'same 1', '2024-06-01 12:00'), pg_temp.o('consume', 3, 'same 2', '2024-06-01 12:00');
SELECT ref, pg_temp.shares(ref) FROM unnest('{same 1,same 2}'::text[]) ref;

-- session: anna's click, bert's ends it, a newsletter ends nothing; then it is over after 24 hours.
SELECT pg_temp.t('session', 4, 'a', '2024-06-01 10:00', 'anna'), pg_temp.t('session', 4, 'b', '2024-06-01 11:00', 'bert'), pg_temp.t('session', 4, 'mail', '2024-06-01 12:00', NULL, more => '{"channel": "email"}'),
	pg_temp.o('session', 4, 's1', '2024-06-01 13:00'), pg_temp.t('session', 4, 'a2', '2024-06-02 10:00', 'anna'), pg_temp.o('session', 4, 's2', '2024-06-03 10:00'), pg_temp.t('session', 4, 'a3', '2024-06-04 10:00', 'anna'), pg_temp.o('session', 4, 's3', '2024-06-05 09:59:59');
SELECT ref, pg_temp.shares(ref) FROM unnest('{s1,s2,s3}'::text[]) ref;
SELECT * FROM pg_temp.why('session', 's1');
SELECT * FROM pg_temp.why('session', 's2');

-- match: touches of the lamp, the torch (same category), the rug, and of nothing; a coupon without product fits every line
SELECT count(*) FROM unnest('{product,category}'::text[]) shop, LATERAL (SELECT pg_temp.t(shop, 5, shop || ' lamp', '2024-06-01 10:00', 'anna', 'click', 'lamp') || pg_temp.t(shop, 5, shop || ' torch', '2024-06-01 11:00', 'bert', 'click', 'torch')
	|| pg_temp.t(shop, 5, shop || ' rug', '2024-06-01 12:00', 'cleo', 'click', 'rug') || pg_temp.t(shop, 5, shop || ' page', '2024-06-01 13:00', 'cleo') || pg_temp.t(shop, 5, shop || ' leaf', '2024-06-01 14:00', 'cleo', more => '{"category_id": 2}')
	|| pg_temp.t(shop, 5, shop || ' code', '2024-06-01 15:00', 'cleo', 'coupon')) x;
SELECT shop, pg_temp.o(shop, 5, shop, '2024-06-01 20:00') FROM unnest('{product,category}'::text[]) shop;
SELECT shop, pg_temp.shares(shop) FROM unnest('{product,category}'::text[]) shop;
SELECT * FROM pg_temp.why('product', 'product');
SELECT * FROM pg_temp.why('category', 'category');

-- Coupons: whose and when
SELECT count(*) FROM unnest('{override,without click,coupon last}'::text[]) shop, influence.set_coupon(pg_temp.program(shop), ' anna10', pg_temp.creator('anna'), '2024-01-01');
SELECT pg_temp.program('override') AS p \gset
SELECT status FROM influence.set_coupon(:p, 'ANNA10', pg_temp.creator('anna'), '2024-01-01');
SELECT status FROM influence.set_coupon(:p, 'Bert', pg_temp.creator('bert'), '2024-01-01', '2024-02-01');
SELECT status FROM influence.set_coupon(:p, 'move', pg_temp.creator('bert'), '2024-01-01');
SELECT status FROM influence.set_coupon(:p, 'move', pg_temp.creator('cleo'), '2024-07-01');
SELECT status FROM influence.set_coupon(:p, 'move', pg_temp.creator('bert'), '2024-01-01');
SELECT status FROM influence.set_coupon(:p, 'move', NULL, '2024-08-01');
SELECT status FROM influence.set_coupon(:p, 'move', NULL, '2024-08-01');
SELECT code, creator_id, valid FROM influence.coupon WHERE program_id = :p ORDER BY code COLLATE "C", valid;
SELECT * FROM pg_temp.not_refused('IN011', format($$set_coupon(%s, 'bert', 3, '2023-01-01')$$, :p), format($$set_coupon(%s, 'bert', 2, '2024-01-15', '2024-03-01')$$, :p), format($$set_coupon(%s, 'anna10', 2, '2024-01-01')$$, :p), format($$set_coupon(%s, 'bert', NULL, '2024-01-15')$$, :p));
SELECT * FROM pg_temp.not_refused('IN002', $$set_coupon(1, '', 1)$$, $$set_coupon(1, '  ', 1)$$, $$set_coupon(1, NULL, 1)$$, $$set_coupon(1, 'x', 1, NULL)$$, $$set_coupon(1, 'x', 1, 'infinity')$$, $$set_coupon(1, 'x', 1, '2024-01-01', NULL)$$,
	$$set_coupon(1, 'x', 1, '2024-01-01', '2024-01-01')$$, $$set_coupon(1, 'x', NULL, '2024-01-01', '2024-02-01')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_coupon(99, 'x', 1)$$, $$set_coupon(1, 'x', 99)$$);
-- override: the owner gets all, whatever was clicked and whatever the windows are; unknown and ended codes are ignored
SELECT pg_temp.t('override', 6, 'click', '2024-06-01 10:00', 'bert');
SELECT ref, pg_temp.o('override', 6, ref, '2024-06-02', 'lamp', coupon) FROM (VALUES ('v1', ' Anna10 '), ('v2', 'nobody''s'), ('v3', 'bert'), ('v4', 'move'), ('v5', NULL)) o(ref, coupon);
SELECT ref, pg_temp.shares(ref) FROM unnest('{v1,v2,v3,v4,v5}'::text[]) ref;
SELECT * FROM pg_temp.why('override', 'v1');
SELECT * FROM pg_temp.why('override', 'v3');
-- anna's own purchase with her code is nobody's
SELECT pg_temp.o('override', 900, 'v6', '2024-06-02', 'lamp', 'anna10');
-- only_without_click: a click wins, a view does not
SELECT pg_temp.t('without click', 7, 'view', '2024-06-01 20:00', 'bert', 'view'), pg_temp.o('without click', 7, 'w1', '2024-06-02', 'lamp', 'anna10'), pg_temp.t('without click', 7, 'click', '2024-06-02 10:00', 'bert'), pg_temp.o('without click', 7, 'w2', '2024-06-02 11:00', 'lamp', 'anna10');
SELECT ref, pg_temp.shares(ref) FROM unnest('{w1,w2}'::text[]) ref;
SELECT * FROM pg_temp.why('without click', 'w2');
-- last_touch: a touch like others; the program with rule none ignores it without a word
SELECT pg_temp.t('coupon last', 8, 'click', '2024-06-01 10:00', 'bert'), pg_temp.o('coupon last', 8, 'l1', '2024-06-02', 'lamp', 'anna10'), pg_temp.o('j', 8, 'l2', '2024-06-02', 'lamp', 'anna10');
SELECT ref, pg_temp.shares(ref) FROM unnest('{l1,l2}'::text[]) ref;

-- A code that has an owner and no effect says so, itself and with each order: in the program j from the day on that it is set; not where it brings a fixed
-- credit, has a rule when it begins, or only ends
SELECT * FROM influence.set_coupon(pg_temp.program('j'), 'anna10', pg_temp.creator('anna'), '2024-06-03');
SELECT * FROM influence.set_coupon(pg_temp.program('j'), 'anna10', pg_temp.creator('anna'), '2024-06-03');
SELECT * FROM influence.set_coupon(pg_temp.program('j'), 'bonus', pg_temp.creator('anna'), '2024-06-03', fixed_credit => 100);
SELECT * FROM influence.set_coupon(pg_temp.program('coupon last'), 'later', pg_temp.creator('anna'), '2024-06-03');
SELECT ref, pg_temp.o('j', 8, ref, at::timestamptz, 'lamp', code) FROM (VALUES ('l3', '2024-06-02', 'anna10'), ('l4', '2024-06-03', 'anna10'), ('l5', '2024-06-03', 'bonus'), ('l6', '2024-06-03', 'nobody''s')) v(ref, at, code);
SELECT * FROM influence.set_coupon(pg_temp.program('j'), 'anna10', NULL, '2024-08-01');
SELECT status FROM influence.set_attribution_policy(pg_temp.program('j'), '{"coupon_rule": "override"}', '2100-01-01');
SELECT v.at, c.* FROM unnest('{2099-12-31,2100-01-01}'::timestamptz[]) v(at), influence.set_coupon(pg_temp.program('j'), 'from ' || v.at, pg_temp.creator('anna'), v.at) c;

-- views count when seen for a second
SELECT pg_temp.t('seen', 9, 'short', '2024-06-01 10:00', 'anna', 'view', more => '{"viewable_ms": 999}'), pg_temp.t('seen', 9, 'unknown', '2024-06-01 10:00', 'anna', 'view'), pg_temp.o('seen', 9, 'z1', '2024-06-01 11:00'),
	pg_temp.t('seen', 9, 'long', '2024-06-01 10:00', 'bert', 'view', more => '{"viewable_ms": 1000}'), pg_temp.o('seen', 9, 'z2', '2024-06-01 11:00');
SELECT ref, pg_temp.shares(ref) FROM unnest('{z1,z2}'::text[]) ref;
SELECT * FROM pg_temp.why('seen', 'z2');

-- a cart without creator is that of the session: bert's click at most an hour before, and not cleo's view; an hour later nobody's
SELECT pg_temp.t('cart', 10, 'a', '2024-06-01 10:00', 'anna'), pg_temp.t('cart', 10, 'b', '2024-06-01 10:30', 'bert'), pg_temp.t('cart', 10, 'view', '2024-06-01 10:40', 'cleo', 'view'), pg_temp.t('cart', 10, 'cart', '2024-06-01 11:29:59', NULL, 'cart', 'lamp'),
	pg_temp.t('cart', 10, 'cart 2', '2024-06-01 11:30', NULL, 'cart', 'rug'), pg_temp.o('cart', 10, 'k1', '2024-06-02'), pg_temp.o('cart', 10, 'k2', '2024-06-02', 'rug');
SELECT ref, pg_temp.shares(ref) FROM unnest('{k1,k2}'::text[]) ref;

-- A group shares touches and orders: the order in b sees a's touch, and consumes it for a; nothing is paid twice.
SELECT pg_temp.t('group a', 11, 'in a', '2024-06-01 10:00', 'anna'), pg_temp.t('group b', 11, 'in b', '2024-06-01 11:00', 'bert'), pg_temp.o('group b', 11, 'g1', '2024-06-01 12:00'), pg_temp.o('group a', 11, 'g2', '2024-06-01 13:00');
SELECT ref, pg_temp.shares(ref) FROM unnest('{g1,g2}'::text[]) ref;
SELECT pg_temp.error_of($$SELECT pg_temp.o('group a', 11, 'g1', '2024-06-01 12:00')$$);
SELECT pg_temp.error_of($$SELECT pg_temp.o('group a', 12, 'g1', '2024-06-01 12:00')$$);
SELECT verdict, detail FROM influence.explain_missing_sale(pg_temp.program('group a'), pg_temp.creator('anna'), 'g1');

SELECT * FROM influence.check_books();

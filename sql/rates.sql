--
-- What an order line earns: the base and its currency, the choice of the rate by all its dimensions, flat amounts,
-- protection from cuts, rounding over an order, the platform's own cut. Every number is calculated in the comments.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT category_id FROM influence.create_category('Home');
SELECT category_id FROM influence.create_category('Light', 1);
SELECT category_id FROM influence.create_category('Food');
SELECT product_ids FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 2}, {"sku": "rug", "title": "Rug", "category_id": 1},
	{"sku": "torch", "title": "Torch", "category_id": 2}, {"sku": "tea", "title": "Tea", "category_id": 3}, {"sku": "plan", "title": "Membership", "category_id": 3}]');
-- a program that admits everybody; t('shop', visitor, 'ref', creator, product), o('shop', visitor, 'ref', lines), what it earned
CREATE FUNCTION pg_temp.shop(name text, currency text DEFAULT 'USD', attribution jsonb DEFAULT '{}', payout jsonb DEFAULT '{}', commission jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence.create_program(name, currency, 'UTC', attribution, '{"hold": "30 days"}' || payout, commission => commission);
	PERFORM influence.set_admission_rule(pg_temp.program(name), 'channels', '>=', 0, valid_from => '2020-01-01');
END $$;
SELECT pg_temp.shop('kinds'), pg_temp.shop('flat', 'USD', '{"model": "linear"}'), pg_temp.shop('protect'), pg_temp.shop('euro', 'EUR', '{"model": "linear"}'), pg_temp.shop('yen', 'JPY'), pg_temp.shop('dinar', 'KWD'),
	pg_temp.shop('order', 'USD', '{"model": "linear"}', '{"rounding_scope": "order", "hold": "10 years"}'), pg_temp.shop('cut', 'USD', '{"model": "linear"}', '{"rounding": "half_even"}', '{"platform_rate": 0.025}'),
	pg_temp.shop('late', 'USD', '{"model": "linear"}', '{"hold": "10 years"}', '{"platform_rate": 0.025}'), pg_temp.shop('base', 'USD');
SELECT pg_temp.new_creator('anna');
SELECT pg_temp.new_creator('bert');
SELECT pg_temp.new_creator('cleo');
CREATE FUNCTION pg_temp.t(shop text, v int, ref text, creator text, sku text DEFAULT NULL, more jsonb DEFAULT '{}', at timestamptz DEFAULT '2024-06-01') RETURNS text LANGUAGE sql AS
$$ SELECT status FROM influence.record_touch(pg_temp.program(shop), pg_temp.visitor(v), ref, 'click', pg_temp.creator(creator), at, pg_temp.product(sku), NULL, more) $$;
CREATE FUNCTION pg_temp.o(shop text, v int, ref text, lines jsonb, at timestamptz DEFAULT '2024-06-02', currency text DEFAULT NULL, details jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' ', status, amount, commission, remarks) FROM influence.record_order(pg_temp.program(shop), pg_temp.visitor(v), ref, lines, at, currency, details) $$;
CREATE FUNCTION pg_temp.line(sku text, price bigint, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS
$$ SELECT jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', sku, 'quantity', 1, 'paid_price', price) || more) $$;
CREATE FUNCTION pg_temp.earned(ref text) RETURNS TABLE (line int, creator text, base bigint, rate text, amount bigint, kind text, tier bigint, hold text) LANGUAGE sql AS
$$ SELECT e.line_no, coalesce(c.creator_ref, 'the platform'), sum(e.base)::bigint, coalesce(min(e.rate)::text, 'flat ' || min(e.flat_amount)), sum(e.amount)::bigint, concat_ws(' ', min(e.directness), min(e.customer_kind), min(e.boost)), min(e.tier_id), min(e.hold_reason)
	FROM influence.earning e LEFT JOIN influence.creator c USING (creator_id) WHERE e.order_ref = ref AND e.kind = 'commission' GROUP BY e.line_no, e.creator_id, c.creator_ref ORDER BY 1, 2 $$;

-- The kind of a sale. 10 % of 100.00 for everything, 5 % for indirect sales, 3 % where they return, 12 % for new customers, 2 % for boosted touches.
SELECT status, version FROM influence.set_commission_rate(pg_temp.program('kinds'), 0.10, valid_from => '2020-01-01');
SELECT status, version FROM influence.set_commission_rate(pg_temp.program('kinds'), 0.12, valid_from => '2020-01-01', customer_kind => 'new');
SELECT status, version FROM influence.set_commission_rate(pg_temp.program('kinds'), 0.02, valid_from => '2020-01-01', boost => 'boosted');
--   customer and boost: 12 % and 2 %, the customer goes before the boost; a line that does not say fits neither new nor returning
SELECT pg_temp.t('kinds', 1, 'k1', 'anna', 'lamp'), pg_temp.t('kinds', 2, 'k2', 'anna', 'lamp', '{"boosted": true}'), pg_temp.t('kinds', 3, 'k3', 'anna', 'lamp', '{"boosted": false}');
SELECT pg_temp.o('kinds', 1, 'plain', pg_temp.line('lamp', 10000)), pg_temp.o('kinds', 1, 'new', pg_temp.line('lamp', 10000, '{"new_customer": true}')), pg_temp.o('kinds', 1, 'old', pg_temp.line('lamp', 10000, '{"new_customer": false}')),
	pg_temp.o('kinds', 2, 'boosted', pg_temp.line('lamp', 10000)), pg_temp.o('kinds', 2, 'boosted and new', pg_temp.line('lamp', 10000, '{"new_customer": true}')), pg_temp.o('kinds', 3, 'organic', pg_temp.line('lamp', 10000));
SELECT status, version FROM influence.set_commission_rate(pg_temp.program('kinds'), 0.05, valid_from => '2020-01-01', directness => 'indirect');
SELECT status, version FROM influence.set_commission_rate(pg_temp.program('kinds'), 0.03, valid_from => '2020-01-01', directness => 'indirect', customer_kind => 'returning');
--   direct: the product itself, one of its category (torch), one of a category above it (rug is Home, lamp Home > Light);
--   indirect: a product below (lamp touched, rug bought), another category, a touch without product
SELECT pg_temp.t('kinds', 10 + n, 'd', 'anna', sku) FROM (VALUES (1, 'lamp'), (2, 'torch'), (3, 'rug'), (4, 'tea'), (5, NULL), (6, 'lamp')) t(n, sku);
SELECT pg_temp.o('kinds', 10 + n, 'direct ' || n, pg_temp.line(CASE n WHEN 6 THEN 'rug' ELSE 'lamp' END, 10000)) FROM generate_series(1, 6) n;
SELECT n, kind, rate FROM generate_series(1, 6) n, pg_temp.earned('direct ' || n);
--   a renewal is a returning customer, whatever else is said; indirect goes before new: 5 %
SELECT pg_temp.o('kinds', 14, 'renewal', pg_temp.line('lamp', 10000, '{"new_customer": true, "renewal_no": 1}')), pg_temp.o('kinds', 14, 'first', pg_temp.line('lamp', 10000, '{"new_customer": true, "renewal_no": 0}')), pg_temp.o('kinds', 11, 'direct and new', pg_temp.line('lamp', 10000, '{"new_customer": true}'));
SELECT kind, rate, amount FROM unnest('{plain,renewal,first,direct and new}'::text[]) ref, pg_temp.earned(ref);
--   one direct touch of several is enough, for each creator by itself; what is booked keeps its rate
SELECT pg_temp.shop('several', 'USD', '{"model": "linear"}');
SELECT count(*) FROM unnest('{anna,bert}'::text[]) c, influence.apply_creator(pg_temp.program('several'), pg_temp.creator(c), '2020-01-02');
SELECT count(*) FROM (VALUES (0.1, ''), (0.05, 'indirect')) r(rate, kind), influence.set_commission_rate(pg_temp.program('several'), r.rate, valid_from => '2020-01-01', directness => r.kind);
SELECT pg_temp.t('several', 20, 'a', 'anna', 'tea'), pg_temp.t('several', 20, 'b', 'bert', NULL), pg_temp.t('several', 20, 'c', 'anna', 'lamp'), pg_temp.t('several', 20, 'd', 'bert', 'tea');
SELECT pg_temp.o('several', 20, 'several', pg_temp.line('lamp', 10000));
SELECT * FROM pg_temp.earned('several');
SELECT line, creator_name, fact, value, source FROM influence.explain_commission(pg_temp.program('several'), 'several') WHERE fact ~ 'kind|rate|commission' ORDER BY creator_name, step;
SELECT * FROM pg_temp.not_refused('IN002', $$set_commission_rate(1, 0.1, directness => 'straight')$$, $$set_commission_rate(1, 0.1, directness => NULL)$$, $$set_commission_rate(1, 0.1, customer_kind => 'old')$$, $$set_commission_rate(1, 0.1, customer_kind => NULL)$$,
	$$set_commission_rate(1, 0.1, boost => 'paid')$$, $$set_commission_rate(1, 0.1, boost => NULL)$$, $$set_commission_rate(1, 0.1, protect_days => -1)$$, $$set_commission_rate(1, 0.1, protect_days => 3661)$$, $$set_commission_rate(1, 0.1, protect_days => NULL)$$,
	$$set_commission_rate(1, 0.1, flat_amount => 1)$$, $$set_commission_rate(1, flat_amount => -1)$$, $$set_commission_rate(1)$$);
-- the same keys once at a time; other keys beside them; protect_days is content
SELECT status, version FROM influence.set_commission_rate(pg_temp.program('kinds'), 0.05, valid_from => '2020-01-01', directness => 'indirect');
SELECT status, version FROM influence.set_commission_rate(pg_temp.program('kinds'), 0.05, valid_from => '2020-01-01', directness => 'direct');
SELECT * FROM pg_temp.not_refused('IN011', format($$set_commission_rate(%s, 0.05, valid_from => '2020-01-01', directness => 'indirect', protect_days => 3)$$, pg_temp.program('kinds')),
	format($$set_commission_rate(%s, flat_amount => 5, valid_from => '2020-01-01', directness => 'indirect')$$, pg_temp.program('kinds')));

-- Flat amounts, per piece, in minor units. 3 pieces at 5.00 = 15.00, shared by credited base. Linear: anna has two touches of three
-- (of 100.01: 6667 and 3334): quotas of 1500 are 999.95 and 500.05 -> 1000 and 500. A product for 0 (a trial): by weight 2/3, 1/3 of 25.00:
-- 1666.67 and 833.33 -> 1667 and 833. bert alone on a line with a direct visit takes all of it.
SELECT status FROM influence.set_commission_rate(pg_temp.program('flat'), flat_amount => 500, valid_from => '2020-01-01');
SELECT status FROM influence.set_commission_rate(pg_temp.program('flat'), flat_amount => 2500, product_id => pg_temp.product('plan'), valid_from => '2020-01-01');
SELECT pg_temp.t('flat', 30, 'a', 'anna'), pg_temp.t('flat', 30, 'b', 'bert'), pg_temp.t('flat', 30, 'c', 'anna'), pg_temp.t('flat', 31, 'a', 'bert'), pg_temp.t('flat', 31, 'b', NULL, NULL, '{"channel": "direct"}');
SELECT pg_temp.o('flat', 30, 'flat', '[{"line_no": 1, "sku": "lamp", "quantity": 3, "paid_price": 4000, "base_amount": 10001}, {"line_no": 2, "sku": "plan", "quantity": 1, "paid_price": 0, "membership": "trial"}]'), pg_temp.o('flat', 31, 'visit', pg_temp.line('lamp', 10001));
SELECT ref, e.* FROM unnest('{flat,visit}'::text[]) ref, pg_temp.earned(ref) e;
--   anna has a rate in percent, bert the flat one: she earns 10 % of 66.67 = 666.7, bert his share of his flat amount: 500
SELECT status FROM influence.set_commission_rate(pg_temp.program('flat'), 0.1, pg_temp.creator('anna'), valid_from => '2024-07-01');
SELECT pg_temp.t('flat', 32, 'a', 'anna', at => '2024-07-01'), pg_temp.t('flat', 32, 'b', 'bert', at => '2024-07-01'), pg_temp.t('flat', 32, 'c', 'anna', at => '2024-07-01');
SELECT pg_temp.o('flat', 32, 'mixed', '[{"line_no": 1, "sku": "lamp", "quantity": 3, "paid_price": 4000, "base_amount": 10001}]', '2024-07-02');
SELECT * FROM pg_temp.earned('mixed');
SELECT creator_name, fact, value, source FROM influence.explain_commission(pg_temp.program('flat'), 'flat') WHERE fact ~ 'rate|commission' ORDER BY line, creator_name, step;
--   a line of 0.01 of which a direct visit, the first of equals, has all: bert's weight is what counts
SELECT pg_temp.t('flat', 33, 'a', NULL, NULL, '{"channel": "direct"}'), pg_temp.t('flat', 33, 'b', 'bert'), pg_temp.o('flat', 33, 'cent', pg_temp.line('lamp', 1));
SELECT * FROM pg_temp.earned('cent');
--   more than a bigint holds
SELECT status FROM influence.set_commission_rate(pg_temp.program('flat'), flat_amount => 9223372036854775807, product_id => pg_temp.product('tea'), valid_from => '2020-01-01');
SELECT * FROM pg_temp.not_refused('IN006', format($$record_order(%s, pg_temp.visitor(31), 'x', '[{"line_no": 1, "sku": "tea", "quantity": 2, "paid_price": 1}]', '2024-06-02')$$, pg_temp.program('flat')));

-- Protection. 10 % until July, 4 % after it with 30 days for those who had posted the product: anna had, bert posts it too late,
-- cleo posted something else. Until 30 x 24 hours after the cut.
SELECT status, version FROM influence.set_commission_rate(pg_temp.program('protect'), 0.10, valid_from => '2020-01-01');
SELECT status, version FROM influence.set_commission_rate(pg_temp.program('protect'), 0.04, valid_from => '2024-07-01', protect_days => 30);
SELECT c, p.status FROM (VALUES ('anna', 'lamp', '2024-06-30 23:59:59.999999'), ('bert', 'lamp', '2024-07-01'), ('cleo', 'rug', '2024-06-01')) v(c, sku, at), influence.publish_post(pg_temp.program('protect'), pg_temp.creator(c), 'p', 'photo',
	jsonb_build_array(jsonb_build_object('product_id', pg_temp.product(sku))), published_at => at::timestamptz) p;
SELECT count(*) FROM (VALUES (40, 'anna'), (41, 'bert'), (42, 'cleo')) v(v, c), LATERAL pg_temp.t('protect', v, 't', c, at => '2024-07-01') t, LATERAL pg_temp.t('protect', v, 'u', c, at => '2024-07-30') u;
SELECT c, at, pg_temp.o('protect', v, c || at, pg_temp.line('lamp', 10000), at::timestamptz) FROM (VALUES (40, 'anna', '2024-07-01'), (41, 'bert', '2024-07-01'), (42, 'cleo', '2024-07-01'), (40, 'anna', '2024-07-30 23:59:59.999999'), (40, 'anna', '2024-07-31')) t(v, c, at) ORDER BY v, at;
SELECT pg_temp.o('protect', 42, 'other', pg_temp.line('rug', 10000), '2024-07-02');
SELECT fact, value, source FROM influence.explain_commission(pg_temp.program('protect'), 'anna2024-07-01') WHERE fact ~ 'rate';
-- a post that is taken down later was there; a raise holds at once (12 % from August on protects 10 %, which earns less)
SELECT status FROM influence.set_post_status((SELECT post_id FROM influence.post WHERE post_ref = 'p' AND creator_id = pg_temp.creator('anna')), 'removed', 'r', 'ops', '2024-07-10');
SELECT pg_temp.o('protect', 40, 'removed', pg_temp.line('lamp', 10000), '2024-07-11');
SELECT status FROM influence.set_commission_rate(pg_temp.program('protect'), 0.12, valid_from => '2024-08-01', protect_days => 30);
SELECT pg_temp.t('protect', 40, 'v', 'anna', at => '2024-08-01'), pg_temp.o('protect', 40, 'raise', pg_temp.line('lamp', 10000), '2024-08-02');
-- compared in money: a flat 5.00 instead of 12 % costs less than 41.66 worth, 12 % of 41.67 = 5.0004 -> 500 is no more, of 42.00 = 5.04
SELECT status FROM influence.set_commission_rate(pg_temp.program('protect'), flat_amount => 500, valid_from => '2024-09-01', protect_days => 10);
SELECT pg_temp.t('protect', 40, 'w', 'anna', at => '2024-09-01'), pg_temp.o('protect', 40, 'flat less', pg_temp.line('lamp', 4167), '2024-09-02'), pg_temp.o('protect', 40, 'flat more', pg_temp.line('lamp', 4200), '2024-09-02');
SELECT ref, e.rate, e.amount FROM unnest('{flat less,flat more}'::text[]) ref, pg_temp.earned(ref) e;
-- a promotion interrupts the protected rate, which goes on with the protection that is left: one of 6 % on 09-05, then the flat 5.00 with 12 % kept until 09-11
SELECT status FROM influence.set_commission_rate(pg_temp.program('protect'), 0.06, valid_from => '2024-09-05', valid_to => '2024-09-06');
SELECT at, pg_temp.o('protect', 40, 'promo ' || at, pg_temp.line('lamp', 10000), at::timestamptz) FROM unnest('{2024-09-05,2024-09-06,2024-09-10 23:59:59.999999,2024-09-11}'::text[]) at;
SELECT version, rate, flat_amount, protect_days, valid, stated IS NULL AS resumed, resumed_from FROM influence.commission_rate WHERE program_id = pg_temp.program('protect') ORDER BY version;
-- protection by a row for a product reaches back to the one for everything, which is in force still
SELECT pg_temp.shop('narrow');
SELECT count(*) FROM influence.apply_creator(pg_temp.program('narrow'), pg_temp.creator('anna'), '2020-01-02') a, influence.set_commission_rate(pg_temp.program('narrow'), 0.10, valid_from => '2020-01-01') r1,
	influence.set_commission_rate(pg_temp.program('narrow'), 0.01, product_id => pg_temp.product('lamp'), valid_from => '2024-08-01', protect_days => 1) r2;
SELECT pg_temp.t('narrow', 43, 't', 'anna', at => '2024-08-01'), pg_temp.o('narrow', 43, 'narrow', pg_temp.line('lamp', 10000), '2024-08-01 23:59'), pg_temp.o('narrow', 43, 'narrow again', pg_temp.line('lamp', 10000), '2024-08-02');
SELECT fact, value, regexp_replace(source, 'rate \d+', 'rate N') AS source FROM influence.explain_commission(pg_temp.program('narrow'), 'narrow') WHERE fact ~ 'rate';

-- Currencies. A program in EUR; USD 1.00 = EUR 0.9137 from 06-01, 0.92 from 06-02 12:00; JPY 1 = EUR 0.0059; KWD 1 = EUR 3.0125
--   10.99 USD x 0.9137 = 10.041563 -> 10.04; 7 % of it: 70.28 -> 0.70; 10.99 x 0.92 = 10.1108 -> 10.11; stated 0.915: 10.05585 -> 10.06
--   1999 JPY x 0.0059 = 11.7941 -> 11.79 EUR; 4.567 KWD x 3.0125 = 13.75808... -> 13.76 EUR; 0.05 KWD x 0.1 = 0.005 -> 0.01
SELECT count(*) FROM influence.set_commission_rate(pg_temp.program('euro'), 0.07, valid_from => '2020-01-01') r1, influence.set_exchange_rate('USD', 'EUR', 0.9137, 'ECB', '2024-06-01') r2, influence.set_exchange_rate('USD', 'EUR', 0.92, 'ECB', '2024-06-02 12:00') r3,
	influence.set_exchange_rate('JPY', 'EUR', 0.0059, 'ECB', '2024-06-01') r4, influence.set_exchange_rate('KWD', 'EUR', 3.0125, 'ECB', '2024-06-01') r5;
SELECT pg_temp.t('euro', 50, 't', 'anna', at => '2024-05-31');
SELECT ref, pg_temp.o('euro', 50, ref, pg_temp.line('lamp', price), at::timestamptz, money, details) FROM (VALUES
	('fx before', 1099, '2024-06-02 11:59:59.999999', 'USD', '{}'::jsonb), ('fx at', 1099, '2024-06-02 12:00', 'USD', '{}'), ('fx stated', 1099, '2024-06-02', 'USD', '{"fx_rate": 0.915, "fx_source": "bank"}'), ('fx plain', 1099, '2024-06-02', 'USD', '{"fx_rate": "0.5"}'),
	('fx yen', 1999, '2024-06-02', 'JPY', '{}'), ('fx dinar', 4567, '2024-06-02', 'KWD', '{}'), ('fx tie', 50, '2024-06-02', 'KWD', '{"fx_rate": 0.1}'), ('fx none', 1099, '2024-06-02', 'EUR', '{"fx_rate": 1}')) t(ref, price, at, money, details);
SELECT l.order_ref, o.currency, l.order_amount, l.base_amount, l.fx_rate, l.fx_source, e.base, e.amount, e.currency FROM influence.order_line l JOIN influence.orders o USING (visitor_id, program_id, order_ref) JOIN influence.earning e USING (visitor_id, program_id, order_ref, line_no) WHERE l.order_ref ~ '^fx' ORDER BY 1;
SELECT fact, value, source FROM influence.explain_commission(pg_temp.program('euro'), 'fx yen') WHERE fact ~ 'base|share|commission';
SELECT verdict, detail FROM influence.explain_missing_sale(pg_temp.program('euro'), pg_temp.creator('anna'), 'fx yen');
--   to a currency without decimals and to one with three: 10.99 EUR x 170.255 = 1871.10 -> 1871 JPY; 10.99 EUR x 0.3333 = 3.662967 -> 3.663 KWD
SELECT pg_temp.o('yen', 50, 'to yen', pg_temp.line('lamp', 1099), currency => 'EUR', details => '{"fx_rate": 170.255}'), pg_temp.o('dinar', 50, 'to dinar', pg_temp.line('lamp', 1099), currency => 'EUR', details => '{"fx_rate": 0.3333}');
--   a rate that is set later changes nothing; a retry is a duplicate, also when it takes the currency of the program for granted
SELECT status FROM influence.set_exchange_rate('USD', 'EUR', 0.5, 'ECB', '2024-06-02');
SELECT pg_temp.o('euro', 50, 'fx before', pg_temp.line('lamp', 1099), '2024-06-02 11:59:59.999999', 'USD');
SELECT * FROM pg_temp.not_refused('IN002', format($$record_order(%s, pg_temp.visitor(50), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', '2024-05-31 23:59:59.999999', 'USD')$$, pg_temp.program('euro')));
SELECT pg_temp.refused(format($$record_order(%s, pg_temp.visitor(50), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1}]', '2024-06-02', 'CHF')$$, pg_temp.program('euro')));
SELECT * FROM pg_temp.not_refused('IN006', format($$record_order(%s, pg_temp.visitor(50), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 9223372036854775807}]', '2024-06-02', 'USD', '{"fx_rate": 1.1}')$$, pg_temp.program('euro')),
	format($$record_order(%s, pg_temp.visitor(50), 'x', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 9000000000000000000}, {"line_no": 2, "sku": "lamp", "quantity": 1, "paid_price": 9000000000000000000}]', '2024-06-02', 'USD', '{"fx_rate": 0.1}')$$, pg_temp.program('euro')));

-- The base. 2 x 1000 - 150 - 50 - 319 - 490 - 11 - 80 = 900 with all; less tax and points only: 1670; less nothing: 2000; stated: 1234. By the policy in force when ordered.
SELECT version FROM influence.set_commission_policy(pg_temp.program('base'), '{"base_less": ["tax", "points"]}', '2024-07-01');
SELECT version FROM influence.set_commission_policy(pg_temp.program('base'), '{"base_less": []}', '2024-08-01');
SELECT at, pg_temp.o('base', 60, 'b' || at, '[{"line_no": 1, "sku": "lamp", "quantity": 2, "paid_price": 1000, "discount_seller": 150, "discount_platform": 50, "tax": 319, "shipping": 490, "points": 11, "gift_card": 80},
	{"line_no": 2, "sku": "lamp", "quantity": 2, "paid_price": 1000, "base_amount": 1234, "tax": 100}]', at::timestamptz) FROM unnest('{2024-06-30 23:59:59.999999,2024-07-01,2024-08-01}'::text[]) at;
SELECT o.ordered_at, o.commission_policy_version, array_agg(l.base_amount ORDER BY line_no) FROM influence.orders o JOIN influence.order_line l USING (visitor_id, program_id, order_ref) WHERE o.program_id = pg_temp.program('base') GROUP BY 1, 2 ORDER BY 1;

-- Rounding over the order. 5 % of 0.30, 0.30 and 0.30 = 1.5 each: line by line 2 + 2 + 2, over the order 1.5 -> 2, 3 -> 3, 4.5 -> 5, so 2, 1, 2; the rug has a rate of its own: 1.5 -> 2
SELECT count(*) FROM influence.set_commission_rate(pg_temp.program('order'), 0.05, valid_from => '2020-01-01') r1, influence.set_commission_rate(pg_temp.program('order'), 0.05, product_id => pg_temp.product('rug'), valid_from => '2020-01-01') r2;
SELECT pg_temp.t('order', 70, 'b', 'anna');
SELECT pg_temp.o('order', 70, 'scope', '[{"line_no": 4, "sku": "tea", "quantity": 1, "paid_price": 30}, {"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 30}, {"line_no": 2, "sku": "rug", "quantity": 1, "paid_price": 30}, {"line_no": 3, "sku": "lamp", "quantity": 1, "paid_price": 30}]');
SELECT line, rate, amount FROM pg_temp.earned('scope');
SELECT line, source FROM influence.explain_commission(pg_temp.program('order'), 'scope') WHERE fact = 'commission';
--   a touch that arrives late shares the lines: 15 each, .75 -> 1, 1.5 -> 2, 2.25 -> 2, so 1, 1, 0 for each, and 1 for the rug (.75)
SELECT pg_temp.t('order', 70, 'a', 'bert');
SELECT status, commission FROM influence.reattribute(pg_temp.program('order'), 'scope');
SELECT line, creator, base, amount FROM pg_temp.earned('scope');

-- The platform's own cut: 2.5 % of all that is credited to creators, half even: of 100.00 2.50; of 0.60 1.5 -> 2, of 0.20 0.5 -> 0. It is no creator's.
SELECT count(*) FROM influence.set_commission_rate(pg_temp.program('cut'), 0.10, valid_from => '2020-01-01'), influence.register_creator('eve', 'Eve');
SELECT pg_temp.t('cut', 80, 'a', 'anna'), pg_temp.t('cut', 80, 'b', 'bert'), pg_temp.t('cut', 81, 'a', 'eve');
SELECT pg_temp.o('cut', 80, 'cut', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 10000}, {"line_no": 2, "sku": "lamp", "quantity": 1, "paid_price": 60}, {"line_no": 3, "sku": "lamp", "quantity": 1, "paid_price": 20}]'), pg_temp.o('cut', 81, 'not admitted', pg_temp.line('lamp', 1000)), pg_temp.o('cut', 82, 'nobody', pg_temp.line('lamp', 1000));
SELECT ref, e.* FROM unnest('{cut,not admitted,nobody}'::text[]) ref, pg_temp.earned(ref) e;
SELECT creator_id, creator_name, fact, value, source FROM influence.explain_commission(pg_temp.program('cut'), 'cut', 1) WHERE creator_id = 0;
SELECT party_id, amount FROM influence.plan_payouts(pg_temp.program('cut'), '2024-07', '2024-08-01');
SELECT count(*) FROM influence.refresh_stats();
SELECT creator_id, lines, revenue, commission FROM influence.creator_hour WHERE program_id = pg_temp.program('cut') AND lines > 0 ORDER BY 1;
--   the policy of the order holds, and so does the cut of an order that is attributed again
--   anna has half of 10.00, the rest is a direct visit's: 12.5 -> 13; then bert 3.34, anna 3.33, the visit 3.33: 16.7 and 16.65 -> 17, 2.5 % of 6.67 = 16.675 -> 17
SELECT count(*) FROM influence.set_commission_rate(pg_temp.program('late'), 0.05, valid_from => '2020-01-01') r;
SELECT pg_temp.t('late', 83, 'b', 'anna'), pg_temp.t('late', 83, 'c', NULL, NULL, '{"channel": "direct"}'), pg_temp.o('late', 83, 'late', pg_temp.line('lamp', 1000)), pg_temp.o('late', 82, 'later', pg_temp.line('lamp', 1000));
SELECT * FROM pg_temp.earned('late');
SELECT status FROM influence.set_commission_policy(pg_temp.program('late'), '{"platform_rate": 0}', '2024-06-03');
SELECT pg_temp.t('late', 83, 'a', 'bert'), pg_temp.t('late', 82, 'a', 'bert');
SELECT status, commission FROM unnest('{late,later}'::text[]) ref, influence.reattribute(pg_temp.program('late'), ref);
SELECT ref, e.* FROM unnest('{late,later}'::text[]) ref, pg_temp.earned(ref) e;
SELECT pg_temp.o('late', 83, 'no cut', pg_temp.line('lamp', 1000), '2024-06-03');
SELECT * FROM pg_temp.earned('no cut');

-- The tier table of a line is that of its deepest category and frozen; a rate for a creator or a product, a flat one, or none has none.
INSERT INTO influence.tier_table (program_id, tier_id, category_id, measure, mode, thresholds, rates, valid, stated)
SELECT pg_temp.program('kinds'), t.id, t.category, 'revenue', 'graduated', '{0,10000}', '{0.1,0.2}', t.valid, t.valid FROM (VALUES (11, 0, tstzrange('2024-06-01', NULL)), (12, 1, tstzrange('2024-06-01', '2024-07-01')), (13, 2, tstzrange('2024-06-15', NULL))) t(id, category, valid);
SELECT count(*) FROM influence.set_commission_rate(pg_temp.program('kinds'), 0.2, pg_temp.creator('bert'), valid_from => '2020-01-01') r1, influence.set_commission_rate(pg_temp.program('kinds'), 0.2, product_id => pg_temp.product('torch'), valid_from => '2020-01-01') r2,
	influence.set_commission_rate(pg_temp.program('kinds'), flat_amount => 5, category_id => 3, valid_from => '2020-01-01') r3;
SELECT pg_temp.t('kinds', 90, 'a', 'anna'), pg_temp.t('kinds', 91, 'b', 'bert'), pg_temp.t('kinds', 92, 'e', 'eve');
SELECT ref, pg_temp.o('kinds', v, ref, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}, {"line_no": 2, "sku": "rug", "quantity": 1, "paid_price": 1000}, {"line_no": 3, "sku": "torch", "quantity": 1, "paid_price": 1000}, {"line_no": 4, "sku": "tea", "quantity": 1, "paid_price": 1000}]', at::timestamptz)
	FROM (VALUES (90, 'tiers 1', '2024-06-02'), (90, 'tiers 2', '2024-06-15'), (91, 'tiers 3', '2024-06-02'), (92, 'tiers 4', '2024-06-02')) t(v, ref, at);
SELECT ref, line, rate, tier, hold FROM unnest('{tiers 1,tiers 2,tiers 3,tiers 4}'::text[]) ref, pg_temp.earned(ref);
SELECT fact, value, source FROM influence.explain_commission(pg_temp.program('kinds'), 'tiers 2', 1) WHERE fact ~ 'tier';

-- An order that came by COPY has the policy of its moment, and its amount in the program's currency unless it says another; in another it brings its exchange rate.
INSERT INTO influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, content_hash) SELECT pg_temp.visitor(p.v), pg_temp.program(p.shop), p.ref, '2024-06-02', p.money, '' FROM (VALUES (83, 'late', 'copied', 'USD'), (50, 'euro', 'copied fx', 'USD')) p(v, shop, ref, money);
INSERT INTO influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity, paid_price, base_amount) VALUES (pg_temp.visitor(83), pg_temp.program('late'), 'copied', 1, 1, '{1,2}', 1, 1000, 1000);
INSERT INTO influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity, paid_price, order_amount, base_amount, fx_rate, fx_source) VALUES (pg_temp.visitor(50), pg_temp.program('euro'), 'copied fx', 1, 1, '{1,2}', 1, 1099, 1099, 1004, 0.9137, 'bank');
SELECT status, amount, commission FROM (VALUES ('late', 'copied'), ('euro', 'copied fx')) c(shop, ref), influence.reattribute(pg_temp.program(shop), ref);
SELECT order_ref, commission_policy_version, l.order_amount, l.base_amount FROM influence.orders JOIN influence.order_line l USING (visitor_id, program_id, order_ref) WHERE order_ref ~ 'copied' ORDER BY 1;
SELECT ref, e.* FROM unnest('{copied,copied fx}'::text[]) ref, pg_temp.earned(ref) e;

-- The books of all this, and what they say when a frozen fact is not what it was; nothing of the damage stays.
SELECT * FROM influence.check_books();
CREATE FUNCTION pg_temp.damaged(statement text) RETURNS TABLE (check_name text, subject text, expected text, found text) LANGUAGE plpgsql AS $$
DECLARE
	rows jsonb;
	damaged bigint;
BEGIN
	BEGIN
		EXECUTE statement;
		GET DIAGNOSTICS damaged = ROW_COUNT;
		IF damaged <> 1 THEN
			RAISE EXCEPTION '% rows damaged', damaged;
		END IF;
		SELECT coalesce(jsonb_agg(to_jsonb(b)), '[]') INTO rows FROM influence.check_books() b;
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		NULL;
	END;
	RETURN QUERY SELECT r.check_name, r.subject, r.expected, r.found FROM jsonb_to_recordset(rows) r(check_name text, subject text, expected text, found text)
	WHERE r.check_name !~ 'ledger|clawback';
END $$;
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET flat_amount = 400 WHERE order_ref = 'visit'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET amount = amount + 1 WHERE order_ref = 'flat' AND line_no = 2 AND amount = 833$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET amount = 1 WHERE order_ref = 'cent'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET amount = 2 WHERE order_ref = 'scope' AND line_no = 3 AND creator_id = pg_temp.creator('anna') AND revision = 0$$);
SELECT * FROM pg_temp.damaged($$DELETE FROM influence.earning WHERE order_ref = 'cut' AND creator_id = 0 AND line_no = 2$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET rate = 0.03, amount = 300 WHERE order_ref = 'cut' AND creator_id = 0 AND line_no = 1$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.order_line SET fx_rate = 0.91 WHERE order_ref = 'fx before'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.order_line SET fx_rate = NULL WHERE order_ref = 'fx yen'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.order_line SET order_amount = 1100 WHERE order_ref = 'fx none'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET currency = 'JPY' WHERE order_ref = 'fx yen'$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET tier_id = 13 WHERE order_ref = 'tiers 2' AND line_no = 2$$);
SELECT * FROM pg_temp.damaged($$UPDATE influence.earning SET tier_id = 99 WHERE order_ref = 'tiers 2' AND line_no = 1$$);

-- Campaigns, their products and costs; surveys; and what touches say of buttons, embedding pages and campaigns.
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh
SELECT pg_temp.new_program('Main', 'EUR', 'Europe/Berlin', '{}', '{}');
SELECT count(*) FROM influence.create_category('All');
SELECT count(p.*) FROM unnest('{lamp,rake,sofa}'::text[]) s, influence.add_product(s, initcap(s), 1) p;
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;

-- A campaign has its own key; a retry answers "duplicate", in whatever order it names the products, and without a beginning of its own.
SELECT * FROM influence.create_campaign(1, 'spring', 'Spring', 'Acme', 50000, '2024-03-01', '2024-06-01', '{1,2}', true);
SELECT * FROM influence.create_campaign(1, 'spring', 'Spring', 'Acme', 50000, '2024-03-01', '2024-06-01', '{2,1,2}', true);
SELECT * FROM influence.create_campaign(1, 'open', 'No end');
SELECT * FROM influence.create_campaign(1, 'open', 'No end');
SELECT campaign_ref, name, brand, budget, valid, paid FROM influence.campaign WHERE campaign_ref = 'spring';
SELECT lower(valid) = created_at AS begins_now, upper_inf(valid) AS open, paid FROM influence.campaign WHERE campaign_ref = 'open';
SELECT * FROM pg_temp.not_refused('IN004', $$create_campaign(1, 'spring', 'Spring', 'Acme', 50000, '2024-03-01', '2024-06-01', '{1}', true)$$,
	$$create_campaign(1, 'spring', 'Spring', 'Acme', 50000, '2024-03-01', '2024-06-01', '{1,2}', false)$$, $$create_campaign(1, 'open', 'No end', budget => 1)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$create_campaign(9, 'x', 'X')$$, $$create_campaign(1, 'x', 'X', products => '{1,99}')$$, $$create_campaign(1, 'x', 'X', products => '{NULL}')$$,
	$$add_campaign_products(9, '{1}')$$, $$add_campaign_products(NULL, '{1}')$$, $$add_campaign_products(1, '{3,99}')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$create_campaign(1, '', 'X')$$, $$create_campaign(1, NULL, 'X')$$, $$create_campaign(1, 'x', '')$$, $$create_campaign(1, 'x', 'X', '')$$,
	$$create_campaign(1, 'x', 'X', budget => -1)$$, $$create_campaign(1, 'x', 'X', valid_from => '2024-02-01', valid_to => '2024-02-01')$$,
	$$create_campaign(1, 'x', 'X', valid_from => 'infinity')$$, $$create_campaign(1, 'x', 'X', products => NULL)$$, $$create_campaign(1, 'x', 'X', paid => NULL)$$, $$add_campaign_products(1, NULL)$$);
SELECT * FROM influence.add_campaign_products(1, '{2,3,3}');
SELECT * FROM influence.add_campaign_products(1, '{3}');
SELECT * FROM influence.add_campaign_products(1, '{}');
SELECT campaign_id, array_agg(product_id ORDER BY product_id) FROM influence.campaign_product GROUP BY 1;

-- Costs are only added to; what came back of one is a cost below 0.
SELECT status FROM influence.record_campaign_cost(1, 'spot', 'media', 12000, '2024-03-02');
SELECT status FROM influence.record_campaign_cost(1, 'spot', 'media', 12000, '2024-03-02');
SELECT status FROM influence.record_campaign_cost(1, 'spot back', 'media', -2000, '2024-03-20', note => 'not shown');
SELECT status FROM influence.record_campaign_cost(1, 'trip', 'production', 300, '2024-03-03', pg_temp.creator('anna'));
SELECT * FROM pg_temp.not_refused('IN004', $$record_campaign_cost(1, 'spot', 'media', 12001, '2024-03-02')$$, $$record_campaign_cost(1, 'spot', 'media', 12000, '2024-03-02', pg_temp.creator('anna'))$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_campaign_cost(9, 'x', 'media', 1)$$, $$record_campaign_cost(1, 'x', 'media', 1, creator_id => 99)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_campaign_cost(1, 'x', 'gold', 1)$$, $$record_campaign_cost(1, 'x', NULL, 1)$$, $$record_campaign_cost(1, 'x', 'media', NULL)$$,
	$$record_campaign_cost(1, '', 'media', 1)$$, $$record_campaign_cost(1, 'x', 'media', 1, '1980-01-01')$$, $$record_campaign_cost(1, 'x', 'media', 1, 'infinity')$$);
SET ROLE influence_owner;
SELECT pg_temp.error_of('UPDATE influence.campaign_cost SET amount = 0');
SELECT pg_temp.error_of('DELETE FROM influence.campaign_cost');
RESET ROLE;
SELECT kind, count(*), sum(amount) FROM influence.campaign_cost GROUP BY 1 ORDER BY 1;

-- Surveys.
SELECT status FROM influence.record_survey('uplift', 'share of buyers', 0.74, '2016-06-01', 'Launchmetrics 2016');
SELECT status FROM influence.record_survey('uplift', 'share of buyers', 0.740, '2016-06-01', 'Launchmetrics 2016');
SELECT status FROM influence.record_survey('uplift', 'share of buyers', 0.8, '2016-06-01', 'own', 'ES', '18-24', 500, 1);
SELECT * FROM pg_temp.not_refused('IN004', $$record_survey('uplift', 'share of buyers', 0.75, '2016-06-01', 'Launchmetrics 2016')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_survey('x', 'y', 1, '2016-06-01', 's', campaign_id => 9)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_survey('', 'y', 1, '2016-06-01', 's')$$, $$record_survey('x', NULL, 1, '2016-06-01', 's')$$, $$record_survey('x', 'y', NULL, '2016-06-01', 's')$$,
	$$record_survey('x', 'y', 'NaN', '2016-06-01', 's')$$, $$record_survey('x', 'y', 'Infinity', '2016-06-01', 's')$$, $$record_survey('x', 'y', 1, NULL, 's')$$, $$record_survey('x', 'y', 1, '2016-06-01', NULL)$$,
	$$record_survey('x', 'y', 1, '2016-06-01', 's', 'Spain')$$, $$record_survey('x', 'y', 1, '2016-06-01', 's', sample_size => 0)$$, $$record_survey('x', 'y', 1, 'infinity', 's')$$);

-- A touch has the campaign of its post unless it states one; a retry may come after the post is known.
SELECT post_id FROM influence.publish_post(1, pg_temp.creator('anna'), 'p1', 'photo', '[{"product_id": 1}]', published_at => '2024-03-05', disclosure => 'paid', details => '{"campaign_id": 1}');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't1', 'click', pg_temp.creator('anna'), '2024-03-06', post_id => 1, details => '{"cta": "buy", "embed": "Blog.Example.COM", "in_app": false}');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't1', 'click', pg_temp.creator('anna'), '2024-03-06', post_id => 1, details => '{"cta": "buy", "embed": "Blog.Example.COM", "in_app": false}');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(2), 't2', 'click', pg_temp.creator('anna'), '2024-03-06', post_id => 1, details => '{"campaign_id": 2, "cta": "visit"}');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(3), 't3', 'click', pg_temp.creator('anna'), '2024-03-06', post_id => 2);
SELECT post_id FROM influence.publish_post(1, pg_temp.creator('anna'), 'p2', 'photo', '[{"product_id": 2}]', published_at => '2024-03-05', disclosure => 'paid', details => '{"campaign_id": 1}');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(3), 't3', 'click', pg_temp.creator('anna'), '2024-03-06', post_id => 2);
SELECT touch_ref, post_id, campaign_id, cta, embed, in_app FROM influence.touch ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN004', $$record_touch(1, pg_temp.visitor(1), 't1', 'click', pg_temp.creator('anna'), '2024-03-06', post_id => 1, details => '{"cta": "call", "embed": "blog.example.com", "in_app": false}')$$,
	$$record_touch(1, pg_temp.visitor(2), 't2', 'click', pg_temp.creator('anna'), '2024-03-06', post_id => 1, details => '{"campaign_id": 1, "cta": "visit"}')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_touch(1, pg_temp.visitor(1), 't9', details => '{"campaign_id": 9}')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_touch(1, pg_temp.visitor(1), 't9', details => '{"cta": "shout"}')$$, $$record_touch(1, pg_temp.visitor(1), 't9', details => '{"embed": "https://x.org/a"}')$$,
	$$record_touch(1, pg_temp.visitor(1), 't9', details => '{"embed": ""}')$$);
SELECT pg_temp.error_of($$INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, embed) VALUES (pg_temp.visitor(1), '2024-03-06', 'x', 1, 'click', 'Blog.Example.com')$$) ~ '^23514' AS copy_is_checked;

-- A credit keeps the campaign of its touch.
SELECT status, credited FROM influence.record_order(1, pg_temp.visitor(1), 'o1', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 500}]', '2024-03-07');
SELECT order_ref, snapshot ->> 'campaign_id' AS campaign_id FROM influence.credit;
-- A campaign is of one program: what another one's touches and sales name is refused or not counted, its yen are no cents. A campaign that sold nothing for
-- its costs, or to nobody whom it reached, has a ratio of 0. Campaign 1: one click, one buyer, 500 for 12000 - 2000 + 300.
SELECT pg_temp.new_program('Yen', 'JPY', 'UTC', '{}', '{}');
SELECT pg_temp.error_of($$SELECT * FROM influence.record_touch(2, pg_temp.visitor(5), 'own', 'click', 1, '2024-03-08', details => '{"campaign_id": 1}')$$);
SELECT status FROM influence.record_touch(2, pg_temp.visitor(5), 'posted', 'click', pg_temp.creator('anna'), '2024-03-08', post_id => 1);
SELECT campaign_id FROM influence.touch WHERE touch_ref = 'posted';
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, campaign_id, product_id) VALUES (pg_temp.visitor(5), '2024-03-08 01:00+00', 'copied', 2, 'click', pg_temp.creator('anna'), 1, 1);
SELECT status, credited FROM influence.record_order(2, pg_temp.visitor(5), 'yen', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 100000}]', '2024-03-09');
SELECT status FROM influence.record_campaign_cost(2, 'spot', 'media', 100, '2024-03-02');
SELECT campaign_id, currency, clicks, exposed, exposed_buyers, exposed_buyer_rate, orders, revenue, costs, kept_per_cost FROM influence.campaign_report ORDER BY 1;
SELECT product_id, clicks, orders, revenue FROM influence.campaign_product_report WHERE campaign_id = 1 ORDER BY 1;
-- A campaign ends: three sales of the lamp while it ran, 5.00 above, 1.00 on 04-01 and 2.00 on 05-01; ended on 05-01, the last is none of them, ended on 04-01
-- neither is the one of that moment; what its touch brings stays. It ends earlier, not later, and before it began it never ran. A retry of the call that made it is one.
SELECT o.status FROM (VALUES ('late 1', '2024-04-01', 100), ('late 2', '2024-05-01', 200)) v(ref, at, price), influence.record_order(1, pg_temp.visitor(9), v.ref, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', 'lamp', 'quantity', 1, 'paid_price', v.price)), v.at::timestamptz) o;
CREATE FUNCTION pg_temp.ran() RETURNS TABLE (begins_at timestamptz, ends_at timestamptz, orders bigint, revenue numeric, set_orders bigint, set_revenue numeric, costs numeric) LANGUAGE sql AS
$$ SELECT begins_at, ends_at, orders, revenue, set_orders, set_revenue, costs FROM influence.campaign_report WHERE campaign_id = 1 $$;
SELECT * FROM pg_temp.ran();
SELECT * FROM influence.end_campaign(1, '2024-05-01');
SELECT * FROM pg_temp.ran();
SELECT a.status, b.status FROM influence.end_campaign(1, '2024-05-01') a, influence.end_campaign(1) b;
SELECT * FROM influence.end_campaign(1, '2024-04-01');
SELECT * FROM pg_temp.ran();
SELECT set_pieces, set_revenue FROM influence.campaign_product_report WHERE campaign_id = 1 AND product_id = 1;
SELECT * FROM pg_temp.not_refused('IN005', $$end_campaign(1, '2024-05-01')$$, $$end_campaign(1, '2024-04-01 00:00:00.000001+00')$$);
SELECT * FROM influence.create_campaign(1, 'spring', 'Spring', 'Acme', 50000, '2024-03-01', '2024-06-01', '{1,2}', true);
SELECT * FROM influence.end_campaign(1, '2024-02-01');
SELECT * FROM influence.end_campaign(1, '2024-03-01');
SELECT * FROM pg_temp.ran();
-- an open one ends now, or when it is said to
SELECT status FROM influence.end_campaign(2);
SELECT upper(valid) <= now() AS over, upper_inf(stated) AS was_open FROM influence.campaign WHERE campaign_id = 2;
SELECT * FROM pg_temp.not_refused('IN003', $$end_campaign(99)$$, $$end_campaign(NULL)$$);
SELECT pg_temp.refused('end_campaign(1, ' || at || ')') FROM (VALUES ('NULL'), ('''infinity''')) v(at);
-- What is not an operator's is not a writer's.
SELECT r, f, has_function_privilege(r, p.oid, 'EXECUTE')
  FROM unnest('{influence_operator,influence_writer,influence_reader}'::text[]) r, unnest('{create_campaign,end_campaign,add_campaign_products,record_campaign_cost,record_survey}'::text[]) f
  JOIN pg_proc p ON p.proname = f AND p.pronamespace = 'influence'::regnamespace ORDER BY 2, 1;

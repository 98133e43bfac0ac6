--
-- Buckets of products and categories, days, sealing, and what retention drops.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{"lookback": "7 days"}', '{"hold": "1 day", "seal_after": "10 days"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;
SELECT c.category_id FROM (VALUES ('home', NULL::bigint), ('lamps', 1), ('garden', NULL)) v(name, parent), influence.create_category(v.name, v.parent) c;
SELECT p.product_id FROM (VALUES ('lamp', 2), ('rake', 3)) v(sku, category), influence.add_product(v.sku, v.sku, v.category, 1000, 'EUR', 5, valid_from => '2024-01-01') p;
SELECT status FROM influence.set_commission_rate(1, 0.1, valid_from => '2020-01-01');
SELECT post_id FROM influence.publish_post(1, 1, 'p1', 'photo', '[{"product_id": 1}]', published_at => '2024-03-01');
CREATE VIEW pg_temp.products AS
SELECT p.sku, h.bucket_start AS hour, h.part, h.views AS v, h.clicks AS c, h.carts AS t, h.visitors AS who, h.lines, h.units, h.revenue, h.returned, h.sealed FROM influence.product_hour h JOIN influence.product p USING (product_id);
CREATE VIEW pg_temp.days AS
SELECT c.creator_ref AS creator, h.bucket_start::date AS day, h.part, h.views AS v, h.clicks AS c, h.visitors AS who, h.lines, h.revenue, h.returned, h.commission, h.clawed_back, h.sealed FROM influence.creator_day h JOIN influence.creator c USING (creator_id);
CREATE FUNCTION pg_temp.touches(touches text) RETURNS int LANGUAGE sql AS $$
	SELECT r.recorded FROM influence.record_touches(1, (SELECT jsonb_agg(jsonb_build_object('visitor_id', pg_temp.visitor(v[1]::int), 'touch_ref', v[2], 'kind', v[3], 'creator_id', nullif(v[4], '-')::bigint, 'product_id', nullif(v[5], '-')::bigint, 'touched_at', v[6]))
		FROM (SELECT string_to_array(trim(x), ',') FROM unnest(string_to_array(touches, ';')) x) t(v))) r $$;

-- Visitor 1 sees the lamp by anna twice in one hour and once in the next, which is of another day; visitor 2 by no creator;
-- a touch without product counts for its creator alone.
SELECT pg_temp.touches('1,a,view,1,1,2024-03-05 22:10; 1,b,click,1,1,2024-03-05 22:20; 1,c,click,1,1,2024-03-06 00:00; 2,a,cart,-,1,2024-03-05 22:30; 3,a,click,2,-,2024-03-05 22:40; 1,d,click,1,1,2024-03-05 21:00; 4,a,view,2,2,2024-03-05 22:59:59.999999');
-- a lamp (two pieces, 20.01 together) and a rake for 5, of which one lamp comes back; goodwill takes nothing back
SELECT credited, commission FROM influence.record_order(1, pg_temp.visitor(1), 'o1', '[{"line_no": 1, "sku": "lamp", "quantity": 2, "paid_price": 1000}, {"line_no": 2, "sku": "rake", "quantity": 1, "paid_price": 500}]', '2024-03-06 10:00');
SELECT status, returned FROM influence.record_return(1, pg_temp.visitor(1), 'o1', 1, 'r', 1, returned_at => '2024-03-08 10:00');
SELECT status FROM influence.record_return(1, pg_temp.visitor(1), 'o1', 2, 'g', amount => 100, returned_at => '2024-03-08 10:00', kind => 'goodwill');
SELECT * FROM influence.refresh_stats(false);
SELECT * FROM pg_temp.products ORDER BY 1, 2;
-- a category is the deepest: the lamp counts for lamps, not for home
SELECT c.name, h.bucket_start, h.views AS v, h.clicks AS c, h.carts AS t, h.visitors AS who, h.lines, h.units, h.revenue, h.returned FROM influence.category_hour h JOIN influence.category c USING (category_id) ORDER BY 1, 2;
-- a branch of the tree is a sum
SELECT sum(h.clicks) AS clicks, sum(h.revenue) AS revenue FROM influence.category_hour h JOIN influence.category c USING (category_id) WHERE c.path @> ARRAY[1::bigint];
-- No days yet. Then their distinct visitors are counted, not added: anna's 5 March has visitor 1 in two hours.
SELECT count(*) FROM pg_temp.days;
SELECT post_hours, creator_hours, product_hours, category_hours, days_written FROM influence.refresh_stats();
SELECT * FROM pg_temp.days ORDER BY 1, 2;
SELECT p.sku, h.bucket_start::date AS day, h.views AS v, h.clicks AS c, h.carts AS t, h.visitors AS who, h.lines, h.units, h.revenue, h.returned FROM influence.product_day h JOIN influence.product p USING (product_id) ORDER BY 1, 2;
SELECT status FROM influence.refresh_stats();

-- Sealing: what ended ten days before 16 March 22:30 is sealed, hours before 6 March 22:00 and the day of the fifth; the sixth is not over by then.
SELECT * FROM influence.seal_stats('2024-03-16 22:30');
SELECT * FROM influence.seal_stats('2024-03-16 22:30');
SELECT DISTINCT bucket_start, sealed FROM influence.product_hour ORDER BY 1;
SELECT DISTINCT bucket_start::date AS day, sealed FROM influence.product_day ORDER BY 1;
SELECT md5(string_agg(h::text, ',' ORDER BY h::text)) AS stays FROM influence.product_hour h WHERE h.sealed \gset
-- late: visitor 2 clicks, visitor 1 views once more; both were counted, so no visitor is new. A sale and a return of that time.
SELECT pg_temp.touches('2,b,click,1,1,2024-03-05 22:31; 1,e,view,1,1,2024-03-05 22:32');
SELECT credited FROM influence.record_order(1, pg_temp.visitor(5), 'o2', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 700}]', '2024-03-05 22:00');
SELECT status FROM influence.record_return(1, pg_temp.visitor(5), 'o2', 1, 'r', 1, returned_at => '2024-03-05 22:59');
SELECT * FROM influence.refresh_stats();
SELECT * FROM pg_temp.products WHERE hour = '2024-03-05 22:00' AND sku = 'lamp' ORDER BY part;
SELECT * FROM pg_temp.days WHERE day = '2024-03-05' ORDER BY 1, part;
-- the open part is changed in place; sealed, it is followed by the next
SELECT pg_temp.touches('6,a,click,1,1,2024-03-05 22:33');
SELECT status FROM influence.refresh_stats();
SELECT part, v, c, who, sealed FROM pg_temp.products WHERE hour = '2024-03-05 22:00' AND sku = 'lamp' ORDER BY part;
SELECT status, buckets FROM influence.seal_stats('2024-03-16 22:30');
SELECT pg_temp.touches('7,a,click,1,1,2024-03-05 22:34');
SELECT status FROM influence.refresh_stats();
SELECT part, v, c, who, sealed FROM pg_temp.products WHERE hour = '2024-03-05 22:00' AND sku = 'lamp' ORDER BY part;
SELECT md5(string_agg(h::text, ',' ORDER BY h::text)) = :'stays' AS stays FROM influence.product_hour h WHERE h.sealed AND h.part = 0;
-- on another cluster the sealed ones stay, the open ones are counted anew, and the sums are the same
SELECT md5(string_agg(h::text, ',' ORDER BY h::text)) AS all_rows FROM influence.product_hour h \gset
SELECT md5(string_agg(d::text, ',' ORDER BY d::text)) AS all_days FROM influence.creator_day d \gset
BEGIN;
UPDATE influence.watermark SET system_identifier = 1, last_seen = '8999999999999999999:8999999999999999999:';
DELETE FROM influence.product_hour WHERE NOT sealed;
UPDATE influence.creator_day SET clicks = clicks + 1, visitors = 7 WHERE NOT sealed AND clicks > 0;
SELECT status FROM influence.refresh_stats();
SELECT md5(string_agg(h::text, ',' ORDER BY h::text)) = :'all_rows' AS the_same FROM influence.product_hour h;
SELECT md5(string_agg(d::text, ',' ORDER BY d::text)) = :'all_days' AS the_same FROM influence.creator_day d;
ROLLBACK;
SELECT * FROM pg_temp.not_refused('IN005', 'seal_stats(now() + interval ''1 day'')');
SELECT * FROM pg_temp.not_refused('IN002', 'seal_stats(NULL)', 'seal_stats(''-infinity'')', 'refresh_stats(NULL)');

-- Retention: for ever, as long as nothing else is said.
CREATE FUNCTION pg_temp.retain(parent text, as_of timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT influence.do_job(parent || '_retention', 0, NULL, as_of) $$;
SELECT pg_temp.retain('touch', '2025-06-10');
SELECT v, r.status FROM (VALUES (1, 'smile', '2024-03-05 10:00'::timestamptz), (2, 'share', '2024-04-05 10:00'), (1, 'unsmile', '2024-05-05 10:00')) e(v, kind, at), influence.react(pg_temp.visitor(v), 1, kind, 'e', at) r ORDER BY v, r.occurred_at_recorded;
SELECT influence.do_job('touch_partitions', 0, NULL, '2024-04-10') AS touch, influence.do_job('engagement_partitions', 0, NULL, '2024-05-10') AS engagement;
INSERT INTO influence.setting (name, version, value) VALUES ('retention', 2, '{"touch": "3 months", "engagement": "1 year", "impression": null, "sponsored_charge": null}');
-- not before the statistics have seen and sealed it
SELECT pg_temp.retain('engagement', '2025-05-10');
SELECT status FROM influence.refresh_stats();
SELECT pg_temp.retain('engagement', '2025-05-10');
SELECT buckets > 0 AS sealed FROM influence.seal_stats('2025-05-10');
-- nor in a snapshot that does not show what was recorded while this waited
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pg_temp.error_of('SELECT pg_temp.retain(''engagement'', ''2025-05-10'')') ~ '^IN005' AS refused;
COMMIT;
SELECT pg_temp.retain('engagement', '2025-05-10');
SELECT pg_temp.retain('engagement', '2025-05-10');
SELECT parent, kept_from FROM influence.retained;
SELECT count(*) AS left, min(occurred_at) FROM influence.engagement;
SELECT count(*) AS months FROM pg_inherits WHERE inhparent = 'influence.engagement'::regclass AND inhrelid::regclass::text ~ '2024_0[34]';
-- what was dropped is refused, by COPY too, and its buckets stay as they are
SELECT * FROM pg_temp.not_refused('IN005', 'react(pg_temp.visitor(3), 1, ''save'', ''late'', ''2024-04-30 23:59:59.999999'')');
SELECT pg_temp.error_of('INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id) VALUES (pg_temp.visitor(3), ''2024-04-01'', ''late'', ''save'', 1)') ~ '^23514' AS refused;
SELECT status FROM influence.react(pg_temp.visitor(3), 1, 'save', 'late', '2024-05-01');
UPDATE influence.watermark SET system_identifier = 1;
SELECT post_hours, status FROM influence.refresh_stats();
SELECT bucket_start, part, smiles, unsmiles, shares, saves, visitors, sealed FROM influence.post_hour ORDER BY 1, 2;
SELECT bucket_start::date AS day, part, smiles, unsmiles, shares, saves, visitors FROM influence.post_day ORDER BY 1, 2;
-- other weights hold for what posts had whether or not a fact of it is kept: smile 1, unsmile -1, share 10, save 4
BEGIN;
DELETE FROM influence.engagement;
INSERT INTO influence.setting (name, version, value) SELECT s.name, 2, s.value || '{"share": 10}' FROM influence.setting s WHERE s.name = 'engagement_weights';
SELECT status FROM influence.refresh_stats(false);
SELECT post_id, engagement FROM influence.post_total;
ROLLBACK;
-- touches: not while a job has not seen all of them, nor while an order may be attributed by them
SELECT pg_temp.retain('touch', '2024-07-20');
SELECT influence.do_job('reattribute', 0, NULL, '2024-07-20');
SELECT touched.until > '2024-04-01' AS needed_no_more, pg_temp.retain('touch', '2024-07-20') FROM influence_internal.touches_needed_from('2024-07-20') touched(until);
SELECT count(*) AS left FROM influence.touch;
SELECT * FROM pg_temp.not_refused('IN005', 'record_touch(1, pg_temp.visitor(8), ''old'', ''click'', 1, ''2024-03-31 23:00'')', 'record_touches(1, jsonb_build_array(jsonb_build_object(''visitor_id'', pg_temp.visitor(8), ''touch_ref'', ''old'', ''touched_at'', ''2024-03-31 23:00'')))');
-- sales of that time are still counted; touches that are gone take nothing back
SELECT status FROM influence.record_return(1, pg_temp.visitor(1), 'o1', 1, 'r2', 1, returned_at => '2024-03-08 10:30');
UPDATE influence.watermark SET system_identifier = 1;
SELECT status FROM influence.refresh_stats();
SELECT hour, sum(v) AS v, sum(c) AS c, sum(who) AS who, sum(lines) AS lines, sum(revenue) AS revenue, sum(returned) AS returned FROM pg_temp.products WHERE sku = 'lamp' GROUP BY 1 ORDER BY 1;
SELECT day, sum(c) AS c, sum(who) AS who, sum(returned) AS returned, sum(clawed_back) AS clawed_back FROM pg_temp.days WHERE creator = 'anna' GROUP BY 1 ORDER BY 1;
-- an order that is not shipped may be attributed again, however old it is
SELECT version FROM influence.set_payout_policy(1, '{"hold_from": "shipped"}', '2024-04-01');
SELECT pg_temp.touches('9,a,click,1,1,2024-04-10'), (influence.record_order(1, pg_temp.visitor(9), 'o9', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 100}]', '2024-04-12')).status;
SELECT influence_internal.touches_needed_from('2025-05-10') < '2024-04-12' AS needed;
SELECT status FROM influence.record_order_event(1, pg_temp.visitor(9), 'o9', 'shipped', '2024-04-13');
SELECT influence_internal.touches_needed_from('2025-05-10') < '2024-04-12' AS needed;
-- one that was cancelled is never shipped
SELECT (influence.record_order(1, pg_temp.visitor(9), 'o10', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 100}]', '2024-04-12')).status;
SELECT influence_internal.touches_needed_from('2025-05-10') < '2024-04-12' AS needed;
SELECT status FROM influence.record_order_event(1, pg_temp.visitor(9), 'o10', 'cancelled', '2024-04-13');
SELECT influence_internal.touches_needed_from('2025-05-10') < '2024-04-12' AS needed;

-- The jobs do all of this.
CALL influence.run_due('2025-05-10');
CALL influence.run_due('2025-05-10 12:00');
SELECT job, period, status, detail FROM influence.job_run WHERE job IN ('rollups', 'touch_retention', 'engagement_retention') ORDER BY run_id;
SELECT * FROM influence.check_books();

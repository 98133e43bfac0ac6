--
-- refresh_stats() adds new events to hours that are there; where it could count
-- one twice, it counts the hours anew. Either way they are what the facts say.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{"hold": "0"}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert}'::text[]) c;
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1, 1000, 'EUR', 5, valid_from => '2024-01-01');
SELECT post_id FROM influence.publish_post(1, 1, 'p', 'photo', '[{"product_id": 1}]', published_at => '2024-05-01');
-- what the hours say, and what they would say if all facts were counted anew; the two have to be the same
CREATE FUNCTION pg_temp.hours() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws('; ', (SELECT string_agg(concat_ws(' ', creator_id, to_char(bucket_start, 'DDHH24'), part, views, clicks, visitors), ', ' ORDER BY bucket_start, creator_id, part) FROM influence.creator_hour),
		(SELECT string_agg(concat_ws(' ', product_id, to_char(bucket_start, 'DDHH24'), part, views, clicks, visitors), ', ' ORDER BY bucket_start, part) FROM influence.product_hour),
		(SELECT string_agg(concat_ws(' ', category_id, to_char(bucket_start, 'DDHH24'), part, views, clicks, visitors), ', ' ORDER BY bucket_start, part) FROM influence.category_hour),
		(SELECT string_agg(concat_ws(' ', post_id, to_char(bucket_start, 'DDHH24'), part, smiles, unsmiles, comments, shares, clicks, visitors), ', ' ORDER BY bucket_start, part) FROM influence.post_hour)) $$;
CREATE FUNCTION pg_temp.is_right() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	kept text := pg_temp.hours();
	anew text;
BEGIN
	BEGIN
		TRUNCATE influence.creator_hour, influence.product_hour, influence.category_hour, influence.post_hour, influence.watermark;
		PERFORM influence.refresh_stats(false);
		anew := pg_temp.hours();
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		NULL;
	END;
	-- totals of posts are added to as well
	RETURN kept = anew AND NOT EXISTS (SELECT FROM influence.post_total t
		CROSS JOIN LATERAL (SELECT sum(impressions) AS impressions, ARRAY[sum(smiles), sum(unsmiles), sum(comments), sum(shares), sum(saves), sum(clicks)]::bigint[] AS reactions FROM influence.post_hour h WHERE h.post_id = t.post_id) h
		WHERE (t.impressions, t.reactions) IS DISTINCT FROM (h.impressions, h.reactions));
END $$;
CREATE FUNCTION pg_temp.touch(ref text, visitor int, creator bigint, at timestamptz, kind text DEFAULT 'click') RETURNS text LANGUAGE sql AS
$$ SELECT status FROM influence.record_touch(1, pg_temp.visitor($2), $1, $5, $3, $4, 1) $$;
-- the next refresh, by what it does with new events
CREATE FUNCTION pg_temp.refresh() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	mark record;
BEGIN
	SELECT * INTO mark FROM influence_internal.open_watermark('refresh_stats');
	RETURN influence_internal.hours_method(mark.last_seen, mark.upper) || (SELECT format(' %s %s %s %s', post_hours, creator_hours, product_hours, category_hours) FROM influence.refresh_stats(false));
END $$;

-- A first run takes all there is, what its own transaction wrote, too. So the next ones count anew, the last of them only
-- what the watermark shows; after it events are added. Without such events they are at once.
BEGIN;
SELECT pg_temp.touch('a', 1, 1, '2024-05-03 10:00', 'view'), pg_temp.touch('b', 2, 1, '2024-05-03 10:30'), pg_temp.touch('c', 1, 2, '2024-05-03 10:40');
SELECT status FROM influence.react(pg_temp.visitor(1), 1, 'smile', occurred_at => '2024-05-03 10:00');
SELECT pg_temp.refresh();
COMMIT;
SELECT pg_temp.touch('d', 3, 1, '2024-05-03 10:59:59.999999');
SELECT pg_temp.refresh();
SELECT pg_temp.touch('e', 3, 1, '2024-05-03 11:00');
SELECT pg_temp.refresh();
SELECT pg_temp.hours();
BEGIN;
DELETE FROM influence.watermark;
SELECT pg_temp.refresh();
SELECT recount_until IS NULL AS added_next FROM influence.watermark WHERE name = 'refresh_stats';
ROLLBACK;
-- visitor 1 is known to both creators in that hour, 2 to anna, and to the product all three; 4 is new to all; in another hour all are
SELECT pg_temp.touch('f', 1, 1, '2024-05-03 10:05'), pg_temp.touch('g', 2, 2, '2024-05-03 10:06'), pg_temp.touch('h', 4, 2, '2024-05-03 10:07', 'view'), pg_temp.touch('i', 4, 2, '2024-05-03 10:08'), pg_temp.touch('j', 1, 1, '2024-05-03 12:00');
SELECT status FROM influence.react(pg_temp.visitor(1), 1, 'unsmile', occurred_at => '2024-05-03 10:01');
SELECT status FROM influence.react(pg_temp.visitor(2), 1, 'share', occurred_at => '2024-05-03 10:59');
SELECT pg_temp.refresh(), pg_temp.hours(), pg_temp.is_right();
SELECT pg_temp.refresh();
-- a touch without a creator, one without a product, and before 2000, where times are below zero
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, product_id, category_id) VALUES
	(pg_temp.visitor(1), '2024-05-03 10:09', 'k', 1, 'view', NULL, 1, 1), (pg_temp.visitor(1), '2024-05-03 10:10', 'l', 1, 'view', 2, NULL, NULL),
	(pg_temp.visitor(1), '1999-12-31 23:59:59.999999', 'm', 1, 'view', 1, NULL, NULL), (pg_temp.visitor(1), '1999-12-31 23:00', 'n', 1, 'view', 1, NULL, NULL);
SELECT pg_temp.refresh(), pg_temp.is_right();
SELECT bucket_start, views, visitors FROM influence.creator_hour WHERE bucket_start < '2000-01-01';
-- a reaction that no column counts, of a visitor who is known there: nothing to write; of another one: a visitor
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id) VALUES (pg_temp.visitor(1), '2024-05-03 10:10', 'v', 'vote', 1);
SELECT pg_temp.refresh(), pg_temp.is_right();
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id) VALUES (pg_temp.visitor(5), '2024-05-03 10:10', 'v', 'vote', 1);
SELECT pg_temp.refresh(), pg_temp.is_right();

-- What the job's own transaction wrote counts with the next run, and once.
BEGIN;
SELECT pg_temp.touch('o', 6, 1, '2024-05-03 10:11');
SELECT pg_temp.refresh();
SELECT pg_temp.refresh();
COMMIT;
SELECT pg_temp.refresh(), pg_temp.is_right();

-- Likewise where hours are counted anew, which takes what the transaction wrote at once: a run of a later one settles.
UPDATE influence.watermark SET recount_until = pg_snapshot_xmin(last_seen) WHERE name = 'refresh_stats';
SELECT pg_temp.touch('w', 1, 1, '2024-05-03 13:05');
BEGIN;
SELECT pg_temp.touch('x', 2, 1, '2024-05-03 13:10');
SELECT pg_temp.refresh();
SELECT pg_temp.refresh();
COMMIT;
SELECT pg_temp.refresh();
SELECT pg_temp.refresh(), pg_temp.is_right();

-- Sealed: what comes later goes to the open part, first a new one; the visitor who is known to the sealed part adds none.
SELECT count(*) FROM influence.seal_stats('2024-07-01');
SELECT pg_temp.touch('p', 1, 1, '2024-05-03 10:12'), pg_temp.touch('q', 7, 1, '2024-05-03 10:13'), pg_temp.touch('r', 7, 1, '2024-05-04 10:00');
SELECT pg_temp.refresh();
SELECT pg_temp.touch('s', 7, 1, '2024-05-03 10:14'), pg_temp.touch('t', 8, 1, '2024-05-03 10:15');
SELECT pg_temp.refresh();
SELECT bucket_start, part, clicks, visitors, sealed FROM influence.creator_hour WHERE creator_id = 1 AND bucket_start IN ('2024-05-03 10:00', '2024-05-04 10:00') ORDER BY 1, 2;

-- Restored into another cluster, with transaction ids that this one reaches later: when it does, they are new again, and
-- nothing counts twice. A few are used up between the runs, until it has passed them.
UPDATE influence.creator_hour SET sealed = false;
TRUNCATE influence.creator_hour, influence.product_hour, influence.category_hour, influence.post_hour, influence.sealed_until;
UPDATE influence.touch x SET xact = (pg_current_xact_id()::text::bigint + 20 + 3 * n.n)::text::xid8 FROM (SELECT touch_ref, row_number() OVER (ORDER BY touch_ref) AS n FROM influence.touch) n WHERE n.touch_ref = x.touch_ref;
-- the last of them an order: recounting goes on until that is passed, too
SELECT amount FROM influence.record_order(1, pg_temp.visitor(99), 'o', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', '2024-05-06');
UPDATE influence.order_line SET xact = (SELECT (max(x.xact)::text::bigint + 12)::text::xid8 FROM influence.touch x);
UPDATE influence.watermark SET system_identifier = 1, last_seen = '8999999999999999999:8999999999999999999:';
CREATE TEMP TABLE restored_runs (method text, is_right boolean);
-- nor in the counters of trends: what they say, and what they would say if all facts were counted anew
CREATE FUNCTION pg_temp.counters() RETURNS text LANGUAGE sql AS $$
	SELECT md5(concat((SELECT string_agg(r::text, ',' ORDER BY r.kind, r.half_life, r.scope_id, r.item_id, r.program_id) FROM influence.trend_rank r),
		(SELECT string_agg(concat_ws(' ', f.post_id, f.quality, f.engagement, f.sales), ',' ORDER BY f.post_id) FROM influence.feed_item f))) $$;
CREATE FUNCTION pg_temp.counters_are_right() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	kept text := pg_temp.counters();
	anew text;
BEGIN
	BEGIN
		DELETE FROM influence.watermark;
		PERFORM influence.refresh_stats(false);
		anew := pg_temp.counters();
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		NULL;
	END;
	RETURN kept = anew;
END $$;
CREATE TEMP TABLE restored_counters (call text, before boolean, after boolean);
DO $$
DECLARE
	next_call text;
BEGIN
	FOR i IN 1 .. 25 LOOP
		PERFORM pg_temp.touch('new ' || i, 1 + i % 9, 1, '2024-05-03 10:20'::timestamptz + i * interval '3 minutes');
		COMMIT;
		INSERT INTO restored_runs SELECT substring(r FROM '^\w+'), pg_temp.is_right() FROM pg_temp.refresh() r;
		COMMIT;
		-- the job of the minute adds what is new twice twice; that of the day, a change of settings and rebuild_trends() do not
		IF NOT pg_temp.counters_are_right() THEN
			SELECT c.call INTO next_call FROM unnest('{"refresh_stats()","rebuild_trends()",settings}'::text[]) WITH ORDINALITY c(call, n)
			 WHERE NOT EXISTS (SELECT FROM restored_counters k WHERE k.call = c.call) ORDER BY c.n LIMIT 1;
			CONTINUE WHEN NOT FOUND;
			IF next_call = 'settings' THEN
				INSERT INTO influence.setting (name, version, value) SELECT name, 2, value || '{"click": 2}' FROM influence.setting WHERE name = 'trend_weights';
				PERFORM influence.refresh_stats(false);
			ELSE
				EXECUTE 'SELECT influence.' || next_call;
			END IF;
			INSERT INTO restored_counters SELECT next_call, false, pg_temp.counters_are_right();
			COMMIT;
		END IF;
	END LOOP;
END $$;
SELECT method, is_right, count(*) > 1 AS several FROM restored_runs GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM restored_counters ORDER BY 1;
SELECT pg_temp.counters_are_right();
SELECT status, trends AS differing FROM influence.rebuild_trends();

-- More than are added at once: the hours are counted anew, and events are added to them afterwards.
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id)
SELECT pg_temp.visitor(i % 1000), '2024-05-03 10:00'::timestamptz + i * interval '0.1 seconds', 'many ' || i, 'click', 1 FROM generate_series(1, 100001) i;
SELECT max(clicks), sum(clicks) FROM influence.post_hour;
-- so are totals then, whatever they were
UPDATE influence.post_total SET reactions[6] = reactions[6] + 5, impressions = impressions + 5;
SELECT pg_temp.refresh();
SELECT sum(clicks), sum(visitors), (SELECT sum(reactions[6]) FROM influence.post_total) AS total, (SELECT sum(impressions) FROM influence.post_total) AS impressions FROM influence.post_hour;
SELECT status FROM influence.react(pg_temp.visitor(1), 1, 'click', occurred_at => '2024-05-03 10:02');
SELECT pg_temp.refresh(), pg_temp.is_right();
SELECT pg_temp.touch('u', 1, 1, '2024-05-05'), pg_temp.touch('v', 2, 2, '2024-05-05');
SELECT a.*, b.creators, b.products, b.categories FROM influence_internal.open_watermark('refresh_stats') m, influence_internal.add_engagements(m.last_seen, m.upper, 1) a, influence_internal.add_touches(m.last_seen, m.upper, 1) b;
SELECT pg_temp.refresh(), pg_temp.is_right();

-- More than maintenance_work_mem has room for: likewise.
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id)
SELECT pg_temp.visitor(20000 + i), '2024-05-06 10:00'::timestamptz + i * interval '0.1 seconds', 'much ' || i, 'click', 1 FROM generate_series(1, 20000) i;
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, product_id, category_id)
SELECT pg_temp.visitor(20000 + i), '2024-05-06 10:00'::timestamptz + i * interval '0.1 seconds', 'much ' || i, 1, 'click', 1, 1, 1 FROM generate_series(1, 20000) i;
SET maintenance_work_mem = '64MB';
BEGIN;
SELECT a.*, b.creators, b.products, b.categories FROM influence_internal.open_watermark('refresh_stats') m, influence_internal.add_engagements(m.last_seen, m.upper, 100000) a, influence_internal.add_touches(m.last_seen, m.upper, 100000) b;
ROLLBACK;
SET maintenance_work_mem = '1MB';
SELECT a.*, b.creators, b.products, b.categories FROM influence_internal.open_watermark('refresh_stats') m, influence_internal.add_engagements(m.last_seen, m.upper, 100000) a, influence_internal.add_touches(m.last_seen, m.upper, 100000) b;
SELECT pg_temp.refresh(), pg_temp.is_right(), pg_temp.counters_are_right();
SELECT pg_temp.touch('y', 1, 1, '2024-05-06 10:10');
SELECT pg_temp.refresh(), pg_temp.is_right(), pg_temp.counters_are_right();
RESET maintenance_work_mem;

-- As long as there are transaction ids to come, rebuild_trends() takes what is newer than the watermark, and moves it: a run
-- of the job after it adds nothing once more.
UPDATE influence.watermark SET recount_until = '9000000000000000000' WHERE name = 'refresh_stats';
SELECT pg_temp.touch('z', 1, 1, '2024-05-07 10:00');
SELECT status FROM influence.react(pg_temp.visitor(3), 1, 'share', occurred_at => '2024-05-07 10:00');
SELECT status FROM influence.rebuild_trends();
SELECT pg_temp.refresh(), pg_temp.counters_are_right();

-- A table with triggers or row security is written statement by statement: to the same numbers.
SELECT pg_temp.refresh();
UPDATE influence.watermark SET recount_until = NULL WHERE name = 'refresh_stats';
CREATE TABLE public.hours_written (op text, part int, clicks bigint);
CREATE FUNCTION public.note_hour() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN INSERT INTO public.hours_written VALUES (TG_OP, new.part, new.clicks); RETURN new; END $$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON influence.creator_hour FOR EACH ROW EXECUTE FUNCTION public.note_hour();
ALTER TABLE influence.product_hour ENABLE ROW LEVEL SECURITY;
SELECT pg_temp.touch('za', 1, 1, '2024-05-08 10:00'), pg_temp.touch('zb', 2, 1, '2024-05-08 10:01');
SELECT pg_temp.refresh(), pg_temp.is_right();
SELECT pg_temp.touch('zc', 2, 1, '2024-05-08 10:02'), pg_temp.touch('zd', 2, 2, '2024-05-08 10:03', 'view');
SELECT pg_temp.refresh(), pg_temp.is_right();
SELECT op, part, clicks, count(*) FROM public.hours_written WHERE clicks < 4 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- policies would leave rows out
CREATE ROLE regress_hours;
GRANT USAGE ON SCHEMA influence, influence_internal TO regress_hours;
GRANT SELECT, INSERT, UPDATE, DELETE ON influence.product_hour TO regress_hours;
GRANT SELECT ON influence.touch TO regress_hours;
SELECT pg_temp.touch('ze', 2, 1, '2024-05-08 10:04');
SET ROLE regress_hours;
SELECT influence_internal.add_events('{product_hour}', '{clicks}', '{click}',
	'SELECT x.visitor_id, x.touched_at, x.kind, x.program_id, x.product_id FROM influence.touch x WHERE x.touched_at >= $3 AND $1 IS NOT NULL AND $2 IS NOT NULL', NULL, NULL, 100, '1:1:', '1:1:', '2024-05-08', 'infinity');
-- no right to it
SELECT influence_internal.add_events('{creator_hour}', '{clicks}', '{click}',
	'SELECT x.visitor_id, x.touched_at, x.kind, x.program_id, x.creator_id FROM influence.touch x WHERE x.touched_at >= $3 AND $1 IS NOT NULL AND $2 IS NOT NULL', NULL, NULL, 100, '1:1:', '1:1:', '2024-05-08', 'infinity');
RESET ROLE;
ALTER TABLE influence.product_hour DISABLE ROW LEVEL SECURITY;
SET ROLE regress_hours;
SET default_transaction_read_only = on;
SELECT influence_internal.add_events('{product_hour}', '{clicks}', '{click}',
	'SELECT x.visitor_id, x.touched_at, x.kind, x.program_id, x.product_id FROM influence.touch x WHERE x.touched_at >= $3 AND $1 IS NOT NULL AND $2 IS NOT NULL', NULL, NULL, 100, '1:1:', '1:1:', '2024-05-08', 'infinity');
RESET default_transaction_read_only;
RESET ROLE;
DROP TRIGGER noted ON influence.creator_hour;
DROP FUNCTION public.note_hour;
DROP TABLE public.hours_written;
DROP OWNED BY regress_hours;
DROP ROLE regress_hours;
SELECT pg_temp.refresh(), pg_temp.is_right();
-- a table that is not as install() made it
ALTER TABLE influence.creator_hour ALTER clicks TYPE numeric;
SELECT pg_temp.touch('zf', 2, 1, '2024-05-08 10:05');
SELECT pg_temp.refresh();
ALTER TABLE influence.creator_hour ALTER clicks TYPE bigint;
SELECT pg_temp.refresh(), pg_temp.is_right();
-- nor does a new row get what a column of its owner refuses: here the hour of the touch is one, then there is a default
CREATE DOMAIN public.told AS text CHECK (value IS NOT NULL);
ALTER TABLE influence.creator_hour ADD note public.told DEFAULT 'old';
ALTER TABLE influence.creator_hour ALTER note DROP DEFAULT;
SELECT pg_temp.touch('zg', 2, 1, '2024-05-08 11:00');
SELECT pg_temp.error_of('SELECT pg_temp.refresh()');
ALTER TABLE influence.creator_hour ALTER note SET DEFAULT 'new';
SELECT pg_temp.refresh(), pg_temp.is_right();
SELECT note, count(*) > 1 AS several FROM influence.creator_hour GROUP BY 1 ORDER BY 1;
ALTER TABLE influence.creator_hour DROP note;
DROP DOMAIN public.told;
SELECT * FROM influence_internal.touch_sums('\x00');
SELECT * FROM influence_internal.touch_sums(NULL);

-- New rows are looked for in the partitions that have some: by what the index on xact has.
SELECT * FROM influence_internal.span_of_new('touch', pg_current_xact_id());
BEGIN;
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id) VALUES (pg_temp.visitor(1), date_trunc('month', now(), 'UTC') + interval '2 days', 'span', 1, 'view', 1);
SELECT since = date_trunc('month', now(), 'UTC') AS since, until = date_trunc('month', now(), 'UTC') + interval '1 month' - interval '1 microsecond' AS until
  FROM influence_internal.span_of_new('touch', pg_current_xact_id());
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id) VALUES (pg_temp.visitor(1), '1990-01-01', 'span', 1, 'view', 1);
SELECT * FROM influence_internal.span_of_new('touch', pg_current_xact_id());
ROLLBACK;
SELECT * FROM influence_internal.span_of_new('orders', pg_current_xact_id());
SELECT * FROM influence_internal.span_of_new('touch', NULL);

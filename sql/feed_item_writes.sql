--
-- Totals of posts and rows of the feed as they are written: each by its key; what
-- says the same stays as it is; and tables of which something else is asked get
-- the same rows.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program(n, 'EUR', 'UTC', '{"max_touch_delay": "100 years"}', '{"hold": "1000 days"}') FROM unnest('{Shop,Other}'::text[]) n;
SELECT pg_temp.new_creator('c' || c) FROM generate_series(1, 3) c;
SELECT category_id FROM influence.create_category('all');
SELECT product_id FROM influence.add_product('lamp', 'Lamp', 1, 1000, 'EUR', 5, valid_from => '2024-01-01');
INSERT INTO influence.setting (name, version, value) VALUES ('feed_shrinkage', 2, '{"impressions": 10, "drift": 0.05, "formats": 100}');
SELECT count(*) FROM generate_series(1, 8) i, influence.publish_post(1 + i % 2, 1 + i % 3, 'post ' || i, 'photo', '[{"product_id": 1}]', published_at => '2024-05-01',
	countries => CASE WHEN i % 2 = 0 THEN '{DE}'::text[] END, details => CASE WHEN i % 3 = 0 THEN '{"language": "de"}'::jsonb ELSE '{}' END);
CREATE FUNCTION pg_temp.show(n int, post int) RETURNS int LANGUAGE sql AS $$
	INSERT INTO influence.impression (visitor_id, shown_at, impression_id, program_id, post_id, creator_id, rank, score, features, profile, profile_version, sources, propensity, disclosure)
	SELECT pg_temp.visitor(n), '2024-05-08', n, p.program_id, p.post_id, p.creator_id, 1, 1, '{}', 'standard', 1, '{popular}', 1, 'affiliate' FROM influence.post p WHERE p.post_id = post RETURNING 1 $$;
CREATE FUNCTION pg_temp.totals() RETURNS text LANGUAGE sql AS
$$ SELECT md5(string_agg(concat_ws(' ', t.post_id, t.program_id, t.impressions, t.engagement, t.revenue, t.quality_state, t.reactions), ',' ORDER BY t.post_id)) FROM influence.post_total t $$;
CREATE FUNCTION pg_temp.items() RETURNS text LANGUAGE sql AS
$$ SELECT md5(string_agg(concat_ws(' ', f.post_id, f.program_id, f.published_at, f.quality, f.engagement, f.sales, f.language, f.spoken, f.everywhere), ',' ORDER BY f.post_id)) FROM influence.feed_item f $$;
-- rows that are not what the facts say: counts from the hours, weights from the setting, the state from the events; those of these posts are smiles, shares and clicks
CREATE FUNCTION pg_temp.wrong_rows() RETURNS TABLE (post_id bigint, what text) LANGUAGE sql AS $$
	SELECT f.post_id, concat_ws(', ', CASE WHEN (t.impressions, t.reactions) IS DISTINCT FROM (h.impressions, h.reactions) THEN 'counts' END,
			CASE WHEN t.engagement <> (w ->> 'smile')::float8 * h.reactions[1] + (w ->> 'share')::float8 * h.reactions[4] + (w ->> 'click')::float8 * h.reactions[6] THEN 'engagement' END,
			CASE WHEN t.revenue <> coalesce((SELECT sum(s.revenue) FROM influence.post_sale s WHERE s.post_id = f.post_id), 0) THEN 'revenue' END,
			CASE WHEN f.quality <> e.quality THEN 'quality' END,
			CASE WHEN f.engagement IS DISTINCT FROM coalesce(influence_internal.shrunk_log_ratio(t.engagement, t.impressions, m.engagement, 10), 0) THEN 'rate' END,
			CASE WHEN f.sales IS DISTINCT FROM coalesce(influence_internal.shrunk_log_ratio(t.revenue::float8, t.impressions, m.revenue, 10), 0) THEN 'sales' END)
	  FROM influence.feed_item f
	 CROSS JOIN influence_internal.setting_value('engagement_weights') w
	  LEFT JOIN influence.post_total t USING (post_id)
	  LEFT JOIN influence.feed_mean m ON m.program_id = f.program_id
	  LEFT JOIN (SELECT y.post_id, sum(y.impressions) AS impressions,
						ARRAY[sum(y.smiles), sum(y.unsmiles), sum(y.comments), sum(y.shares), sum(y.saves), sum(y.clicks)]::bigint[] AS reactions
				   FROM influence.post_hour y GROUP BY 1) h USING (post_id)
	 CROSS JOIN LATERAL (SELECT influence.decayed_score(x.weight, x.at, (influence_internal.setting_value('rank_half_life') #>> '{}')::interval) AS quality
						   FROM (SELECT (w ->> 'publish')::float8 AS weight, f.published_at AS at
								 UNION ALL SELECT (w ->> g.kind)::float8, g.occurred_at FROM influence.engagement g WHERE g.post_id = f.post_id) x) e
	 WHERE (t.impressions, t.reactions) IS DISTINCT FROM (h.impressions, h.reactions) OR f.quality <> e.quality
		OR t.engagement <> (w ->> 'smile')::float8 * h.reactions[1] + (w ->> 'share')::float8 * h.reactions[4] + (w ->> 'click')::float8 * h.reactions[6]
		OR t.revenue <> coalesce((SELECT sum(s.revenue) FROM influence.post_sale s WHERE s.post_id = f.post_id), 0)
		OR f.engagement IS DISTINCT FROM coalesce(influence_internal.shrunk_log_ratio(t.engagement, t.impressions, m.engagement, 10), 0)
		OR f.sales IS DISTINCT FROM coalesce(influence_internal.shrunk_log_ratio(t.revenue::float8, t.impressions, m.revenue, 10), 0) $$;

-- Minute by minute: posts that had nothing, more for some of them, impressions alone, a sale and a return. Once a day the means.
SELECT status FROM influence.refresh_stats(days => false);
SELECT status FROM influence.react(pg_temp.visitor(1), 1, 'smile', 'a', '2024-05-08');
SELECT status FROM influence.react(pg_temp.visitor(1), 2, 'share', 'b', '2024-05-09');
SELECT count(pg_temp.show(n, 1 + n % 4)) FROM generate_series(1, 40) n;
SELECT post_ranks, feed_items FROM influence.refresh_stats(days => false);
SELECT * FROM pg_temp.wrong_rows();
SELECT feed_items FROM influence.refresh_stats();
SELECT * FROM pg_temp.wrong_rows();
SELECT status FROM influence.react(pg_temp.visitor(2), 1, 'click', 'c', '2024-05-09');
SELECT status FROM influence.react(pg_temp.visitor(2), 5, 'smile', 'd', '2024-05-09');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(9), 't1', 'click', 3, '2024-05-09', post_id => 2, product_id => 1);
SELECT credited FROM influence.record_order(1, pg_temp.visitor(9), 'o1', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', '2024-05-10');
SELECT count(pg_temp.show(n, 6)) FROM generate_series(41, 50) n;
SELECT post_ranks, feed_items FROM influence.refresh_stats(days => false);
SELECT * FROM pg_temp.wrong_rows();
SELECT status FROM influence.record_return(1, pg_temp.visitor(9), 'o1', 1, 'r1', amount => 400, returned_at => '2024-05-12');
SELECT status FROM influence.refresh_stats();
SELECT * FROM pg_temp.wrong_rows();
SELECT post_id, program_id, impressions, engagement, revenue, reactions FROM influence.post_total ORDER BY 1;
-- what generated columns say
SELECT count(*) AS there, count(spoken) AS spoken, count(*) FILTER (WHERE everywhere) AS everywhere,
	   count(*) FILTER (WHERE spoken IS DISTINCT FROM left(language, 16) OR everywhere IS DISTINCT FROM (countries IS NULL)) AS wrong FROM influence.feed_item;

-- Counted anew it is the same, and no row is another one than was there.
SELECT status FROM influence.rebuild_trends();
CREATE TEMP TABLE kept AS SELECT 'total' AS kind, post_id, ctid AS place, xmin AS writer FROM influence.post_total UNION ALL SELECT 'item', post_id, ctid, xmin FROM influence.feed_item;
SELECT status FROM influence.rebuild_trends();
SELECT k.kind, count(*) AS there, count(*) FILTER (WHERE k.place = n.place AND k.writer = n.writer) AS untouched
  FROM kept k
  LEFT JOIN (SELECT 'total' AS kind, post_id, ctid AS place, xmin AS writer FROM influence.post_total UNION ALL SELECT 'item', post_id, ctid, xmin FROM influence.feed_item) n USING (kind, post_id)
 GROUP BY 1 ORDER BY 1;
-- a total that says something else, one without its counts and one with too few of them are put right; one of a post that is gone is left
UPDATE influence.post_total SET impressions = impressions + 7, quality_state = NULL WHERE post_id = 1;
UPDATE influence.post_total SET reactions = NULL WHERE post_id = 2;
UPDATE influence.post_total SET reactions = reactions[1:3] WHERE post_id = 5;
INSERT INTO influence.post_total (post_id, program_id, impressions, engagement, revenue) VALUES (99, 1, 3, 4, 5);
SELECT count(*) FROM unnest('{2,5}'::bigint[]) p, influence.react(pg_temp.visitor(3), p, 'share', 'e' || p, '2024-05-09');
SELECT status FROM influence.refresh_stats(days => false);
SELECT * FROM pg_temp.wrong_rows();
SELECT status FROM influence.rebuild_trends();
SELECT * FROM pg_temp.wrong_rows();
SELECT impressions, engagement, revenue, reactions FROM influence.post_total WHERE post_id = 99;
DELETE FROM influence.post_total WHERE post_id = 99;
-- a post that the feed does not show has a total
BEGIN;
DELETE FROM influence.feed_item WHERE post_id = 7;
SELECT status FROM influence.react(pg_temp.visitor(4), 7, 'share', 'f', '2024-05-09');
COMMIT;
SELECT post_ranks, feed_items FROM influence.refresh_stats(days => false);
SELECT t.post_id, t.engagement FROM influence.post_total t WHERE t.post_id = 7 AND NOT EXISTS (SELECT FROM influence.feed_item f WHERE f.post_id = t.post_id);

-- Where a table has what its owner has put there, the same rows come by statements. Columns that are only read are not written,
-- nor is what is generated from them in the way of anything.
SELECT count(*) FROM unnest('{1,2,4,8}'::bigint[]) p, influence.react(pg_temp.visitor(5), p, 'share', 'g' || p, '2024-05-10');
SELECT count(pg_temp.show(n, 1 + n % 3)) FROM generate_series(61, 80) n;
CREATE TEMP TABLE written (path text, call text, ranks bigint, items bigint, totals text, rows text, notes text);
CREATE TEMP TABLE fired (relation text, operation text);
CREATE FUNCTION pg_temp.fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO pg_temp.fired VALUES (TG_RELNAME, TG_OP);
	RETURN coalesce(NEW, OLD);
END $$;
-- what a run of the job and a recount write, each undone
CREATE PROCEDURE pg_temp.write(path text, statement text) LANGUAGE plpgsql AS $$
DECLARE
	call text;
	said record;
	told text[];
BEGIN
	FOREACH call IN ARRAY '{minute,whole}'::text[] LOOP
		BEGIN
			EXECUTE statement;
			IF call = 'whole' THEN
				DELETE FROM influence.post_total WHERE post_id = 1;
				UPDATE influence.post_total SET impressions = impressions + 1;
				UPDATE influence.feed_item SET quality = 0;
				DELETE FROM influence.trend_basis;
				DELETE FROM fired;
			END IF;
			SELECT r.post_ranks, r.feed_items INTO said FROM influence_internal.refresh_stats(false) r;
			told := ARRAY[pg_temp.totals(), pg_temp.items(),
				(SELECT string_agg(concat_ws(' ', f.relation, f.operation, f.count), ', ' ORDER BY f.relation, f.operation) FROM (SELECT relation, operation, count(*) FROM fired GROUP BY 1, 2) f)];
			RAISE EXCEPTION USING ERRCODE = 'ZZ000';
		EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
			INSERT INTO written VALUES (path, call, said.post_ranks, said.feed_items, told[1], told[2], told[3]);
		END;
	END LOOP;
END $$;
CALL pg_temp.write('plain', '');
CALL pg_temp.write('trigger of totals', 'CREATE TRIGGER fire BEFORE INSERT OR UPDATE ON influence.post_total FOR EACH ROW EXECUTE FUNCTION pg_temp.fire()');
CALL pg_temp.write('trigger of items', 'CREATE TRIGGER fire BEFORE UPDATE ON influence.feed_item FOR EACH ROW EXECUTE FUNCTION pg_temp.fire()');
CALL pg_temp.write('trigger of what is kept', 'CREATE TRIGGER fire BEFORE UPDATE OF program_id, published_at, language, countries ON influence.feed_item FOR EACH ROW EXECUTE FUNCTION pg_temp.fire()');
CALL pg_temp.write('generated', 'ALTER TABLE influence.feed_item ADD twice float8 GENERATED ALWAYS AS (2 * quality) STORED, ADD CHECK (twice = 2 * quality)');
CALL pg_temp.write('generated from what is kept', 'ALTER TABLE influence.feed_item ADD same bigint GENERATED ALWAYS AS (program_id) STORED, ADD CHECK (same = program_id)');
CALL pg_temp.write('generated in totals', 'ALTER TABLE influence.post_total ADD same bigint GENERATED ALWAYS AS (post_id) STORED, ADD CHECK (same = post_id)');
CALL pg_temp.write('row security', 'ALTER TABLE influence.feed_item ENABLE ROW LEVEL SECURITY');
SELECT w.path, w.call, w.ranks, w.items, (w.totals, w.rows) = (p.totals, p.rows) AS the_same, w.notes FROM written w JOIN written p ON p.path = 'plain' AND p.call = w.call ORDER BY w.call, w.path;
-- a caller of the kernel who sorts otherwise, or has other columns, is told so
SELECT pg_temp.error_of(format($$ SELECT influence_internal.write_feed_items(%L, '1:1:', '1:1:', false, '{}', '3 days', '-infinity', '-infinity', 'infinity', true, '{1,1,1,1,1,1,1}', 10) $$, came))
  FROM unnest(ARRAY['SELECT p, false, NULL::bigint, NULL::timestamptz, NULL::numeric, NULL::bytea, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint FROM unnest(''{1,3,2}''::bigint[]) p', 'SELECT 1']) came;

-- The ratio is that of the formula; where something is NULL or no number it is a bound or 0.
SELECT count(*), count(*) FILTER (WHERE abs(influence_internal.shrunk_log_ratio(a, i, m, 10)
		- greatest(-8, least(8, round(log(2, ((a + 10 * m) / (i + 10) / m)::numeric), 12)))) > 1e-11) AS wrong
  FROM generate_series(0, 2000, 37) a, generate_series(1, 100000, 9973) i, unnest('{0.001,0.25,3,700}'::float8[]) m;
SELECT influence_internal.shrunk_log_ratio(a, i, m, s) FROM (VALUES (NULL::float8, 10::float8, 1::float8, 10::float8), (5, NULL, 1, 10), (5, 10, NULL, 10), (5, 10, 1, NULL), ('NaN', 10, 1, 10), (5, 10, 'NaN', 10), (-5, 10, 1, 0), (NULL, NULL, NULL, NULL)) t(a, i, m, s);
SELECT pg_temp.error_of(format('SELECT influence_internal.shrunk_log_ratio(%s)', x)) FROM unnest('{"5, 10, 1, -10","5, 10, 1, -7","1e300, 1, 1e-300, 1"}'::text[]) x;

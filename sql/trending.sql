--
-- get_trending(): against what is usual, in pages, and only what may be shown.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{"max_touch_delay": "100 years"}', '{}');
UPDATE influence.program SET created_at = '2020-01-01';
SELECT pg_temp.new_creator('c' || c) FROM generate_series(1, 12) c;
SELECT (influence.create_category(n, p)).category_id FROM (VALUES ('all', NULL), ('garden', 1), ('home', 1)) c(n, p);
SELECT count(*) FROM (VALUES ('steady', 2), ('burst', 2), ('lamp', 3), ('gone', 3), ('barred', 3)) p(sku, c), influence.add_product(p.sku, initcap(p.sku), p.c, 1000, 'EUR', CASE WHEN p.sku = 'gone' THEN 0 ELSE 5 END, brand => p.sku, valid_from => '2023-01-01');
SELECT status FROM influence.set_brand_rule(1, 'barred', false, valid_from => '2024-01-01');
-- accounts for long
SELECT count(*) FROM generate_series(1, 40) v, influence.register_shopper(pg_temp.visitor(v));
UPDATE influence.shopper SET created_at = '2020-01-01';

-- Ten clicks a day for 200 days, and thirty in the last day: C by three days and by thirty, straight from the events.
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, product_id)
SELECT pg_temp.visitor(1), timestamptz '2024-06-01' - n * interval '144 minutes', 's' || n, 1, 'click', pg_temp.product('steady') FROM generate_series(1, 2000) n
UNION ALL SELECT pg_temp.visitor(2), timestamptz '2024-06-01' - n * interval '48 minutes', 'b' || n, 1, 'click', pg_temp.product('burst') FROM generate_series(1, 30) n
UNION ALL SELECT pg_temp.visitor(2), timestamptz '2024-06-01' - n * interval '1 minute', p.sku || n, 1, 'click', p.product_id FROM generate_series(1, 60) n, influence.product p WHERE p.sku IN ('gone', 'barred')
UNION ALL SELECT pg_temp.visitor(2), '2024-05-31', 'l', 1, 'click', pg_temp.product('lamp');
SELECT status FROM influence.refresh_stats(days => false);
CREATE FUNCTION pg_temp.sum_of(p bigint, half_life interval, w float8 DEFAULT 1) RETURNS float8 LANGUAGE sql AS $$
	SELECT sum(power(2::float8, extract(epoch FROM touched_at - timestamptz '2024-06-01')::float8 / extract(epoch FROM half_life)::float8)) FROM influence.touch WHERE product_id = p $$;
SELECT t.rank, t.name, t.creator_id, round(t.events::numeric, 2) AS events, round(t.baseline::numeric, 2) AS baseline, round(t.z::numeric, 2) AS z, round(t.score::numeric, 2) AS score,
	abs(t.events - c) + abs(t.baseline - e) + abs(t.z - (c - e) / sqrt(e + 1)) + abs(t.score - log(2, ((1 + c) * (1 + greatest((c - e) / sqrt(e + 1), 0)))::numeric)::float8) < 1e-6 AS as_calculated
FROM influence.get_trending(1, 'product', as_of => '2024-06-01') t, pg_temp.sum_of(t.item_id, '3 days') c, LATERAL (SELECT pg_temp.sum_of(t.item_id, '30 days') / 10) b(e) ORDER BY 1;
-- by thirty days there is nothing to compare with; by six hours the newest counts
SELECT rank, name, round(events::numeric, 2) AS events, baseline, z, abs(score - log(2, (1 + events)::numeric)::float8) < 1e-9 AS by_events FROM influence.get_trending(1, 'product', half_life => '30d', as_of => '2024-06-01');
SELECT rank, name, round(events::numeric, 2) AS events, round(baseline::numeric, 2) AS baseline FROM influence.get_trending(1, 'product', half_life => '6h', as_of => '2024-06-01');
-- of a branch; and which branches
SELECT rank, name FROM influence.get_trending(1, 'product', scope => 3, as_of => '2024-06-01');
SELECT rank, item_id, name, round(events::numeric, 2) AS events FROM influence.get_trending(1, 'category', scope => 1, half_life => '30d', as_of => '2024-06-01');
SELECT rank, item_id, name FROM influence.get_trending(1, 'category', as_of => '2024-06-01');
SELECT count(*) FROM influence.get_trending(1, 'post', as_of => '2024-06-01');
-- moments long before and after everything are no powers that overflow
SELECT count(*), bool_and(score >= 0 AND score < 'infinity') FROM unnest('{2000-01-01,2024-06-01,2090-01-01}'::timestamptz[]) at, influence.get_trending(1, 'product', half_life => '6h', as_of => at);
-- in the long run there was less than nothing: nothing is usual
SELECT count(*) FROM generate_series(1, 10) v, influence.vote_product(pg_temp.visitor(v), pg_temp.product('lamp'), -1, '2024-03-01');
SELECT status FROM influence.refresh_stats(days => false);
SELECT round(events::numeric, 4) AS events, round(baseline::numeric, 4) AS baseline, z = events AS all_of_it FROM influence.get_trending(1, 'product', as_of => '2024-06-01') WHERE name = 'Lamp';

-- Posts: c1 has the five best of sixteen, then come those of c2 to c12; p17 is removed, p18 sold out, p19 pending.
SELECT count(*) FROM generate_series(1, 19) n, influence.publish_post(1, pg_temp.creator('c' || CASE WHEN n <= 5 THEN 1 WHEN n <= 16 THEN n - 4 ELSE 12 END), 'p' || n, 'photo',
	jsonb_build_array(jsonb_build_object('product_id', pg_temp.product(CASE n WHEN 18 THEN 'gone' ELSE 'lamp' END))), published_at => '2024-05-01') p;
SELECT count(*) FROM (VALUES (17, 'removed'), (19, 'pending')) t(n, status) JOIN influence.post p ON p.post_ref = 'p' || n, influence.set_post_status(p.post_id, t.status, 'r', 'ops', '2024-05-27');
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id, creator_id)
SELECT pg_temp.visitor(v), '2024-05-31', 'e' || p.post_id, 'smile', p.post_id, p.creator_id FROM influence.post p, generate_series(1, 40 - substr(p.post_ref, 2)::int) v;
SELECT status FROM influence.refresh_stats(days => false);
CREATE VIEW pg_temp.list AS SELECT t.rank, t.name, c.creator_ref AS creator, t.item_id FROM influence.get_trending(1, page_size => 100, as_of => '2024-06-01') t JOIN influence.creator c USING (creator_id);
-- the first ten are of ten creators; then come the others of c1, which are better than what is left
SELECT string_agg(name || ' ' || creator, ', ' ORDER BY rank) FROM pg_temp.list;
SELECT string_agg(t.name, ', ' ORDER BY t.rank) FROM influence.get_trending(1, scope => 3, page_size => 4, as_of => '2024-06-01') t;
-- pages of three are the same list, whatever happens in between
CREATE FUNCTION pg_temp.scroll(size int, disturb boolean) RETURNS TABLE (page int, rank int, item_id bigint) LANGUAGE plpgsql AS $$
DECLARE
	next text;
	row record;
	p int := 0;
BEGIN
	LOOP
		p := p + 1;
		FOR row IN SELECT t.rank, t.item_id, t.next_cursor FROM influence.get_trending(1, page_size => size, cursor => next, as_of => CASE WHEN p = 1 THEN '2024-06-01'::timestamptz ELSE '2024-06-09' END) t LOOP
			page := p;
			rank := row.rank;
			item_id := row.item_id;
			RETURN NEXT;
		END LOOP;
		EXIT WHEN NOT FOUND OR row.next_cursor IS NULL OR p > 20;
		next := row.next_cursor;
		IF disturb THEN
			PERFORM influence.react(pg_temp.visitor(100 + p), (SELECT l.item_id FROM pg_temp.list l WHERE l.rank = 1), 'share', occurred_at => '2024-06-05');
			PERFORM influence.react(pg_temp.visitor(40), (SELECT post_id FROM influence.post WHERE post_ref = 'p16'), 'share', 'd' || p, occurred_at => '2024-06-05');
			PERFORM influence.refresh_stats(false);
		END IF;
	END LOOP;
END $$;
CREATE TEMP TABLE whole AS SELECT rank, item_id FROM pg_temp.list;
SELECT count(*), count(DISTINCT s.item_id) AS different, max(page) AS pages, bool_and(s.item_id = w.item_id) AS as_in_one FROM pg_temp.scroll(3, false) s FULL JOIN whole w USING (rank);
SELECT count(*) AS posts, count(DISTINCT s.item_id) AS different, count(DISTINCT p.creator_id) FILTER (WHERE s.rank <= 10) AS creators_of_ten FROM pg_temp.scroll(3, true) s JOIN influence.post p ON p.post_id = s.item_id;
-- what a viewer blocked it does not see, nor anybody whom the program suspended
SELECT status FROM influence.block(pg_temp.visitor(1), pg_temp.creator('c2'));
SELECT status FROM influence.set_creator_status(pg_temp.creator('c3'), 'suspended', 'r', 'ops', '2024-05-30');
SELECT string_agg(name, ', ' ORDER BY rank) FROM influence.get_trending(1, 'creator', page_size => 4, as_of => '2024-06-01');
SELECT string_agg(name, ', ' ORDER BY rank) FROM influence.get_trending(1, 'creator', page_size => 4, as_of => '2024-06-01', viewer_id => pg_temp.visitor(1));
SELECT bool_or(creator_id = pg_temp.creator('c2')) AS blocked, bool_or(creator_id = pg_temp.creator('c3')) AS suspended, count(*) FROM influence.get_trending(1, as_of => '2024-06-01', viewer_id => pg_temp.visitor(1));
SELECT status FROM influence.mute(pg_temp.visitor(3), pg_temp.creator('c4'), until => now() + interval '1 day');
SELECT string_agg(name, ', ' ORDER BY rank) FROM influence.get_trending(1, 'creator', page_size => 4, as_of => now(), viewer_id => pg_temp.visitor(3));

-- reading writes nothing
BEGIN READ ONLY;
SELECT count(*) FROM influence.get_trending(1, as_of => '2024-06-01');
COMMIT;
-- a cursor is of its list, and of its viewer
SELECT next_cursor AS cursor FROM influence.get_trending(1, page_size => 1, as_of => '2024-06-01') \gset
SELECT * FROM pg_temp.not_refused('IN002', format('get_trending(1, ''product'', cursor => %L)', :'cursor'), format('get_trending(1, half_life => ''6h'', cursor => %L)', :'cursor'), format('get_trending(1, scope => 1, cursor => %L)', :'cursor'),
	format('get_trending(1, cursor => %L, viewer_id => %L)', :'cursor', pg_temp.visitor(1)), 'get_trending(1, cursor => ''x'')', 'get_trending(1, ''video'')', 'get_trending(1, NULL)', 'get_trending(1, half_life => ''1h'')', 'get_trending(1, half_life => NULL)',
	'get_trending(1, page_size => 0)', 'get_trending(1, page_size => 101)', 'get_trending(1, page_size => NULL)', 'get_trending(1, as_of => NULL)', 'get_trending(1, as_of => ''infinity'')', 'get_trending(1, scope => NULL)');
-- nor is it one of the feed, even if a surface is called like the list, nor the other way
SELECT f.next_cursor AS feed_cursor FROM influence.get_feed(1, '00000000-0000-0000-0000-000000000000', 1, as_of => '2024-06-01', surface => 'trending:post:0:3d') f \gset
SELECT * FROM pg_temp.not_refused('IN002', format('get_feed(1, ''00000000-0000-0000-0000-000000000000'', 1, %L, surface => ''trending:post:0:3d'')', :'cursor'), format('get_trending(1, cursor => %L)', :'feed_cursor'));
-- nor is there a list without the program's secret, with which cursors are sealed; nor a key of a visitor
BEGIN;
DELETE FROM influence.program_secret;
SELECT pg_temp.refused(c) FROM unnest(ARRAY['get_trending(1)', 'get_trending(1, page_size => 1)', format('get_trending(1, page_size => 1, cursor => %L)', :'cursor'), 'visitor_key(1, ''ruth'')']) c;
ROLLBACK;
SELECT * FROM pg_temp.not_refused('IN003', 'get_trending(9)', 'get_trending(NULL)', 'get_trending(1, scope => 99)', 'get_trending(1, scope => -1)');
SELECT status FROM influence.set_capability(1, 'read', false, valid_from => '2024-01-01');
SELECT * FROM pg_temp.not_refused('IN005', 'get_trending(1)');
SELECT (SELECT sum(events) FROM influence.trend_now) >= 0 AS as_of_now;

--
-- get_feed(): what a viewer may see and why, in pages that never repeat a post
-- and together show them all. What the viewer did, and what a brand pays for:
-- feed_signals, feed_sponsored.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_program('Other', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo,dora,eve}'::text[]) c;
SELECT pg_temp.new_creator('finn', pg_temp.visitor(1));
SELECT category_id FROM influence.create_category('all');
SELECT recorded FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1, "price": 1999, "currency": "EUR", "stock": 5, "valid_from": "2024-01-01"},
	{"sku": "rake", "title": "Rake", "category_id": 1, "price": 999, "currency": "EUR", "stock": 5, "valid_from": "2024-01-01"}, {"sku": "gone", "title": "Gone", "category_id": 1, "price": 1, "currency": "EUR", "stock": 0, "valid_from": "2024-01-01"},
	{"sku": "never", "title": "Never", "category_id": 1}, {"sku": "dollar", "title": "Dollar", "category_id": 1, "price": 5, "currency": "USD", "stock": 1, "valid_from": "2024-01-01"}]');
SELECT status FROM influence.set_stock(pg_temp.product('rake'), 0, '2024-06-05');
SELECT count(*) FROM unnest('{art,bikes,cats,dogs,eggs,food}'::text[]) t, influence.create_topic(t);

-- Visitor 1 follows anna and cares for art and four more; 2 follows bert and cares for bikes above all; 3 is registered
-- and has no signal; 4 wants no personal feed; 5 is a guest.
SELECT count(*) FROM generate_series(1, 4) v, influence.register_shopper(pg_temp.visitor(v), country => CASE v WHEN 1 THEN 'DE' END, personalised => v <> 4);
SELECT status FROM influence.set_interests(pg_temp.visitor(1), '{art,cats,dogs,eggs,food}');
SELECT status FROM influence.set_interests(pg_temp.visitor(2), '{bikes,cats,dogs,eggs,food}', '{7,1,1,1,1}');
SELECT status FROM influence.set_interests(pg_temp.visitor(4), '{art,cats,dogs,eggs,food}');
SELECT v, f.status FROM (VALUES (1, 'anna'), (1, 'cleo'), (1, 'dora'), (1, 'eve'), (1, 'finn'), (2, 'bert'), (4, 'anna')) t(v, c), influence.follow(pg_temp.visitor(v), pg_temp.creator(c)) f;
SELECT status FROM influence.block(pg_temp.visitor(1), pg_temp.creator('cleo'));
SELECT status FROM influence.block(pg_temp.visitor(1), pg_temp.creator('dora'), 'by_creator');

CREATE FUNCTION pg_temp.post(c text, ref text, topic text, sku text[], at timestamptz, countries text[] DEFAULT NULL, program bigint DEFAULT 1) RETURNS text LANGUAGE sql AS $$
	SELECT p.status FROM influence.publish_post(program, pg_temp.creator(c), ref, 'photo', (SELECT jsonb_agg(jsonb_build_object('product_id', pg_temp.product(s)) ORDER BY n) FROM unnest(sku) WITH ORDINALITY u(s, n)), topic, published_at => at, countries => countries) p $$;
-- what visitor 1 may see on 2024-06-01
SELECT pg_temp.post('anna', 'a art', 'art', '{lamp}', '2024-05-26'), pg_temp.post('anna', 'a bikes', 'bikes', '{rake,gone,lamp}', '2024-05-29'), pg_temp.post('bert', 'b art', 'art', '{rake}', '2024-05-23'),
	pg_temp.post('bert', 'b cats', 'cats', '{lamp}', '2024-06-01'), pg_temp.post('anna', 'a germany', 'art', '{lamp}', '2024-05-20', '{AT,DE}'), pg_temp.post('anna', 'a dollar', NULL, '{dollar}', '2024-05-20');
-- and what it may not: sold out, never stocked, of the future, elsewhere, of another program, blocked by either side,
-- suspended, its own, removed, pending, of a creator and a topic it does not know
SELECT pg_temp.post('anna', 'x gone', 'art', '{gone,never}', '2024-05-26'), pg_temp.post('anna', 'x future', 'art', '{lamp}', '2024-06-01 00:00:00.000001'), pg_temp.post('anna', 'x france', 'art', '{lamp}', '2024-05-26', '{FR}'),
	pg_temp.post('anna', 'x other', 'art', '{lamp}', '2024-05-26', program => 2), pg_temp.post('cleo', 'x cleo', 'art', '{lamp}', '2024-05-26'), pg_temp.post('dora', 'x dora', 'art', '{lamp}', '2024-05-26'),
	pg_temp.post('eve', 'x eve', 'art', '{lamp}', '2024-05-26'), pg_temp.post('finn', 'x finn', 'art', '{lamp}', '2024-05-26'), pg_temp.post('anna', 'x removed', 'art', '{lamp}', '2024-05-26'),
	pg_temp.post('anna', 'x pending', 'art', '{lamp}', '2024-05-26'), pg_temp.post('bert', 'b bikes', 'bikes', '{lamp}', '2024-05-26');
SELECT count(*) FROM influence.post p, influence.set_post_status(p.post_id, substr(p.post_ref, 3), 'r', 'ops', '2024-05-27') WHERE p.post_ref IN ('x removed', 'x pending');
SELECT status FROM influence.set_creator_status(pg_temp.creator('eve'), 'suspended', 'r', 'ops', '2024-05-30');
SELECT post_hours FROM influence.refresh_stats();

-- what is popular, followed and interesting; no draws, whose scores nobody computes by hand
INSERT INTO influence.setting (name, version, value) SELECT 'feed_candidates', 2, value || '{"explore": 0, "trending": 0}' FROM influence.setting WHERE name = 'feed_candidates';
INSERT INTO influence.setting (name, version, value) VALUES ('feed_caps', 2, '{"post": 3, "creator": 20}');

CREATE FUNCTION pg_temp.feed(v int, at timestamptz DEFAULT '2024-06-01', program bigint DEFAULT 1) RETURNS TABLE (rank int, post text, score numeric, sources text[], skus text) LANGUAGE sql AS $$
	SELECT f.rank, p.post_ref, round(f.score::numeric, 6), f.sources, (SELECT string_agg(concat(x ->> 'sku', ' ', x ->> 'price', x ->> 'currency'), ', ' ORDER BY n) FROM jsonb_array_elements(f.products) WITH ORDINALITY u(x, n))
	FROM influence.get_feed(program, pg_temp.visitor(v), 100, as_of => at) f JOIN influence.post p USING (post_id) ORDER BY f.rank $$;
-- Scores by hand, with the weights of "standard": 10, 3 for a follow, 1.5 x log2(1 + weight) for an interest, less one per three
-- days of age, and 2 x 2^(-age / 2 days):
--   b cats 10 + 1.5 + 2; a art 10 + 3 + 1.5 - 2 + 1/4; a bikes 10 + 3 - 1 + 0.707107 (bikes is no interest of 1);
--   a germany 10 + 3 + 1.5 - 4 + 1/32; a dollar 10 + 3 - 4 + 1/32; b art 10 + 1.5 - 3 + 0.088388; b bikes 10 - 2 + 1/4
-- In this order, but no two in a row of one creator, at most two of one in ten (and four of a category, which is one here):
-- b cats, a art, b art (not a bikes, for the category it is the third), a bikes; then all rules give way, in the order category,
-- creator, adjacency: b bikes is the third of bert, but not adjacent; then a germany, a dollar
SELECT * FROM pg_temp.feed(1);
-- sold out since June 5th: rake goes, and a post with nothing else; what is of June 1st is there
SELECT post, skus FROM pg_temp.feed(1, '2024-06-05') ORDER BY 1;
-- another viewer, another feed: 1.5 x log2(1 + 7) = 4.5 for bikes, 3 for bert; the country is not known: nothing of countries
SELECT * FROM pg_temp.feed(2);
-- without a signal, without the wish, without an account: what is popular, by its score alone, the same for all
SELECT * FROM pg_temp.feed(3);
SELECT v, count(*), array_agg(f.post ORDER BY f.rank) = (SELECT array_agg(g.post ORDER BY g.rank) FROM pg_temp.feed(3) g) AS the_same, array_agg(DISTINCT f.sources::text) AS sources FROM unnest('{4,5}'::int[]) v, pg_temp.feed(v) f GROUP BY v;
SELECT * FROM pg_temp.feed(1, program => 2);
-- The rule that keeps each post from a viewer: the first that fails.
SELECT p.post_ref, e.verdict
  FROM (SELECT array_agg(post_id ORDER BY post_id) AS ids FROM influence.post) a, influence_internal.feed_eligible(1, pg_temp.visitor(1), a.ids || 999::bigint, '2024-06-01') e LEFT JOIN influence.post p USING (post_id)
 WHERE e.verdict <> 'eligible' ORDER BY e.post_id;
SELECT count(*) FILTER (WHERE e.verdict = 'eligible') AS eligible, count(*) FILTER (WHERE e.verdict = 'country') AS country
  FROM (SELECT array_agg(post_id) AS ids FROM influence.post) a, influence_internal.feed_eligible(1, NULL, a.ids, '2024-06-01') e;
-- a post is there for followers in the same transaction, before any job
BEGIN;
SELECT pg_temp.post('anna', 'fresh', NULL, '{lamp}', '2024-05-31');
SELECT rank, post, score, sources FROM pg_temp.feed(1) WHERE post = 'fresh';
ROLLBACK;
-- what others do changes its place: four smiles and a share on b art: log2(1 + (4 + 4) x 2^(9/3)) = 6.022368 more
SELECT count(*) FROM generate_series(11, 14) v, influence.post p, influence.react(pg_temp.visitor(v), p.post_id, occurred_at => '2024-06-01') WHERE p.post_ref = 'b art';
SELECT r.status FROM influence.post p, influence.react(pg_temp.visitor(15), p.post_id, 'share', occurred_at => '2024-06-01') r WHERE p.post_ref = 'b art';
SELECT post_ranks FROM influence.refresh_stats();
SELECT rank, post, score FROM pg_temp.feed(1) LIMIT 2;

-- Pages. Forty posts more; a page of 7 after the other shows each once, in the order of one page of all, while new posts,
-- reactions, refreshes come in between; the last one has no cursor.
SELECT count(*) FROM generate_series(1, 40) n, pg_temp.post('bert', 'page ' || n, (ARRAY['art', 'cats', 'dogs', 'food'])[1 + n % 4], '{lamp}', '2024-05-01'::timestamptz + n * interval '7 hours') p;
SELECT post_ranks > 0 AS ranked FROM influence.refresh_stats();
CREATE FUNCTION pg_temp.scroll(v int, size int, disturb boolean) RETURNS TABLE (page int, rank int, post_id bigint) LANGUAGE plpgsql AS $$
DECLARE
	next text;
	row record;
	p int := 0;
BEGIN
	LOOP
		p := p + 1;
		FOR row IN SELECT f.rank, f.post_id, f.next_cursor FROM influence.get_feed(1, pg_temp.visitor(v), size, next, CASE WHEN p = 1 THEN '2024-06-01'::timestamptz ELSE '2024-06-09' END) f LOOP
			page := p;
			rank := row.rank;
			post_id := row.post_id;
			RETURN NEXT;
		END LOOP;
		EXIT WHEN NOT FOUND OR row.next_cursor IS NULL OR p > 50;
		next := row.next_cursor;
		IF disturb THEN
			PERFORM pg_temp.post('anna', format('between %s %s', v, p), 'art', '{lamp}', '2024-06-02');
			PERFORM influence.react(pg_temp.visitor(100 + p), 5, occurred_at => '2024-06-03');
			PERFORM influence.refresh_stats();
		END IF;
	END LOOP;
END $$;
CREATE TEMP TABLE whole AS SELECT f.rank, f.post_id FROM influence.get_feed(1, pg_temp.visitor(1), 100, as_of => '2024-06-01') f;
CREATE TEMP TABLE calm AS SELECT * FROM pg_temp.scroll(1, 7, false);
SELECT count(*) AS posts, count(DISTINCT c.post_id) AS different, max(page) AS pages, bool_and(c.post_id = w.post_id) AS as_in_one_page FROM whole w FULL JOIN calm c USING (rank);
CREATE TEMP TABLE disturbed AS SELECT * FROM pg_temp.scroll(1, 7, true);
SELECT count(*) = count(DISTINCT post_id) AS no_post_twice, bool_and(EXISTS (SELECT FROM whole w WHERE w.post_id = d.post_id)) AS nothing_newer, count(*) = (SELECT count(*) FROM whole) AS all_of_them, max(page) FROM disturbed d;
-- what may be shown is judged at each call: b art, whose rake is sold out by the second page, is gone; all else is there
SELECT count(*) = max(page) AS one_a_page, array_agg(post_id ORDER BY post_id) = (SELECT array_agg(f.post_id ORDER BY f.post_id) FROM influence.get_feed(1, pg_temp.visitor(2), 100, as_of => '2024-06-01') f JOIN influence.post p USING (post_id) WHERE p.post_ref <> 'b art') AS all_else
FROM pg_temp.scroll(2, 1, false);

-- Without the program's secret nothing is sealed with what anybody knows.
BEGIN;
DELETE FROM influence.program_secret;
SELECT pg_temp.refused('get_feed(1, pg_temp.visitor(1), 3)');
ROLLBACK;
-- A cursor is its viewer's, its program's, and as it was given.
SELECT next_cursor AS cursor FROM influence.get_feed(1, pg_temp.visitor(1), 3, as_of => '2024-06-01') LIMIT 1 \gset
SELECT min(rank), max(rank) FROM influence.get_feed(1, pg_temp.visitor(1), 3, :'cursor');
SELECT * FROM pg_temp.not_refused('IN002', format('get_feed(1, pg_temp.visitor(2), 3, %L)', :'cursor'), format('get_feed(2, pg_temp.visitor(1), 3, %L)', :'cursor'),
	format('get_feed(1, pg_temp.visitor(1), 3, %L)', left(:'cursor', -1)), format('get_feed(1, pg_temp.visitor(1), 3, %L)', :'cursor' || 'A'), format('get_feed(1, pg_temp.visitor(1), 3, %L, surface => ''home'')', :'cursor'),
	format('get_feed(1, pg_temp.visitor(1), 3, %L, intent => ''buy'')', :'cursor'), $$get_feed(1, pg_temp.visitor(1), 3, '')$$, $$get_feed(1, pg_temp.visitor(1), 3, 'nonsense')$$);
SELECT count(*) AS tampered, count(*) FILTER (WHERE pg_temp.refused(format('get_feed(1, pg_temp.visitor(1), 3, %L)', overlay(:'cursor' PLACING CASE substr(:'cursor', n, 1) WHEN 'B' THEN 'C' ELSE 'B' END FROM n))) LIKE 'IN002 feed cursor is not valid') AS refused
FROM generate_series(1, length(:'cursor') - 1) n;
SELECT * FROM pg_temp.not_refused('IN002', $$get_feed(1, NULL)$$, $$get_feed(1, pg_temp.visitor(1), 0)$$, $$get_feed(1, pg_temp.visitor(1), 101)$$, $$get_feed(1, pg_temp.visitor(1), NULL)$$, $$get_feed(1, pg_temp.visitor(1), as_of => NULL)$$,
	$$get_feed(1, pg_temp.visitor(1), as_of => 'infinity')$$, $$get_feed(1, pg_temp.visitor(1), intent => 'stroll')$$, $$get_feed(1, pg_temp.visitor(1), intent => NULL)$$,
	$$get_feed(1, pg_temp.visitor(1), as_of => '0001-01-01')$$, $$get_feed(1, pg_temp.visitor(1), as_of => '290000-01-01')$$, $$get_feed(1, pg_temp.visitor(1), surface => repeat('x', 101))$$);
SELECT * FROM pg_temp.not_refused('IN003', $$get_feed(99, pg_temp.visitor(1))$$, $$get_feed(NULL, pg_temp.visitor(1))$$);
-- a brand that the program forbids is not for its feed; what else the post shows is
INSERT INTO influence.product (sku, title, brand, category_id, content_hash) VALUES ('acme', 'Acme', 'ACME', 1, '');
SELECT status FROM influence.set_stock(pg_temp.product('acme'), 5, '2024-01-01');
SELECT pg_temp.post('bert', 'acme', NULL, '{acme}', '2024-05-31'), pg_temp.post('bert', 'acme and lamp', NULL, '{acme,lamp}', '2024-05-31');
SELECT post_ranks FROM influence.refresh_stats();
SELECT post, skus FROM pg_temp.feed(1) WHERE post LIKE 'acme%' ORDER BY 1;
SELECT status FROM influence.set_brand_rule(1, 'Acme', false, '2024-01-01');
SELECT post, skus FROM pg_temp.feed(1) WHERE post LIKE 'acme%' ORDER BY 1;
-- Of posts with the same media only the better one is there, on later pages, too; in another language is none.
SELECT m, p.status FROM (VALUES ('m1', 'x.jpg', 'de', '2024-05-31'), ('m2', 'x.jpg', 'de', '2024-05-30'), ('m3', 'y.jpg', 'fr', '2024-05-30'), ('m4', 'z.jpg', NULL, '2024-05-30')) v(m, media, language, at),
	influence.publish_post(1, pg_temp.creator('bert'), m, 'photo', '[{"product_id": 1}]', 'food', media => v.media, published_at => v.at::timestamptz, details => jsonb_strip_nulls(jsonb_build_object('language', v.language))) p;
SELECT status FROM influence.update_shopper(pg_temp.visitor(1), 'DE', 'de');
SELECT post_ranks FROM influence.refresh_stats();
SELECT post FROM pg_temp.feed(1) WHERE post LIKE 'm_' ORDER BY 1;
SELECT count(*) FROM pg_temp.scroll(1, 5, false) s JOIN influence.post p USING (post_id) WHERE p.post_ref LIKE 'm_';
-- it writes nothing
BEGIN READ ONLY;
SELECT count(*) FROM influence.get_feed(1, pg_temp.visitor(1), 3, :'cursor');
COMMIT;

--
-- The neighbours that the jobs keep: of posts by reactions, of products by
-- votes, carts and orders. Similarities are c * c / (sqrt(a * b) * (c + 10)), by
-- hand in the comments: c shoppers chose both, a the one, b the other.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.new_program('Other', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator('anna');
SELECT status FROM influence.create_category('all');
SELECT recorded FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1}, {"sku": "rake", "title": "Rake", "category_id": 1}, {"sku": "pond", "title": "Pond", "category_id": 1}]');
SELECT count(*) FROM generate_series(1, 6) p, influence.publish_post(1, pg_temp.creator('anna'), 'p' || p, 'photo', '[{"product_id": 1}]', published_at => timestamptz '2024-05-01' + p * interval '1 minute');
SELECT count(*) FROM generate_series(1, 9) n, influence.register_shopper(pg_temp.visitor(n));
CREATE FUNCTION pg_temp.chose(v int, kind text, VARIADIC posts int[]) RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM unnest(posts) p, influence.react(pg_temp.visitor(v), p, kind, occurred_at => '2024-05-10') r WHERE r.status = 'recorded' $$;
CREATE FUNCTION pg_temp.lists(kind text) RETURNS TABLE (item_id bigint, neighbors text) LANGUAGE sql AS $$
	SELECT n.item_id, string_agg(k.neighbor_id || ' ' || round(k.similarity::numeric, 6), ', ' ORDER BY k.rank)
	  FROM influence.item_neighbor n, unnest(n.neighbor_ids, n.similarities) WITH ORDINALITY k(neighbor_id, similarity, rank) WHERE n.program_id = 1 AND n.kind = lists.kind GROUP BY n.item_id ORDER BY n.item_id $$;

-- 1: shoppers 1 2 3; 2: 1 2; 3: 2 3; a click of 4 on 4 alone, and one in another program
SELECT pg_temp.chose(1, 'smile', 1, 2), pg_temp.chose(2, 'share', 1, 2), pg_temp.chose(2, 'save', 3), pg_temp.chose(3, 'click', 1, 3), pg_temp.chose(4, 'click', 4);
SELECT status FROM influence.publish_post(2, pg_temp.creator('anna'), 'q', 'photo', '[{"product_id": 1}]', published_at => '2024-05-01');
SELECT pg_temp.chose(1, 'smile', 7), pg_temp.chose(4, 'smile', 7);
-- too long ago to count (post_days is 90), and hiding is no choice
SELECT count(*) FROM unnest('{4,5}'::int[]) p, influence.react(pg_temp.visitor(1), p, 'save', occurred_at => '2024-02-20');
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id) VALUES (pg_temp.visitor(1), '2024-05-10', 'h', 'hide', 4);
-- lamp and rake: shoppers 1 and 2, who is visitor 7 too; pond: 2; 3 does not like the lamp, and looked at the pond
SELECT status FROM influence.record_order(1, pg_temp.visitor(1), 'o1', '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}, {"line_no": 2, "sku": "rake", "quantity": 1, "paid_price": 500}]', '2024-05-10');
SELECT status FROM influence.vote_product(pg_temp.visitor(2), 1, 1, '2024-05-11');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(2), 'c', 'cart', pg_temp.creator('anna'), '2024-05-11', 3);
SELECT status FROM influence.record_order(1, pg_temp.visitor(7), 'o2', '[{"line_no": 1, "sku": "rake", "quantity": 1, "paid_price": 500}]', '2024-05-10');
SELECT status FROM influence.identify(pg_temp.visitor(7), pg_temp.visitor(2));
SELECT status FROM influence.vote_product(pg_temp.visitor(3), 1, -1, '2024-05-11');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(3), 'v', 'click', pg_temp.creator('anna'), '2024-05-11', 3);

-- the first run is complete, whatever is asked; items: 1 to 4, 7, lamp, rake and pond here, the lamp there
SELECT * FROM influence.refresh_neighbors(false, '2024-06-01');
-- 1~2 and 1~3: 2 of 3 and 2: 4 / (sqrt(6) * 12) = .136083; 2~3: 1 of 2 and 2: 1 / (2 * 11) = .045455
SELECT * FROM pg_temp.lists('post');
-- lamp~rake: 2 of 2 and 2: 4 / (2 * 12) = .166667; with the pond 1 of 2 and 1: 1 / (sqrt(2) * 11) = .064282
SELECT * FROM pg_temp.lists('product');
SELECT program_id, kind, item_id, shoppers FROM influence.item_audience ORDER BY 1, 2, 3;
-- nothing new, nothing written
SELECT * FROM influence.refresh_neighbors(false, '2024-06-01');
SELECT * FROM influence.refresh_neighbors(true, '2024-06-01');

-- New choices: 5 likes 1, 2 and the new 6; 4 likes 1, too; 3 carts the rake, and votes for the lamp after all.
SELECT pg_temp.chose(5, 'smile', 1, 2, 6), pg_temp.chose(4, 'smile', 1);
SELECT status FROM influence.record_touch(1, pg_temp.visitor(3), 'r', 'cart', pg_temp.creator('anna'), '2024-05-12', 2);
SELECT status FROM influence.vote_product(pg_temp.visitor(3), 1, 1, '2024-05-12');
SELECT * FROM influence.refresh_neighbors(false, '2024-06-01');
-- 1 has 5, 2 has 3, 3 has 2, 4 has 1, 6 has 1. 1~2: 3: 9 / (sqrt(15) * 13) = .178753; 1~3: 2: 4 / (sqrt(10) * 12) = .105409;
-- 1~4 and 1~6: 1 / (sqrt(5) * 11) = .040656; 2~6: 1 / (sqrt(3) * 11) = .052486; 2~3: 1 / (sqrt(6) * 11) = .037113
SELECT * FROM pg_temp.lists('post');
-- lamp and rake have 3: 9 / (3 * 13) = .230769; pond: 1 / (sqrt(3) * 11) = .052486
SELECT * FROM pg_temp.lists('product');
-- what was merged is what counting all gives
SELECT * FROM influence.refresh_neighbors(true, '2024-06-01');

-- Taken back: nobody has 6 any more, and it is in no list.
SELECT status FROM influence.react(pg_temp.visitor(5), 6, 'unsmile', occurred_at => '2024-05-12');
SELECT * FROM influence.refresh_neighbors(false, '2024-06-01');
SELECT count(*) FROM influence.item_neighbor WHERE item_id = 6 OR 6 = ANY (neighbor_ids);
SELECT * FROM influence.refresh_neighbors(true, '2024-06-01');
-- and smiled again
SELECT status FROM influence.react(pg_temp.visitor(5), 6, 'smile', occurred_at => '2024-05-13');
SELECT * FROM influence.refresh_neighbors(false, '2024-06-01');
SELECT count(*) FROM influence.item_neighbor WHERE item_id = 6 OR 6 = ANY (neighbor_ids);

-- What many chose waits for the daily run: at most 3 may have chosen it, and 3 all items together. 1 has 5 already, 3 will have 3.
INSERT INTO influence.setting (name, version, value) SELECT name, 2, value || '{"merge_shoppers": 3, "merge_people": 3}' FROM influence.setting WHERE name = 'feed_neighbors';
SELECT pg_temp.chose(6, 'save', 1, 3);
SELECT * FROM influence.refresh_neighbors(false, '2024-06-01');
-- 4 and 6 will have 2 each: together too many
SELECT pg_temp.chose(8, 'save', 4, 6);
SELECT * FROM influence.refresh_neighbors(false, '2024-06-01');
SELECT item_id, shoppers FROM influence.item_audience WHERE program_id = 1 AND kind = 'post' ORDER BY 1;
-- lists of two
INSERT INTO influence.setting (name, version, value) SELECT name, 3, value || '{"neighbors": 2, "shrink": 0}' FROM influence.setting WHERE name = 'feed_neighbors' AND version = 1;
SELECT status, waiting FROM influence.refresh_neighbors(true, '2024-06-01');
SELECT item_id, cardinality(neighbor_ids), cardinality(similarities) FROM influence.item_neighbor WHERE program_id = 1 AND kind = 'post' ORDER BY 1;
-- 2 has 3, 1 all 6: 3 / sqrt(18) = .707107; 6 has 2: 1 / sqrt(6) = .408248; and 3, which is not among the two, 1 / 3
SELECT k.neighbor_id, round(k.similarity::numeric, 6) FROM influence.item_neighbor n, unnest(n.neighbor_ids, n.similarities) WITH ORDINALITY k(neighbor_id, similarity, rank) WHERE program_id = 1 AND kind = 'post' AND item_id = 2 ORDER BY rank;
-- a better one takes the last place: 9 likes 2 and 5, which nobody else does: 1 / sqrt(4) = .5, and 3 / sqrt(24) = .612372
SELECT pg_temp.chose(9, 'save', 5, 2);
SELECT status, items FROM influence.refresh_neighbors(false, '2024-06-01');
SELECT k.neighbor_id, round(k.similarity::numeric, 6) FROM influence.item_neighbor n, unnest(n.neighbor_ids, n.similarities) WITH ORDINALITY k(neighbor_id, similarity, rank) WHERE program_id = 1 AND kind = 'post' AND item_id = 2 ORDER BY rank;

-- Twenty minutes of anybody doing anything: what is merged each minute is what counting all of it gives, as long as lists are not full.
INSERT INTO influence.setting (name, version, value) SELECT name, 4, value || '{"merge_change": 0}' FROM influence.setting WHERE name = 'feed_neighbors' AND version = 1;
SELECT setseed(0.75);
SELECT count(*) FROM generate_series(7, 16) p, influence.publish_post(1, pg_temp.creator('anna'), 'p' || p, 'photo', '[{"product_id": 1}]', published_at => timestamptz '2024-05-01' + p * interval '1 minute');
CREATE TEMP TABLE minute (n int, merged bigint, waiting bigint, written bigint, missed bigint);
DO $$
DECLARE
	n int;
	part record;
BEGIN
	PERFORM influence.refresh_neighbors(true, '2024-06-01');
	FOR n IN 1..20 LOOP
		PERFORM influence.react(pg_temp.visitor(20 + floor(random() * random() * 25)::int), 1 + floor(random() * random() * 17)::int,
								(ARRAY['smile', 'smile', 'save', 'click', 'unsmile'])[1 + floor(random() * 5)::int], occurred_at => timestamptz '2024-05-20' + n * interval '1 minute' + i * interval '1 second')
		   FROM generate_series(1, 10) i;
		COMMIT;						-- a job looks at what others have written
		SELECT * INTO part FROM influence.refresh_neighbors(false, '2024-06-01');
		INSERT INTO minute SELECT n, part.items, part.waiting, part.written, r.written FROM influence.refresh_neighbors(true, '2024-06-01') r;
		COMMIT;
	END LOOP;
END $$;
SELECT count(*) AS minutes, count(*) FILTER (WHERE written > 0) > 15 AS many_changed, sum(waiting) AS waiting, sum(missed) AS missed FROM minute;
SELECT max(cardinality(neighbor_ids)) < 20 AS not_full, sum(cardinality(neighbor_ids)) > 150 AS many FROM influence.item_neighbor WHERE kind = 'post';

-- 91 days later nobody has chosen any post, but products are remembered for a year
SELECT status FROM influence.refresh_neighbors(true, '2024-08-20');
SELECT kind, count(*) FROM influence.item_neighbor GROUP BY 1;
SELECT * FROM influence.do_job('feed_neighbors', 0, NULL, now());
SELECT * FROM influence.do_job('all_neighbors', 0, NULL, '2024-06-01');

SELECT * FROM pg_temp.not_refused('IN002', $$refresh_neighbors(NULL)$$, $$refresh_neighbors(true, NULL)$$, $$refresh_neighbors(true, 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$refresh_neighbors(true, now() + interval '1 day')$$);

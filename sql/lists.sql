--
-- Lists: of four kinds, in their owner's order, by pages, and who may see them.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
SELECT status FROM influence.create_category('all');
SELECT recorded FROM influence.add_products((SELECT jsonb_agg(jsonb_build_object('sku', 'p' || i, 'title', 'Product ' || i, 'category_id', 1)) FROM generate_series(1, 2500) i));
SELECT bool_and(status = 'recorded') FROM generate_series(1, 3) i, influence.set_price(i, 100 * i, 'USD', '2020-01-01');
SELECT bool_and(status = 'recorded') FROM generate_series(1, 9) i, influence.register_shopper(pg_temp.visitor(i));
-- anna shops as visitor 1, her agency as 9; visitor 5 is a customer who is a creator
SELECT pg_temp.new_creator('anna', pg_temp.visitor(1));
SELECT pg_temp.new_creator('agency', pg_temp.visitor(9), 'agency', ARRAY[pg_temp.creator('anna')]);
SELECT pg_temp.new_creator('kai', pg_temp.visitor(5), 'customer');

-- Opening: the key is owner and list_ref.
SELECT * FROM influence.create_list('creator', '1', 'summer', 'idea', 'Summer');
SELECT * FROM influence.create_list('creator', '01', 'summer', 'idea', 'Summer', 'public');
SELECT * FROM influence.create_list('shopper', pg_temp.visitor(2)::text, 'summer', 'shopping', 'Groceries');
SELECT * FROM pg_temp.not_refused('IN004', $$create_list('creator', '1', 'summer', 'idea', 'Winter')$$, $$create_list('creator', '1', 'summer', 'wish', 'Summer', 'public')$$,
	$$create_list('creator', '1', 'summer', 'idea', 'Summer', 'private')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$create_list('brand', '1', 'x', 'idea', 'X')$$, $$create_list(NULL, '1', 'x', 'idea', 'X')$$, $$create_list('creator', 'anna', 'x', 'idea', 'X')$$, $$create_list('creator', '-1', 'x', 'idea', 'X')$$,
	$$create_list('creator', NULL, 'x', 'idea', 'X')$$, $$create_list('shopper', '1', 'x', 'idea', 'X')$$, $$create_list('creator', '1', '', 'idea', 'X')$$, $$create_list('creator', '1', 'x', 'gift', 'X')$$,
	$$create_list('creator', '1', 'x', 'ideas', 'X')$$, $$create_list('creator', '1', 'x', NULL, 'X')$$, $$create_list('creator', '1', 'x', 'idea', '')$$, $$create_list('creator', '1', 'x', 'idea', E'a\nb\x01')$$,
	$$create_list('creator', '1', 'x', 'idea', 'X', 'secret')$$, $$create_list('creator', '1', 'x', 'idea', 'X', 'link')$$, $$create_list('creator', '1', 'x', 'idea', 'X', 'link', token => 'short')$$,
	$$create_list('creator', '1', 'x', 'idea', 'X', 'public', token => gen_random_uuid()::text)$$, $$create_list('creator', '1', 'x', 'wish', 'X', for_person => 'Mum')$$,
	$$create_list('shopper', pg_temp.visitor(2)::text, 'x', 'idea', 'X', program_id => 1)$$, $$create_list('shopper', pg_temp.visitor(2)::text, 'x', 'idea', 'X', agent_id => 1)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$create_list('creator', '99', 'x', 'idea', 'X')$$, $$create_list('shopper', pg_temp.visitor(99)::text, 'x', 'idea', 'X')$$, $$create_list('creator', '1', 'x', 'idea', 'X', program_id => 99)$$,
	$$create_list('creator', '1', 'x', 'gift', 'X', for_visitor => pg_temp.visitor(99))$$, $$create_list('creator', '1', 'x', 'idea', 'X', agent_id => 99)$$);
SELECT * FROM pg_temp.not_refused('IN005', $$create_list('creator', '3', 'x', 'idea', 'X', agent_id => 2)$$);
SELECT status FROM influence.create_list('creator', '1', 'agency', 'idea', 'By the agency', agent_id => 2);

-- Items, in the owner's order.
CREATE FUNCTION pg_temp.order_of(list bigint) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(product_id || CASE WHEN wanted > 1 THEN 'x' || wanted ELSE '' END || coalesce('(' || note || ')', ''), ' ' ORDER BY position, product_id) FROM influence.list_item WHERE list_id = list $$;
SELECT bool_and(status = 'recorded') FROM generate_series(1, 4) i, influence.add_list_item(1, i);
SELECT status FROM influence.add_list_item(1, 5, 'the blue one', 2, before_product => 1);
SELECT status FROM influence.add_list_item(1, 5, 'the blue one', 2);
SELECT status FROM influence.add_list_item(1, 6, before_product => 3);
SELECT pg_temp.order_of(1);
SELECT status FROM influence.move_list_item(1, 1);
SELECT status FROM influence.move_list_item(1, 1);
SELECT status FROM influence.move_list_item(1, 4, 5);
SELECT status FROM influence.move_list_item(1, 4, 5);
SELECT status FROM influence.move_list_item(1, 4, 4);
SELECT pg_temp.order_of(1);
SELECT status FROM influence.update_list_item(1, 5, '', 3);
SELECT status FROM influence.update_list_item(1, 5, '', 3);
SELECT status FROM influence.update_list_item(1, 6, 'red');
SELECT status FROM influence.remove_list_item(1, 2);
SELECT status FROM influence.remove_list_item(1, 2);
SELECT pg_temp.order_of(1);
SELECT * FROM pg_temp.not_refused('IN004', $$add_list_item(1, 5, 'the red one', 3)$$, $$add_list_item(1, 5, wanted => 4)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$add_list_item(99, 1)$$, $$add_list_item(NULL, 1)$$, $$add_list_item(1, 9999)$$, $$add_list_item(1, NULL)$$, $$add_list_item(1, 7, before_product => 8)$$, $$move_list_item(1, 7)$$, $$move_list_item(1, 6, 7)$$,
	$$update_list_item(1, 7, 'x')$$, $$remove_list_item(1, 9999)$$, $$remove_list_item(99, 1)$$, $$set_list_items(99, '[]')$$, $$set_list_items(1, '[{"product_id": 9999}]')$$, $$set_list_items(1, '[{"note": "x"}]')$$, $$set_list_items(1, '[{"product_id": null}, {"product_id": 1}]')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$add_list_item(1, 7, wanted => 0)$$, $$add_list_item(1, 7, wanted => NULL)$$, $$add_list_item(1, 7, repeat('x', 1001))$$, $$set_list_items(1, NULL)$$, $$set_list_items(1, '{}')$$, $$set_list_items(1, '[1]')$$,
	$$set_list_items(1, '[{"product_id": 1, "colour": "red"}]')$$, $$set_list_items(1, '[{"product_id": 1}, {"product_id": 1}]')$$, $$set_list_items(1, '[{"product_id": 1, "wanted": 0}]')$$, $$set_list_items(1, '[{"product_id": "one"}]')$$,
	$$get_list(1, page_size => 0)$$, $$get_list(1, page_size => NULL)$$, $$get_list(1, after_product => 1)$$, $$get_list(1, as_of => NULL)$$);

-- A gap that is halved by every move: the order is right, and positions stay short, since the list is numbered anew.
DO $$
BEGIN
	PERFORM influence.set_list_items(1, '[{"product_id": 1}, {"product_id": 2}, {"product_id": 3}, {"product_id": 4}]');
	FOR i IN 1 .. 140 LOOP
		PERFORM influence.move_list_item(1, CASE i % 2 WHEN 1 THEN 2 ELSE 3 END, 4);
		IF (SELECT string_agg(product_id::text, '' ORDER BY position, product_id) FROM influence.list_item WHERE list_id = 1) <> (CASE i % 2 WHEN 1 THEN '1324' ELSE '1234' END) THEN
			RAISE 'wrong after % moves', i;
		END IF;
	END LOOP;
END $$;
SELECT pg_temp.order_of(1), max(scale(position)) BETWEEN 1 AND 60 AS short FROM influence.list_item WHERE list_id = 1;

-- Thousands of items: each page once, in order, and set_list_items is a state.
SELECT * FROM influence.set_list_items(1, (SELECT jsonb_agg(jsonb_build_object('product_id', i) ORDER BY i * 7919 % 2500) FROM generate_series(1, 2500) i));
SELECT * FROM influence.set_list_items(1, (SELECT jsonb_agg(jsonb_build_object('product_id', i) ORDER BY i * 7919 % 2500) FROM generate_series(1, 2500) i));
WITH RECURSIVE page AS (
	SELECT 1 AS no, array_agg(g.product_id ORDER BY g.position, g.product_id) AS ids, max(g.position) AS last_position, (array_agg(g.product_id ORDER BY g.position DESC, g.product_id DESC))[1] AS last_product
	FROM influence.get_list(1, page_size => 400) g
	UNION ALL
	SELECT p.no + 1, g.ids, g.last_position, g.last_product
	FROM page p CROSS JOIN LATERAL (SELECT array_agg(g.product_id ORDER BY g.position, g.product_id) AS ids, max(g.position) AS last_position, (array_agg(g.product_id ORDER BY g.position DESC, g.product_id DESC))[1] AS last_product
		FROM influence.get_list(1, page_size => 400, after_position => p.last_position, after_product => p.last_product) g) g
	WHERE g.ids IS NOT NULL)
SELECT max(no) AS pages, sum(cardinality(ids)) AS items, (SELECT array_agg(u.id ORDER BY p.no, u.place) FROM page p, unnest(p.ids) WITH ORDINALITY u(id, place))
	= (SELECT array_agg(i::bigint ORDER BY i * 7919 % 2500) FROM generate_series(1, 2500) i) AS in_order FROM page;
SELECT * FROM influence.set_list_items(1, '[]');

-- A creator's ideas of a program obey its rules about brands, as posts do; other lists don't.
SELECT status FROM influence.add_product('fake', 'Fake', 1, brand => 'Fakes');
SELECT status FROM influence.set_brand_rule(1, 'Fakes', false, '2020-01-01');
SELECT status, list_id FROM influence.create_list('creator', '1', 'program', 'idea', 'In the program', program_id => 1);
SELECT status FROM influence.add_list_item((SELECT list_id FROM influence.list WHERE list_ref = 'program'), 1);
SELECT * FROM pg_temp.not_refused('IN005', $$add_list_item((SELECT list_id FROM influence.list WHERE list_ref = 'program'), pg_temp.product('fake'))$$,
	$$set_list_items((SELECT list_id FROM influence.list WHERE list_ref = 'program'), jsonb_build_array(jsonb_build_object('product_id', 1), jsonb_build_object('product_id', pg_temp.product('fake'))))$$);
SELECT sku, price, currency FROM influence.get_list((SELECT list_id FROM influence.list WHERE list_ref = 'program'));
SELECT sku, price, currency FROM influence.get_list((SELECT list_id FROM influence.list WHERE list_ref = 'program'), as_of => '2019-12-31');
SELECT status FROM influence.add_list_item(2, pg_temp.product('fake'));
SELECT status FROM influence.set_list_items(2, '[]');

-- Who sees what. Shopper 2 owns, 3 is a friend, 4 a stranger, 6 is blocked by 2, 7 blocks 2, 8 asked to be a friend and waits.
SELECT status FROM influence.add_friend(pg_temp.visitor(2), pg_temp.visitor(3));
SELECT status FROM influence.accept_friend(pg_temp.visitor(3), pg_temp.visitor(2));
SELECT bool_and(status = 'recorded') FROM unnest('{6,7}'::int[]) i, influence.add_friend(pg_temp.visitor(i), pg_temp.visitor(2));
SELECT bool_and(status = 'recorded') FROM unnest('{6,7}'::int[]) i, influence.accept_friend(pg_temp.visitor(2), pg_temp.visitor(i));
SELECT a.status, b.status FROM influence.block_shopper(pg_temp.visitor(2), pg_temp.visitor(6)) a, influence.block_shopper(pg_temp.visitor(7), pg_temp.visitor(2)) b;
SELECT status, state FROM influence.add_friend(pg_temp.visitor(8), pg_temp.visitor(2));
-- 12 is 2 on another device, 13 is 3
SELECT status FROM influence.identify(pg_temp.visitor(12), pg_temp.visitor(2));
SELECT status FROM influence.identify(pg_temp.visitor(13), pg_temp.visitor(3));
SELECT bool_and(status = 'recorded') FROM (VALUES ('public', 'wish', NULL), ('friends', 'wish', NULL), ('link', 'wish', 'aaaaaaaaaaaaaaaaaaaaaaaa'), ('private', 'wish', NULL)) l(visibility, kind, token),
	influence.create_list('shopper', pg_temp.visitor(2)::text, l.visibility, l.kind, l.visibility, l.visibility, token => l.token);
SELECT bool_and(status = 'recorded') FROM influence.list l, influence.add_list_item(l.list_id, 1, wanted => 3) WHERE l.owner_id = pg_temp.visitor(2)::text;
CREATE FUNCTION pg_temp.list(ref text) RETURNS bigint LANGUAGE sql AS
'SELECT list_id FROM influence.list WHERE list_ref = ref AND owner_id = pg_temp.visitor(2)::text';
CREATE FUNCTION pg_temp.sees(list_title text, viewer int, token text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	SELECT * INTO r FROM influence.get_list((SELECT l.list_id FROM influence.list l WHERE l.title = list_title), CASE WHEN viewer > 0 THEN pg_temp.visitor(viewer) END, token);
	RETURN CASE WHEN NOT FOUND THEN 'empty' WHEN r.reserved IS NULL THEN 'items' ELSE format('items, %s reserved, %s purchased', r.reserved, r.purchased) END;
EXCEPTION WHEN SQLSTATE 'IN003' THEN
	RETURN '-';
END $$;
SELECT v.who, pg_temp.sees('public', v.id) AS public, pg_temp.sees('friends', v.id) AS friends, pg_temp.sees('link', v.id) AS no_link,
	pg_temp.sees('link', v.id, 'aaaaaaaaaaaaaaaaaaaaaaaa') AS link, pg_temp.sees('link', v.id, 'aaaaaaaaaaaaaaaaaaaaaaab') AS wrong_link, pg_temp.sees('private', v.id, 'aaaaaaaaaaaaaaaaaaaaaaaa') AS private,
	(SELECT string_agg(g.title || ':' || g.access, ' ' ORDER BY g.title) FROM influence.get_lists('shopper', pg_temp.visitor(2)::text, CASE WHEN v.id > 0 THEN pg_temp.visitor(v.id) END) g) AS lists
FROM (VALUES (1, 'owner', 2), (2, 'owner elsewhere', 12), (3, 'friend', 3), (4, 'friend elsewhere', 13), (5, 'stranger', 4), (6, 'blocked', 6), (7, 'blocks', 7), (8, 'asked', 8), (9, 'guest', 99), (10, 'nobody', 0)) v(no, who, id) ORDER BY v.no;
-- a list that is not for a viewer answers as one that does not exist
SELECT pg_temp.refused($$get_list(pg_temp.list('private'), pg_temp.visitor(4))$$) = replace(pg_temp.refused($$get_list(996, pg_temp.visitor(4))$$), '996', pg_temp.list('private')::text) AS same;
-- who was unfriended sees no more
SELECT status FROM influence.unfriend(pg_temp.visitor(3), pg_temp.visitor(2));
SELECT pg_temp.sees('friends', 3), pg_temp.sees('friends', 13);
-- a new token makes the old one useless, and so does another visibility
SELECT status FROM influence.update_list(pg_temp.list('link'), token => 'bbbbbbbbbbbbbbbbbbbbbbbb');
SELECT pg_temp.sees('link', 4, 'aaaaaaaaaaaaaaaaaaaaaaaa') AS old, pg_temp.sees('link', 4, 'bbbbbbbbbbbbbbbbbbbbbbbb') AS new;
SELECT status FROM influence.update_list(pg_temp.list('link'), visibility => 'private');
SELECT pg_temp.sees('link', 4, 'bbbbbbbbbbbbbbbbbbbbbbbb') AS now_private;
SELECT count(*) AS tokens_kept FROM influence.list l WHERE to_jsonb(l)::text ~ 'aaaaaaaa|bbbbbbbb';
SELECT * FROM pg_temp.not_refused('IN002', $$update_list(pg_temp.list('public'), visibility => 'link')$$, $$update_list(pg_temp.list('public'), token => 'bbbbbbbbbbbbbbbbbbbbbbbb')$$, $$update_list(pg_temp.list('public'), '')$$, $$update_list(pg_temp.list('public'), visibility => 'hidden')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$update_list(99)$$, $$remove_list(99)$$, $$get_list(99)$$, $$get_lists('creator', '99')$$);
SELECT status FROM influence.update_list(pg_temp.list('public'), 'Everybody');
SELECT status FROM influence.update_list(pg_temp.list('public'), 'Everybody');
-- a creator's lists: blocks by and of the creator, its own identity, its agency; away while it is not active
SELECT status FROM influence.add_list_item(1, 1);
SELECT a.status, b.status FROM influence.block(pg_temp.visitor(4), 1) a, influence.block(pg_temp.visitor(6), 1, 'by_creator') b;
SELECT v.who, pg_temp.sees('Summer', v.id) FROM (VALUES (1, 'anna', 1), (2, 'agency', 9), (3, 'blocks', 4), (4, 'blocked', 6), (5, 'stranger', 8), (6, 'nobody', 0)) v(no, who, id) ORDER BY v.no;
SELECT status FROM influence.set_creator_status(1, 'suspended', 'r', 'ops', now());
SELECT v.who, pg_temp.sees('Summer', v.id) FROM (VALUES (1, 'anna', 1), (2, 'stranger', 8), (3, 'nobody', 0)) v(no, who, id) ORDER BY v.no;
SELECT status FROM influence.set_creator_status(1, 'active', 'r', 'ops', now());
-- the friends of a creator are its own, not those of its agency
SELECT status FROM influence.create_list('creator', '1', 'close', 'wish', 'Close', 'friends');
SELECT a.status, b.status FROM (VALUES (1, 7), (9, 8)) p(one, other), influence.add_friend(pg_temp.visitor(p.one), pg_temp.visitor(p.other)) a, influence.add_friend(pg_temp.visitor(p.other), pg_temp.visitor(p.one)) b;
SELECT v.who, pg_temp.sees('Close', v.id) FROM (VALUES (1, 'anna', 1), (2, 'agency', 9), (3, 'friend of anna', 7), (4, 'friend of the agency', 8)) v(no, who, id) ORDER BY v.no;
-- an agency that is suspended sees what strangers see; what it made before is made
SELECT status FROM influence.create_list('creator', '1', 'drafts', 'idea', 'Drafts', 'private');
SELECT status FROM influence.set_creator_status(2, 'suspended', 'r', 'ops', now());
SELECT v.who, (SELECT string_agg(g.title, ', ' ORDER BY g.list_id) FROM influence.get_lists('creator', '1', pg_temp.visitor(v.id)) g) AS sees FROM (VALUES (1, 'anna', 1), (2, 'agency', 9)) v(no, who, id) ORDER BY v.no;
SELECT status FROM influence.create_list('creator', '1', 'agency', 'idea', 'By the agency', agent_id => 2);
SELECT * FROM pg_temp.not_refused('IN005', $$create_list('creator', '1', 'new', 'idea', 'New', agent_id => 2)$$);
SELECT status FROM influence.set_creator_status(2, 'active', 'r', 'ops', clock_timestamp());
SELECT string_agg(g.title, ', ' ORDER BY g.list_id) AS agency FROM influence.get_lists('creator', '1', pg_temp.visitor(9)) g;
-- whoever is blocked as a creator is blocked as the shopper that it is: 5 is kai
SELECT status FROM influence.block(pg_temp.visitor(2), pg_temp.creator('kai'));
SELECT pg_temp.sees('Everybody', 5), pg_temp.sees('Everybody', 8);
-- removed: gone for all, and its key is used up
SELECT status FROM influence.remove_list(pg_temp.list('public'));
SELECT status FROM influence.remove_list(pg_temp.list('public'));
SELECT pg_temp.sees('Everybody', 2), pg_temp.sees('Everybody', 8);
SELECT * FROM pg_temp.not_refused('IN004', $$create_list('shopper', pg_temp.visitor(2)::text, 'public', 'wish', 'public', 'public')$$);

-- What is bought from an idea list is its owner's: a creator, or the creator that a shopper is; from other lists nobody's.
SELECT status, list_id FROM influence.create_list('creator', '1', 'priced', 'wish', 'Priced', 'public');
SELECT status, list_id FROM influence.create_list('shopper', pg_temp.visitor(5)::text, 'kai', 'idea', 'Kai''s ideas');
SELECT status, list_id FROM influence.create_list('shopper', pg_temp.visitor(4)::text, 'four', 'idea', 'Four''s ideas');
SELECT bool_and(status = 'recorded') FROM (VALUES ('t1', 'Summer'), ('t2', 'Priced'), ('t3', 'Kai''s ideas'), ('t4', 'Four''s ideas')) t(ref, list),
	influence.record_touch(1, pg_temp.visitor(50), t.ref, touched_at => '2024-05-01', details => jsonb_build_object('list_id', (SELECT list_id FROM influence.list WHERE title = t.list), 'position', 3));
SELECT status FROM influence.record_touches(1, jsonb_build_array(jsonb_build_object('visitor_id', pg_temp.visitor(50), 'touch_ref', 't5', 'touched_at', '2024-05-01T00:00:00Z', 'list_id', 1, 'creator_id', 3)));
SELECT t.touch_ref, l.title, c.creator_ref FROM influence.touch t JOIN influence.list l USING (list_id) LEFT JOIN influence.creator c USING (creator_id) ORDER BY 1;
-- a retry stays one when the owner has become a creator since
SELECT pg_temp.new_creator('four', pg_temp.visitor(4), 'customer');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(50), 't4', touched_at => '2024-05-01', details => jsonb_build_object('list_id', (SELECT list_id FROM influence.list WHERE title = 'Four''s ideas'), 'position', 3));
SELECT * FROM pg_temp.not_refused('IN003', $$record_touch(1, pg_temp.visitor(50), 't9', details => '{"list_id": 99}')$$);
SELECT status FROM influence.set_commission_rate(1, 0.1, valid_from => '2020-01-01');
SELECT status, credited FROM influence.record_order(1, pg_temp.visitor(51), 'none', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', '2024-05-02');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(52), 'k', touched_at => '2024-05-01', details => jsonb_build_object('list_id', (SELECT list_id FROM influence.list WHERE title = 'Kai''s ideas')));
SELECT status FROM influence.record_order(1, pg_temp.visitor(52), 'kai', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', '2024-05-02');
SELECT c.creator_ref, e.amount FROM influence.earning e JOIN influence.creator c USING (creator_id);
-- nothing is said to who has no business here
SET ROLE influence_reader;
SELECT * FROM pg_temp.error_of($$SELECT influence.create_list('creator', '1', 'x', 'idea', 'X')$$);
RESET ROLE;

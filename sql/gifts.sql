--
-- Gifts: nothing is given twice, and nothing is told to whom it is for.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
SELECT status FROM influence.create_category('all');
SELECT recorded FROM influence.add_products('[{"sku": "mug", "title": "Mug", "category_id": 1}, {"sku": "bowl", "title": "Bowl", "category_id": 1}, {"sku": "pan", "title": "Pan", "category_id": 1}]');
SELECT bool_and(status = 'recorded') FROM generate_series(1, 9) i, influence.register_shopper(pg_temp.visitor(i));
-- 1 wishes; 2, 3 and 4 give; 12 is 2 on another device, 11 is 1
SELECT bool_and(status = 'recorded') FROM (VALUES (12, 2), (11, 1)) a(guest, shopper), influence.identify(pg_temp.visitor(a.guest), pg_temp.visitor(a.shopper));
SELECT status, list_id FROM influence.create_list('shopper', pg_temp.visitor(1)::text, 'birthday', 'wish', 'Birthday', 'public');
SELECT * FROM influence.set_list_items(1, '[{"product_id": 1, "wanted": 3}, {"product_id": 2}, {"product_id": 3}]');
CREATE FUNCTION pg_temp.page(list bigint, viewer int) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(concat_ws(' ', sku, wanted, 'r' || reserved, 'p' || purchased, 'm' || mine), ', ' ORDER BY position) FROM influence.get_list(list, pg_temp.visitor(viewer)) $$;

SELECT status, state FROM influence.reserve_list_item(1, 1, pg_temp.visitor(2), 'g1', 2);
SELECT status, state FROM influence.reserve_list_item(1, 1, pg_temp.visitor(2), 'g1', 2);
SELECT status, state FROM influence.reserve_list_item(1, 2, pg_temp.visitor(3), 'g1');
SELECT expires_at - reserved_at AS for_so_long FROM influence.list_gift WHERE gift_ref = 'g1' AND product_id = 1;
-- givers see the counts, under each of their identities what is theirs; the owner under none
SELECT v.who, pg_temp.page(1, v.id) FROM (VALUES (1, 'giver', 2), (2, 'giver elsewhere', 12), (3, 'other', 4), (4, 'owner', 1), (5, 'owner elsewhere', 11), (6, 'guest', 99)) v(no, who, id) ORDER BY v.no;
SELECT * FROM pg_temp.not_refused('IN005', $$reserve_list_item(1, 1, pg_temp.visitor(3), 'g2', 2)$$, $$reserve_list_item(1, 2, pg_temp.visitor(4), 'g2')$$);
SELECT * FROM pg_temp.not_refused('IN004', $$reserve_list_item(1, 1, pg_temp.visitor(2), 'g1', 1)$$, $$reserve_list_item(1, 3, pg_temp.visitor(2), 'g1', 2)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$reserve_list_item(99, 1, pg_temp.visitor(2), 'x')$$, $$reserve_list_item(1, 99, pg_temp.visitor(2), 'x')$$, $$reserve_list_item(1, 1, pg_temp.visitor(99), 'x')$$, $$release_gift(1, pg_temp.visitor(2), 'x')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$reserve_list_item(1, 1, NULL, 'x')$$, $$reserve_list_item(1, 1, pg_temp.visitor(2), '')$$, $$reserve_list_item(1, 1, pg_temp.visitor(2), 'x', 0)$$, $$reserve_list_item(1, 1, pg_temp.visitor(2), 'x', -1)$$,
	$$reserve_list_item(1, 1, pg_temp.visitor(2), 'x', NULL)$$, $$reserve_list_item(1, 1, pg_temp.visitor(2), 'x', reserved_at => 'infinity')$$, $$my_gifts(NULL)$$);

-- The owner learns nothing by trying: what is reserved and what is not answers alike.
SELECT bool_and(e = '"IN005 shopper 00000000-0000-0000-0000-000000000001 gives nothing from list 1"') AS same FROM generate_series(1, 3) p, generate_series(1, 3) q,
	to_json(pg_temp.refused(format('reserve_list_item(1, %s, pg_temp.visitor(1), %L, %s)', p, 'x', q))) j(e0), LATERAL (SELECT j.e0::text AS e) t;
SELECT pg_temp.refused($$reserve_list_item(1, 3, pg_temp.visitor(11), 'x')$$) AS as_a_guest_of_its_own;
SELECT string_agg(a.status || ' ' || b.status || ' ' || c.status, ', ' ORDER BY p) FROM generate_series(2, 3) p, influence.update_list_item(1, p, wanted => 5) a, influence.update_list_item(1, p, wanted => 1) b, influence.remove_list_item(1, p) c;
SELECT string_agg(a.status, ', ' ORDER BY p) FROM generate_series(2, 3) p, influence.add_list_item(1, p) a;
SELECT status FROM influence.update_list_item(1, 1, wanted => 1);
SELECT pg_temp.page(1, 4) AS counts_are_back, pg_temp.page(1, 1) AS owner;
SELECT status FROM influence.update_list_item(1, 1, wanted => 3);
SELECT count(*) AS gifts_of_owner FROM influence.my_gifts(pg_temp.visitor(1));

-- Taken back, and expired.
SELECT status FROM influence.release_gift(1, pg_temp.visitor(3), 'g1');
SELECT status FROM influence.release_gift(1, pg_temp.visitor(3), 'g1');
SELECT status, state FROM influence.reserve_list_item(1, 2, pg_temp.visitor(3), 'g1');
SELECT status, state FROM influence.reserve_list_item(1, 2, pg_temp.visitor(4), 'old', reserved_at => '2024-01-01');
SELECT status, state FROM influence.reserve_list_item(1, 2, pg_temp.visitor(4), 'old', reserved_at => '2024-01-01');
SELECT pg_temp.page(1, 4);
SELECT status, state FROM influence.reserve_list_item(1, 2, pg_temp.visitor(2), 'g2');
SELECT gift_ref, product_title, quantity, state FROM influence.my_gifts(pg_temp.visitor(12)) ORDER BY 1;
SELECT gift_ref, state FROM influence.my_gifts(pg_temp.visitor(4));

-- Bought: an order of the giver's own, each piece given once.
SELECT status FROM influence.record_order(1, pg_temp.visitor(12), 'o1', '[{"line_no": 1, "product_id": 1, "quantity": 2, "paid_price": 1000}, {"line_no": 2, "product_id": 1, "quantity": 1, "paid_price": 1000}]', '2024-05-02');
SELECT status FROM influence.record_order(1, pg_temp.visitor(3), 'o2', '[{"line_no": 1, "product_id": 3, "quantity": 1, "paid_price": 1000}]', '2024-05-03');
SELECT status FROM influence.record_gift_purchase(1, 1, pg_temp.visitor(2), 'g1', 1, 'o1', 2);
SELECT status FROM influence.record_gift_purchase(1, 1, pg_temp.visitor(2), 'g1', 1, 'o1', 2);
SELECT status FROM influence.record_gift_purchase(1, 3, pg_temp.visitor(3), 'direct', 1, 'o2');
SELECT status FROM influence.record_gift_purchase(1, 3, pg_temp.visitor(3), 'direct', 1, 'o2');
SELECT v.who, pg_temp.page(1, v.id) FROM (VALUES (1, 'giver', 2), (2, 'other', 3), (3, 'owner', 1)) v(no, who, id) ORDER BY v.no;
SELECT * FROM pg_temp.not_refused('IN005', $$record_gift_purchase(1, 1, pg_temp.visitor(2), 'more', 1, 'o1', 2)$$, $$record_gift_purchase(1, 3, pg_temp.visitor(3), 'twice', 1, 'o2')$$);
SELECT status FROM influence.record_order(1, pg_temp.visitor(11), 'o3', '[{"line_no": 1, "product_id": 3, "quantity": 1, "paid_price": 1000}]', '2024-05-03');
SELECT * FROM pg_temp.not_refused('IN005', $$record_gift_purchase(1, 3, pg_temp.visitor(1), 'own', 1, 'o3')$$);
SELECT * FROM pg_temp.not_refused('IN004', $$record_gift_purchase(1, 1, pg_temp.visitor(2), 'g1', 1, 'o1', 1)$$, $$record_gift_purchase(1, 1, pg_temp.visitor(2), 'g1', 1, 'o2', 2)$$, $$record_gift_purchase(1, 1, pg_temp.visitor(2), 'g2', 1, 'o1')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_gift_purchase(1, 1, pg_temp.visitor(4), 'x', 1, 'o1')$$, $$record_gift_purchase(1, 2, pg_temp.visitor(2), 'x', 1, 'o1')$$, $$record_gift_purchase(1, 1, pg_temp.visitor(2), 'x', 1, 'o9')$$,
	$$record_gift_purchase(99, 1, pg_temp.visitor(2), 'x', 1, 'o1')$$, $$record_gift_purchase(1, 1, pg_temp.visitor(2), 'x', 99, 'o1')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_gift_purchase(1, 1, pg_temp.visitor(2), 'x', 1, NULL)$$, $$record_gift_purchase(1, NULL, pg_temp.visitor(2), 'x', 1, 'o1')$$, $$record_gift_purchase(1, 1, pg_temp.visitor(2), 'x', 1, 'o1', 0)$$, $$record_gift_purchase(1, 1, pg_temp.visitor(2), NULL, 1, 'o1')$$);
-- one piece of o1 is left, for another list; what is sent back may be given again
SELECT status, list_id FROM influence.create_list('shopper', pg_temp.visitor(4)::text, 'w', 'wish', 'Wedding', 'public');
SELECT status FROM influence.add_list_item(2, 1, wanted => 5);
SELECT status FROM influence.record_gift_purchase(2, 1, pg_temp.visitor(2), 'g1', 1, 'o1');
SELECT * FROM pg_temp.not_refused('IN005', $$record_gift_purchase(2, 1, pg_temp.visitor(2), 'g2', 1, 'o1')$$);
SELECT status FROM influence.release_gift(1, pg_temp.visitor(2), 'g1');
SELECT status FROM influence.record_gift_purchase(2, 1, pg_temp.visitor(2), 'g2', 1, 'o1');
SELECT pg_temp.page(1, 2), pg_temp.page(2, 2);

-- A gift list for another: its owner gives, too; whom it is for sees nothing of it, not even as a friend, with the link or under another device.
SELECT bool_and(status = 'recorded') FROM generate_series(6, 7) i, influence.add_friend(pg_temp.visitor(5), pg_temp.visitor(i));
SELECT bool_and(status = 'recorded') FROM generate_series(6, 7) i, influence.accept_friend(pg_temp.visitor(i), pg_temp.visitor(5));
SELECT status FROM influence.identify(pg_temp.visitor(17), pg_temp.visitor(7));
SELECT v, l.list_id FROM unnest('{friends,public,link}'::text[]) WITH ORDINALITY u(v, n), influence.create_list('shopper', pg_temp.visitor(5)::text, v, 'gift', 'For seven', v, for_visitor => pg_temp.visitor(7), token => CASE v WHEN 'link' THEN 'cccccccccccccccccccccccc' END) l ORDER BY n;
SELECT bool_and(status = 'recorded') FROM generate_series(3, 5) l, influence.add_list_item(l, 1, wanted => 2);
SELECT bool_and(status = 'recorded') FROM generate_series(3, 4) l, influence.reserve_list_item(l, 1, pg_temp.visitor(6), 'g');
SELECT status FROM influence.reserve_list_item(5, 1, pg_temp.visitor(8), 'g', token => 'cccccccccccccccccccccccc');
CREATE FUNCTION pg_temp.sees(list bigint, viewer int, token text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT concat_ws(' ', wanted, 'r' || reserved) FROM influence.get_list(list, pg_temp.visitor(viewer), token));
EXCEPTION WHEN SQLSTATE 'IN003' THEN
	RETURN '-';
END $$;
SELECT v.who, pg_temp.sees(3, v.id, NULL) AS friends, pg_temp.sees(4, v.id, NULL) AS public, pg_temp.sees(5, v.id, 'cccccccccccccccccccccccc') AS link,
	(SELECT string_agg(g.list_id || g.access, ' ' ORDER BY g.list_id) FROM influence.get_lists('shopper', pg_temp.visitor(5)::text, pg_temp.visitor(v.id)) g) AS lists
FROM (VALUES (1, 'owner', 5), (2, 'friend', 6), (3, 'for whom', 7), (4, 'for whom elsewhere', 17), (5, 'stranger', 8), (6, 'guest', 99)) v(no, who, id) ORDER BY v.no;
SELECT status FROM influence.reserve_list_item(3, 1, pg_temp.visitor(5), 'mine');
SELECT * FROM pg_temp.not_refused('IN003', $$reserve_list_item(3, 1, pg_temp.visitor(7), 'g')$$, $$reserve_list_item(4, 1, pg_temp.visitor(7), 'g')$$, $$reserve_list_item(3, 1, pg_temp.visitor(8), 'g')$$, $$reserve_list_item(5, 1, pg_temp.visitor(9), 'g')$$);
-- Mum is nobody here: her son gives
SELECT list_id FROM influence.create_list('shopper', pg_temp.visitor(1)::text, 'mum', 'gift', 'For Mum', 'public', for_person => 'Mum');
-- a gift list for oneself is a wish list
SELECT list_id FROM influence.create_list('shopper', pg_temp.visitor(9)::text, 'self', 'gift', 'For me', 'public', for_visitor => pg_temp.visitor(9));
SELECT status FROM influence.add_list_item(7, 1);
SELECT status FROM influence.reserve_list_item(7, 1, pg_temp.visitor(2), 'g');
SELECT pg_temp.sees(7, 9, NULL) AS owner, pg_temp.sees(7, 3, NULL) AS other;
-- lists of other kinds are not for giving; who can no longer see a list still has, and takes back, its gifts
SELECT status, list_id FROM influence.create_list('shopper', pg_temp.visitor(4)::text, 's', 'shopping', 'Shopping', 'public');
SELECT status FROM influence.add_list_item(8, 1);
SELECT * FROM pg_temp.not_refused('IN005', $$reserve_list_item(8, 1, pg_temp.visitor(2), 'g')$$);
SELECT status FROM influence.block_shopper(pg_temp.visitor(5), pg_temp.visitor(6));
SELECT pg_temp.sees(4, 6, NULL) AS blocked;
SELECT list_id, gift_ref, state FROM influence.my_gifts(pg_temp.visitor(6)) ORDER BY 1;
SELECT bool_and(status = 'recorded') FROM generate_series(3, 4) l, influence.release_gift(l, pg_temp.visitor(6), 'g');
-- what my_gifts shows, any of the giver's accounts takes back or buys
SELECT bool_and(status = 'recorded') FROM unnest('{18,19}'::int[]) i, influence.register_shopper(pg_temp.visitor(i));
SELECT status FROM influence.create_list('shopper', pg_temp.visitor(1)::text, 'late', 'wish', 'Late', 'public');
SELECT * FROM influence.set_list_items(9, '[{"product_id": 1}, {"product_id": 2}]');
SELECT bool_and(status = 'recorded') FROM generate_series(1, 2) p, influence.reserve_list_item(9, p, pg_temp.visitor(18), 'l' || p);
SELECT status FROM influence.identify(pg_temp.visitor(18), pg_temp.visitor(19));
SELECT status FROM influence.release_gift(9, pg_temp.visitor(19), 'l1');
SELECT status FROM influence.release_gift(9, pg_temp.visitor(19), 'l1');
SELECT status FROM influence.record_order(1, pg_temp.visitor(19), 'o9', '[{"line_no": 1, "product_id": 2, "quantity": 1, "paid_price": 1000}]', '2024-05-04');
SELECT status FROM influence.record_gift_purchase(9, 2, pg_temp.visitor(19), 'l2', 1, 'o9');
SELECT status FROM influence.record_gift_purchase(9, 2, pg_temp.visitor(19), 'l2', 1, 'o9');
SELECT pg_temp.page(9, 19), pg_temp.page(9, 3) AS other;

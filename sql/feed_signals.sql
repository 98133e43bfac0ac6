--
-- What a viewer did changes its feed: history, neighbours, what it was shown and
-- has seen, what it does not want, what it means to buy. Numbers by hand.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_program('Other', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo,dora}'::text[]) c;
SELECT count(*) FROM generate_series(1, 4) c, influence.create_category('c' || c);
SELECT recorded FROM influence.add_products('[{"sku": "p1", "title": "P", "category_id": 1, "price": 1000, "currency": "EUR", "stock": 5, "valid_from": "2024-01-01"},
	{"sku": "p2", "title": "P", "category_id": 2, "price": 2000, "currency": "EUR", "stock": 5, "valid_from": "2024-01-01"}, {"sku": "p3", "title": "P", "category_id": 3, "price": 4000, "currency": "EUR", "stock": 5, "valid_from": "2024-01-01"},
	{"sku": "p4", "title": "P", "category_id": 4, "price": 8000, "currency": "EUR", "stock": 5, "valid_from": "2024-01-01"}]');
SELECT count(*) FROM unnest('{art,bikes,cats,dogs,eggs,food}'::text[]) t, influence.create_topic(t);
SELECT count(*) FROM generate_series(1, 9) v, influence.register_shopper(pg_temp.visitor(v), personalised => v <> 8);
-- one post of each creator, all of one moment, without a topic but cleo's
SELECT c, p.status FROM (VALUES ('anna', 'p1', NULL), ('bert', 'p2', NULL), ('cleo', 'p3', 'cats'), ('dora', 'p4', NULL)) v(c, sku, topic),
	influence.publish_post(1, pg_temp.creator(c), c, 'photo', jsonb_build_array(jsonb_build_object('product_id', pg_temp.product(sku))), v.topic, published_at => '2024-05-30') p;
SELECT post_ranks FROM influence.refresh_stats();
-- no draws, and nothing but what each test is about: a profile of round weights
INSERT INTO influence.setting (name, version, value) SELECT 'feed_candidates', 2, value || '{"explore": 0, "trending": 0}' FROM influence.setting WHERE name = 'feed_candidates';
INSERT INTO influence.setting (name, version, value) VALUES ('feed_history_half', 2, '1'), ('feed_neighbor_half', 2, '0.5');
SELECT status FROM influence.create_feed_profile('plain', '{"interest": 1, "neighbor": 1, "affinity": 1, "price_fit": 1, "fatigue": 1}');
SELECT status FROM influence.assign_feed_profile(1, 'plain', valid_from => '2024-01-01');
CREATE FUNCTION pg_temp.post(ref text) RETURNS bigint LANGUAGE sql AS $$ SELECT post_id FROM influence.post WHERE post_ref = ref $$;
CREATE FUNCTION pg_temp.feed(v int, at timestamptz DEFAULT '2024-06-01', intent text DEFAULT 'browse') RETURNS TABLE (rank int, post text, score numeric, sources text[]) LANGUAGE sql AS $$
	SELECT f.rank, p.post_ref, round(f.score::numeric, 6), f.sources FROM influence.get_feed(1, pg_temp.visitor(v), 100, as_of => at, intent => intent) f JOIN influence.post p USING (post_id) ORDER BY f.rank $$;

-- History: visitor 1 smiled at anna's post, smiled at dora's and took it back, saved cleo's, clicked bert's; half-life one event. From
-- the newest: click 0.5 x 1, save 4 x 1/2, smile 1 x 1/4 (the smile for dora is none). Affinity: bert log2(1.5) = 0.584963, cleo
-- log2(3) = 1.584963, anna log2(1.25) = 0.321928; cats is learned: log2(3) again. The usual price is that of what was clicked, 2000:
-- anna -1, bert 0, cleo -1, dora -2.
SELECT v.n, r.status FROM (VALUES (1, 'anna', 'smile'), (2, 'dora', 'smile'), (3, 'dora', 'unsmile'), (4, 'cleo', 'save'), (5, 'bert', 'click')) v(n, c, kind),
	influence.react(pg_temp.visitor(1), pg_temp.post(c), kind, occurred_at => timestamptz '2024-05-31' + n * interval '1 hour') r;
SELECT * FROM pg_temp.feed(1);
-- as of before the click and the save: the smile for dora was not yet taken back, the smile for anna is one event older
SELECT * FROM pg_temp.feed(1, '2024-05-31 02:30');
-- two visitors who are one person have one history; who wants no personal feed has none
SELECT status FROM influence.identify(pg_temp.visitor(101), pg_temp.visitor(1));
SELECT array_agg(score) = (SELECT array_agg(score) FROM pg_temp.feed(1)) AS the_same FROM pg_temp.feed(101);
-- what came by COPY, and says nothing of its posts, is the same history
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id)
SELECT pg_temp.visitor(9), e.occurred_at, e.event_ref, e.kind, e.post_id FROM influence.engagement e WHERE e.visitor_id = pg_temp.visitor(1);
SELECT array_agg(score) = (SELECT array_agg(score) FROM pg_temp.feed(1)) AS the_same FROM pg_temp.feed(9);
DELETE FROM influence.engagement e WHERE e.visitor_id = pg_temp.visitor(9);
SELECT count(*) FROM influence.react(pg_temp.visitor(8), pg_temp.post('anna'), 'save', occurred_at => '2024-05-31');
SELECT * FROM pg_temp.feed(8);
-- Purchases: visitor 2 bought p4 for 8000, which counts for nobody, having no touch: the usual price is what was bought.
SELECT status FROM influence.record_order(1, pg_temp.visitor(2), 'o1', '[{"line_no": 1, "product_id": 4, "quantity": 1, "paid_price": 8000}]', '2024-05-31');
SELECT * FROM pg_temp.feed(2);
-- and with a click on bert's link before: its creator has the credit, 10 x 1/2 for the older of two purchases: log2(1 + 5)
SELECT count(*) FROM influence.record_touch(1, pg_temp.visitor(3), 't1', 'click', pg_temp.creator('bert'), '2024-05-30 11:00');
SELECT status FROM influence.record_order(1, pg_temp.visitor(3), 'o2', '[{"line_no": 1, "product_id": 2, "quantity": 1, "paid_price": 2000}]', '2024-05-30 12:00');
SELECT status FROM influence.record_order(1, pg_temp.visitor(3), 'o3', '[{"line_no": 1, "product_id": 2, "quantity": 1, "paid_price": 2000}]', '2024-07-31 12:00');
SELECT * FROM pg_temp.feed(3, '2024-08-01');

-- Neighbours. Visitor 4 saved anna's post: 4; bert's is a neighbour with similarity 0.5: log2(1 + 100 x 2) = 7.651052. It bought p1,
-- one event before that, 10 x 1/4 where neighbours fade twice as fast as tastes, and dora's p4 is a neighbour of it with 0.1:
-- log2(1 + 100 x 0.25) = 4.700440; cleo is no neighbour of either.
INSERT INTO influence.item_neighbor VALUES (1, 'post', pg_temp.post('anna'), ARRAY[pg_temp.post('bert')], '{0.5}'), (1, 'product', 1, '{4}', '{0.1}');
SELECT status FROM influence.record_order(1, pg_temp.visitor(4), 'o4', '[{"line_no": 1, "product_id": 1, "quantity": 1, "paid_price": 1000}]', '2024-05-30 12:00');
SELECT status FROM influence.react(pg_temp.visitor(4), pg_temp.post('anna'), 'save', occurred_at => '2024-05-31');
SELECT post, score - (CASE post WHEN 'anna' THEN 0 WHEN 'bert' THEN -1 WHEN 'cleo' THEN -2 ELSE -3 END) AS score, sources FROM pg_temp.feed(4);
-- Of p4 the newest three posts that fit: newer ones of another program, most of which show it twice, take no place, whether there are two,
-- four or seven; nor does one of this program that has expired. Of three newer ones that fit each is a neighbour, and dora's is not.
BEGIN;
CREATE FUNCTION pg_temp.shows_p4(program int, refs text, posts int) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM generate_series(1, posts) n, influence.publish_post(program, pg_temp.creator('cleo'), refs || n, 'photo', CASE WHEN refs IN ('one', 'two', 'gone') THEN '[{"product_id": 4}]' ELSE '[{"product_id": 4}, {"product_id": 4}]' END::jsonb,
		published_at => '2024-05-30', details => CASE refs WHEN 'gone' THEN '{"expires_at": "2024-05-31"}' ELSE '{}' END::jsonb) $$;
CREATE FUNCTION pg_temp.near_p4() RETURNS TABLE (post text, score numeric) LANGUAGE sql AS $$ SELECT post, score FROM pg_temp.feed(4) WHERE post <> 'bert' AND 'neighbor' = ANY (sources) ORDER BY 1 $$;
-- Three that fit, behind one that does not: these, and not dora's older one in place of the third, which no other source brought.
SAVEPOINT popular;
UPDATE influence.feed_item SET quality = quality + 1 WHERE post_id = pg_temp.post('dora');
INSERT INTO influence.setting (name, version, value) SELECT name, 3, value || '{"popular": 1}' FROM influence.setting WHERE name = 'feed_candidates' AND version = 2;
SELECT pg_temp.shows_p4(1, 'one', 3), pg_temp.shows_p4(1, 'gone', 1);
SELECT * FROM pg_temp.near_p4();
ROLLBACK TO popular;
SELECT pg_temp.shows_p4(2, 'two', 2), pg_temp.shows_p4(1, 'gone', 1);
SELECT * FROM pg_temp.near_p4();
SELECT pg_temp.shows_p4(2, 'four', 2);
SELECT * FROM pg_temp.near_p4();
SELECT pg_temp.shows_p4(2, 'seven', 3);
SELECT * FROM pg_temp.near_p4();
SELECT pg_temp.shows_p4(1, 'new', 2);
SELECT * FROM pg_temp.near_p4();
SELECT pg_temp.shows_p4(1, 'newest', 1);
SELECT * FROM pg_temp.near_p4();
ROLLBACK;

-- What was shown: visitor 5 saw anna's post a day ago (1/2 of the creator, twice 1/2 of the post: log2(2.5) = 1.321928) and another
-- one of dora's two days ago (log2(1.25) = 0.321928).
CREATE FUNCTION pg_temp.shown(v int, post text, at timestamptz, n int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO influence.impression (visitor_id, shown_at, impression_id, program_id, post_id, creator_id, rank, score, features, profile, profile_version, sources, propensity, disclosure)
	SELECT pg_temp.visitor(v), at - i * interval '1 second', 10000 * v + 100 * i + coalesce(pg_temp.post(post), 99), 1, coalesce(pg_temp.post(post), 999), pg_temp.creator(coalesce(post, 'dora')), 1, 1, '{}', 'plain', 1, '{popular}', 1, 'none' FROM generate_series(0, n - 1) i $$;
SELECT pg_temp.shown(5, 'anna', '2024-05-31', 1), pg_temp.shown(5, NULL, '2024-05-30', 1);
SELECT * FROM pg_temp.feed(5);
-- a post is shown at most three times in a week, a creator twenty times in a day
SELECT pg_temp.shown(6, 'anna', '2024-05-31', 3), pg_temp.shown(6, 'bert', '2024-05-31', 2), pg_temp.shown(6, NULL, '2024-05-31 23:00', 20);
SELECT post FROM pg_temp.feed(6) ORDER BY 1;
SELECT post FROM pg_temp.feed(6, '2024-06-01 23:00') ORDER BY 1;
SELECT post FROM pg_temp.feed(6, '2024-06-07 00:00:01') ORDER BY 1;
-- what was seen does not come again
SELECT influence_internal.mark_seen(pg_temp.visitor(7), 1, ARRAY[pg_temp.post('anna'), pg_temp.post('dora')], '2024-05-31');
SELECT post FROM pg_temp.feed(7) ORDER BY 1;

-- What it does not want. Visitor 7 muted cleo for a while and the topic cats after that; hid a post; reported a creator.
SELECT status FROM influence.mute(pg_temp.visitor(9), pg_temp.creator('cleo'), until => '2024-06-02');
SELECT status FROM influence.give_feedback(pg_temp.visitor(9), 'post', pg_temp.post('anna'), 'hide', occurred_at => '2024-05-31');
SELECT status FROM influence.give_feedback(pg_temp.visitor(9), 'creator', pg_temp.creator('bert'), 'report', occurred_at => '2024-05-31');
SELECT post FROM pg_temp.feed(9) ORDER BY 1;
SELECT post FROM pg_temp.feed(9, '2024-06-02') ORDER BY 1;
SELECT status FROM influence.mute(pg_temp.visitor(9), topic => 'cats');
SELECT post FROM pg_temp.feed(9, '2024-06-02') ORDER BY 1;
-- "See less" of dora: away for 14 days, then half of a positive score after half of 140 days more: it saved dora's post, log2(5).
SELECT status FROM influence.react(pg_temp.visitor(9), pg_temp.post('dora'), 'save', occurred_at => '2024-05-31');
SELECT status FROM influence.give_feedback(pg_temp.visitor(9), 'creator', pg_temp.creator('dora'), 'see_less', occurred_at => '2024-06-01');
SELECT count(*) FROM pg_temp.feed(9, '2024-06-14 23:59:59');
SELECT * FROM pg_temp.feed(9, '2024-06-15');
SELECT * FROM pg_temp.feed(9, '2024-08-24');
-- of a creator with whom the viewer never had to do, too
SELECT status FROM influence.give_feedback(pg_temp.visitor(10), 'creator', pg_temp.creator('bert'), 'see_less', occurred_at => '2024-06-01');
SELECT p.post_ref, c.dampening FROM influence.get_feed(1, pg_temp.visitor(10), as_of => '2024-08-24') f JOIN influence.post p USING (post_id), influence_internal.impression_content(f.impression) c ORDER BY 1;

-- Means to buy: visitor 101, who is 1, put p2 into its cart and clicked p4 an hour ago. Bert's and dora's posts, and nothing else;
-- anna's, which shows the neighbour p1 of p4.
INSERT INTO influence.item_neighbor VALUES (1, 'product', 4, '{1}', '{0.25}');
SELECT count(*) FROM pg_temp.feed(1, intent => 'buy');
SELECT k, t.status FROM (VALUES ('cart', 2), ('click', 4)) v(k, p), influence.record_touch(1, pg_temp.visitor(101), k, k, NULL, '2024-05-31 23:00', p) t;
SELECT post, sources FROM pg_temp.feed(1, intent => 'buy');
-- Follows of visitor 1, who is 101, too: of both together the newest 200. Anna's is the 200th, then the 201st.
BEGIN;
INSERT INTO influence.follow (visitor_id, target_kind, target_id, since) SELECT pg_temp.visitor(1), 'creator', pg_temp.creator('anna'), '2024-01-01' UNION ALL
	SELECT pg_temp.visitor(CASE n % 2 WHEN 0 THEN 1 ELSE 101 END), 'creator', 1000 + n, '2024-01-01'::timestamptz + n * interval '1 hour' FROM generate_series(1, 199) n;
SELECT post FROM pg_temp.feed(1) WHERE 'follow' = ANY (sources);
INSERT INTO influence.follow (visitor_id, target_kind, target_id, since) VALUES (pg_temp.visitor(101), 'creator', 1200, '2024-02-01');
SELECT post FROM pg_temp.feed(1) WHERE 'follow' = ANY (sources);
ROLLBACK;
-- 45 posts of another program that show p2 and p1, the newest, take no place of this one's
BEGIN;
SELECT count(*) FROM generate_series(1, 45) n, influence.publish_post(2, pg_temp.creator('anna'), 'other ' || n, 'photo', '[{"product_id": 1}, {"product_id": 2}]', published_at => '2024-05-30');
SELECT post, sources FROM pg_temp.feed(1, intent => 'buy');
ROLLBACK;
-- three hours later only the cart counts
SELECT post, sources FROM pg_temp.feed(1, '2024-06-01 02:00', 'buy');
-- without any such touch: nothing
SELECT count(*) FROM pg_temp.feed(6, intent => 'buy');

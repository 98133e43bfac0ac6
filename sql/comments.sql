--
-- Comments, moderation of first posts and comments, and what the feed leaves
-- out: pending, removed, expired, muted.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.new_program('Free', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo}'::text[]) c;
SELECT status FROM influence.create_category('all');
SELECT status FROM influence.add_product('lamp', 'Lamp', 1, 1000, 'USD', 5, valid_from => '2024-01-01');
SELECT bool_and(status = 'recorded') FROM unnest('{art,cats}'::text[]) t, influence.create_topic(t);
SELECT count(*) FROM generate_series(1, 5) n, influence.register_shopper(pg_temp.visitor(n));
CREATE FUNCTION pg_temp.post(ref text) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT post_id FROM influence.post WHERE post_ref = ref $$;
CREATE FUNCTION pg_temp.publish(creator text, ref text, at timestamptz, topic text DEFAULT 'art', kind text DEFAULT 'photo', details jsonb DEFAULT '{}', program bigint DEFAULT 1) RETURNS text LANGUAGE sql AS
$$ SELECT status FROM influence.publish_post(program, pg_temp.creator(creator), ref, kind, '[{"product_id": 1}]', topic, published_at => at, details => details) $$;
CREATE FUNCTION pg_temp.feed(viewer int, at timestamptz) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(p.post_ref, ' ' ORDER BY p.post_ref) FROM influence.get_feed(1, pg_temp.visitor(viewer), 100, as_of => at) f JOIN influence.post p USING (post_id) $$;

SELECT pg_temp.publish('anna', 'a1', '2024-05-01');
SELECT * FROM influence.comment_on_post(pg_temp.visitor(1), pg_temp.post('a1'), 'c1', 'Lovely.', '2024-05-01 10:00', 'app', 'phone');
SELECT * FROM influence.comment_on_post(pg_temp.visitor(1), pg_temp.post('a1'), 'c1', 'Lovely.', '2024-05-01 10:00', 'app', 'phone');
SELECT status FROM influence.comment_on_post(pg_temp.visitor(2), pg_temp.post('a1'), 'c1', E'\u2603 "quoted" \\ <b>', '2024-05-01 11:00');
SELECT status FROM influence.comment_on_post(pg_temp.visitor(2), pg_temp.post('a1'), 'c2', 'Same moment.', '2024-05-01 11:00');
SELECT occurred_at, kind, post_id, creator_id, surface, device FROM influence.engagement ORDER BY event_ref;
SELECT status FROM influence.refresh_stats();
SELECT bucket_start, comments FROM influence.post_hour ORDER BY 1;
SELECT comment_id, body, occurred_at, state FROM influence.get_comments(pg_temp.post('a1'));
SELECT comment_id FROM influence.get_comments(pg_temp.post('a1'), page_size => 2);
SELECT comment_id FROM influence.get_comments(pg_temp.post('a1'), page_size => 2, after_comment => 2);
SELECT count(*) FROM influence.get_comments(pg_temp.post('a1'), as_of => '2024-05-01 10:30');

SELECT * FROM pg_temp.not_refused('IN004', $$comment_on_post(pg_temp.visitor(1), pg_temp.post('a1'), 'c1', 'Ugly.', '2024-05-01 10:00', 'app', 'phone')$$,
	$$comment_on_post(pg_temp.visitor(1), pg_temp.post('a1'), 'c1', 'Lovely.', '2024-05-01 10:01', 'app', 'phone')$$, $$comment_on_post(pg_temp.visitor(1), pg_temp.post('a1'), 'c1', 'Lovely.')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$comment_on_post(pg_temp.visitor(99), 1, 'x', 'x')$$, $$comment_on_post(NULL, 1, 'x', 'x')$$, $$comment_on_post(pg_temp.visitor(1), 99, 'x', 'x')$$,
	$$comment_on_post(pg_temp.visitor(1), NULL, 'x', 'x')$$, $$get_comments(99)$$, $$get_comments(NULL)$$, $$get_comments(1, after_comment => 99)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$comment_on_post(pg_temp.visitor(1), 1, NULL, 'x')$$, $$comment_on_post(pg_temp.visitor(1), 1, '', 'x')$$, $$comment_on_post(pg_temp.visitor(1), 1, 'x', NULL)$$,
	$$comment_on_post(pg_temp.visitor(1), 1, 'x', '')$$, $$comment_on_post(pg_temp.visitor(1), 1, 'x', E' \n\t')$$, $$comment_on_post(pg_temp.visitor(1), 1, 'x', repeat('x', 10001))$$,
	$$comment_on_post(pg_temp.visitor(1), 1, 'x', 'x', 'infinity')$$, $$comment_on_post(pg_temp.visitor(1), 1, 'x', 'x', now() + interval '2 days')$$, $$get_comments(1, page_size => 0)$$,
	$$get_comments(1, page_size => NULL)$$, $$get_comments(1, page_size => 1001)$$, $$get_comments(1, as_of => NULL)$$);
-- who is blocked is so under every visitor
SELECT status FROM influence.register_shopper(pg_temp.visitor(6));
SELECT status FROM influence.identify(pg_temp.visitor(6), pg_temp.visitor(3));
-- not before the post is there, not after it is taken down, nor where one of the two has blocked the other
SELECT pg_temp.publish('bert', 'b1', '2024-05-01');
SELECT status FROM influence.set_post_status(pg_temp.post('b1'), 'removed', 'spam', 'ops', '2024-05-03');
SELECT status FROM influence.block(pg_temp.visitor(3), pg_temp.creator('anna'), 'by_creator');
SELECT * FROM pg_temp.not_refused('IN005', $$comment_on_post(pg_temp.visitor(1), pg_temp.post('a1'), 'x', 'x', '2024-04-30')$$, $$comment_on_post(pg_temp.visitor(1), pg_temp.post('b1'), 'x', 'x', '2024-05-03')$$,
	$$comment_on_post(pg_temp.visitor(3), pg_temp.post('a1'), 'x', 'x', '2024-05-02')$$, $$comment_on_post(pg_temp.visitor(6), pg_temp.post('a1'), 'x', 'x', '2024-05-02')$$);
SELECT status FROM influence.comment_on_post(pg_temp.visitor(1), pg_temp.post('b1'), 'late', 'Written before it was removed.', '2024-05-02 23:59');

-- Comments are seen by who may see the post: not by who is blocked, under whatever visitor, nor after it is taken down.
SELECT v, (SELECT count(*) FROM influence.get_comments(1, pg_temp.visitor(v))) AS comments FROM unnest('{2,3,6}'::int[]) v;
SELECT at, (SELECT count(*) FROM influence.get_comments(pg_temp.post('b1'), as_of => at)) AS comments FROM unnest('{2024-05-02 23:59:30,2024-05-03}'::timestamptz[]) at;
SELECT status FROM influence.block(pg_temp.visitor(6), pg_temp.creator('bert'));
SELECT status FROM influence.block(pg_temp.visitor(3), pg_temp.creator('bert'), blocked => false);
SELECT count(*) FROM influence.block;

-- Taken down and back: a history.
SELECT status FROM influence.set_comment_status(1, 'removed', 'rude', 'ops', '2024-05-05');
SELECT status FROM influence.set_comment_status(1, 'removed', 'rude', 'ops', '2024-05-05');
SELECT count(*) FILTER (WHERE comment_id = 1) AS now, (SELECT count(*) FROM influence.get_comments(1, as_of => '2024-05-04') WHERE comment_id = 1) AS before FROM influence.get_comments(1);
SELECT status FROM influence.set_comment_status(1, 'published', 'appeal', 'ops', '2024-05-06');
SELECT count(*) FROM influence.get_comments(1) WHERE comment_id = 1;
SELECT count(*) FROM influence.engagement WHERE kind = 'comment' AND visitor_id = pg_temp.visitor(1) AND post_id = 1;
SELECT * FROM pg_temp.not_refused('IN004', $$set_comment_status(1, 'removed', 'other', 'ops', '2024-05-05')$$, $$set_comment_status(1, 'published', 'rude', 'ops', '2024-05-05')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_comment_status(99, 'removed', 'r', 'ops')$$, $$set_comment_status(NULL, 'removed', 'r', 'ops')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_comment_status(1, 'hidden', 'r', 'ops')$$, $$set_comment_status(1, NULL, 'r', 'ops')$$, $$set_comment_status(1, 'removed', 'r', NULL)$$,
	$$set_comment_status(1, 'removed', 'r', 'ops', 'infinity')$$, $$set_comment_status(1, 'removed', 'r', 'ops', NULL)$$);

-- First items: from 1 June on two posts of a creator and one comment of a shopper are looked at.
SELECT status FROM influence.set_moderation(1, 2, 1, '2024-06-01');
SELECT status FROM influence.set_moderation(1, 2, 1, '2024-06-01');
SELECT * FROM pg_temp.not_refused('IN004', $$set_moderation(1, 2, 0, '2024-06-01')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_moderation(99, 1)$$, $$set_moderation(NULL, 1)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_moderation(1, -1)$$, $$set_moderation(1, NULL)$$, $$set_moderation(1, 1, NULL)$$, $$set_moderation(1, 1, 1, NULL)$$, $$set_moderation(1, 1, 1, 'infinity')$$);
-- anna has one published post, cleo none; bert's was published once, too; elsewhere nobody asks
SELECT pg_temp.publish('anna', 'a2', '2024-06-02'), pg_temp.publish('cleo', 'c1', '2024-06-02'), pg_temp.publish('cleo', 'c2', '2024-06-02'), pg_temp.publish('cleo', 'f1', '2024-06-02', program => 2),
	pg_temp.publish('cleo', 'c0', '2024-05-31');
SELECT status FROM influence.comment_on_post(pg_temp.visitor(4), pg_temp.post('a1'), 'n1', 'First.', '2024-06-02 10:00', 'web');
SELECT state FROM influence.comment_on_post(pg_temp.visitor(4), pg_temp.post('a1'), 'n2', 'Second.', '2024-06-02 11:00');
SELECT state FROM influence.comment_on_post(pg_temp.visitor(1), pg_temp.post('a1'), 'n3', 'An old hand.', '2024-06-02 12:00');
SELECT item, ref, kind, body, occurred_at, pending_since, actor FROM influence.moderation_queue ORDER BY 1, 2;
SELECT count(*) FROM influence.engagement WHERE visitor_id = pg_temp.visitor(4);
-- a guest does not see what waits, its author does
SELECT count(*) FILTER (WHERE state = 'pending') FROM influence.get_comments(1);
SELECT comment_id, state FROM influence.get_comments(1, pg_temp.visitor(4)) WHERE visitor_id = pg_temp.visitor(4) ORDER BY 1;
-- refused ones make nothing free
SELECT x.status FROM unnest('{c1,c2}'::text[]) r, influence.set_post_status(pg_temp.post(r), 'removed', 'no', 'ops') x;
SELECT pg_temp.publish('cleo', 'c3', '2024-06-03');
SELECT ref FROM influence.moderation_queue WHERE creator_id = pg_temp.creator('cleo');
SELECT status FROM influence.set_post_status(pg_temp.post('c3'), 'published', 'fine', 'ops', '2024-06-03 12:00');
-- c0 and c3 are two
SELECT pg_temp.publish('cleo', 'c4', '2024-06-04');
SELECT count(*) FROM influence.moderation_queue WHERE creator_id = pg_temp.creator('cleo');
SELECT status FROM influence.set_comment_status((SELECT comment_id FROM influence.post_comment WHERE comment_ref = 'n1'), 'published', NULL, 'ops');
SELECT occurred_at, surface FROM influence.engagement WHERE visitor_id = pg_temp.visitor(4);
SELECT state FROM influence.comment_on_post(pg_temp.visitor(4), pg_temp.post('a1'), 'n4', 'Third.', '2024-06-02 12:00');
-- a post of the future can be judged before its moment
SELECT pg_temp.publish('bert', 'b2', now() + interval '3 days');
SELECT status FROM influence.set_post_status(pg_temp.post('b2'), 'published', 'early', 'ops');
SELECT count(*) FROM influence.moderation_queue WHERE ref = 'b2';

-- The feed: pending and removed posts are not in it, stories for a day.
SELECT status FROM influence.set_moderation(1, 0, valid_from => '2024-07-01');
SELECT x.status FROM unnest('{anna,bert,cleo}'::text[]) c, influence.follow(pg_temp.visitor(5), pg_temp.creator(c), since => '2024-05-01') x;
SELECT pg_temp.feed(5, '2024-06-02 12:00'), pg_temp.feed(5, '2024-06-03 12:00'), pg_temp.feed(5, '2024-06-05');
SELECT pg_temp.publish('anna', 's1', '2024-07-02 08:00', 'cats', 'story'), pg_temp.publish('anna', 's2', '2024-07-02 08:00', 'art', 'story', '{"expires_at": "2024-07-02 09:00+00"}'),
	pg_temp.publish('anna', 'p1', '2024-07-02 08:00', 'art', 'photo', '{"expires_at": "2024-07-04"}');
SELECT post_ref, expires_at FROM influence.post WHERE expires_at IS NOT NULL ORDER BY 1;
SELECT pg_temp.feed(5, '2024-07-02 08:30'), pg_temp.feed(5, '2024-07-02 09:00'), pg_temp.feed(5, '2024-07-03 08:00'), pg_temp.feed(5, '2024-07-04');
-- expired stories take no room from what follows them
SELECT count(*) FROM generate_series(1, 25) n, pg_temp.publish('bert', 's' || n + 10, timestamptz '2024-07-05' + n * interval '1 minute', kind => 'story');
SELECT pg_temp.publish('bert', 'b3', '2024-07-04 20:00');
SELECT pg_temp.feed(5, '2024-07-06 12:00') ~ 'b3';
INSERT INTO influence.setting (name, version, value) VALUES ('story_lifetime', 2, '"1 hour"');
SELECT pg_temp.publish('cleo', 's9', '2024-07-07 08:00', kind => 'story');
SELECT expires_at FROM influence.post WHERE post_ref = 's9';
SELECT * FROM pg_temp.not_refused('IN005', $$comment_on_post(pg_temp.visitor(1), pg_temp.post('s9'), 'x', 'x', '2024-07-07 09:00')$$);
SELECT status FROM influence.comment_on_post(pg_temp.visitor(1), pg_temp.post('s9'), 'in time', 'x', '2024-07-07 08:59');

-- Mutes: a creator or a topic, for a while or for good.
SELECT pg_temp.feed(5, '2024-07-02 08:30');
SELECT status FROM influence.mute(pg_temp.visitor(5), pg_temp.creator('cleo'));
SELECT status FROM influence.mute(pg_temp.visitor(5), pg_temp.creator('cleo'));
SELECT status FROM influence.mute(pg_temp.visitor(5), topic => 'cats', until => '2024-07-03');
SELECT pg_temp.feed(5, '2024-07-02 08:30');
SELECT status FROM influence.mute(pg_temp.visitor(5), topic => 'cats', until => '2024-07-02 08:30');
SELECT pg_temp.feed(5, '2024-07-02 08:30');
SELECT status FROM influence.unmute(pg_temp.visitor(5), pg_temp.creator('cleo'));
SELECT status FROM influence.unmute(pg_temp.visitor(5), pg_temp.creator('cleo'));
SELECT pg_temp.feed(5, '2024-07-02 08:30');
-- a mute is the person's: 5 on another device
SELECT status FROM influence.identify(pg_temp.visitor(15), pg_temp.visitor(5));
SELECT status FROM influence.register_shopper(pg_temp.visitor(15));
SELECT status FROM influence.mute(pg_temp.visitor(15), pg_temp.creator('cleo'));
SELECT pg_temp.feed(5, '2024-07-02 08:30');
SELECT status FROM influence.unmute(pg_temp.visitor(5), pg_temp.creator('cleo'));
SELECT pg_temp.feed(5, '2024-07-02 08:30');
-- nobody else is muted, and a mute made after the first page counts for the second
SELECT next_cursor AS cursor FROM influence.get_feed(1, pg_temp.visitor(5), 1, as_of => '2024-07-02 08:30') \gset
SELECT status FROM influence.mute(pg_temp.visitor(5), pg_temp.creator('anna'));
SELECT count(*) FILTER (WHERE creator_id = pg_temp.creator('anna')) AS annas, count(*) > 0 AS others FROM influence.get_feed(1, pg_temp.visitor(5), 50, :'cursor', as_of => '2024-07-02 08:30');
SELECT * FROM pg_temp.not_refused('IN003', $$mute(pg_temp.visitor(99), 1)$$, $$mute(NULL, 1)$$, $$mute(pg_temp.visitor(5), 99)$$, $$mute(pg_temp.visitor(5), topic => 'golf')$$, $$unmute(pg_temp.visitor(99), 1)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$mute(pg_temp.visitor(5))$$, $$mute(pg_temp.visitor(5), 1, 'art')$$, $$mute(pg_temp.visitor(5), 1, until => '-infinity')$$, $$unmute(pg_temp.visitor(5))$$);

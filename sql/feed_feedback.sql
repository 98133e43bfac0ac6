--
-- Feedback of the feed: profiles and who gets which, impressions by their tokens, the seen filter, hide, see less and
-- report. Tokens are made here, from the description of the format and with an HMAC of its own; shares are
-- libxxhash's numbers.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{}'), pg_temp.new_program('Other', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator('anna'), pg_temp.new_creator('bert');
SELECT category_id FROM influence.create_category('all');
SELECT recorded FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1, "brand": "Acme"}]');
SELECT topic_id FROM influence.create_topic('art');
SELECT post_id FROM generate_series(1, 4) n, influence.publish_post(1, pg_temp.creator(CASE WHEN n < 4 THEN 'anna' ELSE 'bert' END), 'post ' || n, 'photo', '[{"product_id": 1}]', published_at => '2024-05-01');
SELECT count(*) FROM generate_series(1, 9) v, influence.register_shopper(pg_temp.visitor(v));

-- Profiles: the order of the features is that of the weights; what is not named is 0.
SELECT string_agg(name, ' ' ORDER BY ordinal) FROM influence.feed_features();
SELECT profile, version, profile_id, weights FROM influence.feed_profile;
SELECT * FROM influence.create_feed_profile('fresh', '{"bias": 10, "freshness": 4}', 'newer posts');
SELECT * FROM influence.create_feed_profile('fresh', '{"freshness": 4.0, "bias": 10, "sales": 0}', 'the same in other words');
SELECT * FROM influence.create_feed_profile('fresh', '{"bias": 10, "freshness": 8}');
SELECT * FROM influence.create_feed_profile('fresh', '{"bias": 10, "freshness": 4}');
SELECT version, weights, note FROM influence.feed_profile WHERE profile = 'fresh' ORDER BY version;
SELECT * FROM pg_temp.not_refused('IN002', $$create_feed_profile('Fresh', '{"bias": 1}')$$, $$create_feed_profile(NULL, '{"bias": 1}')$$, $$create_feed_profile('', '{"bias": 1}')$$,
	$$create_feed_profile('x', '{}')$$, $$create_feed_profile('x', NULL)$$, $$create_feed_profile('x', '[1]')$$, $$create_feed_profile('x', '{"bais": 1}')$$,
	$$create_feed_profile('x', '{"bias": "1"}')$$, $$create_feed_profile('x', '{"bias": null}')$$, $$create_feed_profile('x', '{"bias": 1e400}')$$, $$create_feed_profile('x', '{"bias": -1001}')$$);

-- A score by hand: 10 x 1 + 3 x 1 + 2 x 0.5 - 1 x 2 = 12; half of it; below zero nothing is halved; NaN is the least.
CREATE FUNCTION pg_temp.features(bias float8, fatigue float8) RETURNS float8[] LANGUAGE sql AS $$ SELECT ARRAY[bias, 1, 0, 0, 0, 0, 0, 0, .5, 0, fatigue, 0, 0, 0] $$;
SELECT influence_internal.feed_score(weights, pg_temp.features(1, -2), 1) AS whole, influence_internal.feed_score(weights, pg_temp.features(1, -2), .5) AS half,
	influence_internal.feed_score(weights, pg_temp.features(-1, -2), .5) AS below, influence_internal.feed_score(weights, pg_temp.features('NaN', -2), 1) AS least
FROM influence.feed_profile WHERE profile = 'standard';
SELECT pg_temp.error_of($$SELECT influence_internal.feed_score('{1,2}', pg_temp.features(1, 1), 1)$$), pg_temp.error_of($$SELECT influence_internal.feed_score(array_fill(1::float8, '{14}'), array_fill(NULL::float8, '{14}'), 1)$$);

-- Who gets which. Without assignment "standard"; all of a program; a surface of it; every program.
CREATE FUNCTION pg_temp.given(v int, surface text DEFAULT 'feed', at timestamptz DEFAULT '2024-06-01', program bigint DEFAULT 1) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', profile, version, assignment_id, experiment, variant) FROM influence_internal.feed_profile_at(program, surface, pg_temp.visitor(v), at) $$;
SELECT pg_temp.given(1);
SELECT * FROM influence.assign_feed_profile(1, 'fresh', 1, valid_from => '2024-05-01');
SELECT * FROM influence.assign_feed_profile(1, 'fresh', 2, surface => 'search', valid_from => '2024-05-01');
SELECT * FROM influence.assign_feed_profile(NULL, 'fresh', valid_from => '2024-05-15');
SELECT pg_temp.given(1), pg_temp.given(1, 'search'), pg_temp.given(1, program => 2), pg_temp.given(1, at => '2024-04-30'), pg_temp.given(1, program => 2, at => '2024-05-14');
-- again is a duplicate, at a later time too; another version follows it from then on; one before is put before it
SELECT * FROM influence.assign_feed_profile(1, 'fresh', 1, valid_from => '2024-05-01');
SELECT * FROM influence.assign_feed_profile(1, 'fresh', 1, valid_from => '2024-05-20');
SELECT * FROM influence.assign_feed_profile(1, 'standard', valid_from => '2024-06-01');
SELECT * FROM influence.assign_feed_profile(1, 'fresh', 3, valid_from => '2024-04-01');
SELECT assignment_id, surface, profile, version, valid FROM influence.feed_assignment WHERE program_id = 1 ORDER BY surface, valid;
SELECT pg_temp.given(1, at => '2024-04-30'), pg_temp.given(1, at => '2024-05-31 23:59:59.999999'), pg_temp.given(1);
-- An experiment: a quarter and a half of the viewers, the rest goes on; shares of visitors 1 to 9 by libxxhash: 2420 4992 9219 4381 4731 3674 2670 9431 9064
SELECT variant, a.* FROM (VALUES ('a', 1, .25), ('b', 2, .5)) t(variant, version, share), influence.assign_feed_profile(1, 'fresh', version, experiment => 'fresh', variant => t.variant, share => t.share, valid_from => '2024-06-01') a;
SELECT v, influence_internal.feed_share(pg_temp.visitor(v), 'fresh') AS share, pg_temp.given(v) FROM generate_series(1, 9) v;
SELECT * FROM influence.assign_feed_profile(1, 'fresh', 1, experiment => 'fresh', variant => 'a', share => .25, valid_from => '2024-06-02');
SELECT * FROM pg_temp.not_refused('IN005', $$assign_feed_profile(1, 'fresh', 3, experiment => 'fresh', variant => 'a', share => .25, valid_from => '2024-06-02')$$,
	$$assign_feed_profile(1, 'fresh', 3, experiment => 'fresh', variant => 'c', share => .2501, valid_from => '2024-05-02')$$);
SELECT * FROM pg_temp.not_refused('IN004', $$assign_feed_profile(1, 'fresh', 3, valid_from => '2024-06-01')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$assign_feed_profile(9, 'fresh')$$, $$assign_feed_profile(1, 'none')$$, $$assign_feed_profile(1, 'fresh', 9)$$, $$end_feed_assignment(99)$$, $$end_feed_assignment(NULL)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$assign_feed_profile(1, NULL)$$, $$assign_feed_profile(1, 'fresh', share => .5)$$, $$assign_feed_profile(1, 'fresh', experiment => 'x')$$,
	$$assign_feed_profile(1, 'fresh', variant => 'x')$$, $$assign_feed_profile(1, 'fresh', experiment => 'x', variant => 'x', share => 0)$$, $$assign_feed_profile(1, 'fresh', experiment => 'x', variant => 'x', share => 1.5)$$,
	$$assign_feed_profile(1, 'fresh', experiment => 'x', variant => 'x', share => .00001)$$, $$assign_feed_profile(1, 'fresh', experiment => 'x', variant => 'x', share => 'NaN')$$,
	$$assign_feed_profile(1, 'fresh', experiment => 'x', variant => 'x', share => NULL)$$, $$assign_feed_profile(1, 'fresh', valid_from => 'infinity')$$, $$assign_feed_profile(1, 'fresh', valid_from => NULL)$$,
	$$assign_feed_profile(1, 'fresh', surface => repeat('x', 101))$$, $$end_feed_assignment(1, 'infinity')$$);
-- a person keeps its variant under another visitor
SELECT status FROM influence.identify(pg_temp.visitor(20), pg_temp.visitor(2));
SELECT pg_temp.given(20) = pg_temp.given(2) AS the_same, influence_internal.feed_share(pg_temp.visitor(20), 'fresh') = influence_internal.feed_share(pg_temp.visitor(2), 'fresh') AS by_chance;
-- ended: at once, again, at another time, before it began
SELECT e.* FROM influence.feed_assignment a, influence.end_feed_assignment(a.assignment_id, '2024-06-10') e WHERE a.variant = 'b';
SELECT e.* FROM influence.feed_assignment a, influence.end_feed_assignment(a.assignment_id, '2024-06-10') e WHERE a.variant = 'b';
SELECT e.status FROM influence.feed_assignment a, influence.end_feed_assignment(a.assignment_id) e WHERE a.variant = 'b';
SELECT pg_temp.refused(format('end_feed_assignment(%s, %L)', assignment_id, '2024-06-11')) FROM influence.feed_assignment WHERE variant = 'b';
SELECT e.* FROM influence.feed_assignment a, influence.end_feed_assignment(a.assignment_id, '2024-05-10') e WHERE a.variant = 'b';
SELECT valid FROM influence.feed_assignment WHERE variant = 'b';
SELECT v, pg_temp.given(v) FROM unnest('{1,2}'::int[]) v;

-- Tokens, from the description in feed_token_core.c: bytes, then 16 bytes of HMAC-SHA256 (RFC 2104), then base64url.
CREATE FUNCTION pg_temp.padded(key bytea, pad int) RETURNS bytea LANGUAGE sql AS $$
	SELECT string_agg(set_byte('\x00', 0, CASE WHEN i < length(key) THEN get_byte(key, i) ELSE 0 END # pad), '' ORDER BY i) FROM generate_series(0, 63) i $$;
CREATE FUNCTION pg_temp.hmac(key bytea, data bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT sha256(pg_temp.padded(key, 92) || sha256(pg_temp.padded(key, 54) || data)) $$;
-- RFC 4231, test case 2
SELECT pg_temp.hmac('Jefe', 'what do ya want for nothing?') = '\x5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843' AS rfc_4231;
CREATE FUNCTION pg_temp.varint(value bigint) RETURNS bytea LANGUAGE sql AS $$
	SELECT CASE WHEN value < 128 THEN set_byte('\x00', 0, value::int) ELSE set_byte('\x00', 0, (value % 128 + 128)::int) || pg_temp.varint(value / 128) END $$;
CREATE FUNCTION pg_temp.reversed(value bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT string_agg(substr(value, i, 1), '' ORDER BY i DESC) FROM generate_series(1, length(value)) i $$;
CREATE FUNCTION pg_temp.token_bytes(v int, post bigint, rank int, at timestamptz, campaign bigint, program bigint) RETURNS bytea LANGUAGE sql AS $$
	SELECT '\x02' || uuid_send(pg_temp.visitor(v)) || pg_temp.reversed(int8send((extract(epoch FROM at - '2000-01-01 00:00+00') * 1000000)::bigint))
		|| pg_temp.varint(2 * program) || pg_temp.varint(2 * post) || pg_temp.varint(2 * CASE WHEN post < 4 THEN 1 ELSE 2 END) || pg_temp.varint(2)	-- topic 1
		|| pg_temp.varint(2 * 2) || pg_temp.varint(2 * 6) || pg_temp.varint(2 * campaign)	-- profile_id 2, assignment 6
		|| pg_temp.varint(rank) || pg_temp.varint(2 + 16 + CASE WHEN campaign > 0 THEN 64 ELSE 0 END) || '\x01'	-- interest, popular; affiliate, browse
		|| '\x0f0800'	-- score, dampening, propensity, bias and freshness are there
		|| pg_temp.reversed(float8send(12.25)) || pg_temp.reversed(float8send(1)) || pg_temp.reversed(float8send(0.5))
		|| pg_temp.reversed(float8send(1)) || pg_temp.reversed(float8send(0.5625)) || '\x04' || 'feed'::bytea || '\x03' || 'ios'::bytea $$;
CREATE FUNCTION pg_temp.token(v int, post bigint, rank int DEFAULT 1, at timestamptz DEFAULT '2024-06-01', campaign bigint DEFAULT 0, program bigint DEFAULT 1) RETURNS text LANGUAGE sql AS $$
	SELECT rtrim(translate(encode(b || substr(pg_temp.hmac(pg_temp.hmac(s.seal_secret, 'pg_influence impression'), b), 1, 16), 'base64'), E'+/\n', '-_'), '=')
	FROM influence.program_secret s, pg_temp.token_bytes(v, post, rank, at, campaign, program) b WHERE s.program_id = program $$;
CREATE FUNCTION pg_temp.shown(v int, VARIADIC items jsonb[]) RETURNS TABLE (outcome text, recorded int, updated int, duplicates int) LANGUAGE sql AS $$
	SELECT r.status, r.recorded, r.updated, r.duplicates FROM influence.record_impressions(pg_temp.visitor(v), to_jsonb(items), 'page') r $$;
CREATE FUNCTION pg_temp.item(token text, told jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('impression', token) || told $$;

SELECT c.program_id, c.viewer_id, c.moment, c.rank, c.post_id, c.creator_id, c.score, c.features, c.dampening, c.propensity, c.profile_id, c.assignment_id, c.sources, c.topic_id, c.sponsored_campaign_id, c.disclosure, c.intent, c.surface, c.device
FROM influence_internal.impression_content(pg_temp.token(1, 3, 2)) c;
-- what is shown is told once; again it is a duplicate, at another time too
SELECT * FROM pg_temp.shown(1, pg_temp.item(pg_temp.token(1, 1, 1), '{"shown_at": "2024-06-01 00:00:05", "device": "phone"}'), pg_temp.item(pg_temp.token(1, 2, 2), '{"seen": false}'));
SELECT * FROM pg_temp.shown(1, pg_temp.item(pg_temp.token(1, 1, 1), '{"shown_at": "2024-06-01 00:00:07", "device": "desk"}'), pg_temp.item(pg_temp.token(1, 2, 2), '{"seen": false}'));
SELECT visitor_id, shown_at, program_id, request_id, post_id, creator_id, rank, score, features, dampening, profile, profile_version, sources, propensity, sponsored_campaign_id, disclosure, surface, intent, device, experiment, variant, seen, dwell_ms, clicked, tableoid::regclass
FROM influence.impression ORDER BY rank;
SELECT impression_ids = (SELECT array_agg(i.impression_id ORDER BY i.rank DESC) FROM influence.impression i) AS in_their_order
FROM influence.record_impressions(pg_temp.visitor(1), jsonb_build_array(pg_temp.item(pg_temp.token(1, 2, 2)), pg_temp.item(pg_temp.token(1, 1, 1))));
-- what was missing is filled: seen (above), how long, clicked; never taken back; new ones come beside
SELECT * FROM pg_temp.shown(1, pg_temp.item(pg_temp.token(1, 1, 1), '{"dwell_ms": 1500}'), pg_temp.item(pg_temp.token(1, 2, 2), '{"seen": false}'), pg_temp.item(pg_temp.token(1, 3, 3), '{"seen": false, "clicked": true}'));
SELECT * FROM pg_temp.shown(1, pg_temp.item(pg_temp.token(1, 1, 1), '{"dwell_ms": 9, "clicked": false}'), pg_temp.item(pg_temp.token(1, 3, 3), '{"clicked": false}'));
SELECT * FROM pg_temp.shown(1, pg_temp.item(pg_temp.token(1, 1, 1), '{"clicked": true}'));
SELECT post_id, shown_at, device, seen, dwell_ms, clicked FROM influence.impression ORDER BY rank;
-- twice in one call is once; another moment is another impression; nothing is nothing
SELECT * FROM pg_temp.shown(3, pg_temp.item(pg_temp.token(3, 1), '{"seen": false}'), pg_temp.item(pg_temp.token(3, 1), '{"dwell_ms": 10}'), pg_temp.item(pg_temp.token(3, 1), '{"dwell_ms": 30, "clicked": true}'));
SELECT * FROM pg_temp.shown(3, pg_temp.item(pg_temp.token(3, 1, at => '2024-06-02')));
SELECT shown_at, seen, dwell_ms, clicked FROM influence.impression WHERE visitor_id = pg_temp.visitor(3) ORDER BY 1;
SELECT * FROM influence.record_impressions(pg_temp.visitor(3), '[]');
-- the same person under another visitor: the tokens' viewer keeps them
SELECT * FROM pg_temp.shown(2, pg_temp.item(pg_temp.token(20, 4)), pg_temp.item(pg_temp.token(2, 1, 2)));
SELECT visitor_id, post_id FROM influence.impression WHERE post_id = 4;
SELECT * FROM pg_temp.shown(20, pg_temp.item(pg_temp.token(20, 4)));

-- Refused: altered, of another program's secret, another viewer's, at an impossible time, of odd shape.
SELECT count(*) AS altered, count(*) FILTER (WHERE pg_temp.refused(format('record_impressions(pg_temp.visitor(1), %L)', jsonb_build_array(pg_temp.item(overlay(t PLACING CASE substr(t, n, 1) WHEN 'B' THEN 'C' ELSE 'B' END FROM n))))) = 'IN002 an impression is not one of ours') AS refused
FROM pg_temp.token(1, 1) t, generate_series(1, length(t)) n;
SELECT pg_temp.error_of(format('SELECT pg_temp.shown(1, %s)', item)) FROM (VALUES ($$pg_temp.item(pg_temp.token(3, 1))$$), ($$pg_temp.item(rtrim(encode(pg_temp.token_bytes(1, 1, 1, now(), 0, 1), 'base64'), '='))$$),
	($$pg_temp.item(pg_temp.token(1, 1), '{"shown_at": "2024-05-30 23:59:59"}')$$), ($$pg_temp.item(pg_temp.token(1, 1), '{"shown_at": "2024-06-08"}')$$), ($$pg_temp.item(pg_temp.token(1, 1), '{"shown_at": "infinity"}')$$), ($$pg_temp.item(pg_temp.token(1, 1), '{"shown_at": "soon"}')$$),
	($$pg_temp.item(pg_temp.token(1, 1, at => '2200-01-01'))$$), ($$pg_temp.item(pg_temp.token(1, 1, at => '1989-01-01'))$$), ($$pg_temp.item(pg_temp.token(1, 1), '{"dwell_ms": -1}')$$), ($$pg_temp.item(pg_temp.token(1, 1), '{"dwell_ms": 1e10}')$$), ($$pg_temp.item(pg_temp.token(1, 1), '{"seen": "maybe"}')$$), ($$pg_temp.item(pg_temp.token(1, 1), '{"rank": 1}')$$),
	($$pg_temp.item(NULL)$$), ($$pg_temp.item('')$$), ($$pg_temp.item('nonsense')$$), ($$'3'$$), ($$'{}'$$)) t(item);
-- a device of 100 bytes is one, whatever its letters; one byte more is none, also in a later report
BEGIN;
SELECT outcome, recorded FROM pg_temp.shown(4, pg_temp.item(pg_temp.token(4, 1), jsonb_build_object('device', repeat('é', 50))));
SELECT outcome, duplicates FROM pg_temp.shown(4, pg_temp.item(pg_temp.token(4, 1), jsonb_build_object('device', repeat('x', 100))));
SELECT pg_temp.error_of($$SELECT pg_temp.shown(4, pg_temp.item(pg_temp.token(4, 1), jsonb_build_object('device', repeat('é', 50) || 'x')))$$);
SELECT pg_temp.error_of($$SELECT pg_temp.shown(4, pg_temp.item(pg_temp.token(4, 2, 2), jsonb_build_object('device', repeat('x', 101))))$$);
ROLLBACK;
-- of two items the second: neither is there
SELECT pg_temp.error_of($$SELECT pg_temp.shown(4, pg_temp.item(pg_temp.token(4, 1)), pg_temp.item(pg_temp.token(3, 1)))$$);
SELECT count(*) FROM influence.impression WHERE visitor_id = pg_temp.visitor(4);
SELECT * FROM pg_temp.not_refused('IN002', $$record_impressions(pg_temp.visitor(1), NULL)$$, $$record_impressions(pg_temp.visitor(1), '{}')$$, $$record_impressions(NULL, '[]')$$, $$record_impressions(pg_temp.visitor(1), '[]', repeat('x', 201))$$,
	$$record_impressions(pg_temp.visitor(1), (SELECT jsonb_agg(pg_temp.item('x')) FROM generate_series(1, 501)))$$);

-- Sponsored: charged when it is seen, once; a click beside it, once; never what was not in view.
SELECT status, sponsored_campaign_id FROM influence.create_sponsored_campaign(1, 'spring', 'Acme', 'Spring', '{1,2,4}', 100000, 'click', 50, now() - interval '1 day', now() + interval '9 days');
CREATE FUNCTION pg_temp.charged() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(format('%s %s', kind, post_id), ', ' ORDER BY kind, post_id) FROM influence.sponsored_charge $$;
SELECT s.* FROM pg_temp.shown(8, pg_temp.item(pg_temp.token(8, 4, 3, now(), 1), '{"seen": false}'), pg_temp.item(pg_temp.token(8, 1, 8, now(), 1)), pg_temp.item(pg_temp.token(8, 3, 1, now()))) s;
SELECT pg_temp.charged();
SELECT s.* FROM pg_temp.shown(8, pg_temp.item(pg_temp.token(8, 4, 3, (SELECT max(shown_at) FROM influence.impression), 1)), pg_temp.item(pg_temp.token(8, 2, 13, (SELECT max(shown_at) FROM influence.impression), 1), '{"clicked": true}')) s;
SELECT pg_temp.charged();
SELECT s.* FROM (SELECT max(shown_at) AS at FROM influence.impression) m, generate_series(1, 2) n, pg_temp.shown(8 * sign(n)::int, pg_temp.item(pg_temp.token(8, 4, 3, m.at, 1), '{"clicked": true}'), pg_temp.item(pg_temp.token(8, 2, 13, m.at, 1), '{"clicked": true}')) s;
SELECT pg_temp.charged();

-- The seen filter: what was seen, per program; not what was only delivered. After 30 days a new generation begins, the
-- fourth one ends the first.
CREATE FUNCTION pg_temp.has_seen(v int) RETURNS TABLE (generation bigint, opened_at timestamptz, posts int, found text) LANGUAGE sql AS $$
	SELECT f.generation, f.opened_at, f.posts, (SELECT string_agg(p::text, ' ' ORDER BY p) FROM generate_series(1, 9) p WHERE influence_internal.seen_test(f.bits, f.generation, p))
	FROM influence.seen_filter f WHERE f.visitor_id = pg_temp.visitor(v) ORDER BY f.program_id, f.generation $$;
SELECT * FROM pg_temp.has_seen(1);
SELECT s.* FROM unnest('{2024-06-11,2024-07-01,2024-07-02,2024-08-05,2024-09-05}'::timestamptz[]) WITH ORDINALITY t(at, n), pg_temp.shown(5, pg_temp.item(pg_temp.token(5, 1 + n % 4, at => at), jsonb_build_object('seen', n <> 3))) s;
SELECT * FROM pg_temp.has_seen(5);
SELECT s.* FROM pg_temp.shown(5, pg_temp.item(pg_temp.token(5, 4, at => '2024-10-06')), pg_temp.item(pg_temp.token(5, 3, 2, at => '2024-10-06'))) s;
SELECT * FROM pg_temp.has_seen(5);
-- full: 4,096 posts, a few of which seem to be in it before they are
SELECT influence_internal.mark_seen(pg_temp.visitor(6), 1, array_agg(n), '2024-06-01') > 4060 AS nearly_all FROM generate_series(1, 4096) n;
SELECT influence_internal.mark_seen(pg_temp.visitor(6), 1, array_agg(n), '2024-06-02') AS in_a_new_one FROM generate_series(1, 40) n;
SELECT generation, posts > 4060 AS full, length(bits) FROM influence.seen_filter WHERE visitor_id = pg_temp.visitor(6) ORDER BY 1;
SELECT pg_temp.error_of($$SELECT influence_internal.seen_test('\x00', 1, 1)$$), pg_temp.error_of($$SELECT influence_internal.seen_add('\x00', 1, '{1}')$$);

-- Feedback. Hidden and reported are states, "see less" begins anew.
SELECT * FROM influence.give_feedback(pg_temp.visitor(1), 'post', 1, 'hide', '2024-06-01');
SELECT * FROM influence.give_feedback(pg_temp.visitor(1), 'post', 1, 'hide', '2024-06-01');
SELECT status, since < now() AS as_before FROM influence.give_feedback(pg_temp.visitor(1), 'post', 1, 'hide');
SELECT * FROM influence.give_feedback(pg_temp.visitor(1), 'post', 1, 'hide', '2024-05-30', 'earlier');
SELECT * FROM influence.give_feedback(pg_temp.visitor(1), 'creator', 1, 'see_less', '2024-06-01', note => 'too many lamps');
SELECT * FROM influence.give_feedback(pg_temp.visitor(1), 'creator', 1, 'see_less', '2024-06-03');
SELECT * FROM influence.give_feedback(pg_temp.visitor(1), 'topic', 1, 'see_less', '2024-06-01', 'mine');
SELECT * FROM influence.give_feedback(pg_temp.visitor(1), 'topic', 1, 'see_less', '2024-06-01', 'mine');
SELECT * FROM pg_temp.not_refused('IN004', $$give_feedback(pg_temp.visitor(1), 'creator', 1, 'see_less', '2024-06-01', 'mine')$$);
SELECT target_kind, target_id, kind, since, note FROM influence.hidden ORDER BY 1, 2, 3;
SELECT occurred_at, event_ref, kind, post_id, creator_id, value FROM influence.engagement ORDER BY 1, 2;
-- the server's time is kept for retries with a key
SELECT count(DISTINCT f.since) AS moments, string_agg(f.status, ' ') FROM generate_series(1, 2) n, influence.give_feedback(pg_temp.visitor(1), 'creator', 1 + least(n, 1), 'report', event_ref => 'rude', note => 'rude') f;
-- taken back, under whatever visitor; a late retry does not bring it back
SELECT * FROM influence.give_feedback(pg_temp.visitor(20), 'post', 2, 'hide', '2024-06-01');
SELECT a.status, b.status FROM influence.withdraw_feedback(pg_temp.visitor(2), 'post', 2, 'hide') a, influence.withdraw_feedback(pg_temp.visitor(1), 'post', 1, 'hide') b;
SELECT * FROM influence.withdraw_feedback(pg_temp.visitor(1), 'post', 1, 'hide');
SELECT * FROM influence.give_feedback(pg_temp.visitor(1), 'post', 1, 'hide', '2024-06-01');
SELECT target_kind, target_id, kind FROM influence.hidden ORDER BY 1, 2, 3;
SELECT status FROM influence.give_feedback(pg_temp.visitor(1), 'post', 1, 'hide');

-- Reports: the fifth registered shopper takes the post to the moderators; not guests, not the same person twice.
SELECT f.status FROM unnest('{1,2,20,3,4,31,32}'::int[]) v, influence.give_feedback(pg_temp.visitor(v), 'post', 3, 'report', '2024-06-02') f;
SELECT status FROM influence.post_status WHERE post_id = 3 ORDER BY since;
SELECT status FROM influence.give_feedback(pg_temp.visitor(5), 'post', 3, 'report', '2024-06-02', note => 'a copy');
SELECT item, post_id, actor, reason FROM influence.moderation_queue;
SELECT status FROM influence.give_feedback(pg_temp.visitor(6), 'post', 3, 'report');
SELECT count(*) FROM influence.moderation_queue;
-- let through: what was reported before is judged
SELECT status FROM influence.set_post_status(3, 'published', 'fine', 'ops');
SELECT status FROM influence.give_feedback(pg_temp.visitor(7), 'post', 3, 'report');
SELECT count(*) FROM influence.moderation_queue;

SELECT * FROM pg_temp.not_refused('IN002', $$give_feedback(NULL, 'post', 1, 'hide')$$, $$give_feedback(pg_temp.visitor(1), 'post', NULL, 'hide')$$, $$give_feedback(pg_temp.visitor(1), 'list', 1, 'hide')$$, $$give_feedback(pg_temp.visitor(1), NULL, 1, 'hide')$$,
	$$give_feedback(pg_temp.visitor(1), 'post', 1, 'like')$$, $$give_feedback(pg_temp.visitor(1), 'post', 1, NULL)$$, $$give_feedback(pg_temp.visitor(1), 'post', 1, 'see_less')$$, $$give_feedback(pg_temp.visitor(1), 'topic', 1, 'hide')$$, $$give_feedback(pg_temp.visitor(1), 'topic', 1, 'report')$$,
	$$give_feedback(pg_temp.visitor(1), 'post', 1, 'hide', 'infinity')$$, $$give_feedback(pg_temp.visitor(1), 'post', 1, 'hide', now() + interval '2 days')$$, $$give_feedback(pg_temp.visitor(1), 'post', 1, 'hide', now(), '')$$, $$give_feedback(pg_temp.visitor(1), 'post', 1, 'hide', now(), 'vote/1')$$,
	$$give_feedback(pg_temp.visitor(1), 'post', 1, 'hide', now(), note => repeat('x', 1001))$$, $$withdraw_feedback(NULL, 'post', 1, 'hide')$$, $$withdraw_feedback(pg_temp.visitor(1), 'post', 1, 'like')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$give_feedback(pg_temp.visitor(1), 'post', 99, 'hide')$$, $$give_feedback(pg_temp.visitor(1), 'creator', 99, 'hide')$$, $$give_feedback(pg_temp.visitor(1), 'topic', 99, 'see_less')$$, $$withdraw_feedback(pg_temp.visitor(1), 'post', 99, 'hide')$$);

-- With get_feed: its tokens say what its rows say, the score is that of weights and features to the last bit, and what
-- was seen, or hidden, does not come again.
SELECT status FROM influence.set_price(1, 1999, 'EUR', '2024-01-01');
SELECT status FROM influence.set_stock(1, 5, '2024-01-01');
SELECT count(*) FROM generate_series(1, 8) n, influence.publish_post(1, pg_temp.creator(CASE WHEN n % 2 = 0 THEN 'anna' ELSE 'bert' END), 'new ' || n, 'photo', '[{"product_id": 1}]', 'art', published_at => now() - n * interval '1 hour');
SELECT c.status FROM unnest('{anna,bert}'::text[]) a, influence.follow(pg_temp.visitor(9), pg_temp.creator(a)) c;
CREATE TEMP TABLE delivered AS SELECT * FROM influence.get_feed(1, pg_temp.visitor(9), 5);
SELECT d.rank, (c.rank, c.post_id, c.creator_id, c.score, c.disclosure, c.sponsored_campaign_id IS NOT NULL, c.viewer_id) = (d.rank, d.post_id, d.creator_id, d.score, d.disclosure, d.sponsored, pg_temp.visitor(9)) AS the_same,
	influence_internal.feed_score(p.weights, c.features, c.dampening) = d.score AS the_bits
FROM delivered d, influence_internal.impression_content(d.impression) c, influence.feed_profile p WHERE p.profile_id = c.profile_id ORDER BY 1;
SELECT r.status, r.recorded FROM influence.record_impressions(pg_temp.visitor(9), (SELECT jsonb_agg(jsonb_build_object('impression', impression, 'seen', rank > 1) ORDER BY rank) FROM delivered)) r;
SELECT status FROM influence.give_feedback(pg_temp.visitor(9), 'post', (SELECT post_id FROM delivered WHERE rank = 1), 'hide');
SELECT count(*) > 0 AS more, count(*) FILTER (WHERE f.post_id IN (SELECT d.post_id FROM delivered d) AND NOT f.sponsored) AS again FROM influence.get_feed(1, pg_temp.visitor(9), 20) f;

-- The secret is rotated: cursors of before are none, tokens of before are taken for a while, and keys of visitors stay. A retry is one; two rotations ago is too long.
CREATE TEMP TABLE before_it AS SELECT f.next_cursor, f.impression, pg_temp.token(60, 2, 2) AS token, influence.visitor_key(1, 'k') AS visitor FROM influence.get_feed(1, pg_temp.visitor(60), 1) f;
SELECT status, accepted_until = now() + interval '20 days' AS twenty_days FROM influence.rotate_seal_secret(1, 'first');
SELECT status, accepted_until < now() + interval '20 days' AS of_then FROM influence.rotate_seal_secret(1, 'first', '0');
SELECT pg_temp.refused(format('get_feed(1, pg_temp.visitor(60), 1, %L)', next_cursor)) FROM before_it;
SELECT count(*) FROM influence.get_feed(1, pg_temp.visitor(60), 1) f, influence.get_feed(1, pg_temp.visitor(60), 1, f.next_cursor) g WHERE g.post_id <> f.post_id;
SELECT s.* FROM before_it, pg_temp.shown(60, pg_temp.item(impression), pg_temp.item(pg_temp.token(60, 1))) s;
SELECT b.token <> pg_temp.token(60, 2, 2) AS other_token, b.visitor = influence.visitor_key(1, 'k') AS same_visitor FROM before_it b;
-- no longer than until then
UPDATE influence.program_secret SET accepted_until = now() WHERE program_id = 1;
SELECT pg_temp.error_of(format('SELECT pg_temp.shown(60, pg_temp.item(%L))', token)) FROM before_it;
UPDATE influence.program_secret SET accepted_until = now() + interval '1 hour' WHERE program_id = 1;
SELECT s.* FROM before_it, pg_temp.shown(60, pg_temp.item(token)) s;
CREATE TEMP TABLE between AS SELECT pg_temp.token(60, 3, 3) AS token;
SELECT status FROM influence.rotate_seal_secret(1, 'second', '1 hour');
SELECT pg_temp.error_of(format('SELECT pg_temp.shown(60, pg_temp.item(%L))', token)) FROM before_it;
SELECT s.* FROM between, pg_temp.shown(60, pg_temp.item(token)) s;
SELECT status, accepted_until FROM influence.rotate_seal_secret(1, 'it has leaked', '0');
SELECT pg_temp.error_of(format('SELECT pg_temp.shown(60, pg_temp.item(%L))', token)) FROM between;
CREATE FUNCTION pg_temp.hint_of(token text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
	PERFORM influence.record_impressions(pg_temp.visitor(60), jsonb_build_array(jsonb_build_object('impression', token)));
	RETURN 'no error';
EXCEPTION WHEN SQLSTATE 'IN002' THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN hint;
END $$;
SELECT pg_temp.hint_of(token) FROM between;
SELECT * FROM pg_temp.not_refused('IN002', $$rotate_seal_secret(1, '')$$, $$rotate_seal_secret(1, NULL)$$, $$rotate_seal_secret(1, 'x', NULL)$$, $$rotate_seal_secret(1, 'x', '-1 day')$$, $$rotate_seal_secret(1, 'x', '101 days')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$rotate_seal_secret(99, 'x')$$, $$rotate_seal_secret(NULL, 'x')$$);
SELECT count(*) FILTER (WHERE has_function_privilege(r, 'influence.rotate_seal_secret(bigint, text, interval)', 'EXECUTE')) AS may_rotate, count(*) FILTER (WHERE has_table_privilege(r, 'influence.program_secret', 'SELECT')) AS may_read
FROM unnest('{influence_operator,influence_writer,influence_reader}'::text[]) r;

-- A viewer who was forgotten: what was shown before is told no more, what is shown from the next day on is a new viewer's; others go on.
SELECT status FROM influence.forget_shopper(pg_temp.visitor(3));
SELECT pg_temp.error_of(format('SELECT pg_temp.shown(3, %L)', pg_temp.item(t))) FROM unnest(ARRAY[pg_temp.token(3, 1), pg_temp.token(3, 2, 2, now())]) t;
SELECT count(*) FROM influence.impression WHERE visitor_id = pg_temp.visitor(3);
SELECT s.* FROM (SELECT date_trunc('day', now()) + interval '1 day' AS at) m, pg_temp.shown(3, pg_temp.item(pg_temp.token(3, 1, at => m.at))) s;
SELECT * FROM pg_temp.shown(7, pg_temp.item(pg_temp.token(7, 1, at => now())));
-- nobody who is known: its tokens may be on their way
SELECT status FROM influence.forget_shopper(pg_temp.visitor(40));
SELECT pg_temp.error_of(format('SELECT pg_temp.shown(40, %L)', pg_temp.item(pg_temp.token(40, 1))));
-- the hashes go after 30 days
SELECT u IS NOT NULL AS done FROM influence_internal.upkeep(now() + interval '30 days') u;
SELECT count(*) AS kept FROM influence.forgotten_key;
SELECT u IS NOT NULL AS done FROM influence_internal.upkeep(now() + interval '31 days') u;
SELECT count(*) AS kept FROM influence.forgotten_key;

-- Months: rows move into the partition of their month; what is older than the setting retention goes, and is refused then.
SELECT count(*) FROM influence.impression_default WHERE shown_at < '2024-07-01';
SELECT influence.do_job('impression_partitions', 0, NULL, '2024-06-20');
SELECT tableoid::regclass, count(*) FROM influence.impression WHERE shown_at < '2025-01-01' GROUP BY 1 ORDER BY tableoid::regclass::text COLLATE "C";
SELECT influence.do_job('impression_retention', 0, NULL, '2025-01-02');
SELECT post_hours >= 0 AS done FROM influence.refresh_stats();
SELECT buckets >= 0 AS sealed FROM influence.seal_stats('2025-01-02');
SELECT influence.do_job('impression_retention', 0, NULL, '2025-01-02');
SELECT tableoid::regclass, count(*) FROM influence.impression WHERE shown_at < '2025-01-01' GROUP BY 1 ORDER BY tableoid::regclass::text COLLATE "C";
SELECT pg_temp.error_of($$SELECT pg_temp.shown(1, pg_temp.item(pg_temp.token(1, 1, 1)))$$);

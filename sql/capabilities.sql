--
-- Memberships, cohorts and capabilities: who may do what, as of the time of the
-- event. And who else may publish for a creator, and for which campaign.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.new_program('Other', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator('anna', pg_temp.visitor(11));
SELECT pg_temp.new_creator('bert');
SELECT pg_temp.new_creator('agent', kind => 'agency', agency_of => '{1}');
SELECT status FROM influence.create_category('all');
SELECT recorded FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1, "price": 1000, "currency": "USD", "stock": 5, "valid_from": "2024-01-01"}, {"sku": "prime", "title": "A year of Prime", "category_id": 1}]');
SELECT count(*) FROM generate_series(1, 6) n, influence.register_shopper(pg_temp.visitor(n), country => (ARRAY['US', 'DE'])[1 + n % 2]);
SELECT status FROM influence.register_shopper(pg_temp.visitor(11));
CREATE FUNCTION pg_temp.publish(creator text, ref text, at timestamptz, kind text DEFAULT 'photo', details jsonb DEFAULT '{}', disclosure text DEFAULT 'affiliate') RETURNS text LANGUAGE sql AS
$$ SELECT format('publish_post(1, %s, %L, %L, %L, published_at => %L, details => %L, disclosure => %L)', pg_temp.creator(creator), ref, kind, '[{"product_id": 1}]', at, details, disclosure) $$;
SELECT status FROM influence.publish_post(1, 1, 'p', 'photo', '[{"product_id": 1}]', published_at => '2024-02-01');

-- Memberships.
SELECT status FROM influence.create_membership_plan('prime', 'Prime', 9900, 'USD', 2);
SELECT status FROM influence.create_membership_plan('prime', 'Prime', 9900, 'USD', 2);
SELECT status FROM influence.create_membership_plan('trial', 'A month for nothing');
SELECT * FROM pg_temp.not_refused('IN004', $$create_membership_plan('prime', 'Prime', 9900, 'USD')$$, $$create_membership_plan('prime', 'Prime', 1099, 'USD', 2)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$create_membership_plan('x', 'X', product_id => 99)$$, $$record_membership(pg_temp.visitor(1), 'gold', '2024-03-01')$$, $$record_membership(pg_temp.visitor(99), 'prime', '2024-03-01')$$,
	$$record_membership(NULL, 'prime', '2024-03-01')$$, $$record_membership(pg_temp.visitor(1), 'prime', '2024-03-01', creator_id => 99)$$, $$end_membership(pg_temp.visitor(1), '2024-03-01')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$create_membership_plan('Prime!', 'X')$$, $$create_membership_plan(NULL, 'X')$$, $$create_membership_plan('x', NULL)$$, $$create_membership_plan('x', 'X', 5)$$, $$create_membership_plan('x', 'X', -5, 'USD')$$,
	$$create_membership_plan('x', 'X', 5, 'usd')$$, $$create_membership_plan('x', 'X', NULL, 'USD')$$, $$record_membership(pg_temp.visitor(1), 'prime', NULL)$$, $$record_membership(pg_temp.visitor(1), 'prime', 'infinity')$$,
	$$record_membership(pg_temp.visitor(1), 'prime', '2024-03-01', '2024-03-01')$$, $$record_membership(pg_temp.visitor(1), 'prime', '2024-03-01', '2024-02-01')$$, $$end_membership(pg_temp.visitor(1), 'infinity')$$, $$end_membership(pg_temp.visitor(1), NULL)$$);
SELECT status FROM influence.record_membership(pg_temp.visitor(1), 'trial', '2024-03-01', '2024-04-01');
SELECT status FROM influence.record_membership(pg_temp.visitor(1), 'prime', '2024-04-01', creator_id => 1);
SELECT status FROM influence.record_membership(pg_temp.visitor(1), 'prime', '2024-04-01', creator_id => 1);
SELECT * FROM pg_temp.not_refused('IN011', $$record_membership(pg_temp.visitor(1), 'prime', '2024-03-31 23:59:59.999999', '2025-01-01')$$, $$record_membership(pg_temp.visitor(1), 'trial', '2030-01-01')$$,
	$$record_membership(pg_temp.visitor(1), 'trial', '-infinity')$$);
SELECT * FROM pg_temp.not_refused('IN004', $$record_membership(pg_temp.visitor(1), 'trial', '2024-04-01')$$, $$record_membership(pg_temp.visitor(1), 'prime', '2024-04-01', '2024-05-01', 1)$$);
SELECT at, influence.membership_at(pg_temp.visitor(1), at) FROM unnest('{2024-02-29 23:59:59.999999,2024-03-01,2024-03-31 23:59:59.999999,2024-04-01,2030-01-01}'::timestamptz[]) at;
SELECT * FROM influence.end_membership(pg_temp.visitor(1), '2024-06-01');
SELECT * FROM influence.end_membership(pg_temp.visitor(1), '2024-06-01');
-- what was recorded is said again after its end
SELECT status FROM influence.record_membership(pg_temp.visitor(1), 'prime', '2024-04-01', creator_id => 1);
SELECT influence.membership_at(pg_temp.visitor(1), '2024-05-31 23:59:59.999999'), influence.membership_at(pg_temp.visitor(1), '2024-06-01'), influence.membership_at(pg_temp.visitor(2)), influence.membership_at(NULL);
-- a person is a member whoever it is
SELECT status FROM influence.identify(pg_temp.visitor(21), pg_temp.visitor(1));
SELECT influence.membership_at(pg_temp.visitor(21), '2024-05-01');
SELECT status FROM influence.identify(pg_temp.visitor(6), pg_temp.visitor(1));
SELECT * FROM pg_temp.not_refused('IN011', $$record_membership(pg_temp.visitor(6), 'prime', '2024-05-01')$$);

-- The bounty of a sign-up is a flat rate on its product.
SELECT status FROM influence.set_commission_rate(1, NULL, product_id => 2, flat_amount => 300, valid_from => '2024-01-01');
SELECT status FROM influence.record_touch(1, pg_temp.visitor(1), 't', 'click', 1, '2024-03-30');
SELECT status, commission FROM influence.record_order(1, pg_temp.visitor(1), 'signup', '[{"line_no": 1, "sku": "prime", "quantity": 1, "paid_price": 9900}]', '2024-04-01');

-- Cohorts.
SELECT status FROM influence.add_to_cohort('beta', 'shopper', pg_temp.visitor(2)::text, '2024-05-01', '2024-06-01');
SELECT status FROM influence.add_to_cohort('beta', 'shopper', upper(pg_temp.visitor(2)::text), '2024-05-01', '2024-06-01');
SELECT status FROM influence.add_to_cohort('beta', 'creator', '01', '2024-05-01');
SELECT status FROM influence.remove_from_cohort('beta', 'creator', '1', '2024-07-01');
SELECT status FROM influence.remove_from_cohort('beta', 'creator', '1', '2024-07-01');
SELECT member_kind, member_id, valid FROM influence.cohort_member ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN011', $$add_to_cohort('beta', 'shopper', pg_temp.visitor(2)::text, '2024-05-31')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$add_to_cohort('beta', 'creator', '99')$$, $$add_to_cohort('beta', 'shopper', pg_temp.visitor(99)::text)$$, $$add_to_cohort('beta', 'creator', NULL)$$, $$remove_from_cohort('gamma', 'creator', '1')$$, $$remove_from_cohort('beta', 'creator', '1', '2024-08-01')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$add_to_cohort('beta', 'brand', '1')$$, $$add_to_cohort('beta', NULL, '1')$$, $$add_to_cohort('beta', 'creator', 'anna')$$, $$add_to_cohort('', 'creator', '1')$$, $$add_to_cohort(NULL, 'creator', '1')$$,
	$$add_to_cohort('b c', 'creator', '1')$$, $$add_to_cohort('b', 'creator', '1', '2024-05-01', '2024-05-01')$$, $$add_to_cohort('b', 'creator', '1', 'infinity')$$, $$remove_from_cohort('beta', 'creator', '1', 'infinity')$$);

-- Without a rule everybody may. From 1 March on members of any plan comment, from 1 May on only Prime, and nobody in Germany.
SELECT * FROM influence.may(1, 'comment', pg_temp.visitor(1), '2024-02-01');
SELECT status, rule_id FROM influence.set_capability(1, 'comment', plan => '*', valid_from => '2024-03-01', valid_to => '2024-05-01');
SELECT status, rule_id FROM influence.set_capability(1, 'comment', plan => 'prime', valid_from => '2024-05-01');
SELECT status, rule_id FROM influence.set_capability(1, 'comment', false, country => 'DE', valid_from => '2024-05-01');
SELECT status, rule_id FROM influence.set_capability(1, 'comment', false, country => 'DE', valid_from => '2024-05-01');
SELECT v, at, m.* FROM unnest(ARRAY[1, 2]) v, unnest('{2024-02-29,2024-03-01,2024-04-30,2024-05-01,2024-06-01}'::timestamptz[]) at, influence.may(1, 'comment', pg_temp.visitor(v), at, 'US') m ORDER BY 1, 2;
-- the country that is known, or the one that is said
SELECT m.* FROM unnest(ARRAY[NULL, 'US', 'FR']) c, influence.may(1, 'comment', pg_temp.visitor(1), '2024-05-10', c) m;
SELECT * FROM influence.may(1, 'comment', NULL, '2024-05-10', 'US');
SELECT * FROM influence.may(2, 'comment', pg_temp.visitor(2), '2024-05-10');
-- a comment is judged by when it was written
SELECT status FROM influence.update_shopper(pg_temp.visitor(1), 'US');
SELECT pg_temp.refused($$comment_on_post(pg_temp.visitor(2), 1, 'c', 'x', '2024-03-10')$$);
SELECT status FROM influence.comment_on_post(pg_temp.visitor(2), 1, 'c', 'x', '2024-02-29');
SELECT status FROM influence.comment_on_post(pg_temp.visitor(1), 1, 'c', 'x', '2024-03-10');
SELECT status FROM influence.comment_on_post(pg_temp.visitor(1), 1, 'd', 'x', '2024-05-10');
SELECT pg_temp.refused($$comment_on_post(pg_temp.visitor(1), 1, 'e', 'x', '2024-06-10')$$);
-- and a retry is no new event
SELECT status FROM influence.end_membership(pg_temp.visitor(1), '2024-04-15');
SELECT status FROM influence.comment_on_post(pg_temp.visitor(1), 1, 'd', 'x', '2024-05-10');

-- A rule with the same keys ends the open one; others in the way are refused.
SELECT status, rule_id FROM influence.set_capability(1, 'comment', plan => 'prime', allowed => false, valid_from => '2024-07-01');
SELECT rule_id, allowed, valid FROM influence.capability_rule ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN011', $$set_capability(1, 'comment', plan => 'prime', valid_from => '2024-04-01')$$, $$set_capability(1, 'comment', plan => '*', valid_from => '2024-04-01', valid_to => '2024-04-02')$$);
SELECT * FROM pg_temp.not_refused('IN004', $$set_capability(1, 'comment', country => 'DE', valid_from => '2024-05-01')$$, $$set_capability(1, 'comment', false, country => 'DE', valid_from => '2024-05-01', valid_to => '2025-01-01')$$);
SELECT status FROM influence.end_capability(1, 3, '2024-06-01');
SELECT status FROM influence.end_capability(1, 3, '2024-06-01');
SELECT * FROM influence.may(1, 'comment', NULL, '2024-06-01', 'DE');
SELECT * FROM pg_temp.not_refused('IN005', $$end_capability(1, 3, '2024-05-01')$$, $$end_capability(1, 3, '2024-06-02')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$end_capability(1, 99)$$, $$end_capability(2, 3)$$, $$end_capability(1, NULL)$$, $$set_capability(99, 'comment')$$, $$set_capability(1, 'comment', plan => 'gold')$$, $$may(99, 'comment')$$, $$may(1, 'comment', creator_id => 99)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_capability(1, 'sing')$$, $$set_capability(1, NULL)$$, $$set_capability(NULL, 'comment')$$, $$set_capability(1, 'comment', NULL)$$, $$set_capability(1, 'comment', plan => NULL)$$,
	$$set_capability(1, 'comment', country => 'Germany')$$, $$set_capability(1, 'comment', valid_from => NULL)$$, $$set_capability(1, 'comment', valid_from => 'infinity')$$, $$set_capability(1, 'comment', valid_from => '2024-01-01', valid_to => '2024-01-01')$$,
	$$end_capability(1, 3, NULL)$$, $$end_capability(1, 3, 'infinity')$$, $$may(1, 'sing')$$, $$may(1, NULL)$$, $$may(1, 'comment', at => NULL)$$);

-- Votes and follows belong to no program: rules of program 0. A vote may name one.
SELECT status, rule_id FROM influence.set_capability(0, 'vote', cohort => 'beta', valid_from => '2024-05-01');
SELECT status, rule_id FROM influence.set_capability(2, 'vote', false, surface => 'web', valid_from => '2024-05-01');
SELECT status FROM influence.vote_product(pg_temp.visitor(2), 1, 1, '2024-05-10', 2, 'app');
SELECT pg_temp.refused($$vote_product(pg_temp.visitor(2), 1, -1, '2024-05-11', 2, 'web')$$);
SELECT pg_temp.refused($$vote_product(pg_temp.visitor(3), 1, 1, '2024-05-10')$$);
SELECT status FROM influence.vote_product(pg_temp.visitor(3), 1, 1, '2024-04-30');
-- the cohort ended; taking back is always allowed
SELECT pg_temp.refused($$vote_product(pg_temp.visitor(2), 1, -1, '2024-06-01')$$);
SELECT status, vote_now FROM influence.vote_product(pg_temp.visitor(2), 1, 0, '2024-06-01');
SELECT status FROM influence.follow(pg_temp.visitor(3), 1, since => '2024-05-01');
SELECT status, rule_id FROM influence.set_capability(0, 'follow', country => 'US', valid_from => '2024-05-02');
SELECT pg_temp.refused($$follow(pg_temp.visitor(3), 2, since => '2024-05-02')$$);
SELECT status FROM influence.follow(pg_temp.visitor(3), 1, since => '2024-05-03');
SELECT status FROM influence.follow(pg_temp.visitor(4), 2, since => '2024-05-02');
-- smiles; taking one back needs nothing, and what is no capability neither
SELECT status, rule_id FROM influence.set_capability(1, 'smile', surface => 'app', valid_from => '2024-05-01');
SELECT status FROM influence.react(pg_temp.visitor(3), 1, 'smile', occurred_at => '2024-05-05', surface => 'app');
SELECT pg_temp.refused($$react(pg_temp.visitor(4), 1, 'smile', occurred_at => '2024-05-05', surface => 'web')$$);
SELECT status FROM influence.react(pg_temp.visitor(3), 1, 'unsmile', occurred_at => '2024-05-06', surface => 'web');
SELECT status FROM influence.react(pg_temp.visitor(4), 1, 'share', occurred_at => '2024-05-05', surface => 'web');
-- reading the feed
SELECT status, rule_id FROM influence.set_capability(1, 'read', country => 'US', valid_from => '2024-05-01');
SELECT status FROM influence.follow(pg_temp.visitor(4), 1, since => '2024-05-02');
SELECT count(*) AS shown FROM influence.get_feed(1, pg_temp.visitor(4), as_of => '2024-05-05');
SELECT * FROM pg_temp.not_refused('IN005', $$get_feed(1, pg_temp.visitor(3), as_of => '2024-05-05')$$, $$get_feed(1, pg_temp.visitor(99), as_of => '2024-05-05')$$,
	$$get_comments(1, pg_temp.visitor(3), as_of => '2024-05-05')$$, $$get_comments(1, as_of => '2024-05-05')$$);
SELECT count(*) FROM influence.get_comments(1, pg_temp.visitor(4), as_of => '2024-05-11');
SELECT count(*) FROM influence.get_feed(1, pg_temp.visitor(3), as_of => '2024-02-05');

-- Posts: a beta of videos for a cohort of creators, live ones for Prime, from an app only.
SELECT status, rule_id FROM influence.set_capability(1, 'post_video', cohort => 'beta', surface => 'app', valid_from => '2024-05-01');
SELECT status, rule_id FROM influence.set_capability(1, 'post_live', plan => 'prime', valid_from => '2024-05-01');
SELECT at, surface, x.error FROM (VALUES ('2024-04-30', 'web'), ('2024-05-02', 'app'), ('2024-05-02', 'web'), ('2024-07-01', 'app')) v(at, surface),
	LATERAL (SELECT pg_temp.refused(pg_temp.publish('anna', 'v' || at || surface, at::timestamptz, 'video', jsonb_build_object('surface', surface))) AS error) x;
SELECT post_ref, kind, surface FROM influence.post WHERE kind = 'video' ORDER BY 1;
SELECT pg_temp.refused(pg_temp.publish('anna', 'l1', '2024-05-02', 'live'));
SELECT status FROM influence.record_membership(pg_temp.visitor(11), 'prime', '2024-05-02');
SELECT pg_temp.refused(pg_temp.publish('anna', 'l1', '2024-05-02', 'live'));
SELECT * FROM influence.may(1, 'post_live', creator_id => 1, at => '2024-05-02');
SELECT * FROM influence.may(1, 'post_live', creator_id => 2, at => '2024-05-02');
SELECT pg_temp.refused(pg_temp.publish('anna', 'p9', '2024-05-02'));

-- An agency publishes for those it acts for, while it is active.
SELECT pg_temp.refused(pg_temp.publish('anna', 'by agent', '2024-05-03', details => '{"agent_id": 3, "use_case": "tutorial"}'));
SELECT post_ref, creator_id, agent_id, use_case FROM influence.post WHERE agent_id IS NOT NULL;
SELECT status FROM influence.set_creator_status(3, 'suspended', 'r', 'ops', '2024-05-04');
SELECT * FROM pg_temp.not_refused('IN005', pg_temp.publish('bert', 'x', '2024-05-03', details => '{"agent_id": 3}'), pg_temp.publish('anna', 'x', '2024-05-04', details => '{"agent_id": 3}'),
	pg_temp.publish('anna', 'x', '2024-05-03', details => '{"agent_id": 2}'), pg_temp.publish('anna', 'x', '2024-05-03', details => '{"agent_id": 1}'));
SELECT * FROM pg_temp.not_refused('IN003', pg_temp.publish('anna', 'x', '2024-05-03', details => '{"agent_id": 99}'), pg_temp.publish('anna', 'x', '2024-05-03', details => '{"campaign_id": 99}'));
SELECT * FROM pg_temp.not_refused('IN002', pg_temp.publish('anna', 'x', '2024-05-03', details => '{"use_case": "fun"}'), pg_temp.publish('anna', 'x', '2024-05-03', details => '{"agent_id": "me"}'),
	pg_temp.publish('anna', 'x', '2024-05-03', details => '{"expires_at": "2024-05-03"}'), pg_temp.publish('anna', 'x', '2024-05-03', details => '{"expires_at": "infinity"}'), pg_temp.publish('anna', 'x', '2024-05-03', details => '{"expires_at": "soon"}'));

-- What a post has to keep: brands, quota, samples, paid campaigns (each has a test of its own; here that it is asked).
SELECT status FROM influence.add_product('torch', 'Torch', 1, brand => 'Lumen');
CREATE FUNCTION pg_temp.torch(ref text, at timestamptz, details jsonb DEFAULT '{}', disclosure text DEFAULT 'none') RETURNS text LANGUAGE sql AS
$$ SELECT format('publish_post(1, 2, %L, ''photo'', %L, published_at => %L, details => %L, disclosure => %L)', ref, '[{"product_id": 3}, {"product_id": 3, "x": 0.5}]', at, details, disclosure) $$;
SELECT status FROM influence.set_brand_rule(1, 'Lumen', false, '2024-06-01', '2024-06-02');
SELECT pg_temp.refused(pg_temp.torch('t1', '2024-06-01')), pg_temp.refused(pg_temp.torch('t1', '2024-06-02'));
SELECT status FROM influence.set_quota(1, 2, max_posts => 1, valid_from => '2024-07-01');
SELECT pg_temp.refused(pg_temp.torch('t2', '2024-07-01')), pg_temp.refused(pg_temp.torch('t3', '2024-07-31'));
-- what was published is a duplicate though the quota is used up
SELECT status FROM influence.publish_post(1, 2, 't2', 'photo', '[{"product_id": 3}, {"product_id": 3, "x": 0.5}]', published_at => '2024-07-01', details => '{}', disclosure => 'none');
INSERT INTO influence.setting (name, version, value) VALUES ('sample_minimum_followers', 2, '0');
SELECT status FROM influence.send_sample(1, 2, 's', 3, 'ops', sent_at => '2024-08-01');
SELECT pg_temp.refused(pg_temp.torch('t4', '2024-08-02')), pg_temp.refused(pg_temp.torch('t4', '2024-08-02', disclosure => 'gifted'));
SELECT status, campaign_id FROM influence.create_campaign(1, 'lights', 'Lights', paid => true);
SELECT status, campaign_id FROM influence.create_campaign(2, 'elsewhere', 'Elsewhere');
SELECT pg_temp.refused(pg_temp.torch('t5', '2024-09-02', '{"campaign_id": 1}', 'gifted')), pg_temp.refused(pg_temp.torch('t5', '2024-09-02', '{"campaign_id": 1}', 'paid')),
	pg_temp.refused(pg_temp.torch('t6', '2024-10-02', '{"campaign_id": 2}', 'paid'));
-- where a creator lived at the time is where it may post
SELECT status, rule_id FROM influence.set_capability(1, 'post_story', country => 'AT', valid_from => '2024-01-01');
SELECT status FROM influence.update_creator(2, 'AT', '', '2024-11-01', 'ops');
SELECT m.* FROM unnest('{2024-10-31,2024-11-01}'::timestamptz[]) at, influence.may(1, 'post_story', creator_id => 2, at => at) m;

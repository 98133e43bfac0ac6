--
-- Sponsored campaigns: who is shown what, what is charged and when it is free, refunds, payments, the books. Amounts were worked out by
-- hand: floor(bid x impressions / 1,000), or bid x clicks.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT category_id FROM influence.create_category('all');
SELECT topic_id FROM unnest('{tools,rugs}'::text[]) n CROSS JOIN LATERAL influence.create_topic(n);
SELECT product_ids FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1, "brand": "Acme"}, {"sku": "torch", "title": "Torch", "category_id": 1, "brand": "Bolt"}]');
SELECT pg_temp.new_program('Shop', 'USD', 'America/New_York', '{}', '{"hold": "0"}'), pg_temp.new_program('Other', 'JPY', 'UTC', '{}', '{}');
SELECT status FROM influence.set_commission_policy(1, '{"platform_rate": 0.02}', '2024-01-01');
SELECT pg_temp.new_creator('anna'), pg_temp.new_creator('bert');
SELECT post_id FROM generate_series(1, 6) n CROSS JOIN LATERAL influence.publish_post(CASE n WHEN 6 THEN 2 ELSE 1 END, pg_temp.creator(CASE WHEN n < 4 THEN 'anna' ELSE 'bert' END),
	'post ' || n, 'photo', '[{"product_id": 1}]', published_at => '2024-01-01') x;
-- times are counted from the first moment of the day before yesterday in New York, in hours
CREATE FUNCTION pg_temp.at(hours numeric) RETURNS timestamptz LANGUAGE sql STABLE AS
$$ SELECT (date_trunc('day', now() AT TIME ZONE 'America/New_York') - interval '2 days') AT TIME ZONE 'America/New_York' + hours * interval '1 hour' $$;
CREATE FUNCTION pg_temp.campaign(ref text, posts bigint[] DEFAULT '{1}', budget bigint DEFAULT 1000, pricing text DEFAULT 'impression', bid bigint DEFAULT 1500, targeting jsonb DEFAULT '{}',
	cap jsonb DEFAULT NULL, begins numeric DEFAULT 0, ends numeric DEFAULT 100, program bigint DEFAULT 1, brand text DEFAULT 'Acme', disclosure text DEFAULT 'paid') RETURNS text LANGUAGE sql AS
$$ SELECT format('%s %s', c.status, c.sponsored_campaign_id) FROM influence.create_sponsored_campaign(program, ref, brand, ref, posts, budget, pricing, bid, pg_temp.at(begins), pg_temp.at(ends), targeting, cap, disclosure) c $$;
CREATE FUNCTION pg_temp.id(ref text) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT sponsored_campaign_id FROM influence.sponsored_campaign WHERE campaign_ref = ref AND program_id = 1 $$;
-- the campaigns that a viewer may be shown, best first
CREATE FUNCTION pg_temp.shown(viewer int DEFAULT 1, country text DEFAULT NULL, topics bigint[] DEFAULT NULL, personalised boolean DEFAULT true, surface text DEFAULT 'feed', hours numeric DEFAULT 10, program bigint DEFAULT 1, max_rows int DEFAULT 40)
RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(format('%s/%s', c.campaign_ref, s.post_id), ' ' ORDER BY s.place) FROM influence_internal.sponsored_candidates(program, pg_temp.visitor(viewer), influence_internal.person_visitors(pg_temp.visitor(viewer)),
	country, topics, personalised, surface, pg_temp.at(hours), max_rows) s JOIN influence.sponsored_campaign c USING (sponsored_campaign_id) $$;
-- impressions first to last of a campaign, one each minute from an hour on, by a visitor each, or all by one
CREATE FUNCTION pg_temp.show(campaign bigint, first bigint, last bigint, hours numeric DEFAULT 1, visitor int DEFAULT NULL, kind text DEFAULT 'impression') RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(DISTINCT CASE kind WHEN 'click' THEN influence_internal.charge_click(campaign, n, 1, pg_temp.visitor(coalesce(visitor, n::int)), 1, pg_temp.at(hours) + n * interval '1 second')
	ELSE influence_internal.charge_impression(campaign, n, 1, pg_temp.visitor(coalesce(visitor, n::int)), 1, pg_temp.at(hours) + n * interval '1 second') END, ' ') FROM generate_series(first, last) n $$;
CREATE FUNCTION pg_temp.total(campaign bigint) RETURNS text LANGUAGE sql AS
$$ SELECT format('impressions %s clicks %s units %s free %s refunded %s spent %s ledger %s', t.impressions, t.clicks, t.units, t.free, t.refunded, t.spent,
	(SELECT string_agg(CASE l.kind WHEN 'sponsored' THEN l.amount ELSE -l.amount END::text, '+' ORDER BY l.entry_no) FROM influence.ledger l WHERE l.entry_key LIKE 'sponsored/' || campaign || '/%'))
	FROM influence.sponsored_total t WHERE t.sponsored_campaign_id = campaign $$;

-- A campaign is made once
SELECT pg_temp.campaign('one'), pg_temp.campaign('one') AS again, pg_temp.campaign('one', program => 2, posts => '{6}') AS elsewhere;
SELECT * FROM pg_temp.not_refused('IN004', $$create_sponsored_campaign(1, 'one', 'Acme', 'one', '{1}', 999, 'impression', 1500, '2026-01-01', '2026-02-01')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$create_sponsored_campaign(9, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day')$$,
	$$create_sponsored_campaign(1, 'x', 'Nobody', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day')$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1,6}', 999, 'impression', 1500, now(), now() + interval '1 day')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{"topics": ["cars"]}')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{"plans": ["gold"]}')$$,
	$$set_sponsored_budget(99, 5, 'ann')$$, $$set_sponsored_status(99, 'paused', 'ann')$$, $$refund_sponsored(99, 'r', '{1}', 'bots', 'ann')$$, $$record_sponsor_payment(1, 'Nobody', 5, 'p')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$create_sponsored_campaign(1, NULL, 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day')$$,
	$$create_sponsored_campaign(1, 'x', NULL, 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day')$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', NULL, 999, 'impression', 1500, now(), now() + interval '1 day')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{NULL}', 999, 'impression', 1500, now(), now() + interval '1 day')$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 0, 'impression', 1500, now(), now() + interval '1 day')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', -1, now(), now() + interval '1 day')$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 29, 'click', 30, now(), now() + interval '1 day')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 1, 'impression', 2000, now(), now() + interval '1 day')$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'view', 1500, now(), now() + interval '1 day')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now())$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), 'infinity')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, '-infinity', now())$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '367 days')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{"topic": ["tools"]}')$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{"topics": "tools"}')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{"countries": ["de"]}')$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '[]')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{"verticals": [null]}')$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{"cohorts": ["No Such"]}')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{}', '{"impressions": 3}')$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{}', '{"impressions": 1.5, "per": "1 day"}')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{}', '{"impressions": 3, "per": "soon"}')$$, $$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', '{}', '{"impressions": 3, "per": "-1 day"}')$$,
	$$create_sponsored_campaign(1, 'x', 'Acme', 'x', '{1}', 999, 'impression', 1500, now(), now() + interval '1 day', disclosure => 'none')$$,
	$$set_sponsored_budget(1, NULL, 'ann')$$, $$set_sponsored_budget(1, 0, 'ann')$$, $$set_sponsored_budget(1, 5, NULL)$$, $$set_sponsored_status(1, 'gone', 'ann')$$, $$set_sponsored_status(1, NULL, 'ann')$$, $$set_sponsored_status(1, 'paused', '')$$,
	$$refund_sponsored(1, 'r', '{}', 'bots', 'ann')$$, $$refund_sponsored(1, 'r', '{1}', '', 'ann')$$, $$refund_sponsored(1, NULL, '{1}', 'bots', 'ann')$$, $$record_sponsor_payment(1, 'Acme', 0, 'p')$$, $$record_sponsor_payment(1, 'Acme', NULL, 'p')$$);
SELECT count(*) FROM influence.sponsored_campaign;

-- An impression is charged once, whoever tells it how often, and nothing is booked before the job: 1.5 each, 4.5, with a fourth 6.
SELECT pg_temp.show(1, 1, 3), pg_temp.show(1, 1, 3) AS again, pg_temp.show(1, 3, 3, 9, 77) AS other_time_and_visitor, pg_temp.total(1);
SELECT * FROM influence.charge_sponsors();
SELECT pg_temp.show(1, 1, 4), pg_temp.total(1);
SELECT * FROM influence.charge_sponsors();
SELECT * FROM influence.charge_sponsors();
SELECT pg_temp.total(1);
-- six more on two days in one run: 7 to 13, and 13 to 15
SELECT pg_temp.show(1, 5, 9, 2), pg_temp.show(1, 10, 10, 26);
SELECT status, impressions, amount FROM influence.charge_sponsors();
SELECT day - (SELECT min(day) FROM influence.sponsored_report) AS day, impressions, clicks, units, spend, ctr, ecpm, cost_per_click, currency FROM influence.sponsored_report ORDER BY day;
SELECT party_id, kind, debit_account, credit_account, amount, currency, occurred_at - pg_temp.at(0) AS after, source, entry_key, regexp_replace(note, ' of .*', '') AS note FROM influence.ledger WHERE kind = 'sponsored' ORDER BY entry_no;
-- a device whose clock is wrong
SELECT influence_internal.charge_impression(1, 11, 1, pg_temp.visitor(1), 1, '1990-01-01'), influence_internal.charge_impression(1, 12, 1, pg_temp.visitor(1), 1, now() + interval '20 hours');
SELECT impression_id, c.occurred_at = pg_temp.at(0) AS at_the_beginning, c.occurred_at > now() - interval '1 minute' AS now FROM influence.sponsored_pending JOIN influence.sponsored_charge c USING (sponsored_campaign_id, kind, impression_id) ORDER BY 1;
SELECT pg_temp.error_of('SELECT influence_internal.charge_impression(1, 13, 2, gen_random_uuid(), 1, now())') AS other_program, pg_temp.error_of('SELECT influence_internal.charge_impression(99, 13, 1, gen_random_uuid(), 1, now())') AS no_campaign,
	pg_temp.error_of('SELECT influence_internal.charge_impression(1, NULL, 1, gen_random_uuid(), 1, now())') AS no_id;

-- A budget of 10 covers 7 (10.5), 12 covers 8: in the order of time; the rest is free, whatever the budget becomes.
SELECT pg_temp.campaign('small', budget => 10);
SELECT pg_temp.show(3, 1, 9);
SELECT campaigns, impressions, units, free, amount FROM influence.charge_sponsors();
SELECT pg_temp.total(3), (SELECT string_agg(impression_id::text, ' ' ORDER BY impression_id) FROM influence.sponsored_free) AS free;
SELECT pg_temp.refused($$set_sponsored_budget(3, 9, 'ann')$$);
SELECT * FROM influence.set_sponsored_budget(3, 12, 'ann', 'more');
SELECT * FROM influence.set_sponsored_budget(3, 12, 'ann', 'more');
SELECT status, units FROM influence.charge_sponsors();
-- what is pending when the budget changes is charged by the old one: one of two; then all of 10 and 2
SELECT pg_temp.show(3, 10, 11);
SELECT status, spent FROM influence.set_sponsored_budget(3, 1000, 'ann');
SELECT pg_temp.show(3, 12, 13);
SELECT status, spent FROM influence.set_sponsored_budget(3, 15, 'ann');
SELECT pg_temp.total(3);
SELECT change_no, budget, status, actor, reason FROM influence.sponsored_change WHERE sponsored_campaign_id = 3 ORDER BY 1;

-- A refund of 3 of 10: 15 becomes 10 (10.5); what was free costs nothing to give back
SELECT * FROM influence.refund_sponsored(3, 'bots', '{1,2,3,3,8}', 'bots', 'ann');
SELECT * FROM influence.refund_sponsored(3, 'bots', '{8,3,2,1}', 'bots', 'ann');
SELECT * FROM influence.refund_sponsored(3, 'free', '{9}', 'bots', 'ann');
SELECT pg_temp.total(3);
SELECT pg_temp.refused($$refund_sponsored(3, 'bots', '{1}', 'bots', 'ann')$$) AS other_content, pg_temp.refused($$refund_sponsored(3, 'more', '{4,1}', 'bots', 'ann')$$) AS twice, pg_temp.refused($$refund_sponsored(3, 'more', '{4,99}', 'bots', 'ann')$$) AS unknown;
SELECT units, refunded, free, spend FROM influence.sponsored_report WHERE sponsored_campaign_id = 3;
-- what came back may be spent again: the budget covers 10 (15), three more; and what is pending can be given back at once
SELECT pg_temp.show(3, 14, 17);
SELECT * FROM influence.refund_sponsored(3, 'at once', '{15,17}', 'bots', 'ann');
SELECT pg_temp.total(3);
SELECT kind, debit_account, credit_account, amount, note FROM influence.ledger WHERE kind = 'sponsored_refund' ORDER BY entry_no;

-- An hour after the end, or told a week after it, an impression is free; one that is known is a duplicate
SELECT pg_temp.campaign('over', ends => 5), pg_temp.campaign('ended'), pg_temp.campaign('old', begins => -300, ends => -200);
SELECT pg_temp.show(4, 1, 1, 5.9) AS open_page, pg_temp.show(4, 2, 2, 6) AS later, pg_temp.show(4, 1, 1, 30) AS known, pg_temp.show(6, 1, 1, -250) AS told_late;
SELECT status FROM influence.set_sponsored_status(5, 'ended', 'ann', 'enough');
SELECT status FROM influence.set_sponsored_status(5, 'ended', 'ann', 'enough');
SELECT pg_temp.refused($$set_sponsored_status(5, 'active', 'ann')$$), pg_temp.refused($$set_sponsored_budget(5, 2000, 'ann')$$);
SELECT influence_internal.charge_impression(5, 1, 1, pg_temp.visitor(1), 1, now()), influence_internal.charge_impression(5, 2, 1, pg_temp.visitor(1), 1, now() + interval '2 hours') AS later;

-- Who is shown a campaign. What is paid for: 1,000 impressions, or 10 clicks at the rate of 1 in 100; a post with a quarter of the engagement counts for that
SELECT status FROM influence.set_sponsored_status(1, 'paused', 'ann');
SELECT pg_temp.shown();
UPDATE influence.sponsored_campaign SET status = 'paused' WHERE status = 'active';
INSERT INTO influence.sponsored_change (sponsored_campaign_id, change_no, budget, status, actor) SELECT c.sponsored_campaign_id, h.change_no + 1, c.budget, 'paused', 'test'
	FROM influence.sponsored_campaign c JOIN LATERAL (SELECT max(change_no) AS change_no FROM influence.sponsored_change x WHERE x.sponsored_campaign_id = c.sponsored_campaign_id) h ON true
	WHERE c.status = 'paused' AND c.sponsored_campaign_id <> 1;
INSERT INTO influence.feed_item (post_id, program_id, creator_id, published_at, media_key, quality, engagement)
	SELECT n, 1, pg_temp.creator(CASE WHEN n < 4 THEN 'anna' ELSE 'bert' END), '2024-01-01', n, 0, CASE n WHEN 1 THEN '0' WHEN 2 THEN '-2' WHEN 3 THEN '9' ELSE 'NaN' END::float8 FROM generate_series(1, 5) n
	ON CONFLICT (post_id) DO UPDATE SET engagement = excluded.engagement;
SELECT pg_temp.campaign('plain'), pg_temp.campaign('dear', '{2}', bid => 3000, disclosure => 'gifted'), pg_temp.campaign('clicks', '{1}', pricing => 'click', bid => 100), pg_temp.campaign('many', '{1,2,3,4,5}', bid => 100);
SELECT s.place, c.campaign_ref, s.post_id, s.creator_id, s.disclosure, s.value, s.room FROM influence_internal.sponsored_candidates(1, pg_temp.visitor(1), ARRAY[pg_temp.visitor(1)], NULL, NULL, true, 'feed', pg_temp.at(10)) s JOIN influence.sponsored_campaign c USING (sponsored_campaign_id) ORDER BY place;
SELECT pg_temp.shown(max_rows => 2), pg_temp.shown(hours => -0.1) AS before, pg_temp.shown(hours => 0) IS NOT NULL AS first_moment, pg_temp.shown(hours => 100) AS after, pg_temp.shown(program => 2) AS elsewhere;
-- the bids of two are the same: each viewer has an order of its own, the same all day
SELECT pg_temp.campaign('twin', '{1}');
SELECT count(DISTINCT pg_temp.shown(n, max_rows => 2)) AS orders, bool_and(pg_temp.shown(n) = pg_temp.shown(n, hours => 11)) AS same FROM generate_series(1, 40) n;
SELECT status FROM influence.set_sponsored_status(pg_temp.id('twin'), 'paused', 'ann', 'rest');

-- Targeting: a list that is there has to fit
SELECT pg_temp.campaign('german', bid => 9000, targeting => '{"countries": ["DE", "AT"]}'), pg_temp.campaign('app', bid => 8000, targeting => '{"surfaces": ["app"]}'), pg_temp.campaign('tools', bid => 7000, targeting => '{"topics": ["tools"]}');
SELECT pg_temp.shown(max_rows => 1), pg_temp.shown(country => 'AT', max_rows => 1), pg_temp.shown(country => 'FR', max_rows => 1) AS french, pg_temp.shown(surface => 'app', max_rows => 1), pg_temp.shown(surface => NULL, max_rows => 1) AS nowhere,
	pg_temp.shown(topics => '{2,1}', max_rows => 1), pg_temp.shown(topics => '{2}', max_rows => 1) AS rugs, pg_temp.shown(topics => '{1}', personalised => false, max_rows => 1) AS not_personal, pg_temp.shown(country => 'DE', personalised => false, max_rows => 1);
SELECT r.status, m.status FROM influence.register_shopper(pg_temp.visitor(50)) r, influence.create_membership_plan('gold', 'Gold') m;
SELECT status FROM influence.add_to_cohort('beta', 'shopper', pg_temp.visitor(50)::text, pg_temp.at(0), pg_temp.at(20));
SELECT status FROM influence.record_membership(pg_temp.visitor(50), 'gold', pg_temp.at(0), pg_temp.at(20));
SELECT status FROM influence.update_creator(pg_temp.creator('anna'), NULL, 'home', pg_temp.at(0), 'test');
SELECT pg_temp.campaign('beta', bid => 9000, targeting => '{"cohorts": ["beta", "gamma"]}'), pg_temp.campaign('gold', bid => 8500, targeting => '{"plans": ["gold"]}'), pg_temp.campaign('members', bid => 8400, targeting => '{"plans": ["*"]}'),
	pg_temp.campaign('home', bid => 8300, targeting => '{"verticals": ["home"]}'), pg_temp.campaign('both', bid => 9900, targeting => '{"cohorts": ["beta"], "countries": ["DE"]}');
SELECT pg_temp.shown(50, max_rows => 3), pg_temp.shown(50, hours => 20, max_rows => 1) AS later, pg_temp.shown(50, personalised => false, max_rows => 1) AS not_personal, pg_temp.shown(51, max_rows => 1) AS nobody, pg_temp.shown(50, 'DE', max_rows => 1) AS both;
SELECT status FROM influence.follow(pg_temp.visitor(50), pg_temp.creator('anna'));
SELECT pg_temp.shown(50, max_rows => 4);
-- another visitor of the person
SELECT status FROM influence.identify(pg_temp.visitor(51), pg_temp.visitor(50));
SELECT pg_temp.shown(51, max_rows => 4);

-- Pacing: after 10 of 100 hours 110 of 1,000 may be spent, which 73 impressions are within (109.5), and 74 (111) are not; what is not counted yet, counts
CREATE FUNCTION pg_temp.pause(except_refs text[]) RETURNS boolean LANGUAGE sql AS
$$ SELECT count(s.*) > 0 FROM influence.sponsored_campaign c CROSS JOIN LATERAL influence.set_sponsored_status(c.sponsored_campaign_id, CASE WHEN c.campaign_ref = ANY (except_refs) THEN 'active' ELSE 'paused' END, 'test') s
	WHERE c.status <> 'ended' AND c.program_id = 1 $$;
SELECT pg_temp.campaign('paced'), pg_temp.campaign('capped', bid => 100, cap => '{"impressions": 2, "per": "1 day"}');
SELECT pg_temp.pause('{paced}');
SELECT amount FROM influence.charge_sponsors();
SELECT pg_temp.show(pg_temp.id('paced'), 1, 73) AS shown;
SELECT pg_temp.shown() AS pending;
SELECT units, amount FROM influence.charge_sponsors();
SELECT pg_temp.shown() AS counted, pg_temp.show(pg_temp.id('paced'), 74, 74) AS shown;
SELECT pg_temp.shown() AS with_pending, pg_temp.shown(hours => 10.2) AS later;
SELECT units FROM influence.charge_sponsors();
SELECT pg_temp.shown() AS counted, pg_temp.shown(hours => 10.2) AS later;
-- clicks do not count for a campaign that is priced by impressions
SELECT pg_temp.show(pg_temp.id('paced'), 1, 9, kind => 'click') AS shown;
SELECT pg_temp.shown(hours => 10.2);
-- the last ones: 667 impressions are the budget (1000.5), and the time is up
SELECT pg_temp.show(pg_temp.id('paced'), 75, 666) AS shown;
SELECT pg_temp.shown(hours => 99.9);
SELECT units, clicks, amount FROM influence.charge_sponsors();
SELECT pg_temp.shown(hours => 99.9), pg_temp.show(pg_temp.id('paced'), 667, 667) AS shown;
SELECT pg_temp.shown(hours => 99.9) AS with_pending;
SELECT units, amount FROM influence.charge_sponsors();
SELECT pg_temp.total(pg_temp.id('paced')), pg_temp.shown(hours => 99.9);
-- a viewer gets two a day, as whichever visitor
SELECT pg_temp.pause('{capped}'), pg_temp.show(pg_temp.id('capped'), 1, 1, 2, 50), pg_temp.show(pg_temp.id('capped'), 2, 2, 2, 60);
SELECT viewer, s.room FROM (VALUES (50), (51), (60), (70)) v(viewer) CROSS JOIN LATERAL influence_internal.sponsored_candidates(1, pg_temp.visitor(viewer), influence_internal.person_visitors(pg_temp.visitor(viewer)), NULL, NULL, true, NULL, pg_temp.at(10)) s ORDER BY viewer;
SELECT pg_temp.show(pg_temp.id('capped'), 3, 3, 3, 51);
SELECT pg_temp.shown(50), pg_temp.shown(51) AS same_person, pg_temp.shown(60) AS other, pg_temp.shown(50, hours => 25.9) AS a_day_less, pg_temp.shown(50, hours => 26.5) AS one_left;

-- Clicks, 30 each, of a budget of 100. A touch that names an impression is a click on it, once, before or after it is known
SELECT pg_temp.campaign('by click', pricing => 'click', bid => 30, budget => 100);
CREATE FUNCTION pg_temp.click(n int, impression bigint, visitor int, kind text DEFAULT 'click', details jsonb DEFAULT '{}', program bigint DEFAULT 1) RETURNS text LANGUAGE sql AS
$$ SELECT status FROM influence.record_touch(program, pg_temp.visitor(visitor), 'touch ' || n, kind, pg_temp.creator('anna'), pg_temp.at(4), details => details || jsonb_build_object('impression_id', impression)) $$;
CREATE FUNCTION pg_temp.clicked(ref text) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(impression_id::text, ' ' ORDER BY impression_id) FROM influence.sponsored_charge WHERE sponsored_campaign_id = pg_temp.id(ref) AND kind = 'click' $$;
SELECT pg_temp.show(pg_temp.id('by click'), 101, 109);
SELECT pg_temp.click(1, 101, 101), pg_temp.click(2, 101, 101) AS again, pg_temp.click(3, 102, 999) AS stranger, pg_temp.click(4, 103, 103, details => '{"bot_verdict": "bot"}') AS bot, pg_temp.click(5, 104, 104, 'view') AS view,
	pg_temp.click(6, 105, 105, program => 2) AS elsewhere, pg_temp.click(7, 777, 101) AS organic, pg_temp.click(8, 110, 110) AS early;
SELECT impressions, clicks, units, amount FROM influence.charge_sponsors();
SELECT pg_temp.clicked('by click'), pg_temp.show(pg_temp.id('by click'), 110, 110), pg_temp.show(pg_temp.id('by click'), 101, 101, kind => 'click') AS by_the_impression;
SELECT impressions, clicks, units, amount FROM influence.charge_sponsors();
SELECT pg_temp.clicked('by click');
-- by another visitor of the person, and by the impression's own word; the fourth is beyond the budget
SELECT pg_temp.show(pg_temp.id('by click'), 111, 111, 3, 51), pg_temp.click(9, 111, 50, details => '{"bot_verdict": "human"}'), pg_temp.show(pg_temp.id('by click'), 106, 106, 5, kind => 'click');
SELECT impressions, clicks, units, free, amount FROM influence.charge_sponsors();
SELECT pg_temp.clicked('by click'), pg_temp.total(pg_temp.id('by click')), pg_temp.shown(hours => 90);
-- clicks of bots come back; the impressions were never charged
SELECT status, units, amount FROM influence.refund_sponsored(pg_temp.id('by click'), 'bots', '{101,110}', 'bots', 'ann');
SELECT pg_temp.refused(format('refund_sponsored(%s, ''x'', ''{109}'', ''bots'', ''ann'')', pg_temp.id('by click')));
SELECT impressions, clicks, units, free, refunded, spend, ctr, ecpm, cost_per_click FROM influence.sponsored_report WHERE campaign_ref = 'by click';

-- What a brand paid; its party is the one under which it funds commissions, whichever was first
SELECT * FROM influence.record_sponsor_payment(1, 'Acme', 700, 'wire 1', '2024-05-20', 'advance');
SELECT * FROM influence.record_sponsor_payment(1, 'Acme', 700, 'wire 1', '2024-05-20', 'advance');
SELECT pg_temp.refused($$record_sponsor_payment(1, 'Acme', 701, 'wire 1', '2024-05-20', 'advance')$$);
SELECT status FROM influence.record_sponsor_payment(1, 'Bolt', 5, 'wire 1');
SELECT program_id, brand, currency, charged, refunded, paid, owed FROM influence.sponsor_balance ORDER BY program_id, brand;
SELECT a.status, b.status FROM influence.create_brand_account(1, 'Acme') a, influence.create_brand_account(2, 'Bolt') b;
SELECT pg_temp.campaign('bolt', program => 2, posts => '{6}', brand => 'Bolt');
SELECT program_id, brand, b.party_id = a.party_id AS same FROM influence.brand_account b JOIN influence.sponsor_account a USING (program_id, brand) ORDER BY 1, 2;
SELECT party = (SELECT party_id FROM influence.sponsor_account WHERE program_id = 1 AND brand = 'Acme') AS brand, platform_revenue, owed FROM influence.balances(1) WHERE platform_revenue <> 0;

-- The status of campaigns: 9 impressions of 100 each are 900 of 1,000
SELECT pg_temp.campaign('soon', begins => 80, ends => 200), pg_temp.campaign('fast', bid => 100000);
SELECT pg_temp.show(pg_temp.id('fast'), 1, 9), status FROM influence.set_sponsored_status(pg_temp.id('paced'), 'active', 'ann');
SELECT amount FROM influence.charge_sponsors();
SELECT campaign_ref, state, spent, remaining, used FROM influence.sponsored_status WHERE campaign_ref IN ('soon', 'fast', 'paced', 'by click', 'capped', 'over', 'ended') AND program_id = 1 ORDER BY sponsored_campaign_id;

-- Through the feed: 40 posts of 12 creators, two campaigns of which one discloses a gift and is shown once a day; ranking charges nothing, what was seen is charged, told as often as one likes
SELECT pg_temp.pause('{}'), count(pg_temp.new_creator('c' || n)) FROM generate_series(1, 12) n;
SELECT count(*) FROM influence.set_price(1, 100, 'USD', '2024-01-01'), influence.set_stock(1, 5, '2024-01-01'), generate_series(1, 40) n CROSS JOIN LATERAL influence.publish_post(1, pg_temp.creator('c' || 1 + n % 12), 'feed ' || n, 'photo',
	'[{"product_id": 1}]', published_at => now() - n * interval '1 hour') x;
SELECT status FROM influence.refresh_stats();
SELECT pg_temp.campaign('feed a', ARRAY(SELECT post_id FROM influence.post WHERE post_ref IN ('feed 30', 'feed 31')), bid => 2000, budget => 100000, cap => '{"impressions": 3, "per": "1 day"}'),
	pg_temp.campaign('feed b', ARRAY(SELECT post_id FROM influence.post WHERE post_ref = 'feed 35'), pricing => 'click', bid => 50, budget => 100000, cap => '{"impressions": 1, "per": "1 day"}', disclosure => 'gifted');
CREATE TEMP TABLE page AS SELECT f.*, r.post_ref FROM influence.get_feed(1, pg_temp.visitor(70), 20) f JOIN influence.post r USING (post_id);
SELECT rank, post_ref, disclosure, 'sponsored' = ANY (sources) AS says_so FROM page WHERE sponsored ORDER BY rank;
SELECT count(*) AS rows, count(*) FILTER (WHERE disclosure NOT IN ('paid', 'gifted', 'affiliate')) AS silent FROM page;
SELECT pg_temp.total(pg_temp.id('feed a')), count(*) AS charges FROM influence.sponsored_charge WHERE sponsored_campaign_id >= pg_temp.id('feed a');
CREATE FUNCTION pg_temp.tell(more jsonb, who text DEFAULT '') RETURNS text LANGUAGE sql AS
$$ SELECT format('%s %s %s %s', r.status, r.recorded, r.updated, r.duplicates) FROM (SELECT jsonb_agg(jsonb_build_object('impression', p.impression) || more ORDER BY p.rank) AS items FROM page p WHERE p.disclosure ~ who) i,
	LATERAL influence.record_impressions(pg_temp.visitor(70), i.items) r $$;
SELECT pg_temp.tell('{"seen": false}') AS served;
SELECT count(*) AS charges FROM influence.sponsored_charge WHERE sponsored_campaign_id >= pg_temp.id('feed a');
SELECT pg_temp.tell('{"seen": true}') AS seen;
SELECT pg_temp.tell('{"seen": true}') AS again;
SELECT pg_temp.tell('{"clicked": true}', 'gifted') AS clicked;
SELECT pg_temp.tell('{"clicked": true}', 'gifted') AS again;
SELECT c.campaign_ref, x.kind, count(*) FROM influence.sponsored_charge x JOIN influence.sponsored_campaign c USING (sponsored_campaign_id) WHERE c.campaign_ref LIKE 'feed%' GROUP BY 1, 2 ORDER BY 1, 2;
-- the touch of the same click is the same click; one on another impression is another
SELECT pg_temp.click(20, (r.impression_ids)[1], 70) AS same, pg_temp.click(21, (r.impression_ids)[2], 70) AS of_feed_a FROM (SELECT jsonb_agg(jsonb_build_object('impression', p.impression) ORDER BY p.disclosure, p.rank) AS items FROM page p WHERE p.sponsored) i,
	LATERAL influence.record_impressions(pg_temp.visitor(70), i.items) r;
-- as after a restore: the job looks at everything
UPDATE influence.watermark SET system_identifier = 1 WHERE name = 'charge_sponsors';
SELECT impressions, clicks, units, free, amount FROM influence.charge_sponsors();
SELECT campaign_ref, impressions, clicks, units, spend FROM influence.sponsored_report WHERE campaign_ref LIKE 'feed%' ORDER BY 1;
-- the caps: one of three is left of the first, none of the second
SELECT rank, p.post_ref, f.disclosure FROM influence.get_feed(1, pg_temp.visitor(70), 20) f JOIN influence.post p USING (post_id) WHERE f.sponsored ORDER BY rank;

-- What is told long after it was shown is recorded, and free
SELECT count(*) FROM generate_series(1, 12) n CROSS JOIN LATERAL influence.publish_post(1, pg_temp.creator('c' || n), 'old ' || n, 'photo', '[{"product_id": 1}]', published_at => now() - interval '26 days' - n * interval '1 hour') x;
SELECT pg_temp.campaign('long', ARRAY(SELECT post_id FROM influence.post WHERE post_ref = 'old 12'), begins => -700, ends => 400, budget => 100000);
CREATE TEMP TABLE old_page AS SELECT d AS days, f.* FROM unnest('{19,21}'::int[]) d CROSS JOIN LATERAL influence.get_feed(1, pg_temp.visitor(71), 20, as_of => now() - d * interval '1 day') f WHERE f.sponsored;
CREATE TEMP TABLE old_told AS SELECT p.days, r.recorded, r.impression_ids[1] AS impression_id
  FROM old_page p CROSS JOIN LATERAL influence.record_impressions(pg_temp.visitor(71), jsonb_build_array(jsonb_build_object('impression', p.impression, 'clicked', true))) r;
SELECT o.days, o.recorded, (SELECT string_agg(x.kind, ' ' ORDER BY x.kind) FROM influence.sponsored_charge x WHERE x.impression_id = o.impression_id) AS charges FROM old_told o ORDER BY 1;

-- The job, roles, the books
CALL influence.run_due();
SELECT last_status, last_detail FROM influence.jobs WHERE job = 'charge_sponsors';
SELECT has_function_privilege('influence_writer', p.oid, 'EXECUTE') AS writer, has_function_privilege('influence_operator', p.oid, 'EXECUTE') AS operator, count(*) FROM pg_proc p WHERE p.pronamespace = 'influence'::regnamespace AND p.proname LIKE '%sponsor%' GROUP BY 1, 2;
SET ROLE influence_owner;
SELECT pg_temp.error_of('UPDATE influence.sponsored_charge SET occurred_at = now()'), pg_temp.error_of('DELETE FROM influence.sponsored_refund'), pg_temp.error_of('TRUNCATE influence.sponsored_free'), pg_temp.error_of('UPDATE influence.sponsored_charge SET visitor_id = gen_random_uuid() WHERE impression_id = 109');
RESET ROLE;
SELECT * FROM influence.check_books();
-- retention: what is old and counted goes, its numbers stay, and the books agree; what is pending or capped stays
CREATE TEMP TABLE before AS SELECT * FROM influence.sponsored_total;
UPDATE influence.sponsored_charge x SET occurred_at = now() - interval '500 days' FROM influence.sponsored_campaign c WHERE c.sponsored_campaign_id = x.sponsored_campaign_id AND c.campaign_ref IN ('by click', 'capped', 'fast', 'one', 'paced');
UPDATE influence.sponsored_campaign SET cap = 1, cap_per = '501 days' WHERE campaign_ref = 'fast';
INSERT INTO influence.sponsored_charge (sponsored_campaign_id, kind, impression_id, program_id, visitor_id, post_id, occurred_at) SELECT pg_temp.id('one'), 'impression', 99555, 1, pg_temp.visitor(5), 1, now() - interval '500 days';
INSERT INTO influence.sponsored_pending SELECT sponsored_campaign_id, kind, impression_id, occurred_at FROM influence.sponsored_charge WHERE impression_id = 99555;
CREATE TEMP TABLE old AS SELECT c.campaign_ref, x.kind, count(*) FROM influence.sponsored_charge x JOIN influence.sponsored_campaign c USING (sponsored_campaign_id) WHERE x.occurred_at < now() - interval '400 days' GROUP BY 1, 2;
SELECT * FROM old ORDER BY 1, 2;
SELECT (SELECT count(*) FROM influence.sponsored_free) AS free, (SELECT count(*) FROM influence.sponsored_refund_line) AS lines;
SELECT status FROM influence.set_setting('retention', '{"touch": null, "engagement": null, "impression": null, "sponsored_charge": null}');
SELECT influence.do_job('impression_retention', 0, NULL, now());
SELECT status FROM influence.set_setting('retention', '{"touch": null, "engagement": null, "impression": null, "sponsored_charge": "400 days"}');
SELECT influence.do_job('impression_retention', 0, NULL, now()) AS first, influence.do_job('impression_retention', 0, NULL, now()) AS second;
SELECT c.campaign_ref, x.kind, count(*) FROM influence.sponsored_charge x JOIN influence.sponsored_campaign c USING (sponsored_campaign_id) WHERE x.occurred_at < now() - interval '400 days' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT (SELECT count(*) FROM influence.sponsored_free) AS free, (SELECT count(*) FROM influence.sponsored_refund_line) AS lines;
SELECT c.campaign_ref, t.dropped_impressions, t.dropped_clicks, t.dropped_free, t.dropped_refunded FROM influence.sponsored_total t JOIN influence.sponsored_campaign c USING (sponsored_campaign_id) WHERE t.dropped_impressions + t.dropped_clicks > 0 ORDER BY 1;
SELECT count(*) AS changed FROM before b JOIN influence.sponsored_total t USING (sponsored_campaign_id) WHERE (b.impressions, b.clicks, b.units, b.free, b.refunded, b.spent) <> (t.impressions, t.clicks, t.units, t.free, t.refunded, t.spent);
SELECT * FROM influence.check_books();
SELECT * FROM pg_temp.not_refused('IN003', format('refund_sponsored(%s, ''late'', ''{1}'', ''bots'', ''ann'')', pg_temp.id('capped')));
SELECT * FROM pg_temp.not_refused('IN005', $$do_job('impression_retention', 0, NULL, now() + interval '1 day')$$);
-- each of these is found
CREATE FUNCTION pg_temp.found(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	BEGIN
		EXECUTE statement;
		SELECT string_agg(DISTINCT format('%s: %s, not %s', b.check_name, b.expected, b.found), '; ') INTO said FROM influence.check_books() b;
		RAISE SQLSTATE 'ZZ000';
	EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
		RETURN said;
	END;
END $$;
SELECT pg_temp.found(format('DELETE FROM influence.sponsored_charge WHERE sponsored_campaign_id = %s AND impression_id = 1', pg_temp.id('fast')));
SELECT pg_temp.found('DELETE FROM influence.ledger WHERE entry_key = ''sponsored/1/1''');
SELECT pg_temp.found('UPDATE influence.ledger SET party_id = 1 WHERE entry_key = ''sponsored/1/1''');
SELECT pg_temp.found('UPDATE influence.ledger SET debit_account = ''expense'' WHERE entry_key = ''sponsored/1/1''');
SELECT pg_temp.found('UPDATE influence.sponsored_day SET amount = amount + 1 WHERE sponsored_campaign_id = 1 AND units = 1');
SELECT pg_temp.found('UPDATE influence.sponsored_campaign SET budget = 14 WHERE sponsored_campaign_id = 1');
SELECT pg_temp.found('DELETE FROM influence.sponsored_refund WHERE sponsored_campaign_id = 3 AND refund_ref = ''bots''');
SELECT pg_temp.found('DELETE FROM influence.sponsored_refund_line WHERE sponsored_campaign_id = 3 AND impression_id = 1');
SELECT pg_temp.found('DELETE FROM influence.sponsored_free WHERE sponsored_campaign_id = 3 AND impression_id = 11');
SELECT pg_temp.found('UPDATE influence.sponsor_payment SET amount = 1 WHERE amount = 700');
SELECT pg_temp.found('INSERT INTO influence.sponsored_pending SELECT 1, ''impression'', 999, now()');
SELECT pg_temp.found('UPDATE influence.sponsored_charge SET program_id = 2 WHERE sponsored_campaign_id = 1 AND impression_id = 1');
SELECT pg_temp.found('UPDATE influence.sponsored_campaign SET brand = ''Bolt'' WHERE sponsored_campaign_id = 1');

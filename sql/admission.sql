--
-- Admission: rules with effect and end, decisions by hand, replay from what was
-- known, explanations, the nightly look, simulation and fairness.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

CREATE FUNCTION pg_temp.channel(ref text) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT min(channel_id) FROM influence.channel WHERE creator_id = pg_temp.creator(ref) $$;
CREATE FUNCTION pg_temp.why(reasons jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s v%s: %s%s %s %s %s%s', r ->> 'rule_id', r ->> 'version', ltrim(r ->> 'platform' || ' '), r ->> 'value', r ->> 'comparison', r ->> 'threshold',
		coalesce(r ->> 'passed', '?'), CASE WHEN r ->> 'effect' = 'review' THEN ' (review)' END), '; ' ORDER BY (r ->> 'rule_id')::int) FROM jsonb_array_elements(reasons) r $$;
CREATE FUNCTION pg_temp.apply(ref text, at timestamptz, program bigint DEFAULT 1) RETURNS TABLE (status text, decision text, reasons text) LANGUAGE sql AS $$
	SELECT a.status, a.decision, pg_temp.why(a.reasons) FROM influence.apply_creator(program, pg_temp.creator(ref), at) a $$;
-- an applicant with one channel, followers and likes of one post
CREATE FUNCTION pg_temp.person(ref text, platform text, followers bigint, likes bigint, country text DEFAULT NULL, vertical text DEFAULT '') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM influence.register_creator(ref, initcap(ref), country => person.country, vertical => person.vertical);
	PERFORM influence.add_channel(pg_temp.creator(ref), person.platform, ref);
	PERFORM influence.record_channel_metrics(pg_temp.creator(ref), pg_temp.channel(ref), '2024-05-01', person.followers, likes => person.likes);
END $$;
SELECT status FROM influence.create_program('Shop', 'USD', 'UTC', '{}', '{"hold": "0"}');
SELECT status FROM influence.create_program('Bare', 'USD');

-- Facts with history. Nothing said: as registered; then what was said last about the moment.
SELECT pg_temp.person('anna', 'instagram', 20000, 1000, 'DE', 'garden');
SELECT status FROM influence.update_creator(pg_temp.creator('anna'), 'FR', 'food', '2024-03-01', 'ops');
SELECT status FROM influence.update_creator(pg_temp.creator('anna'), 'FR', 'food', '2024-03-01', 'ops');
SELECT status FROM influence.update_creator(pg_temp.creator('anna'), NULL, '', '2024-02-01', 'ops');
SELECT at, w.country, w.vertical FROM unnest('{2024-01-31 23:59:59.999999,2024-02-01,2024-03-01,infinity}'::timestamptz[]) at, influence_internal.creator_at(NULL, at) w;
SELECT at, w.country, w.vertical FROM unnest('{2024-01-31 23:59:59.999999,2024-02-01,2024-03-01,infinity}'::timestamptz[]) at, influence_internal.creator_at(ARRAY[pg_temp.creator('anna')], at) w;
SELECT status FROM influence.verify_channel(pg_temp.creator('anna'), pg_temp.channel('anna'), true, '2024-03-01', 'ops');
SELECT status FROM influence.verify_channel(pg_temp.creator('anna'), pg_temp.channel('anna'), true, '2024-03-01', 'ops');
SELECT status FROM influence.verify_channel(pg_temp.creator('anna'), pg_temp.channel('anna'), false, '2024-04-01', 'ops');
SELECT at, a.verified AS of_all, b.verified AS of_one FROM unnest('{2024-02-29,2024-03-01,2024-04-01}'::timestamptz[]) at, influence_internal.channels_at(NULL, at) a, influence_internal.channels_at(ARRAY[pg_temp.creator('anna')], at) b;
SELECT status FROM influence.record_quality_score(pg_temp.creator('anna'), 'q1', 0.70, 'panel', '2024-03-01');
SELECT status FROM influence.record_quality_score(pg_temp.creator('anna'), 'q1', 0.7, 'panel', '2024-03-01');
SELECT * FROM pg_temp.not_refused('IN004', $$update_creator(1, 'FR', 'toys', '2024-03-01', 'ops')$$, $$update_creator(1, 'FR', 'food', '2024-03-01', 'me')$$, $$update_creator(1, NULL, 'food', '2024-03-01', 'ops')$$,
	$$verify_channel(1, 1, false, '2024-03-01', 'ops')$$, $$verify_channel(1, 1, true, '2024-03-01', 'me')$$, $$record_quality_score(1, 'q1', 0.8, 'panel', '2024-03-01')$$,
	$$record_quality_score(1, 'q1', 0.7, 'model', '2024-03-01')$$, $$record_quality_score(1, 'q1', 0.7, 'panel', '2024-03-02')$$, $$record_quality_score(1, 'q1', 0.7, 'panel', '2024-03-01', 'note')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$update_creator(1, 'fr', '', '2024-03-01', 'ops')$$, $$update_creator(1, 'FR', NULL, '2024-03-01', 'ops')$$, $$update_creator(1, 'FR', '', NULL, 'ops')$$,
	$$update_creator(1, 'FR', '', 'infinity', 'ops')$$, $$update_creator(1, 'FR', '', '-infinity', 'ops')$$, $$update_creator(1, 'FR', '')$$, $$verify_channel(1, 1, NULL, '2024-03-01', 'ops')$$,
	$$verify_channel(1, 1, true, 'infinity', 'ops')$$, $$verify_channel(1, 1, true)$$, $$record_quality_score(1, 'x', -0.1, 'panel')$$, $$record_quality_score(1, 'x', 1.1, 'panel')$$, $$record_quality_score(1, 'x', 'NaN', 'panel')$$,
	$$record_quality_score(1, 'x', NULL, 'panel')$$, $$record_quality_score(1, '', 1, 'panel')$$, $$record_quality_score(1, 'x', 1, NULL)$$, $$record_quality_score(1, 'x', 1, 'panel', 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$update_creator(99, 'FR', '', '2024-03-01', 'ops')$$, $$update_creator(NULL, 'FR', '', '2024-03-01', 'ops')$$, $$verify_channel(99, 1, true, '2024-03-01', 'ops')$$,
	$$verify_channel(1, 99, true, '2024-03-01', 'ops')$$, $$verify_channel(1, NULL, true, '2024-03-01', 'ops')$$, $$record_quality_score(99, 'x', 1, 'panel')$$);

-- Rules: an effect, an end that is a version, a new beginning.
SELECT * FROM influence.set_admission_rule(1, 'followers', '>=', 1000, valid_from => '2024-01-01');
SELECT * FROM influence.set_admission_rule(1, 'engagement_rate', '>=', 0.02, valid_from => '2024-01-01', effect => 'review');
SELECT * FROM influence.set_admission_rule(1, 'quality', '>=', 0.6, vertical => 'food', valid_from => '2024-01-01');
SELECT * FROM influence.set_admission_rule(1, 'followers', '>=', 5000, platform => 'tiktok', valid_from => '2024-01-01');
SELECT * FROM influence.set_admission_rule(1, 'verified_channels', '>=', 1, country => 'US', valid_from => '2024-01-01');
SELECT * FROM influence.end_admission_rule(1, 5, '2024-06-01');
SELECT * FROM influence.end_admission_rule(1, 5, '2024-06-01');
SELECT * FROM influence.set_admission_rule(1, 'verified_channels', '>=', 2, country => 'US', valid_from => '2024-07-01');
SELECT * FROM influence.end_admission_rule(1, 5, '2024-06-01');
SELECT * FROM influence.set_admission_rule(1, 'engagement_rate', '>=', 0.02, valid_from => '2024-08-01', effect => 'reject');
SELECT rule_id, version, effect, valid FROM influence.admission_rule WHERE rule_id IN (2, 5) ORDER BY 1, 2;
SELECT at, string_agg(format('%s v%s', rule_id, version), ', ' ORDER BY rule_id) AS rules
FROM unnest('{2023-12-31,2024-01-01,2024-06-01,2024-07-01,2024-08-01}'::timestamptz[]) at, influence_internal.rules_at(1, at) GROUP BY at ORDER BY at;
SELECT * FROM pg_temp.not_refused('IN002', $$set_admission_rule(1, 'channels', '>=', 1, effect => 'none')$$, $$set_admission_rule(1, 'channels', '>=', 1, effect => NULL)$$, $$set_admission_rule(1, 'focus', '>=', 1, 'tiktok')$$,
	$$end_admission_rule(1, 1, NULL)$$, $$end_admission_rule(1, 1, 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$end_admission_rule(1, 99)$$, $$end_admission_rule(99, 1)$$, $$end_admission_rule(1, NULL)$$, $$end_admission_rule(NULL, 1)$$);
SELECT * FROM pg_temp.not_refused('IN011', $$end_admission_rule(1, 1, '2024-01-01')$$, $$end_admission_rule(1, 1, '2023-01-01')$$, $$end_admission_rule(1, 5, '2024-06-02')$$, $$end_admission_rule(1, 5, '2024-07-01')$$,
	$$set_admission_rule(1, 'verified_channels', '>=', 1, country => 'US', valid_from => '2024-06-01')$$, $$set_admission_rule(1, 'followers', '>=', 1000, valid_from => '2024-01-01', effect => 'review')$$);

-- without a moment the same call again is one, too
SELECT * FROM influence.set_admission_rule(2, 'posts', '>=', 5);
SELECT * FROM influence.set_admission_rule(2, 'posts', '>=', 5);
SELECT * FROM influence.end_admission_rule(2, 1);
SELECT * FROM influence.end_admission_rule(2, 1);
DELETE FROM influence.admission_rule WHERE program_id = 2;

-- Decisions. engagement: likes / followers
SELECT * FROM pg_temp.apply('anna', '2024-05-02');			-- 1000 / 20000 = 0.05; in food since March, quality 0.7
SELECT pg_temp.person('bert', 'instagram', 2000, 20, 'US');		-- 0.01 asks for a person; nothing verified, which rejects
SELECT * FROM pg_temp.apply('bert', '2024-05-02');
SELECT pg_temp.person('cleo', 'instagram', 2000, 20);			-- 0.01 asks for a person
SELECT * FROM pg_temp.apply('cleo', '2024-05-02');
SELECT pg_temp.person('dora', 'tiktok', 4000, 400);			-- rate by views, not known; too few followers on tiktok
SELECT * FROM pg_temp.apply('dora', '2024-05-02');
SELECT status FROM influence.register_creator('emil', 'Emil', vertical => 'food');	-- nothing is known
SELECT * FROM pg_temp.apply('emil', '2024-05-02');
SELECT * FROM pg_temp.apply('emil', '2024-05-02', 2);			-- no rule
SELECT creator_id, application_id, decision, country, vertical, tier, followers, metrics -> 0 ->> 'followers' AS channel_followers, actor FROM influence.application ORDER BY 2;

-- The replay comes to the same, whatever is told later about before.
CREATE FUNCTION pg_temp.replays(knowing timestamptz DEFAULT NULL) RETURNS TABLE (creator text, application bigint, decision text, replayed text, same boolean, reasons text) LANGUAGE sql AS $$
	SELECT c.creator_ref, a.application_id, r.decision, r.replayed, r.same, CASE WHEN NOT r.same THEN pg_temp.why(r.reasons) END
	FROM influence.application a JOIN influence.creator c USING (creator_id), influence.replay_application(a.program_id, a.creator_id, a.application_id, known_at => knowing) r ORDER BY 2 $$;
SELECT * FROM pg_temp.replays();
SELECT status FROM influence.set_admission_rule(1, 'followers', '>=', 3000, valid_from => '2024-03-01');
SELECT status FROM influence.set_admission_rule(1, 'channels', '>=', 2, valid_from => '-infinity');
SELECT status FROM influence.end_admission_rule(1, 4, '2024-04-01');
SELECT status FROM influence.update_creator(pg_temp.creator('anna'), 'US', 'toys', '2024-04-01', 'ops');
SELECT status FROM influence.verify_channel(pg_temp.creator('bert'), pg_temp.channel('bert'), true, '2024-04-01', 'ops');
SELECT status FROM influence.record_quality_score(pg_temp.creator('emil'), 'late', 0.9, 'panel', '2024-04-01');
SELECT status FROM influence.add_channel(pg_temp.creator('emil'), 'instagram', 'emil');
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('emil'), pg_temp.channel('emil'), '2024-04-01', 9000, likes => 900);
COPY influence.channel_metric (creator_id, channel_id, measured_at, followers, likes) FROM stdin;
3	3	2024-05-01 12:00+00	7000	700
\.
SELECT * FROM pg_temp.replays();
SELECT * FROM pg_temp.replays('infinity');
SELECT count(*) AS unknown_then FROM influence_internal.judge_creators(1, NULL, '2024-05-02', '2000-01-01');
SELECT as_of, knowing = 'infinity' AS knowing_all, decision, replayed, same, pg_temp.why(reasons) FROM influence.replay_application(1, pg_temp.creator('anna'), at => '2024-02-15', known_at => 'infinity');
SELECT * FROM pg_temp.not_refused('IN003', $$replay_application(1, 99)$$, $$replay_application(99, 1)$$, $$replay_application(NULL, 1)$$, $$replay_application(1, NULL)$$, $$replay_application(1, 1, 99)$$, $$replay_application(2, 1)$$,
	$$explain_application(1, 99)$$, $$explain_application(1, 1, 99)$$);
-- what its own transaction tells before is known, what it tells after is not; also after a savepoint
BEGIN;
SELECT pg_temp.person('finn', 'instagram', 3500, 350);
SAVEPOINT s;
SELECT status FROM influence.add_channel(pg_temp.creator('finn'), 'x', 'finn');
RELEASE s;
SELECT * FROM pg_temp.apply('finn', '2024-05-02');
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('finn'), pg_temp.channel('finn'), '2024-05-01 01:00', 10, likes => 0);
SELECT status FROM influence.set_admission_rule(1, 'channels', '>=', 3, valid_from => '2024-03-01');
SELECT same FROM influence.replay_application(1, pg_temp.creator('finn'));
COMMIT;
SELECT same FROM influence.replay_application(1, pg_temp.creator('finn'));
SELECT replayed, pg_temp.why(reasons) FROM influence.replay_application(1, pg_temp.creator('finn'), known_at => 'infinity');
-- a clock that goes back: what is told after a decision is not taken for known to it
UPDATE influence.application SET known_at = clock_timestamp() + interval '1 hour' WHERE creator_id = pg_temp.creator('finn');
SELECT status FROM influence.update_creator(pg_temp.creator('finn'), 'US', '', '2024-01-01', 'ops');
SELECT p.recorded_at > a.known_at AS after FROM influence.creator_profile p JOIN influence.application a USING (creator_id) WHERE p.creator_id = pg_temp.creator('finn');
BEGIN;
SELECT status FROM influence.decide_application(1, pg_temp.creator('finn'), 'rejected', 'not so', 'olga', '2024-05-02');
SELECT decision, by_hand FROM influence.admission WHERE creator_id = pg_temp.creator('finn');
ROLLBACK;

-- In words.
SELECT line, result, rule_id, missing, explanation FROM influence.explain_application(1, pg_temp.creator('bert'));
SELECT line, result, rule_id, missing, explanation FROM influence.explain_application(1, pg_temp.creator('emil'));
SELECT line, result, explanation FROM influence.explain_application(2, pg_temp.creator('emil'));

-- By hand: over the rules, over another decision by hand, and back.
SELECT program_id, name, application_id, waiting_since, unknown, doubtful, actor FROM influence.review_queue ORDER BY application_id;
SELECT status, application_id, since, reapply_after FROM influence.decide_application(1, pg_temp.creator('cleo'), 'admitted', 'good eye', 'olga', '2024-05-03');
SELECT status FROM influence.decide_application(1, pg_temp.creator('cleo'), 'admitted', 'good eye', 'olga', '2024-05-03');
SELECT status FROM influence.decide_application(1, pg_temp.creator('cleo'), 'admitted', 'good eye', 'olga');
SELECT status, decision FROM pg_temp.apply('cleo', '2024-05-04');
SELECT status, since, reapply_after FROM influence.decide_application(1, pg_temp.creator('cleo'), 'withdrawn', 'sells elsewhere', 'olga', '2024-06-01');
SELECT status, since, reapply_after FROM influence.decide_application(1, pg_temp.creator('cleo'), 'admitted', 'good eye', 'olga', '2024-05-03');	-- a retry that comes late
SELECT status, decision FROM pg_temp.apply('cleo', '2024-06-30 23:59:59.999999');
SELECT at, influence_internal.earning_bar(1, pg_temp.creator('cleo'), at) FROM unnest('{2024-05-02,2024-05-03,2024-05-31 23:59:59.999999,2024-06-01}'::timestamptz[]) at;
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('cleo'), pg_temp.channel('cleo'), '2024-06-30', 5000, likes => 500);
SELECT c.status FROM unnest('{x,blog}'::text[]) p, influence.add_channel(pg_temp.creator('cleo'), p, 'cleo') c;
SELECT * FROM pg_temp.apply('cleo', '2024-07-01');				-- its time has come again
SELECT status FROM influence.decide_application(1, pg_temp.creator('anna'), 'review', 'is it her?', 'olga', '2024-05-10');
SELECT status, decision FROM pg_temp.apply('anna', '2024-09-01');			-- who was put there by hand waits for a person
SELECT status FROM influence.decide_application(1, pg_temp.creator('anna'), 'rejected', 'it is not', 'olga', '2024-05-10');
SELECT line, decided_at, actor, result, explanation FROM influence.explain_application(1, pg_temp.creator('anna')) WHERE line = 1 OR line > 1000;
SELECT same, decision, replayed FROM influence.replay_application(1, pg_temp.creator('anna'));
SELECT program_id, creator_id, application_id, decision, decided_at, actor, by_hand, note, reapply_after FROM influence.admission ORDER BY 1, 2;
SELECT creator_id, application_id, decided_at, decision, actor, by_hand FROM influence.admission_history WHERE program_id = 1 AND creator_id = pg_temp.creator('cleo') ORDER BY decided_at;
SELECT * FROM pg_temp.not_refused('IN002', $$decide_application(1, 1, 'maybe', '', 'olga')$$, $$decide_application(1, 1, NULL, '', 'olga')$$, $$decide_application(1, 1, 'admitted', '', NULL)$$, $$decide_application(1, 1, 'admitted', '', '')$$,
	$$decide_application(1, 1, 'admitted', '', 'olga', 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$decide_application(99, 1, 'admitted', '', 'olga')$$, $$decide_application(1, 99, 'admitted', '', 'olga')$$, $$decide_application(2, 1, 'admitted', '', 'olga')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$decide_application(1, 1, 'admitted', '', 'olga', '2024-05-09')$$, $$decide_application(1, 1, 'withdrawn', '', 'olga')$$);

-- Orders of the time between count, whichever way they are recorded.
SELECT status FROM influence.create_category('all');
SELECT status FROM influence.add_product('lamp', 'Lamp', 1);
SELECT status FROM influence.set_commission_rate(1, 0.1, valid_from => '2020-01-01');
SELECT count(*) FROM generate_series(1, 4) n, influence.record_touch(1, pg_temp.visitor(n), 't', 'click', pg_temp.creator('cleo'), ('{2024-05-01,2024-05-02,2024-05-30,2024-06-30}'::timestamptz[])[n]);
SELECT n, o.commission FROM generate_series(1, 4) n, influence.record_order(1, pg_temp.visitor(n), 'o' || n, '[{"line_no": 1, "sku": "lamp", "quantity": 1, "paid_price": 1000}]',
	('{2024-05-02,2024-05-03,2024-06-02,2024-07-02}'::timestamptz[])[n]) o;
SELECT order_ref, amount, hold_reason FROM influence.earning ORDER BY 1;

-- The nightly look: those in doubt who are not any more, and rejected ones past their time who pass.
SELECT status FROM influence.create_program('Night', 'USD');
SELECT status FROM influence.set_admission_rule(3, 'followers', '>=', 1000, valid_from => '2024-01-01');
SELECT pg_temp.person(ref, 'instagram', followers, 0) FROM (VALUES ('low', 10), ('lower', 20), ('mute', NULL), ('quiet', NULL), ('hand', NULL), ('no', 1), ('yes', 2000)) v(ref, followers);
SELECT ref, decision FROM unnest('{low,lower,mute,quiet,hand,no,yes}'::text[]) ref, pg_temp.apply(ref, '2024-06-01', 3);
SELECT status FROM influence.decide_application(3, pg_temp.creator('hand'), 'review', 'ask', 'olga', '2024-06-02');
SELECT status FROM influence.decide_application(3, pg_temp.creator('no'), 'rejected', 'no', 'olga', '2024-06-02');
SELECT * FROM influence_internal.reevaluate_applications('2024-06-10');
SELECT status FROM unnest('{low,hand,no,yes}'::text[]) ref, influence.record_channel_metrics(pg_temp.creator(ref), pg_temp.channel(ref), '2024-06-15', CASE ref WHEN 'yes' THEN 5 ELSE 3000 END);
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('mute'), pg_temp.channel('mute'), '2024-06-15', 3);
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('quiet'), pg_temp.channel('quiet'), '2024-06-15', 3000);
SELECT * FROM influence_internal.reevaluate_applications('2024-06-20');
SELECT * FROM influence_internal.reevaluate_applications('2024-06-20');
SELECT * FROM influence_internal.reevaluate_applications('2024-07-01');		-- low was rejected 30 days ago
SELECT creator_ref, h.decided_at, h.decision, h.actor FROM influence.admission_history h JOIN influence.creator c USING (creator_id) WHERE program_id = 3 AND actor <> 'rules' ORDER BY 1, 2;
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('mute'), pg_temp.channel('mute'), '2024-07-02', 4000);
INSERT INTO influence.setting (name, version, value) VALUES ('reevaluate_rejected', 2, 'true');
SELECT * FROM influence_internal.reevaluate_applications('2024-07-03');		-- mute, whose time would be 2024-07-20
SELECT bool_and(same) FROM pg_temp.replays() WHERE creator <> 'finn';
CALL influence.run_due();
SELECT status, detail FROM influence.job_run WHERE job = 'admissions';
SELECT * FROM pg_temp.not_refused('IN003', $$do_job('admission', 0, NULL, now())$$);

-- Under other rules. All who applied, or all; nothing is written.
SELECT pg_temp.contents() AS before \gset
SELECT c.creator_ref, s.tier, s.country, s.vertical, s.decision_now, s.decision_simulated, s.failed
FROM influence.simulate_admission(1, '[{"metric": "followers", "comparison": ">=", "threshold": 3500}, {"metric": "engagement_rate", "comparison": ">", "threshold": 0.02, "platform": "instagram", "effect": "review"}]', '2024-07-01') s
JOIN influence.creator c USING (creator_id) ORDER BY s.creator_id;
SELECT s.decision_now, s.decision_simulated, count(*) FROM influence.simulate_admission(1, '[]', '2024-07-01', true) s GROUP BY 1, 2 ORDER BY 1, 2;
-- its own rules: what everybody would be told
SELECT count(*), bool_and(s.decision_simulated = j.decision) AS as_judged
FROM influence.simulate_admission(1, NULL, '2024-07-01', true) s, influence_internal.judged_creators(1, ARRAY[s.creator_id], '2024-07-01') j;
SELECT pg_temp.contents() = :'before' AS nothing_written;
SELECT * FROM pg_temp.not_refused('IN002', $$simulate_admission(1, '{}')$$, $$simulate_admission(1, '[{"metric": "followers", "comparison": ">="}]')$$, $$simulate_admission(1, '[{"metric": "beauty", "comparison": ">=", "threshold": 1}]')$$,
	$$simulate_admission(1, '[{"metric": "followers", "comparison": ">=", "threshold": "1"}]')$$, $$simulate_admission(1, '[{"metric": "followers", "comparison": ">=", "threshold": 1, "thresh": 1}]')$$, $$simulate_admission(1, '[1]')$$,
	$$simulate_admission(1, NULL, NULL)$$, $$simulate_admission(1, NULL, 'infinity')$$, $$simulate_admission(1, NULL, now(), NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$simulate_admission(99)$$, $$simulate_admission(NULL)$$, $$simulate_admission(1, '[{"metric": "followers", "comparison": ">=", "threshold": 1, "platform": "myspace"}]')$$);

-- Even-handed? In program 4 of garden 4 of 5 are in, of toys 2 of 4 and one waits: 0.5 / 0.8 = 0.625.
SELECT status FROM influence.create_program('Fair', 'USD');
SELECT status FROM influence.set_admission_rule(4, 'followers', '>=', 1000, valid_from => '2024-01-01');
SELECT count(pg_temp.person('f' || n, 'instagram', (ARRAY[5000, 20000, 1000, 70000, 999, 3000, 1000, 10, 20, NULL])[n], 0, (ARRAY['DE', 'FR'])[n % 2 + 1], CASE WHEN n <= 5 THEN 'garden' ELSE 'toys' END)) FROM generate_series(1, 10) n;
SELECT decision, count(*) FROM generate_series(1, 10) n, pg_temp.apply('f' || n, '2024-06-01', 4) GROUP BY 1 ORDER BY 1;
SELECT dimension, value, applicants, admitted, rejected, pending, round(share, 3) AS share, round(ratio, 3) AS ratio, round(ratio_to_best, 3) AS to_best, below_four_fifths AS below
FROM influence.admission_fairness WHERE program_id = 4 ORDER BY 1, 2;

--
-- Creators: registration, channels, metrics, storefronts, status, and the
-- decision about an application with its reasons.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT * FROM influence.register_creator('anna', 'Anna', country => 'DE', vertical => 'garden', visitor_id => pg_temp.visitor(1));
SELECT * FROM influence.register_creator('anna', 'Anna', country => 'DE', vertical => 'garden', visitor_id => pg_temp.visitor(1));
SELECT pg_temp.refused($$register_creator('anna', 'Anna', country => 'FR', vertical => 'garden', visitor_id => pg_temp.visitor(1))$$);
SELECT status FROM influence.register_creator('bert', 'Bert', country => 'US');
SELECT status FROM influence.register_creator('cleo', 'Cleo', 'brand', vertical => 'food');
SELECT status FROM influence.register_creator('agent', 'Agents', 'agency', agency_of => ARRAY[pg_temp.creator('anna'), pg_temp.creator('bert')]);
SELECT c.creator_ref, c.kind, c.country, c.vertical, cardinality(c.agency_of) AS clients, p.kind AS party
FROM influence.creator c JOIN influence.party p ON p.party_id = c.creator_id ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN002', $$register_creator(NULL, 'X')$$, $$register_creator('', 'X')$$, $$register_creator(repeat('x', 201), 'X')$$,
	$$register_creator('x', NULL)$$, $$register_creator('x', '')$$, $$register_creator('x', 'X', NULL)$$, $$register_creator('x', 'X', 'star')$$,
	$$register_creator('x', 'X', country => 'Germany')$$, $$register_creator('x', 'X', country => 'de')$$, $$register_creator('x', 'X', residence => 'd')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$register_creator('x', 'X', agency_of => '{99}')$$, $$register_creator('x', 'X', agency_of => ARRAY[NULL]::bigint[])$$);
SELECT count(*) = (SELECT count(*) FROM influence.creator) AS no_party_without_creator FROM influence.party;

-- Channels: a handle belongs to one creator.
SELECT status FROM influence.add_channel(pg_temp.creator('anna'), 'instagram', 'anna');
SELECT status FROM influence.add_channel(pg_temp.creator('anna'), 'instagram', 'anna');
SELECT status FROM influence.add_channel(pg_temp.creator('anna'), 'tiktok', 'anna', true);
SELECT status FROM influence.add_channel(pg_temp.creator('bert'), 'instagram', 'bert');
SELECT status FROM influence.add_channel(pg_temp.creator('cleo'), 'youtube', 'cleo');
SELECT * FROM pg_temp.not_refused('IN004', $$add_channel(pg_temp.creator('bert'), 'instagram', 'anna')$$, $$add_channel(pg_temp.creator('anna'), 'instagram', 'anna', true)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$add_channel(99, 'instagram', 'x')$$, $$add_channel(NULL, 'instagram', 'x')$$, $$add_channel(1, 'myspace', 'x')$$, $$add_channel(1, NULL, 'x')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$add_channel(1, 'instagram', NULL)$$, $$add_channel(1, 'instagram', '')$$, $$add_channel(1, 'instagram', 'x', NULL)$$);
CREATE FUNCTION pg_temp.channel(channel_platform text, channel_handle text) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT channel_id FROM influence.channel WHERE platform = channel_platform AND handle = channel_handle $$;
SELECT status FROM influence.record_channel_metrics(1, pg_temp.channel('instagram', 'anna'), '2024-05-01', 20000, posts => 10, likes => 8000, comments => 500);
SELECT status FROM influence.record_channel_metrics(1, pg_temp.channel('instagram', 'anna'), '2024-05-01', 20000, posts => 10, likes => 8000, comments => 500);
SELECT pg_temp.refused($$record_channel_metrics(1, pg_temp.channel('instagram', 'anna'), '2024-05-01', 20000, posts => 10, likes => 8000)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_channel_metrics(1, 1, NULL)$$, $$record_channel_metrics(1, 1, 'infinity')$$, $$record_channel_metrics(1, 1, '-infinity')$$,
	$$record_channel_metrics(1, 1, '2024-05-02', -1)$$, $$record_channel_metrics(1, 1, '2024-05-02', posts => 0)$$, $$record_channel_metrics(1, 1, '2024-05-02', posts => NULL)$$,
	$$record_channel_metrics(1, 1, '2024-05-02', saves => -1)$$);
SELECT pg_temp.refused($$record_channel_metrics(1, 1, '2024-05-02', saves => -1)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_channel_metrics(1, 99, '2024-05-02')$$, $$record_channel_metrics(2, 1, '2024-05-02')$$, $$record_channel_metrics(NULL, 1, '2024-05-02')$$,
	$$record_channel_metrics(1, NULL, '2024-05-02')$$);

-- Status history: the latest row at a moment holds.
SELECT status FROM influence.set_creator_status(pg_temp.creator('bert'), 'suspended', 'fake followers', 'ops', '2024-02-01');
SELECT status FROM influence.set_creator_status(pg_temp.creator('bert'), 'suspended', 'fake followers', 'ops', '2024-02-01');
SELECT status FROM influence.set_creator_status(pg_temp.creator('bert'), 'active', 'appeal', 'ops', '2024-03-01', 1);
SELECT at, influence_internal.creator_status_at(pg_temp.creator('bert'), at)
FROM unnest('{2024-01-31 23:59:59.999999,2024-02-01,2024-02-29 23:59:59.999999,2024-03-01}'::timestamptz[]) at;
SELECT * FROM pg_temp.not_refused('IN004', $$set_creator_status(pg_temp.creator('bert'), 'banned', 'fake followers', 'ops', '2024-02-01')$$,
	$$set_creator_status(pg_temp.creator('bert'), 'suspended', 'another reason', 'ops', '2024-02-01')$$,
	$$set_creator_status(pg_temp.creator('bert'), 'suspended', 'fake followers', 'ops', '2024-02-01', 2)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_creator_status(1, NULL, 'r', 'ops')$$, $$set_creator_status(1, 'asleep', 'r', 'ops')$$, $$set_creator_status(1, 'active', 'r', NULL)$$,
	$$set_creator_status(1, 'active', 'r', 'ops', NULL)$$, $$set_creator_status(1, 'active', 'r', 'ops', 'infinity')$$, $$set_creator_status(1, 'active', 'r', 'ops', '2024-01-01', -1)$$,
	$$set_creator_status(1, 'banned', 'r', 'record_strike')$$, $$set_creator_status(1, 'banned', 'r', 'lift_strike')$$, $$set_creator_status(1, 'banned', 'r', 'settle_strikes')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_creator_status(99, 'active', 'r', 'ops')$$, $$set_creator_status(NULL, 'active', 'r', 'ops')$$);

-- Storefronts: slugs are compared in NFKC and lower case, and never change hands.
SELECT * FROM influence.create_storefront(pg_temp.creator('anna'), U&' \FF21NNA.Garten ', 'Annas Garten', 'bio');
SELECT * FROM influence.create_storefront(pg_temp.creator('anna'), 'anna.garten', 'Annas Garten', 'bio');
SELECT * FROM influence.create_storefront(pg_temp.creator('cleo'), 'Cleos_Shop-1', 'Cleo');
SELECT * FROM pg_temp.not_refused('IN004', $$create_storefront(pg_temp.creator('anna'), 'anna.garten', 'Other title', 'bio')$$, $$create_storefront(pg_temp.creator('anna'), 'other', 'Annas Garten', 'bio')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$create_storefront(pg_temp.creator('bert'), 'Anna.Garten', 'Bert')$$, $$create_storefront(pg_temp.creator('bert'), 'checkout', 'Bert')$$,
	$$create_storefront(pg_temp.creator('bert'), U&'\FF21\FF24\FF2D\FF29\FF2E', 'Bert')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$create_storefront(pg_temp.creator('bert'), NULL, 'Bert')$$, $$create_storefront(pg_temp.creator('bert'), '', 'Bert')$$,
	$$create_storefront(pg_temp.creator('bert'), 'ab', 'Bert')$$, $$create_storefront(pg_temp.creator('bert'), repeat('b', 61), 'Bert')$$, $$create_storefront(pg_temp.creator('bert'), 'a/b/c', 'Bert')$$,
	$$create_storefront(pg_temp.creator('bert'), '-bert', 'Bert')$$, $$create_storefront(pg_temp.creator('bert'), 'bert', NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$create_storefront(99, 'bert', 'Bert')$$, $$create_storefront(NULL, 'bert', 'Bert')$$);

-- Admission. By hand, of the metrics recorded up to the submission:
--   anna on instagram 20000 followers, (8000 + 500) / 10 posts / 20000 followers = 0.0425; not measured on tiktok
--   bert on instagram 900 followers, (80 + 5) / 10 / 900 = 0.009444444
--   cleo on youtube, by views: (30 + 6 + 4) / (40 * 25) with averages 40 views, 25 posts -> 40 / 1000 = 0.04
SELECT status FROM influence.create_program('Shop', 'USD');
SELECT status FROM influence.create_program('Open', 'USD');
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('bert'), pg_temp.channel('instagram', 'bert'), '2024-05-01', 900, posts => 10, likes => 80, comments => 5);
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('cleo'), pg_temp.channel('youtube', 'cleo'), '2024-05-01', posts => 25, views => 1000, likes => 30, comments => 6, shares => 4);
SELECT * FROM influence.set_admission_rule(1, 'followers', '>=', 1000, valid_from => '2024-01-01');
SELECT * FROM influence.set_admission_rule(1, 'followers', '>=', 1000, valid_from => '2024-01-01');
SELECT * FROM influence.set_admission_rule(1, 'followers', '>=', 500, valid_from => '2024-07-01');
SELECT * FROM influence.set_admission_rule(1, 'engagement_rate', '>=', 0.02, valid_from => '2024-01-01');
SELECT * FROM influence.set_admission_rule(1, 'engagement_rate', '<=', 0.5, valid_from => '2024-01-01');
SELECT * FROM influence.set_admission_rule(1, 'channels', '>', 1, country => 'FR', valid_from => '2024-01-01');
SELECT * FROM influence.set_admission_rule(1, 'views_per_post', '>=', 40, platform => 'youtube', valid_from => '2024-01-01');
SELECT rule_id, version, metric, comparison, threshold, valid FROM influence.admission_rule ORDER BY 1, 2;
SELECT * FROM pg_temp.not_refused('IN002', $$set_admission_rule(1, 'beauty', '>=', 1)$$, $$set_admission_rule(1, NULL, '>=', 1)$$, $$set_admission_rule(1, 'channels', '=', 1)$$,
	$$set_admission_rule(1, 'channels', NULL, 1)$$, $$set_admission_rule(1, 'channels', '>=', NULL)$$, $$set_admission_rule(1, 'channels', '>=', 'NaN')$$,
	$$set_admission_rule(1, 'channels', '>=', 1, country => 'Germany')$$, $$set_admission_rule(1, 'channels', '>=', 1, valid_from => NULL)$$,
	$$set_admission_rule(1, 'channels', '>=', 1, valid_from => 'infinity')$$, $$set_admission_rule(1, 'channels', '>=', 1, platform => NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_admission_rule(99, 'channels', '>=', 1)$$, $$set_admission_rule(NULL, 'channels', '>=', 1)$$, $$set_admission_rule(1, 'channels', '>=', 1, platform => 'myspace')$$);
SELECT * FROM pg_temp.not_refused('IN011', $$set_admission_rule(1, 'followers', '>=', 700, valid_from => '2024-06-01')$$, $$set_admission_rule(1, 'followers', '>=', 700, valid_from => '2024-07-01')$$,
	$$set_admission_rule(1, 'followers', '>=', 700, valid_from => '2023-01-01')$$);
CREATE FUNCTION pg_temp.apply(ref text, at timestamptz, program bigint DEFAULT 1)
RETURNS TABLE (status text, decision text, reapply_after timestamptz, reasons text) LANGUAGE sql AS $$
	SELECT a.status, a.decision, a.reapply_after,
		(SELECT string_agg(format('%s v%s: %s %s %s %s', r ->> 'rule_id', r ->> 'version', r ->> 'value', r ->> 'comparison', r ->> 'threshold', r ->> 'passed'), '; ' ORDER BY r ->> 'rule_id')
		 FROM jsonb_array_elements(a.reasons) r)
	FROM influence.apply_creator(program, pg_temp.creator(ref), at) a $$;
SELECT * FROM pg_temp.apply('anna', '2024-05-02');
SELECT * FROM pg_temp.apply('anna', '2024-05-02');
SELECT * FROM pg_temp.apply('anna', '2024-04-30');				-- admitted stays admitted
SELECT * FROM pg_temp.apply('bert', '2024-05-02');
SELECT * FROM pg_temp.apply('bert', '2024-05-31 23:59:59.999999');	-- 30 days are not over
SELECT * FROM pg_temp.apply('cleo', '2024-05-02');				-- followers are not known
SELECT * FROM pg_temp.apply('agent', '2024-05-02');			-- nothing is known
SELECT * FROM pg_temp.apply('anna', '2024-05-02', 2);			-- a program without rules
-- measured again and after the rule became milder: 700 followers, 28 / 10 / 700 = 0.004, then 0.04
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('bert'), pg_temp.channel('instagram', 'bert'), '2024-06-30', 700, posts => 10, likes => 28);
SELECT * FROM pg_temp.apply('bert', '2024-07-01');
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('bert'), pg_temp.channel('instagram', 'bert'), '2024-07-31', 700, posts => 10, interactions => 280);
SELECT * FROM pg_temp.apply('bert', '2024-07-31');
SELECT c.creator_ref, p.name, a.submitted_at, a.decision, jsonb_array_length(a.metrics) AS channels
FROM influence.application a JOIN influence.creator c USING (creator_id) JOIN influence.program p USING (program_id) ORDER BY a.application_id;
SELECT * FROM pg_temp.not_refused('IN002', $$apply_creator(1, 1, NULL)$$, $$apply_creator(1, 1, 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$apply_creator(99, 1)$$, $$apply_creator(NULL, 1)$$, $$apply_creator(1, 99)$$, $$apply_creator(1, NULL)$$);

-- Where the session is does not matter: thirty days from 2024-03-01 12:00 UTC (New York changes its clocks within).
BEGIN;
SET LOCAL TimeZone = 'America/New_York';
SELECT status FROM influence.register_creator('dora', 'Dora');
SELECT status FROM influence.add_channel(pg_temp.creator('dora'), 'x', 'dora');
SELECT status FROM influence.record_channel_metrics(pg_temp.creator('dora'), pg_temp.channel('x', 'dora'), '2024-02-01 00:00+00', 10, likes => 0);
SELECT decision, reapply_after AT TIME ZONE 'UTC' AS reapply_after FROM influence.apply_creator(1, pg_temp.creator('dora'), '2024-03-01 12:00+00');
ROLLBACK;

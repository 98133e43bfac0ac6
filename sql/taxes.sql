--
-- Taxes: which rule holds for whom, tax years, histories that are never restated, what was withheld. The choices were worked out
-- by a program of its own from the rules' definition (4 for residence, 2 for entity, 1 for form; the greatest sum holds).
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT ref, creator_id FROM (VALUES ('nobody'), ('ursula'), ('uwe'), ('dora'), ('dieter'), ('gail'), ('fred'), ('zoe')) v(ref)
 CROSS JOIN LATERAL influence.register_creator(ref, initcap(ref), residence => 'US');
CREATE FUNCTION pg_temp.profile(ref text, entity text, residence text, form text DEFAULT '', expires timestamptz DEFAULT NULL, vat text DEFAULT NULL,
	bills boolean DEFAULT false, since timestamptz DEFAULT '2024-01-01') RETURNS text LANGUAGE sql AS
$$ SELECT status FROM influence.record_tax_profile(pg_temp.creator(ref), entity, residence, 'tax desk', form, expires, vat, bills, since) $$;
SELECT pg_temp.profile('ursula', 'individual', 'US', 'W-9') AS ursula, pg_temp.profile('uwe', 'individual', 'US') AS uwe,
	pg_temp.profile('dora', 'individual', 'DE', 'W-8BEN', '2024-07-01', 'DE 123.456-789', true) AS dora,
	pg_temp.profile('dieter', 'company', 'DE', ' w-8ben-e ', NULL, 'de987654321') AS dieter,
	pg_temp.profile('gail', 'company', 'GB', 'W-8BEN-E', NULL, 'GB123456789', true) AS gail,
	pg_temp.profile('fred', 'individual', 'FR', 'None', NULL, NULL, true) AS fred,
	pg_temp.profile('fred', 'individual', 'GB', 'W-8BEN', NULL, 'GBGD001', true, '2024-05-01') AS fred_moved,
	pg_temp.profile('zoe', 'individual', 'FR', 'W-8BEN') AS zoe;
SELECT creator_ref, valid_from, entity, t.residence, form, form_expires, vat_id, self_billing, actor
  FROM influence.tax_profile t JOIN influence.creator ON creator_id = party_id ORDER BY party_id, valid_from;

-- the same again, now or later, is the same; what begins before another one, or says something else about the same moment, is refused
SELECT pg_temp.profile('dora', 'individual', 'DE', 'w-8ben', '2024-07-01', 'DE123456789', true) AS retry,
	pg_temp.profile('dora', 'individual', 'DE', 'W-8BEN', '2024-07-01', 'DE123456789', true, '2024-03-01') AS still,
	pg_temp.profile('fred', 'individual', 'FR', '', NULL, NULL, true) AS of_old;
SELECT count(*) FROM influence.tax_profile;
SELECT pg_temp.error_of(call) FROM unnest(ARRAY[$$SELECT pg_temp.profile('dora', 'company', 'DE')$$, $$SELECT pg_temp.profile('fred', 'company', 'FR', since => '2024-02-01')$$]) call;

SELECT status FROM influence.create_tax_authority('US-IRS', 'Internal Revenue Service', 'US', 'America/New_York');
SELECT status FROM influence.create_tax_authority('GB-HMRC', 'HM Revenue and Customs', 'GB', 'Europe/London', '04-06');
SELECT status FROM influence.create_tax_authority('GB-HMRC', 'HM Revenue and Customs', 'GB', 'Europe/London', '04-06');
SELECT pg_temp.refused($$create_tax_authority('GB-HMRC', 'HMRC', 'GB', 'Europe/London', '04-06')$$);
SELECT authority, party.kind FROM influence.tax_authority JOIN influence.party USING (party_id) ORDER BY 1;
-- a tax year begins at midnight there: London on summer time, New York five hours behind, Calcutta half past six in the evening
SELECT at, zone, begins, influence_internal.tax_year(at, zone, begins)
  FROM (VALUES ('2024-04-05 22:59:59.999999Z'::timestamptz, 'Europe/London', '04-06'), ('2024-04-05 23:00Z', 'Europe/London', '04-06'),
			   ('2025-01-01 04:59Z', 'America/New_York', '01-01'), ('2025-01-01 05:00Z', 'America/New_York', '01-01'),
			   ('2024-03-31 18:29Z', 'Asia/Calcutta', '04-01'), ('2024-03-31 18:30Z', 'Asia/Calcutta', '04-01')) v(at, zone, begins);

CREATE FUNCTION pg_temp.rule(authority text, kind text, rate numeric, residence text DEFAULT '', entity text DEFAULT '', form text DEFAULT '', since timestamptz DEFAULT '2024-01-01',
	till timestamptz DEFAULT 'infinity') RETURNS text LANGUAGE sql AS
$$ SELECT concat_ws(' ', status, rule_id) FROM influence.set_tax_rule(authority, kind, rate, residence, entity, form, since, till) $$;
SELECT pg_temp.rule('US-IRS', 'withholding', 0.30) AS r1, pg_temp.rule('US-IRS', 'withholding', 0, 'US') AS r2, pg_temp.rule('US-IRS', 'withholding', 0.24, 'US', '', 'none') AS r3,
	pg_temp.rule('US-IRS', 'withholding', 0.15, '', 'individual', 'w-8ben') AS r4, pg_temp.rule('US-IRS', 'withholding', 0.05, 'DE', '', 'W-8BEN') AS r5,
	pg_temp.rule('US-IRS', 'withholding', 0.0250000000000, 'DE', 'company') AS r6, pg_temp.rule('US-IRS', 'withholding', 0.10, '', 'company', till => '2024-06-01') AS r7,
	pg_temp.rule('GB-HMRC', 'withholding', 0.2, 'GB') AS r8, pg_temp.rule('GB-HMRC', 'vat', 0.2, 'GB') AS r9, pg_temp.rule('GB-HMRC', 'vat', 0.19, '', 'individual') AS r10;

CREATE FUNCTION pg_temp.terms(at timestamptz, authorities text[] DEFAULT '{US-IRS,GB-HMRC}')
RETURNS TABLE (who text, authority text, kind text, rule_id bigint, rate numeric, tax_year int) LANGUAGE sql AS
$$ SELECT c.creator_ref, t.authority, t.kind, t.rule_id, t.rate, t.tax_year FROM influence_internal.tax_terms(at, authorities) t
	JOIN influence.creator c ON c.creator_id = t.party_id ORDER BY 1, 2, 3 $$;
SELECT * FROM pg_temp.terms('2024-03-15');
-- fred has moved, dora's form has expired, the rule for companies has ended
SELECT * FROM pg_temp.terms('2024-07-01');
-- a moment before the form expires; authorities that nobody asked, before any rule, no authority
SELECT * FROM pg_temp.terms('2024-06-30 23:59:59', '{US-IRS}') WHERE who = 'dora';
SELECT count(*) FROM pg_temp.terms('2024-07-01', '{GB-HMRC}') WHERE authority <> 'GB-HMRC';
SELECT (SELECT count(*) FROM pg_temp.terms('2023-12-31')), (SELECT count(*) FROM pg_temp.terms('2024-07-01', '{}')), (SELECT count(*) FROM pg_temp.terms('2024-07-01', NULL)),
	(SELECT count(*) FROM pg_temp.terms('2024-07-01', '{XX,NULL}'));

-- A new rule ends the open one, one with an end interrupts it, and one that resumed may be replaced. Rate 0 ends it for good.
SELECT pg_temp.rule('US-IRS', 'withholding', 0.28, since => '2024-09-01', till => '2024-10-01') AS interrupts,
	pg_temp.rule('US-IRS', 'withholding', 0.29, since => '2024-10-01') AS replaces, pg_temp.rule('US-IRS', 'withholding', 0.30) AS retry,
	pg_temp.rule('US-IRS', 'withholding', 0, since => '2025-01-01') AS ends;
SELECT rule_id, rate, valid, stated FROM influence.tax_rule WHERE (kind, residence, entity, form) = ('withholding', '', '', '') ORDER BY 1;
SELECT at, rate FROM (VALUES ('2024-08-31 23:59'::timestamptz), ('2024-09-01'), ('2024-10-01'), ('2025-01-01')) v(at)
  LEFT JOIN LATERAL (SELECT * FROM pg_temp.terms(at) WHERE who = 'nobody') t ON true;
SELECT pg_temp.error_of($$SELECT pg_temp.rule('US-IRS', 'withholding', 0.5, since => '2024-08-15', till => '2024-09-02')$$),
	pg_temp.error_of($$SELECT pg_temp.rule('US-IRS', 'withholding', 0.5, since => '-infinity')$$);

-- What a payout was taxed by is frozen: a rule for its past changes nothing of it. Failed payouts do not count.
SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
INSERT INTO influence.payout (party_id, program_id, currency, period, state, amount, withheld, entry_nos, run_at, failed_at, failure, payout_policy_version)
SELECT pg_temp.creator(who), 1, 'USD', period, state, amount, withheld, '{1}', '2024-04-01', CASE WHEN state = 'failed' THEN timestamptz '2024-04-02' END, CASE WHEN state = 'failed' THEN 'closed' END, 1
  FROM (VALUES ('zoe', '2024-01', 'reserved', 1000, 150), ('zoe', '2024-02', 'failed', 2000, 300), ('zoe', '2024-03', 'reserved', 3001, 450), ('uwe', '2024-03', 'reserved', 50, 12)) v(who, period, state, amount, withheld);
INSERT INTO influence.payout_tax SELECT party_id, program_id, currency, period, 'US-IRS', 'withholding', CASE WHEN party_id = pg_temp.creator('zoe') THEN 4 ELSE 3 END, 2024, amount,
	CASE WHEN party_id = pg_temp.creator('zoe') THEN 0.15 ELSE 0.24 END, withheld FROM influence.payout;
INSERT INTO influence.payout_tax SELECT pg_temp.creator('zoe'), 1, 'USD', '2024-03', 'GB-HMRC', 'vat', 10, 2023, 3001, 0.19, 570;
SELECT pg_temp.rule('US-IRS', 'withholding', 0.01, '', 'individual', 'W-8BEN', '2024-03-01') AS backdated, pg_temp.profile('zoe', 'company', 'CH', since => '2024-03-02') AS moved;
SELECT creator_ref, authority, tax_year, currency, base, withheld, payouts FROM influence.tax_withheld JOIN influence.creator ON creator_id = party_id ORDER BY 1;
-- the view asks for the rights of who reads it
SELECT reloptions FROM pg_class WHERE oid = 'influence.tax_withheld'::regclass;

-- what cannot be meant
SELECT * FROM pg_temp.not_refused('IN002', $$record_tax_profile(1, 'company', 'US', '')$$, $$record_tax_profile(1, NULL, 'US', 'me')$$, $$record_tax_profile(1, 'person', 'US', 'me')$$, $$record_tax_profile(1, 'company', NULL, 'me')$$,
	$$record_tax_profile(1, 'company', 'usa', 'me')$$, $$record_tax_profile(1, 'company', '', 'me')$$, $$record_tax_profile(1, 'company', 'US', NULL)$$, $$record_tax_profile(1, 'company', 'US', 'me', NULL)$$,
	$$record_tax_profile(1, 'company', 'US', 'me', repeat('W', 41))$$, $$record_tax_profile(1, 'company', 'US', 'me', form_expires => '2025-01-01')$$,
	$$record_tax_profile(1, 'company', 'US', 'me', 'none', '2025-01-01')$$, $$record_tax_profile(1, 'company', 'US', 'me', 'W-9', 'infinity')$$,
	$$record_tax_profile(1, 'company', 'US', 'me', vat_id => '')$$, $$record_tax_profile(1, 'company', 'US', 'me', vat_id => '123456789')$$, $$record_tax_profile(1, 'company', 'US', 'me', vat_id => 'DE1')$$,
	$$record_tax_profile(1, 'company', 'US', 'me', vat_id => 'DE12345678901234')$$, $$record_tax_profile(1, 'company', 'US', 'me', vat_id => E'DE123456789\n; DROP')$$,
	$$record_tax_profile(1, 'company', 'US', 'me', vat_id => 'DEßßß')$$, $$record_tax_profile(1, 'company', 'US', 'me', self_billing => NULL)$$, $$record_tax_profile(1, 'company', 'US', 'me', valid_from => NULL)$$,
	$$record_tax_profile(1, 'company', 'US', 'me', valid_from => 'infinity')$$, $$record_tax_profile(1, 'company', 'US', 'me', valid_from => '-infinity')$$, $$record_tax_profile(1, 'company', 'US', 'me', valid_from => '3000-01-01')$$,
	$$create_tax_authority(NULL, 'n', 'US', 'UTC')$$, $$create_tax_authority('us-irs', 'n', 'US', 'UTC')$$, $$create_tax_authority('A/B', 'n', 'US', 'UTC')$$, $$create_tax_authority('A', NULL, 'US', 'UTC')$$,
	$$create_tax_authority('A', '', 'US', 'UTC')$$, $$create_tax_authority('A', 'n', 'us', 'UTC')$$, $$create_tax_authority('A', 'n', 'US', 'Mars/Base')$$, $$create_tax_authority('A', 'n', 'US', 'MET')$$, $$create_tax_authority('A', 'n', 'US', NULL)$$,
	$$create_tax_authority('A', 'n', 'US', 'UTC', '02-29')$$, $$create_tax_authority('A', 'n', 'US', 'UTC', '4-6')$$, $$create_tax_authority('A', 'n', 'US', 'UTC', '13-01')$$, $$create_tax_authority('A', 'n', 'US', 'UTC', NULL)$$,
	$$set_tax_rule('US-IRS', NULL, 0.1)$$, $$set_tax_rule('US-IRS', 'income', 0.1)$$, $$set_tax_rule('US-IRS', 'vat', NULL)$$, $$set_tax_rule('US-IRS', 'vat', 1.1)$$, $$set_tax_rule('US-IRS', 'vat', -0.1)$$,
	$$set_tax_rule('US-IRS', 'vat', 'NaN')$$, $$set_tax_rule('US-IRS', 'vat', 'Infinity')$$, $$set_tax_rule('US-IRS', 'vat', 0.0000000001)$$, $$set_tax_rule('US-IRS', 'vat', 0.1, 'usa')$$, $$set_tax_rule('US-IRS', 'vat', 0.1, NULL)$$,
	$$set_tax_rule('US-IRS', 'vat', 0.1, '', 'person')$$, $$set_tax_rule('US-IRS', 'vat', 0.1, '', NULL)$$, $$set_tax_rule('US-IRS', 'vat', 0.1, form => NULL)$$, $$set_tax_rule('US-IRS', 'vat', 0.1, form => repeat('x', 41))$$,
	$$set_tax_rule('US-IRS', 'vat', 0.1, valid_from => NULL)$$, $$set_tax_rule('US-IRS', 'vat', 0.1, valid_from => 'infinity')$$, $$set_tax_rule('US-IRS', 'vat', 0.1, valid_to => NULL)$$,
	$$set_tax_rule('US-IRS', 'vat', 0.1, valid_from => '2025-01-01', valid_to => '2025-01-01')$$, $$set_tax_rule('US-IRS', 'vat', 0.1, valid_to => '-infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_tax_profile(99, 'company', 'US', 'me')$$, $$record_tax_profile(NULL, 'company', 'US', 'me')$$, $$set_tax_rule('XX', 'vat', 0.1)$$, $$set_tax_rule(E'X\n''; DROP', 'vat', 0.1)$$);
-- a form can be called anything; it is compared, not run
SELECT pg_temp.profile('nobody', 'individual', 'CH', '''; DROP TABLE influence.ledger; --') AS hostile, pg_temp.rule('US-IRS', 'withholding', 0.5, form => '''; drop table influence.ledger; --') AS rule;
SELECT * FROM pg_temp.terms('2024-07-01', '{US-IRS}') WHERE who = 'nobody';

--
-- Destinations: one account however it is written, what is kept of it and what is not, cooling off after a change, accounts that
-- two strangers give, histories. The cooling-off times are counted by hand: 72 hours after valid_from.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT ref, creator_id FROM (VALUES ('anna'), ('bert'), ('cleo'), ('dave'), ('emil')) v(ref) CROSS JOIN LATERAL influence.register_creator(ref, initcap(ref));
-- an agency for cleo and dave
SELECT creator_id AS agency FROM influence.register_creator('agency', 'Agency', kind => 'agency', agency_of => '{3,4}');
CREATE FUNCTION pg_temp.pay_to(ref text, account text, since timestamptz DEFAULT '2024-01-01', method text DEFAULT 'sepa')
RETURNS TABLE (status text, id bigint, label text, cooling_off_until timestamptz, hold_ref text) LANGUAGE sql AS
$$ SELECT * FROM influence.set_payout_destination(pg_temp.creator(ref), method, account, 'desk', since) $$;

-- the first destination is paid at once; it may be written with blanks, dashes, dots, in lower case, in full width, with what nobody sees
SELECT * FROM pg_temp.pay_to('anna', 'DE89 3704 0044 0532 0130 00');
SELECT DISTINCT status, id, label FROM unnest(ARRAY['DE89370400440532013000', 'de89 3704 0044 0532 0130 00', E'DE89-3704.0044\t0532\n0130 00 ', U&'DE89\00A03704\20100044\20130532\200B0130\FEFF00',
	U&'\FF24\FF25\FF18\FF1937040044053201300\FF10']) account CROSS JOIN LATERAL pg_temp.pay_to('anna', account);
-- what is kept: a hash with the salt of this installation, four characters
SELECT d.hash = sha256(s.destination_salt || 'DE89370400440532013000') AS hash_is_right, length(s.destination_salt) AS salt_bytes, d.label, d.method, d.actor, d.valid_from, d.cooling_off_until
  FROM influence.payout_destination d, influence.payout_secret s;
-- no table has the account, plainly or in pieces
CREATE FUNCTION pg_temp.tables_with(piece text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	relation regclass;
	found_one boolean;
BEGIN
	FOR relation IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind = 'r' LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM %s t WHERE t::text ILIKE ''%%'' || $1 || ''%%'')', relation) INTO found_one USING piece;
		IF found_one THEN
			RETURN NEXT relation;
		END IF;
	END LOOP;
END $$;
SELECT pg_temp.tables_with('0130') UNION ALL SELECT pg_temp.tables_with('DE89') UNION ALL SELECT pg_temp.tables_with(encode('DE89', 'hex'));
SELECT pg_temp.tables_with('...3000') AS label_only;

-- a change cools off for 72 hours, also a change back; the same account later is the same; another way to the same account cools off no longer
SELECT * FROM pg_temp.pay_to('anna', 'anna@example.com', '2024-02-01', 'paypal');
SELECT status, id FROM pg_temp.pay_to('anna', ' Anna@Example.COM', '2024-02-02', 'paypal');
SELECT * FROM pg_temp.pay_to('anna', 'anna@example.com', '2024-02-03', 'wallet');
SELECT * FROM pg_temp.pay_to('anna', 'DE89370400440532013000', '2024-03-30 12:00');
SELECT * FROM pg_temp.pay_to('anna', 'DE89370400440532013000', '2024-05-01', 'bank');
-- a retry of what was said first, another one from the same moment, one before another
SELECT status, id FROM pg_temp.pay_to('anna', 'DE89370400440532013000');
SELECT pg_temp.error_of($$SELECT pg_temp.pay_to('anna', 'SECRET 123')$$), pg_temp.error_of($$SELECT pg_temp.pay_to('anna', 'SECRET 123', '2024-01-15')$$);
INSERT INTO influence.setting (name, version, value) VALUES ('destination_cooling_off', 2, '"10 days"');
SELECT cooling_off_until FROM pg_temp.pay_to('anna', 'FR7630006000011234567890189', '2024-06-01');
DELETE FROM influence.setting WHERE name = 'destination_cooling_off' AND version = 2;
-- now() is the default
SELECT status, hold_ref FROM influence.set_payout_destination(2, 'sepa', 'GB29NWBK60161331926819', 'desk');
SELECT status FROM influence.set_payout_destination(2, 'sepa', 'gb29 nwbk 6016 1331 9268 19', 'another desk');
SELECT count(*), count(cooling_off_until) FROM influence.payout_destination WHERE party_id = 2;
SELECT count(*) FROM influence.payout_hold;

-- An account that another party has, or had, holds both. Anna left hers in June; emil gives it in July.
SELECT * FROM pg_temp.pay_to('emil', 'de89 3704 0044 0532 0130 00', '2024-07-01');
SELECT hold_ref, party_id, program_id, kind, reason, evidence, opened_by, released_at FROM influence.payout_hold ORDER BY 1;
SELECT status, hold_ref FROM pg_temp.pay_to('emil', 'DE89370400440532013000', '2024-07-02');
-- released, it stays released while nobody gives a common account anew
SELECT status FROM influence.release_hold('destination 5/1', 'they are married', 'desk');
SELECT status, hold_ref FROM pg_temp.pay_to('emil', 'DE89370400440532013000', '2024-07-03');
SELECT status, hold_ref FROM pg_temp.pay_to('emil', 'DE89370400440532013000', '2024-07-04', 'bank');
-- cleo and dave have an agency in common, which takes their money; bert has none, and holds each of them once, however many they are
SELECT ref, p.status, p.hold_ref FROM (VALUES ('cleo'), ('dave'), ('agency')) v(ref) CROSS JOIN LATERAL pg_temp.pay_to(ref, 'AT611904300234573201', '2024-07-01') p;
SELECT status, hold_ref FROM pg_temp.pay_to('bert', 'AT611904300234573201', '2040-01-01');
SELECT status, hold_ref FROM pg_temp.pay_to('bert', 'AT611904300234573201', now() + interval '1 day');
SELECT status, hold_ref FROM pg_temp.pay_to('emil', 'AT611904300234573201', '2024-08-01');
SELECT hold_ref, party_id, evidence FROM influence.payout_hold WHERE evidence ->> 'destination_label' = '...3201' ORDER BY 1;
-- an account of strangers is held again when it is given anew, under another hold_ref if the first one is taken
SELECT status FROM influence.hold_payouts(1, 'taken by hand', 'destination 1/5/2', 'desk');
SELECT status FROM influence.release_hold('destination 1/5', 'they are married', 'desk');
SELECT hold_ref FROM pg_temp.pay_to('anna', 'DE89370400440532013000', '2024-08-01');
SELECT hold_ref, kind, released_at IS NULL AS open FROM influence.payout_hold WHERE party_id IN (1, 5) ORDER BY 1;
SELECT check_name, subject FROM influence.check_books();
-- what came by another way than the function is found
UPDATE influence.payout_destination d SET hash = x.hash FROM influence.payout_destination x WHERE d.party_id = 3 AND x.party_id = 2 AND x.label = '...6819';
SELECT check_name, subject, expected, found FROM influence.check_books() ORDER BY 2;
UPDATE influence.payout_destination d SET hash = x.hash FROM influence.payout_destination x WHERE d.party_id = 3 AND x.party_id = 4;
SELECT count(*) FROM influence.check_books();

-- messages say nothing of the account
CREATE FUNCTION pg_temp.all_said(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	m text;
	d text;
	h text;
	c text;
BEGIN
	EXECUTE 'SELECT * FROM influence.set_payout_destination(' || call || ')' USING 'SECRET' || repeat('0', 300), E'SECR\u0007ET 1', 'sec', 'SECRET-12345';
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
	RETURN concat_ws(' | ', SQLSTATE, m, d, h, CASE WHEN m || d || h || c ~* 'sec' THEN 'SAYS IT' END);
END $$;
SELECT pg_temp.all_said(call) FROM unnest(ARRAY['1, ''sepa'', $1, ''me''', '1, ''sepa'', $2, ''me''', '1, ''sepa'', $3, ''me''', '1, $4, $4, ''me''', '99, ''sepa'', $4, ''me''', '1, ''sepa'', $4, NULL',
	'1, ''sepa'', $4, ''me'', ''infinity''', '1, ''sepa'', $4, ''me'', ''2024-01-01''', '1, ''sepa'', $4, ''me'', ''2024-01-02''']) call;
SELECT * FROM pg_temp.not_refused('IN002', $$set_payout_destination(1, 'sepa', 'DE89370400440532013000', '')$$, $$set_payout_destination(1, NULL, 'DE89370400440532013000', 'me')$$, $$set_payout_destination(1, '', 'DE89370400440532013000', 'me')$$, $$set_payout_destination(1, 'SEPA', 'DE89370400440532013000', 'me')$$,
	$$set_payout_destination(1, E'sepa\n', 'DE89370400440532013000', 'me')$$, $$set_payout_destination(1, 'sepa', NULL, 'me')$$, $$set_payout_destination(1, 'sepa', '', 'me')$$, $$set_payout_destination(1, 'sepa', '- . - .', 'me')$$,
	$$set_payout_destination(1, 'sepa', '12-34.5', 'me')$$, $$set_payout_destination(1, 'sepa', repeat('x', 201), 'me')$$, $$set_payout_destination(1, 'sepa', E'DE8937\u202e0400', 'me')$$,
	$$set_payout_destination(1, 'sepa', 'DE89370400440532013000', NULL)$$, $$set_payout_destination(1, 'sepa', 'DE89370400440532013000', 'me', NULL)$$, $$set_payout_destination(1, 'sepa', 'DE89370400440532013000', 'me', 'infinity')$$,
	$$set_payout_destination(1, 'sepa', 'DE89370400440532013000', 'me', '-infinity')$$, $$set_payout_destination(1, 'sepa', 'DE89370400440532013000', 'me', '3000-01-01')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_payout_destination(99, 'sepa', 'DE89370400440532013000', 'me')$$, $$set_payout_destination(NULL, 'sepa', 'DE89370400440532013000', 'me')$$);
-- text of any kind is an account
SELECT status, label FROM pg_temp.pay_to('anna', U&'''; DROP TABLE influence.ledger; -- %s \00e4\00f6\4e2d\6587', '2024-09-01');
-- nothing of another schema is called
CREATE SCHEMA trap;
CREATE FUNCTION trap.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'SAME'::text $$;
CREATE FUNCTION trap.right(text, int) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$;
CREATE TABLE trap.payout_secret AS SELECT ''::bytea AS destination_salt;
SET search_path = trap, influence, pg_catalog;
SELECT status, label FROM influence.set_payout_destination(3, 'sepa', 'trapped account 7', 'me', '2024-10-01');
RESET search_path;
DROP SCHEMA trap CASCADE;

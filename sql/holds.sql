--
-- Payout holds: whom they stop where, several at once, releases, retries. Who is held is worked out by hand from the list of holds.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{"hold": "0"}'), pg_temp.new_program('Club', 'USD', 'UTC', '{}', '{"hold": "0"}');
SELECT ref, creator_id FROM (VALUES ('anna'), ('bert'), ('cleo')) v(ref) CROSS JOIN LATERAL influence.register_creator(ref, initcap(ref));
CREATE FUNCTION pg_temp.held(at timestamptz DEFAULT now()) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(format('%s: %s %s', g.name, c.creator_ref, h.kind), ', ' ORDER BY g.program_id, c.creator_id)
	FROM influence.program g CROSS JOIN LATERAL influence_internal.held_parties(g.program_id, at) h JOIN influence.creator c ON c.creator_id = h.party_id $$;
SELECT pg_temp.held();

SELECT * FROM influence.hold_payouts(1, 'chargebacks of 40 %', 'case 1', 'desk', 'fraud', evidence => '{"orders": ["o1", "o2"]}');
SELECT pg_temp.held();
-- one program only; of two kinds the alphabetically first
SELECT * FROM influence.hold_payouts(2, 'a brand disagrees', 'case 2', 'desk', 'other', pg_temp.program('Shop'));
SELECT * FROM influence.hold_payouts(1, 'a brand disagrees', 'case 3', 'desk', 'dispute', pg_temp.program('Club'));
SELECT pg_temp.held();
-- before they were opened nobody was held; whoever plans for later is
SELECT pg_temp.held(now() - interval '1 hour') AS before, pg_temp.held(now() + interval '1 day') = pg_temp.held() AS later;
-- a retry; the key with other content
SELECT * FROM influence.hold_payouts(1, 'chargebacks of 40 %', 'case 1', 'desk', 'fraud', evidence => '{"orders": ["o1", "o2"]}');
SELECT pg_temp.refused($$hold_payouts(1, 'chargebacks of 50 %', 'case 1', 'desk', 'fraud', evidence => '{"orders": ["o1", "o2"]}')$$);
SELECT pg_temp.refused($$hold_payouts(2, 'chargebacks of 40 %', 'case 1', 'desk', 'fraud', evidence => '{"orders": ["o1", "o2"]}')$$);

-- the hold of one program stays when that of all is released, and the other way round
SELECT * FROM influence.release_hold('case 1', 'they were of one customer', 'boss');
SELECT pg_temp.held();
SELECT * FROM influence.hold_payouts(2, 'tax office asks', 'case 4', 'desk', 'tax');
SELECT * FROM influence.release_hold('case 2', 'settled', 'desk');
SELECT pg_temp.held();
-- releasing twice: the same again, by somebody else, for another reason
SELECT * FROM influence.release_hold('case 2', 'settled', 'desk');
SELECT pg_temp.refused($$release_hold('case 2', 'settled', 'boss')$$), pg_temp.refused($$release_hold('case 2', 'sorry', 'desk')$$);
-- a retry of what is released opens nothing, and says so
SELECT * FROM influence.hold_payouts(2, 'a brand disagrees', 'case 2', 'desk', 'other', pg_temp.program('Shop'));
SELECT pg_temp.held();
SELECT hold_ref, party_id, program_id, kind, reason, evidence, opened_by, released_by, release_note, released_at >= since AS in_order FROM influence.payout_hold ORDER BY 1;

-- what was reserved is not touched, what came later waits: the holds of a moment do not depend on the transaction that asks
BEGIN;
SELECT now() AS long_ago \gset
SELECT * FROM influence.hold_payouts(3, 'opened in this transaction', 'case 5', 'desk');
SELECT pg_temp.held(:'long_ago');
SELECT * FROM influence.release_hold('case 5', 'at once', 'desk');
SELECT pg_temp.held(:'long_ago');
COMMIT;

SELECT * FROM pg_temp.not_refused('IN002', $$hold_payouts(1, 'x', 'r', '')$$, $$release_hold('r', 'x', '')$$, $$hold_payouts(1, NULL, 'r', 'me')$$, $$hold_payouts(1, '', 'r', 'me')$$, $$hold_payouts(1, repeat('x', 2001), 'r', 'me')$$, $$hold_payouts(1, 'why', NULL, 'me')$$,
	$$hold_payouts(1, 'why', '', 'me')$$, $$hold_payouts(1, 'why', repeat('r', 201), 'me')$$, $$hold_payouts(1, 'why', 'r', NULL)$$, $$hold_payouts(1, 'why', 'r', 'me', 'Fraud')$$, $$hold_payouts(1, 'why', 'r', 'me', NULL)$$,
	$$hold_payouts(1, 'why', 'r', 'me', evidence => NULL)$$, $$hold_payouts(1, 'why', 'r', 'me', evidence => '[]')$$, $$hold_payouts(1, 'why', 'r', 'me', evidence => 'null')$$, $$release_hold(NULL, 'why', 'me')$$,
	$$release_hold('case 3', NULL, 'me')$$, $$release_hold('case 3', '', 'me')$$, $$release_hold('case 3', repeat('x', 2001), 'me')$$, $$release_hold('case 3', 'why', NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$hold_payouts(99, 'why', 'r', 'me')$$, $$hold_payouts(NULL, 'why', 'r', 'me')$$, $$hold_payouts(1, 'why', 'r', 'me', program_id => 99)$$, $$release_hold('no such case', 'why', 'me')$$,
	$$release_hold(E'%s''; DROP TABLE x; --', 'why', 'me')$$);
SELECT * FROM influence.hold_payouts(3, E'%s ''; DROP TABLE influence.ledger; -- \n', E'%s ''; DROP', E'o''hara', evidence => '{"%s": "''"}');
SELECT pg_temp.held();

/*
 * holds.sql
 *
 * Payout holds: while one is open nothing is reserved for the party, and what
 * it is owed waits. A hold is never deleted, only released.
 */
CREATE FUNCTION influence_internal.held_parties(program_id bigint, at timestamptz)
RETURNS TABLE (party_id bigint, kind text)
LANGUAGE plpgsql STABLE
ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT h.party_id, min(h.kind COLLATE "C")
	  FROM influence.payout_hold h
	 WHERE (h.program_id IS NULL OR h.program_id = $1)
	   -- now(): a hold that was opened after this transaction began and is seen holds, too
	   AND (h.since <= $2 OR $2 >= now()) AND (h.released_at IS NULL OR h.released_at > $2)
	 GROUP BY h.party_id;
END
$$;
COMMENT ON FUNCTION influence_internal.held_parties(bigint, timestamptz) IS
'The parties that are not paid by a program at a moment because of a hold, in it or in all programs; of several kinds the alphabetically first.';

CREATE FUNCTION influence_internal.hold_payouts(creator_id bigint, reason text, hold_ref text, actor text, kind text DEFAULT 'other',
	program_id bigint DEFAULT NULL, evidence jsonb DEFAULT '{}')
RETURNS TABLE (status text, state text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea := influence_internal.content_hash(jsonb_build_array($1, $2, $4, $5, $6, $7));
	known record;
BEGIN
	PERFORM influence_internal.require_creator($1);
	PERFORM influence_internal.require_key('hold_ref', $3);
	PERFORM influence_internal.require_arguments('reason', $2, 'actor', $4, 'kind', $5, 'evidence', $7::text);
	PERFORM influence_internal.require_key('actor', $4);
	IF $6 IS NOT NULL THEN
		PERFORM influence_internal.program_facts($6);
	END IF;
	IF length($2) NOT BETWEEN 1 AND 2000 THEN
		PERFORM influence_internal.raise_invalid('the reason is not usable', format('It has %s characters.', length($2)),
			'Say in 1 to 2000 characters why nothing is paid.');
	ELSIF $5 NOT IN ('fraud', 'dispute', 'tax', 'other') THEN
		PERFORM influence_internal.raise_invalid(format('hold kind "%s" is not known', $5), NULL, 'Use fraud, dispute, tax or other.');
	ELSIF jsonb_typeof($7) <> 'object' THEN
		PERFORM influence_internal.raise_invalid('evidence is not a JSON object', NULL, 'Give what shows it, for instance {"case": "4711"}.');
	END IF;
	PERFORM influence_internal.lock_key(format('hold %s', $3));
	SELECT h.content_hash, h.released_at INTO known FROM influence.payout_hold h WHERE h.hold_ref = $3;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('hold', $3);
		END IF;
		RETURN QUERY SELECT 'duplicate', CASE WHEN known.released_at IS NULL THEN 'open' ELSE 'released' END;
		RETURN;
	END IF;
	INSERT INTO influence.payout_hold (hold_ref, party_id, program_id, kind, reason, evidence, opened_by, content_hash)
	VALUES ($3, $1, $6, $5, $2, $7, $4, hash);
	RETURN QUERY SELECT 'recorded', 'open';
END
$$;
COMMENT ON FUNCTION influence_internal.hold_payouts(bigint, text, text, text, text, bigint, jsonb) IS
'Lets nothing be reserved for a creator in a program (NULL = in any) until release_hold: with a reason, a kind (fraud, dispute, tax, other) and evidence, a JSON object. What is owed waits, and what is reserved already is not touched. A hold that is released stays so: another one needs another hold_ref. Natural key: hold_ref. -> status recorded | duplicate, state open | released. IN002 bad value, IN003 unknown creator or program, IN004 other content.';

CREATE FUNCTION influence_internal.release_hold(hold_ref text, note text, actor text)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
BEGIN
	PERFORM influence_internal.require_key('hold_ref', $1);
	PERFORM influence_internal.require_arguments('note', $2, 'actor', $3);
	PERFORM influence_internal.require_key('actor', $3);
	IF length($2) NOT BETWEEN 1 AND 2000 THEN
		PERFORM influence_internal.raise_invalid('the note is not usable', format('It has %s characters.', length($2)),
			'Say in 1 to 2000 characters why the hold ends.');
	END IF;
	PERFORM influence_internal.require_read_committed();
	SELECT h.released_at, h.released_by, h.release_note INTO known FROM influence.payout_hold h WHERE h.hold_ref = $1 FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('hold', $1, 'See influence.payout_hold for those there are.');
	ELSIF known.released_at IS NULL THEN
		-- a transaction may be older than the hold that it waited for
		UPDATE influence.payout_hold h SET released_at = greatest(now(), h.since), released_by = $3, release_note = $2
		 WHERE h.hold_ref = $1;
		status := 'recorded';
	ELSIF (known.released_by, known.release_note) = ($3, $2) THEN
		status := 'duplicate';
	ELSE
		PERFORM influence_internal.raise_conflict('release of hold', $1);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.release_hold(text, text, text) IS
'Ends a hold, with a note that says why; what waited for it alone is paid by the next run. Other holds of the party stay. Natural key: hold_ref. -> status recorded | duplicate. IN002, IN003 no such hold, IN004 released with another note or by somebody else.';

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

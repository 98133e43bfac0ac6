/*
 * closing.sql
 *
 * close_period: what the books say of a month is kept, with a hash that covers
 * every entry and all closings before, so that nothing of it can change
 * unnoticed. Nothing is locked for it: what is booked later, for whatever
 * month, belongs to the next closing.
 */
CREATE FUNCTION influence_internal.require_booked(program_id bigint, period text, ends_at timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	last_seen pg_snapshot;
	missing record;
BEGIN
	SELECT w.last_seen INTO last_seen FROM influence.watermark w, influence_internal.this_database() h
	 WHERE w.name = 'book_earnings' AND w.system_identifier = h.system_identifier;
	SELECT e.order_ref, e.line_no INTO missing
	  FROM influence.earning e
	 WHERE influence_internal.is_fresh(e.xact, coalesce(last_seen, '1:1:'), NULL) AND e.program_id = $1 AND e.occurred_at < $3 AND e.amount <> 0
	   AND NOT EXISTS (SELECT FROM influence.ledger l
						WHERE l.party_id = e.creator_id AND l.program_id = e.program_id
						  AND l.entry_key = influence_internal.earning_entry_key(e.entry_id, e.order_ref, e.line_no, e.kind, e.seq, e.revision))
	 LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_refused(format('not all earnings until the end of period %s are booked', $2),
			format('For instance those of line %s of order "%s".', missing.line_no, missing.order_ref),
			'Run CALL influence.run_due(), or SELECT * FROM influence.book_earnings().');
	END IF;
	SELECT w.last_seen INTO last_seen FROM influence.watermark w, influence_internal.this_database() h
	 WHERE w.name = 'settle_tiers' AND w.system_identifier = h.system_identifier;
	SELECT d.month INTO missing
	  FROM (SELECT x.month FROM influence_internal.due_settlements(coalesce(last_seen, '1:1:'), $1) x
			EXCEPT		-- what was tried in vain cannot be settled
			SELECT x.month FROM influence.settlement_due x WHERE x.program_id = $1 AND x.failures > 0
			UNION
			SELECT x.month FROM influence.settlement_due x WHERE x.program_id = $1 AND x.failures = 0) d
	 WHERE d.month <= $2
	 ORDER BY d.month
	 LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_refused(format('period %s is not settled', missing.month),
			format('Facts or settings reached it which no settlement has seen; %s cannot be closed before.', $2),
			format('Run CALL influence.run_due(), or SELECT * FROM influence.settle_tiers(%s).', $1));
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_booked(bigint, text, timestamptz) IS
'Raises IN005 while the jobs have work to do on a program''s months until the end of one: earnings that are not in the ledger, months that are not settled.';

CREATE FUNCTION influence_internal.close_period(program_id bigint, period text, as_of timestamptz DEFAULT now(), actor text DEFAULT session_user)
RETURNS TABLE (status text, month text, entries bigint, parties bigint, return_rate numeric, return_reserve jsonb, previous_hash bytea, hash bytea)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bounds record;
	zone text;
	last record;
	earlier text;
	mark record;
	since timestamptz := '-infinity';
	these int8multirange;
BEGIN
	PERFORM influence_internal.require_arguments('program_id', $1::text, 'as_of', $3::text);
	PERFORM influence_internal.require_finite('as_of', $3);
	PERFORM influence_internal.require_past($3);
	PERFORM influence_internal.require_key('actor', $4);
	SELECT f.time_zone INTO zone FROM influence_internal.program_facts($1) f;
	SELECT * INTO bounds FROM influence_internal.period_bounds($1, $2);
	IF bounds.ends_at > $3 THEN
		PERFORM influence_internal.raise_refused(format('period %s is not over', $2),
			format('It ends at %s, as_of is %s.', bounds.ends_at, $3), 'Close a month that is complete.');
	END IF;
	-- one closing or payout run of a program at a time; orders and returns do not wait
	PERFORM influence_internal.require_read_committed();
	PERFORM FROM influence.program g WHERE g.program_id = $1 FOR NO KEY UPDATE;
	month := $2;
	SELECT p.* INTO last FROM influence.closed_period p WHERE p.program_id = $1 AND p.period = $2;
	IF FOUND THEN
		status := 'duplicate';
		entries := last.entry_count;
		SELECT count(*) INTO parties FROM influence.closed_balance b WHERE b.program_id = $1 AND b.period = $2;
		return_rate := last.return_rate;
		return_reserve := last.return_reserve;
		previous_hash := last.previous_hash;
		hash := last.hash;
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT p.period, p.hash INTO last FROM influence.closed_period p WHERE p.program_id = $1 ORDER BY p.period DESC LIMIT 1;
	IF last.period > $2 THEN
		PERFORM influence_internal.raise_refused(format('period %s lies before the last closing', $2),
			format('Period %s is closed; %s had no entry then.', last.period, $2),
			format('What was booked since then belongs to the next closing: close a period after %s.', last.period));
	ELSIF last.period IS NOT NULL THEN
		since := (influence_internal.period_bounds($1, last.period)).ends_at;
	END IF;
	SELECT to_char(min(l.occurred_at) AT TIME ZONE zone, 'YYYY-MM') INTO earlier
	  FROM influence.ledger l WHERE l.program_id = $1 AND l.occurred_at >= since AND l.occurred_at < bounds.starts_at;
	IF earlier IS NOT NULL THEN
		PERFORM influence_internal.raise_refused(format('period %s is not closed', earlier),
			format('It has entries, and comes before %s.', $2),
			format('Close months in order: SELECT * FROM influence.close_period(%s, %L).', $1, earlier));
	END IF;
	PERFORM influence_internal.require_booked($1, $2, bounds.ends_at);

	PERFORM influence_internal.progress_start('close_period', $1, 'balances of ' || $2);
	SELECT * INTO mark FROM influence_internal.open_watermark('closing ' || $1);
	-- one statement, one snapshot: the functions see the same entries, whatever is booked meanwhile
	WITH e AS MATERIALIZED (
		SELECT influence_internal.closing_entries($1, since, bounds.ends_at,
			CASE WHEN last.period IS NULL THEN '{}' ELSE influence_internal.late_entries($1, since, mark.last_seen) END) AS entries
	), made AS (
		INSERT INTO influence.closed_balance (party_id, program_id, period, currency, entry_count, opening, closing, not_due, due_30, due_60,
											  due_90, due_older, reserved, digest)
		SELECT b.party_id, $1, $2, b.currency, b.entry_count, b.opening, b.closing, b.not_due, b.due_30, b.due_60, b.due_90, b.due_older, b.reserved,
			   b.digest
		  FROM e
		 CROSS JOIN LATERAL influence_internal.closing_balances($1, e.entries, last.period, bounds.ends_at) b
		 ORDER BY b.party_id, b.currency COLLATE "C"
		RETURNING entry_count
	), r AS MATERIALIZED (
		SELECT x.rate, x.reserve
		  FROM influence_internal.return_rate($1, influence_internal.first_instant(
					(($2 || '-01')::timestamp - interval '11 months'), zone), bounds.ends_at) x
	)
	SELECT e.entries, r.rate, r.reserve, m.entry_count, m.parties INTO these, return_rate, return_reserve, entries, parties
	  FROM e, r, (SELECT coalesce(sum(made.entry_count), 0)::bigint AS entry_count, count(*) AS parties FROM made) m;
	previous_hash := last.hash;
	hash := influence_internal.closing_hash($1, $2, $3, $4, entries, return_rate, return_reserve, previous_hash);
	INSERT INTO influence.closed_period (program_id, period, closed_at, closed_by, entries, entry_count, return_rate, return_reserve,
										 previous_hash, hash)
	VALUES ($1, $2, $3, $4, these, entries, return_rate, return_reserve, previous_hash, hash);
	PERFORM influence_internal.close_watermark('closing ' || $1, mark.current);
	PERFORM influence_internal.progress_end();
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.close_period(bigint, text, timestamptz, text) IS
'Closes a month (YYYY-MM in the program''s time zone): all entries that occurred before its end and are in no closing; keeps for each party and currency the balance and its age (influence.closed_balance), the reserve for returns, and a hash chained to the closing before (influence.closed_period). What is booked later belongs to the next closing; use record_adjustment() to correct a closed month. Months with entries are closed in order, and after the jobs did what there is to do. actor: who closes, by default the login. Natural key: program_id, period. -> status recorded | duplicate, month, entries and parties in it, return_rate (clawbacks / commissions of the lines whose hold ended in the last 12 months), return_reserve (minor units by currency), previous_hash and hash. IN002, IN003, IN005 the month is not over, an earlier one is not closed, or jobs are not done.';

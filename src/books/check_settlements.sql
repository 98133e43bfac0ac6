/*
 * check_settlements.sql
 *
 * The part of check_books() about settlements and bonuses: what is booked is
 * what the facts say, and the ledger has it once.
 */
CREATE FUNCTION influence_internal.is_settlement_kind(kind text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT pg_catalog.starts_with(kind, 'settlement_') OR kind IN ('bonus', 'fund', 'fee') $$;
COMMENT ON FUNCTION influence_internal.is_settlement_kind(text) IS 'Whether a kind of ledger entry comes from a settlement or a bonus.';

CREATE FUNCTION influence_internal.check_settled(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	last_seen pg_snapshot;
	this_program bigint;
	months text[];
	due text[];
	together text[];
BEGIN
	SELECT w.last_seen INTO last_seen
	  FROM influence.watermark w, influence_internal.this_database() h
	 WHERE w.name = 'settle_tiers' AND w.system_identifier = h.system_identifier;
	IF NOT FOUND THEN
		RETURN;			-- nothing was settled here yet
	END IF;
	FOR this_program IN SELECT g.program_id FROM influence.program g WHERE g.program_id = coalesce($1, g.program_id) ORDER BY 1 LOOP
		months := ARRAY(SELECT f.month FROM influence_internal.fact_months(this_program) f
						UNION SELECT s.month FROM influence.settlement s WHERE s.program_id = this_program ORDER BY 1);
		due := ARRAY(SELECT d.month FROM influence_internal.due_settlements(last_seen, this_program) d
					 UNION SELECT d.month FROM influence.settlement_due d WHERE d.program_id = this_program);
		WHILE months <> '{}' LOOP
			together := influence_internal.settled_together(this_program, months[1]);
			IF NOT together && due THEN
				RETURN QUERY
				SELECT 'a settlement is what the facts say', this_program,
					   format('creator %s month %s %s %s from %s', d.creator_id, d.month, d.stage, d.ref, d.available_at),
					   d.wanted::text, (d.wanted - d.amount)::text
				  FROM influence_internal.settlement_differences(this_program, together) d;
			END IF;
			months := ARRAY(SELECT m FROM unnest(months) m WHERE m <> ALL (together) ORDER BY 1);
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.check_settled(bigint) IS
'The part of check_books() that settles every month anew and compares; months with facts that are not settled yet are left out.';

CREATE FUNCTION influence_internal.check_settlements(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH settled AS (
		SELECT s.creator_id AS party_id, s.program_id, influence_internal.settlement_entry_key(s.month, s.stage, s.ref, s.seq) AS entry_key,
			   'settlement_' || s.stage AS kind, s.amount, s.currency::text AS currency, s.available_at, m.ends_at - interval '1 microsecond' AS occurred_at
		  FROM influence.settlement s
		  JOIN (SELECT x.program_id, x.month, b.ends_at
				  FROM (SELECT DISTINCT y.program_id, y.month FROM influence.settlement y WHERE y.program_id = coalesce($1, y.program_id)) x
				 CROSS JOIN LATERAL influence_internal.period_bounds(x.program_id, x.month) b) m ON m.program_id = s.program_id AND m.month = s.month
		UNION ALL
		SELECT b.creator_id, b.program_id, influence_internal.bonus_entry_key(b.bonus_ref), b.kind, b.amount, b.currency::text, b.available_at, b.occurred_at
		  FROM influence.bonus b WHERE b.program_id = coalesce($1, b.program_id)
	), entries AS (
		SELECT l.party_id, l.program_id, l.entry_key, l.kind, l.currency::text AS currency, l.available_at, l.occurred_at,
			   CASE WHEN (l.debit_account, l.credit_account) = ('expense', 'payable') THEN l.amount
					WHEN (l.debit_account, l.credit_account) = ('payable', 'expense') THEN -l.amount END AS amount
		  FROM influence.ledger l
		 WHERE l.source = 'adjustment' AND influence_internal.is_settlement_kind(l.kind) AND l.program_id = coalesce($1, l.program_id)
	)
	SELECT 'the ledger has every settlement and bonus', coalesce(s.program_id, e.program_id),
		   format('party %s entry %s', coalesce(s.party_id, e.party_id), coalesce(s.entry_key, e.entry_key)),
		   CASE WHEN s.party_id IS NULL THEN 'nothing'
				ELSE format('%s %s %s from %s', s.kind, s.amount, s.currency, s.available_at) || CASE WHEN s.occurred_at <> e.occurred_at THEN format(', at %s', s.occurred_at) ELSE '' END END,
		   CASE WHEN e.party_id IS NULL THEN 'nothing'
				ELSE format('%s %s %s from %s', e.kind, e.amount, e.currency, e.available_at) || CASE WHEN s.occurred_at <> e.occurred_at THEN format(', at %s', e.occurred_at) ELSE '' END END
	  FROM settled s
	  FULL JOIN entries e ON e.party_id = s.party_id AND e.program_id = s.program_id AND e.entry_key = s.entry_key
	 WHERE (s.kind, s.amount, s.currency, s.available_at, s.occurred_at) IS DISTINCT FROM (e.kind, e.amount, e.currency, e.available_at, e.occurred_at)
	UNION ALL
	SELECT 'a settlement has its program''s currency', s.program_id,
		   format('creator %s month %s %s %s', s.creator_id, s.month, s.stage, s.ref), g.currency::text, s.currency::text
	  FROM influence.settlement s JOIN influence.program g ON g.program_id = s.program_id
	 WHERE s.currency <> g.currency AND s.program_id = coalesce($1, s.program_id)
	UNION ALL
	SELECT 'every month can be settled', d.program_id, format('creator %s month %s', d.creator_id, d.month), 'settled', d.error
	  FROM influence.settlement_due d WHERE d.failures > 0 AND d.program_id = coalesce($1, d.program_id)
	UNION ALL
	SELECT c.* FROM influence_internal.check_settled($1) c;
END
$$;
COMMENT ON FUNCTION influence_internal.check_settlements(bigint) IS
'The part of check_books() about settlements and bonuses: they are what the facts say, and the ledger has each of them once.';

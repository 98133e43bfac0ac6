/*
 * ageing.sql
 *
 * How old what is owed is. What came in (or was taken back) is sorted by the
 * time since it could have been paid; what was paid, and what a class was taken
 * back more than came in, is set off against the oldest. So a balance consists
 * of what came in last.
 */
CREATE FUNCTION influence_internal.age_balance(balance numeric, not_due numeric, due_30 numeric, due_60 numeric, due_90 numeric)
-- a set of one row, which can be inlined
RETURNS TABLE (not_due numeric, due_30 numeric, due_60 numeric, due_90 numeric, due_older numeric)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
ROWS 1
AS $$
	-- youngest first, until the balance is used up; a balance below zero is nobody's to pay: it waits for what comes
	SELECT CASE WHEN $1 OPERATOR(pg_catalog.<) 0 THEN $1 ELSE d.d0 END, d.d1 OPERATOR(pg_catalog.-) d.d0, d.d2 OPERATOR(pg_catalog.-) d.d1,
		   d.d3 OPERATOR(pg_catalog.-) d.d2, CASE WHEN $1 OPERATOR(pg_catalog.<) 0 THEN 0 ELSE $1 OPERATOR(pg_catalog.-) d.d3 END
	  FROM (SELECT GREATEST(LEAST($1, n.n0), 0) AS d0, GREATEST(LEAST($1, n.n0 OPERATOR(pg_catalog.+) n.n1), 0) AS d1,
				   GREATEST(LEAST($1, n.n0 OPERATOR(pg_catalog.+) n.n1 OPERATOR(pg_catalog.+) n.n2), 0) AS d2,
				   GREATEST(LEAST($1, n.n0 OPERATOR(pg_catalog.+) n.n1 OPERATOR(pg_catalog.+) n.n2 OPERATOR(pg_catalog.+) n.n3), 0) AS d3
			  FROM (SELECT GREATEST($2, 0) AS n0, GREATEST($3, 0) AS n1, GREATEST($4, 0) AS n2, GREATEST($5, 0) AS n3) n) d
$$;
COMMENT ON FUNCTION influence_internal.age_balance(numeric, numeric, numeric, numeric, numeric) IS
'A balance by age, from the balance and what came in net in the classes not due yet, due for at most 30, 60 and 90 days: the youngest first, what is left is older. A balance below zero stands in not_due.';

CREATE FUNCTION influence_internal.incomings_by_age(program_id bigint, at timestamptz)
RETURNS TABLE (party_id bigint, currency text, not_due numeric, due_30 numeric, due_60 numeric, due_90 numeric)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	-- days of 24 hours, whatever the session's time zone
	to_30 constant timestamptz := $2 - interval '720 hours';
	to_60 constant timestamptz := $2 - interval '1440 hours';
	to_90 constant timestamptz := $2 - interval '2160 hours';
BEGIN
	RETURN QUERY
	SELECT e.party_id, e.currency::text,
		   coalesce(sum(e.amount) FILTER (WHERE e.available_at > $2), 0),
		   coalesce(sum(e.amount) FILTER (WHERE e.available_at >= to_30 AND e.available_at <= $2), 0),
		   coalesce(sum(e.amount) FILTER (WHERE e.available_at >= to_60 AND e.available_at < to_30), 0),
		   coalesce(sum(e.amount) FILTER (WHERE e.available_at < to_60), 0)
	  FROM (SELECT l.party_id, l.currency COLLATE "C" AS currency, l.available_at,
				   CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END AS amount
			  FROM influence.ledger l
			 WHERE l.program_id = $1 AND l.occurred_at < $2 AND l.available_at >= to_90 AND l.source <> 'payout'
			   AND 'payable' IN (l.debit_account, l.credit_account)) e
	 GROUP BY e.party_id, e.currency;
END
$$;
COMMENT ON FUNCTION influence_internal.incomings_by_age(bigint, timestamptz) IS
'What parties were owed more (net of what was taken back) by entries that occurred before a moment, payouts apart, in minor units by the age that it had then: not available yet, available for at most 30, 60, 90 days.';

CREATE FUNCTION influence_internal.accrual_ageing(program_id bigint, as_of timestamptz DEFAULT now())
RETURNS TABLE (party_id bigint, party_name text, currency text, balance numeric, not_due numeric, due_30 numeric, due_60 numeric,
			   due_90 numeric, due_older numeric, reserved numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('as_of', $2::text);
	PERFORM influence_internal.require_finite('as_of', $2);
	RETURN QUERY
	SELECT b.party_id, c.name, b.currency, b.balance, a.not_due, a.due_30, a.due_60, a.due_90, a.due_older, b.reserved
	  FROM (SELECT e.party_id, e.currency::text AS currency, coalesce(sum(e.amount) FILTER (WHERE e.account = 'payable'), 0) AS balance,
				   coalesce(sum(e.amount) FILTER (WHERE e.account = 'reserved'), 0) AS reserved
			  FROM (SELECT l.party_id, l.currency, l.credit_account AS account, l.amount FROM influence.ledger l
					 WHERE l.program_id = $1 AND l.occurred_at < $2
					UNION ALL
					SELECT l.party_id, l.currency, l.debit_account, -l.amount FROM influence.ledger l
					 WHERE l.program_id = $1 AND l.occurred_at < $2) e
			 WHERE e.account IN ('payable', 'reserved')
			 GROUP BY e.party_id, e.currency) b
	  LEFT JOIN influence_internal.incomings_by_age($1, $2) i ON i.party_id = b.party_id AND i.currency = b.currency
	 CROSS JOIN LATERAL influence_internal.age_balance(b.balance, coalesce(i.not_due, 0), coalesce(i.due_30, 0), coalesce(i.due_60, 0),
													   coalesce(i.due_90, 0)) a
	  LEFT JOIN influence.creator c ON c.creator_id = b.party_id
	 WHERE b.balance <> 0 OR b.reserved <> 0
	 ORDER BY b.party_id, b.currency;
END
$$;
COMMENT ON FUNCTION influence_internal.accrual_ageing(bigint, timestamptz) IS
'What a program owes each party by what occurred before a moment, per currency in minor units, by age: not_due = not available yet, then available since at most 30, 60, 90 days (of 24 hours), due_older = longer; reserved = on its way to the bank besides. What was paid is set off against the oldest; a balance below zero stands in not_due. At the end of a month this is what close_period() keeps of it. IN002, IN003.';

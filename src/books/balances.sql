/*
 * balances.sql
 *
 * What the ledger adds up to: the view balance per account, and the function
 * balances() per party, as the books stood at any moment. Nothing keeps a
 * balance; it is read from the entries.
 */
CREATE FUNCTION influence_internal.create_money_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.balance WITH (security_invoker = true) AS
	SELECT e.party_id, e.program_id, e.currency, e.account, sum(e.amount) AS amount
	  FROM (SELECT l.party_id, l.program_id, l.currency, l.credit_account AS account, l.amount FROM influence.ledger l
			UNION ALL
			SELECT l.party_id, l.program_id, l.currency, l.debit_account, -l.amount FROM influence.ledger l) e
	 GROUP BY e.party_id, e.program_id, e.currency, e.account;
	COMMENT ON VIEW influence.balance IS 'The balance of each account of a party in minor units, credits less debits: payable is what the party is owed and is in no payout yet, expense is below zero by what it cost. The accounts of a party, program and currency sum to 0.';
	PERFORM influence_internal.create_income_view();
END
$$;
COMMENT ON FUNCTION influence_internal.create_money_views() IS 'Makes the views balance and creator_income; called by step 9 of install().';

CREATE FUNCTION influence_internal.balances(program_id bigint, as_of timestamptz DEFAULT now(), party_id bigint DEFAULT NULL)
RETURNS TABLE (party bigint, currency text, pending numeric, available numeric, reserved numeric, paid numeric, owed numeric,
			   written_off numeric, platform_revenue numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- of one party by its index: a plan for any argument reads all of the program
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('as_of', $2::text);
	PERFORM influence_internal.require_finite('as_of', $2);
	RETURN QUERY
	SELECT s.party_id, s.currency, s.pending, s.available, s.reserved, s.paid, s.pending + s.available + s.reserved, s.written_off,
		   s.platform_revenue
	  FROM (SELECT e.party_id, e.currency::text AS currency,
				   coalesce(sum(e.amount) FILTER (WHERE e.account = 'payable' AND e.available_at > $2), 0) AS pending,
				   coalesce(sum(e.amount) FILTER (WHERE e.account = 'payable' AND e.available_at <= $2), 0) AS available,
				   coalesce(sum(e.amount) FILTER (WHERE e.account = 'reserved'), 0) AS reserved,
				   coalesce(sum(e.amount) FILTER (WHERE e.account = 'paid'), 0) AS paid,
				   coalesce(-sum(e.amount) FILTER (WHERE e.account = 'write_off'), 0) AS written_off,
				   coalesce(sum(e.amount) FILTER (WHERE e.account = 'platform_revenue'), 0) AS platform_revenue
			  FROM (SELECT l.party_id, l.currency, l.credit_account AS account, l.amount, l.available_at
					  FROM influence.ledger l
					 WHERE l.program_id = $1 AND l.party_id = coalesce($3, l.party_id) AND l.booked_at <= $2
					UNION ALL
					SELECT l.party_id, l.currency, l.debit_account, -l.amount, l.available_at
					  FROM influence.ledger l
					 WHERE l.program_id = $1 AND l.party_id = coalesce($3, l.party_id) AND l.booked_at <= $2) e
			 GROUP BY e.party_id, e.currency) s
	 ORDER BY s.party_id, s.currency;
END
$$;
COMMENT ON FUNCTION influence_internal.balances(bigint, timestamptz, bigint) IS
'What a program owes each party (or one), per currency in minor units, as the books stood at a moment (what was booked until then): pending = earned and not available yet, available = can be paid (below zero: more came back than was earned), reserved = in a payout that the bank has not confirmed, paid, owed = pending + available + reserved; written_off = what was let off; platform_revenue = the program''s own cut (party 0), and what a brand was charged for sponsored campaigns. IN002, IN003.';

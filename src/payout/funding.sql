/*
 * funding.sql
 *
 * Brands that pay first. Under pay_when_funded the entries of a brand's products
 * are paid in the order in which they became available, as far as what the brand
 * paid in goes; nothing overtakes an entry that waits.
 */
CREATE FUNCTION influence_internal.brand_entries(program_id bigint, cutoff timestamptz)
RETURNS TABLE (brand text, currency text, entry_no bigint, amount bigint, used boolean, payable boolean)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM influence.brand_account a WHERE a.program_id = $1) THEN
		RETURN;
	END IF;
	RETURN QUERY
	SELECT q.brand, q.currency, q.entry_no, q.amount, q.used, q.amount < 0 OR q.running <= coalesce(f.funded, 0)
	  FROM (SELECT a.brand, a.party_id AS brand_id, e.currency::text AS currency, e.entry_no, e.amount, e.used,
				   sum(e.amount) OVER (PARTITION BY a.party_id, e.currency
									   ORDER BY e.used DESC, e.available_at, e.party_id, e.entry_no ROWS UNBOUNDED PRECEDING) AS running
			  FROM influence.brand_account a
			  JOIN influence.product d ON d.brand = a.brand
			  JOIN influence.order_line o ON o.product_id = d.product_id AND o.program_id = $1
			  JOIN (SELECT l.visitor_id, l.order_ref, l.line_no, l.party_id, l.currency, l.entry_no, l.available_at, p.entry_no IS NOT NULL AS used,
						   CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END AS amount
					  FROM influence.ledger l
					  LEFT JOIN (SELECT y.party_id, u.entry_no
								   FROM influence.payout y
								  CROSS JOIN LATERAL unnest(y.entry_nos) u(entry_no)
								  WHERE y.program_id = $1) p ON p.party_id = l.party_id AND p.entry_no = l.entry_no
					 WHERE l.program_id = $1 AND l.source = 'line' AND 'payable' IN (l.debit_account, l.credit_account)
					   AND (l.available_at < $2 OR p.entry_no IS NOT NULL)) e
					ON e.visitor_id = o.visitor_id AND e.order_ref = o.order_ref AND e.line_no = o.line_no
			 WHERE a.program_id = $1) q
	  LEFT JOIN (SELECT x.party_id, x.currency::text AS currency, sum(x.amount) AS funded
				   FROM influence.brand_funding x
				  WHERE x.program_id = $1
				  GROUP BY x.party_id, x.currency) f ON f.party_id = q.brand_id AND f.currency = q.currency;
END
$$;
COMMENT ON FUNCTION influence_internal.brand_entries(bigint, timestamptz) IS
'The entries of order lines of brands that have an account in a program, available before a moment or in a payout (used, perhaps one that failed), signed as owed to the party. payable: it is below zero, or what was used, all that comes before it (by available_at, party, entry_no) and it itself are within what the brand paid in.';

CREATE FUNCTION influence_internal.unfunded_entries(program_id bigint, cutoff timestamptz)
RETURNS TABLE (entry_no bigint)
LANGUAGE plpgsql STABLE
ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- the policy in force when the month before the cutoff began
	IF EXISTS (SELECT FROM influence.program g
				 JOIN influence.payout_policy y ON y.program_id = g.program_id
				WHERE g.program_id = $1 AND y.pay_when_funded
				  AND y.valid @> date_trunc('month', ($2 - interval '1 microsecond') AT TIME ZONE g.time_zone) AT TIME ZONE g.time_zone) THEN
		RETURN QUERY SELECT e.entry_no FROM influence_internal.brand_entries($1, $2) e WHERE NOT e.used AND NOT e.payable;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.unfunded_entries(bigint, timestamptz) IS
'The ledger entries of a program that are available before a moment, the end of a month, and wait until a brand has paid in; none unless the payout policy of that month has pay_when_funded.';

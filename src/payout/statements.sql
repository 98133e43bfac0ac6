/*
 * statements.sql
 *
 * What a creator is told: every movement of its balance in a month, with the
 * balance after each.
 */
CREATE FUNCTION influence_internal.creator_statement(program_id bigint, creator_id bigint, period text)
RETURNS TABLE (entry_no int, occurred_at timestamptz, kind text, order_ref text, line_no int, amount bigint, balance numeric,
			   currency text, available_at timestamptz, note text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bounds record;
	money text;
BEGIN
	PERFORM influence_internal.require_creator($2);
	SELECT * INTO bounds FROM influence_internal.period_bounds($1, $3);
	SELECT f.currency INTO money FROM influence_internal.program_facts($1) f;
	RETURN QUERY
	WITH moves AS (
		SELECT l.occurred_at, l.kind, l.order_ref, l.line_no, l.entry_key, l.available_at, l.note,
			   CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END AS amount
		  FROM influence.ledger l
		 WHERE l.party_id = $2 AND l.program_id = $1 AND l.currency = money AND l.occurred_at < bounds.ends_at
		   AND 'payable' IN (l.debit_account, l.credit_account)
	), shown AS (
		SELECT 0 AS part, bounds.starts_at AS occurred_at, 'opening balance' AS kind, NULL AS order_ref, NULL::int AS line_no, '' AS entry_key,
			   NULL::timestamptz AS available_at, NULL AS note, 0::bigint AS amount,
			   coalesce((SELECT sum(m.amount) FROM moves m WHERE m.occurred_at < bounds.starts_at), 0::numeric) AS carried
		UNION ALL
		SELECT 1, m.occurred_at, m.kind, m.order_ref, m.line_no, m.entry_key, m.available_at, m.note, m.amount, m.amount
		  FROM moves m WHERE m.occurred_at >= bounds.starts_at
		UNION ALL
		SELECT 2, bounds.ends_at, 'closing balance', NULL, NULL, '', NULL, NULL, 0, 0
	)
	SELECT (row_number() OVER w)::int, s.occurred_at, s.kind, s.order_ref, s.line_no, s.amount, sum(s.carried) OVER w, money,
		   s.available_at, s.note
	  FROM shown s
	WINDOW w AS (ORDER BY s.part, s.occurred_at, s.order_ref COLLATE "C", s.line_no, s.entry_key COLLATE "C" ROWS UNBOUNDED PRECEDING)
	 ORDER BY 1;
END
$$;
COMMENT ON FUNCTION influence_internal.creator_statement(bigint, bigint, text) IS
'A creator''s account in a program for a month (YYYY-MM in the program''s time zone, by the time things happened): opening balance, commissions, clawbacks and payouts with the balance after each, closing balance, in minor units. IN002, IN003.';

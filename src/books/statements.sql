/*
 * statements.sql
 *
 * What a creator is told: every movement of its balance in a month, with the
 * balance after each. A closed month shows what its closing holds, for ever.
 */
CREATE FUNCTION influence_internal.statement_scope(program_id bigint, party_id bigint, currency text, period text,
	OUT closed int8multirange, OUT opening numeric, OUT closed_until timestamptz, OUT late boolean, OUT remark text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	last text;
	papers text;
BEGIN
	SELECT string_agg(format('%s %s, hash %s', CASE s.kind WHEN 'payout' THEN 'statement' ELSE s.kind END, s.statement_no, encode(s.hash, 'hex')),
					  '; ' ORDER BY s.statement_no)
	  INTO papers
	  FROM influence.statement s
	 WHERE s.party_id = $2 AND s.program_id = $1 AND s.currency = $3 AND s.period = $4;
	SELECT p.entries, format('closing of %s, hash %s', p.period, encode(p.hash, 'hex')) INTO closed, remark
	  FROM influence.closed_period p WHERE p.program_id = $1 AND p.period = $4;
	remark := nullif(concat_ws('; ', remark, papers), '');
	-- the last closing that it follows
	SELECT p.period INTO last FROM influence.closed_period p WHERE p.program_id = $1 AND p.period < $4 ORDER BY p.period DESC LIMIT 1;
	SELECT b.closing INTO opening FROM influence.closed_balance b
	 WHERE b.party_id = $2 AND b.program_id = $1 AND b.period = last AND b.currency = $3;
	opening := coalesce(opening, 0);
	IF last IS NOT NULL THEN
		closed_until := (influence_internal.period_bounds($1, last)).ends_at;
	END IF;
	IF closed IS NULL AND EXISTS (SELECT FROM influence.closed_period p WHERE p.program_id = $1 AND p.period > $4) THEN
		closed := '{}';			-- skipped: it had no entry
	END IF;
	-- the closings of most parties have all their entries
	late := closed IS NULL AND last IS NOT NULL
		AND (SELECT coalesce(sum(b.entry_count), 0) FROM influence.closed_balance b WHERE b.party_id = $2 AND b.program_id = $1)
			< (SELECT count(*) FROM influence.ledger l WHERE l.party_id = $2 AND l.program_id = $1 AND l.occurred_at < closed_until);
END
$$;
COMMENT ON FUNCTION influence_internal.statement_scope(bigint, bigint, text, text) IS
'What closings say of a party''s month: the entries of its closing (NULL = it is open, empty = it was skipped), the balance at the closing before and when that ended, whether there are late entries which are in no closing yet, and the remark for the statement: hash of the closing, numbers and hashes of the statements.';

CREATE FUNCTION influence_internal.creator_statement(program_id bigint, creator_id bigint, period text, of_currency text DEFAULT NULL)
RETURNS TABLE (entry_no int, occurred_at timestamptz, kind text, order_ref text, line_no int, amount bigint, balance numeric,
			   currency text, available_at timestamptz, note text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bounds record;
	money text;
	scope record;
	shown_from timestamptz;
BEGIN
	PERFORM influence_internal.require_creator($2);
	SELECT * INTO bounds FROM influence_internal.period_bounds($1, $3);
	SELECT coalesce($4, f.currency) INTO money FROM influence_internal.program_facts($1) f;
	PERFORM influence.minor_unit_digits(money);
	SELECT * INTO scope FROM influence_internal.statement_scope($1, $2, money, $3);
	-- late entries are shown by the first month after the last closing
	shown_from := CASE WHEN scope.closed_until >= bounds.starts_at THEN '-infinity' ELSE bounds.starts_at END;
	RETURN QUERY
	WITH moves AS (
		SELECT l.occurred_at, l.kind, l.order_ref, l.line_no, l.entry_key, l.available_at, l.note,
			   CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END AS amount
		  FROM influence.ledger l
		 WHERE l.party_id = $2 AND l.program_id = $1 AND l.currency = money AND l.occurred_at < bounds.ends_at
		   AND 'payable' IN (l.debit_account, l.credit_account)
		   AND CASE WHEN scope.closed IS NOT NULL THEN l.entry_no <@ scope.closed
					WHEN scope.closed_until IS NULL OR l.occurred_at >= scope.closed_until THEN true
					ELSE scope.late AND NOT EXISTS (SELECT FROM influence.closed_period p
													 WHERE p.program_id = $1 AND l.entry_no <@ p.entries) END
	), shown AS (
		SELECT 0 AS part, bounds.starts_at AS occurred_at, 'opening balance' AS kind, NULL AS order_ref, NULL::int AS line_no, '' AS entry_key,
			   NULL::timestamptz AS available_at, NULL AS note, 0::bigint AS amount,
			   scope.opening + coalesce((SELECT sum(m.amount) FROM moves m WHERE scope.closed IS NULL AND m.occurred_at < shown_from), 0::numeric) AS carried
		UNION ALL
		SELECT 1, m.occurred_at, m.kind, m.order_ref, m.line_no, m.entry_key, m.available_at, m.note, m.amount, m.amount
		  FROM moves m WHERE scope.closed IS NOT NULL OR m.occurred_at >= shown_from
		UNION ALL
		SELECT 2, bounds.ends_at, 'closing balance', NULL, NULL, '', NULL, scope.remark, 0, 0
	)
	SELECT (row_number() OVER w)::int, s.occurred_at, s.kind, s.order_ref, s.line_no, s.amount, sum(s.carried) OVER w, money,
		   s.available_at, s.note
	  FROM shown s
	WINDOW w AS (ORDER BY s.part, s.occurred_at, s.order_ref COLLATE "C", s.line_no, s.entry_key COLLATE "C" ROWS UNBOUNDED PRECEDING)
	 ORDER BY 1;
END
$$;
COMMENT ON FUNCTION influence_internal.creator_statement(bigint, bigint, text, text) IS
'A creator''s account in a program for a month (YYYY-MM in the program''s time zone, by the time things happened): opening balance, commissions, clawbacks and payouts with the balance after each, closing balance, in minor units of of_currency (NULL = the program''s). A closed month is what its closing holds, and its last note names the hash of the closing and the numbers of the statements; what was booked late for it appears in the next month, at its own time. IN002, IN003.';

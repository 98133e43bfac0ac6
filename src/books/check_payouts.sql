/*
 * check_payouts.sql
 *
 * The part of check_books() about payouts: each is the sum of its entries, each
 * entry is paid once and not before its time, taxes follow from their rules,
 * the ledger has the entries of each stage and no others, and the statements
 * are a whole chain.
 */
CREATE FUNCTION influence_internal.check_payout_lines(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH line AS MATERIALIZED (
		SELECT p.party_id, p.program_id, p.currency, p.period, p.amount AS payout_amount, p.run_at, u.entry_no, l.entry_key, l.kind,
			   l.currency AS entry_currency, l.available_at,
			   'payable' IN (l.debit_account, l.credit_account)
			   -- of the entries of payouts, those that give money back, and the remainder that this one does not pay
			   AND (influence_internal.is_payable(l.source, l.kind)
					OR l.entry_key = influence_internal.payout_entry_key(p.period, p.currency::text, 'remainder')) AS payable,
			   CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END AS amount
		  FROM influence.payout p
		 CROSS JOIN LATERAL unnest(p.entry_nos) u(entry_no)
		  LEFT JOIN influence.ledger l ON l.party_id = p.party_id AND l.program_id = p.program_id AND l.entry_no = u.entry_no
		 WHERE p.program_id = coalesce($1, p.program_id)
	)
	SELECT 'a payout is the sum of its lines', x.program_id, format('party %s period %s', x.party_id, x.period), x.payout_amount::text,
		   coalesce(sum(x.amount)::text, 'no line')
	  FROM line x
	 GROUP BY x.party_id, x.program_id, x.currency, x.period, x.payout_amount
	HAVING x.payout_amount IS DISTINCT FROM sum(x.amount)
	UNION ALL
	SELECT 'a payout line is a ledger entry', x.program_id, format('party %s period %s entry_no %s', x.party_id, x.period, x.entry_no),
		   format('an entry of payable in %s', x.currency), coalesce(format('%s in %s', x.kind, x.entry_currency), 'no entry')
	  FROM line x
	 WHERE (x.entry_currency = x.currency AND x.payable) IS NOT TRUE
	UNION ALL
	SELECT 'an entry is paid once', x.program_id, format('party %s entry_no %s', x.party_id, x.entry_no), 'one payout',
		   'payouts of ' || string_agg(x.period || ' ' || x.currency, ', ' ORDER BY x.period, x.currency)
	  FROM line x
	 GROUP BY x.party_id, x.program_id, x.entry_no
	HAVING count(*) > 1
	UNION ALL
	SELECT 'nothing is paid before its hold', x.program_id, format('party %s entry %s', x.party_id, x.entry_key), x.available_at::text,
		   least(x.run_at, b.booked_at)::text
	  FROM line x
	  LEFT JOIN influence.ledger b ON b.party_id = x.party_id AND b.program_id = x.program_id
			AND b.entry_key = influence_internal.payout_entry_key(x.period, x.currency::text, 'reserve')
	 WHERE x.available_at > least(x.run_at, b.booked_at)
	   -- its own remainder is not paid; it is available from as_of on, which may lie after the beginning of the transaction that booked it
	   AND x.entry_key <> influence_internal.payout_entry_key(x.period, x.currency::text, 'remainder');
END
$$;
COMMENT ON FUNCTION influence_internal.check_payout_lines(bigint) IS 'The part of check_books() about what payouts pay.';

CREATE FUNCTION influence_internal.check_payout_entries(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH wanted AS (
		SELECT p.party_id, p.program_id, p.period, w.stage, s.debit, s.credit, p.currency, w.amount, w.at, CASE w.stage WHEN 'remainder_kept' THEN p.run_at ELSE w.at END AS occurred_at,
			   -- who said that it failed stands in the entry alone
			   CASE WHEN w.stage = 'paid' THEN 'bank reference ' || p.bank_ref
					WHEN w.stage IN ('returned', 'withheld_reversed', 'vat_reversed', 'failed') THEN p.failure || ' (' END AS note,
			   influence_internal.payout_entry_key(p.period, p.currency::text, w.stage) AS entry_key
		  FROM influence.payout p
		  LEFT JOIN influence.ledger r ON r.party_id = p.party_id AND r.program_id = p.program_id
				AND r.entry_key = influence_internal.payout_entry_key(p.period, p.currency::text, 'remainder')
		 CROSS JOIN LATERAL (VALUES ('reserve', p.amount, p.run_at), ('withheld', p.withheld, p.run_at), ('vat', p.vat, p.run_at),
				-- its amount is proved by the sum of the lines
				('remainder', r.amount, p.run_at),
				('remainder_kept', r.amount, (SELECT b.ends_at FROM influence_internal.period_bounds(p.program_id, p.period) b WHERE r.amount > 0)),
				('paid', CASE WHEN p.paid_at IS NOT NULL THEN p.net END, greatest(p.paid_at, p.run_at)),
				('returned', CASE WHEN p.paid_at IS NOT NULL AND p.failed_at IS NOT NULL THEN p.net END, p.failed_at),
				('withheld_reversed', CASE WHEN p.failed_at IS NOT NULL THEN p.withheld END, p.failed_at),
				('vat_reversed', CASE WHEN p.failed_at IS NOT NULL THEN p.vat END, p.failed_at),
				('failed', CASE WHEN p.failed_at IS NOT NULL THEN p.amount END, p.failed_at)) w(stage, amount, at)
		  JOIN influence_internal.payout_stages() s ON s.stage = w.stage
		 WHERE w.amount > 0 AND p.program_id = coalesce($1, p.program_id)
	), booked AS (
		SELECT l.* FROM influence.ledger l WHERE l.source = 'payout' AND l.program_id = coalesce($1, l.program_id)
	)
	SELECT CASE WHEN w.stage IS NULL THEN 'payout entries have their payout' ELSE 'payouts are booked' END, coalesce(w.program_id, l.program_id),
		   CASE WHEN w.stage IS NULL THEN format('party %s entry %s', l.party_id, l.entry_key)
				ELSE format('party %s period %s %s', w.party_id, w.period, w.stage) END,
		   CASE WHEN w.stage IS NULL THEN 'a payout' ELSE f.wanted END, CASE WHEN w.stage IS NULL THEN 'none' ELSE coalesce(f.booked, 'nothing') END
	  FROM wanted w
	  FULL JOIN booked l ON l.party_id = w.party_id AND l.program_id = w.program_id AND l.entry_key = w.entry_key
	 CROSS JOIN LATERAL (SELECT format('payout_%s: %s %s from %s to %s, %s', w.stage, w.amount, w.currency, w.debit, w.credit, w.at) AS wanted,
								CASE WHEN l.amount IS NOT NULL THEN format('%s: %s %s from %s to %s, %s', l.kind, l.amount, l.currency, l.debit_account,
								   l.credit_account, l.available_at) END AS booked) f
	 WHERE f.wanted IS DISTINCT FROM f.booked
	UNION ALL
	SELECT 'payouts are booked', w.program_id, format('party %s period %s %s', w.party_id, w.period, w.stage), format('at %s, %s', w.occurred_at, coalesce(w.note, 'no note')),
		   format('at %s, %s', l.occurred_at, coalesce(l.note, 'no note'))
	  FROM wanted w
	  JOIN booked l ON l.party_id = w.party_id AND l.program_id = w.program_id AND l.entry_key = w.entry_key
	 -- told above otherwise
	 WHERE (l.available_at, l.amount) = (w.at, w.amount)
	   AND (l.occurred_at <> w.occurred_at
			OR CASE WHEN w.note IS NULL OR w.stage = 'paid' THEN l.note IS DISTINCT FROM w.note ELSE starts_with(l.note, w.note) IS NOT TRUE END)
	UNION ALL
	SELECT 'no account of a payout is overdrawn', a.program_id, format('party %s account %s', a.party_id, a.account), '0 or more', sum(a.amount)::text
	  FROM (SELECT l.party_id, l.program_id, l.currency, l.credit_account AS account, l.amount FROM influence.ledger l
			 WHERE l.credit_account IN ('reserved', 'paid', 'held', 'withheld') AND l.program_id = coalesce($1, l.program_id)
			UNION ALL
			SELECT l.party_id, l.program_id, l.currency, l.debit_account, -l.amount FROM influence.ledger l
			 WHERE l.debit_account IN ('reserved', 'paid', 'held', 'withheld') AND l.program_id = coalesce($1, l.program_id)) a
	 GROUP BY a.party_id, a.program_id, a.currency, a.account
	HAVING sum(a.amount) < 0;
END
$$;
COMMENT ON FUNCTION influence_internal.check_payout_entries(bigint) IS
'The part of check_books() about the ledger entries of payouts: those of each stage, and nothing else.';

CREATE FUNCTION influence_internal.check_payout_terms(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH payout AS (
		SELECT p.*, coalesce(y.granularity ->> p.currency::text, '1')::bigint AS granularity, y.rounding, y.demands_destination,
			   format('party %s period %s', p.party_id, p.period) AS subject
		  FROM influence.payout p
		  JOIN influence.payout_policy y ON y.program_id = p.program_id AND y.version = p.payout_policy_version
		 WHERE p.program_id = coalesce($1, p.program_id)
	)
	SELECT 'a payout is what its currency can pay', p.program_id, p.subject, format('a multiple of %s, less than %s kept', p.granularity, p.granularity),
		   format('%s, %s kept', p.amount, coalesce(r.amount, 0))
	  FROM payout p
	  LEFT JOIN influence.ledger r ON r.party_id = p.party_id AND r.program_id = p.program_id
			AND r.entry_key = influence_internal.payout_entry_key(p.period, p.currency::text, 'remainder')
	 WHERE p.amount % p.granularity <> 0 OR r.amount >= p.granularity
	UNION ALL
	SELECT 'taxes of a payout add up', p.program_id, p.subject, format('withheld %s, VAT %s', t.withheld, t.vat), format('withheld %s, VAT %s', p.withheld, p.vat)
	  FROM payout p
	 CROSS JOIN LATERAL (SELECT coalesce(sum(x.amount) FILTER (WHERE x.kind = 'withholding'), 0) AS withheld,
								coalesce(sum(x.amount) FILTER (WHERE x.kind = 'vat'), 0) AS vat
						   FROM influence.payout_tax x
						  WHERE x.party_id = p.party_id AND x.program_id = p.program_id AND x.currency = p.currency AND x.period = p.period) t
	 WHERE (p.withheld, p.vat) IS DISTINCT FROM (t.withheld, t.vat)
	UNION ALL
	SELECT 'a tax is its base at the rate of its rule', x.program_id, format('party %s period %s %s %s', x.party_id, x.period, x.authority, x.kind), f.wanted, f.found
	  FROM influence.payout_tax x
	  LEFT JOIN payout p ON p.party_id = x.party_id AND p.program_id = x.program_id AND p.currency = x.currency AND p.period = x.period
	  LEFT JOIN influence.tax_rule r ON r.authority = x.authority AND r.rule_id = x.rule_id AND r.kind = x.kind
	  LEFT JOIN influence.tax_authority a ON a.authority = x.authority
	 CROSS JOIN LATERAL (SELECT CASE WHEN p.party_id IS NULL THEN 'no payout'
									 ELSE format('%s of %s at %s, year %s', influence_internal.payout_tax_amount(p.amount, p.granularity, r.rate, p.rounding), p.amount,
										r.rate, influence_internal.tax_year(p.run_at, a.time_zone, a.year_starts)) END AS wanted,
								format('%s of %s at %s, year %s', x.amount, x.base, x.rate, x.tax_year) AS found) f
	 WHERE f.wanted <> f.found AND x.program_id = coalesce($1, x.program_id)
	UNION ALL
	SELECT 'a payout goes to an account of its party', p.program_id, p.subject, 'one that held and had cooled off', coalesce(d.label, 'destination ' || p.destination_id, 'none')
	  FROM payout p
	  LEFT JOIN influence.payout_destination d ON d.party_id = p.party_id AND d.destination_id = p.destination_id
	 WHERE (p.destination_id IS NOT NULL OR p.demands_destination)
	   AND (d.valid_from <= p.run_at AND coalesce(d.cooling_off_until <= p.run_at, true)) IS NOT TRUE;
END
$$;
COMMENT ON FUNCTION influence_internal.check_payout_terms(bigint) IS 'The part of check_books() about granularity, taxes and destinations of payouts.';

CREATE FUNCTION influence_internal.check_payout_statements(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH wanted AS (
		SELECT p.party_id, p.program_id, p.currency, p.period, 'payout' AS kind, p.amount, p.withheld, p.vat, p.run_at AS at
		  FROM influence.payout p WHERE p.program_id = coalesce($1, p.program_id)
		UNION ALL
		SELECT p.party_id, p.program_id, p.currency, p.period, 'cancellation', -p.amount, -p.withheld, -p.vat, p.failed_at
		  FROM influence.payout p WHERE p.state = 'failed' AND p.program_id = coalesce($1, p.program_id)
	), issued AS (
		SELECT s.*, lag(s.statement_no) OVER w AS number_before, lag(s.hash) OVER w AS hash_before
		  FROM influence.statement s WHERE s.program_id = coalesce($1, s.program_id)
		WINDOW w AS (PARTITION BY s.program_id ORDER BY s.statement_no)
	)
	SELECT 'a payout has its statement, and its cancellation', coalesce(w.program_id, s.program_id),
		   format('party %s period %s %s', coalesce(w.party_id, s.party_id), coalesce(w.period, s.period), coalesce(w.kind, s.kind)),
		   CASE WHEN w.kind IS NULL THEN 'nothing' ELSE format('%s, withheld %s, VAT %s, %s', w.amount, w.withheld, w.vat, w.at) END,
		   CASE WHEN s.kind IS NULL THEN 'nothing' ELSE format('%s, withheld %s, VAT %s, %s', s.amount, s.withheld, s.vat, s.issued_at) END
	  FROM wanted w
	  FULL JOIN issued s ON s.party_id = w.party_id AND s.program_id = w.program_id AND s.currency = w.currency AND s.period = w.period AND s.kind = w.kind
	 WHERE (w.amount, w.withheld, w.vat, w.at) IS DISTINCT FROM (s.amount, s.withheld, s.vat, s.issued_at)
	UNION ALL
	SELECT 'statements are numbered without gaps', s.program_id, format('statement %s', s.statement_no), (coalesce(s.number_before, 0) + 1)::text, s.statement_no::text
	  FROM issued s
	 WHERE s.statement_no <> coalesce(s.number_before, 0) + 1
	UNION ALL
	SELECT 'a cancellation names what it cancels', s.program_id, format('statement %s', s.statement_no), coalesce(c.statement_no::text, 'no statement'), s.cancels::text
	  FROM issued s
	  LEFT JOIN influence.statement c ON c.party_id = s.party_id AND c.program_id = s.program_id AND c.currency = s.currency AND c.period = s.period AND c.kind = 'payout'
	 WHERE s.kind = 'cancellation' AND c.statement_no IS DISTINCT FROM s.cancels
	UNION ALL
	-- whoever rewrites closings, or takes away the last, would have to rewrite what was printed since
	SELECT 'a statement names a closing', s.program_id, format('statement %s', s.statement_no), 'the hash of a closing', encode(s.closing_hash, 'hex')
	  FROM issued s
	 WHERE s.closing_hash IS NOT NULL AND NOT EXISTS (SELECT FROM influence.closed_period c WHERE c.program_id = s.program_id AND c.hash = s.closing_hash)
	UNION ALL
	SELECT 'statements are a chain of hashes', s.program_id, format('statement %s', s.statement_no), encode(h.hash, 'hex'), encode(s.hash, 'hex')
	  FROM issued s
	 CROSS JOIN LATERAL (SELECT influence_internal.chain_link(s.hash_before, influence_internal.statement_content(s.program_id, s.statement_no, s.kind, s.cancels,
			s.party_id, s.currency::text, s.period, s.amount, s.withheld, s.vat, s.self_billing, s.issued_at, s.closing_hash), NULL) AS hash OFFSET 0) h
	 WHERE h.hash <> s.hash;
END
$$;
COMMENT ON FUNCTION influence_internal.check_payout_statements(bigint) IS 'The part of check_books() about statements: one per payout and per failure, numbered, chained.';

CREATE FUNCTION influence_internal.check_payouts(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT b.* FROM influence_internal.check_payout_lines($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_payout_entries($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_payout_terms($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_payout_statements($1) b;
END
$$;
COMMENT ON FUNCTION influence_internal.check_payouts(bigint) IS 'The part of check_books() about payouts.';

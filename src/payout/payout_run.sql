/*
 * payout_run.sql
 *
 * run_payouts reserves what payout_plan says. Everything hangs on the natural
 * key (party, program, currency, period): a second run finds the first one's
 * rows, and a run that is cancelled, or killed, leaves nothing behind.
 */
CREATE FUNCTION influence_internal.require_past(as_of timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF as_of > clock_timestamp() THEN
		PERFORM influence_internal.raise_refused('as_of lies in the future', format('as_of: %s.', as_of),
			'Money is paid when its time has come; influence.plan_payouts() previews any moment.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_past(timestamptz) IS 'Raises IN005 for a moment that has not come: nothing may be paid before its hold.';

CREATE FUNCTION influence_internal.payout_entry_key(period text, currency text, stage text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	-- no concat(), which is only STABLE: this would not be inlined
	SELECT 'payout/' OPERATOR(pg_catalog.||) period OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) currency OPERATOR(pg_catalog.||) '/'
		   OPERATOR(pg_catalog.||) stage
$$;
COMMENT ON FUNCTION influence_internal.payout_entry_key(text, text, text) IS
'The ledger''s natural key of a stage of a payout: reserve, withheld, vat, remainder, remainder_kept, paid, returned, withheld_reversed, vat_reversed, failed.';

CREATE FUNCTION influence_internal.payout_stages()
RETURNS TABLE (stage text, debit text, credit text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
ROWS 10
AS $$
	VALUES ('reserve', 'payable', 'reserved'),
		   ('withheld', 'reserved', 'withheld'),
		   ('vat', 'expense', 'reserved'),
		   ('remainder', 'payable', 'held'),
		   ('remainder_kept', 'held', 'payable'),
		   ('paid', 'reserved', 'paid'),
		   ('returned', 'paid', 'reserved'),
		   ('withheld_reversed', 'withheld', 'reserved'),
		   ('vat_reversed', 'reserved', 'expense'),
		   ('failed', 'reserved', 'payable')
$$;
COMMENT ON FUNCTION influence_internal.payout_stages() IS 'Between which accounts each stage of a payout moves money; the kind of its ledger entry is payout_ and the stage.';

CREATE FUNCTION influence_internal.reserve_payouts(program_id bigint, period text, as_of timestamptz,
	OUT payouts bigint, OUT amount numeric, OUT carried bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	terms record;
BEGIN
	SELECT * INTO terms FROM influence_internal.payout_terms($1, $2, $3);
	-- one statement, one snapshot: what is planned is what is reserved, whatever is booked meanwhile
	WITH plan AS MATERIALIZED (
		SELECT d.*, influence_internal.progress_step(d.party_id),
			   -- the entry that takes the remainder off is one of the payout's, so its number is drawn here
			   CASE WHEN d.remainder > 0 THEN nextval(pg_get_serial_sequence('influence.ledger', 'entry_no')) END AS remainder_no
		  FROM influence_internal.payout_plan($1, terms.month, $3, true) d
	), made AS (
		INSERT INTO influence.payout (party_id, program_id, currency, period, state, amount, withheld, vat, entry_nos, destination_id, run_at,
									  payout_policy_version)
		SELECT d.party_id, $1, d.currency, terms.month, 'reserved', d.amount::bigint, d.withheld::bigint, d.vat::bigint,
			   CASE WHEN d.remainder > 0 THEN d.entry_nos || d.remainder_no ELSE d.entry_nos END, d.destination_id, $3, terms.version
		  FROM plan d
		 WHERE d.verdict = 'pay'
	), taxed AS (
		INSERT INTO influence.payout_tax (party_id, program_id, currency, period, authority, kind, rule_id, tax_year, base, rate, amount)
		SELECT d.party_id, $1, d.currency, terms.month, t.authority, t.kind, t.rule_id, t.tax_year, d.amount::bigint, t.rate,
			   influence_internal.payout_tax_amount(d.amount::bigint, d.granularity, t.rate, terms.rounding)
		  FROM plan d
		  JOIN influence_internal.tax_terms($3, terms.tax_authorities) t ON t.party_id = d.party_id
		 WHERE d.verdict = 'pay' AND terms.tax_authorities <> '{}'
	), booked AS (
		INSERT INTO influence.ledger (party_id, program_id, entry_key, entry_no, kind, debit_account, credit_account, amount, currency,
									  occurred_at, available_at, source)
		SELECT d.party_id, $1, influence_internal.payout_entry_key(terms.month, d.currency, s.stage),
			   CASE WHEN s.stage = 'remainder' THEN d.remainder_no
					ELSE nextval(pg_get_serial_sequence('influence.ledger', 'entry_no')) END,
			   'payout_' || s.stage, s.debit, s.credit, m.amount::bigint, d.currency, $3,
			   -- what is left over is payable again, in a later period
			   CASE WHEN s.stage = 'remainder_kept' THEN terms.ends_at ELSE $3 END, 'payout'
		  FROM plan d
		 CROSS JOIN influence_internal.payout_stages() s
		 CROSS JOIN LATERAL (SELECT CASE s.stage WHEN 'reserve' THEN d.amount WHEN 'withheld' THEN d.withheld WHEN 'vat' THEN d.vat
												 WHEN 'remainder' THEN d.remainder WHEN 'remainder_kept' THEN d.remainder END AS amount) m
		 WHERE d.verdict = 'pay' AND m.amount > 0
	)
	SELECT count(*) FILTER (WHERE d.verdict = 'pay'), coalesce(sum(d.amount) FILTER (WHERE d.verdict = 'pay'), 0),
		   count(*) FILTER (WHERE d.verdict <> 'pay')
	  INTO payouts, amount, carried
	  FROM plan d;
END
$$;
COMMENT ON FUNCTION influence_internal.reserve_payouts(bigint, text, timestamptz) IS
'Makes the payouts of a period with their taxes and ledger entries, as payout_plan says; how many, their sum, and how many parties are carried.';

CREATE FUNCTION influence_internal.run_payouts(program_id bigint, period text DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (status text, month text, payouts bigint, amount numeric, carried bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_arguments('program_id', $1::text, 'as_of', $3::text);
	PERFORM influence_internal.require_finite('as_of', $3);
	PERFORM influence_internal.require_past($3);
	SELECT t.month INTO month FROM influence_internal.payout_terms($1, $2, $3) t;
	PERFORM influence_internal.require_adopted();
	PERFORM influence_internal.progress_start('payouts', $1, 'settling');
	-- before the program's row is locked: whoever settles waits for no payout
	PERFORM influence_internal.settle_tiers($1);
	PERFORM influence_internal.progress_phase('waiting for the program');
	PERFORM influence_internal.lock_payouts($1);
	PERFORM influence_internal.progress_phase('reserving');
	SELECT r.payouts, r.amount, r.carried INTO payouts, amount, carried FROM influence_internal.reserve_payouts($1, month, $3) r;
	IF payouts > 0 THEN
		PERFORM influence_internal.progress_phase('statements', payouts);
		PERFORM influence_internal.issue_statements($1, month);
		PERFORM influence_internal.require_whole_payouts($1, month);
	END IF;
	PERFORM influence_internal.progress_end();
	status := CASE WHEN payouts > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.run_payouts(bigint, text, timestamptz) IS
'Settles what there is to settle (settle_tiers) and reserves a payout per party and currency for a period (YYYY-MM, default the last complete month), as plan_payouts shows then, with its taxes and its statement; what is not paid is carried forward. Run twice, or twice at once, it pays once; cancelled, it has done nothing, and the next run does it whole. -> status recorded | duplicate (nothing to pay), month, payouts, amount in minor units (before tax), parties carried. IN002, IN003, IN005 the period is not over or as_of lies in the future, IN009 this server is not the adopted one.';

CREATE FUNCTION influence_internal.lock_payouts(program_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_read_committed();
	PERFORM FROM influence.program g WHERE g.program_id = $1 FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION influence_internal.lock_payouts(bigint) IS
'One session at a time makes payouts and numbers statements in a program: the second run finds the payouts of the first. IN005 in REPEATABLE READ and SERIALIZABLE.';

CREATE FUNCTION influence_internal.require_whole_payouts(program_id bigint, period text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	broken record;
BEGIN
	SELECT p.party_id, p.currency, p.withheld, p.vat, t.withheld AS withheld_by_rule, t.vat AS vat_by_rule INTO broken
	  FROM influence.payout p
	  LEFT JOIN (SELECT x.party_id, x.currency, coalesce(sum(x.amount) FILTER (WHERE x.kind = 'withholding'), 0) AS withheld,
						coalesce(sum(x.amount) FILTER (WHERE x.kind = 'vat'), 0) AS vat
				   FROM influence.payout_tax x
				  WHERE x.program_id = $1 AND x.period = $2
				  GROUP BY x.party_id, x.currency) t ON t.party_id = p.party_id AND t.currency = p.currency
	  LEFT JOIN influence.statement s ON s.party_id = p.party_id AND s.program_id = $1 AND s.currency = p.currency AND s.period = $2 AND s.kind = 'payout'
	 WHERE p.program_id = $1 AND p.period = $2
	   AND ((p.withheld, p.vat) IS DISTINCT FROM (coalesce(t.withheld, 0), coalesce(t.vat, 0))
			OR (s.amount, s.withheld, s.vat) IS DISTINCT FROM (p.amount, p.withheld, p.vat))
	 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'IN005',
			MESSAGE = 'a payout is not what its taxes and its statement say',
			DETAIL = format('Party %s, %s: withheld %s, by rule %s; VAT %s, by rule %s.', broken.party_id, broken.currency, broken.withheld,
							broken.withheld_by_rule, broken.vat, broken.vat_by_rule),
			HINT = 'Nothing was paid; see influence.check_books().';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_whole_payouts(bigint, text) IS
'The run''s own proof: raises IN005 when a payout of a period is not what its taxes and its statement say. That it is the sum of its entries follows from how it is made, by one aggregate, and is proved by check_books().';

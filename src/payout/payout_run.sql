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
	last record;
	closing bytea := influence_internal.last_closing($1);
	entry_numbers text := pg_get_serial_sequence('influence.ledger', 'entry_no');
	proof record;
BEGIN
	SELECT * INTO terms FROM influence_internal.payout_terms($1, $2, $3);
	SELECT * INTO last FROM influence_internal.last_statement($1);
	-- one statement, one snapshot: what is planned is what is reserved, whatever is booked meanwhile. Nothing joins
	-- what was just written: no statistics know it yet, and a plan for few rows would take for ever
	WITH plan AS MATERIALIZED (
		SELECT d.*,
			   -- the entry that takes the remainder off is one of the payout's, so its number is drawn here
			   CASE WHEN d.remainder > 0 THEN nextval(entry_numbers::regclass) END AS remainder_no
		  FROM influence_internal.payout_plan($1, terms.month, $3, true) d
	), made AS (
		INSERT INTO influence.payout (party_id, program_id, currency, period, state, amount, withheld, vat, entry_nos, destination_id, run_at,
									  payout_policy_version)
		SELECT d.party_id, $1, d.currency, terms.month, 'reserved', influence_internal.progress_step(d.amount::bigint), d.withheld::bigint, d.vat::bigint,
			   CASE WHEN d.remainder > 0 THEN d.entry_nos || d.remainder_no ELSE d.entry_nos END, d.destination_id, $3, terms.version
		  FROM plan d
		 WHERE d.verdict = 'pay'
		RETURNING amount, withheld, vat
	), taxed AS (
		INSERT INTO influence.payout_tax (party_id, program_id, currency, period, authority, kind, rule_id, tax_year, base, rate, amount)
		SELECT d.party_id, $1, d.currency, terms.month, t.authority, t.kind, t.rule_id, t.tax_year, d.amount::bigint, t.rate,
			   influence_internal.payout_tax_amount(d.amount::bigint, d.granularity, t.rate, terms.rounding)
		  FROM plan d
		  JOIN influence_internal.tax_terms($3, terms.tax_authorities) t ON t.party_id = d.party_id
		 WHERE d.verdict = 'pay' AND terms.tax_authorities <> '{}'
		RETURNING kind, amount
	), booked AS (
		INSERT INTO influence.ledger (party_id, program_id, entry_key, entry_no, kind, debit_account, credit_account, amount, currency,
									  occurred_at, available_at, source)
		SELECT d.party_id, $1, influence_internal.payout_entry_key(terms.month, d.currency, s.stage),
			   CASE WHEN s.stage = 'remainder' THEN d.remainder_no ELSE nextval(entry_numbers::regclass) END,
			   'payout_' || s.stage, s.debit, s.credit, m.amount::bigint, d.currency, $3,
			   -- what is left over is payable again, in a later period
			   CASE WHEN s.stage = 'remainder_kept' THEN terms.ends_at ELSE $3 END, 'payout'
		  FROM plan d
		  JOIN influence_internal.payout_stages() s ON s.stage IN ('reserve', 'withheld', 'vat', 'remainder', 'remainder_kept')
		 CROSS JOIN LATERAL (SELECT CASE s.stage WHEN 'reserve' THEN d.amount WHEN 'withheld' THEN d.withheld WHEN 'vat' THEN d.vat
												 ELSE d.remainder END AS amount) m
		 WHERE d.verdict = 'pay' AND m.amount > 0
		RETURNING kind, amount
	), stated AS (
		INSERT INTO influence.statement (program_id, statement_no, kind, party_id, currency, period, amount, withheld, vat, self_billing,
										 issued_at, closing_hash, hash)
		SELECT $1, n.statement_no, 'payout', n.party_id, n.currency, terms.month, n.amount, n.withheld, n.vat, n.self_billing, $3, closing,
			   influence_internal.chain_hash(influence_internal.statement_content($1, n.statement_no, 'payout', NULL, n.party_id, n.currency,
					terms.month, n.amount, n.withheld, n.vat, n.self_billing, $3, closing), last.hash)
				   OVER (ORDER BY n.statement_no ROWS UNBOUNDED PRECEDING)
		  FROM (SELECT d.party_id, d.currency, d.amount::bigint AS amount, d.withheld::bigint AS withheld, d.vat::bigint AS vat, d.self_billing,
					   last.statement_no + row_number() OVER (ORDER BY d.party_id, d.currency COLLATE "C") AS statement_no
				  FROM plan d
				 WHERE d.verdict = 'pay') n
		RETURNING amount, withheld, vat
	)
	SELECT p.paid, p.amount, p.carried, (m.count, m.amount, m.withheld, m.vat) AS payouts, (s.count, s.amount, s.withheld, s.vat) AS statements,
		   (p.paid, b.amount, t.withheld, t.vat) AS entries, (b.withheld, b.vat, b.remainder) AS taxes, (t.withheld, t.vat, b.kept) AS by_rule
	  INTO proof
	  FROM (SELECT count(*) FILTER (WHERE d.verdict = 'pay') AS paid, coalesce(sum(d.amount) FILTER (WHERE d.verdict = 'pay'), 0) AS amount,
				   count(*) FILTER (WHERE d.verdict NOT IN ('pay', 'nothing due') AND d.verdict NOT LIKE 'already %') AS carried FROM plan d) p
	 CROSS JOIN (SELECT count(*), coalesce(sum(x.amount), 0) AS amount, coalesce(sum(x.withheld), 0) AS withheld,
						coalesce(sum(x.vat), 0) AS vat FROM made x) m
	 CROSS JOIN (SELECT count(*), coalesce(sum(x.amount), 0) AS amount, coalesce(sum(x.withheld), 0) AS withheld, coalesce(sum(x.vat), 0) AS vat
				   FROM stated x) s
	 CROSS JOIN (SELECT coalesce(sum(x.amount) FILTER (WHERE x.kind = 'withholding'), 0) AS withheld,
						coalesce(sum(x.amount) FILTER (WHERE x.kind = 'vat'), 0) AS vat FROM taxed x) t
	 CROSS JOIN (SELECT coalesce(sum(x.amount) FILTER (WHERE x.kind = 'payout_reserve'), 0) AS amount,
						coalesce(sum(x.amount) FILTER (WHERE x.kind = 'payout_withheld'), 0) AS withheld,
						coalesce(sum(x.amount) FILTER (WHERE x.kind = 'payout_vat'), 0) AS vat,
						coalesce(sum(x.amount) FILTER (WHERE x.kind = 'payout_remainder'), 0) AS remainder,
						coalesce(sum(x.amount) FILTER (WHERE x.kind = 'payout_remainder_kept'), 0) AS kept FROM booked x) b;
	IF proof.payouts IS DISTINCT FROM proof.statements OR proof.payouts IS DISTINCT FROM proof.entries OR proof.taxes IS DISTINCT FROM proof.by_rule THEN
		RAISE EXCEPTION USING ERRCODE = 'IN005',
			MESSAGE = 'payouts are not what their entries, taxes and statements say',
			DETAIL = format('Count, amount, withheld, VAT: payouts %s, statements %s, entries and taxes %s.', proof.payouts, proof.statements, proof.entries),
			HINT = 'Nothing was paid; see influence.check_books().';
	END IF;
	payouts := proof.paid;
	amount := proof.amount;
	carried := proof.carried;
END
$$;
COMMENT ON FUNCTION influence_internal.reserve_payouts(bigint, text, timestamptz) IS
'Makes the payouts of a period with their taxes, ledger entries and statements, as payout_plan says: how many, their sum, and how many parties are carried. Its own proof: payouts, entries, taxes and statements have the same totals (IN005). That a payout is the sum of its entries follows from how it is made, by one aggregate, and is proved by check_books(). The caller holds lock_payouts().';

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
	-- before the program's row is locked, as others do it; until this run ends nobody else settles
	PERFORM influence_internal.settle_tiers($1);
	PERFORM influence_internal.progress_phase('waiting for another run');
	PERFORM influence_internal.lock_payouts($1);
	PERFORM influence_internal.progress_phase('adding up the ledger',
		(SELECT c.reltuples::bigint FROM pg_class c WHERE c.oid = 'influence.ledger'::regclass AND c.reltuples >= 0));
	SELECT r.payouts, r.amount, r.carried INTO payouts, amount, carried FROM influence_internal.reserve_payouts($1, month, $3) r;
	PERFORM influence_internal.progress_end();
	status := CASE WHEN payouts > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.run_payouts(bigint, text, timestamptz) IS
'Settles what there is to settle (settle_tiers) and reserves a payout per party and currency for a period (YYYY-MM, default the last complete month), as plan_payouts shows then, with its taxes and its statement; what is not paid is carried forward. Run twice, or twice at once, it pays once; cancelled, it has done nothing, and the next run does it whole. -> status recorded | duplicate (nothing to pay), month, payouts, amount in minor units (before tax), carried: parties whose money waits. IN002, IN003, IN005 the period is not over or as_of lies in the future, IN009 this server is not the adopted one.';

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

/*
 * payout_outcome.sql
 *
 * What became of a reserved payout: confirm_payout books that the bank paid,
 * fail_payout that it did not, or that the money came back later. What a failed
 * payout had reserved is payable again, by one entry, in the next period.
 */
CREATE FUNCTION influence_internal.payout_for_update(program_id bigint, party_id bigint, period text, currency text, OUT p record)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	money text;
BEGIN
	SELECT coalesce($4, f.currency) INTO money FROM influence_internal.program_facts($1) f;
	SELECT x.*, money AS money INTO p FROM influence.payout x
	 WHERE x.party_id = $2 AND x.program_id = $1 AND x.currency = money AND x.period = $3
	   FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('payout', format('%s/%s/%s', $2, $3, money),
			'Reserve it with influence.run_payouts(program_id, period).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.payout_for_update(bigint, bigint, text, text) IS 'A payout, locked; currency NULL = the program''s. IN003.';

CREATE FUNCTION influence_internal.book_payout_stages(p record, at timestamptz, note text, stages text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency, occurred_at,
								  available_at, source, note)
	SELECT p.party_id, p.program_id, influence_internal.payout_entry_key(p.period, p.money, s.stage), 'payout_' || s.stage, s.debit, s.credit,
		   m.amount, p.currency, at, at, 'payout', note
	  FROM unnest(stages) WITH ORDINALITY w(stage, place)
	  JOIN influence_internal.payout_stages() s ON s.stage = w.stage
	 CROSS JOIN LATERAL (SELECT CASE s.stage WHEN 'paid' THEN p.net WHEN 'returned' THEN p.net WHEN 'withheld_reversed' THEN p.withheld
											 WHEN 'vat_reversed' THEN p.vat WHEN 'failed' THEN p.amount END AS amount) m
	 WHERE m.amount > 0
	 ORDER BY w.place;
END
$$;
COMMENT ON FUNCTION influence_internal.book_payout_stages(record, timestamptz, text, text[]) IS 'Books stages of a payout after its reservation, at a moment; those of amount 0 not.';

CREATE FUNCTION influence_internal.confirm_payout(program_id bigint, party_id bigint, period text, bank_ref text,
	currency text DEFAULT NULL, paid_at timestamptz DEFAULT now())
RETURNS TABLE (status text, amount bigint, net bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	p record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('bank_ref', $4);
	PERFORM influence_internal.require_arguments('paid_at', $6::text);
	PERFORM influence_internal.require_event_time('paid_at', $6);
	p := influence_internal.payout_for_update($1, $2, $3, $5);
	amount := p.amount;
	net := p.net;
	IF p.bank_ref = $4 THEN
		status := 'duplicate';		-- also of a payout that came back since
	ELSIF p.state = 'failed' THEN
		PERFORM influence_internal.raise_refused('the payout has failed', format('%s, on %s.', p.failure, p.failed_at),
			'What it had reserved is payable again: run influence.run_payouts() for a later period and confirm that payout.');
	ELSIF p.bank_ref IS NOT NULL THEN
		PERFORM influence_internal.raise_conflict('payout', format('%s/%s/%s', $2, $3, p.money));
	ELSE
		-- banks state days: the day of the reservation is not before it
		IF $6 < p.run_at - interval '1 day' THEN
			PERFORM influence_internal.raise_invalid('paid_at lies before the payout', format('paid_at is %s, it was reserved on %s.', $6, p.run_at),
				'Give the moment at which the bank paid.');
		END IF;
		PERFORM influence_internal.require_adopted();
		UPDATE influence.payout x SET state = 'paid', paid_at = $6, bank_ref = $4
		 WHERE x.party_id = $2 AND x.program_id = $1 AND x.currency = p.currency AND x.period = $3;
		-- a bank's day begins before the reservation; the books move the money after it
		PERFORM influence_internal.book_payout_stages(p, greatest($6, p.run_at), 'bank reference ' || $4, '{paid}');
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.confirm_payout(bigint, bigint, text, text, text, timestamptz) IS
'Books that a reserved payout was paid, with the bank''s reference; currency NULL = the program''s. Natural key: the payout; the same bank_ref again is a duplicate, another one an error. -> status recorded | duplicate, amount before tax and net as transferred, in minor units. IN002 (also: paid_at more than a day before the reservation), IN003, IN004 another bank_ref, IN005 the payout has failed, IN009.';

CREATE FUNCTION influence_internal.fail_payout(program_id bigint, party_id bigint, period text, reason text,
	currency text DEFAULT NULL, failed_at timestamptz DEFAULT now(), actor text DEFAULT session_user)
RETURNS TABLE (status text, amount bigint, was text, statement_no bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	p record;
	since timestamptz;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('reason', $4);
	PERFORM influence_internal.require_key('actor', $7);
	PERFORM influence_internal.require_arguments('failed_at', $6::text);
	PERFORM influence_internal.require_event_time('failed_at', $6);
	-- as a run does it: the program first, then its payouts
	PERFORM influence_internal.lock_payouts($1);
	p := influence_internal.payout_for_update($1, $2, $3, $5);
	amount := p.amount;
	was := CASE WHEN p.paid_at IS NULL THEN 'reserved' ELSE 'paid' END;
	IF p.state = 'failed' THEN
		IF p.failure <> $4 THEN
			PERFORM influence_internal.raise_conflict('failure of payout', format('%s/%s/%s', $2, $3, p.money));
		END IF;
		status := 'duplicate';
		statement_no := (SELECT s.statement_no FROM influence.statement s
						  WHERE s.party_id = $2 AND s.program_id = $1 AND s.currency = p.currency AND s.period = $3 AND s.kind = 'cancellation');
		RETURN NEXT;
		RETURN;
	END IF;
	since := greatest(p.paid_at, p.run_at);
	IF $6 < since THEN
		PERFORM influence_internal.raise_invalid('failed_at lies before the payout',
			format('failed_at is %s, it was %s on %s.', $6, p.state, since), 'Give the moment at which the bank refused or returned the money.');
	END IF;
	PERFORM influence_internal.require_adopted();
	UPDATE influence.payout x SET state = 'failed', failed_at = $6, failure = $4
	 WHERE x.party_id = $2 AND x.program_id = $1 AND x.currency = p.currency AND x.period = $3;
	PERFORM influence_internal.book_payout_stages(p, $6, format('%s (%s)', $4, $7),
		CASE WHEN p.state = 'paid' THEN ARRAY['returned'] ELSE '{}' END || '{withheld_reversed,vat_reversed,failed}'::text[]);
	statement_no := influence_internal.issue_cancellation($1, $2, $3, p.money, $6);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.fail_payout(bigint, bigint, text, text, text, timestamptz, text) IS
'Books that the transfer of a reserved payout failed, or that the money of a paid one came back; currency NULL = the program''s. Taxes are taken back, the amount is payable again from failed_at on and joins a later period; the statement is cancelled by another one. Natural key: the payout; the same reason again is a duplicate, another one an error. -> status recorded | duplicate, amount in minor units (before tax), was reserved | paid, the number of the cancellation. IN002 (also: failed_at before the payout), IN003, IN004 another reason, IN005, IN009.';

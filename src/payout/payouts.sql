/*
 * payouts.sql
 *
 * plan_payouts previews, run_payouts reserves what the same query says,
 * confirm_payout books that the bank paid. Everything hangs on the natural key
 * (party, program, currency, period): a second run finds the first one's rows.
 */
CREATE FUNCTION influence_internal.payable_entries(program_id bigint, cutoff timestamptz)
RETURNS TABLE (party_id bigint, currency text, entry_no bigint, amount bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	scope bigint[] := influence_internal.scope_programs($1);
BEGIN
	RETURN QUERY
	SELECT l.party_id, l.currency::text, l.entry_no, CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END
	  FROM influence.ledger l
	 WHERE l.program_id = $1 AND l.available_at < $2 AND l.source <> 'payout'
	   AND 'payable' IN (l.debit_account, l.credit_account)
	   AND l.party_id <> 0			-- the platform
	   -- an order of two visitors, or in two programs of a group, is a violation (check_books): nothing is paid for
	   -- it until that is settled
	   AND NOT EXISTS (SELECT FROM influence.orders o
						WHERE o.program_id = ANY (scope) AND o.order_ref = l.order_ref
						  AND (o.program_id, o.visitor_id) <> (l.program_id, l.visitor_id))
	   AND NOT EXISTS (SELECT FROM influence.payout p
						WHERE p.party_id = l.party_id AND p.program_id = l.program_id AND l.entry_no = ANY (p.entry_nos));
END
$$;
COMMENT ON FUNCTION influence_internal.payable_entries(bigint, timestamptz) IS
'The ledger entries of a program that are available before a moment and in no payout, signed as owed to the party.';

CREATE FUNCTION influence.plan_payouts(program_id bigint, period text DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (party_id bigint, party_name text, month text, currency text, amount numeric, entries bigint, minimum bigint, verdict text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted text;
	bounds record;
	policy record;
BEGIN
	PERFORM influence_internal.require_install();
	PERFORM influence_internal.require_arguments('as_of', $3::text);
	PERFORM influence_internal.require_finite('as_of', $3);
	wanted := coalesce($2, influence_internal.last_period($1, $3));
	SELECT * INTO bounds FROM influence_internal.period_bounds($1, wanted);
	IF bounds.ends_at > $3 THEN
		PERFORM influence_internal.raise_refused(format('period %s is not over', wanted),
			format('It ends at %s, as_of is %s.', bounds.ends_at, $3), 'Plan a month that is complete.');
	END IF;
	SELECT y.minimums INTO STRICT policy FROM influence.payout_policy y
	 WHERE y.program_id = $1 AND y.valid @> bounds.starts_at;
	RETURN QUERY
	SELECT d.party_id, c.name, wanted, d.currency, d.amount, d.entries, m.minimum,
		   CASE WHEN p.party_id IS NOT NULL THEN 'already ' || p.state
				WHEN d.amount = 0 THEN 'nothing due'
				WHEN d.amount > 9223372036854775807 THEN 'amount out of range, waits'
				WHEN d.amount < 0 THEN 'negative balance, carried forward'
				WHEN d.amount < m.minimum THEN 'below the minimum, carried forward'
				WHEN influence_internal.creator_status_at(d.party_id, greatest($3, now())) <> 'active' THEN 'creator is not active, waits'
				WHEN EXISTS (SELECT FROM influence.settlement_due s
							  WHERE s.program_id = $1 AND s.creator_id IN (0, d.party_id) AND s.failures > 0) THEN 'settlement failed, waits'
				ELSE 'pay' END
	  FROM (SELECT e.party_id, e.currency, sum(e.amount) AS amount, count(*) AS entries
			  FROM influence_internal.payable_entries($1, bounds.ends_at) e
			 GROUP BY e.party_id, e.currency) d
	 CROSS JOIN LATERAL (SELECT coalesce((policy.minimums ->> d.currency)::bigint, 0) AS minimum) m
	  LEFT JOIN influence.payout p ON p.party_id = d.party_id AND p.program_id = $1 AND p.currency = d.currency AND p.period = wanted
	  LEFT JOIN influence.creator c ON c.creator_id = d.party_id
	 ORDER BY d.party_id, d.currency;
END
$$;
REVOKE ALL ON FUNCTION influence.plan_payouts(bigint, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION influence.plan_payouts(bigint, text, timestamptz) IS
'What run_payouts with the same arguments would do, party by party: the sum in minor units of the entries that became available before the end of the period (YYYY-MM in the program''s time zone, default the last complete month) and are in no payout, and the verdict: pay, or why not. Read-only. IN002, IN003, IN005 the period is not over.';

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

CREATE FUNCTION influence_internal.run_payouts(program_id bigint, period text DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (status text, month text, payouts bigint, amount numeric, carried bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bounds record;
	policy_version int;
BEGIN
	PERFORM influence_internal.require_arguments('program_id', $1::text, 'as_of', $3::text);
	PERFORM influence_internal.require_finite('as_of', $3);
	PERFORM influence_internal.require_past($3);
	month := coalesce($2, influence_internal.last_period($1, $3));
	SELECT * INTO bounds FROM influence_internal.period_bounds($1, month);
	PERFORM influence_internal.require_adopted();
	-- before the program's row is locked: whoever settles waits for no payout
	PERFORM influence_internal.settle_tiers($1);
	-- one run per program at a time: the second finds the payouts of the first
	PERFORM influence_internal.require_read_committed();
	PERFORM FROM influence.program g WHERE g.program_id = $1 FOR NO KEY UPDATE;
	SELECT y.version INTO STRICT policy_version FROM influence.payout_policy y
	 WHERE y.program_id = $1 AND y.valid @> bounds.starts_at;
	-- one statement, one snapshot: what is planned is what is reserved, whatever is booked meanwhile
	WITH plan AS MATERIALIZED (
		SELECT d.party_id, d.currency, d.amount, d.verdict FROM influence.plan_payouts($1, month, $3) d
	), made AS (
		INSERT INTO influence.payout (party_id, program_id, currency, period, state, amount, entry_nos, run_at, payout_policy_version)
		SELECT d.party_id, $1, d.currency, month, 'reserved', d.amount::bigint, e.entry_nos, $3, policy_version
		  FROM plan d
		  JOIN (SELECT x.party_id, x.currency, array_agg(x.entry_no ORDER BY x.entry_no) AS entry_nos
				  FROM influence_internal.payable_entries($1, bounds.ends_at) x
				 GROUP BY x.party_id, x.currency) e ON e.party_id = d.party_id AND e.currency = d.currency
		 WHERE d.verdict = 'pay'
		 ORDER BY d.party_id, d.currency
		RETURNING party_id, currency, amount
	), booked AS (
		INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency,
									  occurred_at, available_at, source)
		SELECT m.party_id, $1, influence_internal.payout_entry_key(month, m.currency::text, 'reserve'), 'payout_reserve',
			   'payable', 'reserved', m.amount, m.currency, $3, $3, 'payout'
		  FROM made m
	)
	SELECT count(m.amount), coalesce(sum(m.amount), 0), count(*) - count(m.amount)
	  INTO payouts, amount, carried
	  FROM plan d
	  LEFT JOIN made m ON m.party_id = d.party_id AND m.currency = d.currency;
	PERFORM influence_internal.require_whole_payouts($1, month);
	status := CASE WHEN payouts > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.run_payouts(bigint, text, timestamptz) IS
'Settles what there is to settle (settle_tiers) and reserves a payout per party and currency for a period (YYYY-MM, default the last complete month), as plan_payouts shows then; what is not paid is carried forward. Run twice, or twice at once, it pays once. -> status recorded | duplicate (nothing to pay), month, payouts, amount in minor units, parties carried. IN002, IN003, IN005 the period is not over or as_of lies in the future, IN009 this server is not the adopted one.';

CREATE FUNCTION influence_internal.payout_entry_key(period text, currency text, stage text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT pg_catalog.concat('payout/', period, '/', currency, '/', stage) $$;
COMMENT ON FUNCTION influence_internal.payout_entry_key(text, text, text) IS 'The ledger''s natural key of a payout''s reservation or payment.';

CREATE FUNCTION influence_internal.require_whole_payouts(program_id bigint, period text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	broken record;
BEGIN
	SELECT p.party_id, p.amount, sum(l.amount) AS lines INTO broken
	  FROM influence.payout p
	  LEFT JOIN influence.payout_line l ON l.party_id = p.party_id AND l.program_id = p.program_id AND l.currency = p.currency AND l.period = p.period
	 WHERE p.program_id = $1 AND p.period = $2
	 GROUP BY p.party_id, p.currency, p.amount
	HAVING p.amount IS DISTINCT FROM sum(l.amount)
	 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'IN005',
			MESSAGE = 'a payout is not the sum of its lines',
			DETAIL = format('Party %s: payout %s, lines %s.', broken.party_id, broken.amount, broken.lines),
			HINT = 'Nothing was paid; see influence.check_books().';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_whole_payouts(bigint, text) IS 'The run''s own proof: raises IN005 when a payout of a period is not the sum of its lines.';

CREATE FUNCTION influence_internal.confirm_payout(program_id bigint, party_id bigint, period text, bank_ref text,
	currency text DEFAULT NULL, paid_at timestamptz DEFAULT now())
RETURNS TABLE (status text, amount bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	p record;
	money text;
BEGIN
	SELECT coalesce($5, f.currency) INTO money FROM influence_internal.program_facts($1) f;
	PERFORM influence_internal.require_key('bank_ref', $4);
	PERFORM influence_internal.require_arguments('paid_at', $6::text);
	PERFORM influence_internal.require_event_time('paid_at', $6);
	SELECT x.* INTO p FROM influence.payout x
	 WHERE x.party_id = $2 AND x.program_id = $1 AND x.currency = money AND x.period = $3
	   FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('payout', format('of party %s, %s, %s', $2, $3, money),
			'Reserve it with influence.run_payouts(program_id, period).');
	END IF;
	amount := p.amount;
	status := 'duplicate';
	IF p.state = 'paid' AND p.bank_ref <> $4 THEN
		PERFORM influence_internal.raise_conflict('payout', format('%s/%s/%s', $2, $3, money));
	ELSIF p.state = 'reserved' THEN
		PERFORM influence_internal.require_adopted();
		UPDATE influence.payout x SET state = 'paid', paid_at = $6, bank_ref = $4
		 WHERE x.party_id = $2 AND x.program_id = $1 AND x.currency = money AND x.period = $3;
		INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency,
									  occurred_at, available_at, source, note)
		VALUES ($2, $1, influence_internal.payout_entry_key($3, money, 'paid'), 'payout_paid', 'reserved', 'paid', p.amount, money,
				$6, $6, 'payout', 'bank reference ' || $4);
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.confirm_payout(bigint, bigint, text, text, text, timestamptz) IS
'Books that a reserved payout was paid, with the bank''s reference; currency NULL = the program''s. Natural key: the payout; the same bank_ref again is a duplicate, another one an error. -> status recorded | duplicate, amount in minor units. IN002, IN003, IN004, IN009.';

/*
 * payouts.sql
 *
 * What is due, and to whom it is paid: payout_plan, which plan_payouts shows
 * and run_payouts (payout_run.sql) carries out. It reads the ledger once, adds
 * up by party and currency, and joins what decides: status, holds, destination,
 * tax. Nothing in it is done line by line.
 */
CREATE FUNCTION influence_internal.is_payable(source text, kind text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT source OPERATOR(pg_catalog.<>) 'payout' OR kind OPERATOR(pg_catalog.=) 'payout_remainder_kept' OR kind OPERATOR(pg_catalog.=) 'payout_failed'
$$;
COMMENT ON FUNCTION influence_internal.is_payable(text, text) IS
'Whether a ledger entry on the account payable can be paid: all that is earned or taken back, and of the entries of payouts what a payout left over or gave back.';

CREATE FUNCTION influence_internal.doubtful_orders(program_id bigint)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	scope bigint[] := influence_internal.scope_programs($1);
BEGIN
	-- by equality where there is one program: the index then gives the orders sorted
	IF cardinality(scope) = 1 THEN
		RETURN ARRAY(SELECT o.order_ref FROM influence.orders o WHERE o.program_id = $1 GROUP BY o.order_ref HAVING count(*) > 1);
	END IF;
	RETURN ARRAY(SELECT o.order_ref FROM influence.orders o WHERE o.program_id = ANY (scope) GROUP BY o.order_ref HAVING count(*) > 1);
END
$$;
COMMENT ON FUNCTION influence_internal.doubtful_orders(bigint) IS
'Orders of two visitors, or in two programs of a dedup_group: violations (check_books) for which nothing is paid until they are settled.';

CREATE FUNCTION influence_internal.payout_tax_amount(amount bigint, granularity bigint, rate numeric, rounding text)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT influence.commission_minor(amount OPERATOR(pg_catalog./) granularity, rate, rounding) OPERATOR(pg_catalog.*) granularity
$$;
COMMENT ON FUNCTION influence_internal.payout_tax_amount(bigint, bigint, numeric, text) IS
'A tax of a payout in minor units: amount x rate, rounded to a multiple of the currency''s granularity, of which amount is a multiple.';

CREATE FUNCTION influence_internal.payout_terms(program_id bigint, period text, as_of timestamptz,
	OUT month text, OUT starts_at timestamptz, OUT ends_at timestamptz, OUT version int, OUT minimums jsonb, OUT granularity jsonb,
	OUT rounding text, OUT pay_when_funded boolean, OUT demands_destination boolean, OUT demands_tax_profile boolean, OUT tax_authorities text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_arguments('as_of', $3::text);
	PERFORM influence_internal.require_finite('as_of', $3);
	month := coalesce($2, influence_internal.last_period($1, $3));
	SELECT b.starts_at, b.ends_at INTO starts_at, ends_at FROM influence_internal.period_bounds($1, month) b;
	IF ends_at > $3 THEN
		PERFORM influence_internal.raise_refused(format('period %s is not over', month),
			format('It ends at %s, as_of is %s.', ends_at, $3), 'Plan a month that is complete.');
	END IF;
	SELECT y.version, y.minimums, y.granularity, y.rounding, y.pay_when_funded, y.demands_destination, y.demands_tax_profile, y.tax_authorities
	  INTO STRICT version, minimums, granularity, rounding, pay_when_funded, demands_destination, demands_tax_profile, tax_authorities
	  FROM influence.payout_policy y
	 WHERE y.program_id = $1 AND y.valid @> starts_at;
END
$$;
COMMENT ON FUNCTION influence_internal.payout_terms(bigint, text, timestamptz) IS
'The period of a payout run (NULL = the last that is over), its bounds, and the payout policy in force at its beginning. IN002, IN003, IN005 the period is not over.';

CREATE FUNCTION influence_internal.due_query(program_id bigint, terms record, doubtful boolean, with_entries boolean, only_party bigint)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	waits text := concat_ws(' OR ', CASE WHEN doubtful THEN 'coalesce(l.order_ref = ANY ($4), false)' END,
							CASE WHEN terms.pay_when_funded THEN 'w.entry_no IS NOT NULL' END);
	counts text := CASE WHEN waits <> '' THEN format(' FILTER (WHERE NOT (%s))', waits) ELSE '' END;
BEGIN
	-- what is joined costs each line, so nothing is that has no row
	RETURN format($query$
		SELECT l.party_id, l.currency,
			   coalesce(sum(%8$s)%1$s, 0) AS gross, count(*)%1$s AS entries,
			   %2$s AS unfunded, %3$s AS doubtful, %4$s AS entry_nos, %9$s AS whole
		  FROM influence.ledger l%5$s
		 WHERE l.program_id = $1 AND l.available_at < $2 AND (l.credit_account = 'payable' OR l.debit_account = 'payable')
		   AND l.party_id <> 0
		   AND influence_internal.is_payable(l.source, l.kind)%6$s%7$s
		 GROUP BY l.party_id, l.currency$query$,
		counts,
		CASE WHEN terms.pay_when_funded THEN 'count(w.entry_no)' ELSE '0::bigint' END,
		CASE WHEN doubtful THEN format('count(*) FILTER (WHERE l.order_ref = ANY ($4)%s)', CASE WHEN terms.pay_when_funded THEN ' AND w.entry_no IS NULL' ELSE '' END) ELSE '0::bigint' END,
		CASE WHEN with_entries THEN 'array_agg(l.entry_no)' || counts ELSE 'NULL::bigint[]' END,
		CASE WHEN terms.pay_when_funded THEN '
		  LEFT JOIN influence_internal.unfunded_entries($1, $2) w ON w.entry_no = l.entry_no' ELSE '' END,
		CASE WHEN EXISTS (SELECT FROM influence.payout p WHERE p.program_id = due_query.program_id) THEN '
		   AND NOT EXISTS (SELECT FROM influence.payout p CROSS JOIN LATERAL unnest(p.entry_nos) u(entry_no)
							WHERE p.program_id = $1 AND p.party_id = l.party_id AND u.entry_no = l.entry_no)' ELSE '' END,
		CASE WHEN only_party IS NOT NULL THEN '
		   AND l.party_id = $14' ELSE '' END,
		-- a run says how many lines it has added up
		format(CASE WHEN with_entries THEN 'influence_internal.progress_step(%s)' ELSE '%s' END,
			   'CASE WHEN l.credit_account = ''payable'' THEN l.amount ELSE -l.amount END'),
		-- what a party has that waits and nothing else
		CASE WHEN waits <> '' THEN 'sum(CASE WHEN l.credit_account = ''payable'' THEN l.amount ELSE -l.amount END)' ELSE '0::numeric' END);
END
$$;
COMMENT ON FUNCTION influence_internal.due_query(bigint, record, boolean, boolean, bigint) IS
'The query of what is due by party and currency: $1 program, $2 end of the period, $4 doubtful orders (text[]), $14 the only party if one is given. Entries that wait alone, for a brand''s money or because their order is doubtful, are counted apart. Party 0, the platform, is paid nothing.';

CREATE FUNCTION influence_internal.payout_plan(program_id bigint, period text, as_of timestamptz, with_entries boolean, only_party bigint DEFAULT NULL)
RETURNS TABLE (party_id bigint, party_name text, currency text, gross numeric, amount numeric, withheld numeric, vat numeric, net numeric,
			   remainder numeric, entries bigint, unfunded bigint, doubtful bigint, minimum bigint, granularity bigint,
			   destination_id bigint, self_billing boolean, verdict text, entry_nos bigint[])
LANGUAGE plpgsql STABLE
ROWS 100000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	terms record;
	doubts text[];
	tax text := '0::numeric';
	parties bigint;
BEGIN
	SELECT * INTO terms FROM influence_internal.payout_terms($1, $2, $3);
	doubts := influence_internal.doubtful_orders($1);
	IF terms.tax_authorities <> '{}' THEN
		tax := 'CASE WHEN f.amount BETWEEN 1 AND 9223372036854775807 THEN coalesce((
			SELECT sum(influence_internal.payout_tax_amount(f.amount::bigint, f.granularity, r, $12)) FROM unnest(f.%I) r), 0) ELSE 0 END';
	END IF;
	-- OFFSET 0 keeps the results of a step from being worked out anew wherever the next one names them
	RETURN QUERY EXECUTE format($query$
		WITH due AS (%1$s
		), standing AS (
			SELECT DISTINCT ON (s.creator_id) s.creator_id, s.status FROM influence.creator_status s
			 WHERE s.since <= $10 ORDER BY s.creator_id, s.since DESC
		), destination AS (
			SELECT DISTINCT ON (d.party_id) d.party_id, d.destination_id, d.cooling_off_until FROM influence.payout_destination d
			 WHERE d.valid_from <= $3 ORDER BY d.party_id, d.valid_from DESC
		), profile AS (
			SELECT DISTINCT ON (x.party_id) x.party_id, x.residence, x.self_billing FROM influence.tax_profile x
			 WHERE x.valid_from <= $3 ORDER BY x.party_id, x.valid_from DESC
		), tax AS (
			SELECT t.party_id, array_agg(t.rate) FILTER (WHERE t.kind = 'withholding') AS withholding_rates,
				   array_agg(t.rate) FILTER (WHERE t.kind = 'vat') AS vat_rates
			  FROM influence_internal.tax_terms($3, $5) t
			 WHERE $5 <> '{}'
			 GROUP BY t.party_id
		), facts AS (
			SELECT d.*, c.name, p.state, s.status, h.kind AS hold, u.creator_id AS unsettled, b.destination_id, b.cooling_off_until,
				   x.party_id AS profiled, coalesce(x.self_billing, false) AS self_billing, t.withholding_rates, t.vat_rates, k.granularity,
				   coalesce($8 ->> (d.currency || '/' || coalesce(x.residence, c.residence, c.country)), $8 ->> d.currency, '0')::bigint AS minimum,
				   CASE WHEN k.granularity > 1 AND d.gross > 0 THEN d.gross - mod(d.gross, k.granularity) ELSE d.gross END AS amount
			  FROM due d
			 CROSS JOIN LATERAL (SELECT coalesce($11 ->> d.currency, '1')::bigint AS granularity) k
			  LEFT JOIN influence.creator c ON c.creator_id = d.party_id
			  LEFT JOIN influence.payout p ON p.party_id = d.party_id AND p.program_id = $1 AND p.currency = d.currency AND p.period = $9
			  LEFT JOIN standing s ON s.creator_id = d.party_id
			  LEFT JOIN influence_internal.held_parties($1, $10) h ON h.party_id = d.party_id
			  LEFT JOIN (SELECT DISTINCT s.creator_id FROM influence.settlement_due s WHERE s.program_id = $1 AND s.failures > 0) u
					ON u.creator_id = d.party_id
			  LEFT JOIN destination b ON b.party_id = d.party_id
			  LEFT JOIN profile x ON x.party_id = d.party_id
			  LEFT JOIN tax t ON t.party_id = d.party_id
			OFFSET 0
		), taxed AS (
			SELECT f.*, %2$s AS withheld, %3$s AS vat FROM facts f OFFSET 0
		), judged AS (
			SELECT t.*, CASE WHEN t.state IS NOT NULL THEN 'already ' || t.state
							 WHEN t.entries = 0 AND t.unfunded > 0 THEN 'not funded by the brand, waits'
							 WHEN t.entries = 0 AND t.doubtful > 0 THEN 'order recorded twice, waits'
							 WHEN t.gross = 0 THEN 'nothing due'
							 WHEN greatest(t.gross, t.amount + t.vat) > 9223372036854775807 THEN 'amount out of range, waits'
							 WHEN t.gross < 0 THEN 'negative balance, carried forward'
							 WHEN t.amount < t.minimum THEN 'below the minimum, carried forward'
							 WHEN t.amount = 0 THEN 'below the payout granularity, carried forward'
							 WHEN t.status <> 'active' THEN 'creator is not active, waits'
							 WHEN t.hold IS NOT NULL THEN 'payout hold (' || t.hold || '), waits'
							 WHEN t.unsettled IS NOT NULL OR $13 THEN 'settlement failed, waits'
							 WHEN $6 AND t.destination_id IS NULL THEN 'no payout destination, waits'
							 WHEN t.cooling_off_until > $3 THEN 'destination is cooling off, waits'
							 WHEN $7 AND t.profiled IS NULL THEN 'no tax profile, waits'
							 WHEN t.amount - t.withheld + t.vat <= 0 THEN 'nothing left after tax, waits'
							 ELSE 'pay' END AS verdict
			  FROM taxed t
			OFFSET 0
		)
		SELECT j.party_id, j.name, j.currency::text, j.gross, CASE WHEN j.verdict = 'pay' THEN j.amount WHEN j.entries = 0 THEN j.whole ELSE j.gross END,
			   n.pays * j.withheld, n.pays * j.vat, n.pays * (j.amount - j.withheld + j.vat), n.pays * (j.gross - j.amount),
			   j.entries, j.unfunded, j.doubtful, j.minimum, j.granularity, j.destination_id, j.self_billing, j.verdict, j.entry_nos
		  FROM judged j
		 CROSS JOIN LATERAL (SELECT (j.verdict = 'pay')::int AS pays) n
		 ORDER BY j.party_id, j.currency$query$,
		influence_internal.due_query($1, terms, doubts <> '{}', $4, $5), format(tax, 'withholding_rates'), format(tax, 'vat_rates'))
	  USING $1, terms.ends_at, $3, doubts, terms.tax_authorities, terms.demands_destination, terms.demands_tax_profile, terms.minimums,
			-- the clock, not now(): a run may have waited for another, and who was suspended meanwhile is not paid
			terms.month, greatest($3, clock_timestamp()), terms.granularity, terms.rounding,
			-- of a shared budget all months wait
			EXISTS (SELECT FROM influence.settlement_due s WHERE s.program_id = $1 AND s.creator_id = 0 AND s.failures > 0), $5;
	GET DIAGNOSTICS parties = ROW_COUNT;
	PERFORM influence_internal.progress_phase('reserving', parties);
END
$$;
COMMENT ON FUNCTION influence_internal.payout_plan(bigint, text, timestamptz, boolean, bigint) IS
'What plan_payouts shows and run_payouts reserves, by party and currency: gross is the sum of the entries that can be paid; of it amount is paid out, a multiple of the currency''s granularity, and remainder carried forward; net = amount - withheld + vat is transferred. For verdicts other than pay amount is gross (that of all entries, if all wait) and the rest 0. Who is suspended or held now is not paid whatever as_of says; destination and tax are those of as_of. entry_nos (in no order) only with_entries; only_party: for one party. Amounts in minor units.';

CREATE FUNCTION influence.plan_payouts(program_id bigint, period text DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (party_id bigint, party_name text, month text, currency text, amount numeric, withheld numeric, vat numeric, net numeric,
			   remainder numeric, entries bigint, minimum bigint, verdict text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_install();
	PERFORM influence_internal.require_arguments('as_of', $3::text);
	PERFORM influence_internal.require_finite('as_of', $3);
	month := coalesce($2, influence_internal.last_period($1, $3));
	RETURN QUERY
	SELECT d.party_id, d.party_name, month, d.currency, d.amount, d.withheld, d.vat, d.net, d.remainder,
		   CASE WHEN d.entries = 0 THEN d.unfunded + d.doubtful ELSE d.entries END, d.minimum, d.verdict
	  FROM influence_internal.payout_plan($1, month, $3, false) d;
END
$$;
REVOKE ALL ON FUNCTION influence.plan_payouts(bigint, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION influence.plan_payouts(bigint, text, timestamptz) IS
'What run_payouts with the same arguments would do, party by party, in minor units: the entries that became available before the end of the period (YYYY-MM in the program''s time zone, default the last complete month) and are in no payout, added up; and the verdict: pay, or why not. amount is paid out, remainder stays since it is less than the currency''s granularity, net = amount - withheld + vat is transferred; for verdicts other than pay amount is all that is due (of entries that all wait for something, what waits) and the others are 0. Read-only. IN002, IN003, IN005 the period is not over.';

/*
 * explain_payout.sql
 *
 * Why a party was paid what it was paid in a month, or why it was not: the
 * entries, what was left over, the taxes with their rules, the account, the
 * policy, the statement; without a payout the verdict and what it rests on.
 */
CREATE FUNCTION influence_internal.explain_entries(program_id bigint, party_id bigint, entry_nos bigint[], detailed boolean)
RETURNS TABLE (place bigint, subject text, detail text, amount bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH entry AS (
		SELECT l.kind, l.entry_no, l.order_ref, l.line_no, l.available_at, CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END AS amount
		  FROM influence.ledger l
		 WHERE l.party_id = $2 AND l.program_id = $1 AND l.entry_no = ANY ($3)
	)
	SELECT row_number() OVER (ORDER BY e.available_at, e.kind COLLATE "C", e.order_ref COLLATE "C", e.line_no, e.entry_no), e.kind,
		   concat('entry ' || e.entry_no, ', order ' || e.order_ref, ' line ' || e.line_no, ', available ' || e.available_at), e.amount
	  FROM entry e
	 WHERE $4
	UNION ALL
	SELECT row_number() OVER (ORDER BY e.kind COLLATE "C"), e.kind,
		   format('%s, available from %s to %s', influence_internal.counted(count(*), 'entry', 'entries'), min(e.available_at), max(e.available_at)),
		   CASE WHEN abs(sum(e.amount)) <= 9223372036854775807 THEN sum(e.amount)::bigint END
	  FROM entry e
	 WHERE NOT $4
	 GROUP BY e.kind;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_entries(bigint, bigint, bigint[], boolean) IS
'Ledger entries of a party as explain_payout shows them: a row for each (detailed), or one for each kind. Amounts in minor units, as owed to the party; NULL where the sum does not fit in bigint.';

CREATE FUNCTION influence_internal.explain_payout(program_id bigint, party_id bigint, period text, currency text DEFAULT NULL)
RETURNS TABLE (line_no bigint, subject text, detail text, amount bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	money text;
	p record;
	due record;
BEGIN
	SELECT coalesce($4, f.currency) INTO money FROM influence_internal.program_facts($1) f;
	PERFORM influence_internal.period_bounds($1, $3);
	PERFORM influence.minor_unit_digits(money);
	IF NOT EXISTS (SELECT FROM influence.party a WHERE a.party_id = $2) THEN
		PERFORM influence_internal.raise_unknown('party', $2::text, 'Parties are creators, brands and authorities; see influence.plan_payouts(program_id).');
	END IF;
	SELECT x.* INTO p FROM influence.payout x WHERE x.party_id = $2 AND x.program_id = $1 AND x.currency = money AND x.period = $3;
	IF FOUND THEN
		RETURN QUERY
		SELECT row_number() OVER (ORDER BY u.part, u.place), u.subject, u.detail, u.amount
		  FROM (SELECT 1 AS part, e.place, e.subject, e.detail, e.amount
				  FROM influence_internal.explain_entries($1, $2, p.entry_nos, cardinality(p.entry_nos) <= 100) e
				UNION ALL
				SELECT 2, 0, 'amount', format('payout policy version %s', p.payout_policy_version), p.amount
				UNION ALL
				SELECT 3, row_number() OVER (ORDER BY t.kind DESC, t.authority COLLATE "C"), t.kind,
					   format('%s of %s at %s, rule %s of %s, tax year %s', t.kind, t.base, t.rate, t.rule_id, t.authority, t.tax_year),
					   CASE t.kind WHEN 'vat' THEN t.amount ELSE -t.amount END
				  FROM influence.payout_tax t
				 WHERE t.party_id = $2 AND t.program_id = $1 AND t.currency = money AND t.period = $3
				UNION ALL
				SELECT 4, 0, 'net', coalesce((SELECT format('to %s %s', d.method, d.label) FROM influence.payout_destination d
											   WHERE d.party_id = $2 AND d.destination_id = p.destination_id), 'no destination is recorded'), p.net
				UNION ALL
				SELECT 5, s.statement_no, s.kind, format('statement %s, hash %s', s.statement_no, encode(s.hash, 'hex')), s.amount
				  FROM influence.statement s
				 WHERE s.party_id = $2 AND s.program_id = $1 AND s.currency = money AND s.period = $3
				UNION ALL
				SELECT 6, v.place, v.state, v.detail, v.amount
				  FROM (VALUES (1, 'reserved', format('on %s', p.run_at), p.amount),
							   (2, 'paid', format('on %s, bank reference %s', p.paid_at, p.bank_ref), p.net),
							   (3, 'failed', format('on %s: %s; the amount is payable again', p.failed_at, p.failure), p.amount)) v(place, state, detail, amount)
				 WHERE v.state = 'reserved' OR (v.state = 'paid' AND p.paid_at IS NOT NULL) OR (v.state = 'failed' AND p.failed_at IS NOT NULL)) u
		 ORDER BY 1;
		RETURN;
	END IF;
	SELECT d.* INTO due FROM influence_internal.payout_plan($1, $3, now(), true, $2) d WHERE d.currency = money;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 1::bigint, 'nothing due', format('no entry in %s is available before the end of %s and unpaid', money, $3), 0::bigint;
		RETURN;
	END IF;
	RETURN QUERY
	SELECT row_number() OVER (ORDER BY u.part, u.place), u.subject, u.detail, u.amount
	  FROM (SELECT 1 AS part, e.place, e.subject, e.detail, e.amount
			  FROM influence_internal.explain_entries($1, $2, due.entry_nos, due.entries <= 100) e
			UNION ALL
			SELECT 2, 0, 'due', influence_internal.counted(due.entries, 'entry', 'entries'), CASE WHEN abs(due.gross) <= 9223372036854775807 THEN due.gross::bigint END
			UNION ALL
			SELECT 3, 0, 'minimum', format('least payout in %s for this party', money), due.minimum WHERE due.minimum > 0
			UNION ALL
			SELECT 4, 0, 'granularity', format('a payout in %s is a multiple of it', money), due.granularity WHERE due.granularity > 1
			UNION ALL
			SELECT 5, row_number() OVER (ORDER BY h.since, h.hold_ref COLLATE "C"), 'payout hold',
				   format('%s "%s" since %s by %s: %s; evidence %s', h.kind, h.hold_ref, h.since, h.opened_by, h.reason, h.evidence), NULL
			  FROM influence.payout_hold h
			 WHERE h.party_id = $2 AND h.released_at IS NULL AND coalesce(h.program_id, $1) = $1
			UNION ALL
			SELECT 6, 0, 'not funded', influence_internal.counted(due.unfunded, 'entry waits for the money of its brand', 'entries wait for the money of their brand')
				   || '; see influence.brand_funds(program_id)', NULL
			 WHERE due.unfunded > 0
			UNION ALL
			SELECT 7, 0, 'order recorded twice', influence_internal.counted(due.doubtful, 'entry waits since its order has', 'entries wait since their order has')
				   || ' two visitors or programs; see influence.check_books()', NULL
			 WHERE due.doubtful > 0
			UNION ALL
			SELECT 8, 0, 'destination', format('%s %s, cooling off until %s', d.method, d.label, d.cooling_off_until), NULL
			  FROM influence.payout_destination d
			 WHERE d.party_id = $2 AND d.destination_id = due.destination_id AND d.cooling_off_until > now()
			UNION ALL
			SELECT 9, 0, 'creator ' || s.status, format('since %s by %s: %s', s.since, s.actor, s.reason), NULL
			  FROM (SELECT y.* FROM influence.creator_status y WHERE y.creator_id = $2 AND y.since <= now() ORDER BY y.since DESC LIMIT 1) s
			 WHERE s.status <> 'active'
			UNION ALL
			SELECT 10, 0, 'verdict', due.verdict, CASE WHEN due.verdict = 'pay' THEN due.net::bigint END) u
	 ORDER BY 1;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_payout(bigint, bigint, text, text) IS
'Why a party was paid what it was in a month (YYYY-MM; currency NULL = the program''s): its ledger entries (one row each, up to 100; above that one for each kind), the amount and policy version, each tax with base, rate and rule, net with the account''s label, the numbers and hashes of its statements, and what became of it. Without a payout: what is due now, the minimum and granularity, open holds with reason and evidence, and the verdict of plan_payouts. Amounts in minor units. IN002, IN003, IN005 the period is not over.';

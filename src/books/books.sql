/*
 * books.sql
 *
 * check_books: one query that proves the books, or says what is wrong with
 * them. Every check recomputes from the facts; an empty answer means that all
 * of them hold.
 */
CREATE FUNCTION influence.check_books(program_id bigint DEFAULT NULL)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- All is read whole. Of tables that nobody has analyzed yet, as after a restore or a large import, the planner expects a row or two of
-- what is grouped, and would go through all of it again for each order. Without that choice other plans look dear enough to be compiled.
SET enable_nestloop = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_install();
	IF $1 IS NOT NULL THEN
		PERFORM influence_internal.program_facts($1);
	END IF;
	RETURN QUERY
	WITH c AS NOT MATERIALIZED (
		SELECT x.*, p.model FROM influence.credit x
		  LEFT JOIN influence.attribution_policy p ON p.program_id = x.program_id AND p.version = x.policy_version
		 WHERE x.superseded_by IS NULL AND x.program_id = coalesce($1, x.program_id)
	), e AS (
		-- commissions net of what later attributions corrected
		SELECT x.visitor_id, x.program_id, x.order_ref, x.line_no, x.creator_id, sum(x.base)::bigint AS base, sum(x.amount)::bigint AS amount,
			   min(x.rounding) AS rounding,
			   format('order %s line %s creator %s', x.order_ref, x.line_no, x.creator_id) AS subject
		  FROM influence.earning x
		 WHERE x.kind = 'commission' AND x.program_id = coalesce($1, x.program_id)
		 GROUP BY x.visitor_id, x.program_id, x.order_ref, x.line_no, x.creator_id
	)
	SELECT 'credits of a line sum to its base amount', l.program_id, format('order %s line %s', l.order_ref, l.line_no),
		   l.base_amount::text, coalesce(sum(c.credit)::text, 'no credit')
	  FROM influence.order_line l
	  LEFT JOIN c ON c.visitor_id = l.visitor_id AND c.program_id = l.program_id AND c.order_ref = l.order_ref AND c.line_no = l.line_no
	 WHERE l.program_id = coalesce($1, l.program_id)
	 GROUP BY l.visitor_id, l.program_id, l.order_ref, l.line_no
	-- under participation everybody is credited with all of it
	HAVING l.base_amount * CASE WHEN min(c.model) = 'participation' THEN count(c.line_no) ELSE 1 END IS DISTINCT FROM sum(c.credit)
	UNION ALL
	SELECT 'the credits of a line are of its last attribution', x.program_id, format('order %s line %s', x.order_ref, x.line_no),
		   format('revision %s', max(x.revision)), 'revision ' || string_agg(DISTINCT x.revision::text, ', ') FILTER (WHERE x.superseded_by IS NULL)
	  FROM influence.credit x
	 WHERE x.program_id = coalesce($1, x.program_id)
	 GROUP BY x.visitor_id, x.program_id, x.order_ref, x.line_no
	HAVING min(x.revision) FILTER (WHERE x.superseded_by IS NULL) <> max(x.revision)
		OR max(x.revision) FILTER (WHERE x.superseded_by IS NOT NULL) >= min(x.revision) FILTER (WHERE x.superseded_by IS NULL)
	UNION ALL
	SELECT 'nothing is attributed again after its lock', x.program_id, format('order %s line %s', x.order_ref, x.line_no),
		   format('until %s', k.locked_at), max(x.superseded_by)::text
	  FROM influence.credit x
	 CROSS JOIN LATERAL (SELECT influence_internal.locked_at(x.program_id, x.visitor_id, x.order_ref, x.superseded_by) AS locked_at OFFSET 0) k
	 WHERE x.superseded_by IS NOT NULL AND x.superseded_by >= k.locked_at AND x.program_id = coalesce($1, x.program_id)
	 GROUP BY x.visitor_id, x.program_id, x.order_ref, x.line_no, k.locked_at
	UNION ALL
	SELECT 'every credited creator has one commission per line', x.program_id,
		   format('order %s line %s creator %s', x.order_ref, x.line_no, x.creator_id), x.base::text, coalesce(e.base::text, 'no earning')
	  FROM (SELECT c.visitor_id, c.program_id, c.order_ref, c.line_no, c.creator_id, sum(c.credit) AS base
			  FROM c
			 WHERE c.creator_id IS NOT NULL
			 GROUP BY 1, 2, 3, 4, 5) x
	  -- a full join, since that is never a nested loop over what has no index; coalesce keeps it one
	  FULL JOIN e ON e.visitor_id = x.visitor_id AND e.program_id = x.program_id AND e.order_ref = x.order_ref
			AND e.line_no = x.line_no AND e.creator_id = x.creator_id
	 WHERE e.base IS DISTINCT FROM x.base AND coalesce(x.line_no, 0) > 0
	   -- nothing is booked before it is earned
	   AND (e.base IS NOT NULL OR (x.program_id, x.visitor_id, x.order_ref) NOT IN (
			SELECT t.program, t.visitor_id, t.order_ref FROM influence_internal.check_terms($1) t WHERE t.waits_for IS NOT NULL))
	UNION ALL
	SELECT 'a commission has its credits', e.program_id, e.subject, CASE WHEN x.had THEN 'nothing: its credits are superseded' ELSE 'a credit' END,
		   CASE WHEN x.had THEN format('%s of base %s', e.amount, e.base) ELSE 'none' END
	  FROM e
	 CROSS JOIN LATERAL (SELECT count(*) > 0 AS had, count(*) FILTER (WHERE k.superseded_by IS NULL) > 0 AS has
						   FROM influence.credit k WHERE k.visitor_id = e.visitor_id AND k.program_id = e.program_id
							AND k.order_ref = e.order_ref AND k.line_no = e.line_no AND k.creator_id = e.creator_id) x
	 WHERE e.creator_id <> 0 AND (NOT x.had OR (NOT x.has AND (e.base, e.amount) <> (0, 0)))
	UNION ALL
	SELECT b.* FROM influence_internal.check_returns($1) b
	UNION ALL
	SELECT 'an order belongs to one visitor', o.program_id, format('order %s', o.order_ref), '1', count(*)::text
	  FROM influence.orders o WHERE o.program_id = coalesce($1, o.program_id)
	 GROUP BY o.program_id, o.order_ref
	HAVING count(*) > 1
	UNION ALL
	SELECT 'an order is recorded in one program of a dedup_group', min(o.program_id), format('order %s', o.order_ref), '1',
		   'programs ' || string_agg(DISTINCT o.program_id::text, ', ')
	  FROM influence.orders o JOIN influence.program g ON g.program_id = o.program_id
	 WHERE g.dedup_group IS NOT NULL
	 GROUP BY g.dedup_group, o.order_ref
	HAVING count(DISTINCT o.program_id) > 1 AND ($1 IS NULL OR bool_or(o.program_id = $1))
	UNION ALL
	SELECT b.* FROM influence_internal.check_origins($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_earnings($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_commissions($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_order_life($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_ledger($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_payouts($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_settlements($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_funding($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_sponsors($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_destinations() b
	UNION ALL
	SELECT b.* FROM influence_internal.check_adjustments($1) b
	UNION ALL
	SELECT b.* FROM influence_internal.check_closings($1) b;
END
$$;
REVOKE ALL ON FUNCTION influence.check_books(bigint) FROM PUBLIC;
COMMENT ON FUNCTION influence.check_books(bigint) IS
'Proves the books of a program (NULL = all) by recomputing them; one row per violation, none when all is well (IN003 no such program): credits sum to lines, nothing is attributed again after its lock, lines are their amounts at frozen exchange rates, commissions are credits at frozen rates, clawbacks telescope, ledger = earnings, payouts = lines, nothing paid twice or before its hold, taxes by their rules, sponsored campaigns charged for what was shown, statements a whole chain, every account balanced, closed months unchanged. subject names the place; amounts are minor units.';

CREATE FUNCTION influence_internal.check_earnings(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH e AS (
		SELECT x.*, format('order %s line %s creator %s', x.order_ref, x.line_no, x.creator_id) AS subject
		  FROM influence.earning x WHERE x.program_id = coalesce($1, x.program_id)
	)
	SELECT 'a line has one commission per creator', e.program_id, e.subject, 'seq 0', format('seq %s', e.seq)
	  FROM e WHERE e.kind = 'commission' AND e.seq <> 0
	UNION ALL
	SELECT 'corrections keep what was first booked', x.program_id, x.subject, x.before, x.now
	  FROM (SELECT y.*, lag(y.now) OVER (PARTITION BY y.visitor_id, y.program_id, y.order_ref, y.line_no, y.creator_id
										 ORDER BY y.revision) AS before
			  FROM (SELECT e.*, format('rate %s version %s: %s, %s, %s', e.rate_id, e.rate_version, e.rate, e.rounding,
									   nullif(e.hold_reason, 'replacement')) AS now
					  FROM e WHERE e.kind = 'commission') y) x
	 WHERE x.before <> x.now
	UNION ALL
	-- by ordered_at settlements and statistics find the month; a cancellation has the moment of the earliest, which may become known late
	SELECT 'an earning has the time of what it follows from', e.program_id, format('%s: %s', e.subject, e.kind),
		   format('ordered %s, occurred %s', o.ordered_at, CASE WHEN e.kind = 'commission' THEN o.ordered_at WHEN r.kind <> 'cancelled' THEN r.returned_at ELSE e.occurred_at END),
		   format('ordered %s, occurred %s', e.ordered_at, e.occurred_at)
	  FROM e
	  JOIN influence.orders o ON o.visitor_id = e.visitor_id AND o.program_id = e.program_id AND o.order_ref = e.order_ref
	  LEFT JOIN influence.order_return r ON e.kind <> 'commission' AND r.visitor_id = e.visitor_id AND r.program_id = e.program_id
			AND r.order_ref = e.order_ref AND r.line_no = e.line_no AND r.seq = e.seq
	 WHERE e.ordered_at <> o.ordered_at OR (e.kind = 'commission' AND e.occurred_at <> o.ordered_at)
		OR (r.kind <> 'cancelled' AND e.occurred_at <> r.returned_at);
END
$$;
COMMENT ON FUNCTION influence_internal.check_earnings(bigint) IS 'The part of check_books() about single earnings: one commission per line and creator, corrections that keep what was first booked, and the times of orders and returns.';

CREATE FUNCTION influence_internal.check_ledger(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH entries AS (
		SELECT l.*, CASE WHEN l.credit_account IN ('payable', 'platform_revenue') THEN l.amount ELSE -l.amount END AS signed
		  FROM influence.ledger l WHERE l.source = 'line' AND l.program_id = coalesce($1, l.program_id)
	), earnings AS (
		SELECT e.*, influence_internal.earning_entry_key(e.entry_id, e.order_ref, e.line_no, e.kind, e.seq, e.revision) AS entry_key,
			   CASE WHEN (e.amount < 0) = (e.kind = 'clawback') THEN e.kind ELSE e.kind || '_correction' END AS entry_kind
		  FROM influence.earning e WHERE e.amount <> 0 AND e.program_id = coalesce($1, e.program_id)
	)
	SELECT 'the ledger has every earning', coalesce(e.program_id, l.program_id),
		   format('party %s entry %s', coalesce(e.creator_id, l.party_id), coalesce(e.entry_key, l.entry_key)),
		   CASE WHEN e.amount IS NULL THEN 'nothing'
				WHEN (e.amount, e.currency, e.available_at) IS DISTINCT FROM (l.signed, l.currency, l.available_at)
				THEN format('%s %s from %s', e.amount, e.currency, e.available_at)
				ELSE format('%s at %s, order %s line %s', e.entry_kind, e.occurred_at, e.order_ref, e.line_no) END,
		   CASE WHEN l.signed IS NULL THEN 'nothing'
				WHEN (e.amount, e.currency, e.available_at) IS DISTINCT FROM (l.signed, l.currency, l.available_at)
				THEN format('%s %s from %s', l.signed, l.currency, l.available_at)
				ELSE format('%s at %s, order %s line %s%s', l.kind, l.occurred_at, l.order_ref, l.line_no,
							CASE WHEN l.visitor_id IS DISTINCT FROM e.visitor_id THEN ' of another visitor' END) END
	  FROM earnings e
	  FULL JOIN entries l ON l.party_id = e.creator_id AND l.program_id = e.program_id AND l.entry_key = e.entry_key
	 WHERE (e.amount, e.currency, e.available_at, e.entry_kind, e.occurred_at, e.order_ref, e.line_no, e.visitor_id)
		   IS DISTINCT FROM (l.signed, l.currency, l.available_at, l.kind, l.occurred_at, l.order_ref, l.line_no, l.visitor_id)
	UNION ALL
	SELECT 'an entry moves between the accounts of its kind', l.program_id, format('party %s entry %s', l.party_id, l.entry_key),
		   coalesce(k.debit || ' to ' || k.credit, 'no such kind'), l.debit_account || ' to ' || l.credit_account
	  FROM influence.ledger l
	  LEFT JOIN (SELECT v.kind, v.source, v.cost_debited, v.cost, v.owed
				   FROM (VALUES ('commission', 'line', true, 'expense', 'payable'), ('clawback', 'line', false, 'expense', 'payable'),
								('commission_correction', 'line', false, 'expense', 'payable'), ('clawback_correction', 'line', true, 'expense', 'payable'),
								('write_off', 'line', true, 'write_off', 'payable'), ('write_off_correction', 'line', false, 'write_off', 'payable'),
								('brand_funding', 'adjustment', true, 'in_transit', 'brand_receivable'),
								('sponsored', 'adjustment', true, 'brand_receivable', 'platform_revenue'),
								('sponsored_refund', 'adjustment', false, 'brand_receivable', 'platform_revenue'),
								('sponsor_payment', 'adjustment', true, 'in_transit', 'brand_receivable'))
						v(kind, source, cost_debited, cost, owed)) v
			ON v.kind = l.kind AND v.source = l.source
	 -- party 0 is the platform, whose cut is its revenue
	 CROSS JOIN LATERAL (SELECT CASE WHEN l.party_id = 0 AND v.owed = 'payable' THEN 'platform_revenue' ELSE v.owed END AS owed) p
	 CROSS JOIN LATERAL (SELECT CASE WHEN v.cost_debited THEN v.cost ELSE p.owed END AS debit, CASE WHEN v.cost_debited THEN p.owed ELSE v.cost END AS credit) k
	 WHERE (l.debit_account, l.credit_account) IS DISTINCT FROM (k.debit, k.credit) AND l.program_id = coalesce($1, l.program_id)
	   -- payouts, settlements, bonuses and adjustments have their own checks
	   AND l.source <> 'payout' AND NOT (l.source = 'adjustment' AND (starts_with(l.kind, 'settlement_')
				OR l.kind IN ('bonus', 'fund', 'fee', 'adjustment', 'opening_balance', 'write_off')));
END
$$;
COMMENT ON FUNCTION influence_internal.check_ledger(bigint) IS 'The part of check_books() about the ledger: every earning, and the accounts of each kind of entry.';

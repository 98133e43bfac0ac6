/*
 * check_origins.sql
 *
 * The part of check_books() about what everything else is joined to: orders,
 * their lines, programs, policies. Foreign keys see to it in a server that runs
 * with them; a restore that disables triggers, or a hand that deletes, may leave
 * rows behind of which every other proof, a join, would say nothing.
 */
CREATE FUNCTION influence_internal.check_origins(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT 'what is booked has its order line', x.program_id, format('order %s line %s', x.order_ref, x.line_no), 'an order line', x.kind || ' without one'
	  FROM (SELECT DISTINCT c.visitor_id, c.program_id, c.order_ref, c.line_no, 'a credit' AS kind FROM influence.credit c
			 WHERE c.program_id = coalesce($1, c.program_id)
			UNION ALL
			SELECT DISTINCT e.visitor_id, e.program_id, e.order_ref, e.line_no, 'an earning' FROM influence.earning e
			 WHERE e.program_id = coalesce($1, e.program_id)
			UNION ALL
			SELECT DISTINCT r.visitor_id, r.program_id, r.order_ref, r.line_no, 'a return' FROM influence.order_return r
			 WHERE r.state = 'applied' AND r.program_id = coalesce($1, r.program_id)) x
	 WHERE NOT EXISTS (SELECT FROM influence.order_line l
						WHERE l.visitor_id = x.visitor_id AND l.program_id = x.program_id AND l.order_ref = x.order_ref AND l.line_no = x.line_no)
	UNION ALL
	SELECT 'an order line has its order', l.program_id, format('order %s line %s', l.order_ref, l.line_no), 'an order', 'none'
	  FROM influence.order_line l
	 WHERE l.program_id = coalesce($1, l.program_id)
	   AND NOT EXISTS (SELECT FROM influence.orders o WHERE o.visitor_id = l.visitor_id AND o.program_id = l.program_id AND o.order_ref = l.order_ref)
	UNION ALL
	SELECT 'what is booked has its program', x.program_id, format('program %s', x.program_id), 'a program', x.relation || ' of none'
	  FROM (SELECT DISTINCT o.program_id, 'orders' AS relation FROM influence.orders o
			UNION ALL SELECT DISTINCT l.program_id, 'ledger entries' FROM influence.ledger l) x
	 WHERE NOT EXISTS (SELECT FROM influence.program g WHERE g.program_id = x.program_id) AND x.program_id = coalesce($1, x.program_id)
	UNION ALL
	-- a policy in force when the order was placed, or none of its terms could be worked out
	SELECT 'an order has its policies', o.program_id, format('order %s', o.order_ref), 'a payout policy and a commission policy',
		   coalesce('without ' || nullif(concat_ws(', ', CASE WHEN y.version IS NULL THEN 'payout policy' END, CASE WHEN c.version IS NULL THEN 'commission policy' END), ''), 'both')
	  FROM influence.orders o
	  LEFT JOIN influence.payout_policy y ON y.program_id = o.program_id AND y.valid @> o.ordered_at
	  LEFT JOIN influence.commission_policy c ON c.program_id = o.program_id
			AND CASE WHEN o.commission_policy_version IS NULL THEN c.valid @> o.ordered_at ELSE c.version = o.commission_policy_version END
	 WHERE (y.version IS NULL OR c.version IS NULL) AND o.program_id = coalesce($1, o.program_id)
	UNION ALL
	SELECT 'what is booked names a policy', x.program_id, format('%s policy version %s', x.kind, x.version), 'a policy', x.relation || ' of none'
	  FROM (SELECT DISTINCT e.program_id, e.payout_policy_version AS version, 'payout' AS kind, 'earnings' AS relation FROM influence.earning e
			UNION ALL SELECT DISTINCT p.program_id, p.payout_policy_version, 'payout', 'payouts' FROM influence.payout p
			UNION ALL SELECT DISTINCT c.program_id, c.policy_version, 'attribution', 'credits' FROM influence.credit c) x
	 WHERE CASE x.kind WHEN 'payout' THEN NOT EXISTS (SELECT FROM influence.payout_policy y WHERE y.program_id = x.program_id AND y.version = x.version)
					   ELSE NOT EXISTS (SELECT FROM influence.attribution_policy y WHERE y.program_id = x.program_id AND y.version = x.version) END
	   AND x.program_id = coalesce($1, x.program_id)
	UNION ALL
	-- an order in doubt, or a brand that has not paid, keeps waiting what names it
	SELECT 'only entries of order lines name one', l.program_id, format('party %s entry %s', l.party_id, l.entry_key), 'no order',
		   concat_ws(' ', CASE WHEN l.order_ref IS NOT NULL THEN 'order ' || l.order_ref END, CASE WHEN l.line_no IS NOT NULL THEN 'line ' || l.line_no END,
					 CASE WHEN l.visitor_id IS NOT NULL THEN 'a visitor' END)
	  FROM influence.ledger l
	 WHERE l.source <> 'line' AND num_nonnulls(l.visitor_id, l.order_ref, l.line_no) > 0 AND l.program_id = coalesce($1, l.program_id);
END
$$;
COMMENT ON FUNCTION influence_internal.check_origins(bigint) IS
'The part of check_books() about what the other parts join to: nothing booked without its order line, order, program or policy.';

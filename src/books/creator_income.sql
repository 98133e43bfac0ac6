/*
 * creator_income.sql
 *
 * The view creator_income: what each creator's month brought and cost, by
 * kind of income, and what an order, or an order of a new customer, cost.
 */
CREATE FUNCTION influence_internal.create_income_view()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.creator_income WITH (security_invoker = true) AS
	SELECT i.program_id, i.creator_id, i.month, i.currency, i.commission, i.clawed_back, i.written_off, i.tier, i.line_cap, i.order_cap,
		   i.month_cap, i.budget, i.minimum, i.bonus_rules, i.coupon, i.after_lock, i.settlement, i.bonus, i.fund, i.fee, i.total, i.orders,
		   i.new_customer_orders, round(i.total / nullif(i.orders, 0), 2) AS cost_per_order,
		   round(i.total / nullif(i.new_customer_orders, 0), 2) AS cost_per_new_customer_order
	  FROM (SELECT u.program_id, u.creator_id, u.month, u.currency,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'commission'), 0) AS commission,
				   coalesce(-sum(u.amount) FILTER (WHERE u.kind = 'clawback'), 0) AS clawed_back,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'write_off'), 0) AS written_off,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'settlement_tier'), 0) AS tier,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'settlement_line_cap'), 0) AS line_cap,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'settlement_order_cap'), 0) AS order_cap,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'settlement_month_cap'), 0) AS month_cap,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'settlement_budget'), 0) AS budget,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'settlement_minimum'), 0) AS minimum,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'settlement_bonus'), 0) AS bonus_rules,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'settlement_coupon'), 0) AS coupon,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'settlement_after_lock'), 0) AS after_lock,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind ~ '^settlement_'), 0) AS settlement,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'bonus'), 0) AS bonus,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'fund'), 0) AS fund,
				   coalesce(sum(u.amount) FILTER (WHERE u.kind = 'fee'), 0) AS fee,
				   coalesce(sum(u.amount), 0) AS total, coalesce(sum(u.orders), 0)::bigint AS orders,
				   coalesce(sum(u.new_customer_orders), 0)::bigint AS new_customer_orders
			  FROM (SELECT e.program_id, e.creator_id, to_char(e.ordered_at AT TIME ZONE g.time_zone, 'YYYY-MM') AS month, e.currency, e.kind,
						   e.amount, 0 AS orders, 0 AS new_customer_orders
					  FROM influence.earning e JOIN influence.program g ON g.program_id = e.program_id
					 WHERE e.creator_id <> 0
					UNION ALL
					SELECT s.program_id, s.creator_id, s.month, s.currency, 'settlement_' || s.stage, s.amount, 0, 0 FROM influence.settlement s
					UNION ALL
					SELECT b.program_id, b.creator_id, to_char(b.occurred_at AT TIME ZONE g.time_zone, 'YYYY-MM'), b.currency, b.kind, b.amount, 0, 0
					  FROM influence.bonus b JOIN influence.program g ON g.program_id = b.program_id
					UNION ALL
					-- an order counts while something of it is left
					SELECT o.program_id, o.creator_id, o.month, o.currency, 'orders', 0, 1, o.of_new_customer::int
					  FROM (SELECT e.program_id, e.creator_id, to_char(min(e.ordered_at) AT TIME ZONE g.time_zone, 'YYYY-MM') AS month, e.currency,
								   bool_or(l.new_customer IS TRUE AND coalesce(l.renewal_no, 0) = 0) AS of_new_customer
							  FROM influence.earning e
							  JOIN influence.program g ON g.program_id = e.program_id
							  JOIN influence.order_line l ON l.visitor_id = e.visitor_id AND l.program_id = e.program_id
									AND l.order_ref = e.order_ref AND l.line_no = e.line_no
							 WHERE e.creator_id <> 0 AND e.hold_reason IS NULL AND e.kind <> 'write_off'
							 GROUP BY e.program_id, e.creator_id, e.visitor_id, e.order_ref, e.currency, g.time_zone
							HAVING sum(e.base) > 0 OR sum(e.amount) > 0) o) u
			 GROUP BY u.program_id, u.creator_id, u.month, u.currency) i;
	COMMENT ON VIEW influence.creator_income IS 'A creator''s month in a program (YYYY-MM in the program''s time zone; the month of the orders, of a bonus the month in which it occurred), in minor units: commission, clawed_back and written_off of its lines, the stages of the settlement and their sum, bonuses, fund shares and fees, and total, which is what the month cost the program. orders are those of which something is left, new_customer_orders those of them with a line of a new customer; cost_per_order and cost_per_new_customer_order are total divided by them.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_income_view() IS 'Makes the view creator_income.';

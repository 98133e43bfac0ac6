/*
 * campaign_views.sql
 *
 * What campaigns brought and cost, by campaign and by its products, and the
 * return on what a program spends, month by month.
 *
 * Exposed is who had a touch; an exposed buyer ordered within the program's
 * lookback after one, whoever was credited. What would have been bought anyway
 * is a matter of holdouts: see experiment_report.
 */
CREATE FUNCTION influence_internal.create_campaign_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.campaign_report WITH (security_invoker = true) AS
	-- persons first, so that touches and orders meet by person
	WITH touched AS MATERIALIZED (
		SELECT x.campaign_id, q.program_id, coalesce(y.person_id, x.visitor_id) AS person_id, x.kind, x.touched_at
		  FROM influence.touch x
		  JOIN influence.campaign q ON q.campaign_id = x.campaign_id AND q.program_id = x.program_id
		  LEFT JOIN influence.visitor_person y ON y.visitor_id = x.visitor_id
	), ordered AS MATERIALIZED (
		SELECT w.program_id, w.person_id, w.ordered_at, w.looks_back_to FROM influence.order_window w
	)
	SELECT c.campaign_id, c.program_id, c.campaign_ref, c.name, c.brand, c.paid, lower(c.stated) AS begins_at,
		   CASE WHEN isempty(c.valid) THEN lower(c.stated) ELSE upper(c.valid) END AS ends_at,
		   g.currency, coalesce(n.products, 0) AS products, coalesce(p.posts, 0) AS posts, coalesce(p.creators, 0) AS creators,
		   coalesce(t.views, 0) AS views, coalesce(t.clicks, 0) AS clicks, coalesce(t.carts, 0) AS carts, coalesce(t.exposed, 0) AS exposed,
		   coalesce(b.buyers, 0) AS exposed_buyers, round(coalesce(b.buyers, 0)::numeric / nullif(t.exposed, 0), 6) AS exposed_buyer_rate,
		   coalesce(k.orders, 0) AS orders, coalesce(k.lines, 0) AS lines, coalesce(k.revenue, 0) AS revenue,
		   coalesce(k.returned, 0) AS returned, coalesce(k.revenue - k.returned, 0) AS kept, coalesce(k.revenue_in_set, 0) AS revenue_in_set,
		   coalesce(k.earned, 0) AS commissions, coalesce(x.amount, 0) AS costs, coalesce(k.earned, 0) + coalesce(x.amount, 0) AS total_cost,
		   c.budget, c.budget - coalesce(x.amount, 0) AS budget_left,
		   round(coalesce(k.revenue - k.returned, 0) / nullif(coalesce(k.earned, 0) + coalesce(x.amount, 0), 0), 6) AS kept_per_cost,
		   round((coalesce(k.earned, 0) + coalesce(x.amount, 0)) / nullif(k.orders, 0), 2) AS cost_per_order,
		   coalesce(s.orders, 0) AS set_orders, coalesce(s.pieces, 0) AS set_pieces, coalesce(s.revenue, 0) AS set_revenue,
		   coalesce(s.returned, 0) AS set_returned, coalesce(s.revenue_before, 0) AS set_revenue_before,
		   round(s.revenue / nullif(s.revenue_before, 0) - 1, 6) AS set_uplift
	  FROM influence.campaign c
	  JOIN influence.program g ON g.program_id = c.program_id
	  LEFT JOIN (SELECT x.campaign_id, count(*) AS products FROM influence.campaign_product x GROUP BY x.campaign_id) n ON n.campaign_id = c.campaign_id
	  LEFT JOIN (SELECT x.campaign_id, count(*) AS posts, count(DISTINCT x.creator_id) AS creators
				   FROM influence.post x WHERE x.campaign_id IS NOT NULL GROUP BY x.campaign_id) p ON p.campaign_id = c.campaign_id
	  LEFT JOIN (SELECT v.campaign_id, sum(v.views)::bigint AS views, sum(v.clicks)::bigint AS clicks, sum(v.carts)::bigint AS carts, count(*) AS exposed
				   FROM (SELECT x.campaign_id, count(*) FILTER (WHERE x.kind = 'view') AS views, count(*) FILTER (WHERE x.kind = 'click') AS clicks,
								count(*) FILTER (WHERE x.kind = 'cart') AS carts
						   FROM touched x
						  GROUP BY x.campaign_id, x.person_id) v
				  GROUP BY v.campaign_id) t ON t.campaign_id = c.campaign_id
	  LEFT JOIN (SELECT z.campaign_id, count(*) AS buyers
				   FROM (SELECT DISTINCT x.campaign_id, x.person_id
						   FROM touched x
						   JOIN ordered w ON w.person_id = x.person_id AND w.program_id = x.program_id AND x.touched_at > w.looks_back_to
								AND x.touched_at <= w.ordered_at) z
				  GROUP BY z.campaign_id) b ON b.campaign_id = c.campaign_id
	  LEFT JOIN (SELECT l.campaign_id, count(DISTINCT (l.visitor_id, l.order_ref)) AS orders, count(*) AS lines, sum(l.credit) AS revenue,
						sum(l.returned) AS returned, sum(l.earned) AS earned, sum(l.credit) FILTER (WHERE i.product_id IS NOT NULL) AS revenue_in_set
				   FROM (SELECT x.campaign_id, x.program_id, x.visitor_id, x.order_ref, x.line_no, x.product_id, sum(x.credit) AS credit,
								sum(x.returned) AS returned, sum(x.earned) AS earned
						   FROM influence.order_credits x
						   -- credits of another program are in another currency
						   JOIN influence.campaign q ON q.campaign_id = x.campaign_id AND q.program_id = x.program_id
						  GROUP BY x.campaign_id, x.program_id, x.visitor_id, x.order_ref, x.line_no, x.product_id) l
				   LEFT JOIN influence.campaign_product i ON i.campaign_id = l.campaign_id AND i.product_id = l.product_id
				  GROUP BY l.campaign_id) k ON k.campaign_id = c.campaign_id
	  LEFT JOIN (SELECT x.campaign_id, sum(x.amount) AS amount FROM influence.campaign_cost x GROUP BY x.campaign_id) x ON x.campaign_id = c.campaign_id
	  LEFT JOIN (SELECT q.campaign_id, count(DISTINCT (l.visitor_id, l.order_ref)) FILTER (WHERE q.valid @> l.ordered_at) AS orders,
						sum(l.quantity) FILTER (WHERE q.valid @> l.ordered_at) AS pieces, sum(l.revenue) FILTER (WHERE q.valid @> l.ordered_at) AS revenue,
						sum(l.returned) FILTER (WHERE q.valid @> l.ordered_at) AS returned,
						sum(l.revenue) FILTER (WHERE l.ordered_at >= lower(q.valid) - (least(upper(q.valid), now()) - lower(q.valid))
												 AND l.ordered_at < lower(q.valid)) AS revenue_before
				   FROM influence.campaign q
				   JOIN influence.campaign_product i ON i.campaign_id = q.campaign_id
				   JOIN influence.line_sale l ON l.program_id = q.program_id AND l.product_id = i.product_id
				  WHERE isfinite(lower(q.valid))
				  GROUP BY q.campaign_id) s ON s.campaign_id = c.campaign_id;
	COMMENT ON VIEW influence.campaign_report IS 'A campaign, one row, in minor units of the program''s currency. What it reached: posts and touches of its program that name it, exposed persons, and how many of them bought in the program within its lookback after such a touch. What it brought: orders and lines credited to its touches, revenue (revenue_in_set: of its own products), returned, kept. What it cost: commissions (less clawbacks, of these lines), costs (record_campaign_cost; the budget counts against these), total_cost; kept_per_cost is kept by total_cost. And the sales of its product set while it ran, whoever is credited: set_orders, set_pieces, set_revenue, set_returned, set_revenue_before (as long before it began) and set_uplift, the ratio of the two less 1. A campaign without a beginning has no set_ figures.';

	CREATE VIEW influence.campaign_product_report WITH (security_invoker = true) AS
	SELECT i.campaign_id, i.product_id, q.program_id, p.sku, p.title, p.brand, g.currency, coalesce(t.views, 0) AS views,
		   coalesce(t.clicks, 0) AS clicks, coalesce(k.orders, 0) AS orders, coalesce(k.revenue, 0) AS revenue, coalesce(k.returned, 0) AS returned,
		   coalesce(k.revenue - k.returned, 0) AS kept, coalesce(k.earned, 0) AS commissions, coalesce(s.pieces, 0) AS set_pieces,
		   coalesce(s.revenue, 0) AS set_revenue, coalesce(s.returned, 0) AS set_returned
	  FROM influence.campaign_product i
	  JOIN influence.campaign q ON q.campaign_id = i.campaign_id
	  JOIN influence.program g ON g.program_id = q.program_id
	  JOIN influence.product p ON p.product_id = i.product_id
	  LEFT JOIN (SELECT x.campaign_id, x.product_id, count(*) FILTER (WHERE x.kind = 'view') AS views, count(*) FILTER (WHERE x.kind = 'click') AS clicks
				   FROM influence.touch x
				   JOIN influence.campaign q ON q.campaign_id = x.campaign_id AND q.program_id = x.program_id
				  WHERE x.product_id IS NOT NULL
				  GROUP BY x.campaign_id, x.product_id) t ON t.campaign_id = i.campaign_id AND t.product_id = i.product_id
	  LEFT JOIN (SELECT x.campaign_id, x.product_id, count(DISTINCT (x.visitor_id, x.order_ref)) AS orders, sum(x.credit) AS revenue,
						sum(x.returned) AS returned, sum(x.earned) AS earned
				   FROM influence.order_credits x
				   JOIN influence.campaign q ON q.campaign_id = x.campaign_id AND q.program_id = x.program_id
				  GROUP BY x.campaign_id, x.product_id) k ON k.campaign_id = i.campaign_id AND k.product_id = i.product_id
	  LEFT JOIN (SELECT q.campaign_id, l.product_id, sum(l.quantity) AS pieces, sum(l.revenue) AS revenue, sum(l.returned) AS returned
				   FROM influence.campaign q
				   JOIN influence.campaign_product i ON i.campaign_id = q.campaign_id
				   JOIN influence.line_sale l ON l.program_id = q.program_id AND l.product_id = i.product_id AND q.valid @> l.ordered_at
				  GROUP BY q.campaign_id, l.product_id) s ON s.campaign_id = i.campaign_id AND s.product_id = i.product_id;
	COMMENT ON VIEW influence.campaign_product_report IS 'A product of a campaign: touches of the campaign with it, the sales of it that are credited to touches of the campaign (orders, revenue, returned, kept, commissions less clawbacks), and all its sales in the program while the campaign ran (set_pieces, set_revenue, set_returned); minor units of the program''s currency.';

	CREATE VIEW influence.roi_report WITH (security_invoker = true) AS
	SELECT r.program_id, r.month, g.currency, r.sales, r.revenue, r.returned, r.revenue - r.returned AS kept, r.orders, r.commissions, r.settlements,
		   r.bonuses, r.fees, r.campaign_costs, r.cost, r.revenue - r.returned - r.cost AS kept_less_cost,
		   round((r.revenue - r.returned) / nullif(r.cost, 0), 6) AS kept_per_cost, round(r.cost / nullif(r.orders, 0), 2) AS cost_per_order,
		   round(r.revenue / nullif(r.sales, 0), 6) AS share_of_sales, r.exposed, r.exposed_buyers,
		   round(r.exposed_buyers::numeric / nullif(r.exposed, 0), 6) AS exposed_buyer_rate
	  FROM (SELECT u.program_id, u.month, sum(u.sales) AS sales, sum(u.revenue) AS revenue, sum(u.returned) AS returned, sum(u.orders)::bigint AS orders,
				   sum(u.commissions) AS commissions, sum(u.settlements) AS settlements, sum(u.bonuses) AS bonuses, sum(u.fees) AS fees,
				   sum(u.campaign_costs) AS campaign_costs,
				   sum(u.commissions + u.settlements + u.bonuses + u.fees + u.campaign_costs) AS cost,
				   sum(u.exposed)::bigint AS exposed, sum(u.exposed_buyers)::bigint AS exposed_buyers
			  FROM (SELECT o.program_id, to_char(o.ordered_at AT TIME ZONE q.time_zone, 'YYYY-MM') AS month, 0::numeric AS sales, sum(o.revenue) AS revenue,
						   sum(o.returned) AS returned, count(*) FILTER (WHERE o.credits > 0) AS orders, 0::numeric AS commissions,
						   0::numeric AS settlements, 0::numeric AS bonuses, 0::numeric AS fees, 0::numeric AS campaign_costs, 0 AS exposed,
						   0 AS exposed_buyers
					  FROM (SELECT m.program_id, m.visitor_id, m.order_ref, min(m.ordered_at) AS ordered_at, sum(m.credits) AS credits,
								   sum(m.revenue) AS revenue, sum(m.returned) AS returned
							  FROM influence.creator_line m WHERE m.creator_id <> 0
							 GROUP BY m.program_id, m.visitor_id, m.order_ref) o
					  JOIN influence.program q ON q.program_id = o.program_id
					 GROUP BY o.program_id, to_char(o.ordered_at AT TIME ZONE q.time_zone, 'YYYY-MM')
					UNION ALL
					SELECT l.program_id, to_char(l.day, 'YYYY-MM'), sum(l.revenue), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
					  FROM influence.line_sale l GROUP BY l.program_id, to_char(l.day, 'YYYY-MM')
					UNION ALL
					SELECT i.program_id, i.month, 0, 0, 0, 0, sum(i.commission - i.clawed_back + i.written_off), sum(i.settlement), sum(i.bonus + i.fund),
						   sum(i.fee), 0, 0, 0
					  FROM influence.creator_income i GROUP BY i.program_id, i.month
					UNION ALL
					SELECT q.program_id, to_char(x.incurred_at AT TIME ZONE g.time_zone, 'YYYY-MM'), 0, 0, 0, 0, 0, 0, 0, 0, sum(x.amount), 0, 0
					  FROM influence.campaign_cost x
					  JOIN influence.campaign q ON q.campaign_id = x.campaign_id
					  JOIN influence.program g ON g.program_id = q.program_id
					 GROUP BY q.program_id, to_char(x.incurred_at AT TIME ZONE g.time_zone, 'YYYY-MM')
					UNION ALL
					SELECT e.program_id, e.month, 0, 0, 0, 0, 0, 0, 0, 0, 0, e.exposed, e.exposed_buyers FROM influence.exposure e) u
			 GROUP BY u.program_id, u.month) r
	  JOIN influence.program g ON g.program_id = r.program_id;
	COMMENT ON VIEW influence.roi_report IS 'What a program''s month (YYYY-MM in its time zone) brought and cost, in minor units of its currency. The month is that of the orders, whenever something came back of them or was settled; of bonuses and costs, that in which they occurred. sales: the bases of all orders; revenue: what of it creators are credited with; returned, kept of that. cost = commissions (less clawbacks) + settlements + bonuses (with fund shares) + fees + campaign_costs. kept_per_cost: kept for each unit of cost; cost_per_order: by orders with a credit. exposed: persons with a touch of a creator in the month; exposed_buyers: those of them who ordered within the program''s lookback after one. For what would have been bought anyway see experiment_report.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_campaign_views() IS
'Makes the views campaign_report, campaign_product_report and roi_report.';

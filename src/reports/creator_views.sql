/*
 * creator_views.sql
 *
 * The views about creators: what each brought and cost by day, all of it beside
 * scores and standing, and by channel, hour and kind of collaboration; and what
 * each post brought.
 */
CREATE FUNCTION influence_internal.create_creator_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.creator_now WITH (security_invoker = true) AS
	SELECT c.creator_id, c.creator_ref, c.name, c.kind, CASE WHEN p.since IS NULL THEN c.country ELSE p.country END AS country,
		   coalesce(p.vertical, c.vertical) AS vertical
	  FROM influence.creator c
	  LEFT JOIN (SELECT DISTINCT ON (x.creator_id) x.creator_id, x.since, x.country, x.vertical
				   FROM influence.creator_profile x WHERE x.since <= now() ORDER BY x.creator_id, x.since DESC) p ON p.creator_id = c.creator_id;
	COMMENT ON VIEW influence.creator_now IS 'Creators with the country and the vertical that they have now.';

	CREATE VIEW influence.creator_daily WITH (security_invoker = true) AS
	SELECT d.program_id, d.creator_id, d.day, g.currency, d.views, d.clicks, d.carts, d.coupons, d.visitors, d.orders, d.lines, d.revenue,
		   d.returned, d.revenue - d.returned AS net_revenue, d.commission, d.clawed_back, d.written_off,
		   d.commission - d.clawed_back + d.written_off AS net_commission, d.kept_revenue, d.kept_commission,
		   round(d.orders::numeric / nullif(d.clicks, 0), 6) AS conversion_rate,
		   round((d.revenue - d.kept_revenue) / nullif(d.revenue, 0), 6) AS return_rate,
		   round(d.revenue / nullif(d.orders, 0), 2) AS average_order_value, round(d.kept_commission / nullif(d.clicks, 0), 4) AS earnings_per_click
	  FROM (SELECT u.program_id, u.creator_id, u.day, sum(u.views)::bigint AS views, sum(u.clicks)::bigint AS clicks, sum(u.carts)::bigint AS carts,
				   sum(u.coupons)::bigint AS coupons, sum(u.visitors)::bigint AS visitors, sum(u.orders)::bigint AS orders,
				   sum(u.lines)::bigint AS lines, sum(u.revenue) AS revenue, sum(u.returned) AS returned, sum(u.commission) AS commission,
				   sum(u.clawed_back) AS clawed_back, sum(u.written_off) AS written_off, sum(u.kept_revenue) AS kept_revenue,
				   sum(u.kept_commission) AS kept_commission
			  FROM (-- touches, first by visitor: distinct visitors need no sort then
					SELECT v.program_id, v.creator_id, v.day, sum(v.views) AS views, sum(v.clicks) AS clicks, sum(v.carts) AS carts,
						   sum(v.coupons) AS coupons, count(*) AS visitors, 0 AS orders, 0 AS lines, 0::numeric AS revenue, 0::numeric AS returned,
						   0::numeric AS commission, 0::numeric AS clawed_back, 0::numeric AS written_off, 0::numeric AS kept_revenue,
						   0::numeric AS kept_commission
					  FROM (SELECT t.program_id, t.creator_id, (t.touched_at AT TIME ZONE g.time_zone)::date AS day,
								   count(*) FILTER (WHERE t.kind = 'view') AS views, count(*) FILTER (WHERE t.kind = 'click') AS clicks,
								   count(*) FILTER (WHERE t.kind = 'cart') AS carts, count(*) FILTER (WHERE t.kind = 'coupon') AS coupons
							  FROM influence.touch t JOIN influence.program g ON g.program_id = t.program_id
							 WHERE t.creator_id IS NOT NULL
							 GROUP BY t.program_id, t.creator_id, (t.touched_at AT TIME ZONE g.time_zone)::date, t.visitor_id) v
					 GROUP BY v.program_id, v.creator_id, v.day
					UNION ALL
					-- what was placed on the day, as it stands now
					SELECT o.program_id, o.creator_id, o.day, 0, 0, 0, 0, 0, count(*) FILTER (WHERE o.lines > 0), sum(o.lines), sum(o.revenue), 0,
						   sum(o.commission), 0, 0, sum(o.kept), sum(o.earned)
					  FROM (SELECT m.program_id, m.creator_id, (m.ordered_at AT TIME ZONE g.time_zone)::date AS day,
								   count(*) FILTER (WHERE m.credits > 0) AS lines, sum(m.revenue) AS revenue, sum(m.commission) AS commission,
								   sum(m.kept) AS kept, sum(m.earned) AS earned
							  FROM influence.creator_line m JOIN influence.program g ON g.program_id = m.program_id
							 WHERE m.creator_id <> 0
							 GROUP BY m.program_id, m.creator_id, (m.ordered_at AT TIME ZONE g.time_zone)::date, m.visitor_id, m.order_ref) o
					 GROUP BY o.program_id, o.creator_id, o.day
					UNION ALL
					-- what came back on the day
					SELECT s.program_id, s.creator_id, (s.occurred_at AT TIME ZONE g.time_zone)::date, 0, 0, 0, 0, 0, 0, 0, 0,
						   coalesce(-sum(s.base) FILTER (WHERE s.kind = 'return'), 0), 0, coalesce(-sum(s.amount) FILTER (WHERE s.kind = 'return'), 0),
						   coalesce(sum(s.amount) FILTER (WHERE s.kind = 'write_off'), 0), 0, 0
					  FROM influence.sale_event s JOIN influence.program g ON g.program_id = s.program_id
					 WHERE s.creator_id <> 0 AND s.kind IN ('return', 'write_off')
					 GROUP BY s.program_id, s.creator_id, (s.occurred_at AT TIME ZONE g.time_zone)::date) u
			 GROUP BY u.program_id, u.creator_id, u.day) d
	  JOIN influence.program g ON g.program_id = d.program_id
	 WHERE (d.views, d.clicks, d.carts, d.coupons, d.orders, d.lines, d.revenue, d.returned, d.commission, d.clawed_back, d.written_off)
		   IS DISTINCT FROM (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	COMMENT ON VIEW influence.creator_daily IS 'A creator''s day in a program (in the program''s time zone): touches by kind and distinct visitors, orders and order lines that are credited to it, and money in minor units of the program''s currency (currency). Sales count on the day of the order (orders that are not earned yet, too), what came back (returned, clawed_back, written_off) on the day on which it came: net_revenue and net_commission are those of the day and may be below 0. kept_revenue and kept_commission are what is left now of the sales of the day, whenever it came back. An order of several creators counts for each. conversion_rate: orders per click; return_rate: what came back of the sales of the day (1 - kept_revenue / revenue); average_order_value: revenue by orders; earnings_per_click (EPC): kept_commission by clicks; NULL where there is nothing to divide by. Settlements of months and bonuses are no matter of a day: see creator_scorecard and creator_income.';

	CREATE VIEW influence.creator_scorecard WITH (security_invoker = true) AS
	SELECT d.program_id, d.creator_id, c.name, c.kind, c.country, c.vertical, g.currency, s.status,
		   s.since AS status_since, s.strikes, a.decision AS admission, a.decided_at AS admission_decided_at, d.first_day, d.last_day, d.active_days,
		   d.views, d.clicks, d.carts, d.coupons, d.orders, d.lines, d.revenue, d.returned, d.kept,
		   round(d.returned / nullif(d.revenue, 0), 6) AS return_rate, round(d.orders::numeric / nullif(d.clicks, 0), 6) AS conversion_rate,
		   round(d.revenue / nullif(d.orders, 0), 2) AS average_order_value,
		   round((d.commission - d.clawed_back + d.written_off) / nullif(d.clicks, 0), 4) AS earnings_per_click, d.commission, d.clawed_back, d.written_off, d.settlement, d.bonuses, d.fees,
		   d.commission - d.clawed_back + d.written_off + d.settlement + d.bonuses + d.fees AS total,
		   round((d.commission - d.clawed_back + d.written_off + d.settlement + d.bonuses + d.fees) / nullif(d.orders, 0), 2) AS cost_per_order,
		   round(d.kept * 1000 / nullif(d.clicks, 0), 2) AS kept_per_1000_clicks, p.posts, p.last_post_at, k.followers, k.tier, k.scored_at,
		   k.rate_shrunk, k.rate_percentile, k.focus, k.authenticity, k.relevance, k.impressions, k.influence, k.influence_lower,
		   k.influence_percentile
	  FROM (SELECT u.program_id, u.creator_id, min(u.day) AS first_day, max(u.day) AS last_day, count(DISTINCT u.day) AS active_days,
				   sum(u.views)::bigint AS views, sum(u.clicks)::bigint AS clicks, sum(u.carts)::bigint AS carts,
				   sum(u.coupons)::bigint AS coupons, sum(u.orders)::bigint AS orders, sum(u.lines)::bigint AS lines, sum(u.revenue) AS revenue,
				   sum(u.returned) AS returned, sum(u.revenue - u.returned) AS kept, sum(u.commission) AS commission,
				   sum(u.clawed_back) AS clawed_back, sum(u.written_off) AS written_off, sum(u.settlement) AS settlement,
				   sum(u.bonuses) AS bonuses, sum(u.fees) AS fees
			  FROM (SELECT y.program_id, y.creator_id, y.day, y.views, y.clicks, y.carts, y.coupons, y.orders, y.lines, y.revenue, y.returned,
						   y.commission, y.clawed_back, y.written_off, 0::numeric AS settlement, 0::numeric AS bonuses, 0::numeric AS fees
					  FROM influence.creator_daily y
					UNION ALL
					SELECT x.program_id, x.creator_id, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, sum(x.amount), 0, 0
					  FROM influence.settlement x GROUP BY x.program_id, x.creator_id
					UNION ALL
					SELECT x.program_id, x.creator_id, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
						   coalesce(sum(x.amount) FILTER (WHERE x.kind <> 'fee'), 0), coalesce(sum(x.amount) FILTER (WHERE x.kind = 'fee'), 0)
					  FROM influence.bonus x GROUP BY x.program_id, x.creator_id
					UNION ALL
					SELECT DISTINCT x.program_id, x.creator_id, NULL::date, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
					  FROM influence.application x) u
			 GROUP BY u.program_id, u.creator_id) d
	  JOIN influence.program g ON g.program_id = d.program_id
	  JOIN influence.creator_now c ON c.creator_id = d.creator_id
	  LEFT JOIN influence.creator_standing s ON s.creator_id = d.creator_id
	  LEFT JOIN influence.admission a ON a.creator_id = d.creator_id AND a.program_id = d.program_id
	  LEFT JOIN (SELECT x.creator_id, x.program_id, count(*) AS posts, max(x.published_at) AS last_post_at
				   FROM influence.post x GROUP BY x.creator_id, x.program_id) p ON p.creator_id = d.creator_id AND p.program_id = d.program_id
	  LEFT JOIN (SELECT DISTINCT ON (y.creator_id, y.of_program) y.*
				   FROM (SELECT x.*, q.program_id AS of_program
						   FROM influence.creator_score x
						   -- a program without scores of its own has those outside of any
						   JOIN influence.program q ON q.program_id = x.program_id OR x.program_id = 0) y
				  ORDER BY y.creator_id, y.of_program, y.program_id <> 0 DESC, y.scored_at DESC) k
			ON k.creator_id = d.creator_id AND k.of_program = d.program_id;
	COMMENT ON VIEW influence.creator_scorecard IS 'A creator in a program, one row: standing (status now, strikes in force; the latest decision about its admission), touches, sales as they stand now (revenue, returned, kept = revenue - returned) and what they cost: commission, clawed_back, written_off, settlement (of months: tiers, caps, budgets, minimums, bonus rules, coupons), bonuses (with fund shares), fees, and total, the sum of them with clawed_back counted below 0; all in minor units of the program''s currency. cost_per_order is total by orders; return_rate is returned by revenue, conversion_rate orders by clicks, average_order_value revenue by orders, earnings_per_click (EPC) commission - clawed_back + written_off by clicks (settlements, bonuses and fees belong to no click); NULL where there is nothing to divide by. Beside it the latest score (see creator_score): reach, engagement, influence. active_days: days with a touch, a sale or a return.';

	CREATE VIEW influence.creator_hours WITH (security_invoker = true) AS
	SELECT h.program_id, h.creator_id, h.channel, h.collaboration, h.hour, g.currency, sum(h.views)::bigint AS views, sum(h.clicks)::bigint AS clicks,
		   sum(h.carts)::bigint AS carts, sum(h.coupons)::bigint AS coupons, sum(h.orders)::bigint AS orders, sum(h.revenue) AS revenue,
		   sum(h.returned) AS returned, sum(h.revenue - h.returned) AS kept, sum(h.earned) AS earned,
		   round(sum(h.orders)::numeric / nullif(sum(h.clicks), 0), 6) AS conversion_rate,
		   round(sum(h.returned) / nullif(sum(h.revenue), 0), 6) AS return_rate, round(sum(h.revenue) / nullif(sum(h.orders), 0), 2) AS average_order_value,
		   round(sum(h.earned) / nullif(sum(h.clicks), 0), 4) AS earnings_per_click
	  FROM (SELECT t.program_id, t.creator_id, t.channel, p.disclosure AS collaboration,
				   extract(hour FROM t.touched_at AT TIME ZONE q.time_zone)::int AS hour, count(*) FILTER (WHERE t.kind = 'view') AS views,
				   count(*) FILTER (WHERE t.kind = 'click') AS clicks, count(*) FILTER (WHERE t.kind = 'cart') AS carts,
				   count(*) FILTER (WHERE t.kind = 'coupon') AS coupons, 0 AS orders, 0::numeric AS revenue, 0::numeric AS returned, 0::numeric AS earned
			  FROM influence.touch t
			  JOIN influence.program q ON q.program_id = t.program_id
			  LEFT JOIN influence.post p ON p.post_id = t.post_id
			 WHERE t.creator_id IS NOT NULL
			 GROUP BY t.program_id, t.creator_id, t.channel, p.disclosure, extract(hour FROM t.touched_at AT TIME ZONE q.time_zone)::int
			UNION ALL
			-- sales by the hour of their touch
			SELECT o.program_id, o.creator_id, o.channel, o.disclosure, o.hour, 0, 0, 0, 0, count(*), sum(o.credit), sum(o.returned), sum(o.earned)
			  FROM (SELECT c.program_id, c.creator_id, c.channel, p.disclosure, extract(hour FROM c.touched_at AT TIME ZONE q.time_zone)::int AS hour,
						   sum(c.credit) AS credit, sum(c.returned) AS returned, sum(c.earned) AS earned
					  FROM influence.order_credits c
					  JOIN influence.program q ON q.program_id = c.program_id
					  LEFT JOIN influence.post p ON p.post_id = c.post_id
					 WHERE c.creator_id <> 0 AND c.touched_at IS NOT NULL
					 GROUP BY c.program_id, c.creator_id, c.channel, p.disclosure, extract(hour FROM c.touched_at AT TIME ZONE q.time_zone)::int,
							  c.visitor_id, c.order_ref) o
			 GROUP BY o.program_id, o.creator_id, o.channel, o.disclosure, o.hour) h
	  JOIN influence.program g ON g.program_id = h.program_id
	 GROUP BY h.program_id, h.creator_id, h.channel, h.collaboration, h.hour, g.currency;
	COMMENT ON VIEW influence.creator_hours IS 'When and where a creator works: touches by kind, and the orders and money (minor units of the program''s currency, as it stands now) credited to touches, by channel, kind of collaboration (the disclosure of the touched post: affiliate, gifted, paid, none; NULL without a post) and hour of the day (0 to 23, of the touch, in the program''s time zone). earned: commissions less clawbacks. conversion_rate: orders per click; return_rate: what came back by revenue; average_order_value: revenue by orders; earnings_per_click (EPC): what is earned by clicks, both in minor units; NULL where there is nothing to divide by.';

	CREATE VIEW influence.post_report WITH (security_invoker = true) AS
	SELECT p.program_id, p.post_id, p.creator_id, p.post_ref, p.kind, p.topic_id, p.use_case, p.disclosure, p.campaign_id, p.published_at, g.currency,
		   coalesce(i.impressions, 0) AS impressions, coalesce(e.smiles, 0) AS smiles, coalesce(e.comments, 0) AS comments,
		   coalesce(e.shares, 0) AS shares, coalesce(e.saves, 0) AS saves, coalesce(t.views, 0) AS views, coalesce(t.clicks, 0) AS clicks,
		   coalesce(t.carts, 0) AS carts, coalesce(t.visitors, 0) AS visitors, coalesce(k.orders, 0) AS orders, coalesce(k.revenue, 0) AS revenue,
		   coalesce(k.returned, 0) AS returned, coalesce(k.revenue - k.returned, 0) AS kept, coalesce(k.earned, 0) AS earned,
		   round(coalesce(k.orders, 0)::numeric / nullif(t.clicks, 0), 6) AS conversion_rate, round(k.returned / nullif(k.revenue, 0), 6) AS return_rate,
		   round(k.revenue / nullif(k.orders, 0), 2) AS average_order_value,
		   round(coalesce(k.earned, 0) / nullif(t.clicks, 0), 4) AS earnings_per_click
	  FROM influence.post p
	  JOIN influence.program g ON g.program_id = p.program_id
	  LEFT JOIN (-- first by visitor: distinct visitors need no sort then
			SELECT v.post_id, v.program_id, sum(v.views)::bigint AS views, sum(v.clicks)::bigint AS clicks, sum(v.carts)::bigint AS carts,
				   count(*) AS visitors
			  FROM (SELECT x.post_id, x.program_id, count(*) FILTER (WHERE x.kind = 'view') AS views, count(*) FILTER (WHERE x.kind = 'click') AS clicks,
						   count(*) FILTER (WHERE x.kind = 'cart') AS carts
					  FROM influence.touch x WHERE x.post_id IS NOT NULL
					 GROUP BY x.post_id, x.program_id, x.visitor_id) v
			 GROUP BY v.post_id, v.program_id) t ON t.post_id = p.post_id AND t.program_id = p.program_id
	  -- credits of another program are in another currency
	  LEFT JOIN (SELECT o.post_id, o.program_id, count(*) AS orders, sum(o.revenue) AS revenue, sum(o.returned) AS returned, sum(o.earned) AS earned
				   FROM (SELECT x.post_id, x.program_id, sum(x.credit) AS revenue, sum(x.returned) AS returned, sum(x.earned) AS earned
						   FROM influence.order_credits x WHERE x.post_id IS NOT NULL
						  GROUP BY x.post_id, x.program_id, x.visitor_id, x.order_ref) o
				  GROUP BY o.post_id, o.program_id) k ON k.post_id = p.post_id AND k.program_id = p.program_id
	  LEFT JOIN (-- of one that was dropped by retention, only the taking back may be left
			SELECT x.post_id, greatest(0, count(*) FILTER (WHERE x.kind = 'smile') - count(*) FILTER (WHERE x.kind = 'unsmile')) AS smiles,
						count(*) FILTER (WHERE x.kind = 'comment') AS comments, count(*) FILTER (WHERE x.kind = 'share') AS shares,
						count(*) FILTER (WHERE x.kind = 'save') AS saves
				   FROM influence.engagement x WHERE x.post_id IS NOT NULL GROUP BY x.post_id) e ON e.post_id = p.post_id
	  -- of the buckets: impressions themselves are dropped after a while
	  LEFT JOIN (SELECT x.post_id, sum(x.impressions)::bigint AS impressions FROM influence.post_hour x GROUP BY x.post_id) i ON i.post_id = p.post_id;
	COMMENT ON VIEW influence.post_report IS 'What a post brought, one row, also of a post without any sign: how often the feed showed it (impressions, as the last minute job counted), what shoppers did with it (smiles, those taken back not counted; comments, shares, saves), touches of its program that name it by kind with distinct visitors, and the orders and money credited to them, as they stand now, in minor units of the program''s currency: revenue, returned, kept, earned (commissions less clawbacks). conversion_rate: orders per click; return_rate: what came back by revenue; average_order_value: revenue by orders; earnings_per_click (EPC): what is earned by clicks, both in minor units; NULL where there is nothing to divide by. An order of several posts counts for each. Touches and engagements that were dropped by retention are not counted any more.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_creator_views() IS
'Makes the views creator_now, creator_daily, creator_scorecard, creator_hours and post_report.';

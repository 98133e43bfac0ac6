/*
 * funnel_views.sql
 *
 * From touch to order: by surface and path, by use case, and between the
 * variants of an experiment.
 */
CREATE FUNCTION influence_internal.create_funnel_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.funnel_daily WITH (security_invoker = true) AS
	SELECT f.program_id, f.day, f.surface, f.embed, f.in_app,
		   CASE WHEN f.in_app THEN 'in_app' WHEN NOT f.in_app THEN 'hop' ELSE 'unknown' END AS path, g.currency, f.views, f.clicks, f.carts, f.coupons,
		   f.visitors, f.viewers, f.clickers, f.carters, f.buyers, f.orders, f.revenue, f.returned, f.revenue - f.returned AS kept,
		   round(f.clicks::numeric / nullif(f.views, 0), 6) AS clicks_per_view, round(f.carts::numeric / nullif(f.clicks, 0), 6) AS carts_per_click,
		   round(f.orders::numeric / nullif(f.clicks, 0), 6) AS orders_per_click
	  FROM (SELECT u.program_id, u.day, u.surface, u.embed, u.in_app, sum(u.views)::bigint AS views, sum(u.clicks)::bigint AS clicks,
				   sum(u.carts)::bigint AS carts, sum(u.coupons)::bigint AS coupons, sum(u.visitors)::bigint AS visitors,
				   sum(u.viewers)::bigint AS viewers, sum(u.clickers)::bigint AS clickers, sum(u.carters)::bigint AS carters,
				   sum(u.buyers)::bigint AS buyers, sum(u.orders)::bigint AS orders, sum(u.revenue) AS revenue, sum(u.returned) AS returned
			  FROM (SELECT v.program_id, v.day, v.surface, v.embed, v.in_app, sum(v.views) AS views, sum(v.clicks) AS clicks, sum(v.carts) AS carts,
						   sum(v.coupons) AS coupons, count(*) AS visitors, count(*) FILTER (WHERE v.views > 0) AS viewers,
						   count(*) FILTER (WHERE v.clicks > 0) AS clickers, count(*) FILTER (WHERE v.carts > 0) AS carters, 0 AS buyers, 0 AS orders,
						   0::numeric AS revenue, 0::numeric AS returned
					  FROM (SELECT t.program_id, (t.touched_at AT TIME ZONE q.time_zone)::date AS day, t.surface, t.embed, t.in_app,
								   count(*) FILTER (WHERE t.kind = 'view') AS views, count(*) FILTER (WHERE t.kind = 'click') AS clicks,
								   count(*) FILTER (WHERE t.kind = 'cart') AS carts, count(*) FILTER (WHERE t.kind = 'coupon') AS coupons
							  FROM influence.touch t JOIN influence.program q ON q.program_id = t.program_id
							 GROUP BY t.program_id, (t.touched_at AT TIME ZONE q.time_zone)::date, t.surface, t.embed, t.in_app, t.visitor_id) v
					 GROUP BY v.program_id, v.day, v.surface, v.embed, v.in_app
					UNION ALL
					-- orders on the day, and with the surface, of the touch that is credited
					SELECT b.program_id, b.day, b.surface, b.embed, b.in_app, 0, 0, 0, 0, 0, 0, 0, 0, count(*), sum(b.orders), sum(b.revenue), sum(b.returned)
					  FROM (SELECT o.program_id, o.day, o.surface, o.embed, o.in_app, o.visitor_id, count(*) AS orders, sum(o.revenue) AS revenue,
								   sum(o.returned) AS returned
							  FROM (SELECT c.program_id, (c.touched_at AT TIME ZONE q.time_zone)::date AS day, t.surface, t.embed, t.in_app,
										   c.visitor_id, c.order_ref, sum(c.credit) AS revenue, sum(c.returned) AS returned
									  FROM influence.order_credits c
									  JOIN influence.program q ON q.program_id = c.program_id
									  LEFT JOIN influence.touch t ON t.visitor_id = c.touch_visitor_id AND t.touched_at = c.touched_at
											AND t.touch_ref = c.touch_ref
									 WHERE c.touched_at IS NOT NULL
									 GROUP BY c.program_id, (c.touched_at AT TIME ZONE q.time_zone)::date, t.surface, t.embed, t.in_app,
											  c.visitor_id, c.order_ref) o
							 GROUP BY o.program_id, o.day, o.surface, o.embed, o.in_app, o.visitor_id) b
					 GROUP BY b.program_id, b.day, b.surface, b.embed, b.in_app) u
			 GROUP BY u.program_id, u.day, u.surface, u.embed, u.in_app) f
	  JOIN influence.program g ON g.program_id = f.program_id;
	COMMENT ON VIEW influence.funnel_daily IS 'From view to order, by day (of the touch, in the program''s time zone), surface, embedding page (embed) and path: in_app = the purchase stays in the app, hop = it goes out to the retailer. Touches of any channel by kind, distinct visitors (visitors, viewers, clickers, carters), and what is credited to these touches: buyers, orders, revenue, returned, kept in minor units of the program''s currency. So the last three ratios show where each path loses people. Touches that were dropped by retention have no surface any more; an order credited to several touches counts with each.';

	CREATE VIEW influence.use_case_matrix WITH (security_invoker = true) AS
	WITH person AS (
		SELECT w.program_id, w.person_id, min(w.ordered_at) AS first_ordered_at FROM influence.order_window w GROUP BY w.program_id, w.person_id
	)
	SELECT m.program_id, m.use_case, m.category_id, c.name AS category, m.customer_kind, g.currency, sum(m.views)::bigint AS views,
		   sum(m.clicks)::bigint AS clicks, sum(m.carts)::bigint AS carts, sum(m.orders)::bigint AS orders, sum(m.revenue) AS revenue,
		   sum(m.returned) AS returned, sum(m.revenue - m.returned) AS kept, sum(m.earned) AS earned,
		   round(sum(m.clicks)::numeric / nullif(sum(m.views), 0), 6) AS clicks_per_view,
		   round(sum(m.orders)::numeric / nullif(sum(m.clicks), 0), 6) AS orders_per_click,
		   round(sum(m.revenue - m.returned) * 1000 / nullif(sum(m.clicks), 0), 2) AS kept_per_1000_clicks
	  FROM (SELECT t.program_id, p.use_case, t.category_id, CASE WHEN b.first_ordered_at < t.touched_at THEN 'returning' ELSE 'new' END AS customer_kind,
				   count(*) FILTER (WHERE t.kind = 'view') AS views, count(*) FILTER (WHERE t.kind = 'click') AS clicks,
				   count(*) FILTER (WHERE t.kind = 'cart') AS carts, 0 AS orders, 0::numeric AS revenue, 0::numeric AS returned, 0::numeric AS earned
			  FROM influence.touch t
			  JOIN influence.post p ON p.post_id = t.post_id
			  LEFT JOIN influence.visitor_person v ON v.visitor_id = t.visitor_id
			  LEFT JOIN person b ON b.program_id = t.program_id AND b.person_id = coalesce(v.person_id, t.visitor_id)
			 GROUP BY t.program_id, p.use_case, t.category_id, CASE WHEN b.first_ordered_at < t.touched_at THEN 'returning' ELSE 'new' END
			UNION ALL
			SELECT o.program_id, o.use_case, o.category_id, o.customer_kind, 0, 0, 0, count(*), sum(o.revenue), sum(o.returned), sum(o.earned)
			  FROM (SELECT c.program_id, p.use_case, c.category_id, CASE WHEN b.first_ordered_at < c.ordered_at THEN 'returning' ELSE 'new' END AS customer_kind,
						   c.visitor_id, c.order_ref, sum(c.credit) AS revenue, sum(c.returned) AS returned, sum(c.earned) AS earned
					  FROM influence.order_credits c
					  JOIN influence.post p ON p.post_id = c.post_id
					  LEFT JOIN influence.visitor_person v ON v.visitor_id = c.visitor_id
					  LEFT JOIN person b ON b.program_id = c.program_id AND b.person_id = coalesce(v.person_id, c.visitor_id)
					 GROUP BY c.program_id, p.use_case, c.category_id, CASE WHEN b.first_ordered_at < c.ordered_at THEN 'returning' ELSE 'new' END,
							  c.visitor_id, c.order_ref) o
			 GROUP BY o.program_id, o.use_case, o.category_id, o.customer_kind) m
	  JOIN influence.program g ON g.program_id = m.program_id
	  LEFT JOIN influence.category c ON c.category_id = m.category_id
	 GROUP BY m.program_id, m.use_case, m.category_id, c.name, m.customer_kind, g.currency;
	COMMENT ON VIEW influence.use_case_matrix IS 'What posts of a use case (discovery, review, ...; NULL: not said) do for a category and a kind of visitor: touches of posts by kind, and the orders and money credited to them, in minor units of the program''s currency. The category of a touch is that of its product, of a sale that of the line (the deepest, as frozen). customer_kind: returning when the person had ordered in the program before (the touch; the order), else new.';

	CREATE VIEW influence.experiment_report WITH (security_invoker = true) AS
	WITH mark AS (
		SELECT t.program_id, t.experiment, t.variant, coalesce(p.person_id, t.visitor_id) AS person_id, t.touched_at AS at, t.kind = 'click' AS clicked,
			   NULL::boolean AS holdout
		  FROM influence.touch t LEFT JOIN influence.visitor_person p ON p.visitor_id = t.visitor_id
		 WHERE t.experiment IS NOT NULL AND t.variant IS NOT NULL
		UNION ALL
		SELECT o.program_id, o.experiment, o.variant, coalesce(p.person_id, o.visitor_id), o.ordered_at, false, o.holdout
		  FROM influence.orders o LEFT JOIN influence.visitor_person p ON p.visitor_id = o.visitor_id
		 WHERE o.experiment IS NOT NULL AND o.variant IS NOT NULL
	), member AS (
		-- whoever saw several variants stays with the first
		SELECT DISTINCT ON (m.program_id, m.experiment, m.person_id) m.program_id, m.experiment, m.person_id, m.variant, m.at AS since
		  FROM mark m ORDER BY m.program_id, m.experiment, m.person_id, m.at, m.variant COLLATE "C"
	), seen AS (
		SELECT m.program_id, m.experiment, m.person_id, bool_or(m.clicked) AS clicked, min(m.variant) <> max(m.variant) AS crossed
		  FROM mark m GROUP BY m.program_id, m.experiment, m.person_id
	), span AS (
		SELECT m.program_id, m.experiment, min(m.at) AS first_at, max(m.at) AS last_at FROM mark m GROUP BY m.program_id, m.experiment
	), variant AS (
		SELECT m.program_id, m.experiment, m.variant, bool_or(m.holdout IS TRUE) OR m.variant IN ('holdout', 'control') AS holdout
		  FROM mark m GROUP BY m.program_id, m.experiment, m.variant
	), line AS MATERIALIZED (
		SELECT l.program_id, l.person_id, l.visitor_id, l.order_ref, l.ordered_at, l.revenue, l.returned FROM influence.line_sale l
	), bought AS (
		SELECT m.program_id, m.experiment, m.person_id, count(DISTINCT (l.visitor_id, l.order_ref)) AS orders, sum(l.revenue) AS revenue,
			   sum(l.returned) AS returned
		  FROM member m
		  JOIN span s ON s.program_id = m.program_id AND s.experiment = m.experiment
		  JOIN line l ON l.program_id = m.program_id AND l.person_id = m.person_id AND l.ordered_at >= m.since AND l.ordered_at <= s.last_at
		 GROUP BY m.program_id, m.experiment, m.person_id
	), outcome AS (
		SELECT v.program_id, v.experiment, v.variant, v.holdout, count(m.person_id) AS participants, count(*) FILTER (WHERE e.clicked) AS clickers,
			   count(*) FILTER (WHERE e.crossed) AS crossed_over, count(b.person_id) AS buyers, coalesce(sum(b.orders), 0)::bigint AS orders,
			   coalesce(sum(b.revenue), 0) AS revenue, coalesce(sum(b.returned), 0) AS returned
		  FROM variant v
		  LEFT JOIN member m ON m.program_id = v.program_id AND m.experiment = v.experiment AND m.variant = v.variant
		  LEFT JOIN seen e ON e.program_id = m.program_id AND e.experiment = m.experiment AND e.person_id = m.person_id
		  LEFT JOIN bought b ON b.program_id = m.program_id AND b.experiment = m.experiment AND b.person_id = m.person_id
		 GROUP BY v.program_id, v.experiment, v.variant, v.holdout
	), baseline AS (
		SELECT o.program_id, o.experiment, sum(o.participants) AS participants, sum(o.buyers) AS buyers, sum(o.revenue - o.returned) AS kept
		  FROM outcome o WHERE o.holdout GROUP BY o.program_id, o.experiment
	)
	SELECT o.program_id, o.experiment, o.variant, o.holdout, s.first_at, s.last_at, g.currency, o.participants, o.crossed_over, o.clickers, o.buyers, o.orders,
		   o.revenue, o.returned, o.revenue - o.returned AS kept, round(o.clickers::numeric / nullif(o.participants, 0), 6) AS click_rate,
		   round(o.buyers::numeric / nullif(o.participants, 0), 6) AS buyer_rate,
		   round((o.revenue - o.returned) / nullif(o.participants, 0), 2) AS kept_per_participant,
		   round(o.returned / nullif(o.revenue, 0), 6) AS return_rate,
		   CASE WHEN NOT o.holdout THEN round(o.buyers * b.participants / nullif(o.participants * b.buyers, 0) - 1, 6) END AS lift,
		   CASE WHEN NOT o.holdout THEN round((o.revenue - o.returned) * b.participants / nullif(o.participants * b.kept, 0) - 1, 6) END AS kept_lift,
		   CASE WHEN NOT o.holdout AND o.participants > 0 AND b.participants > 0 AND o.buyers + b.buyers BETWEEN 1 AND o.participants + b.participants - 1
				THEN round((o.buyers / o.participants::numeric - b.buyers / b.participants)
						   / sqrt((o.buyers + b.buyers) * (o.participants + b.participants - o.buyers - b.buyers) / (o.participants + b.participants)
								  / (o.participants + b.participants) * (1 / o.participants::numeric + 1 / b.participants)), 6) END AS z_score
	  FROM outcome o
	  JOIN span s ON s.program_id = o.program_id AND s.experiment = o.experiment
	  JOIN influence.program g ON g.program_id = o.program_id
	  LEFT JOIN baseline b ON b.program_id = o.program_id AND b.experiment = o.experiment;
	COMMENT ON VIEW influence.experiment_report IS 'An experiment''s variants. Who has a touch or an order with the experiment and a variant takes part from the first on, in its variant, and stays in it (crossed_over: those who saw another one, too); what participants buy in the program from then on until the last sign of the experiment counts (orders, revenue, returned, kept, in minor units of the program''s currency), whoever is credited. Variants with orders marked holdout, or of the name holdout or control, are the baseline, together. lift: the share of buyers relative to the baseline''s, less 1; kept_lift: the same for what was kept per participant; z_score: the difference of the two shares of buyers over its standard error (two-proportion test, pooled); beyond +-1.96 it is not chance, at 95 %.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_funnel_views() IS
'Makes the views funnel_daily, use_case_matrix and experiment_report.';

/*
 * exposure_views.sql
 *
 * Who was exposed to creators, and who of them bought: persons with a touch,
 * and orders within the program's lookback after one, whoever was credited.
 */
CREATE FUNCTION influence_internal.create_exposure_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- how far back a touch may lie of an order: months and days by the calendar of the program, the rest elapsed
	CREATE VIEW influence.order_window WITH (security_invoker = true) AS
	SELECT x.program_id, x.visitor_id, x.person_id, x.order_ref, x.ordered_at,
		   ((x.ordered_at AT TIME ZONE x.time_zone) - date_trunc('day', x.lookback)) AT TIME ZONE x.time_zone
			- (x.lookback - date_trunc('day', x.lookback)) AS looks_back_to
	  FROM (SELECT o.program_id, o.visitor_id, coalesce(p.person_id, o.visitor_id) AS person_id, o.order_ref, o.ordered_at, g.time_zone,
				   -- asked for each order: the planner would take a join with a range for one that leaves few orders
				   (SELECT a.lookback FROM influence.attribution_policy a WHERE a.program_id = o.program_id AND a.valid @> o.ordered_at) AS lookback
			  FROM influence.orders o
			  JOIN influence.program g ON g.program_id = o.program_id
			  LEFT JOIN influence.visitor_person p ON p.visitor_id = o.visitor_id) x;
	COMMENT ON VIEW influence.order_window IS 'Orders with the person who bought and how far back the lookback of the attribution policy of their moment reaches: touches after looks_back_to, up to ordered_at, lie within it.';

	CREATE VIEW influence.exposure WITH (security_invoker = true) AS
	WITH touched AS MATERIALIZED (
		SELECT t.program_id, coalesce(p.person_id, t.visitor_id) AS person_id, date_trunc('month', t.touched_at AT TIME ZONE g.time_zone) AS month, t.touched_at
		  FROM influence.touch t
		  JOIN influence.program g ON g.program_id = t.program_id
		  LEFT JOIN influence.visitor_person p ON p.visitor_id = t.visitor_id
		 WHERE t.creator_id IS NOT NULL
	), ordered AS MATERIALIZED (
		SELECT o.program_id, o.person_id, m.month, o.ordered_at, o.looks_back_to
		  FROM influence.order_window o
		  JOIN influence.program g ON g.program_id = o.program_id
		 CROSS JOIN LATERAL generate_series(date_trunc('month', o.looks_back_to AT TIME ZONE g.time_zone), o.ordered_at AT TIME ZONE g.time_zone,
								interval '1 month') AS m(month)
	), run AS (
		-- the last touch of each month before an order: one order after another, however many touches there are
		SELECT x.program_id, x.person_id, x.month, x.looks_back_to,
			   max(x.touched_at) OVER (PARTITION BY x.program_id, x.person_id, x.month ORDER BY x.at, x.looks_back_to IS NOT NULL
									   ROWS UNBOUNDED PRECEDING) AS last_touch
		  FROM (SELECT t.program_id, t.person_id, t.month, t.touched_at AS at, t.touched_at, NULL::timestamptz AS looks_back_to FROM touched t
				UNION ALL
				SELECT o.program_id, o.person_id, o.month, o.ordered_at, NULL, o.looks_back_to FROM ordered o) x
	), person AS (
		SELECT r.program_id, r.person_id, r.month, bool_or(r.looks_back_to IS NULL) AS exposed,
			   coalesce(bool_or(r.last_touch > r.looks_back_to), false) AS bought
		  FROM run r
		 GROUP BY r.program_id, r.person_id, r.month
	)
	SELECT p.program_id, to_char(p.month, 'YYYY-MM') AS month, count(*) FILTER (WHERE p.exposed) AS exposed, count(*) FILTER (WHERE p.bought) AS exposed_buyers
	  FROM person p
	 GROUP BY p.program_id, p.month
	HAVING bool_or(p.exposed);
	COMMENT ON VIEW influence.exposure IS 'How many persons had a touch of a creator in a month (YYYY-MM in the program''s time zone), and how many of them ordered within the program''s lookback after one of these touches.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_exposure_views() IS 'Makes the views order_window and exposure.';

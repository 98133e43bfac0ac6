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
	SELECT o.program_id, o.visitor_id, coalesce(p.person_id, o.visitor_id) AS person_id, o.order_ref, o.ordered_at,
		   ((o.ordered_at AT TIME ZONE g.time_zone) - date_trunc('day', a.lookback)) AT TIME ZONE g.time_zone
			- (a.lookback - date_trunc('day', a.lookback)) AS looks_back_to
	  FROM influence.orders o
	  JOIN influence.program g ON g.program_id = o.program_id
	  JOIN influence.attribution_policy a ON a.program_id = o.program_id AND a.valid @> o.ordered_at
	  LEFT JOIN influence.visitor_person p ON p.visitor_id = o.visitor_id;
	COMMENT ON VIEW influence.order_window IS 'Orders with the person who bought and how far back the lookback of the attribution policy of their moment reaches: touches after looks_back_to, up to ordered_at, lie within it.';

	CREATE VIEW influence.exposure WITH (security_invoker = true) AS
	SELECT e.program_id, e.month, count(*) AS exposed, count(b.person_id) AS exposed_buyers
	  FROM (SELECT DISTINCT t.program_id, to_char(t.touched_at AT TIME ZONE g.time_zone, 'YYYY-MM') AS month, coalesce(p.person_id, t.visitor_id) AS person_id
			  FROM influence.touch t
			  JOIN influence.program g ON g.program_id = t.program_id
			  LEFT JOIN influence.visitor_person p ON p.visitor_id = t.visitor_id
			 WHERE t.creator_id IS NOT NULL) e
	  LEFT JOIN (SELECT DISTINCT w.program_id, w.person_id, w.month
				   FROM (-- the last touch of each month before an order: one order after another, however many touches there are
						 SELECT x.program_id, x.person_id, x.month, x.looks_back_to,
								max(x.touched_at) OVER (PARTITION BY x.program_id, x.person_id, x.month ORDER BY x.at, x.looks_back_to IS NOT NULL
														ROWS UNBOUNDED PRECEDING) AS last_touch
						   FROM (SELECT t.program_id, coalesce(p.person_id, t.visitor_id) AS person_id,
										to_char(t.touched_at AT TIME ZONE g.time_zone, 'YYYY-MM') AS month, t.touched_at AS at, t.touched_at,
										NULL::timestamptz AS looks_back_to
								   FROM influence.touch t
								   JOIN influence.program g ON g.program_id = t.program_id
								   LEFT JOIN influence.visitor_person p ON p.visitor_id = t.visitor_id
								  WHERE t.creator_id IS NOT NULL
								    AND (t.program_id, coalesce(p.person_id, t.visitor_id)) IN (SELECT o.program_id, o.person_id FROM influence.order_window o)
								 UNION ALL
								 SELECT o.program_id, o.person_id, to_char(m.month, 'YYYY-MM'), o.ordered_at, NULL, o.looks_back_to
								   FROM influence.order_window o
								   JOIN influence.program g ON g.program_id = o.program_id
								  CROSS JOIN LATERAL generate_series(date_trunc('month', o.looks_back_to AT TIME ZONE g.time_zone),
											o.ordered_at AT TIME ZONE g.time_zone, interval '1 month') AS m(month)) x) w
				  WHERE w.looks_back_to IS NOT NULL AND w.last_touch > w.looks_back_to) b
			ON b.program_id = e.program_id AND b.person_id = e.person_id AND b.month = e.month
	 GROUP BY e.program_id, e.month;
	COMMENT ON VIEW influence.exposure IS 'How many persons had a touch of a creator in a month (YYYY-MM in the program''s time zone), and how many of them ordered within the program''s lookback after one of these touches.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_exposure_views() IS 'Makes the views order_window and exposure.';

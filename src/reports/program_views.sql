/*
 * program_views.sql
 *
 * The health of a program, month by month: how many creators are active, on how
 * few of them it hangs, what is supplied where it is asked for; and its markets.
 *
 * Sources: Herfindahl-Hirschman index: sum of squared shares (Hirschman 1964).
 * Gini coefficient of x_1 <= ... <= x_n: 2 sum(i x_i) / (n sum(x_i)) - (n + 1) / n.
 */
CREATE FUNCTION influence_internal.create_program_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.creator_month WITH (security_invoker = true) AS
	SELECT u.program_id, u.creator_id, u.month, sum(u.posts)::bigint AS posts, sum(u.clips)::bigint AS clips, sum(u.views)::bigint AS views,
		   sum(u.clicks)::bigint AS clicks, sum(u.orders)::bigint AS orders, sum(u.revenue) AS revenue, sum(u.kept) AS kept, sum(u.earned) AS earned,
		   round(sum(u.orders)::numeric / nullif(sum(u.clicks), 0), 6) AS conversion_rate,
		   round(sum(u.revenue - u.kept) / nullif(sum(u.revenue), 0), 6) AS return_rate,
		   round(sum(u.revenue) / nullif(sum(u.orders), 0), 2) AS average_order_value,
		   round(sum(u.earned) / nullif(sum(u.clicks), 0), 4) AS earnings_per_click
	  FROM (SELECT d.program_id, d.creator_id, to_char(d.day, 'YYYY-MM') AS month, 0 AS posts, 0 AS clips, d.views, d.clicks, d.orders, d.revenue,
				   d.kept_revenue AS kept, d.kept_commission AS earned
			  FROM influence.creator_daily d
			 -- what only came back in a month is no activity in it
			 WHERE d.views + d.clicks + d.carts + d.coupons + d.orders > 0
			UNION ALL
			SELECT p.program_id, p.creator_id, to_char(p.published_at AT TIME ZONE g.time_zone, 'YYYY-MM'), 1,
				   (p.kind IN ('video', 'story', 'live'))::int, 0, 0, 0, 0, 0, 0
			  FROM influence.post p JOIN influence.program g ON g.program_id = p.program_id) u
	 GROUP BY u.program_id, u.creator_id, u.month;
	COMMENT ON VIEW influence.creator_month IS 'A creator''s month (YYYY-MM in the program''s time zone) with a post, a touch or a sale: posts, clips (videos, stories and live posts), views, clicks, orders, and in minor units of the program''s currency revenue of the month''s orders, what is kept of it now, and what the creator earns by it (earned, settlements and bonuses apart). conversion_rate: orders per click; return_rate: 1 - kept / revenue; average_order_value: revenue by orders; earnings_per_click (EPC): earned by clicks; NULL where there is nothing to divide by.';

	CREATE VIEW influence.program_health WITH (security_invoker = true) AS
	SELECT h.program_id, h.month, g.currency, a.admitted, h.active, round(h.active::numeric / nullif(a.admitted, 0), 6) AS active_share, h.posting,
		   h.selling, h.active - h.selling AS active_without_sale, h.orders, h.revenue, h.kept, h.earned,
		   round(1 - h.kept / nullif(h.revenue, 0), 6) AS return_rate, round(h.top_1 / nullif(h.kept_sum, 0), 6) AS top_creator_share,
		   round(h.top_1_percent / nullif(h.kept_sum, 0), 6) AS top_1_percent_share,
		   round(h.top_10_percent / nullif(h.kept_sum, 0), 6) AS top_10_percent_share,
		   round(h.squares / nullif(h.kept_sum * h.kept_sum, 0), 6) AS hhi,
		   round(2 * h.ranked / nullif(h.active * h.kept_sum, 0) - (h.active + 1) / nullif(h.active, 0)::numeric, 6) AS gini,
		   h.posts, h.clips, v.verticals, v.verticals_with_clips, coalesce(s.smiles, 0) AS smiles,
		   round(coalesce(s.smiles, 0) * 1000::numeric / nullif(h.views, 0), 6) AS smiles_per_1000_views
	  FROM (SELECT r.program_id, r.month, count(*) AS active, count(*) FILTER (WHERE r.posts > 0) AS posting,
				   count(*) FILTER (WHERE r.orders > 0) AS selling, sum(r.orders)::bigint AS orders, sum(r.revenue) AS revenue, sum(r.kept) AS kept,
				   sum(r.earned) AS earned, sum(r.share) AS kept_sum, sum(r.share * r.share) AS squares, sum(r.share * r.from_below) AS ranked,
				   sum(r.share) FILTER (WHERE r.from_above = 1) AS top_1,
				   sum(r.share) FILTER (WHERE r.from_above <= ceil(r.active / 100.0)) AS top_1_percent,
				   sum(r.share) FILTER (WHERE r.from_above <= ceil(r.active / 10.0)) AS top_10_percent,
				   sum(r.posts)::bigint AS posts, sum(r.clips)::bigint AS clips, sum(r.views)::bigint AS views
			  FROM (SELECT m.*, greatest(m.kept, 0) AS share, count(*) OVER (PARTITION BY m.program_id, m.month) AS active,
						   row_number() OVER (PARTITION BY m.program_id, m.month ORDER BY greatest(m.kept, 0), m.creator_id) AS from_below,
						   row_number() OVER (PARTITION BY m.program_id, m.month ORDER BY greatest(m.kept, 0) DESC, m.creator_id DESC) AS from_above
					  FROM influence.creator_month m) r
			 GROUP BY r.program_id, r.month) h
	  JOIN influence.program g ON g.program_id = h.program_id
	 CROSS JOIN LATERAL (
			-- admitted at the end of the month: by the last decision before it
			SELECT count(*) AS admitted
			  FROM (SELECT DISTINCT ON (x.creator_id) x.creator_id, x.decision
					  FROM influence.admission_history x
					 WHERE x.program_id = h.program_id
					   AND x.decided_at < ((h.month || '-01')::date + interval '1 month') AT TIME ZONE g.time_zone
					 ORDER BY x.creator_id, x.decided_at DESC, x.recorded_at DESC) d
			 WHERE d.decision = 'admitted') a
	  LEFT JOIN (SELECT y.program_id, y.month, count(*) AS verticals, count(*) FILTER (WHERE y.clips > 0) AS verticals_with_clips
				   FROM influence.vertical_supply y GROUP BY y.program_id, y.month) v ON v.program_id = h.program_id AND v.month = h.month
	  LEFT JOIN (SELECT p.program_id, to_char(e.occurred_at AT TIME ZONE q.time_zone, 'YYYY-MM') AS month,
						count(*) FILTER (WHERE e.kind = 'smile') - count(*) FILTER (WHERE e.kind = 'unsmile') AS smiles
				   FROM influence.engagement e
				   JOIN influence.post p ON p.post_id = e.post_id
				   JOIN influence.program q ON q.program_id = p.program_id
				  WHERE e.kind IN ('smile', 'unsmile')
				  GROUP BY p.program_id, to_char(e.occurred_at AT TIME ZONE q.time_zone, 'YYYY-MM')) s ON s.program_id = h.program_id AND s.month = h.month;
	COMMENT ON VIEW influence.program_health IS 'A program''s month (YYYY-MM in its time zone): creators admitted at its end, active (a post, a touch or a sale), posting, selling; orders (one of several creators counts for each) and money of the month''s orders as they stand now, in minor units of the program''s currency, with the return rate, and the praise beside it (smiles on posts of the program). Concentration of what was kept over the active creators: shares of the top creator and of the top 1 % and 10 % (rounded up to whole creators), hhi (Herfindahl-Hirschman, 1/n to 1), gini (0 = all sell the same). verticals: of active creators, and those of them that had a clip. See creator_month and vertical_supply for the single rows.';

	CREATE VIEW influence.market_report WITH (security_invoker = true) AS
	SELECT m.program_id, m.country, g.currency, sum(m.creators)::bigint AS creators, sum(m.active_creators)::bigint AS active_creators,
		   sum(m.views)::bigint AS views, sum(m.clicks)::bigint AS clicks, sum(m.visitors)::bigint AS visitors, sum(m.orders)::bigint AS orders,
		   sum(m.buyers)::bigint AS buyers, sum(m.sales) AS sales, sum(m.sales_kept) AS sales_kept, sum(m.revenue) AS revenue,
		   sum(m.returned) AS returned, sum(m.revenue - m.returned) AS kept, sum(m.earned) AS earned,
		   round(sum(m.orders)::numeric / nullif(sum(m.clicks), 0), 6) AS orders_per_click,
		   rank() OVER (PARTITION BY m.program_id ORDER BY sum(m.revenue - m.returned) DESC) AS rank_by_kept
	  FROM (SELECT v.program_id, v.country, 0 AS creators, 0 AS active_creators, sum(v.views) AS views, sum(v.clicks) AS clicks, count(*) AS visitors,
				   0 AS orders, 0 AS buyers, 0::numeric AS sales, 0::numeric AS sales_kept, 0::numeric AS revenue, 0::numeric AS returned,
				   0::numeric AS earned
			  FROM (SELECT t.program_id, coalesce(t.country, '') AS country, count(*) FILTER (WHERE t.kind = 'view') AS views,
						   count(*) FILTER (WHERE t.kind = 'click') AS clicks
					  FROM influence.touch t
					 GROUP BY t.program_id, coalesce(t.country, ''), t.visitor_id) v
			 GROUP BY v.program_id, v.country
			UNION ALL
			SELECT b.program_id, b.country, 0, 0, 0, 0, 0, sum(b.orders), count(*), sum(b.sales), sum(b.kept), 0, 0, 0
			  FROM (SELECT o.program_id, o.country, o.person_id, count(*) AS orders, sum(o.sales) AS sales, sum(o.kept) AS kept
					  FROM (SELECT l.program_id, coalesce(l.country, '') AS country, l.person_id, l.visitor_id, l.order_ref, sum(l.revenue) AS sales,
								   sum(l.kept) AS kept
							  FROM influence.line_sale l
							 GROUP BY l.program_id, coalesce(l.country, ''), l.person_id, l.visitor_id, l.order_ref) o
					 GROUP BY o.program_id, o.country, o.person_id) b
			 GROUP BY b.program_id, b.country
			UNION ALL
			SELECT c.program_id, coalesce(o.country, ''), 0, 0, 0, 0, 0, 0, 0, 0, 0, sum(c.revenue), sum(c.returned), sum(c.earned)
			  FROM influence.creator_line c
			  JOIN influence.orders o ON o.visitor_id = c.visitor_id AND o.program_id = c.program_id AND o.order_ref = c.order_ref
			 WHERE c.creator_id <> 0
			 GROUP BY c.program_id, coalesce(o.country, '')
			UNION ALL
			SELECT s.program_id, coalesce(s.country, ''), count(*) FILTER (WHERE s.admission = 'admitted'), count(*) FILTER (WHERE s.active_days > 0), 0, 0, 0,
				   0, 0, 0, 0, 0, 0, 0
			  FROM influence.creator_scorecard s GROUP BY s.program_id, coalesce(s.country, '')) m
	  JOIN influence.program g ON g.program_id = m.program_id
	 GROUP BY m.program_id, m.country, g.currency;
	COMMENT ON VIEW influence.market_report IS 'A program''s markets, by country ('''' = not known): creators who live there (admitted by their latest application; active: ever had a touch or a sale), touches from there, orders that say so with their buyers, sales (bases of all orders) and sales_kept, and what of it creators are credited with: revenue, returned, kept, earned (commissions less clawbacks); minor units of the program''s currency.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_program_views() IS
'Makes the views creator_month, program_health and market_report; after vertical_supply.';

CREATE FUNCTION influence_internal.create_supply_view()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.vertical_supply WITH (security_invoker = true) AS
	SELECT u.program_id, u.month, u.vertical, count(DISTINCT u.creator_id) FILTER (WHERE u.posts > 0) AS posting, sum(u.posts)::bigint AS posts,
		   sum(u.photos)::bigint AS photos, sum(u.clips)::bigint AS clips, sum(u.views)::bigint AS views, sum(u.clicks)::bigint AS clicks,
		   round(sum(u.clips) * 1000::numeric / nullif(sum(u.views), 0), 6) AS clips_per_1000_views,
		   round(sum(u.clips) / nullif(sum(sum(u.clips)) OVER w, 0), 6) AS share_of_clips,
		   round(sum(u.views) / nullif(sum(sum(u.views)) OVER w, 0), 6) AS share_of_views
	  FROM (SELECT p.program_id, to_char(p.published_at AT TIME ZONE g.time_zone, 'YYYY-MM') AS month, coalesce(p.vertical, c.vertical) AS vertical,
				   p.creator_id, count(*) AS posts, count(*) FILTER (WHERE p.kind = 'photo') AS photos,
				   count(*) FILTER (WHERE p.kind <> 'photo') AS clips, 0 AS views, 0 AS clicks
			  FROM influence.post p
			  JOIN influence.creator_now c ON c.creator_id = p.creator_id
			  JOIN influence.program g ON g.program_id = p.program_id
			 GROUP BY p.program_id, to_char(p.published_at AT TIME ZONE g.time_zone, 'YYYY-MM'), coalesce(p.vertical, c.vertical), p.creator_id
			UNION ALL
			SELECT t.program_id, t.month, coalesce(p.vertical, c.vertical), t.creator_id, 0, 0, 0, sum(t.views), sum(t.clicks)
			  FROM (SELECT x.program_id, to_char(x.touched_at AT TIME ZONE g.time_zone, 'YYYY-MM') AS month, x.creator_id, x.post_id,
						   count(*) FILTER (WHERE x.kind = 'view') AS views, count(*) FILTER (WHERE x.kind = 'click') AS clicks
					  FROM influence.touch x JOIN influence.program g ON g.program_id = x.program_id
					 WHERE x.creator_id IS NOT NULL
					 GROUP BY x.program_id, to_char(x.touched_at AT TIME ZONE g.time_zone, 'YYYY-MM'), x.creator_id, x.post_id) t
			  JOIN influence.creator_now c ON c.creator_id = t.creator_id
			  LEFT JOIN influence.post p ON p.post_id = t.post_id
			 GROUP BY t.program_id, t.month, coalesce(p.vertical, c.vertical), t.creator_id) u
	 GROUP BY u.program_id, u.month, u.vertical
	WINDOW w AS (PARTITION BY u.program_id, u.month);
	COMMENT ON VIEW influence.vertical_supply IS 'What is supplied in a vertical (the post''s, else its creator''s) in a month (YYYY-MM in the program''s time zone), and what is asked for: posts by kind (clips: videos, stories, live posts) published in the month with the creators who posted, and views and clicks of creators'' content. Where share_of_views is far above share_of_clips there are too few clips.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_supply_view() IS 'Makes the view vertical_supply.';

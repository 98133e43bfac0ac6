/*
 * shopper_views.sql
 *
 * What shoppers are worth, by membership and by whether they take part, and
 * what they say of products beside what they send back.
 */
CREATE FUNCTION influence_internal.create_shopper_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.member_value WITH (security_invoker = true) AS
	WITH member AS (
		SELECT coalesce(p.person_id, m.visitor_id) AS person_id, m.plan_id, m.valid
		  FROM influence.membership m LEFT JOIN influence.visitor_person p ON p.visitor_id = m.visitor_id
	), registered AS (
		SELECT coalesce(p.person_id, s.visitor_id) AS person_id, min(s.created_at) AS since
		  FROM influence.shopper s LEFT JOIN influence.visitor_person p ON p.visitor_id = s.visitor_id
		 GROUP BY coalesce(p.person_id, s.visitor_id)
	), social AS (
		SELECT DISTINCT coalesce(p.person_id, x.visitor_id) AS person_id
		  FROM (SELECT e.visitor_id FROM influence.engagement e WHERE e.kind IN ('smile', 'comment', 'share', 'save', 'vote')
				UNION
				SELECT f.visitor_id FROM influence.follow f) x
		  LEFT JOIN influence.visitor_person p ON p.visitor_id = x.visitor_id
	), bought AS (
		SELECT l.program_id, l.person_id, l.visitor_id, l.order_ref, min(l.ordered_at) AS ordered_at, sum(l.revenue) AS revenue, sum(l.returned) AS returned
		  FROM influence.line_sale l
		 GROUP BY l.program_id, l.person_id, l.visitor_id, l.order_ref
	), began AS (
		-- who bought, or became a member, before being registered here has been known since then
		SELECT r.person_id, least(r.since, b.since, m.since) AS since
		  FROM registered r
		  LEFT JOIN (SELECT x.person_id, min(x.ordered_at) AS since FROM bought x GROUP BY x.person_id) b ON b.person_id = r.person_id
		  LEFT JOIN (SELECT x.person_id, min(lower(x.valid)) AS since FROM member x WHERE isfinite(lower(x.valid)) GROUP BY x.person_id) m
				ON m.person_id = r.person_id
	), membership AS (
		-- as far as it has passed
		SELECT b.person_id, m.plan_id, extract(epoch FROM least(upper(m.valid), now())
				- greatest(CASE WHEN isfinite(lower(m.valid)) THEN lower(m.valid) END, b.since)) AS seconds
		  FROM began b JOIN member m ON m.person_id = b.person_id
	), years AS (
		-- the time of each registered person as a member of a plan, and the rest
		SELECT x.person_id, x.plan_id, sum(x.seconds) AS seconds
		  FROM (SELECT m.person_id, m.plan_id, m.seconds FROM membership m WHERE m.seconds > 0
				UNION ALL
				SELECT b.person_id, '', extract(epoch FROM now() - b.since) FROM began b
				UNION ALL
				SELECT m.person_id, '', - m.seconds FROM membership m WHERE m.seconds > 0) x
		 GROUP BY x.person_id, x.plan_id
		HAVING sum(x.seconds) > 0
	), cell AS (
		SELECT g.program_id, c.segment, c.plan_id, c.social_active, c.shoppers, c.years
		  FROM (SELECT CASE WHEN y.plan_id = '' THEN 'registered' ELSE 'member' END AS segment, y.plan_id, s.person_id IS NOT NULL AS social_active,
					   count(*) AS shoppers, sum(y.seconds) / 31557600 AS years
				  FROM years y LEFT JOIN social s ON s.person_id = y.person_id
				 GROUP BY y.plan_id, s.person_id IS NOT NULL) c
		 CROSS JOIN influence.program g
	), spent AS (
		SELECT x.program_id, x.segment, x.plan_id, x.social_active, count(DISTINCT x.person_id) AS buyers, count(*) AS orders, sum(x.revenue) AS revenue,
			   sum(x.returned) AS returned
		  FROM (SELECT b.program_id, b.person_id, CASE WHEN min(m.plan_id) IS NOT NULL THEN 'member'
									  WHEN bool_or(r.person_id IS NOT NULL) THEN 'registered' ELSE 'guest' END AS segment,
					   coalesce(min(m.plan_id), '') AS plan_id, bool_or(s.person_id IS NOT NULL) AS social_active, min(b.revenue) AS revenue,
					   min(b.returned) AS returned
				  FROM bought b
				  LEFT JOIN registered r ON r.person_id = b.person_id
				  LEFT JOIN social s ON s.person_id = b.person_id
				  -- two at a time only where two shoppers turned out to be one person
				  LEFT JOIN member m ON m.person_id = b.person_id AND m.valid @> b.ordered_at
				 GROUP BY b.program_id, b.person_id, b.visitor_id, b.order_ref) x
		 GROUP BY x.program_id, x.segment, x.plan_id, x.social_active
	)
	SELECT program_id, segment, plan_id, social_active, g.currency, coalesce(c.shoppers, 0) AS shoppers, round(c.years, 6) AS years,
		   coalesce(s.buyers, 0) AS buyers, coalesce(s.orders, 0) AS orders, coalesce(s.revenue, 0) AS revenue, coalesce(s.returned, 0) AS returned,
		   coalesce(s.revenue - s.returned, 0) AS kept, round((s.revenue - s.returned) / nullif(s.buyers, 0), 2) AS kept_per_buyer,
		   round(coalesce(s.revenue - s.returned, 0) / nullif(c.years, 0), 2) AS kept_per_year,
		   round(coalesce(s.orders, 0) / nullif(c.years, 0), 6) AS orders_per_year
	  FROM cell c
	  FULL JOIN spent s USING (program_id, segment, plan_id, social_active)
	  JOIN influence.program g USING (program_id);
	COMMENT ON VIEW influence.member_value IS 'What shoppers spend in a program, in minor units of its currency, by segment at the time of the order: member (of a plan), registered (and no member then), guest; and by whether they take part (social_active: ever smiled, commented, shared, saved, voted or followed). Orders of all channels count. shoppers and years: registered persons who were in the segment, whatever they bought, and the time that they were in it (of 365.25 days; since they registered, first bought or became members), until now; kept_per_year and orders_per_year are by that time. Guests have no such time: kept_per_buyer.';

	CREATE VIEW influence.cohort_report WITH (security_invoker = true) AS
	SELECT r.cohort, r.member_kind, r.program_id, g.currency, m.members, m.members_now, count(*) FILTER (WHERE r.seen) AS active,
		   sum(r.views)::bigint AS views, sum(r.clicks)::bigint AS clicks, count(*) FILTER (WHERE r.orders > 0) AS with_orders,
		   sum(r.orders)::bigint AS orders, sum(r.revenue) AS revenue, sum(r.returned) AS returned, sum(r.revenue - r.returned) AS kept,
		   round(count(*) FILTER (WHERE r.seen)::numeric / nullif(m.members, 0), 6) AS active_share,
		   round(sum(r.orders)::numeric / nullif(sum(r.clicks), 0), 6) AS orders_per_click,
		   round(sum(r.returned) / nullif(sum(r.revenue), 0), 6) AS return_rate,
		   round(sum(r.revenue - r.returned) / nullif(m.members, 0), 2) AS kept_per_member
	  FROM (SELECT u.cohort, u.member_kind, u.program_id, u.member_id, bool_or(u.seen) AS seen, sum(u.views) AS views, sum(u.clicks) AS clicks,
				   sum(u.orders) AS orders, sum(u.revenue) AS revenue, sum(u.returned) AS returned
			  FROM (SELECT c.cohort, c.member_kind, c.member_id, t.program_id, true AS seen, count(*) FILTER (WHERE t.kind = 'view') AS views,
						   count(*) FILTER (WHERE t.kind = 'click') AS clicks, 0 AS orders, 0::numeric AS revenue, 0::numeric AS returned
					  FROM influence.cohort_member c
					  JOIN influence.touch t ON t.creator_id = CASE c.member_kind WHEN 'creator' THEN c.member_id::bigint END AND c.valid @> t.touched_at
					 WHERE c.member_kind = 'creator'
					 GROUP BY c.cohort, c.member_kind, c.member_id, t.program_id
					UNION ALL
					SELECT o.cohort, o.member_kind, o.member_id, o.program_id, true, 0, 0, count(*), sum(o.revenue), sum(o.returned)
					  FROM (SELECT c.cohort, c.member_kind, c.member_id, l.program_id, sum(l.revenue) AS revenue, sum(l.returned) AS returned
							  FROM influence.cohort_member c
							  JOIN influence.creator_line l ON l.creator_id = CASE c.member_kind WHEN 'creator' THEN c.member_id::bigint END AND c.valid @> l.ordered_at AND l.credits > 0
							 WHERE c.member_kind = 'creator'
							 GROUP BY c.cohort, c.member_kind, c.member_id, l.program_id, l.visitor_id, l.order_ref) o
					 GROUP BY o.cohort, o.member_kind, o.member_id, o.program_id
					UNION ALL
					SELECT c.cohort, c.member_kind, c.member_id, t.program_id, true, count(*) FILTER (WHERE t.kind = 'view'),
						   count(*) FILTER (WHERE t.kind = 'click'), 0, 0, 0
					  FROM influence.cohort_member c
					  JOIN influence.touch t ON t.visitor_id = CASE c.member_kind WHEN 'shopper' THEN c.member_id::uuid END AND c.valid @> t.touched_at
					 WHERE c.member_kind = 'shopper'
					 GROUP BY c.cohort, c.member_kind, c.member_id, t.program_id
					UNION ALL
					SELECT o.cohort, o.member_kind, o.member_id, o.program_id, true, 0, 0, count(*), sum(o.revenue), sum(o.returned)
					  FROM (SELECT c.cohort, c.member_kind, c.member_id, l.program_id, sum(l.revenue) AS revenue, sum(l.returned) AS returned
							  FROM influence.cohort_member c
							  CROSS JOIN LATERAL (SELECT CASE c.member_kind WHEN 'shopper' THEN c.member_id::uuid END AS visitor_id) i
							  LEFT JOIN influence.visitor_person p ON p.visitor_id = i.visitor_id
							  JOIN influence.line_sale l ON l.person_id = coalesce(p.person_id, i.visitor_id) AND c.valid @> l.ordered_at
							 WHERE c.member_kind = 'shopper'
							 GROUP BY c.cohort, c.member_kind, c.member_id, l.program_id, l.visitor_id, l.order_ref) o
					 GROUP BY o.cohort, o.member_kind, o.member_id, o.program_id
					UNION ALL
					-- who did nothing is a member, too
					SELECT c.cohort, c.member_kind, c.member_id, q.program_id, false, 0, 0, 0, 0, 0
					  FROM influence.cohort_member c CROSS JOIN influence.program q) u
			 GROUP BY u.cohort, u.member_kind, u.program_id, u.member_id) r
	  JOIN influence.program g ON g.program_id = r.program_id
	  JOIN (SELECT c.cohort, c.member_kind, count(DISTINCT c.member_id) AS members,
				   count(DISTINCT c.member_id) FILTER (WHERE c.valid @> now()) AS members_now
			  FROM influence.cohort_member c GROUP BY c.cohort, c.member_kind) m ON m.cohort = r.cohort AND m.member_kind = r.member_kind
	 GROUP BY r.cohort, r.member_kind, r.program_id, g.currency, m.members, m.members_now;
	COMMENT ON VIEW influence.cohort_report IS 'What the members of a cohort (a beta, a wave of a roll-out) did in a program while they were in it, in minor units of its currency: of creators the touches of their content and the sales that they are credited with; of shoppers their own touches and all that they bought. active: members with a touch or an order, with_orders: with an order; members: ever, members_now: now.';

	CREATE VIEW influence.product_praise WITH (security_invoker = true) AS
	-- each once, for the products and for all of them
	WITH v AS MATERIALIZED (
		SELECT x.product_id, x.ups, x.downs, x.weighted_ups, x.weighted_downs FROM influence.product_votes x
	), l AS MATERIALIZED (
		SELECT x.product_id, count(*) AS lines, sum(x.quantity)::bigint AS pieces,
			   count(*) FILTER (WHERE x.returned > 0 OR x.returned_pieces > 0) AS returned_lines, sum(x.returned_pieces) AS returned_pieces
		  FROM influence.line_sale x GROUP BY x.product_id
	)
	SELECT p.product_id, p.sku, p.title, p.brand, coalesce(v.ups, 0) AS ups, coalesce(v.downs, 0) AS downs, coalesce(v.weighted_ups, 0) AS weighted_ups,
		   coalesce(v.weighted_downs, 0) AS weighted_downs, coalesce(s.smiles, 0) AS smiles, coalesce(l.lines, 0) AS lines,
		   coalesce(l.pieces, 0) AS pieces, coalesce(l.returned_lines, 0) AS returned_lines, coalesce(l.returned_pieces, 0) AS returned_pieces,
		   round(l.returned_lines::numeric / nullif(l.lines, 0), 6) AS return_rate,
		   round(v.weighted_ups / nullif(v.weighted_ups + v.weighted_downs, 0), 6) AS praise,
		   round((coalesce(v.weighted_ups, 0) + 10 * a.share)
				 / (coalesce(v.weighted_ups + v.weighted_downs, 0) + coalesce(l.returned_lines, 0) + 10), 6) AS debiased_praise
	  FROM influence.product p
	  LEFT JOIN v ON v.product_id = p.product_id
	  LEFT JOIN (SELECT t.product_id, sum(CASE e.kind WHEN 'smile' THEN 1 ELSE -1 END)::bigint AS smiles
				   FROM (SELECT DISTINCT x.post_id, x.product_id FROM influence.post_tag x) t
				   JOIN influence.engagement e ON e.post_id = t.post_id AND e.kind IN ('smile', 'unsmile')
				  GROUP BY t.product_id) s ON s.product_id = p.product_id
	  LEFT JOIN l ON l.product_id = p.product_id
	 CROSS JOIN (SELECT x.ups / nullif(x.ups + x.downs + y.returned_lines, 0) AS share
				   FROM (SELECT coalesce(sum(v.weighted_ups), 0) AS ups, coalesce(sum(v.weighted_downs), 0) AS downs FROM v) x
				  CROSS JOIN (SELECT coalesce(sum(l.returned_lines), 0) AS returned_lines FROM l) y) a
	 WHERE coalesce(v.ups, l.lines, s.smiles) IS NOT NULL;
	COMMENT ON VIEW influence.product_praise IS 'What shoppers say of a product beside what they do: votes as cast (ups, downs) and by weight (see product_votes; praise is their share), smiles on posts that tag it, order lines and pieces sold in all programs, and what of them came back (return_rate, of lines). Who is disappointed rarely posts; so debiased_praise counts each returned line as a vote against, and draws products of which little is known toward the share of all products, as if 10 voices had said it: (ups + 10 m) / (ups + downs + returned_lines + 10), by weight, m the same share over all products.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_shopper_views() IS
'Makes the views member_value, cohort_report and product_praise.';

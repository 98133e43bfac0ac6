/*
 * views_agreements.sql
 *
 * The views of step 12, in plain SQL: what was agreed beside what was done.
 * A post counts unless the latest row of its moderation history removed it.
 */
CREATE FUNCTION influence_internal.install_agreement_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.exclusivity_breach WITH (security_invoker = true) AS
	SELECT e.creator_id, e.exclusivity_ref, e.brand, e.category_id, lower(e.valid) AS valid_from, upper(e.valid) AS valid_to,
		   p.program_id, p.post_id, p.published_at, t.tag_id, t.product_id, d.brand AS shown_brand
	  FROM influence.exclusivity e
	  JOIN influence.post p ON p.creator_id = e.creator_id AND p.published_at >= lower(e.valid)
						   AND p.published_at < coalesce(upper(e.valid), 'infinity')
	  JOIN influence.post_tag t ON t.creator_id = p.creator_id AND t.post_id = p.post_id
	  JOIN influence.product d ON d.product_id = t.product_id
	 WHERE (e.category_id = 0 OR e.category_id = ANY ((SELECT h.path FROM influence.product_category h
													 WHERE h.product_id = t.product_id AND h.valid_from <= p.published_at
													 ORDER BY h.valid_from DESC LIMIT 1)::bigint[]))
	   -- as name_key()
	   AND nullif(lower(btrim(regexp_replace(CASE WHEN getdatabaseencoding() = 'UTF8' THEN normalize(d.brand, NFKC) ELSE d.brand END,
											 '[[:space:]]+', ' ', 'g'))), '') IS DISTINCT FROM e.brand_key
	   AND coalesce((SELECT s.status FROM influence.post_status s
					  WHERE s.creator_id = p.creator_id AND s.post_id = p.post_id ORDER BY s.since DESC LIMIT 1), '') <> 'removed';
	COMMENT ON VIEW influence.exclusivity_breach IS 'Product tags of posts published while the creator was exclusive to another brand in the product''s category: posts that were there before the exclusivity was recorded, or came by COPY; publish_post refuses later ones.';

	CREATE VIEW influence.quota_status WITH (security_invoker = true) AS
	SELECT m.program_id, m.creator_id, to_char(m.month, 'YYYY-MM') AS period, q.min_posts, q.max_posts, n.posts,
		   greatest(q.min_posts - n.posts, 0) AS missing, greatest(n.posts - q.max_posts, 0) AS over,
		   m.month + interval '1 month' <= now() AT TIME ZONE m.time_zone AS ended
	  FROM (SELECT a.program_id, a.creator_id, g.time_zone, x.month
			  FROM (SELECT a.program_id, a.creator_id, min(a.decided_at) AS admitted_at
					  FROM influence.admission_history a WHERE a.decision = 'admitted' AND isfinite(a.decided_at)
					 GROUP BY a.program_id, a.creator_id) a
			  JOIN influence.program g ON g.program_id = a.program_id
			 CROSS JOIN LATERAL generate_series(date_trunc('month', a.admitted_at AT TIME ZONE g.time_zone), now() AT TIME ZONE g.time_zone,
												interval '1 month') x(month)) m
	 CROSS JOIN LATERAL (
		SELECT q.min_posts, q.max_posts
		  FROM influence.post_quota q
		 WHERE q.program_id = m.program_id AND q.creator_id IN (0, m.creator_id) AND NOT isempty(q.valid)
		   AND lower(q.valid) < least((m.month + interval '1 month') AT TIME ZONE m.time_zone, now())
		   AND coalesce(upper(q.valid), 'infinity') > m.month AT TIME ZONE m.time_zone
		 -- the last one in force in the month (up to now), the creator's own before the program's
		 ORDER BY least(coalesce(upper(q.valid), 'infinity'), (m.month + interval '1 month') AT TIME ZONE m.time_zone, now()) DESC,
				  q.creator_id DESC, lower(q.valid) DESC LIMIT 1) q
	 CROSS JOIN LATERAL (
		SELECT count(*) AS posts
		  FROM influence.post p
		 WHERE p.creator_id = m.creator_id AND p.program_id = m.program_id AND p.published_at <= now()
		   -- a day more on either side for the index, then by the local month
		   AND p.published_at >= (m.month - interval '1 day') AT TIME ZONE m.time_zone
		   AND p.published_at < (m.month + interval '1 month 1 day') AT TIME ZONE m.time_zone
		   AND date_trunc('month', p.published_at AT TIME ZONE m.time_zone) = m.month
		   AND coalesce((SELECT s.status FROM influence.post_status s
						  WHERE s.creator_id = p.creator_id AND s.post_id = p.post_id ORDER BY s.since DESC LIMIT 1), '') <> 'removed') n
	 WHERE (q.min_posts IS NOT NULL OR q.max_posts IS NOT NULL)
	   -- who has left owes nothing
	   AND (SELECT h.decision FROM influence.admission_history h
			 WHERE h.creator_id = m.creator_id AND h.program_id = m.program_id
			   AND h.decided_at < least((m.month + interval '1 month') AT TIME ZONE m.time_zone, now())
			 ORDER BY h.decided_at DESC, h.recorded_at DESC LIMIT 1) = 'admitted';
	COMMENT ON VIEW influence.quota_status IS 'A row per creator and month with a quota (program''s time zone), up to the present one, for who was admitted at the end of the month (or is now): the bounds by the last quota in force in the month, the posts published in it up to now, how many are missing and how many are over; ended: the month is complete.';

	CREATE VIEW influence.sample_status WITH (security_invoker = true) AS
	SELECT s.creator_id, s.program_id, s.sample_ref, s.product_id, s.quantity, s.value, s.currency, s.sent_at, s.posts_due, s.due_at,
		   n.posts, n.late_posts, s.returned_at, n.posts >= s.posts_due AS fulfilled,
		   s.returned_at IS NULL AND coalesce(s.due_at <= now(), false) AND n.posts < s.posts_due AS overdue,
		   CASE WHEN s.returned_at IS NOT NULL THEN 'returned' WHEN n.posts >= s.posts_due THEN 'fulfilled'
				WHEN s.due_at <= now() THEN 'overdue' ELSE 'open' END AS state
	  FROM influence.sample s
	 CROSS JOIN LATERAL (
		SELECT count(*) FILTER (WHERE s.due_at IS NULL OR p.published_at < s.due_at) AS posts,
			   count(*) FILTER (WHERE p.published_at >= s.due_at) AS late_posts
		  FROM influence.post p
		 WHERE p.creator_id = s.creator_id AND p.program_id = s.program_id AND p.published_at >= s.sent_at AND p.published_at <= now()
		   AND EXISTS (SELECT FROM influence.post_tag t
						WHERE t.creator_id = p.creator_id AND t.post_id = p.post_id AND t.product_id = s.product_id)
		   AND coalesce((SELECT x.status FROM influence.post_status x
						  WHERE x.creator_id = p.creator_id AND x.post_id = p.post_id ORDER BY x.since DESC LIMIT 1), '') <> 'removed') n;
	COMMENT ON VIEW influence.sample_status IS 'A row per parcel: value in minor units, the posts of the program that tag the product published from sent_at until due_at (late_posts: after it), whether those owed are there, whether they are overdue, and the state: returned, fulfilled, overdue, open. A post counts for each parcel with its product.';

	CREATE VIEW influence.offer_report WITH (security_invoker = true) AS
	SELECT o.program_id, o.creator_id, o.offer_ref, o.seller, o.product_id, o.rate, o.flat_amount, g.currency,
		   CASE WHEN o.state = 'open' AND least(o.expires_at, upper(o.valid)) <= now() THEN 'expired' ELSE o.state END AS state,
		   o.offered_at, o.expires_at, o.decided_at, o.decided_by, lower(r.stated) AS valid_from, c.valid_to, o.rate_id,
		   e.orders, e.base, e.commission
	  FROM influence.offer o
	  JOIN influence.program g ON g.program_id = o.program_id
	  LEFT JOIN influence.commission_rate r ON r.program_id = o.program_id AND r.rate_id = o.rate_id
	 CROSS JOIN LATERAL (
		-- the row itself, and what goes on of it after a promotion
		SELECT array_agg(c.rate_id) AS rate_ids,
			   nullif(max(coalesce(upper(c.valid), 'infinity')) FILTER (WHERE NOT isempty(c.valid)), 'infinity') AS valid_to
		  FROM influence.commission_rate c
		 WHERE c.program_id = o.program_id AND c.creator_id = o.creator_id AND c.product_id = o.product_id
		   AND (c.rate_id = r.rate_id
				OR (c.stated IS NULL AND c.resumed_from = lower(r.stated)
					AND (c.rate, c.flat_amount) IS NOT DISTINCT FROM (r.rate, r.flat_amount)))) c
	 CROSS JOIN LATERAL (
		SELECT count(*) FILTER (WHERE x.base > 0 OR x.commission > 0) AS orders, coalesce(sum(x.base), 0)::bigint AS base,
			   coalesce(sum(x.commission), 0)::bigint AS commission
		  FROM (SELECT sum(e.base) AS base, sum(e.amount) AS commission
				  FROM influence.earning e
				 WHERE e.creator_id = o.creator_id AND e.program_id = o.program_id AND e.rate_id = ANY (c.rate_ids)
				   AND e.kind IN ('commission', 'clawback')
				 GROUP BY e.visitor_id, e.order_ref) x) e;
	COMMENT ON VIEW influence.offer_report IS 'A row per offer: its terms, its state (an open one that nobody took in time is expired), from when until when its rate holds on the card, and what was sold by it, in minor units of the program''s currency: orders of which something is left, the credited base less what came back, the commission less clawbacks.';

	CREATE VIEW influence.creator_standing WITH (security_invoker = true) AS
	SELECT c.creator_id, c.name, coalesce(s.status, 'active') AS status, s.since, s.reason, s.actor, k.points, k.strikes, k.next_expiry
	  FROM influence.creator c
	  LEFT JOIN LATERAL (SELECT x.status, x.since, x.reason, x.actor FROM influence.creator_status x
						  WHERE x.creator_id = c.creator_id AND x.since <= now() ORDER BY x.since DESC LIMIT 1) s ON true
	 CROSS JOIN LATERAL (SELECT coalesce(sum(x.points), 0)::bigint AS points, count(*) AS strikes,
								min(x.expires_at) FILTER (WHERE isfinite(x.expires_at)) AS next_expiry
						   FROM influence.strike x
						  WHERE x.creator_id = c.creator_id AND x.occurred_at <= now() AND x.expires_at > now()
							AND (x.lifted_at IS NULL OR x.lifted_at > now())) k;
	COMMENT ON VIEW influence.creator_standing IS 'A row per creator: status now, since when, why and by whom (record_strike and lift_strike: by strikes), the strikes in force with their points, and when the next of them expires. A suspension stays when its strikes have expired, until somebody ends it.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_agreement_views() IS 'The views of step 12 of install().';

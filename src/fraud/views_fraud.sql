/*
 * views_fraud.sql
 *
 * The signals, each a view with its evidence. A signal is a fact that calls for
 * a look, not a verdict: the comment of each view says its formula, the
 * thresholds in the settings that it reads, what else may explain it, and what
 * it cannot see. A threshold that is missing from the settings finds nothing.
 * All look back as many days as the setting fraud_days says; months and days are
 * those of the program's time zone.
 */
CREATE FUNCTION influence_internal.install_fraud_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.fraud_self_purchases WITH (security_invoker = true) AS
	WITH RECURSIVE own (creator_id, visitor_id, evidence) AS (
		SELECT c.creator_id, c.visitor_id, 'own_identity' FROM influence.creator c WHERE c.visitor_id IS NOT NULL
		UNION
		SELECT a.creator_id, c.visitor_id, 'agency_identity'
		  FROM influence.creator c CROSS JOIN LATERAL unnest(c.agency_of) a(creator_id)
		 WHERE c.kind = 'agency' AND c.visitor_id IS NOT NULL
		UNION
		SELECT o.creator_id, l.visitor_id, o.evidence
		  FROM own o
		 CROSS JOIN LATERAL (SELECT a.shopper_id FROM influence.visitor_alias a WHERE a.visitor_id = o.visitor_id
							 UNION ALL SELECT a.visitor_id FROM influence.visitor_alias a WHERE a.shopper_id = o.visitor_id) l(visitor_id)
	), since (moment) AS (
		SELECT now() - make_interval(days => (SELECT (s.value #>> '{}')::int FROM influence.setting s WHERE s.name = 'fraud_days' ORDER BY s.version DESC LIMIT 1))
	), seen AS (
		SELECT DISTINCT o.creator_id, t.program_id, t.session_id
		  FROM own o JOIN influence.touch t ON t.visitor_id = o.visitor_id
		 WHERE o.evidence = 'own_identity' AND t.session_id IS NOT NULL AND t.touched_at >= (SELECT n.moment FROM since n)
	), shared AS (
		-- a name that many have is no session of one device
		SELECT d.program_id, d.session_id, d.visitors
		  FROM (SELECT t.program_id, t.session_id, array_agg(DISTINCT t.visitor_id) AS visitors
				  FROM influence.touch t
				 WHERE (t.program_id, t.session_id) IN (SELECT s.program_id, s.session_id FROM seen s) AND t.touched_at >= (SELECT n.moment FROM since n)
				 GROUP BY t.program_id, t.session_id) d
		 WHERE cardinality(d.visitors) BETWEEN 2 AND (SELECT (s.value ->> 'session_visitors')::int FROM influence.setting s WHERE s.name = 'fraud_thresholds' ORDER BY s.version DESC LIMIT 1)
	), sold AS MATERIALIZED (
		SELECT c.creator_id, c.program_id, c.visitor_id, c.order_ref, min(c.ordered_at) AS ordered_at, sum(c.credit) AS credit
		  FROM influence.credit c
		 WHERE c.creator_id IN (SELECT o.creator_id FROM own o)
		   AND c.visitor_id IN (SELECT o.visitor_id FROM own o UNION SELECT unnest(d.visitors) FROM shared d) AND c.superseded_by IS NULL AND c.credit > 0
		   AND c.ordered_at >= (SELECT n.moment FROM since n)
		 GROUP BY c.creator_id, c.program_id, c.visitor_id, c.order_ref
	), found AS (
		SELECT s.creator_id, s.program_id, s.visitor_id, s.order_ref, s.ordered_at, s.credit, o.evidence,
			   CASE o.evidence WHEN 'own_identity' THEN 1.0 ELSE 0.7 END AS score, NULL::text AS session_id
		  FROM sold s
		  JOIN own o ON o.creator_id = s.creator_id AND o.visitor_id = s.visitor_id
		UNION ALL
		SELECT s.creator_id, s.program_id, s.visitor_id, s.order_ref, s.ordered_at, s.credit, 'same_session', 0.5, min(b.session_id)
		  FROM shared d
		 CROSS JOIN LATERAL unnest(d.visitors) v(visitor_id)
		  JOIN seen b ON b.program_id = d.program_id AND b.session_id = d.session_id
		  JOIN sold s ON s.creator_id = b.creator_id AND s.program_id = d.program_id AND s.visitor_id = v.visitor_id
		 WHERE NOT EXISTS (SELECT FROM own x WHERE x.creator_id = s.creator_id AND x.visitor_id = s.visitor_id)
		 GROUP BY s.creator_id, s.program_id, s.visitor_id, s.order_ref, s.ordered_at, s.credit
	)
	SELECT f.creator_id, f.program_id, to_char(f.ordered_at AT TIME ZONE g.time_zone, 'YYYY-MM') AS period, f.evidence, f.visitor_id, f.order_ref,
		   f.ordered_at, f.credit::bigint AS credit, a.earned, f.session_id,
		   CASE WHEN a.earned > 0 THEN f.score ELSE least(f.score, 0.5) END::float8 AS score
	  FROM found f
	  JOIN influence.program g ON g.program_id = f.program_id
	 CROSS JOIN LATERAL (SELECT coalesce(sum(e.amount), 0)::bigint AS earned FROM influence.earning e
						  WHERE e.visitor_id = f.visitor_id AND e.program_id = f.program_id AND e.order_ref = f.order_ref
							AND e.creator_id = f.creator_id) a;
	COMMENT ON VIEW influence.fraud_self_purchases IS 'Orders credited to a creator that the creator itself seems to have placed. A row per order and evidence: own_identity (score 1: the buyer is the creator''s visitor_id, or an alias of it), agency_identity (0.7: that of an agency that acts for it), same_session (0.5: the buyer was seen in a session of that program in which the creator''s own visitor was, too; a session_id of more than session_visitors visitors is none); at most 0.5, so no hold by itself, where nothing is left of what was earned. credit (base) and earned (commission less clawbacks) in minor units. Attribution never credits purchases it knows to be one''s own: what is here became known later, came by COPY, or is another identity. Buying one''s own recommendation without being credited is no row. Settings: fraud_days, fraud_thresholds (session_visitors), fraud_case_scores, fraud_hold_scores. Other explanations: a family that shares a computer, a service whose session_id is not unique among visitors (a start time, a count). It cannot see: a creator without visitor_id, or who buys as a guest nobody identifies, from another device.';

	CREATE VIEW influence.fraud_related_accounts WITH (security_invoker = true) AS
	WITH RECURSIVE own (creator_id, visitor_id) AS (
		SELECT c.creator_id, c.visitor_id FROM influence.creator c WHERE c.visitor_id IS NOT NULL
		UNION
		SELECT o.creator_id, l.visitor_id
		  FROM own o
		 CROSS JOIN LATERAL (SELECT a.shopper_id FROM influence.visitor_alias a WHERE a.visitor_id = o.visitor_id
							 UNION ALL SELECT a.visitor_id FROM influence.visitor_alias a WHERE a.shopper_id = o.visitor_id) l(visitor_id)
	), since (moment) AS (
		SELECT now() - make_interval(days => (SELECT (s.value #>> '{}')::int FROM influence.setting s WHERE s.name = 'fraud_days' ORDER BY s.version DESC LIMIT 1))
	), destination AS (
		SELECT DISTINCT ON (d.party_id) d.party_id, d.hash, d.label
		  FROM influence.payout_destination d WHERE d.valid_from <= now() ORDER BY d.party_id, d.valid_from DESC
	), bought AS (
		-- what a creator bought that another one was credited for
		SELECT o.creator_id AS buyer, c.creator_id AS seller, count(DISTINCT (c.visitor_id, c.program_id, c.order_ref)) AS orders
		  FROM own o
		  JOIN influence.credit c ON c.visitor_id = o.visitor_id AND c.creator_id <> o.creator_id AND c.superseded_by IS NULL AND c.credit > 0
			   AND c.ordered_at >= (SELECT n.moment FROM since n)
		 GROUP BY o.creator_id, c.creator_id
	), seen AS (
		SELECT DISTINCT o.creator_id, o.visitor_id, t.program_id, t.session_id
		  FROM own o JOIN influence.touch t ON t.visitor_id = o.visitor_id
		 WHERE t.session_id IS NOT NULL AND t.touched_at >= (SELECT n.moment FROM since n)
	), shared AS (
		-- a name that many have is no session of one device
		SELECT t.program_id, t.session_id
		  FROM influence.touch t
		 WHERE (t.program_id, t.session_id) IN (SELECT s.program_id, s.session_id FROM seen s GROUP BY s.program_id, s.session_id HAVING count(DISTINCT s.visitor_id) > 1)
		   AND t.touched_at >= (SELECT n.moment FROM since n)
		 GROUP BY t.program_id, t.session_id
		HAVING count(DISTINCT t.visitor_id) <= (SELECT (s.value ->> 'session_visitors')::int FROM influence.setting s WHERE s.name = 'fraud_thresholds' ORDER BY s.version DESC LIMIT 1)
	), pair AS (
		SELECT a.party_id AS creator_id, b.party_id AS related_creator_id, 'payout_account' AS evidence, 0.7 AS score,
			   jsonb_build_object('label', a.label) AS detail
		  FROM destination a JOIN destination b ON b.hash = a.hash AND b.party_id <> a.party_id
		UNION ALL
		SELECT a.creator_id, b.creator_id, 'shopping_identity', 0.5, jsonb_build_object('visitor_id', min(a.visitor_id::text))
		  FROM own a JOIN own b ON b.visitor_id = a.visitor_id AND b.creator_id <> a.creator_id
		 GROUP BY a.creator_id, b.creator_id
		UNION ALL
		SELECT a.creator_id, b.creator_id, 'same_session', 0.5, jsonb_build_object('session_id', min(a.session_id))
		  FROM shared d
		  JOIN seen a ON a.program_id = d.program_id AND a.session_id = d.session_id
		  JOIN seen b ON b.program_id = d.program_id AND b.session_id = d.session_id AND b.creator_id <> a.creator_id
		 -- who is one person already is in one session, too: no second sign
		 WHERE NOT EXISTS (SELECT FROM own x JOIN own y ON y.visitor_id = x.visitor_id WHERE x.creator_id = a.creator_id AND y.creator_id = b.creator_id)
		 GROUP BY a.creator_id, b.creator_id
		UNION ALL
		SELECT a.buyer, a.seller, 'reciprocal', 0.6, jsonb_build_object('bought', a.orders, 'sold', b.orders)
		  FROM bought a
		  JOIN bought b ON b.buyer = a.seller AND b.seller = a.buyer
		 WHERE least(a.orders, b.orders) >= (SELECT (s.value ->> 'reciprocal_orders')::int FROM influence.setting s WHERE s.name = 'fraud_thresholds' ORDER BY s.version DESC LIMIT 1)
	)
	SELECT p.creator_id, p.related_creator_id, p.evidence, p.detail, p.score::float8 AS score
	  FROM pair p
	  JOIN influence.creator x ON x.creator_id = p.creator_id
	  JOIN influence.creator y ON y.creator_id = p.related_creator_id
	 WHERE NOT (x.kind = 'agency' AND x.agency_of @> ARRAY[y.creator_id]) AND NOT (y.kind = 'agency' AND y.agency_of @> ARRAY[x.creator_id])
	   AND NOT EXISTS (SELECT FROM influence.creator g
						WHERE g.kind = 'agency' AND g.agency_of @> ARRAY[x.creator_id, y.creator_id]);
	COMMENT ON VIEW influence.fraud_related_accounts IS 'Creators who seem to be one, or to work for each other, a row for each side and evidence: payout_account (score 0.7: the same account, by its salted hash, in force now), shopping_identity (0.5: the same visitor, with aliases), same_session (0.5: their own visitors, of whom none is both''s, were seen in one session of a program; a session_id of more than session_visitors visitors is none), reciprocal (0.6: each was credited for at least reciprocal_orders orders that the other one placed). An agency and those it acts for, and creators of one agency, are no rows. Settings: fraud_days (sessions and orders), fraud_thresholds (reciprocal_orders, session_visitors), fraud_case_scores, fraud_hold_scores; a strange account is held by set_payout_destination already. Other explanations: couples, flatmates, a brand and its founder. It cannot see: accounts that are written differently, rings of three or more, creators without visitor_id.';

	CREATE VIEW influence.click_counts WITH (security_invoker = true) AS
	WITH since (moment) AS (
		SELECT now() - make_interval(days => (SELECT (s.value #>> '{}')::int FROM influence.setting s WHERE s.name = 'fraud_days' ORDER BY s.version DESC LIMIT 1))
	), click AS (
		SELECT t.creator_id, t.program_id, t.visitor_id, t.touched_at,
			   t.touched_at - lag(t.touched_at) OVER (PARTITION BY t.visitor_id, t.program_id, t.creator_id, t.link, t.post_id, t.list_id ORDER BY t.touched_at) AS pause
		  FROM influence.touch t
		 WHERE t.kind = 'click' AND t.creator_id IS NOT NULL AND t.touched_at >= (SELECT n.moment FROM since n)
	), visitor_day AS (
		SELECT c.creator_id, c.program_id, (c.touched_at AT TIME ZONE g.time_zone)::date AS day, c.visitor_id, count(*) AS clicks,
			   min(c.touched_at) AS first_click_at, count(*) FILTER (WHERE c.pause IS NULL
				   OR c.pause >= (SELECT (s.value #>> '{}')::interval FROM influence.setting s WHERE s.name = 'click_dedup' ORDER BY s.version DESC LIMIT 1)) AS counted
		  FROM click c JOIN influence.program g ON g.program_id = c.program_id
		 GROUP BY c.creator_id, c.program_id, (c.touched_at AT TIME ZONE g.time_zone)::date, c.visitor_id
	)
	SELECT d.creator_id, d.program_id, d.day, min(d.first_click_at) AS first_click_at, count(*) AS visitors, sum(d.clicks)::bigint AS clicks, sum(d.counted)::bigint AS counted,
		   max(d.clicks) AS busiest_visitor_clicks, (array_agg(d.visitor_id ORDER BY d.clicks DESC, d.visitor_id))[1] AS busiest_visitor
	  FROM visitor_day d
	 GROUP BY d.creator_id, d.program_id, d.day;
	COMMENT ON VIEW influence.click_counts IS 'Clicks by creator, program and day (of the program''s time zone): clicks as they came, and counted: without those that follow a click of the same visitor on the same link (or post, or list) by less than the setting click_dedup, so that a visitor who clicks without pause counts once. Setting: fraud_days.';

	CREATE VIEW influence.fraud_click_floods WITH (security_invoker = true) AS
	SELECT c.creator_id, c.program_id, c.day, c.first_click_at, c.visitors, c.clicks, c.counted, c.clicks - c.counted AS repeated,
		   c.busiest_visitor, c.busiest_visitor_clicks, (0.5 * (c.clicks - c.counted) / c.clicks)::float8 AS score
	  FROM influence.click_counts c
	 CROSS JOIN (SELECT s.value FROM influence.setting s WHERE s.name = 'fraud_thresholds' ORDER BY s.version DESC LIMIT 1) t
	 WHERE c.clicks - c.counted >= (t.value ->> 'flood_clicks')::bigint
	   AND c.clicks - c.counted >= (t.value ->> 'flood_share')::numeric * c.clicks;
	COMMENT ON VIEW influence.fraud_click_floods IS 'Days on which most clicks on a creator''s links were repeated ones: at least flood_clicks repeated, and flood_share of all (repeated = clicks - counted of click_counts). score = half the repeated share: from 0.4 to 0.5, so no hold by itself. Settings: click_dedup, fraud_days, fraud_thresholds (flood_clicks, flood_share), fraud_case_scores. Other explanations: an app that sends each tap twice, and an enemy: whoever has the link can flood it, so it says that clicks are not worth their number, not who made them. It cannot see: floods under a new visitor each time.';

	CREATE VIEW influence.fraud_brushing WITH (security_invoker = true) AS
	WITH threshold (value) AS (
		SELECT s.value FROM influence.setting s WHERE s.name = 'fraud_thresholds' ORDER BY s.version DESC LIMIT 1
	), since (moment) AS (
		SELECT now() - make_interval(days => (SELECT (s.value #>> '{}')::int FROM influence.setting s WHERE s.name = 'fraud_days' ORDER BY s.version DESC LIMIT 1))
	), busy AS MATERIALIZED (
		-- marks, and what is usual, are looked for only where there are many orders by few
		SELECT s.creator_id, s.program_id, s.month
		  FROM (SELECT DISTINCT c.creator_id, c.program_id, date_trunc('month', c.ordered_at AT TIME ZONE g.time_zone) AS month, c.visitor_id, c.order_ref
				  FROM influence.credit c
				  JOIN influence.program g ON g.program_id = c.program_id
				 WHERE c.creator_id IS NOT NULL AND c.superseded_by IS NULL AND c.credit > 0 AND c.ordered_at >= (SELECT n.moment FROM since n)) s
		 GROUP BY s.creator_id, s.program_id, s.month
		HAVING count(*) >= (SELECT (t.value ->> 'brushing_orders')::bigint FROM threshold t)
		   AND count(*)::float8 / count(DISTINCT s.visitor_id) >= (SELECT (t.value ->> 'brushing_orders_per_buyer')::float8 FROM threshold t)
	), placed AS MATERIALIZED (
		SELECT o.visitor_id, o.program_id, o.order_ref, o.ordered_at, o.currency, date_trunc('month', o.ordered_at AT TIME ZONE g.time_zone) AS month,
			   sum(l.base_amount) AS base
		  FROM influence.orders o
		  JOIN influence.program g ON g.program_id = o.program_id
		  JOIN influence.order_line l ON l.visitor_id = o.visitor_id AND l.program_id = o.program_id AND l.order_ref = o.order_ref
		 WHERE o.ordered_at >= (SELECT n.moment FROM since n) AND (SELECT count(*) FROM busy) > 0
		 GROUP BY o.visitor_id, o.program_id, o.order_ref, o.ordered_at, o.currency, g.time_zone
	), usual AS MATERIALIZED (
		SELECT p.program_id, p.month, p.currency, percentile_cont(0.5) WITHIN GROUP (ORDER BY p.base::float8) AS median_base
		  FROM placed p GROUP BY p.program_id, p.month, p.currency
	), dense AS MATERIALIZED (
		SELECT DISTINCT c.creator_id, c.visitor_id, c.program_id, c.order_ref
		  FROM influence.credit c
		  JOIN influence.program g ON g.program_id = c.program_id
		 WHERE (c.creator_id, c.program_id, date_trunc('month', c.ordered_at AT TIME ZONE g.time_zone)) IN (SELECT y.creator_id, y.program_id, y.month FROM busy y)
		   AND c.superseded_by IS NULL AND c.credit > 0 AND c.ordered_at >= (SELECT n.moment FROM since n)
	), sold AS MATERIALIZED (
		SELECT d.creator_id, p.visitor_id, p.program_id, p.order_ref, p.ordered_at, p.currency, p.month, p.base,
			   (SELECT coalesce(sum(CASE r.kind WHEN 'chargeback_reversed' THEN -r.amount WHEN 'goodwill' THEN 0 ELSE r.amount END), 0) FROM influence.order_return r
				 WHERE r.visitor_id = p.visitor_id AND r.program_id = p.program_id AND r.order_ref = p.order_ref AND r.state = 'applied') AS returned
		  FROM dense d
		  JOIN placed p ON p.visitor_id = d.visitor_id AND p.program_id = d.program_id AND p.order_ref = d.order_ref
	), buyer AS (
		-- amounts in median orders of their currency, so that currencies add up
		SELECT s.creator_id, s.program_id, s.month, s.visitor_id, count(*) AS orders, min(s.ordered_at) AS first_order_at,
			   sum(s.base::float8 / nullif(u.median_base, 0)) AS base, sum(least(s.returned, s.base)::float8 / nullif(u.median_base, 0)) AS returned,
			   count(*) FILTER (WHERE s.base < (t.value ->> 'brushing_cheap')::numeric * u.median_base) AS cheap,
			   bool_or(EXISTS (SELECT FROM influence.shopper x
								WHERE x.visitor_id = s.visitor_id AND x.created_at BETWEEN s.ordered_at - interval '1 day' AND s.ordered_at)) AS young,
			   bool_or(EXISTS (SELECT FROM influence.engagement e
								WHERE e.visitor_id = s.visitor_id AND e.kind IN ('vote', 'comment', 'smile')
								  AND e.occurred_at BETWEEN s.ordered_at AND s.ordered_at + interval '7 days'
								  AND (e.creator_id = s.creator_id
									   OR e.product_id IN (SELECT l.product_id FROM influence.order_line l
															WHERE l.visitor_id = s.visitor_id AND l.program_id = s.program_id AND l.order_ref = s.order_ref)))) AS praises
		  FROM sold s
		  JOIN usual u ON u.program_id = s.program_id AND u.month = s.month AND u.currency = s.currency
		 CROSS JOIN threshold t
		 GROUP BY s.creator_id, s.program_id, s.month, s.visitor_id
	), total AS (
		SELECT b.creator_id, b.program_id, to_char(b.month, 'YYYY-MM') AS period, min(b.first_order_at) AS first_order_at, sum(b.orders)::bigint AS orders, count(*) AS buyers,
			   sum(b.orders)::float8 / count(*) AS orders_per_buyer, sum(b.cheap)::float8 / sum(b.orders)::float8 AS cheap_share,
			   count(*) FILTER (WHERE b.young)::float8 / count(*) AS young_share,
			   coalesce(sum(b.returned) / nullif(sum(b.base), 0), 0) AS returned_share,
			   count(*) FILTER (WHERE b.praises)::float8 / count(*) AS praising_share
		  FROM buyer b
		 GROUP BY b.creator_id, b.program_id, b.month
	)
	SELECT x.creator_id, x.program_id, x.period, x.first_order_at, x.orders, x.buyers, x.orders_per_buyer, x.cheap_share, x.young_share, x.returned_share, x.praising_share, m.marks,
		   (0.2 + 0.2 * m.marks)::float8 AS score
	  FROM total x
	 CROSS JOIN threshold t
	 CROSS JOIN LATERAL (SELECT (x.cheap_share >= (t.value ->> 'brushing_share')::float8)::int + (x.young_share >= (t.value ->> 'brushing_share')::float8)::int
								+ (x.returned_share >= (t.value ->> 'brushing_share')::float8)::int + (x.praising_share >= (t.value ->> 'brushing_share')::float8)::int AS marks) m
	 WHERE m.marks >= 2;
	COMMENT ON VIEW influence.fraud_brushing IS 'Months in which the orders credited to a creator look as if they were placed to be counted: at least brushing_orders, by few (orders per buyer at least brushing_orders_per_buyer), and two or more of four marks: at least the share brushing_share of the orders is cheap (below brushing_cheap times the median order of the program in that month in its currency), of the buyers is young (a shopper registered within a day before an order), of the base was returned or charged back, of the buyers smiles, votes or comments within 7 days after. score = 0.2 + 0.2 x marks. Settings: fraud_days, fraud_thresholds, fraud_case_scores, fraud_hold_scores. Other explanations: a small shop with subscribers, a give-away, a product that many send back. It cannot see: brushing with many accounts or over several months, and guests (they have no age).';

	CREATE VIEW influence.fraud_impossible_engagement WITH (security_invoker = true) AS
	WITH threshold (value) AS (
		SELECT s.value FROM influence.setting s WHERE s.name = 'fraud_thresholds' ORDER BY s.version DESC LIMIT 1
	), since (moment) AS (
		SELECT now() - make_interval(days => (SELECT (s.value #>> '{}')::int FROM influence.setting s WHERE s.name = 'fraud_days' ORDER BY s.version DESC LIMIT 1))
	), measured AS (
		SELECT m.creator_id, m.channel_id, m.measured_at, NULL::text AS post_ref, m.views, m.likes, m.reach FROM influence.channel_metric m
		 WHERE m.measured_at >= (SELECT n.moment FROM since n)
		UNION ALL
		SELECT p.creator_id, p.channel_id, p.measured_at, p.post_ref, p.views, p.likes, p.reach FROM influence.channel_post p
		 WHERE p.measured_at >= (SELECT n.moment FROM since n)
	), step AS (
		SELECT m.creator_id, m.channel_id, m.measured_at, m.followers,
			   lag(m.followers) OVER w AS followers_before, m.measured_at - lag(m.measured_at) OVER w AS elapsed
		  FROM influence.channel_metric m
		 WHERE m.followers IS NOT NULL AND m.measured_at >= (SELECT n.moment FROM since n)
		WINDOW w AS (PARTITION BY m.creator_id, m.channel_id ORDER BY m.measured_at)
	), found AS (
		SELECT m.creator_id, m.channel_id, m.measured_at, m.post_ref, 'likes_above_views' AS evidence, m.likes AS value, m.views AS bound, 0.5 AS score
		  FROM measured m
		  JOIN influence.channel c ON c.creator_id = m.creator_id AND c.channel_id = m.channel_id
		  JOIN influence.platform p ON p.platform = c.platform AND p.engagement_basis = 'views'
		 WHERE m.views > 0 AND m.likes > m.views
		UNION ALL
		SELECT m.creator_id, m.channel_id, m.measured_at, m.post_ref, 'likes_above_reach', m.likes, m.reach, 0.5
		  FROM measured m WHERE m.reach > 0 AND m.likes > m.reach
		UNION ALL
		SELECT s.creator_id, s.channel_id, s.measured_at, NULL, 'followers_jump', s.followers, s.followers_before, 0.4
		  FROM step s CROSS JOIN threshold t
		 WHERE s.elapsed <= make_interval(days => (t.value ->> 'jump_days')::int)
		   AND s.followers - s.followers_before >= (t.value ->> 'jump_followers')::bigint
		   AND s.followers >= (t.value ->> 'jump_factor')::numeric * s.followers_before
		UNION ALL
		SELECT s.creator_id, s.channel_id, s.measured_at, NULL, 'followers_drop', s.followers, s.followers_before, 0.4
		  FROM step s CROSS JOIN threshold t
		 WHERE s.elapsed <= make_interval(days => (t.value ->> 'jump_days')::int)
		   AND s.followers_before - s.followers >= (t.value ->> 'jump_followers')::bigint
		   AND s.followers_before - s.followers >= (t.value ->> 'drop_share')::numeric * s.followers_before
	)
	SELECT f.creator_id, f.channel_id, c.platform, f.measured_at, f.post_ref, f.evidence, f.value, f.bound, f.score::float8 AS score
	  FROM found f
	  JOIN influence.channel c ON c.creator_id = f.creator_id AND c.channel_id = f.channel_id;
	COMMENT ON VIEW influence.fraud_impossible_engagement IS 'Measurements of channels and posts that cannot be, or seldom are: likes_above_views (score 0.5: more likes than views, on platforms whose rate is by views, where a like takes a view and an account likes once), likes_above_reach (0.5: more likes than accounts reached; 0 views or reach are taken as not stated), followers_jump (0.4: at least jump_factor times and jump_followers more than at most jump_days before), followers_drop (0.4: at least jump_followers and drop_share fewer, as after a purge of false accounts); value against bound. Engagement above 1 by followers is no sign of anything. Settings: fraud_days, fraud_thresholds, fraud_case_scores; no hold by itself, since nothing is paid for likes. Other explanations: numbers that were mixed up or measured at different times, a video that went viral. It cannot see: bought likes that stay below the views.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_fraud_views() IS 'The views of step 16 of install().';

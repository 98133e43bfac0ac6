/*
 * sale_views.sql
 *
 * What the other views are made of: who is whom, what happened to a creator's
 * share of an order line, and what became of it; and order_credits, which says
 * of each touch what it got and why.
 *
 * Sales are the credits in force, also of orders that are not earned yet (the
 * payout policy waits for shipping). What came back is what earnings say; where
 * nothing is earned yet, it is what they will say: of a line's base N and a
 * creator's credit C the k-th return takes round(C R_k / N) - round(C R_(k-1) / N).
 */
CREATE FUNCTION influence_internal.create_sale_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- as a column of the table of aliases: joins to it are by its key, whatever the planner expects of the chains
	CREATE VIEW influence.visitor_person WITH (security_invoker = true) AS
	SELECT a.visitor_id,
		   (WITH RECURSIVE chain AS (
				SELECT a.shopper_id AS person_id, 1 AS depth
				UNION ALL
				-- a shopper may be another's visitor in turn
				SELECT b.shopper_id, c.depth + 1 FROM chain c JOIN influence.visitor_alias b ON b.visitor_id = c.person_id WHERE c.depth < 100)
			SELECT c.person_id FROM chain c ORDER BY c.depth DESC LIMIT 1) AS person_id
	  FROM influence.visitor_alias a;
	COMMENT ON VIEW influence.visitor_person IS 'The person that a visitor turned out to be: the end of its chain of aliases. Visitors without an alias are persons themselves and have no row: coalesce(person_id, visitor_id) after a LEFT JOIN.';

	CREATE VIEW influence.unearned_return WITH (security_invoker = true) AS
	SELECT r.program_id, r.visitor_id, r.order_ref, r.line_no, c.creator_id, c.ordered_at, r.returned_at,
		   (CASE y.rounding WHEN 'down' THEN div(p.now, p.whole) - div(p.before, p.whole)
							ELSE div(2 * p.now + p.whole, 2 * p.whole) - div(2 * p.before + p.whole, 2 * p.whole)
								 - CASE WHEN y.rounding = 'half_even'
										THEN (mod(2 * p.now + p.whole, 2 * p.whole) = 0 AND mod(div(2 * p.now + p.whole, 2 * p.whole), 2) = 1)::int
											 - (mod(2 * p.before + p.whole, 2 * p.whole) = 0 AND mod(div(2 * p.before + p.whole, 2 * p.whole), 2) = 1)::int
										ELSE 0 END
			END)::bigint AS base
	  FROM (SELECT x.program_id, x.visitor_id, x.order_ref, x.line_no, x.returned_at,
				   CASE x.kind WHEN 'chargeback_reversed' THEN -x.amount ELSE x.amount END AS part,
				   sum(CASE x.kind WHEN 'chargeback_reversed' THEN -x.amount ELSE x.amount END)
					OVER (PARTITION BY x.visitor_id, x.program_id, x.order_ref, x.line_no ORDER BY x.seq) AS back
			  FROM influence.order_return x
			 WHERE x.state = 'applied' AND x.kind <> 'goodwill'
			   AND NOT EXISTS (SELECT FROM influence.earning e
								WHERE e.visitor_id = x.visitor_id AND e.program_id = x.program_id AND e.order_ref = x.order_ref AND e.line_no = x.line_no
								  AND e.kind = 'commission')) r
	 -- returns of such lines are few: each is looked up
	 CROSS JOIN LATERAL (SELECT k.creator_id, min(k.ordered_at) AS ordered_at, sum(k.credit) AS credit
						   FROM influence.credit k
						  WHERE k.visitor_id = r.visitor_id AND k.program_id = r.program_id AND k.order_ref = r.order_ref AND k.line_no = r.line_no
							AND k.superseded_by IS NULL AND k.creator_id IS NOT NULL
						  GROUP BY k.creator_id) c
	 CROSS JOIN LATERAL (SELECT x.base_amount FROM influence.order_line x
						  WHERE x.visitor_id = r.visitor_id AND x.program_id = r.program_id AND x.order_ref = r.order_ref AND x.line_no = r.line_no
							AND x.base_amount > 0 OFFSET 0) l
	 CROSS JOIN LATERAL (SELECT x.rounding FROM influence.payout_policy x
						  WHERE x.program_id = r.program_id AND x.valid @> c.ordered_at OFFSET 0) y
	 CROSS JOIN LATERAL (SELECT c.credit * least(greatest(r.back - r.part, 0), l.base_amount) AS before,
								c.credit * least(greatest(r.back, 0), l.base_amount) AS now, l.base_amount::numeric AS whole) p;
	COMMENT ON VIEW influence.unearned_return IS 'What came back of order lines whose commissions are not earned yet (the payout policy waits for shipped or delivered), by credited creator: base in minor units of the program''s currency, below 0 where a chargeback was reversed. What is earned has its clawbacks in table earning.';

	CREATE VIEW influence.sale_event WITH (security_invoker = true) AS
	SELECT c.program_id, c.visitor_id, c.order_ref, c.line_no, c.creator_id, 'sale' AS kind, c.ordered_at, c.ordered_at AS occurred_at,
		   c.credit AS base, 0::bigint AS amount
	  FROM influence.credit c
	 WHERE c.superseded_by IS NULL AND c.creator_id IS NOT NULL
	UNION ALL
	SELECT e.program_id, e.visitor_id, e.order_ref, e.line_no, e.creator_id, CASE e.kind WHEN 'clawback' THEN 'return' ELSE e.kind END, e.ordered_at,
		   e.occurred_at, CASE WHEN e.kind = 'clawback' AND e.creator_id <> 0 THEN e.base ELSE 0 END, e.amount
	  FROM influence.earning e
	UNION ALL
	SELECT r.program_id, r.visitor_id, r.order_ref, r.line_no, r.creator_id, 'return', r.ordered_at, r.returned_at, -r.base, 0
	  FROM influence.unearned_return r;
	COMMENT ON VIEW influence.sale_event IS 'What happened to a creator''s share of an order line, in minor units of the program''s currency: sale (base: the credit in force), commission (amount), return (base and amount below 0, above where a chargeback was reversed), write_off (amount: what a return took that came too late to cost the creator). ordered_at is when the order was placed, occurred_at when this happened. Earnings that a later attribution corrected have further rows: sum. creator_id 0 is the platform''s own cut, which has no base.';

	CREATE VIEW influence.creator_line WITH (security_invoker = true) AS
	SELECT s.program_id, s.visitor_id, s.order_ref, s.line_no, s.creator_id, min(s.ordered_at) AS ordered_at,
		   count(*) FILTER (WHERE s.kind = 'sale') AS credits,
		   coalesce(sum(s.base) FILTER (WHERE s.kind = 'sale'), 0) AS revenue,
		   coalesce(-sum(s.base) FILTER (WHERE s.kind = 'return'), 0) AS returned,
		   coalesce(sum(s.base), 0) AS kept,
		   coalesce(sum(s.amount) FILTER (WHERE s.kind = 'commission'), 0) AS commission,
		   coalesce(-sum(s.amount) FILTER (WHERE s.kind = 'return'), 0) AS clawed_back,
		   coalesce(sum(s.amount) FILTER (WHERE s.kind = 'write_off'), 0) AS written_off,
		   coalesce(sum(s.amount), 0) AS earned
	  FROM influence.sale_event s
	 GROUP BY s.program_id, s.visitor_id, s.order_ref, s.line_no, s.creator_id;
	COMMENT ON VIEW influence.creator_line IS 'A creator''s share of an order line, as it stands now, in minor units of the program''s currency: credits (how many touches of the creator are credited), revenue (what they are credited with), returned, kept = revenue - returned, commission, clawed_back, written_off, earned = commission - clawed_back + written_off. Creators whose credit a later attribution took away have a row of zeros. creator_id 0 is the platform''s own cut.';

	CREATE VIEW influence.line_sale WITH (security_invoker = true) AS
	SELECT l.program_id, l.visitor_id, coalesce(p.person_id, l.visitor_id) AS person_id, l.order_ref, l.line_no, o.ordered_at,
		   (o.ordered_at AT TIME ZONE g.time_zone)::date AS day, o.country, l.product_id,
		   l.category_path[cardinality(l.category_path)] AS category_id, l.quantity, l.new_customer, l.base_amount AS revenue,
		   least(greatest(coalesce(r.back, 0), 0), l.base_amount) AS returned,
		   l.base_amount - least(greatest(coalesce(r.back, 0), 0), l.base_amount) AS kept,
		   least(greatest(coalesce(r.pieces, 0), 0), l.quantity) AS returned_pieces
	  FROM influence.order_line l
	  JOIN influence.orders o ON o.visitor_id = l.visitor_id AND o.program_id = l.program_id AND o.order_ref = l.order_ref
	  JOIN influence.program g ON g.program_id = l.program_id
	  LEFT JOIN influence.visitor_person p ON p.visitor_id = l.visitor_id
	  LEFT JOIN (SELECT x.program_id, x.visitor_id, x.order_ref, x.line_no,
						sum(CASE x.kind WHEN 'chargeback_reversed' THEN -x.amount ELSE x.amount END) AS back,
						sum(CASE x.kind WHEN 'chargeback_reversed' THEN -x.quantity ELSE x.quantity END) AS pieces
				   FROM influence.order_return x
				  WHERE x.state = 'applied' AND x.kind <> 'goodwill'
				  GROUP BY x.program_id, x.visitor_id, x.order_ref, x.line_no) r
			ON r.visitor_id = l.visitor_id AND r.program_id = l.program_id AND r.order_ref = l.order_ref AND r.line_no = l.line_no;
	COMMENT ON VIEW influence.line_sale IS 'An order line as it stands now, whoever is credited: who bought (person_id: the end of the visitor''s aliases), day in the program''s time zone, product, its deepest category when ordered, pieces, and in minor units of the program''s currency revenue (its base), returned and kept (goodwill is no return, a reversed chargeback none any more).';

	CREATE VIEW influence.order_credits WITH (security_invoker = true) AS
	SELECT x.program_id, x.order_ref, x.line_no, x.visitor_id, x.ordered_at, (x.ordered_at AT TIME ZONE g.time_zone)::date AS day, x.country,
		   x.product_id, x.category_id, g.currency, x.creator_id, x.reason, x.touch_ref, x.touch_visitor_id, x.touched_at, x.touch_kind, x.channel,
		   x.post_id, x.campaign_id, x.touch_position, x.path_length, x.weight, x.policy_version, x.credit, x.returned, x.credit - x.returned AS kept,
		   x.rate_id, x.rate, x.flat_amount, x.hold_reason, x.commission, x.clawed_back, x.written_off,
		   x.commission - x.clawed_back + x.written_off AS earned
	  FROM (SELECT c.program_id, c.visitor_id, c.order_ref, c.line_no, c.ordered_at, c.country, c.product_id, c.category_id, c.creator_id, c.reason,
				   c.touch_ref, c.touch_visitor_id, c.touched_at, c.touch_kind, c.channel, c.post_id, c.campaign_id, c.touch_position,
				   c.path_length, c.weight, c.policy_version, c.credit, c.rate_id, c.rate, c.flat_amount, c.hold_reason,
				   -- of several touches of a creator each has its part of what the creator has: cumulated, rounded, differences
				   CASE WHEN c.part = c.whole THEN coalesce(c.line_returned, 0)
						ELSE coalesce(round(c.line_returned * c.up_to / c.whole) - round(c.line_returned * (c.up_to - c.part) / c.whole), 0) END AS returned,
				   CASE WHEN c.part = c.whole THEN coalesce(c.line_commission, 0)
						ELSE coalesce(round(c.line_commission * c.up_to / c.whole) - round(c.line_commission * (c.up_to - c.part) / c.whole), 0) END AS commission,
				   CASE WHEN c.part = c.whole THEN coalesce(c.line_clawed_back, 0)
						ELSE coalesce(round(c.line_clawed_back * c.up_to / c.whole) - round(c.line_clawed_back * (c.up_to - c.part) / c.whole), 0) END AS clawed_back,
				   CASE WHEN c.part = c.whole THEN coalesce(c.line_written_off, 0)
						ELSE coalesce(round(c.line_written_off * c.up_to / c.whole) - round(c.line_written_off * (c.up_to - c.part) / c.whole), 0) END AS written_off
			  FROM (SELECT k.*, CASE WHEN k.line_credit > 0 THEN k.credit ELSE 1 END AS part,
						   CASE WHEN k.line_credit > 0 THEN sum(k.credit) OVER r ELSE count(k.touch_ref) OVER r END AS up_to,
						   CASE WHEN k.line_credit > 0 THEN k.line_credit ELSE k.touches END AS whole
					  FROM (-- credits and all that is booked for their creators in one pass
							SELECT u.*, sum(u.credit) OVER w AS line_credit, count(u.touch_ref) OVER w AS touches,
								   -sum(u.back) OVER w AS line_returned, sum(u.amount) FILTER (WHERE u.kind = 'commission') OVER w AS line_commission,
								   -sum(u.amount) FILTER (WHERE u.kind = 'clawback') OVER w AS line_clawed_back,
								   sum(u.amount) FILTER (WHERE u.kind = 'write_off') OVER w AS line_written_off, min(u.booked_rate_id) OVER w AS rate_id,
								   min(u.booked_rate) OVER w AS rate, min(u.booked_flat_amount) OVER w AS flat_amount,
								   min(u.booked_hold_reason) OVER w AS hold_reason
							  FROM (SELECT 'credit' AS kind, true AS is_credit, c.program_id, c.visitor_id, c.order_ref, c.line_no, c.ordered_at, o.country, l.product_id,
										   l.category_path[cardinality(l.category_path)] AS category_id, c.creator_id, c.reason, c.touch_ref,
										   c.touch_visitor_id, c.touched_at, c.snapshot ->> 'kind' AS touch_kind, c.snapshot ->> 'channel' AS channel,
										   (c.snapshot ->> 'post_id')::bigint AS post_id, (c.snapshot ->> 'campaign_id')::bigint AS campaign_id,
										   c.touch_position, c.path_length, c.weight, c.policy_version, c.credit, NULL::bigint AS back,
										   NULL::bigint AS amount, NULL::bigint AS booked_rate_id, NULL::numeric AS booked_rate,
										   NULL::bigint AS booked_flat_amount, NULL::text AS booked_hold_reason
									  FROM influence.credit c
									  JOIN influence.order_line l ON l.visitor_id = c.visitor_id AND l.program_id = c.program_id
											AND l.order_ref = c.order_ref AND l.line_no = c.line_no
									  JOIN influence.orders o ON o.visitor_id = l.visitor_id AND o.program_id = l.program_id AND o.order_ref = l.order_ref
									 WHERE c.superseded_by IS NULL
									UNION ALL
									SELECT e.kind, false, e.program_id, e.visitor_id, e.order_ref, e.line_no, NULL, NULL, NULL, NULL, e.creator_id, NULL, NULL, NULL,
										   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, CASE e.kind WHEN 'clawback' THEN e.base END, e.amount,
										   e.rate_id, e.rate, e.flat_amount, e.hold_reason
									  FROM influence.earning e WHERE e.creator_id <> 0
									UNION ALL
									SELECT 'return', false, r.program_id, r.visitor_id, r.order_ref, r.line_no, NULL, NULL, NULL, NULL, r.creator_id, NULL, NULL, NULL,
										   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, -r.base, NULL, NULL, NULL, NULL, NULL
									  FROM influence.unearned_return r) u
							WINDOW w AS (PARTITION BY u.visitor_id, u.program_id, u.order_ref, u.line_no, u.creator_id)) k
					WINDOW r AS (PARTITION BY k.visitor_id, k.program_id, k.order_ref, k.line_no, k.creator_id
								 ORDER BY k.touched_at, k.touch_ref COLLATE "C", k.touch_visitor_id ROWS UNBOUNDED PRECEDING)) c
			 -- a boolean: planned as half of the rows, not as next to none
			 WHERE c.is_credit
			UNION ALL
			-- the platform's cut, and what is booked for who is not credited, if it does not come to nothing
			SELECT m.program_id, m.visitor_id, m.order_ref, m.line_no, m.ordered_at, o.country, l.product_id,
				   l.category_path[cardinality(l.category_path)], m.creator_id, CASE m.creator_id WHEN 0 THEN 'platform' ELSE 'superseded' END, NULL, NULL,
				   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, m.returned, m.commission, m.clawed_back, m.written_off
			  FROM influence.creator_line m
			  JOIN influence.orders o ON o.visitor_id = m.visitor_id AND o.program_id = m.program_id AND o.order_ref = m.order_ref
			  JOIN influence.order_line l ON l.visitor_id = m.visitor_id AND l.program_id = m.program_id AND l.order_ref = m.order_ref AND l.line_no = m.line_no
			 WHERE m.credits = 0 AND (m.creator_id = 0 OR m.returned <> 0 OR m.commission <> 0 OR m.clawed_back <> 0 OR m.written_off <> 0)) x
	  -- looked up: how many programs the rows above are of is not known to the planner, and a join would seem to lose nearly all
	 CROSS JOIN LATERAL (SELECT q.currency, q.time_zone FROM influence.program q WHERE q.program_id = x.program_id OFFSET 0) g;
	COMMENT ON VIEW influence.order_credits IS 'Who got what of an order line, and why: a row per credited touch (creator_id NULL: unattributed, reason says why), with its credit, what of it came back, and its part of what the creator earns by the line, in minor units of the program''s currency (currency). A creator''s earnings by a line are split over its touches by their credit (equally, where there is none), so that they sum to the cent. touch_kind, channel, post_id and campaign_id are those frozen with the credit; join table touch on (touch_visitor_id, touched_at, touch_ref) for the rest. reason platform: the program''s own cut (creator_id 0); superseded: what is booked for a creator who is not credited any more, if it does not net to 0. hold_reason: why a commission is 0.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_sale_views() IS
'Makes the views visitor_person, unearned_return, sale_event, creator_line, line_sale and order_credits.';

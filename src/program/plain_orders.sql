/*
 * plain_orders.sql
 *
 * The short way of most orders. An order that nothing has happened to yet, in a
 * program whose settings ask nothing unusual, needs no look at what was booked
 * before and no explanation of its touches: one statement says that it is one,
 * and one books it, with the results of credit_lines() and book_order(). All
 * others, and all that comes later, go through these.
 */
CREATE FUNCTION influence_internal.order_facts(program_id bigint, visitor_id uuid, order_ref text, at timestamptz,
	OUT ordered_at timestamptz, OUT currency text, OUT time_zone text, OUT scope bigint[], OUT has_alias boolean, OUT is_creator boolean, OUT is_known boolean,
	OUT is_plain boolean, OUT commission_policy_version int, OUT base_less text[], OUT payout_policy_version int, OUT rounding text,
	OUT available_at timestamptz, OUT has_tiers boolean, OUT attribution_policy_version int, OUT model text, OUT lookback interval,
	OUT view_lookback interval, OUT cart_lookback interval, OUT half_life interval, OUT position_weights numeric[], OUT reuse text,
	OUT session_lifetime interval, OUT match text, OUT max_touch_delay interval, OUT view_min_ms int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT $4, g.currency::text, g.time_zone, s.scope,
		   EXISTS (SELECT FROM influence.visitor_alias a WHERE a.visitor_id = $2)
		   OR EXISTS (SELECT FROM influence.visitor_alias a WHERE a.shopper_id = $2),
		   EXISTS (SELECT FROM influence.creator c WHERE c.visitor_id = $2),
		   EXISTS (SELECT FROM influence.orders o WHERE o.program_id = ANY (s.scope) AND o.order_ref = $3),
		   g.paying AND c.platform_rate = 0 AND y.earns_at = 'placed' AND y.rounding_scope = 'line' AND a.reuse = 'reuse'
		   AND NOT EXISTS (SELECT FROM influence.commission_rate r
							WHERE r.program_id = $1
							  AND (r.directness <> '' OR r.boost <> '' OR r.flat_amount IS NOT NULL OR r.protect_days > 0)),
		   c.version, c.base_less, y.version, y.rounding,
		   coalesce(influence_internal.hold_end(CASE y.hold_from WHEN 'placed' THEN $4 END, y.hold, y.hold_after_month_end, g.time_zone), 'infinity'),
		   EXISTS (SELECT FROM influence.tier_table t WHERE t.program_id = $1),
		   a.version, a.model, a.lookback, a.view_lookback, a.cart_lookback, a.half_life, a.position_weights, a.reuse, a.session_lifetime,
		   a.match, a.max_touch_delay, a.view_min_ms
	  INTO ordered_at, currency, time_zone, scope, has_alias, is_creator, is_known, is_plain, commission_policy_version, base_less,
		   payout_policy_version, rounding, available_at, has_tiers, attribution_policy_version, model, lookback, view_lookback, cart_lookback,
		   half_life, position_weights, reuse, session_lifetime, match, max_touch_delay, view_min_ms
	  FROM influence.program g
	 -- as scope_programs()
	 CROSS JOIN LATERAL (SELECT CASE WHEN g.dedup_group IS NULL THEN ARRAY[$1]
									 ELSE ARRAY(SELECT p.program_id FROM influence.program p WHERE p.dedup_group = g.dedup_group ORDER BY 1) END
								AS scope OFFSET 0) s
	  JOIN influence.commission_policy c ON c.program_id = g.program_id AND c.valid @> $4
	  JOIN influence.payout_policy y ON y.program_id = g.program_id AND y.valid @> $4
	  JOIN influence.attribution_policy a ON a.program_id = g.program_id AND a.valid @> $4
	 WHERE g.program_id = $1;
	IF NOT FOUND THEN
		PERFORM influence_internal.program_facts($1);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.order_facts(bigint, uuid, text, timestamptz) IS
'What record_order() asks of a new order, in one statement: its program, the programs of its scope, the policies in force at its moment, and what most orders have not: an alias of the visitor, a creator who is the visitor, an order of that name in the scope (is_known), tier tables. is_plain: book_plain_order() may book it, unless it has a coupon or something happened to it already: touches are not consumed, commissions are earned at once, each line is rounded for itself, there is no cut of the platform, and the rate card has only percentages that ask nothing of the touches and protect nobody. available_at: when commissions earned then are available (infinity: not known yet). IN003.';

CREATE FUNCTION influence_internal.book_plain_order(program_id bigint, visitor_id uuid, order_ref text, people uuid[],
	country text, f record, l record, OUT commission bigint, OUT creators int, OUT is_booked boolean, OUT is_whole boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	excluded bigint[] := '{}';
BEGIN
	IF f.has_alias OR f.is_creator THEN
		excluded := influence_internal.buyer_creators(people);
	END IF;
	-- as in credit_lines()
	LOCK TABLE ONLY influence.touch IN ACCESS SHARE MODE;
	WITH credits AS (
		INSERT INTO influence.credit (visitor_id, program_id, order_ref, line_no, touch_ref, touch_visitor_id, creator_id, weight, credit,
									  reason, policy_version, touched_at, touch_position, path_length, snapshot, ordered_at, revision)
		SELECT $2, $1, $3, c.line_no, c.touch_ref, coalesce(c.touch_visitor_id, $2), c.creator_id, c.weight, c.credit, c.reason,
			   f.attribution_policy_version, c.touched_at, c.touch_position, c.path_length, c.snapshot, f.ordered_at, 0
		  FROM influence_internal.credit_touches(people, f.scope, f.ordered_at, l.ids, l.amounts, l.products, l.categories, excluded,
				array_fill(NULL::timestamptz, ARRAY[cardinality(l.ids)]), f.max_touch_delay, f.view_min_ms, f.model, f.lookback, f.view_lookback,
				f.cart_lookback, f.half_life, f.position_weights, f.reuse, f.session_lifetime, f.match, f.time_zone, NULL, NULL, NULL, NULL) c
		 -- as in order_facts(): the card may be another one by now, and this statement sees all of it or nothing
		 WHERE NOT EXISTS (SELECT FROM influence.commission_rate r
							WHERE r.program_id = $1
							  AND (r.directness <> '' OR r.boost <> '' OR r.flat_amount IS NOT NULL OR r.protect_days > 0))
		   -- asked when the order has its transaction id: what is committed later by COPY is found by queue_reattribution()
		   AND NOT EXISTS (SELECT FROM influence.order_event e WHERE e.program_id = $1 AND e.order_ref = $3)
		   AND NOT EXISTS (SELECT FROM influence.order_event e WHERE e.program_id = $1 AND e.replacement_ref = $3)
		   AND NOT EXISTS (SELECT FROM influence.order_return r WHERE r.program_id = $1 AND r.order_ref = $3)
		RETURNING line_no, creator_id, credit, reason
	), shares AS MATERIALIZED (
		SELECT c.line_no, c.creator_id, sum(c.credit)::bigint AS base
		  FROM credits c
		 WHERE c.creator_id IS NOT NULL
		 GROUP BY c.line_no, c.creator_id
	), lines AS MATERIALIZED (
		SELECT x.line_no, x.product_id, x.category_path,
			   CASE WHEN x.renewal_no > 0 OR NOT x.new_customer THEN 'returning' WHEN x.new_customer THEN 'new' END AS customer_kind
		  FROM influence.order_line x
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3
	), card AS MATERIALIZED (
		-- what may fit some line and creator, read once
		SELECT r.rate_id, r.version, r.rate, r.creator_id, r.product_id, r.category_id, r.country, r.customer_kind, r.priority
		  FROM (SELECT x.* FROM influence.commission_rate x
				 WHERE x.program_id = $1 AND x.creator_id = ANY (ARRAY(SELECT s.creator_id FROM shares s) || 0::bigint)
				-- by these keys, never by the moment: most of the card is valid
				OFFSET 0) r
		 WHERE (r.product_id = 0 OR r.product_id = ANY (l.products)) AND r.valid @> f.ordered_at AND r.country IN ('', $5)
	), chosen AS (
		SELECT s.line_no, s.creator_id, s.base, x.customer_kind, r.rate_id, r.version, r.rate,
			   coalesce(b.bar, CASE WHEN r.rate_id IS NULL THEN 'no_rate' END) AS hold_reason,
			   CASE WHEN f.has_tiers AND r.creator_id = 0 AND r.product_id = 0
					THEN (SELECT t.tier_id FROM influence.tier_table t
						   WHERE t.program_id = $1 AND t.valid @> f.ordered_at AND (t.category_id = 0 OR t.category_id = ANY (x.category_path))
						   ORDER BY coalesce(array_position(x.category_path, t.category_id), 0) DESC LIMIT 1) END AS tier_id
		  FROM shares s
		  JOIN lines x ON x.line_no = s.line_no
		 -- as earning_bar()
		 CROSS JOIN LATERAL (
			   SELECT CASE WHEN (SELECT h.decision FROM influence.admission_history h
								  WHERE h.creator_id = s.creator_id AND h.program_id = $1 AND h.decided_at <= f.ordered_at
								  ORDER BY h.decided_at DESC, h.recorded_at DESC LIMIT 1) IS DISTINCT FROM 'admitted' THEN 'not_admitted'
						   ELSE 'creator_' || nullif((SELECT c.status FROM influence.creator_status c
													   WHERE c.creator_id = s.creator_id AND c.since <= f.ordered_at
													   ORDER BY c.since DESC LIMIT 1), 'active') END AS bar OFFSET 0) b
		 -- as rate_candidates()
		  LEFT JOIN LATERAL (
			   SELECT k.rate_id, k.version, k.rate, k.creator_id, k.product_id
				 FROM card k
				WHERE b.bar IS NULL AND k.creator_id IN (0, s.creator_id) AND k.product_id IN (0, x.product_id)
				  AND (k.category_id = 0 OR k.category_id = ANY (x.category_path)) AND k.customer_kind IN ('', x.customer_kind)
				ORDER BY k.creator_id <> 0 DESC, k.product_id <> 0 DESC, coalesce(array_position(x.category_path, k.category_id), 0) DESC,
						 k.country <> '' DESC, k.customer_kind <> '' DESC, k.priority DESC, k.rate_id
				LIMIT 1) r ON true
	), earnings AS (
		INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id, rate_version, rate,
									   rounding, amount, currency, customer_kind, tier_id, ordered_at, occurred_at, available_at,
									   payout_policy_version, hold_reason, revision)
		SELECT $2, $1, $3, c.line_no, c.creator_id, 'commission', 0, c.base, c.rate_id, c.version, c.rate, f.rounding,
			   CASE WHEN c.hold_reason IS NULL THEN influence.commission_minor(c.base, c.rate, f.rounding) ELSE 0 END, f.currency, c.customer_kind,
			   c.tier_id, f.ordered_at, f.ordered_at, f.available_at, f.payout_policy_version, c.hold_reason, 0
		  FROM chosen c
		RETURNING line_no, creator_id, amount, hold_reason, entry_id
	), entries AS (
		INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency,
									  occurred_at, available_at, source, visitor_id, order_ref, line_no)
		SELECT e.creator_id, $1, influence_internal.earning_entry_key(e.entry_id, $3, e.line_no, 'commission', 0, 0), 'commission', a.cost, a.owed, e.amount,
			   f.currency, f.ordered_at, f.available_at, 'line', $2, $3, e.line_no
		  FROM earnings e
		 CROSS JOIN LATERAL influence_internal.earning_accounts(e.creator_id, 'commission') a
		 WHERE e.amount <> 0
		ON CONFLICT DO NOTHING
	)
	SELECT sum(e.amount), count(DISTINCT e.creator_id), EXISTS (SELECT FROM credits),
		   NOT EXISTS (SELECT FROM credits c WHERE c.creator_id IS NULL OR c.reason <> 'credited')
		   AND NOT EXISTS (SELECT FROM earnings h WHERE h.hold_reason IS NOT NULL) INTO commission, creators, is_booked, is_whole
	  FROM earnings e;
END
$$;
COMMENT ON FUNCTION influence_internal.book_plain_order(bigint, uuid, text, uuid[], text, record, record) IS
'Credits a plain order that was just stored, and books its commissions and their entries in the ledger: what credit_lines() and book_order() would do, whose rules it repeats for the plain case. people: person_visitors(); f: the order_facts(); l: what store_order() answered. -> whether it did so (is_booked; nothing is written when something happened to the order already, or the rate card asks more than it did for order_facts()), whether all of it is credited to creators and earned (is_whole), and then the commission and how many creators have it.';

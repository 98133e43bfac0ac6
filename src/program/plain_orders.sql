/*
 * plain_orders.sql
 *
 * The short way of most orders. An order that nothing has happened to yet, in a
 * program whose settings ask nothing unusual, needs no look at what was booked
 * before and no explanation of its touches: one statement says that it is one,
 * and a function in C reads what it needs and books it by one more, with the
 * results of credit_lines() and book_order(). All others, and all that comes
 * later, go through these.
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
		   g.paying AND c.platform_rate = 0 AND y.earns_at = 'placed' AND y.rounding_scope = 'line' AND a.reuse = 'reuse',
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
'What record_order() asks of a new order, in one statement: its program, the programs of its scope, the policies in force at its moment, and what most orders have not: an alias of the visitor, a creator who is the visitor, an order of that name in the scope (is_known), tier tables. is_plain: book_plain_order() may book it, unless it has a coupon, something happened to it already or the rate card has more than plain percentages: touches are not consumed, commissions are earned at once, each line is rounded for itself, and there is no cut of the platform. available_at: when commissions earned then are available (infinity: not known yet). IN003.';

CREATE FUNCTION influence_internal.book_plain_order(program_id bigint, visitor_id uuid, order_ref text, lines jsonb, details jsonb,
	content_hash bytea, people uuid[], excluded_creator_ids bigint[], facts record,
	OUT line_count int, OUT amount bigint, OUT commission bigint, OUT creators int, OUT is_booked boolean, OUT is_whole boolean)
AS 'MODULE_PATHNAME', 'program_book_plain_order'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION influence_internal.book_plain_order(bigint, uuid, text, jsonb, jsonb, bytea, uuid[], bigint[], record) IS
'Stores a plain order in the currency of its program with its lines, credits it, and books its commissions and their entries in the ledger: what store_order(), credit_lines() and book_order() would do, whose rules it repeats for the plain case. lines: as has_plain_lines() likes them; people: person_visitors(); facts: the order_facts(). -> whether it did so (is_booked; nothing is written when something happened to the order already, the rate card asks more of it, or its lines need a closer look), whether all of it is credited to creators and earned (is_whole), and then how many lines it has, the sum of their bases, the commission and how many creators have it.';

--
-- Attribution kernels: who earned a conversion, on rows of anybody's tables.
--

CREATE FUNCTION influence.attribute(
	touches text,
	conversions text,
	model text DEFAULT 'last_touch',
	lookback interval DEFAULT '30 days',
	view_lookback interval DEFAULT '0',
	cart_lookback interval DEFAULT '90 days',
	half_life interval DEFAULT '7 days',
	position_weights numeric[] DEFAULT '{0.4,0.2,0.4}',
	reuse text DEFAULT 'reuse',
	session_lifetime interval DEFAULT '24 hours',
	match text DEFAULT 'any',
	time_zone text DEFAULT 'UTC')
RETURNS TABLE (
	conversion_id bigint,
	touch_id bigint,
	creator_id bigint,
	touch_position int,
	path_length int,
	weight float8,
	credit bigint,
	reason text)
AS 'MODULE_PATHNAME', 'attribution_attribute'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 10000;

COMMENT ON FUNCTION influence.attribute(text, text, text, interval, interval, interval, interval, numeric[], text, interval, text, text) IS
'Credits conversions to the touches that led to them; reads only the two queries, which run as the caller.
touches: a SELECT with the columns visitor (bigint, uuid or text), touched_at timestamptz, touch_id bigint, creator_id bigint (NULL: direct, search, another network) and, if wanted, kind (view, click, cart or coupon; absent or NULL: click), product_id bigint, category_id bigint, channel text, weight (bigint or numeric).
conversions: a SELECT with the columns visitor, converted_at timestamptz, conversion_id bigint and, if wanted, amount bigint (minor units), order_id (bigint, uuid or text), product_id bigint, category_id bigint, excluded_creator_ids bigint[]. Columns are found by name; others are ignored. A conversion is an order line: lines of a visitor with one order_id are one order, which happens at the earliest of their times; a NULL is an order of its own.
A touch is eligible when converted_at - lookback < touched_at <= converted_at, with the lookback of its kind (view_lookback 0: views never earn); months and days count on the calendar of time_zone. Views count only where no click, cart or coupon is eligible; a cart touch only for its own product. A path is ordered by touched_at, then view, click, cart, coupon, then touch_id.
model: first_touch, last_touch, last_non_direct (passes over channel direct, unless there is nothing else), linear, position_based (position_weights: first, middle together, last; of two touches the first and last weight), j_shaped (0.2, 0.2, 0.6), inverse_j (0.6, 0.2, 0.2), time_decay (2^31 * 2^(-(newest - touched_at) / half_life), rounded half-even), custom (column weight, at most nine decimals), shapley (equal shares of the distinct creators, each at its last touch), participation (the full amount to each distinct creator: not additive).
reuse: reuse (touches serve every later order), consume (an order ends the path), session (and a click or coupon earns only within session_lifetime and until another creator''s). Under consume and session a cart is used up only by an order of its product.
match: any, product, category: what a touch must share with the order line; a coupon without product (category) is for the whole order.
One row per credited touch: touch_position counts from 1 among the path_length eligible touches, weight is a share of 1, credit is in minor units (NULL without an amount). Credits are split by largest remainder, ties to the earlier touch, and add up to the amount (participation apart). A conversion nobody earns gives one row without a touch, with the full amount and a reason: no_touch, outside_window, consumed (but for earlier orders, a touch would be eligible), no_weight (all weigh 0), or excluded (a touch that would have earned belongs to an excluded creator).
Rows without visitor, time or id, or with an infinite time, are left out and counted: see influence.last_attribution_stats(). The rows come in no particular order. Beyond work_mem * hash_mem_multiplier (and 32 MB for what is being credited) rows go to temporary files. Parallel workers read where the planner would use some (max_parallel_workers_per_gather), and share that memory.
Errors: IN002 for an argument, kind or weight, IN008 for a query or its columns.';

CREATE FUNCTION influence.attribute_totals(
	touches text,
	conversions text,
	model text DEFAULT 'last_touch',
	lookback interval DEFAULT '30 days',
	view_lookback interval DEFAULT '0',
	cart_lookback interval DEFAULT '90 days',
	half_life interval DEFAULT '7 days',
	position_weights numeric[] DEFAULT '{0.4,0.2,0.4}',
	reuse text DEFAULT 'reuse',
	session_lifetime interval DEFAULT '24 hours',
	match text DEFAULT 'any',
	time_zone text DEFAULT 'UTC')
RETURNS TABLE (
	creator_id bigint,
	conversions numeric,
	credit bigint)
AS 'MODULE_PATHNAME', 'attribution_totals'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 1000;

COMMENT ON FUNCTION influence.attribute_totals(text, text, text, interval, interval, interval, interval, numeric[], text, interval, text, text) IS
'The credits of influence.attribute() with the same arguments, added up per creator without storing them: one row per creator who is credited, if with 0, and one with NULL for conversions without a creator (direct, unattributed, excluded).
conversions: each conversion is split in billionths by largest remainder over the weights of its touches, so the column adds up exactly to the number of conversions (participation counts each in full). credit: minor units; conversions without an amount add nothing.
Errors: those of influence.attribute(), and IN006 when a sum leaves the range of bigint.';

CREATE FUNCTION influence.last_attribution_stats(
	OUT touches bigint,
	OUT conversions bigint,
	OUT rejected_touches bigint,
	OUT rejected_conversions bigint,
	OUT credits bigint,
	OUT skipped_touches bigint,
	OUT partitions bigint,
	OUT oversized_partitions bigint,
	OUT spilled_bytes bigint,
	OUT read_processes bigint,
	OUT credit_processes bigint,
	OUT read_ms float8,
	OUT credit_ms float8)
AS 'MODULE_PATHNAME', 'attribution_last_stats'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION influence.last_attribution_stats() IS
'Figures of the last influence.attribute() or influence.attribute_totals() of this session that came to its end: rows read of each query, how many of them were rejected (no visitor, time or id, or an infinite time), credits given; touches that were skipped because their visitor has no conversion, no conversion at all comes after them or, for totals, they lie in no window (some are not noticed: it depends on a random seed), partitions that had conversions, those of them whose touches were too many for memory, bytes written to temporary files, processes that read touches and that credited, milliseconds spent reading the queries and crediting. One row; NULLs before the first run.';

CREATE FUNCTION influence_internal.credit_order(
	touched_at timestamptz[],
	kinds text[],
	touch_ids bigint[],
	creator_ids bigint[],
	product_ids bigint[],
	category_ids bigint[],
	channels text[],
	late boolean[],
	converted_at timestamptz,
	line_ids bigint[],
	amounts bigint[],
	line_product_ids bigint[],
	line_category_ids bigint[],
	excluded_creator_ids bigint[],
	path_start timestamptz,
	cart_starts timestamptz[],
	model text,
	lookback interval,
	view_lookback interval,
	cart_lookback interval,
	half_life interval,
	position_weights numeric[],
	reuse text,
	session_lifetime interval,
	match text,
	time_zone text)
RETURNS TABLE (
	conversion_id bigint,
	touch_id bigint,
	creator_id bigint,
	touch_position int,
	path_length int,
	weight float8,
	credit bigint,
	reason text)
AS 'MODULE_PATHNAME', 'attribution_credit_order'
LANGUAGE C STABLE PARALLEL SAFE COST 1000 ROWS 10;

COMMENT ON FUNCTION influence_internal.credit_order(timestamptz[], text[], bigint[], bigint[], bigint[], bigint[], text[], boolean[], timestamptz, bigint[], bigint[], bigint[], bigint[], bigint[], timestamptz, timestamptz[], text, interval, interval, interval, interval, numeric[], text, interval, text, text) IS
'Credits the lines of one order to the touches of its visitor, by the rules and with the result of influence.attribute(); conversion_id is the id of the line, amounts are minor units. The touches come as arrays of equal length in any order, the lines likewise. A late touch is never eligible; where only late ones would be, the reason is late. path_start: the moment of the visitor''s order before this one, NULL when there is none; cart_starts: per line, the moment of the last earlier order with its product, or NULL; both count under reuse consume and session. NULL elements are also allowed in creator_ids, product_ids, category_ids, channels, line_product_ids and line_category_ids. Reads no table.
Errors: IN002 for an argument.';

CREATE FUNCTION influence_internal.credit_touches(
	people uuid[],
	scope bigint[],
	converted_at timestamptz,
	line_ids bigint[],
	amounts bigint[],
	line_product_ids bigint[],
	line_category_ids bigint[],
	excluded_creator_ids bigint[],
	cart_starts timestamptz[],
	max_touch_delay interval,
	view_min_ms int,
	model text,
	lookback interval,
	view_lookback interval,
	cart_lookback interval,
	half_life interval,
	position_weights numeric[],
	reuse text,
	session_lifetime interval,
	match text,
	time_zone text,
	path_start timestamptz,
	coupon text,
	coupon_owner bigint,
	cart_session interval)
RETURNS TABLE (
	line_no int,
	touch_ref text,
	touch_visitor_id uuid,
	creator_id bigint,
	weight float8,
	credit bigint,
	reason text,
	touched_at timestamptz,
	touch_position int,
	path_length int,
	snapshot jsonb)
AS 'MODULE_PATHNAME', 'attribution_credit_touches'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000 ROWS 10;

COMMENT ON FUNCTION influence_internal.credit_touches(uuid[], bigint[], timestamptz, bigint[], bigint[], bigint[], bigint[], bigint[], timestamptz[], interval, int, text, interval, interval, interval, interval, numeric[], text, interval, text, text, timestamptz, text, bigint, interval) IS
'As credit_order(), over the touches of a person (all its visitors) in the programs of a scope, which it reads: each kind as far back as its window reaches (and two days more, for time zones), views that were seen for view_min_ms. In (touched_at, touch_ref, visitor) order they are numbered for the kernel''s tie rule. A touch_ref is one touch of its visitor: of two that COPY brought the earliest counts. A touch that arrived more than max_touch_delay late (see is_late()) never earns. A cart without a creator has the creator of the session that it was put into; cart_session takes the place of that policy''s session_lifetime unless NULL. coupon_owner, unless NULL: the order''s coupon counts as the owner''s touch at the moment of the order, under the touch_ref coupon and the visitor that is all zero. -> the columns of table credit; touch_visitor_id is NULL where a line is unattributed; snapshot: kind, channel, product_id, post_id, campaign_id, model and runner_up, the nearest earlier touch of somebody else, as far as they are known.
Errors: IN002 for an argument.';

--
-- Journeys: a visitor's touches and conversions as one value, which can be
-- collected where the rows are, stored, and credited later.
--

CREATE TYPE influence.journey;

CREATE FUNCTION influence_internal.journey_in(cstring) RETURNS influence.journey
AS 'MODULE_PATHNAME', 'journey_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_in(cstring) IS
'text to influence.journey; 22P02 for text that is none';

CREATE FUNCTION influence_internal.journey_out(influence.journey) RETURNS cstring
AS 'MODULE_PATHNAME', 'journey_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_out(influence.journey) IS
'influence.journey to text; 54000 beyond 1 GB of text';

CREATE FUNCTION influence_internal.journey_recv(internal) RETURNS influence.journey
AS 'MODULE_PATHNAME', 'journey_recv'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_recv(internal) IS
'binary to influence.journey; 22P03 for bytes that no journey has';

CREATE FUNCTION influence_internal.journey_send(influence.journey) RETURNS bytea
AS 'MODULE_PATHNAME', 'journey_send'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_send(influence.journey) IS
'influence.journey to binary, the same on every machine';

CREATE TYPE influence.journey (
	INPUT = influence_internal.journey_in,
	OUTPUT = influence_internal.journey_out,
	RECEIVE = influence_internal.journey_recv,
	SEND = influence_internal.journey_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE influence.journey IS
'The touches and conversions of one visitor, made by the aggregate influence.journey() and read by influence.attribute_journey(), influence.journey_paths() and influence.journey_events(). The same events are the same bytes, in whatever order they were aggregated. Text form: journey1(2026-06-01T12:00:00Z click 1 creator=7 product=100; 2026-06-02T09:00:00Z conversion 5 amount=1000 excluded={7}), with rejected=N in front when rows without time or id were left out; times are UTC whatever the session says. About 20 bytes an event, at most 1 GB.';

-- Equal journeys have equal bytes, so the functions of bytea compare them. The
-- order has no meaning; it serves DISTINCT, GROUP BY and merge joins.
CREATE FUNCTION influence_internal.journey_eq(influence.journey, influence.journey) RETURNS boolean
AS 'byteaeq' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_eq(influence.journey, influence.journey) IS
'the same events and rejected rows?';

CREATE FUNCTION influence_internal.journey_ne(influence.journey, influence.journey) RETURNS boolean
AS 'byteane' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_ne(influence.journey, influence.journey) IS
'not the same events or rejected rows?';

CREATE FUNCTION influence_internal.journey_lt(influence.journey, influence.journey) RETURNS boolean
AS 'bytealt' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_lt(influence.journey, influence.journey) IS
'less, by bytes';

CREATE FUNCTION influence_internal.journey_le(influence.journey, influence.journey) RETURNS boolean
AS 'byteale' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_le(influence.journey, influence.journey) IS
'less or the same, by bytes';

CREATE FUNCTION influence_internal.journey_gt(influence.journey, influence.journey) RETURNS boolean
AS 'byteagt' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_gt(influence.journey, influence.journey) IS
'greater, by bytes';

CREATE FUNCTION influence_internal.journey_ge(influence.journey, influence.journey) RETURNS boolean
AS 'byteage' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_ge(influence.journey, influence.journey) IS
'greater or the same, by bytes';

CREATE FUNCTION influence_internal.journey_cmp(influence.journey, influence.journey) RETURNS int
AS 'byteacmp' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_cmp(influence.journey, influence.journey) IS
'-1, 0 or 1, by bytes';

CREATE FUNCTION influence_internal.journey_hash(influence.journey) RETURNS int
AS 'hashvarlena' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_hash(influence.journey) IS
'hash of the bytes';

CREATE FUNCTION influence_internal.journey_hash_extended(influence.journey, bigint) RETURNS bigint
AS 'hashvarlenaextended' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_hash_extended(influence.journey, bigint) IS
'seeded hash of the bytes';

CREATE OPERATOR influence.= (
	LEFTARG = influence.journey, RIGHTARG = influence.journey,
	FUNCTION = influence_internal.journey_eq,
	COMMUTATOR = OPERATOR(influence.=), NEGATOR = OPERATOR(influence.<>),
	RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR influence.= (influence.journey, influence.journey) IS
'the same events and rejected rows?';

CREATE OPERATOR influence.<> (
	LEFTARG = influence.journey, RIGHTARG = influence.journey,
	FUNCTION = influence_internal.journey_ne,
	COMMUTATOR = OPERATOR(influence.<>), NEGATOR = OPERATOR(influence.=),
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR influence.<> (influence.journey, influence.journey) IS
'not the same events or rejected rows?';

CREATE OPERATOR influence.< (
	LEFTARG = influence.journey, RIGHTARG = influence.journey,
	FUNCTION = influence_internal.journey_lt,
	COMMUTATOR = OPERATOR(influence.>), NEGATOR = OPERATOR(influence.>=),
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR influence.< (influence.journey, influence.journey) IS
'less, by bytes: an order without meaning';

CREATE OPERATOR influence.<= (
	LEFTARG = influence.journey, RIGHTARG = influence.journey,
	FUNCTION = influence_internal.journey_le,
	COMMUTATOR = OPERATOR(influence.>=), NEGATOR = OPERATOR(influence.>),
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR influence.<= (influence.journey, influence.journey) IS
'less or the same, by bytes: an order without meaning';

CREATE OPERATOR influence.> (
	LEFTARG = influence.journey, RIGHTARG = influence.journey,
	FUNCTION = influence_internal.journey_gt,
	COMMUTATOR = OPERATOR(influence.<), NEGATOR = OPERATOR(influence.<=),
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR influence.> (influence.journey, influence.journey) IS
'greater, by bytes: an order without meaning';

CREATE OPERATOR influence.>= (
	LEFTARG = influence.journey, RIGHTARG = influence.journey,
	FUNCTION = influence_internal.journey_ge,
	COMMUTATOR = OPERATOR(influence.<=), NEGATOR = OPERATOR(influence.<),
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR influence.>= (influence.journey, influence.journey) IS
'greater or the same, by bytes: an order without meaning';

CREATE OPERATOR FAMILY influence.journey_ops USING btree;
COMMENT ON OPERATOR FAMILY influence.journey_ops USING btree IS
'journeys by their bytes';

CREATE OPERATOR CLASS influence.journey_ops
	DEFAULT FOR TYPE influence.journey USING btree FAMILY influence.journey_ops AS
	OPERATOR 1 influence.<,
	OPERATOR 2 influence.<=,
	OPERATOR 3 influence.=,
	OPERATOR 4 influence.>=,
	OPERATOR 5 influence.>,
	FUNCTION 1 influence_internal.journey_cmp(influence.journey, influence.journey);
COMMENT ON OPERATOR CLASS influence.journey_ops USING btree IS
'journeys by their bytes, an order without meaning';

CREATE OPERATOR FAMILY influence.journey_ops USING hash;
COMMENT ON OPERATOR FAMILY influence.journey_ops USING hash IS
'hashes of journeys';

CREATE OPERATOR CLASS influence.journey_ops
	DEFAULT FOR TYPE influence.journey USING hash FAMILY influence.journey_ops AS
	OPERATOR 1 influence.=,
	FUNCTION 1 influence_internal.journey_hash(influence.journey),
	FUNCTION 2 influence_internal.journey_hash_extended(influence.journey, bigint);
COMMENT ON OPERATOR CLASS influence.journey_ops USING hash IS
'hashes of journeys';

-- The aggregate

CREATE FUNCTION influence_internal.journey_trans(
	state bytea,
	occurred_at timestamptz,
	kind text,
	id bigint,
	creator_id bigint,
	amount bigint,
	order_id bigint,
	product_id bigint,
	category_id bigint,
	channel text,
	weight numeric,
	excluded_creator_ids bigint[])
RETURNS bytea
AS 'MODULE_PATHNAME', 'journey_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_trans(bytea, timestamptz, text, bigint, bigint, bigint, bigint, bigint, bigint, text, numeric, bigint[]) IS
'transition function of influence.journey; its errors';

CREATE FUNCTION influence_internal.journey_combine(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'journey_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_combine(bytea, bytea) IS
'combine function of influence.journey; NULL is the empty state; 54000 beyond 1 GB';

CREATE FUNCTION influence_internal.journey_final(state bytea)
RETURNS influence.journey
AS 'MODULE_PATHNAME', 'journey_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.journey_final(bytea) IS
'final function of influence.journey: puts the events in order';

CREATE AGGREGATE influence.journey(
	occurred_at timestamptz,
	kind text,
	id bigint,
	creator_id bigint,
	amount bigint,
	order_id bigint,
	product_id bigint,
	category_id bigint,
	channel text,
	weight numeric,
	excluded_creator_ids bigint[]) (
	SFUNC = influence_internal.journey_trans,
	STYPE = bytea,
	SSPACE = 512,
	FINALFUNC = influence_internal.journey_final,
	COMBINEFUNC = influence_internal.journey_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.journey(timestamptz, text, bigint, bigint, bigint, bigint, bigint, bigint, text, numeric, bigint[]) IS
'The touches and conversions of a visitor as one influence.journey: GROUP BY the visitor. All arguments are given; NULL for what a row does not have.
kind: view, click, cart, coupon (touches; NULL: click) or conversion; id: of the touch or the conversion (order line). A touch has creator_id (NULL: direct, search, another network), product_id, category_id, channel (only whether it is direct is kept) and weight (of the model custom); a conversion has amount in minor units, order_id (lines with the same one are one order), product_id, category_id and excluded_creator_ids. What belongs to the other one is ignored.
Rows without time or id or with an infinite time are left out and counted, see influence.journey_counts(). NULL without a row. The same rows give the same bytes in any order, plan or number of workers.
Errors: IN002 for an unknown kind or a weight that is negative, not finite or has more than nine decimals; 54000 beyond 1 GB.';

-- What is done with a journey

CREATE FUNCTION influence.attribute_journey(
	journey influence.journey,
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
AS 'MODULE_PATHNAME', 'journey_attribute'
LANGUAGE C STABLE PARALLEL SAFE COST 1000 ROWS 10;
COMMENT ON FUNCTION influence.attribute_journey(influence.journey, text, interval, interval, interval, interval, numeric[], text, interval, text, text) IS
'Credits the conversions of a journey to its touches: the same arguments, rules, columns and rows as influence.attribute() over the rows that the journey was made of, for one visitor and without reading a table. No rows for a NULL journey.
Errors: IN002 for an argument.';

CREATE FUNCTION influence.journey_events(journey influence.journey)
RETURNS TABLE (
	occurred_at timestamptz,
	kind text,
	id bigint,
	creator_id bigint,
	amount bigint,
	order_id bigint,
	product_id bigint,
	category_id bigint,
	channel text,
	weight numeric,
	excluded_creator_ids bigint[])
AS 'MODULE_PATHNAME', 'journey_events'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 20;
COMMENT ON FUNCTION influence.journey_events(influence.journey) IS
'The events of a journey, oldest first: by time, then view, click, cart, coupon, conversion, then id. The columns are the arguments of the aggregate influence.journey(), which makes the same journey of them; channel is direct or NULL, weight NULL where it was NULL or 0, excluded_creator_ids ascending, each once.';

CREATE FUNCTION influence.journey_counts(
	journey influence.journey,
	OUT touches bigint,
	OUT conversions bigint,
	OUT rejected bigint)
AS 'MODULE_PATHNAME', 'journey_counts'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence.journey_counts(influence.journey) IS
'How many touches and conversions a journey has, and how many rows were rejected when it was made (no time or id, or an infinite time). One row.';

CREATE FUNCTION influence.journey_path(
	journey influence.journey,
	transform text DEFAULT 'exposure',
	last_k int DEFAULT NULL)
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'journey_path'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100;
COMMENT ON FUNCTION influence.journey_path(influence.journey, text, int) IS
'The creators of all touches of a journey, oldest first: every kind, no window, NULL for a touch without creator. transform, by the names of Google''s fractribution: exposure (equal neighbours become one), first (of each creator the first), unique (every touch, in spite of its name). last_k: only so many at the end of what the transform leaves; NULL: all. {} without touches, NULL for a NULL journey. The path of each conversion: influence.journey_paths().
Errors: IN002 for another transform or last_k below 1.';

CREATE FUNCTION influence.journey_paths(
	journey influence.journey,
	transform text DEFAULT 'exposure',
	last_k int DEFAULT NULL,
	lookback interval DEFAULT '30 days',
	view_lookback interval DEFAULT '0',
	cart_lookback interval DEFAULT '90 days',
	reuse text DEFAULT 'reuse',
	session_lifetime interval DEFAULT '24 hours',
	match text DEFAULT 'any',
	time_zone text DEFAULT 'UTC')
RETURNS TABLE (
	conversion_id bigint,
	path bigint[],
	conversions bigint,
	value bigint,
	nulls bigint)
AS 'MODULE_PATHNAME', 'journey_paths'
LANGUAGE C STABLE PARALLEL SAFE COST 1000 ROWS 3;
COMMENT ON FUNCTION influence.journey_paths(influence.journey, text, int, interval, interval, interval, text, interval, text, text) IS
'The paths of a journey as data-driven models count them. One row per conversion (conversions 1, value its amount in minor units, 0 without one, nulls 0): the creators of the touches that are eligible for it, those over which influence.attribute_journey() with the same arguments splits its amount; {} where nobody is credited. And one row (conversion_id NULL, conversions 0, value 0, nulls 1) for the touches after the last order, if there are any whose kind counts: what led to no order. Its windows are counted back from the last of them, carts and matching ask for no product. transform and last_k as in influence.journey_path(), on each path. No rows for a NULL journey.
Errors: IN002 for an argument.';

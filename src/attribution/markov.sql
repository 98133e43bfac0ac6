--
-- Data-driven attribution: removal effects in a Markov chain of paths.
--

CREATE FUNCTION influence_internal.markov_trans(
	state bytea, path bigint[], conversions bigint, value bigint, nulls bigint, order_k int)
RETURNS bytea
AS 'MODULE_PATHNAME', 'attribution_markov_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.markov_trans(bytea, bigint[], bigint, bigint, bigint, int) IS
'Transition function of influence.markov_agg; its errors.';

CREATE FUNCTION influence_internal.markov_combine(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'attribution_markov_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.markov_combine(bytea, bytea) IS
'Combine function of influence.markov_agg; NULL is the empty state; IN002 when the orders differ.';

CREATE FUNCTION influence_internal.markov_final(state bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'attribution_markov_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.markov_final(bytea) IS
'Final function of influence.markov_agg: the sorted counts.';

CREATE AGGREGATE influence.markov_agg(path bigint[], conversions bigint, value bigint, nulls bigint, order_k int) (
	SFUNC = influence_internal.markov_trans,
	STYPE = bytea,
	SSPACE = 16384,
	FINALFUNC = influence_internal.markov_final,
	COMBINEFUNC = influence_internal.markov_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.markov_agg(bigint[], bigint, bigint, bigint, int) IS
'Counts the transitions of paths for influence.markov_credit(); the same rows give the same bytes, in whatever order or division they come.
path: the creators in the order of their touches; equal neighbours count once. conversions: how often this path converted; value: of all these conversions together, minor units; nulls: how often it ended without one (0 or NULL throughout: every path converts). order_k: 1 to 4, how many touches back the next one depends on; the same in all rows.
NULL conversions, value or nulls are 0. Rows whose path is NULL or empty, or with neither conversions nor nulls, are left out; NULL when no row is left.
Size: 56 bytes per distinct transition (80 for order_k 4), at most 1 GB; it does not spill.
Errors: IN002 for a NULL inside path, a negative number, a value without conversions, or order_k out of range or not the same; IN006 when a sum leaves the range of bigint; 54000 past 1 GB.';

CREATE FUNCTION influence.markov_credit(state bytea)
RETURNS TABLE (
	creator_id bigint,
	removal_effect float8,
	conversions float8,
	value_removal_effect float8,
	value float8)
AS 'MODULE_PATHNAME', 'attribution_markov_credit'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION influence.markov_credit(bytea) IS
'Data-driven credit of each creator, from the counts of influence.markov_agg(): exact removal effects in an absorbing Markov chain, without simulation (Anderl et al., Int. J. Research in Marketing 33, 2016).
The states of the chain are the order_k last creators of a path (a shorter path is one state). removal_effect = 1 - P(conversion when every state with the creator leads to null) / P(conversion), from 0 to 1; NULL when nothing converts. conversions = removal_effect / sum of removal effects x all conversions. value_removal_effect and value (minor units): the same for the value of conversions, an end in a state being worth its mean value per conversion; NULL and 0 when there is no value.
The numbers are estimates of a model, therefore float8: use them to compare and to plan, not to pay. The error of a removal effect is proven to be below 1e-9, and is usually below 1e-12; the result depends on the set of rows only, bit for bit. One row per creator in a path that was counted.
Errors: XX001 for bytes that are no state of this version and processor type; 54000 when the accuracy cannot be reached.';

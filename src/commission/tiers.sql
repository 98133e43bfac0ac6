/*
 * tiers.sql
 *	  Kernels of commission by tiers: they need no table.
 */

CREATE FUNCTION influence.tiered_amount(
    amount bigint, thresholds bigint[], rates numeric[], mode text, rounding text DEFAULT 'half_up')
RETURNS bigint
AS 'MODULE_PATHNAME', 'commission_tiered_amount'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION influence.tiered_amount(bigint, bigint[], numeric[], text, text) IS
'commission f(amount) by tiers, in minor units: thresholds are lower bounds in minor units, ascending, the first is 0, and an amount >= a threshold reaches it; rates are fractions, one per threshold, as commission_minor takes them; mode graduated: each slice at the rate of its tier, volume: everything at the rate of the reached tier; one rounding (half_up, half_even or down) of the exact sum of products; f(-x) = -f(x). (500, {0,200,400}, {0.04,0.06,0.08}) is 28 graduated and 40 by volume. NULL if an argument is NULL; IN002 for arrays that are empty, of different length, multi-dimensional, with a NULL, not ascending, not beginning with 0 or longer than 1,000, and for another rate, mode or rounding; IN006 when the result leaves bigint';

CREATE FUNCTION influence.reached_tier(amount bigint, thresholds bigint[])
RETURNS int
AS 'MODULE_PATHNAME', 'commission_reached_tier'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence.reached_tier(bigint, bigint[]) IS
'which tier an amount reaches, counted from 1: the last whose threshold is <= amount; 0 for a negative amount, which is below the first; thresholds as for tiered_amount, and its IN002';

CREATE FUNCTION influence_internal.tiered_commission_trans(
    state bytea, amount bigint, thresholds bigint[], rates numeric[], mode text)
RETURNS bytea
AS 'MODULE_PATHNAME', 'commission_tiered_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.tiered_commission_trans(bytea, bigint, bigint[], numeric[], text) IS
'transition function of influence.tiered_commission; its errors; never NULL';

CREATE FUNCTION influence_internal.tiered_commission_inverse(
    state bytea, amount bigint, thresholds bigint[], rates numeric[], mode text)
RETURNS bytea
AS 'MODULE_PATHNAME', 'commission_tiered_inverse'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.tiered_commission_inverse(bytea, bigint, bigint[], numeric[], text) IS
'inverse transition function of influence.tiered_commission: takes a row out of a moving frame; exact, so it leaves the state of the rows that stay';

CREATE FUNCTION influence_internal.tiered_commission_combine(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'commission_tiered_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.tiered_commission_combine(bytea, bytea) IS
'combine function of influence.tiered_commission; NULL is the empty state; IN002 when the tiers differ';

CREATE FUNCTION influence_internal.tiered_commission_final(state bytea)
RETURNS bigint
AS 'MODULE_PATHNAME', 'commission_tiered_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.tiered_commission_final(bytea) IS
'final function of influence.tiered_commission; IN006 when the commission leaves bigint';

CREATE AGGREGATE influence.tiered_commission(
    amount bigint, thresholds bigint[], rates numeric[], mode text) (
    SFUNC = influence_internal.tiered_commission_trans,
    STYPE = bytea,
    SSPACE = 128,
    FINALFUNC = influence_internal.tiered_commission_final,
    COMBINEFUNC = influence_internal.tiered_commission_combine,
    MSFUNC = influence_internal.tiered_commission_trans,
    MINVFUNC = influence_internal.tiered_commission_inverse,
    MSTYPE = bytea,
    MSSPACE = 128,
    MFINALFUNC = influence_internal.tiered_commission_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.tiered_commission(bigint, bigint[], numeric[], text) IS
'tiered_amount(sum(amount), thresholds, rates, mode) in minor units, rounded half_up (away from zero) and no other way; the sum is 128 bits wide, so only the commission has to fit in bigint, and independent of order and parallelism; thresholds, rates and mode must be the same in all rows of a group; rows with a NULL amount are skipped and their tiers not looked at, NULL when none is left; IN002 for NULL or other tiers than before and as tiered_amount, IN006 when the commission leaves bigint';

CREATE FUNCTION influence.tiered_commission_step(
    amount bigint, thresholds bigint[], rates numeric[], mode text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'commission_tiered_step'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence.tiered_commission_step(bigint, bigint[], numeric[], text) IS
'window function: what a row adds to the commission of its partition, in minor units: f(s + amount) - f(s), f as tiered_amount with half_up, s the sum of the rows before it; so all rows of a partition, and the first k of them, add up to tiered_commission over them. The order is that of ORDER BY in OVER, the frame does not matter; rows that ORDER BY does not tell apart come in any order: order by a key to the end. In mode volume the row that reaches a tier also gets what the rows before it lacked, and a lower rate takes back. A NULL amount gives NULL and adds nothing. Thresholds, rates and mode must be the same in all rows of a partition; IN002 as tiered_commission, IN006 when a step leaves bigint';

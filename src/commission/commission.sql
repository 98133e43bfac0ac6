/*
 * commission.sql
 *	  Kernels of commission: they need no table.
 */

CREATE FUNCTION influence.commission_minor(
    amount bigint, rate numeric, rounding text DEFAULT 'half_up')
RETURNS bigint
AS 'MODULE_PATHNAME', 'commission_minor'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence.commission_minor(bigint, numeric, text) IS
'round(amount * rate) in minor units, exact before the one rounding; rate is a fraction (0.045) from 0 to 9.2e9 with at most nine decimals; rounding half_up (away from zero), half_even or down (toward zero); odd in amount; IN002 for another rate or rounding, IN006 when the result leaves bigint';

CREATE FUNCTION influence.split_amount(amount bigint, weights numeric[])
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'commission_split_amount'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION influence.split_amount(bigint, numeric[]) IS
'shares of amount in minor units, one per weight, that add up to amount: largest remainder (Hamilton), ties to the earlier, zero weights get 0, negative amounts mirror; IN002 for an empty or multi-dimensional array, a NULL, negative or infinite weight, only zeros, more than 1,000,000 weights, or weights whose sum on a common decimal scale exceeds 2^63-1';

CREATE FUNCTION influence.clawback_minor(
    commission bigint, base bigint, returned_before bigint, returned_now bigint,
    rounding text DEFAULT 'half_up')
RETURNS bigint
AS 'MODULE_PATHNAME', 'commission_clawback_minor'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence.clawback_minor(bigint, bigint, bigint, bigint, text) IS
'part of a commission C that a return takes back, in minor units: round(C * R_k / N) - round(C * R_(k-1) / N) with base N, R_(k-1) = returned_before, R_k = returned_before + returned_now; telescopes, so a full return in any pieces takes back exactly C; 0 when base is 0; IN002 for negative base or returns or another rounding, IN007 when more is returned than the base';

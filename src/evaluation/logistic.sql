/*
 * logistic.sql
 *	  Kernels: logistic regression as an aggregate and a step. They need no table.
 */

CREATE FUNCTION influence_internal.logistic_trans(
	state float8[], positive boolean, features float8[], coefficients float8[], weight float8)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'logistic_agg_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.logistic_trans(float8[], boolean, float8[], float8[], float8) IS
'Transition function of influence.logistic_agg; its errors.';

CREATE FUNCTION influence_internal.logistic_combine(a float8[], b float8[])
RETURNS float8[]
AS 'MODULE_PATHNAME', 'logistic_agg_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.logistic_combine(float8[], float8[]) IS
'Combine function of influence.logistic_agg: the sums of both; NULL is the empty state; IN002 when the numbers of features differ.';

CREATE AGGREGATE influence.logistic_agg(positive boolean, features float8[], coefficients float8[], weight float8) (
	SFUNC = influence_internal.logistic_trans,
	STYPE = float8[],
	SSPACE = 1024,
	COMBINEFUNC = influence_internal.logistic_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.logistic_agg(boolean, float8[], float8[], float8) IS
'What logistic regression needs to know of the rows at given coefficients, chance = 1 / (1 + exp(-sum of coefficient x feature)): an array of rows, weight, loss (-log likelihood, natural), the gradient of the log likelihood (one per feature), and the upper half of the Hessian row by row. influence.logistic_step() makes better coefficients of it. A feature that is always 1 is the intercept.
Rows with a NULL argument are skipped, NULL when none is left; sums of float8, so the last bits depend on the order of rows.
Errors: IN002 for arrays of different length, with more than 64 elements, NULL or not finite, and for a weight below 0.';

CREATE FUNCTION influence.logistic_step(sums float8[], coefficients float8[], l2 float8 DEFAULT 1)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'logistic_newton_step'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence.logistic_step(float8[], float8[], float8) IS
'Newton''s step of logistic regression: coefficients + (Hessian + l2)^-1 (gradient - l2 x coefficients), from the sums of influence.logistic_agg() at these coefficients. Repeated from zeros it reaches the least loss + l2 / 2 x |coefficients|^2, usually in 5 to 8 steps.
Errors: IN002 for sums of other coefficients, and for features that determine no step without l2.';

/*
 * engagement.sql
 *	  Kernels of engagement: they need no table.
 */

CREATE FUNCTION influence_internal.engagement_rate_trans(
    state bytea, interactions bigint, base bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_rate_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_rate_trans(bytea, bigint, bigint) IS
'transition function of influence.engagement_rate; IN002 for negative interactions';

CREATE FUNCTION influence_internal.engagement_rate_combine(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_rate_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_rate_combine(bytea, bytea) IS
'combine function of influence.engagement_rate; NULL is the empty state';

CREATE FUNCTION influence_internal.engagement_rate_final(state bytea)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_rate_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_rate_final(bytea) IS
'final function of influence.engagement_rate';

CREATE AGGREGATE influence.engagement_rate(interactions bigint, base bigint) (
    SFUNC = influence_internal.engagement_rate_trans,
    STYPE = bytea,
    SSPACE = 64,
    FINALFUNC = influence_internal.engagement_rate_final,
    COMBINEFUNC = influence_internal.engagement_rate_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.engagement_rate(bigint, bigint) IS
'sum(interactions) / sum(base) over the rows with base > 0, a fraction that may exceed 1 (likes of people who do not follow); base is what the rate is declared by: followers, reach, views or impressions; exact 128-bit sums, so independent of order and parallelism; rows with a NULL or base <= 0 are skipped, NULL when none is left; IN002 for negative interactions';

CREATE FUNCTION influence.wilson_lower_bound(
    positives bigint, trials bigint, confidence float8 DEFAULT 0.95)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_wilson_lower_bound'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2;
COMMENT ON FUNCTION influence.wilson_lower_bound(bigint, bigint, float8) IS
'lower end of Wilson''s score interval (J. Amer. Statist. Assoc. 22, 1927) for the proportion positives / trials at a two-sided confidence: (90, 100) is 0.825634; 0 without trials; IN002 unless 0 <= positives <= trials and 0 < confidence < 1';

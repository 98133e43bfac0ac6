/*
 * rates.sql
 *	  Kernels: the rates of a creator's posts as a distribution. They need no
 *	  table.
 */

CREATE FUNCTION influence_internal.engagement_rates_trans(
    state bytea, interactions bigint, base bigint, posts bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_rates_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_rates_trans(bytea, bigint, bigint, bigint) IS
'transition function of influence.engagement_agg; IN002 for negative interactions or posts';

CREATE FUNCTION influence_internal.engagement_rates_trans(
    state bytea, interactions bigint, base bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_rates_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_rates_trans(bytea, bigint, bigint) IS
'the same where each row is one post; shared by influence.median_engagement_rate and influence.trimmed_engagement_rate';

CREATE FUNCTION influence_internal.engagement_rates_combine(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_rates_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_rates_combine(bytea, bytea) IS
'combine function of influence.engagement_agg and its like; NULL is the empty state';

CREATE FUNCTION influence_internal.engagement_rates_final(state bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_rates_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_rates_final(bytea) IS
'final function of influence.engagement_agg: the sorted multiset';

CREATE AGGREGATE influence.engagement_agg(interactions bigint, base bigint, posts bigint) (
    SFUNC = influence_internal.engagement_rates_trans,
    STYPE = bytea,
    SSPACE = 128,
    FINALFUNC = influence_internal.engagement_rates_final,
    COMBINEFUNC = influence_internal.engagement_rates_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.engagement_agg(bigint, bigint, bigint) IS
'the rates of a creator as a distribution, for engagement_mean(), engagement_median() and the like, and for engagement_prior(); a row is interactions / base (float8) over as many posts as it sums up, which is its weight; rows with a NULL, base <= 0 or posts = 0 are skipped, NULL when none is left; equal rows give equal bytes, whatever their order and the plan; 8 bytes per row (16 once a row has more than one post); IN002 for negative interactions or posts';

CREATE AGGREGATE influence.engagement_agg(interactions bigint, base bigint) (
    SFUNC = influence_internal.engagement_rates_trans,
    STYPE = bytea,
    SSPACE = 128,
    FINALFUNC = influence_internal.engagement_rates_final,
    COMBINEFUNC = influence_internal.engagement_rates_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.engagement_agg(bigint, bigint) IS
'engagement_agg(interactions, base, 1): each row is one post';

CREATE FUNCTION influence.engagement_posts(state bytea)
RETURNS bigint
AS 'MODULE_PATHNAME', 'engagement_rates_posts'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION influence.engagement_posts(bytea) IS
'how many posts an engagement_agg() holds: W = sum(posts); NULL for NULL; IN006 beyond bigint';

CREATE FUNCTION influence.engagement_mean(state bytea)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_rates_mean'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION influence.engagement_mean(bytea) IS
'mean rate per post of an engagement_agg(): sum(posts * rate) / sum(posts); NULL for NULL';

CREATE FUNCTION influence.engagement_median(state bytea)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_rates_median'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION influence.engagement_median(bytea) IS
'median rate of an engagement_agg(): of its posts in the order of their rates (a row of n posts counts n times) the middle one''s, with an even number the mean of the two in the middle; NULL for NULL';

CREATE FUNCTION influence.engagement_trimmed_mean(state bytea, trim_share float8 DEFAULT 0.1)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_rates_trimmed_mean'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION influence.engagement_trimmed_mean(bytea, float8) IS
'mean rate per post of an engagement_agg() without the floor(trim_share * posts) lowest and as many highest posts (a row of n posts counts n times, and may be cut in part): Tukey''s trimmed mean, as R''s mean(trim = ) and SciPy''s trim_mean; NULL for NULL; IN002 unless 0 <= trim_share < 0.5';

CREATE FUNCTION influence.engagement_variance(state bytea)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_rates_variance'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION influence.engagement_variance(bytea) IS
'variance of a single post''s rate within an engagement_agg(): sum(posts * (rate - mean)^2) / (rows - 1); a row of n posts is taken for a mean with variance / n; NULL for NULL or a single row';

CREATE FUNCTION influence_internal.engagement_trimmed_final(state bytea)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_rates_trimmed_mean'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_trimmed_final(bytea) IS
'final function of influence.trimmed_engagement_rate';

CREATE FUNCTION influence_internal.engagement_median_final(state bytea)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_rates_median'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_median_final(bytea) IS
'final function of influence.median_engagement_rate';

CREATE AGGREGATE influence.median_engagement_rate(interactions bigint, base bigint) (
    SFUNC = influence_internal.engagement_rates_trans,
    STYPE = bytea,
    SSPACE = 128,
    FINALFUNC = influence_internal.engagement_median_final,
    COMBINEFUNC = influence_internal.engagement_rates_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.median_engagement_rate(bigint, bigint) IS
'median of interactions / base over the rows with base > 0, each one post: engagement_median(engagement_agg(interactions, base)); beside trimmed_engagement_rate() of the same columns it costs one pass';

CREATE AGGREGATE influence.trimmed_engagement_rate(interactions bigint, base bigint) (
    SFUNC = influence_internal.engagement_rates_trans,
    STYPE = bytea,
    SSPACE = 128,
    FINALFUNC = influence_internal.engagement_trimmed_final,
    COMBINEFUNC = influence_internal.engagement_rates_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.trimmed_engagement_rate(bigint, bigint) IS
'mean of interactions / base over the rows with base > 0, each one post, without the lowest and the highest tenth of them: engagement_trimmed_mean(engagement_agg(interactions, base))';

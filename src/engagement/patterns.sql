/*
 * patterns.sql
 *	  Kernels: focus, growth and regularity. They need no table.
 */

CREATE FUNCTION influence_internal.engagement_focus_trans(
    state bytea, topic_id bigint, posts bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_focus_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_focus_trans(bytea, bigint, bigint) IS
'transition function of influence.topic_focus; IN002 for negative posts';

CREATE FUNCTION influence_internal.engagement_focus_combine(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_focus_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_focus_combine(bytea, bytea) IS
'combine function of influence.topic_focus; NULL is the empty state';

CREATE FUNCTION influence_internal.engagement_focus_final(state bytea)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_focus_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_focus_final(bytea) IS
'final function of influence.topic_focus';

CREATE AGGREGATE influence.topic_focus(topic_id bigint, posts bigint) (
    SFUNC = influence_internal.engagement_focus_trans,
    STYPE = bytea,
    SSPACE = 256,
    FINALFUNC = influence_internal.engagement_focus_final,
    COMBINEFUNC = influence_internal.engagement_focus_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.topic_focus(bigint, bigint) IS
'how focused on few topics a creator is: exp(-H) with Shannon''s entropy H = -sum(p ln p) over the topics'' shares p of the posts, the inverse of Hill''s number of order 1 (Ecology 54, 1973): 1 for one topic, 1/n for n equally frequent ones; rows with a NULL or posts = 0 are skipped, NULL when none is left; the same bits in any order and plan; IN002 for negative posts';

CREATE FUNCTION influence_internal.engagement_growth_trans(
    state bytea, measured_at timestamptz, amount bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_growth_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_growth_trans(bytea, timestamptz, bigint) IS
'transition function of influence.growth_rate; IN002 for a time that is not finite';

CREATE FUNCTION influence_internal.engagement_growth_combine(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_growth_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_growth_combine(bytea, bytea) IS
'combine function of influence.growth_rate; NULL is the empty state';

CREATE FUNCTION influence_internal.engagement_growth_final(state bytea)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_growth_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_growth_final(bytea) IS
'final function of influence.growth_rate';

CREATE AGGREGATE influence.growth_rate(measured_at timestamptz, amount bigint) (
    SFUNC = influence_internal.engagement_growth_trans,
    STYPE = bytea,
    SSPACE = 256,
    FINALFUNC = influence_internal.engagement_growth_final,
    COMBINEFUNC = influence_internal.engagement_growth_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.growth_rate(timestamptz, bigint) IS
'growth of an amount, as followers, as a fraction per 30 days: exp(30 b) - 1 with b the slope per day of the least-squares line through ln(amount) over time: 0.05 is five percent more every 30 days; rows with a NULL or amount <= 0 are skipped, NULL below two distinct times, Infinity when it exceeds float8; the same bits in any order and plan; IN002 for a time that is not finite';

CREATE FUNCTION influence_internal.engagement_regularity_trans(
    state bytea, published_at timestamptz)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_regularity_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_regularity_trans(bytea, timestamptz) IS
'transition function of influence.posting_regularity; IN002 for a time that is not finite';

CREATE FUNCTION influence_internal.engagement_regularity_combine(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_regularity_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_regularity_combine(bytea, bytea) IS
'combine function of influence.posting_regularity; NULL is the empty state';

CREATE FUNCTION influence_internal.engagement_regularity_final(state bytea)
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_regularity_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_regularity_final(bytea) IS
'final function of influence.posting_regularity';

CREATE AGGREGATE influence.posting_regularity(published_at timestamptz) (
    SFUNC = influence_internal.engagement_regularity_trans,
    STYPE = bytea,
    SSPACE = 128,
    FINALFUNC = influence_internal.engagement_regularity_final,
    COMBINEFUNC = influence_internal.engagement_regularity_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.posting_regularity(timestamptz) IS
'how evenly posts are spaced: 1 / (1 + cv), cv the coefficient of variation (population standard deviation / mean) of the gaps between posts in the order of time: 1 for equal gaps, about 1/2 for posts at random (a Poisson process has cv 1), toward 0 for bursts; NULL below three posts or when all have one time; the same bits in any order and plan; IN002 for a time that is not finite';

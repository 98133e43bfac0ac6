/*
 * priors.sql
 *	  Kernels: empirical Bayes for rates. They need no table.
 */

CREATE FUNCTION influence_internal.engagement_prior_trans(state bytea, creator bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_prior_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_prior_trans(bytea, bytea) IS
'transition function of influence.engagement_prior';

CREATE FUNCTION influence_internal.engagement_prior_combine(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'engagement_prior_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_prior_combine(bytea, bytea) IS
'combine function of influence.engagement_prior; NULL is the empty state';

CREATE FUNCTION influence_internal.engagement_prior_final(state bytea)
RETURNS float8[]
AS 'MODULE_PATHNAME', 'engagement_prior_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.engagement_prior_final(bytea) IS
'final function of influence.engagement_prior';

CREATE AGGREGATE influence.engagement_prior(creator bytea) (
    SFUNC = influence_internal.engagement_prior_trans,
    STYPE = bytea,
    SSPACE = 1024,
    FINALFUNC = influence_internal.engagement_prior_final,
    COMBINEFUNC = influence_internal.engagement_prior_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.engagement_prior(bytea) IS
'{mean, strength, within_variance, between_variance, creators, posts} of the creators whose engagement_agg() are given (NULLs are skipped; NULL without any): moment estimators of a one-way random effects model with weights, linear empirical Bayes (Buehlmann and Straub 1970; Searle, Casella, McCulloch, Variance Components, 1992). Creator i has n_i rows with rates r and posts w, W_i = sum(w), m_i = sum(w r) / W_i; k creators, W = sum(W_i), m = sum(W_i m_i) / W. within = sum(w (r - m_i)^2) / sum(n_i - 1), NULL when no creator has two rows; between = max(0, (sum(W_i (m_i - m)^2) - (k - 1) within) / (W - sum(W_i^2) / W)), NULL below two creators or when within is; strength = within / between in posts, Infinity when between is 0 and within is not, NULL when either is NULL or both are 0; mean = sum(z_i m_i) / sum(z_i) with z_i = W_i / (W_i + strength), m when strength is NULL or Infinity. The same bits in any order and plan';

CREATE FUNCTION influence.shrunk_rate(posts float8, rate float8, prior float8[])
RETURNS float8
AS 'MODULE_PATHNAME', 'engagement_shrunk_rate'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 2;
COMMENT ON FUNCTION influence.shrunk_rate(float8, float8, float8[]) IS
'(posts * rate + strength * mean) / (posts + strength): the rate of a creator shrunk toward a prior of engagement_prior(), the best linear predictor of its true rate (Buehlmann and Straub 1970); mean when posts is 0 or NULL, rate is NULL or strength is Infinity; otherwise rate when strength or prior is NULL; IN002 for negative posts, numbers that are not finite, or another array';

CREATE FUNCTION influence.shrunk_rate_bounds(
    posts float8, rate float8, prior float8[], confidence float8 DEFAULT 0.95,
    OUT lower_bound float8, OUT upper_bound float8)
AS 'MODULE_PATHNAME', 'engagement_shrunk_rate_bounds'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 4;
COMMENT ON FUNCTION influence.shrunk_rate_bounds(float8, float8, float8[], float8) IS
'shrunk_rate() -+ z * sqrt(within_variance / (posts + strength)), z the normal quantile of a two-sided confidence: the interval of the linear empirical Bayes estimate with its prior taken as known; never below 0. Without posts or rate of its own a creator is a draw from the prior: mean -+ z * sqrt(between_variance). Both are the mean when strength is Infinity (creators do not differ), NULL when within_variance is; strength NULL counts as 0. IN002 as shrunk_rate(), and unless 0 < confidence < 1';

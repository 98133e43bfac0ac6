/*
 * score_creators.sql
 *	  Kernels: the engagement of all creators in one pass. It needs no table.
 */

CREATE FUNCTION influence.score_creators(
	posts text,
	confidence float8 DEFAULT 0.95,
	trim_share float8 DEFAULT 0.1)
RETURNS TABLE (
	creator_id bigint,
	vertical text,
	tier text,
	posts_counted bigint,
	rate_mean float8,
	rate_median float8,
	rate_trimmed float8,
	rate_shrunk float8,
	rate_lower float8,
	rate_upper float8)
AS 'MODULE_PATHNAME', 'engagement_score_creators'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 100000;

COMMENT ON FUNCTION influence.score_creators(text, float8, float8) IS
'The engagement of every creator, with the prior of its vertical and tier, in one pass: what GROUP BY with engagement_agg(), engagement_prior(), shrunk_rate() and shrunk_rate_bounds() gives, to the same bits, several times faster. Use it for many creators; the aggregates do the same inside of any query.
posts: a SELECT, run as the caller, with columns creator_id, interactions, base (bigint or integer) and, if it likes, posts (bigint: how many posts a row sums up, 1 without it), vertical, tier (text; NULL counts as ''''). Rows that engagement_agg() skips are skipped. A creator with several verticals or tiers has a row for each.
rate_mean, rate_median, rate_trimmed (without floor(trim_share * posts) posts at each end), rate_shrunk toward the prior fitted to the creators of the vertical and tier, rate_lower and rate_upper its bounds at that two-sided confidence, NULL where engagement_prior() has no variance. Rows come by creator_id, vertical, tier (by bytes).
Beyond work_mem * hash_mem_multiplier (at least 4 MB) posts go to temporary files; about 100 bytes per creator stay in memory.
Errors: IN002 for an argument or negative counts, IN006 for posts beyond bigint, IN008 for a query or its columns.';

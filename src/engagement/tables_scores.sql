/*
 * tables_scores.sql
 *
 * Step 15 of install(): posts of creators on their channels, size tiers, the
 * priors and baselines fitted to them, and the scores that follow.
 */
CREATE FUNCTION influence_internal.install_scores()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE influence.size_tier (
		platform text NOT NULL DEFAULT '',
		tier text NOT NULL CHECK (length(tier) BETWEEN 1 AND 40),
		valid_from timestamptz NOT NULL DEFAULT '-infinity',
		followers_from bigint CHECK (followers_from >= 0),
		recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (platform, tier, valid_from)
	);
	COMMENT ON TABLE influence.size_tier IS 'From how many followers on a channel belongs to a tier, by platform ('''' = those without rows of their own); the latest row at a moment holds, followers_from NULL ends the tier.';
	INSERT INTO influence.size_tier (tier, followers_from)
	VALUES ('nano', 0), ('micro', 10000), ('mid', 50000), ('macro', 500000), ('mega', 1000000);

	CREATE TABLE influence.channel_post (
		creator_id bigint NOT NULL,
		channel_id bigint NOT NULL,
		post_ref text NOT NULL CHECK (length(post_ref) BETWEEN 1 AND 200),
		measured_at timestamptz NOT NULL CHECK (isfinite(measured_at)),
		published_at timestamptz NOT NULL CHECK (isfinite(published_at)),
		topic_id bigint REFERENCES influence.topic,
		followers bigint CHECK (followers >= 0),
		views bigint CHECK (views >= 0),
		likes bigint CHECK (likes >= 0),
		comments bigint CHECK (comments >= 0),
		shares bigint CHECK (shares >= 0),
		saves bigint CHECK (saves >= 0),
		interactions bigint CHECK (interactions >= 0),
		reach bigint CHECK (reach >= 0),
		impressions bigint CHECK (impressions >= 0),
		received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		PRIMARY KEY (creator_id, channel_id, post_ref, measured_at),
		FOREIGN KEY (creator_id, channel_id) REFERENCES influence.channel
	);
	COMMENT ON TABLE influence.channel_post IS 'Single posts on a creator''s channels outside, each as measured at a moment (the latest measurement of a post holds): what robust rates need. followers are those of the channel then.';

	CREATE TABLE influence.engagement_prior (
		fitted_at timestamptz NOT NULL,
		platform text NOT NULL,
		vertical text NOT NULL,
		tier text NOT NULL,
		mean float8 NOT NULL,
		strength float8,
		within_variance float8,
		between_variance float8,
		creators bigint NOT NULL,
		posts bigint NOT NULL,
		PRIMARY KEY (fitted_at, platform, vertical, tier)
	);
	COMMENT ON TABLE influence.engagement_prior IS 'What refresh_scores() fitted at a moment to the rates of a platform, vertical and size tier ('''' = all of them): mean per post, strength in posts (NULL: not estimable, Infinity: creators do not differ), variances. Rows are only added: a score keeps the prior it was made with.';

	CREATE TABLE influence.score_baseline (
		fitted_at timestamptz NOT NULL,
		metric text NOT NULL,
		platform text NOT NULL,
		vertical text NOT NULL,
		tier text NOT NULL,
		country text NOT NULL,
		creators bigint NOT NULL,
		quantiles float8[] NOT NULL CHECK (cardinality(quantiles) = 101),
		PRIMARY KEY (fitted_at, metric, platform, vertical, tier, country)
	);
	COMMENT ON TABLE influence.score_baseline IS 'The distribution of a metric among the creators of a platform, vertical, tier and country ('''' = all): its 0th to 100th percentiles, as refresh_scores() found them.';

	CREATE TABLE influence.channel_score (
		creator_id bigint NOT NULL,
		channel_id bigint NOT NULL,
		scored_at timestamptz NOT NULL,
		platform text NOT NULL,
		vertical text NOT NULL,
		country text NOT NULL,
		tier text NOT NULL,
		followers bigint,
		posts bigint NOT NULL,
		rate float8,
		rate_median float8,
		rate_trimmed float8,
		rate_shrunk float8,
		rate_lower float8,
		rate_upper float8,
		growth float8,
		regularity float8,
		percentile float8,
		PRIMARY KEY (creator_id, channel_id, scored_at)
	);
	COMMENT ON TABLE influence.channel_score IS 'A channel''s engagement as scored at a moment: rate per post by the platform''s denominator (mean, median, trimmed mean, shrunk toward the prior of its platform, vertical and tier with 95 % bounds), growth of followers per 30 days as a fraction, regularity of posting (0 to 1), percentile of the shrunk rate among its platform, vertical and tier (0 to 100).';

	CREATE TABLE influence.creator_score (
		creator_id bigint NOT NULL,
		program_id bigint NOT NULL DEFAULT 0,
		scored_at timestamptz NOT NULL,
		vertical text NOT NULL,
		country text NOT NULL,
		tier text NOT NULL,
		followers bigint,
		channels bigint NOT NULL,
		rate_shrunk float8,
		rate_percentile float8,
		focus float8,
		authenticity float8,
		relevance float8,
		impressions bigint,
		revenue numeric,
		influence float8,
		influence_lower float8,
		influence_percentile float8,
		PRIMARY KEY (creator_id, program_id, scored_at)
	);
	CREATE INDEX creator_score_time ON influence.creator_score (program_id, scored_at);
	COMMENT ON TABLE influence.creator_score IS 'A creator as scored at a moment, beside what it sells in a program (program_id 0: outside of any, without revenue): best channel''s shrunk rate and percentile, topical focus (0 to 1], authenticity and relevance [0, 1], and influence: attributed, return-adjusted revenue in minor units per 1,000 impressions, shrunk, with its lower bound and percentile within the vertical.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_scores() IS
'Step 15 of install(): size tiers, posts on channels, priors, baselines, scores.';

/*
 * tables_scores.sql
 *
 * Step 15 of install(): posts and topics of creators on their channels, size
 * tiers, what the catalogue is about, and what refresh_scores() makes of it: a
 * run per day with its priors, baselines and scores. Facts carry received_at
 * (recorded_at) and xact, so that a decision of the past sees what was known.
 */
CREATE FUNCTION influence_internal.install_scores()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	INSERT INTO influence.setting (name, value) VALUES
		('influence_days', '90'),
		('scores_kept', '"400 days"'),
		('score_cell_minimum', '10');

	CREATE TABLE influence.size_tier (
		platform text NOT NULL DEFAULT '',
		tier text NOT NULL CHECK (length(tier) BETWEEN 1 AND 40),
		valid_from timestamptz NOT NULL DEFAULT '-infinity',
		followers_from bigint CHECK (followers_from >= 0),
		recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (platform, tier, valid_from)
	);
	COMMENT ON TABLE influence.size_tier IS 'From how many followers on a channel belongs to a tier, by platform ('''' = those without rows of their own); the latest row at a moment holds, followers_from NULL ends the tier.';
	-- known to decisions about every moment
	INSERT INTO influence.size_tier (tier, followers_from, recorded_at, valid_from)
	SELECT t.tier, t.followers_from, '-infinity', '-infinity'
	  FROM (VALUES ('nano', 0), ('micro', 10000), ('mid', 50000), ('macro', 500000), ('mega', 1000000)) t(tier, followers_from);

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
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (creator_id, channel_id, post_ref, measured_at),
		FOREIGN KEY (creator_id, channel_id) REFERENCES influence.channel
	);
	COMMENT ON TABLE influence.channel_post IS 'Single posts on a creator''s channels outside, each as measured at a moment (the latest measurement of a post holds): what robust rates need. followers are those of the channel then; interactions is for sources that give only the sum of likes, comments, shares and saves.';

	CREATE TABLE influence.channel_topic (
		creator_id bigint NOT NULL,
		channel_id bigint NOT NULL,
		measured_at timestamptz NOT NULL CHECK (isfinite(measured_at)),
		topic_id bigint NOT NULL REFERENCES influence.topic,
		posts bigint NOT NULL CHECK (posts > 0),
		received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (creator_id, channel_id, measured_at, topic_id),
		FOREIGN KEY (creator_id, channel_id) REFERENCES influence.channel
	);
	COMMENT ON TABLE influence.channel_topic IS 'How many posts of a channel are about a topic, for channels whose posts are not known one by one; the rows of the latest moment hold.';

	CREATE TABLE influence.category_topic (
		category_id bigint NOT NULL REFERENCES influence.category,
		topic_id bigint NOT NULL REFERENCES influence.topic,
		valid_from timestamptz NOT NULL DEFAULT '-infinity',
		applies boolean NOT NULL,
		recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		PRIMARY KEY (category_id, topic_id, valid_from)
	);
	COMMENT ON TABLE influence.category_topic IS 'Which topics a category of the catalogue, with those below it, is about; the latest row at a moment holds.';

	CREATE TABLE influence.score_run (
		scored_at timestamptz PRIMARY KEY CHECK (isfinite(scored_at)),
		channels bigint NOT NULL,
		creators bigint NOT NULL,
		programs bigint[] NOT NULL,
		recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id()
	);
	COMMENT ON TABLE influence.score_run IS 'What refresh_scores() did, a row per moment that was scored: how many channels and creators, and the programs whose sales gave influence. At a moment the run with the latest scored_at holds; recorded_at and xact tell when it became known.';

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
		usable boolean NOT NULL,
		PRIMARY KEY (fitted_at, platform, vertical, tier)
	);
	COMMENT ON TABLE influence.engagement_prior IS 'What refresh_scores() fitted at a moment to the rates of the channels of a platform, vertical and size tier ('''' = all of them): mean per post, strength in posts (NULL: not estimable, Infinity: creators do not differ), variances. usable: the platform''s own, and others with at least setting score_cell_minimum channels (column creators) and a strength; a channel is shrunk toward the narrowest usable cell. Rows are only added and never dropped: a score keeps the prior it was made with.';

	CREATE TABLE influence.influence_prior (
		fitted_at timestamptz NOT NULL,
		program_id bigint NOT NULL,
		vertical text NOT NULL,
		mean float8 NOT NULL,
		strength float8,
		within_variance float8,
		between_variance float8,
		creators bigint NOT NULL,
		impressions bigint NOT NULL,
		usable boolean NOT NULL,
		PRIMARY KEY (fitted_at, program_id, vertical)
	);
	COMMENT ON TABLE influence.influence_prior IS 'The same for the influence of a program''s creators by vertical ('''' = all): mean in minor units of the program''s currency per impression, strength in impressions.';

	CREATE TABLE influence.score_baseline (
		fitted_at timestamptz NOT NULL,
		metric text NOT NULL,
		program_id bigint NOT NULL DEFAULT 0,
		platform text NOT NULL,
		vertical text NOT NULL,
		tier text NOT NULL,
		country text NOT NULL,
		creators bigint NOT NULL,
		quantiles float8[] NOT NULL CHECK (cardinality(quantiles) = 101),
		PRIMARY KEY (fitted_at, metric, program_id, platform, vertical, tier, country)
	);
	COMMENT ON TABLE influence.score_baseline IS 'The distribution of a metric among the channels of a platform, vertical, tier and country ('''' = all): its 0th to 100th percentiles, as refresh_scores() found them. engagement_shrunk, followers, growth, comments_per_like: by channel, for platform x vertical x tier, platform x vertical, platform x tier, platform x country, platform; focus (program_id 0) and influence (of a program): by creator, platform and tier '''', for vertical, country and all. Cells with fewer than setting score_cell_minimum rows are left out, unless it is the platform''s (or that of all).';

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
		rate_posts bigint NOT NULL,
		views_per_post numeric,
		rate float8,
		rate_median float8,
		rate_trimmed float8,
		rate_shrunk float8,
		rate_lower float8,
		rate_upper float8,
		prior_vertical text,
		prior_tier text,
		growth float8,
		regularity float8,
		comments_per_like float8,
		variation float8,
		follower_jump float8,
		percentile float8,
		PRIMARY KEY (creator_id, channel_id, scored_at)
	);
	CREATE INDEX channel_score_time ON influence.channel_score (scored_at);
	COMMENT ON TABLE influence.channel_score IS 'A channel''s engagement as scored at a moment: posts known, rate_posts that the rate rests on, rate per post by the platform''s denominator (mean, median, 10 % trimmed mean, shrunk toward the prior of the cell platform x prior_vertical x prior_tier, with 95 % bounds), growth of followers per 30 days as a fraction, regularity of posting (0 to 1), comments per like, coefficient of variation of the rates of at least 10 single posts, greatest growth of followers between two snapshots beyond the usual (a factor), percentile of the shrunk rate in the narrowest baseline of its platform, vertical and tier (0 to 100). country, vertical and tier '''' = not known.';

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
		rate_lower float8,
		rate_percentile float8,
		focus float8,
		authenticity float8,
		relevance float8,
		impressions bigint,
		impression_kind text CHECK (impression_kind IN ('view', 'click')),
		revenue numeric,
		influence float8,
		influence_lower float8,
		influence_percentile float8,
		PRIMARY KEY (creator_id, program_id, scored_at)
	);
	CREATE INDEX creator_score_time ON influence.creator_score (scored_at, program_id);
	COMMENT ON TABLE influence.creator_score IS 'A creator as scored at a moment (program_id 0), and beside it what it sells (a row per program in which it had impressions or sales): tier and followers of its largest channel, shrunk rate, lower bound and percentile of the channel with the greatest percentile, topical focus (0 to 1], authenticity and relevance [0, 1], and influence: attributed, return-adjusted revenue in minor units per 1,000 impressions (touches of impression_kind: views, or clicks where the program has no views) in the setting influence_days before, shrunk, with its lower bound and percentile within the vertical.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_scores() IS
'Step 15 of install(): size tiers, posts and topics on channels, topics of the catalogue, priors, baselines, scores.';

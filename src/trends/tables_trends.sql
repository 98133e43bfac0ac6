/*
 * tables_trends.sql
 *
 * Step 20 of install(): decayed counters of what is talked about and bought.
 */
CREATE FUNCTION influence_internal.install_trends()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- scores first: what reads them takes a row apart no further
	CREATE TABLE influence.trend_state (
		kind text COLLATE "C" NOT NULL CHECK (kind IN ('post', 'product', 'creator', 'category')),
		item_id bigint NOT NULL,
		scope_id bigint NOT NULL,
		program_id bigint NOT NULL,
		list_id bigint NOT NULL,
		score_6h float8,
		score_3d float8,
		score_30d float8,
		other_score_6h float8,
		other_score_3d float8,
		other_score_30d float8,
		step_6h float8,
		step_3d float8,
		step_30d float8,
		state_6h bytea NOT NULL,
		state_3d bytea NOT NULL,
		state_30d bytea NOT NULL,
		PRIMARY KEY (kind, item_id, scope_id, program_id)
	) WITH (fillfactor = 70);
	-- The feed reads posts in their exact order from an index. For the others there are only steps in one, which a counter
	-- that many things add to climbs a few times a day: all other new versions of its row need no entry in any index.
	CREATE INDEX trend_state_6h ON influence.trend_state (program_id, kind, score_6h DESC, item_id DESC) INCLUDE (list_id)
		WHERE scope_id = 0 AND score_6h IS NOT NULL;
	CREATE INDEX trend_state_3d ON influence.trend_state (program_id, kind, score_3d DESC, item_id DESC) INCLUDE (list_id)
		WHERE scope_id = 0 AND score_3d IS NOT NULL;
	CREATE INDEX trend_state_30d ON influence.trend_state (program_id, kind, score_30d DESC, item_id DESC) INCLUDE (list_id)
		WHERE scope_id = 0 AND score_30d IS NOT NULL;
	CREATE INDEX trend_state_6h_step ON influence.trend_state (program_id, kind, step_6h DESC) WHERE step_6h IS NOT NULL;
	CREATE INDEX trend_state_3d_step ON influence.trend_state (program_id, kind, step_3d DESC) WHERE step_3d IS NOT NULL;
	CREATE INDEX trend_state_30d_step ON influence.trend_state (program_id, kind, step_30d DESC) WHERE step_30d IS NOT NULL;
	CREATE INDEX trend_state_list ON influence.trend_state (program_id, kind, list_id);
	COMMENT ON TABLE influence.trend_state IS 'Decayed counters: the exact sums of events for half-lives of 6 hours, 3 and 30 days (states of decayed_score()), to which refresh_stats adds what is new, and their scores: log2 of the sum, in half-lives since 2000-01-01 UTC, which keeps its order while time passes (NULL: not above zero). scope_id: creators have a sum per category of what their posts show and all above it, 0 = all; for others it is 0. The scores of all but posts are in other_score_6h, other_score_3d and other_score_30d, which are in no index; where scope_id is 0, step_6h, step_3d and step_30d have them rounded down (to half-lives of 6 hours, and to halves of 3 and 30 days, as so many), in whose order they are read. list_id: the list that the item is in; posts and products: their category (0 = none), creators: scope_id; categories: the one right above. program_id 0: votes, which count in every program and have no score. View trend_rank: all scores, by scope.';

	CREATE TABLE influence.trend_vote (
		product_id bigint NOT NULL,
		voted_at timestamptz NOT NULL,
		weight float8 NOT NULL
	);
	CREATE INDEX trend_vote_product ON influence.trend_vote (product_id);
	COMMENT ON TABLE influence.trend_vote IS 'The votes that are in trend_state, by what they weighed when they were counted (vote_weight, down is negative): what is to be taken off when they weigh something else.';

	CREATE TABLE influence.trend_return (
		visitor_id uuid NOT NULL,
		program_id bigint NOT NULL,
		order_ref text NOT NULL,
		line_no int NOT NULL,
		returned numeric NOT NULL,
		PRIMARY KEY (visitor_id, program_id, order_ref, line_no),
		FOREIGN KEY (visitor_id, program_id, order_ref, line_no) REFERENCES influence.order_line ON UPDATE CASCADE ON DELETE CASCADE
	);
	COMMENT ON TABLE influence.trend_return IS 'How much of an order line (minor units) is taken off in trend_state because it came back, for lines of which something did: what is to be put right when that changes.';

	CREATE TABLE influence.trend_basis (
		only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
		settings jsonb NOT NULL,
		built_at timestamptz NOT NULL DEFAULT now()
	);
	COMMENT ON TABLE influence.trend_basis IS 'The settings with which trend_state was counted (engagement_weights, trend_weights, vote_weights) and the ranks of feed_item (rank_half_life, too), and since when; when they change, all is counted anew.';

	-- what feed_item is computed from
	CREATE TABLE influence.post_sale (
		visitor_id uuid NOT NULL,
		program_id bigint NOT NULL,
		order_ref text NOT NULL,
		line_no int NOT NULL,
		post_id bigint NOT NULL,
		revenue numeric NOT NULL,
		PRIMARY KEY (visitor_id, program_id, order_ref, line_no, post_id),
		FOREIGN KEY (visitor_id, program_id, order_ref, line_no) REFERENCES influence.order_line ON UPDATE CASCADE ON DELETE CASCADE
	);
	CREATE INDEX post_sale_post ON influence.post_sale (post_id);
	COMMENT ON TABLE influence.post_sale IS 'What posts brought in, by order line: the credits (minor units) of the touches that came from the post, less their share of what came back of the line. Written by refresh_stats.';

	CREATE TABLE influence.post_total (
		post_id bigint PRIMARY KEY,
		program_id bigint NOT NULL,
		impressions bigint NOT NULL,
		engagement float8 NOT NULL,
		revenue numeric NOT NULL,
		quality_state bytea,
		reactions bigint[]
	) WITH (fillfactor = 70);
	CREATE INDEX post_total_program ON influence.post_total (program_id);
	COMMENT ON TABLE influence.post_total IS 'All that is known of a post: how often the feed showed it, its engagements by weight (setting engagement_weights), its revenue (minor units, sum of post_sale), and the exact sum behind its quality in feed_item (quality_state, a state of decayed_score() with half-life rank_half_life, to which refresh_stats adds what is new; NULL: its publication alone). reactions: its smiles, unsmiles, comments, shares, saves and clicks, to which refresh_stats adds what is new (NULL: they are summed anew from post_hour). Posts without any have no row. Written by refresh_stats.';

	CREATE TABLE influence.feed_mean (
		program_id bigint PRIMARY KEY,
		engagement float8 NOT NULL,
		revenue float8 NOT NULL,
		since timestamptz NOT NULL DEFAULT now()
	);
	COMMENT ON TABLE influence.feed_mean IS 'Weighted engagements and revenue (minor units) per impression of a program''s posts: what feed_item compares posts with. Written once a day when it has moved enough.';

	INSERT INTO influence.setting (name, value) VALUES
		('feed_shrinkage', '{"impressions": 1000, "drift": 0.05, "formats": 100}'),
		('trend_weights', '{"view": 0.1, "click": 1, "cart": 3, "coupon": 0, "sale": 10}'),
		('trending', '{"candidates": 400}');
	PERFORM influence_internal.create_trend_views();
END
$$;
COMMENT ON FUNCTION influence_internal.install_trends() IS 'Step 20 of install(): decayed counters.';

/*
 * tables_feed.sql
 *
 * Step 18 of install(): what get_feed reads of posts, one narrow row each, and its
 * settings.
 */
CREATE FUNCTION influence_internal.install_feed()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- what is always there first: a row is taken apart faster
	CREATE TABLE influence.feed_item (
		post_id bigint NOT NULL,
		program_id bigint NOT NULL,
		creator_id bigint NOT NULL,
		topic_id bigint NOT NULL DEFAULT 0,
		category_id bigint NOT NULL DEFAULT 0,
		published_at timestamptz NOT NULL,
		media_key bigint NOT NULL,
		quality float8 NOT NULL,
		engagement float8 NOT NULL DEFAULT 0,
		sales float8 NOT NULL DEFAULT 0,
		price bigint,
		expires_at timestamptz,
		language text,
		countries text[],
		-- what indexes can carry of the two, whatever somebody wrote into them
		spoken text GENERATED ALWAYS AS (left(language, 16)) STORED,
		everywhere boolean GENERATED ALWAYS AS (countries IS NULL) STORED,
		-- behind what is small already, so that a row without a sound is no longer
		format "char" NOT NULL DEFAULT 'p' CHECK (format IN ('p', 'v', 's', 'l', 't', 'b')),
		sound_key bigint,
		PRIMARY KEY (post_id) INCLUDE (program_id, creator_id, topic_id, category_id, published_at, media_key, quality, engagement, sales, price,
									   expires_at, spoken, everywhere, format, sound_key)
	) WITH (fillfactor = 85);
	-- A source is a stretch of one of these, read without the table where vacuum has been: a page reads a thousand rows, and
	-- a visit of the table for each takes three times as long.
	CREATE INDEX feed_item_creator ON influence.feed_item (creator_id, published_at DESC, post_id DESC)
		INCLUDE (program_id, topic_id, category_id, media_key, quality, engagement, sales, price, expires_at, spoken, everywhere, format, sound_key);
	CREATE INDEX feed_item_top ON influence.feed_item (program_id, quality DESC, post_id DESC)
		INCLUDE (creator_id, topic_id, category_id, published_at, media_key, engagement, sales, price, expires_at, spoken, everywhere, format, sound_key);
	CREATE INDEX feed_item_topic ON influence.feed_item (program_id, topic_id, quality DESC, post_id DESC)
		INCLUDE (creator_id, category_id, published_at, media_key, engagement, sales, price, expires_at, spoken, everywhere, format, sound_key);
	CREATE INDEX feed_item_recent ON influence.feed_item (program_id, published_at DESC, post_id DESC);
	COMMENT ON TABLE influence.feed_item IS 'What the feed reads of a post, one row each: topic and category (0 = none; the deepest category of its first tag), when and where it may be shown, media_key (hash of its media: duplicates collapse; its post_id where it has none), price (the lowest of its tags in minor units of the program''s currency), quality (log2 of the decayed engagement relative to 2000-01-01 UTC, in half-lives), engagement (log2 of the shrunk engagement per impression over the program''s), sales (log2 of the shrunk revenue per impression over the program''s), spoken and everywhere (of language and countries), format (post_format: p photo, v video of unknown length, s short video, l long video, t story, b live), sound_key (hash of its sound, NULL = none). Written by publish_post and the job refresh_stats.';

	CREATE TABLE influence.feed_format (
		program_id bigint NOT NULL,
		device text COLLATE "C" NOT NULL CHECK (octet_length(device) <= 100),
		shares float8[] NOT NULL CHECK (cardinality(shares) = 6),
		PRIMARY KEY (program_id, device)
	);
	COMMENT ON TABLE influence.feed_format IS 'How much of what viewers engage with falls on each format of posts: photo, video of unknown length, short video, long video, story, live, in this order, fractions of 1. device: of those who use it, shrunk toward everybody; '''' = everybody. The feed compares a viewer with it (feature format). Written by refresh_stats once a day.';

	INSERT INTO influence.setting (name, value) VALUES
		-- how much is looked at: feed_sources.c, feed_intent.c
		('feed_candidates', '{"per_creator": 8, "follow_creators": 50, "per_topic": 100, "topics": 6, "neighbor_items": 10, "per_item": 20,
							  "neighbor_products": 5, "per_product": 4, "product_posts": 3, "trending": 200, "popular": 300, "explore": 60,
							  "explore_places": 10, "explore_days": 30, "history_days": 90, "intent_posts": 40}'),
		-- an engagement weighs half as much when so many came after it
		('feed_history_half', '20'),
		-- the same where neighbours of what it was about are looked for
		('feed_neighbor_half', '2'),
		-- a post in a week, a creator in a day
		('feed_caps', '{"post": 3, "creator": 20}'),
		('feed_intent_window', '"2 hours"');
END
$$;
COMMENT ON FUNCTION influence_internal.install_feed() IS 'Step 18 of install(): what the feed reads of posts.';

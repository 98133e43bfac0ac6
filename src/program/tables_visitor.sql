/*
 * tables_visitor.sql
 *
 * Step 3 of install(): what is kept by visitor: shoppers with interests, follows
 * and blocks, and the two event streams (touches, engagements) in monthly
 * partitions. Every event carries received_at and the transaction that wrote
 * it (xact), so that plain COPY works and the statistics find what is new.
 */
CREATE FUNCTION influence_internal.install_visitors()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE influence.shopper (
		visitor_id uuid PRIMARY KEY,
		external_key text CHECK (length(external_key) <= 200),
		country text CHECK (country ~ '^[A-Z]{2}$'),
		language text CHECK (octet_length(language) <= 100),
		personalised boolean NOT NULL,
		discoverable boolean NOT NULL,
		display_name text CHECK (length(display_name) BETWEEN 1 AND 80),
		name_parts text[],
		content_hash bytea NOT NULL,
		created_at timestamptz NOT NULL DEFAULT now()
	);
	-- of those who can be found
	CREATE INDEX shopper_name_parts ON influence.shopper USING gin (name_parts) WHERE discoverable AND name_parts IS NOT NULL;
	COMMENT ON TABLE influence.shopper IS 'Registered shoppers; guests need no row. display_name is the name that friends find them by, name_parts its trigrams; who is not discoverable is found by nobody.';

	CREATE TABLE influence.interest (
		visitor_id uuid NOT NULL,
		topic_id bigint NOT NULL REFERENCES influence.topic,
		weight float8 NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight <= 1000),
		since timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (visitor_id, topic_id)
	);
	COMMENT ON TABLE influence.interest IS 'The topics a shopper chose, with weights.';

	CREATE TABLE influence.follow (
		visitor_id uuid NOT NULL,
		target_kind text NOT NULL CHECK (target_kind IN ('creator', 'topic')),
		target_id bigint NOT NULL,
		since timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (visitor_id, target_kind, target_id)
	);
	CREATE INDEX follow_latest ON influence.follow (visitor_id, since DESC, target_id DESC) WHERE target_kind = 'creator';
	COMMENT ON TABLE influence.follow IS 'Who a shopper follows: creators and topics.';

	CREATE TABLE influence.follower (
		creator_id bigint NOT NULL,
		visitor_id uuid NOT NULL,
		since timestamptz NOT NULL,
		PRIMARY KEY (creator_id, visitor_id)
	);
	COMMENT ON TABLE influence.follower IS 'The follows of creators a second time, by creator.';

	CREATE TABLE influence.block (
		visitor_id uuid NOT NULL,
		creator_id bigint NOT NULL,
		direction text NOT NULL CHECK (direction IN ('by_shopper', 'by_creator')),
		since timestamptz NOT NULL DEFAULT now(),
		PRIMARY KEY (visitor_id, creator_id, direction)
	);
	COMMENT ON TABLE influence.block IS 'Blocks in either direction; each hides the creator''s posts from the shopper.';

	CREATE TABLE influence.event_key (
		visitor_id uuid NOT NULL,
		event_ref text NOT NULL,
		content_hash bytea NOT NULL,
		occurred_at timestamptz NOT NULL,
		expires timestamptz NOT NULL,
		PRIMARY KEY (visitor_id, event_ref)
	);
	CREATE INDEX event_key_expires ON influence.event_key (expires);
	COMMENT ON TABLE influence.event_key IS 'The retry window for events whose time the server set: the time given to the first call. event_ref is prefixed by the stream.';

	CREATE TABLE influence.touch (
		visitor_id uuid NOT NULL,
		touched_at timestamptz NOT NULL CHECK (isfinite(touched_at)),
		touch_ref text NOT NULL CHECK (length(touch_ref) BETWEEN 1 AND 200),
		program_id bigint NOT NULL,
		kind text NOT NULL CHECK (kind IN ('view', 'click', 'cart', 'coupon')),
		creator_id bigint,
		channel text CHECK (length(channel) <= 200),
		link text CHECK (length(link) <= 8000),
		sub_id text CHECK (length(sub_id) <= 1000),
		campaign_id bigint,
		coupon text CHECK (length(coupon) <= 200),
		post_id bigint,
		list_id bigint,
		position int,
		impression_id bigint,
		product_id bigint,
		category_id bigint,
		price bigint CHECK (price >= 0),
		currency char(3) CHECK (currency ~ '^[A-Z]{3}$'),
		stock bigint CHECK (stock >= 0),
		landing_page text CHECK (length(landing_page) <= 8000),
		referrer text CHECK (length(referrer) <= 8000),
		surface text CHECK (octet_length(surface) <= 100),
		device text CHECK (octet_length(device) <= 100),
		app_version text CHECK (length(app_version) <= 200),
		country text CHECK (country ~ '^[A-Z]{2}$'),
		language text CHECK (octet_length(language) <= 100),
		in_app boolean,
		cta text CHECK (cta IN ('call', 'contact', 'message', 'buy', 'visit')),
		embed text CHECK (embed ~ '^[^/:@[:space:]A-Z]{1,253}$'),
		boosted boolean,
		consent text CHECK (length(consent) <= 8000),
		viewable_ms int CHECK (viewable_ms >= 0),
		session_id text CHECK (length(session_id) <= 200),
		experiment text CHECK (octet_length(experiment) <= 100),
		variant text CHECK (octet_length(variant) <= 100),
		bot_verdict text CHECK (length(bot_verdict) <= 200),
		bot_rules_version int,
		received_at timestamptz NOT NULL DEFAULT now(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		-- what attribution asks of each of a person's touches, which lie all over the table and side by side here
		PRIMARY KEY (visitor_id, touched_at, touch_ref) INCLUDE (kind, creator_id, product_id, category_id, channel, post_id, campaign_id, program_id,
			viewable_ms, received_at)
	) PARTITION BY RANGE (touched_at);
	CREATE INDEX touch_xact ON influence.touch (xact);
	CREATE INDEX touch_time ON influence.touch (touched_at);
	CREATE INDEX touch_creator ON influence.touch (creator_id, touched_at);
	CREATE INDEX touch_product ON influence.touch (product_id, touched_at);
	CREATE INDEX touch_category ON influence.touch (category_id, touched_at);
	-- few touches name the impression that they click on
	CREATE INDEX touch_impression ON influence.touch (impression_id) WHERE kind = 'click' AND impression_id IS NOT NULL;
	-- carts count for longer than the many clicks between them
	CREATE INDEX touch_cart ON influence.touch (visitor_id, touched_at)
		INCLUDE (touch_ref, creator_id, product_id, category_id, channel, post_id, campaign_id, program_id, viewable_ms, received_at) WHERE kind = 'cart';
	COMMENT ON TABLE influence.touch IS 'Every contact of a visitor with a creator''s content or another channel (creator_id NULL), in monthly partitions; price (minor units), currency and stock are those of the touched product at that moment. in_app: the purchase stays in the app, false: it hops to the retailer; cta: the button that was tapped; embed: the host of the page that our content was embedded in, lower case; campaign_id: as stated, else that of the post.';

	CREATE TABLE influence.engagement (
		visitor_id uuid NOT NULL,
		occurred_at timestamptz NOT NULL CHECK (isfinite(occurred_at)),
		event_ref text NOT NULL CHECK (length(event_ref) BETWEEN 1 AND 200),
		kind text NOT NULL CHECK (kind IN ('smile', 'unsmile', 'comment', 'share', 'save', 'vote', 'click', 'hide', 'see_less', 'report')),
		post_id bigint,
		product_id bigint,
		creator_id bigint,
		topic_id bigint,
		format "char",
		sound_key bigint,
		value float8,
		surface text CHECK (octet_length(surface) <= 100),
		device text CHECK (octet_length(device) <= 100),
		device_key int,
		received_at timestamptz NOT NULL DEFAULT now(),
		xact xid8 NOT NULL DEFAULT pg_current_xact_id(),
		-- a history is read without the table
		PRIMARY KEY (visitor_id, occurred_at, event_ref) INCLUDE (kind, post_id, creator_id, topic_id, value, format, device_key, sound_key)
	) PARTITION BY RANGE (occurred_at);
	CREATE INDEX engagement_xact ON influence.engagement (xact);
	-- the rank of a post reads kind and time of all its engagements
	CREATE INDEX engagement_post ON influence.engagement (post_id, occurred_at) INCLUDE (kind);
	CREATE INDEX engagement_unsmile ON influence.engagement (post_id) WHERE kind = 'unsmile';
	COMMENT ON TABLE influence.engagement IS 'Reactions to posts and products, in monthly partitions; creator_id, topic_id, format and sound_key are those of the post (the feed looks them up in feed_item where format is NULL, as after a COPY without them); device_key is a hash of the device, which an index can carry whatever its length.';

	CREATE TABLE influence.touch_default PARTITION OF influence.touch DEFAULT;
	CREATE TABLE influence.engagement_default PARTITION OF influence.engagement DEFAULT;
	COMMENT ON TABLE influence.touch_default IS 'Touches of months that have no partition yet; the daily job moves them.';
	COMMENT ON TABLE influence.engagement_default IS 'Engagements of months that have no partition yet; the daily job moves them.';
	PERFORM influence_internal.renew_partitions('touch', now());
	PERFORM influence_internal.renew_partitions('engagement', now());
END
$$;
COMMENT ON FUNCTION influence_internal.install_visitors() IS
'Step 3 of install(): shoppers, interests, follows, blocks, touches and engagements with their partitions.';

CREATE FUNCTION influence_internal.event_column(parent text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE $1 WHEN 'touch' THEN 'touched_at' WHEN 'impression' THEN 'shown_at' ELSE 'occurred_at' END;
END
$$;
COMMENT ON FUNCTION influence_internal.event_column(text) IS 'The column with the time of an event in touch, engagement or impression, by which the table is partitioned.';

CREATE FUNCTION influence_internal.ensure_partition(parent text, month timestamptz)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '2s'
AS $$
DECLARE
	at_column text := influence_internal.event_column(parent);
	starts_at timestamptz := date_trunc('month', month);
	ends_at timestamptz := date_trunc('month', month) + interval '1 month';
	partition_name text := parent || to_char(month, '_YYYY_MM');
BEGIN
	IF to_regclass(format('influence.%I', partition_name)) IS NOT NULL THEN
		RETURN 0;
	END IF;
	-- the strongest lock at once and nothing else held: writers wait before they choose a partition and cannot
	-- deadlock; where one of them lingers, this gives up after two seconds and the next tick tries again. What decides
	-- about money locks this table, too, before the statement that reads touches: see credit_lines()
	EXECUTE format('LOCK TABLE influence.%I IN ACCESS EXCLUSIVE MODE', parent);
	IF to_regclass(format('influence.%I', partition_name)) IS NOT NULL THEN
		RETURN 0;
	END IF;
	EXECUTE format('CREATE TABLE influence.%I (LIKE influence.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition_name, parent);
	-- rows that arrived before their partition move into it, system columns and all
	EXECUTE format('WITH moved AS (DELETE FROM influence.%1$I WHERE %2$I >= %3$L AND %2$I < %4$L RETURNING *) '
				   'INSERT INTO influence.%5$I SELECT * FROM moved', parent || '_default', at_column, starts_at, ends_at, partition_name);
	EXECUTE format('ALTER TABLE influence.%I ATTACH PARTITION influence.%I FOR VALUES FROM (%L) TO (%L)',
				   parent, partition_name, starts_at, ends_at);
	EXECUTE format('COMMENT ON TABLE influence.%I IS %L', partition_name,
				   format('Rows of influence.%s of %s (UTC).', parent, to_char(month, 'YYYY-MM')));
	RETURN 1;
END
$$;
COMMENT ON FUNCTION influence_internal.ensure_partition(text, timestamptz) IS
'Makes the partition of touch, engagement or impression for a UTC month, unless it is there, moves rows of the default partition into it, and returns how many it made (0 or 1).';

CREATE FUNCTION influence_internal.renew_partitions(parent text, as_of timestamptz)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	month timestamptz;
	made int := 0;
BEGIN
	FOR month IN EXECUTE format(
		'SELECT generate_series(date_trunc(''month'', $1 - interval ''1 month''), date_trunc(''month'', $1 + interval ''3 months''), interval ''1 month'') '
		'UNION '
		'SELECT date_trunc(''month'', d.%1$I) FROM influence.%2$I d '
		'WHERE d.%1$I >= $1 - interval ''24 months'' AND d.%1$I < $1 + interval ''3 months''',
		influence_internal.event_column(parent), parent || '_default') USING as_of
	LOOP
		made := made + influence_internal.ensure_partition(parent, month);
	END LOOP;
	RETURN influence_internal.counted(made, 'partition') || ' made';
END
$$;
COMMENT ON FUNCTION influence_internal.renew_partitions(text, timestamptz) IS
'Makes the partitions of touch, engagement or impression from the month before as_of to three months after, and of months within two years that have rows in the default partition (older rows stay there). One parent a transaction, so that its lock waits for nothing else.';

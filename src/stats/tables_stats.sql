/*
 * tables_stats.sql
 *
 * Step 6 of install(): what is computed from the facts: hourly and daily
 * buckets, the watermarks that say which facts a job has seen, and from when on
 * facts are kept at all.
 */
CREATE FUNCTION influence_internal.install_stats()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bucket text;
BEGIN
	CREATE TABLE influence.watermark (
		name text PRIMARY KEY,
		last_seen pg_snapshot NOT NULL,
		system_identifier bigint NOT NULL,
		moved_at timestamptz NOT NULL DEFAULT now(),
		recount_until xid8
	);
	COMMENT ON TABLE influence.watermark IS 'Per job the snapshot whose facts it has seen; a fact is new when its xact is not visible in it. recount_until (refresh_stats): facts of transactions up to this one may have been counted before their time, so hours that new facts reach are counted anew; NULL = the hours are what last_seen shows, and new facts are added.';

	CREATE TABLE influence.retained (
		parent text PRIMARY KEY CHECK (parent IN ('touch', 'engagement', 'impression')),
		kept_from timestamptz NOT NULL,
		dropped_at timestamptz NOT NULL DEFAULT now()
	);
	COMMENT ON TABLE influence.retained IS 'From when on the facts of a partitioned table are there; older months were dropped (setting retention), and older events are refused.';

	CREATE TABLE influence.sealed_until (
		span text PRIMARY KEY CHECK (span IN ('hour', 'day')),
		bucket_start timestamptz NOT NULL,
		sealed_at timestamptz NOT NULL DEFAULT now()
	);
	COMMENT ON TABLE influence.sealed_until IS 'Buckets of this span that begin before bucket_start were sealed, as far as they were there; none that begins later is.';

	-- rows are updated in place all through their hour: pages leave room for as many versions as there are rows, and no
	-- index has a column that changes
	CREATE TABLE influence.post_hour (
		post_id bigint NOT NULL,
		bucket_start timestamptz NOT NULL,
		part int NOT NULL DEFAULT 0,
		smiles bigint NOT NULL DEFAULT 0,
		unsmiles bigint NOT NULL DEFAULT 0,
		comments bigint NOT NULL DEFAULT 0,
		shares bigint NOT NULL DEFAULT 0,
		saves bigint NOT NULL DEFAULT 0,
		clicks bigint NOT NULL DEFAULT 0,
		visitors bigint NOT NULL DEFAULT 0,
		impressions bigint NOT NULL DEFAULT 0,
		sealed boolean NOT NULL DEFAULT false,
		PRIMARY KEY (post_id, bucket_start, part)
	) WITH (fillfactor = 50);
	COMMENT ON TABLE influence.post_hour IS 'Engagement of a post per UTC hour, by kind, with the distinct visitors, and how often the feed showed it (impressions); what engagement and impression say, whatever the order in which they came. A sealed row never changes again: what comes later makes a further part of the bucket, and the sum over the parts is what the facts say.';

	CREATE TABLE influence.creator_hour (
		creator_id bigint NOT NULL,
		program_id bigint NOT NULL,
		bucket_start timestamptz NOT NULL,
		part int NOT NULL DEFAULT 0,
		views bigint NOT NULL DEFAULT 0,
		clicks bigint NOT NULL DEFAULT 0,
		carts bigint NOT NULL DEFAULT 0,
		coupons bigint NOT NULL DEFAULT 0,
		visitors bigint NOT NULL DEFAULT 0,
		lines bigint NOT NULL DEFAULT 0,
		revenue numeric NOT NULL DEFAULT 0,
		returned numeric NOT NULL DEFAULT 0,
		commission numeric NOT NULL DEFAULT 0,
		clawed_back numeric NOT NULL DEFAULT 0,
		sealed boolean NOT NULL DEFAULT false,
		PRIMARY KEY (creator_id, program_id, bucket_start, part)
	) WITH (fillfactor = 50);
	COMMENT ON TABLE influence.creator_hour IS 'A creator''s touches by kind with distinct visitors, credited order lines and money (minor units: revenue credited, revenue returned, commission, clawed back) per UTC hour in which it happened; what touch and earning say. A sealed row never changes again: what comes later makes a further part of the bucket, and the sum over the parts is what the facts say.';

	CREATE TABLE influence.product_hour (
		product_id bigint NOT NULL,
		program_id bigint NOT NULL,
		bucket_start timestamptz NOT NULL,
		part int NOT NULL DEFAULT 0,
		views bigint NOT NULL DEFAULT 0,
		clicks bigint NOT NULL DEFAULT 0,
		carts bigint NOT NULL DEFAULT 0,
		coupons bigint NOT NULL DEFAULT 0,
		visitors bigint NOT NULL DEFAULT 0,
		lines bigint NOT NULL DEFAULT 0,
		units bigint NOT NULL DEFAULT 0,
		revenue numeric NOT NULL DEFAULT 0,
		returned numeric NOT NULL DEFAULT 0,
		sealed boolean NOT NULL DEFAULT false,
		PRIMARY KEY (product_id, program_id, bucket_start, part)
	) WITH (fillfactor = 50);
	COMMENT ON TABLE influence.product_hour IS 'The touches of a product by kind, of whatever channel, with distinct visitors, and its sales: order lines, pieces (units), revenue and what of it came back (base amounts in minor units of the program''s currency, credited or not) per UTC hour in which it happened; what touch, order_line and order_return say. A sealed row never changes again: what comes later makes a further part of the bucket, and the sum over the parts is what the facts say.';

	CREATE TABLE influence.category_hour (
		category_id bigint NOT NULL,
		program_id bigint NOT NULL,
		bucket_start timestamptz NOT NULL,
		part int NOT NULL DEFAULT 0,
		views bigint NOT NULL DEFAULT 0,
		clicks bigint NOT NULL DEFAULT 0,
		carts bigint NOT NULL DEFAULT 0,
		coupons bigint NOT NULL DEFAULT 0,
		visitors bigint NOT NULL DEFAULT 0,
		lines bigint NOT NULL DEFAULT 0,
		units bigint NOT NULL DEFAULT 0,
		revenue numeric NOT NULL DEFAULT 0,
		returned numeric NOT NULL DEFAULT 0,
		sealed boolean NOT NULL DEFAULT false,
		PRIMARY KEY (category_id, program_id, bucket_start, part)
	) WITH (fillfactor = 50);
	COMMENT ON TABLE influence.category_hour IS 'The same as product_hour by category: the one frozen on the touch, and the deepest of the path frozen on the order line. Each touch and line counts for one category; sum over category.path for a branch of the tree (distinct visitors do not add up).';

	CREATE TABLE influence.post_day (LIKE influence.post_hour INCLUDING DEFAULTS INCLUDING INDEXES) WITH (fillfactor = 70);
	CREATE TABLE influence.creator_day (LIKE influence.creator_hour INCLUDING DEFAULTS INCLUDING INDEXES) WITH (fillfactor = 70);
	CREATE TABLE influence.product_day (LIKE influence.product_hour INCLUDING DEFAULTS INCLUDING INDEXES) WITH (fillfactor = 70);
	CREATE TABLE influence.category_day (LIKE influence.category_hour INCLUDING DEFAULTS INCLUDING INDEXES) WITH (fillfactor = 70);
	COMMENT ON TABLE influence.post_day IS 'post_hour by UTC day; the distinct visitors of the day are counted from the facts.';
	COMMENT ON TABLE influence.creator_day IS 'creator_hour by UTC day; the distinct visitors of the day are counted from the facts.';
	COMMENT ON TABLE influence.product_day IS 'product_hour by UTC day; the distinct visitors of the day are counted from the facts.';
	COMMENT ON TABLE influence.category_day IS 'category_hour by UTC day; the distinct visitors of the day are counted from the facts.';
	FOREACH bucket IN ARRAY '{post_hour,creator_hour,product_hour,category_hour,post_day,creator_day,product_day,category_day}'::text[] LOOP
		-- what happened in an hour or a day, over all keys; and what is to be sealed
		EXECUTE format('CREATE INDEX %I ON influence.%I (bucket_start)', bucket || '_time', bucket);
		EXECUTE format('CREATE INDEX %I ON influence.%I (bucket_start) WHERE NOT sealed', bucket || '_open', bucket);
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.install_stats() IS 'Step 6 of install(): watermarks, hourly and daily buckets.';

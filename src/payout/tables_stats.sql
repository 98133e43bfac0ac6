/*
 * tables_stats.sql
 *
 * Step 6 of install(): what is computed from the facts and can always be
 * computed again: hourly buckets, the decayed rank of posts, and the watermarks
 * that say which facts a job has seen.
 */
CREATE FUNCTION influence_internal.install_stats()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE influence.watermark (
		name text PRIMARY KEY,
		last_seen pg_snapshot NOT NULL,
		system_identifier bigint NOT NULL,
		moved_at timestamptz NOT NULL DEFAULT now()
	);
	COMMENT ON TABLE influence.watermark IS 'Per job the snapshot whose facts it has seen; a fact is new when its xact is not visible in it.';

	CREATE TABLE influence.post_hour (
		post_id bigint NOT NULL,
		bucket_start timestamptz NOT NULL,
		smiles bigint NOT NULL,
		unsmiles bigint NOT NULL,
		comments bigint NOT NULL,
		shares bigint NOT NULL,
		saves bigint NOT NULL,
		clicks bigint NOT NULL,
		visitors bigint NOT NULL,
		sealed boolean NOT NULL DEFAULT false,
		PRIMARY KEY (post_id, bucket_start)
	);
	COMMENT ON TABLE influence.post_hour IS 'Engagement of a post per UTC hour, by kind, with the distinct visitors; recomputed from engagement, never added to.';

	CREATE TABLE influence.creator_hour (
		creator_id bigint NOT NULL,
		program_id bigint NOT NULL,
		bucket_start timestamptz NOT NULL,
		views bigint NOT NULL,
		clicks bigint NOT NULL,
		carts bigint NOT NULL,
		coupons bigint NOT NULL,
		visitors bigint NOT NULL,
		lines bigint NOT NULL,
		revenue numeric NOT NULL,
		returned numeric NOT NULL,
		commission numeric NOT NULL,
		clawed_back numeric NOT NULL,
		sealed boolean NOT NULL DEFAULT false,
		PRIMARY KEY (creator_id, program_id, bucket_start)
	);
	COMMENT ON TABLE influence.creator_hour IS 'A creator''s touches by kind with distinct visitors, credited order lines and money (minor units: revenue credited, revenue returned, commission, clawed back) per UTC hour in which it happened; recomputed from touch and earning.';

	CREATE TABLE influence.post_rank (
		scope text NOT NULL,
		post_id bigint NOT NULL,
		score float8 NOT NULL,
		PRIMARY KEY (scope, post_id)
	) WITH (fillfactor = 50);
	CREATE INDEX post_rank_order ON influence.post_rank (scope, score DESC, post_id DESC);
	COMMENT ON TABLE influence.post_rank IS 'Decayed score of posts, log2 relative to 2000-01-01 UTC, in scope "<program_id>/all" and "<program_id>/topic/<topic_id>": keeps its order while time passes, so only posts with new events are written.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_stats() IS 'Step 6 of install(): watermarks, hourly buckets, post ranks.';

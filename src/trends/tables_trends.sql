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
	CREATE TABLE influence.trend_rank (
		program_id bigint NOT NULL,
		kind text COLLATE "C" NOT NULL CHECK (kind IN ('post', 'product', 'creator', 'category')),
		half_life text COLLATE "C" NOT NULL CHECK (half_life IN ('6h', '3d', '30d')),
		scope_id bigint NOT NULL,
		item_id bigint NOT NULL,
		score float8 NOT NULL,
		PRIMARY KEY (program_id, kind, half_life, scope_id, item_id)
	) WITH (fillfactor = 50);
	CREATE INDEX trend_rank_order ON influence.trend_rank (program_id, kind, half_life, scope_id, score DESC, item_id DESC);
	COMMENT ON TABLE influence.trend_rank IS 'Decayed counters: log2 of the decayed sum of events, in half-lives since 2000-01-01 UTC, which keeps its order while time passes; scope_id is a category of the catalogue with all below it, 0 = all.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_trends() IS 'Step 20 of install(): decayed counters.';

/*
 * tables_neighbors.sql
 *
 * Step 21 of install(): the neighbours of posts and products, and how they are
 * kept.
 */
CREATE FUNCTION influence_internal.install_neighbors()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE TABLE influence.item_neighbor (
		program_id bigint NOT NULL,
		kind text COLLATE "C" NOT NULL CHECK (kind IN ('post', 'product')),
		item_id bigint NOT NULL,
		neighbor_ids bigint[] NOT NULL,
		similarities float8[] NOT NULL,
		-- what differs first: the feed looks lists up
		PRIMARY KEY (program_id, item_id, kind),
		CHECK (cardinality(neighbor_ids) > 0 AND cardinality(similarities) = cardinality(neighbor_ids)
			   AND array_position(neighbor_ids, NULL) IS NULL AND array_position(similarities, NULL) IS NULL)
	) WITH (fillfactor = 80);
	COMMENT ON TABLE influence.item_neighbor IS 'The nearest neighbours of a post or product by the shoppers who chose both: neighbor_ids, the nearest first, and similarities, the shrunk cosine of item_neighbors() with each. Written by the jobs feed_neighbors and all_neighbors; setting feed_neighbors.';

	CREATE TABLE influence.item_audience (
		program_id bigint NOT NULL,
		kind text COLLATE "C" NOT NULL CHECK (kind IN ('post', 'product')),
		item_id bigint NOT NULL,
		shoppers bigint NOT NULL CHECK (shoppers > 0),
		PRIMARY KEY (program_id, kind, item_id)
	) WITH (fillfactor = 80);
	COMMENT ON TABLE influence.item_audience IS 'How many shoppers chose a post or product, in the days and histories that its neighbours come from; what the job feed_neighbors needs of items that nobody chose lately.';

	INSERT INTO influence.setting (name, value) VALUES
		('feed_neighbors', '{"post_days": 90, "product_days": 365, "neighbors": 20, "shrink": 10, "max_history": 200, "merge_shoppers": 100, "merge_change": 0.1, "merge_people": 5000}');
END
$$;
COMMENT ON FUNCTION influence_internal.install_neighbors() IS 'Step 21 of install(): the neighbours of posts and products, how many shoppers chose each, and the setting of the jobs that keep them.';

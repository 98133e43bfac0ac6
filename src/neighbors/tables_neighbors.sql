/*
 * tables_neighbors.sql
 *
 * Step 21 of install(): the neighbours of posts and products.
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
		rank int NOT NULL CHECK (rank > 0),
		neighbor_id bigint NOT NULL,
		similarity float8 NOT NULL,
		PRIMARY KEY (program_id, kind, item_id, rank)
	);
	COMMENT ON TABLE influence.item_neighbor IS 'The nearest neighbours of a post or product by shared shoppers, the nearest first (rank 1); similarity is a shrunk cosine.';
END
$$;
COMMENT ON FUNCTION influence_internal.install_neighbors() IS 'Step 21 of install(): neighbours.';

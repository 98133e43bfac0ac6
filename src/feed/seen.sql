/*
 * seen.sql
 *
 * The seen filter of a visitor: Bloom filters in generations. A row is rewritten
 * by one upsert a call; the oldest generation goes when a fourth begins.
 */
CREATE FUNCTION influence_internal.mark_seen(visitor_id uuid, program_id bigint, post_ids bigint[], at timestamptz)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	newest record;
	filled record;
	before bytea;
	this_generation bigint := 1;
BEGIN
	SELECT f.generation, f.opened_at, f.posts, f.bits INTO newest
	  FROM influence.seen_filter f
	 WHERE f.visitor_id = $1 AND f.program_id = $2
	 ORDER BY f.generation DESC LIMIT 1;
	IF FOUND THEN
		this_generation := newest.generation;
		before := newest.bits;
		-- full is 4,096 posts (SEEN_POSTS); a call brings 500 at most, and they may be known
		IF newest.posts + cardinality($3) > 4096 OR $4 >= newest.opened_at + interval '30 days' THEN
			this_generation := newest.generation + 1;
			before := NULL;
			DELETE FROM influence.seen_filter f WHERE f.visitor_id = $1 AND f.program_id = $2 AND f.generation <= this_generation - 3;
		END IF;
	END IF;
	SELECT a.bits, a.added INTO filled FROM influence_internal.seen_add(before, this_generation, $3) a;
	IF filled.added > 0 OR before IS NULL THEN
		INSERT INTO influence.seen_filter AS f (visitor_id, program_id, generation, opened_at, posts, bits)
		VALUES ($1, $2, this_generation, $4, filled.added, filled.bits)
		ON CONFLICT ON CONSTRAINT seen_filter_pkey DO UPDATE SET posts = f.posts + excluded.posts, bits = excluded.bits;
	END IF;
	RETURN filled.added;
END
$$;
COMMENT ON FUNCTION influence_internal.mark_seen(uuid, bigint, bigint[], timestamptz) IS
'Puts posts into the newest generation of a visitor''s seen filter in a program, or into a new one when it is full (4,096 posts) or 30 days old, and then forgets all but three; returns how many seemed to be new. The caller holds the person''s lock.';

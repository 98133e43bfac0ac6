/*
 * watermark.sql
 *
 * Which facts are new to a job. A watermark is a pg_snapshot: a row is new when
 * the transaction that wrote it is not visible in it. Unlike a greatest id or
 * time it loses nothing that commits late or out of sequence, and a long
 * transaction elsewhere does not stop it.
 */
CREATE FUNCTION influence_internal.open_watermark(name text, OUT last_seen pg_snapshot, OUT upper pg_snapshot, OUT current pg_snapshot)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	own xid8 := pg_current_xact_id();
	stored record;
BEGIN
	-- the row lock lets one job of a name work at a time
	INSERT INTO influence.watermark (name, last_seen, system_identifier) VALUES ($1, '1:1:', 0) ON CONFLICT DO NOTHING;
	SELECT w.last_seen, w.system_identifier = h.system_identifier AS at_home INTO stored
	  FROM influence.watermark w, influence_internal.this_database() h
	 WHERE w.name = $1
	   FOR UPDATE OF w;
	current := pg_current_snapshot();
	IF own < pg_snapshot_xmax(current) THEN
		-- this transaction may write facts after the job: it does not count as seen
		current := (SELECT format('%s:%s:%s', least(own, pg_snapshot_xmin(current)), pg_snapshot_xmax(current),
								  string_agg(x::text, ',' ORDER BY x))
					  FROM (SELECT own UNION SELECT * FROM pg_snapshot_xip(current)) u(x))::pg_snapshot;
	END IF;
	last_seen := stored.last_seen;
	upper := current;
	IF NOT stored.at_home THEN
		-- restored rows carry the transaction ids of another cluster, which mean nothing here: take all there is
		last_seen := '1:1:';
		upper := NULL;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.open_watermark(text) IS
'For a job: the snapshot that it has seen last, the one that bounds what it takes now (NULL = everything, on a first run in a cluster), and the one to close with.';

CREATE FUNCTION influence_internal.close_watermark(name text, seen pg_snapshot)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	UPDATE influence.watermark w
	   SET last_seen = $2, system_identifier = h.system_identifier, moved_at = now()
	  FROM influence_internal.this_database() h
	 WHERE w.name = $1;
END
$$;
COMMENT ON FUNCTION influence_internal.close_watermark(text, pg_snapshot) IS 'Stores what a job has seen, in the transaction of its work.';

CREATE FUNCTION influence_internal.is_fresh(xact xid8, last_seen pg_snapshot, upper pg_snapshot)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT xact OPERATOR(pg_catalog.>=) pg_catalog.pg_snapshot_xmin(last_seen)
		   AND NOT pg_catalog.pg_visible_in_snapshot(xact, last_seen)
		   -- where facts carry the ids of another cluster, most may be ahead of ours: an index leaves them out
		   AND xact OPERATOR(pg_catalog.<) coalesce(pg_catalog.pg_snapshot_xmax(upper), '18446744073709551615'::pg_catalog.xid8)
		   AND (upper IS NULL OR pg_catalog.pg_visible_in_snapshot(xact, upper))
$$;
COMMENT ON FUNCTION influence_internal.is_fresh(xid8, pg_snapshot, pg_snapshot) IS
'Whether a fact is new to a job: written by a transaction that last_seen did not show, and upper (if any) does. Inlined, so that an index on xact serves it.';

CREATE FUNCTION influence_internal.span_of_new(parent text, xact xid8, OUT since timestamptz, OUT until timestamptz)
AS 'MODULE_PATHNAME', 'stats_span_of_new'
LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION influence_internal.span_of_new(text, xid8) IS
'Between which moments (both included) the rows of touch, engagement or impression are that transaction xact or later ones wrote; since is after until where there are none. By whole partitions: as a condition of a query it spares the planner those that have nothing new.';

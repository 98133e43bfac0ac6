/*
 * watermark.sql
 *
 * Which facts are new to a job. A watermark is a pg_snapshot: a row is new when
 * the transaction that wrote it is not visible in it. Unlike a greatest id or
 * time it loses nothing that commits late or out of sequence, and a long
 * transaction elsewhere does not stop it.
 */
CREATE FUNCTION influence_internal.open_watermark(name text, OUT last_seen pg_snapshot, OUT current pg_snapshot)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	own xid8 := pg_current_xact_id();
	system bigint := (SELECT c.system_identifier FROM pg_control_system() c);
BEGIN
	PERFORM influence_internal.lock_key('watermark ' || $1);
	SELECT w.last_seen INTO last_seen FROM influence.watermark w WHERE w.name = $1 AND w.system_identifier = system;
	-- transaction ids mean nothing on another cluster: begin anew there
	last_seen := coalesce(last_seen, '1:1:');
	current := pg_current_snapshot();
	IF own < pg_snapshot_xmax(current) THEN
		-- this transaction may write facts after the job: it does not count as seen
		current := (SELECT format('%s:%s:%s', least(own, pg_snapshot_xmin(current)), pg_snapshot_xmax(current),
								  string_agg(x::text, ',' ORDER BY x))
					  FROM (SELECT own UNION SELECT * FROM pg_snapshot_xip(current)) u(x))::pg_snapshot;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.open_watermark(text) IS
'The snapshot a job has seen last and the one it sees now; one job of a name at a time until the end of the transaction.';

CREATE FUNCTION influence_internal.close_watermark(name text, seen pg_snapshot)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO influence.watermark AS w (name, last_seen, system_identifier)
	VALUES ($1, $2, (SELECT c.system_identifier FROM pg_control_system() c))
	ON CONFLICT ON CONSTRAINT watermark_pkey
	DO UPDATE SET last_seen = excluded.last_seen, system_identifier = excluded.system_identifier, moved_at = now();
END
$$;
COMMENT ON FUNCTION influence_internal.close_watermark(text, pg_snapshot) IS 'Stores what a job has seen, in the transaction of its work.';

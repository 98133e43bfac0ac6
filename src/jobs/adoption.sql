/*
 * adoption.sql
 *
 * Which server may pay. Two servers with the same ledger must not both pay, so
 * the tables remember the one that does; on any other (a dump restored, a
 * physical copy, a promoted standby) paying is refused until it is adopted.
 */
CREATE FUNCTION influence_internal.data_directory_identity()
RETURNS text
AS 'MODULE_PATHNAME', 'cluster_data_directory'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.data_directory_identity() IS
'Inode and birth time of PG_VERSION in the data directory: another one in a copy of the files, the same one in a copy of the blocks of the disk.';

CREATE FUNCTION influence_internal.token_hash()
RETURNS bytea
AS 'MODULE_PATHNAME', 'cluster_token_hash'
LANGUAGE C VOLATILE PARALLEL SAFE;
REVOKE ALL ON FUNCTION influence_internal.token_hash() FROM PUBLIC;
COMMENT ON FUNCTION influence_internal.token_hash() IS
'sha256 of the file pg_influence.token_file, NULL when none is configured. IN009 when it cannot be read, is inside of the data directory, or has not 16 to 4096 bytes.';

CREATE FUNCTION influence_internal.this_database(OUT system_identifier bigint, OUT database_oid oid)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.system_identifier, d.oid FROM pg_control_system() c, pg_database d WHERE d.datname = current_database()
$$;
COMMENT ON FUNCTION influence_internal.this_database() IS 'What tells this database from a dump of it restored elsewhere.';

CREATE FUNCTION influence_internal.this_cluster(OUT system_identifier bigint, OUT database_oid oid, OUT data_directory text, OUT token_hash bytea)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT h.system_identifier, h.database_oid INTO this_cluster.system_identifier, this_cluster.database_oid
	  FROM influence_internal.this_database() h;
	data_directory := influence_internal.data_directory_identity();
	token_hash := influence_internal.token_hash();
END
$$;
COMMENT ON FUNCTION influence_internal.this_cluster() IS 'What tells this server and database from any copy. IN009 when the token cannot be read.';

CREATE FUNCTION influence_internal.require_primary()
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF pg_is_in_recovery() THEN
		PERFORM influence_internal.raise_refused('this server is a standby', 'Jobs and payouts write.',
			'Call it on the primary. After a promotion run SELECT influence.adopt_cluster() here, when the old primary no longer pays.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_primary() IS 'Raises IN005 on a standby.';

CREATE FUNCTION influence_internal.not_adopted()
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	here record;
	adopted record;
BEGIN
	SELECT * INTO here FROM influence_internal.this_cluster();
	SELECT a.* INTO adopted FROM influence.adopted_cluster a;
	RETURN CASE
		WHEN adopted.system_identifier IS NULL THEN 'No server was adopted.'
		WHEN adopted.system_identifier <> here.system_identifier
			THEN format('The program was adopted by cluster %s, this is cluster %s: a dump was restored here, or pg_upgrade made it.',
						adopted.system_identifier, here.system_identifier)
		WHEN adopted.database_oid <> here.database_oid
			THEN format('The program was adopted by database %s of this cluster, this is %s: a dump or template of it.', adopted.database_oid, here.database_oid)
		WHEN adopted.data_directory <> here.data_directory
			THEN 'The program was adopted in another data directory: this is a physical copy (pg_basebackup, restored files, a promoted standby), or the directory was moved to another disk.'
		WHEN adopted.token_hash IS DISTINCT FROM here.token_hash
			THEN CASE WHEN adopted.token_hash IS NULL THEN 'The program was adopted by a server without a token, this one has one.'
					  WHEN here.token_hash IS NULL THEN 'The program was adopted by a server with a token, this one has none (pg_influence.token_file).'
					  ELSE 'The program was adopted by a server with another token (pg_influence.token_file).' END
		END;
END
$$;
COMMENT ON FUNCTION influence_internal.not_adopted() IS 'Why this server may not pay, as a sentence; NULL when it may. IN009 when its token cannot be read.';

CREATE FUNCTION influence_internal.require_adopted()
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	reason text;
BEGIN
	PERFORM influence_internal.require_primary();
	reason := influence_internal.not_adopted();
	IF reason IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'IN009',
			MESSAGE = 'this server may not pay',
			DETAIL = reason,
			HINT = 'If the original no longer pays, run SELECT influence.adopt_cluster().';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_adopted() IS 'Raises IN009 unless this server and database is the one that may pay; IN005 on a standby.';

CREATE FUNCTION influence.adopt_cluster()
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.require_install();
	PERFORM influence_internal.require_primary();
	INSERT INTO influence.adopted_cluster AS a (system_identifier, database_oid, data_directory, token_hash)
	SELECT h.system_identifier, h.database_oid, h.data_directory, h.token_hash FROM influence_internal.this_cluster() h
	ON CONFLICT (only_row) DO UPDATE
	   SET system_identifier = excluded.system_identifier, database_oid = excluded.database_oid, data_directory = excluded.data_directory,
		   token_hash = excluded.token_hash, adopted_at = now()
	 WHERE (a.system_identifier, a.database_oid, a.data_directory, a.token_hash)
		   IS DISTINCT FROM (excluded.system_identifier, excluded.database_oid, excluded.data_directory, excluded.token_hash);
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	-- what was refused is tried again with the next call
	UPDATE influence.job_failure f SET retry_at = now() WHERE f.job = 'payouts' AND f.retry_at > now();
	RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION influence.adopt_cluster() FROM PUBLIC;
COMMENT ON FUNCTION influence.adopt_cluster() IS
'Lets this server pay, after a restore, move, promotion or a new token, once the original no longer does; for members of the owner role. -> status recorded | duplicate. IN005 on a standby; IN009 when pg_influence.token_file names a file that cannot be used.';

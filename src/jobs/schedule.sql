/*
 * schedule.sql
 *
 * Letting pg_cron call run_due() every minute. pg_cron is looked up when it is
 * asked for: it may be in this database, in another one of the cluster, or not
 * there at all. Its rows carry host, port and database, so those of a restored
 * copy point at the original; they are replaced.
 */
CREATE FUNCTION influence_internal.cron_job_name()
RETURNS name
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT format('pg_influence %s', current_database())::name $$;
COMMENT ON FUNCTION influence_internal.cron_job_name() IS 'What pg_cron''s job for this database is called (cut to 63 bytes, as its column does).';

CREATE FUNCTION influence_internal.cron_home()
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN nullif(current_setting('cron.database_name', true), '');
EXCEPTION WHEN insufficient_privilege THEN
	RETURN '';					-- it is set, to what this role may not see
END
$$;
COMMENT ON FUNCTION influence_internal.cron_home() IS 'The database in which pg_cron lives: NULL when it is not loaded, '''' when it is and this role may not see where.';

CREATE FUNCTION influence_internal.cron_rights()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'pg_cron') THEN 'absent'
				WHEN has_schema_privilege('cron', 'USAGE') THEN 'usable' ELSE 'hidden' END
$$;
COMMENT ON FUNCTION influence_internal.cron_rights() IS 'Whether pg_cron is in this database and the current role may look into its schema: absent, usable or hidden.';

CREATE FUNCTION influence_internal.cron_problem(role_name text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner_name text := influence_internal.installed_owner();
BEGIN
	RETURN CASE
		WHEN NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name) THEN format('role "%s" does not exist', role_name)
		WHEN NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name AND r.rolcanlogin) THEN format('role "%s" may not log in', role_name)
		WHEN NOT pg_has_role(role_name, owner_name, 'USAGE') THEN format('role "%s" has not the rights of role "%s"', role_name, owner_name)
		WHEN NOT has_database_privilege(role_name, current_database(), 'CONNECT') THEN format('role "%s" may not connect to this database', role_name)
		END;
END
$$;
COMMENT ON FUNCTION influence_internal.cron_problem(text) IS 'Why pg_cron could not run the jobs as a role; NULL when it can.';

CREATE FUNCTION influence_internal.cron_schedule(job_name text, schedule text, command text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	points_at text := 'SELECT jsonb_agg(to_jsonb(j) - ''jobid'') FROM cron.job j WHERE j.jobname = $1 AND j.username = current_user';
	was jsonb;
	has jsonb;
BEGIN
	EXECUTE points_at INTO was USING cron_schedule.job_name::name;
	IF was IS NULL THEN
		EXECUTE 'SELECT cron.schedule($1, $2, $3)' USING cron_schedule.job_name, cron_schedule.schedule, cron_schedule.command;
		RETURN;
	END IF;
	-- cron.schedule() keeps where an old row points (host, port, database) and whether it is active, and what a new one
	-- would have only pg_cron knows: the old one gives way, unless the new one is the same
	EXECUTE 'SELECT cron.unschedule(j.jobid) FROM cron.job j WHERE j.jobname = $1 AND j.username = current_user' USING cron_schedule.job_name::name;
	EXECUTE 'SELECT cron.schedule($1, $2, $3)' USING cron_schedule.job_name, cron_schedule.schedule, cron_schedule.command;
	EXECUTE points_at INTO has USING cron_schedule.job_name::name;
	IF has = was THEN
		RAISE EXCEPTION USING ERRCODE = 'IN004', MESSAGE = 'the job is scheduled like this', HINT = 'Nothing is to be done.';
	END IF;
EXCEPTION WHEN SQLSTATE 'IN004' THEN
	NULL;						-- back to the old row
END
$$;
COMMENT ON FUNCTION influence_internal.cron_schedule(text, text, text) IS
'Has pg_cron run a command as the current role at this server and database; a row of that name that does so stays, any other one is replaced.';

CREATE FUNCTION influence.schedule_jobs(dry_run boolean DEFAULT false)
RETURNS TABLE (job_name text, schedule text, command text, status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	problem text;
	home text;
	known record;
BEGIN
	PERFORM influence_internal.require_install();
	PERFORM influence_internal.require_primary();
	problem := influence_internal.cron_problem(current_user);
	IF problem IS NOT NULL THEN
		PERFORM influence_internal.raise_refused(problem, 'pg_cron runs a job as the role that schedules it.',
			format('Make a login for the jobs, CREATE ROLE shop_jobs LOGIN IN ROLE %I; and call this as that role.', influence_internal.installed_owner()));
	END IF;
	IF influence_internal.cron_rights() = 'hidden' THEN
		PERFORM influence_internal.raise_refused(format('role "%s" may not use pg_cron', current_user), 'It has no rights on schema cron.',
			format('As a superuser: GRANT USAGE ON SCHEMA cron TO %I;', current_user));
	END IF;
	job_name := influence_internal.cron_job_name();
	schedule := '* * * * *';
	command := 'CALL influence.run_due()';
	IF influence_internal.cron_rights() = 'usable' THEN
		status := 'dry run';
		IF dry_run IS DISTINCT FROM true THEN
			PERFORM pg_advisory_xact_lock(hashtextextended('pg_influence schedule', 0));
			-- a superuser sees the jobs of all roles
			EXECUTE 'SELECT j.username FROM cron.job j WHERE j.jobname = $1 AND j.username <> current_user AND j.database = current_database() AND j.active LIMIT 1'
			   INTO known USING job_name::name;
			IF known.username IS NOT NULL THEN
				status := format('scheduled by role %s already', known.username);
				RETURN NEXT;
				RETURN;
			END IF;
			PERFORM influence_internal.cron_schedule(job_name, schedule, command);
			status := 'scheduled';
		END IF;
	ELSE
		home := influence_internal.cron_home();
		status := CASE WHEN home IS NULL
			THEN 'pg_cron is not loaded: add it to shared_preload_libraries, restart and run CREATE EXTENSION pg_cron in its database, then run this there: '
			WHEN home = current_database() THEN 'pg_cron is not created: run CREATE EXTENSION pg_cron and then this: '
			ELSE format('pg_cron lives in database %s: run this there: ', coalesce(nullif(home, ''), 'cron.database_name')) END
			|| format('SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);', job_name, schedule, command, current_database(), current_user);
	END IF;
	RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION influence.schedule_jobs(boolean) FROM PUBLIC;
COMMENT ON FUNCTION influence.schedule_jobs(boolean) IS
'Registers CALL influence.run_due() with pg_cron for every minute, as the calling role, which must be able to log in and have the rights of the owner role (IN005); where pg_cron is in another database, status holds the statement to run there. dry_run => true only shows it. -> job_name, schedule, command, status (scheduled, dry run, scheduled by another role already, or what to do). Repeating it changes nothing, from two sessions either; a row of pg_cron that came with a copy and points at another server is replaced. IN005 on a standby.';

CREATE FUNCTION influence.unschedule_jobs()
RETURNS TABLE (job_name text, status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	removed bigint;
BEGIN
	job_name := influence_internal.cron_job_name();
	IF influence_internal.cron_rights() = 'hidden' THEN
		PERFORM influence_internal.raise_refused(format('role "%s" may not use pg_cron', current_user), 'It has no rights on schema cron.',
			format('As a superuser: GRANT USAGE ON SCHEMA cron TO %I;', current_user));
	ELSIF influence_internal.cron_rights() = 'absent' THEN
		status := format('pg_cron is not in this database: run this where it is: SELECT cron.unschedule(j.jobid) FROM cron.job j WHERE j.jobname = %L;', job_name);
	ELSE
		PERFORM pg_advisory_xact_lock(hashtextextended('pg_influence schedule', 0));
		EXECUTE 'SELECT count(cron.unschedule(j.jobid)) FROM (SELECT x.jobid FROM cron.job x WHERE x.jobname = $1 ORDER BY x.jobid) j'
		   INTO removed USING job_name::name;
		status := CASE WHEN removed > 0 THEN 'unscheduled' ELSE 'was not scheduled' END;
	END IF;
	RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION influence.unschedule_jobs() FROM PUBLIC;
COMMENT ON FUNCTION influence.unschedule_jobs() IS
'Takes the job of this database away from pg_cron (the calling role''s; a superuser''s call takes those of all roles), or prints the statement for the database where pg_cron is. -> job_name, status.';

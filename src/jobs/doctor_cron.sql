/*
 * doctor_cron.sql
 *
 * The checks of doctor() on pg_cron. Every way in which it is known to stop
 * without a word has its check: not loaded, launcher gone, job missing, twice or
 * of a copy, a role that cannot log in, a connection that is refused, no worker
 * left, ticks that stopped. All its tables are looked up as text, since the
 * extension may not be there.
 */
CREATE FUNCTION influence_internal.doctor_cron()
RETURNS TABLE (check_name text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	home text := influence_internal.cron_home();
	rights text := influence_internal.cron_rights();
	sees_all boolean := pg_has_role(current_user, 'pg_read_all_stats', 'USAGE');
BEGIN
	doctor_cron.check_name := 'pg_cron';
	IF home IS NULL THEN
		doctor_cron.status := 'skipped';
		doctor_cron.detail := 'pg_cron is not loaded';
		doctor_cron.hint := 'Fine if another scheduler calls influence.run_due(); else add pg_cron to shared_preload_libraries and restart.';
		RETURN NEXT;
		RETURN;
	END IF;
	doctor_cron.status := CASE WHEN rights <> 'absent' THEN 'ok' WHEN home = current_database() THEN 'failure' ELSE 'skipped' END;
	doctor_cron.detail := CASE doctor_cron.status WHEN 'ok' THEN 'loaded, and created in this database'
		WHEN 'failure' THEN 'loaded, but not created in this database, which is its own'
		ELSE format('it lives in %s', CASE WHEN home = '' THEN 'another database (cron.database_name)' ELSE 'database ' || home END) END;
	doctor_cron.hint := CASE doctor_cron.status WHEN 'failure' THEN 'CREATE EXTENSION pg_cron; then SELECT * FROM influence.schedule_jobs().'
		WHEN 'skipped' THEN format('Look there: SELECT * FROM cron.job WHERE database = %L; and cron.job_run_details. SELECT status FROM influence.schedule_jobs(true) shows how to schedule.', current_database()) END;
	RETURN NEXT;

	doctor_cron.check_name := 'pg_cron launcher';
	IF NOT sees_all THEN
		doctor_cron.status := 'skipped';
		doctor_cron.detail := 'processes are not visible to this role';
		doctor_cron.hint := 'Call doctor() as a member of pg_monitor.';
	ELSIF EXISTS (SELECT FROM pg_stat_activity a WHERE a.backend_type = 'pg_cron launcher') THEN
		doctor_cron.status := 'ok';
		doctor_cron.detail := 'its process is alive';
		doctor_cron.hint := NULL;
	ELSE
		doctor_cron.status := CASE WHEN pg_is_in_recovery() THEN 'skipped' ELSE 'failure' END;
		doctor_cron.detail := 'its process is gone';
		doctor_cron.hint := 'The server starts it again when it crashed, not when it ended by itself: see the server log, then restart the server. Other schedulers may call influence.run_due() meanwhile.';
	END IF;
	RETURN NEXT;

	IF rights = 'usable' THEN
		RETURN QUERY SELECT j.* FROM influence_internal.doctor_cron_rows() j;
	ELSIF rights = 'hidden' THEN
		doctor_cron.check_name := 'pg_cron job';
		doctor_cron.status := 'skipped';
		doctor_cron.detail := 'schema cron is not visible to this role';
		doctor_cron.hint := 'Call doctor() as a superuser, or as the role that runs the jobs.';
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.doctor_cron() IS 'The checks of doctor() on pg_cron: loaded, created, its launcher alive, and those of doctor_cron_rows().';

CREATE FUNCTION influence_internal.doctor_cron_rows()
RETURNS TABLE (check_name text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mine bigint;
	item record;
	last_run record;
	problem text;
BEGIN
	-- rows of other roles are visible to superusers only
	EXECUTE 'SELECT count(*) FILTER (WHERE j.active) AS active, count(*) AS rows, string_agg(format(''%s of role %s'', j.jobid, j.username), '', '' ORDER BY j.jobid) AS names,'
			' (array_agg(j.jobid ORDER BY j.active DESC, j.jobid))[1] AS jobid, (array_agg(j.username ORDER BY j.active DESC, j.jobid))[1] AS username'
			' FROM cron.job j WHERE j.command ~* $1 AND j.database = current_database()'
	   INTO item USING E'\\minfluence\\.run_due\\M';
	mine := item.jobid;
	doctor_cron_rows.check_name := 'pg_cron job';
	doctor_cron_rows.status := CASE WHEN item.active = 1 THEN 'ok' WHEN item.rows = 0 AND row_security_active('cron.job') THEN 'skipped' ELSE 'warning' END;
	doctor_cron_rows.detail := CASE WHEN item.active = 1 THEN format('scheduled once: job %s', item.names) WHEN item.rows = 0 THEN 'none is scheduled that this role could see'
		WHEN item.active = 0 THEN format('switched off: job %s', item.names) ELSE format('scheduled %s times: jobs %s', item.active, item.names) END;
	doctor_cron_rows.hint := CASE WHEN item.active = 1 THEN NULL WHEN item.active > 1 THEN 'No harm, but one is enough: SELECT cron.unschedule(jobid) for the others.'
		ELSE 'SELECT * FROM influence.schedule_jobs(), as the role that is to run the jobs.' END;
	RETURN NEXT;

	IF mine IS NOT NULL THEN
		doctor_cron_rows.check_name := 'pg_cron role';
		problem := influence_internal.cron_problem(item.username);
		doctor_cron_rows.status := CASE WHEN problem IS NULL THEN 'ok' ELSE 'failure' END;
		doctor_cron_rows.detail := coalesce(problem, format('role "%s" may run the jobs', item.username));
		doctor_cron_rows.hint := CASE WHEN problem IS NOT NULL THEN format('Make a login for the jobs, CREATE ROLE shop_jobs LOGIN IN ROLE %I; and SELECT * FROM influence.schedule_jobs() as that role, unschedule_jobs() as this one.',
			influence_internal.installed_owner()) END;
		RETURN NEXT;
	END IF;

	EXECUTE 'SELECT count(*) AS rows, string_agg(format(''job %s: %s:%s, database %s'', j.jobid, j.nodename, j.nodeport, j.database), ''; '' ORDER BY j.jobid) AS names'
			' FROM cron.job j WHERE j.command ~* $1 AND (j.nodeport <> current_setting(''port'')::int OR NOT EXISTS (SELECT FROM pg_database d WHERE d.datname = j.database))'
	   INTO item USING E'\\minfluence\\.run_due\\M';
	doctor_cron_rows.check_name := 'pg_cron target';
	doctor_cron_rows.status := CASE WHEN item.rows = 0 THEN 'ok' ELSE 'failure' END;
	doctor_cron_rows.detail := CASE WHEN item.rows = 0 THEN 'every job for run_due() points at a database of this server' ELSE format('%s; this server has port %s', item.names, current_setting('port')) END;
	doctor_cron_rows.hint := CASE WHEN item.rows > 0 THEN 'These rows came with a copy and would run on the original. SELECT cron.unschedule(jobid) for each, then SELECT * FROM influence.schedule_jobs() for this database.' END;
	RETURN NEXT;

	IF mine IS NULL OR to_regclass('cron.job_run_details') IS NULL THEN
		RETURN;
	END IF;
	EXECUTE 'SELECT d.status, d.return_message, d.start_time, d.end_time FROM cron.job_run_details d WHERE d.jobid = $1 AND d.status IN (''succeeded'', ''failed'') ORDER BY d.runid DESC LIMIT 1'
	   INTO last_run USING mine;
	doctor_cron_rows.check_name := 'pg_cron runs';
	doctor_cron_rows.hint := NULL;
	IF last_run.status IS NULL THEN
		doctor_cron_rows.status := 'skipped';
		doctor_cron_rows.detail := 'no run of the job ended yet, or cron.log_run is off';
	ELSIF last_run.status = 'succeeded' THEN
		doctor_cron_rows.status := 'ok';
		doctor_cron_rows.detail := format('the last one that ended succeeded, at %s', last_run.end_time);
	ELSE
		doctor_cron_rows.status := 'failure';
		doctor_cron_rows.detail := format('the last one failed: %s', coalesce(trim(last_run.return_message), 'no message'));
		doctor_cron_rows.hint := CASE
			WHEN last_run.return_message ~* 'connection failed|connect' THEN 'pg_cron connects to cron.host without a password, and pg_hba.conf refuses it. Set cron.use_background_workers = on with enough max_worker_processes and restart, or let the job''s role in by trust, peer or .pgpass.'
			WHEN last_run.return_message ~* 'background (process|worker)' THEN 'No worker process was left: raise max_worker_processes and restart.'
			ELSE 'See cron.job_run_details and the server log.' END;
	END IF;
	RETURN NEXT;

	EXECUTE 'SELECT max(d.start_time) FILTER (WHERE d.jobid = $1) AS last_start,'
			' (array_agg(format(''job %s since %s'', d.jobid, d.start_time) ORDER BY d.start_time) FILTER (WHERE d.jobid <> $1 AND d.status = ''running'' AND d.end_time IS NULL))[1] AS other'
			' FROM cron.job_run_details d WHERE d.start_time > now() - interval ''1 day'''
	   INTO last_run USING mine;
	doctor_cron_rows.check_name := 'pg_cron ticks';
	doctor_cron_rows.status := CASE WHEN last_run.last_start IS NULL THEN 'skipped' WHEN last_run.last_start > now() - interval '3 minutes' THEN 'ok' ELSE 'warning' END;
	doctor_cron_rows.detail := CASE WHEN last_run.last_start IS NULL THEN 'no tick in the last day, or cron.log_run is off'
		ELSE format('the last tick was %s ago', date_trunc('second', greatest(now() - last_run.last_start, interval '0'))) END
		|| CASE WHEN doctor_cron_rows.status <> 'ok' AND last_run.other IS NOT NULL THEN '; running: ' || last_run.other ELSE '' END;
	doctor_cron_rows.hint := CASE WHEN doctor_cron_rows.status = 'warning'
		THEN 'A long job holds up the others of pg_cron 1.4 when cron.use_background_workers is on; or the launcher is stuck: see the server log, restart the server. What was missed is caught up.' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.doctor_cron_rows() IS 'The checks of doctor() on the rows of pg_cron that are about this database: scheduled once, by a role that can, at this server, and how the last run ended.';

/*
 * doctor.sql
 *
 * doctor(): what an operator would look at when nothing is paid, as a list of
 * checks with the statement that mends each. It reads with the caller's rights;
 * what the caller may not see is "skipped". What lives in pg_cron is in
 * doctor_cron.sql.
 */
CREATE FUNCTION influence_internal.doctor_install()
RETURNS TABLE (check_name text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	library text := influence.version();
	catalog text := (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_influence');
	done int;
	wanted int;
BEGIN
	check_name := 'library and extension';
	status := CASE WHEN library = catalog THEN 'ok' ELSE 'failure' END;
	detail := format('library %s, extension %s', library, catalog);
	hint := CASE WHEN library <> catalog THEN 'Install the files of the later version, run ALTER EXTENSION pg_influence UPDATE and connect anew.' END;
	RETURN NEXT;
	check_name := 'tables';
	SELECT max(v.step) INTO done FROM influence.schema_version v;
	SELECT max(s.step) INTO wanted FROM influence_internal.install_steps() s;
	status := CASE WHEN done = wanted THEN 'ok' ELSE 'failure' END;
	detail := format('tables at step %s, code at step %s', coalesce(done, 0), wanted);
	hint := CASE WHEN done IS DISTINCT FROM wanted THEN 'Run SELECT influence.install() as a superuser.' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.doctor_install() IS 'The checks of doctor() on versions and steps.';

CREATE FUNCTION influence_internal.doctor_cluster()
RETURNS TABLE (check_name text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	reason text;
	token bytea;
BEGIN
	check_name := 'standby';
	status := CASE WHEN pg_is_in_recovery() THEN 'warning' ELSE 'ok' END;
	detail := CASE WHEN pg_is_in_recovery() THEN 'this is a standby: it serves what only reads' ELSE 'this is a primary' END;
	hint := CASE WHEN pg_is_in_recovery() THEN 'Jobs run on the primary. After a promotion: SELECT influence.adopt_cluster().' END;
	RETURN NEXT;
	check_name := 'may pay';
	hint := NULL;
	BEGIN
		reason := influence_internal.not_adopted();
		token := influence_internal.token_hash();
	EXCEPTION
		WHEN SQLSTATE 'IN009' THEN
			GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	END;
	status := CASE WHEN reason IS NULL THEN 'ok' ELSE 'failure' END;
	detail := coalesce(reason, CASE WHEN token IS NULL
		THEN 'this server was adopted; without a token a copy of the blocks of its disk is not told apart'
		ELSE 'this server was adopted, with its token' END);
	IF reason IS NOT NULL AND hint IS NULL THEN
		hint := 'If the original no longer pays, run SELECT influence.adopt_cluster().';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.doctor_cluster() IS 'The checks of doctor() on the server: primary, adopted.';

CREATE FUNCTION influence_internal.doctor_jobs()
RETURNS TABLE (check_name text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	last_start timestamptz := (SELECT max(r.started_at) FROM influence.job_run r);
	found record;
BEGIN
	doctor_jobs.check_name := 'jobs are called';
	doctor_jobs.status := CASE WHEN last_start > now() - interval '5 minutes' THEN 'ok' ELSE 'failure' END;
	doctor_jobs.detail := CASE WHEN last_start IS NULL THEN 'run_due() was never called'
		ELSE format('run_due() began its last job %s ago', date_trunc('second', greatest(now() - last_start, interval '0'))) END;
	doctor_jobs.hint := CASE WHEN doctor_jobs.status <> 'ok' THEN 'SELECT * FROM influence.schedule_jobs(), or let any scheduler CALL influence.run_due() each minute.' END;
	RETURN NEXT;

	doctor_jobs.check_name := 'clock';
	doctor_jobs.status := CASE WHEN last_start > clock_timestamp() + interval '1 minute' THEN 'warning' ELSE 'ok' END;
	doctor_jobs.detail := CASE WHEN doctor_jobs.status = 'ok' THEN 'no job began in the future' ELSE format('a job began at %s, which is yet to come', last_start) END;
	doctor_jobs.hint := CASE WHEN doctor_jobs.status <> 'ok' THEN 'The clock was put back. Nothing is paid twice; look at the time service of this machine.' END;
	RETURN NEXT;

	SELECT count(*) AS runs, string_agg(DISTINCT r.job, ', ') AS jobs, max(r.started_at) AS at INTO found
	  FROM influence.job_run r
	 WHERE r.status = 'crashed' AND r.started_at > now() - interval '1 day'
	   AND (r.started_at < pg_postmaster_start_time()
			OR NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = r.pid AND a.datname = current_database()));
	doctor_jobs.check_name := 'crashed jobs';
	doctor_jobs.status := CASE WHEN found.runs = 0 THEN 'ok' ELSE 'warning' END;
	doctor_jobs.detail := CASE WHEN found.runs = 0 THEN 'every run of the last day ended' ELSE format('%s of the last day did not end (%s), the last began %s', influence_internal.counted(found.runs, 'run'), found.jobs, found.at) END;
	doctor_jobs.hint := CASE WHEN found.runs > 0 THEN 'What they did was rolled back and is done again. The server log says why they ended: kill, crash, restart, a lost connection.' END;
	RETURN NEXT;

	SELECT count(*) AS jobs, max(f.failures) AS worst, bool_or(f.detail LIKE '%(IN009)') AS not_adopted,
		   (array_agg(format('%s%s%s %s since %s: %s', f.job, CASE WHEN f.program_id > 0 THEN ' of program ' || f.program_id ELSE '' END,
							 CASE WHEN f.period <> '' THEN ' for ' || f.period ELSE '' END, influence_internal.counted(f.failures, 'time'), f.first_failed_at, f.detail) ORDER BY f.failures DESC, f.job, f.program_id, f.period))[1] AS first
	  INTO found
	  FROM influence.job_failure f;
	doctor_jobs.check_name := 'failing jobs';
	doctor_jobs.status := CASE WHEN found.jobs = 0 THEN 'ok' WHEN found.worst < 3 THEN 'warning' ELSE 'failure' END;
	doctor_jobs.detail := CASE WHEN found.jobs = 0 THEN 'none' ELSE format('%s in all; %s', found.jobs, found.first) END;
	doctor_jobs.hint := CASE WHEN found.not_adopted THEN 'This server may not pay. If the original no longer does, run SELECT influence.adopt_cluster().'
						WHEN found.jobs > 0 THEN 'SELECT * FROM influence.job_failure; they are tried again by themselves, at once by CALL influence.run_due() after you mended the cause.' END;
	RETURN NEXT;

	SELECT count(*) AS runs, (array_agg(format('%s in process %s since %s', r.job, r.pid, r.started_at) ORDER BY r.started_at))[1] AS first INTO found
	  FROM influence.job_run r
	 WHERE r.status = 'crashed' AND r.started_at >= pg_postmaster_start_time() AND r.started_at < now() - interval '10 minutes'
	   AND EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = r.pid AND a.datname = current_database());
	doctor_jobs.check_name := 'long jobs';
	doctor_jobs.status := CASE WHEN found.runs = 0 THEN 'ok' ELSE 'warning' END;
	doctor_jobs.detail := CASE WHEN found.runs = 0 THEN 'none runs for more than 10 minutes' ELSE found.first END;
	doctor_jobs.hint := CASE WHEN found.runs > 0 THEN 'SELECT * FROM influence.stat_progress() shows how far it is. It can be cancelled (pg_cancel_backend) and goes on with the next call. pg_cron 1.4 with background workers starts no other job meanwhile.' END;
	RETURN NEXT;

	SELECT count(*) AS months, (array_agg(format('%s of program %s', m.period, g.program_id) ORDER BY m.period, g.program_id))[1] AS first INTO found
	  FROM influence.program g
	 CROSS JOIN LATERAL influence_internal.due_months(g.program_id, g.time_zone, now() - interval '1 hour') m
	 WHERE g.paying;
	doctor_jobs.check_name := 'payouts are run';
	doctor_jobs.status := CASE WHEN found.months = 0 THEN 'ok' ELSE 'failure' END;
	doctor_jobs.detail := CASE WHEN found.months = 0 THEN 'no month has been due for more than an hour' ELSE format('due and not done: %s, first %s', influence_internal.counted(found.months, 'month'), found.first) END;
	doctor_jobs.hint := CASE WHEN found.months > 0 THEN 'CALL influence.run_due() does them; where it fails, influence.job_failure says why.' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.doctor_jobs() IS 'The checks of doctor() on run_due(): called, crashed, failing, long, months due.';

CREATE FUNCTION influence_internal.doctor_money()
RETURNS TABLE (check_name text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	found record;
BEGIN
	SELECT count(*) FILTER (WHERE q.failures > 0) AS failed, count(*) AS persons, now() - min(q.queued_at) AS age,
		   (array_agg(q.error ORDER BY q.failures DESC))[1] AS error INTO found
	  FROM influence.reattribution q;
	doctor_money.check_name := 're-attribution';
	doctor_money.status := CASE WHEN found.failed > 0 OR found.age > interval '1 hour' THEN 'warning' ELSE 'ok' END;
	doctor_money.detail := CASE WHEN found.persons = 0 THEN 'nobody waits' ELSE format('%s waiting, the first for %s; %s failed%s', influence_internal.counted(found.persons, 'person'),
		date_trunc('second', found.age), found.failed, coalesce(': ' || found.error, '')) END;
	doctor_money.hint := CASE WHEN doctor_money.status <> 'ok' THEN 'SELECT * FROM influence.reattribution ORDER BY failures DESC.' END;
	RETURN NEXT;

	SELECT count(DISTINCT (d.program_id, d.month)) FILTER (WHERE d.failures > 0) AS failed,
		   count(DISTINCT (d.program_id, d.month)) AS months, max(d.error) AS error INTO found
	  FROM influence.settlement_due d;
	doctor_money.check_name := 'settlement';
	doctor_money.status := CASE WHEN found.failed > 0 THEN 'failure' ELSE 'ok' END;
	doctor_money.detail := format('%s waiting, %s failed%s', influence_internal.counted(found.months, 'month'), found.failed, coalesce(': ' || found.error, ''));
	doctor_money.hint := CASE WHEN found.failed > 0 THEN 'SELECT * FROM influence.settlement_due WHERE failures > 0; the creators concerned are not paid until it is mended.' END;
	RETURN NEXT;

	-- only where months are closed at all: the one after the last closed is over for more than a month
	SELECT count(*) AS programs, count(*) FILTER (WHERE now() > c.due) AS late, (array_agg(format('%s of program %s', to_char(c.month, 'YYYY-MM'), c.program_id) ORDER BY c.due))[1] AS first
	  INTO found
	  FROM (SELECT g.program_id, l.month, (l.month + interval '2 months') AT TIME ZONE g.time_zone AS due
			  FROM influence.program g
			 CROSS JOIN LATERAL (SELECT (max(x.period) || '-01')::timestamp + interval '1 month' AS month FROM influence.closed_period x
								  WHERE x.program_id = g.program_id) l
			 WHERE l.month IS NOT NULL) c;
	doctor_money.check_name := 'closed months';
	doctor_money.status := CASE WHEN found.programs = 0 THEN 'skipped' WHEN found.late > 0 THEN 'warning' ELSE 'ok' END;
	doctor_money.detail := CASE WHEN found.programs = 0 THEN 'no program has closed a month' WHEN found.late > 0 THEN format('behind: %s, first %s', influence_internal.counted(found.late, 'program'), found.first) ELSE 'closed as far as can be expected' END;
	doctor_money.hint := CASE WHEN found.late > 0 THEN 'SELECT * FROM influence.close_period(program_id, period).' END;
	RETURN NEXT;

	doctor_money.check_name := 'books';
	doctor_money.status := 'skipped';
	doctor_money.detail := 'they take long and are checked apart';
	doctor_money.hint := 'SELECT * FROM influence.check_books(); no row means that they are right.';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.doctor_money() IS 'The checks of doctor() on what stands between facts and payouts.';

CREATE FUNCTION influence_internal.doctor_tables()
RETURNS TABLE (check_name text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
	missing text;
	urgent boolean;
	waiting boolean;
	moved timestamptz;
	found record;
BEGIN
	SELECT string_agg(p.name, ', ' ORDER BY p.name), coalesce(bool_or(p.ahead = 0), false) INTO missing, urgent
	  FROM (SELECT parent || to_char(date_trunc('month', now()) + ahead * interval '1 month', '_YYYY_MM') AS name, ahead
			  FROM unnest(ARRAY['touch', 'engagement', 'impression']) parent CROSS JOIN generate_series(0, 1) ahead) p
	 WHERE to_regclass('influence.' || p.name) IS NULL;
	doctor_tables.check_name := 'partitions';
	doctor_tables.status := CASE WHEN missing IS NULL THEN 'ok' WHEN urgent THEN 'failure' ELSE 'warning' END;
	doctor_tables.detail := coalesce('missing: ' || missing, 'those of this month and the next are there');
	doctor_tables.hint := CASE WHEN missing IS NOT NULL THEN 'CALL influence.run_due() makes them once a day; what comes meanwhile goes to the default partition.' END;
	RETURN NEXT;

	waiting := EXISTS (SELECT FROM influence.touch_default d WHERE d.touched_at >= now() - interval '24 months' AND d.touched_at < now() + interval '3 months')
		OR EXISTS (SELECT FROM influence.engagement_default d WHERE d.occurred_at >= now() - interval '24 months' AND d.occurred_at < now() + interval '3 months')
		OR EXISTS (SELECT FROM influence.impression_default d WHERE d.shown_at >= now() - interval '24 months' AND d.shown_at < now() + interval '3 months');
	doctor_tables.check_name := 'default partitions';
	doctor_tables.status := CASE WHEN waiting THEN 'warning' ELSE 'ok' END;
	doctor_tables.detail := CASE WHEN waiting THEN 'rows of the last two years wait there for a partition' ELSE 'no row waits for a partition' END;
	doctor_tables.hint := CASE WHEN waiting THEN 'The daily jobs touch_partitions, engagement_partitions and impression_partitions move them; they want the table for themselves for a moment and give up after two seconds when a transaction holds it.' END;
	RETURN NEXT;

	SELECT w.moved_at INTO moved FROM influence.watermark w WHERE w.name = 'refresh_stats';
	doctor_tables.check_name := 'statistics';
	doctor_tables.status := CASE WHEN moved > now() - interval '10 minutes' THEN 'ok' ELSE 'warning' END;
	doctor_tables.detail := CASE WHEN moved IS NULL THEN 'never refreshed'
		ELSE format('as of %s ago', date_trunc('second', greatest(now() - moved, interval '0'))) END;
	doctor_tables.hint := CASE WHEN doctor_tables.status <> 'ok' THEN 'SELECT * FROM influence.refresh_stats(), or see why run_due() does not.' END;
	RETURN NEXT;

	doctor_tables.check_name := 'long transactions';
	IF pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN
		SELECT count(*) AS holders, (array_agg(h.what ORDER BY h.since))[1] AS first INTO found
		  FROM (SELECT format('process %s of %s (%s) since %s', a.pid, a.usename, a.state, a.xact_start) AS what, a.xact_start AS since
				  FROM pg_stat_activity a WHERE a.xact_start < now() - interval '1 hour' AND a.backend_type <> 'walsender'
				UNION ALL
				SELECT format('prepared transaction "%s" since %s', x.gid, x.prepared), x.prepared FROM pg_prepared_xacts x WHERE x.prepared < now() - interval '1 hour'
				UNION ALL
				SELECT format('replication slot "%s"', s.slot_name), '-infinity' FROM pg_replication_slots s
				 WHERE greatest(age(s.xmin), age(s.catalog_xmin)) > 10000000) h;
		doctor_tables.status := CASE WHEN found.holders = 0 THEN 'ok' ELSE 'warning' END;
		doctor_tables.detail := CASE WHEN found.holders = 0 THEN 'none is older than an hour' ELSE format('%s in all, first %s', found.holders, found.first) END;
		doctor_tables.hint := CASE WHEN found.holders > 0 THEN 'Vacuum cannot clean up behind them, in any database. What they write is counted when they commit; statistics do not wait for them.' END;
	ELSE
		doctor_tables.status := 'skipped';
		doctor_tables.detail := 'other roles'' sessions are not visible';
		doctor_tables.hint := 'Call doctor() as a member of pg_monitor.';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.doctor_tables() IS 'The checks of doctor() on partitions, statistics and what holds back vacuum.';

CREATE FUNCTION influence.doctor()
RETURNS TABLE (check_name text, status text, detail text, hint text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	part text;
BEGIN
	FOREACH part IN ARRAY ARRAY['install', 'cluster', 'cron', 'jobs', 'money', 'tables'] LOOP
		IF part <> 'install' AND to_regclass('influence.schema_version') IS NULL THEN
			RETURN;
		END IF;
		BEGIN
			RETURN QUERY EXECUTE format('SELECT d.check_name, d.status, d.detail, d.hint FROM influence_internal.%I() d', 'doctor_' || part);
		EXCEPTION
			WHEN insufficient_privilege THEN
				RETURN QUERY SELECT part, 'skipped', SQLERRM, 'Call doctor() as a role with more rights.';
			WHEN undefined_table THEN
				RETURN QUERY SELECT part, 'failure', SQLERRM, 'Run SELECT influence.install() as a superuser.';
			WHEN OTHERS THEN
				RETURN QUERY SELECT part, 'failure', format('the check itself failed: %s (%s)', SQLERRM, SQLSTATE), 'See the server log.';
		END;
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION influence.doctor() FROM PUBLIC;
COMMENT ON FUNCTION influence.doctor() IS
'What keeps the program from doing its work: versions, the server that may pay, pg_cron (loaded, alive, scheduled once, as a role that can, at this server, connecting), jobs (called, crashed, failing, long, months due), re-attribution, settlement, closing, partitions, statistics, long transactions. Reads with the caller''s rights: a superuser or member of pg_monitor sees more, what cannot be seen is skipped. -> check_name, status (ok | warning | failure | skipped), detail, hint: what mends it. check_books() is not part of it.';

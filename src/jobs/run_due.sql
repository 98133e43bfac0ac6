/*
 * run_due.sql
 *
 * run_due() and what it calls. A tick of pg_cron is only a hint: it decides from
 * its own table of periods what is due, catches up what was missed, and does
 * nothing twice. What fails is tried again, less and less often.
 */
CREATE FUNCTION influence_internal.upkeep(as_of timestamptz)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	forgotten bigint;
	pruned bigint;
	ended int;
BEGIN
	DELETE FROM influence.event_key k WHERE k.expires < $1;
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	DELETE FROM influence.job_run r
	 WHERE r.started_at < $1 - CASE WHEN r.period IS NULL OR r.status IN ('skipped', 'failed') THEN interval '7 days' ELSE interval '400 days' END;
	GET DIAGNOSTICS pruned = ROW_COUNT;
	DELETE FROM influence.forgotten_key k WHERE k.forgotten_on < ($1 AT TIME ZONE 'UTC')::date - 30;
	SELECT r.creators INTO ended FROM influence_internal.end_retention(least($1, now())) r;
	RETURN format('%s expired, %s pruned', influence_internal.counted(forgotten, 'retry key'), influence_internal.counted(pruned, 'job run'))
		   || CASE WHEN ended > 0 THEN format(', retention of %s ended', influence_internal.counted(ended, 'creator')) ELSE '' END;
END
$$;
COMMENT ON FUNCTION influence_internal.upkeep(timestamptz) IS
'Forgets expired retry keys, hashes of forgotten visitors after 30 days, job runs after 7 days (without a period, skipped or failed) or 400, and what was kept of creators until their retention ended.';

CREATE FUNCTION influence_internal.job_waits(job text, program_id bigint, period text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a moment that is further away than any pause was set by a clock that has been put back since
	SELECT EXISTS (SELECT FROM influence.job_failure f
					WHERE f.job = $1 AND f.program_id = $2 AND f.period = coalesce($3, '')
					  AND f.retry_at > clock_timestamp() AND f.retry_at <= clock_timestamp() + interval '15 minutes')
$$;
COMMENT ON FUNCTION influence_internal.job_waits(text, bigint, text) IS 'Whether a job that failed several times in a row is not to be tried again yet.';

CREATE FUNCTION influence_internal.due_months(program_id bigint, time_zone text, as_of timestamptz)
RETURNS TABLE (period text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	first_month timestamp;
BEGIN
	-- asking the ledger means reading it: that is for a program whose first month is not done
	SELECT min(p.period || '-01')::timestamp INTO first_month
	  FROM influence.job_period p WHERE p.job = 'payouts' AND p.program_id = $1;
	IF first_month IS NULL THEN
		SELECT date_trunc('month', min(l.available_at) AT TIME ZONE $2) INTO first_month
		  FROM influence.ledger l
		 WHERE l.program_id = $1 AND l.source <> 'payout' AND l.available_at < 'infinity';
	END IF;
	RETURN QUERY
	SELECT to_char(m.month, 'YYYY-MM')
	  FROM generate_series(first_month, date_trunc('month', $3 AT TIME ZONE $2) - interval '1 month', interval '1 month') m(month)
	 WHERE NOT EXISTS (SELECT FROM influence.job_period p
						WHERE p.job = 'payouts' AND p.program_id = $1 AND p.period = to_char(m.month, 'YYYY-MM'));
END
$$;
COMMENT ON FUNCTION influence_internal.due_months(bigint, text, timestamptz) IS
'The complete months of a program whose payouts are not done: from the first that was done, or from its first entry that became available.';

CREATE FUNCTION influence_internal.due_periods(job text, as_of timestamptz)
RETURNS TABLE (program_id bigint, period text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	rhythm text;
BEGIN
	SELECT j.rhythm INTO rhythm FROM influence_internal.job_list() j WHERE j.job = $1;
	IF rhythm = 'daily' THEN
		RETURN QUERY
		SELECT 0::bigint, d.day
		  FROM to_char($2 AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS d(day)
		 WHERE NOT EXISTS (SELECT FROM influence.job_period p WHERE p.job = $1 AND p.program_id = 0 AND p.period = d.day)
		   AND NOT influence_internal.job_waits($1, 0, d.day);
	ELSIF rhythm = 'monthly per program' THEN
		RETURN QUERY
		SELECT g.program_id, m.period
		  FROM influence.program g
		 CROSS JOIN LATERAL influence_internal.due_months(g.program_id, g.time_zone, $2) m
		 WHERE g.paying AND NOT influence_internal.job_waits($1, g.program_id, m.period)
		 ORDER BY m.period, g.program_id;
	ELSIF rhythm = 'each call' THEN
		-- harmless to repeat; reattribute as often as its queue has batches, each in a transaction of its own
		RETURN QUERY
		SELECT 0::bigint, NULL::text
		  FROM generate_series(0, CASE WHEN $1 = 'reattribute' THEN least(200, (SELECT count(*) - 1 FROM influence.reattribution r) / 500) ELSE 0 END)
		 WHERE NOT influence_internal.job_waits($1, 0, NULL);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.due_periods(text, timestamptz) IS
'What of a job is due at a moment, not done, and not waiting after failures: the day of a daily job, every complete month of payouts by program, and once (reattribute: once per batch of its queue) what each call does.';

CREATE FUNCTION influence_internal.require_job_period(job text, program_id bigint, period text, as_of timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.require_arguments('job', $1, 'program_id', $2::text, 'as_of', $4::text);
	PERFORM influence_internal.require_event_time('as_of', $4, interval '10 years');
	IF NOT EXISTS (SELECT FROM influence_internal.job_list() j WHERE j.job = $1) THEN
		PERFORM influence_internal.raise_unknown('job', $1, 'See influence.jobs.');
	ELSIF length($3) > 10 THEN
		PERFORM influence_internal.raise_invalid('the period is too long', format('It has %s characters.', length($3)), 'Give a day or a month as influence.due_periods() does, or NULL.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_job_period(text, bigint, text, timestamptz) IS 'Raises IN002 or IN003 unless a job can be asked for this.';

CREATE FUNCTION influence_internal.do_job(job text, program_id bigint, period text, as_of timestamptz)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- before a lock gives this transaction an id
	looked pg_snapshot := CASE WHEN pg_current_xact_id_if_assigned() IS NULL THEN pg_current_snapshot() END;
	detail text;
BEGIN
	PERFORM influence_internal.require_job_period($1, $2, $3, $4);
	PERFORM FROM influence.job j WHERE j.job = $1 FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		IF NOT EXISTS (SELECT FROM influence.job j WHERE j.job = $1) THEN
			PERFORM influence_internal.raise_unknown('job', $1, 'Run SELECT influence.install().');
		END IF;
		RETURN 'skipped: it runs in another session';
	ELSIF EXISTS (SELECT FROM influence.job_period p WHERE p.job = $1 AND p.program_id = $2 AND p.period = $3) THEN
		RETURN 'skipped: it was done meanwhile';
	END IF;
	IF $1 = 'settle_tiers' AND NOT pg_try_advisory_xact_lock(hashtextextended('pg_influence settlements', 0)) THEN
		RETURN 'skipped: another session settles';		-- a payout run does, too
	END IF;
	PERFORM influence_internal.progress_start($1, nullif($2, 0));
	IF $1 IN ('touch_partitions', 'engagement_partitions', 'impression_partitions') THEN
		detail := influence_internal.renew_partitions(split_part($1, '_', 1), $4);
	ELSIF $1 = 'upkeep' THEN
		detail := influence_internal.upkeep($4);
	ELSIF $1 = 'reattribute' THEN
		SELECT format('%s of %s attributed again, %s waiting, %s failed', influence_internal.counted(r.changed, 'order'), influence_internal.counted(r.persons, 'person'), r.waiting, r.failed)
		  INTO detail FROM influence_internal.reattribute_due(looked) r;
	ELSIF $1 = 'settle_tiers' THEN
		SELECT format('%s for %s booked, %s waiting, %s failed', influence_internal.counted(s.entries, 'entry', 'entries'), influence_internal.counted(s.creators, 'creator'),
					  influence_internal.counted(s.waiting, 'month'), s.failed)
		  INTO detail FROM influence_internal.settle_due() s;
	ELSIF $1 = 'book_earnings' THEN
		SELECT format('%s of %s booked', influence_internal.counted(b.booked, 'entry', 'entries'), influence_internal.counted(b.orders, 'order')) INTO detail FROM influence_internal.book_earnings() b;
	ELSIF $1 = 'refresh_stats' THEN
		SELECT format('%s, %s, %s, %s, %s written', influence_internal.counted(s.post_hours, 'post hour'), influence_internal.counted(s.creator_hours, 'creator hour'),
					  influence_internal.counted(s.product_hours, 'product hour'), influence_internal.counted(s.category_hours, 'category hour'), influence_internal.counted(s.post_ranks, 'post rank'))
		  INTO detail FROM influence_internal.refresh_stats(false) s;
	ELSIF $1 = 'rollups' THEN
		SELECT influence_internal.counted(s.days_written, 'day') || ' written' INTO detail FROM influence_internal.refresh_stats() s;
		detail := detail || (SELECT format(', %s sealed', influence_internal.counted(s.buckets, 'bucket')) FROM influence_internal.seal_stats($4) s);
	ELSIF $1 IN ('touch_retention', 'engagement_retention', 'impression_retention') THEN
		-- charges first: that waits for forget_shopper(), which writes the table that is locked then
		IF $1 = 'impression_retention' THEN
			detail := influence_internal.drop_charges($4);
		END IF;
		detail := concat_ws('; ', influence_internal.drop_expired(split_part($1, '_', 1), $4), detail);
	ELSIF $1 = 'admissions' THEN
		SELECT CASE WHEN a.skipped THEN 'skipped: others apply, '
					ELSE '' END || format('%s looked at, %s admitted, %s rejected', influence_internal.counted(a.looked_at, 'application'), a.admitted, a.rejected)
		  INTO detail FROM influence_internal.reevaluate_applications($4) a;
		IF detail LIKE 'skipped%' THEN
			PERFORM influence_internal.progress_end();
			RETURN detail;				-- with the next call
		END IF;
	ELSIF $1 = 'scores' THEN
		SELECT format('%s, %s, %s scored', influence_internal.counted(r.channels, 'channel'), influence_internal.counted(r.creators, 'creator'), influence_internal.counted(cardinality(r.programs), 'program'))
		  INTO detail FROM influence_internal.refresh_scores($4) r;
	ELSIF $1 = 'fraud' THEN
		SELECT format('%s opened, %s changed, %s', influence_internal.counted(f.opened, 'case'), f.changed, influence_internal.counted(f.held, 'hold')) INTO detail FROM influence_internal.find_fraud($4) f;
	ELSIF $1 = 'charge_sponsors' THEN
		SELECT format('%s and %s of %s counted, %s charged, %s free', influence_internal.counted(c.impressions, 'impression'), influence_internal.counted(c.clicks, 'click'),
					  influence_internal.counted(c.campaigns, 'campaign'), influence_internal.counted(c.amount, 'minor unit'), c.free)
		  INTO detail FROM influence_internal.charge_sponsors() c;
	ELSIF $1 IN ('feed_neighbors', 'all_neighbors') THEN
		SELECT format('neighbours of %s, %s waiting, %s written', influence_internal.counted(r.items, 'item'), r.waiting, influence_internal.counted(r.written, 'row'))
		  INTO detail FROM influence_internal.refresh_neighbors($1 = 'all_neighbors', $4) r;
	ELSIF $1 = 'payouts' THEN
		SELECT format('%s, %s, %s carried', influence_internal.counted(p.payouts, 'payout'), influence_internal.counted(p.amount, 'minor unit'), p.carried)
		  INTO detail FROM influence_internal.run_payouts($2, $3, $4) p;
	END IF;
	PERFORM influence_internal.progress_end();
	IF $3 IS NOT NULL THEN
		INSERT INTO influence.job_period (job, program_id, period) VALUES ($1, $2, $3);
	END IF;
	RETURN detail;
END
$$;
COMMENT ON FUNCTION influence_internal.do_job(text, bigint, text, timestamptz) IS
'Does one period of a job and books it as done, in one transaction; says what it did or why it skipped.';

CREATE FUNCTION influence_internal.start_job(job text, program_id bigint, period text, as_of timestamptz)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	this_run bigint;
BEGIN
	PERFORM influence_internal.require_past($4);
	PERFORM influence_internal.require_job_period($1, $2, $3, $4);
	INSERT INTO influence.job_run (job, program_id, period, as_of, status)
	VALUES ($1, nullif($2, 0), $3, $4, 'crashed')
	RETURNING run_id INTO this_run;
	RETURN this_run;
END
$$;
COMMENT ON FUNCTION influence_internal.start_job(text, bigint, text, timestamptz) IS 'Books a job run as crashed, to be un-booked by end_job(); returns its run_id. For run_due().';

CREATE FUNCTION influence_internal.end_job(run_id bigint, outcome text, failure text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	ended text := CASE WHEN $3 IS NOT NULL THEN 'failed' WHEN $2 LIKE 'skipped%' THEN 'skipped' ELSE 'succeeded' END;
	moment timestamptz := clock_timestamp();
	run record;
BEGIN
	UPDATE influence.job_run r SET finished_at = moment, detail = left(coalesce($3, $2), 10000), status = ended
	 WHERE r.run_id = $1
	RETURNING r.job, coalesce(r.program_id, 0) AS program_id, coalesce(r.period, '') AS period INTO run;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('job run', $1::text, 'Give what influence.start_job() returned.');
	END IF;
	IF ended = 'succeeded' THEN
		DELETE FROM influence.job_failure f WHERE f.job = run.job AND f.program_id = run.program_id AND f.period = run.period;
	ELSIF ended = 'failed' THEN
		-- three times with the next call, then after 1, 2, 4, 8 and always 15 minutes
		INSERT INTO influence.job_failure AS f (job, program_id, period, failures, first_failed_at, last_failed_at, retry_at, detail)
		VALUES (run.job, run.program_id, run.period, 1, moment, moment, moment, left($3, 10000))
		ON CONFLICT ON CONSTRAINT job_failure_pkey DO UPDATE
		   SET failures = f.failures + 1, last_failed_at = excluded.last_failed_at, detail = excluded.detail,
			   retry_at = excluded.last_failed_at + CASE WHEN f.failures < 3 THEN interval '0'
				   ELSE least(interval '1 minute' * power(2, least(f.failures - 3, 10)), interval '15 minutes') END;
	END IF;
	RETURN ended;
END
$$;
COMMENT ON FUNCTION influence_internal.end_job(bigint, text, text) IS 'Books how a job run ended, and returns that: succeeded, skipped or failed. What fails for the fourth time in a row pauses for 1, 2, 4, 8, then always 15 minutes. For run_due().';

CREATE PROCEDURE influence.run_due(as_of timestamptz DEFAULT now())
LANGUAGE plpgsql
AS $$
DECLARE
	-- qualified, since they are looked up before the path is set
	job_name pg_catalog.text;
	item record;
	this_run pg_catalog.int8;
	outcome pg_catalog.text;
	failure pg_catalog.text;
	cancelled pg_catalog.text;
BEGIN
	-- a procedure that commits cannot have a SET clause: the path is set in each transaction anew; every
	-- table is reached through functions that run as the owner role, so what a job makes belongs to it
	PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
	PERFORM influence_internal.require_arguments('as_of', $1::text);
	PERFORM influence_internal.require_finite('as_of', $1);
	PERFORM influence_internal.require_primary();
	IF to_regprocedure('influence.do_job(text,bigint,text,timestamptz)') IS NULL THEN
		PERFORM influence_internal.require_install();
	END IF;
	FOR job_name IN SELECT j.job FROM influence_internal.job_list() j ORDER BY j.ordinal LOOP
		FOR item IN SELECT d.program_id, d.period FROM influence.due_periods(job_name, $1) d LOOP
			PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
			this_run := influence.start_job(job_name, item.program_id, item.period, $1);
			COMMIT;
			PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
			failure := NULL;
			outcome := NULL;
			BEGIN
				outcome := influence.do_job(job_name, item.program_id, item.period, $1);
			EXCEPTION
				WHEN query_canceled THEN
					cancelled := SQLERRM;	-- nothing of it is done; whoever cancels means the rest, too
					outcome := 'skipped: ' || SQLERRM;
				WHEN OTHERS THEN
					failure := format('%s (%s)', SQLERRM, SQLSTATE);
					RAISE WARNING 'job % failed: %', job_name, failure;
			END;
			PERFORM influence.end_job(this_run, outcome, failure);
			COMMIT;
			PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
			IF cancelled IS NOT NULL THEN
				RAISE EXCEPTION USING ERRCODE = 'query_canceled', MESSAGE = cancelled,
					HINT = 'What is due stays due: call influence.run_due() again.';
			END IF;
			-- whoever is at it does what is due in its order: a later month that was paid before would take what is owed for this one
			EXIT WHEN outcome = 'skipped: it runs in another session';
		END LOOP;
	END LOOP;
END
$$;
REVOKE ALL ON PROCEDURE influence.run_due(timestamptz) FROM PUBLIC;
COMMENT ON PROCEDURE influence.run_due(timestamptz) IS
'Does whatever is due at as_of and not done yet, catching up missed periods: partitions, upkeep, fraud, rollups, retention, scores and admissions (daily), reattribute, book_earnings, settle_tiers, refresh_stats and charge_sponsors (each call), payouts (each complete month per program). Commits after each; what another session is at is left to it, with the later periods of that job; a failure is kept in job_run and job_failure, does not stop the others, and is tried again, after the third time with pauses of up to 15 minutes. Cancelling stops it, and the next call goes on. Call it as often as you like, as a member of the owner role; schedule_jobs() lets pg_cron call it every minute; view jobs and doctor() say how it goes. IN005 on a standby.';

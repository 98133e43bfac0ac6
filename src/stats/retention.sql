/*
 * retention.sql
 *
 * Dropping old touches, engagements and impressions, a month's partition at a time, when the
 * setting "retention" says so and nothing needs them any more: their buckets are
 * sealed, every job has seen them, no order can be attributed by them again.
 * What was dropped does not come back: older events are refused.
 */
CREATE FUNCTION influence_internal.kept_from(parent text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN coalesce((SELECT r.kept_from FROM influence.retained r WHERE r.parent = $1), '-infinity');
END
$$;
COMMENT ON FUNCTION influence_internal.kept_from(text) IS 'From when on the facts of touch, engagement or impression are there: -infinity while nothing was dropped.';

CREATE FUNCTION influence_internal.require_kept(parent text, argument text, at timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	since timestamptz := influence_internal.kept_from(parent);
BEGIN
	IF at < since THEN
		PERFORM influence_internal.raise_refused('the event is older than what is kept',
			format('%s: %s; events before %s were dropped.', argument, at, since),
			'The statistics of that time are sealed; see docs/explanation/statistics.md for the setting "retention".');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_kept(text, text, timestamptz) IS 'Raises IN005 for an event of a time whose events were dropped.';

CREATE FUNCTION influence_internal.touches_needed_from(as_of timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
	reach interval;
	first_order timestamptz;
BEGIN
	-- how far before an order a touch counts; the days are for time zones
	SELECT coalesce(max(greatest(p.lookback, p.view_lookback, p.cart_lookback) + p.session_lifetime), '0') + interval '2 days'
	  INTO reach FROM influence.attribution_policy p;
	-- the oldest order that may not be locked, or may still take a return
	SELECT least($1, min($1 - coalesce(y.max_clawback_age, '0') - interval '3 days'
			- CASE WHEN y.hold_after_month_end IS NOT NULL THEN interval '31 days' + make_interval(days => y.hold_after_month_end) ELSE y.hold END))
	  INTO first_order FROM influence.payout_policy y;
	RETURN least(first_order,
		-- held from an event: until that has come, or its cancellation, after which it earns nothing, and the hold after it is over
		(SELECT min(o.ordered_at)
		   FROM influence.orders o
		   JOIN influence.payout_policy y ON y.program_id = o.program_id AND y.valid @> o.ordered_at AND (y.hold_from <> 'placed' OR y.earns_at <> 'placed')
		  WHERE NOT EXISTS (SELECT FROM influence.order_event e
							 WHERE e.visitor_id = o.visitor_id AND e.program_id = o.program_id AND e.order_ref = o.order_ref
							   AND e.state = 'counted'
							   AND (e.kind IN ('delivered', 'cancelled') OR e.kind = 'shipped' AND 'delivered' NOT IN (y.hold_from, y.earns_at))
							   AND e.occurred_at + interval '3 days' + CASE WHEN y.hold_after_month_end IS NOT NULL
										THEN interval '31 days' + make_interval(days => y.hold_after_month_end) ELSE y.hold END < $1)),
		-- waiting to be attributed again
		(SELECT min(q.since) FROM influence.reattribution q)) - reach;
END
$$;
COMMENT ON FUNCTION influence_internal.touches_needed_from(timestamptz) IS
'No order that can still be attributed again, or returned at its creators'' cost within max_clawback_age, looks at touches before this moment: the longest windows before the oldest order whose hold may not be over.';

CREATE FUNCTION influence_internal.is_settled(parent text, until timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	at_column text := influence_internal.event_column($1);
	target text;
	job text;
	mark pg_snapshot;
	found_one boolean;
BEGIN
	FOREACH target IN ARRAY CASE $1 WHEN 'touch' THEN '{creator_hour,product_hour,category_hour,creator_day,product_day,category_day}'::text[]
									ELSE '{post_hour,post_day}' END LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM influence.%I b WHERE b.bucket_start < $1 AND NOT b.sealed)', target) INTO found_one USING $2;
		IF found_one THEN
			RETURN format('%s has buckets that are not sealed', target);
		END IF;
	END LOOP;
	FOREACH job IN ARRAY CASE $1 WHEN 'touch' THEN '{refresh_stats,refresh_days,reattribute}'::text[] ELSE '{refresh_stats,refresh_days}' END LOOP
		SELECT w.last_seen INTO mark FROM influence.watermark w, influence_internal.this_database() h
		 WHERE w.name = job AND w.system_identifier = h.system_identifier;
		IF NOT FOUND THEN
			RETURN format('job %s has not run here', job);
		END IF;
		EXECUTE format('SELECT EXISTS (SELECT FROM influence.%I x WHERE x.%I < $2 AND influence_internal.is_fresh(x.xact, $1, NULL))', $1, at_column)
		   INTO found_one USING mark, $2;
		IF found_one THEN
			RETURN format('job %s has not seen all of it', job);
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION influence_internal.is_settled(text, timestamptz) IS
'Why the facts of touch, engagement or impression before a moment have to stay for the statistics; NULL when they need not: all buckets sealed, every fact seen.';

CREATE FUNCTION influence_internal.drop_expired(parent text, as_of timestamptz)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET lock_timeout = '2s'
-- a constraint that is not there yet is no news
SET client_min_messages = warning
AS $$
#variable_conflict use_column
DECLARE
	at_column text := influence_internal.event_column($1);
	keep interval := (influence_internal.setting_value('retention') ->> $1)::interval;
	wanted timestamptz;
	until timestamptz;
	reason text;
	item record;
	dropped int := 0;
	deleted bigint;
BEGIN
	IF keep IS NULL THEN
		RETURN 'kept for ever';
	END IF;
	-- what is_settled() asks has to be asked after the lock below was waited for
	PERFORM influence_internal.require_read_committed();
	PERFORM influence_internal.require_past($2);
	wanted := date_trunc('month', $2 - greatest(keep, '0'));
	until := CASE $1 WHEN 'touch' THEN least(wanted, date_trunc('month', influence_internal.touches_needed_from($2))) ELSE wanted END;
	IF until <= influence_internal.kept_from($1) OR NOT isfinite(until) THEN
		RETURN CASE WHEN until < wanted THEN 'nothing dropped: orders need what is older' ELSE 'nothing to drop' END;
	END IF;
	-- the strongest lock at once, as in ensure_partition(): nobody adds an event while we look
	EXECUTE format('LOCK TABLE influence.%I IN ACCESS EXCLUSIVE MODE', $1);
	reason := influence_internal.is_settled($1, until);
	IF reason IS NOT NULL THEN
		RETURN 'nothing dropped: ' || reason;
	END IF;
	FOR item IN
		SELECT c.oid::regclass AS name
		  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		 WHERE i.inhparent = ('influence.' || $1)::regclass AND c.relname ~ ('^' || $1 || '_[0-9]{4,}_[0-9]{2}$')
		   AND to_date(right(c.relname, -length($1) - 1), 'YYYY_MM') < until
		 ORDER BY c.relname
	LOOP
		EXECUTE format('DROP TABLE %s', item.name);
		dropped := dropped + 1;
	END LOOP;
	EXECUTE format('DELETE FROM influence.%I x WHERE x.%I < $1', $1 || '_default', at_column) USING until;
	GET DIAGNOSTICS deleted = ROW_COUNT;
	-- what comes by COPY is refused too
	EXECUTE format('ALTER TABLE influence.%1$I DROP CONSTRAINT IF EXISTS %2$I, ADD CONSTRAINT %2$I CHECK (%3$I >= %4$L)',
				   $1 || '_default', $1 || '_kept', at_column, until);
	INSERT INTO influence.retained AS r (parent, kept_from) VALUES ($1, until)
	ON CONFLICT ON CONSTRAINT retained_pkey DO UPDATE SET kept_from = excluded.kept_from, dropped_at = now();
	RETURN format('%s and %s dropped, kept from %s%s', influence_internal.counted(dropped, 'partition'), influence_internal.counted(deleted, 'other row'),
				  to_char(until, 'YYYY-MM-DD'),
				  CASE WHEN until < wanted THEN ': orders need what is later' ELSE '' END);
END
$$;
COMMENT ON FUNCTION influence_internal.drop_expired(text, timestamptz) IS
'Drops the months of touch, engagement or impression that ended longer before as_of than the setting retention says, as far as statistics and orders do not need them; says what it did, or why not. From then on older events are refused. One parent a transaction. IN005 in REPEATABLE READ and SERIALIZABLE.';

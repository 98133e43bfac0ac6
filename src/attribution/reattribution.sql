/*
 * reattribution.sql
 *
 * Attributing again. Until an order is locked (its hold is over), touches that
 * arrive late, merged identities and orders that arrive out of sequence change
 * what it is credited to; the end depends on what is known, not on the order in
 * which it came. What was decided is superseded, never changed: earnings and
 * ledger get entries for the difference. The job finds by watermark what new
 * facts reach, queues the persons, and works the queue off in batches.
 */
CREATE FUNCTION influence_internal.locked_at(program_id bigint, visitor_id uuid, order_ref text, known_at timestamptz DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT t.available_at FROM influence_internal.order_terms($1, $2, $3, $4) t);
END
$$;
COMMENT ON FUNCTION influence_internal.locked_at(bigint, uuid, text, timestamptz) IS
'From when on an order is not attributed again: the end of its hold (infinity while that waits for an event). Nothing is paid before. known_at: as it was known then.';

CREATE FUNCTION influence_internal.reattribute_order(program_id bigint, visitor_id uuid, order_ref text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	decided_at timestamptz := clock_timestamp();
	terms record;
	locked boolean;
	unseen int[];
	arrived boolean;
	booked int := 0;
	lines int[];
	next_revision int;
BEGIN
	SELECT coalesce(array_agg(l.line_no), '{}') INTO unseen
	  FROM influence.order_line l
	 WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3
	   AND NOT EXISTS (SELECT FROM influence.credit c
						WHERE c.visitor_id = $2 AND c.program_id = $1 AND c.order_ref = $3 AND c.line_no = l.line_no);
	IF unseen <> '{}' AND EXISTS (
			SELECT FROM influence.orders o
			 WHERE o.program_id = ANY (influence_internal.scope_programs($1)) AND o.order_ref = $3
			   AND (o.program_id, o.visitor_id) <> ($1, $2)) THEN
		RETURN 'refused';			-- it came by COPY to two visitors or programs; check_books() reports it
	END IF;
	IF unseen <> '{}' THEN
		PERFORM influence_internal.complete_order($1, $2, $3);
	END IF;
	-- what came by COPY: events may move the lock, and both are booked after it too
	arrived := influence_internal.take_in_parked($1, $2, $3);
	SELECT t.* INTO terms FROM influence_internal.order_terms($1, $2, $3) t;
	-- of a forgotten shopper nothing new can be known
	locked := decided_at >= terms.available_at OR EXISTS (SELECT FROM influence.forgotten_visitor f WHERE f.visitor_id = $2);
	IF locked AND unseen = '{}' THEN
		IF arrived OR terms.replacement THEN
			booked := influence_internal.book_order($1, $2, $3);
		END IF;
		RETURN CASE WHEN booked > 0 THEN 'recorded' ELSE 'locked' END;
	END IF;
	SELECT coalesce(max(c.revision) + 1, 0) INTO next_revision
	  FROM influence.credit c WHERE c.visitor_id = $2 AND c.program_id = $1 AND c.order_ref = $3;
	LOCK TABLE ONLY influence.touch IN ACCESS SHARE MODE;		-- as in credit_lines()
	WITH n AS MATERIALIZED (
		SELECT c.line_no, c.touch_ref, c.touch_visitor_id, c.creator_id, c.weight, c.credit, c.reason, c.touched_at, c.touch_position,
			   c.path_length, c.snapshot
		  FROM influence_internal.attribute_order($1, $2, $3) c
	), k AS MATERIALIZED (
		SELECT c.line_no, c.touch_ref, c.touch_visitor_id, c.creator_id, c.weight, c.credit, c.reason, c.touched_at, c.touch_position,
			   c.path_length, c.snapshot
		  FROM influence.credit c
		 WHERE c.visitor_id = $2 AND c.program_id = $1 AND c.order_ref = $3 AND c.superseded_by IS NULL
	)
	SELECT array_agg(DISTINCT d.line_no) INTO lines
	  FROM ((SELECT * FROM n EXCEPT ALL SELECT * FROM k) UNION ALL (SELECT * FROM k EXCEPT ALL SELECT * FROM n)) d
	 WHERE NOT locked OR d.line_no = ANY (unseen);
	IF lines IS NULL THEN
		IF arrived OR terms.replacement THEN
			booked := influence_internal.book_order($1, $2, $3);
		END IF;
		RETURN CASE WHEN booked > 0 THEN 'recorded' ELSE 'duplicate' END;
	END IF;
	UPDATE influence.credit c SET superseded_by = decided_at, xact = pg_current_xact_id()
	 WHERE c.visitor_id = $2 AND c.program_id = $1 AND c.order_ref = $3 AND c.line_no = ANY (lines) AND c.superseded_by IS NULL;
	PERFORM influence_internal.credit_lines($1, $2, $3, next_revision, lines);
	PERFORM influence_internal.book_order($1, $2, $3, next_revision);
	RETURN 'recorded';
END
$$;
COMMENT ON FUNCTION influence_internal.reattribute_order(bigint, uuid, text) IS
'Attributes an order with what is known now, under the lock of its person: recorded (credits changed: the old ones are superseded, the differences booked; or an event or return that came by COPY was booked), duplicate (they are the same), locked (its hold is over; lines that were never attributed are, even then), refused (it came by COPY under two visitors or programs).';

CREATE FUNCTION influence_internal.reattribute(program_id bigint, order_ref text, visitor_id uuid DEFAULT NULL)
RETURNS TABLE (status text, line_count int, amount bigint, credited bigint, unattributed bigint, commission bigint,
			   clawed_back bigint, creators int, refused_returns int, remarks text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	buyer uuid;
	outcome text;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('order_ref', $2);
	buyer := influence_internal.order_visitor($1, $2, $3);
	PERFORM influence_internal.lock_person(buyer);
	outcome := influence_internal.reattribute_order($1, buyer, $2);
	RETURN QUERY SELECT outcome, s.* FROM influence_internal.order_summary($1, buyer, $2) s;
END
$$;
COMMENT ON FUNCTION influence_internal.reattribute(bigint, text, uuid) IS
'Attributes an order again with the touches, aliases, coupons and creator accounts known now, under the policy that it was first attributed under; the jobs do so by themselves for late touches and merges. visitor_id is needed only where two visitors have the same order_ref. -> status recorded | duplicate (nothing changed) | locked (its hold is over: nothing is attributed again) | refused (the order is in two programs of a group), and the order''s sums as record_order. IN002, IN003.';

CREATE FUNCTION influence_internal.reattribution_horizon()
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT coalesce(min(CASE WHEN y.hold_from <> 'placed' THEN '-infinity'	-- held from an event that may be yet to come
						ELSE now() - interval '3 days' - CASE WHEN y.hold_after_month_end IS NOT NULL
							THEN interval '31 days' + make_interval(days => y.hold_after_month_end) ELSE y.hold END END), now())
			  FROM influence.payout_policy y);
END
$$;
COMMENT ON FUNCTION influence_internal.reattribution_horizon() IS 'Orders placed before this moment are locked for sure.';

CREATE FUNCTION influence_internal.queue_reattribution(looked pg_snapshot DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mark record;
	began_before xid8;
	horizon timestamptz;
	queued bigint;
BEGIN
	SELECT * INTO mark FROM influence_internal.open_watermark('reattribute');
	IF $1 IS NOT NULL AND mark.upper IS NOT NULL THEN
		mark.upper := $1;
	END IF;
	-- orders with a lesser transaction id may have looked for their touches before the last run did
	SELECT pg_snapshot_xmax(w.last_seen) INTO began_before FROM influence.watermark w WHERE w.name = 'reattribute orders';
	horizon := influence_internal.reattribution_horizon();
	INSERT INTO influence.reattribution AS q (visitor_id, since)
	SELECT influence_internal.person_of(n.visitor_id), min(n.since)
	  FROM (-- touches that happened before an order: most touches have none after them yet
			SELECT t.visitor_id, t.since
			  FROM (SELECT x.visitor_id, min(x.touched_at) AS since FROM influence.touch x
					 WHERE influence_internal.is_fresh(x.xact, mark.last_seen, mark.upper)
					 GROUP BY x.visitor_id) t
			 WHERE EXISTS (SELECT FROM influence.orders o WHERE o.visitor_id = t.visitor_id AND o.ordered_at >= greatest(t.since, horizon))
				OR ((EXISTS (SELECT FROM influence.visitor_alias a WHERE a.visitor_id = t.visitor_id)
					 OR EXISTS (SELECT FROM influence.visitor_alias a WHERE a.shopper_id = t.visitor_id))
					AND EXISTS (SELECT FROM unnest(influence_internal.person_visitors(t.visitor_id)) v
								  JOIN influence.orders o ON o.visitor_id = v AND o.ordered_at >= greatest(t.since, horizon)))
			UNION ALL
			-- merges
			SELECT a.visitor_id, '-infinity' FROM influence.visitor_alias a
			 WHERE influence_internal.is_fresh(a.xact, mark.last_seen, mark.upper)
			UNION ALL
			-- lines that came by COPY
			SELECT l.visitor_id, o.ordered_at
			  FROM influence.order_line l
			  JOIN influence.orders o ON o.visitor_id = l.visitor_id AND o.program_id = l.program_id AND o.order_ref = l.order_ref
			 WHERE influence_internal.is_fresh(l.xact, mark.last_seen, mark.upper)
			   AND NOT EXISTS (SELECT FROM influence.credit c WHERE c.visitor_id = l.visitor_id AND c.program_id = l.program_id
								AND c.order_ref = l.order_ref AND c.line_no = l.line_no)
			UNION ALL
			-- orders that were being recorded during the last run: they may not have seen what that run saw
			SELECT o.visitor_id, o.ordered_at FROM influence.orders o
			 WHERE influence_internal.is_fresh(o.xact, mark.last_seen, mark.upper) AND (began_before IS NULL OR o.xact < began_before)
			   AND (o.ordered_at >= horizon
					OR EXISTS (SELECT FROM influence.order_event e WHERE e.program_id = o.program_id AND e.order_ref = o.order_ref AND e.state = 'parked')
					OR EXISTS (SELECT FROM influence.order_return r WHERE r.program_id = o.program_id AND r.order_ref = o.order_ref AND r.state = 'parked'))
			UNION ALL
			-- events and returns that came by COPY to an order that was there
			SELECT o.visitor_id, least(o.ordered_at, (SELECT min(x.ordered_at) FROM influence.orders x
													   WHERE x.program_id = e.program_id AND x.order_ref = e.replacement_ref))
			  FROM influence.order_event e
			  JOIN influence.orders o ON o.program_id = e.program_id AND o.order_ref = e.order_ref
			 WHERE influence_internal.is_fresh(e.xact, mark.last_seen, mark.upper) AND e.state = 'parked'
			UNION ALL
			SELECT o.visitor_id, o.ordered_at
			  FROM influence.order_return r
			  JOIN influence.orders o ON o.program_id = r.program_id AND o.order_ref = r.order_ref
			 WHERE influence_internal.is_fresh(r.xact, mark.last_seen, mark.upper) AND r.state = 'parked'
			UNION ALL
			-- orders that came after a later one, where orders consume touches
			SELECT o.visitor_id, o.ordered_at
			  FROM influence.orders o
			 CROSS JOIN LATERAL (SELECT influence_internal.scope_programs(o.program_id) AS programs OFFSET 0) s
			 WHERE influence_internal.is_fresh(o.xact, mark.last_seen, mark.upper)
			   AND EXISTS (SELECT FROM influence.attribution_policy p WHERE p.program_id = ANY (s.programs) AND p.reuse <> 'reuse')
			   AND EXISTS (SELECT FROM unnest(influence_internal.person_visitors(o.visitor_id)) v
							 JOIN influence.orders x ON x.visitor_id = v AND x.program_id = ANY (s.programs)
								  AND x.ordered_at >= greatest(o.ordered_at, horizon)
							WHERE (x.visitor_id, x.program_id, x.order_ref) <> (o.visitor_id, o.program_id, o.order_ref))) n
	 GROUP BY 1
	ON CONFLICT ON CONSTRAINT reattribution_pkey DO UPDATE SET since = least(q.since, excluded.since);
	GET DIAGNOSTICS queued = ROW_COUNT;
	PERFORM influence_internal.close_watermark('reattribute', coalesce($1, mark.current));
	-- whoever gets a transaction id after ours looks after $1 was taken; without $1 nobody is sure to
	DELETE FROM influence.watermark w WHERE w.name = 'reattribute orders';
	INSERT INTO influence.watermark (name, last_seen, system_identifier)
	SELECT 'reattribute orders', format('%s:%s:', own, own)::pg_snapshot, h.system_identifier
	  FROM pg_current_xact_id() own, influence_internal.this_database() h
	 WHERE $1 IS NOT NULL;
	RETURN queued;
END
$$;
COMMENT ON FUNCTION influence_internal.queue_reattribution(pg_snapshot) IS
'Queues the persons whose orders the facts written since the last run may reach, with the moment from which on; returns how many. looked: a snapshot taken before this transaction had an id, if there is one. Nothing is lost that commits late: an order that did not see a touch, or a touch that came after it, is found by whichever becomes visible later.';

CREATE FUNCTION influence_internal.reattribute_person(visitor_id uuid, since timestamptz, OUT changed int)
LANGUAGE plpgsql
-- one plan that goes by indexes, as for the writers
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	o record;
BEGIN
	changed := 0;
	FOR o IN
		SELECT x.program_id, x.visitor_id, x.order_ref
		  FROM unnest(influence_internal.person_visitors($1)) v
		  JOIN influence.orders x ON x.visitor_id = v AND x.ordered_at >= $2
		 ORDER BY x.ordered_at, x.order_ref COLLATE "C", x.program_id, x.visitor_id
	LOOP
		changed := changed + (influence_internal.reattribute_order(o.program_id, o.visitor_id, o.order_ref) = 'recorded')::int;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.reattribute_person(uuid, timestamptz) IS
'Attributes the orders of a person from a moment on again, as far as they are not locked; returns how many changed. The caller holds the person''s lock.';

CREATE FUNCTION influence_internal.reattribute_due(looked pg_snapshot DEFAULT NULL, batch int DEFAULT 500, OUT queued bigint, OUT persons int, OUT changed int, OUT waiting int,
	OUT failed int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- days are 24 hours in what is elapsed, whoever calls
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
	q record;
BEGIN
	queued := influence_internal.queue_reattribution($1);
	persons := 0;
	changed := 0;
	waiting := 0;
	failed := 0;
	PERFORM influence_internal.progress_phase('persons', (SELECT least($2, count(*)) FROM influence.reattribution r));
	FOR q IN SELECT r.* FROM influence.reattribution r ORDER BY r.failures, r.queued_at, r.visitor_id LIMIT $2 LOOP
		-- a job that locks many persons waits for none: who is being served now has its turn in the next run
		IF NOT influence_internal.try_lock_person(q.visitor_id) THEN
			UPDATE influence.reattribution r SET queued_at = clock_timestamp() WHERE r.visitor_id = q.visitor_id;
			waiting := waiting + 1;
			CONTINUE;
		END IF;
		BEGIN
			changed := changed + influence_internal.reattribute_person(q.visitor_id, q.since);
			DELETE FROM influence.reattribution r WHERE r.visitor_id = q.visitor_id;
			persons := persons + 1;
			PERFORM influence_internal.progress_step(1);
		EXCEPTION WHEN OTHERS THEN
			UPDATE influence.reattribution r SET failures = r.failures + 1, error = format('%s (%s)', SQLERRM, SQLSTATE)
			 WHERE r.visitor_id = q.visitor_id;
			failed := failed + 1;
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.reattribute_due(pg_snapshot, int) IS
'The job reattribute: queues what new facts reach, then works off at most so many persons of the queue; those whose lock another session holds wait for the next run, those that fail keep the error in table reattribution.';

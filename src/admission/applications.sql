/*
 * applications.sql
 *
 * Applications, decisions by hand, and what they mean for posting and earning.
 *
 * What the rules decide is a row of application with a row per reason, what
 * people decide afterwards a row of application_decision; both are only added
 * to, and view admission_history is both. The last decision at a moment holds.
 *
 * Locks: 'applications' shared (the nightly job takes it alone), 'creator facts'
 * of the creator (so its writers come before or after a decision, not between),
 * 'admission rules' of the program shared (so do those who change them).
 */
CREATE FUNCTION influence_internal.share_key(key text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.require_read_committed();
	PERFORM pg_advisory_xact_lock_shared(hashtextextended('pg_influence ' || key, 0));
END
$$;
COMMENT ON FUNCTION influence_internal.share_key(text) IS 'Keeps those off who lock_key() the same key until the end of the transaction, not others who share it; IN005 in REPEATABLE READ and SERIALIZABLE.';

CREATE FUNCTION influence_internal.decide_creators(program_id bigint, creator_ids bigint[], at timestamptz, actor text, wanted text[])
RETURNS TABLE (creator_id bigint, application_id bigint, decision text, reasons jsonb, reapply_after timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	known_at timestamptz := clock_timestamp();
	pause interval := (influence_internal.setting_value('reapply_after') #>> '{}')::interval;
	time_zone text := (SELECT p.time_zone FROM influence.program p WHERE p.program_id = $1);
	low bigint := (SELECT min(i) FROM unnest($2) i);
	high bigint := (SELECT max(i) FROM unnest($2) i);
BEGIN
	-- one statement: what is stored as seen is what was judged by
	RETURN QUERY
	WITH sight AS MATERIALIZED (
		SELECT influence_internal.seen_snapshot() AS seen
	), judged AS MATERIALIZED (
		SELECT j.*, nextval(pg_get_serial_sequence('influence.application', 'application_id')) AS application_id,
			   CASE WHEN j.decision = 'rejected' THEN influence_internal.calendar_add($3, pause, time_zone) END AS reapply_after
		  FROM sight s
		 CROSS JOIN LATERAL influence_internal.judged_creators($1, $2, $3, known_at, s.seen) j
		 WHERE j.decision = ANY ($5)
	), facts AS (
		SELECT f.creator_id,
			   (array_agg(f.followers ORDER BY f.followers DESC NULLS LAST, f.channel_id))[1] AS followers,
			   (array_agg(nullif(f.tier, '') ORDER BY f.followers DESC NULLS LAST, f.channel_id))[1] AS tier,
			   jsonb_agg(to_jsonb(f) - '{creator_id,country,vertical,state}'::text[] ORDER BY f.channel_id) AS metrics
		  FROM sight s
		 CROSS JOIN LATERAL influence_internal.channel_measures($2, low, high, $3, known_at, s.seen) f
		 GROUP BY f.creator_id
	), stored AS (
		INSERT INTO influence.application (creator_id, application_id, program_id, submitted_at, decided_at, decision, actor,
										   reapply_after, metrics, known_at, seen, country, vertical, followers, tier)
		SELECT j.creator_id, j.application_id, $1, $3, $3, j.decision, $4, j.reapply_after, coalesce(f.metrics, '[]'), known_at, s.seen,
			   w.country, w.vertical, f.followers, f.tier
		  FROM sight s
		 CROSS JOIN judged j
		 CROSS JOIN LATERAL influence_internal.creator_at(ARRAY[j.creator_id], $3, known_at, s.seen) w
		  LEFT JOIN facts f ON f.creator_id = j.creator_id
	), why AS (
		INSERT INTO influence.application_reason (creator_id, application_id, rule_id, version, metric, platform, value, comparison,
												  threshold, effect, passed)
		SELECT j.creator_id, j.application_id, r.rule_id, r.version, r.metric, r.platform, r.value, r.comparison, r.threshold, r.effect, r.passed
		  FROM judged j
		 CROSS JOIN LATERAL jsonb_to_recordset(j.reasons) r(rule_id bigint, version int, metric text, platform text, value numeric,
															comparison text, threshold numeric, effect text, passed boolean)
	)
	SELECT j.creator_id, j.application_id, j.decision, j.reasons, j.reapply_after FROM judged j;
END
$$;
COMMENT ON FUNCTION influence_internal.decide_creators(bigint, bigint[], timestamptz, text, text[]) IS
'Judges creators by a program''s rules at a moment, and stores an application with its reasons for each whose decision is wanted. For those who hold the locks.';

CREATE FUNCTION influence_internal.apply_creator(program_id bigint, creator_id bigint, submitted_at timestamptz DEFAULT now())
RETURNS TABLE (status text, application_id bigint, decision text, reasons jsonb, reapply_after timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	last record;
	fresh record;
	wanted text[] := '{admitted,rejected,review}';
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_remembered($2);
	PERFORM influence_internal.require_arguments('submitted_at', $3::text);
	PERFORM influence_internal.require_event_time('submitted_at', $3);
	PERFORM influence_internal.share_key('applications');
	PERFORM influence_internal.lock_key('creator facts ' || $2);
	PERFORM influence_internal.share_key('admission rules ' || $1);
	SELECT h.* INTO last
	  FROM influence.admission_history h
	 WHERE h.creator_id = $2 AND h.program_id = $1
	 ORDER BY h.decided_at DESC, h.recorded_at DESC LIMIT 1;
	IF FOUND THEN
		-- a pending application is looked at again, a rejected one after its time, an admitted one never
		wanted := CASE WHEN last.decision IN ('rejected', 'withdrawn') AND $3 >= last.reapply_after THEN wanted
					   -- who was put there by hand waits for a person
					   WHEN last.decision = 'review' AND NOT last.by_hand AND $3 >= last.decided_at THEN '{admitted,rejected}'
					   ELSE '{}' END;
	END IF;
	IF wanted <> '{}' THEN
		SELECT d.* INTO fresh FROM influence_internal.decide_creators($1, ARRAY[$2], $3, 'rules', wanted) d;
	END IF;
	IF wanted <> '{}' AND FOUND THEN
		RETURN QUERY SELECT 'recorded', fresh.application_id, fresh.decision, fresh.reasons, fresh.reapply_after;
	ELSE
		RETURN QUERY SELECT 'duplicate', last.application_id, last.decision,
							influence_internal.application_reasons($2, last.application_id), last.reapply_after;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.apply_creator(bigint, bigint, timestamptz) IS
'Submits a creator''s application to a program and decides it by the rules in force at submitted_at: rejected when a rule fails, review when a value is unknown, a rule with effect review fails or no rule fits, admitted otherwise. An application under review is decided anew when the rules now say so, unless a person put it there. -> status recorded | duplicate (admitted, still under review, or before reapply_after), application_id, decision (withdrawn: an admission that was taken back), reasons [{"metric", "platform", "value", "comparison", "threshold", "passed", "effect", "rule_id", "version"}], reapply_after. IN002, IN003, IN005.';

CREATE FUNCTION influence_internal.application_reasons(creator_id bigint, application_id bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('metric', r.metric, 'platform', r.platform, 'value', r.value,
							'comparison', r.comparison, 'threshold', r.threshold, 'passed', r.passed, 'effect', r.effect,
							'rule_id', r.rule_id, 'version', r.version) ORDER BY r.rule_id), '[]')
			  FROM influence.application_reason r
			 WHERE r.creator_id = application_reasons.creator_id AND r.application_id = application_reasons.application_id);
END
$$;
COMMENT ON FUNCTION influence_internal.application_reasons(bigint, bigint) IS 'The stored reasons of a decision as a JSON array.';

CREATE FUNCTION influence_internal.decide_application(program_id bigint, creator_id bigint, decision text, note text, actor text,
	decided_at timestamptz DEFAULT NULL)
RETURNS TABLE (status text, application_id bigint, since timestamptz, reapply_after timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	facts record;
	last record;
	known record;
	moment timestamptz;
BEGIN
	SELECT f.* INTO facts FROM influence_internal.program_facts($1) f;
	PERFORM influence_internal.require_creator($2);
	PERFORM influence_internal.require_key('actor', $5);
	PERFORM influence_internal.require_event_time('decided_at', $6);
	IF $3 IS NULL OR $3 NOT IN ('admitted', 'rejected', 'review', 'withdrawn') THEN
		PERFORM influence_internal.raise_invalid(format('decision "%s" is not known', $3), NULL,
			'Use admitted, rejected, review, or withdrawn for an admission that is taken back.');
	END IF;
	PERFORM influence_internal.share_key('applications');
	PERFORM influence_internal.lock_key('creator facts ' || $2);
	SELECT h.* INTO last
	  FROM influence.admission_history h
	 WHERE h.creator_id = $2 AND h.program_id = $1
	 ORDER BY h.decided_at DESC, h.recorded_at DESC LIMIT 1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_error('IN003', format('application of creator %s to program %s does not exist', $2, $1), NULL,
			'Submit it with influence.apply_creator(program_id, creator_id).');
	END IF;
	-- without a moment only the latest one can be meant
	SELECT d.* INTO known
	  FROM influence.application_decision d
	 WHERE d.creator_id = $2 AND d.program_id = $1 AND (d.decision, d.actor) = ($3, $5) AND d.note IS NOT DISTINCT FROM $4
	   AND CASE WHEN $6 IS NULL THEN (d.decided_at, d.recorded_at) = (last.decided_at, last.recorded_at) ELSE d.decided_at = $6 END
	 ORDER BY d.recorded_at DESC LIMIT 1;
	IF FOUND THEN
		RETURN QUERY SELECT 'duplicate', known.application_id, known.decided_at, known.reapply_after;
		RETURN;
	END IF;
	moment := coalesce($6, greatest(now(), last.decided_at));
	IF moment < last.decided_at THEN
		PERFORM influence_internal.raise_refused('the decision would come before the latest one',
			format('Creator %s is %s since %s.', $2, last.decision, last.decided_at),
			'Choose a later decided_at, or leave it out; decisions are never restated.');
	ELSIF $3 = 'withdrawn' AND last.decision <> 'admitted' THEN
		PERFORM influence_internal.raise_refused(format('creator %s is not admitted', $2), format('Decision: %s since %s.', last.decision, last.decided_at),
			'Only an admission is withdrawn: use rejected.');
	END IF;
	application_id := last.application_id;
	since := moment;
	IF $3 IN ('rejected', 'withdrawn') THEN
		reapply_after := influence_internal.calendar_add(moment, (influence_internal.setting_value('reapply_after') #>> '{}')::interval, facts.time_zone);
	END IF;
	INSERT INTO influence.application_decision (creator_id, application_id, seq, program_id, decided_at, decision, actor, note,
												reapply_after, recorded_at)
	SELECT $2, decide_application.application_id, coalesce(max(d.seq), 0) + 1, $1, moment, $3, $5, $4, decide_application.reapply_after,
		   -- also with a clock that was put back: of one moment, the last that is told holds
		   greatest(clock_timestamp(), last.recorded_at + interval '1 microsecond')
	  FROM influence.application_decision d
	 WHERE d.creator_id = $2 AND d.application_id = decide_application.application_id;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.decide_application(bigint, bigint, text, text, text, timestamptz) IS
'A decision by hand about a creator''s latest application, whatever was decided before: admitted, rejected, review (wait for a person), or withdrawn (an admission that ends: orders from then on earn nothing). It holds from decided_at (default now) until the next one; who, when and why stay in application_decision. A repeated call is a duplicate. -> status recorded | duplicate, application_id, since (the moment from which it holds), reapply_after. IN002, IN003, IN005.';

CREATE FUNCTION influence_internal.earning_bar(program_id bigint, creator_id bigint, at timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	creator_status text;
BEGIN
	-- plain_order_card.c has the same rule
	IF (SELECT h.decision FROM influence.admission_history h
		 WHERE h.creator_id = earning_bar.creator_id AND h.program_id = earning_bar.program_id AND h.decided_at <= earning_bar.at
		 ORDER BY h.decided_at DESC, h.recorded_at DESC LIMIT 1) IS DISTINCT FROM 'admitted' THEN
		RETURN 'not_admitted';
	END IF;
	creator_status := influence_internal.creator_status_at(earning_bar.creator_id, earning_bar.at);
	RETURN CASE WHEN creator_status <> 'active' THEN 'creator_' || creator_status END;
END
$$;
COMMENT ON FUNCTION influence_internal.earning_bar(bigint, bigint, timestamptz) IS
'Why a creator may not post or earn in a program at a moment: not_admitted (never, not yet, or not any more), creator_suspended, creator_banned; NULL when it may.';

/*
 * standing.sql
 *
 * Whether a creator may take part: the status history, and the strikes that
 * lead to it. A strike's points count from the moment it happened until it
 * expires or is lifted; where the points in force reach a limit of the setting
 * strike_limits the creator is suspended or banned from that very moment. So the
 * history follows from what happened, in whatever order it is told: what comes
 * late is put in its place, and rows that knew less are followed by another one.
 */
CREATE FUNCTION influence_internal.creator_status_at(creator_id bigint, at timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN coalesce((SELECT s.status FROM influence.creator_status s
					  WHERE s.creator_id = creator_status_at.creator_id AND s.since <= at
					  ORDER BY s.since DESC LIMIT 1), 'active');
END
$$;
COMMENT ON FUNCTION influence_internal.creator_status_at(bigint, timestamptz) IS 'active, suspended or banned at a moment.';

CREATE FUNCTION influence_internal.set_creator_status(creator_id bigint, new_status text, reason text, actor text,
	since timestamptz DEFAULT now(), strikes int DEFAULT 0)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_creator(set_creator_status.creator_id);
	PERFORM influence_internal.require_arguments('actor', set_creator_status.actor, 'strikes', set_creator_status.strikes::text);
	PERFORM influence_internal.require_begin('since', set_creator_status.since);
	IF new_status IS NULL OR new_status NOT IN ('active', 'suspended', 'banned') THEN
		PERFORM influence_internal.raise_invalid(format('creator status "%s" is not known', new_status), NULL,
			'Use active, suspended or banned.');
	ELSIF set_creator_status.strikes < 0 THEN
		PERFORM influence_internal.raise_invalid('strikes is negative', NULL, 'Count from 0.');
	ELSIF set_creator_status.actor IN ('record_strike', 'lift_strike', 'settle_strikes') THEN
		-- settle_strikes() would take the row for its own, and lifting a strike would undo it
		PERFORM influence_internal.raise_invalid(format('actor "%s" is the name of a function', set_creator_status.actor), NULL,
			'Name the person or service that decides; strikes are recorded with influence.record_strike(...).');
	END IF;
	PERFORM influence_internal.lock_key('standing ' || set_creator_status.creator_id);
	INSERT INTO influence.creator_status (creator_id, since, status, strikes, reason, actor)
	VALUES (set_creator_status.creator_id, set_creator_status.since, new_status, set_creator_status.strikes,
			set_creator_status.reason, set_creator_status.actor)
	ON CONFLICT DO NOTHING;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF status = 'duplicate' AND NOT EXISTS (
			SELECT FROM influence.creator_status s
			 WHERE s.creator_id = set_creator_status.creator_id AND s.since = set_creator_status.since AND s.status = new_status
			   AND s.strikes = set_creator_status.strikes AND s.actor = set_creator_status.actor
			   AND s.reason IS NOT DISTINCT FROM set_creator_status.reason) THEN
		PERFORM influence_internal.raise_conflict('status of creator', set_creator_status.creator_id::text);
	END IF;
	IF status = 'recorded' THEN
		-- strikes that happened later are worth what they are worth after this
		PERFORM influence_internal.settle_strikes(set_creator_status.creator_id, set_creator_status.since);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_creator_status(bigint, text, text, text, timestamptz, int) IS
'Adds to a creator''s status history: active, suspended or banned since a moment, with reason and actor. Posts of a creator who is not active are not shown, orders placed from then on earn nothing, and payouts wait. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.strike_limits(OUT suspend_at int, OUT ban_at int, OUT expires interval)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	limits jsonb := influence_internal.setting_value('strike_limits');
BEGIN
	suspend_at := (limits ->> 'suspend')::int;
	ban_at := (limits ->> 'ban')::int;
	expires := (limits ->> 'expires')::interval;
END
$$;
COMMENT ON FUNCTION influence_internal.strike_limits() IS
'The setting strike_limits: how many points suspend and ban a creator (NULL = none do), and how long a strike counts (NULL = for ever).';

CREATE FUNCTION influence_internal.strike_points(creator_id bigint, at timestamptz)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT coalesce(sum(k.points), 0) FROM influence.strike k
			 WHERE k.creator_id = $1 AND k.occurred_at <= $2 AND k.expires_at > $2 AND (k.lifted_at IS NULL OR k.lifted_at > $2));
END
$$;
COMMENT ON FUNCTION influence_internal.strike_points(bigint, timestamptz) IS 'The points of a creator''s strikes that are in force at a moment.';

CREATE FUNCTION influence_internal.points_status(creator_id bigint, at timestamptz, points bigint)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- a limit that was changed since restates nothing
	RETURN (SELECT CASE WHEN $3 >= k.ban_at THEN 'banned' WHEN $3 >= k.suspend_at THEN 'suspended' ELSE 'active' END
			  FROM influence.strike k
			 WHERE k.creator_id = $1 AND k.occurred_at <= $2
			 ORDER BY k.occurred_at DESC, k.recorded_at DESC, k.strike_ref LIMIT 1);
END
$$;
COMMENT ON FUNCTION influence_internal.points_status(bigint, timestamptz, bigint) IS
'What so many points make of a creator at a moment: active, suspended or banned, by the limits that its latest strike then was recorded with.';

CREATE FUNCTION influence_internal.settle_strikes(creator_id bigint, begin_at timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	grades constant text[] := '{active,suspended,banned}';
	turn record;
	held text;
	by_hand boolean;
	in_force bigint;
	asked text;
	by_lifting boolean;
	told record;
	moment timestamptz;
BEGIN
	SELECT s.status, s.actor NOT IN ('record_strike', 'lift_strike') INTO held, by_hand
	  FROM influence.creator_status s WHERE s.creator_id = $1 AND s.since < $2 ORDER BY s.since DESC LIMIT 1;
	held := coalesce(held, 'active');
	by_hand := coalesce(by_hand, false);
	FOR turn IN
		SELECT e.at, min(e.status) AS status, bool_or(e.status IS NULL) AS by_strikes, bool_or(e.lifted) AS lifted,
			   lead(e.at) OVER (ORDER BY e.at) AS next_at
		  FROM (SELECT k.occurred_at AS at, NULL AS status, false AS lifted FROM influence.strike k WHERE k.creator_id = $1
				UNION ALL
				SELECT k.lifted_at, NULL, true FROM influence.strike k WHERE k.creator_id = $1 AND k.lifted_at IS NOT NULL
				UNION ALL
				SELECT s.since, s.status, false FROM influence.creator_status s
				 WHERE s.creator_id = $1 AND s.actor NOT IN ('record_strike', 'lift_strike', 'settle_strikes')) e
		 WHERE e.at >= $2
		 GROUP BY e.at
		 ORDER BY e.at
	LOOP
		IF turn.status IS NOT NULL THEN
			held := turn.status;
			by_hand := true;
		END IF;
		IF turn.by_strikes THEN
			in_force := influence_internal.strike_points($1, turn.at);
			asked := influence_internal.points_status($1, turn.at, in_force);
			by_lifting := false;
			-- more is asked for by a strike, less is enough only where one is lifted
			IF array_position(grades, asked) > array_position(grades, held) THEN
				held := asked;
				by_hand := false;
			ELSIF turn.lifted AND NOT by_hand THEN
				held := asked;
				by_lifting := true;
			END IF;
			-- the history has one row per moment: what is put right there follows a microsecond later
			SELECT s.status, s.actor NOT IN ('record_strike', 'lift_strike') AS by_hand INTO told
			  FROM influence.creator_status s
			 WHERE s.creator_id = $1 AND (s.since < turn.next_at OR turn.next_at IS NULL)
			 ORDER BY s.since DESC LIMIT 1;
			IF (coalesce(told.status, 'active'), coalesce(told.by_hand, false)) <> (held, by_hand) THEN
				SELECT coalesce(max(s.since) + interval '1 microsecond', turn.at) INTO moment
				  FROM influence.creator_status s
				 WHERE s.creator_id = $1 AND s.since >= turn.at AND (s.since < turn.next_at OR turn.next_at IS NULL);
				INSERT INTO influence.creator_status (creator_id, since, status, strikes, actor, reason)
				SELECT $1, moment, held, in_force,
					   CASE WHEN by_hand THEN 'settle_strikes' WHEN by_lifting THEN 'lift_strike' ELSE 'record_strike' END,
					   CASE WHEN by_hand THEN 'as it was set by hand before'
							-- no longer than a reason may be; the strike has all of it
							WHEN by_lifting THEN left(format('strike "%s" is lifted: %s', k.strike_ref, k.lift_note), 2000)
							ELSE left(format('%s of strikes; the last: %s', influence_internal.counted(in_force, 'point'), k.reason), 2000) END
				  FROM influence.strike k
				 WHERE k.creator_id = $1 AND CASE WHEN by_lifting THEN k.lifted_at = turn.at ELSE k.occurred_at <= turn.at END
				 ORDER BY k.occurred_at DESC, k.recorded_at DESC, k.strike_ref LIMIT 1
				ON CONFLICT DO NOTHING;
			END IF;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.settle_strikes(bigint, timestamptz) IS
'Goes through a creator''s strikes, their lifting and what was set by hand, in order of time from a moment on, and adds a row to the status history wherever it says something else: a strike makes the status what the points then in force ask for, if that is worse; one that is lifted makes it that, if strikes had led to it. Rows by record_strike and lift_strike are these, rows by settle_strikes repeat what was set by hand and told late; the lock "standing" is held.';

CREATE FUNCTION influence_internal.record_strike(creator_id bigint, strike_ref text, reason text, actor text,
	occurred_at timestamptz DEFAULT NULL, points int DEFAULT 1, program_id bigint DEFAULT NULL)
RETURNS TABLE (status text, points_in_force bigint, creator_status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea := influence_internal.content_hash(jsonb_build_array($3, $4, $5, $6, $7));
	moment timestamptz := coalesce($5, now());
	known bytea;
BEGIN
	PERFORM influence_internal.require_creator($1);
	PERFORM influence_internal.require_key('strike_ref', $2);
	PERFORM influence_internal.require_key('actor', $4);
	PERFORM influence_internal.require_arguments('reason', $3, 'points', $6::text);
	PERFORM influence_internal.require_event_time('occurred_at', $5);
	IF $7 IS NOT NULL THEN
		PERFORM influence_internal.program_facts($7);
	END IF;
	IF length($3) NOT BETWEEN 1 AND 2000 THEN
		PERFORM influence_internal.raise_invalid('the reason is not usable', format('It has %s characters.', length($3)),
			'Say in 1 to 2000 characters what happened.');
	ELSIF $6 NOT BETWEEN 1 AND 1000 THEN
		PERFORM influence_internal.raise_invalid('points is out of range', format('points: %s.', $6), 'Give 1 to 1000 points.');
	END IF;
	PERFORM influence_internal.lock_key('standing ' || $1);
	SELECT k.content_hash INTO known FROM influence.strike k WHERE k.creator_id = $1 AND k.strike_ref = $2;
	status := 'duplicate';
	IF NOT FOUND THEN
		status := 'recorded';
		INSERT INTO influence.strike (creator_id, strike_ref, program_id, points, reason, actor, occurred_at, expires_at, suspend_at, ban_at,
									  content_hash)
		SELECT $1, $2, $7, $6, $3, $4, moment, coalesce(moment + l.expires, 'infinity'), l.suspend_at, l.ban_at, hash FROM influence_internal.strike_limits() l;
		PERFORM influence_internal.settle_strikes($1, moment);
	ELSIF known <> hash THEN
		PERFORM influence_internal.raise_conflict('strike', $2);
	END IF;
	moment := greatest(moment, now());
	points_in_force := influence_internal.strike_points($1, moment);
	creator_status := influence_internal.creator_status_at($1, moment);
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_strike(bigint, text, text, text, timestamptz, int, bigint) IS
'Records that a creator broke a rule (program_id says in which program, it counts in all), with points. Where the points in force reach a limit of the setting strike_limits (suspend, ban), the creator is suspended or banned from the moment of that strike, by a row of the status history; strikes that are told late count at their moment. A suspension ends by set_creator_status or lift_strike, not by itself. Natural key: creator and strike_ref. -> status recorded | duplicate, points in force and the creator''s status now. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.lift_strike(creator_id bigint, strike_ref text, actor text, note text,
	lifted_at timestamptz DEFAULT NULL)
RETURNS TABLE (status text, points_in_force bigint, creator_status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	moment timestamptz := coalesce($5, now());
BEGIN
	PERFORM influence_internal.require_creator($1);
	PERFORM influence_internal.require_key('strike_ref', $2);
	PERFORM influence_internal.require_key('actor', $3);
	PERFORM influence_internal.require_arguments('note', $4);
	PERFORM influence_internal.require_event_time('lifted_at', $5);
	IF length($4) NOT BETWEEN 1 AND 2000 THEN
		PERFORM influence_internal.raise_invalid('the note is not usable', format('It has %s characters.', length($4)),
			'Say in 1 to 2000 characters why the strike is lifted.');
	END IF;
	PERFORM influence_internal.lock_key('standing ' || $1);
	SELECT k.* INTO known FROM influence.strike k WHERE k.creator_id = $1 AND k.strike_ref = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('strike', $2, 'Record it with influence.record_strike(...).');
	ELSIF known.lifted_at IS NOT NULL THEN
		IF (known.lifted_by, known.lift_note) <> ($3, $4) OR known.lifted_at <> coalesce($5, known.lifted_at) THEN
			PERFORM influence_internal.raise_conflict('lifting of strike', $2);
		END IF;
		status := 'duplicate';
	ELSIF $5 < known.occurred_at THEN
		PERFORM influence_internal.raise_invalid('the strike is lifted before it happened', format('It happened %s.', known.occurred_at),
			'Give a moment after it, or leave lifted_at out for now.');
	ELSE
		-- a strike may be told ahead of its time, or by a transaction younger than this one
		moment := greatest(moment, known.occurred_at);
		UPDATE influence.strike k SET lifted_at = moment, lifted_by = $3, lift_note = $4
		 WHERE k.creator_id = $1 AND k.strike_ref = $2;
		PERFORM influence_internal.settle_strikes($1, moment);
		status := 'recorded';
	END IF;
	moment := greatest(moment, now());
	points_in_force := influence_internal.strike_points($1, moment);
	creator_status := influence_internal.creator_status_at($1, moment);
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.lift_strike(bigint, text, text, text, timestamptz) IS
'Takes a strike back from lifted_at on (NULL = now), with a note that says why. A suspension or ban that strikes led to, and that nobody set by hand since, is then no more than the strikes that are left ask for. Natural key: creator and strike_ref. -> status recorded | duplicate, points in force and the creator''s status now. IN002, IN003, IN004.';

/*
 * feedback.sql
 *
 * What a viewer does not want: to hide a post or a creator, to see less of a
 * creator or a topic, to report. The table hidden says what holds, which the
 * feed asks; engagement keeps that it was said.
 */
CREATE FUNCTION influence_internal.require_target(target_kind text, target_id bigint, kind text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF ($1, $3) = ('post', 'see_less') THEN
		PERFORM influence_internal.raise_invalid('a post cannot be seen less', NULL, 'Hide the post, or say see_less of its creator or topic.');
	ELSIF $1 = 'topic' AND $3 <> 'see_less' THEN
		PERFORM influence_internal.raise_invalid(format('feedback "%s" is not said of a topic', $3), NULL, 'Say see_less, or use influence.mute(visitor_id, topic => ...) for a topic that is to be away.');
	ELSIF $1 = 'post' THEN
		IF NOT EXISTS (SELECT FROM influence.post p WHERE p.post_id = $2) THEN
			PERFORM influence_internal.raise_unknown('post', $2::text, 'Publish it with influence.publish_post(...).');
		END IF;
	ELSIF $1 = 'creator' THEN
		PERFORM influence_internal.require_creator($2);
	ELSIF $1 = 'topic' THEN
		IF NOT EXISTS (SELECT FROM influence.topic t WHERE t.topic_id = $2) THEN
			PERFORM influence_internal.raise_unknown('topic', $2::text, 'Make it with influence.create_topic(name).');
		END IF;
	ELSE
		PERFORM influence_internal.raise_invalid(format('target "%s" is not known', $1), NULL, 'Use post, creator or topic.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_target(text, bigint, text) IS 'Raises IN002 or IN003 unless feedback of that kind can be said of this post, creator or topic.';

CREATE FUNCTION influence_internal.require_feedback_kind(kind text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NULL OR $1 NOT IN ('hide', 'see_less', 'report') THEN
		PERFORM influence_internal.raise_invalid(format('feedback "%s" is not known', $1), NULL, 'Use hide, see_less or report.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_feedback_kind(text) IS 'Raises IN002 unless feedback is hide, see_less or report.';

CREATE FUNCTION influence_internal.judge_reports(post_id bigint)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	limit_persons int := (influence_internal.setting_value('report_limit') #>> '{}')::int;
	current record;
	persons int;
BEGIN
	SELECT s.status, s.since INTO current
	  FROM influence.post p
	  JOIN influence.post_status s ON s.creator_id = p.creator_id AND s.post_id = p.post_id
	 WHERE p.post_id = $1 AND s.since <= clock_timestamp()
	 ORDER BY s.since DESC LIMIT 1;
	IF current.status IS DISTINCT FROM 'published' OR limit_persons IS NULL THEN
		RETURN false;
	END IF;
	-- a moderator who lets a post through has judged the reports before; guests are anybody as often as they like
	SELECT count(DISTINCT influence_internal.person_of(h.visitor_id)) INTO persons
	  FROM influence.hidden h
	  JOIN influence.shopper s ON s.visitor_id = h.visitor_id
	 WHERE h.target_kind = 'post' AND h.target_id = $1 AND h.kind = 'report' AND h.since >= current.since;
	IF persons < limit_persons THEN
		RETURN false;
	END IF;
	PERFORM influence_internal.set_post_status($1, 'pending', 'reported by ' || influence_internal.counted(persons, 'shopper'), 'reports', clock_timestamp());
	RETURN true;
END
$$;
COMMENT ON FUNCTION influence_internal.judge_reports(bigint) IS
'Makes a published post pending when as many registered shoppers as the setting report_limit (NULL = never) reported it since it was published or last let through, so that it waits in moderation_queue; says whether it did. The caller holds the lock of the post''s reports.';

CREATE FUNCTION influence_internal.give_feedback(visitor_id uuid, target_kind text, target_id bigint, kind text,
	occurred_at timestamptz DEFAULT NULL, event_ref text DEFAULT NULL, note text DEFAULT NULL)
RETURNS TABLE (status text, since timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	moment timestamptz := coalesce($5, now());
	ref text;
	about record;
	known record;
BEGIN
	PERFORM influence_internal.require_arguments('visitor_id', $1::text, 'target_id', $3::text);
	PERFORM influence_internal.require_feedback_kind($4);
	PERFORM influence_internal.require_target($2, $3, $4);
	PERFORM influence_internal.require_event_time('occurred_at', $5);
	PERFORM influence_internal.require_kept('engagement', 'occurred_at', $5);
	IF $6 ~ '^(vote|comment)/' THEN
		PERFORM influence_internal.raise_invalid(format('event_ref "%s" is not free', $6), NULL, 'Votes and comments have keys that begin so; use another one.');
	ELSIF length($7) > 1000 THEN
		PERFORM influence_internal.raise_invalid('the note is too long', format('It has %s characters.', length($7)), 'Give 1,000 characters at most.');
	END IF;
	PERFORM influence_internal.lock_person($1);
	SELECT h.since INTO known FROM influence.hidden h
	 WHERE h.visitor_id = $1 AND h.target_kind = $2 AND h.target_id = $3 AND h.kind = $4;
	-- hidden and reported are states; "see less" begins anew whenever it is said
	IF FOUND AND $4 <> 'see_less' AND $5 IS NULL AND $6 IS NULL THEN
		RETURN QUERY SELECT 'duplicate', known.since;
		RETURN;
	END IF;
	ref := coalesce($6, format('%s/%s/%s/%s', $4, $2, $3, extract(epoch FROM moment)));
	PERFORM influence_internal.require_key('event_ref', ref);
	moment := influence_internal.event_time($1, 'feedback/' || ref, jsonb_build_array($2, $3, $4, $7), moment, $5 IS NULL AND $6 IS NOT NULL);
	SELECT p.post_id, p.creator_id, p.topic_id, influence_internal.post_format(p.kind, p.duration_ms) AS format, influence_internal.sound_key(p.sound) AS sound_key
	  INTO about FROM influence.post p WHERE $2 = 'post' AND p.post_id = $3;
	INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id, creator_id, topic_id, format, sound_key, value)
	VALUES ($1, moment, ref, $4, about.post_id, CASE $2 WHEN 'post' THEN about.creator_id WHEN 'creator' THEN $3 END, about.topic_id, about.format, about.sound_key, CASE $2 WHEN 'topic' THEN $3 END)
	ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		SELECT e.kind, e.post_id, e.creator_id, e.value INTO known
		  FROM influence.engagement e WHERE e.visitor_id = $1 AND e.occurred_at = moment AND e.event_ref = ref;
		IF (known.kind, known.post_id, known.creator_id, known.value)
		   IS DISTINCT FROM ($4, about.post_id, CASE $2 WHEN 'post' THEN about.creator_id WHEN 'creator' THEN $3 END, CASE $2 WHEN 'topic' THEN $3 END::float8) THEN
			PERFORM influence_internal.raise_conflict('feedback', ref);
		END IF;
		RETURN QUERY SELECT 'duplicate', moment;
		RETURN;
	END IF;
	IF $2 = 'post' AND $4 = 'report' THEN
		-- two last reports at once would both be the last but one
		PERFORM influence_internal.lock_key('reports of post ' || $3);
	END IF;
	INSERT INTO influence.hidden AS h (visitor_id, target_kind, target_id, kind, since, note)
	VALUES ($1, $2, $3, $4, moment, $7)
	ON CONFLICT ON CONSTRAINT hidden_pkey DO UPDATE
	   SET since = greatest(h.since, excluded.since), note = CASE WHEN excluded.since >= h.since THEN coalesce(excluded.note, h.note) ELSE h.note END
	RETURNING h.since INTO since;
	IF $2 = 'post' AND $4 = 'report' THEN
		PERFORM influence_internal.judge_reports($3);
	END IF;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.give_feedback(uuid, text, bigint, text, timestamptz, text, text) IS
'A visitor does not want something: hide (a post or a creator: away from the feed), report (likewise, and a post that as many registered shoppers report as the setting report_limit says waits for moderation), see_less (a creator or a topic: away for 14 days, back in full after 140 more; begins anew when said again). target_kind: post | creator | topic; note: why, for moderators. Natural key: visitor, occurred_at and event_ref; with event_ref but without occurred_at the server sets the time and remembers it for retries; with neither, what is hidden or reported already is a duplicate. -> status recorded | duplicate, since. IN002, IN003, IN004, IN005.';

CREATE FUNCTION influence_internal.withdraw_feedback(visitor_id uuid, target_kind text, target_id bigint, kind text)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_arguments('visitor_id', $1::text, 'target_id', $3::text);
	PERFORM influence_internal.require_feedback_kind($4);
	PERFORM influence_internal.require_target($2, $3, $4);
	PERFORM influence_internal.lock_person($1);
	DELETE FROM influence.hidden h
	 WHERE h.visitor_id = ANY (influence_internal.person_visitors($1)) AND h.target_kind = $2 AND h.target_id = $3 AND h.kind = $4;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.withdraw_feedback(uuid, text, bigint, text) IS
'Takes back what a person said with give_feedback(), under all its visitors: from then on it holds no more; the engagement stays, and so does a post''s moderation. -> status recorded | duplicate (nothing was said). IN002, IN003.';

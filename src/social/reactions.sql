/*
 * reactions.sql
 *
 * Reactions of visitors to posts. A smile is a state, the others are events.
 */
CREATE FUNCTION influence_internal.react(visitor_id uuid, post_id bigint, kind text DEFAULT 'smile', event_ref text DEFAULT NULL,
	occurred_at timestamptz DEFAULT NULL, surface text DEFAULT NULL, device text DEFAULT NULL)
RETURNS TABLE (status text, occurred_at_recorded timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	post record;
	latest record;
	next record;
	known record;
	moment timestamptz := coalesce($5, now());
	ref text;
BEGIN
	PERFORM influence_internal.require_arguments('visitor_id', $1::text);
	PERFORM influence_internal.require_event_time('occurred_at', $5);
	PERFORM influence_internal.require_kept('engagement', 'occurred_at', $5);
	IF $3 IS NULL OR $3 NOT IN ('smile', 'unsmile', 'share', 'save', 'click') THEN
		PERFORM influence_internal.raise_invalid(format('reaction "%s" is not known', $3), NULL,
			'Use smile, unsmile, share, save or click.');
	ELSIF $4 ~ '^(vote|comment)/' THEN
		PERFORM influence_internal.raise_invalid(format('event_ref "%s" is not free', $4), NULL, 'Votes and comments have keys that begin so; use another one.');
	END IF;
	SELECT p.creator_id, p.program_id, p.topic_id, influence_internal.post_format(p.kind, p.duration_ms) AS format, influence_internal.sound_key(p.sound) AS sound_key
	  INTO post FROM influence.post p WHERE p.post_id = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('post', $2::text, 'Publish it with influence.publish_post(...).');
	END IF;
	ref := coalesce($4, format('%s/%s/%s', $3, $2, extract(epoch FROM moment)));
	PERFORM influence_internal.require_key('event_ref', ref);
	PERFORM influence_internal.lock_person($1);
	IF $3 IN ('smile', 'unsmile') THEN
		-- a smile is a state: an event that repeats the one before it or the one after it changes nothing
		SELECT e.kind, e.occurred_at, e.event_ref INTO latest
		  FROM influence.engagement e
		 WHERE e.visitor_id = $1 AND e.post_id = $2 AND e.kind IN ('smile', 'unsmile') AND e.occurred_at <= moment
		 ORDER BY e.occurred_at DESC, e.event_ref DESC LIMIT 1;
		SELECT e.kind, e.occurred_at INTO next
		  FROM influence.engagement e
		 WHERE e.visitor_id = $1 AND e.post_id = $2 AND e.kind IN ('smile', 'unsmile') AND e.occurred_at > moment
		 ORDER BY e.occurred_at, e.event_ref LIMIT 1;
		IF next.kind = $3 OR (coalesce(latest.kind, 'unsmile') = $3 AND (latest.event_ref = $4) IS NOT TRUE) THEN
			RETURN QUERY SELECT 'duplicate', coalesce(latest.occurred_at, next.occurred_at);
			RETURN;
		END IF;
	END IF;
	moment := influence_internal.event_time($1, 'react/' || ref, jsonb_build_array($2, $3, $5, $6, $7), moment, $5 IS NULL AND $4 IS NOT NULL);
	IF $3 = 'smile' THEN
		PERFORM influence_internal.require_capability(post.program_id, 'smile', $1, moment, NULL, $6);
	END IF;
	INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id, creator_id, topic_id, format, sound_key, surface, device, device_key)
	VALUES ($1, moment, ref, $3, $2, post.creator_id, post.topic_id, post.format, post.sound_key, $6, $7, influence_internal.device_key($7))
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	occurred_at_recorded := moment;
	IF NOT FOUND THEN
		SELECT e.kind, e.post_id, e.surface, e.device INTO known
		  FROM influence.engagement e WHERE e.visitor_id = $1 AND e.occurred_at = moment AND e.event_ref = ref;
		IF (known.kind, known.post_id, known.surface, known.device) IS DISTINCT FROM ($3, $2, $6, $7) THEN
			PERFORM influence_internal.raise_conflict('reaction', ref);
		END IF;
		status := 'duplicate';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.react(uuid, bigint, text, text, timestamptz, text, text) IS
'A visitor reacts to a post: smile, unsmile (states: repeating one changes nothing), share, save, click. Natural key: visitor, occurred_at and event_ref; with event_ref but without occurred_at the server sets the time and remembers it for retries. -> status recorded | duplicate, occurred_at_recorded. IN002, IN003, IN004, IN005 a capability (smile).';

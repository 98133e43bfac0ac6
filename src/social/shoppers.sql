/*
 * shoppers.sql
 *
 * Shoppers, their interests, follows, blocks and reactions. Everything here is
 * state that a repeated call leaves as it is.
 */
CREATE FUNCTION influence_internal.register_shopper(visitor_id uuid, external_key text DEFAULT NULL, country text DEFAULT NULL,
	language text DEFAULT NULL, personalised boolean DEFAULT true, discoverable boolean DEFAULT true)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea := influence_internal.content_hash(jsonb_build_array($2, $3, $4, $5, $6));
BEGIN
	PERFORM influence_internal.require_arguments('visitor_id', $1::text, 'personalised', $5::text, 'discoverable', $6::text);
	PERFORM influence_internal.require_country('country', $3);
	INSERT INTO influence.shopper (visitor_id, external_key, country, language, personalised, discoverable, content_hash)
	VALUES ($1, $2, $3, $4, $5, $6, hash)
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	IF NOT FOUND THEN
		status := 'duplicate';
		IF NOT EXISTS (SELECT FROM influence.shopper s WHERE s.visitor_id = $1 AND s.content_hash = hash) THEN
			PERFORM influence_internal.raise_conflict('shopper', $1::text);
		END IF;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.register_shopper(uuid, text, text, text, boolean, boolean) IS
'Registers a shopper under its visitor uuid (the service''s own or visitor_key()). personalised => false keeps interests and follows out of the feed. Natural key: visitor_id. -> status recorded | duplicate. IN002, IN004.';

CREATE FUNCTION influence_internal.update_shopper(visitor_id uuid, country text DEFAULT NULL, language text DEFAULT NULL,
	personalised boolean DEFAULT NULL, discoverable boolean DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_shopper($1);
	PERFORM influence_internal.require_country('country', $2);
	UPDATE influence.shopper s
	   SET country = coalesce($2, s.country), language = coalesce($3, s.language),
		   personalised = coalesce($4, s.personalised), discoverable = coalesce($5, s.discoverable)
	 WHERE s.visitor_id = $1
	   AND (coalesce($2, s.country), coalesce($3, s.language), coalesce($4, s.personalised), coalesce($5, s.discoverable))
		   IS DISTINCT FROM (s.country, s.language, s.personalised, s.discoverable);
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.update_shopper(uuid, text, text, boolean, boolean) IS
'Changes what is known of a registered shopper, or its wishes: personalised => false gives the popular feed. NULL leaves a value as it is. -> status recorded | duplicate (nothing changed). IN002, IN003.';

CREATE FUNCTION influence_internal.require_shopper(visitor_id uuid)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM influence.shopper s WHERE s.visitor_id = require_shopper.visitor_id) THEN
		PERFORM influence_internal.raise_unknown('shopper', require_shopper.visitor_id::text,
			'Register it with influence.register_shopper(visitor_id).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_shopper(uuid) IS 'Raises IN003 unless the visitor is a registered shopper.';

CREATE FUNCTION influence_internal.set_interests(visitor_id uuid, topics text[], weights float8[] DEFAULT NULL)
RETURNS TABLE (status text, interests int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	least_count int := (influence_internal.setting_value('minimum_interests') #>> '{}')::int;
	unknown text;
	wanted jsonb;
	present jsonb;
BEGIN
	PERFORM influence_internal.require_shopper($1);
	IF weights IS NOT NULL AND (cardinality(weights) <> cardinality(topics)
		OR EXISTS (SELECT FROM unnest(weights) w WHERE w IS NULL OR NOT (w > 0 AND w <= 1000))) THEN
		PERFORM influence_internal.raise_invalid('the weights do not fit the topics', NULL,
			'Give one weight per topic, above 0 and at most 1000, or none at all.');
	END IF;
	SELECT count(DISTINCT t.topic_id), jsonb_object_agg(t.topic_id, coalesce(u.weight, 1)) FILTER (WHERE t.topic_id IS NOT NULL)
	  INTO interests, wanted
	  FROM unnest(topics, weights) u(name, weight)
	  LEFT JOIN influence.topic t ON t.name = u.name;
	SELECT string_agg(coalesce(u.name, 'NULL'), ', ') INTO unknown
	  FROM unnest(topics) u(name)
	 WHERE NOT EXISTS (SELECT FROM influence.topic t WHERE t.name = u.name);
	IF unknown IS NOT NULL THEN
		PERFORM influence_internal.raise_unknown('topic', unknown, 'Use topics made with influence.create_topic(name).');
	ELSIF interests < least_count THEN
		PERFORM influence_internal.raise_refused(format('%s interests are too few', interests),
			format('A shopper chooses at least %s different topics.', least_count), 'Give more topics.');
	END IF;
	PERFORM influence_internal.lock_person($1);
	SELECT jsonb_object_agg(i.topic_id, i.weight) INTO present FROM influence.interest i WHERE i.visitor_id = $1;
	status := 'duplicate';
	IF present IS DISTINCT FROM wanted THEN
		DELETE FROM influence.interest i WHERE i.visitor_id = $1 AND NOT wanted ? i.topic_id::text;
		INSERT INTO influence.interest AS i (visitor_id, topic_id, weight)
		SELECT $1, w.key::bigint, w.value::text::float8 FROM jsonb_each(wanted) w
		ON CONFLICT ON CONSTRAINT interest_pkey DO UPDATE SET weight = excluded.weight, since = now()
		 WHERE i.weight <> excluded.weight;
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_interests(uuid, text[], float8[]) IS
'Sets what a shopper is interested in: at least five different topics (setting minimum_interests), with optional weights; replaces the earlier choice. -> status recorded | duplicate (nothing changed), interests. IN002, IN003, IN005 too few.';

CREATE FUNCTION influence_internal.follow_target(creator_id bigint, topic text, OUT target_kind text, OUT target_id bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF num_nonnulls($1, $2) <> 1 THEN
		PERFORM influence_internal.raise_invalid('a follow has one target', NULL, 'Give either creator_id or topic.');
	ELSIF $1 IS NOT NULL THEN
		PERFORM influence_internal.require_creator($1);
		target_kind := 'creator';
		target_id := $1;
	ELSE
		SELECT t.topic_id INTO target_id FROM influence.topic t WHERE t.name = $2;
		IF NOT FOUND THEN
			PERFORM influence_internal.raise_unknown('topic', $2, 'Create it with influence.create_topic(name).');
		END IF;
		target_kind := 'topic';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.follow_target(bigint, text) IS 'What a follow points at, checked; IN002, IN003.';

CREATE FUNCTION influence_internal.follow(visitor_id uuid, creator_id bigint DEFAULT NULL, topic text DEFAULT NULL,
	since timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	target record;
BEGIN
	PERFORM influence_internal.require_shopper($1);
	PERFORM influence_internal.require_begin('since', $4);
	SELECT * INTO target FROM influence_internal.follow_target($2, $3);
	INSERT INTO influence.follow (visitor_id, target_kind, target_id, since)
	VALUES ($1, target.target_kind, target.target_id, $4)
	ON CONFLICT DO NOTHING;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF target.target_kind = 'creator' THEN
		INSERT INTO influence.follower (creator_id, visitor_id, since) VALUES ($2, $1, $4) ON CONFLICT DO NOTHING;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.follow(uuid, bigint, text, timestamptz) IS
'A shopper follows a creator or a topic. -> status recorded | duplicate. IN002, IN003.';

CREATE FUNCTION influence_internal.unfollow(visitor_id uuid, creator_id bigint DEFAULT NULL, topic text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	target record;
BEGIN
	PERFORM influence_internal.require_shopper($1);
	SELECT * INTO target FROM influence_internal.follow_target($2, $3);
	DELETE FROM influence.follow f
	 WHERE f.visitor_id = $1 AND f.target_kind = target.target_kind AND f.target_id = target.target_id;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	DELETE FROM influence.follower f
	 WHERE target.target_kind = 'creator' AND f.creator_id = $2 AND f.visitor_id = $1;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.unfollow(uuid, bigint, text) IS
'A shopper no longer follows a creator or a topic. -> status recorded | duplicate (did not follow). IN002, IN003.';

CREATE FUNCTION influence_internal.block(visitor_id uuid, creator_id bigint, direction text DEFAULT 'by_shopper',
	blocked boolean DEFAULT true)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_arguments('visitor_id', $1::text, 'blocked', $4::text);
	PERFORM influence_internal.require_creator($2);
	IF $3 IS NULL OR $3 NOT IN ('by_shopper', 'by_creator') THEN
		PERFORM influence_internal.raise_invalid(format('direction "%s" is not known', $3), NULL, 'Use by_shopper or by_creator.');
	ELSIF $4 THEN
		INSERT INTO influence.block (visitor_id, creator_id, direction) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;
	ELSE
		DELETE FROM influence.block b WHERE b.visitor_id = $1 AND b.creator_id = $2 AND b.direction = $3;
	END IF;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.block(uuid, bigint, text, boolean) IS
'Blocks (or with blocked => false unblocks) between a shopper and a creator, by either side; a block in either direction hides the creator''s posts from the shopper. -> status recorded | duplicate. IN002, IN003.';

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
	END IF;
	SELECT p.creator_id INTO post FROM influence.post p WHERE p.post_id = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('post', $2::text, 'Publish it with influence.publish_post(...).');
	END IF;
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
	ref := coalesce($4, format('%s/%s/%s', $3, $2, extract(epoch FROM moment)));
	PERFORM influence_internal.require_key('event_ref', ref);
	moment := influence_internal.event_time($1, 'react/' || ref, jsonb_build_array($2, $3, $5, $6, $7), moment, $5 IS NULL AND $4 IS NOT NULL);
	INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id, creator_id, surface, device)
	VALUES ($1, moment, ref, $3, $2, post.creator_id, $6, $7)
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
'A visitor reacts to a post: smile, unsmile (states: repeating one changes nothing), share, save, click. Natural key: visitor, occurred_at and event_ref; with event_ref but without occurred_at the server sets the time and remembers it for retries. -> status recorded | duplicate, occurred_at_recorded. IN002, IN003, IN004.';

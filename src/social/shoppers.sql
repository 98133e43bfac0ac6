/*
 * shoppers.sql
 *
 * Shoppers and their interests: state that a repeated call leaves as it is.
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
	-- each in quotes of its own
	SELECT string_agg(coalesce(u.name, 'NULL'), '", "') INTO unknown
	  FROM unnest(topics) u(name)
	 WHERE NOT EXISTS (SELECT FROM influence.topic t WHERE t.name = u.name);
	IF unknown IS NOT NULL THEN
		PERFORM influence_internal.raise_unknown('topic', unknown, 'Use topics made with influence.create_topic(name).');
	ELSIF interests < least_count THEN
		PERFORM influence_internal.raise_refused('there are too few interests',
			format('Different topics: %s, needed: %s.', interests, least_count), 'Give more topics.');
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

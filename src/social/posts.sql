/*
 * posts.sql
 *
 * Posts with product tags. A post belongs to a creator who is admitted to the
 * program and active; where the program demands it, at least one product is
 * tagged. It stays as it was published: what happens to it later is the
 * moderation's (moderation.sql).
 */
CREATE FUNCTION influence_internal.require_agent(agent_id bigint, creator_id bigint, at timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	agent record;
	standing text;
BEGIN
	PERFORM influence_internal.require_creator($1);
	SELECT c.kind, c.agency_of INTO agent FROM influence.creator c WHERE c.creator_id = $1;
	IF agent.kind <> 'agency' OR $2 <> ALL (agent.agency_of) THEN
		PERFORM influence_internal.raise_refused(format('creator %s does not act for creator %s', $1, $2),
			format('It is of kind %s and acts for %s.', agent.kind, coalesce(nullif(array_to_string(agent.agency_of, ', '), ''), 'nobody')),
			'Name an agency whose agency_of contains the creator; see influence.register_creator(...).');
	END IF;
	standing := influence_internal.creator_status_at($1, $3);
	IF standing <> 'active' THEN
		PERFORM influence_internal.raise_refused(format('agency %s may not act', $1), format('It is %s at %s.', standing, $3),
			'Let the creator publish, or see influence.set_creator_status(...).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_agent(bigint, bigint, timestamptz) IS
'Raises IN005 unless a creator is an agency that acts for another one and is active at a moment; IN003 when there is none.';

CREATE FUNCTION influence_internal.require_campaign_terms(campaign_id bigint, program_id bigint, disclosure text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	campaign record;
BEGIN
	SELECT c.program_id, c.name, c.paid INTO campaign
	  FROM influence.campaign c WHERE c.campaign_id = $1;
	IF campaign.program_id IS DISTINCT FROM $2 THEN
		PERFORM influence_internal.raise_unknown('campaign', $1::text, format('Use a campaign of program %s.', $2));
	ELSIF campaign.paid AND $3 <> 'paid' THEN
		PERFORM influence_internal.raise_refused('a post of a paid campaign says so',
			format('Campaign %s (%s) is paid, the disclosure is "%s".', $1, campaign.name, $3), 'Use disclosure => ''paid''.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_campaign_terms(bigint, bigint, text) IS
'Raises IN003 unless the campaign is one of the program, IN005 when it is paid and a post does not disclose that.';

CREATE FUNCTION influence_internal.post_expiry(kind text, moment timestamptz, stated timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF $3 <= $2 OR NOT isfinite($3) THEN
		PERFORM influence_internal.raise_invalid('expires_at is no moment after the publication', format('published_at: %s, expires_at: %s.', $2, $3),
			'Give a later moment, or leave it out.');
	END IF;
	RETURN coalesce($3, CASE WHEN $1 = 'story' THEN $2 + (influence_internal.setting_value('story_lifetime') #>> '{}')::interval END);
END
$$;
COMMENT ON FUNCTION influence_internal.post_expiry(text, timestamptz, timestamptz) IS
'When a post ceases to be shown: as stated, a story after the setting story_lifetime, others never (NULL). IN002.';

CREATE FUNCTION influence_internal.publish_post(program_id bigint, creator_id bigint, post_ref text, kind text,
	tags jsonb DEFAULT '[]', topic text DEFAULT NULL, body text DEFAULT NULL, media text DEFAULT NULL,
	published_at timestamptz DEFAULT NULL, disclosure text DEFAULT 'affiliate', countries text[] DEFAULT NULL,
	details jsonb DEFAULT '{}')
RETURNS TABLE (status text, post_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bar text;
	hash bytea;
	known record;
	topic_id bigint;
	demands_tag boolean;
	moment timestamptz := coalesce($9, now());
	expires_at timestamptz;
	shopper uuid;
	approved boolean;
	products bigint[];
BEGIN
	SELECT f.demands_tag INTO demands_tag FROM influence_internal.program_facts($1) f;
	PERFORM influence_internal.require_remembered($2);
	PERFORM influence_internal.require_key('post_ref', $3);
	PERFORM influence_internal.require_event_time('published_at', $9, interval '2 years');
	PERFORM influence_internal.require_array(tags, 'tags');
	PERFORM influence_internal.check_keys(details, ARRAY['duration_ms', 'sound', 'language', 'use_case', 'vertical', 'campaign_id',
		'agent_id', 'expires_at', 'surface'], 'details');
	hash := influence_internal.content_hash(jsonb_build_array($1, $4, tags, $6, $7, $8, $9, $10, $11, details));
	PERFORM influence_internal.lock_key(format('post %s %s', $2, $3));
	SELECT p.post_id, p.content_hash INTO known FROM influence.post p WHERE p.creator_id = $2 AND p.post_ref = $3;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('post', $3);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.post_id;
		RETURN;
	END IF;
	IF $4 IS NULL OR $4 NOT IN ('photo', 'video', 'story', 'live') THEN
		PERFORM influence_internal.raise_invalid(format('post kind "%s" is not known', $4), NULL, 'Use photo, video, story or live.');
	ELSIF $10 IS NULL OR $10 NOT IN ('affiliate', 'gifted', 'paid', 'none') THEN
		PERFORM influence_internal.raise_invalid(format('disclosure "%s" is not known', $10), NULL, 'Use affiliate, gifted, paid or none.');
	ELSIF (details ->> 'duration_ms')::int < 0 THEN
		PERFORM influence_internal.raise_invalid('duration_ms is negative', NULL, 'Give milliseconds.');
	ELSIF (details ->> 'use_case') NOT IN ('discovery', 'review', 'tutorial', 'up_sell', 'cross_sell') THEN
		PERFORM influence_internal.raise_invalid(format('use_case "%s" is not known', details ->> 'use_case'), NULL,
			'Use discovery, review, tutorial, up_sell or cross_sell.');
	ELSIF demands_tag AND jsonb_array_length(tags) = 0 THEN
		PERFORM influence_internal.raise_refused('the post tags no product', 'The program demands at least one product tag per post.',
			'Give tags as [{"product_id": 1, "x": 0.5, "y": 0.5}].');
	END IF;
	bar := influence_internal.earning_bar($1, $2, moment);
	IF bar IS NOT NULL THEN
		PERFORM influence_internal.raise_refused(format('creator %s may not post in this program', $2), format('Reason: %s.', bar),
			'Apply with influence.apply_creator(program_id, creator_id), which also shows an earlier decision.');
	END IF;
	expires_at := influence_internal.post_expiry($4, moment, (details ->> 'expires_at')::timestamptz);
	IF details ->> 'agent_id' IS NOT NULL THEN
		PERFORM influence_internal.require_agent((details ->> 'agent_id')::bigint, $2, moment);
	END IF;
	IF details ->> 'campaign_id' IS NOT NULL THEN
		PERFORM influence_internal.require_campaign_terms((details ->> 'campaign_id')::bigint, $1, $10);
	END IF;
	SELECT c.visitor_id INTO shopper FROM influence.creator c WHERE c.creator_id = $2;
	PERFORM influence_internal.require_capability($1, 'post_' || $4, shopper, moment, NULL, details ->> 'surface', $2);
	IF topic IS NOT NULL THEN
		SELECT t.topic_id INTO topic_id FROM influence.topic t WHERE t.name = publish_post.topic;
		IF NOT FOUND THEN
			PERFORM influence_internal.raise_unknown('topic', topic, 'Create it with influence.create_topic(name).');
		END IF;
	END IF;
	SELECT array_agg(DISTINCT (e ->> 'product_id')::bigint) INTO products FROM jsonb_array_elements(tags) e;
	PERFORM influence_internal.require_taggable($1, $2, products, moment);
	PERFORM influence_internal.require_quota($1, $2, moment);
	PERFORM influence_internal.require_disclosure($2, products, $10, moment);
	approved := influence_internal.post_needs_no_approval($1, $2, moment);
	INSERT INTO influence.post (creator_id, post_ref, program_id, kind, media, duration_ms, sound, body, language, countries,
								topic_id, use_case, vertical, disclosure, campaign_id, agent_id, surface, published_at, expires_at, content_hash)
	VALUES ($2, $3, $1, $4, $8, (details ->> 'duration_ms')::int, details ->> 'sound', $7, details ->> 'language', $11,
			topic_id, details ->> 'use_case', details ->> 'vertical', $10, (details ->> 'campaign_id')::bigint,
			(details ->> 'agent_id')::bigint, details ->> 'surface', moment, expires_at, hash)
	RETURNING post_id INTO post_id;
	PERFORM influence_internal.tag_post($2, post_id, tags);
	PERFORM influence_internal.add_feed_items(ARRAY[publish_post.post_id]);
	-- what is said of a post before its moment comes after this row
	INSERT INTO influence.post_status (creator_id, post_id, since, status, actor)
	VALUES ($2, publish_post.post_id, least(moment, now()), CASE WHEN approved THEN 'published' ELSE 'pending' END, 'publish_post');
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.publish_post(bigint, bigint, text, text, jsonb, text, text, text, timestamptz, text, text[], jsonb) IS
'Publishes a post (photo, video, story, live) of an admitted creator with product tags [{"product_id", "x", "y", "t_from_ms", "t_to_ms"}] by place or time range; details: duration_ms, sound, language, use_case (discovery, review, tutorial, up_sell, cross_sell), vertical, surface, campaign_id, agent_id (the agency that publishes for the creator), expires_at (a story: after the setting story_lifetime, 24 hours). published_at NULL = now, may be in the future. The first posts may wait for approval: set_moderation(). Natural key: creator and post_ref. -> status recorded | duplicate, post_id. IN002, IN003, IN004, IN005 (not admitted, suspended, no tag, a brand or seller that may not be shown, exclusivity, quota, a capability, not its agency, a sample or a paid campaign without disclosure).';

CREATE FUNCTION influence_internal.tag_post(creator_id bigint, post_id bigint, tags jsonb)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	tag jsonb;
	tag_id int := 0;
BEGIN
	FOR tag IN SELECT e FROM jsonb_array_elements(tags) e LOOP
		PERFORM influence_internal.check_keys(tag, ARRAY['product_id', 'x', 'y', 't_from_ms', 't_to_ms'], 'a tag');
		PERFORM influence_internal.require_product((tag ->> 'product_id')::bigint);
		IF (tag ->> 'x')::real NOT BETWEEN 0 AND 1 OR (tag ->> 'y')::real NOT BETWEEN 0 AND 1
		   OR (tag ->> 't_from_ms')::int NOT BETWEEN 0 AND coalesce((tag ->> 't_to_ms')::int, (tag ->> 't_from_ms')::int)
		   OR (tag ->> 't_to_ms')::int < 0 THEN
			PERFORM influence_internal.raise_invalid('a tag lies outside its post', tag::text,
				'x and y are fractions from 0 to 1, times are milliseconds with t_from_ms <= t_to_ms.');
		END IF;
		tag_id := tag_id + 1;
		INSERT INTO influence.post_tag (creator_id, post_id, tag_id, product_id, x, y, t_from_ms, t_to_ms)
		VALUES (tag_post.creator_id, tag_post.post_id, tag_id, (tag ->> 'product_id')::bigint, (tag ->> 'x')::real,
				(tag ->> 'y')::real, (tag ->> 't_from_ms')::int, (tag ->> 't_to_ms')::int);
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.tag_post(bigint, bigint, jsonb) IS 'Stores the product tags of a post; IN002, IN003.';

/*
 * posts.sql
 *
 * Posts with product tags. A post belongs to a creator who is admitted to the
 * program and active; where the program demands it, at least one product is
 * tagged.
 */
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
BEGIN
	SELECT f.demands_tag INTO demands_tag FROM influence_internal.program_facts($1) f;
	PERFORM influence_internal.require_creator($2);
	PERFORM influence_internal.require_key('post_ref', $3);
	PERFORM influence_internal.require_event_time('published_at', $9, interval '2 years');
	PERFORM influence_internal.require_array(tags, 'tags');
	PERFORM influence_internal.check_keys(details, ARRAY['duration_ms', 'sound', 'language', 'use_case', 'vertical', 'campaign_id'], 'details');
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
	ELSIF demands_tag AND jsonb_array_length(tags) = 0 THEN
		PERFORM influence_internal.raise_refused('the post tags no product', 'The program demands at least one product tag per post.',
			'Give tags as [{"product_id": 1, "x": 0.5, "y": 0.5}].');
	END IF;
	bar := influence_internal.earning_bar($1, $2, moment);
	IF bar IS NOT NULL THEN
		PERFORM influence_internal.raise_refused(format('creator %s may not post in this program', $2), format('Reason: %s.', bar),
			'Apply with influence.apply_creator(program_id, creator_id), which also shows an earlier decision.');
	END IF;
	IF topic IS NOT NULL THEN
		SELECT t.topic_id INTO topic_id FROM influence.topic t WHERE t.name = publish_post.topic;
		IF NOT FOUND THEN
			PERFORM influence_internal.raise_unknown('topic', topic, 'Create it with influence.create_topic(name).');
		END IF;
	END IF;
	INSERT INTO influence.post (creator_id, post_ref, program_id, kind, media, duration_ms, sound, body, language, countries,
								topic_id, use_case, vertical, disclosure, campaign_id, published_at, content_hash)
	VALUES ($2, $3, $1, $4, $8, (details ->> 'duration_ms')::int, details ->> 'sound', $7, details ->> 'language', $11,
			topic_id, details ->> 'use_case', details ->> 'vertical', $10, (details ->> 'campaign_id')::bigint, moment, hash)
	RETURNING post_id INTO post_id;
	PERFORM influence_internal.tag_post($2, post_id, tags);
	INSERT INTO influence.post_status (creator_id, post_id, since, status, actor)
	VALUES ($2, publish_post.post_id, moment, 'published', 'publish_post');
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.publish_post(bigint, bigint, text, text, jsonb, text, text, text, timestamptz, text, text[], jsonb) IS
'Publishes a post (photo, video, story, live) of an admitted creator with product tags [{"product_id", "x", "y", "t_from_ms", "t_to_ms"}] by place or time range; details: duration_ms, sound, language, use_case, vertical, campaign_id. published_at NULL = now, may be in the future. Natural key: creator and post_ref. -> status recorded | duplicate, post_id. IN002, IN003, IN004, IN005 (not admitted, suspended, no tag).';

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

CREATE FUNCTION influence_internal.set_post_status(post_id bigint, new_status text, reason text, actor text,
	since timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	author bigint;
	known record;
BEGIN
	SELECT p.creator_id INTO author FROM influence.post p WHERE p.post_id = $1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('post', $1::text, 'Publish it with influence.publish_post(...).');
	END IF;
	PERFORM influence_internal.require_arguments('actor', $4);
	PERFORM influence_internal.require_begin('since', $5);
	IF $2 IS NULL OR $2 NOT IN ('published', 'pending', 'removed') THEN
		PERFORM influence_internal.raise_invalid(format('post status "%s" is not known', $2), NULL, 'Use published, pending or removed.');
	END IF;
	INSERT INTO influence.post_status (creator_id, post_id, since, status, actor, reason)
	VALUES (author, $1, $5, $2, $4, $3)
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	IF NOT FOUND THEN
		SELECT s.status, s.actor, s.reason INTO known FROM influence.post_status s
		 WHERE s.creator_id = author AND s.post_id = $1 AND s.since = $5;
		IF (known.status, known.actor, known.reason) IS DISTINCT FROM ($2, $4, $3) THEN
			PERFORM influence_internal.raise_conflict('status of post', $1::text);
		END IF;
		status := 'duplicate';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_post_status(bigint, text, text, text, timestamptz) IS
'Adds to a post''s moderation history: published, pending or removed since a moment, with reason and actor; only published posts are shown. Natural key: post and since. -> status recorded | duplicate. IN002, IN003, IN004.';

/*
 * channel_posts.sql
 *
 * Posts on creators' channels outside, one by one, as a platform's interface
 * tells them again and again; and for channels whose posts are not known so,
 * how many are about what.
 */
CREATE FUNCTION influence_internal.store_channel_posts(creator_id bigint, channel_id bigint, posts jsonb)
RETURNS int
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known_at timestamptz;
	item record;
	wrong record;
	stored int;
BEGIN
	PERFORM influence_internal.require_channel($1, $2);
	-- one look at all of them; which one is wrong, and how, is asked only when one is
	FOR item IN
		SELECT p.*
		  FROM jsonb_to_recordset($3) p(post_ref text, measured_at timestamptz, published_at timestamptz, topic text, followers bigint,
				views bigint, likes bigint, comments bigint, shares bigint, saves bigint, interactions bigint, reach bigint, impressions bigint)
		 WHERE (length(p.post_ref) BETWEEN 1 AND 200 AND p.measured_at >= p.published_at AND p.published_at >= '1990-01-01 00:00:00+00'
				AND p.measured_at <= clock_timestamp() + interval '1 day'
				AND coalesce(least(p.followers, p.views, p.likes, p.comments, p.shares, p.saves, p.interactions, p.reach, p.impressions), 0) >= 0) IS NOT TRUE
		 LIMIT 1
	LOOP
		PERFORM influence_internal.require_key('post_ref', item.post_ref);
		PERFORM influence_internal.require_arguments('measured_at', item.measured_at::text, 'published_at', item.published_at::text);
		PERFORM influence_internal.require_event_time('published_at', item.published_at);
		PERFORM influence_internal.require_event_time('measured_at', item.measured_at);
		IF item.measured_at < item.published_at THEN
			PERFORM influence_internal.raise_invalid(format('post "%s" was measured before it was published', item.post_ref),
				format('Published at %s, measured at %s.', item.published_at, item.measured_at), 'Give measured_at of the published post.');
		END IF;
		SELECT m.name, m.value INTO wrong
		  FROM (VALUES ('followers', item.followers), ('views', item.views), ('likes', item.likes), ('comments', item.comments), ('shares', item.shares),
					   ('saves', item.saves), ('interactions', item.interactions), ('reach', item.reach), ('impressions', item.impressions)) m(name, value)
		 WHERE m.value < 0 LIMIT 1;
		PERFORM influence_internal.raise_invalid(format('%s of post "%s" is negative', wrong.name, item.post_ref),
			format('%s: %s.', wrong.name, wrong.value), 'Counts are 0 or more; leave out what the platform does not say.');
	END LOOP;
	SELECT p.topic INTO item FROM jsonb_to_recordset($3) p(topic text)
	 WHERE p.topic IS NOT NULL AND NOT EXISTS (SELECT FROM influence.topic t WHERE t.name = p.topic) LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_unknown('topic', item.topic, 'Create it with influence.create_topic(name).');
	END IF;
	known_at := influence_internal.creator_fact_time($1);
	INSERT INTO influence.channel_post (creator_id, channel_id, post_ref, measured_at, published_at, topic_id, followers, views, likes, comments,
										shares, saves, interactions, reach, impressions, received_at)
	SELECT $1, $2, p.post_ref, p.measured_at, p.published_at, t.topic_id, p.followers, p.views, p.likes, p.comments, p.shares, p.saves,
		   p.interactions, p.reach, p.impressions, known_at
	  FROM jsonb_to_recordset($3) p(post_ref text, measured_at timestamptz, published_at timestamptz, topic text, followers bigint,
			views bigint, likes bigint, comments bigint, shares bigint, saves bigint, interactions bigint, reach bigint, impressions bigint)
	  LEFT JOIN influence.topic t ON t.name = p.topic
	ON CONFLICT ON CONSTRAINT channel_post_pkey DO NOTHING;
	GET DIAGNOSTICS stored = ROW_COUNT;
	IF stored < jsonb_array_length($3) THEN
		SELECT p.post_ref INTO item
		  FROM jsonb_to_recordset($3) p(post_ref text, measured_at timestamptz, published_at timestamptz, topic text, followers bigint,
				views bigint, likes bigint, comments bigint, shares bigint, saves bigint, interactions bigint, reach bigint, impressions bigint)
		  LEFT JOIN influence.topic t ON t.name = p.topic
		  JOIN influence.channel_post k ON k.creator_id = $1 AND k.channel_id = $2 AND k.post_ref = p.post_ref AND k.measured_at = p.measured_at
		 WHERE (k.published_at, k.topic_id, k.followers, k.views, k.likes, k.comments, k.shares, k.saves, k.interactions, k.reach, k.impressions)
			   IS DISTINCT FROM (p.published_at, t.topic_id, p.followers, p.views, p.likes, p.comments, p.shares, p.saves, p.interactions, p.reach,
								 p.impressions)
		 LIMIT 1;
		IF FOUND THEN
			PERFORM influence_internal.raise_conflict('post on channel ' || $2, item.post_ref);
		END IF;
	END IF;
	RETURN stored;
END
$$;
COMMENT ON FUNCTION influence_internal.store_channel_posts(bigint, bigint, jsonb) IS
'Stores the measurements of a JSON array that are not there yet, and returns how many; IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.record_channel_post(creator_id bigint, channel_id bigint, post_ref text, measured_at timestamptz,
	published_at timestamptz, followers bigint DEFAULT NULL, views bigint DEFAULT NULL, likes bigint DEFAULT NULL,
	comments bigint DEFAULT NULL, shares bigint DEFAULT NULL, saves bigint DEFAULT NULL, interactions bigint DEFAULT NULL,
	reach bigint DEFAULT NULL, impressions bigint DEFAULT NULL, topic text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	status := CASE influence_internal.store_channel_posts($1, $2, jsonb_build_array(jsonb_build_object('post_ref', $3, 'measured_at', $4,
		'published_at', $5, 'followers', $6, 'views', $7, 'likes', $8, 'comments', $9, 'shares', $10, 'saves', $11, 'interactions', $12,
		'reach', $13, 'impressions', $14, 'topic', $15)))
		WHEN 0 THEN 'duplicate' ELSE 'recorded' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_channel_post(bigint, bigint, text, timestamptz, timestamptz, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, text) IS
'Records a post on a creator''s channel as it was measured at a moment: followers of the channel then, and the post''s views, likes, comments, shares, saves, interactions (for sources that give only the sum of the four), reach and impressions; NULL = the platform does not say. topic is the name of a topic. The latest measurement of a post holds. Natural key: channel, post_ref and measured_at. -> status recorded | duplicate. IN002, IN003 no such channel or topic, IN004.';

CREATE FUNCTION influence_internal.record_channel_posts(creator_id bigint, channel_id bigint, posts jsonb)
RETURNS TABLE (recorded int, duplicates int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item jsonb;
BEGIN
	PERFORM influence_internal.require_array($3, 'posts');
	FOR item IN SELECT value FROM jsonb_array_elements($3) LOOP
		PERFORM influence_internal.check_keys(item, '{post_ref,measured_at,published_at,topic,followers,views,likes,comments,shares,saves,interactions,reach,impressions}',
			'a post');
	END LOOP;
	recorded := influence_internal.store_channel_posts($1, $2, $3);
	duplicates := jsonb_array_length($3) - recorded;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_channel_posts(bigint, bigint, jsonb) IS
'Records many measurements of posts of a channel at once: [{"post_ref", "measured_at", "published_at", ...}] with the arguments of record_channel_post() as keys. All or nothing. -> recorded, duplicates. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.record_channel_topics(creator_id bigint, channel_id bigint, topics jsonb, measured_at timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item record;
	known_at timestamptz;
BEGIN
	PERFORM influence_internal.require_channel($1, $2);
	PERFORM influence_internal.require_arguments('measured_at', $4::text);
	PERFORM influence_internal.require_event_time('measured_at', $4);
	IF $3 IS NULL OR jsonb_typeof($3) <> 'object' OR $3 = '{}' THEN
		PERFORM influence_internal.raise_invalid('topics is not a JSON object with at least one topic', NULL, 'Give {"topic": posts, ...}.');
	END IF;
	FOR item IN
		SELECT e.key, e.value, t.topic_id FROM jsonb_each($3) e LEFT JOIN influence.topic t ON t.name = e.key ORDER BY e.key
	LOOP
		IF item.topic_id IS NULL THEN
			PERFORM influence_internal.raise_unknown('topic', item.key, 'Create it with influence.create_topic(name).');
		ELSIF jsonb_typeof(item.value) <> 'number' OR (item.value #>> '{}') !~ '^[1-9][0-9]{0,17}$' THEN
			PERFORM influence_internal.raise_invalid(format('the posts about "%s" are no number of posts', item.key), format('Value: %s.', item.value),
				'Count from 1; leave out topics without posts.');
		END IF;
	END LOOP;
	known_at := influence_internal.creator_fact_time($1);
	IF EXISTS (SELECT FROM influence.channel_topic c WHERE c.creator_id = $1 AND c.channel_id = $2 AND c.measured_at = $4) THEN
		IF (SELECT jsonb_object_agg(t.name, c.posts)
			  FROM influence.channel_topic c JOIN influence.topic t ON t.topic_id = c.topic_id
			 WHERE c.creator_id = $1 AND c.channel_id = $2 AND c.measured_at = $4) IS DISTINCT FROM $3 THEN
			PERFORM influence_internal.raise_conflict('topics of channel', format('%s at %s', $2, $4));
		END IF;
		status := 'duplicate';
	ELSE
		INSERT INTO influence.channel_topic (creator_id, channel_id, measured_at, topic_id, posts, received_at)
		SELECT $1, $2, $4, t.topic_id, (e.value #>> '{}')::bigint, known_at
		  FROM jsonb_each($3) e JOIN influence.topic t ON t.name = e.key;
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_channel_topics(bigint, bigint, jsonb, timestamptz) IS
'Records how many posts of a channel are about which topics, {"topic": posts}, for channels whose posts are not recorded one by one. What was measured last holds, as a whole. Natural key: channel and measured_at. -> status recorded | duplicate. IN002, IN003, IN004.';

/*
 * comments.sql
 *
 * Comments of shoppers on posts. A comment that is published counts as an
 * engagement; one that waits for approval counts from the time it was written
 * once it is approved. Removing one hides it; the event stays a fact.
 */
CREATE FUNCTION influence_internal.comment_on_post(visitor_id uuid, post_id bigint, comment_ref text, body text,
	occurred_at timestamptz DEFAULT NULL, surface text DEFAULT NULL, device text DEFAULT NULL)
RETURNS TABLE (status text, comment_id bigint, state text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	post record;
	known record;
	hash bytea := influence_internal.content_hash(jsonb_build_array($2, $4, $5, $6, $7));
	moment timestamptz := coalesce($5, now());
BEGIN
	PERFORM influence_internal.require_shopper($1);
	PERFORM influence_internal.require_key('comment_ref', $3);
	PERFORM influence_internal.require_event_time('occurred_at', $5);
	IF $4 IS NULL OR $4 !~ '[^[:space:]]' OR length($4) > 10000 THEN
		PERFORM influence_internal.raise_invalid('a comment has 1 to 10,000 characters', format('It has %s.', coalesce(length($4)::text, 'none')),
			'Give its text as body.');
	END IF;
	SELECT p.creator_id, p.program_id, p.published_at INTO post FROM influence.post p WHERE p.post_id = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('post', $2::text, 'Publish it with influence.publish_post(...).');
	END IF;
	PERFORM influence_internal.lock_person($1);
	SELECT c.comment_id, c.content_hash INTO known FROM influence.post_comment c WHERE c.visitor_id = $1 AND c.comment_ref = $3;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('comment', $3);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.comment_id, influence_internal.comment_state($1, known.comment_id, now());
		RETURN;
	END IF;
	PERFORM influence_internal.require_kept('engagement', 'occurred_at', $5);
	IF NOT influence_internal.is_on_show($2, moment) THEN
		PERFORM influence_internal.raise_refused(format('post %s is not shown', $2), format('Moment: %s.', moment),
			'Comment on posts that are published, not expired, and of an active creator.');
	ELSIF EXISTS (SELECT FROM influence.block b WHERE b.visitor_id = ANY (influence_internal.person_visitors($1)) AND b.creator_id = post.creator_id) THEN
		PERFORM influence_internal.raise_refused(format('visitor %s and creator %s do not see each other', $1, post.creator_id), NULL,
			'One of them has blocked the other; see influence.block(visitor_id, creator_id, direction, blocked => false).');
	END IF;
	PERFORM influence_internal.require_capability(post.program_id, 'comment', $1, moment, NULL, $6);
	state := CASE WHEN influence_internal.comment_needs_no_approval(post.program_id, $1, moment) THEN 'published' ELSE 'pending' END;
	INSERT INTO influence.post_comment (visitor_id, comment_ref, program_id, post_id, creator_id, body, surface, device, occurred_at, content_hash)
	VALUES ($1, $3, post.program_id, $2, post.creator_id, $4, $6, $7, moment, hash)
	RETURNING comment_id INTO comment_id;
	INSERT INTO influence.comment_status (visitor_id, comment_id, since, status, actor)
	VALUES ($1, comment_on_post.comment_id, least(moment, now()), state, 'comment_on_post');
	IF state = 'published' THEN
		PERFORM influence_internal.count_comment($1, comment_on_post.comment_id, $2, post.creator_id, moment, $6, $7);
	END IF;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.comment_on_post(uuid, bigint, text, text, timestamptz, text, text) IS
'A registered shopper comments on a post that is shown at that moment; it counts as an engagement as soon as it is published. state: published, or pending where the program wants to see first comments (set_moderation). Natural key: visitor and comment_ref. -> status recorded | duplicate, comment_id, state. IN002, IN003, IN004, IN005 (not shown, blocked, a capability).';

CREATE FUNCTION influence_internal.comment_state(visitor_id uuid, comment_id bigint, at timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT s.status FROM influence.comment_status s
			 WHERE s.visitor_id = $1 AND s.comment_id = $2 AND s.since <= $3
			 ORDER BY s.since DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION influence_internal.comment_state(uuid, bigint, timestamptz) IS 'published, pending or removed at a moment; NULL before it was written.';

CREATE FUNCTION influence_internal.count_comment(visitor_id uuid, comment_id bigint, post_id bigint, creator_id bigint,
	occurred_at timestamptz, surface text, device text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- approved after its month was dropped: nothing is counted there any more
	IF $5 >= influence_internal.kept_from('engagement') THEN
		INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id, creator_id, topic_id, format, sound_key, surface, device, device_key)
		SELECT $1, $5, 'comment/' || $2, 'comment', $3, $4, p.topic_id, influence_internal.post_format(p.kind, p.duration_ms), influence_internal.sound_key(p.sound), $6, $7,
			   influence_internal.device_key($7)
		  FROM influence.post p WHERE p.creator_id = $4 AND p.post_id = $3
		ON CONFLICT DO NOTHING;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.count_comment(uuid, bigint, bigint, bigint, timestamptz, text, text) IS 'Books a published comment as an engagement, once.';

CREATE FUNCTION influence_internal.get_comments(post_id bigint, viewer_id uuid DEFAULT NULL, page_size int DEFAULT 50,
	after_comment bigint DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE (comment_id bigint, visitor_id uuid, body text, occurred_at timestamptz, state text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	post record;
	viewers uuid[] := influence_internal.person_visitors($2);
	place timestamptz;
BEGIN
	PERFORM influence_internal.require_arguments('as_of', $5::text);
	SELECT p.program_id, p.creator_id INTO post FROM influence.post p WHERE p.post_id = $1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('post', $1::text, 'Publish it with influence.publish_post(...).');
	ELSIF $3 IS NULL OR $3 NOT BETWEEN 1 AND 1000 THEN
		PERFORM influence_internal.raise_invalid('page_size is out of range', format('page_size: %s', $3), 'Ask for 1 to 1000 comments a page.');
	END IF;
	IF $4 IS NOT NULL THEN
		SELECT c.occurred_at INTO place FROM influence.post_comment c WHERE c.comment_id = $4 AND c.post_id = $1;
		IF NOT FOUND THEN
			PERFORM influence_internal.raise_unknown('comment', $4::text, 'Give the last comment_id of the page before.');
		END IF;
	END IF;
	PERFORM influence_internal.require_capability(post.program_id, 'read', $2, $5, NULL, NULL);
	-- what is said about a post is seen by who may see the post
	IF NOT influence_internal.is_on_show($1, $5)
	   OR EXISTS (SELECT FROM influence.block b WHERE b.visitor_id = ANY (viewers) AND b.creator_id = post.creator_id) THEN
		RETURN;
	END IF;
	RETURN QUERY
	SELECT c.comment_id, c.visitor_id, c.body, c.occurred_at, s.status
	  FROM influence.post_comment c
	 CROSS JOIN LATERAL influence_internal.comment_state(c.visitor_id, c.comment_id, $5) s(status)
	 WHERE c.post_id = $1 AND c.occurred_at <= $5 AND (s.status = 'published' OR s.status = 'pending' AND c.visitor_id = ANY (viewers))
	   AND ($4 IS NULL OR (c.occurred_at, c.comment_id) < (place, $4))
	 ORDER BY c.occurred_at DESC, c.comment_id DESC LIMIT $3;
END
$$;
COMMENT ON FUNCTION influence_internal.get_comments(bigint, uuid, int, bigint, timestamptz) IS
'A page of the comments on a post, newest first: what is published at as_of, and what of the viewer''s own is pending (state); none where the post is not shown then (removed, expired, its creator not active), or viewer and creator have blocked each other. after_comment: the last comment_id of the page before. IN002 bad page_size, IN003 no such post or comment, IN005 a capability (read).';

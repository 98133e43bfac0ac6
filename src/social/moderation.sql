/*
 * moderation.sql
 *
 * What may be seen: the histories of posts and comments (published, pending,
 * removed), whose first items wait for approval, and the queue of those that do.
 */
CREATE FUNCTION influence_internal.set_moderation(program_id bigint, first_posts int, first_comments int DEFAULT 0,
	valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('first_posts', $2::text, 'first_comments', $3::text);
	PERFORM influence_internal.require_begin('valid_from', $4);
	IF least($2, $3) < 0 THEN
		PERFORM influence_internal.raise_invalid('a number of items is negative', format('first_posts: %s, first_comments: %s.', $2, $3),
			'Use 0 for no approval at all.');
	END IF;
	INSERT INTO influence.moderation_policy (program_id, valid_from, first_posts, first_comments)
	VALUES ($1, $4, $2, $3)
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	IF NOT FOUND THEN
		IF NOT EXISTS (SELECT FROM influence.moderation_policy m
						WHERE m.program_id = $1 AND m.valid_from = $4 AND m.first_posts = $2 AND m.first_comments = $3) THEN
			PERFORM influence_internal.raise_conflict('moderation', format('%s at %s', $1, $4));
		END IF;
		status := 'duplicate';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_moderation(bigint, int, int, timestamptz) IS
'From valid_from on, a creator''s posts in a program begin as pending until first_posts of its posts there have been published, a shopper''s comments until first_comments have; 0 = all are published at once. set_post_status() and set_comment_status() approve. Natural key: program and valid_from. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.moderation_at(program_id bigint, at timestamptz, OUT first_posts int, OUT first_comments int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT m.first_posts, m.first_comments INTO first_posts, first_comments
	  FROM influence.moderation_policy m
	 WHERE m.program_id = $1 AND m.valid_from <= $2
	 ORDER BY m.valid_from DESC LIMIT 1;
	first_posts := coalesce(first_posts, 0);
	first_comments := coalesce(first_comments, 0);
END
$$;
COMMENT ON FUNCTION influence_internal.moderation_at(bigint, timestamptz) IS 'How many first posts and comments wait for approval in a program at a moment.';

CREATE FUNCTION influence_internal.post_needs_no_approval(program_id bigint, creator_id bigint, at timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted int := (SELECT m.first_posts FROM influence_internal.moderation_at($1, $3) m);
BEGIN
	-- counted are posts that somebody let through: as long as the first ones are refused, nothing is free
	RETURN wanted <= (SELECT count(*)
						FROM (SELECT FROM influence.post p
							   WHERE p.creator_id = $2 AND p.program_id = $1
								 AND EXISTS (SELECT FROM influence.post_status s
											  WHERE s.creator_id = $2 AND s.post_id = p.post_id AND s.status = 'published')
							   LIMIT wanted) x);
END
$$;
COMMENT ON FUNCTION influence_internal.post_needs_no_approval(bigint, bigint, timestamptz) IS 'Whether a creator has had enough posts published in a program for the next one to appear at once.';

CREATE FUNCTION influence_internal.comment_needs_no_approval(program_id bigint, visitor_id uuid, at timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted int := (SELECT m.first_comments FROM influence_internal.moderation_at($1, $3) m);
BEGIN
	RETURN wanted <= (SELECT count(*)
						FROM (SELECT FROM influence.post_comment c
							   WHERE c.visitor_id = $2 AND c.program_id = $1
								 AND EXISTS (SELECT FROM influence.comment_status s
											  WHERE s.visitor_id = $2 AND s.comment_id = c.comment_id AND s.status = 'published')
							   LIMIT wanted) x);
END
$$;
COMMENT ON FUNCTION influence_internal.comment_needs_no_approval(bigint, uuid, timestamptz) IS 'Whether a shopper has had enough comments published in a program for the next one to appear at once.';

CREATE FUNCTION influence_internal.require_status(what text, status text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $2 IS NULL OR $2 NOT IN ('published', 'pending', 'removed') THEN
		PERFORM influence_internal.raise_invalid(format('%s status "%s" is not known', $1, $2), NULL, 'Use published, pending or removed.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_status(text, text) IS 'Raises IN002 for a status that no post or comment can have.';

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
	PERFORM influence_internal.require_status('post', $2);
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
'Adds to a post''s moderation history: published, pending or removed since a moment, with reason and actor; only published posts are shown. since may lie before now, and before published_at. Natural key: post and since. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.set_comment_status(comment_id bigint, new_status text, reason text, actor text,
	since timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	comment record;
	known record;
BEGIN
	SELECT c.* INTO comment FROM influence.post_comment c WHERE c.comment_id = $1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('comment', $1::text, 'Record it with influence.comment_on_post(...).');
	END IF;
	PERFORM influence_internal.require_arguments('actor', $4);
	PERFORM influence_internal.require_begin('since', $5);
	PERFORM influence_internal.require_status('comment', $2);
	INSERT INTO influence.comment_status (visitor_id, comment_id, since, status, actor, reason)
	VALUES (comment.visitor_id, $1, $5, $2, $4, $3)
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	IF NOT FOUND THEN
		SELECT s.status, s.actor, s.reason INTO known FROM influence.comment_status s
		 WHERE s.visitor_id = comment.visitor_id AND s.comment_id = $1 AND s.since = $5;
		IF (known.status, known.actor, known.reason) IS DISTINCT FROM ($2, $4, $3) THEN
			PERFORM influence_internal.raise_conflict('status of comment', $1::text);
		END IF;
		status := 'duplicate';
	ELSIF $2 = 'published' THEN
		PERFORM influence_internal.count_comment(comment.visitor_id, $1, comment.post_id, comment.creator_id, comment.occurred_at,
			comment.surface, comment.device);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_comment_status(bigint, text, text, text, timestamptz) IS
'Adds to a comment''s moderation history: published, pending or removed since a moment, with reason and actor; only published comments are shown. Natural key: comment and since. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.create_moderation_view()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.moderation_queue WITH (security_invoker = true) AS
	SELECT 'post' AS item, p.program_id, p.creator_id, NULL::uuid AS visitor_id, p.post_id, NULL::bigint AS comment_id, p.post_ref AS ref,
		   p.kind, p.body, p.published_at AS occurred_at, s.since AS pending_since, s.actor, s.reason
	  FROM influence.post_status s
	  JOIN influence.post p ON p.creator_id = s.creator_id AND p.post_id = s.post_id
	 WHERE s.status = 'pending' AND s.since <= now()
	   AND NOT EXISTS (SELECT FROM influence.post_status n
						WHERE n.creator_id = s.creator_id AND n.post_id = s.post_id AND n.since > s.since AND n.since <= now())
	UNION ALL
	SELECT 'comment', c.program_id, c.creator_id, c.visitor_id, c.post_id, c.comment_id, c.comment_ref,
		   NULL, c.body, c.occurred_at, s.since, s.actor, s.reason
	  FROM influence.comment_status s
	  JOIN influence.post_comment c ON c.visitor_id = s.visitor_id AND c.comment_id = s.comment_id
	 WHERE s.status = 'pending' AND s.since <= now()
	   AND NOT EXISTS (SELECT FROM influence.comment_status n
						WHERE n.visitor_id = s.visitor_id AND n.comment_id = s.comment_id AND n.since > s.since AND n.since <= now());
	COMMENT ON VIEW influence.moderation_queue IS 'Posts and comments (item) that wait for set_post_status(post_id, ...) or set_comment_status(comment_id, ...): since when, by whom and why. visitor_id is the shopper who commented, creator_id whose post it is.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_moderation_view() IS 'Makes the view moderation_queue.';

CREATE FUNCTION influence_internal.create_social_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.create_moderation_view();
	PERFORM influence_internal.create_vote_views();
END
$$;
COMMENT ON FUNCTION influence_internal.create_social_views() IS 'Makes the views of step 14.';

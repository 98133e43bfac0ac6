/*
 * quotas.sql
 *
 * How many posts a creator owes and may publish in a month of the program, by
 * its time zone. The most is judged when a post is published, by the quota in
 * force at the post's moment; the month as a whole, in the view quota_status, by
 * the last quota that was in force in it. Removed posts count for neither.
 */
CREATE FUNCTION influence_internal.set_quota(program_id bigint, creator_id bigint DEFAULT 0, min_posts int DEFAULT NULL,
	max_posts int DEFAULT NULL, valid_from timestamptz DEFAULT now(), valid_to timestamptz DEFAULT 'infinity')
RETURNS TABLE (status text, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted tstzrange := influence_internal.stated_range($5, $6);
	last record;
	resumes boolean := false;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('creator_id', $2::text);
	IF $2 <> 0 THEN
		PERFORM influence_internal.require_creator($2);
	END IF;
	IF least($3, $4) < 0 OR $3 > $4 THEN
		PERFORM influence_internal.raise_invalid('the bounds of the quota are not possible', format('min_posts: %s, max_posts: %s.', $3, $4),
			'Give posts per month with 0 <= min_posts <= max_posts; NULL is no bound.');
	END IF;
	PERFORM influence_internal.lock_key('quotas ' || $1);
	SELECT q.version INTO version FROM influence.post_quota q
	 WHERE q.program_id = $1 AND q.creator_id = $2 AND q.stated = wanted
	   AND (q.min_posts, q.max_posts) IS NOT DISTINCT FROM ($3, $4);
	IF FOUND THEN
		status := 'duplicate';		-- the same call again, perhaps after later quotas have cut its range
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT q.*, lower(q.valid) AS since INTO last FROM influence.post_quota q
	 WHERE q.program_id = $1 AND q.creator_id = $2 AND q.valid && wanted
	 ORDER BY lower(q.valid) LIMIT 1;
	-- an open quota ends where this one begins; one that only resumed may be replaced altogether
	IF upper_inf(last.valid) AND (last.since < $5 OR (last.since = $5 AND last.stated IS NULL)) THEN
		UPDATE influence.post_quota q SET valid = tstzrange(lower(q.valid), $5)
		 WHERE q.program_id = $1 AND q.creator_id = $2 AND q.version = last.version;
		resumes := NOT upper_inf(wanted);
	END IF;
	SELECT q.valid INTO last.valid FROM influence.post_quota q
	 WHERE q.program_id = $1 AND q.creator_id = $2 AND q.valid && wanted
	 ORDER BY lower(q.valid) LIMIT 1;
	PERFORM influence_internal.require_free_range(last.valid, 'the quota');
	SELECT coalesce(max(q.version), 0) + 1 INTO version FROM influence.post_quota q WHERE q.program_id = $1 AND q.creator_id = $2;
	INSERT INTO influence.post_quota (program_id, creator_id, version, min_posts, max_posts, valid, stated)
	VALUES ($1, $2, version, $3, $4, wanted, wanted);
	IF resumes THEN
		INSERT INTO influence.post_quota (program_id, creator_id, version, min_posts, max_posts, valid)
		VALUES ($1, $2, version + 1, last.min_posts, last.max_posts, tstzrange($6, NULL));
	END IF;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_quota(bigint, bigint, int, int, timestamptz, timestamptz) IS
'How many posts a creator (0 = each without a quota of its own) owes (min_posts) and may publish (max_posts) in a month of the program; NULL = no bound, so both NULL end a quota, or free a creator from the program''s. An open quota ends where the new one begins, and goes on (as a further version) where the new one ends. -> status recorded | duplicate, version. IN002, IN003, IN011 overlaps.';

CREATE FUNCTION influence_internal.require_quota(program_id bigint, creator_id bigint, at timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	most int;
	month text;
	posts bigint;
BEGIN
	PERFORM influence_internal.lock_key('agreements ' || $2);
	SELECT q.max_posts INTO most FROM influence.post_quota q
	 WHERE q.program_id = $1 AND q.creator_id IN (0, $2) AND q.valid @> $3
	 ORDER BY q.creator_id DESC LIMIT 1;
	IF most IS NULL THEN
		RETURN;
	END IF;
	SELECT to_char($3 AT TIME ZONE f.time_zone, 'YYYY-MM') INTO month FROM influence_internal.program_facts($1) f;
	SELECT count(*) INTO posts
	  FROM influence_internal.period_bounds($1, month) b
	  JOIN influence.post p ON p.creator_id = $2 AND p.published_at >= b.starts_at AND p.published_at < b.ends_at
	 WHERE p.program_id = $1
	   AND coalesce((SELECT s.status FROM influence.post_status s
					  WHERE s.creator_id = p.creator_id AND s.post_id = p.post_id
					  ORDER BY s.since DESC LIMIT 1), '') <> 'removed';
	IF posts >= most THEN
		PERFORM influence_internal.raise_refused(format('the quota of creator %s is used up', $2),
			format('Posts in %s: %s of %s.', month, posts, most),
			'Publish in another month, or raise it with influence.set_quota(program_id, creator_id, min_posts, max_posts).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_quota(bigint, bigint, timestamptz) IS
'Raises IN005 when a creator published as many posts in the month of a moment (program''s time zone) as the quota then in force allows; removed posts do not count. Posts of one creator that are published at once wait for each other.';

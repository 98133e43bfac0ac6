/*
 * feed.sql
 *
 * get_feed: a page of a viewer's personal feed, made in C (feed_page.c) from
 * bounded probes of plain tables: candidates, one rule of eligibility for every
 * path, a score in log2 space, diversity and sponsored slots over the whole
 * session, and a cursor that carries the frozen moment and the exact ids
 * delivered: no page repeats a post, and none writes, so the feed runs on a
 * standby.
 */
CREATE FUNCTION influence_internal.is_on_show(post_id bigint, at timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN EXISTS (
		SELECT FROM influence.post p
		 WHERE p.post_id = $1 AND p.published_at <= $2 AND (p.expires_at IS NULL OR p.expires_at > $2)
		   AND 'published' = (SELECT s.status FROM influence.post_status s
							   WHERE s.creator_id = p.creator_id AND s.post_id = p.post_id AND s.since <= $2
							   ORDER BY s.since DESC LIMIT 1)
		   AND coalesce((SELECT s.status FROM influence.creator_status s
						  WHERE s.creator_id = p.creator_id AND s.since <= $2
						  ORDER BY s.since DESC LIMIT 1), 'active') = 'active');
END
$$;
COMMENT ON FUNCTION influence_internal.is_on_show(bigint, timestamptz) IS 'Whether a post is published, neither pending nor taken down nor expired, and its creator active at a moment.';

CREATE FUNCTION influence_internal.feed_page(program_id bigint, currency text, viewer_id uuid, page_size int, cursor text,
	as_of timestamptz, surface text, buying boolean, device text)
RETURNS TABLE (rank int, post_id bigint, creator_id bigint, score float8, sponsored boolean, disclosure text, sources text[],
			   products jsonb, next_cursor text, impression text)
AS 'MODULE_PATHNAME', 'feed_page'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_internal.feed_page(bigint, text, uuid, int, text, timestamptz, text, boolean, text) IS
'The page that get_feed() answers with, its arguments checked; buying: intent "buy". IN002 for a cursor that is not this viewer''s.';

CREATE FUNCTION influence_internal.feed_eligible(program_id bigint, viewer_id uuid, post_ids bigint[], as_of timestamptz)
RETURNS TABLE (post_id bigint, verdict text)
AS 'MODULE_PATHNAME', 'feed_eligible'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_internal.feed_eligible(bigint, uuid, bigint[], timestamptz) IS
'Whether posts may be shown to a viewer (NULL = a guest of whom nothing is known), in the order of the array: eligible, or the first rule that a post breaks: not_here, not_yet, expired, moderation, creator_status, own, blocked, muted, hidden, country, language, product (nothing in stock that the program may show). What depends on a scroll through the feed (seen, duplicate, capped, delivered) is not asked.';

CREATE FUNCTION influence_internal.require_feed_arguments(program_id bigint, viewer_id uuid, as_of timestamptz, surface text, intent text, device text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	currency text;
BEGIN
	SELECT f.currency INTO currency FROM influence_internal.program_facts($1) f;
	IF $2 IS NULL OR $3 IS NULL THEN
		PERFORM influence_internal.require_arguments('viewer_id', $2::text, 'as_of', $3::text);
	ELSIF $3 < '1990-01-01 00:00:00+00' OR $3 > '2990-01-01 00:00:00+00' THEN
		PERFORM influence_internal.raise_invalid('argument "as_of" is no time of a feed', format('as_of: %s.', $3), 'Leave it out for now.');
	ELSIF octet_length($4) > 100 THEN
		PERFORM influence_internal.raise_invalid('the name of the surface is too long', format('It has %s bytes.', octet_length($4)), 'Use at most 100.');
	ELSIF octet_length($6) > 100 THEN
		PERFORM influence_internal.raise_invalid('the name of the device is too long', format('It has %s bytes.', octet_length($6)), 'Use at most 100: ios, android, web.');
	ELSIF $5 IS NULL OR $5 NOT IN ('browse', 'buy') THEN
		PERFORM influence_internal.raise_invalid(format('intent "%s" is not known', $5), NULL, 'Use browse or buy.');
	END IF;
	PERFORM influence_internal.require_capability($1, 'read', $2, $3, NULL, $4);
	RETURN currency;
END
$$;
COMMENT ON FUNCTION influence_internal.require_feed_arguments(bigint, uuid, timestamptz, text, text, text) IS
'Checks what get_feed() and explain_feed() are asked for and returns the program''s currency. IN002, IN003 no such program, IN005 the capability read.';

CREATE FUNCTION influence_internal.get_feed(program_id bigint, viewer_id uuid, page_size int DEFAULT 20, cursor text DEFAULT NULL,
	as_of timestamptz DEFAULT now(), surface text DEFAULT 'feed', intent text DEFAULT 'browse', device text DEFAULT NULL)
RETURNS TABLE (rank int, post_id bigint, creator_id bigint, score float8, sponsored boolean, disclosure text, sources text[],
			   products jsonb, next_cursor text, impression text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	currency text;
	ruled boolean;
BEGIN
	-- asked in full only where something may be wrong, or some may not read
	SELECT p.currency, EXISTS (SELECT FROM influence.capability_rule r WHERE r.capability = 'read' AND r.program_id IN (0, $1))
	  INTO currency, ruled FROM influence.program p WHERE p.program_id = $1;
	IF NOT FOUND OR ruled OR $2 IS NULL OR coalesce($5 NOT BETWEEN '1990-01-01 00:00:00+00' AND '2990-01-01 00:00:00+00', true)
	   OR octet_length(coalesce($6, '')) > 100 OR octet_length(coalesce($8, '')) > 100 OR coalesce($7, '') NOT IN ('browse', 'buy') THEN
		currency := influence_internal.require_feed_arguments($1, $2, $5, $6, $7, $8);
	END IF;
	IF $3 IS NULL OR $3 NOT BETWEEN 1 AND 100 THEN
		PERFORM influence_internal.raise_invalid('page_size is out of range', format('page_size: %s', $3), 'Ask for 1 to 100 posts a page.');
	END IF;
	RETURN QUERY
	SELECT f.rank, f.post_id, f.creator_id, f.score, f.sponsored, f.disclosure, f.sources, f.products, f.next_cursor, f.impression
	  FROM influence_internal.feed_page($1, currency, $2, $3, $4, $5, $6, $7 = 'buy', nullif($8, '')) f;
END
$$;
COMMENT ON FUNCTION influence_internal.get_feed(bigint, uuid, int, text, timestamptz, text, text, text) IS
'A page of a viewer''s personal feed: rank in the whole session; score (sum of weight x feature of the profile in force, a unit is a factor of two: explain_feed() shows it); sponsored (a campaign pays for the place); disclosure (affiliate, gifted, paid, none); sources (why: follow, interest: topic, neighbor, trending, popular, explore, sponsored, intent); products in stock as JSON (prices in minor units of the program''s currency); next_cursor (the same in every row; NULL = the feed ends; at most 500 posts); impression (give it back to record_impressions() when the row was shown). Pass next_cursor for the next page: pages never repeat a post, ranks and prices stay those of the first page''s moment, and who may be shown what is judged at each call. surface chooses the profile and is asked for by rules on the capability read; intent buy: only posts that show the products of the viewer''s carts and clicks of the last while, and their neighbours; device: what the viewer holds, in the words in which react() and comment_on_post() are told it (NULL or '''' = not known): formats that are engaged with on it come first. Read-only, runs on a standby. IN002 bad page_size, cursor (damaged, or of another viewer, program, surface, intent or device), IN003 no such program, IN005 a capability (read).';

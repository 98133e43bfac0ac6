/*
 * feed.sql
 *
 * get_feed: candidates from follows and interests by bounded probes, one rule of
 * eligibility for all of them, a score in log2 space, and a cursor that carries
 * the frozen moment and the exact ids already delivered: no page repeats a post,
 * and none writes, so the feed runs on a standby.
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

CREATE FUNCTION influence_internal.feed_candidates(program_id bigint, viewer_id uuid, as_of timestamptz)
RETURNS TABLE (post_id bigint, source text, interest float8)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	bounds jsonb := influence_internal.setting_value('feed_candidates');
	personal boolean;
	signals int;
BEGIN
	SELECT s.personalised INTO personal FROM influence.shopper s WHERE s.visitor_id = $2;
	IF personal THEN
		RETURN QUERY
		SELECT p.post_id, 'follow', 0::float8
		  FROM influence.follow f
		 CROSS JOIN LATERAL (SELECT x.post_id FROM influence.post x
							  WHERE x.creator_id = f.target_id AND x.program_id = $1 AND x.published_at <= $3
								AND x.published_at > $3 - make_interval(days => (bounds ->> 'history_days')::int)
								AND (x.expires_at IS NULL OR x.expires_at > $3)
							  ORDER BY x.published_at DESC LIMIT (bounds ->> 'per_creator')::int) p
		 WHERE f.visitor_id = $2 AND f.target_kind = 'creator';
		GET DIAGNOSTICS signals = ROW_COUNT;
		RETURN QUERY
		SELECT r.post_id, 'interest: ' || t.name, i.weight
		  FROM (SELECT x.topic_id, max(x.weight) AS weight
				  FROM (SELECT y.topic_id, y.weight FROM influence.interest y WHERE y.visitor_id = $2
						UNION ALL
						SELECT f.target_id, 1 FROM influence.follow f WHERE f.visitor_id = $2 AND f.target_kind = 'topic') x
				 GROUP BY x.topic_id) i
		  JOIN influence.topic t ON t.topic_id = i.topic_id
		 CROSS JOIN LATERAL (SELECT x.post_id FROM influence.post_rank x
							  WHERE x.program_id = $1 AND x.topic_id = i.topic_id AND influence_internal.is_on_show(x.post_id, $3)
							  ORDER BY x.score DESC, x.post_id DESC LIMIT (bounds ->> 'per_topic')::int) r;
		IF FOUND OR signals > 0 THEN
			RETURN;
		END IF;
	END IF;
	-- a guest, a shopper who wants no personal feed, or one without a signal sees what is popular
	RETURN QUERY
	SELECT r.post_id, 'popular', 0::float8
	  FROM influence.post_rank r
	 WHERE r.program_id = $1 AND r.topic_id = 0 AND influence_internal.is_on_show(r.post_id, $3)
	 ORDER BY r.score DESC, r.post_id DESC LIMIT (bounds ->> 'per_topic')::int;
END
$$;
COMMENT ON FUNCTION influence_internal.feed_candidates(bigint, uuid, timestamptz) IS
'The posts a viewer may be shown, each with its source: newest posts of followed creators, the top of the rank of each topic of interest, or what is popular for a viewer without a signal. Bounds: setting feed_candidates.';

CREATE FUNCTION influence_internal.feed_products(post_id bigint, creator_id bigint, currency text, as_of timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (
		SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('product_id', p.product_id, 'sku', p.sku, 'title', p.title, 'image', p.image,
					'price', h.price, 'currency', h.currency, 'x', g.x, 'y', g.y, 't_from_ms', g.t_from_ms, 't_to_ms', g.t_to_ms)) ORDER BY g.tag_id)
		  FROM influence.post_tag g
		  JOIN influence.product p ON p.product_id = g.product_id
		  LEFT JOIN LATERAL (SELECT x.price, x.currency FROM influence.product_price x
							  WHERE x.product_id = g.product_id AND x.currency = $3 AND x.valid_from <= $4
							  ORDER BY x.valid_from DESC LIMIT 1) h ON true
		 WHERE g.creator_id = $2 AND g.post_id = $1 AND influence_internal.stock_at(g.product_id, $4) > 0);
END
$$;
COMMENT ON FUNCTION influence_internal.feed_products(bigint, bigint, text, timestamptz) IS
'The tagged products of a post that are in stock at a moment, as JSON with price in minor units; NULL when none is.';

CREATE FUNCTION influence_internal.get_feed(program_id bigint, viewer_id uuid, page_size int DEFAULT 20, cursor text DEFAULT NULL,
	as_of timestamptz DEFAULT now(), surface text DEFAULT 'feed', intent text DEFAULT 'browse')
RETURNS TABLE (rank int, post_id bigint, creator_id bigint, score float8, sponsored boolean, disclosure text, sources text[],
			   products jsonb, next_cursor text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	program record;
	moment timestamptz := $5;
	delivered bigint[] := '{}';
	weights jsonb := influence_internal.setting_value('feed_weights');
	half_life float8 := extract(epoch FROM (influence_internal.setting_value('rank_half_life') #>> '{}')::interval);
	viewer_country text;
	viewers uuid[] := influence_internal.person_visitors($2);
BEGIN
	SELECT * INTO program FROM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('viewer_id', $2::text, 'as_of', $5::text);
	PERFORM influence_internal.require_finite('as_of', $5);
	IF $3 IS NULL OR $3 NOT BETWEEN 1 AND 100 THEN
		PERFORM influence_internal.raise_invalid('page_size is out of range', format('page_size: %s', $3), 'Ask for 1 to 100 posts a page.');
	ELSIF $7 IS NULL OR $7 NOT IN ('browse', 'buy') THEN
		PERFORM influence_internal.raise_invalid(format('intent "%s" is not known', $7), NULL, 'Use browse or buy.');
	ELSIF $7 = 'buy' THEN
		PERFORM influence_internal.raise_unsupported('intent "buy"');
	END IF;
	IF $4 IS NOT NULL THEN
		SELECT c.as_of, c.delivered INTO moment, delivered FROM influence_internal.feed_cursor_decode($1, $2, $4) c;
		moment := least(moment, $5);
	END IF;
	PERFORM influence_internal.require_capability($1, 'read', $2, $5, NULL, $6);
	SELECT s.country INTO viewer_country FROM influence.shopper s WHERE s.visitor_id = $2;
	RETURN QUERY
	WITH candidates AS MATERIALIZED (
		SELECT c.post_id, array_agg(DISTINCT c.source ORDER BY c.source) AS sources, max(c.interest) AS interest,
			   bool_or(c.source = 'follow') AS followed
		  FROM influence_internal.feed_candidates($1, $2, moment) c
		 WHERE c.post_id <> ALL (delivered)
		 GROUP BY c.post_id
	), eligible AS MATERIALIZED (
		SELECT c.*, p.creator_id, p.disclosure, p.published_at
		  FROM candidates c
		  JOIN influence.post p ON p.post_id = c.post_id
		  JOIN influence.creator r ON r.creator_id = p.creator_id
		 WHERE p.program_id = $1 AND p.published_at <= moment
		   AND (p.countries IS NULL OR viewer_country = ANY (p.countries))
		   AND r.visitor_id IS DISTINCT FROM $2
		   AND NOT EXISTS (SELECT FROM influence.block b WHERE b.visitor_id = ANY (viewers) AND b.creator_id = p.creator_id)
		   AND NOT EXISTS (SELECT FROM influence.mute m
							WHERE m.visitor_id = ANY (viewers) AND (m.until IS NULL OR m.until > $5)
							  AND (m.target_kind, m.target_id) IN (('creator', p.creator_id), ('topic', p.topic_id)))
		   -- a cursor freezes rank and price, never the right to be shown
		   AND influence_internal.is_on_show(p.post_id, $5)
		   AND EXISTS (SELECT FROM influence.post_tag g
						WHERE g.creator_id = p.creator_id AND g.post_id = p.post_id
						  AND influence_internal.stock_at(g.product_id, moment) > 0)
	), scored AS (
		SELECT e.*, (weights ->> 'follow')::float8 * e.followed::int
					+ (weights ->> 'interest')::float8 * ln(1 + e.interest) / ln(2::float8)
					-- the stored rank counts from 2000-01-01; seen from now it has lost a unit per half-life
					+ (weights ->> 'quality')::float8 * (coalesce(k.score, extract(epoch FROM e.published_at - timestamptz '2000-01-01 00:00:00+00')::float8 / half_life)
						- extract(epoch FROM moment - timestamptz '2000-01-01 00:00:00+00')::float8 / half_life) AS score
		  FROM eligible e
		  LEFT JOIN influence.post_rank k ON k.program_id = $1 AND k.topic_id = 0 AND k.post_id = e.post_id
	), page AS MATERIALIZED (
		SELECT s.*, row_number() OVER (ORDER BY s.score DESC, s.post_id DESC) AS place
		  FROM scored s
		 ORDER BY s.score DESC, s.post_id DESC LIMIT $3
	)
	SELECT (cardinality(delivered) + g.place)::int, g.post_id, g.creator_id, g.score, false, g.disclosure, g.sources,
		   influence_internal.feed_products(g.post_id, g.creator_id, program.currency, moment), n.next_cursor
	  FROM page g
	 CROSS JOIN (SELECT CASE WHEN count(*) = $3 AND cardinality(delivered) + count(*) <= 500
							 THEN influence_internal.feed_cursor_encode($1, $2, moment, delivered || array_agg(x.post_id ORDER BY x.place)) END AS next_cursor
				   FROM page x) n
	 ORDER BY g.place;
END
$$;
COMMENT ON FUNCTION influence_internal.get_feed(bigint, uuid, int, text, timestamptz, text, text) IS
'A page of a viewer''s personal feed: rank in the whole session, score (log2; follow and interest bonuses plus decayed engagement, settings feed_weights and rank_half_life), sponsored (always false in this version), disclosure, sources (why), products in stock as JSON (prices in minor units), next_cursor (the same in every row; NULL = the feed ends). surface is asked for by rules on the capability read. Pass next_cursor for the next page: pages never repeat a post. Read-only, runs on a standby. IN002 bad page_size or cursor, IN003 no such program, IN005 a capability (read).';

/*
 * explain_feed.sql
 *
 * explain_feed: why a post is in a viewer's feed, where, or what keeps it out.
 * Of now it runs the feed itself; of the past it says what record_impressions
 * was told, since the facts of then are not kept.
 */
CREATE FUNCTION influence_internal.feed_explain(program_id bigint, currency text, viewer_id uuid, post_id bigint,
	as_of timestamptz, surface text, buying boolean, device text)
RETURNS TABLE (item text, name text, value float8, weight float8, contribution float8, detail text)
AS 'MODULE_PATHNAME', 'feed_explain'
LANGUAGE C STABLE;
COMMENT ON FUNCTION influence_internal.feed_explain(bigint, text, uuid, bigint, timestamptz, text, boolean, text) IS
'What explain_feed() answers of the present, its arguments checked.';

CREATE FUNCTION influence_internal.explain_impression(viewer_id uuid, program_id bigint, post_id bigint, as_of timestamptz)
RETURNS TABLE (item text, name text, value float8, weight float8, contribution float8, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	shown influence.impression;
	weights float8[];
BEGIN
	SELECT i.* INTO shown FROM influence.impression i
	 WHERE i.visitor_id = ANY (influence_internal.person_visitors($1)) AND i.program_id = $2 AND i.post_id = $3 AND i.shown_at <= $4
	 ORDER BY i.shown_at DESC, i.impression_id LIMIT 1;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'verdict', 'not_replayable', NULL::float8, NULL::float8, NULL::float8,
			'record_impressions() was not told that the post was shown to this viewer before that moment; facts of the past are not kept';
		RETURN;
	END IF;
	SELECT p.weights INTO weights FROM influence.feed_profile p WHERE p.profile = shown.profile AND p.version = shown.profile_version;
	RETURN QUERY
	SELECT 'verdict', 'eligible', NULL::float8, NULL::float8, NULL::float8,
		   format('shown at %s at rank %s%s, profile %s version %s', shown.shown_at, shown.rank,
				  CASE WHEN shown.sponsored_campaign_id IS NOT NULL THEN ', sponsored' END, shown.profile, shown.profile_version)
	UNION ALL
	SELECT 'source', s, NULL, NULL, NULL, NULL FROM unnest(shown.sources) s
	UNION ALL
	SELECT 'feature', f.name, shown.features[f.ordinal], weights[f.ordinal], shown.features[f.ordinal] * weights[f.ordinal], NULL
	  FROM (SELECT g.ordinal, g.name FROM influence.feed_features() g ORDER BY g.ordinal) f
	UNION ALL
	SELECT 'dampening', 'see_less', shown.dampening, NULL, NULL, NULL
	UNION ALL
	SELECT 'score', 'score', shown.score, NULL, NULL, NULL;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_impression(uuid, bigint, bigint, timestamptz) IS
'What was recorded of the latest impression of a post for a viewer up to a moment, as explain_feed() shows it.';

CREATE FUNCTION influence_internal.explain_feed(program_id bigint, viewer_id uuid, post_id bigint, as_of timestamptz DEFAULT now(),
	surface text DEFAULT 'feed', intent text DEFAULT 'browse', device text DEFAULT NULL)
RETURNS TABLE (item text, name text, value float8, weight float8, contribution float8, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	currency text := influence_internal.require_feed_arguments($1, $2, $4, $5, $6, $7);
BEGIN
	PERFORM influence_internal.require_arguments('post_id', $3::text);
	IF $4 < now() - interval '1 minute' THEN
		RETURN QUERY SELECT e.* FROM influence_internal.explain_impression($2, $1, $3, $4) e;
	ELSE
		RETURN QUERY SELECT e.* FROM influence_internal.feed_explain($1, currency, $2, $3, $4, $5, $6 = 'buy', nullif($7, '')) e;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_feed(bigint, uuid, bigint, timestamptz, text, text, text) IS
'Why a post is in a viewer''s feed, where, or what keeps it out. -> item, name, value, weight, contribution, detail: one row verdict (eligible, with its rank in detail; not_a_candidate; or the first rule it breaks: not_here, not_yet, expired, moderation, creator_status, own, blocked, muted, hidden, seen, country, language, product, duplicate, capped), a row source for each that brought the post (or, of no candidate, for each that did not, and why), a row feature for each of feed_features() with value, weight of the profile in force and their product, a row dampening (0..1, by "see less"), a row score: get_feed()''s at the same facts and moment, to the last bit. More than a minute ago: what record_impressions() was told of the latest impression up to then, or not_replayable. IN002, IN003 no such program, IN005 the capability read.';

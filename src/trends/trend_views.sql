/*
 * trend_views.sql
 *
 * Views over the decayed counters: by scope, what they are as of now, and the
 * hours in which many young accounts made for a post.
 */
CREATE FUNCTION influence_internal.create_trend_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.trend_rank WITH (security_invoker = true) AS
	SELECT t.program_id, t.kind, h.half_life, c.scope_id, t.item_id, h.score
	  FROM influence.trend_state t
	  LEFT JOIN influence.category k ON t.kind IN ('post', 'product') AND k.category_id = t.list_id
	 CROSS JOIN LATERAL unnest(CASE WHEN t.kind IN ('post', 'product') THEN 0 || coalesce(k.path, '{}') ELSE ARRAY[t.list_id] END) c(scope_id)
	 CROSS JOIN LATERAL (VALUES ('6h', coalesce(t.score_6h, t.other_score_6h)), ('3d', coalesce(t.score_3d, t.other_score_3d)),
			('30d', coalesce(t.score_30d, t.other_score_30d))) h(half_life, score)
	 WHERE t.program_id <> 0 AND h.score IS NOT NULL;
	COMMENT ON VIEW influence.trend_rank IS 'The scores of the decayed counters (trend_state) in every scope: log2 of the decayed sum of events, in half-lives since 2000-01-01 UTC; scope_id is a category of the catalogue with all below it, 0 = all; categories are ranked in the branch right above them. Reads all counters: for the best of a scope see get_trending().';

	CREATE VIEW influence.trend_now WITH (security_invoker = true) AS
	SELECT t.program_id, t.kind, t.scope_id, t.half_life, t.item_id,
		   power(2::float8, greatest(-500, least(500, t.score - extract(epoch FROM now() - timestamptz '2000-01-01 00:00:00+00')::float8
				/ CASE t.half_life WHEN '6h' THEN 21600 WHEN '3d' THEN 259200 ELSE 2592000 END))) AS events
	  FROM influence.trend_rank t;
	COMMENT ON VIEW influence.trend_now IS 'The decayed counters as numbers of events as of now: trend_rank without its logarithm. For a list see get_trending().';

	CREATE VIEW influence.post_brigades WITH (security_invoker = true) AS
	SELECT p.program_id, h.post_id, p.creator_id, h.hour, h.events, h.young_events, h.young_visitors,
		   round(h.young_events / h.events::numeric, 4) AS young_share, t.hour_limit, h.young_events > t.hour_limit AS over_limit,
		   round(t.young_weight * least(h.young_events, t.hour_limit), 9) AS weighted
	  FROM (SELECT e.post_id, date_trunc('hour', e.occurred_at, 'UTC') AS hour, count(*) AS events,
				   count(*) FILTER (WHERE coalesce(e.occurred_at < s.created_at + y.young_age, true)) AS young_events,
				   count(DISTINCT e.visitor_id) FILTER (WHERE coalesce(e.occurred_at < s.created_at + y.young_age, true)) AS young_visitors
			  FROM influence.engagement e
			  LEFT JOIN influence.shopper s ON s.visitor_id = e.visitor_id
			 CROSS JOIN (SELECT (x.value ->> 'young_age')::interval AS young_age
						   FROM influence.setting x WHERE x.name = 'vote_weights' ORDER BY x.version DESC LIMIT 1) y
			 WHERE e.post_id IS NOT NULL AND e.kind IN ('smile', 'comment', 'share', 'save', 'click')
			 GROUP BY e.post_id, date_trunc('hour', e.occurred_at, 'UTC')) h
	  JOIN influence.post p ON p.post_id = h.post_id
	 CROSS JOIN (SELECT (x.value ->> 'young')::numeric AS young_weight, (x.value ->> 'hour_votes')::numeric AS hour_limit
				   FROM influence.setting x WHERE x.name = 'vote_weights' ORDER BY x.version DESC LIMIT 1) t
	 WHERE h.young_events > t.hour_limit OR (h.young_events >= 5 AND h.young_events * 2 >= h.events);
	COMMENT ON VIEW influence.post_brigades IS 'Hours (UTC) in which a post had more events of guests and of accounts younger than a day than hour_limit (over_limit), or at least five that made up half of all or more. events: smiles (also those taken back later), comments, shares, saves, clicks; weighted: what the young ones count together in trends, in whole events. Setting vote_weights. Reads the engagements asked for: ask by post or program and hour.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_trend_views() IS 'Makes the views trend_rank, trend_now and post_brigades.';

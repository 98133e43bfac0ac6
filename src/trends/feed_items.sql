/*
 * feed_items.sql
 *
 * Upkeep of feed_item, what the feed reads of posts. publish_post() adds the row
 * of a post in its own transaction; refresh_stats() adds those that came by COPY
 * and brings quality, engagement and sales to what new facts say of the posts
 * that they reach, a minute at a time. Quality is the logarithm of an exact sum
 * that is kept (post_total.quality_state): what is new is added to it. What changes without facts of a post
 * (prices, the means of its program) follows once a day.
 *
 * engagement = log2(((E + k m) / (I + k)) / m), E the weighted engagements of the
 * post, I its impressions, m = sum E / sum I over the posts of its program that
 * were shown, k = "impressions" of the setting feed_shrinkage: the rate shrunk
 * toward the program's as in influence.shrunk_rate() (Buehlmann and Straub 1970).
 * sales is the same with the credited revenue, less what came back.
 */
CREATE FUNCTION influence_internal.shrunk_log_ratio(amount float8, impressions float8, mean float8, strength float8)
RETURNS float8
AS 'MODULE_PATHNAME', 'trends_shrunk_log_ratio'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.shrunk_log_ratio(float8, float8, float8, float8) IS
'log2(((amount + strength x mean) / (impressions + strength)) / mean), from -8 to 8: how much better than the mean a rate is, in powers of two, shrunk toward the mean by so many impressions; 0 without impressions or mean; an amount that is NULL is none.';

CREATE FUNCTION influence_internal.trend_settings()
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN jsonb_build_object('engagement_weights', influence_internal.setting_value('engagement_weights'),
		'trend_weights', influence_internal.setting_value('trend_weights'), 'vote_weights', influence_internal.setting_value('vote_weights'),
		'rank_half_life', influence_internal.setting_value('rank_half_life'));
END
$$;
COMMENT ON FUNCTION influence_internal.trend_settings() IS
'The settings that counters and ranks are counted with, as they are now; those that they were counted with are in trend_basis.';

CREATE FUNCTION influence_internal.add_feed_items(post_ids bigint[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- that of the other rows: a new one is in force when the job has counted them anew
	half_life interval := (coalesce((SELECT b.settings -> 'rank_half_life' FROM influence.trend_basis b),
									influence_internal.setting_value('rank_half_life')) #>> '{}')::interval;
	weight float8 := coalesce((influence_internal.setting_value('engagement_weights') ->> 'publish')::float8, 0);
	written bigint;
BEGIN
	INSERT INTO influence.feed_item (post_id, program_id, creator_id, topic_id, category_id, published_at, expires_at, language, countries,
									 media_key, price, quality, format, sound_key)
	SELECT p.post_id, p.program_id, p.creator_id, coalesce(p.topic_id, 0), coalesce(t.category_id, 0), p.published_at, p.expires_at,
		   p.language, p.countries,
		   -- hashes are negative, ids are not
		   CASE WHEN p.media <> '' THEN hashtextextended(p.media, 0) | (-9223372036854775808) ELSE p.post_id END,
		   t.price, q.score, influence_internal.post_format(p.kind, p.duration_ms), influence_internal.sound_key(p.sound)
	  FROM influence.post p
	  JOIN influence.program g ON g.program_id = p.program_id
	 CROSS JOIN LATERAL (
			SELECT (array_agg(x.category_id ORDER BY a.tag_id))[1] AS category_id,
				   min((SELECT h.price FROM influence.product_price h
						 WHERE h.product_id = a.product_id AND h.currency = g.currency AND h.valid_from <= now()
						 ORDER BY h.valid_from DESC LIMIT 1)) AS price
			  FROM influence.post_tag a
			  JOIN influence.product x ON x.product_id = a.product_id
			 WHERE a.creator_id = p.creator_id AND a.post_id = p.post_id) t
	 CROSS JOIN LATERAL (SELECT influence.decayed_score(weight, e.at, half_life) AS score FROM (VALUES (p.published_at)) e(at)) q
	 WHERE p.post_id = ANY ($1) AND NOT EXISTS (SELECT FROM influence.forgotten_creator c WHERE c.creator_id = p.creator_id)
	ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS written = ROW_COUNT;
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.add_feed_items(bigint[]) IS
'Adds what the feed reads of posts, for those that have no row in feed_item, and whose creator is not forgotten; quality is that of the publication alone. Returns how many were written.';

CREATE FUNCTION influence_internal.quality_changes(last_seen pg_snapshot, upper pg_snapshot, half_life interval)
RETURNS TABLE (post_id bigint, change bytea, smiles bigint, unsmiles bigint, comments bigint, shares bigint, saves bigint, clicks bigint)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	kinds text[];
	weights float8[];
	whole boolean := $1::text = '1:1:';
	unsmile float8 := coalesce((influence_internal.setting_value('engagement_weights') ->> 'unsmile')::float8, 0);
	since timestamptz := influence_internal.kept_from('engagement');
	span record;
BEGIN
	SELECT n.since, n.until INTO span FROM influence_internal.span_of_new('engagement', pg_snapshot_xmin($1)) n;
	-- looked up for each event: in arrays that takes a tenth of what it takes in jsonb
	SELECT array_agg(w.key), array_agg(w.value::float8) INTO kinds, weights
	  FROM jsonb_each_text(influence_internal.setting_value('engagement_weights')) w;
	RETURN QUERY
	WITH fresh AS MATERIALIZED (
		-- asked at the first event of a post and told the others by a window: how many there are is a guess of the planner's, which would join them in loops
		SELECT g.post_id, g.visitor_id, g.kind, g.occurred_at, g.event_ref,
			   bool_or(CASE WHEN g.place = 1 THEN EXISTS (SELECT FROM influence.engagement u WHERE u.post_id = g.post_id AND u.kind = 'unsmile' OFFSET 0) END)
					OVER (PARTITION BY g.post_id) AS unsmiled
		  FROM (SELECT x.visitor_id, x.post_id, x.kind, x.occurred_at, x.event_ref, row_number() OVER (PARTITION BY x.post_id) AS place
				  FROM influence.engagement x
				 WHERE NOT whole AND x.post_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2)
				   AND x.occurred_at >= span.since AND x.occurred_at <= span.until) g
		UNION ALL
		-- where nothing was counted nothing is taken back: all there is need not be sorted for it
		SELECT x.post_id, x.visitor_id, x.kind, x.occurred_at, x.event_ref, false
		  FROM influence.engagement x
		 WHERE whole AND x.post_id IS NOT NULL AND influence_internal.is_fresh(x.xact, $1, $2)
	), taken AS MATERIALIZED (
		-- unsmiles count at their smile's time, or not at all: those that are new, and those that a new event comes right before
		SELECT f.visitor_id, f.post_id, f.occurred_at, f.event_ref, false AS was FROM fresh f WHERE f.kind = 'unsmile'
		UNION
		SELECT f.visitor_id, f.post_id, u.at, u.ref, true
		  FROM fresh f
		 CROSS JOIN LATERAL influence_internal.next_reaction(f.visitor_id, f.post_id, f.occurred_at, f.event_ref, $2) u
		 WHERE f.unsmiled AND f.kind IN ('smile', 'unsmile') AND u.kind = 'unsmile' AND pg_visible_in_snapshot(u.xact, $1)
	)
	SELECT e.post_id, influence_internal.decayed_state(e.weight, e.at, half_life),
		   count(*) FILTER (WHERE e.kind = 'smile'), count(*) FILTER (WHERE e.kind = 'unsmile'), count(*) FILTER (WHERE e.kind = 'comment'),
		   count(*) FILTER (WHERE e.kind = 'share'), count(*) FILTER (WHERE e.kind = 'save'), count(*) FILTER (WHERE e.kind = 'click')
	  FROM (SELECT f.post_id, CASE WHEN f.kind <> 'unsmile' THEN coalesce(weights[array_position(kinds, f.kind)], 0) END AS weight, f.occurred_at AS at,
				   -- as the hours count
				   CASE WHEN f.occurred_at >= since THEN f.kind END AS kind
			  FROM fresh f
			UNION ALL
			SELECT t.post_id, unsmile, influence_internal.smile_taken_back(t.visitor_id, t.post_id, t.occurred_at, t.event_ref, $2), NULL FROM taken t
			UNION ALL
			SELECT t.post_id, - unsmile, influence_internal.smile_taken_back(t.visitor_id, t.post_id, t.occurred_at, t.event_ref, $1), NULL FROM taken t WHERE t.was) e
	 GROUP BY e.post_id;
END
$$;
COMMENT ON FUNCTION influence_internal.quality_changes(pg_snapshot, pg_snapshot, interval) IS
'What the engagements that are new by last_seen and upper add to the sums behind the quality of posts (settings engagement_weights, an unsmile at the time of its smile), and take off, and how many they are by kind; each post that has new ones has a row.';

CREATE FUNCTION influence_internal.refresh_post_sales(last_seen pg_snapshot, upper pg_snapshot)
RETURNS bigint[]
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_seqscan = on
AS $$
#variable_conflict use_column
DECLARE
	changed bigint[];
BEGIN
	-- most minutes have none
	IF NOT EXISTS (SELECT FROM influence.credit c WHERE influence_internal.is_fresh(c.xact, $1, $2))
	   AND NOT EXISTS (SELECT FROM influence.order_return r WHERE influence_internal.is_fresh(r.xact, $1, $2)) THEN
		RETURN '{}';
	END IF;
	PERFORM set_config('enable_seqscan', CASE WHEN $2 IS NULL THEN 'on' ELSE 'off' END, true);
	WITH reached AS MATERIALIZED (
		SELECT c.visitor_id, c.program_id, c.order_ref, c.line_no
		  FROM influence.credit c WHERE influence_internal.is_fresh(c.xact, $1, $2)
		UNION
		SELECT r.visitor_id, r.program_id, r.order_ref, r.line_no
		  FROM influence.order_return r WHERE influence_internal.is_fresh(r.xact, $1, $2)
	), said AS MATERIALIZED (
		SELECT n.visitor_id, n.program_id, n.order_ref, n.line_no, p.post_id, sum(c.credit - div(c.credit::numeric * b.returned, b.base)) AS revenue
		  FROM reached n
		  JOIN influence.credit c USING (visitor_id, program_id, order_ref, line_no)
		  JOIN influence.post p ON p.post_id = (c.snapshot ->> 'post_id')::bigint AND p.program_id = n.program_id
		 CROSS JOIN LATERAL (
				SELECT l.base_amount::numeric AS base, least(l.base_amount, greatest(0, (
						SELECT sum(CASE r.kind WHEN 'chargeback_reversed' THEN -r.amount ELSE r.amount END)
						  FROM influence.order_return r
						 WHERE r.visitor_id = l.visitor_id AND r.program_id = l.program_id AND r.order_ref = l.order_ref AND r.line_no = l.line_no
						   AND r.state = 'applied' AND r.kind <> 'goodwill'))) AS returned
				  FROM influence.order_line l
				 WHERE l.visitor_id = n.visitor_id AND l.program_id = n.program_id AND l.order_ref = n.order_ref AND l.line_no = n.line_no) b
		 WHERE c.superseded_by IS NULL AND c.credit > 0 AND b.base > 0
		 GROUP BY n.visitor_id, n.program_id, n.order_ref, n.line_no, p.post_id
	), gone AS (
		DELETE FROM influence.post_sale s
		 USING reached n
		 WHERE (s.visitor_id, s.program_id, s.order_ref, s.line_no) = (n.visitor_id, n.program_id, n.order_ref, n.line_no)
		   AND NOT EXISTS (SELECT FROM said f
							WHERE (f.visitor_id, f.program_id, f.order_ref, f.line_no, f.post_id)
								= (s.visitor_id, s.program_id, s.order_ref, s.line_no, s.post_id))
		RETURNING s.post_id
	), stored AS (
		INSERT INTO influence.post_sale AS s (visitor_id, program_id, order_ref, line_no, post_id, revenue)
		SELECT f.visitor_id, f.program_id, f.order_ref, f.line_no, f.post_id, f.revenue FROM said f
		ON CONFLICT ON CONSTRAINT post_sale_pkey DO UPDATE SET revenue = excluded.revenue WHERE s.revenue <> excluded.revenue
		RETURNING s.post_id
	)
	SELECT coalesce(array_agg(DISTINCT x.post_id), '{}') INTO changed FROM (SELECT post_id FROM gone UNION ALL SELECT post_id FROM stored) x;
	RETURN changed;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_post_sales(pg_snapshot, pg_snapshot) IS
'Brings post_sale to what the credits and returns of the lines say that new ones reach: what each post brought in, by order line, less what came back of the line; returns the posts of which it changed.';

CREATE FUNCTION influence_internal.write_feed_items(came text, last_seen pg_snapshot, upper pg_snapshot, whole boolean, sold bigint[], half_life interval,
	kept_from timestamptz, shown_from timestamptz, shown_until timestamptz, added boolean, weights float8[], strength float8, OUT post_ranks bigint, OUT feed_items bigint)
AS 'MODULE_PATHNAME', 'trends_write_feed_items'
LANGUAGE C;
COMMENT ON FUNCTION influence_internal.write_feed_items(text, pg_snapshot, pg_snapshot, boolean, bigint[], interval, timestamptz, timestamptz, timestamptz, boolean, float8[], float8) IS
'Brings post_total and feed_item to what a query came has ($1 last_seen, $2 upper, $3 whole, $4 sold, $5 half_life, $6 kept_from, $7 shown_from, $8 shown_until), a row for each post in the order of post_id: post_id; whether something of its total came; program_id and published_at (NULL: there is no such post); what it has sold; what came to its quality (a state, NULL: nothing); how many impressions, smiles, unsmiles, comments, shares, saves and clicks came. whole: all is counted anew. added: what came is added to the totals, which are else summed from the hours. weights: of publish and of these reactions (NULL: none). strength: "impressions" of the setting feed_shrinkage. Returns how many rows of feed_item have another quality, and how many another engagement or sales.';

CREATE FUNCTION influence_internal.refresh_feed_items(last_seen pg_snapshot, upper pg_snapshot, added_to_hours boolean DEFAULT false, OUT post_ranks bigint, OUT feed_items bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_seqscan = on
AS $$
#variable_conflict use_column
DECLARE
	sold bigint[] := influence_internal.refresh_post_sales($1, $2);
	w jsonb := influence_internal.setting_value('engagement_weights');
	-- other weights or another half-life: all anew; refresh_trends() writes down with what
	whole boolean := $2 IS NULL OR influence_internal.trend_settings() IS DISTINCT FROM (SELECT b.settings FROM influence.trend_basis b);
	shown record;
	published bigint[];
	added bigint := 0;
BEGIN
	IF whole THEN
		last_seen := '1:1:';
	END IF;
	SELECT n.since, n.until INTO shown FROM influence_internal.span_of_new('impression', pg_snapshot_xmin(last_seen)) n;
	PERFORM set_config('enable_seqscan', CASE WHEN whole THEN 'on' ELSE 'off' END, true);
	published := (SELECT array_agg(p.post_id) FROM influence.post p WHERE influence_internal.is_fresh(p.xact, $1, $2));
	-- most minutes have none that came by themselves
	IF published IS NOT NULL THEN
		added := influence_internal.add_feed_items(published);
	END IF;
	SELECT added + i.post_ranks, i.feed_items INTO post_ranks, feed_items FROM influence_internal.write_feed_items($sql$
		SELECT n.post_id, n.has_total, p.program_id, p.published_at,
			   CASE WHEN n.has_total THEN coalesce((SELECT sum(s.revenue) FROM influence.post_sale s WHERE s.post_id = n.post_id), 0) END,
			   n.change, n.impressions, n.smiles, n.unsmiles, n.comments, n.shares, n.saves, n.clicks
		  FROM (SELECT r.post_id, bool_or(r.has_total) AS has_total, influence_internal.decayed_state_sum(r.change) AS change,
					   sum(r.impressions)::bigint AS impressions, sum(r.smiles)::bigint AS smiles, sum(r.unsmiles)::bigint AS unsmiles,
					   sum(r.comments)::bigint AS comments, sum(r.shares)::bigint AS shares, sum(r.saves)::bigint AS saves, sum(r.clicks)::bigint AS clicks
				  FROM (SELECT c.post_id, true AS has_total, c.change, 0 AS impressions, c.smiles, c.unsmiles, c.comments, c.shares, c.saves, c.clicks
						  FROM influence_internal.quality_changes($1, $2, $5) c
						UNION ALL
						SELECT i.post_id, true, NULL, (i.shown_at >= $6)::int, 0, 0, 0, 0, 0, 0
						  FROM influence.impression i
						 WHERE influence_internal.is_fresh(i.xact, $1, $2) AND i.shown_at >= $7 AND i.shown_at <= $8
						UNION ALL
						SELECT unnest($4), true, NULL, 0, 0, 0, 0, 0, 0, 0
						UNION ALL
						-- of whose facts none is kept
						SELECT t.post_id, true, NULL, 0, 0, 0, 0, 0, 0, 0 FROM influence.post_total t WHERE $3
						UNION ALL
						-- what was published while the job counted anew has the half-life of before
						SELECT x.post_id, false, NULL, 0, 0, 0, 0, 0, 0, 0 FROM influence.post x WHERE influence_internal.is_fresh(x.xact, $1, $2)) r
				 GROUP BY r.post_id) n
		 -- a probe for each: to read all posts would cost more than the rest, the more of them there are
		  LEFT JOIN LATERAL (SELECT x.program_id, x.published_at FROM influence.post x WHERE x.post_id = n.post_id OFFSET 0) p ON true
		 ORDER BY n.post_id$sql$,
		last_seen, $2, whole, sold, (influence_internal.setting_value('rank_half_life') #>> '{}')::interval,
		influence_internal.kept_from('impression'), shown.since, shown.until, added_to_hours,
		ARRAY[w ->> 'publish', w ->> 'smile', w ->> 'unsmile', w ->> 'comment', w ->> 'share', w ->> 'save', w ->> 'click']::float8[],
		(influence_internal.setting_value('feed_shrinkage') ->> 'impressions')::float8) i;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_feed_items(pg_snapshot, pg_snapshot, boolean) IS
'Adds posts that are new, by whatever way, to feed_item, and brings quality, engagement and sales there to what new engagements, impressions, credits and returns say of the posts that they reach, after the hours of posts: quality = log2 sum of weight x 2^((t - L) / half-life) over publication and engagements, an unsmile at the time of its smile (settings engagement_weights, rank_half_life; all posts anew on a first run in a cluster and when a setting of trend_settings() has changed). added_to_hours: the hours were what last_seen shows, and what is new was added to them; then it is to the totals of posts, too, which are else summed from all their hours. Returns how many rows are new or have another quality, and how many have another engagement or sales.';

CREATE FUNCTION influence_internal.rate_feed_items(post_ids bigint[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	strength float8 := (influence_internal.setting_value('feed_shrinkage') ->> 'impressions')::float8;
	written bigint;
BEGIN
	UPDATE influence.feed_item f SET engagement = n.engagement, sales = n.sales
	  FROM (SELECT i.post_id, coalesce(influence_internal.shrunk_log_ratio(t.engagement, t.impressions, m.engagement, strength), 0) AS engagement,
				   coalesce(influence_internal.shrunk_log_ratio(t.revenue::float8, t.impressions, m.revenue, strength), 0) AS sales
			  FROM unnest($1) n(post_id)
			  JOIN influence.feed_item i ON i.post_id = n.post_id
			  LEFT JOIN influence.post_total t ON t.post_id = i.post_id
			  LEFT JOIN influence.feed_mean m ON m.program_id = i.program_id) n
	 WHERE f.post_id = n.post_id AND (f.engagement, f.sales) <> (n.engagement, n.sales);
	GET DIAGNOSTICS written = ROW_COUNT;
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.rate_feed_items(bigint[]) IS
'Brings engagement and sales of posts in feed_item to what post_total and feed_mean say; returns how many rows were written.';

CREATE FUNCTION influence_internal.refresh_feed_tags()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	written bigint;
BEGIN
	UPDATE influence.feed_item f SET price = n.price, category_id = n.category_id
	  FROM (SELECT a.post_id, (array_agg(x.category_id ORDER BY a.tag_id))[1] AS category_id, min(h.price) AS price
			  FROM influence.post_tag a
			  JOIN influence.post p ON p.post_id = a.post_id
			  JOIN influence.program g ON g.program_id = p.program_id
			  JOIN influence.product x ON x.product_id = a.product_id
			  LEFT JOIN (SELECT DISTINCT ON (y.product_id, y.currency) y.product_id, y.currency, y.price
						   FROM influence.product_price y
						  WHERE y.valid_from <= now()
						  ORDER BY y.product_id, y.currency, y.valid_from DESC) h ON h.product_id = a.product_id AND h.currency = g.currency
			 GROUP BY a.post_id) n
	 WHERE f.post_id = n.post_id AND (f.price, f.category_id) IS DISTINCT FROM (n.price, n.category_id);
	GET DIAGNOSTICS written = ROW_COUNT;
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_feed_tags() IS
'Brings price and category of all rows of feed_item to what their tags and the prices of now say; returns how many were written. Once a day: the feed''s prices in its answers are always those of the moment.';

CREATE FUNCTION influence_internal.refresh_feed_means()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	drift float8 := (influence_internal.setting_value('feed_shrinkage') ->> 'drift')::float8;
	moved bigint[];
BEGIN
	WITH written AS (
		INSERT INTO influence.feed_mean AS m (program_id, engagement, revenue)
		SELECT t.program_id, greatest(sum(t.engagement::numeric), 0)::float8 / sum(t.impressions)::float8, sum(t.revenue)::float8 / sum(t.impressions)::float8
		  FROM influence.post_total t
		 WHERE t.impressions > 0
		 GROUP BY t.program_id
		-- a mean that moved a little would rewrite every post for nothing
		ON CONFLICT ON CONSTRAINT feed_mean_pkey DO UPDATE SET engagement = excluded.engagement, revenue = excluded.revenue, since = now()
		 WHERE abs(m.engagement - excluded.engagement) > drift * least(m.engagement, excluded.engagement)
			OR abs(m.revenue - excluded.revenue) > drift * least(m.revenue, excluded.revenue)
		RETURNING m.program_id)
	SELECT array_agg(t.post_id) INTO moved
	  FROM written w JOIN influence.post_total t ON t.program_id = w.program_id;
	RETURN influence_internal.rate_feed_items(moved);
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_feed_means() IS
'Recomputes the means of programs (feed_mean); where one moved by more than "drift" (a fraction, setting feed_shrinkage), engagement and sales of all posts of the program follow. Returns how many rows of feed_item were written.';

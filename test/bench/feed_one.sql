-- A page of the feed in one statement: the same as feed_plain.sql, written as what is wanted rather than how to get it, with what makes the most of
-- the indexes (a LATERAL with LIMIT per source) and the greedy order as a recursion. The order looks at the best 300 that may be shown: all of them
-- would be exact and cost more; none of the compared pages differs.
CREATE FUNCTION bench.<name>(program bigint, viewer uuid, page_size int, delivered bigint[], moment timestamptz)
RETURNS TABLE (rank int, post_id bigint, creator_id bigint, score float8, disclosure text, sources int, products jsonb)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH RECURSIVE viewers AS (SELECT unnest(influence_internal.person_visitors($2)) AS id
	), shopper AS (
		SELECT x.* FROM influence.shopper x WHERE x.visitor_id IN (SELECT id FROM viewers) ORDER BY x.visitor_id <> $2, x.visitor_id LIMIT 1
	), refused AS (
		SELECT 'creator' AS kind, b.creator_id AS id, NULL::float8 AS less FROM influence.block b WHERE b.visitor_id IN (SELECT id FROM viewers)
		UNION ALL
		SELECT m.target_kind, m.target_id, NULL FROM influence.mute m WHERE m.visitor_id IN (SELECT id FROM viewers) AND (m.until IS NULL OR m.until > $5)
		UNION ALL
		SELECT h.target_kind, h.target_id, CASE WHEN h.kind = 'see_less' AND h.target_kind <> 'post' AND $5 - h.since >= interval '14 days'
												THEN least(1, (extract(epoch FROM $5 - h.since)::float8 / 86400 - 14) / 140) END
		  FROM influence.hidden h WHERE h.visitor_id IN (SELECT id FROM viewers)
		UNION ALL
		SELECT 'creator', c.creator_id, NULL FROM influence.creator c WHERE c.visitor_id IN (SELECT id FROM viewers)
	), impressions AS (
		SELECT x.post_id, x.creator_id, power(2::float8, -extract(epoch FROM $5 - x.shown_at)::float8 / 86400) AS w, x.shown_at > $5 - interval '1 day' AS today
		  FROM influence.impression x
		 WHERE x.visitor_id IN (SELECT id FROM viewers) AND x.shown_at <= $5 AND x.shown_at > $5 - interval '7 days' ORDER BY x.shown_at DESC LIMIT 500
	), tired_posts AS (SELECT i.post_id, sum(i.w) AS w, count(*) AS n FROM impressions i GROUP BY 1
	), tired_creators AS (SELECT i.creator_id, sum(i.w) AS w, count(*) FILTER (WHERE i.today) AS n FROM impressions i GROUP BY 1
	), events AS (
		SELECT x.*, row_number() OVER (ORDER BY x.at DESC, x.engaged DESC) - 1 AS n
		  FROM (SELECT y.occurred_at AS at, y.kind, y.post_id, y.creator_id, y.topic_id, NULL::bigint AS product_id, i.price, y.format, y.sound_key, 1 AS engaged,
					   CASE y.kind WHEN 'smile' THEN 1 WHEN 'comment' THEN 3 WHEN 'vote' THEN 1 WHEN 'click' THEN 0.5 ELSE 4 END::float8 AS weight
				  FROM (SELECT z.*, lag(z.kind) OVER (PARTITION BY z.post_id, z.kind IN ('smile', 'unsmile') ORDER BY z.occurred_at DESC) AS later
						  FROM (SELECT g.occurred_at, g.kind, g.post_id, g.creator_id, g.topic_id, g.format, g.sound_key FROM influence.engagement g
								 WHERE g.visitor_id IN (SELECT id FROM viewers) AND g.occurred_at <= $5
								   AND (g.kind IN ('smile', 'unsmile', 'comment', 'share', 'save', 'click') OR (g.kind = 'vote' AND g.value > 0))
								 ORDER BY g.occurred_at DESC LIMIT 200) z) y
				  LEFT JOIN influence.feed_item i ON i.post_id = y.post_id AND y.kind = 'click'
				 WHERE y.kind <> 'unsmile' AND (y.kind <> 'smile' OR y.later IS DISTINCT FROM 'unsmile')
				UNION ALL
				(SELECT o.ordered_at, 'purchase', NULL, (SELECT c.creator_id FROM influence.credit c
														  WHERE c.visitor_id = o.visitor_id AND c.program_id = o.program_id AND c.order_ref = o.order_ref AND c.line_no = l.line_no
															AND c.superseded_by IS NULL AND c.creator_id IS NOT NULL ORDER BY c.credit DESC, c.creator_id LIMIT 1),
						NULL, l.product_id, l.paid_price, NULL, NULL, 0, 10
				   FROM influence.orders o JOIN influence.order_line l USING (visitor_id, program_id, order_ref)
				  WHERE o.visitor_id IN (SELECT id FROM viewers) AND o.ordered_at <= $5 ORDER BY o.ordered_at DESC LIMIT 200)) x
		 ORDER BY x.at DESC, x.engaged DESC LIMIT 200
	), history AS (SELECT e.*, e.weight * power(2::float8, -e.n / 20.0::float8) AS w, e.weight * power(2::float8, -e.n / 2.0::float8) AS near FROM events e WHERE (SELECT s.personalised FROM shopper s)
	), follows AS (
		SELECT x.target_kind, x.target_id, x.since FROM influence.follow x WHERE x.visitor_id IN (SELECT id FROM viewers) AND (SELECT s.personalised FROM shopper s)
	), topics AS (
		SELECT y.topic_id, sum(y.w) AS w
		  FROM (SELECT x.topic_id, x.weight AS w FROM influence.interest x WHERE x.visitor_id IN (SELECT id FROM viewers) AND (SELECT s.personalised FROM shopper s)
				UNION ALL SELECT f.target_id, 1 FROM follows f WHERE f.target_kind = 'topic'
				UNION ALL SELECT h.topic_id, h.w FROM history h WHERE h.topic_id > 0) y GROUP BY 1
	), makers AS (SELECT h.creator_id, sum(h.w) AS w FROM history h WHERE h.creator_id IS NOT NULL GROUP BY 1
	), followed AS (SELECT f.target_id AS id, f.since FROM follows f WHERE f.target_kind = 'creator' ORDER BY f.since DESC, f.target_id DESC LIMIT 200
	), best_follows AS (
		SELECT f.id FROM followed f LEFT JOIN makers m ON m.creator_id = f.id
		 WHERE NOT EXISTS (SELECT FROM refused r WHERE r.kind = 'creator' AND r.id = f.id AND r.less IS NULL)
		 ORDER BY m.w DESC NULLS LAST, f.since DESC, f.id DESC LIMIT <follow_creators>
	), best_topics AS (
		SELECT t.topic_id FROM topics t WHERE NOT EXISTS (SELECT FROM refused r WHERE r.kind = 'topic' AND r.id = t.topic_id AND r.less IS NULL)
		 ORDER BY t.w DESC, t.topic_id DESC LIMIT <topics>
	), past_posts AS (SELECT h.post_id AS id, sum(h.near) AS w FROM history h WHERE h.post_id IS NOT NULL GROUP BY 1 ORDER BY min(h.n) LIMIT <neighbor_items>
	), past_products AS (SELECT h.product_id AS id, sum(h.near) AS w FROM history h WHERE h.product_id IS NOT NULL GROUP BY 1 ORDER BY min(h.n) LIMIT <neighbor_products>
	), usual AS (
		SELECT coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY h.price) FILTER (WHERE h.product_id IS NOT NULL),
						percentile_cont(0.5) WITHIN GROUP (ORDER BY h.price) FILTER (WHERE h.product_id IS NULL)) AS price FROM history h WHERE h.price > 0
	), sounds AS (SELECT h.sound_key, sum(h.w) AS w FROM history h WHERE h.sound_key IS NOT NULL GROUP BY 1
	), formats AS (
		SELECT substr('pvsltb', g.n::int, 1)::"char" AS format,
			   CASE WHEN g.share > 0 THEN greatest(-3, least(3, ln((coalesce(x.w, 0) + 16 * g.share) / (coalesce(o.w, 0) + 16) / g.share) / 0.6931471805599453)) ELSE 0 END AS fit
		  FROM unnest('<format_shares>'::float8[]) WITH ORDINALITY g(share, n)
		 CROSS JOIN (SELECT sum(h.w) AS w FROM history h WHERE h.format IS NOT NULL) o
		  LEFT JOIN (SELECT h.format, sum(h.w) AS w FROM history h GROUP BY 1) x ON x.format = substr('pvsltb', g.n::int, 1)::"char"
	), sources AS (
		SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format, i.sound_key,
			   0::float8 AS similarity, 1 AS source
		  FROM best_follows f CROSS JOIN LATERAL (
			SELECT * FROM influence.feed_item i
			 WHERE i.creator_id = f.id AND i.program_id = $1 AND i.published_at <= $5 AND i.published_at > $5 - interval '<history_days> days' AND (i.expires_at IS NULL OR i.expires_at > $5)
			 ORDER BY i.published_at DESC, i.post_id DESC LIMIT <per_creator>) i
		UNION ALL
		SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format, i.sound_key, 0, 2
		  FROM best_topics b(id) CROSS JOIN LATERAL (
			SELECT * FROM influence.feed_item i
			 WHERE i.program_id = $1 AND i.topic_id = b.id AND i.quality >= extract(epoch FROM $5 - interval '<history_days> days' - timestamptz '2000-01-01 00:00+00')::float8 / 259200 AND i.published_at <= $5 AND i.published_at > $5 - interval '<history_days> days' AND (i.expires_at IS NULL OR i.expires_at > $5)
			 ORDER BY i.quality DESC, i.post_id DESC LIMIT <per_topic>) i
		UNION ALL
		(SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format, i.sound_key, 0, 16
		   FROM influence.feed_item i
		  WHERE i.program_id = $1 AND i.quality >= extract(epoch FROM $5 - interval '<history_days> days' - timestamptz '2000-01-01 00:00+00')::float8 / 259200 AND i.published_at <= $5 AND i.published_at > $5 - interval '<history_days> days' AND (i.expires_at IS NULL OR i.expires_at > $5)
		  ORDER BY i.quality DESC, i.post_id DESC LIMIT <popular>)
		UNION ALL
		(SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format, i.sound_key, 0, 8
		  FROM influence.trend_state r JOIN influence.feed_item i ON i.post_id = r.item_id
		 WHERE r.program_id = $1 AND r.kind = 'post' AND r.scope_id = 0 AND r.score_3d >= extract(epoch FROM $5 - interval '<history_days> days' - timestamptz '2000-01-01 00:00+00')::float8 / 259200
		   AND i.published_at <= $5 AND i.published_at > $5 - interval '<history_days> days' AND (i.expires_at IS NULL OR i.expires_at > $5)
		 ORDER BY r.score_3d DESC, r.item_id DESC LIMIT <trending>)
		UNION ALL
		SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format, i.sound_key, p.w * k.similarity, 4
		  FROM past_posts p
		  JOIN influence.item_neighbor n ON n.program_id = $1 AND n.kind = 'post' AND n.item_id = p.id
		 CROSS JOIN LATERAL (SELECT unnest(n.neighbor_ids[:<per_item>]) AS neighbor_id, unnest(n.similarities[:<per_item>]) AS similarity) k
		  JOIN influence.feed_item i ON i.post_id = k.neighbor_id
		 WHERE i.program_id = $1 AND i.published_at <= $5 AND i.published_at > $5 - interval '<history_days> days' AND (i.expires_at IS NULL OR i.expires_at > $5)
		UNION ALL
		SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format, i.sound_key, p.w * k.similarity, 4
		  FROM past_products p
		  JOIN influence.item_neighbor n ON n.program_id = $1 AND n.kind = 'product' AND n.item_id = p.id
		 CROSS JOIN LATERAL (SELECT unnest(n.neighbor_ids[:<per_product>]) AS neighbor_id, unnest(n.similarities[:<per_product>]) AS similarity) k
		 CROSS JOIN LATERAL (
			SELECT DISTINCT ON (g.post_id) i.*
			  FROM influence.post_tag g JOIN influence.feed_item i ON i.post_id = g.post_id
			 WHERE g.product_id = k.neighbor_id AND i.program_id = $1 AND i.published_at <= $5 AND i.published_at > $5 - interval '<history_days> days' AND (i.expires_at IS NULL OR i.expires_at > $5)
			 ORDER BY g.post_id DESC LIMIT <product_posts>) i
		UNION ALL
		(SELECT * FROM (
			SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format, i.sound_key, 0::float8, 32
			  FROM (SELECT DISTINCT ON (i.post_id) i.*
					  FROM generate_series(1, <explore_places>) d CROSS JOIN LATERAL (
						SELECT * FROM influence.feed_item i
						 WHERE i.program_id = $1 AND i.published_at <= $5 - interval '<explore_days> days' * ((hashint8extended(d, hashtext($2::text || $5::date)) & 65535) / 65536.0::float8)
						   AND i.published_at > $5 - interval '<explore_days> days' AND (i.expires_at IS NULL OR i.expires_at > $5)
						 ORDER BY i.published_at DESC, i.post_id DESC LIMIT (3 * <explore> + <explore_places> - 1) / <explore_places>) i) i
			 ORDER BY i.quality - extract(epoch FROM i.published_at - timestamptz '2000-01-01 00:00+00')::float8 / 259200, i.post_id DESC LIMIT 2 * <explore>) x
		  ORDER BY hashint8extended(x.post_id, hashtext($2::text || $5::date)) DESC LIMIT <explore>)
	), candidates AS (
		SELECT c.post_id, min(c.creator_id) AS creator_id, min(c.topic_id) AS topic_id, min(c.category_id) AS category_id, min(c.published_at) AS published_at, min(c.media_key) AS media_key,
			   min(c.price) AS price, min(c.quality) AS quality, min(c.engagement) AS engagement, min(c.sales) AS sales, min(c.format::int)::"char" AS format, min(c.sound_key) AS sound_key, sum(c.similarity) AS similarity, bit_or(c.source) AS sources
		  FROM sources c GROUP BY c.post_id
	), eligible AS (
		SELECT c.*
		  FROM candidates c
		  JOIN influence.post p ON p.post_id = c.post_id
		  LEFT JOIN shopper s ON true
		 WHERE (p.countries IS NULL OR s.country = ANY (p.countries)) AND (p.language = s.language) IS NOT FALSE
		   AND c.post_id <> ALL ($4)
		   AND NOT EXISTS (SELECT FROM refused r WHERE r.less IS NULL AND (r.kind, r.id) IN (('creator', c.creator_id), ('topic', c.topic_id), ('post', c.post_id)))
		   AND NOT EXISTS (SELECT FROM tired_posts x WHERE x.post_id = c.post_id AND x.n >= 3)
		   AND NOT EXISTS (SELECT FROM tired_creators x WHERE x.creator_id = c.creator_id AND x.n >= 20)
		   AND NOT EXISTS (SELECT FROM influence.feed_item d WHERE d.post_id = ANY ($4) AND d.media_key = c.media_key)
		   AND (SELECT x.status FROM influence.post_status x WHERE x.creator_id = c.creator_id AND x.post_id = c.post_id AND x.since <= $5 ORDER BY x.since DESC LIMIT 1) = 'published'
		   AND coalesce((SELECT x.status FROM influence.creator_status x WHERE x.creator_id = c.creator_id AND x.since <= $5 ORDER BY x.since DESC LIMIT 1), 'active') = 'active'
		   AND EXISTS (SELECT FROM influence.post_tag g
						WHERE g.creator_id = c.creator_id AND g.post_id = c.post_id
						  AND (SELECT x.quantity FROM influence.product_stock x WHERE x.product_id = g.product_id AND x.valid_from <= $5 ORDER BY x.valid_from DESC LIMIT 1) > 0)
	), scored AS (
		SELECT m.*, <w_bias> + <w_follow> * (f.id IS NOT NULL)::int + <w_interest> * ln(1 + coalesce(t.w, 0)) / 0.6931471805599453
				+ <w_quality> * greatest(-40, least(40, m.quality - extract(epoch FROM $5 - timestamptz '2000-01-01 00:00+00')::float8 / 259200))
				+ <w_neighbor> * least(40, ln(1 + 100 * m.similarity) / 0.6931471805599453)
				+ <w_affinity> * ln(1 + coalesce(k.w, 0)) / 0.6931471805599453 + <w_engagement> * m.engagement + <w_sales> * m.sales
				+ <w_freshness> * power(2::float8, -extract(epoch FROM $5 - m.published_at)::float8 / 172800)
				+ <w_price_fit> * CASE WHEN m.price > 0 AND u.price > 0 THEN greatest(-8, -abs(ln(m.price / u.price) / 0.6931471805599453)) ELSE 0 END
				- <w_fatigue> * ln(1 + coalesce(tc.w, 0) + 2 * coalesce(tp.w, 0)) / 0.6931471805599453
				+ <w_exploration> * CASE WHEN m.sources & 32 > 0 THEN (hashint8extended(m.post_id, hashtext($2::text || $5::date)) & 65535) / 65536.0 ELSE 0 END
				+ <w_format> * fm.fit + <w_sound> * ln(1 + coalesce(sn.w, 0)) / 0.6931471805599453 AS score,
			   coalesce((SELECT min(r.less) FROM refused r WHERE r.less IS NOT NULL AND (r.kind, r.id) IN (('creator', m.creator_id), ('topic', m.topic_id))), 1) AS dampening
		  FROM eligible m
		  LEFT JOIN usual u ON true
		  LEFT JOIN followed f ON f.id = m.creator_id
		  LEFT JOIN topics t ON t.topic_id = m.topic_id
		  LEFT JOIN makers k ON k.creator_id = m.creator_id
		  JOIN formats fm ON fm.format = m.format
		  LEFT JOIN sounds sn ON sn.sound_key = m.sound_key
		  LEFT JOIN tired_creators tc ON tc.creator_id = m.creator_id
		  LEFT JOIN tired_posts tp ON tp.post_id = m.post_id
	), ordered AS MATERIALIZED (
		SELECT b.post_id, b.creator_id, b.category_id, b.sources, b.score, row_number() OVER (ORDER BY b.score DESC, b.post_id DESC) AS place
		  FROM (SELECT DISTINCT ON (a.media_key) a.*
				  FROM (SELECT s.*, CASE WHEN s.score > 0 THEN s.score * s.dampening ELSE s.score END AS damped FROM scored s) x(post_id, creator_id, topic_id, category_id, published_at,
						media_key, price, quality, engagement, sales, format, sound_key, similarity, sources, bare, dampening, score), LATERAL (SELECT x.*) a
				 ORDER BY a.media_key, a.score DESC, a.post_id DESC) b
		 ORDER BY place LIMIT 300
	), tail AS (
		SELECT array_agg(i.creator_id ORDER BY d.n) AS creators, array_agg(i.category_id ORDER BY d.n) AS categories
		  FROM unnest($4[greatest(1, cardinality($4) - 8):]) WITH ORDINALITY d(id, n) JOIN influence.feed_item i ON i.post_id = d.id
	), page AS (
		SELECT 0 AS n, NULL::bigint AS post_id, NULL::float8 AS score, NULL::int AS sources, '{}'::bigint[] AS taken, coalesce(t.creators, '{}') AS creators, coalesce(t.categories, '{}') AS categories,
			   EXISTS (SELECT FROM topics) OR EXISTS (SELECT FROM history) OR EXISTS (SELECT FROM follows) AS signal
		  FROM tail t
		UNION ALL
		SELECT p.n + 1, c.post_id, c.score, c.sources, p.taken || c.place, (p.creators || c.creator_id)[greatest(1, cardinality(p.creators) - 7):],
			   (p.categories || c.category_id)[greatest(1, cardinality(p.categories) - 7):], p.signal
		  FROM page p
		 CROSS JOIN LATERAL (
			SELECT o.* FROM ordered o WHERE o.place <> ALL (p.taken)
			 ORDER BY CASE WHEN NOT p.signal THEN 0
						   WHEN o.creator_id = p.creators[cardinality(p.creators)] THEN 3
						   WHEN cardinality(array_positions(p.creators, o.creator_id)) >= 2 THEN 2
						   WHEN o.category_id <> 0 AND cardinality(array_positions(p.categories, o.category_id)) >= 4 THEN 1 ELSE 0 END, o.place LIMIT 1) c
		 WHERE p.n < $3
	)
	SELECT (cardinality($4) + g.n)::int, g.post_id, p.creator_id, g.score, p.disclosure, g.sources,
		   (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('product_id', d.product_id, 'sku', d.sku, 'title', d.title, 'image', d.image,
						'price', h.price, 'currency', h.currency, 'x', t.x, 'y', t.y, 't_from_ms', t.t_from_ms, 't_to_ms', t.t_to_ms)) ORDER BY t.tag_id)
			  FROM influence.post_tag t
			  JOIN influence.product d ON d.product_id = t.product_id
			  LEFT JOIN LATERAL (SELECT x.price, x.currency FROM influence.product_price x
								  WHERE x.product_id = t.product_id AND x.currency = 'EUR' AND x.valid_from <= $5 ORDER BY x.valid_from DESC LIMIT 1) h ON true
			 WHERE t.creator_id = p.creator_id AND t.post_id = p.post_id
			   AND (SELECT x.quantity FROM influence.product_stock x WHERE x.product_id = t.product_id AND x.valid_from <= $5 ORDER BY x.valid_from DESC LIMIT 1) > 0)
	  FROM page g
	  JOIN influence.post p ON p.post_id = g.post_id
	 ORDER BY g.n;
END
$$;

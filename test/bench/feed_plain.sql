-- A page of the feed without get_feed: the same candidates, eligibility, score and diversity, as a person would write and tune them in SQL over the
-- same tables and indexes. feed.py fills in the names in angle brackets: the settings feed_candidates and the weights of the profile.
--
-- bench.<name>(program, viewer, page_size, delivered, moment): delivered are the posts of the pages before, in their order; what else the session
-- needs follows from them. Settings and weights are literals, arguments are trusted, and it makes neither cursor nor tokens: all in favour of SQL.
-- Several statements, each small enough to have one sensible plan: what the viewer did goes from one to the next in arrays; candidates are scored
-- in one pass, and who may be shown is tested as the rows are fetched in the order of score, until the page is full. Products come for the page
-- alone. The draw of explored posts is another hash than get_feed's: to compare the two, both leave exploration out.
--
-- Pairs of arrays as a table: unnest, but with an estimate that makes the planner hash it, and never inlined.
CREATE OR REPLACE FUNCTION bench.weights(ids bigint[], weights float8[]) RETURNS TABLE (id bigint, w float8) LANGUAGE sql VOLATILE ROWS 200 AS $$ SELECT * FROM unnest(ids, weights) $$;
CREATE FUNCTION bench.<name>(program bigint, viewer uuid, page_size int, delivered bigint[], moment timestamptz)
RETURNS TABLE (rank int, post_id bigint, creator_id bigint, score float8, disclosure text, sources int, products jsonb)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
	viewers uuid[] := influence_internal.person_visitors(viewer);
	country text;
	tongue text;
	personal boolean;
	-- whom and what the viewer does not want, and how much of what it wants less of
	no_creators bigint[];
	no_topics bigint[];
	no_posts bigint[];
	less_creators bigint[];
	less_creators_by float8[];
	less_topics bigint[];
	less_topics_by float8[];
	-- what it was shown
	tired_posts bigint[];
	tired_posts_by float8[];
	tired_creators bigint[];
	tired_creators_by float8[];
	-- what it likes, each with its weight
	follows bigint[] := '{}';
	best_follows bigint[] := '{}';
	topics bigint[] := '{}';
	topics_by float8[] := '{}';
	best_topics bigint[] := '{}';
	makers bigint[] := '{}';
	makers_by float8[] := '{}';
	past bigint[] := '{}';
	past_by float8[] := '{}';
	bought bigint[] := '{}';
	bought_by float8[] := '{}';
	sounds bigint[];
	sounds_by float8[];
	fits float8[] := '{0,0,0,0,0,0}';
	usual float8;
	signal boolean := false;
	since timestamptz := moment - interval '<history_days> days';
	age float8 := extract(epoch FROM moment - timestamptz '2000-01-01 00:00+00')::float8 / 259200;
	oldest float8 := extract(epoch FROM moment - interval '<history_days> days' - timestamptz '2000-01-01 00:00+00')::float8 / 259200;
	candidates refcursor;
	got record;
	ended boolean := false;
	media bigint[];
	-- the newest last
	tail_creators bigint[];
	tail_categories bigint[];
	-- those that may be shown and wait for their turn
	waiting bigint[] := '{}';
	waiting_creators bigint[] := '{}';
	waiting_categories bigint[] := '{}';
	waiting_scores float8[] := '{}';
	waiting_sources int[] := '{}';
	page bigint[] := '{}';
	page_scores float8[] := '{}';
	page_sources int[] := '{}';
	at int;
	i int;
	relaxed int;
	newest int;
BEGIN
	SELECT s.country, s.language, s.personalised INTO country, tongue, personal
	  FROM (SELECT first_value(x.country) OVER o AS country, first_value(x.language) OVER o AS language, bool_and(x.personalised) OVER () AS personalised
			  FROM influence.shopper x WHERE x.visitor_id = ANY (viewers) WINDOW o AS (ORDER BY x.visitor_id <> viewer, x.visitor_id)) s LIMIT 1;
	SELECT coalesce(array_agg(r.id) FILTER (WHERE r.k = 'c' AND r.less IS NULL), '{}'), coalesce(array_agg(r.id) FILTER (WHERE r.k = 't' AND r.less IS NULL), '{}'),
		   coalesce(array_agg(r.id) FILTER (WHERE r.k = 'p'), '{}'),
		   array_agg(r.id) FILTER (WHERE r.k = 'c' AND r.less IS NOT NULL), array_agg(r.less) FILTER (WHERE r.k = 'c' AND r.less IS NOT NULL),
		   array_agg(r.id) FILTER (WHERE r.k = 't' AND r.less IS NOT NULL), array_agg(r.less) FILTER (WHERE r.k = 't' AND r.less IS NOT NULL)
	  INTO no_creators, no_topics, no_posts, less_creators, less_creators_by, less_topics, less_topics_by
	  FROM (SELECT 'c' AS k, b.creator_id AS id, NULL::float8 AS less FROM influence.block b WHERE b.visitor_id = ANY (viewers)
			UNION ALL
			SELECT left(m.target_kind, 1), m.target_id, NULL FROM influence.mute m WHERE m.visitor_id = ANY (viewers) AND (m.until IS NULL OR m.until > moment)
			UNION ALL
			SELECT left(h.target_kind, 1), h.target_id,
				   CASE WHEN h.kind = 'see_less' AND h.target_kind <> 'post' AND moment - h.since >= interval '14 days'
						THEN least(1, (extract(epoch FROM moment - h.since)::float8 / 86400 - 14) / 140) END
			  FROM influence.hidden h WHERE h.visitor_id = ANY (viewers)
			UNION ALL
			SELECT 'c', c.creator_id, NULL FROM influence.creator c WHERE c.visitor_id = ANY (viewers)) r;
	WITH m AS MATERIALIZED (
		SELECT x.post_id, x.creator_id, power(2::float8, -extract(epoch FROM moment - x.shown_at)::float8 / 86400) AS w, x.shown_at > moment - interval '1 day' AS today
		  FROM influence.impression x
		 WHERE x.visitor_id = ANY (viewers) AND x.shown_at <= moment AND x.shown_at > moment - interval '7 days' ORDER BY x.shown_at DESC LIMIT 500)
	SELECT p.ids, p.weights, c.ids, c.weights, no_posts || p.capped, no_creators || c.capped
	  INTO tired_posts, tired_posts_by, tired_creators, tired_creators_by, no_posts, no_creators
	  FROM (SELECT array_agg(g.post_id) AS ids, array_agg(g.w) AS weights, array_agg(g.post_id) FILTER (WHERE g.n >= 3) AS capped
			  FROM (SELECT m.post_id, sum(m.w) AS w, count(*) AS n FROM m GROUP BY 1) g) p,
		   (SELECT array_agg(g.creator_id) AS ids, array_agg(g.w) AS weights, array_agg(g.creator_id) FILTER (WHERE g.n >= 20) AS capped
			  FROM (SELECT m.creator_id, sum(m.w) AS w, count(*) FILTER (WHERE m.today) AS n FROM m GROUP BY 1) g) c;
	IF personal THEN
		WITH e AS MATERIALIZED (
			SELECT x.*, row_number() OVER (ORDER BY x.at DESC, x.engaged DESC) - 1 AS n
			  FROM (SELECT y.occurred_at AS at, y.kind, y.post_id, y.creator_id, y.topic_id, NULL::bigint AS product_id, i.price, y.format, y.sound_key, 1 AS engaged,
						   CASE y.kind WHEN 'smile' THEN 1 WHEN 'comment' THEN 3 WHEN 'vote' THEN 1 WHEN 'click' THEN 0.5 ELSE 4 END::float8 AS weight
					  FROM (SELECT z.*, lag(z.kind) OVER (PARTITION BY z.post_id, z.kind IN ('smile', 'unsmile') ORDER BY z.occurred_at DESC) AS later
							  FROM (SELECT g.occurred_at, g.kind, g.post_id, g.creator_id, g.topic_id, g.format, g.sound_key FROM influence.engagement g
									 WHERE g.visitor_id = ANY (viewers) AND g.occurred_at <= moment
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
					  WHERE o.visitor_id = ANY (viewers) AND o.ordered_at <= moment ORDER BY o.ordered_at DESC LIMIT 200)) x
			 ORDER BY x.at DESC, x.engaged DESC LIMIT 200
		), h AS MATERIALIZED (SELECT e.*, e.weight * power(2::float8, -e.n / 20.0::float8) AS w, e.weight * power(2::float8, -e.n / 2.0::float8) AS near FROM e
		), f AS MATERIALIZED (SELECT x.target_id, x.since, x.target_kind FROM influence.follow x WHERE x.visitor_id = ANY (viewers)
		), t AS MATERIALIZED (
			SELECT y.topic_id, sum(y.w) AS w FROM (SELECT x.topic_id, x.weight AS w FROM influence.interest x WHERE x.visitor_id = ANY (viewers)
									   UNION ALL SELECT f.target_id, 1 FROM f WHERE f.target_kind = 'topic'
									   UNION ALL SELECT h.topic_id, h.w FROM h WHERE h.topic_id > 0) y GROUP BY 1
		), c AS MATERIALIZED (SELECT h.creator_id, sum(h.w) AS w FROM h WHERE h.creator_id IS NOT NULL GROUP BY 1)
		SELECT a.*, b.*, p.*, q.*, r.*, d.*, f.*, s.*
		  INTO topics, topics_by, best_topics, makers, makers_by, follows, best_follows, past, past_by, bought, bought_by, sounds, sounds_by, fits, usual
		  FROM (SELECT array_agg(t.topic_id), array_agg(t.w), (array_agg(t.topic_id ORDER BY t.w DESC, t.topic_id DESC) FILTER (WHERE t.topic_id <> ALL (no_topics)))[1:<topics>] FROM t) a,
			   (SELECT array_agg(c.creator_id), array_agg(c.w) FROM c) b,
			   (SELECT array_agg(x.target_id), (array_agg(x.target_id ORDER BY c.w DESC NULLS LAST, x.since DESC, x.target_id DESC) FILTER (WHERE x.target_id <> ALL (no_creators)))[1:<follow_creators>]
				  FROM (SELECT f.target_id, f.since FROM f WHERE f.target_kind = 'creator' ORDER BY f.since DESC, f.target_id DESC LIMIT 200) x LEFT JOIN c ON c.creator_id = x.target_id) p,
			   (SELECT array_agg(x.post_id), array_agg(x.w) FROM (SELECT h.post_id, sum(h.near) AS w FROM h WHERE h.post_id IS NOT NULL GROUP BY 1 ORDER BY min(h.n) LIMIT <neighbor_items>) x) q,
			   (SELECT array_agg(x.product_id), array_agg(x.w) FROM (SELECT h.product_id, sum(h.near) AS w FROM h WHERE h.product_id IS NOT NULL GROUP BY 1 ORDER BY min(h.n) LIMIT <neighbor_products>) x) r,
			   (SELECT array_agg(x.sound_key), array_agg(x.w) FROM (SELECT h.sound_key, sum(h.w) AS w FROM h WHERE h.sound_key IS NOT NULL GROUP BY 1) x) d,
			   (SELECT array_agg(CASE WHEN g.share > 0 THEN greatest(-3, least(3, ln((coalesce(x.w, 0) + 16 * g.share) / (coalesce(o.w, 0) + 16) / g.share) / 0.6931471805599453)) ELSE 0 END ORDER BY g.n)
				  FROM unnest('<format_shares>'::float8[]) WITH ORDINALITY g(share, n)
				 CROSS JOIN (SELECT sum(h.w) AS w FROM h WHERE h.format IS NOT NULL) o
				  LEFT JOIN (SELECT h.format, sum(h.w) AS w FROM h GROUP BY 1) x ON x.format = substr('pvsltb', g.n::int, 1)::"char") f,
			   (SELECT coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY h.price) FILTER (WHERE h.product_id IS NOT NULL),
								percentile_cont(0.5) WITHIN GROUP (ORDER BY h.price) FILTER (WHERE h.product_id IS NULL)) FROM h WHERE h.price > 0) s;
		signal := topics IS NOT NULL OR makers IS NOT NULL OR follows IS NOT NULL OR past IS NOT NULL OR bought IS NOT NULL;
	END IF;
	-- the last nine of the session, and its media
	SELECT array_agg(x.creator_id ORDER BY x.n), array_agg(x.category_id ORDER BY x.n)
	  INTO tail_creators, tail_categories
	  FROM (SELECT i.creator_id, i.category_id, d.n FROM unnest(delivered[greatest(1, cardinality(delivered) - 8):]) WITH ORDINALITY d(post_id, n) JOIN influence.feed_item i ON i.post_id = d.post_id) x;
	SELECT array_agg(i.media_key) INTO media FROM unnest(delivered) d(post_id) JOIN influence.feed_item i ON i.post_id = d.post_id;
	OPEN candidates NO SCROLL FOR
		WITH c AS (
			SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.spoken, i.everywhere, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format::int AS format, i.sound_key,
				   0::float8 AS similarity, 1 AS source
			  FROM unnest(best_follows) f(id) CROSS JOIN LATERAL (
				SELECT * FROM influence.feed_item i
				 WHERE i.creator_id = f.id AND i.program_id = program AND i.published_at <= moment AND i.published_at > since AND (i.expires_at IS NULL OR i.expires_at > moment)
				 ORDER BY i.published_at DESC, i.post_id DESC LIMIT <per_creator>) i
			UNION ALL
			SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.spoken, i.everywhere, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format::int, i.sound_key, 0, 2
			  FROM unnest(best_topics) b(id) CROSS JOIN LATERAL (
				SELECT * FROM influence.feed_item i
				 WHERE i.program_id = program AND i.topic_id = b.id AND i.quality >= oldest AND i.published_at <= moment AND i.published_at > since AND (i.expires_at IS NULL OR i.expires_at > moment)
				 ORDER BY i.quality DESC, i.post_id DESC LIMIT <per_topic>) i
			UNION ALL
			(SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.spoken, i.everywhere, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format::int, i.sound_key, 0, 16
			   FROM influence.feed_item i
			  WHERE i.program_id = program AND i.quality >= oldest AND i.published_at <= moment AND i.published_at > since AND (i.expires_at IS NULL OR i.expires_at > moment)
			  ORDER BY i.quality DESC, i.post_id DESC LIMIT <popular>)
			UNION ALL
			(SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.spoken, i.everywhere, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format::int, i.sound_key, 0, 8
			  FROM influence.trend_state r CROSS JOIN LATERAL (
				SELECT * FROM influence.feed_item i
				 WHERE i.post_id = r.item_id AND i.published_at <= moment AND i.published_at > since AND (i.expires_at IS NULL OR i.expires_at > moment) OFFSET 0) i
			 WHERE r.program_id = program AND r.kind = 'post' AND r.scope_id = 0 AND r.score_3d >= oldest
			 ORDER BY r.score_3d DESC, r.item_id DESC LIMIT <trending>)
			UNION ALL
			SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.spoken, i.everywhere, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format::int, i.sound_key, p.w * k.similarity, 4
			  FROM unnest(past, past_by) p(id, w)
			  JOIN influence.item_neighbor n ON n.program_id = program AND n.kind = 'post' AND n.item_id = p.id
			 CROSS JOIN LATERAL (SELECT unnest(n.neighbor_ids[:<per_item>]) AS neighbor_id, unnest(n.similarities[:<per_item>]) AS similarity) k
			  JOIN influence.feed_item i ON i.post_id = k.neighbor_id
			 WHERE i.program_id = program AND i.published_at <= moment AND i.published_at > since AND (i.expires_at IS NULL OR i.expires_at > moment)
			UNION ALL
			SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.spoken, i.everywhere, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format::int, i.sound_key, p.w * k.similarity, 4
			  FROM unnest(bought, bought_by) p(id, w)
			  JOIN influence.item_neighbor n ON n.program_id = program AND n.kind = 'product' AND n.item_id = p.id
			 CROSS JOIN LATERAL (SELECT unnest(n.neighbor_ids[:<per_product>]) AS neighbor_id, unnest(n.similarities[:<per_product>]) AS similarity) k
			 CROSS JOIN LATERAL (
				SELECT DISTINCT ON (g.post_id) i.*
				  FROM influence.post_tag g JOIN influence.feed_item i ON i.post_id = g.post_id
				 WHERE g.product_id = k.neighbor_id AND i.program_id = program AND i.published_at <= moment AND i.published_at > since AND (i.expires_at IS NULL OR i.expires_at > moment)
				 ORDER BY g.post_id DESC LIMIT <product_posts>) i
			UNION ALL
			(SELECT * FROM (
				SELECT i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.spoken, i.everywhere, i.media_key, i.price, i.quality, i.engagement, i.sales, i.format::int, i.sound_key, 0::float8, 32
				  FROM (SELECT DISTINCT ON (i.post_id) i.*
						  FROM generate_series(1, <explore_places>) d CROSS JOIN LATERAL (
							SELECT * FROM influence.feed_item i
							 WHERE i.program_id = program AND i.published_at <= moment - interval '<explore_days> days' * ((hashint8extended(d, hashtext(viewer::text || moment::date)) & 65535) / 65536.0::float8)
							   AND i.published_at > moment - interval '<explore_days> days' AND (i.expires_at IS NULL OR i.expires_at > moment)
							 ORDER BY i.published_at DESC, i.post_id DESC LIMIT (3 * <explore> + <explore_places> - 1) / <explore_places>) i) i
				 ORDER BY i.quality - extract(epoch FROM i.published_at - timestamptz '2000-01-01 00:00+00')::float8 / 259200, i.post_id DESC LIMIT 2 * <explore>) x
			  ORDER BY hashint8extended(x.post_id, hashtext(viewer::text || moment::date)) DESC LIMIT <explore>)
		), merged AS (
			SELECT c.post_id, min(c.creator_id) AS creator_id, min(c.topic_id) AS topic_id, min(c.category_id) AS category_id, min(c.published_at) AS published_at, min(c.media_key) AS media_key,
				   min(c.price) AS price, min(c.quality) AS quality, min(c.engagement) AS engagement, min(c.sales) AS sales, min(c.format) AS format, min(c.sound_key) AS sound_key, sum(c.similarity) AS similarity, bit_or(c.source) AS sources, bool_and(c.everywhere) AS everywhere
			  FROM c
			 -- in CASE, so that the planner takes it for half of the rows
			 WHERE CASE WHEN c.post_id > 0 THEN (c.spoken = left(tongue, 16)) IS NOT FALSE END
			 GROUP BY c.post_id
		), scored AS (
			SELECT m.*, <w_bias> + <w_follow> * (f.id IS NOT NULL)::int + <w_interest> * ln(1 + coalesce(t.w, 0)) / 0.6931471805599453
					+ <w_quality> * greatest(-40, least(40, m.quality - age)) + <w_neighbor> * least(40, ln(1 + 100 * m.similarity) / 0.6931471805599453)
					+ <w_affinity> * ln(1 + coalesce(k.w, 0)) / 0.6931471805599453 + <w_engagement> * m.engagement + <w_sales> * m.sales
					+ <w_freshness> * power(2::float8, -extract(epoch FROM moment - m.published_at)::float8 / 172800)
					+ <w_price_fit> * CASE WHEN m.price > 0 AND usual > 0 THEN greatest(-8, -abs(ln(m.price / usual) / 0.6931471805599453)) ELSE 0 END
					- <w_fatigue> * ln(1 + coalesce(tc.w, 0) + 2 * coalesce(tp.w, 0)) / 0.6931471805599453
					+ <w_exploration> * CASE WHEN m.sources & 32 > 0 THEN (hashint8extended(m.post_id, hashtext(viewer::text || moment::date)) & 65535) / 65536.0 ELSE 0 END
					+ <w_format> * fits[CASE m.format WHEN 112 THEN 1 WHEN 118 THEN 2 WHEN 115 THEN 3 WHEN 108 THEN 4 WHEN 116 THEN 5 ELSE 6 END] + <w_sound> * ln(1 + coalesce(sn.w, 0)) / 0.6931471805599453 AS score,
				   least(coalesce(lc.w, 1), coalesce(lt.w, 1)) AS dampening
			  FROM merged m
			  LEFT JOIN bench.weights(follows, NULL) f ON f.id = m.creator_id
			  LEFT JOIN bench.weights(topics, topics_by) t ON t.id = m.topic_id
			  LEFT JOIN bench.weights(makers, makers_by) k ON k.id = m.creator_id
			  LEFT JOIN bench.weights(sounds, sounds_by) sn ON sn.id = m.sound_key
			  LEFT JOIN bench.weights(tired_creators, tired_creators_by) tc ON tc.id = m.creator_id
			  LEFT JOIN bench.weights(tired_posts, tired_posts_by) tp ON tp.id = m.post_id
			  LEFT JOIN bench.weights(less_creators, less_creators_by) lc ON lc.id = m.creator_id
			  LEFT JOIN bench.weights(less_topics, less_topics_by) lt ON lt.id = m.topic_id
			 WHERE CASE WHEN m.creator_id <> ALL (no_creators) AND m.topic_id <> ALL (no_topics) THEN m.post_id <> ALL (no_posts) END
			   AND NOT EXISTS (SELECT FROM bench.weights(delivered, NULL) d WHERE d.id = m.post_id)
		), sorted AS (
			SELECT s.post_id, s.creator_id, s.category_id, s.media_key, s.sources, s.everywhere, CASE WHEN s.score > 0 THEN s.score * s.dampening ELSE s.score END AS score
			  FROM scored s ORDER BY 7 DESC, 1 DESC OFFSET 0)
		SELECT s.*
		  FROM sorted s
		 WHERE (s.everywhere OR country = ANY ((SELECT x.countries FROM influence.feed_item x WHERE x.post_id = s.post_id)::text[]))
		   AND (SELECT x.status FROM influence.post_status x WHERE x.creator_id = s.creator_id AND x.post_id = s.post_id AND x.since <= moment ORDER BY x.since DESC LIMIT 1) = 'published'
		   AND coalesce((SELECT x.status FROM influence.creator_status x WHERE x.creator_id = s.creator_id AND x.since <= moment ORDER BY x.since DESC LIMIT 1), 'active') = 'active'
		   AND (SELECT true FROM influence.post_tag g
				 WHERE g.creator_id = s.creator_id AND g.post_id = s.post_id
				   AND (SELECT x.quantity FROM influence.product_stock x WHERE x.product_id = g.product_id AND x.valid_from <= moment ORDER BY x.valid_from DESC LIMIT 1) > 0 LIMIT 1);
	-- place by place the best that fits; when there is none, the rules give way one after the other
	FOR place IN 1 .. page_size LOOP
		relaxed := 0;
		at := 0;
		WHILE at = 0 LOOP
			i := 1;
			LOOP
				IF i > cardinality(waiting) THEN
					EXIT WHEN ended;
					FETCH candidates INTO got;
					IF NOT FOUND THEN
						ended := true;
						EXIT;
					END IF;
					CONTINUE WHEN got.media_key = ANY (media);
					media := media || got.media_key;
					waiting := waiting || got.post_id;
					waiting_creators := waiting_creators || got.creator_id;
					waiting_categories := waiting_categories || got.category_id;
					waiting_scores := waiting_scores || got.score;
					waiting_sources := waiting_sources || got.sources;
				END IF;
				newest := coalesce(cardinality(tail_creators), 0);
				IF NOT signal
				   OR ((relaxed >= 3 OR waiting_creators[i] IS DISTINCT FROM tail_creators[newest])
					   AND (relaxed >= 2 OR newest < 2 OR cardinality(array_positions(tail_creators[newest - 8:], waiting_creators[i])) < 2)
					   AND (relaxed >= 1 OR newest < 4 OR waiting_categories[i] = 0 OR cardinality(array_positions(tail_categories[newest - 8:], waiting_categories[i])) < 4)) THEN
					at := i;
					EXIT;
				END IF;
				i := i + 1;
			END LOOP;
			EXIT WHEN relaxed = 3 OR cardinality(waiting) = 0;
			relaxed := relaxed + 1;
		END LOOP;
		EXIT WHEN at = 0;
		page := page || waiting[at];
		page_scores := page_scores || waiting_scores[at];
		page_sources := page_sources || waiting_sources[at];
		tail_creators := tail_creators || waiting_creators[at];
		tail_categories := tail_categories || waiting_categories[at];
		waiting := waiting[:at - 1] || waiting[at + 1:];
		waiting_creators := waiting_creators[:at - 1] || waiting_creators[at + 1:];
		waiting_categories := waiting_categories[:at - 1] || waiting_categories[at + 1:];
		waiting_scores := waiting_scores[:at - 1] || waiting_scores[at + 1:];
		waiting_sources := waiting_sources[:at - 1] || waiting_sources[at + 1:];
	END LOOP;
	CLOSE candidates;
	RETURN QUERY
	SELECT (cardinality(delivered) + g.n)::int, g.id, p.creator_id, g.score, p.disclosure, g.sources,
		   (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('product_id', d.product_id, 'sku', d.sku, 'title', d.title, 'image', d.image,
						'price', h.price, 'currency', h.currency, 'x', t.x, 'y', t.y, 't_from_ms', t.t_from_ms, 't_to_ms', t.t_to_ms)) ORDER BY t.tag_id)
			  FROM influence.post_tag t
			  JOIN influence.product d ON d.product_id = t.product_id
			  LEFT JOIN LATERAL (SELECT x.price, x.currency FROM influence.product_price x
								  WHERE x.product_id = t.product_id AND x.currency = 'EUR' AND x.valid_from <= moment ORDER BY x.valid_from DESC LIMIT 1) h ON true
			 WHERE t.creator_id = p.creator_id AND t.post_id = p.post_id
			   AND (SELECT x.quantity FROM influence.product_stock x WHERE x.product_id = t.product_id AND x.valid_from <= moment ORDER BY x.valid_from DESC LIMIT 1) > 0)
	  FROM unnest(page, page_scores, page_sources) WITH ORDINALITY g(id, score, sources, n)
	  JOIN influence.post p ON p.post_id = g.id
	 ORDER BY g.n;
END
$$;

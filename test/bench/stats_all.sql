-- Everything that the minute job keeps of touches and reactions, as plain aggregations: the hours as in stats_hours.sql; for
-- half-lives of 6 hours, 3 and 30 days the sums of weight x 2^((t - L) / h) of posts, products, creators (by category of what
-- the post shows, and all) and categories (and those above); totals of posts, and the sum behind their quality. Settings are
-- the defaults, as literals; smiles that are taken back are not in the data, and not in here. One statement; psql variable new.
WITH e AS MATERIALIZED (
	SELECT creator_id, product_id, category_id, program_id, date_trunc('hour', touched_at) AS h, kind, visitor_id,
		   CASE kind WHEN 'click' THEN 1 WHEN 'view' THEN 0.1 WHEN 'cart' THEN 3 ELSE 0 END::float8 AS weight,
		   decay(touched_at, 21600) AS d6, decay(touched_at, 259200) AS d3, decay(touched_at, 2592000) AS d30
	  FROM influence.touch WHERE xact >= :'new'::xid8
), w_creator AS (
	INSERT INTO plain_creator
	SELECT e.creator_id, e.program_id, e.h, count(*) FILTER (WHERE e.kind = 'view'), count(*) FILTER (WHERE e.kind = 'click'),
		   count(*) FILTER (WHERE e.kind = 'cart'), count(*) FILTER (WHERE e.kind = 'coupon'), count(DISTINCT e.visitor_id)
	  FROM e GROUP BY 1, 2, 3
), ph AS MATERIALIZED (
	SELECT e.product_id, e.program_id, e.h, count(*) FILTER (WHERE e.kind = 'view') AS views, count(*) FILTER (WHERE e.kind = 'click') AS clicks,
		   count(*) FILTER (WHERE e.kind = 'cart') AS carts, count(*) FILTER (WHERE e.kind = 'coupon') AS coupons, count(DISTINCT e.visitor_id) AS visitors,
		   sum(e.weight * e.d6) AS s6, sum(e.weight * e.d3) AS s3, sum(e.weight * e.d30) AS s30
	  FROM e GROUP BY 1, 2, 3
), w_product AS (
	INSERT INTO plain_product SELECT p.product_id, p.program_id, p.h, p.views, p.clicks, p.carts, p.coupons, p.visitors FROM ph p
), w_products AS (
	INSERT INTO plain_trend (kind, program_id, item_id, scope_id, s6, s3, s30)
	SELECT 'product', p.program_id, p.product_id, 0, sum(p.s6), sum(p.s3), sum(p.s30) FROM ph p WHERE p.product_id IS NOT NULL GROUP BY 2, 3
), ch AS MATERIALIZED (
	SELECT e.category_id, e.program_id, e.h, count(*) FILTER (WHERE e.kind = 'view') AS views, count(*) FILTER (WHERE e.kind = 'click') AS clicks,
		   count(*) FILTER (WHERE e.kind = 'cart') AS carts, count(*) FILTER (WHERE e.kind = 'coupon') AS coupons, count(DISTINCT e.visitor_id) AS visitors,
		   sum(e.weight * e.d6) AS s6, sum(e.weight * e.d3) AS s3, sum(e.weight * e.d30) AS s30
	  FROM e GROUP BY 1, 2, 3
), w_category AS (
	INSERT INTO plain_category SELECT c.category_id, c.program_id, c.h, c.views, c.clicks, c.carts, c.coupons, c.visitors FROM ch c
), w_categories AS (
	INSERT INTO plain_trend (kind, program_id, item_id, scope_id, s6, s3, s30)
	SELECT 'category', c.program_id, a.category_id, 0, sum(c.s6), sum(c.s3), sum(c.s30)
	  FROM (SELECT c.category_id, c.program_id, c.s6, c.s3, c.s30 FROM ch c WHERE c.category_id IS NOT NULL
			UNION ALL
			SELECT x.category_id, e.program_id, e.weight * e.d6, e.weight * e.d3, e.weight * e.d30
			  FROM e JOIN influence.product x ON x.product_id = e.product_id WHERE e.category_id IS NULL) c
	  JOIN influence.category k ON k.category_id = c.category_id CROSS JOIN LATERAL unnest(k.path) a(category_id)
	 GROUP BY 2, 3
), r AS MATERIALIZED (
	SELECT x.post_id, x.kind, x.visitor_id, date_trunc('hour', x.occurred_at) AS h,
		   coalesce(x.occurred_at < s.created_at + interval '1 day', true) AS young,
		   CASE x.kind WHEN 'smile' THEN 1 WHEN 'click' THEN 0.5 WHEN 'share' THEN 4 WHEN 'save' THEN 4 WHEN 'comment' THEN 3 END::float8 AS weight,
		   decay(x.occurred_at, 21600) AS d6, decay(x.occurred_at, 259200) AS d3, decay(x.occurred_at, 2592000) AS d30
	  FROM influence.engagement x
	  LEFT JOIN influence.shopper s ON s.visitor_id = x.visitor_id
	 WHERE x.xact >= :'new'::xid8 AND x.post_id IS NOT NULL
), w_post AS (
	INSERT INTO plain_post
	SELECT post_id, h, count(*) FILTER (WHERE kind = 'smile'), count(*) FILTER (WHERE kind = 'unsmile'),
		   count(*) FILTER (WHERE kind = 'comment'), count(*) FILTER (WHERE kind = 'share'), count(*) FILTER (WHERE kind = 'save'),
		   count(*) FILTER (WHERE kind = 'click'), count(DISTINCT visitor_id)
	  FROM r GROUP BY 1, 2
), w_total AS (
	INSERT INTO plain_total
	SELECT post_id, count(*) FILTER (WHERE kind = 'smile'), count(*) FILTER (WHERE kind = 'unsmile'),
		   count(*) FILTER (WHERE kind = 'comment'), count(*) FILTER (WHERE kind = 'share'), count(*) FILTER (WHERE kind = 'save'),
		   count(*) FILTER (WHERE kind = 'click'), coalesce(sum(weight * d3), 0)
	  FROM r GROUP BY 1
), n AS (
	SELECT r.post_id, r.h, count(*) FILTER (WHERE r.young) AS came FROM r WHERE r.weight <> 0 GROUP BY 1, 2
), crowded AS MATERIALIZED (
	-- guests and young accounts have twenty votes in an hour of a post together: where there are more, all of them weigh less
	SELECT n.post_id, n.h, n.came
	  FROM n LEFT JOIN influence.post_hour b ON b.post_id = n.post_id AND b.bucket_start = n.h
	 GROUP BY 1, 2, 3 HAVING n.came + coalesce(sum(b.smiles + b.comments + b.shares + b.saves + b.clicks), 0) > 20
), o AS MATERIALIZED (
	SELECT c.post_id, c.h, x.occurred_at,
		   CASE x.kind WHEN 'smile' THEN 1 WHEN 'click' THEN 0.5 WHEN 'share' THEN 4 WHEN 'save' THEN 4 WHEN 'comment' THEN 3 END::float8 AS weight
	  FROM crowded c
	  JOIN influence.engagement x ON x.post_id = c.post_id AND x.occurred_at >= c.h AND x.occurred_at < c.h + interval '1 hour'
	  LEFT JOIN influence.shopper s ON s.visitor_id = x.visitor_id
	 WHERE x.xact < :'new'::xid8 AND x.kind IN ('smile', 'comment', 'share', 'save', 'click')
	   AND coalesce(x.occurred_at < s.created_at + interval '1 day', true)
), caps AS MATERIALIZED (
	SELECT c.post_id, c.h, least(1, 20.0::float8 / greatest(count(o.weight), 1)) AS before, least(1, 20.0::float8 / greatest(count(o.weight) + c.came, 1)) AS after
	  FROM crowded c LEFT JOIN o ON o.post_id = c.post_id AND o.h = c.h
	 GROUP BY c.post_id, c.h, c.came
), t AS MATERIALIZED (
	SELECT x.post_id, sum(x.weight * x.d6) AS s6, sum(x.weight * x.d3) AS s3, sum(x.weight * x.d30) AS s30
	  FROM (SELECT r.post_id, CASE WHEN r.young THEN 0.2 * coalesce(c.after, 1) ELSE 1 END * r.weight AS weight, r.d6, r.d3, r.d30
			  FROM r LEFT JOIN caps c ON c.post_id = r.post_id AND c.h = r.h
			 WHERE r.weight <> 0
			UNION ALL
			SELECT o.post_id, 0.2 * (c.after - c.before) * o.weight, decay(o.occurred_at, 21600), decay(o.occurred_at, 259200), decay(o.occurred_at, 2592000)
			  FROM o JOIN caps c ON c.post_id = o.post_id AND c.h = o.h) x
	 GROUP BY 1
), w_posts AS (
	INSERT INTO plain_trend (kind, program_id, item_id, scope_id, s6, s3, s30)
	SELECT 'post', p.program_id, t.post_id, 0, t.s6, t.s3, t.s30 FROM t JOIN influence.post p ON p.post_id = t.post_id
)
INSERT INTO plain_trend (kind, program_id, item_id, scope_id, s6, s3, s30)
SELECT 'creator', p.program_id, p.creator_id, a.scope_id, sum(t.s6), sum(t.s3), sum(t.s30)
  FROM t
  JOIN influence.post p ON p.post_id = t.post_id
  LEFT JOIN influence.feed_item f ON f.post_id = t.post_id
  LEFT JOIN influence.category k ON k.category_id = f.category_id
 CROSS JOIN LATERAL unnest(0::bigint || coalesce(k.path, '{}')) a(scope_id)
 GROUP BY 2, 3, 4;

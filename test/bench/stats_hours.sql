-- What a minute job's hours come to, as plain aggregations: the events that transaction :new and later ones wrote, into
-- tables without index. One statement; psql variable new.
WITH e AS MATERIALIZED (
	SELECT creator_id, product_id, category_id, program_id, date_trunc('hour', touched_at) AS h, kind, visitor_id
	  FROM influence.touch WHERE xact >= :'new'::xid8
), w_creator AS (
	INSERT INTO plain_creator
	SELECT e.creator_id, e.program_id, e.h, count(*) FILTER (WHERE e.kind = 'view'), count(*) FILTER (WHERE e.kind = 'click'),
		   count(*) FILTER (WHERE e.kind = 'cart'), count(*) FILTER (WHERE e.kind = 'coupon'), count(DISTINCT e.visitor_id)
	  FROM e GROUP BY 1, 2, 3
), w_product AS (
	INSERT INTO plain_product
	SELECT e.product_id, e.program_id, e.h, count(*) FILTER (WHERE e.kind = 'view'), count(*) FILTER (WHERE e.kind = 'click'),
		   count(*) FILTER (WHERE e.kind = 'cart'), count(*) FILTER (WHERE e.kind = 'coupon'), count(DISTINCT e.visitor_id)
	  FROM e GROUP BY 1, 2, 3
), w_category AS (
	INSERT INTO plain_category
	SELECT e.category_id, e.program_id, e.h, count(*) FILTER (WHERE e.kind = 'view'), count(*) FILTER (WHERE e.kind = 'click'),
		   count(*) FILTER (WHERE e.kind = 'cart'), count(*) FILTER (WHERE e.kind = 'coupon'), count(DISTINCT e.visitor_id)
	  FROM e GROUP BY 1, 2, 3
)
INSERT INTO plain_post
SELECT post_id, date_trunc('hour', occurred_at), count(*) FILTER (WHERE kind = 'smile'), count(*) FILTER (WHERE kind = 'unsmile'),
	   count(*) FILTER (WHERE kind = 'comment'), count(*) FILTER (WHERE kind = 'share'), count(*) FILTER (WHERE kind = 'save'),
	   count(*) FILTER (WHERE kind = 'click'), count(DISTINCT visitor_id)
  FROM influence.engagement WHERE xact >= :'new'::xid8 GROUP BY 1, 2;

/*
 * load_society.sql
 *
 * The service's calls for everything that happens: storefronts, posts, shoppers
 * with interests and follows, touches, returns told early, orders, returns,
 * reactions, blocks. Variable: round.
 */
SELECT program_id FROM demo.plan \gset
SELECT (SELECT count(*) FROM demo.voice) AS voices, (SELECT count(*) FROM demo.post) AS posts, (SELECT count(*) FROM demo.visitor) AS visitors,
	   (SELECT count(*) FROM demo.follow) AS follows, (SELECT count(*) FROM demo.touch) AS touches, (SELECT count(*) FROM demo.orders) AS orders,
	   (SELECT count(*) FROM demo.return) AS returns, (SELECT count(*) FROM demo.reaction) AS reactions, (SELECT count(*) FROM demo.block) AS blocks \gset

CALL demo.call(:round, 'create_storefront', :voices, 500, $$
	SELECT 1 AS calls, x.*
	  FROM (SELECT * FROM demo.voice WHERE rank BETWEEN $1 AND $2 ORDER BY rank) v,
		   LATERAL influence.create_storefront(v.creator_id, 'store-' || v.creator_id, 'The shelf of ' || v.ref) x $$);

CALL demo.call(:round, 'publish_post', :posts, 500, format($$
	SELECT p.n, 1 AS calls, x.*
	  FROM (SELECT p.*, (SELECT jsonb_agg(jsonb_build_object('product_id', q.product_id, 'x', round(demo.u('x ' || p.n || q.sku)::numeric, 2), 'y', 0.5) ORDER BY q.sku)
						   FROM demo.product q WHERE q.sku = ANY (p.skus)) AS tags
			  FROM demo.post p WHERE p.n BETWEEN $1 AND $2 ORDER BY p.n) p,
		   LATERAL influence.publish_post(%s, p.creator_id, p.post_ref, p.kind, p.tags, p.topic, published_at => p.published_at) x $$, :program_id),
	'UPDATE demo.post p SET post_id = r.post_id FROM r WHERE r.n = p.n AND p.post_id IS DISTINCT FROM r.post_id');

CALL demo.call(:round, 'register_shopper', :visitors, 1000, $$
	SELECT 1 AS calls, x.*
	  FROM (SELECT * FROM demo.visitor WHERE registered AND n BETWEEN $1 AND $2 ORDER BY n) v,
		   LATERAL influence.register_shopper(v.visitor_id, v.key, v.country) x $$);
CALL demo.call(:round, 'set_interests', :visitors, 1000, $$
	SELECT 1 AS calls, x.*
	  FROM (SELECT * FROM demo.visitor WHERE interests IS NOT NULL AND n BETWEEN $1 AND $2 ORDER BY n) v,
		   LATERAL influence.set_interests(v.visitor_id, v.interests, v.weights) x $$);
CALL demo.call(:round, 'follow', :follows, 2000, $$
	SELECT 1 AS calls, x.*
	  FROM (SELECT f.*, v.visitor_id FROM demo.follow f JOIN demo.visitor v ON v.key = f.key WHERE f.n BETWEEN $1 AND $2 ORDER BY f.n) f,
		   LATERAL influence.follow(f.visitor_id, f.creator_id, f.topic, f.since) x $$);

CALL demo.call(:round, 'record_touches', :touches, 2000, format($$
	SELECT a.calls, a.status
	  FROM (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('visitor_id', v.visitor_id, 'touch_ref', 't-' || t.n,
					'kind', CASE t.kind WHEN 'direct' THEN 'click' ELSE t.kind END, 'creator_id', t.creator_id, 'channel', t.channel,
					'touched_at', t.touched_at, 'product_id', q.product_id, 'post_id', p.post_id)) ORDER BY t.n) AS touches
			  FROM demo.touch t JOIN demo.visitor v ON v.key = t.key
			  LEFT JOIN demo.product q ON q.sku = t.sku LEFT JOIN demo.post p ON p.n = t.post
			 WHERE t.n BETWEEN $1 AND $2
			 GROUP BY t.n / 200) b,
		   LATERAL influence.record_touches(%s, b.touches) x,
		   LATERAL (VALUES ('recorded', x.recorded), ('duplicate', x.duplicates)) a(status, calls)
	 WHERE a.calls > 0 $$, :program_id));

CALL demo.call(:round, 'record_return (before its order)', :returns, 1000, format($$
	SELECT 1 AS calls, x.*
	  FROM (SELECT r.*, v.visitor_id FROM demo.return r JOIN demo.orders o ON o.order_ref = r.order_ref JOIN demo.visitor v ON v.key = o.buyer
			 WHERE r.early AND r.n BETWEEN $1 AND $2 ORDER BY r.n) r,
		   LATERAL influence.record_return(%s, r.visitor_id, r.order_ref, r.line_no, r.return_ref, r.quantity, r.amount, r.returned_at) x $$, :program_id));
CALL demo.call(:round, 'record_order', :orders, 500, format($$
	SELECT 1 AS calls, x.*
	  FROM (SELECT o.*, v.visitor_id, l.lines
			  FROM demo.orders o JOIN demo.visitor v ON v.key = o.buyer
			 CROSS JOIN LATERAL (SELECT jsonb_agg(jsonb_build_object('line_no', l.line_no, 'sku', l.sku, 'quantity', l.quantity, 'paid_price', l.price) ORDER BY l.line_no) AS lines
								   FROM demo.line l WHERE l.order_ref = o.order_ref) l
			 WHERE o.n BETWEEN $1 AND $2 ORDER BY o.n) o,
		   LATERAL influence.record_order(%s, o.visitor_id, o.order_ref, o.lines, o.ordered_at,
				details => jsonb_strip_nulls(jsonb_build_object('country', o.country))) x $$, :program_id));
CALL demo.call(:round, 'record_return', :returns, 1000, format($$
	SELECT 1 AS calls, x.*
	  FROM (SELECT r.*, v.visitor_id FROM demo.return r JOIN demo.orders o ON o.order_ref = r.order_ref JOIN demo.visitor v ON v.key = o.buyer
			 WHERE NOT r.early AND r.n BETWEEN $1 AND $2 ORDER BY r.n) r,
		   LATERAL influence.record_return(%s, r.visitor_id, r.order_ref, r.line_no, r.return_ref, r.quantity, r.amount, r.returned_at) x $$, :program_id));

CALL demo.call(:round, 'react', :reactions, 1000, $$
	SELECT 1 AS calls, x.*
	  FROM (SELECT r.*, v.visitor_id, p.post_id FROM demo.reaction r JOIN demo.visitor v ON v.key = r.key JOIN demo.post p ON p.n = r.post
			 WHERE r.n BETWEEN $1 AND $2 ORDER BY r.n) r,
		   LATERAL influence.react(r.visitor_id, r.post_id, r.kind, 'e-' || r.n, r.occurred_at) x $$);
CALL demo.call(:round, 'block', :blocks, 1000, $$
	SELECT 1 AS calls, x.*
	  FROM (SELECT b.*, v.visitor_id FROM demo.block b JOIN demo.visitor v ON v.key = b.key WHERE b.n BETWEEN $1 AND $2 ORDER BY b.n) b,
		   LATERAL influence.block(b.visitor_id, b.creator_id, b.direction) x $$);

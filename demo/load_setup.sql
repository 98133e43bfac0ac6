/*
 * load_setup.sql
 *
 * The operator's calls: the program, its categories with the commission card,
 * topics, admission rules, products with price and stock. Variable: round.
 */
WITH r AS MATERIALIZED (
	SELECT x.* FROM demo.plan p, LATERAL influence.create_program(p.name, p.currency, p.time_zone, p.attribution, p.payout) x
), kept AS (
	UPDATE demo.plan p SET program_id = r.program_id FROM r
)
INSERT INTO demo.answer (round, call, status, calls, ms) SELECT :round, 'create_program', r.status, 1, 0 FROM r;

SELECT program_id FROM demo.plan \gset

WITH r AS MATERIALIZED (
	SELECT c.n, 1 AS calls, x.* FROM (SELECT * FROM demo.category WHERE parent IS NULL ORDER BY n) c, LATERAL influence.create_category(c.name) x
), kept AS (
	UPDATE demo.category c SET category_id = r.category_id FROM r WHERE r.n = c.n
)
INSERT INTO demo.answer (round, call, status, calls, ms) SELECT :round, 'create_category', r.status, count(*), 0 FROM r GROUP BY r.status;

WITH r AS MATERIALIZED (
	SELECT c.n, 1 AS calls, x.*
	  FROM (SELECT c.n, c.name, p.category_id AS parent_id FROM demo.category c JOIN demo.category p ON p.name = c.parent ORDER BY c.n) c,
		   LATERAL influence.create_category(c.name, c.parent_id) x
), kept AS (
	UPDATE demo.category c SET category_id = r.category_id FROM r WHERE r.n = c.n
)
INSERT INTO demo.answer (round, call, status, calls, ms) SELECT :round, 'create_category', r.status, count(*), 0 FROM r GROUP BY r.status;

INSERT INTO demo.answer (round, call, status, calls, ms)
SELECT :round, 'set_commission_rate', x.status, count(*), 0
  FROM (SELECT * FROM demo.category WHERE rate IS NOT NULL ORDER BY n) c CROSS JOIN demo.plan p,
	   LATERAL influence.set_commission_rate(p.program_id, c.rate, category_id => c.category_id, valid_from => p.set_up_at) x
 GROUP BY x.status;

INSERT INTO demo.answer (round, call, status, calls, ms)
SELECT :round, 'create_topic', x.status, count(*), 0
  FROM (SELECT * FROM demo.category WHERE is_topic ORDER BY n) c, LATERAL influence.create_topic(c.name) x
 GROUP BY x.status;

INSERT INTO demo.answer (round, call, status, calls, ms)
SELECT :round, 'set_admission_rule', x.status, count(*), 0
  FROM (SELECT * FROM demo.rule ORDER BY n) r CROSS JOIN demo.plan p,
	   LATERAL influence.set_admission_rule(p.program_id, r.metric, '>=', r.threshold, platform => r.platform, vertical => r.vertical,
											valid_from => p.set_up_at) x
 GROUP BY x.status;

WITH r AS MATERIALIZED (
	SELECT b.ns, x.*
	  FROM (SELECT array_agg(p.n ORDER BY p.n) AS ns,
				   jsonb_agg(jsonb_build_object('sku', p.sku, 'title', p.title, 'category_id', c.category_id, 'price', p.price,
							 'currency', l.currency, 'stock', p.stock, 'brand', p.brand, 'valid_from', l.set_up_at) ORDER BY p.n) AS products
			  FROM demo.product p JOIN demo.category c ON c.name = p.category CROSS JOIN demo.plan l) b,
		   LATERAL influence.add_products(b.products) x
), kept AS (
	UPDATE demo.product p SET product_id = u.product_id
	  FROM r, unnest(r.ns, r.product_ids) u(n, product_id) WHERE u.n = p.n
)
INSERT INTO demo.answer (round, call, status, calls, ms)
SELECT :round, 'add_products', v.status, v.calls, 0 FROM r, LATERAL (VALUES ('recorded', r.recorded), ('duplicate', r.duplicates)) v(status, calls) WHERE v.calls > 0;

-- sold out since the day before the feeds are looked at
INSERT INTO demo.answer (round, call, status, calls, ms)
SELECT :round, 'set_stock', x.status, count(*), 0
  FROM (SELECT * FROM demo.product WHERE sold_out ORDER BY n) p CROSS JOIN demo.plan l,
	   LATERAL influence.set_stock(p.product_id, 0, l.feed_at - interval '1 day') x
 GROUP BY x.status;

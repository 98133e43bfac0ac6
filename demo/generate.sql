/*
 * generate.sql
 *
 * The generated source: a shop with eight verticals, 400 creators from nano to
 * mega, 208 products, 1,000 shoppers and 3,000 orders from June to August 2026.
 * All names are invented, all rates and rules are this demo's own.
 */
INSERT INTO demo.plan (name, currency, time_zone, attribution, payout, set_up_at, applied_at, posts_from, posts_to, feed_at, voices,
					   posts, touches)
VALUES ('Summer creators', 'EUR', 'Europe/Berlin',
		'{"model": "position_based", "lookback": "30 days", "view_lookback": "1 day"}',
		'{"hold": "14 days", "minimums": {"EUR": 1000}}',
		'2026-05-01 00:00+02', '2026-05-18 00:00+02', '2026-05-26 06:00+02', '2026-08-31 20:00+02', '2026-09-01 09:00+02', 400, 1500, 30000);

-- Commission card: a rate per vertical, some subcategories with their own ------

CREATE TEMP TABLE shelf (vertical text, leaf text, rate numeric, leaf_rate numeric, low int, high int, nouns text[], PRIMARY KEY (leaf));
INSERT INTO shelf VALUES
	('Beauty', 'Skincare', 0.11, 0.125, 900, 6900, '{cream,serum,cleanser,mask}'),
	('Beauty', 'Make-up', 0.11, NULL, 700, 4900, '{lipstick,palette,mascara,primer}'),
	('Fashion', 'Dresses', 0.09, NULL, 2900, 14900, '{dress,skirt,jumpsuit,kaftan}'),
	('Fashion', 'Shoes', 0.09, 0.085, 3900, 17900, '{sneaker,sandal,boot,loafer}'),
	('Fitness', 'Yoga', 0.08, NULL, 1500, 8900, '{mat,block,strap,bolster}'),
	('Fitness', 'Running', 0.08, 0.07, 1900, 15900, '{shirt,belt,light,cap}'),
	('Food', 'Coffee', 0.06, NULL, 600, 3900, '{beans,filter,grinder,mug}'),
	('Food', 'Baking', 0.06, 0.055, 500, 4900, '{flour,tin,whisk,board}'),
	('Gaming', 'Board games', 0.065, NULL, 1500, 6900, '{quest,city,island,duel}'),
	('Gaming', 'Consoles', 0.065, 0.02, 4900, 49900, '{controller,dock,headset,case}'),
	('Home', 'Garden', 0.075, NULL, 900, 12900, '{planter,trowel,lantern,hammock}'),
	('Home', 'Bedding', 0.075, NULL, 1900, 15900, '{pillow,duvet,sheet,throw}'),
	('Tech', 'Audio', 0.04, NULL, 2900, 34900, '{earbuds,speaker,amplifier,turntable}'),
	('Tech', 'Photo', 0.04, 0.03, 1900, 89900, '{tripod,lens,strap,flash}'),
	('Travel', 'Luggage', 0.07, NULL, 2900, 24900, '{suitcase,backpack,pouch,tag}'),
	('Travel', 'Camping', 0.07, NULL, 1500, 29900, '{tent,stove,lamp,cup}');
INSERT INTO demo.category (name, rate, is_topic) SELECT vertical, min(rate), false FROM shelf GROUP BY vertical ORDER BY vertical;
INSERT INTO demo.category (name, parent, rate, is_topic) SELECT leaf, vertical, leaf_rate, true FROM shelf ORDER BY leaf;

INSERT INTO demo.product (sku, title, category, brand, price, stock, sold_out, popularity)
SELECT format('%s-%s', upper(left(replace(s.leaf, '-', ''), 4)), to_char(i, 'FM000')),
	   initcap((ARRAY['sunny', 'quiet', 'amber', 'nordic', 'wild', 'soft', 'bold', 'little', 'grand', 'coastal', 'maple', 'silver', 'velvet'])[i]
			   || ' ' || s.nouns[1 + i % 4]),
	   s.leaf, (ARRAY['Alba', 'Borealis', 'Cosmo', 'Dune', 'Ember'])[1 + (demo.u('brand ' || s.leaf || i) * 5)::int % 5],
	   round(exp(ln(s.low) + demo.u('price ' || s.leaf || i) * (ln(s.high) - ln(s.low))))::bigint / 10 * 10 + 9,
	   20 + (demo.u('stock ' || s.leaf || i) * 400)::int, demo.u('sold out ' || s.leaf || i) < 0.08,
	   row_number() OVER (PARTITION BY s.leaf ORDER BY demo.u('popularity ' || s.leaf || i))
  FROM shelf s, generate_series(1, 13) i
 ORDER BY s.leaf, i;

-- Rules: reach for everyone, engagement by platform, since each counts it otherwise
INSERT INTO demo.rule (metric, threshold, platform, vertical) VALUES
	('followers', 1000, '', ''),
	('engagement_rate', 0.02, 'instagram', ''),
	('engagement_rate', 0.045, 'tiktok', ''),
	('engagement_rate', 0.03, 'youtube', ''),
	('views_per_post', 2500, '', 'Gaming');

-- Creators of all sizes, with one to three channels and a snapshot per month ------

CREATE TEMP TABLE person AS
SELECT i, format('creator-%s', to_char(i, 'FM000')) AS ref,
	   format('%s %s', (ARRAY['Ana', 'Ben', 'Cleo', 'Dario', 'Elif', 'Finn', 'Greta', 'Hugo', 'Ines', 'Jonas', 'Kaya', 'Lena', 'Milo', 'Nora',
				'Oskar', 'Paula', 'Quinn', 'Rosa', 'Samir', 'Tilda'])[1 + (i * 7) % 20],
			  (ARRAY['Abel', 'Brandt', 'Costa', 'Duval', 'Engel', 'Falk', 'Garcia', 'Holm', 'Ivanova', 'Jansen', 'Keller', 'Lindt', 'Moreau', 'Novak',
				'Okafor', 'Petit', 'Rossi', 'Sato', 'Tanaka', 'Weber', 'Yilmaz'])[1 + (i * 11 + i / 20) % 21]) AS name,
	   (ARRAY['DE', 'DE', 'DE', 'FR', 'AT', 'ES', 'IT', 'NL', 'PL', 'SE'])[1 + floor(demo.u('country ' || i) * 10)::int] AS country,
	   (SELECT vertical FROM (SELECT DISTINCT vertical FROM shelf) v ORDER BY demo.u(v.vertical || ' vertical ' || i) LIMIT 1) AS vertical,
	   t.followers, exp(0.45 * (demo.u('charm ' || i) + demo.u('charm too ' || i) + demo.u('charm again ' || i) - 1.5) * 2) AS charm
  FROM generate_series(1, 400) i
 CROSS JOIN LATERAL (SELECT demo.u('tier ' || i) AS tier, demo.u('size ' || i) AS u) d
 CROSS JOIN LATERAL (SELECT round(exp(ln(b.low) + d.u * (ln(b.high) - ln(b.low)))) AS followers
					   FROM (VALUES (0.00, 0.04, 300, 1000), (0.04, 0.38, 1000, 10000), (0.38, 0.68, 10000, 50000), (0.68, 0.88, 50000, 500000),
									(0.88, 0.95, 500000, 1000000), (0.95, 1.01, 1000000, 8000000)) b(tier_from, tier_to, low, high)
					  WHERE d.tier >= b.tier_from AND d.tier < b.tier_to) t;

INSERT INTO demo.creator (ref, name, country, vertical, own_key)
SELECT ref, name, country, vertical, CASE WHEN demo.u('shops too ' || i) < 0.06 THEN 'shopper-' || to_char(i, 'FM0000') END FROM person ORDER BY i;

INSERT INTO demo.channel (creator_ref, platform, handle, verified)
SELECT p.ref, c.platform, lower(translate(p.name, ' ', '.')) || '.' || p.i, p.followers > 500000
  FROM person p, (VALUES (1, 'instagram', 0.85), (2, 'tiktok', 0.45), (3, 'youtube', 0.3)) c(k, platform, share)
 WHERE demo.u(c.platform || p.i) < c.share OR (c.k = 1 + p.i % 3)
 ORDER BY p.i, c.k;

-- interactions per post fall with size: a nano creator moves about 6 in 100 followers, a mega creator fewer than 2
INSERT INTO demo.metric (platform, handle, measured_at, followers, posts, views, likes, comments, shares, source)
SELECT h.platform, h.handle, m.at, f.followers, 12, 12 * v.views, 12 * round(0.86 * e.acts), 12 * round(0.09 * e.acts), 12 * round(0.05 * e.acts), 'demo'
  FROM demo.channel h
  JOIN person p ON p.ref = h.creator_ref
 CROSS JOIN (VALUES (0, timestamptz '2026-03-31 00:00+02'), (1, '2026-04-30 00:00+02'), (2, '2026-05-15 00:00+02')) m(k, at)
 CROSS JOIN LATERAL (SELECT greatest(50, round(p.followers * (1 + 0.02 * m.k)
			* CASE h.platform WHEN 'instagram' THEN 1 WHEN 'tiktok' THEN 0.9 ELSE 0.5 END)) AS followers) f
 CROSS JOIN LATERAL (SELECT round(f.followers * (0.1 + 0.5 * demo.u('views ' || h.handle || m.k))) AS views) v
 CROSS JOIN LATERAL (SELECT CASE h.platform WHEN 'instagram' THEN f.followers * 0.06 * p.charm * power(f.followers / 1000, -0.16)
								ELSE v.views * 0.075 * p.charm * power(f.followers / 1000, -0.08) END AS acts) e
 WHERE demo.u('unmeasured ' || h.handle) > 0.04			-- some channels never gave their numbers
 ORDER BY h.n, m.k;

-- Shoppers and their orders -------------------------------------------------

INSERT INTO demo.visitor (key, registered, country, favourites)
SELECT 'shopper-' || to_char(i, 'FM0000'), true,
	   (ARRAY['DE', 'DE', 'DE', 'DE', 'FR', 'AT', 'NL', 'ES', 'IT', 'PL'])[1 + floor(demo.u('lives in ' || i) * 10)::int],
	   (SELECT array_agg(f.leaf ORDER BY f.u) FROM (SELECT s.leaf, demo.u(s.leaf || ' likes ' || i) AS u FROM shelf s ORDER BY 2 LIMIT 3) f)
  FROM generate_series(1, 1000) i;

-- more orders from week to week, most of them in the evening
INSERT INTO demo.orders (order_ref, buyer, ordered_at, country)
SELECT 'O-' || to_char(x.no, 'FM00000'), v.key, x.at, v.country
  FROM (SELECT row_number() OVER (ORDER BY o.at, o.i) AS no, o.at, o.buyer
		  FROM (SELECT i, timestamptz '2026-06-01 00:00+02' + make_interval(days => floor(92 * power(demo.u('day ' || i), 0.8))::int,
								hours => floor(24 * power(demo.u('hour ' || i), 0.6))::int, mins => floor(60 * demo.u('minute ' || i))::int) AS at,
					   'shopper-' || to_char(1 + floor(1000 * power(demo.u('buyer ' || i), 1.7))::int, 'FM0000') AS buyer
				  FROM generate_series(1, 3000) i) o) x
  JOIN demo.visitor v ON v.key = x.buyer
 ORDER BY x.no;

INSERT INTO demo.line (order_ref, line_no, sku, quantity, price)
SELECT o.order_ref, k, p.sku, CASE WHEN demo.u('pieces ' || o.n || ' ' || k) < 0.8 THEN 1 ELSE 2 + floor(2 * demo.u('more ' || o.n || ' ' || k))::int END, p.price
  FROM demo.orders o
  JOIN demo.visitor v ON v.key = o.buyer
 CROSS JOIN LATERAL generate_series(1, (ARRAY[1, 1, 1, 1, 2, 2, 2, 3, 3, 4])[1 + floor(10 * demo.u('lines ' || o.n))::int]) k
 CROSS JOIN LATERAL (SELECT CASE WHEN demo.u('favourite ' || o.n || ' ' || k) < 0.75 THEN v.favourites[demo.zipf(demo.u('which ' || o.n), 3)]
								 ELSE (SELECT s.leaf FROM shelf s ORDER BY s.leaf OFFSET floor(16 * demo.u('leaf ' || o.n || ' ' || k))::int LIMIT 1) END AS leaf) c
  JOIN demo.product p ON p.category = c.leaf AND p.popularity = demo.zipf(demo.u('product ' || o.n || ' ' || k), 13)
 ORDER BY o.n, k;

-- one line in twelve comes back: all of it, some of the pieces, or a part of the money; some returns are told before their order
INSERT INTO demo.return (order_ref, line_no, return_ref, quantity, amount, returned_at, early)
SELECT l.order_ref, l.line_no, 'R-' || l.order_ref || '-' || l.line_no,
	   CASE WHEN r.share < 0.6 THEN l.quantity WHEN l.quantity > 1 THEN 1 END,
	   CASE WHEN r.share >= 0.6 AND l.quantity = 1 THEN l.price / 4 END,
	   o.ordered_at + make_interval(hours => 30 + floor(300 * r.late)::int), r.early < 0.1
  FROM demo.line l
  JOIN demo.orders o ON o.order_ref = l.order_ref
 CROSS JOIN LATERAL (SELECT demo.u('return ' || l.order_ref || l.line_no) AS u, demo.u('share ' || l.order_ref || l.line_no) AS share,
							demo.u('late ' || l.order_ref || l.line_no) AS late, demo.u('early ' || l.order_ref || l.line_no) AS early) r
 WHERE r.u < 1 / 12.0
 ORDER BY o.n, l.line_no;

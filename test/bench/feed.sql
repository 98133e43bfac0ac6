-- A program with a feed to rank: the data of `make bench PART=feed`, of the engine's own measurements and, at a tiny size, of tests.
--
--     psql -v posts=1000000 -f test/bench/feed.sql        (an empty database with the extension; 1,000 for a test)
--
-- From the number of posts follow a tenth as many creators, a fifth as many products and as many viewers (-v creators=, products=, viewers=
-- say otherwise). All chance is a hash of row numbers: every machine has the same rows. The moment is fixed, 2026-03-31 12:00 UTC (-v moment=):
-- ask for get_feed(1, viewer(n), as_of => '2026-03-31 12:00+00'). Everything lies in the 180 days before it.
--
-- Posts are numbered in the order of time; their topic goes round (100 topics). Creators and products belong to a topic, too, and within it follow
-- Zipf's law. An event of a viewer is, seven of ten times, about one of its two to four topics; it meets a recent post, rounded down to a multiple
-- of 2^level within the topic, all levels alike: so a post's popularity follows a power law at any size. How much a viewer does is Pareto's law,
-- from nobody (half of them) to 300 engagements; the hundredth that does most is the warm ones: it does as much at any size.
\set ON_ERROR_STOP 1
\if :{?posts}
\else
	\set posts 1000000
\endif
\if :{?creators}
\else
	SELECT greatest(:posts / 10, 200) AS creators \gset
\endif
\if :{?products}
\else
	SELECT greatest(:posts / 5, 200) AS products \gset
\endif
\if :{?viewers}
\else
	SELECT :posts AS viewers \gset
\endif
\if :{?moment}
\else
	\set moment '2026-03-31 12:00:00+00'
\endif
SET client_min_messages = warning;
SET timezone = 'UTC';
SET jit = off;
SET synchronous_commit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '512MB';
SELECT count(*) FROM influence.install() \g /dev/null
SELECT influence.create_program('Shop', 'EUR', 'UTC') \g /dev/null
-- facts are put in as COPY would put them: the keys fit by construction
SET session_replication_role = replica;

-- months of events
DO $$
DECLARE
	parent text;
BEGIN
	FOREACH parent IN ARRAY '{touch,engagement,impression}'::text[] LOOP
		PERFORM influence_internal.ensure_partition(parent, m) FROM generate_series(timestamptz '2025-12-01', '2026-04-01', interval '1 month') m;
	END LOOP;
END
$$;

-- indexes afterwards: sorted, and much faster. What is not ready is not written, and REINDEX makes it so again.
CREATE SCHEMA bench;
CREATE TABLE bench.built AS
SELECT i.indexrelid, i.indrelid::regclass::text AS name
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
 WHERE c.relkind = 'r' AND c.relnamespace = 'influence'::regnamespace
   AND (c.relname ~ '^(touch|engagement|impression)_'
		OR c.relname IN ('post', 'post_tag', 'post_status', 'product', 'product_price', 'product_stock', 'product_category', 'shopper', 'interest', 'follow', 'orders', 'order_line',
						 'credit', 'feed_item', 'trend_state'));
UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid IN (SELECT indexrelid FROM bench.built);

-- What the numbers mean. They are inlined, since each names an argument that may be an expression but once; constants of the size are folded in.
-- [0, 1) for each number and use
CREATE FUNCTION bench.chance(i bigint, use int) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (hashint8extended(i, use) & 1073741823) / float8 '1073741824' $$;
-- the rank of one of n things, by Zipf's law
CREATE FUNCTION bench.zipf(u float8, n int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT least(n, floor(exp(u * ln(n + float8 '1')))::int) $$;
CREATE FUNCTION bench.viewer(v bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (lpad(to_hex($1), 8, '0') || '-0000-4000-8000-000000000000')::uuid $$;
-- how much a viewer does: few with much
CREATE FUNCTION bench.activity(v bigint) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 1 / (bench.chance($1, 100) + 1e-9) $$;
-- the k-th topic (1 .. 100) that a viewer cares about: 2 to 4 of them, popular ones more often
CREATE FUNCTION bench.taste(v bigint, k int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ SELECT bench.zipf(bench.chance($1 * 4 + $2 % (2 + ($1 % 3)::int), 101), 100) $$;
-- what a post is: videos are 5 to 120 seconds long
CREATE FUNCTION bench.kind_of(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	$$ SELECT (ARRAY['photo', 'video', 'photo', 'story', 'video'])[1 + (bench.chance($1, 109) * 1000000)::int % 5] $$;
CREATE FUNCTION bench.duration_of(i bigint) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE bench.kind_of($1) WHEN 'video' THEN (5000 + 115000 * bench.chance($1, 140))::int END $$;
CREATE FUNCTION bench.format_of(i bigint) RETURNS "char" LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT influence_internal.post_format(bench.kind_of($1), bench.duration_of($1)) $$;
SELECT format($f$
	CREATE FUNCTION bench.moment() RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT timestamptz %1$L $$;
	-- post i of n: published in 180 days, the last one in the last minutes
	CREATE FUNCTION bench.published(i bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$ SELECT timestamptz %1$L - make_interval(secs => (%2$s + 0.5 - $1) * 15552000.0 / %2$s) $$;
	CREATE FUNCTION bench.creator_of(i bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$ SELECT ($1 - 1) %% 100 + 100 * bench.zipf(bench.chance($1, 102), %3$s / 100)::bigint - 99 $$;
	CREATE FUNCTION bench.product_of(i bigint, k int) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$ SELECT ($1 - 1) %% 100 + 100 * bench.zipf(bench.chance($1 * 4 + $2, 103), %4$s / 100)::bigint - 99 $$;
	-- four of ten posts have a sound; some sounds are everywhere
	CREATE FUNCTION bench.sound_of(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$ SELECT CASE WHEN bench.chance($1, 141) < 0.4 THEN 'sound ' || bench.zipf(bench.chance($1, 142), greatest(10, %2$s / 50)) END $$;
	-- the post of topic t (1 .. 100) that somebody meets at a moment: recent, and at one of the levels of popularity
	CREATE FUNCTION bench.met(t int, at timestamptz, u float8, level int) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$ SELECT $1 + 100 * ((greatest(0, %2$s - extract(epoch FROM timestamptz %1$L - $2)::float8 * (%2$s / 15552000.0) - power($3, 4) * (%2$s / 6.0) - 100)::bigint
							  / 100) & -(1::bigint << ($4 %% %5$s))) $$;
$f$, :'moment', :posts, :creators, :products, greatest(1, floor(ln(:posts / 2000.0 + 1) / ln(2)))::int) \gexec
CREATE FUNCTION bench.price(p bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 99 + round(exp(6 + 3.5 * bench.chance($1, 104)))::bigint $$;
-- a leaf of the tree of categories: ten roots, each with ten below, each with five below
CREATE FUNCTION bench.category_of(p bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 111 + ($1 - 1) % 100 * 5 + (hashint8($1) & 1023) % 5 $$;

-- the catalogue
INSERT INTO influence.category (category_id, parent_id, name, path)
SELECT i, p, 'category ' || i, CASE WHEN p IS NULL THEN ARRAY[i] WHEN p <= 10 THEN ARRAY[p, i] ELSE ARRAY[1 + (p - 11) / 10, p, i] END
  FROM generate_series(1::bigint, 610) i CROSS JOIN LATERAL (SELECT CASE WHEN i <= 10 THEN NULL WHEN i <= 110 THEN 1 + (i - 11) / 10 ELSE 11 + (i - 111) / 5 END) t(p);
INSERT INTO influence.topic (topic_id, name) SELECT i, 'topic ' || i FROM generate_series(1, 100) i;
INSERT INTO influence.product (product_id, sku, title, brand, seller, category_id, image, content_hash)
SELECT p, 'sku' || p, 'Product ' || p, 'Brand ' || p % 997, 'Seller ' || p % 211, bench.category_of(p), 'https://cdn.example/p/' || p || '.jpg', ''
  FROM generate_series(1::bigint, :products) p;
INSERT INTO influence.product_category (product_id, valid_from, category_id, path)
SELECT p.product_id, '2025-01-01', p.category_id, c.path FROM influence.product p JOIN influence.category c USING (category_id) ORDER BY 1;
-- three of ten changed their price once
INSERT INTO influence.product_price (product_id, currency, valid_from, price)
SELECT p, 'EUR', at, bench.price(p) * (10 + k) / 10
  FROM generate_series(1::bigint, :products) p CROSS JOIN LATERAL (
	SELECT timestamptz '2025-01-01', 0 UNION ALL SELECT bench.moment() - interval '100 days' * bench.chance(p, 105), 1 WHERE p % 10 < 3) t(at, k);
-- one of twelve is sold out
INSERT INTO influence.product_stock (product_id, valid_from, quantity)
SELECT p, at, quantity
  FROM generate_series(1::bigint, :products) p CROSS JOIN LATERAL (
	SELECT timestamptz '2025-01-01', 100 UNION ALL SELECT bench.moment() - interval '5 days' * bench.chance(p, 106), 0 WHERE bench.chance(p, 107) < 1 / 12.0) t(at, quantity);

-- creators, of whom one in a hundred is suspended, and their posts
INSERT INTO influence.party (party_id, kind) SELECT c, 'creator' FROM generate_series(1::bigint, :creators) c;
INSERT INTO influence.creator (creator_id, creator_ref, kind, name, country, content_hash)
SELECT c, 'c' || c, 'person', 'Creator ' || c, (ARRAY['DE', 'FR', 'US', 'GB'])[1 + c % 4], '' FROM generate_series(1::bigint, :creators) c;
INSERT INTO influence.creator_status (creator_id, since, status, actor)
SELECT c, at, status, 'bench'
  FROM generate_series(1::bigint, :creators) c CROSS JOIN LATERAL (
	SELECT timestamptz '2025-01-01', 'active' UNION ALL SELECT bench.moment() - interval '9 days', 'suspended' WHERE bench.chance(c, 108) < 0.01) t(at, status);
INSERT INTO influence.application (creator_id, program_id, submitted_at, decided_at, decision, actor, metrics)
SELECT c, 1, '2025-01-01', '2025-01-01', 'admitted', 'bench', '{}' FROM generate_series(1::bigint, :creators) c;
-- one in seventy shows what another one shows; one of ten is for some countries only; stories expire
INSERT INTO influence.post (creator_id, post_id, post_ref, program_id, kind, media, duration_ms, sound, body, language, countries, topic_id, disclosure, published_at, expires_at, content_hash)
SELECT bench.creator_of(i), i, 'p' || i, 1, bench.kind_of(i),
	   'https://cdn.example/m/' || i - CASE WHEN h % 70 = 0 THEN least(i - 1, 1 + h % 1000) ELSE 0 END || '.jpg',
	   bench.duration_of(i), bench.sound_of(i), 'Post ' || i,
	   (ARRAY['en', 'en', 'en', 'en', 'en', 'en', 'en', 'de', 'de', NULL])[1 + h / 5 % 10], CASE WHEN h / 50 % 10 = 0 THEN ARRAY['DE', 'FR'] END,
	   (i - 1) % 100 + 1, (ARRAY['affiliate', 'affiliate', 'gifted', 'paid'])[1 + h / 500 % 4], bench.published(i), CASE WHEN h % 5 = 3 THEN bench.published(i) + interval '30 days' END, ''
  FROM generate_series(1::bigint, :posts) i CROSS JOIN LATERAL (SELECT (bench.chance(i, 109) * 1000000)::int) t(h);
INSERT INTO influence.post_tag (creator_id, post_id, tag_id, product_id, x, y)
SELECT bench.creator_of(i), i, k, bench.product_of(i, k), bench.chance(i, 110), bench.chance(i, 111)
  FROM generate_series(1::bigint, :posts) i CROSS JOIN generate_series(1, 2) k WHERE k = 1 OR bench.chance(i, 112) < 0.5;
INSERT INTO influence.post_status (creator_id, post_id, since, status, actor)
SELECT bench.creator_of(i), i, bench.published(i) + make_interval(secs => k), status, 'bench'
  FROM generate_series(1::bigint, :posts) i CROSS JOIN LATERAL (
	SELECT 0, 'published' UNION ALL SELECT 30, CASE WHEN bench.chance(i, 113) < 0.003 THEN 'pending' ELSE 'removed' END WHERE bench.chance(i, 113) < 0.01) t(k, status);

-- shoppers: what they said of themselves, follow, and do not want
INSERT INTO influence.shopper (visitor_id, country, language, personalised, discoverable, content_hash, created_at)
SELECT bench.viewer(v), (ARRAY['DE', 'FR', 'US', 'GB', NULL])[1 + v % 5], (ARRAY['en', 'en', 'en', 'de', NULL])[1 + v / 5 % 5], v % 50 > 0, false, '', '2025-06-01'
  FROM generate_series(1::bigint, :viewers) v;
INSERT INTO influence.interest (visitor_id, topic_id, weight, since)
SELECT bench.viewer(v), t, 1, '2025-06-01'
  FROM generate_series(1::bigint, :viewers) v CROSS JOIN LATERAL (SELECT DISTINCT bench.taste(v, k) FROM generate_series(0, 3) k) i(t) WHERE v % 3 > 0;
INSERT INTO influence.follow (visitor_id, target_kind, target_id, since)
SELECT bench.viewer(v), f.kind, f.target, bench.moment() - interval '170 days' * bench.chance(v * 200 + f.k, 114)
  FROM generate_series(1::bigint, :viewers) v CROSS JOIN LATERAL (
	SELECT 'creator', bench.taste(v, k) + 100 * bench.zipf((k - 1 + bench.chance(v * 200 + k, 115)) / n, :creators / 100)::bigint - 100, max(k)
	  FROM (SELECT least(200, floor(bench.activity(v)))::int) a(n), generate_series(1, n) k GROUP BY 2
	 UNION ALL SELECT 'topic', bench.taste(v, 0), 0 WHERE v % 4 = 0) f(kind, target, k)
 WHERE v % 5 < 3;
INSERT INTO influence.block (visitor_id, creator_id, direction, since)
SELECT bench.viewer(v), bench.taste(v, 0) + 100 * bench.zipf(bench.chance(v, 116), :creators / 100)::bigint - 100, CASE WHEN v % 3 = 0 THEN 'by_creator' ELSE 'by_shopper' END,
	   bench.moment() - interval '10 days' FROM generate_series(1::bigint, :viewers) v WHERE bench.chance(v, 117) < 0.03;
INSERT INTO influence.mute (visitor_id, target_kind, target_id, since, until)
SELECT bench.viewer(v), 'creator', bench.taste(v, 1) + 100 * bench.zipf(bench.chance(v, 118), :creators / 100)::bigint - 100, bench.moment() - interval '10 days',
	   CASE WHEN v % 2 = 0 THEN bench.moment() + interval '20 days' END FROM generate_series(1::bigint, :viewers) v WHERE bench.chance(v, 119) < 0.03;

-- what they do, in their order
INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id, product_id, creator_id, topic_id, format, sound_key, device, device_key)
SELECT bench.viewer(v), at, 'e' || k, kind, post, CASE WHEN kind = 'click' THEN bench.product_of(post, 1) END, bench.creator_of(post), (post - 1) % 100 + 1,
	   bench.format_of(post), influence_internal.sound_key(bench.sound_of(post)),
	   device, influence_internal.device_key(device)
  FROM generate_series(1::bigint, :viewers) v CROSS JOIN LATERAL (SELECT least(300, floor(0.5 * bench.activity(v)))::int) a(n) CROSS JOIN LATERAL generate_series(1, n) k
 CROSS JOIN LATERAL (SELECT v * 512 + k) e(id)
 -- each has its device, or does not say it, and sometimes another one
 CROSS JOIN LATERAL (SELECT CASE WHEN bench.chance(id, 143) < 0.1 THEN 'web' ELSE (ARRAY['ios', 'android', 'web', NULL])[1 + v % 4] END) g(device)
 -- the newer, the more: and in the order of time
 CROSS JOIN LATERAL (SELECT bench.moment() - interval '90 days' * (1 - (k - bench.chance(id, 120)) / n) ^ 2 - interval '1 minute',
							(ARRAY['smile', 'smile', 'smile', 'smile', 'smile', 'smile', 'click', 'click', 'save', 'share', 'comment'])[1 + floor(bench.chance(id, 121) * 11)::int]) w(at, kind)
 CROSS JOIN LATERAL (SELECT bench.met(CASE WHEN bench.chance(id, 122) < 0.7 THEN bench.taste(v, k) ELSE 1 + (bench.chance(id, 123) * 99)::int END, at, bench.chance(id, 124),
							(bench.chance(id, 125) * 65536)::int) OFFSET 0) p(post)
 WHERE n > 0;
INSERT INTO influence.impression (visitor_id, shown_at, impression_id, program_id, request_id, post_id, creator_id, rank, score, features, profile, profile_version, sources,
								  propensity, disclosure, surface, seen, clicked)
SELECT bench.viewer(v), at, id, 1, 'r' || k / 20, post, bench.creator_of(post), 1 + k % 20, 12 - k % 20 * 0.1,
	   ARRAY[1, 0, 1, k % 7, 0.5, 0, 0, 0, 0.5, 0, 0, 0, 0, 0]::float8[], 'standard', 1, '{popular}', 1, 'affiliate', 'feed', true, k % 20 = 0
  FROM generate_series(1::bigint, :viewers) v CROSS JOIN LATERAL (SELECT least(400, floor(0.25 * bench.activity(v)))::int) a(n) CROSS JOIN LATERAL generate_series(1, n) k
 CROSS JOIN LATERAL (SELECT v * 512 + k) e(id)
 CROSS JOIN LATERAL (SELECT bench.moment() - interval '14 days' * (1 - (k - bench.chance(id, 126)) / n) - interval '1 minute') w(at)
 CROSS JOIN LATERAL (SELECT bench.met(CASE WHEN bench.chance(id, 127) < 0.7 THEN bench.taste(v, k) ELSE 1 + (bench.chance(id, 128) * 99)::int END, at, bench.chance(id, 129),
							(bench.chance(id, 130) * 65536)::int) OFFSET 0) p(post)
 WHERE n > 0;
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, channel, link, post_id, product_id, category_id, price, currency, landing_page,
							 surface, device, country)
SELECT bench.viewer(v), at, 't' || k, 1, CASE WHEN u < 0.3 THEN 'view' WHEN u < 0.9 THEN 'click' ELSE 'cart' END, bench.creator_of(post), 'social', 'l' || id % 5000, post, product,
	   bench.category_of(product), bench.price(product), 'EUR', '/p/' || product, 'feed', 'mobile', 'DE'
  FROM generate_series(1::bigint, :viewers) v CROSS JOIN LATERAL (SELECT least(200, floor(0.1 * bench.activity(v)))::int) a(n) CROSS JOIN LATERAL generate_series(1, n) k
 CROSS JOIN LATERAL (SELECT v * 512 + k) e(id)
 CROSS JOIN LATERAL (SELECT bench.moment() - interval '60 days' * (1 - (k - bench.chance(id, 131)) / n) ^ 3 - interval '1 minute', bench.chance(id, 132)) w(at, u)
 CROSS JOIN LATERAL (SELECT bench.met(bench.taste(v, k), at, bench.chance(id, 133), (bench.chance(id, 134) * 65536)::int) OFFSET 0) p(post)
 CROSS JOIN LATERAL (SELECT bench.product_of(post, 1) OFFSET 0) q(product)
 WHERE n > 0;
CREATE TABLE bench.bought AS
SELECT bench.viewer(v) AS visitor_id, 'o' || v || '/' || k AS order_ref, at, post, bench.creator_of(post) AS creator_id, bench.product_of(post, 1) AS product_id
  FROM generate_series(1::bigint, :viewers) v CROSS JOIN LATERAL (SELECT least(30, floor(0.05 * bench.activity(v)))::int) a(n) CROSS JOIN LATERAL generate_series(1, n) k
 CROSS JOIN LATERAL (SELECT v * 512 + k) e(id)
 CROSS JOIN LATERAL (SELECT bench.moment() - interval '90 days' * (1 - (k - bench.chance(id, 135)) / n) - interval '1 minute') w(at)
 CROSS JOIN LATERAL (SELECT bench.met(bench.taste(v, k), at, bench.chance(id, 136), (bench.chance(id, 137) * 65536)::int) OFFSET 0) p(post)
 WHERE n > 0;
INSERT INTO influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, country, content_hash) SELECT visitor_id, 1, order_ref, at, 'EUR', 'DE', '' FROM bench.bought;
INSERT INTO influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity, paid_price, base_amount)
SELECT b.visitor_id, 1, b.order_ref, 1, b.product_id, c.path, 1, bench.price(b.product_id), bench.price(b.product_id)
  FROM bench.bought b JOIN influence.category c ON c.category_id = bench.category_of(b.product_id);
INSERT INTO influence.credit (visitor_id, program_id, order_ref, line_no, touch_ref, touch_visitor_id, creator_id, weight, credit, reason, policy_version, touched_at, path_length, snapshot, ordered_at)
SELECT visitor_id, 1, order_ref, 1, 't', visitor_id, creator_id, 1, bench.price(product_id), 'attributed', 1, at - interval '1 hour', 1, jsonb_build_object('post_id', post), at FROM bench.bought;
-- what people do not want to see any more
INSERT INTO influence.hidden (visitor_id, target_kind, target_id, kind, since)
SELECT visitor_id, CASE WHEN kind = 'see_less' THEN 'creator' ELSE 'post' END, CASE WHEN kind = 'see_less' THEN creator_id ELSE post_id END, kind, max(occurred_at)
  FROM (SELECT e.visitor_id, e.post_id, e.creator_id, e.occurred_at, CASE WHEN hashtext(e.event_ref || e.post_id) % 7 = 0 THEN 'see_less' ELSE 'hide' END AS kind
		  FROM influence.engagement e WHERE e.occurred_at >= bench.moment() - interval '30 days' AND hashtext(e.event_ref || e.visitor_id) % 60 = 0) h
 GROUP BY 1, 2, 3, 4;
SELECT DISTINCT 'REINDEX TABLE ' || name FROM bench.built WHERE name !~ '(feed_item|trend_state)$' \gexec
SELECT setval(pg_get_serial_sequence('influence.' || t, t || '_id'), (xpath('/row/m/text()', query_to_xml(format('SELECT max(%I) AS m FROM influence.%I', t || '_id', t), true, true, '')))[1]::text::bigint)
  FROM unnest('{party,post,product,category,topic}'::text[]) t \g /dev/null
VACUUM ANALYZE;

-- What the job refresh_stats would have left of the posts (feed_item), of all of them in one pass; the hours and days that it also keeps are not read
-- by the feed and stay empty.
\echo ranks
CREATE TABLE bench.rank AS
SELECT x.post_id, influence.decayed_score(x.weight, x.at, h.half_life) AS score, influence_internal.decayed_state(x.weight, x.at, h.half_life) AS state, count(*) - 1 AS events
  FROM (SELECT (s.value #>> '{}')::interval AS half_life FROM influence.setting s WHERE s.name = 'rank_half_life' ORDER BY version DESC LIMIT 1) h,
	   (SELECT w.value -> 'publish' AS publish, w.value FROM influence.setting w WHERE w.name = 'engagement_weights' ORDER BY version DESC LIMIT 1) w,
	   LATERAL (SELECT p.post_id, w.publish::float8 AS weight, p.published_at AS at FROM influence.post p
				UNION ALL SELECT e.post_id, k.weight, e.occurred_at
				  FROM influence.engagement e JOIN (SELECT key, value::float8 AS weight FROM jsonb_each_text(w.value)) k ON k.key = e.kind) x
 GROUP BY x.post_id;
ALTER TABLE bench.rank ADD PRIMARY KEY (post_id);
ANALYZE bench.rank;
-- engagement and sales: log2 of the rate per impression over the program's, shrunk toward it by 1,000 impressions
CREATE TABLE bench.post_total AS
SELECT post_id, coalesce(e.amount, 0) AS engagement, coalesce(i.amount, 0) AS impressions, coalesce(s.amount, 0) AS revenue
  FROM (SELECT e.post_id, sum(k.weight) AS amount
		  FROM influence.engagement e
		  JOIN (SELECT w.key, w.value::float8 AS weight FROM influence.setting s, jsonb_each_text(s.value) w WHERE s.name = 'engagement_weights') k ON k.key = e.kind
		 GROUP BY 1) e
  FULL JOIN (SELECT post_id, count(*)::float8 AS amount FROM influence.impression GROUP BY 1) i USING (post_id)
  FULL JOIN (SELECT post AS post_id, sum(bench.price(product_id))::float8 AS amount FROM bench.bought GROUP BY 1) s USING (post_id);
INSERT INTO influence.feed_item (post_id, program_id, creator_id, topic_id, category_id, published_at, expires_at, language, countries, media_key, price, quality, engagement, sales, format, sound_key)
SELECT p.post_id, 1, p.creator_id, p.topic_id, t.category_id, p.published_at, p.expires_at, p.language, p.countries,
	   hashtextextended(p.media, 0) | (-9223372036854775808), t.price, r.score,
	   CASE WHEN s.impressions > 0 THEN greatest(-8, least(8, ln((s.engagement + 1000 * m.engagement) / (s.impressions + 1000) / m.engagement) / ln(2::float8))) ELSE 0 END,
	   CASE WHEN s.impressions > 0 THEN greatest(-8, least(8, ln((s.revenue + 1000 * m.revenue) / (s.impressions + 1000) / m.revenue) / ln(2::float8))) ELSE 0 END,
	   influence_internal.post_format(p.kind, p.duration_ms), influence_internal.sound_key(p.sound)
  FROM influence.post p
  JOIN bench.rank r USING (post_id)
  LEFT JOIN bench.post_total s USING (post_id)
 CROSS JOIN (SELECT sum(engagement) / sum(impressions) AS engagement, sum(revenue) / sum(impressions) AS revenue FROM bench.post_total WHERE impressions > 0) m
  JOIN (SELECT g.post_id, min(x.category_id) FILTER (WHERE g.tag_id = 1) AS category_id, min(x.price) AS price
		  FROM influence.post_tag g
		  JOIN (SELECT DISTINCT ON (x.product_id) x.product_id, x.category_id, h.price
				  FROM influence.product x JOIN influence.product_price h USING (product_id) WHERE h.valid_from <= bench.moment()
				 ORDER BY x.product_id, h.valid_from DESC) x USING (product_id)
		 GROUP BY 1) t USING (post_id)
 ORDER BY p.post_id;
INSERT INTO influence.post_total (post_id, program_id, impressions, engagement, revenue, quality_state)
SELECT s.post_id, 1, s.impressions, s.engagement, s.revenue, CASE WHEN r.events > 0 THEN r.state END
  FROM bench.post_total s JOIN bench.rank r USING (post_id) ORDER BY s.post_id;

SELECT DISTINCT 'REINDEX TABLE ' || name FROM bench.built WHERE name ~ 'feed_item$' \gexec
-- the job has seen all of it; neighbours by the job itself
INSERT INTO influence.watermark (name, last_seen, system_identifier)
SELECT n, pg_current_snapshot(), h.system_identifier FROM influence_internal.this_database() h, unnest('{refresh_stats,refresh_days}'::text[]) n;
RESET session_replication_role;
VACUUM ANALYZE influence.feed_item;
SELECT influence_internal.refresh_feed_formats(bench.moment()) \g /dev/null
-- counters of posts over all categories, which are what the feed reads: rebuild_trends() makes those of creators, products and categories, too,
-- but takes minutes for millions of events
\echo trends
INSERT INTO influence.trend_basis (settings)
SELECT jsonb_object_agg(s.name, s.value) FROM influence.setting s WHERE s.name IN ('engagement_weights', 'trend_weights', 'vote_weights', 'rank_half_life');
INSERT INTO influence.trend_state (kind, item_id, scope_id, program_id, list_id, score_6h, score_3d, score_30d, state_6h, state_3d, state_30d)
SELECT 'post', t.post_id, 0, 1, f.category_id, influence_internal.decayed_score_final(t.h6), influence_internal.decayed_score_final(t.d3),
	   influence_internal.decayed_score_final(t.d30), t.h6, t.d3, t.d30
  FROM (SELECT e.post_id, influence_internal.decayed_state(k.weight, e.occurred_at, interval '6 hours') AS h6,
			   influence_internal.decayed_state(k.weight, e.occurred_at, interval '3 days') AS d3, influence_internal.decayed_state(k.weight, e.occurred_at, interval '30 days') AS d30
		  FROM influence.engagement e
		  JOIN (SELECT w.key, w.value::float8 AS weight FROM influence.setting s, jsonb_each_text(s.value) w WHERE s.name = 'engagement_weights') k ON k.key = e.kind
		 GROUP BY e.post_id OFFSET 0) t
  JOIN influence.feed_item f USING (post_id);
REINDEX TABLE influence.trend_state;
\echo neighbours
SELECT * FROM influence.refresh_neighbors(true, bench.moment()) \g /dev/null
VACUUM ANALYZE;
-- viewers to ask for: the hundredth that does most (of very few a tenth), and some that nobody knows
CREATE TABLE bench.warm AS SELECT row_number() OVER (ORDER BY bench.activity(v) DESC, v) AS n, bench.viewer(v) AS visitor_id
  FROM generate_series(1::bigint, :viewers) v WHERE v % 50 > 0 ORDER BY bench.activity(v) DESC, v LIMIT greatest(:viewers / 100, least(200, :viewers / 10));
CREATE TABLE bench.cold AS SELECT n, bench.viewer(n + 2000000000) AS visitor_id FROM generate_series(1::bigint, least(10000, :viewers / 10)) n;
ALTER TABLE bench.warm ADD PRIMARY KEY (n);
ALTER TABLE bench.cold ADD PRIMARY KEY (n);
ANALYZE bench.warm, bench.cold;
CHECKPOINT;

-- What test/bench/stats.py measures: n touches at 23,000 an hour and a tenth as
-- many engagements, all seen by the job; then 10,000 new events in a transaction
-- of their own. The newest hour is full when they are in. Creators, products and posts follow power laws.
-- stats.py calls this, then make_touches() and make_engagements() on both processors, then stats_seen.sql.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT count(*) FROM influence.install();
SELECT influence.create_program('Shop', 'EUR', 'UTC');
SET session_replication_role = replica;
INSERT INTO influence.category (category_id, parent_id, name, path)
SELECT i, p, 'c' || i, CASE WHEN p IS NULL THEN ARRAY[i] WHEN p <= 10 THEN ARRAY[p, i] ELSE ARRAY[1 + p % 10, p, i] END
  FROM generate_series(1, 200) i CROSS JOIN LATERAL (SELECT CASE WHEN i <= 10 THEN NULL WHEN i <= 60 THEN 1 + i % 10 ELSE 11 + i % 50 END) t(p);
-- what touches are about is in the catalogue: it has counters of trends
INSERT INTO influence.product (product_id, sku, title, category_id, content_hash) SELECT i, 's' || i, 'Product ' || i, 61 + i % 140, '' FROM generate_series(1, 10000) i;
-- [0, 1) for each number and use, the same on every machine
CREATE FUNCTION chance(i bigint, use int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint8extended(i, use) & 1073741823) / 1073741824.0 $$;
-- the rank of one of n things, by Zipf's law
CREATE FUNCTION zipf(u float8, n int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT least(n, floor(exp(u * ln(n + 1.0)))::int) $$;
CREATE FUNCTION person(u float8) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT (lpad(to_hex((u * u * 2000000)::int), 8, '0') || '-0000-4000-8000-000000000000')::uuid $$;
CREATE FUNCTION make_touches(lo bigint, hi bigint, n bigint, fresh boolean) RETURNS void LANGUAGE sql AS $$
	INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, channel, link, post_id, product_id, category_id, price, currency,
								 landing_page, referrer, device, country)
	SELECT person(chance(i, 1)), at, 't' || i, 1, CASE WHEN u < 0.3 THEN 'view' WHEN u < 0.95 THEN 'click' ELSE 'cart' END, zipf(chance(i, 2), 2000), 'social', 'l' || i % 5000,
		   1 + i % 20000, product, 61 + product % 140, 1999, 'EUR', '/p/' || product, 'https://social.example/', 'mobile', 'DE'
	  FROM generate_series($1, $2) i
	 CROSS JOIN LATERAL (SELECT '2026-03-31 00:36+00'::timestamptz - make_interval(secs => (n - i) * 3600.0 / 23000)
								- CASE WHEN NOT fresh OR chance(i, 5) > 0.01 THEN interval '0' ELSE make_interval(secs => chance(i, 6) ^ 4 * 172800) END,
								chance(i, 3), zipf(chance(i, 4), 10000)) t(at, u, product)
$$;
CREATE FUNCTION make_engagements(lo bigint, hi bigint, n bigint) RETURNS void LANGUAGE sql AS $$
	-- posts appear in turn, and most of what they get comes soon
	INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id, creator_id)
	SELECT person(chance(i, 1)), '2026-03-31 00:36+00'::timestamptz - make_interval(secs => (n - i) * 3600.0 / 2300), 'e' || i,
		   (ARRAY['smile', 'smile', 'smile', 'click', 'click', 'share', 'save'])[1 + i % 7], greatest(1, i / 100 - zipf(chance(i, 2), 5000)), 1
	  FROM generate_series($1, $2) i
$$;
SELECT influence_internal.ensure_partition(p, m)
  FROM unnest('{touch,engagement}'::text[]) p,
	   generate_series(date_trunc('month', '2026-03-31'::timestamptz - make_interval(days => (:n / 23000 / 24)::int)), '2026-04-01', interval '1 month') m;
INSERT INTO influence.post (creator_id, post_ref, program_id, kind, disclosure, published_at, content_hash, topic_id)
SELECT zipf(chance(i, 9), 2000), 'p' || i, 1, 'photo', 'affiliate', '2026-03-31'::timestamptz - make_interval(secs => (:n / 1000 - i) * 360000.0 / 2300), '', 1 FROM generate_series(1, :n / 1000) i;
-- the indexes afterwards: sorted, and much faster
CREATE TABLE built AS SELECT c.relname, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') AS def FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = 'influence.touch'::regclass AND NOT i.indisprimary;
INSERT INTO built SELECT '', 'ALTER TABLE influence.touch ADD ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'influence.touch'::regclass AND contype = 'p';
DO $$ BEGIN EXECUTE (SELECT 'DROP INDEX ' || string_agg('influence.' || relname, ', ') FROM built WHERE relname <> ''); ALTER TABLE influence.touch DROP CONSTRAINT touch_pkey; END $$;

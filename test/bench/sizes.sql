-- The program of the bench of sizes, and a procedure that lets one of its minutes pass: every event by the published
-- function, in a transaction of its own, as services record them, and then the minute job. All chance is a hash of the
-- event's number. Keys are uuids (touches, engagements) and short texts (orders).
--
--     psql -v visitors=10000 -f sizes.sql        (an empty database with the extension)

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SELECT count(*) FROM influence.install() \g /dev/null
SELECT influence.create_program('Shop', 'EUR', 'UTC', '{"model": "last_touch"}', '{"hold": "30 days"}') \g /dev/null
SELECT influence.create_category('all') \g /dev/null
SELECT influence.create_category('category ' || i, 1) FROM generate_series(1, 20) i \g /dev/null
SELECT influence.create_topic('topic ' || i) FROM generate_series(1, 20) i \g /dev/null
SELECT influence.add_product('sku-' || i, 'Product ' || i, 2 + i % 20, 1000 + i, 'EUR', 100000, valid_from => '2020-01-01') FROM generate_series(1, 2000) i \g /dev/null
SELECT influence.set_admission_rule(1, 'channels', '>=', 0, valid_from => '2020-01-01') \g /dev/null
SELECT influence.set_commission_rate(1, 0.05, valid_from => '2020-01-01') \g /dev/null
SELECT influence.register_creator('creator-' || i, 'Creator ' || i) FROM generate_series(1, 1000) i \g /dev/null
SELECT influence.apply_creator(1, i, '2020-01-02') FROM generate_series(1, 1000) i \g /dev/null
SELECT influence.publish_post(1, 1 + i % 1000, 'post-' || i, 'photo', format('[{"product_id": %s}]', 1 + i % 2000)::jsonb, 'topic ' || 1 + i % 20,
							  published_at => now() - interval '1 day') FROM generate_series(0, 4999) i \g /dev/null

CREATE SCHEMA bench;
CREATE TABLE bench.passed AS SELECT date_trunc('hour', now()) - interval '5 hours' AS began_at, 0::bigint AS touches, 0::bigint AS engagements, 0::bigint AS pages, 0::bigint AS orders;
CREATE FUNCTION bench.chance(i bigint, use int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint8extended(i, use) & 1073741823) / float8 '1073741824' $$;
CREATE FUNCTION bench.visitor(i bigint, use int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
	$$ SELECT md5('visitor ' || floor(bench.chance(i, use) * current_setting('bench.visitors')::int))::uuid $$;
-- the posts 1 to 5,000 by Zipf's law; post i is of creator 1 + (i - 1) % 1000 and shows product 1 + (i - 1) % 2000
CREATE FUNCTION bench.post(i bigint, use int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 1 + floor(exp(bench.chance(i, use) * ln(5000)) - 1)::bigint * 7919 % 5000 $$;
SELECT format('ALTER DATABASE %I SET bench.visitors = %s', current_database(), :visitors) \gexec

-- OUT: bytes of WAL of each kind
CREATE PROCEDURE bench.minute(minute int, touches int, engagements int, pages int, orders int,
	INOUT touch_wal numeric, INOUT engagement_wal numeric, INOUT impression_wal numeric, INOUT order_wal numeric, INOUT job_wal numeric) LANGUAGE plpgsql AS $$
DECLARE
	at timestamptz;
	began pg_lsn;
	n bench.passed;
	post bigint;
	shown jsonb;
BEGIN
	SELECT * INTO n FROM bench.passed;
	at := n.began_at + minute * interval '1 minute';
	COMMIT;
	began := pg_current_wal_insert_lsn();
	FOR i IN n.touches + 1 .. n.touches + touches LOOP
		post := bench.post(i, 1);
		PERFORM influence.record_touch(1, bench.visitor(i, 2), md5('touch ' || i)::uuid::text, CASE WHEN i % 20 < 12 THEN 'view' WHEN i % 20 < 19 THEN 'click' ELSE 'cart' END,
			1 + (post - 1) % 1000, at, 1 + (post - 1) % 2000, post,
			jsonb_build_object('channel', 'instagram', 'device', 'ios', 'country', 'DE', 'language', 'de', 'surface', 'post', 'session_id', md5('session ' || i / 5)));
		COMMIT;
	END LOOP;
	touch_wal := pg_current_wal_insert_lsn() - began;
	began := pg_current_wal_insert_lsn();
	FOR i IN n.engagements + 1 .. n.engagements + engagements LOOP
		PERFORM influence.react(bench.visitor(i, 3), bench.post(i, 4), (ARRAY['smile', 'smile', 'share', 'save', 'click'])[1 + i % 5], md5('engagement ' || i)::uuid::text, at, 'feed', 'ios');
		COMMIT;
	END LOOP;
	engagement_wal := pg_current_wal_insert_lsn() - began;
	began := pg_current_wal_insert_lsn();
	FOR i IN n.pages + 1 .. n.pages + pages LOOP
		SELECT jsonb_agg(jsonb_build_object('impression', f.impression, 'dwell_ms', 1200)) INTO shown FROM influence.get_feed(1, bench.visitor(i, 5), as_of => at, device => 'ios') f;
		PERFORM influence.record_impressions(bench.visitor(i, 5), shown, md5('page ' || i));
		COMMIT;
	END LOOP;
	impression_wal := pg_current_wal_insert_lsn() - began;
	began := pg_current_wal_insert_lsn();
	FOR i IN n.orders + 1 .. n.orders + orders LOOP
		-- somebody who has a touch
		PERFORM influence.record_order(1, bench.visitor(1 + floor(bench.chance(i, 6) * (n.touches + touches))::bigint, 2), 'ORDER-' || 2026000000 + i, (
			SELECT jsonb_agg(jsonb_build_object('line_no', l, 'product_id', bench.post(2 * i + l, 7) % 2000 + 1, 'quantity', 1, 'paid_price', 1999)) FROM generate_series(1, 1 + i % 2) l), at,
			details => '{"country": "DE", "device": "ios"}');
		COMMIT;
	END LOOP;
	order_wal := pg_current_wal_insert_lsn() - began;
	began := pg_current_wal_insert_lsn();
	PERFORM influence.refresh_stats(false);
	COMMIT;
	PERFORM influence.settle_tiers();
	COMMIT;
	job_wal := pg_current_wal_insert_lsn() - began;
	UPDATE bench.passed p SET touches = p.touches + minute.touches, engagements = p.engagements + minute.engagements, pages = p.pages + minute.pages, orders = p.orders + minute.orders;
	COMMIT;
END $$;

-- what lies in each table, its partitions together
CREATE VIEW bench.size AS
SELECT coalesce(i.inhparent, c.oid)::regclass::text AS name, sum(pg_table_size(c.oid)) AS table_bytes, sum(pg_indexes_size(c.oid)) AS index_bytes
  FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
 WHERE c.relnamespace = 'influence'::regnamespace AND c.relkind = 'r'
 GROUP BY coalesce(i.inhparent, c.oid);
CREATE FUNCTION bench.sizes() RETURNS TABLE (name text, rows bigint, table_bytes numeric, index_bytes numeric) LANGUAGE plpgsql AS $$
BEGIN
	FOR name, table_bytes, index_bytes IN SELECT s.name, s.table_bytes, s.index_bytes FROM bench.size s LOOP
		EXECUTE 'SELECT count(*) FROM ' || name INTO rows;
		RETURN NEXT;
	END LOOP;
END $$;

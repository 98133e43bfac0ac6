-- The rest of what stats.sql begins: the job has seen the n touches and n / 10 engagements that are there, and 10,000 events
-- are new to it.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
SET timezone = 'UTC';
SET session_replication_role = replica;
VACUUM ANALYZE influence.touch;
VACUUM ANALYZE influence.engagement;
VACUUM ANALYZE influence.post;
-- the job has seen all of it; what it makes of the last millions is there, as it would be
INSERT INTO influence.watermark (name, last_seen, system_identifier)
SELECT 'refresh_stats', format('%1$s:%1$s:', (SELECT x.xact FROM influence.touch x WHERE x.touch_ref = 't' || :since
											   AND x.touched_at >= '2026-03-26'))::pg_snapshot, h.system_identifier FROM influence_internal.this_database() h;
SELECT * FROM influence_internal.refresh_stats(false);
-- in the order of time, as a job each minute leaves them
CLUSTER influence.creator_hour USING creator_hour_time;
CLUSTER influence.product_hour USING product_hour_time;
CLUSTER influence.category_hour USING category_hour_time;
CLUSTER influence.post_hour USING post_hour_time;
VACUUM ANALYZE influence.creator_hour, influence.product_hour, influence.category_hour, influence.post_hour, influence.feed_item, influence.trend_state, influence.post_total,
	influence.product, influence.category;
BEGIN;
SELECT make_touches(:n + 1, :n + 9000, :n, true);
SELECT make_engagements(:n / 10 + 1, :n / 10 + 1000, :n / 10);
COMMIT;
-- what the plain statements write, without any index
CREATE TABLE plain_creator (id bigint, program_id bigint, bucket_start timestamptz, views bigint, clicks bigint, carts bigint, coupons bigint, visitors bigint);
CREATE TABLE plain_product (LIKE plain_creator);
CREATE TABLE plain_category (LIKE plain_creator);
CREATE TABLE plain_post (id bigint, bucket_start timestamptz, smiles bigint, unsmiles bigint, comments bigint, shares bigint, saves bigint, clicks bigint, visitors bigint);
CREATE TABLE plain_trend (kind text, program_id bigint, item_id bigint, scope_id bigint, s6 float8, s3 float8, s30 float8);
CREATE TABLE plain_total (post_id bigint, smiles bigint, unsmiles bigint, comments bigint, shares bigint, saves bigint, clicks bigint, quality float8);
-- 2^((t - L) / h) with L 2026-03-31, so near that a float can hold it; the planner puts both in place
CREATE FUNCTION landmark() RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT 1774915200::float8 $$;
CREATE FUNCTION decay(at timestamptz, seconds float8) RETURNS float8 LANGUAGE sql STABLE AS
	$$ SELECT exp((date_part('epoch', at) - landmark()) * (ln(2::float8) / seconds)) $$;
CHECKPOINT;

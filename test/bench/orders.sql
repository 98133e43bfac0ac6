-- A program with :touches touches of the last 90 days, for the bench of record_order.
--
--   psql -v touches=10000000 -f orders.sql
--
-- The same laws as in generate.sql: visitors follow a Zipf-Mandelbrot law, creators Zipf's; all chance is a hash of the
-- row's number. Touches are written straight into the table, as COPY would, and were received when they happened. Orders
-- fall into the last 30 days, so that each of them has a whole window of 30 days before it.

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET TimeZone = 'UTC';

CREATE EXTENSION IF NOT EXISTS pg_influence;
SELECT count(*) FROM influence.install() \g /dev/null

CREATE FUNCTION public.chance(i bigint, seed int) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(i, seed) & ((1::bigint << 52) - 1))::float8 / (1::bigint << 52);

CREATE FUNCTION public.visitor(rank bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN md5(rank::text)::uuid;

-- two programs over the same touches: one credit per line, and one per touch in the window
SELECT influence.create_program('Last touch', 'EUR', 'UTC', '{"model": "last_touch", "lookback": "30 days"}', '{"hold": "30 days"}', 'shop') \g /dev/null
SELECT influence.create_program('Linear', 'EUR', 'UTC', '{"model": "linear", "lookback": "30 days"}', '{"hold": "30 days"}', 'shop') \g /dev/null
SELECT influence.create_category('all') \g /dev/null
SELECT influence.create_category('category ' || i, 1) FROM generate_series(1, 20) i \g /dev/null
SELECT influence.add_product('product ' || i, 'Product ' || i, 2 + i % 20, 1000 + i, 'EUR', 1000, valid_from => '2020-01-01')
  FROM generate_series(1, 1000) i \g /dev/null
SELECT influence.set_admission_rule(p, 'channels', '>=', 0, valid_from => '2020-01-01') FROM generate_series(1, 2) p \g /dev/null
SELECT influence.set_commission_rate(p, 0.05, valid_from => '2020-01-01') FROM generate_series(1, 2) p \g /dev/null
SELECT influence.set_commission_rate(p, 0.04 + i * 0.001, category_id => 2 + i, valid_from => '2020-01-01')
  FROM generate_series(0, 19) i, generate_series(1, 2) p \g /dev/null
-- one by one: a statement's locks are held to its end
SELECT format('SELECT influence.register_creator(''creator %1$s'', ''Creator %1$s''), influence.apply_creator(1, %1$s, ''2020-01-02''), influence.apply_creator(2, %1$s, ''2020-01-02'')', i)
  FROM generate_series(1, 10000) i
\o /dev/null
\gexec
\o

-- months that are long over need their partitions too
SET ROLE influence_owner;
SELECT influence_internal.ensure_partition('touch', now() - i * interval '1 month') FROM generate_series(1, 4) i \g /dev/null
RESET ROLE;

INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id, channel, product_id, category_id,
							 price, currency, device, country, session_id, received_at)
SELECT public.visitor(1 + floor(:touches / 5000.0::float8 * (power(501::float8, public.chance(i, 1)) - 1))::bigint * 7368787 % (:touches / 10)),
	   at, 'touch ' || i, 1, 'click', 1 + floor(exp(public.chance(i, 3) * ln(10001::float8)) - 1)::bigint * 7919 % 10000, 'social',
	   1 + i * 7 % 1000, 2 + i * 7 % 20, 1001 + i * 7 % 1000, 'EUR', 'phone', 'DE', 'session ' || i / 3, at
  FROM generate_series(1, :touches::bigint) i
 CROSS JOIN LATERAL (SELECT date_trunc('day', now()) - interval '90 days'
					 + floor(7776000000000::float8 / :touches * (i - 1 + public.chance(i, 2) * 0.999))::bigint * interval '1 microsecond' AS at) m;
-- what was there before the bench is not news to the jobs
VACUUM (ANALYZE);

-- Touches and orders of a shop over 90 days, the same ones on every machine.
--
--   psql -v touches=10000000 -f generate.sql
--
-- All chance is a hash of the row's number and a seed. Visitors follow a
-- Zipf-Mandelbrot law, p(rank) ~ 1/(rank + q), over a tenth as many visitors as
-- touches; q grows with them, so that an order meets on average 36 touches in
-- the 30 days before it (3.6 credited pairs per touch) and the busiest visitor
-- has about 800 touches, at any size. Creators follow Zipf's law. Neither rank
-- shows in the id. Rows lie in the order of their time, as events come in. No
-- two touches, and no touch and order, have the same time, so that the SQL
-- contestants need no tie-breaker.

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;

DROP TABLE IF EXISTS touches, orders, touches_uuid, orders_uuid;

CREATE FUNCTION pg_temp.chance(i bigint, seed int) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(i, seed) & ((1::bigint << 52) - 1))::float8 / (1::bigint << 52);

-- visitors = touches / 10, q = touches / 5000: 1 + visitors / q = 501
CREATE FUNCTION pg_temp.visitor(u float8, touches bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1 + floor(touches / 5000.0::float8 * (power(501::float8, u) - 1))::bigint * 7368787 % (touches / 10);

-- of 10,000
CREATE FUNCTION pg_temp.creator(u float8) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1 + floor(exp(u * ln(10001::float8)) - 1)::bigint * 7919 % 10000;

-- the i-th of n moments, somewhere in its slot of the 90 days; touches at even microseconds, orders at odd ones
CREATE FUNCTION pg_temp.moment(i bigint, n bigint, u float8, odd int) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN timestamptz '2026-01-01 00:00+00'
	+ (2 * floor(3888000000000::float8 / n * (i + u * 0.999))::bigint + odd) * interval '1 microsecond';

CREATE TABLE touches AS
SELECT i AS touch_id,
	   pg_temp.visitor(pg_temp.chance(i, 1), :touches) AS visitor_id,
	   pg_temp.moment(i - 1, :touches, pg_temp.chance(i, 2), 0) AS touched_at,
	   pg_temp.creator(pg_temp.chance(i, 3)) AS creator_id
  FROM generate_series(1, :touches::bigint) i;

CREATE TABLE orders AS
SELECT i AS order_id,
	   pg_temp.visitor(pg_temp.chance(i, 4), :touches) AS visitor_id,
	   pg_temp.moment(i - 1, :touches / 10, pg_temp.chance(i, 5), 1) AS ordered_at,
	   500 + floor(19500 * pg_temp.chance(i, 6))::bigint AS amount
  FROM generate_series(1, :touches::bigint / 10) i;

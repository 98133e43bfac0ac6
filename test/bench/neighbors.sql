-- The interactions that test/bench/neighbors.py reads: :n of :n / 10 users and 20,000 items over 90 days, table :table. All chance is a
-- hash of the row's number. Users fall by the square of a uniform number, items by its cube: the busiest users have some hundreds,
-- most have a few, and a tenth of the items has nearly half of all.
\set ON_ERROR_STOP 1
SET client_min_messages = warning;
CREATE TABLE :table AS
SELECT floor(:n / 10 * power(((hashint8(i * 3)::bigint & 16777215) + 0.5) / 16777216, 2))::bigint AS user_id,
	   floor(20000 * power(((hashint8(i * 3 + 1)::bigint & 16777215) + 0.5) / 16777216, 3))::bigint AS item_id,
	   timestamptz '2026-01-01' + (hashint8(i * 3 + 2)::bigint & 2147483647) % 7776000 * interval '1 second' AS at
  FROM generate_series(1::bigint, :n) i;
VACUUM ANALYZE :table;

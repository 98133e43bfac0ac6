--
-- Several processes read and credit: the result is that of one process, row for row, and errors are the same.
--
CREATE SCHEMA parallel_test;
SET search_path = parallel_test, public;
SET timezone = 'UTC';

-- 12,000 touches and 2,000 lines of 300 visitors, some rows without a visitor or with an infinite time
CREATE TABLE touch AS
SELECT CASE WHEN i % 997 > 0 THEN (h >> 3) % 300 END AS visitor,
	CASE WHEN i % 991 > 0 THEN '2024-01-01Z'::timestamptz + (h >> 7) % (60 * 86400) * interval '1 second' ELSE 'infinity' END AS touched_at,
	i::bigint AS touch_id, nullif((h >> 11) % 40, 0) AS creator_id,
	(ARRAY['view', 'click', 'click', 'cart', 'coupon'])[1 + (h >> 17) % 5] AS kind, nullif((h >> 19) % 6, 0) AS product_id,
	nullif((h >> 23) % 4, 0) AS category_id, CASE WHEN (h >> 29) % 3 = 0 THEN 'direct' END AS channel, (h >> 31) % 5 * 0.25 AS weight
FROM (SELECT i, ('x' || substr(md5(i::text), 1, 15))::bit(60)::bigint AS h FROM generate_series(1, 12000) AS i) AS hashes;
CREATE TABLE sale AS
SELECT CASE WHEN i % 499 > 0 THEN (h >> 3) % 250 END AS visitor, '2024-01-20Z'::timestamptz + (h >> 7) % (60 * 86400) * interval '1 second' AS converted_at,
	i::bigint AS conversion_id, (h >> 11) % 20000 - 2000 AS amount, (h >> 13) % 3 AS order_id, nullif((h >> 19) % 6, 0) AS product_id,
	nullif((h >> 23) % 4, 0) AS category_id, CASE WHEN i % 5 = 0 THEN ARRAY[(h >> 29) % 40, NULL, (h >> 31) % 40] END AS excluded_creator_ids
FROM (SELECT i, ('x' || substr(md5('sale' || i), 1, 15))::bit(60)::bigint AS h FROM generate_series(1, 2000) AS i) AS hashes;
ANALYZE touch, sale;

-- the planner is to want workers for the least of tables
SET parallel_setup_cost = 0;
SET min_parallel_table_scan_size = 0;

-- A run as one text, in one process or with workers; and by how many processes it was made.
CREATE FUNCTION credits(workers int, touches text, sales text, model text DEFAULT 'linear', reuse text DEFAULT 'reuse', match text DEFAULT 'any') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	PERFORM set_config('max_parallel_workers_per_gather', workers::text, true);
	SELECT concat_ws(' ', count(*), md5(string_agg(c::text, ',' ORDER BY c::text))) INTO answer
	FROM influence.attribute(touches, sales, model, view_lookback => '10 days', reuse => reuse, match => match) AS c;
	RETURN answer || (SELECT concat_ws(' ', ' of', s.touches, s.conversions, 'less', rejected_touches, rejected_conversions) FROM influence.last_attribution_stats() AS s);
END $$;
CREATE FUNCTION totals(workers int, touches text, sales text, model text DEFAULT 'linear', reuse text DEFAULT 'reuse', match text DEFAULT 'any') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	PERFORM set_config('max_parallel_workers_per_gather', workers::text, true);
	SELECT concat_ws(' ', count(*), md5(string_agg(t::text, ',' ORDER BY t::text))) INTO answer
	FROM influence.attribute_totals(touches, sales, model, view_lookback => '10 days', reuse => reuse, match => match) AS t;
	RETURN answer || (SELECT concat_ws(' ', ' of', s.touches, s.conversions, 'less', rejected_touches, rejected_conversions, 'rows', s.credits) FROM influence.last_attribution_stats() AS s);
END $$;
CREATE FUNCTION processes() RETURNS text LANGUAGE sql AS 'SELECT read_processes || '' read, '' || credit_processes || '' credit'' FROM influence.last_attribution_stats()';

-- every model, with everything there is, under each reuse
SELECT model, reuse, totals(0, 'TABLE touch', 'TABLE sale', model, reuse, match) = totals(2, 'TABLE touch', 'TABLE sale', model, reuse, match) AS same_totals, processes(),
	credits(0, 'TABLE touch', 'TABLE sale', model, reuse, match) = credits(2, 'TABLE touch', 'TABLE sale', model, reuse, match) AS same_credits, processes() AS of_credits
FROM unnest('{first_touch,last_touch,last_non_direct,linear,position_based,j_shaped,time_decay,participation,shapley,custom}'::text[]) WITH ORDINALITY AS m (model, n),
	LATERAL (SELECT (ARRAY['reuse', 'consume', 'session'])[1 + n % 3] AS reuse, (ARRAY['any', 'any', 'product', 'category'])[1 + n % 4] AS match) AS r;
-- clicks alone: totals are added up in another way
SELECT model, totals(0, touches, sales, model) = totals(1, touches, sales, model) AS same_totals, processes()
FROM unnest('{first_touch,last_touch,linear,position_based,time_decay}'::text[]) AS model,
	(VALUES ('SELECT visitor, touched_at, touch_id, creator_id FROM touch', 'SELECT visitor, converted_at, conversion_id, amount FROM sale')) AS q (touches, sales);

-- What is read in parallel: rows as they are, other columns, expressions, conditions, types, joins, subqueries, partitions, a
-- statement's own comment and semicolon, a table with columns dropped and added. And what one process reads: see "why".
CREATE TABLE parts (LIKE touch) PARTITION BY HASH (touch_id);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parts TABLE touch;
CREATE TABLE altered AS SELECT touch_id, 'x'::text AS gone, creator_id, visitor FROM touch;
ALTER TABLE altered DROP COLUMN gone, ADD COLUMN touched_at timestamptz DEFAULT '2024-02-01Z';
CREATE TABLE added AS SELECT touch_id, creator_id, visitor FROM touch;
ALTER TABLE added ADD COLUMN touched_at timestamptz DEFAULT '2024-02-01Z';
CREATE DOMAIN visitor_number AS bigint;
CREATE TABLE tame AS SELECT visitor::visitor_number AS visitor, touched_at, touch_id, creator_id FROM touch;
CREATE TABLE liked AS SELECT n AS creator_id FROM generate_series(1, 9) AS n;
CREATE TEMP TABLE temporary AS TABLE touch;
CREATE FUNCTION unsafe(bigint) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION safe(bigint) RETURNS bigint LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN $1; END';
ANALYZE parts, parts_0, parts_1, altered, added, tame, liked, temporary;
SELECT why, totals(0, touches, 'TABLE sale') = totals(2, touches, 'TABLE sale') AS same, processes()
FROM (VALUES
	('rows as they are', 'TABLE touch'),
	('an order of columns', 'SELECT creator_id, touch_id, touched_at, visitor FROM touch'),
	('a column twice', 'SELECT creator_id, touch_id, touched_at, visitor, visitor AS again, touch_id AS more FROM touch'),
	('expressions', 'SELECT visitor % 7 AS visitor, touched_at + interval ''1 hour'' AS touched_at, safe(touch_id) AS touch_id, abs(creator_id) AS creator_id FROM touch'),
	('constants', 'SELECT visitor, touched_at, touch_id, 7 AS creator_id, ''cart'' AS kind FROM touch'),
	('a condition', 'SELECT * FROM touch WHERE creator_id % 2 = 0'),
	('types', 'SELECT visitor::int AS visitor, touched_at, touch_id::int AS touch_id, creator_id::int AS creator_id, kind::varchar(9) AS kind FROM touch'),
	('a join', 'SELECT t.* FROM touch AS t JOIN liked USING (creator_id)'),
	('a subquery', 'SELECT * FROM touch WHERE touched_at < (SELECT max(converted_at) FROM sale)'),
	('a union', 'SELECT visitor, touched_at, touch_id, creator_id FROM touch WHERE touch_id < 5000 UNION ALL SELECT visitor, touched_at, touch_id, creator_id FROM touch WHERE touch_id >= 5000'),
	('partitions', 'TABLE parts'),
	('a column dropped', 'TABLE altered'),
	('a column added', 'SELECT visitor, touched_at, touch_id, creator_id FROM added'),
	('domains', 'SELECT * FROM tame'),
	('a comment; semicolon', E'SELECT * FROM touch; -- all of it;'),
	('no row', 'SELECT * FROM touch WHERE touch_id < 0'),
	('one: an order', 'SELECT * FROM touch ORDER BY touch_id'),
	('one: a limit', 'SELECT * FROM touch LIMIT 1000000'),
	('one: a temporary table', 'TABLE temporary'),
	('one: an unsafe function', 'SELECT visitor, touched_at, unsafe(touch_id) AS touch_id, creator_id FROM touch'),
	('one: a restricted function', 'SELECT visitor, touched_at, touch_id + (random() < 0)::int AS touch_id, creator_id FROM touch'),
	('one: locks', 'SELECT * FROM touch FOR SHARE'),
	('one: writes', 'WITH w AS (INSERT INTO temporary SELECT * FROM touch LIMIT 1) SELECT * FROM touch'),
	('one: no table', 'SELECT n % 500 AS visitor, ''2024-01-20Z''::timestamptz AS touched_at, n AS touch_id, 1 AS creator_id FROM generate_series(1, 1000) AS n')) AS q (why, touches);
-- visitors of other types; lines with all their columns
SELECT type, credits(0, t, s, 'position_based') = credits(2, t, s, 'position_based') AS same, processes()
FROM (VALUES ('uuid'), ('text')) AS y (type), LATERAL (SELECT
	format('SELECT md5(visitor::text)::%s AS visitor, touched_at, touch_id, creator_id, kind, product_id FROM touch', type) AS t,
	format('SELECT md5(visitor::text)::%s AS visitor, converted_at, conversion_id, amount, md5(order_id::text)::%s AS order_id, product_id, excluded_creator_ids FROM sale', type, type) AS s) AS q;

-- Columns of fixed width, stored: rows without NULLs are decoded where they lie. Narrow numbers between bytes, and uuids: for the same visitors the
-- same as bigint in one process.
CREATE TABLE narrow AS SELECT true AS odd, visitor::int AS visitor, 'x'::"char" AS small, touched_at, touch_id::int AS touch_id, creator_id::int AS creator_id,
	product_id, category_id::int AS category_id FROM touch;
CREATE TABLE narrow_sale AS SELECT true AS odd, conversion_id::int AS conversion_id, visitor::int AS visitor, amount::int AS amount, converted_at,
	product_id::int AS product_id, category_id FROM sale;
CREATE TABLE named AS SELECT true AS odd, md5(visitor::text)::uuid AS visitor, touched_at, touch_id, creator_id, product_id, category_id FROM touch;
CREATE TABLE named_sale AS SELECT md5(visitor::text)::uuid AS visitor, false AS odd, amount, conversion_id, converted_at, product_id, category_id FROM sale;
ANALYZE narrow, narrow_sale, named, named_sale;
SELECT t, match, credits(0, 'SELECT visitor, touched_at, touch_id, creator_id, product_id, category_id FROM touch',
	'SELECT visitor, converted_at, conversion_id, amount, product_id, category_id FROM sale', match => match) = credits(2, 'TABLE ' || t, 'TABLE ' || t || '_sale', match => match) AS same, processes()
FROM (VALUES ('narrow', 'any'), ('narrow', 'product'), ('narrow', 'category'), ('named', 'any'), ('named', 'product'), ('named', 'category')) AS q (t, match);

-- by how many: as many as are allowed and free and have 2 MB each, and not for little
SELECT setting, set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), false) IS NOT NULL AS set, totals(2, 'TABLE touch', 'TABLE sale') = totals(0, 'TABLE touch', 'TABLE sale') AS same,
	totals(2, 'TABLE touch', 'TABLE sale') IS NOT NULL AS again, processes(), set_config(split_part(setting, '=', 1), split_part(setting, '=', 3), false) IS NOT NULL AS reset
FROM unnest('{max_parallel_workers=0=8,max_parallel_workers=1=8,parallel_leader_participation=off=on,min_parallel_table_scan_size=8MB=0,force_parallel_mode=on=off,force_parallel_mode=regress=off,work_mem=2MB=4MB,work_mem=64kB=4MB}'::text[]) AS setting;
-- a plan that is not parallel, in a worker all the same: rows, and an error
SET min_parallel_table_scan_size = '8MB';
SET force_parallel_mode = on;
SELECT totals(2, 'TABLE touch', 'TABLE sale') = totals(0, 'TABLE touch', 'TABLE sale') AS same, credits(2, 'TABLE touch', 'TABLE sale') = credits(0, 'TABLE touch', 'TABLE sale') AS same_credits;
\set VERBOSITY terse
SELECT totals(2, 'SELECT visitor, touched_at, 1 / (touch_id - 8000) AS touch_id, creator_id FROM touch', 'TABLE sale');
\set VERBOSITY default
RESET force_parallel_mode;
SET min_parallel_table_scan_size = 0;

-- rows of the same transaction; the settings and rights of the caller
CREATE TABLE mine AS SELECT touch.*, 'parallel_test_' || touch_id % 3 AS owner FROM touch;
ANALYZE mine;
ALTER TABLE mine ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON mine USING (owner = current_setting('parallel_test.prefix') || '_' || right(current_user, 1));
CREATE ROLE parallel_test_1;
GRANT USAGE ON SCHEMA parallel_test TO parallel_test_1;
GRANT SELECT ON mine, sale TO parallel_test_1;
BEGIN;
INSERT INTO mine SELECT visitor, touched_at, touch_id + 100000, creator_id, kind, product_id, category_id, channel, weight, 'parallel_test_1' FROM touch WHERE touch_id <= 10;
SET LOCAL ROLE parallel_test_1;
SET LOCAL parallel_test.prefix = 'parallel_test';
SELECT count(*) FROM mine;
SELECT totals(0, 'TABLE mine', 'TABLE sale') = totals(2, 'TABLE mine', 'TABLE sale') AS same, processes();
SELECT touches FROM influence.last_attribution_stats();
SELECT totals(2, 'TABLE touch', 'TABLE sale');
ROLLBACK;

-- ERRORS say in a worker what they say here
CREATE FUNCTION error_of(workers int, touches text, sales text, model text DEFAULT 'linear') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	RETURN totals(workers, touches, sales, model);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' / ', SQLSTATE, SQLERRM, nullif(detail, ''), nullif(hint, ''));
END $$;
CREATE FUNCTION left_over() RETURNS text LANGUAGE sql AS $$
	SELECT count(*) || ' workers, ' || (SELECT count(*) FROM pg_ls_dir('base/pgsql_tmp', true, false) AS f WHERE f LIKE 'pgsql_tmp' || pg_backend_pid() || '.%') || ' files'
	FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND leader_pid = pg_backend_pid() $$;
SET parallel_leader_participation = off;
SELECT e AS error, e = error_of(2, touches, sales, model) AS same, left_over()
FROM (VALUES
	('SELECT visitor, touched_at, touch_id, creator_id, CASE WHEN touch_id = 8000 THEN ''share'' ELSE kind END AS kind FROM touch', 'TABLE sale', 'linear'),
	('SELECT visitor, touched_at, 1 / (touch_id - 8000) AS touch_id, creator_id FROM touch', 'TABLE sale', 'linear'),
	('TABLE touch', 'SELECT visitor, converted_at, 1 / (conversion_id - 1500) AS conversion_id FROM sale', 'linear'),
	('SELECT visitor, touched_at, touch_id, creator_id, CASE WHEN touch_id = 8000 THEN -1 ELSE weight END AS weight FROM touch', 'TABLE sale', 'custom'),
	('SELECT visitor, touched_at, touch_id, 1 AS creator_id FROM touch WHERE kind <> ''view''', 'SELECT visitor, converted_at, conversion_id, 9000000000000000000 AS amount FROM sale WHERE visitor % 50 = 0', 'last_touch'),
	('SELECT visitor, touched_at, touch_id, creator_id, 9000000000 AS weight FROM touch', 'SELECT * FROM sale WHERE conversion_id = 1680', 'custom'),
	('TABLE touch; TABLE touch', 'TABLE sale', 'linear'),
	('SELECT * FROM nowhere', 'TABLE sale', 'linear')) AS q (touches, sales, model), error_of(0, touches, sales, model) AS e;
RESET parallel_leader_participation;

-- What a function of the conversions query does to the tables of the touches query: their plan is made after it.
CREATE TABLE shifting AS SELECT visitor, touched_at, touch_id, creator_id FROM touch;
CREATE INDEX shifting_id ON shifting (touch_id);
ANALYZE shifting;
CREATE FUNCTION alter_it(command text) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN EXECUTE command; RETURN 1; END';
CREATE FUNCTION while_altered(workers int, command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	answer := error_of(workers, 'SELECT * FROM shifting WHERE touch_id BETWEEN 1000 AND 500000',
		format('SELECT visitor, converted_at, conversion_id, amount FROM sale UNION ALL SELECT alter_it(%L), ''2024-02-01Z'', 1, 1', command));
	RAISE SQLSTATE 'ZZ000' USING message = answer;  -- back to the table as it was
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
	RETURN SQLERRM;
END $$;
SET enable_seqscan = off;
SET min_parallel_index_scan_size = 0;
SELECT command, w = while_altered(0, command) AS same, w = while_altered(0, 'SELECT') AS as_if_not, CASE WHEN w NOT LIKE 'IN%' THEN p END AS processes, CASE WHEN w LIKE 'IN%' THEN w END AS error
FROM unnest('{SELECT,DROP INDEX shifting_id,ALTER TABLE shifting ADD COLUMN more int,ALTER TABLE shifting ALTER COLUMN visitor TYPE text,ALTER TABLE shifting RENAME COLUMN creator_id TO maker_id}'::text[]) AS command,
	LATERAL while_altered(2, command) AS w, LATERAL (SELECT processes() WHERE w > '') AS stats (p);
RESET enable_seqscan;
RESET min_parallel_index_scan_size;

-- A cancel reaches the workers, whatever they do: they are gone when it is answered.
CREATE FUNCTION cancelled(touches text, sales text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN totals(2, touches, sales);
EXCEPTION WHEN query_canceled THEN
	RETURN SQLERRM || ': ' || left_over();
END $$;
SET statement_timeout = '300ms';
SELECT cancelled('SELECT t.visitor + 1000 AS visitor, touched_at, touch_id, creator_id FROM touch AS t, generate_series(1, 1000000)', 'TABLE sale');
SELECT cancelled('TABLE touch', 'SELECT t.visitor, t.touched_at AS converted_at, t.touch_id AS conversion_id FROM touch AS t, generate_series(1, 1000000)');
RESET statement_timeout;

-- SPILLS: 400,000 touches, most of them of one guest, are more than each process may keep. They go to files, and the guest's partition
-- through an external sort, in whichever process has it.
CREATE TABLE many AS
SELECT CASE WHEN n % 11 < 10 THEN 1 ELSE n % 4000 END AS visitor, '2024-01-01Z'::timestamptz + n % 100000 * interval '10 seconds' AS touched_at, n AS touch_id, n * 7 % 11 AS creator_id FROM generate_series(1, 400000) AS n;
CREATE TABLE few AS
SELECT CASE WHEN n % 2 = 0 THEN 1 ELSE n % 4000 END AS visitor, '2024-01-01Z'::timestamptz + n * interval '9 minutes' AS converted_at, n AS conversion_id, n AS amount FROM generate_series(1, 2000) AS n;
ANALYZE many, few;
SET work_mem = '4MB';
SELECT sort, totals(0, 'TABLE many', 'TABLE few', sort) = totals(2, 'TABLE many', 'TABLE few', sort) AS same, processes(), left_over()
FROM unnest('{last_touch,linear}'::text[]) AS sort;
SELECT spilled_bytes > 5000000 AS spilled, oversized_partitions FROM influence.last_attribution_stats();
-- conversions are spilled as well, and the touches after them
SELECT totals(0, 'TABLE many', q, 'last_touch') = totals(2, 'TABLE many', q, 'last_touch') AS same, processes(), left_over()
FROM (VALUES ('SELECT visitor, touched_at AS converted_at, touch_id AS conversion_id, 3 AS amount FROM many')) AS v (q);
SELECT spilled_bytes > 15000000 AS spilled FROM influence.last_attribution_stats();
RESET work_mem;

SET client_min_messages = warning;
DROP SCHEMA parallel_test CASCADE;
DROP ROLE parallel_test_1;

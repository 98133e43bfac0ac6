--
-- item_neighbors() and rank_items(): items that the same users chose. Expected
-- numbers are by hand, in the comments; test/oracle/check_neighbors.py does many.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_influence;

-- users of item 1: a b c d; of 2: a b e; of 3: a c; of 4: f alone
CREATE TABLE choice (user_id bigint, item_id int, at timestamptz, weight float8 DEFAULT 1);
INSERT INTO choice (user_id, item_id, at) VALUES
	(1, 1, '2026-01-01'), (1, 2, '2026-01-02'), (1, 3, '2026-01-03'),
	(2, 1, '2026-01-01'), (2, 2, '2026-01-02'),
	(3, 1, '2026-01-01'), (3, 3, '2026-01-01'),
	(4, 1, '2026-01-01'), (5, 2, '2026-01-01'), (6, 4, '2026-01-01');

-- the cosine: 1~2 2 / sqrt(12) = .577350, 1~3 2 / sqrt(8) = .707107, 2~3 1 / sqrt(6) = .408248
SELECT item_id, neighbor_id, round(similarity::numeric, 6) AS similarity
  FROM influence.item_neighbors('SELECT user_id, item_id, at FROM choice', shrink => 0);
-- shrunk by c / (c + 10): .577350 * 2 / 12, .707107 * 2 / 12, .408248 / 11
SELECT item_id, neighbor_id, round(similarity::numeric, 6) AS similarity
  FROM influence.item_neighbors('SELECT user_id, item_id, at FROM choice');
-- the nearest one of each
SELECT item_id, neighbor_id FROM influence.item_neighbors('SELECT user_id, item_id, at FROM choice', k => 1);
-- the newest two of each user: 1 has 2 and 3, user 3's are equally late and both kept. 1~2 1 / sqrt(3 * 3), 1~3 1 / sqrt(3 * 2), 2~3 the same
SELECT item_id, neighbor_id, round(similarity::numeric, 6) AS similarity
  FROM influence.item_neighbors('SELECT user_id, item_id, at FROM choice', shrink => 0, max_history => 2);
-- the newest one: nobody has two, and of user 3's equally late ones it is 3
SELECT count(*) FROM influence.item_neighbors('SELECT user_id, item_id, at FROM choice', max_history => 1);

-- the latest of a user and item counts, whatever comes first: a later weight takes the place of an earlier one
INSERT INTO choice VALUES (1, 1, '2025-01-01', 100), (2, 1, '2026-02-01', 2), (2, 1, '2026-02-01', 1.5);
-- weights of 1: 1 2 1 1, squares 7; of 2: 1 1 1, of 3: 1 1. 1~2: 1 + 2 = 3 / sqrt(21) = .654654; 1~3: 2 / sqrt(14) = .534522; 2~3 as before
SELECT item_id, neighbor_id, round(similarity::numeric, 6) AS similarity
  FROM influence.item_neighbors('SELECT * FROM choice', shrink => 0);
-- repeated choices change nothing without weights, but for their time
SELECT item_id, neighbor_id, round(similarity::numeric, 6) AS similarity
  FROM influence.item_neighbors('SELECT user_id, item_id, at FROM choice', shrink => 0);
-- rows with a NULL or the weight 0 don't count
SELECT item_id, neighbor_id, round(similarity::numeric, 6) AS similarity
  FROM influence.item_neighbors($$SELECT * FROM choice WHERE user_id <= 2
	UNION ALL VALUES (NULL, 3, now(), 1), (2, NULL, now(), 1), (2, 3, NULL, 1), (2, 3, now(), NULL), (2, 3, now(), 0)$$, shrink => 0)
 WHERE item_id = 3;
-- users by uuid and text, times by date and number; those of text are told apart by every byte
SELECT item_id, neighbor_id, round(similarity::numeric, 6) AS similarity
  FROM influence.item_neighbors('SELECT lpad(user_id::text, 32, ''0'')::uuid AS user_id, item_id, at::date FROM choice', shrink => 0, k => 1);
SELECT item_id, neighbor_id, round(similarity::numeric, 6) AS similarity
  FROM influence.item_neighbors($$SELECT * FROM (VALUES ('a'::text, 1, 5), ('a', 2, 5), ('A', 1, 5), ('a ', 2, 5)) v(user_id, item_id, at)$$, shrink => 0);
-- nothing has no neighbours
SELECT count(*) FROM influence.item_neighbors('SELECT user_id, item_id, at FROM choice WHERE false');
-- infinite times are the first and the last
SELECT item_id, neighbor_id FROM influence.item_neighbors($$SELECT * FROM (VALUES (1, 1, timestamptz 'infinity'), (1, 2, '-infinity'), (1, 3, '2026-01-01')) v(user_id, item_id, at)$$, max_history => 2);

-- in temporary files as in memory, in one order of rows as in another: 300,000 rows are beyond the least memory
SELECT setseed(0.25);
CREATE TABLE many AS
SELECT (10000 * random()^2)::bigint AS user_id, (3000 * random()^2)::bigint AS item_id, (100 * random())::int AS at, (random() * 5)::float8 AS weight
  FROM generate_series(1, 300000);
-- a user with more rows than fit at a time
INSERT INTO many SELECT 20000, n % 3000, n, 1 FROM generate_series(1, 60000) n;
CREATE FUNCTION pg_temp.digest(query text) RETURNS text LANGUAGE sql AS
$$ SELECT md5(string_agg(n::text, ';')) FROM influence.item_neighbors(query, max_history => 200) n $$;
SET work_mem = '64kB';
CREATE TABLE digest AS
SELECT pg_temp.digest('SELECT user_id, item_id, at FROM many ORDER BY user_id') AS plain,
	   pg_temp.digest('SELECT user_id::text, item_id, at, weight FROM many ORDER BY user_id') AS weighted;
SET work_mem = '256MB';
SELECT plain = pg_temp.digest('SELECT user_id, item_id, at FROM many ORDER BY at, item_id') AS plain,
	   weighted = pg_temp.digest('SELECT user_id, item_id, at, weight FROM many ORDER BY weight') AS weighted
  FROM digest;
-- and as the self-join counts
WITH latest AS (
	SELECT user_id, item_id, max(at) AS at FROM many GROUP BY user_id, item_id
), history AS (
	SELECT user_id, item_id FROM (SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY at DESC, item_id DESC) AS place FROM latest) h
	 WHERE place <= 200
), users AS (
	SELECT item_id, count(*)::float8 AS n FROM history GROUP BY item_id
), pairs AS (
	SELECT a.item_id, b.item_id AS neighbor_id, count(*)::float8 AS c
	  FROM history a JOIN history b ON b.user_id = a.user_id AND b.item_id <> a.item_id
	 WHERE a.item_id % 100 = 0
	 GROUP BY a.item_id, b.item_id
), ranked AS (
	SELECT p.item_id, p.neighbor_id, p.c * p.c / (sqrt(a.n * b.n) * (p.c + 10)) AS similarity,
		   row_number() OVER (PARTITION BY p.item_id ORDER BY p.c * p.c / (sqrt(a.n * b.n) * (p.c + 10)) DESC, p.neighbor_id) AS place
	  FROM pairs p JOIN users a USING (item_id) JOIN users b ON b.item_id = p.neighbor_id
)
SELECT count(*), count(*) FILTER (WHERE n.similarity = r.similarity) AS equal
  FROM (SELECT * FROM ranked WHERE place <= 50) r
  FULL JOIN (SELECT * FROM influence.item_neighbors('SELECT user_id, item_id, at FROM many', max_history => 200) WHERE item_id % 100 = 0) n
	   USING (item_id, neighbor_id);

-- a query may lock what it reads, wherever it says so
SELECT count(*) FROM influence.item_neighbors('SELECT * FROM (SELECT user_id, item_id, at FROM choice FOR SHARE) c', shrink => 0);
-- what can't be meant
SELECT influence.item_neighbors(NULL);
SELECT influence.item_neighbors('SELECT 1');
SELECT influence.item_neighbors('DELETE FROM choice');
SELECT influence.item_neighbors('SELECT 1; SELECT 2');
\echo :LAST_ERROR_SQLSTATE
SELECT influence.item_neighbors('SELECT true AS user_id, 1 AS item_id, 1 AS at');
SELECT influence.item_neighbors('SELECT 1 AS user_id, ''x''::text AS item_id, 1 AS at');
SELECT influence.item_neighbors('SELECT 1 AS user_id, 1 AS item_id, 1.5 AS at');
SELECT influence.item_neighbors('SELECT 1 AS user_id, 1 AS item_id, 1 AS at, 2 AS at');
SELECT influence.item_neighbors('SELECT user_id, item_id, at FROM choice', k => 0);
SELECT influence.item_neighbors('SELECT user_id, item_id, at FROM choice', max_history => -1);
SELECT influence.item_neighbors('SELECT user_id, item_id, at FROM choice', shrink => 'NaN');
SELECT influence.item_neighbors('SELECT user_id, item_id, at, -1 AS weight FROM choice');
SELECT influence.item_neighbors('SELECT user_id, item_id, at, float8 ''NaN'' AS weight FROM choice');
\echo :LAST_ERROR_SQLSTATE
SELECT influence.item_neighbors('SELECT n AS user_id, 1 AS item_id, 1 AS at, 500000 AS weight FROM generate_series(1, 3) n');

-- rank_items(): the newest of the history first. 2~1 .5, 2~4 .25, 3~4 .4
CREATE TABLE near (item_id bigint, neighbor_id bigint, similarity float8);
INSERT INTO near VALUES (2, 1, .5), (2, 4, .25), (3, 4, .4), (3, 2, .9), (9, 1, 1);
-- half_life 1: 4 = .4 + .5 * .25 = .525; 1 = .5 * .5; 2 is in the history, 9 is not
SELECT * FROM influence.rank_items('{3,2}', 'SELECT * FROM near', half_life => 1);
-- the other way round: 1 = .5, 4 = .25 + .5 * .4 = .45
SELECT * FROM influence.rank_items('{2,3}', 'SELECT * FROM near WHERE item_id = ANY ($1)', half_life => 1);
-- the same by times
SELECT * FROM influence.rank_items('{3,2}', 'SELECT * FROM near', at => '{2026-01-01,2026-01-02}', half_life => 1);
-- weights: 4 = 3 * .4 + .5 * .25, 1 = .5 * .5; and without decay: 1 = .5, 4 = 1.2 + .25
SELECT * FROM influence.rank_items('{3,2}', 'SELECT * FROM near', weights => '{3,1}', half_life => 1);
SELECT * FROM influence.rank_items('{3,2}', 'SELECT * FROM near', weights => '{3,1}', half_life => 'infinity', page_size => 1);
-- 2 twice, at places 0 and 2: (1 + .25) * .5 = .625, and 4 = 1.25 * .25 + .5 * .4 = .5125
SELECT * FROM influence.rank_items('{2,3,2}', 'SELECT * FROM near', half_life => 1);
-- what counts for nothing, and ties
SELECT * FROM influence.rank_items('{1}', $$VALUES (1, 2)$$);
SELECT * FROM influence.rank_items('{1}', $$SELECT * FROM (VALUES (1, 5, .5::float8), (1, 4, .5), (1, 6, 0), (1, 7, -1), (1, NULL, 1), (NULL, 8, 1), (1, 9, NULL)) v(item_id, neighbor_id, similarity)$$);
SELECT * FROM influence.rank_items('{}', 'SELECT * FROM near');
SELECT * FROM influence.rank_items('{1,NULL}', 'SELECT * FROM near');
SELECT * FROM influence.rank_items('{1}', 'SELECT * FROM near', weights => '{1,2}');
SELECT * FROM influence.rank_items('{1}', 'SELECT * FROM near', weights => '{-1}');
SELECT * FROM influence.rank_items('{1}', 'SELECT * FROM near', half_life => 0);
SELECT * FROM influence.rank_items('{1}', 'SELECT * FROM near', page_size => 0);
SELECT * FROM influence.rank_items('{9}', 'SELECT item_id, neighbor_id, ''NaN''::float8 AS similarity FROM near');
SELECT * FROM influence.rank_items('{1}', 'SELECT 1 AS item_id');
SELECT * FROM influence.rank_items(NULL, 'SELECT * FROM near');

DROP TABLE choice, many, digest, near;

--
-- Decayed counters as they are written: each row by its key, with scores that are
-- those of its sums and of the votes of all programs; what says the same as
-- before stays as it is; and a table of which something else is asked gets the same rows.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program(n, 'EUR', 'UTC', '{"max_touch_delay": "100 years"}', '{"hold": "0"}') FROM unnest('{Shop,Other,Third}'::text[]) n;
UPDATE influence.program SET created_at = '2020-01-01';
SELECT pg_temp.new_creator('c' || c) FROM generate_series(1, 3) c;
SELECT count(*) FROM (VALUES ('all', NULL), ('garden', 1), ('tools', 2), ('home', 1)) c(n, p), influence.create_category(c.n, c.p);
SELECT count(*) FROM generate_series(1, 8) i, influence.add_product('p' || i, 'P', 1 + i % 4, 1000, 'EUR', 5, valid_from => '2024-01-01');
SELECT count(*) FROM generate_series(1, 40) v, influence.register_shopper(pg_temp.visitor(v));
UPDATE influence.shopper SET created_at = '2024-01-01';
SELECT count(*) FROM generate_series(1, 5) i, influence.publish_post(1 + i % 3, 1 + i % 3, 'post ' || i, 'photo', jsonb_build_array(jsonb_build_object('product_id', i)), published_at => '2024-05-01');
CREATE FUNCTION pg_temp.touch(program int, product int, ref text, at timestamptz DEFAULT '2024-06-01') RETURNS text LANGUAGE sql AS
$$ SELECT status FROM influence.record_touch($1, pg_temp.visitor(9), $3, 'click', NULL, $4, $2) $$;
CREATE FUNCTION pg_temp.rows() RETURNS text LANGUAGE sql AS
$$ SELECT md5(string_agg(t::text, ',' ORDER BY t.kind, t.item_id, t.scope_id, t.program_id)) FROM influence.trend_state t $$;
-- rows with a score that is not that of their sum and the votes
CREATE FUNCTION pg_temp.wrong_rows() RETURNS bigint LANGUAGE sql AS $$
	WITH scores AS (
		SELECT t.*, h.n, nullif(influence_internal.decayed_score_final(influence_internal.decayed_state_plus(h.state, h.votes)), '-Infinity') AS expected, h.score, h.other, h.step
		  FROM influence.trend_state t
		  LEFT JOIN influence.trend_state v ON v.kind = t.kind AND v.item_id = t.item_id AND v.scope_id = t.scope_id AND v.program_id = 0
		 CROSS JOIN LATERAL (VALUES (1, t.state_6h, v.state_6h, t.score_6h, t.other_score_6h, t.step_6h), (2, t.state_3d, v.state_3d, t.score_3d, t.other_score_3d, t.step_3d),
				(2, t.state_30d, v.state_30d, t.score_30d, t.other_score_30d, t.step_30d)) h(n, state, votes, score, other, step))
	SELECT count(*) FROM scores
	 WHERE (score, other, step) IS DISTINCT FROM (CASE WHEN program_id <> 0 AND kind = 'post' THEN expected END, CASE WHEN program_id <> 0 AND kind <> 'post' THEN expected END,
			CASE WHEN program_id <> 0 AND kind <> 'post' AND scope_id = 0 THEN floor(expected * n) END) $$;

-- Votes alone: what three programs have of the product and of its categories is scored anew, and counts as changed; in the
-- garden another product has its own.
SELECT status FROM influence.refresh_stats(days => false);
SELECT pg_temp.touch(n, 2, 'a' || n) FROM generate_series(1, 3) n;
SELECT pg_temp.touch(1, 1, 'b');
SELECT trends FROM influence.refresh_stats(days => false);
SELECT status FROM influence.vote_product(pg_temp.visitor(1), 2, 1, '2024-06-01');
SELECT trends FROM influence.refresh_stats(days => false);
SELECT kind, item_id, program_id, list_id, round(power(2::numeric, (score - 8918 * 4)::numeric), 6) AS events FROM (SELECT *, other_score_6h AS score FROM influence.trend_state) t ORDER BY 1, 2, 3;
SELECT pg_temp.wrong_rows();
-- a vote with a touch in one of them: the others again, each once; and a touch where the votes are stored
SELECT status FROM influence.vote_product(pg_temp.visitor(2), 2, 1, '2024-06-01');
SELECT pg_temp.touch(2, 2, 'c');
SELECT trends FROM influence.refresh_stats(days => false);
SELECT pg_temp.touch(3, 2, 'd');
SELECT trends FROM influence.refresh_stats(days => false);
SELECT program_id, round(power(2::numeric, (other_score_6h - 8918 * 4)::numeric), 6) AS events FROM influence.trend_state WHERE kind = 'product' AND item_id = 2 ORDER BY 1;
-- so many votes against it that nothing is left: no score anywhere; taken back, it is there again
SELECT count(*) FROM generate_series(10, 16) v, influence.vote_product(pg_temp.visitor(v), 2, -1, '2024-06-01');
SELECT trends FROM influence.refresh_stats(days => false);
SELECT count(*), count(other_score_6h) AS scores, count(step_30d) AS steps, pg_temp.wrong_rows() FROM influence.trend_state WHERE kind = 'product' AND item_id = 2;
SELECT count(*) FROM generate_series(10, 16) v, influence.vote_product(pg_temp.visitor(v), 2, 0, '2024-06-02');
SELECT trends FROM influence.refresh_stats(days => false);
SELECT program_id, round(power(2::numeric, (other_score_6h - 8918 * 4)::numeric), 6) AS events FROM influence.trend_state WHERE kind = 'product' AND item_id = 2 ORDER BY 1;

-- Batch by batch it is what it is at once, in every byte but those of sums of which votes were taken off, and what is right
-- is not written: every row is the one that was there.
DO $$
DECLARE
	n int;
BEGIN
	FOR i IN 1 .. 12 LOOP
		FOR j IN 1 .. 5 * i LOOP
			n := 1000 * i + j;
			PERFORM pg_temp.touch(1 + (n * 7) % 3, 1 + (n * 5) % 8, 'n' || n, timestamptz '2024-05-20' + n % 997 * interval '17 minutes');
			PERFORM influence.react(pg_temp.visitor(1 + n % 40), 1 + n % 5, (ARRAY['smile', 'share', 'click'])[1 + n % 3], 'n' || n, timestamptz '2024-05-20' + n % 991 * interval '19 minutes');
		END LOOP;
		PERFORM influence.record_order(1 + i % 3, pg_temp.visitor(i), 'o' || i, '[{"line_no": 1, "product_id": 4, "quantity": 1, "paid_price": 1000}]', timestamptz '2024-05-20' + i * interval '1 day');
		COMMIT;
		PERFORM influence.refresh_stats(false);
		COMMIT;
	END LOOP;
END $$;
SELECT kind, count(*), count(*) FILTER (WHERE scope_id <> 0) AS scoped, count(DISTINCT program_id) AS programs FROM influence.trend_state GROUP BY 1 ORDER BY 1;
SELECT pg_temp.wrong_rows();
SELECT status, trends FROM influence.rebuild_trends();
CREATE TEMP TABLE kept AS SELECT ctid AS place, xmin AS writer, * FROM influence.trend_state;
SELECT status, trends FROM influence.rebuild_trends();
SELECT count(*) AS there, count(*) FILTER (WHERE k.place = t.ctid AND k.writer = t.xmin) AS untouched FROM influence.trend_state t JOIN kept k USING (kind, item_id, scope_id, program_id);
SELECT pg_temp.rows() AS rows \gset
BEGIN;
TRUNCATE influence.trend_state;
SELECT trends = (SELECT count(*) FROM kept WHERE program_id <> 0) AS all_new FROM influence.rebuild_trends();
SELECT pg_temp.rows() = :'rows' AS the_same;
ROLLBACK;

-- Counted anew, rows of which there is no fact are deleted: before the first, between others, after the last, of votes, too.
-- One that is missing is added, one that says something else is put right.
INSERT INTO influence.trend_state (kind, item_id, scope_id, program_id, list_id, state_6h, state_3d, state_30d)
SELECT n.kind, n.item_id, n.scope_id, n.program_id, 0, k.state_6h, k.state_3d, k.state_30d
  FROM (VALUES ('category', -1, 0, 1), ('category', 99, 0, 0), ('creator', 1, 3, 99), ('post', 2, 0, 99), ('product', 1, 7, 1), ('product', 99, 0, 0), ('product', 99, 0, 1)) n(kind, item_id, scope_id, program_id),
	   (SELECT * FROM kept LIMIT 1) k;
DELETE FROM influence.trend_state WHERE kind = 'creator' AND item_id = 2 AND scope_id = 0;
UPDATE influence.trend_state SET score_6h = 1 WHERE kind = 'post' AND item_id = 3;
UPDATE influence.trend_state SET step_3d = 1 WHERE kind = 'product' AND item_id = 5;
UPDATE influence.trend_state SET list_id = 99 WHERE kind = 'product' AND item_id = 4 AND program_id = 2;
SELECT (SELECT count(*) FROM kept WHERE kind = 'creator' AND item_id = 2 AND scope_id = 0) + 7 + 1 + 1 - trends AS not_told FROM influence.rebuild_trends();
SELECT pg_temp.rows() = :'rows' AS the_same;

-- Where a table has what its owner has put there, the same rows come by statements: a trigger of rows, a generated column,
-- row security. A column of theirs keeps what it has, and has its default in a new row.
ALTER TABLE influence.trend_state ADD note int NOT NULL DEFAULT 7 CHECK (note < 9);
UPDATE influence.trend_state SET note = 8;
SELECT pg_temp.touch(n, 8, 'z' || n, '2024-06-05') FROM generate_series(1, 3) n;
SELECT status FROM influence.react(pg_temp.visitor(8), 2, 'share', 'z', '2024-06-05');
SELECT status FROM influence.vote_product(pg_temp.visitor(8), 1, 1, '2024-06-05');
DELETE FROM influence.trend_state WHERE kind = 'product' AND item_id = 8 AND program_id = 3;
CREATE TEMP TABLE written (path text, call text, trends bigint, rows text, notes text);
CREATE TEMP TABLE fired (operation text);
CREATE FUNCTION pg_temp.fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO pg_temp.fired VALUES (TG_OP);
	RETURN coalesce(NEW, OLD);
END $$;
-- what a run of the job and a recount write, each undone
CREATE PROCEDURE pg_temp.write(path text, statement text) LANGUAGE plpgsql AS $$
DECLARE
	call text;
	trends bigint;
	told text[];
BEGIN
	FOREACH call IN ARRAY '{refresh_stats(false),rebuild_trends()}'::text[] LOOP
		BEGIN
			EXECUTE statement;
			IF call = 'rebuild_trends()' THEN
				INSERT INTO influence.trend_state (kind, item_id, scope_id, program_id, list_id, state_6h, state_3d, state_30d)
				SELECT 'product', 99, 0, 1, 0, k.state_6h, k.state_3d, k.state_30d FROM kept k LIMIT 1;
				UPDATE influence.trend_state SET list_id = 99 WHERE kind = 'creator';
				DELETE FROM fired;
			END IF;
			EXECUTE 'SELECT trends FROM influence_internal.' || call INTO trends;
			told := ARRAY[(SELECT md5(string_agg(concat_ws(' ', t.kind, t.item_id, t.scope_id, t.program_id, t.list_id, t.score_6h, t.score_3d, t.score_30d, t.other_score_6h, t.other_score_3d, t.other_score_30d,
							t.step_6h, t.step_3d, t.step_30d, t.state_6h, t.state_3d, t.state_30d), ',' ORDER BY t.kind, t.item_id, t.scope_id, t.program_id)) FROM influence.trend_state t),
				(SELECT string_agg(concat_ws(' ', t.note, t.count), ', ' ORDER BY t.note) FROM (SELECT note, count(*) FROM influence.trend_state GROUP BY 1) t),
				(SELECT string_agg(concat_ws(' ', f.operation, f.count), ', ' ORDER BY f.operation) FROM (SELECT operation, count(*) FROM fired GROUP BY 1) f)];
			RAISE EXCEPTION USING ERRCODE = 'ZZ000';
		EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
			INSERT INTO written VALUES (path, call, trends, told[1], concat_ws('; ', told[2], told[3]));
		END;
	END LOOP;
END $$;
CALL pg_temp.write('plain', '');
CALL pg_temp.write('trigger', 'CREATE TRIGGER fire BEFORE INSERT OR UPDATE OR DELETE ON influence.trend_state FOR EACH ROW EXECUTE FUNCTION pg_temp.fire()');
CALL pg_temp.write('generated', 'ALTER TABLE influence.trend_state ADD twice bigint GENERATED ALWAYS AS (2 * list_id) STORED');
CALL pg_temp.write('row security', 'ALTER TABLE influence.trend_state ENABLE ROW LEVEL SECURITY');
SELECT w.path, w.call, w.trends, w.rows = p.rows AS the_same, w.notes FROM written w JOIN written p ON p.path = 'plain' AND p.call = w.call ORDER BY w.call, w.path;
-- what the job would not see it would count as new
ALTER TABLE influence.trend_state ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT pg_temp.refused('refresh_stats(false)');
ALTER TABLE influence.trend_state DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
-- nor does it guess what a column of another type means, or which key a table without one has
ALTER TABLE influence.trend_state ALTER scope_id TYPE int;
SELECT pg_temp.refused('refresh_stats(false)');
ALTER TABLE influence.trend_state ALTER scope_id TYPE bigint, DROP CONSTRAINT trend_state_pkey;
SELECT pg_temp.refused('refresh_stats(false)');
ALTER TABLE influence.trend_state ADD PRIMARY KEY (kind, item_id, program_id, scope_id);
SELECT pg_temp.refused('refresh_stats(false)');
ALTER TABLE influence.trend_state DROP CONSTRAINT trend_state_pkey, ADD PRIMARY KEY (kind, item_id, scope_id, program_id);
-- an error of a row's own stops the job, and nothing of it stays
ALTER TABLE influence.trend_state ADD CONSTRAINT few CHECK (kind <> 'post' OR score_6h < 35690) NOT VALID;
SELECT pg_temp.rows() AS rows \gset
SELECT pg_temp.refused('refresh_stats(false)');
SELECT pg_temp.rows() = :'rows' AS the_same;
ALTER TABLE influence.trend_state DROP CONSTRAINT few, DROP note;
SELECT trends > 0 FROM influence.refresh_stats(days => false);
SELECT pg_temp.wrong_rows();
-- a caller of the kernel who sorts otherwise, or has other columns, is told so
SELECT pg_temp.error_of(format($$ SELECT influence_internal.write_trends(%L, '1:1:', '1:1:', NULL, false, false) $$, came))
  FROM unnest(ARRAY['SELECT kind, item_id, scope_id, program_id, list_id, state_6h, state_3d, state_30d FROM influence.trend_state ORDER BY 1, 2, 3 DESC', 'SELECT 1']) came;

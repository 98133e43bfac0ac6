--
-- Quotas of posts per month, by the program's time zone, and samples with the
-- posts owed for them. Tokyo is nine hours ahead of UTC.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'EUR', 'Asia/Tokyo', '{}', '{}');
SELECT pg_temp.new_program('Other', 'EUR', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator('anna');
SELECT pg_temp.new_creator('bert');
SELECT pg_temp.new_creator('cleo');
SELECT influence.create_category('tools'), influence.add_product('p1', 'Drill', 1), influence.add_product('p2', 'Saw', 1);
CREATE FUNCTION pg_temp.post(creator bigint, ref text, at timestamptz, program bigint DEFAULT 1, product bigint DEFAULT 1, disclosure text DEFAULT 'affiliate') RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.refused(format('publish_post(%s, %s, %L, ''photo'', ''[{"product_id": %s}]'', published_at => %L, disclosure => %L)', program, creator, ref, product, at, disclosure)) $$;
CREATE FUNCTION pg_temp.left_over(creator bigint, at timestamptz, program bigint DEFAULT 1) RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.error_of(format('SELECT influence_internal.require_quota(%s, %s, %L)', program, creator, at)) $$;

-- The program's: one to two posts a month from 2024-02 (Tokyo) on, up to three in March; anna's own: none owed, up to one in April.
SELECT * FROM influence.set_quota(1, 0, 1, 2, '2024-01-31 15:00', 'infinity');
SELECT * FROM influence.set_quota(1, 0, 1, 2, '2024-01-31 15:00', 'infinity');
SELECT * FROM influence.set_quota(1, 0, 1, 3, '2024-02-29 15:00', '2024-03-31 15:00');
SELECT * FROM influence.set_quota(1, 0, 1, 3, '2024-02-29 15:00', '2024-03-31 15:00');
SELECT * FROM influence.set_quota(1, 1, NULL, 1, '2024-03-31 15:00', '2024-04-30 15:00');
SELECT * FROM influence.set_quota(1, 0, valid_from => '2024-06-30 15:00');
SELECT creator_id, version, min_posts, max_posts, valid, stated IS NULL AS resumed FROM influence.post_quota ORDER BY 1, 2;
SELECT * FROM pg_temp.not_refused('IN011', $$set_quota(1, 0, 1, 1, '2024-02-15', '2024-03-15')$$, $$set_quota(1, 0, 1, 1, '2024-01-01')$$, $$set_quota(1, 0, 1, 3, '2024-01-31 15:00')$$, $$set_quota(1, 1, 0, 9, '2024-04-30 14:59', '2024-05-01')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$set_quota(1, 0, -1)$$, $$set_quota(1, 0, NULL, -1)$$, $$set_quota(1, 0, 3, 2)$$, $$set_quota(1, NULL, 1)$$, $$set_quota(1, 0, 1, 2, NULL)$$, $$set_quota(1, 0, 1, 2, 'infinity')$$,
	$$set_quota(1, 0, 1, 2, '2030-01-01', '2030-01-01')$$, $$set_quota(1, 0, 1, 2, '2030-01-01', NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_quota(99)$$, $$set_quota(NULL)$$, $$set_quota(1, 99)$$);

-- Two in February of Tokyo: the third is one too many, the same instant in March is not.
INSERT INTO influence.post (creator_id, post_ref, program_id, kind, published_at, content_hash)
SELECT 1, 'c' || n, p, 'photo', at, '\x00'
FROM unnest('{2024-01-31 14:59:59.999999,2024-01-31 15:00,2024-02-29 14:59:59.999999,2024-02-10}'::timestamptz[], '{1,1,1,2}'::int[]) WITH ORDINALITY x(at, p, n);
SELECT at, pg_temp.left_over(1, at), pg_temp.left_over(2, at) AS bert, pg_temp.left_over(1, at, 2) AS elsewhere
FROM unnest('{2024-01-31 14:59:59.999999,2024-01-31 15:00,2024-02-29 14:59:59.999999,2024-02-29 15:00}'::timestamptz[]) at;
-- a removed post frees its place
SELECT status FROM influence.set_post_status(2, 'removed', 'broken', 'ops', '2024-02-02');
SELECT pg_temp.left_over(1, '2024-02-15');
SELECT status FROM influence.set_post_status(2, 'published', 'mended', 'ops', '2024-02-03');
SELECT pg_temp.left_over(1, '2024-02-15');
-- March has room for three, anna's own April for one
INSERT INTO influence.post (creator_id, post_ref, program_id, kind, published_at, content_hash)
SELECT 1, 'd' || n, 1, 'photo', at, '\x00' FROM unnest('{2024-03-01,2024-03-02,2024-04-01}'::timestamptz[]) WITH ORDINALITY x(at, n);
SELECT at, pg_temp.left_over(1, at), pg_temp.left_over(2, at) AS bert FROM unnest('{2024-03-15,2024-04-15,2024-05-15,2024-07-15}'::timestamptz[]) at;
-- cleo leaves in April: she owes nothing from then on
SELECT status FROM influence.decide_application(1, 3, 'withdrawn', 'left', 'ops', '2024-04-10');
SELECT creator_id, period, min_posts, max_posts, posts, missing, over, ended FROM influence.quota_status WHERE program_id = 1 ORDER BY 1, 2;
SELECT count(*) FROM influence.quota_status WHERE program_id = 2;
-- the present month of a quota for ever: the post of the future is not there yet
SELECT status FROM influence.set_quota(2, 2, 2, 2, date_trunc('month', now()));
INSERT INTO influence.post (creator_id, post_ref, program_id, kind, published_at, content_hash) VALUES (2, 'now', 2, 'photo', now(), '\x00'), (2, 'later', 2, 'photo', now() + interval '1 day', '\x00');
SELECT creator_id, min_posts, max_posts, posts, missing, over, ended FROM influence.quota_status WHERE program_id = 2;

-- Samples. Anna gets two drills, owes two posts in May; bert one without deadline.
SELECT * FROM influence.send_sample(1, 1, 's1', 1, 'ops', 2, 9900, sent_at => '2024-05-01', posts_due => 2, due_at => '2024-06-01');
SELECT * FROM influence.send_sample(1, 1, 's1', 1, 'ops', 2, 9900, sent_at => '2024-05-01', posts_due => 2, due_at => '2024-06-01');
SELECT * FROM influence.send_sample(1, 2, 's2', 2, 'ops', value => 5000, currency => 'JPY', sent_at => '2024-05-01', note => 'by post');
SELECT * FROM influence.send_sample(1, 2, 's3', 1, 'ops', sent_at => '2024-05-01', posts_due => 0, due_at => '2024-05-02');
SELECT * FROM influence.send_sample(1, 1, 's4', 2, 'ops', value => 1000, sent_at => now() - interval '1 day', due_at => now() + interval '1 day');
-- a retry is one, also when its posts are due
BEGIN;
SELECT clock_timestamp() AS soon \gset
SELECT status FROM influence.send_sample(1, 1, 's11', 2, 'ops', due_at => :'soon');
COMMIT;
SELECT status FROM influence.send_sample(1, 1, 's11', 2, 'ops', due_at => :'soon');
DELETE FROM influence.sample WHERE sample_ref = 's11';
SELECT * FROM pg_temp.not_refused('IN004', $$send_sample(1, 1, 's1', 1, 'ops', 3, 9900, sent_at => '2024-05-01', posts_due => 2, due_at => '2024-06-01')$$, $$send_sample(1, 2, 's1', 1, 'ops', 2, 9900, sent_at => '2024-05-01', posts_due => 2, due_at => '2024-06-01')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$send_sample(1, 1, NULL, 1, 'ops')$$, $$send_sample(1, 1, 'x', 1, NULL)$$, $$send_sample(1, 1, 'x', 1, 'ops', 0)$$, $$send_sample(1, 1, 'x', 1, 'ops', NULL)$$, $$send_sample(1, 1, 'x', 1, 'ops', 1, -1)$$,
	$$send_sample(1, 1, 'x', 1, 'ops', 1, NULL)$$, $$send_sample(1, 1, 'x', 1, 'ops', 1, 1, 'euro')$$, $$send_sample(1, 1, 'x', 1, 'ops', sent_at => 'infinity')$$, $$send_sample(1, 1, 'x', 1, 'ops', sent_at => '1980-01-01')$$,
	$$send_sample(1, 1, 'x', 1, 'ops', posts_due => -1)$$, $$send_sample(1, 1, 'x', 1, 'ops', posts_due => NULL)$$, $$send_sample(1, 1, 'x', 1, 'ops', sent_at => '2024-05-01', due_at => '2024-05-01')$$, $$send_sample(1, 1, 'x', 1, 'ops', due_at => 'infinity')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$send_sample(99, 1, 'x', 1, 'ops')$$, $$send_sample(1, 99, 'x', 1, 'ops')$$, $$send_sample(1, 1, 'x', 99, 'ops')$$, $$return_sample(1, 'nothing', 'ops')$$, $$return_sample(2, 's1', 'ops')$$);
SELECT * FROM pg_temp.not_refused('IN005', $$send_sample(1, 1, 'x', 1, 'ops', sent_at => '2020-01-01')$$);		-- before the admission

-- One post in time, two too late, one of another product, one in the other program, one removed.
SELECT pg_temp.post(1, 'm0', '2024-05-02');
SELECT s.status FROM influence.post p, influence.set_post_status(p.post_id, 'removed', 'blurred', 'ops', '2024-05-03') s WHERE p.post_ref = 'm0';
SELECT pg_temp.post(1, 'm1', '2024-05-10', disclosure => 'gifted'), pg_temp.post(1, 'm2', '2024-06-01'), pg_temp.post(1, 'm3', '2024-05-11', product => 2),
	pg_temp.post(1, 'm4', '2024-05-31', 2);
SELECT status FROM influence.publish_post(1, 1, 'm5', 'photo', '[{"product_id": 1}]', published_at => '2024-06-02');
SELECT sample_ref, creator_id, product_id, quantity, value, currency, posts_due, posts, late_posts, fulfilled, overdue, state FROM influence.sample_status ORDER BY 1;
SELECT status FROM influence.publish_post(2, 1, 'm6', 'photo', '[{"product_id": 1}, {"product_id": 1}]', published_at => '2024-05-12');
SELECT status FROM influence.publish_post(1, 2, 'b1', 'photo', '[{"product_id": 2}, {"product_id": 2}]', published_at => '2024-06-20');
SELECT sample_ref, posts, late_posts, state FROM influence.sample_status ORDER BY 1;

-- What was a sample is disclosed, from the moment it was sent until it came back; other products need not be.
CREATE FUNCTION pg_temp.discloses(creator bigint, at timestamptz, disclosure text, VARIADIC products bigint[]) RETURNS text LANGUAGE sql AS
$$ SELECT pg_temp.error_of(format('SELECT influence_internal.require_disclosure(%s, %L, %L, %L)', creator, products, disclosure, at)) $$;
SELECT at, pg_temp.discloses(1, at, 'none', 2, 1), pg_temp.discloses(1, at, 'gifted', 2, 1) AS gifted, pg_temp.discloses(1, at, 'none', 2) AS other_product
FROM unnest('{2024-04-30 23:59:59.999999,2024-05-01,2024-07-31}'::timestamptz[]) at;
SELECT status FROM influence.return_sample(1, 's1', 'ops', '2024-08-01', 'unused');
SELECT status FROM influence.return_sample(1, 's1', 'ops', '2024-08-01', 'unused');
SELECT * FROM pg_temp.not_refused('IN004', $$return_sample(1, 's1', 'ops', '2024-08-02', 'unused')$$, $$return_sample(1, 's1', 'ops', '2024-08-01')$$, $$return_sample(1, 's1', 'other', '2024-08-01', 'unused')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$return_sample(1, 's2', 'ops', '2024-04-30')$$, $$return_sample(1, 's2', NULL)$$, $$return_sample(1, NULL, 'ops')$$, $$return_sample(1, 's2', 'ops', '-infinity')$$);
SELECT pg_temp.discloses(1, '2024-07-31', 'none', 1), pg_temp.discloses(1, '2024-08-01', 'none', 1), pg_temp.discloses(2, '2024-08-01', 'none', 1), pg_temp.discloses(2, '2024-08-01', 'none', 99, NULL);
SELECT status FROM influence.return_sample(1, 's4', 'ops');
SELECT status FROM influence.return_sample(1, 's4', 'ops');
SELECT sample_ref, posts, state, overdue FROM influence.sample_status ORDER BY 1;

-- Who may be sent samples: with the setting, those with enough followers here.
SELECT name, followers, samples, overdue FROM influence.sample_eligible(1);
INSERT INTO influence.setting (name, version, value) VALUES ('sample_minimum_followers', 2, '2');
SELECT s.status FROM unnest(ARRAY[11, 12]) n, influence.register_shopper(pg_temp.visitor(n)) s;
SELECT influence.follow(pg_temp.visitor(n), creator_id => c) FROM (VALUES (11, 2), (12, 2), (11, 1)) x(n, c);
SELECT name, followers, samples, overdue FROM influence.sample_eligible(1);
SELECT name FROM influence.sample_eligible(1, '2024-01-01');
SELECT pg_temp.refused($$send_sample(1, 1, 's9', 1, 'ops')$$), pg_temp.refused($$send_sample(1, 2, 's9', 1, 'ops')$$);
SELECT status FROM influence.set_creator_status(2, 'suspended', 'fakes', 'ops', '2024-09-01');
SELECT name FROM influence.sample_eligible(1);
SELECT pg_temp.refused($$send_sample(1, 2, 's10', 1, 'ops')$$), pg_temp.refused($$sample_eligible(99)$$), pg_temp.refused($$sample_eligible(1, NULL)$$);

--
-- Votes on products: one per person, the latest; what they weigh when a mob of
-- young accounts votes, and the scores. The figures of scores are Wilson's
-- formula and fractions, worked out with Python's decimal and fractions.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
SELECT status FROM influence.create_category('all');
SELECT recorded FROM influence.add_products('[{"sku": "lamp", "title": "Lamp", "category_id": 1}, {"sku": "rake", "title": "Rake", "category_id": 1}, {"sku": "pond", "title": "Pond", "category_id": 1}]');
SELECT count(*) FROM generate_series(1, 140) n, influence.register_shopper(pg_temp.visitor(n));
-- the first forty have been here for long; the others came on 10 May
UPDATE influence.shopper SET created_at = CASE WHEN visitor_id <= pg_temp.visitor(40) THEN timestamptz '2023-01-01' ELSE '2024-05-10 08:00' END;

-- Up, the same again, another opinion, one that comes late, taken back.
SELECT * FROM influence.vote_product(pg_temp.visitor(1), 3, 1, '2024-05-01 10:00');
SELECT * FROM influence.vote_product(pg_temp.visitor(1), 3, 1, '2024-05-01 10:00');
SELECT * FROM influence.vote_product(pg_temp.visitor(1), 3, -1, '2024-05-01 12:00');
SELECT * FROM influence.vote_product(pg_temp.visitor(1), 3, 1, '2024-05-01 11:00');
SELECT vote, voted_at FROM influence.vote;
SELECT * FROM influence.vote_product(pg_temp.visitor(1), 3, 0, '2024-05-01 13:00');
SELECT occurred_at, event_ref, kind, product_id, value FROM influence.engagement ORDER BY 1;
-- what was taken back stays so for what comes late, and weighs nothing
SELECT * FROM influence.vote_product(pg_temp.visitor(1), 3, 1, '2024-05-01 12:30');
SELECT vote, voted_at FROM influence.vote;
SELECT count(*) FROM influence.product_votes;
-- without a time a vote that stands is left alone; nothing to take back is nothing
SELECT * FROM influence.vote_product(pg_temp.visitor(2), 3, 1);
SELECT * FROM influence.vote_product(pg_temp.visitor(2), 3, 1);
SELECT * FROM influence.vote_product(pg_temp.visitor(3), 3, 0);
SELECT count(*) FROM influence.vote WHERE product_id = 3;
-- one person has one vote, whoever it was before and whenever that turns out
SELECT status FROM influence.identify(pg_temp.visitor(5), pg_temp.visitor(4));
SELECT * FROM influence.vote_product(pg_temp.visitor(4), 3, 1, '2024-05-02 10:00');
SELECT * FROM influence.vote_product(pg_temp.visitor(5), 3, -1, '2024-05-02 11:00');
SELECT visitor_id, vote FROM influence.vote WHERE visitor_id IN (pg_temp.visitor(4), pg_temp.visitor(5));
SELECT * FROM influence.vote_product(pg_temp.visitor(6), 3, 1, '2024-05-02 12:00');
SELECT status FROM influence.identify(pg_temp.visitor(6), pg_temp.visitor(4));
SELECT w.visitor_id, w.vote, w.weight FROM influence.vote_weight w WHERE w.person = pg_temp.visitor(4) ORDER BY 1;

SELECT * FROM pg_temp.not_refused('IN004', $$vote_product(pg_temp.visitor(1), 3, -1, '2024-05-01 10:00')$$, $$vote_product(pg_temp.visitor(1), 3, 1, '2024-05-01 13:00')$$,
	$$vote_product(pg_temp.visitor(4), 3, -1, '2024-05-02 12:00')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$vote_product(pg_temp.visitor(999), 3, 1)$$, $$vote_product(NULL, 3, 1)$$, $$vote_product(pg_temp.visitor(1), 99, 1)$$, $$vote_product(pg_temp.visitor(1), NULL, 1)$$,
	$$vote_product(pg_temp.visitor(1), 3, 1, program_id => 99)$$);
SELECT * FROM pg_temp.not_refused('IN002', $$vote_product(pg_temp.visitor(1), 3, 2)$$, $$vote_product(pg_temp.visitor(1), 3, NULL)$$, $$vote_product(pg_temp.visitor(1), 3, 1, 'infinity')$$,
	$$vote_product(pg_temp.visitor(1), 3, 1, '1066-10-14')$$, $$product_vote_score(confidence => 1)$$, $$product_vote_score(confidence => 0)$$, $$product_vote_score(confidence => 'NaN')$$,
	$$product_vote_score(confidence => NULL)$$, $$react(pg_temp.visitor(1), 1, 'share', 'vote/3')$$);

-- of the category's 41 votes by weight 37 are ups: the 35 below and two of the pond
-- Thirty regular customers praise the lamp, one an hour; five the rake, which a hundred fresh accounts run down in an hour.
SELECT count(*) FROM generate_series(7, 36) n, influence.vote_product(pg_temp.visitor(n), 1, 1, timestamptz '2024-05-03' + n * interval '1 hour');
SELECT count(*) FROM generate_series(7, 11) n, influence.vote_product(pg_temp.visitor(n), 2, 1, timestamptz '2024-05-10 12:00' + n * interval '1 hour');
SELECT count(*) FROM generate_series(41, 140) n, influence.vote_product(pg_temp.visitor(n), 2, -1, timestamptz '2024-05-10 12:00' + n * interval '1 second');
SELECT product_id, ups, downs, weighted_ups, weighted_downs, weighted, young_votes, doubted FROM influence.product_votes WHERE product_id < 3 ORDER BY 1;
-- each of them 0.2 for its age times 20 / 100 for the hour
SELECT weight, young, hour_votes, hour_limit, count(*) FROM influence.vote_weight WHERE product_id = 2 GROUP BY 1, 2, 3, 4 ORDER BY 1;
SELECT product_id, hour, vote, votes, young_votes, young_share, hour_limit, over_limit, weighted FROM influence.vote_brigades;
SELECT s.product_id, abs(s.share - f.share) < 1e-12 AND abs(s.score - f.score) < 1e-12 AND abs(s.shrunk - f.shrunk) < 1e-12 AS as_calculated, doubted
FROM influence.product_vote_score('{1,2}') s
JOIN (VALUES (1, 1.0, 0.886486606826031, 0.975609756097561), (2, 0.5555555555555556, 0.266651293495493, 0.7381258023106547)) f(product_id, share, score, shrunk) USING (product_id)
ORDER BY 1;
-- whole votes are scored as wilson_lower_bound() does
SELECT abs(s.score - influence.wilson_lower_bound(30, 30)) < 1e-15 AS same,
	abs(t.score - influence.wilson_lower_bound(30, 30, 0.8)) < 1e-15 AS at_80_percent
FROM influence.product_vote_score('{1}') s, influence.product_vote_score('{1}', 0.8) t;
SELECT count(*) FROM influence.product_vote_score('{99,NULL}');
SELECT count(*) FROM influence.product_vote_score('{}');
-- a product with a usual rate may have more: 336 votes in the week before make 12 x 2 = 24 an hour
DELETE FROM influence.vote;
INSERT INTO influence.vote (visitor_id, product_id, vote, voted_at)
SELECT pg_temp.visitor(10000 + n), 1, 1, timestamptz '2024-06-01' + n * interval '30 minutes' FROM generate_series(0, 335) n;
INSERT INTO influence.vote (visitor_id, product_id, vote, voted_at)
SELECT pg_temp.visitor(20000 + n), 1, 1, '2024-06-08 00:30' FROM generate_series(1, 48) n;
-- accounts that are not known count as young
SELECT hour_limit, weight, count(*) FROM influence.vote_weight WHERE hour = '2024-06-08' GROUP BY 1, 2;
SELECT hour_limit, votes, young_votes, weighted FROM influence.vote_brigades WHERE over_limit;

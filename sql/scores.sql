-- Scores of channels and creators: priors by cell, shrunk rates, percentiles,
-- focus, relevance, signals, influence; what was known when.
-- Expected numbers: Python's fractions, from the definitions in
-- docs/explanation/engagement.md.
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

-- Posts one by one.
SELECT status, count(*) FROM generate_series(1, 12) i, influence.register_creator('c' || lpad(i::text, 2, '0'), 'Creator ' || i, country => CASE i % 2 WHEN 1 THEN 'DE' ELSE 'US' END,
	vertical => CASE WHEN i <= 6 THEN 'fashion' WHEN i <= 11 THEN 'garden' ELSE '' END) GROUP BY 1;
SELECT status, count(*) FROM generate_series(1, 12) i, influence.add_channel(i, 'instagram', 'c' || i) GROUP BY 1;
SELECT status, channel_id FROM influence.add_channel(2, 'tiktok', 'c2', true);
SELECT status FROM unnest('{dress,shoes,roses}'::text[]) t, influence.create_topic(t);
SELECT status FROM influence.record_channel_post(1, 1, 'p1', '2024-05-01', '2024-01-02', 1000, likes => 30, comments => 2, topic => 'dress');
SELECT status FROM influence.record_channel_post(1, 1, 'p1', '2024-05-01', '2024-01-02', 1000, likes => 30, comments => 2, topic => 'dress');
SELECT * FROM influence.record_channel_posts(1, 1, '[{"post_ref": "p1", "measured_at": "2024-05-01", "published_at": "2024-01-02", "followers": 1000, "likes": 30, "comments": 2, "topic": "dress"},
	{"post_ref": "p2", "measured_at": "2024-05-01", "published_at": "2024-01-05", "followers": 1000, "likes": 41, "comments": 3, "topic": "dress"}]');
SELECT * FROM influence.record_channel_posts(1, 1, '[]');
SELECT * FROM pg_temp.not_refused('IN004', $$record_channel_post(1, 1, 'p1', '2024-05-01', '2024-01-02', 1000, likes => 31, comments => 2, topic => 'dress')$$,
	$$record_channel_post(1, 1, 'p1', '2024-05-01', '2024-01-02', 1000, likes => 30, comments => 2)$$,
	$$record_channel_posts(1, 1, '[{"post_ref": "n", "measured_at": "2024-05-01", "published_at": "2024-01-02"}, {"post_ref": "n", "measured_at": "2024-05-01", "published_at": "2024-01-03"}]')$$,
	$$record_channel_posts(1, 1, '[{"post_ref": "p1", "measured_at": "2024-05-01", "published_at": "2024-01-02", "followers": 1000, "likes": 30}]')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$record_channel_post(1, 1, NULL, '2024-05-01', '2024-01-02')$$, $$record_channel_post(1, 1, '', '2024-05-01', '2024-01-02')$$,
	$$record_channel_post(1, 1, 'x', NULL, '2024-01-02')$$, $$record_channel_post(1, 1, 'x', '2024-05-01', NULL)$$, $$record_channel_post(1, 1, 'x', '2024-05-01', '2024-05-02')$$,
	$$record_channel_post(1, 1, 'x', 'infinity', '2024-05-02')$$, $$record_channel_post(1, 1, 'x', '2024-05-01', '-infinity')$$, $$record_channel_post(1, 1, 'x', '2024-05-01', '2024-01-02', likes => -1)$$,
	$$record_channel_posts(1, 1, '{}')$$, $$record_channel_posts(1, 1, NULL)$$, $$record_channel_posts(1, 1, '[1]')$$, $$record_channel_posts(1, 1, '[{"post_ref": "x", "like": 1}]')$$,
	$$record_channel_posts(1, 1, '[{"post_ref": "x", "measured_at": "2024-05-01", "published_at": "2024-01-02", "likes": "many"}]')$$,
	$$record_channel_topics(1, 1, '{}', '2024-05-01')$$, $$record_channel_topics(1, 1, NULL, '2024-05-01')$$, $$record_channel_topics(1, 1, '[]', '2024-05-01')$$, $$record_channel_topics(1, 1, '{"dress": 0}', '2024-05-01')$$,
	$$record_channel_topics(1, 1, '{"dress": 1.5}', '2024-05-01')$$, $$record_channel_topics(1, 1, '{"dress": "3"}', NULL)$$, $$record_channel_topics(1, 1, '{"dress": 3}', 'infinity')$$);
SELECT pg_temp.refused($$record_channel_posts(1, 1, '[{"post_ref": "x", "measured_at": "2024-05-01", "published_at": "2024-01-02", "likes": 1},
	{"post_ref": "y", "measured_at": "2024-05-01", "published_at": "2024-01-02", "likes": 1, "shares": -2}]')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$record_channel_post(2, 1, 'x', '2024-05-01', '2024-01-02')$$, $$record_channel_post(NULL, 1, 'x', '2024-05-01', '2024-01-02')$$,
	$$record_channel_post(1, 1, 'x', '2024-05-01', '2024-01-02', topic => 'hats')$$, $$record_channel_topics(1, 1, '{"hats": 1}', '2024-05-01')$$, $$record_channel_posts(1, 99, '[]')$$);

-- Creator i has i % 4 + 1 more posts, c05 nine more (all alike), c06 to c12 none about shoes.
SELECT sum(r.recorded), sum(r.duplicates) FROM generate_series(2, 12) i,
	influence.record_channel_posts(i, i, (SELECT jsonb_agg(jsonb_build_object('post_ref', 'p' || p, 'measured_at', '2024-05-01', 'published_at', timestamptz '2024-01-01' + p * p * interval '1 day',
		'followers', CASE WHEN i > 10 THEN 60000 ELSE 1000 * i END, 'likes', CASE i WHEN 5 THEN 250 + p % 2 ELSE 20 * i + (7 * p * p + 3 * i) % 50 END, 'comments', (i * p) % 5 + 1,
		'topic', CASE WHEN i > 6 THEN 'roses' WHEN p <= 2 THEN 'dress' ELSE 'shoes' END)) FROM generate_series(1, CASE i WHEN 5 THEN 10 ELSE i % 4 + 1 END) p)) r;
-- a later measurement of a post holds; absurd counts count for nothing
SELECT status FROM influence.record_channel_post(2, 2, 'p1', '2024-05-09', '2024-01-02', 2000, likes => 77, comments => 5, topic => 'dress');
SELECT status FROM influence.record_channel_post(12, 12, 'absurd', '2024-05-09', '2024-01-02', 1, likes => 9223372036854775807, comments => 9223372036854775807);
SELECT status FROM influence.record_channel_metrics(12, 12, '2024-05-09', 9223372036854775807, 9223372036854775807, likes => 9223372036854775807);
-- snapshots: c01 grows evenly, c02 jumps in the third month; tiktok by views
SELECT status, count(*) FROM generate_series(1, 2) i, generate_series(0, 3) s,
	influence.record_channel_metrics(i, i, timestamptz '2024-01-15' + s * interval '30 days', CASE WHEN i = 2 AND s >= 2 THEN 3000 ELSE 900 * i + 10 * s END) GROUP BY 1;
SELECT status, count(*) FROM generate_series(0, 1) s,
	influence.record_channel_metrics(2, 13, timestamptz '2024-03-01' + s * interval '30 days', 500, posts => 4 + s, views => 1000 + 500 * s, likes => 80, comments => 10, shares => 5) GROUP BY 1;

-- Tiers are data.
SELECT status FROM influence.set_size_tier('small', 0, 'tiktok', '2024-01-01');
SELECT status FROM influence.set_size_tier('small', 0, 'tiktok', '2024-01-01');
SELECT status FROM influence.set_size_tier('large', 400, 'tiktok', '2024-01-01');
SELECT * FROM pg_temp.not_refused('IN002', $$set_size_tier(NULL, 1)$$, $$set_size_tier('', 1)$$, $$set_size_tier('x', -1)$$, $$set_size_tier('x', 1, NULL)$$, $$set_size_tier('x', 1, '', 'infinity')$$);
SELECT pg_temp.refused($$set_size_tier('x', 1, 'myspace')$$), pg_temp.refused($$set_size_tier('small', 3, 'tiktok', '2024-01-01')$$), pg_temp.refused($$set_size_tier('huge', 400, 'tiktok', '2024-02-01')$$);
SELECT * FROM influence_internal.size_tiers_at('2024-06-01', NULL, NULL) WHERE platform IN ('tiktok', 'x') ORDER BY 1, 3;

-- What the catalogue is about.
SELECT status FROM influence.create_category('clothes');
SELECT status FROM influence.create_category('skirts', 1);
SELECT status FROM influence.create_category('plants');
SELECT status FROM influence.set_category_topic('clothes', 'dress', valid_from => '2024-01-01');
SELECT status FROM influence.set_category_topic('clothes', 'dress', valid_from => '2024-01-01');
SELECT status FROM influence.set_category_topic('plants', 'roses', valid_from => '2024-01-01');
SELECT pg_temp.refused($$set_category_topic('hats', 'dress')$$), pg_temp.refused($$set_category_topic('clothes', 'hats')$$), pg_temp.refused($$set_category_topic('clothes', 'dress', false, '2024-01-01')$$),
	pg_temp.refused($$set_category_topic('clothes', 'dress', NULL)$$);
SELECT status FROM influence.add_product('skirt', 'Skirt', 2, 1000, 'EUR', 5, valid_from => '2024-01-01');

-- Nothing is scored yet.
SELECT * FROM influence_internal.creator_metrics('{2}', 0, '2024-06-01') ORDER BY platform, metric;
SELECT count(*) FROM influence.creator_ranking(metric => 'engagement');
SELECT count(*) FROM influence.explain_score(1);

-- Cells with three channels count here.
INSERT INTO influence.setting (name, version, value) VALUES ('score_cell_minimum', 2, '3');
SELECT status, scored_at, channels, creators, programs FROM influence.refresh_scores('2024-06-01');
SELECT status, scored_at, channels, creators, programs FROM influence.refresh_scores('2024-06-01');
SELECT pg_temp.refused('refresh_scores(NULL)'), pg_temp.refused($$refresh_scores('infinity')$$), pg_temp.refused($$refresh_scores(now() + interval '1 hour')$$);
CREATE FUNCTION pg_temp.r(value float8) RETURNS numeric LANGUAGE sql AS $$ SELECT CASE WHEN value < 'Infinity' THEN round(value::numeric, 9) END $$;
SELECT platform, vertical, tier, pg_temp.r(mean) AS mean, pg_temp.r(strength) AS strength, pg_temp.r(within_variance * 1000) AS within, pg_temp.r(between_variance * 1000) AS between, creators, posts, usable
FROM influence.engagement_prior ORDER BY 1, 2, 3;
SELECT creator_id AS id, channel_id AS ch, tier, followers, posts, rate_posts AS rp, pg_temp.r(rate) AS rate, pg_temp.r(rate_median) AS median, pg_temp.r(rate_trimmed) AS trimmed,
	pg_temp.r(rate_shrunk) AS shrunk, pg_temp.r(rate_lower) AS lower, pg_temp.r(rate_upper) AS upper, prior_vertical || '/' || prior_tier AS prior, pg_temp.r(percentile) AS percentile
FROM influence.channel_score ORDER BY 1, 2;
SELECT creator_id AS id, channel_id AS ch, pg_temp.r(growth) AS growth, pg_temp.r(regularity) AS regularity, pg_temp.r(comments_per_like) AS comments_per_like, pg_temp.r(variation) AS variation,
	pg_temp.r(follower_jump) AS jump FROM influence.channel_score ORDER BY 1, 2;
SELECT creator_id AS id, vertical, country, tier, followers, channels, pg_temp.r(rate_shrunk) AS shrunk, pg_temp.r(rate_percentile) AS percentile, pg_temp.r(focus) AS focus,
	pg_temp.r(relevance) AS relevance, pg_temp.r(authenticity) AS authenticity FROM influence.creator_score ORDER BY 1;
SELECT i AS id, signal, channel_id AS ch, pg_temp.r(value) AS value, pg_temp.r(baseline) AS baseline, pg_temp.r(part) AS part, suspicious, detail
FROM generate_series(1, 12) i, influence.creator_signals(i) WHERE part < 1 ORDER BY 1, 2, 3;
SELECT metric, platform, vertical, tier, country, creators, pg_temp.r(quantiles[1]) AS least, pg_temp.r(quantiles[51]) AS median, pg_temp.r(quantiles[96]) AS "95 %" FROM influence.score_baseline
WHERE metric IN ('engagement_shrunk', 'focus') ORDER BY 1, 2, 3, 4, 5;
SELECT metric, platform, value FROM influence_internal.creator_metrics('{2}', 0, '2024-06-01') WHERE metric ~ 'engagement|focus|relevance|authenticity' ORDER BY 2, 1;
-- one by one, all at once, and a few: the same
SELECT count(*), count(*) = (SELECT count(*) FROM generate_series(1, 12) i, influence_internal.creator_metrics(ARRAY[i], 0, '2024-06-01')) AS same_count
FROM (SELECT * FROM influence_internal.creator_metrics(NULL, 0, '2024-06-01') INTERSECT SELECT * FROM influence_internal.creator_metrics('{1,2,3,4,5,6,7,8,9,10,11,12,99}', 0, '2024-06-01')) x;
SELECT * FROM influence_internal.creator_metrics('{99}', 0, '2024-06-01');
SELECT * FROM influence_internal.creator_metrics('{3}', 0, '2024-06-01', metrics => '{followers,focus,followers,beauty}') ORDER BY 2, 3;

-- Influence: views and sales of April and May 2024; the window of 40 days before 2024-05-31 begins on 2024-04-21.
INSERT INTO influence.setting (name, version, value) VALUES ('influence_days', 2, '40');
SELECT pg_temp.new_program('Shop', 'EUR', 'UTC', '{}', '{"hold": "1 day"}');
SELECT decision, count(*) FROM generate_series(1, 12) i, influence.apply_creator(1, i, '2024-01-02') GROUP BY 1;
SELECT status FROM influence.set_commission_rate(1, 0.10, valid_from => '2024-01-01');
-- by COPY: i hundred views in April (fifty more before the window), twice as many in May, none of c09
INSERT INTO influence.touch (visitor_id, touched_at, touch_ref, program_id, kind, creator_id)
SELECT pg_temp.visitor(1000 * i + n), CASE WHEN n <= 50 THEN timestamptz '2024-04-20' WHEN n <= 50 + 100 * i THEN '2024-04-25' ELSE '2024-05-10' END, 'v' || i || '/' || n, 1, 'view', i
FROM unnest('{1,2,3,4,7,8}'::int[]) i, generate_series(1, 50 + 300 * i) n;
-- creator, order, moment, price: c01 sells well, c03 one lucky thing, c09 without views
CREATE TEMP TABLE sale (creator int, n int, ordered_at timestamptz, price int);
INSERT INTO sale VALUES (1, 1, '2024-04-25', 5000), (1, 2, '2024-05-11', 7001), (1, 3, '2024-05-12', 1000), (2, 4, '2024-04-26', 900), (2, 5, '2024-05-12', 1100), (3, 6, '2024-05-13', 90000),
	(7, 7, '2024-04-27', 100), (7, 8, '2024-05-14', 350), (8, 9, '2024-05-14', 400), (9, 10, '2024-05-15', 700), (1, 11, '2024-04-20 12:00', 100000);
SELECT r.status, count(*) FROM sale s, influence.record_touch(1, pg_temp.visitor(s.n), 'c' || s.n, 'click', s.creator, s.ordered_at - interval '1 hour') r GROUP BY 1;
SELECT r.status, sum(r.credited) FROM sale s, influence.record_order(1, pg_temp.visitor(s.n), 'o' || s.n, jsonb_build_array(jsonb_build_object('line_no', 1, 'sku', 'skirt', 'quantity', 1, 'paid_price', s.price)), s.ordered_at) r GROUP BY 1;
-- of c01's second order 2001 come back, of the third everything and goodwill that counts for nothing; c02's chargeback is taken back; c03's return comes after
SELECT status, returned FROM influence.record_return(1, pg_temp.visitor(2), 'o2', 1, 'r', amount => 2001, returned_at => '2024-05-20');
SELECT status FROM influence.record_return(1, pg_temp.visitor(3), 'o3', 1, 'g', amount => 100, kind => 'goodwill', returned_at => '2024-05-20');
SELECT status, returned FROM influence.record_return(1, pg_temp.visitor(3), 'o3', 1, 'r', quantity => 1, returned_at => '2024-05-21');
SELECT status, returned FROM influence.record_return(1, pg_temp.visitor(4), 'o4', 1, 'b', amount => 900, kind => 'chargeback', returned_at => '2024-05-21');
SELECT status, returned FROM influence.record_return(1, pg_temp.visitor(4), 'o4', 1, 'c', amount => 900, kind => 'chargeback_reversed', returned_at => '2024-05-22');
SELECT status, returned FROM influence.record_return(1, pg_temp.visitor(6), 'o6', 1, 'r', quantity => 1, returned_at => '2024-06-20');
SELECT status, scored_at, channels, creators, programs FROM influence.refresh_scores('2024-05-31');
SELECT vertical, pg_temp.r(mean) AS mean, pg_temp.r(strength) AS strength, pg_temp.r(within_variance) AS within, pg_temp.r(between_variance) AS between, creators, impressions, usable FROM influence.influence_prior ORDER BY 1;
SELECT creator_id AS id, impressions, impression_kind AS kind, revenue, pg_temp.r(influence) AS influence, pg_temp.r(influence_lower) AS lower, pg_temp.r(influence_percentile) AS percentile
FROM influence.creator_score WHERE program_id = 1 ORDER BY 1;
SELECT rank, creator_id AS id, creator_vertical, followers, pg_temp.r(value) AS value, pg_temp.r(percentile) AS percentile, pg_temp.r(engagement_shrunk) AS engagement FROM influence.creator_ranking(as_of => '2024-05-31');
SELECT rank, creator_id AS id, pg_temp.r(value) AS value, pg_temp.r(influence) AS influence FROM influence.creator_ranking('garden', metric => 'followers', as_of => '2024-05-31');
SELECT metric, value FROM influence_internal.creator_metrics('{1}', 1, '2024-05-31') WHERE metric ~ 'influence' ORDER BY 1;
SELECT count(*) FROM influence_internal.creator_metrics('{1}', 0, '2024-05-31') WHERE metric ~ 'influence';
SELECT subject, step, round(value, 6) AS value, detail FROM influence.explain_score(7, '2024-05-31') WHERE subject = 'program 1';
-- clicks where nothing was viewed; two programs: which one is to be said
SELECT pg_temp.new_program('Clicks', 'USD', 'UTC', '{}', '{"hold": "1 day"}');
SELECT status FROM influence.create_program('Idle', 'USD');
SELECT decision, count(*) FROM generate_series(1, 2) i, influence.apply_creator(2, i, '2024-01-02') GROUP BY 1;
SELECT status, count(*) FROM generate_series(900, 903) i, influence.record_touch(2, pg_temp.visitor(i), 'k' || i, 'click', 1, '2024-05-25') GROUP BY 1;
SELECT status, credited FROM influence.record_order(2, pg_temp.visitor(901), 'k', '[{"line_no": 1, "sku": "skirt", "quantity": 1, "paid_price": 300}]', '2024-05-26');
SELECT programs FROM influence.refresh_scores('2024-05-30');
SELECT creator_id AS id, impressions, impression_kind, revenue, influence, influence_lower FROM influence.creator_score WHERE program_id = 2;
SELECT pg_temp.refused($$creator_ranking(as_of => '2024-05-30')$$);
SELECT rank, creator_id, value FROM influence.creator_ranking(as_of => '2024-05-30', program_id => 2);
SELECT count(*) FROM influence.creator_ranking(as_of => '2024-05-30', program_id => 3);
SELECT count(influence) FROM influence.creator_ranking(metric => 'engagement', as_of => '2024-05-30');

-- Ranking and explanation.
SELECT rank, creator_id AS id, name, creator_vertical, creator_country, creator_tier, followers, pg_temp.r(value) AS value, pg_temp.r(percentile) AS percentile, pg_temp.r(focus) AS focus
FROM influence.creator_ranking(metric => 'engagement', page_size => 4, after_rank => 1);
SELECT rank, creator_id AS id, creator_tier, followers, pg_temp.r(value) AS value, pg_temp.r(percentile) AS percentile FROM influence.creator_ranking('garden', 'US', 'followers');
SELECT rank, creator_id AS id, creator_tier, followers, pg_temp.r(value) AS value FROM influence.creator_ranking('fashion', metric => 'engagement_lower', platform => 'tiktok');
SELECT rank, creator_id AS id, pg_temp.r(value) AS value FROM influence.creator_ranking(metric => 'focus', tier => 'nano', page_size => 3);
SELECT count(*) FROM influence.creator_ranking(metric => 'influence');
SELECT count(*) FROM influence.creator_ranking(metric => 'engagement', as_of => '2024-05-31');
SELECT * FROM pg_temp.not_refused('IN002', $$creator_ranking(metric => 'beauty')$$, $$creator_ranking(NULL)$$, $$creator_ranking(page_size => 0)$$, $$creator_ranking(page_size => 1001)$$,
	$$creator_ranking(after_rank => -1)$$, $$creator_ranking(as_of => NULL)$$, $$explain_score(1, NULL)$$, $$creator_signals(1, NULL)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$creator_ranking(platform => 'myspace')$$, $$creator_ranking(program_id => 99)$$, $$explain_score(99)$$, $$creator_signals(99)$$,
	$$creator_ranking('gardn')$$, $$creator_ranking('gardn', metric => 'engagement', platform => 'tiktok')$$, $$creator_ranking(tier => 'huge')$$);
SELECT * FROM pg_temp.not_refused('IN002', $$creator_ranking(country => 'DEU')$$);
-- what is not known is said beside what is; of a vertical that there is there may be nobody
CREATE FUNCTION pg_temp.hint_of(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE 'SELECT * FROM influence.' || call;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat(SQLERRM, ' / ', hint);
END $$;
SELECT pg_temp.hint_of(call) FROM unnest(ARRAY[$$creator_ranking('gardn')$$, $$creator_ranking(tier => 'huge')$$]) call;
SELECT count(*) FROM influence.creator_ranking('garden', 'FR');
SELECT subject, step, round(value, 9) AS value, detail FROM influence.explain_score(3) WHERE step <> 'scored';

-- What was known: facts told later, and a run made later, change no answer of before.
CREATE TEMP TABLE told AS SELECT clock_timestamp() AS before;
CREATE FUNCTION pg_temp.metrics_hash() RETURNS text LANGUAGE sql AS
$$ SELECT md5(string_agg(m::text, ';' ORDER BY m::text)) FROM pg_temp.told, influence_internal.creator_metrics(NULL, 1, '2024-06-01', told.before) m $$;
CREATE TEMP TABLE told_hash AS SELECT pg_temp.metrics_hash() AS hash;
SELECT status FROM influence.record_channel_post(1, 1, 'p9', '2024-05-02', '2024-01-20', 5000, likes => 900);
SELECT status FROM influence.record_channel_metrics(3, 3, '2024-05-20', 70000);
SELECT status FROM influence.set_size_tier('nano', 1500, valid_from => '2024-05-01');
SELECT status FROM influence.refresh_scores('2024-06-01 00:00:01');
SELECT hash = pg_temp.metrics_hash() AS as_before FROM told_hash;
SELECT status FROM influence.refresh_scores('2024-05-31 12:00');
SELECT hash = pg_temp.metrics_hash() AS as_before FROM told_hash;
SELECT metric, value FROM told, influence_internal.creator_metrics('{3}', 0, '2024-05-31 13:00', told.before) WHERE platform = '' AND metric ~ 'followers|shrunk' ORDER BY 1;
SELECT metric, value FROM influence_internal.creator_metrics('{3}', 0, '2024-05-31 13:00') WHERE platform = '' AND metric ~ 'followers|shrunk' ORDER BY 1;
-- a snapshot that ends before what was written since
SELECT status FROM influence.record_channel_metrics(4, 4, '2024-05-20', 123456);
SELECT followers FROM influence_internal.channel_measures('{4}', 4, 4, '2024-06-01', NULL, (SELECT pg_snapshot_xmin(pg_current_snapshot())::text || ':' || pg_snapshot_xmin(pg_current_snapshot())::text || ':')::pg_snapshot);
SELECT followers FROM influence_internal.channel_measures('{4}', 4, 4, '2024-06-01', NULL, (SELECT format('%s:%1$s:', xact) FROM influence.channel_metric WHERE creator_id = 4 AND followers = 123456)::pg_snapshot);

-- What is too old goes, but for what a decision went by, and the priors.
SELECT decision FROM influence.apply_creator(3, 1, '2024-05-31 13:00');
INSERT INTO influence.setting (name, version, value) VALUES ('scores_kept', 2, '"1 day"');
SELECT scored_at, channels, pruned FROM influence.refresh_scores('2024-06-05');
SELECT scored_at, count(*) FROM influence.creator_score GROUP BY 1 ORDER BY 1;
SELECT fitted_at, string_agg(DISTINCT metric, ' ') AS baselines, (SELECT count(*) > 0 FROM influence.engagement_prior p WHERE p.fitted_at = b.fitted_at) AS priors FROM influence.score_baseline b GROUP BY 1 ORDER BY 1;

-- A baseline whose quartiles are neighbouring numbers, with one logarithm, has no spread to count in.
SELECT q[26] < q[76] AS apart, influence_internal.robust_distance(0.1, q) IS NULL AS unknown
  FROM (SELECT array_fill(0.05::float8, '{50}') || array_fill(0.05::float8 + 7e-18, '{51}') AS q) x;

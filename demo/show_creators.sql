/*
 * show_creators.sql
 *
 * What the creators are worth: reach, engagement and influence side by side,
 * by vertical; and who would be in under other rules.
 */
\pset footer off
\pset border 1
\pset null '-'
SELECT program_id, currency, feed_at FROM demo.plan \gset

\echo
\echo 'Who really sells: influence = revenue per 1,000 impressions, returns taken off, shrunk toward its vertical (influence.creator_ranking)'
SELECT r.rank AS "#", left(r.name, 20) AS creator, r.creator_vertical AS vertical, r.creator_tier AS tier, lpad(to_char(r.followers, 'FM999,999,990'), 11) AS followers,
	   f.rank AS "# by followers", round(100 * r.engagement_shrunk::numeric, 2) AS "engagement %",
	   lpad(influence.format_minor(round(r.influence)::bigint, :'currency'), 9) AS influence, round(r.percentile::numeric) AS percentile, round(r.focus::numeric, 2) AS focus
  FROM influence.creator_ranking(as_of => :'feed_at', program_id => :program_id, page_size => 8) r
  LEFT JOIN influence.creator_ranking(metric => 'followers', as_of => :'feed_at', program_id => :program_id, page_size => 1000) f ON f.creator_id = r.creator_id
 ORDER BY r.rank;

\echo 'The same metric, three verticals: the rank of a creator is that among its like'
SELECT v.vertical, string_agg(format('%s. %s', r.rank, r.name), ', ' ORDER BY r.rank) AS best
  FROM (SELECT DISTINCT c.vertical FROM influence.creator c WHERE c.vertical <> '' ORDER BY c.vertical LIMIT 3) v,
	   LATERAL influence.creator_ranking(v.vertical, metric => 'engagement', as_of => :'feed_at', program_id => :program_id, page_size => 3) r
 GROUP BY v.vertical ORDER BY v.vertical;

\echo 'Why the first of them has its score (influence.explain_score)'
SELECT e.subject, e.step, round(e.value, 6) AS value, left(e.detail, 90) AS detail
  FROM influence.explain_score((SELECT r.creator_id FROM influence.creator_ranking(as_of => :'feed_at', program_id => :program_id, page_size => 1) r), :'feed_at') e
 LIMIT 14;

\echo 'Who would be in under another gate: from 5,000 followers and 2 % engagement (influence.simulate_admission)'
SELECT s.decision_now, s.decision_simulated, count(*) AS creators
  FROM influence.simulate_admission(:program_id, '[{"metric": "followers", "comparison": ">=", "threshold": 5000},
	{"metric": "engagement_rate", "comparison": ">=", "threshold": 0.02}]', :'feed_at') s
 GROUP BY 1, 2 ORDER BY 1, 2;

\echo 'Replaying every decision from what was known then (influence.replay_application)'
SELECT count(*) AS decisions, count(*) FILTER (WHERE r.same) AS same
  FROM (SELECT a.creator_id, a.application_id FROM influence.application a WHERE a.program_id = :program_id ORDER BY a.application_id LIMIT 100) a,
	   LATERAL influence.replay_application(:program_id, a.creator_id, a.application_id) r;

\echo 'Is the program healthy? (view program_health)'
SELECT h.month, h.admitted, h.active, h.selling, h.orders, lpad(influence.format_minor(h.kept::bigint, h.currency), 10) AS "kept revenue", h.return_rate,
	   h.top_10_percent_share, h.hhi, h.gini, h.verticals_with_clips || ' of ' || h.verticals AS "verticals with clips"
  FROM influence.program_health h WHERE h.program_id = :program_id ORDER BY h.month;

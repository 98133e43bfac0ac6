/*
 * show_program.sql
 *
 * What came of it: admissions, the best creators, one order explained.
 */
\pset footer off
\pset border 1
\pset null '-'
SELECT program_id FROM demo.plan \gset

\echo
\echo 'Who was admitted, who was not, and why'
\echo
CREATE TEMP TABLE verdict AS
SELECT a.creator_id, a.decision,
	   coalesce(CASE a.decision WHEN 'rejected' THEN 'too low: ' ELSE 'not known: ' END
				|| string_agg(DISTINCT r.metric || coalesce(' on ' || nullif(g.platform, ''), ''), ', '), 'meets every rule') AS why
  FROM influence.application a
  LEFT JOIN influence.application_reason r ON r.creator_id = a.creator_id AND r.application_id = a.application_id
		AND (r.passed IS NOT TRUE) AND (a.decision <> 'rejected' OR NOT r.passed)
  LEFT JOIN influence.admission_rule g ON g.program_id = a.program_id AND g.rule_id = r.rule_id AND g.version = r.version
 WHERE a.program_id = :program_id
 GROUP BY a.creator_id, a.decision;
SELECT decision, lpad(to_char(sum(n), 'FM999,990'), 8) AS creators, why
  FROM (SELECT decision, CASE WHEN place <= 5 THEN why ELSE '(other combinations)' END AS why, n, least(place, 6) AS place
		  FROM (SELECT decision, why, count(*) AS n, row_number() OVER (PARTITION BY decision ORDER BY count(*) DESC, why) AS place FROM verdict GROUP BY decision, why) c) x
 GROUP BY decision, why, place ORDER BY decision, place;
SELECT c.platform, lpad(to_char(count(DISTINCT v.creator_id), 'FM999,990'), 8) AS creators, count(DISTINCT v.creator_id) FILTER (WHERE v.decision = 'admitted') AS admitted,
	   count(DISTINCT v.creator_id) FILTER (WHERE v.decision = 'rejected') AS rejected, count(DISTINCT v.creator_id) FILTER (WHERE v.decision = 'review') AS review
  FROM influence.channel c JOIN verdict v ON v.creator_id = c.creator_id
 GROUP BY c.platform ORDER BY c.platform;
\echo 'Three of them, with the numbers'
SELECT c.name, e.decision, r.metric || coalesce(' on ' || nullif(g.platform, ''), '') AS rule,
	   CASE WHEN r.value >= 100 THEN to_char(r.value, 'FM999,999,999,990') ELSE round(r.value, 4)::text END AS found, r.comparison AS is,
	   CASE WHEN r.threshold >= 100 THEN to_char(r.threshold, 'FM999,999,999,990') ELSE r.threshold::text END AS asked,
	   CASE WHEN r.passed THEN 'met' WHEN r.passed IS NULL THEN 'unknown' ELSE 'not met' END AS result
  FROM (SELECT DISTINCT ON (v.decision) v.decision, v.creator_id FROM verdict v
		  LEFT JOIN influence.application_reason r ON r.creator_id = v.creator_id
		 GROUP BY v.decision, v.creator_id ORDER BY v.decision, count(r.rule_id) DESC, v.creator_id) e
  JOIN influence.creator c ON c.creator_id = e.creator_id
  JOIN influence.application_reason r ON r.creator_id = e.creator_id
  LEFT JOIN influence.admission_rule g ON g.program_id = :program_id AND g.rule_id = r.rule_id AND g.version = r.version
 ORDER BY e.decision, r.rule_id;

\echo 'Best by attributed revenue (returns taken off), beside the greatest by followers; the touches are generated'
\echo
CREATE TEMP TABLE earned AS
SELECT c.creator_id, c.name, f.followers, coalesce(e.revenue, 0) AS revenue, coalesce(e.commission, 0) AS commission
  FROM influence.creator c
  JOIN verdict v ON v.creator_id = c.creator_id AND v.decision = 'admitted'
  LEFT JOIN (SELECT m.creator_id, max(m.followers) AS followers FROM influence.channel_metric m GROUP BY m.creator_id) f ON f.creator_id = c.creator_id
  LEFT JOIN (SELECT e.creator_id, sum(e.base) AS revenue, sum(e.amount) AS commission FROM influence.earning e
			  WHERE e.program_id = :program_id GROUP BY e.creator_id) e ON e.creator_id = c.creator_id;
SELECT a.place AS "#", left(a.name, 22) AS "by revenue", lpad(influence.format_minor(a.revenue::bigint, p.currency), 10) AS revenue,
	   lpad(influence.format_minor(a.commission::bigint, p.currency), 9) AS commission, lpad(to_char(a.followers, 'FM999,999,990'), 11) AS followers,
	   '|' AS " ", left(b.name, 22) AS "by followers", lpad(to_char(b.followers, 'FM999,999,990'), 11) AS "followers ",
	   lpad(influence.format_minor(b.revenue::bigint, p.currency), 10) AS "revenue "
  FROM demo.plan p
 CROSS JOIN (SELECT *, row_number() OVER (ORDER BY revenue DESC, creator_id) AS place FROM earned) a
  JOIN (SELECT *, row_number() OVER (ORDER BY followers DESC NULLS LAST, creator_id) AS place FROM earned) b ON b.place = a.place
 WHERE a.place <= 10 ORDER BY a.place;

\echo 'What became of the revenue'
SELECT CASE WHEN c.creator_id IS NOT NULL THEN 'credited to creators' WHEN c.reason = 'credited' THEN 'credited to direct visits' ELSE 'unattributed: ' || c.reason END AS share,
	   count(DISTINCT (c.order_ref, c.line_no)) AS lines, lpad(influence.format_minor(sum(c.credit)::bigint, p.currency), 14) AS amount,
	   round(100 * sum(c.credit) / sum(sum(c.credit)) OVER (), 1) AS percent
  FROM demo.plan p JOIN influence.credit c ON c.program_id = p.program_id GROUP BY p.currency, 1 ORDER BY sum(c.credit) DESC;

-- an order whose path has both credited and uncredited touches, and a return if there is one
SELECT order_ref AS shown_order, line_no AS shown_line FROM (
	SELECT c.order_ref, c.line_no, c.visitor_id, min(c.ordered_at) AS ordered_at, (SELECT count(*) FROM influence.order_return r WHERE r.order_ref = c.order_ref AND r.line_no = c.line_no AND r.program_id = c.program_id AND r.state = 'applied') AS returns
	  FROM influence.credit c WHERE c.program_id = :program_id
	 GROUP BY c.program_id, c.visitor_id, c.order_ref, c.line_no
	HAVING count(DISTINCT c.creator_id) BETWEEN 2 AND 3 AND count(*) BETWEEN 3 AND 4 AND min(c.credit) > 0) x
 ORDER BY (SELECT count(*) FROM influence.touch t WHERE t.visitor_id = x.visitor_id AND t.touched_at BETWEEN x.ordered_at - interval '32 days' AND x.ordered_at) <= 9 DESC,
		  returns > 0 DESC, order_ref, line_no LIMIT 1 \gset
\if :{?shown_order}
\echo 'Why, for one line of order' :shown_order '(influence.explain_attribution)'
SELECT to_char(e.touched_at, 'MM-DD HH24:MI') AS touched, e.kind, left(coalesce(e.creator_name, e.channel), 24) AS creator, e.touch_position AS pos,
	   round(e.weight::numeric, 4) AS weight, lpad(influence.format_minor(e.credit, p.currency), 8) AS credit, e.verdict
  FROM demo.plan p, LATERAL influence.explain_attribution(p.program_id, :'shown_order') e
 WHERE e.line_no = :shown_line;
\echo 'and what its creators earn by it (influence.explain_commission)'
SELECT left(e.creator_name, 24) AS creator, e.step, e.fact, e.value, left(e.source, 70) AS source
  FROM demo.plan p, LATERAL influence.explain_commission(p.program_id, :'shown_order', :shown_line) e
 WHERE e.creator_id = (SELECT min(x.creator_id) FROM influence.explain_commission(p.program_id, :'shown_order', :shown_line) x WHERE x.creator_id <> 0);
\endif

/*
 * views.sql
 *
 * Who was admitted when and by whom, who waits for a person, and whether the
 * gate is even-handed.
 */
CREATE FUNCTION influence_internal.create_admission_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.admission_history WITH (security_invoker = true) AS
	SELECT a.creator_id, a.program_id, a.application_id, a.decided_at, a.known_at AS recorded_at, a.decision, a.actor,
		   false AS by_hand, NULL::text AS note, a.reapply_after
	  FROM influence.application a
	UNION ALL
	SELECT d.creator_id, d.program_id, d.application_id, d.decided_at, d.recorded_at, d.decision, d.actor,
		   true, d.note, d.reapply_after
	  FROM influence.application_decision d;
	COMMENT ON VIEW influence.admission_history IS 'Every decision about a creator in a program, by the rules or by hand; the latest decided_at (then recorded_at) at a moment holds.';

	CREATE VIEW influence.admission WITH (security_invoker = true) AS
	SELECT DISTINCT ON (h.program_id, h.creator_id)
		   h.program_id, h.creator_id, h.application_id, h.decision, h.decided_at, h.actor, h.by_hand, h.note, h.reapply_after
	  FROM influence.admission_history h
	 WHERE h.decided_at <= now()
	 ORDER BY h.program_id, h.creator_id, h.decided_at DESC, h.recorded_at DESC;
	COMMENT ON VIEW influence.admission IS 'Where each applicant stands in each program now: admitted, rejected, review or withdrawn, since when and by whom.';

	CREATE VIEW influence.review_queue WITH (security_invoker = true) AS
	SELECT s.program_id, s.creator_id, c.name, s.application_id, a.submitted_at, s.decided_at AS waiting_since,
		   r.unknown, r.doubtful, s.actor, s.note
	  FROM influence.admission s
	  JOIN influence.application a ON a.creator_id = s.creator_id AND a.application_id = s.application_id
	  JOIN influence.creator c ON c.creator_id = s.creator_id
	 CROSS JOIN LATERAL (
			SELECT coalesce(array_agg(trim(x.platform || ' ' || x.metric) ORDER BY x.rule_id) FILTER (WHERE x.passed IS NULL), '{}') AS unknown,
				   coalesce(array_agg(trim(x.platform || ' ' || x.metric) ORDER BY x.rule_id) FILTER (WHERE NOT x.passed), '{}') AS doubtful
			  FROM influence.application_reason x
			 WHERE x.creator_id = s.creator_id AND x.application_id = s.application_id) r
	 WHERE s.decision = 'review';
	COMMENT ON VIEW influence.review_queue IS 'Applications that wait for a person: which metrics were unknown, which rules failed (for instance those with effect review); both empty when no rule fitted. actor and note: who put it there. Decide with decide_application(program_id, creator_id, decision, note, actor).';

	CREATE VIEW influence.admission_fairness WITH (security_invoker = true) AS
	SELECT x.program_id, x.dimension, x.value, x.applicants, x.admitted, x.rejected, x.pending, x.share,
		   x.share / nullif(max(x.share) FILTER (WHERE x.dimension = 'all') OVER (PARTITION BY x.program_id), 0) AS ratio,
		   x.share / nullif(max(x.share) OVER (PARTITION BY x.program_id, x.dimension), 0) AS ratio_to_best,
		   x.share < 0.8 * max(x.share) OVER (PARTITION BY x.program_id, x.dimension) AS below_four_fifths
	  FROM (SELECT g.program_id,
				   CASE grouping(g.vertical, g.tier, g.country) WHEN 3 THEN 'vertical' WHEN 5 THEN 'tier' WHEN 6 THEN 'country' ELSE 'all' END AS dimension,
				   coalesce(CASE grouping(g.vertical, g.tier, g.country) WHEN 3 THEN g.vertical WHEN 5 THEN g.tier WHEN 6 THEN g.country END, '') AS value,
				   count(*) AS applicants,
				   count(*) FILTER (WHERE g.decision IN ('admitted', 'withdrawn')) AS admitted,
				   count(*) FILTER (WHERE g.decision = 'rejected') AS rejected,
				   count(*) FILTER (WHERE g.decision = 'review') AS pending,
				   count(*) FILTER (WHERE g.decision IN ('admitted', 'withdrawn'))::numeric / nullif(count(*) FILTER (WHERE g.decision <> 'review'), 0) AS share
			  FROM (SELECT s.program_id, s.decision, a.vertical, coalesce(a.tier, '') AS tier, coalesce(a.country, '') AS country
					  FROM influence.admission s
					  JOIN influence.application a ON a.creator_id = s.creator_id AND a.application_id = s.application_id) g
			 GROUP BY GROUPING SETS ((g.program_id), (g.program_id, g.vertical), (g.program_id, g.tier), (g.program_id, g.country))) x;
	COMMENT ON VIEW influence.admission_fairness IS 'How even-handed a program''s gate is: applicants by vertical, size tier and country as they were when they applied ('''' = not known; dimension all: everybody), each counted once by where it stands now (an admission that was withdrawn was one); share = admitted / (admitted + rejected), ratio = share / the program''s share, ratio_to_best = share / the greatest share in the dimension; below_four_fifths: that is under 0.8, the rule of thumb of the Uniform Guidelines on Employee Selection Procedures (29 CFR 1607.4 D, 1978). Of few applicants it says little.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_admission_views() IS 'Makes the views of admission; called by step 11 of install().';

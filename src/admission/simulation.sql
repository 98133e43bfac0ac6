/*
 * simulation.sql
 *
 * Who would be in under other rules: all applicants, or all creators, judged in
 * one go, without writing anything.
 */
CREATE FUNCTION influence_internal.simulate_admission(program_id bigint, rules jsonb DEFAULT NULL, as_of timestamptz DEFAULT now(),
	all_creators boolean DEFAULT false)
RETURNS TABLE (creator_id bigint, name text, vertical text, tier text, country text, decision_now text, decision_simulated text, failed text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	ids bigint[];
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('as_of', $3::text, 'all_creators', $4::text);
	PERFORM influence_internal.require_finite('as_of', $3);
	IF NOT $4 THEN
		ids := ARRAY(SELECT DISTINCT a.creator_id FROM influence.application a WHERE a.program_id = $1 AND a.submitted_at <= $3);
	END IF;
	RETURN QUERY
	WITH judged AS (
		SELECT j.creator_id,
			   influence_internal.decide(count(*) FILTER (WHERE NOT j.passed AND j.effect = 'reject'),
										 count(*) FILTER (WHERE j.passed IS NULL OR (NOT j.passed AND j.effect = 'review')),
										 count(*)) AS decision,
			   array_agg(concat(nullif(j.platform, '') || ' ', j.metric, ' ', j.comparison, ' ', trim_scale(j.threshold),
								CASE WHEN j.passed IS NULL THEN ' (unknown)' END) ORDER BY j.rule_id)
					FILTER (WHERE j.passed IS NOT TRUE) AS failed
		  FROM influence_internal.judge_creators($1, ids, $3, NULL, NULL, $2) j
		 GROUP BY j.creator_id
	), standing AS (
		SELECT DISTINCT ON (h.creator_id) h.creator_id, h.decision
		  FROM influence.admission_history h
		 WHERE h.program_id = $1 AND h.decided_at <= $3
		 ORDER BY h.creator_id, h.decided_at DESC, h.recorded_at DESC
	), tiers AS (
		SELECT t.tier, t.followers_from, lead(t.followers_from) OVER (ORDER BY t.followers_from, t.tier DESC) AS followers_to
		  FROM (SELECT DISTINCT ON (s.tier) s.tier, s.followers_from
				  FROM influence.size_tier s
				 WHERE s.platform = '' AND s.valid_from <= $3
				 ORDER BY s.tier, s.valid_from DESC) t
		 WHERE t.followers_from IS NOT NULL
	)
	SELECT w.creator_id, c.name, w.vertical, t.tier, w.country, s.decision, coalesce(j.decision, influence_internal.decide(0, 0, 0)),
		   coalesce(j.failed, '{}')
	  FROM influence_internal.creator_at(ids, $3) w
	  JOIN influence.creator c ON c.creator_id = w.creator_id
	  LEFT JOIN judged j ON j.creator_id = w.creator_id
	  LEFT JOIN standing s ON s.creator_id = w.creator_id
	  LEFT JOIN influence_internal.creator_metrics(ids, $1, $3, NULL, NULL, '{followers}') m
		ON m.creator_id = w.creator_id AND m.platform = '' AND m.metric = 'followers'
	  LEFT JOIN tiers t ON m.value >= t.followers_from AND (t.followers_to IS NULL OR m.value < t.followers_to)
	 ORDER BY w.creator_id;
END
$$;
COMMENT ON FUNCTION influence_internal.simulate_admission(bigint, jsonb, timestamptz, boolean) IS
'Who would be admitted to a program under other rules, [{"metric", "comparison", "threshold", "platform", "country", "vertical", "effect"}] (NULL: its own of as_of), by what is known now about as_of: all who applied until then, or all creators. -> vertical, size tier and country at as_of, where the creator stands (NULL: never applied), what the rules say, and which of them fail or are unknown. Writes nothing; two policies are compared by two calls. IN002, IN003.';

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
SET jit = off
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
	WITH judgement AS MATERIALIZED (
		SELECT j.* FROM influence_internal.judge_creators($1, ids, $3, NULL, NULL, $2, true) j
	), judged AS (
		SELECT j.creator_id,
			   influence_internal.decide(count(*) FILTER (WHERE NOT j.passed AND j.effect = 'reject'),
										 count(*) FILTER (WHERE j.passed IS NULL OR (NOT j.passed AND j.effect = 'review')),
										 count(*)) AS decision,
			   array_agg(concat(nullif(j.platform, '') || ' ', j.metric, ' ', j.comparison, ' ', trim_scale(j.threshold),
								CASE WHEN j.passed IS NULL THEN ' (unknown)' END) ORDER BY j.rule_id)
					FILTER (WHERE j.passed IS NOT TRUE) AS failed
		  FROM judgement j
		 WHERE j.rule_id > 0
		 GROUP BY j.creator_id
	), sized AS (
		-- of the channel with the most followers
		SELECT DISTINCT ON (j.creator_id) j.creator_id, t.tier
		  FROM judgement j
		  JOIN influence_internal.size_tiers_at($3, NULL, NULL) t
			ON t.platform = j.platform AND j.value >= t.followers_from AND (j.value < t.followers_below) IS NOT FALSE
		 WHERE j.rule_id = 0
		 ORDER BY j.creator_id, j.value DESC, j.platform
	), standing AS (
		SELECT DISTINCT ON (h.creator_id) h.creator_id, h.decision
		  FROM influence.admission_history h
		 WHERE h.program_id = $1 AND h.decided_at <= $3
		 ORDER BY h.creator_id, h.decided_at DESC, h.recorded_at DESC
	)
	SELECT w.creator_id, c.name, w.vertical, t.tier, w.country, s.decision, coalesce(j.decision, influence_internal.decide(0, 0, 0)),
		   coalesce(j.failed, '{}')
	  FROM influence_internal.creator_at(ids, $3) w
	  JOIN influence.creator c ON c.creator_id = w.creator_id
	  LEFT JOIN judged j ON j.creator_id = w.creator_id
	  LEFT JOIN standing s ON s.creator_id = w.creator_id
	  LEFT JOIN sized t ON t.creator_id = w.creator_id
	 ORDER BY w.creator_id;
END
$$;
COMMENT ON FUNCTION influence_internal.simulate_admission(bigint, jsonb, timestamptz, boolean) IS
'Who would be admitted to a program under other rules, [{"metric", "comparison", "threshold", "platform", "country", "vertical", "effect"}] (NULL: its own of as_of), by what is known now about as_of: all who applied until then, or all creators. -> vertical, size tier and country at as_of, where the creator stands (NULL: never applied), what the rules say, and which of them fail or are unknown. Writes nothing; two policies are compared by two calls. IN002, IN003.';

/*
 * replay.sql
 *
 * A stored decision made again from what was known then, and told in words.
 */
CREATE FUNCTION influence_internal.find_application(program_id bigint, creator_id bigint, application_id bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	found_id bigint;
BEGIN
	SELECT a.application_id INTO found_id
	  FROM influence.application a
	 WHERE a.creator_id = $2 AND a.program_id = $1 AND a.application_id = coalesce($3, a.application_id)
	 ORDER BY a.decided_at DESC, a.known_at DESC, a.application_id DESC LIMIT 1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_error('IN003',
			concat_ws(' ', 'application', $3::text, format('of creator %s to program %s does not exist', coalesce($2::text, 'NULL'), coalesce($1::text, 'NULL'))), NULL,
			'Submit one with influence.apply_creator(program_id, creator_id); those there are: SELECT * FROM influence.admission_history.');
	END IF;
	RETURN found_id;
END
$$;
COMMENT ON FUNCTION influence_internal.find_application(bigint, bigint, bigint) IS
'An application of a creator to a program, the latest when none is named; IN003 when there is none.';

CREATE FUNCTION influence_internal.replay_application(program_id bigint, creator_id bigint, application_id bigint DEFAULT NULL,
	at timestamptz DEFAULT NULL, known_at timestamptz DEFAULT NULL)
RETURNS TABLE (application bigint, as_of timestamptz, knowing timestamptz, decision text, replayed text, same boolean, reasons jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	stored record;
	found_id bigint := influence_internal.find_application($1, $2, $3);
BEGIN
	SELECT a.* INTO STRICT stored FROM influence.application a WHERE a.creator_id = $2 AND a.application_id = found_id;
	application := stored.application_id;
	as_of := coalesce($4, stored.submitted_at);
	knowing := coalesce($5, stored.known_at);
	decision := stored.decision;
	SELECT j.decision, j.reasons INTO replayed, reasons
	  FROM influence_internal.judged_creators($1, ARRAY[$2], as_of, knowing,
			-- at the decision's own moment, by its own snapshot; at another one, by the clock
			CASE WHEN knowing = stored.known_at THEN stored.seen END) j;
	same := replayed = stored.decision AND reasons = influence_internal.application_reasons($2, stored.application_id);
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.replay_application(bigint, bigint, bigint, timestamptz, timestamptz) IS
'Makes the decision about an application (default: the creator''s latest to the program) again, from the histories of rules, metrics, profiles and scores, not from the stored reasons: as of at (default: when it was submitted), with what was known at known_at (default: when it was decided; infinity: all that is known now). -> the application, as_of and knowing (the two moments), the stored decision of the rules, the replayed one, same (decision and every reason are equal), the replayed reasons. What a person decided afterwards is no matter of rules: see admission_history. IN003.';

CREATE FUNCTION influence_internal.explain_application(program_id bigint, creator_id bigint, application_id bigint DEFAULT NULL)
RETURNS TABLE (line int, decided_at timestamptz, actor text, result text, rule_id bigint, version int, metric text, platform text,
			   value numeric, comparison text, threshold numeric, missing numeric, explanation text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	stored record;
	found_id bigint := influence_internal.find_application($1, $2, $3);
BEGIN
	SELECT a.* INTO STRICT stored FROM influence.application a WHERE a.creator_id = $2 AND a.application_id = found_id;
	RETURN QUERY
	SELECT x.place::int, x.decided_at, x.actor, x.result, x.rule_id, x.version, x.metric, x.platform, x.value, x.comparison, x.threshold,
		   x.missing, x.explanation
	  FROM (
		SELECT 1 AS place, stored.decided_at, stored.actor, stored.decision AS result, NULL::bigint AS rule_id, NULL::int AS version,
			   NULL::text AS metric, NULL::text AS platform, NULL::numeric AS value, NULL::text AS comparison, NULL::numeric AS threshold,
			   NULL::numeric AS missing,
			   CASE stored.decision
					WHEN 'admitted' THEN 'admitted: every rule that fits passes'
					WHEN 'rejected' THEN format('rejected: a rule fails; may apply again from %s on', stored.reapply_after)
					ELSE CASE WHEN count(r.rule_id) = 0 THEN 'review: no rule fits, so a person has to decide'
							  ELSE 'review: a person has to decide, or the application is decided by the rules as soon as nothing is in doubt' END
			   END AS explanation
		  FROM influence.application_reason r WHERE r.creator_id = $2 AND r.application_id = stored.application_id
		UNION ALL
		SELECT 1 + row_number() OVER (ORDER BY r.rule_id), stored.decided_at, stored.actor,
			   CASE WHEN r.passed IS NULL THEN 'unknown' WHEN r.passed THEN 'passed' ELSE 'failed' END,
			   r.rule_id, r.version, r.metric, r.platform, r.value, r.comparison, r.threshold, m.missing,
			   format('%s%s: %s; asked for: %s %s; %s', m.meaning, CASE WHEN r.platform <> '' THEN ' on ' || r.platform ELSE '' END,
					  coalesce(trim_scale(r.value)::text, 'not known'),
					  CASE r.comparison WHEN '>=' THEN 'at least' WHEN '>' THEN 'more than' WHEN '<=' THEN 'at most' ELSE 'less than' END,
					  trim_scale(r.threshold),
					  CASE WHEN r.passed IS NULL THEN 'a person has to decide, or record what is missing'
						   WHEN r.passed THEN 'passed'
						   WHEN r.comparison IN ('>=', '>') THEN format('failed, %s too little', trim_scale(m.missing))
						   ELSE format('failed, %s too much', trim_scale(m.missing)) END
					  || CASE WHEN NOT r.passed AND r.effect = 'review' THEN ' (such a rule asks for a person, it rejects nobody)' ELSE '' END)
		  FROM influence.application_reason r
		 CROSS JOIN LATERAL (SELECT CASE WHEN NOT r.passed THEN abs(r.threshold - r.value) END AS missing,
									(SELECT d.meaning FROM influence_internal.admission_metrics() d WHERE d.metric = r.metric) AS meaning) m
		 WHERE r.creator_id = $2 AND r.application_id = stored.application_id
		UNION ALL
		SELECT 1000000 + d.seq, d.decided_at, d.actor, d.decision, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
			   format('%s by hand%s%s', d.decision, coalesce(': ' || d.note, ''),
					  CASE WHEN d.reapply_after IS NOT NULL THEN format('; may apply again from %s on', d.reapply_after) ELSE '' END)
		  FROM influence.application_decision d
		 WHERE d.creator_id = $2 AND d.application_id = stored.application_id) x
	 ORDER BY x.place;
END
$$;
COMMENT ON FUNCTION influence_internal.explain_application(bigint, bigint, bigint) IS
'Why an application (default: the creator''s latest to the program) was decided as it was, in words: line 1 the decision of the rules and when the creator may apply again, then each rule with value, threshold and what is missing to pass, then what people decided afterwards (line above 1000000, in order). IN003.';

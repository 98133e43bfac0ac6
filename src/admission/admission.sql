/*
 * admission.sql
 *
 * Admission of creators to a program. Rules are rows; a decision takes every
 * rule in force at the moment of submission that fits the applicant, compares
 * the best value among the matching channels, and stores value, threshold and
 * rule version with the metric snapshot: so it explains itself and can be
 * replayed. A metric that is not known sends the application to review; a rule
 * that fails rejects it.
 */
CREATE FUNCTION influence_internal.admission_metrics()
RETURNS TABLE (metric text, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	VALUES ('followers', 'followers of the best matching channel'),
		   ('total_followers', 'followers of all matching channels'),
		   ('engagement_rate', 'interactions per post by the platform''s usual denominator, best matching channel'),
		   ('views_per_post', 'views per post, best matching channel'),
		   ('channels', 'number of matching channels'),
		   ('verified_channels', 'number of matching channels that are verified')
$$;
COMMENT ON FUNCTION influence_internal.admission_metrics() IS 'The metrics that admission rules can name.';

CREATE FUNCTION influence_internal.set_admission_rule(program_id bigint, metric text, comparison text, threshold numeric,
	platform text DEFAULT '', country text DEFAULT '', vertical text DEFAULT '', valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text, rule_id bigint, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	last record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('threshold', $4::text, 'platform', $5, 'country', $6, 'vertical', $7);
	PERFORM influence_internal.require_begin('valid_from', valid_from);
	IF NOT EXISTS (SELECT FROM influence_internal.admission_metrics() m WHERE m.metric = $2) THEN
		PERFORM influence_internal.raise_invalid(format('metric "%s" is not known', $2), NULL,
			(SELECT 'Use ' || string_agg(m.metric, ', ' ORDER BY m.metric) || '.' FROM influence_internal.admission_metrics() m));
	ELSIF $3 IS NULL OR $3 NOT IN ('>=', '>', '<=', '<') THEN
		PERFORM influence_internal.raise_invalid(format('comparison "%s" is not known', $3), NULL, 'Use >=, >, <= or <.');
	ELSIF $4 IN ('NaN', 'Infinity', '-Infinity') THEN
		PERFORM influence_internal.raise_invalid('the threshold is not a finite number', NULL, 'Give a number.');
	ELSIF $6 !~ '^([A-Z]{2})?$' THEN
		PERFORM influence_internal.raise_invalid(format('country "%s" is not a code', $6), NULL,
			'Use two upper-case letters (ISO 3166-1), or '''' for any.');
	ELSIF $5 <> '' AND NOT EXISTS (SELECT FROM influence.platform p WHERE p.platform = $5) THEN
		PERFORM influence_internal.raise_unknown('platform', $5, 'See the table influence.platform.');
	END IF;
	PERFORM influence_internal.lock_key('admission rules ' || $1);
	SELECT r.rule_id, r.version, lower(r.valid) AS since, r.threshold, r.comparison INTO last
	  FROM influence.admission_rule r
	 WHERE r.program_id = $1 AND r.metric = $2 AND r.platform = $5 AND r.country = $6 AND r.vertical = $7
	   -- a floor and a ceiling on the same metric are two rules
	   AND left(r.comparison, 1) = left($3, 1)
	 ORDER BY lower(r.valid) = valid_from DESC, r.version DESC LIMIT 1;
	IF last.since = valid_from AND (last.threshold, last.comparison) = ($4, $3) THEN
		RETURN QUERY SELECT 'duplicate', last.rule_id, last.version;
		RETURN;
	ELSIF last.since >= valid_from THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = 'the rule would begin before the version in force',
			DETAIL = format('Version %s holds from %s.', last.version, last.since),
			HINT = 'Choose a later valid_from; decisions are never restated.';
	END IF;
	rule_id := coalesce(last.rule_id, (SELECT coalesce(max(r.rule_id), 0) + 1 FROM influence.admission_rule r WHERE r.program_id = $1));
	version := coalesce(last.version, 0) + 1;
	UPDATE influence.admission_rule r SET valid = tstzrange(lower(r.valid), valid_from)
	 WHERE r.program_id = $1 AND r.rule_id = set_admission_rule.rule_id AND r.version = last.version;
	INSERT INTO influence.admission_rule (program_id, rule_id, version, platform, country, vertical, metric, comparison,
										  threshold, valid)
	VALUES ($1, set_admission_rule.rule_id, set_admission_rule.version, $5, $6, $7, $2, $3, $4, tstzrange(valid_from, NULL));
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_admission_rule(bigint, text, text, numeric, text, text, text, timestamptz) IS
'Adds or changes what a program asks of applicants: metric comparison threshold, for applicants with a channel on platform, from country and in vertical ('''' = any). The same rule with another threshold is a new version from valid_from on. -> status recorded | duplicate, rule_id, version. IN002, IN003, IN011.';

CREATE FUNCTION influence_internal.channel_facts(creator_id bigint, at timestamptz)
RETURNS TABLE (channel_id bigint, platform text, verified boolean, measured_at timestamptz, followers bigint,
			   views_per_post numeric, engagement_rate numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT c.channel_id, c.platform, c.verified, m.measured_at, m.followers,
		   round(m.views::numeric / m.posts, 6),
		   round(round(coalesce(m.interactions, m.likes + coalesce(m.comments, 0) + coalesce(m.shares, 0) + coalesce(m.saves, 0))::numeric
				 / m.posts, 9)
				 / nullif(CASE p.engagement_basis WHEN 'followers' THEN m.followers::numeric
												  WHEN 'views' THEN round(m.views::numeric / m.posts, 9)
												  WHEN 'reach' THEN round(m.reach::numeric / m.posts, 9) END, 0), 9)
	  FROM influence.channel c
	  JOIN influence.platform p ON p.platform = c.platform
	  LEFT JOIN LATERAL (SELECT x.* FROM influence.channel_metric x
						  WHERE x.creator_id = c.creator_id AND x.channel_id = c.channel_id
							AND x.measured_at <= channel_facts.at
						  ORDER BY x.measured_at DESC LIMIT 1) m ON true
	 WHERE c.creator_id = channel_facts.creator_id;
END
$$;
COMMENT ON FUNCTION influence_internal.channel_facts(bigint, timestamptz) IS
'A creator''s channels with the newest metrics at a moment; engagement_rate = (likes + comments + shares + saves) per post / followers, views per post or reach per post, as the platform''s engagement_basis says; NULL when not known.';

CREATE FUNCTION influence_internal.judge_application(program_id bigint, creator_id bigint, at timestamptz)
RETURNS TABLE (rule_id bigint, version int, metric text, platform text, value numeric, comparison text, threshold numeric,
			   passed boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH facts AS MATERIALIZED (
		SELECT f.* FROM influence_internal.channel_facts(judge_application.creator_id, judge_application.at) f
	), measured AS (
		SELECT r.*,
			   CASE r.metric
					WHEN 'followers' THEN (SELECT max(f.followers) FROM facts f WHERE r.platform IN ('', f.platform))
					WHEN 'total_followers' THEN (SELECT sum(f.followers) FROM facts f WHERE r.platform IN ('', f.platform))
					WHEN 'engagement_rate' THEN (SELECT max(f.engagement_rate) FROM facts f WHERE r.platform IN ('', f.platform))
					WHEN 'views_per_post' THEN (SELECT max(f.views_per_post) FROM facts f WHERE r.platform IN ('', f.platform))
					WHEN 'channels' THEN (SELECT count(*) FROM facts f WHERE r.platform IN ('', f.platform))
					WHEN 'verified_channels' THEN (SELECT count(*) FROM facts f WHERE f.verified AND r.platform IN ('', f.platform))
			   END::numeric AS value
		  FROM influence.admission_rule r, influence.creator c
		 WHERE r.program_id = judge_application.program_id AND r.valid @> judge_application.at
		   AND c.creator_id = judge_application.creator_id
		   AND r.country IN ('', coalesce(c.country, '')) AND r.vertical IN ('', c.vertical)
		   AND (r.platform = '' OR EXISTS (SELECT FROM facts f WHERE f.platform = r.platform))
	)
	SELECT m.rule_id, m.version, m.metric, m.platform, m.value, m.comparison, m.threshold,
		   CASE m.comparison WHEN '>=' THEN m.value >= m.threshold WHEN '>' THEN m.value > m.threshold
							 WHEN '<=' THEN m.value <= m.threshold ELSE m.value < m.threshold END
	  FROM measured m
	 ORDER BY m.rule_id;
END
$$;
COMMENT ON FUNCTION influence_internal.judge_application(bigint, bigint, timestamptz) IS
'Every admission rule that fits a creator at a moment, with the value found and whether it passes (NULL = value unknown).';

CREATE FUNCTION influence_internal.decide(judged jsonb)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN bool_or(j -> 'passed' = 'false') THEN 'rejected'
				WHEN count(*) = 0 OR bool_or(j -> 'passed' = 'null') THEN 'review'
				ELSE 'admitted' END
	  FROM jsonb_array_elements(judged) j
$$;
COMMENT ON FUNCTION influence_internal.decide(jsonb) IS
'The decision that the judged rules give: rejected when one fails, review when a value is unknown or no rule fits, admitted otherwise.';

CREATE FUNCTION influence_internal.apply_creator(program_id bigint, creator_id bigint, submitted_at timestamptz DEFAULT now())
RETURNS TABLE (status text, application_id bigint, decision text, reasons jsonb, reapply_after timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	has_application boolean;
	judged jsonb;
	fresh boolean;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_creator($2);
	PERFORM influence_internal.require_arguments('submitted_at', $3::text);
	PERFORM influence_internal.require_event_time('submitted_at', $3);
	PERFORM influence_internal.lock_key('application ' || $2);
	SELECT a.* INTO known
	  FROM influence.application a
	 WHERE a.creator_id = $2 AND a.program_id = $1
	 ORDER BY a.decision = 'admitted' DESC, a.submitted_at DESC, a.application_id DESC LIMIT 1;
	has_application := FOUND;
	IF known.decision IS DISTINCT FROM 'admitted' THEN
		SELECT coalesce(jsonb_agg(to_jsonb(j) ORDER BY j.rule_id), '[]') INTO judged
		  FROM influence_internal.judge_application($1, $2, $3) j;
	END IF;
	IF has_application THEN
		-- a pending application is looked at again, a rejected one after its time, an admitted one never
		fresh := CASE known.decision
			WHEN 'rejected' THEN $3 >= known.reapply_after
			WHEN 'review' THEN $3 >= known.submitted_at AND influence_internal.decide(judged) <> 'review'
			ELSE false END;
		IF NOT fresh THEN
			RETURN QUERY SELECT 'duplicate', known.application_id, known.decision,
								influence_internal.application_reasons($2, known.application_id), known.reapply_after;
			RETURN;
		END IF;
	END IF;
	application_id := nextval(pg_get_serial_sequence('influence.application', 'application_id'));
	decision := influence_internal.decide(judged);
	IF decision = 'rejected' THEN
		reapply_after := influence_internal.calendar_add($3, (influence_internal.setting_value('reapply_after') #>> '{}')::interval,
			(SELECT f.time_zone FROM influence_internal.program_facts($1) f));
	END IF;
	INSERT INTO influence.application (creator_id, application_id, program_id, submitted_at, decided_at, decision, actor,
									   reapply_after, metrics)
	SELECT $2, apply_creator.application_id, $1, $3, $3, apply_creator.decision, 'rules', apply_creator.reapply_after,
		   coalesce(jsonb_agg(to_jsonb(f) ORDER BY f.channel_id), '[]')
	  FROM influence_internal.channel_facts($2, $3) f;
	INSERT INTO influence.application_reason (creator_id, application_id, rule_id, version, metric, value, comparison,
											  threshold, passed)
	SELECT $2, apply_creator.application_id, j.rule_id, j.version, j.metric, j.value, j.comparison, j.threshold, j.passed
	  FROM jsonb_to_recordset(judged) j(rule_id bigint, version int, metric text, value numeric, comparison text, threshold numeric, passed boolean);
	reasons := influence_internal.application_reasons($2, apply_creator.application_id);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.apply_creator(bigint, bigint, timestamptz) IS
'Submits a creator''s application to a program and decides it by the rules in force at submitted_at: rejected when a rule fails, review when a value is unknown or no rule fits, admitted otherwise. An application under review is decided anew when the rules now say so. -> status recorded | duplicate (admitted, still under review, or before reapply_after), application_id, decision, reasons [{"metric", "value", "comparison", "threshold", "passed", "rule_id", "version"}], reapply_after. IN002, IN003.';

CREATE FUNCTION influence_internal.application_reasons(creator_id bigint, application_id bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('metric', r.metric, 'value', r.value, 'comparison', r.comparison,
							'threshold', r.threshold, 'passed', r.passed, 'rule_id', r.rule_id, 'version', r.version)
							ORDER BY r.rule_id), '[]')
			  FROM influence.application_reason r
			 WHERE r.creator_id = application_reasons.creator_id AND r.application_id = application_reasons.application_id);
END
$$;
COMMENT ON FUNCTION influence_internal.application_reasons(bigint, bigint) IS 'The stored reasons of a decision as a JSON array.';

CREATE FUNCTION influence_internal.earning_bar(program_id bigint, creator_id bigint, at timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	creator_status text;
BEGIN
	IF NOT EXISTS (SELECT FROM influence.application a
					WHERE a.creator_id = earning_bar.creator_id AND a.program_id = earning_bar.program_id
					  AND a.decision = 'admitted' AND a.decided_at <= earning_bar.at) THEN
		RETURN 'not_admitted';
	END IF;
	creator_status := influence_internal.creator_status_at(earning_bar.creator_id, earning_bar.at);
	RETURN CASE WHEN creator_status <> 'active' THEN 'creator_' || creator_status END;
END
$$;
COMMENT ON FUNCTION influence_internal.earning_bar(bigint, bigint, timestamptz) IS
'Why a creator may not post or earn in a program at a moment: not_admitted, creator_suspended, creator_banned; NULL when it may.';

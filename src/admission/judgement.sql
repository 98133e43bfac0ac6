/*
 * judgement.sql
 *
 * From rules and metrics to a decision, for any number of creators at once, at
 * any moment, as was known at any other. The decision that is stored, its
 * replay, the nightly look at old applications and the simulation all ask here.
 */
CREATE FUNCTION influence_internal.judge_creators(program_id bigint, creator_ids bigint[], at timestamptz,
	known_at timestamptz DEFAULT NULL, seen pg_snapshot DEFAULT NULL, rules jsonb DEFAULT NULL, sizes boolean DEFAULT false)
RETURNS TABLE (creator_id bigint, rule_id bigint, version int, metric text, platform text, value numeric, comparison text,
			   threshold numeric, effect text, passed boolean)
LANGUAGE plpgsql STABLE
ROWS 100000
SET search_path = pg_catalog, pg_temp
-- estimates are for all creators: one would be compiled for, too
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	asked jsonb;
	metrics text[];
	by_platform boolean;
BEGIN
	IF $6 IS NULL THEN
		SELECT jsonb_agg(to_jsonb(r)), array_agg(DISTINCT r.metric), bool_or(r.platform <> '') INTO asked, metrics, by_platform
		  FROM influence_internal.rules_at($1, $3, $4, $5) r;
	ELSE
		SELECT jsonb_agg(to_jsonb(r)), array_agg(DISTINCT r.metric), bool_or(r.platform <> '') INTO asked, metrics, by_platform
		  FROM influence_internal.listed_rules($6) r;
	END IF;
	IF asked IS NULL AND NOT $7 THEN
		RETURN;
	END IF;
	RETURN QUERY
	WITH rule AS MATERIALIZED (
		SELECT r.*, d.decimals
		  FROM jsonb_to_recordset(coalesce(asked, '[]')) r(rule_id bigint, version int, metric text, comparison text, threshold numeric,
										   platform text, country text, vertical text, effect text)
		  JOIN influence_internal.admission_metrics() d ON d.metric = r.metric
	), fitting AS (
		SELECT w.creator_id, r.*
		  FROM influence_internal.creator_at($2, $3, $4, $5) w
		  JOIN rule r ON r.country IN ('', w.country) AND r.vertical IN ('', w.vertical)
		 WHERE r.platform = ''
		UNION ALL
		-- what is asked of a platform is asked of those who are there
		SELECT w.creator_id, r.*
		  FROM influence_internal.creator_at($2, $3, $4, $5) w
		  JOIN (SELECT DISTINCT c.creator_id, c.platform FROM influence_internal.channels_at($2, $3, $4, $5) c) h ON h.creator_id = w.creator_id
		  JOIN rule r ON r.country IN ('', w.country) AND r.vertical IN ('', w.vertical) AND r.platform = h.platform
		 WHERE by_platform
	), found AS MATERIALIZED (
		SELECT m.* FROM influence_internal.creator_metrics($2, $1, $3, $4, $5, 
				CASE WHEN $7 AND ('followers' = ANY (metrics)) IS NOT TRUE THEN metrics || '{followers}' ELSE metrics END) m
	), measured AS (
		SELECT f.*,
			   CASE WHEN m.value IN ('NaN', 'Infinity', '-Infinity') THEN NULL
					WHEN m.value IS NULL AND f.metric IN ('channels', 'verified_channels') THEN 0
					ELSE round(m.value, f.decimals) END AS value
		  FROM fitting f
		  LEFT JOIN found m
			ON m.creator_id = f.creator_id AND m.platform = f.platform AND m.metric = f.metric
	)
	SELECT m.creator_id, m.rule_id, m.version, m.metric, m.platform, m.value, m.comparison, m.threshold, m.effect,
		   CASE m.comparison WHEN '>=' THEN m.value >= m.threshold WHEN '>' THEN m.value > m.threshold
							 WHEN '<=' THEN m.value <= m.threshold ELSE m.value < m.threshold END
	  FROM measured m
	UNION ALL
	SELECT f.creator_id, 0, 0, f.metric, f.platform, f.value, NULL, NULL, NULL, NULL
	  FROM found f
	 WHERE $7 AND f.metric = 'followers' AND f.platform <> '';
END
$$;
COMMENT ON FUNCTION influence_internal.judge_creators(bigint, bigint[], timestamptz, timestamptz, pg_snapshot, jsonb, boolean) IS
'Every admission rule that fits creators (NULL: all) at a moment, as was known at another (NULL: as is known now) in a snapshot, with the value found and whether it passes (NULL = value unknown); rules: other ones than the program''s; sizes: also the followers by platform, as rows of rule 0.';

CREATE FUNCTION influence_internal.decide(rejecting bigint, doubtful bigint, fitting bigint)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE WHEN rejecting OPERATOR(pg_catalog.>) 0 THEN 'rejected'
				WHEN doubtful OPERATOR(pg_catalog.>) 0 OR fitting OPERATOR(pg_catalog.=) 0 THEN 'review'
				ELSE 'admitted' END
$$;
COMMENT ON FUNCTION influence_internal.decide(bigint, bigint, bigint) IS
'The decision of so many rules that fail and reject, so many that are unknown or fail and ask for a review, so many in all: rejected, review when there is a doubt or no rule at all, admitted otherwise.';

CREATE FUNCTION influence_internal.judged_creators(program_id bigint, creator_ids bigint[], at timestamptz,
	known_at timestamptz DEFAULT NULL, seen pg_snapshot DEFAULT NULL)
RETURNS TABLE (creator_id bigint, decision text, reasons jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT u.id,
		   influence_internal.decide(count(*) FILTER (WHERE NOT j.passed AND j.effect = 'reject'),
									 count(*) FILTER (WHERE j.rule_id IS NOT NULL AND (j.passed IS NULL OR (NOT j.passed AND j.effect = 'review'))),
									 count(j.rule_id)),
		   coalesce(jsonb_agg(jsonb_build_object('metric', j.metric, 'platform', j.platform, 'value', j.value,
							  'comparison', j.comparison, 'threshold', j.threshold, 'passed', j.passed, 'effect', j.effect,
							  'rule_id', j.rule_id, 'version', j.version) ORDER BY j.rule_id) FILTER (WHERE j.rule_id IS NOT NULL), '[]')
	  FROM unnest($2) u(id)
	  LEFT JOIN influence_internal.judge_creators($1, $2, $3, $4, $5) j ON j.creator_id = u.id
	 GROUP BY u.id;
END
$$;
COMMENT ON FUNCTION influence_internal.judged_creators(bigint, bigint[], timestamptz, timestamptz, pg_snapshot) IS
'What the rules of a program decide about creators at a moment, as was known at another in a snapshot, with the reasons.';

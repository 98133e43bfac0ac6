/*
 * rules.sql
 *
 * What a program asks of applicants: rows with versions. A version is never
 * changed: the next one, or one with effect none, takes its place from its
 * valid_from on. So which rules held at a moment, as was known at another, is
 * told by valid_from and recorded_at alone.
 */
CREATE FUNCTION influence_internal.admission_metrics()
RETURNS TABLE (metric text, by_platform boolean, decimals int, meaning text)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
	VALUES ('followers', true, 0, 'followers of the best matching channel'),
		   ('total_followers', true, 0, 'followers of all matching channels'),
		   ('views_per_post', true, 6, 'views per post, best matching channel'),
		   ('engagement_rate', true, 9, 'interactions per post by the platform''s usual denominator, best matching channel'),
		   ('engagement_median', true, 9, 'the same as median over the posts: one post that went round does not count more than another'),
		   ('engagement_shrunk', true, 9, 'the same, drawn toward what is usual in platform, vertical and size tier: the fewer posts, the more'),
		   ('engagement_lower', true, 9, 'its lower bound at 95 %'),
		   ('engagement_percentile', true, 9, 'its percentile in platform, vertical and size tier, 0 to 100'),
		   ('growth', true, 9, 'growth of followers per 30 days, as a fraction'),
		   ('regularity', true, 9, 'how evenly posts come, 0 to 1'),
		   ('channels', true, 0, 'number of matching channels'),
		   ('verified_channels', true, 0, 'number of matching channels that are verified'),
		   ('posts', true, 0, 'posts that were measured'),
		   ('focus', false, 9, 'concentration on few topics, 0 to 1'),
		   ('authenticity', false, 9, 'how little speaks for bought followers and likes, 0 to 1'),
		   ('relevance', false, 9, 'part of the creator''s topics that the program''s catalogue is about, 0 to 1'),
		   ('quality', false, 9, 'the latest quality score, 0 to 1'),
		   ('influence', false, 9, 'attributed, return-adjusted revenue per 1,000 impressions in the program, in minor units'),
		   ('influence_percentile', false, 9, 'its percentile in the vertical, 0 to 100')
$$;
COMMENT ON FUNCTION influence_internal.admission_metrics() IS
'The metrics that admission rules can name: whether a rule may ask for them on one platform, to how many decimals values are rounded before they are compared, and what they mean.';

CREATE FUNCTION influence_internal.require_rule(metric text, comparison text, threshold numeric, platform text, country text,
	vertical text, effect text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
BEGIN
	PERFORM influence_internal.require_arguments('threshold', $3::text, 'platform', $4, 'country', $5, 'vertical', $6);
	SELECT m.by_platform INTO known FROM influence_internal.admission_metrics() m WHERE m.metric = $1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_invalid(format('metric "%s" is not known', $1), NULL,
			(SELECT 'Use ' || string_agg(m.metric, ', ' ORDER BY m.metric) || '.' FROM influence_internal.admission_metrics() m));
	ELSIF $2 IS NULL OR $2 NOT IN ('>=', '>', '<=', '<') THEN
		PERFORM influence_internal.raise_invalid(format('comparison "%s" is not known', $2), NULL, 'Use >=, >, <= or <.');
	ELSIF $3 IN ('NaN', 'Infinity', '-Infinity') THEN
		PERFORM influence_internal.raise_invalid('the threshold is not a finite number', NULL, 'Give a number.');
	ELSIF $5 !~ '^([A-Z]{2})?$' THEN
		PERFORM influence_internal.raise_invalid(format('country "%s" is not a code', $5), NULL,
			'Use two upper-case letters (ISO 3166-1), or '''' for any.');
	ELSIF $7 IS NULL OR $7 NOT IN ('reject', 'review') THEN
		PERFORM influence_internal.raise_invalid(format('effect "%s" is not known', $7), NULL,
			'Use reject, or review for a rule that sends those who fail to a person.');
	ELSIF $4 <> '' AND NOT EXISTS (SELECT FROM influence.platform p WHERE p.platform = $4) THEN
		PERFORM influence_internal.raise_unknown('platform', $4, 'See the table influence.platform.');
	ELSIF $4 <> '' AND NOT known.by_platform THEN
		PERFORM influence_internal.raise_invalid(format('metric "%s" is not one of a platform', $1), format('Platform: %s.', $4),
			'Leave platform empty: it is a number of the whole creator.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_rule(text, text, numeric, text, text, text, text) IS
'Raises IN002 or IN003 for an admission rule that cannot be meant.';

CREATE FUNCTION influence_internal.rule_time(program_id bigint)
RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.lock_key('admission rules ' || $1);
	RETURN (SELECT greatest(clock_timestamp(), max(a.known_at) + interval '1 microsecond')
			  FROM influence.application a WHERE a.program_id = $1);
END
$$;
COMMENT ON FUNCTION influence_internal.rule_time(bigint) IS
'The time at which a change of a program''s admission rules becomes known, as creator_fact_time() for facts. IN005 in REPEATABLE READ and SERIALIZABLE.';

CREATE FUNCTION influence_internal.set_admission_rule(program_id bigint, metric text, comparison text, threshold numeric,
	platform text DEFAULT '', country text DEFAULT '', vertical text DEFAULT '', valid_from timestamptz DEFAULT now(),
	effect text DEFAULT 'reject')
RETURNS TABLE (status text, rule_id bigint, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	last record;
	known_at timestamptz;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_rule($2, $3, $4, $5, $6, $7, $9);
	PERFORM influence_internal.require_begin('valid_from', valid_from);
	known_at := influence_internal.rule_time($1);
	SELECT r.rule_id, r.version, lower(r.valid) AS since, r.threshold, r.comparison, r.effect INTO last
	  FROM influence.admission_rule r
	 WHERE r.program_id = $1 AND r.metric = $2 AND r.platform = $5 AND r.country = $6 AND r.vertical = $7
	   -- a floor and a ceiling on the same metric are two rules
	   AND left(r.comparison, 1) = left($3, 1)
	 ORDER BY lower(r.valid) = valid_from DESC, r.version DESC LIMIT 1;
	-- without a moment the same call again finds itself in force
	IF (last.since = valid_from OR (valid_from = now() AND last.since < valid_from))
	   AND (last.threshold, last.comparison, last.effect) = ($4, $3, $9) THEN
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
										  threshold, effect, valid, recorded_at)
	VALUES ($1, set_admission_rule.rule_id, set_admission_rule.version, $5, $6, $7, $2, $3, $4, $9, tstzrange(valid_from, NULL),
			known_at);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_admission_rule(bigint, text, text, numeric, text, text, text, timestamptz, text) IS
'Adds or changes what a program asks of applicants: metric (see admission_metrics()) comparison threshold, for applicants with a channel on platform, from country and in vertical ('''' = any). Who fails is rejected, or with effect review looked at by a person. The same rule with another threshold or effect is a new version from valid_from on. -> status recorded | duplicate, rule_id, version. IN002, IN003, IN011.';

CREATE FUNCTION influence_internal.end_admission_rule(program_id bigint, rule_id bigint, valid_to timestamptz DEFAULT now())
RETURNS TABLE (status text, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	last record;
	known_at timestamptz;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_end('valid_to', $3);
	known_at := influence_internal.rule_time($1);
	SELECT r.*, lower(r.valid) AS since INTO last
	  FROM influence.admission_rule r
	 WHERE r.program_id = $1 AND r.rule_id = $2
	 ORDER BY lower(r.valid) = $3 AND r.effect = 'none' DESC, r.version DESC LIMIT 1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('admission rule', $2::text, 'See the table influence.admission_rule.');
	ELSIF last.effect = 'none' AND (last.since = $3 OR ($3 = now() AND last.since < $3)) THEN
		RETURN QUERY SELECT 'duplicate', last.version;
		RETURN;
	ELSIF last.since >= $3 OR last.effect = 'none' THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = CASE WHEN last.effect = 'none' THEN 'the rule has ended' ELSE 'the rule would end before the version in force begins' END,
			DETAIL = format(CASE WHEN last.effect = 'none' THEN 'It held until %s.' ELSE 'Its last version holds from %s.' END, last.since),
			HINT = 'Choose a later valid_to, or begin the rule anew with influence.set_admission_rule(); decisions are never restated.';
	END IF;
	version := last.version + 1;
	UPDATE influence.admission_rule r SET valid = tstzrange(lower(r.valid), $3)
	 WHERE r.program_id = $1 AND r.rule_id = $2 AND r.version = last.version;
	INSERT INTO influence.admission_rule (program_id, rule_id, version, platform, country, vertical, metric, comparison,
										  threshold, effect, valid, recorded_at)
	VALUES ($1, $2, end_admission_rule.version, last.platform, last.country, last.vertical, last.metric, last.comparison, last.threshold,
			'none', tstzrange($3, NULL), known_at);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.end_admission_rule(bigint, bigint, timestamptz) IS
'Ends an admission rule: applications from valid_to on are not asked for it. The end is a version of its own (effect none), so that what was decided before it was known can be replayed; set_admission_rule() begins the rule anew. -> status recorded | duplicate, version. IN002, IN003, IN011.';

CREATE FUNCTION influence_internal.rules_at(program_id bigint, at timestamptz, known_at timestamptz DEFAULT NULL,
	seen pg_snapshot DEFAULT NULL)
RETURNS TABLE (rule_id bigint, version int, metric text, comparison text, threshold numeric, platform text, country text,
			   vertical text, effect text)
LANGUAGE plpgsql STABLE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- valid's end is what is known now; then, the latest beginning held
	RETURN QUERY
	SELECT r.rule_id, r.version, r.metric, r.comparison, r.threshold, r.platform, r.country, r.vertical, r.effect
	  FROM (SELECT DISTINCT ON (x.rule_id) x.*
			  FROM influence.admission_rule x
			 WHERE x.program_id = $1 AND (lower_inf(x.valid) OR lower(x.valid) <= $2)
			   AND influence_internal.was_known(x.recorded_at, x.xact, $3, $4)
			 ORDER BY x.rule_id, x.version DESC) r
	 WHERE r.effect <> 'none';
END
$$;
COMMENT ON FUNCTION influence_internal.rules_at(bigint, timestamptz, timestamptz, pg_snapshot) IS
'The admission rules of a program that held at a moment, as was known at another (NULL: as is known now) in a snapshot.';

CREATE FUNCTION influence_internal.listed_rules(rules jsonb)
RETURNS TABLE (rule_id bigint, version int, metric text, comparison text, threshold numeric, platform text, country text,
			   vertical text, effect text)
LANGUAGE plpgsql STABLE
ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item record;
BEGIN
	PERFORM influence_internal.require_array($1, 'rules');
	version := 0;
	FOR item IN SELECT e.value, e.place FROM jsonb_array_elements($1) WITH ORDINALITY e(value, place) LOOP
		PERFORM influence_internal.check_keys(item.value,
			ARRAY['metric', 'comparison', 'threshold', 'platform', 'country', 'vertical', 'effect'], format('rule %s', item.place));
		IF jsonb_typeof(item.value -> 'threshold') IS DISTINCT FROM 'number' THEN
			PERFORM influence_internal.raise_invalid(format('the threshold of rule %s is not a number', item.place), NULL,
				'Write [{"metric": "followers", "comparison": ">=", "threshold": 1000}].');
		END IF;
		rule_id := item.place;
		metric := item.value ->> 'metric';
		comparison := item.value ->> 'comparison';
		threshold := (item.value ->> 'threshold')::numeric;
		platform := coalesce(item.value ->> 'platform', '');
		country := coalesce(item.value ->> 'country', '');
		vertical := coalesce(item.value ->> 'vertical', '');
		effect := coalesce(item.value ->> 'effect', 'reject');
		PERFORM influence_internal.require_rule(listed_rules.metric, listed_rules.comparison, listed_rules.threshold,
			listed_rules.platform, listed_rules.country, listed_rules.vertical, listed_rules.effect);
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.listed_rules(jsonb) IS
'Admission rules from JSON, [{"metric", "comparison", "threshold", "platform", "country", "vertical", "effect"}], numbered in order. IN002, IN003.';

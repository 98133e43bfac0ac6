/*
 * capabilities.sql
 *
 * Who may do what: rules as rows, by membership plan, country, surface, cohort
 * and time. A capability without a rule in force is everybody's. Where allowing
 * rules are in force, one of them has to fit; a denying rule that fits wins. An
 * event is judged by what held when it happened, so that a retry, or an event
 * that comes late, is judged as it would have been then.
 */
CREATE FUNCTION influence_internal.set_capability(program_id bigint, capability text, allowed boolean DEFAULT true, plan text DEFAULT '',
	country text DEFAULT '', surface text DEFAULT '', cohort text DEFAULT '', valid_from timestamptz DEFAULT now(),
	valid_to timestamptz DEFAULT NULL)
RETURNS TABLE (status text, rule_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	range tstzrange;
	other record;
BEGIN
	PERFORM influence_internal.require_arguments('program_id', $1::text, 'allowed', $3::text, 'plan', $4, 'country', $5, 'surface', $6, 'cohort', $7);
	IF $1 <> 0 THEN
		PERFORM influence_internal.program_facts($1);
	END IF;
	PERFORM influence_internal.require_capability_name($2);
	PERFORM influence_internal.require_country('country', nullif($5, ''));
	PERFORM influence_internal.require_begin('valid_from', $8);
	range := influence_internal.validity($8, $9);
	IF $4 NOT IN ('', '*') AND NOT EXISTS (SELECT FROM influence.membership_plan p WHERE p.plan_id = $4) THEN
		PERFORM influence_internal.raise_unknown('membership plan', $4,
			'Create it with influence.create_membership_plan(plan_id, name); '''' is anybody, * any member.');
	END IF;
	PERFORM influence_internal.lock_key('capabilities ' || $1);
	FOR other IN
		SELECT r.rule_id, r.allowed, r.stated, r.valid
		  FROM influence.capability_rule r
		 WHERE r.program_id = $1 AND r.capability = $2 AND r.plan = $4 AND r.country = $5 AND r.surface = $6 AND r.cohort = $7
		   AND (lower(r.stated) = $8 OR r.valid && range)
		 ORDER BY lower(r.stated) = $8 DESC, r.valid
	LOOP
		IF lower(other.stated) = $8 THEN
			IF (other.allowed, other.stated) IS DISTINCT FROM ($3, range) THEN
				PERFORM influence_internal.raise_conflict('capability', format('%s from %s', $2, $8));
			END IF;
			RETURN QUERY SELECT 'duplicate', other.rule_id;
			RETURN;
		ELSIF lower(other.valid) < $8 AND upper_inf(other.valid) THEN
			UPDATE influence.capability_rule r SET valid = tstzrange(lower(other.valid), $8)
			 WHERE r.program_id = $1 AND r.rule_id = other.rule_id;
		ELSE
			RAISE EXCEPTION USING ERRCODE = 'IN011',
				MESSAGE = 'the rule overlaps another one for the same keys',
				DETAIL = format('Rule %s holds in %s.', other.rule_id, other.valid),
				HINT = 'Let it begin where the other one ends, or end the other one with influence.end_capability(program_id, rule_id, valid_to).';
		END IF;
	END LOOP;
	INSERT INTO influence.capability_rule (program_id, capability, allowed, plan, country, surface, cohort, valid, stated)
	VALUES ($1, $2, $3, $4, $5, $6, $7, range, range)
	RETURNING rule_id INTO rule_id;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_capability(bigint, text, boolean, text, text, text, text, timestamptz, timestamptz) IS
'Allows (or with allowed => false denies) a capability (read, post_photo, post_video, post_story, post_live, comment, vote, smile, follow) in a program, 0 = everywhere (also for votes and follows, which belong to no program): for members of a plan ('''' anybody, * any member), by country, surface and cohort ('''' = any), from valid_from until before valid_to. While no allowing rule is in force a capability is everybody''s; where one is, one has to fit; a denying one that fits wins. An open rule with the same keys ends where the new one begins. Natural key: all keys and valid_from. -> status recorded | duplicate, rule_id. IN002, IN003, IN004, IN011 overlaps.';

CREATE FUNCTION influence_internal.require_capability_name(capability text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NULL OR $1 NOT IN ('read', 'post_photo', 'post_video', 'post_story', 'post_live', 'comment', 'vote', 'smile', 'follow') THEN
		PERFORM influence_internal.raise_invalid(format('capability "%s" is not known', $1), NULL,
			'Use read, post_photo, post_video, post_story, post_live, comment, vote, smile or follow.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_capability_name(text) IS 'Raises IN002 for a capability that is not known.';

CREATE FUNCTION influence_internal.end_capability(program_id bigint, rule_id bigint, valid_to timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	range tstzrange;
BEGIN
	PERFORM influence_internal.require_arguments('valid_to', $3::text);
	PERFORM influence_internal.require_finite('valid_to', $3);
	PERFORM influence_internal.lock_key('capabilities ' || $1);
	SELECT r.valid INTO range FROM influence.capability_rule r WHERE r.program_id = $1 AND r.rule_id = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('capability rule', $2::text, 'See the table influence.capability_rule.');
	ELSIF $3 <= lower(range) OR $3 > upper(range) THEN
		PERFORM influence_internal.raise_refused('the rule does not hold then', format('Rule %s holds in %s.', $2, range),
			'Choose a valid_to within it.');
	END IF;
	status := 'duplicate';
	IF upper(range) IS DISTINCT FROM $3 THEN
		UPDATE influence.capability_rule r SET valid = tstzrange(lower(range), $3) WHERE r.program_id = $1 AND r.rule_id = $2;
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.end_capability(bigint, bigint, timestamptz) IS
'Ends a rule of set_capability() at valid_to. -> status recorded | duplicate (it ends then). IN002, IN003, IN005 outside its validity.';

CREATE FUNCTION influence_internal.capability_verdict(program_id bigint, capability text, visitor_id uuid, at timestamptz, country text,
	surface text, creator_id bigint, OUT allowed boolean, OUT reason text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	my_plan text;
	my_country text;
	fits bigint;
	wanted text;
	rule record;
BEGIN
	allowed := true;
	reason := 'no rule';
	-- most programs have no rule, and most rules are of other capabilities
	IF NOT EXISTS (SELECT FROM influence.capability_rule r WHERE r.capability = $2 AND r.program_id IN (0, $1) AND r.valid @> $4) THEN
		RETURN;
	END IF;
	my_plan := influence_internal.membership_at($3, $4);
	my_country := coalesce($5,
		CASE WHEN $7 IS NOT NULL THEN (SELECT c.country FROM influence_internal.creator_at(ARRAY[$7], $4) c) END,
		(SELECT s.country FROM influence.shopper s WHERE s.visitor_id = $3));
	FOR rule IN
		SELECT r.rule_id, r.allowed, r.plan, r.country, r.surface, r.cohort,
			   (r.plan = '' OR r.plan = my_plan OR (r.plan = '*' AND my_plan IS NOT NULL)) IS TRUE
			   AND (r.country = '' OR r.country = my_country) IS TRUE AND (r.surface = '' OR r.surface = $6) IS TRUE
			   AND (r.cohort = '' OR influence_internal.in_cohort(r.cohort, $3, $7, $4)) AS met
		  FROM influence.capability_rule r
		 WHERE r.capability = $2 AND r.program_id IN (0, $1) AND r.valid @> $4
		 ORDER BY r.rule_id
	LOOP
		IF rule.met AND NOT rule.allowed THEN
			allowed := false;
			reason := format('denied by rule %s', rule.rule_id);
			RETURN;
		ELSIF rule.met THEN
			fits := coalesce(fits, rule.rule_id);
		ELSIF rule.allowed THEN
			wanted := concat_ws(' or ', wanted, concat_ws(', ', CASE rule.plan WHEN '' THEN NULL WHEN '*' THEN 'a membership' ELSE 'plan ' || rule.plan END, 'country ' || nullif(rule.country, ''),
				'surface ' || nullif(rule.surface, ''), 'cohort ' || nullif(rule.cohort, '')));
		END IF;
	END LOOP;
	IF fits IS NOT NULL THEN
		reason := format('allowed by rule %s', fits);
	ELSIF wanted IS NOT NULL THEN
		allowed := false;
		reason := 'it takes ' || wanted;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.capability_verdict(bigint, text, uuid, timestamptz, text, text, bigint) IS
'Whether a capability is a visitor''s (or, of the capabilities to post, a creator''s) at a moment, and by which rule; country NULL = the creator''s or the shopper''s.';

CREATE FUNCTION influence_internal.require_capability(program_id bigint, capability text, visitor_id uuid, at timestamptz, country text,
	surface text, creator_id bigint DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	verdict record;
BEGIN
	SELECT * INTO verdict FROM influence_internal.capability_verdict($1, $2, $3, $4, $5, $6, $7);
	IF NOT verdict.allowed THEN
		PERFORM influence_internal.raise_refused(
			format('%s may not %s', coalesce('creator ' || $7, 'visitor ' || $3, 'a guest'), replace($2, '_', ' ')),
			format('At %s: %s.', $4, verdict.reason),
			format('See SELECT * FROM influence.may(program_id, %L, visitor_id); rules are made by influence.set_capability(program_id, %L).', $2, $2));
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_capability(bigint, text, uuid, timestamptz, text, text, bigint) IS 'Raises IN005, with the rule, unless a capability is a visitor''s or creator''s at a moment.';

CREATE FUNCTION influence_internal.may(program_id bigint, capability text, visitor_id uuid DEFAULT NULL, at timestamptz DEFAULT now(),
	country text DEFAULT NULL, surface text DEFAULT NULL, creator_id bigint DEFAULT NULL)
RETURNS TABLE (allowed boolean, reason text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF $1 <> 0 THEN
		PERFORM influence_internal.program_facts($1);
	END IF;
	PERFORM influence_internal.require_capability_name($2);
	PERFORM influence_internal.require_arguments('at', $4::text);
	IF $7 IS NOT NULL THEN
		PERFORM influence_internal.require_creator($7);
	END IF;
	RETURN QUERY SELECT v.allowed, v.reason FROM influence_internal.capability_verdict(nullif($1, 0), $2,
		coalesce($3, (SELECT c.visitor_id FROM influence.creator c WHERE c.creator_id = $7)), $4, $5, $6, $7) v;
END
$$;
COMMENT ON FUNCTION influence_internal.may(bigint, text, uuid, timestamptz, text, text, bigint) IS
'Whether a visitor (NULL = a guest), or with creator_id a creator, has a capability in a program (0 or NULL: outside of any) at a moment, and why: no rule | allowed by rule n | denied by rule n | it takes ... (what the allowing rules ask for). country NULL = the one that is known of the creator or shopper. The writers ask the same of themselves, as of the time of the event. IN002, IN003.';

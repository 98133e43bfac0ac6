/*
 * cohorts.sql
 *
 * Cohorts of creators and shoppers: a beta, an experiment, a wave of a roll-out.
 * Capabilities ask for them as of the time of an event, reports group by them.
 */
CREATE FUNCTION influence_internal.cohort_key(member_kind text, member_id text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF $1 = 'creator' THEN
		PERFORM influence_internal.require_creator($2::bigint);
		RETURN $2::bigint::text;
	ELSIF $1 = 'shopper' THEN
		PERFORM influence_internal.require_shopper($2::uuid);
		RETURN $2::uuid::text;
	END IF;
	PERFORM influence_internal.raise_invalid(format('member_kind "%s" is not known', $1), NULL, 'Use creator or shopper.');
END
$$;
COMMENT ON FUNCTION influence_internal.cohort_key(text, text) IS 'The member_id of a creator (a creator_id) or shopper (a visitor uuid) in its one spelling; IN002, IN003.';

CREATE FUNCTION influence_internal.add_to_cohort(cohort text, member_kind text, member_id text, since timestamptz DEFAULT now(),
	until timestamptz DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	key text := influence_internal.cohort_key($2, $3);
	range tstzrange;
	other tstzrange;
BEGIN
	PERFORM influence_internal.require_begin('since', $4);
	range := influence_internal.validity($4, $5);
	IF $1 IS NULL OR $1 !~ '^[a-z0-9_.-]{1,100}$' THEN
		PERFORM influence_internal.raise_invalid(format('cohort "%s" is no usable name', $1), NULL, 'Use 1 to 100 of a-z, 0-9, _, . and -.');
	END IF;
	PERFORM influence_internal.lock_key(concat_ws(' ', 'cohort', $2, key, $1));
	SELECT c.valid INTO other FROM influence.cohort_member c
	 WHERE c.member_kind = $2 AND c.member_id = key AND c.cohort = $1 AND c.valid && range
	 ORDER BY c.valid LIMIT 1;
	IF other = range THEN
		status := 'duplicate';
	ELSIF other IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = format('%s %s is in cohort "%s" already', $2, key, $1),
			DETAIL = format('It is in %s.', other),
			HINT = 'Let it end with influence.remove_from_cohort(cohort, member_kind, member_id, until), or begin later.';
	ELSE
		INSERT INTO influence.cohort_member (cohort, member_kind, member_id, valid) VALUES ($1, $2, key, range);
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.add_to_cohort(text, text, text, timestamptz, timestamptz) IS
'Puts a creator (its creator_id) or a shopper (its visitor uuid) into a cohort from since until before until (NULL = open). -> status recorded | duplicate (it is there in exactly that time). IN002, IN003, IN011 overlaps.';

CREATE FUNCTION influence_internal.remove_from_cohort(cohort text, member_kind text, member_id text, until timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	key text := influence_internal.cohort_key($2, $3);
	range tstzrange;
BEGIN
	PERFORM influence_internal.require_arguments('until', $4::text);
	PERFORM influence_internal.require_finite('until', $4);
	PERFORM influence_internal.lock_key(concat_ws(' ', 'cohort', $2, key, $1));
	SELECT c.valid INTO range FROM influence.cohort_member c
	 WHERE c.member_kind = $2 AND c.member_id = key AND c.cohort = $1
	   AND (upper(c.valid) = $4 OR (c.valid @> $4 AND lower(c.valid) < $4))
	 ORDER BY upper(c.valid) = $4 DESC NULLS LAST LIMIT 1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown(format('%s in cohort %s:', $2, influence_internal.quoted_key($1)), format('%s at %s', key, $4),
			'Put it there with influence.add_to_cohort(cohort, member_kind, member_id).');
	END IF;
	status := 'duplicate';
	IF upper(range) IS DISTINCT FROM $4 THEN
		UPDATE influence.cohort_member c SET valid = tstzrange(lower(range), $4)
		 WHERE c.member_kind = $2 AND c.member_id = key AND c.cohort = $1 AND c.valid = range;
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.remove_from_cohort(text, text, text, timestamptz) IS
'Ends the time of a creator or shopper in a cohort at until. -> status recorded | duplicate (it ends then). IN002, IN003 not in it then.';

CREATE FUNCTION influence_internal.in_cohort(cohort text, visitor_id uuid, creator_id bigint, at timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN EXISTS (SELECT FROM influence.cohort_member c
					WHERE c.cohort = $1 AND c.member_kind = 'creator' AND c.member_id = $3::text AND c.valid @> $4)
		OR EXISTS (SELECT FROM influence.cohort_member c
					WHERE c.cohort = $1 AND c.member_kind = 'shopper' AND c.valid @> $4
					  AND c.member_id = ANY (influence_internal.person_visitors($2)::text[]));
END
$$;
COMMENT ON FUNCTION influence_internal.in_cohort(text, uuid, bigint, timestamptz) IS 'Whether a creator, or a visitor as any of those that the person is, is in a cohort at a moment.';

/*
 * memberships.sql
 *
 * Who is a member of which plan, as of any moment. A person has at most one
 * membership at a time, under whatever visitor it is known.
 */
CREATE FUNCTION influence_internal.create_membership_plan(plan_id text, name text, fee bigint DEFAULT NULL, currency text DEFAULT NULL,
	product_id bigint DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_key('name', $2);
	IF $1 IS NULL OR $1 !~ '^[a-z0-9_]{1,40}$' THEN
		PERFORM influence_internal.raise_invalid(format('plan_id "%s" is not usable', $1), NULL, 'Use 1 to 40 of a-z, 0-9 and _.');
	ELSIF $3 < 0 OR ($3 IS NULL) <> ($4 IS NULL) THEN
		PERFORM influence_internal.raise_invalid('a fee is 0 or more minor units of a currency', format('fee: %s, currency: %s.', $3, $4),
			'Give both, or neither.');
	END IF;
	IF $4 IS NOT NULL THEN
		PERFORM influence.minor_unit_digits($4);
	END IF;
	IF $5 IS NOT NULL THEN
		PERFORM influence_internal.require_product($5);
	END IF;
	INSERT INTO influence.membership_plan (plan_id, name, fee, currency, product_id)
	VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	IF NOT FOUND THEN
		IF NOT EXISTS (SELECT FROM influence.membership_plan p
						WHERE p.plan_id = $1 AND (p.name, p.fee, p.currency::text, p.product_id) IS NOT DISTINCT FROM ($2, $3, $4, $5)) THEN
			PERFORM influence_internal.raise_conflict('membership plan', $1);
		END IF;
		status := 'duplicate';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_membership_plan(text, text, bigint, text, bigint) IS
'Creates a membership plan; fee in minor units of currency per year. product_id is the catalogue''s product that a sign-up buys: a flat rate on it (set_commission_rate(flat_amount)) is the bounty of the creator whose touch brought it. Natural key: plan_id. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.record_membership(visitor_id uuid, plan_id text, valid_from timestamptz,
	valid_to timestamptz DEFAULT NULL, creator_id bigint DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	range tstzrange;
	hash bytea := influence_internal.content_hash(jsonb_build_array($2, $4, $5));
	other record;
BEGIN
	PERFORM influence_internal.require_shopper($1);
	PERFORM influence_internal.require_begin('valid_from', $3);
	range := influence_internal.validity($3, $4);
	IF NOT EXISTS (SELECT FROM influence.membership_plan p WHERE p.plan_id = $2) THEN
		PERFORM influence_internal.raise_unknown('membership plan', $2, 'Create it with influence.create_membership_plan(plan_id, name).');
	END IF;
	IF $5 IS NOT NULL THEN
		PERFORM influence_internal.require_creator($5);
	END IF;
	PERFORM influence_internal.lock_person($1);
	SELECT m.content_hash INTO other FROM influence.membership m WHERE m.visitor_id = $1 AND lower(m.valid) = $3;
	IF FOUND THEN
		IF other.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('membership', format('%s from %s', $1, $3));
		END IF;
		RETURN QUERY SELECT 'duplicate';
		RETURN;
	END IF;
	SELECT m.plan_id, m.valid INTO other FROM influence.membership m
	 WHERE m.visitor_id = ANY (influence_internal.person_visitors($1)) AND m.valid && range
	 ORDER BY m.valid LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = 'the membership overlaps another one of the shopper',
			DETAIL = format('A membership of plan %s holds in %s.', other.plan_id, other.valid),
			HINT = 'End the other one with influence.end_membership(visitor_id, valid_to), or let this one begin later.';
	END IF;
	INSERT INTO influence.membership (visitor_id, plan_id, valid, creator_id, content_hash) VALUES ($1, $2, range, $5, hash);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_membership(uuid, text, timestamptz, timestamptz, bigint) IS
'Records that a shopper is a member of a plan from valid_from until before valid_to (NULL = open); creator_id is the creator who brought the sign-up, where the service knows one (it pays nothing by itself: see create_membership_plan). Memberships of a person do not overlap. Natural key: visitor and valid_from. -> status recorded | duplicate. IN002, IN003, IN004, IN011 overlaps.';

CREATE FUNCTION influence_internal.end_membership(visitor_id uuid, valid_to timestamptz DEFAULT now())
RETURNS TABLE (status text, plan_id text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	member record;
BEGIN
	PERFORM influence_internal.require_shopper($1);
	PERFORM influence_internal.require_arguments('valid_to', $2::text);
	PERFORM influence_internal.require_finite('valid_to', $2);
	PERFORM influence_internal.lock_person($1);
	SELECT m.plan_id, m.valid INTO member FROM influence.membership m
	 WHERE m.visitor_id = $1 AND (upper(m.valid) = $2 OR (m.valid @> $2 AND lower(m.valid) < $2))
	 ORDER BY upper(m.valid) = $2 DESC NULLS LAST LIMIT 1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('membership', format('%s at %s', $1, $2),
			'Record it with influence.record_membership(visitor_id, plan_id, valid_from).');
	END IF;
	plan_id := member.plan_id;
	status := 'duplicate';
	IF upper(member.valid) IS DISTINCT FROM $2 THEN
		UPDATE influence.membership m SET valid = tstzrange(lower(member.valid), $2) WHERE m.visitor_id = $1 AND m.valid = member.valid;
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.end_membership(uuid, timestamptz) IS
'Ends the membership that a shopper has at valid_to. What was judged by it before stays. -> status recorded | duplicate (one ends then), plan_id. IN002, IN003 no membership then.';

CREATE FUNCTION influence_internal.membership_at(visitor_id uuid, at timestamptz DEFAULT now())
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- two of them hold only where two members turned out to be one person: the later one
	RETURN (SELECT m.plan_id FROM influence.membership m
			 WHERE m.visitor_id = ANY (influence_internal.person_visitors($1)) AND m.valid @> $2
			 ORDER BY m.valid DESC, m.visitor_id LIMIT 1);
END
$$;
COMMENT ON FUNCTION influence_internal.membership_at(uuid, timestamptz) IS 'The plan_id that a visitor, or the person it is, was a member of at a moment; NULL when of none.';

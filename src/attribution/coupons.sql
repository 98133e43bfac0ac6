/*
 * coupons.sql
 *
 * Coupon codes are attributes of an order with an owner and a validity. What an
 * order's code does for its owner is the attribution policy's coupon_rule.
 */
CREATE FUNCTION influence_internal.coupon_code(code text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT pg_catalog.upper(pg_catalog.btrim(code) COLLATE "C") $$;
COMMENT ON FUNCTION influence_internal.coupon_code(text) IS 'How a coupon code is compared: without spaces around it, ASCII letters in upper case.';

CREATE FUNCTION influence_internal.set_coupon(program_id bigint, code text, creator_id bigint, valid_from timestamptz DEFAULT now(),
	valid_to timestamptz DEFAULT 'infinity', fixed_credit bigint DEFAULT NULL)
RETURNS TABLE (status text, remarks text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted text := influence_internal.coupon_code($2);
	range tstzrange;
	last record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('code', wanted);
	range := influence_internal.stated_range($4, $5);
	IF $3 IS NULL AND $5 <> 'infinity' THEN
		PERFORM influence_internal.raise_invalid('a code that ends has no valid_to', NULL,
			'Give creator_id NULL and valid_from, from which on the code is nobody''s.');
	ELSIF $3 IS NULL AND $6 IS NOT NULL THEN
		PERFORM influence_internal.raise_invalid('a fixed_credit without an owner', NULL, 'Name the creator who gets it.');
	ELSIF $6 <= 0 THEN
		PERFORM influence_internal.raise_invalid('fixed_credit is not above 0', format('fixed_credit: %s.', $6),
			'Give minor units of the program''s currency per order, or NULL for none.');
	ELSIF $3 IS NOT NULL THEN
		PERFORM influence_internal.require_remembered($3);
	END IF;
	IF $3 IS NOT NULL AND $6 IS NULL AND EXISTS (
		-- for the next order that can have the code
		SELECT FROM influence.attribution_policy p
		 WHERE p.program_id = $1 AND p.coupon_rule = 'none' AND p.valid @> greatest($4, least(now(), $5 - interval '1 microsecond')))
	THEN
		remarks := 'coupon_rule is none: the code credits nobody, see set_attribution_policy()';
	END IF;
	PERFORM influence_internal.lock_key(format('coupon %s %s', $1, wanted));
	-- the same call again, perhaps after a later one has cut its range
	IF EXISTS (SELECT FROM influence.coupon c
				WHERE c.program_id = $1 AND c.code = wanted AND c.creator_id = $3 AND c.stated = range
				  AND c.fixed_credit IS NOT DISTINCT FROM $6)
	   OR ($3 IS NULL AND NOT EXISTS (SELECT FROM influence.coupon c
									   WHERE c.program_id = $1 AND c.code = wanted AND c.valid && range)) THEN
		status := 'duplicate';
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT c.valid, c.creator_id INTO last
	  FROM influence.coupon c
	 WHERE c.program_id = $1 AND c.code = wanted AND c.valid && range
	 ORDER BY lower(c.valid) LIMIT 1;
	IF upper_inf(last.valid) AND lower(last.valid) < $4 THEN
		UPDATE influence.coupon c SET valid = tstzrange(lower(c.valid), $4), xact = pg_current_xact_id()
		 WHERE c.program_id = $1 AND c.code = wanted AND c.valid = last.valid;
	ELSIF $3 IS NULL THEN
		PERFORM influence_internal.raise_overlapping_coupon(last.valid, last.creator_id);
	END IF;
	IF $3 IS NOT NULL THEN
		BEGIN
			INSERT INTO influence.coupon (program_id, code, creator_id, valid, stated, fixed_credit)
			VALUES ($1, wanted, $3, range, range, $6);
		EXCEPTION WHEN exclusion_violation OR unique_violation THEN
			PERFORM influence_internal.raise_overlapping_coupon(last.valid, last.creator_id);
		END;
	END IF;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_coupon(bigint, text, bigint, timestamptz, timestamptz, bigint) IS
'Says who owns a coupon code of a program, for orders placed from valid_from until before valid_to; an open range of the code ends where the new one begins, and creator_id NULL only ends it. Codes are compared without case (ASCII) and without spaces around them. What the code does is the policy''s coupon_rule, by default none: it credits nobody until that is set, and remarks say so, unless it has a fixed_credit. fixed_credit: what the owner gets for each order with the code, whoever is credited with the sale, in minor units of the program''s currency; the settlement of the month books it. Orders recorded before are not attributed again (see reattribute). -> status recorded | duplicate, remarks (NULL, or why the code has no effect by the policy as it is). IN002, IN003 no such program or creator, IN011 overlaps.';

CREATE FUNCTION influence_internal.raise_overlapping_coupon(valid tstzrange, creator_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'IN011',
		MESSAGE = 'the coupon code has another owner or credit in that time',
		DETAIL = format('It is creator %s''s in %s.', $2, $1),
		HINT = 'Let it begin later (where the other range ends) or end earlier.';
END
$$;
COMMENT ON FUNCTION influence_internal.raise_overlapping_coupon(tstzrange, bigint) IS 'Raises IN011 for two owners of one code at a time.';

CREATE FUNCTION influence_internal.order_coupon(program_id bigint, code text, at timestamptz, OUT creator_id bigint, OUT remark text,
	OUT fixed_credit bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT c.creator_id, c.fixed_credit INTO creator_id, fixed_credit
	  FROM influence.coupon c
	 WHERE c.program_id = $1 AND c.code = influence_internal.coupon_code($2) AND c.valid @> $3;
	IF NOT FOUND AND $2 IS NOT NULL THEN
		remark := CASE WHEN EXISTS (SELECT FROM influence.coupon c WHERE c.program_id = $1 AND c.code = influence_internal.coupon_code($2))
					   THEN 'coupon ignored: not valid when ordered' ELSE 'coupon ignored: unknown' END;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.order_coupon(bigint, text, timestamptz) IS 'Whose a code was at a moment with its fixed_credit, or why it is ignored.';

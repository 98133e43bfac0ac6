/*
 * exclusivity.sql
 *
 * A creator promises a brand to show no other brand's products, in a category
 * and all below it, for a time. What was shown before the promise was written
 * down is in the view exclusivity_breach.
 */
CREATE FUNCTION influence_internal.agree_exclusivity(creator_id bigint, exclusivity_ref text, brand text, actor text,
	category_id bigint DEFAULT 0, valid_from timestamptz DEFAULT NULL, valid_to timestamptz DEFAULT 'infinity', note text DEFAULT NULL)
RETURNS TABLE (status text, breaches bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	key text := influence_internal.require_name('brand', $3);
	wanted tstzrange;
	hash bytea := influence_internal.content_hash(jsonb_build_array($3, $4, $5, $6, $7, $8));
	category_path bigint[] := '{}';
	known record;
BEGIN
	PERFORM influence_internal.require_remembered($1);
	PERFORM influence_internal.require_key('exclusivity_ref', $2);
	PERFORM influence_internal.require_key('actor', $4);
	PERFORM influence_internal.require_arguments('category_id', $5::text);
	IF key = '*' THEN
		PERFORM influence_internal.raise_invalid('an exclusivity is for one brand', NULL, 'Name the brand as the products of the catalogue have it.');
	END IF;
	IF $5 <> 0 THEN
		SELECT c.path INTO category_path FROM influence.category c WHERE c.category_id = $5;
		IF NOT FOUND THEN
			PERFORM influence_internal.raise_unknown('category', $5::text, 'Create it with influence.create_category(name).');
		END IF;
	END IF;
	PERFORM influence_internal.lock_key('agreements ' || $1);
	SELECT e.content_hash INTO known FROM influence.exclusivity e WHERE e.creator_id = $1 AND e.exclusivity_ref = $2;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('exclusivity', $2);
		END IF;
		status := 'duplicate';
	ELSE
		-- not before: a retry may come when valid_to has passed
		wanted := influence_internal.stated_range(coalesce($6, now()), $7);
		-- the same branch of the tree: one category is the other, above it, or below it; 0 is above all
		SELECT e.valid INTO known
		  FROM influence.exclusivity e
		  LEFT JOIN influence.category c ON c.category_id = e.category_id
		 WHERE e.creator_id = $1 AND e.valid && wanted
		   AND ($5 = 0 OR e.category_id = 0 OR e.category_id = ANY (category_path) OR $5 = ANY (c.path))
		 ORDER BY lower(e.valid) LIMIT 1;
		PERFORM influence_internal.require_free_range(known.valid, format('the exclusivity of creator %s', $1));
		INSERT INTO influence.exclusivity (creator_id, exclusivity_ref, brand, brand_key, category_id, valid, stated, note, actor, content_hash)
		VALUES ($1, $2, $3, key, $5, wanted, wanted, $8, $4, hash);
		status := 'recorded';
	END IF;
	SELECT count(*) INTO breaches FROM influence.exclusivity_breach b WHERE b.creator_id = $1 AND b.exclusivity_ref = $2;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.agree_exclusivity(bigint, text, text, text, bigint, timestamptz, timestamptz, text) IS
'While it is valid (valid_from NULL = now) the creator shows no other brand''s products in a category (0 = any) and all below it: publish_post and lists refuse them. Two of one creator may not overlap in time and branch of the category tree. Natural key: creator and exclusivity_ref. -> status recorded | duplicate, breaches: product tags of posts in that time that show other brands already (view exclusivity_breach). IN002, IN003, IN004, IN011 overlaps.';

CREATE FUNCTION influence_internal.end_exclusivity(creator_id bigint, exclusivity_ref text, actor text,
	valid_to timestamptz DEFAULT NULL, note text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	ended record;
BEGIN
	PERFORM influence_internal.require_remembered($1);
	PERFORM influence_internal.require_key('exclusivity_ref', $2);
	PERFORM influence_internal.require_key('actor', $3);
	PERFORM influence_internal.require_end('valid_to', coalesce($4, now()));
	PERFORM influence_internal.lock_key('agreements ' || $1);
	SELECT e.* INTO known FROM influence.exclusivity e WHERE e.creator_id = $1 AND e.exclusivity_ref = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('exclusivity', $2, 'See influence.exclusivity for those there are.');
	ELSIF $4 IS NULL AND (known.ended_by, known.end_note) IS NOT DISTINCT FROM ($3, $5)
		  -- an end that is still to come is not the one of now
		  AND coalesce(upper(known.valid), '-infinity') <= now() THEN
		RETURN QUERY SELECT 'duplicate';	-- the same call again
		RETURN;
	END IF;
	SELECT * INTO ended FROM influence_internal.end_range(known.stated, known.valid, coalesce($4, now()), format('exclusivity "%s"', $2));
	UPDATE influence.exclusivity e SET valid = ended.rest, ended_by = $3, end_note = $5
	 WHERE e.creator_id = $1 AND e.exclusivity_ref = $2 AND ended.status = 'recorded';
	RETURN QUERY SELECT ended.status;
END
$$;
COMMENT ON FUNCTION influence_internal.end_exclusivity(bigint, text, text, timestamptz, text) IS
'Ends an exclusivity before its time, at valid_to (NULL = now; at or before its beginning: it never held). -> status recorded | duplicate. IN002, IN003, IN005 it ended earlier.';

/*
 * tagging.sql
 *
 * What a creator may show: the brands that the program lets in, sold by sellers
 * whom the brand authorised, and none that an exclusivity of the creator
 * excludes. Brands and sellers are compared by name, in NFKC and lower case,
 * since the catalogue has no keys of them.
 *
 * A list is in force from its first row on: when the last authorisation ends,
 * nobody is authorised, rather than everybody. The row '*' opens it again.
 */
CREATE FUNCTION influence_internal.name_key(value text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN nullif(lower(btrim(regexp_replace(influence_internal.nfkc($1), '[[:space:]]+', ' ', 'g'))), '');
END
$$;
COMMENT ON FUNCTION influence_internal.name_key(text) IS
'A name as it is compared: NFKC, lower case, spaces as one; NULL for an empty one.';

CREATE FUNCTION influence_internal.require_name(argument text, value text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	key text := influence_internal.name_key($2);
BEGIN
	IF key IS NULL OR length($2) > 200 OR length(key) > 200 THEN
		PERFORM influence_internal.raise_invalid(format('argument "%s" is not a name', $1), format('It has %s characters.', coalesce(length($2)::text, 'no')),
			'Give the name as the products of the catalogue have it, 1 to 200 characters.');
	END IF;
	RETURN key;
END
$$;
COMMENT ON FUNCTION influence_internal.require_name(text, text) IS 'The name_key() of a brand or seller; IN002 unless it has 1 to 200 characters.';

CREATE FUNCTION influence_internal.set_brand_rule(program_id bigint, brand text, allowed boolean,
	valid_from timestamptz DEFAULT now(), valid_to timestamptz DEFAULT 'infinity')
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	key text := influence_internal.require_name('brand', $2);
	wanted tstzrange := influence_internal.stated_range($4, $5);
	known tstzrange;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('allowed', $3::text);
	PERFORM influence_internal.lock_key('brands ' || $1);
	SELECT r.stated INTO known FROM influence.brand_rule r
	 WHERE r.program_id = $1 AND r.brand_key = key AND r.allowed = $3 AND lower(r.stated) = $4;
	IF known = wanted THEN
		RETURN QUERY SELECT 'duplicate';
		RETURN;
	ELSIF FOUND THEN
		PERFORM influence_internal.raise_conflict('rule of brand', $2);
	ELSIF $4 = now() AND EXISTS (SELECT FROM influence.brand_rule r
								  WHERE r.program_id = $1 AND r.brand_key = key AND r.allowed = $3 AND r.valid @> $4
									AND upper(r.valid) IS NOT DISTINCT FROM upper(wanted)) THEN
		RETURN QUERY SELECT 'duplicate';	-- the same call again, without a moment
		RETURN;
	END IF;
	SELECT r.valid INTO known FROM influence.brand_rule r
	 WHERE r.program_id = $1 AND r.brand_key = key AND r.allowed = $3 AND r.valid && wanted
	 ORDER BY lower(r.valid) LIMIT 1;
	PERFORM influence_internal.require_free_range(known, format('the rule of brand "%s"', $2));
	INSERT INTO influence.brand_rule (program_id, brand, brand_key, allowed, valid, stated) VALUES ($1, $2, key, $3, wanted, wanted);
	RETURN QUERY SELECT 'recorded';
END
$$;
COMMENT ON FUNCTION influence_internal.set_brand_rule(bigint, text, boolean, timestamptz, timestamptz) IS
'Lets posts and lists of a program show a brand (allowed), or forbids it. From the first allow rule on only brands with one in force may be shown; a deny rule in force wins. Brands are compared in NFKC and lower case; * is every brand, also for products without one. Natural key: program, brand, allowed, valid_from. -> status recorded | duplicate. IN002, IN003, IN004, IN011 overlaps a rule of the same kind for the brand.';

CREATE FUNCTION influence_internal.end_brand_rule(program_id bigint, brand text, allowed boolean, valid_to timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	ended record;
BEGIN
	PERFORM influence_internal.require_arguments('brand', $2, 'allowed', $3::text);
	PERFORM influence_internal.require_end('valid_to', $4);
	PERFORM influence_internal.lock_key('brands ' || $1);
	SELECT r.* INTO known FROM influence.brand_rule r
	 WHERE r.program_id = $1 AND r.brand_key = influence_internal.name_key($2) AND r.allowed = $3 AND lower(r.stated) <= $4
	 -- one that was undone hides none that holds
	 ORDER BY lower(r.stated) = $4 DESC, isempty(r.valid), lower(r.stated) DESC LIMIT 1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown(format('rule at %s of brand', $4), $2, 'See influence.brand_rule for those there are.');
	END IF;
	SELECT * INTO ended FROM influence_internal.end_validity(known.stated, known.valid, $4, format('the rule of brand "%s"', $2));
	UPDATE influence.brand_rule r SET valid = ended.rest
	 WHERE r.program_id = $1 AND r.rule_id = known.rule_id AND ended.status = 'recorded';
	RETURN QUERY SELECT ended.status;
END
$$;
COMMENT ON FUNCTION influence_internal.end_brand_rule(bigint, text, boolean, timestamptz) IS
'Ends the rule of a brand that is in force at a moment, or began then (which undoes it). -> status recorded | duplicate. IN002, IN003 no such rule, IN005 it ended earlier.';

CREATE FUNCTION influence_internal.authorise_seller(brand text, seller text, valid_from timestamptz DEFAULT now(),
	valid_to timestamptz DEFAULT 'infinity')
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	brand_name text := influence_internal.require_name('brand', $1);
	seller_name text := influence_internal.require_name('seller', $2);
	wanted tstzrange := influence_internal.stated_range($3, $4);
	known tstzrange;
BEGIN
	IF brand_name = '*' THEN
		PERFORM influence_internal.raise_invalid('an authorisation is by one brand', NULL, 'Name the brand as the products of the catalogue have it.');
	END IF;
	PERFORM influence_internal.lock_key('sellers ' || brand_name);
	SELECT a.stated INTO known FROM influence.authorised_seller a
	 WHERE a.brand_key = brand_name AND a.seller_key = seller_name AND lower(a.stated) = $3;
	IF known = wanted THEN
		RETURN QUERY SELECT 'duplicate';
		RETURN;
	ELSIF FOUND THEN
		PERFORM influence_internal.raise_conflict('authorisation of seller', $2);
	ELSIF $3 = now() AND EXISTS (SELECT FROM influence.authorised_seller a
								  WHERE a.brand_key = brand_name AND a.seller_key = seller_name AND a.valid @> $3
									AND upper(a.valid) IS NOT DISTINCT FROM upper(wanted)) THEN
		RETURN QUERY SELECT 'duplicate';	-- the same call again, without a moment
		RETURN;
	END IF;
	SELECT a.valid INTO known FROM influence.authorised_seller a
	 WHERE a.brand_key = brand_name AND a.seller_key = seller_name AND a.valid && wanted
	 ORDER BY lower(a.valid) LIMIT 1;
	PERFORM influence_internal.require_free_range(known, format('the authorisation of seller "%s"', $2));
	INSERT INTO influence.authorised_seller (brand, brand_key, seller, seller_key, valid, stated)
	VALUES ($1, brand_name, $2, seller_name, wanted, wanted);
	RETURN QUERY SELECT 'recorded';
END
$$;
COMMENT ON FUNCTION influence_internal.authorise_seller(text, text, timestamptz, timestamptz) IS
'Authorises a seller of a brand, for all programs. From the first authorisation of a brand on its products may be shown only where their seller has one in force; the seller * is every seller, also an unknown one. Names are compared in NFKC and lower case. Natural key: brand, seller, valid_from. -> status recorded | duplicate. IN002, IN004, IN011 overlaps.';

CREATE FUNCTION influence_internal.end_authorisation(brand text, seller text, valid_to timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	ended record;
BEGIN
	PERFORM influence_internal.require_arguments('brand', $1, 'seller', $2);
	PERFORM influence_internal.require_end('valid_to', $3);
	PERFORM influence_internal.lock_key('sellers ' || coalesce(influence_internal.name_key($1), ''));
	SELECT a.* INTO known FROM influence.authorised_seller a
	 WHERE a.brand_key = influence_internal.name_key($1) AND a.seller_key = influence_internal.name_key($2) AND lower(a.stated) <= $3
	 -- one that was undone hides none that holds
	 ORDER BY lower(a.stated) = $3 DESC, isempty(a.valid), lower(a.stated) DESC LIMIT 1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown(format('authorisation at %s of seller', $3), $2,
			'See influence.authorised_seller for those there are.');
	END IF;
	SELECT * INTO ended FROM influence_internal.end_validity(known.stated, known.valid, $3, format('the authorisation of seller "%s"', $2));
	UPDATE influence.authorised_seller a SET valid = ended.rest
	 WHERE a.authorisation_id = known.authorisation_id AND ended.status = 'recorded';
	RETURN QUERY SELECT ended.status;
END
$$;
COMMENT ON FUNCTION influence_internal.end_authorisation(text, text, timestamptz) IS
'Ends the authorisation of a seller that is in force at a moment, or began then (which undoes it). Without any the brand is sold by nobody; authorise_seller(brand, ''*'') lets everybody sell it again. -> status recorded | duplicate. IN002, IN003 no such authorisation, IN005 it ended earlier.';

CREATE FUNCTION influence_internal.tagging_bars(program_id bigint, creator_id bigint, product_ids bigint[], at timestamptz)
RETURNS TABLE (product_id bigint, bar text, detail text, hint text)
LANGUAGE plpgsql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT i.product_id, b.bar, b.detail, b.hint
	  FROM (SELECT p.product_id, p.brand, p.seller, influence_internal.name_key(p.brand) AS brand_key,
				   influence_internal.name_key(p.seller) AS seller_key,
				   (SELECT h.path FROM influence.product_category h
					 WHERE h.product_id = p.product_id AND h.valid_from <= $4 ORDER BY h.valid_from DESC LIMIT 1) AS path
			  FROM influence.product p
			 WHERE p.product_id = ANY ($3)
			OFFSET 0) i
	 CROSS JOIN LATERAL (
		SELECT 'denied' AS bar, format('The program forbids the brand "%s".', coalesce(i.brand, '')) AS detail,
			   'Show another brand, or end the rule with influence.end_brand_rule(program_id, brand, false).' AS hint
		 WHERE EXISTS (SELECT FROM influence.brand_rule r
						WHERE r.program_id = $1 AND NOT r.allowed AND r.brand_key IN ('*', i.brand_key) AND r.valid @> $4)
		UNION ALL
		SELECT 'not_allowed', CASE WHEN i.brand_key IS NULL THEN 'The program allows certain brands, and the product has none.'
								   ELSE format('The brand "%s" is not on the program''s allow-list.', i.brand) END,
			   'Allow it with influence.set_brand_rule(program_id, brand, true).'
		 WHERE EXISTS (SELECT FROM influence.brand_rule r
						WHERE r.program_id = $1 AND r.allowed AND lower(r.stated) <= $4 AND NOT isempty(r.valid))
		   AND NOT EXISTS (SELECT FROM influence.brand_rule r
							WHERE r.program_id = $1 AND r.allowed AND r.brand_key IN ('*', i.brand_key) AND r.valid @> $4)
		UNION ALL
		SELECT 'not_authorised', format('The seller "%s" is not authorised by the brand "%s".', coalesce(i.seller, ''), i.brand),
			   'Authorise it with influence.authorise_seller(brand, seller).'
		 WHERE EXISTS (SELECT FROM influence.authorised_seller a
						WHERE a.brand_key = i.brand_key AND lower(a.stated) <= $4 AND NOT isempty(a.valid))
		   AND NOT EXISTS (SELECT FROM influence.authorised_seller a
							WHERE a.brand_key = i.brand_key AND a.seller_key IN ('*', i.seller_key) AND a.valid @> $4)
		UNION ALL
		SELECT 'exclusive', format('The creator is exclusive to "%s" by "%s" in %s.', e.brand, e.exclusivity_ref, e.valid),
			   'Show a product of that brand, or end it with influence.end_exclusivity(creator_id, exclusivity_ref, actor).'
		  FROM influence.exclusivity e
		 WHERE e.creator_id = $2 AND e.valid @> $4 AND e.brand_key IS DISTINCT FROM i.brand_key
		   AND (e.category_id = 0 OR e.category_id = ANY (i.path))) b
	 ORDER BY i.product_id, array_position('{denied,not_allowed,not_authorised,exclusive}', b.bar), b.detail COLLATE "C";
END
$$;
COMMENT ON FUNCTION influence_internal.tagging_bars(bigint, bigint, bigint[], timestamptz) IS
'Why a creator may not show products in a program at a moment: denied, not_allowed (brand rules), not_authorised (sellers), exclusive, in words and with the statement that mends it. A product without a brand is of no brand that is allowed, and not of the brand that a creator is exclusive to. program_id NULL: no rules of brands, creator_id NULL: no exclusivity.';

CREATE FUNCTION influence_internal.require_taggable(program_id bigint, creator_id bigint, product_ids bigint[], at timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	barred record;
BEGIN
	IF $2 IS NOT NULL THEN
		PERFORM influence_internal.lock_key('agreements ' || $2);
	END IF;
	SELECT b.* INTO barred FROM influence_internal.tagging_bars($1, $2, $3, $4) b LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_refused(format('product %s may not be shown', barred.product_id), barred.detail, barred.hint);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_taggable(bigint, bigint, bigint[], timestamptz) IS
'Raises IN005 for the first product that a creator may not show in a program at a moment, as tagging_bars() says; products that are not there pass. Waits for agreements of the creator that are being written (program_id or creator_id NULL: what asks for it is left out).';

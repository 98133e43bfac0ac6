/*
 * storefronts.sql
 *
 * A creator's page under its vanity slug. A slug never changes hands.
 */
CREATE FUNCTION influence_internal.normalise_slug(slug text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- twice, since lower case can leave NFKC
	RETURN influence_internal.nfkc(lower(influence_internal.nfkc(btrim(slug))));
END
$$;
COMMENT ON FUNCTION influence_internal.normalise_slug(text) IS 'A vanity name in the form that is compared: NFKC, lower case, trimmed.';

CREATE FUNCTION influence_internal.create_storefront(creator_id bigint, slug text, title text, bio text DEFAULT NULL,
	logo text DEFAULT NULL)
RETURNS TABLE (status text, stored_slug text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea;
	known record;
	holder bigint;
BEGIN
	PERFORM influence_internal.require_creator($1);
	PERFORM influence_internal.require_key('title', $3);
	stored_slug := influence_internal.normalise_slug($2);
	IF stored_slug IS NULL OR stored_slug !~ '^[[:alnum:]]([[:alnum:]._-]{1,58})[[:alnum:]]$' THEN
		PERFORM influence_internal.raise_invalid(format('slug "%s" cannot be a vanity name', $2), NULL,
			'Use 3 to 60 letters, digits, dots, underscores or hyphens, beginning and ending with a letter or digit.');
	ELSIF EXISTS (SELECT FROM influence.reserved_slug r WHERE r.slug = stored_slug) THEN
		PERFORM influence_internal.raise_refused(format('slug "%s" is reserved', stored_slug), NULL, 'Choose another name.');
	END IF;
	hash := influence_internal.content_hash(jsonb_build_array(stored_slug, $3, $4, $5));
	PERFORM influence_internal.lock_key('storefronts');
	SELECT s.slug, s.content_hash INTO known FROM influence.storefront s WHERE s.creator_id = $1;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('storefront of creator', $1::text);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.slug;
		RETURN;
	END IF;
	SELECT h.creator_id INTO holder FROM influence.slug_history h WHERE h.slug = stored_slug;
	IF holder <> $1 THEN
		PERFORM influence_internal.raise_refused(format('slug "%s" is taken', stored_slug), NULL, 'Choose another name.');
	END IF;
	INSERT INTO influence.storefront (creator_id, slug, title, bio, logo, content_hash)
	VALUES ($1, stored_slug, $3, $4, $5, hash);
	INSERT INTO influence.slug_history (creator_id, slug) VALUES ($1, stored_slug);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_storefront(bigint, text, text, text, text) IS
'Opens a creator''s page under a vanity slug (NFKC, lower case). Natural key: the creator. -> status recorded | duplicate, stored_slug as it is compared. IN002 not usable, IN003 no such creator, IN004 there is a storefront with other content, IN005 reserved or taken.';

/*
 * storefronts.sql
 *
 * A creator's page under its vanity slug. A slug never changes hands; a page
 * that is renamed is found under all its names.
 */
CREATE FUNCTION influence_internal.require_plain_text(argument text, value text, longest int)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF value IS NULL THEN
		RETURN;
	ELSIF length(value) > longest THEN
		PERFORM influence_internal.raise_invalid(format('%s is too long', argument), format('It has %s characters.', length(value)),
			format('Use at most %s.', longest));
	ELSIF translate(value, E'\t\n\r', '') ~ E'[\\x01-\\x1f\\x7f]'
		  -- invisible, or writing backwards: two texts that look the same must not differ
		  OR (getdatabaseencoding() = 'UTF8'
			  AND EXISTS (SELECT FROM regexp_split_to_table(value, '') c
						   WHERE ascii(c) BETWEEN 128 AND 159 OR ascii(c) BETWEEN 8234 AND 8238 OR ascii(c) BETWEEN 8294 AND 8297
							  OR ascii(c) IN (8203, 8206, 8207, 8288, 65279))) THEN
		PERFORM influence_internal.raise_invalid(format('%s has characters that cannot be seen', argument), NULL,
			'Leave out control characters, zero-width spaces and marks of the writing direction.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_plain_text(text, text, int) IS
'Raises IN002 for a text that is too long or has control characters (other than tab and line ends) or invisible ones; NULL passes.';

CREATE FUNCTION influence_internal.require_link(argument text, link text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.require_plain_text(argument, link, 2000);
	IF btrim(link) ~* '^[a-z][a-z0-9+.-]*:' AND link !~* '^https?://' OR link ~ '[[:space:]<>"]' THEN
		PERFORM influence_internal.raise_invalid(format('%s is no link to a picture', argument), format('%s: %s.', argument, link),
			'Give an address that begins with https://, or a key of your own store, without spaces, quotes and angle brackets.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_link(text, text) IS 'Raises IN002 for a link that a browser would run instead of showing it (javascript:, data:), or that leaves its attribute; NULL passes.';

CREATE FUNCTION influence_internal.check_actor(creator_id bigint, agent_id bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $2 <> $1 THEN
		PERFORM influence_internal.require_agent($2, $1, now());
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.check_actor(bigint, bigint) IS 'As require_agent() now; NULL or the creator itself passes.';

CREATE FUNCTION influence_internal.note_storefront(creator_id bigint, agent_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO influence.storefront_change (creator_id, change_no, slug, title, logo, bio, banner, colours, agent_id)
	SELECT s.creator_id, 1 + coalesce((SELECT max(c.change_no) FROM influence.storefront_change c WHERE c.creator_id = s.creator_id), 0),
		   s.slug, s.title, s.logo, s.bio, s.banner, s.colours, nullif($2, $1)
	  FROM influence.storefront s WHERE s.creator_id = $1;
END
$$;
COMMENT ON FUNCTION influence_internal.note_storefront(bigint, bigint) IS 'Adds the page as it is now to its history. The caller holds the lock "storefronts".';

CREATE FUNCTION influence_internal.create_storefront(creator_id bigint, slug text, title text, bio text DEFAULT NULL,
	logo text DEFAULT NULL, agent_id bigint DEFAULT NULL)
RETURNS TABLE (status text, stored_slug text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea;
	known record;
BEGIN
	PERFORM influence_internal.require_remembered($1);
	PERFORM influence_internal.require_key('title', $3);
	PERFORM influence_internal.require_plain_text('title', $3, 200);
	PERFORM influence_internal.require_plain_text('bio', $4, 5000);
	PERFORM influence_internal.require_link('logo', $5);
	hash := influence_internal.content_hash(jsonb_build_array(influence_internal.normalise_slug($2), $3, $4, $5));
	PERFORM influence_internal.lock_key('storefronts');
	SELECT s.slug, s.content_hash INTO known FROM influence.storefront s WHERE s.creator_id = $1;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('storefront of creator', $1::text);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.slug;
		RETURN;
	END IF;
	PERFORM influence_internal.check_actor($1, $6);
	stored_slug := influence_internal.require_slug($1, $2);
	INSERT INTO influence.storefront (creator_id, slug, title, bio, logo, content_hash)
	VALUES ($1, stored_slug, $3, $4, $5, hash);
	INSERT INTO influence.slug_history (creator_id, slug, look) VALUES ($1, stored_slug, influence_internal.slug_look(stored_slug));
	PERFORM influence_internal.note_storefront($1, $6);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_storefront(bigint, text, text, text, text, bigint) IS
'Opens a creator''s page under a vanity slug (NFKC, lower case, letters of one script); agent_id: the agency that acts for the creator. Natural key: the creator. -> status recorded | duplicate, stored_slug: the slug that the page has now. IN002 not usable, IN003 no such creator, IN004 it was opened with other content, IN005 reserved, taken or mistakable for one that is, no agency of the creator.';

CREATE FUNCTION influence_internal.rename_storefront(creator_id bigint, slug text, agent_id bigint DEFAULT NULL)
RETURNS TABLE (status text, stored_slug text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	present text;
BEGIN
	PERFORM influence_internal.require_remembered($1);
	PERFORM influence_internal.check_actor($1, $3);
	PERFORM influence_internal.lock_key('storefronts');
	SELECT s.slug INTO present FROM influence.storefront s WHERE s.creator_id = $1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('storefront of creator', $1::text, 'Open it with influence.create_storefront(creator_id, slug, title).');
	END IF;
	stored_slug := influence_internal.require_slug($1, $2);
	status := 'duplicate';
	IF stored_slug <> present THEN
		UPDATE influence.storefront s SET slug = stored_slug WHERE s.creator_id = $1;
		INSERT INTO influence.slug_history (creator_id, slug, look) VALUES ($1, stored_slug, influence_internal.slug_look(stored_slug))
		ON CONFLICT DO NOTHING;				-- a name of its own that it takes back
		PERFORM influence_internal.note_storefront($1, $3);
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.rename_storefront(bigint, text, bigint) IS
'Gives a creator''s page another slug; under the old ones it is still found (resolve_slug), and nobody else gets them. -> status recorded | duplicate (it has that name), stored_slug. IN002 not usable, IN003 no page, IN005 reserved, taken or mistakable for one that is, no agency of the creator.';

CREATE FUNCTION influence_internal.update_storefront(creator_id bigint, title text DEFAULT NULL, bio text DEFAULT NULL,
	logo text DEFAULT NULL, banner text DEFAULT NULL, colours jsonb DEFAULT NULL, agent_id bigint DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	strange text;
BEGIN
	PERFORM influence_internal.require_remembered($1);
	PERFORM influence_internal.check_actor($1, $7);
	IF $2 = '' THEN
		PERFORM influence_internal.raise_invalid('the title is empty', NULL, 'Give a title of 1 to 200 characters, or NULL to leave it as it is.');
	END IF;
	PERFORM influence_internal.require_plain_text('title', $2, 200);
	PERFORM influence_internal.require_plain_text('bio', $3, 5000);
	PERFORM influence_internal.require_link('logo', $4);
	PERFORM influence_internal.require_link('banner', $5);
	IF $6 IS NOT NULL THEN
		PERFORM influence_internal.check_keys($6, ARRAY['primary', 'secondary', 'background', 'text', 'accent'], 'colours');
		SELECT string_agg(format('%s: %s', e.key, e.value), ', ' ORDER BY e.key) INTO strange
		  FROM jsonb_each($6) e
		 WHERE jsonb_typeof(e.value) <> 'string' OR e.value #>> '{}' !~* '^#[0-9a-f]{6}$';
		IF strange IS NOT NULL THEN
			PERFORM influence_internal.raise_invalid('a colour is not written as one', strange || '.', 'Write colours as "#rrggbb".');
		END IF;
	END IF;
	PERFORM influence_internal.lock_key('storefronts');
	IF NOT EXISTS (SELECT FROM influence.storefront s WHERE s.creator_id = $1) THEN
		PERFORM influence_internal.raise_unknown('storefront of creator', $1::text, 'Open it with influence.create_storefront(creator_id, slug, title).');
	END IF;
	UPDATE influence.storefront s
	   SET title = n.title, bio = n.bio, logo = n.logo, banner = n.banner, colours = n.colours
	  FROM (SELECT coalesce($2, x.title) AS title, nullif(coalesce($3, x.bio), '') AS bio, nullif(coalesce($4, x.logo), '') AS logo,
				   nullif(coalesce($5, x.banner), '') AS banner,
				   coalesce((SELECT jsonb_object_agg(e.key, lower(e.value)) FROM jsonb_each_text($6) e),
							CASE WHEN $6 IS NULL THEN x.colours ELSE '{}' END) AS colours
			  FROM influence.storefront x WHERE x.creator_id = $1) n
	 WHERE s.creator_id = $1
	   AND (n.title, n.bio, n.logo, n.banner, n.colours) IS DISTINCT FROM (s.title, s.bio, s.logo, s.banner, s.colours);
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF FOUND THEN
		PERFORM influence_internal.note_storefront($1, $7);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.update_storefront(bigint, text, text, text, text, jsonb, bigint) IS
'Changes the looks of a creator''s page: title, bio, links to logo and banner, colours {"primary", "secondary", "background", "text", "accent": "#rrggbb"} (replaced as a whole). NULL leaves a value as it is, '''' (colours: {}) takes it away. -> status recorded | duplicate (nothing changed). IN002, IN003 no page, IN005 no agency of the creator.';

CREATE FUNCTION influence_internal.resolve_slug(slug text)
RETURNS TABLE (creator_id bigint, current_slug text, redirect boolean, creator_status text, title text, bio text, logo text, banner text,
	colours jsonb)
LANGUAGE plpgsql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted text := influence_internal.normalise_slug($1);
BEGIN
	RETURN QUERY
	SELECT s.creator_id, s.slug, s.slug <> wanted, influence_internal.creator_status_at(s.creator_id, now()),
		   s.title, s.bio, s.logo, s.banner, s.colours
	  FROM influence.slug_history h
	  JOIN influence.storefront s ON s.creator_id = h.creator_id
	 WHERE h.slug = wanted;
END
$$;
COMMENT ON FUNCTION influence_internal.resolve_slug(text) IS
'The page that a vanity name leads to, under whatever name it had: creator, the slug it has now, redirect = another one than asked for, whether the creator is active, suspended or banned now, and how the page looks (colours: name -> #rrggbb). No row: no page of that name.';

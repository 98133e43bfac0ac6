/*
 * slugs.sql
 *
 * Vanity names: the form in which they are compared, the scripts that they mix
 * and the names that they can be mistaken for. After Unicode Technical Standard
 * 39 (Unicode Security Mechanisms): a name keeps to one script ("single
 * script", with its Han, kana and Hangul combinations), and two names are
 * confusable if their skeletons are equal. The table of letters here is the
 * small part of its confusables that a reader meets: Cyrillic and Greek letters
 * with the shape of Latin ones, 0 and o, 1 and l, rn and m.
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

CREATE FUNCTION influence_internal.slug_scripts(slug text)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- other encodings have no code points
	IF getdatabaseencoding() <> 'UTF8' THEN
		RETURN '{}';
	END IF;
	RETURN (
		WITH letters AS (
			SELECT DISTINCT ascii(c) AS code FROM regexp_split_to_table($1, '') c
		), scripts AS (
			SELECT DISTINCT CASE
					   WHEN code BETWEEN 97 AND 122 OR code BETWEEN 192 AND 687 OR code BETWEEN 7680 AND 7935 THEN 'Latin'
					   WHEN code BETWEEN 880 AND 1023 OR code BETWEEN 7936 AND 8191 THEN 'Greek'
					   WHEN code BETWEEN 1024 AND 1327 OR code BETWEEN 7296 AND 7311 OR code BETWEEN 42560 AND 42655 THEN 'Cyrillic'
					   WHEN code BETWEEN 1328 AND 1423 THEN 'Armenian'
					   WHEN code BETWEEN 1424 AND 1535 THEN 'Hebrew'
					   WHEN code BETWEEN 1536 AND 1791 OR code BETWEEN 1872 AND 1919 THEN 'Arabic'
					   -- written together, and with Latin letters
					   WHEN code BETWEEN 12352 AND 12543 OR code BETWEEN 13312 AND 40959 OR code BETWEEN 131072 AND 205743
							OR code BETWEEN 4352 AND 4607 OR code BETWEEN 44032 AND 55215 OR code IN (12293, 12295) THEN 'Han'
					   WHEN code > 127 THEN 'block ' || code / 128
				   END AS script
			  FROM letters)
		SELECT coalesce(array_agg(s.script ORDER BY s.script) FILTER (WHERE s.script IS NOT NULL), '{}') FROM scripts s);
END
$$;
COMMENT ON FUNCTION influence_internal.slug_scripts(text) IS
'The scripts of the letters of a normalised name, in order (Han stands for Chinese, Japanese and Korean writing together; scripts without a name here go by their block of 128 code points); empty for digits and in databases of another encoding than UTF8.';

CREATE FUNCTION influence_internal.slug_look(slug text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF getdatabaseencoding() <> 'UTF8' THEN
		RETURN replace(translate($1, '01', 'ol'), 'm', 'rn');
	END IF;
	RETURN (
		SELECT string_agg(coalesce(l.latin, u.c), '' ORDER BY u.place)
		  FROM regexp_split_to_table($1, '') WITH ORDINALITY u(c, place)
		  -- code points, so that the script of the extension stays readable in every encoding
		  LEFT JOIN (VALUES (48, 'o'), (49, 'l'), (109, 'rn'), (305, 'i'),
							(1072, 'a'), (1077, 'e'), (1110, 'i'), (1112, 'j'), (1086, 'o'), (1088, 'p'), (1089, 'c'), (1091, 'y'),
							(1093, 'x'), (1109, 's'), (1231, 'l'), (1281, 'd'), (1307, 'q'), (1309, 'w'), (1211, 'h'), (1075, 'r'),
							(1084, 'rn'), (1082, 'k'), (1090, 't'), (1074, 'b'), (1085, 'h'), (1199, 'y'), (1216, 'l'),
							(945, 'a'), (947, 'y'), (949, 'e'), (953, 'i'), (954, 'k'), (957, 'v'), (959, 'o'), (961, 'p'), (963, 'o'),
							(964, 't'), (965, 'u'), (967, 'x'), (969, 'w'), (942, 'n'), (951, 'n'), (946, 'b'),
							(1400, 'n'), (1405, 'u'), (1413, 'o'), (1377, 'w'), (1392, 'h'), (1409, 'g'), (1412, 'f'), (1382, 'q')) l(code, latin)
			ON l.code = ascii(u.c));
END
$$;
COMMENT ON FUNCTION influence_internal.slug_look(text) IS
'What a normalised name looks like: letters that are mistaken for each other made equal (the skeleton of Unicode Technical Standard 39, for the letters that the header of src/storefront/slugs.sql names). Accents count as differences.';

CREATE FUNCTION influence_internal.forgotten_name(name text, salt bytea)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN 'forgotten:' || encode(sha256(salt || convert_to(name, 'UTF8')), 'hex');
END
$$;
COMMENT ON FUNCTION influence_internal.forgotten_name(text, bytea) IS 'What stands for the slug (or its look) of a creator who was forgotten: it stays taken, and nobody can read it.';

CREATE FUNCTION influence_internal.require_slug(creator_id bigint, slug text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted text := influence_internal.normalise_slug($2);
	wanted_look text;
	salt bytea := (SELECT s.destination_salt FROM influence.payout_secret s);
BEGIN
	IF wanted IS NULL OR wanted !~ '^[[:alnum:]]([[:alnum:]._-]{1,58})[[:alnum:]]$' THEN
		PERFORM influence_internal.raise_invalid(format('slug "%s" cannot be a vanity name', $2), NULL,
			'Use 3 to 60 letters, digits, dots, underscores or hyphens, beginning and ending with a letter or digit.');
	ELSIF cardinality(array_remove(influence_internal.slug_scripts(wanted), 'Han')) > 1 THEN
		PERFORM influence_internal.raise_invalid(format('slug "%s" mixes scripts', wanted),
			format('Its letters are %s.', array_to_string(influence_internal.slug_scripts(wanted), ' and ')),
			'Use the letters of one script: a mixed name can be mistaken for another one.');
	END IF;
	wanted_look := influence_internal.slug_look(wanted);
	IF EXISTS (SELECT FROM influence.reserved_slug r WHERE r.slug = wanted OR influence_internal.slug_look(r.slug) = wanted_look) THEN
		PERFORM influence_internal.raise_refused(format('slug "%s" is reserved', wanted), NULL, 'Choose another name.');
	ELSIF EXISTS (SELECT FROM influence.slug_history h WHERE h.slug IN (wanted, influence_internal.forgotten_name(wanted, salt)) AND h.creator_id <> $1) THEN
		PERFORM influence_internal.raise_refused(format('slug "%s" is taken', wanted), NULL, 'Choose another name.');
	ELSIF EXISTS (SELECT FROM influence.slug_history h WHERE h.look IN (wanted_look, influence_internal.forgotten_name(wanted_look, salt)) AND h.creator_id <> $1) THEN
		PERFORM influence_internal.raise_refused(format('slug "%s" looks like one that is taken', wanted), NULL, 'Choose another name.');
	END IF;
	RETURN wanted;
END
$$;
COMMENT ON FUNCTION influence_internal.require_slug(bigint, text) IS
'A vanity name as it is compared, if the creator may have it: IN002 not a name or of several scripts, IN005 reserved, or (in look, too) somebody else''s now or before. The caller holds the lock "storefronts".';

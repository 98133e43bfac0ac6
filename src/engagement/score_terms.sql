/*
 * score_terms.sql
 *
 * What scores depend on beside facts about creators: from how many followers on
 * a channel belongs to which size, and what the catalogue is about. Both are
 * histories that are only added to.
 */
CREATE FUNCTION influence_internal.set_size_tier(tier text, followers_from bigint, platform text DEFAULT '',
	valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	rival text;
BEGIN
	PERFORM influence_internal.require_arguments('tier', $1, 'platform', $3);
	PERFORM influence_internal.require_begin('valid_from', $4);
	IF length($1) NOT BETWEEN 1 AND 40 THEN
		PERFORM influence_internal.raise_invalid('argument "tier" is not a name', format('It has %s characters.', length($1)), 'Use 1 to 40 characters, for instance micro.');
	ELSIF $2 < 0 THEN
		PERFORM influence_internal.raise_invalid('followers_from is negative', format('Value: %s.', $2), 'Give 0 or more, or NULL to end the tier.');
	ELSIF $3 <> '' AND NOT EXISTS (SELECT FROM influence.platform p WHERE p.platform = $3) THEN
		PERFORM influence_internal.raise_unknown('platform', $3, 'See the table influence.platform.');
	END IF;
	PERFORM influence_internal.lock_key('size tiers');
	SELECT x.tier INTO rival
	  FROM (SELECT DISTINCT ON (s.tier) s.tier, s.followers_from
			  FROM influence.size_tier s WHERE s.platform = $3 AND s.valid_from <= $4 AND s.tier <> $1
			 ORDER BY s.tier, s.valid_from DESC) x
	 WHERE x.followers_from = $2 LIMIT 1;
	IF rival IS NOT NULL THEN
		PERFORM influence_internal.raise_refused(format('tier "%s" begins there, too', rival), format('Followers: %s.', $2),
			'Give another followers_from, or end that tier first with followers_from NULL.');
	END IF;
	INSERT INTO influence.size_tier (platform, tier, valid_from, followers_from)
	VALUES ($3, $1, $4, $2)
	ON CONFLICT ON CONSTRAINT size_tier_pkey DO NOTHING;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF status = 'duplicate' AND NOT EXISTS (SELECT FROM influence.size_tier s WHERE s.platform = $3 AND s.tier = $1 AND s.valid_from = $4
											  AND s.followers_from IS NOT DISTINCT FROM $2) THEN
		PERFORM influence_internal.raise_conflict('size tier', $1);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_size_tier(text, bigint, text, timestamptz) IS
'Says from how many followers on a channel belongs to a size tier, on a platform ('''' = those that have no tiers of their own), from a moment on; followers_from NULL ends the tier. Natural key: platform, tier and valid_from. -> status recorded | duplicate. IN002, IN003 no such platform, IN004, IN005 another tier begins at the same number.';

CREATE FUNCTION influence_internal.size_tiers_at(at timestamptz, known_at timestamptz, seen pg_snapshot)
RETURNS TABLE (platform text, tier text, followers_from bigint, followers_below bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH latest AS (
		SELECT DISTINCT ON (s.platform, s.tier) s.platform, s.tier, s.followers_from
		  FROM influence.size_tier s
		 WHERE s.valid_from <= $1
		   -- those that come with the installation were always known
		   AND (s.recorded_at = '-infinity' OR influence_internal.was_known(s.recorded_at, s.xact, $2, $3))
		 ORDER BY s.platform, s.tier, s.valid_from DESC
	), held AS (
		SELECT l.* FROM latest l WHERE l.followers_from IS NOT NULL
	)
	SELECT p.platform, h.tier, h.followers_from, lead(h.followers_from) OVER (PARTITION BY p.platform ORDER BY h.followers_from, h.tier)
	  FROM influence.platform p
	  JOIN held h ON h.platform = CASE WHEN EXISTS (SELECT FROM held x WHERE x.platform = p.platform) THEN p.platform ELSE '' END;
END
$$;
COMMENT ON FUNCTION influence_internal.size_tiers_at(timestamptz, timestamptz, pg_snapshot) IS
'The tiers of every platform at a moment as was known: from so many followers on and below so many (NULL: no end).';

CREATE FUNCTION influence_internal.set_category_topic(category text, topic text, applies boolean DEFAULT true,
	valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	chosen_category bigint;
	namesakes int;
	chosen_topic bigint;
BEGIN
	PERFORM influence_internal.require_arguments('applies', $3::text);
	PERFORM influence_internal.require_begin('valid_from', $4);
	SELECT min(c.category_id), count(*) INTO chosen_category, namesakes FROM influence.category c WHERE c.name = $1;
	IF namesakes > 1 THEN
		PERFORM influence_internal.raise_refused(format('%s categories are called "%s"', namesakes, $1),
			(SELECT format('They are: %s.', string_agg(c.category_id::text, ', ' ORDER BY c.category_id)) FROM influence.category c WHERE c.name = $1),
			'Name a category above or below them that has a name of its own.');
	ELSIF namesakes = 0 THEN
		PERFORM influence_internal.raise_unknown('category', $1, 'Create it with influence.create_category(name, parent_id).');
	END IF;
	SELECT t.topic_id INTO chosen_topic FROM influence.topic t WHERE t.name = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('topic', $2, 'Create it with influence.create_topic(name).');
	END IF;
	INSERT INTO influence.category_topic (category_id, topic_id, valid_from, applies)
	VALUES (chosen_category, chosen_topic, $4, $3)
	ON CONFLICT ON CONSTRAINT category_topic_pkey DO NOTHING;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF status = 'duplicate' AND NOT EXISTS (SELECT FROM influence.category_topic x
			 WHERE x.category_id = chosen_category AND x.topic_id = chosen_topic AND x.valid_from = $4 AND x.applies = $3) THEN
		PERFORM influence_internal.raise_conflict('topic of category', $1 || '/' || $2);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_category_topic(text, text, boolean, timestamptz) IS
'Says that a category of the catalogue, with those below it, is about a topic from a moment on (applies false: no longer). A creator is relevant by the share of its posts that are about topics of categories with products. Natural key: category, topic and valid_from. -> status recorded | duplicate. IN003, IN004, IN005 several categories have that name.';

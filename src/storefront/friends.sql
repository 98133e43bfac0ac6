/*
 * friends.sql
 *
 * Friends of shoppers, who block whom, and the search by name. Names are
 * compared by the trigrams of their words, in the definition of PostgreSQL's
 * pg_trgm (similarity: trigrams in common divided by trigrams in either), but
 * kept in a column of their own: the answer does not depend on whether that
 * extension is there. Who blocks is not told: a request to them is answered as
 * any other.
 */
CREATE FUNCTION influence_internal.name_parts(name text)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT array_agg(DISTINCT t.part ORDER BY t.part)
		  FROM regexp_split_to_table(lower(influence_internal.nfkc($1)), '[^[:alnum:]]+') w(word)
		 CROSS JOIN LATERAL (SELECT substr('  ' || w.word || ' ', i, 3) AS part FROM generate_series(1, length(w.word) + 1) i) t
		 WHERE w.word <> '');
END
$$;
COMMENT ON FUNCTION influence_internal.name_parts(text) IS
'The trigrams of the words of a name, lower case and NFKC, each word with two spaces before and one after it, as pg_trgm counts them; NULL for a name without letters and digits.';

CREATE FUNCTION influence_internal.set_display_name(visitor_id uuid, display_name text)
RETURNS TABLE (status text, stored_name text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	parts text[];
BEGIN
	PERFORM influence_internal.require_shopper($1);
	PERFORM influence_internal.require_plain_text('display_name', $2, 200);
	stored_name := nullif(btrim(regexp_replace(influence_internal.nfkc($2), '[[:space:]]+', ' ', 'g')), '');
	parts := influence_internal.name_parts(stored_name);
	IF length(stored_name) > 80 OR stored_name IS NOT NULL AND parts IS NULL THEN
		PERFORM influence_internal.raise_invalid('the display name is not usable', format('It has %s characters.', length(stored_name)),
			'Give 1 to 80 characters with a letter or digit among them, or NULL for no name.');
	END IF;
	UPDATE influence.shopper s SET display_name = stored_name, name_parts = parts
	 WHERE s.visitor_id = $1 AND s.display_name IS DISTINCT FROM stored_name;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_display_name(uuid, text) IS
'Sets the name that a shopper''s friends find it by (NFKC, single spaces); NULL or '''' takes it away. Who registered with discoverable => false is found by nobody. -> status recorded | duplicate (it has that name), stored_name. IN002, IN003.';

CREATE FUNCTION influence_internal.require_two_persons(visitor_id uuid, other_id uuid)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	one uuid := influence_internal.person_of($1);
	other uuid := influence_internal.person_of($2);
BEGIN
	PERFORM influence_internal.require_shopper($1);
	PERFORM influence_internal.require_shopper($2);
	IF one = other THEN
		PERFORM influence_internal.raise_invalid('both shoppers are one person', format('Shoppers: %s, %s.', $1, $2), 'Name somebody else.');
	END IF;
	PERFORM influence_internal.lock_key(format('friends %s %s', least(one, other), greatest(one, other)));
END
$$;
COMMENT ON FUNCTION influence_internal.require_two_persons(uuid, uuid) IS 'Raises IN003 unless both are shoppers, IN002 if they are one person, and makes the writers of these two persons wait for each other.';

CREATE FUNCTION influence_internal.friendship_state(mine uuid[], theirs uuid[])
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT f.state FROM influence.friendship f
			 WHERE f.visitor_id = ANY ($1) AND f.friend_id = ANY ($2)
			 ORDER BY array_position('{friends,received,requested}', f.state) LIMIT 1);
END
$$;
COMMENT ON FUNCTION influence_internal.friendship_state(uuid[], uuid[]) IS 'How one person stands to another, each with all its visitors: friends before received before requested; NULL = neither knows of the other.';

CREATE FUNCTION influence_internal.make_friends(one uuid[], other uuid[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	UPDATE influence.friendship f SET state = 'friends', since = now()
	 WHERE f.state <> 'friends'
	   AND (f.visitor_id = ANY ($1) AND f.friend_id = ANY ($2) OR f.visitor_id = ANY ($2) AND f.friend_id = ANY ($1));
END
$$;
COMMENT ON FUNCTION influence_internal.make_friends(uuid[], uuid[]) IS 'Turns what two persons asked each other into friendship, for both sides.';

CREATE FUNCTION influence_internal.add_friend(visitor_id uuid, friend_id uuid)
RETURNS TABLE (status text, state text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mine uuid[] := influence_internal.person_visitors($1);
	theirs uuid[] := influence_internal.person_visitors($2);
	known text;
BEGIN
	PERFORM influence_internal.require_two_persons($1, $2);
	IF EXISTS (SELECT FROM influence.shopper_block b WHERE b.visitor_id = ANY (mine) AND b.blocked_id = ANY (theirs)) THEN
		PERFORM influence_internal.raise_refused('the shopper blocks whom it wants as a friend', NULL,
			'Unblock first: influence.block_shopper(visitor_id, other_id, blocked => false).');
	END IF;
	known := influence_internal.friendship_state(mine, theirs);
	IF known = 'received' THEN
		-- both asked
		PERFORM influence_internal.make_friends(mine, theirs);
		RETURN QUERY SELECT 'recorded', 'friends';
		RETURN;
	ELSIF known IS NULL THEN
		INSERT INTO influence.friendship (visitor_id, friend_id, state) VALUES ($1, $2, 'requested') ON CONFLICT DO NOTHING;
	END IF;
	-- who blocks hears nothing, and who asks is answered as always; a later request arrives once the block is over
	IF influence_internal.friendship_state(theirs, mine) IS NULL
	   AND NOT EXISTS (SELECT FROM influence.shopper_block b WHERE b.visitor_id = ANY (theirs) AND b.blocked_id = ANY (mine)) THEN
		INSERT INTO influence.friendship (visitor_id, friend_id, state) VALUES ($2, $1, 'received') ON CONFLICT DO NOTHING;
	END IF;
	status := CASE WHEN known IS NULL THEN 'recorded' ELSE 'duplicate' END;
	state := coalesce(known, 'requested');
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.add_friend(uuid, uuid) IS
'A shopper asks another to be friends; if the other asked before, they are. Whether the other blocks is not told. -> status recorded | duplicate, state requested | friends. IN002 one person, IN003, IN005 the shopper itself blocks the other.';

CREATE FUNCTION influence_internal.accept_friend(visitor_id uuid, friend_id uuid)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mine uuid[] := influence_internal.person_visitors($1);
	theirs uuid[] := influence_internal.person_visitors($2);
	known text;
BEGIN
	PERFORM influence_internal.require_two_persons($1, $2);
	known := influence_internal.friendship_state(mine, theirs);
	IF known = 'friends' THEN
		status := 'duplicate';
	ELSIF known = 'received' THEN
		PERFORM influence_internal.make_friends(mine, theirs);
		status := 'recorded';
	ELSE
		PERFORM influence_internal.raise_unknown('request of shopper', $2::text, 'See influence.get_friends(visitor_id); add_friend asks.');
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.accept_friend(uuid, uuid) IS
'A shopper agrees to be friends with one who asked. -> status recorded | duplicate (they are). IN002, IN003 no such shopper or request.';

CREATE FUNCTION influence_internal.unfriend(visitor_id uuid, friend_id uuid)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mine uuid[] := influence_internal.person_visitors($1);
	theirs uuid[] := influence_internal.person_visitors($2);
BEGIN
	PERFORM influence_internal.require_two_persons($1, $2);
	DELETE FROM influence.friendship f WHERE f.visitor_id = ANY (mine) AND f.friend_id = ANY (theirs);
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	DELETE FROM influence.friendship f WHERE f.visitor_id = ANY (theirs) AND f.friend_id = ANY (mine);
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.unfriend(uuid, uuid) IS
'Ends a friendship, takes back a request, or declines one, under whatever visitors of the two persons it was made. -> status recorded | duplicate (there was none). IN002, IN003.';

CREATE FUNCTION influence_internal.block_shopper(visitor_id uuid, other_id uuid, blocked boolean DEFAULT true)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_arguments('blocked', $3::text);
	PERFORM influence_internal.require_two_persons($1, $2);
	IF $3 THEN
		INSERT INTO influence.shopper_block (visitor_id, blocked_id) VALUES ($1, $2) ON CONFLICT DO NOTHING;
		status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
		DELETE FROM influence.friendship f USING unnest(influence_internal.person_visitors($1)) m(id), unnest(influence_internal.person_visitors($2)) o(id)
		 WHERE (f.visitor_id, f.friend_id) IN ((m.id, o.id), (o.id, m.id));
	ELSE
		DELETE FROM influence.shopper_block b
		 WHERE b.visitor_id = ANY (influence_internal.person_visitors($1)) AND b.blocked_id = ANY (influence_internal.person_visitors($2));
		status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.block_shopper(uuid, uuid, boolean) IS
'A shopper blocks (or with blocked => false unblocks) another: their friendship ends, and neither finds the other or sees the other''s lists. -> status recorded | duplicate. IN002, IN003.';

CREATE FUNCTION influence_internal.get_friends(visitor_id uuid)
RETURNS TABLE (friend_id uuid, display_name text, state text, since timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mine uuid[] := influence_internal.person_visitors($1);
BEGIN
	PERFORM influence_internal.require_shopper($1);
	RETURN QUERY
	SELECT f.friend_id, s.display_name, f.state, f.since
	  FROM (SELECT DISTINCT ON (x.friend_id) x.friend_id, x.state, x.since
			  FROM influence.friendship x
			 WHERE x.visitor_id = ANY (mine) AND x.friend_id <> ALL (mine)
			 ORDER BY x.friend_id, array_position('{friends,received,requested}', x.state), x.since) f
	  JOIN influence.shopper s ON s.visitor_id = f.friend_id
	 ORDER BY array_position('{received,friends,requested}', f.state), s.display_name COLLATE "C", f.friend_id;
END
$$;
COMMENT ON FUNCTION influence_internal.get_friends(uuid) IS
'A shopper''s friends and requests, under all its aliases, by name: state received (asks to be accepted), friends or requested. IN003.';

CREATE FUNCTION influence_internal.find_friends(viewer_id uuid, name text, page_size int DEFAULT 20)
RETURNS TABLE (visitor_id uuid, display_name text, similarity float8, state text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- a longer one is refused below, and not taken apart before
	parts text[] := influence_internal.name_parts(CASE WHEN length($2) <= 200 THEN $2 END);
	least_similarity float8 := (influence_internal.setting_value('friend_similarity') #>> '{}')::float8;
	viewers uuid[];
	theirs uuid[];
	-- who shares k of n parts shares one of any n - k + 1 of them: those that the fewest names have in common
	rare_parts text[];
	candidate record;
	found int := 0;
BEGIN
	PERFORM influence_internal.require_shopper($1);
	PERFORM influence_internal.require_page($3);
	IF parts IS NULL THEN
		PERFORM influence_internal.raise_invalid('the name cannot be searched for', NULL, 'Give a name with letters or digits, of at most 200 characters.');
	END IF;
	rare_parts := ARRAY(SELECT u.part FROM unnest(parts) u(part) ORDER BY length(ltrim(u.part)) = 3 DESC, length(rtrim(u.part)) = 3 DESC, length(ltrim(u.part)) DESC, u.part
						 LIMIT cardinality(parts) - greatest(ceil(least_similarity * cardinality(parts))::int, 1) + 1);
	viewers := influence_internal.person_visitors($1);
	-- blocks are asked for in the order of the answer, so only of those who are in it
	FOR candidate IN
		SELECT c.visitor_id, c.display_name, c.similarity
		  FROM (SELECT s.visitor_id, s.display_name,
					   m.common::float8 / (cardinality(parts) + cardinality(s.name_parts) - m.common) AS similarity
				  FROM influence.shopper s
				 CROSS JOIN LATERAL (SELECT count(*) AS common FROM unnest(s.name_parts) u(part) WHERE u.part = ANY (parts)) m
				 WHERE s.discoverable AND s.name_parts IS NOT NULL AND s.name_parts && rare_parts
				   -- what the number of parts rules out is not counted
				   AND least(cardinality(parts), cardinality(s.name_parts)) >= least_similarity * greatest(cardinality(parts), cardinality(s.name_parts))
				OFFSET 0) c
		 WHERE c.similarity >= least_similarity
		 ORDER BY c.similarity DESC, c.display_name COLLATE "C", c.visitor_id
	LOOP
		EXIT WHEN found = $3;
		theirs := influence_internal.person_visitors(candidate.visitor_id);
		-- who opted out by one account is not found by another
		CONTINUE WHEN candidate.visitor_id = ANY (viewers)
				   OR EXISTS (SELECT FROM influence.shopper s WHERE s.visitor_id = ANY (theirs) AND NOT s.discoverable)
				   OR influence_internal.are_blocked(theirs, NULL, viewers);
		found := found + 1;
		visitor_id := candidate.visitor_id;
		display_name := candidate.display_name;
		similarity := candidate.similarity;
		state := influence_internal.friendship_state(viewers, theirs);
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.find_friends(uuid, text, int) IS
'Shoppers whose display name resembles a name, the most similar first: similarity from 0 to 1 = trigrams in common / trigrams in either (as pg_trgm), at least the setting friend_similarity; state of the friendship, NULL = none. Neither oneself, nor who does not want to be found (discoverable => false for any account of the person), nor who blocks or is blocked. IN002, IN003.';

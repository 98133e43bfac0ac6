/*
 * lists.sql
 *
 * Lists of products: of creators and of shoppers, of four kinds. Who may see
 * one is decided in one place, list_access(); a list that somebody may not see
 * is, for that viewer, a list that does not exist.
 */
CREATE TYPE influence_internal.list_facts AS (
	owner_kind text,
	owner_id text,
	list_id bigint,
	kind text,
	title text,
	visibility text,
	for_person text,
	for_visitor uuid,
	program_id bigint,
	token_hash bytea
);
COMMENT ON TYPE influence_internal.list_facts IS 'What decides about a list: its row without its history.';

CREATE FUNCTION influence_internal.raise_no_list(list_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.raise_unknown('list', list_id::text,
		'See influence.get_lists(owner_kind, owner_id, viewer_id) for the lists that a viewer may see.');
END
$$;
COMMENT ON FUNCTION influence_internal.raise_no_list(bigint) IS 'Raises IN003 for a list that is not there, or not for this viewer: the two cannot be told apart.';

CREATE FUNCTION influence_internal.lock_list(list_id bigint)
RETURNS influence_internal.list_facts
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	facts influence_internal.list_facts;
BEGIN
	PERFORM influence_internal.lock_key(format('list %s', $1));
	SELECT l.owner_kind, l.owner_id, l.list_id, l.kind, l.title, l.visibility, l.for_person, l.for_visitor, l.program_id, l.token_hash
	  INTO facts
	  FROM influence.list l WHERE l.list_id = $1 AND l.removed_at IS NULL;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_no_list($1);
	END IF;
	RETURN facts;
END
$$;
COMMENT ON FUNCTION influence_internal.lock_list(bigint) IS 'The facts of a list, whose writers wait for each other until the end of the transaction; IN003.';

CREATE FUNCTION influence_internal.owner_visitors(owner_kind text, owner_id text)
RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF $1 = 'shopper' THEN
		RETURN influence_internal.person_visitors($2::uuid);
	END IF;
	-- a creator, and the agencies that act for it (one that is suspended may not), as shoppers
	RETURN (SELECT coalesce(array_agg(v.id), '{}')
			  FROM influence.creator c
			 CROSS JOIN LATERAL unnest(influence_internal.person_visitors(c.visitor_id)) v(id)
			 WHERE c.visitor_id IS NOT NULL
			   AND (c.creator_id = $2::bigint
					OR c.kind = 'agency' AND c.agency_of @> ARRAY[$2::bigint] AND influence_internal.creator_status_at(c.creator_id, now()) = 'active'));
END
$$;
COMMENT ON FUNCTION influence_internal.owner_visitors(text, text) IS
'All visitors that are the owner of a list: a shopper under all its aliases; of a creator its own shopping identity and those of its agencies that are active.';

CREATE FUNCTION influence_internal.are_blocked(one uuid[], one_creator bigint, other uuid[])
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN EXISTS (SELECT FROM influence.shopper_block b
					WHERE b.visitor_id = ANY ($1) AND b.blocked_id = ANY ($3) OR b.visitor_id = ANY ($3) AND b.blocked_id = ANY ($1))
		OR EXISTS (SELECT FROM influence.block b
					WHERE b.visitor_id = ANY ($3)
					  AND (b.creator_id = $2 OR b.creator_id IN (SELECT c.creator_id FROM influence.creator c WHERE c.visitor_id = ANY ($1))))
		OR EXISTS (SELECT FROM influence.block b
					WHERE b.visitor_id = ANY ($1)
					  AND b.creator_id IN (SELECT c.creator_id FROM influence.creator c WHERE c.visitor_id = ANY ($3)));
END
$$;
COMMENT ON FUNCTION influence_internal.are_blocked(uuid[], bigint, uuid[]) IS
'Whether either of two persons blocks the other, as shopper or as creator: the visitors and (if it is one that the block names) the creator of the one, the visitors of the other.';

CREATE FUNCTION influence_internal.are_friends(one uuid[], other uuid[])
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN EXISTS (SELECT FROM influence.friendship f
					WHERE f.visitor_id = ANY ($1) AND f.friend_id = ANY ($2) AND f.state = 'friends');
END
$$;
COMMENT ON FUNCTION influence_internal.are_friends(uuid[], uuid[]) IS 'Whether two persons, each with all its visitors, are friends.';

CREATE FUNCTION influence_internal.list_access(list influence_internal.list_facts, viewer_id uuid, token text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owners uuid[] := influence_internal.owner_visitors((list).owner_kind, (list).owner_id);
	viewers uuid[] := '{}';
	owner_creator bigint := CASE WHEN (list).owner_kind = 'creator' THEN (list).owner_id::bigint END;
BEGIN
	IF $2 IS NOT NULL THEN
		viewers := influence_internal.person_visitors($2);
		-- the surprise comes before everything else, also for who made a list for themselves under two accounts
		IF (list).for_visitor = ANY (viewers) AND NOT owners && viewers THEN
			RETURN NULL;
		ELSIF owners && viewers THEN
			RETURN CASE WHEN (list).kind = 'gift' AND NOT coalesce((list).for_visitor = ANY (viewers), false) THEN 'giver' ELSE 'owner' END;
		ELSIF influence_internal.are_blocked(owners, owner_creator, viewers) THEN
			RETURN NULL;
		END IF;
	END IF;
	IF owner_creator IS NOT NULL AND influence_internal.creator_status_at(owner_creator, now()) <> 'active' THEN
		RETURN NULL;
	ELSIF (list).visibility = 'public'
		  OR (list).visibility = 'link' AND (list).token_hash = sha256(convert_to($3, 'UTF8'))
		  -- an agency acts for a creator, but its friends are not the creator's
		  OR (list).visibility = 'friends' AND influence_internal.are_friends(
				CASE WHEN owner_creator IS NULL THEN owners
					 ELSE influence_internal.person_visitors((SELECT c.visitor_id FROM influence.creator c WHERE c.creator_id = owner_creator)) END, viewers) THEN
		-- counts are for who can be held to what they promise: a guest could be the owner logged out
		RETURN CASE WHEN (list).kind IN ('wish', 'gift')
						 AND EXISTS (SELECT FROM influence.shopper s WHERE s.visitor_id = ANY (viewers))
					THEN 'giver' ELSE 'viewer' END;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION influence_internal.list_access(influence_internal.list_facts, uuid, text) IS
'What a viewer (NULL = a guest who is nobody) may see of a list: NULL nothing; viewer its items; giver its items with what is reserved and purchased; owner its items, and never that. The owner of a gift list is a giver, and whom the gift is for sees nothing of it, whatever its visibility. A block in either direction, a creator who is not active, a private list, a list of friends for who is none, and a wrong link show nothing. Persons are compared with all their aliases.';

CREATE FUNCTION influence_internal.require_owner(owner_kind text, owner_id text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF $1 = 'creator' THEN
		IF $2 IS NULL OR $2 !~ '^[0-9]{1,18}$' THEN
			PERFORM influence_internal.raise_invalid(format('owner_id "%s" is no creator_id', $2), NULL, 'Give the creator_id as text.');
		END IF;
		PERFORM influence_internal.require_creator($2::bigint);
		RETURN ($2::bigint)::text;
	ELSIF $1 = 'shopper' THEN
		IF $2 IS NULL OR $2 !~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' THEN
			PERFORM influence_internal.raise_invalid(format('owner_id "%s" is no visitor uuid', $2), NULL, 'Give the shopper''s visitor_id as text.');
		END IF;
		PERFORM influence_internal.require_shopper($2::uuid);
		RETURN ($2::uuid)::text;
	END IF;
	PERFORM influence_internal.raise_invalid(format('owner kind "%s" is not known', $1), NULL, 'Use creator or shopper.');
END
$$;
COMMENT ON FUNCTION influence_internal.require_owner(text, text) IS 'The owner_id of a list as it is kept, if that creator or registered shopper exists; IN002, IN003.';

CREATE FUNCTION influence_internal.token_hash_of(token text)
RETURNS bytea
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF token IS NULL OR length(token) NOT BETWEEN 22 AND 200 THEN
		PERFORM influence_internal.raise_invalid('the token of the link is not usable', NULL,
			'Give a random text of 22 to 200 characters, for instance that of gen_random_uuid(); whoever has it sees the list.');
	END IF;
	RETURN sha256(convert_to(token, 'UTF8'));
END
$$;
COMMENT ON FUNCTION influence_internal.token_hash_of(text) IS 'What is kept of the secret in a list''s link; IN002 when it is too short to be one.';

CREATE FUNCTION influence_internal.create_list(owner_kind text, owner_id text, list_ref text, kind text, title text,
	visibility text DEFAULT NULL, for_person text DEFAULT NULL, for_visitor uuid DEFAULT NULL, token text DEFAULT NULL,
	program_id bigint DEFAULT NULL, agent_id bigint DEFAULT NULL)
RETURNS TABLE (status text, list_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owner text := influence_internal.require_owner($1, $2);
	shown text := coalesce($6, CASE $4 WHEN 'idea' THEN 'public' ELSE 'private' END);
	secret bytea;
	hash bytea;
	known record;
BEGIN
	PERFORM influence_internal.require_key('list_ref', $3);
	PERFORM influence_internal.require_key('title', $5);
	PERFORM influence_internal.require_plain_text('title', $5, 200);
	IF $1 = 'creator' THEN
		PERFORM influence_internal.require_remembered(owner::bigint);
	END IF;
	IF $4 IS NULL OR $4 NOT IN ('idea', 'wish', 'shopping', 'gift') THEN
		PERFORM influence_internal.raise_invalid(format('list kind "%s" is not known', $4), NULL, 'Use idea, wish, shopping or gift.');
	ELSIF shown NOT IN ('public', 'friends', 'link', 'private') THEN
		PERFORM influence_internal.raise_invalid(format('visibility "%s" is not known', shown), NULL, 'Use public, friends, link or private.');
	ELSIF ($4 = 'gift') <> (num_nonnulls($7, $8) > 0) THEN
		PERFORM influence_internal.raise_invalid('a gift list, and no other, is for somebody', NULL,
			'Give for_visitor (a shopper, who is kept from seeing it) or for_person (a name) with kind gift.');
	ELSIF (shown = 'link') <> ($9 IS NOT NULL) THEN
		PERFORM influence_internal.raise_invalid('a list that is shown by a link, and no other, has a token', NULL,
			'Give visibility link and a random token together.');
	ELSIF $1 <> 'creator' AND num_nonnulls($10, $11) > 0 THEN
		PERFORM influence_internal.raise_invalid('a shopper''s list has no program and no agency', NULL, 'Leave out program_id and agent_id.');
	END IF;
	IF $7 IS NOT NULL THEN
		PERFORM influence_internal.require_key('for_person', $7);
		PERFORM influence_internal.require_plain_text('for_person', $7, 200);
	END IF;
	IF $8 IS NOT NULL THEN
		PERFORM influence_internal.require_shopper($8);
	END IF;
	IF $10 IS NOT NULL THEN
		PERFORM influence_internal.program_facts($10);
	END IF;
	secret := CASE WHEN shown = 'link' THEN influence_internal.token_hash_of($9) END;
	hash := influence_internal.content_hash(jsonb_build_array($4, $5, shown, $7, $8, encode(secret, 'hex'), $10));
	PERFORM influence_internal.lock_key(format('list of %s %s %s', $1, owner, $3));
	SELECT l.list_id, l.content_hash, l.removed_at INTO known
	  FROM influence.list l WHERE l.owner_kind = $1 AND l.owner_id = owner AND l.list_ref = $3;
	IF FOUND THEN
		IF known.content_hash <> hash OR known.removed_at IS NOT NULL THEN
			PERFORM influence_internal.raise_conflict('list', $3);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.list_id;
		RETURN;
	END IF;
	IF $1 = 'creator' THEN
		PERFORM influence_internal.check_actor(owner::bigint, $11);
	END IF;
	INSERT INTO influence.list (owner_kind, owner_id, list_ref, kind, title, visibility, for_person, for_visitor, program_id, token_hash,
								agent_id, content_hash)
	VALUES ($1, owner, $3, $4, $5, shown, $7, $8, $10, secret, $11, hash)
	RETURNING list_id INTO list_id;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_list(text, text, text, text, text, text, text, uuid, text, bigint, bigint) IS
'Opens a list of a creator or a registered shopper (owner_id as text): idea (for everybody to buy from, credited to its owner), wish, shopping, or gift (for for_visitor or a for_person outside). visibility: public, friends, link (to whoever has the token, of which only a hash is kept) or private; default public for ideas, else private. program_id: whose rules about brands and sellers the items of a creator''s list obey. Natural key: owner and list_ref. -> status recorded | duplicate, list_id. IN002, IN003, IN004 (also: a list of that key was removed), IN005 no agency of the creator.';

CREATE FUNCTION influence_internal.update_list(list_id bigint, title text DEFAULT NULL, visibility text DEFAULT NULL, token text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	list influence_internal.list_facts;
	shown text;
	secret bytea;
BEGIN
	PERFORM influence_internal.require_plain_text('title', $2, 200);
	IF $2 = '' THEN
		PERFORM influence_internal.raise_invalid('the title is empty', NULL, 'Give a title of 1 to 200 characters, or NULL to leave it as it is.');
	ELSIF $3 NOT IN ('public', 'friends', 'link', 'private') THEN
		PERFORM influence_internal.raise_invalid(format('visibility "%s" is not known', $3), NULL, 'Use public, friends, link or private.');
	END IF;
	list := influence_internal.lock_list($1);
	shown := coalesce($3, (list).visibility);
	IF $4 IS NOT NULL AND shown <> 'link' OR $4 IS NULL AND shown = 'link' AND (list).visibility <> 'link' THEN
		PERFORM influence_internal.raise_invalid('a list that is shown by a link, and no other, has a token', NULL,
			'Give visibility link and a random token together.');
	END IF;
	secret := CASE WHEN $4 IS NOT NULL THEN influence_internal.token_hash_of($4) WHEN shown = 'link' THEN (list).token_hash END;
	UPDATE influence.list l SET title = coalesce($2, l.title), visibility = shown, token_hash = secret
	 WHERE l.list_id = $1 AND (coalesce($2, l.title), shown, secret) IS DISTINCT FROM (l.title, l.visibility, l.token_hash);
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.update_list(bigint, text, text, text) IS
'Changes a list''s title or who sees it; another token makes the old link useless. NULL leaves a value as it is. -> status recorded | duplicate (nothing changed). IN002, IN003.';

CREATE FUNCTION influence_internal.remove_list(list_id bigint)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.lock_key(format('list %s', $1));
	UPDATE influence.list l SET removed_at = now() WHERE l.list_id = $1 AND l.removed_at IS NULL;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF NOT FOUND AND NOT EXISTS (SELECT FROM influence.list l WHERE l.list_id = $1) THEN
		PERFORM influence_internal.raise_no_list($1);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.remove_list(bigint) IS
'Takes a list away for everybody; what was reserved of it stays with those who reserved it (my_gifts). Its list_ref is used up. -> status recorded | duplicate. IN003.';

CREATE FUNCTION influence_internal.list_creator(list_id bigint)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owner record;
BEGIN
	SELECT l.owner_kind, l.owner_id INTO owner FROM influence.list l WHERE l.list_id = $1 AND l.kind = 'idea';
	IF owner.owner_kind = 'creator' THEN
		RETURN owner.owner_id::bigint;
	ELSIF owner.owner_kind = 'shopper' THEN
		RETURN (SELECT min(c.creator_id) FROM influence.creator c
				 WHERE c.visitor_id = ANY (influence_internal.person_visitors(owner.owner_id::uuid)) AND c.kind = 'customer');
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION influence_internal.list_creator(bigint) IS
'Who is credited for what is bought from a list: the creator who owns an idea list, or the creator of kind customer that the shopper who owns it is; NULL for other lists.';

/*
 * follows.sql
 *
 * What shoppers want to see and what not: follows of creators and topics, blocks
 * in either direction, mutes. State that a repeated call leaves as it is.
 */
CREATE FUNCTION influence_internal.follow_target(creator_id bigint, topic text, OUT target_kind text, OUT target_id bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF num_nonnulls($1, $2) <> 1 THEN
		PERFORM influence_internal.raise_invalid('a target is one creator or one topic', NULL, 'Give either creator_id or topic.');
	ELSIF $1 IS NOT NULL THEN
		PERFORM influence_internal.require_creator($1);
		target_kind := 'creator';
		target_id := $1;
	ELSE
		SELECT t.topic_id INTO target_id FROM influence.topic t WHERE t.name = $2;
		IF NOT FOUND THEN
			PERFORM influence_internal.raise_unknown('topic', $2, 'Create it with influence.create_topic(name).');
		END IF;
		target_kind := 'topic';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.follow_target(bigint, text) IS 'What a follow or mute points at, checked; IN002, IN003.';

CREATE FUNCTION influence_internal.follow(visitor_id uuid, creator_id bigint DEFAULT NULL, topic text DEFAULT NULL,
	since timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	target record;
BEGIN
	PERFORM influence_internal.require_shopper($1);
	PERFORM influence_internal.require_begin('since', $4);
	SELECT * INTO target FROM influence_internal.follow_target($2, $3);
	IF NOT EXISTS (SELECT FROM influence.follow f
					WHERE f.visitor_id = $1 AND f.target_kind = target.target_kind AND f.target_id = target.target_id) THEN
		PERFORM influence_internal.require_capability(NULL, 'follow', $1, $4, NULL, NULL);
	END IF;
	INSERT INTO influence.follow (visitor_id, target_kind, target_id, since)
	VALUES ($1, target.target_kind, target.target_id, $4)
	ON CONFLICT DO NOTHING;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF target.target_kind = 'creator' THEN
		INSERT INTO influence.follower (creator_id, visitor_id, since) VALUES ($2, $1, $4) ON CONFLICT DO NOTHING;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.follow(uuid, bigint, text, timestamptz) IS
'A shopper follows a creator or a topic. -> status recorded | duplicate. IN002, IN003, IN005 a capability.';

CREATE FUNCTION influence_internal.unfollow(visitor_id uuid, creator_id bigint DEFAULT NULL, topic text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	target record;
	-- the feed shows what any of them follows
	people uuid[];
BEGIN
	PERFORM influence_internal.require_shopper($1);
	SELECT * INTO target FROM influence_internal.follow_target($2, $3);
	people := influence_internal.person_visitors($1);
	DELETE FROM influence.follow f
	 WHERE f.visitor_id = ANY (people) AND f.target_kind = target.target_kind AND f.target_id = target.target_id;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	DELETE FROM influence.follower f
	 WHERE target.target_kind = 'creator' AND f.creator_id = $2 AND f.visitor_id = ANY (people);
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.unfollow(uuid, bigint, text) IS
'A shopper no longer follows a creator or a topic. -> status recorded | duplicate (did not follow). IN002, IN003.';

CREATE FUNCTION influence_internal.block(visitor_id uuid, creator_id bigint, direction text DEFAULT 'by_shopper',
	blocked boolean DEFAULT true)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_arguments('visitor_id', $1::text, 'blocked', $4::text);
	PERFORM influence_internal.require_creator($2);
	IF $3 IS NULL OR $3 NOT IN ('by_shopper', 'by_creator') THEN
		PERFORM influence_internal.raise_invalid(format('direction "%s" is not known', $3), NULL, 'Use by_shopper or by_creator.');
	ELSIF $4 THEN
		INSERT INTO influence.block (visitor_id, creator_id, direction) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;
	ELSE
		DELETE FROM influence.block b WHERE b.visitor_id = ANY (influence_internal.person_visitors($1)) AND b.creator_id = $2 AND b.direction = $3;
	END IF;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.block(uuid, bigint, text, boolean) IS
'Blocks (or with blocked => false unblocks) between a shopper and a creator, by either side; a block in either direction hides the creator''s posts, and what is said about them, from the shopper under all its visitors. -> status recorded | duplicate. IN002, IN003.';

CREATE FUNCTION influence_internal.mute(visitor_id uuid, creator_id bigint DEFAULT NULL, topic text DEFAULT NULL,
	until timestamptz DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	target record;
BEGIN
	PERFORM influence_internal.require_shopper($1);
	SELECT * INTO target FROM influence_internal.follow_target($2, $3);
	IF $4 = '-infinity' THEN
		PERFORM influence_internal.raise_invalid('a mute does not end before it begins', NULL, 'Leave out until, or call influence.unmute(...).');
	END IF;
	INSERT INTO influence.mute AS m (visitor_id, target_kind, target_id, until)
	VALUES ($1, target.target_kind, target.target_id, nullif($4, 'infinity'))
	ON CONFLICT ON CONSTRAINT mute_pkey DO UPDATE SET until = excluded.until
	 WHERE m.until IS DISTINCT FROM excluded.until;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.mute(uuid, bigint, text, timestamptz) IS
'Hides a creator or a topic from a shopper''s feed until before a moment (NULL = until unmute()); nobody else notices, and a follow stays. Said again, the until of the last call holds. -> status recorded | duplicate. IN002, IN003.';

CREATE FUNCTION influence_internal.unmute(visitor_id uuid, creator_id bigint DEFAULT NULL, topic text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	target record;
BEGIN
	PERFORM influence_internal.require_shopper($1);
	SELECT * INTO target FROM influence_internal.follow_target($2, $3);
	DELETE FROM influence.mute m
	 WHERE m.visitor_id = ANY (influence_internal.person_visitors($1)) AND m.target_kind = target.target_kind AND m.target_id = target.target_id;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.unmute(uuid, bigint, text) IS
'Shows a muted creator or topic again. -> status recorded | duplicate (was not muted). IN002, IN003.';

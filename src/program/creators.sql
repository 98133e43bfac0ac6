/*
 * creators.sql
 *
 * Creators with their channels. What is measured of the channels is in
 * src/engagement, admission to a program in src/admission, status and strikes in
 * src/agreements, their pages in src/storefront.
 */
CREATE FUNCTION influence_internal.require_creator(creator_id bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM influence.creator c WHERE c.creator_id = require_creator.creator_id) THEN
		PERFORM influence_internal.raise_unknown('creator', require_creator.creator_id::text,
			'Register it with influence.register_creator(creator_ref, name).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_creator(bigint) IS 'Raises IN003 unless the creator exists.';

CREATE FUNCTION influence_internal.register_creator(creator_ref text, name text, kind text DEFAULT 'person',
	country text DEFAULT NULL, residence text DEFAULT NULL, vertical text DEFAULT '', agency_of bigint[] DEFAULT '{}',
	visitor_id uuid DEFAULT NULL)
RETURNS TABLE (status text, creator_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea;
	known record;
	account bigint;
BEGIN
	PERFORM influence_internal.require_key('creator_ref', register_creator.creator_ref);
	PERFORM influence_internal.require_key('name', register_creator.name);
	IF register_creator.kind IS NULL OR register_creator.kind NOT IN ('person', 'brand', 'customer', 'agency') THEN
		PERFORM influence_internal.raise_invalid(format('creator kind "%s" is not known', register_creator.kind), NULL,
			'Use person, brand, customer or agency.');
	END IF;
	PERFORM influence_internal.require_country('country', register_creator.country);
	PERFORM influence_internal.require_country('residence', register_creator.residence);
	FOREACH account IN ARRAY coalesce(register_creator.agency_of, '{}') LOOP
		PERFORM influence_internal.require_creator(account);
	END LOOP;
	hash := influence_internal.content_hash(jsonb_build_array(register_creator.name, register_creator.kind,
		register_creator.country, register_creator.residence, register_creator.vertical, register_creator.agency_of,
		register_creator.visitor_id));
	PERFORM influence_internal.lock_key('creator ' || register_creator.creator_ref);
	SELECT c.creator_id, c.content_hash INTO known FROM influence.creator c WHERE c.creator_ref = register_creator.creator_ref;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('creator', register_creator.creator_ref);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.creator_id;
		RETURN;
	END IF;
	INSERT INTO influence.party (kind) VALUES ('creator') RETURNING party_id INTO creator_id;
	INSERT INTO influence.creator (creator_id, creator_ref, kind, name, country, residence, vertical, agency_of, visitor_id,
								   content_hash)
	VALUES (creator_id, register_creator.creator_ref, register_creator.kind, register_creator.name,
			register_creator.country, register_creator.residence, coalesce(register_creator.vertical, ''),
			coalesce(register_creator.agency_of, '{}'), register_creator.visitor_id, hash);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.register_creator(text, text, text, text, text, text, bigint[], uuid) IS
'Registers a creator (person, brand, customer or agency acting for other creators); visitor_id is its own shopping identity, so that its own purchases are not credited to it. Natural key: creator_ref. -> status recorded | duplicate, creator_id. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.add_channel(creator_id bigint, platform text, handle text, verified boolean DEFAULT false)
RETURNS TABLE (status text, channel_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known_at timestamptz;
	known record;
BEGIN
	PERFORM influence_internal.require_remembered(add_channel.creator_id);
	PERFORM influence_internal.require_key('handle', add_channel.handle);
	PERFORM influence_internal.require_arguments('verified', add_channel.verified::text);
	IF NOT EXISTS (SELECT FROM influence.platform p WHERE p.platform = add_channel.platform) THEN
		PERFORM influence_internal.raise_unknown('platform', add_channel.platform,
			(SELECT 'Known: ' || string_agg(p.platform, ', ' ORDER BY p.platform)
					|| '; add a row to influence.platform for another.' FROM influence.platform p));
	END IF;
	known_at := influence_internal.creator_fact_time(add_channel.creator_id);
	INSERT INTO influence.channel (creator_id, platform, handle, verified, created_at)
	VALUES (add_channel.creator_id, add_channel.platform, add_channel.handle, add_channel.verified, known_at)
	ON CONFLICT DO NOTHING
	RETURNING channel_id INTO channel_id;
	status := 'recorded';
	IF channel_id IS NULL THEN
		SELECT c.creator_id, c.channel_id, c.verified INTO known
		  FROM influence.channel c
		 WHERE c.platform = add_channel.platform AND c.handle = add_channel.handle;
		IF known.creator_id <> add_channel.creator_id OR known.verified <> add_channel.verified THEN
			PERFORM influence_internal.raise_conflict('channel', add_channel.platform || '/' || add_channel.handle);
		END IF;
		status := 'duplicate';
		channel_id := known.channel_id;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.add_channel(bigint, text, text, boolean) IS
'Adds a creator''s account on a platform. Natural key: platform and handle, which belong to one creator. -> status recorded | duplicate, channel_id. IN003 unknown creator or platform, IN004 the handle belongs to another creator.';

/*
 * facts.sql
 *
 * What decisions about a creator know. A fact has a time from which it holds
 * (since, measured_at, scored_at) and one at which it was told (recorded_at);
 * facts are only added, so what was known at a moment can be asked again later
 * (two times for each fact: Snodgrass, Developing Time-Oriented Database
 * Applications in SQL, 2000, ch. 10).
 *
 * recorded_at alone does not say what a decision saw: a row that was stamped
 * before the decision may be committed after it (COPY takes none of our locks).
 * So a decision keeps its snapshot, too, and each fact the transaction that
 * wrote it. The time remains necessary: it orders facts within the decision's
 * own transaction, and those of a cluster that the tables were moved to, where
 * transaction ids begin anew.
 */
CREATE FUNCTION influence_internal.was_known(recorded_at timestamptz, xact xid8, known_at timestamptz, seen pg_snapshot)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	-- qualified instead of a search_path of its own, which would keep it from being inlined
	SELECT coalesce(recorded_at OPERATOR(pg_catalog.<=) known_at, true)
		   AND (seen IS NULL OR pg_catalog.pg_visible_in_snapshot(xact, seen))
$$;
COMMENT ON FUNCTION influence_internal.was_known(timestamptz, xid8, timestamptz, pg_snapshot) IS
'Whether a row that was recorded by a transaction was known at a moment (NULL: now) in a snapshot (NULL: whichever).';

CREATE FUNCTION influence_internal.seen_snapshot()
RETURNS pg_snapshot
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a transaction sees what it wrote, but its own id may be beyond its snapshot: move the end there,
	-- and count whoever is between them as running
	SELECT CASE WHEN n.own < n.xmax OR n.own IS NULL THEN n.snap
				ELSE format('%s:%s:%s', pg_snapshot_xmin(n.snap), n.own + 1,
							(SELECT string_agg(x.id::text, ',' ORDER BY x.id)
							   FROM (SELECT r::text::numeric AS id FROM pg_snapshot_xip(n.snap) r
									 UNION ALL
									 SELECT generate_series(n.xmax, n.own - 1)) x))::pg_snapshot
		   END
	  FROM (SELECT s.snap, pg_snapshot_xmax(s.snap)::text::numeric AS xmax,
				   pg_current_xact_id_if_assigned()::text::numeric AS own
			  FROM pg_current_snapshot() AS s(snap)) n
$$;
COMMENT ON FUNCTION influence_internal.seen_snapshot() IS
'What the statement that asks sees: its snapshot, in which its own transaction counts as done.';

CREATE FUNCTION influence_internal.creator_fact_time(creator_id bigint)
RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.lock_key('creator facts ' || creator_fact_time.creator_id);
	-- a clock that was put back, or two calls within a microsecond: never as if a decision had known it
	RETURN (SELECT greatest(clock_timestamp(), max(a.known_at) + interval '1 microsecond')
			  FROM influence.application a WHERE a.creator_id = creator_fact_time.creator_id);
END
$$;
COMMENT ON FUNCTION influence_internal.creator_fact_time(bigint) IS
'The time at which a fact about a creator becomes known: the clock, read under the lock that decisions about the creator take, too, and later than any of these. Writers of such facts stamp them with it. IN005 in REPEATABLE READ and SERIALIZABLE.';

CREATE FUNCTION influence_internal.creator_at(creator_ids bigint[], at timestamptz, known_at timestamptz DEFAULT NULL,
	seen pg_snapshot DEFAULT NULL)
RETURNS TABLE (creator_id bigint, country text, vertical text)
LANGUAGE plpgsql STABLE
-- for all of them joins have to be made for many; for one, any will do
ROWS 100000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF $1 IS NULL THEN
		RETURN QUERY
		SELECT c.creator_id, CASE WHEN p.creator_id IS NULL THEN c.country ELSE p.country END, coalesce(p.vertical, c.vertical)
		  FROM influence.creator c
		  LEFT JOIN (SELECT DISTINCT ON (x.creator_id) x.creator_id, x.country, x.vertical
					   FROM influence.creator_profile x
					  WHERE x.since <= $2 AND influence_internal.was_known(x.recorded_at, x.xact, $3, $4)
					  ORDER BY x.creator_id, x.since DESC) p ON p.creator_id = c.creator_id;
	ELSE
		RETURN QUERY
		SELECT c.creator_id, CASE WHEN p.creator_id IS NULL THEN c.country ELSE p.country END, coalesce(p.vertical, c.vertical)
		  FROM influence.creator c
		  LEFT JOIN LATERAL (SELECT x.creator_id, x.country, x.vertical
							   FROM influence.creator_profile x
							  WHERE x.creator_id = c.creator_id AND x.since <= $2
								AND influence_internal.was_known(x.recorded_at, x.xact, $3, $4)
							  ORDER BY x.since DESC LIMIT 1) p ON true
		 WHERE c.creator_id = ANY ($1);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.creator_at(bigint[], timestamptz, timestamptz, pg_snapshot) IS
'Country and vertical of creators (NULL: of all) at a moment, as was known at another (NULL: as is known now) in a snapshot.';

CREATE FUNCTION influence_internal.channels_at(creator_ids bigint[], at timestamptz, known_at timestamptz DEFAULT NULL,
	seen pg_snapshot DEFAULT NULL)
RETURNS TABLE (creator_id bigint, channel_id bigint, platform text, verified boolean)
LANGUAGE plpgsql STABLE
-- for all of them joins have to be made for many; for one, any will do
ROWS 100000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF $1 IS NULL THEN
		RETURN QUERY
		SELECT c.creator_id, c.channel_id, c.platform, coalesce(v.verified, c.verified)
		  FROM influence.channel c
		  LEFT JOIN (SELECT DISTINCT ON (x.creator_id, x.channel_id) x.creator_id, x.channel_id, x.verified
					   FROM influence.channel_verification x
					  WHERE x.since <= $2 AND influence_internal.was_known(x.recorded_at, x.xact, $3, $4)
					  ORDER BY x.creator_id, x.channel_id, x.since DESC) v
			ON v.creator_id = c.creator_id AND v.channel_id = c.channel_id
		 WHERE influence_internal.was_known(c.created_at, c.xact, $3, $4);
	ELSE
		RETURN QUERY
		SELECT c.creator_id, c.channel_id, c.platform, coalesce(v.verified, c.verified)
		  FROM influence.channel c
		  LEFT JOIN LATERAL (SELECT x.verified
							   FROM influence.channel_verification x
							  WHERE x.creator_id = c.creator_id AND x.channel_id = c.channel_id AND x.since <= $2
								AND influence_internal.was_known(x.recorded_at, x.xact, $3, $4)
							  ORDER BY x.since DESC LIMIT 1) v ON true
		 WHERE c.creator_id = ANY ($1) AND influence_internal.was_known(c.created_at, c.xact, $3, $4);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.channels_at(bigint[], timestamptz, timestamptz, pg_snapshot) IS
'The channels of creators (NULL: of all) with whether each was verified at a moment, as was known at another (NULL: as is known now) in a snapshot. A channel counts at every moment, once it is known: since when somebody has an account, nobody says.';

CREATE FUNCTION influence_internal.update_creator(creator_id bigint, country text, vertical text,
	since timestamptz DEFAULT now(), actor text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known_at timestamptz;
BEGIN
	PERFORM influence_internal.require_remembered($1);
	PERFORM influence_internal.require_country('country', $2);
	PERFORM influence_internal.require_arguments('vertical', $3, 'since', $4::text, 'actor', $5);
	PERFORM influence_internal.require_finite('since', $4);
	known_at := influence_internal.creator_fact_time($1);
	INSERT INTO influence.creator_profile (creator_id, since, country, vertical, actor, recorded_at)
	VALUES ($1, $4, $2, $3, $5, known_at)
	ON CONFLICT ON CONSTRAINT creator_profile_pkey DO NOTHING;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF status = 'duplicate' AND NOT EXISTS (
			SELECT FROM influence.creator_profile p
			 WHERE p.creator_id = $1 AND p.since = $4 AND p.country IS NOT DISTINCT FROM $2 AND p.vertical = $3 AND p.actor = $5) THEN
		PERFORM influence_internal.raise_conflict('profile of creator', format('%s since %s', $1, $4));
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.update_creator(bigint, text, text, timestamptz, text) IS
'Says in which country (ISO 3166-1, NULL = not known) and vertical ('''' = none) a creator is since a moment, and who says so. Both are given, also when one stays. Decisions of before keep what they knew. Natural key: creator and since. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.verify_channel(creator_id bigint, channel_id bigint, verified boolean,
	since timestamptz DEFAULT now(), actor text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known_at timestamptz;
BEGIN
	PERFORM influence_internal.require_arguments('verified', $3::text, 'since', $4::text, 'actor', $5);
	PERFORM influence_internal.require_finite('since', $4);
	IF NOT EXISTS (SELECT FROM influence.channel c WHERE c.creator_id = $1 AND c.channel_id = $2) THEN
		PERFORM influence_internal.raise_unknown('channel', $2::text, 'Add it with influence.add_channel(creator_id, platform, handle).');
	END IF;
	known_at := influence_internal.creator_fact_time($1);
	INSERT INTO influence.channel_verification (creator_id, channel_id, since, verified, actor, recorded_at)
	VALUES ($1, $2, $4, $3, $5, known_at)
	ON CONFLICT ON CONSTRAINT channel_verification_pkey DO NOTHING;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF status = 'duplicate' AND NOT EXISTS (
			SELECT FROM influence.channel_verification v
			 WHERE v.creator_id = $1 AND v.channel_id = $2 AND v.since = $4 AND v.verified = $3 AND v.actor = $5) THEN
		PERFORM influence_internal.raise_conflict('verification of channel', format('%s since %s', $2, $4));
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.verify_channel(bigint, bigint, boolean, timestamptz, text) IS
'Says whether a channel was found to be the creator''s own, since a moment, and who says so. Natural key: channel and since. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.record_quality_score(creator_id bigint, score_ref text, score numeric, source text,
	scored_at timestamptz DEFAULT NULL, note text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea;
	known_at timestamptz;
BEGIN
	PERFORM influence_internal.require_remembered($1);
	PERFORM influence_internal.require_key('score_ref', $2);
	PERFORM influence_internal.require_key('source', $4);
	PERFORM influence_internal.require_arguments('score', $3::text);
	PERFORM influence_internal.require_event_time('scored_at', $5);
	IF $3 NOT BETWEEN 0 AND 1 THEN
		PERFORM influence_internal.raise_invalid('score is not between 0 and 1', format('Value: %s.', $3),
			'Give 0 for the worst and 1 for the best content.');
	END IF;
	hash := influence_internal.content_hash(jsonb_build_array(trim_scale($3), $4, $5, $6));
	known_at := influence_internal.creator_fact_time($1);
	INSERT INTO influence.quality_score (creator_id, score_ref, scored_at, score, source, note, content_hash, recorded_at)
	VALUES ($1, $2, coalesce($5, now()), $3, $4, $6, hash, known_at)
	ON CONFLICT ON CONSTRAINT quality_score_pkey DO NOTHING;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF status = 'duplicate' AND NOT EXISTS (
			SELECT FROM influence.quality_score q WHERE q.creator_id = $1 AND q.score_ref = $2 AND q.content_hash = hash) THEN
		PERFORM influence_internal.raise_conflict('quality score', $2);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_quality_score(bigint, text, numeric, text, timestamptz, text) IS
'Records how good a creator''s content is, from 0 to 1, by a person or a model (source); admission rules can ask for it as metric quality. The latest score at a moment holds; scored_at NULL = now. Natural key: creator and score_ref. -> status recorded | duplicate. IN002, IN003, IN004.';

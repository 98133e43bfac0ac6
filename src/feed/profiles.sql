/*
 * profiles.sql
 *
 * The weights of the feed's score: named profiles in versions, and which of them
 * is used where, when and for whom. A profile is data: it is tried on a share of
 * the viewers (an experiment) before it is assigned to all.
 */
CREATE FUNCTION influence.feed_features()
RETURNS TABLE (ordinal int, name text, meaning text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	-- FeedFeature in feed_features.h
	VALUES (1, 'bias', '1: keeps ordinary scores above zero'),
		   (2, 'follow', '1 when the viewer follows the creator'),
		   (3, 'interest', 'log2(1 + weight of the topic for the viewer), 0 .. 40'),
		   (4, 'quality', 'log2 of the decayed engagement as of now, -40 .. 40'),
		   (5, 'neighbor', 'log2(1 + 100 x similarity to the recent history), 0 .. 40'),
		   (6, 'affinity', 'log2(1 + decayed engagement with the creator), 0 .. 40'),
		   (7, 'engagement', 'log2(shrunk engagement per impression / the program''s), -8 .. 8'),
		   (8, 'sales', 'log2(shrunk revenue per impression / the program''s), -8 .. 8'),
		   (9, 'freshness', '2^(-age / half-life), 0 .. 1'),
		   (10, 'price_fit', '-|log2(price / the viewer''s usual price)|, -8 .. 0'),
		   (11, 'fatigue', '-log2(1 + decayed impressions of the creator + twice those of the post), -40 .. 0'),
		   (12, 'exploration', 'a draw by viewer, day and post, 0 .. 1; for explored candidates'),
		   (13, 'format', 'log2(shrunk share of the post''s format in what the viewer engaged with / in what everybody did), -3 .. 3'),
		   (14, 'sound', 'log2(1 + decayed engagement with posts of the same sound), 0 .. 40')
$$;
COMMENT ON FUNCTION influence.feed_features() IS
'The features of the feed''s score in the order of weights and features arrays: score = sum of weight x feature, in log2 space (a unit more is twice as much); above zero times the dampening by negative feedback.';

CREATE FUNCTION influence_internal.feed_weights(weights jsonb)
RETURNS float8[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	wrong text;
BEGIN
	PERFORM influence_internal.check_keys($1, (SELECT array_agg(f.name ORDER BY f.ordinal) FROM influence.feed_features() f), 'weights');
	-- a number in JSON is finite, and no weight in log2 space is that large
	SELECT format('%s: %s', w.key, w.value) INTO wrong
	  FROM jsonb_each($1) w
	 WHERE CASE WHEN jsonb_typeof(w.value) = 'number' THEN abs((w.value #>> '{}')::numeric) > 1000 ELSE true END
	 ORDER BY w.key LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_invalid('a weight is no number between -1000 and 1000', wrong, 'Give for instance {"follow": 3, "interest": 1.5}.');
	ELSIF $1 = '{}' THEN
		PERFORM influence_internal.raise_invalid('there are no weights', NULL, 'Give for instance {"follow": 3, "interest": 1.5}; SELECT * FROM influence.feed_features() lists the names.');
	END IF;
	RETURN (SELECT array_agg(coalesce(($1 ->> f.name)::float8, 0) ORDER BY f.ordinal) FROM influence.feed_features() f);
END
$$;
COMMENT ON FUNCTION influence_internal.feed_weights(jsonb) IS 'Weights by name as an array in the order of feed_features(), 0 where none is given; IN002 for unknown names and what is no number.';

CREATE FUNCTION influence_internal.create_feed_profile(profile text, weights jsonb, note text DEFAULT NULL)
RETURNS TABLE (status text, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted float8[];
	newest record;
BEGIN
	IF $1 IS NULL OR $1 !~ '^[a-z0-9_.-]{1,100}$' THEN
		PERFORM influence_internal.raise_invalid(format('profile "%s" is not a name', $1), NULL,
			'Use 1 to 100 lower-case letters, digits, dots, dashes and underscores.');
	END IF;
	wanted := influence_internal.feed_weights($2);
	PERFORM influence_internal.lock_key('feed profile ' || $1);
	SELECT p.version, p.weights INTO newest FROM influence.feed_profile p WHERE p.profile = $1 ORDER BY p.version DESC LIMIT 1;
	IF newest.weights = wanted THEN
		RETURN QUERY SELECT 'duplicate', newest.version;
		RETURN;
	END IF;
	INSERT INTO influence.feed_profile AS p (profile, version, weights, note)
	VALUES ($1, coalesce(newest.version, 0) + 1, wanted, $3)
	RETURNING p.version INTO version;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_feed_profile(text, jsonb, text) IS
'A new version of a profile of the feed''s score: weights by name as {"follow": 3, "interest": 1.5, ...} (names of feed_features(), what is not named is 0, between -1000 and 1000). Weights as those of its newest version are a duplicate, whatever the note. Nothing uses a version until it is assigned, except the newest version of the profile "standard", which is used where none is. -> status recorded | duplicate, version. IN002.';

CREATE FUNCTION influence_internal.require_profile(profile text, version int)
RETURNS int
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	found_version int;
BEGIN
	SELECT p.version INTO found_version FROM influence.feed_profile p
	 WHERE p.profile = $1 AND p.version = coalesce($2, p.version)
	 ORDER BY p.version DESC LIMIT 1;
	IF found_version IS NULL THEN
		PERFORM influence_internal.raise_unknown(concat('version ' || $2 || ' of ', 'feed profile'), $1, 'Make it with influence.create_feed_profile(...).');
	END IF;
	RETURN found_version;
END
$$;
COMMENT ON FUNCTION influence_internal.require_profile(text, int) IS 'The version of a profile (NULL = the newest); IN003 when there is none.';

CREATE FUNCTION influence_internal.assign_feed_profile(program_id bigint, profile text, version int DEFAULT NULL, surface text DEFAULT '',
	experiment text DEFAULT '', variant text DEFAULT '', share numeric DEFAULT 1, valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text, assignment_id bigint, version_assigned int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- 0 and '' are everywhere and any in the table's keys
	program bigint := coalesce($1, 0);
	place text := coalesce($4, '');
	parts int;
	taken int;
	next_from timestamptz;
	known record;
BEGIN
	IF $1 IS NOT NULL THEN
		PERFORM influence_internal.program_facts($1);
	END IF;
	PERFORM influence_internal.require_arguments('profile', $2, 'experiment', $5, 'variant', $6, 'share', $7::text);
	PERFORM influence_internal.require_begin('valid_from', $8);
	IF NOT ($7 > 0 AND $7 <= 1 AND $7 * 10000 = trunc($7 * 10000)) THEN
		PERFORM influence_internal.raise_invalid('a share is no part of the viewers', format('share: %s', $7), 'Give a number above 0 and at most 1, with four decimals at most: 0.05 for one viewer in twenty.');
	ELSIF ($5 = '') <> ($6 = '') OR ($5 = '' AND $7 <> 1) THEN
		PERFORM influence_internal.raise_invalid('experiment, variant and share go together', format('experiment "%s", variant "%s", share %s', $5, $6, $7),
			'Give experiment and variant for a share of the viewers, and none of the three for all of them.');
	END IF;
	parts := $7 * 10000;
	PERFORM influence_internal.lock_key(format('feed assignment %s/%s', program, place));
	version_assigned := influence_internal.require_profile($2, $3);

	-- what holds at that moment
	SELECT a.assignment_id, a.profile, a.version, a.share, lower(a.valid) AS begins INTO known
	  FROM influence.feed_assignment a
	 WHERE a.program_id = program AND a.surface = place AND a.experiment = $5 AND a.variant = $6 AND a.valid @> $8;
	IF (known.profile, known.version, known.share) = ($2, version_assigned, parts) THEN
		RETURN QUERY SELECT 'duplicate', known.assignment_id, version_assigned;
		RETURN;
	ELSIF known.begins = $8 THEN
		PERFORM influence_internal.raise_conflict('feed assignment', format('%s at %s', known.assignment_id, $8));
	ELSIF known.assignment_id IS NOT NULL AND $5 <> '' THEN
		-- another share, or another place in the order, would deal the viewers out anew
		PERFORM influence_internal.raise_refused(format('variant "%s" of experiment "%s" is assigned already', $6, $5),
			format('Assignment %s: profile %s, version %s, share %s.', known.assignment_id, known.profile, known.version, known.share / 10000.0),
			format('End it with influence.end_feed_assignment(%s), or give the experiment a new name.', known.assignment_id));
	END IF;
	SELECT sum(a.share) INTO taken FROM influence.feed_assignment a
	 WHERE a.program_id = program AND a.surface = place AND a.experiment = $5 AND a.valid && tstzrange($8, NULL) AND $5 <> '';
	IF taken + parts > 10000 THEN
		PERFORM influence_internal.raise_refused(format('the shares of experiment "%s" are more than all viewers', $5),
			format('Assigned from %s on: %s, and %s more.', $8, taken / 10000.0, parts / 10000.0), 'Give a smaller share, or end another variant first.');
	END IF;

	SELECT min(lower(a.valid)) INTO next_from FROM influence.feed_assignment a
	 WHERE a.program_id = program AND a.surface = place AND a.experiment = $5 AND a.variant = $6 AND lower(a.valid) > $8;
	UPDATE influence.feed_assignment a SET valid = tstzrange(lower(a.valid), $8) WHERE a.assignment_id = known.assignment_id;
	INSERT INTO influence.feed_assignment AS a (program_id, surface, experiment, variant, share, profile, version, valid)
	VALUES (program, place, $5, $6, parts, $2, version_assigned, tstzrange($8, next_from))
	RETURNING a.assignment_id INTO assignment_id;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.assign_feed_profile(bigint, text, int, text, text, text, numeric, timestamptz) IS
'From valid_from on the feed of a program (NULL = every program that has none of its own) on a surface ('''' = any that has none) uses a version of a profile (NULL = the newest now), for all viewers, or for a share of them (0..1, four decimals) as a variant of an experiment. A person belongs to the variant in whose part the hash of person and experiment lies; parts are dealt out in the order of assignment_id. Without experiment it follows the assignment before it; a variant that holds is ended first (IN005). Natural key: program, surface, experiment, variant and valid_from; what holds already is a duplicate. -> status recorded | duplicate, assignment_id, version_assigned. IN002, IN003, IN004, IN005 (also shares above 1).';

CREATE FUNCTION influence_internal.end_feed_assignment(assignment_id bigint, ended_at timestamptz DEFAULT NULL)
RETURNS TABLE (status text, ended timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known influence.feed_assignment;
BEGIN
	PERFORM influence_internal.require_finite('ended_at', $2);
	SELECT a.* INTO known FROM influence.feed_assignment a WHERE a.assignment_id = $1 FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('feed assignment', $1::text, 'See influence.feed_assignment for those that are there.');
	END IF;
	ended := coalesce($2, now());
	IF isempty(known.valid) OR upper(known.valid) = ended OR ($2 IS NULL AND upper(known.valid) < ended) THEN
		RETURN QUERY SELECT 'duplicate', upper(known.valid);
		RETURN;
	ELSIF upper(known.valid) < ended THEN
		PERFORM influence_internal.raise_conflict('end of feed assignment', $1::text);
	END IF;
	-- one that has not begun never holds
	UPDATE influence.feed_assignment a
	   SET valid = CASE WHEN ended > lower(a.valid) THEN tstzrange(lower(a.valid), ended) ELSE 'empty' END
	 WHERE a.assignment_id = $1;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.end_feed_assignment(bigint, timestamptz) IS
'Ends an assignment at a moment (NULL = now); one that has not begun by then never holds. What follows is the more general assignment, at last the profile "standard". Sessions that have begun keep their profile. -> status recorded | duplicate (it has ended), ended (NULL: it never held). IN002, IN003, IN004 it ended before that moment.';

CREATE FUNCTION influence_internal.feed_profile_at(program_id bigint, surface text, viewer_id uuid, at timestamptz)
RETURNS TABLE (profile_id bigint, profile text, version int, weights float8[], assignment_id bigint, experiment text, variant text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	chosen influence.feed_assignment;
	person uuid;
BEGIN
	IF EXISTS (SELECT FROM influence.feed_assignment a
				WHERE a.program_id IN ($1, 0) AND a.surface IN ($2, '') AND a.experiment <> '' AND a.valid @> $4) THEN
		person := influence_internal.person_of($3);
		SELECT (x.a).* INTO chosen
		  FROM (SELECT a, influence_internal.feed_share(person, a.experiment) AS stands,
					   sum(a.share) OVER (PARTITION BY a.program_id, a.surface, a.experiment ORDER BY a.assignment_id) AS upto,
					   min(a.assignment_id) OVER (PARTITION BY a.program_id, a.surface, a.experiment) AS first
				  FROM influence.feed_assignment a
				 WHERE a.program_id IN ($1, 0) AND a.surface IN ($2, '') AND a.experiment <> '' AND a.valid @> $4) x
		 WHERE x.stands >= x.upto - (x.a).share AND x.stands < x.upto
		 ORDER BY (x.a).program_id = 0, (x.a).surface = '', x.first LIMIT 1;
	END IF;
	IF chosen.assignment_id IS NULL THEN
		SELECT a.* INTO chosen
		  FROM influence.feed_assignment a
		 WHERE a.program_id IN ($1, 0) AND a.surface IN ($2, '') AND a.experiment = '' AND a.valid @> $4
		 ORDER BY a.program_id = 0, a.surface = '' LIMIT 1;
	END IF;
	RETURN QUERY
	SELECT p.profile_id, p.profile, p.version, p.weights, chosen.assignment_id, nullif(chosen.experiment, ''), nullif(chosen.variant, '')
	  FROM influence.feed_profile p
	 WHERE p.profile = coalesce(chosen.profile, 'standard') AND p.version = coalesce(chosen.version, p.version)
	 ORDER BY p.version DESC LIMIT 1;
END
$$;
COMMENT ON FUNCTION influence_internal.feed_profile_at(bigint, text, uuid, timestamptz) IS
'The profile of a viewer''s feed at a moment, one row: the variant of an experiment that the person falls into (of several experiments the most specific, then the one that was assigned first), else the assignment of program and surface, of the program, of the surface, of all; else the newest version of "standard", with assignment_id NULL.';

/*
 * samples.sql
 *
 * Products sent to creators: the parcel, its value, how many posts are owed for
 * it and until when. A post that shows a sampled product has to say that
 * something was got for it (FTC, Guides Concerning the Use of Endorsements, 16
 * CFR 255.5, 2023). How far each is: the view sample_status.
 */
CREATE FUNCTION influence_internal.sample_minimum()
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN coalesce((influence_internal.setting_value('sample_minimum_followers') #>> '{}')::bigint, 0);
END
$$;
COMMENT ON FUNCTION influence_internal.sample_minimum() IS 'How many followers here a creator needs to be sent samples: the setting sample_minimum_followers.';

CREATE FUNCTION influence_internal.send_sample(program_id bigint, creator_id bigint, sample_ref text, product_id bigint, actor text,
	quantity int DEFAULT 1, value bigint DEFAULT 0, currency text DEFAULT NULL, sent_at timestamptz DEFAULT NULL,
	posts_due int DEFAULT 1, due_at timestamptz DEFAULT NULL, note text DEFAULT NULL)
RETURNS TABLE (status text, sample_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea := influence_internal.content_hash(jsonb_build_array($2, $4, $5, $6, $7, $8, $9, $10, $11, $12));
	moment timestamptz := coalesce($9, now());
	program_currency text;
	known record;
	bar text;
	followers bigint;
BEGIN
	SELECT f.currency INTO program_currency FROM influence_internal.program_facts($1) f;
	PERFORM influence_internal.require_remembered($2);
	PERFORM influence_internal.require_key('sample_ref', $3);
	PERFORM influence_internal.require_product($4);
	PERFORM influence_internal.require_key('actor', $5);
	PERFORM influence_internal.require_arguments('quantity', $6::text, 'value', $7::text, 'posts_due', $10::text);
	PERFORM influence_internal.require_event_time('sent_at', $9);
	PERFORM influence_internal.require_finite('due_at', $11);
	PERFORM influence.minor_unit_digits(coalesce($8, program_currency));
	PERFORM influence_internal.lock_key(format('sample %s %s', $1, $3));
	SELECT s.sample_id, s.content_hash INTO known FROM influence.sample s WHERE s.program_id = $1 AND s.sample_ref = $3;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('sample', $3);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.sample_id;
		RETURN;
	END IF;
	-- not before: a retry may come when the posts are due
	IF $6 < 1 OR $7 < 0 OR $10 < 0 THEN
		PERFORM influence_internal.raise_invalid('a number of the sample is not possible', format('quantity: %s, value: %s, posts_due: %s.', $6, $7, $10),
			'Give at least one piece, the value of the parcel in minor units from 0 on, and how many posts are owed, from 0 on.');
	ELSIF $11 <= moment THEN
		PERFORM influence_internal.raise_invalid('the posts are due before the sample is sent', format('sent_at: %s, due_at: %s.', moment, $11),
			'Let due_at be after sent_at, or leave it out where there is no deadline.');
	END IF;
	bar := influence_internal.earning_bar($1, $2, moment);
	IF bar IS NOT NULL THEN
		PERFORM influence_internal.raise_refused(format('creator %s gets no samples in this program', $2), format('Reason: %s.', bar),
			'See influence.sample_eligible(program_id) for those who do.');
	END IF;
	IF influence_internal.sample_minimum() > 0 THEN
		SELECT count(*) INTO followers FROM influence.follower f WHERE f.creator_id = $2 AND f.since <= moment;
		IF followers < influence_internal.sample_minimum() THEN
			PERFORM influence_internal.raise_refused(format('creator %s has too few followers for samples', $2),
				format('Followers: %s, needed: %s.', followers, influence_internal.sample_minimum()),
				'See influence.sample_eligible(program_id); the setting sample_minimum_followers says how many are needed.');
		END IF;
	END IF;
	-- posts of the creator that are being published without disclosure
	PERFORM influence_internal.lock_key('agreements ' || $2);
	INSERT INTO influence.sample (creator_id, program_id, sample_ref, product_id, quantity, value, currency, sent_at, posts_due, due_at,
								  note, actor, content_hash)
	VALUES ($2, $1, $3, $4, $6, $7, coalesce($8, program_currency), moment, $10, $11, $12, $5, hash)
	RETURNING sample_id INTO sample_id;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.send_sample(bigint, bigint, text, bigint, text, int, bigint, text, timestamptz, int, timestamptz, text) IS
'Records a parcel with pieces of a product sent to a creator: value is that of the whole parcel in minor units of currency (NULL = the program''s), posts_due how many posts that tag the product are owed from sent_at (NULL = now) until due_at (NULL = no deadline). The creator is admitted, active, and has the followers that the setting sample_minimum_followers asks for. From then on its posts with the product need a disclosure. Natural key: program and sample_ref. -> status recorded | duplicate, sample_id. IN002, IN003, IN004, IN005 not eligible.';

CREATE FUNCTION influence_internal.return_sample(program_id bigint, sample_ref text, actor text, returned_at timestamptz DEFAULT NULL,
	note text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('sample_ref', $2);
	PERFORM influence_internal.require_key('actor', $3);
	PERFORM influence_internal.require_event_time('returned_at', $4);
	PERFORM influence_internal.lock_key(format('sample %s %s', $1, $2));
	SELECT s.* INTO known FROM influence.sample s WHERE s.program_id = $1 AND s.sample_ref = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('sample', $2, 'Record it with influence.send_sample(...).');
	ELSIF known.returned_at IS NOT NULL THEN
		IF (known.returned_to, known.return_note, coalesce($4, known.returned_at)) IS DISTINCT FROM ($3, $5, known.returned_at) THEN
			PERFORM influence_internal.raise_conflict('return of sample', $2);
		END IF;
		RETURN QUERY SELECT 'duplicate';
		RETURN;
	ELSIF coalesce($4, now()) < known.sent_at THEN
		PERFORM influence_internal.raise_invalid('the sample came back before it was sent', format('Sent %s.', known.sent_at),
			'Give the moment when it came back.');
	END IF;
	UPDATE influence.sample s SET returned_at = coalesce($4, now()), returned_to = $3, return_note = $5
	 WHERE s.creator_id = known.creator_id AND s.sample_id = known.sample_id;
	RETURN QUERY SELECT 'recorded';
END
$$;
COMMENT ON FUNCTION influence_internal.return_sample(bigint, text, text, timestamptz, text) IS
'Records that a parcel came back whole (returned_at NULL = now): no post is owed for it any more, and later ones need no disclosure for it. Natural key: program and sample_ref. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.require_disclosure(creator_id bigint, product_ids bigint[], disclosure text, at timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
BEGIN
	IF $3 IS DISTINCT FROM 'none' THEN
		RETURN;
	END IF;
	PERFORM influence_internal.lock_key('agreements ' || $1);
	SELECT s.product_id, s.sample_ref, s.sent_at INTO known
	  FROM influence.sample s
	 WHERE s.creator_id = $1 AND s.product_id = ANY ($2) AND s.sent_at <= $4 AND (s.returned_at IS NULL OR s.returned_at > $4)
	 ORDER BY s.product_id, s.sent_at, s.sample_id LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_refused(format('product %s was a sample, which has to be disclosed', known.product_id),
			format('Sample "%s" was sent %s.', known.sample_ref, known.sent_at),
			'Publish the post with disclosure => ''gifted'' (or ''affiliate'', ''paid'').');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_disclosure(bigint, bigint[], text, timestamptz) IS
'Raises IN005 for a post with disclosure none that shows a product of which the creator has a sample at that moment, from any program.';

CREATE FUNCTION influence_internal.sample_eligible(program_id bigint, as_of timestamptz DEFAULT now())
RETURNS TABLE (creator_id bigint, name text, followers bigint, samples bigint, overdue bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('as_of', $2::text);
	RETURN QUERY
	SELECT c.creator_id, c.name, f.followers, x.samples, x.overdue
	  FROM (SELECT DISTINCT a.creator_id FROM influence.application a WHERE a.program_id = $1) a
	  JOIN influence.creator c ON c.creator_id = a.creator_id
	 CROSS JOIN LATERAL (SELECT count(*) AS followers FROM influence.follower w
						  WHERE w.creator_id = a.creator_id AND w.since <= $2) f
	 CROSS JOIN LATERAL (SELECT count(*) AS samples, count(*) FILTER (WHERE s.overdue) AS overdue
						   FROM influence.sample_status s
						  WHERE s.creator_id = a.creator_id AND s.program_id = $1 AND s.sent_at <= $2) x
	 WHERE f.followers >= influence_internal.sample_minimum() AND influence_internal.earning_bar($1, a.creator_id, $2) IS NULL
	 ORDER BY x.overdue, f.followers DESC, c.creator_id;
END
$$;
COMMENT ON FUNCTION influence_internal.sample_eligible(bigint, timestamptz) IS
'The creators who may be sent samples in a program at a moment: admitted, active, and with at least as many followers here as the setting sample_minimum_followers says; with the parcels sent to each so far and how many of them wait for posts beyond their deadline now. First those who owe nothing, then by followers. IN003.';

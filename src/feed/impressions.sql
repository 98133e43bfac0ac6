/*
 * impressions.sql
 *
 * record_impressions: what was shown. get_feed writes nothing; with each row it
 * gives a token that holds what replay, learning and charging need, sealed with
 * the program's secret. The service hands the token back when the row was shown,
 * and again when it knows how long it was looked at, or that it was clicked.
 */
CREATE FUNCTION influence_internal.require_impressions(impressions jsonb, viewers uuid[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	allowed text[] := '{impression,shown_at,seen,dwell_ms,clicked,device}';
	item record;
BEGIN
	PERFORM influence_internal.require_array($1, 'impressions');
	IF jsonb_array_length($1) > 500 THEN
		PERFORM influence_internal.raise_invalid('there are too many impressions for one call', format('There are %s.', jsonb_array_length($1)), 'Give 500 at most; a page has 100.');
	END IF;
	PERFORM influence_internal.check_keys(e, allowed, 'an impression') FROM jsonb_array_elements($1) e;
	SELECT e.n, c.viewer_id, c.moment, coalesce((e.told ->> 'shown_at')::timestamptz, c.moment) AS shown_at, (e.told ->> 'dwell_ms')::int AS dwell_ms,
		   octet_length(e.told ->> 'device') AS device_bytes,
		   coalesce(s.sealed AND p.profile_id IS NOT NULL, false) AS sealed
	  INTO item
	  FROM jsonb_array_elements($1) WITH ORDINALITY e(told, n)
	  LEFT JOIN LATERAL influence_internal.impression_content(e.told ->> 'impression') c ON true
	  LEFT JOIN LATERAL (SELECT bool_or(influence_internal.impression_is_sealed(e.told ->> 'impression', k)) AS sealed
						   FROM influence.program_secret x
						  CROSS JOIN LATERAL unnest(ARRAY[x.seal_secret, CASE WHEN now() < x.accepted_until THEN x.seal_secret_before END]) k
						  WHERE x.program_id = c.program_id) s ON true
	  -- sealed and without its profile: this server lost what was written last
	  LEFT JOIN influence.feed_profile p ON p.profile_id = c.profile_id
	 WHERE (s.sealed AND p.profile_id IS NOT NULL AND c.viewer_id = ANY ($2)
			AND coalesce((e.told ->> 'shown_at')::timestamptz, c.moment) >= greatest(c.moment - interval '1 day', influence_internal.kept_from('impression'))
			AND coalesce((e.told ->> 'shown_at')::timestamptz, c.moment) < c.moment + interval '7 days'
			AND coalesce((e.told ->> 'shown_at')::timestamptz, c.moment) BETWEEN '1990-01-01 00:00:00+00' AND clock_timestamp() + interval '1 day'
			AND coalesce((e.told ->> 'dwell_ms')::int, 0) >= 0 AND coalesce(octet_length(e.told ->> 'device'), 0) <= 100) IS NOT TRUE
	 ORDER BY e.n LIMIT 1;
	IF NOT FOUND THEN
		SELECT e.n, c.moment, f.forgotten_on INTO item
		  FROM unnest($2) v(id)
		  JOIN influence.forgotten_key f ON f.key_hash = influence_internal.forgotten_key(v.id)
		 CROSS JOIN jsonb_array_elements($1) WITH ORDINALITY e(told, n)
		 CROSS JOIN LATERAL influence_internal.impression_content(e.told ->> 'impression') c
		 WHERE c.viewer_id = v.id AND c.moment < (f.forgotten_on + 1)::timestamp AT TIME ZONE 'UTC'
		 ORDER BY e.n LIMIT 1;
		IF FOUND THEN
			PERFORM influence_internal.raise_refused('the viewer of an impression was forgotten', format('Item %s of a feed of %s, forgotten on %s (UTC).', item.n, item.moment, item.forgotten_on),
				'Throw the token away: what was shown before influence.forget_shopper() is told no more.');
		END IF;
		RETURN;
	ELSIF NOT item.sealed THEN
		PERFORM influence_internal.raise_invalid('an impression is not one of ours', format('Item %s.', item.n),
			'Give the column impression of get_feed() as it came; after influence.rotate_seal_secret() throw away those that are older than it accepts.');
	ELSIF item.viewer_id <> ALL ($2) THEN
		PERFORM influence_internal.raise_invalid('an impression is another viewer''s', format('Item %s was made for %s.', item.n, item.viewer_id),
			'Give the visitor_id that get_feed() was called with, or say with influence.identify() that they are one person.');
	ELSIF item.dwell_ms < 0 THEN
		PERFORM influence_internal.raise_invalid('a time that somebody looked is negative', format('Item %s: dwell_ms %s.', item.n, item.dwell_ms), 'Give milliseconds from 0.');
	ELSIF item.device_bytes > 100 THEN
		PERFORM influence_internal.raise_invalid('the name of the device is too long', format('Item %s: it has %s bytes.', item.n, item.device_bytes), 'Use at most 100: ios, android, web.');
	ELSE
		PERFORM influence_internal.require_kept('impression', 'shown_at', item.shown_at), influence_internal.require_event_time('shown_at', item.shown_at);
		PERFORM influence_internal.raise_invalid('an impression was not shown at that time', format('Item %s of a feed of %s, shown_at %s.', item.n, item.moment, item.shown_at),
			'Give a moment from a day before the feed was made to seven days after it, or leave it out.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_impressions(jsonb, uuid[]) IS
'Raises IN002 unless each item of an array names a sealed token of one of the viewers, with known keys, a device of at most 100 bytes and a time when it can have been shown; IN005 when what is older was dropped, or the viewer was forgotten since.';

CREATE FUNCTION influence_internal.told_impressions(impressions jsonb)
RETURNS TABLE (impression_id bigint, program_id bigint, viewer_id uuid, moment timestamptz, rank int, post_id bigint, creator_id bigint, score float8,
			   features float8[], dampening float8, propensity float8, profile_id bigint, assignment_id bigint, sources text[],
			   sponsored_campaign_id bigint, disclosure text, intent text, surface text,
			   shown_at timestamptz, seen boolean, dwell_ms int, clicked boolean, device text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT DISTINCT ON (c.impression_id) c.impression_id, c.program_id, c.viewer_id, c.moment, c.rank, c.post_id, c.creator_id, c.score,
		   c.features, c.dampening, c.propensity, c.profile_id, c.assignment_id,
		   CASE WHEN c.topic_id IS NULL THEN c.sources
				ELSE array_replace(c.sources, 'interest', 'interest: ' || coalesce((SELECT t.name FROM influence.topic t WHERE t.topic_id = c.topic_id), c.topic_id::text)) END,
		   c.sponsored_campaign_id, c.disclosure, c.intent, c.surface,
		   coalesce((e.told ->> 'shown_at')::timestamptz, c.moment),
		   -- whoever clicked has seen it
		   bool_or(coalesce((e.told ->> 'seen')::boolean, true) OR coalesce((e.told ->> 'clicked')::boolean, false)) OVER same,
		   max((e.told ->> 'dwell_ms')::int) OVER same, bool_or((e.told ->> 'clicked')::boolean) OVER same, coalesce(e.told ->> 'device', c.device)
	  FROM jsonb_array_elements($1) WITH ORDINALITY e(told, n)
	 CROSS JOIN LATERAL influence_internal.impression_content(e.told ->> 'impression') c
	WINDOW same AS (PARTITION BY c.impression_id)
	 ORDER BY c.impression_id, e.n;
END
$$;
COMMENT ON FUNCTION influence_internal.told_impressions(jsonb) IS
'The items of an array that require_impressions() let through, one row for each impression: what the token says, and what was told of it; of an impression that is told twice the first time and device, whether any says that it was seen or clicked, and the longest dwell_ms.';

CREATE FUNCTION influence_internal.store_impressions(impressions jsonb, viewers uuid[], request_id text)
RETURNS TABLE (impression_id bigint, outcome text, program_id bigint, viewer_id uuid, post_id bigint, shown_at timestamptz,
			   sponsored_campaign_id bigint, seen_now boolean, clicked_now boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	ids bigint[];
	earliest timestamptz;
	latest timestamptz;
BEGIN
	-- bounds that are known before the statement leave few partitions to look into
	SELECT array_agg(t.impression_id), min(t.moment) - interval '1 day', max(t.moment) + interval '7 days' INTO ids, earliest, latest
	  FROM influence_internal.told_impressions($1) t;
	RETURN QUERY
	WITH told AS MATERIALIZED (
		SELECT t.* FROM influence_internal.told_impressions($1) t
	), known AS MATERIALIZED (
		SELECT i.visitor_id, i.shown_at, i.impression_id, i.seen, i.dwell_ms, i.clicked
		  FROM influence.impression i
		 WHERE i.visitor_id = ANY ($2) AND i.shown_at >= earliest AND i.shown_at < latest AND i.impression_id = ANY (ids)
	), filled AS (
		UPDATE influence.impression i
		   SET seen = k.seen OR t.seen, dwell_ms = coalesce(k.dwell_ms, t.dwell_ms), clicked = coalesce(k.clicked OR t.clicked, k.clicked, t.clicked)
		  FROM told t
		  JOIN known k ON k.visitor_id = t.viewer_id AND k.impression_id = t.impression_id
		 WHERE i.visitor_id = k.visitor_id AND i.shown_at = k.shown_at AND i.impression_id = k.impression_id
		   AND ((t.seen AND NOT k.seen) OR (t.dwell_ms IS NOT NULL AND k.dwell_ms IS NULL) OR (t.clicked IS NOT NULL AND k.clicked IS NULL) OR (t.clicked AND NOT k.clicked))
		RETURNING i.impression_id
	), added AS (
		INSERT INTO influence.impression (visitor_id, shown_at, impression_id, program_id, request_id, post_id, creator_id, rank, score, features,
				dampening, profile, profile_version, sources, propensity, sponsored_campaign_id, disclosure, surface, intent, device,
				experiment, variant, seen, dwell_ms, clicked)
		SELECT t.viewer_id, t.shown_at, t.impression_id, t.program_id, $3, t.post_id, t.creator_id, t.rank, t.score, t.features,
			   t.dampening, p.profile, p.version, t.sources, t.propensity, t.sponsored_campaign_id, t.disclosure, t.surface, t.intent, t.device,
			   nullif(a.experiment, ''), nullif(a.variant, ''), t.seen, t.dwell_ms, t.clicked
		  FROM told t
		  JOIN influence.feed_profile p ON p.profile_id = t.profile_id
		  LEFT JOIN influence.feed_assignment a ON a.assignment_id = t.assignment_id
		 WHERE NOT EXISTS (SELECT FROM known k WHERE k.visitor_id = t.viewer_id AND k.impression_id = t.impression_id)
		RETURNING impression_id
	)
	SELECT t.impression_id, CASE WHEN n.impression_id IS NOT NULL THEN 'recorded' WHEN f.impression_id IS NOT NULL THEN 'updated' ELSE 'duplicate' END,
		   t.program_id, t.viewer_id, t.post_id, coalesce(k.shown_at, t.shown_at), t.sponsored_campaign_id,
		   t.seen AND k.seen IS NOT TRUE, t.clicked IS TRUE AND k.clicked IS NOT TRUE
	  FROM told t
	  LEFT JOIN known k ON k.visitor_id = t.viewer_id AND k.impression_id = t.impression_id
	  LEFT JOIN added n ON n.impression_id = t.impression_id
	  LEFT JOIN filled f ON f.impression_id = t.impression_id
	 ORDER BY t.impression_id;
END
$$;
COMMENT ON FUNCTION influence_internal.store_impressions(jsonb, uuid[], text) IS
'Adds impressions to the table, and to those that are there what they lacked (seen, dwell_ms, clicked); says of each in the order of impression_id what became of it (recorded | updated | duplicate) and whether it is seen or clicked only now. The caller holds the person''s lock.';

CREATE FUNCTION influence_internal.record_impressions(visitor_id uuid, impressions jsonb, request_id text DEFAULT NULL)
RETURNS TABLE (status text, recorded int, updated int, duplicates int, impression_ids bigint[])
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- what is told later is free: by then retention may have dropped what says that it was charged, or forgetting renamed it
	charged_within constant interval := '20 days';
	viewers uuid[];
	item record;
	seen_items jsonb := '[]';
BEGIN
	PERFORM influence_internal.require_arguments('visitor_id', $1::text);
	IF length($3) > 200 THEN
		PERFORM influence_internal.raise_invalid('argument "request_id" is too long', format('It has %s characters.', length($3)), 'Give 200 characters at most.');
	END IF;
	PERFORM influence_internal.lock_person($1);
	viewers := influence_internal.person_visitors($1);
	PERFORM influence_internal.require_impressions($2, viewers);
	-- rows that move into their partition are waited for before the snapshot is taken
	LOCK TABLE ONLY influence.impression IN ROW EXCLUSIVE MODE;
	recorded := 0;
	updated := 0;
	FOR item IN SELECT s.* FROM influence_internal.store_impressions($2, viewers, $3) s LOOP
		recorded := recorded + (item.outcome = 'recorded')::int;
		updated := updated + (item.outcome = 'updated')::int;
		IF item.seen_now THEN
			seen_items := seen_items || jsonb_build_object('viewer', item.viewer_id, 'program', item.program_id, 'post', item.post_id, 'at', item.shown_at);
		END IF;
		CONTINUE WHEN item.sponsored_campaign_id IS NULL OR now() >= item.shown_at + charged_within;
		IF item.seen_now THEN
			PERFORM influence_internal.charge_impression(item.sponsored_campaign_id, item.impression_id, item.program_id, item.viewer_id, item.post_id, item.shown_at);
		END IF;
		IF item.clicked_now THEN
			PERFORM influence_internal.charge_click(item.sponsored_campaign_id, item.impression_id, item.program_id, item.viewer_id, item.post_id, item.shown_at);
		END IF;
	END LOOP;
	PERFORM influence_internal.mark_seen(x.viewer, x.program, array_agg(x.post), max(x.at))
	   FROM jsonb_to_recordset(seen_items) x(viewer uuid, program bigint, post bigint, at timestamptz)
	  GROUP BY x.viewer, x.program;
	SELECT coalesce(array_agg(c.impression_id ORDER BY e.n), '{}') INTO impression_ids
	  FROM jsonb_array_elements($2) WITH ORDINALITY e(told, n)
	 CROSS JOIN LATERAL influence_internal.impression_content(e.told ->> 'impression') c;
	duplicates := cardinality(impression_ids) - recorded - updated;
	status := CASE WHEN duplicates > 0 AND recorded + updated = 0 THEN 'duplicate' ELSE 'recorded' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_impressions(uuid, jsonb, text) IS
'Says that rows of get_feed were shown, all or nothing: [{"impression": the row''s token, "shown_at" (missing = the moment of the feed), "seen" (in view; missing = true), "dwell_ms", "clicked", "device" (at most 100 bytes; missing = the one that get_feed was asked for)}], at most 500. The table impression keeps what the token says: rank, score, features, profile, sources, propensity. What is seen goes to the seen filter and is not shown again; a sponsored row that is seen, or clicked, is charged once, if that is reported within 20 days. Natural key: viewer and impression (the same row of the same feed): told again, seen and clicked become true and dwell_ms is filled where it was missing, and nothing else changes. visitor_id is the viewer of the tokens, or the same person. -> status recorded | duplicate, recorded, updated, duplicates, impression_ids (in the order of the items; touches name them). IN002 (a token that is altered or another viewer''s), IN005 older than what is kept, or of a viewer who was forgotten since (forget_shopper).';

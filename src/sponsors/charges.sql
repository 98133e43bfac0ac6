/*
 * charges.sql
 *
 * What was shown and clicked of a campaign: a row each, once for ever, written in
 * the transaction that records the impression and never by ranking. No row is
 * shared by two of them, so that impressions of one campaign never wait for each
 * other; what they come to is counted by charge_sponsors().
 */
CREATE FUNCTION influence_internal.store_charge(kind text, sponsored_campaign_id bigint, impression_id bigint, program_id bigint,
	visitor_id uuid, post_id bigint, occurred_at timestamptz)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- a page that was open, and a device that was offline
	open_page constant interval := '1 hour';
	offline constant interval := '7 days';
	this record;
	moment timestamptz;
BEGIN
	PERFORM influence_internal.require_arguments('sponsored_campaign_id', $2::text, 'impression_id', $3::text, 'visitor_id', $5::text,
		'post_id', $6::text, 'occurred_at', $7::text);
	SELECT lower(c.valid) AS begins_at, least(upper(c.valid), c.ended_at) AS ends_at INTO this
	  FROM influence.sponsored_campaign c WHERE c.sponsored_campaign_id = $2 AND c.program_id = $4;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('sponsored campaign', $2::text, format('Use a campaign of program %s.', $4));
	END IF;
	IF $7 >= this.ends_at + open_page OR now() >= this.ends_at + offline THEN
		RETURN CASE WHEN EXISTS (SELECT FROM influence.sponsored_charge x
								  WHERE x.sponsored_campaign_id = $2 AND x.kind = $1 AND x.impression_id = $3) THEN 'duplicate' ELSE 'late' END;
	END IF;
	-- clocks of devices: no charge lies before its campaign, nor ahead of us
	moment := greatest(this.begins_at, least($7, now()));
	INSERT INTO influence.sponsored_charge (sponsored_campaign_id, kind, impression_id, program_id, visitor_id, post_id, occurred_at)
	VALUES ($2, $1, $3, $4, $5, $6, moment)
	ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		RETURN 'duplicate';
	END IF;
	INSERT INTO influence.sponsored_pending (sponsored_campaign_id, kind, impression_id, occurred_at) VALUES ($2, $1, $3, moment);
	RETURN 'recorded';
END
$$;
COMMENT ON FUNCTION influence_internal.store_charge(text, bigint, bigint, bigint, uuid, bigint, timestamptz) IS
'Stores an impression or a click of a campaign, once for its impression_id: recorded | duplicate | late (an hour after the end of the campaign, or told a week after it: free). IN002, IN003 no such campaign in this program.';

CREATE FUNCTION influence_internal.charge_impression(sponsored_campaign_id bigint, impression_id bigint, program_id bigint, visitor_id uuid,
	post_id bigint, shown_at timestamptz)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN influence_internal.store_charge('impression', $1, $2, $3, $4, $5, $6);
END
$$;
COMMENT ON FUNCTION influence_internal.charge_impression(bigint, bigint, bigint, uuid, bigint, timestamptz) IS
'Counts an impression that was seen for its campaign; called by record_impressions(). Natural key: sponsored_campaign_id and impression_id. -> recorded | duplicate | late (free). IN002, IN003.';

CREATE FUNCTION influence_internal.charge_click(sponsored_campaign_id bigint, impression_id bigint, program_id bigint, visitor_id uuid,
	post_id bigint, clicked_at timestamptz)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN influence_internal.store_charge('click', $1, $2, $3, $4, $5, $6);
END
$$;
COMMENT ON FUNCTION influence_internal.charge_click(bigint, bigint, bigint, uuid, bigint, timestamptz) IS
'Counts a click on an impression for its campaign, one per impression; called by record_impressions() and, for touches, by charge_sponsors(). Natural key: sponsored_campaign_id and impression_id. -> recorded | duplicate | late (free). IN002, IN003.';

CREATE FUNCTION influence_internal.waiting_impressions(sponsored_campaign_id bigint DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT jsonb_object_agg(w.sponsored_campaign_id, w.ids)
			  FROM (SELECT p.sponsored_campaign_id, array_agg(p.impression_id) AS ids FROM influence.sponsored_pending p
					 WHERE p.kind = 'impression' AND p.sponsored_campaign_id = coalesce($1, p.sponsored_campaign_id)
					 GROUP BY p.sponsored_campaign_id) w);
END
$$;
COMMENT ON FUNCTION influence_internal.waiting_impressions(bigint) IS 'The impressions of a campaign (NULL = of all) that are not counted yet, as {campaign: [impression_id, ...]}; NULL when there are none.';

CREATE FUNCTION influence_internal.charge_touched_clicks(impressions jsonb, last_seen pg_snapshot DEFAULT NULL, upper pg_snapshot DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item record;
	clicks bigint := 0;
BEGIN
	-- rows that move into their partition are waited for before the snapshot is taken
	LOCK TABLE ONLY influence.touch IN ACCESS SHARE MODE;
	-- in one order, the one of record_impressions(): two that charge the same clicks never wait for each other
	FOR item IN
		SELECT x.sponsored_campaign_id, x.impression_id, x.program_id, x.visitor_id, x.post_id, greatest(min(x.touched_at), x.occurred_at) AS clicked_at
		  FROM (SELECT c.*, t.touched_at, t.visitor_id AS clicker
				  FROM influence.touch t
				  JOIN influence.sponsored_charge c ON c.impression_id = t.impression_id AND c.kind = 'impression' AND c.program_id = t.program_id
				 WHERE $2 IS NOT NULL AND t.kind = 'click' AND t.impression_id IS NOT NULL AND influence_internal.is_fresh(t.xact, $2, $3)
				   AND coalesce(t.bot_verdict, 'human') = 'human'
				UNION ALL
				-- touches that came before the impressions that they name
				SELECT c.*, t.touched_at, t.visitor_id
				  FROM jsonb_each($1) w
				 CROSS JOIN LATERAL jsonb_array_elements_text(w.value) u(impression_id)
				  JOIN influence.sponsored_charge c ON c.sponsored_campaign_id = w.key::bigint AND c.kind = 'impression' AND c.impression_id = u.impression_id::bigint
				  JOIN influence.touch t ON t.impression_id = c.impression_id AND t.program_id = c.program_id
						AND t.touched_at >= c.occurred_at - interval '1 day' AND t.touched_at < c.recorded_at + interval '1 day'
				 WHERE t.kind = 'click' AND t.impression_id IS NOT NULL AND coalesce(t.bot_verdict, 'human') = 'human') x
		 WHERE (x.clicker = x.visitor_id OR influence_internal.person_of(x.clicker) = influence_internal.person_of(x.visitor_id))
		   AND NOT EXISTS (SELECT FROM influence.sponsored_charge c
							WHERE c.sponsored_campaign_id = x.sponsored_campaign_id AND c.kind = 'click' AND c.impression_id = x.impression_id)
		 GROUP BY x.sponsored_campaign_id, x.impression_id, x.program_id, x.visitor_id, x.post_id, x.occurred_at
		 ORDER BY x.impression_id, x.sponsored_campaign_id
	LOOP
		clicks := clicks + (influence_internal.charge_click(item.sponsored_campaign_id, item.impression_id, item.program_id, item.visitor_id,
															item.post_id, item.clicked_at) = 'recorded')::int;
	END LOOP;
	RETURN clicks;
END
$$;
COMMENT ON FUNCTION influence_internal.charge_touched_clicks(jsonb, pg_snapshot, pg_snapshot) IS
'Counts touches of kind click that name a sponsored impression of the same person, unless they have a bot_verdict other than human: those that are new by last_seen and upper (as open_watermark() gives them; last_seen NULL: none), and those that came at most a day before one of these impressions ({campaign: [impression_id, ...]}: that are counted now, or whose person is being forgotten); at the time of the impression, if their clock was behind. In the order of impression_id. Returns how many clicks are new.';

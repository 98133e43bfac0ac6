/*
 * charge_sponsors.sql
 *
 * From charges to money. What a campaign owes is a function of how many of its
 * impressions (or clicks) are charged: floor(bid x units / 1,000). A run counts
 * what came since the last one and books the difference of two values of that
 * function, so nothing is lost by rounding and the ledger always is the function
 * of the facts. Pending rows are taken away in the same transaction: each is
 * counted once, also after a restore.
 */
CREATE FUNCTION influence_internal.sponsored_entry_key(sponsored_campaign_id bigint, entry bigint)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 'sponsored/' OPERATOR(pg_catalog.||) sponsored_campaign_id::pg_catalog.text OPERATOR(pg_catalog.||) '/' OPERATOR(pg_catalog.||) entry::pg_catalog.text $$;
COMMENT ON FUNCTION influence_internal.sponsored_entry_key(bigint, bigint) IS 'The ledger''s natural key of what a campaign was charged: the campaign and a running number of its entries.';

CREATE FUNCTION influence_internal.settle_sponsored(sponsored_campaign_id bigint, waiting jsonb DEFAULT NULL, OUT impressions bigint, OUT clicks bigint, OUT units bigint,
	OUT free bigint, OUT amount bigint, OUT spent bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	this record;
	room numeric;
	item record;
	charged bigint;
	part bigint;
	entry bigint;
BEGIN
	-- clicks get the visitors of their impressions
	PERFORM influence_internal.share_key('forgetting shoppers');
	-- charges before totals, here as in charge_sponsors(); what is told from now on is counted by the next run, with its clicks
	IF $2 IS NULL THEN
		waiting := influence_internal.waiting_impressions($1);
		PERFORM influence_internal.charge_touched_clicks(waiting);
	END IF;
	-- what others booked meanwhile has to be seen
	PERFORM FROM influence.sponsored_total t WHERE t.sponsored_campaign_id = $1 FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('sponsored campaign', $1::text,
			'Create it with influence.create_sponsored_campaign(program_id, campaign_ref, ...).');
	END IF;
	SELECT c.program_id, c.party_id, c.pricing, c.bid, c.currency, c.budget, g.time_zone, t.units, t.entries, t.spent INTO this
	  FROM influence.sponsored_campaign c
	  JOIN influence.program g ON g.program_id = c.program_id
	  JOIN influence.sponsored_total t ON t.sponsored_campaign_id = c.sponsored_campaign_id
	 WHERE c.sponsored_campaign_id = $1;
	impressions := 0;
	clicks := 0;
	units := 0;
	free := 0;
	amount := 0;
	charged := this.units;
	entry := this.entries;
	room := influence_internal.sponsored_units(this.pricing, this.bid, this.budget) - charged;
	FOR item IN
		WITH taken AS (
			DELETE FROM influence.sponsored_pending p
			 WHERE p.sponsored_campaign_id = $1
			   AND (p.kind = 'click' OR p.impression_id IN (SELECT i::bigint FROM jsonb_array_elements_text(waiting -> $1::text) i))
			RETURNING p.kind, p.impression_id, p.occurred_at
		), placed AS (
			SELECT x.kind, x.impression_id, x.occurred_at, (x.occurred_at AT TIME ZONE this.time_zone)::date AS day,
				   x.kind = this.pricing AS priced, row_number() OVER (PARTITION BY x.kind ORDER BY x.occurred_at, x.impression_id) AS place
			  FROM taken x
		), beyond AS (
			INSERT INTO influence.sponsored_free (sponsored_campaign_id, impression_id)
			SELECT $1, y.impression_id FROM placed y WHERE y.priced AND y.place > room
		)
		SELECT y.day, count(*) FILTER (WHERE y.kind = 'impression') AS impressions, count(*) FILTER (WHERE y.kind = 'click') AS clicks,
			   count(*) FILTER (WHERE y.priced AND y.place <= room) AS units, count(*) FILTER (WHERE y.priced AND y.place > room) AS free,
			   max(y.occurred_at) FILTER (WHERE y.priced AND y.place <= room) AS occurred_at
		  FROM placed y
		 GROUP BY y.day
		 ORDER BY y.day
	LOOP
		part := influence_internal.sponsored_amount(this.pricing, this.bid, charged + item.units)
				- influence_internal.sponsored_amount(this.pricing, this.bid, charged);
		charged := charged + item.units;
		INSERT INTO influence.sponsored_day AS d (sponsored_campaign_id, day, impressions, clicks, units, free, amount)
		VALUES ($1, item.day, item.impressions, item.clicks, item.units, item.free, part)
		ON CONFLICT ON CONSTRAINT sponsored_day_pkey DO UPDATE
		   SET impressions = d.impressions + excluded.impressions, clicks = d.clicks + excluded.clicks, units = d.units + excluded.units,
			   free = d.free + excluded.free, amount = d.amount + excluded.amount;
		IF part > 0 THEN
			entry := entry + 1;
			INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency,
										  occurred_at, available_at, source, note)
			VALUES (this.party_id, this.program_id, influence_internal.sponsored_entry_key($1, entry), 'sponsored', 'brand_receivable',
					'platform_revenue', part, this.currency, item.occurred_at, item.occurred_at, 'adjustment',
					format('%s %ss of %s', item.units, this.pricing, item.day));
		END IF;
		impressions := impressions + item.impressions;
		clicks := clicks + item.clicks;
		units := units + item.units;
		free := free + item.free;
		amount := amount + part;
	END LOOP;
	spent := this.spent + amount;
	IF impressions + clicks > 0 THEN
		UPDATE influence.sponsored_total t
		   SET impressions = t.impressions + settle_sponsored.impressions, clicks = t.clicks + settle_sponsored.clicks,
			   units = charged, free = t.free + settle_sponsored.free, spent = settle_sponsored.spent, entries = entry, settled_at = now()
		 WHERE t.sponsored_campaign_id = $1;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.settle_sponsored(bigint, jsonb) IS
'Counts the pending charges of a campaign (of impressions those of waiting, whose clicks by touches are charged; NULL = all there are), books what they come to, and locks the campaign until the end of the transaction. In the order of time, as many are charged as the budget covers; the rest is free for ever. -> what is new: impressions, clicks, units charged, free, amount in minor units; spent: all that it was charged. IN003, IN005 in REPEATABLE READ and SERIALIZABLE.';

CREATE FUNCTION influence_internal.renew_worth(sponsored_campaign_id bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	written bigint;
BEGIN
	UPDATE influence.sponsored_post p
	   SET worth = w.worth, place = w.place
	  FROM (SELECT v.sponsored_campaign_id, v.post_id, v.worth,
				   row_number() OVER (PARTITION BY v.sponsored_campaign_id ORDER BY v.worth DESC, v.post_id DESC)::int AS place
			  FROM (SELECT c.sponsored_campaign_id, x.post_id,
						   -- a click rate that starts at 1 of 100; a post counts up to 8 times as much, or as little, as the average one
						   c.bid::float8 * CASE c.pricing WHEN 'click' THEN 1000 * (t.clicks + 1)::float8 / (t.impressions + 100) ELSE 1 END
						   * power(2::float8, greatest(-3, least(3, coalesce(f.engagement, 0)))) AS worth
					  FROM influence.sponsored_campaign c
					  JOIN influence.sponsored_total t ON t.sponsored_campaign_id = c.sponsored_campaign_id
					  JOIN influence.sponsored_post x ON x.sponsored_campaign_id = c.sponsored_campaign_id
					  LEFT JOIN influence.feed_item f ON f.post_id = x.post_id AND f.engagement = f.engagement
					 WHERE c.status = 'active' AND upper(c.valid) > now() AND c.sponsored_campaign_id = coalesce($1, c.sponsored_campaign_id)) v) w
	 WHERE p.sponsored_campaign_id = w.sponsored_campaign_id AND p.post_id = w.post_id AND (p.worth, p.place) <> (w.worth, w.place);
	GET DIAGNOSTICS written = ROW_COUNT;
	UPDATE influence.sponsored_total t SET worth = p.worth
	  FROM influence.sponsored_post p
	 WHERE p.sponsored_campaign_id = t.sponsored_campaign_id AND p.place = 1 AND t.worth <> p.worth
	   AND t.sponsored_campaign_id = coalesce($1, t.sponsored_campaign_id);
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.renew_worth(bigint) IS
'Renews what orders campaigns (one, or all that may be shown): what 1,000 impressions are expected to bring in minor units, that is the bid, or bid x 1,000 x (clicks + 1) / (impressions + 100), times 2 ^ the post''s engagement over the program''s, kept within 1/8 and 8. Returns how many posts changed.';

CREATE FUNCTION influence_internal.charge_sponsors()
RETURNS TABLE (status text, campaigns bigint, impressions bigint, clicks bigint, units bigint, free bigint, amount bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mark record;
	item record;
	waiting jsonb;
BEGIN
	-- a click gets the visitor of its impression: that is to be the same when it is committed
	PERFORM influence_internal.share_key('forgetting shoppers');
	SELECT * INTO mark FROM influence_internal.open_watermark('charge_sponsors');
	waiting := coalesce(influence_internal.waiting_impressions(), '{}');
	PERFORM influence_internal.charge_touched_clicks(waiting, mark.last_seen, mark.upper);
	campaigns := 0;
	impressions := 0;
	clicks := 0;
	units := 0;
	free := 0;
	amount := 0;
	FOR item IN
		SELECT c.sponsored_campaign_id FROM influence.sponsored_campaign c
		 WHERE EXISTS (SELECT FROM influence.sponsored_pending p WHERE p.sponsored_campaign_id = c.sponsored_campaign_id)
		 ORDER BY c.sponsored_campaign_id
	LOOP
		SELECT * INTO item FROM influence_internal.settle_sponsored(item.sponsored_campaign_id, waiting);
		campaigns := campaigns + (item.impressions + item.clicks > 0)::int;
		impressions := impressions + item.impressions;
		clicks := clicks + item.clicks;
		units := units + item.units;
		free := free + item.free;
		amount := amount + item.amount;
	END LOOP;
	PERFORM influence_internal.renew_worth();
	PERFORM influence_internal.close_watermark('charge_sponsors', mark.current);
	status := CASE WHEN campaigns > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.charge_sponsors() IS
'Counts the impressions and clicks of sponsored campaigns that came since the last run (clicks also from touches that name a sponsored impression), books what they come to against the brands, and renews what orders campaigns in the feed. The job of each call does it. -> status recorded | duplicate (nothing was new), campaigns, impressions, clicks, units charged, free (beyond a budget), amount in minor units. One run at a time. IN005 in REPEATABLE READ and SERIALIZABLE.';

/*
 * charge_retention.sql
 *
 * How charges end. A charge is there so that an impression is charged once, and
 * can be refunded; what it came to is in totals, days and the ledger. So it goes
 * after the setting "retention" (sponsored_charge), and what went is counted in
 * sponsored_total, so that check_books() still counts all of it. Nothing can be
 * charged again by then: what is told 20 days after it was shown is free, and a
 * click by a touch needs the charge of its impression, which goes no later.
 * When a shopper is forgotten, its charges get other ids: their own are hashes
 * of the viewer, and whoever knows the viewer could find them.
 */
CREATE FUNCTION influence_internal.drop_charges(as_of timestamptz)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	oldest timestamptz := $1 - (influence_internal.setting_value('retention') ->> 'sponsored_charge')::interval;
	dropped bigint;
BEGIN
	PERFORM influence_internal.require_past($1);
	IF oldest IS NULL THEN
		RETURN 'charges kept for ever';
	END IF;
	PERFORM influence_internal.share_key('forgetting shoppers');
	-- a refund of what is dropped is there by now, or finds nothing
	PERFORM FROM influence.sponsored_total t ORDER BY t.sponsored_campaign_id FOR NO KEY UPDATE;
	WITH gone AS (
		DELETE FROM influence.sponsored_charge x
		 USING influence.sponsored_campaign c
		 WHERE c.sponsored_campaign_id = x.sponsored_campaign_id AND x.occurred_at < oldest
		   -- what the books have not, and what frequency caps count, stays
		   AND NOT EXISTS (SELECT FROM influence.sponsored_pending p WHERE p.sponsored_campaign_id = x.sponsored_campaign_id
							  AND p.kind = x.kind AND p.impression_id = x.impression_id)
		   AND NOT (c.cap IS NOT NULL AND upper(c.valid) > $1 AND x.occurred_at >= $1 - c.cap_per)
		RETURNING x.sponsored_campaign_id, x.kind, x.impression_id, x.kind = c.pricing AS priced
	), unpaid AS (
		DELETE FROM influence.sponsored_free f USING gone g
		 WHERE g.priced AND f.sponsored_campaign_id = g.sponsored_campaign_id AND f.impression_id = g.impression_id
		RETURNING f.sponsored_campaign_id, f.impression_id
	), back AS (
		DELETE FROM influence.sponsored_refund_line l USING gone g
		 WHERE g.priced AND l.sponsored_campaign_id = g.sponsored_campaign_id AND l.impression_id = g.impression_id
		RETURNING l.sponsored_campaign_id, l.impression_id
	), counted AS (
		UPDATE influence.sponsored_total t
		   SET dropped_impressions = t.dropped_impressions + s.impressions, dropped_clicks = t.dropped_clicks + s.clicks,
			   dropped_free = t.dropped_free + s.free, dropped_refunded = t.dropped_refunded + s.refunded
		  FROM (SELECT g.sponsored_campaign_id, count(*) FILTER (WHERE g.kind = 'impression') AS impressions, count(*) FILTER (WHERE g.kind = 'click') AS clicks,
					   count(*) FILTER (WHERE g.priced AND f.impression_id IS NOT NULL) AS free,
					   count(*) FILTER (WHERE g.priced AND f.impression_id IS NULL AND b.impression_id IS NOT NULL) AS refunded
				  FROM gone g
				  LEFT JOIN unpaid f ON f.sponsored_campaign_id = g.sponsored_campaign_id AND f.impression_id = g.impression_id
				  LEFT JOIN back b ON b.sponsored_campaign_id = g.sponsored_campaign_id AND b.impression_id = g.impression_id
				 GROUP BY g.sponsored_campaign_id) s
		 WHERE t.sponsored_campaign_id = s.sponsored_campaign_id
	)
	SELECT count(*) INTO dropped FROM gone;
	RETURN influence_internal.counted(dropped, 'charge') || ' dropped';
END
$$;
COMMENT ON FUNCTION influence_internal.drop_charges(timestamptz) IS
'Drops impressions and clicks of sponsored campaigns that happened longer before as_of than the setting retention says (sponsored_charge), once they are counted, with what says that they were free or refunded; their numbers stay in sponsored_total. A campaign that is not over keeps those that its frequency cap counts. Says what it did. IN005 as_of in the future.';

CREATE FUNCTION influence_internal.forget_charges(visitors uuid[], word text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	changed bigint;
BEGIN
	-- not the ids that the impressions themselves get: the two are not to be found together either
	WITH mine AS MATERIALIZED (
		SELECT DISTINCT x.sponsored_campaign_id, x.impression_id, hashtextextended('charge ' || $2 || x.impression_id, 0) AS other
		  FROM influence.sponsored_charge x WHERE x.visitor_id = ANY ($1)
	), waiting AS (
		UPDATE influence.sponsored_pending p SET impression_id = m.other FROM mine m
		 WHERE p.sponsored_campaign_id = m.sponsored_campaign_id AND p.impression_id = m.impression_id
	), unpaid AS (
		UPDATE influence.sponsored_free f SET impression_id = m.other FROM mine m
		 WHERE f.sponsored_campaign_id = m.sponsored_campaign_id AND f.impression_id = m.impression_id
	), back AS (
		UPDATE influence.sponsored_refund_line l SET impression_id = m.other FROM mine m
		 WHERE l.sponsored_campaign_id = m.sponsored_campaign_id AND l.impression_id = m.impression_id
	)
	UPDATE influence.sponsored_charge x SET impression_id = m.other FROM mine m
	 WHERE x.visitor_id = ANY ($1) AND x.sponsored_campaign_id = m.sponsored_campaign_id AND x.impression_id = m.impression_id;
	GET DIAGNOSTICS changed = ROW_COUNT;
	RETURN changed;
END
$$;
COMMENT ON FUNCTION influence_internal.forget_charges(uuid[], text) IS
'Gives the charges of visitors ids that nobody can compute, of a word that is thrown away, and so what says that they are pending, free or refunded. Returns how many. The caller holds the lock of forgetting, which keeps the job away.';

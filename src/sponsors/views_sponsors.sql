/*
 * views_sponsors.sql
 *
 * What campaigns brought and cost, and why one is, or is not, shown. Both read
 * the totals that charge_sponsors() keeps, never the charges themselves.
 */
CREATE FUNCTION influence_internal.create_sponsor_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	CREATE VIEW influence.sponsored_report WITH (security_invoker = true) AS
	SELECT c.program_id, c.sponsored_campaign_id, c.campaign_ref, c.name, c.brand, c.pricing, d.day, d.impressions, d.clicks, d.units, d.free,
		   d.refunded, d.amount AS spend, c.currency::text AS currency,
		   round(d.clicks::numeric / nullif(d.impressions, 0), 6) AS ctr,
		   round(d.amount * 1000::numeric / nullif(d.impressions, 0), 2) AS ecpm,
		   round(d.amount::numeric / nullif(d.clicks, 0), 2) AS cost_per_click
	  FROM influence.sponsored_campaign c
	  JOIN influence.sponsored_day d ON d.sponsored_campaign_id = c.sponsored_campaign_id;
	COMMENT ON VIEW influence.sponsored_report IS 'Sponsored campaigns by day (in the time zone of the program): impressions seen, clicks, units charged (net of refunds), free (delivered beyond the budget), refunded units; spend, ecpm (per 1,000 impressions) and cost_per_click in minor units, ctr = clicks per impression. As of the last run of charge_sponsors.';

	CREATE VIEW influence.sponsored_status WITH (security_invoker = true) AS
	SELECT p.program_id, p.sponsored_campaign_id, p.campaign_ref, p.name, p.brand, p.pricing, p.bid, p.budget, p.spent, p.budget - p.spent AS remaining,
		   p.currency, p.impressions, p.clicks, round(p.elapsed, 6) AS elapsed, round(p.spent::numeric / p.budget, 6) AS used,
		   CASE WHEN p.status <> 'active' THEN p.status
				WHEN p.elapsed >= 1 THEN 'over'
				WHEN p.begins_at > now() THEN 'waiting'
				WHEN p.spent >= p.budget THEN 'spent'
				WHEN p.spent > p.budget * (p.elapsed + 3600 / p.seconds) THEN 'ahead of time'
				ELSE 'running' END AS state,
		   p.begins_at, p.ends_at, p.settled_at
	  FROM (SELECT c.*, lower(c.valid) AS begins_at, upper(c.valid) AS ends_at, t.spent, t.impressions, t.clicks, t.settled_at,
				   extract(epoch FROM upper(c.valid) - lower(c.valid)) AS seconds,
				   greatest(0, least(1, extract(epoch FROM now() - lower(c.valid)) / extract(epoch FROM upper(c.valid) - lower(c.valid)))) AS elapsed
			  FROM influence.sponsored_campaign c
			  JOIN influence.sponsored_total t ON t.sponsored_campaign_id = c.sponsored_campaign_id) p;
	COMMENT ON VIEW influence.sponsored_status IS 'Sponsored campaigns now: budget, spent and remaining in minor units, the shares of the time that is over (elapsed) and of the budget that is used; state: waiting (not begun), running, ahead of time (pacing holds it back), spent, paused, ended, over. As of the last run of charge_sponsors (settled_at).';

	CREATE VIEW influence.sponsor_balance WITH (security_invoker = true) AS
	SELECT a.program_id, a.brand, a.party_id, g.currency::text AS currency, coalesce(s.charged, 0) AS charged, coalesce(s.refunded, 0) AS refunded,
		   coalesce(s.paid, 0) AS paid, coalesce(s.charged, 0) - coalesce(s.refunded, 0) - coalesce(s.paid, 0) AS owed
	  FROM influence.sponsor_account a
	  JOIN influence.program g ON g.program_id = a.program_id
	  LEFT JOIN LATERAL (
			SELECT sum(l.amount) FILTER (WHERE l.kind = 'sponsored') AS charged, sum(l.amount) FILTER (WHERE l.kind = 'sponsored_refund') AS refunded,
				   sum(l.amount) FILTER (WHERE l.kind = 'sponsor_payment') AS paid
			  FROM influence.ledger l
			 WHERE l.party_id = a.party_id AND l.program_id = a.program_id
			   AND l.kind IN ('sponsored', 'sponsored_refund', 'sponsor_payment')) s ON true;
	COMMENT ON VIEW influence.sponsor_balance IS 'What a brand was charged for its sponsored campaigns in a program by the ledger, what was given back, what it paid for them, and what it owes (below zero: it paid more), in minor units.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_sponsor_views() IS 'Makes the views sponsored_report, sponsored_status and sponsor_balance; called by step 22 of install().';

/*
 * check_sponsors.sql
 *
 * The part of check_books() about sponsored campaigns: what a campaign was
 * charged is counted anew from its impressions and clicks, with the number of
 * those that retention dropped.
 */
CREATE FUNCTION influence_internal.check_sponsors(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH campaign AS MATERIALIZED (
		SELECT c.*, t.impressions, t.clicks, t.units, t.free, t.refunded, t.spent,
			   t.dropped_impressions, t.dropped_clicks, t.dropped_free, t.dropped_refunded, format('sponsored campaign %s', c.sponsored_campaign_id) AS subject
		  FROM influence.sponsored_campaign c
		  LEFT JOIN influence.sponsored_total t ON t.sponsored_campaign_id = c.sponsored_campaign_id
		 WHERE c.program_id = coalesce($1, c.program_id)
	), facts AS MATERIALIZED (
		SELECT x.sponsored_campaign_id, count(*) FILTER (WHERE x.kind = 'impression') AS impressions, count(*) FILTER (WHERE x.kind = 'click') AS clicks
		  FROM influence.sponsored_charge x
		 WHERE x.program_id = coalesce($1, x.program_id)
		   AND NOT EXISTS (SELECT FROM influence.sponsored_pending p WHERE p.sponsored_campaign_id = x.sponsored_campaign_id
							  AND p.kind = x.kind AND p.impression_id = x.impression_id)
		 GROUP BY x.sponsored_campaign_id
	), beyond AS MATERIALIZED (
		SELECT f.sponsored_campaign_id, count(*) AS free FROM influence.sponsored_free f GROUP BY 1
	), back AS MATERIALIZED (
		SELECT l.sponsored_campaign_id, count(*) AS refunded FROM influence.sponsored_refund_line l
		 WHERE NOT EXISTS (SELECT FROM influence.sponsored_free f WHERE f.sponsored_campaign_id = l.sponsored_campaign_id AND f.impression_id = l.impression_id)
		 GROUP BY 1
	), counted AS MATERIALIZED (
		SELECT n.*, CASE n.pricing WHEN 'click' THEN n.clicked ELSE n.seen END - n.beyond - n.back AS net
		  FROM (SELECT c.*, coalesce(f.impressions, 0) + c.dropped_impressions AS seen, coalesce(f.clicks, 0) + c.dropped_clicks AS clicked,
					   coalesce(b.free, 0) + c.dropped_free AS beyond, coalesce(k.refunded, 0) + c.dropped_refunded AS back
				  FROM campaign c
				  LEFT JOIN facts f ON f.sponsored_campaign_id = c.sponsored_campaign_id
				  LEFT JOIN beyond b ON b.sponsored_campaign_id = c.sponsored_campaign_id
				  LEFT JOIN back k ON k.sponsored_campaign_id = c.sponsored_campaign_id) n
	), entry AS MATERIALIZED (
		SELECT l.party_id, l.program_id, split_part(l.entry_key, '/', 2) AS campaign, l.kind, l.amount, l.currency::text AS currency,
			   CASE l.kind WHEN 'sponsored' THEN l.amount ELSE -l.amount END AS signed
		  FROM influence.ledger l
		 WHERE l.kind IN ('sponsored', 'sponsored_refund') AND l.program_id = coalesce($1, l.program_id)
	)
	SELECT 'a campaign is charged for its impressions or clicks', c.program_id, c.subject,
		   influence_internal.sponsored_amount(c.pricing, c.bid, c.net)::text,
		   coalesce((SELECT sum(e.signed) FROM entry e WHERE e.campaign = c.sponsored_campaign_id::text AND e.party_id = c.party_id
						AND e.program_id = c.program_id AND e.currency = c.currency), 0)::text
	  FROM counted c
	 WHERE influence_internal.sponsored_amount(c.pricing, c.bid, c.net)
		   <> coalesce((SELECT sum(e.signed) FROM entry e WHERE e.campaign = c.sponsored_campaign_id::text AND e.party_id = c.party_id
						AND e.program_id = c.program_id AND e.currency = c.currency), 0)
	UNION ALL
	SELECT 'the total of a campaign is that of its charges', c.program_id, c.subject,
		   concat_ws(', ', c.seen, c.clicked, c.net, c.beyond, c.back, influence_internal.sponsored_amount(c.pricing, c.bid, c.net)),
		   concat_ws(', ', c.impressions, c.clicks, c.units, c.free, c.refunded, c.spent)
	  FROM counted c
	 WHERE (c.impressions, c.clicks, c.units, c.free, c.refunded, c.spent)
		   IS DISTINCT FROM (c.seen, c.clicked, c.net, c.beyond, c.back, influence_internal.sponsored_amount(c.pricing, c.bid, c.net))
	UNION ALL
	SELECT 'the days of a campaign sum to its total', c.program_id, c.subject,
		   concat_ws(', ', c.impressions, c.clicks, c.units, c.free, c.refunded, c.spent),
		   concat_ws(', ', d.impressions, d.clicks, d.units, d.free, d.refunded, d.amount)
	  FROM campaign c
	 CROSS JOIN LATERAL (SELECT coalesce(sum(x.impressions), 0) AS impressions, coalesce(sum(x.clicks), 0) AS clicks, coalesce(sum(x.units), 0) AS units,
								coalesce(sum(x.free), 0) AS free, coalesce(sum(x.refunded), 0) AS refunded, coalesce(sum(x.amount), 0) AS amount
						   FROM influence.sponsored_day x WHERE x.sponsored_campaign_id = c.sponsored_campaign_id) d
	 WHERE (c.impressions, c.clicks, c.units, c.free, c.refunded, c.spent)
		   IS DISTINCT FROM (d.impressions, d.clicks, d.units, d.free, d.refunded, d.amount)
	UNION ALL
	SELECT 'a campaign is charged at most its budget', c.program_id, c.subject, format('%s at most', c.budget), c.spent::text
	  FROM campaign c WHERE c.spent > c.budget
	UNION ALL
	SELECT 'a campaign is as its history says', c.program_id, c.subject, concat_ws(', ', h.budget, h.status), concat_ws(', ', c.budget, c.status)
	  FROM campaign c
	  LEFT JOIN LATERAL (SELECT x.budget, x.status FROM influence.sponsored_change x
						  WHERE x.sponsored_campaign_id = c.sponsored_campaign_id ORDER BY x.change_no DESC LIMIT 1) h ON true
	 WHERE (c.budget, c.status) IS DISTINCT FROM (h.budget, h.status)
	UNION ALL
	SELECT 'a campaign is its brand''s', c.program_id, c.subject, format('party of brand "%s"', c.brand), format('party %s', c.party_id)
	  FROM campaign c
	 WHERE NOT EXISTS (SELECT FROM influence.sponsor_account a JOIN influence.party p ON p.party_id = a.party_id AND p.kind = 'brand'
						WHERE a.party_id = c.party_id AND a.program_id = c.program_id AND a.brand = c.brand)
	UNION ALL
	SELECT 'an entry of a campaign is of one', e.program_id, format('party %s campaign %s', e.party_id, e.campaign), 'its brand''s party', 'none'
	  FROM entry e
	 WHERE NOT EXISTS (SELECT FROM campaign c WHERE c.sponsored_campaign_id::text = e.campaign AND c.party_id = e.party_id
						  AND c.program_id = e.program_id AND c.currency = e.currency)
	UNION ALL
	SELECT 'a charge is of a campaign''s program', x.program_id, format('sponsored campaign %s', x.sponsored_campaign_id), format('program %s', x.program_id),
		   coalesce('program ' || c.program_id, 'no such campaign')
	  FROM (SELECT DISTINCT y.sponsored_campaign_id, y.program_id FROM influence.sponsored_charge y WHERE y.program_id = coalesce($1, y.program_id)) x
	  LEFT JOIN influence.sponsored_campaign c ON c.sponsored_campaign_id = x.sponsored_campaign_id
	 WHERE c.program_id IS DISTINCT FROM x.program_id
	UNION ALL
	SELECT 'what is pending, free or refunded was charged for', coalesce(c.program_id, $1), format('sponsored campaign %s impression %s', m.sponsored_campaign_id, m.impression_id),
		   format('a charge of kind %s', coalesce(m.kind, c.pricing)), 'none'
	  FROM (SELECT p.sponsored_campaign_id, p.kind, p.impression_id FROM influence.sponsored_pending p
			UNION ALL
			SELECT f.sponsored_campaign_id, NULL, f.impression_id FROM influence.sponsored_free f
			UNION ALL
			SELECT l.sponsored_campaign_id, NULL, l.impression_id FROM influence.sponsored_refund_line l) m
	  LEFT JOIN influence.sponsored_campaign c ON c.sponsored_campaign_id = m.sponsored_campaign_id
	 WHERE coalesce(c.program_id = $1, true)
	   AND NOT EXISTS (SELECT FROM influence.sponsored_charge x WHERE x.sponsored_campaign_id = m.sponsored_campaign_id
						  AND x.kind = coalesce(m.kind, c.pricing) AND x.impression_id = m.impression_id)
	UNION ALL
	SELECT 'the ledger has every refund of a campaign', coalesce(r.program_id, e.program_id), format('sponsored campaign %s', coalesce(r.campaign, e.campaign)),
		   coalesce(r.amount, 0)::text, coalesce(e.amount, 0)::text
	  FROM (SELECT c.program_id, c.sponsored_campaign_id::text AS campaign, sum(x.amount) AS amount
			  FROM influence.sponsored_refund x JOIN campaign c ON c.sponsored_campaign_id = x.sponsored_campaign_id GROUP BY 1, 2) r
	  FULL JOIN (SELECT y.program_id, y.campaign, sum(y.amount) AS amount FROM entry y WHERE y.kind = 'sponsored_refund' GROUP BY 1, 2) e
			ON e.campaign = r.campaign AND e.program_id = r.program_id
	 WHERE coalesce(r.amount, 0) <> coalesce(e.amount, 0)
	UNION ALL
	SELECT 'the ledger has every payment for campaigns', coalesce(p.program_id, e.program_id),
		   format('party %s entry %s', coalesce(p.party_id, e.party_id), coalesce(p.entry_key, e.entry_key)),
		   coalesce(p.content, 'nothing'), coalesce(e.content, 'nothing')
	  FROM (SELECT x.party_id, x.program_id, influence_internal.sponsor_payment_key(x.payment_ref) AS entry_key,
				   format('%s %s received %s', x.amount, x.currency, x.received_at) AS content
			  FROM influence.sponsor_payment x WHERE x.program_id = coalesce($1, x.program_id)) p
	  FULL JOIN (SELECT l.party_id, l.program_id, l.entry_key, format('%s %s received %s', l.amount, l.currency, l.occurred_at) AS content
				   FROM influence.ledger l WHERE l.kind = 'sponsor_payment' AND l.program_id = coalesce($1, l.program_id)) e
			ON e.party_id = p.party_id AND e.program_id = p.program_id AND e.entry_key = p.entry_key
	 WHERE p.content IS DISTINCT FROM e.content;
END
$$;
COMMENT ON FUNCTION influence_internal.check_sponsors(bigint) IS
'The part of check_books() about sponsored campaigns: what the ledger has of each is what its impressions or clicks cost, counted anew, at most its budget; totals, days, refunds, payments and histories agree.';

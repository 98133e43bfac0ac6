/*
 * sponsored_candidates.sql
 *
 * The campaigns that may be shown to a viewer now, in the order of the auction.
 * One statement: what is cheap is asked of all campaigns in force, what is not
 * (frequency caps, charges that are not counted yet) only of as many of the best
 * as are wanted. Reads only, so it runs on a standby, and charges nothing.
 */
CREATE FUNCTION influence_internal.sponsored_candidates(program_id bigint, viewer_id uuid, viewers uuid[], country text, topics bigint[],
	personalised boolean, surface text, moment timestamptz, max_rows int DEFAULT 40)
RETURNS TABLE (place int, sponsored_campaign_id bigint, post_id bigint, creator_id bigint, disclosure text, value float8, room int)
LANGUAGE plpgsql STABLE
ROWS 40
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM influence.sponsored_campaign c WHERE c.program_id = $1 AND c.status = 'active' AND upper(c.valid) > $8) THEN
		RETURN;
	END IF;
	RETURN QUERY
	SELECT (row_number() OVER (ORDER BY n.worth DESC, n.draw, n.sponsored_campaign_id, p.place))::int, n.sponsored_campaign_id, p.post_id, p.creator_id,
		   n.disclosure, p.worth, n.room
	  FROM (
		SELECT s.sponsored_campaign_id, s.disclosure, s.worth, s.draw, s.cap - x.shown::int AS room
		  FROM (
			SELECT c.sponsored_campaign_id, c.disclosure, t.worth, c.cap, c.cap_per, t.units, c.pricing, c.bid, c.budget, c.valid,
				   hashint8extended(c.sponsored_campaign_id, (SELECT uuid_hash_extended($2, floor(extract(epoch FROM $8) / 86400)::bigint))) AS draw
			  FROM influence.sponsored_campaign c
			  JOIN influence.sponsored_total t ON t.sponsored_campaign_id = c.sponsored_campaign_id
			 WHERE c.program_id = $1 AND c.status = 'active' AND upper(c.valid) > $8 AND lower(c.valid) <= $8
			   AND (c.countries = '{}' OR $4 = ANY (c.countries))
			   AND (c.surfaces = '{}' OR $7 = ANY (c.surfaces))
			   AND ($6 OR (c.topics = '{}' AND c.verticals = '{}' AND c.cohorts = '{}' AND c.plans = '{}'))
			   AND (c.topics = '{}' OR c.topics && $5)
			   AND t.spent < c.budget
			   -- spent, as a share of the budget, is not ahead of the time by more than an hour
			   AND t.spent * extract(epoch FROM upper(c.valid) - lower(c.valid)) <= c.budget * extract(epoch FROM $8 - lower(c.valid) + interval '1 hour')
			   -- each is asked once, and only if a campaign in force wants to know
			   AND (c.verticals = '{}' OR c.verticals && (
					SELECT array_agg(r.vertical)
					  FROM influence_internal.creator_at(ARRAY(
							SELECT f.target_id FROM influence.follow f WHERE f.visitor_id = ANY ($3) AND f.target_kind = 'creator'
							 ORDER BY f.since DESC, f.target_id DESC LIMIT 200), $8) r))
			   AND (c.cohorts = '{}' OR c.cohorts && (
					SELECT array_agg(m.cohort) FROM influence.cohort_member m
					 WHERE m.member_kind = 'shopper' AND m.member_id = ANY ($3::text[]) AND m.valid @> $8))
			   AND (c.plans = '{}' OR c.plans && (
					SELECT array_agg(x.plan) FROM (SELECT m.plan_id AS plan FROM influence.membership m WHERE m.visitor_id = ANY ($3) AND m.valid @> $8) y
					 CROSS JOIN LATERAL (VALUES (y.plan), ('*')) x(plan)))
			 ORDER BY t.worth DESC, draw, c.sponsored_campaign_id
			OFFSET 0) s
		 CROSS JOIN LATERAL (
				SELECT count(*) AS shown FROM influence.sponsored_charge x
				 WHERE s.cap IS NOT NULL AND x.visitor_id = ANY ($3) AND x.sponsored_campaign_id = s.sponsored_campaign_id AND x.kind = 'impression'
				   AND x.occurred_at > $8 - s.cap_per) x
		 WHERE (s.cap IS NULL OR s.cap > x.shown)
		   -- one more fits
		   AND s.units < influence_internal.sponsored_units(s.pricing, s.bid, s.budget)
		   -- and both still hold with what is not counted yet; where a thousand are left, a minute's worth of them does not matter
		   AND (NOT EXISTS (SELECT FROM influence.sponsored_pending q WHERE q.sponsored_campaign_id = s.sponsored_campaign_id AND q.kind = s.pricing)
				OR (SELECT l.units >= 1000 OR l.units >= (SELECT count(*) FROM (SELECT FROM influence.sponsored_pending q
																				 WHERE q.sponsored_campaign_id = s.sponsored_campaign_id AND q.kind = s.pricing
																				 LIMIT 1000) q)
					  FROM (SELECT least(influence_internal.sponsored_units(s.pricing, s.bid, s.budget) - 1,
										 influence_internal.sponsored_units(s.pricing, s.bid,
											floor(s.budget * (extract(epoch FROM $8 - lower(s.valid)) + 3600) / extract(epoch FROM upper(s.valid) - lower(s.valid)))))
								   - s.units AS units) l))
		 LIMIT $9) n
	  JOIN influence.sponsored_post p ON p.sponsored_campaign_id = n.sponsored_campaign_id AND p.place <= 3
	 ORDER BY 1
	 LIMIT $9;
END
$$;
COMMENT ON FUNCTION influence_internal.sponsored_candidates(bigint, uuid, uuid[], text, bigint[], boolean, text, timestamptz, int) IS
'The posts of campaigns that may be shown to a viewer (viewers: all visitors that the person is; country, topics of interest, whether the feed may be personalised, surface) at a moment: in force, for this viewer, within budget, pacing (what is spent is at most the budget times the share of its time that is over, plus an hour''s worth) and frequency cap, with charges that are not counted yet. Ordered by the worth of the campaign''s best post, then a hash of viewer, day (UTC) and campaign, each with at most three posts, which are alternatives. Without personalisation: only campaigns for everybody, a country or a surface. verticals are those of the 200 creators followed last. disclosure is that of the campaign, room how often it may still be shown to the viewer (NULL = no cap). The posts'' own right to be shown is the feed''s to judge.';

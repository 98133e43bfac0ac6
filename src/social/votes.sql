/*
 * votes.sql
 *
 * Votes of shoppers on products, one per person, and what they weigh. A vote is
 * kept as it was cast; whoever reads weighs it (view vote_weight), so that a
 * better rule needs no change of facts:
 *
 *	weight = (young ? setting "young" : 1) * least(1, limit / votes of the hour)
 *
 * young: the account was younger than "young_age" at the vote. The hour is that
 * of the product, in the vote's direction; its limit is hour_votes, or
 * hour_factor times the mean of the 168 hours before, whichever is greater. So a
 * mob counts at most as a good hour does, and what a vote weighs does not depend
 * on later hours.
 */
CREATE FUNCTION influence_internal.vote_product(visitor_id uuid, product_id bigint, vote int,
	occurred_at timestamptz DEFAULT NULL, program_id bigint DEFAULT NULL, surface text DEFAULT NULL, device text DEFAULT NULL)
RETURNS TABLE (status text, vote_now int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	ref text := 'vote/' || $2;
	moment timestamptz;
	mine influence.vote;
	said float8;
BEGIN
	PERFORM influence_internal.require_shopper($1);
	PERFORM influence_internal.require_product($2);
	PERFORM influence_internal.require_event_time('occurred_at', $4);
	PERFORM influence_internal.require_kept('engagement', 'occurred_at', $4);
	IF $5 IS NOT NULL THEN
		PERFORM influence_internal.program_facts($5);
	END IF;
	IF $3 IS NULL OR $3 NOT IN (-1, 0, 1) THEN
		PERFORM influence_internal.raise_invalid(format('vote %s is not known', coalesce($3::text, 'NULL')), NULL,
			'Use 1 for up, -1 for down, 0 to take it back.');
	END IF;
	PERFORM influence_internal.lock_person($1);
	moment := coalesce($4, clock_timestamp());
	-- a person has one vote, under the visitor that said it last
	SELECT v.* INTO mine FROM influence.vote v
	 WHERE v.product_id = $2 AND v.visitor_id = ANY (influence_internal.person_visitors($1))
	 ORDER BY v.voted_at DESC, v.visitor_id LIMIT 1;
	SELECT e.value INTO said FROM influence.engagement e WHERE e.visitor_id = $1 AND e.occurred_at = moment AND e.event_ref = ref;
	IF said <> $3 OR (mine.voted_at = moment AND mine.vote <> $3) THEN
		PERFORM influence_internal.raise_conflict('vote', format('%s at %s', $2, moment));
	ELSIF said IS NOT NULL OR mine.voted_at = moment OR ($4 IS NULL AND coalesce(mine.vote, 0) = $3) THEN
		RETURN QUERY SELECT 'duplicate', coalesce(mine.vote, 0);
		RETURN;
	END IF;
	IF $3 <> 0 THEN
		PERFORM influence_internal.require_capability($5, 'vote', $1, moment, NULL, $6);
	END IF;
	-- one that comes late is a fact, and no more
	IF (moment < mine.voted_at) IS NOT TRUE THEN
		-- also what only repeats it, or takes nothing back: so the end does not depend on the order of arrival
		DELETE FROM influence.vote v
		 WHERE v.product_id = $2 AND v.visitor_id = ANY (influence_internal.person_visitors($1));
		INSERT INTO influence.vote (visitor_id, product_id, vote, voted_at) VALUES ($1, $2, $3, moment);
	END IF;
	INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, product_id, value, surface, device)
	VALUES ($1, moment, ref, 'vote', $2, $3, $6, $7);
	status := 'recorded';
	vote_now := CASE WHEN moment < mine.voted_at THEN mine.vote ELSE $3 END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.vote_product(uuid, bigint, int, timestamptz, bigint, text, text) IS
'A registered shopper votes on a product: 1 up, -1 down, 0 takes it back. A person has one vote on a product, the latest by occurred_at; an older one that comes late is booked as an engagement and changes nothing, one that repeats the vote moves its time. Without occurred_at a vote that stands already is a duplicate. program_id names the program whose capabilities are asked (NULL: those that hold everywhere). Natural key: visitor, product and occurred_at. -> status recorded | duplicate, vote_now. IN002, IN003, IN004, IN005.';

CREATE FUNCTION influence_internal.create_vote_views()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- each level partitions by product, so that a question about one product reads one product's votes
	CREATE VIEW influence.vote_weight WITH (security_invoker = true) AS
	SELECT w.visitor_id, w.product_id, w.vote, w.voted_at, w.hour, w.young, w.person, w.hour_votes, round(w.hour_limit, 9) AS hour_limit,
		   CASE WHEN w.place > 1 THEN 0
				ELSE round(CASE WHEN w.young THEN w.young_weight ELSE 1 END * least(1, w.hour_limit / greatest(w.hour_votes, 1)), 9) END AS weight
	  FROM (SELECT h.*, greatest(h.least_limit, h.hour_factor * h.week_votes / 168.0) AS hour_limit
			  FROM (SELECT p.*, count(*) FILTER (WHERE p.place = 1) OVER (PARTITION BY p.product_id, p.vote, p.hour) AS hour_votes,
						   count(*) FILTER (WHERE p.place = 1) OVER (PARTITION BY p.product_id, p.vote ORDER BY p.hour
								RANGE BETWEEN interval '168 hours' PRECEDING AND interval '1 hour' PRECEDING) AS week_votes
					  FROM (SELECT b.*, row_number() OVER (PARTITION BY b.product_id, b.person ORDER BY b.voted_at DESC, b.visitor_id) AS place
							  FROM (SELECT v.visitor_id, v.product_id, v.vote, v.voted_at, date_trunc('hour', v.voted_at, 'UTC') AS hour,
										   coalesce(v.voted_at < s.created_at + t.young_age, true) AS young, t.young_weight, t.least_limit, t.hour_factor,
										   -- most visitors have no alias; a ring, which only COPY can make, is cut off
										   CASE WHEN a.visitor_id IS NULL THEN v.visitor_id ELSE (
												WITH RECURSIVE up AS (
													SELECT a.shopper_id AS id, 1 AS depth
													UNION ALL
													SELECT n.shopper_id, u.depth + 1
													  FROM up u JOIN influence.visitor_alias n ON n.visitor_id = u.id
													 WHERE u.depth < 30)
												SELECT u.id FROM up u ORDER BY u.depth DESC LIMIT 1) END AS person
									  FROM influence.vote v
									  LEFT JOIN influence.shopper s ON s.visitor_id = v.visitor_id
									  LEFT JOIN influence.visitor_alias a ON a.visitor_id = v.visitor_id
									 CROSS JOIN (SELECT (x.value ->> 'young')::numeric AS young_weight, (x.value ->> 'young_age')::interval AS young_age,
														(x.value ->> 'hour_votes')::numeric AS least_limit, (x.value ->> 'hour_factor')::numeric AS hour_factor
												   FROM influence.setting x WHERE x.name = 'vote_weights' ORDER BY x.version DESC LIMIT 1) t) b) p
					 WHERE p.vote <> 0) h) w;
	COMMENT ON VIEW influence.vote_weight IS 'What each vote that is not taken back weighs, from 0 to 1: less from an account younger than a day when it voted (young), less in an hour (UTC) in which a product had more votes in one direction than hour_limit, and 0 where the person (at the end of its chain of aliases) voted again under another visitor. Setting vote_weights.';

	CREATE VIEW influence.product_votes WITH (security_invoker = true) AS
	SELECT w.product_id, count(*) FILTER (WHERE w.vote = 1) AS ups, count(*) FILTER (WHERE w.vote = -1) AS downs,
		   coalesce(sum(w.weight) FILTER (WHERE w.vote = 1), 0) AS weighted_ups, coalesce(sum(w.weight) FILTER (WHERE w.vote = -1), 0) AS weighted_downs,
		   coalesce(sum(w.weight * w.vote), 0) AS weighted, count(*) FILTER (WHERE w.young) AS young_votes,
		   count(*) FILTER (WHERE w.weight < 1) AS doubted, min(w.voted_at) AS first_voted_at, max(w.voted_at) AS last_voted_at
	  FROM influence.vote_weight w
	 GROUP BY w.product_id;
	COMMENT ON VIEW influence.product_votes IS 'Votes by product: ups and downs as cast, the same by weight (vote_weight), weighted = ups less downs by weight, how many came from young accounts, and how many count less than a whole vote (doubted). For a score see product_vote_score().';

	CREATE VIEW influence.vote_brigades WITH (security_invoker = true) AS
	SELECT w.product_id, w.hour, w.vote, count(*) AS votes, count(*) FILTER (WHERE w.young) AS young_votes,
		   round(count(*) FILTER (WHERE w.young) / count(*)::numeric, 4) AS young_share, max(w.hour_limit) AS hour_limit,
		   count(*) > max(w.hour_limit) AS over_limit, sum(w.weight) AS weighted
	  FROM influence.vote_weight w
	 GROUP BY w.product_id, w.hour, w.vote
	HAVING count(*) > max(w.hour_limit) OR (count(*) FILTER (WHERE w.young) >= 5 AND count(*) FILTER (WHERE w.young) * 2 >= count(*));
	COMMENT ON VIEW influence.vote_brigades IS 'Hours (UTC) in which a product had more votes in one direction than its limit (over_limit), or at least five from accounts younger than a day that made up half of them or more; weighted is what they count.';
END
$$;
COMMENT ON FUNCTION influence_internal.create_vote_views() IS 'Makes the views vote_weight, product_votes and vote_brigades.';

CREATE FUNCTION influence_internal.product_vote_score(product_ids bigint[] DEFAULT NULL, confidence float8 DEFAULT 0.95)
RETURNS TABLE (product_id bigint, ups bigint, downs bigint, weighted_ups numeric, weighted_downs numeric, share float8, score float8,
			   shrunk float8, doubted bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- Wilson's bound of one success in one trial is 1 / (1 + z^2)
	z2 float8 := 1 / influence.wilson_lower_bound(1, 1, $2) - 1;
	prior float8 := (influence_internal.setting_value('vote_weights') ->> 'prior_votes')::float8;
BEGIN
	PERFORM influence_internal.require_arguments('confidence', $2::text);
	RETURN QUERY
	WITH asked AS (
		SELECT v.* FROM influence.product_votes v WHERE $1 IS NULL OR v.product_id = ANY ($1)
	), category AS (
		SELECT p.category_id, (sum(v.weighted_ups) / nullif(sum(v.weighted_ups + v.weighted_downs), 0))::float8 AS share
		  FROM influence.product p
		  JOIN influence.product_votes v ON v.product_id = p.product_id
		 WHERE p.category_id IN (SELECT x.category_id FROM influence.product x JOIN asked a ON a.product_id = x.product_id)
		 GROUP BY p.category_id
	), counted AS (
		SELECT a.*, c.share AS category_share, (a.weighted_ups + a.weighted_downs)::float8 AS n,
			   (a.weighted_ups / nullif(a.weighted_ups + a.weighted_downs, 0))::float8 AS p
		  FROM asked a
		  JOIN influence.product x ON x.product_id = a.product_id
		  LEFT JOIN category c ON c.category_id = x.category_id
	)
	SELECT c.product_id, c.ups, c.downs, c.weighted_ups, c.weighted_downs, c.p,
		   CASE WHEN c.n = 0 THEN 0
				ELSE greatest(0, (c.p + z2 / (2 * c.n) - sqrt(z2 * (c.p * (1 - c.p) + z2 / (4 * c.n)) / c.n)) / (1 + z2 / c.n)) END,
		   (c.weighted_ups::float8 + prior * c.category_share) / (c.n + prior), c.doubted
	  FROM counted c
	 ORDER BY c.product_id;
END
$$;
COMMENT ON FUNCTION influence_internal.product_vote_score(bigint[], float8) IS
'How products are voted on, by weight (vote_weight): share of ups, score = lower end of Wilson''s interval of that share (J. Amer. Statist. Assoc. 22, 1927: with few votes it is near 0), shrunk = (weighted_ups + k m) / (weighted_ups + weighted_downs + k), m the share of the products of its category, k = prior_votes of the setting vote_weights; doubted = votes that count less than a whole one. NULL = all products with a vote; products without one have no row. Reads the votes of the categories concerned. IN002 bad confidence.';

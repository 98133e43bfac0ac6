/*
 * campaigns_sponsored.sql
 *
 * Campaigns of brands that pay for slots in the feed: creating one, changing its
 * budget, pausing and ending it. What it is priced by, its bid and whom it is
 * for never change: another price is another campaign.
 */
CREATE FUNCTION influence_internal.sponsor_party(program_id bigint, brand text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	account bigint;
BEGIN
	PERFORM influence_internal.require_key('brand', $2);
	IF NOT EXISTS (SELECT FROM influence.product d WHERE d.brand = $2) THEN
		PERFORM influence_internal.raise_unknown('brand', $2, 'Give it as its products have it: influence.add_product(..., brand => ...).');
	END IF;
	-- the lock of create_brand_account(): a brand has one party
	PERFORM influence_internal.lock_key(format('brand account %s %s', $1, $2));
	SELECT a.party_id INTO account FROM influence.sponsor_account a WHERE a.program_id = $1 AND a.brand = $2;
	IF NOT FOUND THEN
		SELECT a.party_id INTO account FROM influence.brand_account a WHERE a.program_id = $1 AND a.brand = $2;
		IF NOT FOUND THEN
			INSERT INTO influence.party (kind) VALUES ('brand') RETURNING party_id INTO account;
		END IF;
		INSERT INTO influence.sponsor_account (program_id, brand, party_id) VALUES ($1, $2, account);
	END IF;
	RETURN account;
END
$$;
COMMENT ON FUNCTION influence_internal.sponsor_party(bigint, text) IS
'The party of a brand that pays for campaigns in a program: that of its brand_account if it has one, else a new one, which makes no commission wait for funding. IN002, IN003 no product of this brand.';

CREATE FUNCTION influence_internal.sponsored_amount(pricing text, bid bigint, units numeric)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.div(bid::pg_catalog.numeric OPERATOR(pg_catalog.*) units,
						  CASE pricing WHEN 'click' THEN 1 ELSE 1000 END::pg_catalog.numeric)::pg_catalog.int8
$$;
COMMENT ON FUNCTION influence_internal.sponsored_amount(text, bigint, numeric) IS
'What so many impressions or clicks cost in minor units: floor(bid x units / 1,000), or bid x units. It telescopes: what is booked for some more is the difference of two of these, so that nothing is lost by rounding.';

CREATE FUNCTION influence_internal.sponsored_units(pricing text, bid bigint, amount numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	-- the greatest n with floor(bid x n / d) <= amount, that is, bid x n < d x (amount + 1)
	SELECT pg_catalog.div(CASE pricing WHEN 'click' THEN 1 ELSE 1000 END::pg_catalog.numeric
						  OPERATOR(pg_catalog.*) (amount OPERATOR(pg_catalog.+) 1) OPERATOR(pg_catalog.-) 1, bid::pg_catalog.numeric)
$$;
COMMENT ON FUNCTION influence_internal.sponsored_units(text, bigint, numeric) IS
'The most impressions or clicks whose sponsored_amount() is not above a whole amount of minor units.';

CREATE FUNCTION influence_internal.targeting_texts(targeting jsonb, key text)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	items jsonb := coalesce($1 -> $2, '[]');
BEGIN
	IF jsonb_typeof(items) <> 'array' OR EXISTS (SELECT FROM jsonb_array_elements(items) e WHERE jsonb_typeof(e) <> 'string')
	   OR EXISTS (SELECT FROM jsonb_array_elements_text(items) e WHERE length(e) NOT BETWEEN 1 AND 200) THEN
		PERFORM influence_internal.raise_invalid(format('targeting "%s" is no list of names', $2), items::text,
			format('Give {"%s": ["...", "..."]}, or leave it out for everybody.', $2));
	END IF;
	RETURN ARRAY(SELECT DISTINCT e FROM jsonb_array_elements_text(items) e ORDER BY e);
END
$$;
COMMENT ON FUNCTION influence_internal.targeting_texts(jsonb, text) IS 'The names of a list in the targeting of a campaign, each once, in order; ''{}'' when it has none. IN002.';

CREATE FUNCTION influence_internal.read_targeting(targeting jsonb, OUT verticals text[], OUT topics bigint[], OUT countries text[],
	OUT surfaces text[], OUT cohorts text[], OUT plans text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	names text[];
	unknown text;
BEGIN
	PERFORM influence_internal.check_keys($1, ARRAY['verticals', 'topics', 'countries', 'surfaces', 'cohorts', 'plans'], 'targeting');
	verticals := influence_internal.targeting_texts($1, 'verticals');
	countries := influence_internal.targeting_texts($1, 'countries');
	PERFORM influence_internal.require_country('country', c) FROM unnest(countries) c;
	surfaces := influence_internal.targeting_texts($1, 'surfaces');
	cohorts := influence_internal.targeting_texts($1, 'cohorts');
	SELECT c INTO unknown FROM unnest(cohorts) c WHERE c !~ '^[a-z0-9_.-]{1,100}$' LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_invalid(format('cohort "%s" is no usable name', unknown), NULL, 'Use 1 to 100 of a-z, 0-9, _, . and -.');
	END IF;
	plans := influence_internal.targeting_texts($1, 'plans');
	SELECT p INTO unknown FROM unnest(plans) p
	 WHERE p <> '*' AND NOT EXISTS (SELECT FROM influence.membership_plan m WHERE m.plan_id = p) LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_unknown('membership plan', unknown, 'Create it with influence.create_membership_plan(plan_id, name); * is any member.');
	END IF;
	names := influence_internal.targeting_texts($1, 'topics');
	SELECT n INTO unknown FROM unnest(names) n WHERE NOT EXISTS (SELECT FROM influence.topic t WHERE t.name = n) LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_unknown('topic', unknown, 'Use topics made with influence.create_topic(name).');
	END IF;
	topics := ARRAY(SELECT t.topic_id FROM influence.topic t WHERE t.name = ANY (names) ORDER BY t.topic_id);
END
$$;
COMMENT ON FUNCTION influence_internal.read_targeting(jsonb) IS 'Whom a campaign is for, as the columns of sponsored_campaign have it. IN002, IN003 no such topic or plan.';

CREATE FUNCTION influence_internal.read_frequency_cap(frequency_cap jsonb, OUT cap int, OUT cap_per interval)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NULL OR $1 = 'null' THEN
		RETURN;
	END IF;
	PERFORM influence_internal.check_keys($1, ARRAY['impressions', 'per'], 'frequency_cap');
	IF jsonb_typeof($1 -> 'impressions') = 'number' AND ($1 ->> 'impressions')::numeric IN (SELECT generate_series(1, 1000))
	   AND jsonb_typeof($1 -> 'per') = 'string' THEN
		cap := ($1 ->> 'impressions')::numeric;
		BEGIN
			cap_per := ($1 ->> 'per')::interval;
		EXCEPTION WHEN data_exception THEN
			NULL;
		END;
	END IF;
	IF cap_per > interval '0' AND cap_per <= interval '31 days' THEN
		RETURN;
	END IF;
	PERFORM influence_internal.raise_invalid('the frequency cap is not possible', $1::text,
		'Give {"impressions": 3, "per": "1 day"} or so: 1 to 1000 impressions per at most 31 days; NULL is no cap.');
END
$$;
COMMENT ON FUNCTION influence_internal.read_frequency_cap(jsonb) IS 'How many impressions of a campaign a viewer gets per interval; both NULL without a cap. IN002.';

CREATE FUNCTION influence_internal.create_sponsored_campaign(program_id bigint, campaign_ref text, brand text, name text, post_ids bigint[],
	budget bigint, pricing text, bid bigint, valid_from timestamptz, valid_to timestamptz, targeting jsonb DEFAULT '{}',
	frequency_cap jsonb DEFAULT '{"impressions": 3, "per": "1 day"}', disclosure text DEFAULT 'paid')
RETURNS TABLE (status text, sponsored_campaign_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea;
	known record;
	who record;
	cap record;
	posts bigint[];
	unknown bigint;
	account bigint;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('campaign_ref', $2);
	PERFORM influence_internal.require_key('brand', $3);
	PERFORM influence_internal.require_key('name', $4);
	PERFORM influence_internal.require_arguments('post_ids', $5::text, 'budget', $6::text, 'pricing', $7, 'bid', $8::text, 'valid_from', $9::text,
		'valid_to', $10::text, 'targeting', $11::text, 'disclosure', $13);
	posts := ARRAY(SELECT DISTINCT p FROM unnest($5) p WHERE p IS NOT NULL ORDER BY p);
	hash := influence_internal.content_hash(jsonb_build_array($3, $4, posts, $6, $7, $8, $9, $10, $11, $12, $13));
	PERFORM influence_internal.lock_key(format('sponsored campaign %s %s', $1, $2));
	SELECT c.sponsored_campaign_id, c.content_hash INTO known
	  FROM influence.sponsored_campaign c WHERE c.program_id = $1 AND c.campaign_ref = $2;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('sponsored campaign', $2);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.sponsored_campaign_id;
		RETURN;
	END IF;
	IF $7 NOT IN ('impression', 'click') THEN
		PERFORM influence_internal.raise_invalid(format('pricing "%s" is not known', $7), NULL, 'Use impression (bid per 1,000) or click.');
	ELSIF $6 <= 0 OR $8 <= 0 THEN
		PERFORM influence_internal.raise_invalid('budget and bid are above 0', format('budget: %s, bid: %s.', $6, $8), 'Give minor units.');
	ELSIF influence_internal.sponsored_units($7, $8, $6) < 1 THEN
		PERFORM influence_internal.raise_invalid(format('the budget does not cover one %s', $7), format('budget: %s, bid: %s.', $6, $8),
			'Give a greater budget, or a lower bid (minor units per 1,000 impressions, or per click).');
	ELSIF NOT isfinite($9) OR NOT isfinite($10) OR $10 <= $9 OR $10 - $9 > interval '366 days' THEN
		PERFORM influence_internal.raise_invalid('a campaign runs for a time of up to a year', format('From %s until before %s.', $9, $10),
			'Give a valid_to after valid_from: the budget is spread between them.');
	ELSIF cardinality(posts) NOT BETWEEN 1 AND 100 THEN
		PERFORM influence_internal.raise_invalid(format('a campaign has 1 to 100 posts, not %s', cardinality(posts)), NULL, 'Give post_ids.');
	ELSIF $13 NOT IN ('affiliate', 'gifted', 'paid') THEN
		PERFORM influence_internal.raise_invalid(format('disclosure "%s" is not possible in a sponsored row', $13), NULL, 'Use paid, gifted or affiliate.');
	END IF;
	PERFORM influence_internal.require_event_time('valid_from', $9, interval '2 years');
	SELECT * INTO who FROM influence_internal.read_targeting($11);
	SELECT * INTO cap FROM influence_internal.read_frequency_cap($12);
	SELECT u.p INTO unknown FROM unnest(posts) u(p)
	 WHERE NOT EXISTS (SELECT FROM influence.post x WHERE x.post_id = u.p AND x.program_id = $1) LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_unknown('post', unknown::text, format('Use posts of program %s.', $1));
	END IF;
	account := influence_internal.sponsor_party($1, $3);
	INSERT INTO influence.sponsored_campaign (program_id, campaign_ref, name, brand, party_id, pricing, bid, currency, valid, verticals, topics,
											  countries, surfaces, cohorts, plans, cap, cap_per, disclosure, budget, status, content_hash)
	SELECT $1, $2, $4, $3, account, $7, $8, f.currency, tstzrange($9, $10), who.verticals, who.topics, who.countries, who.surfaces, who.cohorts,
		   who.plans, cap.cap, cap.cap_per, $13, $6, 'active', hash
	  FROM influence_internal.program_facts($1) f
	RETURNING sponsored_campaign_id INTO sponsored_campaign_id;
	INSERT INTO influence.sponsored_change (sponsored_campaign_id, change_no, budget, status, actor)
	VALUES (create_sponsored_campaign.sponsored_campaign_id, 1, $6, 'active', 'create_sponsored_campaign');
	INSERT INTO influence.sponsored_total (sponsored_campaign_id) VALUES (create_sponsored_campaign.sponsored_campaign_id);
	INSERT INTO influence.sponsored_post (sponsored_campaign_id, post_id, creator_id, place)
	SELECT create_sponsored_campaign.sponsored_campaign_id, x.post_id, x.creator_id, row_number() OVER (ORDER BY x.post_id DESC)
	  FROM influence.post x WHERE x.post_id = ANY (posts);
	PERFORM influence_internal.renew_worth(create_sponsored_campaign.sponsored_campaign_id);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_sponsored_campaign(bigint, text, text, text, bigint[], bigint, text, bigint, timestamptz, timestamptz, jsonb, jsonb, text) IS
'Creates a campaign of a brand (as its products have it) that pays for slots in the feed of a program with 1 to 100 posts of the program, from valid_from until before valid_to (at most 366 days). budget: the most it is charged; bid: per 1,000 impressions (pricing impression) or per click (pricing click); both in minor units of the program''s currency. targeting: {"verticals": [], "topics": [names], "countries": [], "surfaces": [], "cohorts": [], "plans": []}; of each list that is given one has to fit the viewer (plan * = any member). frequency_cap: impressions of one viewer per interval, NULL = no cap. disclosure (paid, gifted, affiliate) stands in its rows of the feed, whatever the post says. Natural key: program_id and campaign_ref. -> status recorded | duplicate, sponsored_campaign_id. IN002, IN003 no such program, brand, post, topic or plan, IN004.';

CREATE FUNCTION influence_internal.set_sponsored_budget(sponsored_campaign_id bigint, budget bigint, actor text, reason text DEFAULT NULL)
RETURNS TABLE (status text, spent bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	this record;
BEGIN
	PERFORM influence_internal.require_key('actor', $3);
	PERFORM influence_internal.require_arguments('budget', $2::text);
	-- what was delivered until now is charged first: a lower budget takes nothing back
	SELECT * INTO this FROM influence_internal.settle_sponsored($1);
	spent := this.spent;
	SELECT c.budget, c.status, c.pricing, c.bid INTO this FROM influence.sponsored_campaign c WHERE c.sponsored_campaign_id = $1;
	status := 'duplicate';
	IF this.budget <> $2 THEN
		IF $2 <= 0 OR influence_internal.sponsored_units(this.pricing, this.bid, $2) < 1 THEN
			PERFORM influence_internal.raise_invalid(format('the budget does not cover one %s', this.pricing),
				format('budget: %s, bid: %s.', $2, this.bid), 'Give more minor units, or end the campaign with influence.set_sponsored_status(...).');
		ELSIF $2 < spent THEN
			PERFORM influence_internal.raise_refused('more than this budget is spent', format('Campaign %s was charged %s minor units.', $1, spent),
				'Give at least that; to stop the campaign, influence.set_sponsored_status(sponsored_campaign_id, ''ended'', actor).');
		ELSIF this.status = 'ended' THEN
			PERFORM influence_internal.raise_refused(format('sponsored campaign %s has ended', $1), NULL, 'Create another campaign.');
		END IF;
		PERFORM influence_internal.change_sponsored($1, $2, this.status, $3, $4);
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_sponsored_budget(bigint, bigint, text, text) IS
'Changes the budget of a campaign (minor units, for all of its time) from now on; not below what it was charged. What was delivered beyond the old budget stays free. -> status recorded | duplicate (it has this budget), spent. IN002, IN003 no such campaign, IN005 more is spent, or it has ended.';

CREATE FUNCTION influence_internal.set_sponsored_status(sponsored_campaign_id bigint, new_status text, actor text, reason text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	this record;
BEGIN
	PERFORM influence_internal.require_key('actor', $3);
	IF $2 IS NULL OR $2 NOT IN ('active', 'paused', 'ended') THEN
		PERFORM influence_internal.raise_invalid(format('campaign status "%s" is not known', $2), NULL, 'Use active, paused or ended.');
	END IF;
	PERFORM influence_internal.settle_sponsored($1);
	SELECT c.budget, c.status INTO this FROM influence.sponsored_campaign c WHERE c.sponsored_campaign_id = $1;
	status := 'duplicate';
	IF this.status <> $2 THEN
		IF this.status = 'ended' THEN
			PERFORM influence_internal.raise_refused(format('sponsored campaign %s has ended', $1), NULL, 'Create another campaign.');
		END IF;
		PERFORM influence_internal.change_sponsored($1, this.budget, $2, $3, $4);
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_sponsored_status(bigint, text, text, text) IS
'Pauses a campaign (paused), lets it go on (active), or ends it for good (ended), from now on. What was shown before is charged. -> status recorded | duplicate (it is so). IN002, IN003 no such campaign, IN005 it has ended.';

CREATE FUNCTION influence_internal.change_sponsored(sponsored_campaign_id bigint, budget bigint, new_status text, actor text, reason text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	UPDATE influence.sponsored_campaign c
	   SET budget = $2, status = $3, ended_at = CASE WHEN $3 = 'ended' THEN least(clock_timestamp(), upper(c.valid)) END
	 WHERE c.sponsored_campaign_id = $1;
	INSERT INTO influence.sponsored_change (sponsored_campaign_id, change_no, changed_at, budget, status, actor, reason)
	SELECT $1, max(h.change_no) + 1, clock_timestamp(), $2, $3, $4, $5 FROM influence.sponsored_change h WHERE h.sponsored_campaign_id = $1;
END
$$;
COMMENT ON FUNCTION influence_internal.change_sponsored(bigint, bigint, text, text, text) IS
'Gives a campaign a budget and a status, and says so in its history; the caller holds the lock of settle_sponsored().';

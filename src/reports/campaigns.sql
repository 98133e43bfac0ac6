/*
 * campaigns.sql
 *
 * Campaigns: a set of products, a range of time, a budget, and what they cost
 * beside commissions. Posts and touches name the campaign that they are part
 * of; what it brought is in the views campaign_report and roi_report. And
 * surveys, which say what no database of sales can.
 */
CREATE FUNCTION influence_internal.require_campaign(campaign_id bigint, program_id bigint DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM influence.campaign c WHERE c.campaign_id = $1) THEN
		PERFORM influence_internal.raise_unknown('campaign', $1::text, 'Create it with influence.create_campaign(program_id, campaign_ref, name).');
	ELSIF NOT EXISTS (SELECT FROM influence.campaign c WHERE c.campaign_id = $1 AND c.program_id = coalesce($2, c.program_id)) THEN
		PERFORM influence_internal.raise_unknown('campaign', $1::text, format('Use a campaign of program %s.', $2));
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_campaign(bigint, bigint) IS 'Raises IN003 unless there is this campaign (NULL is none), of that program if one is given.';

CREATE FUNCTION influence_internal.create_campaign(program_id bigint, campaign_ref text, name text, brand text DEFAULT NULL,
	budget bigint DEFAULT NULL, valid_from timestamptz DEFAULT NULL, valid_to timestamptz DEFAULT NULL, products bigint[] DEFAULT '{}',
	paid boolean DEFAULT false)
RETURNS TABLE (status text, campaign_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea;
	known record;
	begins_at timestamptz := coalesce($6, now());
	range tstzrange;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('campaign_ref', $2);
	PERFORM influence_internal.require_key('name', $3);
	PERFORM influence_internal.require_arguments('products', $8::text, 'paid', $9::text);
	PERFORM influence_internal.require_begin('valid_from', begins_at);
	hash := influence_internal.content_hash(jsonb_build_array($3, $4, $5, $6, $7, (SELECT array_agg(DISTINCT p ORDER BY p) FROM unnest($8) p), $9));
	PERFORM influence_internal.lock_key(format('campaign %s %s', $1, $2));
	SELECT c.campaign_id, c.content_hash INTO known FROM influence.campaign c WHERE c.program_id = $1 AND c.campaign_ref = $2;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('campaign', $2);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.campaign_id;
		RETURN;
	END IF;
	IF $4 IS NOT NULL THEN
		PERFORM influence_internal.require_key('brand', $4);
	END IF;
	IF $5 < 0 THEN
		PERFORM influence_internal.raise_invalid('the budget is negative', format('budget: %s.', $5), 'Give 0 or more minor units, or NULL for none.');
	END IF;
	range := influence_internal.validity(begins_at, $7);
	INSERT INTO influence.campaign (program_id, campaign_ref, name, brand, budget, valid, stated, paid, content_hash)
	VALUES ($1, $2, $3, $4, $5, range, range, $9, hash)
	RETURNING campaign_id INTO campaign_id;
	PERFORM influence_internal.add_campaign_products(create_campaign.campaign_id, $8);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_campaign(bigint, text, text, text, bigint, timestamptz, timestamptz, bigint[], boolean) IS
'Creates a campaign of a program over a set of products, from valid_from (NULL = now) until before valid_to (NULL = open; end_campaign() ends it earlier), for a brand or not. budget: minor units of the program''s currency, to compare with what it costs; nothing is stopped by it. paid: creators are paid for its posts beside commissions, which posts of the campaign have to disclose. Posts (details.campaign_id) and touches (details.campaign_id, or that of their post) name it. Natural key: program_id and campaign_ref. -> status recorded | duplicate, campaign_id. IN002, IN003 no such program or product, IN004.';

CREATE FUNCTION influence_internal.end_campaign(campaign_id bigint, valid_to timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	ended record;
BEGIN
	PERFORM influence_internal.require_campaign($1);
	PERFORM influence_internal.require_end('valid_to', $2);
	PERFORM influence_internal.lock_key('campaign ' || $1);
	SELECT c.valid, c.stated INTO known FROM influence.campaign c WHERE c.campaign_id = $1;
	SELECT * INTO ended FROM influence_internal.end_validity(known.stated, known.valid, $2, format('campaign %s', $1));
	UPDATE influence.campaign c SET valid = ended.rest WHERE c.campaign_id = $1 AND ended.status = 'recorded';
	RETURN QUERY SELECT ended.status;
END
$$;
COMMENT ON FUNCTION influence_internal.end_campaign(bigint, timestamptz) IS
'Ends a campaign of create_campaign(): sales of its products from valid_to on are no longer counted as made while it ran (the set_ columns of campaign_report); a valid_to before its beginning undoes it. What its posts and touches still bring is credited to it as before, its costs stay, and late ones can be recorded. -> status recorded | duplicate (it ends then). IN002, IN003 no such campaign, IN005 it ends earlier already.';

CREATE FUNCTION influence_internal.add_campaign_products(campaign_id bigint, products bigint[])
RETURNS TABLE (status text, added int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_campaign($1);
	PERFORM influence_internal.require_arguments('products', $2::text);
	PERFORM influence_internal.require_product(p)
	   FROM (SELECT u.p FROM unnest($2) u(p) LEFT JOIN influence.product x ON x.product_id = u.p WHERE x.product_id IS NULL LIMIT 1) m;
	INSERT INTO influence.campaign_product (campaign_id, product_id)
	SELECT DISTINCT $1, p FROM unnest($2) p
	ON CONFLICT DO NOTHING;
	GET DIAGNOSTICS added = ROW_COUNT;
	status := CASE WHEN added > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.add_campaign_products(bigint, bigint[]) IS
'Adds products to a campaign; they count for all of its time. -> status recorded | duplicate (it had all of them), added (how many were new). IN002, IN003 no such campaign or product.';

CREATE FUNCTION influence_internal.record_campaign_cost(campaign_id bigint, cost_ref text, kind text, amount bigint,
	incurred_at timestamptz DEFAULT NULL, creator_id bigint DEFAULT NULL, note text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea := influence_internal.content_hash(jsonb_build_array($3, $4, $5, $6, $7));
	known bytea;
BEGIN
	PERFORM influence_internal.require_campaign($1);
	PERFORM influence_internal.require_key('cost_ref', $2);
	PERFORM influence_internal.require_arguments('amount', $4::text);
	PERFORM influence_internal.require_event_time('incurred_at', $5, interval '2 years');
	IF $3 IS NULL OR $3 NOT IN ('media', 'production', 'sample', 'agency', 'other') THEN
		PERFORM influence_internal.raise_invalid(format('cost kind "%s" is not known', $3), NULL, 'Use media, production, sample, agency or other.');
	ELSIF $6 IS NOT NULL THEN
		PERFORM influence_internal.require_creator($6);
	END IF;
	INSERT INTO influence.campaign_cost (campaign_id, cost_ref, creator_id, kind, amount, incurred_at, note, content_hash)
	VALUES ($1, $2, $6, $3, $4, coalesce($5, now()), $7, hash)
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	IF NOT FOUND THEN
		SELECT c.content_hash INTO known FROM influence.campaign_cost c WHERE c.campaign_id = $1 AND c.cost_ref = $2;
		IF known <> hash THEN
			PERFORM influence_internal.raise_conflict('cost', $2);
		END IF;
		status := 'duplicate';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_campaign_cost(bigint, text, text, bigint, timestamptz, bigint, text) IS
'Records what a campaign cost beside commissions, bonuses and fees: media, production, sample, agency or other, in minor units of the program''s currency (below 0: what came back of it), for one creator or for all. incurred_at NULL = now. Fixed fees that are paid to creators through the ledger are recorded with influence.record_bonus(), and not once more here. Natural key: campaign_id and cost_ref. -> status recorded | duplicate. IN002, IN003 no such campaign or creator, IN004.';

CREATE FUNCTION influence_internal.record_survey(survey text, metric text, value numeric, measured_at timestamptz, source text,
	country text DEFAULT '', segment text DEFAULT '', sample_size bigint DEFAULT NULL, campaign_id bigint DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
BEGIN
	PERFORM influence_internal.require_key('survey', $1);
	PERFORM influence_internal.require_key('metric', $2);
	PERFORM influence_internal.require_arguments('value', $3::text, 'measured_at', $4::text, 'source', $5, 'country', $6, 'segment', $7);
	PERFORM influence_internal.require_event_time('measured_at', $4);
	PERFORM influence_internal.require_country('country', nullif($6, ''));
	IF $3 IN ('NaN', 'Infinity', '-Infinity') THEN
		PERFORM influence_internal.raise_invalid('the value is not a number', format('value: %s.', $3), 'Give a finite number, for instance 0.8 for 80 %.');
	ELSIF $8 < 1 THEN
		PERFORM influence_internal.raise_invalid('the sample is empty', format('sample_size: %s.', $8), 'Give how many were asked, or NULL when it is not known.');
	ELSIF $9 IS NOT NULL THEN
		PERFORM influence_internal.require_campaign($9);
	END IF;
	INSERT INTO influence.survey_result (survey, metric, country, segment, measured_at, value, sample_size, source, campaign_id)
	VALUES ($1, $2, $6, $7, $4, $3, $8, $5, $9)
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	IF NOT FOUND THEN
		SELECT s.value, s.sample_size, s.source, s.campaign_id INTO known
		  FROM influence.survey_result s
		 WHERE s.survey = $1 AND s.metric = $2 AND s.country = $6 AND s.segment = $7 AND s.measured_at = $4;
		IF (known.value, known.sample_size, known.source, known.campaign_id) IS DISTINCT FROM ($3, $8, $5, $9) THEN
			PERFORM influence_internal.raise_conflict('survey result', format('%s/%s', $1, $2));
		END IF;
		status := 'duplicate';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_survey(text, text, numeric, timestamptz, text, text, text, bigint, bigint) IS
'Records a figure of a survey (0.8 for 80 %) as measured at a moment, by its source, for a country and a segment ('''' = all), with the number of people asked and the campaign that it is about, if any. Natural key: survey, metric, country, segment, measured_at. -> status recorded | duplicate. IN002, IN003 no such campaign, IN004.';

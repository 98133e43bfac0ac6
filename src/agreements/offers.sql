/*
 * offers.sql
 *
 * A seller offers a creator a rate of its own for a product; the creator takes
 * it or not. What is taken becomes a row of the rate card for this creator and
 * product, from then on: the most specific row there is, so orders find it
 * without knowing of offers. The rate card stays with the operators, who make
 * the offers; services pass on what creators answer.
 */
CREATE FUNCTION influence_internal.make_offer(program_id bigint, creator_id bigint, offer_ref text, seller text, product_id bigint, actor text,
	rate numeric DEFAULT NULL, flat_amount bigint DEFAULT NULL, valid_from timestamptz DEFAULT NULL,
	valid_to timestamptz DEFAULT 'infinity', expires_at timestamptz DEFAULT 'infinity', note text DEFAULT NULL,
	offered_at timestamptz DEFAULT NULL)
RETURNS TABLE (status text, offer_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea := influence_internal.content_hash(jsonb_build_array($2, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13));
	key text := influence_internal.require_name('seller', $4);
	moment timestamptz := coalesce($13, now());
	wanted tstzrange;
	known record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_remembered($2);
	PERFORM influence_internal.require_key('offer_ref', $3);
	PERFORM influence_internal.lock_key(format('offer %s %s', $1, $3));
	SELECT o.offer_id, o.content_hash INTO known FROM influence.offer o WHERE o.program_id = $1 AND o.offer_ref = $3;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('offer', $3);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.offer_id;
		RETURN;
	END IF;
	-- not before: a retry may come when the offer has expired
	PERFORM influence_internal.require_product($5);
	PERFORM influence_internal.require_key('actor', $6);
	PERFORM influence_internal.require_arguments('expires_at', $11::text);
	PERFORM influence_internal.require_event_time('offered_at', $13);
	wanted := influence_internal.stated_range(coalesce($9, $13, now()), $10);
	PERFORM influence_internal.check_commission_rate($7, $2, $5, 0, '', $8, lower(wanted), $10, '', '', '', 0);
	IF $11 <= moment THEN
		PERFORM influence_internal.raise_invalid('the offer expires before it is made', format('Made %s, expires %s.', moment, $11),
			'Let expires_at be after offered_at; infinity is never.');
	ELSIF $10 <= moment THEN
		PERFORM influence_internal.raise_invalid('the offer''s rate ends before the offer is made', format('Made %s, valid_to %s.', moment, $10),
			'Let valid_to be after offered_at.');
	END IF;
	SELECT p.seller, influence_internal.name_key(p.seller) AS seller_key, influence_internal.name_key(p.brand) AS brand_key
	  INTO known FROM influence.product p WHERE p.product_id = $5;
	IF known.seller_key <> key THEN
		PERFORM influence_internal.raise_refused(format('product %s is sold by another seller', $5), format('Seller: %s.', known.seller),
			'Sellers offer rates for what they sell.');
	ELSIF EXISTS (SELECT FROM influence.authorised_seller a
				   WHERE a.brand_key = known.brand_key AND lower(a.stated) <= moment AND NOT isempty(a.valid))
		  AND NOT EXISTS (SELECT FROM influence.authorised_seller a
						   WHERE a.brand_key = known.brand_key AND a.seller_key IN ('*', key) AND a.valid @> moment) THEN
		PERFORM influence_internal.raise_refused(format('the seller "%s" is not authorised by the brand', $4), NULL,
			'Authorise it with influence.authorise_seller(brand, seller).');
	END IF;
	INSERT INTO influence.offer (creator_id, program_id, offer_ref, seller, product_id, rate, flat_amount, valid, offered_at, expires_at,
								 note, actor, content_hash)
	VALUES ($2, $1, $3, $4, $5, $7, $8, wanted, moment, $11, $12, $6, hash)
	RETURNING offer_id INTO offer_id;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.make_offer(bigint, bigint, text, text, bigint, text, numeric, bigint, timestamptz, timestamptz, timestamptz, text, timestamptz) IS
'A seller offers a creator a commission of its own for a product: either rate, a fraction of the credited base (0.12 for 12 %), or flat_amount, minor units of the program''s currency per piece; for orders placed from valid_from (NULL = from the acceptance on) until valid_to. It can be taken from offered_at (NULL = now) until expires_at. The seller is the product''s, where the catalogue names one, and authorised by its brand. Natural key: program and offer_ref. -> status recorded | duplicate, offer_id. IN002, IN003, IN004, IN005 another or no authorised seller.';

CREATE FUNCTION influence_internal.answer_offer(program_id bigint, offer_ref text, answer text, actor text, at timestamptz, note text)
RETURNS TABLE (status text, state text, rate_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	moment timestamptz := coalesce($5, now());
	since timestamptz;
	bar text;
	known record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('offer_ref', $2);
	PERFORM influence_internal.require_key('actor', $4);
	PERFORM influence_internal.require_event_time('decided_at', $5);
	PERFORM influence_internal.lock_key(format('offer %s %s', $1, $2));
	SELECT o.* INTO known FROM influence.offer o WHERE o.program_id = $1 AND o.offer_ref = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('offer', $2, 'Make it with influence.make_offer(...).');
	ELSIF known.state = $3 THEN
		IF known.decided_by <> $4 OR known.decided_at <> coalesce($5, known.decided_at) OR known.decision_note IS DISTINCT FROM $6 THEN
			PERFORM influence_internal.raise_conflict('answer to offer', $2);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.state, known.rate_id;
		RETURN;
	ELSIF known.state <> 'open' THEN
		PERFORM influence_internal.raise_refused(format('offer "%s" is %s already', $2, known.state),
			format('Since %s, by %s.', known.decided_at, known.decided_by),
			'Make a new offer; a rate that was agreed ends by influence.set_commission_rate with the same creator and product.');
	ELSIF moment < known.offered_at THEN
		PERFORM influence_internal.raise_invalid('the offer is answered before it was made', format('Made %s.', known.offered_at),
			'Give the moment of the answer.');
	END IF;
	IF $3 = 'accepted' THEN
		since := greatest(moment, lower(known.valid));
		IF moment >= known.expires_at OR since >= upper(known.valid) THEN
			PERFORM influence_internal.raise_refused(format('offer "%s" has expired', $2),
				format('It could be taken until %s.', least(known.expires_at, coalesce(upper(known.valid), 'infinity'))), 'Make a new offer.');
		END IF;
		bar := influence_internal.earning_bar($1, known.creator_id, moment);
		IF bar IS NOT NULL THEN
			PERFORM influence_internal.raise_refused(format('creator %s earns nothing in this program', known.creator_id), format('Reason: %s.', bar),
				'Apply with influence.apply_creator(program_id, creator_id), which also shows an earlier decision.');
		END IF;
		-- also waits for an exclusivity that is being agreed
		PERFORM influence_internal.require_taggable($1, known.creator_id, ARRAY[known.product_id], since);
		SELECT r.rate_id INTO rate_id
		  FROM influence_internal.set_commission_rate($1, known.rate, known.creator_id, known.product_id, flat_amount => known.flat_amount,
				valid_from => since, valid_to => coalesce(upper(known.valid), 'infinity')) r;
	END IF;
	UPDATE influence.offer o SET state = $3, decided_at = moment, decided_by = $4, decision_note = $6, rate_id = answer_offer.rate_id
	 WHERE o.creator_id = known.creator_id AND o.offer_id = known.offer_id;
	status := 'recorded';
	state := $3;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.answer_offer(bigint, text, text, text, timestamptz, text) IS
'Ends an open offer as accepted, declined or withdrawn; an accepted one becomes a row of the rate card. -> status recorded | duplicate, state, rate_id. IN002 to IN005, IN011 another rate of this creator and product is in the way.';

CREATE FUNCTION influence_internal.decide_offer(program_id bigint, offer_ref text, accepted boolean, actor text,
	decided_at timestamptz DEFAULT NULL, note text DEFAULT NULL)
RETURNS TABLE (status text, state text, rate_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_arguments('accepted', $3::text);
	RETURN QUERY SELECT a.*
				   FROM influence_internal.answer_offer($1, $2, CASE WHEN $3 THEN 'accepted' ELSE 'declined' END, $4, $5, $6) a;
END
$$;
COMMENT ON FUNCTION influence_internal.decide_offer(bigint, text, boolean, text, timestamptz, text) IS
'The creator takes an offer or declines it, at decided_at (NULL = now). Taken, it becomes a row of the rate card for this creator and product, from decided_at on or from when the offer begins: an open rate of both ends there and goes on after it, as set_commission_rate says; orders recorded before keep their rate. The creator is admitted and active, and may show the product. Natural key: program and offer_ref. -> status recorded | duplicate, state accepted | declined, rate_id. IN002, IN003, IN004 answered otherwise, IN005 expired, withdrawn, declined, or barred, IN011 another rate of this creator and product with an end is in the way.';

CREATE FUNCTION influence_internal.withdraw_offer(program_id bigint, offer_ref text, actor text, withdrawn_at timestamptz DEFAULT NULL,
	note text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT a.status FROM influence_internal.answer_offer($1, $2, 'withdrawn', $3, $4, $5) a;
END
$$;
COMMENT ON FUNCTION influence_internal.withdraw_offer(bigint, text, text, timestamptz, text) IS
'Takes back an offer that nobody answered yet. Natural key: program and offer_ref. -> status recorded | duplicate. IN002, IN003, IN004, IN005 it is accepted or declined already.';

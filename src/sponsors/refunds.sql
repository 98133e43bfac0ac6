/*
 * refunds.sql
 *
 * What is given back, for instance clicks of bots, and what a brand paid. A
 * refund names what it is for: an impression or click is refunded once, and what
 * was free costs nothing to give back.
 */
CREATE FUNCTION influence_internal.refund_sponsored(sponsored_campaign_id bigint, refund_ref text, impression_ids bigint[], reason text, actor text)
RETURNS TABLE (status text, units bigint, amount bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	ids bigint[] := ARRAY(SELECT DISTINCT i FROM unnest($3) i WHERE i IS NOT NULL ORDER BY i);
	hash bytea := influence_internal.content_hash(jsonb_build_array(ids, $4, $5));
	this record;
	known record;
	item record;
	unknown bigint;
	charged bigint;
	part bigint;
BEGIN
	PERFORM influence_internal.require_key('refund_ref', $2);
	PERFORM influence_internal.require_key('actor', $5);
	IF $4 IS NULL OR length($4) NOT BETWEEN 1 AND 2000 THEN
		PERFORM influence_internal.raise_invalid('a refund has a reason', NULL, 'Say in 1 to 2000 characters why, for instance "clicks of bots".');
	ELSIF ids = '{}' THEN
		PERFORM influence_internal.raise_invalid('a refund of nothing', NULL, 'Give impression_ids of the table influence.sponsored_charge.');
	END IF;
	-- what is pending is charged first, so that everything is either charged or free
	PERFORM influence_internal.settle_sponsored($1);
	SELECT x.* INTO known FROM influence.sponsored_refund x WHERE x.sponsored_campaign_id = $1 AND x.refund_ref = $2;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('refund', $2);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.units, known.amount;
		RETURN;
	END IF;
	SELECT c.program_id, c.party_id, c.pricing, c.bid, c.currency, g.time_zone, t.units, t.entries INTO this
	  FROM influence.sponsored_campaign c
	  JOIN influence.program g ON g.program_id = c.program_id
	  JOIN influence.sponsored_total t ON t.sponsored_campaign_id = c.sponsored_campaign_id
	 WHERE c.sponsored_campaign_id = $1;
	SELECT i INTO unknown FROM unnest(ids) i
	 WHERE NOT EXISTS (SELECT FROM influence.sponsored_charge x
						WHERE x.sponsored_campaign_id = $1 AND x.kind = this.pricing AND x.impression_id = i) LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_unknown('the charge for impression', unknown::text,
			format('Give impression_ids of rows of kind %s of the campaign in influence.sponsored_charge; after the setting retention they are dropped.', this.pricing));
	END IF;
	SELECT i INTO unknown FROM unnest(ids) i
	 WHERE EXISTS (SELECT FROM influence.sponsored_refund_line l WHERE l.sponsored_campaign_id = $1 AND l.impression_id = i) LIMIT 1;
	IF FOUND THEN
		PERFORM influence_internal.raise_refused(format('the charge for impression %s is refunded already', unknown), NULL,
			'Leave it out; see the table influence.sponsored_refund_line.');
	END IF;
	units := 0;
	amount := 0;
	charged := this.units;
	FOR item IN
		SELECT (x.occurred_at AT TIME ZONE this.time_zone)::date AS day, count(*) AS units
		  FROM influence.sponsored_charge x
		 WHERE x.sponsored_campaign_id = $1 AND x.kind = this.pricing AND x.impression_id = ANY (ids)
		   AND NOT EXISTS (SELECT FROM influence.sponsored_free f WHERE f.sponsored_campaign_id = $1 AND f.impression_id = x.impression_id)
		 GROUP BY 1
		 ORDER BY 1 DESC
	LOOP
		part := influence_internal.sponsored_amount(this.pricing, this.bid, charged)
				- influence_internal.sponsored_amount(this.pricing, this.bid, charged - item.units);
		charged := charged - item.units;
		UPDATE influence.sponsored_day d
		   SET units = d.units - item.units, refunded = d.refunded + item.units, amount = d.amount - part
		 WHERE d.sponsored_campaign_id = $1 AND d.day = item.day;
		units := units + item.units;
		amount := amount + part;
	END LOOP;
	INSERT INTO influence.sponsored_refund (sponsored_campaign_id, refund_ref, units, amount, reason, actor, content_hash)
	VALUES ($1, $2, refund_sponsored.units, refund_sponsored.amount, $4, $5, hash);
	INSERT INTO influence.sponsored_refund_line (sponsored_campaign_id, impression_id, refund_ref) SELECT $1, i, $2 FROM unnest(ids) i;
	IF amount > 0 THEN
		INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency,
									  occurred_at, available_at, source, note)
		VALUES (this.party_id, this.program_id, influence_internal.sponsored_entry_key($1, this.entries + 1), 'sponsored_refund',
				'platform_revenue', 'brand_receivable', refund_sponsored.amount, this.currency, now(), now(), 'adjustment', $4);
	END IF;
	UPDATE influence.sponsored_total t
	   SET units = charged, refunded = t.refunded + refund_sponsored.units, spent = t.spent - refund_sponsored.amount,
		   entries = t.entries + (refund_sponsored.amount > 0)::int, settled_at = now()
	 WHERE t.sponsored_campaign_id = $1;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.refund_sponsored(bigint, text, bigint[], text, text) IS
'Gives back what a campaign was charged for impressions, or clicks (of its pricing), named by their impression_id, for instance those of bots; each can be refunded once, and what was free gives nothing back. The campaign may spend what comes back. Natural key: sponsored_campaign_id and refund_ref. -> status recorded | duplicate, units that had been charged, amount in minor units: what so many fewer units cost less. IN002, IN003 no such campaign, impression or click, IN004, IN005 refunded already.';

CREATE FUNCTION influence_internal.record_sponsor_payment(program_id bigint, brand text, amount bigint, payment_ref text,
	received_at timestamptz DEFAULT NULL, note text DEFAULT NULL)
RETURNS TABLE (status text, paid numeric)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	money text;
	account bigint;
	known record;
	at timestamptz := coalesce($5, now());
BEGIN
	SELECT f.currency INTO money FROM influence_internal.program_facts($1) f;
	PERFORM influence_internal.require_key('payment_ref', $4);
	PERFORM influence_internal.require_event_time('received_at', $5);
	IF $3 IS NULL OR $3 <= 0 THEN
		PERFORM influence_internal.raise_invalid('the amount of a payment is not positive', format('amount: %s.', coalesce($3::text, 'NULL')),
			'Give minor units, as they came in.');
	END IF;
	-- its lock: two at once would both find no such payment
	account := influence_internal.sponsor_party($1, $2);
	SELECT x.* INTO known FROM influence.sponsor_payment x WHERE x.party_id = account AND x.program_id = $1 AND x.payment_ref = $4;
	IF FOUND THEN
		IF (known.amount, known.note, known.received_at) IS DISTINCT FROM ($3, $6, coalesce($5, known.received_at)) THEN
			PERFORM influence_internal.raise_conflict('payment', $4);
		END IF;
		status := 'duplicate';
	ELSE
		INSERT INTO influence.sponsor_payment (party_id, program_id, payment_ref, amount, currency, received_at, note)
		VALUES (account, $1, $4, $3, money, at, $6);
		INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency,
									  occurred_at, available_at, source, note)
		VALUES (account, $1, influence_internal.sponsor_payment_key($4), 'sponsor_payment', 'in_transit', 'brand_receivable', $3, money,
				at, at, 'adjustment', $6);
		status := 'recorded';
	END IF;
	SELECT sum(x.amount) INTO paid FROM influence.sponsor_payment x WHERE x.party_id = account AND x.program_id = $1;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_sponsor_payment(bigint, text, bigint, text, timestamptz, text) IS
'Books what a brand paid for its sponsored campaigns in a program, before or after, in minor units of the program''s currency (received_at NULL = now); it funds no commissions, for which there is record_funding(). Natural key: program_id, brand, payment_ref. -> status recorded | duplicate, paid: all that the brand paid for campaigns. IN002, IN003 no such program, or no product of this brand, IN004.';

CREATE FUNCTION influence_internal.sponsor_payment_key(payment_ref text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 'sponsor payment/' OPERATOR(pg_catalog.||) payment_ref $$;
COMMENT ON FUNCTION influence_internal.sponsor_payment_key(text) IS 'The ledger''s natural key of a payment for sponsored campaigns.';

/*
 * funding.sql
 *
 * Brands that pay first. Under pay_when_funded the entries of a brand's products
 * are paid in the order in which they became available, as far as what the brand
 * paid in goes; nothing overtakes an entry that waits. What a creator has of an
 * order line and is in no payout yet counts as one sum: a return takes nothing
 * from who was paid nothing, nor makes room for others.
 */
CREATE FUNCTION influence_internal.brand_entries(program_id bigint, cutoff timestamptz)
RETURNS TABLE (brand text, currency text, entry_no bigint, amount bigint, used boolean, payable boolean)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM influence.brand_account a WHERE a.program_id = $1) THEN
		RETURN;
	END IF;
	RETURN QUERY
	SELECT q.brand, q.currency, q.entry_no, q.amount, q.used, q.whole <= 0 OR q.running <= coalesce((q.funds ->> q.currency)::numeric, 0)
	  FROM (SELECT u.*, sum(u.amount) OVER (PARTITION BY u.account, u.currency
											-- entries that are one sum are peers: all of them count at once
											ORDER BY u.used DESC, u.whole > 0, u.since, u.party_id, u.first_no RANGE UNBOUNDED PRECEDING) AS running
			  FROM (SELECT a.brand, a.party_id AS account, a.funds, e.currency, e.entry_no, e.amount, e.used, e.party_id, sum(e.amount) OVER w AS whole,
						   min(e.available_at) OVER w AS since, min(e.entry_no) OVER w AS first_no
					  -- OFFSET 0: its funds are added up once for each brand, not for each entry
					  FROM (SELECT b.brand, b.party_id,
								   (SELECT jsonb_object_agg(x.currency, x.funded)
									  FROM (SELECT y.currency, sum(y.amount) AS funded FROM influence.brand_funding y
											 WHERE y.party_id = b.party_id AND y.program_id = $1 GROUP BY y.currency) x) AS funds
							  FROM influence.brand_account b WHERE b.program_id = $1 OFFSET 0) a
					  JOIN influence.product d ON d.brand = a.brand
					  JOIN influence.order_line o ON o.product_id = d.product_id AND o.program_id = $1
					  -- and here: what a join by three columns finds is guessed far too low, and what came after it would be done line by line
					  JOIN (SELECT l.visitor_id, l.order_ref, l.line_no, l.party_id, l.currency::text AS currency, l.entry_no, l.available_at,
								   p.entry_no IS NOT NULL AS used, CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END AS amount
							  FROM influence.ledger l
							  LEFT JOIN (SELECT y.party_id, u.entry_no
										   FROM influence.payout y
										  CROSS JOIN LATERAL unnest(y.entry_nos) u(entry_no)
										  WHERE y.program_id = $1) p ON p.party_id = l.party_id AND p.entry_no = l.entry_no
							 WHERE l.program_id = $1 AND l.source = 'line' AND 'payable' IN (l.debit_account, l.credit_account)
							   AND (l.available_at < $2 OR p.entry_no IS NOT NULL)
							OFFSET 0) e
							ON e.visitor_id = o.visitor_id AND e.order_ref = o.order_ref AND e.line_no = o.line_no
					WINDOW w AS (PARTITION BY a.party_id, e.visitor_id, e.order_ref, e.line_no, e.party_id, e.currency, e.used)) u) q;
END
$$;
COMMENT ON FUNCTION influence_internal.brand_entries(bigint, timestamptz) IS
'The entries of order lines of brands that have an account in a program, available before a moment or in a payout (used, perhaps one that failed), signed as owed to the party. What a creator has of an order line and is not used is one sum, a commission with its clawbacks. payable: this sum is 0 or below, or what was used, all sums below zero, what else comes before it (by available_at, party, entry_no) and it itself are within what the brand paid in; so a run changes nothing for the next one of the same month.';

CREATE FUNCTION influence_internal.unfunded_entries(program_id bigint, cutoff timestamptz)
RETURNS TABLE (entry_no bigint)
LANGUAGE plpgsql STABLE
ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	-- the policy in force when the month before the cutoff began
	IF EXISTS (SELECT FROM influence.program g
				 JOIN influence.payout_policy y ON y.program_id = g.program_id
				WHERE g.program_id = $1 AND y.pay_when_funded
				  AND y.valid @> date_trunc('month', ($2 - interval '1 microsecond') AT TIME ZONE g.time_zone) AT TIME ZONE g.time_zone) THEN
		RETURN QUERY SELECT e.entry_no FROM influence_internal.brand_entries($1, $2) e WHERE NOT e.used AND NOT e.payable;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.unfunded_entries(bigint, timestamptz) IS
'The ledger entries of a program that are available before a moment, the end of a month, and wait until a brand has paid in; none unless the payout policy of that month has pay_when_funded.';

CREATE FUNCTION influence_internal.create_brand_account(program_id bigint, brand text)
RETURNS TABLE (status text, party_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('brand', $2);
	IF NOT EXISTS (SELECT FROM influence.product d WHERE d.brand = $2) THEN
		PERFORM influence_internal.raise_unknown('brand', $2, 'Give it as its products have it: influence.add_product(..., brand => ...).');
	END IF;
	PERFORM influence_internal.lock_key(format('brand account %s %s', $1, $2));
	SELECT 'duplicate', a.party_id INTO status, party_id FROM influence.brand_account a WHERE a.program_id = $1 AND a.brand = $2;
	IF NOT FOUND THEN
		-- a brand that sponsors campaigns has a party
		SELECT a.party_id INTO party_id FROM influence.sponsor_account a WHERE a.program_id = $1 AND a.brand = $2;
		IF NOT FOUND THEN
			INSERT INTO influence.party (kind) VALUES ('brand') RETURNING party_id INTO party_id;
		END IF;
		INSERT INTO influence.brand_account (program_id, brand, party_id) VALUES ($1, $2, party_id);
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_brand_account(bigint, text) IS
'Says that a brand pays for the commissions of its products in a program: under pay_when_funded they wait from now on until record_funding. The first record_funding does it, too. Natural key: program_id, brand. -> status recorded | duplicate, party_id of the brand. IN002, IN003 no such program, or no product of this brand.';

CREATE FUNCTION influence_internal.record_funding(program_id bigint, brand text, amount bigint, funding_ref text,
	received_at timestamptz DEFAULT NULL, currency text DEFAULT NULL, note text DEFAULT NULL)
RETURNS TABLE (status text, funded numeric)
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
	SELECT coalesce($6, f.currency) INTO money FROM influence_internal.program_facts($1) f;
	PERFORM influence.minor_unit_digits(money);
	PERFORM influence_internal.require_key('funding_ref', $4);
	PERFORM influence_internal.require_event_time('received_at', $5);
	IF $3 IS NULL OR $3 <= 0 THEN
		PERFORM influence_internal.raise_invalid('the amount of a funding is not positive', format('amount: %s.', coalesce($3::text, 'NULL')),
			'Give minor units, as they came in.');
	END IF;
	SELECT a.party_id INTO account FROM influence_internal.create_brand_account($1, $2) a;
	-- the account may be old: two at once would both find no such funding
	PERFORM influence_internal.lock_key(format('funding %s %s', account, $4));
	SELECT x.* INTO known FROM influence.brand_funding x WHERE x.party_id = account AND x.program_id = $1 AND x.funding_ref = $4;
	IF FOUND THEN
		IF (known.amount, known.currency::text, known.note, known.received_at) IS DISTINCT FROM ($3, money, $7, coalesce($5, known.received_at)) THEN
			PERFORM influence_internal.raise_conflict('funding', $4);
		END IF;
		status := 'duplicate';
	ELSE
		INSERT INTO influence.brand_funding (party_id, program_id, funding_ref, amount, currency, received_at, note)
		VALUES (account, $1, $4, $3, money, at, $7);
		INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency,
									  occurred_at, available_at, source, note)
		VALUES (account, $1, influence_internal.funding_entry_key($4), 'brand_funding', 'in_transit', 'brand_receivable', $3, money,
				at, at, 'adjustment', $7);
		status := 'recorded';
	END IF;
	SELECT sum(x.amount) INTO funded FROM influence.brand_funding x
	 WHERE x.party_id = account AND x.program_id = $1 AND x.currency = money;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_funding(bigint, text, bigint, text, timestamptz, text, text) IS
'Books what a brand paid in for the commissions of its products, in minor units (currency NULL = the program''s; received_at NULL = now), and gives it an account in the program if it has none. Under pay_when_funded the entries of its products are paid in the order in which they became available, as far as that goes. Natural key: program_id, brand, funding_ref. -> status recorded | duplicate, funded: all that the brand paid in in this currency. IN002 bad value, IN003 no such program, or no product of this brand, IN004 other content.';

CREATE FUNCTION influence_internal.funding_entry_key(funding_ref text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 'funding/' OPERATOR(pg_catalog.||) funding_ref $$;
COMMENT ON FUNCTION influence_internal.funding_entry_key(text) IS 'The ledger''s natural key of a funding by a brand.';

CREATE FUNCTION influence_internal.brand_funds(program_id bigint)
RETURNS TABLE (brand text, currency text, funded numeric, used numeric, waiting numeric)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.program_facts($1);
	RETURN QUERY
	SELECT a.brand, s.currency, coalesce(sum(s.funded), 0), coalesce(sum(s.used), 0), coalesce(sum(s.waiting), 0)
	  FROM influence.brand_account a
	  LEFT JOIN (SELECT b.brand, x.currency::text AS currency, x.amount::numeric AS funded, NULL::numeric AS used, NULL::numeric AS waiting
				   FROM influence.brand_funding x
				   JOIN influence.brand_account b ON b.party_id = x.party_id
				  WHERE x.program_id = $1
				 UNION ALL
				 SELECT e.brand, e.currency, NULL, CASE WHEN e.used THEN e.amount END, CASE WHEN NOT e.used AND NOT e.payable THEN e.amount END
				   FROM influence_internal.brand_entries($1, now()) e) s ON s.brand = a.brand
	 WHERE a.program_id = $1
	 GROUP BY a.brand, s.currency
	 ORDER BY a.brand, s.currency;
END
$$;
COMMENT ON FUNCTION influence_internal.brand_funds(bigint) IS
'The funds of each brand that has an account in a program, per currency in minor units: funded = what it paid in, used = the entries of its products that are in payouts (those that failed included), waiting = what is available now and not covered, in the order in which it became available. IN003.';

CREATE FUNCTION influence_internal.check_funding(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH funding AS (
		SELECT x.party_id, x.program_id, influence_internal.funding_entry_key(x.funding_ref) AS entry_key,
			   format('%s %s received %s', x.amount, x.currency, x.received_at) AS content
		  FROM influence.brand_funding x WHERE x.program_id = coalesce($1, x.program_id)
	), entry AS (
		SELECT l.party_id, l.program_id, l.entry_key, format('%s %s received %s', l.amount, l.currency, l.occurred_at) AS content
		  FROM influence.ledger l WHERE l.kind = 'brand_funding' AND l.program_id = coalesce($1, l.program_id)
	)
	SELECT 'the ledger has every funding', coalesce(f.program_id, e.program_id),
		   format('party %s entry %s', coalesce(f.party_id, e.party_id), coalesce(f.entry_key, e.entry_key)),
		   coalesce(f.content, 'nothing'), coalesce(e.content, 'nothing')
	  FROM funding f
	  FULL JOIN entry e ON e.party_id = f.party_id AND e.program_id = f.program_id AND e.entry_key = f.entry_key
	 WHERE f.content IS DISTINCT FROM e.content
	UNION ALL
	SELECT 'a funding is of its brand''s account', x.program_id, format('party %s funding %s', x.party_id, x.funding_ref),
		   format('program %s', x.program_id), format('program %s, party of kind %s', a.program_id, p.kind)
	  FROM influence.brand_funding x
	  JOIN influence.brand_account a ON a.party_id = x.party_id
	  JOIN influence.party p ON p.party_id = x.party_id
	 WHERE x.program_id = coalesce($1, x.program_id) AND (a.program_id <> x.program_id OR p.kind <> 'brand');
END
$$;
COMMENT ON FUNCTION influence_internal.check_funding(bigint) IS 'The part of check_books() about what brands paid in.';

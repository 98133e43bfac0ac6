/*
 * bonuses.sql
 *
 * What a creator gets besides commissions: rules for bonuses that the monthly
 * settlement applies, and single amounts that an operator decides: a bonus, a
 * share of a fund, a fixed fee.
 */
CREATE FUNCTION influence_internal.set_bonus_rule(program_id bigint, kind text, name text, threshold bigint, amount bigint,
	valid_from timestamptz DEFAULT now(), valid_to timestamptz DEFAULT 'infinity')
RETURNS TABLE (status text, bonus_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	range tstzrange;
	known record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('name', $3);
	PERFORM influence_internal.require_arguments('kind', $2, 'threshold', $4::text, 'amount', $5::text);
	IF $2 NOT IN ('basket', 'frequency') THEN
		PERFORM influence_internal.raise_invalid(format('bonus kind "%s" is not known', $2), NULL,
			'Use basket (for each order of at least threshold minor units) or frequency (for every threshold-th order of a month).');
	ELSIF $4 <= 0 OR $5 <= 0 THEN
		PERFORM influence_internal.raise_invalid('threshold and amount of a bonus are above 0',
			format('threshold %s, amount %s', $4, $5), 'Give minor units, or the number of orders as threshold of a frequency bonus.');
	END IF;
	range := influence_internal.stated_range($6, $7);
	PERFORM influence_internal.lock_key('bonuses ' || $1);
	SELECT b.* INTO known FROM influence.bonus_rule b WHERE b.program_id = $1 AND b.name = $3;
	IF FOUND THEN
		-- perhaps after it was ended
		IF (known.kind, known.threshold, known.amount, known.stated) <> ($2, $4, $5, range) THEN
			PERFORM influence_internal.raise_conflict('bonus rule', $3);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.bonus_id;
		RETURN;
	END IF;
	INSERT INTO influence.bonus_rule (program_id, kind, name, threshold, amount, valid, stated) VALUES ($1, $2, $3, $4, $5, range, range)
	RETURNING bonus_id INTO bonus_id;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_bonus_rule(bigint, text, text, bigint, bigint, timestamptz, timestamptz) IS
'Adds a bonus that the settlement of a month pays for orders placed from valid_from until before valid_to: kind basket = amount for each of a creator''s orders whose credited base, less returns, reaches threshold (minor units); frequency = amount for every threshold-th order of a creator in a month. Caps and budgets do not reach bonuses. end_bonus_rule() ends it. Natural key: name. -> status recorded | duplicate (also of one that was ended since), bonus_id. IN002, IN003 no such program, IN004 the name with other content.';

CREATE FUNCTION influence_internal.end_bonus_rule(program_id bigint, bonus_id bigint, valid_to timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	ended record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('bonus_id', $2::text);
	PERFORM influence_internal.require_end('valid_to', $3);
	PERFORM influence_internal.lock_key('bonuses ' || $1);
	SELECT x.valid, x.stated INTO known FROM influence.bonus_rule x WHERE x.program_id = $1 AND x.bonus_id = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('bonus rule', $2::text, 'See influence.bonus_rule for those there are.');
	END IF;
	SELECT * INTO ended FROM influence_internal.end_validity(known.stated, known.valid, $3, format('bonus rule %s', $2));
	-- seen as new by the settlement, which looks at all months that were asked for
	UPDATE influence.bonus_rule x SET valid = ended.rest, xact = pg_current_xact_id()
	 WHERE x.program_id = $1 AND x.bonus_id = $2 AND ended.status = 'recorded';
	RETURN QUERY SELECT ended.status;
END
$$;
COMMENT ON FUNCTION influence_internal.end_bonus_rule(bigint, bigint, timestamptz) IS
'Ends a bonus of set_bonus_rule(): orders placed from valid_to on bring none; a valid_to before its beginning undoes it. What it gave for such orders settle_tiers takes back. The name stays taken. -> status recorded | duplicate (it ends then). IN002, IN003 no such program or bonus, IN005 it ends earlier already.';

CREATE FUNCTION influence_internal.bonus_entry_key(bonus_ref text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT pg_catalog.concat('bonus/', bonus_ref) $$;
COMMENT ON FUNCTION influence_internal.bonus_entry_key(text) IS 'The ledger''s natural key of a bonus, fund share or fee.';

CREATE FUNCTION influence_internal.record_bonus(program_id bigint, creator_id bigint, amount bigint, bonus_ref text, kind text DEFAULT 'bonus',
	occurred_at timestamptz DEFAULT NULL, available_at timestamptz DEFAULT NULL, note text DEFAULT NULL)
RETURNS TABLE (status text, booked bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	money text;
	hash bytea := influence_internal.content_hash(jsonb_build_array($3, $5, $6, $7, $8));
	known record;
	at timestamptz := coalesce($6, now());
BEGIN
	SELECT f.currency INTO money FROM influence_internal.program_facts($1) f;
	PERFORM influence_internal.require_arguments('amount', $3::text, 'kind', $5);
	PERFORM influence_internal.require_key('bonus_ref', $4);
	PERFORM influence_internal.require_event_time('occurred_at', $6);
	PERFORM influence_internal.require_finite('available_at', $7);
	IF $3 <= 0 THEN
		PERFORM influence_internal.raise_invalid('a bonus is above 0', format('amount: %s.', $3), 'Give minor units.');
	ELSIF $5 NOT IN ('bonus', 'fund', 'fee') THEN
		PERFORM influence_internal.raise_invalid(format('bonus kind "%s" is not known', $5), NULL,
			'Use bonus, fund (a share of a fund) or fee (a fixed fee).');
	ELSIF $7 < at THEN
		PERFORM influence_internal.raise_invalid('a bonus would be available before it occurred',
			format('occurred_at %s, available_at %s', at, $7), 'Let available_at be at or after occurred_at.');
	END IF;
	PERFORM influence_internal.require_creator($2);
	PERFORM influence_internal.lock_key(format('bonus %s %s %s', $1, $2, $4));
	SELECT b.amount, b.content_hash INTO known
	  FROM influence.bonus b WHERE b.creator_id = $2 AND b.program_id = $1 AND b.bonus_ref = $4;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('bonus', $4);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.amount;
		RETURN;
	END IF;
	INSERT INTO influence.bonus (creator_id, program_id, bonus_ref, kind, amount, currency, occurred_at, available_at, note, content_hash)
	VALUES ($2, $1, $4, $5, $3, money, at, coalesce($7, at), $8, hash);
	INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency, occurred_at,
								  available_at, source, note)
	VALUES ($2, $1, influence_internal.bonus_entry_key($4), $5, 'expense', 'payable', $3, money, at, coalesce($7, at), 'adjustment', $8);
	RETURN QUERY SELECT 'recorded', $3;
END
$$;
COMMENT ON FUNCTION influence_internal.record_bonus(bigint, bigint, bigint, text, text, timestamptz, timestamptz, text) IS
'Books an amount that a creator gets besides commissions, in minor units of the program''s currency: kind bonus, fund (a share of a fund) or fee (a fixed fee); paid with the payouts from available_at on (default: occurred_at, default: now). Natural key: program_id, creator_id, bonus_ref. -> status recorded | duplicate, booked (the amount). IN002 bad value, IN003 unknown program or creator, IN004 the key with other content.';

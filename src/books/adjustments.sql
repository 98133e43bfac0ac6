/*
 * adjustments.sql
 *
 * What is owed besides what orders say: corrections, which take the place of
 * reopening a closed month, and balances brought along from other books. Each
 * is a row of influence.adjustment and its entry of the ledger, written
 * together.
 */
CREATE FUNCTION influence_internal.adjustment_entry_key(kind text, adjustment_ref text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT CASE kind WHEN 'write_off' THEN 'balance/' WHEN 'opening_balance' THEN 'opening/' ELSE 'adjustment/' END
		   OPERATOR(pg_catalog.||) adjustment_ref
$$;
COMMENT ON FUNCTION influence_internal.adjustment_entry_key(text, text) IS 'The ledger''s natural key of a row of influence.adjustment.';

CREATE FUNCTION influence_internal.adjustment_cost(kind text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE kind WHEN 'write_off' THEN 'write_off' WHEN 'opening_balance' THEN 'opening' ELSE 'expense' END $$;
COMMENT ON FUNCTION influence_internal.adjustment_cost(text) IS 'The account that an adjustment of a kind moves to payable, or from it where its amount is below zero.';

CREATE FUNCTION influence_internal.add_adjustment(program_id bigint, party_id bigint, kind text, adjustment_ref text, amount bigint, currency text,
	for_period text, occurred_at timestamptz, available_at timestamptz, note text, actor text, content bytea)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO influence.adjustment (party_id, program_id, kind, adjustment_ref, amount, currency, for_period, occurred_at, available_at, note,
									  actor, content_hash)
	VALUES ($2, $1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);
	INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency, occurred_at,
								  available_at, source, note)
	VALUES ($2, $1, influence_internal.adjustment_entry_key($3, $4), $3,
			CASE WHEN $5 > 0 THEN influence_internal.adjustment_cost($3) ELSE 'payable' END,
			CASE WHEN $5 > 0 THEN 'payable' ELSE influence_internal.adjustment_cost($3) END,
			abs($5), $6, $8, $9, 'adjustment', $10);
END
$$;
COMMENT ON FUNCTION influence_internal.add_adjustment(bigint, bigint, text, text, bigint, text, text, timestamptz, timestamptz, text, text, bytea) IS
'Writes an adjustment and its ledger entry; its arguments are checked.';

CREATE FUNCTION influence_internal.known_adjustment(program_id bigint, party_id bigint, kind text, adjustment_ref text, content bytea)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known bytea;
BEGIN
	PERFORM influence_internal.lock_key(format('%s %s %s %s', $3, $1, $2, $4));
	SELECT a.content_hash INTO known FROM influence.adjustment a
	 WHERE a.party_id = $2 AND a.program_id = $1 AND a.kind = $3 AND a.adjustment_ref = $4;
	IF FOUND AND known <> $5 THEN
		PERFORM influence_internal.raise_conflict(replace($3, '_', ' '), $4);
	END IF;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION influence_internal.known_adjustment(bigint, bigint, text, text, bytea) IS
'Whether an adjustment is recorded already, after waiting for whoever records it now; IN004 when its content is another.';

CREATE FUNCTION influence_internal.check_adjustment(program_id bigint, creator_id bigint, amount bigint, adjustment_ref text, currency text,
	actor text, OUT money text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT coalesce($5, f.currency) INTO money FROM influence_internal.program_facts($1) f;
	PERFORM influence.minor_unit_digits(money);
	PERFORM influence_internal.require_creator($2);
	PERFORM influence_internal.require_key('adjustment_ref', $4);
	PERFORM influence_internal.require_key('actor', $6);
	IF $3 IS NULL OR $3 = 0 THEN
		PERFORM influence_internal.raise_invalid('the amount is nothing', format('amount: %s.', coalesce($3::text, 'NULL')),
			'Give minor units: above 0 is owed to the creator, below 0 by the creator.');
	ELSIF $3 = -9223372036854775808 THEN
		PERFORM influence_internal.raise_invalid('the amount is out of range', format('amount: %s.', $3),
			'Give at least -9223372036854775807 minor units.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.check_adjustment(bigint, bigint, bigint, text, text, text) IS
'Checks what all adjustments have in common and returns the currency; IN002, IN003.';

CREATE FUNCTION influence_internal.record_adjustment(program_id bigint, creator_id bigint, amount bigint, adjustment_ref text, note text,
	for_period text DEFAULT NULL, currency text DEFAULT NULL, available_at timestamptz DEFAULT NULL, actor text DEFAULT session_user)
RETURNS TABLE (status text, booked bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	money text;
	hash bytea;
BEGIN
	money := influence_internal.check_adjustment($1, $2, $3, $4, $7, $9);
	hash := influence_internal.content_hash(jsonb_build_array($3, $5, $6, money, $8));
	PERFORM influence_internal.require_key('note', $5);
	PERFORM influence_internal.require_finite('available_at', $8);
	IF influence_internal.known_adjustment($1, $2, 'adjustment', $4, hash) THEN
		RETURN QUERY SELECT 'duplicate', $3;
		RETURN;
	END IF;
	IF $6 IS NOT NULL AND (influence_internal.period_bounds($1, $6)).starts_at > now() THEN
		PERFORM influence_internal.raise_invalid(format('period %s has not begun', $6), NULL, 'Name the month that is corrected, or none.');
	END IF;
	PERFORM influence_internal.add_adjustment($1, $2, 'adjustment', $4, $3, money, $6, now(), coalesce($8, now()), $5, $9, hash);
	RETURN QUERY SELECT 'recorded', $3;
END
$$;
COMMENT ON FUNCTION influence_internal.record_adjustment(bigint, bigint, bigint, text, text, text, text, timestamptz, text) IS
'Corrects what a creator is owed by an amount in minor units (below 0: what it owes), now: closed months are never reopened. for_period names the month (YYYY-MM) that it corrects, if any; note says why and appears on the statement; paid with the payouts from available_at on (NULL = now); currency NULL = the program''s; actor: who decided, by default the login. Natural key: program_id, creator_id, adjustment_ref. -> status recorded | duplicate, booked (the amount). IN002, IN003, IN004 the key with other content.';

CREATE FUNCTION influence_internal.import_balance(program_id bigint, creator_id bigint, amount bigint, adjustment_ref text, occurred_at timestamptz,
	currency text DEFAULT NULL, available_at timestamptz DEFAULT NULL, note text DEFAULT NULL, actor text DEFAULT session_user)
RETURNS TABLE (status text, booked bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	money text;
	hash bytea;
BEGIN
	money := influence_internal.check_adjustment($1, $2, $3, $4, $6, $9);
	hash := influence_internal.content_hash(jsonb_build_array($3, $5, money, $7, $8));
	PERFORM influence_internal.require_arguments('occurred_at', $5::text);
	PERFORM influence_internal.require_event_time('occurred_at', $5);
	PERFORM influence_internal.require_finite('available_at', $7);
	IF $7 < $5 THEN
		PERFORM influence_internal.raise_invalid('a balance would be available before it occurred',
			format('occurred_at %s, available_at %s', $5, $7), 'Let available_at be at or after occurred_at.');
	END IF;
	IF influence_internal.known_adjustment($1, $2, 'opening_balance', $4, hash) THEN
		RETURN QUERY SELECT 'duplicate', $3;
		RETURN;
	END IF;
	PERFORM influence_internal.add_adjustment($1, $2, 'opening_balance', $4, $3, money, NULL, $5, coalesce($7, $5), $8, $9, hash);
	RETURN QUERY SELECT 'recorded', $3;
END
$$;
COMMENT ON FUNCTION influence_internal.import_balance(bigint, bigint, bigint, text, timestamptz, text, timestamptz, text, text) IS
'Brings along what other books owe a creator, in minor units (below 0: what it owes them): as of occurred_at, paid with the payouts from available_at on (NULL = occurred_at). One call per amount with its own age, so that the ageing is right. currency NULL = the program''s; actor by default the login. Natural key: program_id, creator_id, adjustment_ref. -> status recorded | duplicate, booked (the amount). IN002, IN003, IN004 the key with other content.';

/*
 * write_offs.sql
 *
 * What a creator owes and will not pay back: a negative balance is carried from
 * payout to payout until new commissions cover it, or somebody writes it off.
 */
CREATE FUNCTION influence_internal.payable_balance(program_id bigint, party_id bigint, currency text)
RETURNS numeric
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT coalesce(sum(CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END), 0)
			  FROM influence.ledger l
			 WHERE l.party_id = $2 AND l.program_id = $1 AND l.currency = $3 AND 'payable' IN (l.debit_account, l.credit_account));
END
$$;
COMMENT ON FUNCTION influence_internal.payable_balance(bigint, bigint, text) IS
'What a party is owed in all, pending amounts included and payouts taken off, in minor units; negative when it owes.';

CREATE FUNCTION influence_internal.write_off_balance(program_id bigint, party_id bigint, amount bigint, write_off_ref text, note text DEFAULT NULL,
	currency text DEFAULT NULL, actor text DEFAULT session_user)
RETURNS TABLE (status text, balance numeric)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	money text;
	hash bytea;
	owed numeric;
BEGIN
	SELECT coalesce($6, f.currency) INTO money FROM influence_internal.program_facts($1) f;
	PERFORM influence.minor_unit_digits(money);
	PERFORM influence_internal.require_creator($2);
	PERFORM influence_internal.require_key('write_off_ref', $4);
	PERFORM influence_internal.require_key('actor', $7);
	IF $3 IS NULL OR $3 <= 0 THEN
		PERFORM influence_internal.raise_invalid('the amount to write off is not positive', format('amount: %s.', coalesce($3::text, 'NULL')),
			'Give minor units, at most the negative balance.');
	END IF;
	-- two at once could write off the same debt twice
	PERFORM influence_internal.lock_key(format('write-off %s %s', $1, $2));
	hash := influence_internal.content_hash(jsonb_build_array($3, $5, money));
	IF influence_internal.known_adjustment($1, $2, 'write_off', $4, hash) THEN
		status := 'duplicate';
	ELSE
		owed := influence_internal.payable_balance($1, $2, money);
		IF $3 > -owed THEN
			RAISE EXCEPTION USING ERRCODE = 'IN007',
				MESSAGE = 'the amount to write off is greater than what is owed back',
				DETAIL = format('The balance of party %s is %s minor units of %s, pending amounts included; %s can be written off.', $2, owed, money,
								greatest(-owed, 0)),
				HINT = 'Write off at most what is owed back; see influence.creator_statement(program_id, creator_id, period).';
		END IF;
		PERFORM influence_internal.add_adjustment($1, $2, 'write_off', $4, $3, money, NULL, now(),
			-- not before the debt itself counts, which it may do later: nothing is paid of it
			greatest(now(), (SELECT max(l.available_at) FROM influence.ledger l
							  WHERE l.party_id = $2 AND l.program_id = $1 AND l.currency = money AND l.debit_account = 'payable'
								AND l.source <> 'payout' AND l.available_at < 'infinity')), $5, $7, hash);
		status := 'recorded';
	END IF;
	balance := influence_internal.payable_balance($1, $2, money);
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.write_off_balance(bigint, bigint, bigint, text, text, text, text) IS
'Writes off what a creator owes: at most the negative balance, in minor units (pending amounts count, what is reserved or paid is taken off); the program bears it (account write_off). currency NULL = the program''s; actor: who decided, by default the login. Natural key: program_id, party_id, write_off_ref. -> status recorded | duplicate, balance after it. IN002, IN003, IN004 other content, IN007 more than is owed back.';

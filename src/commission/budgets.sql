/*
 * budgets.sql
 *
 * Budgets: the most that a program pays in commissions for the orders of a
 * range of time, for the products of a brand or for all. Nothing is counted
 * while orders come in: the settlement takes back what is above the budget, in
 * the order of the sales.
 */
CREATE FUNCTION influence_internal.set_commission_budget(program_id bigint, amount bigint, brand text DEFAULT '',
	valid_from timestamptz DEFAULT now(), valid_to timestamptz DEFAULT 'infinity')
RETURNS TABLE (status text, budget_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	range tstzrange;
	other record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('amount', $2::text, 'brand', $3);
	IF $2 < 0 THEN
		PERFORM influence_internal.raise_invalid('the budget is negative', format('amount: %s.', $2), 'Give 0 or more minor units.');
	ELSIF $3 <> '' THEN
		PERFORM influence_internal.require_key('brand', $3);
	END IF;
	range := influence_internal.stated_range($4, $5);
	PERFORM influence_internal.lock_key('budgets ' || $1);
	-- the same call again, perhaps after the budget was ended
	SELECT b.budget_id INTO budget_id
	  FROM influence.commission_budget b
	 WHERE b.program_id = $1 AND b.brand = $3 AND b.stated = range AND b.amount = $2;
	IF FOUND THEN
		status := 'duplicate';
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT b.budget_id, b.amount, b.valid INTO other
	  FROM influence.commission_budget b
	 WHERE b.program_id = $1 AND b.brand = $3 AND b.valid && range
	 ORDER BY lower(b.valid) LIMIT 1;
	BEGIN
		INSERT INTO influence.commission_budget (program_id, brand, amount, valid, stated) VALUES ($1, $3, $2, range, range)
		RETURNING budget_id INTO budget_id;
	EXCEPTION WHEN exclusion_violation THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = 'the budget overlaps another one of its brand',
			DETAIL = format('Budget %s of %s holds in %s.', other.budget_id, other.amount, other.valid),
			HINT = 'Let it begin where the other one ends, or end before it begins; influence.end_commission_budget() ends the other one earlier.';
	END;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_commission_budget(bigint, bigint, text, timestamptz, timestamptz) IS
'Limits what a program pays in commissions, tiers and caps counted, for orders placed from valid_from until before valid_to: for products of a brand, or for all (''''), which limits what the budgets of brands leave. amount in minor units of the program''s currency. Sales are served in the order of (ordered_at, order_ref, line_no); settle_tiers takes back what exceeds the budget; each sale settles all months of the range anew, so give it an end: a month or a quarter. Budgets of one brand never overlap and stay as they are, but for their end (end_commission_budget). Natural key: all arguments. -> status recorded | duplicate (also of one that was ended since), budget_id. IN002, IN003 no such program, IN011 overlaps.';

CREATE FUNCTION influence_internal.end_commission_budget(program_id bigint, budget_id bigint, valid_to timestamptz DEFAULT now())
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
	PERFORM influence_internal.require_arguments('budget_id', $2::text);
	PERFORM influence_internal.require_end('valid_to', $3);
	PERFORM influence_internal.lock_key('budgets ' || $1);
	SELECT b.valid, b.stated INTO known FROM influence.commission_budget b WHERE b.program_id = $1 AND b.budget_id = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('budget', $2::text, 'See influence.commission_budget for those of the program.');
	END IF;
	SELECT * INTO ended FROM influence_internal.end_validity(known.stated, known.valid, $3, format('budget %s', $2));
	-- seen as new by the settlement, which looks at all months that were asked for
	UPDATE influence.commission_budget b SET valid = ended.rest, xact = pg_current_xact_id()
	 WHERE b.program_id = $1 AND b.budget_id = $2 AND ended.status = 'recorded';
	RETURN QUERY SELECT ended.status;
END
$$;
COMMENT ON FUNCTION influence_internal.end_commission_budget(bigint, bigint, timestamptz) IS
'Ends a budget of set_commission_budget(): sales from valid_to on are not limited by it, and another one may begin there; a valid_to before its beginning undoes it. What it took back from such sales settle_tiers gives again. -> status recorded | duplicate (it ends then). IN002, IN003 no such program or budget, IN005 it ends earlier already.';

/*
 * check_closings.sql
 *
 * The parts of check_books() about closed months, which are computed again
 * from their entries, and about adjustments.
 */
CREATE FUNCTION influence_internal.check_closing(program_id bigint, period text, entries int8multirange, previous text)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT 'closed periods are unchanged', $1, format('period %s party %s %s', $2, x.party_id, x.currency), x.kept, x.now
	  FROM (SELECT coalesce(d.party_id, b.party_id, p.party_id) AS party_id, coalesce(d.currency, b.currency, p.currency) AS currency,
				   CASE WHEN b.party_id IS NULL THEN 'nothing'
					   ELSE format('entries %s, opening %s, closing %s, reserved %s, digest %s', b.entry_count, b.opening, b.closing, b.reserved,
								   encode(b.digest, 'hex')) END AS kept,
				   CASE WHEN b.party_id IS NULL OR d.party_id IS NOT NULL OR b.entry_count <> 0 OR p.party_id IS NOT NULL
					   THEN format('entries %s, opening %s, closing %s, reserved %s, digest %s', coalesce(d.entry_count, 0), coalesce(p.closing, 0),
								   coalesce(p.closing, 0) + coalesce(d.payable, 0), coalesce(p.reserved, 0) + coalesce(d.reserved, 0),
								   encode(coalesce(d.digest, sha256('')), 'hex')) ELSE 'nothing' END AS now
			  FROM influence_internal.closing_digests($1, $3) d
			  FULL JOIN (SELECT y.party_id, y.currency::text AS currency, y.entry_count, y.opening, y.closing, y.reserved, y.digest
						   FROM influence.closed_balance y WHERE y.program_id = $1 AND y.period = $2) b
					ON b.party_id = d.party_id AND b.currency = d.currency
			  FULL JOIN (SELECT y.party_id, y.currency::text AS currency, y.closing, y.reserved
						   FROM influence.closed_balance y
						  WHERE y.program_id = $1 AND y.period = $4 AND (y.closing <> 0 OR y.reserved <> 0)) p
					ON p.party_id = coalesce(d.party_id, b.party_id) AND p.currency = coalesce(d.currency, b.currency)) x
	 WHERE x.kept <> x.now;
END
$$;
COMMENT ON FUNCTION influence_internal.check_closing(bigint, text, int8multirange, text) IS
'Computes a closing anew from its entries and the closing before, and says which parties differ from what is kept.';

CREATE FUNCTION influence_internal.check_closings(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	this record;
	last record;
	seen int8multirange;
	again bytea;
	counted bigint;
BEGIN
	RETURN QUERY
	SELECT DISTINCT 'closed periods are unchanged', b.program_id, format('period %s', b.period), 'a closing', 'balances without one'
	  FROM influence.closed_balance b
	 WHERE b.program_id = coalesce($1, b.program_id)
	   AND NOT EXISTS (SELECT FROM influence.closed_period p WHERE p.program_id = b.program_id AND p.period = b.period);
	SELECT NULL::bigint AS program_id, NULL::text AS period, NULL::bytea AS hash INTO last;
	FOR this IN
		SELECT p.* FROM influence.closed_period p WHERE p.program_id = coalesce($1, p.program_id) ORDER BY p.program_id, p.period
	LOOP
		IF last.program_id IS DISTINCT FROM this.program_id THEN
			SELECT this.program_id AS program_id, NULL::text AS period, NULL::bytea AS hash INTO last;
			seen := '{}';
		END IF;
		RETURN QUERY SELECT c.* FROM influence_internal.check_closing(this.program_id, this.period, this.entries, last.period) c;
		IF this.previous_hash IS DISTINCT FROM last.hash THEN
			RETURN QUERY SELECT 'closed periods are unchanged', this.program_id, format('period %s, hash before', this.period),
				coalesce(encode(last.hash, 'hex'), 'none'), coalesce(encode(this.previous_hash, 'hex'), 'none');
		END IF;
		again := influence_internal.closing_hash(this.program_id, this.period, this.closed_at, this.closed_by, this.entry_count, this.return_rate,
												 this.return_reserve, this.previous_hash);
		IF this.hash <> again THEN
			RETURN QUERY SELECT 'closed periods are unchanged', this.program_id, format('period %s, hash', this.period), encode(again, 'hex'),
				encode(this.hash, 'hex');
		END IF;
		SELECT coalesce(sum(b.entry_count), 0) INTO counted FROM influence.closed_balance b
		 WHERE b.program_id = this.program_id AND b.period = this.period;
		IF this.entry_count <> counted THEN
			RETURN QUERY SELECT 'closed periods are unchanged', this.program_id, format('period %s, entries', this.period), counted::text,
				this.entry_count::text;
		END IF;
		IF seen && this.entries THEN
			RETURN QUERY SELECT 'an entry is in one closing', this.program_id, format('period %s', this.period), 'no entry of a closing before',
				format('entry_no %s', (seen * this.entries)::text);
		END IF;
		seen := seen + this.entries;
		last := this;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.check_closings(bigint) IS
'The part of check_books() about closed months: digests, balances and hashes are computed again, and no entry is in two closings.';

CREATE FUNCTION influence_internal.check_adjustments(program_id bigint)
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT 'the ledger has every adjustment', coalesce(a.program_id, e.program_id),
		   format('party %s entry %s', coalesce(a.party_id, e.party_id), coalesce(a.entry_key, e.entry_key)),
		   coalesce(a.terms, 'nothing'), coalesce(e.terms, 'nothing')
	  FROM (SELECT x.party_id, x.program_id, influence_internal.adjustment_entry_key(x.kind, x.adjustment_ref) AS entry_key,
				   format('%s %s %s, %s to %s, at %s, from %s', x.kind, abs(x.amount), x.currency,
						  CASE WHEN x.amount > 0 THEN influence_internal.adjustment_cost(x.kind) ELSE 'payable' END,
						  CASE WHEN x.amount > 0 THEN 'payable' ELSE influence_internal.adjustment_cost(x.kind) END,
						  x.occurred_at, x.available_at) AS terms
			  FROM influence.adjustment x WHERE x.program_id = coalesce($1, x.program_id)) a
	  FULL JOIN (SELECT l.party_id, l.program_id, l.entry_key,
						format('%s %s %s, %s to %s, at %s, from %s', l.kind, l.amount, l.currency, l.debit_account, l.credit_account,
							   l.occurred_at, l.available_at) AS terms
				   FROM influence.ledger l
				  WHERE l.source = 'adjustment' AND l.kind IN ('adjustment', 'opening_balance', 'write_off')
					AND l.program_id = coalesce($1, l.program_id)) e
			ON e.party_id = a.party_id AND e.program_id = a.program_id AND e.entry_key = a.entry_key
	 WHERE a.terms IS DISTINCT FROM e.terms;
END
$$;
COMMENT ON FUNCTION influence_internal.check_adjustments(bigint) IS
'The part of check_books() about adjustments, opening balances and write-offs of a balance: each has its ledger entry, and the entry its row.';

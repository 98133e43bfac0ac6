/*
 * closing_parts.sql
 *
 * What a closing consists of: which entries of the ledger are in it, what they
 * come to by party, the digest of them, and the hash of it all. What is
 * computed to close a month is computed again by check_books().
 */
CREATE FUNCTION influence_internal.sha256_trans(state internal, line bytea)
RETURNS internal
AS 'MODULE_PATHNAME', 'books_sha256_trans'
LANGUAGE C IMMUTABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION influence_internal.sha256_trans(internal, bytea) IS 'Transition function of sha256_agg.';

CREATE FUNCTION influence_internal.sha256_final(state internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'books_sha256_final'
LANGUAGE C IMMUTABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION influence_internal.sha256_final(internal) IS 'Final function of sha256_agg.';

CREATE AGGREGATE influence_internal.sha256_agg(line bytea) (
	SFUNC = influence_internal.sha256_trans,
	STYPE = internal,
	SSPACE = 256,
	FINALFUNC = influence_internal.sha256_final,
	FINALFUNC_MODIFY = READ_WRITE,
	PARALLEL = RESTRICTED
);
COMMENT ON AGGREGATE influence_internal.sha256_agg(bytea) IS
'sha256 of all lines, each followed by a newline, in the order in which they come: of no line, that of nothing. NULL is no line. Memory does not grow with them.';

CREATE FUNCTION influence_internal.copy_line(VARIADIC fields "any")
RETURNS bytea
AS 'MODULE_PATHNAME', 'books_copy_line'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.copy_line("any") IS 'Its arguments as the line that COPY writes of them in text format, in UTF-8, without the newline.';

CREATE FUNCTION influence_internal.closed_entries(program_id bigint)
RETURNS int8multirange
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT coalesce(range_agg(r), '{}') FROM influence.closed_period p CROSS JOIN LATERAL unnest(p.entries) r WHERE p.program_id = $1);
END
$$;
COMMENT ON FUNCTION influence_internal.closed_entries(bigint) IS 'The entry_no of all entries of a program that are in a closing.';

CREATE FUNCTION influence_internal.late_entries(program_id bigint, since timestamptz, last_seen pg_snapshot)
RETURNS bigint[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	closed int8multirange := influence_internal.closed_entries($1);
BEGIN
	RETURN ARRAY(SELECT l.entry_no FROM influence.ledger l
				  WHERE l.program_id = $1 AND l.occurred_at < $2 AND influence_internal.is_fresh(l.xact, $3, NULL) AND NOT l.entry_no <@ closed);
END
$$;
COMMENT ON FUNCTION influence_internal.late_entries(bigint, timestamptz, pg_snapshot) IS
'The entry_no of entries that occurred before a moment, are in no closing, and were not visible in a snapshot of the last closing.';

CREATE FUNCTION influence_internal.closing_entries(program_id bigint, since timestamptz, ends_at timestamptz, late bigint[])
RETURNS int8multirange
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	-- so many single numbers are a small multirange
	few constant int := 20000;
	this record;
	entries int8multirange;
BEGIN
	SELECT count(*) AS count, min(n.entry_no) AS first, max(n.entry_no) AS last INTO this
	  FROM (SELECT l.entry_no FROM influence.ledger l WHERE l.program_id = $1 AND l.occurred_at >= $2 AND l.occurred_at < $3
			UNION ALL
			SELECT unnest($4)) n;
	IF this.count <= few OR this.last - this.first < this.count THEN
		-- islands first: range_agg keeps all that it is given in memory
		SELECT range_agg(int8range(i.first, i.last, '[]')) INTO entries
		  FROM (SELECT min(n.entry_no) AS first, max(n.entry_no) AS last
				  FROM (SELECT m.entry_no, m.entry_no - row_number() OVER (ORDER BY m.entry_no) AS island
						  FROM (SELECT l.entry_no FROM influence.ledger l WHERE l.program_id = $1 AND l.occurred_at >= $2 AND l.occurred_at < $3
								UNION ALL
								SELECT unnest($4)) m) n
				 GROUP BY n.island) i;
	ELSE
		-- a range may reach over numbers that entries of other programs have: none of this program can come between
		SELECT range_agg(int8range(i.first, i.last, '[]')) INTO entries
		  FROM (SELECT min(n.entry_no) AS first, max(n.entry_no) AS last
				  FROM (SELECT m.entry_no, m.of_closing, m.entry_no - row_number() OVER w AS island,
							   count(*) FILTER (WHERE m.of_program AND NOT m.of_closing) OVER w AS others
						  FROM (SELECT l.entry_no, l.program_id = $1 AS of_program,
									   l.program_id = $1 AND l.occurred_at < $3 AND (l.occurred_at >= $2 OR l.entry_no = ANY ($4)) AS of_closing
								  FROM influence.ledger l
								 WHERE l.entry_no BETWEEN this.first AND this.last) m
						WINDOW w AS (ORDER BY m.entry_no ROWS UNBOUNDED PRECEDING)) n
				 WHERE n.of_closing
				 GROUP BY n.island, n.others) i;
	END IF;
	RETURN coalesce(entries, '{}');
END
$$;
COMMENT ON FUNCTION influence_internal.closing_entries(bigint, timestamptz, timestamptz, bigint[]) IS
'The entry_no of the entries of a program that occurred from one moment until before another, and of late ones besides. The ranges hold no other entry of the program, nor a number that one of it could still get; they may hold numbers of other programs'' entries.';

CREATE FUNCTION influence_internal.closing_digests(program_id bigint, entries int8multirange)
RETURNS TABLE (party_id bigint, currency text, entry_count bigint, payable numeric, reserved numeric, digest bytea)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
-- groups are made of sorted rows: a hash of each group at a time
SET enable_hashagg = off
-- moments as everybody sees them
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
#variable_conflict use_column
BEGIN
	IF isempty($2) THEN
		RETURN;
	END IF;
	RETURN QUERY
	SELECT e.party_id, e.currency::text, count(*),
		   coalesce(sum(e.amount) FILTER (WHERE e.credit_account = 'payable'), 0) - coalesce(sum(e.amount) FILTER (WHERE e.debit_account = 'payable'), 0),
		   coalesce(sum(e.amount) FILTER (WHERE e.credit_account = 'reserved'), 0) - coalesce(sum(e.amount) FILTER (WHERE e.debit_account = 'reserved'), 0),
		   influence_internal.sha256_agg(influence_internal.copy_line(e.entry_key, e.kind, e.debit_account, e.credit_account, e.amount, e.occurred_at,
				e.booked_at, e.available_at, e.source, e.note))
	  FROM (SELECT l.party_id, l.currency::text COLLATE "C" AS currency, l.entry_key, l.kind, l.debit_account, l.credit_account, l.amount, l.occurred_at,
				   l.booked_at, l.available_at, l.source, l.note
			  FROM influence.ledger l
			 WHERE l.program_id = $1 AND l.entry_no >= lower($2) AND l.entry_no < upper($2) AND l.entry_no <@ $2
			 ORDER BY l.party_id, l.currency::text COLLATE "C", l.entry_key
			 OFFSET 0) e
	 GROUP BY e.party_id, e.currency;
END
$$;
COMMENT ON FUNCTION influence_internal.closing_digests(bigint, int8multirange) IS
'What entries of a program come to by party and currency: how many, what they add to the accounts payable and reserved, in minor units, and the sha256 of their lines as COPY writes them with TimeZone UTC and DateStyle ISO, ordered by entry_key: entry_key, kind, debit_account, credit_account, amount, occurred_at, booked_at, available_at, source, note.';

CREATE FUNCTION influence_internal.closing_balances(program_id bigint, entries int8multirange, previous text, ends_at timestamptz)
RETURNS TABLE (party_id bigint, currency text, entry_count bigint, opening numeric, closing numeric, not_due numeric, due_30 numeric,
			   due_60 numeric, due_90 numeric, due_older numeric, reserved numeric, digest bytea)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT b.party_id, b.currency, b.entry_count, b.opening, b.closing, a.not_due, a.due_30, a.due_60, a.due_90, a.due_older, b.reserved, b.digest
	  FROM (SELECT coalesce(d.party_id, p.party_id) AS party_id, coalesce(d.currency, p.currency) AS currency,
				   coalesce(d.entry_count, 0) AS entry_count, coalesce(p.closing, 0) AS opening,
				   coalesce(p.closing, 0) + coalesce(d.payable, 0) AS closing, coalesce(p.reserved, 0) + coalesce(d.reserved, 0) AS reserved,
				   coalesce(d.digest, sha256('')) AS digest
			  FROM influence_internal.closing_digests($1, $2) d
			  FULL JOIN (SELECT x.party_id, x.currency::text AS currency, x.closing, x.reserved FROM influence.closed_balance x
						  WHERE x.program_id = $1 AND x.period = $3 AND (x.closing <> 0 OR x.reserved <> 0)) p
					ON p.party_id = d.party_id AND p.currency = d.currency) b
	  LEFT JOIN influence_internal.incomings_by_age($1, $4) i ON i.party_id = b.party_id AND i.currency = b.currency
	 CROSS JOIN LATERAL influence_internal.age_balance(b.closing, coalesce(i.not_due, 0), coalesce(i.due_30, 0), coalesce(i.due_60, 0),
													   coalesce(i.due_90, 0)) a;
END
$$;
COMMENT ON FUNCTION influence_internal.closing_balances(bigint, int8multirange, text, timestamptz) IS
'The rows of influence.closed_balance of a closing with these entries that follows the closing of another month (NULL = none): all parties that have entries in it, or a balance from before.';

CREATE FUNCTION influence_internal.return_rate(program_id bigint, since timestamptz, ends_at timestamptz, OUT rate numeric, OUT reserve jsonb)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
	WITH commission AS (
		SELECT e.currency, sum(e.amount) FILTER (WHERE e.available_at <= $3) AS earned, sum(e.amount) FILTER (WHERE e.available_at > $3) AS pending
		  FROM (SELECT l.currency::text AS currency, l.available_at, CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END AS amount
				  FROM influence.ledger l
				 WHERE l.program_id = $1 AND l.occurred_at < $3 AND l.available_at > $2 AND l.source = 'line'
				   AND l.kind IN ('commission', 'commission_correction') AND 'payable' IN (l.debit_account, l.credit_account)) e
		 GROUP BY e.currency
	), clawback AS (
		-- never available before its commission
		SELECT c.currency, -sum(c.amount) AS returned
		  FROM (SELECT l.currency::text AS currency, l.party_id, l.visitor_id, l.order_ref, l.line_no,
					   sum(CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END) AS amount
				  FROM influence.ledger l
				 WHERE l.program_id = $1 AND l.occurred_at < $3 AND l.available_at > $2 AND l.source = 'line'
				   AND l.kind IN ('clawback', 'clawback_correction') AND 'payable' IN (l.debit_account, l.credit_account)
				 GROUP BY l.currency, l.party_id, l.visitor_id, l.order_ref, l.line_no) c
		 CROSS JOIN LATERAL (SELECT max(m.available_at) AS available_at
							   FROM (SELECT e.available_at FROM influence.earning e
									  WHERE e.visitor_id = c.visitor_id AND e.program_id = $1 AND e.order_ref = c.order_ref AND e.line_no = c.line_no
										AND e.creator_id = c.party_id AND e.kind = 'commission'
									  GROUP BY e.available_at HAVING sum(e.amount) <> 0) m OFFSET 0) h
		 WHERE h.available_at > $2 AND h.available_at <= $3
		 GROUP BY c.currency
	), rated AS (
		SELECT m.currency, m.pending, round(coalesce(b.returned, 0) / nullif(m.earned, 0), 9) AS rate
		  FROM commission m LEFT JOIN clawback b ON b.currency = m.currency
	)
	SELECT max(r.rate) FILTER (WHERE r.currency = g.currency),
		   coalesce(jsonb_object_agg(r.currency, floor(r.pending * r.rate + 0.5)) FILTER (WHERE r.pending * r.rate IS NOT NULL), '{}')
	  INTO rate, reserve
	  FROM rated r CROSS JOIN (SELECT p.currency::text AS currency FROM influence.program p WHERE p.program_id = $1) g;
END
$$;
COMMENT ON FUNCTION influence_internal.return_rate(bigint, timestamptz, timestamptz) IS
'What part of commissions returns took back: of order lines whose hold ended after one moment and until another, clawbacks divided by commissions (nine decimals; NULL without commissions), of the program''s currency; and what they may take of the commissions that are not available then: those times the rate of their own currency, rounded half up, in minor units by currency. Lines earn in the program''s currency; only earnings that came by COPY may be in others.';

CREATE FUNCTION influence_internal.closing_hash(program_id bigint, period text, closed_at timestamptz, closed_by text, entry_count bigint,
	return_rate numeric, return_reserve jsonb, previous_hash bytea)
RETURNS bytea
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT influence_internal.sha256_agg(o.line)
			  FROM (SELECT h.line
					  FROM (SELECT 0 AS part, NULL::bigint AS party_id, NULL::text COLLATE "C" AS currency,
								   influence_internal.copy_line(encode($8, 'hex'), $1, $2, $3, $4, $5, $6, $7) AS line
							UNION ALL
							SELECT 1, b.party_id, b.currency::text COLLATE "C",
								   influence_internal.copy_line(b.party_id, b.currency, b.entry_count, b.opening, b.closing, b.not_due, b.due_30, b.due_60,
																b.due_90, b.due_older, b.reserved, encode(b.digest, 'hex'))
							  FROM influence.closed_balance b
							 WHERE b.program_id = $1 AND b.period = $2) h
					 ORDER BY h.part, h.party_id, h.currency
					OFFSET 0) o);
END
$$;
COMMENT ON FUNCTION influence_internal.closing_hash(bigint, text, timestamptz, text, bigint, numeric, jsonb, bytea) IS
'The hash of a closing: sha256 of lines as COPY writes them with TimeZone UTC and DateStyle ISO: first previous_hash in hex, program_id, period, closed_at, closed_by, entry_count, return_rate, return_reserve; then the rows of influence.closed_balance, ordered by party_id and currency: party_id, currency, entry_count, opening, closing, not_due, due_30, due_60, due_90, due_older, reserved, digest in hex.';

/*
 * payout_statements.sql
 *
 * The numbers and hashes of statements: one for each payout, one more when it
 * fails. Numbers have no gaps, since a program's row is locked while they are
 * given and a transaction that fails gives its numbers back; each hash takes in
 * the one before, so no statement can be changed, dropped or put in between
 * without all later ones showing it.
 */
CREATE FUNCTION influence_internal.statement_content(program_id bigint, statement_no bigint, kind text, cancels bigint, party_id bigint,
	currency text, period text, amount bigint, withheld bigint, vat bigint, self_billing boolean, issued_at timestamptz, closing_hash bytea)
RETURNS text
-- to_char is only stable
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.concat_ws('|', program_id, statement_no, kind, coalesce(cancels::pg_catalog.text, ''), party_id, currency, period, amount,
		withheld, vat, self_billing::pg_catalog.text, pg_catalog.to_char(issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
		coalesce(pg_catalog.encode(closing_hash, 'hex'), ''))
$$;
COMMENT ON FUNCTION influence_internal.statement_content(bigint, bigint, text, bigint, bigint, text, text, bigint, bigint, bigint, boolean, timestamptz, bytea) IS
'The content of a statement as it is hashed: its columns in this order, separated by |; NULL is empty, booleans are true and false, the moment is in UTC with microseconds, the hash in lower-case hexadecimal digits.';

CREATE FUNCTION influence_internal.chain_link(previous bytea, content text, start bytea)
RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT pg_catalog.sha256(coalesce(previous, start, '') OPERATOR(pg_catalog.||) pg_catalog.convert_to(content, 'UTF8'))
$$;
COMMENT ON FUNCTION influence_internal.chain_link(bytea, text, bytea) IS 'The next hash of a chain: sha256 of the hash before (start for the first, empty if there is none) and the content.';

CREATE AGGREGATE influence_internal.chain_hash(content text, start bytea) (
	SFUNC = influence_internal.chain_link,
	STYPE = bytea
);
COMMENT ON AGGREGATE influence_internal.chain_hash(text, bytea) IS 'The last hash of a chain over contents in the order given; OVER (ORDER BY ... ROWS UNBOUNDED PRECEDING) gives each.';

CREATE FUNCTION influence_internal.last_statement(program_id bigint, OUT statement_no bigint, OUT hash bytea)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT s.statement_no, s.hash INTO statement_no, hash FROM influence.statement s WHERE s.program_id = $1 ORDER BY s.statement_no DESC LIMIT 1;
	statement_no := coalesce(statement_no, 0);
END
$$;
COMMENT ON FUNCTION influence_internal.last_statement(bigint) IS 'The number and hash of a program''s last statement; 0 and NULL before the first. Whoever adds one holds lock_payouts().';

CREATE FUNCTION influence_internal.last_closing(program_id bigint)
RETURNS bytea
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT c.hash FROM influence.closed_period c WHERE c.program_id = $1 ORDER BY c.period DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION influence_internal.last_closing(bigint) IS 'The hash of a program''s last closing, which is printed on its statements.';

CREATE FUNCTION influence_internal.issue_cancellation(program_id bigint, party_id bigint, period text, currency text, issued_at timestamptz)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	last record;
	closing bytea := influence_internal.last_closing($1);
	next_no bigint;
BEGIN
	SELECT * INTO last FROM influence_internal.last_statement($1);
	next_no := last.statement_no + 1;
	INSERT INTO influence.statement (program_id, statement_no, kind, cancels, party_id, currency, period, amount, withheld, vat, self_billing,
									 issued_at, closing_hash, hash)
	SELECT $1, next_no, 'cancellation', s.statement_no, $2, $4, $3, -s.amount, -s.withheld, -s.vat, s.self_billing, $5, closing,
		   influence_internal.chain_link(last.hash, influence_internal.statement_content($1, next_no, 'cancellation', s.statement_no, $2, $4, $3,
				-s.amount, -s.withheld, -s.vat, s.self_billing, $5, closing), NULL)
	  FROM influence.statement s
	 WHERE s.party_id = $2 AND s.program_id = $1 AND s.currency = $4 AND s.period = $3 AND s.kind = 'payout';
	RETURN next_no;
END
$$;
COMMENT ON FUNCTION influence_internal.issue_cancellation(bigint, bigint, text, text, timestamptz) IS
'Cancels the statement of a payout by another one of the negative amounts, so that the statements of a party add up to what it got, and returns its number. The caller holds lock_payouts().';

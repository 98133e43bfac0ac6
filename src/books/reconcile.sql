/*
 * reconcile.sql
 *
 * Somebody else's list beside ours, line by line: a bank's export beside the
 * payouts, or what a network that is being left says it owes beside the
 * commissions. The list is a query of the caller, which runs with the caller's
 * rights and search_path; so the functions through which it is read have none
 * of their own, and name everything they use in full.
 */
CREATE FUNCTION influence_internal.external_query_error(code text, message text, detail text, hint text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.raise_error(code, message, detail,
		coalesce(nullif(hint, ''), 'This is an error of the query given to influence.reconcile(); try it alone.'));
END
$$;
COMMENT ON FUNCTION influence_internal.external_query_error(text, text, text, text) IS 'Raises an error of the caller''s query again, with a hint.';

CREATE FUNCTION influence_internal.check_external_columns(names text[], types text[], wanted text[], kinds text[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	shape constant text := 'It must return the columns ' || (SELECT string_agg(w.name || CASE w.kind WHEN 'number' THEN ' bigint' ELSE ' text' END, ', ' ORDER BY w.nth)
		FROM unnest(wanted, kinds) WITH ORDINALITY w(name, kind, nth)) || '.';
	found int;
	type text;
BEGIN
	FOR i IN 1 .. cardinality(wanted) LOOP
		found := cardinality(array_positions(names, wanted[i]));
		IF found <> 1 THEN
			PERFORM influence_internal.raise_error('IN008',
				format(CASE found WHEN 0 THEN 'the query has no column "%s"' ELSE 'the query has column "%s" twice' END, wanted[i]),
				format('Its columns: %s.', array_to_string(names, ', ')), shape);
		END IF;
		-- the session may want all names quoted
		type := replace(types[array_position(names, wanted[i])], '"', '');
		IF kinds[i] = 'number' AND type NOT IN ('smallint', 'integer', 'bigint', 'numeric') THEN
			PERFORM influence_internal.raise_error('IN008', format('column "%s" of the query has type %s, not bigint or numeric', wanted[i], type),
				NULL, format('Cast it: CAST(%s AS bigint); amounts are minor units (1999 for 19.99).', wanted[i]));
		ELSIF kinds[i] = 'text' AND type NOT IN ('text', 'character varying', 'character', 'name', 'uuid', 'smallint', 'integer', 'bigint', 'unknown') THEN
			PERFORM influence_internal.raise_error('IN008', format('column "%s" of the query has type %s, not text', wanted[i], type),
				NULL, format('Cast it: CAST(%s AS text).', wanted[i]));
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.check_external_columns(text[], text[], text[], text[]) IS
'Raises IN008 unless the columns of a query have the names and kinds (text or number) that are wanted, each once.';

CREATE FUNCTION influence_internal.external_rows(query text, wanted text[], kinds text[])
RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE
AS $$
-- no SET: the query is the caller's. STABLE: what writes is refused.
DECLARE
	item record;
	row_no pg_catalog.int8 := 0;
	checked pg_catalog.bool := false;
	code pg_catalog.text;
	message pg_catalog.text;
	detail pg_catalog.text;
	hint pg_catalog.text;
BEGIN
	BEGIN
		FOR item IN EXECUTE query LOOP
			IF NOT checked THEN
				PERFORM influence_internal.check_external_columns(c.names, c.types, external_rows.wanted, external_rows.kinds)
				   FROM influence_internal.record_columns(item) c;
				checked := true;
			END IF;
			RETURN NEXT pg_catalog.to_jsonb(item);
		END LOOP;
		IF NOT checked THEN
			-- without a row the loop leaves one of NULLs
			PERFORM influence_internal.check_external_columns(c.names, c.types, external_rows.wanted, external_rows.kinds)
			   FROM influence_internal.record_columns(item) c;
		END IF;
	EXCEPTION
		WHEN SQLSTATE 'IN008' THEN
			RAISE;
		WHEN invalid_cursor_definition OR feature_not_supported OR null_value_not_allowed THEN
			GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
			PERFORM influence_internal.raise_error('IN008', 'the query is not one SELECT', message OPERATOR(pg_catalog.||) '.',
				'Give one SELECT (or VALUES) that changes nothing.');
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			PERFORM influence_internal.external_query_error(code, message, detail, hint);
	END;
END
$$;
COMMENT ON FUNCTION influence_internal.external_rows(text, text[], text[]) IS
'The rows of a query of the caller, after a look at its columns; it may be one SELECT that changes nothing. IN008; errors of the query come with their own code.';

CREATE FUNCTION influence_internal.external_lines(items jsonb)
RETURNS TABLE (who text, period text, order_ref text, line_no bigint, currency text, amount numeric, reference text)
LANGUAGE plpgsql IMMUTABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	who := coalesce($1 ->> 'party', $1 ->> 'creator');
	period := $1 ->> 'period';
	order_ref := $1 ->> 'order_ref';
	currency := rtrim($1 ->> 'currency');
	reference := $1 ->> 'reference';
	amount := ($1 ->> 'amount')::numeric;
	IF amount IS NULL OR amount <> trunc(amount) OR amount IN ('NaN', 'Infinity', '-Infinity') THEN
		PERFORM influence_internal.raise_error('IN008', 'an amount of the query is not in minor units', format('Row: %s.', $1),
			'Give whole minor units: 1999 for 19.99.');
	END IF;
	IF ($1 ->> 'line_no')::numeric NOT BETWEEN 1 AND 2147483647 OR ($1 ->> 'line_no')::numeric <> trunc(($1 ->> 'line_no')::numeric) THEN
		PERFORM influence_internal.raise_error('IN008', 'a line_no of the query is no number of a line', format('Row: %s.', $1), 'Give 1 or more.');
	END IF;
	amount := trunc(amount, 0);
	line_no := ($1 ->> 'line_no')::bigint;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.external_lines(jsonb) IS 'A row of somebody else''s list, by column; IN008 where an amount is not whole.';

CREATE FUNCTION influence_internal.record_columns(item record, OUT names text[], OUT types text[])
AS 'MODULE_PATHNAME', 'books_record_columns'
LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION influence_internal.record_columns(record) IS 'The names and types of a row''s columns.';

CREATE FUNCTION influence_internal.external_party(who text)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN coalesce((SELECT c.creator_id FROM influence.creator c WHERE c.creator_ref = $1),
					(SELECT p.party_id FROM influence.party p WHERE p.party_id = CASE WHEN $1 ~ '^[0-9]{1,18}$' THEN $1::bigint END));
END
$$;
COMMENT ON FUNCTION influence_internal.external_party(text) IS 'Who is meant in somebody else''s list: a creator_ref, else a party_id; NULL for nobody of ours.';

CREATE FUNCTION influence_internal.our_lines(program_id bigint, kind text, of_period text)
RETURNS TABLE (who text, party_id bigint, period text, order_ref text, line_no bigint, currency text, amount numeric, reference text, state text)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	span tstzrange := '(,)';
BEGIN
	IF $2 = 'payouts' THEN
		RETURN QUERY
		SELECT coalesce(c.creator_ref, p.party_id::text), p.party_id, p.period, '', 0::bigint, p.currency::text,
			   CASE p.state WHEN 'failed' THEN 0 ELSE p.net END::numeric, p.bank_ref, p.state
		  FROM influence.payout p
		  LEFT JOIN influence.creator c ON c.creator_id = p.party_id
		 WHERE p.program_id = $1 AND p.period = coalesce($3, p.period);
		RETURN;
	END IF;
	IF $3 IS NOT NULL THEN
		SELECT tstzrange(b.starts_at, b.ends_at) INTO span FROM influence_internal.period_bounds($1, $3) b;
	END IF;
	RETURN QUERY
	SELECT c.creator_ref, e.creator_id, '', e.order_ref, e.line_no::bigint, e.currency::text, sum(e.amount), NULL::text, 'earned'
	  FROM influence.earning e JOIN influence.creator c ON c.creator_id = e.creator_id
	 WHERE e.program_id = $1 AND span @> e.ordered_at
	 GROUP BY c.creator_ref, e.creator_id, e.order_ref, e.line_no, e.currency;
END
$$;
COMMENT ON FUNCTION influence_internal.our_lines(bigint, text, text) IS
'Our side of a comparison, in minor units: payouts with what the bank should have paid (0 for one that failed), or commissions: what creators earned by each order line, clawbacks taken off (with a period: of the orders of that month).';

CREATE FUNCTION influence_internal.compare_lines(ours numeric, theirs numeric, their_rows bigint, our_reference text, their_reference text, state text,
	OUT rank int, OUT result text, OUT note text)
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF (their_rows IS NULL AND (state = 'failed' OR ours = 0)) OR (ours IS NULL AND their_rows = 1 AND theirs = 0) THEN
		RETURN;				-- nothing there, nothing here
	END IF;
	rank := CASE WHEN their_rows > 1 THEN 2
				 WHEN their_rows IS NULL THEN 3
				 WHEN ours IS NULL THEN 4
				 WHEN ours <> theirs OR state IN ('reserved', 'failed') OR (state = 'paid' AND our_reference IS DISTINCT FROM their_reference) THEN 1
				 ELSE 5 END;
	result := (ARRAY['differs', 'duplicate', 'only_ours', 'only_theirs', 'matched'])[rank];
	note := nullif(concat_ws('; ',
		CASE WHEN their_rows > 1 THEN format('%s rows', their_rows) END,
		CASE state WHEN 'reserved' THEN 'reserved, not confirmed' WHEN 'failed' THEN 'failed' END,
		CASE WHEN state = 'paid' AND our_reference IS DISTINCT FROM their_reference AND their_rows > 0
			THEN format('reference: ours %s, theirs %s', our_reference, coalesce(their_reference, 'none'))
			WHEN state IN ('reserved', 'failed') AND their_reference IS NOT NULL THEN format('their reference %s', their_reference) END), '');
END
$$;
COMMENT ON FUNCTION influence_internal.compare_lines(numeric, numeric, bigint, text, text, text) IS
'What reconcile() says of a pair of lines; rank NULL where there is nothing to say.';

CREATE FUNCTION influence_internal.check_reconcile(program_id bigint, kind text, query text, period text, OUT wanted text[], OUT kinds text[])
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.require_install();
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('kind', $2, 'query', $3);
	IF $4 IS NOT NULL THEN
		PERFORM influence_internal.period_bounds($1, $4);
	END IF;
	IF $2 = 'payouts' THEN
		wanted := '{party,period,currency,amount,reference}';
		kinds := '{text,text,text,number,text}';
	ELSIF $2 = 'commissions' THEN
		wanted := '{order_ref,line_no,creator,amount,currency}';
		kinds := '{text,number,text,number,text}';
	ELSE
		PERFORM influence_internal.raise_invalid(format('kind "%s" cannot be reconciled', $2), NULL, 'Use payouts or commissions.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.check_reconcile(bigint, text, text, text) IS
'Checks the arguments of reconcile(); returns the columns that its query must have, and their kinds (text or number).';

CREATE FUNCTION influence.reconcile(program_id bigint, kind text, query text, period text DEFAULT NULL)
RETURNS TABLE (result text, creator_ref text, month text, order_ref text, line_no bigint, currency text, ours numeric, theirs numeric,
			   difference numeric, note text)
LANGUAGE plpgsql STABLE
AS $$
-- no SET: the query is the caller's
#variable_conflict use_column
DECLARE
	shape record;
BEGIN
	SELECT c.wanted, c.kinds INTO shape FROM influence_internal.check_reconcile($1, $2, $3, $4) c;
	RETURN QUERY
	SELECT c.result, COALESCE(o.who, t.who), NULLIF(COALESCE(o.period, t.period), ''), NULLIF(COALESCE(o.order_ref, t.order_ref), ''),
		   NULLIF(COALESCE(o.line_no, t.line_no), 0), COALESCE(o.currency, t.currency), o.amount, t.amount,
		   COALESCE(t.amount, 0) OPERATOR(pg_catalog.-) COALESCE(o.amount, 0), c.note
	  FROM influence_internal.our_lines($1, $2, $4) o
	  FULL JOIN (SELECT x.party_id, pg_catalog.min(x.who) AS who, x.period, x.order_ref, x.line_no, x.currency, pg_catalog.sum(x.amount) AS amount,
						pg_catalog.count(*) AS rows, pg_catalog.string_agg(x.reference, ', ' ORDER BY x.reference) AS reference
				   FROM (SELECT influence_internal.external_party(l.who) AS party_id, l.who, COALESCE(l.period, '') AS period,
								COALESCE(l.order_ref, '') AS order_ref, COALESCE(l.line_no, 0) AS line_no, l.currency, l.amount, l.reference
						   FROM influence_internal.external_rows($3, shape.wanted, shape.kinds) r
						  CROSS JOIN LATERAL influence_internal.external_lines(r) l) x
				  -- the parts of nobody are as many as there are names
				  GROUP BY x.party_id, CASE WHEN x.party_id IS NULL THEN x.who END, x.period, x.order_ref, x.line_no, x.currency) t
			ON t.party_id OPERATOR(pg_catalog.=) o.party_id AND t.period OPERATOR(pg_catalog.=) o.period
			   AND t.order_ref OPERATOR(pg_catalog.=) o.order_ref AND t.line_no OPERATOR(pg_catalog.=) o.line_no
			   AND t.currency OPERATOR(pg_catalog.=) o.currency
	 CROSS JOIN LATERAL influence_internal.compare_lines(o.amount, t.amount, t.rows, o.reference, t.reference, o.state) c
	 WHERE c.rank IS NOT NULL
	   -- another month of the payouts in the list is not asked for
	   AND ($4 IS NULL OR $2 OPERATOR(pg_catalog.<>) 'payouts' OR COALESCE(o.period, t.period) OPERATOR(pg_catalog.=) $4)
	 ORDER BY c.rank, COALESCE(o.who, t.who) COLLATE pg_catalog."C", COALESCE(o.period, t.period) COLLATE pg_catalog."C",
			  COALESCE(o.order_ref, t.order_ref) COLLATE pg_catalog."C", COALESCE(o.line_no, t.line_no), COALESCE(o.currency, t.currency) COLLATE pg_catalog."C";
END
$$;
REVOKE ALL ON FUNCTION influence.reconcile(bigint, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION influence.reconcile(bigint, text, text, text) IS
'Compares somebody else''s list with ours, line by line, in minor units; differences first. The list is a query, one SELECT that runs with the caller''s rights. kind payouts: columns party (creator_ref or party_id), period (YYYY-MM), currency, amount, reference, as in a bank''s export; compared with the net amount and the bank reference of payouts. kind commissions: columns order_ref, line_no, creator (creator_ref), amount, currency, as from the network that is being left; compared with what each creator earned by the line. period (NULL = all): the payouts of that month, or the commissions of the orders of that month. result: matched; differs (note says what else than the amount: a reference, a payout that is not confirmed or failed); duplicate (several rows of theirs, added up); only_ours; only_theirs. difference = theirs - ours. IN002, IN003, IN008 the query has not this shape; its own errors come through.';

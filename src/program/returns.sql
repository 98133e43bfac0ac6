/*
 * returns.sql
 *
 * Returns. A line's k-th return claws back round(C R_k / N) - round(C R_(k-1) / N)
 * of each commission C, with R the cumulative return of the base N: the claws of
 * all returns together are exactly the commission when everything came back. A
 * return before its order is parked and applied when the order arrives.
 */
CREATE FUNCTION influence_internal.record_return(program_id bigint, visitor_id uuid, order_ref text, line_no int, return_ref text,
	quantity bigint DEFAULT NULL, amount bigint DEFAULT NULL, returned_at timestamptz DEFAULT NULL,
	kind text DEFAULT 'return', reason text DEFAULT NULL)
RETURNS TABLE (status text, returned bigint, clawed_back bigint, remaining bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	content jsonb := jsonb_build_array($6, $7, $8, $9, $10);
	state text;
	buyer uuid;
	people uuid[];
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('visitor_id', $2::text, 'line_no', $4::text);
	PERFORM influence_internal.require_key('order_ref', $3);
	PERFORM influence_internal.require_key('return_ref', $5);
	PERFORM influence_internal.require_event_time('returned_at', $8);
	IF $4 < 1 THEN
		PERFORM influence_internal.raise_invalid(format('line_no %s is not possible', $4), NULL, 'Lines count from 1.');
	ELSIF num_nonnulls($6, $7) = 0 OR $6 <= 0 OR $7 < 0 THEN
		PERFORM influence_internal.raise_invalid('a return needs a quantity or an amount', format('quantity %s, amount %s', $6, $7),
			'Give quantity (1 or more pieces), or amount (0 or more minor units of the line''s base).');
	ELSIF $9 IN ('chargeback', 'chargeback_reversed', 'goodwill') THEN
		PERFORM influence_internal.raise_unsupported(format('a return of kind "%s"', $9));
	ELSIF $9 IS DISTINCT FROM 'return' THEN
		PERFORM influence_internal.raise_invalid(format('return kind "%s" is not known', $9), NULL, 'Use return.');
	END IF;
	PERFORM influence_internal.lock_person($2);
	people := influence_internal.person_visitors($2);
	SELECT r.* INTO known
	  FROM unnest(people) v
	  JOIN influence.order_return r ON r.visitor_id = v AND r.program_id = $1 AND r.order_ref = $3 AND r.line_no = $4 AND r.return_ref = $5
	 ORDER BY r.visitor_id = $2 DESC, r.visitor_id LIMIT 1;
	IF FOUND THEN
		IF known.stated <> content THEN
			PERFORM influence_internal.raise_conflict('return', $5);
		END IF;
		RETURN QUERY SELECT CASE WHEN known.state = 'refused' THEN 'refused' ELSE 'duplicate' END, s.*
					   FROM influence_internal.return_summary($1, known.visitor_id, $3, $4, $5) s;
		RETURN;
	END IF;
	-- a return belongs to its order's visitor, whoever of the person's visitors brings it
	SELECT o.visitor_id INTO buyer
	  FROM unnest(people) v
	  JOIN influence.orders o ON o.visitor_id = v AND o.program_id = $1 AND o.order_ref = $3
	 ORDER BY o.visitor_id = $2 DESC, o.visitor_id LIMIT 1;
	IF NOT FOUND AND EXISTS (SELECT FROM influence.orders o WHERE o.program_id = $1 AND o.order_ref = $3) THEN
		PERFORM influence_internal.raise_other_visitor($3);
	END IF;
	INSERT INTO influence.order_return (visitor_id, program_id, order_ref, line_no, return_ref, kind, quantity, amount,
										returned_at, reason, state, stated)
	VALUES (coalesce(buyer, $2), $1, $3, $4, $5, $9, $6, $7, coalesce($8, now()), $10, 'parked', content);
	IF buyer IS NOT NULL THEN
		state := influence_internal.apply_return($1, buyer, $3, $4, $5);
		IF state <> 'applied' THEN
			PERFORM influence_internal.raise_over_return($1, buyer, $3, $4);
		END IF;
		PERFORM influence_internal.book_order_earnings($1, buyer, $3);
	END IF;
	RETURN QUERY SELECT CASE WHEN state = 'applied' THEN 'recorded' ELSE 'parked' END, s.*
				   FROM influence_internal.return_summary($1, coalesce(buyer, $2), $3, $4, $5) s;
END
$$;
COMMENT ON FUNCTION influence_internal.record_return(bigint, uuid, text, int, text, bigint, bigint, timestamptz, text, text) IS
'Records a return of an order line and claws back its share of every commission of the line. quantity in pieces, or amount in minor units of the line''s base (quantity alone returns its pieces'' share of the base, at most what is left; all pieces return all of it). Before its order it is parked. Natural key: visitor_id, program_id, order_ref, line_no, return_ref. -> status recorded | parked | duplicate | refused (parked before, but its order has no such line or less left), returned (amount), clawed_back (sum over creators), remaining base of the line. IN002, IN003 no such line, IN004 other content or the order of another visitor, IN007 more than is left, IN010 other kinds.';

CREATE FUNCTION influence_internal.line_left(program_id bigint, visitor_id uuid, order_ref text, line_no int,
	OUT base bigint, OUT pieces bigint, OUT returned bigint, OUT returned_pieces bigint, OUT next_seq int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT l.base_amount, l.quantity INTO base, pieces
	  FROM influence.order_line l
	 WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3 AND l.line_no = $4;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('order line', format('%s/%s', $3, $4),
			'Give the line_no that record_order was called with.');
	END IF;
	SELECT coalesce(sum(r.amount), 0), coalesce(sum(r.quantity), 0), coalesce(max(r.seq), 0) + 1
	  INTO returned, returned_pieces, next_seq
	  FROM influence.order_return r
	 WHERE r.visitor_id = $2 AND r.program_id = $1 AND r.order_ref = $3 AND r.line_no = $4 AND r.state = 'applied';
END
$$;
COMMENT ON FUNCTION influence_internal.line_left(bigint, uuid, text, int) IS 'Base and pieces of a line, and what of them came back; IN003.';

CREATE FUNCTION influence_internal.raise_over_return(program_id bigint, visitor_id uuid, order_ref text, line_no int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l record;
BEGIN
	SELECT * INTO l FROM influence_internal.line_left($1, $2, $3, $4);
	RAISE EXCEPTION USING ERRCODE = 'IN007',
		MESSAGE = 'the return is greater than what is left of the line',
		DETAIL = format('Left of line %s of order "%s": %s minor units, %s pieces.', $4, $3, l.base - l.returned, l.pieces - l.returned_pieces),
		HINT = 'Return at most what is left; see influence.explain_commission(program_id, order_ref).';
END
$$;
COMMENT ON FUNCTION influence_internal.raise_over_return(bigint, uuid, text, int) IS 'Raises IN007 with what is left.';

CREATE FUNCTION influence_internal.apply_return(program_id bigint, visitor_id uuid, order_ref text, line_no int, return_ref text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	r record;
	l record;
	give bigint;
BEGIN
	SELECT x.* INTO STRICT r FROM influence.order_return x
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = $4 AND x.return_ref = $5;
	SELECT * INTO l FROM influence_internal.line_left($1, $2, $3, $4);
	give := r.amount;
	IF r.amount IS NULL THEN
		-- pieces telescope over the line's base, so that it does not matter which return comes first
		give := CASE WHEN r.quantity > l.pieces - l.returned_pieces THEN NULL
					 ELSE least(l.base - l.returned,
								influence.clawback_minor(l.base, l.pieces, l.returned_pieces, r.quantity, 'down')) END;
	END IF;
	IF give IS NULL OR give > l.base - l.returned OR r.quantity > l.pieces - l.returned_pieces THEN
		UPDATE influence.order_return x SET state = 'refused'
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = $4 AND x.return_ref = $5;
		RETURN 'refused';
	END IF;
	UPDATE influence.order_return x SET state = 'applied', amount = give, order_amount = give, seq = l.next_seq, xact = pg_current_xact_id()
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = $4 AND x.return_ref = $5;
	PERFORM influence_internal.book_clawbacks($1, $2, $3);
	RETURN 'applied';
END
$$;
COMMENT ON FUNCTION influence_internal.apply_return(bigint, uuid, text, int, text) IS
'Applies a stored return to its line: applied (with a clawback per commission, available when its commission is: together in one payout, or at once when that was paid) or refused (more than is left).';

CREATE FUNCTION influence_internal.apply_parked_returns(program_id bigint, visitor_id uuid, order_ref text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	r record;
	people uuid[] := influence_internal.person_visitors($2);
BEGIN
	-- what waits under another visitor of the same person is the order's
	UPDATE influence.order_return x SET visitor_id = $2, xact = pg_current_xact_id()
	 WHERE x.program_id = $1 AND x.order_ref = $3 AND x.visitor_id <> $2 AND x.state = 'parked' AND x.visitor_id = ANY (people)
	   AND NOT EXISTS (SELECT FROM influence.order_return y
						WHERE y.program_id = $1 AND y.order_ref = $3 AND y.line_no = x.line_no AND y.return_ref = x.return_ref
						  AND y.visitor_id = ANY (people) AND (y.visitor_id = $2 OR y.visitor_id < x.visitor_id));
	-- an order has one person: what waits for it under another one cannot be meant
	UPDATE influence.order_return x SET state = 'refused'
	 WHERE x.program_id = $1 AND x.order_ref = $3 AND x.visitor_id <> $2 AND x.state = 'parked';
	FOR r IN
		SELECT x.line_no, x.return_ref,
			   EXISTS (SELECT FROM influence.order_line l WHERE l.visitor_id = $2 AND l.program_id = $1
							AND l.order_ref = $3 AND l.line_no = x.line_no) AS has_line
		  FROM influence.order_return x
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.state = 'parked'
		 ORDER BY x.returned_at, x.return_ref COLLATE "C"
	LOOP
		IF r.has_line THEN
			PERFORM influence_internal.apply_return($1, $2, $3, r.line_no, r.return_ref);
		ELSE
			UPDATE influence.order_return x SET state = 'refused'
			 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = r.line_no AND x.return_ref = r.return_ref;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.apply_parked_returns(bigint, uuid, text) IS
'Applies the returns that came before their order, in the order of (returned_at, return_ref); those that exceed the line, or were stated for another person, become refused.';

CREATE FUNCTION influence_internal.return_summary(program_id bigint, visitor_id uuid, order_ref text, line_no int, return_ref text)
RETURNS TABLE (returned bigint, clawed_back bigint, remaining bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	r record;
BEGIN
	SELECT x.state, x.amount, x.seq INTO STRICT r FROM influence.order_return x
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = $4 AND x.return_ref = $5;
	IF r.state = 'applied' THEN
		returned := r.amount;
		SELECT coalesce(-sum(e.amount), 0) INTO clawed_back FROM influence.earning e
		 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.line_no = $4 AND e.kind = 'clawback' AND e.seq = r.seq;
		SELECT l.base - l.returned INTO remaining FROM influence_internal.line_left($1, $2, $3, $4) l;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.return_summary(bigint, uuid, text, int, text) IS 'What a return did; NULLs while it is parked or refused.';

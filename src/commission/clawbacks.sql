/*
 * clawbacks.sql
 *
 * What returns take back. With commission C of a line's base N and R of N back
 * after the k-th return, that return takes round(C R_k / N) - round(C R_(k-1) / N):
 * all of them together take exactly C once everything is back. Returns that came
 * too late to cost the creator count after all others, so that neither their
 * part nor the creator's depends on the order in which they arrived.
 */
CREATE FUNCTION influence_internal.return_sign(kind text)
RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE kind WHEN 'goodwill' THEN 0 WHEN 'chargeback_reversed' THEN -1 ELSE 1 END $$;
COMMENT ON FUNCTION influence_internal.return_sign(text) IS
'How a return of a kind counts in what came back of its line: 1, -1 for a chargeback_reversed, 0 for goodwill, which the creators keep.';

CREATE FUNCTION influence_internal.wanted_clawbacks(program_id bigint, visitor_id uuid, order_ref text, line_no int, base_earned bigint, amount_earned bigint,
	rounding text, claws_until timestamptz)
RETURNS TABLE (kind text, seq int, base bigint, amount bigint, returned_at timestamptz, return_ref text)
LANGUAGE plpgsql STABLE
ROWS 4
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH line AS (
		-- what is free comes back by pieces
		SELECT l.base_amount = 0 AS free, CASE WHEN l.base_amount = 0 THEN l.quantity ELSE l.base_amount END AS whole
		  FROM influence.order_line l
		 WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3 AND l.line_no = $4
	), back AS (
		SELECT r.seq, r.returned_at, r.return_ref, coalesce(r.returned_at > $8, false) AS late, l.free, l.whole,
			   influence_internal.return_sign(r.kind) * CASE WHEN l.free THEN coalesce(r.quantity, 0) ELSE r.amount END AS part
		  FROM influence.order_return r CROSS JOIN line l
		 WHERE r.visitor_id = $2 AND r.program_id = $1 AND r.order_ref = $3 AND r.line_no = $4 AND r.state = 'applied' AND r.kind <> 'goodwill'
	), run AS (
		-- on the way a reversal may come before what it reverses, and a cancellation be counted before later returns
		SELECT b.*, least(greatest(sum(b.part) OVER w, 0), b.whole)::bigint AS now, least(greatest(sum(b.part) OVER w - b.part, 0), b.whole)::bigint AS before
		  FROM back b
		WINDOW w AS (ORDER BY b.late, b.seq)
	), claw AS (
		SELECT r.*, influence.clawback_minor($6, r.whole, 0, r.before, $7) - influence.clawback_minor($6, r.whole, 0, r.now, $7) AS claw,
			   CASE WHEN r.free THEN 0
					ELSE influence.clawback_minor($5, r.whole, 0, r.before, $7) - influence.clawback_minor($5, r.whole, 0, r.now, $7) END AS back
		  FROM run r
	)
	SELECT k.kind, c.seq, CASE k.kind WHEN 'clawback' THEN c.back ELSE 0 END,
		   CASE WHEN k.kind = 'clawback' THEN c.claw WHEN c.late THEN -c.claw ELSE 0 END, c.returned_at, c.return_ref
	  FROM claw c CROSS JOIN (VALUES ('clawback'), ('write_off')) k(kind);
END
$$;
COMMENT ON FUNCTION influence_internal.wanted_clawbacks(bigint, uuid, text, int, bigint, bigint, text, timestamptz) IS
'What the returns of a line should have taken back of a commission (its base and amount): for each return a clawback, and a write_off, which gives the amount back when the return came after claws_until (else 0). The sums: -round(C R / N) over all returns, and the part of it beyond the returns in time. A line with base 0 comes back by its pieces.';

CREATE FUNCTION influence_internal.cancel_lines(program_id bigint, visitor_id uuid, order_ref text, cancelled_at timestamptz)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO influence.order_return AS x (visitor_id, program_id, order_ref, line_no, return_ref, kind, quantity, amount, order_amount,
											 returned_at, state, seq, stated)
	SELECT $2, $1, $3, l.line_no, 'cancelled', 'cancelled', nullif(k.pieces - k.returned_pieces, 0), k.base - k.returned_base, k.order_amount - k.returned,
		   $4, 'applied', k.next_seq, '[]'
	  FROM influence.order_line l
	 CROSS JOIN LATERAL influence_internal.line_left($1, $2, $3, l.line_no) k
	 WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3
	ON CONFLICT ON CONSTRAINT order_return_pkey DO UPDATE
	   SET quantity = excluded.quantity, amount = excluded.amount, order_amount = excluded.order_amount, returned_at = excluded.returned_at,
		   xact = excluded.xact
	 WHERE x.kind = 'cancelled'
	   AND (x.quantity, x.amount, x.order_amount, x.returned_at)
		   IS DISTINCT FROM (excluded.quantity, excluded.amount, excluded.order_amount, excluded.returned_at);
END
$$;
COMMENT ON FUNCTION influence_internal.cancel_lines(bigint, uuid, text, timestamptz) IS
'For a cancelled order: keeps one return per line, return_ref "cancelled", equal to what the other returns left, at the time of the (earliest) cancellation.';

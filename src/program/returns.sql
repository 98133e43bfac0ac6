/*
 * returns.sql
 *
 * Returns of order lines, of all kinds: what came back (return, chargeback), what
 * came back no longer (chargeback_reversed), and what the shop gave of its own
 * (goodwill). Here it is decided whether a return fits its line and how much it
 * is in the program's currency; clawbacks.sql says what it takes back. A return
 * before its order is parked and applied when the order arrives.
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
	forgotten boolean;
	reason_given text := $10;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('visitor_id', $2::text, 'line_no', $4::text);
	PERFORM influence_internal.require_key('order_ref', $3);
	PERFORM influence_internal.require_key('return_ref', $5);
	PERFORM influence_internal.require_event_time('returned_at', $8);
	IF $4 < 1 THEN
		PERFORM influence_internal.raise_invalid(format('line_no %s is not possible', $4), NULL, 'Lines count from 1.');
	ELSIF num_nonnulls($6, $7) = 0 OR $6 <= 0 OR $7 < 0 THEN
		PERFORM influence_internal.raise_invalid('a return needs a quantity or an amount',
			format('quantity: %s, amount: %s.', coalesce($6::text, 'NULL'), coalesce($7::text, 'NULL')),
			'Give quantity (1 or more pieces), or amount (0 or more minor units of the order''s currency).');
	ELSIF $9 IS NULL OR $9 NOT IN ('return', 'chargeback', 'chargeback_reversed', 'goodwill') THEN
		PERFORM influence_internal.raise_invalid(format('return kind "%s" is not known', $9), NULL,
			'Use return, chargeback, chargeback_reversed or goodwill; an order is cancelled with influence.record_order_event().');
	ELSIF $9 IN ('chargeback_reversed', 'goodwill') AND $7 IS NULL THEN
		PERFORM influence_internal.raise_invalid(format('a return of kind "%s" needs an amount', $9), NULL,
			'Give amount in minor units of the order''s currency.');
	ELSIF $9 = 'goodwill' AND $6 IS NOT NULL THEN
		PERFORM influence_internal.raise_invalid('goodwill has no quantity', format('quantity %s', $6), 'Nothing comes back: give amount alone.');
	ELSIF $5 = 'cancelled' THEN
		PERFORM influence_internal.raise_invalid('return_ref "cancelled" is taken', NULL,
			'It stands for what a cancelled order takes back; use another return_ref.');
	END IF;
	SELECT p.people, p.forgotten INTO people, forgotten FROM influence_internal.lock_order_person($1, $2, $3) p;
	IF forgotten THEN
		-- why it came back is forgotten with its buyer
		reason_given := NULL;
		content := jsonb_set(content, '{4}', 'null');
	END IF;
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
	buyer := influence_internal.order_of_people($1, $2, $3, people);
	IF buyer IS NOT NULL THEN
		-- what came by COPY came before
		PERFORM influence_internal.take_in_parked($1, buyer, $3);
	END IF;
	INSERT INTO influence.order_return (visitor_id, program_id, order_ref, line_no, return_ref, kind, quantity, amount,
										returned_at, reason, state, stated)
	VALUES (coalesce(buyer, $2), $1, $3, $4, $5, $9, $6, $7, coalesce($8, now()), reason_given, 'parked', content);
	IF buyer IS NOT NULL THEN
		state := influence_internal.apply_return($1, buyer, $3, $4, $5);
		IF state <> 'applied' THEN
			PERFORM influence_internal.raise_over_return($1, buyer, $3, $4, $9);
		END IF;
		PERFORM influence_internal.book_order($1, buyer, $3);
	END IF;
	RETURN QUERY SELECT CASE WHEN state = 'applied' THEN 'recorded' ELSE 'parked' END, s.*
				   FROM influence_internal.return_summary($1, coalesce(buyer, $2), $3, $4, $5) s;
END
$$;
COMMENT ON FUNCTION influence_internal.record_return(bigint, uuid, text, int, text, bigint, bigint, timestamptz, text, text) IS
'Records what came back of an order line and claws back its share of every commission of the line. kind: return, chargeback, chargeback_reversed (at most the chargebacks of the line; the creators get it back), goodwill (the creators keep theirs; recorded only). quantity in pieces, or amount in minor units of the order''s currency, which the last two need (quantity alone returns its pieces'' share of the line, at most what is left; all pieces return all of it). Before its order it is parked. Where the buyer was forgotten (forget_shopper) order_ref alone tells the order, whatever visitor_id says, and reason is not kept. Returns later than the payout policy''s max_clawback_age cost the creators nothing. Natural key: visitor_id, program_id, order_ref, line_no, return_ref. -> status recorded | parked | duplicate | refused (parked before, but its order has no such line or less left), returned (the amount), clawed_back (what it took from the creators, in the program''s currency; negative when they got back), remaining (amount of the line that is left, a cancellation apart). IN002, IN003 no such line, IN004 other content or the order of another visitor, IN007 more than is left.';

CREATE FUNCTION influence_internal.line_left(program_id bigint, visitor_id uuid, order_ref text, line_no int,
	OUT base bigint, OUT order_amount bigint, OUT pieces bigint, OUT returned_base bigint, OUT returned bigint, OUT returned_pieces bigint,
	OUT disputed bigint, OUT disputed_pieces bigint, OUT given bigint, OUT next_seq int)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT l.base_amount, coalesce(l.order_amount, l.base_amount), l.quantity INTO base, order_amount, pieces
	  FROM influence.order_line l
	 WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3 AND l.line_no = $4;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown(format('line %s of order', $4), $3,
			'Give the line_no that record_order was called with.');
	END IF;
	SELECT coalesce(sum(x.sign * x.amount), 0), coalesce(sum(x.sign * x.stated), 0), coalesce(sum(x.sign * x.quantity), 0),
		   coalesce(sum(x.sign * x.stated) FILTER (WHERE x.kind LIKE 'chargeback%'), 0),
		   coalesce(sum(x.sign * x.quantity) FILTER (WHERE x.kind LIKE 'chargeback%'), 0),
		   coalesce(sum(x.stated) FILTER (WHERE x.kind = 'goodwill'), 0),
		   (SELECT coalesce(max(r.seq), 0) + 1 FROM influence.order_return r
			 WHERE r.visitor_id = $2 AND r.program_id = $1 AND r.order_ref = $3 AND r.line_no = $4)
	  INTO returned_base, returned, returned_pieces, disputed, disputed_pieces, given, next_seq
	  FROM (SELECT r.kind, r.amount, coalesce(r.order_amount, r.amount) AS stated, coalesce(r.quantity, 0) AS quantity,
				   influence_internal.return_sign(r.kind) AS sign
			  FROM influence.order_return r
			 WHERE r.visitor_id = $2 AND r.program_id = $1 AND r.order_ref = $3 AND r.line_no = $4 AND r.state = 'applied'
			   -- a cancellation takes what the others leave
			   AND r.kind <> 'cancelled') x;
END
$$;
COMMENT ON FUNCTION influence_internal.line_left(bigint, uuid, text, int) IS
'A line (base in the program''s currency, order_amount in the order''s, pieces) and what of it came back, a cancellation apart: returned_base, returned (in the order''s currency), returned_pieces; of this by chargebacks that are not reversed: disputed, disputed_pieces; given as goodwill. IN003.';

CREATE FUNCTION influence_internal.raise_over_return(program_id bigint, visitor_id uuid, order_ref text, line_no int, kind text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	l record;
BEGIN
	SELECT * INTO l FROM influence_internal.line_left($1, $2, $3, $4);
	RAISE EXCEPTION USING ERRCODE = 'IN007',
		MESSAGE = CASE $5 WHEN 'chargeback_reversed' THEN 'the reversal is greater than the chargebacks of the line'
						  WHEN 'goodwill' THEN 'the goodwill is greater than the line'
						  ELSE 'the return is greater than what is left of the line' END,
		DETAIL = CASE $5 WHEN 'chargeback_reversed'
						 THEN format('Not reversed yet on line %s of order "%s": %s, %s.', $4, $3, influence_internal.counted(l.disputed, 'minor unit'),
									influence_internal.counted(l.disputed_pieces, 'piece'))
						 WHEN 'goodwill' THEN format('Not given yet on line %s of order "%s": %s.', $4, $3, influence_internal.counted(l.order_amount - l.given, 'minor unit'))
						 ELSE format('Left of line %s of order "%s": %s, %s.', $4, $3, influence_internal.counted(l.order_amount - l.returned, 'minor unit'),
									 influence_internal.counted(l.pieces - l.returned_pieces, 'piece')) END,
		HINT = CASE $5 WHEN 'chargeback_reversed' THEN 'Reverse at most what was charged back'
					   WHEN 'goodwill' THEN 'Give at most what the line was' ELSE 'Return at most what is left' END
			   || '; see influence.explain_commission(program_id, order_ref).';
END
$$;
COMMENT ON FUNCTION influence_internal.raise_over_return(bigint, uuid, text, int, text) IS 'Raises IN007 with what is left for a return of a kind.';

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
	most bigint;
	most_pieces bigint;
	before bigint;
BEGIN
	SELECT x.* INTO STRICT r FROM influence.order_return x
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = $4 AND x.return_ref = $5;
	SELECT * INTO l FROM influence_internal.line_left($1, $2, $3, $4);
	give := r.amount;
	most := l.order_amount - l.returned;
	most_pieces := l.pieces - l.returned_pieces;
	before := l.returned;
	IF r.kind = 'chargeback_reversed' THEN
		most := l.disputed;
		most_pieces := l.disputed_pieces;
		before := l.returned - give;
	ELSIF r.kind = 'goodwill' THEN
		most := l.order_amount - l.given;
		before := l.given;
	ELSIF give IS NULL AND r.quantity <= most_pieces THEN
		-- pieces telescope over the line, so that it does not matter which return comes first
		give := least(most, influence.clawback_minor(l.order_amount, l.pieces, l.returned_pieces, r.quantity, 'down'));
	END IF;
	IF give IS NULL OR give > most OR r.quantity > most_pieces THEN
		UPDATE influence.order_return x SET state = 'refused'
		 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = $4 AND x.return_ref = $5;
		RETURN 'refused';
	END IF;
	-- in the program's currency: the difference of two rounded wholes
	UPDATE influence.order_return x SET state = 'applied', order_amount = give, amount = influence.clawback_minor(l.base, l.order_amount, before, give),
										seq = l.next_seq, xact = pg_current_xact_id()
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = $4 AND x.return_ref = $5;
	RETURN 'applied';
END
$$;
COMMENT ON FUNCTION influence_internal.apply_return(bigint, uuid, text, int, text) IS
'Applies a stored return to its line: applied (with its amount in both currencies) or refused (more than is left). The caller books what follows.';

CREATE FUNCTION influence_internal.apply_parked_returns(program_id bigint, visitor_id uuid, order_ref text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	r record;
	people uuid[];
	applied boolean := false;
BEGIN
	IF NOT EXISTS (SELECT FROM influence.order_return x WHERE x.program_id = $1 AND x.order_ref = $3 AND x.state = 'parked') THEN
		RETURN false;
	END IF;
	people := influence_internal.person_visitors($2);
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
			applied := influence_internal.apply_return($1, $2, $3, r.line_no, r.return_ref) = 'applied' OR applied;
		ELSE
			UPDATE influence.order_return x SET state = 'refused'
			 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = r.line_no AND x.return_ref = r.return_ref;
		END IF;
	END LOOP;
	RETURN applied;
END
$$;
COMMENT ON FUNCTION influence_internal.apply_parked_returns(bigint, uuid, text) IS
'Applies the returns of an order that came before it or by COPY, in the order of (returned_at, return_ref); those that exceed the line, or were stated for another person, become refused. Whether any was applied; the caller books what follows.';

CREATE FUNCTION influence_internal.return_summary(program_id bigint, visitor_id uuid, order_ref text, line_no int, return_ref text)
RETURNS TABLE (returned bigint, clawed_back bigint, remaining bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	r record;
BEGIN
	SELECT x.state, coalesce(x.order_amount, x.amount) AS amount, x.seq INTO STRICT r FROM influence.order_return x
	 WHERE x.visitor_id = $2 AND x.program_id = $1 AND x.order_ref = $3 AND x.line_no = $4 AND x.return_ref = $5;
	IF r.state = 'applied' THEN
		returned := r.amount;
		SELECT coalesce(-sum(e.amount), 0) INTO clawed_back FROM influence.earning e
		 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.line_no = $4 AND e.kind IN ('clawback', 'write_off')
		   AND e.seq = r.seq AND e.creator_id <> 0;
		SELECT l.order_amount - l.returned INTO remaining FROM influence_internal.line_left($1, $2, $3, $4) l;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.return_summary(bigint, uuid, text, int, text) IS 'What a return did; NULLs while it is parked or refused.';

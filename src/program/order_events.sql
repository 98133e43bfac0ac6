/*
 * order_events.sql
 *
 * The life of an order after it was placed: shipped, delivered, cancelled,
 * replaced by another order. An event says nothing about money itself; the
 * order's earnings are booked anew from all events there are, so the end does
 * not depend on the order in which they came. An event before its order is
 * parked and counts when the order arrives.
 */
CREATE FUNCTION influence_internal.record_order_event(program_id bigint, visitor_id uuid, order_ref text, kind text,
	occurred_at timestamptz DEFAULT NULL, event_ref text DEFAULT NULL, replacement_ref text DEFAULT NULL)
RETURNS TABLE (status text, commission bigint, available_at timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	ref text := coalesce($6, $4);
	hash bytea := influence_internal.content_hash(jsonb_build_array($4, $5, $7));
	people uuid[];
	known record;
	buyer uuid;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_arguments('visitor_id', $2::text);
	PERFORM influence_internal.require_key('order_ref', $3);
	IF $4 IS NULL OR $4 NOT IN ('shipped', 'delivered', 'cancelled', 'replaced') THEN
		PERFORM influence_internal.raise_invalid(format('order event "%s" is not known', $4), NULL, 'Use shipped, delivered, cancelled or replaced.');
	END IF;
	PERFORM influence_internal.require_key('event_ref', ref);
	PERFORM influence_internal.require_event_time('occurred_at', $5);
	IF $4 = 'replaced' THEN
		PERFORM influence_internal.require_key('replacement_ref', $7);
		IF $7 = $3 THEN
			PERFORM influence_internal.raise_invalid('an order cannot replace itself', format('order_ref and replacement_ref: "%s".', $3),
				'Give the order_ref of the new order as replacement_ref.');
		END IF;
	ELSIF $7 IS NOT NULL THEN
		PERFORM influence_internal.raise_invalid(format('an order event "%s" has no replacement_ref', $4), NULL, 'Give replacement_ref with kind replaced only.');
	END IF;
	SELECT p.people INTO people FROM influence_internal.lock_order_person($1, $2, $3) p;
	SELECT e.visitor_id, e.state, e.content_hash INTO known
	  FROM unnest(people) v
	  JOIN influence.order_event e ON e.visitor_id = v AND e.program_id = $1 AND e.order_ref = $3 AND e.event_ref = ref
	 ORDER BY e.visitor_id = $2 DESC, e.visitor_id LIMIT 1;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('order event', ref);
		END IF;
		RETURN QUERY SELECT CASE WHEN known.state = 'refused' THEN 'refused' ELSE 'duplicate' END, s.*
					   FROM influence_internal.event_summary($1, known.visitor_id, $3) s;
		RETURN;
	END IF;
	buyer := influence_internal.order_of_people($1, $2, $3, people);
	IF EXISTS (SELECT FROM influence.orders o WHERE o.program_id = $1 AND o.order_ref = $7)
	   AND NOT EXISTS (SELECT FROM influence.orders o WHERE o.program_id = $1 AND o.order_ref = $7 AND o.visitor_id = ANY (people)) THEN
		PERFORM influence_internal.raise_other_visitor($7);
	END IF;
	INSERT INTO influence.order_event (visitor_id, program_id, order_ref, event_ref, kind, occurred_at, replacement_ref, state, content_hash, received_at)
	-- received under the lock: what was decided before did not know of it
	VALUES (coalesce(buyer, $2), $1, $3, ref, $4, coalesce($5, now()), $7, CASE WHEN buyer IS NULL THEN 'parked' ELSE 'counted' END, hash,
			clock_timestamp());
	IF buyer IS NOT NULL THEN
		PERFORM influence_internal.take_in_parked($1, buyer, $3);
		PERFORM influence_internal.book_order($1, buyer, $3);
		PERFORM influence_internal.book_replacements($1, buyer, $3);
	END IF;
	RETURN QUERY SELECT CASE WHEN buyer IS NULL THEN 'parked' ELSE 'recorded' END, s.*
				   FROM influence_internal.event_summary($1, coalesce(buyer, $2), $3) s;
END
$$;
COMMENT ON FUNCTION influence_internal.record_order_event(bigint, uuid, text, text, timestamptz, text, text) IS
'Records what happened to an order: shipped, delivered (implies shipped), cancelled (what is left of every line is taken back), replaced (by the order replacement_ref of the same person, which then earns nothing: the sale stays with this order). Commissions are earned, and their hold begins, with the event that the payout policy of the order names (earns_at, hold_from); the earliest event of a kind counts. occurred_at NULL = now; event_ref NULL = the kind, so give one where an order is shipped in parts. Before its order it is parked and counts when the order comes. Where the buyer was forgotten (forget_shopper) order_ref alone tells the order, whatever visitor_id says. Natural key: visitor_id, program_id, order_ref, event_ref. -> status recorded | parked | duplicate | refused (parked before, but the order came for another person), commission (what the creators of the order have by now, net of what was taken back, in minor units of the program''s currency), available_at (NULL while it is not known). IN002, IN003, IN004 other content, or the order or its replacement belongs to another visitor.';

CREATE FUNCTION influence_internal.event_summary(program_id bigint, visitor_id uuid, order_ref text)
RETURNS TABLE (commission bigint, available_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF EXISTS (SELECT FROM influence.orders o WHERE o.visitor_id = $2 AND o.program_id = $1 AND o.order_ref = $3) THEN
		SELECT coalesce(sum(e.amount), 0) INTO commission FROM influence.earning e
		 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.creator_id <> 0;
		SELECT nullif(t.available_at, 'infinity') INTO available_at FROM influence_internal.order_terms($1, $2, $3) t;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.event_summary(bigint, uuid, text) IS 'What the creators have of an order by now, and from when on it is available; NULLs while the order is not there.';

CREATE FUNCTION influence_internal.count_parked_events(program_id bigint, visitor_id uuid, order_ref text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	people uuid[];
	counted boolean;
BEGIN
	IF NOT EXISTS (SELECT FROM influence.order_event e WHERE e.program_id = $1 AND e.order_ref = $3 AND e.state = 'parked') THEN
		RETURN false;
	END IF;
	people := influence_internal.person_visitors($2);
	-- what waits under another visitor of the same person is the order's
	UPDATE influence.order_event x SET visitor_id = $2, state = 'counted', xact = pg_current_xact_id()
	 WHERE x.program_id = $1 AND x.order_ref = $3 AND x.state = 'parked' AND x.visitor_id = ANY (people)
	   AND NOT EXISTS (SELECT FROM influence.order_event y
						WHERE y.program_id = $1 AND y.order_ref = $3 AND y.event_ref = x.event_ref AND y.visitor_id = ANY (people)
						  AND y.visitor_id <> x.visitor_id AND x.visitor_id <> $2 AND (y.visitor_id = $2 OR y.visitor_id < x.visitor_id));
	counted := FOUND;
	-- an order has one person: what waits for it under another one cannot be meant
	UPDATE influence.order_event x SET state = 'refused'
	 WHERE x.program_id = $1 AND x.order_ref = $3 AND x.state = 'parked';
	RETURN counted;
END
$$;
COMMENT ON FUNCTION influence_internal.count_parked_events(bigint, uuid, text) IS
'Counts the events of an order that came before it or by COPY; those of another person become refused. Whether there were any; the caller books what follows.';

CREATE FUNCTION influence_internal.take_in_parked(program_id bigint, visitor_id uuid, order_ref text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	counted boolean;
BEGIN
	-- of an order that comes by COPY the lines may be yet to come
	IF NOT EXISTS (SELECT FROM influence.order_event e WHERE e.program_id = $1 AND e.order_ref = $3 AND e.state = 'parked'
				   UNION ALL SELECT FROM influence.order_return r WHERE r.program_id = $1 AND r.order_ref = $3 AND r.state = 'parked')
	   OR NOT EXISTS (SELECT FROM influence.order_line l WHERE l.visitor_id = $2 AND l.program_id = $1 AND l.order_ref = $3) THEN
		RETURN false;
	END IF;
	counted := influence_internal.count_parked_events($1, $2, $3);
	IF counted THEN
		PERFORM influence_internal.book_replacements($1, $2, $3);
	END IF;
	RETURN influence_internal.apply_parked_returns($1, $2, $3) OR counted;
END
$$;
COMMENT ON FUNCTION influence_internal.take_in_parked(bigint, uuid, text) IS
'Takes in the events and returns of an order that came before it or by COPY; whether there were any. The caller holds the person''s lock and books what follows.';

CREATE FUNCTION influence_internal.book_replacements(program_id bigint, visitor_id uuid, order_ref text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	r record;
BEGIN
	FOR r IN
		SELECT DISTINCT o.visitor_id, o.order_ref
		  FROM influence.order_event e
		  JOIN influence.orders o ON o.program_id = e.program_id AND o.order_ref = e.replacement_ref
		 WHERE e.visitor_id = $2 AND e.program_id = $1 AND e.order_ref = $3 AND e.state = 'counted' AND e.replacement_ref IS NOT NULL
		   AND o.visitor_id = ANY (influence_internal.person_visitors($2))
	LOOP
		PERFORM influence_internal.book_order($1, r.visitor_id, r.order_ref);
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.book_replacements(bigint, uuid, text) IS
'Books the orders that are there and replace this one: they earn nothing.';

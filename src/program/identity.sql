/*
 * identity.sql
 *
 * Who a visitor is. A guest who turns out to be a shopper gets an alias; no key
 * ever changes, whoever reads expands the aliases. Aliases form a forest: a
 * visitor points at most at one other, and the person is the root of its tree.
 * Writers of a person's money lock the root.
 */
CREATE FUNCTION influence_internal.person_of(visitor_id uuid)
RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	person uuid := $1;
	seen uuid[] := '{}';
	next_id uuid;
BEGIN
	LOOP
		SELECT a.shopper_id INTO next_id FROM influence.visitor_alias a WHERE a.visitor_id = person;
		IF NOT FOUND THEN
			RETURN person;
		ELSIF next_id = ANY (seen) OR next_id = person THEN
			-- identify() makes no cycle, COPY may: all of its members agree on the least one
			RETURN (WITH RECURSIVE ring AS (
						SELECT next_id AS id
						UNION
						SELECT a.shopper_id FROM ring r JOIN influence.visitor_alias a ON a.visitor_id = r.id)
					SELECT r.id FROM ring r ORDER BY r.id LIMIT 1);
		END IF;
		seen := seen || person;
		person := next_id;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.person_of(uuid) IS 'The person that a visitor is: the end of its chain of aliases, itself without one.';

CREATE FUNCTION influence_internal.person_visitors(visitor_id uuid)
RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	person uuid;
BEGIN
	-- most visitors have no alias and are nobody's
	IF NOT EXISTS (SELECT FROM influence.visitor_alias a WHERE a.visitor_id = $1
				   UNION ALL SELECT FROM influence.visitor_alias a WHERE a.shopper_id = $1) THEN
		RETURN ARRAY[$1];
	END IF;
	person := influence_internal.person_of($1);
	RETURN (
		WITH RECURSIVE tree AS (
			SELECT person AS id
			UNION
			SELECT a.visitor_id FROM tree t JOIN influence.visitor_alias a ON a.shopper_id = t.id)
		SELECT array_agg(t.id ORDER BY t.id) FROM tree t);
END
$$;
COMMENT ON FUNCTION influence_internal.person_visitors(uuid) IS 'All visitors that are the same person as this one, itself included, in order.';

CREATE FUNCTION influence_internal.lock_person(visitor_id uuid)
RETURNS void
AS 'MODULE_PATHNAME', 'program_lock_person'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION influence_internal.lock_person(uuid) IS 'Serialises the writers of one person''s money until the end of the transaction, under whatever visitor they know the person; IN005 in REPEATABLE READ and SERIALIZABLE.';

CREATE FUNCTION influence_internal.try_lock_person(visitor_id uuid)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	person uuid := influence_internal.person_of($1);
BEGIN
	PERFORM influence_internal.require_read_committed();
	RETURN pg_try_advisory_xact_lock(hashtextextended(concat('pg_influence person ', person), 0))
		   AND influence_internal.person_of($1) = person;
END
$$;
COMMENT ON FUNCTION influence_internal.try_lock_person(uuid) IS 'As lock_person(), but false instead of waiting: for jobs, which lock many persons and so may wait for none.';

CREATE FUNCTION influence_internal.lock_order_person(program_id bigint, visitor_id uuid, order_ref text, OUT people uuid[], OUT forgotten boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	buyer uuid;
BEGIN
	PERFORM influence_internal.lock_person($2);
	people := influence_internal.person_visitors($2);
	-- whose order it was is forgotten: order_ref tells
	buyer := influence_internal.forgotten_buyer($1, $3);
	forgotten := buyer IS NOT NULL;
	IF forgotten THEN
		PERFORM influence_internal.lock_person(buyer);
		people := influence_internal.person_visitors(buyer);
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.lock_order_person(bigint, uuid, text) IS
'lock_person() of the visitor and, where the order''s buyer was forgotten, of the buyer; person_visitors() of whose order it is, and whether that one was forgotten.';

CREATE FUNCTION influence_internal.order_of_people(program_id bigint, visitor_id uuid, order_ref text, people uuid[])
RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	buyer uuid;
BEGIN
	SELECT o.visitor_id INTO buyer
	  FROM unnest($4) v
	  JOIN influence.orders o ON o.visitor_id = v AND o.program_id = $1 AND o.order_ref = $3
	 ORDER BY o.visitor_id = $2 DESC, o.visitor_id LIMIT 1;
	IF NOT FOUND AND EXISTS (SELECT FROM influence.orders o WHERE o.program_id = $1 AND o.order_ref = $3) THEN
		PERFORM influence_internal.raise_other_visitor($3);
	END IF;
	RETURN buyer;
END
$$;
COMMENT ON FUNCTION influence_internal.order_of_people(bigint, uuid, text, uuid[]) IS
'The visitor, of these of one person, that an order is recorded for (visitor_id before others); NULL while it is not recorded. IN004 when it is another person''s.';

CREATE FUNCTION influence_internal.identify(visitor_id uuid, shopper_id uuid)
RETURNS TABLE (status text, person uuid)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mine uuid;
	theirs uuid;
	known uuid;
BEGIN
	PERFORM influence_internal.require_arguments('visitor_id', $1::text, 'shopper_id', $2::text);
	LOOP
		mine := influence_internal.person_of($1);
		theirs := influence_internal.person_of($2);
		BEGIN
			-- always the lesser first, so that two merges cannot wait for each other
			PERFORM influence_internal.lock_key(concat('person ', least(mine, theirs)));
			IF mine <> theirs THEN
				PERFORM influence_internal.lock_key(concat('person ', greatest(mine, theirs)));
			END IF;
			IF influence_internal.person_of($1) = mine AND influence_internal.person_of($2) = theirs THEN
				EXIT;
			END IF;
			RAISE SQLSTATE 'IN099';
		EXCEPTION WHEN SQLSTATE 'IN099' THEN
			NULL;
		END;
	END LOOP;
	IF EXISTS (SELECT FROM influence.forgotten_visitor f WHERE f.visitor_id IN (mine, theirs)) THEN
		PERFORM influence_internal.raise_refused('a forgotten shopper is nobody', 'One of the two keys is a random one that influence.forget_shopper() gave.',
			'Use the visitor that your service knows.');
	END IF;
	person := theirs;
	IF mine = theirs THEN
		status := 'duplicate';
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT a.shopper_id INTO known FROM influence.visitor_alias a WHERE a.visitor_id = $1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'IN004',
			MESSAGE = 'the visitor is identified as another shopper',
			DETAIL = format('Visitor %s belongs to shopper %s.', $1, known),
			HINT = format('If both shoppers are one person, say so of the shopper: influence.identify(%L, %L).', mine, $2);
	END IF;
	INSERT INTO influence.visitor_alias (visitor_id, shopper_id) VALUES ($1, $2);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.identify(uuid, uuid) IS
'Says that a visitor (a guest''s uuid, or a shopper''s other account) is a shopper: from then on their touches and orders are those of one person. No key changes: the alias is kept in visitor_alias, and readers expand it. Orders of both that are not locked yet are attributed anew by the next run of the jobs. Natural key: visitor_id, which belongs to one shopper; a shopper may be identified as another one in turn (a merge of two accounts). -> status recorded | duplicate (they are one person already), person (the uuid that stands for it). IN002, IN004 the visitor is another shopper''s, IN005 one of them is the key of a forgotten shopper.';

/*
 * list_items.sql
 *
 * What is on a list, in an order of its owner's: thousands of items. A position
 * is a number; what goes between two others gets the number halfway, so that a
 * move writes one row. Halves need a digit more each time: after some sixty
 * moves into the same gap the list is numbered anew.
 *
 * The owner's calls answer the same whether an item is reserved or not.
 */
CREATE FUNCTION influence_internal.require_list_products(list influence_internal.list_facts, product_ids bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	missing bigint;
	strange boolean;
BEGIN
	SELECT u.id, true INTO missing, strange
	  FROM unnest($2) u(id)
	 WHERE NOT EXISTS (SELECT FROM influence.product p WHERE p.product_id = u.id) LIMIT 1;
	IF strange THEN
		PERFORM influence_internal.require_product(missing);
	END IF;
	-- a list of ideas is there to sell, as posts are
	IF (list).owner_kind = 'creator' AND (list).kind = 'idea' AND (list).program_id IS NOT NULL THEN
		PERFORM influence_internal.require_taggable((list).program_id, (list).owner_id::bigint, $2, now());
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_list_products(influence_internal.list_facts, bigint[]) IS
'Raises IN003 for a product that is not there, and IN005 for one that a creator''s idea list of a program may not show: by the rules of require_taggable.';

CREATE FUNCTION influence_internal.require_item(note text, wanted int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.require_plain_text('note', $1, 1000);
	IF $2 IS NULL OR $2 NOT BETWEEN 1 AND 1000000 THEN
		PERFORM influence_internal.raise_invalid('wanted is out of range', format('wanted: %s.', coalesce($2::text, 'NULL')), 'Give 1 to 1000000 pieces.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_item(text, int) IS 'Raises IN002 for a note or number of pieces that an item of a list cannot have.';

CREATE FUNCTION influence_internal.place_in_list(list_id bigint, moved_product bigint, before_product bigint)
RETURNS numeric
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	upper_place numeric;
	lower_place numeric;
	place numeric;
BEGIN
	IF $3 IS NULL THEN
		RETURN coalesce((SELECT i.position FROM influence.list_item i WHERE i.list_id = $1 AND i.product_id IS DISTINCT FROM $2
						  ORDER BY i.position DESC, i.product_id DESC LIMIT 1), 0) + 1;
	END IF;
	FOR attempt IN 1 .. 2 LOOP
		SELECT i.position INTO upper_place FROM influence.list_item i
		 WHERE (i.owner_kind, i.owner_id, i.list_id) = (SELECT l.owner_kind, l.owner_id, l.list_id FROM influence.list l WHERE l.list_id = $1)
		   AND i.product_id = $3;
		IF NOT FOUND THEN
			PERFORM influence_internal.raise_unknown(format('product of list %s:', $1), $3::text,
				'Name as before_product one that is on the list, or NULL for the end.');
		END IF;
		lower_place := (SELECT i.position FROM influence.list_item i
						 WHERE i.list_id = $1 AND i.position < upper_place AND i.product_id IS DISTINCT FROM $2
						 ORDER BY i.position DESC, i.product_id DESC LIMIT 1);
		-- exact: half of a sum has one digit more
		place := CASE WHEN lower_place IS NULL THEN trunc(upper_place) - 1 ELSE trim_scale((lower_place + upper_place) * 0.5) END;
		EXIT WHEN scale(place) <= 60;
		PERFORM influence_internal.number_list($1);
	END LOOP;
	RETURN place;
END
$$;
COMMENT ON FUNCTION influence_internal.place_in_list(bigint, bigint, bigint) IS
'The position before a product of a list (NULL: at its end) for another one; numbers the list anew when the gap is used up. The caller holds the list''s lock. IN003 no such product on it.';

CREATE FUNCTION influence_internal.number_list(list_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	-- beyond every present position, since each row is compared with the others at once
	base numeric := (SELECT trunc(max(i.position)) + 1 FROM influence.list_item i WHERE i.list_id = $1);
BEGIN
	UPDATE influence.list_item i SET position = base + n.place
	  FROM (SELECT x.product_id, row_number() OVER (ORDER BY x.position, x.product_id) AS place
			  FROM influence.list_item x WHERE x.list_id = $1) n
	 WHERE i.list_id = $1 AND i.product_id = n.product_id;
END
$$;
COMMENT ON FUNCTION influence_internal.number_list(bigint) IS 'Gives the items of a list whole numbers as positions, in the order they have.';

CREATE FUNCTION influence_internal.add_list_item(list_id bigint, product_id bigint, note text DEFAULT NULL, wanted int DEFAULT 1,
	before_product bigint DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	list influence_internal.list_facts;
	known record;
BEGIN
	PERFORM influence_internal.require_item($3, $4);
	list := influence_internal.lock_list($1);
	SELECT i.note, i.wanted INTO known FROM influence.list_item i
	 WHERE i.owner_kind = (list).owner_kind AND i.owner_id = (list).owner_id AND i.list_id = $1 AND i.product_id = $2;
	IF FOUND THEN
		IF (known.note, known.wanted) IS DISTINCT FROM ($3, $4) THEN
			PERFORM influence_internal.raise_conflict(format('item of list %s', $1), $2::text);
		END IF;
		status := 'duplicate';
	ELSE
		PERFORM influence_internal.require_list_products(list, ARRAY[$2]);
		INSERT INTO influence.list_item (owner_kind, owner_id, list_id, product_id, position, note, wanted)
		VALUES ((list).owner_kind, (list).owner_id, $1, $2, influence_internal.place_in_list($1, $2, $5), $3, $4);
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.add_list_item(bigint, bigint, text, int, bigint) IS
'Puts a product on a list, with a note and how many pieces are wanted, before another one or (NULL) at the end. Natural key: list and product. -> status recorded | duplicate. IN002, IN003, IN004 it is on the list with another note or number (update_list_item changes them), IN005 a rule forbids the creator to show it.';

CREATE FUNCTION influence_internal.update_list_item(list_id bigint, product_id bigint, note text DEFAULT NULL, wanted int DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	list influence_internal.list_facts;
BEGIN
	PERFORM influence_internal.require_item($3, coalesce($4, 1));
	list := influence_internal.lock_list($1);
	UPDATE influence.list_item i SET note = nullif(coalesce($3, i.note), ''), wanted = coalesce($4, i.wanted)
	 WHERE i.owner_kind = (list).owner_kind AND i.owner_id = (list).owner_id AND i.list_id = $1 AND i.product_id = $2
	   AND (nullif(coalesce($3, i.note), ''), coalesce($4, i.wanted)) IS DISTINCT FROM (i.note, i.wanted);
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF NOT FOUND THEN
		PERFORM influence_internal.require_on_list(list, $2);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.update_list_item(bigint, bigint, text, int) IS
'Changes the note of an item ('''' takes it away) or how many pieces are wanted; NULL leaves a value as it is. It may ask for fewer than are reserved: the owner is not told. -> status recorded | duplicate (nothing changed). IN002, IN003.';

CREATE FUNCTION influence_internal.require_on_list(list influence_internal.list_facts, product_id bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM influence.list_item i
					WHERE i.owner_kind = (list).owner_kind AND i.owner_id = (list).owner_id AND i.list_id = (list).list_id
					  AND i.product_id = $2) THEN
		PERFORM influence_internal.raise_unknown(format('product of list %s:', (list).list_id), $2::text,
			'Put it on the list with influence.add_list_item(list_id, product_id).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_on_list(influence_internal.list_facts, bigint) IS 'Raises IN003 unless a product is on a list.';

CREATE FUNCTION influence_internal.move_list_item(list_id bigint, product_id bigint, before_product bigint DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	list influence_internal.list_facts := influence_internal.lock_list($1);
	follower bigint;
	place numeric;
BEGIN
	PERFORM influence_internal.require_on_list(list, $2);
	-- what stands behind it now: a repeated move changes nothing
	SELECT n.product_id INTO follower
	  FROM influence.list_item i
	  JOIN influence.list_item n ON n.list_id = i.list_id AND (n.position, n.product_id) > (i.position, i.product_id)
	 WHERE i.owner_kind = (list).owner_kind AND i.owner_id = (list).owner_id AND i.list_id = $1 AND i.product_id = $2
	 ORDER BY n.position, n.product_id LIMIT 1;
	status := 'duplicate';
	IF follower IS DISTINCT FROM $3 AND $2 IS DISTINCT FROM $3 THEN
		place := influence_internal.place_in_list($1, $2, $3);
		UPDATE influence.list_item i SET position = place
		 WHERE i.owner_kind = (list).owner_kind AND i.owner_id = (list).owner_id AND i.list_id = $1 AND i.product_id = $2;
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.move_list_item(bigint, bigint, bigint) IS
'Moves an item of a list before another one, or (NULL) to the end. -> status recorded | duplicate (it stands there). IN003.';

CREATE FUNCTION influence_internal.remove_list_item(list_id bigint, product_id bigint)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	list influence_internal.list_facts := influence_internal.lock_list($1);
BEGIN
	PERFORM influence_internal.require_product($2);
	DELETE FROM influence.list_item i
	 WHERE i.owner_kind = (list).owner_kind AND i.owner_id = (list).owner_id AND i.list_id = $1 AND i.product_id = $2;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.remove_list_item(bigint, bigint) IS
'Takes a product from a list, reserved or not; who reserved it keeps that in my_gifts, and it counts again when the product comes back. -> status recorded | duplicate (it was not on it). IN003.';

CREATE FUNCTION influence_internal.set_list_items(list_id bigint, items jsonb)
RETURNS TABLE (status text, items_now int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	list influence_internal.list_facts;
	item jsonb;
	product_ids bigint[];
BEGIN
	PERFORM influence_internal.require_array(items, 'items');
	FOR item IN SELECT e FROM jsonb_array_elements(items) e LOOP
		PERFORM influence_internal.check_keys(item, ARRAY['product_id', 'note', 'wanted'], 'an item');
		PERFORM influence_internal.require_item(item ->> 'note', coalesce((item ->> 'wanted')::int, 1));
	END LOOP;
	list := influence_internal.lock_list($1);
	SELECT coalesce(array_agg((e ->> 'product_id')::bigint), '{}') INTO product_ids FROM jsonb_array_elements(items) e;
	IF cardinality(product_ids) <> (SELECT count(DISTINCT u) FROM unnest(product_ids) u) THEN
		IF array_position(product_ids, NULL) IS NOT NULL THEN
			PERFORM influence_internal.require_product(NULL);
		END IF;
		PERFORM influence_internal.raise_invalid('a product is twice on the list',
			format('Product: %s.', (SELECT u FROM unnest(product_ids) u GROUP BY u HAVING count(*) > 1 ORDER BY u LIMIT 1)),
			'Give each product once, with wanted => its number of pieces.');
	END IF;
	PERFORM influence_internal.require_list_products(list, product_ids);
	items_now := cardinality(product_ids);
	IF (SELECT array_agg(jsonb_build_array(i.product_id, i.note, i.wanted) ORDER BY i.position, i.product_id)
		  FROM influence.list_item i WHERE i.list_id = $1)
	   IS NOT DISTINCT FROM
	   (SELECT array_agg(jsonb_build_array((u.e ->> 'product_id')::bigint, nullif(u.e ->> 'note', ''), coalesce((u.e ->> 'wanted')::int, 1)) ORDER BY u.place)
		  FROM jsonb_array_elements(items) WITH ORDINALITY u(e, place)) THEN
		status := 'duplicate';
	ELSE
		DELETE FROM influence.list_item i WHERE i.list_id = $1;
		INSERT INTO influence.list_item (owner_kind, owner_id, list_id, product_id, position, note, wanted)
		SELECT (list).owner_kind, (list).owner_id, $1, (u.e ->> 'product_id')::bigint, u.place, nullif(u.e ->> 'note', ''),
			   coalesce((u.e ->> 'wanted')::int, 1)
		  FROM jsonb_array_elements(items) WITH ORDINALITY u(e, place);
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_list_items(bigint, jsonb) IS
'Replaces what is on a list by a JSON array of objects with product_id and, if wanted, note and wanted (pieces), in that order; all or nothing. What was reserved stays reserved. -> status recorded | duplicate (it is like that), items_now. IN002 (a product twice), IN003, IN005.';

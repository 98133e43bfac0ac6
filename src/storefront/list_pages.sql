/*
 * list_pages.sql
 *
 * Lists as a viewer may see them: those of an owner, and the pages of one. The
 * pages follow the index over (list, position, product), so that the last page
 * of a long list costs what the first does.
 */
CREATE FUNCTION influence_internal.get_lists(owner_kind text, owner_id text, viewer_id uuid DEFAULT NULL, after_list bigint DEFAULT 0,
	page_size int DEFAULT 50)
RETURNS TABLE (list_id bigint, kind text, title text, visibility text, for_person text, access text, created_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	owner text := influence_internal.require_owner($1, $2);
	item record;
	seen int := 0;
BEGIN
	PERFORM influence_internal.require_page($5);
	FOR item IN
		SELECT l.owner_kind, l.owner_id, l.list_id, l.kind, l.title, l.visibility, l.for_person, l.for_visitor, l.program_id, l.token_hash, l.created_at
		  FROM influence.list l
		 WHERE l.owner_kind = $1 AND l.owner_id = owner AND l.removed_at IS NULL AND l.list_id > coalesce($4, 0)
		 ORDER BY l.list_id
	LOOP
		EXIT WHEN seen = $5;
		-- a list that is shown by its link is shown to nobody else
		access := influence_internal.list_access((item.owner_kind, item.owner_id, item.list_id, item.kind, item.title, item.visibility,
			item.for_person, item.for_visitor, item.program_id, item.token_hash)::influence_internal.list_facts, $3, NULL);
		CONTINUE WHEN access IS NULL;
		seen := seen + 1;
		list_id := item.list_id;
		kind := item.kind;
		title := item.title;
		visibility := item.visibility;
		for_person := item.for_person;
		created_at := item.created_at;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.get_lists(text, text, uuid, bigint, int) IS
'The lists of a creator or shopper that a viewer (NULL = a guest) may see, in the order in which they were made, after after_list; access: viewer, giver (sees counts) or owner (never does). Lists that are shown by a link are only here for their owner. IN002, IN003 no such owner.';

CREATE FUNCTION influence_internal.require_page(page_size int)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NULL OR $1 NOT BETWEEN 1 AND 1000 THEN
		PERFORM influence_internal.raise_invalid('page_size is out of range', format('page_size: %s.', coalesce($1::text, 'NULL')), 'Ask for 1 to 1000 rows a page.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_page(int) IS 'Raises IN002 unless a page has 1 to 1000 rows.';

CREATE FUNCTION influence_internal.get_list(list_id bigint, viewer_id uuid DEFAULT NULL, token text DEFAULT NULL, page_size int DEFAULT 50,
	after_position numeric DEFAULT NULL, after_product bigint DEFAULT NULL, as_of timestamptz DEFAULT now())
RETURNS TABLE ("position" numeric, product_id bigint, sku text, title text, image text, note text, wanted int, reserved bigint,
	purchased bigint, mine bigint, price bigint, currency text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- a page is short, which the planner of a generic plan does not know: it would sort the list
SET enable_bitmapscan = off
SET max_parallel_workers_per_gather = 0
AS $$
#variable_conflict use_column
DECLARE
	list influence_internal.list_facts;
	access text;
	viewers uuid[];
	money text;
BEGIN
	PERFORM influence_internal.require_page($4);
	PERFORM influence_internal.require_arguments('as_of', $7::text);
	IF num_nonnulls($5, $6) = 1 THEN
		PERFORM influence_internal.raise_invalid('half of the place of a page is missing', NULL,
			'Give position and product_id of the last row of the page before as after_position and after_product.');
	END IF;
	SELECT l.owner_kind, l.owner_id, l.list_id, l.kind, l.title, l.visibility, l.for_person, l.for_visitor, l.program_id, l.token_hash
	  INTO list
	  FROM influence.list l WHERE l.list_id = $1 AND l.removed_at IS NULL;
	IF FOUND THEN
		access := influence_internal.list_access(list, $2, $3);
	END IF;
	IF access IS NULL THEN
		PERFORM influence_internal.raise_no_list($1);
	END IF;
	IF access = 'giver' THEN
		viewers := influence_internal.person_visitors($2);
	END IF;
	IF (list).program_id IS NOT NULL THEN
		SELECT f.currency INTO money FROM influence_internal.program_facts((list).program_id) f;
	END IF;
	RETURN QUERY
	SELECT i.position, i.product_id, p.sku, p.title, p.image, i.note, i.wanted, g.reserved, g.purchased, g.mine, h.price, h.currency::text
	  FROM (SELECT x.position, x.product_id, x.note, x.wanted
			  FROM influence.list_item x
			 WHERE x.list_id = $1 AND (x.position, x.product_id) > (coalesce($5, '-Infinity'), coalesce($6, 0))
			 ORDER BY x.position, x.product_id LIMIT $4) i
	  -- OFFSET keeps it from reading the catalogue
	 CROSS JOIN LATERAL (SELECT y.sku, y.title, y.image FROM influence.product y WHERE y.product_id = i.product_id OFFSET 0) p
	  LEFT JOIN LATERAL (SELECT coalesce(sum(y.quantity) FILTER (WHERE y.state = 'reserved' AND y.expires_at > $7), 0)::bigint AS reserved,
								coalesce(sum(y.quantity) FILTER (WHERE y.state = 'purchased'), 0)::bigint AS purchased,
								coalesce(sum(y.quantity) FILTER (WHERE y.giver_id = ANY (viewers)
									AND (y.state = 'purchased' OR y.expires_at > $7)), 0)::bigint AS mine
						   FROM influence.list_gift y
						  WHERE y.list_id = $1 AND y.product_id = i.product_id AND y.state <> 'released') g ON access = 'giver'
	  LEFT JOIN LATERAL (SELECT y.price, y.currency FROM influence.product_price y
						  WHERE y.product_id = i.product_id AND y.currency = money AND y.valid_from <= $7
						  ORDER BY y.valid_from DESC LIMIT 1) h ON money IS NOT NULL
	 ORDER BY i.position, i.product_id;
END
$$;
COMMENT ON FUNCTION influence_internal.get_list(bigint, uuid, text, int, numeric, bigint, timestamptz) IS
'A page of a list as a viewer (NULL = a guest; token: of its link) may see it, in the owner''s order: after_position and after_product are position and product_id of the last row before. wanted pieces; reserved, purchased and mine (given by the viewer) are pieces at as_of and NULL for whoever must not know: the owner, whom a gift is for, guests. price at as_of in minor units of the list''s program''s currency. IN002, IN003 no such list: the same answer whether it is not there or not for this viewer.';

/*
 * gifts.sql
 *
 * Who gives what: reservations of wish and gift lists, so that nothing is given
 * twice, and nothing is told to whom it is for. A giver is a registered shopper
 * who may see the list's counts (list_access: giver).
 */
CREATE FUNCTION influence_internal.gifts_taken(list_id bigint, product_id bigint, at timestamptz,
	OUT reserved bigint, OUT purchased bigint)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT coalesce(sum(g.quantity) FILTER (WHERE g.state = 'reserved' AND g.expires_at > $3), 0),
		   coalesce(sum(g.quantity) FILTER (WHERE g.state = 'purchased'), 0)
	  INTO reserved, purchased
	  FROM influence.list_gift g WHERE g.list_id = $1 AND g.product_id = $2 AND g.state <> 'released';
END
$$;
COMMENT ON FUNCTION influence_internal.gifts_taken(bigint, bigint, timestamptz) IS 'How many pieces of an item are reserved at a moment (expired reservations do not count), and how many were purchased.';

CREATE FUNCTION influence_internal.require_giver(list influence_internal.list_facts, giver_id uuid, token text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	access text := influence_internal.list_access(list, $2, $3);
BEGIN
	IF access IS NULL THEN
		PERFORM influence_internal.raise_no_list((list).list_id);
	ELSIF access <> 'giver' THEN
		-- the same for every reason, and for items that are and that are not reserved
		PERFORM influence_internal.raise_refused(format('shopper %s gives nothing from list %s', $2, (list).list_id), NULL,
			'From wish and gift lists a registered shopper gives whom the gifts are not for.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_giver(influence_internal.list_facts, uuid, text) IS
'Raises IN003 unless a shopper may see a list, IN005 unless it may give from it.';

CREATE FUNCTION influence_internal.reserve_list_item(list_id bigint, product_id bigint, giver_id uuid, gift_ref text, quantity int DEFAULT 1,
	token text DEFAULT NULL, reserved_at timestamptz DEFAULT NULL)
RETURNS TABLE (status text, state text, expires_at timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	list influence_internal.list_facts;
	hash bytea := influence_internal.content_hash(jsonb_build_array($2, $5, $7));
	moment timestamptz := coalesce($7, now());
	known record;
	taken record;
	wanted int;
BEGIN
	PERFORM influence_internal.require_arguments('giver_id', $3::text, 'quantity', $5::text);
	PERFORM influence_internal.require_key('gift_ref', $4);
	PERFORM influence_internal.require_event_time('reserved_at', $7);
	IF $5 NOT BETWEEN 1 AND 1000000 THEN
		PERFORM influence_internal.raise_invalid('quantity is out of range', format('quantity: %s.', $5), 'Give 1 to 1000000 pieces.');
	END IF;
	PERFORM influence_internal.require_shopper($3);
	PERFORM influence_internal.lock_key(format('list %s', $1));
	SELECT g.state, g.expires_at, g.content_hash INTO known
	  FROM influence.list_gift g WHERE g.list_id = $1 AND g.giver_id = $3 AND g.gift_ref = $4;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('gift', $4);
		END IF;
		RETURN QUERY SELECT 'duplicate', CASE WHEN known.state = 'reserved' AND known.expires_at <= now() THEN 'expired' ELSE known.state END, known.expires_at;
		RETURN;
	END IF;
	list := influence_internal.lock_list($1);
	PERFORM influence_internal.require_giver(list, $3, $6);
	SELECT i.wanted INTO wanted FROM influence.list_item i
	 WHERE i.owner_kind = (list).owner_kind AND i.owner_id = (list).owner_id AND i.list_id = $1 AND i.product_id = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.require_on_list(list, $2);
	END IF;
	SELECT * INTO taken FROM influence_internal.gifts_taken($1, $2, moment);
	IF taken.reserved + taken.purchased + $5 > wanted THEN
		PERFORM influence_internal.raise_refused(format('product %s has fewer than %s left to give', $2, influence_internal.counted($5, 'piece')),
			format('Wanted: %s, reserved: %s, purchased: %s.', wanted, taken.reserved, taken.purchased),
			'See influence.get_list(list_id, viewer_id) for what nobody gives yet.');
	END IF;
	state := 'reserved';
	expires_at := moment + (influence_internal.setting_value('gift_reservation') #>> '{}')::interval;
	INSERT INTO influence.list_gift (list_id, product_id, giver_id, gift_ref, quantity, state, reserved_at, expires_at, content_hash)
	VALUES ($1, $2, $3, $4, $5, state, moment, reserve_list_item.expires_at, hash);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.reserve_list_item(bigint, bigint, uuid, text, int, text, timestamptz) IS
'A registered shopper reserves pieces of an item of a wish or gift list, so that no other gives them; for as long as the setting gift_reservation says. token: that of the link, for a list shown by one. Natural key: list, giver and gift_ref. -> status recorded | duplicate, state reserved | purchased | released | expired, expires_at. IN002, IN003 no such list or item (for this shopper), IN004, IN005 not so many are left, or the shopper gives nothing from it (the owner, whom it is for, lists of other kinds).';

CREATE FUNCTION influence_internal.release_gift(list_id bigint, giver_id uuid, gift_ref text)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	giver uuid;
BEGIN
	PERFORM influence_internal.lock_key(format('list %s', $1));
	-- my_gifts shows what the person gives under any of its visitors
	SELECT g.giver_id INTO giver FROM influence.list_gift g
	 WHERE g.list_id = $1 AND g.giver_id = ANY (influence_internal.person_visitors($2)) AND g.gift_ref = $3
	 ORDER BY g.giver_id = $2 DESC, g.giver_id LIMIT 1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('gift', $3, 'See influence.my_gifts(giver_id).');
	END IF;
	UPDATE influence.list_gift g SET state = 'released', purchased_at = NULL, program_id = NULL, order_ref = NULL
	 WHERE g.list_id = $1 AND g.giver_id = giver AND g.gift_ref = $3 AND g.state <> 'released';
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.release_gift(bigint, uuid, text) IS
'A giver takes back what it reserved or (after a return) purchased: others may give it. Also when the list is no longer to be seen. -> status recorded | duplicate (it was taken back). IN003.';

CREATE FUNCTION influence_internal.record_gift_purchase(list_id bigint, product_id bigint, giver_id uuid, gift_ref text, program_id bigint,
	order_ref text, quantity int DEFAULT 1, token text DEFAULT NULL)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	list influence_internal.list_facts;
	known record;
	taken record;
	bought record;
	used bigint;
	wanted int;
BEGIN
	PERFORM influence_internal.program_facts($5);
	PERFORM influence_internal.require_key('gift_ref', $4);
	PERFORM influence_internal.require_arguments('giver_id', $3::text, 'product_id', $2::text, 'order_ref', $6, 'quantity', $7::text);
	IF $7 NOT BETWEEN 1 AND 1000000 THEN
		PERFORM influence_internal.raise_invalid('quantity is out of range', format('quantity: %s.', $7), 'Give 1 to 1000000 pieces.');
	END IF;
	PERFORM influence_internal.require_shopper($3);
	PERFORM influence_internal.lock_key(format('list %s', $1));
	-- the pieces of an order are given once, whatever list they are from
	PERFORM influence_internal.lock_key(format('gifts of order %s %s', $5, $6));
	SELECT g.giver_id, g.product_id, g.state, g.quantity, g.program_id, g.order_ref INTO known
	  FROM influence.list_gift g
	 WHERE g.list_id = $1 AND g.giver_id = ANY (influence_internal.person_visitors($3)) AND g.gift_ref = $4
	 ORDER BY g.giver_id = $3 DESC, g.giver_id LIMIT 1;
	IF known.state = 'purchased' OR (known.product_id, known.quantity) <> ($2, $7) THEN
		IF (known.product_id, known.quantity, known.program_id, known.order_ref) IS DISTINCT FROM ($2, $7, $5, $6) THEN
			PERFORM influence_internal.raise_conflict('gift', $4);
		END IF;
		status := 'duplicate';
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT sum(l.quantity) AS quantity, min(o.ordered_at) AS ordered_at INTO bought
	  FROM influence.orders o
	  JOIN influence.order_line l ON l.visitor_id = o.visitor_id AND l.program_id = o.program_id AND l.order_ref = o.order_ref
	 WHERE o.program_id = $5 AND o.order_ref = $6 AND o.visitor_id = ANY (influence_internal.person_visitors($3)) AND l.product_id = $2;
	SELECT coalesce(sum(g.quantity), 0) INTO used
	  FROM influence.list_gift g WHERE g.program_id = $5 AND g.order_ref = $6 AND g.product_id = $2 AND g.state = 'purchased';
	IF bought.quantity IS NULL THEN
		PERFORM influence_internal.raise_unknown('order of this shopper with this product:', $6,
			'Record it first with influence.record_order(...).');
	ELSIF used + $7 > bought.quantity THEN
		PERFORM influence_internal.raise_refused(format('order "%s" has not so many pieces of product %s to give', $6, $2),
			format('Ordered: %s, given already: %s.', bought.quantity, used), 'Name the order that the gift was bought with.');
	END IF;
	IF known.state IS NULL OR known.state = 'released' THEN
		-- bought without a reservation that holds
		list := influence_internal.lock_list($1);
		PERFORM influence_internal.require_giver(list, $3, $8);
		PERFORM influence_internal.require_on_list(list, $2);
	END IF;
	IF known.state IS NULL THEN
		INSERT INTO influence.list_gift (list_id, product_id, giver_id, gift_ref, quantity, state, reserved_at, expires_at, purchased_at,
										 program_id, order_ref, content_hash)
		VALUES ($1, $2, $3, $4, $7, 'purchased', bought.ordered_at, bought.ordered_at, bought.ordered_at, $5, $6,
				influence_internal.content_hash(jsonb_build_array($2, $7, NULL)));
	ELSE
		UPDATE influence.list_gift g SET state = 'purchased', purchased_at = bought.ordered_at, program_id = $5, order_ref = $6
		 WHERE g.list_id = $1 AND g.giver_id = known.giver_id AND g.gift_ref = $4;
	END IF;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_gift_purchase(bigint, bigint, uuid, text, bigint, text, int, text) IS
'A giver bought a gift, with an order of its own that is recorded; a reservation of that gift_ref becomes a purchase. What was bought counts even if more is given than was wanted: it is a fact. Each piece of an order is given once. Natural key: list, giver and gift_ref. -> status recorded | duplicate. IN002, IN003 no such list, item or order, IN004, IN005 the order has fewer pieces, or the shopper gives nothing from this list.';

CREATE FUNCTION influence_internal.my_gifts(giver_id uuid, as_of timestamptz DEFAULT now())
RETURNS TABLE (list_id bigint, gift_ref text, product_id bigint, product_title text, quantity int, state text, reserved_at timestamptz,
	expires_at timestamptz, program_id bigint, order_ref text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_arguments('giver_id', $1::text, 'as_of', $2::text);
	RETURN QUERY
	SELECT g.list_id, g.gift_ref, g.product_id, p.title, g.quantity,
		   CASE WHEN g.state = 'reserved' AND g.expires_at <= $2 THEN 'expired' ELSE g.state END,
		   g.reserved_at, g.expires_at, g.program_id, g.order_ref
	  FROM influence.list_gift g
	  JOIN influence.product p ON p.product_id = g.product_id
	 WHERE g.giver_id = ANY (influence_internal.person_visitors($1))
	 ORDER BY g.reserved_at DESC, g.list_id, g.gift_ref;
END
$$;
COMMENT ON FUNCTION influence_internal.my_gifts(uuid, timestamptz) IS
'What a shopper gives, under all its aliases, newest first: state reserved, expired, purchased or released; also of lists that it may no longer see. Pieces; program and order of a purchase.';

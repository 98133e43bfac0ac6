/*
 * forget_shopper.sql
 *
 * Forgets a shopper: what is counted stays, under a random key; what says who
 * it was goes. Each visitor of the person gets a key of its own, and the aliases
 * join these as they joined those, so that attribution, returns and everything
 * that counts persons find what they found before. The keys are in the order of
 * the old ones, and references in that of the old references: what ties are
 * broken by. xact stays: for the jobs nothing happened.
 *
 * privacy_registry() says what becomes of each column; here is how. Statements
 * go by index over the rows of the person and spill past work_mem; orders, whose
 * foreign keys cascade, go in batches, since pending cascades are kept in memory.
 */
CREATE FUNCTION influence_internal.forgotten_key(visitor_id uuid)
RETURNS bytea
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT sha256(s.destination_salt || uuid_send($1)) FROM influence.payout_secret s);
END
$$;
COMMENT ON FUNCTION influence_internal.forgotten_key(uuid) IS 'What table forgotten_key has of a visitor: a hash with a secret of the server.';

CREATE FUNCTION influence_internal.forgotten_buyer(program_id bigint, order_ref text)
RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT o.visitor_id FROM influence.orders o
			 WHERE o.program_id = $1 AND o.order_ref = $2
			   AND EXISTS (SELECT FROM influence.forgotten_visitor f WHERE f.visitor_id = o.visitor_id) LIMIT 1);
END
$$;
COMMENT ON FUNCTION influence_internal.forgotten_buyer(bigint, text) IS 'The random key under which an order of a forgotten shopper stays; NULL for every other order.';

CREATE FUNCTION influence_internal.is_forgotten_order(program_id bigint, visitor_id uuid, stored bytea, content_hash bytea)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN EXISTS (SELECT FROM influence.forgotten_visitor f WHERE f.visitor_id = $2)
		   AND $3 = (SELECT sha256(s.visitor_salt || $4) FROM influence.program_secret s WHERE s.program_id = $1);
END
$$;
COMMENT ON FUNCTION influence_internal.is_forgotten_order(bigint, uuid, bytea, bytea) IS 'Whether an order''s visitor is a forgotten one, and its stored hash (salted then) that of this content: a retry.';

CREATE FUNCTION influence_internal.privacy_changes(relation text, of text, action text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT string_agg(format(', %I = %s', r.column_name, r.value), '' ORDER BY r.place, r.column_name)
			  FROM influence_internal.privacy_registry() r
			 WHERE r.relation = $1 AND r.of = $2 AND r.action = $3);
END
$$;
COMMENT ON FUNCTION influence_internal.privacy_changes(text, text, text) IS 'What the registry sets in the rows of a person in a table, as ", column = value, ..."; NULL if nothing.';

CREATE FUNCTION influence_internal.forget_references(old uuid[], new uuid[], word text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- two lists of the person's rows meet by hash: neither is looked up in the other
SET enable_nestloop = off
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	refs constant text := 'WITH ref AS MATERIALIZED ('
		'SELECT u.touch_ref, ''forgotten/'' || lpad(row_number() OVER (ORDER BY u.touch_ref COLLATE "C")::text, 12, ''0'') AS name '
		'FROM (SELECT t.touch_ref FROM influence.touch t WHERE t.visitor_id = ANY ($1) GROUP BY t.touch_ref) u) ';
	changed bigint := 0;
	n bigint;
BEGIN
	-- whoever moves rows into their partition is waited for before the statements see anything
	LOCK TABLE ONLY influence.touch, ONLY influence.engagement, ONLY influence.impression IN ROW EXCLUSIVE MODE;
	EXECUTE refs || 'UPDATE influence.credit x '
		'SET touch_ref = CASE WHEN x.touch_visitor_id = ANY ($1) AND x.touch_ref <> '''' THEN coalesce(r.name, ''forgotten/gone/'' || md5($3 || x.touch_ref)) ELSE x.touch_ref END, '
		'touch_visitor_id = coalesce(($2)[array_position($1, x.touch_visitor_id)], x.touch_visitor_id), '
		'snapshot = CASE WHEN x.snapshot #> ''{runner_up,touch_ref}'' IS NOT NULL '
		'THEN jsonb_set(x.snapshot, ''{runner_up,touch_ref}'', to_jsonb(coalesce(u.name, ''forgotten/gone/'' || md5($3 || (x.snapshot #>> ''{runner_up,touch_ref}''))))) ELSE x.snapshot END '
		'FROM influence.credit c LEFT JOIN ref r ON r.touch_ref = c.touch_ref LEFT JOIN ref u ON u.touch_ref = c.snapshot #>> ''{runner_up,touch_ref}'' '
		'WHERE c.visitor_id = ANY ($1) AND x.visitor_id = ANY ($1) AND x.visitor_id = c.visitor_id AND x.program_id = c.program_id AND x.order_ref = c.order_ref '
		'AND x.line_no = c.line_no AND x.touch_ref = c.touch_ref AND x.touch_visitor_id = c.touch_visitor_id AND x.revision = c.revision'
		USING $1, $2, $3;
	EXECUTE refs || format('UPDATE influence.touch x SET visitor_id = ($2)[array_position($1, x.visitor_id)], touch_ref = r.name%s '
						   'FROM ref r WHERE x.visitor_id = ANY ($1) AND r.touch_ref = x.touch_ref',
						   influence_internal.privacy_changes('touch', 'shopper', 'change'))
		USING $1, $2, $3;
	GET DIAGNOSTICS changed = ROW_COUNT;
	EXECUTE format('UPDATE influence.engagement x SET visitor_id = ($2)[array_position($1, x.visitor_id)], event_ref = ''forgotten/'' || lpad(r.place::text, 12, ''0'')%s '
				   'FROM (SELECT e.visitor_id, e.occurred_at, e.event_ref, row_number() OVER (ORDER BY e.occurred_at, e.event_ref COLLATE "C", e.visitor_id) AS place '
				   'FROM influence.engagement e WHERE e.visitor_id = ANY ($1)) r '
				   'WHERE x.visitor_id = ANY ($1) AND x.visitor_id = r.visitor_id AND x.occurred_at = r.occurred_at AND x.event_ref = r.event_ref',
				   influence_internal.privacy_changes('engagement', 'shopper', 'change'))
		USING $1, $2, $3;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN changed + n;
END
$$;
COMMENT ON FUNCTION influence_internal.forget_references(uuid[], uuid[], text) IS
'Gives the touches and engagements of visitors their new keys, and new references in the order of the old ones: the same to a touch, its credits and the runner-up that credits name. Returns how many rows.';

CREATE FUNCTION influence_internal.forget_orders(old uuid, new uuid, word text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	changes text := influence_internal.privacy_changes('orders', 'shopper', 'change');
	from_program bigint := 0;
	from_ref text := '';
	upto record;
	changed bigint := 0;
	n bigint;
BEGIN
	LOOP
		SELECT b.program_id, b.order_ref INTO upto
		  FROM (SELECT o.program_id, o.order_ref FROM influence.orders o
				 WHERE o.visitor_id = $1 AND (o.program_id, o.order_ref) > (from_program, from_ref)
				 ORDER BY o.program_id, o.order_ref LIMIT 5000) b
		 ORDER BY b.program_id DESC, b.order_ref DESC LIMIT 1;
		EXIT WHEN NOT FOUND;
		EXECUTE format('UPDATE influence.orders x SET visitor_id = $2%s WHERE x.visitor_id = $1 AND (x.program_id, x.order_ref) > ($4, $5) '
					   'AND (x.program_id, x.order_ref) <= ($6, $7)', changes)
		  USING $1, $2, $3, from_program, from_ref, upto.program_id, upto.order_ref;
		GET DIAGNOSTICS n = ROW_COUNT;
		changed := changed + n;
		from_program := upto.program_id;
		from_ref := upto.order_ref;
	END LOOP;
	-- the lines, credits and earnings followed by their foreign keys; no foreign key points at the ledger
	UPDATE influence.ledger l SET visitor_id = $2
	  FROM influence.earning e
	 WHERE e.visitor_id = $2 AND e.amount <> 0 AND l.party_id = e.creator_id AND l.program_id = e.program_id
	   AND l.entry_key = influence_internal.earning_entry_key(e.entry_id, e.order_ref, e.line_no, e.kind, e.seq, e.revision);
	RETURN changed;
END
$$;
COMMENT ON FUNCTION influence_internal.forget_orders(uuid, uuid, text) IS
'Gives a visitor''s orders, with lines, credits, earnings and entries in the ledger, a new key; returns how many orders.';

CREATE FUNCTION influence_internal.drop_own_coupons(people uuid[])
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	own bigint[] := influence_internal.buyer_creators($1);
	changed bigint;
BEGIN
	IF own = '{}' THEN
		RETURN 0;
	END IF;
	UPDATE influence.orders o SET coupon = NULL
	 WHERE o.visitor_id = ANY ($1) AND o.coupon IS NOT NULL
	   AND EXISTS (SELECT FROM influence.coupon c
					WHERE c.program_id = o.program_id AND c.code = influence_internal.coupon_code(o.coupon) AND c.valid @> o.ordered_at
					  AND c.creator_id = ANY (own));
	GET DIAGNOSTICS changed = ROW_COUNT;
	RETURN changed;
END
$$;
COMMENT ON FUNCTION influence_internal.drop_own_coupons(uuid[]) IS
'Takes from the orders of a person the codes that are its own (buyer_creators()), before it is forgotten whose they are: a settlement works out again what codes bring, and would credit the owner with its own purchases. Returns how many orders.';

CREATE FUNCTION influence_internal.forget_visitor(old uuid, new uuid, word text, OUT changed bigint, OUT deleted bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	item record;
	apart uuid := gen_random_uuid();
	n bigint;
BEGIN
	changed := 0;
	deleted := 0;
	FOR item IN
		SELECT r.*, a.atttypid::regtype AS type,
			   row_number() OVER (PARTITION BY r.relation, r.action ORDER BY r.place, r.column_name) = 1 AS is_first
		  FROM influence_internal.privacy_registry() r
		  JOIN pg_attribute a ON a.attrelid = to_regclass(format('influence.%I', r.relation)) AND a.attname = r.column_name AND NOT a.attisdropped
		 WHERE r.of = 'shopper' AND r.action IN ('delete', 'key', 'apart', 'follows', 'other', 'text') AND r.relation NOT IN ('touch', 'engagement')
		 ORDER BY array_position('{delete,other,key,apart,follows,text}', r.action), r.place, r.column_name
	LOOP
		CASE item.action
			WHEN 'delete' THEN
				EXECUTE format('DELETE FROM influence.%I x WHERE %s', item.relation, coalesce(item.value, format('x.%I = $1', item.column_name))) USING $1;
				GET DIAGNOSTICS n = ROW_COUNT;
				deleted := deleted + n;
				CONTINUE;
			WHEN 'other' THEN
				EXECUTE format('UPDATE influence.%I x SET %s WHERE x.%I = $1', item.relation, item.value, item.column_name) USING $1;
			WHEN 'key' THEN
				IF item.relation = 'orders' THEN
					n := influence_internal.forget_orders($1, $2, $3);
					changed := changed + n;
					CONTINUE;
				END IF;
				EXECUTE format('UPDATE influence.%I x SET %I = $2::%s%s WHERE %s', item.relation, item.column_name, item.type,
							   CASE WHEN item.is_first THEN influence_internal.privacy_changes(item.relation, 'shopper', 'change') END,
							   coalesce(item.value, format('x.%I = $1', item.column_name))) USING $1, $2, $3;
			WHEN 'apart' THEN
				EXECUTE format('UPDATE influence.%I x SET %I = $2 WHERE x.%2$I = $1', item.relation, item.column_name) USING $1, apart;
			WHEN 'follows' THEN
				CONTINUE WHEN influence_internal.privacy_changes(item.relation, 'shopper', 'change') IS NULL;
				EXECUTE format('UPDATE influence.%I x SET %s WHERE x.%I = $2', item.relation,
							   substr(influence_internal.privacy_changes(item.relation, 'shopper', 'change'), 3), item.column_name) USING $1, $2, $3;
			WHEN 'text' THEN
				EXECUTE format('UPDATE influence.%I x SET %I = replace(x.%2$I::text, $1::text, $2)::%s WHERE strpos(x.%2$I::text, $1::text) > 0',
							   item.relation, item.column_name, item.type) USING $1, '00000000-0000-0000-0000-000000000000';
		END CASE;
		GET DIAGNOSTICS n = ROW_COUNT;
		changed := changed + n;
	END LOOP;
	-- a comment without its words is shown to nobody
	INSERT INTO influence.comment_status (visitor_id, comment_id, since, status, actor)
	SELECT c.visitor_id, c.comment_id, greatest(clock_timestamp(), max(s.since) + interval '1 microsecond'), 'removed', 'forget_shopper'
	  FROM influence.post_comment c
	  LEFT JOIN influence.comment_status s ON s.visitor_id = c.visitor_id AND s.comment_id = c.comment_id
	 WHERE c.visitor_id = $2
	 GROUP BY c.visitor_id, c.comment_id;
END
$$;
COMMENT ON FUNCTION influence_internal.forget_visitor(uuid, uuid, text) IS
'Does what the registry says for one visitor of a person, its touches and engagements apart; -> rows changed and deleted.';

CREATE FUNCTION influence_internal.forget_shopper(visitor_id uuid)
RETURNS TABLE (status text, visitors int, changed_rows bigint, deleted_rows bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	old uuid[];
	new uuid[];
	-- thrown away at the end of the call: what it hashed cannot be hashed again
	word text := gen_random_uuid()::text || gen_random_uuid()::text;
	part record;
BEGIN
	PERFORM influence_internal.require_arguments('visitor_id', $1::text);
	changed_rows := 0;
	deleted_rows := 0;
	visitors := 0;
	status := 'duplicate';
	IF EXISTS (SELECT FROM influence.forgotten_visitor f WHERE f.visitor_id = $1) THEN
		RETURN NEXT;
		RETURN;
	END IF;
	PERFORM influence_internal.lock_person($1);
	-- jobs copy the visitor from row to row, and take no persons' locks
	PERFORM influence_internal.lock_key('forgetting shoppers');
	old := influence_internal.person_visitors($1);
	-- nobody is to reserve a gift of a list that is about to go
	PERFORM influence_internal.lock_key(format('list %s', l.list_id))
	   FROM (SELECT x.list_id FROM influence.list x WHERE x.owner_kind = 'shopper' AND x.owner_id = ANY (old::text[]) ORDER BY x.list_id) l;
	-- the last word about orders that are not locked yet; from now on they are
	PERFORM influence_internal.reattribute_person($1, influence_internal.reattribution_horizon());
	-- touches lose their impression: what no job has counted of them yet is charged now
	PERFORM influence_internal.charge_touched_clicks((
		SELECT jsonb_object_agg(c.sponsored_campaign_id, c.impressions)
		  FROM (SELECT x.sponsored_campaign_id, array_agg(x.impression_id) AS impressions
				  FROM influence.sponsored_charge x WHERE x.visitor_id = ANY (old) AND x.kind = 'impression'
				 GROUP BY x.sponsored_campaign_id) c));
	SELECT array_agg(k.id ORDER BY k.id) INTO new
	  FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, cardinality(old))) k;
	changed_rows := influence_internal.drop_own_coupons(old) + influence_internal.forget_references(old, new, word);
	PERFORM influence_internal.forget_charges(old, word);
	FOR n IN 1 .. cardinality(old) LOOP
		SELECT * INTO part FROM influence_internal.forget_visitor(old[n], new[n], word);
		changed_rows := changed_rows + part.changed;
		deleted_rows := deleted_rows + part.deleted;
	END LOOP;
	-- also of who is not known: tokens of what was shown may be on their way
	INSERT INTO influence.forgotten_key AS f (key_hash, forgotten_on)
	SELECT influence_internal.forgotten_key(o.id), (now() AT TIME ZONE 'UTC')::date FROM unnest(old) o(id) ORDER BY 1
	ON CONFLICT ON CONSTRAINT forgotten_key_pkey DO UPDATE SET forgotten_on = excluded.forgotten_on;
	IF changed_rows + deleted_rows > 0 THEN
		status := 'recorded';
		visitors := cardinality(old);
		INSERT INTO influence.forgotten_visitor (visitor_id) SELECT unnest(new);
		INSERT INTO influence.forgetting (kind, forgotten_on, changed_rows, deleted_rows)
		VALUES ('shopper', (now() AT TIME ZONE 'UTC')::date, forget_shopper.changed_rows, forget_shopper.deleted_rows);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.forget_shopper(uuid) IS
'Forgets a shopper, a guest or a member: all visitors that are the same person get random keys, and what says who it was goes: names, keys of the service, devices, paths, free text, lists, wishes, friends. What is counted stays, so that no report, statistic or book changes; orders keep their order_ref, by which returns still come, and are not attributed again. What becomes of each column: influence_internal.privacy_registry(). In one transaction, under the lock of the person; what services record of the visitor afterwards is a new visitor''s: call it again. Impression tokens made until the end of the day (UTC) are refused for 30 days, by a salted hash. -> status recorded | duplicate (nothing is kept of this visitor: it was forgotten, or never known), visitors (how many the person was), changed_rows, deleted_rows (rows that follow by foreign key are not counted). IN002.';

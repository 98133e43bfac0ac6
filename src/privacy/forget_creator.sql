/*
 * forget_creator.sql
 *
 * Forgets a creator in two steps. At once goes what only the program needed:
 * what it made, wrote and was called elsewhere, its page, its lists; admissions
 * end, nothing of it is shown, nothing new is earned or recorded. What tax and
 * commercial law want kept of whoever was paid stays until the retention ends
 * (setting tax_retention, counted from the end of the year of its last entry):
 * who it was, where it lived, how it was taxed and paid, why it was held or
 * banned. Then that goes too. The ledger, payouts and statements name a number
 * and are never changed, so every sum and every hash stays.
 */
CREATE FUNCTION influence_internal.require_remembered(creator_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_creator($1);
	PERFORM influence_internal.share_key('forgetting creators');
	IF EXISTS (SELECT FROM influence.forgotten_creator f WHERE f.creator_id = $1) THEN
		PERFORM influence_internal.raise_refused(format('creator %s asked to be forgotten', $1), NULL,
			'Nothing more is recorded of it; who comes back is registered anew: influence.register_creator(creator_ref, name).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_remembered(bigint) IS 'Raises IN003 unless the creator exists, and IN005 if it was forgotten; keeps forget_creator() of anybody off until the end of the transaction (one key for all: a transaction may write of thousands).';

CREATE FUNCTION influence_internal.apply_privacy(creator_id bigint, wanted text, OUT changed bigint, OUT deleted bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	word text := gen_random_uuid()::text || gen_random_uuid()::text;
	item record;
	n bigint;
BEGIN
	changed := 0;
	deleted := 0;
	FOR item IN
		SELECT r.relation, r.action, coalesce(r.value, format('x.%I = $1', r.column_name)) AS rows,
			   influence_internal.privacy_changes(r.relation, 'creator', $2) AS changes
		  FROM influence_internal.privacy_registry() r
		 WHERE r.of = 'creator' AND r.action IN ('delete', 'key')
		 ORDER BY r.action, r.place, r.relation
	LOOP
		IF item.action = 'delete' AND $2 = 'change' THEN
			EXECUTE format('DELETE FROM influence.%I x WHERE %s', item.relation, item.rows) USING $1;
			GET DIAGNOSTICS n = ROW_COUNT;
			deleted := deleted + n;
		ELSIF item.action = 'key' AND item.changes IS NOT NULL THEN
			EXECUTE format('UPDATE influence.%I x SET %s WHERE %s', item.relation, substr(item.changes, 3), item.rows) USING $1, word;
			GET DIAGNOSTICS n = ROW_COUNT;
			changed := changed + n;
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.apply_privacy(bigint, text) IS
'Does what the registry says of a creator''s rows: at once (change, with the deletions) or when the retention ends (retain); -> rows changed and deleted.';

CREATE FUNCTION influence_internal.drop_identity(creator_id bigint)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	visitor uuid;
BEGIN
	SELECT c.visitor_id INTO visitor FROM influence.creator c WHERE c.creator_id = $1;
	IF visitor IS NULL OR EXISTS (
			SELECT FROM unnest(influence_internal.person_visitors(visitor)) v
			  JOIN influence.orders o ON o.visitor_id = v AND o.ordered_at >= influence_internal.reattribution_horizon()
			 WHERE influence_internal.locked_at(o.program_id, o.visitor_id, o.order_ref) > now()) THEN
		RETURN visitor IS NULL;
	END IF;
	PERFORM influence_internal.drop_own_coupons(influence_internal.person_visitors(visitor));
	UPDATE influence.creator c SET visitor_id = NULL WHERE c.creator_id = $1;
	RETURN true;
END
$$;
COMMENT ON FUNCTION influence_internal.drop_identity(bigint) IS
'Takes a creator''s shopping identity away, unless one of its orders could still be attributed again: her own purchases are not to be credited to her then. Her orders lose her own codes with it. Whether it is gone.';

CREATE FUNCTION influence_internal.retention_end(creator_id bigint, forgotten_on date)
RETURNS date
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	last timestamptz;
BEGIN
	SELECT max(x.at) INTO last
	  FROM (SELECT max(l.booked_at) FROM influence.ledger l WHERE l.party_id = $1
			UNION ALL SELECT max(s.issued_at) FROM influence.statement s WHERE s.party_id = $1
			UNION ALL SELECT max(greatest(p.run_at, p.paid_at, p.failed_at)) FROM influence.payout p WHERE p.party_id = $1) x(at);
	IF last IS NULL THEN
		RETURN $2;				-- never paid nor owed: nobody wants anything kept
	END IF;
	RETURN (date_trunc('year', last AT TIME ZONE 'UTC') + interval '1 year'
			+ (influence_internal.setting_value('tax_retention') #>> '{}')::interval)::date;
END
$$;
COMMENT ON FUNCTION influence_internal.retention_end(bigint, date) IS
'Until when what tax law demands of a creator is kept: the setting tax_retention after the end of the year (UTC) of its last entry, statement or payout; the day it was forgotten where there is none.';

CREATE FUNCTION influence_internal.forget_creator(creator_id bigint)
RETURNS TABLE (status text, retained_until date, changed_rows bigint, deleted_rows bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	today date := (now() AT TIME ZONE 'UTC')::date;
	part record;
BEGIN
	PERFORM influence_internal.require_arguments('creator_id', $1::text);
	PERFORM influence_internal.require_creator($1);
	-- first, as in require_remembered(), after which writers lock the rest
	PERFORM influence_internal.lock_key('forgetting creators');
	PERFORM influence_internal.share_key('applications');
	PERFORM influence_internal.lock_key('creator facts ' || $1);
	PERFORM influence_internal.lock_key('storefronts');
	changed_rows := 0;
	deleted_rows := 0;
	SELECT f.retained_until INTO retained_until FROM influence.forgotten_creator f WHERE f.creator_id = $1;
	IF FOUND THEN
		status := 'duplicate';
		RETURN NEXT;
		RETURN;
	END IF;
	-- what is owed is paid; nothing more is earned, and no rule lets it in again
	PERFORM influence_internal.decide_application(a.program_id, $1, CASE a.decision WHEN 'admitted' THEN 'withdrawn' ELSE 'rejected' END, NULL, 'forget_creator')
	   FROM (SELECT DISTINCT ON (h.program_id) h.program_id, h.decision
			   FROM influence.admission_history h WHERE h.creator_id = $1
			  ORDER BY h.program_id, h.decided_at DESC, h.recorded_at DESC) a
	  WHERE a.decision <> 'withdrawn';
	INSERT INTO influence.post_status (creator_id, post_id, since, status, actor)
	SELECT p.creator_id, p.post_id, greatest(clock_timestamp(), s.since + interval '1 microsecond'), 'removed', 'forget_creator'
	  FROM influence.post p
	  LEFT JOIN LATERAL (SELECT x.since, x.status FROM influence.post_status x
						  WHERE x.creator_id = p.creator_id AND x.post_id = p.post_id ORDER BY x.since DESC LIMIT 1) s ON true
	 WHERE p.creator_id = $1 AND s.status IS DISTINCT FROM 'removed';
	SELECT * INTO part FROM influence_internal.apply_privacy($1, 'change');
	changed_rows := part.changed;
	deleted_rows := part.deleted;
	PERFORM influence_internal.drop_identity($1);
	retained_until := influence_internal.retention_end($1, today);
	INSERT INTO influence.forgotten_creator (creator_id, forgotten_on, retained_until) VALUES ($1, today, forget_creator.retained_until);
	INSERT INTO influence.forgetting (kind, forgotten_on, changed_rows, deleted_rows)
	VALUES ('creator', today, forget_creator.changed_rows, forget_creator.deleted_rows);
	IF forget_creator.retained_until <= today THEN
		PERFORM influence_internal.end_retention();
	END IF;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.forget_creator(bigint) IS
'Forgets a creator: posts are removed and lose what it made, its page, lists, handles and free texts go, its slugs stay taken by their salted hash; admissions end, so that orders from now on earn nothing; nothing more is recorded of it (IN005). What is owed is paid. Who it was, where it lived, how it was taxed and paid, and what claims rest on, stay until retained_until: the setting tax_retention (10 years) after the end of the year of its last entry in the ledger (that day, if it has none); then the daily job ends the retention (end_retention). Ledger, payouts and statements stay for good, under a number. Its own shopping is forgotten by forget_shopper(). What becomes of each column: influence_internal.privacy_registry(). -> status recorded | duplicate, retained_until, changed_rows, deleted_rows. IN002, IN003.';

CREATE FUNCTION influence_internal.forget_coupons(creator_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	c record;
	name text;
	changed bigint := 0;
	n bigint;
BEGIN
	FOR c IN
		SELECT x.program_id, x.code, x.valid FROM influence.coupon x WHERE x.creator_id = $1 AND x.code !~ '^FORGOTTEN-[0-9A-F]{32}$'
	LOOP
		name := 'FORGOTTEN-' || upper(md5(gen_random_uuid()::text || c.code));
		UPDATE influence.coupon x SET code = name WHERE x.program_id = c.program_id AND x.code = c.code AND x.valid = c.valid;
		-- settlements are computed from the code of the order
		UPDATE influence.orders o SET coupon = name
		 WHERE o.program_id = c.program_id AND o.coupon IS NOT NULL AND o.ordered_at <@ c.valid AND influence_internal.coupon_code(o.coupon) = c.code;
		GET DIAGNOSTICS n = ROW_COUNT;
		changed := changed + n + 1;
		UPDATE influence.touch t SET coupon = name
		 WHERE t.creator_id = $1 AND t.program_id = c.program_id AND t.coupon IS NOT NULL AND t.touched_at <@ c.valid
		   AND influence_internal.coupon_code(t.coupon) = c.code;
		GET DIAGNOSTICS n = ROW_COUNT;
		changed := changed + n;
	END LOOP;
	RETURN changed;
END
$$;
COMMENT ON FUNCTION influence_internal.forget_coupons(bigint) IS 'Gives the coupon codes of a creator random names, on its orders and touches too; returns how many rows.';

CREATE FUNCTION influence_internal.end_retention(as_of timestamptz DEFAULT now())
RETURNS TABLE (status text, creators int, changed_rows bigint, waiting int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	today date := ($1 AT TIME ZONE 'UTC')::date;
	c record;
	until date;
	part record;
BEGIN
	PERFORM influence_internal.require_arguments('as_of', $1::text);
	PERFORM influence_internal.require_finite('as_of', $1);
	IF $1 > clock_timestamp() + interval '1 day' THEN
		PERFORM influence_internal.raise_invalid('as_of lies ahead', format('as_of: %s.', $1), 'What law wants kept is not forgotten before its time.');
	END IF;
	PERFORM influence_internal.lock_key('retention');
	creators := 0;
	changed_rows := 0;
	waiting := 0;
	-- an identity that was needed when its creator was forgotten
	PERFORM influence_internal.drop_identity(f.creator_id)
	   FROM influence.forgotten_creator f JOIN influence.creator x ON x.creator_id = f.creator_id AND x.visitor_id IS NOT NULL;
	FOR c IN
		SELECT f.creator_id, f.forgotten_on, f.retained_until FROM influence.forgotten_creator f
		 WHERE f.ended_on IS NULL AND f.retained_until <= today ORDER BY f.creator_id
	LOOP
		until := influence_internal.retention_end(c.creator_id, c.forgotten_on);
		IF until > today THEN
			UPDATE influence.forgotten_creator f SET retained_until = until WHERE f.creator_id = c.creator_id;
			CONTINUE;
		ELSIF EXISTS (SELECT FROM influence.creator x WHERE x.creator_id = c.creator_id AND x.visitor_id IS NOT NULL)
		   OR EXISTS (SELECT FROM influence.balance b WHERE b.party_id = c.creator_id AND b.account IN ('payable', 'reserved') AND b.amount <> 0) THEN
			waiting := waiting + 1;
			CONTINUE;
		END IF;
		-- for whom it acted, or who acted for it, goes too
		PERFORM influence_internal.drop_own_coupons(influence_internal.person_visitors(x.visitor_id))
		   FROM influence.creator x, influence.creator y
		  WHERE y.creator_id = c.creator_id AND x.visitor_id IS NOT NULL
			AND (x.creator_id = ANY (y.agency_of) OR x.agency_of @> ARRAY[c.creator_id]);
		SELECT * INTO part FROM influence_internal.apply_privacy(c.creator_id, 'retain');
		part.changed := part.changed + influence_internal.forget_coupons(c.creator_id);
		UPDATE influence.forgotten_creator f SET ended_on = greatest(today, f.forgotten_on) WHERE f.creator_id = c.creator_id;
		INSERT INTO influence.forgetting (kind, forgotten_on, changed_rows, deleted_rows) VALUES ('retention', today, part.changed, 0);
		creators := creators + 1;
		changed_rows := changed_rows + part.changed;
	END LOOP;
	status := CASE WHEN creators > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.end_retention(timestamptz) IS
'Ends the retention of forgotten creators whose time has come by as_of (not after now): name, key, residence, tax profile, destinations, reasons and evidence go, and coupon codes get random names. Entries booked meanwhile put it off; creators to whom something is still owed wait. The daily job upkeep calls it. -> status recorded | duplicate (nothing to do), creators whose retention ended, changed_rows, waiting. IN002.';

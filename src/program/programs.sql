/*
 * programs.sql
 *
 * Programs and their policies. A policy change closes the open version's range
 * at valid_from and adds a version; credits and earnings keep the version they
 * were made under, so a change never restates history.
 */
CREATE FUNCTION influence_internal.program_facts(program_id bigint,
	OUT name text, OUT currency text, OUT time_zone text, OUT paying boolean, OUT demands_tag boolean)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	SELECT p.name, p.currency::text, p.time_zone, p.paying, p.demands_tag
	  INTO name, currency, time_zone, paying, demands_tag
	  FROM influence.program p
	 WHERE p.program_id = program_facts.program_id;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('program', program_facts.program_id::text,
			'Create it with influence.create_program(name, currency).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.program_facts(bigint) IS 'The facts of a program; IN003 when there is none.';

CREATE FUNCTION influence_internal.check_attribution_policy(program_id bigint, version int, policy jsonb DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	p record;
BEGIN
	SELECT x.*, g.time_zone, g.paying INTO STRICT p
	  FROM influence.attribution_policy a
	  JOIN influence.program g ON g.program_id = a.program_id
	 CROSS JOIN LATERAL jsonb_populate_record(a, $3) x
	 WHERE a.program_id = check_attribution_policy.program_id AND a.version = check_attribution_policy.version;
	-- the kernel itself says whether it can run this policy
	PERFORM influence_internal.credit_order('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', now(), '{}', '{}', '{}', '{}',
		'{}', NULL, '{}', p.model, p.lookback, p.view_lookback, p.cart_lookback, p.half_life, p.position_weights, p.reuse,
		p.session_lifetime, p.match, p.time_zone);
	IF p.model = 'custom' THEN
		PERFORM influence_internal.raise_invalid('model "custom" needs weights, which touches of a program do not have', NULL,
			'Use another model, or run influence.attribute() over touches with a column "weight".');
	ELSIF p.model = 'participation' AND p.paying THEN
		PERFORM influence_internal.raise_refused('model "participation" credits more than was sold', NULL,
			'Use shapley or linear in a program that pays; participation is for programs with paying => false.');
	ELSIF greatest(p.lookback, p.view_lookback, p.cart_lookback, p.session_lifetime) > interval '10 years' THEN
		PERFORM influence_internal.raise_invalid('a lookback is too long', NULL, 'Give at most 10 years.');
	ELSIF p.coupon_rule NOT IN ('override', 'only_without_click', 'last_touch', 'none') THEN
		PERFORM influence_internal.raise_invalid(format('coupon_rule "%s" is not known', p.coupon_rule), NULL,
			'Use override, only_without_click, last_touch or none.');
	ELSIF p.max_touch_delay NOT BETWEEN interval '0' AND interval '100 years' THEN
		PERFORM influence_internal.raise_invalid('max_touch_delay is out of range', format('max_touch_delay: %s.', p.max_touch_delay),
			'Give an interval from 0 to 100 years; 48 hours is the default.');
	ELSIF p.view_min_ms < 0 THEN
		PERFORM influence_internal.raise_invalid('view_min_ms is negative', NULL, 'Give the milliseconds that a view must have been seen, 0 for any.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.check_attribution_policy(bigint, int, jsonb) IS 'Raises IN002 or IN005 when a stored policy version, or one with other keys (policy), cannot be run.';

CREATE FUNCTION influence_internal.require_amounts(what text, amounts jsonb, by_country boolean, least_amount int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item record;
BEGIN
	IF jsonb_typeof(amounts) IS DISTINCT FROM 'object' THEN
		PERFORM influence_internal.raise_invalid(format('%s is not a JSON object', what), NULL,
			'Give minor units per currency, for instance {"USD": 1000} for 10 dollars.');
	END IF;
	FOR item IN SELECT * FROM jsonb_each(amounts) LOOP
		IF by_country AND item.key ~ '/' THEN
			IF item.key !~ '^[^/]*/[A-Z]{2}$' THEN
				PERFORM influence_internal.raise_invalid(format('"%s" in %s is not a currency and a country', item.key, what), NULL,
					'Use the currency, or the currency and the country of residence (ISO 3166-1), for instance {"USD": 1000, "USD/BR": 5000}.');
			END IF;
		END IF;
		PERFORM influence.minor_unit_digits(CASE WHEN by_country THEN split_part(item.key, '/', 1) ELSE item.key END);
		IF jsonb_typeof(item.value) <> 'number' OR item.value::text !~ '^[0-9]{1,18}$' OR item.value::text::bigint < least_amount THEN
			PERFORM influence_internal.raise_invalid(format('%s has a value for %s that is not an amount', what, item.key), format('Value: %s.', item.value),
				format('Give minor units as a whole number of at least %s, for instance {"USD": 1000} for 10 dollars.', least_amount));
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.require_amounts(text, jsonb, boolean, int) IS
'Raises IN002 unless a JSON object has a currency (by_country: or CUR/CC) for each key and whole minor units from least_amount on for each value.';

CREATE FUNCTION influence_internal.check_payout_policy(program_id bigint, version int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	p record;
	item record;
BEGIN
	SELECT y.* INTO STRICT p
	  FROM influence.payout_policy y
	 WHERE y.program_id = check_payout_policy.program_id AND y.version = check_payout_policy.version;
	IF p.hold NOT BETWEEN interval '0' AND interval '10 years' THEN
		PERFORM influence_internal.raise_invalid('hold is out of range', format('hold: %s', p.hold), 'Give an interval from 0 to 10 years.');
	ELSIF p.max_clawback_age NOT BETWEEN interval '0' AND interval '100 years' THEN
		PERFORM influence_internal.raise_invalid('max_clawback_age is out of range', format('max_clawback_age: %s.', p.max_clawback_age),
			'Give an interval from 0 to 100 years, or null for no end.');
	ELSIF p.seal_after NOT BETWEEN interval '1 hour' AND interval '10 years' THEN
		PERFORM influence_internal.raise_invalid('seal_after is out of range', format('seal_after: %s.', p.seal_after),
			'Give an interval from 1 hour to 10 years; 40 days is the default.');
	ELSIF array_ndims(p.tax_authorities) > 1 THEN
		PERFORM influence_internal.raise_invalid('tax_authorities has arrays in it', NULL, 'Name each authority once, for instance ["DE", "US-IRS"].');
	ELSIF array_position(p.tax_authorities, NULL) IS NOT NULL
	   OR cardinality(p.tax_authorities) <> (SELECT count(DISTINCT a) FROM unnest(p.tax_authorities) a) THEN
		PERFORM influence_internal.raise_invalid('tax_authorities has a NULL, or names one twice', NULL, 'Name each authority once, for instance ["DE", "US-IRS"].');
	END IF;
	FOR item IN
		SELECT a AS authority FROM unnest(p.tax_authorities) a WHERE NOT EXISTS (SELECT FROM influence.tax_authority t WHERE t.authority = a)
	LOOP
		PERFORM influence_internal.raise_unknown('tax authority', item.authority, 'Create it with influence.create_tax_authority(authority, name, country, time_zone).');
	END LOOP;
	PERFORM influence_internal.require_amounts('minimums', p.minimums, true, 0);
	PERFORM influence_internal.require_amounts('granularity', p.granularity, false, 1);
END
$$;
COMMENT ON FUNCTION influence_internal.check_payout_policy(bigint, int) IS 'Raises IN002 or IN003 (no such tax authority) when a stored policy version cannot be run.';

CREATE FUNCTION influence_internal.policy_columns(kind text)
RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT array_agg(a.attname::text ORDER BY a.attnum)
			  FROM pg_attribute a
			 WHERE a.attrelid = format('influence.%I', kind || '_policy')::regclass AND a.attnum > 0 AND NOT a.attisdropped
			   AND a.attname NOT IN ('program_id', 'version', 'valid', 'created_at', 'xact'));
END
$$;
COMMENT ON FUNCTION influence_internal.policy_columns(text) IS 'The keys that a policy of a kind (attribution, payout, commission) has.';

CREATE FUNCTION influence_internal.add_policy(program_id bigint, kind text, policy jsonb, valid_from timestamptz,
	OUT status text, OUT version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	relation text := format('influence.%I', kind || '_policy');
	columns text[] := influence_internal.policy_columns($2);
	list text := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(columns) c);
	last record;
	same boolean;
BEGIN
	PERFORM influence_internal.check_keys(policy, columns, format('the %s policy', kind));
	PERFORM influence_internal.require_begin('valid_from', add_policy.valid_from);
	PERFORM influence_internal.lock_key(format('%s policy %s', kind, add_policy.program_id));
	-- the same call again, perhaps after a later version
	BEGIN
		EXECUTE format('SELECT p.version, to_jsonb(p) = to_jsonb(r) FROM %s p, jsonb_populate_record(p, $2) r '
					   'WHERE p.program_id = $1 AND lower(p.valid) = $3', relation)
		   INTO version, same USING add_policy.program_id, policy, add_policy.valid_from;
	EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
		same := NULL;			-- a value that no version can have: the update below says so
	END;
	IF same THEN
		status := 'duplicate';
		RETURN;
	ELSIF NOT same THEN
		PERFORM influence_internal.raise_conflict(kind || ' policy', add_policy.valid_from::text);
	END IF;
	EXECUTE format('SELECT p.version, lower(p.valid) AS since FROM %s p WHERE p.program_id = $1 ORDER BY p.version DESC LIMIT 1', relation)
	   INTO last USING add_policy.program_id;
	IF last.version IS NOT NULL AND add_policy.valid_from < last.since THEN
		PERFORM influence_internal.raise_refused('the policy would begin before the one in force',
			format('Version %s holds from %s.', last.version, last.since), 'Choose a later valid_from; history is never restated.');
	END IF;
	version := coalesce(last.version, 0) + 1;
	status := 'recorded';
	IF last.version IS NULL THEN
		EXECUTE format('INSERT INTO %s (program_id, version, valid) VALUES ($1, $2, tstzrange($3, NULL))', relation)
		  USING add_policy.program_id, version, add_policy.valid_from;
	ELSE
		EXECUTE format('UPDATE %s p SET valid = tstzrange(lower(p.valid), $3) WHERE p.program_id = $1 AND p.version = $2', relation)
		  USING add_policy.program_id, last.version, add_policy.valid_from;
		EXECUTE format('INSERT INTO %1$s (program_id, version, valid, %2$s) SELECT program_id, $2, tstzrange($3, NULL), %2$s '
					   'FROM %1$s p WHERE p.program_id = $1 AND p.version = $4', relation, list)
		  USING add_policy.program_id, version, add_policy.valid_from, last.version;
	END IF;
	BEGIN
		EXECUTE format('UPDATE %1$s p SET (%2$s) = (SELECT %2$s FROM jsonb_populate_record(p, $3) r) WHERE p.program_id = $1 AND p.version = $2',
					   relation, list)
		  USING add_policy.program_id, version, policy;
	EXCEPTION WHEN check_violation OR not_null_violation OR data_exception OR program_limit_exceeded THEN
		PERFORM influence_internal.raise_invalid(format('the %s policy has a value that is not possible', kind), left(SQLERRM, 1000) || '.',
			concat('Mend ' || influence_internal.places_of(SQLERRM, policy) || '. ', format('See the columns of the table influence.%s_policy.', kind)));
	END;
	CASE kind
		WHEN 'attribution' THEN PERFORM influence_internal.check_attribution_policy(add_policy.program_id, version);
		WHEN 'payout' THEN PERFORM influence_internal.check_payout_policy(add_policy.program_id, version);
		ELSE NULL;				-- the table's CHECKs say all that a commission policy can have wrong
	END CASE;
END
$$;
COMMENT ON FUNCTION influence_internal.add_policy(bigint, text, jsonb, timestamptz) IS
'Adds a version of the attribution, payout or commission policy: keys not given keep the value of the version before (or the default). recorded | duplicate.';

CREATE FUNCTION influence_internal.set_attribution_policy(program_id bigint, policy jsonb, valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.program_facts(set_attribution_policy.program_id);
	RETURN QUERY SELECT a.status, a.version
				   FROM influence_internal.add_policy(set_attribution_policy.program_id, 'attribution', policy, valid_from) a;
END
$$;
COMMENT ON FUNCTION influence_internal.set_attribution_policy(bigint, jsonb, timestamptz) IS
'Adds a version of a program''s attribution policy from valid_from on: {"model", "lookback", "view_lookback", "cart_lookback", "position_weights", ...}, keys of the table attribution_policy; keys not given stay as they are. Orders already recorded keep the version they were attributed under. model: first_touch, last_touch, last_non_direct, linear, position_based, j_shaped, inverse_j, time_decay, shapley, and participation where the program does not pay; reuse: reuse, consume, session; match: any, product, category; coupon_rule: override, only_without_click, last_touch, none. -> status recorded | duplicate, version. IN002 unknown key or value, IN003 no such program, IN005 begins before the one in force, or participation in a program that pays.';

CREATE FUNCTION influence_internal.set_payout_policy(program_id bigint, policy jsonb, valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.program_facts(set_payout_policy.program_id);
	RETURN QUERY SELECT a.status, a.version
				   FROM influence_internal.add_policy(set_payout_policy.program_id, 'payout', policy, valid_from) a;
END
$$;
COMMENT ON FUNCTION influence_internal.set_payout_policy(bigint, jsonb, timestamptz) IS
'Adds a version of a program''s payout policy from valid_from on: {"hold": "30 days"} or {"hold_after_month_end": 15}, {"minimums": {"USD": 1000, "USD/BR": 5000}} in minor units, for all and for those who live in a country, {"granularity": {"JPY": 100}} (a payout is a multiple of it, the remainder stays for the next; default 1), {"demands_destination": true, "demands_tax_profile": true} (nothing is paid without one), {"tax_authorities": ["DE"]} (whose tax rules count), {"pay_when_funded": true} (commissions of brands with an account wait for their money), {"seal_after": "40 days"} (statistics are final then), {"rounding": "half_up"}, {"rounding_scope": "order"} (the commissions of a creator''s lines at one rate are rounded as one sum), {"earns_at": "shipped", "hold_from": "delivered"} (placed, shipped or delivered: when commissions are earned, and what their hold counts from), {"max_clawback_age": "180 days"} (later returns cost creators nothing). Orders already booked keep the version they were booked under; a payout run goes by the version in force when its month began. -> status recorded | duplicate, version. IN002 unknown key or value, IN003 no such program or tax authority, IN005 begins before the one in force.';

CREATE FUNCTION influence_internal.set_commission_policy(program_id bigint, policy jsonb, valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text, version int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.program_facts(set_commission_policy.program_id);
	RETURN QUERY SELECT a.status, a.version
				   FROM influence_internal.add_policy(set_commission_policy.program_id, 'commission', policy, valid_from) a;
END
$$;
COMMENT ON FUNCTION influence_internal.set_commission_policy(bigint, jsonb, timestamptz) IS
'Adds a version of a program''s commission policy from valid_from on, keys of the table commission_policy; keys not given stay as they are: {"base_less": ["tax", "shipping"]} says what is taken off quantity x paid_price of a line (of discount_seller, discount_platform, tax, shipping, points, gift_card; all of them unless set), {"platform_rate": 0.02} books the platform''s own cut of what is credited to creators, line_cap, order_cap, month_cap and month_minimum in minor units and tier_restate (until_lock, forever) are what the settlement of a month keeps to. Orders keep the version in force when they were placed. -> status recorded | duplicate, version. IN002 unknown key or value, IN003 no such program, IN005 begins before the one in force.';

CREATE FUNCTION influence_internal.new_secret()
RETURNS bytea
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
END
$$;
COMMENT ON FUNCTION influence_internal.new_secret() IS '32 random bytes, 244 of their bits from the server''s strong source.';

CREATE FUNCTION influence_internal.create_program(name text, currency text, time_zone text DEFAULT 'UTC',
	attribution jsonb DEFAULT '{}', payout jsonb DEFAULT '{}', dedup_group text DEFAULT NULL,
	paying boolean DEFAULT true, demands_tag boolean DEFAULT true, commission jsonb DEFAULT '{}')
RETURNS TABLE (status text, program_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea;
	known record;
BEGIN
	PERFORM influence_internal.require_key('name', create_program.name);
	PERFORM influence_internal.require_arguments('currency', create_program.currency, 'time_zone', create_program.time_zone,
		'paying', create_program.paying::text, 'demands_tag', create_program.demands_tag::text);
	PERFORM influence.minor_unit_digits(create_program.currency);
	PERFORM influence_internal.require_time_zone(create_program.time_zone);
	IF create_program.dedup_group IS NOT NULL THEN
		PERFORM influence_internal.require_key('dedup_group', create_program.dedup_group);
	END IF;
	hash := influence_internal.content_hash(jsonb_build_array(create_program.currency, create_program.time_zone, attribution,
		payout, create_program.dedup_group, create_program.paying, create_program.demands_tag, commission));
	PERFORM influence_internal.lock_key('program ' || create_program.name);
	SELECT p.program_id, p.content_hash INTO known FROM influence.program p WHERE p.name = create_program.name;
	IF FOUND THEN
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('program', create_program.name);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.program_id;
		RETURN;
	END IF;
	INSERT INTO influence.program (name, currency, time_zone, dedup_group, paying, demands_tag, content_hash)
	VALUES (create_program.name, create_program.currency, create_program.time_zone, create_program.dedup_group,
			create_program.paying, create_program.demands_tag, hash)
	RETURNING program_id INTO program_id;
	INSERT INTO influence.program_secret (program_id, visitor_salt, seal_secret)
	VALUES (program_id, influence_internal.new_secret(), influence_internal.new_secret());
	PERFORM influence_internal.add_policy(program_id, 'attribution', attribution, '-infinity');
	PERFORM influence_internal.add_policy(program_id, 'payout', payout, '-infinity');
	PERFORM influence_internal.add_policy(program_id, 'commission', commission, '-infinity');
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_program(text, text, text, jsonb, jsonb, text, boolean, boolean, jsonb) IS
'Creates a program and the first version of its policies, which have no beginning: currency ISO 4217, time_zone an IANA name (its months are the program''s months; CET, EET, MET and WET are refused, since PostgreSQL reads them as abbreviations without summer time), attribution, payout and commission as in set_attribution_policy, set_payout_policy and set_commission_policy. Programs with the same dedup_group share one attribution: the touches of all of them count, and an order is recorded in one of them only. Natural key: name. -> status recorded | duplicate, program_id. IN002 bad value, IN003 no such tax authority, IN004 same name with other content.';

CREATE FUNCTION influence_internal.raise_no_secret(program_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'IN001',
		MESSAGE = format('program %s has no secret', program_id),
		HINT = 'Restore its row in influence.program_secret from a backup.';
END
$$;
COMMENT ON FUNCTION influence_internal.raise_no_secret(bigint) IS 'Raises IN001 for a program whose row in program_secret is gone.';

CREATE FUNCTION influence_internal.rotate_seal_secret(program_id bigint, rotation_ref text, grace interval DEFAULT '20 days')
RETURNS TABLE (status text, accepted_until timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	last record;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_key('rotation_ref', $2);
	IF $3 IS NULL OR $3 < '0' OR $3 > '100 days' THEN
		PERFORM influence_internal.raise_invalid('grace is not between 0 and 100 days', format('grace: %s.', $3),
			'Give 0 if the secret has leaked, else as long as impressions may be reported late, for instance 20 days.');
	END IF;
	SELECT s.rotation_ref, s.accepted_until INTO last FROM influence.program_secret s WHERE s.program_id = $1 FOR UPDATE;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_no_secret($1);
	ELSIF last.rotation_ref = $2 THEN
		RETURN QUERY SELECT 'duplicate', last.accepted_until;
		RETURN;
	END IF;
	UPDATE influence.program_secret s
	   SET seal_secret = influence_internal.new_secret(), rotation_ref = $2,
		   seal_secret_before = CASE WHEN $3 > '0' THEN s.seal_secret END, accepted_until = CASE WHEN $3 > '0' THEN now() + $3 END
	 WHERE s.program_id = $1
	RETURNING s.accepted_until INTO accepted_until;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.rotate_seal_secret(bigint, text, interval) IS
'Gives a program a new secret for what the feed hands out and takes back. Cursors of before are refused from now on (IN002: the viewer starts again without one); impression tokens of before are taken for as long as grace says (0: not any more), those of two rotations ago never. Keys of visitor_key() stay: their salt cannot be rotated (docs/how-to/rotate-secrets.md). Natural key: program_id and rotation_ref, as long as it is the last one. -> status recorded | duplicate, accepted_until (NULL: tokens of before are not taken). IN001 where the secret is gone, IN002, IN003.';

CREATE FUNCTION influence_internal.visitor_key(program_id bigint, external_id text)
RETURNS uuid
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	salt bytea;
	hash bytea;
BEGIN
	PERFORM influence_internal.require_arguments('external_id', external_id);
	SELECT s.visitor_salt INTO salt FROM influence.program_secret s WHERE s.program_id = visitor_key.program_id;
	IF NOT FOUND THEN
		PERFORM influence_internal.program_facts(visitor_key.program_id);
		PERFORM influence_internal.raise_no_secret(visitor_key.program_id);
	END IF;
	hash := substring(sha256(salt || convert_to(external_id, 'UTF8')) FROM 1 FOR 16);
	-- RFC 9562: version 8 (custom), variant 10
	hash := set_byte(hash, 6, (get_byte(hash, 6) & 15) | 128);
	hash := set_byte(hash, 8, (get_byte(hash, 8) & 63) | 128);
	RETURN encode(hash, 'hex')::uuid;
END
$$;
COMMENT ON FUNCTION influence_internal.visitor_key(bigint, text) IS
'The visitor uuid of a service''s own customer key: the first 128 bits of sha256(salt of the program, key), marked as a version 8 uuid (RFC 9562). The same key gives the same visitor; without the salt it cannot be guessed back. IN001 where the salt is gone, IN002, IN003.';

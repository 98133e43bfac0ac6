/*
 * helpers.sql
 *
 * What the writers share: one place for each error that several of them raise,
 * the hash that tells a retry from a conflict, the lock on a key.
 */
CREATE FUNCTION influence_internal.quoted_key(key text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce('"' || left(key, 200) || CASE WHEN length(key) > 200 THEN '...' ELSE '' END || '"', 'NULL') $$;
COMMENT ON FUNCTION influence_internal.quoted_key(text) IS 'A key as messages have it: in quotes, of a longer one the first 200 characters (require_key() takes no longer one).';

CREATE FUNCTION influence_internal.counted(number numeric, thing text, things text DEFAULT NULL)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT number || ' ' || CASE number WHEN 1 THEN thing ELSE coalesce(things, thing || 's') END $$;
COMMENT ON FUNCTION influence_internal.counted(numeric, text, text) IS 'A number of things in words: 1 piece, 2 pieces; things where the plural is another than with s.';

CREATE FUNCTION influence_internal.raise_unknown(object text, key text, hint text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'IN003',
		MESSAGE = format('%s %s does not exist', object, influence_internal.quoted_key(key)),
		HINT = hint;
END
$$;
COMMENT ON FUNCTION influence_internal.raise_unknown(text, text, text) IS 'Raises IN003 for an object that is not there.';

CREATE FUNCTION influence_internal.raise_conflict(object text, key text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'IN004',
		MESSAGE = format('%s %s is recorded with other content', object, influence_internal.quoted_key(key)),
		DETAIL = 'A retry with the same content answers "duplicate"; nothing was changed.',
		HINT = 'Repeat the call as it was first made, or use a new key.';
END
$$;
COMMENT ON FUNCTION influence_internal.raise_conflict(text, text) IS 'Raises IN004 for a natural key that is known with other content.';

CREATE FUNCTION influence_internal.raise_other_visitor(order_ref text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'IN004',
		MESSAGE = format('order %s belongs to another visitor', influence_internal.quoted_key(order_ref)),
		HINT = 'An order has one visitor: name the one that it was recorded for, or use another order_ref.';
END
$$;
COMMENT ON FUNCTION influence_internal.raise_other_visitor(text) IS 'Raises IN004 for an order_ref that is recorded for another visitor.';

CREATE FUNCTION influence_internal.raise_error(code text, message text, detail text, hint text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF detail <> '' THEN
		RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, DETAIL = detail, HINT = hint;
	END IF;
	RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = hint;
END
$$;
COMMENT ON FUNCTION influence_internal.raise_error(text, text, text, text) IS 'Raises an error of that SQLSTATE; its detail may be missing.';

CREATE FUNCTION influence_internal.raise_invalid(message text, detail text, hint text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.raise_error('IN002', message, detail, hint);
END
$$;
COMMENT ON FUNCTION influence_internal.raise_invalid(text, text, text) IS 'Raises IN002 for an argument that cannot be meant.';

CREATE FUNCTION influence_internal.raise_refused(message text, detail text, hint text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.raise_error('IN005', message, detail, hint);
END
$$;
COMMENT ON FUNCTION influence_internal.raise_refused(text, text, text) IS 'Raises IN005 for what a rule of the program refuses.';

CREATE FUNCTION influence_internal.raise_unsupported(what text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'IN010',
		MESSAGE = format('%s is not supported by this version', what),
		HINT = 'See docs/explanation/scope.md for what this version does.';
END
$$;
COMMENT ON FUNCTION influence_internal.raise_unsupported(text) IS 'Raises IN010 for a part of the contract that is not built yet.';

CREATE FUNCTION influence_internal.require_arguments(VARIADIC arguments text[])
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	FOR i IN 1 .. cardinality(arguments) / 2 LOOP
		IF arguments[2 * i] IS NULL THEN
			PERFORM influence_internal.raise_invalid(format('argument "%s" is NULL', arguments[2 * i - 1]), NULL,
				format('Give a value for %s.', arguments[2 * i - 1]));
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.require_arguments(text[]) IS 'Takes name, value, name, value, ... and raises IN002 for the first value that is NULL.';

CREATE FUNCTION influence_internal.require_time_zone(time_zone text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
	by_zone timestamp;
	moment timestamptz;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = $1) THEN
		PERFORM influence_internal.raise_invalid(format('time zone "%s" is not known', $1), NULL,
			'Use a name of pg_timezone_names, for instance Europe/Berlin.');
	END IF;
	-- the setting takes the zone, AT TIME ZONE an abbreviation of that name first; the clause above ends the setting with the call
	FOREACH moment IN ARRAY '{2024-01-15 12:00+00,2024-07-15 12:00+00}'::timestamptz[] LOOP
		PERFORM set_config('TimeZone', $1, true);
		by_zone := moment::timestamp;
		PERFORM set_config('TimeZone', 'UTC', true);
		IF by_zone <> moment AT TIME ZONE $1 THEN
			PERFORM influence_internal.raise_invalid(format('time zone "%s" is also an abbreviation, without summer time', $1),
				format('At %s it would be %s by the abbreviation and %s by the zone.', moment, moment AT TIME ZONE $1, by_zone),
				'Use the name of a place, for instance Europe/Brussels for CET and MET, Europe/Athens for EET, Europe/Lisbon for WET.');
		END IF;
	END LOOP;
END
$$;
COMMENT ON FUNCTION influence_internal.require_time_zone(text) IS 'Raises IN002 for a time zone that is not known, and for one whose name AT TIME ZONE reads as an abbreviation with other clocks (CET: an hour ahead of UTC all year).';

CREATE FUNCTION influence_internal.require_finite(argument text, at timestamptz)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF at IS NOT NULL AND NOT isfinite(at) THEN
		PERFORM influence_internal.raise_invalid(format('argument "%s" is infinite', argument), NULL,
			'Events happen at a finite moment.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_finite(text, timestamptz) IS 'Raises IN002 for an infinite event time.';

CREATE FUNCTION influence_internal.require_begin(argument text, at timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF at IS NULL OR at = 'infinity' THEN
		PERFORM influence_internal.raise_invalid(format('argument "%s" is not a beginning', argument), format('Value: %s.', coalesce(at::text, 'NULL')),
			'Give a moment, or -infinity for "since ever".');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_begin(text, timestamptz) IS 'Raises IN002 unless a validity can begin at this moment.';

CREATE FUNCTION influence_internal.require_end(argument text, at timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF at IS NULL OR at = 'infinity' THEN
		PERFORM influence_internal.raise_invalid(format('argument "%s" is not an end', argument), format('Value: %s.', coalesce(at::text, 'NULL')),
			'Give the moment from which on it does not hold any more.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_end(text, timestamptz) IS 'Raises IN002 unless what holds can be ended at this moment.';

CREATE FUNCTION influence_internal.require_country(argument text, code text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF code !~ '^[A-Z]{2}$' THEN
		PERFORM influence_internal.raise_invalid(format('%s "%s" is not a country code', argument, code), NULL,
			'Use two upper-case letters (ISO 3166-1), for instance DE.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_country(text, text) IS 'Raises IN002 unless a country is NULL or two upper-case letters.';

CREATE FUNCTION influence_internal.calendar_add(at timestamptz, span interval, time_zone text)
RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
	-- qualified instead of a search_path of its own, which would keep it from being inlined
	SELECT pg_catalog.timezone(time_zone, pg_catalog.timezone(time_zone, at) OPERATOR(pg_catalog.+) pg_catalog.date_trunc('day', span))
		   OPERATOR(pg_catalog.+) (span OPERATOR(pg_catalog.-) pg_catalog.date_trunc('day', span))
$$;
COMMENT ON FUNCTION influence_internal.calendar_add(timestamptz, interval, text) IS
'A moment plus an interval: its months and days count on the calendar of a time zone, the rest is elapsed time (the kernel''s rule for windows).';

CREATE FUNCTION influence_internal.require_event_time(argument text, at timestamptz, ahead interval DEFAULT '1 day')
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- one row a million years away would stop every statistic
	IF at < '1990-01-01 00:00:00+00' OR at > clock_timestamp() + ahead THEN
		PERFORM influence_internal.raise_invalid(format('argument "%s" is no time of an event', argument), format('%s: %s.', argument, at),
			format('Events happened since 1990 and lie at most %s ahead.', ahead));
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_event_time(text, timestamptz, interval) IS 'Raises IN002 for an event before 1990 or further ahead than the interval; NULL passes.';

CREATE FUNCTION influence_internal.require_key(argument text, value text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF value IS NULL OR length(value) NOT BETWEEN 1 AND 200 THEN
		PERFORM influence_internal.raise_invalid(format('argument "%s" is not a usable key', argument),
			format('It has %s characters.', coalesce(length(value)::text, 'no')),
			'Give your own stable key of 1 to 200 characters; it makes retries harmless.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_key(text, text) IS 'Raises IN002 unless a natural key has 1 to 200 characters.';

CREATE FUNCTION influence_internal.check_keys(object jsonb, allowed text[], what text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	strange text;
BEGIN
	IF object IS NULL OR jsonb_typeof(object) <> 'object' THEN
		PERFORM influence_internal.raise_invalid(format('%s is not a JSON object', what), NULL,
			format('Its keys may be: %s.', array_to_string(allowed, ', ')));
	END IF;
	IF object - allowed <> '{}' THEN
		SELECT string_agg(k, ', ' ORDER BY k) INTO strange FROM jsonb_object_keys(object - allowed) k;
		PERFORM influence_internal.raise_invalid(format('%s has unknown keys', what), format('Unknown: %s.', strange),
			format('Its keys may be: %s.', array_to_string(allowed, ', ')));
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.check_keys(jsonb, text[], text) IS 'Raises IN002 unless a JSON object has only the keys allowed, so that no misspelt fact is lost.';

CREATE FUNCTION influence_internal.require_array(items jsonb, what text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF items IS NULL OR jsonb_typeof(items) <> 'array' THEN
		PERFORM influence_internal.raise_invalid(format('%s is not a JSON array', what), NULL,
			format('Give %s as [{...}, {...}].', what));
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_array(jsonb, text) IS 'Raises IN002 unless the argument is a JSON array.';

CREATE FUNCTION influence_internal.content_hash(content jsonb)
RETURNS bytea
-- as stable as convert_to(), or it would not be inlined
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT pg_catalog.sha256(pg_catalog.convert_to(content::pg_catalog.text, 'UTF8')) $$;
COMMENT ON FUNCTION influence_internal.content_hash(jsonb) IS 'sha256 of the canonical jsonb text of a call''s content: equal for a retry.';

CREATE FUNCTION influence_internal.require_read_committed()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- what a lock waited for is invisible in a snapshot that is older than the wait
	IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
		PERFORM influence_internal.raise_refused('writers of pg_influence need READ COMMITTED transactions',
			format('This one is %s.', upper(current_setting('transaction_isolation'))),
			'Use BEGIN ISOLATION LEVEL READ COMMITTED; retries are harmless, since every call has a natural key.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_read_committed() IS 'Raises IN005 in REPEATABLE READ and SERIALIZABLE transactions.';

CREATE FUNCTION influence_internal.lock_key(key text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.require_read_committed();
	PERFORM pg_advisory_xact_lock(hashtextextended('pg_influence ' || key, 0));
END
$$;
COMMENT ON FUNCTION influence_internal.lock_key(text) IS 'Serialises the writers of one natural key until the end of the transaction; IN005 in REPEATABLE READ and SERIALIZABLE.';

CREATE FUNCTION influence_internal.setting_value(setting_name text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT s.value FROM influence.setting s WHERE s.name = setting_name ORDER BY s.version DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION influence_internal.setting_value(text) IS 'The value of a named setting, newest version.';

CREATE FUNCTION influence_internal.nfkc(value text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- other encodings have no normal forms
	RETURN CASE WHEN getdatabaseencoding() = 'UTF8' THEN normalize(value, NFKC) ELSE value END;
END
$$;
COMMENT ON FUNCTION influence_internal.nfkc(text) IS 'A text in Unicode''s normal form KC; as it is in databases of another encoding than UTF8.';

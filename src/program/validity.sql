/*
 * validity.sql
 *
 * When something holds: half-open ranges as they are stated, how they end, and
 * that two of them do not overlap. A row keeps what was stated beside what is
 * left of it, so that a retry of either call is known.
 */
CREATE FUNCTION influence_internal.validity(valid_from timestamptz, valid_to timestamptz)
RETURNS tstzrange
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $2 <= $1 THEN
		PERFORM influence_internal.raise_invalid('the validity range is empty', format('From %s to %s.', $1, $2),
			'Let it end after it begins, or at infinity, which is never.');
	END IF;
	RETURN tstzrange($1, nullif($2, 'infinity'));
END
$$;
COMMENT ON FUNCTION influence_internal.validity(timestamptz, timestamptz) IS 'The half-open range from a beginning until before an end (NULL or infinity = open); IN002 when it is empty.';

CREATE FUNCTION influence_internal.stated_range(valid_from timestamptz, valid_to timestamptz)
RETURNS tstzrange
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM influence_internal.require_begin('valid_from', $1);
	PERFORM influence_internal.require_arguments('valid_to', $2::text);
	RETURN influence_internal.validity($1, $2);
END
$$;
COMMENT ON FUNCTION influence_internal.stated_range(timestamptz, timestamptz) IS 'The validity() that two arguments state, which have to be given (valid_to infinity = open). IN002.';

CREATE FUNCTION influence_internal.end_range(stated tstzrange, valid tstzrange, valid_to timestamptz, what text,
	OUT status text, OUT rest tstzrange, OUT ends_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	last timestamptz := CASE WHEN isempty($2) THEN lower($1) ELSE coalesce(upper($2), 'infinity') END;
BEGIN
	ends_at := greatest($3, lower($1));
	IF ends_at > last THEN
		PERFORM influence_internal.raise_refused(format('%s ends earlier already', $4), format('It ends %s.', last),
			'What was agreed can end earlier, not later: agree it anew from its end on.');
	END IF;
	status := CASE WHEN ends_at = last THEN 'duplicate' ELSE 'recorded' END;
	rest := tstzrange(lower($1), nullif(ends_at, 'infinity'));
END
$$;
COMMENT ON FUNCTION influence_internal.end_range(tstzrange, tstzrange, timestamptz, text) IS
'What is left of a validity that ends at a moment (empty when that is before it begins), where it ends, and whether that is new. IN005 when it ended earlier already.';

CREATE FUNCTION influence_internal.end_validity(stated tstzrange, valid tstzrange, valid_to timestamptz, what text,
	OUT status text, OUT rest tstzrange, OUT ends_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $3 = now() AND (isempty($2) OR upper($2) <= $3) OR ($1 IS NULL AND isempty($2)) THEN
		status := 'duplicate';	-- the same call again, without a moment; or nothing is left of a row that only resumed
		rest := $2;
	ELSE
		SELECT e.status, e.rest, e.ends_at INTO status, rest, ends_at
		  FROM influence_internal.end_range(coalesce($1, tstzrange(lower($2), NULL)), $2, $3, $4) e;
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.end_validity(tstzrange, tstzrange, timestamptz, text) IS
'end_range() for calls that say nothing but the moment: of what has ended by now, now is no new end. stated NULL = a row that resumed after another one: it was open, and where nothing is left of it, that stays so.';

CREATE FUNCTION influence_internal.resumed_range(ended tstzrange, ends_at timestamptz, resumed tstzrange, replaced boolean)
RETURNS tstzrange
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN CASE WHEN lower($3) = upper($1) THEN tstzrange($2, upper($3))
				WHEN isempty($3) AND $4 THEN tstzrange($2, upper($1)) END;
END
$$;
COMMENT ON FUNCTION influence_internal.resumed_range(tstzrange, timestamptz, tstzrange, boolean) IS
'The range of a row that resumed where another one ended, now that the other one ends earlier: from there to its own end or, where it was replaced altogether, to the row that begins where the other one ended. NULL when it did not resume there, or when the other one had no end.';

CREATE FUNCTION influence_internal.require_free_range(taken tstzrange, what text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = format('%s overlaps another one', $2),
			DETAIL = format('The other one holds in %s.', $1),
			HINT = 'End the other one first, or let this one begin where it ends.';
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_free_range(tstzrange, text) IS 'Raises IN011 with the range that is in the way; NULL passes.';

/*
 * buckets.sql
 *
 * Buckets counted anew from their facts: fold_buckets() writes them; its callers
 * (hours.sql, days.sql) say which buckets new facts reach and what all facts of
 * these come to. Touches and sales of a row come from different facts and are
 * written apart, so that a touch does not cause sales to be read, nor the other
 * way round. Days and sales are always counted so; the events of hours on a first
 * run in a cluster and after large imports, else see new_events.sql.
 */
CREATE FUNCTION influence_internal.sealed_before(span text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN coalesce((SELECT s.bucket_start FROM influence.sealed_until s WHERE s.span = $1), '-infinity');
END
$$;
COMMENT ON FUNCTION influence_internal.sealed_before(text) IS 'The moment before which buckets of a span (hour, day) may be sealed; -infinity while none is.';

CREATE FUNCTION influence_internal.fold_buckets(target text, keys text[], columns text[], found_by text[], reached text, facts text,
	last_seen pg_snapshot, upper pg_snapshot, since timestamptz DEFAULT '-infinity', bound pg_snapshot DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET jit = off
SET enable_seqscan = on
AS $$
#variable_conflict use_column
DECLARE
	sealed_before timestamptz := influence_internal.sealed_before(substring($1 FROM '_(.*)$'));
	key_list text;
	names text;
	sums text;
	stored text;
	taken_off text;
	proposed text;
	zeros text;
	written bigint;
BEGIN
	-- a run finds its few facts and their buckets by indexes, whatever was in the tables when they were last analyzed;
	-- the first run in a cluster takes everything. The SET clause ends this setting with the call.
	PERFORM set_config('enable_seqscan', CASE WHEN $8 IS NULL THEN 'on' ELSE 'off' END, true);
	SELECT string_agg(format('f.%I', k), ', ') INTO key_list FROM unnest($2) k;
	SELECT string_agg(format('%I', c), ', '), string_agg(format('sum(f.%I)', c), ', '), string_agg(format('b.%I', c), ', '),
		   string_agg(format('CASE WHEN b.sealed THEN -b.%I ELSE 0 END', c), ', '), string_agg(format('excluded.%I', c), ', '),
		   string_agg('0', ', ')
	  INTO names, sums, stored, taken_off, proposed, zeros
	  FROM unnest($3) c;
	EXECUTE format($sql$
		WITH n AS MATERIALIZED (%1$s)
		INSERT INTO influence.%2$I AS b (%3$s, bucket_start, part, %4$s)
		SELECT %5$s, f.bucket_start, coalesce(max(f.sealed_part) + 1, 0), %6$s
		  FROM (SELECT %5$s, f.bucket_start, NULL::int AS sealed_part, false AS open, %4$s FROM (%7$s) f
				UNION ALL
				-- what the sealed parts of a bucket say already is taken off: the rest is its open part
				SELECT %8$s, b.bucket_start, CASE WHEN b.sealed THEN b.part END, NOT b.sealed, %9$s
				  FROM n JOIN influence.%2$I b ON (%10$s, b.bucket_start) = (%11$s, n.bucket_start)
				 WHERE b.sealed AND n.bucket_start < $4 OR NOT b.sealed AND %12$L AND (%13$s) <> (%14$s)) f
		 GROUP BY %5$s, f.bucket_start
		-- no part for nothing, but one that was open is brought to what is right
		HAVING max(f.sealed_part) IS NULL OR bool_or(f.open) OR (%6$s) <> (%14$s)
		    ON CONFLICT (%3$s, bucket_start, part) DO UPDATE SET (%4$s) = ROW (%15$s) WHERE (%13$s) <> (%15$s)$sql$,
		$5, $1, replace(key_list, 'f.', ''), names, key_list, sums, $6, replace(key_list, 'f.', 'b.'), taken_off,
		(SELECT string_agg(format('b.%I', k), ', ') FROM unnest($4) k), (SELECT string_agg(format('n.%I', k), ', ') FROM unnest($4) k),
		$2 <> $4, stored, zeros, proposed)
	  USING $7, $8, $9, sealed_before, $10;
	GET DIAGNOSTICS written = ROW_COUNT;
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.fold_buckets(text, text[], text[], text[], text, text, pg_snapshot, pg_snapshot, timestamptz, pg_snapshot) IS
'Brings columns of a table of buckets to what the facts say and returns how many rows it wrote. reached: the query n of the buckets (columns found_by and bucket_start) that facts reach which are new by ($1 last_seen, $2 upper) and not older than $3; $4 is the moment before which buckets may be sealed, $5 bound: the snapshot of the facts that count (NULL = all). facts: a query of all facts of the buckets in n (keys, bucket_start and columns, to be summed). Sealed parts stay; what they lack goes to the part after them.';

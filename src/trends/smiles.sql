/*
 * smiles.sql
 *
 * Which smile an unsmile takes back: the visitor's last smile or unsmile of the
 * post before it, if that is a smile. In the order of (time, reference), among the
 * facts that a snapshot shows. Functions, and no part of the queries that ask, so
 * that a run that meets no unsmile does not plan them, over all months.
 */
CREATE FUNCTION influence_internal.next_reaction(visitor_id uuid, post_id bigint, occurred_at timestamptz, event_ref text, seen pg_snapshot)
RETURNS TABLE (kind text, at timestamptz, ref text, xact xid8)
LANGUAGE plpgsql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT x.kind, x.occurred_at, x.event_ref, x.xact FROM influence.engagement x
	 WHERE x.visitor_id = $1 AND x.post_id = $2 AND x.kind IN ('smile', 'unsmile')
	   AND x.occurred_at >= $3 AND (x.occurred_at > $3 OR x.event_ref COLLATE "C" > $4 COLLATE "C")
	   AND ($5 IS NULL OR pg_visible_in_snapshot(x.xact, $5))
	 ORDER BY x.occurred_at, x.event_ref COLLATE "C" LIMIT 1;
END
$$;
COMMENT ON FUNCTION influence_internal.next_reaction(uuid, bigint, timestamptz, text, pg_snapshot) IS
'A visitor''s next smile or unsmile of a post after a moment and reference, among the facts that a snapshot shows (NULL = all): one row or none.';

CREATE FUNCTION influence_internal.previous_reaction(visitor_id uuid, post_id bigint, occurred_at timestamptz, event_ref text, seen pg_snapshot)
RETURNS TABLE (kind text, at timestamptz)
LANGUAGE plpgsql STABLE
ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT x.kind, x.occurred_at FROM influence.engagement x
	 WHERE x.visitor_id = $1 AND x.post_id = $2 AND x.kind IN ('smile', 'unsmile')
	   AND x.occurred_at <= $3 AND (x.occurred_at < $3 OR x.event_ref COLLATE "C" < $4 COLLATE "C")
	   AND ($5 IS NULL OR pg_visible_in_snapshot(x.xact, $5))
	 ORDER BY x.occurred_at DESC, x.event_ref COLLATE "C" DESC LIMIT 1;
END
$$;
COMMENT ON FUNCTION influence_internal.previous_reaction(uuid, bigint, timestamptz, text, pg_snapshot) IS
'A visitor''s last smile or unsmile of a post before a moment and reference, among the facts that a snapshot shows (NULL = all): one row or none.';

CREATE FUNCTION influence_internal.next_is_unsmile(visitor_id uuid, post_id bigint, occurred_at timestamptz, event_ref text, seen pg_snapshot)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT n.kind = 'unsmile' FROM influence_internal.next_reaction($1, $2, $3, $4, $5) n) IS TRUE;
END
$$;
COMMENT ON FUNCTION influence_internal.next_is_unsmile(uuid, bigint, timestamptz, text, pg_snapshot) IS
'Whether a visitor''s next smile or unsmile of a post after a smile takes it back, among the facts that a snapshot shows (NULL = all).';

CREATE FUNCTION influence_internal.smile_taken_back(visitor_id uuid, post_id bigint, occurred_at timestamptz, event_ref text, seen pg_snapshot)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT p.at FROM influence_internal.previous_reaction($1, $2, $3, $4, $5) p WHERE p.kind = 'smile');
END
$$;
COMMENT ON FUNCTION influence_internal.smile_taken_back(uuid, bigint, timestamptz, text, pg_snapshot) IS
'The time of the smile that an unsmile takes back, the visitor''s last one of the post before it, among the facts that a snapshot shows (NULL = all); NULL when there is none or it was taken back already.';

/*
 * ranking.sql
 *	  Kernels of ranking: decayed scores and the feed's cursor.  They need no
 *	  table.
 */

CREATE FUNCTION influence_internal.decayed_score_trans(
    state bytea, weight float8, at timestamptz, half_life interval)
RETURNS bytea
AS 'MODULE_PATHNAME', 'feed_decayed_score_trans'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.decayed_score_trans(bytea, float8, timestamptz, interval) IS
'transition function of influence.decayed_score; its errors';

CREATE FUNCTION influence_internal.decayed_score_combine(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'feed_decayed_score_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.decayed_score_combine(bytea, bytea) IS
'combine function of influence.decayed_score; NULL is the empty state; IN002 when the half-lives differ';

CREATE FUNCTION influence_internal.decayed_score_final(state bytea)
RETURNS float8
AS 'MODULE_PATHNAME', 'feed_decayed_score_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.decayed_score_final(bytea) IS
'final function of influence.decayed_score';

CREATE AGGREGATE influence.decayed_score(weight float8, at timestamptz, half_life interval) (
    SFUNC = influence_internal.decayed_score_trans,
    STYPE = bytea,
    SSPACE = 512,
    FINALFUNC = influence_internal.decayed_score_final,
    COMBINEFUNC = influence_internal.decayed_score_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence.decayed_score(float8, timestamptz, interval) IS
'log2(sum of weight * 2^((at - L) / half_life)), L = 2000-01-01 UTC: forward decay (Cormode et al., ICDE 2009), in half-lives; subtract extract(epoch from now - L) / half-life for log2 of the decayed sum as of now; -Infinity when the sum is not above zero; rows with a NULL are skipped, NULL when none is left; weights count in steps of 2^-20; exact integer sums, so independent of order and parallelism and an event undone by its negative leaves nothing; events more than 65,544 half-lives before the newest are dropped; IN002 for |weight| > 2^31 or NaN, an infinite time, or a half-life that is not positive, has months, or differs between rows';

CREATE FUNCTION influence_internal.feed_cursor_encode(
    program_id bigint, viewer_id uuid, as_of timestamptz, delivered bigint[],
    surface text DEFAULT 'feed', intent text DEFAULT 'browse')
RETURNS text
AS 'MODULE_PATHNAME', 'feed_cursor_encode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.feed_cursor_encode(bigint, uuid, timestamptz, bigint[], text, text) IS
'a cursor as base64url text: the frozen instant and the ids delivered so far in their order (at most 500), with a checksum over content, program, viewer, surface and intent; get_feed''s own cursors also carry the profile, the end of the session for diversity, and its sponsored campaigns; IN002 for more ids, a NULL id or an infinite instant';

CREATE FUNCTION influence_internal.feed_cursor_decode(
    program_id bigint, viewer_id uuid, cursor text,
    surface text DEFAULT 'feed', intent text DEFAULT 'browse',
    OUT as_of timestamptz, OUT delivered bigint[])
RETURNS record
AS 'MODULE_PATHNAME', 'feed_cursor_decode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.feed_cursor_decode(bigint, uuid, text, text, text) IS
'what feed_cursor_encode or get_feed put into a cursor: one row with the frozen instant and the delivered ids; IN002 when the cursor is malformed, altered, of another version, or made for another program, viewer, surface or intent';

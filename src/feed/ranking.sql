/*
 * ranking.sql
 *	  Kernels of ranking: decayed scores, the feed's cursor, its score and
 *	  shares, impression tokens, the seen filter.  They need no table.
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
    secret bytea, program_id bigint, viewer_id uuid, as_of timestamptz, delivered bigint[],
    surface text DEFAULT 'feed', intent text DEFAULT 'browse', device text DEFAULT '')
RETURNS text
AS 'MODULE_PATHNAME', 'feed_cursor_encode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.feed_cursor_encode(bytea, bigint, uuid, timestamptz, bigint[], text, text, text) IS
'a cursor as base64url text: the frozen instant and the ids delivered so far in their order (at most 500), sealed (HMAC-SHA256 with a key from the program''s seal_secret, 16 bytes) for program, viewer, surface, intent and device ('''' = not said); get_feed''s own cursors also carry the profile, the end of the session for diversity, and its sponsored campaigns; IN002 for more ids, a NULL id or an infinite instant';

CREATE FUNCTION influence_internal.feed_cursor_decode(
    secret bytea, program_id bigint, viewer_id uuid, cursor text,
    surface text DEFAULT 'feed', intent text DEFAULT 'browse', device text DEFAULT '',
    OUT as_of timestamptz, OUT delivered bigint[])
RETURNS record
AS 'MODULE_PATHNAME', 'feed_cursor_decode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.feed_cursor_decode(bytea, bigint, uuid, text, text, text, text) IS
'what feed_cursor_encode or get_feed put into a cursor: one row with the frozen instant and the delivered ids; IN002 when the cursor is malformed, altered, made up, of another version, or made for another program, viewer, surface, intent or device';

CREATE FUNCTION influence_internal.feed_score(weights float8[], features float8[], dampening float8)
RETURNS float8
AS 'MODULE_PATHNAME', 'feed_score_sql'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.feed_score(float8[], float8[], float8) IS
'the score of a post for a viewer: sum of weight x feature in the order of feed_features(), from left to right, each product and sum rounded; where it is above zero, times dampening (0..1); NaN anywhere is the lowest score, and the result is finite; IN002 unless both arrays have one number per feature';

CREATE FUNCTION influence_internal.feed_share(viewer_id uuid, experiment text)
RETURNS int
AS 'MODULE_PATHNAME', 'feed_share_sql'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.feed_share(uuid, text) IS
'where a viewer stands in an experiment, 0..9999: XXH3-64 of the uuid''s 16 bytes with the XXH3-64 of the experiment''s name as seed, modulo 10,000';

CREATE FUNCTION influence_internal.seen_add(
    before bytea, generation bigint, post_ids bigint[], OUT bits bytea, OUT added int)
RETURNS record
AS 'MODULE_PATHNAME', 'feed_seen_add'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.seen_add(bytea, bigint, bigint[]) IS
'a generation of the seen filter with posts put in (before NULL = an empty one), and how many of them seemed to be new; a Bloom filter of 40,960 bits with 7 probes by XXH3-128 seeded with the generation; IN002 for bits of another size';

CREATE FUNCTION influence_internal.seen_test(bits bytea, generation bigint, post_id bigint)
RETURNS boolean
AS 'MODULE_PATHNAME', 'feed_seen_test'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.seen_test(bytea, bigint, bigint) IS
'whether a post is in a generation of the seen filter: always true for what was put in, and for 0.8 % of other posts when 4,096 are in it; IN002 for bits of another size';

CREATE FUNCTION influence_internal.impression_content(
    impression text, OUT impression_id bigint, OUT program_id bigint, OUT viewer_id uuid, OUT moment timestamptz,
    OUT rank int, OUT post_id bigint, OUT creator_id bigint, OUT score float8, OUT features float8[], OUT dampening float8,
    OUT propensity float8, OUT profile_id bigint, OUT assignment_id bigint, OUT sources text[], OUT topic_id bigint,
    OUT sponsored_campaign_id bigint, OUT disclosure text, OUT intent text, OUT surface text, OUT device text)
RETURNS record
AS 'MODULE_PATHNAME', 'feed_impression_content'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.impression_content(text) IS
'what an impression token of get_feed says, whoever made it (see impression_is_sealed); impression_id is the XXH3-64 of viewer, moment, rank and post; NULL for a text that is no token';

CREATE FUNCTION influence_internal.impression_is_sealed(impression text, secret bytea)
RETURNS boolean
AS 'MODULE_PATHNAME', 'feed_impression_is_sealed'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.impression_is_sealed(text, bytea) IS
'whether an impression token was made with the secret of a program (program_secret.seal_secret): HMAC-SHA256, 16 bytes';

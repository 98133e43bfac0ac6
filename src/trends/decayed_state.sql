/*
 * decayed_state.sql
 *	  Kernels of the trends: the state of influence.decayed_score() as a value
 *	  that is stored and added to.
 */
CREATE FUNCTION influence_internal.decayed_state_final(state bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'feed_decayed_state_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.decayed_state_final(bytea) IS
'A state without spare room and without what was cancelled, to be stored; final function of influence_internal.decayed_state.';

CREATE FUNCTION influence_internal.decayed_state_plus(a bytea, b bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'feed_decayed_state_plus'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_internal.decayed_state_plus(bytea, bytea) IS
'The sum of two states of decayed_state(), exact: as one over the rows of both; NULL is the empty state. IN002 when the half-lives differ. decayed_score_final() says its score.';

CREATE AGGREGATE influence_internal.decayed_state(weight float8, at timestamptz, half_life interval) (
	SFUNC = influence_internal.decayed_score_trans,
	STYPE = bytea,
	SSPACE = 512,
	FINALFUNC = influence_internal.decayed_state_final,
	COMBINEFUNC = influence_internal.decayed_score_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_internal.decayed_state(float8, timestamptz, interval) IS
'The exact sum behind influence.decayed_score() as a flat state, to be stored and added to by decayed_state_plus(): the sum of the states of parts is the state of the whole, in any order.';

CREATE AGGREGATE influence_internal.decayed_state_sum(state bytea) (
	SFUNC = influence_internal.decayed_score_combine,
	STYPE = bytea,
	SSPACE = 512,
	FINALFUNC = influence_internal.decayed_state_final,
	COMBINEFUNC = influence_internal.decayed_score_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_internal.decayed_state_sum(bytea) IS
'The sum of states of decayed_state() with one half-life: as one over the rows of all of them.';

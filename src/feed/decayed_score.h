/*
 * decayed_score.h
 *	  The state behind decayed_score() as a bytea, for other code in C that adds
 *	  up events: decay_core with PostgreSQL's types and errors.
 */
#ifndef PG_INFLUENCE_DECAYED_SCORE_H
#define PG_INFLUENCE_DECAYED_SCORE_H

#include "datatype/timestamp.h"

/* A half-life in microseconds; a weight in units of 2^-20. What is neither is an error. */
extern int64 decayed_half_life_us(const Interval *half_life);
extern int64 decayed_weight_units(float8 weight);

/*
 * Adds an event to a state (NULL: to none), in place where there is room, else in
 * a larger one in the current context.
 */
extern bytea *decayed_state_with(bytea *state, int64 half_life, TimestampTz at, int64 weight);

/* A copy to be stored: without spare room and zeros. */
extern bytea *decayed_state_trimmed(const bytea *state);

/* The sum of two states that are stored, to be stored; NULL is the empty state. In the current context. */
extern bytea *decayed_state_plus(const bytea *a, const bytea *b);

/* log2 of the sum; -infinity: it is not above zero */
extern float8 decayed_state_score(const bytea *state);

#endif							/* PG_INFLUENCE_DECAYED_SCORE_H */

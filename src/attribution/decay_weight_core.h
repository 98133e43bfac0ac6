/*
 * decay_weight_core.h
 *	  Weight of a touch under time decay: 2^31 * 2^(-age / half_life), rounded
 *	  to the nearest integer, a tie to the even one.
 *
 * Pure C without PostgreSQL.  The rounding is exact for every age and half
 * life, so that any implementation with enough digits gives the same weights.
 */
#ifndef PG_INFLUENCE_DECAY_WEIGHT_CORE_H
#define PG_INFLUENCE_DECAY_WEIGHT_CORE_H

#include <stddef.h>
#include <stdint.h>

/* the weight at age zero; all weights lie in 0 .. this */
#define DECAY_WEIGHT_WHOLE (INT64_C(1) << 31)

/* from this many half lives on, a weight is zero */
#define DECAY_WEIGHT_HALF_LIVES 32

/* what depends on the half life only, so that a weight needs no division */
typedef struct DecayRate
{
	uint64_t	half_life_us;
	uint64_t	reciprocal;		/* the rest is the core's own */
	int			left;
	int			right;
} DecayRate;

/* half_life_us >= 1 */
extern void decay_rate_init(DecayRate *rate, uint64_t half_life_us);

/* The weight at an age; any uint64. */
extern uint64_t decay_weight_at(const DecayRate *rate, uint64_t age_us);

/* The same in one call, half_life_us >= 1. */
extern uint64_t decay_weight(uint64_t age_us, uint64_t half_life_us);

/* The weights of n touches, none of them later than newest. */
extern void decay_weights(const DecayRate *rate, int64_t newest,
						  const int64_t *touched_at, int64_t *weights, size_t n);

#endif							/* PG_INFLUENCE_DECAY_WEIGHT_CORE_H */

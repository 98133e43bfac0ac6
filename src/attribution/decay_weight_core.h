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

/*
 * How far a touch lies behind a moment, as a power: 2^(-age / half_life) =
 * power / 2^63 / 2^whole.  The weights of many lines over the same touches follow
 * from it by one multiplication each.
 */
typedef struct DecayPower
{
	uint64_t	power;
	uint64_t	whole;			/* half lives, as many as there are */
} DecayPower;

/* of n touches, none of them later than the moment */
extern void decay_powers(const DecayRate *rate, int64_t moment, const int64_t *touched_at,
						 DecayPower *powers, size_t n);

/*
 * The weights that decay_weights() gives n touches whose newest is the last one, by
 * their powers for any moment; returns the sum.
 */
extern uint64_t decay_path_weights(const DecayRate *rate, int64_t moment,
								   const int64_t *touched_at, const DecayPower *powers,
								   uint32_t *weights, size_t n);

#endif							/* PG_INFLUENCE_DECAY_WEIGHT_CORE_H */

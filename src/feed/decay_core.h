/*
 * decay_core.h
 *	  Exact sum of exponentially decayed weights, as a sparse big integer.
 *
 * Pure C without PostgreSQL.  A state is a block of bytes without alignment:
 * a header and room for a number of entries, sorted by limb.
 */
#ifndef PG_INFLUENCE_DECAY_CORE_H
#define PG_INFLUENCE_DECAY_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/flat_state.h"

/* weights are integers in units of 2^-20, at most 2^31 units of 1 */
#define DECAY_WEIGHT_BITS 20
#define DECAY_MAX_WEIGHT (INT64_C(1) << (31 + DECAY_WEIGHT_BITS))

/* what is older than the newest row by this many half-lives is dropped */
#define DECAY_WINDOW_HALF_LIVES 65544

typedef enum DecayStatus
{
	DECAY_OK = 0,
	DECAY_NO_ROOM,				/* grow the state and try again */
	DECAY_OTHER_HALF_LIFE,		/* rows with different half-lives */
	DECAY_TOO_MANY_ROWS,		/* more than 2^38 */
	DECAY_CORRUPT				/* not a state */
} DecayStatus;

/* Size of a new state, and of the next larger one. */
extern size_t decay_state_first_size(void);
extern size_t decay_state_next_size(const uint8_t *state);

/* Make an empty state; size is one of the above. */
extern void decay_state_init(uint8_t *state, size_t size, int64_t half_life_us);

/* Copy a state into a larger, not yet initialised one. */
extern void decay_state_copy(uint8_t *into, size_t size, const uint8_t *from);

/* The cheap check: what is needed to stay inside of the block. */
extern bool decay_state_has_frame(const uint8_t *state, size_t size);

extern int64_t decay_state_half_life(const uint8_t *state);

/* Add weight * 2^((at - L) / half-life); |weight| <= DECAY_MAX_WEIGHT. */
extern DecayStatus decay_state_add(uint8_t *state, int64_t half_life_us,
								   int64_t at_us, int64_t weight);

/* Size the merged state needs, then the merge of two states into it. */
extern size_t decay_state_merged_size(const uint8_t *a, const uint8_t *b);
extern DecayStatus decay_state_merge(uint8_t *into, size_t size,
									 const uint8_t *a, const uint8_t *b);

/* Size of a state without spare room and zeros, and a copy of that size. */
extern size_t decay_state_trimmed_size(const uint8_t *state);
extern void decay_state_trim(uint8_t *into, size_t size, const uint8_t *from);

/* log2 of the sum, -infinity when the sum is not above zero */
extern DecayStatus decay_state_log2(const uint8_t *state, double *result);

#endif							/* PG_INFLUENCE_DECAY_CORE_H */

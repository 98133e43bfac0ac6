/*
 * decay_state.h
 *	  How the state of decay_core lies in memory: a header, then entries sorted by
 *	  limb.  For decay_core and decay_log2_core, nobody else.
 */
#ifndef PG_INFLUENCE_DECAY_STATE_H
#define PG_INFLUENCE_DECAY_STATE_H

#include <string.h>

#include "decay_core.h"

typedef __int128 int128_decay;
typedef unsigned __int128 uint128_decay;

#define LIMB_BITS 24
#define LIMB_MASK ((UINT64_C(1) << LIMB_BITS) - 1)
#define POWER_BITS 48			/* of 2^fraction behind the point */

typedef struct DecayHeader
{
	FlatHeader	header;
	int64_t		half_life_us;
	int64_t		rows;			/* with weight zero too */
	int64_t		top;			/* lowest limb of the newest row, if count > 0 */
	uint32_t	capacity;
	uint32_t	count;
} DecayHeader;

typedef struct DecayEntry
{
	int64_t		limb;			/* stands for 2^(24 * limb - 68) */
	int64_t		sum;
} DecayEntry;

static inline DecayHeader
load_header(const uint8_t *state)
{
	DecayHeader h;

	memcpy(&h, state, sizeof(h));
	return h;
}

static inline uint8_t *
entry_at(const uint8_t *state, uint32_t i)
{
	return (uint8_t *) state + sizeof(DecayHeader) + (size_t) i * sizeof(DecayEntry);
}

static inline DecayEntry
load_entry(const uint8_t *state, uint32_t i)
{
	DecayEntry	e;

	memcpy(&e, entry_at(state, i), sizeof(e));
	return e;
}

/* The full check, where every entry is read anyway. */
extern bool decay_entries_are_valid(const uint8_t *state);

#endif							/* PG_INFLUENCE_DECAY_STATE_H */

/*
 * engagement_core.h
 *	  Engagement rates as exact sums, and a lower bound for a proportion.
 *
 * Pure C without PostgreSQL.  The state is a block of bytes of a fixed size
 * with no alignment; functions that take one have checked it with
 * engagement_state_is_valid or made it with engagement_state_init.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_CORE_H
#define PG_INFLUENCE_ENGAGEMENT_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/flat_state.h"

typedef struct EngagementState
{
	FlatHeader	header;
	__int128	interactions;	/* sum over the rows that count, >= 0 */
	__int128	base;			/* likewise, > 0 once a row counts */
} EngagementState;

#define ENGAGEMENT_STATE_SIZE sizeof(EngagementState)

extern void engagement_state_init(uint8_t *state);
extern bool engagement_state_is_valid(const uint8_t *state, size_t size);

/* Add a row: interactions >= 0, base > 0. */
extern void engagement_state_add(uint8_t *state, int64_t interactions,
								 int64_t base);
extern void engagement_state_merge(uint8_t *into, const uint8_t *from);

/* sum(interactions) / sum(base); false when no row counts */
extern bool engagement_state_rate(const uint8_t *state, double *rate);

/* z with P(|X| <= z) = confidence for a standard normal X, 0 < confidence < 1 */
extern double engagement_normal_z(double confidence);

/* Wilson's lower bound, 0 <= positives <= trials */
extern double engagement_wilson_lower(int64_t positives, int64_t trials,
									  double confidence);

#endif							/* PG_INFLUENCE_ENGAGEMENT_CORE_H */

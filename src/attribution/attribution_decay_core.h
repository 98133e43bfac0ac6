/*
 * attribution_decay_core.h
 *	  Totals of conversions under time decay whose eligible touches are all the
 *	  touches in a span.
 *
 * The result is that of attribution_core.c, credit by credit, in a fraction of the
 * time: what a touch needs for its weights is computed once for all lines, and the
 * split of an amount goes straight into the sums.
 *
 * Pure C without PostgreSQL; the caller owns the memory.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_DECAY_CORE_H
#define PG_INFLUENCE_ATTRIBUTION_DECAY_CORE_H

#include "attribution_core.h"

/* so many touches of a visitor, and amounts below this, are what it is for */
#define ATTRIBUTION_DECAY_TOUCHES 16384
#define ATTRIBUTION_DECAY_AMOUNT (INT64_C(1) << 32)

/* Of the visitor at hand, touch by touch. */
typedef struct AttributionDecaySums
{
	int64_t		credit[ATTRIBUTION_DECAY_TOUCHES];
	int64_t		share[ATTRIBUTION_DECAY_TOUCHES];	/* billionths of conversions */
	bool		earned[ATTRIBUTION_DECAY_TOUCHES];	/* if only 0 */

	/* private to the core */
	const DecayRate *rate;
	int64_t		newest;
	int64_t		touched_at[ATTRIBUTION_DECAY_TOUCHES];
	DecayPower	powers[ATTRIBUTION_DECAY_TOUCHES];
	/* of a conversion */
	uint32_t	weights[ATTRIBUTION_DECAY_TOUCHES];
	uint64_t	quotas[ATTRIBUTION_DECAY_TOUCHES];
	uint32_t	candidates[ATTRIBUTION_DECAY_TOUCHES];
} AttributionDecaySums;

/* Empty sums for a visitor's touches: their number is within bounds and not 0. */
extern void attribution_decay_start(AttributionDecaySums *sums, const DecayRate *rate,
									const AttributionTouch *touches, size_t n);

/*
 * Split an amount (0 when there is none) and one conversion over the touches
 * [first, end), which are not empty; returns how many of them get a weight. The
 * amount is within bounds, and so are 2^31 of them in a row.
 */
extern size_t attribution_decay_add(AttributionDecaySums *sums, size_t first, size_t end,
									int64_t amount);

#endif							/* PG_INFLUENCE_ATTRIBUTION_DECAY_CORE_H */

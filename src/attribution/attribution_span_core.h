/*
 * attribution_span_core.h
 *	  Totals of conversions whose eligible touches are all the touches in a
 *	  span: no views, carts or sessions between them.
 *
 * Where a model gives the same to each of many touches, a conversion is added
 * in constant time, as differences between neighbours; one pass over the
 * visitor's touches sums them up. The result is that of attribution_core.c,
 * credit by credit.
 *
 * Pure C without PostgreSQL; the caller owns the memory.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_SPAN_CORE_H
#define PG_INFLUENCE_ATTRIBUTION_SPAN_CORE_H

#include "attribution_core.h"

/* aligned as allocators promise, which is less than the compiler would like */
typedef __int128 AttributionWideSum __attribute__((aligned(8)));

/*
 * Of a touch, as the difference to the touch before: there is one entry more than
 * touches. In one place, since a conversion touches few of them.
 */
typedef struct AttributionSpanSum
{
	AttributionWideSum credit;
	int64_t		share;			/* billionths of conversions */
	int64_t		rows;			/* conversions that credit the touch, if with 0 */
} AttributionSpanSum;

/* does the model give equal parts, but for the first and the last? */
extern bool attribution_span_model(AttributionModel model);

/*
 * Split an amount (0 when there is none) and one conversion over the touches
 * [first, end), which are not empty; returns how many of them get a weight. Of less
 * than 2^33 conversions in a row.
 */
extern size_t attribution_span_add(AttributionSpanSum *sums, const AttributionRules *rules,
								   size_t first, size_t end, int64_t amount);

#endif							/* PG_INFLUENCE_ATTRIBUTION_SPAN_CORE_H */

/*
 * engagement_rates.h
 *	  The rows of an engagement_agg() state.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_RATES_H
#define PG_INFLUENCE_ENGAGEMENT_RATES_H

#include "fmgr.h"

#include "engagement_rates_core.h"

/* In palloc'd memory, sorted; NULL when there are none. */
extern const EngagementRow *engagement_sorted_rates(NullableDatum state, size_t *n);

/* How many posts they sum up; IN006 when these exceed bigint. */
extern int64 engagement_count_posts(const EngagementRow *rows, size_t n);

#endif							/* PG_INFLUENCE_ENGAGEMENT_RATES_H */

/*
 * engagement_rates.h
 *	  The rows of an engagement_agg() state, and arguments about them.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_RATES_H
#define PG_INFLUENCE_ENGAGEMENT_RATES_H

#include "fmgr.h"

#include "engagement_rates_core.h"

/* IN002 unless 0 <= share < 0.5 */
extern void engagement_require_trim(double share);

/* IN002 unless 0 < confidence < 1 */
extern void engagement_require_confidence(double confidence);

/* In palloc'd memory, sorted; NULL when there are none. */
extern const EngagementRow *engagement_sorted_rates(NullableDatum state, size_t *n);

/* How many posts they sum up; IN006 when these exceed bigint. */
extern int64 engagement_count_posts(const EngagementRow *rows, size_t n);

#endif							/* PG_INFLUENCE_ENGAGEMENT_RATES_H */

/*
 * attribution_engine.h
 *	  Runs the two queries of attribute() and credits every conversion.
 *
 * What happens to the credits is the caller's: the engine hands each conversion
 * with its result to a sink, in no particular order of visitors.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_ENGINE_H
#define PG_INFLUENCE_ATTRIBUTION_ENGINE_H

#include "attribution_visitor.h"

typedef struct AttributionStats
{
	int64		touches;		/* rows read, the rejected ones included */
	int64		conversions;
	int64		rejected_touches;
	int64		rejected_conversions;
	int64		credits;
} AttributionStats;

/* runs in a memory context that is reset after each conversion */
typedef void (*AttributionSink) (void *arg, const AttributionTouch *touches,
								 const AttributionConversion *conversion,
								 const AttributionWorkspace *result);

extern void attribution_run(const char *touches_query,
							const char *conversions_query,
							const AttributionPolicy *policy,
							AttributionSink sink, void *arg,
							AttributionStats *stats);

#endif							/* PG_INFLUENCE_ATTRIBUTION_ENGINE_H */

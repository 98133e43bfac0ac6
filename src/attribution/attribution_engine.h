/*
 * attribution_engine.h
 *	  Runs the two queries of attribute() and credits every conversion.
 *
 * What happens to the credits is the caller's: the engine hands each conversion
 * with its result to a sink, in no particular order of visitors.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_ENGINE_H
#define PG_INFLUENCE_ATTRIBUTION_ENGINE_H

#include "attribution_core.h"
#include "attribution_policy.h"

typedef struct AttributionStats
{
	int64		touches;		/* rows read, the rejected ones included */
	int64		conversions;
	int64		rejected_touches;
	int64		rejected_conversions;
	int64		credits;
} AttributionStats;

/* One conversion being credited. Reused for the next: memory only grows. */
typedef struct AttributionWorkspace
{
	MemoryContext context;
	AttributionPath path;
	AttributionRoom room;
} AttributionWorkspace;

/* runs in a memory context that is reset after each conversion */
typedef void (*AttributionSink) (void *arg, const AttributionTouch *touches,
								 const AttributionConversion *conversion,
								 const AttributionWorkspace *result);

extern void attribution_workspace_init(AttributionWorkspace *workspace,
									   MemoryContext context);

/* touches ascending; checks for interrupts; the result stays in workspace */
extern void attribution_credit(AttributionWorkspace *workspace,
							   const AttributionRules *rules,
							   const AttributionTouch *touches,
							   size_t ntouches,
							   const AttributionConversion *conversion);

extern void attribution_run(const char *touches_query,
							const char *conversions_query,
							const AttributionPolicy *policy,
							AttributionSink sink, void *arg,
							AttributionStats *stats);

#endif							/* PG_INFLUENCE_ATTRIBUTION_ENGINE_H */

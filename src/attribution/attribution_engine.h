/*
 * attribution_engine.h
 *	  Runs the two queries of attribute() and hands over visitor by visitor.
 *
 * What happens to the credits is the caller's: the engine brings each visitor's
 * touches and order lines together, in no particular order of visitors.
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
	int64		skipped_touches;	/* that could earn nothing, as was seen at once */
	int64		credits;
	int64		partitions;		/* that had conversions */
	int64		oversized;		/* of them, sorted outside memory */
	int64		spilled_bytes;
	int64		read_processes; /* of touches */
	int64		credit_processes;
	double		read_ms;
	double		credit_ms;		/* sorting included */
} AttributionStats;

/* A visitor with lines that are ready to be credited. */
typedef struct AttributionVisitor
{
	const AttributionTouch *touches;	/* ascending */
	size_t		ntouches;
	const AttributionConversion *lines; /* by time */
	size_t		nlines;
	bool		has_views;
	bool		has_carts;
} AttributionVisitor;

/* runs in a memory context that is reset afterwards; returns rows credited */
typedef int64 (*AttributionSink) (void *arg, const AttributionVisitor *visitor);

/* mergeable: the argument is AttributionTotals, and other processes may help */
extern void attribution_run(const char *touches_query,
							const char *conversions_query,
							const AttributionPolicy *policy,
							AttributionSink sink, void *arg, bool mergeable,
							AttributionStats *stats);

#endif							/* PG_INFLUENCE_ATTRIBUTION_ENGINE_H */

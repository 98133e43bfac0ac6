/*
 * attribution_heap.h
 *	  A plain scan of a table, read without a slot for each row.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_HEAP_H
#define PG_INFLUENCE_ATTRIBUTION_HEAP_H

#include "nodes/execnodes.h"

#include "attribution_feed.h"

/*
 * All rows that this process gets of the plan node, unless it is anything but the
 * scan of a whole table whose columns have fixed places: then false, and no row
 * has been read.
 */
extern bool attribution_heap_feed(PlanState *node, AttributionFeed *feed);

#endif							/* PG_INFLUENCE_ATTRIBUTION_HEAP_H */

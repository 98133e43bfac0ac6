/*
 * neighbors_passes.h
 *	  Nearest neighbours of all items, whether histories fit in memory or not.
 */
#ifndef PG_INFLUENCE_NEIGHBORS_PASSES_H
#define PG_INFLUENCE_NEIGHBORS_PASSES_H

#include "neighbors_baskets.h"

typedef void (*NeighborsListSink) (void *arg, uint32 item, const NeighborsScore *nearest, uint32 n);

/* The list of each item, by ascending number; it may be empty. A file of baskets is closed then. */
extern void neighbors_of_all(NeighborsBaskets *baskets, uint32 k, double shrink, NeighborsListSink sink, void *arg);

#endif							/* PG_INFLUENCE_NEIGHBORS_PASSES_H */

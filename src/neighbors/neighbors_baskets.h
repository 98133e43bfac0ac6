/*
 * neighbors_baskets.h
 *	  Histories of all users, in memory or in a temporary file.
 */
#ifndef PG_INFLUENCE_NEIGHBORS_BASKETS_H
#define PG_INFLUENCE_NEIGHBORS_BASKETS_H

#include "storage/buffile.h"
#include "utils/palloc.h"

#include "neighbors_core.h"

/*
 * A basket in the file: how many items, the items, and with weights the
 * weights; all uint32.
 */
typedef struct NeighborsBaskets
{
	MemoryContext context;
	size_t		limit;			/* bytes for what is in memory */
	uint32		items;
	bool		weighted;
	uint64		users;
	uint64		kept;			/* items of all histories */
	uint64	   *norm;			/* of each item, as in NeighborsMatrix */
	uint64	   *pairs;			/* of each item: items of all histories that have it */
	NeighborsHistories histories;	/* in memory: start is NULL if not */
	uint64		user_capacity;
	BufFile    *file;
	uint32		largest;		/* items of a basket */
} NeighborsBaskets;

/* rows: at most so many items will be kept */
extern void neighbors_baskets_create(NeighborsBaskets *baskets, MemoryContext context, uint32 items,
									 bool weighted, uint64 rows, size_t limit);

/* A NeighborsHistoriesSink. */
extern void neighbors_baskets_add(void *arg, const NeighborsHistories *histories);

/* All are there: those that went to the file but would fit in memory come back. */
extern void neighbors_baskets_finish(NeighborsBaskets *baskets);

static inline bool
neighbors_baskets_in_memory(const NeighborsBaskets *baskets)
{
	return baskets->histories.start != NULL;
}

/* Reads the file from its beginning. */
typedef struct NeighborsBasketScan
{
	NeighborsBaskets *baskets;
	uint64		left;			/* baskets */
	uint32	   *words;			/* room for two of the largest, at least */
	size_t		capacity;
	size_t		next;
	size_t		end;
} NeighborsBasketScan;

extern void neighbors_basket_scan(NeighborsBasketScan *scan, NeighborsBaskets *baskets);

/* How many items the next basket has, 0 at the end; valid until the next call. weights: NULL without. */
extern uint32 neighbors_basket_next(NeighborsBasketScan *scan, const uint32 **items, const uint32 **weights);

#endif							/* PG_INFLUENCE_NEIGHBORS_BASKETS_H */

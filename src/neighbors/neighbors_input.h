/*
 * neighbors_input.h
 *	  The interactions of a query as histories, within bounded memory.
 */
#ifndef PG_INFLUENCE_NEIGHBORS_INPUT_H
#define PG_INFLUENCE_NEIGHBORS_INPUT_H

#include "../common/id_map.h"
#include "../common/row_store.h"
#include "neighbors_core.h"

typedef struct NeighborsInput
{
	MemoryContext context;
	uint64		seed;
	size_t		limit;			/* bytes for rows and for a batch of them */
	bool		weighted;
	uint32		user_words;
	uint64		nrows;
	RowStore   *rows;
	IdMap		items;			/* in the order they came; gone after neighbors_input_drain() */
	uint32		nitems;
	int64	   *item_ids;		/* ascending: an item's number is its place here */
} NeighborsInput;

/* Runs the query, as the caller; limit: at least ROW_STORE_LEAST_MEMORY. */
extern void neighbors_input_read(NeighborsInput *input, MemoryContext context, const char *query, size_t limit);

/* Histories of some users, to be copied. */
typedef void (*NeighborsHistoriesSink) (void *arg, const NeighborsHistories *histories);

/* Every user's history once, in no particular order; the rows are gone then. Item numbers are fixed before. */
extern void neighbors_input_number_items(NeighborsInput *input);
extern void neighbors_input_drain(NeighborsInput *input, uint32 max_history, NeighborsHistoriesSink sink, void *arg);

#endif							/* PG_INFLUENCE_NEIGHBORS_INPUT_H */

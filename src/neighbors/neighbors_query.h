/*
 * neighbors_query.h
 *	  The query of interactions: user_id, item_id, at, and weight if it likes.
 */
#ifndef PG_INFLUENCE_NEIGHBORS_QUERY_H
#define PG_INFLUENCE_NEIGHBORS_QUERY_H

#include "../common/query_shape.h"

/* A row of it that counts. */
typedef struct NeighborsRow
{
	uint64		user[2];		/* as many words as neighbors_query_user_words() */
	int64		item;
	int64		at;				/* greater is later */
	uint32		weight;			/* > 0; 1 without the column, else in units of 2^-12 */
} NeighborsRow;

typedef void (*NeighborsRowSink) (void *arg, const NeighborsRow *row);

typedef struct NeighborsQuery NeighborsQuery;

/* Within SPI: IN008 for a query that is no SELECT or lacks a column. */
extern NeighborsQuery *neighbors_query_prepare(const char *text);

/* One for bigint; two for uuid, and for text, of which they are a hash under a random seed. */
extern uint32 neighbors_query_user_words(const NeighborsQuery *query);
extern bool neighbors_query_weighted(const NeighborsQuery *query);

/*
 * Rows go straight from the executor to the sink. One whose user_id, item_id,
 * at or weight is NULL, or whose weight rounds to zero, does not count; IN002
 * for a weight that is negative, too great or no number.
 */
extern void neighbors_query_run(NeighborsQuery *query, uint64 seed, NeighborsRowSink sink, void *arg);

#endif							/* PG_INFLUENCE_NEIGHBORS_QUERY_H */

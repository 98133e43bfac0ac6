/*
 * engagement_cells.h
 *	  Numbers for the pairs of vertical and tier that occur.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_CELLS_H
#define PG_INFLUENCE_ENGAGEMENT_CELLS_H

#include "fmgr.h"

/* What tells a text from others of its size: up to 8 bytes its own, else a hash of it. */
typedef struct EngagementCellKey
{
	uint64		word;
	uint32		size;
} EngagementCellKey;

typedef struct EngagementCell
{
	EngagementCellKey vertical_key;
	EngagementCellKey tier_key;
	text	   *vertical;
	text	   *tier;
} EngagementCell;

typedef struct EngagementCells
{
	MemoryContext context;
	uint64		seed;
	EngagementCell *cells;
	uint32		count;
	uint32		capacity;
	uint32	   *buckets;		/* a cell's number + 1, 0 when free */
	uint32		mask;
} EngagementCells;

extern void engagement_cells_init(EngagementCells *cells, MemoryContext context, uint64 seed);
extern uint32 engagement_cell_number(EngagementCells *cells, const char *vertical, size_t vertical_size,
									 const char *tier, size_t tier_size);

/* ranks[cell]: its place in the order of vertical, then tier, by their bytes */
extern uint32 *engagement_cell_ranks(const EngagementCells *cells);

#endif							/* PG_INFLUENCE_ENGAGEMENT_CELLS_H */

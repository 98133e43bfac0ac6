/*
 * engagement_cells.c
 *	  Numbers for the pairs of vertical and tier that occur.
 *
 * A hash table by XXH3 under a random seed, so that nobody can craft texts that
 * crowd it.
 */
#include "postgres.h"

#include <xxhash.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engagement_cells.h"

#define FIRST_CELLS 64

void
engagement_cells_init(EngagementCells *cells, MemoryContext context, uint64 seed)
{
	memset(cells, 0, sizeof(*cells));
	cells->context = context;
	cells->seed = seed;
	cells->capacity = FIRST_CELLS;
	cells->cells = MemoryContextAlloc(context, FIRST_CELLS * sizeof(EngagementCell));
	cells->mask = 2 * FIRST_CELLS - 1;
	cells->buckets = MemoryContextAllocZero(context, 2 * FIRST_CELLS * sizeof(uint32));
}

static void
grow(EngagementCells *cells)
{
	uint32		i;

	if (cells->capacity > (uint32) 1 << 28)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many verticals and tiers")));
	cells->capacity *= 2;
	cells->cells = repalloc_huge(cells->cells, cells->capacity * sizeof(EngagementCell));
	pfree(cells->buckets);
	cells->mask = 2 * cells->capacity - 1;
	cells->buckets = MemoryContextAllocExtended(cells->context, ((Size) cells->mask + 1) * sizeof(uint32),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < cells->count; i++)
	{
		uint32		bucket = (uint32) cells->cells[i].hash & cells->mask;

		while (cells->buckets[bucket] != 0)
			bucket = (bucket + 1) & cells->mask;
		cells->buckets[bucket] = i + 1;
	}
}

static inline bool
is_text(const text *known, const char *bytes, size_t size)
{
	return VARSIZE_ANY_EXHDR(known) == size && memcmp(VARDATA_ANY(known), bytes, size) == 0;
}

uint32
engagement_cell_number(EngagementCells *cells, const char *vertical, size_t vertical_size,
					   const char *tier, size_t tier_size)
{
	uint64		hash = XXH3_64bits_withSeed(tier, tier_size,
											XXH3_64bits_withSeed(vertical, vertical_size, cells->seed));
	uint32		bucket = (uint32) hash & cells->mask;
	EngagementCell *cell;
	MemoryContext caller;

	for (; cells->buckets[bucket] != 0; bucket = (bucket + 1) & cells->mask)
	{
		cell = &cells->cells[cells->buckets[bucket] - 1];
		if (cell->hash == hash && is_text(cell->vertical, vertical, vertical_size) &&
			is_text(cell->tier, tier, tier_size))
			return cells->buckets[bucket] - 1;
	}

	if (cells->count == cells->capacity)
	{
		grow(cells);
		return engagement_cell_number(cells, vertical, vertical_size, tier, tier_size);
	}
	caller = MemoryContextSwitchTo(cells->context);
	cell = &cells->cells[cells->count++];
	cell->hash = hash;
	cell->vertical = cstring_to_text_with_len(vertical, (int) vertical_size);
	cell->tier = cstring_to_text_with_len(tier, (int) tier_size);
	MemoryContextSwitchTo(caller);
	cells->buckets[bucket] = cells->count;
	return cells->count - 1;
}

static int
compare_texts(const text *a, const text *b)
{
	size_t		a_size = VARSIZE_ANY_EXHDR(a);
	size_t		b_size = VARSIZE_ANY_EXHDR(b);
	int			order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(a_size, b_size));

	return order != 0 ? order : a_size < b_size ? -1 : a_size > b_size;
}

static int
compare_cells(const void *a, const void *b, void *arg)
{
	const EngagementCell *cells = arg;
	const EngagementCell *left = &cells[*(const uint32 *) a];
	const EngagementCell *right = &cells[*(const uint32 *) b];
	int			order = compare_texts(left->vertical, right->vertical);

	CHECK_FOR_INTERRUPTS();
	return order != 0 ? order : compare_texts(left->tier, right->tier);
}

uint32 *
engagement_cell_ranks(const EngagementCells *cells)
{
	uint32	   *order = MemoryContextAllocHuge(CurrentMemoryContext, cells->capacity * sizeof(uint32));
	uint32	   *ranks = MemoryContextAllocHuge(CurrentMemoryContext, cells->capacity * sizeof(uint32));
	uint32		i;

	for (i = 0; i < cells->count; i++)
		order[i] = i;
	qsort_arg(order, cells->count, sizeof(uint32), compare_cells, cells->cells);
	for (i = 0; i < cells->count; i++)
		ranks[order[i]] = i;
	pfree(order);
	return ranks;
}

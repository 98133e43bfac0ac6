/*
 * engagement_cells.c
 *	  Numbers for the pairs of vertical and tier that occur.
 *
 * A hash table under a random seed, so that nobody can craft texts that crowd it.
 * It is asked for every post, so short texts are compared as one word.
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

/* Two overlapping halves, or bytes, hold all of a short text. */
static inline EngagementCellKey
key_of(const EngagementCells *cells, const char *bytes, size_t size)
{
	EngagementCellKey key = {0, (uint32) size};
	uint32		low;
	uint32		high;

	if (size > 8)
		key.word = XXH3_64bits_withSeed(bytes, size, cells->seed);
	else if (size >= 4)
	{
		memcpy(&low, bytes, 4);
		memcpy(&high, bytes + size - 4, 4);
		key.word = (uint64) high << 32 | low;
	}
	else if (size > 0)
		key.word = (uint64) (uint8) bytes[0] | (uint64) (uint8) bytes[size / 2] << 8 |
			(uint64) (uint8) bytes[size - 1] << 16;
	return key;
}

static inline uint32
first_bucket(const EngagementCells *cells, const EngagementCellKey *vertical, const EngagementCellKey *tier)
{
	uint64		hash = (vertical->word ^ cells->seed) * UINT64CONST(0xff51afd7ed558ccd);

	hash = ((hash ^ (hash >> 32)) + tier->word + vertical->size) * UINT64CONST(0xc4ceb9fe1a85ec53);
	return (uint32) ((hash ^ (hash >> 32)) + tier->size) & cells->mask;
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
		uint32		bucket = first_bucket(cells, &cells->cells[i].vertical_key, &cells->cells[i].tier_key);

		while (cells->buckets[bucket] != 0)
			bucket = (bucket + 1) & cells->mask;
		cells->buckets[bucket] = i + 1;
	}
}

static inline bool
is_text(const EngagementCellKey *known_key, const text *known, const EngagementCellKey *key,
		const char *bytes)
{
	return known_key->word == key->word && known_key->size == key->size &&
		(key->size <= 8 || memcmp(VARDATA_ANY(known), bytes, key->size) == 0);
}

uint32
engagement_cell_number(EngagementCells *cells, const char *vertical, size_t vertical_size,
					   const char *tier, size_t tier_size)
{
	EngagementCellKey vertical_key = key_of(cells, vertical, vertical_size);
	EngagementCellKey tier_key = key_of(cells, tier, tier_size);
	uint32		bucket = first_bucket(cells, &vertical_key, &tier_key);
	EngagementCell *cell;
	MemoryContext caller;

	for (; cells->buckets[bucket] != 0; bucket = (bucket + 1) & cells->mask)
	{
		cell = &cells->cells[cells->buckets[bucket] - 1];
		if (is_text(&cell->vertical_key, cell->vertical, &vertical_key, vertical) &&
			is_text(&cell->tier_key, cell->tier, &tier_key, tier))
			return cells->buckets[bucket] - 1;
	}

	if (cells->count == cells->capacity)
	{
		grow(cells);
		return engagement_cell_number(cells, vertical, vertical_size, tier, tier_size);
	}
	caller = MemoryContextSwitchTo(cells->context);
	cell = &cells->cells[cells->count++];
	cell->vertical_key = vertical_key;
	cell->tier_key = tier_key;
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

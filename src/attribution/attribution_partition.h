/*
 * attribution_partition.h
 *	  The visitors of one partition: sorted, brought together, handed over.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_PARTITION_H
#define PG_INFLUENCE_ATTRIBUTION_PARTITION_H

#include "attribution_engine.h"
#include "attribution_layout.h"
#include "attribution_reader.h"
#include "../common/radix_core.h"

/*
 * What is sorted are words: leading bits of the visitor, below them the time, 90
 * days in steps of half a second, below that the number of the row. More would tell
 * more apart and cost the radix sort more than four passes. Where there are more
 * rows, their number takes bits of the time.
 */
#define PARTITION_VISITOR_BITS 20
#define PARTITION_TIME_BITS 24
#define PARTITION_ROW_BITS (64 - PARTITION_VISITOR_BITS - PARTITION_TIME_BITS)

/* entries with the same visitor bits may be one visitor's */
static inline uint64
partition_leading_bits(uint64 entry)
{
	return entry >> (64 - PARTITION_VISITOR_BITS);
}

/* Arrays that only grow, kept from partition to partition. */
typedef struct SortedRows
{
	const AttributionLayout *layout;
	uint64	   *rows;
	size_t		row_capacity;	/* in words */
	uint64	   *entries;		/* one of two, sorted */
	uint64	   *buffers[2];
	size_t		entry_capacity;
	size_t		count;			/* entries */
	int			row_bits;		/* of an entry: the number of its row */
} SortedRows;

typedef struct PartitionWork
{
	MemoryContext context;		/* of the arrays */
	MemoryContext visitor_context;	/* reset after each visitor */
	const AttributionPolicy *policy;
	AttributionSink sink;
	void	   *sink_arg;
	AttributionStats *stats;
	StoreReader *touch_store;
	StoreReader *line_store;
	size_t		limit;			/* bytes for one partition in memory */
	int			sort_kb;		/* for sorting one that is larger */

	/* how times become keys */
	int64		first_at;
	int			time_shift;

	SortedRows	touch_rows;
	SortedRows	line_rows;
	AttributionTouch *touches;	/* of the visitor at hand */
	size_t		touch_capacity;
	AttributionConversion *lines;
	size_t		line_capacity;
} PartitionWork;

/* times lie in [first_at, last_at] */
extern void partition_work_init(PartitionWork *work, MemoryContext context,
								int64 first_at, int64 last_at);

extern void partition_credit(PartitionWork *work, int number);

/* bytes that a partition's touches take while they are credited in memory */
extern size_t partition_size(const StoreReader *touches, int number);

/* loads and sorts the rows of a partition */
extern void partition_sort(PartitionWork *work, SortedRows *sorted, StoreReader *store,
						   int number);

static inline const uint64 *
partition_entry_row(const SortedRows *sorted, uint64 entry)
{
	uint64		row = entry & ((UINT64CONST(1) << sorted->row_bits) - 1);

	return sorted->rows + (size_t) row * sorted->layout->words;
}

static inline const uint64 *
partition_row(const SortedRows *sorted, size_t number)
{
	return partition_entry_row(sorted, sorted->entries[number]);
}

/* entries with the same leading bits: one visitor's? If not, they are sorted. */
extern bool partition_separate(SortedRows *sorted, size_t first, size_t end);

/* the end of the visitor that begins at first, within [first, end) */
extern size_t partition_visitor_end(const SortedRows *sorted, size_t first, size_t end);

/* a larger array instead of the old one, whose contents are gone */
extern void *partition_grow(MemoryContext context, void *old, size_t *capacity,
							size_t needed, size_t size);

/* the lines of a visitor, entries[first, end) of line_rows, prepared */
extern size_t partition_lines(PartitionWork *work, size_t first, size_t end,
							  bool has_carts);

/* a partition with more touches than memory is for: see attribution_oversize.c */
extern void oversize_credit(PartitionWork *work, int number);

#endif							/* PG_INFLUENCE_ATTRIBUTION_PARTITION_H */

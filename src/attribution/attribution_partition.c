/*
 * attribution_partition.c
 *	  The visitors of one partition: sorted, brought together, handed over.
 *
 * What is sorted are words of 64 bits, the leading bits of the visitor above the
 * time above the number of the row; a radix sort puts them in order. Two
 * visitors may share the leading bits, and two touches the time: both are rare
 * and put right when they are met. A merge of the two sorted sides then finds
 * the visitors that have conversions; the rows of all others are never looked
 * at again.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "attribution_partition.h"

#define MIN_CAPACITY 1024

/* how often loops look for interrupts */
#define INTERRUPT_ROWS 16384

void
partition_work_init(PartitionWork *work, MemoryContext context,
					int64 first_at, int64 last_at)
{
	uint64		span = (uint64) last_at - (uint64) first_at;
	int			bits = span == 0 ? 0 : pg_leftmost_one_pos64(span) + 1;

	work->context = context;
	work->visitor_context = AllocSetContextCreate(context, "attribution visitor",
												  ALLOCSET_SMALL_SIZES);
	work->first_at = first_at;
	work->time_shift = Max(0, bits - PARTITION_TIME_BITS);
}

void *
partition_grow(MemoryContext context, void *old, size_t *capacity, size_t needed, size_t size)
{
	size_t		grown = Max(MIN_CAPACITY, *capacity);

	while (grown < needed)
		grown *= 2;
	if (old != NULL)
		pfree(old);
	*capacity = 0;
	if (grown > MaxAllocHugeSize / size)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a visitor has too many touches or conversions")));
	old = MemoryContextAllocHuge(context, grown * size);
	*capacity = grown;
	return old;
}

static inline uint64
sort_entry(const PartitionWork *work, const uint64 *row, size_t number, int row_bits)
{
	uint64		time = ((uint64) row[LAYOUT_AT] - (uint64) work->first_at) >> work->time_shift;

	return row[LAYOUT_KEY] >> (64 - PARTITION_VISITOR_BITS) << (64 - PARTITION_VISITOR_BITS) |
		time >> (row_bits - PARTITION_ROW_BITS) << row_bits | number;
}

void
partition_sort(PartitionWork *work, SortedRows *sorted, StoreReader *store, int number)
{
	const AttributionLayout *layout = sorted->layout;
	size_t		rows = store_reader_rows(store, number);
	size_t		count = 0;
	uint64		differing = 0;
	int			row_bits = PARTITION_ROW_BITS;
	size_t		i;
	RadixWords	sort;

	if (sorted->row_capacity < rows * layout->words)
	{
		sorted->rows = partition_grow(work->context, sorted->rows, &sorted->row_capacity,
							rows * layout->words, sizeof(uint64));
	}
	if (sorted->entry_capacity < rows)
	{
		size_t		capacity = sorted->entry_capacity;

		sorted->entry_capacity = 0;
		sorted->buffers[0] = partition_grow(work->context, sorted->buffers[0], &capacity,
								  rows, sizeof(uint64));
		if (sorted->buffers[1] != NULL)
			pfree(sorted->buffers[1]);
		sorted->buffers[1] = MemoryContextAllocHuge(work->context,
													capacity * sizeof(uint64));
		sorted->entry_capacity = capacity;
	}

	store_load(store, number, sorted->rows);
	while (rows >> row_bits != 0)
		row_bits++;
	for (i = 0; i < rows; i++)
	{
		const uint64 *row = sorted->rows + i * layout->words;
		uint64		entry = sort_entry(work, row, i, row_bits);

		if (i % INTERRUPT_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		sorted->buffers[0][count++] = entry;
		differing |= entry ^ sorted->buffers[0][0];
		if (layout->amount != 0)
			i += attribution_excluded_rows(layout, row);
	}

	radix_words_start(&sort, sorted->buffers[0], sorted->buffers[1], count,
					  differing >> row_bits << row_bits);
	while (!radix_words_step(&sort))
		CHECK_FOR_INTERRUPTS();
	sorted->entries = sort.entries;
	sorted->count = count;
	sorted->row_bits = row_bits;
}

/* Whole visitors first: for rows whose leading bits are the same. */
static int
compare_visitors(const void *a, const void *b, void *arg)
{
	const SortedRows *sorted = arg;
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;
	const uint64 *row_x = partition_entry_row(sorted, x);
	const uint64 *row_y = partition_entry_row(sorted, y);
	int			low = sorted->layout->key_low;

	if (layout_key(row_x) != layout_key(row_y))
		return layout_key(row_x) < layout_key(row_y) ? -1 : 1;
	if (low != 0 && row_x[low] != row_y[low])
		return row_x[low] < row_y[low] ? -1 : 1;
	if (x != y)
		return x < y ? -1 : 1;
	return 0;
}

/*
 * Entries [first, end) have the same leading bits. True when they are one
 * visitor's, else they are put in the order of the visitors.
 */
bool
partition_separate(SortedRows *sorted, size_t first, size_t end)
{
	const AttributionLayout *layout = sorted->layout;
	const uint64 *row = partition_row(sorted, first);
	size_t		i;

	for (i = first + 1; i < end; i++)
	{
		if ((i - first) % INTERRUPT_ROWS == 0)
			CHECK_FOR_INTERRUPTS();
		if (!layout_same_visitor(layout, row, layout, partition_row(sorted, i)))
		{
			qsort_interruptible(sorted->entries + first, end - first,
								sizeof(uint64), compare_visitors, sorted);
			return false;
		}
	}
	return true;
}

size_t
partition_visitor_end(const SortedRows *sorted, size_t first, size_t end)
{
	const uint64 *row = partition_row(sorted, first);
	size_t		i = first + 1;

	while (i < end && layout_same_visitor(sorted->layout, row, sorted->layout,
										  partition_row(sorted, i)))
		i++;
	return i;
}

/* -1, 0, 1: the visitors of two rows, in the order of the sort */
static int
order_of_visitors(const PartitionWork *work, const uint64 *touch, const uint64 *line)
{
	int			touch_low = work->touch_rows.layout->key_low;
	int			line_low = work->line_rows.layout->key_low;

	if (layout_key(touch) != layout_key(line))
		return layout_key(touch) < layout_key(line) ? -1 : 1;
	if (touch_low == 0 || touch[touch_low] == line[line_low])
		return 0;
	return touch[touch_low] < line[line_low] ? -1 : 1;
}

/* Touches of one instant come as the radix sort left them: put them in order. */
static void
order_instants(PartitionWork *work, size_t first, size_t count)
{
	const uint64 *entries = work->touch_rows.entries + first;
	int			row_bits = work->touch_rows.row_bits;
	size_t		i = 0;

	while (i < count)
	{
		size_t		end = i + 1;

		while (end < count && (entries[end] ^ entries[i]) >> row_bits == 0)
			end++;
		if (end > i + 1)
			attribution_sort_touches(work->touches + i, end - i);
		i = end;
	}
}

/* The touches of a visitor, entries [first, end), as an array in order. */
static void
gather_touches(PartitionWork *work, size_t first, size_t end, AttributionVisitor *visitor)
{
	const SortedRows *sorted = &work->touch_rows;
	size_t		count = end - first;
	bool		instants = false;
	unsigned	kinds = 0;
	size_t		i;

	if (work->touch_capacity < count)
		work->touches = partition_grow(work->context, work->touches, &work->touch_capacity,
							 count, sizeof(AttributionTouch));
	for (i = 0; i < count; i++)
	{
		if (i % INTERRUPT_ROWS == INTERRUPT_ROWS - 1)
			CHECK_FOR_INTERRUPTS();
		attribution_get_touch(sorted->layout, partition_row(sorted, first + i), &work->touches[i]);
		kinds |= 1U << work->touches[i].kind;
		instants |= i > 0 &&
			(sorted->entries[first + i] ^ sorted->entries[first + i - 1]) >> sorted->row_bits == 0;
	}
	if (instants)
		order_instants(work, first, count);

	visitor->touches = work->touches;
	visitor->ntouches = count;
	visitor->has_views = (kinds & (1U << ATTRIBUTION_VIEW)) != 0;
	visitor->has_carts = (kinds & (1U << ATTRIBUTION_CART)) != 0;
}

size_t
partition_lines(PartitionWork *work, size_t first, size_t end, bool has_carts)
{
	const SortedRows *sorted = &work->line_rows;
	size_t		count = end - first;
	size_t		i;

	if (work->line_capacity < count)
		work->lines = partition_grow(work->context, work->lines, &work->line_capacity,
						   count, sizeof(AttributionConversion));
	for (i = 0; i < count; i++)
	{
		if (i % INTERRUPT_ROWS == INTERRUPT_ROWS - 1)
			CHECK_FOR_INTERRUPTS();
		attribution_get_line(sorted->layout, partition_row(sorted, first + i), &work->lines[i]);
	}
	attribution_visitor_prepare(work->policy, work->context, work->lines, count, has_carts);
	return count;
}

/* Touches [t, t_end) and lines [l, l_end), either side one visitor's. */
static void
credit_visitor(PartitionWork *work, size_t t, size_t t_end, size_t l, size_t l_end)
{
	MemoryContext caller = MemoryContextSwitchTo(work->visitor_context);
	AttributionVisitor visitor;

	CHECK_FOR_INTERRUPTS();
	gather_touches(work, t, t_end, &visitor);
	visitor.nlines = partition_lines(work, l, l_end, visitor.has_carts);
	visitor.lines = work->lines;
	work->stats->credits += work->sink(work->sink_arg, &visitor);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(work->visitor_context);
}

/*
 * Merge runs with the same leading bits that hold several visitors on one side
 * or the other: visitor by visitor.
 */
static void
credit_mixed(PartitionWork *work, size_t t, size_t t_end, size_t l, size_t l_end)
{
	while (l < l_end)
	{
		size_t		line_end = partition_visitor_end(&work->line_rows, l, l_end);
		size_t		touch_end;

		CHECK_FOR_INTERRUPTS();
		while (t < t_end && order_of_visitors(work, partition_row(&work->touch_rows, t),
											  partition_row(&work->line_rows, l)) < 0)
			t++;
		touch_end = t;
		while (touch_end < t_end &&
			   order_of_visitors(work, partition_row(&work->touch_rows, touch_end),
								 partition_row(&work->line_rows, l)) == 0)
			touch_end++;
		credit_visitor(work, t, touch_end, l, line_end);
		t = touch_end;
		l = line_end;
	}
}

size_t
partition_size(const StoreReader *touches, int number)
{
	return store_reader_rows(touches, number) *
		(touches->words * sizeof(uint64) + 2 * sizeof(uint64) +
		 sizeof(AttributionTouch));
}

void
partition_credit(PartitionWork *work, int number)
{
	const uint64 *touches;
	const uint64 *lines;
	size_t		t = 0;
	size_t		l = 0;

	if (store_reader_rows(work->line_store, number) == 0)
		return;
	work->stats->partitions++;
	if (store_reader_rows(work->touch_store, number) > UINT32_MAX / 2 ||
		partition_size(work->touch_store, number) > work->limit)
	{
		work->stats->oversized++;
		oversize_credit(work, number);
		return;
	}

	partition_sort(work, &work->line_rows, work->line_store, number);
	partition_sort(work, &work->touch_rows, work->touch_store, number);
	touches = work->touch_rows.entries;
	lines = work->line_rows.entries;

	while (l < work->line_rows.count)
	{
		uint64		leading = partition_leading_bits(lines[l]);
		size_t		l_end = l + 1;
		size_t		t_end;
		bool		alone;

		while (l_end < work->line_rows.count && partition_leading_bits(lines[l_end]) == leading)
			l_end++;
		while (t < work->touch_rows.count && partition_leading_bits(touches[t]) < leading)
			t++;
		t_end = t;
		while (t_end < work->touch_rows.count && partition_leading_bits(touches[t_end]) == leading)
			t_end++;

		alone = partition_separate(&work->line_rows, l, l_end);
		if (t_end > t)
		{
			alone &= partition_separate(&work->touch_rows, t, t_end);
			alone &= order_of_visitors(work, partition_row(&work->touch_rows, t),
									   partition_row(&work->line_rows, l)) == 0;
		}
		if (alone)
			credit_visitor(work, t, t_end, l, l_end);
		else
			credit_mixed(work, t, t_end, l, l_end);
		t = t_end;
		l = l_end;
	}
}

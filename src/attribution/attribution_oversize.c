/*
 * attribution_oversize.c
 *	  A partition whose touches are more than memory is for, because one of its
 *	  visitors has very many: a guest account, say.
 *
 * Its touches go through core's own external sort and stream by in order. Of a
 * visitor's touches only those are kept that lie in the windows of lines still
 * to be credited; so one visitor may have more touches than memory holds, as
 * long as those of one window fit.
 */
#include "postgres.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "attribution_partition.h"

/* attributes of the sorted touches, all of them keys */
enum
{
	SORT_KEY,
	SORT_KEY_LOW,
	SORT_AT,
	SORT_KIND,
	SORT_ID,
	SORT_CREATOR,
	SORT_PRODUCT,
	SORT_CATEGORY,
	SORT_IS_DIRECT,
	SORT_WEIGHT,
	SORT_ATTRIBUTES
};

/* credit when so many touches have come, prune, and go on */
#define MIN_BATCH 65536

typedef struct TouchStream
{
	Tuplesortstate *sort;
	TupleTableSlot *slot;
	bool		ended;
} TouchStream;

/* The touches of one visitor that lines may still need. */
typedef struct OversizeVisitor
{
	PartitionWork *work;
	size_t		nlines;
	size_t		credited;		/* lines */
	int64	   *needed_from;	/* per line: oldest time that it or a later one needs */
	AttributionTouch *touches;
	size_t		count;
	size_t		capacity;
	size_t		batch;
	bool		has_views;
	bool		has_carts;
} OversizeVisitor;

/* a hash's half as a signed number, in the same order */
static inline int64
signed_key(uint64 key)
{
	return (int64) (key ^ (UINT64CONST(1) << 63));
}

static Tuplesortstate *
begin_sort(TupleDesc desc, int sort_kb)
{
	AttrNumber	attributes[SORT_ATTRIBUTES];
	Oid			operators[SORT_ATTRIBUTES];
	Oid			collations[SORT_ATTRIBUTES];
	bool		nulls_first[SORT_ATTRIBUTES];
	int			i;

	for (i = 0; i < SORT_ATTRIBUTES; i++)
	{
		attributes[i] = (AttrNumber) (i + 1);
		operators[i] = Int8LessOperator;
		collations[i] = InvalidOid;
		nulls_first[i] = false;
	}
	return tuplesort_begin_heap(desc, SORT_ATTRIBUTES, attributes, operators, collations,
								nulls_first, sort_kb, NULL, TUPLESORT_NONE);
}

static void
put_touch(Tuplesortstate *sort, TupleTableSlot *slot, const AttributionLayout *layout,
		  const uint64 *row)
{
	Datum	   *values = slot->tts_values;
	bool	   *nulls = slot->tts_isnull;
	AttributionTouch touch;

	attribution_get_touch(layout, row, &touch);
	ExecClearTuple(slot);
	memset(nulls, false, SORT_ATTRIBUTES * sizeof(bool));
	values[SORT_KEY] = Int64GetDatum((int64) layout_key(row));
	values[SORT_KEY_LOW] = Int64GetDatum(layout->key_low == 0 ? 0 :
										 signed_key(row[layout->key_low]));
	values[SORT_AT] = Int64GetDatum(touch.touched_at);
	values[SORT_KIND] = Int64GetDatum(touch.kind);
	values[SORT_ID] = Int64GetDatum(touch.touch_id);
	values[SORT_CREATOR] = Int64GetDatum(touch.creator_id);
	nulls[SORT_CREATOR] = !touch.has_creator;
	values[SORT_PRODUCT] = Int64GetDatum(touch.product_id);
	nulls[SORT_PRODUCT] = !touch.has_product;
	values[SORT_CATEGORY] = Int64GetDatum(touch.category_id);
	nulls[SORT_CATEGORY] = !touch.has_category;
	values[SORT_IS_DIRECT] = Int64GetDatum(touch.is_direct);
	values[SORT_WEIGHT] = Int64GetDatum(touch.weight);
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(sort, slot);
}

static int64
get_value(TupleTableSlot *slot, int attribute, bool *present)
{
	*present = !slot->tts_isnull[attribute];
	return *present ? DatumGetInt64(slot->tts_values[attribute]) : 0;
}

static void
get_touch(TupleTableSlot *slot, AttributionTouch *touch)
{
	const Datum *values = slot->tts_values;

	touch->touched_at = DatumGetInt64(values[SORT_AT]);
	touch->kind = (uint8) DatumGetInt64(values[SORT_KIND]);
	touch->touch_id = DatumGetInt64(values[SORT_ID]);
	touch->creator_id = get_value(slot, SORT_CREATOR, &touch->has_creator);
	touch->product_id = get_value(slot, SORT_PRODUCT, &touch->has_product);
	touch->category_id = get_value(slot, SORT_CATEGORY, &touch->has_category);
	touch->is_direct = DatumGetInt64(values[SORT_IS_DIRECT]) != 0;
	touch->weight = DatumGetInt64(values[SORT_WEIGHT]);
	touch->is_late = false;
}

static void
stream_next(TouchStream *stream)
{
	CHECK_FOR_INTERRUPTS();
	stream->ended = !tuplesort_gettupleslot(stream->sort, true, false, stream->slot, NULL);
	if (!stream->ended)
		slot_getallattrs(stream->slot);
}

static void
stream_open(TouchStream *stream, TupleDesc desc, PartitionWork *work, int number)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	StoreCursor cursor;
	uint64	   *row;

	stream->sort = begin_sort(desc, work->sort_kb);
	store_scan(&cursor, work->touch_store, number);
	while ((row = store_scan_next(&cursor)) != NULL)
		put_touch(stream->sort, slot, work->touch_rows.layout, row);
	store_scan_end(&cursor);
	ExecDropSingleTupleTableSlot(slot);

	tuplesort_performsort(stream->sort);
	stream->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	stream_next(stream);
}

/* -1, 0, 1: the visitor of the touch at hand against that of a line */
static int
order_of_visitors(const TouchStream *stream, const AttributionLayout *layout,
				  const uint64 *line)
{
	int64		key = DatumGetInt64(stream->slot->tts_values[SORT_KEY]);
	int64		low = DatumGetInt64(stream->slot->tts_values[SORT_KEY_LOW]);
	int64		line_key = (int64) layout_key(line);
	int64		line_low = layout->key_low == 0 ? 0 : signed_key(line[layout->key_low]);

	if (key != line_key)
		return key < line_key ? -1 : 1;
	return (low > line_low) - (low < line_low);
}

/* The oldest time that each line, or one after it, looks back to. */
static void
find_needs(OversizeVisitor *visitor)
{
	const AttributionConversion *lines = visitor->work->lines;
	int64		oldest = PG_INT64_MAX;
	size_t		i;

	visitor->needed_from = MemoryContextAllocHuge(CurrentMemoryContext,
												  (visitor->nlines + 1) * sizeof(int64));
	visitor->needed_from[visitor->nlines] = PG_INT64_MAX;
	for (i = visitor->nlines; i-- > 0;)
	{
		int			kind;

		for (kind = 0; kind < ATTRIBUTION_KINDS; kind++)
			oldest = Min(oldest, lines[i].window_start[kind]);
		visitor->needed_from[i] = oldest;
	}
}

/* Credits the lines before a moment: all their touches have come. */
static void
credit_before(OversizeVisitor *visitor, int64 moment, bool all)
{
	PartitionWork *work = visitor->work;
	size_t		end = visitor->credited;
	AttributionVisitor part;

	while (end < visitor->nlines && (all || work->lines[end].converted_at < moment))
		end++;
	if (end == visitor->credited)
		return;

	part.touches = visitor->touches;
	part.ntouches = visitor->count;
	part.lines = work->lines + visitor->credited;
	part.nlines = end - visitor->credited;
	part.has_views = visitor->has_views;
	part.has_carts = visitor->has_carts;
	work->stats->credits += work->sink(work->sink_arg, &part);
	visitor->credited = end;
}

/*
 * Forgets the touches that no line needs any more, but for the newest of them:
 * it tells that there were touches outside the window.
 */
static void
prune(OversizeVisitor *visitor)
{
	int64		needed_from = visitor->needed_from[visitor->credited];
	size_t		low = 0;
	size_t		high = visitor->count;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (visitor->touches[middle].touched_at <= needed_from)
			low = middle + 1;
		else
			high = middle;
	}
	if (low <= 1)
		return;
	memmove(visitor->touches, visitor->touches + low - 1,
			(visitor->count - (low - 1)) * sizeof(*visitor->touches));
	visitor->count -= low - 1;
}

static void
add_touch(OversizeVisitor *visitor, const AttributionTouch *touch)
{
	if (visitor->count >= visitor->batch)
	{
		credit_before(visitor, touch->touched_at, false);
		prune(visitor);
		/* a window of more than half a batch: the next one is larger */
		if (visitor->count > visitor->batch / 2)
			visitor->batch *= 2;
	}
	if (visitor->count == visitor->capacity)
	{
		visitor->capacity = visitor->batch;
		visitor->touches = visitor->touches == NULL ?
			MemoryContextAllocHuge(CurrentMemoryContext,
								   visitor->capacity * sizeof(*visitor->touches)) :
			repalloc_huge(visitor->touches, visitor->capacity * sizeof(*visitor->touches));
	}
	visitor->touches[visitor->count++] = *touch;
	visitor->has_views |= touch->kind == ATTRIBUTION_VIEW;
	visitor->has_carts |= touch->kind == ATTRIBUTION_CART;
}

/* Lines [first, end) of the partition are one visitor's. */
static void
credit_visitor(PartitionWork *work, TouchStream *stream, size_t first, size_t end)
{
	const SortedRows *lines = &work->line_rows;
	MemoryContext caller = MemoryContextSwitchTo(work->visitor_context);
	OversizeVisitor visitor;

	memset(&visitor, 0, sizeof(visitor));
	visitor.work = work;
	visitor.batch = Max(MIN_BATCH, work->limit / sizeof(AttributionTouch) / 4);

	/* carts may come: nobody has seen the touches yet */
	visitor.nlines = partition_lines(work, first, end, true);
	find_needs(&visitor);

	while (!stream->ended &&
		   order_of_visitors(stream, lines->layout, partition_row(lines, first)) < 0)
		stream_next(stream);
	while (!stream->ended &&
		   order_of_visitors(stream, lines->layout, partition_row(lines, first)) == 0)
	{
		AttributionTouch touch;

		get_touch(stream->slot, &touch);
		if (visitor.credited < visitor.nlines)
			add_touch(&visitor, &touch);
		stream_next(stream);
	}
	credit_before(&visitor, 0, true);

	MemoryContextSwitchTo(caller);
	MemoryContextReset(work->visitor_context);
}

/* The lines in the order of the stream: by visitor. */
static void
separate_lines(PartitionWork *work)
{
	SortedRows *lines = &work->line_rows;
	size_t		first = 0;

	while (first < lines->count)
	{
		uint64		leading = partition_leading_bits(lines->entries[first]);
		size_t		end = first + 1;

		while (end < lines->count && partition_leading_bits(lines->entries[end]) == leading)
			end++;
		partition_separate(lines, first, end);
		first = end;
	}
}

static TupleDesc
make_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(SORT_ATTRIBUTES);
	int			i;

	for (i = 0; i < SORT_ATTRIBUTES; i++)
		TupleDescInitEntry(desc, (AttrNumber) (i + 1), NULL, INT8OID, -1, 0);
	return desc;
}

void
oversize_credit(PartitionWork *work, int number)
{
	MemoryContext context = AllocSetContextCreate(work->context, "attribution oversize",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	SortedRows *lines = &work->line_rows;
	TouchStream stream;
	size_t		first = 0;

	partition_sort(work, lines, work->line_store, number);
	separate_lines(work);
	stream_open(&stream, make_desc(), work, number);
	while (first < lines->count)
	{
		size_t		end = partition_visitor_end(lines, first, lines->count);

		credit_visitor(work, &stream, first, end);
		first = end;
	}

	ExecDropSingleTupleTableSlot(stream.slot);
	tuplesort_end(stream.sort);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/*
 * attribution_engine.c
 *	  Sort-merge attribution: two queries in, credited conversions out.
 *
 * The rows of both queries stream from the executor into one tuplesort, which
 * keeps to work_mem and spills by itself. Its key is (hash of the visitor, time,
 * touch before conversion, kind, id), so that each visitor's history comes out
 * in one piece and a conversion right after the touches that may earn it. The
 * rows of a visitor become an array of touches, on which the core credits each
 * conversion as it comes.
 */
#include "postgres.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "attribution_engine.h"
#include "attribution_input.h"

/* attributes of the sorted rows, the first SORT_KEYS of them being the key */
enum
{
	SORT_HASH_HIGH,
	SORT_HASH_LOW,
	SORT_AT,
	SORT_RANK,					/* AttributionKind, or RANK_CONVERSION */
	SORT_ID,
	SORT_CREATOR,				/* these two settle the order of equal ids */
	SORT_PRODUCT,
	SORT_KEYS,
	SORT_AMOUNT = SORT_KEYS,
	SORT_EXCLUDED,
	SORT_ATTRIBUTES
};

#define RANK_CONVERSION ATTRIBUTION_KINDS

/* the touches of the visitor at hand */
typedef struct TouchArray
{
	AttributionTouch *touches;
	size_t		count;
	size_t		capacity;
} TouchArray;

typedef struct LineArray
{
	AttributionConversion *lines;
	size_t		count;
	size_t		capacity;
} LineArray;

#define INITIAL_CAPACITY 64
#define KEPT_CAPACITY 65536		/* larger arrays are freed after their visitor */

static TupleDesc
make_sort_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(SORT_ATTRIBUTES);
	int			i;

	for (i = 0; i < SORT_ATTRIBUTES; i++)
	{
		Oid			type = i == SORT_RANK ? INT4OID :
			i == SORT_EXCLUDED ? INT8ARRAYOID : INT8OID;

		TupleDescInitEntry(desc, (AttrNumber) (i + 1), NULL, type, -1, 0);
	}
	return desc;
}

static Tuplesortstate *
begin_sort(TupleDesc desc)
{
	AttrNumber	attributes[SORT_KEYS];
	Oid			operators[SORT_KEYS];
	Oid			collations[SORT_KEYS];
	bool		nulls_first[SORT_KEYS];
	int			i;

	for (i = 0; i < SORT_KEYS; i++)
	{
		attributes[i] = (AttrNumber) (i + 1);
		operators[i] = i == SORT_RANK ? Int4LessOperator : Int8LessOperator;
		collations[i] = InvalidOid;
		nulls_first[i] = false;
	}
	return tuplesort_begin_heap(desc, SORT_KEYS, attributes, operators, collations,
								nulls_first, work_mem, NULL, TUPLESORT_NONE);
}

/* where the rows of the queries go */
typedef struct SortTarget
{
	Tuplesortstate *sort;
	TupleTableSlot *slot;
} SortTarget;

static void
put_row(void *arg, const AttributionInputRow *row)
{
	SortTarget *target = arg;
	TupleTableSlot *slot = target->slot;
	Datum	   *values = slot->tts_values;
	bool	   *nulls = slot->tts_isnull;

	ExecClearTuple(slot);
	memset(nulls, false, SORT_ATTRIBUTES * sizeof(bool));
	values[SORT_HASH_HIGH] = Int64GetDatum((int64) row->visitor_high);
	values[SORT_HASH_LOW] = Int64GetDatum((int64) row->visitor_low);
	values[SORT_AT] = Int64GetDatum(row->at);
	values[SORT_RANK] = Int32GetDatum(row->is_touch ? (int32) row->kind
									  : RANK_CONVERSION);
	values[SORT_ID] = Int64GetDatum(row->id);
	values[SORT_CREATOR] = Int64GetDatum(row->creator_id);
	nulls[SORT_CREATOR] = !row->has_creator;
	values[SORT_PRODUCT] = Int64GetDatum(row->product_id);
	nulls[SORT_PRODUCT] = !row->has_product;
	values[SORT_AMOUNT] = Int64GetDatum(row->amount);
	nulls[SORT_AMOUNT] = !row->has_amount;
	values[SORT_EXCLUDED] = PointerGetDatum(row->excluded);
	nulls[SORT_EXCLUDED] = row->excluded == NULL;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(target->sort, slot);
}

static void
read_inputs(const char *touches_query, const char *conversions_query,
			Tuplesortstate *sort, TupleDesc sort_desc, AttributionStats *stats)
{
	AttributionInputCount touches;
	AttributionInputCount conversions;
	SortTarget	target;

	target.sort = sort;
	target.slot = MakeSingleTupleTableSlot(sort_desc, &TTSOpsVirtual);
	attribution_input_read(touches_query, conversions_query, put_row, &target,
						   &touches, &conversions);
	ExecDropSingleTupleTableSlot(target.slot);

	stats->touches = touches.rows;
	stats->rejected_touches = touches.rejected;
	stats->conversions = conversions.rows;
	stats->rejected_conversions = conversions.rejected;
}

static void
append_touch(TouchArray *array, TupleTableSlot *slot, MemoryContext context)
{
	const Datum *values = slot->tts_values;
	AttributionTouch *touch;

	if (array->count == array->capacity)
	{
		size_t		capacity = array->capacity == 0 ? INITIAL_CAPACITY : 2 * array->capacity;
		AttributionTouch *grown = MemoryContextAllocHuge(context, capacity * sizeof(*grown));

		if (array->touches != NULL)
		{
			memcpy(grown, array->touches, array->count * sizeof(*grown));
			pfree(array->touches);
		}
		array->touches = grown;
		array->capacity = capacity;
	}

	touch = &array->touches[array->count++];
	memset(touch, 0, sizeof(*touch));
	touch->touched_at = DatumGetInt64(values[SORT_AT]);
	touch->touch_id = DatumGetInt64(values[SORT_ID]);
	touch->kind = (uint8) DatumGetInt32(values[SORT_RANK]);
	touch->has_creator = !slot->tts_isnull[SORT_CREATOR];
	touch->creator_id = touch->has_creator ? DatumGetInt64(values[SORT_CREATOR]) : 0;
	touch->has_product = !slot->tts_isnull[SORT_PRODUCT];
	touch->product_id = touch->has_product ? DatumGetInt64(values[SORT_PRODUCT]) : 0;
}

static void
append_line(LineArray *array, TupleTableSlot *slot, MemoryContext context)
{
	const Datum *values = slot->tts_values;
	const bool *nulls = slot->tts_isnull;
	AttributionConversion *conversion;

	if (array->count == array->capacity)
	{
		size_t		capacity = array->capacity == 0 ? INITIAL_CAPACITY : 2 * array->capacity;

		array->lines = array->lines == NULL ?
			MemoryContextAllocHuge(context, capacity * sizeof(*array->lines)) :
			repalloc_huge(array->lines, capacity * sizeof(*array->lines));
		array->capacity = capacity;
	}

	conversion = &array->lines[array->count++];
	memset(conversion, 0, sizeof(*conversion));
	conversion->converted_at = DatumGetInt64(values[SORT_AT]);
	conversion->conversion_id = DatumGetInt64(values[SORT_ID]);
	conversion->has_amount = !nulls[SORT_AMOUNT];
	conversion->amount = nulls[SORT_AMOUNT] ? 0 : DatumGetInt64(values[SORT_AMOUNT]);
	conversion->has_product = !nulls[SORT_PRODUCT];
	conversion->product_id = nulls[SORT_PRODUCT] ? 0 : DatumGetInt64(values[SORT_PRODUCT]);
	if (!nulls[SORT_EXCLUDED])
	{
		ArrayType  *excluded = DatumGetArrayTypePCopy(values[SORT_EXCLUDED]);

		/* written by attribution_input.c, which leaves NULLs out */
		Assert(!ARR_HASNULL(excluded));
		conversion->excluded = (const int64_t *) ((char *) excluded +
												  ARR_OVERHEAD_NONULLS(ARR_NDIM(excluded)));
		conversion->excluded_count = (size_t) ArrayGetNItems(ARR_NDIM(excluded), ARR_DIMS(excluded));
	}
}

static void
credit_visitor(const AttributionPolicy *policy, AttributionWorkspace *workspace,
			   TouchArray *touches, LineArray *lines, AttributionSink sink, void *arg,
			   AttributionStats *stats)
{
	size_t		i;

	attribution_visitor_prepare(policy, CurrentMemoryContext, lines->lines, lines->count, true);
	for (i = 0; i < lines->count; i++)
	{
		attribution_credit(workspace, &policy->rules, touches->touches, touches->count,
						   &lines->lines[i]);
		sink(arg, touches->touches, &lines->lines[i], workspace);
		stats->credits += (int64) workspace->path.rows;
	}
	lines->count = 0;
	touches->count = 0;
}

/* Visitor by visitor, in the order of the sort. */
static void
credit_visitors(Tuplesortstate *sort, TupleDesc sort_desc,
				const AttributionPolicy *policy, AttributionSink sink, void *arg,
				AttributionStats *stats)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(sort_desc, &TTSOpsMinimalTuple);
	MemoryContext run_context = CurrentMemoryContext;
	MemoryContext row_context = AllocSetContextCreate(run_context, "attribution row",
													  ALLOCSET_SMALL_SIZES);
	AttributionWorkspace workspace;
	TouchArray	array = {NULL, 0, 0};
	LineArray	lines = {NULL, 0, 0};
	int64		hash_high = 0;
	int64		hash_low = 0;

	attribution_workspace_init(&workspace, run_context);
	while (tuplesort_gettupleslot(sort, true, false, slot, NULL))
	{
		const Datum *values;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		values = slot->tts_values;

		if (DatumGetInt64(values[SORT_HASH_HIGH]) != hash_high ||
			DatumGetInt64(values[SORT_HASH_LOW]) != hash_low)
		{
			MemoryContextSwitchTo(row_context);
			credit_visitor(policy, &workspace, &array, &lines, sink, arg, stats);
			MemoryContextSwitchTo(run_context);
			MemoryContextReset(row_context);
			hash_high = DatumGetInt64(values[SORT_HASH_HIGH]);
			hash_low = DatumGetInt64(values[SORT_HASH_LOW]);
		}

		MemoryContextSwitchTo(row_context);
		if (DatumGetInt32(values[SORT_RANK]) != RANK_CONVERSION)
			append_touch(&array, slot, run_context);
		else
			append_line(&lines, slot, run_context);
		MemoryContextSwitchTo(run_context);
	}
	MemoryContextSwitchTo(row_context);
	credit_visitor(policy, &workspace, &array, &lines, sink, arg, stats);
	MemoryContextSwitchTo(run_context);
	ExecDropSingleTupleTableSlot(slot);
}

void
attribution_run(const char *touches_query, const char *conversions_query,
				const AttributionPolicy *policy, AttributionSink sink, void *arg,
				AttributionStats *stats)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "attribution run",
												  ALLOCSET_DEFAULT_SIZES);
	Tuplesortstate *sort;
	TupleDesc	sort_desc;

	memset(stats, 0, sizeof(*stats));
	MemoryContextSwitchTo(context);

	sort_desc = make_sort_desc();
	sort = begin_sort(sort_desc);
	read_inputs(touches_query, conversions_query, sort, sort_desc, stats);
	tuplesort_performsort(sort);
	credit_visitors(sort, sort_desc, policy, sink, arg, stats);
	tuplesort_end(sort);

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

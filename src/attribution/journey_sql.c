/*
 * journey_sql.c
 *	  attribute_journey(), and what a journey holds: journey_events(),
 *	  journey_counts().
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type_d.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "attribution_rows.h"
#include "journey.h"
#include "journey_visitor.h"

PG_FUNCTION_INFO_V1(journey_attribute);
PG_FUNCTION_INFO_V1(journey_events);
PG_FUNCTION_INFO_V1(journey_counts);

/* argument positions of attribute_journey() */
enum
{
	ARG_JOURNEY,
	ARG_POLICY,
	ARG_COUNT = ARG_POLICY + POLICY_ARGUMENTS
};

static const char *const argument_names[ARG_COUNT] = {
	"journey", POLICY_ARGUMENT_NAMES
};

/* columns of journey_events(), the arguments of the aggregate */
enum
{
	EVENT_OCCURRED_AT,
	EVENT_KIND,
	EVENT_ID,
	EVENT_CREATOR,
	EVENT_AMOUNT,
	EVENT_ORDER,
	EVENT_PRODUCT,
	EVENT_CATEGORY,
	EVENT_CHANNEL,
	EVENT_WEIGHT,
	EVENT_EXCLUDED,
	EVENT_COLUMNS
};

/*
 * attribute_journey(journey, model text, ...) -> the credits of attribute();
 * a NULL journey has none
 */
Datum
journey_attribute(PG_FUNCTION_ARGS)
{
	bool		have_journey = !PG_ARGISNULL(ARG_JOURNEY);
	AttributionPolicy policy;
	AttributionWorkspace workspace;
	AttributionRows rows;
	JourneyVisitor visitor;
	size_t		i;

	fcinfo->args[ARG_JOURNEY].isnull = false;
	attribution_check_no_nulls(fcinfo, argument_names, ARG_COUNT, ARG_POLICY);
	attribution_policy_read(&policy, fcinfo, ARG_POLICY);
	attribution_rows_init(&rows, fcinfo);
	if (!have_journey)
		return (Datum) 0;

	journey_visitor_read(&visitor, PG_GETARG_JOURNEY_PP(ARG_JOURNEY));
	attribution_visitor_prepare(&policy, CurrentMemoryContext, visitor.lines,
								visitor.nlines, visitor.have_carts);
	attribution_workspace_init(&workspace, CurrentMemoryContext);
	for (i = 0; i < visitor.nlines; i++)
	{
		attribution_credit(&workspace, &policy.rules, visitor.touches,
						   visitor.ntouches, &visitor.lines[i]);
		attribution_rows_add(&rows, visitor.touches, &visitor.lines[i], &workspace);
	}
	return (Datum) 0;
}

static Datum
excluded_array(const JourneyEvent *event)
{
	ArrayType  *array;
	JourneyReader reader;
	int64	   *ids;
	int64_t		id;
	size_t		size;

	if (event->excluded_count > (MaxAllocSize - ARR_OVERHEAD_NONULLS(1)) / sizeof(int64))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("conversion " INT64_FORMAT " has too many excluded creators for an array",
						(int64) event->id),
				 errhint("influence.attribute_journey() can still read the journey.")));
	size = ARR_OVERHEAD_NONULLS(1) + event->excluded_count * sizeof(int64);
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = (int) event->excluded_count;
	ARR_LBOUND(array)[0] = 1;
	ids = (int64 *) ((char *) array + ARR_OVERHEAD_NONULLS(1));
	journey_ids_read(event, &reader);
	while (journey_ids_next(&reader, &id))
		*ids++ = id;
	return PointerGetDatum(array);
}

static void
add_event_row(ReturnSetInfo *result, const JourneyEvent *event, const Datum *kinds)
{
	bool		is_touch = event->kind != JOURNEY_CONVERSION;
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];

	memset(values, 0, sizeof(values));
	memset(nulls, false, sizeof(nulls));
	values[EVENT_OCCURRED_AT] = TimestampTzGetDatum(event->at);
	values[EVENT_KIND] = kinds[event->kind];
	values[EVENT_ID] = Int64GetDatum(event->id);
	values[EVENT_CREATOR] = Int64GetDatum(event->creator_id);
	nulls[EVENT_CREATOR] = !event->has_creator;
	values[EVENT_AMOUNT] = Int64GetDatum(event->amount);
	nulls[EVENT_AMOUNT] = !event->has_amount;
	values[EVENT_ORDER] = Int64GetDatum(event->order_id);
	nulls[EVENT_ORDER] = !event->has_order;
	values[EVENT_PRODUCT] = Int64GetDatum(event->product_id);
	nulls[EVENT_PRODUCT] = !event->has_product;
	values[EVENT_CATEGORY] = Int64GetDatum(event->category_id);
	nulls[EVENT_CATEGORY] = !event->has_category;
	nulls[EVENT_CHANNEL] = !event->is_direct;
	if (event->is_direct)
		values[EVENT_CHANNEL] = CStringGetTextDatum("direct");
	nulls[EVENT_WEIGHT] = !is_touch || event->weight == 0;
	if (!nulls[EVENT_WEIGHT])
		values[EVENT_WEIGHT] =
			DirectFunctionCall1(numeric_trim_scale,
								NumericGetDatum(int64_div_fast_to_numeric(event->weight, 9)));
	nulls[EVENT_EXCLUDED] = event->excluded_count == 0;
	if (event->excluded_count > 0)
		values[EVENT_EXCLUDED] = excluded_array(event);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * journey_events(journey) -> occurred_at, kind, id, ..., excluded_creator_ids
 */
Datum
journey_events(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext row_context;
	ReturnSetInfo *result;
	JourneyHeader header;
	JourneyReader reader;
	JourneyEvent event;
	Datum		kinds[JOURNEY_KINDS];
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	for (i = 0; i < JOURNEY_KINDS; i++)
		kinds[i] = CStringGetTextDatum(journey_kind_name(i));

	journey_read(PG_GETARG_JOURNEY_PP(0), &header, &reader);
	row_context = AllocSetContextCreate(caller, "journey event", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(row_context);
	while (journey_read_next(&reader, &event))
	{
		CHECK_FOR_INTERRUPTS();
		add_event_row(result, &event, kinds);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(row_context);
	return (Datum) 0;
}

/* journey_counts(journey) -> touches, conversions, rejected */
Datum
journey_counts(PG_FUNCTION_ARGS)
{
	JourneyHeader header;
	JourneyReader reader;
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	journey_read(PG_GETARG_JOURNEY_PP(0), &header, &reader);
	values[0] = Int64GetDatum((int64) header.touches);
	values[1] = Int64GetDatum((int64) header.conversions);
	values[2] = Int64GetDatum((int64) header.rejected);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

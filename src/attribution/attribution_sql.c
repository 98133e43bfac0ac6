/*
 * attribution_sql.c
 *	  SQL entry points of attribution: attribute(), attribute_totals(),
 *	  last_attribution_stats() and influence_internal.credit_order().
 *
 * They read arguments, choose where the credits go, and leave the work to the
 * engine and the core.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "common/int.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "../common/errors.h"
#include "../common/money_sql.h"
#include "attribution_engine.h"
#include "attribution_input.h"

PG_FUNCTION_INFO_V1(attribution_attribute);
PG_FUNCTION_INFO_V1(attribution_totals);
PG_FUNCTION_INFO_V1(attribution_last_stats);
PG_FUNCTION_INFO_V1(attribution_credit_order);

#define GETARG_STRING(n) text_to_cstring(PG_GETARG_TEXT_PP(n))

/* argument positions of attribute() and attribute_totals() */
enum
{
	ARG_TOUCHES,
	ARG_CONVERSIONS,
	ARG_MODEL,
	ARG_LOOKBACK,
	ARG_VIEW_LOOKBACK,
	ARG_CART_LOOKBACK,
	ARG_HALF_LIFE,
	ARG_POSITION_WEIGHTS,
	ARG_REUSE,
	ARG_SESSION_LIFETIME,
	ARG_MATCH,
	ARG_TIME_ZONE,
	ARG_COUNT
};

static const char *const argument_names[ARG_COUNT] = {
	"touches", "conversions", "model", "lookback", "view_lookback",
	"cart_lookback", "half_life", "position_weights", "reuse",
	"session_lifetime", "match", "time_zone"
};

/* and of credit_order() */
enum
{
	ORDER_TOUCHED_AT,
	ORDER_KINDS,
	ORDER_TOUCH_IDS,
	ORDER_CREATOR_IDS,
	ORDER_PRODUCT_IDS,
	ORDER_CONVERTED_AT,
	ORDER_LINE_IDS,
	ORDER_AMOUNTS,
	ORDER_LINE_PRODUCT_IDS,
	ORDER_EXCLUDED,
	ORDER_MODEL,
	ORDER_LOOKBACK,
	ORDER_VIEW_LOOKBACK,
	ORDER_CART_LOOKBACK,
	ORDER_POSITION_WEIGHTS,
	ORDER_TIME_ZONE,
	ORDER_COUNT
};

static const char *const order_argument_names[ORDER_COUNT] = {
	"touched_at", "kinds", "touch_ids", "creator_ids", "product_ids",
	"converted_at", "line_ids", "amounts", "line_product_ids",
	"excluded_creator_ids", "model", "lookback", "view_lookback",
	"cart_lookback", "position_weights", "time_zone"
};

/* columns of a credit */
enum
{
	CREDIT_CONVERSION_ID,
	CREDIT_TOUCH_ID,
	CREDIT_CREATOR_ID,
	CREDIT_TOUCH_POSITION,
	CREDIT_PATH_LENGTH,
	CREDIT_WEIGHT,
	CREDIT_CREDIT,
	CREDIT_REASON,
	CREDIT_COLUMNS
};

static const char *const reason_names[ATTRIBUTION_REASONS] = {
	[ATTRIBUTION_CREDITED] = "credited",
	[ATTRIBUTION_NO_TOUCH] = "no_touch",
	[ATTRIBUTION_OUTSIDE_WINDOW] = "outside_window",
	[ATTRIBUTION_EXCLUDED] = "excluded"
};

/* of the last run of this session that came to its end */
static AttributionStats last_stats;
static bool have_last_stats = false;

/* Sink of attribute(): credits become rows. */
typedef struct CreditRows
{
	ReturnSetInfo *result;
	Datum		reasons[ATTRIBUTION_REASONS];
} CreditRows;

/* Sink of attribute_totals(): credits add up per creator. */
typedef struct CreatorTotal
{
	int64		creator_id;		/* hash key */
	char		status;			/* hash status */
	bool		used;
	int64		conversions;	/* billionths */
	int128		credit;			/* wide: signs mix, only the end must fit */
} CreatorTotal;

#define SH_PREFIX creator_totals
#define SH_ELEMENT_TYPE CreatorTotal
#define SH_KEY_TYPE int64
#define SH_KEY creator_id
#define SH_HASH_KEY(table, key) \
	hash_bytes((const unsigned char *) &(key), sizeof(int64))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct CreditTotals
{
	creator_totals_hash *creators;
	CreatorTotal nobody;		/* credits without a creator */
} CreditTotals;

/* arguments from first_default on may be left out */
static void
check_no_nulls(FunctionCallInfo fcinfo, const char *const *names, int count,
			   int first_default)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("%s must not be NULL", names[i]),
					 i < first_default ? 0 :
					 errhint("Leave the argument out to get its default.")));
	}
}

static void
read_policy(FunctionCallInfo fcinfo, AttributionPolicy *policy)
{
	AttributionPolicyArguments arguments;

	check_no_nulls(fcinfo, argument_names, ARG_COUNT, ARG_MODEL);
	arguments.model = GETARG_STRING(ARG_MODEL);
	arguments.lookback = PG_GETARG_INTERVAL_P(ARG_LOOKBACK);
	arguments.view_lookback = PG_GETARG_INTERVAL_P(ARG_VIEW_LOOKBACK);
	arguments.cart_lookback = PG_GETARG_INTERVAL_P(ARG_CART_LOOKBACK);
	arguments.half_life = PG_GETARG_INTERVAL_P(ARG_HALF_LIFE);
	arguments.position_weights = PG_GETARG_ARRAYTYPE_P(ARG_POSITION_WEIGHTS);
	arguments.reuse = GETARG_STRING(ARG_REUSE);
	arguments.session_lifetime = PG_GETARG_INTERVAL_P(ARG_SESSION_LIFETIME);
	arguments.match = GETARG_STRING(ARG_MATCH);
	arguments.time_zone = GETARG_STRING(ARG_TIME_ZONE);
	attribution_policy_build(policy, &arguments);
}

static void
run(FunctionCallInfo fcinfo, const AttributionPolicy *policy,
	AttributionSink sink, void *arg)
{
	AttributionStats stats;

	attribution_run(GETARG_STRING(ARG_TOUCHES),
					GETARG_STRING(ARG_CONVERSIONS),
					policy, sink, arg, &stats);
	last_stats = stats;
	have_last_stats = true;
}

static void
credit_rows_init(CreditRows *rows, FunctionCallInfo fcinfo)
{
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	rows->result = (ReturnSetInfo *) fcinfo->resultinfo;
	for (i = 0; i < ATTRIBUTION_REASONS; i++)
		rows->reasons[i] = CStringGetTextDatum(reason_names[i]);
}

static void
credit_rows_add(void *arg, const AttributionTouch *touches,
				const AttributionConversion *conversion,
				const AttributionWorkspace *workspace)
{
	CreditRows *rows = arg;
	const AttributionPath *path = &workspace->path;
	const AttributionRoom *room = &workspace->room;
	Datum		values[CREDIT_COLUMNS];
	bool		nulls[CREDIT_COLUMNS];
	size_t		i;

	memset(nulls, false, sizeof(nulls));
	values[CREDIT_CONVERSION_ID] = Int64GetDatum(conversion->conversion_id);
	values[CREDIT_PATH_LENGTH] = Int32GetDatum((int32) path->path_length);
	values[CREDIT_REASON] = rows->reasons[path->reason];
	nulls[CREDIT_CREDIT] = !conversion->has_amount;

	for (i = 0; i < path->rows; i++)
	{
		const AttributionTouch *touch = room->touch[i] == ATTRIBUTION_NONE ? NULL
			: &touches[room->touch[i]];

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		nulls[CREDIT_TOUCH_ID] = touch == NULL;
		nulls[CREDIT_TOUCH_POSITION] = touch == NULL;
		nulls[CREDIT_CREATOR_ID] = touch == NULL || !touch->has_creator;
		values[CREDIT_TOUCH_ID] = Int64GetDatum(touch == NULL ? 0 : touch->touch_id);
		values[CREDIT_CREATOR_ID] = Int64GetDatum(touch == NULL ? 0 : touch->creator_id);
		values[CREDIT_TOUCH_POSITION] = Int32GetDatum((int32) room->position[i]);
		values[CREDIT_WEIGHT] = Float8GetDatum(attribution_row_weight(path, room, i));
		values[CREDIT_CREDIT] = Int64GetDatum(room->credit[i]);
		tuplestore_putvalues(rows->result->setResult, rows->result->setDesc,
							 values, nulls);
	}
}

/*
 * attribute(touches text, conversions text, ...) -> credits
 */
Datum
attribution_attribute(PG_FUNCTION_ARGS)
{
	AttributionPolicy policy;
	CreditRows	rows;

	read_policy(fcinfo, &policy);
	credit_rows_init(&rows, fcinfo);
	run(fcinfo, &policy, credit_rows_add, &rows);
	return (Datum) 0;
}

/*
 * Each conversion's one, in billionths, is split like the credits: so the
 * totals add up to the number of conversions, whatever the order of adding.
 */
static void
credit_totals_add(void *arg, const AttributionTouch *touches,
				  const AttributionConversion *conversion,
				  const AttributionWorkspace *workspace)
{
	CreditTotals *totals = arg;
	const AttributionRoom *room = &workspace->room;
	size_t		rows = workspace->path.rows;
	int64_t    *shares = MemoryContextAllocHuge(CurrentMemoryContext, rows * sizeof(int64_t));
	size_t		i;

	if (money_split(MONEY_RATE_SCALE, room->weight, rows, shares, room->scratch) != MONEY_OK)
		elog(ERROR, "attribution weights out of bounds");

	for (i = 0; i < rows; i++)
	{
		CreatorTotal *total = &totals->nobody;

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (room->touch[i] != ATTRIBUTION_NONE && touches[room->touch[i]].has_creator)
		{
			bool		found;

			total = creator_totals_insert(totals->creators,
										  touches[room->touch[i]].creator_id, &found);
			if (!found)
			{
				total->conversions = 0;
				total->credit = 0;
			}
		}
		total->used = true;
		total->credit += room->credit[i];
		if (pg_add_s64_overflow(total->conversions, shares[i], &total->conversions))
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_MONEY_OVERFLOW),
					 errmsg("too many conversions for one creator"),
					 errhint("Run influence.attribute_totals() over shorter periods.")));
	}
}

static void
emit_total(ReturnSetInfo *result, const CreatorTotal *total, bool has_creator)
{
	Datum		values[3];
	bool		nulls[3] = {!has_creator, false, false};

	if (total->credit > PG_INT64_MAX || total->credit < PG_INT64_MIN)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_MONEY_OVERFLOW),
				 has_creator
				 ? errmsg("the credit of creator " INT64_FORMAT " is out of range for bigint",
						  total->creator_id)
				 : errmsg("the credit without a creator is out of range for bigint"),
				 errhint("Total a shorter period at a time.")));

	values[0] = Int64GetDatum(total->creator_id);
	values[1] = NumericGetDatum(int64_div_fast_to_numeric(total->conversions, 9));
	values[2] = Int64GetDatum((int64) total->credit);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * attribute_totals(touches text, conversions text, ...) -> creator_id,
 * conversions, credit
 */
Datum
attribution_totals(PG_FUNCTION_ARGS)
{
	AttributionPolicy policy;
	CreditTotals totals;
	ReturnSetInfo *result;
	creator_totals_iterator iterator;
	CreatorTotal *total;

	read_policy(fcinfo, &policy);
	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;

	memset(&totals, 0, sizeof(totals));
	totals.creators = creator_totals_create(CurrentMemoryContext, 256, NULL);
	run(fcinfo, &policy, credit_totals_add, &totals);

	creator_totals_start_iterate(totals.creators, &iterator);
	while ((total = creator_totals_iterate(totals.creators, &iterator)) != NULL)
		emit_total(result, total, true);
	if (totals.nobody.used)
		emit_total(result, &totals.nobody, false);

	creator_totals_destroy(totals.creators);
	return (Datum) 0;
}

/*
 * last_attribution_stats() -> touches, conversions, rejected_touches,
 * rejected_conversions, credits; NULLs before the first run
 */
Datum
attribution_last_stats(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	memset(nulls, !have_last_stats, sizeof(nulls));
	values[0] = Int64GetDatum(last_stats.touches);
	values[1] = Int64GetDatum(last_stats.conversions);
	values[2] = Int64GetDatum(last_stats.rejected_touches);
	values[3] = Int64GetDatum(last_stats.rejected_conversions);
	values[4] = Int64GetDatum(last_stats.credits);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/* An array argument of credit_order() */
typedef struct OrderArray
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
} OrderArray;

static OrderArray
read_order_array(FunctionCallInfo fcinfo, int argno, bool nulls_allowed)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argno);
	OrderArray	result;
	int			i;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s must have one dimension", order_argument_names[argno]),
				 errhint("Give a plain array, as ARRAY[...] or array_agg(...) makes it.")));
	if (ARR_ELEMTYPE(array) == TEXTOID)
		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
						  &result.values, &result.nulls, &result.count);
	else						/* bigint or timestamptz */
		deconstruct_array(array, ARR_ELEMTYPE(array), sizeof(int64), FLOAT8PASSBYVAL,
						  TYPALIGN_DOUBLE, &result.values, &result.nulls, &result.count);

	for (i = 0; i < result.count && !nulls_allowed; i++)
	{
		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		if (result.nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("%s must not contain NULL", order_argument_names[argno]),
					 errhint("Leave out or coalesce the NULL elements.")));
	}
	return result;
}

static void
check_same_length(int first, int first_count, int second, int second_count)
{
	if (first_count != second_count)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s and %s must have the same number of elements",
						order_argument_names[first], order_argument_names[second]),
				 errdetail("They have %d and %d.", first_count, second_count),
				 errhint("Build the arrays from the same rows.")));
}

static void
check_finite(TimestampTz at, int argno)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s must be finite", order_argument_names[argno]),
				 errhint("Events happen at a finite moment.")));
}

static int64
nullable_id(const OrderArray *array, int i, bool *present)
{
	*present = !array->nulls[i];
	return *present ? DatumGetInt64(array->values[i]) : 0;
}

static int
compare_touches(const void *a, const void *b, void *arg)
{
	return attribution_touch_compare(a, b);
}

/* The touches, in the order of a path: the first five arguments. */
static AttributionTouch *
read_order_touches(FunctionCallInfo fcinfo, size_t *count)
{
	OrderArray	arrays[ORDER_PRODUCT_IDS + 1];
	const OrderArray *creators = &arrays[ORDER_CREATOR_IDS];
	const OrderArray *products = &arrays[ORDER_PRODUCT_IDS];
	AttributionTouch *touches;
	int			n;
	int			i;

	for (i = ORDER_TOUCHED_AT; i <= ORDER_PRODUCT_IDS; i++)
	{
		arrays[i] = read_order_array(fcinfo, i, i >= ORDER_CREATOR_IDS);
		check_same_length(ORDER_TOUCHED_AT, arrays[ORDER_TOUCHED_AT].count,
						  i, arrays[i].count);
	}

	/* the array type bounds n, but the touches may need more than 1 GB */
	n = arrays[ORDER_TOUCHED_AT].count;
	touches = MemoryContextAllocHuge(CurrentMemoryContext,
									 Max(n, 1) * sizeof(*touches));
	for (i = 0; i < n; i++)
	{
		AttributionTouch *touch = &touches[i];
		text	   *kind = DatumGetTextPP(arrays[ORDER_KINDS].values[i]);

		if ((i & 0xffff) == 0)
			CHECK_FOR_INTERRUPTS();
		touch->touched_at = DatumGetTimestampTz(arrays[ORDER_TOUCHED_AT].values[i]);
		check_finite(touch->touched_at, ORDER_TOUCHED_AT);
		touch->kind = attribution_kind_from_name(VARDATA_ANY(kind),
												 VARSIZE_ANY_EXHDR(kind));
		touch->touch_id = DatumGetInt64(arrays[ORDER_TOUCH_IDS].values[i]);
		touch->creator_id = nullable_id(creators, i, &touch->has_creator);
		touch->product_id = nullable_id(products, i, &touch->has_product);
	}
	qsort_interruptible(touches, n, sizeof(*touches), compare_touches, NULL);
	*count = n;
	return touches;
}

static void
read_order_policy(FunctionCallInfo fcinfo, AttributionPolicy *policy)
{
	AttributionPolicyArguments arguments;

	memset(&arguments, 0, sizeof(arguments));
	arguments.model = GETARG_STRING(ORDER_MODEL);
	arguments.lookback = PG_GETARG_INTERVAL_P(ORDER_LOOKBACK);
	arguments.view_lookback = PG_GETARG_INTERVAL_P(ORDER_VIEW_LOOKBACK);
	arguments.cart_lookback = PG_GETARG_INTERVAL_P(ORDER_CART_LOOKBACK);
	arguments.position_weights = PG_GETARG_ARRAYTYPE_P(ORDER_POSITION_WEIGHTS);
	arguments.time_zone = GETARG_STRING(ORDER_TIME_ZONE);
	attribution_policy_build(policy, &arguments);
}

/*
 * credit_order(touches as arrays, one order and its lines as arrays, policy)
 * -> credits, conversion_id being the line's id
 */
Datum
attribution_credit_order(PG_FUNCTION_ARGS)
{
	AttributionPolicy policy;
	AttributionWorkspace workspace;
	AttributionConversion conversion;
	AttributionTouch *touches;
	OrderArray	line_ids;
	OrderArray	amounts;
	OrderArray	products;
	OrderArray	excluded;
	CreditRows	rows;
	size_t		ntouches;
	int64	   *excluded_ids;
	int			i;

	check_no_nulls(fcinfo, order_argument_names, ORDER_COUNT, ORDER_COUNT);
	read_order_policy(fcinfo, &policy);
	touches = read_order_touches(fcinfo, &ntouches);
	line_ids = read_order_array(fcinfo, ORDER_LINE_IDS, false);
	amounts = read_order_array(fcinfo, ORDER_AMOUNTS, false);
	products = read_order_array(fcinfo, ORDER_LINE_PRODUCT_IDS, true);
	excluded = read_order_array(fcinfo, ORDER_EXCLUDED, false);
	check_same_length(ORDER_LINE_IDS, line_ids.count, ORDER_AMOUNTS, amounts.count);
	check_same_length(ORDER_LINE_IDS, line_ids.count, ORDER_LINE_PRODUCT_IDS, products.count);

	excluded_ids = palloc(Max(excluded.count, 1) * sizeof(int64));
	for (i = 0; i < excluded.count; i++)
		excluded_ids[i] = DatumGetInt64(excluded.values[i]);

	memset(&conversion, 0, sizeof(conversion));
	conversion.converted_at = PG_GETARG_TIMESTAMPTZ(ORDER_CONVERTED_AT);
	check_finite(conversion.converted_at, ORDER_CONVERTED_AT);
	conversion.has_amount = true;
	conversion.excluded = (const int64_t *) excluded_ids;
	conversion.excluded_count = excluded.count;
	attribution_policy_windows(&policy, conversion.converted_at, conversion.window_start);

	credit_rows_init(&rows, fcinfo);
	attribution_workspace_init(&workspace, CurrentMemoryContext);
	for (i = 0; i < line_ids.count; i++)
	{
		conversion.conversion_id = DatumGetInt64(line_ids.values[i]);
		conversion.amount = DatumGetInt64(amounts.values[i]);
		conversion.product_id = nullable_id(&products, i, &conversion.has_product);
		attribution_credit(&workspace, &policy.rules, touches, ntouches, &conversion);
		credit_rows_add(&rows, touches, &conversion, &workspace);
	}
	return (Datum) 0;
}

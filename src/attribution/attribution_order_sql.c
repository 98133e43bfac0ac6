/*
 * attribution_order_sql.c
 *	  influence_internal.credit_order(): one order of the program, whose touches
 *	  and lines come as arrays. It reads no table.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "../common/errors.h"
#include "attribution_decode.h"
#include "attribution_rows.h"

PG_FUNCTION_INFO_V1(attribution_credit_order);

/* argument positions */
enum
{
	ORDER_TOUCHED_AT,
	ORDER_KINDS,
	ORDER_TOUCH_IDS,
	ORDER_CREATOR_IDS,
	ORDER_PRODUCT_IDS,
	ORDER_CATEGORY_IDS,
	ORDER_CHANNELS,
	ORDER_LATE,
	ORDER_CONVERTED_AT,
	ORDER_LINE_IDS,
	ORDER_AMOUNTS,
	ORDER_LINE_PRODUCT_IDS,
	ORDER_LINE_CATEGORY_IDS,
	ORDER_EXCLUDED,
	ORDER_PATH_START,
	ORDER_CART_STARTS,
	ORDER_POLICY,
	ORDER_COUNT = ORDER_POLICY + POLICY_ARGUMENTS
};

static const char *const order_argument_names[ORDER_COUNT] = {
	"touched_at",
	"kinds",
	"touch_ids",
	"creator_ids",
	"product_ids",
	"category_ids",
	"channels",
	"late",
	"converted_at",
	"line_ids",
	"amounts",
	"line_product_ids",
	"line_category_ids",
	"excluded_creator_ids",
	"path_start",
	"cart_starts",
	POLICY_ARGUMENT_NAMES
};

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
	else if (ARR_ELEMTYPE(array) == BOOLOID)
		deconstruct_array(array, BOOLOID, sizeof(bool), true, TYPALIGN_CHAR,
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

/* The touches, in the order of a path: the first arguments, up to "late". */
static AttributionTouch *
read_order_touches(FunctionCallInfo fcinfo, size_t *count)
{
	OrderArray	arrays[ORDER_LATE + 1];
	const OrderArray *channels = &arrays[ORDER_CHANNELS];
	AttributionTouch *touches;
	int			n;
	int			i;

	for (i = ORDER_TOUCHED_AT; i <= ORDER_LATE; i++)
	{
		arrays[i] = read_order_array(fcinfo, i,
									 i >= ORDER_CREATOR_IDS && i <= ORDER_CHANNELS);
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
		memset(touch, 0, sizeof(*touch));
		touch->touched_at = DatumGetTimestampTz(arrays[ORDER_TOUCHED_AT].values[i]);
		check_finite(touch->touched_at, ORDER_TOUCHED_AT);
		touch->kind = attribution_kind_from_name(VARDATA_ANY(kind),
												 VARSIZE_ANY_EXHDR(kind));
		touch->touch_id = DatumGetInt64(arrays[ORDER_TOUCH_IDS].values[i]);
		touch->creator_id = nullable_id(&arrays[ORDER_CREATOR_IDS], i, &touch->has_creator);
		touch->product_id = nullable_id(&arrays[ORDER_PRODUCT_IDS], i, &touch->has_product);
		touch->category_id = nullable_id(&arrays[ORDER_CATEGORY_IDS], i, &touch->has_category);
		touch->is_late = DatumGetBool(arrays[ORDER_LATE].values[i]);
		if (!channels->nulls[i])
		{
			text	   *channel = DatumGetTextPP(channels->values[i]);

			touch->is_direct = attribution_channel_is_direct(VARDATA_ANY(channel),
															 VARSIZE_ANY_EXHDR(channel));
		}
	}
	attribution_sort_touches(touches, n);
	*count = n;
	return touches;
}

/* only path_start may be NULL: there was no order before */
static void
check_order_nulls(FunctionCallInfo fcinfo)
{
	NullableDatum path_start = fcinfo->args[ORDER_PATH_START];

	fcinfo->args[ORDER_PATH_START].isnull = false;
	attribution_check_no_nulls(fcinfo, order_argument_names, ORDER_COUNT, ORDER_COUNT);
	fcinfo->args[ORDER_PATH_START] = path_start;
}

/* What the lines of the order have in common. */
static void
read_order(FunctionCallInfo fcinfo, const AttributionPolicy *policy,
		   AttributionConversion *conversion)
{
	OrderArray	excluded = read_order_array(fcinfo, ORDER_EXCLUDED, false);
	int64	   *excluded_ids = palloc(Max(excluded.count, 1) * sizeof(int64));
	int			i;

	for (i = 0; i < excluded.count; i++)
		excluded_ids[i] = DatumGetInt64(excluded.values[i]);

	memset(conversion, 0, sizeof(*conversion));
	conversion->converted_at = PG_GETARG_TIMESTAMPTZ(ORDER_CONVERTED_AT);
	check_finite(conversion->converted_at, ORDER_CONVERTED_AT);
	conversion->has_amount = true;
	conversion->excluded = (const int64_t *) excluded_ids;
	conversion->excluded_count = excluded.count;
	conversion->path_start = PG_ARGISNULL(ORDER_PATH_START) ? PG_INT64_MIN
		: PG_GETARG_TIMESTAMPTZ(ORDER_PATH_START);
	attribution_policy_windows(policy, conversion);
}

/*
 * credit_order(touches as arrays, one order and its lines as arrays, what
 * earlier orders consumed, policy) -> credits, conversion_id being the line's id
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
	OrderArray	categories;
	OrderArray	cart_starts;
	AttributionRows rows;
	size_t		ntouches;
	int			i;

	check_order_nulls(fcinfo);
	attribution_policy_read(&policy, fcinfo, ORDER_POLICY);
	touches = read_order_touches(fcinfo, &ntouches);
	line_ids = read_order_array(fcinfo, ORDER_LINE_IDS, false);
	amounts = read_order_array(fcinfo, ORDER_AMOUNTS, false);
	products = read_order_array(fcinfo, ORDER_LINE_PRODUCT_IDS, true);
	categories = read_order_array(fcinfo, ORDER_LINE_CATEGORY_IDS, true);
	cart_starts = read_order_array(fcinfo, ORDER_CART_STARTS, true);
	check_same_length(ORDER_LINE_IDS, line_ids.count, ORDER_AMOUNTS, amounts.count);
	check_same_length(ORDER_LINE_IDS, line_ids.count, ORDER_LINE_PRODUCT_IDS, products.count);
	check_same_length(ORDER_LINE_IDS, line_ids.count, ORDER_LINE_CATEGORY_IDS, categories.count);
	check_same_length(ORDER_LINE_IDS, line_ids.count, ORDER_CART_STARTS, cart_starts.count);
	read_order(fcinfo, &policy, &conversion);

	attribution_rows_init(&rows, fcinfo);
	attribution_workspace_init(&workspace, CurrentMemoryContext);
	for (i = 0; i < line_ids.count; i++)
	{
		conversion.conversion_id = DatumGetInt64(line_ids.values[i]);
		conversion.amount = DatumGetInt64(amounts.values[i]);
		conversion.product_id = nullable_id(&products, i, &conversion.has_product);
		conversion.category_id = nullable_id(&categories, i, &conversion.has_category);
		conversion.cart_start = cart_starts.nulls[i] ? PG_INT64_MIN
			: DatumGetTimestampTz(cart_starts.values[i]);
		attribution_credit(&workspace, &policy.rules, touches, ntouches, &conversion);
		attribution_rows_add(&rows, touches, &conversion, &workspace);
	}
	return (Datum) 0;
}

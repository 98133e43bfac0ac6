/*
 * markov_agg.c
 *	  Aggregate markov_agg(path, conversions, value, nulls, order_k) and the
 *	  set-returning markov_credit(state).
 *
 * The state is a flat bytea (markov_state_core.h), changed in place until it has
 * to grow, so a row costs no copy.  The final function sorts it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "../common/flat_state.h"
#include "markov_core.h"

PG_FUNCTION_INFO_V1(attribution_markov_trans);
PG_FUNCTION_INFO_V1(attribution_markov_combine);
PG_FUNCTION_INFO_V1(attribution_markov_final);
PG_FUNCTION_INFO_V1(attribution_markov_credit);

/* argument positions of the transition function */
enum
{
	ARG_STATE,
	ARG_PATH,
	ARG_CONVERSIONS,
	ARG_VALUE,
	ARG_NULLS,
	ARG_ORDER_K
};

/* What the cores want done: memory of the current context, and a cancel answered. */
static void *
host_allocate(void *arg, size_t size)
{
	return MemoryContextAllocExtended((MemoryContext) arg, Max(size, 1),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

static void
host_release(void *arg, void *memory)
{
	pfree(memory);
}

static void
host_breathe(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

static MarkovHost
current_host(void)
{
	MarkovHost	host = {host_allocate, host_release, host_breathe, CurrentMemoryContext};

	return host;
}

static void
check_status(MarkovStatus status)
{
	switch (status)
	{
		case MARKOV_OK:
			return;
		case MARKOV_OVERFLOW:
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_MONEY_OVERFLOW),
					 errmsg("a sum over paths is out of range for bigint"),
					 errhint("Aggregate a shorter period, or give conversions, nulls or value in a coarser unit.")));
			break;
		case MARKOV_CORRUPT:
			flat_state_corrupted();
			break;
		case MARKOV_NO_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory for a Markov chain"),
					 errhint("Choose a lower order_k, or group by a shorter period.")));
			break;
		case MARKOV_UNSOLVED:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("removal effects could not be computed to nine decimals"),
					 errdetail("The paths go around for very long before they end."),
					 errhint("Choose a lower order_k, or leave out the longest paths.")));
			break;
		case MARKOV_WORKING:
		case MARKOV_NO_ROOM:
			break;
	}
	elog(ERROR, "unexpected Markov status: %d", (int) status);
}

static bytea *
checked_table(Datum value)
{
	bytea	   *state = DatumGetByteaPP(value);

	if (!markov_state_is_table(FLAT_STATE_DATA(state), FLAT_STATE_SIZE(state)))
		flat_state_corrupted();
	return state;
}

static bytea *
make_table(size_t size, uint32_t order)
{
	bytea	   *state = (bytea *) palloc(VARHDRSZ + size);

	SET_VARSIZE(state, VARHDRSZ + size);
	markov_state_init(FLAT_STATE_DATA(state), size, order);
	return state;
}

static void merge(bytea **into, bytea *from);

/* The same entries with more room. */
static bytea *
grown(bytea *state)
{
	size_t		size = markov_state_next_size(FLAT_STATE_DATA(state), MaxAllocSize - VARHDRSZ);
	bytea	   *larger;

	if (size == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many distinct transitions in a group"),
				 errdetail("A state is at most 1 GB large."),
				 errhint("Choose a lower order_k, or group by a shorter period.")));
	larger = make_table(size, markov_state_order(FLAT_STATE_DATA(state)));
	merge(&larger, state);
	return larger;
}

static void
merge(bytea **into, bytea *from)
{
	size_t		cursor = 0;
	MarkovStatus status;

	while ((status = markov_merge_step(FLAT_STATE_DATA(*into), FLAT_STATE_DATA(from),
									   &cursor)) != MARKOV_OK)
	{
		CHECK_FOR_INTERRUPTS();
		if (status == MARKOV_NO_ROOM)
			*into = grown(*into);
		else if (status != MARKOV_WORKING)
			check_status(status);
	}
}

static int64
amount_argument(FunctionCallInfo fcinfo, int argno, const char *name)
{
	int64		amount = PG_ARGISNULL(argno) ? 0 : PG_GETARG_INT64(argno);

	if (amount < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s of a path must not be negative", name),
				 errdetail("The value is %lld.", (long long) amount),
				 errhint("Take returns off the paths of their orders before aggregating, or leave such rows out by FILTER.")));
	return amount;
}

static uint32
order_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(ARG_ORDER_K) || PG_GETARG_INT32(ARG_ORDER_K) < 1 ||
		PG_GETARG_INT32(ARG_ORDER_K) > MARKOV_MAX_ORDER)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("order_k must be from 1 to %d", MARKOV_MAX_ORDER),
				 errhint("Begin with 1; a higher order needs more paths per state.")));
	return PG_GETARG_INT32(ARG_ORDER_K);
}

static ArrayType *
path_argument(FunctionCallInfo fcinfo)
{
	ArrayType  *path = PG_GETARG_ARRAYTYPE_P(ARG_PATH);

	if (ARR_NDIM(path) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("path must have one dimension"),
				 errhint("Give a plain array, as array_agg(creator_id ORDER BY touched_at) makes it.")));
	if (array_contains_nulls(path))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("path must not contain NULL"),
				 errhint("Use array_remove(path, NULL) to leave out touches without a creator, or array_replace(path, NULL, 0) to count them as creator 0.")));
	return path;
}

/* The elements of an array without NULLs; ARR_DATA_PTR mixes signs, which -Wextra minds. */
static const int64_t *
path_ids(ArrayType *path)
{
	size_t		offset = ARR_HASNULL(path) ? (size_t) path->dataoffset
		: ARR_OVERHEAD_NONULLS(ARR_NDIM(path));

	return (const int64_t *) ((char *) path + offset);
}

static void
check_order(bytea *state, uint32 order)
{
	if (markov_state_order(FLAT_STATE_DATA(state)) != order)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("order_k must be the same in all rows of a group"),
				 errhint("Add order_k to GROUP BY, or give a constant.")));
}

Datum
attribution_markov_trans(PG_FUNCTION_ARGS)
{
	uint32		order;
	int64		conversions;
	int64		value;
	int64		nulls;
	ArrayType  *ids = NULL;
	int			count = 0;
	bytea	   *state;
	MarkovPath	path;
	MarkovStatus status;

	flat_state_require_aggregate(fcinfo);

	order = order_argument(fcinfo);
	conversions = amount_argument(fcinfo, ARG_CONVERSIONS, "conversions");
	value = amount_argument(fcinfo, ARG_VALUE, "value");
	nulls = amount_argument(fcinfo, ARG_NULLS, "nulls");
	if (value > 0 && conversions == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("a path without conversions must not have a value"),
				 errdetail("The value is %lld.", (long long) value),
				 errhint("Give the number of conversions that made the value.")));
	if (!PG_ARGISNULL(ARG_PATH))
	{
		ids = path_argument(fcinfo);
		count = ArrayGetNItems(ARR_NDIM(ids), ARR_DIMS(ids));
	}

	/* nobody to credit, or nothing that happened */
	if (count == 0 || (conversions == 0 && nulls == 0))
	{
		if (PG_ARGISNULL(ARG_STATE))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(ARG_STATE));
	}

	if (PG_ARGISNULL(ARG_STATE))
		state = make_table(markov_state_first_size(order), order);
	else
		state = checked_table(PG_GETARG_DATUM(ARG_STATE));
	check_order(state, order);

	markov_path_start(&path, path_ids(ids), count, conversions, value, nulls);
	while ((status = markov_path_step(&path, FLAT_STATE_DATA(state))) != MARKOV_OK)
	{
		CHECK_FOR_INTERRUPTS();
		if (status == MARKOV_NO_ROOM)
			state = grown(state);
		else if (status != MARKOV_WORKING)
			check_status(status);
	}
	PG_RETURN_BYTEA_P(state);
}

Datum
attribution_markov_combine(PG_FUNCTION_ARGS)
{
	bytea	   *state;
	bytea	   *other;

	flat_state_require_aggregate(fcinfo);

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (PG_ARGISNULL(0))
		PG_RETURN_BYTEA_P(checked_table(PG_GETARG_DATUM(1)));

	state = checked_table(PG_GETARG_DATUM(0));
	other = checked_table(PG_GETARG_DATUM(1));
	check_order(state, markov_state_order(FLAT_STATE_DATA(other)));
	merge(&state, other);
	PG_RETURN_BYTEA_P(state);
}

Datum
attribution_markov_final(PG_FUNCTION_ARGS)
{
	MarkovHost	host = current_host();
	bytea	   *state;
	bytea	   *sorted;
	size_t		size;

	flat_state_require_aggregate(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();

	state = checked_table(PG_GETARG_DATUM(0));
	size = markov_state_packed_size(FLAT_STATE_DATA(state));
	sorted = (bytea *) palloc(VARHDRSZ + size);
	SET_VARSIZE(sorted, VARHDRSZ + size);
	check_status(markov_state_pack(FLAT_STATE_DATA(sorted), size, FLAT_STATE_DATA(state), &host));
	PG_RETURN_BYTEA_P(sorted);
}

/*
 * markov_credit(state) -> creator_id, removal_effect, conversions,
 * value_removal_effect, value
 */
Datum
attribution_markov_credit(PG_FUNCTION_ARGS)
{
	bytea	   *state = PG_GETARG_BYTEA_PP(0);
	MarkovHost	host = current_host();
	ReturnSetInfo *result;
	MarkovCredits credits;
	size_t		i;

	if (!markov_state_is_packed(FLAT_STATE_DATA(state), FLAT_STATE_SIZE(state)))
		flat_state_corrupted();
	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	check_status(markov_credit(FLAT_STATE_DATA(state), MARKOV_AUTOMATIC, &host, &credits));

	for (i = 0; i < credits.count; i++)
	{
		const MarkovCredit *row = &credits.rows[i];
		Datum		values[5];
		bool		nulls[5] = {false, !credits.has_conversions, false, !credits.has_value, false};

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		values[0] = Int64GetDatum(row->creator_id);
		values[1] = Float8GetDatum(row->removal_effect);
		values[2] = Float8GetDatum(row->conversions);
		values[3] = Float8GetDatum(row->value_removal_effect);
		values[4] = Float8GetDatum(row->value);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

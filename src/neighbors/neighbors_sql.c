/*
 * neighbors_sql.c
 *	  item_neighbors(interactions): for each item those that the same users
 *	  chose, the nearest first; neighbor_lists(), for the job, has a row for each
 *	  item, and says also how many chose it.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "neighbors_input.h"
#include "neighbors_passes.h"

PG_FUNCTION_INFO_V1(neighbors_item_neighbors);
PG_FUNCTION_INFO_V1(neighbors_neighbor_lists);

/* argument positions */
enum
{
	ARG_INTERACTIONS,
	ARG_K,
	ARG_SHRINK,
	ARG_MAX_HISTORY,
	ARGS
};

/* columns of item_neighbors() */
enum
{
	OUT_ITEM,
	OUT_NEIGHBOR,
	OUT_SIMILARITY,
	OUT_COLUMNS
};

/* columns of neighbor_lists() */
enum
{
	LIST_ITEM,
	LIST_NEIGHBORS,
	LIST_SIMILARITIES,
	LIST_SHOPPERS,
	LIST_COLUMNS
};

typedef struct Output
{
	ReturnSetInfo *result;
	const int64 *item_ids;
	const uint64 *shoppers;		/* of each item; not without weights */
	Datum	   *neighbors;		/* room for a list, and what it is made in */
	Datum	   *similarities;
	MemoryContext context;
} Output;

static void
put_rows(void *arg, uint32 item, const NeighborsScore *nearest, uint32 n)
{
	const Output *output = arg;
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {0};
	uint32		i;

	values[OUT_ITEM] = Int64GetDatum(output->item_ids[item]);
	for (i = 0; i < n; i++)
	{
		values[OUT_NEIGHBOR] = Int64GetDatum(output->item_ids[nearest[i].item]);
		values[OUT_SIMILARITY] = Float8GetDatum(nearest[i].value);
		tuplestore_putvalues(output->result->setResult, output->result->setDesc, values, nulls);
	}
}

/* Of every item that somebody chose, whether it has neighbours or not. */
static void
put_list(void *arg, uint32 item, const NeighborsScore *nearest, uint32 n)
{
	const Output *output = arg;
	MemoryContext caller;
	Datum		values[LIST_COLUMNS] = {0};
	bool		nulls[LIST_COLUMNS] = {0};
	uint32		i;

	if (output->shoppers[item] == 0)
		return;
	values[LIST_ITEM] = Int64GetDatum(output->item_ids[item]);
	values[LIST_SHOPPERS] = Int64GetDatum((int64) output->shoppers[item]);
	nulls[LIST_NEIGHBORS] = nulls[LIST_SIMILARITIES] = n == 0;
	caller = MemoryContextSwitchTo(output->context);
	for (i = 0; i < n; i++)
	{
		output->neighbors[i] = Int64GetDatum(output->item_ids[nearest[i].item]);
		output->similarities[i] = Float8GetDatum(nearest[i].value);
	}
	if (n > 0)
	{
		values[LIST_NEIGHBORS] = PointerGetDatum(construct_array(output->neighbors, (int) n, INT8OID, sizeof(int64),
																 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		values[LIST_SIMILARITIES] = PointerGetDatum(construct_array(output->similarities, (int) n, FLOAT8OID, sizeof(float8),
																	FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	}
	MemoryContextSwitchTo(caller);
	tuplestore_putvalues(output->result->setResult, output->result->setDesc, values, nulls);
	MemoryContextReset(output->context);
}

static void
require_arguments(FunctionCallInfo fcinfo)
{
	double		shrink;
	int			i;

	for (i = 0; i < ARGS; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("arguments of item_neighbors() must not be NULL"),
					 errhint("Give the text of a query; leave out k, shrink and max_history for the usual ones.")));
	}
	if (PG_GETARG_INT32(ARG_K) < 1 || PG_GETARG_INT32(ARG_MAX_HISTORY) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("k and max_history must be at least 1"),
				 errdetail("k is %d, max_history %d.", PG_GETARG_INT32(ARG_K), PG_GETARG_INT32(ARG_MAX_HISTORY)),
				 errhint("Leave them out for 50 neighbours by the newest 500 items of each user.")));
	shrink = PG_GETARG_FLOAT8(ARG_SHRINK);
	if (!(shrink >= 0 && shrink <= 1e9))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("shrink must be 0 to 1e9"),
				 errdetail("It is %g.", shrink),
				 errhint("Give 0 for the plain cosine, or leave it out for 10.")));
}

static void
find_neighbors(FunctionCallInfo fcinfo, NeighborsListSink sink)
{
	MemoryContext caller = CurrentMemoryContext;
	size_t		limit = Max(get_hash_memory_limit(), ROW_STORE_LEAST_MEMORY);
	NeighborsInput input;
	NeighborsBaskets baskets;
	Output		output;
	uint32		k;

	require_arguments(fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	neighbors_input_read(&input, caller, text_to_cstring(PG_GETARG_TEXT_PP(ARG_INTERACTIONS)), limit);
	neighbors_input_number_items(&input);
	neighbors_baskets_create(&baskets, caller, input.nitems, input.weighted, input.nrows, limit);
	neighbors_input_drain(&input, (uint32) PG_GETARG_INT32(ARG_MAX_HISTORY), neighbors_baskets_add, &baskets);
	neighbors_baskets_finish(&baskets);

	k = (uint32) PG_GETARG_INT32(ARG_K);
	output.result = (ReturnSetInfo *) fcinfo->resultinfo;
	output.item_ids = input.item_ids;
	output.shoppers = baskets.norm;
	if (sink == put_list)
	{
		output.neighbors = MemoryContextAllocHuge(caller, sizeof(Datum) * (Size) Max(Min(k, input.nitems), 1));
		output.similarities = MemoryContextAllocHuge(caller, sizeof(Datum) * (Size) Max(Min(k, input.nitems), 1));
		output.context = AllocSetContextCreate(caller, "list of neighbours", ALLOCSET_DEFAULT_SIZES);
	}
	neighbors_of_all(&baskets, k, PG_GETARG_FLOAT8(ARG_SHRINK), sink, &output);
}

Datum
neighbors_item_neighbors(PG_FUNCTION_ARGS)
{
	find_neighbors(fcinfo, put_rows);
	return (Datum) 0;
}

Datum
neighbors_neighbor_lists(PG_FUNCTION_ARGS)
{
	find_neighbors(fcinfo, put_list);
	return (Datum) 0;
}

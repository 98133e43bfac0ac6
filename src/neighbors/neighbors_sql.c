/*
 * neighbors_sql.c
 *	  item_neighbors(interactions): for each item those that the same users
 *	  chose, the nearest first; neighbor_lists(), for the job, says also how
 *	  many chose an item.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "../common/errors.h"
#include "neighbors_input.h"
#include "neighbors_passes.h"

PG_FUNCTION_INFO_V1(neighbors_item_neighbors);

/* argument positions */
enum
{
	ARG_INTERACTIONS,
	ARG_K,
	ARG_SHRINK,
	ARG_MAX_HISTORY,
	ARGS
};

/* columns of the result */
enum
{
	OUT_ITEM,
	OUT_NEIGHBOR,
	OUT_SIMILARITY,
	OUT_SHOPPERS,				/* this and what follows: of neighbor_lists() */
	OUT_RANK,
	OUT_COLUMNS
};

typedef struct Output
{
	ReturnSetInfo *result;
	const int64 *item_ids;
	const uint64 *shoppers;		/* of each item; not without weights */
} Output;

static void
put_list(void *arg, uint32 item, const NeighborsScore *nearest, uint32 n)
{
	const Output *output = arg;
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {0};
	uint32		i;

	values[OUT_ITEM] = Int64GetDatum(output->item_ids[item]);
	values[OUT_SHOPPERS] = Int64GetDatum((int64) output->shoppers[item]);
	for (i = 0; i < n; i++)
	{
		values[OUT_NEIGHBOR] = Int64GetDatum(output->item_ids[nearest[i].item]);
		values[OUT_SIMILARITY] = Float8GetDatum(nearest[i].value);
		values[OUT_RANK] = Int32GetDatum((int32) i + 1);
		tuplestore_putvalues(output->result->setResult, output->result->setDesc, values, nulls);
	}
	/* who asks for the number of shoppers wants that of every item */
	if (n == 0 && output->result->setDesc->natts == OUT_COLUMNS && output->shoppers[item] > 0)
	{
		nulls[OUT_NEIGHBOR] = true;
		nulls[OUT_SIMILARITY] = true;
		values[OUT_RANK] = Int32GetDatum(1);
		tuplestore_putvalues(output->result->setResult, output->result->setDesc, values, nulls);
	}
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

Datum
neighbors_item_neighbors(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	size_t		limit = Max(get_hash_memory_limit(), ROW_STORE_LEAST_MEMORY);
	NeighborsInput input;
	NeighborsBaskets baskets;
	Output		output;

	require_arguments(fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	neighbors_input_read(&input, caller, text_to_cstring(PG_GETARG_TEXT_PP(ARG_INTERACTIONS)), limit);
	neighbors_input_number_items(&input);
	neighbors_baskets_create(&baskets, caller, input.nitems, input.weighted, input.nrows, limit);
	neighbors_input_drain(&input, (uint32) PG_GETARG_INT32(ARG_MAX_HISTORY), neighbors_baskets_add, &baskets);
	neighbors_baskets_finish(&baskets);

	output.result = (ReturnSetInfo *) fcinfo->resultinfo;
	output.item_ids = input.item_ids;
	output.shoppers = baskets.norm;
	neighbors_of_all(&baskets, (uint32) PG_GETARG_INT32(ARG_K), PG_GETARG_FLOAT8(ARG_SHRINK), put_list, &output);
	return (Datum) 0;
}

/*
 * rank_items.c
 *	  rank_items(history, neighbors): items that suit a history, by the
 *	  neighbours of what is in it.
 *
 * Contributions are brought into one order before they are added up, so the
 * scores don't depend on the order of the query's rows, to the last bit.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "../common/errors.h"
#include "../common/id_map.h"
#include "../common/query_run.h"
#include "../common/query_shape.h"
#include "neighbors_core.h"

PG_FUNCTION_INFO_V1(neighbors_rank_items);

#define MAX_HISTORY 100000
#define MAX_CONTRIBUTIONS ((size_t) 1 << 30)

/* argument positions */
enum
{
	ARG_HISTORY,
	ARG_NEIGHBORS,
	ARG_AT,
	ARG_WEIGHTS,
	ARG_HALF_LIFE,
	ARG_PAGE_SIZE
};

/* columns of the result */
enum
{
	OUT_RANK,
	OUT_ITEM,
	OUT_SCORE,
	OUT_BECAUSE,
	OUT_COLUMNS
};

enum
{
	COLUMN_ITEM,
	COLUMN_NEIGHBOR,
	COLUMN_SIMILARITY,
	QUERY_COLUMNS
};

static const QueryColumn columns[QUERY_COLUMNS] = {
	[COLUMN_ITEM] = {"item_id", true, QUERY_INTEGER, "bigint", "bigint"},
	[COLUMN_NEIGHBOR] = {"neighbor_id", true, QUERY_INTEGER, "bigint", "bigint"},
	[COLUMN_SIMILARITY] = {"similarity", true, QUERY_FLOAT | QUERY_INTEGER, "float8", "float8"}
};

static const QueryShape neighbors_shape = {
	"neighbors",
	"It must return the columns item_id and neighbor_id bigint and similarity float8.",
	QUERY_COLUMNS,
	columns
};

/* Something that the person chose. */
typedef struct Choice
{
	int64		item;
	int64		at;
	double		weight;
} Choice;

/* What an item of the history says of another one. */
typedef struct Contribution
{
	int64		item;
	double		value;
	uint32		source;			/* number of the history's item, the newest first */
} Contribution;

typedef struct Ranked
{
	int64		item;
	double		score;
	uint32		because;		/* number of the history's item that contributes most */
} Ranked;

typedef struct Ranking
{
	DestReceiver receiver;
	QueryPlace	places[QUERY_COLUMNS];
	int			natts;
	MemoryContext context;
	IdMap		history;		/* its items, the newest first */
	double	   *weight;			/* of each */
	Contribution *contributions;
	size_t		n;
	size_t		capacity;
} Ranking;

/* The order of histories: of equally late ones the greater item first. */
#define ST_SORT sort_choices
#define ST_ELEMENT_TYPE Choice
#define ST_COMPARE(a, b) ((a)->at != (b)->at ? ((a)->at > (b)->at ? -1 : 1) : \
						  (a)->item != (b)->item ? ((a)->item > (b)->item ? -1 : 1) : \
						  (a)->weight > (b)->weight ? -1 : (a)->weight < (b)->weight)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_contributions
#define ST_ELEMENT_TYPE Contribution
#define ST_COMPARE(a, b) ((a)->item != (b)->item ? ((a)->item < (b)->item ? -1 : 1) : \
						  (a)->source != (b)->source ? ((a)->source < (b)->source ? -1 : 1) : \
						  (a)->value > (b)->value ? -1 : (a)->value < (b)->value)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_ranked
#define ST_ELEMENT_TYPE Ranked
#define ST_COMPARE(a, b) ((a)->score != (b)->score ? ((a)->score > (b)->score ? -1 : 1) : \
						  (a)->item < (b)->item ? -1 : (a)->item > (b)->item)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static Datum *
elements_of(FunctionCallInfo fcinfo, int arg, const char *name, Oid type, int wanted, int *count)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(arg);
	Datum	   *elements;

	if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s must be a list without NULL", name),
				 errhint("Leave NULLs out: array_remove(%s, NULL).", name)));
	deconstruct_array(array, type, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, NULL, count);
	if (wanted >= 0 && *count != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s has another length than history", name),
				 errdetail("history has %d elements, %s has %d.", wanted, name, *count),
				 errhint("Give one for each item of history.")));
	return elements;
}

static Choice *
read_history(FunctionCallInfo fcinfo, int *count)
{
	Datum	   *items = elements_of(fcinfo, ARG_HISTORY, "history", INT8OID, -1, count);
	Choice	   *choices = palloc(Max(*count, 1) * sizeof(Choice));
	Datum	   *times = NULL;
	Datum	   *weights = NULL;
	int			i;

	if (*count > MAX_HISTORY)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("history has more than %d elements", MAX_HISTORY),
				 errdetail("It has %d.", *count),
				 errhint("Give the newest ones: older ones have next to no weight.")));
	if (!PG_ARGISNULL(ARG_AT))
		times = elements_of(fcinfo, ARG_AT, "at", TIMESTAMPTZOID, *count, count);
	if (!PG_ARGISNULL(ARG_WEIGHTS))
		weights = elements_of(fcinfo, ARG_WEIGHTS, "weights", FLOAT8OID, *count, count);
	for (i = 0; i < *count; i++)
	{
		choices[i].item = DatumGetInt64(items[i]);
		choices[i].at = times == NULL ? 0 : DatumGetTimestampTz(times[i]);
		choices[i].weight = weights == NULL ? 1 : DatumGetFloat8(weights[i]);
		if (!(choices[i].weight >= 0 && choices[i].weight <= 1e9))
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("weights must be 0 to 1e9"),
					 errdetail("One is %g.", choices[i].weight),
					 errhint("What speaks against an item is not part of a history: leave it out.")));
	}
	if (times != NULL)
		sort_choices(choices, *count);
	return choices;
}

static bool
receive_neighbor(TupleTableSlot *slot, DestReceiver *self)
{
	Ranking    *ranking = (Ranking *) self;
	Contribution *contribution;
	int64		item;
	int64		neighbor;
	double		similarity;
	uint32		source;

	slot_getsomeattrs(slot, ranking->natts);
	if (!query_integer(&ranking->places[COLUMN_ITEM], slot, &item) ||
		!query_integer(&ranking->places[COLUMN_NEIGHBOR], slot, &neighbor) ||
		!query_number(&ranking->places[COLUMN_SIMILARITY], slot, &similarity))
		return true;
	source = id_map_find(&ranking->history, (const uint64 *) &item);
	if (source == ID_MAP_FULL || id_map_find(&ranking->history, (const uint64 *) &neighbor) != ID_MAP_FULL)
		return true;
	if (!(fabs(similarity) <= 1e9))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("similarity is out of range"),
				 errdetail("A row has %g.", similarity),
				 errhint("Similarities are numbers, of which those above 0 count.")));
	if (!(ranking->weight[source] * similarity > 0))
		return true;

	if (ranking->n == ranking->capacity)
	{
		if (ranking->capacity >= MAX_CONTRIBUTIONS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many neighbors"),
					 errhint("Give a shorter history, or fewer neighbors of an item.")));
		ranking->capacity *= 2;
		ranking->contributions = repalloc_huge(ranking->contributions, ranking->capacity * sizeof(Contribution));
	}
	contribution = &ranking->contributions[ranking->n++];
	contribution->item = neighbor;
	contribution->value = ranking->weight[source] * similarity;
	contribution->source = source;
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	Ranking    *ranking = (Ranking *) self;

	ranking->natts = query_shape_place(&neighbors_shape, desc, ranking->places);
}

/* Within SPI; $1 of the query: the items of the history. */
static void
run_query(Ranking *ranking, const char *text)
{
	Oid			argtypes[1] = {INT8ARRAYOID};
	QueryPlan	plan = query_shape_prepare(&neighbors_shape, text, 1, argtypes, ranking->places);
	ParamListInfo params = makeParamList(1);
	uint32		count = ranking->history.count;
	Datum	   *items = palloc(Max(count, 1) * sizeof(Datum));
	uint32		i;

	for (i = 0; i < count; i++)
		items[i] = Int64GetDatum((int64) ranking->history.keys[i]);
	params->params[0].value = PointerGetDatum(construct_array(items, count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	params->params[0].isnull = false;
	params->params[0].pflags = PARAM_FLAG_CONST;
	params->params[0].ptype = INT8ARRAYOID;

	ranking->receiver.receiveSlot = receive_neighbor;
	ranking->receiver.rStartup = receiver_startup;
	query_run(plan.plan, plan.read_only, params, &ranking->receiver);
}

/* The items that the contributions are about, the best first. */
static Ranked *
add_up(Ranking *ranking, size_t *count)
{
	Ranked	   *ranked = MemoryContextAllocHuge(ranking->context, Max(ranking->n, 1) * sizeof(Ranked));
	double		best = 0;
	size_t		n = 0;
	size_t		i;

	sort_contributions(ranking->contributions, ranking->n);
	for (i = 0; i < ranking->n; i++)
	{
		const Contribution *contribution = &ranking->contributions[i];

		if (n == 0 || ranked[n - 1].item != contribution->item)
		{
			ranked[n++] = (Ranked) {contribution->item, 0, contribution->source};
			best = contribution->value;
		}
		ranked[n - 1].score += contribution->value;
		if (contribution->value > best)
		{
			best = contribution->value;
			ranked[n - 1].because = contribution->source;
		}
	}
	sort_ranked(ranked, n);
	*count = n;
	return ranked;
}

Datum
neighbors_rank_items(PG_FUNCTION_ARGS)
{
	Ranking		ranking = {.context = CurrentMemoryContext, .capacity = 1024};
	ReturnSetInfo *result;
	Choice	   *choices;
	Ranked	   *ranked;
	double		half_life;
	int			count;
	int			page_size;
	int			i;
	size_t		n;
	size_t		j;

	if (PG_ARGISNULL(ARG_HISTORY) || PG_ARGISNULL(ARG_NEIGHBORS) || PG_ARGISNULL(ARG_HALF_LIFE) || PG_ARGISNULL(ARG_PAGE_SIZE))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("arguments of rank_items() must not be NULL, but for at and weights"),
				 errhint("Give item ids and the text of a query; leave out half_life and page_size for the usual ones.")));
	half_life = PG_GETARG_FLOAT8(ARG_HALF_LIFE);
	page_size = PG_GETARG_INT32(ARG_PAGE_SIZE);
	if (!(half_life > 0) || page_size < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("half_life must be above 0, and page_size at least 1"),
				 errdetail("half_life is %g, page_size %d.", half_life, page_size),
				 errhint("half_life counts places in the history; 'infinity' gives old and new the same weight.")));

	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	choices = read_history(fcinfo, &count);
	id_map_create(&ranking.history, ranking.context, 1, 0);
	ranking.weight = palloc0(Max(count, 1) * sizeof(double));
	for (i = 0; i < count; i++)
		ranking.weight[id_map_add(&ranking.history, (const uint64 *) &choices[i].item, "items")] +=
			choices[i].weight * neighbors_recency((uint32) i, half_life);
	ranking.contributions = palloc(ranking.capacity * sizeof(Contribution));

	SPI_connect();
	run_query(&ranking, text_to_cstring(PG_GETARG_TEXT_PP(ARG_NEIGHBORS)));
	SPI_finish();

	ranked = add_up(&ranking, &n);
	for (j = 0; j < n && j < (size_t) page_size; j++)
	{
		Datum		values[OUT_COLUMNS];
		bool		nulls[OUT_COLUMNS] = {0};

		values[OUT_RANK] = Int32GetDatum((int32) j + 1);
		values[OUT_ITEM] = Int64GetDatum(ranked[j].item);
		values[OUT_SCORE] = Float8GetDatum(ranked[j].score);
		values[OUT_BECAUSE] = Int64GetDatum((int64) ranking.history.keys[ranked[j].because]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

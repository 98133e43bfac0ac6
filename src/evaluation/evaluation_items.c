/*
 * evaluation_items.c
 *	  The items of evaluate_ranking(): a query, run as the caller, that says whose
 *	  an item is and which categories it has.
 *
 * Creators and categories get numbers in the order they come.  Of an item's
 * categories the rarest counts, so all rows are read before one is chosen.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "common/pg_prng.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "../common/query_run.h"
#include "../common/query_shape.h"
#include "evaluation_items.h"

enum
{
	COLUMN_ITEM_ID,
	COLUMN_CREATOR,
	COLUMN_CATEGORIES,
	ITEM_COLUMNS
};

static const QueryColumn item_columns[ITEM_COLUMNS] = {
	[COLUMN_ITEM_ID] = {"item_id", true, QUERY_INTEGER, "bigint", "bigint"},
	[COLUMN_CREATOR] = {"creator_id", false, QUERY_INTEGER, "bigint", "bigint"},
	[COLUMN_CATEGORIES] = {"categories", false, QUERY_INTEGERS, "bigint[]", "bigint[]"}
};

static const QueryShape items_shape = {
	"items",
	"It must return the column item_id bigint, and may return creator_id bigint and categories bigint[].",
	ITEM_COLUMNS,
	item_columns
};

typedef struct ItemReceiver
{
	DestReceiver receiver;
	QueryPlace	places[ITEM_COLUMNS];
	int			natts;
	const IdMap *items;
	const uint32 *number_of;	/* an item's number by the order it came in */
	EvaluationData *data;
	bool	   *given;			/* of an item: it has come already */
	IdMap		creators;
	IdMap		categories;
	uint32	   *category_items;	/* of each category: how many items have it */
	uint32		category_capacity;
	uint64	   *pairs;			/* item << 32 | category */
	size_t		npairs;
	size_t		pair_capacity;
} ItemReceiver;

static int
compare_int64(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

static void
add_category(ItemReceiver *receiver, uint32 item, int64 id)
{
	uint64		key = (uint64) id;
	uint32		category = id_map_add(&receiver->categories, &key, "categories");

	if (category >= receiver->category_capacity)
	{
		uint32		capacity = receiver->category_capacity * 2;

		receiver->category_items = repalloc_huge(receiver->category_items, (size_t) capacity * sizeof(uint32));
		memset(receiver->category_items + receiver->category_capacity, 0,
			   (size_t) receiver->category_capacity * sizeof(uint32));
		receiver->category_capacity = capacity;
	}
	receiver->category_items[category]++;
	if (receiver->npairs == receiver->pair_capacity)
	{
		receiver->pair_capacity *= 2;
		receiver->pairs = repalloc_huge(receiver->pairs, receiver->pair_capacity * sizeof(uint64));
	}
	receiver->pairs[receiver->npairs++] = (uint64) item << 32 | category;
}

static void
add_categories(ItemReceiver *receiver, uint32 item, Datum datum)
{
	ArrayType  *array = DatumGetArrayTypeP(datum);
	bool		small = ARR_ELEMTYPE(array) == INT4OID;
	Datum	   *elements;
	bool	   *nulls;
	int64	   *ids;
	int			n;
	int			count = 0;
	int			i;

	deconstruct_array(array, ARR_ELEMTYPE(array), small ? sizeof(int32) : sizeof(int64),
					  small ? true : FLOAT8PASSBYVAL, small ? TYPALIGN_INT : TYPALIGN_DOUBLE, &elements, &nulls, &n);
	ids = palloc(Max(n, 1) * sizeof(int64));
	for (i = 0; i < n; i++)
	{
		if (!nulls[i])
			ids[count++] = small ? DatumGetInt32(elements[i]) : DatumGetInt64(elements[i]);
	}
	qsort(ids, count, sizeof(int64), compare_int64);
	for (i = 0; i < count; i++)
	{
		if (i == 0 || ids[i] != ids[i - 1])
			add_category(receiver, item, ids[i]);
	}
	pfree(ids);
	pfree(elements);
	pfree(nulls);
	if ((Pointer) array != DatumGetPointer(datum))
		pfree(array);
}

static bool
receive_item(TupleTableSlot *slot, DestReceiver *self)
{
	ItemReceiver *receiver = (ItemReceiver *) self;
	int64		item_id;
	int64		creator_id;
	uint64		key;
	uint32		item;

	slot_getsomeattrs(slot, receiver->natts);
	if (!query_integer(&receiver->places[COLUMN_ITEM_ID], slot, &item_id))
		return true;
	key = (uint64) item_id;
	item = id_map_find(receiver->items, &key);
	if (item == ID_MAP_FULL)
		return true;
	item = receiver->number_of[item];
	if (receiver->given[item])
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("an item is given twice"),
				 errdetail("The items query has several rows with item_id %lld.", (long long) item_id),
				 errhint("Return one row per item: SELECT DISTINCT ON (item_id) ...")));
	receiver->given[item] = true;
	if (query_integer(&receiver->places[COLUMN_CREATOR], slot, &creator_id) && creator_id >= 0)
	{
		key = (uint64) creator_id;
		receiver->data->group[0][item] = id_map_add(&receiver->creators, &key, "creators");
	}
	if (!query_is_null(&receiver->places[COLUMN_CATEGORIES], slot))
		add_categories(receiver, item, query_datum(&receiver->places[COLUMN_CATEGORIES], slot));
	return true;
}

static void
items_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	ItemReceiver *receiver = (ItemReceiver *) self;

	receiver->natts = query_shape_place(&items_shape, desc, receiver->places);
}

/* Of an item's categories that with the fewest items; of equal ones the smaller id. */
static void
choose_categories(ItemReceiver *receiver)
{
	uint32	   *chosen = receiver->data->group[1];
	const int64 *ids = (const int64 *) receiver->categories.keys;
	size_t		i;

	for (i = 0; i < receiver->npairs; i++)
	{
		uint32		item = (uint32) (receiver->pairs[i] >> 32);
		uint32		category = (uint32) receiver->pairs[i];
		uint32		other = chosen[item];

		if (other == EVALUATION_NONE ||
			receiver->category_items[category] < receiver->category_items[other] ||
			(receiver->category_items[category] == receiver->category_items[other] && ids[category] < ids[other]))
			chosen[item] = category;
	}
}

void
evaluation_items_read(EvaluationData *data, const char *text, const IdMap *items, const uint32 *number_of)
{
	MemoryContext context = CurrentMemoryContext;
	ItemReceiver receiver;
	QueryPlan	plan;

	memset(&receiver, 0, sizeof(receiver));
	receiver.receiver.receiveSlot = receive_item;
	receiver.receiver.rStartup = items_startup;
	receiver.items = items;
	receiver.number_of = number_of;
	receiver.data = data;
	receiver.given = data->host->allocate(data->items * sizeof(bool));
	id_map_create(&receiver.creators, context, 1, pg_prng_uint64(&pg_global_prng_state));
	id_map_create(&receiver.categories, context, 1, pg_prng_uint64(&pg_global_prng_state));
	receiver.category_capacity = receiver.pair_capacity = 1024;
	receiver.category_items = data->host->allocate(receiver.category_capacity * sizeof(uint32));
	receiver.pairs = data->host->allocate(receiver.pair_capacity * sizeof(uint64));

	SPI_connect();
	plan = query_shape_prepare(&items_shape, text, 0, NULL, receiver.places);
	query_run(plan.plan, plan.read_only, NULL, &receiver.receiver);
	SPI_finish();

	choose_categories(&receiver);
	data->groups[0] = receiver.creators.count;
	data->groups[1] = receiver.categories.count;
	pfree(receiver.given);
	pfree(receiver.category_items);
	pfree(receiver.pairs);
	id_map_free(&receiver.creators);
	id_map_free(&receiver.categories);
}

/*
 * evaluation_input.c
 *	  The interactions of evaluate_ranking(): a query, run as the caller; rows go
 *	  straight from the executor into arrays.
 *
 * Users and items get numbers in the order they come; items are then numbered
 * anew in the order of their ids, and read (evaluation_items.c).  Times that are
 * unknown or infinite become the earliest, or the latest, that is known, and
 * weights become parts of the greatest.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>
#include <xxhash.h>

#include "catalog/pg_type_d.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "../common/errors.h"
#include "../common/query_run.h"
#include "../common/query_shape.h"
#include "../common/radix_core.h"
#include "evaluation_input.h"
#include "evaluation_items.h"

enum
{
	COLUMN_USER,
	COLUMN_ITEM,
	COLUMN_AT,
	COLUMN_WEIGHT,
	INTERACTION_COLUMNS
};

static const QueryColumn interaction_columns[INTERACTION_COLUMNS] = {
	[COLUMN_USER] = {"user_id", true, QUERY_INTEGER | QUERY_UUID | QUERY_TEXT, "bigint, uuid or text", "text"},
	[COLUMN_ITEM] = {"item_id", true, QUERY_INTEGER, "bigint", "bigint"},
	[COLUMN_AT] = {"at", false, QUERY_TIME | QUERY_INTEGER, "timestamptz, date or bigint", "timestamptz"},
	[COLUMN_WEIGHT] = {"weight", false, QUERY_FLOAT | QUERY_INTEGER, "float8", "float8"}
};

static const QueryShape interactions_shape = {
	"interactions",
	"It must return the columns user_id (bigint, uuid or text) and item_id bigint, and may return at (timestamptz, date or bigint) and weight float8.",
	INTERACTION_COLUMNS,
	interaction_columns
};

typedef struct InteractionReceiver
{
	DestReceiver receiver;
	QueryPlace	places[INTERACTION_COLUMNS];
	int			natts;
	uint64		seed;
	uint32		user_words;
	IdMap		users;
	IdMap		items;
	NeighborsEvent *events;
	size_t		n;
	size_t		capacity;
	float		greatest_weight;
} InteractionReceiver;

static void *
host_allocate(size_t bytes)
{
	return MemoryContextAllocExtended(CurrentMemoryContext, Max(bytes, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void
host_pause(void)
{
	CHECK_FOR_INTERRUPTS();
}

const EvaluationHost evaluation_host = {host_allocate, pfree, host_pause};

static void
read_user(const InteractionReceiver *receiver, TupleTableSlot *slot, uint64 *user)
{
	const QueryPlace *place = &receiver->places[COLUMN_USER];

	user[1] = 0;
	if (place->type == UUIDOID)
		memcpy(user, DatumGetUUIDP(query_datum(place, slot))->data, UUID_LEN);
	else if (place->type == TEXTOID || place->type == VARCHAROID)
	{
		struct varlena *value = PG_DETOAST_DATUM_PACKED(query_datum(place, slot));
		XXH128_hash_t hash = XXH3_128bits_withSeed(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), receiver->seed);

		user[0] = hash.low64;
		user[1] = hash.high64;
		if (value != (struct varlena *) DatumGetPointer(query_datum(place, slot)))
			pfree(value);
	}
	else
	{
		int64		number = 0;

		query_integer(place, slot, &number);
		user[0] = (uint64) number;
	}
}

/* A weight as the bits of a float, or 0 for a row that does not count. */
static uint32
read_weight(InteractionReceiver *receiver, TupleTableSlot *slot)
{
	double		weight;
	float		single;
	uint32		bits;

	if (receiver->places[COLUMN_WEIGHT].attno == 0)
		return 1;
	if (!query_number(&receiver->places[COLUMN_WEIGHT], slot, &weight))
		return 0;
	single = (float) weight;
	/* written so that NaN fails */
	if (!(weight >= 0 && single <= FLT_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("weight is out of range"),
				 errdetail("A row has weight %g.", weight),
				 errhint("Weights are finite and not negative: leave out other rows by WHERE.")));
	if (single == 0)
		return 0;
	receiver->greatest_weight = Max(receiver->greatest_weight, single);
	memcpy(&bits, &single, sizeof(bits));
	return bits;
}

static bool
receive_interaction(TupleTableSlot *slot, DestReceiver *self)
{
	InteractionReceiver *receiver = (InteractionReceiver *) self;
	NeighborsEvent *event;
	int64		item;
	uint64		item_key;
	uint64		user[2];
	uint32		weight;

	slot_getsomeattrs(slot, receiver->natts);
	if (query_is_null(&receiver->places[COLUMN_USER], slot) ||
		!query_integer(&receiver->places[COLUMN_ITEM], slot, &item))
		return true;
	weight = read_weight(receiver, slot);
	if (weight == 0)
		return true;

	if (receiver->n >= NEIGHBORS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many interactions"),
				 errdetail("At most %u can be evaluated at a time.", NEIGHBORS_MAX),
				 errhint("Give those of some users, or of some months.")));
	if (receiver->n == receiver->capacity)
	{
		receiver->capacity *= 2;
		receiver->events = repalloc_huge(receiver->events, receiver->capacity * sizeof(NeighborsEvent));
	}
	read_user(receiver, slot, user);
	item_key = (uint64) item;
	event = &receiver->events[receiver->n++];
	event->user = id_map_add(&receiver->users, user, "users");
	event->item = id_map_add(&receiver->items, &item_key, "items");
	event->weight = weight;
	if (!query_moment(&receiver->places[COLUMN_AT], slot, &event->at))
		event->at = PG_INT64_MIN;
	return true;
}

static void
interactions_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	InteractionReceiver *receiver = (InteractionReceiver *) self;

	receiver->natts = query_shape_place(&interactions_shape, desc, receiver->places);
}

static void
read_interactions(InteractionReceiver *receiver, const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	QueryPlan	plan;
	Oid			type;

	memset(receiver, 0, sizeof(*receiver));
	receiver->receiver.receiveSlot = receive_interaction;
	receiver->receiver.rStartup = interactions_startup;
	receiver->seed = pg_prng_uint64(&pg_global_prng_state);
	receiver->capacity = 1024;
	receiver->events = MemoryContextAlloc(context, receiver->capacity * sizeof(NeighborsEvent));

	SPI_connect();
	plan = query_shape_prepare(&interactions_shape, text, 0, NULL, receiver->places);
	type = receiver->places[COLUMN_USER].type;
	receiver->user_words = type == INT8OID || type == INT4OID ? 1 : 2;
	id_map_create(&receiver->users, context, receiver->user_words, receiver->seed);
	id_map_create(&receiver->items, context, 1, receiver->seed);
	query_run(plan.plan, plan.read_only, NULL, &receiver->receiver);
	SPI_finish();
}

/* Numbers of items in the order of their ids. */
static uint32 *
number_items(const IdMap *items, int64 *item_ids)
{
	uint32		n = items->count;
	RadixEntry *entries = host_allocate(n * sizeof(RadixEntry));
	RadixEntry *scratch = host_allocate(n * sizeof(RadixEntry));
	uint32	   *number_of = host_allocate(n * sizeof(uint32));
	RadixSort	sort;
	uint32		i;

	for (i = 0; i < n; i++)
	{
		entries[i].key = items->keys[i] ^ (UINT64CONST(1) << 63);
		entries[i].row = i;
	}
	radix_start(&sort, entries, scratch, n);
	while (!radix_step(&sort))
		CHECK_FOR_INTERRUPTS();
	for (i = 0; i < n; i++)
	{
		item_ids[i] = (int64) (sort.entries[i].key ^ (UINT64CONST(1) << 63));
		number_of[sort.entries[i].row] = i;
	}
	pfree(entries);
	pfree(scratch);
	return number_of;
}

/* Known times for all, items by number, weights in units of 2^-16 of the greatest. */
static void
mend_events(InteractionReceiver *receiver, const uint32 *number_of)
{
	int64		earliest = PG_INT64_MAX;
	int64		latest = PG_INT64_MIN;
	bool		weighted = receiver->places[COLUMN_WEIGHT].attno != 0;
	size_t		i;

	for (i = 0; i < receiver->n; i++)
	{
		int64		at = receiver->events[i].at;

		if (at == PG_INT64_MIN || at == PG_INT64_MAX)
			continue;
		earliest = Min(earliest, at);
		latest = Max(latest, at);
	}
	if (latest < earliest)
		earliest = latest = 0;
	for (i = 0; i < receiver->n; i++)
	{
		NeighborsEvent *event = &receiver->events[i];

		event->at = Min(Max(event->at, earliest), latest);
		event->item = number_of[event->item];
		if (weighted)
		{
			float		weight;

			memcpy(&weight, &event->weight, sizeof(weight));
			event->weight = (uint32) Max(rint((double) weight / receiver->greatest_weight * 65536.0), 1);
		}
	}
}

void
evaluation_input_read(EvaluationData *data, const char *interactions, const char *items)
{
	InteractionReceiver receiver;
	int64	   *item_ids;
	uint32	   *number_of;
	int			g;

	memset(data, 0, sizeof(*data));
	data->host = &evaluation_host;
	read_interactions(&receiver, interactions);
	data->users = receiver.users.count;
	data->items = receiver.items.count;
	data->weighted = receiver.places[COLUMN_WEIGHT].attno != 0;
	item_ids = host_allocate(data->items * sizeof(int64));
	number_of = number_items(&receiver.items, item_ids);
	mend_events(&receiver, number_of);
	for (g = 0; g < 2; g++)
	{
		data->group[g] = host_allocate(data->items * sizeof(uint32));
		memset(data->group[g], 0xff, data->items * sizeof(uint32));
	}
	if (items != NULL)
		evaluation_items_read(data, items, &receiver.items, number_of);
	id_map_free(&receiver.users);
	id_map_free(&receiver.items);
	evaluation_data_build(data, receiver.events, receiver.n, item_ids);
	pfree(receiver.events);
	pfree(number_of);
	pfree(item_ids);
}

/*
 * neighbors_query.c
 *	  The query of interactions: checked, run as the caller, decoded.
 */
#include "postgres.h"

#include <math.h>
#include <xxhash.h>

#include "utils/uuid.h"

#include "../common/errors.h"
#include "../common/query_run.h"
#include "neighbors_core.h"
#include "neighbors_query.h"

enum
{
	COLUMN_USER,
	COLUMN_ITEM,
	COLUMN_AT,
	COLUMN_WEIGHT,
	QUERY_COLUMNS
};

static const QueryColumn columns[QUERY_COLUMNS] = {
	[COLUMN_USER] = {"user_id", true, QUERY_INTEGER | QUERY_UUID | QUERY_TEXT, "bigint, uuid or text", "text"},
	[COLUMN_ITEM] = {"item_id", true, QUERY_INTEGER, "bigint", "bigint"},
	[COLUMN_AT] = {"at", true, QUERY_TIME | QUERY_INTEGER, "timestamptz, date or bigint", "timestamptz"},
	[COLUMN_WEIGHT] = {"weight", false, QUERY_FLOAT | QUERY_INTEGER, "float8", "float8"}
};

static const QueryShape interactions_shape = {
	"interactions",
	"It must return the columns user_id (bigint, uuid or text), item_id bigint and at (timestamptz, date or bigint), and may return weight float8.",
	QUERY_COLUMNS,
	columns
};

struct NeighborsQuery
{
	QueryPlan	plan;
	QueryPlace	places[QUERY_COLUMNS];
};

typedef struct InteractionReceiver
{
	DestReceiver receiver;
	NeighborsQuery *query;
	QueryPlace	places[QUERY_COLUMNS];
	int			natts;			/* up to the last column that is read */
	uint64		seed;
	NeighborsRowSink sink;
	void	   *arg;
} InteractionReceiver;

NeighborsQuery *
neighbors_query_prepare(const char *text)
{
	NeighborsQuery *query = palloc0(sizeof(NeighborsQuery));

	query->plan = query_shape_prepare(&interactions_shape, text, 0, NULL, query->places);
	return query;
}

uint32
neighbors_query_user_words(const NeighborsQuery *query)
{
	Oid			type = query->places[COLUMN_USER].type;

	return type == INT8OID || type == INT4OID ? 1 : 2;
}

bool
neighbors_query_weighted(const NeighborsQuery *query)
{
	return query->places[COLUMN_WEIGHT].attno != 0;
}

/* Two texts with one hash of 128 bits under a seed that nobody knows: one in 10^20 among 10^9 texts. */
static void
hash_text(Datum datum, uint64 seed, uint64 *user)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(datum);
	XXH128_hash_t hash = XXH3_128bits_withSeed(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), seed);

	user[0] = hash.low64;
	user[1] = hash.high64;
	if (value != (struct varlena *) DatumGetPointer(datum))
		pfree(value);
}

static bool
read_user(const InteractionReceiver *receiver, TupleTableSlot *slot, uint64 *user)
{
	const QueryPlace *place = &receiver->places[COLUMN_USER];
	int64		number;

	if (query_is_null(place, slot))
		return false;
	switch (place->type)
	{
		case UUIDOID:
			memcpy(user, DatumGetUUIDP(query_datum(place, slot))->data, UUID_LEN);
			return true;
		case TEXTOID:
		case VARCHAROID:
			hash_text(query_datum(place, slot), receiver->seed, user);
			return true;
		default:
			if (!query_integer(place, slot, &number))
				return false;
			user[0] = (uint64) number;
			user[1] = 0;
			return true;
	}
}

static uint32
weight_units(double weight)
{
	if (!(weight >= 0 && weight <= NEIGHBORS_MAX_WEIGHT))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("weight is out of range"),
				 errdetail("A row has weight %g; weights are 0 to %g.", weight, NEIGHBORS_MAX_WEIGHT),
				 errhint("Divide all weights by the same number: similarities stay nearly the same.")));
	return (uint32) rint(ldexp(weight, NEIGHBORS_WEIGHT_BITS));
}

static bool
receive_interaction(TupleTableSlot *slot, DestReceiver *self)
{
	InteractionReceiver *receiver = (InteractionReceiver *) self;
	const QueryPlace *places = receiver->places;
	NeighborsRow row;
	double		weight;

	slot_getsomeattrs(slot, receiver->natts);
	if (!query_integer(&places[COLUMN_ITEM], slot, &row.item) ||
		!query_moment(&places[COLUMN_AT], slot, &row.at) ||
		!read_user(receiver, slot, row.user))
		return true;
	row.weight = 1;
	if (places[COLUMN_WEIGHT].attno != 0)
	{
		if (!query_number(&places[COLUMN_WEIGHT], slot, &weight))
			return true;
		row.weight = weight_units(weight);
		if (row.weight == 0)
			return true;
	}
	receiver->sink(receiver->arg, &row);
	return true;
}

/* The plan may have been made anew since it was prepared: other places, but the same types. */
static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	InteractionReceiver *receiver = (InteractionReceiver *) self;
	int			column;

	receiver->natts = query_shape_place(&interactions_shape, desc, receiver->places);
	for (column = 0; column < QUERY_COLUMNS; column++)
	{
		if (receiver->places[column].type != receiver->query->places[column].type)
			elog(ERROR, "type of column \"%s\" has changed", columns[column].name);
	}
}

void
neighbors_query_run(NeighborsQuery *query, uint64 seed, NeighborsRowSink sink, void *arg)
{
	InteractionReceiver receiver;

	memset(&receiver, 0, sizeof(receiver));
	receiver.receiver.receiveSlot = receive_interaction;
	receiver.receiver.rStartup = receiver_startup;
	receiver.query = query;
	receiver.seed = seed;
	receiver.sink = sink;
	receiver.arg = arg;
	query_run(query->plan.plan, query->plan.read_only, NULL, &receiver.receiver);
}

/*
 * tally_sql.c
 *	  influence_internal.tally_events(): new events by bucket, and the visitors
 *	  that are new to each; if asked for, what they add to decayed counters.
 *
 * Three queries, in the snapshot of the calling statement, so that a person who
 * is forgotten meanwhile is the same in all of them. The new events; then events
 * of their visitors in these hours that are in the buckets already: in the order
 * of time where an hour has not many times as many as new ones, else looked up
 * by visitor and hour. Memory grows with the new events, up to maintenance_work_mem:
 * 9,000 touches of a busy hour take 6 MB, and what is answered takes about as much again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "../common/query_run.h"
#include "../feed/decayed_score.h"
#include "tally.h"
#include "tally_sums.h"

PG_FUNCTION_INFO_V1(stats_tally_events);

/*
 * To look for the events of a visitor costs as much as to read so many in the
 * order of time.  An hour with more of them is given up.
 */
#define READS_PER_PROBE 12

/* Of an hour with fewer new events they are looked for: a plan of its own would cost more. */
#define FEW_EVENTS 1000

/* So often it is looked at how much memory they take. */
#define EVENTS_PER_CHECK 256

/* columns of the queries: visitor_id, at, kind, program_id, then the keys */
#define FIRST_KEY 4

/* columns of the result: place, item_id, program_id, hour, tally; then arrays of sums */
#define FIRST_SUMS 5
#define RESULT_COLUMNS (FIRST_SUMS + 3 + TALLY_HALF_LIVES)

typedef struct EventReceiver
{
	DestReceiver receiver;
	Tally	   *tally;
	TallySums  *sums;			/* NULL: none are asked for */
	int			nkinds;
	text	  **kinds;
	bool		is_new;
	uint64		rows;
	uint64		limit;			/* no more rows are read; 0: all */
	Size		memory;			/* bytes that new events may take */
	bool		is_full;
} EventReceiver;

typedef struct EventQuery
{
	const char *query;
	int			nargs;
	Oid			types[5];
	Datum		values[5];
} EventQuery;

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	EventReceiver *receiver = (EventReceiver *) self;
	int			column;

	if (desc->natts != FIRST_KEY + receiver->tally->nkeys)
		elog(ERROR, "query of events has %d columns", desc->natts);
	for (column = 0; column < desc->natts; column++)
	{
		Oid			type = TupleDescAttr(desc, column)->atttypid;

		if (type != (column == 0 ? UUIDOID : column == 1 ? TIMESTAMPTZOID : column == 2 ? TEXTOID : INT8OID))
			elog(ERROR, "column %d of a query of events has another type", column + 1);
	}
}

static int
kind_number(const EventReceiver *receiver, Datum value)
{
	const text *kind = DatumGetTextPP(value);
	size_t		size = VARSIZE_ANY_EXHDR(kind);
	int			i;

	for (i = 0; i < receiver->nkinds; i++)
		if (size == VARSIZE_ANY_EXHDR(receiver->kinds[i]) &&
			memcmp(VARDATA_ANY(kind), VARDATA_ANY(receiver->kinds[i]), size) == 0)
			return i;
	return TALLY_MAX_KINDS;
}

static bool
receive_event(TupleTableSlot *slot, DestReceiver *self)
{
	EventReceiver *receiver = (EventReceiver *) self;
	TallyEvent	event;
	int			place;

	slot_getallattrs(slot);
	if (slot->tts_isnull[0] || slot->tts_isnull[1])
		elog(ERROR, "event without visitor or time");
	memcpy(event.visitor, DatumGetUUIDP(slot->tts_values[0])->data, UUID_LEN);
	event.at = DatumGetTimestampTz(slot->tts_values[1]);
	event.program = slot->tts_isnull[3] ? 0 : DatumGetInt64(slot->tts_values[3]);
	for (place = 0; place < receiver->tally->nkeys; place++)
	{
		event.has_key[place] = !slot->tts_isnull[FIRST_KEY + place];
		event.keys[place] = event.has_key[place] ? DatumGetInt64(slot->tts_values[FIRST_KEY + place]) : 0;
	}
	if (receiver->is_new)
	{
		event.kind = slot->tts_isnull[2] ? TALLY_MAX_KINDS : kind_number(receiver, slot->tts_values[2]);
		tally_add(receiver->tally, &event);
		if (receiver->sums != NULL)
			tally_sums_add(receiver->sums, &event);
		if (receiver->rows % EVENTS_PER_CHECK == 0 && MemoryContextMemAllocated(receiver->tally->context, true) > receiver->memory)
		{
			receiver->is_full = true;
			return false;
		}
	}
	else
		tally_seen(receiver->tally, &event);
	return ++receiver->rows != receiver->limit;
}

/* How many rows it had. */
static uint64
run_query(EventQuery *query, EventReceiver *receiver)
{
	SPIPlanPtr	plan = SPI_prepare(query->query, query->nargs, query->types);
	ParamListInfo params = makeParamList(query->nargs);
	int			i;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	for (i = 0; i < query->nargs; i++)
	{
		params->params[i].value = query->values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = query->types[i];
	}
	receiver->rows = 0;
	query_run(plan, true, params, &receiver->receiver);
	SPI_freeplan(plan);
	return receiver->rows;
}

/* in_hour: ($1 last_seen, $2 from, $3 until, $4 limit); whether there were no more than that */
static bool
read_hour(EventReceiver *receiver, char *in_hour, Oid snapshot_type, Datum last_seen, uint32 hour)
{
	TimestampTz from = tally_hour_at(receiver->tally, hour);
	int64		limit = (int64) receiver->tally->hour_events[hour] * READS_PER_PROBE;
	EventQuery	query = {in_hour, 4, {snapshot_type, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID},
	{last_seen, TimestampTzGetDatum(from), TimestampTzGetDatum(from + USECS_PER_HOUR), Int64GetDatum(limit + 1)}};

	return run_query(&query, receiver) <= (uint64) limit;
}

/* of_visitors: ($1 last_seen, $2 visitors, $3 hours, $4 the first of these, $5 the end of the last) */
static void
read_visitors(EventReceiver *receiver, char *of_visitors, Oid snapshot_type, Datum last_seen, const bool *is_read)
{
	Tally	   *tally = receiver->tally;
	IdMap		wanted;
	Datum	   *visitors;
	Datum	   *hours;
	TimestampTz first = DT_NOEND;
	TimestampTz last = DT_NOBEGIN;
	uint32		i;

	id_map_create(&wanted, tally->context, 1, tally->pairs.seed);
	for (i = 0; i < tally->pairs.count; i++)
	{
		uint32		hour = tally->bucket[tally->pairs.keys[i] >> 32].hour;
		uint64		word = (uint64) hour << 32 | (tally->pairs.keys[i] & 0xffffffff);

		if (!is_read[hour])
			id_map_add(&wanted, &word, "visitors of hours");
	}
	if (wanted.count == 0)
		return;
	visitors = MemoryContextAllocHuge(tally->context, wanted.count * sizeof(Datum));
	hours = MemoryContextAllocHuge(tally->context, wanted.count * sizeof(Datum));
	for (i = 0; i < wanted.count; i++)
	{
		TimestampTz hour = tally_hour_at(tally, (uint32) (wanted.keys[i] >> 32));

		visitors[i] = PointerGetDatum(tally->visitors.keys + 2 * (wanted.keys[i] & 0xffffffff));
		hours[i] = TimestampTzGetDatum(hour);
		first = Min(first, hour);
		last = Max(last, hour);
	}
	{
		EventQuery	query = {of_visitors, 5, {snapshot_type, UUIDARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
		{last_seen,
			PointerGetDatum(construct_array(visitors, (int) wanted.count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR)),
			PointerGetDatum(construct_array(hours, (int) wanted.count, TIMESTAMPTZOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
		TimestampTzGetDatum(first), TimestampTzGetDatum(last + USECS_PER_HOUR)}};

		run_query(&query, receiver);
	}
}

/* place 0: nothing was counted, there are too many, or for the memory. */
static void
put_refusal(ReturnSetInfo *result)
{
	Datum		values[RESULT_COLUMNS] = {Int32GetDatum(0)};
	bool		nulls[RESULT_COLUMNS] = {false, true, true, true, true, true, true, true, true, true, true};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
put_buckets(Tally *tally, int nkinds, ReturnSetInfo *result)
{
	uint32		i;

	for (i = 0; i < tally->buckets.count; i++)
	{
		const TallyBucket *bucket = &tally->bucket[i];
		Datum		values[RESULT_COLUMNS] = {0};
		bool		nulls[RESULT_COLUMNS] = {false, false, false, false, false, true, true, true, true, true, true};
		Datum		counts[TALLY_MAX_KINDS + 1];
		int			kind;

		for (kind = 0; kind < nkinds; kind++)
			counts[kind] = Int64GetDatum(bucket->counts[kind]);
		counts[nkinds] = Int64GetDatum(bucket->visitors);
		values[0] = Int32GetDatum(bucket->place + 1);
		values[1] = Int64GetDatum(bucket->key);
		values[2] = Int64GetDatum(tally_program_at(tally, bucket->program));
		values[3] = TimestampTzGetDatum(tally_hour_at(tally, bucket->hour));
		values[4] = PointerGetDatum(construct_array(counts, nkinds + 1, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		pfree(DatumGetPointer(values[4]));
		CHECK_FOR_INTERRUPTS();
	}
}

/* One row for all of them, place -1: arrays are read once, whatever reads the buckets. */
static void
put_sums(TallySums *sums, MemoryContext context, ReturnSetInfo *result)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);
	uint32		count = sums->numbers.count;
	Datum	   *kinds = MemoryContextAllocHuge(context, (count + 1) * sizeof(Datum));
	Datum	   *keys = MemoryContextAllocHuge(context, (count + 1) * sizeof(Datum));
	Datum	   *programs = MemoryContextAllocHuge(context, (count + 1) * sizeof(Datum));
	Datum	   *states = MemoryContextAllocHuge(context, (count + 1) * sizeof(Datum));
	Datum		values[RESULT_COLUMNS] = {Int32GetDatum(-1)};
	bool		nulls[RESULT_COLUMNS] = {false, true, true, true, true};
	uint32		i;
	int			h;

	tally_sums_sort(sums);
	for (i = 0; i < count; i++)
	{
		kinds[i] = Int32GetDatum((int) sums->sum[i].kind + 1);
		keys[i] = Int64GetDatum(sums->sum[i].key);
		programs[i] = Int64GetDatum(sums->sum[i].program);
	}
	values[FIRST_SUMS] = PointerGetDatum(construct_array(kinds, (int) count, INT4OID, 4, true, TYPALIGN_INT));
	values[FIRST_SUMS + 1] = PointerGetDatum(construct_array(keys, (int) count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[FIRST_SUMS + 2] = PointerGetDatum(construct_array(programs, (int) count, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	for (h = 0; h < TALLY_HALF_LIVES; h++)
	{
		for (i = 0; i < count; i++)
			states[i] = PointerGetDatum(decayed_state_trimmed(sums->sum[i].states[h]));
		values[FIRST_SUMS + 3 + h] = PointerGetDatum(construct_array(states, (int) count, BYTEAOID, -1, false, TYPALIGN_INT));
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old_context);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static Datum
tally_events(FunctionCallInfo fcinfo)
{
	char	   *new_events = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *in_hour = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *of_visitors = text_to_cstring(PG_GETARG_TEXT_PP(2));
	int			nkeys = PG_GETARG_INT32(4);
	int32		limit = PG_GETARG_INT32(5);
	Oid			snapshot_type = get_fn_expr_argtype(fcinfo->flinfo, 6);
	Datum		last_seen = PG_GETARG_DATUM(6);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "tally of events", ALLOCSET_DEFAULT_SIZES);
	EventReceiver receiver;
	EventQuery	query = {new_events, 3, {snapshot_type, snapshot_type, TIMESTAMPTZOID},
	{last_seen, PG_GETARG_DATUM(7), PG_GETARG_DATUM(8)}};
	Tally		tally;
	TallySums	sums;
	Datum	   *kinds;
	bool	   *is_read;
	uint32		hour;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT, &kinds, NULL, &receiver.nkinds);
	if (nkeys < 1 || nkeys > TALLY_MAX_KEYS || receiver.nkinds > TALLY_MAX_KINDS || limit < 0)
		elog(ERROR, "events have 1 to %d keys and up to %d kinds", TALLY_MAX_KEYS, TALLY_MAX_KINDS);
	InitMaterializedSRF(fcinfo, 0);

	memset(&receiver.receiver, 0, sizeof(receiver.receiver));
	receiver.receiver.receiveSlot = receive_event;
	receiver.receiver.rStartup = receiver_startup;
	receiver.tally = &tally;
	receiver.kinds = (text **) kinds;
	receiver.is_new = true;
	receiver.limit = (uint64) limit + 1;
	receiver.memory = (Size) maintenance_work_mem * 1024;
	receiver.is_full = false;
	tally_create(&tally, nkeys, context);
	receiver.sums = NULL;
	if (!PG_ARGISNULL(9) && !PG_ARGISNULL(10))
	{
		tally_sums_create(&sums, nkeys, receiver.nkinds, PG_GETARG_ARRAYTYPE_P(9), PG_GETARG_ARRAYTYPE_P(10), context);
		receiver.sums = &sums;
	}
	SPI_connect();
	if (run_query(&query, &receiver) > (uint64) limit || receiver.is_full)
	{
		SPI_finish();
		put_refusal((ReturnSetInfo *) fcinfo->resultinfo);
		MemoryContextDelete(context);
		return (Datum) 0;
	}

	receiver.is_new = false;
	receiver.limit = 0;
	is_read = MemoryContextAllocZero(context, tally.hours.count + 1);
	for (hour = 0; in_hour != NULL && hour < tally.hours.count; hour++)
		is_read[hour] = tally.hour_events[hour] >= FEW_EVENTS && read_hour(&receiver, in_hour, snapshot_type, last_seen, hour);
	read_visitors(&receiver, of_visitors, snapshot_type, last_seen, is_read);
	SPI_finish();

	tally_finish(&tally);
	put_buckets(&tally, receiver.nkinds, (ReturnSetInfo *) fcinfo->resultinfo);
	if (receiver.sums != NULL)
		put_sums(receiver.sums, context, (ReturnSetInfo *) fcinfo->resultinfo);
	MemoryContextDelete(context);
	return (Datum) 0;
}

Datum
stats_tally_events(PG_FUNCTION_ARGS)
{
	int			i;

	/* readers may call this by itself; without in_hour, weights and half_lives it has less to do */
	for (i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i) && i != 1 && i != 9 && i != 10)
			elog(ERROR, "argument %d is NULL", i + 1);
	return tally_events(fcinfo);
}

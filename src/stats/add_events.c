/*
 * add_events.c
 *	  influence_internal.add_events(): adds new events, and the visitors that are
 *	  new to each, to buckets; if asked for, says what they add to decayed counters.
 *
 * Three queries, in the snapshot of the calling statement, so that a person who
 * is forgotten meanwhile is the same in all of them. The new events; then events
 * of their visitors in these hours that are in the buckets already: in the order
 * of time where an hour has not many times as many as new ones, else looked up
 * by visitor and hour. Memory grows with the new events, up to maintenance_work_mem:
 * 9,000 touches of a busy hour take 6 MB.
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
#include "tally_write.h"

PG_FUNCTION_INFO_V1(stats_add_events);

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

typedef struct EventReceiver
{
	DestReceiver receiver;
	Tally	   *tally;
	TallySums  *sums;			/* NULL: none are asked for */
	int			nkinds;
	char	  **kinds;
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
		if (strncmp(VARDATA_ANY(kind), receiver->kinds[i], size) == 0 && receiver->kinds[i][size] == '\0')
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
	NullableDatum args[lengthof(query->values)];
	int			i;

	for (i = 0; i < query->nargs; i++)
		args[i] = (NullableDatum) {query->values[i], false};
	receiver->rows = 0;
	query_run_once(query->query, query->nargs, query->types, args, &receiver->receiver);
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

/* Reads events and counts them; whether there were no more than the limit, and room for them. */
static bool
tally_events(EventReceiver *receiver, EventQuery *new_events, char *in_hour, char *of_visitors)
{
	Tally	   *tally = receiver->tally;
	Oid			snapshot_type = new_events->types[0];
	Datum		last_seen = new_events->values[0];
	uint64		limit = receiver->limit - 1;
	bool	   *is_read;
	uint32		hour;

	receiver->is_new = true;
	if (run_query(new_events, receiver) > limit || receiver->is_full)
		return false;
	if (of_visitors != NULL)
	{
		receiver->is_new = false;
		receiver->limit = 0;
		is_read = MemoryContextAllocZero(tally->context, tally->hours.count + 1);
		for (hour = 0; in_hour != NULL && hour < tally->hours.count; hour++)
			is_read[hour] = tally->hour_events[hour] >= FEW_EVENTS && read_hour(receiver, in_hour, snapshot_type, last_seen, hour);
		read_visitors(receiver, of_visitors, snapshot_type, last_seen, is_read);
	}
	tally_finish(tally);
	return true;
}

/* An array of text, as many as there should be (-1: however many). */
static char **
texts_of(ArrayType *array, int wanted, int *count)
{
	Datum	   *values;
	char	  **result;
	int			i;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, NULL, count);
	if (wanted >= 0 && *count != wanted)
		elog(ERROR, "%d names where %d are needed", *count, wanted);
	result = palloc((*count + 1) * sizeof(*result));
	for (i = 0; i < *count; i++)
		result[i] = TextDatumGetCString(values[i]);
	return result;
}

/*
 * Arguments: targets text[], columns text[], kinds text[], new_events text, in_hour text, of_visitors text, max_events int,
 * last_seen pg_snapshot, upper pg_snapshot, since timestamptz, until timestamptz, weights float8[], half_lives interval[]; result: (written
 * bigint[], sums bytea).  The comment in new_events.sql says what they are.
 */
Datum
stats_add_events(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "tally of events", ALLOCSET_DEFAULT_SIZES);
	EventReceiver receiver = {0};
	Tally		tally;
	TallySums	sums;
	char	  **targets;
	char	  **columns;
	char	  **kinds;
	char	   *in_hour;
	char	   *of_visitors;
	int			ntargets;
	int			ncolumns;
	int			i;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {true, true};
	bool		is_counted;

	/* readers may call this by itself */
	for (i = 0; i < 11; i++)
		if (PG_ARGISNULL(i) && i != 4 && i != 5)
			elog(ERROR, "argument %d is NULL", i + 1);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	in_hour = PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4));
	of_visitors = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	targets = texts_of(PG_GETARG_ARRAYTYPE_P(0), -1, &ntargets);
	kinds = texts_of(PG_GETARG_ARRAYTYPE_P(2), -1, &receiver.nkinds);
	if (ntargets < 1 || ntargets > TALLY_MAX_KEYS || receiver.nkinds > TALLY_MAX_KINDS || PG_GETARG_INT32(6) < 0)
		elog(ERROR, "events have 1 to %d keys and up to %d kinds", TALLY_MAX_KEYS, TALLY_MAX_KINDS);
	columns = texts_of(PG_GETARG_ARRAYTYPE_P(1), receiver.nkinds + (of_visitors == NULL ? 0 : 1), &ncolumns);

	receiver.receiver.receiveSlot = receive_event;
	receiver.receiver.rStartup = receiver_startup;
	receiver.tally = &tally;
	receiver.kinds = kinds;
	receiver.limit = (uint64) PG_GETARG_INT32(6) + 1;
	receiver.memory = (Size) maintenance_work_mem * 1024;
	tally_create(&tally, ntargets, of_visitors != NULL, context);
	if (!PG_ARGISNULL(11) && !PG_ARGISNULL(12))
	{
		tally_sums_create(&sums, ntargets, receiver.nkinds, PG_GETARG_ARRAYTYPE_P(11), PG_GETARG_ARRAYTYPE_P(12), context);
		receiver.sums = &sums;
	}
	SPI_connect();
	{
		Oid			snapshot_type = get_fn_expr_argtype(fcinfo->flinfo, 7);
		EventQuery	query = {text_to_cstring(PG_GETARG_TEXT_PP(3)), 4, {snapshot_type, snapshot_type, TIMESTAMPTZOID, TIMESTAMPTZOID},
		{PG_GETARG_DATUM(7), PG_GETARG_DATUM(8), PG_GETARG_DATUM(9), PG_GETARG_DATUM(10)}};

		is_counted = tally_events(&receiver, &query, in_hour, of_visitors);
	}
	SPI_finish();
	if (is_counted)
	{
		Datum		written[TALLY_MAX_KEYS];

		for (i = 0; i < ntargets; i++)
			written[i] = Int64GetDatum(tally_write(&tally, i, targets[i], columns, receiver.nkinds));
		values[0] = PointerGetDatum(construct_array(written, ntargets, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		nulls[0] = false;
		if (receiver.sums != NULL)
		{
			values[1] = PointerGetDatum(tally_sums_pack(&sums));
			nulls[1] = false;
		}
	}
	MemoryContextDelete(context);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

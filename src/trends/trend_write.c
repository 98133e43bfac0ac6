/*
 * trend_write.c
 *	  influence_internal.write_trends(): adds sums to the decayed counters.
 *
 * What came is read in the order of the primary key of trend_state, a group of
 * rows (one item in one scope) at a time. Votes, which are program 0 and come
 * first in their group, count in every program: they are part of the scores of
 * the other rows of the group. Where there are new ones, the programs that nothing
 * else came for are scored anew, too.
 *
 * Where all is counted anew, what came is all there is. Nothing is looked up then:
 * the table is walked in the same order beside it, and what is passed is deleted.
 *
 * Memory is that of one group, which has a number for each of its programs.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "../common/query_run.h"
#include "trend_row.h"

PG_FUNCTION_INFO_V1(trends_write_trends);

/* columns of the query: the key, list_id, sums */
#define CAME_COLUMNS (TREND_KEYS + 1 + TREND_HALF_LIVES)

typedef struct TrendWriter
{
	DestReceiver receiver;
	KeyedRows  *rows;
	bool		is_whole;		/* all is counted anew */
	bool		is_voted;		/* there are rows of votes */
	int64		changed;
	MemoryContext group_context;
	MemoryContext row_context;

	/* the group; the rest is in its context */
	bool		has_group;
	Datum		group[TREND_KEYS];	/* with program 0, which are its votes */
	bytea	   *votes[TREND_HALF_LIVES];
	bool		votes_came;
	int64		program;		/* of the row */
	int64	   *programs;		/* that rows came of, in their order, if votes came */
	uint32		program_count;
	uint32		program_room;

	/* where all is counted anew */
	bool		has_begun;
	bool		is_ahead;		/* the row found is the next of the table */
} TrendWriter;

static int
compare_numbers(Datum a, Datum b)
{
	return DatumGetInt64(a) < DatumGetInt64(b) ? -1 : DatumGetInt64(a) > DatumGetInt64(b);
}

/* As the primary key has them: kinds byte by byte. */
static int
compare_keys(const Datum *a, const Datum *b, int count)
{
	const text *x = DatumGetTextPP(a[0]);
	const text *y = DatumGetTextPP(b[0]);
	size_t		x_size = VARSIZE_ANY_EXHDR(x);
	size_t		y_size = VARSIZE_ANY_EXHDR(y);
	int			result = memcmp(VARDATA_ANY(x), VARDATA_ANY(y), Min(x_size, y_size));
	int			i;

	if (result == 0 && x_size != y_size)
		result = x_size < y_size ? -1 : 1;
	for (i = 1; i < count && result == 0; i++)
		result = compare_numbers(a[i], b[i]);
	return result;
}

/* Goes on to where the row is or would be (key is NULL: to the end). What is passed did not come and is deleted. */
static bool
walk_to(TrendWriter *writer, const Datum *key)
{
	if (!writer->has_begun)
		writer->is_ahead = keyed_rows_find(writer->rows, NULL, 0);
	writer->has_begun = true;
	while (writer->is_ahead)
	{
		Datum		ahead[TREND_KEYS];
		bool		is_null;
		int			i;
		int			order;

		for (i = 0; i < TREND_KEYS; i++)
			ahead[i] = keyed_rows_value(writer->rows, i, &is_null);
		order = key == NULL ? -1 : compare_keys(ahead, key, TREND_KEYS);
		if (order >= 0)
			return order == 0;
		keyed_rows_delete(writer->rows);
		writer->changed++;
		writer->is_ahead = keyed_rows_next(writer->rows);
	}
	return false;
}

/* Writes a row with the scores of its sums and the votes of the group together. */
static void
put_row(TrendWriter *writer, TrendRow *row, const TrendRow *before)
{
	trend_row_score(row, writer->votes);
	if (trend_row_write(writer->rows, row, before) && DatumGetInt64(row->keys[TREND_KEYS - 1]) != 0)
		writer->changed++;
}

static void
keep_votes(TrendWriter *writer, bytea *const *states)
{
	MemoryContext old = MemoryContextSwitchTo(writer->group_context);
	int			h;

	for (h = 0; h < TREND_HALF_LIVES; h++)
		if (states[h] != NULL)
			writer->votes[h] = (bytea *) DatumGetPointer(datumCopy(PointerGetDatum(states[h]), false, -1));
	MemoryContextSwitchTo(old);
}

static void
begin_group(TrendWriter *writer, const TrendRow *first)
{
	MemoryContext old;

	MemoryContextReset(writer->group_context);
	old = MemoryContextSwitchTo(writer->group_context);
	memcpy(writer->group, first->keys, sizeof(writer->group));
	writer->group[0] = datumCopy(first->keys[0], false, -1);
	MemoryContextSwitchTo(old);
	writer->group[TREND_KEYS - 1] = Int64GetDatum(0);
	writer->has_group = true;
	memset(writer->votes, 0, sizeof(writer->votes));
	writer->votes_came = DatumGetInt64(first->keys[TREND_KEYS - 1]) == 0;
	writer->programs = NULL;
	writer->program_count = 0;
	writer->program_room = 0;
	if (writer->is_voted && !writer->votes_came && trend_row_may_have_votes(first) && keyed_rows_find(writer->rows, writer->group, TREND_KEYS))
	{
		TrendRow	votes;

		trend_row_read(writer->rows, &votes);
		keep_votes(writer, votes.states);
	}
}

static void
note_program(TrendWriter *writer, int64 program)
{
	if (writer->program_count == writer->program_room)
	{
		uint32		room = writer->program_room == 0 ? 16 : 2 * writer->program_room;
		int64	   *programs = MemoryContextAllocHuge(writer->group_context, room * sizeof(*programs));

		if (writer->program_count > 0)
			memcpy(programs, writer->programs, writer->program_count * sizeof(*programs));
		writer->programs = programs;
		writer->program_room = room;
	}
	writer->programs[writer->program_count++] = program;
}

/* Votes count wherever the product, or something of the category, was touched or sold before. */
static void
score_others(TrendWriter *writer)
{
	bool		is_found = keyed_rows_find(writer->rows, writer->group, TREND_GROUP_KEYS);
	uint32		came = 0;

	for (; is_found; is_found = keyed_rows_next(writer->rows))
	{
		TrendRow	before;
		TrendRow	row;
		int64		program;

		trend_row_read(writer->rows, &before);
		program = DatumGetInt64(before.keys[TREND_KEYS - 1]);
		while (came < writer->program_count && writer->programs[came] < program)
			came++;
		if (came < writer->program_count && writer->programs[came] == program)
			continue;
		row = before;
		trend_states_plus(row.states, before.states, NULL);
		put_row(writer, &row, &before);
		MemoryContextReset(writer->row_context);
	}
}

static void
end_group(TrendWriter *writer)
{
	if (writer->has_group && writer->votes_came && !writer->is_whole)
		score_others(writer);
	writer->has_group = false;
}

/* Ends a group and begins the next, where a row is of another one. */
static void
enter_group(TrendWriter *writer, const TrendRow *row)
{
	int64		program = DatumGetInt64(row->keys[TREND_KEYS - 1]);
	int			order = writer->has_group ? compare_keys(writer->group, row->keys, TREND_GROUP_KEYS) : -1;

	if (order > 0 || (order == 0 && program <= writer->program))
		elog(ERROR, "sums do not come in the order of their counters");
	if (order < 0)
	{
		end_group(writer);
		begin_group(writer, row);
	}
	writer->program = program;
	if (writer->votes_came && !writer->is_whole)
		note_program(writer, program);
}

static void
take_row(TrendWriter *writer, TrendRow *row)
{
	TrendRow	before;
	bool		is_there = writer->is_whole ? walk_to(writer, row->keys) : keyed_rows_find(writer->rows, row->keys, TREND_KEYS);

	if (is_there)
		trend_row_read(writer->rows, &before);
	if (!writer->is_whole)
		trend_states_plus(row->states, row->states, is_there ? before.states : NULL);
	if (writer->program == 0)
		keep_votes(writer, row->states);
	put_row(writer, row, is_there ? &before : NULL);
	if (is_there && writer->is_whole)
		writer->is_ahead = keyed_rows_next(writer->rows);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	TrendWriter *writer = (TrendWriter *) self;
	MemoryContext old;
	TrendRow	row;
	int			i;

	slot_getallattrs(slot);
	for (i = 0; i <= TREND_KEYS; i++)
		if (slot->tts_isnull[i])
			elog(ERROR, "column %d of sums is NULL", i + 1);
	old = MemoryContextSwitchTo(writer->row_context);
	memcpy(row.keys, slot->tts_values, sizeof(row.keys));
	enter_group(writer, &row);
	row.values[0] = slot->tts_values[TREND_KEYS];
	row.nulls[0] = false;
	for (i = 0; i < TREND_HALF_LIVES; i++)
	{
		int			column = TREND_KEYS + 1 + i;

		row.states[i] = slot->tts_isnull[column] ? NULL : DatumGetByteaPP(slot->tts_values[column]);
	}
	take_row(writer, &row);
	MemoryContextSwitchTo(old);
	MemoryContextReset(writer->row_context);
	return true;
}

static void
check_columns(DestReceiver *self, int operation, TupleDesc desc)
{
	int			i;

	if (desc->natts != CAME_COLUMNS)
		elog(ERROR, "query of sums has %d columns", desc->natts);
	for (i = 0; i < desc->natts; i++)
	{
		Oid			type = i == 0 ? TEXTOID : i <= TREND_KEYS ? INT8OID : BYTEAOID;

		if (TupleDescAttr(desc, i)->atttypid != type)
			elog(ERROR, "column %d of a query of sums has another type", i + 1);
	}
}

/* came: ($1 last_seen, $2 upper, $3 sums), each as the function got it */
static void
read_came(TrendWriter *writer, FunctionCallInfo fcinfo)
{
	static const Oid types[] = {PG_SNAPSHOTOID, PG_SNAPSHOTOID, BYTEAOID};

	SPI_connect();
	query_run_once(text_to_cstring(PG_GETARG_TEXT_PP(0)), lengthof(types), types, &fcinfo->args[1], &writer->receiver);
	SPI_finish();
}

/* write_trends(came text, last_seen pg_snapshot, upper pg_snapshot, sums bytea, whole boolean, voted boolean) */
Datum
trends_write_trends(PG_FUNCTION_ARGS)
{
	TrendWriter writer;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(4) || PG_ARGISNULL(5))
		elog(ERROR, "came, whole and voted are required");
	memset(&writer, 0, sizeof(writer));
	writer.receiver.receiveSlot = receive_row;
	writer.receiver.rStartup = check_columns;
	writer.is_whole = PG_GETARG_BOOL(4);
	writer.is_voted = PG_GETARG_BOOL(5) && !writer.is_whole;
	writer.group_context = AllocSetContextCreate(CurrentMemoryContext, "trends of an item", ALLOCSET_DEFAULT_SIZES);
	writer.row_context = AllocSetContextCreate(CurrentMemoryContext, "row of trends", ALLOCSET_DEFAULT_SIZES);
	writer.rows = trend_rows_open();
	read_came(&writer, fcinfo);
	end_group(&writer);
	if (writer.is_whole)
		walk_to(&writer, NULL);
	keyed_rows_close(writer.rows);
	MemoryContextDelete(writer.row_context);
	MemoryContextDelete(writer.group_context);
	PG_RETURN_INT64(writer.changed);
}

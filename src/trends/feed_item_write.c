/*
 * feed_item_write.c
 *	  influence_internal.write_feed_items(): brings post_total and feed_item to
 *	  what came for posts.
 *
 * What came is read post by post. Its total is looked up by its key and becomes
 * what it was and what came, or, where that is not known, the sum of all hours of
 * the post; then the post's row of the feed follows from the total. Both are
 * written only if they say something else.
 *
 * Memory is that of one post.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "../common/query_run.h"
#include "../feed/decayed_score.h"
#include "feed_rate.h"
#include "post_total.h"

PG_FUNCTION_INFO_V1(trends_write_feed_items);

/* columns of the query */
static const Oid came_types[] = {INT8OID, BOOLOID, INT8OID, TIMESTAMPTZOID, NUMERICOID, BYTEAOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
INT8OID, INT8OID};

#define CAME_COLUMNS ((int) lengthof(came_types))
#define CAME_COUNTS (CAME_COLUMNS - 1 - POST_REACTIONS)

typedef struct CamePost
{
	int64		post_id;
	bool		is_published;	/* there is such a post */
	bool		has_total;		/* something of its total came */
	int64		program_id;
	TimestampTz published_at;
	Datum		revenue;
	bytea	   *change;			/* of its quality; NULL: none */
	PostCounts	counts;
} CamePost;

static const KeyedColumn item_columns[] = {
	{"post_id", INT8OID}, {"program_id", INT8OID}, {"published_at", TIMESTAMPTZOID}, {"quality", FLOAT8OID}, {"engagement", FLOAT8OID},
	{"sales", FLOAT8OID}
};

#define ITEM_PROGRAM 1
#define ITEM_PUBLISHED 2
#define ITEM_NUMBERS 3

/* those that are written */
enum
{
	QUALITY,
	ENGAGEMENT,
	SALES,
	NUMBERS
};

static const KeyedColumn mean_columns[] = {{"program_id", INT8OID}, {"engagement", FLOAT8OID}, {"revenue", FLOAT8OID}};

/* What posts of a program are compared with. */
typedef struct ProgramMean
{
	bool		is_known;		/* is it that of a program? */
	bool		is_there;
	int64		program_id;
	float8		engagement;
	float8		revenue;
} ProgramMean;

typedef struct FeedItemWriter
{
	DestReceiver receiver;
	KeyedRows  *hours;
	KeyedRows  *totals;
	KeyedRows  *means;
	KeyedRows  *items;
	MemoryContext row_context;
	bool		is_whole;		/* all is counted anew */
	bool		is_added;		/* what came is new to the totals that are there */
	int64		half_life;
	int64		publish;		/* weight of the publication */
	float8		weights[POST_REACTIONS];
	float8		strength;
	ProgramMean mean;			/* the last one that was asked for */
	bool		has_begun;
	int64		last_post;
	int64		ranked;
	int64		rated;
} FeedItemWriter;

static bytea *
publication_state(const FeedItemWriter *writer, TimestampTz at)
{
	return decayed_state_with(NULL, writer->half_life, at, writer->publish);
}

/* Brings the total of a post to what came. Whether there is one. */
static bool
bring_total(FeedItemWriter *writer, const CamePost *came, PostTotal *total)
{
	PostTotal	before;
	bool		is_there = post_total_find(writer->totals, came->post_id, &before);

	if (!came->has_total || !came->is_published)
	{
		if (is_there)
			*total = before;
		return is_there;
	}
	total->program_id = came->program_id;
	if (is_there && before.has_reactions && writer->is_added)
	{
		total->counts = before.counts;
		post_counts_add(&total->counts, &came->counts);
	}
	else
		post_hours_sum(writer->hours, came->post_id, &total->counts);
	total->has_reactions = true;
	total->engagement = post_counts_engagement(&total->counts, writer->weights);
	total->revenue = came->revenue;
	total->quality_state = is_there && !writer->is_whole ? before.quality_state : NULL;
	if (came->change != NULL)
	{
		bytea	   *state = total->quality_state == NULL ? publication_state(writer, came->published_at) : total->quality_state;

		total->quality_state = decayed_state_plus(state, came->change);
	}
	post_total_write(writer->totals, came->post_id, total, is_there ? &before : NULL);
	return true;
}

/* Posts of one program mostly come one after the other. */
static const ProgramMean *
mean_of(FeedItemWriter *writer, int64 program_id)
{
	ProgramMean *mean = &writer->mean;
	Datum		key = Int64GetDatum(program_id);
	bool		is_null;

	if (mean->is_known && mean->program_id == program_id)
		return mean;
	mean->is_known = true;
	mean->program_id = program_id;
	mean->is_there = keyed_rows_find(writer->means, &key, 1);
	if (mean->is_there)
	{
		mean->engagement = DatumGetFloat8(keyed_rows_value(writer->means, 1, &is_null));
		mean->revenue = DatumGetFloat8(keyed_rows_value(writer->means, 2, &is_null));
	}
	return mean;
}

static float8
item_number(FeedItemWriter *writer, int number)
{
	bool		is_null;

	return DatumGetFloat8(keyed_rows_value(writer->items, ITEM_NUMBERS + number, &is_null));
}

/* What follows from a total (NULL: there is none) for the row of the feed that was found. */
static void
rate_item(FeedItemWriter *writer, const PostTotal *total, float8 *numbers)
{
	bool		is_null;
	Datum		program = keyed_rows_value(writer->items, ITEM_PROGRAM, &is_null);
	Datum		published_at = keyed_rows_value(writer->items, ITEM_PUBLISHED, &is_null);
	const ProgramMean *mean;

	numbers[QUALITY] = decayed_state_score(total != NULL && total->quality_state != NULL ? total->quality_state :
												publication_state(writer, DatumGetTimestampTz(published_at)));
	numbers[ENGAGEMENT] = numbers[SALES] = 0;
	if (total == NULL)
		return;
	mean = mean_of(writer, DatumGetInt64(program));
	if (!mean->is_there)
		return;
	numbers[ENGAGEMENT] = feed_shrunk_log_ratio(total->engagement, (float8) total->counts.impressions, mean->engagement, writer->strength);
	numbers[SALES] = feed_shrunk_log_ratio(DatumGetFloat8(DirectFunctionCall1(numeric_float8, total->revenue)),
												(float8) total->counts.impressions, mean->revenue, writer->strength);
}

/* Writes the row of the feed that was found, unless its creator has been forgotten meanwhile. */
static bool
write_item(FeedItemWriter *writer, const float8 *numbers)
{
	Datum		values[NUMBERS];
	bool		nulls[NUMBERS] = {false};
	int			i;

	if (!keyed_rows_lock(writer->items))
		return false;
	for (i = 0; i < NUMBERS; i++)
		values[i] = Float8GetDatum(numbers[i]);
	keyed_rows_update(writer->items, values, nulls);
	return true;
}

static void
bring_item(FeedItemWriter *writer, int64 post_id, const PostTotal *total)
{
	Datum		key = Int64GetDatum(post_id);
	float8		numbers[NUMBERS];
	bool		is_ranked;
	bool		is_rated;

	if (!keyed_rows_find(writer->items, &key, 1))
		return;
	rate_item(writer, total, numbers);
	is_ranked = float8_ne(numbers[QUALITY], item_number(writer, QUALITY));
	is_rated = float8_ne(numbers[ENGAGEMENT], item_number(writer, ENGAGEMENT)) ||
		float8_ne(numbers[SALES], item_number(writer, SALES));
	/* one new version of a row that is in five indexes, whatever of it changes */
	if ((is_ranked || is_rated) && write_item(writer, numbers))
	{
		writer->ranked += is_ranked ? 1 : 0;
		writer->rated += is_rated ? 1 : 0;
	}
}

static void
read_post(TupleTableSlot *slot, CamePost *came)
{
	const Datum *values = slot->tts_values;
	const bool *nulls = slot->tts_isnull;
	int			i;

	for (i = 0; i < CAME_COLUMNS; i++)
		if (nulls[i] && (i < 2 || i >= CAME_COUNTS))
			elog(ERROR, "column %d of posts is NULL", i + 1);
	came->post_id = DatumGetInt64(values[0]);
	came->has_total = DatumGetBool(values[1]);
	came->is_published = !nulls[2] && !nulls[3];
	if (came->is_published)
	{
		came->program_id = DatumGetInt64(values[2]);
		came->published_at = DatumGetTimestampTz(values[3]);
		if (came->has_total && nulls[4])
			elog(ERROR, "column 5 of posts is NULL");
	}
	came->revenue = values[4];
	came->change = nulls[5] ? NULL : DatumGetByteaPP(values[5]);
	came->counts.impressions = DatumGetInt64(values[CAME_COUNTS]);
	for (i = 0; i < POST_REACTIONS; i++)
		came->counts.reactions[i] = DatumGetInt64(values[CAME_COUNTS + 1 + i]);
}

static bool
receive_post(TupleTableSlot *slot, DestReceiver *self)
{
	FeedItemWriter *writer = (FeedItemWriter *) self;
	MemoryContext old = MemoryContextSwitchTo(writer->row_context);
	CamePost	came;
	PostTotal	total;

	slot_getallattrs(slot);
	read_post(slot, &came);
	/* a row is written once */
	if (writer->has_begun && came.post_id <= writer->last_post)
		elog(ERROR, "posts do not come in the order of their keys");
	writer->has_begun = true;
	writer->last_post = came.post_id;
	bring_item(writer, came.post_id, bring_total(writer, &came, &total) ? &total : NULL);
	MemoryContextSwitchTo(old);
	MemoryContextReset(writer->row_context);
	return true;
}

static void
check_columns(DestReceiver *self, int operation, TupleDesc desc)
{
	int			i;

	if (desc->natts != CAME_COLUMNS)
		elog(ERROR, "query of posts has %d columns", desc->natts);
	for (i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->atttypid != came_types[i])
			elog(ERROR, "column %d of a query of posts has another type", i + 1);
}

/* The parameters of the query are the arguments from the second on, as the function got them. */
static void
read_came(FeedItemWriter *writer, FunctionCallInfo fcinfo)
{
	static const Oid types[] = {PG_SNAPSHOTOID, PG_SNAPSHOTOID, BOOLOID, INT8ARRAYOID, INTERVALOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID};

	SPI_connect();
	query_run_once(text_to_cstring(PG_GETARG_TEXT_PP(0)), lengthof(types), types, &fcinfo->args[1], &writer->receiver);
	SPI_finish();
}

/* weights: of the publication, then of each kind of reaction; NULL: none */
static void
read_weights(FeedItemWriter *writer, ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	int			i;

	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, &nulls, &count);
	if (count != 1 + POST_REACTIONS)
		elog(ERROR, "there are %d weights", count);
	writer->publish = decayed_weight_units(nulls[0] ? 0 : DatumGetFloat8(values[0]));
	for (i = 0; i < POST_REACTIONS; i++)
		writer->weights[i] = nulls[1 + i] ? 0 : DatumGetFloat8(values[1 + i]);
}

/*
 * write_feed_items(came text, last_seen pg_snapshot, upper pg_snapshot, whole boolean, sold bigint[], half_life interval,
 * kept_from timestamptz, shown_from timestamptz, shown_until timestamptz, added boolean, weights float8[], strength float8);
 * result: (post_ranks bigint, feed_items bigint)
 */
Datum
trends_write_feed_items(PG_FUNCTION_ARGS)
{
	FeedItemWriter writer;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false};
	int			i;

	for (i = 0; i < 12; i++)
		if (PG_ARGISNULL(i) && i != 2)
			elog(ERROR, "argument %d is NULL", i + 1);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	memset(&writer, 0, sizeof(writer));
	writer.receiver.receiveSlot = receive_post;
	writer.receiver.rStartup = check_columns;
	writer.is_whole = PG_GETARG_BOOL(3);
	writer.is_added = PG_GETARG_BOOL(9) && !writer.is_whole;
	writer.half_life = decayed_half_life_us(PG_GETARG_INTERVAL_P(5));
	read_weights(&writer, PG_GETARG_ARRAYTYPE_P(10));
	writer.strength = PG_GETARG_FLOAT8(11);
	writer.row_context = AllocSetContextCreate(CurrentMemoryContext, "post of the feed", ALLOCSET_DEFAULT_SIZES);
	writer.hours = post_hours_open();
	writer.totals = post_totals_open();
	writer.means = keyed_rows_open("feed_mean", mean_columns, lengthof(mean_columns), 1, lengthof(mean_columns) - 1);
	writer.items = keyed_rows_open("feed_item", item_columns, lengthof(item_columns), 1, ITEM_NUMBERS - 1);
	read_came(&writer, fcinfo);
	keyed_rows_close(writer.items);
	keyed_rows_close(writer.means);
	keyed_rows_close(writer.totals);
	keyed_rows_close(writer.hours);
	MemoryContextDelete(writer.row_context);
	values[0] = Int64GetDatum(writer.ranked);
	values[1] = Int64GetDatum(writer.rated);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * attribution_input.c
 *	  The two queries of attribute(): checked, run as the caller, decoded.
 *
 * Both queries are prepared and their columns matched by name before either
 * runs. Then their rows go straight from the executor, by way of a
 * DestReceiver, to the sink: nothing is buffered here, and the plans may be
 * parallel, which a cursor's could not.
 *
 * Visitors are known by 128 bits of XXH3 under a random seed per run, so that
 * no one can craft two that collide; results never show the hash.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include <xxhash.h>

#include "../common/errors.h"
#include "attribution_input.h"

/* what is read of a query */
typedef enum InputColumn
{
	INPUT_VISITOR,
	INPUT_AT,
	INPUT_ID,
	INPUT_CREATOR,
	INPUT_KIND,
	INPUT_PRODUCT,
	INPUT_AMOUNT,
	INPUT_EXCLUDED,
	INPUT_COLUMNS
} InputColumn;

typedef enum ColumnType
{
	COLUMN_VISITOR,
	COLUMN_TIME,
	COLUMN_INTEGER,
	COLUMN_TEXT,
	COLUMN_INTEGERS
} ColumnType;

typedef struct ColumnSpec
{
	InputColumn column;
	const char *name;
	ColumnType	type;
	bool		required;
} ColumnSpec;

typedef struct QuerySpec
{
	const char *name;
	const char *required;		/* for hints */
	int			ncolumns;
	ColumnSpec	columns[6];
} QuerySpec;

static const QuerySpec touches_spec = {
	"touches",
	"visitor, touched_at timestamptz, touch_id bigint and creator_id bigint", 6,
	{
		{INPUT_VISITOR, "visitor", COLUMN_VISITOR, true},
		{INPUT_AT, "touched_at", COLUMN_TIME, true},
		{INPUT_ID, "touch_id", COLUMN_INTEGER, true},
		{INPUT_CREATOR, "creator_id", COLUMN_INTEGER, true},
		{INPUT_KIND, "kind", COLUMN_TEXT, false},
		{INPUT_PRODUCT, "product_id", COLUMN_INTEGER, false}
	}
};

static const QuerySpec conversions_spec = {
	"conversions",
	"visitor, converted_at timestamptz and conversion_id bigint", 6,
	{
		{INPUT_VISITOR, "visitor", COLUMN_VISITOR, true},
		{INPUT_AT, "converted_at", COLUMN_TIME, true},
		{INPUT_ID, "conversion_id", COLUMN_INTEGER, true},
		{INPUT_AMOUNT, "amount", COLUMN_INTEGER, false},
		{INPUT_PRODUCT, "product_id", COLUMN_INTEGER, false},
		{INPUT_EXCLUDED, "excluded_creator_ids", COLUMN_INTEGERS, false}
	}
};

/* where a column is and which of the accepted types it has */
typedef struct ColumnSource
{
	int			attno;			/* 0: the query has no such column */
	Oid			type;
} ColumnSource;

/* One query: a destination of the executor. */
typedef struct InputReceiver
{
	DestReceiver receiver;
	const QuerySpec *spec;
	SPIPlanPtr	plan;
	bool		read_only;
	ColumnSource columns[INPUT_COLUMNS];
	uint64		seed;
	AttributionInputSink sink;
	void	   *sink_arg;
	MemoryContext row_context;
	AttributionInputCount count;
} InputReceiver;

/* The built-in type to read a column as, or InvalidOid when there is none. */
static Oid
accepted_type(ColumnType wanted, Oid type)
{
	Oid			base = getBaseType(type);
	bool		integer = base == INT8OID || base == INT4OID;
	bool		text = base == TEXTOID || base == VARCHAROID;

	switch (wanted)
	{
		case COLUMN_VISITOR:
			return integer || text || base == UUIDOID ? base : InvalidOid;
		case COLUMN_TIME:
			return base == TIMESTAMPTZOID ? base : InvalidOid;
		case COLUMN_INTEGER:
			return integer ? base : InvalidOid;
		case COLUMN_TEXT:
			return text ? base : InvalidOid;
		case COLUMN_INTEGERS:
			return base == INT8ARRAYOID || base == INT4ARRAYOID ? base : InvalidOid;
	}
	return InvalidOid;
}

static void
refuse_type(const QuerySpec *query, const ColumnSpec *column, Oid type)
{
	static const char *const wanted[] = {
		[COLUMN_VISITOR] = "bigint, uuid or text",
		[COLUMN_TIME] = "timestamp with time zone",
		[COLUMN_INTEGER] = "bigint",
		[COLUMN_TEXT] = "text",
		[COLUMN_INTEGERS] = "bigint[]"
	};

	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
			 errmsg("column \"%s\" of the %s query has type %s, not %s",
					column->name, query->name, format_type_be(type),
					wanted[column->type]),
			 column->type == COLUMN_TIME
			 ? errhint("Cast it and say in which time zone it counts: %s AT TIME ZONE 'UTC'.",
					   column->name)
			 : errhint("Cast it: CAST(%s AS %s).", column->name,
					   column->type == COLUMN_VISITOR ? "text" : wanted[column->type])));
}

static void
map_columns(InputReceiver *input, TupleDesc desc)
{
	const QuerySpec *query = input->spec;
	int			i;

	memset(input->columns, 0, sizeof(input->columns));
	for (i = 0; i < query->ncolumns; i++)
	{
		const ColumnSpec *column = &query->columns[i];
		ColumnSource *source = &input->columns[column->column];
		int			attno;

		for (attno = 1; attno <= desc->natts; attno++)
		{
			Form_pg_attribute attribute = TupleDescAttr(desc, attno - 1);

			if (strcmp(NameStr(attribute->attname), column->name) != 0)
				continue;
			if (source->attno != 0)
				ereport(ERROR,
						(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
						 errmsg("the %s query has more than one column \"%s\"",
								query->name, column->name),
						 errhint("Name each column once.")));
			source->attno = attno;
			source->type = accepted_type(column->type, attribute->atttypid);
			if (!OidIsValid(source->type))
				refuse_type(query, column, attribute->atttypid);
		}

		if (column->required && source->attno == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
					 errmsg("the %s query has no column \"%s\"",
							query->name, column->name),
					 errhint("It must return the columns %s.", query->required)));
	}
}

/*
 * Prepare a query and check its columns, before any of the two runs.
 */
static void
prepare_input(InputReceiver *input, const char *text)
{
	List	   *sources;
	CachedPlanSource *source;
	Query	   *query;

	input->plan = SPI_prepare_cursor(text, 0, NULL, CURSOR_OPT_PARALLEL_OK);
	if (input->plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("the %s query can't be prepared: %s", input->spec->name,
						SPI_result_code_string(SPI_result)),
				 errhint("Pass one SELECT that returns the columns %s.",
						 input->spec->required)));

	sources = SPI_plan_get_plan_sources(input->plan);
	if (list_length(sources) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 sources == NIL
				 ? errmsg("the %s query is empty", input->spec->name)
				 : errmsg("the %s query has %d statements instead of one",
						  input->spec->name, list_length(sources)),
				 errhint("Pass one SELECT that returns the columns %s.",
						 input->spec->required)));

	source = linitial(sources);
	if (source->commandTag != CMDTAG_SELECT || source->resultDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("the %s query is not a SELECT", input->spec->name),
				 errhint("Pass one SELECT that returns the columns %s.",
						 input->spec->required)));
	map_columns(input, source->resultDesc);

	/*
	 * A reading query runs in the snapshot of the calling statement, as a
	 * subquery of it would: with a snapshot of its own each, a touch and its
	 * conversion committed between the two would come apart.
	 */
	query = linitial_node(Query, source->query_list);
	input->read_only = !query->hasModifyingCTE && query->rowMarks == NIL;
}

static int64
read_integer(const ColumnSource *source, TupleTableSlot *slot, bool *isnull)
{
	Datum		value;

	*isnull = true;
	if (source->attno == 0)
		return 0;
	value = slot_getattr(slot, source->attno, isnull);
	if (*isnull)
		return 0;
	return source->type == INT4OID ? (int64) DatumGetInt32(value) : DatumGetInt64(value);
}

static XXH128_hash_t
hash_visitor(const InputReceiver *input, Datum visitor)
{
	const ColumnSource *source = &input->columns[INPUT_VISITOR];
	struct varlena *text;
	int64		number;

	switch (source->type)
	{
		case UUIDOID:
			return XXH3_128bits_withSeed(DatumGetUUIDP(visitor)->data, UUID_LEN,
										 input->seed);
		case INT4OID:
		case INT8OID:
			number = source->type == INT4OID ? (int64) DatumGetInt32(visitor)
				: DatumGetInt64(visitor);
			return XXH3_128bits_withSeed(&number, sizeof(number), input->seed);
		default:
			text = PG_DETOAST_DATUM_PACKED(visitor);
			return XXH3_128bits_withSeed(VARDATA_ANY(text),
										 VARSIZE_ANY_EXHDR(text), input->seed);
	}
}

AttributionKind
attribution_kind_from_name(const char *name, size_t len)
{
	static const char *const names[ATTRIBUTION_KINDS] = {
		[ATTRIBUTION_VIEW] = "view",
		[ATTRIBUTION_CLICK] = "click",
		[ATTRIBUTION_CART] = "cart",
		[ATTRIBUTION_COUPON] = "coupon"
	};
	int			kind;

	for (kind = 0; kind < ATTRIBUTION_KINDS; kind++)
	{
		if (strlen(names[kind]) == len && memcmp(names[kind], name, len) == 0)
			return kind;
	}

	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("unknown kind of touch \"%s\"", pnstrdup(name, len)),
			 errhint("The kinds are view, click, cart and coupon.")));
	return ATTRIBUTION_CLICK;	/* keeps the compiler quiet */
}

bool
attribution_channel_is_direct(const char *name, size_t len)
{
	return len == strlen("direct") && memcmp(name, "direct", len) == 0;
}

/* A touch is a click unless it says otherwise. */
static AttributionKind
read_kind(const ColumnSource *source, TupleTableSlot *slot)
{
	struct varlena *text;
	Datum		value;
	bool		isnull;

	if (source->attno == 0)
		return ATTRIBUTION_CLICK;
	value = slot_getattr(slot, source->attno, &isnull);
	if (isnull)
		return ATTRIBUTION_CLICK;
	text = PG_DETOAST_DATUM_PACKED(value);
	return attribution_kind_from_name(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

/* The excluded creators as a plain bigint[]; NULL elements exclude nobody. */
static ArrayType *
read_excluded(const ColumnSource *source, TupleTableSlot *slot)
{
	Datum		value;
	Datum	   *elements;
	bool	   *nulls;
	bool		isnull;
	bool		wide = source->type == INT8ARRAYOID;
	int			count;
	int			kept = 0;
	int			i;

	if (source->attno == 0)
		return NULL;
	value = slot_getattr(slot, source->attno, &isnull);
	if (isnull)
		return NULL;

	deconstruct_array(DatumGetArrayTypeP(value), wide ? INT8OID : INT4OID,
					  wide ? sizeof(int64) : sizeof(int32),
					  wide ? FLOAT8PASSBYVAL : true,
					  wide ? TYPALIGN_DOUBLE : TYPALIGN_INT,
					  &elements, &nulls, &count);
	for (i = 0; i < count; i++)
	{
		if (!nulls[i])
			elements[kept++] = wide ? elements[i]
				: Int64GetDatum((int64) DatumGetInt32(elements[i]));
	}
	if (kept == 0)
		return NULL;
	return construct_array(elements, kept, INT8OID, sizeof(int64),
						   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/*
 * Decode a row. False when it can't take part: it has no visitor, time or id,
 * or its time is infinite.
 */
static bool
decode_row(const InputReceiver *input, TupleTableSlot *slot,
		   AttributionInputRow *row)
{
	const ColumnSource *columns = input->columns;
	XXH128_hash_t hash;
	Datum		visitor;
	bool		isnull;

	visitor = slot_getattr(slot, columns[INPUT_VISITOR].attno, &isnull);
	if (isnull)
		return false;
	row->at = DatumGetTimestampTz(slot_getattr(slot, columns[INPUT_AT].attno,
											   &isnull));
	if (isnull || TIMESTAMP_NOT_FINITE(row->at))
		return false;
	row->id = read_integer(&columns[INPUT_ID], slot, &isnull);
	if (isnull)
		return false;

	hash = hash_visitor(input, visitor);
	row->visitor_high = hash.high64;
	row->visitor_low = hash.low64;
	row->is_touch = input->spec == &touches_spec;
	row->kind = read_kind(&columns[INPUT_KIND], slot);
	row->creator_id = read_integer(&columns[INPUT_CREATOR], slot, &isnull);
	row->has_creator = !isnull;
	row->product_id = read_integer(&columns[INPUT_PRODUCT], slot, &isnull);
	row->has_product = !isnull;
	row->amount = read_integer(&columns[INPUT_AMOUNT], slot, &isnull);
	row->has_amount = !isnull;
	row->excluded = read_excluded(&columns[INPUT_EXCLUDED], slot);
	return true;
}

static bool
input_receive(TupleTableSlot *slot, DestReceiver *self)
{
	InputReceiver *input = (InputReceiver *) self;
	MemoryContext caller = MemoryContextSwitchTo(input->row_context);
	AttributionInputRow row;

	input->count.rows++;
	if (decode_row(input, slot, &row))
		input->sink(input->sink_arg, &row);
	else
		input->count.rejected++;

	MemoryContextSwitchTo(caller);
	MemoryContextReset(input->row_context);
	return true;
}

/* The plan may have been made anew since prepare_input(). */
static void
input_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	map_columns((InputReceiver *) self, desc);
}

static void
input_nothing(DestReceiver *self)
{
}

static void
init_input(InputReceiver *input, const QuerySpec *spec, uint64 seed,
		   AttributionInputSink sink, void *sink_arg)
{
	memset(input, 0, sizeof(*input));
	input->receiver.receiveSlot = input_receive;
	input->receiver.rStartup = input_startup;
	input->receiver.rShutdown = input_nothing;
	input->receiver.rDestroy = input_nothing;
	input->receiver.mydest = DestTuplestore;	/* the nearest that core knows */
	input->spec = spec;
	input->seed = seed;
	input->sink = sink;
	input->sink_arg = sink_arg;
	input->row_context = AllocSetContextCreate(CurrentMemoryContext,
											   "attribution row",
											   ALLOCSET_SMALL_SIZES);
}

static void
run_input(InputReceiver *input)
{
	SPIExecuteOptions options;
	int			result;

	memset(&options, 0, sizeof(options));
	options.read_only = input->read_only;
	options.must_return_tuples = true;
	options.dest = &input->receiver;

	result = SPI_execute_plan_extended(input->plan, &options);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s",
			 SPI_result_code_string(result));
}

/* bigints match bigints, uuids uuids, texts texts: across, nothing could match */
static void
check_visitor_types(const InputReceiver *touches, const InputReceiver *conversions)
{
	Oid			types[2] = {touches->columns[INPUT_VISITOR].type,
	conversions->columns[INPUT_VISITOR].type};
	Oid			families[2];
	int			i;

	for (i = 0; i < 2; i++)
		families[i] = types[i] == INT4OID ? INT8OID :
			types[i] == VARCHAROID ? TEXTOID : types[i];

	if (families[0] != families[1])
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("the queries identify visitors by different types"),
				 errdetail("Column \"visitor\" is %s in the touches query and %s in the conversions query.",
						   format_type_be(types[0]), format_type_be(types[1])),
				 errhint("Cast one of them to the type of the other.")));
}

void
attribution_input_read(const char *touches_query, const char *conversions_query,
					   AttributionInputSink sink, void *arg,
					   AttributionInputCount *touch_count,
					   AttributionInputCount *conversion_count)
{
	InputReceiver touches;
	InputReceiver conversions;
	uint64		seed;

	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random seed")));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");

	/* the receivers' contexts are SPI's and go with it */
	init_input(&touches, &touches_spec, seed, sink, arg);
	init_input(&conversions, &conversions_spec, seed, sink, arg);
	prepare_input(&touches, touches_query);
	prepare_input(&conversions, conversions_query);
	check_visitor_types(&touches, &conversions);
	run_input(&touches);
	run_input(&conversions);
	*touch_count = touches.count;
	*conversion_count = conversions.count;

	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

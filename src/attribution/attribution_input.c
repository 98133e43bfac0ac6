/*
 * attribution_input.c
 *	  The two queries of attribute(): checked, run as the caller, decoded.
 *
 * Both queries are prepared and their columns matched by name before either
 * runs. Then their rows go straight from the executor, by way of a
 * DestReceiver, to the sinks: nothing is buffered here, and the plans may be
 * parallel, which a cursor's could not.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "../common/errors.h"
#include "attribution_input.h"

/* One query: a destination of the executor. */
typedef struct InputReceiver
{
	DestReceiver receiver;
	const InputSpec *spec;
	SPIPlanPtr	plan;
	bool		read_only;
	AttributionDecoder decoder;
	AttributionRowSink sink;
	void	   *sink_arg;
	MemoryContext row_context;
	AttributionInputRow *row;	/* where the next row goes */
	AttributionInputRow first_row;
	AttributionInputCount count;
} InputReceiver;

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
				 errmsg("the %s query can't be prepared: %s", attribution_query_name(input->spec),
						SPI_result_code_string(SPI_result)),
				 errhint("Pass one SELECT that returns the columns %s.",
						 attribution_query_columns(input->spec))));

	sources = SPI_plan_get_plan_sources(input->plan);
	if (list_length(sources) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 sources == NIL
				 ? errmsg("the %s query is empty", attribution_query_name(input->spec))
				 : errmsg("the %s query has %d statements instead of one",
						  attribution_query_name(input->spec), list_length(sources)),
				 errhint("Pass one SELECT that returns the columns %s.",
						 attribution_query_columns(input->spec))));

	source = linitial(sources);
	if (source->commandTag != CMDTAG_SELECT || source->resultDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("the %s query is not a SELECT", attribution_query_name(input->spec)),
				 errhint("Pass one SELECT that returns the columns %s.",
						 attribution_query_columns(input->spec))));
	attribution_map_columns(input->spec, source->resultDesc, input->decoder.columns);

	/*
	 * A reading query runs in the snapshot of the calling statement, as a
	 * subquery of it would: with a snapshot of its own each, a touch and its
	 * conversion committed between the two would come apart.
	 */
	query = linitial_node(Query, source->query_list);
	input->read_only = !query->hasModifyingCTE && query->rowMarks == NIL;
}

static bool
input_receive(TupleTableSlot *slot, DestReceiver *self)
{
	InputReceiver *input = (InputReceiver *) self;
	MemoryContext caller = MemoryContextSwitchTo(input->row_context);

	input->count.rows++;
	if (attribution_decode(&input->decoder, slot, input->row))
		input->row = input->sink(input->sink_arg, input->row);
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
	InputReceiver *input = (InputReceiver *) self;

	attribution_map_columns(input->spec, desc, input->decoder.columns);
}

static void
input_nothing(DestReceiver *self)
{
}

static void
init_input(InputReceiver *input, const InputSpec *spec, uint64 seed,
		   AttributionRowSink sink, void *sink_arg)
{
	memset(input, 0, sizeof(*input));
	input->receiver.receiveSlot = input_receive;
	input->receiver.rStartup = input_startup;
	input->receiver.rShutdown = input_nothing;
	input->receiver.rDestroy = input_nothing;
	input->receiver.mydest = DestTuplestore;	/* the nearest that core knows */
	input->spec = spec;
	input->decoder.is_touch = spec == &attribution_touches_spec;
	input->decoder.seed = seed;
	input->sink = sink;
	input->sink_arg = sink_arg;
	input->row = &input->first_row;
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
	Oid			types[2] = {touches->decoder.columns[INPUT_VISITOR].type,
	conversions->decoder.columns[INPUT_VISITOR].type};
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

static void
read_shape(const InputReceiver *touches, const InputReceiver *conversions,
		   AttributionInputShape *shape)
{
	const ColumnSource *t = touches->decoder.columns;
	const ColumnSource *c = conversions->decoder.columns;

	shape->wide_visitors = t[INPUT_VISITOR].type != INT4OID &&
		t[INPUT_VISITOR].type != INT8OID;
	shape->has_kinds = t[INPUT_KIND].attno != 0;
	shape->has_products = t[INPUT_PRODUCT].attno != 0 || c[INPUT_PRODUCT].attno != 0;
	shape->has_categories = t[INPUT_CATEGORY].attno != 0 || c[INPUT_CATEGORY].attno != 0;
	shape->has_orders = c[INPUT_ORDER].attno != 0;
}

void
attribution_input_read(const char *touches_query, const char *conversions_query,
					   bool wants_weights, const AttributionInputSinks *sinks,
					   AttributionInputCount *touch_count,
					   AttributionInputCount *conversion_count)
{
	InputReceiver touches;
	InputReceiver conversions;
	AttributionInputShape shape;
	uint64		seed;

	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random seed")));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");

	/* the receivers' contexts are SPI's and go with it */
	init_input(&touches, &attribution_touches_spec, seed, sinks->touch, sinks->arg);
	init_input(&conversions, &attribution_conversions_spec, seed, sinks->conversion,
			   sinks->arg);
	prepare_input(&touches, touches_query);
	prepare_input(&conversions, conversions_query);
	check_visitor_types(&touches, &conversions);
	if (wants_weights && touches.decoder.columns[INPUT_WEIGHT].attno == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("the touches query has no column \"weight\""),
				 errhint("The model \"custom\" credits touches by their weight, bigint or numeric.")));
	touches.decoder.wants_weights = wants_weights;

	read_shape(&touches, &conversions, &shape);
	sinks->begin(sinks->arg, &shape);
	run_input(&conversions);
	sinks->conversions_end(sinks->arg);
	run_input(&touches);
	*touch_count = touches.count;
	*conversion_count = conversions.count;

	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

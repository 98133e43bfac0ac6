/*
 * attribution_input.c
 *	  The two queries of attribute(): checked, run as the caller, decoded.
 *
 * Both queries are prepared and their columns matched by name before either
 * runs. Their rows go straight from the executor, by way of a DestReceiver, to
 * a feed: nothing is buffered here, and the plans may be parallel, which a
 * cursor's could not. Where workers can take the rows themselves, they do:
 * attribution_scan.c.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "../common/errors.h"
#include "../common/query_run.h"
#include "attribution_input.h"

/* A destination of the executor. */
typedef struct InputReceiver
{
	DestReceiver receiver;
	const AttributionInput *input;
	AttributionFeed *feed;
} InputReceiver;

/*
 * Prepare a query and check its columns, before any of the two runs.
 */
static void
prepare_input(AttributionInput *input, const InputSpec *spec, const char *text)
{
	List	   *sources;
	CachedPlanSource *source;
	Query	   *query;

	memset(input, 0, sizeof(*input));
	input->spec = spec;
	input->text = text;
	input->command = GetCurrentCommandId(false);
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
	attribution_map_columns(input->spec, source->resultDesc, input->columns);

	/*
	 * A reading query runs in the snapshot of the calling statement, as a
	 * subquery of it would: with a snapshot of its own each, a touch and its
	 * conversion committed between the two would come apart.
	 */
	query = linitial_node(Query, source->query_list);
	input->read_only = !query->hasModifyingCTE && query->rowMarks == NIL;
}

/* What is prepared for SPI alone hears of no invalidation: see plancache.c. */
bool
attribution_input_refresh(AttributionInput *input)
{
	AttributionInput before = *input;
	int			i;

	if (input->command == GetCurrentCommandId(false))
		return false;
	prepare_input(input, before.spec, before.text);
	for (i = 0; i < INPUT_COLUMNS; i++)
		attribution_check_column(input->spec, i, before.columns[i].type, input->columns[i].type);
	SPI_freeplan(before.plan);
	return true;
}

static bool
input_receive(TupleTableSlot *slot, DestReceiver *self)
{
	attribution_feed_row(((InputReceiver *) self)->feed, slot);
	return true;
}

/* The plan may have been made anew since prepare_input(): other places, but the same types. */
static void
input_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	InputReceiver *receiver = (InputReceiver *) self;
	AttributionDecoder *decoder = &receiver->feed->plan.decoder;
	int			i;

	attribution_decoder_map(decoder, receiver->input->spec, desc);
	for (i = 0; i < INPUT_COLUMNS; i++)
		attribution_check_column(receiver->input->spec, i, receiver->input->columns[i].type,
								 decoder->columns[i].type);
}

void
attribution_input_run(AttributionInput *input, AttributionFeed *feed)
{
	InputReceiver receiver;

	memset(&receiver, 0, sizeof(receiver));
	receiver.receiver.receiveSlot = input_receive;
	receiver.receiver.rStartup = input_startup;
	receiver.input = input;
	receiver.feed = feed;
	query_run(input->plan, input->read_only, NULL, &receiver.receiver);
}

/* bigints match bigints, uuids uuids, texts texts: across, nothing could match */
static void
check_visitor_types(const AttributionInput *touches, const AttributionInput *conversions)
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
attribution_input_shape(const AttributionInput *touches, const AttributionInput *conversions,
						AttributionInputShape *shape)
{
	const ColumnSource *t = touches->columns;
	const ColumnSource *c = conversions->columns;

	shape->wide_visitors = t[INPUT_VISITOR].type != INT4OID &&
		t[INPUT_VISITOR].type != INT8OID;
	shape->has_kinds = t[INPUT_KIND].attno != 0;
	shape->has_products = t[INPUT_PRODUCT].attno != 0 || c[INPUT_PRODUCT].attno != 0;
	shape->has_categories = t[INPUT_CATEGORY].attno != 0 || c[INPUT_CATEGORY].attno != 0;
	shape->has_orders = c[INPUT_ORDER].attno != 0;
}

void
attribution_input_prepare(AttributionInput *touches, const char *touches_text,
						  AttributionInput *conversions, const char *conversions_text,
						  bool wants_weights)
{
	prepare_input(touches, &attribution_touches_spec, touches_text);
	prepare_input(conversions, &attribution_conversions_spec, conversions_text);
	check_visitor_types(touches, conversions);
	if (wants_weights && touches->columns[INPUT_WEIGHT].attno == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("the touches query has no column \"weight\""),
				 errhint("The model \"custom\" credits touches by their weight, bigint or numeric.")));
}

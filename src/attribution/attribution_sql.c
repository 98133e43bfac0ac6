/*
 * attribution_sql.c
 *	  SQL entry points of attribution: attribute(), attribute_totals() and
 *	  last_attribution_stats().
 *
 * They read arguments, choose where the credits go, and leave the work to the
 * engine and the core.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "common/hashfn.h"
#include "common/int.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "../common/errors.h"
#include "../common/money_sql.h"
#include "attribution_engine.h"
#include "attribution_rows.h"

PG_FUNCTION_INFO_V1(attribution_attribute);
PG_FUNCTION_INFO_V1(attribution_totals);
PG_FUNCTION_INFO_V1(attribution_last_stats);

/* argument positions of attribute() and attribute_totals() */
enum
{
	ARG_TOUCHES,
	ARG_CONVERSIONS,
	ARG_MODEL,
	ARG_LOOKBACK,
	ARG_VIEW_LOOKBACK,
	ARG_CART_LOOKBACK,
	ARG_HALF_LIFE,
	ARG_POSITION_WEIGHTS,
	ARG_REUSE,
	ARG_SESSION_LIFETIME,
	ARG_MATCH,
	ARG_TIME_ZONE,
	ARG_COUNT
};

static const char *const argument_names[ARG_COUNT] = {
	"touches", "conversions", "model", "lookback", "view_lookback",
	"cart_lookback", "half_life", "position_weights", "reuse",
	"session_lifetime", "match", "time_zone"
};

/* of the last run of this session that came to its end */
static AttributionStats last_stats;
static bool have_last_stats = false;

/* Sink of attribute_totals(): credits add up per creator. */
typedef struct CreatorTotal
{
	int64		creator_id;		/* hash key */
	char		status;			/* hash status */
	bool		used;
	int64		conversions;	/* billionths */
	int128		credit;			/* wide: signs mix, only the end must fit */
} CreatorTotal;

#define SH_PREFIX creator_totals
#define SH_ELEMENT_TYPE CreatorTotal
#define SH_KEY_TYPE int64
#define SH_KEY creator_id
#define SH_HASH_KEY(table, key) \
	hash_bytes((const unsigned char *) &(key), sizeof(int64))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct CreditTotals
{
	creator_totals_hash *creators;
	CreatorTotal nobody;		/* credits without a creator */
} CreditTotals;

static void
read_policy(FunctionCallInfo fcinfo, AttributionPolicy *policy)
{
	AttributionPolicyArguments arguments;

	attribution_check_no_nulls(fcinfo, argument_names, ARG_COUNT, ARG_MODEL);
	arguments.model = ATTRIBUTION_ARG_STRING(ARG_MODEL);
	arguments.lookback = PG_GETARG_INTERVAL_P(ARG_LOOKBACK);
	arguments.view_lookback = PG_GETARG_INTERVAL_P(ARG_VIEW_LOOKBACK);
	arguments.cart_lookback = PG_GETARG_INTERVAL_P(ARG_CART_LOOKBACK);
	arguments.half_life = PG_GETARG_INTERVAL_P(ARG_HALF_LIFE);
	arguments.position_weights = PG_GETARG_ARRAYTYPE_P(ARG_POSITION_WEIGHTS);
	arguments.reuse = ATTRIBUTION_ARG_STRING(ARG_REUSE);
	arguments.session_lifetime = PG_GETARG_INTERVAL_P(ARG_SESSION_LIFETIME);
	arguments.match = ATTRIBUTION_ARG_STRING(ARG_MATCH);
	arguments.time_zone = ATTRIBUTION_ARG_STRING(ARG_TIME_ZONE);
	attribution_policy_build(policy, &arguments);
}

static void
run(FunctionCallInfo fcinfo, const AttributionPolicy *policy,
	AttributionSink sink, void *arg)
{
	AttributionStats stats;

	attribution_run(ATTRIBUTION_ARG_STRING(ARG_TOUCHES),
					ATTRIBUTION_ARG_STRING(ARG_CONVERSIONS),
					policy, sink, arg, &stats);
	last_stats = stats;
	have_last_stats = true;
}

/*
 * attribute(touches text, conversions text, ...) -> credits
 */
Datum
attribution_attribute(PG_FUNCTION_ARGS)
{
	AttributionPolicy policy;
	AttributionRows	rows;

	read_policy(fcinfo, &policy);
	attribution_rows_init(&rows, fcinfo);
	run(fcinfo, &policy, attribution_rows_add, &rows);
	return (Datum) 0;
}

/*
 * Each conversion's one, in billionths, is split like the credits: so the
 * totals add up to the number of conversions, whatever the order of adding.
 */
static void
credit_totals_add(void *arg, const AttributionTouch *touches,
				  const AttributionConversion *conversion,
				  const AttributionWorkspace *workspace)
{
	CreditTotals *totals = arg;
	const AttributionRoom *room = &workspace->room;
	size_t		rows = workspace->path.rows;
	int64_t    *shares = MemoryContextAllocHuge(CurrentMemoryContext, rows * sizeof(int64_t));
	size_t		i;

	if (money_split(MONEY_RATE_SCALE, room->weight, rows, shares, room->scratch) != MONEY_OK)
		elog(ERROR, "attribution weights out of bounds");

	for (i = 0; i < rows; i++)
	{
		CreatorTotal *total = &totals->nobody;

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		if (room->touch[i] != ATTRIBUTION_NONE && touches[room->touch[i]].has_creator)
		{
			bool		found;

			total = creator_totals_insert(totals->creators,
										  touches[room->touch[i]].creator_id, &found);
			if (!found)
			{
				total->conversions = 0;
				total->credit = 0;
			}
		}
		total->used = true;
		total->credit += room->credit[i];
		if (pg_add_s64_overflow(total->conversions, shares[i], &total->conversions))
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_MONEY_OVERFLOW),
					 errmsg("too many conversions for one creator"),
					 errhint("Run influence.attribute_totals() over shorter periods.")));
	}
}

static void
emit_total(ReturnSetInfo *result, const CreatorTotal *total, bool has_creator)
{
	Datum		values[3];
	bool		nulls[3] = {!has_creator, false, false};

	if (total->credit > PG_INT64_MAX || total->credit < PG_INT64_MIN)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_MONEY_OVERFLOW),
				 has_creator
				 ? errmsg("the credit of creator " INT64_FORMAT " is out of range for bigint",
						  total->creator_id)
				 : errmsg("the credit without a creator is out of range for bigint"),
				 errhint("Total a shorter period at a time.")));

	values[0] = Int64GetDatum(total->creator_id);
	values[1] = NumericGetDatum(int64_div_fast_to_numeric(total->conversions, 9));
	values[2] = Int64GetDatum((int64) total->credit);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * attribute_totals(touches text, conversions text, ...) -> creator_id,
 * conversions, credit
 */
Datum
attribution_totals(PG_FUNCTION_ARGS)
{
	AttributionPolicy policy;
	CreditTotals totals;
	ReturnSetInfo *result;
	creator_totals_iterator iterator;
	CreatorTotal *total;

	read_policy(fcinfo, &policy);
	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;

	memset(&totals, 0, sizeof(totals));
	totals.creators = creator_totals_create(CurrentMemoryContext, 256, NULL);
	run(fcinfo, &policy, credit_totals_add, &totals);

	creator_totals_start_iterate(totals.creators, &iterator);
	while ((total = creator_totals_iterate(totals.creators, &iterator)) != NULL)
		emit_total(result, total, true);
	if (totals.nobody.used)
		emit_total(result, &totals.nobody, false);

	creator_totals_destroy(totals.creators);
	return (Datum) 0;
}

/*
 * last_attribution_stats() -> touches, conversions, rejected_touches,
 * rejected_conversions, credits; NULLs before the first run
 */
Datum
attribution_last_stats(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5];

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	memset(nulls, !have_last_stats, sizeof(nulls));
	values[0] = Int64GetDatum(last_stats.touches);
	values[1] = Int64GetDatum(last_stats.conversions);
	values[2] = Int64GetDatum(last_stats.rejected_touches);
	values[3] = Int64GetDatum(last_stats.rejected_conversions);
	values[4] = Int64GetDatum(last_stats.credits);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

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
#include "attribution_totals.h"

PG_FUNCTION_INFO_V1(attribution_attribute);
PG_FUNCTION_INFO_V1(attribution_totals);
PG_FUNCTION_INFO_V1(attribution_last_stats);

/* argument positions of attribute() and attribute_totals() */
enum
{
	ARG_TOUCHES,
	ARG_CONVERSIONS,
	ARG_POLICY,
	ARG_COUNT = ARG_POLICY + POLICY_ARGUMENTS
};

static const char *const argument_names[ARG_COUNT] = {
	"touches", "conversions", POLICY_ARGUMENT_NAMES
};

/* columns of last_attribution_stats() */
#define STATS_COLUMNS 13

/* of the last run of this session that came to its end */
static AttributionStats last_stats;
static bool have_last_stats = false;

static void
read_policy(FunctionCallInfo fcinfo, AttributionPolicy *policy)
{
	attribution_check_no_nulls(fcinfo, argument_names, ARG_COUNT, ARG_POLICY);
	attribution_policy_read(policy, fcinfo, ARG_POLICY);
}

static void
run(FunctionCallInfo fcinfo, const AttributionPolicy *policy,
	AttributionSink sink, void *arg, bool mergeable)
{
	AttributionStats stats;

	attribution_run(ATTRIBUTION_ARG_STRING(ARG_TOUCHES),
					ATTRIBUTION_ARG_STRING(ARG_CONVERSIONS),
					policy, sink, arg, mergeable, &stats);
	last_stats = stats;
	have_last_stats = true;
}

/* Sink of attribute(): credits become rows. */
typedef struct CreditRows
{
	AttributionRows rows;
	AttributionWorkspace workspace;
	const AttributionRules *rules;
} CreditRows;

static int64
credit_rows_add(void *arg, const AttributionVisitor *visitor)
{
	CreditRows *credits = arg;
	int64		count = 0;
	size_t		i;

	for (i = 0; i < visitor->nlines; i++)
	{
		attribution_credit(&credits->workspace, credits->rules, visitor->touches,
						   visitor->ntouches, &visitor->lines[i]);
		attribution_rows_add(&credits->rows, visitor->touches, &visitor->lines[i],
							 &credits->workspace);
		count += (int64) credits->workspace.path.rows;
	}
	attribution_workspace_trim(&credits->workspace);
	return count;
}

/*
 * attribute(touches text, conversions text, ...) -> credits
 */
Datum
attribution_attribute(PG_FUNCTION_ARGS)
{
	AttributionPolicy policy;
	CreditRows	credits;

	read_policy(fcinfo, &policy);
	attribution_rows_init(&credits.rows, fcinfo);
	attribution_workspace_init(&credits.workspace, CurrentMemoryContext);
	credits.rules = &policy.rules;
	run(fcinfo, &policy, credit_rows_add, &credits, false);
	return (Datum) 0;
}

/*
 * attribute_totals(touches text, conversions text, ...) -> creator_id,
 * conversions, credit
 */
Datum
attribution_totals(PG_FUNCTION_ARGS)
{
	AttributionPolicy policy;
	AttributionTotals *totals;

	read_policy(fcinfo, &policy);
	InitMaterializedSRF(fcinfo, 0);
	totals = attribution_totals_create(&policy);
	run(fcinfo, &policy, attribution_totals_add, totals, true);
	attribution_creators_emit(attribution_totals_creators(totals),
							  (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/*
 * last_attribution_stats() -> touches, conversions, ...; NULLs before the first
 * run
 */
Datum
attribution_last_stats(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[STATS_COLUMNS];
	bool		nulls[STATS_COLUMNS];
	int			i = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	memset(nulls, !have_last_stats, sizeof(nulls));
	values[i++] = Int64GetDatum(last_stats.touches);
	values[i++] = Int64GetDatum(last_stats.conversions);
	values[i++] = Int64GetDatum(last_stats.rejected_touches);
	values[i++] = Int64GetDatum(last_stats.rejected_conversions);
	values[i++] = Int64GetDatum(last_stats.credits);
	values[i++] = Int64GetDatum(last_stats.skipped_touches);
	values[i++] = Int64GetDatum(last_stats.partitions);
	values[i++] = Int64GetDatum(last_stats.oversized);
	values[i++] = Int64GetDatum(last_stats.spilled_bytes);
	values[i++] = Int64GetDatum(last_stats.read_processes);
	values[i++] = Int64GetDatum(last_stats.credit_processes);
	values[i++] = Float8GetDatum(last_stats.read_ms);
	values[i++] = Float8GetDatum(last_stats.credit_ms);
	Assert(i == STATS_COLUMNS);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

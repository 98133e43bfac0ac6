/*
 * query_run.c
 *	  Runs a query into a receiver of the caller's: rows go from the
 *	  executor straight to it, and are stored nowhere.
 */
#include "postgres.h"

#include "query_run.h"

static void
receiver_nothing(DestReceiver *self)
{
}

void
query_run(SPIPlanPtr plan, bool read_only, ParamListInfo params, DestReceiver *receiver)
{
	SPIExecuteOptions options;
	int			result;

	receiver->rShutdown = receiver_nothing;
	receiver->rDestroy = receiver_nothing;
	receiver->mydest = DestTuplestore;	/* the nearest that core knows */

	memset(&options, 0, sizeof(options));
	options.params = params;
	options.read_only = read_only;
	options.must_return_tuples = true;
	options.dest = receiver;

	result = SPI_execute_plan_extended(plan, &options);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s",
			 SPI_result_code_string(result));
}

void
query_run_once(const char *query, int nargs, const Oid *types, const NullableDatum *args, DestReceiver *receiver)
{
	SPIPlanPtr	plan = SPI_prepare(query, nargs, unconstify(Oid *, types));
	ParamListInfo params = makeParamList(nargs);
	int			i;

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	for (i = 0; i < nargs; i++)
	{
		params->params[i].value = args[i].value;
		params->params[i].isnull = args[i].isnull;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = types[i];
	}
	query_run(plan, true, params, receiver);
	SPI_freeplan(plan);
}

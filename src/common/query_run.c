/*
 * query_run.c
 *	  Runs a prepared query into a receiver of the caller's: rows go from the
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

/*
 * query_run.h
 *	  Runs a query into a receiver of the caller's.
 *
 * The caller's receiver begins with a DestReceiver whose rStartup and
 * receiveSlot are set; what else it needs is filled in here.
 */
#ifndef PG_INFLUENCE_QUERY_RUN_H
#define PG_INFLUENCE_QUERY_RUN_H

#include "executor/spi.h"
#include "tcop/dest.h"

/* params: NULL when the query has none */
extern void query_run(SPIPlanPtr plan, bool read_only, ParamListInfo params, DestReceiver *receiver);

/*
 * Plans a query for these arguments (of a function: fcinfo->args), runs it, read-only, and forgets the plan. Within
 * SPI_connect().
 */
extern void query_run_once(const char *query, int nargs, const Oid *types, const NullableDatum *args, DestReceiver *receiver);

#endif							/* PG_INFLUENCE_QUERY_RUN_H */

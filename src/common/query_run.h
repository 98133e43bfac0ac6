/*
 * query_run.h
 *	  Runs a prepared query into a receiver of the caller's.
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

#endif							/* PG_INFLUENCE_QUERY_RUN_H */

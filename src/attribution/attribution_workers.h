/*
 * attribution_workers.h
 *	  Partitions credited by several processes.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_WORKERS_H
#define PG_INFLUENCE_ATTRIBUTION_WORKERS_H

#include "attribution_partition.h"
#include "attribution_shared.h"
#include "attribution_totals.h"

/* work for one process, whose readers have been opened */
extern void attribution_credit_prepare(PartitionWork *work, MemoryContext context,
									   const AttributionCreditPlan *plan,
									   StoreReader *touches, StoreReader *lines,
									   AttributionSink sink, void *arg,
									   AttributionStats *stats);

/* all partitions, in this process and up to so many workers; their totals too */
extern void attribution_credit_together(PartitionWork *work, AttributionMemory *memory,
										AttributionTotals *totals, int nworkers);

#endif							/* PG_INFLUENCE_ATTRIBUTION_WORKERS_H */

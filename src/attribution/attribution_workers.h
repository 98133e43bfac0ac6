/*
 * attribution_workers.h
 *	  Partitions credited by several processes.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_WORKERS_H
#define PG_INFLUENCE_ATTRIBUTION_WORKERS_H

#include "access/parallel.h"

#include "attribution_partition.h"
#include "attribution_shared.h"
#include "attribution_totals.h"

/* work for one process, whose readers have been opened */
extern void attribution_credit_prepare(PartitionWork *work, MemoryContext context,
									   const AttributionCreditPlan *plan,
									   StoreReader *touches, StoreReader *lines,
									   AttributionSink sink, void *arg,
									   AttributionStats *stats);

/*
 * All partitions, in this process and up to so many workers; their totals too.
 * The workers leave meanwhile, and are waited for by attribution_credit_end(): as
 * late as may be, since all processes unmap much memory in the end.
 */
extern ParallelContext *attribution_credit_together(PartitionWork *work, AttributionMemory *memory,
													AttributionTotals *totals, int nworkers);
extern void attribution_credit_end(ParallelContext *context);

#endif							/* PG_INFLUENCE_ATTRIBUTION_WORKERS_H */

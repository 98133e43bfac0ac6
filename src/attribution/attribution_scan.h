/*
 * attribution_scan.h
 *	  A query of attribute() read by several processes.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_SCAN_H
#define PG_INFLUENCE_ATTRIBUTION_SCAN_H

#include "nodes/plannodes.h"

#include "attribution_input.h"
#include "attribution_shared.h"

typedef struct AttributionScan
{
	PlannedStmt *plan;			/* NULL: one process reads */
	double		rows;			/* so many, the planner believes */
	AttributionDecoder decoder; /* of the rows that the processes see */
} AttributionScan;

/* once, when the library is loaded: workers find the plan node by its name */
extern void attribution_scan_register(void);

/* is anything parallel allowed here? */
extern bool attribution_scan_allowed(void);

/*
 * Of the scan's decoder is_touch, wants_weights and seed are set, its columns
 * will be. A plan holds as long as attribution_input_refresh() returns false.
 */
extern void attribution_scan_plan(AttributionScan *scan, const AttributionInput *input);

/* by the plan, in up to so many processes; they leave their rows in the shared memory */
extern void attribution_scan_run(const AttributionScan *scan, const AttributionInput *input,
								 AttributionMemory *memory, int processes);

#endif							/* PG_INFLUENCE_ATTRIBUTION_SCAN_H */

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

/* decoder: is_touch, wants_weights and seed are set */
extern void attribution_scan_plan(AttributionScan *scan, const AttributionInput *input,
								  const AttributionDecoder *decoder);

/* is the plan still that of the query? */
extern bool attribution_scan_valid(const AttributionScan *scan, const AttributionInput *input);

/* by the plan in the shared memory; the processes leave their rows there */
extern void attribution_scan_run(const AttributionScan *scan, const AttributionInput *input,
								 AttributionMemory *memory);

#endif							/* PG_INFLUENCE_ATTRIBUTION_SCAN_H */

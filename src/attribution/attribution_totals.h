/*
 * attribution_totals.h
 *	  Credits added up per creator, without storing them.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_TOTALS_H
#define PG_INFLUENCE_ATTRIBUTION_TOTALS_H

#include "nodes/execnodes.h"

#include "attribution_engine.h"

typedef struct AttributionTotals AttributionTotals;

extern AttributionTotals *attribution_totals_create(const AttributionPolicy *policy);

/* an AttributionSink */
extern int64 attribution_totals_add(void *totals, const AttributionVisitor *visitor);

/* for another process, which adds them to its own; IN006 when a count overflows */
extern size_t attribution_totals_size(const AttributionTotals *totals);
extern void attribution_totals_save(const AttributionTotals *totals, void *place);
extern void attribution_totals_merge(AttributionTotals *totals, const void *place);

/* rows of creator_id, conversions, credit; IN006 when a sum is out of range */
extern void attribution_totals_emit(AttributionTotals *totals, ReturnSetInfo *result);

#endif							/* PG_INFLUENCE_ATTRIBUTION_TOTALS_H */

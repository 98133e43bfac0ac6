/*
 * attribution_totals.h
 *	  Credits added up per creator, without storing them.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_TOTALS_H
#define PG_INFLUENCE_ATTRIBUTION_TOTALS_H

#include "attribution_creators.h"
#include "attribution_engine.h"

typedef struct AttributionTotals AttributionTotals;

extern AttributionTotals *attribution_totals_create(const AttributionPolicy *policy);

/* an AttributionSink */
extern int64 attribution_totals_add(void *totals, const AttributionVisitor *visitor);

/* what it has added up */
extern AttributionCreators *attribution_totals_creators(AttributionTotals *totals);

#endif							/* PG_INFLUENCE_ATTRIBUTION_TOTALS_H */

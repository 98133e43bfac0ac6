/*
 * attribution_creators.h
 *	  What each creator earned, added up.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_CREATORS_H
#define PG_INFLUENCE_ATTRIBUTION_CREATORS_H

#include "nodes/execnodes.h"

typedef struct AttributionCreators AttributionCreators;

extern AttributionCreators *attribution_creators_create(MemoryContext context);

/* conversions in billionths; IN006 when they overflow */
extern void attribution_creators_add(AttributionCreators *creators, bool has_creator,
									 int64 creator_id, int64 conversions, int128 credit);

/* credit will be added to this one soon */
extern void attribution_creators_prefetch(const AttributionCreators *creators, int64 creator_id);

/* for another process, which adds them to its own; IN006 when a count overflows */
extern size_t attribution_creators_size(const AttributionCreators *creators);
extern void attribution_creators_save(const AttributionCreators *creators, void *place);
extern void attribution_creators_merge(AttributionCreators *creators, const void *place);

/* rows of creator_id, conversions, credit; IN006 when a sum is out of range */
extern void attribution_creators_emit(AttributionCreators *creators, ReturnSetInfo *result);

#endif							/* PG_INFLUENCE_ATTRIBUTION_CREATORS_H */

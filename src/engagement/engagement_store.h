/*
 * engagement_store.h
 *	  Rates in the order they come, given back creator by creator.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_STORE_H
#define PG_INFLUENCE_ENGAGEMENT_STORE_H

#include "fmgr.h"

#include "engagement_rates_core.h"

typedef struct EngagementStore EngagementStore;

/* Rows of one creator and cell, sorted. */
typedef void (*EngagementGroupSink) (void *arg, int64 creator_id, uint32 cell,
									 const EngagementRow *rows, size_t n);

/*
 * Of rows that all have posts = 1, if not weighted. Beyond limit bytes rows go
 * to temporary files.
 */
extern EngagementStore *engagement_store_create(MemoryContext context, uint64 seed, bool weighted,
												size_t limit);
extern void engagement_store_add(EngagementStore *store, int64 creator_id, uint32 cell,
								 double rate, int64 posts);

/* Every group once, in no particular order; the store is empty then. */
extern void engagement_store_drain(EngagementStore *store, EngagementGroupSink sink, void *arg);

#endif							/* PG_INFLUENCE_ENGAGEMENT_STORE_H */

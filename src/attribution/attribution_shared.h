/*
 * attribution_shared.h
 *	  What the processes of a run tell each other: the beginning of its shared
 *	  memory.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_SHARED_H
#define PG_INFLUENCE_ATTRIBUTION_SHARED_H

#include "attribution_engine.h"
#include "attribution_feed.h"

#define ATTRIBUTION_MAX_PROCESSES 32

/*
 * To be raised with any change of what lies in shared memory, here or behind
 * the addresses, and of what it means: builds must not mix.
 */
#define ATTRIBUTION_SHARED_LAYOUT 0x50494e04

/* What a process that credited leaves. */
typedef struct AttributionCredited
{
	MemoryAddress totals;		/* see attribution_creators_save() */
	int64		credits;
	int64		partitions;
	int64		oversized;
} AttributionCredited;

/* Rows of one of the queries, by the processes that read it. */
typedef struct AttributionParts
{
	AttributionLayout layout;
	int			count;
	MemoryAddress parts[ATTRIBUTION_MAX_PROCESSES];
} AttributionParts;

/* What is credited and how: the same for all processes. */
typedef struct AttributionCreditPlan
{
	AttributionPolicy policy;	/* its time zone goes by name */
	char		time_zone[TZ_STRLEN_MAX + 1];
	AttributionParts touches;
	AttributionParts lines;
	int64		first_at;		/* of all rows */
	int64		last_at;
	size_t		limit;			/* bytes for one partition, in each process */
	int			sort_kb;
} AttributionCreditPlan;

typedef struct AttributionShared
{
	AttributionMemoryHeader memory;

	/* while a query is read */
	AttributionFeedPlan feed;
	pg_atomic_uint32 feeding;	/* processes that have begun */
	AttributionFed fed[ATTRIBUTION_MAX_PROCESSES];

	/* while partitions are credited */
	AttributionCreditPlan credit;
	pg_atomic_uint32 next_partition;
	pg_atomic_uint32 crediting;
	AttributionCredited credited[ATTRIBUTION_MAX_PROCESSES];
} AttributionShared;

#endif							/* PG_INFLUENCE_ATTRIBUTION_SHARED_H */

/*
 * attribution_feed.h
 *	  One of the two queries becomes rows of a store: in this process, or in
 *	  several at a time, each with a feed of its own.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_FEED_H
#define PG_INFLUENCE_ATTRIBUTION_FEED_H

#include "attribution_decode.h"
#include "attribution_layout.h"
#include "attribution_store.h"

/*
 * A touch waits until so many others have come, while its word of the bitmap is
 * fetched: waiting for memory would cost more than all the rest.
 */
#define FEED_PENDING 32

/* What is fed and how: the same for all processes. No pointers. */
typedef struct AttributionFeedPlan
{
	AttributionDecoder decoder;
	AttributionLayout layout;
	size_t		store_limit;	/* bytes of chunks, of all processes together */
	size_t		keep_bytes;		/* the same, when they have been read */
	/* of touches: who may have converted, and when; see attribution_filter_bit() */
	MemoryAddress filter;
	uint64		filter_mask;
	int			filter_shift;	/* of a time, to its period; negative: any time */
	int64		last_line_at;	/* later touches earn nothing */
} AttributionFeedPlan;

typedef struct AttributionFeedCount
{
	int64		rows;			/* read, the rejected ones included */
	int64		rejected;
	int64		skipped;
	int64		kept;
	int64		first_at;		/* of everything kept */
	int64		last_at;
} AttributionFeedCount;

/*
 * The bit for a visitor, by the lower half of its key, in the period of a time.
 * Periods are powers of two in microseconds.
 */
static inline uint64
attribution_filter_bit(const AttributionFeedPlan *plan, uint64 key, int64 at)
{
	uint64		period = plan->filter_shift < 0 ? 0 :
		((uint64) at ^ (UINT64CONST(1) << 63)) >> plan->filter_shift;

	/* 2^64 over the golden ratio: neighbouring periods must not be neighbours there */
	return (key + period * UINT64CONST(0x9E3779B97F4A7C15)) & plan->filter_mask;
}

/* What a process leaves. */
typedef struct AttributionFed
{
	MemoryAddress part;			/* see attribution_store.h */
	AttributionFeedCount count;
} AttributionFed;

typedef struct AttributionFeed
{
	AttributionFeedPlan plan;
	const uint64 *filter;
	Store	   *store;
	MemoryContext row_context;
	AttributionFeedCount count;
	AttributionInputRow pending[FEED_PENDING];
	uint64		npending;		/* ever */
} AttributionFeed;

/* processes: how many share the limit, NULL for one; number: which one this is */
extern AttributionFeed *attribution_feed_begin(AttributionMemory *memory,
											   const AttributionFeedPlan *plan,
											   const pg_atomic_uint32 *processes,
											   uint32 number);
extern void attribution_feed_values(AttributionFeed *feed, const Datum *values, const bool *nulls);
extern void attribution_feed_row(AttributionFeed *feed, TupleTableSlot *slot);

/*
 * For who decodes rows himself: where the next one goes, and that it is there or can't
 * take part. Touches go where the oldest that waits has just left.
 */
static inline AttributionInputRow *
attribution_feed_next(AttributionFeed *feed)
{
	return &feed->pending[feed->npending % FEED_PENDING];
}

extern void attribution_feed_decoded(AttributionFeed *feed, bool accepted);
extern void attribution_feed_end(AttributionFeed *feed, AttributionFed *fed);

#endif							/* PG_INFLUENCE_ATTRIBUTION_FEED_H */

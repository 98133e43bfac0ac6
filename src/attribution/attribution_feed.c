/*
 * attribution_feed.c
 *	  One of the two queries becomes rows of a store.
 *
 * Touches of visitors who never convert, most of them as a rule, are dropped as
 * they arrive: a bitmap over the keys knows who may have converted. For totals it
 * knows it by period, and touches in nobody's window are dropped, too.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "attribution_feed.h"

AttributionFeed *
attribution_feed_begin(AttributionMemory *memory, const AttributionFeedPlan *plan,
					   const pg_atomic_uint32 *processes, uint32 number)
{
	AttributionFeed *feed = MemoryContextAllocZero(memory->context, sizeof(AttributionFeed));
	char		name[16];

	snprintf(name, sizeof(name), "%c%u", plan->decoder.is_touch ? 't' : 'c', number);
	feed->plan = *plan;
	feed->store = store_create(memory, plan->layout.words, plan->store_limit, processes, name);
	if (plan->decoder.is_touch)
		feed->filter = attribution_memory_at(memory, plan->filter);
	feed->row_context = AllocSetContextCreate(memory->context, "attribution row",
											  ALLOCSET_SMALL_SIZES);
	feed->count.first_at = PG_INT64_MAX;
	feed->count.last_at = PG_INT64_MIN;
	return feed;
}

static inline void
note_kept(AttributionFeed *feed, int64 at)
{
	feed->count.kept++;
	if (at < feed->count.first_at)
		feed->count.first_at = at;
	if (at > feed->count.last_at)
		feed->count.last_at = at;
}

static inline void
keep_touch(AttributionFeed *feed, const AttributionInputRow *row)
{
	uint64		bit = attribution_filter_bit(&feed->plan, row->visitor_high, row->at);

	if ((feed->filter[bit / 64] >> (bit % 64) & 1) == 0)
	{
		feed->count.skipped++;
		return;
	}
	attribution_put_touch(&feed->plan.layout, feed->store, row);
	note_kept(feed, row->at);
}

static inline void
feed_touch(AttributionFeed *feed, const AttributionInputRow *row)
{
	if (row->at > feed->plan.last_line_at)
	{
		feed->count.skipped++;
		return;
	}
	__builtin_prefetch(&feed->filter[attribution_filter_bit(&feed->plan, row->visitor_high, row->at) / 64]);
	store_prefetch(feed->store, layout_partition(row->visitor_high));
	feed->npending++;
	if (feed->npending >= FEED_PENDING)
		keep_touch(feed, &feed->pending[feed->npending % FEED_PENDING]);
}

void
attribution_feed_decoded(AttributionFeed *feed, bool accepted)
{
	const AttributionInputRow *row = attribution_feed_next(feed);

	feed->count.rows++;
	if (!accepted)
		feed->count.rejected++;
	else if (feed->plan.decoder.is_touch)
		feed_touch(feed, row);
	else
	{
		attribution_put_line(&feed->plan.layout, feed->store, row);
		note_kept(feed, row->at);
	}
}

void
attribution_feed_values(AttributionFeed *feed, const Datum *values, const bool *nulls)
{
	AttributionInputRow *row = attribution_feed_next(feed);
	MemoryContext caller = MemoryContextSwitchTo(feed->row_context);

	attribution_feed_decoded(feed, attribution_decode(&feed->plan.decoder, values, nulls, row));
	MemoryContextSwitchTo(caller);
	/* most rows need no memory */
	if (!feed->row_context->isReset)
		MemoryContextReset(feed->row_context);
}

void
attribution_feed_row(AttributionFeed *feed, TupleTableSlot *slot)
{
	slot_getsomeattrs(slot, feed->plan.decoder.natts);
	attribution_feed_values(feed, slot->tts_values, slot->tts_isnull);
}

void
attribution_feed_end(AttributionFeed *feed, AttributionFed *fed)
{
	uint64		i = feed->npending >= FEED_PENDING ? feed->npending - FEED_PENDING + 1 : 0;

	for (; i < feed->npending; i++)
		keep_touch(feed, &feed->pending[i % FEED_PENDING]);
	fed->count = feed->count;
	fed->part = store_finish(feed->store, feed->plan.keep_bytes);
	MemoryContextDelete(feed->row_context);
	pfree(feed);
}

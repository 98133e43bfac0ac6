/*
 * attribution_engine.c
 *	  Runs the two queries of attribute() and hands over visitor by visitor.
 *
 * Rows stream from the executor into partitions by the visitor's key. The
 * conversions come first, so that touches of visitors who never convert, most
 * of them as a rule, are dropped as they arrive: a bitmap over the keys knows
 * who may have converted. Then partition by partition, each small enough for
 * the processor's cache, is sorted and merged.
 *
 * Memory is bounded by work_mem * hash_mem_multiplier: three quarters of it for
 * the partitions, which go to a temporary file when they outgrow that, the rest
 * and PARTITION_BYTES for the partition at hand.
 */
#include "postgres.h"

#include "executor/nodeHash.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "attribution_engine.h"
#include "attribution_partition.h"

/* two chunks for each partition: with less, temporary files consist of crumbs */
#define MIN_STORE_BYTES ((size_t) 2 * 1024 * 1024)

/* what one partition may take beyond its share */
#define PARTITION_BYTES ((size_t) 32 * 1024 * 1024)

/* bits of the bitmap for each line, and the most there are */
#define FILTER_BITS_PER_LINE 8
#define FILTER_MIN_BITS 16
#define FILTER_MAX_BITS 27		/* 16 MB */

/*
 * A touch waits until so many others have come, while its word of the bitmap is
 * fetched: waiting for memory would cost more than all the rest.
 */
#define PENDING_TOUCHES 16

typedef struct Run
{
	MemoryContext context;
	const AttributionPolicy *policy;
	AttributionStats *stats;
	size_t		limit;
	StoreMemory memory;
	AttributionLayout touch_layout;
	AttributionLayout line_layout;
	Store	   *touches;
	Store	   *lines;
	int64		lines_kept;

	/* who may have converted: a bit of the key's lower half */
	uint64	   *filter;
	uint64		filter_mask;
	int64		last_line_at;	/* later touches earn nothing */
	AttributionInputRow pending[PENDING_TOUCHES];
	uint64		npending;		/* ever */

	/* of everything kept */
	int64		first_at;
	int64		last_at;
} Run;

static void
run_begin(void *arg, const AttributionInputShape *shape)
{
	Run		   *run = arg;

	attribution_layout_touches(&run->touch_layout, shape, &run->policy->rules);
	attribution_layout_lines(&run->line_layout, shape, &run->policy->rules);
	run->touches = store_create(&run->memory, run->touch_layout.words);
	run->lines = store_create(&run->memory, run->line_layout.words);
}

static inline void
note_time(Run *run, int64 at)
{
	if (at < run->first_at)
		run->first_at = at;
	if (at > run->last_at)
		run->last_at = at;
}

static AttributionInputRow *
run_conversion(void *arg, AttributionInputRow *row)
{
	Run		   *run = arg;

	attribution_put_line(&run->line_layout, run->lines, row);
	note_time(run, row->at);
	run->lines_kept++;
	return row;
}

static inline void
filter_add(Run *run, uint64 key)
{
	key &= run->filter_mask;
	run->filter[key / 64] |= UINT64CONST(1) << (key % 64);
}

static void
filter_partition(Run *run, int number)
{
	int			words = run->line_layout.words;
	bool		count_follows = false;
	size_t		skip = 0;
	StoreCursor cursor;
	uint64	   *row;

	store_scan(&cursor, run->lines, number);
	while ((row = store_scan_next(&cursor)) != NULL)
	{
		if (skip > 0)
			skip--;
		else if (count_follows)
		{
			/* this row has the first of the count and the excluded creators */
			skip = (row[0] + words) / words - 1;
			count_follows = false;
		}
		else
		{
			filter_add(run, layout_key(row));
			count_follows = (row[0] & LAYOUT_HAS_EXCLUDED) != 0;
		}
	}
	store_scan_end(&cursor);
}

/* The bitmap of who converted, and room for the touches. */
static void
run_conversions_end(void *arg)
{
	Run		   *run = arg;
	int			bits = FILTER_MIN_BITS;
	int			i;

	while (bits < FILTER_MAX_BITS &&
		   (INT64CONST(1) << bits) < run->lines_kept * FILTER_BITS_PER_LINE)
		bits++;
	run->filter = MemoryContextAllocZero(run->context, (((size_t) 1) << bits) / 8);
	run->filter_mask = (UINT64CONST(1) << bits) - 1;
	run->last_line_at = run->last_at;

	/* what has begun to spill, or would starve the touches, goes entirely */
	if (run->lines->spilled || run->memory.used > run->memory.limit / 2)
		store_spill(run->lines);

	for (i = 0; i < STORE_PARTITIONS; i++)
		filter_partition(run, i);
}

static inline void
keep_touch(Run *run, const AttributionInputRow *row)
{
	uint64		key = row->visitor_high & run->filter_mask;

	if ((run->filter[key / 64] >> (key % 64) & 1) == 0)
	{
		run->stats->skipped_touches++;
		return;
	}
	attribution_put_touch(&run->touch_layout, run->touches, row);
	note_time(run, row->at);
}

static AttributionInputRow *
run_touch(void *arg, AttributionInputRow *row)
{
	Run		   *run = arg;
	AttributionInputRow *next;

	/* the first one is not in the ring yet */
	if (run->npending == 0 && row != &run->pending[0])
	{
		run->pending[0] = *row;
		row = &run->pending[0];
	}
	if (row->at > run->last_line_at)
	{
		run->stats->skipped_touches++;
		return row;
	}
	__builtin_prefetch(&run->filter[(row->visitor_high & run->filter_mask) / 64]);
	store_prefetch(run->touches, layout_partition(row->visitor_high));
	run->npending++;
	next = &run->pending[run->npending % PENDING_TOUCHES];
	if (run->npending >= PENDING_TOUCHES)
		keep_touch(run, next);
	return next;
}

static void
run_touches_end(Run *run)
{
	uint64		i = run->npending >= PENDING_TOUCHES ? run->npending - PENDING_TOUCHES + 1 : 0;

	for (; i < run->npending; i++)
		keep_touch(run, &run->pending[i % PENDING_TOUCHES]);
}

static void
read_inputs(Run *run, const char *touches_query, const char *conversions_query)
{
	AttributionStats *stats = run->stats;
	AttributionInputSinks sinks;
	AttributionInputCount touches;
	AttributionInputCount conversions;

	sinks.begin = run_begin;
	sinks.conversion = run_conversion;
	sinks.conversions_end = run_conversions_end;
	sinks.touch = run_touch;
	sinks.arg = run;
	attribution_input_read(touches_query, conversions_query,
						   run->policy->rules.model == ATTRIBUTION_CUSTOM, &sinks,
						   &touches, &conversions);

	run_touches_end(run);
	stats->touches = touches.rows;
	stats->rejected_touches = touches.rejected;
	stats->conversions = conversions.rows;
	stats->rejected_conversions = conversions.rejected;

	/* the memory is the partition's now */
	if (run->touches->spilled)
	{
		store_spill(run->touches);
		store_spill(run->lines);
	}
	pfree(run->filter);
}

static void
credit_partitions(Run *run, AttributionSink sink, void *arg)
{
	PartitionWork work;
	int			i;

	memset(&work, 0, sizeof(work));
	work.policy = run->policy;
	work.sink = sink;
	work.sink_arg = arg;
	work.stats = run->stats;
	work.touch_store = run->touches;
	work.line_store = run->lines;
	work.limit = run->limit / 4 + PARTITION_BYTES;
	work.touch_rows.layout = &run->touch_layout;
	work.line_rows.layout = &run->line_layout;
	partition_work_init(&work, run->context, run->first_at, run->last_at);

	for (i = 0; i < STORE_PARTITIONS; i++)
		partition_credit(&work, i);
}

static double
milliseconds_since(instr_time *since)
{
	instr_time	now;
	instr_time	elapsed;

	INSTR_TIME_SET_CURRENT(now);
	elapsed = now;
	INSTR_TIME_SUBTRACT(elapsed, *since);
	*since = now;
	return INSTR_TIME_GET_MILLISEC(elapsed);
}

void
attribution_run(const char *touches_query, const char *conversions_query,
				const AttributionPolicy *policy, AttributionSink sink, void *arg,
				AttributionStats *stats)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "attribution run",
												  ALLOCSET_DEFAULT_SIZES);
	instr_time	clock;
	Run			run;

	memset(stats, 0, sizeof(*stats));
	memset(&run, 0, sizeof(run));
	run.context = context;
	run.policy = policy;
	run.stats = stats;
	run.limit = get_hash_memory_limit();
	run.first_at = PG_INT64_MAX;
	run.last_at = PG_INT64_MIN;
	store_memory_init(&run.memory, context, Max(run.limit / 4 * 3, MIN_STORE_BYTES));

	MemoryContextSwitchTo(context);
	INSTR_TIME_SET_CURRENT(clock);
	read_inputs(&run, touches_query, conversions_query);
	stats->read_ms = milliseconds_since(&clock);
	if (run.lines_kept > 0)
		credit_partitions(&run, sink, arg);
	stats->credit_ms = milliseconds_since(&clock);

	stats->spilled_bytes = run.memory.spilled_bytes;
	if (run.memory.file != NULL)
		BufFileClose(run.memory.file);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

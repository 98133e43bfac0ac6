/*
 * attribution_engine.c
 *	  Runs the two queries of attribute() and hands over visitor by visitor.
 *
 * Rows stream from the executor into partitions by the visitor's key. The
 * conversions come first, so that touches of visitors who never convert, or for
 * totals never within a window, are dropped as they arrive. Then partition by
 * partition, each small enough for the processor's cache, is sorted and merged.
 * Both steps are made by several processes where the planner would use several.
 *
 * Memory is bounded by work_mem * hash_mem_multiplier, for all processes
 * together: three quarters of it for the partitions, which go to temporary
 * files when they outgrow that, the rest and PARTITION_BYTES for the partitions
 * at hand.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/nodeHash.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/paths.h"
#include "port/pg_bitutils.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "attribution_engine.h"
#include "attribution_scan.h"
#include "attribution_workers.h"

/* what partitions at hand may take beyond their share */
#define PARTITION_BYTES ((size_t) 32 * 1024 * 1024)

/* of shared memory, beyond what rows may take: small runs have more processes than bytes for them */
#define SHARED_SLACK_BYTES ((size_t) 64 * 1024 * 1024)

/* bits of the bitmap for each line and period, the most there are, and the longest window of periods */
#define FILTER_BITS_PER_LINE 8
#define FILTER_MIN_BITS 16
#define FILTER_MAX_BITS 27
#define FILTER_MAX_REACH (INT64CONST(1) << 60)
#define FILTER_MAX_BYTES (((size_t) 1 << FILTER_MAX_BITS) / 8)

/* One of the queries. */
typedef struct RunSide
{
	AttributionInput input;
	AttributionScan scan;
	AttributionParts parts;
	StoreReader *reader;
	AttributionFeedCount count;
} RunSide;

typedef struct Run
{
	MemoryContext context;
	const AttributionPolicy *policy;
	bool		has_kinds;		/* of touches */
	AttributionStats *stats;
	AttributionMemory memory;
	size_t		limit;
	size_t		room;			/* of it, what there is for rows while they are read */
	size_t		store_limit;	/* of it, for rows that stay in memory */
	RunSide		touches;
	RunSide		lines;
	AttributionCreditPlan credit;
} Run;

/*
 * Shared memory, as much as there is. What is missing of it is missing for rows.
 * Little more than these may take: an area grows by segments of up to a quarter of it.
 */
static void
share_memory(Run *run)
{
	size_t		rows = Min(run->limit, run->store_limit + SHARED_SLACK_BYTES);
	size_t		wanted = Max(rows, STORE_MIN_BYTES) + FILTER_MAX_BYTES;
	size_t		granted = wanted;

	if (!attribution_memory_share(&run->memory, ATTRIBUTION_SHARED_LAYOUT,
								  sizeof(AttributionShared), &granted))
		return;
	run->room = Min(run->room, granted - Min(FILTER_MAX_BYTES, granted));
	run->store_limit = Max(Min(run->store_limit, run->room), STORE_MIN_BYTES);
}

/*
 * How many processes may read: each takes STORE_MIN_BYTES at least, since with
 * less a store does not work well.
 */
static int
count_readers(const Run *run)
{
	return (int) Min(run->room / STORE_MIN_BYTES, (size_t) ATTRIBUTION_MAX_PROCESSES);
}

static void
plan_reading(Run *run, bool mergeable)
{
	AttributionInputShape shape;
	AttributionDecoder decoder;
	double		bytes;

	attribution_input_shape(&run->touches.input, &run->lines.input, &shape);
	run->has_kinds = shape.has_kinds;
	attribution_layout_touches(&run->touches.parts.layout, &shape, &run->policy->rules);
	attribution_layout_lines(&run->lines.parts.layout, &shape, &run->policy->rules);

	memset(&decoder, 0, sizeof(decoder));
	if (!pg_strong_random(&decoder.seed, sizeof(decoder.seed)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random seed")));
	run->touches.scan.decoder = decoder;
	run->touches.scan.decoder.is_touch = true;
	run->touches.scan.decoder.wants_weights = run->policy->rules.model == ATTRIBUTION_CUSTOM;
	run->lines.scan.decoder = decoder;

	run->room = run->limit;
	run->store_limit = Max(run->limit / 4 * 3, STORE_MIN_BYTES);
	if (!attribution_scan_allowed())
		return;
	attribution_scan_plan(&run->touches.scan, &run->touches.input);
	attribution_scan_plan(&run->lines.scan, &run->lines.input);
	bytes = run->touches.scan.rows * run->touches.parts.layout.words * sizeof(uint64);
	if ((count_readers(run) > 1 &&
		 (run->touches.scan.plan != NULL || run->lines.scan.plan != NULL)) ||
		(mergeable && bytes >= (double) min_parallel_table_scan_size * BLCKSZ))
		share_memory(run);
}

/* This process alone. */
static int
read_alone(Run *run, RunSide *side, AttributionFeedPlan *plan, AttributionFed *fed)
{
	AttributionFeed *feed;

	attribution_decoder_set(&plan->decoder, side->input.columns);
	feed = attribution_feed_begin(&run->memory, plan, NULL, 0);
	attribution_input_run(&side->input, feed);
	attribution_feed_end(feed, fed);
	return 1;
}

static int
read_together(Run *run, RunSide *side, const AttributionFeedPlan *plan, int processes)
{
	AttributionShared *shared = (AttributionShared *) run->memory.header;

	shared->feed = *plan;
	pg_atomic_init_u32(&shared->feeding, 0);
	attribution_scan_run(&side->scan, &side->input, &run->memory, processes);
	return (int) pg_atomic_read_u32(&shared->feeding);
}

static void
add_count(AttributionFeedCount *sum, const AttributionFeedCount *count)
{
	sum->rows += count->rows;
	sum->rejected += count->rejected;
	sum->skipped += count->skipped;
	sum->kept += count->kept;
	sum->first_at = Min(sum->first_at, count->first_at);
	sum->last_at = Max(sum->last_at, count->last_at);
}

/* One of the queries, to its end. So many bytes are taken by the other. */
static void
read_side(Run *run, RunSide *side, AttributionFeedPlan *plan, size_t used)
{
	AttributionFed alone;
	const AttributionFed *fed = &alone;
	int			processes = run->memory.area == NULL ? 1 : count_readers(run);
	int			i;

	/* planned before functions of the other query ran, which may have altered its tables */
	if (attribution_input_refresh(&side->input) && processes > 1)
		attribution_scan_plan(&side->scan, &side->input);
	plan->decoder = side->scan.decoder;
	plan->layout = side->parts.layout;
	plan->store_limit = Max(run->store_limit - Min(used, run->store_limit), STORE_MIN_BYTES);
	if (side->scan.plan != NULL && processes > 1)
	{
		side->parts.count = read_together(run, side, plan, processes);
		fed = ((AttributionShared *) run->memory.header)->fed;
	}
	else
		side->parts.count = read_alone(run, side, plan, &alone);

	side->count.first_at = PG_INT64_MAX;
	side->count.last_at = PG_INT64_MIN;
	for (i = 0; i < side->parts.count; i++)
	{
		side->parts.parts[i] = fed[i].part;
		add_count(&side->count, &fed[i].count);
	}
	side->reader = store_reader_create(&run->memory, side->parts.parts, side->parts.count);
	run->stats->spilled_bytes += store_reader_spilled(side->reader);
}

/* The periods in which touches may earn the line. */
static void
filter_line(uint64 *filter, const AttributionFeedPlan *plan, const uint64 *row, int64 reach)
{
	int64		at = (int64) row[LAYOUT_AT];
	int64		from = at >= PG_INT64_MIN + reach ? at - reach : PG_INT64_MIN;
	int64		period = INT64CONST(1) << Max(plan->filter_shift, 0);
	uint64		bit = attribution_filter_bit(plan, layout_key(row), at);

	filter[bit / 64] |= UINT64CONST(1) << (bit % 64);
	if (plan->filter_shift < 0)
		return;
	while (at - from >= period)
	{
		at -= period;
		bit = attribution_filter_bit(plan, layout_key(row), at);
		filter[bit / 64] |= UINT64CONST(1) << (bit % 64);
	}
	/* the rest may begin a period before the last step's */
	bit = attribution_filter_bit(plan, layout_key(row), from);
	filter[bit / 64] |= UINT64CONST(1) << (bit % 64);
}

static void
filter_partition(Run *run, int number, uint64 *filter, const AttributionFeedPlan *plan, int64 reach)
{
	int			words = run->lines.parts.layout.words;
	bool		count_follows = false;
	size_t		skip = 0;
	StoreCursor cursor;
	uint64	   *row;

	store_scan(&cursor, run->lines.reader, number);
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
			filter_line(filter, plan, row, reach);
			count_follows = (row[LAYOUT_KEY] & LAYOUT_HAS_EXCLUDED) != 0;
		}
	}
	store_scan_end(&cursor);
}

/*
 * The bitmap of who converted; for totals in which periods, a quarter to half as long
 * as a window, touches may earn something. Reasons ask for touches before the windows, too.
 */
static void
make_filter(Run *run, AttributionFeedPlan *plan, bool totals)
{
	int64		reach = attribution_policy_reach(run->policy, run->has_kinds);
	int64		periods = 1;
	int			bits = FILTER_MIN_BITS;
	uint64	   *filter;
	int			i;

	plan->filter_shift = -1;
	if (totals && reach > 1 && reach <= FILTER_MAX_REACH)
	{
		plan->filter_shift = pg_leftmost_one_pos64((uint64) reach) - 1;
		periods = (reach >> plan->filter_shift) + 1;
		/* too many for the largest bitmap: it would tell less than without periods */
		if (run->lines.count.kept * periods * 3 > (INT64CONST(1) << FILTER_MAX_BITS))
		{
			plan->filter_shift = -1;
			periods = 1;
		}
	}
	while (bits < FILTER_MAX_BITS &&
		   (INT64CONST(1) << bits) < run->lines.count.kept * periods * FILTER_BITS_PER_LINE)
		bits++;
	plan->filter = attribution_memory_allocate(&run->memory, (((size_t) 1) << bits) / 8);
	plan->filter_mask = (UINT64CONST(1) << bits) - 1;
	plan->last_line_at = run->lines.count.last_at;

	filter = attribution_memory_at(&run->memory, plan->filter);
	memset(filter, 0, (((size_t) 1) << bits) / 8);
	for (i = 0; i < STORE_PARTITIONS; i++)
		filter_partition(run, i, filter, plan, reach);
}

static void
read_inputs(Run *run, const char *touches_query, const char *conversions_query,
			bool mergeable)
{
	AttributionStats *stats = run->stats;
	AttributionFeedPlan plan;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	attribution_input_prepare(&run->touches.input, touches_query,
							  &run->lines.input, conversions_query,
							  run->policy->rules.model == ATTRIBUTION_CUSTOM);
	plan_reading(run, mergeable);

	/* lines that would starve the touches go to a file */
	memset(&plan, 0, sizeof(plan));
	plan.keep_bytes = run->store_limit / 2;
	read_side(run, &run->lines, &plan, 0);
	make_filter(run, &plan, mergeable);

	plan.keep_bytes = SIZE_MAX;
	read_side(run, &run->touches, &plan, store_reader_used(run->lines.reader));
	attribution_memory_free(&run->memory, plan.filter);

	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");

	stats->read_processes = run->touches.parts.count;
	stats->touches = run->touches.count.rows;
	stats->rejected_touches = run->touches.count.rejected;
	stats->skipped_touches = run->touches.count.skipped;
	stats->conversions = run->lines.count.rows;
	stats->rejected_conversions = run->lines.count.rejected;
}

/*
 * How many workers for so many bytes: as the planner has it for a table of that
 * size, but no more than leave each process memory for a partition.
 */
static int
count_workers(const Run *run, size_t memory)
{
	double		bytes = (double) run->touches.count.kept * run->touches.parts.layout.words * sizeof(uint64) +
		(double) run->lines.count.kept * run->lines.parts.layout.words * sizeof(uint64);
	double		threshold = (double) min_parallel_table_scan_size * BLCKSZ;
	size_t		largest = 1;
	int			workers = 0;
	int			most = Min(max_parallel_workers_per_gather, ATTRIBUTION_MAX_PROCESSES - 1);
	int			i;

	if (run->memory.area == NULL)
		return 0;
	while (workers < most && bytes >= threshold)
	{
		workers++;
		threshold = Max(threshold, BLCKSZ) * 3;
	}
	for (i = 0; i < STORE_PARTITIONS; i++)
	{
		size_t		size = partition_size(run->touches.reader, i);

		if (size <= memory)
			largest = Max(largest, size);
	}
	return Min(workers, (int) Min(memory / largest, (size_t) ATTRIBUTION_MAX_PROCESSES) - 1);
}

static ParallelContext *
credit_partitions(Run *run, AttributionSink sink, void *arg, bool mergeable)
{
	AttributionCreditPlan *plan = &run->credit;
	size_t		memory = run->limit / 4 + PARTITION_BYTES;
	int			workers = mergeable ? count_workers(run, memory) : 0;
	PartitionWork work;
	int			i;

	plan->policy = *run->policy;
	plan->touches = run->touches.parts;
	plan->lines = run->lines.parts;
	plan->first_at = Min(run->touches.count.first_at, run->lines.count.first_at);
	plan->last_at = Max(run->touches.count.last_at, run->lines.count.last_at);
	plan->limit = memory / (workers + 1);
	plan->sort_kb = Max(work_mem / (workers + 1), 64);
	strlcpy(plan->time_zone, pg_get_timezone_name(run->policy->time_zone),
			sizeof(plan->time_zone));

	run->stats->credit_processes = 1;
	attribution_credit_prepare(&work, run->context, plan, run->touches.reader,
							   run->lines.reader, sink, arg, run->stats);
	if (workers > 0)
	{
		((AttributionShared *) run->memory.header)->credit = *plan;
		return attribution_credit_together(&work, &run->memory, arg, workers);
	}
	for (i = 0; i < STORE_PARTITIONS; i++)
		partition_credit(&work, i);
	return NULL;
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
				bool mergeable, AttributionStats *stats)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "attribution run",
												  ALLOCSET_DEFAULT_SIZES);
	Run		   *run = MemoryContextAllocZero(context, sizeof(Run));
	ParallelContext *workers = NULL;
	instr_time	clock;

	memset(stats, 0, sizeof(*stats));
	run->context = context;
	run->policy = policy;
	run->stats = stats;
	run->limit = get_hash_memory_limit();
	attribution_memory_init(&run->memory, context);

	MemoryContextSwitchTo(context);
	INSTR_TIME_SET_CURRENT(clock);
	read_inputs(run, touches_query, conversions_query, mergeable);
	stats->read_ms = milliseconds_since(&clock);
	if (run->lines.count.kept > 0)
		workers = credit_partitions(run, sink, arg, mergeable);
	stats->credit_ms = milliseconds_since(&clock);

	store_reader_close(run->touches.reader);
	store_reader_close(run->lines.reader);
	attribution_memory_detach(&run->memory);
	attribution_credit_end(workers);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

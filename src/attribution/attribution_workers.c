/*
 * attribution_workers.c
 *	  Partitions credited by several processes.
 *
 * Partitions know nothing of each other and lie where all processes can read
 * them, so each takes the next one that nobody has taken. The totals of the
 * workers are added to ours: integers, whose sum does not depend on who added
 * what.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"

#include "attribution_workers.h"

#define KEY_HANDLE 1
#define KEY_STATEMENT 2

/* by the name that the SQL functions have, too */
#define LIBRARY "$libdir/pg_influence"

PGDLLEXPORT void attribution_credit_worker(dsm_segment *segment, shm_toc *toc);

void
attribution_credit_prepare(PartitionWork *work, MemoryContext context,
						   const AttributionCreditPlan *plan,
						   StoreReader *touches, StoreReader *lines,
						   AttributionSink sink, void *arg, AttributionStats *stats)
{
	memset(work, 0, sizeof(*work));
	work->policy = &plan->policy;
	work->sink = sink;
	work->sink_arg = arg;
	work->stats = stats;
	work->touch_store = touches;
	work->line_store = lines;
	work->limit = plan->limit;
	work->sort_kb = plan->sort_kb;
	work->touch_rows.layout = &plan->touches.layout;
	work->line_rows.layout = &plan->lines.layout;
	partition_work_init(work, context, plan->first_at, plan->last_at);
}

static void
credit_what_is_left(PartitionWork *work, AttributionShared *shared)
{
	uint32		number;

	while ((number = pg_atomic_fetch_add_u32(&shared->next_partition, 1)) < STORE_PARTITIONS)
		partition_credit(work, (int) number);
}

static void
add_credited(AttributionShared *shared, AttributionMemory *memory,
			 AttributionTotals *totals, AttributionStats *stats)
{
	uint32		count = pg_atomic_read_u32(&shared->crediting);
	uint32		i;

	for (i = 0; i < count; i++)
	{
		const AttributionCredited *credited = &shared->credited[i];

		attribution_creators_merge(attribution_totals_creators(totals),
								   attribution_memory_at(memory, credited->totals));
		stats->credits += credited->credits;
		stats->partitions += credited->partitions;
		stats->oversized += credited->oversized;
	}
	stats->credit_processes += count;
}

ParallelContext *
attribution_credit_together(PartitionWork *work, AttributionMemory *memory,
							AttributionTotals *totals, int nworkers)
{
	AttributionShared *shared = (AttributionShared *) memory->header;
	const char *statement = debug_query_string == NULL ? "" : debug_query_string;
	size_t		statement_size = strlen(statement) + 1;
	ParallelContext *context;
	dsm_handle *handle;
	char	   *shared_statement;

	pg_atomic_init_u32(&shared->next_partition, 0);
	pg_atomic_init_u32(&shared->crediting, 0);

	EnterParallelMode();
	context = CreateParallelContext(LIBRARY, "attribution_credit_worker", nworkers);
	shm_toc_estimate_chunk(&context->estimator, sizeof(dsm_handle));
	shm_toc_estimate_chunk(&context->estimator, statement_size);
	shm_toc_estimate_keys(&context->estimator, 2);
	InitializeParallelDSM(context);
	handle = shm_toc_allocate(context->toc, sizeof(dsm_handle));
	*handle = attribution_memory_handle(memory);
	shm_toc_insert(context->toc, KEY_HANDLE, handle);
	shared_statement = shm_toc_allocate(context->toc, statement_size);
	memcpy(shared_statement, statement, statement_size);
	shm_toc_insert(context->toc, KEY_STATEMENT, shared_statement);
	LaunchParallelWorkers(context);

	credit_what_is_left(work, shared);

	WaitForParallelWorkersToFinish(context);
	add_credited(shared, memory, totals, work->stats);
	return context;
}

void
attribution_credit_end(ParallelContext *context)
{
	if (context == NULL)
		return;
	DestroyParallelContext(context);
	ExitParallelMode();
}

/* What the leader adds to its own. */
static void
leave_credited(AttributionShared *shared, AttributionMemory *memory,
			   const AttributionCreators *creators, const AttributionStats *stats)
{
	uint32		number = pg_atomic_fetch_add_u32(&shared->crediting, 1);
	AttributionCredited *credited;

	if (number >= ATTRIBUTION_MAX_PROCESSES)
		elog(ERROR, "too many processes for attribution");
	credited = &shared->credited[number];
	credited->totals = attribution_memory_allocate(memory, attribution_creators_size(creators));
	attribution_creators_save(creators, attribution_memory_at(memory, credited->totals));
	credited->credits = stats->credits;
	credited->partitions = stats->partitions;
	credited->oversized = stats->oversized;
}

/* Where a worker begins. */
void
attribution_credit_worker(dsm_segment *segment, shm_toc *toc)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "attribution run",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	AttributionCreditPlan plan;
	AttributionShared *shared;
	AttributionMemory memory;
	AttributionTotals *totals;
	AttributionStats stats;
	PartitionWork work;
	StoreReader *touches;
	StoreReader *lines;

	/* for logs and pg_stat_activity */
	debug_query_string = shm_toc_lookup(toc, KEY_STATEMENT, false);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);

	attribution_memory_attach(&memory, context,
							  *(dsm_handle *) shm_toc_lookup(toc, KEY_HANDLE, false),
							  ATTRIBUTION_SHARED_LAYOUT, sizeof(AttributionShared));
	shared = (AttributionShared *) memory.header;
	plan = shared->credit;
	plan.policy.time_zone = pg_tzset(plan.time_zone);
	if (plan.policy.time_zone == NULL)
		elog(ERROR, "time zone \"%s\" is gone", plan.time_zone);

	memset(&stats, 0, sizeof(stats));
	totals = attribution_totals_create(&plan.policy);
	touches = store_reader_create(&memory, plan.touches.parts, plan.touches.count);
	lines = store_reader_create(&memory, plan.lines.parts, plan.lines.count);
	attribution_credit_prepare(&work, context, &plan, touches, lines,
							   attribution_totals_add, totals, &stats);
	credit_what_is_left(&work, shared);
	leave_credited(shared, &memory, attribution_totals_creators(totals), &stats);

	store_reader_close(touches);
	store_reader_close(lines);

	/*
	 * Now, and not when the process ends: whoever detaches last removes the
	 * temporary files and counts them, and by then there are no statistics.
	 */
	attribution_memory_detach(&memory);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

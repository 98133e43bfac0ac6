/*
 * attribution_scan.c
 *	  A query of attribute() read by several processes.
 *
 * Rows that go through a Gather cost more than they save. So the planner is
 * asked for a parallel plan as if handing over a row were free, and below the
 * Gather, in every process, a node of ours takes the rows instead: it decodes
 * them, drops those that nobody needs and puts the rest into a store in shared
 * memory. Nothing goes through the Gather any more; it starts the workers, brings
 * their errors and ends them, as in every parallel query.
 *
 * Whether a query may be parallel, and is worth it, is the planner's decision.
 * Where its plan has no Gather on top, one process reads: attribution_input.c.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "parser/parsetree.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "attribution_heap.h"
#include "attribution_scan.h"

#define NODE_NAME "pg_influence attribution"

/* The node: in this process, or in a worker. */
typedef struct FeedState
{
	CustomScanState css;
	AttributionMemory *memory;
	AttributionMemory attached; /* a worker's */
	bool		done;
} FeedState;

static Node *feed_create(CustomScan *scan);
static void feed_begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *feed_exec(CustomScanState *node);
static void feed_end(CustomScanState *node);
static void feed_rescan(CustomScanState *node);
static Size feed_estimate(CustomScanState *node, ParallelContext *context);
static void feed_init_leader(CustomScanState *node, ParallelContext *context, void *place);
static void feed_init_worker(CustomScanState *node, shm_toc *toc, void *place);

static const CustomScanMethods feed_methods = {
	.CustomName = NODE_NAME,
	.CreateCustomScanState = feed_create
};

static const CustomExecMethods feed_exec_methods = {
	.CustomName = NODE_NAME,
	.BeginCustomScan = feed_begin,
	.ExecCustomScan = feed_exec,
	.EndCustomScan = feed_end,
	.ReScanCustomScan = feed_rescan,
	.EstimateDSMCustomScan = feed_estimate,
	.InitializeDSMCustomScan = feed_init_leader,
	.InitializeWorkerCustomScan = feed_init_worker
};

void
attribution_scan_register(void)
{
	RegisterCustomScanMethods(&feed_methods);
}

bool
attribution_scan_allowed(void)
{
	return max_parallel_workers_per_gather > 0 && !IsInParallelMode();
}

/* --- the plan --- */

static PlannedStmt *
plan_for_free_rows(const AttributionInput *input, Query *query)
{
	int			level = NewGUCNestLevel();
	PlannedStmt *plan;

	(void) set_config_option("parallel_tuple_cost", "0", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	plan = pg_plan_query(copyObject(query), input->text, CURSOR_OPT_PARALLEL_OK, NULL);
	AtEOXact_GUC(true, level);
	return plan;
}

/* Where a column of the Gather is in the rows below it; 0 when it is computed above. */
static int
column_below(const Gather *gather, int attno)
{
	List	   *below = outerPlan(gather)->targetlist;
	TargetEntry *entry;

	if (attno > list_length(gather->plan.targetlist))
		return 0;
	entry = list_nth_node(TargetEntry, gather->plan.targetlist, attno - 1);
	if (entry->resjunk)
		return 0;
	if (IsA(entry->expr, Var) && ((Var *) entry->expr)->varno == OUTER_VAR)
		return ((Var *) entry->expr)->varattno;

	/* constants stay where they are, on both sides */
	if (IsA(entry->expr, Const) && attno <= list_length(below) &&
		equal(entry->expr, list_nth_node(TargetEntry, below, attno - 1)->expr))
		return attno;
	return 0;
}

static bool
columns_below(const Gather *gather, const ColumnSource *columns, AttributionDecoder *decoder)
{
	ColumnSource found[INPUT_COLUMNS];
	int			i;

	memcpy(found, columns, sizeof(found));
	for (i = 0; i < INPUT_COLUMNS; i++)
	{
		if (columns[i].attno == 0)
			continue;
		found[i].attno = column_below(gather, columns[i].attno);
		if (found[i].attno == 0)
			return false;
	}
	attribution_decoder_set(decoder, found);
	return true;
}

/*
 * A scan of a table need not pick columns for us: where we take only plain
 * columns of it, let it hand over its rows as they are.
 */
static void
spare_projection(const PlannedStmt *plan, Plan *below, AttributionDecoder *decoder)
{
	ColumnSource found[INPUT_COLUMNS];
	Relation	relation;
	TupleDesc	desc;
	List	   *all = NIL;
	Index		number;
	int			i;

	if (!IsA(below, SeqScan))
		return;
	number = ((SeqScan *) below)->scan.scanrelid;
	memcpy(found, decoder->columns, sizeof(found));
	for (i = 0; i < INPUT_COLUMNS; i++)
	{
		Var		   *var;

		if (found[i].attno == 0)
			continue;
		var = (Var *) list_nth_node(TargetEntry, below->targetlist, found[i].attno - 1)->expr;
		if (!IsA(var, Var) || var->varno != (int) number || var->varattno <= 0)
			return;
		found[i].attno = var->varattno;
	}

	/* the planner has locked it */
	relation = table_open(rt_fetch(number, plan->rtable)->relid, NoLock);
	desc = RelationGetDescr(relation);
	for (i = 1; i <= desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i - 1);

		if (attribute->attisdropped || attribute->atthasmissing)
			break;
		all = lappend(all, makeTargetEntry((Expr *) makeVar((int) number, (AttrNumber) i, attribute->atttypid,
															attribute->atttypmod, attribute->attcollation, 0),
										   (AttrNumber) i, NULL, false));
	}
	table_close(relation, NoLock);
	if (i <= desc->natts)
		return;
	below->targetlist = all;
	attribution_decoder_set(decoder, found);
}

/* Our node between the Gather and what it gathers. */
static void
insert_node(Gather *gather)
{
	Plan	   *below = outerPlan(gather);
	CustomScan *node = makeNode(CustomScan);
	Plan	   *plan = &node->scan.plan;

	plan->startup_cost = below->startup_cost;
	plan->total_cost = below->total_cost;
	plan->plan_rows = 1;
	plan->parallel_aware = true;
	plan->parallel_safe = true;
	/* free below the Gather, where nodes are told apart by it */
	plan->plan_node_id = gather->plan.plan_node_id;
	plan->lefttree = below;
	plan->extParam = bms_copy(below->extParam);
	plan->allParam = bms_copy(below->allParam);
	node->methods = &feed_methods;

	gather->plan.lefttree = plan;
	gather->plan.targetlist = NIL;
}

void
attribution_scan_plan(AttributionScan *scan, const AttributionInput *input)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(input->plan));
	PlannedStmt *plan;

	scan->plan = NULL;
	scan->rows = 0;
	if (!input->read_only || list_length(source->query_list) != 1)
		return;

	plan = plan_for_free_rows(input, linitial_node(Query, source->query_list));
	if (plan->commandType != CMD_SELECT || plan->planTree == NULL)
		return;
	scan->rows = plan->planTree->plan_rows;
	if (!IsA(plan->planTree, Gather) ||
		!columns_below((Gather *) plan->planTree, input->columns, &scan->decoder))
		return;
	spare_projection(plan, outerPlan(plan->planTree), &scan->decoder);
	insert_node((Gather *) plan->planTree);
	scan->plan = plan;
}

void
attribution_scan_run(const AttributionScan *scan, const AttributionInput *input,
					 AttributionMemory *memory, int processes)
{
	Gather	   *gather = castNode(Gather, scan->plan->planTree);
	QueryDesc  *desc;
	FeedState  *state;

	gather->num_workers = Min(gather->num_workers, processes - 1);
	/* in the snapshot of the calling statement, see attribution_input.c */
	desc = CreateQueryDesc(scan->plan, input->text, GetActiveSnapshot(), InvalidSnapshot,
						   None_Receiver, NULL, NULL, 0);
	ExecutorStart(desc, 0);
	state = (FeedState *) castNode(CustomScanState, outerPlanState(desc->planstate));
	state->memory = memory;
	ExecutorRun(desc, ForwardScanDirection, 0, true);
	ExecutorFinish(desc);
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
}

/* --- the node --- */

static Node *
feed_create(CustomScan *scan)
{
	FeedState  *state = (FeedState *) newNode(sizeof(FeedState), T_CustomScanState);

	state->css.methods = &feed_exec_methods;
	return (Node *) state;
}

static void
feed_begin(CustomScanState *node, EState *estate, int eflags)
{
	outerPlanState(node) = ExecInitNode(outerPlan(node->ss.ps.plan), estate, eflags);
}

/* All rows that this process gets; none of them is handed on. */
static TupleTableSlot *
feed_exec(CustomScanState *node)
{
	FeedState  *state = (FeedState *) node;
	PlanState  *below = outerPlanState(node);
	AttributionShared *shared;
	AttributionFeed *feed;
	TupleTableSlot *slot;
	uint32		number;

	if (state->done)
		return NULL;
	state->done = true;
	shared = (AttributionShared *) state->memory->header;
	number = pg_atomic_fetch_add_u32(&shared->feeding, 1);
	if (number >= ATTRIBUTION_MAX_PROCESSES)
		elog(ERROR, "too many processes for attribution");

	feed = attribution_feed_begin(state->memory, &shared->feed, &shared->feeding, number);
	if (!attribution_heap_feed(below, feed))
	{
		slot = ExecProcNode(below);
		if (!TupIsNull(slot))
			attribution_decoder_check(&feed->plan.decoder, slot->tts_tupleDescriptor);
		while (!TupIsNull(slot))
		{
			CHECK_FOR_INTERRUPTS();
			attribution_feed_row(feed, slot);
			slot = ExecProcNode(below);
		}
	}
	attribution_feed_end(feed, &shared->fed[number]);
	return NULL;
}

static void
feed_end(CustomScanState *node)
{
	ExecEndNode(outerPlanState(node));
	attribution_memory_detach(&((FeedState *) node)->attached);
}

/* A Gather on top of everything runs once. */
static void
feed_rescan(CustomScanState *node)
{
	elog(ERROR, "attribution can't read a query twice");
}

/* --- the way to the workers --- */

static Size
feed_estimate(CustomScanState *node, ParallelContext *context)
{
	return sizeof(dsm_handle);
}

static void
feed_init_leader(CustomScanState *node, ParallelContext *context, void *place)
{
	*(dsm_handle *) place = attribution_memory_handle(((FeedState *) node)->memory);
}

static void
feed_init_worker(CustomScanState *node, shm_toc *toc, void *place)
{
	FeedState  *state = (FeedState *) node;

	attribution_memory_attach(&state->attached, node->ss.ps.state->es_query_cxt,
							  *(dsm_handle *) place, ATTRIBUTION_SHARED_LAYOUT,
							  sizeof(AttributionShared));
	state->memory = &state->attached;
}

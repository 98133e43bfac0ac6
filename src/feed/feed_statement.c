/*
 * feed_statement.c
 *	  Runs the statements of the feed: prepared once per session, planned
 *	  without looking at the arguments, their rows handed over where the executor
 *	  has them and stored nowhere.
 *
 * A feed is made of a dozen small probes.  Each has one sensible plan, nested
 * loops over indexes, which the planner does not always find (it cannot know
 * that a limit is small); so what it could choose instead is switched off for
 * as long as the probes run.  They are statements like any other: privileges,
 * row security and partitions hold.
 */
#include "postgres.h"

#include "nodes/params.h"
#include "tcop/dest.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "../common/kept_plan.h"
#include "../common/query_run.h"
#include "feed_statement.h"

typedef struct RowReceiver
{
	DestReceiver base;
	FeedRowReader reader;
	void	   *target;
	MemoryContext context;
} RowReceiver;

static const char *const switched_off[] = {
	"enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin",
	"enable_material", "enable_memoize", "enable_sort", "enable_incremental_sort", "jit"
};

int
feed_statements_begin(void)
{
	int			level = NewGUCNestLevel();
	size_t		i;

	for (i = 0; i < lengthof(switched_off); i++)
		(void) set_config_option(switched_off[i], "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	return level;
}

void
feed_statements_end(int level)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(true, level);
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static bool
receiver_receive(TupleTableSlot *slot, DestReceiver *self)
{
	RowReceiver *receiver = (RowReceiver *) self;
	MemoryContext executor = MemoryContextSwitchTo(receiver->context);

	slot_getallattrs(slot);
	receiver->reader(slot, receiver->target);
	MemoryContextSwitchTo(executor);
	return true;
}

void
feed_statement_run(FeedStatement *statement, const Datum *values, const bool *nulls,
				   FeedRowReader reader, void *target)
{
	ParamListInfo params = makeParamList(statement->nargs);
	RowReceiver receiver;
	int			i;

	memset(&receiver, 0, sizeof(receiver));
	receiver.base.receiveSlot = receiver_receive;
	receiver.base.rStartup = receiver_startup;
	receiver.reader = reader;
	receiver.target = target;
	receiver.context = CurrentMemoryContext;
	for (i = 0; i < statement->nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = nulls != NULL && nulls[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = statement->types[i];
	}
	query_run(kept_plan(&statement->plan, statement->text, statement->nargs, statement->types, CURSOR_OPT_GENERIC_PLAN),
			  true, params, &receiver.base);
}

/*
 * table_writer.c
 *	  Rows straight into tables of the program, as an INSERT would put them there.
 *
 * For a few rows most of an INSERT's time goes into what is the same each time:
 * to prepare a plan for running, and to read the CHECKs and defaults of the table
 * from their stored form. Here these are kept, for as long as the table stays as
 * it is. The rest is the server's own: ExecSimpleRelationInsert(), by which
 * logical replication applies rows, too, checks NOT NULL and CHECKs, fills
 * generated columns and indexes, and fires triggers, of which foreign keys are
 * checked when the writer is closed.
 *
 * A table that this does not fit is told by table_writer_open(): with rules, row
 * security, triggers of statements, other columns than expected, or without the
 * right to insert. So is a server with a hook that wants to see all statements
 * judged (pgaudit).
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "table_writer.h"

/* tables of which something is kept; those of one order */
#define KEPT_TABLES 8

typedef struct OpenTable
{
	WriterTable *table;
	Relation	rel;
	ResultRelInfo *result;		/* once begun */
	TupleTableSlot *slot;
} OpenTable;

struct TableWriter
{
	MemoryContextCallback end;	/* when the memory of this is freed */
	EState	   *estate;			/* NULL: not begun */
	int			count;
	OpenTable	tables[FLEXIBLE_ARRAY_MEMBER];
};

static WriterTable *kept_tables[KEPT_TABLES];
static int	kept_count = 0;

static void
forget_table(Datum argument, Oid relid)
{
	int			i;

	for (i = 0; i < kept_count; i++)
	{
		if (relid == InvalidOid || relid == kept_tables[i]->relid)
			kept_tables[i]->is_stale = true;
	}
}

/* So that what is kept is forgotten when the table changes. */
static void
watch_table(WriterTable *table)
{
	int			i;

	for (i = 0; i < kept_count; i++)
	{
		if (kept_tables[i] == table)
			return;
	}
	if (kept_count == KEPT_TABLES)
		elog(ERROR, "rows are put into more than %d tables", KEPT_TABLES);
	if (kept_count == 0)
		CacheRegisterRelcacheCallback(forget_table, (Datum) 0);
	kept_tables[kept_count++] = table;
}

static bool
is_foreign_function(Oid function, void *context)
{
	return function >= FirstNormalObjectId;
}

/*
 * Whether an expression depends on what somebody may define anew without a word to the table; or on whole rows, of whose shape
 * it keeps what it finds in the memory of the statement that it first runs in.
 */
static bool
is_foreign(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CoerceToDomain) || IsA(node, ConvertRowtypeExpr) || (IsA(node, Var) && ((Var *) node)->varattno == InvalidAttrNumber) ||
		check_functions_in_node(node, is_foreign_function, context))
		return true;
	return expression_tree_walker(node, is_foreign, context);
}

static ExprState *
keep_expression(WriterTable *table, Node *expression)
{
	/* asked before it is planned: what is inlined leaves no trace */
	if (is_foreign(expression, NULL))
		table->is_lasting = false;
	return ExecInitExpr(expression_planner((Expr *) expression), NULL);
}

/* Finds the columns that are given; false when one is not as expected. */
static bool
keep_columns(WriterTable *table, Relation rel, bool *is_given)
{
	TupleDesc	descriptor = RelationGetDescr(rel);
	int			i;

	table->places = palloc(table->column_count * sizeof(*table->places));
	for (i = 0; i < table->column_count; i++)
	{
		AttrNumber	number = get_attnum(RelationGetRelid(rel), table->columns[i].name);
		Form_pg_attribute column;

		if (number <= 0)
			return false;
		column = TupleDescAttr(descriptor, number - 1);
		if (column->atttypid != table->columns[i].type || column->atttypmod != (column->atttypid == BPCHAROID ? VARHDRSZ + 3 : -1) ||
			column->attgenerated != '\0' || column->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
			return false;
		table->places[i] = number - 1;
		is_given[number - 1] = true;
	}
	return true;
}

/* What the other columns get; false where NULL may not do for want of a default. */
static bool
keep_defaults(WriterTable *table, Relation rel, const bool *is_given)
{
	TupleDesc	descriptor = RelationGetDescr(rel);
	int			i;

	table->default_count = 0;
	table->default_places = palloc(descriptor->natts * sizeof(*table->default_places));
	table->defaults = palloc(descriptor->natts * sizeof(ExprState *));
	for (i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(descriptor, i);
		Node	   *expression;

		if (is_given[i] || column->attisdropped || column->attgenerated != '\0')
			continue;
		if (get_typtype(column->atttypid) == TYPTYPE_DOMAIN)
			return false;
		expression = build_column_default(rel, i + 1);
		if (expression == NULL)
			continue;
		table->default_places[table->default_count] = i;
		table->defaults[table->default_count++] = keep_expression(table, expression);
	}
	return true;
}

static void
keep_checks(WriterTable *table, Relation rel)
{
	TupleConstr *constraints = RelationGetDescr(rel)->constr;
	int			i;

	table->checks = NULL;
	if (constraints == NULL || constraints->num_check == 0)
		return;
	table->checks = palloc(constraints->num_check * sizeof(ExprState *));
	for (i = 0; i < constraints->num_check; i++)
		table->checks[i] = keep_expression(table, stringToNode(constraints->check[i].ccbin));
}

/* Whether rows can be put into the table without the planner. */
static bool
is_simple(Relation rel)
{
	TriggerDesc *triggers = rel->trigdesc;

	return rel->rd_rel->relkind == RELKIND_RELATION && rel->rd_rules == NULL &&
		(triggers == NULL || !(triggers->trig_insert_before_statement || triggers->trig_insert_after_statement ||
							   triggers->trig_insert_new_table));
}

/* Whether who asks may put rows into the table, and no policy looks at them; it may be another one than the last time. */
static bool
may_insert(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);

	return pg_class_aclcheck(relid, GetUserId(), ACL_INSERT) == ACLCHECK_OK &&
		(!rel->rd_rel->relrowsecurity || check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED);
}

/* Keeps what the table says of itself. */
static void
keep_table(WriterTable *table, Relation rel)
{
	MemoryContext old;
	bool	   *is_given;

	watch_table(table);
	if (table->context == NULL)
		table->context = AllocSetContextCreate(TopMemoryContext, "pg_influence table", ALLOCSET_SMALL_SIZES);
	table->relid = RelationGetRelid(rel);
	/* what changes from here on is not to be missed */
	table->is_stale = false;
	table->is_lasting = false;
	MemoryContextReset(table->context);
	old = MemoryContextSwitchTo(table->context);
	table->is_lasting = true;
	is_given = palloc0(RelationGetDescr(rel)->natts * sizeof(*is_given));
	table->is_plain = is_simple(rel) && keep_columns(table, rel, is_given) && keep_defaults(table, rel, is_given);
	if (table->is_plain)
		keep_checks(table, rel);
	MemoryContextSwitchTo(old);
}

/* An error may have left expressions half way: they are not used again. */
static void
release_tables(void *argument)
{
	TableWriter *writer = argument;
	int			i;

	for (i = 0; i < writer->count; i++)
	{
		writer->tables[i].table->in_use = false;
		writer->tables[i].table->is_stale = true;
	}
	writer->count = 0;
}

TableWriter *
table_writer_open(WriterTable *const *tables, int count)
{
	TableWriter *writer = palloc0(offsetof(TableWriter, tables) + count * sizeof(OpenTable));
	bool		is_plain = ExecutorCheckPerms_hook == NULL;
	int			i;

	writer->end.func = release_tables;
	writer->end.arg = writer;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &writer->end);
	for (i = 0; i < count; i++)
	{
		WriterTable *table = tables[i];
		Oid			relid = RangeVarGetRelid(makeRangeVar("influence", unconstify(char *, table->name), -1), RowExclusiveLock, false);

		/* a trigger that calls what it is fired by */
		if (table->in_use)
		{
			is_plain = false;
			continue;
		}
		writer->tables[writer->count].table = table;
		writer->tables[writer->count].rel = table_open(relid, NoLock);
		writer->count++;
		table->in_use = true;
		if (table->context == NULL || table->is_stale || !table->is_lasting || table->relid != relid)
			keep_table(table, writer->tables[writer->count - 1].rel);
		is_plain = is_plain && table->is_plain && may_insert(writer->tables[writer->count - 1].rel);
	}
	if (is_plain)
		return writer;
	table_writer_close(writer);
	return NULL;
}

void
table_writer_begin(TableWriter *writer)
{
	EState	   *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	int			i;

	PushActiveSnapshot(GetTransactionSnapshot());
	estate->es_output_cid = GetCurrentCommandId(true);
	for (i = 0; i < writer->count; i++)
	{
		OpenTable  *open = &writer->tables[i];

		open->result = makeNode(ResultRelInfo);
		InitResultRelInfo(open->result, open->rel, 0, NULL, 0);
		open->result->ri_ConstraintExprs = open->table->checks;
		/* where triggers look for it */
		estate->es_opened_result_relations = lappend(estate->es_opened_result_relations, open->result);
		ExecOpenIndices(open->result, false);
		open->slot = table_slot_create(open->rel, &estate->es_tupleTable);
	}
	AfterTriggerBeginQuery();
	writer->estate = estate;
	MemoryContextSwitchTo(old);
}

void
table_writer_put(TableWriter *writer, int table, const Datum *values, const bool *nulls)
{
	OpenTable  *open = &writer->tables[table];
	WriterTable *kept = open->table;
	TupleTableSlot *slot = open->slot;
	ExprContext *context = GetPerTupleExprContext(writer->estate);
	int			i;

	ResetPerTupleExprContext(writer->estate);
	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts * sizeof(*slot->tts_isnull));
	for (i = 0; i < kept->column_count; i++)
	{
		slot->tts_values[kept->places[i]] = values[i];
		slot->tts_isnull[kept->places[i]] = nulls[i];
	}
	for (i = 0; i < kept->default_count; i++)
	{
		int			place = kept->default_places[i];

		slot->tts_values[place] = ExecEvalExprSwitchContext(kept->defaults[i], context, &slot->tts_isnull[place]);
	}
	ExecStoreVirtualTuple(slot);
	/* a CHECK may ask for it */
	slot->tts_tableOid = RelationGetRelid(open->rel);
	ExecSimpleRelationInsert(open->result, writer->estate, slot);
}

void
table_writer_close(TableWriter *writer)
{
	int			i;

	if (writer->estate != NULL)
	{
		AfterTriggerEndQuery(writer->estate);
		ExecResetTupleTable(writer->estate->es_tupleTable, false);
		ExecCloseResultRelations(writer->estate);
		FreeExecutorState(writer->estate);
		writer->estate = NULL;
		PopActiveSnapshot();
		CommandCounterIncrement();
	}
	for (i = 0; i < writer->count; i++)
	{
		table_close(writer->tables[i].rel, NoLock);
		writer->tables[i].table->in_use = false;
	}
	/* nothing is left to release */
	writer->count = 0;
}

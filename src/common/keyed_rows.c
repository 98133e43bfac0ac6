/*
 * keyed_rows.c
 *	  Rows of a table of the program found by its primary key, and changed where
 *	  they are.
 *
 * A job that changes thousands of rows by their keys needs no plan for it: the
 * index is open, each row is looked up in it, and put back by the functions by
 * which logical replication applies changes (ExecSimpleRelationUpdate() and the
 * like), which check constraints and fill indexes. That takes half of what the
 * executor takes for a join of the changes with the table.
 *
 * Where more has to happen than that (rules, triggers, row security, columns of
 * domains, or generated from those that are written, pgaudit's hook, or no right to
 * write), rows are found in the same way, but each is written by a statement.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#if PG_VERSION_NUM >= 160000
#include "parser/parse_relation.h"
#endif
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "errors.h"
#include "keyed_rows.h"

#define MAX_KEYS 8

typedef enum RowStatement
{
	ROW_UPDATE,
	ROW_DELETE,
	ROW_INSERT
} RowStatement;

struct KeyedRows
{
	MemoryContextCallback end;	/* of estate's memory */
	Relation	rel;
	Relation	key;			/* the index */
	EState	   *estate;
	ResultRelInfo *result;
	EPQState	epq;
	Snapshot	snapshot;
	TupleTableSlot *found;
	TupleTableSlot *row;		/* to be written */
	const KeyedColumn *columns;
	int			column_count;
	int			key_count;
	int			kept_count;		/* of the key and what is only read */
	int		   *places;			/* where the columns stand in a row */
	ScanKeyData keys[MAX_KEYS];
	IndexScanDesc scans[MAX_KEYS + 1];	/* by the number of keys; NULL: not begun */
	IndexScanDesc scan;			/* the one in use; NULL: it has no more rows */
	int			default_count;	/* of the other columns */
	int		   *default_places;
	ExprState **defaults;
	bool		is_plain;
	bool		has_generated;	/* columns: new rows come by statements */
	SPIPlanPtr	statements[ROW_INSERT + 1];		/* where it is not, once prepared */
};

static void
table_differs(const KeyedRows *rows, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_NOT_INSTALLED),
			 errmsg("%s of table influence.%s is not as install() made it", what, RelationGetRelationName(rows->rel)),
			 errhint("Give it back the type and the primary key that docs/reference/tables.md names; then run this again.")));
}

static void
find_columns(KeyedRows *rows)
{
	TupleDesc	descriptor = RelationGetDescr(rows->rel);
	int			i;

	rows->places = palloc(rows->column_count * sizeof(*rows->places));
	for (i = 0; i < rows->column_count; i++)
	{
		AttrNumber	number = get_attnum(RelationGetRelid(rows->rel), rows->columns[i].name);

		if (number <= 0 || TupleDescAttr(descriptor, number - 1)->atttypid != rows->columns[i].type)
			table_differs(rows, psprintf("column \"%s\"", rows->columns[i].name));
		rows->places[i] = number - 1;
	}
}

/* What columns get in a new row that is given without them. */
static void
find_defaults(KeyedRows *rows)
{
	TupleDesc	descriptor = RelationGetDescr(rows->rel);
	int			place;
	int			i;

	rows->default_places = palloc(descriptor->natts * sizeof(*rows->default_places));
	rows->defaults = palloc(descriptor->natts * sizeof(ExprState *));
	for (place = 0; place < descriptor->natts; place++)
	{
		Node	   *expression;

		for (i = 0; i < rows->column_count && rows->places[i] != place; i++)
			;
		if (i < rows->column_count || TupleDescAttr(descriptor, place)->attisdropped)
			continue;
		expression = build_column_default(rows->rel, place + 1);
		if (expression == NULL)
			continue;
		rows->default_places[rows->default_count] = place;
		rows->defaults[rows->default_count++] = ExecPrepareExpr((Expr *) expression, rows->estate);
	}
}

/* The index of the primary key, and what it compares its columns with. */
static void
open_key(KeyedRows *rows)
{
	Oid			index;
	int			i;

	list_free(RelationGetIndexList(rows->rel));
	index = rows->rel->rd_pkindex;
	if (!OidIsValid(index))
		table_differs(rows, "the primary key");
	rows->key = index_open(index, AccessShareLock);
	if (rows->key->rd_index->indnkeyatts != rows->key_count)
		table_differs(rows, "the primary key");
	for (i = 0; i < rows->key_count; i++)
	{
		Oid			type = rows->key->rd_opcintype[i];
		Oid			equality = get_opfamily_member(rows->key->rd_opfamily[i], type, type, BTEqualStrategyNumber);

		if (rows->key->rd_index->indkey.values[i] != rows->places[i] + 1)
			table_differs(rows, "the primary key");
		ScanKeyEntryInitialize(&rows->keys[i], 0, i + 1, BTEqualStrategyNumber, type, rows->key->rd_indcollation[i], get_opcode(equality), (Datum) 0);
	}
}

static bool
may_write(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);

	return pg_class_aclmask(relid, GetUserId(), ACL_INSERT | ACL_UPDATE | ACL_DELETE, ACLMASK_ALL) == (ACL_INSERT | ACL_UPDATE | ACL_DELETE) &&
		!rel->rd_rel->relrowsecurity;
}

/* A domain may refuse a value, NULL among them. */
static bool
has_domain(Relation rel)
{
	TupleDesc	descriptor = RelationGetDescr(rel);
	int			i;

	for (i = 0; i < descriptor->natts; i++)
	{
		if (!TupleDescAttr(descriptor, i)->attisdropped && get_typtype(TupleDescAttr(descriptor, i)->atttypid) == TYPTYPE_DOMAIN)
			return true;
	}
	return false;
}

static bool
has_generated(Relation rel)
{
	TupleDesc	descriptor = RelationGetDescr(rel);
	int			i;

	for (i = 0; i < descriptor->natts; i++)
	{
		if (TupleDescAttr(descriptor, i)->attgenerated != '\0')
			return true;
	}
	return false;
}

static bool
is_written(const KeyedRows *rows, AttrNumber number)
{
	int			i;

	for (i = rows->kept_count; i < rows->column_count; i++)
	{
		if (rows->places[i] == number - 1)
			return true;
	}
	return false;
}

/* Whether an update leaves what is generated as it is: not every version of ExecSimpleRelationUpdate() computes it anew. */
static bool
keeps_generated(const KeyedRows *rows)
{
	TupleDesc	descriptor = RelationGetDescr(rows->rel);
	int			number;

	for (number = 1; number <= descriptor->natts; number++)
	{
		Bitmapset  *sources = NULL;
		int			source = -1;

		if (TupleDescAttr(descriptor, number - 1)->attgenerated == '\0')
			continue;
		if (TupleDescAttr(descriptor, number - 1)->attgenerated != ATTRIBUTE_GENERATED_STORED || is_written(rows, number))
			return false;
		pull_varattnos(build_column_default(rows->rel, number), 1, &sources);
		while ((source = bms_next_member(sources, source)) >= 0)
		{
			if (is_written(rows, source + FirstLowInvalidHeapAttributeNumber))
				return false;
		}
		bms_free(sources);
	}
	return true;
}

static bool
is_plain(const KeyedRows *rows)
{
	Relation	rel = rows->rel;

	return ExecutorCheckPerms_hook == NULL && rel->rd_rules == NULL && rel->trigdesc == NULL && !has_domain(rel) && may_write(rel) &&
		(!rows->has_generated || keeps_generated(rows));
}

/* What is updated is known to the executor: an index whose columns are not among it gets another version of the same entry. */
static void
open_result(KeyedRows *rows)
{
	RangeTblEntry *entry = makeNode(RangeTblEntry);
	Bitmapset  *written = NULL;
	int			i;

	for (i = rows->kept_count; i < rows->column_count; i++)
		written = bms_add_member(written, rows->places[i] + 1 - FirstLowInvalidHeapAttributeNumber);
	entry->rtekind = RTE_RELATION;
	entry->relid = RelationGetRelid(rows->rel);
	entry->relkind = rows->rel->rd_rel->relkind;
	entry->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
	{
		List	   *permissions = NIL;

		addRTEPermissionInfo(&permissions, entry)->updatedCols = written;
#if PG_VERSION_NUM >= 180000
		ExecInitRangeTable(rows->estate, list_make1(entry), permissions, bms_make_singleton(1));
#else
		ExecInitRangeTable(rows->estate, list_make1(entry), permissions);
#endif
	}
	EvalPlanQualInit(&rows->epq, rows->estate, NULL, NIL, -1, NIL);
#else
	entry->updatedCols = written;
	ExecInitRangeTable(rows->estate, list_make1(entry));
	EvalPlanQualInit(&rows->epq, rows->estate, NULL, NIL, -1);
#endif
	rows->result = makeNode(ResultRelInfo);
	InitResultRelInfo(rows->result, rows->rel, 1, NULL, 0);
	ExecOpenIndices(rows->result, false);
}

/* Plans are kept beyond the transaction: an error frees all the rest. */
static void
free_statements(void *argument)
{
	KeyedRows  *rows = argument;
	int			i;

	for (i = 0; i <= ROW_INSERT; i++)
	{
		if (rows->statements[i] != NULL)
			SPI_freeplan(rows->statements[i]);
		rows->statements[i] = NULL;
	}
}

KeyedRows *
keyed_rows_open(const char *table, const KeyedColumn *columns, int column_count, int key_count, int read_count)
{
	KeyedRows  *rows = palloc0(sizeof(KeyedRows));
	Oid			relid = RangeVarGetRelid(makeRangeVar("influence", pstrdup(table), -1), RowExclusiveLock, false);
	AclResult	may_read = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	MemoryContext old;

	if (may_read != ACLCHECK_OK)
		aclcheck_error(may_read, OBJECT_TABLE, table);
	if (check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row security of table influence.%s applies to role \"%s\"", table, GetUserNameFromId(GetUserId(), false)),
				 errhint("Policies are for those who read computed tables: take FORCE ROW LEVEL SECURITY from it.")));
	PreventCommandIfReadOnly("UPDATE");
	rows->columns = columns;
	rows->column_count = column_count;
	rows->key_count = key_count;
	rows->kept_count = key_count + read_count;
	rows->rel = table_open(relid, NoLock);
	if (rows->rel->rd_rel->relkind != RELKIND_RELATION || key_count > MAX_KEYS)
		table_differs(rows, "the kind");
	rows->estate = CreateExecutorState();
	rows->end.func = free_statements;
	rows->end.arg = rows;
	MemoryContextRegisterResetCallback(rows->estate->es_query_cxt, &rows->end);
	find_columns(rows);
	open_key(rows);
	old = MemoryContextSwitchTo(rows->estate->es_query_cxt);
	PushActiveSnapshot(GetTransactionSnapshot());
	rows->snapshot = GetActiveSnapshot();
	rows->estate->es_snapshot = rows->snapshot;
	rows->estate->es_output_cid = GetCurrentCommandId(true);
	rows->found = table_slot_create(rows->rel, &rows->estate->es_tupleTable);
	rows->row = table_slot_create(rows->rel, &rows->estate->es_tupleTable);
	rows->has_generated = has_generated(rows->rel);
	rows->is_plain = is_plain(rows);
	if (rows->is_plain)
	{
		open_result(rows);
		if (!rows->has_generated)
			find_defaults(rows);
	}
	MemoryContextSwitchTo(old);
	return rows;
}

bool
keyed_rows_find(KeyedRows *rows, const Datum *keys, int key_count)
{
	MemoryContext old = MemoryContextSwitchTo(rows->estate->es_query_cxt);
	int			i;

	/* a page that is held twice is not pruned */
	ExecClearTuple(rows->found);
	if (rows->scans[key_count] == NULL)
	{
#if PG_VERSION_NUM >= 180000
		rows->scans[key_count] = index_beginscan(rows->rel, rows->key, rows->snapshot, NULL, key_count, 0);
#else
		rows->scans[key_count] = index_beginscan(rows->rel, rows->key, rows->snapshot, key_count, 0);
#endif
	}
	rows->scan = rows->scans[key_count];
	for (i = 0; i < key_count; i++)
		rows->keys[i].sk_argument = keys[i];
	index_rescan(rows->scan, rows->keys, key_count, NULL, 0);
	MemoryContextSwitchTo(old);
	return keyed_rows_next(rows);
}

bool
keyed_rows_next(KeyedRows *rows)
{
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	if (rows->scan == NULL)
		return false;
	old = MemoryContextSwitchTo(rows->estate->es_query_cxt);
	/* after its end a scan would begin anew */
	if (!index_getnext_slot(rows->scan, ForwardScanDirection, rows->found))
		rows->scan = NULL;
	MemoryContextSwitchTo(old);
	return rows->scan != NULL;
}

Datum
keyed_rows_value(KeyedRows *rows, int column, bool *is_null)
{
	return slot_getattr(rows->found, rows->places[column] + 1, is_null);
}

bool
keyed_rows_lock(KeyedRows *rows)
{
	MemoryContext old = MemoryContextSwitchTo(rows->estate->es_query_cxt);
	TM_FailureData failure;
	TM_Result	result = table_tuple_lock(rows->rel, &rows->found->tts_tid, rows->snapshot, rows->found, rows->estate->es_output_cid,
										  LockTupleNoKeyExclusive, LockWaitBlock, TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);

	MemoryContextSwitchTo(old);
	if (result != TM_Ok && result != TM_Deleted)
		elog(ERROR, "row of table influence.%s cannot be locked: %d", RelationGetRelationName(rows->rel), (int) result);
	return result == TM_Ok;
}

/* By key: write_found() has seen to it that nobody else changes the row. */
static SPIPlanPtr
prepare_statement(KeyedRows *rows, RowStatement statement)
{
	StringInfoData text;
	Oid		   *types = palloc(rows->column_count * sizeof(*types));
	SPIPlanPtr	plan;
	int			i;

	for (i = 0; i < rows->column_count; i++)
		types[i] = rows->columns[i].type;
	initStringInfo(&text);
	appendStringInfoString(&text, statement == ROW_UPDATE ? "UPDATE" : statement == ROW_DELETE ? "DELETE FROM" : "INSERT INTO");
	appendStringInfo(&text, " influence.%s", quote_identifier(RelationGetRelationName(rows->rel)));
	if (statement == ROW_INSERT)
	{
		for (i = 0; i < rows->column_count; i++)
			appendStringInfo(&text, "%s%s", i == 0 ? " (" : ", ", quote_identifier(rows->columns[i].name));
		for (i = 0; i < rows->column_count; i++)
			appendStringInfo(&text, "%s$%d", i == 0 ? ") VALUES (" : ", ", i + 1);
		appendStringInfoChar(&text, ')');
	}
	for (i = rows->kept_count; statement == ROW_UPDATE && i < rows->column_count; i++)
		appendStringInfo(&text, "%s %s = $%d", i == rows->kept_count ? " SET" : ",", quote_identifier(rows->columns[i].name), i + 1);
	for (i = 0; statement != ROW_INSERT && i < rows->key_count; i++)
		appendStringInfo(&text, " %s %s OPERATOR(pg_catalog.=) $%d", i == 0 ? "WHERE" : "AND", quote_identifier(rows->columns[i].name), i + 1);
	plan = SPI_prepare(text.data, statement == ROW_DELETE ? rows->key_count : rows->column_count, types);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	return plan;
}

static void
run_statement(KeyedRows *rows, RowStatement statement, const Datum *values, const bool *nulls)
{
	char	   *null_marks;
	int			result;
	int			i;

	SPI_connect();
	if (rows->statements[statement] == NULL)
		rows->statements[statement] = prepare_statement(rows, statement);
	null_marks = palloc(rows->column_count + 1);
	for (i = 0; i < rows->column_count; i++)
		null_marks[i] = nulls[i] ? 'n' : ' ';
	null_marks[i] = '\0';
	result = SPI_execute_plan(rows->statements[statement], unconstify(Datum *, values), null_marks, false, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	SPI_finish();
}

/* The key and what is kept of the row that was found, then what it is given; in an array of its own. */
static void
fill_values(KeyedRows *rows, const Datum *values, const bool *nulls, Datum *all, bool *all_nulls)
{
	int			i;

	for (i = 0; i < rows->kept_count; i++)
		all[i] = keyed_rows_value(rows, i, &all_nulls[i]);
	for (; i < rows->column_count; i++)
	{
		all[i] = values == NULL ? (Datum) 0 : values[i - rows->kept_count];
		all_nulls[i] = nulls == NULL || nulls[i - rows->kept_count];
	}
}

/* A statement would follow the row to what somebody else has made of it, and put there what follows from what it was. */
static void
lock_found(KeyedRows *rows)
{
	TM_FailureData failure;
	TM_Result	result = table_tuple_lock(rows->rel, &rows->found->tts_tid, rows->snapshot, rows->row, GetCurrentCommandId(false),
										  LockTupleNoKeyExclusive, LockWaitBlock, 0, &failure);

	ExecClearTuple(rows->row);
	if (result == TM_Updated || result == TM_Deleted)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("a row of table influence.%s was changed by another transaction", RelationGetRelationName(rows->rel)),
				 errhint("Run this again. The job alone is to write this table.")));
}

static void
write_found(KeyedRows *rows, RowStatement statement, const Datum *values, const bool *nulls)
{
	Datum	   *all = palloc(rows->column_count * sizeof(*all));
	bool	   *all_nulls = palloc(rows->column_count * sizeof(*all_nulls));

	lock_found(rows);
	fill_values(rows, values, nulls, all, all_nulls);
	run_statement(rows, statement, all, all_nulls);
	pfree(all);
	pfree(all_nulls);
}

void
keyed_rows_update(KeyedRows *rows, const Datum *values, const bool *nulls)
{
	TupleTableSlot *row = rows->row;
	int			natts = row->tts_tupleDescriptor->natts;
	int			i;

	if (!rows->is_plain)
	{
		write_found(rows, ROW_UPDATE, values, nulls);
		return;
	}
	ResetPerTupleExprContext(rows->estate);
	slot_getallattrs(rows->found);
	ExecClearTuple(row);
	memcpy(row->tts_values, rows->found->tts_values, natts * sizeof(*row->tts_values));
	memcpy(row->tts_isnull, rows->found->tts_isnull, natts * sizeof(*row->tts_isnull));
	for (i = rows->kept_count; i < rows->column_count; i++)
	{
		row->tts_values[rows->places[i]] = values[i - rows->kept_count];
		row->tts_isnull[rows->places[i]] = nulls[i - rows->kept_count];
	}
	ExecStoreVirtualTuple(row);
	/* a CHECK may ask for it */
	row->tts_tableOid = RelationGetRelid(rows->rel);
	ExecSimpleRelationUpdate(rows->result, rows->estate, &rows->epq, rows->found, row);
}

void
keyed_rows_delete(KeyedRows *rows)
{
	if (rows->is_plain)
		ExecSimpleRelationDelete(rows->result, rows->estate, &rows->epq, rows->found);
	else
		write_found(rows, ROW_DELETE, NULL, NULL);
}

void
keyed_rows_insert(KeyedRows *rows, const Datum *values, const bool *nulls)
{
	TupleTableSlot *row = rows->row;
	int			i;

	if (!rows->is_plain || rows->has_generated)
	{
		run_statement(rows, ROW_INSERT, values, nulls);
		return;
	}
	ResetPerTupleExprContext(rows->estate);
	ExecClearTuple(row);
	memset(row->tts_isnull, true, row->tts_tupleDescriptor->natts * sizeof(*row->tts_isnull));
	for (i = 0; i < rows->column_count; i++)
	{
		row->tts_values[rows->places[i]] = values[i];
		row->tts_isnull[rows->places[i]] = nulls[i];
	}
	for (i = 0; i < rows->default_count; i++)
	{
		int			place = rows->default_places[i];

		row->tts_values[place] = ExecEvalExprSwitchContext(rows->defaults[i], GetPerTupleExprContext(rows->estate), &row->tts_isnull[place]);
	}
	ExecStoreVirtualTuple(row);
	row->tts_tableOid = RelationGetRelid(rows->rel);
	ExecSimpleRelationInsert(rows->result, rows->estate, row);
}

void
keyed_rows_close(KeyedRows *rows)
{
	int			i;

	for (i = 0; i <= rows->key_count; i++)
	{
		if (rows->scans[i] != NULL)
			index_endscan(rows->scans[i]);
	}
	if (rows->is_plain)
	{
		EvalPlanQualEnd(&rows->epq);
		ExecCloseIndices(rows->result);
	}
	ExecResetTupleTable(rows->estate->es_tupleTable, false);
	FreeExecutorState(rows->estate);
	PopActiveSnapshot();
	index_close(rows->key, NoLock);
	table_close(rows->rel, NoLock);
	pfree(rows->places);
	pfree(rows);
	CommandCounterIncrement();
}

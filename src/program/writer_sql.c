/*
 * writer_sql.c
 *	  What every writer asks first: influence_internal.installed_step() and
 *	  influence_internal.lock_person(). In SQL they would cost each call several
 *	  statements more.
 *
 * Statements are planned once per session, run with the caller's rights, and
 * name everything with its schema; the operators are those of the search_path
 * that the published functions set.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "../common/kept_plan.h"
#include "writer.h"

PG_FUNCTION_INFO_V1(program_installed_step);
PG_FUNCTION_INFO_V1(program_lock_person);

static void
connect_spi(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

static void
finish_spi(void)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

/*
 * Runs a statement with at most one argument, a visitor: in a snapshot of its
 * own, or in the caller's.
 */
static uint64
run_statement(SPIPlanPtr *plan, const char *text, const pg_uuid_t *visitor, bool own_snapshot)
{
	Oid			types[1] = {UUIDOID};
	Datum		values[1];
	int			result;

	values[0] = UUIDPGetDatum(visitor);
	result = SPI_execute_plan(kept_plan(plan, text, visitor == NULL ? 0 : 1, types, 0), values, NULL, !own_snapshot, 0);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

/*
 * The last step of a table that has a few rows on a page, without a statement, which would take a hundredth of what the
 * call costs that asks; NULL: it has none.
 */
static bool
read_step(Oid relid, int32 *step)
{
	Relation	rel = table_open(relid, AccessShareLock);
	AttrNumber	column = get_attnum(relid, "step");
	TupleTableSlot *slot;
	TableScanDesc scan;
	bool		found = false;

	/* a view, for one, can't be scanned */
	if (rel->rd_rel->relkind != RELKIND_RELATION || column <= 0 || TupleDescAttr(RelationGetDescr(rel), column - 1)->atttypid != INT4OID)
		elog(ERROR, "influence.schema_version is no table with a step");
	slot = table_slot_create(rel, NULL);
	scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		int32		value = DatumGetInt32(slot_getattr(slot, column, &isnull));

		if (isnull || (found && value <= *step))
			continue;
		*step = value;
		found = true;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return found;
}

Datum
program_installed_step(PG_FUNCTION_ARGS)
{
	Oid			schema = get_namespace_oid("influence", true);
	Oid			relid = OidIsValid(schema) ? get_relname_relid("schema_version", schema) : InvalidOid;
	AclResult	acl;
	int32		step = 0;

	if (!OidIsValid(relid))
		PG_RETURN_NULL();
	acl = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	if (acl != ACLCHECK_OK)
		aclcheck_error(acl, OBJECT_TABLE, "schema_version");
	if (!read_step(relid, &step))
		PG_RETURN_NULL();
	PG_RETURN_INT32(step);
}

/* Who a visitor is by now. */
static pg_uuid_t
person_of(const pg_uuid_t *visitor)
{
	static SPIPlanPtr alias_plan = NULL;
	static SPIPlanPtr person_plan = NULL;
	pg_uuid_t	person = *visitor;
	bool		isnull;

	/* most visitors are nobody's alias */
	if (run_statement(&alias_plan, "SELECT FROM influence.visitor_alias a WHERE a.visitor_id = $1", visitor, true) > 0 &&
		run_statement(&person_plan, "SELECT influence_internal.person_of($1)", visitor, true) == 1)
		person = *DatumGetUUIDP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return person;
}

/* the lock that lock_key('person ' || person) takes */
static void
person_tag(const pg_uuid_t *person, LOCKTAG *tag)
{
	char	   *name = DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(person)));
	int64		key = DatumGetInt64(DirectFunctionCall2Coll(hashtextextended, C_COLLATION_OID,
															CStringGetTextDatum(psprintf("pg_influence person %s", name)),
															Int64GetDatum(0)));

	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) ((uint64) key >> 32), (uint32) key, 1);
}

void
writer_lock_visitor(const pg_uuid_t *visitor, LOCKTAG *tag)
{
	person_tag(visitor, tag);
	(void) LockAcquire(tag, ExclusiveLock, false, false);
}

void
writer_unlock(const LOCKTAG *tag)
{
	LockRelease(tag, ExclusiveLock, false);
}

void
writer_lock_person(const pg_uuid_t *visitor, LOCKTAG *tag)
{
	/* most visitors are nobody's alias: who they are is asked once, when they are locked */
	pg_uuid_t	person = *visitor;

	for (;;)
	{
		pg_uuid_t	now;

		writer_lock_visitor(&person, tag);
		now = person_of(visitor);
		if (memcmp(&now, &person, UUID_LEN) == 0)
			break;
		/* an alias, or merged while this waited: nobody who holds the lock of a former person ever waits for another one */
		writer_unlock(tag);
		person = now;
		CHECK_FOR_INTERRUPTS();
	}
}

Datum
program_lock_person(PG_FUNCTION_ARGS)
{
	static SPIPlanPtr isolation_plan = NULL;
	LOCKTAG		tag;

	connect_spi();
	if (IsolationUsesXactSnapshot())
		run_statement(&isolation_plan, "SELECT influence_internal.require_read_committed()", NULL, false);
	writer_lock_person(PG_GETARG_UUID_P(0), &tag);
	finish_spi();
	PG_RETURN_VOID();
}

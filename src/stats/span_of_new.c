/*
 * span_of_new.c
 *	  influence_internal.span_of_new(): the time that the new rows of a partitioned
 *	  table can be of.
 *
 * New rows are found by the transaction that wrote them, whatever their time, so
 * the planner has all partitions to look into, and opens all their indexes. Here
 * each partition's index on xact is asked whether it has anything as new; the
 * bounds of those that have leave out the others when a query is planned.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(stats_span_of_new);

/* The index of a partition that begins with a column, none of a part of its rows; without opening them all. */
static Oid
index_on(Relation partition, AttrNumber column)
{
	List	   *indexes = RelationGetIndexList(partition);
	Oid			result = InvalidOid;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		if (index->indkey.values[0] == column && index->indisvalid && heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
			result = index->indexrelid;
		ReleaseSysCache(tuple);
		if (OidIsValid(result))
			break;
	}
	list_free(indexes);
	return result;
}

/* Whether there may be rows of this transaction or later ones: the index has entries, of whatever state. */
static bool
may_have_new(Oid relid, Datum xact)
{
	Relation	partition = table_open(relid, AccessShareLock);
	AttrNumber	column = get_attnum(relid, "xact");
	Oid			found = partition->rd_rel->relkind == RELKIND_RELATION && column > 0 ? index_on(partition, column) : InvalidOid;
	bool		result = true;

	if (OidIsValid(found))
	{
		Relation	index = index_open(found, AccessShareLock);
		ScanKeyData key;
		IndexScanDesc scan;

		if (index->rd_rel->relam != BTREE_AM_OID)
			elog(ERROR, "index \"%s\" is not a btree", RelationGetRelationName(index));
		ScanKeyInit(&key, 1, BTGreaterEqualStrategyNumber, F_XID8GE, xact);
#if PG_VERSION_NUM >= 180000
		scan = index_beginscan(partition, index, GetActiveSnapshot(), NULL, 1, 0);
#else
		scan = index_beginscan(partition, index, GetActiveSnapshot(), 1, 0);
#endif
		index_rescan(scan, &key, 1, NULL, 0);
		result = index_getnext_tid(scan, ForwardScanDirection) != NULL;
		index_endscan(scan);
		index_close(index, NoLock);
	}
	table_close(partition, NoLock);
	return result;
}

/* A bound of a partition as a moment. */
static TimestampTz
bound_at(PartitionBoundInfo bounds, int i, TimestampTz otherwise)
{
	return i >= 0 && bounds->kind[i][0] == PARTITION_RANGE_DATUM_VALUE ? DatumGetTimestampTz(bounds->datums[i][0]) : otherwise;
}

/* span_of_new(parent text, xact xid8, OUT since timestamptz, OUT until timestamptz) */
Datum
stats_span_of_new(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum		xact = PG_GETARG_DATUM(1);
	Oid			relid = RangeVarGetRelid(makeRangeVar("influence", name, -1), AccessShareLock, false);
	AclResult	may_read = pg_class_aclcheck(relid, GetUserId(), ACL_SELECT);
	Relation	parent;
	PartitionDesc partitions;
	PartitionBoundInfo bounds;
	TimestampTz since = DT_NOEND;
	TimestampTz until = DT_NOBEGIN;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {0};
	int			i;

	if (may_read != ACLCHECK_OK)
		aclcheck_error(may_read, OBJECT_TABLE, name);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	parent = table_open(relid, NoLock);
	if (parent->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		elog(ERROR, "table influence.%s is not partitioned", name);
	if (RelationGetPartitionKey(parent)->strategy != PARTITION_STRATEGY_RANGE || RelationGetPartitionKey(parent)->parttypid[0] != TIMESTAMPTZOID)
		elog(ERROR, "table influence.%s is not partitioned by time", name);
	partitions = RelationGetPartitionDesc(parent, true);
	bounds = partitions->boundinfo;		/* NULL without partitions */
	/* the range that ends with the bound i is that of partition indexes[i]; -1: there is none */
	for (i = 0; bounds != NULL && i < bounds->ndatums; i++)
	{
		if (bounds->indexes[i] >= 0 && may_have_new(partitions->oids[bounds->indexes[i]], xact))
		{
			TimestampTz end = bound_at(bounds, i, DT_NOEND);

			since = Min(since, bound_at(bounds, i - 1, DT_NOBEGIN));
			until = Max(until, end == DT_NOEND ? end : end - 1);
		}
		CHECK_FOR_INTERRUPTS();
	}
	if (bounds != NULL && partition_bound_has_default(bounds) && may_have_new(partitions->oids[bounds->default_index], xact))
	{
		since = DT_NOBEGIN;
		until = DT_NOEND;
	}
	table_close(parent, NoLock);
	values[0] = TimestampTzGetDatum(since);
	values[1] = TimestampTzGetDatum(until);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

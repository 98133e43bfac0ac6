/*
 * record_columns.c
 *	  record_columns(record): the names and types of a row's columns, for a
 *	  query that is known only when it runs.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(books_record_columns);

static Datum
text_array(Datum *items, int count)
{
	return PointerGetDatum(construct_array(items, count, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
books_record_columns(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	TupleDesc	columns = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	Datum	   *names = palloc(sizeof(Datum) * Max(columns->natts, 1));
	Datum	   *types = palloc(sizeof(Datum) * Max(columns->natts, 1));
	Datum		values[2];
	bool		nulls[2] = {false, false};
	TupleDesc	result;
	int			count = 0;

	if (get_call_result_type(fcinfo, NULL, &result) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "record_columns must return a row");
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (column->attisdropped)
			continue;
		names[count] = CStringGetTextDatum(NameStr(column->attname));
		types[count] = CStringGetTextDatum(format_type_be(column->atttypid));
		count++;
	}
	ReleaseTupleDesc(columns);
	values[0] = text_array(names, count);
	values[1] = text_array(types, count);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(result), values, nulls)));
}

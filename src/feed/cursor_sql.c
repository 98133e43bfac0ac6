/*
 * cursor_sql.c
 *	  SQL entry points of the feed's cursor; the format is in cursor_core.c.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "../common/errors.h"
#include "cursor_core.h"

StaticAssertDecl(CURSOR_VIEWER_BYTES == UUID_LEN, "viewers are uuids");

PG_FUNCTION_INFO_V1(feed_cursor_encode);
PG_FUNCTION_INFO_V1(feed_cursor_decode);

/* Program, viewer, surface and intent; the two texts are arguments in a row. */
static void
read_owner(FunctionCallInfo fcinfo, int surface, CursorOwner *owner)
{
	text	   *name = PG_GETARG_TEXT_PP(surface);
	text	   *intent = PG_GETARG_TEXT_PP(surface + 1);

	owner->program_id = PG_GETARG_INT64(0);
	memcpy(owner->viewer, PG_GETARG_UUID_P(1)->data, CURSOR_VIEWER_BYTES);
	owner->surface = VARDATA_ANY(name);
	owner->surface_length = VARSIZE_ANY_EXHDR(name);
	owner->intent = VARDATA_ANY(intent);
	owner->intent_length = VARSIZE_ANY_EXHDR(intent);
}

Datum
feed_cursor_encode(PG_FUNCTION_ARGS)
{
	CursorOwner owner;
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(2);
	ArrayType  *delivered = PG_GETARG_ARRAYTYPE_P(3);
	CursorContent *content;
	Datum	   *ids;
	char	   *text;
	size_t		length;
	int			count;
	int			i;

	if (ARR_NDIM(delivered) > 1 || array_contains_nulls(delivered))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("delivered ids must be a one-dimensional array without NULL"),
				 errhint("Pass the post ids that were delivered.")));
	count = ArrayGetNItems(ARR_NDIM(delivered), ARR_DIMS(delivered));
	if (count > CURSOR_MAX_IDS)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("too many delivered ids for a feed cursor"),
				 errdetail("There are %d ids, at most %d are possible.",
						   count, CURSOR_MAX_IDS),
				 errhint("End the feed, or start again without a cursor.")));
	if (!IS_VALID_TIMESTAMP(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("instant of a feed cursor must be finite"),
				 errhint("Pass the as_of of the first page.")));

	read_owner(fcinfo, 4, &owner);
	/* a cursor made here has no profile, no tail and no campaigns */
	content = (CursorContent *) palloc0(sizeof(CursorContent));
	content->as_of_us = as_of;
	content->count = (uint32_t) count;
	deconstruct_array(delivered, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &ids, NULL, &count);
	for (i = 0; i < count; i++)
		content->ids[i] = DatumGetInt64(ids[i]);

	text = (char *) palloc(CURSOR_MAX_TEXT);
	length = cursor_encode(content, &owner, text);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text, (int) length));
}

Datum
feed_cursor_decode(PG_FUNCTION_ARGS)
{
	CursorOwner owner;
	text	   *cursor = PG_GETARG_TEXT_PP(2);
	CursorContent *content = (CursorContent *) palloc(sizeof(CursorContent));
	TupleDesc	desc;
	Datum	   *ids;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	uint32_t	i;

	read_owner(fcinfo, 3, &owner);

	/* the same words for every cause: the viewer can only do one thing */
	if (!cursor_decode(VARDATA_ANY(cursor), VARSIZE_ANY_EXHDR(cursor), &owner, content) ||
		!IS_VALID_TIMESTAMP(content->as_of_us))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("feed cursor is not valid"),
				 errhint("Start again without a cursor.")));

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);

	ids = (Datum *) palloc(Max(content->count, 1) * sizeof(Datum));
	for (i = 0; i < content->count; i++)
		ids[i] = Int64GetDatum(content->ids[i]);

	values[0] = TimestampTzGetDatum(content->as_of_us);
	values[1] = PointerGetDatum(construct_array(ids, (int) content->count,
												INT8OID, sizeof(int64),
												FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

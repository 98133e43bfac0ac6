/*
 * cursor_sql.c
 *	  The feed's cursor as text, and its SQL entry points; the bytes are those of
 *	  cursor_core.c.
 *
 * The seal is over whom and what the cursor serves, which are not in the text,
 * and the bytes.  So nobody but the server writes one: not for another viewer or
 * surface, and not with another profile, or arm of an experiment, than the one
 * that the session began with.
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
#include "base64url_core.h"
#include "feed_cursor.h"
#include "varint_core.h"

#define SEALED_MAX_BYTES (CURSOR_MAX_BYTES + FEED_SEAL_BYTES)

StaticAssertDecl(CURSOR_VIEWER_BYTES == UUID_LEN, "viewers are uuids");

PG_FUNCTION_INFO_V1(feed_cursor_encode);
PG_FUNCTION_INFO_V1(feed_cursor_decode);

static void
seal(const uint8 *bytes, size_t size, const CursorOwner *owner, const uint8 key[FEED_TOKEN_KEY_BYTES],
	 uint8 result[FEED_SEAL_BYTES])
{
	/* a token begins with a small number */
	static const char purpose[] = "cursor";
	uint8		ids[8 + CURSOR_VIEWER_BYTES + 8 + 8 + 8];
	FeedSealPart parts[] = {
		{purpose, sizeof(purpose)},
		{ids, sizeof(ids)},
		{owner->surface, owner->surface_length},
		{owner->intent, owner->intent_length},
		{owner->device, owner->device_length},
		{bytes, size}
	};

	/* the lengths keep surface, intent and device apart */
	put_fixed64(ids, (uint64_t) owner->program_id);
	memcpy(ids + 8, owner->viewer, CURSOR_VIEWER_BYTES);
	put_fixed64(ids + 8 + CURSOR_VIEWER_BYTES, owner->surface_length);
	put_fixed64(ids + 8 + CURSOR_VIEWER_BYTES + 8, owner->intent_length);
	put_fixed64(ids + 8 + CURSOR_VIEWER_BYTES + 16, owner->device_length);
	feed_seal(key, parts, lengthof(parts), result);
}

text *
feed_cursor_text(const CursorContent *content, const CursorOwner *owner, const uint8 key[FEED_TOKEN_KEY_BYTES])
{
	uint8	   *bytes = palloc(SEALED_MAX_BYTES);
	size_t		size = cursor_encode(content, bytes);
	text	   *cursor = palloc(VARHDRSZ + BASE64URL_LENGTH(size + FEED_SEAL_BYTES) + 1);
	size_t		length;

	seal(bytes, size, owner, key, bytes + size);
	length = base64url_encode(bytes, size + FEED_SEAL_BYTES, VARDATA(cursor));
	SET_VARSIZE(cursor, VARHDRSZ + length);
	pfree(bytes);
	return cursor;
}

void
feed_cursor_content(text *cursor, const CursorOwner *owner, const uint8 key[FEED_TOKEN_KEY_BYTES],
					CursorContent *content)
{
	uint8	   *bytes = palloc(SEALED_MAX_BYTES);
	size_t		size = base64url_decode(VARDATA_ANY(cursor), VARSIZE_ANY_EXHDR(cursor), bytes, SEALED_MAX_BYTES);
	uint8		wanted[FEED_SEAL_BYTES];
	bool		good = size > FEED_SEAL_BYTES;

	if (good)
	{
		size -= FEED_SEAL_BYTES;
		seal(bytes, size, owner, key, wanted);
		good = feed_same_seal(wanted, bytes + size) && cursor_decode(bytes, size, content) &&
			IS_VALID_TIMESTAMP(content->as_of_us);
	}
	/* the same words for every cause: the viewer can only do one thing */
	if (!good)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("feed cursor is not valid"),
				 errhint("Start again without a cursor.")));
	pfree(bytes);
}

/* The secret of the program, program and viewer; surface, intent and device are arguments in a row. */
static void
read_owner(FunctionCallInfo fcinfo, int surface, CursorOwner *owner, uint8 key[FEED_TOKEN_KEY_BYTES])
{
	bytea	   *secret = PG_GETARG_BYTEA_PP(0);
	text	   *name = PG_GETARG_TEXT_PP(surface);
	text	   *intent = PG_GETARG_TEXT_PP(surface + 1);
	text	   *device = PG_GETARG_TEXT_PP(surface + 2);

	feed_token_key((const uint8 *) VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret), key);
	owner->program_id = PG_GETARG_INT64(1);
	memcpy(owner->viewer, PG_GETARG_UUID_P(2)->data, CURSOR_VIEWER_BYTES);
	owner->surface = VARDATA_ANY(name);
	owner->surface_length = VARSIZE_ANY_EXHDR(name);
	owner->intent = VARDATA_ANY(intent);
	owner->intent_length = VARSIZE_ANY_EXHDR(intent);
	owner->device = VARDATA_ANY(device);
	owner->device_length = VARSIZE_ANY_EXHDR(device);
}

Datum
feed_cursor_encode(PG_FUNCTION_ARGS)
{
	CursorOwner owner;
	uint8		key[FEED_TOKEN_KEY_BYTES];
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(3);
	ArrayType  *delivered = PG_GETARG_ARRAYTYPE_P(4);
	CursorContent *content;
	Datum	   *ids;
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

	read_owner(fcinfo, 5, &owner, key);
	/* a cursor made here has no profile, no tail and no campaigns */
	content = (CursorContent *) palloc0(sizeof(CursorContent));
	content->as_of_us = as_of;
	content->count = (uint32_t) count;
	deconstruct_array(delivered, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &ids, NULL, &count);
	for (i = 0; i < count; i++)
		content->ids[i] = DatumGetInt64(ids[i]);

	PG_RETURN_TEXT_P(feed_cursor_text(content, &owner, key));
}

Datum
feed_cursor_decode(PG_FUNCTION_ARGS)
{
	CursorOwner owner;
	uint8		key[FEED_TOKEN_KEY_BYTES];
	CursorContent *content = (CursorContent *) palloc(sizeof(CursorContent));
	TupleDesc	desc;
	Datum	   *ids;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	uint32_t	i;

	read_owner(fcinfo, 4, &owner, key);
	feed_cursor_content(PG_GETARG_TEXT_PP(3), &owner, key, content);

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

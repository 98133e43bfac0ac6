/*
 * feed_token_sql.c
 *	  Impression tokens: their seal, and SQL functions that open them.
 *
 * A token is base64url of its bytes (feed_token_core.c) and their seal
 * (feed_seal.c).
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

#include "base64url_core.h"
#include "feed_token.h"

#define SEALED_MAX_BYTES (FEED_TOKEN_MAX_BYTES + FEED_SEAL_BYTES)

StaticAssertDecl(FEED_VIEWER_BYTES == UUID_LEN, "viewers are uuids");

PG_FUNCTION_INFO_V1(feed_impression_content);
PG_FUNCTION_INFO_V1(feed_impression_is_sealed);

text *
feed_token_seal(const FeedToken *token, const uint8 key[FEED_TOKEN_KEY_BYTES])
{
	uint8		bytes[SEALED_MAX_BYTES];
	FeedSealPart part = {bytes, 0};
	char		letters[BASE64URL_LENGTH(SEALED_MAX_BYTES) + 1];
	size_t		length;

	Assert(feed_token_is_valid(token));
	part.size = feed_token_encode(token, bytes);
	feed_seal(key, &part, 1, bytes + part.size);
	length = base64url_encode(bytes, part.size + FEED_SEAL_BYTES, letters);
	return cstring_to_text_with_len(letters, (int) length);
}

/* The bytes of a token and its seal, 0 when the text is none. */
static size_t
read_sealed(const text *impression, uint8 bytes[SEALED_MAX_BYTES])
{
	size_t		size = base64url_decode(VARDATA_ANY(impression), VARSIZE_ANY_EXHDR(impression),
										bytes, SEALED_MAX_BYTES);

	return size > FEED_SEAL_BYTES ? size : 0;
}

/* impression_is_sealed(impression text, secret bytea) -> boolean */
Datum
feed_impression_is_sealed(PG_FUNCTION_ARGS)
{
	text	   *impression = PG_GETARG_TEXT_PP(0);
	bytea	   *secret = PG_GETARG_BYTEA_PP(1);
	uint8		bytes[SEALED_MAX_BYTES];
	uint8		key[FEED_TOKEN_KEY_BYTES];
	uint8		seal[FEED_SEAL_BYTES];
	FeedSealPart part = {bytes, read_sealed(impression, bytes)};

	if (part.size == 0)
		PG_RETURN_BOOL(false);
	part.size -= FEED_SEAL_BYTES;
	feed_token_key((const uint8 *) VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret), key);
	feed_seal(key, &part, 1, seal);
	PG_RETURN_BOOL(feed_same_seal(seal, bytes + part.size));
}

static Datum
features_array(const FeedToken *token)
{
	Datum		features[FEED_FEATURES];
	int			i;

	for (i = 0; i < FEED_FEATURES; i++)
		features[i] = Float8GetDatum(token->features[i]);
	return PointerGetDatum(construct_array(features, FEED_FEATURES, FLOAT8OID, sizeof(float8),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
sources_array(const FeedToken *token)
{
	Datum		sources[FEED_SOURCES];
	int			count = 0;
	int			i;

	for (i = 0; i < FEED_SOURCES; i++)
		if (token->sources & (1u << i))
			sources[count++] = CStringGetTextDatum(feed_source_names[i]);
	return PointerGetDatum(construct_array(sources, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* An id that may be missing. */
static Datum
optional_id(int64 id, bool *isnull)
{
	*isnull = id == 0;
	return Int64GetDatum(id);
}

/* impression_content(impression text) -> the columns of ranking.sql; NULL for no token */
Datum
feed_impression_content(PG_FUNCTION_ARGS)
{
	text	   *impression = PG_GETARG_TEXT_PP(0);
	uint8		bytes[SEALED_MAX_BYTES];
	size_t		size = read_sealed(impression, bytes);
	FeedToken	token;
	TupleDesc	desc;
	pg_uuid_t	viewer;
	Datum		values[20];
	bool		nulls[20] = {false};
	int			n = 0;

	if (size == 0 || !feed_token_decode(bytes, size - FEED_SEAL_BYTES, &token) ||
		!IS_VALID_TIMESTAMP(token.moment_us))
		PG_RETURN_NULL();

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	memcpy(viewer.data, token.viewer, UUID_LEN);

	values[n++] = Int64GetDatum(feed_impression_id(&token));
	values[n++] = Int64GetDatum(token.program_id);
	values[n++] = UUIDPGetDatum(&viewer);
	values[n++] = TimestampTzGetDatum(token.moment_us);
	values[n++] = Int32GetDatum((int32) token.rank);
	values[n++] = Int64GetDatum(token.post_id);
	values[n++] = Int64GetDatum(token.creator_id);
	values[n++] = Float8GetDatum(token.score);
	values[n++] = features_array(&token);
	values[n++] = Float8GetDatum(token.dampening);
	values[n++] = Float8GetDatum(token.propensity);
	values[n++] = Int64GetDatum(token.profile_id);
	values[n] = optional_id(token.assignment_id, &nulls[n]);
	n++;
	values[n++] = sources_array(&token);
	values[n] = optional_id(token.topic_id, &nulls[n]);
	n++;
	values[n] = optional_id(token.campaign_id, &nulls[n]);
	n++;
	values[n++] = CStringGetTextDatum(feed_disclosure_names[token.disclosure]);
	values[n++] = CStringGetTextDatum(token.buying ? "buy" : "browse");
	values[n++] = PointerGetDatum(cstring_to_text_with_len(token.surface, token.surface_length));
	/* unlike the surface, which an impression without one has as '' */
	nulls[n] = token.device_length == 0;
	values[n++] = PointerGetDatum(cstring_to_text_with_len(token.device, token.device_length));
	Assert(n == lengthof(values));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

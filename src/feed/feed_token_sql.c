/*
 * feed_token_sql.c
 *	  Impression tokens: their seal, and SQL functions that open them.
 *
 * A token is base64url of its bytes (feed_token_core.c) and the first 16 bytes
 * of their HMAC-SHA256.  The key is derived from the program's secret, so that
 * nobody who can't read it makes up an impression, which may cost a brand money
 * and teaches the ranking; and nothing signed for another purpose passes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "base64url_core.h"
#include "feed_token.h"

#define SEAL_BYTES 16
#define SEALED_MAX_BYTES (FEED_TOKEN_MAX_BYTES + SEAL_BYTES)

StaticAssertDecl(FEED_VIEWER_BYTES == UUID_LEN, "viewers are uuids");
StaticAssertDecl(FEED_TOKEN_KEY_BYTES == PG_SHA256_DIGEST_LENGTH, "a key is a hash");

PG_FUNCTION_INFO_V1(feed_impression_content);
PG_FUNCTION_INFO_V1(feed_impression_is_sealed);

static void
hmac_sha256(const uint8 *key, size_t key_size, const uint8 *bytes, size_t size,
			uint8 digest[PG_SHA256_DIGEST_LENGTH])
{
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);

	if (context == NULL ||
		pg_hmac_init(context, key, key_size) < 0 ||
		pg_hmac_update(context, bytes, size) < 0 ||
		pg_hmac_final(context, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute an HMAC: %s", pg_hmac_error(context));
	pg_hmac_free(context);
}

void
feed_token_key(const uint8 *salt, size_t size, uint8 key[FEED_TOKEN_KEY_BYTES])
{
	static const char purpose[] = "pg_influence impression";

	hmac_sha256(salt, size, (const uint8 *) purpose, sizeof(purpose) - 1, key);
}

text *
feed_token_seal(const FeedToken *token, const uint8 key[FEED_TOKEN_KEY_BYTES])
{
	uint8		bytes[SEALED_MAX_BYTES];
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char		letters[BASE64URL_LENGTH(SEALED_MAX_BYTES) + 1];
	size_t		size;
	size_t		length;

	Assert(feed_token_is_valid(token));
	size = feed_token_encode(token, bytes);
	hmac_sha256(key, FEED_TOKEN_KEY_BYTES, bytes, size, digest);
	memcpy(bytes + size, digest, SEAL_BYTES);
	length = base64url_encode(bytes, size + SEAL_BYTES, letters);
	return cstring_to_text_with_len(letters, (int) length);
}

/* The bytes of a token and its seal, 0 when the text is none. */
static size_t
read_sealed(const text *impression, uint8 bytes[SEALED_MAX_BYTES])
{
	size_t		size = base64url_decode(VARDATA_ANY(impression), VARSIZE_ANY_EXHDR(impression),
										bytes, SEALED_MAX_BYTES);

	return size > SEAL_BYTES ? size : 0;
}

/* impression_is_sealed(impression text, salt bytea) -> boolean */
Datum
feed_impression_is_sealed(PG_FUNCTION_ARGS)
{
	text	   *impression = PG_GETARG_TEXT_PP(0);
	bytea	   *salt = PG_GETARG_BYTEA_PP(1);
	uint8		bytes[SEALED_MAX_BYTES];
	uint8		key[FEED_TOKEN_KEY_BYTES];
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	uint8		difference = 0;
	size_t		size = read_sealed(impression, bytes);
	int			i;

	if (size == 0)
		PG_RETURN_BOOL(false);
	size -= SEAL_BYTES;
	feed_token_key((const uint8 *) VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt), key);
	hmac_sha256(key, sizeof(key), bytes, size, digest);
	/* all of it, however early it differs: the time tells nothing */
	for (i = 0; i < SEAL_BYTES; i++)
		difference |= digest[i] ^ bytes[size + i];
	PG_RETURN_BOOL(difference == 0);
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
	Datum		values[19];
	bool		nulls[19] = {false};
	int			n = 0;

	if (size == 0 || !feed_token_decode(bytes, size - SEAL_BYTES, &token) ||
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
	Assert(n == lengthof(values));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

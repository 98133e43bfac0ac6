/*
 * feed_seal.c
 *	  Sealing tokens and cursors of the feed.
 *
 * The key is derived from the program's secret, so that nobody who can't read it
 * makes up an impression, which may cost a brand money and teaches the ranking,
 * or a session of another profile; and nothing that was signed for a purpose
 * outside of the feed passes.  What is sealed begins with bytes of its own kind.
 */
#include "postgres.h"

#include "common/hmac.h"
#include "common/sha2.h"

#include "feed_seal.h"

StaticAssertDecl(FEED_TOKEN_KEY_BYTES == PG_SHA256_DIGEST_LENGTH, "a key is a hash");

static void
hmac_sha256(const uint8 *key, size_t key_size, const FeedSealPart *parts, int count,
			uint8 digest[PG_SHA256_DIGEST_LENGTH])
{
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);
	bool		failed = context == NULL || pg_hmac_init(context, key, key_size) < 0;
	int			i;

	for (i = 0; i < count && !failed; i++)
		failed = pg_hmac_update(context, parts[i].bytes, parts[i].size) < 0;
	if (failed || pg_hmac_final(context, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute an HMAC: %s", pg_hmac_error(context));
	pg_hmac_free(context);
}

void
feed_token_key(const uint8 *secret, size_t size, uint8 key[FEED_TOKEN_KEY_BYTES])
{
	static const char purpose[] = "pg_influence impression";
	FeedSealPart part = {purpose, sizeof(purpose) - 1};

	hmac_sha256(secret, size, &part, 1, key);
}

void
feed_seal(const uint8 key[FEED_TOKEN_KEY_BYTES], const FeedSealPart *parts, int count,
		  uint8 seal[FEED_SEAL_BYTES])
{
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	hmac_sha256(key, FEED_TOKEN_KEY_BYTES, parts, count, digest);
	memcpy(seal, digest, FEED_SEAL_BYTES);
}

bool
feed_same_seal(const uint8 a[FEED_SEAL_BYTES], const uint8 b[FEED_SEAL_BYTES])
{
	uint8		difference = 0;
	int			i;

	/* all of it, however early it differs: the time tells nothing */
	for (i = 0; i < FEED_SEAL_BYTES; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

/*
 * sha256_agg.c
 *	  Aggregate sha256_agg(line bytea): sha256 of all lines, each followed by a
 *	  newline, in the order in which they come.
 *
 * A month of one party may have more lines than fit in memory or in one text,
 * so they are hashed as they come.  What COPY writes is hashed like that by
 * sha256sum, too, so that anybody can check a closing.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fmgr.h"

PG_FUNCTION_INFO_V1(books_sha256_trans);
PG_FUNCTION_INFO_V1(books_sha256_final);

static void
check_hash(int result)
{
	if (result < 0)
		elog(ERROR, "could not compute a sha256");
}

/*
 * The server's hash belongs to its resource owner, which releases it after an
 * error; else the final function does, which therefore runs once.
 */
static pg_cryptohash_ctx *
new_hash(MemoryContext context)
{
	MemoryContext previous = MemoryContextSwitchTo(context);
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);

	check_hash(hash == NULL ? -1 : pg_cryptohash_init(hash));
	MemoryContextSwitchTo(previous);
	return hash;
}

Datum
books_sha256_trans(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	pg_cryptohash_ctx *hash;
	bytea	   *line;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "sha256_trans is called outside an aggregate");
	hash = PG_ARGISNULL(0) ? new_hash(context) : (pg_cryptohash_ctx *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
	{
		line = PG_GETARG_BYTEA_PP(1);
		check_hash(pg_cryptohash_update(hash, (const uint8 *) VARDATA_ANY(line), VARSIZE_ANY_EXHDR(line)));
		check_hash(pg_cryptohash_update(hash, (const uint8 *) "\n", 1));
	}
	PG_RETURN_POINTER(hash);
}

Datum
books_sha256_final(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	pg_cryptohash_ctx *hash;
	bytea	   *result = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "sha256_final is called outside an aggregate");
	hash = PG_ARGISNULL(0) ? new_hash(context) : (pg_cryptohash_ctx *) PG_GETARG_POINTER(0);
	SET_VARSIZE(result, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	check_hash(pg_cryptohash_final(hash, (uint8 *) VARDATA(result), PG_SHA256_DIGEST_LENGTH));
	pg_cryptohash_free(hash);
	PG_RETURN_BYTEA_P(result);
}

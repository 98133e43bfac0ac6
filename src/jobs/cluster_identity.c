/*
 * cluster_identity.c
 *	  What tells this cluster from a physical copy of it.
 *
 * A copy of the data directory (pg_basebackup, a file backup, a standby) has the
 * system identifier of the original; everything inside the directory is the
 * same.  What is not copied with files is where they lie: the inode and the
 * birth time of PG_VERSION, which the server writes once and nobody after it.
 *
 * A copy of the whole disk (a snapshot of its blocks) has these too.  So an
 * operator may keep a token in a file outside of the data directory, on the
 * machine that is to pay and on no other: pg_influence.token_file.
 */
#include "postgres.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "../common/errors.h"
#include "cluster_identity.h"

/* a token is short; whatever is longer was not meant */
#define TOKEN_BYTES_MAX 4096
#define TOKEN_BYTES_MIN 16

PG_FUNCTION_INFO_V1(cluster_data_directory);
PG_FUNCTION_INFO_V1(cluster_token_hash);

static char *token_file = NULL;

/*
 * The setting can be made in the server's configuration only: who may pay is
 * not for a session or for the owner of a database to say.  The library may be
 * loaded after the configuration was read, or while a session has set a value
 * of this name; the server then takes the configured one and refuses the other.
 */
void
cluster_identity_register(void)
{
	DefineCustomStringVariable("pg_influence.token_file",
							   "File outside of the data directory whose content says that this machine may pay.",
							   "Empty: copies are told apart by the data directory alone.",
							   &token_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}

/* cluster_data_directory(): 'inode/seconds.nanoseconds' of PG_VERSION, without a birth time 'inode/-' */
Datum
cluster_data_directory(PG_FUNCTION_ARGS)
{
	char		path[MAXPGPATH];
	char	   *identity;

	snprintf(path, sizeof(path), "%s/PG_VERSION", DataDir);
#ifdef STATX_BTIME
	{
		struct statx file;

		if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &file) != 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not stat file \"%s\": %m", path)));
		if (file.stx_mask & STATX_BTIME)
			identity = psprintf("%llu/%lld.%09u", (unsigned long long) file.stx_ino,
								(long long) file.stx_btime.tv_sec, (unsigned int) file.stx_btime.tv_nsec);
		else
			identity = psprintf("%llu/-", (unsigned long long) file.stx_ino);
	}
#else
	{
		struct stat file;

		if (stat(path, &file) != 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not stat file \"%s\": %m", path)));
		identity = psprintf("%llu/-", (unsigned long long) file.st_ino);
	}
#endif
	PG_RETURN_TEXT_P(cstring_to_text(identity));
}

/*
 * Whoever may not pay gets the code for that, so a job books it as such.
 * Without a reason it is what errno says.
 */
static void token_refuse(const char *reason) pg_attribute_noreturn();

static void
token_refuse(const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_NOT_ADOPTED),
			 errmsg("the token of this server cannot be read"),
			 reason ? errdetail("pg_influence.token_file: %s.", reason) : errdetail("pg_influence.token_file: %m."),
			 errhint("Name a file by its absolute path, outside of the data directory, of %d to %d bytes, readable for the server; then run SELECT influence.adopt_cluster().",
					 TOKEN_BYTES_MIN, TOKEN_BYTES_MAX)));
}

/* A token inside of the data directory would be copied with it. */
static bool
token_is_inside(const char *path)
{
	char		real_file[PATH_MAX];
	char		real_directory[PATH_MAX];

	if (realpath(path, real_file) == NULL || realpath(DataDir, real_directory) == NULL)
		return false;			/* it can't be opened either */
	return path_is_prefix_of_path(real_directory, real_file);
}

/* cluster_token_hash(): sha256 of the token file, NULL when none is configured; IN009 when it cannot be used */
Datum
cluster_token_hash(PG_FUNCTION_ARGS)
{
	uint8		content[TOKEN_BYTES_MAX + 1];
	bytea	   *hash;
	pg_cryptohash_ctx *context;
	struct stat status;
	int			file;
	int			length = 0;
	int			got;

	if (token_file == NULL || token_file[0] == '\0')
		PG_RETURN_NULL();
	if (!is_absolute_path(token_file))
		token_refuse("the path is not absolute");
	if (token_is_inside(token_file))
		token_refuse("the file is inside of the data directory, so a copy has it too");
	/* a named pipe would let us wait */
	file = OpenTransientFile(token_file, O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (file < 0 || fstat(file, &status) != 0)
		token_refuse(NULL);
	if (!S_ISREG(status.st_mode))
		token_refuse("it is no regular file");
	while (length < (int) sizeof(content) && (got = (int) read(file, content + length, sizeof(content) - length)) != 0)
	{
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			token_refuse(NULL);
		length += got;
	}
	CloseTransientFile(file);
	if (length < TOKEN_BYTES_MIN || length > TOKEN_BYTES_MAX)
		token_refuse("the file has the wrong length");

	hash = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	SET_VARSIZE(hash, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	context = pg_cryptohash_create(PG_SHA256);
	if (context == NULL || pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, content, length) < 0 ||
		pg_cryptohash_final(context, (uint8 *) VARDATA(hash), PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute a SHA-256 hash");
	pg_cryptohash_free(context);
	PG_RETURN_BYTEA_P(hash);
}

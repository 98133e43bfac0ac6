/*
 * pg_influence.c
 *	  The loadable module: magic block and version.
 *
 * Rooms keep no state that has to be set up at load: there is no hook, no
 * setting and no shared memory, so there is no _PG_init either.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(influence_version);

/* The version of the code that is loaded, which may lag behind the catalog. */
Datum
influence_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(PG_INFLUENCE_VERSION));
}

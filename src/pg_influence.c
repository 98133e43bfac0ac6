/*
 * pg_influence.c
 *	  The loadable module: magic block, version, and what is set up at load.
 *
 * That is little: there is no hook and no shared memory. The node that reads in
 * parallel has a name, by which workers must find it, and one setting says where
 * the token of this server is.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "attribution/attribution_scan.h"
#include "jobs/cluster_identity.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(influence_version);

void		_PG_init(void);

void
_PG_init(void)
{
	attribution_scan_register();
	cluster_identity_register();
}

/* The version of the code that is loaded, which may lag behind the catalog. */
Datum
influence_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(PG_INFLUENCE_VERSION));
}

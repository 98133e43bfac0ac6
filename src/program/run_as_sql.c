/*
 * run_as_sql.c
 *	  influence_internal.run_as(): a statement with the rights of another role,
 *	  and no way back.
 *
 * install() is called by superusers and works on tables, views and functions of
 * the owner role, whose members may have put code of their own there: a view
 * instead of a table, a trigger. After SET ROLE such code could reset the role
 * and have the rights of the session. Here it can't: the server treats the
 * statement as it treats a REINDEX of somebody else's table, and forbids to set
 * the role, to make temporary tables, and to leave triggers for the end of the
 * transaction. What it sets ends with it.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(program_run_as);

/* run_as(role_name text, query text) -> the text that is the query's only result */
Datum
program_run_as(PG_FUNCTION_ARGS)
{
	Oid			role = get_role_oid(text_to_cstring(PG_GETARG_TEXT_PP(0)), false);
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	MemoryContext caller_context = CurrentMemoryContext;
	text	   *answer = NULL;
	bool		isnull = true;
	Oid			user;
	int			context;
	int			nest_level;

	check_is_member_of_role(GetUserId(), role);
	GetUserIdAndSecContext(&user, &context);
	/* an error ends both: that is what the end of a (sub)transaction does */
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	nest_level = NewGUCNestLevel();

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(query, false, 0) != SPI_OK_SELECT || SPI_processed != 1 || SPI_tuptable->tupdesc->natts != 1 ||
		SPI_gettypeid(SPI_tuptable->tupdesc, 1) != TEXTOID)
		elog(ERROR, "the statement has not one text for a result");
	else
	{
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext old_context = MemoryContextSwitchTo(caller_context);

		if (!isnull)
			answer = DatumGetTextPCopy(value);
		MemoryContextSwitchTo(old_context);
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");

	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(user, context);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(answer);
}

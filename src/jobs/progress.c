/*
 * progress.c
 *	  Progress of long jobs: progress_start(), progress_phase(),
 *	  progress_update(), progress_step(), progress_end(), and stat_progress().
 *
 * Each backend has a slot in shared memory in which VACUUM, COPY and others say
 * how far they are; anybody can read it at any time, inside or outside of their
 * transaction.  A job says it there too, under a command number of its own, so
 * it needs no memory reserved at start.  The server clears the slot when a
 * (sub)transaction aborts; here it is cleared when one commits, so that nothing
 * is shown that has ended.
 *
 * With track_activities off nothing is reported, as for the server's commands.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/backend_progress.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "progress.h"

StaticAssertDecl(PROGRESS_PARAMS <= PGSTAT_NUM_PROGRESS_PARAM, "the slot holds all of it");

PG_FUNCTION_INFO_V1(progress_start);
PG_FUNCTION_INFO_V1(progress_phase);
PG_FUNCTION_INFO_V1(progress_update);
PG_FUNCTION_INFO_V1(progress_step);
PG_FUNCTION_INFO_V1(progress_end);
PG_FUNCTION_INFO_V1(progress_report);

/* Whether the slot of this backend is ours: abort and other commands take it. */
static bool
progress_is_ours(void)
{
	return MyBEEntry != NULL && MyBEEntry->st_progress_command == PROGRESS_COMMAND_INFLUENCE;
}

static void
progress_at_end_of_transaction(XactEvent event, void *arg)
{
	if ((event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) && progress_is_ours())
		pgstat_progress_end_command();
}

/* Puts a name into parameters, cut between characters, filled with zeros. */
static void
progress_set_name(int first, const text *name)
{
	char		bytes[PROGRESS_NAME_BYTES] = {0};
	int			params[PROGRESS_NAME_PARAMS];
	int64		values[PROGRESS_NAME_PARAMS];
	int			i;

	memcpy(bytes, VARDATA_ANY(name),
		   pg_mbcliplen(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), PROGRESS_NAME_BYTES));
	memcpy(values, bytes, sizeof(bytes));
	for (i = 0; i < PROGRESS_NAME_PARAMS; i++)
		params[i] = first + i;
	pgstat_progress_update_multi_param(PROGRESS_NAME_PARAMS, params, values);
}

static text *
progress_get_name(const int64 *params)
{
	char		bytes[PROGRESS_NAME_BYTES];

	memcpy(bytes, params, sizeof(bytes));
	return cstring_to_text_with_len(bytes, (int) strnlen(bytes, sizeof(bytes)));
}

static int64
progress_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? -1 : PG_GETARG_INT64(argument);
}

/* progress_start(job, program_id, phase, total) */
Datum
progress_start(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	if (PG_ARGISNULL(0))
		PG_RETURN_VOID();
	if (!registered)
	{
		RegisterXactCallback(progress_at_end_of_transaction, NULL);
		registered = true;
	}
	pgstat_progress_start_command(PROGRESS_COMMAND_INFLUENCE, InvalidOid);
	if (!progress_is_ours())
		PG_RETURN_VOID();
	pgstat_progress_update_param(PROGRESS_PROGRAM, progress_argument(fcinfo, 1));
	pgstat_progress_update_param(PROGRESS_TOTAL, progress_argument(fcinfo, 3));
	progress_set_name(PROGRESS_JOB, PG_GETARG_TEXT_PP(0));
	if (!PG_ARGISNULL(2))
		progress_set_name(PROGRESS_PHASE, PG_GETARG_TEXT_PP(2));
	PG_RETURN_VOID();
}

/* progress_phase(phase, total): the next phase begins, with nothing done */
Datum
progress_phase(PG_FUNCTION_ARGS)
{
	if (progress_is_ours() && !PG_ARGISNULL(0))
	{
		progress_set_name(PROGRESS_PHASE, PG_GETARG_TEXT_PP(0));
		pgstat_progress_update_param(PROGRESS_DONE, 0);
		pgstat_progress_update_param(PROGRESS_TOTAL, progress_argument(fcinfo, 1));
	}
	PG_RETURN_VOID();
}

/* progress_update(done, total): NULL leaves it as it is */
Datum
progress_update(PG_FUNCTION_ARGS)
{
	if (progress_is_ours())
	{
		if (!PG_ARGISNULL(0))
			pgstat_progress_update_param(PROGRESS_DONE, PG_GETARG_INT64(0));
		if (!PG_ARGISNULL(1))
			pgstat_progress_update_param(PROGRESS_TOTAL, PG_GETARG_INT64(1));
	}
	PG_RETURN_VOID();
}

/* progress_step(value): one more is done; hands the value on, for use in a select list */
Datum
progress_step(PG_FUNCTION_ARGS)
{
	if (progress_is_ours())
		pgstat_progress_update_param(PROGRESS_DONE, MyBEEntry->st_progress_param[PROGRESS_DONE] + 1);
	PG_RETURN_INT64(PG_GETARG_INT64(0));
}

Datum
progress_end(PG_FUNCTION_ARGS)
{
	if (progress_is_ours())
		pgstat_progress_end_command();
	PG_RETURN_VOID();
}

static PgBackendStatus *
progress_backend(int number)
{
	LocalPgBackendStatus *local;

#if PG_VERSION_NUM >= 160000
	local = pgstat_get_local_beentry_by_index(number);
#else
	local = pgstat_fetch_stat_local_beentry(number);
#endif
	return local == NULL ? NULL : &local->backendStatus;
}

/* stat_progress(): a row for each backend of this database that reports */
Datum
progress_report(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			backends;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	backends = pgstat_fetch_stat_numbackends();
	for (i = 1; i <= backends; i++)
	{
		PgBackendStatus *backend = progress_backend(i);
		const int64 *params;
		Datum		values[7];
		bool		nulls[7] = {false};

		CHECK_FOR_INTERRUPTS();
		if (backend == NULL || backend->st_procpid <= 0 ||
			backend->st_progress_command != PROGRESS_COMMAND_INFLUENCE ||
			backend->st_databaseid != MyDatabaseId)
			continue;
		params = backend->st_progress_param;
		values[0] = Int32GetDatum(backend->st_procpid);
		values[1] = PointerGetDatum(progress_get_name(params + PROGRESS_JOB));
		values[2] = Int64GetDatum(params[PROGRESS_PROGRAM]);
		nulls[2] = params[PROGRESS_PROGRAM] < 0;
		values[3] = PointerGetDatum(progress_get_name(params + PROGRESS_PHASE));
		values[4] = Int64GetDatum(params[PROGRESS_DONE]);
		values[5] = Int64GetDatum(params[PROGRESS_TOTAL]);
		nulls[5] = params[PROGRESS_TOTAL] < 0;
		values[6] = TimestampTzGetDatum(backend->st_xact_start_timestamp);
		nulls[6] = backend->st_xact_start_timestamp == 0;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

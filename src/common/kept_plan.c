/*
 * kept_plan.c
 *	  Statements that are prepared once per session: parsing and planning them
 *	  takes longer than running most of them.
 *
 * What a plan depends on is the server's to watch: it is planned anew when a
 * table, a function or the search_path changes.  *plan is set at the end, so an
 * error on the way leaves nothing half done.
 */
#include "postgres.h"

#include "kept_plan.h"

SPIPlanPtr
kept_plan(SPIPlanPtr *plan, const char *text, int nargs, Oid *types, int cursor_options)
{
	SPIPlanPtr	fresh;

	if (*plan != NULL)
		return *plan;
	fresh = SPI_prepare_cursor(text, nargs, types, cursor_options);
	if (fresh == NULL)
		elog(ERROR, "SPI_prepare_cursor failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_keepplan(fresh) != 0)
		elog(ERROR, "SPI_keepplan failed");
	*plan = fresh;
	return fresh;
}

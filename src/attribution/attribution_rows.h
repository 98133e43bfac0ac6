/*
 * attribution_rows.h
 *	  Credits as rows of a set-returning function, and the checks that the SQL
 *	  entry points share.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_ROWS_H
#define PG_INFLUENCE_ATTRIBUTION_ROWS_H

#include "fmgr.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"

#include "attribution_visitor.h"

#define ATTRIBUTION_ARG_STRING(n) text_to_cstring(PG_GETARG_TEXT_PP(n))

typedef struct AttributionRows
{
	ReturnSetInfo *result;
	Datum		reasons[ATTRIBUTION_REASONS];
} AttributionRows;

/* the caller's function returns conversion_id, touch_id, ..., reason */
extern void attribution_rows_init(AttributionRows *rows, FunctionCallInfo fcinfo);

/* adds what attribution_credit() left in the workspace */
extern void attribution_rows_add(AttributionRows *rows, const AttributionTouch *touches,
								 const AttributionConversion *conversion,
								 const AttributionWorkspace *workspace);

/* IN002 for a NULL; arguments from first_default on may be left out */
extern void attribution_check_no_nulls(FunctionCallInfo fcinfo,
									   const char *const *names, int count,
									   int first_default);

/* as the column reason has it */
extern const char *attribution_reason_name(AttributionReason reason);

#endif							/* PG_INFLUENCE_ATTRIBUTION_ROWS_H */

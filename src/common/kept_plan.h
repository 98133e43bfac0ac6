/*
 * kept_plan.h
 *	  The plan of a statement that is prepared once per session.
 */
#ifndef PG_INFLUENCE_KEPT_PLAN_H
#define PG_INFLUENCE_KEPT_PLAN_H

#include "executor/spi.h"

/*
 * The plan in *plan, which is made by the first call of the session and stays until it
 * ends; NULL before.  Connected to SPI.  cursor_options: 0, or how it is planned.
 */
extern SPIPlanPtr kept_plan(SPIPlanPtr *plan, const char *text, int nargs, Oid *types, int cursor_options);

#endif							/* PG_INFLUENCE_KEPT_PLAN_H */

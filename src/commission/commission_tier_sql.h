/*
 * commission_tier_sql.h
 *	  Tiers from SQL arguments, and the errors they can make.
 */
#ifndef PG_INFLUENCE_COMMISSION_TIER_SQL_H
#define PG_INFLUENCE_COMMISSION_TIER_SQL_H

#include "fmgr.h"
#include "utils/array.h"

#include "commission_tier_core.h"

/*
 * The tiers of a call, ready for use until the next call through the same
 * flinfo: read only if their bytes are not among those of the last few.  The
 * serial, unless NULL, is the same in a row of calls as long as the tiers are.
 */
extern const CommissionTiers *commission_tiers_from_arguments(FmgrInfo *flinfo,
															  const Datum *arguments,
															  const bool *nulls,
															  uint64 *serial);

/* The tiers changed among the rows of a group or partition; the clause divides them. */
extern void commission_tiers_refuse_others(const char *rows_of, const char *clause);

/* Raise the error that a status of the tier core stands for. */
extern void commission_tiers_status(MoneyStatus status);

#endif							/* PG_INFLUENCE_COMMISSION_TIER_SQL_H */

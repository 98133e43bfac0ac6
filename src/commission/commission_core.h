/*
 * commission_core.h
 *	  What returns take back of a commission.
 *
 * Pure C without PostgreSQL.
 */
#ifndef PG_INFLUENCE_COMMISSION_CORE_H
#define PG_INFLUENCE_COMMISSION_CORE_H

#include "../common/money_core.h"

/*
 * The part of a commission that a return of returned_now takes back, after
 * returned_before of the base was already returned.
 */
extern MoneyStatus commission_clawback(int64_t commission, int64_t base,
									   int64_t returned_before,
									   int64_t returned_now,
									   MoneyRounding rounding,
									   int64_t *result);

#endif							/* PG_INFLUENCE_COMMISSION_CORE_H */

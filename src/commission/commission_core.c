/*
 * commission_core.c
 *	  What returns take back of a commission.
 *
 * Each return claws the difference of two roundings of the whole, not the
 * rounding of a part:
 *
 *		clawback_k = round(C * R_k / N) - round(C * R_(k-1) / N)
 *
 * with commission C, base N and cumulative returned R.  The sum telescopes:
 * whatever the pieces, after a full return exactly C is taken back, and at any
 * time as much as one return of the same total would have taken.
 */
#include "commission_core.h"

MoneyStatus
commission_clawback(int64_t commission, int64_t base,
					int64_t returned_before, int64_t returned_now,
					MoneyRounding rounding, int64_t *result)
{
	MoneyStatus status;
	int64_t		before;
	int64_t		after;

	if (base < 0 || returned_before < 0 || returned_now < 0)
		return MONEY_BAD_BASE;
	if (returned_before > base || returned_now > base - returned_before)
		return MONEY_OVER_RETURN;

	/* a line that was free earned by no amount and claws nothing */
	if (base == 0)
	{
		*result = 0;
		return MONEY_OK;
	}

	status = money_mul_div(commission, returned_before, base, rounding, &before);
	if (status != MONEY_OK)
		return status;
	status = money_mul_div(commission, returned_before + returned_now, base,
						   rounding, &after);
	if (status != MONEY_OK)
		return status;

	/* both lie between 0 and C, so does the difference */
	*result = after - before;
	return MONEY_OK;
}

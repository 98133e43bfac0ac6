/*
 * commission_sql.c
 *	  SQL entry points of the commission kernels.
 *
 * The arithmetic is in money_core.c and commission_core.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "../common/errors.h"
#include "../common/money_sql.h"
#include "commission_core.h"

PG_FUNCTION_INFO_V1(commission_minor);
PG_FUNCTION_INFO_V1(commission_split_amount);
PG_FUNCTION_INFO_V1(commission_clawback_minor);

Datum
commission_minor(PG_FUNCTION_ARGS)
{
	int64		amount = PG_GETARG_INT64(0);
	int64		rate = money_rate_from_numeric(PG_GETARG_NUMERIC(1), "rate");
	MoneyRounding rounding = money_rounding_from_text(PG_GETARG_TEXT_PP(2));
	int64_t		result = 0;

	money_check(money_mul_div(amount, rate, MONEY_RATE_SCALE, rounding,
							  &result));
	PG_RETURN_INT64(result);
}

Datum
commission_split_amount(PG_FUNCTION_ARGS)
{
	int64		amount = PG_GETARG_INT64(0);
	int			n;
	int64	   *weights = money_weights_from_array(PG_GETARG_ARRAYTYPE_P(1), &n);
	MoneyRemainder *scratch;
	int64_t    *shares;
	Datum	   *elements;
	int			i;

	/* n <= MONEY_MAX_WEIGHTS, so no size can overflow */
	shares = (int64_t *) palloc((Size) n * sizeof(int64_t));
	scratch = (MoneyRemainder *) palloc((Size) n * sizeof(MoneyRemainder));
	money_check(money_split(amount, weights, (size_t) n, shares, scratch));

	elements = (Datum *) palloc((Size) n * sizeof(Datum));
	for (i = 0; i < n; i++)
		elements[i] = Int64GetDatum(shares[i]);

	PG_RETURN_ARRAYTYPE_P(construct_array(elements, n, INT8OID, sizeof(int64),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum
commission_clawback_minor(PG_FUNCTION_ARGS)
{
	int64		commission = PG_GETARG_INT64(0);
	int64		base = PG_GETARG_INT64(1);
	int64		before = PG_GETARG_INT64(2);
	int64		now = PG_GETARG_INT64(3);
	MoneyRounding rounding = money_rounding_from_text(PG_GETARG_TEXT_PP(4));
	int64_t		result = 0;
	MoneyStatus status;

	status = commission_clawback(commission, base, before, now, rounding,
								 &result);
	if (status == MONEY_OVER_RETURN)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_OVER_RETURN),
				 errmsg("more is returned than was bought"),
				 errdetail("The base is %lld, %lld was returned before and %lld now; %lld is left.",
						   (long long) base, (long long) before, (long long) now,
						   (long long) (before < base ? base - before : 0)),
				 errhint("Return at most what is left.")));
	money_check(status);
	PG_RETURN_INT64(result);
}

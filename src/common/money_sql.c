/*
 * money_sql.c
 *	  The way of money between SQL and the core: rates, rounding, weights and
 *	  errors, and the currency functions.
 *
 * Numerics are read with core's own functions, so whatever numeric accepts has
 * its exact value here; what would need rounding is refused instead.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "currency_core.h"
#include "errors.h"
#include "money_sql.h"

/* largest rate: 9.2 * 10^9 times 10^9 still fits in int64 */
#define MAX_RATE INT64CONST(9200000000)

PG_FUNCTION_INFO_V1(influence_minor_unit_digits);
PG_FUNCTION_INFO_V1(influence_format_minor);

static bool
numeric_is_above(Numeric a, Numeric b)
{
	return DatumGetBool(DirectFunctionCall2(numeric_gt, NumericGetDatum(a),
											NumericGetDatum(b)));
}

static bool
numeric_is_negative(Numeric a)
{
	return numeric_is_above(int64_to_numeric(0), a);
}

static char *
numeric_text(Numeric a)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(a)));
}

/* The digits behind the point that are needed, not those that are written. */
static int
numeric_needed_scale(Numeric a)
{
	Datum		trimmed = DirectFunctionCall1(numeric_trim_scale,
											  NumericGetDatum(a));

	return DatumGetInt32(DirectFunctionCall1(numeric_scale, trimmed));
}

/* a * factor, known to be an integer in the range of int64 */
static int64
numeric_times(Numeric a, Numeric factor)
{
	Datum		product = DirectFunctionCall2(numeric_mul, NumericGetDatum(a),
											  NumericGetDatum(factor));

	return DatumGetInt64(DirectFunctionCall1(numeric_int8, product));
}

/* Finite, not negative, at most nine decimals. */
static void
check_billionths(Numeric value, const char *what, const char *hint)
{
	if (numeric_is_nan(value) || numeric_is_inf(value))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s must be a finite number", what),
				 errdetail("The value is %s.", numeric_text(value)),
				 errhint("%s", hint)));
	if (numeric_is_negative(value))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s must not be negative", what),
				 errdetail("The value is %s.", numeric_text(value)),
				 errhint("%s", hint)));
	if (numeric_needed_scale(value) > 9)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s has more than nine decimals", what),
				 errdetail("The value is %s.", numeric_text(value)),
				 errhint("Round it with round(%s, 9).", numeric_text(value))));
}

int64
money_rate_from_numeric(Numeric rate, const char *what)
{
	check_billionths(rate, what, "Give a fraction, for instance 0.045 for 4.5 %.");
	if (numeric_is_above(rate, int64_to_numeric(MAX_RATE)))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s is too large", what),
				 errdetail("The largest possible value is %lld.",
						   (long long) MAX_RATE),
				 errhint("Give fractions: 0.045 stands for 4.5 percent.")));

	return numeric_times(rate, int64_to_numeric(MONEY_RATE_SCALE));
}

int64
money_weight_from_numeric(Numeric weight)
{
	check_billionths(weight, "weight", "Give a weight of 0 or more.");
	if (numeric_is_above(weight, int64_div_fast_to_numeric(PG_INT64_MAX, 9)))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("weight is too large"),
				 errdetail("The largest possible value is 9223372036.854775807."),
				 errhint("Only the ratio of weights counts: scale them down.")));

	return numeric_times(weight, int64_to_numeric(MONEY_RATE_SCALE));
}

MoneyRounding
money_rounding_from_text(text *rounding)
{
	char	   *name = text_to_cstring(rounding);

	if (strcmp(name, "half_up") == 0)
		return MONEY_HALF_UP;
	if (strcmp(name, "half_even") == 0)
		return MONEY_HALF_EVEN;
	if (strcmp(name, "down") == 0)
		return MONEY_DOWN;

	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("rounding \"%s\" is not known", name),
			 errhint("Use half_up (away from zero), half_even or down (toward zero).")));
	pg_unreachable();
}

void
money_check(MoneyStatus status)
{
	switch (status)
	{
		case MONEY_OK:
			return;
		case MONEY_OVERFLOW:
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_MONEY_OVERFLOW),
					 errmsg("amount is out of range"),
					 errdetail("Amounts are minor units between -2^63 and 2^63-1."),
					 errhint("Amounts are minor units and fit in bigint.")));
			break;
		case MONEY_BAD_WEIGHTS:
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("weights must not be negative, and their sum must lie between 1 and 2^63-1"),
					 errhint("Give one weight of 0 or more per share.")));
			break;
		case MONEY_BAD_BASE:
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("base and returned amounts must not be negative"),
					 errhint("Give what was bought and what came back as amounts of 0 or more.")));
			break;
		case MONEY_OVER_RETURN:
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_OVER_RETURN),
					 errmsg("more is returned than was bought"),
					 errhint("Return at most what is left of the base.")));
			break;
	}
	elog(ERROR, "unrecognized money status: %d", (int) status);
}

/* Refuse a weight that is NULL, not finite or negative. */
static void
check_weight(Datum weight, bool isnull, int position)
{
	Numeric		value;

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("weights must not be NULL"),
				 errdetail("Weight %d is NULL.", position),
				 errhint("Give one weight of 0 or more per share.")));

	value = DatumGetNumeric(weight);
	if (numeric_is_nan(value) || numeric_is_inf(value) ||
		numeric_is_negative(value))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("weights must be finite and not negative"),
				 errdetail("Weight %d is %s.", position, numeric_text(value)),
				 errhint("Give one weight of 0 or more per share.")));
}

static void
weights_do_not_fit(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("weights are too large or too fine"),
			 errdetail("On their common decimal scale the sum of the weights exceeds 2^63-1."),
			 errhint("Round the weights to fewer decimals, or divide them by a common factor.")));
}

int64 *
money_weights_from_array(ArrayType *weights, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	int64	   *result;
	Numeric		limit = int64_to_numeric(PG_INT64_MAX);
	Numeric		factor;
	char		power[16];
	int			scale = 0;
	int64		sum = 0;
	int			i;

	if (ARR_NDIM(weights) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("weights must be a one-dimensional array"),
				 errhint("Give a plain array, for instance '{0.8,0.2}'.")));
	*n = ArrayGetNItems(ARR_NDIM(weights), ARR_DIMS(weights));
	if (*n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("weights must not be empty"),
				 errhint("Give one weight of 0 or more per share.")));
	if (*n > MONEY_MAX_WEIGHTS)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("too many weights"),
				 errdetail("There are %d weights, at most %d are possible.",
						   *n, MONEY_MAX_WEIGHTS)));

	deconstruct_array(weights, NUMERICOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, n);
	for (i = 0; i < *n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_weight(values[i], nulls[i], i + 1);
		scale = Max(scale, numeric_needed_scale(DatumGetNumeric(values[i])));
	}

	/* as text, because 10^scale need not fit in any integer */
	snprintf(power, sizeof(power), "1e%d", scale);
	factor = DatumGetNumeric(DirectFunctionCall3(numeric_in,
												 CStringGetDatum(power),
												 ObjectIdGetDatum(InvalidOid),
												 Int32GetDatum(-1)));

	result = (int64 *) palloc((Size) *n * sizeof(int64));
	for (i = 0; i < *n; i++)
	{
		Numeric		value = DatumGetNumeric(values[i]);
		Numeric		scaled;

		CHECK_FOR_INTERRUPTS();

		/* first without the factor, so that numeric itself can't overflow */
		if (numeric_is_above(value, limit))
			weights_do_not_fit();
		scaled = DatumGetNumeric(DirectFunctionCall2(numeric_mul,
													 NumericGetDatum(value),
													 NumericGetDatum(factor)));
		if (numeric_is_above(scaled, limit))
			weights_do_not_fit();
		result[i] = DatumGetInt64(DirectFunctionCall1(numeric_int8,
													  NumericGetDatum(scaled)));
		if (result[i] > PG_INT64_MAX - sum)
			weights_do_not_fit();
		sum += result[i];
	}
	if (sum == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("weights must not all be zero"),
				 errhint("Give at least one share a weight above 0.")));

	pfree(values);
	pfree(nulls);
	return result;
}

/* The decimals of a currency given as text, after checking its code. */
static int
currency_digits(text *currency)
{
	if (!currency_code_is_valid(VARDATA_ANY(currency),
								VARSIZE_ANY_EXHDR(currency)))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("currency \"%s\" is not an ISO 4217 code",
						text_to_cstring(currency)),
				 errhint("Give three upper-case letters, as EUR.")));

	return currency_minor_digits(VARDATA_ANY(currency));
}

Datum
influence_minor_unit_digits(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(currency_digits(PG_GETARG_TEXT_PP(0)));
}

Datum
influence_format_minor(PG_FUNCTION_ARGS)
{
	int64		amount = PG_GETARG_INT64(0);
	char		buffer[CURRENCY_TEXT_SIZE];
	size_t		length;

	length = currency_format(amount, currency_digits(PG_GETARG_TEXT_PP(1)),
							 buffer);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buffer, (int) length));
}

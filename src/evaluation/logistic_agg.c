/*
 * logistic_agg.c
 *	  SQL entry points of logistic regression: the aggregate's functions and
 *	  the step.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/array.h"

#include "../common/errors.h"
#include "logistic_core.h"

PG_FUNCTION_INFO_V1(logistic_agg_trans);
PG_FUNCTION_INFO_V1(logistic_agg_combine);
PG_FUNCTION_INFO_V1(logistic_newton_step);

static void
raise_array(const char *what, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("%s is not usable", what),
			 errdetail("%s", detail),
			 errhint("Give arrays of 1 to %d finite numbers, as many coefficients as features.", LOGISTIC_MAX_FEATURES)));
}

/* The elements of an array without NULLs; ARR_DATA_PTR mixes signs, which -Wextra minds. */
static double *
elements(ArrayType *array)
{
	return (double *) ((char *) array + ARR_OVERHEAD_NONULLS(1));
}

static double *
numbers_of(ArrayType *array, const char *what, int *n)
{
	double	   *numbers;
	int			i;

	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array))
		raise_array(what, "It is empty, has NULL elements, or several dimensions.");
	numbers = elements(array);
	*n = ARR_DIMS(array)[0];
	for (i = 0; i < *n; i++)
	{
		if (!isfinite(numbers[i]))
			raise_array(what, "It has an element that is infinite or no number.");
	}
	return numbers;
}

/* Anybody can make an aggregate of these functions whose state begins as any array. */
static ArrayType *
state_of(ArrayType *array)
{
	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array))
		raise_array("state", "It is not one that logistic_agg() makes.");
	return array;
}

static ArrayType *
make_array(int n)
{
	Size		size = ARR_OVERHEAD_NONULLS(1) + n * sizeof(double);
	ArrayType  *array = palloc0(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = FLOAT8OID;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	return array;
}

Datum
logistic_agg_trans(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	ArrayType  *state;
	double	   *feature;
	double	   *coefficient;
	double		weight;
	int			n;
	int			m;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "logistic_agg_trans called outside an aggregate");
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(4))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	feature = numbers_of(PG_GETARG_ARRAYTYPE_P(2), "features", &n);
	coefficient = numbers_of(PG_GETARG_ARRAYTYPE_P(3), "coefficients", &m);
	weight = PG_GETARG_FLOAT8(4);
	if (n != m || n > LOGISTIC_MAX_FEATURES)
		raise_array("features", psprintf("There are %d features and %d coefficients.", n, m));
	if (!(weight >= 0 && isfinite(weight)))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("weight is out of range"),
				 errdetail("The weight is %g.", weight),
				 errhint("Weights are finite and not negative.")));
	if (PG_ARGISNULL(0))
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		state = make_array(logistic_sums_length(n));
		MemoryContextSwitchTo(old);
	}
	else
		state = state_of(PG_GETARG_ARRAYTYPE_P(0));
	if (ARR_DIMS(state)[0] != logistic_sums_length(n))
		raise_array("features", "Rows have different numbers of features.");
	if (!logistic_add(elements(state), n, PG_GETARG_BOOL(1), weight, feature, coefficient))
		raise_array("features", "Their sums leave the range of float8.");
	PG_RETURN_ARRAYTYPE_P(state);
}

Datum
logistic_agg_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	ArrayType  *one;
	ArrayType  *other;
	ArrayType  *result;
	MemoryContext old;
	int			i;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "logistic_agg_combine called outside an aggregate");
	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	other = state_of(PG_GETARG_ARRAYTYPE_P(1));
	old = MemoryContextSwitchTo(context);
	result = make_array(ARR_DIMS(other)[0]);
	MemoryContextSwitchTo(old);
	one = PG_ARGISNULL(0) ? NULL : state_of(PG_GETARG_ARRAYTYPE_P(0));
	if (one != NULL && ARR_DIMS(one)[0] != ARR_DIMS(other)[0])
		raise_array("features", "Rows have different numbers of features.");
	for (i = 0; i < ARR_DIMS(other)[0]; i++)
		elements(result)[i] = elements(other)[i] + (one == NULL ? 0 : elements(one)[i]);
	PG_RETURN_ARRAYTYPE_P(result);
}

Datum
logistic_newton_step(PG_FUNCTION_ARGS)
{
	int			n;
	int			m;
	double	   *sums = numbers_of(PG_GETARG_ARRAYTYPE_P(0), "sums", &m);
	double	   *coefficient = numbers_of(PG_GETARG_ARRAYTYPE_P(1), "coefficients", &n);
	double		l2 = PG_GETARG_FLOAT8(2);
	ArrayType  *next;

	if (n > LOGISTIC_MAX_FEATURES || m != logistic_sums_length(n))
		raise_array("sums", "They are not those of logistic_agg() at these coefficients.");
	if (!(l2 >= 0 && isfinite(l2)))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("l2 is out of range"),
				 errdetail("It is %g.", l2),
				 errhint("Give a number that is not negative; 1 is usual.")));
	next = make_array(n);
	if (!logistic_step(elements(next), sums, n, coefficient, l2))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("the features determine no step"),
				 errdetail("One of them is a sum of the others, or 0 throughout."),
				 errhint("Give an l2 above 0.")));
	PG_RETURN_ARRAYTYPE_P(next);
}

/*
 * engagement_prior_agg.c
 *	  Aggregate engagement_prior(state) over the creators of a group, and the
 *	  rates shrunk toward it.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "../common/errors.h"
#include "engagement_core.h"
#include "engagement_list.h"
#include "engagement_prior_core.h"
#include "engagement_rates.h"

PG_FUNCTION_INFO_V1(engagement_prior_trans);
PG_FUNCTION_INFO_V1(engagement_prior_combine);
PG_FUNCTION_INFO_V1(engagement_prior_final);
PG_FUNCTION_INFO_V1(engagement_shrunk_rate);
PG_FUNCTION_INFO_V1(engagement_shrunk_rate_bounds);

/* elements of a prior as SQL has it */
enum
{
	PRIOR_MEAN,
	PRIOR_STRENGTH,
	PRIOR_WITHIN,
	PRIOR_BETWEEN,
	PRIOR_CREATORS,
	PRIOR_POSTS,
	PRIOR_ELEMENTS
};

#define PIECE_CREATORS 65536

StaticAssertDecl(sizeof(EngagementCreator) == 5 * sizeof(int64_t), "rows of LIST_CREATORS");

Datum
engagement_prior_trans(PG_FUNCTION_ARGS)
{
	EngagementCreator creator;
	size_t		n;
	const EngagementRow *rows = engagement_sorted_rates(fcinfo->args[1], &n);

	if (rows == NULL)
		return list_trans(fcinfo, &LIST_CREATORS, NULL);
	creator = engagement_creator(rows, n, engagement_count_posts(rows, n));
	return list_trans(fcinfo, &LIST_CREATORS, (const int64_t *) &creator);
}

Datum
engagement_prior_combine(PG_FUNCTION_ARGS)
{
	return list_combine(fcinfo, &LIST_CREATORS);
}

static Datum
prior_array(const EngagementPrior *prior)
{
	double		values[PRIOR_ELEMENTS] = {
		[PRIOR_MEAN] = prior->mean,
		[PRIOR_STRENGTH] = prior->strength,
		[PRIOR_WITHIN] = prior->within,
		[PRIOR_BETWEEN] = prior->between,
		[PRIOR_CREATORS] = prior->creators,
		[PRIOR_POSTS] = prior->posts
	};
	Datum		elements[PRIOR_ELEMENTS];
	bool		nulls[PRIOR_ELEMENTS];
	int			count = PRIOR_ELEMENTS;
	int			first = 1;
	int			i;

	for (i = 0; i < PRIOR_ELEMENTS; i++)
	{
		nulls[i] = isnan(values[i]);
		elements[i] = Float8GetDatum(values[i]);
	}
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &count, &first, FLOAT8OID,
											  sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum
engagement_prior_final(PG_FUNCTION_ARGS)
{
	const EngagementCreator *creators;
	EngagementFit fit;
	EngagementPrior prior;
	size_t		n;
	size_t		done;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	creators = (const EngagementCreator *)
		list_sorted_rows(&LIST_CREATORS, list_state(&LIST_CREATORS, PG_GETARG_DATUM(0)), &n);
	if (n == 0)
		PG_RETURN_NULL();

	engagement_fit_start(&fit);
	do
	{
		for (done = 0; done < n; done += PIECE_CREATORS)
		{
			CHECK_FOR_INTERRUPTS();
			engagement_fit_piece(&fit, creators + done, Min(n - done, PIECE_CREATORS));
		}
	}
	while (engagement_fit_next(&fit, &prior));
	PG_RETURN_DATUM(prior_array(&prior));
}

static void
not_a_prior(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("prior is not one of engagement_prior()"),
			 errdetail("%s", detail),
			 errhint("Give an array of mean, strength, within_variance, between_variance, creators and posts.")));
}

/* An element that may be NULL and must not be negative. */
static double
prior_element(ArrayType *array, int element)
{
	int			subscript = ARR_LBOUND(array)[0] + element;
	bool		isnull;
	Datum		value = array_get_element(PointerGetDatum(array), 1, &subscript, -1, sizeof(float8),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &isnull);

	if (isnull)
		return NAN;
	if (isnan(DatumGetFloat8(value)))
		not_a_prior("An element is NaN.");
	return DatumGetFloat8(value);
}

/* Without one nothing is known. */
static EngagementPrior
read_prior(NullableDatum argument)
{
	EngagementPrior prior = {NAN, NAN, NAN, NAN, NAN, NAN};
	ArrayType  *array;

	if (argument.isnull)
		return prior;
	array = DatumGetArrayTypeP(argument.value);
	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < PRIOR_ELEMENTS)
		not_a_prior("It does not have six elements.");
	prior.mean = prior_element(array, PRIOR_MEAN);
	prior.strength = prior_element(array, PRIOR_STRENGTH);
	prior.within = prior_element(array, PRIOR_WITHIN);
	prior.between = prior_element(array, PRIOR_BETWEEN);
	if (isinf(prior.mean) || prior.strength < 0 || prior.within < 0 || prior.between < 0 ||
		isinf(prior.within) || isinf(prior.between))
		not_a_prior("An element is negative or infinite.");
	return prior;
}

/* posts and rate of a creator; the rate NaN when it is not known */
static double
read_own(FunctionCallInfo fcinfo, double *rate)
{
	double		posts = PG_ARGISNULL(0) ? 0 : PG_GETARG_FLOAT8(0);

	if (!(posts >= 0) || isinf(posts))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("posts must be a number of 0 or more"),
				 errdetail("The value is %g.", posts),
				 errhint("Give how many posts the rate is of.")));
	*rate = NAN;
	if (!PG_ARGISNULL(1))
	{
		*rate = PG_GETARG_FLOAT8(1);
		if (!isfinite(*rate))
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("rate must be a finite number"),
					 errdetail("The value is %g.", *rate),
					 errhint("Give NULL for a rate that is not known.")));
	}
	return posts;
}

Datum
engagement_shrunk_rate(PG_FUNCTION_ARGS)
{
	double		rate;
	double		posts = read_own(fcinfo, &rate);
	EngagementPrior prior = read_prior(fcinfo->args[2]);
	double		shrunk = engagement_shrink(posts, rate, &prior);

	if (isnan(shrunk))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(shrunk);
}

Datum
engagement_shrunk_rate_bounds(PG_FUNCTION_ARGS)
{
	double		rate;
	double		posts = read_own(fcinfo, &rate);
	EngagementPrior prior = read_prior(fcinfo->args[2]);
	double		confidence;
	double		shrunk;
	double		margin;
	TupleDesc	tupdesc;
	Datum		values[2];
	bool		nulls[2];

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (PG_ARGISNULL(3))
		PG_RETURN_NULL();
	confidence = PG_GETARG_FLOAT8(3);
	engagement_require_confidence(confidence);

	shrunk = engagement_shrink(posts, rate, &prior);
	margin = engagement_shrink_margin(posts, rate, &prior, engagement_normal_z(confidence));
	nulls[0] = nulls[1] = isnan(shrunk) || isnan(margin);
	values[0] = Float8GetDatum(Max(shrunk - margin, 0.0));
	values[1] = Float8GetDatum(shrunk + margin);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}

/*
 * engagement_rates_agg.c
 *	  Aggregates of rates, engagement_agg and its conveniences, and what can be
 *	  asked of an engagement_agg.
 */
#include "postgres.h"

#include "../common/errors.h"
#include "../common/flat_state.h"
#include "engagement_list.h"
#include "engagement_rates.h"

PG_FUNCTION_INFO_V1(engagement_rates_trans);
PG_FUNCTION_INFO_V1(engagement_rates_combine);
PG_FUNCTION_INFO_V1(engagement_rates_final);
PG_FUNCTION_INFO_V1(engagement_rates_posts);
PG_FUNCTION_INFO_V1(engagement_rates_mean);
PG_FUNCTION_INFO_V1(engagement_rates_median);
PG_FUNCTION_INFO_V1(engagement_rates_trimmed_mean);
PG_FUNCTION_INFO_V1(engagement_rates_variance);

/* what the convenience aggregate cuts off */
#define USUAL_TRIM 0.1

/* argument positions of the transition */
enum
{
	ARG_STATE,
	ARG_INTERACTIONS,
	ARG_BASE,
	ARG_POSTS
};

StaticAssertDecl(sizeof(EngagementRow) == 2 * sizeof(int64_t), "rows of LIST_RATES");

static void
must_not_be_negative(const char *what, int64 value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("%s must not be negative", what),
			 errdetail("A row has %lld %s.", (long long) value, what),
			 errhint("Leave out rows with impossible counts, for instance by FILTER.")));
}

/* With two arguments or, behind them, posts. */
Datum
engagement_rates_trans(PG_FUNCTION_ARGS)
{
	int64		row[2] = {0, 1};
	int64		interactions;
	int64		base;

	/* a post that nobody could see says nothing about engagement */
	if (PG_ARGISNULL(ARG_INTERACTIONS) || PG_ARGISNULL(ARG_BASE) ||
		PG_GETARG_INT64(ARG_BASE) <= 0)
		return list_trans(fcinfo, &LIST_RATES, NULL);
	if (PG_NARGS() > ARG_POSTS)
	{
		if (PG_ARGISNULL(ARG_POSTS) || PG_GETARG_INT64(ARG_POSTS) == 0)
			return list_trans(fcinfo, &LIST_RATES, NULL);
		row[1] = PG_GETARG_INT64(ARG_POSTS);
		if (row[1] < 0)
			must_not_be_negative("posts", row[1]);
	}
	interactions = PG_GETARG_INT64(ARG_INTERACTIONS);
	base = PG_GETARG_INT64(ARG_BASE);
	if (interactions < 0)
		must_not_be_negative("interactions", interactions);

	row[0] = list_bits((double) interactions / (double) base);
	return list_trans(fcinfo, &LIST_RATES, row);
}

Datum
engagement_rates_combine(PG_FUNCTION_ARGS)
{
	return list_combine(fcinfo, &LIST_RATES);
}

const EngagementRow *
engagement_sorted_rates(NullableDatum state, size_t *n)
{
	const EngagementRow *rows;

	if (state.isnull)
		return NULL;
	rows = (const EngagementRow *) list_sorted_rows(&LIST_RATES,
													list_state(&LIST_RATES, state.value), n);
	return *n > 0 ? rows : NULL;
}

int64
engagement_count_posts(const EngagementRow *rows, size_t n)
{
	int64		posts;

	if (!engagement_posts(rows, n, &posts))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_MONEY_OVERFLOW),
				 errmsg("posts are out of range"),
				 errdetail("The posts of a group add up to more than 2^63-1."),
				 errhint("Give posts as a count; only their ratios weigh.")));
	return posts;
}

/* The multiset itself: sorted, so that equal ones have equal bytes. */
Datum
engagement_rates_final(PG_FUNCTION_ARGS)
{
	size_t		n;
	const EngagementRow *rows = engagement_sorted_rates(fcinfo->args[0], &n);

	if (rows == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(list_state_of(&LIST_RATES, (const int64_t *) rows, n));
}

Datum
engagement_rates_posts(PG_FUNCTION_ARGS)
{
	size_t		n;
	const EngagementRow *rows = engagement_sorted_rates(fcinfo->args[0], &n);

	if (rows == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64(engagement_count_posts(rows, n));
}

Datum
engagement_rates_mean(PG_FUNCTION_ARGS)
{
	size_t		n;
	const EngagementRow *rows = engagement_sorted_rates(fcinfo->args[0], &n);

	if (rows == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(engagement_mean(rows, n));
}

Datum
engagement_rates_median(PG_FUNCTION_ARGS)
{
	size_t		n;
	const EngagementRow *rows = engagement_sorted_rates(fcinfo->args[0], &n);

	if (rows == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(engagement_median(rows, engagement_count_posts(rows, n)));
}

void
engagement_require_trim(double share)
{
	/* written so that NaN fails */
	if (!(share >= 0.0 && share < 0.5))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("trim_share must be at least 0 and less than 0.5"),
				 errdetail("The value is %g.", share),
				 errhint("Give the share cut off at each end: 0.1 stands for 10 percent. "
						 "engagement_median() leaves only the middle.")));
}

/* As an accessor with the share to cut, as a final function without. */
Datum
engagement_rates_trimmed_mean(PG_FUNCTION_ARGS)
{
	double		trim = USUAL_TRIM;
	size_t		n;
	const EngagementRow *rows;

	if (PG_NARGS() > 1)
	{
		if (PG_ARGISNULL(1))
			PG_RETURN_NULL();
		trim = PG_GETARG_FLOAT8(1);
	}
	engagement_require_trim(trim);

	rows = engagement_sorted_rates(fcinfo->args[0], &n);
	if (rows == NULL)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(engagement_trimmed(rows, n, engagement_count_posts(rows, n), trim));
}

Datum
engagement_rates_variance(PG_FUNCTION_ARGS)
{
	size_t		n;
	const EngagementRow *rows = engagement_sorted_rates(fcinfo->args[0], &n);

	if (rows == NULL || n < 2)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(engagement_squares(rows, n, engagement_mean_long(rows, n)) / (double) (n - 1));
}

/*
 * feed_rate.c
 *	  influence_internal.shrunk_log_ratio(): how much better than the mean the
 *	  rate of a post is (feed_items.sql says what for).
 *
 * With PostgreSQL's own operations, step by step: the result is that of the
 * formula written in SQL, with its errors.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"

#include "feed_rate.h"

PG_FUNCTION_INFO_V1(trends_shrunk_log_ratio);

#define BOUND 8.0

static float8
ln(float8 number)
{
	return DatumGetFloat8(DirectFunctionCall1(dlog1, Float8GetDatum(number)));
}

float8
feed_shrunk_log_ratio(float8 amount, float8 impressions, float8 mean, float8 strength)
{
	float8		rate;
	float8		ratio;

	if (!(float8_gt(mean, 0) && float8_gt(impressions, 0)))
		return 0;
	if (float8_le(amount, 0) && float8_le(strength, 0))
		return -BOUND;
	rate = float8_div(float8_pl(float8_lt(amount, 0) ? 0 : amount, float8_mul(strength, mean)), float8_pl(impressions, strength));
	ratio = float8_div(ln(float8_div(rate, mean)), ln(2));
	if (float8_gt(ratio, BOUND))
		return BOUND;
	return float8_lt(ratio, -BOUND) ? -BOUND : ratio;
}

/*
 * shrunk_log_ratio(amount float8, impressions float8, mean float8, strength float8)
 *
 * As greatest() and least() have it: an amount that is NULL is none, and what cannot be computed is the bound.
 */
Datum
trends_shrunk_log_ratio(PG_FUNCTION_ARGS)
{
	float8		amount = PG_ARGISNULL(0) ? 0 : PG_GETARG_FLOAT8(0);
	float8		strength;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || !(float8_gt(PG_GETARG_FLOAT8(1), 0) && float8_gt(PG_GETARG_FLOAT8(2), 0)))
		PG_RETURN_FLOAT8(0);
	if (PG_ARGISNULL(3))
		PG_RETURN_FLOAT8(BOUND);
	strength = PG_GETARG_FLOAT8(3);
	PG_RETURN_FLOAT8(feed_shrunk_log_ratio(amount, PG_GETARG_FLOAT8(1), PG_GETARG_FLOAT8(2), strength));
}

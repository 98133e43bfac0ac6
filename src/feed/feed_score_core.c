/*
 * feed_score_core.c
 *	  The score of a post for a viewer, and the features it is made of.
 *
 * A score is a sum in log2 space: a unit more is twice as much of whatever the
 * weight belongs to.  Features are clamped where they are made, so that no
 * single fact, however large or broken, outweighs all others, and the score
 * itself is finite for any weights.
 */
#include "feed_score_core.h"

#include <float.h>
#include <math.h>

/* no NaN comes out: what cannot be compared is the least */
static double
clamp(double value, double least, double most)
{
	if (!(value >= least))
		return least;
	return value > most ? most : value;
}

double
feed_score(const double weights[FEED_FEATURES], const double features[FEED_FEATURES],
		   double dampening)
{
	double		sum = 0;
	int			i;

	for (i = 0; i < FEED_FEATURES; i++)
	{
		/* kept from being fused with the addition, which rounds once instead of twice */
		volatile double product = weights[i] * features[i];

		sum += product;
	}
	if (isnan(sum) || isnan(dampening))
		return -DBL_MAX;
	sum = clamp(sum, -DBL_MAX, DBL_MAX);
	return sum > 0 ? sum * clamp(dampening, 0, 1) : sum;
}

double
feed_dampening(double days)
{
	return clamp((days - FEED_AWAY_DAYS) / FEED_RAMP_DAYS, 0, 1);
}

double
feed_decay(int64_t age_us, int64_t half_life_us)
{
	if (half_life_us <= 0)
		return 0;
	if (age_us <= 0)
		return 1;
	return exp2(-((double) age_us / (double) half_life_us));
}

double
feed_history_weight(uint32_t rank, double half)
{
	if (!(half > 0))
		return rank == 0 ? 1 : 0;
	return exp2(-((double) rank / half));
}

double
feed_log_weight(double weight)
{
	return weight > 0 ? clamp(log2(1 + weight), 0, 40) : 0;
}

double
feed_quality(double stored, int64_t moment_us, int64_t half_life_us)
{
	if (half_life_us <= 0)
		return -40;
	return clamp(stored - (double) moment_us / (double) half_life_us, -40, 40);
}

double
feed_neighbor(double similarity)
{
	return feed_log_weight(100 * similarity);
}

double
feed_log_ratio(double stored)
{
	/* unlike a quality, what is not known is the program's mean */
	return isnan(stored) ? 0 : clamp(stored, -8, 8);
}

double
feed_freshness(int64_t published_us, int64_t moment_us, int64_t half_life_us)
{
	int64_t		age_us;

	/* saturated: moments are any 64 bits here */
	if (__builtin_sub_overflow(moment_us, published_us, &age_us))
		age_us = moment_us > published_us ? INT64_MAX : 0;
	return feed_decay(age_us, half_life_us);
}

double
feed_price_fit(double price, double usual)
{
	if (!(price > 0) || !(usual > 0) || isinf(price) || isinf(usual))
		return 0;
	/* a difference of logarithms: the ratio itself may be out of range */
	return 0 - clamp(fabs(log2(price) - log2(usual)), 0, 8);
}

double
feed_fatigue(double creator, double post)
{
	return 0 - feed_log_weight(clamp(creator, 0, DBL_MAX / 4) + 2 * clamp(post, 0, DBL_MAX / 8));
}

double
feed_format_fit(double engaged, double total, double expected, double share)
{
	double		rate;

	if (!(share > 0 && share <= 1))
		return 0;
	if (!(expected >= 0 && expected <= 1))
		expected = share;
	/* beyond that the rest of a sum is lost anyway */
	total = clamp(total, 0, 0x1p100);
	engaged = clamp(engaged, 0, total);
	/* a power of two is multiplied and divided by without rounding */
	rate = (engaged + FEED_FORMAT_STRENGTH * expected) / (total + FEED_FORMAT_STRENGTH);
	return clamp(log2(rate / share), -FEED_FORMAT_MOST, FEED_FORMAT_MOST);
}

/*
 * engagement_rates_core.c
 *	  Mean, median, trimmed mean and variance of weighted rates.
 *
 * A row stands for as many posts with the same rate.  Sums run over sorted rows
 * in extended precision, so they depend on the multiset only, and their error
 * is far below that of the result's last digit.
 */
#include "engagement_rates_core.h"

#include <math.h>

bool
engagement_posts(const EngagementRow *rows, size_t n, int64_t *posts)
{
	size_t		i;

	*posts = 0;
	for (i = 0; i < n; i++)
	{
		if (__builtin_add_overflow(*posts, rows[i].posts, posts))
			return false;
	}
	return true;
}

/* Between the smallest and the largest rate, as a mean must be. */
static inline long double
within(long double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

long double
engagement_mean_long(const EngagementRow *rows, size_t n)
{
	long double sum = 0;
	long double posts = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		sum += (long double) rows[i].posts * rows[i].rate;
		posts += rows[i].posts;
	}
	return within(sum / posts, rows[0].rate, rows[n - 1].rate);
}

double
engagement_mean(const EngagementRow *rows, size_t n)
{
	return (double) engagement_mean_long(rows, n);
}

double
engagement_squares(const EngagementRow *rows, size_t n, long double mean)
{
	long double sum = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		long double deviation = rows[i].rate - mean;

		sum += rows[i].posts * deviation * deviation;
	}
	return (double) sum;
}

/* The rate of the post at a place, counted from 0. */
static double
rate_at(const EngagementRow *rows, int64_t place)
{
	for (; place >= rows->posts; rows++)
		place -= rows->posts;
	return rows->rate;
}

double
engagement_median(const EngagementRow *rows, int64_t posts)
{
	double		low = rate_at(rows, (posts - 1) / 2);
	double		high = posts % 2 == 0 ? rate_at(rows, posts / 2) : low;

	return low + (high - low) / 2;
}

double
engagement_trimmed(const EngagementRow *rows, size_t n, int64_t posts, double trim)
{
	int64_t		cut = (int64_t) floor((double) posts * trim);
	int64_t		from;
	int64_t		to;
	int64_t		place = 0;
	long double sum = 0;
	double		low = 0;
	double		high = 0;
	bool		first = true;
	size_t		i;

	/* trim just below 1/2 times many posts can round up to all of them */
	if (cut > (posts - 1) / 2)
		cut = (posts - 1) / 2;
	from = cut;
	to = posts - cut;
	for (i = 0; i < n && place < to; i++)
	{
		int64_t		end = place + rows[i].posts;
		int64_t		kept = (end < to ? end : to) - (place > from ? place : from);

		if (kept > 0)
		{
			sum += (long double) kept * rows[i].rate;
			low = first ? rows[i].rate : low;
			high = rows[i].rate;
			first = false;
		}
		place = end;
	}
	return (double) within(sum / (to - from), low, high);
}

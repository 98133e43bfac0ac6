/*
 * engagement_pattern_core.c
 *	  Focus, growth and regularity.
 *
 * Focus is the inverse of the number of topics, where topics count as many as
 * equally frequent ones would give the same entropy (Shannon 1948; Hill's number
 * of order 1: Ecology 54, 1973, 427-432).  Growth is the slope of a line through
 * the logarithms, by least squares.  Regularity maps the coefficient of variation
 * of the gaps to (0, 1]: evenly spaced posts have 1, posts at random (a Poisson
 * process, cv = 1) about 1/2.
 */
#include "engagement_pattern_core.h"

#include <math.h>

#define GROWTH_DAYS 30
#define DAY_US 86400000000.0L

/* Differences of times need 65 bits; their magnitude fits without a sign. */
static inline uint64_t
elapsed_us(int64_t from, int64_t to)
{
	return (uint64_t) to - (uint64_t) from;
}

static void
close_topic(EngagementFocus *focus)
{
	long double weight = focus->weight;

	if (focus->weight > 0)
		focus->terms += weight * logl(weight);
	focus->weight = 0;
}

void
engagement_focus_piece(EngagementFocus *focus, const EngagementTopic *topics, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (topics[i].topic != focus->topic)
			close_topic(focus);
		focus->topic = topics[i].topic;
		focus->weight += (uint64_t) topics[i].posts;
		focus->total += (uint64_t) topics[i].posts;
	}
}

/*
 * With shares p = n / N, sum p ln p = (sum n ln n) / N - ln N: no division per
 * topic, and exactly 0 for one topic.
 */
bool
engagement_focus_result(EngagementFocus *focus, double *result)
{
	long double total = focus->total;

	if (focus->total == 0)
		return false;
	close_topic(focus);
	*result = (double) expl(focus->terms / total - logl(total));
	*result = *result > 1 ? 1 : *result;
	return true;
}

void
engagement_growth_piece(EngagementGrowth *growth, const EngagementAmount *amounts, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		long double days;
		long double log = logl((long double) amounts[i].amount);

		if (!growth->any)
			growth->first_us = amounts[i].at_us;
		growth->any = true;
		days = elapsed_us(growth->first_us, amounts[i].at_us) / DAY_US;
		if (growth->again)
		{
			growth->days_squared += (days - growth->days) * (days - growth->days);
			growth->days_logs += (days - growth->days) * (log - growth->logs);
		}
		else
		{
			growth->rows += 1;
			growth->days += days;
			growth->logs += log;
		}
	}
}

void
engagement_growth_again(EngagementGrowth *growth)
{
	growth->again = true;
	if (growth->rows > 0)
	{
		growth->days /= growth->rows;
		growth->logs /= growth->rows;
	}
}

bool
engagement_growth_result(const EngagementGrowth *growth, double *result)
{
	/* the first row lies at 0 days: a mean of 0 means that all do */
	if (!(growth->days > 0))
		return false;
	*result = (double) expm1l(growth->days_logs / growth->days_squared * GROWTH_DAYS);
	return true;
}

bool
engagement_regularity(const int64_t *times_us, size_t n, double *result)
{
	long double mean;
	long double squares = 0;
	size_t		i;

	if (n < 3 || times_us[0] == times_us[n - 1])
		return false;
	mean = (long double) elapsed_us(times_us[0], times_us[n - 1]) / (n - 1);
	for (i = 1; i < n; i++)
	{
		long double deviation = elapsed_us(times_us[i - 1], times_us[i]) - mean;

		squares += deviation * deviation;
	}
	*result = (double) (1 / (1 + sqrtl(squares / (n - 1)) / mean));
	return true;
}

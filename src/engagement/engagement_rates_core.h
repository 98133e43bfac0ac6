/*
 * engagement_rates_core.h
 *	  Mean, median, trimmed mean and variance of rates that weigh as many posts
 *	  as they sum up.
 *
 * Pure C without PostgreSQL.  Rows are those of LIST_RATES, sorted, at least one.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_RATES_CORE_H
#define PG_INFLUENCE_ENGAGEMENT_RATES_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct EngagementRow
{
	double		rate;			/* finite, >= 0 */
	int64_t		posts;			/* >= 1 */
} EngagementRow;

/* false when it exceeds int64 */
extern bool engagement_posts(const EngagementRow *rows, size_t n, int64_t *posts);

/* sum(posts * rate) / sum(posts) */
extern double engagement_mean(const EngagementRow *rows, size_t n);

/* The same before it is rounded. */
extern long double engagement_mean_long(const EngagementRow *rows, size_t n);

/* sum(posts * (rate - mean)^2) */
extern double engagement_squares(const EngagementRow *rows, size_t n, long double mean);

/* The middle post's rate, or the mean of the two in the middle. */
extern double engagement_median(const EngagementRow *rows, int64_t posts);

/* The mean without floor(trim * posts) posts at each end, 0 <= trim < 1/2. */
extern double engagement_trimmed(const EngagementRow *rows, size_t n, int64_t posts,
								 double trim);

#endif							/* PG_INFLUENCE_ENGAGEMENT_RATES_CORE_H */

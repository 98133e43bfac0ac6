/*
 * feed_rate.h
 *	  How much better than the mean the rate of a post is.
 */
#ifndef PG_INFLUENCE_FEED_RATE_H
#define PG_INFLUENCE_FEED_RATE_H

/*
 * log2 of amount per impression, shrunk toward the mean by strength impressions, over the mean; from -8 to 8. 0 without
 * impressions or mean.
 */
extern float8 feed_shrunk_log_ratio(float8 amount, float8 impressions, float8 mean, float8 strength);

#endif							/* PG_INFLUENCE_FEED_RATE_H */

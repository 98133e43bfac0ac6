/*
 * feed_score_core.h
 *	  The score of a post for a viewer, and the features it is made of.
 *
 * Pure C without PostgreSQL.  Every function answers a finite number for any
 * arguments, NaN and infinities included; what is not known is 0.  Moments are
 * microseconds since 2000-01-01 UTC, as in a timestamptz.
 */
#ifndef PG_INFLUENCE_FEED_SCORE_CORE_H
#define PG_INFLUENCE_FEED_SCORE_CORE_H

#include <stdint.h>

#include "feed_features.h"

/* "see less": away for the first 14 days, back in full after 140 more */
#define FEED_AWAY_DAYS 14.0
#define FEED_RAMP_DAYS 140.0

/*
 * Sum of weight x feature from left to right, each product and each sum rounded
 * to a double (never fused), so that the same row has the same bits everywhere;
 * where it is above zero, times dampening.  NaN anywhere is the lowest score,
 * -DBL_MAX; the result is finite.
 */
extern double feed_score(const double weights[FEED_FEATURES],
						 const double features[FEED_FEATURES], double dampening);

/* Days since a "see less" -> 0 .. 1; NaN is 0, the strictest. */
extern double feed_dampening(double days);

/* 2^(-age / half_life), 0 .. 1; the future is 1, a half-life <= 0 is 0. */
extern double feed_decay(int64_t age_us, int64_t half_life_us);

/* 2^(-rank / half), rank 0 = the newest; half <= 0 counts the newest only. */
extern double feed_history_weight(uint32_t rank, double half);

/* FEED_INTEREST, FEED_AFFINITY, FEED_SOUND: log2(1 + weight), 0 .. 40; <= 0 is 0 */
extern double feed_log_weight(double weight);

/*
 * FEED_QUALITY: a score in half-lives relative to 2000-01-01 (decayed_score,
 * feed_item.quality) seen from a moment, -40 .. 40; -infinity is -40
 */
extern double feed_quality(double stored, int64_t moment_us, int64_t half_life_us);

/* FEED_NEIGHBOR: log2(1 + 100 x similarity), 0 .. 40 */
extern double feed_neighbor(double similarity);

/* FEED_ENGAGEMENT, FEED_SALES: a stored log2 of a ratio, -8 .. 8 */
extern double feed_log_ratio(double stored);

/* FEED_FRESHNESS: feed_decay of the age at the moment */
extern double feed_freshness(int64_t published_us, int64_t moment_us, int64_t half_life_us);

/* FEED_PRICE_FIT: -|log2(price / usual)|, -8 .. 0; a price <= 0 is unknown */
extern double feed_price_fit(double price, double usual);

/*
 * FEED_FATIGUE: -log2(1 + creator + 2 x post), -40 .. 0; both are sums of
 * feed_decay over impressions of the creator and, of these, of the post
 */
extern double feed_fatigue(double creator, double post);

/* what a history must weigh to count as much as what is expected of it; a power of two, see feed_format_fit() */
#define FEED_FORMAT_STRENGTH 16.0
/* a format is at most eight times as likely as for everybody, or an eighth */
#define FEED_FORMAT_MOST 3.0

/*
 * FEED_FORMAT: log2 of how much more of a viewer's engagement a format has than
 * of everybody's (share), -3 .. 3.  engaged of total is what the viewer did, as
 * weighed by its history; expected is the share where there is no history (of
 * those with the same device, else of everybody), and counts as much as a
 * history that weighs FEED_FORMAT_STRENGTH.  A share of 0 is not known.  Without
 * history and with expected = share it is +0, to the bit.
 */
extern double feed_format_fit(double engaged, double total, double expected, double share);

#endif							/* PG_INFLUENCE_FEED_SCORE_CORE_H */

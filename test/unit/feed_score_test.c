/*
 * feed_score_test.c
 *	  feed_score_core and feed_draw_core.  Expected numbers: Python's floats and
 *	  math.log2 from the formulas; hashes: libxxhash's library on the documented
 *	  bytes.
 */
#include "tap.h"

#include <float.h>

#include "../../src/feed/feed_draw_core.h"
#include "../../src/feed/feed_score_core.h"

#define DAY INT64_C(86400000000)

static const double weights[FEED_FEATURES] = {10, 3, 1.5, 1, 2, 1, .5, .5, 2, .3, 1, 2, .5, .5};

/* log2(3) is interest 2 */
static const double features[FEED_FEATURES] =
{1, 1, 1.5849625007211562, -2.25, 3.5, 0, -.5, 1.25, .5, -1, -2, 0, -.75, 1.25};

static const uint8_t viewer[FEED_VIEWER_BYTES] =
{0xA0, 0xEE, 0xBC, 0x99, 0x9C, 0x0B, 0x4E, 0xF8, 0xBB, 0x6D, 0x6B, 0xB9, 0xBD, 0x38, 0x0A, 0x11};

static bool
same_bits(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static void
test_score(void)
{
	double		broken[FEED_FEATURES];
	double		huge[FEED_FEATURES];
	double		fused[FEED_FEATURES] = {0};
	double		fused_weights[FEED_FEATURES] = {0};
	int			lowest = 0;

	ok(same_bits(feed_score(weights, features, 1), 0x1.373d35a8a2cf5p+4), "the sum, to the last bit");
	ok(same_bits(feed_score(weights, features, .25), 0x1.373d35a8a2cf5p+2), "dampened");
	is_dbl(feed_score(weights, features, 0), 0, 0, "dampened to nothing");
	is_dbl(feed_score(weights, features, 7), 19.452443751081734, 1e-12, "dampening is at most 1");

	memcpy(broken, features, sizeof(broken));
	broken[FEED_BIAS] = -9;
	ok(feed_score(weights, broken, .25) < 0 &&
	   same_bits(feed_score(weights, broken, .25), feed_score(weights, broken, 1)),
	   "a score below zero is not raised by dampening");

	for (int i = 0; i < FEED_FEATURES; i++)
	{
		memcpy(broken, features, sizeof(broken));
		broken[i] = NAN;
		lowest += feed_score(weights, broken, 1) == -DBL_MAX;
		lowest += feed_score(broken, features, 1) == -DBL_MAX;
	}
	is_i64(lowest, 2 * FEED_FEATURES, "NaN anywhere is the lowest score");
	is_dbl(feed_score(weights, features, NAN), -DBL_MAX, 0, "also as dampening");

	for (int i = 0; i < FEED_FEATURES; i++)
		huge[i] = DBL_MAX;
	is_dbl(feed_score(huge, huge, 1), DBL_MAX, 0, "an overflow is clamped");
	is_dbl(feed_score(huge, huge, 0), 0, 0, "and dampened afterwards");
	huge[1] = -DBL_MAX;
	is_dbl(feed_score(huge, features, 1), feed_score(huge, features, 1), 0, "infinities of both signs");
	huge[0] = INFINITY;
	huge[1] = -INFINITY;
	is_dbl(feed_score(huge, weights, 1), -DBL_MAX, 0, "their sum is no number");

	/* (1 + 2^-30)^2 - 1 - 2^-29 is 2^-60, which only a fused product keeps */
	fused[0] = fused_weights[0] = -1;
	fused[0] = 1 + 0x1p-29;
	fused[1] = fused_weights[1] = 1 + 0x1p-30;
	is_dbl(feed_score(fused_weights, fused, 1), 0, 0, "products are rounded before they are added");
}

static void
test_features(void)
{
	is_dbl(feed_dampening(13.999), 0, 0, "see less: away for 14 days");
	is_dbl(feed_dampening(84), .5, 0, "half way back after 70 more");
	is_dbl(feed_dampening(154), 1, 0, "back after 140");
	is_dbl(feed_dampening(INFINITY), 1, 0, "never said");
	is_dbl(feed_dampening(NAN), 0, 0, "not a number is the strictest");

	is_dbl(feed_decay(3 * DAY, 2 * DAY), 0.35355339059327379, 1e-16, "decay after one and a half half-lives");
	is_dbl(feed_decay(-1, DAY), 1, 0, "the future has not decayed");
	is_dbl(feed_decay(1, 0), 0, 0, "no half-life leaves nothing");
	is_dbl(feed_history_weight(0, 20), 1, 0, "the newest counts whole");
	is_dbl(feed_history_weight(30, 20), 0.35355339059327379, 1e-16, "the thirtieth after it");
	is_dbl(feed_history_weight(1, 0), 0, 0, "without half only the newest counts");

	is_dbl(feed_log_weight(2.5), 1.8073549220576042, 1e-15, "interest");
	is_dbl(feed_log_weight(-.5), 0, 0, "no negative interest");
	is_dbl(feed_log_weight(INFINITY), 40, 0, "at most 40");
	is_dbl(feed_log_weight(NAN), 0, 0, "NaN is unknown");
	is_dbl(feed_neighbor(.25), 4.7004397181410926, 1e-15, "similarity");
	is_dbl(feed_quality(10, 20 * DAY, 3 * DAY), 10 - 20 / 3., 1e-14, "quality as of now");
	is_dbl(feed_quality(-INFINITY, 0, DAY), -40, 0, "without engagement");
	is_dbl(feed_quality(1e300, 0, DAY), 40, 0, "clamped above");
	is_dbl(feed_quality(NAN, 0, DAY), -40, 0, "NaN quality is the least");
	is_dbl(feed_log_ratio(-9), -8, 0, "engagement, clamped");
	is_dbl(feed_log_ratio(NAN), 0, 0, "unknown engagement is the mean");
	is_dbl(feed_freshness(0, 2 * DAY, 2 * DAY), .5, 0, "freshness");
	is_dbl(feed_freshness(INT64_MIN, INT64_MAX, DAY), 0, 0, "an age beyond 64 bits");
	is_dbl(feed_freshness(INT64_MAX, INT64_MIN, DAY), 1, 0, "and one of the future");
	is_dbl(feed_price_fit(500, 2000), -2, 0, "a quarter of the usual price");
	is_dbl(feed_price_fit(2000, 500), -2, 0, "four times the usual price");
	is_dbl(feed_price_fit(1, DBL_MAX), -8, 0, "clamped");
	is_dbl(feed_price_fit(0, 5), 0, 0, "a price that is not known");
	ok(same_bits(feed_price_fit(5, 5), 0), "the usual price is +0, not -0");
	is_dbl(feed_fatigue(3, 2), -3, 0, "log2(1 + 3 + 4)");
	ok(same_bits(feed_fatigue(0, 0), 0), "never shown is +0");
	is_dbl(feed_fatigue(INFINITY, INFINITY), -40, 0, "clamped fatigue");
}

static void
test_formats(void)
{
	int			off = 0;

	is_dbl(feed_format_fit(6, 8, .25, .25), .7369655941662062, 1e-15, "a format that the viewer likes: (6 + 4) / (8 + 16) over 1/4");
	is_dbl(feed_format_fit(0, 48, .25, .25), -2, 0, "one that it leaves alone: 4 / 64 over 1/4");
	is_dbl(feed_format_fit(0, 0, .5, .125), 2, 0, "no history: what is expected of the device, 1/2 over 1/8");
	is_dbl(feed_format_fit(3, 5, .75, .5), .5145731728297582, 1e-15, "both: (3 + 12) / 21 over 1/2");
	is_dbl(feed_format_fit(100, 100, .015625, .015625), 3, 0, "at most 3");
	is_dbl(feed_format_fit(0, 1000, .5, .5), -3, 0, "at least -3");
	is_dbl(feed_format_fit(0, 0, 0, .5), -3, 0, "also where nothing is expected");
	is_dbl(feed_format_fit(5, 5, .5, 0), 0, 0, "a format of nobody is not known");
	is_dbl(feed_format_fit(5, 5, .5, NAN), 0, 0, "nor is what is no number");
	is_dbl(feed_format_fit(0, 0, NAN, .5), 0, 0, "without expectation it is everybody's share");
	is_dbl(feed_format_fit(INFINITY, INFINITY, .5, .5), 1, 0, "a history without end: 1 over 1/2");
	is_dbl(feed_format_fit(-5, 0, .5, .5), 0, 0, "no engagement is below none");

	/* whatever the share: nothing known is nothing, and so is to do what all do */
	for (int i = 1; i < 1000; i++)
		off += !same_bits(feed_format_fit(0, 0, i / 999., i / 999.), 0) ||
			!same_bits(feed_format_fit(i / 7., i / 7., 1, 1), 0);
	is_i64(off, 0, "+0 without history, and where there is one format only");
}

static void
test_draws(void)
{
	uint8_t		other[FEED_VIEWER_BYTES];
	uint32_t	buckets[10] = {0};
	double		sum = 0;
	int			off = 0;

	is_dbl(feed_draw(viewer, 9665, 42), 0.63458432496105133, 0, "the draw of a viewer, day and post");
	ok(feed_draw(viewer, 9666, 42) != feed_draw(viewer, 9665, 42), "another day, another draw");
	ok(feed_draw(viewer, 9665, 43) != feed_draw(viewer, 9665, 42), "another post, another draw");
	is_u64(feed_share(viewer, "buttons", 7), 796, "the share of a viewer in an experiment");
	is_i64(feed_day(0), 0, "the day of 2000-01-01 begins");
	is_i64(feed_day(DAY - 1), 0, "and ends");
	is_i64(feed_day(-1), -1, "the day before");
	is_i64(feed_day(-DAY), -1, "begins");
	is_i64(feed_day(INT64_MIN), -106751992, "the first of all");

	memcpy(other, viewer, sizeof(other));
	for (int i = 0; i < 100000; i++)
	{
		double		draw = feed_draw(viewer, 1, i);

		off += !(draw >= 0 && draw < 1);
		sum += draw;
		other[0] = (uint8_t) i;
		other[1] = (uint8_t) (i >> 8);
		other[2] = (uint8_t) (i >> 16);
		buckets[feed_share(other, "buttons", 7) / 1000]++;
	}
	is_i64(off, 0, "draws are within 0 and 1");
	/* five standard deviations: sqrt(1/12/100000), sqrt(100000 * .1 * .9) */
	is_dbl(sum / 100000, .5, .0046, "their mean is a half");
	off = 0;
	for (int i = 0; i < 10; i++)
		off += buckets[i] < 10000 - 475 || buckets[i] > 10000 + 475;
	is_i64(off, 0, "shares are even");
}

int
main(void)
{
	test_score();
	test_features();
	test_formats();
	test_draws();
	return done_testing();
}

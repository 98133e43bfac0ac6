/*
 * engagement_prior_core.c
 *	  Empirical Bayes for rates: the credibility model of Buehlmann and Straub.
 *
 * Each creator i has a true rate, drawn with mean m and variance t2; a row of
 * w posts is its rate plus noise of variance s2 / w.  Both variances are
 * estimated by moments, without bias (Buehlmann and Straub, Mitteilungen der
 * Vereinigung schweizerischer Versicherungsmathematiker 70, 1970, 111-133; the
 * same as the analysis of variance of an unbalanced one-way layout with random
 * effects: Searle, Casella, McCulloch, Variance Components, 1992, 3.6):
 *
 *		s2 = sum w (r - m_i)^2 / sum (n_i - 1)
 *		t2 = max(0, (sum W_i (m_i - m)^2 - (k - 1) s2) / (W - sum W_i^2 / W))
 *
 * The best linear predictor of a creator's true rate is then the mean of the own
 * rate with weight W_i and the common mean with weight s2 / t2 posts.
 */
#include "engagement_prior_core.h"

#include <math.h>
#include <string.h>

enum
{
	PASS_SUMS,
	PASS_SPREAD,
	PASS_MEAN
};

EngagementCreator
engagement_creator(const EngagementRow *rows, size_t n, int64_t posts)
{
	long double mean = engagement_mean_long(rows, n);
	EngagementCreator creator = {
		.mean = (double) mean,
		.posts = posts,
		.squares = engagement_squares(rows, n, mean),
		.rows = (int64_t) n
	};

	creator.mean_rest = (double) (mean - creator.mean);
	return creator;
}

void
engagement_fit_start(EngagementFit *fit)
{
	memset(fit, 0, sizeof(*fit));
	fit->lowest = INFINITY;
}

static inline long double
mean_of(const EngagementCreator *creator)
{
	return (long double) creator->mean + creator->mean_rest;
}

static void
add_sums(EngagementFit *fit, const EngagementCreator *creator)
{
	long double posts = creator->posts;

	fit->creators += 1;
	fit->posts += posts;
	fit->posts_squared += posts * posts;
	fit->posts_mean += posts * mean_of(creator);
	fit->squares += creator->squares;
	fit->freedom += creator->rows - 1;
	fit->lowest = creator->mean < fit->lowest ? creator->mean : fit->lowest;
	fit->highest = creator->mean > fit->highest ? creator->mean : fit->highest;
}

void
engagement_fit_piece(EngagementFit *fit, const EngagementCreator *creators, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		const EngagementCreator *creator = &creators[i];

		if (fit->pass == PASS_SUMS)
			add_sums(fit, creator);
		else if (fit->pass == PASS_SPREAD)
		{
			long double deviation = mean_of(creator) - fit->overall;

			fit->spread += creator->posts * deviation * deviation;
		}
		else
		{
			long double weight = creator->posts / (creator->posts + (long double) fit->prior.strength);

			fit->weights += weight;
			fit->weighted += weight * mean_of(creator);
		}
	}
}

/* A mean of the creators' lies among them, whatever was rounded. */
static double
among_creators(const EngagementFit *fit, long double mean)
{
	double		value = (double) mean;

	return value < fit->lowest ? fit->lowest : value > fit->highest ? fit->highest : value;
}

static void
set_variances(EngagementFit *fit)
{
	EngagementPrior *prior = &fit->prior;
	long double within = fit->freedom > 0 ? fit->squares / fit->freedom : NAN;
	long double between = NAN;

	if (fit->creators >= 2 && fit->freedom > 0)
	{
		between = (fit->spread - (fit->creators - 1) * within) /
			(fit->posts - fit->posts_squared / fit->posts);
		between = between > 0 ? between : 0;
	}
	prior->within = (double) within;
	prior->between = (double) between;
	if (isnan(prior->between) || (prior->within == 0 && prior->between == 0))
		prior->strength = NAN;
	else
		prior->strength = prior->between == 0 ? INFINITY : (double) (within / between);
}

bool
engagement_fit_next(EngagementFit *fit, EngagementPrior *prior)
{
	switch (fit->pass++)
	{
		case PASS_SUMS:
			fit->overall = fit->posts_mean / fit->posts;
			fit->prior.creators = (double) fit->creators;
			fit->prior.posts = (double) fit->posts;
			return true;
		case PASS_SPREAD:
			/* of equal means nothing is left but what rounding left */
			if (fit->lowest == fit->highest)
				fit->spread = 0;
			set_variances(fit);
			if (isfinite(fit->prior.strength))
				return true;
			fit->prior.mean = among_creators(fit, fit->overall);
			break;
		default:
			fit->prior.mean = among_creators(fit, fit->weighted / fit->weights);
			break;
	}
	*prior = fit->prior;
	return false;
}

double
engagement_shrink(double posts, double rate, const EngagementPrior *prior)
{
	if (posts == 0 || isnan(rate))
		return prior->mean;
	if (isnan(prior->strength))
		return rate;
	if (isinf(prior->strength))
		return prior->mean;
	/* wide enough that no product overflows; and no difference, so no digit is lost */
	return (double) (((long double) posts * rate + (long double) prior->strength * prior->mean) /
					 ((long double) posts + prior->strength));
}

double
engagement_shrink_margin(double posts, double rate, const EngagementPrior *prior, double z)
{
	if (isnan(prior->within))
		return NAN;
	if (isinf(prior->strength))
		return 0;
	/* without posts of its own a creator is a draw from all of them */
	if (posts == 0 || isnan(rate))
		return z * sqrt(prior->between);
	return z * sqrt(prior->within / (posts + (isnan(prior->strength) ? 0 : prior->strength)));
}

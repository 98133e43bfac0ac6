/*
 * engagement_prior_core.h
 *	  How much creators differ and how much one creator's posts do, and rates
 *	  shrunk by that.
 *
 * Pure C without PostgreSQL.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_PRIOR_CORE_H
#define PG_INFLUENCE_ENGAGEMENT_PRIOR_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engagement_rates_core.h"

/* A row of LIST_CREATORS: the sums of one creator's observations. */
typedef struct EngagementCreator
{
	double		mean;			/* of the rates, weighted by posts */
	int64_t		posts;
	double		squares;		/* sum of posts * (rate - mean)^2 */
	int64_t		rows;
	double		mean_rest;		/* what rounding took from mean */
} EngagementCreator;

/* Of sorted rows whose posts have been added up. */
extern EngagementCreator engagement_creator(const EngagementRow *rows, size_t n, int64_t posts);

/* NaN stands for "not known" in all but mean. */
typedef struct EngagementPrior
{
	double		mean;
	double		strength;		/* in posts; Infinity: creators do not differ */
	double		within;			/* variance of a post about its creator's mean */
	double		between;		/* variance of creators' means */
	double		creators;
	double		posts;
} EngagementPrior;

/*
 * Fitting passes over the creators in pieces: start, then as many begin and
 * piece rounds as there are passes.
 *
 *		engagement_fit_start(&fit);
 *		do
 *			for each piece of the sorted creators
 *				engagement_fit_piece(&fit, creators, n);
 *		while (engagement_fit_next(&fit, &prior));
 */
typedef struct EngagementFit
{
	int			pass;
	EngagementPrior prior;
	long double posts;
	long double posts_squared;
	long double posts_mean;
	long double squares;
	long double freedom;
	long double creators;
	long double overall;
	long double spread;
	long double weights;
	long double weighted;
	double		lowest;
	double		highest;
} EngagementFit;

extern void engagement_fit_start(EngagementFit *fit);
extern void engagement_fit_piece(EngagementFit *fit, const EngagementCreator *creators,
								 size_t n);

/* false when the prior is complete */
extern bool engagement_fit_next(EngagementFit *fit, EngagementPrior *prior);

/* The shrunk rate; rate NaN: not known. NaN when nothing is known. */
extern double engagement_shrink(double posts, double rate, const EngagementPrior *prior);

/* Half of the interval about it at z; NaN when the variance is not known. */
extern double engagement_shrink_margin(double posts, double rate,
									   const EngagementPrior *prior, double z);

#endif							/* PG_INFLUENCE_ENGAGEMENT_PRIOR_CORE_H */

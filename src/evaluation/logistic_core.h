/*
 * logistic_core.h
 *	  Logistic regression by Newton's method: sums over rows at given
 *	  coefficients, and the step that they lead to.
 *
 * Pure C without PostgreSQL. The sums are an array of logistic_sums_length(n)
 * numbers, n the number of features, so that parts of the rows can be summed
 * apart and added up: rows, weight, loss, n of the gradient, n (n + 1) / 2 of the
 * upper half of the Hessian, row by row.
 */
#ifndef PG_INFLUENCE_LOGISTIC_CORE_H
#define PG_INFLUENCE_LOGISTIC_CORE_H

#include <stdbool.h>

#define LOGISTIC_MAX_FEATURES 64

enum
{
	LOGISTIC_ROWS,
	LOGISTIC_WEIGHT,
	LOGISTIC_LOSS,				/* -log of the likelihood, natural */
	LOGISTIC_GRADIENT			/* of the log likelihood, from here on */
};

static inline int
logistic_sums_length(int features)
{
	return LOGISTIC_GRADIENT + features + features * (features + 1) / 2;
}

/* All are finite; false when the sums no longer are. */
extern bool logistic_add(double *sums, int features, bool positive, double weight,
						 const double *feature, const double *coefficient);

/*
 * coefficients plus (H + l2)^-1 (gradient - l2 * coefficients): a step to the
 * least loss + l2 / 2 * |coefficients|^2. False when that is no number.
 */
extern bool logistic_step(double *next, const double *sums, int features, const double *coefficient, double l2);

#endif							/* PG_INFLUENCE_LOGISTIC_CORE_H */

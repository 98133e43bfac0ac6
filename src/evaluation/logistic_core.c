/*
 * logistic_core.c
 *	  Logistic regression: log loss, its gradient and Hessian, Newton's step by
 *	  Cholesky's decomposition (Hastie, Tibshirani, Friedman, The Elements of
 *	  Statistical Learning, section 4.4).
 */
#include "logistic_core.h"

#include <math.h>

bool
logistic_add(double *sums, int features, bool positive, double weight, const double *feature, const double *coefficient)
{
	double	   *gradient = sums + LOGISTIC_GRADIENT;
	double	   *hessian = gradient + features;
	double		logit = 0;
	double		chance;
	double		loss;
	int			i;
	int			j;

	for (i = 0; i < features; i++)
		logit += coefficient[i] * feature[i];
	/* exp of what is not above zero does not overflow */
	chance = logit >= 0 ? 1 / (1 + exp(-logit)) : exp(logit) / (1 + exp(logit));
	loss = log1p(exp(-fabs(logit))) + ((logit > 0) != positive ? fabs(logit) : 0);

	sums[LOGISTIC_ROWS] += 1;
	sums[LOGISTIC_WEIGHT] += weight;
	sums[LOGISTIC_LOSS] += weight * loss;
	for (i = 0; i < features; i++)
	{
		double		curve = weight * chance * (1 - chance) * feature[i];

		gradient[i] += weight * ((positive ? 1 : 0) - chance) * feature[i];
		for (j = i; j < features; j++)
			*hessian++ += curve * feature[j];
	}
	for (i = 0; i < logistic_sums_length(features); i++)
	{
		if (!isfinite(sums[i]))
			return false;
	}
	return true;
}

bool
logistic_step(double *next, const double *sums, int features, const double *coefficient, double l2)
{
	const double *gradient = sums + LOGISTIC_GRADIENT;
	const double *hessian = gradient + features;
	double		lower[LOGISTIC_MAX_FEATURES][LOGISTIC_MAX_FEATURES];
	double		step[LOGISTIC_MAX_FEATURES];
	int			i;
	int			j;
	int			k;

	for (i = 0; i < features; i++)
	{
		for (j = i; j < features; j++)
			lower[j][i] = *hessian++ + (i == j ? l2 : 0);
	}
	for (j = 0; j < features; j++)
	{
		for (k = 0; k < j; k++)
			lower[j][j] -= lower[j][k] * lower[j][k];
		if (!(lower[j][j] > 0))
			return false;
		lower[j][j] = sqrt(lower[j][j]);
		for (i = j + 1; i < features; i++)
		{
			for (k = 0; k < j; k++)
				lower[i][j] -= lower[i][k] * lower[j][k];
			lower[i][j] /= lower[j][j];
		}
	}
	for (i = 0; i < features; i++)
	{
		step[i] = gradient[i] - l2 * coefficient[i];
		for (k = 0; k < i; k++)
			step[i] -= lower[i][k] * step[k];
		step[i] /= lower[i][i];
	}
	for (i = features; i-- > 0;)
	{
		for (k = i + 1; k < features; k++)
			step[i] -= lower[k][i] * step[k];
		step[i] /= lower[i][i];
		next[i] = coefficient[i] + step[i];
		if (!isfinite(next[i]))
			return false;
	}
	return true;
}

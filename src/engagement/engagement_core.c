/*
 * engagement_core.c
 *	  Engagement rates as exact sums, and a lower bound for a proportion.
 *
 * The rate of many rows is the quotient of two 128-bit integer sums, so it does
 * not depend on the order of rows or on how workers shared them; the only
 * roundings are the two conversions and the division at the very end.
 *
 * The bound is Wilson's (J. Amer. Statist. Assoc. 22, 1927, 209-212): the
 * smaller root of (p - x)^2 = z^2 x (1 - x) / n.  The normal quantile is
 * algorithm AS 241, PPND16 (Wichura, Applied Statistics 37, 1988, 477-484),
 * exact to about one part in 10^16.
 */
#include "engagement_core.h"

#include <math.h>
#include <string.h>

#define ENGAGEMENT_MAGIC 0x50494552 /* PIER: pg_influence engagement rate */
#define ENGAGEMENT_VERSION 1

/* 2^63 rows of 2^63 each stay below this */
#define ENGAGEMENT_SUM_LIMIT ((__int128) 1 << 126)

void
engagement_state_init(uint8_t *state)
{
	EngagementState s;

	memset(&s, 0, sizeof(s));
	s.header = flat_header(ENGAGEMENT_MAGIC, ENGAGEMENT_VERSION, sizeof(s));
	memcpy(state, &s, sizeof(s));
}

bool
engagement_state_is_valid(const uint8_t *state, size_t size)
{
	EngagementState s;

	if (size != sizeof(s) ||
		!flat_header_matches(state, size, ENGAGEMENT_MAGIC, ENGAGEMENT_VERSION))
		return false;
	memcpy(&s, state, sizeof(s));
	return s.interactions >= 0 && s.interactions < ENGAGEMENT_SUM_LIMIT &&
		s.base >= 0 && s.base < ENGAGEMENT_SUM_LIMIT;
}

void
engagement_state_add(uint8_t *state, int64_t interactions, int64_t base)
{
	EngagementState s;

	memcpy(&s, state, sizeof(s));
	s.interactions += interactions;
	s.base += base;
	memcpy(state, &s, sizeof(s));
}

void
engagement_state_merge(uint8_t *into, const uint8_t *from)
{
	EngagementState s;
	EngagementState other;

	memcpy(&s, into, sizeof(s));
	memcpy(&other, from, sizeof(other));
	s.interactions += other.interactions;
	s.base += other.base;
	memcpy(into, &s, sizeof(s));
}

bool
engagement_state_rate(const uint8_t *state, double *rate)
{
	EngagementState s;

	memcpy(&s, state, sizeof(s));
	if (s.base <= 0)
		return false;
	*rate = (double) s.interactions / (double) s.base;
	return true;
}

/* c[0] + c[1] r + ... + c[7] r^7 */
static double
polynomial7(const double c[8], double r)
{
	double		value = c[7];
	int			i;

	for (i = 6; i >= 0; i--)
		value = value * r + c[i];
	return value;
}

/*
 * Upper quantile of the standard normal for a tail 0 < tail < 1/2 (AS 241).
 * Working from the tail instead of 1 - tail keeps all digits when the
 * confidence is close to 1.
 */
static double
normal_upper_quantile(double tail)
{
	static const double central_num[8] = {
		3.3871328727963666080e0, 1.3314166789178437745e+2,
		1.9715909503065514427e+3, 1.3731693765509461125e+4,
		4.5921953931549871457e+4, 6.7265770927008700853e+4,
		3.3430575583588128105e+4, 2.5090809287301226727e+3
	};
	static const double central_den[8] = {
		1.0, 4.2313330701600911252e+1,
		6.8718700749205790830e+2, 5.3941960214247511077e+3,
		2.1213794301586595867e+4, 3.9307895800092710610e+4,
		2.8729085735721942674e+4, 5.2264952788528545610e+3
	};
	static const double middle_num[8] = {
		1.42343711074968357734e0, 4.63033784615654529590e0,
		5.76949722146069140550e0, 3.64784832476320460504e0,
		1.27045825245236838258e0, 2.41780725177450611770e-1,
		2.27238449892691845833e-2, 7.74545014278341407640e-4
	};
	static const double middle_den[8] = {
		1.0, 2.05319162663775882187e0,
		1.67638483018380384940e0, 6.89767334985100004550e-1,
		1.48103976427480074590e-1, 1.51986665636164571966e-2,
		5.47593808499534494600e-4, 1.05075007164441684324e-9
	};
	static const double far_num[8] = {
		6.65790464350110377720e0, 5.46378491116411436990e0,
		1.78482653991729133580e0, 2.96560571828504891230e-1,
		2.65321895265761230930e-2, 1.24266094738807843860e-3,
		2.71155556874348757815e-5, 2.01033439929228813265e-7
	};
	static const double far_den[8] = {
		1.0, 5.99832206555887937690e-1,
		1.36929880922735805310e-1, 1.48753612908506148525e-2,
		7.86869131145613259100e-4, 1.84631831751005468180e-5,
		1.42151175831644588870e-7, 2.04426310338993978564e-15
	};
	double		q = 0.5 - tail;
	double		r;

	if (q <= 0.425)
	{
		r = 0.180625 - q * q;
		return q * polynomial7(central_num, r) / polynomial7(central_den, r);
	}

	r = sqrt(-log(tail));
	if (r <= 5.0)
	{
		r -= 1.6;
		return polynomial7(middle_num, r) / polynomial7(middle_den, r);
	}
	r -= 5.0;
	return polynomial7(far_num, r) / polynomial7(far_den, r);
}

double
engagement_normal_z(double confidence)
{
	return normal_upper_quantile((1.0 - confidence) / 2.0);
}

/*
 * The textbook form subtracts nearly equal numbers when positives are few.  The
 * two roots multiply to p^2 / (1 + z^2 / n), so the smaller one is also
 *
 *		k^2 / (n * (k + z^2 / 2 + z * sqrt(k * (n - k) / n + z^2 / 4)))
 *
 * where everything is added: no cancellation, and never below 0.
 */
double
engagement_wilson_lower(int64_t positives, int64_t trials, double confidence)
{
	double		k = (double) positives;
	double		n = (double) trials;
	double		others = (double) (trials - positives);
	double		z;

	if (positives == 0)
		return 0.0;

	z = engagement_normal_z(confidence);
	return k / n * (k / (k + z * z / 2.0 +
						 z * sqrt(k / n * others + z * z / 4.0)));
}

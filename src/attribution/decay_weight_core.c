/*
 * decay_weight_core.c
 *	  Weight of a touch under time decay, rounded exactly.
 *
 * w = round(2^31 * 2^(-age/h)).  Write age = q * h + r with 0 <= r < h.
 *
 * Ties.  For r = 0 the value is the power 2^(31 - q): an integer up to q = 31,
 * and at q = 32 the only tie there is, 1/2, which goes to the even zero.  For
 * r > 0 it is irrational (2^(r/h) = a/b in lowest terms would mean
 * 2^r * b^h = a^h, where the exponent of 2 is a multiple of h on one side only),
 * so there is no tie; between 31 and 32 half lives the value lies in (1/2, 1)
 * and gives 1, beyond 32 it gives 0.  What is left is to know on which side of
 * a half it lies.
 *
 * Fast path.  h < 2^bits, R = floor((2^(63+bits) - 1) / h) is less than
 * 2^(63+bits) / h by at most 1, and age < 32 * h < 2^(bits+5) is shifted to
 * a = age * 2^(59-bits) < 2^64, losing less than 1 where bits > 59.  Then
 *
 *		x = floor(a * R / 2^64)
 *
 * is less than age/h * 2^58 by less than 3: 1 each for a, R (both at most 2^64)
 * and the floor.  x = whole * 2^58 + fraction gives the weight as
 * 2^(30 - whole) * 2^(1 - fraction/2^58), and 2^58 - 1 - fraction, which spares
 * the case of fraction zero, is off the exact exponent by at most 2.  In units
 * of 2^-62 the power is at most 2^63, so that costs less than
 * 2 * ln 2 * 2^5 * (1 + 2^-57) < 45, and fixed_exp2 errs by less than
 * 2^-59 * 2^63 = 16.  Together less than FAST_ERROR.  Unless a half is as close
 * as that, the rounded result is right; at random one call in 2^24 and fewer
 * finds it so close.
 *
 * Slow path.  2^(-r/h) with 256 bits behind the point, its error below 2^-237;
 * see exact_power.  Is that always enough?  The halves are c/2, c odd and below
 * 2^32, so the question is how close a fraction age/h, h < 2^64, can come to
 * 32 - log2(c).  Every two fractions of such denominators are 2^-128 apart, and
 * the 2^31 logarithms with some 37 convergents each make the closest one to be
 * expected come within 2^-128 / 2^36.2, about 2^-165, of one: 2^72 times the
 * error.
 */
#include "decay_weight_core.h"

#include <stdbool.h>

#include "../common/fixed_exp2_core.h"

typedef unsigned __int128 uint128_weight;

#define FAST_ERROR 64
#define AGE_BITS 59				/* of a half life; five more of an age */
#define FRACTION_BITS 58		/* of an age in half lives; whole ones above */

#define LIMBS 4					/* of 64 bits, the most significant first */

/* e^-z by its series to z^14/14!, z < 2^-16: the rest is below 2^-264 */
#define SERIES_TERMS 14
#define SQUARINGS 16

/* floor(2^256 * ln 2) */
static const uint64_t ln2_256[LIMBS] = {
	UINT64_C(0xB17217F7D1CF79AB), UINT64_C(0xC9E3B39803F2F6AF),
	UINT64_C(0x40F343267298B62D), UINT64_C(0x8A0D175B8BAAFA2B)
};

/* floor(a * b) of fractions; product may be a or b */
static void
multiply(uint64_t *product, const uint64_t *a, const uint64_t *b)
{
	uint64_t	digits[2 * LIMBS] = {0};
	int			i;
	int			j;

	for (i = LIMBS - 1; i >= 0; i--)
	{
		uint64_t	carry = 0;

		for (j = LIMBS - 1; j >= 0; j--)
		{
			uint128_weight sum = (uint128_weight) a[i] * b[j] +
				digits[i + j + 1] + carry;

			digits[i + j + 1] = (uint64_t) sum;
			carry = (uint64_t) (sum >> 64);
		}
		digits[i] = carry;
	}
	for (i = 0; i < LIMBS; i++)
		product[i] = digits[i];
}

/* floor(r / h + a / h) of an integer r < h and a fraction a, in place */
static void
divide(uint64_t *a, uint64_t r, uint64_t h)
{
	int			i;

	for (i = 0; i < LIMBS; i++)
	{
		uint128_weight part = ((uint128_weight) r << 64) | a[i];

		a[i] = (uint64_t) (part / h);
		r = (uint64_t) (part % h);
	}
}

/* 1 - a, a above zero */
static void
complement(uint64_t *a)
{
	bool		borrow = true;
	int			i;

	for (i = LIMBS - 1; i >= 0; i--)
	{
		a[i] = ~a[i] + borrow;
		borrow = borrow && a[i] == 0;
	}
}

/*
 * 2^(-r/h), 0 < r < h, as e^-z raised to the 2^16th by squaring,
 * z = r/h * ln 2 / 2^16.
 *
 * Errors in units of 2^-256: r/h 1, its product with ln 2 less than 3, so z
 * 1 + 3/2^16.  The series is 1 - z(1 - z/2(1 - z/3(...))): the outermost product
 * is off by 1 for its own rounding and by the error of z, everything inside it
 * and the terms left out count 2^-16 of their 3 at most: together less than
 * 2 1/2.  A squaring at most doubles the error and adds 1 (and its square), so
 * sixteen leave less than 2^16 * 3 1/2 + 2^16 < 2^19 units.
 */
static void
exact_power(uint64_t *power, uint64_t r, uint64_t h)
{
	uint64_t	z[LIMBS] = {0};
	int			i;

	divide(z, r, h);
	multiply(z, z, ln2_256);
	for (i = LIMBS - 1; i > 0; i--)
		z[i] = (z[i] >> SQUARINGS) | (z[i - 1] << (64 - SQUARINGS));
	z[0] >>= SQUARINGS;

	for (i = 0; i < LIMBS; i++)
		power[i] = z[i];
	for (i = SERIES_TERMS; i > 1; i--)
	{
		divide(power, 0, (uint64_t) i);
		complement(power);
		multiply(power, power, z);
	}
	complement(power);

	for (i = 0; i < SQUARINGS; i++)
		multiply(power, power, power);
}

/* age_us < 31 half lives */
static uint64_t
exact_weight(uint64_t age_us, uint64_t half_life_us)
{
	uint64_t	whole = age_us / half_life_us;
	uint64_t	rest = age_us % half_life_us;
	uint64_t	power[LIMBS];

	if (rest == 0)
		return (uint64_t) DECAY_WEIGHT_WHOLE >> whole;

	/* one bit more than the weight has, then round half up: no tie is left */
	exact_power(power, rest, half_life_us);
	return ((power[0] >> (32 + whole)) + 1) >> 1;
}

void
decay_rate_init(DecayRate *rate, uint64_t half_life_us)
{
	int			bits = 64 - __builtin_clzll(half_life_us);
	uint128_weight dividend = ((uint128_weight) 1 << (63 + bits)) - 1;

	rate->half_life_us = half_life_us;
	rate->reciprocal = (uint64_t) (dividend / half_life_us);
	rate->left = bits < AGE_BITS ? AGE_BITS - bits : 0;
	rate->right = bits > AGE_BITS ? bits - AGE_BITS : 0;
}

static inline uint64_t
weight_at(const DecayRate *rate, uint64_t age_us)
{
	uint64_t	aligned;
	uint64_t	x;
	uint64_t	power;
	uint64_t	rounded;
	int			whole;
	int			shift;

	if (age_us / DECAY_WEIGHT_HALF_LIVES >= rate->half_life_us)
		return 0;

	aligned = age_us << rate->left >> rate->right;
	x = (uint64_t) (((uint128_weight) aligned * rate->reciprocal) >> 64);
	whole = (int) (x >> FRACTION_BITS);
	if (whole == DECAY_WEIGHT_HALF_LIVES - 1)
		return 1;

	power = fixed_exp2(~x & ((UINT64_C(1) << FRACTION_BITS) - 1), FRACTION_BITS);

	/* the weight is power / 2^shift, 32 <= shift <= 62 */
	shift = FIXED_EXP2_RESULT_BITS - 30 + whole;
	rounded = power + (UINT64_C(1) << (shift - 1));
	if (((rounded + FAST_ERROR) & ((UINT64_C(1) << shift) - 1)) <= 2 * FAST_ERROR)
		return exact_weight(age_us, rate->half_life_us);
	return rounded >> shift;
}

uint64_t
decay_weight_at(const DecayRate *rate, uint64_t age_us)
{
	return weight_at(rate, age_us);
}

uint64_t
decay_weight(uint64_t age_us, uint64_t half_life_us)
{
	DecayRate	rate;

	decay_rate_init(&rate, half_life_us);
	return weight_at(&rate, age_us);
}

void
decay_weights(const DecayRate *rate, int64_t newest, const int64_t *touched_at,
			  int64_t *weights, size_t n)
{
	size_t		i;

	/* the difference of two int64 fits in uint64, whatever their signs */
	for (i = 0; i < n; i++)
		weights[i] = (int64_t) weight_at(rate, (uint64_t) newest - (uint64_t) touched_at[i]);
}

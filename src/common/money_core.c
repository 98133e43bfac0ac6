/*
 * money_core.c
 *	  Exact money: scaling by a fraction and splitting by largest remainder.
 *
 * Amounts are int64 minor units.  Work is done on magnitudes (uint64) with the
 * sign put back at the end, so f(-x) = -f(x) holds by construction; products
 * are 128 bits wide, so nothing is lost before the one rounding.
 *
 * Splitting follows the largest remainder method (Hamilton, 1792): everybody
 * gets the floor of the exact quota, the units left over go one each to the
 * largest remainders, ties to the earlier position.  A few weights are split
 * here, many of them in money_split_core.c.
 */
#include "money_core.h"
#include "money_quota.h"

/* Put the sign back; false if the value does not fit in int64. */
static inline bool
with_sign(uint128_money m, bool negative, int64_t *result)
{
	uint128_money limit = (uint128_money) INT64_MAX + (negative ? 1 : 0);

	if (m > limit)
		return false;
	*result = negative ? (int64_t) (UINT64_C(0) - (uint64_t) m) : (int64_t) m;
	return true;
}

/*
 * round(a * b / d), d > 0.
 *
 * |a * b| <= 2^126, so the product is exact; the remainder is below 2^63, so
 * doubling it to compare with d is exact too.
 */
MoneyStatus
money_mul_div(int64_t a, int64_t b, int64_t d,
			  MoneyRounding rounding, int64_t *result)
{
	uint128_money product = (uint128_money) magnitude(a) * magnitude(b);
	uint64_t	divisor;
	uint128_money quotient;
	uint64_t	twice;
	bool		up = false;

	if (d <= 0)
		return MONEY_BAD_BASE;

	divisor = (uint64_t) d;
	quotient = product / divisor;
	twice = (uint64_t) (product - quotient * divisor) * 2;

	switch (rounding)
	{
		case MONEY_HALF_UP:
			up = twice >= divisor;
			break;
		case MONEY_HALF_EVEN:
			up = twice > divisor || (twice == divisor && (quotient & 1) != 0);
			break;
		case MONEY_DOWN:
			break;
	}
	if (up)
		quotient++;

	if (!with_sign(quotient, (a < 0) != (b < 0), result))
		return MONEY_OVERFLOW;
	return MONEY_OK;
}

/*
 * Two weights, the most common number: their remainders are r and sum - r, or
 * both zero, so one division does and the first share is just rounded.
 */
static MoneyStatus
split_in_two(int64_t amount, const int64_t *weights, int64_t *shares)
{
	uint64_t	whole = magnitude(amount);
	uint64_t	first = (uint64_t) weights[0];
	uint64_t	sum = first + (uint64_t) weights[1];
	uint64_t	share;
	uint64_t	remainder;

	if ((first | (uint64_t) weights[1] | sum) >> 63 != 0 || sum == 0)
		return MONEY_BAD_WEIGHTS;

	if (product_is_narrow(whole, first))
	{
		share = whole * first / sum;
		remainder = whole * first % sum;
	}
	else
	{
		uint128_money product = (uint128_money) whole * first;

		share = (uint64_t) (product / sum);
		remainder = (uint64_t) product - share * sum;
	}
	share += remainder * 2 >= sum;
	shares[0] = signed_share(amount < 0, share);
	shares[1] = signed_share(amount < 0, whole - share);
	return MONEY_OK;
}

/* n <= MONEY_FEW, in one piece; none is bad like only zeros */
MoneyStatus
money_split_few(int64_t amount, const int64_t *weights, size_t n, int64_t *shares)
{
	uint64_t	whole = magnitude(amount);
	uint64_t	left = whole;
	uint64_t	sum = 0;
	uint64_t	all = 0;
	uint64_t	differing = 0;
	uint64_t	flaws = 0;
	uint64_t	quotas[MONEY_FEW];
	uint64_t	remainders[MONEY_FEW];
	unsigned int before[MONEY_FEW];	/* how many get a unit before this one */
	size_t		i;
	size_t		j;

	if (n == 2)
		return split_in_two(amount, weights, shares);

	for (i = 0; i < n; i++)
	{
		sum += (uint64_t) weights[i];
		all |= (uint64_t) weights[i];
		differing |= (uint64_t) (weights[i] ^ weights[0]);
		flaws |= sum;
	}
	if ((all | flaws) >> 63 != 0 || sum == 0)
		return MONEY_BAD_WEIGHTS;

	if (differing == 0)
	{
		uint64_t	share = whole / n;

		left = whole % n;
		for (i = 0; i < n; i++)
			shares[i] = signed_share(amount < 0, share + (i < left));
		return MONEY_OK;
	}
	if (product_is_narrow(whole, all))
	{
		uint64_t	m = UINT64_MAX / sum;

		for (i = 0; i < n; i++)
		{
			quotas[i] = narrow_quota(whole * (uint64_t) weights[i], sum, m, &remainders[i]);
			left -= quotas[i];
		}
	}
	else
	{
		int			shift = __builtin_clzll(sum);
		uint64_t	d = sum << shift;
		uint64_t	m = wide_reciprocal(d);

		for (i = 0; i < n; i++)
		{
			quotas[i] = wide_quota((uint128_money) whole * (uint64_t) weights[i],
								   shift, d, m, &remainders[i]);
			left -= quotas[i];
		}
	}

	if (left > 0)
	{
		for (i = 0; i < n; i++)
		{
			before[i] = 0;
			for (j = 0; j < i; j++)
			{
				bool		earlier = remainders[j] >= remainders[i];

				before[i] += earlier;
				before[j] += !earlier;
			}
		}
		for (i = 0; i < n; i++)
			quotas[i] += before[i] < left;
	}
	for (i = 0; i < n; i++)
		shares[i] = signed_share(amount < 0, quotas[i]);
	return MONEY_OK;
}

/* Split an amount over n weights by largest remainder. */
MoneyStatus
money_split(int64_t amount, const int64_t *weights, size_t n,
			int64_t *shares, MoneyRemainder *scratch)
{
	MoneySplit	split;

	if (n <= MONEY_FEW)
		return money_split_few(amount, weights, n, shares);
	money_split_start(&split, amount, weights, n, shares, scratch);
	while (money_split_step(&split))
		;
	return split.status;
}

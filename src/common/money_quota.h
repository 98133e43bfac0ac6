/*
 * money_quota.h
 *	  Quotas of a split: floor(|amount| * weight / sum) and what remains, by
 *	  multiplication.  Private to money_core.c and money_split_core.c.
 */
#ifndef PG_INFLUENCE_MONEY_QUOTA_H
#define PG_INFLUENCE_MONEY_QUOTA_H

#include "money_core.h"

typedef unsigned __int128 uint128_money;

/* So few remainders are compared each with each. */
#define MONEY_FEW 16

/* money_split of at most MONEY_FEW weights */
extern MoneyStatus money_split_few(int64_t amount, const int64_t *weights,
								   size_t n, int64_t *shares);

/* |v| without the undefined -INT64_MIN */
static inline uint64_t
magnitude(int64_t v)
{
	return v < 0 ? UINT64_C(0) - (uint64_t) v : (uint64_t) v;
}

/* Put the magnitude of a share into the array. */
static inline int64_t
signed_share(bool negative, uint64_t share)
{
	return (int64_t) (negative ? UINT64_C(0) - share : share);
}

/* Factors of k and l bits have a product below 2^(k + l). */
static inline bool
product_is_narrow(uint64_t x, uint64_t y)
{
	return __builtin_clzll(x | 1) + __builtin_clzll(y | 1) >= 64;
}

/*
 * product / sum, m = floor((2^64 - 1) / sum).  That is less than 2^64 / sum by
 * at most 1, so the first quotient is less than the right one by at most 1.
 */
static inline uint64_t
narrow_quota(uint64_t product, uint64_t sum, uint64_t m, uint64_t *remainder)
{
	uint64_t	quota = (uint64_t) (((uint128_money) product * m) >> 64);
	uint64_t	rest = product - quota * sum;
	bool		more = rest >= sum;

	*remainder = rest - (more ? sum : 0);
	return quota + more;
}

/*
 * product / sum of up to 127 bits, as in Moeller and Granlund, Improved
 * division by invariant integers (IEEE Transactions on Computers 60, 2011,
 * algorithm 4): d is the sum shifted until its top bit is set,
 * m = floor((2^128 - 1) / d) - 2^64.  The product is below 2^64 * sum.
 */
static inline uint64_t
wide_quota(uint128_money product, int shift, uint64_t d, uint64_t m, uint64_t *remainder)
{
	uint128_money shifted = product << shift;
	uint128_money estimate = (shifted >> 64) * m + shifted;
	uint64_t	quota = (uint64_t) (estimate >> 64) + 1;
	uint64_t	rest = (uint64_t) shifted - quota * d;

	if (rest > (uint64_t) estimate)
	{
		quota--;
		rest += d;
	}
	if (rest >= d)
	{
		quota++;
		rest -= d;
	}
	*remainder = rest >> shift;
	return quota;
}

static inline uint64_t
wide_reciprocal(uint64_t d)
{
	return (uint64_t) ((((uint128_money) ~d << 64) | UINT64_MAX) / d);
}

#endif							/* PG_INFLUENCE_MONEY_QUOTA_H */

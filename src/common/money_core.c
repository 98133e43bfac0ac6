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
 * largest remainders, ties to the earlier position.
 */
#include "money_core.h"

typedef unsigned __int128 uint128_money;

/* |v| without the undefined -INT64_MIN */
static inline uint64_t
magnitude(int64_t v)
{
	return v < 0 ? UINT64_C(0) - (uint64_t) v : (uint64_t) v;
}

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

/* Does x get a left-over unit before y? */
static inline bool
goes_first(const MoneyRemainder *x, const MoneyRemainder *y)
{
	if (x->remainder != y->remainder)
		return x->remainder > y->remainder;
	return x->position < y->position;
}

/* Restore the heap below node i: the one that goes first is at the root. */
static void
sift_down(MoneyRemainder *heap, size_t n, size_t i)
{
	MoneyRemainder moving = heap[i];

	/* written so that 2 * i + 1 can't wrap for any n */
	while (i < n / 2)
	{
		size_t		child = 2 * i + 1;

		if (child + 1 < n && goes_first(&heap[child + 1], &heap[child]))
			child++;
		if (!goes_first(&heap[child], &moving))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = moving;
}

/*
 * Hand out the left-over units, at most one per position: O(n + left log n),
 * in the caller's memory.
 */
static void
give_left_over(uint64_t left, MoneyRemainder *heap, size_t n, int64_t *shares)
{
	size_t		i;

	for (i = n / 2; i-- > 0;)
		sift_down(heap, n, i);

	while (left > 0)
	{
		shares[heap[0].position]++;
		left--;
		heap[0] = heap[--n];
		if (n > 0)
			sift_down(heap, n, 0);
	}
}

/*
 * Split an amount over n weights by largest remainder.
 *
 * The weights are integers >= 0 on one scale with a sum in 1 .. 2^63-1.  The
 * remainders add up to left * sum and each is below sum, so fewer units are
 * left over than there are remainders above zero: a zero weight never gets any.
 *
 * Shares are built as magnitudes in uint64 bits: -2^63 over one weight has the
 * share 2^63, which int64 holds only once it is negative.
 */
MoneyStatus
money_split(int64_t amount, const int64_t *weights, size_t n,
			int64_t *shares, MoneyRemainder *scratch)
{
	uint64_t	whole = magnitude(amount);
	uint64_t	left = whole;
	uint64_t	sum = 0;
	size_t		used = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (weights[i] < 0 ||
			(uint64_t) weights[i] > (uint64_t) INT64_MAX - sum)
			return MONEY_BAD_WEIGHTS;
		sum += (uint64_t) weights[i];
	}
	if (sum == 0)
		return MONEY_BAD_WEIGHTS;

	for (i = 0; i < n; i++)
	{
		uint128_money product = (uint128_money) whole * (uint64_t) weights[i];
		uint64_t	quota = (uint64_t) (product / sum);
		uint64_t	remainder = (uint64_t) (product - (uint128_money) quota * sum);

		shares[i] = (int64_t) quota;
		left -= quota;
		if (remainder > 0)
		{
			scratch[used].remainder = remainder;
			scratch[used].position = i;
			used++;
		}
	}

	/* used > left here, and no share that gets a unit is at 2^63 - 1 yet */
	if (left > 0)
		give_left_over(left, scratch, used, shares);

	if (amount < 0)
	{
		for (i = 0; i < n; i++)
			shares[i] = (int64_t) (UINT64_C(0) - (uint64_t) shares[i]);
	}
	return MONEY_OK;
}

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
 *
 * Who gets one is found without sorting: the remainder that gets the last unit
 * is searched digit by digit, from the top, by counting (a radix selection).
 * That takes a few passes over ever fewer candidates, at most
 * ceil(63 / MONEY_SPLIT_DIGIT_BITS) over all of them, whatever the weights.
 * (A heap, as before, took 170 ns a weight for a million of them, this takes 11.)
 */
#include "money_core.h"

#include <string.h>

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

/* Cost of one step, in weights passed over: about 0.1 ms. */
#define STEP_WEIGHTS 16384

/* So few remainders are compared each with each. */
#define FEW 16

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

/* n <= FEW, in one piece; none is bad like only zeros */
static MoneyStatus
split_among_few(int64_t amount, const int64_t *weights, size_t n, int64_t *shares)
{
	uint64_t	whole = magnitude(amount);
	uint64_t	left = whole;
	uint64_t	sum = 0;
	uint64_t	all = 0;
	uint64_t	differing = 0;
	uint64_t	flaws = 0;
	uint64_t	quotas[FEW];
	uint64_t	remainders[FEW];
	unsigned int before[FEW];	/* how many get a unit before this one */
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

/*
 * The weights are integers >= 0 on one scale with a sum in 1 .. 2^63-1.  While
 * the top bit of no sum was set, none wrapped; once it was, the flaw is noted.
 */
static void
split_sum(MoneySplit *split, size_t stop)
{
	uint64_t	first = (uint64_t) split->weights[0];
	uint64_t	sum = split->sum;
	uint64_t	all = split->all;
	uint64_t	differing = split->differing;
	uint64_t	flaws = split->flaws;
	size_t		i;

	for (i = split->next; i < stop; i++)
	{
		uint64_t	weight = (uint64_t) split->weights[i];

		sum += weight;
		all |= weight;
		differing |= weight ^ first;
		flaws |= sum;
	}
	split->sum = sum;
	split->all = all;
	split->differing = differing;
	split->flaws = flaws;
}

static MoneySplitPhase
split_summed(MoneySplit *split)
{
	if ((split->all | split->flaws) >> 63 != 0 || split->sum == 0)
	{
		split->status = MONEY_BAD_WEIGHTS;
		return MONEY_SPLIT_END;
	}
	if (split->differing == 0)
	{
		split->left = split->whole % split->n;
		return MONEY_SPLIT_EVENLY;
	}
	return MONEY_SPLIT_QUOTAS;
}

/* Equal weights have equal remainders, so the first ones get what is left. */
static void
split_evenly(MoneySplit *split, size_t stop)
{
	uint64_t	share = split->whole / split->n;
	size_t		i;

	for (i = split->next; i < stop; i++)
		split->shares[i] = signed_share(split->negative, share + (i < split->left));
}

static void
split_quotas(MoneySplit *split, size_t stop)
{
	const uint64_t whole = split->whole;
	const uint64_t sum = split->sum;
	const bool	narrow = product_is_narrow(whole, split->all);
	const int	shift = __builtin_clzll(sum);
	const uint64_t d = sum << shift;
	const uint64_t m = narrow ? UINT64_MAX / sum : wide_reciprocal(d);
	uint64_t	left = split->left;
	size_t		i;

	for (i = split->next; i < stop; i++)
	{
		uint64_t	weight = (uint64_t) split->weights[i];
		uint64_t	remainder;
		uint64_t	quota;

		if (narrow)
			quota = narrow_quota(whole * weight, sum, m, &remainder);
		else
			quota = wide_quota((uint128_money) whole * weight, shift, d, m, &remainder);
		left -= quota;
		split->shares[i] = (int64_t) quota;
		split->scratch[i].remainder = remainder;
		split->scratch[i].candidate = remainder;
	}
	split->left = left;
}

/*
 * Of the candidates, the left-th largest remainder is the threshold, and left
 * becomes the number of units for those equal to it.
 */
static MoneySplitPhase
split_few(MoneySplit *split)
{
	const MoneyRemainder *scratch = split->scratch;
	size_t		i;
	size_t		j;

	for (i = 0; i < split->candidates; i++)
	{
		uint64_t	candidate = scratch[i].candidate;
		size_t		larger = 0;
		size_t		not_smaller = 0;

		for (j = 0; j < split->candidates; j++)
		{
			larger += scratch[j].candidate > candidate;
			not_smaller += scratch[j].candidate >= candidate;
		}
		if (larger < split->left && split->left <= not_smaller)
		{
			split->threshold = candidate;
			split->left -= larger;
			break;
		}
	}
	return MONEY_SPLIT_GIVE;
}

/* If there are too many, the top digit of these bits tells them apart. */
static MoneySplitPhase
split_search(MoneySplit *split, uint64_t bits)
{
	int			top = 64 - __builtin_clzll(bits);

	if (split->candidates <= FEW)
		return split_few(split);
	split->shift = top > MONEY_SPLIT_DIGIT_BITS ? top - MONEY_SPLIT_DIGIT_BITS : 0;
	memset(split->count, 0, sizeof(split->count));
	return MONEY_SPLIT_COUNT;
}

/*
 * The remainders add up to left * sum and each is below sum, so fewer units
 * are left over than there are remainders above zero: a zero weight never
 * gets any.
 */
static MoneySplitPhase
split_divided(MoneySplit *split)
{
	if (split->left == 0)
	{
		split->threshold = UINT64_MAX;	/* nobody has it */
		return split->negative ? MONEY_SPLIT_GIVE : MONEY_SPLIT_END;
	}
	split->candidates = split->n;
	return split_search(split, split->sum);
}

static inline uint64_t
digit_of(uint64_t remainder, int shift)
{
	return (remainder >> shift) % MONEY_SPLIT_DIGITS;
}

static void
split_count(MoneySplit *split, size_t stop)
{
	size_t		i;

	for (i = split->next; i < stop; i++)
		split->count[digit_of(split->scratch[i].candidate, split->shift)]++;
}

/* Larger digits all get a unit; the threshold has the digit where they end. */
static MoneySplitPhase
split_counted(MoneySplit *split)
{
	uint64_t	digit = MONEY_SPLIT_DIGITS - 1;

	while (split->left > split->count[digit])
		split->left -= split->count[digit--];
	split->digit = digit;
	split->kept = 0;
	split->set_in_one = 0;
	split->clear_in_one = 0;
	return MONEY_SPLIT_NARROW;
}

/*
 * Keep those with the digit, in place: kept <= i.  The bits that are set in all
 * or in none of them are of no use in telling them apart.
 */
static void
split_narrow(MoneySplit *split, size_t stop)
{
	MoneyRemainder *scratch = split->scratch;
	uint64_t	set_in_one = split->set_in_one;
	uint64_t	clear_in_one = split->clear_in_one;
	size_t		kept = split->kept;
	size_t		i;

	for (i = split->next; i < stop; i++)
	{
		uint64_t	candidate = scratch[i].candidate;
		bool		keep = digit_of(candidate, split->shift) == split->digit;
		uint64_t	mask = UINT64_C(0) - keep;

		scratch[kept].candidate = candidate;
		kept += keep;
		set_in_one |= candidate & mask;
		clear_in_one |= ~candidate & mask;
	}
	split->set_in_one = set_in_one;
	split->clear_in_one = clear_in_one;
	split->kept = kept;
}

static MoneySplitPhase
split_narrowed(MoneySplit *split)
{
	uint64_t	differing = split->set_in_one & split->clear_in_one;

	split->candidates = split->kept;
	if (differing == 0)
	{
		split->threshold = split->scratch[0].candidate;
		return MONEY_SPLIT_GIVE;
	}
	return split_search(split, differing);
}

/*
 * A unit for each remainder above the threshold, and for the first ones equal
 * to it while there are any left; then the sign.
 *
 * Shares are built as magnitudes in uint64 bits: -2^63 over one weight has the
 * share 2^63, which int64 holds only once it is negative.
 */
static void
split_give(MoneySplit *split, size_t stop)
{
	const uint64_t threshold = split->threshold;
	uint64_t	left = split->left;
	size_t		i;

	for (i = split->next; i < stop; i++)
	{
		uint64_t	remainder = split->scratch[i].remainder;
		uint64_t	tied = (remainder == threshold) & (left > 0);

		left -= tied;
		split->shares[i] = signed_share(split->negative, (uint64_t) split->shares[i] +
										(remainder > threshold) + tied);
	}
	split->left = left;
}

void
money_split_start(MoneySplit *split, int64_t amount, const int64_t *weights,
				  size_t n, int64_t *shares, MoneyRemainder *scratch)
{
	split->status = MONEY_OK;
	split->phase = MONEY_SPLIT_SUM;
	split->amount = amount;
	split->negative = amount < 0;
	split->weights = weights;
	split->shares = shares;
	split->scratch = scratch;
	split->n = n;
	split->next = 0;
	split->whole = magnitude(amount);
	split->sum = 0;
	split->all = 0;
	split->differing = 0;
	split->flaws = 0;
	split->left = split->whole;
}

/* A phase passes over the weights or the candidates, then names the next one. */
bool
money_split_step(MoneySplit *split)
{
	size_t		cost = 0;

	if (split->n <= FEW)
	{
		split->status = split_among_few(split->amount, split->weights, split->n, split->shares);
		return false;
	}
	while (split->phase != MONEY_SPLIT_END)
	{
		bool		all = split->phase != MONEY_SPLIT_COUNT && split->phase != MONEY_SPLIT_NARROW;
		size_t		end = all ? split->n : split->candidates;
		size_t		stop = end;

		if (cost >= STEP_WEIGHTS)
			return true;
		if (end - split->next > STEP_WEIGHTS - cost)
			stop = split->next + (STEP_WEIGHTS - cost);

		switch (split->phase)
		{
			case MONEY_SPLIT_SUM:
				split_sum(split, stop);
				break;
			case MONEY_SPLIT_QUOTAS:
				split_quotas(split, stop);
				break;
			case MONEY_SPLIT_EVENLY:
				split_evenly(split, stop);
				break;
			case MONEY_SPLIT_COUNT:
				split_count(split, stop);
				break;
			case MONEY_SPLIT_NARROW:
				split_narrow(split, stop);
				break;
			case MONEY_SPLIT_GIVE:
				split_give(split, stop);
				break;
			case MONEY_SPLIT_END:
				break;
		}
		cost += stop - split->next;
		split->next = stop;
		if (stop < end)
			continue;

		split->next = 0;
		switch (split->phase)
		{
			case MONEY_SPLIT_SUM:
				split->phase = split_summed(split);
				break;
			case MONEY_SPLIT_QUOTAS:
				split->phase = split_divided(split);
				break;
			case MONEY_SPLIT_COUNT:
				split->phase = split_counted(split);
				break;
			case MONEY_SPLIT_NARROW:
				split->phase = split_narrowed(split);
				break;
			case MONEY_SPLIT_EVENLY:
			case MONEY_SPLIT_GIVE:
			case MONEY_SPLIT_END:
				split->phase = MONEY_SPLIT_END;
				break;
		}
	}
	return false;
}

/* Split an amount over n weights by largest remainder. */
MoneyStatus
money_split(int64_t amount, const int64_t *weights, size_t n,
			int64_t *shares, MoneyRemainder *scratch)
{
	MoneySplit	split;

	if (n <= FEW)
		return split_among_few(amount, weights, n, shares);
	money_split_start(&split, amount, weights, n, shares, scratch);
	while (money_split_step(&split))
		;
	return split.status;
}

/*
 * attribution_decay_core.c
 *	  Totals of conversions under time decay over spans of touches.
 *
 * A split by largest remainder, as in money_split(): everybody gets the floor of
 * the exact quota, the units left over go one each to the largest remainders,
 * ties to the earlier touch. Quotas come with 31 bits behind the point from one
 * multiplication each, and the integers decide only where these bits don't.
 *
 * Quotas. The newest touch weighs 2^31, so 2^31 <= sum < 2^46, and with two
 * weights above zero sum > 2^31. R = ceil(2^95 / sum) < 2^64 is 2^95 / sum + e / sum,
 * e < sum. A product p of whole (below 2^32) and weight is at most 2^63, so
 *
 *		x = floor(p * R / 2^64)
 *
 * lies in [t, t + 1) where it is floor(t) or one more, t = p / sum * 2^31. Its upper
 * bits are the floor of the quota but where the lower ones are 0: there t may lie just
 * below, which the product tells. Two whose lower bits differ by 2 or more have
 * remainders in that order.
 *
 * Remainders. Counted by their leading bits, they show in which of these buckets
 * the last unit is given. Above the bucket, with a distance of 2, all get one, and
 * below it nobody. The few in it and next to it are told apart by their exact
 * remainders.
 */
#include "attribution_decay_core.h"

#include <string.h>

typedef unsigned __int128 uint128_decay;

#define POINT_BITS 31			/* of a quota, behind the point */
#define POINT_ONE (UINT64_C(1) << POINT_BITS)
#define POINT_MASK (POINT_ONE - 1)

/* buckets, about as many as there are touches */
#define MIN_BUCKET_BITS 4
#define MAX_BUCKET_BITS 10

/* One whole over the weights. */
typedef struct DecaySplit
{
	const uint32_t *weights;
	uint64_t   *quotas;
	uint32_t   *candidates;
	size_t		n;
	uint64_t	sum;			/* of the weights */
	uint64_t	reciprocal;
	int			bucket_shift;
	uint64_t	whole;
} DecaySplit;

void
attribution_decay_start(AttributionDecaySums *sums, const DecayRate *rate,
						const AttributionTouch *touches, size_t n)
{
	size_t		i;

	for (i = 0; i < n; i++)
		sums->touched_at[i] = touches[i].touched_at;
	sums->rate = rate;
	sums->newest = sums->touched_at[n - 1];
	decay_powers(rate, sums->newest, sums->touched_at, sums->powers, n);
	memset(sums->credit, 0, n * sizeof(sums->credit[0]));
	memset(sums->share, 0, n * sizeof(sums->share[0]));
	memset(sums->earned, 0, n * sizeof(sums->earned[0]));
}

/* Quotas of the whole; counts their remainders and returns the sum of their floors. */
static uint64_t
find_quotas(const DecaySplit *split, uint32_t *counts)
{
	const uint64_t whole = split->whole;
	const uint64_t reciprocal = split->reciprocal;
	const int	bucket_shift = split->bucket_shift;
	uint64_t	given = 0;
	size_t		i;

	for (i = 0; i < split->n; i++)
	{
		uint64_t	product = whole * split->weights[i];
		uint64_t	quota = (uint64_t) (((uint128_decay) product * reciprocal) >> 64);

		if ((quota & POINT_MASK) == 0)
			quota -= (quota >> POINT_BITS) * split->sum > product;
		split->quotas[i] = quota;
		counts[(quota & POINT_MASK) >> bucket_shift]++;
		given += quota >> POINT_BITS;
	}
	return given;
}

/* The exact remainder of a candidate. */
static inline uint64_t
remainder_of(const DecaySplit *split, uint32_t i)
{
	return split->whole * split->weights[i] - (split->quotas[i] >> POINT_BITS) * split->sum;
}

/* how many candidates have a remainder of at least this */
static size_t
count_from(const DecaySplit *split, size_t candidates, uint64_t least)
{
	size_t		count = 0;
	size_t		k;

	for (k = 0; k < candidates; k++)
		count += remainder_of(split, split->candidates[k]) >= least;
	return count;
}

/*
 * A unit for the largest remainders of the candidates, of which there are more than
 * units: by bisection, since all but a few are equal if they are many.
 */
static void
give_candidates(const DecaySplit *split, int64_t *sums, int64_t unit, size_t candidates,
				size_t left)
{
	uint64_t	low = UINT64_MAX;
	uint64_t	high = 0;
	size_t		k;

	for (k = 0; k < candidates; k++)
	{
		uint64_t	remainder = remainder_of(split, split->candidates[k]);

		low = remainder < low ? remainder : low;
		high = remainder > high ? remainder : high;
	}
	/* the left-th largest one: in [low, high], the greatest with as many from it on */
	while (low < high)
	{
		uint64_t	middle = high - (high - low) / 2;

		if (count_from(split, candidates, middle) >= left)
			low = middle;
		else
			high = middle - 1;
	}

	/* those equal to it share what the larger ones leave */
	left -= count_from(split, candidates, low + 1);
	for (k = 0; k < candidates; k++)
	{
		uint32_t	i = split->candidates[k];
		uint64_t	remainder = remainder_of(split, i);

		if (remainder > low)
			sums[i] += unit;
		else if (remainder == low && left > 0)
		{
			sums[i] += unit;
			left--;
		}
	}
}

/* Adds the quotas, with a unit where the remainder is above doubt; notes the others. */
static inline uint64_t
give(const DecaySplit *split, int64_t *sums, int64_t unit, uint64_t surely, uint64_t maybe,
	 size_t *candidates)
{
	uint64_t	given = 0;
	size_t		count = 0;
	size_t		i;

	for (i = 0; i < split->n; i++)
	{
		uint64_t	part = (split->quotas[i] + surely) >> POINT_BITS;
		uint64_t	most = (split->quotas[i] + maybe) >> POINT_BITS;

		sums[i] += unit * (int64_t) part;
		given += part;
		split->candidates[count] = (uint32_t) i;
		count += most - part;
	}
	*candidates = count;
	return given;
}

/* The whole, times unit, by largest remainder. */
static void
add_split(DecaySplit *split, int64_t *sums, uint64_t whole, int64_t unit)
{
	uint32_t	counts[1 << MAX_BUCKET_BITS];
	size_t		bucket = POINT_MASK >> split->bucket_shift;
	size_t		candidates;
	uint64_t	left;
	uint64_t	first;
	uint64_t	end;

	memset(counts, 0, (bucket + 1) * sizeof(counts[0]));
	split->whole = whole;
	left = whole - find_quotas(split, counts);
	if (left == 0)
	{
		give(split, sums, unit, 0, 0, &candidates);
		return;
	}

	while (counts[bucket] < left)
		left -= counts[bucket--];
	first = (uint64_t) bucket << split->bucket_shift;
	end = first + (UINT64_C(1) << split->bucket_shift);
	left = whole - give(split, sums, unit, end + 1 > POINT_ONE ? 0 : POINT_ONE - (end + 1),
						first == 0 ? POINT_ONE : POINT_ONE - (first - 1), &candidates);
	if (candidates > left)
		give_candidates(split, sums, unit, candidates, (size_t) left);
	else
	{
		size_t		k;

		for (k = 0; k < candidates; k++)
			sums[split->candidates[k]] += unit;
	}
}

size_t
attribution_decay_add(AttributionDecaySums *sums, size_t first, size_t end, int64_t amount)
{
	DecaySplit	split;
	int			bits = MIN_BUCKET_BITS;
	size_t		n;

	split.sum = decay_path_weights(sums->rate, sums->newest, sums->touched_at + first,
								   sums->powers + first, sums->weights, end - first);
	split.weights = sums->weights;
	/* the oldest ones may weigh nothing */
	for (; *split.weights == 0; first++)
		split.weights++;
	n = end - first;
	memset(sums->earned + first, true, n * sizeof(sums->earned[0]));
	if (n == 1)
	{
		sums->credit[first] += amount;
		sums->share[first] += MONEY_RATE_SCALE;
		return 1;
	}

	while (bits < MAX_BUCKET_BITS && ((size_t) 1 << bits) < n)
		bits++;
	split.bucket_shift = POINT_BITS - bits;
	split.n = n;
	split.quotas = sums->quotas;
	split.candidates = sums->candidates;
	split.reciprocal = (uint64_t) ((((uint128_decay) 1 << 95) + (split.sum - 1)) / split.sum);
	if (amount > 0)
		add_split(&split, sums->credit + first, (uint64_t) amount, 1);
	else if (amount < 0)
		add_split(&split, sums->credit + first, (uint64_t) -amount, -1);
	add_split(&split, sums->share + first, (uint64_t) MONEY_RATE_SCALE, 1);
	return n;
}

/*
 * money_split_core.c
 *	  Splitting an amount over many weights, in steps of bounded cost.
 *
 * Who gets a left-over unit is found without sorting: the remainder that gets
 * the last unit is searched digit by digit, from the top, by counting (a radix
 * selection).  That takes a few passes over ever fewer candidates, at most
 * ceil(63 / MONEY_SPLIT_DIGIT_BITS) over all of them, whatever the weights.
 * A million weights take about 10 ms, hostile ones 20 ms.
 */
#include "money_core.h"

#include <string.h>

#include "money_quota.h"

/* Cost of one step, in weights passed over: about 0.1 ms. */
#define STEP_WEIGHTS 16384

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

	if (split->candidates <= MONEY_FEW)
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

	if (split->n <= MONEY_FEW)
	{
		split->status = money_split_few(split->amount, split->weights, split->n, split->shares);
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

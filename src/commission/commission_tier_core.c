/*
 * commission_tier_core.c
 *	  Commission by tiers, as a function of one amount.
 *
 * Thresholds t_1 = 0 < t_2 < ... are lower bounds, an amount x >= 0 reaches the
 * last t_k <= x, and the tiers are paid
 *
 *		graduated	round(sum over i < k of (t_(i+1) - t_i) r_i + (x - t_k) r_k)
 *		volume		round(x r_k)
 *
 * with one rounding of an exact product; f(-x) = -f(x).  What the slices below
 * each threshold earn is added up beforehand, so an amount costs one search and
 * one multiplication.
 *
 * Bounds: thresholds and rates are below 2^63, so the products below a
 * threshold add up to less than 2^126.  Only the slice on top may be as wide as
 * a sum of amounts; it is multiplied and added with a check.
 */
#include "commission_tier_core.h"

typedef unsigned __int128 uint128_tier;

size_t
commission_tiers_size(size_t n)
{
	return sizeof(CommissionTiers) +
		n * (sizeof(CommissionProduct) + 2 * sizeof(int64_t));
}

CommissionTiers *
commission_tiers_place(void *memory, size_t n)
{
	CommissionTiers *tiers = (CommissionTiers *) memory;

	tiers->mode = COMMISSION_GRADUATED;
	tiers->n = n;
	tiers->below = (CommissionProduct *) (tiers + 1);
	tiers->thresholds = (int64_t *) (tiers->below + n);
	tiers->rates = tiers->thresholds + n;
	return tiers;
}

CommissionTierFault
commission_tiers_check(const int64_t *thresholds, size_t n, size_t *at)
{
	size_t		i;

	*at = 0;
	if (n == 0)
		return COMMISSION_TIERS_NONE;
	if (n > COMMISSION_MAX_TIERS)
		return COMMISSION_TIERS_TOO_MANY;
	if (thresholds[0] != 0)
		return COMMISSION_TIERS_FIRST;
	for (i = 1; i < n; i++)
	{
		if (thresholds[i] <= thresholds[i - 1])
		{
			*at = i;
			return COMMISSION_TIERS_ORDER;
		}
	}
	return COMMISSION_TIERS_OK;
}

void
commission_tiers_prepare(CommissionTiers *tiers)
{
	size_t		i;

	tiers->below[0] = 0;
	for (i = 1; i < tiers->n; i++)
	{
		uint64_t	slice = (uint64_t) (tiers->thresholds[i] - tiers->thresholds[i - 1]);

		tiers->below[i] = tiers->below[i - 1] +
			(uint128_tier) slice * (uint64_t) tiers->rates[i - 1];
	}
}

CommissionTiers *
commission_tiers_copy(void *memory, const CommissionTiers *from)
{
	CommissionTiers *tiers = commission_tiers_place(memory, from->n);

	tiers->mode = from->mode;
	memcpy(tiers->thresholds, from->thresholds, from->n * sizeof(int64_t));
	memcpy(tiers->rates, from->rates, from->n * sizeof(int64_t));
	memcpy(tiers->below, from->below, from->n * sizeof(CommissionProduct));
	return tiers;
}

bool
commission_tiers_equal(const CommissionTiers *a, const CommissionTiers *b)
{
	return a->mode == b->mode && a->n == b->n &&
		memcmp(a->thresholds, b->thresholds, a->n * sizeof(int64_t)) == 0 &&
		memcmp(a->rates, b->rates, a->n * sizeof(int64_t)) == 0;
}

/* How many thresholds are at most that; they are not negative. */
static size_t
thresholds_within(const int64_t *thresholds, size_t n, uint128_tier magnitude)
{
	size_t		low = 0;
	size_t		high = n;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if ((uint64_t) thresholds[middle] <= magnitude)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t
commission_tiers_reached(const int64_t *thresholds, size_t n, int64_t amount)
{
	return amount < 0 ? 0 : thresholds_within(thresholds, n, (uint128_tier) amount);
}

/*
 * f(amount) where it may leave int64: below 2^128 / 10^9, which is less than
 * 2^99.  Marginals are differences of such numbers.
 */
static MoneyStatus
apply_wide(const CommissionTiers *tiers, __int128 amount, MoneyRounding rounding,
		   __int128 *result)
{
	uint128_tier magnitude = amount < 0 ? -(uint128_tier) amount : (uint128_tier) amount;
	size_t		top = thresholds_within(tiers->thresholds, tiers->n, magnitude) - 1;
	uint128_tier base = 0;
	uint128_tier slice = magnitude;
	uint128_tier product;
	uint128_tier quotient;
	uint64_t	twice;

	if (tiers->mode == COMMISSION_GRADUATED)
	{
		base = tiers->below[top];
		slice -= (uint64_t) tiers->thresholds[top];
	}
	if (__builtin_mul_overflow(slice, (uint128_tier) tiers->rates[top], &product) ||
		__builtin_add_overflow(product, base, &product))
		return MONEY_OVERFLOW;

	quotient = product / MONEY_RATE_SCALE;
	twice = 2 * (uint64_t) (product - quotient * MONEY_RATE_SCALE);
	switch (rounding)
	{
		case MONEY_HALF_UP:
			quotient += twice >= MONEY_RATE_SCALE;
			break;
		case MONEY_HALF_EVEN:
			quotient += twice > MONEY_RATE_SCALE ||
				(twice == MONEY_RATE_SCALE && (quotient & 1) != 0);
			break;
		case MONEY_DOWN:
			break;
	}
	*result = amount < 0 ? -(__int128) quotient : (__int128) quotient;
	return MONEY_OK;
}

static MoneyStatus
narrow(__int128 value, int64_t *result)
{
	if (value < INT64_MIN || value > INT64_MAX)
		return MONEY_OVERFLOW;
	*result = (int64_t) value;
	return MONEY_OK;
}

MoneyStatus
commission_tiers_apply(const CommissionTiers *tiers, __int128 amount,
					   MoneyRounding rounding, int64_t *result)
{
	__int128	wide;
	MoneyStatus status = apply_wide(tiers, amount, rounding, &wide);

	return status == MONEY_OK ? narrow(wide, result) : status;
}

/*
 * Fewer than 2^63 rows make a sum below 2^126.  Of the commission only the
 * difference has to fit: a run may pass through sums whose commission does not.
 */
MoneyStatus
commission_tiers_step(const CommissionTiers *tiers, CommissionTierRun *run,
					  int64_t amount, int64_t *marginal)
{
	__int128	sum = run->sum + amount;
	__int128	commission;
	MoneyStatus status = apply_wide(tiers, sum, MONEY_HALF_UP, &commission);

	if (status == MONEY_OK)
		status = narrow(commission - run->commission, marginal);
	if (status == MONEY_OK)
	{
		run->sum = sum;
		run->commission = commission;
	}
	return status;
}

/*
 * tiers_fuzz.c
 *	  commission_tier_core and commission_tier_state_core: f slice by slice from
 *	  the top, steps as differences of it, the same state however rows are shared
 *	  out, and no bytes that harm it.
 */
#include "fuzz.h"

#include "../../src/commission/commission_tier_core.h"

typedef __int128 int128_fuzz;
typedef unsigned __int128 uint128_fuzz;

#define MAX_TIERS 12

/* Memory of its own, so that one entry too far is seen. */
static CommissionTiers *
take_tiers(FuzzInput *in)
{
	size_t		n = 1 + (size_t) take_below(in, MAX_TIERS - 1);
	CommissionTiers *tiers = commission_tiers_place(fuzz_alloc(commission_tiers_size(n)), n);
	size_t		at;
	size_t		i;

	tiers->mode = take_u8(in) % 2 == 0 ? COMMISSION_GRADUATED : COMMISSION_VOLUME;
	for (i = 0; i < n; i++)
	{
		int64_t		gap = take_u8(in) % 2 == 0 ? take_u8(in) : take_positive(in);

		if (i == 0)
			tiers->thresholds[i] = 0;
		else if (gap >= INT64_MAX - tiers->thresholds[i - 1])
		{
			/* no room above: fewer tiers, in a block that fits them */
			CommissionTiers *fewer = commission_tiers_place(fuzz_alloc(commission_tiers_size(i)), i);

			fewer->mode = tiers->mode;
			memcpy(fewer->thresholds, tiers->thresholds, i * sizeof(int64_t));
			memcpy(fewer->rates, tiers->rates, i * sizeof(int64_t));
			free(tiers);
			tiers = fewer;
			break;
		}
		else
			tiers->thresholds[i] = tiers->thresholds[i - 1] + 1 + gap;
		tiers->rates[i] = take_u8(in) % 4 == 0 ? take_positive(in) : take_positive(in) % (2 * MONEY_RATE_SCALE);
	}
	MUST(commission_tiers_check(tiers->thresholds, tiers->n, &at) == COMMISSION_TIERS_OK);
	commission_tiers_prepare(tiers);
	return tiers;
}

/* The definition: from the top slice down; false where 128 bits are too few. */
static bool
by_slices(const CommissionTiers *tiers, int128_fuzz amount, MoneyRounding rounding, int128_fuzz *result)
{
	uint128_fuzz left = (uint128_fuzz) (amount < 0 ? -amount : amount);
	uint128_fuzz product = 0;
	uint128_fuzz part;
	uint128_fuzz rest;
	bool		paid = false;
	size_t		i;

	for (i = tiers->n; i-- > 0;)
	{
		uint128_fuzz lower = (uint128_fuzz) tiers->thresholds[i];

		if (left < lower || paid)
			continue;
		if (tiers->mode == COMMISSION_VOLUME)
		{
			lower = 0;
			paid = true;
		}
		if (__builtin_mul_overflow(left - lower, (uint128_fuzz) tiers->rates[i], &part) ||
			__builtin_add_overflow(product, part, &product))
			return false;
		left = lower;
	}
	rest = product % MONEY_RATE_SCALE;
	product /= MONEY_RATE_SCALE;
	if ((rounding == MONEY_HALF_UP && rest >= MONEY_RATE_SCALE / 2) ||
		(rounding == MONEY_HALF_EVEN &&
		 (rest > MONEY_RATE_SCALE / 2 || (rest == MONEY_RATE_SCALE / 2 && product % 2 == 1))))
		product++;
	*result = amount < 0 ? -(int128_fuzz) product : (int128_fuzz) product;
	return true;
}

static bool
fits(int128_fuzz value)
{
	return value >= INT64_MIN && value <= INT64_MAX;
}

/* Beside a threshold, any int64, or as wide as a sum can be. */
static int128_fuzz
take_sum(FuzzInput *in, const CommissionTiers *tiers)
{
	switch (take_u8(in) % 3)
	{
		case 0:
			return (int128_fuzz) tiers->thresholds[take_below(in, tiers->n - 1)] + take_u8(in) % 3 - 1;
		case 1:
			return take_i64(in);
		default:
			return (int128_fuzz) take_i64(in) * ((int128_fuzz) 1 << take_below(in, 62));
	}
}

static void
check_apply(FuzzInput *in)
{
	CommissionTiers *tiers = take_tiers(in);
	int128_fuzz amount = take_sum(in, tiers);
	MoneyRounding rounding = (MoneyRounding) take_below(in, 2);
	int128_fuzz wanted;
	int64_t		result = 42;
	int64_t		mirrored = 42;
	MoneyStatus status = commission_tiers_apply(tiers, amount, rounding, &result);
	size_t		tier;

	if (by_slices(tiers, amount, rounding, &wanted) && fits(wanted))
	{
		MUST(status == MONEY_OK && result == wanted);
		if (result != INT64_MIN)
			MUST(commission_tiers_apply(tiers, -amount, rounding, &mirrored) == MONEY_OK && mirrored == -result);
	}
	else
		MUST(status == MONEY_OVERFLOW && result == 42);

	if (fits(amount))
	{
		tier = commission_tiers_reached(tiers->thresholds, tiers->n, (int64_t) amount);
		MUST(tier <= tiers->n && (tier == 0) == (amount < 0));
		MUST(tier == 0 || tiers->thresholds[tier - 1] <= amount);
		MUST(tier == tiers->n || tiers->thresholds[tier] > amount);
	}
	free(tiers);
}

static void
check_steps(FuzzInput *in)
{
	CommissionTiers *tiers = take_tiers(in);
	CommissionTierRun run;
	int128_fuzz sum = 0;
	int128_fuzz before = 0;

	memset(&run, 0, sizeof(run));
	while (in->left > 0)
	{
		int64_t		amount = take_i64(in);
		int64_t		step = 42;
		MoneyStatus status = commission_tiers_step(tiers, &run, amount, &step);
		int128_fuzz after;

		if (by_slices(tiers, sum + amount, MONEY_HALF_UP, &after) && fits(after - before))
		{
			MUST(status == MONEY_OK && step == after - before);
			sum += amount;
			before = after;
		}
		else
			MUST(status == MONEY_OVERFLOW && step == 42);
		MUST(run.sum == sum && run.commission == before);
	}
	free(tiers);
}

/* A state on an odd address, as behind a short varlena header. */
static uint8_t *
unaligned(uint8_t *block)
{
	return block + 1;
}

static void
check_sums(FuzzInput *in)
{
	CommissionTiers *tiers = take_tiers(in);
	CommissionTiers *read = commission_tiers_place(fuzz_alloc(commission_tiers_size(tiers->n)), tiers->n);
	size_t		size = commission_tier_state_size(tiers->n);
	uint8_t    *parts[3];
	bool		used[3] = {false, false, false};
	int128_fuzz sum = 0;
	int			whole = -1;
	int			i;

	for (i = 0; i < 3; i++)
	{
		parts[i] = fuzz_alloc(size + 1);
		commission_tier_state_init(unaligned(parts[i]), tiers);
	}
	while (in->left > 0)
	{
		int64_t		amount = take_i64(in);
		int			part = (int) take_below(in, 2);

		commission_tier_state_add(unaligned(parts[part]), amount);
		used[part] = true;
		/* a row that comes and goes leaves no trace */
		commission_tier_state_add(unaligned(parts[part]), INT64_MIN);
		MUST(commission_tier_state_remove(unaligned(parts[part]), INT64_MIN));
		sum += amount;
	}
	for (i = 0; i < 3; i++)
	{
		MUST(commission_tier_state_is_valid(unaligned(parts[i]), size) == used[i]);
		if (!used[i])
			continue;
		MUST(commission_tier_state_has_tiers(unaligned(parts[i]), tiers));
		if (whole >= 0)
		{
			MUST(commission_tier_states_agree(unaligned(parts[whole]), unaligned(parts[i])));
			commission_tier_state_merge(unaligned(parts[whole]), unaligned(parts[i]));
		}
		else
			whole = i;
	}
	if (whole >= 0)
	{
		MUST(commission_tier_state_is_valid(unaligned(parts[whole]), size));
		MUST(commission_tier_state_count(unaligned(parts[whole])) == tiers->n);
		MUST(commission_tier_state_read(unaligned(parts[whole]), read) == sum);
		MUST(commission_tiers_equal(read, tiers));
		MUST(memcmp(read->below, tiers->below, tiers->n * sizeof(CommissionProduct)) == 0);
	}
	for (i = 0; i < 3; i++)
		free(parts[i]);
	free(read);
	free(tiers);
}

/* Any bytes; most often with a header that fits, so that the rest is reached. */
static void
check_forged(FuzzInput *in)
{
	CommissionTiers *tiers = take_tiers(in);
	size_t		size = take_u8(in) % 8 != 0 ? commission_tier_state_size(tiers->n) : (size_t) take_below(in, 255);
	uint8_t    *state = fuzz_alloc(size + 1);
	uint8_t    *real = fuzz_alloc(commission_tier_state_size(tiers->n));
	size_t		changes;

	commission_tier_state_init(real, tiers);
	commission_tier_state_add(real, take_i64(in));
	memset(state, 0, size + 1);
	memcpy(unaligned(state), real,
		   size < commission_tier_state_size(tiers->n) ? size : commission_tier_state_size(tiers->n));
	for (changes = take_below(in, 4); changes > 0 && size > 0; changes--)
		unaligned(state)[take_below(in, size - 1)] = take_u8(in);

	if (commission_tier_state_has_frame(unaligned(state), size))
	{
		bool		same = size == commission_tier_state_size(tiers->n) &&
			commission_tier_state_has_tiers(unaligned(state), tiers);

		if (same)
			commission_tier_state_add(unaligned(state), 1);
	}
	if (commission_tier_state_is_valid(unaligned(state), size))
	{
		size_t		n = commission_tier_state_count(unaligned(state));

		MUST(n <= COMMISSION_MAX_TIERS && size == commission_tier_state_size(n));
		if (!commission_tier_state_is_empty(unaligned(state)))
		{
			CommissionTiers *read = commission_tiers_place(fuzz_alloc(commission_tiers_size(n)), n);
			int128_fuzz sum = commission_tier_state_read(unaligned(state), read);
			size_t		at;
			int64_t		result;

			MUST(commission_tiers_check(read->thresholds, n, &at) == COMMISSION_TIERS_OK);
			(void) commission_tiers_apply(read, sum, MONEY_HALF_UP, &result);
			(void) commission_tier_states_agree(unaligned(state), real);
			free(read);
		}
		commission_tier_state_merge(unaligned(state), unaligned(state));
		(void) commission_tier_state_remove(unaligned(state), take_i64(in));
	}
	free(state);
	free(real);
	free(tiers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};

	switch (take_below(&in, 3))
	{
		case 0:
			check_apply(&in);
			break;
		case 1:
			check_steps(&in);
			break;
		case 2:
			check_sums(&in);
			break;
		case 3:
			check_forged(&in);
			break;
	}
	return 0;
}

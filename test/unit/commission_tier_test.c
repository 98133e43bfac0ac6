/*
 * commission_tier_test.c
 *	  commission_tier_core and commission_tier_state_core: one above, on and one
 *	  below every threshold, the ends of int64, sums beyond it, and states.
 *
 * Expected numbers: test/oracle/tier_model.py (Python's fractions), or the
 * definition summed slice by slice.
 */
#include "tap.h"

#include "../../src/commission/commission_tier_core.h"

#define MILLIONTH 1000			/* in billionths, the unit of rates */
#define MAX_N 8

static uint8_t memory[4096];

/* rates in millionths */
static CommissionTiers *
make_tiers(CommissionTierMode mode, size_t n, const int64_t *thresholds, const int64_t *rates)
{
	CommissionTiers *tiers = commission_tiers_place(memory, n);

	tiers->mode = mode;
	for (size_t i = 0; i < n; i++)
	{
		tiers->thresholds[i] = thresholds[i];
		tiers->rates[i] = rates[i] * MILLIONTH;
	}
	commission_tiers_prepare(tiers);
	return tiers;
}

/* 4, 6 and 8 % from 0, 200 and 400 */
static CommissionTiers *
usual_tiers(CommissionTierMode mode)
{
	static const int64_t thresholds[] = {0, 200, 400};
	static const int64_t rates[] = {40000, 60000, 80000};

	return make_tiers(mode, 3, thresholds, rates);
}

static void
test_vectors(void)
{
	static const struct
	{
		int64_t		amount,
					graduated[3],	/* half up, half even, down */
					volume[3];
	}			cases[] = {
		{0, {0, 0, 0}, {0, 0, 0}},
		{1, {0, 0, 0}, {0, 0, 0}},
		{12, {0, 0, 0}, {0, 0, 0}},
		{13, {1, 1, 0}, {1, 1, 0}},
		{199, {8, 8, 7}, {8, 8, 7}},
		{200, {8, 8, 8}, {12, 12, 12}},
		{201, {8, 8, 8}, {12, 12, 12}},
		{399, {20, 20, 19}, {24, 24, 23}},
		{400, {20, 20, 20}, {32, 32, 32}},
		{401, {20, 20, 20}, {32, 32, 32}},
		{500, {28, 28, 28}, {40, 40, 40}},
		{INT64_MAX,
			{INT64_C(737869762948382053), INT64_C(737869762948382053), INT64_C(737869762948382052)},
		{INT64_C(737869762948382065), INT64_C(737869762948382065), INT64_C(737869762948382064)}}
	};
	static const MoneyRounding roundings[] = {MONEY_HALF_UP, MONEY_HALF_EVEN, MONEY_DOWN};
	int64_t		result;
	char		name[80];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		for (int m = 0; m < 2; m++)
		{
			CommissionTiers *tiers = usual_tiers(m == 0 ? COMMISSION_GRADUATED : COMMISSION_VOLUME);
			const int64_t *want = m == 0 ? cases[i].graduated : cases[i].volume;
			bool		good = true;

			for (int r = 0; r < 3; r++)
			{
				good = good &&
					commission_tiers_apply(tiers, cases[i].amount, roundings[r], &result) == MONEY_OK &&
					result == want[r];
				good = good &&
					commission_tiers_apply(tiers, -cases[i].amount, roundings[r], &result) == MONEY_OK &&
					result == -want[r];
			}
			snprintf(name, sizeof(name), "%s %" PRId64 ", its negative, three roundings",
					 m == 0 ? "graduated" : "volume", cases[i].amount);
			ok(good, name);
		}
	}
	commission_tiers_apply(usual_tiers(COMMISSION_GRADUATED), INT64_MIN, MONEY_HALF_UP, &result);
	is_i64(result, INT64_C(-737869762948382053), "graduated -2^63");
	commission_tiers_apply(usual_tiers(COMMISSION_VOLUME), INT64_MIN, MONEY_HALF_UP, &result);
	is_i64(result, INT64_C(-737869762948382065), "volume -2^63");
}

/* Slices far apart: a unit at 100 %, then next to nothing, then nearly 10^10 times the amount. */
static void
test_extremes(void)
{
	CommissionTiers *tiers = commission_tiers_place(memory, 3);
	int64_t		result;

	tiers->thresholds[0] = 0;
	tiers->thresholds[1] = 1;
	tiers->thresholds[2] = INT64_MAX;
	tiers->rates[0] = MONEY_RATE_SCALE;
	tiers->rates[1] = 1;
	tiers->rates[2] = INT64_C(9200000000) * MONEY_RATE_SCALE;
	commission_tiers_prepare(tiers);

	commission_tiers_apply(tiers, 500000000, MONEY_HALF_UP, &result);
	is_i64(result, 1, "1.499999999 is 1");
	commission_tiers_apply(tiers, 500000001, MONEY_HALF_UP, &result);
	is_i64(result, 2, "1.5 is 2");
	commission_tiers_apply(tiers, 500000001, MONEY_HALF_EVEN, &result);
	is_i64(result, 2, "1.5 is 2 to even");
	commission_tiers_apply(tiers, INT64_MAX, MONEY_HALF_UP, &result);
	is_i64(result, 9223372038, "the last threshold itself");
	commission_tiers_apply(tiers, (__int128) INT64_MAX + 1, MONEY_HALF_UP, &result);
	is_i64(result, INT64_C(18423372038), "one above the largest threshold");
	ok(commission_tiers_apply(tiers, (__int128) 1 << 100, MONEY_HALF_UP, &result) == MONEY_OVERFLOW,
	   "a product beyond 2^128 overflows");
	tiers->mode = COMMISSION_VOLUME;
	commission_tiers_apply(tiers, INT64_MAX - 1, MONEY_HALF_UP, &result);
	is_i64(result, 9223372037, "volume below the last threshold");
	ok(commission_tiers_apply(tiers, INT64_MAX, MONEY_HALF_UP, &result) == MONEY_OVERFLOW,
	   "on it the result leaves int64");
	tiers->rates[2] = 0;
	commission_tiers_prepare(tiers);
	ok(commission_tiers_apply(tiers, (__int128) 1 << 125, MONEY_HALF_UP, &result) == MONEY_OK && result == 0,
	   "a sum beyond int64 at rate 0");

	/* exactly the ends of int64, and one beyond */
	tiers = make_tiers(COMMISSION_VOLUME, 1, &(int64_t) {0}, &(int64_t) {1000000});
	ok(commission_tiers_apply(tiers, INT64_MAX, MONEY_HALF_UP, &result) == MONEY_OK && result == INT64_MAX,
	   "2^63-1 at 100 %");
	ok(commission_tiers_apply(tiers, INT64_MIN, MONEY_HALF_UP, &result) == MONEY_OK && result == INT64_MIN,
	   "-2^63 at 100 %");
	ok(commission_tiers_apply(tiers, -(__int128) INT64_MIN, MONEY_HALF_UP, &result) == MONEY_OVERFLOW,
	   "2^63 at 100 % overflows");
	ok(commission_tiers_apply(tiers, (__int128) INT64_MIN - 1, MONEY_HALF_UP, &result) == MONEY_OVERFLOW,
	   "-2^63 - 1 too");
}

static void
test_check(void)
{
	static int64_t many[COMMISSION_MAX_TIERS + 1];
	size_t		at;

	for (size_t i = 0; i <= COMMISSION_MAX_TIERS; i++)
		many[i] = (int64_t) i;
	ok(commission_tiers_check(many, 0, &at) == COMMISSION_TIERS_NONE, "no tier");
	ok(commission_tiers_check(many, 1, &at) == COMMISSION_TIERS_OK, "one");
	ok(commission_tiers_check(many, COMMISSION_MAX_TIERS, &at) == COMMISSION_TIERS_OK, "a thousand");
	ok(commission_tiers_check(many, COMMISSION_MAX_TIERS + 1, &at) == COMMISSION_TIERS_TOO_MANY, "one more");
	ok(commission_tiers_check((int64_t[]) {1, 2}, 2, &at) == COMMISSION_TIERS_FIRST, "the first is 1");
	ok(commission_tiers_check((int64_t[]) {-1, 2}, 2, &at) == COMMISSION_TIERS_FIRST, "the first is -1");
	ok(commission_tiers_check((int64_t[]) {0, 2, 2}, 3, &at) == COMMISSION_TIERS_ORDER && at == 2, "equal ones");
	ok(commission_tiers_check((int64_t[]) {0, INT64_MIN, 2}, 3, &at) == COMMISSION_TIERS_ORDER && at == 1,
	   "descending ones");
}

static void
test_reached(void)
{
	static const int64_t thresholds[] = {0, 200, 400, INT64_MAX};
	static const struct
	{
		int64_t		amount,
					tier;
	}			cases[] = {
		{INT64_MIN, 0}, {-1, 0}, {0, 1}, {1, 1}, {199, 1}, {200, 2}, {201, 2}, {399, 2}, {400, 3},
		{401, 3}, {INT64_MAX - 1, 3}, {INT64_MAX, 4}
	};
	char		name[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		snprintf(name, sizeof(name), "tier of %" PRId64, cases[i].amount);
		is_i64((int64_t) commission_tiers_reached(thresholds, 4, cases[i].amount), cases[i].tier, name);
	}
}

/* What runs through: 4, 8 + 4, ... and back to nothing. */
static void
test_steps(void)
{
	static const int64_t amounts[] = {100, 100, 200, 100, -500};
	static const int64_t graduated[] = {4, 4, 12, 8, -28};
	static const int64_t volume[] = {4, 8, 20, 8, -40};
	CommissionTierRun run;
	CommissionTiers *tiers;
	int64_t		step;
	bool		good = true;

	memset(&run, 0, sizeof(run));
	for (int i = 0; i < 5; i++)
	{
		commission_tiers_step(usual_tiers(COMMISSION_GRADUATED), &run, amounts[i], &step);
		good = good && step == graduated[i];
	}
	ok(good && run.sum == 0 && run.commission == 0, "graduated steps there and back");
	good = true;
	for (int i = 0; i < 5; i++)
	{
		commission_tiers_step(usual_tiers(COMMISSION_VOLUME), &run, amounts[i], &step);
		good = good && step == volume[i];
	}
	ok(good && run.sum == 0 && run.commission == 0, "volume steps there and back");

	/* the commission of the run leaves int64, no step does */
	tiers = make_tiers(COMMISSION_GRADUATED, 1, &(int64_t) {0}, &(int64_t) {1000000});
	good = true;
	for (int i = 0; i < 4; i++)
		good = good && commission_tiers_step(tiers, &run, INT64_MAX, &step) == MONEY_OK && step == INT64_MAX;
	for (int i = 0; i < 4; i++)
		good = good && commission_tiers_step(tiers, &run, -INT64_MAX, &step) == MONEY_OK && step == -INT64_MAX;
	ok(good && run.sum == 0 && run.commission == 0, "a run beyond int64 and back");

	/* a step that does: the run stays where it was */
	tiers = make_tiers(COMMISSION_GRADUATED, 1, &(int64_t) {0}, &(int64_t) {2000000});
	commission_tiers_step(tiers, &run, 7, &step);
	ok(commission_tiers_step(tiers, &run, INT64_MAX, &step) == MONEY_OVERFLOW && run.sum == 7 && run.commission == 14,
	   "a step beyond int64 overflows");
}

static uint64_t
random64(void)
{
	static uint64_t state = UINT64_C(20261122);
	uint64_t	z = (state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* The definition: every slice by itself, signed, without what was prepared. */
static int64_t
by_slices(const CommissionTiers *tiers, int64_t amount)
{
	__int128	left = amount < 0 ? -(__int128) amount : amount;
	__int128	product = 0;

	if (tiers->mode == COMMISSION_VOLUME)
	{
		for (size_t i = 0; i < tiers->n; i++)
			if (tiers->thresholds[i] <= left)
				product = left * tiers->rates[i];
	}
	else
	{
		for (size_t i = tiers->n; i-- > 0;)
		{
			if (left > tiers->thresholds[i])
			{
				product += (left - tiers->thresholds[i]) * tiers->rates[i];
				left = tiers->thresholds[i];
			}
		}
	}
	product = (2 * product + MONEY_RATE_SCALE) / (2 * (__int128) MONEY_RATE_SCALE);
	return (int64_t) (amount < 0 ? -product : product);
}

static void
test_random(void)
{
	int			differing = 0;

	for (int round = 0; round < 20000; round++)
	{
		int64_t		thresholds[MAX_N] = {0};
		int64_t		rates[MAX_N];
		size_t		n = 1 + random64() % MAX_N;
		int			bits = 2 + (int) (random64() % 55);
		CommissionTiers *tiers;

		for (size_t i = 0; i < n; i++)
		{
			if (i > 0)
				thresholds[i] = thresholds[i - 1] + 1 + (int64_t) (random64() >> (64 - bits));
			rates[i] = (int64_t) (random64() % 1000001);
		}
		tiers = make_tiers(random64() & 1 ? COMMISSION_VOLUME : COMMISSION_GRADUATED, n, thresholds, rates);
		for (int k = 0; k < 8; k++)
		{
			int64_t		near = thresholds[random64() % n] + (int64_t) (random64() % 3) - 1;
			int64_t		amount = k < 4 ? near : (int64_t) (random64() >> (random64() % 64));
			int64_t		result = 0;

			if (random64() & 1)
				amount = -(amount == INT64_MIN ? 0 : amount);
			if (commission_tiers_apply(tiers, amount, MONEY_HALF_UP, &result) != MONEY_OK ||
				result != by_slices(tiers, amount))
				differing++;
		}
	}
	is_i64(differing, 0, "160,000 random amounts, half of them beside a threshold");
}

static void
test_states(void)
{
	/* one byte off, as behind a short varlena header */
	uint8_t		blocks[4][256];
	uint8_t    *a = blocks[0] + 1;
	uint8_t    *b = blocks[1] + 1;
	uint8_t    *whole = blocks[2] + 1;
	CommissionTiers *tiers = usual_tiers(COMMISSION_GRADUATED);
	size_t		size = commission_tier_state_size(3);
	uint8_t		copy[512];
	CommissionTiers *read = commission_tiers_place(copy + 8 - (uintptr_t) copy % 8, 3);
	int64_t		result;

	memset(blocks, 0xAA, sizeof(blocks));
	commission_tier_state_init(a, NULL);
	ok(commission_tier_state_is_valid(a, commission_tier_state_size(0)) && commission_tier_state_is_empty(a),
	   "a state without rows is valid");
	ok(!commission_tier_state_remove(a, 1), "nothing can be taken from it");

	commission_tier_state_init(a, tiers);
	commission_tier_state_init(b, tiers);
	commission_tier_state_init(whole, tiers);
	for (int i = 0; i < 4; i++)
	{
		commission_tier_state_add(i % 2 == 0 ? a : b, INT64_MAX);
		commission_tier_state_add(whole, INT64_MAX);
	}
	commission_tier_state_add(b, 500);
	commission_tier_state_add(whole, 500);
	ok(commission_tier_state_is_valid(a, size) && commission_tier_states_agree(a, b), "states with rows agree");
	ok(commission_tier_state_has_tiers(a, tiers), "and have their tiers");
	ok(!commission_tier_state_has_tiers(a, usual_tiers(COMMISSION_VOLUME)), "another mode is another table");
	memcpy(blocks[3], b, size);
	blocks[3][size - 1] ^= 1;
	ok(!commission_tier_states_agree(a, blocks[3]), "states with another rate don't");
	commission_tier_state_merge(a, b);
	is_mem(a, whole, size, "two parts are the bytes of the whole");

	for (int i = 0; i < 4; i++)
		commission_tier_state_remove(a, INT64_MAX);
	is_i64((int64_t) commission_tier_state_count(a), 3, "three tiers");
	ok(commission_tier_state_read(a, read) == 500, "the sum that is left");
	commission_tiers_apply(read, 500, MONEY_HALF_UP, &result);
	is_i64(result, 28, "its commission");
	ok(commission_tier_state_remove(a, 500) && commission_tier_state_is_empty(a), "the last row leaves");
	commission_tier_state_init(a, tiers);
	commission_tier_state_add(a, 5);
	ok(!commission_tier_state_remove(a, 4), "a last row that was not there is seen");
}

/* Byte by byte: what is not a state is refused, and no byte beyond it is read. */
static void
test_forged(void)
{
	size_t		size = commission_tier_state_size(3);
	uint8_t    *state = malloc(size);
	uint8_t    *cut;
	int			accepted = 0;

	commission_tier_state_init(state, usual_tiers(COMMISSION_VOLUME));
	ok(!commission_tier_state_is_valid(state, size), "tiers without a row are refused");
	commission_tier_state_add(state, 500);
	ok(commission_tier_state_is_valid(state, size), "with a row they are not");
	for (size_t length = 0; length < size; length++)
	{
		cut = malloc(length == 0 ? 1 : length);
		memcpy(cut, state, length);
		accepted += commission_tier_state_is_valid(cut, length);
		free(cut);
	}
	is_i64(accepted, 0, "no shorter one is accepted");

#define REFUSED(offset, value, name) do { \
		uint8_t		was = state[offset]; \
		state[offset] = (uint8_t) (value); \
		ok(!commission_tier_state_is_valid(state, size), name); \
		state[offset] = was; \
	} while (0)
	REFUSED(0, 0, "another magic");
	REFUSED(4, 2, "another version");
	REFUSED(8, size + 1, "another length");
	REFUSED(31, 0x40, "a sum that one row can't have");
	REFUSED(31, 0x80, "nor below zero");
	REFUSED(32, 0, "no rows, but a sum");
	REFUSED(39, 0x80, "too many rows");
	REFUSED(40, 2, "an unknown mode");
	REFUSED(44, 2, "fewer tiers than there is room for");
	REFUSED(47, 0x10, "so many that their size would wrap");
	REFUSED(48, 1, "a first threshold that is not 0");
	REFUSED(65, 0, "thresholds that don't ascend"); /* 400 becomes 144 */
	REFUSED(95, 0x80, "a negative rate");
	free(state);
}

int
main(void)
{
	test_vectors();
	test_extremes();
	test_check();
	test_reached();
	test_steps();
	test_random();
	test_states();
	test_forged();
	return done_testing();
}

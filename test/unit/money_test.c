/*
 * money_test.c
 *	  money_core and commission_core: published vectors, the ends of int64, and
 *	  what must hold for every input.
 *
 * Expected numbers come from Python's fractions, not from this code.
 */
#include "tap.h"

#include "../../src/commission/commission_core.h"
#include "../../src/common/money_core.h"

#define MAX_WEIGHTS 16

static uint64_t
random64(void)
{
	static uint64_t state = UINT64_C(20260101);
	uint64_t	z = (state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* of any magnitude: small numbers as often as large ones */
static int64_t
random_amount(void)
{
	int64_t		magnitude = (int64_t) ((random64() >> 1) >> (random64() % 63));

	return random64() & 1 ? -magnitude : magnitude;
}

static void
test_rounding(void)
{
	static const struct
	{
		int64_t		a,
					b,
					d,
					want[3];	/* half up, half even, down */
		const char *name;
	}			cases[] = {
		{12345, 45000000, MONEY_RATE_SCALE, {556, 556, 555}, "4.5 % of 123.45"},
		{5, 1, 2, {3, 2, 2}, "2.5"},
		{15, 1, 10, {2, 2, 1}, "1.5"},
		{35, 1, 10, {4, 4, 3}, "3.5"},
		{-25, 1, 10, {-3, -2, -2}, "-2.5"},
		{-15, 1, 10, {-2, -2, -1}, "-1.5"},
		{0, 5, 7, {0, 0, 0}, "zero"},
		{INT64_MAX, MONEY_RATE_SCALE, MONEY_RATE_SCALE, {INT64_MAX, INT64_MAX, INT64_MAX}, "all of 2^63-1"},
		{INT64_MIN, MONEY_RATE_SCALE, MONEY_RATE_SCALE, {INT64_MIN, INT64_MIN, INT64_MIN}, "all of -2^63"},
		{INT64_MAX, 999999999, MONEY_RATE_SCALE,
			{INT64_C(9223372027631403770), INT64_C(9223372027631403770), INT64_C(9223372027631403770)},
		"nearly all of 2^63-1"},
		{INT64_MAX, INT64_MAX - 1, INT64_MAX, {INT64_MAX - 1, INT64_MAX - 1, INT64_MAX - 1}, "largest divisor"}
	};
	static const MoneyRounding roundings[] = {MONEY_HALF_UP, MONEY_HALF_EVEN, MONEY_DOWN};
	int64_t		got;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		bool		right = true;

		for (int r = 0; r < 3; r++)
			right = money_mul_div(cases[i].a, cases[i].b, cases[i].d, roundings[r], &got) == MONEY_OK &&
				got == cases[i].want[r] && right;
		ok(right, cases[i].name);
	}

	ok(money_mul_div(INT64_MAX, 2, 1, MONEY_DOWN, &got) == MONEY_OVERFLOW, "too large overflows");
	ok(money_mul_div(INT64_MIN, -1, 1, MONEY_DOWN, &got) == MONEY_OVERFLOW, "2^63 overflows");
	ok(money_mul_div(INT64_MAX, 3, 2, MONEY_DOWN, &got) == MONEY_OVERFLOW, "overflow after division");
	ok(money_mul_div(1, 1, 0, MONEY_DOWN, &got) == MONEY_BAD_BASE, "zero divisor is refused");
}

static void
test_rounding_is_odd(void)
{
	int			wrong = 0;

	for (int i = 0; i < 200000; i++)
	{
		int64_t		a = random_amount();
		int64_t		b = random_amount();
		int64_t		d = (int64_t) (random64() >> (1 + random64() % 62)) + 1;
		MoneyRounding rounding = (MoneyRounding) (random64() % 3);
		int64_t		x = 0;
		int64_t		y = 0;
		MoneyStatus sx;
		MoneyStatus sy;

		if (d <= 0)
			continue;
		sx = money_mul_div(a, b, d, rounding, &x);
		sy = money_mul_div(-a, b, d, rounding, &y);
		/* only -2^63 has no mirror image */
		if (x == INT64_MIN || y == INT64_MIN)
			continue;
		if (sx != sy || x != -y)
			wrong++;
	}
	is_i64(wrong, 0, "f(-x) = -f(x) in 200,000 cases");
}

static void
test_split_vectors(void)
{
	static const struct
	{
		int64_t		amount;
		size_t		n;
		int64_t		weights[7];
		int64_t		want[7];
		const char *name;
	}			cases[] = {
		{15, 3, {80, 8, 12}, {12, 1, 2}, "15 by .8, .08, .12"},
		{-5, 2, {7, 3}, {-4, -1}, "-5 by 7, 3"},
		{100, 3, {1, 1, 1}, {34, 33, 33}, "100 in three"},
		{2, 4, {1, 1, 1, 1}, {1, 1, 0, 0}, "ties go to the earlier"},
		{1, 3, {0, 3, 3}, {0, 1, 0}, "a zero weight gets nothing"},
		{0, 2, {1, 2}, {0, 0}, "nothing to split"},
		{1000003, 7, {1, 2, 3, 4, 5, 6, 7}, {35714, 71429, 107143, 142858, 178572, 214286, 250001}, "seven weights"},
		{INT64_MIN, 1, {5}, {INT64_MIN}, "-2^63 to one"},
		{INT64_MIN, 2, {1, 2}, {INT64_C(-3074457345618258603), INT64_C(-6148914691236517205)}, "-2^63 by 1, 2"},
		{INT64_MIN, 2, {INT64_MAX - 1, 1}, {-INT64_MAX, -1}, "-2^63 by the largest weights"},
		{INT64_MAX, 2, {INT64_MAX - 1, 1}, {INT64_MAX - 1, 1}, "2^63-1 by the largest weights"},
		{INT64_MAX, 3, {3, 3, 3},
			{INT64_C(3074457345618258603), INT64_C(3074457345618258602), INT64_C(3074457345618258602)},
		"2^63-1 in three"}
	};
	int64_t		shares[MAX_WEIGHTS];
	MoneyRemainder scratch[MAX_WEIGHTS];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		MoneyStatus status = money_split(cases[i].amount, cases[i].weights, cases[i].n, shares, scratch);

		ok(status == MONEY_OK && memcmp(shares, cases[i].want, cases[i].n * sizeof(int64_t)) == 0,
		   cases[i].name);
	}

	{
		int64_t		zeros[] = {0, 0};
		int64_t		negative[] = {3, -1};
		int64_t		heavy[] = {INT64_MAX, 1};

		ok(money_split(1, zeros, 0, shares, scratch) == MONEY_BAD_WEIGHTS, "no weights");
		ok(money_split(1, zeros, 2, shares, scratch) == MONEY_BAD_WEIGHTS, "only zeros");
		ok(money_split(1, negative, 2, shares, scratch) == MONEY_BAD_WEIGHTS, "a negative weight");
		ok(money_split(1, heavy, 2, shares, scratch) == MONEY_BAD_WEIGHTS, "a sum above 2^63-1");
	}
}

/* the sum, no share off its quota by one or more, zeros, the mirror image */
static bool
split_holds(int64_t amount, const int64_t *weights, size_t n)
{
	int64_t		shares[MAX_WEIGHTS];
	int64_t		mirrored[MAX_WEIGHTS];
	MoneyRemainder scratch[MAX_WEIGHTS];
	__int128	total = 0;
	__int128	sum = 0;

	if (money_split(amount, weights, n, shares, scratch) != MONEY_OK ||
		money_split(-amount, weights, n, mirrored, scratch) != MONEY_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		sum += weights[i];
	for (size_t i = 0; i < n; i++)
	{
		/* |share * sum - amount * weight| < sum; both stay below 2^126 */
		__int128	off = shares[i] * sum - (__int128) amount * weights[i];

		total += shares[i];
		if (off <= -sum || off >= sum || shares[i] != -mirrored[i] ||
			(weights[i] == 0 && shares[i] != 0))
			return false;
	}
	return total == amount;
}

static void
test_split_properties(void)
{
	int			wrong = 0;

	for (int i = 0; i < 100000; i++)
	{
		int64_t		weights[MAX_WEIGHTS];
		size_t		n = 1 + random64() % MAX_WEIGHTS;
		int			shift = 5 + (int) (random64() % 58);

		for (size_t j = 0; j < n; j++)
			weights[j] = random64() % 4 == 0 ? 0 : (int64_t) ((random64() >> shift));
		weights[random64() % n] = 1 + (int64_t) (random64() % 1000);
		if (!split_holds(random_amount(), weights, n))
			wrong++;
	}
	is_i64(wrong, 0, "100,000 splits add up, keep to their quotas and mirror");
}

/*
 * Largest remainders as one would write them down: quotas in 128 bits, all
 * remainders sorted.
 */
typedef struct Quota
{
	uint64_t	remainder;
	size_t		position;
} Quota;

static int
compare_quotas(const void *a, const void *b)
{
	const Quota *x = a;
	const Quota *y = b;

	if (x->remainder != y->remainder)
		return x->remainder > y->remainder ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

static void
split_plainly(int64_t amount, const int64_t *weights, size_t n, int64_t *shares)
{
	unsigned __int128 whole = amount < 0 ? -(__int128) amount : amount;
	unsigned __int128 left = whole;
	unsigned __int128 sum = 0;
	Quota	   *quotas = malloc(n * sizeof(Quota));

	for (size_t i = 0; i < n; i++)
		sum += (uint64_t) weights[i];
	for (size_t i = 0; i < n; i++)
	{
		unsigned __int128 product = whole * (uint64_t) weights[i];

		shares[i] = (int64_t) (uint64_t) (product / sum);
		left -= product / sum;
		quotas[i] = (Quota) {(uint64_t) (product % sum), i};
	}
	qsort(quotas, n, sizeof(Quota), compare_quotas);
	for (size_t i = 0; i < (size_t) left; i++)
		shares[quotas[i].position]++;
	for (size_t i = 0; amount < 0 && i < n; i++)
		shares[i] = (int64_t) (0 - (uint64_t) shares[i]);
	free(quotas);
}

/* the same shares at once and in steps */
static bool
split_is_plain(int64_t amount, const int64_t *weights, size_t n)
{
	int64_t    *want = malloc(n * sizeof(int64_t));
	int64_t    *got = malloc(n * sizeof(int64_t));
	MoneyRemainder *scratch = malloc(n * sizeof(MoneyRemainder));
	MoneySplit	split;
	size_t		steps = 1;
	bool		right;

	split_plainly(amount, weights, n, want);
	right = money_split(amount, weights, n, got, scratch) == MONEY_OK &&
		memcmp(got, want, n * sizeof(int64_t)) == 0;

	memset(got, 0x55, n * sizeof(int64_t));
	money_split_start(&split, amount, weights, n, got, scratch);
	while (money_split_step(&split))
		steps++;
	right = right && split.status == MONEY_OK && memcmp(got, want, n * sizeof(int64_t)) == 0;

	/* 0.1 ms each, so there must be some; passes over the weights are few */
	right = right && steps >= n / 16384 && steps <= 1 + n * 25 / 16384;

	free(want);
	free(got);
	free(scratch);
	return right;
}

/* weights of many shapes, hostile ones among them */
static void
make_weights(int shape, int64_t *weights, size_t n)
{
	int64_t		limit = INT64_MAX / (int64_t) n;
	int			shift = (int) (random64() % 63);
	int64_t		common = (int64_t) (random64() >> 1) % limit;

	for (size_t i = 0; i < n; i++)
	{
		uint64_t	random = random64() >> 1;

		switch (shape)
		{
			case 0:				/* of one magnitude, at most the limit */
				weights[i] = (int64_t) (random >> shift) % limit;
				break;
			case 1:				/* of every magnitude */
				weights[i] = (int64_t) (random >> (random64() % 63)) % limit;
				break;
			case 2:				/* equal */
				weights[i] = 1 + common;
				break;
			case 3:				/* nearly equal: long common prefixes */
				weights[i] = common + (random % 100 == 0);
				break;
			case 4:				/* first, middle, last */
				weights[i] = i == 0 || i == n - 1 ? (int64_t) n : 1 + common % 1000;
				break;
			case 5:				/* of time decay */
				weights[i] = (INT64_C(1) << 31) >> (random % 32);
				break;
			case 6:				/* mostly zero */
				weights[i] = random % 10 == 0 ? (int64_t) (random % 1000) : 0;
				break;
			case 7:				/* as close to the limit as can be */
				weights[i] = limit - (int64_t) (random % 3);
				break;
			default:			/* a different digit each: one candidate less a pass */
				weights[i] = INT64_C(1) << (i % 40);
				break;
		}
	}
	if (weights[n - 1] == 0)
		weights[n - 1] = 1;
}

static void
test_split_is_plain(void)
{
	static const size_t sizes[] = {1, 2, 3, 5, 15, 16, 17, 18, 36, 65, 1000};
	enum {SIZES = sizeof(sizes) / sizeof(sizes[0]), SHAPES = 9, LARGE = 100003};
	int64_t    *weights = malloc(LARGE * sizeof(int64_t));
	int			wrong = 0;

	for (int i = 0; i < 50000; i++)
	{
		size_t		n = i % 3 == 0 ? sizes[random64() % SIZES] : 1 + random64() % 70;

		if (n > 100 && i % 50 != 0)
			n /= 50;
		make_weights((int) (random64() % SHAPES), weights, n);
		if (!split_is_plain(random_amount(), weights, n))
			wrong++;
	}
	is_i64(wrong, 0, "50,000 splits are as by sorting, at once and in steps");

	wrong = 0;
	for (int shape = 0; shape < SHAPES; shape++)
	{
		static const int64_t amounts[] = {INT64_MIN, -5000, 0, 50001, INT64_MAX};

		make_weights(shape, weights, LARGE);
		for (int i = 0; i < 5; i++)
		{
			if (!split_is_plain(amounts[i], weights, LARGE))
				wrong++;
		}
	}
	is_i64(wrong, 0, "100,003 weights of nine shapes, in steps");
	free(weights);
}

/* what is refused is refused at every length and in steps */
static void
test_split_refuses(void)
{
	static const size_t sizes[] = {1, 2, 3, 16, 17, 40000};
	int64_t    *weights = malloc(40000 * sizeof(int64_t));
	int64_t    *shares = malloc(40000 * sizeof(int64_t));
	MoneyRemainder *scratch = malloc(40000 * sizeof(MoneyRemainder));
	int			wrong = 0;

	for (int i = 0; i < 6; i++)
	{
		size_t		n = sizes[i];

		for (int flaw = 0; flaw < 4; flaw++)
		{
			MoneySplit	split;

			for (size_t j = 0; j < n; j++)
				weights[j] = flaw == 0 ? 0 : 1;
			if (flaw == 1)
				weights[n - 1] = -1;
			if (flaw == 2)
				weights[n / 2] = INT64_MIN;
			if (flaw == 3 && n == 1)
				continue;
			if (flaw == 3)
				weights[n / 2] = INT64_MAX;
			money_split_start(&split, 100, weights, n, shares, scratch);
			while (money_split_step(&split))
				;
			if (split.status != MONEY_BAD_WEIGHTS ||
				money_split(100, weights, n, shares, scratch) != MONEY_BAD_WEIGHTS)
				wrong++;
		}

		/* a sum that wraps around 2^64 to something small */
		if (n >= 3)
		{
			weights[0] = weights[1] = INT64_MAX;
			weights[2] = 4;
			if (money_split(100, weights, n, shares, scratch) != MONEY_BAD_WEIGHTS)
				wrong++;
		}
	}
	is_i64(wrong, 0, "bad weights are refused wherever they stand");
	free(weights);
	free(shares);
	free(scratch);
}

static void
test_clawback(void)
{
	int64_t		got = -1;
	int64_t		total = 0;
	int			wrong = 0;

	/* C = 100, N = 3: round(33.33), round(66.67) - 33, 100 - 67 */
	for (int i = 0; i < 3; i++)
	{
		static const int64_t want[] = {33, 34, 33};

		commission_clawback(100, 3, i, 1, MONEY_HALF_UP, &got);
		is_i64(got, want[i], "a third of 100");
	}

	ok(commission_clawback(7, 0, 0, 0, MONEY_HALF_UP, &got) == MONEY_OK && got == 0, "a free line claws nothing");
	ok(commission_clawback(7, 0, 0, 1, MONEY_HALF_UP, &got) == MONEY_OVER_RETURN, "nothing is left of a free line");
	ok(commission_clawback(7, 10, 8, 3, MONEY_HALF_UP, &got) == MONEY_OVER_RETURN, "more than is left");
	ok(commission_clawback(7, 10, 11, 0, MONEY_HALF_UP, &got) == MONEY_OVER_RETURN, "too much before");
	ok(commission_clawback(7, INT64_MAX, INT64_MAX, INT64_MAX, MONEY_HALF_UP, &got) == MONEY_OVER_RETURN,
	   "returns whose sum leaves int64");
	ok(commission_clawback(7, -1, 0, 0, MONEY_HALF_UP, &got) == MONEY_BAD_BASE, "a negative base");
	ok(commission_clawback(7, 1, -1, 1, MONEY_HALF_UP, &got) == MONEY_BAD_BASE, "a negative return");
	ok(commission_clawback(INT64_MIN, INT64_MAX, 0, INT64_MAX, MONEY_HALF_UP, &got) == MONEY_OK &&
	   got == INT64_MIN, "-2^63 is taken back in full");

	for (int i = 0; i < 20000; i++)
	{
		int64_t		commission = random_amount();
		int64_t		base = 1 + (int64_t) (random64() >> (1 + random64() % 62)) / 2;
		int64_t		before = 0;
		MoneyRounding rounding = (MoneyRounding) (random64() % 3);

		total = 0;
		while (before < base)
		{
			int64_t		now = 1 + (int64_t) (random64() % (uint64_t) (base - before));

			if (commission_clawback(commission, base, before, now, rounding, &got) != MONEY_OK)
				wrong++;
			total += got;
			before += now;
		}
		if (total != commission)
			wrong++;
	}
	is_i64(wrong, 0, "20,000 full returns in pieces take back the commission");
}

int
main(void)
{
	test_rounding();
	test_rounding_is_odd();
	test_split_vectors();
	test_split_properties();
	test_split_is_plain();
	test_split_refuses();
	test_clawback();
	return done_testing();
}

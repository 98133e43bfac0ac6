/*
 * decay_test.c
 *	  decay_core: scores against 60-digit arithmetic, and that neither the order
 *	  of rows nor the way they were merged changes a bit.
 */
#include "tap.h"

#include "../../src/feed/decay_core.h"

#define HOUR INT64_C(3600000000)
#define DAY (24 * HOUR)
#define UNIT (INT64_C(1) << DECAY_WEIGHT_BITS)

static uint64_t random_state = UINT64_C(7);

static uint64_t
random64(void)
{
	uint64_t	z = (random_state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* A state as the aggregate keeps one; one byte off, so never aligned. */
typedef struct Score
{
	uint8_t    *block;
	size_t		size;
} Score;

static Score
score_new(int64_t half_life)
{
	Score		s = {NULL, decay_state_first_size()};

	s.block = malloc(s.size + 1);
	decay_state_init(s.block + 1, s.size, half_life);
	return s;
}

static void
score_free(Score *s)
{
	free(s->block);
	s->block = NULL;
}

static void
score_add(Score *s, int64_t half_life, int64_t at, int64_t weight)
{
	DecayStatus status = decay_state_add(s->block + 1, half_life, at, weight);

	if (status == DECAY_NO_ROOM)
	{
		size_t		size = decay_state_next_size(s->block + 1);
		uint8_t    *larger = malloc(size + 1);

		decay_state_copy(larger + 1, size, s->block + 1);
		free(s->block);
		s->block = larger;
		s->size = size;
		status = decay_state_add(s->block + 1, half_life, at, weight);
	}
	if (status != DECAY_OK)
		ok(false, "a row is added");
}

static void
score_merge(Score *into, const Score *from)
{
	size_t		size = decay_state_merged_size(into->block + 1, from->block + 1);
	uint8_t    *merged = malloc(size + 1);

	if (decay_state_merge(merged + 1, size, into->block + 1, from->block + 1) != DECAY_OK)
		ok(false, "states are merged");
	free(into->block);
	into->block = merged;
	into->size = size;
}

static void
score_trim(Score *s)
{
	size_t		size = decay_state_trimmed_size(s->block + 1);
	uint8_t    *trimmed = malloc(size + 1);

	decay_state_trim(trimmed + 1, size, s->block + 1);
	free(s->block);
	s->block = trimmed;
	s->size = size;
}

static double
score_log2(const Score *s)
{
	double		result = 0;

	if (!decay_state_has_frame(s->block + 1, s->size) ||
		decay_state_log2(s->block + 1, &result) != DECAY_OK)
		ok(false, "the state is valid");
	return result;
}

/* Compare the bits, not the values. */
static bool
same(double a, double b)
{
	return memcmp(&a, &b, sizeof(a)) == 0;
}

static void
test_values(void)
{
	Score		s;

	s = score_new(DAY);
	score_add(&s, DAY, DAY, UNIT);
	is_dbl(score_log2(&s), 1, 0, "one event a half-life after the landmark");
	score_add(&s, DAY, DAY, UNIT);
	is_dbl(score_log2(&s), 2, 0, "two of them");
	score_add(&s, DAY, 2 * DAY, -UNIT);
	is_dbl(score_log2(&s), -INFINITY, 0, "undone by one half-life later: nothing is left");
	score_add(&s, DAY, 2 * DAY, -UNIT);
	is_dbl(score_log2(&s), -INFINITY, 0, "below zero has no logarithm either");
	score_free(&s);

	s = score_new(2 * DAY);
	score_add(&s, 2 * DAY, 0, UNIT);
	score_add(&s, 2 * DAY, DAY / 3, 5 * UNIT / 2);
	score_add(&s, 2 * DAY, 5 * DAY + 17, -3 * UNIT / 4);
	score_add(&s, 2 * DAY, -3 * DAY, 10 * UNIT);
	is_dbl(score_log2(&s), 1.63182525841589632, 1e-13, "weights of both signs around the landmark");
	score_free(&s);

	s = score_new(6 * HOUR);
	for (int64_t i = 0; i < 2000; i++)
		score_add(&s, 6 * HOUR, (i * 104729) % 1000003 * 1000000, (1 + (i * 7919) % 13) * UNIT);
	is_dbl(score_log2(&s), 55.0663181059279586, 1e-13, "2,000 events, half-life 6 hours");
	score_free(&s);

	s = score_new(HOUR);
	for (int64_t i = 0; i < 3000; i++)
		score_add(&s, HOUR, (700000 + i * 3600) * 1000000, i % 3 != 0 ? UNIT : -UNIT / 2);
	is_dbl(score_log2(&s), 3194.09652114102413759, 1e-10, "3,000 events, half-life 1 hour");
	score_free(&s);

	s = score_new(7);
	score_add(&s, 7, 3, UNIT);
	score_add(&s, 7, 1, UNIT);
	score_add(&s, 7, 2, UNIT / 2);
	is_dbl(score_log2(&s), 1.61329426451428338, 1e-13, "half-life 7 microseconds");
	score_free(&s);
}

/* What was taken back leaves the rest as it was, however far apart. */
static void
test_cancellation(void)
{
	Score		a = score_new(HOUR);
	Score		b = score_new(HOUR);

	score_add(&a, HOUR, 100 * HOUR, UNIT);
	score_add(&b, HOUR, 100 * HOUR, UNIT);
	score_add(&b, HOUR, 60000 * HOUR + 1, 3 * UNIT);
	score_add(&b, HOUR, 60000 * HOUR + 1, -3 * UNIT);
	is_dbl(score_log2(&a), 100, 0, "an old event");
	is_dbl(score_log2(&b), 100, 0, "and a like 59,900 half-lives later, taken back");

	/* borrow through a long run of limbs that nobody touched */
	score_add(&b, HOUR, 60000 * HOUR, 2 * UNIT);
	score_add(&b, HOUR, 100 * HOUR, -2 * UNIT);
	is_dbl(score_log2(&b), 60001, 0, "2^60001 - 2^100");

	/* 65,544 half-lives are kept, what is older is dropped */
	score_add(&b, HOUR, 200000 * HOUR, UNIT);
	score_add(&b, HOUR, 200000 * HOUR, -UNIT);
	is_dbl(score_log2(&b), -INFINITY, 0, "beyond the window nothing is kept");
	score_free(&a);
	score_free(&b);
}

static void
test_order(void)
{
	int			wrong = 0;

	for (int round = 0; round < 200; round++)
	{
		static const int64_t half_lives[] = {1, 1000000, HOUR, 6 * HOUR, 30 * DAY};
		int64_t		half_life = half_lives[random64() % 5];
		int64_t		at[300];
		int64_t		weight[300];
		int			n = 1 + (int) (random64() % 300);
		Score		whole = score_new(half_life);
		Score		parts[3];
		double		want;

		for (int i = 0; i < n; i++)
		{
			at[i] = (int64_t) (random64() % (uint64_t) (half_life * 90000)) - half_life * 1000;
			weight[i] = (int64_t) (random64() >> 12 >> (random64() % 52));
			if (random64() % 4 == 0)
				weight[i] = -weight[i];
			score_add(&whole, half_life, at[i], weight[i]);
		}
		want = score_log2(&whole);

		for (int trial = 0; trial < 3; trial++)
		{
			for (int p = 0; p < 3; p++)
				parts[p] = score_new(half_life);
			for (int i = n - 1; i > 0; i--)
			{
				int			j = (int) (random64() % (uint64_t) (i + 1));
				int64_t		swap = at[i];

				at[i] = at[j];
				at[j] = swap;
				swap = weight[i];
				weight[i] = weight[j];
				weight[j] = swap;
			}
			for (int i = 0; i < n; i++)
			{
				score_add(&parts[random64() % 3], half_life, at[i], weight[i]);
				if (random64() % 16 == 0)
					score_trim(&parts[random64() % 3]);
			}
			score_trim(&parts[2]);
			score_merge(&parts[2], &parts[0]);
			score_merge(&parts[1], &parts[2]);
			if (!same(score_log2(&parts[1]), want))
				wrong++;
			for (int p = 0; p < 3; p++)
				score_free(&parts[p]);
		}
		score_free(&whole);
	}
	is_i64(wrong, 0, "600 shuffles, merges and trims give the same bits");
}

static void
test_trimming(void)
{
	Score		s = score_new(DAY);
	size_t		full = s.size;

	score_trim(&s);
	ok(s.size < full, "an empty state takes little room");
	for (int64_t day = 0; day < 100; day++)
		score_add(&s, DAY, day * DAY, UNIT);
	full = s.size;
	for (int64_t day = 0; day < 100; day++)
		if (day != 50)
			score_add(&s, DAY, day * DAY, -UNIT);
	score_trim(&s);
	ok(s.size * 2 < full, "what was cancelled takes none");
	is_dbl(score_log2(&s), 50, 0, "and the rest is there");
	score_add(&s, DAY, 50 * DAY, -UNIT);
	score_trim(&s);
	/* the newest row was at day 99: what is below its window stays dropped */
	score_add(&s, DAY, (99 - INT64_C(24) * (DECAY_WINDOW_HALF_LIVES / 24 + 8)) * DAY, UNIT);
	is_dbl(score_log2(&s), -INFINITY, 0, "an empty one keeps its window");
	score_free(&s);
}

static void
test_extremes(void)
{
	Score		s = score_new(1);

	/* the ends of timestamptz, the smallest half-life, the largest weights */
	score_add(&s, 1, INT64_C(-211813488000000000), DECAY_MAX_WEIGHT);
	score_add(&s, 1, INT64_C(9223371331199999999), DECAY_MAX_WEIGHT);
	is_dbl(score_log2(&s), 9223371331200000030.0, 1024, "the last microsecond of timestamptz");
	score_add(&s, 1, INT64_MAX, -DECAY_MAX_WEIGHT);
	is_dbl(score_log2(&s), -INFINITY, 0, "the ends of int64 stay inside");
	score_add(&s, 1, INT64_MIN, DECAY_MAX_WEIGHT);
	ok(decay_state_add(s.block + 1, 2, 0, UNIT) == DECAY_OTHER_HALF_LIFE, "half-lives can't be mixed");
	score_free(&s);

	s = score_new(INT64_MAX);
	score_add(&s, INT64_MAX, -1, UNIT);
	is_dbl(score_log2(&s), 0, 1e-14, "the largest half-life");
	score_add(&s, INT64_MAX, INT64_MIN, 0);
	is_dbl(score_log2(&s), 0, 1e-14, "weight zero adds nothing");
	score_free(&s);
}

/* No damage may lead outside of the block; ASan sees it if one does. */
static void
test_damage(void)
{
	Score		good = score_new(HOUR);
	int			refused = 0;

	for (int64_t i = 0; i < 40; i++)
		score_add(&good, HOUR, i * 50 * HOUR, UNIT);
	ok(!decay_state_has_frame(good.block + 1, good.size - 1), "a cut state is refused");
	ok(!decay_state_has_frame(good.block + 1, 0), "an empty one too");

	for (int round = 0; round < 20000; round++)
	{
		uint8_t    *bad = malloc(good.size);
		uint8_t    *merged;
		double		result;
		size_t		size;

		memcpy(bad, good.block + 1, good.size);
		for (uint64_t flips = 1 + random64() % 3; flips > 0; flips--)
			bad[random64() % (round % 2 ? good.size : 64)] ^= (uint8_t) (1u << (random64() % 8));
		if (!decay_state_has_frame(bad, good.size))
			refused++;
		else
		{
			size = decay_state_merged_size(bad, good.block + 1);
			merged = malloc(size);
			(void) decay_state_merge(merged, size, bad, good.block + 1);
			free(merged);
			(void) decay_state_log2(bad, &result);
			size = decay_state_trimmed_size(bad);
			merged = malloc(size);
			decay_state_trim(merged, size, bad);
			free(merged);
			(void) decay_state_add(bad, HOUR, (int64_t) random64(), UNIT);
			(void) decay_state_add(bad, decay_state_half_life(bad), 2000 * HOUR, -UNIT);
		}
		free(bad);
	}
	ok(refused > 0, "20,000 damaged states are survived");
	score_free(&good);
}

int
main(void)
{
	test_values();
	test_cancellation();
	test_order();
	test_trimming();
	test_extremes();
	test_damage();
	return done_testing();
}

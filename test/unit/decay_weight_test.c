/*
 * decay_weight_test.c
 *	  decay_weight_core: cases next to ties against 120-digit arithmetic, and
 *	  what must hold for every age and half life.
 */
#include "tap.h"

#include "../../src/attribution/decay_weight_core.h"

#define DAY (INT64_C(86400) * 1000000)

typedef struct DecayCase
{
	uint64_t	age;
	uint64_t	half_life;
	uint64_t	weight;
} DecayCase;

static const DecayCase cases[] = {
#include "decay_weight_cases.h"
};

static uint64_t
random64(void)
{
	static uint64_t state = UINT64_C(31);
	uint64_t	z = (state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static uint64_t
random_half_life(void)
{
	return (random64() | (UINT64_C(1) << 63)) >> (random64() % 64);
}

/* within the half lives that give a weight, if an age can be that high */
static uint64_t
random_age(uint64_t half_life)
{
	unsigned __int128 age = (unsigned __int128) half_life * (random64() % 33) +
		random64() % half_life;

	return age > UINT64_MAX ? random64() : (uint64_t) age;
}

static void
test_cases(void)
{
	int			wrong = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		uint64_t	got = decay_weight(cases[i].age, cases[i].half_life);

		if (got == cases[i].weight)
			continue;
		diag("age %" PRIu64 ", half life %" PRIu64 ": got %" PRIu64 ", want %" PRIu64,
			 cases[i].age, cases[i].half_life, got, cases[i].weight);
		wrong++;
	}
	is_i64(wrong, 0, "hard cases are rounded right");
	ok(sizeof(cases) / sizeof(cases[0]) >= 500, "there are some hundred of them");
}

/* the weight of a touch of this age in a path of two, by powers that count from a later moment */
static uint64_t
path_weight(uint64_t age, uint64_t half_life, uint64_t later)
{
	int64_t		moment = INT64_MAX;
	int64_t		touched_at[2];
	DecayPower	powers[2];
	uint32_t	weights[2];
	DecayRate	rate;

	if (later > UINT64_MAX - age)
		later = UINT64_MAX - age;
	touched_at[1] = (int64_t) ((uint64_t) moment - later);
	touched_at[0] = (int64_t) ((uint64_t) moment - later - age);
	decay_rate_init(&rate, half_life);
	decay_powers(&rate, moment, touched_at, powers, 2);
	if (decay_path_weights(&rate, moment, touched_at, powers, weights, 2) !=
		(uint64_t) weights[0] + (uint64_t) DECAY_WEIGHT_WHOLE)
		return UINT64_MAX;
	return weights[0];
}

static void
test_paths(void)
{
	int			wrong = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		uint64_t	half_life = cases[i].half_life;
		uint64_t	laters[] = {0, half_life, half_life - 1, 40 * (half_life >> 8), random64() >> (random64() % 64),
		random_age(half_life)};

		for (size_t j = 0; j < sizeof(laters) / sizeof(laters[0]); j++)
			wrong += path_weight(cases[i].age, half_life, laters[j]) != cases[i].weight;
	}
	is_i64(wrong, 0, "hard cases are rounded right in a path, too, wherever it ends");

	for (int i = 0; i < 200000; i++)
	{
		uint64_t	half_life = random_half_life();
		uint64_t	age = random_age(half_life);

		wrong += path_weight(age, half_life, random_age(half_life)) != decay_weight(age, half_life);
	}
	is_i64(wrong, 0, "and so are any others");
}

static void
test_whole_half_lives(void)
{
	int			wrong = 0;

	for (int i = 0; i < 20000; i++)
	{
		uint64_t	half_life = random_half_life();

		for (uint64_t k = 0; k <= 40; k++)
		{
			if (half_life > UINT64_MAX / (k + 1))
				break;
			if (decay_weight(half_life * k, half_life) != (k < 32 ? UINT64_C(1) << (31 - k) : 0))
				wrong++;
		}
	}
	is_i64(wrong, 0, "whole half lives give powers of two, 32 of them zero");
}

/* the weight never grows with age, and from half to half it is halved, but for rounding */
static void
test_course(void)
{
	int			grown = 0;
	int			unhalved = 0;

	for (int i = 0; i < 100000; i++)
	{
		uint64_t	half_life = random_half_life();
		uint64_t	age = random_age(half_life);
		uint64_t	weight = decay_weight(age, half_life);

		if (weight > (uint64_t) DECAY_WEIGHT_WHOLE ||
			(age < UINT64_MAX && decay_weight(age + 1, half_life) > weight))
			grown++;
		if (age <= UINT64_MAX - half_life)
		{
			uint64_t	half = decay_weight(age + half_life, half_life);

			if (half != weight / 2 && half != (weight + 1) / 2)
				unhalved++;
		}
	}
	is_i64(grown, 0, "weights never grow with age");
	is_i64(unhalved, 0, "a half life halves them");
}

/* many touches at once, at both ends of int64 too */
static void
test_many(void)
{
	enum {MANY = 1000};
	static int64_t touched_at[MANY];
	static int64_t weights[MANY];
	static const int64_t newest[] = {INT64_MAX, 0, 820454400000000, INT64_MIN + 90 * DAY};
	int			wrong = 0;

	for (int i = 0; i < 4; i++)
	{
		uint64_t	half_life = i == 0 ? UINT64_C(1) << 62 : (uint64_t) (7 * DAY + i);
		DecayRate	rate;

		for (int j = 0; j < MANY; j++)
			touched_at[j] = newest[i] - (int64_t) (random64() % (uint64_t) (90 * DAY));
		touched_at[0] = INT64_MIN;
		touched_at[1] = newest[i];
		decay_rate_init(&rate, half_life);
		decay_weights(&rate, newest[i], touched_at, weights, MANY);
		for (int j = 0; j < MANY; j++)
		{
			uint64_t	age = (uint64_t) newest[i] - (uint64_t) touched_at[j];

			if ((uint64_t) weights[j] != decay_weight(age, half_life) ||
				(uint64_t) weights[j] != decay_weight_at(&rate, age))
				wrong++;
		}
		is_i64(weights[1], DECAY_WEIGHT_WHOLE, "the newest touch has the whole weight");
	}
	is_i64(wrong, 0, "many touches weigh as each alone");
}

int
main(void)
{
	test_cases();
	test_paths();
	test_whole_half_lives();
	test_course();
	test_many();
	return done_testing();
}

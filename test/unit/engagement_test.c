/*
 * engagement_test.c
 *	  engagement_core: exact rates, Wilson's bound and the normal quantile.
 *
 * Expected numbers: design.md and, for the rest, Python's decimal and
 * statistics.NormalDist.
 */
#include "tap.h"

#include "../../src/engagement/engagement_core.h"

static void
test_rate(void)
{
	/* one byte off, as behind a short varlena header */
	uint8_t		block[2][ENGAGEMENT_STATE_SIZE + 1];
	uint8_t    *a = block[0] + 1;
	uint8_t    *b = block[1] + 1;
	double		rate;

	engagement_state_init(a);
	ok(engagement_state_is_valid(a, ENGAGEMENT_STATE_SIZE), "an empty state is valid");
	ok(!engagement_state_rate(a, &rate), "and has no rate");

	engagement_state_add(a, 30, 1000);
	engagement_state_add(a, 0, 500);
	ok(engagement_state_rate(a, &rate), "a state with rows has one");
	is_dbl(rate, 0.02, 0, "30 of 1500");

	/* sums that leave int64: 2 * (2^63-1) over 4 * (2^63-1) */
	engagement_state_init(a);
	engagement_state_init(b);
	for (int i = 0; i < 2; i++)
	{
		engagement_state_add(a, INT64_MAX, INT64_MAX);
		engagement_state_add(b, 0, INT64_MAX);
	}
	engagement_state_merge(a, b);
	engagement_state_rate(a, &rate);
	is_dbl(rate, 0.5, 0, "sums are wider than bigint");

	engagement_state_init(a);
	engagement_state_add(a, 5, 2);
	engagement_state_rate(a, &rate);
	is_dbl(rate, 2.5, 0, "rates above 1 are legal");
}

static void
test_validation(void)
{
	uint8_t		state[ENGAGEMENT_STATE_SIZE + 1];

	engagement_state_init(state);
	ok(!engagement_state_is_valid(state, ENGAGEMENT_STATE_SIZE - 1), "a cut state is refused");
	ok(!engagement_state_is_valid(state, ENGAGEMENT_STATE_SIZE + 1), "a longer one too");
	ok(!engagement_state_is_valid(state, 0), "and an empty one");
	state[0] ^= 1;
	ok(!engagement_state_is_valid(state, ENGAGEMENT_STATE_SIZE), "another magic is refused");
	engagement_state_init(state);
	state[4] ^= 2;
	ok(!engagement_state_is_valid(state, ENGAGEMENT_STATE_SIZE), "another version is refused");
	engagement_state_init(state);
	state[ENGAGEMENT_STATE_SIZE - 1] = 0x80;
	ok(!engagement_state_is_valid(state, ENGAGEMENT_STATE_SIZE), "a negative sum is refused");
}

static void
test_wilson(void)
{
	static const struct
	{
		int64_t		positives,
					trials;
		double		confidence,
					want;
	}			cases[] = {
		{1, 1, 0.95, 0.206549314377237493},
		{90, 100, 0.95, 0.825634338495086566},
		{5, 1000, 0.95, 0.00213753552732446047},
		{3, 7, 0.8, 0.225988111614525695},
		{100, 100, 0.999, 0.902302590007348822},
		{500000, 1000000, 0.5, 0.499662755201614422},
		{1, 1000000, 0.99, 1.17405474999632374e-7},
		{INT64_C(1000000000000000000), INT64_C(2000000000000000000), 0.95, 0.499999999307048088}
	};
	char		name[80];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		snprintf(name, sizeof(name), "Wilson %" PRId64 " of %" PRId64 " at %g",
				 cases[i].positives, cases[i].trials, cases[i].confidence);
		is_dbl(engagement_wilson_lower(cases[i].positives, cases[i].trials, cases[i].confidence),
			   cases[i].want, cases[i].want * 1e-14, name);
	}
	is_dbl(engagement_wilson_lower(0, 10, 0.95), 0, 0, "no positives: 0");
	is_dbl(engagement_wilson_lower(0, 0, 0.95), 0, 0, "no trials: 0");
}

static void
test_quantile(void)
{
	is_dbl(engagement_normal_z(0.1), 0.12566134685507413, 1e-15, "z at 10 %");
	is_dbl(engagement_normal_z(0.8), 1.2815515655446008, 1e-14, "z at 80 %");
	is_dbl(engagement_normal_z(0.95), 1.9599639845400536, 1e-14, "z at 95 %");
	is_dbl(engagement_normal_z(0.999999), 4.891638475671084, 1e-9, "z at 99.9999 %");
	is_dbl(engagement_normal_z(1 - 0x1p-53), 8.292361075813595, 1e-9, "z at the largest confidence");
}

int
main(void)
{
	test_rate();
	test_validation();
	test_wilson();
	test_quantile();
	return done_testing();
}

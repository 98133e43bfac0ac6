/*
 * attribution_decay_test.c
 *	  Totals under time decay against the core, conversion by conversion: the same
 *	  credit and the same billionths for each touch, ties and instants included.
 */
#include "../../src/attribution/attribution_decay_core.h"
#include "tap.h"

#define DAY INT64_C(86400000000)
#define MOST ATTRIBUTION_DECAY_TOUCHES

static uint64_t state = 88172645463325252U;
static AttributionTouch touches[MOST];
static AttributionDecaySums sums;
static int64_t credit[MOST];
static int64_t share[MOST];
static bool earned[MOST];
static int64_t weights[MOST];
static int64_t parts[MOST];
static MoneyRemainder scratch[MOST];

static uint64_t
next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int64_t
random_amount(void)
{
	switch (next_random() % 8)
	{
		case 0:
			return ATTRIBUTION_DECAY_AMOUNT - 1 - (int64_t) (next_random() % 3);
		case 1:
			return -(ATTRIBUTION_DECAY_AMOUNT - 1) + (int64_t) (next_random() % 3);
		case 2:
			return (int64_t) (next_random() % ATTRIBUTION_DECAY_AMOUNT);
		case 3:
			return (int64_t) (next_random() % 3) - 1;
		default:
			return (int64_t) (next_random() % 20001) - 1000;
	}
}

/* Steps between touches: none, halves of half lives, days of shopping, everything at random. */
static int64_t
random_step(int manner, int64_t half_life)
{
	switch (manner)
	{
		case 0:
			return 0;
		case 1:
			return (half_life / 2) * (int64_t) (next_random() % 3);
		case 2:
			return (int64_t) (next_random() % (uint64_t) DAY);
		case 3:
			return next_random() % 8 > 0 ? 0 : (int64_t) (next_random() % (uint64_t) (20 * DAY));
		default:
			return (int64_t) (next_random() % 4);
	}
}

static size_t
add_by_money(const DecayRate *rate, size_t first, size_t end, int64_t amount)
{
	size_t		n = end - first;
	size_t		rows = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		weights[i] = (int64_t) decay_weight_at(rate, (uint64_t) touches[end - 1].touched_at -
											   (uint64_t) touches[first + i].touched_at);
		earned[first + i] |= weights[i] > 0;
		rows += weights[i] > 0;
	}
	if (money_split(amount, weights, n, parts, scratch) != MONEY_OK)
		abort();
	for (i = 0; i < n; i++)
		credit[first + i] += parts[i];
	if (money_split(MONEY_RATE_SCALE, weights, n, parts, scratch) != MONEY_OK)
		abort();
	for (i = 0; i < n; i++)
		share[first + i] += parts[i];
	return rows;
}

/* Many conversions over the same touches. */
static bool
agrees(size_t n, size_t conversions, int64_t half_life, int manner)
{
	DecayRate	rate;
	bool		same = true;
	size_t		i;

	decay_rate_init(&rate, (uint64_t) half_life);
	touches[0].touched_at = next_random() % 4 == 0 ? INT64_MIN : 820454400000000;
	for (i = 1; i < n; i++)
	{
		int64_t		step = random_step(manner, half_life);

		if (touches[i - 1].touched_at > 0 && step > INT64_MAX - touches[i - 1].touched_at)
			step = 0;
		touches[i].touched_at = touches[i - 1].touched_at + step;
	}
	memset(credit, 0, n * sizeof(credit[0]));
	memset(share, 0, n * sizeof(share[0]));
	memset(earned, 0, n * sizeof(earned[0]));

	attribution_decay_start(&sums, &rate, touches, n);
	for (i = 0; i < conversions; i++)
	{
		size_t		first = next_random() % n;
		size_t		end = first + 1 + next_random() % (n - first);
		int64_t		amount = random_amount();

		same = same && attribution_decay_add(&sums, first, end, amount) == add_by_money(&rate, first, end, amount);
	}
	same = same && memcmp(credit, sums.credit, n * sizeof(credit[0])) == 0 &&
		memcmp(share, sums.share, n * sizeof(share[0])) == 0 &&
		memcmp(earned, sums.earned, n * sizeof(earned[0])) == 0;
	if (!same)
		diag("%zu touches, half life %" PRId64 ", steps %d", n, half_life, manner);
	return same;
}

static void
test_by_hand(void)
{
	DecayRate	rate;

	/* weights 1, 2, 4, 4 of 11: 90.9, 181.8, 363.6, 363.6 of 1000, and one left for each of the three largest */
	decay_rate_init(&rate, 10);
	touches[0].touched_at = 0;
	touches[1].touched_at = 10;
	touches[2].touched_at = touches[3].touched_at = 20;
	attribution_decay_start(&sums, &rate, touches, 4);
	is_u64(attribution_decay_add(&sums, 0, 4, 1000), 4, "four touches have a weight");
	ok(sums.credit[0] == 91 && sums.credit[1] == 182 && sums.credit[2] == 364 && sums.credit[3] == 363,
	   "91 182 364 363: of the equal ones the earlier gets the unit");
	attribution_decay_add(&sums, 0, 4, -1000);
	ok(sums.credit[0] == 0 && sums.credit[1] == 0 && sums.credit[2] == 0 && sums.credit[3] == 0,
	   "negative amounts mirror, and add up");

	/* 32 half lives and more weigh nothing */
	touches[0].touched_at = 0;
	touches[1].touched_at = 320;
	touches[2].touched_at = 330;
	attribution_decay_start(&sums, &rate, touches, 3);
	is_u64(attribution_decay_add(&sums, 0, 3, 3), 2, "the oldest weighs nothing");
	ok(sums.credit[0] == 0 && sums.credit[1] == 1 && sums.credit[2] == 2, "0 1 2");
	ok(!sums.earned[0] && sums.earned[1] && sums.earned[2], "and has earned nothing");
	is_u64(attribution_decay_add(&sums, 0, 1, 7), 1, "but alone it weighs all");
	ok(sums.credit[0] == 7 && sums.share[0] == MONEY_RATE_SCALE && sums.earned[0], "7");
}

int
main(void)
{
	static const int64_t half_lives[] = {1, 1000, DAY, 7 * DAY, 7 * DAY + 1, INT64_C(1) << 62};
	bool		same = true;
	int			i;

	test_by_hand();
	for (i = 0; i < 20000 && same; i++)
		same = agrees(1 + next_random() % 40, 5, half_lives[next_random() % 6], (int) (next_random() % 5));
	ok(same, "the same as the core, few touches");
	for (i = 0; i < 300 && same; i++)
		same = agrees(1 + next_random() % 2000, 5, half_lives[next_random() % 6], (int) (next_random() % 5));
	ok(same, "many touches");
	for (i = 0; i < 5 && same; i++)
		same = agrees(MOST, 3, 7 * DAY, i);
	ok(same, "as many as there may be");
	return done_testing();
}

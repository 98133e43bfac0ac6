/*
 * engagement_rates_test.c
 *	  engagement_list_core, engagement_rates_core, engagement_prior_core,
 *	  engagement_pattern_core: multisets, statistics of rates, priors, patterns.
 *
 * Expected numbers: Python's fractions, statistics and math.
 */
#include "tap.h"

#include "../../src/engagement/engagement_list_core.h"
#include "../../src/engagement/engagement_pattern_core.h"
#include "../../src/engagement/engagement_prior_core.h"
#include "../../src/engagement/engagement_rates_core.h"

#define SIZE 4096
#define MANY 1000

/* Add a row to a state that has room for it. */
static void
add(const ListKind *kind, uint8_t *state, int64_t first, int64_t second)
{
	int64_t		row[2] = {first, second};

	if (list_add(kind, state, row) != LIST_OK)
		ok(false, "there is room");
}

static void
test_list(void)
{
	/* one byte off, as behind a short varlena header */
	static uint8_t block[3][SIZE + 1];
	uint8_t    *a = block[0] + 1;
	uint8_t    *b = block[1] + 1;
	uint8_t    *c = block[2] + 1;
	int64_t		rows[2 * LIST_FEW];
	int64_t		row[2] = {list_bits(0.5), 1};
	size_t		first = list_next_size(&LIST_RATES, NULL, NULL, row);
	size_t		size;

	is_u64(first, 60, "a small state fills 64 bytes with its varlena header");
	list_init(&LIST_RATES, a, first);
	ok(list_has_frame(&LIST_RATES, a, first), "an empty state is valid");
	ok(!list_has_frame(&LIST_RATES, a, first - 1), "a cut one is not");
	ok(!list_has_frame(&LIST_RATES, a, 8), "nor one without a header");
	ok(!list_has_frame(&LIST_TOPICS, a, first), "nor one of another kind");
	is_u64(list_count(a), 0, "it has no rows");

	for (int i = 4; i > 0; i--)
		add(&LIST_RATES, a, list_bits(i), 1);
	ok(list_add(&LIST_RATES, a, row) == LIST_NO_ROOM, "four posts fill it");
	size = list_next_size(&LIST_RATES, a, NULL, row);
	is_u64(size, 124, "the next one has twice the size");
	list_init(&LIST_RATES, b, size);
	ok(list_append(&LIST_RATES, b, a) == LIST_OK, "the rows move");
	add(&LIST_RATES, b, list_bits(0.5), 7);
	is_u64(list_count(b), 5, "a row with a weight widens the others");
	ok(list_load(&LIST_RATES, b, rows), "it can be read");
	list_sort_few(rows, 5, 2);
	ok(rows[0] == list_bits(0.5) && rows[1] == 7 && rows[2] == list_bits(1) && rows[3] == 1 &&
	   rows[8] == list_bits(4) && rows[9] == 1, "sorted, with their weights");

	/* short rows into wide ones and the other way */
	list_init(&LIST_RATES, c, SIZE);
	list_append(&LIST_RATES, c, a);
	list_append(&LIST_RATES, c, b);
	list_append(&LIST_RATES, c, a);
	is_u64(list_count(c), 13, "states join, wide or not");
	list_load(&LIST_RATES, c, rows);
	list_sort_few(rows, 13, 2);
	ok(rows[1] == 7 && rows[2] == list_bits(1) && rows[25] == 1 && rows[24] == list_bits(4),
	   "and keep their rows");

	/* canonical */
	size = list_stored_size(&LIST_RATES, rows, 13);
	is_u64(size, 24 + 13 * 16, "a stored state has no spare room");
	list_store(&LIST_RATES, c, size, rows, 13);
	ok(list_has_frame(&LIST_RATES, c, size) && list_is_sorted(c), "it says that it is sorted");
	rows[0] = list_bits(9);
	list_store(&LIST_RATES, c, size, rows, 13);
	ok(!list_load(&LIST_RATES, c, rows), "it is refused when it is not");
	is_u64(list_stored_size(&LIST_RATES, rows + 2, 12), 24 + 12 * 8, "weights of 1 are left out");

	/* what is no row */
	list_init(&LIST_RATES, c, SIZE);
	add(&LIST_RATES, c, list_bits(INFINITY), 1);
	ok(!list_load(&LIST_RATES, c, rows), "an infinite rate is refused");
	list_init(&LIST_RATES, c, SIZE);
	add(&LIST_RATES, c, list_bits(-0.5), 2);
	ok(!list_load(&LIST_RATES, c, rows), "a negative rate is refused");
	list_init(&LIST_RATES, c, SIZE);
	add(&LIST_RATES, c, list_bits(0.5), 0);
	ok(!list_load(&LIST_RATES, c, rows), "a row of no posts is refused");

	/* topics add up */
	list_init(&LIST_TOPICS, c, SIZE);
	for (int i = 0; i < 60; i++)
		add(&LIST_TOPICS, c, i % 3 - 1, 2);
	is_u64(list_count(c), 3, "the posts of a topic are one row");
	add(&LIST_TOPICS, c, 0, INT64_MAX);
	is_u64(list_count(c), 4, "unless the sum would be too large");

	is_u64(list_size_for(2, (size_t) 1 << 27, false), 0, "no state holds 2^27 rows of two words");
	is_u64(list_size_for(2, SIZE_MAX, false), 0, "nor any number of them");
}

/* Sorting many: by the first word, then the second, negative ones first. */
static void
test_sort(void)
{
	static int64_t rows[2 * MANY];
	static int64_t sorted[2 * MANY];
	static RadixEntry entries[2][MANY];
	ListSort	sort;
	uint64_t	random = 1;
	bool		in_order = true;
	int64_t		sum = 0;

	for (int i = 0; i < 2 * MANY; i++)
	{
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		rows[i] = (int64_t) random >> (i % 2 == 0 ? 60 : 3);
		sum += rows[i] >> 20;
	}
	list_sort_start(&sort, rows, MANY, 2, entries[0], entries[1], sorted);
	while (!list_sort_step(&sort))
		;
	for (int i = 2; i < 2 * MANY; i += 2)
		in_order = in_order && (sorted[i - 2] < sorted[i] ||
								(sorted[i - 2] == sorted[i] && sorted[i - 1] <= sorted[i + 1]));
	for (int i = 0; i < 2 * MANY; i++)
		sum -= sorted[i] >> 20;
	ok(in_order && sorted[0] < 0, "a thousand rows are sorted as signed numbers");
	is_i64(sum, 0, "and are the same ones");
}

static void
test_rates(void)
{
	/* 1 2 2 2 10: five posts */
	static const EngagementRow five[] = {{1, 1}, {2, 3}, {10, 1}};
	static const EngagementRow even[] = {{1, 2}, {4, 1}, {8, 1}};
	static const EngagementRow tenths[] = {{0, 1}, {0.1, 8}, {100, 1}};
	static const EngagementRow one[] = {{0.3, 7}};
	static const EngagementRow parts[] = {{1, 10}, {3, 10}};
	static const EngagementRow heavy[] = {{1, INT64_MAX}, {2, 1}};
	int64_t		posts;

	ok(engagement_posts(five, 3, &posts) && posts == 5, "posts are added up");
	ok(!engagement_posts(heavy, 2, &posts), "but not beyond 2^63-1");
	is_dbl(engagement_mean(five, 3), 3.4, 1e-15, "mean by posts");
	is_dbl(engagement_squares(five, 3, 3.4), 55.2, 1e-13, "squares about it");
	is_dbl(engagement_median(five, 5), 2, 0, "median of an odd number");
	is_dbl(engagement_median(even, 4), 2.5, 0, "median of an even number");
	is_dbl(engagement_median(one, 7), 0.3, 0, "median of one row");
	is_dbl(engagement_trimmed(five, 3, 5, 0.2), 2, 0, "a fifth off each end of five");
	is_dbl(engagement_trimmed(five, 3, 5, 0.19), 3.4, 1e-15, "less than a post cuts nothing");
	is_dbl(engagement_trimmed(tenths, 3, 10, 0.1), 0.1, 0, "a tenth off each end of ten");
	is_dbl(engagement_trimmed(parts, 2, 20, 0.4), 2, 0, "rows are cut in part");
	is_dbl(engagement_trimmed(parts, 2, 20, 0.49), 2, 0, "nearly all off");
	is_dbl(engagement_trimmed(one, 1, 7, 0.4999999999999999), 0.3, 0, "something is left of one row");
	is_dbl(engagement_mean(one, 1), 0.3, 0, "the mean of equal rates is that rate");
	is_dbl(engagement_squares(one, 1, engagement_mean(one, 1)), 0, 0, "without variance");
	is_dbl(engagement_mean(heavy, 2), 1, 0, "a mean of more posts than bigint holds");
}

static EngagementPrior
fit(const EngagementCreator *creators, size_t n)
{
	EngagementFit state;
	EngagementPrior prior;

	engagement_fit_start(&state);
	do
	{
		/* in pieces of one and the rest */
		engagement_fit_piece(&state, creators, 1);
		engagement_fit_piece(&state, creators + 1, n - 1);
	}
	while (engagement_fit_next(&state, &prior));
	return prior;
}

static void
test_prior(void)
{
	/* rows 0.02 0.04 | 0.1 0.1 0.16 | 0.3, by posts 1 3 | 2 2 4 | 5: see docs/explanation/engagement.md */
	static const EngagementCreator three[] = {
		{0.035, 4, 0.0003, 2, 0}, {0.13, 8, 0.0072, 3, 0}, {0.3, 5, 0, 1, 0}
	};
	static const EngagementCreator equal[] = {{0.1, 10, 0.002, 4, 0}, {0.1, 5, 0.001, 3, 0}};
	static const EngagementCreator exact[] = {{0.1, 10, 0, 4, 0}, {0.3, 5, 0, 3, 0}};
	static const EngagementCreator same[] = {{0.1, 10, 0, 4, 0}, {0.1, 5, 0, 3, 0}};
	static const EngagementCreator singles[] = {{0.1, 10, 0, 1, 0}, {0.3, 5, 0, 1, 0}};
	EngagementPrior prior = fit(three, 3);
	EngagementCreator creator;

	is_dbl(prior.within, 0.0025, 1e-17, "within: 0.0075 over 3");
	is_dbl(prior.between, 0.015023369565217392, 1e-16, "between: 27,643 / 1,840,000");
	is_dbl(prior.strength, 0.1664074087472416, 1e-15, "strength in posts");
	is_dbl(prior.mean, 0.15521732975666988, 1e-15, "mean by credibility");
	is_dbl(prior.creators, 3, 0, "creators");
	is_dbl(prior.posts, 17, 0, "posts");
	is_dbl(engagement_shrink(4, 0.035, &prior), 0.03980151179870699, 1e-15, "a rate moves toward the mean");
	is_dbl(engagement_shrink(0, 0.035, &prior), prior.mean, 0, "without posts it is the mean");
	is_dbl(engagement_shrink(4, NAN, &prior), prior.mean, 0, "without a rate, too");
	is_dbl(engagement_shrink(1e18, 0.035, &prior), 0.035, 1e-17, "with many posts it stays");
	is_dbl(engagement_shrink(0x1p60, 0, &(EngagementPrior) {.mean = 16, .strength = 0x1p-40}), 0x1p-96, 0,
		   "a rate of 0 keeps the digits of what it gets");
	is_dbl(engagement_shrink_margin(4, 0.035, &prior, 2), 2 * 0.02449565952293346, 1e-15, "margin");
	is_dbl(engagement_shrink_margin(0, NAN, &prior, 2), 2 * 0.12256985585867919, 1e-15,
		   "without posts that of a draw");

	creator = engagement_creator((const EngagementRow[]) {{0x1p30, 2}, {0x1p30 + 0x1p-22, 1}}, 2, 3);
	ok(creator.mean == 0x1p30 && creator.rows == 2 && creator.posts == 3, "a creator's sums");
	is_dbl(creator.mean_rest, 0x1p-22 / 3, 0x1p-22 * 1e-3, "what rounding took from the mean is kept");
	is_dbl(creator.squares, 0x1p-43 / 3, 0x1p-43 * 1e-6, "and not missing in the squares");

	prior = fit(equal, 2);
	is_dbl(prior.between, 0, 0, "creators who do not differ");
	is_dbl(prior.strength, INFINITY, 0, "have a prior of infinite strength");
	is_dbl(engagement_shrink(5, 0.4, &prior), 0.1, 0, "it takes every rate to the mean");
	is_dbl(engagement_shrink_margin(5, 0.4, &prior, 2), 0, 0, "of which nothing is in doubt");

	prior = fit(exact, 2);
	is_dbl(prior.strength, 0, 0, "posts that do not differ: strength 0");
	is_dbl(prior.mean, 0.2, 1e-17, "mean of creators");
	is_dbl(engagement_shrink(5, 0.4, &prior), 0.4, 0, "rates stay");
	is_dbl(engagement_shrink_margin(5, 0.4, &prior, 2), 0, 0, "and are certain");

	prior = fit(same, 2);
	is_dbl(prior.strength, NAN, 0, "nothing differs: strength is not known");
	is_dbl(prior.mean, 0.1, 0, "but the mean is");
	prior = fit(singles, 2);
	is_dbl(prior.within, NAN, 0, "no creator with two rows: within is not known");
	is_dbl(prior.mean, 0.16666666666666666, 1e-17, "the mean is that of posts");
	is_dbl(engagement_shrink(5, 0.4, &prior), 0.4, 0, "rates stay, again");
	is_dbl(engagement_shrink_margin(5, 0.4, &prior, 2), NAN, 0, "with unknown margin");
	prior = fit(three, 1);
	is_dbl(prior.within, 0.0003, 1e-18, "one creator has a variance within");
	is_dbl(prior.between, NAN, 0, "and none between");
}

static void
test_patterns(void)
{
	static const EngagementTopic topics[] = {{-1, 2}, {-1, 2}, {3, 4}, {9, 4}, {10, 4}};
	static const EngagementTopic uneven[] = {{1, 70}, {2, 20}, {3, 10}};
	static const EngagementTopic large[] = {{1, INT64_MAX}, {1, INT64_MAX}, {2, INT64_MAX}, {2, INT64_MAX}};
	static const EngagementAmount doubling[] = {
		{INT64_C(86400000000) * 10, 1000}, {INT64_C(86400000000) * 25, 1000}, {INT64_C(86400000000) * 40, 4000}
	};
	static const EngagementAmount far[] = {{INT64_MIN, 1}, {INT64_MAX, INT64_MAX}};
	static const int64_t times[] = {0, 10, 40};
	static const int64_t even[] = {-10, 0, 10, 20};
	static const int64_t wide[] = {INT64_MIN, 0, INT64_MAX};
	EngagementFocus focus = {0};
	EngagementGrowth growth = {0};
	double		result;

	ok(!engagement_focus_result(&focus, &result), "no topic, no focus");
	engagement_focus_piece(&focus, topics, 1);
	engagement_focus_piece(&focus, topics + 1, 4);
	ok(engagement_focus_result(&focus, &result), "in pieces");
	is_dbl(result, 0.25, 0, "four equal topics have a quarter");
	memset(&focus, 0, sizeof(focus));
	engagement_focus_piece(&focus, topics + 3, 1);
	engagement_focus_result(&focus, &result);
	is_dbl(result, 1, 0, "one topic has 1");
	memset(&focus, 0, sizeof(focus));
	engagement_focus_piece(&focus, uneven, 3);
	engagement_focus_result(&focus, &result);
	is_dbl(result, 0.4485125783319456, 1e-15, "70, 20 and 10 of a hundred");
	memset(&focus, 0, sizeof(focus));
	engagement_focus_piece(&focus, large, 4);
	engagement_focus_result(&focus, &result);
	is_dbl(result, 0.5, 1e-15, "sums leave bigint");

	engagement_growth_piece(&growth, doubling, 1);
	engagement_growth_again(&growth);
	ok(!engagement_growth_result(&growth, &result), "one time has no growth");
	memset(&growth, 0, sizeof(growth));
	engagement_growth_piece(&growth, doubling, 2);
	engagement_growth_piece(&growth, doubling + 2, 1);
	engagement_growth_again(&growth);
	engagement_growth_piece(&growth, doubling, 3);
	ok(engagement_growth_result(&growth, &result), "three have");
	is_dbl(result, 3, 1e-14, "four times as much in 30 days");
	memset(&growth, 0, sizeof(growth));
	engagement_growth_piece(&growth, far, 2);
	engagement_growth_again(&growth);
	engagement_growth_piece(&growth, far, 2);
	ok(engagement_growth_result(&growth, &result) && result > 0, "the widest range of times");
	is_dbl(result, 6.135961381758113e-06, 1e-15, "grows slowly");

	ok(!engagement_regularity(times, 2, &result), "two posts have no regularity");
	ok(engagement_regularity(times, 3, &result), "three have");
	is_dbl(result, 2 / 3.0, 1e-15, "gaps of 10 and 30: cv 1/2");
	engagement_regularity(even, 4, &result);
	is_dbl(result, 1, 0, "equal gaps: 1");
	engagement_regularity(wide, 3, &result);
	is_dbl(result, 1, 1e-15, "the widest range of times, again");
	ok(!engagement_regularity((const int64_t[]) {5, 5, 5}, 3, &result), "no gap, no regularity");
}

int
main(void)
{
	test_list();
	test_sort();
	test_rates();
	test_prior();
	test_patterns();
	return done_testing();
}

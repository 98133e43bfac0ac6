/*
 * feed_candidate_test.c
 *	  feed_candidate_core: candidates that are put in order piece by piece stand as
 *	  sorting all of them at once puts them.
 */
#include "tap.h"

#include "../../src/feed/feed_candidate_core.h"

static void
test_compare(void)
{
	FeedCandidate a = {.score = 1, .post_id = 5};
	FeedCandidate b = {.score = 1, .post_id = 6};
	FeedCandidate c = {.score = 2, .post_id = 1};

	ok(feed_candidate_compare(&c, &a) < 0 && feed_candidate_compare(&b, &a) < 0 &&
	   feed_candidate_compare(&a, &b) > 0 && feed_candidate_compare(&a, &a) == 0,
	   "the higher score first, then the younger post");
}

/* Candidates are put in order as far as somebody asks, in whatever steps. */
static void
test_order(void)
{
	static FeedCandidate whole[1600];
	static FeedCandidate part[1600];
	uint64_t	state = 7;
	int			differing = 0;
	int			lost = 0;
	int			beyond = 0;
	int			run;

	for (run = 0; run < 400; run++)
	{
		uint32_t	count = run < 200 ? (uint32_t) run : 1600;
		uint32_t	ordered = 0;
		uint32_t	upto = 0;
		uint32_t	i;

		for (i = 0; i < count; i++)
		{
			state = state * 6364136223846793005u + 1442695040888963407u;
			/* many are equal, all are, or they come in order, either way */
			whole[i] = (FeedCandidate) {
				.score = run % 5 == 0 ? 1 : run % 5 == 1 ? (double) i : run % 5 == 2 ? -(double) i :
					(double) (state >> 33) / (run % 5 == 3 ? 1e9 : 1),
				.post_id = (int64_t) (i * 7919 % 1601), .row = i
			};
		}
		memcpy(part, whole, sizeof(whole));
		qsort(whole, count, sizeof(FeedCandidate), feed_candidate_compare);
		while (upto < count)
		{
			upto += 1 + (uint32_t) (state >> 40) % 50;
			upto = upto < count ? upto : count;
			state = state * 6364136223846793005u + 1442695040888963407u;
			feed_candidates_order(part, count, &ordered, upto);
			lost += ordered < upto;
			beyond += ordered > count;
			for (i = 0; i < ordered; i++)
				differing += part[i].row != whole[i].row;
		}
	}
	is_i64(differing, 0, "the first are those of the whole order");
	is_i64(lost, 0, "as many are in order as were asked for");
	is_i64(beyond, 0, "and no more than there are");
	{
		uint32_t	ordered = 0;

		for (run = 0; run < 1600; run++)
			part[run] = whole[(run * 677) % 1600];
		feed_candidates_order(part, 1600, &ordered, 25);
		ok(ordered < 200, "a page's worth leaves most as they are");
	}
}

int
main(void)
{
	test_compare();
	test_order();
	return done_testing();
}

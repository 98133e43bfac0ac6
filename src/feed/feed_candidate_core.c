/*
 * feed_candidate_core.c
 *	  Candidates of a page by score, the best first and as many of them as somebody
 *	  asks for.
 *
 * Quickselect, each time from where the last one ended: splits until the best are
 * in front, then those are sorted.
 */
#include "feed_candidate_core.h"

#include <stdbool.h>
#include <stdlib.h>

/* candidates that are put in order at once, and splits until all that are left are */
#define ORDERED_LEAST 64
#define ORDERED_ROUNDS 40

int
feed_candidate_compare(const void *a, const void *b)
{
	const FeedCandidate *x = a;
	const FeedCandidate *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->post_id != y->post_id)
		return x->post_id > y->post_id ? -1 : 1;
	return 0;
}

static void
swap_candidates(FeedCandidate *a, FeedCandidate *b)
{
	FeedCandidate kept = *a;

	*a = *b;
	*b = kept;
}

/* By feed_candidate_compare, for as few as one likes. */
static bool
is_before(const FeedCandidate *a, const FeedCandidate *b)
{
	return a->score != b->score ? a->score > b->score : a->post_id > b->post_id;
}

/*
 * Splits candidates at a pivot, the median of three: those before it, the pivot,
 * those behind it.  Returns the pivot's place.
 */
static uint32_t
split(FeedCandidate *candidates, uint32_t count)
{
	FeedCandidate *first = candidates;
	FeedCandidate *middle = candidates + count / 2;
	FeedCandidate *last = candidates + count - 1;
	uint32_t	place = 0;
	uint32_t	i;

	if (is_before(middle, first))
		swap_candidates(first, middle);
	if (is_before(last, middle))
	{
		swap_candidates(middle, last);
		if (is_before(middle, first))
			swap_candidates(first, middle);
	}
	/* the pivot waits at the end */
	swap_candidates(middle, last);
	for (i = 0; i < count - 1; i++)
		if (is_before(&candidates[i], last))
		{
			if (i != place)
				swap_candidates(&candidates[i], &candidates[place]);
			place++;
		}
	swap_candidates(&candidates[place], last);
	return place;
}

void
feed_candidates_order(FeedCandidate *candidates, uint32_t count, uint32_t *ordered, uint32_t upto)
{
	uint32_t	low = *ordered;
	uint32_t	high = count;
	uint32_t	target = upto < ORDERED_LEAST ? ORDERED_LEAST : upto;
	int			rounds;

	if (upto <= low || low >= count)
		return;
	/* twice as many as before, so that asking often costs no more than sorting all */
	if (target < 2 * (uint64_t) low)
		target = 2 * low;
	/*
	 * Those before "low" are better than those up to "high", and these than the
	 * rest.  Bad luck with the pivots ends with more of them sorted.
	 */
	for (rounds = 0; rounds < ORDERED_ROUNDS && low < target && target < high; rounds++)
	{
		uint32_t	place = low + split(candidates + low, high - low);

		if (place < target)
			low = place + 1;
		else
			high = place;
	}
	if (low >= target)
		high = low;
	qsort(candidates + *ordered, high - *ordered, sizeof(FeedCandidate), feed_candidate_compare);
	*ordered = high;
}

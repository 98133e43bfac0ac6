/*
 * neighbors_core.c
 *	  Nearest neighbours of an item, and scores of items for a history.
 *
 * An item's sums are made by walking the histories of its users (Gustavson's
 * product of a sparse matrix with its transpose, row by row): nothing is
 * stored per pair of items, and a row's sums are a plain array.  The k best of
 * them stay in a heap whose root is the worst.
 */
#include "neighbors_core.h"

#include <math.h>
#include <string.h>

#define STEP 65536

void
neighbors_sums_init(NeighborsSums *sums, uint64_t *sum, uint32_t *touched, uint32_t items)
{
	memset(sums, 0, sizeof(*sums));
	sums->items = items;
	sums->sum = sum;
	sums->touched = touched;
}

void
neighbors_sums_start(NeighborsSums *sums, const NeighborsMatrix *matrix, uint32_t item)
{
	sums->item = item;
	sums->next = matrix->start[item];
	sums->done = 0;
}

/* Some of one history, times the weight that its user gave to the item. */
static inline void
add_history(NeighborsSums *sums, const NeighborsHistories *from, uint64_t weight, uint32_t begin, uint32_t end)
{
	uint32_t	i;

	if (from->weight == NULL)
	{
		for (i = begin; i < end; i++)
			neighbors_sums_add(sums, from->item[i], 1);
	}
	else
	{
		for (i = begin; i < end; i++)
			neighbors_sums_add(sums, from->item[i], weight * from->weight[i]);
	}
}

bool
neighbors_sums_step(NeighborsSums *sums, const NeighborsMatrix *matrix)
{
	const NeighborsHistories *from = &matrix->by_user;
	uint32_t	stop = matrix->start[sums->item + 1];
	uint32_t	budget = STEP;

	for (; sums->next < stop; sums->next++)
	{
		uint32_t	user = matrix->user[sums->next];
		uint32_t	begin = from->start[user] + sums->done;
		uint32_t	end = from->start[user + 1];
		uint64_t	weight = matrix->weight == NULL ? 1 : matrix->weight[sums->next];

		if (end - begin > budget)
		{
			add_history(sums, from, weight, begin, begin + budget);
			sums->done += budget;
			return false;
		}
		add_history(sums, from, weight, begin, end);
		/* a history costs something even when it is short */
		budget -= end - begin;
		budget -= budget > 0;
		sums->done = 0;
	}
	return true;
}

void
neighbors_norms(double *number, const uint64_t *norm, uint32_t items, bool weighted)
{
	uint32_t	item;

	for (item = 0; item < items; item++)
		number[item] = neighbors_number(norm[item], weighted);
}

/* Is a better than b? */
static inline bool
is_better(const NeighborsScore *a, const NeighborsScore *b)
{
	return a->value > b->value || (a->value == b->value && a->item < b->item);
}

/* Puts a score into the heap from a place downward: the worst is at the root. */
static void
sift(NeighborsScore *heap, uint32_t n, uint32_t place, NeighborsScore score)
{
	for (;;)
	{
		uint32_t	child = 2 * place + 1;

		if (child >= n)
			break;
		if (child + 1 < n && is_better(&heap[child], &heap[child + 1]))
			child++;
		if (!is_better(&score, &heap[child]))
			break;
		heap[place] = heap[child];
		place = child;
	}
	heap[place] = score;
}

/* One more, if it is among the k best. */
static inline uint32_t
offer(NeighborsScore *heap, uint32_t n, uint32_t k, NeighborsScore score)
{
	uint32_t	place;

	if (n < k)
	{
		heap[n++] = score;
		/* a heap is needed only once it is full */
		if (n == k)
		{
			for (place = n / 2; place-- > 0;)
				sift(heap, n, place, heap[place]);
		}
	}
	else if (k > 0 && is_better(&score, &heap[0]))
		sift(heap, n, 0, score);
	return n;
}

/* The best first. */
static void
sort_scores(NeighborsScore *heap, uint32_t n, uint32_t k)
{
	uint32_t	place;

	if (n < k)
	{
		for (place = n / 2; place-- > 0;)
			sift(heap, n, place, heap[place]);
	}
	while (n > 1)
	{
		NeighborsScore worst = heap[0];

		n--;
		sift(heap, n, 0, heap[n]);
		heap[n] = worst;
	}
}

uint32_t
neighbors_nearest(NeighborsSums *sums, const double *norm, bool weighted, uint32_t k, double shrink,
				  NeighborsScore *nearest)
{
	double		own = norm[sums->item];
	uint32_t	n = 0;
	uint32_t	i;

	for (i = 0; i < sums->count; i++)
	{
		uint32_t	item = sums->touched[i];
		NeighborsScore score;

		if (item != sums->item)
		{
			score.value = neighbors_similarity(neighbors_number(sums->sum[item], weighted), own,
											   norm[item], shrink);
			score.item = item;
			n = offer(nearest, n, k, score);
		}
		sums->sum[item] = 0;
	}
	sums->count = 0;
	sort_scores(nearest, n, k);
	return n;
}

void
neighbors_scores_init(NeighborsScores *scores, double *score, uint32_t *touched, bool *seen, uint32_t items)
{
	memset(scores, 0, sizeof(*scores));
	scores->items = items;
	scores->score = score;
	scores->touched = touched;
	scores->seen = seen;
}

double
neighbors_recency(uint32_t place, double half_life)
{
	return exp2(-(double) place / half_life);
}

void
neighbors_score(NeighborsScores *scores, const NeighborsLists *lists, uint32_t item, double weight)
{
	size_t		i;

	for (i = lists->start[item]; i < lists->start[item + 1]; i++)
	{
		double		value = weight * lists->neighbor[i].value;
		uint32_t	neighbor = lists->neighbor[i].item;

		/* what is too small for a double adds nothing */
		if (!(value > 0))
			continue;
		if (scores->score[neighbor] == 0)
			scores->touched[scores->count++] = neighbor;
		scores->score[neighbor] += value;
	}
}

uint32_t
neighbors_best(NeighborsScores *scores, uint32_t n, NeighborsScore *best)
{
	uint32_t	count = 0;
	uint32_t	i;

	for (i = 0; i < scores->count; i++)
	{
		NeighborsScore score = {scores->score[scores->touched[i]], scores->touched[i]};

		if (!scores->seen[score.item])
			count = offer(best, count, n, score);
		scores->score[score.item] = 0;
	}
	scores->count = 0;
	sort_scores(best, count, n);
	return count;
}

/*
 * neighbors_history_core.c
 *	  Histories of users out of events in any order, and the same from the
 *	  items' side.
 *
 * Events are brought together by user in a counting sort, each user's are
 * sorted, and an item's first occurrence, which is its latest, is kept.  Most
 * users have few events, which are sorted by insertion; one who has many does
 * not hold up a step, because the merge sort can pause anywhere.
 */
#include "neighbors_core.h"

#include <string.h>

#define STEP 65536
#define RUN 16

/* Does a come before b: newer, then greater number, then greater weight? */
static inline bool
comes_first(const NeighborsEvent *a, const NeighborsEvent *b)
{
	if (a->at != b->at)
		return a->at > b->at;
	if (a->item != b->item)
		return a->item > b->item;
	return a->weight > b->weight;
}

static void
sort_run(NeighborsEvent *events, size_t n)
{
	size_t		i;

	for (i = 1; i < n; i++)
	{
		NeighborsEvent moving = events[i];
		size_t		j = i;

		for (; j > 0 && comes_first(&moving, &events[j - 1]); j--)
			events[j] = events[j - 1];
		events[j] = moving;
	}
}

static inline size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The pair of runs that begins at left. */
static void
sort_pair(NeighborsSort *sort, size_t left)
{
	sort->left = left;
	sort->i = left;
	sort->j = least(left + sort->width, sort->n);
}

static void
sort_start(NeighborsSort *sort, NeighborsEvent *events, NeighborsEvent *scratch, size_t n)
{
	sort->from = events;
	sort->to = scratch;
	sort->n = n;
	sort->short_runs = 0;
	sort->width = RUN;
	sort_pair(sort, 0);
}

/* Merges on, at most *budget events; true when the pair is one run. */
static bool
merge_pair(NeighborsSort *sort, size_t *budget)
{
	size_t		middle = least(sort->left + sort->width, sort->n);
	size_t		end = least(middle + sort->width, sort->n);
	NeighborsEvent *to = sort->to + sort->i + (sort->j - middle);

	for (; *budget > 0 && (sort->i < middle || sort->j < end); --*budget)
	{
		bool		second = sort->i == middle ||
			(sort->j < end && comes_first(&sort->from[sort->j], &sort->from[sort->i]));

		*to++ = sort->from[second ? sort->j++ : sort->i++];
	}
	return sort->i == middle && sort->j == end;
}

/* True when sort->from is sorted. */
static bool
sort_step(NeighborsSort *sort, size_t *budget)
{
	NeighborsEvent *merged;

	for (; sort->short_runs < sort->n && *budget > 0; sort->short_runs += RUN)
	{
		size_t		n = least(RUN, sort->n - sort->short_runs);

		sort_run(sort->from + sort->short_runs, n);
		*budget -= least(n, *budget);
	}
	if (sort->short_runs < sort->n)
		return false;
	for (; sort->width < sort->n; sort->width *= 2)
	{
		while (sort->left < sort->n)
		{
			if (!merge_pair(sort, budget))
				return false;
			sort_pair(sort, least(sort->left + 2 * sort->width, sort->n));
		}
		merged = sort->to;
		sort->to = sort->from;
		sort->from = merged;
		sort->left = 0;
		sort->i = 0;
		sort->j = least(2 * sort->width, sort->n);
	}
	return true;
}

void
neighbors_histories_start(NeighborsBuild *build, NeighborsHistories *histories,
						  NeighborsEvent *events, NeighborsEvent *scratch, size_t n,
						  bool *mark, uint32_t max_history)
{
	memset(build, 0, sizeof(*build));
	build->histories = histories;
	build->events = events;
	build->scratch = scratch;
	build->mark = mark;
	build->n = n;
	build->max_history = max_history;
	build->phase = NEIGHBORS_COUNTING;
	memset(histories->start, 0, ((size_t) histories->users + 1) * sizeof(uint32_t));
}

/* start[u + 1] becomes how many events u has, then start[u] where they begin. */
static bool
step_count(NeighborsBuild *build)
{
	uint32_t   *start = build->histories->start;
	size_t		stop = least(build->n, build->next + STEP);
	uint32_t	user;

	for (; build->next < stop; build->next++)
		start[build->events[build->next].user + 1]++;
	if (build->next < build->n)
		return false;
	for (user = 0; user < build->histories->users; user++)
		start[user + 1] += start[user];
	return true;
}

/* Places each event with its user; start[u] moves on to where those of u + 1 begin. */
static bool
step_place(NeighborsBuild *build)
{
	uint32_t   *start = build->histories->start;
	size_t		stop = least(build->n, build->next + STEP);

	for (; build->next < stop; build->next++)
	{
		const NeighborsEvent *event = &build->events[build->next];

		build->scratch[start[event->user]++] = *event;
	}
	return build->next == build->n;
}

/* The first of each item until enough are kept; true when there are no more. */
static bool
choose(NeighborsBuild *build, size_t n, size_t *budget)
{
	NeighborsHistories *histories = build->histories;

	for (; build->user_next < n && build->user_kept < build->max_history; build->user_next++)
	{
		const NeighborsEvent *event = &build->sort.from[build->user_next];

		if (*budget == 0)
			return false;
		--*budget;
		if (build->mark[event->item])
			continue;
		build->mark[event->item] = true;
		histories->item[build->kept] = event->item;
		if (histories->weight != NULL)
			histories->weight[build->kept] = event->weight;
		if (histories->at != NULL)
			histories->at[build->kept] = event->at;
		build->kept++;
		build->user_kept++;
	}
	return true;
}

static bool
unmark(NeighborsBuild *build, size_t *budget)
{
	for (; build->user_kept > 0; build->user_kept--)
	{
		if (*budget == 0)
			return false;
		--*budget;
		build->mark[build->histories->item[build->kept - build->user_kept]] = false;
	}
	return true;
}

/* One user; false when the budget is used up before. */
static bool
keep_user(NeighborsBuild *build, uint32_t user, size_t *budget)
{
	uint32_t   *start = build->histories->start;
	size_t		n;

	if (build->user_phase == NEIGHBORS_NEW_USER)
	{
		uint32_t	end = start[user];

		/* the counting sort is over: its source serves to merge to */
		sort_start(&build->sort, build->scratch + build->begin, build->events + build->begin,
				   end - build->begin);
		build->begin = end;
		start[user] = build->kept;
		build->user_next = 0;
		build->user_phase = NEIGHBORS_SORTING;
	}
	n = build->sort.n;
	if (build->user_phase == NEIGHBORS_SORTING)
	{
		if (!sort_step(&build->sort, budget))
			return false;
		build->user_phase = NEIGHBORS_CHOOSING;
	}
	if (build->user_phase == NEIGHBORS_CHOOSING)
	{
		if (!choose(build, n, budget))
			return false;
		build->user_phase = NEIGHBORS_UNMARKING;
	}
	if (!unmark(build, budget))
		return false;
	build->user_phase = NEIGHBORS_NEW_USER;
	return true;
}

/* start[u] is where those of u + 1 begin; it becomes where the kept ones of u do. */
static bool
step_keep(NeighborsBuild *build)
{
	NeighborsHistories *histories = build->histories;
	size_t		budget = 2 * STEP;

	for (; build->next < histories->users; build->next++)
	{
		if (budget == 0 || !keep_user(build, (uint32_t) build->next, &budget))
			return false;
		/* a user costs something even without events */
		budget -= budget > 0;
	}
	histories->start[histories->users] = build->kept;
	return true;
}

bool
neighbors_histories_step(NeighborsBuild *build)
{
	switch (build->phase)
	{
		case NEIGHBORS_COUNTING:
			if (step_count(build))
			{
				build->phase = NEIGHBORS_PLACING;
				build->next = 0;
			}
			return false;
		case NEIGHBORS_PLACING:
			if (step_place(build))
			{
				build->phase = NEIGHBORS_KEEPING;
				build->next = 0;
			}
			return false;
		default:
			return step_keep(build);
	}
}

void
neighbors_transpose_start(NeighborsTranspose *transpose, NeighborsMatrix *matrix)
{
	memset(transpose, 0, sizeof(*transpose));
	transpose->matrix = matrix;
	memset(matrix->start, 0, ((size_t) matrix->by_user.items + 1) * sizeof(uint32_t));
	memset(matrix->norm, 0, (size_t) matrix->by_user.items * sizeof(uint64_t));
}

/* start[i + 1] becomes how many users i has, then start[i] where they begin. */
static NeighborsStatus
step_norms(NeighborsTranspose *transpose)
{
	NeighborsMatrix *matrix = transpose->matrix;
	const NeighborsHistories *from = &matrix->by_user;
	uint32_t	n = from->start[from->users];
	uint32_t	stop = n - transpose->next > STEP ? transpose->next + STEP : n;
	uint32_t	item;

	for (; transpose->next < stop; transpose->next++)
	{
		uint64_t	weight = from->weight == NULL ? 1 : from->weight[transpose->next];
		uint64_t   *norm = &matrix->norm[from->item[transpose->next]];

		/* weights have 31 bits: one more square can't go around */
		*norm += weight * weight;
		if (*norm >> 63 != 0)
			return NEIGHBORS_OVERFLOW;
		matrix->start[from->item[transpose->next] + 1]++;
	}
	if (transpose->next < n)
		return NEIGHBORS_MORE;
	for (item = 0; item < from->items; item++)
		matrix->start[item + 1] += matrix->start[item];
	return NEIGHBORS_DONE;
}

/* Users come by number, so those of an item do. */
static NeighborsStatus
step_users(NeighborsTranspose *transpose)
{
	NeighborsMatrix *matrix = transpose->matrix;
	const NeighborsHistories *from = &matrix->by_user;
	uint32_t	done = 0;

	for (; transpose->user < from->users; transpose->user++)
	{
		uint32_t	end = from->start[transpose->user + 1];

		for (; transpose->next < end; transpose->next++)
		{
			uint32_t	place;

			if (done++ == STEP)
				return NEIGHBORS_MORE;
			place = matrix->start[from->item[transpose->next]]++;
			matrix->user[place] = transpose->user;
			if (matrix->weight != NULL)
				matrix->weight[place] = from->weight[transpose->next];
		}
	}
	/* start[i] has moved on to where the users of i + 1 begin */
	memmove(matrix->start + 1, matrix->start, (size_t) from->items * sizeof(uint32_t));
	matrix->start[0] = 0;
	return NEIGHBORS_DONE;
}

NeighborsStatus
neighbors_transpose_step(NeighborsTranspose *transpose)
{
	NeighborsStatus status;

	if (transpose->placing)
		return step_users(transpose);
	status = step_norms(transpose);
	if (status != NEIGHBORS_DONE)
		return status;
	transpose->placing = true;
	transpose->next = 0;
	return NEIGHBORS_MORE;
}

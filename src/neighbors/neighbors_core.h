/*
 * neighbors_core.h
 *	  Items that the same users chose: histories, co-counts, nearest neighbours,
 *	  and scores of items for a history.
 *
 * Pure C without PostgreSQL.  The caller owns all memory, numbers users and
 * items from 0, and items in the order of their ids: where two of them are
 * equally near, the smaller number comes first.  Whatever takes long goes by
 * steps of bounded cost:
 *
 *		neighbors_histories_start(&build, ...);
 *		while (!neighbors_histories_step(&build))
 *			... check for interrupts ...
 *
 * The order:  events -> neighbors_histories -> neighbors_transpose -> for each
 * item neighbors_sums, neighbors_nearest -> lists -> neighbors_score.  Numbers
 * are sums of integers and a formula over them, so they don't depend on the
 * order of events.
 */
#ifndef PG_INFLUENCE_NEIGHBORS_CORE_H
#define PG_INFLUENCE_NEIGHBORS_CORE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A weight is an integer, 1 where nobody gave one, else in units of 2^-12. */
#define NEIGHBORS_WEIGHT_BITS 12
#define NEIGHBORS_MAX_WEIGHT 524287.0

/* as many events, users or items as there may be */
#define NEIGHBORS_MAX UINT32_C(0x7fffffff)

/* A user chose an item. */
typedef struct NeighborsEvent
{
	int64_t		at;				/* in any unit; greater is later */
	uint32_t	user;
	uint32_t	item;
	uint32_t	weight;
} NeighborsEvent;

/*
 * Histories: what each user chose, the newest first, an item once.  Of user u
 * the items [start[u], start[u + 1]).
 */
typedef struct NeighborsHistories
{
	uint32_t	users;
	uint32_t	items;
	uint32_t   *start;			/* users + 1 of them */
	uint32_t   *item;			/* room for all events */
	uint32_t   *weight;			/* as many, or NULL: all are 1 */
	int64_t    *at;				/* as many, or NULL: not wanted */
} NeighborsHistories;

/* Sorting one user's events, the newest first; a merge sort that can pause. */
typedef struct NeighborsSort
{
	NeighborsEvent *from;		/* sorted when done */
	NeighborsEvent *to;
	size_t		n;
	size_t		short_runs;		/* events that lie in sorted runs of the least width */
	size_t		width;			/* of the runs being merged */
	size_t		left;			/* where the pair of runs begins */
	size_t		i;				/* next of its first run */
	size_t		j;				/* next of its second run */
} NeighborsSort;

typedef struct NeighborsBuild
{
	NeighborsHistories *histories;
	NeighborsEvent *events;
	NeighborsEvent *scratch;
	bool	   *mark;			/* of an item: it is in the history at hand */
	size_t		n;
	size_t		next;			/* event, or user, that is next in this phase */
	uint32_t	max_history;
	uint32_t	begin;			/* of the next user's events */
	uint32_t	kept;
	uint32_t	user_kept;		/* of that, by the user at hand */
	size_t		user_next;		/* event of the user that is next to be looked at */
	NeighborsSort sort;
	enum
	{
		NEIGHBORS_NEW_USER,
		NEIGHBORS_SORTING,
		NEIGHBORS_CHOOSING,
		NEIGHBORS_UNMARKING
	}			user_phase;
	enum
	{
		NEIGHBORS_COUNTING,
		NEIGHBORS_PLACING,
		NEIGHBORS_KEEPING
	}			phase;
} NeighborsBuild;

/*
 * Of several events of a user and item the latest counts, of equally late ones
 * that with the greatest weight.  Then a user's newest max_history items are
 * kept; of equally late ones those with the greater number are newer.  events
 * is overwritten; scratch has room for n; mark is false for all items, before
 * and afterwards.
 */
extern void neighbors_histories_start(NeighborsBuild *build, NeighborsHistories *histories,
									  NeighborsEvent *events, NeighborsEvent *scratch, size_t n,
									  bool *mark, uint32_t max_history);

/* true when done: histories->start[users] items are kept */
extern bool neighbors_histories_step(NeighborsBuild *build);

/*
 * The same from the items' side: who chose an item, by ascending number.
 */
typedef struct NeighborsMatrix
{
	NeighborsHistories by_user;
	uint32_t   *start;			/* items + 1 of them */
	uint32_t   *user;			/* as many as by_user.item */
	uint32_t   *weight;			/* the same, or NULL as in by_user */
	uint64_t   *norm;			/* of each item: sum of squared weights, below 2^63 */
} NeighborsMatrix;

typedef struct NeighborsTranspose
{
	NeighborsMatrix *matrix;
	uint32_t	next;			/* position, or user, that is next in this phase */
	uint32_t	user;
	bool		placing;
} NeighborsTranspose;

typedef enum NeighborsStatus
{
	NEIGHBORS_MORE = 0,			/* call again */
	NEIGHBORS_DONE,
	NEIGHBORS_OVERFLOW			/* the squared weights of an item don't fit */
} NeighborsStatus;

/* matrix->by_user is filled; start, user, weight and norm are written */
extern void neighbors_transpose_start(NeighborsTranspose *transpose, NeighborsMatrix *matrix);
extern NeighborsStatus neighbors_transpose_step(NeighborsTranspose *transpose);

/*
 * What an item has in common with each other one: the sum over users of the
 * product of both weights (without weights: how many users chose both).  No
 * sum exceeds the greater of both norms, so it fits.
 */
typedef struct NeighborsSums
{
	uint32_t	items;
	uint64_t   *sum;			/* of each item; all zero between two uses */
	uint32_t   *touched;		/* room for items; those whose sum is not zero */
	uint32_t	count;
	uint32_t	item;			/* the one being summed up */
	uint32_t	next;			/* its next user */
	uint32_t	done;			/* items of that user's history that are done */
} NeighborsSums;

/* sum has items zeros */
extern void neighbors_sums_init(NeighborsSums *sums, uint64_t *sum, uint32_t *touched, uint32_t items);
extern void neighbors_sums_start(NeighborsSums *sums, const NeighborsMatrix *matrix, uint32_t item);

/* true when done */
extern bool neighbors_sums_step(NeighborsSums *sums, const NeighborsMatrix *matrix);

/* More to a sum, for a caller that has no matrix. */
static inline void
neighbors_sums_add(NeighborsSums *sums, uint32_t item, uint64_t value)
{
	if (sums->sum[item] == 0 && value != 0)
		sums->touched[sums->count++] = item;
	sums->sum[item] += value;
}

/* An item and how near, or how good, it is. */
typedef struct NeighborsScore
{
	double		value;
	uint32_t	item;
} NeighborsScore;

/*
 * similarity = c * c / (sqrt(a * b) * (c + shrink)), c the sum of both items, a
 * and b their norms: the cosine c / sqrt(a * b), shrunk by c / (c + shrink).
 * Evaluated in this order, each step rounded to double.
 */
static inline double
neighbors_similarity(double common, double norm_a, double norm_b, double shrink)
{
	return common * common / (sqrt(norm_a * norm_b) * (common + shrink));
}

/* A norm or a sum as a number: what it is in units of 1. */
static inline double
neighbors_number(uint64_t value, bool weighted)
{
	return weighted ? (double) value * (1.0 / ((uint64_t) 1 << 2 * NEIGHBORS_WEIGHT_BITS)) : (double) value;
}

/* number[items], the norms as numbers */
extern void neighbors_norms(double *number, const uint64_t *norm, uint32_t items, bool weighted);

/*
 * The k nearest neighbours by the sums of sums->item, the nearest first; how
 * many there are.  nearest has room for k or for items, whichever is less; the
 * sums are zero afterwards.
 */
extern uint32_t neighbors_nearest(NeighborsSums *sums, const double *norm, bool weighted,
								  uint32_t k, double shrink, NeighborsScore *nearest);

/* Neighbours of all items: of item i those in [start[i], start[i + 1]). */
typedef struct NeighborsLists
{
	uint32_t	items;
	const size_t *start;
	const NeighborsScore *neighbor;
} NeighborsLists;

/* Scores of items by a history. */
typedef struct NeighborsScores
{
	uint32_t	items;
	double	   *score;			/* of each item; all zero between two uses */
	uint32_t   *touched;		/* room for items */
	bool	   *seen;			/* of each item; is not ranked; all false between two uses */
	uint32_t	count;
} NeighborsScores;

/* score and seen are zero */
extern void neighbors_scores_init(NeighborsScores *scores, double *score, uint32_t *touched, bool *seen,
								  uint32_t items);

/* 2^(-place / half_life): the newest of a history has place 0 */
extern double neighbors_recency(uint32_t place, double half_life);

/*
 * Adds weight times similarity to each neighbour of an item of the history.
 * weight > 0; sums are in the order of calls, so start with the newest.
 */
extern void neighbors_score(NeighborsScores *scores, const NeighborsLists *lists, uint32_t item, double weight);

/* It will not be among the best. */
static inline void
neighbors_scores_seen(NeighborsScores *scores, uint32_t item)
{
	scores->seen[item] = true;
}

/*
 * The n best that were not seen, the best first, the smaller number first where
 * equal; how many there are.  seen stays; scores are zero afterwards.
 */
extern uint32_t neighbors_best(NeighborsScores *scores, uint32_t n, NeighborsScore *best);

#endif							/* PG_INFLUENCE_NEIGHBORS_CORE_H */

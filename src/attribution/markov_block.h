/*
 * markov_block.h
 *	  A block of a system, whose rows all depend on each other, while it is
 *	  solved. For the cores only.
 */
#ifndef PG_INFLUENCE_MARKOV_BLOCK_H
#define PG_INFLUENCE_MARKOV_BLOCK_H

#include <float.h>

#include "markov_solver_core.h"

/* of the sum of a row: an addition and a product each, and the entries' own */
#define MARKOV_ROUNDING(system, i) (((system)->row[(i) + 1] - (system)->row[i] + 8) * DBL_EPSILON)

/*
 * What is solved at a time.
 *
 * Rows that only repeat another row (one entry, of 1, and nothing else) are left
 * out of the iteration: the plan has the others, and reads the row that is
 * repeated.  Paths of higher orders consist of such rows for the most part.
 *
 * A sweep goes through the plan in order, so of the values before it only those
 * matter that a row reads from itself or a later one: the feed.  Vectors are
 * over the feed; other rows follow from it.
 */
typedef struct MarkovBlock
{
	const MarkovSystem *system;
	const uint8_t *mask;		/* of the first row, as the next two */
	const double *gauge;
	MarkovLanes *x;				/* solution */
	size_t		first;
	size_t		rows;

	size_t		planned;
	uint32_t   *plan;			/* rows from first on, ascending */
	size_t	   *plan_row;		/* entries of the plan's rows, as in a system */
	uint32_t   *plan_column;
	double	   *plan_entry;
	uint32_t   *repeats;		/* by row: the row of the plan that it repeats */
	size_t		fed;
	uint32_t   *feed;

	MarkovLanes *b;				/* by row: right-hand side, with what other blocks give */
	MarkovLanes *y;				/* by row: a direction */
	MarkovLanes *r;				/* what a sweep changes */
	MarkovLanes *p[MARKOV_DIRECTIONS];
	MarkovLanes *q[MARKOV_DIRECTIONS];
	MarkovLanes norm[MARKOV_DIRECTIONS];	/* of q */
} MarkovBlock;

/* the rows of the block without those that repeat another, and their feed */
extern void markov_block_plan(MarkovBlock *block, const MarkovPair *rhs, MarkovBreath *breath);

/* x, so that the gauged residuals of a lane add up to aim; *bound grows by what is left and rounding */
extern void markov_block_solve(MarkovBlock *block, double aim, MarkovLanes *bound,
							   MarkovBreath *breath);

static inline void
markov_hold_at_zero(MarkovLanes *v, uint8_t mask)
{
	int			lane;

	for (lane = 0; lane < MARKOV_LANES; lane++)
	{
		if (mask & (1 << lane))
			markov_lane_set(v, lane, 0);
	}
}

static inline double
markov_greatest(const MarkovLanes *v)
{
	double		most = 0;
	int			lane;

	/* written so that NaN wins */
	for (lane = 0; lane < MARKOV_LANES; lane++)
		most = markov_lane(v, lane) <= most ? most : markov_lane(v, lane);
	return most;
}

typedef int64_t MarkovBits __attribute__((vector_size(2 * sizeof(int64_t)), aligned(8)));

static inline MarkovPair
markov_magnitude(MarkovPair v)
{
	const MarkovBits all_but_sign = {INT64_MAX, INT64_MAX};

	return (MarkovPair) ((MarkovBits) v & all_but_sign);
}

/* Written out, here and below, so that sums stay in registers. */
static inline void
markov_add_magnitude(MarkovLanes *sum, const MarkovLanes *v, double weight)
{
	sum->pair[0] += weight * markov_magnitude(v->pair[0]);
	sum->pair[1] += weight * markov_magnitude(v->pair[1]);
	sum->pair[2] += weight * markov_magnitude(v->pair[2]);
	sum->pair[3] += weight * markov_magnitude(v->pair[3]);
}

/* *sum += entries [from, to) times x; written out so that the sums stay in registers. */
static inline void
markov_add_entries(MarkovLanes *sum, const uint32_t *column, const double *entry,
				   size_t from, size_t to, const MarkovLanes *x, size_t first)
{
	MarkovPair	s0 = sum->pair[0];
	MarkovPair	s1 = sum->pair[1];
	MarkovPair	s2 = sum->pair[2];
	MarkovPair	s3 = sum->pair[3];
	size_t		e;

	for (e = from; e < to; e++)
	{
		const MarkovLanes *v = &x[column[e] - first];

		s0 += entry[e] * v->pair[0];
		s1 += entry[e] * v->pair[1];
		s2 += entry[e] * v->pair[2];
		s3 += entry[e] * v->pair[3];
	}
	sum->pair[0] = s0;
	sum->pair[1] = s1;
	sum->pair[2] = s2;
	sum->pair[3] = s3;
}

#endif							/* PG_INFLUENCE_MARKOV_BLOCK_H */

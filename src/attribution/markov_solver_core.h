/*
 * markov_solver_core.h
 *	  Sparse linear systems of an absorbing chain, eight right-hand sides at a
 *	  time, with a bound of the error.
 *
 * Pure C without PostgreSQL.  A system is v = rhs + M v, where M >= 0 is a chain
 * forward (the value of a state follows from those it leads to) or backward
 * (from those that lead to it).
 */
#ifndef PG_INFLUENCE_MARKOV_SOLVER_CORE_H
#define PG_INFLUENCE_MARKOV_SOLVER_CORE_H

#include "markov_chain_core.h"

#define MARKOV_LANES 8
#define MARKOV_PAIRS (MARKOV_LANES / 2)

/*
 * One number for each of the right-hand sides, on any multiple of 8.  In pairs,
 * because that is the vector that every 64-bit processor has registers for.
 */
typedef double MarkovPair __attribute__((vector_size(2 * sizeof(double)), aligned(8)));

typedef struct MarkovLanes
{
	MarkovPair	pair[MARKOV_PAIRS];
} MarkovLanes;

/* A line of the cache each, if their memory is aligned: what was allocated, from the first line on. */
#define MARKOV_LINE 64

static inline MarkovLanes *
markov_lanes_in(void *memory)
{
	return (MarkovLanes *) (((uintptr_t) memory + MARKOV_LINE - 1) & ~(uintptr_t) (MARKOV_LINE - 1));
}

static inline double
markov_lane(const MarkovLanes *v, int lane)
{
	return v->pair[lane / 2][lane % 2];
}

static inline void
markov_lane_set(MarkovLanes *v, int lane, double value)
{
	v->pair[lane / 2][lane % 2] = value;
}

/* vectors and numbers by row that solving a block takes */
#define MARKOV_DIRECTIONS 3
#define MARKOV_VECTORS (3 + 2 * MARKOV_DIRECTIONS)
#define MARKOV_NUMBERS 3

/* Lets the host breathe once in a while. */
typedef struct MarkovBreath
{
	const MarkovHost *host;
	size_t		work;
} MarkovBreath;

#define MARKOV_WORK_PER_BREATH 65536	/* steps in eight lanes: below a millisecond */

static inline void
markov_work_done(MarkovBreath *breath, size_t work)
{
	breath->work += work;
	if (breath->work > MARKOV_WORK_PER_BREATH)
	{
		breath->work = 0;
		breath->host->breathe(breath->host->arg);
	}
}

/* Which rows a row reads: [first[i], first[i + 1]) of to. */
typedef struct MarkovReads
{
	size_t		rows;
	const size_t *first;
	const uint32_t *to;
} MarkovReads;

/*
 * An order in which rows read what comes before them, as far as they do.  A
 * block is a set of rows that all depend on each other; it reads earlier blocks.
 */
typedef struct MarkovSequence
{
	uint32_t   *row;			/* by position */
	uint32_t   *position;		/* by row */
	size_t		blocks;
	size_t	   *block;			/* first position of each, and the end */
	size_t		largest;		/* positions in a block */
} MarkovSequence;

/* Rows of a system are the states of its chain, in the order of its sequence. */
typedef struct MarkovSystem
{
	size_t		rows;
	size_t	   *row;			/* entries of a row: [row[i], row[i + 1]) */
	size_t	   *inner;			/* from here on they are of the row's own block */
	uint32_t   *column;
	double	   *entry;
	double	   *visits;			/* expected visits to the row's state */
	MarkovSequence sequence;
	size_t		most_entries;	/* of the rows of a block, from that block */
	/* room for the block being solved */
	void	   *lanes_memory;
	MarkovLanes *lanes;
	uint32_t   *numbers;
	size_t	   *plan_row;
	uint32_t   *plan_column;
	double	   *plan_entry;
} MarkovSystem;

extern MarkovStatus markov_sequence_build(MarkovSequence *sequence, const MarkovReads *reads,
										  const MarkovHost *host);
extern void markov_sequence_free(MarkovSequence *sequence, const MarkovHost *host);

/* Forward, a state reads those it leads to; backward, those that lead to it. */
extern MarkovStatus markov_system_build(MarkovSystem *system, const MarkovChain *chain,
										bool backward, const MarkovHost *host);
extern void markov_system_free(MarkovSystem *system, const MarkovHost *host);

/*
 * Solve for the rows that are touched, and those that depend on one, which get
 * touched; the others keep their v, which must be their solution.  rhs repeats in
 * each pair of lanes.  Where bit l of mask[i] is set, v[i] is held at 0 in lane
 * l.  The residual of row i has the weight gauge[i]; *bound receives the greatest
 * weighted sum of residuals and rounding errors of a lane.  MARKOV_UNSOLVED when
 * it could not be brought below MARKOV_ACCURACY / 4.
 */
extern MarkovStatus markov_system_solve(const MarkovSystem *system, const MarkovPair *rhs,
										const uint8_t *mask, const double *gauge,
										uint8_t *touched, MarkovLanes *v, double *bound,
										const MarkovHost *host);

/* rhs + M v in one row and lane, the mask not regarded */
extern double markov_system_value(const MarkovSystem *system, const MarkovPair *rhs,
								  const MarkovLanes *v, size_t row, int lane);

#endif							/* PG_INFLUENCE_MARKOV_SOLVER_CORE_H */

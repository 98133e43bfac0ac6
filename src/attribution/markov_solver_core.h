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

/* one number for each of the right-hand sides; on any multiple of 8 */
typedef double MarkovLanes __attribute__((vector_size(MARKOV_LANES * sizeof(double)), aligned(8)));

/*
 * The states in an order in which paths run forward, as far as they do: a block
 * is a set of states that all lead to each other, and steps between blocks lead
 * to later ones.
 */
typedef struct MarkovSequence
{
	uint32_t   *state;			/* by position */
	uint32_t   *position;		/* by state */
	size_t		blocks;
	size_t	   *block;			/* first position of each, and the end */
	size_t		largest;		/* positions in a block */
} MarkovSequence;

typedef struct MarkovSystem
{
	bool		backward;
	size_t		rows;
	size_t	   *row;			/* entries of a row: [row[i], row[i + 1]) */
	size_t	   *inner;			/* from here on they are of the row's own block */
	uint32_t   *column;
	double	   *entry;
	double	   *visits;			/* expected visits to the row's state */
	const MarkovSequence *sequence;
	MarkovLanes *scratch;
} MarkovSystem;

extern MarkovStatus markov_sequence_build(MarkovSequence *sequence, const MarkovChain *chain,
										  const MarkovHost *host);
extern void markov_sequence_free(MarkovSequence *sequence, const MarkovHost *host);

/* Row i of a backward system is position i, of a forward one the i-th last. */
extern MarkovStatus markov_system_build(MarkovSystem *system, const MarkovChain *chain,
										const MarkovSequence *sequence, bool backward,
										const MarkovHost *host);
extern void markov_system_free(MarkovSystem *system, const MarkovHost *host);
extern size_t markov_system_state(const MarkovSystem *system, size_t row);
extern size_t markov_system_row(const MarkovSystem *system, size_t state);

/*
 * Solve from the first guess in v.  Where bit l of mask[i] is set, v[i] is held
 * at 0 in lane l.  The residual of row i has the weight gauge[i]; *bound
 * receives the greatest weighted sum of residuals and rounding errors of a lane.
 * MARKOV_UNSOLVED when it could not be brought below MARKOV_ACCURACY / 4.
 */
extern MarkovStatus markov_system_solve(const MarkovSystem *system, const MarkovLanes *rhs,
										const uint8_t *mask, const double *gauge,
										MarkovLanes *v, double *bound,
										const MarkovHost *host);

/* rhs + M v in one row and lane, the mask not regarded */
extern double markov_system_value(const MarkovSystem *system, const MarkovLanes *rhs,
								  const MarkovLanes *v, size_t row, int lane);

#endif							/* PG_INFLUENCE_MARKOV_SOLVER_CORE_H */

/*
 * markov_core.h
 *	  Removal effects of the creators in an absorbing Markov chain of paths.
 *
 * Pure C without PostgreSQL.  The chain is read from a sorted table of
 * markov_state_core.h, whose bytes are not trusted.  There are two ways to the
 * same numbers: elimination, for small chains, and iteration with a proven
 * bound of the error, for the others.
 */
#ifndef PG_INFLUENCE_MARKOV_CORE_H
#define PG_INFLUENCE_MARKOV_CORE_H

#include "markov_state_core.h"

/* the error of a removal effect is proven to be below this */
#define MARKOV_ACCURACY 1e-9

typedef enum MarkovMethod
{
	MARKOV_AUTOMATIC,
	MARKOV_ELIMINATE,
	MARKOV_ITERATE
} MarkovMethod;

typedef struct MarkovCredit
{
	int64_t		creator_id;
	double		removal_effect;
	double		conversions;
	double		value_removal_effect;
	double		value;
} MarkovCredit;

typedef struct MarkovCredits
{
	MarkovCredit *rows;			/* ascending creator_id; from the host's allocate */
	size_t		count;
	bool		has_conversions;	/* else removal effects are undefined, and 0 */
	bool		has_value;
	double		bound;			/* of the error of a removal effect, if iterated */
} MarkovCredits;

/* The state must have passed markov_state_is_packed(). */
extern MarkovStatus markov_credit(const uint8_t *state, MarkovMethod method,
								  const MarkovHost *host, MarkovCredits *credits);

#endif							/* PG_INFLUENCE_MARKOV_CORE_H */

/*
 * markov_elimination_core.h
 *	  Removal effects of a small chain by elimination.
 *
 * Pure C without PostgreSQL.
 */
#ifndef PG_INFLUENCE_MARKOV_ELIMINATION_CORE_H
#define PG_INFLUENCE_MARKOV_ELIMINATION_CORE_H

#include "markov_chain_core.h"

/*
 * effects[c] and value_effects[c] become the share of all conversions, or of
 * their value, that is made after a visit to a state with creator c.
 */
extern MarkovStatus markov_eliminate(const MarkovChain *chain, double *effects,
									 double *value_effects, const MarkovHost *host);

#endif							/* PG_INFLUENCE_MARKOV_ELIMINATION_CORE_H */

/*
 * markov_chain_core.h
 *	  The absorbing chain that a table of counts describes, by index.
 *
 * Pure C without PostgreSQL.  States are numbered in the order of their
 * creators, creators by id, so nothing depends on how the rows came.
 */
#ifndef PG_INFLUENCE_MARKOV_CHAIN_CORE_H
#define PG_INFLUENCE_MARKOV_CHAIN_CORE_H

#include "markov_state_core.h"

/*
 * What passes a state is counted in integers and rounded once, to a double.
 * Since what enters a state leaves it, flow / (all that starts) is exactly the
 * expected number of visits to it.
 */
typedef struct MarkovChain
{
	uint32_t	order;
	size_t		states;
	size_t		steps;
	size_t		creators;

	/* of a state */
	double	   *flow;			/* what leaves it, > 0 */
	double	   *start;
	double	   *conversions;
	double	   *nulls;
	double	   *value;
	int64_t    *ids;			/* order creators; those beyond its length repeat the first */

	/* steps by the state they leave: [out[s], out[s + 1]) */
	size_t	   *out;
	uint32_t   *target;
	double	   *weight;

	/* states that contain a creator: [member[c], member[c + 1]) */
	int64_t    *creator_ids;
	size_t	   *member;
	uint32_t   *member_state;

	double		all_starts;		/* conversions and nulls */
	double		all_conversions;
	double		all_value;
} MarkovChain;

extern MarkovStatus markov_chain_build(MarkovChain *chain, const uint8_t *state,
									   const MarkovHost *host);
extern void markov_chain_free(MarkovChain *chain, const MarkovHost *host);

#endif							/* PG_INFLUENCE_MARKOV_CHAIN_CORE_H */

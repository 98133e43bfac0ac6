/*
 * markov_core.c
 *	  Removal effects of the creators in an absorbing Markov chain of paths.
 *
 *		RE(c) = 1 - P(conversion when every state with c leads to null) / P(conversion)
 *			  = P(conversion after a visit to a state with c) / P(conversion)
 *
 * What passes a state is known exactly: flow(s) / starts is the expected number
 * of visits, and P(conversion) is conversions / starts.  So with
 *
 *		h(s)	= P(conversion from s) / conversions
 *		z_c(s)	= the share of the visits to s before which c was not visited
 *
 * RE(c) is the sum of z_c(s) flow(s) h(s) over the states s with c.  Both are
 * linear systems, h over the chain forward, z_c backward:
 *
 *		h(s)	= (conversions(s) / conversions + sum of weight(s, t) h(t)) / flow(s)
 *		z_c(s)	= (start(s) + sum of weight(t, s) z_c(t) over t without c) / flow(s)
 *
 * The value variant is the same with the value of a state in place of its
 * conversions: the mean value of a conversion there times the chance of one.
 * One z_c serves both.
 *
 * Bound of the error.  Let the approximate solutions leave residuals r.  An
 * error of z_c at s spreads to later states without c and counts where c is
 * first met: at most |r(s)| flow(s) h(s).  An error of h at s counts once per
 * visit after c, of which there are at most flow(s) / starts: in all at most the
 * sum of |r(s)| flow(s).  No condition number comes in.
 */
#include "markov_core.h"

#include <string.h>

#include "markov_elimination_core.h"
#include "markov_solver_core.h"

#define FEW_STATES 256			/* eliminated at once: some tens of milliseconds */
#define MANY_STATES 3072		/* too many to eliminate, at 8 bytes a pair of them */

/* What leads to conversion, and to value, through each state. */
typedef struct Worth
{
	double	   *conversions;	/* flow(s) h(s), by state */
	double	   *value;
} Worth;

static void *
lanes_allocate(size_t count, const MarkovHost *host)
{
	return host->allocate(host->arg, (count + 1) * sizeof(MarkovLanes));
}

static MarkovStatus
find_worth(const MarkovChain *chain, const MarkovSequence *sequence, Worth *worth,
		   double *bound, const MarkovHost *host)
{
	MarkovLanes *rhs = lanes_allocate(chain->states, host);
	MarkovLanes *h = lanes_allocate(chain->states, host);
	double	   *gauge = host->allocate(host->arg, (chain->states + 1) * sizeof(double));
	uint8_t    *mask = host->allocate(host->arg, chain->states + 1);
	MarkovStatus status = MARKOV_NO_MEMORY;
	MarkovSystem system;
	size_t		i;

	memset(&system, 0, sizeof(system));
	if (rhs != NULL && h != NULL && gauge != NULL && mask != NULL)
		status = markov_system_build(&system, chain, sequence, false, host);
	if (status == MARKOV_OK)
	{
		memset(mask, 0, chain->states);
		memset(h, 0, chain->states * sizeof(MarkovLanes));
		memset(rhs, 0, chain->states * sizeof(MarkovLanes));
		for (i = 0; i < chain->states; i++)
		{
			size_t		s = markov_system_state(&system, i);

			gauge[i] = chain->flow[s];
			rhs[i][0] = chain->conversions[s] / chain->flow[s] / chain->all_conversions;
			if (chain->all_value > 0)
				rhs[i][1] = chain->value[s] / chain->flow[s] / chain->all_value;
		}
		status = markov_system_solve(&system, rhs, mask, gauge, h, bound, host);
		for (i = 0; i < chain->states; i++)
		{
			size_t		s = markov_system_state(&system, i);

			worth->conversions[s] = chain->flow[s] * h[i][0];
			worth->value[s] = chain->flow[s] * h[i][1];
		}
		markov_system_free(&system, host);
	}
	if (rhs != NULL)
		host->release(host->arg, rhs);
	if (h != NULL)
		host->release(host->arg, h);
	if (gauge != NULL)
		host->release(host->arg, gauge);
	if (mask != NULL)
		host->release(host->arg, mask);
	return status;
}

/* The creators [first, end), no more than there are lanes. */
static MarkovStatus
solve_creators(const MarkovChain *chain, const MarkovSystem *system, const Worth *worth,
			   const MarkovLanes *rhs, const double *gauge, uint8_t *mask, MarkovLanes *z,
			   size_t first, size_t end, double *effects, double *value_effects,
			   double *bound, const MarkovHost *host)
{
	MarkovStatus status;
	size_t		c;
	size_t		i;
	int			lane;

	memset(mask, 0, chain->states);
	for (i = 0; i < chain->states; i++)
	{
		for (lane = 0; lane < MARKOV_LANES; lane++)
			z[i][lane] = 1;
	}
	for (c = first; c < end; c++)
	{
		for (i = chain->member[c]; i < chain->member[c + 1]; i++)
		{
			size_t		row = markov_system_row(system, chain->member_state[i]);

			mask[row] |= (uint8_t) (1 << (c - first));
			z[row][c - first] = 0;
		}
	}
	host->breathe(host->arg);
	status = markov_system_solve(system, rhs, mask, gauge, z, bound, host);

	for (c = first; c < end; c++)
	{
		for (i = chain->member[c]; i < chain->member[c + 1]; i++)
		{
			size_t		s = chain->member_state[i];
			double		share = markov_system_value(system, rhs, z, markov_system_row(system, s),
													(int) (c - first));

			effects[c] += share * worth->conversions[s];
			value_effects[c] += share * worth->value[s];
		}
		host->breathe(host->arg);
	}
	return status;
}

static MarkovStatus
find_effects(const MarkovChain *chain, const MarkovSequence *sequence, const Worth *worth,
			 double *effects, double *value_effects, double *bound, const MarkovHost *host)
{
	MarkovLanes *rhs = lanes_allocate(chain->states, host);
	MarkovLanes *z = lanes_allocate(chain->states, host);
	double	   *gauge = host->allocate(host->arg, (chain->states + 1) * sizeof(double));
	uint8_t    *mask = host->allocate(host->arg, chain->states + 1);
	MarkovStatus status = MARKOV_NO_MEMORY;
	MarkovSystem system;
	size_t		c;
	size_t		i;

	memset(&system, 0, sizeof(system));
	if (rhs != NULL && z != NULL && gauge != NULL && mask != NULL)
		status = markov_system_build(&system, chain, sequence, true, host);
	for (i = 0; status == MARKOV_OK && i < chain->states; i++)
	{
		size_t		s = markov_system_state(&system, i);
		int			lane;

		gauge[i] = worth->conversions[s] + worth->value[s];
		for (lane = 0; lane < MARKOV_LANES; lane++)
			rhs[i][lane] = chain->start[s] / chain->flow[s];
	}
	for (c = 0; status == MARKOV_OK && c < chain->creators; c += MARKOV_LANES)
	{
		size_t		end = c + MARKOV_LANES < chain->creators ? c + MARKOV_LANES : chain->creators;
		double		error = 0;

		status = solve_creators(chain, &system, worth, rhs, gauge, mask, z, c, end,
								effects, value_effects, &error, host);
		if (error > *bound)
			*bound = error;
	}
	markov_system_free(&system, host);
	if (rhs != NULL)
		host->release(host->arg, rhs);
	if (z != NULL)
		host->release(host->arg, z);
	if (gauge != NULL)
		host->release(host->arg, gauge);
	if (mask != NULL)
		host->release(host->arg, mask);
	return status;
}

static MarkovStatus
markov_iterate(const MarkovChain *chain, double *effects, double *value_effects,
			   double *bound, const MarkovHost *host)
{
	Worth		worth = {NULL, NULL};
	MarkovSequence sequence;
	double		worth_bound = 0;
	MarkovStatus status;

	*bound = 0;
	status = markov_sequence_build(&sequence, chain, host);
	if (status != MARKOV_OK)
		return status;
	worth.conversions = host->allocate(host->arg, (chain->states + 1) * sizeof(double));
	worth.value = host->allocate(host->arg, (chain->states + 1) * sizeof(double));
	if (worth.conversions == NULL || worth.value == NULL)
		status = MARKOV_NO_MEMORY;
	else
		status = find_worth(chain, &sequence, &worth, &worth_bound, host);
	if (status == MARKOV_OK)
		status = find_effects(chain, &sequence, &worth, effects, value_effects, bound, host);
	*bound += worth_bound;

	if (worth.conversions != NULL)
		host->release(host->arg, worth.conversions);
	if (worth.value != NULL)
		host->release(host->arg, worth.value);
	markov_sequence_free(&sequence, host);
	return status;
}

static MarkovStatus
find_by(const MarkovChain *chain, MarkovMethod method, double *effects, double *value_effects,
		double *bound, const MarkovHost *host)
{
	MarkovStatus status;

	*bound = 0;
	if (method == MARKOV_ELIMINATE ||
		(method == MARKOV_AUTOMATIC && chain->states <= FEW_STATES))
		return markov_eliminate(chain, effects, value_effects, host);
	status = markov_iterate(chain, effects, value_effects, bound, host);
	if (status != MARKOV_UNSOLVED || method == MARKOV_ITERATE || chain->states > MANY_STATES)
		return status;
	*bound = 0;
	return markov_eliminate(chain, effects, value_effects, host);
}

/* Effects to credits; every conversion passes a creator, so the effects add up to 1 at least. */
static MarkovStatus
share_out(const MarkovChain *chain, const double *effects, const double *value_effects,
		  const MarkovHost *host, MarkovCredits *credits)
{
	double		sum = 0;
	double		value_sum = 0;
	size_t		c;

	credits->rows = host->allocate(host->arg, (chain->creators + 1) * sizeof(MarkovCredit));
	if (credits->rows == NULL)
		return MARKOV_NO_MEMORY;
	for (c = 0; c < chain->creators; c++)
	{
		sum += effects[c];
		value_sum += value_effects[c];
	}
	for (c = 0; c < chain->creators; c++)
	{
		MarkovCredit *row = &credits->rows[c];

		row->creator_id = chain->creator_ids[c];
		row->removal_effect = effects[c];
		row->value_removal_effect = value_effects[c];
		row->conversions = sum > 0 ? effects[c] / sum * chain->all_conversions : 0;
		row->value = value_sum > 0 ? value_effects[c] / value_sum * chain->all_value : 0;
	}
	credits->count = chain->creators;
	credits->has_conversions = chain->all_conversions > 0;
	credits->has_value = chain->all_value > 0;
	return MARKOV_OK;
}

MarkovStatus
markov_credit(const uint8_t *state, MarkovMethod method, const MarkovHost *host,
			  MarkovCredits *credits)
{
	MarkovStatus status;
	MarkovChain chain;
	double	   *effects;

	memset(credits, 0, sizeof(*credits));
	status = markov_chain_build(&chain, state, host);
	if (status != MARKOV_OK)
		return status;
	effects = host->allocate(host->arg, (2 * chain.creators + 1) * sizeof(double));
	if (effects == NULL)
		status = MARKOV_NO_MEMORY;
	else
	{
		memset(effects, 0, 2 * chain.creators * sizeof(double));
		if (chain.all_conversions > 0)
			status = find_by(&chain, method, effects, effects + chain.creators,
							 &credits->bound, host);
		if (status == MARKOV_OK)
			status = share_out(&chain, effects, effects + chain.creators, host, credits);
		host->release(host->arg, effects);
	}
	markov_chain_free(&chain, host);
	return status;
}

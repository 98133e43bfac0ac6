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

/* What a solution needs, by row of its system. */
typedef struct Solution
{
	MarkovSystem system;
	MarkovPair *rhs;
	void	   *v_memory;
	MarkovLanes *v;
	double	   *gauge;
	uint8_t    *mask;
	uint8_t    *touched;
} Solution;

static MarkovStatus
solution_build(Solution *solution, const MarkovChain *chain, bool backward, const MarkovHost *host)
{
	size_t		n = chain->states;

	memset(solution, 0, sizeof(*solution));
	solution->rhs = host->allocate(host->arg, (n + 1) * sizeof(MarkovPair));
	solution->v_memory = host->allocate(host->arg, (n + 1) * sizeof(MarkovLanes));
	solution->gauge = host->allocate(host->arg, (n + 1) * sizeof(double));
	solution->mask = host->allocate(host->arg, n + 1);
	solution->touched = host->allocate(host->arg, n + 1);
	if (solution->rhs == NULL || solution->v_memory == NULL || solution->gauge == NULL ||
		solution->mask == NULL || solution->touched == NULL)
		return MARKOV_NO_MEMORY;
	solution->v = markov_lanes_in(solution->v_memory);
	return markov_system_build(&solution->system, chain, backward, host);
}

static void
solution_free(Solution *solution, const MarkovHost *host)
{
	void	   *parts[] = {solution->rhs, solution->v_memory, solution->gauge, solution->mask,
		solution->touched};
	size_t		i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		if (parts[i] != NULL)
			host->release(host->arg, parts[i]);
	}
	markov_system_free(&solution->system, host);
}

static MarkovStatus
find_worth(const MarkovChain *chain, Worth *worth, double *bound, const MarkovHost *host)
{
	Solution	solution;
	MarkovStatus status = solution_build(&solution, chain, false, host);
	const MarkovSequence *sequence = &solution.system.sequence;
	size_t		i;

	if (status == MARKOV_OK)
	{
		memset(solution.mask, 0, chain->states);
		memset(solution.touched, 1, chain->states);
		memset(solution.v, 0, chain->states * sizeof(MarkovLanes));
		for (i = 0; i < chain->states; i++)
		{
			size_t		s = sequence->row[i];

			solution.gauge[i] = chain->flow[s];
			solution.rhs[i][0] = chain->conversions[s] / chain->flow[s] / chain->all_conversions;
			solution.rhs[i][1] = chain->all_value > 0
				? chain->value[s] / chain->flow[s] / chain->all_value : 0;
		}
		status = markov_system_solve(&solution.system, solution.rhs, solution.mask, solution.gauge,
									 solution.touched, solution.v, bound, host);
		for (i = 0; i < chain->states; i++)
		{
			size_t		s = sequence->row[i];

			worth->conversions[s] = chain->flow[s] * markov_lane(&solution.v[i], 0);
			worth->value[s] = chain->flow[s] * markov_lane(&solution.v[i], 1);
		}
	}
	solution_free(&solution, host);
	return status;
}

/* Where nothing is touched, no visit is after one of c: z = 1. */
static void
untouch(Solution *solution, size_t states)
{
	size_t		i;
	int			lane;

	for (i = 0; i < states; i++)
	{
		if (solution->touched[i])
		{
			solution->touched[i] = 0;
			solution->mask[i] = 0;
			for (lane = 0; lane < MARKOV_LANES; lane++)
				markov_lane_set(&solution->v[i], lane, 1);
		}
	}
}

/* The creators [first, end), no more than there are lanes. */
static MarkovStatus
solve_creators(const MarkovChain *chain, Solution *solution, const Worth *worth,
			   size_t first, size_t end, double *effects, double *value_effects,
			   double *bound, const MarkovHost *host)
{
	const MarkovSequence *sequence = &solution->system.sequence;
	MarkovStatus status;
	size_t		c;
	size_t		i;

	for (c = first; c < end; c++)
	{
		for (i = chain->member[c]; i < chain->member[c + 1]; i++)
		{
			size_t		row = sequence->position[chain->member_state[i]];

			solution->mask[row] |= (uint8_t) (1 << (c - first));
			solution->touched[row] = 1;
			markov_lane_set(&solution->v[row], (int) (c - first), 0);
		}
		host->breathe(host->arg);
	}
	status = markov_system_solve(&solution->system, solution->rhs, solution->mask, solution->gauge,
								 solution->touched, solution->v, bound, host);
	for (c = first; c < end; c++)
	{
		for (i = chain->member[c]; i < chain->member[c + 1]; i++)
		{
			size_t		s = chain->member_state[i];
			double		share = markov_system_value(&solution->system, solution->rhs, solution->v,
													sequence->position[s], (int) (c - first));

			effects[c] += share * worth->conversions[s];
			value_effects[c] += share * worth->value[s];
		}
		host->breathe(host->arg);
	}
	untouch(solution, chain->states);
	return status;
}

static MarkovStatus
find_effects(const MarkovChain *chain, const Worth *worth, double *effects,
			 double *value_effects, double *bound, const MarkovHost *host)
{
	Solution	solution;
	MarkovStatus status = solution_build(&solution, chain, true, host);
	size_t		c;
	size_t		i;

	if (status == MARKOV_OK)
	{
		memset(solution.touched, 1, chain->states);
		untouch(&solution, chain->states);
		for (i = 0; i < chain->states; i++)
		{
			size_t		s = solution.system.sequence.row[i];

			solution.gauge[i] = worth->conversions[s] + worth->value[s];
			solution.rhs[i][0] = solution.rhs[i][1] = chain->start[s] / chain->flow[s];
		}
	}
	for (c = 0; status == MARKOV_OK && c < chain->creators; c += MARKOV_LANES)
	{
		size_t		end = c + MARKOV_LANES < chain->creators ? c + MARKOV_LANES : chain->creators;
		double		error = 0;

		status = solve_creators(chain, &solution, worth, c, end, effects, value_effects,
								&error, host);
		if (error > *bound)
			*bound = error;
	}
	solution_free(&solution, host);
	return status;
}

static MarkovStatus
markov_iterate(const MarkovChain *chain, double *effects, double *value_effects,
			   double *bound, const MarkovHost *host)
{
	Worth		worth = {NULL, NULL};
	double		worth_bound = 0;
	MarkovStatus status;

	*bound = 0;
	worth.conversions = host->allocate(host->arg, (chain->states + 1) * sizeof(double));
	worth.value = host->allocate(host->arg, (chain->states + 1) * sizeof(double));
	if (worth.conversions == NULL || worth.value == NULL)
		status = MARKOV_NO_MEMORY;
	else
		status = find_worth(chain, &worth, &worth_bound, host);
	if (status == MARKOV_OK)
		status = find_effects(chain, &worth, effects, value_effects, bound, host);
	*bound += worth_bound;

	if (worth.conversions != NULL)
		host->release(host->arg, worth.conversions);
	if (worth.value != NULL)
		host->release(host->arg, worth.value);
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

/*
 * markov_system_core.c
 *	  A chain as a sparse system, its rows in an order to solve them in.
 */
#include "markov_solver_core.h"

#include <string.h>

/* The chain's steps by the state that they lead to. */
static void
turn_steps(const MarkovChain *chain, size_t *first, uint32_t *source, double *weight,
		   MarkovBreath *breath)
{
	size_t		s;
	size_t		e;

	/* first[t + 2] counts, then first[t + 1] is where to put */
	memset(first, 0, (chain->states + 2) * sizeof(size_t));
	for (e = 0; e < chain->steps; e++)
	{
		first[chain->target[e] + 2]++;
		markov_work_done(breath, 4);
	}
	for (s = 2; s < chain->states + 2; s++)
		first[s] += first[s - 1];
	for (s = 0; s < chain->states; s++)
	{
		for (e = chain->out[s]; e < chain->out[s + 1]; e++)
		{
			size_t		at = first[chain->target[e] + 1]++;

			source[at] = (uint32_t) s;
			weight[at] = chain->weight[e];
			markov_work_done(breath, 4);
		}
	}
}

/* Entries in the order of the sequence, in a row those from other blocks first. */
static void
fill_entries(MarkovSystem *system, const MarkovChain *chain, const MarkovReads *reads,
			 const double *weight, MarkovBreath *breath)
{
	const MarkovSequence *sequence = &system->sequence;
	size_t		at = 0;
	size_t		k;
	size_t		i;
	size_t		e;
	int			pass;

	for (k = 0; k < sequence->blocks; k++)
	{
		size_t		inner = 0;

		for (i = sequence->block[k]; i < sequence->block[k + 1]; i++)
		{
			size_t		s = sequence->row[i];

			system->row[i] = at;
			system->visits[i] = chain->flow[s] / chain->all_starts;
			for (pass = 0; pass < 2; pass++)
			{
				if (pass == 1)
					system->inner[i] = at;
				for (e = reads->first[s]; e < reads->first[s + 1]; e++)
				{
					uint32_t	column = sequence->position[reads->to[e]];

					if ((column >= sequence->block[k]) == (pass == 1))
					{
						system->column[at] = column;
						system->entry[at++] = weight[e] / chain->flow[s];
					}
				}
			}
			inner += at - system->inner[i];
			markov_work_done(breath, 8 * (reads->first[s + 1] - reads->first[s]) + 8);
		}
		if (inner > system->most_entries)
			system->most_entries = inner;
	}
	system->row[system->rows] = at;
}

static bool
allocate_system(MarkovSystem *system, const MarkovChain *chain, const MarkovHost *host)
{
	size_t		n = chain->states;

	system->rows = n;
	system->row = host->allocate(host->arg, (n + 1) * sizeof(size_t));
	system->inner = host->allocate(host->arg, (n + 1) * sizeof(size_t));
	system->column = host->allocate(host->arg, (chain->steps + 1) * sizeof(uint32_t));
	system->entry = host->allocate(host->arg, (chain->steps + 1) * sizeof(double));
	system->visits = host->allocate(host->arg, (n + 1) * sizeof(double));
	return system->row != NULL && system->inner != NULL && system->column != NULL &&
		system->entry != NULL && system->visits != NULL;
}

static bool
allocate_room(MarkovSystem *system, const MarkovHost *host)
{
	size_t		largest = system->sequence.largest;

	system->lanes_memory = host->allocate(host->arg, (largest + 1) * MARKOV_VECTORS * sizeof(MarkovLanes));
	system->numbers = host->allocate(host->arg, (largest + 1) * MARKOV_NUMBERS * sizeof(uint32_t));
	system->plan_row = host->allocate(host->arg, (largest + 1) * sizeof(size_t));
	system->plan_column = host->allocate(host->arg, (system->most_entries + 1) * sizeof(uint32_t));
	system->plan_entry = host->allocate(host->arg, (system->most_entries + 1) * sizeof(double));
	if (system->lanes_memory != NULL)
		system->lanes = markov_lanes_in(system->lanes_memory);
	return system->lanes != NULL && system->numbers != NULL && system->plan_row != NULL &&
		system->plan_column != NULL && system->plan_entry != NULL;
}

static MarkovStatus
build_from(MarkovSystem *system, const MarkovChain *chain, const MarkovReads *reads,
		   const double *weight, MarkovBreath *breath)
{
	const MarkovHost *host = breath->host;
	MarkovStatus status;

	if (!allocate_system(system, chain, host))
		return MARKOV_NO_MEMORY;
	status = markov_sequence_build(&system->sequence, reads, host);
	if (status != MARKOV_OK)
		return status;
	fill_entries(system, chain, reads, weight, breath);
	return allocate_room(system, host) ? MARKOV_OK : MARKOV_NO_MEMORY;
}

MarkovStatus
markov_system_build(MarkovSystem *system, const MarkovChain *chain, bool backward,
					const MarkovHost *host)
{
	MarkovReads reads = {chain->states, chain->out, chain->target};
	MarkovBreath breath = {host, 0};
	MarkovStatus status = MARKOV_NO_MEMORY;
	size_t	   *first = NULL;
	uint32_t   *source = NULL;
	double	   *weight = NULL;

	memset(system, 0, sizeof(*system));
	if (!backward)
		status = build_from(system, chain, &reads, chain->weight, &breath);
	else
	{
		first = host->allocate(host->arg, (chain->states + 2) * sizeof(size_t));
		source = host->allocate(host->arg, (chain->steps + 1) * sizeof(uint32_t));
		weight = host->allocate(host->arg, (chain->steps + 1) * sizeof(double));
		if (first != NULL && source != NULL && weight != NULL)
		{
			turn_steps(chain, first, source, weight, &breath);
			reads.first = first;
			reads.to = source;
			status = build_from(system, chain, &reads, weight, &breath);
		}
	}
	if (first != NULL)
		host->release(host->arg, first);
	if (source != NULL)
		host->release(host->arg, source);
	if (weight != NULL)
		host->release(host->arg, weight);
	if (status != MARKOV_OK)
		markov_system_free(system, host);
	return status;
}

void
markov_system_free(MarkovSystem *system, const MarkovHost *host)
{
	void	   *parts[] = {system->row, system->inner, system->column, system->entry,
		system->visits, system->lanes_memory, system->numbers, system->plan_row,
		system->plan_column, system->plan_entry};
	size_t		i;

	markov_sequence_free(&system->sequence, host);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		if (parts[i] != NULL)
			host->release(host->arg, parts[i]);
	}
	memset(system, 0, sizeof(*system));
}

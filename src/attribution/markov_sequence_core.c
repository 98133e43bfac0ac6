/*
 * markov_sequence_core.c
 *	  The states of a chain in an order in which paths run forward.
 *
 * Strongly connected components by Tarjan (SIAM J. Comput. 1, 1972, 146-160),
 * without recursion; in a component the reverse of the order in which the
 * search left its states, so that few steps lead back.
 */
#include "markov_solver_core.h"

#include <string.h>

#define BREATH 8192
#define UNSEEN UINT32_MAX

typedef struct Search
{
	uint32_t   *index;			/* when first seen */
	uint32_t   *low;
	uint32_t   *component;		/* UNSEEN while on the stack */
	uint32_t   *stack;
	uint32_t   *calls;
	uint32_t   *left;			/* states in the order in which they were left */
	size_t	   *next;			/* step to follow next */
	size_t		depth;
	size_t		stacked;
	size_t		seen;
	size_t		count;			/* states left */
	size_t		components;
} Search;

static inline void
breathe(const MarkovHost *host, size_t i)
{
	if (i % BREATH == 0)
		host->breathe(host->arg);
}

static void
enter_state(Search *search, const MarkovChain *chain, uint32_t s)
{
	search->index[s] = search->low[s] = (uint32_t) search->seen++;
	search->next[s] = chain->out[s];
	search->stack[search->stacked++] = s;
	search->calls[search->depth++] = s;
}

static void
leave_state(Search *search, uint32_t s)
{
	search->depth--;
	search->left[search->count++] = s;
	if (search->low[s] == search->index[s])
	{
		uint32_t	member;

		do
		{
			member = search->stack[--search->stacked];
			search->component[member] = (uint32_t) search->components;
		} while (member != s);
		search->components++;
	}
	if (search->depth > 0)
	{
		uint32_t	caller = search->calls[search->depth - 1];

		if (search->low[s] < search->low[caller])
			search->low[caller] = search->low[s];
	}
}

static void
search_from(Search *search, const MarkovChain *chain, uint32_t root, const MarkovHost *host)
{
	size_t		work = 0;

	enter_state(search, chain, root);
	while (search->depth > 0)
	{
		uint32_t	s = search->calls[search->depth - 1];

		breathe(host, ++work);
		if (search->next[s] == chain->out[s + 1])
			leave_state(search, s);
		else
		{
			uint32_t	target = chain->target[search->next[s]++];

			if (search->index[target] == UNSEEN)
				enter_state(search, chain, target);
			else if (search->component[target] == UNSEEN &&
					 search->index[target] < search->low[s])
				search->low[s] = search->index[target];
		}
	}
}

/* Components were numbered from the end; put their states beside each other. */
static void
fill_sequence(MarkovSequence *sequence, const Search *search, size_t n, const MarkovHost *host)
{
	size_t		blocks = search->components;
	size_t	   *first = sequence->block;
	size_t		i;

	memset(first, 0, (blocks + 2) * sizeof(size_t));
	for (i = 0; i < n; i++)
	{
		breathe(host, i);
		first[blocks - 1 - search->component[i] + 2]++;
	}
	for (i = 2; i < blocks + 2; i++)
	{
		breathe(host, i);
		if (first[i] > sequence->largest)
			sequence->largest = first[i];
		first[i] += first[i - 1];
	}
	for (i = n; i-- > 0;)
	{
		uint32_t	s = search->left[i];
		size_t		at = first[blocks - 1 - search->component[s] + 1]++;

		breathe(host, i);
		sequence->state[at] = s;
		sequence->position[s] = (uint32_t) at;
	}
	sequence->blocks = blocks;
}

MarkovStatus
markov_sequence_build(MarkovSequence *sequence, const MarkovChain *chain,
					  const MarkovHost *host)
{
	size_t		n = chain->states;
	uint32_t   *memory = host->allocate(host->arg, (6 * n + 1) * sizeof(uint32_t));
	Search		search;
	size_t		s;

	memset(sequence, 0, sizeof(*sequence));
	memset(&search, 0, sizeof(search));
	search.next = host->allocate(host->arg, (n + 1) * sizeof(size_t));
	sequence->state = host->allocate(host->arg, (n + 1) * sizeof(uint32_t));
	sequence->position = host->allocate(host->arg, (n + 1) * sizeof(uint32_t));
	sequence->block = host->allocate(host->arg, (n + 2) * sizeof(size_t));
	if (memory != NULL && search.next != NULL && sequence->state != NULL &&
		sequence->position != NULL && sequence->block != NULL)
	{
		search.index = memory;
		search.low = memory + n;
		search.component = memory + 2 * n;
		search.stack = memory + 3 * n;
		search.calls = memory + 4 * n;
		search.left = memory + 5 * n;
		memset(search.index, 0xff, n * sizeof(uint32_t));
		memset(search.component, 0xff, n * sizeof(uint32_t));
		for (s = 0; s < n; s++)
		{
			breathe(host, s);
			if (search.index[s] == UNSEEN)
				search_from(&search, chain, (uint32_t) s, host);
		}
		fill_sequence(sequence, &search, n, host);
	}
	else
		sequence->blocks = SIZE_MAX;

	if (memory != NULL)
		host->release(host->arg, memory);
	if (search.next != NULL)
		host->release(host->arg, search.next);
	if (sequence->blocks == SIZE_MAX)
	{
		markov_sequence_free(sequence, host);
		return MARKOV_NO_MEMORY;
	}
	return MARKOV_OK;
}

void
markov_sequence_free(MarkovSequence *sequence, const MarkovHost *host)
{
	if (sequence->state != NULL)
		host->release(host->arg, sequence->state);
	if (sequence->position != NULL)
		host->release(host->arg, sequence->position);
	if (sequence->block != NULL)
		host->release(host->arg, sequence->block);
	memset(sequence, 0, sizeof(*sequence));
}

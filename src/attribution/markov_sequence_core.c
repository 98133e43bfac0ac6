/*
 * markov_sequence_core.c
 *	  The rows of a system in an order in which they read what comes before.
 *
 * Strongly connected components by Tarjan (SIAM J. Comput. 1, 1972, 146-160),
 * without recursion.  He leaves a component after all that it depends on; within
 * one, rows stand in the order in which the search left them.  A row that is
 * read by an earlier one is then one of its ancestors in the search, of which
 * there are few.
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
	uint32_t   *left;			/* rows in the order in which they were left */
	size_t	   *next;			/* what to follow next */
	size_t		depth;
	size_t		stacked;
	size_t		seen;
	size_t		count;			/* rows left */
	size_t		components;
} Search;

static inline void
breathe(const MarkovHost *host, size_t i)
{
	if (i % BREATH == 0)
		host->breathe(host->arg);
}

static void
enter_row(Search *search, const MarkovReads *reads, uint32_t s)
{
	search->index[s] = search->low[s] = (uint32_t) search->seen++;
	search->next[s] = reads->first[s];
	search->stack[search->stacked++] = s;
	search->calls[search->depth++] = s;
}

static void
leave_row(Search *search, uint32_t s)
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
search_from(Search *search, const MarkovReads *reads, uint32_t root, const MarkovHost *host)
{
	size_t		work = 0;

	enter_row(search, reads, root);
	while (search->depth > 0)
	{
		uint32_t	s = search->calls[search->depth - 1];

		breathe(host, ++work);
		if (search->next[s] == reads->first[s + 1])
			leave_row(search, s);
		else
		{
			uint32_t	target = reads->to[search->next[s]++];

			if (search->index[target] == UNSEEN)
				enter_row(search, reads, target);
			else if (search->component[target] == UNSEEN &&
					 search->index[target] < search->low[s])
				search->low[s] = search->index[target];
		}
	}
}

/* Put the rows of a component beside each other. */
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
		first[search->component[i] + 2]++;
	}
	for (i = 2; i < blocks + 2; i++)
	{
		breathe(host, i);
		if (first[i] > sequence->largest)
			sequence->largest = first[i];
		first[i] += first[i - 1];
	}
	for (i = 0; i < n; i++)
	{
		uint32_t	s = search->left[i];
		size_t		at = first[search->component[s] + 1]++;

		breathe(host, i);
		sequence->row[at] = s;
		sequence->position[s] = (uint32_t) at;
	}
	sequence->blocks = blocks;
}

MarkovStatus
markov_sequence_build(MarkovSequence *sequence, const MarkovReads *reads,
					  const MarkovHost *host)
{
	size_t		n = reads->rows;
	uint32_t   *memory = host->allocate(host->arg, (6 * n + 1) * sizeof(uint32_t));
	Search		search;
	size_t		s;

	memset(sequence, 0, sizeof(*sequence));
	memset(&search, 0, sizeof(search));
	search.next = host->allocate(host->arg, (n + 1) * sizeof(size_t));
	sequence->row = host->allocate(host->arg, (n + 1) * sizeof(uint32_t));
	sequence->position = host->allocate(host->arg, (n + 1) * sizeof(uint32_t));
	sequence->block = host->allocate(host->arg, (n + 2) * sizeof(size_t));
	if (memory != NULL && search.next != NULL && sequence->row != NULL &&
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
				search_from(&search, reads, (uint32_t) s, host);
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
	if (sequence->row != NULL)
		host->release(host->arg, sequence->row);
	if (sequence->position != NULL)
		host->release(host->arg, sequence->position);
	if (sequence->block != NULL)
		host->release(host->arg, sequence->block);
	memset(sequence, 0, sizeof(*sequence));
}

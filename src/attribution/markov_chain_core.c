/*
 * markov_chain_core.c
 *	  The absorbing chain that a table of counts describes, by index.
 *
 * A table that passes is one that some paths could have made: its runs ascend,
 * no state gets more from others than leaves it, and every state is reached
 * from the start.  Then every state also leads to an end (a set of states that
 * is not left would have to pass on nothing, but what started came in), so
 * the chain absorbs and all systems that are solved over it have one solution.
 */
#include "markov_chain_core.h"

#include <stdlib.h>
#include <string.h>

#define BREATH 8192

/* may lie on any multiple of 8 */
typedef __int128 Sum __attribute__((aligned(8)));

static inline void
breathe(const MarkovHost *host, size_t i)
{
	if (i % BREATH == 0)
		host->breathe(host->arg);
}

static inline const int64_t *
ids_of(const MarkovChain *chain, size_t s)
{
	return chain->ids + s * chain->order;
}

/* The state that an entry leaves, as order creators. */
static void
fill_ids(int64_t *ids, const MarkovEntry *entry, uint32_t order)
{
	uint32_t	i;

	for (i = 0; i < order; i++)
		ids[i] = i < entry->length ? entry->ids[i] : entry->ids[0];
}

/* Does the entry leave another state than the one before it? */
static bool
begins_state(const MarkovEntry *entry, const MarkovEntry *before, uint32_t order)
{
	if (before->length == 0 || entry->length < order || before->length < order)
		return true;
	return memcmp(entry->ids, before->ids, order * sizeof(int64_t)) != 0;
}

static MarkovStatus
count_states(MarkovChain *chain, const uint8_t *state, const MarkovHost *host)
{
	size_t		n = markov_state_used(state);
	MarkovEntry before;
	size_t		i;

	memset(&before, 0, sizeof(before));
	for (i = 0; i < n; i++)
	{
		MarkovEntry entry;

		breathe(host, i);
		if (!markov_state_entry(state, i, &entry) || entry.length == 0 ||
			(i > 0 && markov_entry_compare(&before, &entry) >= 0))
			return MARKOV_CORRUPT;
		chain->states += begins_state(&entry, &before, chain->order);
		chain->steps += entry.length > chain->order;
		before = entry;
	}
	return MARKOV_OK;
}

static int
compare_ids(const int64_t *a, const int64_t *b, uint32_t order)
{
	uint32_t	i;

	for (i = 0; i < order; i++)
	{
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return 0;
}

/*
 * The state of exactly those creators, or SIZE_MAX.  Short states lie among the
 * long ones in the order of the table; long is the list of the others.
 */
static size_t
find_state(const MarkovChain *chain, const uint32_t *longs, size_t count, const int64_t *ids)
{
	size_t		low = 0;
	size_t		high = count;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;
		int			order = compare_ids(ids_of(chain, longs[middle]), ids, chain->order);

		if (order == 0)
			return longs[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SIZE_MAX;
}

/* States in their order: creators, amounts, and where their steps lie. */
static size_t
read_states(MarkovChain *chain, const uint8_t *state, Sum *leaves, uint32_t *longs,
			const MarkovHost *host)
{
	size_t		n = markov_state_used(state);
	Sum			conversions = 0;
	Sum			value = 0;
	MarkovEntry before;
	size_t		count = 0;
	size_t		s = 0;
	size_t		e = 0;
	size_t		i;

	memset(&before, 0, sizeof(before));
	for (i = 0; i < n; i++)
	{
		MarkovEntry entry;

		breathe(host, i);
		markov_state_entry(state, i, &entry);
		if (begins_state(&entry, &before, chain->order))
		{
			chain->out[s] = e;
			fill_ids(chain->ids + s * chain->order, &entry, chain->order);
			chain->conversions[s] = 0;
			chain->nulls[s] = 0;
			chain->value[s] = 0;
			leaves[s] = 0;
			if (entry.length >= chain->order)
				longs[count++] = (uint32_t) s;
			s++;
		}
		leaves[s - 1] += (Sum) entry.weight + entry.conversions + entry.nulls;
		if (entry.length <= chain->order)
		{
			chain->conversions[s - 1] = (double) entry.conversions;
			chain->nulls[s - 1] = (double) entry.nulls;
			chain->value[s - 1] = (double) entry.value;
			conversions += entry.conversions;
			value += entry.value;
		}
		else
			chain->weight[e++] = (double) entry.weight;
		before = entry;
	}
	chain->out[s] = e;
	chain->all_conversions = (double) conversions;
	chain->all_value = (double) value;
	return count;
}

/* The ends of the steps; starts[s] begins as what leaves s. */
static MarkovStatus
read_steps(MarkovChain *chain, const uint8_t *state, Sum *starts, const uint32_t *longs,
		   size_t count, const MarkovHost *host)
{
	size_t		n = markov_state_used(state);
	Sum			all = 0;
	size_t		e = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		MarkovEntry entry;
		size_t		target;

		breathe(host, i);
		markov_state_entry(state, i, &entry);
		if (entry.length <= chain->order)
			continue;
		target = find_state(chain, longs, count, entry.ids + 1);
		if (target == SIZE_MAX || starts[target] < entry.weight)
			return MARKOV_CORRUPT;
		starts[target] -= entry.weight;
		chain->target[e++] = (uint32_t) target;
	}
	for (i = 0; i < chain->states; i++)
	{
		breathe(host, i);
		chain->start[i] = (double) starts[i];
		all += starts[i];
	}
	chain->all_starts = (double) all;
	return MARKOV_OK;
}

/* Is every state reached from one where paths start? */
static bool
all_reached(const MarkovChain *chain, uint32_t *queue, uint8_t *seen, const MarkovHost *host)
{
	size_t		head = 0;
	size_t		tail = 0;
	size_t		work = 0;
	size_t		s;

	for (s = 0; s < chain->states; s++)
	{
		breathe(host, s);
		seen[s] = chain->start[s] > 0;
		if (seen[s])
			queue[tail++] = (uint32_t) s;
	}
	while (head < tail)
	{
		size_t		e;

		s = queue[head++];
		for (e = chain->out[s]; e < chain->out[s + 1]; e++)
		{
			uint32_t	target = chain->target[e];

			breathe(host, work++);
			if (!seen[target])
			{
				seen[target] = 1;
				queue[tail++] = target;
			}
		}
	}
	return tail == chain->states;
}

#define MARKOV_SORT sort_ids
#define MARKOV_ITEM int64_t
#define MARKOV_IN_ORDER(a, b) ((a) <= (b))
#define MARKOV_BREATH BREATH
#include "markov_sort_template.h"

static size_t
find_creator(const MarkovChain *chain, int64_t id)
{
	size_t		low = 0;
	size_t		high = chain->creators;

	while (high - low > 1)
	{
		size_t		middle = low + (high - low) / 2;

		if (chain->creator_ids[middle] <= id)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* Is the i-th creator of a state one that did not come before in it? */
static inline bool
is_first(const int64_t *ids, uint32_t i)
{
	uint32_t	j;

	for (j = 0; j < i; j++)
	{
		if (ids[j] == ids[i])
			return false;
	}
	return true;
}

/* The creators, and which states contain each. */
static MarkovStatus
index_creators(MarkovChain *chain, const MarkovHost *host)
{
	size_t		n = chain->states * chain->order;
	int64_t    *ids = host->allocate(host->arg, (2 * n + 1) * sizeof(int64_t));
	int64_t    *sorted;
	size_t		s;
	size_t		i;

	if (ids == NULL)
		return MARKOV_NO_MEMORY;
	for (i = 0; i < n; i++)
	{
		breathe(host, i);
		ids[i] = chain->ids[i];
	}
	sorted = sort_ids(ids, ids + n, n, NULL, host);
	for (i = 0; i < n; i++)
	{
		if (i == 0 || sorted[i] != sorted[i - 1])
			sorted[chain->creators++] = sorted[i];
	}
	chain->creator_ids = host->allocate(host->arg, (chain->creators + 1) * sizeof(int64_t));
	chain->member = host->allocate(host->arg, (chain->creators + 2) * sizeof(size_t));
	chain->member_state = host->allocate(host->arg, (n + 1) * sizeof(uint32_t));
	if (chain->creator_ids != NULL)
		memcpy(chain->creator_ids, sorted, chain->creators * sizeof(int64_t));
	host->release(host->arg, ids);
	if (chain->creator_ids == NULL || chain->member == NULL || chain->member_state == NULL)
		return MARKOV_NO_MEMORY;

	/* counting sort; member[c + 2] counts, then member[c + 1] is where to put */
	memset(chain->member, 0, (chain->creators + 2) * sizeof(size_t));
	for (i = 0; i < n; i++)
	{
		breathe(host, i);
		if (is_first(ids_of(chain, i / chain->order), i % chain->order))
			chain->member[find_creator(chain, chain->ids[i]) + 2]++;
	}
	for (i = 2; i < chain->creators + 2; i++)
		chain->member[i] += chain->member[i - 1];
	for (s = 0; s < chain->states; s++)
	{
		breathe(host, s);
		for (i = 0; i < chain->order; i++)
		{
			if (is_first(ids_of(chain, s), i))
				chain->member_state[chain->member[find_creator(chain, ids_of(chain, s)[i]) + 1]++] = (uint32_t) s;
		}
	}
	return MARKOV_OK;
}

static bool
allocate_chain(MarkovChain *chain, const MarkovHost *host)
{
	size_t		n = chain->states;
	size_t		m = chain->steps;

	chain->flow = host->allocate(host->arg, (n + 1) * sizeof(double));
	chain->start = host->allocate(host->arg, (n + 1) * sizeof(double));
	chain->conversions = host->allocate(host->arg, (n + 1) * sizeof(double));
	chain->nulls = host->allocate(host->arg, (n + 1) * sizeof(double));
	chain->value = host->allocate(host->arg, (n + 1) * sizeof(double));
	chain->ids = host->allocate(host->arg, (n * chain->order + 1) * sizeof(int64_t));
	chain->out = host->allocate(host->arg, (n + 1) * sizeof(size_t));
	chain->target = host->allocate(host->arg, (m + 1) * sizeof(uint32_t));
	chain->weight = host->allocate(host->arg, (m + 1) * sizeof(double));
	return chain->flow != NULL && chain->start != NULL && chain->conversions != NULL &&
		chain->nulls != NULL && chain->value != NULL && chain->ids != NULL &&
		chain->out != NULL && chain->target != NULL && chain->weight != NULL;
}

static MarkovStatus
read_chain(MarkovChain *chain, const uint8_t *state, Sum *sums, uint32_t *longs,
		   uint8_t *seen, const MarkovHost *host)
{
	size_t		count = read_states(chain, state, sums, longs, host);
	MarkovStatus status;
	size_t		s;

	for (s = 0; s < chain->states; s++)
	{
		breathe(host, s);
		chain->flow[s] = (double) sums[s];
	}
	status = read_steps(chain, state, sums, longs, count, host);
	if (status == MARKOV_OK && !all_reached(chain, longs, seen, host))
		status = MARKOV_CORRUPT;
	return status == MARKOV_OK ? index_creators(chain, host) : status;
}

MarkovStatus
markov_chain_build(MarkovChain *chain, const uint8_t *state, const MarkovHost *host)
{
	MarkovStatus status;
	Sum		   *sums;
	uint32_t   *longs;
	uint8_t    *seen;

	memset(chain, 0, sizeof(*chain));
	chain->order = markov_state_order(state);
	status = count_states(chain, state, host);
	if (status != MARKOV_OK)
		return status;

	sums = host->allocate(host->arg, (chain->states + 1) * sizeof(Sum));
	longs = host->allocate(host->arg, (chain->states + 1) * sizeof(uint32_t));
	seen = host->allocate(host->arg, chain->states + 1);
	if (sums == NULL || longs == NULL || seen == NULL || !allocate_chain(chain, host))
		status = MARKOV_NO_MEMORY;
	else
		status = read_chain(chain, state, sums, longs, seen, host);

	if (sums != NULL)
		host->release(host->arg, sums);
	if (longs != NULL)
		host->release(host->arg, longs);
	if (seen != NULL)
		host->release(host->arg, seen);
	if (status != MARKOV_OK)
		markov_chain_free(chain, host);
	return status;
}

void
markov_chain_free(MarkovChain *chain, const MarkovHost *host)
{
	void	   *parts[] = {chain->flow, chain->start, chain->conversions, chain->nulls,
		chain->value, chain->ids, chain->out, chain->target, chain->weight,
		chain->creator_ids, chain->member, chain->member_state};
	size_t		i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		if (parts[i] != NULL)
			host->release(host->arg, parts[i]);
	}
	memset(chain, 0, sizeof(*chain));
}

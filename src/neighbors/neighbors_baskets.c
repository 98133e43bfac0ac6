/*
 * neighbors_baskets.c
 *	  Histories of all users, in memory or in a temporary file.
 *
 * In memory they are there once by user and once by item; so that is what has
 * to fit. It is decided before the first one comes, by the number of rows, and
 * again when all are there and it is known how many were repeated. A history
 * of one item makes no pair: it is counted, and not written.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "neighbors_baskets.h"

#define SCAN_WORDS ((size_t) 16384)

static void *
allocate(MemoryContext context, size_t count, size_t size, bool zero)
{
	return MemoryContextAllocExtended(context, Max(count, 1) * size, MCXT_ALLOC_HUGE | (zero ? MCXT_ALLOC_ZERO : 0));
}

/* With so many items and users, both ways. */
static bool
fits(const NeighborsBaskets *baskets, uint64 kept, uint64 users)
{
	size_t		bytes = 2 * sizeof(uint32) * (baskets->weighted ? 2 : 1);

	return kept <= NEIGHBORS_MAX && users < NEIGHBORS_MAX &&
		kept * bytes + (users + 1) * sizeof(uint32) <= baskets->limit;
}

static void
keep_in_memory(NeighborsBaskets *baskets, uint64 kept, uint64 users)
{
	NeighborsHistories *histories = &baskets->histories;

	histories->start = allocate(baskets->context, users + 1, sizeof(uint32), false);
	histories->start[0] = 0;
	histories->item = allocate(baskets->context, kept, sizeof(uint32), false);
	if (baskets->weighted)
		histories->weight = allocate(baskets->context, kept, sizeof(uint32), false);
	baskets->user_capacity = users;
}

void
neighbors_baskets_create(NeighborsBaskets *baskets, MemoryContext context, uint32 items, bool weighted,
						 uint64 rows, size_t limit)
{
	memset(baskets, 0, sizeof(*baskets));
	baskets->context = context;
	baskets->limit = limit;
	baskets->items = items;
	baskets->weighted = weighted;
	baskets->norm = allocate(context, items, sizeof(uint64), true);
	baskets->pairs = allocate(context, items, sizeof(uint64), true);
	baskets->histories.items = items;
	if (fits(baskets, rows, rows))
		keep_in_memory(baskets, rows, Min(rows, 1024));
	else
	{
		MemoryContext caller = MemoryContextSwitchTo(context);

		baskets->file = BufFileCreateTemp(false);
		MemoryContextSwitchTo(caller);
	}
}

/* In memory: after what is there. */
static void
append(NeighborsBaskets *baskets, const uint32 *items, const uint32 *weights, uint32 n)
{
	NeighborsHistories *histories = &baskets->histories;

	if (histories->users == baskets->user_capacity)
	{
		baskets->user_capacity *= 2;
		histories->start = repalloc_huge(histories->start, (baskets->user_capacity + 1) * sizeof(uint32));
	}
	memcpy(histories->item + histories->start[histories->users], items, n * sizeof(uint32));
	if (weights != NULL)
		memcpy(histories->weight + histories->start[histories->users], weights, n * sizeof(uint32));
	histories->users++;
	histories->start[histories->users] = histories->start[histories->users - 1] + n;
}

static void
add_norms(NeighborsBaskets *baskets, const uint32 *items, const uint32 *weights, uint32 n)
{
	uint32		i;

	for (i = 0; i < n; i++)
	{
		uint64		weight = weights == NULL ? 1 : weights[i];

		baskets->norm[items[i]] += weight * weight;
		if (baskets->norm[items[i]] >> 63 != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("the weights of an item are too large"),
					 errdetail("The squares of its weights sum up to more than %g.", ldexp(1, 63 - 2 * NEIGHBORS_WEIGHT_BITS)),
					 errhint("Divide all weights by the same number: similarities stay nearly the same.")));
		baskets->pairs[items[i]] += n;
	}
}

void
neighbors_baskets_add(void *arg, const NeighborsHistories *histories)
{
	NeighborsBaskets *baskets = arg;
	uint32		user;

	for (user = 0; user < histories->users; user++)
	{
		uint32		from = histories->start[user];
		uint32		n = histories->start[user + 1] - from;
		const uint32 *items = histories->item + from;
		const uint32 *weights = histories->weight == NULL ? NULL : histories->weight + from;

		CHECK_FOR_INTERRUPTS();
		add_norms(baskets, items, weights, n);
		if (n < 2)
			continue;
		baskets->users++;
		baskets->kept += n;
		baskets->largest = Max(baskets->largest, n);
		if (baskets->file == NULL)
		{
			append(baskets, items, weights, n);
			continue;
		}
		BufFileWrite(baskets->file, &n, sizeof(n));
		BufFileWrite(baskets->file, unconstify(uint32 *, items), n * sizeof(uint32));
		if (weights != NULL)
			BufFileWrite(baskets->file, unconstify(uint32 *, weights), n * sizeof(uint32));
	}
}

void
neighbors_baskets_finish(NeighborsBaskets *baskets)
{
	NeighborsBasketScan scan;
	const uint32 *items;
	const uint32 *weights;
	uint32		n;

	if (baskets->file == NULL || !fits(baskets, baskets->kept, baskets->users))
		return;
	keep_in_memory(baskets, baskets->kept, baskets->users);
	neighbors_basket_scan(&scan, baskets);
	while ((n = neighbors_basket_next(&scan, &items, &weights)) > 0)
		append(baskets, items, weights, n);
	BufFileClose(baskets->file);
	baskets->file = NULL;
}

void
neighbors_basket_scan(NeighborsBasketScan *scan, NeighborsBaskets *baskets)
{
	memset(scan, 0, sizeof(*scan));
	scan->baskets = baskets;
	scan->left = baskets->users;
	scan->capacity = SCAN_WORDS + 2 * (2 * (size_t) baskets->largest + 1);
	scan->words = allocate(baskets->context, scan->capacity, sizeof(uint32), false);
	if (BufFileSeek(baskets->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file: %m")));
}

/* Makes sure that so many words are at scan->next, as far as there are any. */
static void
look_ahead(NeighborsBasketScan *scan, size_t count)
{
	size_t		have = scan->end - scan->next;

	if (have >= count)
		return;
	CHECK_FOR_INTERRUPTS();
	memmove(scan->words, scan->words + scan->next, have * sizeof(uint32));
	scan->next = 0;
	scan->end = have + BufFileRead(scan->baskets->file, scan->words + have,
								   (scan->capacity - have) * sizeof(uint32)) / sizeof(uint32);
	if (scan->end < count)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file: %m")));
}

uint32
neighbors_basket_next(NeighborsBasketScan *scan, const uint32 **items, const uint32 **weights)
{
	size_t		arrays = scan->baskets->weighted ? 2 : 1;
	uint32		n;

	if (scan->left == 0)
	{
		pfree(scan->words);
		scan->words = NULL;
		return 0;
	}
	look_ahead(scan, 1);
	n = scan->words[scan->next];
	look_ahead(scan, 1 + arrays * n);
	*items = scan->words + scan->next + 1;
	*weights = arrays == 2 ? *items + n : NULL;
	scan->next += 1 + arrays * n;
	scan->left--;
	return n;
}

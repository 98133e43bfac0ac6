/*
 * neighbors_passes.c
 *	  Nearest neighbours of all items, whether histories fit in memory or not.
 *
 * In memory an item's sums come from the histories of its users. Otherwise the
 * file of histories is read several times, each time for a range of items: an
 * item's share of the memory takes the histories that it is in, one after the
 * other, or its sums with all other items, whichever is less. How much that
 * will be is known beforehand, so a range takes exactly what fits.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "neighbors_passes.h"

#define STEP 65536

typedef struct Search
{
	NeighborsBaskets *baskets;
	NeighborsSums sums;
	double	   *norm;
	uint32		k;
	double		shrink;
	NeighborsScore *nearest;
	NeighborsListSink sink;
	void	   *arg;
} Search;

/* An item's share of a pass. */
typedef struct Share
{
	uint64		from;			/* entry of the pass, or sum */
	uint64		fill;			/* entries that are there */
	bool		summed;			/* it has sums, not entries */
} Share;

/*
 * The items [low, high). Entries are the items of histories and, with weights,
 * their products with the item's own.
 */
typedef struct Pass
{
	uint32		low;
	uint32		high;
	Share	   *shares;			/* grows as needed, and serves all passes */
	uint64		share_room;
	uint64	   *block;			/* the same: sums, then products, then entries */
	size_t		block_bytes;
	uint64	   *sums;
	uint64	   *products;
	uint32	   *entries;
} Pass;

static void *
allocate(const Search *search, size_t count, size_t size, bool zero)
{
	return MemoryContextAllocExtended(search->baskets->context, Max(count, 1) * size,
									  MCXT_ALLOC_HUGE | (zero ? MCXT_ALLOC_ZERO : 0));
}

/* The sums of search->sums.item are there. */
static void
give_list(Search *search)
{
	uint32		n = neighbors_nearest(&search->sums, search->norm, search->baskets->weighted,
									  search->k, search->shrink, search->nearest);

	CHECK_FOR_INTERRUPTS();
	search->sink(search->arg, search->sums.item, search->nearest, n);
}

static void
search_memory(Search *search)
{
	NeighborsMatrix matrix = {.by_user = search->baskets->histories};
	NeighborsTranspose transpose;
	NeighborsStatus status;
	uint32		kept = (uint32) search->baskets->kept;
	uint32		item;

	matrix.norm = search->baskets->pairs;	/* not needed here */
	matrix.start = allocate(search, (size_t) matrix.by_user.items + 1, sizeof(uint32), false);
	matrix.user = allocate(search, kept, sizeof(uint32), false);
	if (search->baskets->weighted)
		matrix.weight = allocate(search, kept, sizeof(uint32), false);
	neighbors_transpose_start(&transpose, &matrix);
	while ((status = neighbors_transpose_step(&transpose)) == NEIGHBORS_MORE)
		CHECK_FOR_INTERRUPTS();
	if (status != NEIGHBORS_DONE)
		elog(ERROR, "weights of items cannot be added up");	/* they were, before */

	for (item = 0; item < matrix.by_user.items; item++)
	{
		neighbors_sums_start(&search->sums, &matrix, item);
		while (!neighbors_sums_step(&search->sums, &matrix))
			CHECK_FOR_INTERRUPTS();
		give_list(search);
	}
}

static size_t
entry_bytes(const NeighborsBaskets *baskets)
{
	return baskets->weighted ? sizeof(uint32) + sizeof(uint64) : sizeof(uint32);
}

/* Divides the block, which is made larger if it has to be. */
static void
divide_block(const Search *search, Pass *pass, uint64 sums, uint64 entries)
{
	size_t		bytes = sums * sizeof(uint64) + entries * entry_bytes(search->baskets);

	if (pass->block == NULL || bytes > pass->block_bytes)
	{
		if (pass->block != NULL)
			pfree(pass->block);
		pass->block = allocate(search, bytes, 1, false);
		pass->block_bytes = bytes;
	}
	memset(pass->block, 0, sums * sizeof(uint64));
	pass->sums = pass->block;
	pass->products = search->baskets->weighted ? pass->sums + sums : NULL;
	pass->entries = (uint32 *) (pass->sums + sums + (pass->products == NULL ? 0 : entries));
}

/* As many items from low on as fit, one at least; and room for them. */
static void
plan_pass(const Search *search, Pass *pass, uint32 low)
{
	const NeighborsBaskets *baskets = search->baskets;
	uint64		sums_bytes = (uint64) baskets->items * sizeof(uint64);
	uint64		bytes = 0;
	uint64		entries = 0;
	uint64		sums = 0;
	uint32		item;

	pass->low = low;
	for (item = low; item < baskets->items; item++)
	{
		uint64		pairs = baskets->pairs[item];
		bool		summed = pairs * entry_bytes(baskets) > sums_bytes;
		Share	   *share;

		bytes += sizeof(Share) + (summed ? sums_bytes : pairs * entry_bytes(baskets));
		if (item > low && bytes > baskets->limit)
			break;
		if (item - low == pass->share_room)
		{
			pass->share_room = Max(2 * pass->share_room, 1024);
			pass->shares = pass->shares == NULL ? allocate(search, pass->share_room, sizeof(Share), false)
				: repalloc_huge(pass->shares, pass->share_room * sizeof(Share));
		}
		share = &pass->shares[item - low];
		share->summed = summed;
		share->fill = 0;
		share->from = summed ? sums : entries;
		*(summed ? &sums : &entries) += summed ? baskets->items : pairs;
	}
	pass->high = item;
	divide_block(search, pass, sums, entries);
}

/* A history that the item is in, with that weight. */
static void
add_basket(const Pass *pass, Share *share, uint64 weight, const uint32 *items, const uint32 *weights, uint32 n)
{
	uint32		i;

	if (share->summed)
	{
		uint64	   *sums = pass->sums + share->from;

		for (i = 0; i < n; i++)
			sums[items[i]] += weights == NULL ? 1 : weight * weights[i];
		return;
	}
	memcpy(pass->entries + share->from + share->fill, items, n * sizeof(uint32));
	if (weights != NULL && pass->products != NULL)
	{
		for (i = 0; i < n; i++)
			pass->products[share->from + share->fill + i] = weight * weights[i];
	}
	share->fill += n;
}

static void
read_baskets(const Search *search, const Pass *pass)
{
	NeighborsBasketScan scan;
	const uint32 *items;
	const uint32 *weights;
	uint32		n;
	uint32		i;

	neighbors_basket_scan(&scan, search->baskets);
	while ((n = neighbors_basket_next(&scan, &items, &weights)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < n; i++)
		{
			if (items[i] >= pass->low && items[i] < pass->high)
				add_basket(pass, &pass->shares[items[i] - pass->low], weights == NULL ? 1 : weights[i],
						   items, weights, n);
		}
	}
}

static void
sum_entries(Search *search, const Pass *pass, const Share *share)
{
	uint64		i;

	for (i = share->from; i < share->from + share->fill; i++)
	{
		if (i % STEP == 0)
			CHECK_FOR_INTERRUPTS();
		neighbors_sums_add(&search->sums, pass->entries[i], pass->products == NULL ? 1 : pass->products[i]);
	}
	give_list(search);
}

/* The sums of the pass take the place of those of the search. */
static void
use_sums(Search *search, const Pass *pass, const Share *share)
{
	NeighborsSums *sums = &search->sums;
	uint64	   *own = sums->sum;
	uint32		item;

	sums->sum = pass->sums + share->from;
	for (item = 0; item < sums->items; item++)
	{
		if (sums->sum[item] != 0)
			sums->touched[sums->count++] = item;
	}
	give_list(search);
	sums->sum = own;
}

static void
search_file(Search *search)
{
	Pass		pass = {0};
	uint32		low = 0;
	uint32		item;

	while (low < search->baskets->items)
	{
		plan_pass(search, &pass, low);
		read_baskets(search, &pass);
		for (item = low; item < pass.high; item++)
		{
			const Share *share = &pass.shares[item - low];

			search->sums.item = item;
			if (share->summed)
				use_sums(search, &pass, share);
			else
				sum_entries(search, &pass, share);
		}
		low = pass.high;
	}
	BufFileClose(search->baskets->file);
	search->baskets->file = NULL;
}

void
neighbors_of_all(NeighborsBaskets *baskets, uint32 k, double shrink, NeighborsListSink sink, void *arg)
{
	Search		search = {.baskets = baskets, .k = k, .shrink = shrink, .sink = sink, .arg = arg};

	search.norm = allocate(&search, baskets->items, sizeof(double), false);
	neighbors_norms(search.norm, baskets->norm, baskets->items, baskets->weighted);
	search.nearest = allocate(&search, Min(k, baskets->items), sizeof(NeighborsScore), false);
	neighbors_sums_init(&search.sums, allocate(&search, baskets->items, sizeof(uint64), true),
						allocate(&search, baskets->items, sizeof(uint32), false), baskets->items);
	if (neighbors_baskets_in_memory(baskets))
		search_memory(&search);
	else
		search_file(&search);
}

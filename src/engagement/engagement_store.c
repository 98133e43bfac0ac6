/*
 * engagement_store.c
 *	  Rates in the order they come, given back creator by creator.
 *
 * A row is the number of its group (creator and cell), found by a hash table,
 * and its rate: twelve bytes, appended. At the end a counting sort by group
 * brings the rates of each together. Beyond the limit all rows go to one of 64
 * temporary files, by the hash of their creator, and the files are then done one
 * by one.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "engagement_store.h"

#define FIRST_ROWS 16384
#define FIRST_GROUPS 4096
#define PARTITION_BITS 6
#define PARTITIONS (1 << PARTITION_BITS)
#define STEP 65536

typedef struct StoreGroup
{
	int64		creator_id;
	uint32		cell;
	uint32		rows;			/* then: where the next one goes */
} StoreGroup;

typedef struct SpilledRow
{
	int64		creator_id;
	int64		posts;
	double		rate;
	uint64		cell;
} SpilledRow;

struct EngagementStore
{
	MemoryContext context;
	uint64		seed;
	bool		weighted;
	bool		loading;		/* from a file: there is nowhere to go */
	size_t		limit;

	StoreGroup *groups;
	uint32		ngroups;
	uint32		group_capacity;
	uint32	   *buckets;		/* a group's number + 1, 0 when free */
	uint32		mask;

	uint32	   *group_of;		/* of each row */
	double	   *rates;
	int64	   *posts;			/* NULL unless weighted */
	size_t		nrows;
	size_t		row_capacity;

	BufFile    *files[PARTITIONS];
	size_t		spilled[PARTITIONS];	/* rows */
};

#define ST_SORT sort_rates
#define ST_ELEMENT_TYPE double
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_weighted
#define ST_ELEMENT_TYPE EngagementRow
#define ST_COMPARE(a, b) ((a)->rate < (b)->rate ? -1 : (a)->rate > (b)->rate ? 1 : \
						  (a)->posts < (b)->posts ? -1 : (a)->posts > (b)->posts)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/* murmur3's finalizer: a bijection that spreads neighbours */
static inline uint64
mix(uint64 value)
{
	value = (value ^ (value >> 33)) * UINT64CONST(0xff51afd7ed558ccd);
	value = (value ^ (value >> 33)) * UINT64CONST(0xc4ceb9fe1a85ec53);
	return value ^ (value >> 33);
}

static inline uint64
hash_of(const EngagementStore *store, int64 creator_id, uint32 cell)
{
	return mix(((uint64) creator_id ^ store->seed) + cell * UINT64CONST(0x9e3779b97f4a7c15));
}

static void
make_buckets(EngagementStore *store)
{
	uint32		i;

	if (store->buckets != NULL)
		pfree(store->buckets);
	store->mask = 2 * store->group_capacity - 1;
	store->buckets = MemoryContextAllocExtended(store->context, ((Size) store->mask + 1) * sizeof(uint32),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (i = 0; i < store->ngroups; i++)
	{
		const StoreGroup *group = &store->groups[i];
		uint32		bucket = (uint32) hash_of(store, group->creator_id, group->cell) & store->mask;

		while (store->buckets[bucket] != 0)
			bucket = (bucket + 1) & store->mask;
		store->buckets[bucket] = i + 1;
	}
}

static void
make_arrays(EngagementStore *store)
{
	store->group_capacity = FIRST_GROUPS;
	store->groups = MemoryContextAlloc(store->context, FIRST_GROUPS * sizeof(StoreGroup));
	make_buckets(store);
	store->row_capacity = FIRST_ROWS;
	store->group_of = MemoryContextAlloc(store->context, FIRST_ROWS * sizeof(uint32));
	store->rates = MemoryContextAlloc(store->context, FIRST_ROWS * sizeof(double));
	if (store->weighted)
		store->posts = MemoryContextAlloc(store->context, FIRST_ROWS * sizeof(int64));
}

EngagementStore *
engagement_store_create(MemoryContext context, uint64 seed, bool weighted, size_t limit)
{
	EngagementStore *store = MemoryContextAllocZero(context, sizeof(EngagementStore));

	store->context = context;
	store->seed = seed;
	store->weighted = weighted;
	store->limit = limit;
	make_arrays(store);
	return store;
}

static void
too_many(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many rows"),
			 errdetail("At most 2^31 rows can be in memory at a time.")));
}

static uint32
group_number(EngagementStore *store, int64 creator_id, uint32 cell)
{
	uint32		bucket = (uint32) hash_of(store, creator_id, cell) & store->mask;
	StoreGroup *group;

	for (; store->buckets[bucket] != 0; bucket = (bucket + 1) & store->mask)
	{
		group = &store->groups[store->buckets[bucket] - 1];
		if (group->creator_id == creator_id && group->cell == cell)
			return store->buckets[bucket] - 1;
	}

	if (store->ngroups == store->group_capacity)
	{
		if (store->group_capacity >= (uint32) 1 << 30)
			too_many();
		store->group_capacity *= 2;
		store->groups = repalloc_huge(store->groups, store->group_capacity * sizeof(StoreGroup));
		make_buckets(store);
		return group_number(store, creator_id, cell);
	}
	group = &store->groups[store->ngroups++];
	group->creator_id = creator_id;
	group->cell = cell;
	group->rows = 0;
	store->buckets[bucket] = store->ngroups;
	return store->ngroups - 1;
}

/* What the arrays take with so many rows, and with what drain() adds. */
static size_t
bytes_for(const EngagementStore *store, size_t rows)
{
	return rows * (sizeof(uint32) + sizeof(double) + sizeof(double) +
				   (store->weighted ? sizeof(int64) + sizeof(int64) : 0)) +
		store->group_capacity * (sizeof(StoreGroup) + 2 * sizeof(uint32));
}

static void
write_row(EngagementStore *store, const SpilledRow *row)
{
	int			number = (int) (hash_of(store, row->creator_id, (uint32) row->cell) >> (64 - PARTITION_BITS));

	if (store->files[number] == NULL)
		store->files[number] = BufFileCreateTemp(false);
	BufFileWrite(store->files[number], (void *) row, sizeof(*row));
	store->spilled[number]++;
}

static void
empty(EngagementStore *store)
{
	memset(store->buckets, 0, ((Size) store->mask + 1) * sizeof(uint32));
	store->ngroups = 0;
	store->nrows = 0;
}

/* All rows go to the files. */
static void
spill(EngagementStore *store)
{
	MemoryContext caller = MemoryContextSwitchTo(store->context);
	size_t		i;

	for (i = 0; i < store->nrows; i++)
	{
		const StoreGroup *group = &store->groups[store->group_of[i]];
		SpilledRow	row = {group->creator_id, store->weighted ? store->posts[i] : 1, store->rates[i],
		group->cell};

		if (i % STEP == 0)
			CHECK_FOR_INTERRUPTS();
		write_row(store, &row);
	}
	MemoryContextSwitchTo(caller);
	empty(store);
}

/* Twice the rows, or none, when that would be too much. */
static void
make_room(EngagementStore *store)
{
	if (!store->loading && bytes_for(store, 2 * store->row_capacity) > store->limit)
	{
		spill(store);
		return;
	}
	if (store->row_capacity > (size_t) 1 << 30)
		too_many();
	store->row_capacity *= 2;
	store->group_of = repalloc_huge(store->group_of, store->row_capacity * sizeof(uint32));
	store->rates = repalloc_huge(store->rates, store->row_capacity * sizeof(double));
	if (store->weighted)
		store->posts = repalloc_huge(store->posts, store->row_capacity * sizeof(int64));
}

void
engagement_store_add(EngagementStore *store, int64 creator_id, uint32 cell, double rate, int64 posts)
{
	uint32		number;

	if (store->nrows == store->row_capacity)
		make_room(store);
	number = group_number(store, creator_id, cell);
	store->groups[number].rows++;
	store->group_of[store->nrows] = number;
	store->rates[store->nrows] = rate;
	if (store->weighted)
		store->posts[store->nrows] = posts;
	store->nrows++;
}

/* Where each group's rows begin, in place of their number; the most that one has. */
static size_t
place_groups(EngagementStore *store)
{
	uint32		place = 0;
	uint32		most = 0;
	uint32		i;

	for (i = 0; i < store->ngroups; i++)
	{
		uint32		rows = store->groups[i].rows;

		store->groups[i].rows = place;
		place += rows;
		most = Max(most, rows);
	}
	return most;
}

/* The rows in memory, group by group; afterwards groups[i].rows is where the next one begins. */
static void
drain_weighted(EngagementStore *store, EngagementGroupSink sink, void *arg)
{
	EngagementRow *rows = MemoryContextAllocHuge(store->context, Max(store->nrows, 1) * sizeof(EngagementRow));
	size_t		from = 0;
	size_t		i;

	place_groups(store);
	for (i = 0; i < store->nrows; i++)
	{
		EngagementRow *row = &rows[store->groups[store->group_of[i]].rows++];

		if (i % STEP == 0)
			CHECK_FOR_INTERRUPTS();
		row->rate = store->rates[i];
		row->posts = store->posts[i];
	}
	for (i = 0; i < store->ngroups; i++)
	{
		const StoreGroup *group = &store->groups[i];

		CHECK_FOR_INTERRUPTS();
		sort_weighted(rows + from, group->rows - from);
		sink(arg, group->creator_id, group->cell, rows + from, group->rows - from);
		from = group->rows;
	}
	pfree(rows);
}

static void
drain_single(EngagementStore *store, EngagementGroupSink sink, void *arg)
{
	double	   *rates = MemoryContextAllocHuge(store->context, Max(store->nrows, 1) * sizeof(double));
	size_t		most = place_groups(store);
	EngagementRow *rows = MemoryContextAllocHuge(store->context, Max(most, 1) * sizeof(EngagementRow));
	size_t		from = 0;
	size_t		i;
	size_t		j;

	for (i = 0; i < store->nrows; i++)
	{
		if (i % STEP == 0)
			CHECK_FOR_INTERRUPTS();
		rates[store->groups[store->group_of[i]].rows++] = store->rates[i];
	}
	for (i = 0; i < most; i++)
		rows[i].posts = 1;
	for (i = 0; i < store->ngroups; i++)
	{
		const StoreGroup *group = &store->groups[i];
		size_t		n = group->rows - from;

		CHECK_FOR_INTERRUPTS();
		sort_rates(rates + from, n);
		for (j = 0; j < n; j++)
			rows[j].rate = rates[from + j];
		sink(arg, group->creator_id, group->cell, rows, n);
		from = group->rows;
	}
	pfree(rates);
	pfree(rows);
}

static void
drain_memory(EngagementStore *store, EngagementGroupSink sink, void *arg)
{
	if (store->weighted)
		drain_weighted(store, sink, arg);
	else
		drain_single(store, sink, arg);
	empty(store);
}

static void
drain_file(EngagementStore *store, int number, EngagementGroupSink sink, void *arg)
{
	BufFile    *file = store->files[number];
	SpilledRow	row;
	size_t		i;

	if (BufFileSeek(file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file of engagement: %m")));
	for (i = 0; i < store->spilled[number]; i++)
	{
		if (i % STEP == 0)
			CHECK_FOR_INTERRUPTS();
		if (BufFileRead(file, &row, sizeof(row)) != sizeof(row))
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read from a temporary file of engagement: %m")));
		engagement_store_add(store, row.creator_id, (uint32) row.cell, row.rate, row.posts);
	}
	BufFileClose(file);
	store->files[number] = NULL;
	store->spilled[number] = 0;
	drain_memory(store, sink, arg);
}

void
engagement_store_drain(EngagementStore *store, EngagementGroupSink sink, void *arg)
{
	bool		spilled = false;
	int			number;

	for (number = 0; number < PARTITIONS; number++)
		spilled = spilled || store->files[number] != NULL;
	if (!spilled)
	{
		drain_memory(store, sink, arg);
		return;
	}
	spill(store);
	store->loading = true;
	for (number = 0; number < PARTITIONS; number++)
	{
		if (store->files[number] != NULL)
			drain_file(store, number, sink, arg);
	}
	store->loading = false;
}

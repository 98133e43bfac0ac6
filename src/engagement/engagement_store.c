/*
 * engagement_store.c
 *	  Rates in the order they come, given back creator by creator.
 *
 * A row goes to one of 256 partitions, by the hash of its creator, as three
 * words or, with posts, four. A creator's rows are all in one partition, and a
 * partition is small enough for the processor's cache: so its groups are found
 * by a hash table and brought together by a counting sort without waiting for
 * memory. Beyond the limit all partitions are written to a temporary file each.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "../common/row_store.h"
#include "engagement_store.h"

#define STEP 65536
#define FEW_ROWS 24

/* the words of a row */
enum
{
	ROW_CREATOR,
	ROW_RATE,
	ROW_CELL,
	ROW_POSTS					/* if weighted */
};

struct EngagementStore
{
	MemoryContext context;
	uint64		seed;
	bool		weighted;
	RowStore   *rows;
};

/* A creator and cell of the partition at hand. */
typedef struct StoreGroup
{
	int64		creator_id;
	uint32		cell;
	uint32		end;			/* its rows; after counting, where they end */
} StoreGroup;

/* The partition at hand. The arrays grow with the largest. */
typedef struct StoreDrain
{
	EngagementStore *store;
	uint64	   *words;			/* its rows */
	uint32	   *group_of;		/* of each row */
	EngagementRow *rows;		/* group by group */
	double	   *rates;			/* the same, where all posts are 1 */
	size_t		capacity;		/* rows of all these */
	StoreGroup *groups;
	uint32		ngroups;
	uint32		group_capacity;
	uint32	   *buckets;		/* a group's number + 1, 0 when free */
	uint32		mask;
} StoreDrain;

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

/* Most creators have few posts: sorted by insertion. */
static inline void
sort_few_or_many(double *rates, size_t n)
{
	size_t		i;

	if (n > FEW_ROWS)
	{
		sort_rates(rates, n);
		return;
	}
	for (i = 1; i < n; i++)
	{
		double		moving = rates[i];
		size_t		j = i;

		for (; j > 0 && rates[j - 1] > moving; j--)
			rates[j] = rates[j - 1];
		rates[j] = moving;
	}
}

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

EngagementStore *
engagement_store_create(MemoryContext context, uint64 seed, bool weighted, size_t limit)
{
	EngagementStore *store = MemoryContextAllocZero(context, sizeof(EngagementStore));

	store->context = context;
	store->seed = seed;
	store->weighted = weighted;
	store->rows = row_store_create(context, weighted ? 4 : 3, limit);
	return store;
}

void
engagement_store_add(EngagementStore *store, int64 creator_id, uint32 cell, double rate, int64 posts)
{
	uint64		hash = hash_of(store, creator_id, cell);
	uint64	   *row = row_store_add(store->rows, (uint32) (hash >> (64 - ROW_STORE_PARTITION_BITS)));

	row[ROW_CREATOR] = (uint64) creator_id;
	memcpy(&row[ROW_RATE], &rate, sizeof(rate));
	row[ROW_CELL] = cell;
	if (store->weighted)
		row[ROW_POSTS] = (uint64) posts;
}

static void
too_many(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many rows"),
			 errdetail("At most 2^30 rows can be in one of %d partitions.", ROW_STORE_PARTITIONS)));
}

static void *
reallocate(const StoreDrain *drain, void *old, size_t count, size_t size)
{
	if (old != NULL)
		pfree(old);
	return MemoryContextAllocHuge(drain->store->context, count * size);
}

/* Room for that many rows in every array. */
static void
make_room(StoreDrain *drain, size_t rows)
{
	if (rows <= drain->capacity)
		return;
	if (rows > (size_t) 1 << 30)
		too_many();
	drain->capacity = Max(rows, Min(2 * drain->capacity, (size_t) 1 << 30));
	drain->words = reallocate(drain, drain->words, drain->capacity, drain->store->rows->row_words * sizeof(uint64));
	drain->group_of = reallocate(drain, drain->group_of, drain->capacity, sizeof(uint32));
	drain->rows = reallocate(drain, drain->rows, drain->capacity, sizeof(EngagementRow));
	drain->rates = reallocate(drain, drain->rates, drain->capacity, sizeof(double));
}

static void
make_buckets(StoreDrain *drain)
{
	uint32		i;

	drain->mask = 2 * drain->group_capacity - 1;
	drain->buckets = reallocate(drain, drain->buckets, (size_t) drain->mask + 1, sizeof(uint32));
	memset(drain->buckets, 0, ((size_t) drain->mask + 1) * sizeof(uint32));
	for (i = 0; i < drain->ngroups; i++)
	{
		const StoreGroup *group = &drain->groups[i];
		uint32		bucket = (uint32) hash_of(drain->store, group->creator_id, group->cell) & drain->mask;

		while (drain->buckets[bucket] != 0)
			bucket = (bucket + 1) & drain->mask;
		drain->buckets[bucket] = i + 1;
	}
}

static uint32
group_number(StoreDrain *drain, int64 creator_id, uint32 cell)
{
	uint32		bucket = (uint32) hash_of(drain->store, creator_id, cell) & drain->mask;
	StoreGroup *group;

	for (; drain->buckets[bucket] != 0; bucket = (bucket + 1) & drain->mask)
	{
		group = &drain->groups[drain->buckets[bucket] - 1];
		if (group->creator_id == creator_id && group->cell == cell)
			return drain->buckets[bucket] - 1;
	}

	if (drain->ngroups == drain->group_capacity)
	{
		drain->group_capacity *= 2;
		drain->groups = repalloc_huge(drain->groups, drain->group_capacity * sizeof(StoreGroup));
		make_buckets(drain);
		return group_number(drain, creator_id, cell);
	}
	group = &drain->groups[drain->ngroups++];
	group->creator_id = creator_id;
	group->cell = cell;
	group->end = 0;
	drain->buckets[bucket] = drain->ngroups;
	return drain->ngroups - 1;
}

/* The group of each row, and where in the order of groups each begins. */
static void
group_rows(StoreDrain *drain, size_t n)
{
	const uint64 *row = drain->words;
	uint32		place = 0;
	uint32		rows;
	size_t		i;

	drain->ngroups = 0;
	memset(drain->buckets, 0, ((size_t) drain->mask + 1) * sizeof(uint32));
	for (i = 0; i < n; i++, row += drain->store->rows->row_words)
	{
		uint32		group = group_number(drain, (int64) row[ROW_CREATOR], (uint32) row[ROW_CELL]);

		if (i % STEP == 0)
			CHECK_FOR_INTERRUPTS();
		drain->group_of[i] = group;
		drain->groups[group].end++;
	}
	for (i = 0; i < drain->ngroups; i++)
	{
		rows = drain->groups[i].end;
		drain->groups[i].end = place;
		place += rows;
	}
}

/* Groups of rows with posts. */
static void
give_weighted(StoreDrain *drain, size_t n, EngagementGroupSink sink, void *arg)
{
	const uint64 *row = drain->words;
	uint32		from = 0;
	size_t		i;

	for (i = 0; i < n; i++, row += drain->store->rows->row_words)
	{
		EngagementRow *target = &drain->rows[drain->groups[drain->group_of[i]].end++];

		memcpy(&target->rate, &row[ROW_RATE], sizeof(double));
		target->posts = (int64) row[ROW_POSTS];
	}
	for (i = 0; i < drain->ngroups; i++)
	{
		const StoreGroup *group = &drain->groups[i];

		CHECK_FOR_INTERRUPTS();
		sort_weighted(drain->rows + from, group->end - from);
		sink(arg, group->creator_id, group->cell, drain->rows + from, group->end - from);
		from = group->end;
	}
}

/* Groups of single posts. */
static void
give_single(StoreDrain *drain, size_t n, EngagementGroupSink sink, void *arg)
{
	const uint64 *row = drain->words;
	uint32		from = 0;
	size_t		i;
	uint32		j;

	for (i = 0; i < n; i++, row += drain->store->rows->row_words)
		memcpy(&drain->rates[drain->groups[drain->group_of[i]].end++], &row[ROW_RATE], sizeof(double));
	for (i = 0; i < drain->ngroups; i++)
	{
		const StoreGroup *group = &drain->groups[i];

		CHECK_FOR_INTERRUPTS();
		sort_few_or_many(drain->rates + from, group->end - from);
		for (j = from; j < group->end; j++)
		{
			drain->rows[j].rate = drain->rates[j];
			drain->rows[j].posts = 1;
		}
		sink(arg, group->creator_id, group->cell, drain->rows + from, group->end - from);
		from = group->end;
	}
}

void
engagement_store_drain(EngagementStore *store, EngagementGroupSink sink, void *arg)
{
	StoreDrain	drain = {.store = store, .group_capacity = 256};
	int			i;

	drain.groups = MemoryContextAlloc(store->context, drain.group_capacity * sizeof(StoreGroup));
	make_buckets(&drain);
	for (i = 0; i < ROW_STORE_PARTITIONS; i++)
	{
		size_t		n = row_store_rows(store->rows, i);

		if (n == 0)
			continue;
		make_room(&drain, n);
		row_store_load(store->rows, i, drain.words);
		group_rows(&drain, n);
		if (store->weighted)
			give_weighted(&drain, n, sink, arg);
		else
			give_single(&drain, n, sink, arg);
	}
}

/*
 * neighbors_input.c
 *	  The interactions of a query as histories, within bounded memory.
 *
 * Rows go to one of 256 partitions by the hash of their user, so that a
 * partition holds all of a user. It is read into a batch of events; if it has
 * more users than fit, in several passes over it, each with a share of the
 * users. One user with more events than a batch takes is no trouble: of what a
 * batch holds, the newest of each item are kept and the rest is dropped, as
 * often as needed, which gives the same as doing it once at the end.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "../common/radix_core.h"
#include "neighbors_input.h"
#include "neighbors_query.h"

#define ITEM_BITS 32
#define LEAST_BATCH 4096

/* what a batch needs per event: twice the event, its place in histories, its user's numbers */
#define BATCH_BYTES (2 * sizeof(NeighborsEvent) + 2 * sizeof(uint32) + sizeof(int64) + 32)

/* Events of some users of a partition. */
typedef struct Batch
{
	NeighborsInput *input;
	uint32		max_history;
	const uint32 *number_of;	/* item numbers by the order they came in */
	IdMap		users;
	NeighborsEvent *events;
	NeighborsEvent *scratch;
	size_t		n;
	size_t		capacity;
	NeighborsHistories histories;
	uint32		start_capacity;
	bool	   *mark;
} Batch;

/* The words of a row: its user, when, and its item (as it came) with the weight. */
static void
add_row(void *arg, const NeighborsRow *row)
{
	NeighborsInput *input = arg;
	uint64		item_id = (uint64) row->item;
	uint32		item = id_map_add(&input->items, &item_id, "items");
	uint64		hash = id_map_hash(row->user, input->user_words, input->seed);
	uint64	   *words = row_store_add(input->rows, (uint32) (hash >> (64 - ROW_STORE_PARTITION_BITS)));
	uint32		i;

	for (i = 0; i < input->user_words; i++)
		words[i] = row->user[i];
	words[i++] = (uint64) row->at;
	words[i] = (uint64) item << ITEM_BITS | row->weight;
	input->nrows++;
}

void
neighbors_input_read(NeighborsInput *input, MemoryContext context, const char *text, size_t limit)
{
	NeighborsQuery *query;

	memset(input, 0, sizeof(*input));
	input->context = context;
	input->seed = pg_prng_uint64(&pg_global_prng_state);
	input->limit = limit;

	SPI_connect();
	query = neighbors_query_prepare(text);
	input->weighted = neighbors_query_weighted(query);
	input->user_words = neighbors_query_user_words(query);
	input->rows = row_store_create(context, input->user_words + 2, limit / 2);
	id_map_create(&input->items, context, 1, input->seed);
	neighbors_query_run(query, input->seed, add_row, input);
	SPI_finish();
}

/* Numbers of items by their ids; the map then gives way to a list by the order they came in. */
void
neighbors_input_number_items(NeighborsInput *input)
{
	uint32		n = input->items.count;
	RadixEntry *entries = MemoryContextAllocHuge(input->context, (size_t) Max(n, 1) * sizeof(RadixEntry));
	RadixEntry *scratch = MemoryContextAllocHuge(input->context, (size_t) Max(n, 1) * sizeof(RadixEntry));
	RadixSort	sort;
	uint32		i;

	for (i = 0; i < n; i++)
	{
		entries[i].key = input->items.keys[i] ^ (UINT64CONST(1) << 63);
		entries[i].row = i;
	}
	radix_start(&sort, entries, scratch, n);
	while (!radix_step(&sort))
		CHECK_FOR_INTERRUPTS();

	input->nitems = n;
	input->item_ids = MemoryContextAllocHuge(input->context, (size_t) Max(n, 1) * sizeof(int64));
	for (i = 0; i < n; i++)
	{
		input->item_ids[i] = (int64) (sort.entries[i].key ^ (UINT64CONST(1) << 63));
		/* the buckets are done with, and there are more of them */
		input->items.buckets[sort.entries[i].row] = i;
	}
	pfree(entries);
	pfree(scratch);
	pfree(input->items.keys);
	input->items.keys = NULL;
}

static void *
allocate(const Batch *batch, size_t count, size_t size)
{
	return MemoryContextAllocHuge(batch->input->context, Max(count, 1) * size);
}

static void
make_batch(Batch *batch, size_t capacity)
{
	if (capacity > NEIGHBORS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many interactions"),
				 errdetail("At most %u of some users can be held at a time.", NEIGHBORS_MAX),
				 errhint("Give a smaller max_history.")));
	batch->capacity = capacity;
	batch->events = allocate(batch, capacity, sizeof(NeighborsEvent));
	batch->scratch = allocate(batch, capacity, sizeof(NeighborsEvent));
	batch->histories.item = allocate(batch, capacity, sizeof(uint32));
	batch->histories.at = allocate(batch, capacity, sizeof(int64));
	batch->histories.weight = batch->input->weighted ? allocate(batch, capacity, sizeof(uint32)) : NULL;
}

static void
free_batch(Batch *batch)
{
	pfree(batch->events);
	pfree(batch->scratch);
	pfree(batch->histories.item);
	pfree(batch->histories.at);
	if (batch->histories.weight != NULL)
		pfree(batch->histories.weight);
}

static void
make_histories(Batch *batch)
{
	NeighborsBuild build;

	batch->histories.users = batch->users.count;
	if (batch->start_capacity < batch->users.count)
	{
		if (batch->histories.start != NULL)
			pfree(batch->histories.start);
		batch->start_capacity = Max(2 * batch->start_capacity, batch->users.count);
		batch->histories.start = allocate(batch, (size_t) batch->start_capacity + 1, sizeof(uint32));
	}
	neighbors_histories_start(&build, &batch->histories, batch->events, batch->scratch, batch->n,
							  batch->mark, batch->max_history);
	while (!neighbors_histories_step(&build))
		CHECK_FOR_INTERRUPTS();
}

/* The events of a batch are those of its histories again. */
static void
take_back(Batch *batch, const NeighborsHistories *from)
{
	uint32		user;
	uint32		i;

	batch->n = from->start[from->users];
	for (user = 0; user < from->users; user++)
	{
		for (i = from->start[user]; i < from->start[user + 1]; i++)
		{
			NeighborsEvent *event = &batch->events[i];

			event->at = from->at[i];
			event->user = user;
			event->item = from->item[i];
			event->weight = from->weight == NULL ? 1 : from->weight[i];
		}
	}
}

/* A full batch: what can't be in a history goes; if that is little, there will be more room. */
static void
compact(Batch *batch)
{
	Batch		old;

	make_histories(batch);
	old = *batch;
	if (batch->histories.start[batch->histories.users] > batch->capacity / 2)
		make_batch(batch, 2 * batch->capacity);
	take_back(batch, &old.histories);
	if (batch->events != old.events)
		free_batch(&old);
}

static inline void
add_event(Batch *batch, const uint64 *words)
{
	uint32		user_words = batch->input->user_words;
	NeighborsEvent *event;

	if (batch->n == batch->capacity)
		compact(batch);
	event = &batch->events[batch->n++];
	event->user = id_map_add(&batch->users, words, "users");
	event->at = (int64) words[user_words];
	event->item = batch->number_of[words[user_words + 1] >> ITEM_BITS];
	event->weight = (uint32) words[user_words + 1];
}

/* The users of a partition whose hash is that share of all. */
static void
read_share(Batch *batch, uint32 partition, uint64 share, uint64 shares)
{
	NeighborsInput *input = batch->input;
	uint32		row_words = input->user_words + 2;
	const uint64 *rows;
	RowScan		scan;
	size_t		n;

	id_map_clear(&batch->users);
	batch->n = 0;
	row_store_scan(&scan, input->rows, partition);
	while ((n = row_store_scan_next(&scan, &rows)) > 0)
	{
		for (; n > 0; n--, rows += row_words)
		{
			if (shares == 1 || id_map_hash(rows, input->user_words, ~input->seed) % shares == share)
				add_event(batch, rows);
		}
	}
}

void
neighbors_input_drain(NeighborsInput *input, uint32 max_history, NeighborsHistoriesSink sink, void *arg)
{
	Batch		batch = {.input = input, .max_history = max_history};
	uint32		partition;
	uint64		share;

	batch.number_of = input->items.buckets;
	batch.mark = MemoryContextAllocExtended(input->context, Max(input->nitems, 1) * sizeof(bool),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	batch.histories.items = input->nitems;
	id_map_create(&batch.users, input->context, input->user_words, input->seed);
	make_batch(&batch, Max(input->limit / 4 / BATCH_BYTES, LEAST_BATCH));

	for (partition = 0; partition < ROW_STORE_PARTITIONS; partition++)
	{
		size_t		rows = row_store_rows(input->rows, partition);
		uint64		shares = rows / (batch.capacity / 4 * 3) + 1;

		for (share = 0; share < shares && rows > 0; share++)
		{
			read_share(&batch, partition, share, shares);
			make_histories(&batch);
			sink(arg, &batch.histories);
		}
		row_store_release(input->rows, partition);
	}

	row_store_free(input->rows);
	input->rows = NULL;
	free_batch(&batch);
	pfree(batch.mark);
	if (batch.histories.start != NULL)
		pfree(batch.histories.start);
	id_map_free(&batch.users);
	pfree(input->items.buckets);
	input->items.buckets = NULL;
}

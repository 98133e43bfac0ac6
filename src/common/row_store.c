/*
 * row_store.c
 *	  Rows of a few words in the order they come, given back partition by
 *	  partition. Beyond the limit all partitions are written to a temporary
 *	  file each, and their memory takes the rows to come.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "row_store.h"

#define STEP 65536

RowStore *
row_store_create(MemoryContext context, uint32 row_words, size_t limit)
{
	RowStore   *store = MemoryContextAllocZero(context, sizeof(RowStore));

	Assert(row_words > 0 && row_words <= ROW_STORE_CHUNK_WORDS);
	store->context = context;
	store->row_words = row_words;
	store->chunk_rows = ROW_STORE_CHUNK_WORDS / row_words;
	store->limit = limit / sizeof(RowChunk);
	return store;
}

/* Rows of the chunk at the head of a partition's list, or of a full one behind it. */
static inline uint32
rows_in(const RowStore *store, const RowPartition *partition, const RowChunk *chunk)
{
	return chunk == partition->chunk ? store->chunk_rows - partition->room : store->chunk_rows;
}

/* The chunks of a partition are free again. */
static void
release_chunks(RowStore *store, RowPartition *partition)
{
	while (partition->chunk != NULL)
	{
		RowChunk   *chunk = partition->chunk;

		partition->chunk = chunk->next;
		chunk->next = store->free;
		store->free = chunk;
	}
	partition->room = 0;
	partition->rows = 0;
}

static void
spill(RowStore *store)
{
	MemoryContext caller = MemoryContextSwitchTo(store->context);
	int			i;

	for (i = 0; i < ROW_STORE_PARTITIONS; i++)
	{
		RowPartition *partition = &store->partitions[i];
		RowChunk   *chunk;

		CHECK_FOR_INTERRUPTS();
		if (partition->rows == 0)
			continue;
		if (partition->file == NULL)
			partition->file = BufFileCreateTemp(false);
		for (chunk = partition->chunk; chunk != NULL; chunk = chunk->next)
			BufFileWrite(partition->file, chunk->words,
						 (size_t) rows_in(store, partition, chunk) * store->row_words * sizeof(uint64));
		partition->spilled += partition->rows;
		release_chunks(store, partition);
	}
	MemoryContextSwitchTo(caller);
}

void
row_store_add_chunk(RowStore *store, RowPartition *partition)
{
	RowChunk   *chunk;

	if (store->free == NULL && store->chunks >= store->limit)
		spill(store);
	chunk = store->free;
	if (chunk != NULL)
		store->free = chunk->next;
	else
	{
		chunk = MemoryContextAlloc(store->context, sizeof(RowChunk));
		store->chunks++;
	}
	chunk->next = partition->chunk;
	partition->chunk = chunk;
	partition->room = store->chunk_rows;
}

static void
rewind_file(RowPartition *partition)
{
	if (BufFileSeek(partition->file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file: %m")));
}

static void
read_rows(RowStore *store, RowPartition *partition, uint64 *words, size_t rows)
{
	size_t		bytes = rows * store->row_words * sizeof(uint64);

	CHECK_FOR_INTERRUPTS();
	if (BufFileRead(partition->file, words, bytes) != bytes)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file: %m")));
}

void
row_store_load(RowStore *store, uint32 number, uint64 *words)
{
	RowPartition *partition = &store->partitions[number];
	RowChunk   *chunk;
	size_t		done;

	for (chunk = partition->chunk; chunk != NULL; chunk = chunk->next)
	{
		size_t		count = (size_t) rows_in(store, partition, chunk) * store->row_words;

		memcpy(words, chunk->words, count * sizeof(uint64));
		words += count;
	}
	if (partition->file != NULL)
	{
		rewind_file(partition);
		for (done = 0; done < partition->spilled; done += STEP)
			read_rows(store, partition, words + done * store->row_words, Min(partition->spilled - done, STEP));
	}
	row_store_release(store, number);
}

void
row_store_scan(RowScan *scan, RowStore *store, uint32 number)
{
	scan->store = store;
	scan->partition = &store->partitions[number];
	scan->chunk = scan->partition->chunk;
	scan->left = scan->partition->spilled;
	scan->buffer = NULL;
	if (scan->partition->file != NULL)
		rewind_file(scan->partition);
}

size_t
row_store_scan_next(RowScan *scan, const uint64 **rows)
{
	RowStore   *store = scan->store;
	size_t		count;

	CHECK_FOR_INTERRUPTS();
	if (scan->chunk != NULL)
	{
		const RowChunk *chunk = scan->chunk;

		scan->chunk = chunk->next;
		*rows = chunk->words;
		return rows_in(store, scan->partition, chunk);
	}
	if (scan->left == 0)
	{
		if (scan->buffer != NULL)
			pfree(scan->buffer);
		scan->buffer = NULL;
		return 0;
	}
	if (scan->buffer == NULL)
		scan->buffer = MemoryContextAlloc(store->context, ROW_STORE_CHUNK_WORDS * sizeof(uint64));
	count = Min(scan->left, store->chunk_rows);
	read_rows(store, scan->partition, scan->buffer, count);
	scan->left -= count;
	*rows = scan->buffer;
	return count;
}

void
row_store_release(RowStore *store, uint32 number)
{
	RowPartition *partition = &store->partitions[number];

	release_chunks(store, partition);
	if (partition->file != NULL)
		BufFileClose(partition->file);
	partition->file = NULL;
	partition->spilled = 0;
}

void
row_store_free(RowStore *store)
{
	uint32		i;

	for (i = 0; i < ROW_STORE_PARTITIONS; i++)
		row_store_release(store, i);
	while (store->free != NULL)
	{
		RowChunk   *chunk = store->free;

		store->free = chunk->next;
		pfree(chunk);
	}
	pfree(store);
}

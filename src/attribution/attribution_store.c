/*
 * attribution_store.c
 *	  Rows of fixed width in partitions: in memory while they fit, else in a
 *	  temporary file.
 *
 * Each partition grows by chunks of one size, so that a chunk freed by one can
 * be used by any other. When the chunks reach the bound, everything of the
 * store goes to one BufFile, a partition after the other, and each notes the
 * extents that are its own: a few megabytes at a time are written and read in
 * sequence, whatever the number of partitions.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "attribution_store.h"

#define CHUNK_BYTES 2048
#define SLAB_CHUNKS 128			/* are allocated at once */

void
store_memory_init(StoreMemory *memory, MemoryContext context, size_t limit)
{
	memset(memory, 0, sizeof(*memory));
	memory->context = context;
	memory->limit = limit;
}

Store *
store_create(StoreMemory *memory, int words)
{
	Store	   *store = MemoryContextAllocZero(memory->context, sizeof(Store));

	store->memory = memory;
	store->words = words;
	store->chunk_rows = CHUNK_BYTES / (words * (int) sizeof(uint64));
	Assert(store->chunk_rows > 0);
	return store;
}

/* A free chunk's first word leads to the next. */
static uint64 *
get_chunk(StoreMemory *memory)
{
	void	   *chunk;

	if (memory->free_chunks == NULL)
	{
		char	   *slab = MemoryContextAlloc(memory->context, SLAB_CHUNKS * CHUNK_BYTES);
		int			i;

		for (i = SLAB_CHUNKS - 1; i >= 0; i--)
		{
			chunk = slab + i * CHUNK_BYTES;
			*(void **) chunk = memory->free_chunks;
			memory->free_chunks = chunk;
		}
	}
	chunk = memory->free_chunks;
	memory->free_chunks = *(void **) chunk;
	memory->used += CHUNK_BYTES;
	return chunk;
}

static void
put_chunk(StoreMemory *memory, uint64 *chunk)
{
	*(void **) chunk = memory->free_chunks;
	memory->free_chunks = chunk;
	memory->used -= CHUNK_BYTES;
}

static void
seek_failed(void)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not seek in a temporary file of attribution: %m")));
}

/* rows in a chunk of a partition */
static size_t
chunk_fill(const Store *store, int number, int chunk)
{
	const StorePartition *partition = &store->partitions[number];

	if (chunk + 1 < partition->nchunks)
		return store->chunk_rows;
	return (store->tails[number].next - partition->chunks[chunk]) / store->words;
}

size_t
store_rows(const Store *store, int number)
{
	const StorePartition *partition = &store->partitions[number];
	size_t		rows = partition->spilled_rows;

	if (partition->nchunks > 0)
		rows += (size_t) (partition->nchunks - 1) * store->chunk_rows +
			chunk_fill(store, number, partition->nchunks - 1);
	return rows;
}

static void
add_extent(Store *store, StorePartition *partition, size_t rows)
{
	StoreExtent *extent;

	if (partition->nextents == partition->maxextents)
	{
		int			grown = Max(4, partition->maxextents * 2);

		partition->extents = partition->extents == NULL ?
			MemoryContextAlloc(store->memory->context, grown * sizeof(StoreExtent)) :
			repalloc(partition->extents, grown * sizeof(StoreExtent));
		partition->maxextents = grown;
	}
	extent = &partition->extents[partition->nextents++];
	extent->rows = rows;
	BufFileTell(store->memory->file, &extent->fileno, &extent->offset);
}

static void
spill_partition(Store *store, int number)
{
	StoreMemory *memory = store->memory;
	StorePartition *partition = &store->partitions[number];
	size_t		rows = store_rows(store, number) - partition->spilled_rows;
	int			i;

	if (rows > 0)
		add_extent(store, partition, rows);

	for (i = 0; i < partition->nchunks; i++)
	{
		size_t		bytes = chunk_fill(store, number, i) *
			store->words * sizeof(uint64);

		BufFileWrite(memory->file, partition->chunks[i], bytes);
		memory->spilled_bytes += bytes;
	}
	for (i = 0; i < partition->nchunks; i++)
		put_chunk(memory, partition->chunks[i]);
	partition->nchunks = 0;
	partition->spilled_rows += rows;
	store->tails[number].next = NULL;
	store->tails[number].end = NULL;
}

void
store_spill(Store *store)
{
	StoreMemory *memory = store->memory;
	MemoryContext caller = MemoryContextSwitchTo(memory->context);
	int			i;

	/* somebody may have read meanwhile, which moved the file's only position */
	if (memory->file == NULL)
		memory->file = BufFileCreateTemp(false);
	else if (BufFileSeek(memory->file, memory->end_fileno, memory->end_offset, SEEK_SET) != 0)
		seek_failed();
	store->spilled = true;
	for (i = 0; i < STORE_PARTITIONS; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (store->partitions[i].nchunks > 0)
			spill_partition(store, i);
	}
	BufFileTell(memory->file, &memory->end_fileno, &memory->end_offset);
	MemoryContextSwitchTo(caller);
}

void
store_extend(Store *store, int number)
{
	StoreMemory *memory = store->memory;
	StorePartition *partition = &store->partitions[number];
	uint64	   *chunk;

	if (memory->used + CHUNK_BYTES > memory->limit)
		store_spill(store);

	if (partition->nchunks == partition->maxchunks)
	{
		int			grown = Max(8, partition->maxchunks * 2);

		partition->chunks = partition->chunks == NULL ?
			MemoryContextAllocHuge(memory->context, grown * sizeof(uint64 *)) :
			repalloc_huge(partition->chunks, grown * sizeof(uint64 *));
		partition->maxchunks = grown;
	}
	chunk = get_chunk(memory);
	partition->chunks[partition->nchunks++] = chunk;
	store->tails[number].next = chunk;
	store->tails[number].end = chunk + (size_t) store->chunk_rows * store->words;
}

void
store_scan(StoreCursor *cursor, Store *store, int partition)
{
	memset(cursor, 0, sizeof(*cursor));
	cursor->store = store;
	cursor->number = partition;
}

static void
read_failed(void)
{
	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not read from a temporary file of attribution: %m")));
}

/* Up to a chunk of rows from the next extent. */
static void
read_extent(StoreCursor *cursor)
{
	Store	   *store = cursor->store;
	StoreExtent *extent = &store->partitions[cursor->number].extents[cursor->extent];
	size_t		rows = Min(extent->rows - cursor->extent_done, (size_t) store->chunk_rows);
	size_t		bytes = rows * store->words * sizeof(uint64);

	if (cursor->buffer == NULL)
		cursor->buffer = MemoryContextAlloc(store->memory->context, CHUNK_BYTES);

	/* only the first piece needs a seek, unless somebody else reads between */
	if (BufFileSeek(store->memory->file, extent->fileno,
					extent->offset + (off_t) (cursor->extent_done * store->words * sizeof(uint64)),
					SEEK_SET) != 0)
		seek_failed();
	if (BufFileRead(store->memory->file, cursor->buffer, bytes) != bytes)
		read_failed();

	cursor->next = cursor->buffer;
	cursor->end = cursor->buffer + rows * store->words;
	cursor->extent_done += rows;
	if (cursor->extent_done == extent->rows)
	{
		cursor->extent++;
		cursor->extent_done = 0;
	}
}

uint64 *
store_scan_more(StoreCursor *cursor)
{
	Store	   *store = cursor->store;
	StorePartition *partition = &store->partitions[cursor->number];

	CHECK_FOR_INTERRUPTS();
	if (cursor->extent < partition->nextents)
		read_extent(cursor);
	else if (cursor->chunk < partition->nchunks)
	{
		cursor->next = partition->chunks[cursor->chunk];
		cursor->end = cursor->next +
			chunk_fill(store, cursor->number, cursor->chunk) * store->words;
		cursor->chunk++;
	}
	else
		return NULL;

	cursor->next += store->words;
	return cursor->next - store->words;
}

void
store_scan_end(StoreCursor *cursor)
{
	if (cursor->buffer != NULL)
		pfree(cursor->buffer);
	cursor->buffer = NULL;
}

void
store_load(Store *store, int number, uint64 *rows)
{
	StoreMemory *memory = store->memory;
	StorePartition *partition = &store->partitions[number];
	size_t		row_bytes = store->words * sizeof(uint64);
	int			i;

	for (i = 0; i < partition->nextents; i++)
	{
		StoreExtent *extent = &partition->extents[i];
		size_t		bytes = extent->rows * row_bytes;

		CHECK_FOR_INTERRUPTS();
		if (BufFileSeek(memory->file, extent->fileno, extent->offset, SEEK_SET) != 0)
			seek_failed();
		if (BufFileRead(memory->file, rows, bytes) != bytes)
			read_failed();
		rows += extent->rows * store->words;
	}
	for (i = 0; i < partition->nchunks; i++)
	{
		size_t		count = chunk_fill(store, number, i);

		memcpy(rows, partition->chunks[i], count * row_bytes);
		rows += count * store->words;
	}
}

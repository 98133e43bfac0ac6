/*
 * attribution_store.c
 *	  Rows of fixed width in partitions, being written: in memory while they
 *	  fit, else in a temporary file.
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

#define SLAB_CHUNKS 128			/* are allocated at once */
#define SLAB_BYTES ((size_t) SLAB_CHUNKS * STORE_CHUNK_BYTES)

Store *
store_create(AttributionMemory *memory, int words, size_t limit,
			 const pg_atomic_uint32 *processes, const char *name)
{
	Store	   *store = MemoryContextAllocZero(memory->context, sizeof(Store));

	store->memory = memory;
	store->limit = limit;
	store->processes = processes;
	store->words = words;
	store->chunk_rows = STORE_CHUNK_BYTES / (words * (int) sizeof(uint64));
	strlcpy(store->name, name, sizeof(store->name));
	Assert(store->chunk_rows > 0);
	return store;
}

/* This process's part of so many bytes. */
static size_t
share_of(const Store *store, size_t bytes)
{
	uint32		processes = store->processes == NULL ? 1 :
		pg_atomic_read_u32((pg_atomic_uint32 *) store->processes);

	return bytes / Max(processes, 1);
}

/* Bytes that the chunks of this process may take. */
static size_t
quota(const Store *store)
{
	return Max(share_of(store, store->limit), STORE_MIN_BYTES);
}

/* A free chunk's first word leads to the next, its second is its address. */
static void
free_chunk(Store *store, uint64 *chunk, MemoryAddress address)
{
	chunk[0] = (uint64) (uintptr_t) store->free_chunks;
	chunk[1] = address;
	store->free_chunks = chunk;
}

static void
add_slab(Store *store)
{
	MemoryAddress address = attribution_memory_try_allocate(store->memory, SLAB_BYTES);
	char	   *slab;
	int			i;

	/* shared memory is at its limit: use our own chunks again, if we have any */
	if (address == 0 && store->used > 0)
		return;
	if (address == 0)
		address = attribution_memory_allocate(store->memory, SLAB_BYTES);

	if (store->nslabs == store->maxslabs)
	{
		store->maxslabs = Max(16, store->maxslabs * 2);
		store->slabs = store->slabs == NULL ?
			MemoryContextAlloc(store->memory->context, store->maxslabs * sizeof(MemoryAddress)) :
			repalloc(store->slabs, store->maxslabs * sizeof(MemoryAddress));
	}
	store->slabs[store->nslabs++] = address;
	attribution_memory_populate(store->memory, address, SLAB_BYTES);

	slab = attribution_memory_at(store->memory, address);
	for (i = SLAB_CHUNKS - 1; i >= 0; i--)
		free_chunk(store, (uint64 *) (slab + i * STORE_CHUNK_BYTES),
				   address + (MemoryAddress) i * STORE_CHUNK_BYTES);
}

/* No chunk is in use. */
static void
release_slabs(Store *store)
{
	int			i;

	Assert(store->used == 0);
	for (i = 0; i < store->nslabs; i++)
		attribution_memory_free(store->memory, store->slabs[i]);
	store->nslabs = 0;
	store->free_chunks = NULL;
}

/* rows in a chunk of a partition */
static size_t
chunk_fill(const Store *store, int number, int chunk)
{
	const StorePartition *partition = &store->partitions[number];

	if (chunk + 1 < partition->nchunks)
		return store->chunk_rows;
	return store->chunk_rows -
		(store->tails[number].end - store->tails[number].next) / store->words;
}

/* rows in memory */
static size_t
memory_rows(const Store *store, int number)
{
	int			nchunks = store->partitions[number].nchunks;

	if (nchunks == 0)
		return 0;
	return (size_t) (nchunks - 1) * store->chunk_rows + chunk_fill(store, number, nchunks - 1);
}

size_t
store_rows(const Store *store, int number)
{
	return store->partitions[number].spilled_rows + memory_rows(store, number);
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
	BufFileTell(store->file, &extent->fileno, &extent->offset);
}

static void
spill_partition(Store *store, int number)
{
	StorePartition *partition = &store->partitions[number];
	size_t		rows = memory_rows(store, number);
	int			i;

	if (rows > 0)
		add_extent(store, partition, rows);

	for (i = 0; i < partition->nchunks; i++)
	{
		uint64	   *chunk = attribution_memory_at(store->memory, partition->chunks[i]);
		size_t		bytes = chunk_fill(store, number, i) * store->words * sizeof(uint64);

		BufFileWrite(store->file, chunk, bytes);
		store->spilled_bytes += bytes;
	}
	for (i = 0; i < partition->nchunks; i++)
	{
		free_chunk(store, attribution_memory_at(store->memory, partition->chunks[i]),
				   partition->chunks[i]);
		store->used -= STORE_CHUNK_BYTES;
	}
	partition->nchunks = 0;
	partition->spilled_rows += rows;
	store->tails[number].next = NULL;
	store->tails[number].end = NULL;
}

/* Everything in memory goes to the file. */
static void
store_spill(Store *store)
{
	MemoryContext caller = MemoryContextSwitchTo(store->memory->context);
	int			i;

	if (store->file == NULL)
		store->file = store->memory->area == NULL ? BufFileCreateTemp(false) :
			BufFileCreateFileSet(&store->memory->header->fileset.fs, store->name);
	for (i = 0; i < STORE_PARTITIONS; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (store->partitions[i].nchunks > 0)
			spill_partition(store, i);
	}
	/* more processes than at first: the others want their share */
	if (store->nslabs * SLAB_BYTES > quota(store))
		release_slabs(store);
	MemoryContextSwitchTo(caller);
}

void
store_extend(Store *store, int number)
{
	StorePartition *partition = &store->partitions[number];
	uint64	   *chunk;

	if (store->used + STORE_CHUNK_BYTES > quota(store))
		store_spill(store);
	if (store->free_chunks == NULL)
		add_slab(store);
	if (store->free_chunks == NULL)
	{
		store_spill(store);
		if (store->free_chunks == NULL)
			add_slab(store);
	}

	if (partition->nchunks == partition->maxchunks)
	{
		int			grown = Max(8, partition->maxchunks * 2);

		partition->chunks = partition->chunks == NULL ?
			MemoryContextAllocHuge(store->memory->context, grown * sizeof(MemoryAddress)) :
			repalloc_huge(partition->chunks, grown * sizeof(MemoryAddress));
		partition->maxchunks = grown;
	}
	chunk = store->free_chunks;
	if (chunk == NULL)
		elog(ERROR, "no room for the rows of attribution");
	store->free_chunks = (uint64 *) (uintptr_t) chunk[0];
	store->used += STORE_CHUNK_BYTES;
	partition->chunks[partition->nchunks++] = chunk[1];
	store->tails[number].next = chunk;
	store->tails[number].end = chunk + (size_t) store->chunk_rows * store->words;
}

/* An array that all processes can read. */
static MemoryAddress
shared_array(Store *store, size_t count, size_t size)
{
	return count == 0 ? 0 : attribution_memory_allocate(store->memory, count * size);
}

/* The description of what was written, in one piece. */
static MemoryAddress
describe(Store *store)
{
	AttributionMemory *memory = store->memory;
	MemoryAddress address = attribution_memory_allocate(memory, sizeof(StorePart));
	StorePart  *part = attribution_memory_at(memory, address);
	MemoryAddress *chunks;
	StoreExtent *extents;
	size_t		nchunks = 0;
	size_t		nextents = 0;
	int			i;

	memset(part, 0, sizeof(*part));
	part->words = store->words;
	part->chunk_rows = store->chunk_rows;
	part->used = store->used;
	part->spilled_bytes = store->spilled_bytes;
	if (memory->area == NULL)
		part->file = store->file;
	else if (store->file != NULL)
		strlcpy(part->name, store->name, sizeof(part->name));

	for (i = 0; i < STORE_PARTITIONS; i++)
	{
		const StorePartition *partition = &store->partitions[i];
		StoreSlice *slice = &part->slices[i];

		slice->rows = store_rows(store, i);
		slice->first_chunk = nchunks;
		slice->nchunks = partition->nchunks;
		slice->tail_rows = partition->nchunks > 0 ?
			chunk_fill(store, i, partition->nchunks - 1) : 0;
		slice->first_extent = nextents;
		slice->nextents = partition->nextents;
		nchunks += partition->nchunks;
		nextents += partition->nextents;
	}

	part->chunks = shared_array(store, nchunks, sizeof(MemoryAddress));
	part->extents = shared_array(store, nextents, sizeof(StoreExtent));
	chunks = nchunks == 0 ? NULL : attribution_memory_at(memory, part->chunks);
	extents = nextents == 0 ? NULL : attribution_memory_at(memory, part->extents);
	for (i = 0; i < STORE_PARTITIONS; i++)
	{
		const StorePartition *partition = &store->partitions[i];
		const StoreSlice *slice = &part->slices[i];

		if (slice->nchunks > 0)
			memcpy(chunks + slice->first_chunk, partition->chunks,
				   slice->nchunks * sizeof(MemoryAddress));
		if (slice->nextents > 0)
			memcpy(extents + slice->first_extent, partition->extents,
				   slice->nextents * sizeof(StoreExtent));
	}
	return address;
}

/* What only a writer needs. */
static void
free_writer(Store *store)
{
	int			i;

	for (i = 0; i < STORE_PARTITIONS; i++)
	{
		if (store->partitions[i].chunks != NULL)
			pfree(store->partitions[i].chunks);
		if (store->partitions[i].extents != NULL)
			pfree(store->partitions[i].extents);
	}
	if (store->slabs != NULL)
		pfree(store->slabs);
	pfree(store);
}

MemoryAddress
store_finish(Store *store, size_t keep_bytes)
{
	MemoryAddress part;

	if (store->used > 0 && (store->file != NULL || store->used > share_of(store, keep_bytes)))
		store_spill(store);
	if (store->used == 0)
		release_slabs(store);
	part = describe(store);
	if (store->memory->area != NULL && store->file != NULL)
	{
		BufFileExportFileSet(store->file);
		BufFileClose(store->file);
	}
	free_writer(store);
	return part;
}

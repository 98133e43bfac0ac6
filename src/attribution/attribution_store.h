/*
 * attribution_store.h
 *	  Rows of fixed width in partitions: written here, read by
 *	  attribution_reader.h.
 *
 * A row is a few 64-bit words; what they mean is the caller's. Rows lie in
 * memory while they fit, else in a temporary file. Where several processes
 * share a run, each fills stores of its own in shared memory and in files that
 * all can open, and leaves a description of them, a StorePart.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_STORE_H
#define PG_INFLUENCE_ATTRIBUTION_STORE_H

#include "attribution_memory.h"
#include "storage/buffile.h"

#define STORE_PARTITION_BITS 9
#define STORE_PARTITIONS (1 << STORE_PARTITION_BITS)

/* of a chunk: partitions grow by them */
#define STORE_CHUNK_BYTES 2048

/* two chunks for each partition: with less, temporary files consist of crumbs */
#define STORE_MIN_BYTES ((size_t) 2 * STORE_CHUNK_BYTES * STORE_PARTITIONS)

typedef struct StoreExtent
{
	int			fileno;
	off_t		offset;
	size_t		rows;
} StoreExtent;

/* The last chunk of a partition. */
typedef struct StoreTail
{
	uint64	   *next;			/* where the next row goes */
	uint64	   *end;
} StoreTail;

typedef struct StorePartition
{
	size_t		spilled_rows;
	MemoryAddress *chunks;
	int			nchunks;
	int			maxchunks;
	StoreExtent *extents;
	int			nextents;
	int			maxextents;
} StorePartition;

/* A store being written. */
typedef struct Store
{
	AttributionMemory *memory;
	size_t		limit;			/* of all chunks in use, shared with the others */
	const pg_atomic_uint32 *processes;	/* that share it; NULL: this one alone */
	int			words;			/* of a row */
	int			chunk_rows;
	size_t		used;			/* bytes of chunks */
	uint64	   *free_chunks;
	MemoryAddress *slabs;
	int			nslabs;
	int			maxslabs;
	BufFile    *file;			/* NULL until something is spilled */
	int64		spilled_bytes;
	char		name[16];		/* of the file */
	StoreTail	tails[STORE_PARTITIONS];	/* apart, to stay in the cache */
	StorePartition partitions[STORE_PARTITIONS];
} Store;

/* Of a partition in a StorePart. */
typedef struct StoreSlice
{
	size_t		rows;
	size_t		first_chunk;
	size_t		nchunks;
	size_t		tail_rows;		/* in the last chunk */
	size_t		first_extent;
	size_t		nextents;
} StoreSlice;

/* What a process wrote, in one piece; where several share a run, for all of them. */
typedef struct StorePart
{
	int			words;
	int			chunk_rows;
	size_t		used;			/* bytes of chunks */
	int64		spilled_bytes;
	BufFile    *file;			/* where one process runs alone */
	char		name[16];		/* else the name of the file, "": there is none */
	MemoryAddress chunks;		/* array of MemoryAddress */
	MemoryAddress extents;		/* array of StoreExtent */
	StoreSlice	slices[STORE_PARTITIONS];
} StorePart;

extern Store *store_create(AttributionMemory *memory, int words, size_t limit,
						   const pg_atomic_uint32 *processes, const char *name);

/* rows in memory and spilled */
extern size_t store_rows(const Store *store, int partition);

/* makes room for a row at the partition's tail; may spill */
extern void store_extend(Store *store, int partition);

/*
 * The end of writing: a StorePart. What has begun to spill goes to the file
 * entirely, and so does what takes more than its share of keep_bytes.
 */
extern MemoryAddress store_finish(Store *store, size_t keep_bytes);

/* the place of a new row */
static inline uint64 *
store_append(Store *store, int number)
{
	StoreTail  *tail = &store->tails[number];
	uint64	   *row;

	if (tail->next == tail->end)
		store_extend(store, number);
	row = tail->next;
	tail->next += store->words;
	return row;
}

/* a row will go there soon */
static inline void
store_prefetch(const Store *store, int number)
{
	__builtin_prefetch(store->tails[number].next, 1);
}

#endif							/* PG_INFLUENCE_ATTRIBUTION_STORE_H */

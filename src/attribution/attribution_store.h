/*
 * attribution_store.h
 *	  Rows of fixed width in partitions: in memory while they fit, else in a
 *	  temporary file.
 *
 * A row is a few 64-bit words; what they mean is the caller's. Rows of a
 * partition come back in the order in which they went in.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_STORE_H
#define PG_INFLUENCE_ATTRIBUTION_STORE_H

#include "storage/buffile.h"

#define STORE_PARTITION_BITS 9
#define STORE_PARTITIONS (1 << STORE_PARTITION_BITS)

/* What several stores share: the bound and the file. */
typedef struct StoreMemory
{
	MemoryContext context;
	size_t		limit;			/* of all chunks in use */
	size_t		used;
	void	   *free_chunks;
	BufFile    *file;			/* NULL until something is spilled */
	int			end_fileno;		/* where the next spill begins */
	off_t		end_offset;
	int64		spilled_bytes;
} StoreMemory;

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
	uint64	  **chunks;
	int			nchunks;
	int			maxchunks;
	StoreExtent *extents;
	int			nextents;
	int			maxextents;
} StorePartition;

typedef struct Store
{
	StoreMemory *memory;
	int			words;			/* of a row */
	int			chunk_rows;
	bool		spilled;
	StoreTail	tails[STORE_PARTITIONS];	/* apart, to stay in the cache */
	StorePartition partitions[STORE_PARTITIONS];
} Store;

/* Reads a partition, row by row. */
typedef struct StoreCursor
{
	Store	   *store;
	int			number;			/* of the partition */
	int			extent;			/* next one to read from */
	size_t		extent_done;	/* rows of it already read */
	int			chunk;			/* next one to read from */
	uint64	   *next;			/* rows at hand */
	uint64	   *end;
	uint64	   *buffer;			/* for what comes from the file */
} StoreCursor;

extern void store_memory_init(StoreMemory *memory, MemoryContext context, size_t limit);
extern Store *store_create(StoreMemory *memory, int words);

/* rows in memory and spilled */
extern size_t store_rows(const Store *store, int partition);

/* makes room for a row at the partition's tail; may spill */
extern void store_extend(Store *store, int partition);

/* everything in memory goes to the file */
extern void store_spill(Store *store);

extern void store_scan(StoreCursor *cursor, Store *store, int partition);
extern uint64 *store_scan_more(StoreCursor *cursor);
extern void store_scan_end(StoreCursor *cursor);

/* all rows of a partition to one place, which has room for them */
extern void store_load(Store *store, int partition, uint64 *rows);

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

/* the next row, or NULL at the end; valid until the next call */
static inline uint64 *
store_scan_next(StoreCursor *cursor)
{
	uint64	   *row = cursor->next;

	if (row == cursor->end)
		return store_scan_more(cursor);
	cursor->next += cursor->store->words;
	return row;
}

#endif							/* PG_INFLUENCE_ATTRIBUTION_STORE_H */

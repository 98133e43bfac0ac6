/*
 * row_store.h
 *	  Rows of a few words in the order they come, given back partition by
 *	  partition. Beyond a limit of memory they go to temporary files.
 *
 * The caller says into which of 256 partitions a row goes: what belongs
 * together, into the same. Rows of a partition come back in any order.
 */
#ifndef PG_INFLUENCE_ROW_STORE_H
#define PG_INFLUENCE_ROW_STORE_H

#include "storage/buffile.h"
#include "utils/palloc.h"

#define ROW_STORE_PARTITION_BITS 8
#define ROW_STORE_PARTITIONS (1 << ROW_STORE_PARTITION_BITS)
#define ROW_STORE_CHUNK_WORDS 1020

/* every partition has a chunk that is being filled: a limit of twice that is sensible */
#define ROW_STORE_LEAST_MEMORY ((size_t) 4 * 1024 * 1024)

typedef struct RowChunk
{
	struct RowChunk *next;
	uint64		words[ROW_STORE_CHUNK_WORDS];
} RowChunk;

typedef struct RowPartition
{
	RowChunk   *chunk;			/* the one that is being filled, then the earlier ones */
	uint32		room;			/* rows that it still takes */
	size_t		rows;			/* in memory */
	size_t		spilled;		/* in the file */
	BufFile    *file;
} RowPartition;

typedef struct RowStore
{
	MemoryContext context;
	uint32		row_words;
	uint32		chunk_rows;
	size_t		limit;			/* chunks */
	size_t		chunks;
	RowChunk   *free;
	RowPartition partitions[ROW_STORE_PARTITIONS];
} RowStore;

/* row_words: at most ROW_STORE_CHUNK_WORDS */
extern RowStore *row_store_create(MemoryContext context, uint32 row_words, size_t limit);

/* for row_store_add */
extern void row_store_add_chunk(RowStore *store, RowPartition *partition);

/* A new row of a partition, to be filled. */
static inline uint64 *
row_store_add(RowStore *store, uint32 number)
{
	RowPartition *partition = &store->partitions[number];

	if (partition->room == 0)
		row_store_add_chunk(store, partition);
	partition->rows++;
	return partition->chunk->words + (size_t) (store->chunk_rows - partition->room--) * store->row_words;
}

static inline size_t
row_store_rows(const RowStore *store, uint32 number)
{
	return store->partitions[number].rows + store->partitions[number].spilled;
}

/* All rows of a partition to one place, which has room for them; the partition is empty then. */
extern void row_store_load(RowStore *store, uint32 number, uint64 *words);

/* Rows of a partition, a piece at a time; it stays as it is. */
typedef struct RowScan
{
	RowStore   *store;
	RowPartition *partition;
	const RowChunk *chunk;		/* the next one */
	size_t		left;			/* rows of the file that come after */
	uint64	   *buffer;			/* of what comes from the file */
} RowScan;

extern void row_store_scan(RowScan *scan, RowStore *store, uint32 number);

/* Some rows, valid until the next call; 0 at the end. */
extern size_t row_store_scan_next(RowScan *scan, const uint64 **rows);

/* The partition is empty then. */
extern void row_store_release(RowStore *store, uint32 number);

/* Gives memory and files back. */
extern void row_store_free(RowStore *store);

#endif							/* PG_INFLUENCE_ROW_STORE_H */

/*
 * attribution_reader.h
 *	  Reads what processes wrote into their stores, partition by partition.
 *
 * The rows of one process come in the order in which they went in.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_READER_H
#define PG_INFLUENCE_ATTRIBUTION_READER_H

#include "attribution_store.h"

typedef struct StoreReader
{
	AttributionMemory *memory;
	int			words;			/* of a row */
	int			chunk_rows;
	int			nparts;
	const StorePart **parts;
	const MemoryAddress **chunks;	/* of each part */
	const StoreExtent **extents;
	BufFile   **files;			/* NULL until needed */
} StoreReader;

/* Reads a partition, row by row. */
typedef struct StoreCursor
{
	StoreReader *reader;
	int			number;			/* of the partition */
	int			part;			/* the one being read */
	size_t		extent;			/* next one to read from */
	size_t		extent_done;	/* rows of it already read */
	size_t		chunk;			/* next one to read from */
	uint64	   *next;			/* rows at hand */
	uint64	   *end;
	uint64	   *buffer;			/* for what comes from the file */
} StoreCursor;

/* parts are what store_finish() returned; at least one */
extern StoreReader *store_reader_create(AttributionMemory *memory,
										const MemoryAddress *parts, int nparts);
extern void store_reader_close(StoreReader *reader);

extern size_t store_reader_rows(const StoreReader *reader, int partition);

/* bytes of memory that the rows take, and of temporary files */
extern size_t store_reader_used(const StoreReader *reader);
extern int64 store_reader_spilled(const StoreReader *reader);

extern void store_scan(StoreCursor *cursor, StoreReader *reader, int partition);
extern uint64 *store_scan_more(StoreCursor *cursor);
extern void store_scan_end(StoreCursor *cursor);

/* all rows of a partition to one place, which has room for them */
extern void store_load(StoreReader *reader, int partition, uint64 *rows);

/* the next row, or NULL at the end; valid until the next call */
static inline uint64 *
store_scan_next(StoreCursor *cursor)
{
	uint64	   *row = cursor->next;

	if (row == cursor->end)
		return store_scan_more(cursor);
	cursor->next += cursor->reader->words;
	return row;
}

#endif							/* PG_INFLUENCE_ATTRIBUTION_READER_H */

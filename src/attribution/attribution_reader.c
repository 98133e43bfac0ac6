/*
 * attribution_reader.c
 *	  Reads what processes wrote into their stores, partition by partition.
 */
#include "postgres.h"

#include <fcntl.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "attribution_reader.h"

StoreReader *
store_reader_create(AttributionMemory *memory, const MemoryAddress *parts, int nparts)
{
	MemoryContext caller = MemoryContextSwitchTo(memory->context);
	StoreReader *reader = palloc0(sizeof(StoreReader));
	int			i;

	Assert(nparts > 0);
	reader->memory = memory;
	reader->nparts = nparts;
	reader->parts = palloc(nparts * sizeof(StorePart *));
	reader->chunks = palloc0(nparts * sizeof(MemoryAddress *));
	reader->extents = palloc0(nparts * sizeof(StoreExtent *));
	reader->files = palloc0(nparts * sizeof(BufFile *));
	for (i = 0; i < nparts; i++)
	{
		const StorePart *part = attribution_memory_at(memory, parts[i]);

		reader->parts[i] = part;
		if (part->chunks != 0)
			reader->chunks[i] = attribution_memory_at(memory, part->chunks);
		if (part->extents != 0)
			reader->extents[i] = attribution_memory_at(memory, part->extents);
		Assert(part->words == reader->parts[0]->words);
	}
	reader->words = reader->parts[0]->words;
	reader->chunk_rows = reader->parts[0]->chunk_rows;
	MemoryContextSwitchTo(caller);
	return reader;
}

void
store_reader_close(StoreReader *reader)
{
	int			i;

	for (i = 0; i < reader->nparts; i++)
	{
		BufFile    *file = reader->files[i] != NULL ? reader->files[i] : reader->parts[i]->file;

		if (file != NULL)
			BufFileClose(file);
	}
}

size_t
store_reader_rows(const StoreReader *reader, int number)
{
	size_t		rows = 0;
	int			i;

	for (i = 0; i < reader->nparts; i++)
		rows += reader->parts[i]->slices[number].rows;
	return rows;
}

size_t
store_reader_used(const StoreReader *reader)
{
	size_t		bytes = 0;
	int			i;

	for (i = 0; i < reader->nparts; i++)
		bytes += reader->parts[i]->used;
	return bytes;
}

int64
store_reader_spilled(const StoreReader *reader)
{
	int64		bytes = 0;
	int			i;

	for (i = 0; i < reader->nparts; i++)
		bytes += reader->parts[i]->spilled_bytes;
	return bytes;
}

static BufFile *
file_of(StoreReader *reader, int part)
{
	const StorePart *source = reader->parts[part];
	MemoryContext caller;

	if (reader->files[part] == NULL)
	{
		if (source->file != NULL)
			reader->files[part] = source->file;
		else
		{
			caller = MemoryContextSwitchTo(reader->memory->context);
			reader->files[part] = BufFileOpenFileSet(&reader->memory->header->fileset.fs,
													 source->name, O_RDONLY, false);
			MemoryContextSwitchTo(caller);
		}
	}
	return reader->files[part];
}

/* Rows of an extent, from the one after those that are done. */
static void
read_extent(StoreReader *reader, int part, const StoreExtent *extent, size_t done,
			uint64 *rows, size_t count)
{
	BufFile    *file = file_of(reader, part);
	size_t		row_bytes = reader->words * sizeof(uint64);
	size_t		bytes = count * row_bytes;

	if (BufFileSeek(file, extent->fileno, extent->offset + (off_t) (done * row_bytes), SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file of attribution: %m")));
	if (BufFileRead(file, rows, bytes) != bytes)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file of attribution: %m")));
}

static uint64 *
chunk_of(StoreReader *reader, int part, const StoreSlice *slice, size_t chunk)
{
	return attribution_memory_at(reader->memory,
								 reader->chunks[part][slice->first_chunk + chunk]);
}

static size_t
chunk_fill(const StoreReader *reader, const StoreSlice *slice, size_t chunk)
{
	return chunk + 1 < slice->nchunks ? (size_t) reader->chunk_rows : slice->tail_rows;
}

void
store_scan(StoreCursor *cursor, StoreReader *reader, int partition)
{
	memset(cursor, 0, sizeof(*cursor));
	cursor->reader = reader;
	cursor->number = partition;
}

/* Up to a chunk of rows from the next extent. */
static void
scan_extent(StoreCursor *cursor, const StoreSlice *slice)
{
	StoreReader *reader = cursor->reader;
	const StoreExtent *extent = &reader->extents[cursor->part][slice->first_extent + cursor->extent];
	size_t		rows = Min(extent->rows - cursor->extent_done, (size_t) reader->chunk_rows);

	if (cursor->buffer == NULL)
		cursor->buffer = MemoryContextAlloc(reader->memory->context, STORE_CHUNK_BYTES);
	read_extent(reader, cursor->part, extent, cursor->extent_done, cursor->buffer, rows);

	cursor->next = cursor->buffer;
	cursor->end = cursor->buffer + rows * reader->words;
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
	StoreReader *reader = cursor->reader;

	CHECK_FOR_INTERRUPTS();
	for (; cursor->part < reader->nparts; cursor->part++)
	{
		const StoreSlice *slice = &reader->parts[cursor->part]->slices[cursor->number];

		if (cursor->extent < slice->nextents)
		{
			scan_extent(cursor, slice);
			break;
		}
		if (cursor->chunk < slice->nchunks)
		{
			cursor->next = chunk_of(reader, cursor->part, slice, cursor->chunk);
			cursor->end = cursor->next + chunk_fill(reader, slice, cursor->chunk) * reader->words;
			cursor->chunk++;
			break;
		}
		cursor->extent = 0;
		cursor->chunk = 0;
	}
	if (cursor->part == reader->nparts)
		return NULL;

	cursor->next += reader->words;
	return cursor->next - reader->words;
}

void
store_scan_end(StoreCursor *cursor)
{
	if (cursor->buffer != NULL)
		pfree(cursor->buffer);
	cursor->buffer = NULL;
}

void
store_load(StoreReader *reader, int number, uint64 *rows)
{
	size_t		row_bytes = reader->words * sizeof(uint64);
	int			part;
	size_t		i;

	for (part = 0; part < reader->nparts; part++)
	{
		const StoreSlice *slice = &reader->parts[part]->slices[number];

		for (i = 0; i < slice->nextents; i++)
		{
			const StoreExtent *extent = &reader->extents[part][slice->first_extent + i];

			CHECK_FOR_INTERRUPTS();
			read_extent(reader, part, extent, 0, rows, extent->rows);
			rows += extent->rows * reader->words;
		}
		for (i = 0; i < slice->nchunks; i++)
		{
			size_t		count = chunk_fill(reader, slice, i);

			memcpy(rows, chunk_of(reader, part, slice, i), count * row_bytes);
			rows += count * reader->words;
		}
	}
}

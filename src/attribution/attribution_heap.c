/*
 * attribution_heap.c
 *	  A plain scan of a table, read without a slot for each row.
 *
 * Half of the time that the executor takes for a row of a plain scan goes into
 * its slot: storing the tuple there, and finding out for each row where its
 * columns are. Where all columns up to the last that is read have a fixed width,
 * they are in the same place in every row without NULLs. Such rows are taken
 * straight from the scan; others, and those older than a column, through the slot.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tupmacs.h"
#include "executor/tuptable.h"
#include "miscadmin.h"

#include "attribution_heap.h"

/* how far ahead rows are fetched */
#define PREFETCH_BYTES 512

typedef struct FixedColumn
{
	int			index;			/* from 0 */
	int			offset;			/* in the data of a tuple */
	int16		width;
	bool		by_value;
} FixedColumn;

typedef struct FixedColumns
{
	int			natts;			/* that a row must have */
	int			count;
	FixedColumn columns[INPUT_COLUMNS];
} FixedColumns;

static bool
is_read(const AttributionDecoder *decoder, int attno)
{
	int			i;

	for (i = 0; i < INPUT_COLUMNS; i++)
	{
		if (decoder->columns[i].attno == attno)
			return true;
	}
	return false;
}

static bool
find_columns(const AttributionDecoder *decoder, TupleDesc desc, FixedColumns *fixed)
{
	int			offset = 0;
	int			attno;

	fixed->natts = decoder->natts;
	fixed->count = 0;
	for (attno = 1; attno <= decoder->natts; attno++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, attno - 1);

		if (attribute->attlen <= 0)
			return false;
		offset = att_align_nominal(offset, attribute->attalign);
		if (is_read(decoder, attno))
		{
			FixedColumn *column = &fixed->columns[fixed->count++];

			column->index = attno - 1;
			column->offset = offset;
			column->width = attribute->attlen;
			column->by_value = attribute->attbyval;
		}
		offset += attribute->attlen;
	}
	return true;
}

/* The columns of a row; false when they are not where they should be. */
static inline bool
read_columns(const FixedColumns *fixed, HeapTupleHeader header, Datum *values)
{
	const char *data = (const char *) header + header->t_hoff;
	int			i;

	if ((header->t_infomask & HEAP_HASNULL) != 0 ||
		HeapTupleHeaderGetNatts(header) < fixed->natts)
		return false;
	for (i = 0; i < fixed->count; i++)
	{
		const FixedColumn *column = &fixed->columns[i];

		values[column->index] = column->width == sizeof(int64) && column->by_value
			? Int64GetDatum(*(const int64 *) (data + column->offset))
			: fetch_att(data + column->offset, column->by_value, column->width);
	}
	return true;
}

bool
attribution_heap_feed(PlanState *node, AttributionFeed *feed)
{
	const AttributionDecoder *decoder = &feed->plan.decoder;
	ScanState  *scan = (ScanState *) node;
	TupleTableSlot *slot;
	HeapTuple	tuple;
	FixedColumns fixed;
	Datum	   *values;
	bool	   *nulls;

	if (!IsA(node, SeqScanState) || node->qual != NULL || node->ps_ProjInfo != NULL ||
		scan->ss_currentScanDesc == NULL ||
		scan->ss_currentRelation->rd_tableam != GetHeapamTableAmRoutine())
		return false;
	slot = scan->ss_ScanTupleSlot;
	attribution_decoder_check(decoder, slot->tts_tupleDescriptor);
	if (!TTS_IS_BUFFERTUPLE(slot) || !find_columns(decoder, slot->tts_tupleDescriptor, &fixed))
		return false;

	values = palloc0(slot->tts_tupleDescriptor->natts * sizeof(Datum));
	nulls = palloc0(slot->tts_tupleDescriptor->natts * sizeof(bool));
	while ((tuple = heap_getnext(scan->ss_currentScanDesc, ForwardScanDirection)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		/* rows of a page lie one before the other */
		__builtin_prefetch((const char *) tuple->t_data - PREFETCH_BYTES);
		if (read_columns(&fixed, tuple->t_data, values))
			attribution_feed_values(feed, values, nulls);
		else
		{
			ExecStoreBufferHeapTuple(tuple, slot, ((HeapScanDesc) scan->ss_currentScanDesc)->rs_cbuf);
			attribution_feed_row(feed, slot);
		}
	}
	ExecClearTuple(slot);
	pfree(values);
	pfree(nulls);
	return true;
}

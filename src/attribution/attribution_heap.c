/*
 * attribution_heap.c
 *	  A plain scan of a table, read without a slot for each row.
 *
 * Half of the time that the executor takes for a row of a plain scan goes into
 * its slot: storing the tuple there, and finding out for each row where its
 * columns are. Where all columns up to the last that is read have a fixed width,
 * they are in the same place in every row without NULLs. Such rows are taken
 * straight from the scan; others, and those older than a column, through the slot.
 * And once the scan has looked which rows of a page are visible, they are read one
 * after the other without asking it for each.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tupmacs.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

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

/* A number of 4 or 8 bytes, or none. */
typedef struct PlainColumn
{
	int			offset;
	int			width;			/* 0: no such column */
} PlainColumn;

/* Where rows have nothing but numbers and the visitor's uuid, they are decoded here. */
typedef struct PlainColumns
{
	bool		is_touch;
	uint64		seed;
	PlainColumn visitor;
	PlainColumn at;
	PlainColumn id;
	PlainColumn product;
	PlainColumn category;
	PlainColumn last;			/* the creator or the amount */
} PlainColumns;

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

static bool
find_plain(const AttributionDecoder *decoder, const FixedColumns *fixed, PlainColumns *plain)
{
	PlainColumn found[INPUT_COLUMNS];
	int			i;
	int			j;

	memset(plain, 0, sizeof(*plain));
	memset(found, 0, sizeof(found));
	for (i = 0; i < INPUT_COLUMNS; i++)
	{
		if (decoder->columns[i].attno == 0 || (i == INPUT_WEIGHT && !decoder->wants_weights))
			continue;
		if (i != INPUT_VISITOR && i != INPUT_AT && i != INPUT_ID && i != INPUT_PRODUCT &&
			i != INPUT_CATEGORY && i != (decoder->is_touch ? INPUT_CREATOR : INPUT_AMOUNT))
			return false;
		for (j = 0; j < fixed->count; j++)
		{
			if (fixed->columns[j].index == decoder->columns[i].attno - 1)
			{
				found[i].offset = fixed->columns[j].offset;
				found[i].width = fixed->columns[j].width;
			}
		}
	}
	plain->is_touch = decoder->is_touch;
	plain->seed = decoder->seed;
	plain->visitor = found[INPUT_VISITOR];
	plain->at = found[INPUT_AT];
	plain->id = found[INPUT_ID];
	plain->product = found[INPUT_PRODUCT];
	plain->category = found[INPUT_CATEGORY];
	plain->last = found[decoder->is_touch ? INPUT_CREATOR : INPUT_AMOUNT];
	return true;
}

/* Are the columns of a row where they should be? */
static inline bool
is_fixed(const FixedColumns *fixed, HeapTupleHeader header)
{
	return (header->t_infomask & HEAP_HASNULL) == 0 && HeapTupleHeaderGetNatts(header) >= fixed->natts;
}

static inline void
read_columns(const FixedColumns *fixed, const char *data, Datum *values)
{
	int			i;

	for (i = 0; i < fixed->count; i++)
	{
		const FixedColumn *column = &fixed->columns[i];

		values[column->index] = fetch_att(data + column->offset, column->by_value, column->width);
	}
}

static inline int64
read_number(const char *data, PlainColumn column)
{
	if (column.width == sizeof(int64))
		return *(const int64 *) (data + column.offset);
	return column.width == 0 ? 0 : *(const int32 *) (data + column.offset);
}

/* What attribution_decode() makes of such a row; false when it can't take part. */
static inline bool
read_plain(const PlainColumns *plain, const char *data, AttributionInputRow *row)
{
	row->at = *(const int64 *) (data + plain->at.offset);
	if (TIMESTAMP_NOT_FINITE(row->at))
		return false;
	row->id = read_number(data, plain->id);
	if (plain->visitor.width == UUID_LEN)
		attribution_uuid_key(plain->seed, (const unsigned char *) data + plain->visitor.offset, row);
	else
	{
		row->visitor_high = attribution_number_key(plain->seed, read_number(data, plain->visitor));
		row->visitor_low = 0;
	}
	row->product_id = read_number(data, plain->product);
	row->has_product = plain->product.width != 0;
	row->category_id = read_number(data, plain->category);
	row->has_category = plain->category.width != 0;
	if (plain->is_touch)
	{
		row->creator_id = read_number(data, plain->last);
		row->has_creator = plain->last.width != 0;
		row->kind = ATTRIBUTION_CLICK;
		row->is_direct = false;
		row->weight = 0;
	}
	else
	{
		row->amount = read_number(data, plain->last);
		row->has_amount = plain->last.width != 0;
		row->has_order = false;
		row->excluded = NULL;
	}
	return true;
}

/*
 * The next visible row of the page at hand, as heap_getnext() would find it; false
 * when there is none, and heap_getnext() goes to the next page.
 */
static inline bool
next_of_page(TableScanDesc scan, HeapTuple row)
{
	HeapScanDesc heap = (HeapScanDesc) scan;
	Page		page = BufferGetPage(heap->rs_cbuf);
	ItemId		item;

	if ((scan->rs_flags & SO_ALLOW_PAGEMODE) == 0 || heap->rs_cindex + 1 >= heap->rs_ntuples)
		return false;
	heap->rs_cindex++;
	item = PageGetItemId(page, heap->rs_vistuples[heap->rs_cindex]);
	row->t_data = (HeapTupleHeader) PageGetItem(page, item);
	row->t_len = ItemIdGetLength(item);
	ItemPointerSetOffsetNumber(&row->t_self, heap->rs_vistuples[heap->rs_cindex]);
	pgstat_count_heap_getnext(scan->rs_rd);
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
	PlainColumns plain;
	bool		is_plain;
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

	is_plain = find_plain(decoder, &fixed, &plain);
	values = palloc0(slot->tts_tupleDescriptor->natts * sizeof(Datum));
	nulls = palloc0(slot->tts_tupleDescriptor->natts * sizeof(bool));
	while ((tuple = heap_getnext(scan->ss_currentScanDesc, ForwardScanDirection)) != NULL)
	{
		HeapTupleData row = *tuple;
		const char *data;
		bool		more;

		do
		{
			CHECK_FOR_INTERRUPTS();
			/* rows of a page lie one before the other */
			__builtin_prefetch((const char *) row.t_data - PREFETCH_BYTES);
			data = (const char *) row.t_data + row.t_data->t_hoff;
			if (!is_fixed(&fixed, row.t_data))
			{
				ExecStoreBufferHeapTuple(&row, slot, ((HeapScanDesc) scan->ss_currentScanDesc)->rs_cbuf);
				attribution_feed_row(feed, slot);
			}
			else if (is_plain)
				attribution_feed_decoded(feed, read_plain(&plain, data, attribution_feed_next(feed)));
			else
			{
				read_columns(&fixed, data, values);
				attribution_feed_values(feed, values, nulls);
			}
			more = next_of_page(scan->ss_currentScanDesc, &row);
		} while (more);
		ExecClearTuple(slot);
	}
	pfree(values);
	pfree(nulls);
	return true;
}

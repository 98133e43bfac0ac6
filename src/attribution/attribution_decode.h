/*
 * attribution_decode.h
 *	  A row of the executor as a touch or a conversion.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_DECODE_H
#define PG_INFLUENCE_ATTRIBUTION_DECODE_H

#include "executor/tuptable.h"
#include "utils/array.h"

#include "attribution_columns.h"
#include "attribution_core.h"

typedef struct AttributionInputRow
{
	uint64		visitor_high;	/* key of the visitor */
	uint64		visitor_low;	/* 0 where visitors are numbers */
	int64		at;				/* finite */
	int64		id;
	int64		product_id;
	int64		category_id;
	bool		has_product;
	bool		has_category;

	/* of touches */
	AttributionKind kind;
	bool		has_creator;
	bool		is_direct;
	int64		creator_id;
	int64		weight;			/* billionths */

	/* of conversions */
	bool		has_amount;
	bool		has_order;
	int64		amount;
	uint64		order_high;
	uint64		order_low;
	ArrayType  *excluded;		/* NULL or a bigint[] without NULLs, plain */
} AttributionInputRow;

typedef struct AttributionDecoder
{
	bool		is_touch;
	bool		wants_weights;	/* else they are not looked at */
	uint64		seed;			/* of visitors, the same for both queries */
	int			natts;			/* of a row, up to the last column that is read */
	ColumnSource columns[INPUT_COLUMNS];
} AttributionDecoder;

/* which columns there are: the others are left as they are */
extern void attribution_decoder_set(AttributionDecoder *decoder, const ColumnSource *columns);
extern void attribution_decoder_map(AttributionDecoder *decoder, const InputSpec *spec,
									TupleDesc desc);

/* IN008 unless rows of this kind are what the decoder is for */
extern void attribution_decoder_check(const AttributionDecoder *decoder, TupleDesc desc);

/*
 * Values and nulls of a row up to its column natts, of which only those are looked
 * at that the decoder reads. False when the row can't take part: it has no visitor, time or id, or its
 * time is infinite. IN002 for a kind or weight that is none.
 */
extern bool attribution_decode(const AttributionDecoder *decoder, const Datum *values,
							   const bool *nulls, AttributionInputRow *row);

/* the keys of visitors: of a number its bijection, murmur3's finalizer, which spreads neighbours */
static inline uint64
attribution_number_key(uint64 seed, int64 visitor)
{
	uint64		value = (uint64) visitor ^ seed;

	value = (value ^ (value >> 33)) * UINT64CONST(0xff51afd7ed558ccd);
	value = (value ^ (value >> 33)) * UINT64CONST(0xc4ceb9fe1a85ec53);
	return value ^ (value >> 33);
}

extern void attribution_uuid_key(uint64 seed, const unsigned char *uuid, AttributionInputRow *row);

/* stops with IN002 for a kind that is none of ours */
extern AttributionKind attribution_kind_from_name(const char *name, size_t len);

/* the channel that last_non_direct passes over */
extern bool attribution_channel_is_direct(const char *name, size_t len);

#endif							/* PG_INFLUENCE_ATTRIBUTION_DECODE_H */

/*
 * attribution_input.h
 *	  Reads the two queries of attribute() row by row.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_INPUT_H
#define PG_INFLUENCE_ATTRIBUTION_INPUT_H

#include "utils/array.h"

#include "attribution_core.h"

typedef struct AttributionInputRow
{
	bool		is_touch;
	uint64		visitor_high;	/* 128-bit hash of the visitor */
	uint64		visitor_low;
	int64		at;				/* finite */
	int64		id;
	AttributionKind kind;		/* of touches */
	int64		creator_id;		/* of touches */
	int64		product_id;
	int64		amount;			/* of conversions */
	bool		has_creator;
	bool		has_product;
	bool		has_amount;
	ArrayType  *excluded;		/* NULL or a bigint[] without NULLs, plain */
} AttributionInputRow;

typedef struct AttributionInputCount
{
	int64		rows;			/* read, the rejected ones included */
	int64		rejected;
} AttributionInputCount;

/* the row and all in it live only as long as the call */
typedef void (*AttributionInputSink) (void *arg, const AttributionInputRow *row);

extern void attribution_input_read(const char *touches_query,
								   const char *conversions_query,
								   AttributionInputSink sink, void *arg,
								   AttributionInputCount *touches,
								   AttributionInputCount *conversions);

/* stops with IN002 for a kind that is none of ours */
extern AttributionKind attribution_kind_from_name(const char *name, size_t len);

/* the channel that last_non_direct passes over */
extern bool attribution_channel_is_direct(const char *name, size_t len);

#endif							/* PG_INFLUENCE_ATTRIBUTION_INPUT_H */

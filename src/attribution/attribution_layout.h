/*
 * attribution_layout.h
 *	  How touches and order lines are kept between input and credit: rows of a
 *	  few 64-bit words, without the columns that nobody asked for.
 *
 * The first word holds the visitor's key, less the leading bits that the number
 * of the partition stands for, and in the room that leaves the row's flags. So
 * rows of one partition that differ in nothing but the flags are one visitor's,
 * and the order of the words is the order of the visitors.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_LAYOUT_H
#define PG_INFLUENCE_ATTRIBUTION_LAYOUT_H

#include "attribution_decode.h"
#include "attribution_store.h"

#define LAYOUT_FLAG_BITS STORE_PARTITION_BITS

/* flags of both */
#define LAYOUT_HAS_PRODUCT 0x001
#define LAYOUT_HAS_CATEGORY 0x002
/* of touches; the kind in two bits */
#define LAYOUT_HAS_CREATOR 0x004
#define LAYOUT_IS_DIRECT 0x008
#define LAYOUT_KIND_SHIFT 4
#define LAYOUT_KIND_MASK 3
/* of lines */
#define LAYOUT_HAS_AMOUNT 0x004
#define LAYOUT_HAS_ORDER 0x008
#define LAYOUT_HAS_EXCLUDED 0x010	/* their number and they follow the row */

/* what the queries have beside the columns that they must have */
typedef struct AttributionInputShape
{
	bool		wide_visitors;	/* their keys have 128 bits */
	bool		has_kinds;
	bool		has_products;	/* one query or both */
	bool		has_categories;
	bool		has_orders;
} AttributionInputShape;

/* the words that every row has; the first one has flags below the key */
enum
{
	LAYOUT_KEY,
	LAYOUT_AT,
	LAYOUT_ID,
	LAYOUT_COMMON
};

/* the other words of a row; what is not kept has number 0 */
typedef struct AttributionLayout
{
	int			words;
	int			key_low;
	int			product;
	int			category;
	int			creator;
	int			weight;
	int			amount;
	int			order;			/* two words */
} AttributionLayout;

static inline int
layout_partition(uint64 key_high)
{
	return (int) (key_high >> (64 - STORE_PARTITION_BITS));
}

/* the part of the key that is in the first word */
static inline uint64
layout_key(const uint64 *row)
{
	return row[LAYOUT_KEY] >> LAYOUT_FLAG_BITS;
}

static inline bool
layout_same_visitor(const AttributionLayout *a, const uint64 *x,
					const AttributionLayout *b, const uint64 *y)
{
	return layout_key(x) == layout_key(y) &&
		(a->key_low == 0 || x[a->key_low] == y[b->key_low]);
}

extern void attribution_layout_touches(AttributionLayout *layout,
									   const AttributionInputShape *shape,
									   const AttributionRules *rules);
extern void attribution_layout_lines(AttributionLayout *layout,
									 const AttributionInputShape *shape,
									 const AttributionRules *rules);

extern void attribution_put_touch(const AttributionLayout *layout, Store *store,
								  const AttributionInputRow *row);
extern void attribution_put_line(const AttributionLayout *layout, Store *store,
								 const AttributionInputRow *row);

/* how many rows after this one hold its excluded creators */
extern size_t attribution_excluded_rows(const AttributionLayout *layout,
										const uint64 *row);

extern void attribution_get_touch(const AttributionLayout *layout, const uint64 *row,
								  AttributionTouch *touch);

/* the excluded creators stay where they are, in the rows that follow */
extern void attribution_get_line(const AttributionLayout *layout, const uint64 *row,
								 AttributionConversion *line);

#endif							/* PG_INFLUENCE_ATTRIBUTION_LAYOUT_H */

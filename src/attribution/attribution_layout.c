/*
 * attribution_layout.c
 *	  Touches and order lines as rows of a few words, and back.
 */
#include "postgres.h"

#include "attribution_layout.h"

static void
layout_begin(AttributionLayout *layout, const AttributionInputShape *shape,
			 const AttributionRules *rules)
{
	bool		twins_differ = rules->model == ATTRIBUTION_CUSTOM ||
		rules->model == ATTRIBUTION_LAST_NON_DIRECT;

	memset(layout, 0, sizeof(*layout));
	layout->words = LAYOUT_COMMON;
	if (shape->wide_visitors)
		layout->key_low = layout->words++;

	/*
	 * Only touches with a kind can be carts, which ask for their product.  Where
	 * touches of one id may differ in their weight or in being direct, their
	 * order matters, and these columns settle it.
	 */
	if (shape->has_products &&
		(shape->has_kinds || rules->match == ATTRIBUTION_MATCH_PRODUCT || twins_differ))
		layout->product = layout->words++;
	if (shape->has_categories &&
		(rules->match == ATTRIBUTION_MATCH_CATEGORY || twins_differ))
		layout->category = layout->words++;
}

void
attribution_layout_touches(AttributionLayout *layout,
						   const AttributionInputShape *shape,
						   const AttributionRules *rules)
{
	layout_begin(layout, shape, rules);
	layout->creator = layout->words++;
	if (rules->model == ATTRIBUTION_CUSTOM)
		layout->weight = layout->words++;
}

void
attribution_layout_lines(AttributionLayout *layout,
						 const AttributionInputShape *shape,
						 const AttributionRules *rules)
{
	layout_begin(layout, shape, rules);
	layout->amount = layout->words++;
	if (shape->has_orders)
	{
		layout->order = layout->words;
		layout->words += 2;
	}
}

/* What touches and lines have in common. */
static inline uint64 *
put_row(const AttributionLayout *layout, Store *store, const AttributionInputRow *row,
		uint64 flags)
{
	uint64	   *words = store_append(store, layout_partition(row->visitor_high));

	words[LAYOUT_AT] = (uint64) row->at;
	words[LAYOUT_ID] = (uint64) row->id;
	if (layout->key_low != 0)
		words[layout->key_low] = row->visitor_low;
	if (layout->product != 0)
	{
		words[layout->product] = (uint64) row->product_id;
		flags |= row->has_product ? LAYOUT_HAS_PRODUCT : 0;
	}
	if (layout->category != 0)
	{
		words[layout->category] = (uint64) row->category_id;
		flags |= row->has_category ? LAYOUT_HAS_CATEGORY : 0;
	}
	words[LAYOUT_KEY] = row->visitor_high << LAYOUT_FLAG_BITS | flags;
	return words;
}

void
attribution_put_touch(const AttributionLayout *layout, Store *store,
					  const AttributionInputRow *row)
{
	uint64	   *words = put_row(layout, store, row,
								(row->has_creator ? LAYOUT_HAS_CREATOR : 0) |
								(row->is_direct ? LAYOUT_IS_DIRECT : 0) |
								(uint64) row->kind << LAYOUT_KIND_SHIFT);

	words[layout->creator] = (uint64) row->creator_id;
	if (layout->weight != 0)
		words[layout->weight] = (uint64) row->weight;
}

/* The excluded creators fill as many rows as they need: a count, then they. */
static void
put_excluded(const AttributionLayout *layout, Store *store, int partition,
			 ArrayType *excluded)
{
	size_t		count = ArrayGetNItems(ARR_NDIM(excluded), ARR_DIMS(excluded));
	const int64 *ids = (const int64 *) ((char *) excluded +
										ARR_OVERHEAD_NONULLS(ARR_NDIM(excluded)));
	size_t		next = 0;
	int			word = 1;
	uint64	   *words = store_append(store, partition);

	memset(words, 0, layout->words * sizeof(uint64));
	words[0] = count;
	while (next < count)
	{
		if (word == layout->words)
		{
			words = store_append(store, partition);
			memset(words, 0, layout->words * sizeof(uint64));
			word = 0;
		}
		words[word++] = (uint64) ids[next++];
	}
}

void
attribution_put_line(const AttributionLayout *layout, Store *store,
					 const AttributionInputRow *row)
{
	uint64	   *words = put_row(layout, store, row,
								(row->has_amount ? LAYOUT_HAS_AMOUNT : 0) |
								(row->has_order ? LAYOUT_HAS_ORDER : 0) |
								(row->excluded != NULL ? LAYOUT_HAS_EXCLUDED : 0));

	words[layout->amount] = (uint64) row->amount;
	if (layout->order != 0)
	{
		words[layout->order] = row->has_order ? row->order_high : 0;
		words[layout->order + 1] = row->has_order ? row->order_low : 0;
	}
	if (row->excluded != NULL)
		put_excluded(layout, store, layout_partition(row->visitor_high), row->excluded);
}

size_t
attribution_excluded_rows(const AttributionLayout *layout, const uint64 *row)
{
	size_t		words;

	if ((row[LAYOUT_KEY] & LAYOUT_HAS_EXCLUDED) == 0)
		return 0;
	words = 1 + (size_t) row[layout->words];
	return (words + layout->words - 1) / layout->words;
}

void
attribution_get_touch(const AttributionLayout *layout, const uint64 *row,
					  AttributionTouch *touch)
{
	uint64		flags = row[LAYOUT_KEY];

	touch->touched_at = (int64) row[LAYOUT_AT];
	touch->touch_id = (int64) row[LAYOUT_ID];
	touch->creator_id = (int64) row[layout->creator];
	touch->product_id = layout->product != 0 ? (int64) row[layout->product] : 0;
	touch->category_id = layout->category != 0 ? (int64) row[layout->category] : 0;
	touch->weight = layout->weight != 0 ? (int64) row[layout->weight] : 0;
	touch->kind = (uint8) (flags >> LAYOUT_KIND_SHIFT & LAYOUT_KIND_MASK);
	touch->has_creator = (flags & LAYOUT_HAS_CREATOR) != 0;
	touch->has_product = (flags & LAYOUT_HAS_PRODUCT) != 0;
	touch->has_category = (flags & LAYOUT_HAS_CATEGORY) != 0;
	touch->is_direct = (flags & LAYOUT_IS_DIRECT) != 0;
	touch->is_late = false;
}

void
attribution_get_line(const AttributionLayout *layout, const uint64 *row,
					 AttributionConversion *line)
{
	uint64		flags = row[LAYOUT_KEY];

	memset(line, 0, sizeof(*line));
	line->converted_at = (int64) row[LAYOUT_AT];
	line->conversion_id = (int64) row[LAYOUT_ID];
	line->amount = (int64) row[layout->amount];
	line->has_amount = (flags & LAYOUT_HAS_AMOUNT) != 0;
	if (layout->product != 0)
	{
		line->product_id = (int64) row[layout->product];
		line->has_product = (flags & LAYOUT_HAS_PRODUCT) != 0;
	}
	if (layout->category != 0)
	{
		line->category_id = (int64) row[layout->category];
		line->has_category = (flags & LAYOUT_HAS_CATEGORY) != 0;
	}
	if (layout->order != 0)
	{
		line->has_order = (flags & LAYOUT_HAS_ORDER) != 0;
		line->order_high = row[layout->order];
		line->order_low = row[layout->order + 1];
	}
	if ((flags & LAYOUT_HAS_EXCLUDED) != 0)
	{
		line->excluded_count = (size_t) row[layout->words];
		line->excluded = (const int64_t *) &row[layout->words + 1];
	}
}

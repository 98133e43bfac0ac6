/*
 * attribution_input.h
 *	  Reads the two queries of attribute() row by row.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_INPUT_H
#define PG_INFLUENCE_ATTRIBUTION_INPUT_H

#include "attribution_decode.h"

typedef struct AttributionInputCount
{
	int64		rows;			/* read, the rejected ones included */
	int64		rejected;
} AttributionInputCount;

/* what the queries have beside the columns that they must have */
typedef struct AttributionInputShape
{
	bool		wide_visitors;	/* their keys have 128 bits */
	bool		has_kinds;
	bool		has_products;	/* one query or both */
	bool		has_categories;
	bool		has_orders;
} AttributionInputShape;

/*
 * Takes a row and says where the next one is to go: the same place, or another
 * where this one is still needed. What the row points to lives only as long as
 * the call.
 */
typedef AttributionInputRow *(*AttributionRowSink) (void *arg, AttributionInputRow *row);

/* called in this order */
typedef struct AttributionInputSinks
{
	void		(*begin) (void *arg, const AttributionInputShape *shape);
	AttributionRowSink conversion;
	void		(*conversions_end) (void *arg);
	AttributionRowSink touch;
	void	   *arg;
} AttributionInputSinks;

/* IN008 for a query that is no SELECT or lacks a column */
extern void attribution_input_read(const char *touches_query,
								   const char *conversions_query,
								   bool wants_weights,
								   const AttributionInputSinks *sinks,
								   AttributionInputCount *touches,
								   AttributionInputCount *conversions);

#endif							/* PG_INFLUENCE_ATTRIBUTION_INPUT_H */

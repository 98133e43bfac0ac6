/*
 * attribution_input.h
 *	  The two queries of attribute(): checked, and run as the caller.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_INPUT_H
#define PG_INFLUENCE_ATTRIBUTION_INPUT_H

#include "executor/spi.h"

#include "attribution_columns.h"
#include "attribution_feed.h"

/* A query that has been prepared. */
typedef struct AttributionInput
{
	const InputSpec *spec;
	const char *text;
	SPIPlanPtr	plan;
	bool		read_only;
	CommandId	command;		/* of the transaction, when it was prepared */
	ColumnSource columns[INPUT_COLUMNS];
} AttributionInput;

/* both queries prepared and checked: IN008 for one that is no SELECT or lacks a column */
extern void attribution_input_prepare(AttributionInput *touches, const char *touches_text,
									  AttributionInput *conversions,
									  const char *conversions_text,
									  bool wants_weights);

/* what the queries have beside the columns that they must have */
extern void attribution_input_shape(const AttributionInput *touches,
									const AttributionInput *conversions,
									AttributionInputShape *shape);

/*
 * True when the query had to be prepared again, since this transaction has
 * written something, which may be DDL; other transactions can't alter what we
 * have locked. IN008 when its columns are others now.
 */
extern bool attribution_input_refresh(AttributionInput *input);

/* rows go straight from the executor to the feed */
extern void attribution_input_run(AttributionInput *input, AttributionFeed *feed);

#endif							/* PG_INFLUENCE_ATTRIBUTION_INPUT_H */

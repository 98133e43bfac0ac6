/*
 * feed_statement.h
 *	  The statements that the feed reads by: prepared once per session, with one
 *	  plan each.
 */
#ifndef PG_INFLUENCE_FEED_STATEMENT_H
#define PG_INFLUENCE_FEED_STATEMENT_H

#include "executor/spi.h"
#include "executor/tuptable.h"

#define FEED_STATEMENT_ARGS 10

typedef struct FeedStatement
{
	const char *text;
	int			nargs;
	Oid			types[FEED_STATEMENT_ARGS];
	SPIPlanPtr	plan;			/* kept until the session ends */
} FeedStatement;

/* Called with each row; the slot is valid until it returns. */
typedef void (*FeedRowReader) (TupleTableSlot *slot, void *target);

/*
 * Between these two the planner has one way to go: by indexes and nested loops.
 * Connected to SPI as well; the level goes from the first to the second.
 */
extern int	feed_statements_begin(void);
extern void feed_statements_end(int level);

/* Runs a statement in the caller's snapshot; the reader runs in its caller's memory context. */
extern void feed_statement_run(FeedStatement *statement, const Datum *values, const bool *nulls,
							   FeedRowReader reader, void *target);

/* Columns of a row; those of a NULL are 0 or NULL. */
static inline int64
feed_int64(const TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? 0 : DatumGetInt64(slot->tts_values[column]);
}

static inline double
feed_float8(const TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? 0.0 : DatumGetFloat8(slot->tts_values[column]);
}

static inline bool
feed_bool(const TupleTableSlot *slot, int column)
{
	return !slot->tts_isnull[column] && DatumGetBool(slot->tts_values[column]);
}

#endif							/* PG_INFLUENCE_FEED_STATEMENT_H */

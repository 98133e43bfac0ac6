/*
 * trend_row.h
 *	  A row of influence.trend_state: exact sums, and what follows from them.
 */
#ifndef PG_INFLUENCE_TREND_ROW_H
#define PG_INFLUENCE_TREND_ROW_H

#include "../common/keyed_rows.h"

#define TREND_HALF_LIVES 3

/* columns of the key: kind, item_id, scope_id, program_id */
#define TREND_KEYS 4
/* those of a group: what votes count for in every program */
#define TREND_GROUP_KEYS 3

/* list_id; score_..., other_score_... and step_... of each half-life; state_... */
#define TREND_COLUMNS (1 + 4 * TREND_HALF_LIVES)

typedef struct TrendRow
{
	Datum		keys[TREND_KEYS];
	Datum		values[TREND_COLUMNS];
	bool		nulls[TREND_COLUMNS];
	bytea	   *states[TREND_HALF_LIVES];	/* NULL: the empty one */
} TrendRow;

extern KeyedRows *trend_rows_open(void);

/* The row that was found; what it points to is there until the next is looked for. */
extern void trend_row_read(KeyedRows *rows, TrendRow *row);

/* Whether the row is one of a group that votes are counted for. */
extern bool trend_row_may_have_votes(const TrendRow *row);

/* a + b, half-life by half-life, in the current context; b is NULL: a as it is to be stored */
extern void trend_states_plus(bytea **sum, bytea *const *a, bytea *const *b);

/* Sets the scores from the states and those of the votes (NULL: there are none). Of votes themselves there are none. */
extern void trend_row_score(TrendRow *row, bytea *const *votes);

/*
 * Puts the row where before was found (NULL: nothing was), if it says something else. Whether its list or a score is another
 * one: counted anew, a sum of which something was taken off may be the same in other bytes.
 */
extern bool trend_row_write(KeyedRows *rows, TrendRow *row, const TrendRow *before);

#endif							/* PG_INFLUENCE_TREND_ROW_H */

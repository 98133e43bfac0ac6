/*
 * tally_sums.h
 *	  What new events add to decayed counters: exact sums of their weights for
 *	  three half-lives, by program and key.
 *
 * Of the last two keys of the events (touches: product and category): by either,
 * and by the first of them of the events that lack the second.
 */
#ifndef PG_INFLUENCE_TALLY_SUMS_H
#define PG_INFLUENCE_TALLY_SUMS_H

#include "utils/array.h"

#include "tally.h"

#define TALLY_HALF_LIVES 3

/* touch_sums() numbers them from 1, in this order */
typedef enum TallySumKind
{
	TALLY_SUM_FIRST,
	TALLY_SUM_SECOND,
	TALLY_SUM_FIRST_ALONE
} TallySumKind;

typedef struct TallySum
{
	TallySumKind kind;
	int64		key;
	int64		program;
	bytea	   *states[TALLY_HALF_LIVES];	/* of decayed_score() */
} TallySum;

typedef struct TallySums
{
	MemoryContext context;
	bool		counts[TALLY_MAX_KINDS];	/* a weight other than zero */
	int64		weights[TALLY_MAX_KINDS];	/* in units of 2^-20 */
	int64		half_lives[TALLY_HALF_LIVES];
	int			first_key;		/* of the two */
	IdMap		programs;
	IdMap		numbers;		/* words: key; kind with program */
	TallySum   *sum;			/* by number */
	uint32		room;
} TallySums;

/* weights, half_lives: of nkinds and three, neither with NULLs */
extern void tally_sums_create(TallySums *sums, int nkeys, int nkinds, ArrayType *weights, ArrayType *half_lives, MemoryContext context);
extern void tally_sums_add(TallySums *sums, const TallyEvent *event);

/* All of them as one value, which touch_sums() takes apart: by kind, key and program, as an index has them. Ends the adding. */
extern bytea *tally_sums_pack(TallySums *sums);

#endif							/* PG_INFLUENCE_TALLY_SUMS_H */

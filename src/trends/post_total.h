/*
 * post_total.h
 *	  A row of influence.post_total, and the hours of a post, of which it is the sum.
 */
#ifndef PG_INFLUENCE_POST_TOTAL_H
#define PG_INFLUENCE_POST_TOTAL_H

#include "../common/keyed_rows.h"

/* smiles, unsmiles, comments, shares, saves, clicks */
#define POST_REACTIONS 6

typedef struct PostCounts
{
	int64		impressions;
	int64		reactions[POST_REACTIONS];
} PostCounts;

typedef struct PostTotal
{
	int64		program_id;
	PostCounts	counts;
	bool		has_reactions;	/* are they known, or to be summed anew? */
	float8		engagement;
	Datum		revenue;		/* numeric */
	bytea	   *quality_state;	/* NULL: that of its publication alone */
} PostTotal;

extern KeyedRows *post_totals_open(void);

/* Finds the row of a post, or says that there is none; what it points to is there until the next is looked for. */
extern bool post_total_find(KeyedRows *rows, int64 post_id, PostTotal *total);

/* Puts the row where before was found (NULL: nothing was), if it says something else. The program stays. */
extern void post_total_write(KeyedRows *rows, int64 post_id, const PostTotal *total, const PostTotal *before);

/* engagements by weight; weights: one for each kind of reaction */
extern float8 post_counts_engagement(const PostCounts *counts, const float8 *weights);

extern void post_counts_add(PostCounts *counts, const PostCounts *came);

extern KeyedRows *post_hours_open(void);

/* Sums all hours of a post. */
extern void post_hours_sum(KeyedRows *rows, int64 post_id, PostCounts *counts);

#endif							/* PG_INFLUENCE_POST_TOTAL_H */

/*
 * engagement_pattern_core.h
 *	  What a creator's posts show when nobody's engagement is asked: how focused
 *	  their topics are, how fast the audience grows, how regularly they come.
 *
 * Pure C without PostgreSQL.  Rows are sorted; they may come in pieces.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_PATTERN_CORE_H
#define PG_INFLUENCE_ENGAGEMENT_PATTERN_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* a row of LIST_TOPICS */
typedef struct EngagementTopic
{
	int64_t		topic;
	int64_t		posts;			/* >= 1 */
} EngagementTopic;

/* Start with zeros. */
typedef struct EngagementFocus
{
	int64_t		topic;			/* whose rows are being added up */
	unsigned __int128 weight;	/* its posts so far */
	unsigned __int128 total;
	long double terms;			/* sum of n ln n over the topics before it */
} EngagementFocus;

extern void engagement_focus_piece(EngagementFocus *focus, const EngagementTopic *topics,
								   size_t n);

/* exp(-entropy), above 0 and at most 1; false without a row */
extern bool engagement_focus_result(EngagementFocus *focus, double *result);

/* a row of LIST_AMOUNTS */
typedef struct EngagementAmount
{
	int64_t		at_us;
	int64_t		amount;			/* >= 1 */
} EngagementAmount;

/*
 * Start with zeros; all pieces, then engagement_growth_again, then all pieces
 * once more, then the result.
 */
typedef struct EngagementGrowth
{
	bool		again;			/* the second time */
	bool		any;
	int64_t		first_us;
	long double rows;
	long double days;			/* since the first: sum, then mean */
	long double logs;			/* of the amounts: sum, then mean */
	long double days_squared;	/* about the means */
	long double days_logs;
} EngagementGrowth;

extern void engagement_growth_piece(EngagementGrowth *growth, const EngagementAmount *amounts,
									size_t n);
extern void engagement_growth_again(EngagementGrowth *growth);

/* as a fraction per 30 days; false below two distinct times */
extern bool engagement_growth_result(const EngagementGrowth *growth, double *result);

/* 1 / (1 + cv of the gaps), above 0 and at most 1; false below three times or without a gap */
extern bool engagement_regularity(const int64_t *times_us, size_t n, double *result);

#endif							/* PG_INFLUENCE_ENGAGEMENT_PATTERN_CORE_H */

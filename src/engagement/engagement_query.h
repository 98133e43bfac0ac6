/*
 * engagement_query.h
 *	  The query of score_creators(): checked, run as the caller, decoded.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_QUERY_H
#define PG_INFLUENCE_ENGAGEMENT_QUERY_H

#include "executor/spi.h"

/* A row of it that counts. */
typedef struct EngagementPost
{
	int64		creator_id;
	int64		posts;			/* >= 1 */
	double		rate;			/* finite, >= 0 */
	/* '' when NULL or not there; they live as long as the row */
	const char *vertical;
	const char *tier;
	size_t		vertical_size;
	size_t		tier_size;
} EngagementPost;

typedef void (*EngagementPostSink) (void *arg, const EngagementPost *post);

typedef struct EngagementQuery EngagementQuery;

/* Within SPI: IN008 for a query that is no SELECT or lacks a column. */
extern EngagementQuery *engagement_query_prepare(const char *text);

/* does it have the column posts? */
extern bool engagement_query_has_posts(const EngagementQuery *query);

/* Rows go straight from the executor to the sink. */
extern void engagement_query_run(EngagementQuery *query, EngagementPostSink sink, void *arg);

#endif							/* PG_INFLUENCE_ENGAGEMENT_QUERY_H */

/*
 * feed_delivered.h
 *	  What a row of the feed shows of its post.
 */
#ifndef PG_INFLUENCE_FEED_DELIVERED_H
#define PG_INFLUENCE_FEED_DELIVERED_H

#include "feed_call.h"

typedef struct FeedDelivered
{
	FeedDisclosure disclosure;
	char	   *topic;			/* name, NULL = none */
	Datum		products;		/* jsonb, 0 = none */
} FeedDelivered;

/* One entry per post, in their order. */
extern FeedDelivered *feed_read_delivered(FeedCall *call, const int64 *post_ids, int count);
extern FeedDisclosure feed_disclosure(const char *name);

#endif							/* PG_INFLUENCE_FEED_DELIVERED_H */

/*
 * feed_near.h
 *	  Posts near what the viewer chose: neighbours of posts, and posts that show
 *	  neighbours of products.
 */
#ifndef PG_INFLUENCE_FEED_NEAR_H
#define PG_INFLUENCE_FEED_NEAR_H

#include "feed_call.h"

typedef struct FeedNear FeedNear;

/* Reads the lists of neighbours, and what shows the products; adds the posts to be read. */
extern FeedNear *feed_near_begin(FeedCall *call, FeedIds *unknown);
/* Once these are read: those that fit become candidates.  More is read where too many of the newest don't. */
extern void feed_near_take(FeedCall *call, FeedNear *near);

#endif							/* PG_INFLUENCE_FEED_NEAR_H */

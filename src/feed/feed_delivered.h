/*
 * feed_delivered.h
 *	  What is known of a post that was judged, and what a row of the feed shows
 *	  of it.
 */
#ifndef PG_INFLUENCE_FEED_DELIVERED_H
#define PG_INFLUENCE_FEED_DELIVERED_H

#include "feed_call.h"

/* where a product is in the picture, and when: each may be unknown */
typedef enum FeedTagPart
{
	FEED_TAG_X,
	FEED_TAG_Y,
	FEED_TAG_FROM_MS,
	FEED_TAG_TO_MS,
	FEED_TAG_PARTS
} FeedTagPart;

typedef struct FeedTag
{
	int64		product_id;
	int32		tag_id;
	bool		stocked;		/* in stock, and the program may show it */
	bool		unknown[FEED_TAG_PARTS];
	Datum		parts[FEED_TAG_PARTS];	/* float4, then int4 */
} FeedTag;

/* what the tables say of a post at the moment of the call */
typedef struct FeedShown
{
	FeedPost	post;			/* what the viewer's facts ask for */
	FeedRule	rule;			/* FEED_RULE_ELIGIBLE, or what the tables refuse it for */
	FeedDisclosure disclosure;
	bool		stocked;		/* one of its tags is */
	FeedTag    *tags;			/* by tag_id */
	int			ntags;
	int			room;
	struct FeedShown *next;
} FeedShown;

typedef struct FeedDelivered
{
	FeedDisclosure disclosure;
	char	   *topic;			/* name, NULL = none */
	Datum		products;		/* jsonb, 0 = none */
} FeedDelivered;

/* One entry per post, in their order: of posts that feed_judge was asked for. topics: whose names are wanted, 0 = none. */
extern FeedDelivered *feed_read_delivered(FeedCall *call, const int64 *post_ids, const int64 *topics, int count);
extern FeedDisclosure feed_disclosure(const char *name);

#endif							/* PG_INFLUENCE_FEED_DELIVERED_H */

/*
 * feed_order_core.h
 *	  The order of a page: diversity over the whole session, duplicates of media,
 *	  and sponsored slots.
 *
 * Pure C without PostgreSQL, in the caller's memory.  The caller brings the
 * candidates in order of score, as many of them as are asked for, and answers
 * which of those that the page wants may be shown.  The page is the one that
 * asking about all of them first would give.
 *
 *		order = feed_order_begin(memory, size, ...);
 *		while ((step = feed_order_run(order)) != FEED_ORDER_DONE)
 *			FEED_ORDER_ASK: set order->answers[] of order->asked[0 .. asked_count - 1]
 *			FEED_ORDER_MORE: put more candidates in order, set order->ordered
 *		order->places[0 .. order->placed - 1] is the page, order->tail the new tail
 */
#ifndef PG_INFLUENCE_FEED_ORDER_CORE_H
#define PG_INFLUENCE_FEED_ORDER_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed_candidate_core.h"

#define FEED_WINDOW 10			/* consecutive posts that diversity looks at */
#define FEED_TAIL (FEED_WINDOW - 1)
#define FEED_CREATOR_MOST 2		/* of one creator in a window */
#define FEED_CATEGORY_MOST 4	/* of one category in a window */

#define FEED_SPONSORED_FIRST 3	/* the first position that may be sponsored */
#define FEED_SPONSORED_SPACING 5	/* positions from one to the next */
#define FEED_ORGANIC_LEAST 5	/* eligible posts left, or no sponsored one */

/* limits of feed_order_begin */
#define FEED_MAX_CANDIDATES 100000
#define FEED_MAX_SPONSORED 10000
#define FEED_MAX_DELIVERED 100000

/* what a campaign pays for, in the order of its auction; all may be shown */
typedef struct FeedSponsored
{
	FeedCandidate post;
	int64_t		campaign_id;
	uint32_t	room;			/* times the campaign may still be shown to the viewer */
} FeedSponsored;

/* the end of what the session delivered before; all zeros for a new one */
typedef struct FeedTail
{
	uint32_t	delivered;		/* posts in all */
	uint32_t	last_sponsored; /* position from 1 of the last one, 0 = none */
	uint32_t	count;			/* of what follows, the oldest first */
	int64_t		creators[FEED_TAIL];
	int64_t		categories[FEED_TAIL];
} FeedTail;

/* the caller answers with REFUSED and ELIGIBLE, the order itself writes the others */
typedef enum FeedVerdict
{
	FEED_UNKNOWN,				/* not asked */
	FEED_REFUSED,
	FEED_ELIGIBLE,
	FEED_DUPLICATE,				/* eligible, but media of a better or delivered post */
	FEED_DELIVERED				/* in this session, on this page or before */
} FeedVerdict;

/* which rules gave way for a place, each with those before it */
typedef enum FeedRelaxed
{
	FEED_KEPT_ALL = 0,
	FEED_NOT_CATEGORY,			/* more than four of a category in ten */
	FEED_NOT_CREATOR,			/* more than two of a creator in ten */
	FEED_NOT_ADJACENT			/* two in a row of one creator */
} FeedRelaxed;

typedef struct FeedPlace
{
	uint32_t	index;			/* into candidates, or into sponsored */
	uint8_t		sponsored;
	uint8_t		relaxed;		/* FeedRelaxed */
} FeedPlace;

typedef enum FeedOrderStep
{
	FEED_ORDER_DONE,			/* the page is full, or nothing is left */
	FEED_ORDER_ASK,				/* the verdicts on asked[] are needed */
	FEED_ORDER_MORE				/* more candidates in order are needed than there are */
} FeedOrderStep;

typedef struct FeedOrderInput
{
	const FeedCandidate *candidates;	/* the ordered ones by feed_candidate_compare; no post twice */
	uint32_t	candidate_count;
	const FeedSponsored *sponsored;
	uint32_t	sponsored_count;
	const int64_t *delivered_posts; /* of the session: refused here, whatever the verdict */
	uint32_t	delivered_post_count;
	const int64_t *delivered_media; /* their media keys */
	uint32_t	delivered_media_count;
	FeedTail	tail;
	uint32_t	page_size;
	bool		diverse;		/* false for a viewer without a signal */
} FeedOrderInput;

typedef struct FeedOrder
{
	/* the caller answers here */
	uint8_t    *answers;		/* FeedVerdict, as many as candidates; UNKNOWN at first */
	uint32_t	ordered;		/* so many candidates are in their order; only ever grows */

	/* what is asked: indexes of candidates, each once */
	uint32_t   *asked;
	uint32_t	asked_count;

	/* the result */
	FeedPlace  *places;			/* room for page_size */
	uint32_t	placed;
	FeedTail	tail;
	uint8_t    *verdicts;		/* FeedVerdict of the first "accepted" candidates */
	uint32_t	accepted;

	/* its own */
	FeedOrderInput input;
	uint32_t	run;			/* counts from 1 */
	uint32_t	answered;		/* of the accepted ones */
	uint32_t	refused;		/* of these */
	uint32_t	twins;			/* asked about, of those whose media one that was not asked about has */
	uint32_t	first;			/* list of candidates that wait, by order */
	uint32_t	last;
	uint32_t	waiting;		/* its length */
	uint32_t   *next;
	uint8_t    *wanted;			/* of the accepted ones: is among the asked */
	struct FeedSlot *slots;		/* hash table of post ids and media keys */
	uint32_t	slot_mask;
} FeedOrder;

/* Bytes that feed_order_begin needs, 0 when the input is beyond the limits. */
extern size_t feed_order_size(const FeedOrderInput *input);

/* The memory is aligned as malloc's; arrays of the input are kept by reference. */
extern FeedOrder *feed_order_begin(void *memory, const FeedOrderInput *input);

extern FeedOrderStep feed_order_run(FeedOrder *order);

#endif							/* PG_INFLUENCE_FEED_ORDER_CORE_H */

/*
 * feed_rank.h
 *	  Candidates in their order, and the page that is made of them.
 */
#ifndef PG_INFLUENCE_FEED_RANK_H
#define PG_INFLUENCE_FEED_RANK_H

#include "fmgr.h"

#include "cursor_core.h"
#include "feed_call.h"
#include "feed_order_core.h"

typedef struct FeedRanking
{
	FeedCall   *call;
	FeedCandidate *candidates;	/* by score as far as they are ordered; row = place in the pool */
	uint32		count;
	FeedSponsored *sponsored;
	char	  **disclosures;	/* of the sponsored ones */
	uint32		sponsored_count;
	FeedOrder  *order;
} FeedRanking;

extern void feed_require_arguments(FunctionCallInfo fcinfo, int nullable, int as_of);

/* Reads all that a call needs; the call's arguments are set. */
extern void feed_open(FeedCall *call, const CursorContent *session);

/* Ranks the pool and places page_size posts after what the session delivered. */
extern FeedRanking *feed_rank(FeedCall *call, const CursorContent *session, uint32 page_size);

/* The post at a place of the page. */
extern const FeedCandidate *feed_placed(const FeedRanking *ranking, uint32 place);

#endif							/* PG_INFLUENCE_FEED_RANK_H */

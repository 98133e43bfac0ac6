/*
 * feed_read.h
 *	  The steps of a call of the feed, in their order.
 */
#ifndef PG_INFLUENCE_FEED_READ_H
#define PG_INFLUENCE_FEED_READ_H

#include "feed_call.h"
#include "executor/tuptable.h"

/* feed_settings.c */
extern void feed_read_settings(FeedCall *call);
extern void feed_read_profile(FeedCall *call, int64 profile_id, int64 assignment_id);

/* feed_viewer.c, feed_history.c */
extern void feed_read_person(FeedCall *call);
extern void feed_read_viewer(FeedCall *call);
extern void feed_read_history(FeedCall *call);

/* feed_sources.c, feed_lists.c, feed_explore.c, feed_intent.c */
extern void feed_read_candidates(FeedCall *call);
extern void feed_read_lists(FeedCall *call);
extern void feed_read_explored(FeedCall *call);
extern void feed_read_intent(FeedCall *call);
extern FeedPost *feed_take_post(FeedCall *call, const TupleTableSlot *slot, FeedSource source);

/* feed_eligible.c: where a post is to be shown, which says what rules it is judged by */
typedef enum FeedPlaceKind
{
	FEED_ORGANIC,				/* a place of the feed: all of them */
	FEED_PAID,					/* a sponsored place: may come again, its campaign has a cap */
	FEED_LISTED					/* another list: without what belongs to a scroll through the feed */
} FeedPlaceKind;

extern FeedRule feed_viewer_rule(const FeedCall *call, const FeedPost *post, const FeedKnown *viewers, FeedPlaceKind kind);
extern void feed_judge(FeedCall *call, const int64 *post_ids, int count, FeedPlaceKind kind, FeedRule *rules);

/* feed_viewer.c */
extern bool feed_was_seen(const FeedCall *call, int64 post_id);

/* feed_features.c; the facts are weighed first, once for each instead of once for each post */
extern void feed_weigh_facts(FeedCall *call);
extern void feed_features_of(const FeedCall *call, const FeedPost *post, const FeedKnown *known, double features[FEED_FEATURES]);
extern double feed_dampening_of(const FeedKnown *known);
extern double feed_score_of(const FeedCall *call, const FeedPost *post, const FeedKnown *known);

#endif							/* PG_INFLUENCE_FEED_READ_H */

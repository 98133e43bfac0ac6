/*
 * feed_features.c
 *	  The features of a post for a viewer, from what was read of both, and its
 *	  score.  The arithmetic is in feed_score_core.
 */
#include "postgres.h"

#include "feed_draw_core.h"
#include "feed_read.h"
#include "feed_score_core.h"

#define FRESHNESS_HALF_LIFE_US (2 * USECS_PER_DAY)

void
feed_features_of(const FeedCall *call, const FeedPost *post, double features[FEED_FEATURES])
{
	const FeedViewer *viewer = &call->viewer;
	const FeedFacts *creator = feed_facts_find(viewer->creators, post->creator_id);
	const FeedFacts *topic = post->topic_id == 0 ? NULL : feed_facts_find(viewer->topics, post->topic_id);
	const FeedFacts *shown = feed_facts_find(viewer->posts, post->post_id);

	features[FEED_BIAS] = 1.0;
	features[FEED_FOLLOW] = creator != NULL && (creator->flags & FEED_FLAG_FOLLOWED) ? 1.0 : 0.0;
	features[FEED_INTEREST] = feed_log_weight(topic == NULL ? 0.0 : topic->weight);
	features[FEED_QUALITY] = feed_quality(post->quality, call->moment, call->settings.half_life_us);
	features[FEED_NEIGHBOR] = feed_neighbor(post->similarity);
	features[FEED_AFFINITY] = feed_log_weight(creator == NULL ? 0.0 : creator->weight);
	features[FEED_ENGAGEMENT] = feed_log_ratio(post->engagement);
	features[FEED_SALES] = feed_log_ratio(post->sales);
	features[FEED_FRESHNESS] = feed_freshness(post->published_at, call->moment, FRESHNESS_HALF_LIFE_US);
	features[FEED_PRICE_FIT] = feed_price_fit((double) post->price, viewer->usual_price);
	features[FEED_FATIGUE] = feed_fatigue(creator == NULL ? 0.0 : creator->fatigue,
										  shown == NULL ? 0.0 : shown->fatigue);
	features[FEED_EXPLORATION] = (post->sources & (1u << FEED_FROM_EXPLORE)) == 0 ? 0.0 :
		feed_draw(viewer->id.data, feed_day(call->moment), post->post_id);
}

static double
dampening_of(const FeedCall *call, const FeedFacts *facts)
{
	if (facts == NULL || facts->less == DT_NOBEGIN)
		return 1.0;
	return feed_dampening(((double) call->moment - (double) facts->less) / (double) USECS_PER_DAY);
}

/* The strictest "see less" wins. */
double
feed_dampening_of(const FeedCall *call, const FeedPost *post)
{
	double		creator = dampening_of(call, feed_facts_find(call->viewer.creators, post->creator_id));
	double		topic = post->topic_id == 0 ? 1.0 :
		dampening_of(call, feed_facts_find(call->viewer.topics, post->topic_id));

	return Min(creator, topic);
}

double
feed_score_of(const FeedCall *call, const FeedPost *post)
{
	double		features[FEED_FEATURES];

	feed_features_of(call, post, features);
	return feed_score(call->profile.weights, features, feed_dampening_of(call, post));
}

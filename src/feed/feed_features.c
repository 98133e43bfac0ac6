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

static double
dampening_of(const FeedCall *call, const FeedFacts *facts)
{
	if (facts->less == DT_NOBEGIN)
		return 1.0;
	return feed_dampening(((double) call->moment - (double) facts->less) / (double) USECS_PER_DAY);
}

void
feed_weigh_facts(FeedCall *call)
{
	const FeedSettings *s = &call->settings;
	FeedViewer *viewer = &call->viewer;
	struct feedfacts_hash *tables[] = {viewer->creators, viewer->topics, viewer->sounds};
	double		total = 0.0;
	int			i;
	size_t		t;

	for (t = 0; t < lengthof(tables); t++)
	{
		int			count;
		FeedFacts **facts;

		if (tables[t] == NULL)
			continue;
		facts = feed_facts_all(tables[t], &count);
		for (i = 0; i < count; i++)
		{
			facts[i]->log_weight = feed_log_weight(facts[i]->weight);
			facts[i]->dampening = dampening_of(call, facts[i]);
		}
		pfree(facts);
	}
	for (i = 0; i < FEED_FORMATS; i++)
		total += viewer->formats[i];
	for (i = 0; i < FEED_FORMATS; i++)
		viewer->format_fit[i] = feed_format_fit(viewer->formats[i], total, s->format_expected[i], s->format_share[i]);
}

void
feed_features_of(const FeedCall *call, const FeedPost *post, const FeedKnown *known, double features[FEED_FEATURES])
{
	const FeedViewer *viewer = &call->viewer;

	features[FEED_BIAS] = 1.0;
	features[FEED_FOLLOW] = known->creator->flags & FEED_FLAG_FOLLOWED ? 1.0 : 0.0;
	features[FEED_INTEREST] = known->topic->log_weight;
	features[FEED_QUALITY] = feed_quality(post->quality, call->moment, call->settings.half_life_us);
	features[FEED_NEIGHBOR] = feed_neighbor(post->similarity);
	features[FEED_AFFINITY] = known->creator->log_weight;
	features[FEED_ENGAGEMENT] = feed_log_ratio(post->engagement);
	features[FEED_SALES] = feed_log_ratio(post->sales);
	features[FEED_FRESHNESS] = feed_freshness(post->published_at, call->moment, FRESHNESS_HALF_LIFE_US);
	features[FEED_PRICE_FIT] = feed_price_fit((double) post->price, viewer->usual_price);
	features[FEED_FATIGUE] = feed_fatigue(known->creator->fatigue, known->post->fatigue);
	features[FEED_EXPLORATION] = (post->sources & (1u << FEED_FROM_EXPLORE)) == 0 ? 0.0 :
		feed_draw(viewer->id.data, feed_day(call->moment), post->post_id);
	features[FEED_FORMAT] = viewer->format_fit[post->format];
	features[FEED_SOUND] = known->sound->log_weight;
}

/* The strictest "see less" wins. */
double
feed_dampening_of(const FeedKnown *known)
{
	return Min(known->creator->dampening, known->topic->dampening);
}

double
feed_score_of(const FeedCall *call, const FeedPost *post, const FeedKnown *known)
{
	double		features[FEED_FEATURES];

	feed_features_of(call, post, known, features);
	return feed_score(call->profile.weights, features, feed_dampening_of(known));
}

/*
 * feed_features.h
 *	  The features of the feed's score, in their order.
 *
 * The score of a candidate is sum of weight x feature in this order (feed_score);
 * then, where it is above zero, times the dampening by negative feedback.  Each
 * feature is finite and bounded; what is unknown is 0.
 */
#ifndef PG_INFLUENCE_FEED_FEATURES_H
#define PG_INFLUENCE_FEED_FEATURES_H

typedef enum FeedFeature
{
	FEED_BIAS,					/* 1: keeps ordinary scores above zero */
	FEED_FOLLOW,				/* 1: the viewer follows the creator */
	FEED_INTEREST,				/* log2(1 + weight of the topic for the viewer) */
	FEED_QUALITY,				/* log2 of the decayed engagement as of now, -40 .. 40 */
	FEED_NEIGHBOR,				/* log2(1 + 100 x similarity to the recent history) */
	FEED_AFFINITY,				/* log2(1 + decayed engagement with the creator) */
	FEED_ENGAGEMENT,			/* log2(shrunk engagement / the program's), -8 .. 8 */
	FEED_SALES,					/* log2(shrunk revenue per impression / the program's), -8 .. 8 */
	FEED_FRESHNESS,				/* 2^(-age / half-life of freshness), 0 .. 1 */
	FEED_PRICE_FIT,				/* -|log2(price / the viewer's usual price)|, -8 .. 0 */
	FEED_FATIGUE,				/* -log2(1 + decayed impressions of the creator, and twice of the post) */
	FEED_EXPLORATION,			/* a draw by viewer, day and post, 0 .. 1; for explored candidates */
	FEED_FORMAT,				/* log2(the viewer's shrunk share of the format / everybody's), -3 .. 3 */
	FEED_SOUND,					/* log2(1 + decayed engagement with posts of the same sound) */
	FEED_FEATURES				/* how many */
} FeedFeature;

/* what kind of post a post is, in the order of influence.feed_format.shares */
typedef enum FeedFormat
{
	FEED_PHOTO,
	FEED_VIDEO,					/* of unknown length */
	FEED_SHORT_VIDEO,
	FEED_LONG_VIDEO,
	FEED_STORY,
	FEED_LIVE,
	FEED_FORMATS				/* how many */
} FeedFormat;

#endif							/* PG_INFLUENCE_FEED_FEATURES_H */

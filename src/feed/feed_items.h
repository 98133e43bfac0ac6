/*
 * feed_items.h
 *	  How the sources read influence.feed_item: the same columns, in the same
 *	  order, under the same conditions.
 */
#ifndef PG_INFLUENCE_FEED_ITEMS_H
#define PG_INFLUENCE_FEED_ITEMS_H

#include "feed_call.h"
#include "executor/tuptable.h"

#define FEED_ITEM_COLUMNS \
	"i.post_id, i.creator_id, i.topic_id, i.category_id, i.published_at, i.spoken, i.everywhere, i.media_key," \
	" i.price, i.quality, i.engagement, i.sales, i.format, i.sound_key"
#define FEED_ITEM_COUNT 14

/* $1 program, $2 moment of the feed, $3 how far back, $4 moment of the call */
#define FEED_ITEM_FITS \
	"i.published_at <= $2 AND i.published_at > $3 AND (i.expires_at IS NULL OR i.expires_at > $4)"
/* the same where an index is to be read in the order of the rank, not by time */
#define FEED_ITEM_FITS_TOO \
	"(i.published_at <= $2 AND i.published_at > $3 AND (i.expires_at IS NULL OR i.expires_at > $4)) IS TRUE"
/* the newest posts that tag a product, of those that fit: posts of other programs take no place */
#define FEED_ITEM_NEWEST_OF(product, most) \
	"SELECT " FEED_ITEM_COLUMNS \
	" FROM (SELECT DISTINCT g.post_id FROM influence.post_tag g WHERE g.product_id = " product " ORDER BY g.post_id DESC) g" \
	" JOIN influence.feed_item i ON i.post_id = g.post_id" \
	" WHERE i.program_id = $1 AND " FEED_ITEM_FITS_TOO " ORDER BY g.post_id DESC LIMIT " most
#define FEED_ITEM_TYPES INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID

/* an array for statements */
extern Datum feed_id_array(const int64 *ids, int count);

/* Ids of the history and their weights, of those above 0; returns how many. */
extern int	feed_past_items(const FeedPast *past, int count, int most, int64 *ids, double *weights);

/* The ids of the best facts, of those with a flag (0 = with a weight), without those that are refused anyway. */
extern int64 *feed_best_facts(struct feedfacts_hash *table, uint8 flag, int most, int *count);

extern void feed_item_values(const FeedCall *call, int32 days, Datum values[4]);
extern FeedFormat feed_format(char letter);
extern void feed_item_post(const FeedCall *call, const TupleTableSlot *slot, FeedPost *post);

/*
 * Posts of lists of ids: those that the pool does not have are noted, and read
 * together.  In the pool is what fits, and until posts are explored nothing else.
 */
extern void feed_need_post(const FeedCall *call, FeedIds *unknown, int64 post_id);
extern void feed_read_posts(FeedCall *call, FeedIds *unknown);
/* a row of FEED_ITEM_COLUMNS, for the FeedCall that is its target */
extern void feed_take_pooled(TupleTableSlot *slot, void *call);

#endif							/* PG_INFLUENCE_FEED_ITEMS_H */

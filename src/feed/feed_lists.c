/*
 * feed_lists.c
 *	  Sources that rank posts: what is popular, the top of topics, what is
 *	  trending, and what is near the history (feed_near.c).
 *
 * The bound of a rank is also one of score: a post within history_days has at
 * least the score of one event at their beginning, so a topic without new posts
 * is not read to its end.  Trends and neighbours are lists of ids; what is said
 * of a post is read once, for those that no other source brought.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "feed_items.h"
#include "feed_near.h"
#include "feed_read.h"
#include "feed_statement.h"

#define TREND_HALF_LIFE_US (INT64CONST(3) * USECS_PER_DAY)

static FeedStatement popular_posts = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS " FROM influence.feed_item i"
	" WHERE i.program_id = $1 AND i.quality >= $5 AND " FEED_ITEM_FITS_TOO
	" ORDER BY i.quality DESC, i.post_id DESC LIMIT $6",
	.nargs = 6,
	.types = {FEED_ITEM_TYPES, FLOAT8OID, INT8OID}
};

static FeedStatement topic_posts = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS " FROM unnest($7) t(topic_id) CROSS JOIN LATERAL ("
	"SELECT " FEED_ITEM_COLUMNS " FROM influence.feed_item i"
	" WHERE i.program_id = $1 AND i.topic_id = t.topic_id AND i.quality >= $5 AND " FEED_ITEM_FITS_TOO
	" ORDER BY i.quality DESC, i.post_id DESC LIMIT $6) i",
	.nargs = 7,
	.types = {FEED_ITEM_TYPES, FLOAT8OID, INT8OID, INT8ARRAYOID}
};

static FeedStatement trending_ids = {
	.text =
	"SELECT r.item_id FROM influence.trend_state r"
	" WHERE r.program_id = $1 AND r.kind = 'post' AND r.scope_id = 0 AND r.score_3d >= $3"
	" ORDER BY r.score_3d DESC, r.item_id DESC LIMIT $2",
	.nargs = 3,
	.types = {INT8OID, INT8OID, FLOAT8OID}
};

static void
take_popular(TupleTableSlot *slot, void *target)
{
	feed_take_post(target, slot, FEED_FROM_POPULAR);
}

static void
take_interesting(TupleTableSlot *slot, void *target)
{
	feed_take_post(target, slot, FEED_FROM_INTEREST);
}

static double
oldest_score(const FeedCall *call, int64 half_life_us)
{
	return (double) (call->moment - call->settings.history_days * USECS_PER_DAY) / (double) half_life_us;
}

static void
read_popular(FeedCall *call)
{
	Datum		values[6];

	feed_item_values(call, call->settings.history_days, values);
	values[4] = Float8GetDatum(oldest_score(call, call->settings.half_life_us));
	values[5] = Int64GetDatum(call->settings.popular);
	feed_statement_run(&popular_posts, values, NULL, take_popular, call);
}

static void
read_topics(FeedCall *call)
{
	int			count;
	int64	   *topics = feed_best_facts(call->viewer.topics, 0, call->settings.topics, &count);
	Datum		values[7];

	if (count == 0)
		return;
	feed_item_values(call, call->settings.history_days, values);
	values[4] = Float8GetDatum(oldest_score(call, call->settings.half_life_us));
	values[5] = Int64GetDatum(call->settings.per_topic);
	values[6] = feed_id_array(topics, count);
	feed_statement_run(&topic_posts, values, NULL, take_interesting, call);
}

typedef struct TrendIds
{
	int64	   *ids;
	int64		count;
} TrendIds;

static void
take_trending(TupleTableSlot *slot, void *target)
{
	TrendIds   *trend = target;

	CHECK_FOR_INTERRUPTS();
	trend->ids[trend->count++] = feed_int64(slot, 0);
}

/*
 * The best of the trend that fit, and what is said of them and of neighbours;
 * when too many don't fit, the trend is read again, further down.
 */
static void
read_trending(FeedCall *call, FeedIds *unknown)
{
	int64		wanted = call->settings.trending;
	int64		bound = wanted + wanted / 8;
	int64		fitting = 0;
	TrendIds	trend = {NULL, 0};
	Datum		values[3];
	int64		i;

	do
	{
		values[0] = Int64GetDatum(call->program_id);
		values[1] = Int64GetDatum(bound);
		values[2] = Float8GetDatum(oldest_score(call, TREND_HALF_LIFE_US));
		trend.ids = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int64) * Max(bound, 1));
		trend.count = 0;
		if (wanted > 0)
			feed_statement_run(&trending_ids, values, NULL, take_trending, &trend);
		for (i = 0; i < trend.count; i++)
			feed_need_post(call, unknown, trend.ids[i]);
		feed_read_posts(call, unknown);
		for (fitting = 0, i = 0; i < trend.count && fitting < wanted; i++)
		{
			FeedPost   *post = feed_pool_find(&call->pool, trend.ids[i]);

			if (post != NULL)
			{
				post->sources |= 1u << FEED_FROM_TRENDING;
				fitting++;
			}
		}
		if (fitting == wanted || trend.count < bound)
			return;
		bound *= 2;
	} while (true);
}

void
feed_read_lists(FeedCall *call)
{
	FeedNear   *near = NULL;
	FeedIds		unknown = {NULL, 0, 0};

	read_popular(call);
	if (call->viewer.personalised)
	{
		read_topics(call);
		near = feed_near_begin(call, &unknown);
	}
	read_trending(call, &unknown);
	if (near != NULL)
		feed_near_take(call, near);
}

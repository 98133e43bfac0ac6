/*
 * feed_explore.c
 *	  Exploration: posts that nobody can know to be good yet.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "feed_draw_core.h"
#include "feed_items.h"
#include "feed_read.h"
#include "feed_statement.h"

/* the posts before each of some moments */
static FeedStatement recent_posts = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS
	" FROM unnest($5) d(at) CROSS JOIN LATERAL ("
	"SELECT " FEED_ITEM_COLUMNS " FROM influence.feed_item i"
	" WHERE i.program_id = $1 AND i.published_at <= d.at AND " FEED_ITEM_FITS
	" ORDER BY i.published_at DESC, i.post_id DESC LIMIT $6) i",
	.nargs = 6,
	.types = {FEED_ITEM_TYPES, TIMESTAMPTZARRAYOID, INT8OID}
};

typedef struct Explored
{
	FeedPost	post;
	double		excess;			/* of its rank over the bare publication */
	double		draw;
} Explored;

typedef struct Exploration
{
	FeedCall   *call;
	Explored   *posts;
	int			count;
} Exploration;

static void
take_recent(TupleTableSlot *slot, void *target)
{
	Exploration *exploration = target;
	const FeedCall *call = exploration->call;
	Explored   *explored = &exploration->posts[exploration->count++];

	feed_item_post(call, slot, &explored->post);
	explored->excess = explored->post.quality -
		(double) explored->post.published_at / (double) call->settings.half_life_us;
	explored->draw = feed_draw(call->viewer.id.data, feed_day(call->moment), explored->post.post_id);
}

static int
compare_excess(const void *a, const void *b)
{
	const Explored *x = a;
	const Explored *y = b;

	if (x->excess != y->excess)
		return x->excess < y->excess ? -1 : 1;
	return x->post.post_id > y->post.post_id ? -1 : x->post.post_id < y->post.post_id;
}

static int
compare_draw(const void *a, const void *b)
{
	const Explored *x = a;
	const Explored *y = b;

	if (x->draw != y->draw)
		return x->draw > y->draw ? -1 : 1;
	return x->post.post_id > y->post.post_id ? -1 : x->post.post_id < y->post.post_id;
}

/*
 * Posts with the fewest events: new creators, long-tail products.  At places of
 * the last explore_days that are drawn by viewer and day, three times the bound
 * are read; the two thirds with the fewest events are drawn from, each with the
 * same chance, which is their propensity.
 */
void
feed_read_explored(FeedCall *call)
{
	const FeedSettings *s = &call->settings;
	Exploration exploration = {call, NULL, 0};
	Datum	   *moments = palloc(sizeof(Datum) * Max(s->explore_places, 1));
	int			per_place;
	int			pool = 0;
	int			kept;
	Datum		values[6];
	int			i;

	if (s->explore == 0 || s->explore_places == 0 || s->explore_days == 0)
		return;
	per_place = (3 * s->explore + s->explore_places - 1) / s->explore_places;
	exploration.posts = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(Explored) * (Size) per_place * s->explore_places);
	for (i = 0; i < s->explore_places; i++)
		moments[i] = TimestampTzGetDatum(call->moment - (int64)
										 (feed_draw(call->viewer.id.data, feed_day(call->moment), -1 - i) *
										  (double) s->explore_days * (double) USECS_PER_DAY));
	feed_item_values(call, s->explore_days, values);
	values[4] = PointerGetDatum(construct_array(moments, s->explore_places, TIMESTAMPTZOID, sizeof(int64),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[5] = Int64GetDatum(per_place);
	feed_statement_run(&recent_posts, values, NULL, take_recent, &exploration);

	qsort(exploration.posts, exploration.count, sizeof(Explored), compare_excess);
	for (i = 0; i < exploration.count && pool < 2 * s->explore; i++)
		/* two places may have met */
		if (pool == 0 || exploration.posts[pool - 1].post.post_id != exploration.posts[i].post.post_id)
			exploration.posts[pool++] = exploration.posts[i];
	qsort(exploration.posts, pool, sizeof(Explored), compare_draw);
	kept = Min(pool, s->explore);
	for (i = 0; i < kept; i++)
	{
		FeedPost   *post = feed_pool_add(&call->pool, &exploration.posts[i].post);

		/* what is a candidate anyway is so for certain */
		if (post->sources == 0)
			post->propensity = (double) kept / (double) pool;
		post->sources |= 1u << FEED_FROM_EXPLORE;
	}
}

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

/* what is sorted: a post is moved once, into the pool */
typedef struct ExploredKey
{
	double		key;
	int64		post_id;
	int32		at;				/* in the posts */
} ExploredKey;

typedef struct Exploration
{
	FeedCall   *call;
	FeedPost   *posts;
	ExploredKey *keys;			/* excess of the rank over the bare publication */
	int			count;
} Exploration;

static void
take_recent(TupleTableSlot *slot, void *target)
{
	Exploration *exploration = target;
	FeedPost   *post = &exploration->posts[exploration->count];
	ExploredKey *excess = &exploration->keys[exploration->count];

	CHECK_FOR_INTERRUPTS();
	feed_item_post(exploration->call, slot, post);
	excess->key = post->quality - (double) post->published_at / (double) exploration->call->settings.half_life_us;
	excess->post_id = post->post_id;
	excess->at = exploration->count++;
}

/* the least first, then the younger post */
static int
compare_excess(const void *a, const void *b)
{
	const ExploredKey *x = a;
	const ExploredKey *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->post_id > y->post_id ? -1 : x->post_id < y->post_id;
}

static int
compare_draw(const void *a, const void *b)
{
	const ExploredKey *x = a;
	const ExploredKey *y = b;

	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	return x->post_id > y->post_id ? -1 : x->post_id < y->post_id;
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
	Exploration exploration = {call, NULL, NULL, 0};
	ExploredKey *keys;
	Datum	   *moments = palloc(sizeof(Datum) * Max(s->explore_places, 1));
	int			per_place;
	int			pool = 0;
	int			kept;
	Datum		values[6];
	int			i;

	if (s->explore == 0 || s->explore_places == 0 || s->explore_days == 0)
		return;
	per_place = (3 * s->explore + s->explore_places - 1) / s->explore_places;
	exploration.posts = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(FeedPost) * (Size) per_place * s->explore_places);
	exploration.keys = keys = MemoryContextAllocHuge(CurrentMemoryContext,
													 sizeof(ExploredKey) * (Size) per_place * s->explore_places);
	for (i = 0; i < s->explore_places; i++)
		moments[i] = TimestampTzGetDatum(call->moment - (int64)
										 (feed_draw(call->viewer.id.data, feed_day(call->moment), -1 - i) *
										  (double) s->explore_days * (double) USECS_PER_DAY));
	feed_item_values(call, s->explore_days, values);
	values[4] = PointerGetDatum(construct_array(moments, s->explore_places, TIMESTAMPTZOID, sizeof(int64),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[5] = Int64GetDatum(per_place);
	feed_statement_run(&recent_posts, values, NULL, take_recent, &exploration);

	qsort(keys, exploration.count, sizeof(ExploredKey), compare_excess);
	for (i = 0; i < exploration.count && pool < 2 * s->explore; i++)
		/* two places may have met */
		if (pool == 0 || keys[pool - 1].post_id != keys[i].post_id)
			keys[pool++] = keys[i];
	for (i = 0; i < pool; i++)
		keys[i].key = feed_draw(call->viewer.id.data, feed_day(call->moment), keys[i].post_id);
	qsort(keys, pool, sizeof(ExploredKey), compare_draw);
	kept = Min(pool, s->explore);
	for (i = 0; i < kept; i++)
	{
		bool		found;
		FeedPost   *post = feed_pool_get(&call->pool, keys[i].post_id, &found);

		if (!found)
			*post = exploration.posts[keys[i].at];
		/* what is a candidate anyway is so for certain */
		if (post->sources == 0)
			post->propensity = (double) kept / (double) pool;
		post->sources |= 1u << FEED_FROM_EXPLORE;
	}
}

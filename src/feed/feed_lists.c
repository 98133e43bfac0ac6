/*
 * feed_lists.c
 *	  Sources that are lists of ids: the top of topics, what is popular, what is
 *	  trending, the neighbours of the history.
 *
 * Ids are read alone, from an index, and what is said of a post is read once
 * however many lists it is in.  The bound of a rank is also one of score: a post
 * within history_days has at least the score of one event at their beginning, so
 * a topic without new posts is not read to its end.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "feed_items.h"
#include "feed_read.h"
#include "feed_statement.h"

#define TREND_HALF_LIFE_US (INT64CONST(3) * USECS_PER_DAY)

/* the top of topics, each with a bound of its own; topic 0 is all of the program */
static FeedStatement ranked_ids = {
	.text =
	"SELECT t.n, r.post_id FROM unnest($2, $3) WITH ORDINALITY t(topic_id, bound, n) CROSS JOIN LATERAL ("
	"SELECT k.post_id FROM influence.post_rank k"
	" WHERE k.program_id = $1 AND k.topic_id = t.topic_id AND k.score >= $4"
	" ORDER BY k.score DESC, k.post_id DESC LIMIT t.bound) r",
	.nargs = 4,
	.types = {INT8OID, INT8ARRAYOID, INT8ARRAYOID, FLOAT8OID}
};

static FeedStatement trending_ids = {
	.text =
	"SELECT $3, r.item_id FROM influence.trend_rank r"
	" WHERE r.program_id = $1 AND r.kind = 'post' AND r.half_life = '3d' AND r.scope_id = 0 AND r.score >= $4"
	" ORDER BY r.score DESC, r.item_id DESC LIMIT $2",
	.nargs = 4,
	.types = {INT8OID, INT8OID, INT8OID, FLOAT8OID}
};

static FeedStatement neighbor_ids = {
	.text =
	"SELECT n.neighbor_id, x.weight * n.similarity"
	" FROM unnest($2, $3) x(item_id, weight)"
	" JOIN influence.item_neighbor n ON n.program_id = $1 AND n.kind = 'post' AND n.item_id = x.item_id AND n.rank <= $4",
	.nargs = 4,
	.types = {INT8OID, INT8ARRAYOID, FLOAT8ARRAYOID, INT4OID}
};

static FeedStatement posts_by_id = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS " FROM influence.feed_item i"
	" WHERE i.post_id = ANY ($5) AND i.program_id = $1 AND " FEED_ITEM_FITS,
	.nargs = 5,
	.types = {FEED_ITEM_TYPES, INT8ARRAYOID}
};

/*
 * A source that ranks ids: its best ones, as many as wanted, that fit.  When too
 * many of a list don't fit, it is read again, further down.
 */
typedef struct IdList
{
	FeedSource	source;
	int64		topic_id;		/* of a rank */
	int64		wanted;
	int64		bound;			/* how far it was read */
	int64	   *ids;
	int64		count;
	bool		done;
} IdList;

typedef struct IdLists
{
	IdList	   *lists;
	int			count;
} IdLists;

static void
take_id(TupleTableSlot *slot, void *target)
{
	IdList	   *list = &((IdLists *) target)->lists[feed_int64(slot, 0) - 1];

	CHECK_FOR_INTERRUPTS();
	list->ids[list->count++] = feed_int64(slot, 1);
}

/* Lists of ranks first, the trend last. */
static void
read_lists(FeedCall *call, IdLists *all)
{
	TimestampTz oldest = call->moment - call->settings.history_days * USECS_PER_DAY;
	int64	   *topics = palloc(sizeof(int64) * all->count);
	int64	   *bounds = palloc(sizeof(int64) * all->count);
	int			ranks = 0;
	int			open = 0;
	Datum		values[4];
	int			i;

	for (i = 0; i < all->count; i++)
	{
		IdList	   *list = &all->lists[i];
		bool		trend = list->source == FEED_FROM_TRENDING;

		if (!list->done)
		{
			list->bound = list->bound == 0 ? list->wanted + list->wanted / 8 + 2 : list->bound * 2;
			list->ids = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int64) * list->bound);
			list->count = 0;
		}
		if (trend && !list->done)
		{
			values[0] = Int64GetDatum(call->program_id);
			values[1] = Int64GetDatum(list->bound);
			values[2] = Int64GetDatum(i + 1);
			values[3] = Float8GetDatum((double) oldest / (double) TREND_HALF_LIFE_US);
			feed_statement_run(&trending_ids, values, NULL, take_id, all);
		}
		else if (!trend)
		{
			topics[ranks] = list->topic_id;
			bounds[ranks++] = list->done ? 0 : list->bound;
			open += !list->done;
		}
	}
	if (open == 0)
		return;
	values[0] = Int64GetDatum(call->program_id);
	values[1] = feed_id_array(topics, ranks);
	values[2] = feed_id_array(bounds, ranks);
	values[3] = Float8GetDatum((double) oldest / (double) call->settings.half_life_us);
	feed_statement_run(&ranked_ids, values, NULL, take_id, all);
}

typedef struct UnknownIds
{
	int64	   *ids;
	int			count;
	int			room;
} UnknownIds;

static void
need_post(const FeedCall *call, UnknownIds *unknown, int64 post_id)
{
	if (feed_pool_find(&call->pool, post_id) != NULL)
		return;
	if (unknown->count == unknown->room)
	{
		unknown->room *= 2;
		unknown->ids = repalloc_huge(unknown->ids, sizeof(int64) * (Size) unknown->room);
	}
	unknown->ids[unknown->count++] = post_id;
}

static void
take_pooled(TupleTableSlot *slot, void *target)
{
	FeedCall   *call = target;
	FeedPost	post;

	CHECK_FOR_INTERRUPTS();
	feed_item_post(call, slot, &post);
	feed_pool_add(&call->pool, &post);
}

/* What is said of posts that no source brought yet; sources are set by the lists. */
static void
read_posts(FeedCall *call, UnknownIds *unknown)
{
	Datum		values[5];

	if (unknown->count == 0)
		return;
	feed_item_values(call, call->settings.history_days, values);
	/* the index sorts the ids and drops the duplicates */
	values[4] = feed_id_array(unknown->ids, unknown->count);
	feed_statement_run(&posts_by_id, values, NULL, take_pooled, call);
	unknown->count = 0;
}

typedef struct NearPost
{
	int64		post_id;
	double		similarity;
} NearPost;

typedef struct NearPosts
{
	NearPost   *posts;
	int			count;
} NearPosts;

static void
take_near(TupleTableSlot *slot, void *target)
{
	NearPosts  *near = target;

	CHECK_FOR_INTERRUPTS();
	near->posts[near->count].post_id = feed_int64(slot, 0);
	near->posts[near->count++].similarity = feed_float8(slot, 1);
}

static void
read_near_posts(FeedCall *call, NearPosts *near)
{
	const FeedSettings *s = &call->settings;
	Datum		values[4];
	int			items = feed_past_arrays(call->viewer.posts_past, call->viewer.nposts, s->neighbor_items, values + 1);

	if (items == 0 || s->per_item == 0)
		return;
	near->posts = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(NearPost) * (Size) items * s->per_item);
	values[0] = Int64GetDatum(call->program_id);
	values[3] = Int32GetDatum(s->per_item);
	feed_statement_run(&neighbor_ids, values, NULL, take_near, near);
}

/* Marks the best of a list that fit; done when there are enough, or no more. */
static void
mark_list(FeedCall *call, IdList *list)
{
	int64		fitting = 0;
	int64		i;

	for (i = 0; i < list->count && fitting < list->wanted; i++)
	{
		FeedPost   *post = feed_pool_find(&call->pool, list->ids[i]);

		if (post != NULL)
		{
			post->sources |= 1u << list->source;
			fitting++;
		}
	}
	list->done = fitting == list->wanted || list->count < list->bound;
}

void
feed_read_lists(FeedCall *call)
{
	const FeedSettings *s = &call->settings;
	NearPosts	near = {NULL, 0};
	UnknownIds	unknown;
	IdLists		all;
	int64	   *topics = NULL;
	int			ntopics = 0;
	bool		open = true;
	int64		j;
	int			i;

	if (call->viewer.personalised)
	{
		topics = feed_best_facts(call->viewer.topics, 0, s->topics, &ntopics);
		read_near_posts(call, &near);
	}
	all.lists = palloc0(sizeof(IdList) * (ntopics + 2));
	all.count = ntopics + 2;
	for (i = 0; i < ntopics; i++)
		all.lists[i] = (IdList) {.source = FEED_FROM_INTEREST, .topic_id = topics[i], .wanted = s->per_topic};
	all.lists[ntopics] = (IdList) {.source = FEED_FROM_POPULAR, .wanted = s->popular};
	all.lists[ntopics + 1] = (IdList) {.source = FEED_FROM_TRENDING, .wanted = s->trending};
	for (i = 0; i < all.count; i++)
		all.lists[i].done = all.lists[i].wanted == 0;

	unknown.room = 2048;
	unknown.count = 0;
	unknown.ids = palloc(sizeof(int64) * unknown.room);
	for (i = 0; i < near.count; i++)
		need_post(call, &unknown, near.posts[i].post_id);
	while (open)
	{
		read_lists(call, &all);
		for (i = 0; i < all.count; i++)
			for (j = 0; j < (all.lists[i].done ? 0 : all.lists[i].count); j++)
				need_post(call, &unknown, all.lists[i].ids[j]);
		read_posts(call, &unknown);
		open = false;
		for (i = 0; i < all.count; i++)
			if (!all.lists[i].done)
			{
				mark_list(call, &all.lists[i]);
				open |= !all.lists[i].done;
			}
	}
	for (i = 0; i < near.count; i++)
	{
		FeedPost   *post = feed_pool_find(&call->pool, near.posts[i].post_id);

		if (post != NULL)
		{
			post->sources |= 1u << FEED_FROM_NEIGHBOR;
			post->similarity += near.posts[i].similarity;
		}
	}
}

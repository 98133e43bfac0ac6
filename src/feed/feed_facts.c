/*
 * feed_facts.c
 *	  What a call of the feed remembers by id: facts of creators, topics and
 *	  posts, and the pool of posts in question.
 */
#include "postgres.h"

#include "feed_call.h"

static inline uint32
hash_id(int64 id)
{
	uint64		h = (uint64) id;

	/* the finaliser of MurmurHash3 */
	h ^= h >> 33;
	h *= UINT64CONST(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64CONST(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return (uint32) h;
}

#define SH_PREFIX feedfacts
#define SH_ELEMENT_TYPE FeedFacts
#define SH_KEY_TYPE int64
#define SH_KEY id
#define SH_HASH_KEY(table, key) hash_id(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct PoolEntry
{
	int64		id;
	uint32		place;
	char		status;
} PoolEntry;

#define SH_PREFIX feedindex
#define SH_ELEMENT_TYPE PoolEntry
#define SH_KEY_TYPE int64
#define SH_KEY id
#define SH_HASH_KEY(table, key) hash_id(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

const char *const feed_rule_names[FEED_RULES] = {
	"eligible", "not_here", "not_yet", "expired", "moderation", "creator_status", "own", "blocked",
	"muted", "hidden", "seen", "country", "language", "product", "duplicate", "capped", "delivered"
};

struct feedfacts_hash *
feed_facts_create(MemoryContext context)
{
	return feedfacts_create(context, 64, NULL);
}

FeedFacts *
feed_facts_find(struct feedfacts_hash *table, int64 id)
{
	return feedfacts_lookup(table, id);
}

FeedFacts *
feed_facts_get(struct feedfacts_hash *table, int64 id)
{
	bool		found;
	FeedFacts  *facts = feedfacts_insert(table, id, &found);

	if (!found)
	{
		facts->since = DT_NOBEGIN;
		facts->less = DT_NOBEGIN;
		facts->weight = 0.0;
		facts->fatigue = 0.0;
		facts->log_weight = 0.0;
		facts->dampening = 1.0;
		facts->shown = 0;
		facts->flags = 0;
	}
	return facts;
}

FeedFacts **
feed_facts_all(struct feedfacts_hash *table, int *count)
{
	FeedFacts **all = palloc(sizeof(FeedFacts *) * Max(table->members, 1));
	feedfacts_iterator iterator;
	FeedFacts  *facts;

	*count = 0;
	feedfacts_start_iterate(table, &iterator);
	while ((facts = feedfacts_iterate(table, &iterator)) != NULL)
		if (facts->flags != 0 || facts->weight > 0.0 || facts->less != DT_NOBEGIN)
			all[(*count)++] = facts;
	return all;
}

FeedKnown
feed_known(const FeedViewer *viewer, const FeedPost *post)
{
	static const FeedFacts nothing = {.since = DT_NOBEGIN, .less = DT_NOBEGIN, .dampening = 1.0};
	FeedKnown	known;

	known.creator = feedfacts_lookup(viewer->creators, post->creator_id);
	known.topic = post->topic_id == 0 ? NULL : feedfacts_lookup(viewer->topics, post->topic_id);
	known.post = feedfacts_lookup(viewer->posts, post->post_id);
	known.sound = viewer->sounds == NULL || post->sound_key == 0 ? NULL : feedfacts_lookup(viewer->sounds, post->sound_key);
	if (known.creator == NULL)
		known.creator = &nothing;
	if (known.topic == NULL)
		known.topic = &nothing;
	if (known.post == NULL)
		known.post = &nothing;
	if (known.sound == NULL)
		known.sound = &nothing;
	return known;
}

void
feed_ids_add(FeedIds *list, int64 id)
{
	if (list->count == list->room)
	{
		list->room = Max(64, list->room * 2);
		list->ids = list->ids == NULL ? palloc(sizeof(int64) * list->room) :
			repalloc_huge(list->ids, sizeof(int64) * (Size) list->room);
	}
	list->ids[list->count++] = id;
}

void
feed_pool_begin(FeedPool *pool, MemoryContext context)
{
	pool->count = 0;
	pool->room = 2048;
	pool->posts = MemoryContextAlloc(context, sizeof(FeedPost) * pool->room);
	pool->index = feedindex_create(context, 2048, NULL);
}

FeedPost *
feed_pool_find(const FeedPool *pool, int64 post_id)
{
	PoolEntry  *entry = feedindex_lookup(pool->index, post_id);

	return entry == NULL ? NULL : &pool->posts[entry->place];
}

FeedPost *
feed_pool_get(FeedPool *pool, int64 post_id, bool *found)
{
	PoolEntry  *entry = feedindex_insert(pool->index, post_id, found);

	if (!*found)
	{
		if (pool->count == pool->room)
		{
			pool->room *= 2;
			pool->posts = repalloc_huge(pool->posts, sizeof(FeedPost) * (Size) pool->room);
		}
		entry->place = pool->count++;
	}
	return &pool->posts[entry->place];
}

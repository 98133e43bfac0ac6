/*
 * feed_items.c
 *	  How the sources read influence.feed_item, and what they put into arrays.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "feed_items.h"
#include "feed_read.h"
#include "feed_statement.h"

static FeedStatement posts_by_id = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS " FROM influence.feed_item i"
	" WHERE i.post_id = ANY ($5) AND i.program_id = $1 AND " FEED_ITEM_FITS_TOO,
	.nargs = 5,
	.types = {FEED_ITEM_TYPES, INT8ARRAYOID}
};

Datum
feed_id_array(const int64 *ids, int count)
{
	Datum	   *datums = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(ids[i]);
	return PointerGetDatum(construct_array(datums, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* $1 to $4 of every source */
void
feed_item_values(const FeedCall *call, int32 days, Datum values[4])
{
	values[0] = Int64GetDatum(call->program_id);
	values[1] = TimestampTzGetDatum(call->moment);
	values[2] = TimestampTzGetDatum(call->moment - days * USECS_PER_DAY);
	values[3] = TimestampTzGetDatum(call->as_of);
}

/* The beginning of a language says that it is another one, if not that it is the same. */
static bool
is_foreign(const FeedViewer *viewer, Datum spoken)
{
	text	   *language = DatumGetTextPP(spoken);
	size_t		length = VARSIZE_ANY_EXHDR(language);

	return viewer->spoken != NULL &&
		(strlen(viewer->spoken) != length || memcmp(viewer->spoken, VARDATA_ANY(language), length) != 0);
}

/* The letter in feed_item: influence_internal.post_format() */
FeedFormat
feed_format(char letter)
{
	switch (letter)
	{
		case 'v':
			return FEED_VIDEO;
		case 's':
			return FEED_SHORT_VIDEO;
		case 'l':
			return FEED_LONG_VIDEO;
		case 't':
			return FEED_STORY;
		case 'b':
			return FEED_LIVE;
		default:
			return FEED_PHOTO;
	}
}

/* The columns FEED_ITEM_COLUMNS. What is not certain of country and language here, feed_judge finds out. */
void
feed_item_post(const FeedCall *call, const TupleTableSlot *slot, FeedPost *post)
{
	memset(post, 0, sizeof(FeedPost));
	post->post_id = feed_int64(slot, 0);
	post->creator_id = feed_int64(slot, 1);
	post->topic_id = feed_int64(slot, 2);
	post->category_id = feed_int64(slot, 3);
	post->published_at = DatumGetTimestampTz(slot->tts_values[4]);
	post->foreign = !slot->tts_isnull[5] && is_foreign(&call->viewer, slot->tts_values[5]);
	post->elsewhere = call->viewer.country == NULL && !feed_bool(slot, 6);
	post->media_key = feed_int64(slot, 7);
	post->price = feed_int64(slot, 8);
	post->quality = feed_float8(slot, 9);
	post->engagement = feed_float8(slot, 10);
	post->sales = feed_float8(slot, 11);
	post->format = (uint8) feed_format(DatumGetChar(slot->tts_values[12]));
	post->sound_key = feed_int64(slot, 13);
	post->propensity = 1.0;
}

FeedPost *
feed_take_post(FeedCall *call, const TupleTableSlot *slot, FeedSource source)
{
	bool		found;
	FeedPost   *pooled = feed_pool_get(&call->pool, feed_int64(slot, 0), &found);

	CHECK_FOR_INTERRUPTS();
	if (!found)
		feed_item_post(call, slot, pooled);
	pooled->sources |= 1u << source;
	return pooled;
}

/* by weight, then the newest follow, then the greater id */
static int
compare_facts(const void *a, const void *b)
{
	const FeedFacts *x = *(FeedFacts *const *) a;
	const FeedFacts *y = *(FeedFacts *const *) b;

	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	if (x->since != y->since)
		return x->since > y->since ? -1 : 1;
	return x->id > y->id ? -1 : x->id < y->id;
}

/* The ids of the best, of those with a flag (0 = with a weight), without those that are refused anyway. */
int64 *
feed_best_facts(struct feedfacts_hash *table, uint8 flag, int most, int *count)
{
	int			all;
	FeedFacts **facts = feed_facts_all(table, &all);
	int64	   *ids = palloc(sizeof(int64) * Max(all, 1));
	int			kept = 0;
	int			i;

	for (i = 0; i < all; i++)
		if ((facts[i]->flags & (FEED_FLAG_BLOCKED | FEED_FLAG_MUTED | FEED_FLAG_HIDDEN | FEED_FLAG_OWN)) == 0 &&
			(flag == 0 ? facts[i]->weight > 0.0 : (facts[i]->flags & flag) != 0))
			facts[kept++] = facts[i];
	qsort(facts, kept, sizeof(FeedFacts *), compare_facts);
	*count = Min(kept, most);
	for (i = 0; i < *count; i++)
		ids[i] = facts[i]->id;
	return ids;
}

/* Ids of the history and their weights, of those above 0. */
int
feed_past_items(const FeedPast *past, int count, int most, int64 *ids, double *weights)
{
	int			kept = 0;
	int			i;

	for (i = 0; i < count && kept < most; i++)
		if (past[i].weight > 0.0)
		{
			ids[kept] = past[i].id;
			weights[kept++] = past[i].weight;
		}
	return kept;
}

void
feed_need_post(const FeedCall *call, FeedIds *unknown, int64 post_id)
{
	if (feed_pool_find(&call->pool, post_id) == NULL)
		feed_ids_add(unknown, post_id);
}

void
feed_take_pooled(TupleTableSlot *slot, void *call)
{
	bool		found;
	FeedPost   *pooled = feed_pool_get(&((FeedCall *) call)->pool, feed_int64(slot, 0), &found);

	CHECK_FOR_INTERRUPTS();
	if (!found)
		feed_item_post(call, slot, pooled);
}

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* What is said of posts that no source brought yet; sources are set by the lists.  The list is empty then. */
void
feed_read_posts(FeedCall *call, FeedIds *unknown)
{
	Datum		values[5];
	int			distinct = 0;
	int			i;

	if (unknown->count == 0)
		return;
	/* the index would do it, and with slower comparisons */
	qsort(unknown->ids, unknown->count, sizeof(int64), compare_ids);
	for (i = 0; i < unknown->count; i++)
		if (i == 0 || unknown->ids[distinct - 1] != unknown->ids[i])
			unknown->ids[distinct++] = unknown->ids[i];
	feed_item_values(call, call->settings.history_days, values);
	values[4] = feed_id_array(unknown->ids, distinct);
	feed_statement_run(&posts_by_id, values, NULL, feed_take_pooled, call);
	unknown->count = 0;
}

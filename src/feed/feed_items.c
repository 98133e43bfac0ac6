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

Datum
feed_id_array(const int64 *ids, int count)
{
	Datum	   *datums = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(ids[i]);
	return PointerGetDatum(construct_array(datums, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum
feed_weight_array(const double *weights, int count)
{
	Datum	   *datums = palloc(sizeof(Datum) * Max(count, 1));
	int			i;

	for (i = 0; i < count; i++)
		datums[i] = Float8GetDatum(weights[i]);
	return PointerGetDatum(construct_array(datums, count, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
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

/* Ids of the history and their weights, as two arrays. */
int
feed_past_arrays(const FeedPast *past, int count, int most, Datum values[2])
{
	int64		ids[FEED_HISTORY];
	double		weights[FEED_HISTORY];
	int			kept = 0;
	int			i;

	for (i = 0; i < count && kept < most; i++)
		if (past[i].weight > 0.0)
		{
			ids[kept] = past[i].id;
			weights[kept++] = past[i].weight;
		}
	values[0] = feed_id_array(ids, kept);
	values[1] = feed_weight_array(weights, kept);
	return kept;
}

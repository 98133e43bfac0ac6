/*
 * feed_sources.c
 *	  The candidates: posts that may be worth showing, from bounded sources.
 *
 * Each source is a probe that stops at its bound (setting feed_candidates) and
 * reads only posts of the last history_days that are published at the moment of
 * the feed.  A post that several sources bring is one candidate and remembers
 * them all.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "feed_items.h"
#include "feed_read.h"
#include "feed_statement.h"

static FeedStatement followed_posts = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS
	" FROM unnest($5) c(creator_id) CROSS JOIN LATERAL ("
	"SELECT " FEED_ITEM_COLUMNS " FROM influence.feed_item i"
	" WHERE i.creator_id = c.creator_id AND i.program_id = $1 AND " FEED_ITEM_FITS
	" ORDER BY i.published_at DESC, i.post_id DESC LIMIT $6) i",
	.nargs = 6,
	.types = {FEED_ITEM_TYPES, INT8ARRAYOID, INT8OID}
};

static void
take_followed(TupleTableSlot *slot, void *target)
{
	feed_take_post(target, slot, FEED_FROM_FOLLOW);
}

static void
read_followed(FeedCall *call)
{
	const FeedSettings *s = &call->settings;
	Datum		values[6];
	int			count;
	int64	   *creators = feed_best_facts(call->viewer.creators, FEED_FLAG_FOLLOWED, s->follow_creators, &count);

	if (count == 0 || s->per_creator == 0)
		return;
	feed_item_values(call, s->history_days, values);
	values[4] = feed_id_array(creators, count);
	values[5] = Int64GetDatum(s->per_creator);
	feed_statement_run(&followed_posts, values, NULL, take_followed, call);
}

void
feed_read_candidates(FeedCall *call)
{
	if (call->viewer.personalised)
		read_followed(call);
	feed_read_lists(call);
	feed_read_explored(call);
}

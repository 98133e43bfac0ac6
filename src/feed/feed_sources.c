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

/* the newest posts that tag a neighbour of a product */
static FeedStatement neighbor_products = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS ", x.weight * n.similarity"
	" FROM unnest($5, $6) x(item_id, weight)"
	" JOIN influence.item_neighbor n ON n.program_id = $1 AND n.kind = 'product' AND n.item_id = x.item_id AND n.rank <= $7"
	" CROSS JOIN LATERAL (" FEED_ITEM_NEWEST_OF("n.neighbor_id", "$8") ") i",
	.nargs = 8,
	.types = {FEED_ITEM_TYPES, INT8ARRAYOID, FLOAT8ARRAYOID, INT4OID, INT8OID}
};

static void
take_followed(TupleTableSlot *slot, void *target)
{
	feed_take_post(target, slot, FEED_FROM_FOLLOW);
}

static void
take_neighbor(TupleTableSlot *slot, void *target)
{
	feed_take_post(target, slot, FEED_FROM_NEIGHBOR)->similarity += feed_float8(slot, FEED_ITEM_COUNT);
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

static void
read_near_products(FeedCall *call)
{
	const FeedSettings *s = &call->settings;
	const FeedViewer *viewer = &call->viewer;
	Datum		values[8];

	feed_item_values(call, s->history_days, values);
	if (feed_past_arrays(viewer->products_past, viewer->nproducts, s->neighbor_products, values + 4) == 0)
		return;
	values[6] = Int32GetDatum(s->per_product);
	values[7] = Int64GetDatum(s->product_posts);
	feed_statement_run(&neighbor_products, values, NULL, take_neighbor, call);
}

void
feed_read_candidates(FeedCall *call)
{
	if (call->viewer.personalised)
	{
		read_followed(call);
		read_near_products(call);
	}
	feed_read_lists(call);
	feed_read_explored(call);
}

/*
 * feed_intent.c
 *	  The candidates of a viewer who means to buy: posts that show the products of
 *	  its carts and clicks of the last while, then posts that show neighbours of
 *	  these products, and nothing else.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"

#include "feed_items.h"
#include "feed_read.h"
#include "feed_statement.h"

#define INTENT_PRODUCTS 20

typedef struct Intent
{
	int64		products[INTENT_PRODUCTS];
	int			count;
} Intent;

/* what was put into a cart or clicked within the window before the moment */
static FeedStatement recent_products = {
	.text =
	"SELECT t.product_id FROM unnest($1) v(visitor_id) CROSS JOIN LATERAL ("
	"SELECT x.product_id, x.touched_at FROM influence.touch x"
	" WHERE x.visitor_id = v.visitor_id AND x.touched_at <= $2 AND x.touched_at > $3"
	" AND x.kind IN ('cart', 'click') AND x.product_id IS NOT NULL"
	" ORDER BY x.touched_at DESC, x.touch_ref DESC LIMIT 200) t"
	" ORDER BY t.touched_at DESC, t.product_id",
	.nargs = 3,
	.types = {UUIDARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};

/* without any: the last cart, however old, which is what was put in within a window */
static FeedStatement last_cart = {
	.text =
	"SELECT t.product_id, t.touched_at FROM unnest($1) v(visitor_id) CROSS JOIN LATERAL ("
	"SELECT x.product_id, x.touched_at FROM influence.touch x"
	" WHERE x.visitor_id = v.visitor_id AND x.touched_at <= $2"
	" AND x.kind = 'cart' AND x.product_id IS NOT NULL"
	" ORDER BY x.touched_at DESC LIMIT 200) t"
	" ORDER BY t.touched_at DESC, t.product_id",
	.nargs = 2,
	.types = {UUIDARRAYOID, TIMESTAMPTZOID}
};

static FeedStatement product_posts = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS ", 1.0::float8"
	" FROM unnest($5) x(product_id)"
	" CROSS JOIN LATERAL (" FEED_ITEM_NEWEST_OF("x.product_id", "$6") ") i",
	.nargs = 6,
	.types = {FEED_ITEM_TYPES, INT8ARRAYOID, INT8OID}
};

static FeedStatement neighbor_posts = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS ", k.similarity"
	" FROM unnest($5) x(product_id)"
	" JOIN influence.item_neighbor n ON n.item_id = x.product_id AND n.kind = 'product' AND n.program_id = $1"
	" CROSS JOIN LATERAL unnest(n.neighbor_ids[:$7], n.similarities[:$7]) k(neighbor_id, similarity)"
	" CROSS JOIN LATERAL (" FEED_ITEM_NEWEST_OF("k.neighbor_id", "$6") ") i",
	.nargs = 7,
	.types = {FEED_ITEM_TYPES, INT8ARRAYOID, INT8OID, INT4OID}
};

static void
want(Intent *intent, int64 product_id)
{
	int			i;

	for (i = 0; i < intent->count; i++)
		if (intent->products[i] == product_id)
			return;
	if (intent->count < INTENT_PRODUCTS)
		intent->products[intent->count++] = product_id;
}

static void
take_product(TupleTableSlot *slot, void *target)
{
	want(target, feed_int64(slot, 0));
}

typedef struct LastCart
{
	Intent	   *intent;
	TimestampTz latest;
	int64		window_us;
} LastCart;

static void
take_cart(TupleTableSlot *slot, void *target)
{
	LastCart   *cart = target;
	TimestampTz at = DatumGetTimestampTz(slot->tts_values[1]);

	if (cart->latest == DT_NOBEGIN)
		cart->latest = at;
	if (at > cart->latest - cart->window_us)
		want(cart->intent, feed_int64(slot, 0));
}

static void
take_post(TupleTableSlot *slot, void *target)
{
	feed_take_post(target, slot, FEED_FROM_INTENT)->similarity += feed_float8(slot, FEED_ITEM_COUNT);
}

void
feed_read_intent(FeedCall *call)
{
	const FeedSettings *s = &call->settings;
	Intent		intent = {.count = 0};
	Datum		values[7];

	values[0] = call->viewer.visitors;
	values[1] = TimestampTzGetDatum(call->moment);
	values[2] = TimestampTzGetDatum(call->moment - s->intent_window_us);
	feed_statement_run(&recent_products, values, NULL, take_product, &intent);
	if (intent.count == 0)
	{
		LastCart	cart = {&intent, DT_NOBEGIN, s->intent_window_us};

		feed_statement_run(&last_cart, values, NULL, take_cart, &cart);
	}
	if (intent.count == 0)
		return;
	feed_item_values(call, s->history_days, values);
	values[4] = feed_id_array(intent.products, intent.count);
	values[5] = Int64GetDatum(s->intent_posts);
	feed_statement_run(&product_posts, values, NULL, take_post, call);
	values[5] = Int64GetDatum(s->product_posts);
	values[6] = Int32GetDatum(s->per_product);
	feed_statement_run(&neighbor_posts, values, NULL, take_post, call);
}

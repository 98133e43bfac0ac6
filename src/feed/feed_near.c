/*
 * feed_near.c
 *	  Posts near what the viewer chose lately: the neighbours of its posts, and the
 *	  newest posts that show the neighbours of its products.
 *
 * All of them are first lists of ids: influence.item_neighbor has one for each
 * item, the index of tags one for each product.  What is said of a post is read
 * once, together with what the other lists need, and only where no other source
 * brought it.  Of a product the newest posts that fit are wanted; which of them
 * fit is known when they are read, so a few more ids are kept at hand, and where
 * these are not enough either, the tables are asked for the newest that fit.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "feed_items.h"
#include "feed_near.h"
#include "feed_read.h"
#include "feed_statement.h"

/* the lists of the items, of which the first $3 are posts */
static FeedStatement neighbor_lists = {
	.text =
	"SELECT u.n, n.neighbor_ids, n.similarities"
	" FROM unnest($2) WITH ORDINALITY u(item_id, n)"
	" JOIN influence.item_neighbor n ON n.item_id = u.item_id"
	" AND n.kind = CASE WHEN u.n <= $3 THEN 'post' ELSE 'product' END AND n.program_id = $1",
	.nargs = 3,
	.types = {INT8OID, INT8ARRAYOID, INT8OID}
};

/* the newest tags of products: of two of the same post both, side by side */
static FeedStatement newest_tags = {
	.text =
	"SELECT x.product_id, g.post_id FROM unnest($1) x(product_id) CROSS JOIN LATERAL ("
	"SELECT g.post_id FROM influence.post_tag g WHERE g.product_id = x.product_id ORDER BY g.post_id DESC LIMIT $2) g",
	.nargs = 2,
	.types = {INT8ARRAYOID, INT8OID}
};

static FeedStatement newest_posts = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS ", x.product_id"
	" FROM unnest($5) x(product_id) CROSS JOIN LATERAL (" FEED_ITEM_NEWEST_OF("x.product_id", "$6") ") i",
	.nargs = 6,
	.types = {FEED_ITEM_TYPES, INT8ARRAYOID, INT8OID}
};

/* an item of a list, or a product, as often as lists name it */
typedef struct NearItem
{
	int64		id;
	double		similarity;
} NearItem;

/* a product, once: the newest posts that show it are ids[first], ... */
typedef struct NearProduct
{
	int64		product_id;
	int			first;
	int			count;
	int			rows;			/* tags that were read */
} NearProduct;

struct FeedNear
{
	int			nposts_past;	/* items that are posts; products follow */
	const double *weights;
	int			per_item;
	int			per_product;
	NearItem   *posts;			/* in the order of the history, then the nearest first */
	int			nposts;
	NearItem   *shown;
	int			nshown;
	NearProduct *products;		/* by id */
	int			nproducts;
	int			at;				/* of which rows come */
	FeedIds		ids;
	FeedCall   *call;
};

static int
compare_products(const void *a, const void *b)
{
	const NearProduct *x = a;
	const NearProduct *y = b;

	return (x->product_id > y->product_id) - (x->product_id < y->product_id);
}

/*
 * The elements of an array that has no NULLs, as a constraint says, but may have
 * room for them, if somebody made it of one that had; ARR_DATA_PTR mixes signs,
 * which -Wextra minds.
 */
static const void *
elements(const ArrayType *array)
{
	return (const char *) array + (ARR_HASNULL(array) ? (Size) array->dataoffset : ARR_OVERHEAD_NONULLS(ARR_NDIM(array)));
}

/* An item's list: its neighbours and how near they are, the nearest first. */
static void
take_list(TupleTableSlot *slot, void *target)
{
	FeedNear   *near = target;
	int			item = (int) feed_int64(slot, 0) - 1;
	bool		is_post = item < near->nposts_past;
	NearItem   *items = is_post ? near->posts + near->nposts : near->shown + near->nshown;
	ArrayType  *ids = DatumGetArrayTypeP(slot->tts_values[1]);
	ArrayType  *similarities = DatumGetArrayTypeP(slot->tts_values[2]);
	const int64 *id = elements(ids);
	const double *similarity = elements(similarities);
	int			count = Min(ArrayGetNItems(ARR_NDIM(ids), ARR_DIMS(ids)),
							ArrayGetNItems(ARR_NDIM(similarities), ARR_DIMS(similarities)));
	int			i;

	CHECK_FOR_INTERRUPTS();
	count = Min(count, is_post ? near->per_item : near->per_product);
	for (i = 0; i < count; i++)
	{
		items[i].id = id[i];
		items[i].similarity = near->weights[item] * similarity[i];
	}
	*(is_post ? &near->nposts : &near->nshown) += count;
}

static NearItem *
room_for(int items, int each)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, sizeof(NearItem) * Max((Size) items * each, 1));
}

static void
read_lists(FeedCall *call, FeedNear *near)
{
	const FeedViewer *viewer = &call->viewer;
	int64		items[2 * FEED_HISTORY];
	double		weights[2 * FEED_HISTORY];
	int			nitems;
	Datum		values[3];

	nitems = near->nposts_past = near->per_item == 0 ? 0 :
		feed_past_items(viewer->posts_past, viewer->nposts, call->settings.neighbor_items, items, weights);
	if (near->per_product > 0 && call->settings.product_posts > 0)
		nitems += feed_past_items(viewer->products_past, viewer->nproducts, call->settings.neighbor_products,
								  items + nitems, weights + nitems);
	if (nitems == 0)
		return;
	near->weights = weights;
	near->posts = room_for(near->nposts_past, near->per_item);
	near->shown = room_for(nitems - near->nposts_past, near->per_product);
	values[0] = Int64GetDatum(call->program_id);
	values[1] = feed_id_array(items, nitems);
	values[2] = Int64GetDatum(near->nposts_past);
	feed_statement_run(&neighbor_lists, values, NULL, take_list, near);
	near->weights = NULL;
}

/* Rows come product by product, in the order in which they were asked for. */
static void
take_tag(TupleTableSlot *slot, void *target)
{
	FeedNear   *near = target;
	int64		post_id = feed_int64(slot, 1);
	NearProduct *product;

	CHECK_FOR_INTERRUPTS();
	while (near->products[near->at].product_id != feed_int64(slot, 0))
		near->at++;
	product = &near->products[near->at];
	if (product->rows++ == 0)
		product->first = near->ids.count;
	else if (near->ids.ids[near->ids.count - 1] == post_id)
		return;
	feed_ids_add(&near->ids, post_id);
	product->count++;
}

/* tags at hand of a product: some of the newest posts may not fit, or show it twice */
static int
tags_at_hand(const FeedCall *call)
{
	return 2 * call->settings.product_posts;
}

static void
read_tags(FeedCall *call, FeedNear *near)
{
	Datum	   *ids;
	Datum		values[2];
	int			i;

	if (near->nshown == 0)
		return;
	near->products = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(NearProduct) * (Size) near->nshown);
	memset(near->products, 0, sizeof(NearProduct) * (Size) near->nshown);
	for (i = 0; i < near->nshown; i++)
		near->products[i].product_id = near->shown[i].id;
	qsort(near->products, near->nshown, sizeof(NearProduct), compare_products);
	for (i = 0; i < near->nshown; i++)
		if (i == 0 || near->products[near->nproducts - 1].product_id != near->products[i].product_id)
			near->products[near->nproducts++].product_id = near->products[i].product_id;
	ids = palloc(sizeof(Datum) * near->nproducts);
	for (i = 0; i < near->nproducts; i++)
		ids[i] = Int64GetDatum(near->products[i].product_id);
	values[0] = PointerGetDatum(construct_array(ids, near->nproducts, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[1] = Int64GetDatum(tags_at_hand(call));
	feed_statement_run(&newest_tags, values, NULL, take_tag, near);
}

FeedNear *
feed_near_begin(FeedCall *call, FeedIds *unknown)
{
	FeedNear   *near = palloc0(sizeof(FeedNear));
	int			i;
	int			j;

	near->call = call;
	near->per_item = call->settings.per_item;
	near->per_product = call->settings.per_product;
	read_lists(call, near);
	read_tags(call, near);
	for (i = 0; i < near->nposts; i++)
		feed_need_post(call, unknown, near->posts[i].id);
	for (i = 0; i < near->nproducts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (j = 0; j < Min(near->products[i].count, call->settings.product_posts); j++)
			feed_need_post(call, unknown, near->ids.ids[near->products[i].first + j]);
	}
	return near;
}

/*
 * Whether the newest posts of a product that fit are known: of its first "read"
 * posts those that fit are in the pool; behind them one that no other source
 * brought may fit, and is newer than what follows.
 */
static bool
has_enough(const FeedCall *call, const FeedNear *near, const NearProduct *product, int read)
{
	int			fitting = 0;
	int			i;

	for (i = 0; i < product->count && fitting < call->settings.product_posts; i++)
	{
		if (feed_pool_find(&call->pool, near->ids.ids[product->first + i]) != NULL)
			fitting++;
		else if (i >= read)
			return false;
	}
	return fitting == call->settings.product_posts;
}

static void
take_newest(TupleTableSlot *slot, void *target)
{
	FeedNear   *near = target;
	NearProduct *product;

	while (near->products[near->at].product_id != feed_int64(slot, FEED_ITEM_COUNT))
		near->at++;
	product = &near->products[near->at];
	if (product->count++ == 0)
		product->first = near->ids.count;
	feed_ids_add(&near->ids, feed_int64(slot, 0));
	feed_take_pooled(slot, near->call);
}

/* Where the newest do not fit: those at hand, then whatever the tables have. */
static void
read_further(FeedCall *call, FeedNear *near)
{
	FeedIds		unknown = {NULL, 0, 0};
	FeedIds		scarce = {NULL, 0, 0};
	Datum		values[6];
	int			i;
	int			j;

	for (i = 0; i < near->nproducts; i++)
	{
		const NearProduct *product = &near->products[i];

		CHECK_FOR_INTERRUPTS();
		if (product->count > call->settings.product_posts && !has_enough(call, near, product, call->settings.product_posts))
			for (j = call->settings.product_posts; j < product->count; j++)
				feed_need_post(call, &unknown, near->ids.ids[product->first + j]);
	}
	feed_read_posts(call, &unknown);
	for (i = 0; i < near->nproducts; i++)
	{
		NearProduct *product = &near->products[i];

		/* it may have more tags */
		if (product->rows == tags_at_hand(call) && !has_enough(call, near, product, product->count))
		{
			feed_ids_add(&scarce, product->product_id);
			product->count = 0;
		}
	}
	if (scarce.count == 0)
		return;
	feed_item_values(call, call->settings.history_days, values);
	values[4] = feed_id_array(scarce.ids, scarce.count);
	values[5] = Int64GetDatum(call->settings.product_posts);
	near->at = 0;
	feed_statement_run(&newest_posts, values, NULL, take_newest, near);
}

static void
come_near(FeedPost *post, double similarity)
{
	post->sources |= 1u << FEED_FROM_NEIGHBOR;
	post->similarity += similarity;
}

void
feed_near_take(FeedCall *call, FeedNear *near)
{
	int			i;
	int			j;

	read_further(call, near);
	for (i = 0; i < near->nshown; i++)
	{
		NearProduct key = {.product_id = near->shown[i].id};
		const NearProduct *product = bsearch(&key, near->products, near->nproducts, sizeof(NearProduct), compare_products);
		int			taken = 0;

		CHECK_FOR_INTERRUPTS();
		for (j = 0; j < product->count && taken < call->settings.product_posts; j++)
		{
			FeedPost   *post = feed_pool_find(&call->pool, near->ids.ids[product->first + j]);

			if (post == NULL)
				continue;
			come_near(post, near->shown[i].similarity);
			taken++;
		}
	}
	for (i = 0; i < near->nposts; i++)
	{
		FeedPost   *post = feed_pool_find(&call->pool, near->posts[i].id);

		if (post != NULL)
			come_near(post, near->posts[i].similarity);
	}
}

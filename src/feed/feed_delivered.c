/*
 * feed_delivered.c
 *	  What a row of the feed shows of its post: disclosure, topic, and the
 *	  products in stock as JSON, which is made here because SQL takes longer for
 *	  it than for all the rest of a page's rows.
 *
 * What eligibility read of a post is not read again; a product that several rows
 * show is read once.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "feed_delivered.h"
#include "feed_items.h"
#include "feed_statement.h"

/* with prices as of the feed's moment */
static FeedStatement read_products = {
	.text =
	"SELECT d.product_id, d.sku, d.title, d.image,"
	" (SELECT x.price FROM influence.product_price x"
	" WHERE x.product_id = d.product_id AND x.currency = $2 AND x.valid_from <= $3 ORDER BY x.valid_from DESC LIMIT 1)"
	" FROM influence.product d WHERE d.product_id = ANY ($1)",
	.nargs = 3,
	.types = {INT8ARRAYOID, BPCHAROID, TIMESTAMPTZOID}
};

static FeedStatement read_topics = {
	.text =
	"SELECT t.topic_id, t.name FROM influence.topic t WHERE t.topic_id = ANY ($1)",
	.nargs = 1,
	.types = {INT8ARRAYOID}
};

typedef struct Product
{
	int64		id;
	bool		known;
	bool		priced;
	int64		price;
	char	   *sku;
	char	   *title;
	char	   *image;
} Product;

typedef struct Topic
{
	int64		id;
	char	   *name;
} Topic;

/* by id, which is the first member */
typedef struct Named
{
	void	   *rows;
	int			count;
	size_t		size;
} Named;

FeedDisclosure
feed_disclosure(const char *name)
{
	int			i;

	for (i = 0; i < FEED_DISCLOSURES; i++)
		if (strcmp(name, feed_disclosure_names[i]) == 0)
			return (FeedDisclosure) i;
	elog(ERROR, "disclosure \"%s\" is not known", name);
}

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* Sorts ids, and drops those that are there already. */
static void
sort_ids(FeedIds *list)
{
	int			kept = 0;
	int			i;

	if (list->count == 0)
		return;
	qsort(list->ids, list->count, sizeof(int64), compare_ids);
	for (i = 0; i < list->count; i++)
		if (kept == 0 || list->ids[kept - 1] != list->ids[i])
			list->ids[kept++] = list->ids[i];
	list->count = kept;
}

/* A row of nothing for each id. */
static Named
name_ids(FeedIds *list, size_t size)
{
	Named		named = {NULL, 0, size};
	int			i;

	sort_ids(list);
	named.count = list->count;
	named.rows = palloc0(size * Max(list->count, 1));
	for (i = 0; i < list->count; i++)
		*(int64 *) ((char *) named.rows + size * i) = list->ids[i];
	return named;
}

static void *
find_named(const Named *named, int64 id)
{
	return named->count == 0 ? NULL : bsearch(&id, named->rows, named->count, named->size, compare_ids);
}

static char *
text_of(const TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NULL : TextDatumGetCString(slot->tts_values[column]);
}

static void
take_product(TupleTableSlot *slot, void *target)
{
	Product    *product = find_named(target, feed_int64(slot, 0));

	CHECK_FOR_INTERRUPTS();
	product->known = true;
	product->sku = text_of(slot, 1);
	product->title = text_of(slot, 2);
	product->image = text_of(slot, 3);
	product->priced = !slot->tts_isnull[4];
	product->price = feed_int64(slot, 4);
}

static void
take_topic(TupleTableSlot *slot, void *target)
{
	Topic	   *topic = find_named(target, feed_int64(slot, 0));

	topic->name = text_of(slot, 1);
}

/* ---- products as JSON ---- */

static void
put_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = (int) strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
}

static void
put_text(JsonbParseState **state, const char *key, const char *text)
{
	JsonbValue	value;

	if (text == NULL)
		return;
	put_key(state, key);
	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = (int) strlen(text);
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
put_numeric(JsonbParseState **state, const char *key, Numeric number)
{
	JsonbValue	value;

	put_key(state, key);
	value.type = jbvNumeric;
	value.val.numeric = number;
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* with the digits that the number has as text */
static void
put_real(JsonbParseState **state, const char *key, const FeedTag *tag, FeedTagPart part)
{
	if (!tag->unknown[part])
		put_numeric(state, key,
					DatumGetNumeric(DirectFunctionCall3(numeric_in,
														DirectFunctionCall1(float4out, tag->parts[part]),
														ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
}

static void
put_milliseconds(JsonbParseState **state, const char *key, const FeedTag *tag, FeedTagPart part)
{
	if (!tag->unknown[part])
		put_numeric(state, key, int64_to_numeric(DatumGetInt32(tag->parts[part])));
}

static void
put_product(JsonbParseState **state, const FeedTag *tag, const Product *product, const char *currency)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	put_numeric(state, "product_id", int64_to_numeric(product->id));
	put_text(state, "sku", product->sku);
	put_text(state, "title", product->title);
	put_text(state, "image", product->image);
	if (product->priced)
	{
		put_numeric(state, "price", int64_to_numeric(product->price));
		put_text(state, "currency", currency);
	}
	put_real(state, "x", tag, FEED_TAG_X);
	put_real(state, "y", tag, FEED_TAG_Y);
	put_milliseconds(state, "t_from_ms", tag, FEED_TAG_FROM_MS);
	put_milliseconds(state, "t_to_ms", tag, FEED_TAG_TO_MS);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* Those that eligibility found in stock; 0 where there are none. */
static Datum
products_json(const FeedShown *shown, const Named *products, const char *currency)
{
	JsonbParseState *state = NULL;
	int			count = 0;
	int			i;

	for (i = 0; i < shown->ntags; i++)
	{
		const FeedTag *tag = &shown->tags[i];
		const Product *product = tag->stocked ? find_named(products, tag->product_id) : NULL;

		if (product == NULL || !product->known)
			continue;
		if (count++ == 0)
			pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		put_product(&state, tag, product, currency);
	}
	return count == 0 ? (Datum) 0 : JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}

/* ---- the rows ---- */

static const FeedShown *
find_shown(const FeedCall *call, int64 post_id)
{
	const FeedShown *shown;

	for (shown = call->shown; shown != NULL; shown = shown->next)
		if (shown->post.post_id == post_id)
			return shown;
	elog(ERROR, "post " INT64_FORMAT " was not judged", post_id);
}

FeedDelivered *
feed_read_delivered(FeedCall *call, const int64 *post_ids, const int64 *topic_ids, int count)
{
	FeedDelivered *rows = palloc0(sizeof(FeedDelivered) * Max(count, 1));
	const FeedShown **shown = palloc(sizeof(FeedShown *) * Max(count, 1));
	FeedIds		ids = {NULL, 0, 0};
	Named		products;
	Named		topics;
	Datum		values[3];
	int			i;
	int			j;

	for (i = 0; i < count; i++)
	{
		shown[i] = find_shown(call, post_ids[i]);
		for (j = 0; j < shown[i]->ntags; j++)
			if (shown[i]->tags[j].stocked)
				feed_ids_add(&ids, shown[i]->tags[j].product_id);
	}
	products = name_ids(&ids, sizeof(Product));
	values[0] = feed_id_array(ids.ids, ids.count);
	values[1] = CStringGetTextDatum(call->currency);
	values[2] = TimestampTzGetDatum(call->moment);
	if (ids.count > 0)
		feed_statement_run(&read_products, values, NULL, take_product, &products);

	ids.count = 0;
	for (i = 0; i < count; i++)
		if (topic_ids[i] != 0)
			feed_ids_add(&ids, topic_ids[i]);
	topics = name_ids(&ids, sizeof(Topic));
	values[0] = feed_id_array(ids.ids, ids.count);
	if (ids.count > 0)
		feed_statement_run(&read_topics, values, NULL, take_topic, &topics);

	for (i = 0; i < count; i++)
	{
		const Topic *topic = topic_ids[i] == 0 ? NULL : find_named(&topics, topic_ids[i]);

		rows[i].disclosure = shown[i]->disclosure;
		rows[i].topic = topic == NULL ? NULL : topic->name;
		rows[i].products = products_json(shown[i], &products, call->currency);
	}
	return rows;
}

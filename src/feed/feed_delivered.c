/*
 * feed_delivered.c
 *	  What a row of the feed shows of its post: disclosure, topic, and the
 *	  products in stock as JSON, which is made here because SQL takes longer for
 *	  it than for all the rest of a page's rows.
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

/* the products that eligibility found (IS TRUE: they are no way into the tags), with prices as of the feed's moment */
static FeedStatement read_delivered = {
	.text =
	"SELECT u.n, p.disclosure, t.name, d.product_id, d.sku, d.title, d.image,"
	" (SELECT x.price FROM influence.product_price x"
	" WHERE x.product_id = d.product_id AND x.currency = $2 AND x.valid_from <= $3 ORDER BY x.valid_from DESC LIMIT 1),"
	" g.x, g.y, g.t_from_ms, g.t_to_ms"
	" FROM unnest($1) WITH ORDINALITY u(post_id, n) JOIN influence.post p ON p.post_id = u.post_id"
	" LEFT JOIN influence.topic t ON t.topic_id = p.topic_id"
	" LEFT JOIN (influence.post_tag g JOIN influence.product d ON d.product_id = g.product_id)"
	" ON g.creator_id = p.creator_id AND g.post_id = p.post_id AND (g.product_id = ANY ($4)) IS TRUE"
	" ORDER BY u.n, g.tag_id",
	.nargs = 4,
	.types = {INT8ARRAYOID, BPCHAROID, TIMESTAMPTZOID, INT8ARRAYOID}
};

typedef struct DeliveredRows
{
	FeedCall   *call;
	FeedDelivered *rows;
	int64		open;			/* the row whose products are being read, 0 = none */
	JsonbParseState *products;
} DeliveredRows;

FeedDisclosure
feed_disclosure(const char *name)
{
	int			i;

	for (i = 0; i < FEED_DISCLOSURES; i++)
		if (strcmp(name, feed_disclosure_names[i]) == 0)
			return (FeedDisclosure) i;
	elog(ERROR, "disclosure \"%s\" is not known", name);
}

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
put_text(JsonbParseState **state, const char *key, const TupleTableSlot *slot, int column)
{
	JsonbValue	value;

	if (slot->tts_isnull[column])
		return;
	put_key(state, key);
	value.type = jbvString;
	value.val.string.val = TextDatumGetCString(slot->tts_values[column]);
	value.val.string.len = (int) strlen(value.val.string.val);
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

static void
put_integer(JsonbParseState **state, const char *key, const TupleTableSlot *slot, int column, bool narrow)
{
	if (!slot->tts_isnull[column])
		put_numeric(state, key, int64_to_numeric(narrow ? DatumGetInt32(slot->tts_values[column]) :
												 DatumGetInt64(slot->tts_values[column])));
}

/* with the digits that the number has as text */
static void
put_real(JsonbParseState **state, const char *key, const TupleTableSlot *slot, int column)
{
	if (!slot->tts_isnull[column])
		put_numeric(state, key,
					DatumGetNumeric(DirectFunctionCall3(numeric_in,
														DirectFunctionCall1(float4out, slot->tts_values[column]),
														ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
}

static void
put_product(DeliveredRows *delivered, const TupleTableSlot *slot)
{
	JsonbParseState **state = &delivered->products;

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	put_integer(state, "product_id", slot, 3, false);
	put_text(state, "sku", slot, 4);
	put_text(state, "title", slot, 5);
	put_text(state, "image", slot, 6);
	put_integer(state, "price", slot, 7, false);
	if (!slot->tts_isnull[7])
	{
		JsonbValue	currency;

		put_key(state, "currency");
		currency.type = jbvString;
		currency.val.string.val = unconstify(char *, delivered->call->currency);
		currency.val.string.len = (int) strlen(delivered->call->currency);
		pushJsonbValue(state, WJB_VALUE, &currency);
	}
	put_real(state, "x", slot, 8);
	put_real(state, "y", slot, 9);
	put_integer(state, "t_from_ms", slot, 10, true);
	put_integer(state, "t_to_ms", slot, 11, true);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
close_row(DeliveredRows *delivered)
{
	if (delivered->open != 0)
		delivered->rows[delivered->open - 1].products =
			JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&delivered->products, WJB_END_ARRAY, NULL)));
	delivered->open = 0;
	delivered->products = NULL;
}

/* The rows of a post follow one another. */
static void
take_delivered(TupleTableSlot *slot, void *target)
{
	DeliveredRows *delivered = target;
	int64		n = feed_int64(slot, 0);
	FeedDelivered *row = &delivered->rows[n - 1];

	CHECK_FOR_INTERRUPTS();
	if (n != delivered->open)
	{
		close_row(delivered);
		row->disclosure = feed_disclosure(TextDatumGetCString(slot->tts_values[1]));
		row->topic = slot->tts_isnull[2] ? NULL : TextDatumGetCString(slot->tts_values[2]);
	}
	if (slot->tts_isnull[3])
		return;
	if (delivered->open == 0)
	{
		pushJsonbValue(&delivered->products, WJB_BEGIN_ARRAY, NULL);
		delivered->open = n;
	}
	put_product(delivered, slot);
}

FeedDelivered *
feed_read_delivered(FeedCall *call, const int64 *post_ids, int count)
{
	DeliveredRows delivered = {call, NULL, 0, NULL};
	Datum		values[4];

	delivered.rows = palloc0(sizeof(FeedDelivered) * Max(count, 1));
	values[0] = feed_id_array(post_ids, count);
	values[1] = CStringGetTextDatum(call->currency);
	values[2] = TimestampTzGetDatum(call->moment);
	values[3] = feed_id_array(call->stocked.ids, call->stocked.count);
	feed_statement_run(&read_delivered, values, NULL, take_delivered, &delivered);
	close_row(&delivered);
	return delivered.rows;
}

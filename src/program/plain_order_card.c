/*
 * plain_order_card.c
 *	  The rate card and the creators of a plain order, by one statement: the
 *	  percentages that may fit, and who may earn at all, as earning_bar() says.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "plain_order.h"

/* columns of the statement: those of a rate, of a decision, or of a status, which have a creator, too */
enum
{
	CARD_RATE_ID,
	CARD_VERSION,
	CARD_RATE,
	CARD_CREATOR_ID,
	CARD_PRODUCT_ID,
	CARD_CATEGORY_ID,
	CARD_HAS_COUNTRY,
	CARD_CUSTOMER_KIND,
	CARD_PRIORITY,
	CARD_DECISION,
	CARD_SINCE,
	CARD_RECORDED_AT,
	CARD_STATUS,
	CARD_COLUMNS
};

/*
 * Program $1, creators $2 with 0 for anybody, products $3, categories $4, moment
 * $5, country $6. Rates go by the keys, never by the moment, which no operator
 * asks for: most of the card is valid. Of decisions and statuses all are read,
 * which are few.
 */
static PlainStatement card_statement = {
	"SELECT r.rate_id, r.version, r.rate, r.creator_id, r.product_id, r.category_id, r.country <> '', r.customer_kind, r.priority,"
	"       NULL, NULL::timestamptz, NULL::timestamptz, NULL"
	"  FROM influence.commission_rate r"
	" WHERE r.program_id = $1 AND r.creator_id = ANY ($2) AND (r.product_id = 0 OR r.product_id = ANY ($3))"
	"   AND (r.category_id = 0 OR r.category_id = ANY ($4)) AND range_contains_elem(r.valid, $5) AND r.country IN ('', $6)"
	" UNION ALL "
	"SELECT NULL, NULL, NULL, h.creator_id, NULL, NULL, NULL, NULL, NULL, h.decision, h.decided_at, h.recorded_at, NULL"
	"  FROM influence.admission_history h"
	" WHERE h.creator_id = ANY ($2) AND h.program_id = $1 AND h.decided_at <= $5"
	" UNION ALL "
	"SELECT NULL, NULL, NULL, s.creator_id, NULL, NULL, NULL, NULL, NULL, NULL, s.since, NULL, s.status"
	"  FROM influence.creator_status s"
	" WHERE s.creator_id = ANY ($2) AND s.since <= $5",
	6, {INT8OID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID, TEXTOID}, NULL
};

static int
compare_ids(const void *a, const void *b)
{
	int64		first = DatumGetInt64(*(const Datum *) a);
	int64		second = DatumGetInt64(*(const Datum *) b);

	return first < second ? -1 : first > second ? 1 : 0;
}

/* Sorts ids and leaves each once. */
static int
sort_ids(Datum *ids, int count)
{
	int			kept = 0;
	int			i;

	qsort(ids, count, sizeof(*ids), compare_ids);
	for (i = 0; i < count; i++)
	{
		if (kept == 0 || DatumGetInt64(ids[kept - 1]) != DatumGetInt64(ids[i]))
			ids[kept++] = ids[i];
	}
	return kept;
}

/* 0, which is anybody, and the creators of the shares. */
static ArrayType *
list_creators(PlainOrder *order, PlainCard *card)
{
	Datum	   *ids = palloc((order->share_count + 1) * sizeof(*ids));
	int			count;
	int			i;

	ids[0] = Int64GetDatum(0);
	for (i = 0; i < order->share_count; i++)
		ids[i + 1] = Int64GetDatum(order->shares[i].creator_id);
	count = sort_ids(ids, order->share_count + 1);
	card->creators = palloc0(count * sizeof(*card->creators));
	card->creator_count = count;
	for (i = 0; i < count; i++)
		card->creators[i].creator_id = DatumGetInt64(ids[i]);
	order->creator_count = count - 1;
	return plain_order_array(ids, NULL, count);
}

static ArrayType *
list_products(const PlainOrder *order)
{
	Datum	   *ids = palloc(order->line_count * sizeof(*ids));
	int			i;

	for (i = 0; i < order->line_count; i++)
		ids[i] = order->lines[i].values[LINE_PRODUCT_ID];
	return plain_order_array(ids, NULL, sort_ids(ids, order->line_count));
}

static ArrayType *
list_categories(const PlainOrder *order)
{
	int			total = 0;
	int			count = 0;
	Datum	   *ids;
	int			i;
	int			k;

	for (i = 0; i < order->line_count; i++)
		total += order->lines[i].depth;
	ids = palloc(Max(total, 1) * sizeof(*ids));
	for (i = 0; i < order->line_count; i++)
	{
		for (k = 0; k < order->lines[i].depth; k++)
			ids[count++] = Int64GetDatum(order->lines[i].path[k]);
	}
	return plain_order_array(ids, NULL, sort_ids(ids, count));
}

static int
compare_creators(const void *a, const void *b)
{
	int64		first = ((const CardCreator *) a)->creator_id;
	int64		second = ((const CardCreator *) b)->creator_id;

	return first < second ? -1 : first > second ? 1 : 0;
}

static CardCreator *
find_creator(const PlainCard *card, int64 creator_id)
{
	CardCreator key = {.creator_id = creator_id};

	return bsearch(&key, card->creators, card->creator_count, sizeof(key), compare_creators);
}

static bool
is_word(Datum value, const char *word)
{
	text	   *said = DatumGetTextPP(value);

	return VARSIZE_ANY_EXHDR(said) == strlen(word) && memcmp(VARDATA_ANY(said), word, strlen(word)) == 0;
}

static void
add_rate(PlainCard *card, const Datum *values)
{
	CardRate   *rate = &card->rates[card->rate_count++];

	rate->rate_id = values[CARD_RATE_ID];
	rate->version = values[CARD_VERSION];
	rate->rate = values[CARD_RATE];
	rate->creator_id = DatumGetInt64(values[CARD_CREATOR_ID]);
	rate->product_id = DatumGetInt64(values[CARD_PRODUCT_ID]);
	rate->category_id = DatumGetInt64(values[CARD_CATEGORY_ID]);
	rate->has_country = DatumGetBool(values[CARD_HAS_COUNTRY]);
	rate->customer_kind = is_word(values[CARD_CUSTOMER_KIND], "") ? CUSTOMER_UNKNOWN
		: is_word(values[CARD_CUSTOMER_KIND], "new") ? CUSTOMER_NEW : CUSTOMER_RETURNING;
	rate->priority = DatumGetInt32(values[CARD_PRIORITY]);
}

/* The latest decision holds, and of two of one moment that which was recorded later. */
static void
add_decision(CardCreator *creator, const Datum *values)
{
	TimestampTz decided_at = DatumGetTimestampTz(values[CARD_SINCE]);
	TimestampTz recorded_at = DatumGetTimestampTz(values[CARD_RECORDED_AT]);

	if (decided_at < creator->decided_at || (decided_at == creator->decided_at && recorded_at < creator->recorded_at))
		return;
	creator->decided_at = decided_at;
	creator->recorded_at = recorded_at;
	creator->is_admitted = is_word(values[CARD_DECISION], "admitted");
}

static void
add_status(CardCreator *creator, const Datum *values)
{
	TimestampTz since = DatumGetTimestampTz(values[CARD_SINCE]);

	if (creator->status != NULL && since < creator->since)
		return;
	creator->since = since;
	creator->status = DatumGetTextPP(values[CARD_STATUS]);
}

void
plain_order_read_card(PlainOrder *order, PlainCard *card)
{
	Datum		arguments[6];
	char		argument_nulls[6] = {' ', ' ', ' ', ' ', ' ', order->has_country ? ' ' : 'n'};
	Datum		values[CARD_COLUMNS];
	bool		nulls[CARD_COLUMNS];
	uint64		rows;
	uint64		i;

	memset(card, 0, sizeof(*card));
	arguments[0] = Int64GetDatum(order->program_id);
	arguments[1] = PointerGetDatum(list_creators(order, card));
	arguments[2] = PointerGetDatum(list_products(order));
	arguments[3] = PointerGetDatum(list_categories(order));
	arguments[4] = order->ordered_at;
	arguments[5] = order->country;
	for (i = 0; i < (uint64) card->creator_count; i++)
		card->creators[i].decided_at = card->creators[i].recorded_at = DT_NOBEGIN;
	rows = plain_order_run(&card_statement, arguments, argument_nulls, false);
	card->rates = palloc(Max(rows, 1) * sizeof(*card->rates));
	for (i = 0; i < rows; i++)
	{
		CardCreator *creator;

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values, nulls);
		if (!nulls[CARD_RATE_ID])
		{
			add_rate(card, values);
			continue;
		}
		creator = find_creator(card, DatumGetInt64(values[CARD_CREATOR_ID]));
		Assert(creator != NULL);
		if (!nulls[CARD_DECISION])
			add_decision(creator, values);
		else
			add_status(creator, values);
	}
}

text *
plain_order_bar(const PlainCard *card, int64 creator_id)
{
	const CardCreator *creator = find_creator(card, creator_id);

	if (!creator->is_admitted)
		return cstring_to_text("not_admitted");
	if (creator->status == NULL || is_word(PointerGetDatum(creator->status), "active"))
		return NULL;
	return cstring_to_text(psprintf("creator_%s", text_to_cstring(creator->status)));
}

/*
 * plain_order_rates.c
 *	  What the shares of a plain order earn: who may earn at all, as
 *	  earning_bar() says, and which percentage of the rate card is taken, as
 *	  rate_candidates() orders them. sql/plain_orders.sql holds both against the
 *	  long way.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/uuid.h"

#include "../common/money_sql.h"
#include "plain_order.h"

/* A percentage that may fit some line and creator. */
typedef struct CardRate
{
	Datum		rate_id;
	Datum		version;
	Datum		rate;
	int64		creator_id;
	int64		product_id;
	int64		category_id;
	bool		has_country;
	CustomerKind customer_kind;
	int32		priority;
} CardRate;

/* why each of some creators earns nothing: creator, reason or NULL */
static PlainStatement bar_statement = {
	"SELECT c.id, CASE WHEN (SELECT h.decision FROM influence.admission_history h"
	"                         WHERE h.creator_id = c.id AND h.program_id = $2 AND h.decided_at <= $3"
	"                         ORDER BY h.decided_at DESC, h.recorded_at DESC LIMIT 1) IS DISTINCT FROM 'admitted' THEN 'not_admitted'"
	"             ELSE 'creator_' || nullif((SELECT s.status FROM influence.creator_status s"
	"                                         WHERE s.creator_id = c.id AND s.since <= $3"
	"                                         ORDER BY s.since DESC LIMIT 1), 'active') END"
	"  FROM unnest($1) c(id)",
	3, {INT8ARRAYOID, INT8OID, TIMESTAMPTZOID}, NULL
};

/* by the keys, never by the moment: most of the card is valid */
static PlainStatement card_statement = {
	"SELECT r.rate_id, r.version, r.rate, r.creator_id, r.product_id, r.category_id, r.country <> '', r.customer_kind, r.priority"
	"  FROM (SELECT x.* FROM influence.commission_rate x WHERE x.program_id = $1 AND x.creator_id = ANY ($2) OFFSET 0) r"
	" WHERE (r.product_id = 0 OR r.product_id = ANY ($3)) AND r.valid @> $4 AND r.country IN ('', $5)",
	5, {INT8OID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID, TEXTOID}, NULL
};

static PlainStatement tier_statement = {
	"SELECT t.tier_id FROM influence.tier_table t"
	" WHERE t.program_id = $1 AND t.valid @> $2 AND (t.category_id = 0 OR t.category_id = ANY ($3))"
	" ORDER BY coalesce(array_position($3, t.category_id), 0) DESC LIMIT 1",
	3, {INT8OID, TIMESTAMPTZOID, INT8ARRAYOID}, NULL
};

static int
compare_ids(const void *a, const void *b)
{
	int64		first = DatumGetInt64(*(const Datum *) a);
	int64		second = DatumGetInt64(*(const Datum *) b);

	return first < second ? -1 : first > second ? 1 : 0;
}

/* The creators of the shares, each once, and before them 0: any. */
static int
list_creators(const PlainOrder *order, Datum *creators)
{
	int			count = 1;
	int			i;

	creators[0] = Int64GetDatum(0);
	for (i = 0; i < order->share_count; i++)
		creators[i + 1] = Int64GetDatum(order->shares[i].creator_id);
	qsort(creators + 1, order->share_count, sizeof(*creators), compare_ids);
	for (i = 1; i <= order->share_count; i++)
	{
		if (i == 1 || DatumGetInt64(creators[i]) != DatumGetInt64(creators[i - 1]))
			creators[count++] = creators[i];
	}
	return count;
}

/* Reasons by creator, in the order of creators; NULL where there is none. */
static text **
read_bars(const PlainOrder *order, Datum *creators, int count)
{
	text	  **bars = palloc0(count * sizeof(*bars));
	Datum		values[3];
	uint64		rows;
	uint64		i;

	values[0] = PointerGetDatum(plain_order_array(creators, NULL, count));
	values[1] = Int64GetDatum(order->program_id);
	values[2] = order->facts[FACT_ORDERED_AT];
	rows = plain_order_run(&bar_statement, values, NULL, false);
	for (i = 0; i < rows; i++)
	{
		bool		isnull;
		Datum		id = plain_order_value(i, 1, &isnull);
		Datum	   *place = bsearch(&id, creators, count, sizeof(*creators), compare_ids);
		Datum		bar = plain_order_value(i, 2, &isnull);

		if (!isnull)
			bars[place - creators] = DatumGetTextPP(bar);
	}
	return bars;
}

static CustomerKind
kind_of_rate(Datum value)
{
	text	   *kind = DatumGetTextPP(value);

	if (VARSIZE_ANY_EXHDR(kind) == 0)
		return CUSTOMER_UNKNOWN;
	return VARSIZE_ANY_EXHDR(kind) == strlen("new") ? CUSTOMER_NEW : CUSTOMER_RETURNING;
}

static CardRate *
read_card(const PlainOrder *order, ArrayType *creators, int *count)
{
	Datum	   *products = palloc(order->line_count * sizeof(*products));
	Datum		values[5];
	char		nulls[5] = {' ', ' ', ' ', ' ', order->has_country ? ' ' : 'n'};
	CardRate   *card;
	uint64		rows;
	uint64		i;

	for (i = 0; i < (uint64) order->line_count; i++)
		products[i] = order->lines[i].values[LINE_PRODUCT_ID];
	values[0] = Int64GetDatum(order->program_id);
	values[1] = PointerGetDatum(creators);
	values[2] = PointerGetDatum(plain_order_array(products, NULL, order->line_count));
	values[3] = order->facts[FACT_ORDERED_AT];
	values[4] = order->country;
	rows = plain_order_run(&card_statement, values, nulls, false);
	card = palloc(Max(rows, 1) * sizeof(*card));
	for (i = 0; i < rows; i++)
	{
		bool		isnull;

		card[i].rate_id = plain_order_value(i, 1, &isnull);
		card[i].version = plain_order_value(i, 2, &isnull);
		card[i].rate = plain_order_value(i, 3, &isnull);
		card[i].creator_id = DatumGetInt64(plain_order_value(i, 4, &isnull));
		card[i].product_id = DatumGetInt64(plain_order_value(i, 5, &isnull));
		card[i].category_id = DatumGetInt64(plain_order_value(i, 6, &isnull));
		card[i].has_country = DatumGetBool(plain_order_value(i, 7, &isnull));
		card[i].customer_kind = kind_of_rate(plain_order_value(i, 8, &isnull));
		card[i].priority = DatumGetInt32(plain_order_value(i, 9, &isnull));
	}
	*count = (int) rows;
	return card;
}

/* How deep a category lies in a line's path, counted from 1; 0: it does not. */
static int
depth_of(const PlainLine *line, int64 category_id)
{
	int			i;

	for (i = 0; i < line->depth; i++)
	{
		if (line->path[i] == category_id)
			return i + 1;
	}
	return 0;
}

static bool
rate_fits(const CardRate *rate, const PlainShare *share)
{
	return (rate->creator_id == 0 || rate->creator_id == share->creator_id) &&
		(rate->product_id == 0 || rate->product_id == DatumGetInt64(share->line->values[LINE_PRODUCT_ID])) &&
		(rate->category_id == 0 || depth_of(share->line, rate->category_id) > 0) &&
		(rate->customer_kind == CUSTOMER_UNKNOWN || rate->customer_kind == share->line->customer_kind);
}

/* Whether a rate that fits goes before another one that does. */
static bool
goes_before(const CardRate *a, const CardRate *b, const PlainLine *line)
{
	int			first_depth;
	int			second_depth;

	if ((a->creator_id != 0) != (b->creator_id != 0))
		return a->creator_id != 0;
	if ((a->product_id != 0) != (b->product_id != 0))
		return a->product_id != 0;
	first_depth = depth_of(line, a->category_id);
	second_depth = depth_of(line, b->category_id);
	if (first_depth != second_depth)
		return first_depth > second_depth;
	if (a->has_country != b->has_country)
		return a->has_country;
	if ((a->customer_kind == CUSTOMER_UNKNOWN) != (b->customer_kind == CUSTOMER_UNKNOWN))
		return a->customer_kind != CUSTOMER_UNKNOWN;
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return DatumGetInt64(a->rate_id) < DatumGetInt64(b->rate_id);
}

/* The tier table of a line: that of its deepest category. */
static void
add_tier(const PlainOrder *order, PlainShare *share)
{
	PlainLine  *line = share->line;

	if (!line->tier_asked)
	{
		Datum		values[3];
		bool		isnull;

		values[0] = Int64GetDatum(order->program_id);
		values[1] = order->facts[FACT_ORDERED_AT];
		values[2] = line->values[LINE_CATEGORY_PATH];
		line->has_tier = plain_order_run(&tier_statement, values, NULL, false) > 0;
		if (line->has_tier)
			line->tier_id = plain_order_value(0, 1, &isnull);
		SPI_freetuptable(SPI_tuptable);
		line->tier_asked = true;
	}
	share->values[EARNING_TIER_ID] = line->tier_id;
	share->nulls[EARNING_TIER_ID] = !line->has_tier;
}

static void
set_value(PlainShare *share, int column, Datum value)
{
	share->values[column] = value;
	share->nulls[column] = false;
}

static void
choose_rate(const PlainOrder *order, PlainShare *share, text *bar, const CardRate *card, int card_count, MoneyRounding rounding)
{
	const CardRate *rate = NULL;
	int64_t		amount = 0;
	int			i;

	for (i = 0; i < card_count && bar == NULL; i++)
	{
		if (rate_fits(&card[i], share) && (rate == NULL || goes_before(&card[i], rate, share->line)))
			rate = &card[i];
	}
	if (rate != NULL)
	{
		money_check(money_mul_div(share->base, money_rate_from_numeric(DatumGetNumeric(rate->rate), "rate"), MONEY_RATE_SCALE,
								  rounding, &amount));
		set_value(share, EARNING_RATE_ID, rate->rate_id);
		set_value(share, EARNING_RATE_VERSION, rate->version);
		set_value(share, EARNING_RATE, rate->rate);
		if (DatumGetBool(order->facts[FACT_HAS_TIERS]) && rate->creator_id == 0 && rate->product_id == 0)
			add_tier(order, share);
	}
	else
		set_value(share, EARNING_HOLD_REASON, PointerGetDatum(bar != NULL ? bar : cstring_to_text("no_rate")));
	if (share->line->customer_kind != CUSTOMER_UNKNOWN)
		set_value(share, EARNING_CUSTOMER_KIND, CStringGetTextDatum(share->line->customer_kind == CUSTOMER_NEW ? "new" : "returning"));
	set_value(share, EARNING_LINE_NO, share->line->values[LINE_LINE_NO]);
	set_value(share, EARNING_CREATOR_ID, Int64GetDatum(share->creator_id));
	set_value(share, EARNING_BASE, Int64GetDatum(share->base));
	set_value(share, EARNING_AMOUNT, Int64GetDatum(amount));
	set_value(share, EARNING_ENTRY_ID, DirectFunctionCall1(gen_random_uuid, (Datum) 0));
}

void
plain_order_choose_rates(PlainOrder *order)
{
	Datum	   *creators = palloc((order->share_count + 1) * sizeof(*creators));
	MoneyRounding rounding = money_rounding_from_text(DatumGetTextPP(order->facts[FACT_ROUNDING]));
	int			creator_count;
	text	  **bars;
	CardRate   *card;
	int			card_count;
	int			i;

	if (order->share_count == 0)
		return;
	creator_count = list_creators(order, creators);
	order->creator_count = creator_count - 1;
	/* 0 is nobody who could be barred */
	bars = read_bars(order, creators + 1, creator_count - 1);
	card = read_card(order, plain_order_array(creators, NULL, creator_count), &card_count);
	for (i = 0; i < order->share_count; i++)
	{
		PlainShare *share = &order->shares[i];
		Datum		id = Int64GetDatum(share->creator_id);
		Datum	   *place = bsearch(&id, creators + 1, creator_count - 1, sizeof(*creators), compare_ids);

		CHECK_FOR_INTERRUPTS();
		memset(share->nulls, true, sizeof(share->nulls));
		choose_rate(order, share, bars[place - creators - 1], card, card_count, rounding);
	}
}

/*
 * plain_order_rates.c
 *	  What the shares of a plain order earn: which percentage of the rate card is
 *	  taken, as rate_candidates() orders them. sql/plain_orders.sql holds it
 *	  against the long way.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "../common/money_sql.h"
#include "plain_order.h"

static PlainStatement tier_statement = {
	"SELECT t.tier_id FROM influence.tier_table t"
	" WHERE t.program_id = $1 AND t.valid @> $2 AND (t.category_id = 0 OR t.category_id = ANY ($3))"
	" ORDER BY coalesce(array_position($3, t.category_id), 0) DESC LIMIT 1",
	3, {INT8OID, TIMESTAMPTZOID, INT8ARRAYOID}, NULL
};

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
		values[1] = order->ordered_at;
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
choose_rate(const PlainOrder *order, PlainShare *share, text *bar, const PlainCard *card, MoneyRounding rounding,
			pg_uuid_t *entry_id)
{
	const CardRate *rate = NULL;
	int64_t		amount = 0;
	int			i;

	for (i = 0; i < card->rate_count && bar == NULL; i++)
	{
		if (rate_fits(&card->rates[i], share) && (rate == NULL || goes_before(&card->rates[i], rate, share->line)))
			rate = &card->rates[i];
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
	set_value(share, EARNING_ENTRY_ID, UUIDPGetDatum(entry_id));
}

/* As gen_random_uuid() makes them, but all at once: to ask for random bytes costs more than they do. */
static pg_uuid_t *
random_uuids(int count)
{
	pg_uuid_t  *uuids = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(*uuids));
	int			i;

	if (!pg_strong_random(uuids, count * sizeof(*uuids)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	for (i = 0; i < count; i++)
	{
		uuids[i].data[6] = (uuids[i].data[6] & 0x0f) | 0x40;
		uuids[i].data[8] = (uuids[i].data[8] & 0x3f) | 0x80;
	}
	return uuids;
}

void
plain_order_choose_rates(PlainOrder *order)
{
	MoneyRounding rounding = money_rounding_from_text(DatumGetTextPP(order->facts[FACT_ROUNDING]));
	PlainCard	card;
	pg_uuid_t  *entry_ids;
	int			i;

	if (order->share_count == 0)
		return;
	plain_order_read_card(order, &card);
	entry_ids = random_uuids(order->share_count);
	for (i = 0; i < order->share_count; i++)
	{
		PlainShare *share = &order->shares[i];

		CHECK_FOR_INTERRUPTS();
		memset(share->nulls, true, sizeof(share->nulls));
		choose_rate(order, share, plain_order_bar(&card, share->creator_id), &card, rounding, &entry_ids[i]);
	}
}

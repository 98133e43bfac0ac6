/*
 * plain_order_book.c
 *	  An order that nothing has happened to yet, in a program whose settings ask
 *	  nothing unusual, from its lines to its entries in the ledger.
 *
 * All is read first, in one snapshot, and written at once. What is
 * found here is what credit_lines() and book_order() would find, whose rules are
 * repeated for the plain case.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "common/int.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "../common/money_sql.h"
#include "plain_order.h"

typedef struct CreditSink
{
	PlainOrder *order;
	int			line;			/* whose credits come: they come in the order of the lines */
	int			room;			/* of the shares */
	bool		is_whole;
	bool		is_full;		/* there are more than PLAIN_MAX_ROWS */
} CreditSink;

static void
take_credit(void *target, Datum *values, bool *nulls)
{
	CreditSink *sink = target;
	PlainOrder *order = sink->order;

	if (order->credit_count == PLAIN_MAX_ROWS)
	{
		sink->is_full = true;
		return;
	}
	if (nulls[CREDIT_TOUCH_VISITOR_ID])
	{
		values[CREDIT_TOUCH_VISITOR_ID] = UUIDPGetDatum(order->visitor_id);
		nulls[CREDIT_TOUCH_VISITOR_ID] = false;
	}
	plain_order_add_credit(order, values, nulls);
	while (DatumGetInt32(order->lines[sink->line].values[LINE_LINE_NO]) != DatumGetInt32(values[CREDIT_LINE_NO]))
		sink->line++;
	sink->is_whole = sink->is_whole && !nulls[CREDIT_CREATOR_ID] &&
		strcmp(TextDatumGetCString(values[CREDIT_REASON]), "credited") == 0;
	if (nulls[CREDIT_CREATOR_ID])
		return;
	if (order->share_count == sink->room)
	{
		sink->room = Max(8, 2 * sink->room);
		order->shares = order->shares == NULL ? palloc(sink->room * sizeof(*order->shares))
			: repalloc_huge(order->shares, sink->room * sizeof(*order->shares));
	}
	order->shares[order->share_count].line = &order->lines[sink->line];
	order->shares[order->share_count].creator_id = DatumGetInt64(values[CREDIT_CREATOR_ID]);
	order->shares[order->share_count].base = DatumGetInt64(values[CREDIT_CREDIT]);
	order->share_count++;
}

static int
compare_shares(const void *a, const void *b)
{
	const PlainShare *first = a;
	const PlainShare *second = b;

	if (first->line != second->line)
		return first->line < second->line ? -1 : 1;
	return first->creator_id < second->creator_id ? -1 : first->creator_id > second->creator_id ? 1 : 0;
}

/* Several touches of one creator are one share of the line, which has room for their sum. */
static void
unite_shares(PlainOrder *order)
{
	int			kept = 0;
	int			i;

	qsort(order->shares, order->share_count, sizeof(*order->shares), compare_shares);
	for (i = 0; i < order->share_count; i++)
	{
		if (kept > 0 && compare_shares(&order->shares[kept - 1], &order->shares[i]) == 0)
			order->shares[kept - 1].base += order->shares[i].base;
		else
			order->shares[kept++] = order->shares[i];
	}
	order->share_count = kept;
}

static void
set_argument(FunctionCallInfo call, int argno, Datum value)
{
	call->args[argno].value = value;
	call->args[argno].isnull = false;
}

/* Credits the lines, as credit_lines() does. */
static void
credit_order(PlainOrder *order, CreditSink *sink)
{
	static const struct
	{
		int			argno;
		int			fact;
	}			policy[] = {
		{PERSON_SCOPE, FACT_SCOPE},
		{PERSON_MAX_TOUCH_DELAY, FACT_MAX_TOUCH_DELAY},
		{PERSON_VIEW_MIN_MS, FACT_VIEW_MIN_MS},
		{PERSON_POLICY + POLICY_MODEL, FACT_MODEL},
		{PERSON_POLICY + POLICY_LOOKBACK, FACT_LOOKBACK},
		{PERSON_POLICY + POLICY_VIEW_LOOKBACK, FACT_VIEW_LOOKBACK},
		{PERSON_POLICY + POLICY_CART_LOOKBACK, FACT_CART_LOOKBACK},
		{PERSON_POLICY + POLICY_HALF_LIFE, FACT_HALF_LIFE},
		{PERSON_POLICY + POLICY_POSITION_WEIGHTS, FACT_POSITION_WEIGHTS},
		{PERSON_POLICY + POLICY_REUSE, FACT_REUSE},
		{PERSON_POLICY + POLICY_SESSION_LIFETIME, FACT_SESSION_LIFETIME},
		{PERSON_POLICY + POLICY_MATCH, FACT_MATCH},
		{PERSON_POLICY + POLICY_TIME_ZONE, FACT_TIME_ZONE}
	};
	LOCAL_FCINFO(call, PERSON_COUNT);
	Datum	   *ids = palloc(order->line_count * sizeof(Datum));
	Datum	   *amounts = palloc(order->line_count * sizeof(Datum));
	Datum	   *products = palloc(order->line_count * sizeof(Datum));
	Datum	   *categories = palloc0(order->line_count * sizeof(Datum));
	bool	   *no_category = palloc(order->line_count * sizeof(bool));
	bool	   *no_start = palloc(order->line_count * sizeof(bool));
	size_t		p;
	int			i;

	for (i = 0; i < order->line_count; i++)
	{
		const PlainLine *line = &order->lines[i];

		ids[i] = Int64GetDatum(DatumGetInt32(line->values[LINE_LINE_NO]));
		amounts[i] = line->values[LINE_AMOUNT];
		products[i] = line->values[LINE_PRODUCT_ID];
		no_category[i] = line->depth == 0;
		if (line->depth > 0)
			categories[i] = Int64GetDatum(line->path[line->depth - 1]);
		no_start[i] = true;
	}
	InitFunctionCallInfoData(*call, NULL, PERSON_COUNT, InvalidOid, NULL, NULL);
	for (i = 0; i < PERSON_COUNT; i++)
		call->args[i].isnull = true;
	for (p = 0; p < lengthof(policy); p++)
	{
		call->args[policy[p].argno].value = order->facts[policy[p].fact];
		call->args[policy[p].argno].isnull = order->fact_nulls[policy[p].fact];
	}
	set_argument(call, PERSON_CONVERTED_AT, order->ordered_at);
	set_argument(call, PERSON_PEOPLE, order->people);
	set_argument(call, PERSON_LINE_IDS, PointerGetDatum(plain_order_array(ids, NULL, order->line_count)));
	set_argument(call, PERSON_AMOUNTS, PointerGetDatum(plain_order_array(amounts, NULL, order->line_count)));
	set_argument(call, PERSON_LINE_PRODUCT_IDS, PointerGetDatum(plain_order_array(products, NULL, order->line_count)));
	set_argument(call, PERSON_LINE_CATEGORY_IDS, PointerGetDatum(plain_order_array(categories, no_category, order->line_count)));
	set_argument(call, PERSON_EXCLUDED, order->excluded);
	set_argument(call, PERSON_CART_STARTS, PointerGetDatum(plain_order_array(ids, no_start, order->line_count)));
	sink->order = order;
	sink->is_whole = true;
	attribution_credit_person(call, take_credit, sink);
	unite_shares(order);
}

/* The commission of all shares; and whether nothing holds one back. */
static void
sum_commission(PlainOrder *order)
{
	int			i;

	for (i = 0; i < order->share_count; i++)
	{
		const PlainShare *share = &order->shares[i];

		if (pg_add_s64_overflow(order->commission, DatumGetInt64(share->values[EARNING_AMOUNT]), &order->commission))
			money_check(MONEY_OVERFLOW);
		order->is_whole = order->is_whole && share->nulls[EARNING_HOLD_REASON];
	}
}

/* Whether it has read and found out all there is to know; in the snapshot of its caller. */
static bool
judge_order(PlainOrder *order)
{
	CreditSink	sink = {0};

	if (!plain_order_look_up(order))
		return false;
	credit_order(order, &sink);
	if (sink.is_full)
		return false;
	plain_order_choose_rates(order);
	order->is_whole = sink.is_whole;
	sum_commission(order);
	return true;
}

bool
plain_order_book(PlainOrder *order)
{
	TableWriter *writer;
	bool		is_plain;

	PreventCommandIfReadOnly("INSERT");
	/* whoever waits for rows to move into their partition, or for leave to write, waits before the snapshot is taken */
	RangeVarGetRelid(makeRangeVar("influence", "touch", -1), AccessShareLock, false);
	writer = plain_order_lock_tables();
	if (writer == NULL)
		return false;
	(void) GetTopTransactionId();
	PushActiveSnapshot(GetTransactionSnapshot());
	is_plain = judge_order(order);
	PopActiveSnapshot();
	if (is_plain)
		plain_order_store(order, writer);
	else
		table_writer_close(writer);
	return is_plain;
}

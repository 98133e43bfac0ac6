/*
 * plain_order_sql.c
 *	  influence_internal.book_plain_order(): an order that nothing has happened
 *	  to yet, in a program whose settings ask nothing unusual, from its lines to
 *	  its entries in the ledger.
 *
 * All is read first, in one snapshot, and written by one statement. The
 * statements are planned once per session, run with the caller's rights and name everything with its schema;
 * the operators are those of the search_path that every function of
 * influence_internal sets. What is found here is what credit_lines() and
 * book_order() would find, whose rules are repeated for the plain case.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "common/int.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "../attribution/attribution_person.h"
#include "../common/money_sql.h"
#include "plain_order.h"

PG_FUNCTION_INFO_V1(program_book_plain_order);

/* arguments */
enum
{
	ARG_PROGRAM_ID,
	ARG_VISITOR_ID,
	ARG_ORDER_REF,
	ARG_LINES,
	ARG_DETAILS,
	ARG_CONTENT_HASH,
	ARG_PEOPLE,
	ARG_EXCLUDED,
	ARG_FACTS
};

/* columns of the result */
enum
{
	OUT_LINE_COUNT,
	OUT_AMOUNT,
	OUT_COMMISSION,
	OUT_CREATORS,
	OUT_IS_BOOKED,
	OUT_IS_WHOLE,
	OUT_COLUMNS
};

/*
 * That the rate card has only percentages that ask nothing of the touches and
 * protect nobody, and that nothing happened to the order before it came. Asked
 * when the order has its transaction id: what is committed later by COPY is
 * found by queue_reattribution().
 */
static PlainStatement guard_statement = {
	"SELECT WHERE NOT EXISTS (SELECT FROM influence.commission_rate r"
	"                          WHERE r.program_id = $1"
	"                            AND (r.directness <> '' OR r.boost <> '' OR r.flat_amount IS NOT NULL OR r.protect_days > 0))"
	"   AND NOT EXISTS (SELECT FROM influence.order_event e WHERE e.program_id = $1 AND e.order_ref = $2)"
	"   AND NOT EXISTS (SELECT FROM influence.order_event e WHERE e.program_id = $1 AND e.replacement_ref = $2)"
	"   AND NOT EXISTS (SELECT FROM influence.order_return r WHERE r.program_id = $1 AND r.order_ref = $2)",
	2, {INT8OID, TEXTOID}, NULL
};

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

	if (order->credits.count == PLAIN_MAX_ROWS)
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
credit_order(PlainOrder *order, Datum people, Datum excluded, CreditSink *sink)
{
	static const struct
	{
		int			argno;
		int			fact;
	}			policy[] = {
		{PERSON_SCOPE, FACT_SCOPE}, {PERSON_CONVERTED_AT, FACT_ORDERED_AT}, {PERSON_MAX_TOUCH_DELAY, FACT_MAX_TOUCH_DELAY},
		{PERSON_VIEW_MIN_MS, FACT_VIEW_MIN_MS}, {PERSON_MODEL, FACT_MODEL}, {PERSON_LOOKBACK, FACT_LOOKBACK},
		{PERSON_VIEW_LOOKBACK, FACT_VIEW_LOOKBACK}, {PERSON_CART_LOOKBACK, FACT_CART_LOOKBACK}, {PERSON_HALF_LIFE, FACT_HALF_LIFE},
		{PERSON_POSITION_WEIGHTS, FACT_POSITION_WEIGHTS}, {PERSON_REUSE, FACT_REUSE}, {PERSON_SESSION_LIFETIME, FACT_SESSION_LIFETIME},
		{PERSON_MATCH, FACT_MATCH}, {PERSON_TIME_ZONE, FACT_TIME_ZONE}
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
	set_argument(call, PERSON_PEOPLE, people);
	set_argument(call, PERSON_LINE_IDS, PointerGetDatum(plain_order_array(ids, NULL, order->line_count)));
	set_argument(call, PERSON_AMOUNTS, PointerGetDatum(plain_order_array(amounts, NULL, order->line_count)));
	set_argument(call, PERSON_LINE_PRODUCT_IDS, PointerGetDatum(plain_order_array(products, NULL, order->line_count)));
	set_argument(call, PERSON_LINE_CATEGORY_IDS, PointerGetDatum(plain_order_array(categories, no_category, order->line_count)));
	set_argument(call, PERSON_EXCLUDED, excluded);
	set_argument(call, PERSON_CART_STARTS, PointerGetDatum(plain_order_array(ids, no_start, order->line_count)));
	sink->order = order;
	sink->is_whole = true;
	attribution_credit_person(call, take_credit, sink);
	unite_shares(order);
}

/* The commission of all shares; whether nothing holds one back goes to is_whole. */
static int64
sum_commission(const PlainOrder *order, bool *is_whole)
{
	int64		commission = 0;
	int			i;

	for (i = 0; i < order->share_count; i++)
	{
		const PlainShare *share = &order->shares[i];

		if (pg_add_s64_overflow(commission, DatumGetInt64(share->values[EARNING_AMOUNT]), &commission))
			money_check(MONEY_OVERFLOW);
		*is_whole = *is_whole && share->nulls[EARNING_HOLD_REASON];
	}
	return commission;
}

static const Oid fact_types[FACT_COUNT] = {
	[FACT_ORDERED_AT] = TIMESTAMPTZOID, [FACT_CURRENCY] = TEXTOID, [FACT_TIME_ZONE] = TEXTOID, [FACT_SCOPE] = INT8ARRAYOID,
	[FACT_HAS_ALIAS] = BOOLOID, [FACT_IS_CREATOR] = BOOLOID, [FACT_IS_KNOWN] = BOOLOID, [FACT_IS_PLAIN] = BOOLOID,
	[FACT_COMMISSION_POLICY_VERSION] = INT4OID, [FACT_BASE_LESS] = TEXTARRAYOID, [FACT_PAYOUT_POLICY_VERSION] = INT4OID,
	[FACT_ROUNDING] = TEXTOID, [FACT_AVAILABLE_AT] = TIMESTAMPTZOID, [FACT_HAS_TIERS] = BOOLOID,
	[FACT_ATTRIBUTION_POLICY_VERSION] = INT4OID, [FACT_MODEL] = TEXTOID, [FACT_LOOKBACK] = INTERVALOID,
	[FACT_VIEW_LOOKBACK] = INTERVALOID, [FACT_CART_LOOKBACK] = INTERVALOID, [FACT_HALF_LIFE] = INTERVALOID,
	[FACT_POSITION_WEIGHTS] = NUMERICARRAYOID, [FACT_REUSE] = TEXTOID, [FACT_SESSION_LIFETIME] = INTERVALOID, [FACT_MATCH] = TEXTOID,
	[FACT_MAX_TOUCH_DELAY] = INTERVALOID, [FACT_VIEW_MIN_MS] = INT4OID
};

static void
read_facts(PlainOrder *order, HeapTupleHeader header)
{
	TupleDesc	descriptor = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple;
	int			i;

	if (descriptor->natts != FACT_COUNT)
		elog(ERROR, "the facts have %d columns, not %d", descriptor->natts, (int) FACT_COUNT);
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	tuple.t_data = header;
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	heap_deform_tuple(&tuple, descriptor, order->facts, order->fact_nulls);
	for (i = 0; i < FACT_COUNT; i++)
	{
		if (TupleDescAttr(descriptor, i)->atttypid != fact_types[i] || order->fact_nulls[i])
			elog(ERROR, "column %d of the facts is NULL or not what record_order() asks", i + 1);
	}
	ReleaseTupleDesc(descriptor);
}

/* The country the order says it came from; record_order() has looked at its form. */
static void
read_country(PlainOrder *order)
{
	JsonbValue	found;
	Jsonb	   *details = DatumGetJsonbP(order->details);
	JsonbValue *country = JB_ROOT_IS_OBJECT(details)
		? getKeyJsonValueFromContainer(&details->root, "country", strlen("country"), &found) : NULL;

	if (country != NULL && country->type == jbvString)
	{
		order->has_country = true;
		order->country = PointerGetDatum(cstring_to_text_with_len(country->val.string.val, country->val.string.len));
	}
}

/* Whether it has read and found out all there is to know; in the snapshot of its caller. */
static bool
judge_order(FunctionCallInfo fcinfo, PlainOrder *order, CreditSink *sink)
{
	Datum		key[2];

	key[0] = Int64GetDatum(order->program_id);
	key[1] = order->order_ref;
	if (plain_order_run(&guard_statement, key, NULL, false) == 0 || !plain_order_find_products(order))
		return false;
	credit_order(order, PG_GETARG_DATUM(ARG_PEOPLE), PG_GETARG_DATUM(ARG_EXCLUDED), sink);
	if (sink->is_full)
		return false;
	plain_order_choose_rates(order);
	return true;
}

/*
 * book_plain_order(program, visitor, order_ref, lines, details, hash, the
 * person's visitors, creators who may not earn, facts)
 */
Datum
program_book_plain_order(PG_FUNCTION_ARGS)
{
	PlainOrder	order = {0};
	CreditSink	sink = {0};
	Datum		results[OUT_COLUMNS] = {0};
	bool		nulls[OUT_COLUMNS] = {0};
	TupleDesc	descriptor;
	bool		is_booked = false;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "book_plain_order() answers a row");
	order.program_id = PG_GETARG_INT64(ARG_PROGRAM_ID);
	order.visitor_id = PG_GETARG_UUID_P(ARG_VISITOR_ID);
	order.order_ref = PG_GETARG_DATUM(ARG_ORDER_REF);
	order.details = PG_GETARG_DATUM(ARG_DETAILS);
	order.content_hash = PG_GETARG_DATUM(ARG_CONTENT_HASH);
	read_facts(&order, PG_GETARG_HEAPTUPLEHEADER(ARG_FACTS));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (plain_order_read_lines(&order, PG_GETARG_DATUM(ARG_LINES)))
	{
		read_country(&order);
		PreventCommandIfReadOnly("INSERT");
		/* whoever waits for rows to move into their partition, or for leave to write, waits before the snapshot is taken */
		RangeVarGetRelid(makeRangeVar("influence", "touch", -1), AccessShareLock, false);
		RangeVarGetRelid(makeRangeVar("influence", "orders", -1), RowExclusiveLock, false);
		(void) GetTopTransactionId();
		PushActiveSnapshot(GetTransactionSnapshot());
		is_booked = judge_order(fcinfo, &order, &sink);
		PopActiveSnapshot();
		if (is_booked)
			plain_order_store(&order);
	}
	if (is_booked)
	{
		results[OUT_LINE_COUNT] = Int32GetDatum(order.line_count);
		results[OUT_AMOUNT] = Int64GetDatum(order.amount);
		results[OUT_COMMISSION] = Int64GetDatum(sum_commission(&order, &sink.is_whole));
		results[OUT_CREATORS] = Int32GetDatum(order.creator_count);
	}
	results[OUT_IS_BOOKED] = BoolGetDatum(is_booked);
	results[OUT_IS_WHOLE] = BoolGetDatum(is_booked && sink.is_whole);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), results, nulls)));
}

/*
 * record_order_sql.c
 *	  influence_internal.record_order(): the short way of plain orders, and the
 *	  door to the long one.
 *
 * An order is plain when nothing about the call, its program or its person is
 * unusual: this asks for all of that at once, under the lock of the person, and
 * has it booked. Whatever else it finds, a mistake of the caller too, is the
 * affair of record_any_order(), which begins anew.
 *
 * The statements are planned once per session, run with the caller's rights and
 * name everything with its schema; the operators are those of the search_path
 * that influence.record_order() sets.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_collation_d.h"
#include "catalog/pg_type_d.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "plain_order.h"
#include "writer.h"

PG_FUNCTION_INFO_V1(program_record_order);

extern Datum program_has_plain_lines(PG_FUNCTION_ARGS);

/* arguments */
enum
{
	ARG_PROGRAM_ID,
	ARG_VISITOR_ID,
	ARG_ORDER_REF,
	ARG_LINES,
	ARG_ORDERED_AT,
	ARG_CURRENCY,
	ARG_DETAILS,
	ARG_COUNT
};

/* columns of the result */
enum
{
	OUT_STATUS,
	OUT_LINE_COUNT,
	OUT_AMOUNT,
	OUT_CREDITED,
	OUT_UNATTRIBUTED,
	OUT_COMMISSION,
	OUT_CLAWED_BACK,
	OUT_CREATORS,
	OUT_REFUSED_RETURNS,
	OUT_REMARKS,
	OUT_COLUMNS
};

/*
 * The program, its scope as scope_programs() has it, the policies in force at
 * $8, and what most orders have not; in the order of plain_order.h. Of a plain
 * order touches are not consumed, commissions are earned at once, each line is
 * rounded for itself, there is no cut of the platform, and nobody knows it yet.
 * No operator asks whether a range has the moment in it: the planner would read
 * the policies of all programs by it, and not those of one.
 */
static PlainStatement facts_statement = {
	"SELECT influence_internal.content_hash(jsonb_build_array($4, $5, $6, $7)), g.currency::text, g.time_zone, s.scope,"
	"       EXISTS (SELECT FROM influence.visitor_alias a WHERE a.visitor_id = $2),"
	"       EXISTS (SELECT FROM influence.visitor_alias a WHERE a.shopper_id = $2),"
	"       EXISTS (SELECT FROM influence.creator c WHERE c.visitor_id = $2),"
	"       g.paying AND c.platform_rate = 0 AND y.earns_at = 'placed' AND y.rounding_scope = 'line' AND a.reuse = 'reuse'"
	"       AND NOT EXISTS (SELECT FROM influence.orders o WHERE o.program_id = ANY (s.scope) AND o.order_ref = $3),"
	"       c.version, c.base_less, y.version, y.rounding,"
	/* of commissions earned then; infinity: not known yet */
	"       coalesce(influence_internal.hold_end(CASE y.hold_from WHEN 'placed' THEN $8 END, y.hold, y.hold_after_month_end, g.time_zone),"
	"                'infinity'),"
	"       EXISTS (SELECT FROM influence.tier_table t WHERE t.program_id = $1),"
	"       a.version, a.model, a.lookback, a.view_lookback, a.cart_lookback, a.half_life, a.position_weights, a.reuse, a.session_lifetime,"
	"       a.match, a.max_touch_delay, a.view_min_ms"
	"  FROM influence.program g"
	" CROSS JOIN LATERAL (SELECT CASE WHEN g.dedup_group IS NULL THEN ARRAY[$1]"
	"                                 ELSE ARRAY(SELECT p.program_id FROM influence.program p WHERE p.dedup_group = g.dedup_group ORDER BY 1) END"
	"                            AS scope OFFSET 0) s"
	"  JOIN influence.commission_policy c ON c.program_id = g.program_id AND range_contains_elem(c.valid, $8)"
	"  JOIN influence.payout_policy y ON y.program_id = g.program_id AND range_contains_elem(y.valid, $8)"
	"  JOIN influence.attribution_policy a ON a.program_id = g.program_id AND range_contains_elem(a.valid, $8)"
	" WHERE g.program_id = $1",
	8, {INT8OID, UUIDOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TIMESTAMPTZOID}, NULL
};

static PlainStatement people_statement = {
	"SELECT influence_internal.person_visitors($1)",
	1, {UUIDOID}, NULL
};

static PlainStatement excluded_statement = {
	"SELECT influence_internal.buyer_creators($1)",
	1, {UUIDARRAYOID}, NULL
};

static PlainStatement summary_statement = {
	"SELECT 'recorded', s.* FROM influence_internal.order_summary($1, $2, $3) s",
	3, {INT8OID, UUIDOID, TEXTOID}, NULL
};

static PlainStatement any_statement = {
	"SELECT * FROM influence_internal.record_any_order($1, $2, $3, $4, $5, $6, $7)",
	7, {INT8OID, UUIDOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, TEXTOID, JSONBOID}, NULL
};

/* what is said of a plain order besides its lines */
static const char *const plain_details[] = {"country", "device", "experiment", "variant", "holdout", "gift"};

static bool
is_named(const JsonbValue *key, const char *name)
{
	return (size_t) key->val.string.len == strlen(name) && memcmp(key->val.string.val, name, key->val.string.len) == 0;
}

/* Two upper-case letters, or nothing. */
static bool
read_country(PlainOrder *order, const JsonbValue *value)
{
	const char *code;

	if (value->type == jbvNull)
		return true;
	if (value->type != jbvString || value->val.string.len != 2)
		return false;
	code = value->val.string.val;
	if (code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z')
		return false;
	order->has_country = true;
	order->country = PointerGetDatum(cstring_to_text_with_len(code, 2));
	return true;
}

static bool
read_details(PlainOrder *order, Jsonb *details)
{
	JsonbIterator *iterator = JsonbIteratorInit(&details->root);
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(details))
		return false;
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		size_t		i;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &value, true);
		for (i = 0; i < lengthof(plain_details) && !is_named(&key, plain_details[i]); i++)
			;
		if (i == lengthof(plain_details) || (is_named(&key, "country") && !read_country(order, &value)))
			return false;
	}
	return true;
}

/* What check_order() lets pass. */
static bool
is_event_time(TimestampTz at)
{
	return at >= (TimestampTz) (date2j(1990, 1, 1) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY &&
		at <= GetCurrentTimestamp() + USECS_PER_DAY;
}

/* Whether nothing about the arguments, each for itself, is unusual or wrong. */
static bool
read_arguments(FunctionCallInfo fcinfo, PlainOrder *order)
{
	text	   *order_ref;
	int			length;

	if (PG_ARGISNULL(ARG_PROGRAM_ID) || PG_ARGISNULL(ARG_VISITOR_ID) || PG_ARGISNULL(ARG_ORDER_REF) || PG_ARGISNULL(ARG_LINES) ||
		PG_ARGISNULL(ARG_DETAILS) || IsolationUsesXactSnapshot())
		return false;
	order_ref = PG_GETARG_TEXT_PP(ARG_ORDER_REF);
	length = pg_mbstrlen_with_len(VARDATA_ANY(order_ref), VARSIZE_ANY_EXHDR(order_ref));
	order->program_id = PG_GETARG_INT64(ARG_PROGRAM_ID);
	order->visitor_id = PG_GETARG_UUID_P(ARG_VISITOR_ID);
	order->order_ref = PointerGetDatum(order_ref);
	order->ordered_at = PG_ARGISNULL(ARG_ORDERED_AT) ? TimestampTzGetDatum(GetCurrentTransactionStartTimestamp())
		: PG_GETARG_DATUM(ARG_ORDERED_AT);
	order->details = PG_GETARG_DATUM(ARG_DETAILS);
	return length >= 1 && length <= 200 &&
		(PG_ARGISNULL(ARG_ORDERED_AT) || is_event_time(DatumGetTimestampTz(order->ordered_at))) &&
		read_details(order, DatumGetJsonbP(order->details)) &&
		DatumGetBool(DirectFunctionCall1(program_has_plain_lines, PG_GETARG_DATUM(ARG_LINES)));
}

static void
copy_arguments(FunctionCallInfo fcinfo, Datum *values, char *nulls)
{
	int			i;

	for (i = 0; i < ARG_COUNT; i++)
	{
		values[i] = fcinfo->args[i].value;
		nulls[i] = fcinfo->args[i].isnull ? 'n' : ' ';
	}
}

/* False where there is no such program, or no policy in force. */
static bool
read_facts(FunctionCallInfo fcinfo, PlainOrder *order)
{
	Datum		values[ARG_COUNT + 1];
	char		nulls[ARG_COUNT + 1];
	int			i;

	copy_arguments(fcinfo, values, nulls);
	values[ARG_COUNT] = order->ordered_at;
	nulls[ARG_COUNT] = ' ';
	if (plain_order_run(&facts_statement, values, nulls, true) != 1)
		return false;
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, order->facts, order->fact_nulls);
	for (i = 0; i < FACT_COUNT; i++)
	{
		if (order->fact_nulls[i])
			elog(ERROR, "column %d of the facts is NULL", i + 1);
	}
	return true;
}

/* Who buys, and who may not earn by that. */
static void
read_person(PlainOrder *order)
{
	Datum		visitor = UUIDPGetDatum(order->visitor_id);
	bool		has_alias = DatumGetBool(order->facts[FACT_IS_ALIAS]) || DatumGetBool(order->facts[FACT_HAS_ALIAS]);
	bool		isnull;

	order->people = PointerGetDatum(construct_array(&visitor, 1, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	order->excluded = PointerGetDatum(construct_empty_array(INT8OID));
	if (has_alias && plain_order_run(&people_statement, &visitor, NULL, true) == 1)
		order->people = plain_order_value(0, 1, &isnull);
	if ((has_alias || DatumGetBool(order->facts[FACT_IS_CREATOR])) && plain_order_run(&excluded_statement, &order->people, NULL, true) == 1)
		order->excluded = plain_order_value(0, 1, &isnull);
}

static bool
has_program_currency(FunctionCallInfo fcinfo, const PlainOrder *order)
{
	return PG_ARGISNULL(ARG_CURRENCY) ||
		DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID, PG_GETARG_DATUM(ARG_CURRENCY), order->facts[FACT_CURRENCY]));
}

/* Whether the order was a plain one and is booked; under the lock of its person, once that is known to be the visitor or found. */
static bool
record_locked_order(FunctionCallInfo fcinfo, PlainOrder *order, LOCKTAG *tag, bool *is_person)
{
	if (!read_facts(fcinfo, order))
		return false;
	if (DatumGetBool(order->facts[FACT_IS_ALIAS]))
	{
		/* nobody who holds the lock of a former person ever waits for another one */
		writer_unlock(tag);
		writer_lock_person(order->visitor_id, tag);
		*is_person = true;
		if (!read_facts(fcinfo, order))
			return false;
	}
	*is_person = true;
	if (!DatumGetBool(order->facts[FACT_IS_PLAIN]) || !has_program_currency(fcinfo, order) ||
		!plain_order_read_lines(order, PG_GETARG_DATUM(ARG_LINES)))
		return false;
	read_person(order);
	return plain_order_book(order);
}

/*
 * Whether the order was a plain one and is booked; else nothing was done. The
 * lock of the person stays: who gave it up and asked for it again would wait for
 * others with tables locked that they wait for.
 */
static bool
record_plain_order(FunctionCallInfo fcinfo, PlainOrder *order)
{
	LOCKTAG		tag;
	bool		is_person = false;

	if (!read_arguments(fcinfo, order))
		return false;
	writer_lock_visitor(order->visitor_id, &tag);
	if (record_locked_order(fcinfo, order, &tag, &is_person))
		return true;
	if (!is_person)
		writer_unlock(&tag);
	return false;
}

/* Puts the rows of the last statement into the result. */
static void
put_rows(ReturnSetInfo *set, uint64 rows)
{
	uint64		i;

	for (i = 0; i < rows; i++)
		tuplestore_puttuple(set->setResult, SPI_tuptable->vals[i]);
}

/* What order_summary() would say of an order whose lines are all credited and earned. */
static void
put_whole_order(ReturnSetInfo *set, const PlainOrder *order)
{
	Datum		values[OUT_COLUMNS] = {0};
	bool		nulls[OUT_COLUMNS] = {0};

	values[OUT_STATUS] = CStringGetTextDatum("recorded");
	values[OUT_LINE_COUNT] = Int32GetDatum(order->line_count);
	values[OUT_AMOUNT] = Int64GetDatum(order->amount);
	values[OUT_CREDITED] = Int64GetDatum(order->amount);
	values[OUT_UNATTRIBUTED] = Int64GetDatum(0);
	values[OUT_COMMISSION] = Int64GetDatum(order->commission);
	values[OUT_CLAWED_BACK] = Int64GetDatum(0);
	values[OUT_CREATORS] = Int32GetDatum(order->creator_count);
	values[OUT_REFUSED_RETURNS] = Int32GetDatum(0);
	nulls[OUT_REMARKS] = true;
	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

/* record_order(program, visitor, order_ref, lines, ordered_at, currency, details) */
Datum
program_record_order(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	PlainOrder	order = {0};
	Datum		values[ARG_COUNT];
	char		nulls[ARG_COUNT];

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	copy_arguments(fcinfo, values, nulls);
	if (!record_plain_order(fcinfo, &order))
		put_rows(set, plain_order_run(&any_statement, values, nulls, true));
	else if (!order.is_whole)
		put_rows(set, plain_order_run(&summary_statement, values, nulls, true));
	else
		put_whole_order(set, &order);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return (Datum) 0;
}

/*
 * plain_order_store.c
 *	  How a plain order is written: its rows go straight into the tables, as one
 *	  statement would put them there. Also what its statements have in common.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "../attribution/attribution_person.h"
#include "../common/kept_plan.h"
#include "../common/table_writer.h"
#include "plain_order.h"

enum
{
	ORDERS,
	ORDER_LINE,
	CREDIT,
	EARNING,
	LEDGER,
	TABLES
};

/* what the rows of all five begin with */
enum
{
	KEY_VISITOR_ID,
	KEY_PROGRAM_ID,
	KEY_ORDER_REF,
	KEY_COLUMNS
};

#define KEY {"visitor_id", UUIDOID}, {"program_id", INT8OID}, {"order_ref", TEXTOID}

enum
{
	ORDERS_ORDERED_AT = KEY_COLUMNS,
	ORDERS_CURRENCY,
	ORDERS_COMMISSION_POLICY_VERSION,
	ORDERS_CONTENT_HASH,
	ORDERS_DETAILS
};

/* in the order of order_details */
static const WriterColumn orders_columns[] = {
	KEY, {"ordered_at", TIMESTAMPTZOID}, {"currency", BPCHAROID}, {"commission_policy_version", INT4OID}, {"content_hash", BYTEAOID},
	{"country", TEXTOID}, {"device", TEXTOID}, {"experiment", TEXTOID}, {"variant", TEXTOID}, {"holdout", BOOLOID}, {"gift", BOOLOID}
};

#define ORDERS_COLUMNS lengthof(orders_columns)

static const char *const order_details[] = {"country", "device", "experiment", "variant", "holdout", "gift"};

/* in the order of the enum of plain_order.h, after the key */
enum
{
	ORDER_LINE_ORDER_AMOUNT = KEY_COLUMNS + LINE_STORED,
	ORDER_LINE_COLUMNS
};

static const WriterColumn order_line_columns[ORDER_LINE_COLUMNS] = {
	KEY, {"line_no", INT4OID}, {"product_id", INT8OID}, {"category_path", INT8ARRAYOID}, {"quantity", INT8OID}, {"list_price", INT8OID},
	{"paid_price", INT8OID}, {"discount_seller", INT8OID}, {"discount_platform", INT8OID}, {"tax", INT8OID}, {"shipping", INT8OID},
	{"points", INT8OID}, {"gift_card", INT8OID}, {"seller", TEXTOID}, {"cost", INT8OID}, {"new_customer", BOOLOID},
	{"membership", TEXTOID}, {"renewal_no", INT4OID}, {"base_amount", INT8OID}, {"order_amount", INT8OID}
};

/* in the order of the enum of attribution_person.h, after the key */
enum
{
	CREDIT_POLICY_VERSION = KEY_COLUMNS + CREDIT_COLUMNS,
	CREDIT_ORDERED_AT,
	CREDIT_REVISION,
	CREDIT_ROW_COLUMNS
};

static const WriterColumn credit_columns[CREDIT_ROW_COLUMNS] = {
	KEY, {"line_no", INT4OID}, {"touch_ref", TEXTOID}, {"touch_visitor_id", UUIDOID}, {"creator_id", INT8OID}, {"weight", FLOAT8OID},
	{"credit", INT8OID}, {"reason", TEXTOID}, {"touched_at", TIMESTAMPTZOID}, {"touch_position", INT4OID}, {"path_length", INT4OID},
	{"snapshot", JSONBOID}, {"policy_version", INT4OID}, {"ordered_at", TIMESTAMPTZOID}, {"revision", INT4OID}
};

/* in the order of the enum of plain_order.h, after the key */
enum
{
	EARNING_KIND = KEY_COLUMNS + EARNING_COLUMNS,
	EARNING_SEQ,
	EARNING_ROUNDING,
	EARNING_CURRENCY,
	EARNING_ORDERED_AT,
	EARNING_OCCURRED_AT,
	EARNING_AVAILABLE_AT,
	EARNING_PAYOUT_POLICY_VERSION,
	EARNING_REVISION,
	EARNING_ROW_COLUMNS
};

static const WriterColumn earning_columns[EARNING_ROW_COLUMNS] = {
	KEY, {"line_no", INT4OID}, {"creator_id", INT8OID}, {"base", INT8OID}, {"rate_id", INT8OID}, {"rate_version", INT4OID},
	{"rate", NUMERICOID}, {"amount", INT8OID}, {"customer_kind", TEXTOID}, {"tier_id", INT8OID}, {"hold_reason", TEXTOID},
	{"entry_id", UUIDOID}, {"kind", TEXTOID}, {"seq", INT4OID}, {"rounding", TEXTOID}, {"currency", BPCHAROID},
	{"ordered_at", TIMESTAMPTZOID}, {"occurred_at", TIMESTAMPTZOID}, {"available_at", TIMESTAMPTZOID},
	{"payout_policy_version", INT4OID}, {"revision", INT4OID}
};

enum
{
	LEDGER_PARTY_ID = KEY_COLUMNS,
	LEDGER_ENTRY_KEY,
	LEDGER_KIND,
	LEDGER_DEBIT_ACCOUNT,
	LEDGER_CREDIT_ACCOUNT,
	LEDGER_AMOUNT,
	LEDGER_CURRENCY,
	LEDGER_OCCURRED_AT,
	LEDGER_AVAILABLE_AT,
	LEDGER_SOURCE,
	LEDGER_LINE_NO,
	LEDGER_COLUMNS
};

static const WriterColumn ledger_columns[LEDGER_COLUMNS] = {
	KEY, {"party_id", INT8OID}, {"entry_key", TEXTOID}, {"kind", TEXTOID}, {"debit_account", TEXTOID}, {"credit_account", TEXTOID},
	{"amount", INT8OID}, {"currency", BPCHAROID}, {"occurred_at", TIMESTAMPTZOID}, {"available_at", TIMESTAMPTZOID}, {"source", TEXTOID},
	{"line_no", INT4OID}
};

static WriterTable orders_table = {.name = "orders", .columns = orders_columns, .column_count = ORDERS_COLUMNS};
static WriterTable order_line_table = {.name = "order_line", .columns = order_line_columns, .column_count = ORDER_LINE_COLUMNS};
static WriterTable credit_table = {.name = "credit", .columns = credit_columns, .column_count = CREDIT_ROW_COLUMNS};
static WriterTable earning_table = {.name = "earning", .columns = earning_columns, .column_count = EARNING_ROW_COLUMNS};
static WriterTable ledger_table = {.name = "ledger", .columns = ledger_columns, .column_count = LEDGER_COLUMNS};

static WriterTable *const order_tables[TABLES] = {&orders_table, &order_line_table, &credit_table, &earning_table, &ledger_table};

uint64
plain_order_run(PlainStatement *statement, Datum *values, const char *nulls, bool own_snapshot)
{
	SPIPlanPtr	plan = kept_plan(&statement->plan, statement->text, statement->nargs, statement->types, 0);
	int			result = SPI_execute_plan(plan, values, nulls, !own_snapshot, 0);

	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

Datum
plain_order_value(uint64 i, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column, isnull);
}

ArrayType *
plain_order_array(Datum *values, bool *nulls, int count)
{
	int			lower = 1;

	return construct_md_array(values, nulls, 1, &count, &lower, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

void
plain_order_add_credit(PlainOrder *order, const Datum *values, const bool *nulls)
{
	CreditRow  *row;

	if (order->credit_count == order->credit_room)
	{
		order->credit_room = Max(8, 2 * order->credit_room);
		order->credits = order->credits == NULL ? palloc(order->credit_room * sizeof(*order->credits))
			: repalloc_huge(order->credits, order->credit_room * sizeof(*order->credits));
	}
	row = &order->credits[order->credit_count++];
	memcpy(row->values, values, sizeof(row->values));
	memcpy(row->nulls, nulls, sizeof(row->nulls));
}

TableWriter *
plain_order_lock_tables(void)
{
	return table_writer_open(order_tables, TABLES);
}

static void
set_key(const PlainOrder *order, Datum *values)
{
	values[KEY_VISITOR_ID] = UUIDPGetDatum(order->visitor_id);
	values[KEY_PROGRAM_ID] = Int64GetDatum(order->program_id);
	values[KEY_ORDER_REF] = order->order_ref;
}

/* details ->> key; NULL: nothing is said */
static text *
read_detail(const PlainOrder *order, const char *key)
{
	LOCAL_FCINFO(call, 2);
	Datum		value;

	InitFunctionCallInfoData(*call, NULL, 2, InvalidOid, NULL, NULL);
	call->args[0].value = order->details;
	call->args[0].isnull = false;
	call->args[1].value = CStringGetTextDatum(key);
	call->args[1].isnull = false;
	value = jsonb_object_field_text(call);
	return call->isnull ? NULL : DatumGetTextPP(value);
}

static void
store_order(const PlainOrder *order, TableWriter *writer, Datum currency)
{
	Datum		values[ORDERS_COLUMNS];
	bool		nulls[ORDERS_COLUMNS] = {0};
	bool		has_details = JB_ROOT_COUNT(DatumGetJsonbP(order->details)) > 0;
	size_t		i;

	set_key(order, values);
	values[ORDERS_ORDERED_AT] = order->ordered_at;
	values[ORDERS_CURRENCY] = currency;
	values[ORDERS_COMMISSION_POLICY_VERSION] = order->facts[FACT_COMMISSION_POLICY_VERSION];
	values[ORDERS_CONTENT_HASH] = order->facts[FACT_CONTENT_HASH];
	for (i = 0; i < lengthof(order_details); i++)
	{
		size_t		column = ORDERS_DETAILS + i;
		text	   *detail = has_details ? read_detail(order, order_details[i]) : NULL;

		nulls[column] = detail == NULL;
		values[column] = detail == NULL || orders_columns[column].type != BOOLOID ? PointerGetDatum(detail)
			: DirectFunctionCall1(boolin, CStringGetDatum(text_to_cstring(detail)));
	}
	table_writer_put(writer, ORDERS, values, nulls);
}

static void
store_lines(const PlainOrder *order, TableWriter *writer)
{
	Datum		values[ORDER_LINE_COLUMNS];
	bool		nulls[ORDER_LINE_COLUMNS] = {0};
	int			i;

	set_key(order, values);
	for (i = 0; i < order->line_count; i++)
	{
		const PlainLine *line = &order->lines[i];

		memcpy(&values[KEY_COLUMNS], line->values, LINE_STORED * sizeof(*values));
		memcpy(&nulls[KEY_COLUMNS], line->nulls, LINE_STORED * sizeof(*nulls));
		values[ORDER_LINE_ORDER_AMOUNT] = line->values[LINE_AMOUNT];
		table_writer_put(writer, ORDER_LINE, values, nulls);
	}
}

static void
store_credits(const PlainOrder *order, TableWriter *writer)
{
	Datum		values[CREDIT_ROW_COLUMNS];
	bool		nulls[CREDIT_ROW_COLUMNS] = {0};
	int			i;

	set_key(order, values);
	values[CREDIT_POLICY_VERSION] = order->facts[FACT_ATTRIBUTION_POLICY_VERSION];
	values[CREDIT_ORDERED_AT] = order->ordered_at;
	values[CREDIT_REVISION] = Int32GetDatum(0);
	for (i = 0; i < order->credit_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		memcpy(&values[KEY_COLUMNS], order->credits[i].values, sizeof(order->credits[i].values));
		memcpy(&nulls[KEY_COLUMNS], order->credits[i].nulls, sizeof(order->credits[i].nulls));
		table_writer_put(writer, CREDIT, values, nulls);
	}
}

static void
store_earnings(const PlainOrder *order, TableWriter *writer, Datum currency)
{
	Datum		values[EARNING_ROW_COLUMNS];
	bool		nulls[EARNING_ROW_COLUMNS] = {0};
	int			i;

	set_key(order, values);
	values[EARNING_KIND] = CStringGetTextDatum("commission");
	values[EARNING_SEQ] = Int32GetDatum(0);
	values[EARNING_ROUNDING] = order->facts[FACT_ROUNDING];
	values[EARNING_CURRENCY] = currency;
	values[EARNING_ORDERED_AT] = order->ordered_at;
	values[EARNING_OCCURRED_AT] = order->ordered_at;
	values[EARNING_AVAILABLE_AT] = order->facts[FACT_AVAILABLE_AT];
	values[EARNING_PAYOUT_POLICY_VERSION] = order->facts[FACT_PAYOUT_POLICY_VERSION];
	values[EARNING_REVISION] = Int32GetDatum(0);
	for (i = 0; i < order->share_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		memcpy(&values[KEY_COLUMNS], order->shares[i].values, sizeof(order->shares[i].values));
		memcpy(&nulls[KEY_COLUMNS], order->shares[i].nulls, sizeof(order->shares[i].nulls));
		table_writer_put(writer, EARNING, values, nulls);
	}
}

/* As earning_entry_key() and earning_accounts() have it. No such key is there already: it has the entry_id in it, which is new. */
static void
store_entries(const PlainOrder *order, TableWriter *writer, Datum currency)
{
	char	   *order_ref = TextDatumGetCString(order->order_ref);
	Datum		payable = CStringGetTextDatum("payable");
	Datum		platform_revenue = CStringGetTextDatum("platform_revenue");
	Datum		values[LEDGER_COLUMNS];
	bool		nulls[LEDGER_COLUMNS] = {0};
	int			i;

	set_key(order, values);
	values[LEDGER_KIND] = CStringGetTextDatum("commission");
	values[LEDGER_DEBIT_ACCOUNT] = CStringGetTextDatum("expense");
	values[LEDGER_CURRENCY] = currency;
	values[LEDGER_OCCURRED_AT] = order->ordered_at;
	values[LEDGER_AVAILABLE_AT] = order->facts[FACT_AVAILABLE_AT];
	values[LEDGER_SOURCE] = CStringGetTextDatum("line");
	for (i = 0; i < order->share_count; i++)
	{
		const PlainShare *share = &order->shares[i];
		Datum		line_no = share->values[EARNING_LINE_NO];
		char	   *key;

		CHECK_FOR_INTERRUPTS();
		if (DatumGetInt64(share->values[EARNING_AMOUNT]) == 0)
			continue;
		key = psprintf("commission/0/%d/%s/%s", DatumGetInt32(line_no),
					   DatumGetCString(DirectFunctionCall1(uuid_out, share->values[EARNING_ENTRY_ID])), order_ref);
		values[LEDGER_PARTY_ID] = Int64GetDatum(share->creator_id);
		values[LEDGER_ENTRY_KEY] = CStringGetTextDatum(key);
		values[LEDGER_CREDIT_ACCOUNT] = share->creator_id == 0 ? platform_revenue : payable;
		values[LEDGER_AMOUNT] = share->values[EARNING_AMOUNT];
		values[LEDGER_LINE_NO] = line_no;
		table_writer_put(writer, LEDGER, values, nulls);
		pfree(key);
		pfree(DatumGetPointer(values[LEDGER_ENTRY_KEY]));
	}
}

void
plain_order_store(const PlainOrder *order, TableWriter *writer)
{
	Datum		currency = DirectFunctionCall3(bpchar, order->facts[FACT_CURRENCY], Int32GetDatum(VARHDRSZ + 3), BoolGetDatum(false));

	table_writer_begin(writer);
	store_order(order, writer, currency);
	store_lines(order, writer);
	store_credits(order, writer);
	store_earnings(order, writer, currency);
	store_entries(order, writer, currency);
	table_writer_close(writer);
}

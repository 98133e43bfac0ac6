/*
 * plain_order_store.c
 *	  How a plain order is written: all its rows by one statement, which the
 *	  server has to prepare, and whose CHECKs it has to read, once. Rows go into it as
 *	  arrays of records. Also what its statements have in common.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type_d.h"
#include "funcapi.h"
#include "utils/memutils.h"

#include "../attribution/attribution_person.h"
#include "../common/kept_plan.h"
#include "plain_order.h"

typedef struct RecordColumn
{
	const char *name;
	Oid			type;
} RecordColumn;

/* in the order of the enums of plain_order.h and attribution_person.h */
#define LINE_RECORD "line_no int, product_id bigint, category_path bigint[], quantity bigint, list_price bigint, paid_price bigint," \
	" discount_seller bigint, discount_platform bigint, tax bigint, shipping bigint, points bigint, gift_card bigint, seller text," \
	" cost bigint, new_customer boolean, membership text, renewal_no int, amount bigint"

static const RecordColumn line_columns[LINE_STORED] = {
	{"line_no", INT4OID}, {"product_id", INT8OID}, {"category_path", INT8ARRAYOID}, {"quantity", INT8OID}, {"list_price", INT8OID},
	{"paid_price", INT8OID}, {"discount_seller", INT8OID}, {"discount_platform", INT8OID}, {"tax", INT8OID}, {"shipping", INT8OID},
	{"points", INT8OID}, {"gift_card", INT8OID}, {"seller", TEXTOID}, {"cost", INT8OID}, {"new_customer", BOOLOID},
	{"membership", TEXTOID}, {"renewal_no", INT4OID}, {"amount", INT8OID}
};

#define CREDIT_RECORD "line_no int, touch_ref text, touch_visitor_id uuid, creator_id bigint, weight float8, credit bigint, reason text," \
	" touched_at timestamptz, touch_position int, path_length int, snapshot jsonb"

static const RecordColumn credit_columns[CREDIT_COLUMNS] = {
	{"line_no", INT4OID}, {"touch_ref", TEXTOID}, {"touch_visitor_id", UUIDOID}, {"creator_id", INT8OID}, {"weight", FLOAT8OID},
	{"credit", INT8OID}, {"reason", TEXTOID}, {"touched_at", TIMESTAMPTZOID}, {"touch_position", INT4OID}, {"path_length", INT4OID},
	{"snapshot", JSONBOID}
};

#define EARNING_RECORD "line_no int, creator_id bigint, base bigint, rate_id bigint, rate_version int, rate numeric, amount bigint," \
	" customer_kind text, tier_id bigint, hold_reason text, entry_id uuid"

static const RecordColumn earning_columns[EARNING_COLUMNS] = {
	{"line_no", INT4OID}, {"creator_id", INT8OID}, {"base", INT8OID}, {"rate_id", INT8OID}, {"rate_version", INT4OID}, {"rate", NUMERICOID},
	{"amount", INT8OID}, {"customer_kind", TEXTOID}, {"tier_id", INT8OID}, {"hold_reason", TEXTOID}, {"entry_id", UUIDOID}
};

/*
 * $1 visitor, $2 program, $3 order_ref, $4 ordered_at, $5 currency, $6 details, $7 hash, versions of the policies of $8 commission,
 * $9 attribution, $10 payout; $11 lines, $12 credits, $13 earnings; $14 rounding, $15 available_at
 */
static PlainStatement store_statement = {
	"WITH placed AS ("
	"INSERT INTO influence.orders (visitor_id, program_id, order_ref, ordered_at, currency, coupon, country, device, experiment, variant,"
	"                              holdout, gift, content_hash, commission_policy_version)"
	" VALUES ($1, $2, $3, $4, $5, $6 ->> 'coupon', $6 ->> 'country', $6 ->> 'device', $6 ->> 'experiment', $6 ->> 'variant',"
	"         ($6 ->> 'holdout')::boolean, ($6 ->> 'gift')::boolean, $7, $8)"
	"), stored AS ("
	"INSERT INTO influence.order_line (visitor_id, program_id, order_ref, line_no, product_id, category_path, quantity, list_price,"
	"       paid_price, discount_seller, discount_platform, tax, shipping, points, gift_card, seller, cost, new_customer, membership,"
	"       renewal_no, order_amount, base_amount)"
	" SELECT $1, $2, $3, l.line_no, l.product_id, l.category_path, l.quantity, l.list_price, l.paid_price, l.discount_seller,"
	"        l.discount_platform, l.tax, l.shipping, l.points, l.gift_card, l.seller, l.cost, l.new_customer, l.membership,"
	"        l.renewal_no, l.amount, l.amount"
	"   FROM unnest($11) AS l(" LINE_RECORD ")"
	"), credited AS ("
	"INSERT INTO influence.credit (visitor_id, program_id, order_ref, line_no, touch_ref, touch_visitor_id, creator_id, weight, credit,"
	"                              reason, policy_version, touched_at, touch_position, path_length, snapshot, ordered_at, revision)"
	" SELECT $1, $2, $3, c.line_no, c.touch_ref, c.touch_visitor_id, c.creator_id, c.weight, c.credit, c.reason, $9, c.touched_at,"
	"        c.touch_position, c.path_length, c.snapshot, $4, 0"
	"   FROM unnest($12) AS c(" CREDIT_RECORD ")"
	"), earned AS ("
	"INSERT INTO influence.earning (visitor_id, program_id, order_ref, line_no, creator_id, kind, seq, base, rate_id, rate_version, rate,"
	"                               rounding, amount, currency, customer_kind, tier_id, ordered_at, occurred_at, available_at,"
	"                               payout_policy_version, hold_reason, entry_id, revision)"
	" SELECT $1, $2, $3, e.line_no, e.creator_id, 'commission', 0, e.base, e.rate_id, e.rate_version, e.rate, $14, e.amount, $5,"
	"        e.customer_kind, e.tier_id, $4, $4, $15, $10, e.hold_reason, e.entry_id, 0"
	"   FROM unnest($13) AS e(" EARNING_RECORD "))"
	/* no key of an entry is there already: it has the entry_id in it, which is new */
	"INSERT INTO influence.ledger (party_id, program_id, entry_key, kind, debit_account, credit_account, amount, currency, occurred_at,"
	"                              available_at, source, visitor_id, order_ref, line_no)"
	" SELECT e.creator_id, $2, influence_internal.earning_entry_key(e.entry_id, $3, e.line_no, 'commission', 0, 0), 'commission',"
	"        a.cost, a.owed, e.amount, $5, $4, $15, 'line', $1, $3, e.line_no"
	"   FROM unnest($13) AS e(" EARNING_RECORD ")"
	"  CROSS JOIN LATERAL influence_internal.earning_accounts(e.creator_id, 'commission') a"
	"  WHERE e.amount <> 0",
	15, {UUIDOID, INT8OID, TEXTOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, BYTEAOID, INT4OID, INT4OID, INT4OID, RECORDARRAYOID, RECORDARRAYOID,
	RECORDARRAYOID, TEXTOID, TIMESTAMPTZOID}, NULL
};

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

/* A descriptor for rows without a type of their own; made once per session. */
static TupleDesc
describe_record(TupleDesc *kept, const RecordColumn *columns, int count)
{
	if (*kept == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
		TupleDesc	descriptor = CreateTemplateTupleDesc(count);
		int			i;

		for (i = 0; i < count; i++)
			TupleDescInitEntry(descriptor, (AttrNumber) (i + 1), columns[i].name, columns[i].type, -1, 0);
		*kept = BlessTupleDesc(descriptor);
		MemoryContextSwitchTo(old);
	}
	return *kept;
}

static void
add_record(RecordList *list, Datum *values, bool *nulls)
{
	if (list->count == list->room)
	{
		list->room = Max(8, 2 * list->room);
		list->items = list->items == NULL ? palloc(list->room * sizeof(*list->items))
			: repalloc_huge(list->items, list->room * sizeof(*list->items));
	}
	list->items[list->count++] = HeapTupleGetDatum(heap_form_tuple(list->descriptor, values, nulls));
}

static Datum
record_array(const RecordList *list)
{
	return PointerGetDatum(construct_array(list->items, list->count, RECORDOID, -1, false, TYPALIGN_DOUBLE));
}

void
plain_order_add_credit(PlainOrder *order, Datum *values, bool *nulls)
{
	static TupleDesc descriptor = NULL;

	order->credits.descriptor = describe_record(&descriptor, credit_columns, CREDIT_COLUMNS);
	add_record(&order->credits, values, nulls);
}

void
plain_order_store(const PlainOrder *order)
{
	static TupleDesc line_descriptor = NULL;
	static TupleDesc earning_descriptor = NULL;
	RecordList	lines = {0};
	RecordList	earnings = {0};
	Datum		values[15];
	int			i;

	lines.descriptor = describe_record(&line_descriptor, line_columns, LINE_STORED);
	for (i = 0; i < order->line_count; i++)
		add_record(&lines, order->lines[i].values, order->lines[i].nulls);
	earnings.descriptor = describe_record(&earning_descriptor, earning_columns, EARNING_COLUMNS);
	for (i = 0; i < order->share_count; i++)
		add_record(&earnings, order->shares[i].values, order->shares[i].nulls);
	values[0] = UUIDPGetDatum(order->visitor_id);
	values[1] = Int64GetDatum(order->program_id);
	values[2] = order->order_ref;
	values[3] = order->ordered_at;
	values[4] = order->facts[FACT_CURRENCY];
	values[5] = order->details;
	values[6] = order->facts[FACT_CONTENT_HASH];
	values[7] = order->facts[FACT_COMMISSION_POLICY_VERSION];
	values[8] = order->facts[FACT_ATTRIBUTION_POLICY_VERSION];
	values[9] = order->facts[FACT_PAYOUT_POLICY_VERSION];
	values[10] = record_array(&lines);
	values[11] = record_array(&order->credits);
	values[12] = record_array(&earnings);
	values[13] = order->facts[FACT_ROUNDING];
	values[14] = order->facts[FACT_AVAILABLE_AT];
	plain_order_run(&store_statement, values, NULL, true);
}

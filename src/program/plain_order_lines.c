/*
 * plain_order_lines.c
 *	  The lines of an order as most services give them: JSON numbers that are
 *	  whole, and amounts that fit. Whatever else is left to store_order(), which
 *	  reads all that has a meaning, and says what is wrong with the rest.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "common/int.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "plain_order.h"

typedef enum LineKind
{
	KIND_INT4,
	KIND_INT8,
	KIND_AMOUNT,				/* not negative */
	KIND_TEXT,
	KIND_BOOL
} LineKind;

static const struct
{
	const char *key;
	int			column;
	LineKind	kind;
}			line_keys[] = {
	{"line_no", LINE_LINE_NO, KIND_INT4},
	{"product_id", LINE_PRODUCT_ID, KIND_INT8},
	{"quantity", LINE_QUANTITY, KIND_INT8},
	{"paid_price", LINE_PAID_PRICE, KIND_AMOUNT},
	{"sku", LINE_SKU, KIND_TEXT},
	{"list_price", LINE_LIST_PRICE, KIND_AMOUNT},
	{"discount_seller", LINE_DISCOUNT_SELLER, KIND_AMOUNT},
	{"discount_platform", LINE_DISCOUNT_PLATFORM, KIND_AMOUNT},
	{"tax", LINE_TAX, KIND_AMOUNT},
	{"shipping", LINE_SHIPPING, KIND_AMOUNT},
	{"points", LINE_POINTS, KIND_AMOUNT},
	{"gift_card", LINE_GIFT_CARD, KIND_AMOUNT},
	{"seller", LINE_SELLER, KIND_TEXT},
	{"cost", LINE_COST, KIND_INT8},
	{"new_customer", LINE_NEW_CUSTOMER, KIND_BOOL},
	{"membership", LINE_MEMBERSHIP, KIND_TEXT},
	{"renewal_no", LINE_RENEWAL_NO, KIND_INT4},
	{"base_amount", LINE_STATED_AMOUNT, KIND_AMOUNT}
};

/* what a commission policy may take off quantity times price */
static const struct
{
	const char *name;
	int			column;
}			deductions[] = {
	{"discount_seller", LINE_DISCOUNT_SELLER},
	{"discount_platform", LINE_DISCOUNT_PLATFORM},
	{"tax", LINE_TAX},
	{"shipping", LINE_SHIPPING},
	{"points", LINE_POINTS},
	{"gift_card", LINE_GIFT_CARD}
};

/* A whole number of at most 18 digits that is written without a fraction. */
static bool
read_number(Numeric number, int64 *result)
{
	char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	bool		negative = *digits == '-';
	const char *c = digits + negative;
	int64		value = 0;
	int			count = 0;

	for (; *c >= '0' && *c <= '9' && count < 18; c++, count++)
		value = 10 * value + (*c - '0');
	*result = negative ? -value : value;
	return count > 0 && *c == '\0';
}

static bool
read_value(PlainLine *line, int column, LineKind kind, const JsonbValue *value)
{
	int64		number;

	if (value->type == jbvNull)
		return true;
	line->nulls[column] = false;
	switch (kind)
	{
		case KIND_TEXT:
			if (value->type != jbvString)
				return false;
			line->values[column] = PointerGetDatum(cstring_to_text_with_len(value->val.string.val, value->val.string.len));
			return true;
		case KIND_BOOL:
			if (value->type != jbvBool)
				return false;
			line->values[column] = BoolGetDatum(value->val.boolean);
			return true;
		case KIND_INT4:
			if (value->type != jbvNumeric || !read_number(value->val.numeric, &number) || number < PG_INT32_MIN || number > PG_INT32_MAX)
				return false;
			line->values[column] = Int32GetDatum((int32) number);
			return true;
		case KIND_INT8:
		case KIND_AMOUNT:
			if (value->type != jbvNumeric || !read_number(value->val.numeric, &number) || (kind == KIND_AMOUNT && number < 0))
				return false;
			line->values[column] = Int64GetDatum(number);
			return true;
	}
	return false;
}

static bool
read_line(PlainLine *line, JsonbContainer *source)
{
	JsonbIterator *iterator = JsonbIteratorInit(source);
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		size_t		i;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &value, true);
		for (i = 0; i < lengthof(line_keys); i++)
		{
			if ((size_t) key.val.string.len == strlen(line_keys[i].key) &&
				memcmp(key.val.string.val, line_keys[i].key, key.val.string.len) == 0)
				break;
		}
		if (i == lengthof(line_keys) || !read_value(line, line_keys[i].column, line_keys[i].kind, &value))
			return false;
	}
	return !line->nulls[LINE_LINE_NO] && DatumGetInt32(line->values[LINE_LINE_NO]) > 0 &&
		!line->nulls[LINE_QUANTITY] && DatumGetInt64(line->values[LINE_QUANTITY]) > 0 &&
		(!line->nulls[LINE_PAID_PRICE] || !line->nulls[LINE_STATED_AMOUNT]) &&
		(line->nulls[LINE_PRODUCT_ID] || line->nulls[LINE_SKU]);
}

/* What a line earns by: stated, or quantity times price less what the policy takes off. */
static bool
line_amount(const PlainLine *line, const bool *deducted, int64 *result)
{
	int128		amount;
	size_t		i;

	if (!line->nulls[LINE_STATED_AMOUNT])
	{
		*result = DatumGetInt64(line->values[LINE_STATED_AMOUNT]);
		return true;
	}
	amount = (int128) DatumGetInt64(line->values[LINE_QUANTITY]) * DatumGetInt64(line->values[LINE_PAID_PRICE]);
	for (i = 0; i < lengthof(deductions); i++)
	{
		if (deducted[i] && !line->nulls[deductions[i].column])
			amount -= DatumGetInt64(line->values[deductions[i].column]);
	}
	*result = amount > 0 ? (int64) amount : 0;
	return amount <= PG_INT64_MAX;
}

/* Columns that are 0 when nothing is said. */
static void
fill_zeros(PlainLine *line)
{
	int			column;

	for (column = LINE_PAID_PRICE; column <= LINE_GIFT_CARD; column++)
	{
		if (line->nulls[column])
			line->values[column] = Int64GetDatum(0);
		line->nulls[column] = false;
	}
}

static void
read_deductions(const PlainOrder *order, bool *deducted)
{
	Datum	   *names;
	bool	   *nulls;
	int			count;
	int			i;
	size_t		k;

	memset(deducted, 0, lengthof(deductions) * sizeof(*deducted));
	deconstruct_array(DatumGetArrayTypeP(order->facts[FACT_BASE_LESS]), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &count);
	for (i = 0; i < count; i++)
	{
		for (k = 0; k < lengthof(deductions) && !nulls[i]; k++)
		{
			text	   *name = DatumGetTextPP(names[i]);

			if (VARSIZE_ANY_EXHDR(name) == strlen(deductions[k].name) &&
				memcmp(VARDATA_ANY(name), deductions[k].name, VARSIZE_ANY_EXHDR(name)) == 0)
				deducted[k] = true;
		}
	}
}

static CustomerKind
customer_kind(const PlainLine *line)
{
	if (!line->nulls[LINE_RENEWAL_NO] && DatumGetInt32(line->values[LINE_RENEWAL_NO]) > 0)
		return CUSTOMER_RETURNING;
	if (line->nulls[LINE_NEW_CUSTOMER])
		return CUSTOMER_UNKNOWN;
	return DatumGetBool(line->values[LINE_NEW_CUSTOMER]) ? CUSTOMER_NEW : CUSTOMER_RETURNING;
}

/* two lines with one number are has_plain_lines()' affair */
bool
plain_order_read_lines(PlainOrder *order, Datum lines)
{
	Jsonb	   *array = DatumGetJsonbP(lines);
	JsonbIterator *iterator = JsonbIteratorInit(&array->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	bool		deducted[lengthof(deductions)];

	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array) || JB_ROOT_COUNT(array) > PLAIN_MAX_ROWS)
		return false;
	read_deductions(order, deducted);
	order->lines = palloc0(Max(JB_ROOT_COUNT(array), 1) * sizeof(*order->lines));
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		PlainLine  *line = &order->lines[order->line_count];
		int64		amount;

		if (token != WJB_ELEM)
			continue;
		CHECK_FOR_INTERRUPTS();
		memset(line->nulls, true, sizeof(line->nulls));
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data) || !read_line(line, value.val.binary.data) || !line_amount(line, deducted, &amount) ||
			pg_add_s64_overflow(order->amount, amount, &order->amount))
			return false;
		fill_zeros(line);
		line->values[LINE_AMOUNT] = Int64GetDatum(amount);
		line->nulls[LINE_AMOUNT] = false;
		line->customer_kind = customer_kind(line);
		order->line_count++;
	}
	return order->line_count > 0;
}

static PlainStatement product_statement = {
	"SELECT x.product_id FROM influence.product x WHERE x.sku = $1",
	1, {TEXTOID}, NULL
};

/*
 * The category paths of products $1 at the moment $2, in their order; no row
 * where the rate card has more than percentages that ask nothing of the touches
 * and protect nobody, or something happened to the order before it came. Asked
 * when the order has its transaction id: what is committed later by COPY is
 * found by queue_reattribution().
 */
static PlainStatement path_statement = {
	"SELECT (SELECT x.path FROM influence.product_category x WHERE x.product_id = l.product_id AND x.valid_from <= $2"
	"         ORDER BY x.valid_from DESC LIMIT 1)"
	"  FROM (SELECT unnest($1) AS product_id) l"
	" WHERE NOT EXISTS (SELECT FROM influence.commission_rate r"
	"                    WHERE r.program_id = $3"
	"                      AND (r.directness <> '' OR r.boost <> '' OR r.flat_amount IS NOT NULL OR r.protect_days > 0))"
	"   AND NOT EXISTS (SELECT FROM influence.order_event e WHERE e.program_id = $3 AND e.order_ref = $4)"
	"   AND NOT EXISTS (SELECT FROM influence.order_event e WHERE e.program_id = $3 AND e.replacement_ref = $4)"
	"   AND NOT EXISTS (SELECT FROM influence.order_return r WHERE r.program_id = $3 AND r.order_ref = $4)",
	4, {INT8ARRAYOID, TIMESTAMPTZOID, INT8OID, TEXTOID}, NULL
};

/* The product of a line that names it by its sku; false when there is none. */
static bool
find_product(PlainLine *line)
{
	if (!line->nulls[LINE_PRODUCT_ID])
		return true;
	if (line->nulls[LINE_SKU] || plain_order_run(&product_statement, &line->values[LINE_SKU], NULL, false) == 0)
		return false;
	line->values[LINE_PRODUCT_ID] = plain_order_value(0, 1, &line->nulls[LINE_PRODUCT_ID]);
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/* Keeps the path of a line. */
static void
set_path(PlainLine *line, Datum value)
{
	Datum	   *path;
	bool	   *nulls;
	int			i;

	line->values[LINE_CATEGORY_PATH] = datumCopy(value, false, -1);
	line->nulls[LINE_CATEGORY_PATH] = false;
	deconstruct_array(DatumGetArrayTypeP(line->values[LINE_CATEGORY_PATH]), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &path, &nulls, &line->depth);
	line->path = palloc(Max(line->depth, 1) * sizeof(*line->path));
	for (i = 0; i < line->depth; i++)
		line->path[i] = DatumGetInt64(path[i]);
}

bool
plain_order_look_up(PlainOrder *order)
{
	Datum	   *products = palloc(order->line_count * sizeof(*products));
	Datum		values[4];
	bool		found;
	int			i;

	for (i = 0; i < order->line_count; i++)
	{
		if (!find_product(&order->lines[i]))
			return false;
		products[i] = order->lines[i].values[LINE_PRODUCT_ID];
	}
	values[0] = PointerGetDatum(plain_order_array(products, NULL, order->line_count));
	values[1] = order->ordered_at;
	values[2] = Int64GetDatum(order->program_id);
	values[3] = order->order_ref;
	found = plain_order_run(&path_statement, values, NULL, false) == (uint64) order->line_count;
	for (i = 0; i < order->line_count && found; i++)
	{
		bool		isnull;
		Datum		path = plain_order_value(i, 1, &isnull);

		found = !isnull;
		if (found)
			set_path(&order->lines[i], path);
	}
	SPI_freetuptable(SPI_tuptable);
	return found;
}

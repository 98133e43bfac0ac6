/*
 * order_lines_sql.c
 *	  influence_internal.has_plain_lines(): whether the lines of an order, as
 *	  they are given, have the form that most have.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(program_has_plain_lines);

static const char *const line_keys[] = {
	"base_amount", "cost", "discount_platform", "discount_seller", "gift_card", "line_no", "list_price", "membership",
	"new_customer", "paid_price", "points", "product_id", "quantity", "renewal_no", "seller", "shipping", "sku", "tax"
};

static bool
is_key(const JsonbValue *key, const char *name)
{
	return (size_t) key->val.string.len == strlen(name) && memcmp(key->val.string.val, name, key->val.string.len) == 0;
}

static bool
is_known_key(const JsonbValue *key)
{
	size_t		i;

	for (i = 0; i < lengthof(line_keys); i++)
	{
		if (is_key(key, line_keys[i]))
			return true;
	}
	return false;
}

/* A line with nothing odd but perhaps its values, and its number. */
static bool
is_plain_line(JsonbContainer *line, int32 *line_no)
{
	JsonbIterator *iterator = JsonbIteratorInit(line);
	JsonbIteratorToken token;
	JsonbValue	value;
	bool		has_number = false;
	bool		has_product = false;
	bool		has_sku = false;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		bool		is_number;
		bool		is_product;

		if (token != WJB_KEY)
			continue;
		if (!is_known_key(&value))
			return false;
		is_number = is_key(&value, "line_no");
		is_product = is_key(&value, "product_id");
		has_sku = has_sku || is_key(&value, "sku");
		JsonbIteratorNext(&iterator, &value, true);
		has_product = has_product || (is_product && value.type != jbvNull);
		if (is_number && value.type == jbvNumeric)
		{
			bool		error;

			*line_no = numeric_int4_opt_error(value.val.numeric, &error);
			has_number = !error;
		}
	}
	return has_number && !(has_product && has_sku);
}

static int
compare_numbers(const void *a, const void *b)
{
	int32		first = *(const int32 *) a;
	int32		second = *(const int32 *) b;

	return first < second ? -1 : first > second ? 1 : 0;
}

Datum
program_has_plain_lines(PG_FUNCTION_ARGS)
{
	Jsonb	   *lines = PG_GETARG_JSONB_P(0);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	int32	   *numbers;
	uint32		count = 0;
	uint32		i;

	if (!JB_ROOT_IS_ARRAY(lines) || JB_ROOT_IS_SCALAR(lines))
		PG_RETURN_BOOL(false);
	numbers = palloc(Max(JB_ROOT_COUNT(lines), 1) * sizeof(*numbers));
	iterator = JsonbIteratorInit(&lines->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data) ||
			!is_plain_line(value.val.binary.data, &numbers[count]))
			PG_RETURN_BOOL(false);
		count++;
	}
	qsort(numbers, count, sizeof(*numbers), compare_numbers);
	for (i = 1; i < count; i++)
	{
		if (numbers[i] == numbers[i - 1])
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

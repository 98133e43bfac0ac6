/*
 * attribution_orders_core.c
 *	  The lines of a visitor as orders: when each happened, and what the
 *	  earlier ones left of the visitor's touches.
 *
 * An order happens at the earliest moment of its lines. Orders follow each
 * other by that moment, then by their smallest conversion id, then by their own
 * id: complete as long as conversion ids are unique, so that no input order
 * shows.
 */
#include "attribution_orders_core.h"
#include "attribution_compare.h"

/* lines without an order come last, each an order of its own */
static int
compare_orders(const AttributionConversion *x, const AttributionConversion *y)
{
	int			order;

	if (x->has_order != y->has_order)
		return x->has_order ? -1 : 1;
	if (!x->has_order)
		return 0;
	order = compare_uint64(x->order_high, y->order_high);
	if (order == 0)
		order = compare_uint64(x->order_low, y->order_low);
	return order;
}

static bool
same_order(const AttributionConversion *x, const AttributionConversion *y)
{
	return x->has_order && y->has_order &&
		x->order_high == y->order_high && x->order_low == y->order_low;
}

int
attribution_line_compare_order(const void *a, const void *b)
{
	const AttributionConversion *x = a;
	const AttributionConversion *y = b;
	int			order = compare_orders(x, y);

	if (order == 0)
		order = compare_int64(x->converted_at, y->converted_at);
	return order;
}

static int
compare_excluded(const AttributionConversion *x, const AttributionConversion *y)
{
	size_t		i;

	if (x->excluded_count != y->excluded_count)
		return x->excluded_count < y->excluded_count ? -1 : 1;
	for (i = 0; i < x->excluded_count; i++)
	{
		if (x->excluded[i] != y->excluded[i])
			return x->excluded[i] < y->excluded[i] ? -1 : 1;
	}
	return 0;
}

/*
 * What comes after the ids tells lines apart that share theirs; lines that are
 * equal in all of it are credited alike.
 */
int
attribution_line_compare_time(const void *a, const void *b)
{
	const AttributionConversion *x = a;
	const AttributionConversion *y = b;
	int			order;

	order = compare_int64(x->converted_at, y->converted_at);
	if (order == 0)
		order = compare_int64(x->order_first_id, y->order_first_id);
	if (order == 0)
		order = compare_orders(x, y);
	if (order == 0)
		order = compare_int64(x->conversion_id, y->conversion_id);
	if (order == 0)
		order = compare_int64(x->has_product, y->has_product);
	if (order == 0)
		order = compare_int64(x->product_id, y->product_id);
	if (order == 0)
		order = compare_int64(x->has_category, y->has_category);
	if (order == 0)
		order = compare_int64(x->category_id, y->category_id);
	if (order == 0)
		order = compare_int64(x->has_amount, y->has_amount);
	if (order == 0)
		order = compare_int64(x->amount, y->amount);
	if (order == 0)
		order = compare_excluded(x, y);
	return order;
}

int
attribution_line_compare_product(const void *a, const void *b)
{
	const AttributionConversion *x = *(AttributionConversion *const *) a;
	const AttributionConversion *y = *(AttributionConversion *const *) b;
	int			order;

	order = compare_int64(x->has_product, y->has_product);
	if (order == 0 && x->has_product)
		order = compare_int64(x->product_id, y->product_id);
	if (order == 0)
		order = compare_uint64(x->order_number, y->order_number);
	return order;
}

/* Lines come order by order, the earliest of each first. */
void
attribution_orders_date(AttributionConversion *lines, size_t n)
{
	size_t		i = 0;

	while (i < n)
	{
		int64_t		moment = lines[i].converted_at;
		int64_t		first_id = lines[i].conversion_id;
		size_t		end = i + 1;

		for (; end < n && same_order(&lines[i], &lines[end]); end++)
		{
			if (lines[end].conversion_id < first_id)
				first_id = lines[end].conversion_id;
		}
		for (; i < end; i++)
		{
			lines[i].converted_at = moment;
			lines[i].order_first_id = first_id;
		}
	}
}

/* Lines come by time. A line's path begins where the order before it was. */
void
attribution_orders_number(AttributionConversion *lines, size_t n)
{
	int64_t		path_start = INT64_MIN;
	size_t		number = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (i > 0 && !same_order(&lines[i - 1], &lines[i]))
		{
			path_start = lines[i - 1].converted_at;
			number++;
		}
		lines[i].order_number = number;
		lines[i].path_start = path_start;
		lines[i].cart_start = INT64_MIN;
	}
}

/* Lines come product by product, by order within each. */
void
attribution_orders_carts(AttributionConversion **lines, size_t n)
{
	size_t		i;

	for (i = 1; i < n; i++)
	{
		const AttributionConversion *before = lines[i - 1];

		if (!lines[i]->has_product || !before->has_product ||
			before->product_id != lines[i]->product_id)
			continue;
		lines[i]->cart_start = before->order_number == lines[i]->order_number
			? before->cart_start : before->converted_at;
	}
}

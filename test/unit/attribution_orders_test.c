/*
 * attribution_orders_test.c
 *	  Lines of a visitor as orders: by hand, and random ones against the rules
 *	  written down naively.
 */
#include "../../src/attribution/attribution_orders_core.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_LINES 12

static uint64_t state = 88172645463325252U;

static uint64_t
next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* order 0: an order of its own; product 0: none */
static AttributionConversion
line(int64_t at, int64_t id, uint64_t order, int64_t product)
{
	AttributionConversion result = {.converted_at = at,.conversion_id = id,.order_first_id = id,
		.order_high = order >> 1,.order_low = order & 1,.has_order = order != 0,
		.product_id = product,.has_product = product != 0};

	return result;
}

/* as a binding does it */
static void
prepare(AttributionConversion *lines, size_t n)
{
	AttributionConversion *by_product[MAX_LINES];
	size_t		i;

	qsort(lines, n, sizeof(*lines), attribution_line_compare_order);
	attribution_orders_date(lines, n);
	qsort(lines, n, sizeof(*lines), attribution_line_compare_time);
	attribution_orders_number(lines, n);
	for (i = 0; i < n; i++)
		by_product[i] = &lines[i];
	qsort(by_product, n, sizeof(by_product[0]), attribution_line_compare_product);
	attribution_orders_carts(by_product, n);
}

/* "id@moment#order path_start cart_start" of each line, "-" for nothing */
static const char *
describe(const AttributionConversion *lines, size_t n)
{
	static char text[4096];
	size_t		length = 0;
	size_t		i;

	text[0] = '\0';
	for (i = 0; i < n; i++)
	{
		length += (size_t) sprintf(text + length, "%s%" PRId64 "@%" PRId64 "#%zu", i > 0 ? ", " : "",
								   lines[i].conversion_id, lines[i].converted_at, lines[i].order_number);
		length += (size_t) (lines[i].path_start == INT64_MIN ? sprintf(text + length, " -")
							: sprintf(text + length, " %" PRId64, lines[i].path_start));
		length += (size_t) (lines[i].cart_start == INT64_MIN ? sprintf(text + length, " -")
							: sprintf(text + length, " %" PRId64, lines[i].cart_start));
	}
	return text;
}

static void
test_by_hand(void)
{
	AttributionConversion alone[] = {line(10, 1, 0, 5)};
	AttributionConversion own[] = {line(20, 1, 0, 0), line(10, 3, 0, 0), line(10, 2, 0, 0)};
	AttributionConversion several[] = {line(30, 1, 7, 5), line(10, 4, 7, 6), line(20, 2, 8, 5), line(40, 3, 9, 6), line(40, 5, 9, 6)};
	AttributionConversion instant[] = {line(10, 3, 5, 1), line(10, 9, 4, 1), line(10, 2, 4, 2), line(10, 1, 6, 1)};
	AttributionConversion none[] = {line(10, 1, 0, 5), line(20, 2, 0, 0), line(30, 3, 0, 5)};

	prepare(alone, 0);
	ok(true, "no lines at all");
	prepare(alone, COUNT(alone));
	is_str(describe(alone, COUNT(alone)), "1@10#0 - -", "a line alone has nothing before it");

	prepare(own, COUNT(own));
	is_str(describe(own, COUNT(own)), "2@10#0 - -, 3@10#1 10 -, 1@20#2 10 -",
		   "lines without an order are orders, at one moment by their ids");

	/* order 7 happens at 10, with line 1; line 2 of order 8 comes after it, and has product 5, too */
	prepare(several, COUNT(several));
	is_str(describe(several, COUNT(several)), "1@10#0 - -, 4@10#0 - -, 2@20#1 10 10, 3@40#2 20 10, 5@40#2 20 10",
		   "an order happens with its first line, its lines consume nothing of each other");

	/* smallest ids: order 6 has 1, order 4 has 2, order 5 has 3 */
	prepare(instant, COUNT(instant));
	is_str(describe(instant, COUNT(instant)), "1@10#0 - -, 2@10#1 10 -, 9@10#1 10 10, 3@10#2 10 10",
		   "orders of one moment go by their smallest id");

	prepare(none, COUNT(none));
	is_str(describe(none, COUNT(none)), "1@10#0 - -, 2@20#1 10 -, 3@30#2 20 10",
		   "a line without product consumes no cart");
}

static bool
same_order(const AttributionConversion *a, const AttributionConversion *b)
{
	if (a == b)
		return true;
	return a->has_order && b->has_order && a->order_high == b->order_high && a->order_low == b->order_low;
}

/* the moment and smallest id of the order of line i, of the lines as they came */
static void
order_of(const AttributionConversion *lines, size_t n, size_t i, int64_t *moment, int64_t *first_id)
{
	size_t		j;

	*moment = INT64_MAX;
	*first_id = INT64_MAX;
	for (j = 0; j < n; j++)
	{
		if (!same_order(&lines[i], &lines[j]))
			continue;
		if (lines[j].converted_at < *moment)
			*moment = lines[j].converted_at;
		if (lines[j].conversion_id < *first_id)
			*first_id = lines[j].conversion_id;
	}
}

/* One line of the result against what the rules say of it. */
static bool
line_is_right(const AttributionConversion *lines, size_t n, size_t i, const AttributionConversion *got)
{
	int64_t		moment;
	int64_t		first_id;
	int64_t		path_start = INT64_MIN;
	int64_t		cart_start = INT64_MIN;
	size_t		j;

	order_of(lines, n, i, &moment, &first_id);
	for (j = 0; j < n; j++)
	{
		int64_t		other_moment;
		int64_t		other_id;

		order_of(lines, n, j, &other_moment, &other_id);
		if (same_order(&lines[i], &lines[j]) || other_moment > moment ||
			(other_moment == moment && other_id > first_id))
			continue;
		if (other_moment > path_start)
			path_start = other_moment;
		if (lines[i].has_product && lines[j].has_product && lines[i].product_id == lines[j].product_id &&
			other_moment > cart_start)
			cart_start = other_moment;
	}
	return got->conversion_id == lines[i].conversion_id && got->converted_at == moment &&
		got->path_start == path_start && got->cart_start == cart_start;
}

static bool
random_lines_are_right(void)
{
	AttributionConversion lines[MAX_LINES];
	AttributionConversion got[MAX_LINES];
	AttributionConversion again[MAX_LINES];
	size_t		n = next_random() % (MAX_LINES + 1);
	int64_t		ids[MAX_LINES];
	bool		right = true;
	size_t		i;
	size_t		j;

	/* ids are unique, in no order */
	for (i = 0; i < n; i++)
	{
		j = next_random() % (i + 1);
		ids[i] = ids[j];
		ids[j] = (int64_t) i - 5;
	}
	for (i = 0; i < n; i++)
		lines[i] = line((int64_t) (next_random() % 6), ids[i], next_random() % 5, (int64_t) (next_random() % 4));
	memcpy(got, lines, sizeof(lines[0]) * n);
	prepare(got, n);
	for (i = 0; i < n; i++)
	{
		for (j = 0; j < n && lines[j].conversion_id != got[i].conversion_id; j++)
			;
		right = right && j < n && line_is_right(lines, n, j, &got[i]);
		if (i > 0)
			right = right && got[i].order_number - got[i - 1].order_number <= 1 && got[i - 1].converted_at <= got[i].converted_at;
	}

	/* whatever the order they came in */
	for (i = 0; i < n; i++)
		again[i] = lines[n - 1 - i];
	prepare(again, n);
	for (i = 0; i < n; i++)
		right = right && got[i].conversion_id == again[i].conversion_id && got[i].converted_at == again[i].converted_at &&
			got[i].order_number == again[i].order_number && got[i].path_start == again[i].path_start &&
			got[i].cart_start == again[i].cart_start;
	return right;
}

int
main(void)
{
	bool		right = true;
	int			i;

	test_by_hand();
	for (i = 0; i < 50000; i++)
		right = right && random_lines_are_right();
	ok(right, "50000 visitors of up to 12 lines");
	return done_testing();
}

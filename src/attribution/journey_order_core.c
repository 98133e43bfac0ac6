/*
 * journey_order_core.c
 *	  The order of the events of a journey: total, so that a set of events has
 *	  one form whatever rows it came from.
 */
#include "attribution_compare.h"
#include "journey_core.h"

static int
compare_excluded(const JourneyEvent *a, const JourneyEvent *b)
{
	JourneyReader read_a;
	JourneyReader read_b;
	int64_t		id_a;
	int64_t		id_b;
	int			order = 0;

	journey_ids_read(a, &read_a);
	journey_ids_read(b, &read_b);
	while (order == 0)
	{
		bool		more_a = journey_ids_next(&read_a, &id_a);
		bool		more_b = journey_ids_next(&read_b, &id_b);

		if (!more_a || !more_b)
			return compare_int64(more_a, more_b);
		order = compare_int64(id_a, id_b);
	}
	return order;
}

/*
 * Touches stand as in a path (attribution_touch_compare), conversions behind
 * the touches of their instant.
 */
int
journey_event_compare(const JourneyEvent *a, const JourneyEvent *b)
{
	int			order;

	order = compare_int64(a->at, b->at);
	if (order == 0)
		order = compare_int64(a->kind, b->kind);
	if (order == 0)
		order = compare_int64(a->id, b->id);
	if (order == 0)
		order = compare_nullable(a->has_creator, a->creator_id,
								 b->has_creator, b->creator_id);
	if (order == 0)
		order = compare_nullable(a->has_product, a->product_id,
								 b->has_product, b->product_id);
	if (order == 0)
		order = compare_nullable(a->has_category, a->category_id,
								 b->has_category, b->category_id);
	if (order == 0)
		order = compare_int64(a->is_direct, b->is_direct);
	if (order == 0)
		order = compare_int64(a->weight, b->weight);
	if (order == 0)
		order = compare_nullable(a->has_order, a->order_id,
								 b->has_order, b->order_id);
	if (order == 0)
		order = compare_nullable(a->has_amount, a->amount,
								 b->has_amount, b->amount);
	if (order == 0)
		order = compare_excluded(a, b);
	return order;
}

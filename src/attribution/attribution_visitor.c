/*
 * attribution_visitor.c
 *	  One visitor: its order lines put in order, each credited by the core.
 *
 * The engine, attribute_journey() and credit_order() all come through here, so
 * they agree row for row.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "attribution_orders_core.h"
#include "attribution_visitor.h"

#define INITIAL_CAPACITY 64
#define KEPT_CAPACITY 65536		/* more is given back after its visitor */

void
attribution_workspace_init(AttributionWorkspace *workspace, MemoryContext context)
{
	memset(workspace, 0, sizeof(*workspace));
	workspace->context = context;
}

static void *
allocate_array(MemoryContext context, size_t count, size_t size)
{
	if (count > MaxAllocHugeSize / size)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a visitor has too many touches")));
	return MemoryContextAllocHuge(context, count * size);
}

static void
free_room(AttributionRoom *room)
{
	if (room->capacity > 0)
	{
		pfree(room->touch);
		pfree(room->position);
		pfree(room->weight);
		pfree(room->credit);
		pfree(room->scratch);
		if (room->slots != NULL)
			pfree(room->slots);
	}
	memset(room, 0, sizeof(*room));
}

/* Gives back what a long path needed. */
void
attribution_workspace_trim(AttributionWorkspace *workspace)
{
	if (workspace->room.capacity > KEPT_CAPACITY)
		free_room(&workspace->room);
}

static void
make_room(AttributionWorkspace *workspace)
{
	AttributionRoom *room = &workspace->room;
	MemoryContext context = workspace->context;
	size_t		capacity = INITIAL_CAPACITY;

	/* ends: room_needed is at most ATTRIBUTION_MAX_PATH */
	while (capacity < workspace->path.room_needed)
		capacity *= 2;

	/* counts as empty until all of it is there: an error frees the context */
	free_room(room);
	room->touch = allocate_array(context, capacity, sizeof(*room->touch));
	room->position = allocate_array(context, capacity, sizeof(*room->position));
	room->weight = allocate_array(context, capacity, sizeof(*room->weight));
	room->credit = allocate_array(context, capacity, sizeof(*room->credit));
	room->scratch = allocate_array(context, capacity, sizeof(*room->scratch));
	if (workspace->path.slots_needed)
		room->slots = allocate_array(context, capacity * ATTRIBUTION_SLOTS_PER_ROW,
									 sizeof(*room->slots));
	room->capacity = capacity;
}

void
attribution_credit(AttributionWorkspace *workspace, const AttributionRules *rules,
				   const AttributionTouch *touches, size_t ntouches,
				   const AttributionConversion *conversion)
{
	AttributionPath *path = &workspace->path;

	attribution_path_start(path, rules, touches, ntouches, conversion);
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		switch (attribution_path_step(path, &workspace->room))
		{
			case ATTRIBUTION_WORKING:
				break;
			case ATTRIBUTION_NEEDS_ROOM:
				make_room(workspace);
				break;
			case ATTRIBUTION_DONE:
				return;
			case ATTRIBUTION_TOO_LONG:
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("conversion " INT64_FORMAT " has more than %d eligible touches",
								(int64) conversion->conversion_id,
								ATTRIBUTION_MAX_PATH)));
				break;
			case ATTRIBUTION_TOO_HEAVY:
				ereport(ERROR,
						(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
						 errmsg("the weights of conversion " INT64_FORMAT " add up to more than 9223372036.854775807",
								(int64) conversion->conversion_id),
						 errhint("Only their ratio counts: scale column \"weight\" down.")));
				break;
			case ATTRIBUTION_BAD_WEIGHTS:
				elog(ERROR, "attribution weights out of bounds");
				break;
		}
	}
}

static int
compare_order(const void *a, const void *b, void *arg)
{
	return attribution_line_compare_order(a, b);
}

static int
compare_time(const void *a, const void *b, void *arg)
{
	return attribution_line_compare_time(a, b);
}

static int
compare_product(const void *a, const void *b, void *arg)
{
	return attribution_line_compare_product(a, b);
}

static int
compare_touches(const void *a, const void *b, void *arg)
{
	return attribution_touch_compare(a, b);
}

void
attribution_sort_touches(AttributionTouch *touches, size_t n)
{
	qsort_interruptible(touches, n, sizeof(*touches), compare_touches, NULL);
}

static void
find_carts(MemoryContext context, AttributionConversion *lines, size_t n)
{
	AttributionConversion **by_product = allocate_array(context, n, sizeof(AttributionConversion *));
	size_t		i;

	for (i = 0; i < n; i++)
		by_product[i] = &lines[i];
	qsort_interruptible(by_product, n, sizeof(AttributionConversion *), compare_product, NULL);
	attribution_orders_carts(by_product, n);
	pfree(by_product);
}

/*
 * Lines come in any order, with what the query said; they go by time, with the
 * moment of their order, their windows, and what earlier orders consumed.
 */
void
attribution_visitor_prepare(const AttributionPolicy *policy, MemoryContext context,
							AttributionConversion *lines, size_t n, bool have_carts)
{
	bool		have_orders = false;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		lines[i].order_first_id = lines[i].conversion_id;
		have_orders |= lines[i].has_order;
	}
	if (n > 1)
	{
		if (have_orders)
		{
			qsort_interruptible(lines, n, sizeof(*lines), compare_order, NULL);
			attribution_orders_date(lines, n);
		}
		qsort_interruptible(lines, n, sizeof(*lines), compare_time, NULL);
	}

	attribution_orders_number(lines, n);
	if (have_carts && n > 1 && policy->rules.reuse != ATTRIBUTION_REUSE)
		find_carts(context, lines, n);

	for (i = 0; i < n; i++)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		attribution_policy_windows(policy, &lines[i]);
	}
}

/*
 * attribution_core.c
 *	  The credit models and the rules of windows, views, carts and exclusion.
 *
 * A conversion is credited in three passes: count the eligible touches (the
 * models need the length of the path), give each its integer weight, split the
 * amount by largest remainder. Two bisections first narrow the touches to the
 * widest window, so that a long history costs nothing.
 *
 * Models: the rule-based ones of web analytics. The position-based (U-shaped)
 * weights are kept in integers by multiplying first and last with the number
 * of middle touches instead of dividing the middle by it.
 */
#include "attribution_core.h"

/* cost of one step, in comparisons: well below a millisecond */
#define STEP_COST 16384

static size_t
touches_until(const AttributionTouch *touches, size_t n, int64_t until)
{
	size_t		low = 0;
	size_t		high = n;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (touches[middle].touched_at <= until)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
compare_int64(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int
compare_nullable(bool has_a, int64_t a, bool has_b, int64_t b)
{
	if (has_a != has_b)
		return has_a ? -1 : 1;	/* NULL last, as in ORDER BY */
	return has_a ? compare_int64(a, b) : 0;
}

/*
 * Touch ids need not be unique; creator and product come last only to make
 * the order of such duplicates independent of the input.
 */
int
attribution_touch_compare(const void *a, const void *b)
{
	const AttributionTouch *x = a;
	const AttributionTouch *y = b;
	int			order;

	order = compare_int64(x->touched_at, y->touched_at);
	if (order == 0)
		order = compare_int64(x->kind, y->kind);
	if (order == 0)
		order = compare_int64(x->touch_id, y->touch_id);
	if (order == 0)
		order = compare_nullable(x->has_creator, x->creator_id,
								 y->has_creator, y->creator_id);
	if (order == 0)
		order = compare_nullable(x->has_product, x->product_id,
								 y->has_product, y->product_id);
	return order;
}

static bool
touch_in_window(const AttributionTouch *touch,
				const AttributionConversion *conversion)
{
	if (touch->touched_at <= conversion->window_start[touch->kind])
		return false;
	if (touch->kind != ATTRIBUTION_CART)
		return true;

	/* a cart earns only the carted product */
	return touch->has_product && conversion->has_product &&
		touch->product_id == conversion->product_id;
}

static bool
creator_is_excluded(const AttributionTouch *touch,
					const AttributionConversion *conversion)
{
	size_t		i;

	if (!touch->has_creator)
		return false;
	for (i = 0; i < conversion->excluded_count; i++)
	{
		if (conversion->excluded[i] == touch->creator_id)
			return true;
	}
	return false;
}

/* i counts from 0; 1 <= n <= ATTRIBUTION_MAX_PATH */
static int64_t
position_based_weight(const int64_t *weights, size_t i, size_t n)
{
	if (n == 1)
		return 1;
	if (n == 2)
		return i == 0 ? weights[0] : weights[2];
	if (i == 0)
		return weights[0] * (int64_t) (n - 2);
	if (i == n - 1)
		return weights[2] * (int64_t) (n - 2);
	return weights[1];
}

static int64_t
model_weight(const AttributionRules *rules, size_t i, size_t n)
{
	switch (rules->model)
	{
		case ATTRIBUTION_FIRST_TOUCH:
			return i == 0;
		case ATTRIBUTION_LAST_TOUCH:
			return i == n - 1;
		case ATTRIBUTION_LINEAR:
			return 1;
		case ATTRIBUTION_POSITION_BASED:
			return position_based_weight(rules->position_weights, i, n);
	}
	return 0;
}

/* an upper bound of the touches that get a weight above zero */
static size_t
model_rows(const AttributionRules *rules, size_t n)
{
	switch (rules->model)
	{
		case ATTRIBUTION_FIRST_TOUCH:
		case ATTRIBUTION_LAST_TOUCH:
			return 1;
		case ATTRIBUTION_LINEAR:
		case ATTRIBUTION_POSITION_BASED:
			break;
	}
	return n;
}

static bool
rules_are_bounded(const AttributionRules *rules)
{
	const int64_t *weights = rules->position_weights;
	int			i;

	if (rules->model != ATTRIBUTION_POSITION_BASED)
		return true;
	for (i = 0; i < 3; i++)
	{
		if (weights[i] < 0 || weights[i] > ATTRIBUTION_MAX_WEIGHT_SUM)
			return false;
	}

	/* two touches leave only the first and the last weight */
	return weights[0] + weights[2] > 0 &&
		weights[0] + weights[1] + weights[2] <= ATTRIBUTION_MAX_WEIGHT_SUM;
}

static void
leave_unattributed(AttributionPath *path, AttributionReason reason)
{
	path->reason = reason;
	path->room_needed = 1;
	path->phase = ATTRIBUTION_PHASE_UNATTRIBUTED;
}

void
attribution_path_start(AttributionPath *path, const AttributionRules *rules,
					   const AttributionTouch *touches, size_t ntouches,
					   const AttributionConversion *conversion)
{
	int64_t		widest = conversion->window_start[0];
	int			kind;

	for (kind = 1; kind < ATTRIBUTION_KINDS; kind++)
	{
		if (conversion->window_start[kind] < widest)
			widest = conversion->window_start[kind];
	}

	path->reason = ATTRIBUTION_CREDITED;
	path->path_length = 0;
	path->rows = 0;
	path->weight_sum = 0;
	path->room_needed = 0;
	path->rules = rules;
	path->touches = touches;
	path->conversion = conversion;
	path->end = touches_until(touches, ntouches, conversion->converted_at);
	path->first = touches_until(touches, path->end, widest);
	path->next = path->first;
	path->position = 0;
	path->views = 0;
	path->others = 0;
	path->phase = ATTRIBUTION_PHASE_COUNT;

	if (path->end == 0)
		leave_unattributed(path, ATTRIBUTION_NO_TOUCH);
}

static AttributionProgress
step_count(AttributionPath *path)
{
	size_t		stop = path->end;

	if (stop - path->next > STEP_COST)
		stop = path->next + STEP_COST;

	for (; path->next < stop; path->next++)
	{
		const AttributionTouch *touch = &path->touches[path->next];

		if (!touch_in_window(touch, path->conversion))
			continue;
		if (touch->kind == ATTRIBUTION_VIEW)
			path->views++;
		else
			path->others++;
	}
	if (path->next < path->end)
		return ATTRIBUTION_WORKING;

	/* views count only where nothing stronger is eligible */
	path->path_length = path->others > 0 ? path->others : path->views;
	if (path->path_length > ATTRIBUTION_MAX_PATH)
		return ATTRIBUTION_TOO_LONG;
	if (!rules_are_bounded(path->rules))
		return ATTRIBUTION_BAD_WEIGHTS;

	if (path->path_length == 0)
		leave_unattributed(path, ATTRIBUTION_OUTSIDE_WINDOW);
	else
	{
		path->room_needed = model_rows(path->rules, path->path_length);
		path->next = path->first;
		path->phase = ATTRIBUTION_PHASE_WEIGH;
	}
	return ATTRIBUTION_WORKING;
}

static AttributionProgress
step_weigh(AttributionPath *path, AttributionRoom *room)
{
	const AttributionConversion *conversion = path->conversion;
	bool		skip_views = path->others > 0;
	size_t		cost = 0;

	while (path->position < path->path_length && cost < STEP_COST)
	{
		size_t		index = path->next++;
		const AttributionTouch *touch = &path->touches[index];
		int64_t		weight;

		cost++;
		if (!touch_in_window(touch, conversion) ||
			(skip_views && touch->kind == ATTRIBUTION_VIEW))
			continue;

		weight = model_weight(path->rules, path->position++, path->path_length);
		if (weight == 0)
			continue;

		cost += conversion->excluded_count;
		if (creator_is_excluded(touch, conversion))
		{
			leave_unattributed(path, ATTRIBUTION_EXCLUDED);
			return ATTRIBUTION_WORKING;
		}

		room->touch[path->rows] = index;
		room->position[path->rows] = path->position;
		room->weight[path->rows] = weight;
		path->rows++;
		path->weight_sum += weight;
	}
	if (path->position == path->path_length)
		path->phase = ATTRIBUTION_PHASE_SPLIT;
	return ATTRIBUTION_WORKING;
}

static AttributionProgress
step_split(AttributionPath *path, AttributionRoom *room)
{
	const AttributionConversion *conversion = path->conversion;
	size_t		i;

	if (!conversion->has_amount)
	{
		for (i = 0; i < path->rows; i++)
			room->credit[i] = 0;
	}
	else if (path->rows == 1)
		room->credit[0] = conversion->amount;
	else if (money_split(conversion->amount, room->weight, path->rows,
						 room->credit, room->scratch) != MONEY_OK)
		return ATTRIBUTION_BAD_WEIGHTS;

	path->phase = ATTRIBUTION_PHASE_END;
	return ATTRIBUTION_DONE;
}

/* One row with the full amount, so that reports add up to the orders. */
static AttributionProgress
step_unattributed(AttributionPath *path, AttributionRoom *room)
{
	const AttributionConversion *conversion = path->conversion;

	room->touch[0] = ATTRIBUTION_NONE;
	room->position[0] = 0;
	room->weight[0] = 1;
	room->credit[0] = conversion->has_amount ? conversion->amount : 0;
	path->rows = 1;
	path->weight_sum = 1;
	path->phase = ATTRIBUTION_PHASE_END;
	return ATTRIBUTION_DONE;
}

AttributionProgress
attribution_path_step(AttributionPath *path, AttributionRoom *room)
{
	if (room->capacity < path->room_needed)
		return ATTRIBUTION_NEEDS_ROOM;

	switch (path->phase)
	{
		case ATTRIBUTION_PHASE_COUNT:
			return step_count(path);
		case ATTRIBUTION_PHASE_WEIGH:
			return step_weigh(path, room);
		case ATTRIBUTION_PHASE_SPLIT:
			return step_split(path, room);
		case ATTRIBUTION_PHASE_UNATTRIBUTED:
			return step_unattributed(path, room);
		case ATTRIBUTION_PHASE_END:
			break;
	}
	return ATTRIBUTION_DONE;
}

double
attribution_row_weight(const AttributionPath *path, const AttributionRoom *room,
					   size_t row)
{
	return (double) room->weight[row] / (double) path->weight_sum;
}

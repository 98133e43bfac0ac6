/*
 * attribution_core.c
 *	  The passes that turn a path into credits.
 *
 * A conversion is credited in passes: find whose session it is (where sessions
 * count), count the eligible touches (the models need the length of the path),
 * give each its integer weight, split the amount by largest remainder. Two
 * bisections first narrow the touches to the widest window, so that a long
 * history costs nothing.
 */
#include "attribution_core.h"
#include "attribution_compare.h"
#include "attribution_eligible.h"
#include "attribution_weigh.h"

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

/*
 * Touch ids need not be unique; what comes after them only makes the order of
 * such duplicates independent of the input.
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
	if (order == 0)
		order = compare_nullable(x->has_category, x->category_id,
								 y->has_category, y->category_id);
	if (order == 0)
		order = compare_int64(x->is_direct, y->is_direct);
	if (order == 0)
		order = compare_int64(x->weight, y->weight);
	if (order == 0)
		order = compare_int64(x->is_late, y->is_late);
	return order;
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
clear_class(AttributionClass *class)
{
	class->count = 0;
	class->first = ATTRIBUTION_NONE;
	class->last = ATTRIBUTION_NONE;
	class->indirect = ATTRIBUTION_NONE;
	class->indirect_position = 0;
	class->creator = ATTRIBUTION_NONE;
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
	path->slots_needed = false;
	path->rules = rules;
	path->touches = touches;
	path->conversion = conversion;
	path->end = touches_until(touches, ntouches, conversion->converted_at);
	path->first = touches_until(touches, path->end, widest);
	path->position = 0;
	path->owner = ATTRIBUTION_NONE;
	path->rival = ATTRIBUTION_NONE;
	path->saw_consumed = false;
	path->saw_late = false;
	clear_class(&path->views);
	clear_class(&path->others);

	if (path->end == 0)
		attribution_leave(path, ATTRIBUTION_NO_TOUCH);
	else if (rules->reuse == ATTRIBUTION_SESSION)
	{
		path->next = path->end;
		path->phase = ATTRIBUTION_PHASE_SESSION;
	}
	else
	{
		path->next = path->first;
		path->phase = ATTRIBUTION_PHASE_COUNT;
	}
}

/*
 * Whose session is it? Backwards: the last creator's click owns it, the last
 * click of another creator before that began where the owner's session did.
 * Touches before the windows need not be asked: nothing older is eligible.
 */
static AttributionProgress
step_session(AttributionPath *path)
{
	size_t		stop = path->first;

	if (path->next - stop > ATTRIBUTION_STEP_COST)
		stop = path->next - ATTRIBUTION_STEP_COST;

	while (path->next > stop && path->rival == ATTRIBUTION_NONE)
	{
		const AttributionTouch *touch = &path->touches[--path->next];

		if (!opens_session(touch) || !touch->has_creator || touch->is_late)
			continue;
		if (path->owner == ATTRIBUTION_NONE)
			path->owner = path->next;
		else if (touch->creator_id != path->touches[path->owner].creator_id)
			path->rival = path->next;
	}

	if (path->next == path->first || path->rival != ATTRIBUTION_NONE)
	{
		path->next = path->first;
		path->phase = ATTRIBUTION_PHASE_COUNT;
	}
	return ATTRIBUTION_WORKING;
}

static void
count_touch(AttributionClass *class, const AttributionTouch *touch, size_t index)
{
	if (class->count == 0)
		class->first = index;
	class->count++;
	class->last = index;
	if (!touch->is_direct)
	{
		class->indirect = index;
		class->indirect_position = class->count;
	}
	if (touch->has_creator)
		class->creator = index;
}

/* nothing is eligible: why not? */
static AttributionReason
absence_reason(const AttributionPath *path)
{
	if (path->saw_late)
		return ATTRIBUTION_LATE;
	if (path->saw_consumed)
		return ATTRIBUTION_CONSUMED;
	return ATTRIBUTION_OUTSIDE_WINDOW;
}

static AttributionProgress
step_count(AttributionPath *path)
{
	const AttributionClass *class;
	size_t		stop = path->end;

	if (stop - path->next > ATTRIBUTION_STEP_COST)
		stop = path->next + ATTRIBUTION_STEP_COST;

	for (; path->next < stop; path->next++)
	{
		const AttributionTouch *touch = &path->touches[path->next];
		bool		consumed = touch_is_consumed(path, touch);

		if ((consumed && touch->is_late) || !touch_is_open(path, path->next))
			continue;
		if (touch->is_late)
			path->saw_late = true;
		else if (consumed)
			path->saw_consumed = true;
		else
			count_touch(touch->kind == ATTRIBUTION_VIEW ? &path->views : &path->others,
						touch, path->next);
	}
	if (path->next < path->end)
		return ATTRIBUTION_WORKING;

	class = attribution_earning_class(path);
	path->path_length = class->count;
	if (path->path_length > ATTRIBUTION_MAX_PATH)
		return ATTRIBUTION_TOO_LONG;
	if (!rules_are_bounded(path->rules))
		return ATTRIBUTION_BAD_WEIGHTS;

	if (path->path_length == 0)
		attribution_leave(path, absence_reason(path));
	else if (attribution_has_winner(path->rules) ||
			 (attribution_has_players(path->rules) && class->creator == ATTRIBUTION_NONE))
	{
		path->room_needed = 1;
		path->phase = ATTRIBUTION_PHASE_WEIGH;
	}
	else
	{
		path->room_needed = path->path_length;
		path->slots_needed = attribution_has_players(path->rules);
		path->next = path->slots_needed ? 0 : class->first;
		path->phase = path->slots_needed ? ATTRIBUTION_PHASE_CLEAR
			: ATTRIBUTION_PHASE_WEIGH;
	}
	return ATTRIBUTION_WORKING;
}

static AttributionProgress
step_split(AttributionPath *path, AttributionRoom *room)
{
	const AttributionConversion *conversion = path->conversion;
	bool		each_all = path->rules->model == ATTRIBUTION_PARTICIPATION;
	size_t		i;

	if (!conversion->has_amount || each_all || path->rows == 1)
	{
		for (i = 0; i < path->rows; i++)
			room->credit[i] = conversion->has_amount ? conversion->amount : 0;
		path->phase = ATTRIBUTION_PHASE_END;
		return ATTRIBUTION_DONE;
	}
	money_split_start(&path->split, conversion->amount, room->weight, path->rows,
					  room->credit, room->scratch);
	path->phase = ATTRIBUTION_PHASE_SPLITTING;
	return ATTRIBUTION_WORKING;
}

static AttributionProgress
step_splitting(AttributionPath *path)
{
	if (money_split_step(&path->split))
		return ATTRIBUTION_WORKING;
	path->phase = ATTRIBUTION_PHASE_END;
	return path->split.status == MONEY_OK ? ATTRIBUTION_DONE : ATTRIBUTION_BAD_WEIGHTS;
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
	if (room->capacity < path->room_needed ||
		(path->slots_needed && room->slots == NULL))
		return ATTRIBUTION_NEEDS_ROOM;

	switch (path->phase)
	{
		case ATTRIBUTION_PHASE_SESSION:
			return step_session(path);
		case ATTRIBUTION_PHASE_COUNT:
			return step_count(path);
		case ATTRIBUTION_PHASE_CLEAR:
			return attribution_step_clear(path, room);
		case ATTRIBUTION_PHASE_WEIGH:
			return attribution_step_weigh(path, room);
		case ATTRIBUTION_PHASE_CREATORS:
			return attribution_step_creators(path, room);
		case ATTRIBUTION_PHASE_SPLIT:
			return step_split(path, room);
		case ATTRIBUTION_PHASE_SPLITTING:
			return step_splitting(path);
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

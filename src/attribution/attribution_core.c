/*
 * attribution_core.c
 *	  The passes that turn a path into weights and credits, and the models.
 *
 * A conversion is credited in passes: find whose session it is (where sessions
 * count), count the eligible touches (the models need the length of the path),
 * give each its integer weight, split the amount by largest remainder. Two
 * bisections first narrow the touches to the widest window, so that a long
 * history costs nothing.
 *
 * Models: the rule-based ones of web analytics. The position-based (U-shaped)
 * weights are kept in integers by multiplying first and last with the number
 * of middle touches instead of dividing the middle by it. Shapley: where a
 * journey counts for every set of creators that holds all of its own, the
 * Shapley value is an equal split among its creators.
 */
#include "attribution_core.h"
#include "attribution_eligible.h"

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

/* the class that earns: views count only where nothing stronger is eligible */
static const AttributionClass *
earning_class(const AttributionPath *path)
{
	return path->others.count > 0 ? &path->others : &path->views;
}

/* the weight of the touch at an index, the i-th of n from 0 */
static int64_t
model_weight(const AttributionPath *path, size_t index, size_t i)
{
	const AttributionRules *rules = path->rules;
	const AttributionTouch *touch = &path->touches[index];

	switch (rules->model)
	{
		case ATTRIBUTION_POSITION_BASED:
			return position_based_weight(rules->position_weights, i,
										 path->path_length);
		case ATTRIBUTION_TIME_DECAY:
			return (int64_t) decay_weight_at(&rules->decay,
											 (uint64_t) path->touches[earning_class(path)->last].touched_at -
											 (uint64_t) touch->touched_at);
		case ATTRIBUTION_CUSTOM:
			return touch->weight;
		default:
			return 1;
	}
}

/* does the model choose one touch by its place alone? */
static bool
model_has_winner(const AttributionRules *rules)
{
	return rules->model == ATTRIBUTION_FIRST_TOUCH ||
		rules->model == ATTRIBUTION_LAST_TOUCH ||
		rules->model == ATTRIBUTION_LAST_NON_DIRECT;
}

/* does it look at creators rather than touches? */
static bool
model_has_players(const AttributionRules *rules)
{
	return rules->model == ATTRIBUTION_PARTICIPATION ||
		rules->model == ATTRIBUTION_SHAPLEY;
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
	path->slots_needed = false;
	path->phase = ATTRIBUTION_PHASE_UNATTRIBUTED;
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
		leave_unattributed(path, ATTRIBUTION_NO_TOUCH);
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

	if (path->next - stop > STEP_COST)
		stop = path->next - STEP_COST;

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

	if (stop - path->next > STEP_COST)
		stop = path->next + STEP_COST;

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

	class = earning_class(path);
	path->path_length = class->count;
	if (path->path_length > ATTRIBUTION_MAX_PATH)
		return ATTRIBUTION_TOO_LONG;
	if (!rules_are_bounded(path->rules))
		return ATTRIBUTION_BAD_WEIGHTS;

	if (path->path_length == 0)
		leave_unattributed(path, absence_reason(path));
	else if (model_has_winner(path->rules) ||
			 (model_has_players(path->rules) && class->creator == ATTRIBUTION_NONE))
	{
		path->room_needed = 1;
		path->phase = ATTRIBUTION_PHASE_WEIGH;
	}
	else
	{
		path->room_needed = path->path_length;
		path->slots_needed = model_has_players(path->rules);
		path->next = path->slots_needed ? 0 : class->first;
		path->phase = path->slots_needed ? ATTRIBUTION_PHASE_CLEAR
			: ATTRIBUTION_PHASE_WEIGH;
	}
	return ATTRIBUTION_WORKING;
}

/* false when the creator is excluded: the conversion is then nobody's */
static bool
add_row(AttributionPath *path, AttributionRoom *room, size_t index,
		size_t position, int64_t weight)
{
	if (creator_is_excluded(&path->touches[index], path->conversion))
	{
		leave_unattributed(path, ATTRIBUTION_EXCLUDED);
		return false;
	}
	room->touch[path->rows] = index;
	room->position[path->rows] = position;
	room->weight[path->rows] = weight;
	path->rows++;
	return true;
}

/* The models that choose one touch by its place among the eligible ones. */
static AttributionProgress
weigh_winner(AttributionPath *path, AttributionRoom *room)
{
	const AttributionClass *class = earning_class(path);
	size_t		index = class->last;
	size_t		position = class->count;

	if (path->rules->model == ATTRIBUTION_FIRST_TOUCH)
	{
		index = class->first;
		position = 1;
	}
	else if (path->rules->model == ATTRIBUTION_LAST_NON_DIRECT &&
			 class->indirect != ATTRIBUTION_NONE)
	{
		index = class->indirect;
		position = class->indirect_position;
	}

	path->weight_sum = 1;
	if (add_row(path, room, index, position, 1))
		path->phase = ATTRIBUTION_PHASE_SPLIT;
	return ATTRIBUTION_WORKING;
}

static AttributionProgress
step_weigh(AttributionPath *path, AttributionRoom *room)
{
	const AttributionClass *class = earning_class(path);
	bool		views_earn = path->others.count == 0;
	bool		gapless = class->last - class->first + 1 == class->count;
	size_t		cost = 0;

	/* models of players come here only where no touch has a creator */
	if (model_has_winner(path->rules) || model_has_players(path->rules))
		return weigh_winner(path, room);

	while (path->position < path->path_length && cost < STEP_COST)
	{
		size_t		index = path->next++;
		int64_t		weight;

		cost++;
		if (!gapless &&
			((path->touches[index].kind == ATTRIBUTION_VIEW) != views_earn ||
			 !touch_is_eligible(path, index)))
			continue;

		weight = model_weight(path, index, path->position++);
		if (weight == 0)
			continue;
		if (weight < 0)
			return ATTRIBUTION_BAD_WEIGHTS;
		if (weight > INT64_MAX - path->weight_sum)
			return ATTRIBUTION_TOO_HEAVY;
		path->weight_sum += weight;

		cost += path->conversion->excluded_count;
		if (!add_row(path, room, index, path->position, weight))
			return ATTRIBUTION_WORKING;
	}
	if (path->position < path->path_length)
		return ATTRIBUTION_WORKING;

	if (path->rows == 0)
		leave_unattributed(path, ATTRIBUTION_NO_WEIGHT);
	else
		path->phase = ATTRIBUTION_PHASE_SPLIT;
	return ATTRIBUTION_WORKING;
}

/* the greatest power of two in what the room has: less than half gets filled */
static size_t
slot_count(const AttributionPath *path)
{
	size_t		count = ATTRIBUTION_SLOTS_PER_ROW;

	while (count * 2 <= ATTRIBUTION_SLOTS_PER_ROW * path->path_length)
		count *= 2;
	return count;
}

static AttributionProgress
step_clear(AttributionPath *path, AttributionRoom *room)
{
	size_t		count = slot_count(path);
	size_t		stop = count;

	if (stop - path->next > STEP_COST)
		stop = path->next + STEP_COST;
	while (path->next < stop)
		room->slots[path->next++] = ATTRIBUTION_NONE;

	if (path->next == count)
	{
		/* from the back, where each creator's last touch is met first */
		path->next = earning_class(path)->last + 1;
		path->position = path->path_length;
		path->phase = ATTRIBUTION_PHASE_CREATORS;
	}
	return ATTRIBUTION_WORKING;
}

/* murmur3's finalizer: neighbouring ids should not share slots */
static inline size_t
slot_of(int64_t creator_id, size_t count)
{
	uint64_t	hash = (uint64_t) creator_id;

	hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return (size_t) (hash ^ (hash >> 33)) & (count - 1);
}

static inline void
swap_sizes(size_t *a, size_t *b)
{
	size_t		kept = *a;

	*a = *b;
	*b = kept;
}

/* Rows were found last one first; a split's ties go to the earlier. */
static void
reverse_rows(const AttributionPath *path, AttributionRoom *room)
{
	size_t		low = 0;
	size_t		high = path->rows;

	/* the weights are all the same */
	while (low + 1 < high)
	{
		high--;
		swap_sizes(&room->touch[low], &room->touch[high]);
		swap_sizes(&room->position[low], &room->position[high]);
		low++;
	}
}

/* One row for each creator of the path, at its last touch. */
static AttributionProgress
step_creators(AttributionPath *path, AttributionRoom *room)
{
	bool		views_earn = path->others.count == 0;
	size_t		count = slot_count(path);
	size_t		cost = 0;

	while (path->position > 0 && cost < STEP_COST)
	{
		size_t		index = --path->next;
		const AttributionTouch *touch = &path->touches[index];
		size_t		slot;

		cost++;
		if ((touch->kind == ATTRIBUTION_VIEW) != views_earn ||
			!touch_is_eligible(path, index))
			continue;

		path->position--;
		if (!touch->has_creator)
			continue;
		slot = slot_of(touch->creator_id, count);
		while (room->slots[slot] != ATTRIBUTION_NONE &&
			   path->touches[room->slots[slot]].creator_id != touch->creator_id)
		{
			slot = (slot + 1) & (count - 1);
			cost++;
		}
		if (room->slots[slot] != ATTRIBUTION_NONE)
			continue;
		room->slots[slot] = index;

		cost += path->conversion->excluded_count;
		if (!add_row(path, room, index, path->position + 1, 1))
			return ATTRIBUTION_WORKING;
	}

	if (path->position == 0)
	{
		reverse_rows(path, room);
		path->weight_sum = path->rules->model == ATTRIBUTION_SHAPLEY
			? (int64_t) path->rows : 1;
		path->phase = ATTRIBUTION_PHASE_SPLIT;
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
			return step_clear(path, room);
		case ATTRIBUTION_PHASE_WEIGH:
			return step_weigh(path, room);
		case ATTRIBUTION_PHASE_CREATORS:
			return step_creators(path, room);
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

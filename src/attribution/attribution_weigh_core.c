/*
 * attribution_weigh_core.c
 *	  The models: integer weights for the eligible touches of a path.
 *
 * Models: the rule-based ones of web analytics. The position-based (U-shaped)
 * weights are kept in integers by multiplying first and last with the number
 * of middle touches instead of dividing the middle by it. Shapley: where a
 * journey counts for every set of creators that holds all of its own, the
 * Shapley value is an equal split among its creators.
 */
#include "attribution_eligible.h"
#include "attribution_weigh.h"

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
											 (uint64_t) path->touches[attribution_earning_class(path)->last].touched_at -
											 (uint64_t) touch->touched_at);
		case ATTRIBUTION_CUSTOM:
			return touch->weight;
		default:
			return 1;
	}
}

/* false when the creator is excluded: the conversion is then nobody's */
static bool
add_row(AttributionPath *path, AttributionRoom *room, size_t index,
		size_t position, int64_t weight)
{
	if (creator_is_excluded(&path->touches[index], path->conversion))
	{
		attribution_leave(path, ATTRIBUTION_EXCLUDED);
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
	const AttributionClass *class = attribution_earning_class(path);
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

AttributionProgress
attribution_step_weigh(AttributionPath *path, AttributionRoom *room)
{
	const AttributionClass *class = attribution_earning_class(path);
	bool		views_earn = path->others.count == 0;
	bool		gapless = class->last - class->first + 1 == class->count;
	size_t		cost = 0;

	/* models of players come here only where no touch has a creator */
	if (attribution_has_winner(path->rules) || attribution_has_players(path->rules))
		return weigh_winner(path, room);

	while (path->position < path->path_length && cost < ATTRIBUTION_STEP_COST)
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
		attribution_leave(path, ATTRIBUTION_NO_WEIGHT);
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

AttributionProgress
attribution_step_clear(AttributionPath *path, AttributionRoom *room)
{
	size_t		count = slot_count(path);
	size_t		stop = count;

	if (stop - path->next > ATTRIBUTION_STEP_COST)
		stop = path->next + ATTRIBUTION_STEP_COST;
	while (path->next < stop)
		room->slots[path->next++] = ATTRIBUTION_NONE;

	if (path->next == count)
	{
		/* from the back, where each creator's last touch is met first */
		path->next = attribution_earning_class(path)->last + 1;
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
AttributionProgress
attribution_step_creators(AttributionPath *path, AttributionRoom *room)
{
	bool		views_earn = path->others.count == 0;
	size_t		count = slot_count(path);
	size_t		cost = 0;

	while (path->position > 0 && cost < ATTRIBUTION_STEP_COST)
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

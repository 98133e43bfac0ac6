/*
 * attribution_fuzz.c
 *	  attribution_core against the rules written down naively: filter, weigh,
 *	  exclude, and hand out the amount unit by unit of the largest remainder.
 */
#include "fuzz.h"

#include "../../src/attribution/attribution_core.h"

typedef __int128 int128_fuzz;

#define MAX_TOUCHES 24
#define MAX_EXCLUDED 4
#define MAX_COPIES 2000			/* of each touch: longer than one step */

#define CREATORS 8

typedef struct Wanted
{
	bool		too_heavy;
	AttributionReason reason;
	size_t		path_length;
	size_t		rows;
	size_t		touch[MAX_TOUCHES];
	size_t		position[MAX_TOUCHES];
	int128_fuzz weight[MAX_TOUCHES];
	int128_fuzz credit[MAX_TOUCHES];
} Wanted;

static AttributionTouch touches[MAX_TOUCHES * MAX_COPIES];
static bool ended[MAX_TOUCHES * MAX_COPIES];
static size_t ntouches;
static int64_t excluded[MAX_EXCLUDED];
static uint64_t half_life;

static bool
is_click(const AttributionTouch *t)
{
	return t->kind == ATTRIBUTION_CLICK || t->kind == ATTRIBUTION_COUPON;
}

/* Whose sessions did a later click of another creator end? */
static void
end_sessions(const AttributionConversion *c)
{
	bool		later[CREATORS] = {false};
	size_t		i;
	int			creator;

	for (i = ntouches; i-- > 0;)
	{
		const AttributionTouch *t = &touches[i];

		ended[i] = false;
		if (!is_click(t) || t->touched_at > c->converted_at)
			continue;
		for (creator = 0; creator < CREATORS; creator++)
			ended[i] = ended[i] || (later[creator] && !(t->has_creator && t->creator_id == creator));
		if (t->has_creator && !t->is_late)
			later[t->creator_id] = true;
	}
}

static bool
fits(const AttributionRules *rules, const AttributionTouch *t, const AttributionConversion *c)
{
	bool		product = t->has_product && c->has_product && t->product_id == c->product_id;
	bool		category = t->has_category && c->has_category && t->category_id == c->category_id;

	if (t->kind == ATTRIBUTION_CART)
		return product;
	if (rules->match == ATTRIBUTION_MATCH_PRODUCT)
		return product || (t->kind == ATTRIBUTION_COUPON && !t->has_product);
	if (rules->match == ATTRIBUTION_MATCH_CATEGORY)
		return category || (t->kind == ATTRIBUTION_COUPON && !t->has_category);
	return true;
}

static bool
is_open(const AttributionRules *rules, size_t i, const AttributionConversion *c)
{
	const AttributionTouch *t = &touches[i];

	return t->touched_at <= c->converted_at && t->touched_at > c->window_start[t->kind] && fits(rules, t, c) &&
		(rules->reuse != ATTRIBUTION_SESSION || !is_click(t) || (t->touched_at > c->session_start && !ended[i]));
}

static bool
is_consumed(const AttributionRules *rules, size_t i, const AttributionConversion *c)
{
	return rules->reuse != ATTRIBUTION_REUSE &&
		touches[i].touched_at <= (touches[i].kind == ATTRIBUTION_CART ? c->cart_start : c->path_start);
}

static bool
eligible(const AttributionRules *rules, size_t i, const AttributionConversion *c)
{
	return !touches[i].is_late && is_open(rules, i, c) && !is_consumed(rules, i, c);
}

/* the eligible touches, in order; views only where there is nothing else */
static size_t
find_path(const AttributionRules *rules, const AttributionConversion *c, size_t *path)
{
	bool		stronger = false;
	size_t		n = 0;
	size_t		i;

	end_sessions(c);
	for (i = 0; i < ntouches; i++)
		stronger = stronger || (touches[i].kind != ATTRIBUTION_VIEW && eligible(rules, i, c));
	for (i = 0; i < ntouches; i++)
	{
		if (eligible(rules, i, c) && (touches[i].kind != ATTRIBUTION_VIEW || !stronger))
			path[n++] = i;
	}
	return n;
}

/* the last touch of its creator, among the places after this one? */
static bool
is_last_of_creator(const size_t *path, size_t n, size_t place)
{
	size_t		j;

	if (!touches[path[place]].has_creator)
		return false;
	for (j = place + 1; j < n; j++)
	{
		if (touches[path[j]].has_creator && touches[path[j]].creator_id == touches[path[place]].creator_id)
			return false;
	}
	return true;
}

/* places count from 0 here */
static int128_fuzz
weigh(const AttributionRules *rules, const size_t *path, size_t n, size_t place)
{
	const int64_t *w = rules->position_weights;
	const AttributionTouch *t = &touches[path[place]];
	size_t		chosen = n - 1;
	size_t		j;

	switch (rules->model)
	{
		case ATTRIBUTION_FIRST_TOUCH:
			return place == 0;
		case ATTRIBUTION_LAST_TOUCH:
			return place == n - 1;
		case ATTRIBUTION_LAST_NON_DIRECT:
			for (j = 0; j < n; j++)
				chosen = touches[path[j]].is_direct ? chosen : j;
			/* chosen stays the last one where all are direct */
			return place == chosen;
		case ATTRIBUTION_LINEAR:
			return 1;
		case ATTRIBUTION_TIME_DECAY:
			return decay_weight((uint64_t) touches[path[n - 1]].touched_at - (uint64_t) t->touched_at, half_life);
		case ATTRIBUTION_PARTICIPATION:
		case ATTRIBUTION_SHAPLEY:
			for (j = 0; j < n; j++)
			{
				if (touches[path[j]].has_creator)
					return is_last_of_creator(path, n, place);
			}
			return place == n - 1;
		case ATTRIBUTION_CUSTOM:
			return t->weight;
		case ATTRIBUTION_POSITION_BASED:
			break;
	}
	if (n == 1)
		return 1;
	if (n == 2)
		return place == 0 ? w[0] : w[2];
	/* first : each middle : last = w0 : w1 / (n - 2) : w2 */
	return place == 0 ? (int128_fuzz) w[0] * (n - 2)
		: place == n - 1 ? (int128_fuzz) w[2] * (n - 2) : w[1];
}

static void
split(Wanted *w, int128_fuzz amount)
{
	int128_fuzz whole = amount < 0 ? -amount : amount;
	int128_fuzz left = whole;
	int128_fuzz sum = 0;
	int128_fuzz rest[MAX_TOUCHES];
	size_t		best;
	size_t		i;

	for (i = 0; i < w->rows; i++)
		sum += w->weight[i];
	for (i = 0; i < w->rows; i++)
	{
		w->credit[i] = whole * w->weight[i] / sum;
		rest[i] = whole * w->weight[i] % sum;
		left -= w->credit[i];
	}
	for (; left > 0; left--)
	{
		for (best = 0, i = 1; i < w->rows; i++)
		{
			if (rest[i] > rest[best])
				best = i;
		}
		w->credit[best]++;
		rest[best] = -1;
	}
	for (i = 0; amount < 0 && i < w->rows; i++)
		w->credit[i] = -w->credit[i];
}

static AttributionReason
absence(const AttributionRules *rules, const AttributionConversion *c)
{
	bool		before = false;
	bool		late = false;
	bool		consumed = false;
	size_t		i;

	for (i = 0; i < ntouches; i++)
	{
		before = before || touches[i].touched_at <= c->converted_at;
		if (!is_open(rules, i, c))
			continue;
		late = late || (touches[i].is_late && !is_consumed(rules, i, c));
		consumed = consumed || (!touches[i].is_late && is_consumed(rules, i, c));
	}
	return late ? ATTRIBUTION_LATE : consumed ? ATTRIBUTION_CONSUMED
		: before ? ATTRIBUTION_OUTSIDE_WINDOW : ATTRIBUTION_NO_TOUCH;
}

static void
want(Wanted *w, const AttributionRules *rules, const AttributionConversion *c)
{
	size_t		path[MAX_TOUCHES];
	int128_fuzz sum = 0;
	size_t		i;
	size_t		x;

	memset(w, 0, sizeof(*w));
	w->path_length = find_path(rules, c, path);
	w->reason = w->path_length == 0 ? absence(rules, c) : ATTRIBUTION_CREDITED;
	for (i = 0; i < w->path_length && w->reason == ATTRIBUTION_CREDITED; i++)
	{
		const AttributionTouch *touch = &touches[path[i]];
		int128_fuzz weight = weigh(rules, path, w->path_length, i);

		if (weight == 0)
			continue;
		sum += weight;
		if (sum > INT64_MAX)
		{
			w->too_heavy = true;
			return;
		}
		for (x = 0; x < c->excluded_count; x++)
		{
			if (touch->has_creator && touch->creator_id == c->excluded[x])
				w->reason = ATTRIBUTION_EXCLUDED;
		}
		w->touch[w->rows] = path[i];
		w->position[w->rows] = i + 1;
		w->weight[w->rows++] = weight;
	}
	if (w->reason == ATTRIBUTION_CREDITED && w->rows == 0)
		w->reason = ATTRIBUTION_NO_WEIGHT;
	if (w->reason != ATTRIBUTION_CREDITED)
	{
		w->rows = 1;
		w->touch[0] = ATTRIBUTION_NONE;
		w->position[0] = 0;
		w->weight[0] = 1;
	}
	split(w, c->has_amount ? c->amount : 0);
	for (i = 0; rules->model == ATTRIBUTION_PARTICIPATION && i < w->rows; i++)
		w->credit[i] = c->has_amount ? c->amount : 0;
}

static void
free_room(AttributionRoom *room)
{
	free(room->touch);
	free(room->position);
	free(room->weight);
	free(room->credit);
	free(room->scratch);
	free(room->slots);
}

/* Exactly what is asked for, in a new place. */
static void
make_room(AttributionRoom *room, size_t capacity, bool slots)
{
	free_room(room);
	room->capacity = capacity;
	room->touch = fuzz_alloc(capacity * sizeof(*room->touch));
	room->position = fuzz_alloc(capacity * sizeof(*room->position));
	room->weight = fuzz_alloc(capacity * sizeof(*room->weight));
	room->credit = fuzz_alloc(capacity * sizeof(*room->credit));
	room->scratch = fuzz_alloc(capacity * sizeof(*room->scratch));
	room->slots = slots ? fuzz_alloc(capacity * ATTRIBUTION_SLOTS_PER_ROW * sizeof(*room->slots)) : NULL;
}

/* false: the weights are too heavy */
static bool
run_core(AttributionPath *path, AttributionRoom *room, const AttributionRules *rules,
		 const AttributionConversion *conversion)
{
	AttributionProgress progress;

	memset(room, 0, sizeof(*room));
	attribution_path_start(path, rules, touches, ntouches, conversion);
	while ((progress = attribution_path_step(path, room)) != ATTRIBUTION_DONE)
	{
		if (progress == ATTRIBUTION_TOO_HEAVY)
			return false;
		MUST(progress == ATTRIBUTION_WORKING || progress == ATTRIBUTION_NEEDS_ROOM);
		if (progress == ATTRIBUTION_NEEDS_ROOM)
			make_room(room, path->room_needed, path->slots_needed);
	}
	return true;
}

static void
check_few(const AttributionRules *rules, const AttributionConversion *conversion)
{
	AttributionPath path;
	AttributionRoom room;
	Wanted		wanted;
	size_t		i;

	want(&wanted, rules, conversion);
	MUST(run_core(&path, &room, rules, conversion) == !wanted.too_heavy);
	for (i = 0; i < wanted.rows && !wanted.too_heavy; i++)
	{
		double		share = attribution_row_weight(&path, &room, i);

		MUST(path.reason == wanted.reason);
		MUST(path.path_length == wanted.path_length);
		MUST(path.rows == wanted.rows);
		MUST(room.touch[i] == wanted.touch[i]);
		MUST(room.position[i] == wanted.position[i]);
		MUST(room.weight[i] == wanted.weight[i]);
		MUST(room.credit[i] == wanted.credit[i]);
		MUST(share > 0 && share <= 1);
	}
	free_room(&room);
}

/* Too many to define naively: what must hold of any result. */
static void
check_many(const AttributionRules *rules, const AttributionConversion *conversion)
{
	static size_t wanted[MAX_TOUCHES * MAX_COPIES];
	bool		each_all = rules->model == ATTRIBUTION_PARTICIPATION;
	AttributionPath path;
	AttributionRoom room;
	size_t		path_length = find_path(rules, conversion, wanted);
	int128_fuzz sum = 0;
	int128_fuzz weights = 0;
	size_t		i;

	if (!run_core(&path, &room, rules, conversion))
	{
		for (i = 0; i < path_length; i++)
			weights += touches[wanted[i]].weight;
		MUST(rules->model == ATTRIBUTION_CUSTOM && weights > INT64_MAX);
		free_room(&room);
		return;
	}
	MUST(path.path_length == path_length);
	for (i = 0; i < path.rows; i++)
	{
		sum += room.credit[i];
		weights += room.weight[i];
		if (path.reason == ATTRIBUTION_CREDITED)
		{
			/* naively, creators take a look at the whole path for each row */
			MUST(room.touch[i] == wanted[room.position[i] - 1]);
			MUST(path.rows > 100 && rules->model >= ATTRIBUTION_PARTICIPATION
				 ? room.weight[i] > 0
				 : room.weight[i] == weigh(rules, wanted, path_length, room.position[i] - 1));
			MUST(i == 0 || room.touch[i] > room.touch[i - 1]);
			MUST(i == 0 || room.position[i] > room.position[i - 1]);
		}
	}
	MUST(sum == (conversion->has_amount ? conversion->amount * (int128_fuzz) (each_all ? path.rows : 1) : 0));
	MUST(weights == path.weight_sum || (each_all && path.weight_sum == 1));
	free_room(&room);
}

static int64_t
take_time(FuzzInput *in)
{
	uint8_t		shape = take_u8(in);

	return shape % 16 == 0 ? take_i64(in) : shape % 64;
}

static void
take_touches(FuzzInput *in, size_t copies)
{
	size_t		n = (size_t) take_below(in, MAX_TOUCHES);
	size_t		i;
	size_t		copy;

	ntouches = 0;
	for (i = 0; i < n; i++)
	{
		AttributionTouch touch;
		uint8_t		flags = take_u8(in);

		memset(&touch, 0, sizeof(touch));
		touch.kind = flags % ATTRIBUTION_KINDS;
		touch.has_creator = (flags & 4) == 0;
		touch.has_product = (flags & 8) == 0;
		touch.has_category = (flags & 16) == 0;
		touch.is_direct = (flags & 32) != 0;
		touch.is_late = (flags & 192) == 192;
		touch.creator_id = touch.has_creator ? take_u8(in) % CREATORS : 0;
		touch.category_id = touch.has_category ? take_u8(in) % 4 : 0;
		touch.weight = flags % 3 == 0 ? take_positive(in) : take_u8(in) % 4;
		touch.product_id = touch.has_product ? take_u8(in) % 4 : 0;
		touch.touched_at = take_time(in);
		touch.touch_id = take_u8(in) % 16;
		for (copy = 0; copy < copies; copy++)
			touches[ntouches++] = touch;
	}
	qsort(touches, ntouches, sizeof(AttributionTouch), attribution_touch_compare);
	for (i = 1; i < ntouches; i++)
		MUST(attribution_touch_compare(&touches[i - 1], &touches[i]) <= 0);
}

/*
 * One input in a few hundred is a long history. By a hash, so that the fuzzer
 * can't learn to make nothing but these: they take a thousand times as long.
 */
static size_t
take_copies(const FuzzInput *in)
{
	uint64_t	hash = UINT64_C(0xCBF29CE484222325);
	size_t		i;

	for (i = 0; i < in->left; i++)
		hash = (hash ^ in->data[i]) * UINT64_C(0x100000001B3);
	hash ^= hash >> 29;
	return hash % 512 == 0 ? 1 + (size_t) (hash >> 32) % MAX_COPIES : 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	size_t		copies = take_copies(&in);
	AttributionRules rules;
	AttributionConversion conversion;
	size_t		i;

	memset(&rules, 0, sizeof(rules));
	memset(&conversion, 0, sizeof(conversion));
	rules.model = (AttributionModel) take_below(&in, ATTRIBUTION_CUSTOM);
	rules.reuse = (AttributionReuse) take_below(&in, ATTRIBUTION_SESSION);
	rules.match = (AttributionMatch) take_below(&in, ATTRIBUTION_MATCH_CATEGORY);
	half_life = 1 + (take_u8(&in) % 8 == 0 ? take_u64(&in) >> 1 : take_u8(&in) % 64);
	decay_rate_init(&rules.decay, half_life);
	for (i = 0; i < 3; i++)
		rules.position_weights[i] = take_u8(&in) % 4 == 0
			? (int64_t) take_below(&in, ATTRIBUTION_MAX_WEIGHT_SUM) : take_u8(&in) % 8;
	/* the bounds that the rules promise */
	if (rules.position_weights[0] + rules.position_weights[2] == 0 ||
		rules.position_weights[0] + rules.position_weights[1] + rules.position_weights[2] >
		ATTRIBUTION_MAX_WEIGHT_SUM)
		rules.position_weights[0] = rules.position_weights[1] = rules.position_weights[2] = 1;

	conversion.converted_at = take_time(&in);
	conversion.has_amount = take_u8(&in) % 8 != 0;
	conversion.amount = conversion.has_amount ? take_i64(&in) : 0;
	conversion.has_product = take_u8(&in) % 4 != 0;
	conversion.product_id = conversion.has_product ? take_u8(&in) % 4 : 0;
	conversion.has_category = take_u8(&in) % 4 != 0;
	conversion.category_id = conversion.has_category ? take_u8(&in) % 4 : 0;
	for (i = 0; i < ATTRIBUTION_KINDS; i++)
		conversion.window_start[i] = take_time(&in);
	conversion.session_start = take_time(&in);
	conversion.path_start = take_u8(&in) % 2 == 0 ? INT64_MIN : take_time(&in);
	conversion.cart_start = take_u8(&in) % 2 == 0 ? INT64_MIN : take_time(&in);
	conversion.excluded = excluded;
	conversion.excluded_count = (size_t) take_below(&in, MAX_EXCLUDED);
	for (i = 0; i < conversion.excluded_count; i++)
		excluded[i] = take_u8(&in) % 8;

	take_touches(&in, copies);
	if (copies == 1)
		check_few(&rules, &conversion);
	else
		check_many(&rules, &conversion);
	return 0;
}

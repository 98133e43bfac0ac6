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

typedef struct Wanted
{
	AttributionReason reason;
	size_t		path_length;
	size_t		rows;
	size_t		touch[MAX_TOUCHES];
	size_t		position[MAX_TOUCHES];
	int128_fuzz weight[MAX_TOUCHES];
	int128_fuzz credit[MAX_TOUCHES];
} Wanted;

static AttributionTouch touches[MAX_TOUCHES * MAX_COPIES];
static size_t ntouches;
static int64_t excluded[MAX_EXCLUDED];

static bool
eligible(const AttributionTouch *t, const AttributionConversion *c)
{
	return t->touched_at <= c->converted_at && t->touched_at > c->window_start[t->kind] &&
		(t->kind != ATTRIBUTION_CART ||
		 (t->has_product && c->has_product && t->product_id == c->product_id));
}

static int128_fuzz
weigh(const AttributionRules *rules, size_t place, size_t n)
{
	const int64_t *w = rules->position_weights;

	switch (rules->model)
	{
		case ATTRIBUTION_FIRST_TOUCH:
			return place == 1;
		case ATTRIBUTION_LAST_TOUCH:
			return place == n;
		case ATTRIBUTION_LINEAR:
			return 1;
		case ATTRIBUTION_POSITION_BASED:
			break;
	}
	if (n == 1)
		return 1;
	if (n == 2)
		return place == 1 ? w[0] : w[2];
	/* first : each middle : last = w0 : w1 / (n - 2) : w2 */
	return place == 1 ? (int128_fuzz) w[0] * (n - 2)
		: place == n ? (int128_fuzz) w[2] * (n - 2) : w[1];
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

static void
want(Wanted *w, const AttributionRules *rules, const AttributionConversion *c)
{
	bool		before = false;
	bool		stronger = false;
	size_t		place = 0;
	size_t		i;
	size_t		x;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < ntouches; i++)
	{
		before = before || touches[i].touched_at <= c->converted_at;
		stronger = stronger || (touches[i].kind != ATTRIBUTION_VIEW && eligible(&touches[i], c));
	}
	for (i = 0; i < ntouches; i++)
		w->path_length += eligible(&touches[i], c) && (touches[i].kind != ATTRIBUTION_VIEW || !stronger);

	w->reason = w->path_length > 0 ? ATTRIBUTION_CREDITED
		: before ? ATTRIBUTION_OUTSIDE_WINDOW : ATTRIBUTION_NO_TOUCH;
	for (i = 0; i < ntouches; i++)
	{
		int128_fuzz weight;

		if (!eligible(&touches[i], c) || (touches[i].kind == ATTRIBUTION_VIEW && stronger))
			continue;
		place++;
		weight = weigh(rules, place, w->path_length);
		if (weight == 0)
			continue;
		for (x = 0; x < c->excluded_count; x++)
		{
			if (touches[i].has_creator && touches[i].creator_id == c->excluded[x])
				w->reason = ATTRIBUTION_EXCLUDED;
		}
		w->touch[w->rows] = i;
		w->position[w->rows] = place;
		w->weight[w->rows++] = weight;
	}
	if (w->reason != ATTRIBUTION_CREDITED)
	{
		w->rows = 1;
		w->touch[0] = ATTRIBUTION_NONE;
		w->position[0] = 0;
		w->weight[0] = 1;
	}
	split(w, c->has_amount ? c->amount : 0);
}

static void
free_room(AttributionRoom *room)
{
	free(room->touch);
	free(room->position);
	free(room->weight);
	free(room->credit);
	free(room->scratch);
}

/* Exactly what is asked for, in a new place. */
static void
make_room(AttributionRoom *room, size_t capacity)
{
	free_room(room);
	room->capacity = capacity;
	room->touch = fuzz_alloc(capacity * sizeof(*room->touch));
	room->position = fuzz_alloc(capacity * sizeof(*room->position));
	room->weight = fuzz_alloc(capacity * sizeof(*room->weight));
	room->credit = fuzz_alloc(capacity * sizeof(*room->credit));
	room->scratch = fuzz_alloc(capacity * sizeof(*room->scratch));
}

static void
run_core(AttributionPath *path, AttributionRoom *room, const AttributionRules *rules,
		 const AttributionConversion *conversion)
{
	AttributionProgress progress;

	memset(room, 0, sizeof(*room));
	attribution_path_start(path, rules, touches, ntouches, conversion);
	while ((progress = attribution_path_step(path, room)) != ATTRIBUTION_DONE)
	{
		MUST(progress == ATTRIBUTION_WORKING || progress == ATTRIBUTION_NEEDS_ROOM);
		if (progress == ATTRIBUTION_NEEDS_ROOM)
			make_room(room, path->room_needed);
	}
}

static void
check_few(const AttributionRules *rules, const AttributionConversion *conversion)
{
	AttributionPath path;
	AttributionRoom room;
	Wanted		wanted;
	size_t		i;

	want(&wanted, rules, conversion);
	run_core(&path, &room, rules, conversion);
	MUST(path.reason == wanted.reason);
	MUST(path.path_length == wanted.path_length);
	MUST(path.rows == wanted.rows);
	for (i = 0; i < wanted.rows; i++)
	{
		double		share = attribution_row_weight(&path, &room, i);

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
	AttributionPath path;
	AttributionRoom room;
	size_t		path_length = 0;
	bool		stronger = false;
	int128_fuzz sum = 0;
	int128_fuzz weights = 0;
	size_t		i;

	for (i = 0; i < ntouches; i++)
		stronger = stronger || (touches[i].kind != ATTRIBUTION_VIEW && eligible(&touches[i], conversion));
	for (i = 0; i < ntouches; i++)
		path_length += eligible(&touches[i], conversion) &&
			(touches[i].kind != ATTRIBUTION_VIEW || !stronger);

	run_core(&path, &room, rules, conversion);
	MUST(path.path_length == path_length);
	for (i = 0; i < path.rows; i++)
	{
		sum += room.credit[i];
		weights += room.weight[i];
		if (path.reason == ATTRIBUTION_CREDITED)
		{
			MUST(eligible(&touches[room.touch[i]], conversion));
			MUST(room.weight[i] == weigh(rules, room.position[i], path_length));
			MUST(i == 0 || room.touch[i] > room.touch[i - 1]);
			MUST(i == 0 || room.position[i] > room.position[i - 1]);
		}
	}
	MUST(sum == (conversion->has_amount ? conversion->amount : 0));
	MUST(weights == path.weight_sum);
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
		touch.creator_id = touch.has_creator ? take_u8(in) % 8 : 0;
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
	rules.model = (AttributionModel) take_below(&in, 3);
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
	for (i = 0; i < ATTRIBUTION_KINDS; i++)
		conversion.window_start[i] = take_time(&in);
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

/*
 * attribution_cases.h
 *	  Paths small enough for pencil and paper, for the tests of the attribution
 *	  core. A result is compared as text:
 *
 *		reason n=<path length> <touch>@<position>:<weight>=<credit> ...
 *
 * Times are plain numbers; a window of 10 ends at the conversion.
 */
#ifndef ATTRIBUTION_CASES_H
#define ATTRIBUTION_CASES_H

#include "../../src/attribution/attribution_core.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static AttributionRoom room;
static size_t steps;

/* drives the core as a binding does, giving no more room than asked for */
static AttributionProgress
drive(AttributionPath *path, const AttributionRules *rules,
	  const AttributionTouch *touches, size_t n, const AttributionConversion *conversion)
{
	AttributionProgress progress;

	free(room.touch);
	free(room.position);
	free(room.weight);
	free(room.credit);
	free(room.scratch);
	free(room.slots);
	memset(&room, 0, sizeof(room));
	steps = 0;

	attribution_path_start(path, rules, touches, n, conversion);
	for (;;)
	{
		progress = attribution_path_step(path, &room);
		steps++;
		if (progress == ATTRIBUTION_WORKING)
			continue;
		if (progress != ATTRIBUTION_NEEDS_ROOM)
			return progress;
		room.capacity = path->room_needed;
		room.touch = realloc(room.touch, room.capacity * sizeof(*room.touch));
		room.position = realloc(room.position, room.capacity * sizeof(*room.position));
		room.weight = realloc(room.weight, room.capacity * sizeof(*room.weight));
		room.credit = realloc(room.credit, room.capacity * sizeof(*room.credit));
		room.scratch = realloc(room.scratch, room.capacity * sizeof(*room.scratch));
		room.slots = realloc(room.slots, room.capacity * ATTRIBUTION_SLOTS_PER_ROW * sizeof(*room.slots));
	}
}

static const char *
credit(const AttributionRules *rules, const AttributionTouch *touches, size_t n,
	   const AttributionConversion *conversion)
{
	static const char *const reasons[] = {"credited", "no_touch", "outside_window", "excluded",
	"consumed", "late", "no_weight"};
	static char text[4096];
	AttributionPath path;
	size_t		length;
	size_t		i;

	if (drive(&path, rules, touches, n, conversion) != ATTRIBUTION_DONE)
		return "failed";

	length = (size_t) sprintf(text, "%s n=%zu", reasons[path.reason], path.path_length);
	for (i = 0; i < path.rows; i++)
	{
		if (room.touch[i] == ATTRIBUTION_NONE)
			length += (size_t) sprintf(text + length, " none");
		else
			length += (size_t) sprintf(text + length, " %" PRId64 "@%zu",
									   touches[room.touch[i]].touch_id, room.position[i]);
		length += (size_t) sprintf(text + length, ":%.4g=%" PRId64,
								   attribution_row_weight(&path, &room, i), room.credit[i]);
	}
	return text;
}

static AttributionTouch
touch(int64_t at, AttributionKind kind, int64_t id, int64_t creator)
{
	AttributionTouch result = {.touched_at = at,.kind = kind,.touch_id = id,
		.creator_id = creator,.has_creator = true};

	return result;
}

TAP_UNUSED static AttributionTouch
cart(int64_t at, int64_t id, int64_t creator, int64_t product)
{
	AttributionTouch result = touch(at, ATTRIBUTION_CART, id, creator);

	result.product_id = product;
	result.has_product = true;
	return result;
}

/* at time 100: clicks and coupons look back 10, views 5, carts 20 */
static AttributionConversion
conversion(int64_t amount)
{
	AttributionConversion result = {.converted_at = 100,.conversion_id = 1,
		.amount = amount,.has_amount = true};

	result.window_start[ATTRIBUTION_CLICK] = 90;
	result.window_start[ATTRIBUTION_COUPON] = 90;
	result.window_start[ATTRIBUTION_VIEW] = 95;
	result.window_start[ATTRIBUTION_CART] = 80;
	return result;
}

#endif							/* ATTRIBUTION_CASES_H */

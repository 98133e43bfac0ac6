/*
 * attribution_eligible.h
 *	  Which touches may earn a conversion: windows, matching, carts, sessions,
 *	  consumption, exclusion. For the cores only.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_ELIGIBLE_H
#define PG_INFLUENCE_ATTRIBUTION_ELIGIBLE_H

#include "attribution_core.h"

/* clicks and coupons open sessions, and end those of other creators */
static inline bool
opens_session(const AttributionTouch *touch)
{
	return touch->kind == ATTRIBUTION_CLICK || touch->kind == ATTRIBUTION_COUPON;
}

static inline bool
same_id(bool has_a, int64_t a, bool has_b, int64_t b)
{
	return has_a && has_b && a == b;
}

/* Does the touch fit the order line? */
static inline bool
touch_matches(const AttributionPath *path, const AttributionTouch *touch)
{
	const AttributionConversion *conversion = path->conversion;

	/* a cart earns only the carted product */
	if (touch->kind == ATTRIBUTION_CART)
		return same_id(touch->has_product, touch->product_id,
					   conversion->has_product, conversion->product_id);

	switch (path->rules->match)
	{
		case ATTRIBUTION_MATCH_ANY:
			break;
		case ATTRIBUTION_MATCH_PRODUCT:
			/* a coupon for no product in particular is for the whole order */
			return same_id(touch->has_product, touch->product_id,
						   conversion->has_product, conversion->product_id) ||
				(touch->kind == ATTRIBUTION_COUPON && !touch->has_product);
		case ATTRIBUTION_MATCH_CATEGORY:
			return same_id(touch->has_category, touch->category_id,
						   conversion->has_category, conversion->category_id) ||
				(touch->kind == ATTRIBUTION_COUPON && !touch->has_category);
	}
	return true;
}

/*
 * Is the session of a click or coupon alive? Not if somebody else's click came
 * after it: a creator's own later clicks end nothing, nor do clicks without a
 * creator.
 */
static inline bool
session_is_alive(const AttributionPath *path, size_t index)
{
	const AttributionTouch *touch = &path->touches[index];

	if (touch->touched_at <= path->conversion->session_start)
		return false;
	if (path->owner == ATTRIBUTION_NONE || index >= path->owner)
		return true;
	return touch->has_creator &&
		touch->creator_id == path->touches[path->owner].creator_id &&
		(path->rival == ATTRIBUTION_NONE || index > path->rival);
}

/* Eligible, if neither consumed nor late. */
static inline bool
touch_is_open(const AttributionPath *path, size_t index)
{
	const AttributionTouch *touch = &path->touches[index];

	if (touch->touched_at <= path->conversion->window_start[touch->kind])
		return false;
	if (!touch_matches(path, touch))
		return false;
	return path->rules->reuse != ATTRIBUTION_SESSION || !opens_session(touch) ||
		session_is_alive(path, index);
}

static inline bool
touch_is_consumed(const AttributionPath *path, const AttributionTouch *touch)
{
	const AttributionConversion *conversion = path->conversion;

	if (path->rules->reuse == ATTRIBUTION_REUSE)
		return false;
	return touch->touched_at <= (touch->kind == ATTRIBUTION_CART ?
								 conversion->cart_start : conversion->path_start);
}

static inline bool
touch_is_eligible(const AttributionPath *path, size_t index)
{
	const AttributionTouch *touch = &path->touches[index];

	return !touch->is_late && touch_is_open(path, index) &&
		!touch_is_consumed(path, touch);
}

static inline bool
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

#endif							/* PG_INFLUENCE_ATTRIBUTION_ELIGIBLE_H */

/*
 * attribution_core.h
 *	  Which touches earn a conversion, and how much each: the rules of
 *	  attribution for one visitor and one conversion.
 *
 * Pure C without PostgreSQL, so that unit tests and fuzzers link it alone. The
 * caller owns all memory. Work comes in steps of bounded cost, between which
 * the caller may check for interrupts or make room:
 *
 *		attribution_path_start(&path, &rules, touches, ntouches, &conversion);
 *		while ((progress = attribution_path_step(&path, &room)) != ATTRIBUTION_DONE)
 *			if (progress == ATTRIBUTION_NEEDS_ROOM)
 *				... grow room to path.room_needed ...
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_CORE_H
#define PG_INFLUENCE_ATTRIBUTION_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/money_core.h"

/* in the order in which touches of one instant stand in a path */
typedef enum AttributionKind
{
	ATTRIBUTION_VIEW,
	ATTRIBUTION_CLICK,
	ATTRIBUTION_CART,
	ATTRIBUTION_COUPON
} AttributionKind;

#define ATTRIBUTION_KINDS 4

typedef enum AttributionModel
{
	ATTRIBUTION_FIRST_TOUCH,
	ATTRIBUTION_LAST_TOUCH,
	ATTRIBUTION_LINEAR,
	ATTRIBUTION_POSITION_BASED
} AttributionModel;

typedef enum AttributionReason
{
	ATTRIBUTION_CREDITED,
	ATTRIBUTION_NO_TOUCH,		/* nothing up to the conversion */
	ATTRIBUTION_OUTSIDE_WINDOW, /* touches, but none of them eligible */
	ATTRIBUTION_EXCLUDED		/* an excluded creator would have earned */
} AttributionReason;

#define ATTRIBUTION_REASONS 4

/*
 * Bounds that keep every sum of weights in int64: position weights add up to
 * at most 2^32 and are multiplied by less than 2^31, the longest path.
 */
#define ATTRIBUTION_MAX_PATH INT32_MAX
#define ATTRIBUTION_MAX_WEIGHT_SUM (INT64_C(1) << 32)

typedef struct AttributionRules
{
	AttributionModel model;
	int64_t		position_weights[3];	/* first, middle together, last */
} AttributionRules;

typedef struct AttributionTouch
{
	int64_t		touched_at;		/* microseconds, same epoch as converted_at */
	int64_t		touch_id;
	int64_t		creator_id;
	int64_t		product_id;
	uint8_t		kind;			/* AttributionKind */
	bool		has_creator;	/* false: direct, search, another network */
	bool		has_product;
} AttributionTouch;

typedef struct AttributionConversion
{
	int64_t		converted_at;
	int64_t		conversion_id;
	int64_t		amount;			/* minor units */
	int64_t		product_id;
	bool		has_amount;
	bool		has_product;
	/* per kind: a touch is eligible when it came strictly after this */
	int64_t		window_start[ATTRIBUTION_KINDS];
	const int64_t *excluded;	/* creators who must not earn from it */
	size_t		excluded_count;
} AttributionConversion;

/* where the rows of a result go: one entry per row in each array */
typedef struct AttributionRoom
{
	size_t		capacity;
	size_t	   *touch;			/* index of the touch or ATTRIBUTION_NONE */
	size_t	   *position;		/* 1-based among the eligible touches */
	int64_t    *weight;			/* over path.weight_sum */
	int64_t    *credit;			/* minor units; 0 without an amount */
	MoneyRemainder *scratch;
} AttributionRoom;

#define ATTRIBUTION_NONE SIZE_MAX

typedef enum AttributionProgress
{
	ATTRIBUTION_WORKING,
	ATTRIBUTION_NEEDS_ROOM,		/* room.capacity < path.room_needed */
	ATTRIBUTION_DONE,
	ATTRIBUTION_TOO_LONG,		/* more than ATTRIBUTION_MAX_PATH touches */
	ATTRIBUTION_BAD_WEIGHTS		/* the rules broke their bounds */
} AttributionProgress;

typedef enum AttributionPhase
{
	ATTRIBUTION_PHASE_COUNT,
	ATTRIBUTION_PHASE_WEIGH,
	ATTRIBUTION_PHASE_SPLIT,
	ATTRIBUTION_PHASE_UNATTRIBUTED,
	ATTRIBUTION_PHASE_END
} AttributionPhase;

typedef struct AttributionPath
{
	/* results, valid once a step answered ATTRIBUTION_DONE */
	AttributionReason reason;
	size_t		path_length;	/* eligible touches */
	size_t		rows;			/* rows in the room, at least one */
	int64_t		weight_sum;

	/* asks for room while a step answers ATTRIBUTION_NEEDS_ROOM */
	size_t		room_needed;

	/* progress, private to the core */
	const AttributionRules *rules;
	const AttributionTouch *touches;
	const AttributionConversion *conversion;
	size_t		first;			/* touches[first, end) lie in the widest window */
	size_t		end;
	size_t		next;
	size_t		position;
	size_t		views;
	size_t		others;
	AttributionPhase phase;
} AttributionPath;

/* The order of a path, for qsort: complete, so that no input order shows. */
extern int	attribution_touch_compare(const void *a, const void *b);

/* touches must be in ascending order; later ones than the conversion may follow */
extern void attribution_path_start(AttributionPath *path,
								   const AttributionRules *rules,
								   const AttributionTouch *touches,
								   size_t ntouches,
								   const AttributionConversion *conversion);

extern AttributionProgress attribution_path_step(AttributionPath *path,
												 AttributionRoom *room);

/* the weight of a row as a share of one */
extern double attribution_row_weight(const AttributionPath *path,
									 const AttributionRoom *room, size_t row);

#endif							/* PG_INFLUENCE_ATTRIBUTION_CORE_H */

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
#include "decay_weight_core.h"

/* in the order in which touches of one instant stand in a path */
typedef enum AttributionKind
{
	ATTRIBUTION_VIEW,
	ATTRIBUTION_CLICK,
	ATTRIBUTION_CART,
	ATTRIBUTION_COUPON
} AttributionKind;

#define ATTRIBUTION_KINDS 4

/* j_shaped and inverse_j are position_based with weights of their own */
typedef enum AttributionModel
{
	ATTRIBUTION_FIRST_TOUCH,
	ATTRIBUTION_LAST_TOUCH,
	ATTRIBUTION_LAST_NON_DIRECT,
	ATTRIBUTION_LINEAR,
	ATTRIBUTION_POSITION_BASED,
	ATTRIBUTION_TIME_DECAY,
	ATTRIBUTION_PARTICIPATION,
	ATTRIBUTION_SHAPLEY,
	ATTRIBUTION_CUSTOM
} AttributionModel;

/* what an earlier order of the visitor leaves to a later one */
typedef enum AttributionReuse
{
	ATTRIBUTION_REUSE,			/* every touch */
	ATTRIBUTION_CONSUME,		/* only carts of other products */
	ATTRIBUTION_SESSION			/* likewise, and a click opens a session */
} AttributionReuse;

/* what a touch other than a cart has to share with the order line */
typedef enum AttributionMatch
{
	ATTRIBUTION_MATCH_ANY,
	ATTRIBUTION_MATCH_PRODUCT,
	ATTRIBUTION_MATCH_CATEGORY
} AttributionMatch;

typedef enum AttributionReason
{
	ATTRIBUTION_CREDITED,
	ATTRIBUTION_NO_TOUCH,		/* nothing up to the conversion */
	ATTRIBUTION_OUTSIDE_WINDOW, /* touches, but none of them eligible */
	ATTRIBUTION_EXCLUDED,		/* an excluded creator would have earned */
	ATTRIBUTION_CONSUMED,		/* eligible, but for the earlier orders */
	ATTRIBUTION_LATE,			/* eligible, had they not arrived late */
	ATTRIBUTION_NO_WEIGHT		/* eligible, each with a weight of zero */
} AttributionReason;

#define ATTRIBUTION_REASONS 7

/*
 * Bounds that keep every sum of weights in int64: position weights add up to
 * at most 2^32 and are multiplied by less than 2^31, the longest path.
 */
#define ATTRIBUTION_MAX_PATH INT32_MAX
#define ATTRIBUTION_MAX_WEIGHT_SUM (INT64_C(1) << 32)

typedef struct AttributionRules
{
	AttributionModel model;
	AttributionReuse reuse;
	AttributionMatch match;
	int64_t		position_weights[3];	/* first, middle together, last */
	DecayRate	decay;			/* of time_decay */
} AttributionRules;

typedef struct AttributionTouch
{
	int64_t		touched_at;		/* microseconds, same epoch as converted_at */
	int64_t		touch_id;
	int64_t		creator_id;
	int64_t		product_id;
	int64_t		category_id;
	int64_t		weight;			/* of the custom model, in billionths */
	uint8_t		kind;			/* AttributionKind */
	bool		has_creator;	/* false: direct, search, another network */
	bool		has_product;
	bool		has_category;
	bool		is_direct;
	bool		is_late;		/* never eligible */
} AttributionTouch;

/* A line of an order; see attribution_orders_core.h for the order's part. */
typedef struct AttributionConversion
{
	int64_t		converted_at;	/* once orders are made: the order's moment */
	int64_t		conversion_id;
	int64_t		amount;			/* minor units */
	int64_t		product_id;
	int64_t		category_id;
	uint64_t	order_high;		/* which order, when has_order */
	uint64_t	order_low;
	int64_t		order_first_id; /* the smallest conversion_id of the order */
	size_t		order_number;	/* counts the visitor's orders from 0 */
	bool		has_amount;
	bool		has_product;
	bool		has_category;
	bool		has_order;		/* false: an order of its own */
	/* per kind: a touch is eligible when it came strictly after this */
	int64_t		window_start[ATTRIBUTION_KINDS];
	int64_t		session_start;	/* and a click or coupon of a session after this */
	/* what earlier orders consumed; INT64_MIN: nothing */
	int64_t		path_start;		/* touches up to here, but for carts */
	int64_t		cart_start;		/* carts of this product up to here */
	const int64_t *excluded;	/* creators who must not earn from it */
	size_t		excluded_count;
} AttributionConversion;

/* order_low of an order whose id is a number; order_high is 0 then */
static inline uint64_t
attribution_order_key(int64_t order_id)
{
	return (uint64_t) order_id ^ (UINT64_C(1) << 63);
}

/* where the rows of a result go: one entry per row in each array */
typedef struct AttributionRoom
{
	size_t		capacity;
	size_t	   *touch;			/* index of the touch or ATTRIBUTION_NONE */
	size_t	   *position;		/* 1-based among the eligible touches */
	int64_t    *weight;			/* over path.weight_sum */
	int64_t    *credit;			/* minor units; 0 without an amount */
	MoneyRemainder *scratch;
	size_t	   *slots;			/* of the models that need them, else NULL */
} AttributionRoom;

/* slots per row of the capacity, a power of two */
#define ATTRIBUTION_SLOTS_PER_ROW 4

#define ATTRIBUTION_NONE SIZE_MAX

typedef enum AttributionProgress
{
	ATTRIBUTION_WORKING,
	ATTRIBUTION_NEEDS_ROOM,		/* room.capacity < path.room_needed */
	ATTRIBUTION_DONE,
	ATTRIBUTION_TOO_LONG,		/* more than ATTRIBUTION_MAX_PATH touches */
	ATTRIBUTION_TOO_HEAVY,		/* custom weights beyond int64 together */
	ATTRIBUTION_BAD_WEIGHTS		/* the rules broke their bounds */
} AttributionProgress;

typedef enum AttributionPhase
{
	ATTRIBUTION_PHASE_SESSION,
	ATTRIBUTION_PHASE_COUNT,
	ATTRIBUTION_PHASE_CLEAR,
	ATTRIBUTION_PHASE_WEIGH,
	ATTRIBUTION_PHASE_CREATORS,
	ATTRIBUTION_PHASE_SPLIT,
	ATTRIBUTION_PHASE_SPLITTING,
	ATTRIBUTION_PHASE_UNATTRIBUTED,
	ATTRIBUTION_PHASE_END
} AttributionPhase;

/* the eligible views, or the eligible other touches */
typedef struct AttributionClass
{
	size_t		count;
	size_t		first;			/* index of the first, if any */
	size_t		last;
	size_t		indirect;		/* of the last that is not direct, or _NONE */
	size_t		indirect_position;	/* its place among them, from 1 */
	size_t		creator;		/* of the last that has a creator, or _NONE */
} AttributionClass;

typedef struct AttributionPath
{
	/* results, valid once a step answered ATTRIBUTION_DONE */
	AttributionReason reason;
	size_t		path_length;	/* eligible touches */
	size_t		rows;			/* rows in the room, at least one */
	int64_t		weight_sum;

	/* asks for room while a step answers ATTRIBUTION_NEEDS_ROOM */
	size_t		room_needed;
	bool		slots_needed;	/* ATTRIBUTION_SLOTS_PER_ROW * capacity of them */

	/* progress, private to the core */
	const AttributionRules *rules;
	const AttributionTouch *touches;
	const AttributionConversion *conversion;
	size_t		first;			/* touches[first, end) lie in the widest window */
	size_t		end;
	size_t		next;
	size_t		position;
	size_t		owner;			/* the click whose session it is, or _NONE */
	size_t		rival;			/* the last click of somebody else before it */
	AttributionClass views;
	AttributionClass others;
	bool		saw_consumed;
	bool		saw_late;
	MoneySplit	split;
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

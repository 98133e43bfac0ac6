/*
 * journey_core.h
 *	  How a journey, the touches and conversions of one visitor, lies in memory.
 *
 * Pure C without PostgreSQL.  A journey is
 *
 *		version (1 byte), rejected, touches, conversions, the events in order
 *
 * and an event is
 *
 *		head	kind in the low three bits, then one bit for each part that follows
 *		time	less the time of the event before it
 *		id, and the parts: product, category; of a touch creator and weight, of
 *		a conversion order, amount and the excluded creators
 *
 * Numbers are varints, seven bits a byte, the low ones first, in as few bytes as
 * they need; signed ones are zigzag-coded.  So the bytes are the same on every
 * machine, and a set of events has one form: journeys are equal when their
 * bytes are.  What the rules of attribution don't ask for is not kept.
 *
 * Nothing is trusted: a reader stops at what no writer wrote.
 */
#ifndef PG_INFLUENCE_JOURNEY_CORE_H
#define PG_INFLUENCE_JOURNEY_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attribution_core.h"

#define JOURNEY_VERSION 1

/* kinds of events: those of touches, and one more */
#define JOURNEY_CONVERSION ATTRIBUTION_KINDS
#define JOURNEY_KINDS (ATTRIBUTION_KINDS + 1)

/* microseconds from 2000-01-01 UTC: PostgreSQL's finite timestamps */
#define JOURNEY_FIRST_TIME INT64_C(-211813488000000000)
#define JOURNEY_END_TIME INT64_C(9223371331200000000)

#define JOURNEY_VARINT_BOUND 10

/* bytes of an event, but for the ids of its excluded creators */
#define JOURNEY_EVENT_BOUND (1 + 7 * JOURNEY_VARINT_BOUND)
#define JOURNEY_HEADER_BOUND (1 + 3 * JOURNEY_VARINT_BOUND)

typedef struct JourneyEvent
{
	int64_t		at;
	int64_t		id;
	int64_t		product_id;
	int64_t		category_id;
	int64_t		creator_id;		/* of a touch */
	int64_t		weight;			/* of a touch, in billionths; 0: none */
	int64_t		order_id;		/* of a conversion */
	int64_t		amount;			/* of a conversion */
	uint8_t		kind;
	bool		has_product;
	bool		has_category;
	bool		has_creator;
	bool		is_direct;
	bool		has_order;
	bool		has_amount;
	/* of a conversion: creators who must not earn from it, as varints */
	size_t		excluded_count;
	size_t		excluded_size;
	const uint8_t *excluded;
} JourneyEvent;

typedef struct JourneyHeader
{
	uint64_t	rejected;		/* rows without time or id, left out */
	uint64_t	touches;
	uint64_t	conversions;
} JourneyHeader;

/* a place in a journey or in a list of ids */
typedef struct JourneyReader
{
	const uint8_t *next;
	const uint8_t *end;
	uint64_t	base;			/* time or id before, of which the next is the rest */
	bool		started;
} JourneyReader;

typedef enum JourneyStatus
{
	JOURNEY_OK = 0,
	JOURNEY_END,
	JOURNEY_CORRUPT,			/* no writer wrote this */
	JOURNEY_OTHER_VERSION
} JourneyStatus;

extern const char *journey_kind_name(int kind);

/* JOURNEY_KINDS for a name that is none */
extern int	journey_kind_from_name(const char *name, size_t length);

/* The order of events, complete: equal ones have equal bytes. */
extern int	journey_event_compare(const JourneyEvent *a, const JourneyEvent *b);

/* Ids ascending, each once; bound is count * JOURNEY_VARINT_BOUND bytes. */
extern size_t journey_ids_write(const int64_t *ids, size_t count, uint8_t *into);

extern void journey_ids_read(const JourneyEvent *event, JourneyReader *reader);
extern bool journey_ids_next(JourneyReader *reader, int64_t *id);

/* previous_at is 0 for the first event, and where events stand alone */
extern size_t journey_event_size(const JourneyEvent *event, int64_t previous_at);
extern size_t journey_event_write(const JourneyEvent *event, int64_t previous_at,
								  uint8_t *into);

extern size_t journey_header_write(const JourneyHeader *header, uint8_t *into);

/* JOURNEY_OK, _CORRUPT or _OTHER_VERSION; the reader stands at the first event */
extern JourneyStatus journey_open(const uint8_t *journey, size_t size,
								  JourneyHeader *header, JourneyReader *reader);

/* JOURNEY_OK, _END or _CORRUPT; the order of events is not looked at */
extern JourneyStatus journey_next(JourneyReader *reader, JourneyEvent *event);

/* Events that stand alone one after the other, as in a state. */
extern void journey_events_read(const uint8_t *events, size_t size,
								JourneyReader *reader);
extern JourneyStatus journey_events_next(JourneyReader *reader, JourneyEvent *event);

/* What the rules of attribution want to know. */
extern void journey_touch(const JourneyEvent *event, AttributionTouch *touch);

/* all but the excluded creators */
extern void journey_line(const JourneyEvent *event, AttributionConversion *line);

#endif							/* PG_INFLUENCE_JOURNEY_CORE_H */

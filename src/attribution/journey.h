/*
 * journey.h
 *	  The type influence.journey inside the server.
 */
#ifndef PG_INFLUENCE_JOURNEY_H
#define PG_INFLUENCE_JOURNEY_H

#include "fmgr.h"

#include "journey_core.h"

#define DatumGetJourneyPP(datum) ((struct varlena *) PG_DETOAST_DATUM_PACKED(datum))
#define PG_GETARG_JOURNEY_PP(n) DatumGetJourneyPP(PG_GETARG_DATUM(n))

/* bytes that a journey or a state may have */
#define JOURNEY_MAX_SIZE ((size_t) MaxAllocSize - VARHDRSZ)

/*
 * A journey of events that stand alone, in any order. The counts must be right;
 * if not, the events are refused.
 */
extern struct varlena *journey_build(const uint8_t *events, size_t size,
									 const JourneyHeader *header);

/* The ids sorted, each once, as an event's excluded creators. */
extern void journey_set_excluded(JourneyEvent *event, int64 *ids, size_t count);

extern void journey_read(struct varlena *journey, JourneyHeader *header,
						 JourneyReader *reader);

/* false at the end; checks for interrupts */
extern bool journey_read_next(JourneyReader *reader, JourneyEvent *event);

extern void journey_too_large(void) pg_attribute_noreturn();
extern void journey_corrupted(void) pg_attribute_noreturn();

#endif							/* PG_INFLUENCE_JOURNEY_H */

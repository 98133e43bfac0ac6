/*
 * tally.h
 *	  What new events add to buckets: how many of each kind, and how many
 *	  visitors that a bucket does not have yet.
 *
 * tally_add() for each new event; where visitors are counted, tally_seen() for
 * events of their visitors in these hours that are in the buckets already; then
 * tally_finish(): a visitor is new to a bucket unless one of the latter says
 * otherwise. bucket then has the buckets in the order of place and key.
 */
#ifndef PG_INFLUENCE_TALLY_H
#define PG_INFLUENCE_TALLY_H

#include "datatype/timestamp.h"
#include "utils/palloc.h"

#include "../common/id_map.h"

#define TALLY_MAX_KEYS 3
#define TALLY_MAX_KINDS 6

typedef struct TallyEvent
{
	uint64		visitor[2];
	TimestampTz at;
	int			kind;			/* from 0; TALLY_MAX_KINDS: not counted by kind */
	int64		program;
	int64		keys[TALLY_MAX_KEYS];
	bool		has_key[TALLY_MAX_KEYS];
} TallyEvent;

typedef struct TallyBucket
{
	int64		key;
	int			place;			/* of the key in the event */
	uint32		program;		/* numbers in their maps */
	uint32		hour;
	int64		counts[TALLY_MAX_KINDS];
	int64		visitors;
} TallyBucket;

typedef struct Tally
{
	int			nkeys;
	bool		counts_visitors;
	MemoryContext context;
	/* words of a key: visitor; hour; program; key of an event with place, program and hour; bucket with visitor */
	IdMap		visitors;
	IdMap		hours;
	IdMap		programs;
	IdMap		buckets;
	IdMap		pairs;
	TallyBucket *bucket;		/* by number, as the next two */
	bool	   *pair_seen;
	uint32	   *hour_events;
	uint32		bucket_room;
	uint32		pair_room;
	uint32		hour_room;
} Tally;

extern TimestampTz tally_hour(TimestampTz at);
extern void tally_create(Tally *tally, int nkeys, bool counts_visitors, MemoryContext context);
extern void tally_add(Tally *tally, const TallyEvent *event);
extern void tally_seen(Tally *tally, const TallyEvent *event);
extern void tally_finish(Tally *tally);

static inline TimestampTz
tally_hour_at(const Tally *tally, uint32 number)
{
	return (TimestampTz) tally->hours.keys[number];
}

static inline int64
tally_program_at(const Tally *tally, uint32 number)
{
	return (int64) tally->programs.keys[number];
}

#endif							/* PG_INFLUENCE_TALLY_H */

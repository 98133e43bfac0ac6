/*
 * cursor_core.h
 *	  The feed's cursor: what this session was shown, in bytes.
 *
 * Pure C without PostgreSQL.
 */
#ifndef PG_INFLUENCE_CURSOR_CORE_H
#define PG_INFLUENCE_CURSOR_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed_order_core.h"

#define CURSOR_MAX_IDS 500

/* every fifth position is the most that can be sponsored */
#define CURSOR_MAX_CAMPAIGNS (CURSOR_MAX_IDS / FEED_SPONSORED_SPACING)

/*
 * version, instant, profile and assignment, tail, counts of at most 2 bytes,
 * ids of at most 10
 */
#define CURSOR_MAX_BYTES (1 + 8 + 2 * 10 + 2 + 1 + 2 * FEED_TAIL * 10 + \
						  2 + CURSOR_MAX_IDS * 10 + 1 + CURSOR_MAX_CAMPAIGNS * 10)

typedef struct CursorContent
{
	int64_t		as_of_us;
	int64_t		profile_id;		/* feed_profile, 0 = none */
	int64_t		assignment_id;	/* feed_assignment, 0 = none */
	FeedTail	tail;			/* delivered is count, whatever it says */
	uint32_t	count;			/* <= CURSOR_MAX_IDS */
	int64_t		ids[CURSOR_MAX_IDS];	/* in the order of delivery */
	uint32_t	campaign_count; /* <= CURSOR_MAX_CAMPAIGNS */
	int64_t		campaigns[CURSOR_MAX_CAMPAIGNS];	/* once for each sponsored post */
} CursorContent;

/* Returns the number of bytes written. */
extern size_t cursor_encode(const CursorContent *content, uint8_t bytes[CURSOR_MAX_BYTES]);

/*
 * Read a cursor.  False for anything that encode does not write, also in another
 * version; content is then undefined.
 */
extern bool cursor_decode(const uint8_t *bytes, size_t size, CursorContent *content);

#endif							/* PG_INFLUENCE_CURSOR_CORE_H */

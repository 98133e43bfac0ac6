/*
 * cursor_core.h
 *	  The feed's cursor: what this session was shown, as an opaque text.
 *
 * Pure C without PostgreSQL; XXH3 is inlined from xxhash.h.
 */
#ifndef PG_INFLUENCE_CURSOR_CORE_H
#define PG_INFLUENCE_CURSOR_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed_order_core.h"

#define CURSOR_MAX_IDS 500
#define CURSOR_VIEWER_BYTES 16

/* every fifth position is the most that can be sponsored */
#define CURSOR_MAX_CAMPAIGNS (CURSOR_MAX_IDS / FEED_SPONSORED_SPACING)

/*
 * version, instant, profile and assignment, tail, counts of at most 2 bytes,
 * ids of at most 10, checksum
 */
#define CURSOR_MAX_BYTES (1 + 8 + 2 * 10 + 2 + 1 + 2 * FEED_TAIL * 10 + \
						  2 + CURSOR_MAX_IDS * 10 + 1 + CURSOR_MAX_CAMPAIGNS * 10 + 8)

/* base64url without padding, and the terminator */
#define CURSOR_MAX_TEXT ((CURSOR_MAX_BYTES * 8 + 5) / 6 + 1)

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

/* whom and what a cursor serves; the texts may be empty and need no terminator */
typedef struct CursorOwner
{
	int64_t		program_id;
	uint8_t		viewer[CURSOR_VIEWER_BYTES];
	const char *surface;
	size_t		surface_length;
	const char *intent;
	size_t		intent_length;
} CursorOwner;

/* Write the cursor and a terminator; returns the length without it. */
extern size_t cursor_encode(const CursorContent *content, const CursorOwner *owner,
							char text[CURSOR_MAX_TEXT]);

/*
 * Read a cursor.  False when it is malformed, altered, of another version or
 * made for another owner; content is then undefined.
 */
extern bool cursor_decode(const char *text, size_t length, const CursorOwner *owner,
						  CursorContent *content);

#endif							/* PG_INFLUENCE_CURSOR_CORE_H */

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

#define CURSOR_MAX_IDS 500
#define CURSOR_VIEWER_BYTES 16

/* version, instant, count of at most 2 bytes, ids of at most 10, checksum */
#define CURSOR_MAX_BYTES (1 + 8 + 2 + CURSOR_MAX_IDS * 10 + 8)

/* base64url without padding, and the terminator */
#define CURSOR_MAX_TEXT ((CURSOR_MAX_BYTES * 4 + 2) / 3 + 1)

typedef struct CursorContent
{
	int64_t		as_of_us;
	uint32_t	count;			/* <= CURSOR_MAX_IDS */
	int64_t		ids[CURSOR_MAX_IDS];	/* in the order of delivery */
} CursorContent;

/* Write the cursor and a terminator; returns the length without it. */
extern size_t cursor_encode(const CursorContent *content, int64_t program_id,
							const uint8_t viewer[CURSOR_VIEWER_BYTES],
							char text[CURSOR_MAX_TEXT]);

/*
 * Read a cursor.  False when it is malformed, altered, of another version or
 * made for another program or viewer; content is then undefined.
 */
extern bool cursor_decode(const char *text, size_t length, int64_t program_id,
						  const uint8_t viewer[CURSOR_VIEWER_BYTES],
						  CursorContent *content);

#endif							/* PG_INFLUENCE_CURSOR_CORE_H */

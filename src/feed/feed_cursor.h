/*
 * feed_cursor.h
 *	  Cursors as text: the bytes of cursor_core.h under a seal, for one program,
 *	  viewer, surface, intent and device.
 */
#ifndef PG_INFLUENCE_FEED_CURSOR_H
#define PG_INFLUENCE_FEED_CURSOR_H

#include "cursor_core.h"
#include "feed_seal.h"

#define CURSOR_VIEWER_BYTES 16

/* whom and what a cursor serves; the texts may be empty and need no terminator */
typedef struct CursorOwner
{
	int64		program_id;
	uint8		viewer[CURSOR_VIEWER_BYTES];
	const char *surface;
	size_t		surface_length;
	const char *intent;
	size_t		intent_length;
	const char *device;
	size_t		device_length;
} CursorOwner;

/* The cursor as text, in the current memory context. */
extern text *feed_cursor_text(const CursorContent *content, const CursorOwner *owner,
							  const uint8 key[FEED_TOKEN_KEY_BYTES]);

/* What a text says; an error unless it was made by feed_cursor_text() for this owner. */
extern void feed_cursor_content(text *cursor, const CursorOwner *owner,
								const uint8 key[FEED_TOKEN_KEY_BYTES], CursorContent *content);

#endif							/* PG_INFLUENCE_FEED_CURSOR_H */

/*
 * base64url_core.h
 *	  base64url without padding (RFC 4648, section 5), one text per bytes.
 *
 * Pure C without PostgreSQL.
 */
#ifndef PG_INFLUENCE_BASE64URL_CORE_H
#define PG_INFLUENCE_BASE64URL_CORE_H

#include <stddef.h>
#include <stdint.h>

/* length of the text, without its terminator */
#define BASE64URL_LENGTH(size) (((size) * 8 + 5) / 6)

/* Writes BASE64URL_LENGTH(size) letters and a terminator; returns the length. */
extern size_t base64url_encode(const uint8_t *bytes, size_t size, char *text);

/*
 * Returns the number of bytes; 0 when the text is none that encode writes, or
 * its bytes would not fit in room.
 */
extern size_t base64url_decode(const char *text, size_t length, uint8_t *bytes, size_t room);

#endif							/* PG_INFLUENCE_BASE64URL_CORE_H */

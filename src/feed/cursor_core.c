/*
 * cursor_core.c
 *	  The feed's cursor: what this session was shown, as an opaque text.
 *
 * Bytes, then base64url without padding (RFC 4648, section 5):
 *
 *		version		1 byte
 *		instant		8 bytes, little endian, microseconds
 *		count		varint
 *		ids			varints of zigzag(id - previous id), in order of delivery
 *		checksum	8 bytes, little endian, XXH3 of the above and the owner
 *
 * The exact ids, not a position: a feed is ranked anew for every page, and only
 * what was delivered can be left out without repeating or losing a post.  The
 * order is kept because diversity looks back over it.
 *
 * Program and viewer go into the checksum, not into the text, so a cursor
 * serves its owner only.  The checksum finds damage and mix-ups; it is no
 * signature, and need not be one: get_feed judges at the moment of the call who
 * may be shown what, so a cursor only hides posts from the one who holds it.
 *
 * There is exactly one text for a content: longer varints and stray bits in the
 * last character are refused.
 */
#include "cursor_core.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define CURSOR_VERSION 1
#define CHECKSUM_BYTES 8
#define VARINT_MAX_BYTES 10

static const char base64url[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
put_fixed64(uint8_t *out, uint64_t value)
{
	int			i;

	for (i = 0; i < 8; i++)
		out[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
get_fixed64(const uint8_t *in)
{
	uint64_t	value = 0;
	int			i;

	for (i = 0; i < 8; i++)
		value |= (uint64_t) in[i] << (8 * i);
	return value;
}

static size_t
put_varint(uint8_t *out, uint64_t value)
{
	size_t		n = 0;

	while (value >= 0x80)
	{
		out[n++] = (uint8_t) (value | 0x80);
		value >>= 7;
	}
	out[n++] = (uint8_t) value;
	return n;
}

/* Returns the bytes read, 0 when there is no shortest varint of 64 bits. */
static size_t
get_varint(const uint8_t *in, size_t size, uint64_t *value)
{
	size_t		n;

	*value = 0;
	for (n = 0; n < size && n < VARINT_MAX_BYTES; n++)
	{
		uint64_t	bits = in[n] & 0x7F;

		/* the tenth byte has room for one bit */
		if (n == VARINT_MAX_BYTES - 1 && bits > 1)
			return 0;
		*value |= bits << (7 * n);
		if ((in[n] & 0x80) == 0)
			return (n > 0 && bits == 0) ? 0 : n + 1;
	}
	return 0;
}

/* small differences of either sign become small numbers */
static uint64_t
zigzag(uint64_t difference)
{
	return (difference << 1) ^ (UINT64_C(0) - (difference >> 63));
}

static uint64_t
unzigzag(uint64_t value)
{
	return (value >> 1) ^ (UINT64_C(0) - (value & 1));
}

static uint64_t
checksum(const uint8_t *bytes, size_t size, int64_t program_id,
		 const uint8_t viewer[CURSOR_VIEWER_BYTES])
{
	uint8_t		owner[8 + CURSOR_VIEWER_BYTES];

	put_fixed64(owner, (uint64_t) program_id);
	memcpy(owner + 8, viewer, CURSOR_VIEWER_BYTES);
	return XXH3_64bits_withSeed(bytes, size,
								XXH3_64bits(owner, sizeof(owner)));
}

static size_t
to_text(const uint8_t *bytes, size_t size, char *text)
{
	size_t		length = 0;
	uint32_t	bits = 0;
	int			pending = 0;
	size_t		i;

	for (i = 0; i < size; i++)
	{
		bits = (bits << 8) | bytes[i];
		for (pending += 8; pending >= 6; pending -= 6)
			text[length++] = base64url[(bits >> (pending - 6)) & 63];
	}
	if (pending > 0)
		text[length++] = base64url[(bits << (6 - pending)) & 63];
	text[length] = '\0';
	return length;
}

static int
letter_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	if (c == '_')
		return 63;
	return -1;
}

/* Returns the number of bytes, 0 when the text is not one to_text writes. */
static size_t
from_text(const char *text, size_t length, uint8_t *bytes)
{
	size_t		size = 0;
	uint32_t	bits = 0;
	int			pending = 0;
	size_t		i;

	if (length >= CURSOR_MAX_TEXT || length % 4 == 1)
		return 0;
	for (i = 0; i < length; i++)
	{
		int			value = letter_value(text[i]);

		if (value < 0)
			return 0;
		bits = (bits << 6) | (uint32_t) value;
		pending += 6;
		if (pending >= 8)
		{
			pending -= 8;
			bytes[size++] = (uint8_t) (bits >> pending);
		}
	}
	if ((bits & ((1u << pending) - 1)) != 0)
		return 0;
	return size;
}

size_t
cursor_encode(const CursorContent *content, int64_t program_id,
			  const uint8_t viewer[CURSOR_VIEWER_BYTES],
			  char text[CURSOR_MAX_TEXT])
{
	uint8_t		bytes[CURSOR_MAX_BYTES];
	size_t		size = 0;
	uint64_t	previous = 0;
	uint32_t	i;

	bytes[size++] = CURSOR_VERSION;
	put_fixed64(bytes + size, (uint64_t) content->as_of_us);
	size += 8;
	size += put_varint(bytes + size, content->count);
	for (i = 0; i < content->count; i++)
	{
		uint64_t	id = (uint64_t) content->ids[i];

		size += put_varint(bytes + size, zigzag(id - previous));
		previous = id;
	}
	put_fixed64(bytes + size, checksum(bytes, size, program_id, viewer));
	size += CHECKSUM_BYTES;

	return to_text(bytes, size, text);
}

bool
cursor_decode(const char *text, size_t length, int64_t program_id,
			  const uint8_t viewer[CURSOR_VIEWER_BYTES], CursorContent *content)
{
	uint8_t		bytes[CURSOR_MAX_BYTES];
	size_t		size = from_text(text, length, bytes);
	size_t		at = 1 + 8;
	size_t		used;
	uint64_t	value;
	uint64_t	previous = 0;
	uint32_t	i;

	if (size < at + 1 + CHECKSUM_BYTES || bytes[0] != CURSOR_VERSION)
		return false;
	size -= CHECKSUM_BYTES;
	if (get_fixed64(bytes + size) != checksum(bytes, size, program_id, viewer))
		return false;

	content->as_of_us = (int64_t) get_fixed64(bytes + 1);

	used = get_varint(bytes + at, size - at, &value);
	if (used == 0 || value > CURSOR_MAX_IDS)
		return false;
	at += used;
	content->count = (uint32_t) value;

	for (i = 0; i < content->count; i++)
	{
		used = get_varint(bytes + at, size - at, &value);
		if (used == 0)
			return false;
		at += used;
		previous += unzigzag(value);
		content->ids[i] = (int64_t) previous;
	}
	return at == size;
}

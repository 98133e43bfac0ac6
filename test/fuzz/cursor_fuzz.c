/*
 * cursor_fuzz.c
 *	  cursor_core: no text harms the reader, there is one text for a content, and
 *	  whatever is altered or somebody else's is refused.
 *
 * The checksum would stop nearly every random text, so the first kind of input
 * is the body of a cursor, to which this file adds checksum and base64 itself,
 * from the description of the format and not with the core's functions.
 */
#include "fuzz.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../../src/feed/cursor_core.h"

static const char letters[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static CursorContent content;
static CursorContent again;
static char rewritten[CURSOR_MAX_TEXT];

static size_t
encode_base64(const uint8_t *bytes, size_t size, char *text)
{
	size_t		length = (size * 8 + 5) / 6;
	size_t		i;

	for (i = 0; i < length; i++)
	{
		unsigned	value = 0;
		size_t		bit;

		for (bit = i * 6; bit < i * 6 + 6; bit++)
			value = value * 2 + (bit < size * 8 ? (bytes[bit / 8] >> (7 - bit % 8)) & 1 : 0);
		text[i] = letters[value];
	}
	return length;
}

/* The body followed by the checksum it has for that owner. */
static uint8_t *
seal(const uint8_t *body, size_t size, int64_t program_id, const uint8_t *viewer)
{
	uint8_t		owner[8 + CURSOR_VIEWER_BYTES];
	uint8_t    *sealed = fuzz_alloc(size + 8);
	uint64_t	sum;
	int			i;

	for (i = 0; i < 8; i++)
		owner[i] = (uint8_t) ((uint64_t) program_id >> (8 * i));
	memcpy(owner + 8, viewer, CURSOR_VIEWER_BYTES);
	if (size > 0)
		memcpy(sealed, body, size);
	sum = XXH3_64bits_withSeed(sealed, size, XXH3_64bits(owner, sizeof(owner)));
	for (i = 0; i < 8; i++)
		sealed[size + i] = (uint8_t) (sum >> (8 * i));
	return sealed;
}

static void
check_text(const char *text, size_t length, int64_t program_id, const uint8_t *viewer)
{
	size_t		written;

	if (!cursor_decode(text, length, program_id, viewer, &content))
		return;
	MUST(content.count <= CURSOR_MAX_IDS);
	written = cursor_encode(&content, program_id, viewer, rewritten);
	MUST(written == length && memcmp(rewritten, text, length) == 0);
	MUST(rewritten[written] == '\0');
}

/* A varint of the value, or one that is too long, too large or cut. */
static size_t
build_varint(FuzzInput *in, uint64_t value, uint8_t *body)
{
	uint8_t		shape = take_u8(in);
	size_t		size = 0;

	if (shape == 255)
	{
		take_bytes(in, body, 11);
		return 1 + take_below(in, 10);
	}
	for (; value >= 0x80; value >>= 7)
		body[size++] = (uint8_t) (value | 0x80);
	body[size++] = (uint8_t) value;
	if (shape == 254)
	{
		body[size - 1] |= 0x80;
		body[size++] = take_u8(in) % 4;
	}
	return size;
}

/* Nearly the body of a cursor: each part may be wrong. */
static uint8_t *
build_body(FuzzInput *in, size_t *size)
{
	uint8_t    *body = fuzz_alloc(16 + 520 * 11 + 16);
	uint64_t	count = take_below(in, 520);
	uint64_t	i;

	*size = 0;
	body[(*size)++] = take_u8(in) == 255 ? take_u8(in) : 1;
	take_bytes(in, body + *size, 8);
	*size += 8;
	*size += build_varint(in, count, body + *size);
	if (take_u8(in) == 255)
		count = take_below(in, 520);
	for (i = 0; i < count; i++)
		*size += build_varint(in, (uint64_t) take_i64(in), body + *size);
	return body;
}

/* What is written is read, and nothing but that. */
static void
check_round_trip(FuzzInput *in, int64_t program_id, uint8_t *viewer)
{
	size_t		at;
	char		letter;
	size_t		length;
	char	   *text;
	uint32_t	i;
	int64_t		id = 0;

	content.as_of_us = take_i64(in);
	content.count = (uint32_t) take_below(in, CURSOR_MAX_IDS);
	for (i = 0; i < content.count; i++)
	{
		if (in->left > 0)
			id = take_i64(in);
		content.ids[i] = id;
	}
	length = cursor_encode(&content, program_id, viewer, rewritten);
	MUST(length < CURSOR_MAX_TEXT && rewritten[length] == '\0');

	text = fuzz_alloc(length);
	memcpy(text, rewritten, length);
	MUST(cursor_decode(text, length, program_id, viewer, &again));
	MUST(again.as_of_us == content.as_of_us && again.count == content.count);
	MUST(memcmp(again.ids, content.ids, content.count * sizeof(int64_t)) == 0);

	/* 2^-64 is chance enough */
	MUST(!cursor_decode(text, length, program_id ^ 1, viewer, &again));
	viewer[3] ^= 1;
	MUST(!cursor_decode(text, length, program_id, viewer, &again));
	viewer[3] ^= 1;

	at = (size_t) take_below(in, length - 1);
	letter = letters[take_u8(in) & 63];
	if (letter != text[at])
	{
		text[at] = letter;
		MUST(!cursor_decode(text, length, program_id, viewer, &again));
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	uint8_t		kind = take_u8(&in);
	int64_t		program_id = take_u8(&in);
	uint8_t		viewer[CURSOR_VIEWER_BYTES];
	uint8_t    *body = NULL;
	uint8_t    *sealed;
	char	   *text;
	size_t		length;

	memset(viewer, take_u8(&in), sizeof(viewer));
	if (kind % 4 == 0)
		check_round_trip(&in, program_id, viewer);
	else if (kind % 4 == 1)
	{
		text = fuzz_alloc(in.left);
		if (in.left > 0)
			memcpy(text, in.data, in.left);
		check_text(text, in.left, program_id, viewer);
		free(text);
	}
	else
	{
		length = in.left;
		if (kind % 4 == 3)
			body = build_body(&in, &length);
		sealed = seal(body != NULL ? body : in.data, length, program_id, viewer);
		text = fuzz_alloc(((length + 8) * 8 + 5) / 6);
		length = encode_base64(sealed, length + 8, text);
		check_text(text, length, program_id, viewer);
		free(text);
		free(sealed);
		free(body);
	}
	return 0;
}

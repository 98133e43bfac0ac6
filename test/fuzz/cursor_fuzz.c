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
seal(const uint8_t *body, size_t size, const CursorOwner *of)
{
	uint8_t		ids[8 + CURSOR_VIEWER_BYTES];
	uint8_t    *sealed = fuzz_alloc(size + 8);
	uint64_t	sum;
	int			i;

	for (i = 0; i < 8; i++)
		ids[i] = (uint8_t) ((uint64_t) of->program_id >> (8 * i));
	memcpy(ids + 8, of->viewer, CURSOR_VIEWER_BYTES);
	if (size > 0)
		memcpy(sealed, body, size);
	sum = XXH3_64bits(ids, sizeof(ids));
	sum = XXH3_64bits_withSeed(of->surface, of->surface_length, sum);
	sum = XXH3_64bits_withSeed(of->intent, of->intent_length, sum);
	sum = XXH3_64bits_withSeed(sealed, size, sum);
	for (i = 0; i < 8; i++)
		sealed[size + i] = (uint8_t) (sum >> (8 * i));
	return sealed;
}

static void
check_text(const char *text, size_t length, const CursorOwner *of)
{
	size_t		written;

	if (!cursor_decode(text, length, of, &content))
		return;
	MUST(content.count <= CURSOR_MAX_IDS && content.campaign_count <= CURSOR_MAX_CAMPAIGNS);
	MUST(content.tail.count <= FEED_TAIL && content.tail.count <= content.count);
	MUST(content.tail.last_sponsored <= content.count && content.tail.delivered == content.count);
	written = cursor_encode(&content, of, rewritten);
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

/* A count and so many pairs or single varints; now and then another number. */
static size_t
build_list(FuzzInput *in, uint64_t most, int each, uint8_t *body)
{
	uint64_t	count = take_below(in, most);
	size_t		size = build_varint(in, count, body);
	uint64_t	i;

	if (take_u8(in) == 255)
		count = take_below(in, most);
	for (i = 0; i < count * each; i++)
		size += build_varint(in, (uint64_t) take_i64(in), body + size);
	return size;
}

/* Nearly the body of a cursor: each part may be wrong. */
static uint8_t *
build_body(FuzzInput *in, size_t *size)
{
	uint8_t    *body = fuzz_alloc(16 + (4 + 22 + 521 + 106) * 11);

	*size = 0;
	body[(*size)++] = take_u8(in) == 255 ? take_u8(in) : 2;
	take_bytes(in, body + *size, 8);
	*size += 8;
	*size += build_varint(in, (uint64_t) take_i64(in), body + *size);
	*size += build_varint(in, (uint64_t) take_i64(in), body + *size);
	*size += build_varint(in, take_below(in, 502), body + *size);
	*size += build_list(in, 10, 2, body + *size);
	*size += build_list(in, 520, 1, body + *size);
	*size += build_list(in, 105, 1, body + *size);
	return body;
}

static void
take_ids(FuzzInput *in, int64_t *ids, uint32_t count)
{
	int64_t		id = 0;
	uint32_t	i;

	for (i = 0; i < count; i++)
	{
		if (in->left > 0)
			id = take_i64(in);
		ids[i] = id;
	}
}

/* What is written is read, and nothing but that. */
static void
check_round_trip(FuzzInput *in, CursorOwner *of)
{
	FeedTail   *tail = &content.tail;
	size_t		at;
	char		letter;
	size_t		length;
	char	   *text;

	content.as_of_us = take_i64(in);
	content.profile_id = take_i64(in);
	content.assignment_id = take_i64(in);
	content.count = (uint32_t) take_below(in, CURSOR_MAX_IDS);
	take_ids(in, content.ids, content.count);
	tail->last_sponsored = (uint32_t) take_below(in, content.count);
	tail->count = (uint32_t) take_below(in, content.count < FEED_TAIL ? content.count : FEED_TAIL);
	take_ids(in, tail->creators, tail->count);
	take_ids(in, tail->categories, tail->count);
	content.campaign_count = (uint32_t) take_below(in, CURSOR_MAX_CAMPAIGNS);
	take_ids(in, content.campaigns, content.campaign_count);
	length = cursor_encode(&content, of, rewritten);
	MUST(length < CURSOR_MAX_TEXT && rewritten[length] == '\0');

	text = fuzz_alloc(length);
	memcpy(text, rewritten, length);
	MUST(cursor_decode(text, length, of, &again));
	MUST(again.as_of_us == content.as_of_us && again.count == content.count);
	MUST(again.profile_id == content.profile_id && again.assignment_id == content.assignment_id);
	MUST(again.tail.last_sponsored == tail->last_sponsored && again.tail.count == tail->count);
	MUST(again.campaign_count == content.campaign_count);
	MUST(memcmp(again.ids, content.ids, content.count * sizeof(int64_t)) == 0);
	MUST(memcmp(again.tail.creators, tail->creators, tail->count * sizeof(int64_t)) == 0);
	MUST(memcmp(again.tail.categories, tail->categories, tail->count * sizeof(int64_t)) == 0);
	MUST(memcmp(again.campaigns, content.campaigns, content.campaign_count * sizeof(int64_t)) == 0);

	/* 2^-64 is chance enough */
	of->program_id ^= 1;
	MUST(!cursor_decode(text, length, of, &again));
	of->program_id ^= 1;
	of->viewer[3] ^= 1;
	MUST(!cursor_decode(text, length, of, &again));
	of->viewer[3] ^= 1;
	of->surface_length--;
	MUST(!cursor_decode(text, length, of, &again));
	of->surface_length++;
	of->intent_length--;
	MUST(!cursor_decode(text, length, of, &again));
	of->intent_length++;

	at = (size_t) take_below(in, length - 1);
	letter = letters[take_u8(in) & 63];
	if (letter != text[at])
	{
		text[at] = letter;
		MUST(!cursor_decode(text, length, of, &again));
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	uint8_t		kind = take_u8(&in);
	CursorOwner owner = {.program_id = take_u8(&in), .surface = "feed", .surface_length = 4,
	.intent = "browse", .intent_length = 6};
	uint8_t    *body = NULL;
	uint8_t    *sealed;
	char	   *text;
	size_t		length;

	memset(owner.viewer, take_u8(&in), sizeof(owner.viewer));
	if (kind % 4 == 0)
		check_round_trip(&in, &owner);
	else if (kind % 4 == 1)
	{
		text = fuzz_alloc(in.left);
		if (in.left > 0)
			memcpy(text, in.data, in.left);
		check_text(text, in.left, &owner);
		free(text);
	}
	else
	{
		length = in.left;
		if (kind % 4 == 3)
			body = build_body(&in, &length);
		sealed = seal(body != NULL ? body : in.data, length, &owner);
		text = fuzz_alloc(((length + 8) * 8 + 5) / 6);
		length = encode_base64(sealed, length + 8, text);
		check_text(text, length, &owner);
		free(text);
		free(sealed);
		free(body);
	}
	return 0;
}

/*
 * cursor_core.c
 *	  The feed's cursor: what this session was shown, as an opaque text.
 *
 * Bytes, then base64url without padding:
 *
 *		version		1 byte, 2
 *		instant		8 bytes, little endian, microseconds
 *		profile		varint of zigzag, then assignment likewise
 *		sponsored	varint: position of the last sponsored post, 0 = none
 *		tail		varint: how many; then creator and category of each, the
 *					oldest first, varints of zigzag(difference to the one before)
 *		count		varint
 *		ids			varints of zigzag(id - previous id), in order of delivery
 *		campaigns	varint: how many; then likewise
 *		checksum	8 bytes, little endian, XXH3 of the above and the owner
 *
 * The exact ids, not a position: a feed is ranked anew for every page, and only
 * what was delivered can be left out without repeating or losing a post.
 *
 * Program, viewer, surface and intent go into the checksum, not into the text,
 * so a cursor serves its owner only.  The checksum finds damage and mix-ups; it
 * is no signature, and need not be one: get_feed judges at the moment of the
 * call who may be shown what, so a cursor only hides posts from the one who
 * holds it.
 *
 * There is exactly one text for a content: longer varints and stray bits in the
 * last character are refused.
 */
#include "cursor_core.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base64url_core.h"
#include "varint_core.h"

#define CURSOR_VERSION 2
#define CHECKSUM_BYTES 8

_Static_assert(BASE64URL_LENGTH(CURSOR_MAX_BYTES) + 1 == CURSOR_MAX_TEXT,
			   "the longest cursor fits in its text");

/* bytes that are read from the front; failed stays once it is set */
typedef struct CursorReader
{
	const uint8_t *bytes;
	size_t		size;
	size_t		at;
	bool		failed;
} CursorReader;

static uint64_t
checksum(const uint8_t *bytes, size_t size, const CursorOwner *owner)
{
	uint8_t		ids[8 + CURSOR_VIEWER_BYTES];
	uint64_t	seed;

	put_fixed64(ids, (uint64_t) owner->program_id);
	memcpy(ids + 8, owner->viewer, CURSOR_VIEWER_BYTES);
	seed = XXH3_64bits(ids, sizeof(ids));
	seed = XXH3_64bits_withSeed(owner->surface, owner->surface_length, seed);
	seed = XXH3_64bits_withSeed(owner->intent, owner->intent_length, seed);
	return XXH3_64bits_withSeed(bytes, size, seed);
}

static size_t
put_difference(uint8_t *out, int64_t id, uint64_t *previous)
{
	uint64_t	difference = (uint64_t) id - *previous;

	*previous = (uint64_t) id;
	return put_varint(out, zigzag(difference));
}

static uint64_t
read_varint(CursorReader *in)
{
	uint64_t	value = 0;
	size_t		used = in->failed ? 0 : get_varint(in->bytes + in->at, in->size - in->at, &value);

	if (used == 0)
		in->failed = true;
	in->at += used;
	return in->failed ? 0 : value;
}

static uint32_t
read_count(CursorReader *in, uint32_t most)
{
	uint64_t	value = read_varint(in);

	if (value > most)
		in->failed = true;
	return in->failed ? 0 : (uint32_t) value;
}

static int64_t
read_difference(CursorReader *in, uint64_t *previous)
{
	*previous += unzigzag(read_varint(in));
	return (int64_t) *previous;
}

size_t
cursor_encode(const CursorContent *content, const CursorOwner *owner,
			  char text[CURSOR_MAX_TEXT])
{
	uint8_t		bytes[CURSOR_MAX_BYTES];
	size_t		size = 0;
	uint64_t	creator = 0;
	uint64_t	category = 0;
	uint64_t	previous = 0;
	uint32_t	i;

	bytes[size++] = CURSOR_VERSION;
	put_fixed64(bytes + size, (uint64_t) content->as_of_us);
	size += 8;
	size += put_varint(bytes + size, zigzag((uint64_t) content->profile_id));
	size += put_varint(bytes + size, zigzag((uint64_t) content->assignment_id));

	size += put_varint(bytes + size, content->tail.last_sponsored);
	size += put_varint(bytes + size, content->tail.count);
	for (i = 0; i < content->tail.count; i++)
	{
		size += put_difference(bytes + size, content->tail.creators[i], &creator);
		size += put_difference(bytes + size, content->tail.categories[i], &category);
	}

	size += put_varint(bytes + size, content->count);
	for (i = 0; i < content->count; i++)
		size += put_difference(bytes + size, content->ids[i], &previous);

	previous = 0;
	size += put_varint(bytes + size, content->campaign_count);
	for (i = 0; i < content->campaign_count; i++)
		size += put_difference(bytes + size, content->campaigns[i], &previous);

	put_fixed64(bytes + size, checksum(bytes, size, owner));
	size += CHECKSUM_BYTES;
	return base64url_encode(bytes, size, text);
}

bool
cursor_decode(const char *text, size_t length, const CursorOwner *owner,
			  CursorContent *content)
{
	uint8_t		bytes[CURSOR_MAX_BYTES];
	CursorReader in = {bytes, 0, 1 + 8, false};
	FeedTail   *tail = &content->tail;
	uint64_t	creator = 0;
	uint64_t	category = 0;
	uint64_t	previous = 0;
	uint32_t	i;

	in.size = base64url_decode(text, length, bytes, sizeof(bytes));
	if (in.size < in.at + CHECKSUM_BYTES || bytes[0] != CURSOR_VERSION)
		return false;
	in.size -= CHECKSUM_BYTES;
	if (get_fixed64(bytes + in.size) != checksum(bytes, in.size, owner))
		return false;

	content->as_of_us = (int64_t) get_fixed64(bytes + 1);
	content->profile_id = (int64_t) unzigzag(read_varint(&in));
	content->assignment_id = (int64_t) unzigzag(read_varint(&in));

	tail->last_sponsored = read_count(&in, CURSOR_MAX_IDS);
	tail->count = read_count(&in, FEED_TAIL);
	for (i = 0; i < tail->count; i++)
	{
		tail->creators[i] = read_difference(&in, &creator);
		tail->categories[i] = read_difference(&in, &category);
	}

	content->count = read_count(&in, CURSOR_MAX_IDS);
	for (i = 0; i < content->count; i++)
		content->ids[i] = read_difference(&in, &previous);
	tail->delivered = content->count;

	previous = 0;
	content->campaign_count = read_count(&in, CURSOR_MAX_CAMPAIGNS);
	for (i = 0; i < content->campaign_count; i++)
		content->campaigns[i] = read_difference(&in, &previous);

	return !in.failed && in.at == in.size &&
		tail->count <= content->count && tail->last_sponsored <= content->count;
}

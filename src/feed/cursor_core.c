/*
 * cursor_core.c
 *	  The feed's cursor: what this session was shown, in bytes.
 *
 *		version		1 byte, 3
 *		instant		8 bytes, little endian, microseconds
 *		profile		varint of zigzag, then assignment likewise
 *		sponsored	varint: position of the last sponsored post, 0 = none
 *		tail		varint: how many; then creator and category of each, the
 *					oldest first, varints of zigzag(difference to the one before)
 *		count		varint
 *		ids			varints of zigzag(id - previous id), in order of delivery
 *		campaigns	varint: how many; then likewise
 *
 * The exact ids, not a position: a feed is ranked anew for every page, and only
 * what was delivered can be left out without repeating or losing a post.
 *
 * Whose it is, and the seal that keeps others from writing one, are added by the
 * binding (feed_cursor.h).
 *
 * There is exactly one sequence of bytes for a content: longer varints are
 * refused.
 */
#include "cursor_core.h"

#include "varint_core.h"

#define CURSOR_VERSION 3

/* bytes that are read from the front; failed stays once it is set */
typedef struct CursorReader
{
	const uint8_t *bytes;
	size_t		size;
	size_t		at;
	bool		failed;
} CursorReader;

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
cursor_encode(const CursorContent *content, uint8_t bytes[CURSOR_MAX_BYTES])
{
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
	return size;
}

bool
cursor_decode(const uint8_t *bytes, size_t size, CursorContent *content)
{
	CursorReader in = {bytes, size, 1 + 8, false};
	FeedTail   *tail = &content->tail;
	uint64_t	creator = 0;
	uint64_t	category = 0;
	uint64_t	previous = 0;
	uint32_t	i;

	if (size < in.at || bytes[0] != CURSOR_VERSION)
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

/*
 * cursor_fuzz.c
 *	  cursor_core: no bytes harm the reader, and there is one sequence of bytes for
 *	  a content.
 *
 * The first kind of input is nearly the body of a cursor, from the description of
 * the format and not with the core's functions.
 */
#include "fuzz.h"

#include "../../src/feed/cursor_core.h"

static CursorContent content;
static CursorContent again;
static uint8_t rewritten[CURSOR_MAX_BYTES];

static void
check_bytes(const uint8_t *bytes, size_t size)
{
	if (!cursor_decode(bytes, size, &content))
		return;
	MUST(content.count <= CURSOR_MAX_IDS && content.campaign_count <= CURSOR_MAX_CAMPAIGNS);
	MUST(content.tail.count <= FEED_TAIL && content.tail.count <= content.count);
	MUST(content.tail.last_sponsored <= content.count && content.tail.delivered == content.count);
	MUST(cursor_encode(&content, rewritten) == size && memcmp(rewritten, bytes, size) == 0);
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
	body[(*size)++] = take_u8(in) == 255 ? take_u8(in) : 3;
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
check_round_trip(FuzzInput *in)
{
	FeedTail   *tail = &content.tail;
	size_t		size;
	uint8_t    *bytes;

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
	size = cursor_encode(&content, rewritten);
	MUST(size <= CURSOR_MAX_BYTES);
	bytes = fuzz_alloc(size);
	memcpy(bytes, rewritten, size);
	MUST(cursor_decode(bytes, size, &again));
	MUST(again.as_of_us == content.as_of_us && again.count == content.count);
	MUST(again.profile_id == content.profile_id && again.assignment_id == content.assignment_id);
	MUST(again.tail.last_sponsored == tail->last_sponsored && again.tail.count == tail->count);
	MUST(again.campaign_count == content.campaign_count);
	MUST(memcmp(again.ids, content.ids, content.count * sizeof(int64_t)) == 0);
	MUST(memcmp(again.tail.creators, tail->creators, tail->count * sizeof(int64_t)) == 0);
	MUST(memcmp(again.tail.categories, tail->categories, tail->count * sizeof(int64_t)) == 0);
	MUST(memcmp(again.campaigns, content.campaigns, content.campaign_count * sizeof(int64_t)) == 0);
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	uint8_t		kind = take_u8(&in);
	uint8_t    *bytes;
	size_t		length = in.left;

	if (kind % 3 == 0)
		check_round_trip(&in);
	else
	{
		if (kind % 3 == 1)
			bytes = build_body(&in, &length);
		else
		{
			bytes = fuzz_alloc(length);
			if (length > 0)
				memcpy(bytes, in.data, length);
		}
		check_bytes(bytes, length);
		free(bytes);
	}
	return 0;
}

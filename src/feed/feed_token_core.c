/*
 * feed_token_core.c
 *	  The impression token: what a delivered row was, in bytes.
 *
 *		version		1 byte, 2
 *		viewer		16 bytes
 *		moment		8 bytes, little endian, microseconds
 *		program, post, creator, topic, profile, assignment, campaign
 *					varints of zigzag
 *		rank, sources	varints
 *		kind		1 byte: disclosure + 4 x buying
 *		numbers		3 bytes: bit i = the i-th of score, dampening, propensity and
 *					the features is not +0 and follows in 8 bytes, little endian
 *		surface		1 byte: length, then the text
 *		device		likewise
 *
 * About 110 bytes for an ordinary row.  There is one sequence of bytes for a
 * content, and decode() reads nothing else.
 */
#include "feed_token_core.h"

#include <math.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "varint_core.h"

#define TOKEN_VERSION 2
#define TOKEN_IDS 7
#define TOKEN_NUMBERS (3 + FEED_FEATURES)
#define TOKEN_MASK_BYTES 3

_Static_assert(TOKEN_NUMBERS <= 8 * TOKEN_MASK_BYTES, "the mask says which numbers are there");
_Static_assert(FEED_DISCLOSURES <= 4, "two bits are the disclosure");

const char *const feed_source_names[FEED_SOURCES] = {
	"follow", "interest", "neighbor", "trending", "popular", "explore", "sponsored", "intent"
};

const char *const feed_disclosure_names[FEED_DISCLOSURES] = {
	"none", "affiliate", "gifted", "paid"
};

/* The fields in the order of the bytes. */
static void
list_ids(const FeedToken *token, int64_t ids[TOKEN_IDS])
{
	ids[0] = token->program_id;
	ids[1] = token->post_id;
	ids[2] = token->creator_id;
	ids[3] = token->topic_id;
	ids[4] = token->profile_id;
	ids[5] = token->assignment_id;
	ids[6] = token->campaign_id;
}

static void
list_numbers(const FeedToken *token, double numbers[TOKEN_NUMBERS])
{
	numbers[0] = token->score;
	numbers[1] = token->dampening;
	numbers[2] = token->propensity;
	memcpy(numbers + 3, token->features, sizeof(token->features));
}

bool
feed_token_is_valid(const FeedToken *token)
{
	double		numbers[TOKEN_NUMBERS];
	int			i;

	list_numbers(token, numbers);
	for (i = 0; i < TOKEN_NUMBERS; i++)
		if (!isfinite(numbers[i]))
			return false;
	return token->rank > 0 && token->rank <= INT32_MAX &&
		token->sources > 0 && token->sources < (1u << FEED_SOURCES) &&
		token->dampening >= 0 && token->dampening <= 1 &&
		token->propensity > 0 && token->propensity <= 1 &&
		token->disclosure < FEED_DISCLOSURES && token->buying <= 1 &&
		token->surface_length <= FEED_TOKEN_SURFACE_BYTES &&
		token->device_length <= FEED_TOKEN_DEVICE_BYTES;
}

static size_t
put_text(uint8_t *out, const char *text, uint8_t length)
{
	out[0] = length;
	memcpy(out + 1, text, length);
	return 1 + (size_t) length;
}

size_t
feed_token_encode(const FeedToken *token, uint8_t bytes[FEED_TOKEN_MAX_BYTES])
{
	int64_t		ids[TOKEN_IDS];
	double		numbers[TOKEN_NUMBERS];
	size_t		size = 0;
	size_t		mask_at;
	uint32_t	mask = 0;
	int			i;

	bytes[size++] = TOKEN_VERSION;
	memcpy(bytes + size, token->viewer, FEED_VIEWER_BYTES);
	size += FEED_VIEWER_BYTES;
	put_fixed64(bytes + size, (uint64_t) token->moment_us);
	size += 8;
	list_ids(token, ids);
	for (i = 0; i < TOKEN_IDS; i++)
		size += put_varint(bytes + size, zigzag((uint64_t) ids[i]));
	size += put_varint(bytes + size, token->rank);
	size += put_varint(bytes + size, token->sources);
	bytes[size++] = (uint8_t) (token->disclosure + 4 * token->buying);

	mask_at = size;
	size += TOKEN_MASK_BYTES;
	list_numbers(token, numbers);
	for (i = 0; i < TOKEN_NUMBERS; i++)
	{
		uint64_t	value;

		memcpy(&value, &numbers[i], sizeof(value));
		if (value == 0)
			continue;
		mask |= 1u << i;
		put_fixed64(bytes + size, value);
		size += 8;
	}
	for (i = 0; i < TOKEN_MASK_BYTES; i++)
		bytes[mask_at + i] = (uint8_t) (mask >> (8 * i));

	size += put_text(bytes + size, token->surface, token->surface_length);
	size += put_text(bytes + size, token->device, token->device_length);
	return size;
}

/* Returns the bytes read, 0 when a number is cut, too long or not needed. */
static size_t
read_numbers(const uint8_t *bytes, size_t size, double numbers[TOKEN_NUMBERS])
{
	size_t		at = TOKEN_MASK_BYTES;
	uint32_t	mask = 0;
	int			i;

	if (size < at)
		return 0;
	for (i = 0; i < TOKEN_MASK_BYTES; i++)
		mask |= (uint32_t) bytes[i] << (8 * i);
	if (mask >> TOKEN_NUMBERS != 0)
		return 0;
	for (i = 0; i < TOKEN_NUMBERS; i++)
	{
		uint64_t	value = 0;

		if (mask & (1u << i))
		{
			if (size - at < 8)
				return 0;
			value = get_fixed64(bytes + at);
			at += 8;
			if (value == 0)
				return 0;
		}
		memcpy(&numbers[i], &value, sizeof(value));
	}
	return at;
}

/* Takes ids, rank and sources; returns the bytes read, or 0. */
static size_t
read_integers(const uint8_t *bytes, size_t size, FeedToken *token)
{
	uint64_t	values[TOKEN_IDS + 2];
	size_t		at = 0;
	int			i;

	for (i = 0; i < TOKEN_IDS + 2; i++)
	{
		size_t		used = get_varint(bytes + at, size - at, &values[i]);

		if (used == 0)
			return 0;
		at += used;
	}
	if (values[TOKEN_IDS] > INT32_MAX || values[TOKEN_IDS + 1] >= (1u << FEED_SOURCES))
		return 0;
	token->program_id = (int64_t) unzigzag(values[0]);
	token->post_id = (int64_t) unzigzag(values[1]);
	token->creator_id = (int64_t) unzigzag(values[2]);
	token->topic_id = (int64_t) unzigzag(values[3]);
	token->profile_id = (int64_t) unzigzag(values[4]);
	token->assignment_id = (int64_t) unzigzag(values[5]);
	token->campaign_id = (int64_t) unzigzag(values[6]);
	token->rank = (uint32_t) values[TOKEN_IDS];
	token->sources = (uint32_t) values[TOKEN_IDS + 1];
	return at;
}

/* A length and a text of at most so many bytes; returns the bytes read, or 0. */
static size_t
read_text(const uint8_t *bytes, size_t size, char *text, size_t most, uint8_t *length)
{
	if (size == 0 || bytes[0] > most || bytes[0] > size - 1)
		return 0;
	*length = bytes[0];
	memcpy(text, bytes + 1, *length);
	return 1 + (size_t) *length;
}

bool
feed_token_decode(const uint8_t *bytes, size_t size, FeedToken *token)
{
	double		numbers[TOKEN_NUMBERS];
	size_t		at = 1 + FEED_VIEWER_BYTES + 8;
	size_t		used;

	memset(token, 0, sizeof(*token));
	if (size < at || bytes[0] != TOKEN_VERSION)
		return false;
	memcpy(token->viewer, bytes + 1, FEED_VIEWER_BYTES);
	token->moment_us = (int64_t) get_fixed64(bytes + 1 + FEED_VIEWER_BYTES);

	used = read_integers(bytes + at, size - at, token);
	if (used == 0)
		return false;
	at += used;

	if (at == size || bytes[at] >= 8)
		return false;
	token->disclosure = bytes[at] % 4;
	token->buying = bytes[at] / 4;
	at++;

	used = read_numbers(bytes + at, size - at, numbers);
	if (used == 0)
		return false;
	at += used;
	token->score = numbers[0];
	token->dampening = numbers[1];
	token->propensity = numbers[2];
	memcpy(token->features, numbers + 3, sizeof(token->features));

	used = read_text(bytes + at, size - at, token->surface, FEED_TOKEN_SURFACE_BYTES, &token->surface_length);
	if (used == 0)
		return false;
	at += used;
	used = read_text(bytes + at, size - at, token->device, FEED_TOKEN_DEVICE_BYTES, &token->device_length);
	return used > 0 && at + used == size && feed_token_is_valid(token);
}

int64_t
feed_impression_id(const FeedToken *token)
{
	uint8_t		key[FEED_VIEWER_BYTES + 24];

	memcpy(key, token->viewer, FEED_VIEWER_BYTES);
	put_fixed64(key + FEED_VIEWER_BYTES, (uint64_t) token->moment_us);
	put_fixed64(key + FEED_VIEWER_BYTES + 8, token->rank);
	put_fixed64(key + FEED_VIEWER_BYTES + 16, (uint64_t) token->post_id);
	return (int64_t) XXH3_64bits(key, sizeof(key));
}

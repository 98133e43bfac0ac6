/*
 * feed_token_test.c
 *	  feed_token_core and base64url_core: what goes in comes out, in the bytes
 *	  that are documented, and nothing else is read.
 */
#include "tap.h"

#include <float.h>

#include "../../src/feed/base64url_core.h"
#include "../../src/feed/feed_token_core.h"

static uint8_t bytes[FEED_TOKEN_MAX_BYTES + 1];

/* padding is zero in both: decode clears, and so does this */
static FeedToken
plain_token(void)
{
	FeedToken	token;

	memset(&token, 0, sizeof(token));
	memcpy(token.viewer, "0123456789abcdef", FEED_VIEWER_BYTES);
	token.program_id = 1;
	token.post_id = 42;
	token.creator_id = -3;
	token.moment_us = INT64_C(820454400000000);
	token.rank = 300;
	token.sources = 1u << FEED_FROM_FOLLOW | 1u << FEED_FROM_POPULAR;
	token.score = 1.5;
	token.features[FEED_BIAS] = 1;
	/* the seventeenth number, whose bit is in the third byte */
	token.features[FEED_SOUND] = -.25;
	token.dampening = 1;
	token.propensity = 1;
	token.profile_id = 1;
	token.disclosure = FEED_DISCLOSE_PAID;
	token.buying = 1;
	memcpy(token.surface, "feed", 4);
	token.surface_length = 4;
	memcpy(token.device, "ios", 3);
	token.device_length = 3;
	return token;
}

static bool
round_trip(const FeedToken *token)
{
	FeedToken	again;
	size_t		size = feed_token_encode(token, bytes);

	return size <= FEED_TOKEN_MAX_BYTES && feed_token_is_valid(token) &&
		feed_token_decode(bytes, size, &again) && memcmp(token, &again, sizeof(again)) == 0;
}

static void
test_round_trips(void)
{
	/* by hand from the description of the format */
	static const uint8_t want[] = {
		2, '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
		0x00, 0x00, 0x11, 0xED, 0x32, 0xEA, 0x02, 0x00,
		2, 84, 5, 0, 2, 0, 0,
		0xAC, 0x02, 0x11,
		7,
		0x0F, 0x00, 0x01,
		0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F,
		0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F,
		0, 0, 0, 0, 0, 0, 0xD0, 0xBF,
		4, 'f', 'e', 'e', 'd',
		3, 'i', 'o', 's'
	};
	FeedToken	token = plain_token();

	ok(round_trip(&token), "an ordinary token");
	is_u64(feed_token_encode(&token, bytes), sizeof(want), "it is as long as by hand");
	is_mem(bytes, want, sizeof(want), "and has the documented bytes");

	token.features[FEED_FATIGUE] = -0.0;
	token.score = -DBL_MAX;
	ok(round_trip(&token), "minus zero stays minus zero");

	token.program_id = token.post_id = token.creator_id = INT64_MIN;
	token.topic_id = token.profile_id = token.assignment_id = token.campaign_id = INT64_MIN;
	token.moment_us = INT64_MIN;
	token.rank = INT32_MAX;
	token.sources = (1u << FEED_SOURCES) - 1;
	for (int i = 0; i < FEED_FEATURES; i++)
		token.features[i] = -DBL_MAX;
	token.dampening = 5e-324;
	memset(token.surface, 'x', sizeof(token.surface));
	token.surface_length = FEED_TOKEN_SURFACE_BYTES;
	memset(token.device, 'y', sizeof(token.device));
	token.device_length = FEED_TOKEN_DEVICE_BYTES;
	ok(round_trip(&token), "the longest token");
	ok(feed_token_encode(&token, bytes) <= FEED_TOKEN_MAX_BYTES, "fits in its room");
}

static void
test_refusals(void)
{
	FeedToken	token = plain_token();
	FeedToken	other = token;
	size_t		size = feed_token_encode(&token, bytes);
	int			accepted = 0;

	for (size_t cut = 0; cut < size; cut++)
		accepted += feed_token_decode(bytes, cut, &other);
	is_i64(accepted, 0, "every shorter sequence is refused");
	bytes[size] = 0;
	ok(!feed_token_decode(bytes, size + 1, &other), "so is a longer one");
	bytes[0] = 1;
	ok(!feed_token_decode(bytes, size, &other), "and another version");
	bytes[0] = 2;
	/* the fourth from the end is the length of the device */
	bytes[size - 4] = FEED_TOKEN_DEVICE_BYTES + 1;
	ok(!feed_token_decode(bytes, sizeof(bytes), &other), "a device that is too long");

#define IMPOSSIBLE(field, value, what) \
	other = token; \
	other.field = value; \
	size = feed_token_encode(&other, bytes); \
	ok(!feed_token_is_valid(&other) && !feed_token_decode(bytes, size, &other), what)

	IMPOSSIBLE(rank, 0, "rank 0");
	IMPOSSIBLE(sources, 0, "no source");
	IMPOSSIBLE(sources, 1u << FEED_SOURCES, "an unknown source");
	IMPOSSIBLE(score, INFINITY, "an infinite score");
	IMPOSSIBLE(features[3], NAN, "a feature that is no number");
	IMPOSSIBLE(dampening, 1.5, "dampening above 1");
	IMPOSSIBLE(propensity, 0, "a chance of 0");
}

static void
test_impression_id(void)
{
	FeedToken	token = plain_token();
	int64_t		id;

	memcpy(token.viewer, (uint8_t[]) {0xA0, 0xEE, 0xBC, 0x99, 0x9C, 0x0B, 0x4E, 0xF8,
									  0xBB, 0x6D, 0x6B, 0xB9, 0xBD, 0x38, 0x0A, 0x11}, FEED_VIEWER_BYTES);
	token.rank = 3;
	id = feed_impression_id(&token);
	is_i64(id, INT64_C(-689850965483296248), "XXH3 of viewer, moment, rank and post");
	token.score = 7;
	token.profile_id = 9;
	is_i64(feed_impression_id(&token), id, "whatever its score");
	token.rank = 4;
	ok(feed_impression_id(&token) != id, "another rank is another impression");
	token.rank = 3;
	token.moment_us++;
	ok(feed_impression_id(&token) != id, "so is another moment");
}

/* RFC 4648, section 10, without padding; and the two letters that differ */
static void
test_base64url(void)
{
	static const char *const vectors[][2] = {
		{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"},
		{"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF\xBF", "-_-_"}
	};
	char		text[16];
	uint8_t		back[16];
	int			right = 0;

	for (int i = 0; i < 8; i++)
	{
		size_t		size = strlen(vectors[i][0]);
		size_t		length = base64url_encode((const uint8_t *) vectors[i][0], size, text);

		right += length == BASE64URL_LENGTH(size) && strcmp(text, vectors[i][1]) == 0 &&
			base64url_decode(text, length, back, sizeof(back)) == size &&
			memcmp(back, vectors[i][0], size) == 0;
	}
	is_i64(right, 8, "the vectors of RFC 4648");
	is_u64(base64url_decode("Zm9vYmFy", 8, back, 5), 0, "no more than there is room for");
	is_u64(base64url_decode("Zh", 2, back, 16), 0, "no stray bits");
	is_u64(base64url_decode("Zg==", 4, back, 16), 0, "no padding");
	is_u64(base64url_decode("Zm9vY", 5, back, 16), 0, "no single letter at the end");
}

int
main(void)
{
	test_round_trips();
	test_refusals();
	test_impression_id();
	test_base64url();
	return done_testing();
}

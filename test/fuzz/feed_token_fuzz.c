/*
 * feed_token_fuzz.c
 *	  feed_token_core and base64url_core: no bytes and no text harm the readers,
 *	  there is one sequence of bytes for a token and one text for bytes; and
 *	  feed_score_core: any numbers give finite ones.
 */
#include "fuzz.h"

#include <math.h>

#include "../../src/feed/base64url_core.h"
#include "../../src/feed/feed_score_core.h"
#include "../../src/feed/feed_token_core.h"

static double
take_double(FuzzInput *in)
{
	double		value;

	take_bytes(in, &value, sizeof(value));
	return value;
}

static void
check_bytes(const uint8_t *bytes, size_t size)
{
	FeedToken	token;
	uint8_t		again[FEED_TOKEN_MAX_BYTES];

	if (!feed_token_decode(bytes, size, &token))
		return;
	MUST(feed_token_is_valid(&token));
	MUST(size <= FEED_TOKEN_MAX_BYTES && feed_token_encode(&token, again) == size);
	MUST(memcmp(again, bytes, size) == 0);
}

static void
check_text(const char *text, size_t length)
{
	size_t		room = length * 6 / 8;
	uint8_t    *bytes = fuzz_alloc(room);
	char	   *again = fuzz_alloc(length + 1);
	size_t		size = base64url_decode(text, length, bytes, room);

	MUST(size <= room);
	if (size > 0)
	{
		MUST(base64url_encode(bytes, size, again) == length);
		MUST(memcmp(again, text, length) == 0 && again[length] == '\0');
		check_bytes(bytes, size);
	}
	free(again);
	free(bytes);
}

/* Nearly a token: what is wrong must be refused, and the rest come back. */
static void
check_token(FuzzInput *in)
{
	FeedToken	token;
	FeedToken	back;
	uint8_t    *bytes = fuzz_alloc(FEED_TOKEN_MAX_BYTES);
	size_t		size;
	int			i;

	memset(&token, 0, sizeof(token));
	take_bytes(in, token.viewer, sizeof(token.viewer));
	token.program_id = take_i64(in);
	token.post_id = take_i64(in);
	token.creator_id = take_i64(in);
	token.moment_us = take_i64(in);
	token.topic_id = take_i64(in);
	token.profile_id = take_i64(in);
	token.assignment_id = take_i64(in);
	token.campaign_id = take_i64(in);
	token.rank = (uint32_t) take_i64(in);
	token.sources = (uint32_t) take_below(in, 300);
	token.disclosure = take_u8(in) % 4;
	token.buying = take_u8(in) % 2;
	token.score = take_double(in);
	token.dampening = take_u8(in) / 250.0;
	token.propensity = take_u8(in) / 250.0;
	for (i = 0; i < FEED_FEATURES; i++)
		token.features[i] = take_double(in);
	token.surface_length = (uint8_t) take_below(in, FEED_TOKEN_SURFACE_BYTES);
	take_bytes(in, token.surface, token.surface_length);
	token.device_length = (uint8_t) take_below(in, FEED_TOKEN_DEVICE_BYTES);
	take_bytes(in, token.device, token.device_length);

	if (feed_token_is_valid(&token))
	{
		size = feed_token_encode(&token, bytes);
		MUST(size <= FEED_TOKEN_MAX_BYTES && feed_token_decode(bytes, size, &back));
		MUST(memcmp(&token, &back, sizeof(token)) == 0);
		MUST(feed_impression_id(&token) == feed_impression_id(&back));
		/* one byte other: another token, or none */
		i = (int) take_below(in, size - 1);
		bytes[i] ^= (uint8_t) (1 + take_u8(in) % 255);
		check_bytes(bytes, size);
	}
	free(bytes);
}

static void
check_score(FuzzInput *in)
{
	double		weights[FEED_FEATURES];
	double		features[FEED_FEATURES];
	double		a = take_double(in);
	double		b = take_double(in);
	int64_t		x = take_i64(in);
	int64_t		y = take_i64(in);
	int64_t		z = take_i64(in);
	int			i;

	for (i = 0; i < FEED_FEATURES; i++)
	{
		weights[i] = take_double(in);
		features[i] = take_double(in);
	}
	MUST(isfinite(feed_score(weights, features, a)));
	MUST(feed_dampening(a) >= 0 && feed_dampening(a) <= 1);
	MUST(feed_decay(x, y) >= 0 && feed_decay(x, y) <= 1);
	MUST(feed_history_weight((uint32_t) x, a) >= 0 && feed_history_weight((uint32_t) x, a) <= 1);
	MUST(feed_log_weight(a) >= 0 && feed_log_weight(a) <= 40);
	MUST(feed_neighbor(a) >= 0 && feed_neighbor(a) <= 40);
	MUST(fabs(feed_quality(a, x, y)) <= 40);
	MUST(fabs(feed_log_ratio(a)) <= 8);
	MUST(feed_freshness(x, y, z) >= 0 && feed_freshness(x, y, z) <= 1);
	MUST(feed_price_fit(a, b) <= 0 && feed_price_fit(a, b) >= -8);
	MUST(fabs(feed_format_fit(a, b, weights[0], features[0])) <= FEED_FORMAT_MOST);
	MUST(feed_fatigue(a, b) <= 0 && feed_fatigue(a, b) >= -40);
	MUST(feed_day(x) <= x / INT64_C(86400000000) && feed_day(x) >= x / INT64_C(86400000000) - 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};
	uint8_t		kind = take_u8(&in);
	char	   *text;

	switch (kind % 4)
	{
		case 0:
			check_token(&in);
			break;
		case 1:
			check_score(&in);
			break;
		case 2:
			text = fuzz_alloc(in.left);
			memcpy(text, in.data, in.left);
			check_text(text, in.left);
			free(text);
			break;
		default:
			check_bytes(in.data, in.left);
	}
	return 0;
}

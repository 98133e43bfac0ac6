/*
 * feed_draw_core.c
 *	  Draws that depend on what is drawn for, and on nothing else.
 *
 * A generator would give another feed to the same call; a hash gives the same
 * one on every server and standby, and explain_feed can repeat it.
 */
#include "feed_draw_core.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "varint_core.h"

#define US_PER_DAY INT64_C(86400000000)

double
feed_draw(const uint8_t viewer[FEED_VIEWER_BYTES], int64_t day, int64_t post_id)
{
	uint8_t		key[FEED_VIEWER_BYTES + 16];

	memcpy(key, viewer, FEED_VIEWER_BYTES);
	put_fixed64(key + FEED_VIEWER_BYTES, (uint64_t) day);
	put_fixed64(key + FEED_VIEWER_BYTES + 8, (uint64_t) post_id);
	/* the upper 53 bits, which a double holds */
	return (double) (XXH3_64bits(key, sizeof(key)) >> 11) * 0x1p-53;
}

int64_t
feed_day(int64_t moment_us)
{
	int64_t		day = moment_us / US_PER_DAY;

	return moment_us % US_PER_DAY < 0 ? day - 1 : day;
}

uint32_t
feed_share(const uint8_t viewer[FEED_VIEWER_BYTES], const char *experiment, size_t length)
{
	uint64_t	seed = XXH3_64bits(experiment, length);

	return (uint32_t) (XXH3_64bits_withSeed(viewer, FEED_VIEWER_BYTES, seed) % FEED_SHARES);
}

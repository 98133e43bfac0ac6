/*
 * feed_draw_core.h
 *	  Draws that depend on what is drawn for, and on nothing else: XXH3 of the
 *	  viewer and of what is shared out.
 *
 * Pure C without PostgreSQL; XXH3 is inlined from xxhash.h.
 */
#ifndef PG_INFLUENCE_FEED_DRAW_CORE_H
#define PG_INFLUENCE_FEED_DRAW_CORE_H

#include <stddef.h>
#include <stdint.h>

#define FEED_VIEWER_BYTES 16
#define FEED_SHARES 10000

/*
 * FEED_EXPLORATION: 0 <= draw < 1, in steps of 2^-53, from XXH3-64 of viewer,
 * day (UTC days since 2000-01-01) and post, the numbers in 8 bytes, little endian.
 */
extern double feed_draw(const uint8_t viewer[FEED_VIEWER_BYTES], int64_t day, int64_t post_id);

/* The UTC day of a moment, also before 2000. */
extern int64_t feed_day(int64_t moment_us);

/* 0 .. FEED_SHARES - 1: XXH3-64 of viewer and experiment's name, modulo. */
extern uint32_t feed_share(const uint8_t viewer[FEED_VIEWER_BYTES],
						   const char *experiment, size_t length);

#endif							/* PG_INFLUENCE_FEED_DRAW_CORE_H */

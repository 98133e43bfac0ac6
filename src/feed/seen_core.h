/*
 * seen_core.h
 *	  A generation of the seen filter: a Bloom filter of post ids.
 *
 * Pure C without PostgreSQL; XXH3 is inlined from xxhash.h.
 */
#ifndef PG_INFLUENCE_SEEN_CORE_H
#define PG_INFLUENCE_SEEN_CORE_H

#include <stdbool.h>
#include <stdint.h>

/* 10 bits for each of 4,096 posts and 7 probes: 0.82 % false when it is full */
#define SEEN_POSTS 4096
#define SEEN_BYTES 5120
#define SEEN_PROBES 7
#define SEEN_GENERATIONS 3

/* Whether the post is (or seems to be) in the filter of that generation. */
extern bool seen_test(const uint8_t bits[SEEN_BYTES], int64_t generation, int64_t post_id);

/* Puts a post in; false when it was (or seemed to be) in already. */
extern bool seen_add(uint8_t bits[SEEN_BYTES], int64_t generation, int64_t post_id);

#endif							/* PG_INFLUENCE_SEEN_CORE_H */

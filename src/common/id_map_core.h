/*
 * id_map_core.h
 *	  Numbers from 0 for keys in the order in which they first come.
 *
 * Pure C without PostgreSQL; the caller owns the arrays.  A key is one or two
 * words of 64 bits.  Under a seed that nobody knows, no keys can be made up
 * that crowd a bucket.
 *
 *		number = id_map_number(&map, key);
 *		if (number == ID_MAP_FULL)
 *			id_map_grow(&map, larger keys, larger buckets, capacity), again
 */
#ifndef PG_INFLUENCE_ID_MAP_CORE_H
#define PG_INFLUENCE_ID_MAP_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_MAP_FULL UINT32_MAX

/* a power of two, 2^31 at most */
#define ID_MAP_FIRST_CAPACITY 64
#define ID_MAP_MAX_CAPACITY (UINT32_C(1) << 30)

typedef struct IdMap
{
	uint64_t   *keys;			/* words of each, by number */
	uint32_t   *buckets;		/* twice as many: a number + 1, 0 when free */
	uint32_t	words;
	uint32_t	count;
	uint32_t	capacity;
	uint64_t	seed;
} IdMap;

/* keys has room for capacity * words, buckets for 2 * capacity */
extern void id_map_init(IdMap *map, uint32_t words, uint64_t seed,
						uint64_t *keys, uint32_t *buckets, uint32_t capacity);

/* The same keys with the same numbers; keys holds what map->keys did (it may be the same). */
extern void id_map_grow(IdMap *map, uint64_t *keys, uint32_t *buckets, uint32_t capacity);

/* No keys are left. */
extern void id_map_clear(IdMap *map);

extern uint64_t id_map_hash(const uint64_t *key, uint32_t words, uint64_t seed);

/* The number of a key, a new one if it was not there; ID_MAP_FULL without room for it. */
extern uint32_t id_map_number(IdMap *map, const uint64_t *key);

/* The number of a key, ID_MAP_FULL if it is not there. */
extern uint32_t id_map_find(const IdMap *map, const uint64_t *key);

#endif							/* PG_INFLUENCE_ID_MAP_CORE_H */

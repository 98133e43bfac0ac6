/*
 * id_map_core.c
 *	  Numbers from 0 for keys in the order in which they first come: a hash
 *	  table with linear probing, half empty at least.
 */
#include "id_map_core.h"

#include <string.h>

/* murmur3's finalizer: a bijection that spreads neighbours */
static inline uint64_t
mix(uint64_t value)
{
	value = (value ^ (value >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	value = (value ^ (value >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return value ^ (value >> 33);
}

uint64_t
id_map_hash(const uint64_t *key, uint32_t words, uint64_t seed)
{
	uint64_t	hash = mix(key[0] ^ seed);

	return words == 1 ? hash : mix((key[1] ^ hash) + seed);
}

void
id_map_clear(IdMap *map)
{
	map->count = 0;
	memset(map->buckets, 0, (size_t) map->capacity * 2 * sizeof(uint32_t));
}

void
id_map_init(IdMap *map, uint32_t words, uint64_t seed, uint64_t *keys, uint32_t *buckets, uint32_t capacity)
{
	map->keys = keys;
	map->buckets = buckets;
	map->words = words;
	map->seed = seed;
	map->capacity = capacity;
	id_map_clear(map);
}

static inline bool
is_key(const IdMap *map, uint32_t number, const uint64_t *key)
{
	const uint64_t *known = map->keys + (size_t) number * map->words;

	return known[0] == key[0] && (map->words == 1 || known[1] == key[1]);
}

/* The bucket that has the key, or is free for it. */
static inline uint32_t
bucket_of(const IdMap *map, const uint64_t *key)
{
	uint32_t	mask = map->capacity * 2 - 1;
	uint32_t	bucket = (uint32_t) id_map_hash(key, map->words, map->seed) & mask;

	while (map->buckets[bucket] != 0 && !is_key(map, map->buckets[bucket] - 1, key))
		bucket = (bucket + 1) & mask;
	return bucket;
}

void
id_map_grow(IdMap *map, uint64_t *keys, uint32_t *buckets, uint32_t capacity)
{
	uint32_t	count = map->count;
	uint32_t	i;

	map->keys = keys;
	map->buckets = buckets;
	map->capacity = capacity;
	id_map_clear(map);
	for (i = 0; i < count; i++)
		map->buckets[bucket_of(map, keys + (size_t) i * map->words)] = i + 1;
	map->count = count;
}

uint32_t
id_map_find(const IdMap *map, const uint64_t *key)
{
	uint32_t	bucket = bucket_of(map, key);

	return map->buckets[bucket] == 0 ? ID_MAP_FULL : map->buckets[bucket] - 1;
}

uint32_t
id_map_number(IdMap *map, const uint64_t *key)
{
	uint32_t	bucket = bucket_of(map, key);

	if (map->buckets[bucket] != 0)
		return map->buckets[bucket] - 1;
	if (map->count == map->capacity)
		return ID_MAP_FULL;
	memcpy(map->keys + (size_t) map->count * map->words, key, map->words * sizeof(uint64_t));
	map->buckets[bucket] = ++map->count;
	return map->count - 1;
}

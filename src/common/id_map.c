/*
 * id_map.c
 *	  id_map_core in a memory context: it grows by itself.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "id_map.h"

void
id_map_create(IdMap *map, MemoryContext context, uint32 words, uint64 seed)
{
	id_map_init(map, words, seed,
				MemoryContextAlloc(context, ID_MAP_FIRST_CAPACITY * words * sizeof(uint64)),
				MemoryContextAlloc(context, ID_MAP_FIRST_CAPACITY * 2 * sizeof(uint32)), ID_MAP_FIRST_CAPACITY);
}

static void
grow(IdMap *map, const char *of_what)
{
	MemoryContext context = GetMemoryChunkContext(map->keys);
	uint32		capacity = map->capacity * 2;
	uint64	   *keys;

	if (capacity > ID_MAP_MAX_CAPACITY)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many %s", of_what),
				 errdetail("There can be at most %u.", ID_MAP_MAX_CAPACITY)));
	keys = repalloc_huge(map->keys, (size_t) capacity * map->words * sizeof(uint64));
	pfree(map->buckets);
	id_map_grow(map, keys, MemoryContextAllocHuge(context, (size_t) capacity * 2 * sizeof(uint32)), capacity);
}

uint32
id_map_add(IdMap *map, const uint64 *key, const char *of_what)
{
	uint32		number = id_map_number(map, key);

	if (number == ID_MAP_FULL)
	{
		grow(map, of_what);
		number = id_map_number(map, key);
	}
	return number;
}

void
id_map_free(IdMap *map)
{
	pfree(map->keys);
	pfree(map->buckets);
	map->keys = NULL;
	map->buckets = NULL;
}

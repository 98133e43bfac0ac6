/*
 * id_map.h
 *	  id_map_core in a memory context: it grows by itself.
 */
#ifndef PG_INFLUENCE_ID_MAP_H
#define PG_INFLUENCE_ID_MAP_H

#include "utils/palloc.h"

#include "id_map_core.h"

/* with room for a few keys; of_what: for the message when there are too many of them */
extern void id_map_create(IdMap *map, MemoryContext context, uint32 words, uint64 seed);
extern uint32 id_map_add(IdMap *map, const uint64 *key, const char *of_what);

/* keys and buckets */
extern void id_map_free(IdMap *map);

#endif							/* PG_INFLUENCE_ID_MAP_H */

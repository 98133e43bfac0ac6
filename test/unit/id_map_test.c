/*
 * id_map_test.c
 *	  Numbers for keys: in the order they come, the same after growing, with
 *	  one word and with two.
 */
#include "../../src/common/id_map_core.h"
#include "tap.h"

static void
test_words(uint32_t words, const char *name)
{
	enum
	{
		KEYS = 5000
	};
	uint64_t   *keys = malloc(ID_MAP_FIRST_CAPACITY * words * sizeof(uint64_t));
	uint32_t   *buckets = malloc(2 * ID_MAP_FIRST_CAPACITY * sizeof(uint32_t));
	IdMap		map;
	bool		right = true;
	uint32_t	round;
	uint32_t	i;

	id_map_init(&map, words, 42, keys, buckets, ID_MAP_FIRST_CAPACITY);
	for (round = 0; round < 2; round++)
	{
		for (i = 0; i < KEYS; i++)
		{
			/* keys that differ in one word only, 0 and all ones among them */
			uint64_t	key[2] = {words == 1 ? i - UINT64_C(1) : i % 2, i / 2 - UINT64_C(1)};
			uint32_t	number;

			right = right && (round == 1 || id_map_find(&map, key) == ID_MAP_FULL);
			number = id_map_number(&map, key);
			if (number == ID_MAP_FULL)
			{
				right = right && map.count == map.capacity;
				keys = realloc(keys, 2 * map.capacity * words * sizeof(uint64_t));
				buckets = realloc(buckets, 4 * map.capacity * sizeof(uint32_t));
				id_map_grow(&map, keys, buckets, 2 * map.capacity);
				number = id_map_number(&map, key);
			}
			right = right && number == i && id_map_find(&map, key) == i &&
				memcmp(map.keys + (size_t) i * words, key, words * sizeof(uint64_t)) == 0;
		}
		right = right && map.count == KEYS;
	}
	ok(right, name);
	id_map_clear(&map);
	is_u64(id_map_find(&map, map.keys), ID_MAP_FULL, "nothing is left when it is cleared");
	free(keys);
	free(buckets);
}

int
main(void)
{
	uint64_t	one[2] = {7, 0};
	uint64_t	other[2] = {0, 7};

	test_words(1, "keys of one word");
	test_words(2, "keys of two words");
	ok(id_map_hash(one, 2, 1) != id_map_hash(other, 2, 1), "words are told apart");
	ok(id_map_hash(one, 1, 1) != id_map_hash(one, 1, 2), "the seed matters");
	return done_testing();
}

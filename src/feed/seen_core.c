/*
 * seen_core.c
 *	  A generation of the seen filter: a Bloom filter of post ids.
 *
 * The generation seeds the hash.  A filter takes some posts for seen that are
 * not; those of the next generation are others, so that nothing is hidden for
 * longer than the generations last.
 *
 * Source: B. Bloom, Space/time trade-offs in hash coding with allowable errors,
 * CACM 1970; two hashes in place of seven: A. Kirsch, M. Mitzenmacher, Less
 * hashing, same performance, 2006.
 */
#include "seen_core.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "varint_core.h"

#define SEEN_BITS ((uint64_t) SEEN_BYTES * 8)

/* The bit of each probe. */
static void
probes(int64_t generation, int64_t post_id, uint32_t bit[SEEN_PROBES])
{
	uint8_t		key[8];
	XXH128_hash_t hash;
	uint64_t	at;
	uint64_t	step;
	int			i;

	put_fixed64(key, (uint64_t) post_id);
	hash = XXH3_128bits_withSeed(key, sizeof(key), (uint64_t) generation);
	at = hash.low64 % SEEN_BITS;
	/* odd, so that the probes are different bits: SEEN_BITS is 2^13 times 5 */
	step = (hash.high64 % SEEN_BITS) | 1;
	for (i = 0; i < SEEN_PROBES; i++)
	{
		bit[i] = (uint32_t) at;
		at = (at + step) % SEEN_BITS;
	}
}

bool
seen_test(const uint8_t bits[SEEN_BYTES], int64_t generation, int64_t post_id)
{
	uint32_t	bit[SEEN_PROBES];
	int			i;

	probes(generation, post_id, bit);
	for (i = 0; i < SEEN_PROBES; i++)
		if ((bits[bit[i] / 8] & (1u << (bit[i] % 8))) == 0)
			return false;
	return true;
}

bool
seen_add(uint8_t bits[SEEN_BYTES], int64_t generation, int64_t post_id)
{
	uint32_t	bit[SEEN_PROBES];
	bool		is_new = false;
	int			i;

	probes(generation, post_id, bit);
	for (i = 0; i < SEEN_PROBES; i++)
	{
		uint8_t		mask = (uint8_t) (1u << (bit[i] % 8));

		is_new |= (bits[bit[i] / 8] & mask) == 0;
		bits[bit[i] / 8] |= mask;
	}
	return is_new;
}

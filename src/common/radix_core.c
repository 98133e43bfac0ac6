/*
 * radix_core.c
 *	  Radix sort of 64-bit keys, each with the number of its row, in steps of
 *	  bounded cost.
 *
 * Least significant digit first: one pass counts all digits, then each digit
 * that is not the same everywhere takes a pass that moves the entries to the
 * other array. Short arrays are sorted by insertion.
 */
#include "radix_core.h"

#include <string.h>

#define STEP_ENTRIES 65536
#define FEW_ENTRIES 32

static void
sort_few(RadixEntry *entries, size_t n)
{
	size_t		i;

	for (i = 1; i < n; i++)
	{
		RadixEntry	moving = entries[i];
		size_t		j = i;

		for (; j > 0 && entries[j - 1].key > moving.key; j--)
			entries[j] = entries[j - 1];
		entries[j] = moving;
	}
}

void
radix_start(RadixSort *sort, RadixEntry *entries, RadixEntry *scratch, size_t n)
{
	sort->entries = entries;
	sort->scratch = scratch;
	sort->n = n;
	sort->next = 0;
	sort->digit = -1;
	if (n > FEW_ENTRIES)
		memset(sort->counts, 0, sizeof(sort->counts));
}

static inline unsigned
digit_of(uint64_t key, int digit)
{
	return (unsigned) (key >> (digit * RADIX_BITS)) & (RADIX_BUCKETS - 1);
}

/* The next digit that differs, its counts turned into places; false: none. */
static bool
next_digit(RadixSort *sort)
{
	while (++sort->digit < RADIX_DIGITS)
	{
		size_t	   *counts = sort->counts[sort->digit];
		size_t		place = 0;
		int			bucket;

		if (counts[digit_of(sort->entries[0].key, sort->digit)] == sort->n)
			continue;
		for (bucket = 0; bucket < RADIX_BUCKETS; bucket++)
		{
			size_t		count = counts[bucket];

			counts[bucket] = place;
			place += count;
		}
		sort->next = 0;
		return true;
	}
	return false;
}

static bool
step_count(RadixSort *sort)
{
	size_t		stop = sort->n;

	if (stop - sort->next > STEP_ENTRIES)
		stop = sort->next + STEP_ENTRIES;
	for (; sort->next < stop; sort->next++)
	{
		uint64_t	key = sort->entries[sort->next].key;
		int			digit;

		for (digit = 0; digit < RADIX_DIGITS; digit++)
			sort->counts[digit][digit_of(key, digit)]++;
	}
	return sort->next == sort->n && !next_digit(sort);
}

static bool
step_move(RadixSort *sort)
{
	size_t	   *places = sort->counts[sort->digit];
	int			shift = sort->digit * RADIX_BITS;
	const RadixEntry *entries = sort->entries;
	RadixEntry *target = sort->scratch;
	size_t		stop = sort->n;

	if (stop - sort->next > STEP_ENTRIES)
		stop = sort->next + STEP_ENTRIES;
	for (; sort->next < stop; sort->next++)
	{
		const RadixEntry *entry = &entries[sort->next];

		target[places[(entry->key >> shift) & (RADIX_BUCKETS - 1)]++] = *entry;
	}
	if (sort->next < sort->n)
		return false;

	sort->scratch = sort->entries;
	sort->entries = target;
	return !next_digit(sort);
}

bool
radix_step(RadixSort *sort)
{
	if (sort->n <= FEW_ENTRIES)
	{
		sort_few(sort->entries, sort->n);
		return true;
	}
	return sort->digit < 0 ? step_count(sort) : step_move(sort);
}

/*
 * radix_core.c
 *	  Radix sort of 64-bit keys, each with the number of its row, in steps of
 *	  bounded cost.
 *
 * Least significant digit first: one pass finds the bits that differ, one counts
 * the digits of these, then each digit that is not the same everywhere takes a
 * pass that moves the entries to the other array. Short arrays are sorted by
 * insertion.
 */
#include "radix_core.h"

#include <string.h>

#define STEP_ENTRIES 65536
#define FEW_ENTRIES 32

/* many entries repay wide digits, if four of them do */
#define MANY_ENTRIES 4096
#define WIDE_BITS 11
#define NARROW_BITS 8

#define LOOKING (-2)
#define COUNTING (-1)

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
	sort->pass = LOOKING;
	sort->differing = 0;
}

/* The end of this step. */
static inline size_t
step_end(const RadixSort *sort)
{
	return sort->n - sort->next > STEP_ENTRIES ? sort->next + STEP_ENTRIES : sort->n;
}

static inline uint32_t *
counts_of(RadixSort *sort, int digit)
{
	return sort->counts + ((size_t) digit << sort->bits);
}

/* The next digit that differs, its counts turned into places; false: none. */
static bool
next_digit(RadixSort *sort)
{
	while (++sort->pass < sort->digits)
	{
		uint32_t   *counts = counts_of(sort, sort->pass);
		int			shift = sort->lowest + sort->pass * sort->bits;
		uint32_t	mask = (UINT32_C(1) << sort->bits) - 1;
		uint32_t	place = 0;
		uint32_t	bucket;

		if (((sort->differing >> shift) & mask) == 0)
			continue;
		for (bucket = 0; bucket <= mask; bucket++)
		{
			uint32_t	count = counts[bucket];

			counts[bucket] = place;
			place += count;
		}
		sort->next = 0;
		return true;
	}
	return false;
}

/* Which bits differ; true when none does. */
static bool
step_look(RadixSort *sort)
{
	const RadixEntry *entries = sort->entries;
	size_t		stop = step_end(sort);
	uint64_t	first = entries[0].key;
	uint64_t	differing = sort->differing;
	size_t		i;
	int			range;

	for (i = sort->next; i < stop; i++)
		differing |= entries[i].key ^ first;
	sort->differing = differing;
	sort->next = stop;
	if (stop < sort->n)
		return false;
	if (differing == 0)
		return true;

	sort->lowest = __builtin_ctzll(differing);
	range = 64 - __builtin_clzll(differing) - sort->lowest;
	sort->bits = sort->n >= MANY_ENTRIES && range <= 4 * WIDE_BITS ? WIDE_BITS : NARROW_BITS;
	sort->digits = (range + sort->bits - 1) / sort->bits;
	memset(sort->counts, 0, ((size_t) sort->digits << sort->bits) * sizeof(sort->counts[0]));
	sort->pass = COUNTING;
	sort->next = 0;
	return false;
}

static void
count_digits(const RadixEntry *entries, size_t n, int lowest, int digits, int bits, uint32_t *counts)
{
	uint64_t	mask = (UINT64_C(1) << bits) - 1;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		uint64_t	key = entries[i].key >> lowest;
		int			digit;

		for (digit = 0; digit < digits; digit++)
		{
			counts[((uint64_t) digit << bits) + (key & mask)]++;
			key >>= bits;
		}
	}
}

static bool
step_count(RadixSort *sort)
{
	const RadixEntry *entries = sort->entries + sort->next;
	size_t		n = step_end(sort) - sort->next;

	/* the most common numbers of digits are known to the compiler */
	if (sort->bits == WIDE_BITS && sort->digits == 4)
		count_digits(entries, n, sort->lowest, 4, WIDE_BITS, sort->counts);
	else
		count_digits(entries, n, sort->lowest, sort->digits, sort->bits, sort->counts);
	sort->next += n;
	return sort->next == sort->n && !next_digit(sort);
}

static bool
step_move(RadixSort *sort)
{
	uint32_t   *places = counts_of(sort, sort->pass);
	int			shift = sort->lowest + sort->pass * sort->bits;
	uint64_t	mask = (UINT64_C(1) << sort->bits) - 1;
	const RadixEntry *entries = sort->entries;
	RadixEntry *target = sort->scratch;
	size_t		stop = step_end(sort);
	size_t		i;

	for (i = sort->next; i < stop; i++)
	{
		RadixEntry	entry = entries[i];

		target[places[(entry.key >> shift) & mask]++] = entry;
	}
	sort->next = stop;
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
	if (sort->pass == LOOKING)
		return step_look(sort);
	return sort->pass == COUNTING ? step_count(sort) : step_move(sort);
}

/*
 * radix_core.c
 *	  Radix sorts in steps of bounded cost: of 64-bit keys, each with the number of
 *	  its row, and of 64-bit words by their leading bits.
 *
 * Least significant digit first: one pass finds the bits that differ, unless the
 * caller knows them, one counts the digits of these, then each digit that is not
 * the same everywhere takes a pass that moves the entries to the other array.
 * Short arrays are sorted by insertion.
 */
#include "radix_core.h"

#include <string.h>

#define STEP_ENTRIES 65536
#define FEW_ENTRIES 32

/* many entries repay wide digits, if four of them do */
#define MANY_ENTRIES 4096
#define WIDE_BITS 11
#define NARROW_BITS 8

/* passes before the digits */
#define SORTED (-3)
#define LOOKING (-2)
#define COUNTING (-1)

/* The end of this step. */
static inline size_t
step_end(const RadixProgress *progress)
{
	return progress->n - progress->next > STEP_ENTRIES ? progress->next + STEP_ENTRIES : progress->n;
}

static inline uint32_t *
counts_of(RadixProgress *progress, int digit)
{
	return progress->counts + ((size_t) digit << progress->bits);
}

static void
progress_start(RadixProgress *progress, size_t n)
{
	progress->n = n;
	progress->next = 0;
	progress->pass = LOOKING;
	progress->differing = 0;
	progress->lowest = 0;
}

/* The bits that differ, cut into digits; true when there are none. */
static bool
start_counting(RadixProgress *progress, uint64_t differing)
{
	int			range;

	progress->next = 0;
	progress->differing = differing;
	if (differing == 0)
	{
		progress->pass = SORTED;
		return true;
	}
	progress->pass = COUNTING;
	progress->lowest = __builtin_ctzll(differing);
	range = 64 - __builtin_clzll(differing) - progress->lowest;
	progress->bits = progress->n >= MANY_ENTRIES && range <= 4 * WIDE_BITS ? WIDE_BITS : NARROW_BITS;
	progress->digits = (range + progress->bits - 1) / progress->bits;
	memset(progress->counts, 0, ((size_t) progress->digits << progress->bits) * sizeof(progress->counts[0]));
	return false;
}

/* The next digit that differs, its counts turned into places; false: none. */
static bool
next_digit(RadixProgress *progress)
{
	while (++progress->pass < progress->digits)
	{
		uint32_t   *counts = counts_of(progress, progress->pass);
		int			shift = progress->lowest + progress->pass * progress->bits;
		uint32_t	mask = (UINT32_C(1) << progress->bits) - 1;
		uint32_t	place = 0;
		uint32_t	bucket;

		if (((progress->differing >> shift) & mask) == 0)
			continue;
		for (bucket = 0; bucket <= mask; bucket++)
		{
			uint32_t	count = counts[bucket];

			counts[bucket] = place;
			place += count;
		}
		progress->next = 0;
		return true;
	}
	return false;
}

#define RADIX_PREFIX entries
#define RADIX_SORT RadixSort
#define RADIX_ENTRY RadixEntry
#define RADIX_KEY(entry) ((entry).key)
#include "radix_template.h"

#define RADIX_PREFIX words
#define RADIX_SORT RadixWords
#define RADIX_ENTRY uint64_t
#define RADIX_KEY(entry) (entry)
#include "radix_template.h"

void
radix_start(RadixSort *sort, RadixEntry *entries, RadixEntry *scratch, size_t n)
{
	sort->entries = entries;
	sort->scratch = scratch;
	progress_start(&sort->progress, n);
}

void
radix_words_start(RadixWords *sort, uint64_t *words, uint64_t *scratch, size_t n,
				  uint64_t differing)
{
	sort->entries = words;
	sort->scratch = scratch;
	progress_start(&sort->progress, n);
	start_counting(&sort->progress, differing);
}

/* Which bits differ; true when none does. */
static bool
step_look(RadixSort *sort)
{
	RadixProgress *progress = &sort->progress;
	const RadixEntry *entries = sort->entries;
	size_t		stop = step_end(progress);
	uint64_t	first = entries[0].key;
	uint64_t	differing = progress->differing;
	size_t		i;

	for (i = progress->next; i < stop; i++)
		differing |= entries[i].key ^ first;
	progress->differing = differing;
	progress->next = stop;
	return stop == progress->n && start_counting(progress, differing);
}

bool
radix_step(RadixSort *sort)
{
	if (sort->progress.pass == LOOKING && sort->progress.n > FEW_ENTRIES)
		return step_look(sort);
	return entries_step(sort);
}

bool
radix_words_step(RadixWords *sort)
{
	return words_step(sort);
}

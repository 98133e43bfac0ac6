/*
 * radix_words_core.c
 *	  Radix sort of 64-bit words by their leading bits, in steps of bounded cost.
 *
 * As radix_core.c: least significant digit first, one pass that counts all
 * digits, then one for each digit that is not the same everywhere. Short arrays
 * are sorted by insertion.
 */
#include "radix_words_core.h"

#include <string.h>

#define STEP_WORDS 65536
#define FEW_WORDS 32

/* many words repay wide digits, if four of them do */
#define MANY_WORDS 4096
#define WIDE_BITS 11
#define NARROW_BITS 8

#define COUNTING (-1)

static void
sort_few(uint64_t *words, size_t n, int lowest)
{
	size_t		i;

	for (i = 1; i < n; i++)
	{
		uint64_t	moving = words[i];
		size_t		j = i;

		for (; j > 0 && words[j - 1] >> lowest > moving >> lowest; j--)
			words[j] = words[j - 1];
		words[j] = moving;
	}
}

void
radix_words_start(RadixWords *sort, uint64_t *words, uint64_t *scratch, size_t n,
				  uint64_t differing)
{
	int			range;

	sort->words = words;
	sort->scratch = scratch;
	sort->n = n;
	sort->next = 0;
	sort->pass = COUNTING;
	sort->differing = differing;
	sort->digits = 0;
	if (differing == 0)
		return;

	sort->lowest = __builtin_ctzll(differing);
	range = 64 - __builtin_clzll(differing) - sort->lowest;
	sort->bits = n >= MANY_WORDS && range <= 4 * WIDE_BITS ? WIDE_BITS : NARROW_BITS;
	sort->digits = (range + sort->bits - 1) / sort->bits;
	memset(sort->counts, 0, ((size_t) sort->digits << sort->bits) * sizeof(sort->counts[0]));
}

/* The end of this step. */
static inline size_t
step_end(const RadixWords *sort)
{
	return sort->n - sort->next > STEP_WORDS ? sort->next + STEP_WORDS : sort->n;
}

static inline uint32_t *
counts_of(RadixWords *sort, int digit)
{
	return sort->counts + ((size_t) digit << sort->bits);
}

/* The next digit that differs, its counts turned into places; false: none. */
static bool
next_digit(RadixWords *sort)
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

static inline void
count_digits(const uint64_t *words, size_t n, int lowest, int digits, int bits, uint32_t *counts)
{
	uint64_t	mask = (UINT64_C(1) << bits) - 1;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		uint64_t	key = words[i] >> lowest;
		int			digit;

		for (digit = 0; digit < digits; digit++)
		{
			counts[((uint64_t) digit << bits) + (key & mask)]++;
			key >>= bits;
		}
	}
}

static bool
step_count(RadixWords *sort)
{
	const uint64_t *words = sort->words + sort->next;
	size_t		n = step_end(sort) - sort->next;

	/* the most common numbers of digits are known to the compiler */
	if (sort->bits == WIDE_BITS && sort->digits == 4)
		count_digits(words, n, sort->lowest, 4, WIDE_BITS, sort->counts);
	else
		count_digits(words, n, sort->lowest, sort->digits, sort->bits, sort->counts);
	sort->next += n;
	return sort->next == sort->n && !next_digit(sort);
}

static bool
step_move(RadixWords *sort)
{
	uint32_t   *places = counts_of(sort, sort->pass);
	int			shift = sort->lowest + sort->pass * sort->bits;
	uint64_t	mask = (UINT64_C(1) << sort->bits) - 1;
	const uint64_t *words = sort->words;
	uint64_t   *target = sort->scratch;
	size_t		stop = step_end(sort);
	size_t		i;

	for (i = sort->next; i < stop; i++)
	{
		uint64_t	word = words[i];

		target[places[(word >> shift) & mask]++] = word;
	}
	sort->next = stop;
	if (sort->next < sort->n)
		return false;

	sort->scratch = sort->words;
	sort->words = target;
	return !next_digit(sort);
}

bool
radix_words_step(RadixWords *sort)
{
	if (sort->digits == 0)
		return true;
	if (sort->n <= FEW_WORDS)
	{
		sort_few(sort->words, sort->n, sort->lowest);
		return true;
	}
	return sort->pass == COUNTING ? step_count(sort) : step_move(sort);
}

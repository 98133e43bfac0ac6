/*
 * radix_words_core.h
 *	  Radix sort of 64-bit words by their leading bits, in steps of bounded cost.
 *
 * For keys that leave room for the number of their row in the bits below: half
 * of what radix_core.h moves. Pure C without PostgreSQL. The caller owns both
 * arrays, and knows which bits differ:
 *
 *		radix_words_start(&sort, words, scratch, n, differing);
 *		while (!radix_words_step(&sort))
 *			... check for interrupts ...
 *		sorted = sort.words;
 */
#ifndef PG_INFLUENCE_RADIX_WORDS_CORE_H
#define PG_INFLUENCE_RADIX_WORDS_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* of digits: four wide ones, or eight narrow ones */
#define RADIX_WORDS_COUNTS 8192

typedef struct RadixWords
{
	uint64_t   *words;			/* sorted once a step answered true */
	uint64_t   *scratch;
	size_t		n;				/* below 2^32 */
	size_t		next;
	int			pass;			/* -1: counting; else a digit */
	uint64_t	differing;
	int			lowest;			/* bit of the first digit */
	int			bits;			/* of a digit */
	int			digits;
	uint32_t	counts[RADIX_WORDS_COUNTS];
} RadixWords;

/*
 * By the bits from the lowest of differing to its highest: of those to sort by, the
 * bits in which any word differs from the first. Scratch has room for n words, too;
 * which array ends up sorted is open.
 */
extern void radix_words_start(RadixWords *sort, uint64_t *words, uint64_t *scratch, size_t n,
							  uint64_t differing);

/* true when done; words with equal bits keep their order */
extern bool radix_words_step(RadixWords *sort);

#endif							/* PG_INFLUENCE_RADIX_WORDS_CORE_H */

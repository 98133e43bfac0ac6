/*
 * radix_core.h
 *	  Radix sorts in steps of bounded cost: of 64-bit keys, each with the number of
 *	  its row, and of 64-bit words by their leading bits.
 *
 * Words are for keys that leave room for the number of their row in the bits
 * below: half of what entries move.  Pure C without PostgreSQL.  The caller owns
 * both arrays:
 *
 *		radix_start(&sort, entries, scratch, n);
 *		while (!radix_step(&sort))
 *			... check for interrupts ...
 *		sorted = sort.entries;
 */
#ifndef PG_INFLUENCE_RADIX_CORE_H
#define PG_INFLUENCE_RADIX_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* of digits: four wide ones, or eight narrow ones */
#define RADIX_COUNTS 8192

typedef struct RadixEntry
{
	uint64_t	key;
	uint32_t	row;
	uint32_t	tag;			/* goes along; the caller's */
} RadixEntry;

/* how far a sort has come, whatever it sorts */
typedef struct RadixProgress
{
	size_t		n;				/* below 2^32, as rows are */
	size_t		next;
	int			pass;			/* negative: before the digits, or done; else a digit */
	uint64_t	differing;		/* bits in which a key differs from the first */
	int			lowest;			/* bit of the first digit */
	int			bits;			/* of a digit */
	int			digits;
	uint32_t	counts[RADIX_COUNTS];
} RadixProgress;

typedef struct RadixSort
{
	RadixEntry *entries;		/* sorted once a step answered true */
	RadixEntry *scratch;
	RadixProgress progress;
} RadixSort;

typedef struct RadixWords
{
	uint64_t   *entries;		/* sorted once a step answered true */
	uint64_t   *scratch;
	RadixProgress progress;
} RadixWords;

/* scratch has room for n entries, too; which array ends up sorted is open */
extern void radix_start(RadixSort *sort, RadixEntry *entries, RadixEntry *scratch,
						size_t n);

/*
 * By the bits from the lowest of differing to its highest: of those to sort by, the
 * bits in which any word differs from the first.
 */
extern void radix_words_start(RadixWords *sort, uint64_t *words, uint64_t *scratch, size_t n,
							  uint64_t differing);

/* true when done; what is equal keeps its order */
extern bool radix_step(RadixSort *sort);
extern bool radix_words_step(RadixWords *sort);

#endif							/* PG_INFLUENCE_RADIX_CORE_H */

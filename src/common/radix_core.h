/*
 * radix_core.h
 *	  Radix sort of 64-bit keys, each with the number of its row, in steps of
 *	  bounded cost.
 *
 * Pure C without PostgreSQL. The caller owns both arrays:
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

typedef struct RadixSort
{
	RadixEntry *entries;		/* sorted once a step answered true */
	RadixEntry *scratch;
	size_t		n;				/* below 2^32, as rows are */
	size_t		next;
	int			pass;			/* negative: looking, counting; else a digit */
	uint64_t	differing;		/* bits in which a key differs from the first */
	int			lowest;			/* bit of the first digit */
	int			bits;			/* of a digit */
	int			digits;
	uint32_t	counts[RADIX_COUNTS];
} RadixSort;

/* scratch has room for n entries, too; which array ends up sorted is open */
extern void radix_start(RadixSort *sort, RadixEntry *entries, RadixEntry *scratch,
						size_t n);

/* true when done; equal keys keep their order */
extern bool radix_step(RadixSort *sort);

#endif							/* PG_INFLUENCE_RADIX_CORE_H */

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

#define RADIX_BITS 8
#define RADIX_BUCKETS (1 << RADIX_BITS)
#define RADIX_DIGITS (64 / RADIX_BITS)

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
	size_t		n;
	size_t		next;
	int			digit;			/* -1 while counting */
	size_t		counts[RADIX_DIGITS][RADIX_BUCKETS];
} RadixSort;

/* scratch has room for n entries, too; which array ends up sorted is open */
extern void radix_start(RadixSort *sort, RadixEntry *entries, RadixEntry *scratch,
						size_t n);

/* true when done; equal keys keep their order */
extern bool radix_step(RadixSort *sort);

#endif							/* PG_INFLUENCE_RADIX_CORE_H */

/*
 * engagement_list_core.h
 *	  Multisets of observations as flat states: what the aggregates keep whose
 *	  answer needs every row, such as a median.
 *
 * Pure C without PostgreSQL.  A row is one to five words of 64 bits.  A state
 * is a block of bytes without alignment: a header, the rows as they came, and
 * spare room.  Sorting brings equal multisets into equal bytes, so what is
 * calculated from sorted rows depends on nothing else, floats included.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_LIST_CORE_H
#define PG_INFLUENCE_ENGAGEMENT_LIST_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/radix_core.h"
#include "../common/flat_state.h"

#define LIST_MAX_WORDS 5

/* up to so many rows are sorted in place, by list_sort_few */
#define LIST_FEW 32

/*
 * What a kind of state holds.  If short_rows, rows whose last word is 1 are
 * kept without it as long as there are no others.  If adds_up, a row that has
 * the same first word as one of the last few may add its last word to that one.
 */
typedef struct ListKind
{
	uint32_t	magic;
	uint16_t	words;
	bool		short_rows;
	bool		adds_up;
	/* what a word may be, both ends included */
	int64_t		lowest[LIST_MAX_WORDS];
	int64_t		highest[LIST_MAX_WORDS];
} ListKind;

/* the bits of the largest finite double: from 0 on, bits sort as numbers do */
#define LIST_MAX_DOUBLE INT64_C(0x7fefffffffffffff)

extern const ListKind LIST_RATES;	/* rate (double), posts */
extern const ListKind LIST_CREATORS;	/* mean, posts, squares, rows, mean_rest */
extern const ListKind LIST_AMOUNTS; /* time, amount */
extern const ListKind LIST_TIMES;	/* time */
extern const ListKind LIST_TOPICS;	/* topic, posts */

typedef enum ListStatus
{
	LIST_OK = 0,
	LIST_NO_ROOM,				/* grow the state and try again */
	LIST_FULL					/* no state can hold so many */
} ListStatus;

/* Is this a state of that kind that can be read without leaving the block? */
extern bool list_has_frame(const ListKind *kind, const uint8_t *state, size_t size);

extern size_t list_count(const uint8_t *state);

/*
 * Size of a state with room for so many rows; 0 if none can hold them.  With
 * exact, without spare room.
 */
extern size_t list_size_for(size_t words, size_t rows, bool exact);

/* Size of a state that holds the rows of both (either may be NULL) and one more. */
extern size_t list_next_size(const ListKind *kind, const uint8_t *a, const uint8_t *b,
							 const int64_t *row);

/* Make an empty state; list_append may follow. */
extern void list_init(const ListKind *kind, uint8_t *state, size_t size);

/* Add a row whose words are in range. */
extern ListStatus list_add(const ListKind *kind, uint8_t *state, const int64_t *row);

/* Add the rows of another state. */
extern ListStatus list_append(const ListKind *kind, uint8_t *state, const uint8_t *from);

/*
 * Copy the rows to rows[count * kind->words]; false if a word is out of range,
 * or rows that are said to be sorted are not.
 */
extern bool list_load(const ListKind *kind, const uint8_t *state, int64_t *rows);

/* Is the state one that list_store wrote, so that list_load gives sorted rows? */
extern bool list_is_sorted(const uint8_t *state);

/* Sort a few rows by their words, the first one first, as signed numbers. */
extern void list_sort_few(int64_t *rows, size_t n, size_t words);

/*
 * The same for many, by steps of bounded cost; entries and scratch have room for
 * n, and the sorted rows go to target.
 */
typedef struct ListSort
{
	RadixSort	radix;
	const int64_t *rows;
	int64_t    *target;
	size_t		n;
	size_t		words;
	size_t		word;			/* by which it is being sorted */
	size_t		next;			/* rows keyed or moved in this phase */
	enum
	{
		LIST_KEYING,
		LIST_SORTING,
		LIST_MOVING
	}			phase;
} ListSort;

extern void list_sort_start(ListSort *sort, const int64_t *rows, size_t n, size_t words,
							RadixEntry *entries, RadixEntry *scratch, int64_t *target);

/* true when done */
extern bool list_sort_step(ListSort *sort);

/* Size of the canonical state of sorted rows (n > 0), and that state. */
extern size_t list_stored_size(const ListKind *kind, const int64_t *rows, size_t n);
extern void list_store(const ListKind *kind, uint8_t *state, size_t size,
					   const int64_t *rows, size_t n);

static inline double
list_double(int64_t bits)
{
	double		value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline int64_t
list_bits(double value)
{
	int64_t		bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

#endif							/* PG_INFLUENCE_ENGAGEMENT_LIST_CORE_H */

/*
 * markov_state_core.h
 *	  What markov_agg() keeps: weighted counts of the transitions of paths.
 *
 * Pure C without PostgreSQL.  A state is a block of bytes without alignment:
 * a header and a table of entries.  An entry counts a run of creators (equal
 * neighbours collapsed before):
 *
 *	  order + 1 of them		the step from the state of the first ones to the
 *							state of the last ones; its weight
 *	  order or fewer		the end of a path in that state; its conversions,
 *							nulls and value
 *
 * Nothing else is needed.  Whatever enters a state leaves it, so what starts in
 * a state is what leaves it less what comes from others.
 *
 * While rows are added the table is a hash table.  markov_state_pack() makes of
 * it the sorted one that is the aggregate's result: the same rows give the same
 * bytes, in whatever order and division they came.
 */
#ifndef PG_INFLUENCE_MARKOV_STATE_CORE_H
#define PG_INFLUENCE_MARKOV_STATE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/flat_state.h"

#define MARKOV_MAX_ORDER 4

typedef enum MarkovStatus
{
	MARKOV_OK = 0,
	MARKOV_WORKING,				/* call again; a moment to check for interrupts */
	MARKOV_NO_ROOM,				/* grow the state and call again */
	MARKOV_OVERFLOW,			/* a sum leaves the range of int64 */
	MARKOV_CORRUPT,				/* not a state */
	MARKOV_NO_MEMORY,			/* the host had none */
	MARKOV_UNSOLVED				/* could not be computed to the accuracy promised */
} MarkovStatus;

/*
 * What the code that calls a core does for it.  allocate answers NULL when
 * there is nothing left; breathe is called after at most some milliseconds of
 * work, and may leave by longjmp.
 */
typedef struct MarkovHost
{
	void	   *(*allocate) (void *arg, size_t size);
	void		(*release) (void *arg, void *memory);
	void		(*breathe) (void *arg);
	void	   *arg;
} MarkovHost;

typedef struct MarkovEntry
{
	uint32_t	length;			/* creators; 0 = an empty slot */
	int64_t		weight;			/* of a step */
	int64_t		conversions;	/* of an end */
	int64_t		nulls;
	int64_t		value;
	int64_t		ids[MARKOV_MAX_ORDER + 1];	/* zero beyond length */
} MarkovEntry;

/* A row that is being added; start it by markov_path_start(). */
typedef struct MarkovPath
{
	const int64_t *ids;
	size_t		count;
	int64_t		conversions;
	int64_t		nulls;
	int64_t		value;
	size_t		next;
	uint32_t	filled;
	int64_t		window[MARKOV_MAX_ORDER + 1];
} MarkovPath;

/* Sizes: of a new state, of the next larger one (0 when there is none up to limit). */
extern size_t markov_state_first_size(uint32_t order);
extern size_t markov_state_next_size(const uint8_t *state, size_t limit);

/* Make an empty table; size is one of the above. */
extern void markov_state_init(uint8_t *state, size_t size, uint32_t order);

/* The cheap checks: what is needed to stay inside of the block. */
extern bool markov_state_is_table(const uint8_t *state, size_t size);
extern bool markov_state_is_packed(const uint8_t *state, size_t size);

extern uint32_t markov_state_order(const uint8_t *state);
extern size_t markov_state_used(const uint8_t *state);

/* Amounts must not be negative, and one of conversions and nulls above zero. */
extern void markov_path_start(MarkovPath *path, const int64_t *ids, size_t count,
							  int64_t conversions, int64_t value, int64_t nulls);
extern MarkovStatus markov_path_step(MarkovPath *path, uint8_t *state);

/* Add the entries of another state of the same order; *cursor starts at 0. */
extern MarkovStatus markov_merge_step(uint8_t *into, const uint8_t *from, size_t *cursor);

/* Size of the sorted table, then the table itself. */
extern size_t markov_state_packed_size(const uint8_t *state);
extern MarkovStatus markov_state_pack(uint8_t *into, size_t size, const uint8_t *state,
									  const MarkovHost *host);

/* Entry of a table or sorted table; false when it is none that could have been written. */
extern bool markov_state_entry(const uint8_t *state, size_t slot, MarkovEntry *entry);

/* The order of a sorted table: by creators, a run before those it begins. */
extern int	markov_entry_compare(const MarkovEntry *a, const MarkovEntry *b);

#endif							/* PG_INFLUENCE_MARKOV_STATE_CORE_H */

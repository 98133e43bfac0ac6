/*
 * engagement_list.h
 *	  Aggregates whose state is a multiset: the part that they share.
 */
#ifndef PG_INFLUENCE_ENGAGEMENT_LIST_H
#define PG_INFLUENCE_ENGAGEMENT_LIST_H

#include "fmgr.h"

#include "engagement_list_core.h"

/* The state an argument holds, after a look at its frame. */
extern bytea *list_state(const ListKind *kind, Datum value);

/* Transition: argument 0 is the state, NULL at first; row NULL: nothing to add. */
extern Datum list_trans(FunctionCallInfo fcinfo, const ListKind *kind, const int64_t *row);

extern Datum list_combine(FunctionCallInfo fcinfo, const ListKind *kind);

/* The rows of a state, sorted, in palloc'd memory. */
extern int64_t *list_sorted_rows(const ListKind *kind, bytea *state, size_t *n);

/* The canonical state of sorted rows. */
extern bytea *list_state_of(const ListKind *kind, const int64_t *rows, size_t n);

#endif							/* PG_INFLUENCE_ENGAGEMENT_LIST_H */

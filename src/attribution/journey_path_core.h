/*
 * journey_path_core.h
 *	  Transforms of a path of creators, as data-driven models want them.
 *
 * Pure C without PostgreSQL.  Creators are the same when IS NOT DISTINCT FROM
 * says so: no creator is the same as no creator, and differs from every other.
 */
#ifndef PG_INFLUENCE_JOURNEY_PATH_CORE_H
#define PG_INFLUENCE_JOURNEY_PATH_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct JourneyStep
{
	int64_t		creator_id;		/* 0 without a creator */
	size_t		place;			/* in the path as it was */
	bool		has_creator;
} JourneyStep;

/* A run of equal neighbours becomes its first step. Answers how many are left. */
extern size_t journey_path_collapse(JourneyStep *steps, size_t n);

/* for qsort */
extern int	journey_step_compare_creator(const void *a, const void *b);
extern int	journey_step_compare_place(const void *a, const void *b);

#endif							/* PG_INFLUENCE_JOURNEY_PATH_CORE_H */

/*
 * journey_path_core.c
 *	  Transforms of a path of creators, as data-driven models want them.
 *
 * The first step of each creator is found by sorting: by creator and place,
 * collapse, back by place.  The caller sorts, so that it can stay interruptible.
 */
#include "journey_path_core.h"

size_t
journey_path_collapse(JourneyStep *steps, size_t n)
{
	size_t		kept = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (kept > 0 && steps[i].has_creator == steps[kept - 1].has_creator &&
			steps[i].creator_id == steps[kept - 1].creator_id)
			continue;
		steps[kept++] = steps[i];
	}
	return kept;
}

int
journey_step_compare_creator(const void *a, const void *b)
{
	const JourneyStep *x = a;
	const JourneyStep *y = b;

	if (x->has_creator != y->has_creator)
		return x->has_creator ? -1 : 1;
	if (x->creator_id != y->creator_id)
		return x->creator_id < y->creator_id ? -1 : 1;
	return journey_step_compare_place(a, b);
}

int
journey_step_compare_place(const void *a, const void *b)
{
	const JourneyStep *x = a;
	const JourneyStep *y = b;

	return (x->place > y->place) - (x->place < y->place);
}

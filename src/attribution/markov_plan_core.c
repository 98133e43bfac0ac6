/*
 * markov_plan_core.c
 *	  What of a block the iteration goes over.
 */
#include "markov_block.h"

#include <string.h>

/* Does a row only repeat another one of its block? */
static bool
is_repeat(const MarkovBlock *block, const MarkovPair *rhs, size_t i)
{
	const MarkovSystem *system = block->system;
	size_t		row = block->first + i;
	size_t		entry = system->row[row];

	return system->row[row + 1] == entry + 1 && system->inner[row] == entry &&
		system->entry[entry] == 1 && block->mask[i] == 0 &&
		rhs[row][0] == 0 && rhs[row][1] == 0;
}

#define UNKNOWN UINT32_MAX
#define LOOKED_AT (UINT32_MAX - 1)

/*
 * Find for each row the one of the plan that it repeats, perhaps itself.  Where
 * rounding made a circle of repeats, one of them goes into the plan.
 */
static void
find_repeats(const MarkovBlock *block, const MarkovPair *rhs, MarkovBreath *breath)
{
	const MarkovSystem *system = block->system;
	uint32_t   *repeats = block->repeats;
	size_t		i;

	memset(repeats, 0xff, block->rows * sizeof(uint32_t));
	for (i = 0; i < block->rows; i++)
	{
		size_t		at = i;
		uint32_t	end;

		while (repeats[at] == UNKNOWN && is_repeat(block, rhs, at))
		{
			repeats[at] = LOOKED_AT;
			at = system->column[system->row[block->first + at]] - block->first;
			markov_work_done(breath, 4);
		}
		end = repeats[at] < LOOKED_AT ? repeats[at] : (uint32_t) at;
		repeats[at] = end;
		for (at = i; repeats[at] == LOOKED_AT;
			 at = system->column[system->row[block->first + at]] - block->first)
			repeats[at] = end;
		markov_work_done(breath, 4);
	}
}

void
markov_block_plan(MarkovBlock *block, const MarkovPair *rhs, MarkovBreath *breath)
{
	const MarkovSystem *system = block->system;
	uint32_t   *feed = block->feed;
	size_t		at = 0;
	size_t		i;
	size_t		e;

	find_repeats(block, rhs, breath);
	block->planned = 0;
	memset(feed, 0, block->rows * sizeof(uint32_t));
	for (i = 0; i < block->rows; i++)
	{
		size_t		row = block->first + i;

		if (block->repeats[i] != i)
			continue;
		block->plan[block->planned] = (uint32_t) i;
		block->plan_row[block->planned++] = at;
		for (e = system->inner[row]; e < system->row[row + 1]; e++)
		{
			uint32_t	column = block->repeats[system->column[e] - block->first];

			if (column >= i)
				feed[column] = 1;
			block->plan_column[at] = column;
			block->plan_entry[at++] = system->entry[e];
		}
		markov_work_done(breath, system->row[row + 1] - system->inner[row] + 1);
	}
	block->plan_row[block->planned] = at;

	block->fed = 0;
	for (i = 0; i < block->rows; i++)
	{
		if (feed[i])
			feed[block->fed++] = (uint32_t) i;
	}
}

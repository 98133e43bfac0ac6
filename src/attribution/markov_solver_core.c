/*
 * markov_solver_core.c
 *	  Sparse linear systems of an absorbing chain, eight right-hand sides at a
 *	  time, with a bound of the error.
 *
 * Blocks are solved one after the other, so what lies on no cycle needs no
 * iteration at all. What counts is the residual of the system itself, from which the
 * caller's weights (gauge) make a bound of the error.
 *
 * The lanes never mix, and every sum has one order.
 */
#include "markov_block.h"

#include <string.h>

#include "markov_core.h"

/* what a lane's residuals may add up to */
#define AIM 1e-12

/* Is a row of the block touched, or one of another block that it reads? */
static bool
is_touched(const MarkovSystem *system, size_t first, size_t rows, const uint8_t *touched,
		   MarkovBreath *breath)
{
	size_t		i;
	size_t		e;

	for (i = first; i < first + rows; i++)
	{
		if (touched[i])
			return true;
		for (e = system->row[i]; e < system->inner[i]; e++)
		{
			if (touched[system->column[e]])
				return true;
		}
		markov_work_done(breath, (system->inner[i] - system->row[i]) / 4 + 1);
	}
	return false;
}

/* A row that depends on no cycle. */
static void
solve_row(const MarkovBlock *block, const MarkovPair *rhs, const MarkovLanes *v,
		  MarkovLanes *bound, MarkovBreath *breath)
{
	const MarkovSystem *system = block->system;
	size_t		row = block->first;
	MarkovLanes sum;
	int			k;

	for (k = 0; k < MARKOV_PAIRS; k++)
		sum.pair[k] = rhs[row];
	markov_add_entries(&sum, system->column, system->entry, system->row[row], system->row[row + 1], v, 0);
	if (block->mask[0] != 0)
		markov_hold_at_zero(&sum, block->mask[0]);
	*block->x = sum;
	markov_add_magnitude(bound, &sum, block->gauge[0] * MARKOV_ROUNDING(system, row));
	markov_work_done(breath, system->row[row + 1] - system->row[row] + 2);
}

/* What other blocks, solved before, give to the rows of the plan; answers their gauge. */
static double
start_block(MarkovBlock *block, const MarkovPair *rhs, const MarkovLanes *v, MarkovBreath *breath)
{
	const MarkovSystem *system = block->system;
	double		part = 0;
	size_t		n;
	int			k;

	for (n = 0; n < block->planned; n++)
	{
		uint32_t	i = block->plan[n];
		size_t		row = block->first + i;

		for (k = 0; k < MARKOV_PAIRS; k++)
			block->b[i].pair[k] = rhs[row];
		markov_add_entries(&block->b[i], system->column, system->entry, system->row[row],
						   system->inner[row], v, 0);
		part += block->gauge[i];
		markov_work_done(breath, system->inner[row] - system->row[row] + 2);
	}
	return part;
}

MarkovStatus
markov_system_solve(const MarkovSystem *system, const MarkovPair *rhs, const uint8_t *mask,
					const double *gauge, uint8_t *touched, MarkovLanes *v, double *bound,
					const MarkovHost *host)
{
	const MarkovSequence *sequence = &system->sequence;
	size_t		largest = sequence->largest;
	MarkovBreath breath = {host, 0};
	MarkovLanes total;
	MarkovBlock		block;
	double		all = 0;
	size_t		i;
	size_t		k;

	memset(&total, 0, sizeof(total));
	memset(&block, 0, sizeof(block));
	block.system = system;
	block.plan = system->numbers;
	block.repeats = system->numbers + largest;
	block.feed = system->numbers + 2 * largest;
	block.plan_row = system->plan_row;
	block.plan_column = system->plan_column;
	block.plan_entry = system->plan_entry;
	block.b = system->lanes;
	block.y = system->lanes + largest;
	block.r = system->lanes + 2 * largest;
	for (i = 0; i < MARKOV_DIRECTIONS; i++)
	{
		block.p[i] = system->lanes + (3 + i) * largest;
		block.q[i] = system->lanes + (3 + MARKOV_DIRECTIONS + i) * largest;
	}
	for (i = 0; i < system->rows; i++)
		all += gauge[i];

	for (k = 0; k < sequence->blocks; k++)
	{
		block.first = sequence->block[k];
		block.rows = sequence->block[k + 1] - block.first;
		if (!is_touched(system, block.first, block.rows, touched, &breath))
			continue;
		memset(touched + block.first, 1, block.rows);
		block.mask = mask + block.first;
		block.gauge = gauge + block.first;
		block.x = v + block.first;
		if (block.rows == 1)
			solve_row(&block, rhs, v, &total, &breath);
		else
		{
			markov_block_plan(&block, rhs, &breath);
			markov_block_solve(&block, AIM * (start_block(&block, rhs, v, &breath) / all),
							   &total, &breath);
		}
	}
	*bound = markov_greatest(&total);
	/* written so that NaN fails */
	return *bound <= MARKOV_ACCURACY / 4 ? MARKOV_OK : MARKOV_UNSOLVED;
}

double
markov_system_value(const MarkovSystem *system, const MarkovPair *rhs,
					const MarkovLanes *v, size_t row, int lane)
{
	double		sum = rhs[row][lane % 2];
	size_t		e;

	for (e = system->row[row]; e < system->row[row + 1]; e++)
		sum += system->entry[e] * markov_lane(&v[system->column[e]], lane);
	return sum;
}

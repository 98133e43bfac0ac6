/*
 * markov_block_core.c
 *	  A block of many states: the fixed point of a Gauss-Seidel sweep, sought by
 *	  truncated generalised conjugate residuals (Eisenstat, Elman, Schultz, SIAM J.
 *	  Numer. Anal. 20, 1983, 345-357), the inner product weighing a state by its
 *	  expected visits.
 *
 * Whether that converges is not taken on trust: what counts is the residual of the
 * system itself.
 */
#include "markov_block.h"

#include <math.h>
#include <string.h>

/* values are fetched so many entries before they are read */
#define PREFETCH_ENTRIES 32

/* what ends the attempts */
#define MAX_ATTEMPTS 8
#define MAX_ITERATIONS 400

/* One Gauss-Seidel sweep x = b + M x over the plan; without b when it is NULL. */
static void
sweep(const MarkovBlock *block, const MarkovLanes *b, MarkovLanes *x, MarkovBreath *breath)
{
	size_t		ahead = block->plan_row[block->planned];
	size_t		n;

	ahead = ahead > PREFETCH_ENTRIES ? ahead - PREFETCH_ENTRIES : 0;
	for (n = 0; n < block->planned; n++)
	{
		uint32_t	i = block->plan[n];
		size_t		e;
		MarkovLanes sum;

		for (e = block->plan_row[n]; e < block->plan_row[n + 1] && e < ahead; e++)
			__builtin_prefetch(&x[block->plan_column[e + PREFETCH_ENTRIES]]);
		if (b != NULL)
			sum = b[i];
		else
			memset(&sum, 0, sizeof(sum));
		markov_add_entries(&sum, block->plan_column, block->plan_entry, block->plan_row[n],
						   block->plan_row[n + 1], x, 0);
		if (block->mask[i] != 0)
			markov_hold_at_zero(&sum, block->mask[i]);
		x[i] = sum;
		markov_work_done(breath, block->plan_row[n + 1] - block->plan_row[n] + 4);
	}
}

/* The product of two vectors over the feed, row by row: a state weighs as much as its visits. */
static inline void
add_product(MarkovLanes *sum, double weight, const MarkovLanes *a, const MarkovLanes *b)
{
	sum->pair[0] += weight * a->pair[0] * b->pair[0];
	sum->pair[1] += weight * a->pair[1] * b->pair[1];
	sum->pair[2] += weight * a->pair[2] * b->pair[2];
	sum->pair[3] += weight * a->pair[3] * b->pair[3];
}

/* a / b, or 0 where nothing is left to divide by */
static MarkovLanes
quotient(const MarkovLanes *a, const MarkovLanes *b)
{
	MarkovLanes result;
	int			lane;

	for (lane = 0; lane < MARKOV_LANES; lane++)
	{
		double		value = markov_lane(a, lane) / markov_lane(b, lane);

		markov_lane_set(&result, lane, isfinite(value) ? value : 0);
	}
	return result;
}

static inline void
add_multiple(MarkovLanes *v, const MarkovLanes *factor, const MarkovLanes *w)
{
	v->pair[0] += factor->pair[0] * w->pair[0];
	v->pair[1] += factor->pair[1] * w->pair[1];
	v->pair[2] += factor->pair[2] * w->pair[2];
	v->pair[3] += factor->pair[3] * w->pair[3];
}

static inline void
subtract_multiple(MarkovLanes *v, const MarkovLanes *factor, const MarkovLanes *w)
{
	v->pair[0] -= factor->pair[0] * w->pair[0];
	v->pair[1] -= factor->pair[1] * w->pair[1];
	v->pair[2] -= factor->pair[2] * w->pair[2];
	v->pair[3] -= factor->pair[3] * w->pair[3];
}

static const MarkovLanes nothing;

/*
 * The greatest weighted sum of what a sweep still changes.  What a change of a
 * value does to the rows that read it weighs at most as much as the value.
 */
static double
left_to_do(const MarkovBlock *block, MarkovBreath *breath)
{
	MarkovLanes sum = nothing;
	size_t		f;

	for (f = 0; f < block->fed; f++)
	{
		markov_add_magnitude(&sum, &block->r[f], block->gauge[block->feed[f]]);
		markov_work_done(breath, 1);
	}
	return markov_greatest(&sum);
}

/* q, what a sweep leaves of p; answers its product with the direction before */
static MarkovLanes
find_direction(const MarkovBlock *block, MarkovLanes *p, MarkovLanes *q, const MarkovLanes *before,
			   MarkovBreath *breath)
{
	const double *visits = block->system->visits + block->first;
	MarkovLanes product = nothing;
	size_t		f;

	for (f = 0; f < block->fed; f++)
		block->y[block->feed[f]] = p[f] = block->r[f];
	sweep(block, NULL, block->y, breath);
	for (f = 0; f < block->fed; f++)
	{
		const MarkovLanes *y = &block->y[block->feed[f]];

		q[f].pair[0] = p[f].pair[0] - y->pair[0];
		q[f].pair[1] = p[f].pair[1] - y->pair[1];
		q[f].pair[2] = p[f].pair[2] - y->pair[2];
		q[f].pair[3] = p[f].pair[3] - y->pair[3];
		add_product(&product, visits[block->feed[f]], &q[f], &before[f]);
		markov_work_done(breath, 2);
	}
	return product;
}

/*
 * One direction further: x and r are moved, r getting as small as it can be. Each
 * pass over the vectors adds up the product that the next one needs; answers what
 * left_to_do() would.
 */
static double
iterate(MarkovBlock *block, size_t iteration, MarkovBreath *breath)
{
	const double *visits = block->system->visits + block->first;
	size_t		known = iteration < MARKOV_DIRECTIONS ? iteration : MARKOV_DIRECTIONS - 1;
	size_t		at = iteration % MARKOV_DIRECTIONS;
	MarkovLanes *p = block->p[at];
	MarkovLanes *q = block->q[at];
	size_t		other = (at + MARKOV_DIRECTIONS - 1) % MARKOV_DIRECTIONS;
	MarkovLanes product = find_direction(block, p, q, known == 0 ? q : block->q[other], breath);
	MarkovLanes with_r = nothing;
	MarkovLanes left = nothing;
	MarkovLanes share;
	size_t		f;
	size_t		j;

	for (j = 1; j <= known; j++)
	{
		size_t		next = (at + MARKOV_DIRECTIONS - j - 1) % MARKOV_DIRECTIONS;
		const MarkovLanes *with = j < known ? block->q[next] : q;

		share = quotient(&product, &block->norm[other]);
		product = nothing;
		for (f = 0; f < block->fed; f++)
		{
			subtract_multiple(&p[f], &share, &block->p[other][f]);
			subtract_multiple(&q[f], &share, &block->q[other][f]);
			add_product(&product, visits[block->feed[f]], &q[f], &with[f]);
			markov_work_done(breath, 2);
		}
		other = next;
	}

	block->norm[at] = product;
	for (f = 0; f < block->fed; f++)
	{
		add_product(&with_r, visits[block->feed[f]], &block->r[f], &q[f]);
		markov_work_done(breath, 1);
	}
	share = quotient(&with_r, &block->norm[at]);
	for (f = 0; f < block->fed; f++)
	{
		add_multiple(&block->x[block->feed[f]], &share, &p[f]);
		subtract_multiple(&block->r[f], &share, &q[f]);
		markov_add_magnitude(&left, &block->r[f], block->gauge[block->feed[f]]);
		markov_work_done(breath, 2);
	}
	return markov_greatest(&left);
}

/*
 * What the values of a block leave unsolved, and what rounding may hide of it.
 * A row that repeats another is a copy, without an error of its own.
 */
static void
residuals(const MarkovBlock *block, MarkovLanes *residual, MarkovLanes *rounding, MarkovBreath *breath)
{
	size_t		n;
	int			k;

	memset(residual, 0, sizeof(*residual));
	memset(rounding, 0, sizeof(*rounding));
	for (n = 0; n < block->planned; n++)
	{
		uint32_t	i = block->plan[n];
		MarkovLanes sum = block->b[i];

		markov_add_entries(&sum, block->plan_column, block->plan_entry, block->plan_row[n],
						   block->plan_row[n + 1], block->x, 0);
		if (block->mask[i] != 0)
			markov_hold_at_zero(&sum, block->mask[i]);
		for (k = 0; k < MARKOV_PAIRS; k++)
			sum.pair[k] -= block->x[i].pair[k];
		markov_add_magnitude(residual, &sum, block->gauge[i]);
		markov_add_magnitude(rounding, &block->x[i],
							 block->gauge[i] * MARKOV_ROUNDING(block->system, block->first + i));
		markov_work_done(breath, block->plan_row[n + 1] - block->plan_row[n] + 4);
	}
}

void
markov_block_solve(MarkovBlock *block, double aim, MarkovLanes *bound, MarkovBreath *breath)
{
	MarkovLanes residual;
	MarkovLanes rounding;
	double		least = INFINITY;
	int			attempt;
	int			k;

	for (attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		size_t		iteration;
		size_t		f;
		double		left;

		for (f = 0; f < block->fed; f++)
			block->r[f] = block->x[block->feed[f]];
		sweep(block, block->b, block->x, breath);
		for (f = 0; f < block->fed; f++)
		{
			for (k = 0; k < MARKOV_PAIRS; k++)
				block->r[f].pair[k] = block->x[block->feed[f]].pair[k] - block->r[f].pair[k];
		}
		/* r belongs to the values before the sweep: those are where the steps begin */
		for (f = 0; f < block->fed; f++)
		{
			for (k = 0; k < MARKOV_PAIRS; k++)
				block->x[block->feed[f]].pair[k] -= block->r[f].pair[k];
		}
		left = left_to_do(block, breath);
		for (iteration = 0; iteration < MAX_ITERATIONS && !(left <= aim / 2); iteration++)
			left = iterate(block, iteration, breath);
		sweep(block, block->b, block->x, breath);
		for (f = 0; f < block->rows; f++)
			block->x[f] = block->x[block->repeats[f]];

		residuals(block, &residual, &rounding, breath);
		if (!(markov_greatest(&residual) > aim && markov_greatest(&residual) > markov_greatest(&rounding) &&
			  markov_greatest(&residual) < least / 2))
			break;
		least = markov_greatest(&residual);
	}
	for (k = 0; k < MARKOV_PAIRS; k++)
		bound->pair[k] += residual.pair[k] + rounding.pair[k];
}

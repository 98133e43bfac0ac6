/*
 * markov_solver_core.c
 *	  Sparse linear systems of an absorbing chain, eight right-hand sides at a
 *	  time, with a bound of the error.
 *
 * Blocks are solved one after the other, so what lies on no cycle needs no
 * iteration at all.  In a block of many states the fixed point of a
 * Gauss-Seidel sweep is sought by truncated generalised conjugate residuals
 * (Eisenstat, Elman, Schultz, SIAM J. Numer. Anal. 20, 1983, 345-357), the
 * inner product weighing a state by its expected visits.  Whether that converges
 * is not taken on trust: what counts is the residual of the system itself, from
 * which the caller's weights (gauge) make a bound of the error.
 *
 * The lanes never mix, and every sum has one order.
 */
#include "markov_solver_core.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "markov_core.h"

/* what a lane's residuals may add up to; then what ends the attempts */
#define AIM 1e-12
#define MAX_ATTEMPTS 8
#define MAX_ITERATIONS 400

/* of the sum of a row: an addition and a product each, and the entries' own */
#define ROUNDING(system, i) (((system)->row[(i) + 1] - (system)->row[i] + 8) * DBL_EPSILON)

/*
 * What is solved at a time.
 *
 * Rows that only repeat another row (one entry, of 1, and nothing else) are left
 * out of the iteration: the plan has the others, and reads the row that is
 * repeated.  Paths of higher orders consist of such rows for the most part.
 *
 * A sweep goes through the plan in order, so of the values before it only those
 * matter that a row reads from itself or a later one: the feed.  Vectors are
 * over the feed; other rows follow from it.
 */
typedef struct Block
{
	const MarkovSystem *system;
	const uint8_t *mask;		/* of the first row, as the next two */
	const double *gauge;
	MarkovLanes *x;				/* solution */
	size_t		first;
	size_t		rows;

	size_t		planned;
	uint32_t   *plan;			/* rows from first on, ascending */
	size_t	   *plan_row;		/* entries of the plan's rows, as in a system */
	uint32_t   *plan_column;
	double	   *plan_entry;
	uint32_t   *repeats;		/* by row: the row of the plan that it repeats */
	size_t		fed;
	uint32_t   *feed;

	MarkovLanes *b;				/* by row: right-hand side, with what other blocks give */
	MarkovLanes *y;				/* by row: a direction */
	MarkovLanes *r;				/* what a sweep changes */
	MarkovLanes *p[MARKOV_DIRECTIONS];
	MarkovLanes *q[MARKOV_DIRECTIONS];
	MarkovLanes norm[MARKOV_DIRECTIONS];	/* of q */
} Block;

static void
hold_at_zero(MarkovLanes *v, uint8_t mask)
{
	int			lane;

	for (lane = 0; lane < MARKOV_LANES; lane++)
	{
		if (mask & (1 << lane))
			markov_lane_set(v, lane, 0);
	}
}

static double
greatest(const MarkovLanes *v)
{
	double		most = 0;
	int			lane;

	/* written so that NaN wins */
	for (lane = 0; lane < MARKOV_LANES; lane++)
		most = markov_lane(v, lane) <= most ? most : markov_lane(v, lane);
	return most;
}

static inline void
add_magnitude(MarkovLanes *sum, const MarkovLanes *v, double weight)
{
	int			k;

	for (k = 0; k < MARKOV_PAIRS; k++)
	{
		sum->pair[k][0] += weight * fabs(v->pair[k][0]);
		sum->pair[k][1] += weight * fabs(v->pair[k][1]);
	}
}

/* *sum += entries [from, to) times x; written out so that the sums stay in registers. */
static inline void
add_entries(MarkovLanes *sum, const uint32_t *column, const double *entry,
			size_t from, size_t to, const MarkovLanes *x, size_t first)
{
	MarkovPair	s0 = sum->pair[0];
	MarkovPair	s1 = sum->pair[1];
	MarkovPair	s2 = sum->pair[2];
	MarkovPair	s3 = sum->pair[3];
	size_t		e;

	for (e = from; e < to; e++)
	{
		const MarkovLanes *v = &x[column[e] - first];

		s0 += entry[e] * v->pair[0];
		s1 += entry[e] * v->pair[1];
		s2 += entry[e] * v->pair[2];
		s3 += entry[e] * v->pair[3];
	}
	sum->pair[0] = s0;
	sum->pair[1] = s1;
	sum->pair[2] = s2;
	sum->pair[3] = s3;
}

/* One Gauss-Seidel sweep x = b + M x over the plan; without b when it is NULL. */
static void
sweep(const Block *block, const MarkovLanes *b, MarkovLanes *x, MarkovBreath *breath)
{
	size_t		n;

	for (n = 0; n < block->planned; n++)
	{
		uint32_t	i = block->plan[n];
		MarkovLanes sum;

		if (b != NULL)
			sum = b[i];
		else
			memset(&sum, 0, sizeof(sum));
		add_entries(&sum, block->plan_column, block->plan_entry, block->plan_row[n],
					block->plan_row[n + 1], x, 0);
		if (block->mask[i] != 0)
			hold_at_zero(&sum, block->mask[i]);
		x[i] = sum;
		markov_work_done(breath, block->plan_row[n + 1] - block->plan_row[n] + 4);
	}
}

/* The product of two vectors over the feed, a state weighing as much as its visits. */
static MarkovLanes
inner_product(const Block *block, const MarkovLanes *a, const MarkovLanes *b, MarkovBreath *breath)
{
	const double *visits = block->system->visits + block->first;
	MarkovLanes sum;
	size_t		f;
	int			k;

	memset(&sum, 0, sizeof(sum));
	for (f = 0; f < block->fed; f++)
	{
		double		weight = visits[block->feed[f]];

		for (k = 0; k < MARKOV_PAIRS; k++)
			sum.pair[k] += weight * a[f].pair[k] * b[f].pair[k];
		markov_work_done(breath, 1);
	}
	return sum;
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
add_multiple(MarkovLanes *v, const MarkovLanes *factor, const MarkovLanes *w, double sign)
{
	int			k;

	for (k = 0; k < MARKOV_PAIRS; k++)
		v->pair[k] += sign * factor->pair[k] * w->pair[k];
}

/*
 * The greatest weighted sum of what a sweep still changes.  What a change of a
 * value does to the rows that read it weighs at most as much as the value.
 */
static double
left_to_do(const Block *block, MarkovBreath *breath)
{
	MarkovLanes sum;
	size_t		f;

	memset(&sum, 0, sizeof(sum));
	for (f = 0; f < block->fed; f++)
	{
		add_magnitude(&sum, &block->r[f], block->gauge[block->feed[f]]);
		markov_work_done(breath, 1);
	}
	return greatest(&sum);
}

/* One direction further: x and r are moved, r getting as small as it can be. */
static void
iterate(Block *block, size_t iteration, MarkovBreath *breath)
{
	size_t		known = iteration < MARKOV_DIRECTIONS ? iteration : MARKOV_DIRECTIONS - 1;
	size_t		at = iteration % MARKOV_DIRECTIONS;
	MarkovLanes *p = block->p[at];
	MarkovLanes *q = block->q[at];
	MarkovLanes product;
	MarkovLanes share;
	size_t		f;
	size_t		j;
	int			k;

	for (f = 0; f < block->fed; f++)
		block->y[block->feed[f]] = p[f] = block->r[f];
	sweep(block, NULL, block->y, breath);
	for (f = 0; f < block->fed; f++)
	{
		for (k = 0; k < MARKOV_PAIRS; k++)
			q[f].pair[k] = p[f].pair[k] - block->y[block->feed[f]].pair[k];
	}

	for (j = 1; j <= known; j++)
	{
		size_t		other = (at + MARKOV_DIRECTIONS - j) % MARKOV_DIRECTIONS;

		product = inner_product(block, q, block->q[other], breath);
		share = quotient(&product, &block->norm[other]);
		for (f = 0; f < block->fed; f++)
		{
			add_multiple(&p[f], &share, &block->p[other][f], -1);
			add_multiple(&q[f], &share, &block->q[other][f], -1);
			markov_work_done(breath, 1);
		}
	}

	block->norm[at] = inner_product(block, q, q, breath);
	product = inner_product(block, block->r, q, breath);
	share = quotient(&product, &block->norm[at]);
	for (f = 0; f < block->fed; f++)
	{
		add_multiple(&block->x[block->feed[f]], &share, &p[f], 1);
		add_multiple(&block->r[f], &share, &q[f], -1);
		markov_work_done(breath, 1);
	}
}

/*
 * What the values of a block leave unsolved, and what rounding may hide of it.
 * A row that repeats another is a copy, without an error of its own.
 */
static void
residuals(const Block *block, MarkovLanes *residual, MarkovLanes *rounding, MarkovBreath *breath)
{
	size_t		n;
	int			k;

	memset(residual, 0, sizeof(*residual));
	memset(rounding, 0, sizeof(*rounding));
	for (n = 0; n < block->planned; n++)
	{
		uint32_t	i = block->plan[n];
		MarkovLanes sum = block->b[i];

		add_entries(&sum, block->plan_column, block->plan_entry, block->plan_row[n],
					block->plan_row[n + 1], block->x, 0);
		if (block->mask[i] != 0)
			hold_at_zero(&sum, block->mask[i]);
		for (k = 0; k < MARKOV_PAIRS; k++)
			sum.pair[k] -= block->x[i].pair[k];
		add_magnitude(residual, &sum, block->gauge[i]);
		add_magnitude(rounding, &block->x[i],
					  block->gauge[i] * ROUNDING(block->system, block->first + i));
		markov_work_done(breath, block->plan_row[n + 1] - block->plan_row[n] + 4);
	}
}

/* Does a row only repeat another one of its block? */
static bool
is_repeat(const Block *block, const MarkovPair *rhs, size_t i)
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
find_repeats(const Block *block, const MarkovPair *rhs, MarkovBreath *breath)
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

static void
make_plan(Block *block, const MarkovPair *rhs, MarkovBreath *breath)
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

static void
solve_block(Block *block, double aim, MarkovLanes *bound, MarkovBreath *breath)
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
		for (iteration = 0; iteration < MAX_ITERATIONS &&
			 !(left_to_do(block, breath) <= aim / 2); iteration++)
			iterate(block, iteration, breath);
		sweep(block, block->b, block->x, breath);
		for (f = 0; f < block->rows; f++)
			block->x[f] = block->x[block->repeats[f]];

		residuals(block, &residual, &rounding, breath);
		if (!(greatest(&residual) > aim && greatest(&residual) > greatest(&rounding) &&
			  greatest(&residual) < least / 2))
			break;
		least = greatest(&residual);
	}
	for (k = 0; k < MARKOV_PAIRS; k++)
		bound->pair[k] += residual.pair[k] + rounding.pair[k];
}

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
solve_row(const Block *block, const MarkovPair *rhs, const MarkovLanes *v,
		  MarkovLanes *bound, MarkovBreath *breath)
{
	const MarkovSystem *system = block->system;
	size_t		row = block->first;
	MarkovLanes sum;
	int			k;

	for (k = 0; k < MARKOV_PAIRS; k++)
		sum.pair[k] = rhs[row];
	add_entries(&sum, system->column, system->entry, system->row[row], system->row[row + 1], v, 0);
	if (block->mask[0] != 0)
		hold_at_zero(&sum, block->mask[0]);
	*block->x = sum;
	add_magnitude(bound, &sum, block->gauge[0] * ROUNDING(system, row));
	markov_work_done(breath, system->row[row + 1] - system->row[row] + 2);
}

/* What other blocks, solved before, give to the rows of the plan; answers their gauge. */
static double
start_block(Block *block, const MarkovPair *rhs, const MarkovLanes *v, MarkovBreath *breath)
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
		add_entries(&block->b[i], system->column, system->entry, system->row[row],
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
	Block		block;
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
			make_plan(&block, rhs, &breath);
			solve_block(&block, AIM * (start_block(&block, rhs, v, &breath) / all),
						&total, &breath);
		}
	}
	*bound = greatest(&total);
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

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

#define WORK_PER_BREATH 32768	/* steps in eight lanes: about a tenth of a millisecond */
#define DIRECTIONS 3
#define SCRATCH (3 + 2 * DIRECTIONS)

/* what a lane's residuals may add up to; then what ends the attempts */
#define AIM 1e-13
#define MAX_ATTEMPTS 8
#define MAX_ITERATIONS 400

typedef struct Block
{
	const MarkovSystem *system;
	const uint8_t *mask;		/* of the first row */
	size_t		first;
	size_t		rows;
	MarkovLanes *b;				/* right-hand side, with what other blocks give */
	MarkovLanes *r;				/* what a sweep changes */
	MarkovLanes *p[DIRECTIONS];
	MarkovLanes *q[DIRECTIONS];
} Block;

typedef struct Breath
{
	const MarkovHost *host;
	size_t		work;
} Breath;

static inline void
work_done(Breath *breath, size_t work)
{
	breath->work += work;
	if (breath->work > WORK_PER_BREATH)
	{
		breath->work = 0;
		breath->host->breathe(breath->host->arg);
	}
}

static void
hold_at_zero(MarkovLanes *v, uint8_t mask)
{
	int			lane;

	for (lane = 0; lane < MARKOV_LANES; lane++)
	{
		if (mask & (1 << lane))
			(*v)[lane] = 0;
	}
}

static inline double
greatest(const MarkovLanes *v)
{
	double		most = 0;
	int			lane;

	for (lane = 0; lane < MARKOV_LANES; lane++)
		most = (*v)[lane] > most ? (*v)[lane] : most;
	return most;
}

static inline void
add_magnitude(MarkovLanes *sum, const MarkovLanes *v, double weight)
{
	int			lane;

	for (lane = 0; lane < MARKOV_LANES; lane++)
		(*sum)[lane] += weight * fabs((*v)[lane]);
}

/* One Gauss-Seidel sweep x = b + M x over a block; without b when it is NULL. */
static void
sweep(const Block *block, const MarkovLanes *b, MarkovLanes *x, Breath *breath)
{
	const MarkovSystem *system = block->system;
	const uint32_t *column = system->column;
	const double *entry = system->entry;
	size_t		first = block->first;
	size_t		i;

	for (i = 0; i < block->rows; i++)
	{
		size_t		end = system->row[first + i + 1];
		MarkovLanes sum = {0};
		size_t		e;

		if (b != NULL)
			sum = b[i];
		for (e = system->inner[first + i]; e < end; e++)
			sum += entry[e] * x[column[e] - first];
		if (block->mask[i] != 0)
			hold_at_zero(&sum, block->mask[i]);
		x[i] = sum;
		work_done(breath, end - system->inner[first + i] + 4);
	}
}

static void
inner_products(const Block *block, const MarkovLanes *a, const MarkovLanes *b,
			   MarkovLanes *ab, Breath *breath)
{
	const double *visits = block->system->visits + block->first;
	MarkovLanes sum = {0};
	size_t		i;

	for (i = 0; i < block->rows; i++)
	{
		sum += visits[i] * a[i] * b[i];
		work_done(breath, 1);
	}
	*ab = sum;
}

/* a / b, or 0 where nothing is left to divide by */
static void
quotients(const MarkovLanes *a, const MarkovLanes *b, MarkovLanes *c)
{
	int			lane;

	for (lane = 0; lane < MARKOV_LANES; lane++)
		(*c)[lane] = (*b)[lane] > 0 && isfinite((*a)[lane] / (*b)[lane]) ? (*a)[lane] / (*b)[lane] : 0;
}

/* The greatest weighted sum of what a sweep still changes. */
static double
left_to_do(const Block *block, const double *gauge, Breath *breath)
{
	MarkovLanes sum = {0};
	size_t		i;

	for (i = 0; i < block->rows; i++)
	{
		add_magnitude(&sum, &block->r[i], gauge[i]);
		work_done(breath, 1);
	}
	return greatest(&sum);
}

/* One direction further: x and r are moved, r getting as small as it can be. */
static void
iterate(Block *block, size_t iteration, MarkovLanes *norms, MarkovLanes *x, Breath *breath)
{
	size_t		known = iteration < DIRECTIONS ? iteration : DIRECTIONS - 1;
	size_t		at = iteration % DIRECTIONS;
	MarkovLanes *p = block->p[at];
	MarkovLanes *q = block->q[at];
	MarkovLanes product;
	MarkovLanes share;
	size_t		i;
	size_t		j;

	memcpy(p, block->r, block->rows * sizeof(MarkovLanes));
	memcpy(q, p, block->rows * sizeof(MarkovLanes));
	sweep(block, NULL, q, breath);
	for (i = 0; i < block->rows; i++)
		q[i] = p[i] - q[i];

	for (j = 1; j <= known; j++)
	{
		size_t		other = (at + DIRECTIONS - j) % DIRECTIONS;
		const MarkovLanes *p2 = block->p[other];
		const MarkovLanes *q2 = block->q[other];

		inner_products(block, q, q2, &product, breath);
		quotients(&product, &norms[other], &share);
		for (i = 0; i < block->rows; i++)
		{
			p[i] -= share * p2[i];
			q[i] -= share * q2[i];
			work_done(breath, 1);
		}
	}

	inner_products(block, q, q, &norms[at], breath);
	inner_products(block, block->r, q, &product, breath);
	quotients(&product, &norms[at], &share);
	for (i = 0; i < block->rows; i++)
	{
		x[i] += share * p[i];
		block->r[i] -= share * q[i];
		work_done(breath, 1);
	}
}

/* What the values of a block leave unsolved, and what rounding may hide of it. */
static void
residuals(const Block *block, const double *gauge, const MarkovLanes *x,
		  MarkovLanes *residual, MarkovLanes *rounding, Breath *breath)
{
	const MarkovSystem *system = block->system;
	MarkovLanes left = {0};
	MarkovLanes hidden = {0};
	size_t		i;

	for (i = 0; i < block->rows; i++)
	{
		size_t		row = block->first + i;
		MarkovLanes sum = block->b[i];
		size_t		e;

		for (e = system->inner[row]; e < system->row[row + 1]; e++)
			sum += system->entry[e] * x[system->column[e] - block->first];
		if (block->mask[i] != 0)
			hold_at_zero(&sum, block->mask[i]);
		sum -= x[i];
		add_magnitude(&left, &sum, gauge[i]);
		add_magnitude(&hidden, &x[i], gauge[i] * (system->row[row + 1] - system->row[row] + 8) * DBL_EPSILON);
		work_done(breath, system->row[row + 1] - system->inner[row] + 4);
	}
	*residual = left;
	*rounding = hidden;
}

static void
solve_block(Block *block, const double *gauge, double aim, MarkovLanes *x,
			MarkovLanes *bound, Breath *breath)
{
	MarkovLanes norms[DIRECTIONS];
	MarkovLanes residual = {0};
	MarkovLanes rounding = {0};
	double		least = INFINITY;
	int			attempt;

	for (attempt = 0; attempt < MAX_ATTEMPTS; attempt++)
	{
		size_t		iteration;
		size_t		i;

		memcpy(block->r, x, block->rows * sizeof(MarkovLanes));
		sweep(block, block->b, block->r, breath);
		for (i = 0; i < block->rows; i++)
			block->r[i] -= x[i];
		for (iteration = 0; iteration < MAX_ITERATIONS &&
			 !(left_to_do(block, gauge, breath) <= aim / 4); iteration++)
			iterate(block, iteration, norms, x, breath);
		sweep(block, block->b, x, breath);

		residuals(block, gauge, x, &residual, &rounding, breath);
		if (!(greatest(&residual) > aim && greatest(&residual) < least / 2))
			break;
		least = greatest(&residual);
	}
	*bound += residual + rounding;
}

MarkovStatus
markov_system_solve(const MarkovSystem *system, const MarkovLanes *rhs, const uint8_t *mask,
					const double *gauge, MarkovLanes *v, double *bound, const MarkovHost *host)
{
	const MarkovSequence *sequence = system->sequence;
	size_t		largest = sequence->largest;
	Breath		breath = {host, 0};
	MarkovLanes total = {0};
	double		all = 0;
	size_t		i;
	size_t		k;

	for (i = 0; i < system->rows; i++)
		all += gauge[i];
	for (k = 0; k < sequence->blocks; k++)
	{
		size_t		at = system->backward ? k : sequence->blocks - 1 - k;
		Block		block;
		double		part = 0;

		memset(&block, 0, sizeof(block));
		block.system = system;
		block.rows = sequence->block[at + 1] - sequence->block[at];
		block.first = system->backward ? sequence->block[at]
			: system->rows - sequence->block[at + 1];
		block.mask = mask + block.first;
		block.b = system->scratch;
		block.r = system->scratch + largest;
		for (i = 0; i < DIRECTIONS; i++)
		{
			block.p[i] = system->scratch + (3 + i) * largest;
			block.q[i] = system->scratch + (3 + DIRECTIONS + i) * largest;
		}

		for (i = 0; i < block.rows; i++)
		{
			size_t		row = block.first + i;
			MarkovLanes sum = rhs[row];
			size_t		e;

			for (e = system->row[row]; e < system->inner[row]; e++)
				sum += system->entry[e] * v[system->column[e]];
			block.b[i] = sum;
			part += gauge[row];
			work_done(&breath, system->inner[row] - system->row[row] + 2);
		}
		if (block.rows == 1)
		{
			v[block.first] = block.b[0];
			if (block.mask[0] != 0)
				hold_at_zero(&v[block.first], block.mask[0]);
			add_magnitude(&total, &v[block.first], gauge[block.first] *
						  (system->row[block.first + 1] - system->row[block.first] + 8) * DBL_EPSILON);
		}
		else
			solve_block(&block, gauge + block.first, AIM * (part / all), v + block.first,
						&total, &breath);
	}
	*bound = greatest(&total);
	/* written so that NaN fails */
	for (i = 0; i < MARKOV_LANES; i++)
	{
		if (!(total[i] <= MARKOV_ACCURACY / 4))
			return MARKOV_UNSOLVED;
	}
	return MARKOV_OK;
}

double
markov_system_value(const MarkovSystem *system, const MarkovLanes *rhs,
					const MarkovLanes *v, size_t row, int lane)
{
	double		sum = rhs[row][lane];
	size_t		e;

	for (e = system->row[row]; e < system->row[row + 1]; e++)
		sum += system->entry[e] * v[system->column[e]][lane];
	return sum;
}

size_t
markov_system_state(const MarkovSystem *system, size_t row)
{
	return system->sequence->state[system->backward ? row : system->rows - 1 - row];
}

size_t
markov_system_row(const MarkovSystem *system, size_t state)
{
	size_t		position = system->sequence->position[state];

	return system->backward ? position : system->rows - 1 - position;
}

/* Steps of the chain as entries: at the row of one end, with the other's column. */
static void
fill_entries(MarkovSystem *system, const MarkovChain *chain, const size_t *block_of, Breath *breath)
{
	int			pass;
	size_t		i;
	size_t		s;
	size_t		e;

	/* row[i + 2] counts, then row[i + 1] is where to put */
	memset(system->row, 0, (system->rows + 2) * sizeof(size_t));
	for (s = 0; s < chain->states; s++)
	{
		for (e = chain->out[s]; e < chain->out[s + 1]; e++)
		{
			system->row[markov_system_row(system, system->backward ? chain->target[e] : s) + 2]++;
			work_done(breath, 8);
		}
	}
	for (i = 2; i < system->rows + 2; i++)
		system->row[i] += system->row[i - 1];

	/* those from other blocks first */
	for (pass = 0; pass < 2; pass++)
	{
		for (s = 0; s < chain->states; s++)
		{
			for (e = chain->out[s]; e < chain->out[s + 1]; e++)
			{
				size_t		here = system->backward ? chain->target[e] : s;
				size_t		there = system->backward ? s : chain->target[e];
				size_t		row = markov_system_row(system, here);
				size_t		at;

				work_done(breath, 8);
				if ((block_of[here] == block_of[there]) != (pass == 1))
					continue;
				at = system->row[row + 1]++;
				system->column[at] = (uint32_t) markov_system_row(system, there);
				system->entry[at] = chain->weight[e] / chain->flow[here];
			}
		}
		for (i = 0; pass == 0 && i < system->rows; i++)
			system->inner[i] = system->row[i + 1];
	}
}

MarkovStatus
markov_system_build(MarkovSystem *system, const MarkovChain *chain,
					const MarkovSequence *sequence, bool backward, const MarkovHost *host)
{
	size_t	   *block_of = host->allocate(host->arg, (chain->states + 1) * sizeof(size_t));
	size_t		n = chain->states;
	Breath		breath = {host, 0};
	size_t		i;
	size_t		k;

	memset(system, 0, sizeof(*system));
	system->backward = backward;
	system->rows = n;
	system->sequence = sequence;
	system->row = host->allocate(host->arg, (n + 2) * sizeof(size_t));
	system->inner = host->allocate(host->arg, (n + 1) * sizeof(size_t));
	system->column = host->allocate(host->arg, (chain->steps + 1) * sizeof(uint32_t));
	system->entry = host->allocate(host->arg, (chain->steps + 1) * sizeof(double));
	system->visits = host->allocate(host->arg, (n + 1) * sizeof(double));
	system->scratch = host->allocate(host->arg, (sequence->largest + 1) * SCRATCH * sizeof(MarkovLanes));
	if (block_of == NULL || system->row == NULL || system->inner == NULL ||
		system->column == NULL || system->entry == NULL || system->visits == NULL ||
		system->scratch == NULL)
	{
		if (block_of != NULL)
			host->release(host->arg, block_of);
		markov_system_free(system, host);
		return MARKOV_NO_MEMORY;
	}

	for (k = 0; k < sequence->blocks; k++)
	{
		for (i = sequence->block[k]; i < sequence->block[k + 1]; i++)
			block_of[sequence->state[i]] = k;
	}
	fill_entries(system, chain, block_of, &breath);
	for (i = 0; i < n; i++)
		system->visits[i] = chain->flow[markov_system_state(system, i)] / chain->all_starts;
	host->release(host->arg, block_of);
	return MARKOV_OK;
}

void
markov_system_free(MarkovSystem *system, const MarkovHost *host)
{
	void	   *parts[] = {system->row, system->inner, system->column, system->entry,
		system->visits, system->scratch};
	size_t		i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		if (parts[i] != NULL)
			host->release(host->arg, parts[i]);
	}
	memset(system, 0, sizeof(*system));
}

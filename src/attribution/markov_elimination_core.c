/*
 * markov_elimination_core.c
 *	  Removal effects of a small chain by elimination.
 *
 * To eliminate a state is to look away when the chain visits it: whoever led to
 * it leads to where it leads next.  Written as Grassmann, Taksar and Heyman do
 * (Oper. Res. 33, 1985, 1107-1116) this divides by the sum of what leaves the
 * state, and nothing is ever subtracted: each number keeps its relative accuracy,
 * however close to 1 the chain's chance of staying is (O'Cinneide, Numer. Math.
 * 65, 1993, 109-120).
 *
 * Once all states without a creator are gone, what leads from the start to
 * conversion directly is what converts without that creator; the rest, again by
 * elimination, is the removal effect.  For all creators: eliminate what no
 * creator of the first half needs, go on in that half, and likewise in the
 * second, from a copy.  That is a small multiple of one elimination instead of
 * one for each creator.
 */
#include "markov_elimination_core.h"

#include <string.h>

/* columns before those of the states */
#define CONVERSION 0
#define LOSS 1
#define VALUE 2					/* goes along, no way out of its own */
#define FIRST 3

#define WORK_PER_BREATH 1000000

typedef struct Work
{
	const MarkovChain *chain;
	const MarkovHost *host;
	const uint32_t *creator;	/* order of them per state */
	double	   *effects;
	double	   *value_effects;
	size_t		done;
} Work;

/* Row 0 is the start, row i > 0 and column FIRST + i - 1 are state[i - 1]. */
typedef struct Matrix
{
	size_t		states;
	size_t		stride;
	double	   *cell;
	uint32_t   *state;
} Matrix;

static bool
matrix_allocate(Matrix *matrix, size_t states, const MarkovHost *host)
{
	matrix->states = states;
	matrix->stride = states + FIRST;
	matrix->cell = host->allocate(host->arg, (states + 1) * matrix->stride * sizeof(double));
	matrix->state = host->allocate(host->arg, (states + 1) * sizeof(uint32_t));
	if (matrix->cell != NULL && matrix->state != NULL)
		return true;
	if (matrix->cell != NULL)
		host->release(host->arg, matrix->cell);
	if (matrix->state != NULL)
		host->release(host->arg, matrix->state);
	return false;
}

static void
matrix_free(Matrix *matrix, const MarkovHost *host)
{
	host->release(host->arg, matrix->cell);
	host->release(host->arg, matrix->state);
}

/* Eliminate the last states until so many are left. */
static void
eliminate(Work *work, Matrix *matrix, size_t keep)
{
	while (matrix->states > keep)
	{
		size_t		last = matrix->states--;
		size_t		width = matrix->states + FIRST;
		double	   *pivot = matrix->cell + last * matrix->stride;
		double		leaves = pivot[CONVERSION] + pivot[LOSS];
		size_t		i;
		size_t		j;

		for (j = FIRST; j < width; j++)
			leaves += pivot[j];
		for (j = 0; j < width; j++)
			pivot[j] /= leaves;
		for (i = 0; i < last; i++)
		{
			double	   *row = matrix->cell + i * matrix->stride;
			double		share = row[width];

			if (share > 0)
			{
				/* the diagonal gets a number, which nothing ever reads */
				for (j = 0; j < width; j++)
					row[j] += share * pivot[j];
				work->done += width;
			}
			if (work->done > WORK_PER_BREATH)
			{
				work->done = 0;
				work->host->breathe(work->host->arg);
			}
		}
	}
}

static bool
is_needed(const Work *work, uint32_t state, size_t first, size_t end)
{
	const uint32_t *creator = work->creator + (size_t) state * work->chain->order;
	uint32_t	i;

	for (i = 0; i < work->chain->order; i++)
	{
		if (creator[i] >= first && creator[i] < end)
			return true;
	}
	return false;
}

/* A copy with the states that creators in [first, end) need in front; answers their number. */
static size_t
copy_in_order(const Work *work, Matrix *into, const Matrix *from, size_t *place,
			  size_t first, size_t end)
{
	size_t		kept = 0;
	size_t		at = 0;
	int			pass;
	size_t		i;
	size_t		j;

	for (pass = 0; pass < 2; pass++)
	{
		for (i = 0; i < from->states; i++)
		{
			if (is_needed(work, from->state[i], first, end) == (pass == 0))
			{
				into->state[at] = from->state[i];
				place[at++] = i;
			}
		}
		if (pass == 0)
			kept = at;
	}
	for (i = 0; i <= from->states; i++)
	{
		const double *old = from->cell + (i == 0 ? 0 : place[i - 1] + 1) * from->stride;
		double	   *row = into->cell + i * into->stride;

		memcpy(row, old, FIRST * sizeof(double));
		for (j = 0; j < from->states; j++)
			row[FIRST + j] = old[FIRST + place[j]];
		if (i % 256 == 0)
			work->host->breathe(work->host->arg);
	}
	return kept;
}

/* The effects of the creators in [first, end); the matrix is used up. */
static MarkovStatus
halve(Work *work, Matrix *matrix, size_t first, size_t end)
{
	size_t		middle = first + (end - first) / 2;
	int			half;

	if (end - first == 1)
	{
		double	   *start = matrix->cell;

		/* what converts now does so without the creator */
		start[CONVERSION] = start[VALUE] = 0;
		eliminate(work, matrix, 0);
		work->effects[first] = start[CONVERSION];
		work->value_effects[first] = start[VALUE];
		return MARKOV_OK;
	}
	for (half = 0; half < 2; half++)
	{
		size_t		from = half == 0 ? first : middle;
		size_t		to = half == 0 ? middle : end;
		size_t	   *place = work->host->allocate(work->host->arg, (matrix->states + 1) * sizeof(size_t));
		MarkovStatus status;
		Matrix		copy;

		if (place == NULL)
			return MARKOV_NO_MEMORY;
		if (!matrix_allocate(&copy, matrix->states, work->host))
		{
			work->host->release(work->host->arg, place);
			return MARKOV_NO_MEMORY;
		}
		eliminate(work, &copy, copy_in_order(work, &copy, matrix, place, from, to));
		work->host->release(work->host->arg, place);
		status = halve(work, &copy, from, to);
		matrix_free(&copy, work->host);
		if (status != MARKOV_OK)
			return status;
	}
	return MARKOV_OK;
}

/* Steps as chances, the start as counts: so effects come out as counts. */
static void
fill_matrix(const MarkovChain *chain, Matrix *matrix)
{
	size_t		s;
	size_t		e;

	memset(matrix->cell, 0, (chain->states + 1) * matrix->stride * sizeof(double));
	for (s = 0; s < chain->states; s++)
	{
		double	   *row = matrix->cell + (s + 1) * matrix->stride;

		matrix->state[s] = (uint32_t) s;
		matrix->cell[FIRST + s] = chain->start[s];
		for (e = chain->out[s]; e < chain->out[s + 1]; e++)
			row[FIRST + chain->target[e]] = chain->weight[e] / chain->flow[s];
		row[CONVERSION] = chain->conversions[s] / chain->flow[s];
		row[LOSS] = chain->nulls[s] / chain->flow[s];
		row[VALUE] = chain->value[s] / chain->flow[s];
	}
}

static void
number_creators(const MarkovChain *chain, uint32_t *creator)
{
	size_t		c;
	size_t		i;
	size_t		j;

	/* a short state repeats its first creator, and so it does here */
	for (c = 0; c < chain->creators; c++)
	{
		for (i = chain->member[c]; i < chain->member[c + 1]; i++)
		{
			size_t		s = chain->member_state[i];

			for (j = 0; j < chain->order; j++)
			{
				if (chain->ids[s * chain->order + j] == chain->creator_ids[c])
					creator[s * chain->order + j] = (uint32_t) c;
			}
		}
	}
}

MarkovStatus
markov_eliminate(const MarkovChain *chain, double *effects, double *value_effects,
				 const MarkovHost *host)
{
	Work		work = {chain, host, NULL, effects, value_effects, 0};
	uint32_t   *creator = host->allocate(host->arg, (chain->states * chain->order + 1) * sizeof(uint32_t));
	MarkovStatus status = MARKOV_NO_MEMORY;
	Matrix		matrix;
	size_t		c;

	if (creator == NULL)
		return MARKOV_NO_MEMORY;
	if (matrix_allocate(&matrix, chain->states, host))
	{
		number_creators(chain, creator);
		work.creator = creator;
		fill_matrix(chain, &matrix);
		status = halve(&work, &matrix, 0, chain->creators);
		matrix_free(&matrix, host);
	}
	host->release(host->arg, creator);

	for (c = 0; status == MARKOV_OK && c < chain->creators; c++)
	{
		effects[c] /= chain->all_conversions;
		value_effects[c] = chain->all_value > 0 ? value_effects[c] / chain->all_value : 0;
	}
	return status;
}

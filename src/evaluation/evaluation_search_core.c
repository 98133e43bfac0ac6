/*
 * evaluation_search_core.c
 *	  The parameters of a ranker: one after the other, up its grid or else down
 *	  it, as long as the mean NDCG on the validation split grows; twice.  The
 *	  start is what did well on public sets, and stays where there are too few
 *	  tests to tell better.
 */
#include "evaluation_core.h"

#define LEAST_TESTS 30
#define ROUNDS 2
#define MOST_VALUES 6

typedef struct Grid
{
	size_t		parameter;		/* where it is in EvaluationParameters */
	bool		lists;			/* neighbours depend on it */
	int			rankers;		/* bits: who has it */
	int			nvalues;
	int			first;			/* the value to start from */
	double		values[MOST_VALUES];
} Grid;

#define BIT(ranker) (1 << (ranker))
#define BOTH (BIT(EVALUATION_NEIGHBORS) | BIT(EVALUATION_HYBRID))
#define HYBRID BIT(EVALUATION_HYBRID)

static const Grid grids[] = {
	{offsetof(EvaluationParameters, history_half), false, BOTH, 6, 1, {0.5, 1, 2, 4, 8, 64}},
	{offsetof(EvaluationParameters, pair_half), true, HYBRID, 4, 1, {2, 5, 12, 0}},
	{offsetof(EvaluationParameters, backward), true, HYBRID, 4, 1, {0.25, 0.5, 0.75, 1}},
	{offsetof(EvaluationParameters, shrink), true, BOTH, 5, 2, {1, 3, 10, 30, 100}},
	{offsetof(EvaluationParameters, creator), false, HYBRID, 6, 0, {0, 0.03, 0.1, 0.2, 0.4, 1}},
	{offsetof(EvaluationParameters, category), false, HYBRID, 6, 0, {0, 0.03, 0.1, 0.2, 0.4, 1}},
	{offsetof(EvaluationParameters, popularity), false, HYBRID, 6, 0, {0, 0.03, 0.1, 0.3, 1, 3}},
	{offsetof(EvaluationParameters, decay), false, HYBRID | BIT(EVALUATION_DECAYED), 5, 2, {0.00390625, 0.015625, 0.0625, 0.25, 0}}
};

#define GRIDS ((int) (sizeof(grids) / sizeof(grids[0])))

static double *
parameter_of(EvaluationParameters *parameters, const Grid *grid)
{
	void	   *parameter = (char *) parameters + grid->parameter;

	return parameter;
}

static EvaluationForm
form_of(EvaluationRanker ranker)
{
	switch (ranker)
	{
		case EVALUATION_POPULARITY:
		case EVALUATION_DECAYED:
			return EVALUATION_BASE;
		case EVALUATION_NEIGHBORS:
		case EVALUATION_HYBRID:
			return EVALUATION_LINEAR;
		case EVALUATION_BY_PROFILE:
			return EVALUATION_PROFILE;
	}
	return EVALUATION_BASE;
}

static void
start_parameters(EvaluationRanker ranker, const EvaluationProfile *profile, EvaluationParameters *parameters)
{
	int			i;

	*parameters = (EvaluationParameters) {.history_half = 1, .backward = 1, .shrink = 10};
	for (i = 0; i < GRIDS; i++)
	{
		if (grids[i].rankers & BIT(ranker))
			*parameter_of(parameters, &grids[i]) = grids[i].values[grids[i].first];
	}
	if (ranker == EVALUATION_BY_PROFILE)
	{
		/* as in get_feed: settings feed_neighbor_half and feed_history_half, and a decay that is felt */
		parameters->history_half = profile->neighbor_half;
		parameters->group_half = profile->history_half;
		parameters->decay = 0.0625;
	}
}

/* The sum of NDCG over all slices. */
static EvaluationSum
try_parameters(EvaluationModel *models, EvaluationRanker ranker, const EvaluationParameters *parameters,
			   const EvaluationProfile *profile, const EvaluationSplit *split, int k, bool lists_too)
{
	EvaluationResult result = {0};
	int			s;

	for (s = 0; s < split->nslices; s++)
	{
		evaluation_model_learn(&models[s], form_of(ranker), parameters, profile, lists_too);
		evaluation_rank(&models[s], &split->slices[s], k, NULL, &result);
	}
	return result.ndcg;
}

/* From where the parameter is, as far as it gets better in one direction; then in the other if it did not. */
static bool
try_grid(EvaluationModel *models, const Grid *grid, EvaluationRanker ranker, const EvaluationProfile *profile,
		 const EvaluationSplit *split, int k, EvaluationParameters *parameters, EvaluationSum *best)
{
	double	   *parameter = parameter_of(parameters, grid);
	double		last = *parameter;
	int			old = 0;
	int			at;
	int			direction;

	while (grid->values[old] != *parameter)
		old++;
	at = old;
	for (direction = 1; direction >= -1 && at == old; direction -= 2)
	{
		while (at + direction >= 0 && at + direction < grid->nvalues)
		{
			EvaluationSum sum;

			last = *parameter = grid->values[at + direction];
			sum = try_parameters(models, ranker, parameters, profile, split, k, grid->lists);
			if (sum <= *best)
				break;
			*best = sum;
			at += direction;
		}
	}
	*parameter = grid->values[at];
	/* models are as the last value made them */
	if (grid->lists && last != *parameter)
		(void) try_parameters(models, ranker, parameters, profile, split, k, true);
	return at != old;
}

static bool
has_groups(const EvaluationData *data, const Grid *grid)
{
	if (grid->parameter == offsetof(EvaluationParameters, creator))
		return data->groups[0] > 0;
	if (grid->parameter == offsetof(EvaluationParameters, category))
		return data->groups[1] > 0;
	return true;
}

uint32_t
evaluation_choose(const EvaluationData *data, EvaluationRanker ranker, const EvaluationProfile *profile,
				  const EvaluationSplit *split, int k, EvaluationParameters *parameters)
{
	EvaluationModel models[EVALUATION_MAX_SLICES];
	EvaluationSum best;
	uint32_t	tests = 0;
	bool		changed = true;
	int			round;
	int			s;
	int			i;

	start_parameters(ranker, profile, parameters);
	for (s = 0; s < split->nslices; s++)
		tests += split->slices[s].ntests;
	if (tests < LEAST_TESTS || ranker == EVALUATION_POPULARITY || ranker == EVALUATION_BY_PROFILE)
		return 0;

	for (s = 0; s < split->nslices; s++)
		evaluation_model_start(&models[s], data, split->slices[s].learned);
	best = try_parameters(models, ranker, parameters, profile, split, k, true);
	for (round = 0; round < ROUNDS && changed; round++)
	{
		changed = false;
		for (i = 0; i < GRIDS; i++)
		{
			if ((grids[i].rankers & BIT(ranker)) && has_groups(data, &grids[i]))
				changed |= try_grid(models, &grids[i], ranker, profile, split, k, parameters, &best);
		}
	}
	for (s = 0; s < split->nslices; s++)
		evaluation_model_free(&models[s]);
	return tests;
}

void
evaluation_measure(const EvaluationData *data, EvaluationRanker ranker, const EvaluationParameters *parameters,
				   const EvaluationProfile *profile, const EvaluationSplit *split, int k, EvaluationResult *result)
{
	bool	   *covered = data->host->allocate(data->items * sizeof(bool));
	uint32_t	i;
	int			s;

	*result = (EvaluationResult) {0};
	for (s = 0; s < split->nslices; s++)
	{
		EvaluationModel model;

		if (split->slices[s].ntests == 0)
			continue;
		evaluation_model_start(&model, data, split->slices[s].learned);
		evaluation_model_learn(&model, form_of(ranker), parameters, profile, true);
		evaluation_rank(&model, &split->slices[s], k, covered, result);
		evaluation_model_free(&model);
	}
	for (i = 0; i < data->items; i++)
		result->covered += covered[i];
	data->host->release(covered);
}

/*
 * evaluation_rank_core.c
 *	  Where the items that a user chose next stand in the list of all items.
 *
 * No list is made.  Candidates are what the history scores: neighbours and
 * items of its groups; all others have their base alone and are in order
 * already.  An item's rank is the number of candidates before it, and of others,
 * which a binary search counts; what was seen does not count.
 */
#include "evaluation_core.h"

#include <math.h>
#include <string.h>

#define HISTORY 200				/* items of a history that count */
#define LEAST_RECENCY 0x1p-10

typedef struct Ranking
{
	const EvaluationModel *model;
	NeighborsScores scores;
	bool	   *is_candidate;
	uint32_t   *candidates;
	uint32_t	ncandidates;
	double	   *score;			/* of a candidate */
	double	   *group_weight[2];
	uint32_t   *groups[2];		/* those with a weight */
	uint32_t	ngroups[2];
	double		weight;			/* of the whole history */
	bool	   *seen;
	uint32_t	seen_user;
	uint32_t	nseen;			/* items of that user, from the first */
	uint32_t	work;			/* since the last pause */
} Ranking;

static void
start_ranking(Ranking *ranking, const EvaluationModel *model)
{
	const EvaluationData *data = model->data;
	const EvaluationHost *host = data->host;
	size_t		items = data->items;
	int			g;

	memset(ranking, 0, sizeof(*ranking));
	ranking->model = model;
	neighbors_scores_init(&ranking->scores, host->allocate(items * sizeof(double)),
						  host->allocate(items * sizeof(uint32_t)), host->allocate(items * sizeof(bool)), data->items);
	ranking->is_candidate = host->allocate(items * sizeof(bool));
	ranking->candidates = host->allocate(items * sizeof(uint32_t));
	ranking->score = host->allocate(items * sizeof(double));
	ranking->seen = ranking->scores.seen;
	for (g = 0; g < 2; g++)
	{
		ranking->group_weight[g] = host->allocate(data->groups[g] * sizeof(double));
		ranking->groups[g] = host->allocate(data->groups[g] * sizeof(uint32_t));
	}
}

static void
end_ranking(Ranking *ranking)
{
	const EvaluationHost *host = ranking->model->data->host;
	int			g;

	host->release(ranking->scores.score);
	host->release(ranking->scores.touched);
	host->release(ranking->seen);
	host->release(ranking->is_candidate);
	host->release(ranking->candidates);
	host->release(ranking->score);
	for (g = 0; g < 2; g++)
	{
		host->release(ranking->group_weight[g]);
		host->release(ranking->groups[g]);
	}
}

static void
spend(Ranking *ranking, uint32_t work)
{
	ranking->work += work;
	if (ranking->work > 65536)
	{
		ranking->model->data->host->pause();
		ranking->work = 0;
	}
}

/* The user's first items are seen; tests of a user come one after the other. */
static void
mark_seen(Ranking *ranking, const EvaluationTest *test)
{
	const EvaluationData *data = ranking->model->data;
	const uint32_t *item = data->item + data->start[ranking->seen_user];
	uint32_t	i;

	if (ranking->seen_user != test->user || ranking->nseen > test->known)
	{
		for (i = 0; i < ranking->nseen; i++)
			ranking->seen[item[i]] = false;
		ranking->nseen = 0;
		ranking->seen_user = test->user;
		item = data->item + data->start[test->user];
	}
	for (; ranking->nseen < test->known; ranking->nseen++)
		ranking->seen[item[ranking->nseen]] = true;
}

static void
add_group(Ranking *ranking, int g, uint32_t group, double weight)
{
	if (group == EVALUATION_NONE)
		return;
	if (ranking->group_weight[g][group] == 0)
		ranking->groups[g][ranking->ngroups[g]++] = group;
	ranking->group_weight[g][group] += weight;
}

/* Neighbours' scores and groups' weights, from the newest item on. */
static void
read_history(Ranking *ranking, const EvaluationTest *test)
{
	const EvaluationModel *model = ranking->model;
	const EvaluationData *data = model->data;
	const EvaluationParameters *parameters = &model->parameters;
	uint32_t	begin = data->start[test->user];
	uint32_t	age;

	ranking->weight = 0;
	if (model->form == EVALUATION_BASE)
		return;
	for (age = 0; age < test->known && age < HISTORY; age++)
	{
		uint32_t	event = begin + test->known - 1 - age;
		uint32_t	item = data->item[event];
		double		units = data->weighted ? data->weight[event] * (1.0 / 65536.0) : 1.0;
		double		weight = neighbors_recency(age, parameters->history_half);
		double		taste = parameters->group_half > 0 ? neighbors_recency(age, parameters->group_half) : weight;

		if (weight < LEAST_RECENCY && taste < LEAST_RECENCY)
			break;
		if (weight >= LEAST_RECENCY)
		{
			ranking->weight += weight * units;
			neighbors_score(&ranking->scores, &model->lists, item, weight * units);
		}
		if (taste >= LEAST_RECENCY)
		{
			add_group(ranking, 0, data->group[0][item], taste * units);
			add_group(ranking, 1, data->group[1][item], taste * units);
		}
		spend(ranking, (uint32_t) (model->lists.start[item + 1] - model->lists.start[item]) + 1);
	}
}

static void
add_candidate(Ranking *ranking, uint32_t item)
{
	if (ranking->is_candidate[item])
		return;
	ranking->is_candidate[item] = true;
	ranking->candidates[ranking->ncandidates++] = item;
	ranking->score[item] = 0;
}

static bool
group_counts(const EvaluationModel *model, int g)
{
	if (model->form == EVALUATION_PROFILE)
		return (g == 0 ? model->profile.affinity : model->profile.interest) != 0;
	return (g == 0 ? model->parameters.creator : model->parameters.category) != 0;
}

/* Group weights of the group's best items: adds to what they score. */
static void
add_group_items(Ranking *ranking, int g)
{
	const EvaluationModel *model = ranking->model;
	uint32_t	i;
	uint32_t	j;

	for (i = 0; i < ranking->ngroups[g]; i++)
	{
		uint32_t	group = ranking->groups[g][i];
		double		weight = ranking->group_weight[g][group];
		double		gain;

		ranking->group_weight[g][group] = 0;
		if (!group_counts(model, g))
			continue;
		if (model->form == EVALUATION_PROFILE)
			gain = (g == 0 ? model->profile.affinity : model->profile.interest) * log2(1 + weight);
		else
			gain = (g == 0 ? model->parameters.creator : model->parameters.category) * model->scale * (weight / ranking->weight);
		for (j = model->group_start[g][group]; j < model->group_start[g][group + 1]; j++)
		{
			add_candidate(ranking, model->group_item[g][j]);
			ranking->score[model->group_item[g][j]] += gain;
		}
		spend(ranking, model->group_start[g][group + 1] - model->group_start[g][group]);
	}
	ranking->ngroups[g] = 0;
}

static void
score_candidates(Ranking *ranking, const EvaluationTest *test)
{
	const EvaluationModel *model = ranking->model;
	uint32_t	i;

	read_history(ranking, test);
	for (i = 0; i < ranking->scores.count; i++)
	{
		uint32_t	item = ranking->scores.touched[i];
		double		sum = ranking->scores.score[item];

		add_candidate(ranking, item);
		ranking->score[item] = model->form == EVALUATION_PROFILE ? model->profile.neighbor * log2(1 + 100 * sum)
			: sum / ranking->weight;
		ranking->scores.score[item] = 0;
	}
	ranking->scores.count = 0;
	add_group_items(ranking, 0);
	add_group_items(ranking, 1);
	for (i = 0; i < ranking->ncandidates; i++)
		ranking->score[ranking->candidates[i]] += model->base[ranking->candidates[i]];
}

static void
forget_candidates(Ranking *ranking)
{
	uint32_t	i;

	for (i = 0; i < ranking->ncandidates; i++)
		ranking->is_candidate[ranking->candidates[i]] = false;
	ranking->ncandidates = 0;
}

/* Would the item come before that place with its base alone? */
static bool
base_before(const EvaluationModel *model, uint32_t item, double score, uint32_t target)
{
	return evaluation_before(model->base[item], model->popularity[item], item,
							 score, model->popularity[target], target);
}

static uint32_t
count_by_base(const EvaluationModel *model, double score, uint32_t target)
{
	uint32_t	low = 0;
	uint32_t	high = model->data->items;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (base_before(model, model->order[middle], score, target))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How many items come before the target: from 0. */
static uint32_t
rank_of(Ranking *ranking, const EvaluationTest *test, uint32_t target)
{
	const EvaluationModel *model = ranking->model;
	const uint32_t *item = model->data->item + model->data->start[test->user];
	double		score = ranking->is_candidate[target] ? ranking->score[target] : model->base[target];
	uint32_t	rank = count_by_base(model, score, target);
	uint32_t	i;

	for (i = 0; i < ranking->ncandidates; i++)
	{
		uint32_t	candidate = ranking->candidates[i];

		rank -= base_before(model, candidate, score, target);
		rank += !ranking->seen[candidate] && evaluation_before(ranking->score[candidate], model->popularity[candidate], candidate,
															   score, model->popularity[target], target);
	}
	for (i = 0; i < test->known; i++)
		rank -= !ranking->is_candidate[item[i]] && base_before(model, item[i], score, target);
	spend(ranking, ranking->ncandidates + test->known);
	return rank;
}

static EvaluationSum
fraction(double value)
{
	return (EvaluationSum) (value * 0x1p60);
}

static double
gain(uint32_t rank)
{
	return 1 / log2(rank + 2.0);
}

static void
measure(Ranking *ranking, const EvaluationTest *test, int k, EvaluationResult *result)
{
	const EvaluationData *data = ranking->model->data;
	const uint32_t *item = data->item + data->start[test->user];
	uint32_t	targets = test->until - test->known;
	uint32_t	found = 0;
	bool		hit = false;
	double		best = 0;
	double		sum = 0;
	uint32_t	i;

	for (i = test->known; i < test->until; i++)
	{
		uint32_t	rank = rank_of(ranking, test, item[i]);

		if (rank < (uint32_t) k)
		{
			sum += gain(rank);
			hit = true;
		}
		found += rank < 2 * (uint32_t) k;
	}
	for (i = 0; i < targets && i < (uint32_t) k; i++)
		best += gain(i);
	result->tests++;
	result->ndcg += fraction(sum / best);
	result->recall += fraction((double) found / targets);
	result->hits += hit ? fraction(1) : 0;
}

/* The first k of the list are covered. */
static void
cover(Ranking *ranking, int k, uint32_t *list, bool *covered)
{
	const EvaluationModel *model = ranking->model;
	uint32_t	others = 0;
	uint32_t	n = 0;
	uint32_t	i;

	/* of the others, the first k are enough; each is put where it belongs */
	for (i = 0; i < ranking->ncandidates || others < (uint32_t) k; i++)
	{
		bool		is_other = i >= ranking->ncandidates;
		uint32_t	item;
		double		score;
		uint32_t	place;

		if (is_other && i - ranking->ncandidates >= model->data->items)
			break;
		item = is_other ? model->order[i - ranking->ncandidates] : ranking->candidates[i];
		if (ranking->seen[item] || (is_other && ranking->is_candidate[item]))
			continue;
		others += is_other;
		score = is_other ? model->base[item] : ranking->score[item];
		for (place = n; place > 0; place--)
		{
			uint32_t	above = list[place - 1];
			double		above_score = ranking->is_candidate[above] ? ranking->score[above] : model->base[above];

			if (!evaluation_before(score, model->popularity[item], item, above_score, model->popularity[above], above))
				break;
			if (place < (uint32_t) k)
				list[place] = above;
		}
		if (place < (uint32_t) k)
			list[place] = item;
		if (n < (uint32_t) k)
			n++;
	}
	for (i = 0; i < n; i++)
		covered[list[i]] = true;
}

void
evaluation_rank(const EvaluationModel *model, const EvaluationSlice *slice, int k, bool *covered, EvaluationResult *result)
{
	uint32_t	list[EVALUATION_MAX_K];
	Ranking		ranking;
	uint32_t	i;

	start_ranking(&ranking, model);
	for (i = 0; i < slice->ntests; i++)
	{
		mark_seen(&ranking, &slice->tests[i]);
		score_candidates(&ranking, &slice->tests[i]);
		measure(&ranking, &slice->tests[i], k, result);
		if (covered != NULL)
			cover(&ranking, k, list, covered);
		forget_candidates(&ranking);
		spend(&ranking, 64);
	}
	end_ranking(&ranking);
}

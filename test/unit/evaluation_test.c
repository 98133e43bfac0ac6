/*
 * evaluation_test.c
 *	  Rankings measured: an example by hand, random sets whose rows come in
 *	  another order, sets of almost nothing; and logistic regression.
 *
 * Memory is malloc's, each piece by itself, so that one too far is seen.
 */
#include "../../src/evaluation/evaluation_core.h"
#include "../../src/evaluation/logistic_core.h"
#include "tap.h"

static uint64_t state = 88172645463325252U;
static int	pauses;

static uint32_t
next_random(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t) (state >> 11) % below;
}

static void *
allocate(size_t bytes)
{
	return calloc(bytes > 0 ? bytes : 1, 1);
}

static void
count_pause(void)
{
	pauses++;
}

static const EvaluationHost host = {allocate, free, count_pause};

typedef struct Outcome
{
	EvaluationResult result;
	EvaluationParameters parameters;
} Outcome;

static void
free_split(EvaluationSplit *split)
{
	int			s;

	for (s = 0; s < split->nslices; s++)
	{
		free(split->slices[s].learned);
		free(split->slices[s].tests);
	}
}

static Outcome
evaluate(const NeighborsEvent *given, size_t n, uint32_t users, uint32_t items, bool weighted, bool groups,
		 EvaluationRanker ranker, EvaluationProtocol protocol, int k)
{
	EvaluationData data = {.host = &host, .users = users, .items = items, .weighted = weighted};
	EvaluationProfile profile = {10, 1, 0.5, 2, -1, 2, 20};
	NeighborsEvent *events = allocate(n * sizeof(NeighborsEvent));
	int64_t    *ids = allocate(items * sizeof(int64_t));
	EvaluationSplit split;
	Outcome		outcome;
	uint32_t	i;
	int			g;

	memcpy(events, given, n * sizeof(NeighborsEvent));
	for (i = 0; i < items; i++)
		ids[i] = (int64_t) i * 3 - 5;
	for (g = 0; g < 2; g++)
	{
		data.groups[g] = groups ? 3 : 0;
		data.group[g] = allocate(items * sizeof(uint32_t));
		for (i = 0; i < items; i++)
			data.group[g][i] = groups && (i + g) % 4 > 0 ? (i + g) % 4 - 1 : EVALUATION_NONE;
	}
	evaluation_data_build(&data, events, n, ids);
	evaluation_split(&data, protocol, true, &split);
	evaluation_choose(&data, ranker, &profile, &split, k, &outcome.parameters);
	free_split(&split);
	evaluation_split(&data, protocol, false, &split);
	evaluation_measure(&data, ranker, &outcome.parameters, &profile, &split, k, &outcome.result);
	free_split(&split);

	for (g = 0; g < 2; g++)
		free(data.group[g]);
	free(data.start);
	free(data.item);
	free(data.weight);
	free(data.at);
	free(data.signature);
	free(data.ordered_at);
	free(events);
	free(ids);
	return outcome;
}

static double
mean(EvaluationSum sum, uint64_t tests)
{
	return (double) sum * 0x1p-60 / (double) tests;
}

/* Item 0 is learned twice, item 1 once; asked: 1 of {1, 2}, 2 of {1, 2}, 0 of {0, 2}. */
static void
test_by_hand(void)
{
	static const NeighborsEvent events[] = {
		{1, 0, 0, 1}, {2, 0, 1, 1}, {1, 1, 0, 1}, {2, 1, 2, 1}, {1, 2, 1, 1}, {2, 2, 0, 1}
	};
	Outcome		outcome = evaluate(events, 6, 3, 3, false, false, EVALUATION_POPULARITY, EVALUATION_LEAVE_LAST_OUT, 10);

	is_u64(outcome.result.tests, 3, "three users are asked");
	is_dbl(mean(outcome.result.ndcg, 3), (2 + 1 / log2(3)) / 3, 1e-15, "NDCG: first, second, first");
	outcome = evaluate(events, 6, 3, 3, false, false, EVALUATION_POPULARITY, EVALUATION_LEAVE_LAST_OUT, 1);
	is_dbl(mean(outcome.result.hits, 3), 2 / 3.0, 1e-15, "two of three hits at 1");
	is_u64(outcome.result.covered, 2, "items 0 and 1 are covered at 1");
}

static bool
same(const Outcome *a, const Outcome *b)
{
	return a->result.tests == b->result.tests && a->result.ndcg == b->result.ndcg && a->result.recall == b->result.recall &&
		a->result.hits == b->result.hits && a->result.covered == b->result.covered &&
		memcmp(&a->parameters, &b->parameters, sizeof(a->parameters)) == 0;
}

/* The same rows in another order, users with other numbers. */
static void
shuffle(NeighborsEvent *events, size_t n, uint32_t users)
{
	size_t		i;

	for (i = n; i-- > 1;)
	{
		size_t		j = next_random((uint32_t) i + 1);
		NeighborsEvent swap = events[i];

		events[i] = events[j];
		events[j] = swap;
	}
	for (i = 0; i < n; i++)
		events[i].user = users - 1 - events[i].user;
}

static void
test_random(void)
{
	NeighborsEvent events[700];
	bool		right = true;
	bool		bounded = true;
	int			round;

	for (round = 0; round < 60; round++)
	{
		uint32_t	users = 1 + next_random(60);
		uint32_t	items = 1 + next_random(round % 2 ? 5 : 60);
		size_t		n = next_random(700);
		bool		weighted = next_random(3) == 0;
		bool		groups = next_random(2) == 0;
		int			k = 1 + next_random(12);
		EvaluationRanker ranker = (EvaluationRanker) next_random(5);
		EvaluationProtocol protocol = (EvaluationProtocol) next_random(3);
		int64_t		far = next_random(4) == 0 ? INT64_MAX / 100 : 1;
		Outcome		one;
		Outcome		other;
		size_t		i;

		for (i = 0; i < n; i++)
		{
			events[i].at = ((int64_t) next_random(50) - 25) * far;
			events[i].user = next_random(users);
			events[i].item = next_random(items);
			events[i].weight = weighted ? 1 + next_random(65536) : 1;
		}
		one = evaluate(events, n, users, items, weighted, groups, ranker, protocol, k);
		shuffle(events, n, users);
		other = evaluate(events, n, users, items, weighted, groups, ranker, protocol, k);
		right = right && same(&one, &other);
		bounded = bounded && one.result.covered <= items && mean(one.result.ndcg, 1) <= (double) one.result.tests * (1 + 1e-12);
	}
	ok(right, "the order of rows and the numbers of users change nothing");
	ok(bounded, "NDCG is at most 1, coverage at most all items");
	ok(pauses > 0, "the host is called");
}

static void
test_logistic(void)
{
	double		sums[LOGISTIC_GRADIENT + 2];
	double		coefficient = 0;
	double		feature = 1;
	double		next = 0;
	int			step;
	int			i;

	for (step = 0; step < 8; step++)
	{
		memset(sums, 0, sizeof(sums));
		for (i = 0; i < 10; i++)
			logistic_add(sums, 1, i < 3, 1, &feature, &coefficient);
		if (step == 0)
			is_dbl(sums[LOGISTIC_LOSS], 10 * log(2), 1e-12, "the loss at zero");
		logistic_step(&next, sums, 1, &coefficient, 0);
		coefficient = next;
	}
	is_dbl(coefficient, log(3 / 7.0), 1e-12, "the intercept of 3 in 10");
	feature = 0;
	memset(sums, 0, sizeof(sums));
	logistic_add(sums, 1, true, 1, &feature, &coefficient);
	ok(!logistic_step(&next, sums, 1, &coefficient, 0), "a feature that is always 0 determines nothing");
	coefficient = feature = 1e200;
	ok(!logistic_add(sums, 1, false, 1, &feature, &coefficient), "sums that are not finite are told");
}

int
main(void)
{
	test_by_hand();
	test_random();
	test_logistic();
	return done_testing();
}

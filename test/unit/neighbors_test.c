/*
 * neighbors_test.c
 *	  Histories, sums, nearest neighbours and scores beside the plain
 *	  definition, which compares every pair.
 */
#include "../../src/neighbors/neighbors_core.h"
#include "tap.h"

static uint64_t state = 88172645463325252U;

static uint64_t
next_random(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

typedef struct Case
{
	uint32_t	users;
	uint32_t	items;
	size_t		n;
	uint32_t	max_history;
	bool		weighted;
	NeighborsEvent *events;
	NeighborsMatrix matrix;
	uint32_t	steps;
} Case;

static void *
room(size_t count, size_t size)
{
	return calloc(count + 1, size);
}

/* Everything that the core is given, filled with events. */
static void
make_case(Case *c, uint32_t users, uint32_t items, size_t n, uint32_t times, bool weighted)
{
	size_t		i;

	memset(c, 0, sizeof(*c));
	c->users = users;
	c->items = items;
	c->n = n;
	c->max_history = UINT32_MAX;
	c->weighted = weighted;
	c->events = room(n, sizeof(NeighborsEvent));
	for (i = 0; i < n; i++)
	{
		NeighborsEvent *event = &c->events[i];

		event->user = (uint32_t) (next_random(users) * next_random(users) / users);
		event->item = (uint32_t) (next_random(items) * next_random(items) / items);
		event->at = (int64_t) next_random(times) - times / 2;
		event->weight = weighted ? (uint32_t) next_random(1 << 20) + 1 : 1;
	}
}

static void
free_case(Case *c)
{
	free(c->events);
	free(c->matrix.by_user.start);
	free(c->matrix.by_user.item);
	free(c->matrix.by_user.weight);
	free(c->matrix.by_user.at);
	free(c->matrix.start);
	free(c->matrix.user);
	free(c->matrix.weight);
	free(c->matrix.norm);
}

static NeighborsStatus
build(Case *c)
{
	NeighborsHistories *histories = &c->matrix.by_user;
	NeighborsEvent *events = room(c->n, sizeof(NeighborsEvent));
	NeighborsEvent *scratch = room(c->n, sizeof(NeighborsEvent));
	bool	   *mark = room(c->items, sizeof(bool));
	NeighborsBuild work;
	NeighborsTranspose transpose;
	NeighborsStatus status;

	histories->users = c->users;
	histories->items = c->items;
	histories->start = room(c->users, sizeof(uint32_t));
	histories->item = room(c->n, sizeof(uint32_t));
	histories->weight = c->weighted ? room(c->n, sizeof(uint32_t)) : NULL;
	histories->at = c->weighted ? room(c->n, sizeof(int64_t)) : NULL;
	memcpy(events, c->events, c->n * sizeof(NeighborsEvent));
	neighbors_histories_start(&work, histories, events, scratch, c->n, mark, c->max_history);
	for (c->steps = 1; !neighbors_histories_step(&work);)
		c->steps++;
	free(events);
	free(scratch);
	if (memchr(mark, true, c->items) != NULL)
		c->steps = 0;
	free(mark);

	c->matrix.start = room(c->items, sizeof(uint32_t));
	c->matrix.user = room(c->n, sizeof(uint32_t));
	c->matrix.weight = c->weighted ? room(c->n, sizeof(uint32_t)) : NULL;
	c->matrix.norm = room(c->items, sizeof(uint64_t));
	neighbors_transpose_start(&transpose, &c->matrix);
	while ((status = neighbors_transpose_step(&transpose)) == NEIGHBORS_MORE)
		c->steps++;
	return status;
}

/* The weight that a user gave to an item, and when, by looking at every event; 0: never. */
static uint32_t
weight_of(const Case *c, uint32_t user, uint32_t item, int64_t *at)
{
	uint32_t	weight = 0;
	size_t		i;

	for (i = 0; i < c->n; i++)
	{
		const NeighborsEvent *event = &c->events[i];

		if (event->user != user || event->item != item)
			continue;
		if (weight == 0 || event->at > *at || (event->at == *at && event->weight > weight))
		{
			weight = event->weight;
			*at = event->at;
		}
	}
	return weight;
}

/* weights[user * items + item] by the definition; 0: not in the history */
static uint32_t *
weights_of(const Case *c)
{
	uint32_t   *weights = room((size_t) c->users * c->items, sizeof(uint32_t));
	int64_t    *at = room(c->items, sizeof(int64_t));
	uint32_t	user;
	uint32_t	item;
	uint32_t	other;

	for (user = 0; user < c->users; user++)
	{
		uint32_t   *row = weights + (size_t) user * c->items;

		for (item = 0; item < c->items; item++)
			row[item] = weight_of(c, user, item, &at[item]);
		for (item = 0; item < c->items && c->max_history < c->items; item++)
		{
			uint32_t	newer = 0;

			for (other = 0; other < c->items; other++)
				newer += row[other] != 0 && (at[other] > at[item] || (at[other] == at[item] && other > item));
			at[item] = newer < c->max_history ? at[item] : INT64_MIN;
		}
		/* marked above, so that comparisons saw all */
		for (item = 0; item < c->items && c->max_history < c->items; item++)
		{
			if (at[item] == INT64_MIN)
				row[item] = 0;
		}
	}
	free(at);
	return weights;
}

static bool
histories_fit(const Case *c, const uint32_t *weights)
{
	const NeighborsHistories *histories = &c->matrix.by_user;
	uint32_t	user;
	uint32_t	item;
	uint32_t	i;
	bool		right = histories->start[0] == 0;

	for (user = 0; user < c->users; user++)
	{
		uint32_t	count = 0;

		for (item = 0; item < c->items; item++)
			count += weights[(size_t) user * c->items + item] != 0;
		right = right && histories->start[user + 1] - histories->start[user] == count;
		for (i = histories->start[user]; right && i < histories->start[user + 1]; i++)
		{
			int64_t		at = 0;
			int64_t		before = 0;

			item = histories->item[i];
			right = weights[(size_t) user * c->items + item] == (c->weighted ? histories->weight[i] : 1);
			weight_of(c, user, item, &at);
			right = right && (histories->at == NULL || histories->at[i] == at);
			if (i > histories->start[user])
			{
				weight_of(c, user, histories->item[i - 1], &before);
				right = right && (before > at || (before == at && histories->item[i - 1] > item));
			}
		}
	}
	return right;
}

/* The plain definition: all pairs, sorted. */
static bool
neighbors_fit(const Case *c, const uint32_t *weights, uint32_t k, double shrink)
{
	double	   *norm = room(c->items, sizeof(double));
	uint64_t   *sum = room(c->items, sizeof(uint64_t));
	uint32_t   *touched = room(c->items, sizeof(uint32_t));
	NeighborsScore *nearest = room(k < c->items ? k : c->items, sizeof(NeighborsScore));
	double	   *similarity = room(c->items, sizeof(double));
	double		unit = c->weighted ? 1.0 / 4096 : 1;
	NeighborsSums sums;
	bool		right = true;
	uint32_t	a;
	uint32_t	b;
	uint32_t	user;
	uint32_t	i;

	neighbors_norms(norm, c->matrix.norm, c->items, c->weighted);
	neighbors_sums_init(&sums, sum, touched, c->items);
	for (a = 0; a < c->items && right; a++)
	{
		uint32_t	found = 0;
		uint32_t	n;

		neighbors_sums_start(&sums, &c->matrix, a);
		while (!neighbors_sums_step(&sums, &c->matrix))
			;
		n = neighbors_nearest(&sums, norm, c->weighted, k, shrink, nearest);
		for (b = 0; b < c->items; b++)
		{
			__int128	common = 0;
			__int128	squares_a = 0;
			__int128	squares_b = 0;

			for (user = 0; user < c->users; user++)
			{
				__int128	wa = weights[(size_t) user * c->items + a];
				__int128	wb = weights[(size_t) user * c->items + b];

				common += wa * wb;
				squares_a += wa * wa;
				squares_b += wb * wb;
			}
			similarity[b] = 0;
			if (common != 0 && a != b)
			{
				double		together = (double) common * unit * unit;

				similarity[b] = together * together /
					(sqrt((double) squares_a * unit * unit * ((double) squares_b * unit * unit)) * (together + shrink));
				found++;
			}
		}
		right = n == (found < k ? found : k);
		for (i = 0; i < n && right; i++)
		{
			uint32_t	better = 0;

			for (b = 0; b < c->items; b++)
				better += similarity[b] > similarity[nearest[i].item] ||
					(similarity[b] == similarity[nearest[i].item] && b < nearest[i].item);
			right = better == i && similarity[nearest[i].item] > 0 &&
				nearest[i].value == similarity[nearest[i].item];
		}
		for (b = 0; b < c->items; b++)
			right = right && sum[b] == 0;
	}
	free(norm);
	free(sum);
	free(touched);
	free(nearest);
	free(similarity);
	return right;
}

static void
test_shapes(void)
{
	static const struct
	{
		uint32_t	users;
		uint32_t	items;
		size_t		n;
		uint32_t	times;
		bool		weighted;
		uint32_t	max_history;
		uint32_t	k;
		double		shrink;
		const char *name;
	}			shapes[] = {
		{1, 1, 0, 1, false, 500, 50, 10, "nothing"},
		{1, 1, 1, 1, false, 500, 50, 10, "one event"},
		{1, 1, 40, 3, true, 500, 50, 10, "one user, one item, many times"},
		{3, 2, 20, 4, false, 1, 1, 0, "histories of one: no neighbours"},
		{40, 30, 500, 1, false, 7, 5, 10, "all at the same time, histories cut, few neighbours"},
		{40, 30, 500, 1000000, false, UINT32_MAX, UINT32_MAX, 0, "no bounds, no shrinking"},
		{40, 30, 500, 50, true, UINT32_MAX, 50, 10, "weights"},
		{40, 30, 500, 50, true, 5, 3, 0.25, "weights, histories cut, few neighbours"},
		{2, 60, 3000, 1000, false, 20, 10, 1, "long histories"},
		{2, 60, 3000, 10, true, 59, 0, 1, "no neighbours wanted"}
	};
	size_t		i;

	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
	{
		Case		c;
		uint32_t   *weights;
		bool		right;

		make_case(&c, shapes[i].users, shapes[i].items, shapes[i].n, shapes[i].times, shapes[i].weighted);
		c.max_history = shapes[i].max_history;
		weights = weights_of(&c);
		right = build(&c) == NEIGHBORS_DONE && c.steps > 0 && histories_fit(&c, weights) &&
			neighbors_fit(&c, weights, shapes[i].k, shapes[i].shrink);
		ok(right, shapes[i].name);
		free(weights);
		free_case(&c);
	}
}

static void
test_order(void)
{
	Case		forward;
	Case		backward;
	size_t		i;

	make_case(&forward, 50, 40, 2000, 7, true);
	make_case(&backward, 50, 40, 2000, 7, true);
	for (i = 0; i < forward.n; i++)
		backward.events[i] = forward.events[forward.n - 1 - i];
	forward.max_history = backward.max_history = 9;
	build(&forward);
	build(&backward);
	is_mem(backward.matrix.by_user.start, forward.matrix.by_user.start, 51 * sizeof(uint32_t),
		   "the order of events does not matter: as many items");
	is_mem(backward.matrix.by_user.item, forward.matrix.by_user.item,
		   forward.matrix.by_user.start[50] * sizeof(uint32_t), "the same items");
	is_mem(backward.matrix.by_user.weight, forward.matrix.by_user.weight,
		   forward.matrix.by_user.start[50] * sizeof(uint32_t), "the same weights");
	free_case(&forward);
	free_case(&backward);
}

/* A history and an item's list of users that both take many steps. */
static void
test_steps(void)
{
	enum
	{
		USERS = 3000, ITEMS = 300000
	};
	Case		c;
	uint32_t	i;
	uint64_t   *sum = room(ITEMS, sizeof(uint64_t));
	uint32_t   *touched = room(ITEMS, sizeof(uint32_t));
	double	   *norm = room(ITEMS, sizeof(double));
	NeighborsScore nearest[3];
	NeighborsSums sums;
	uint32_t	steps = 1;

	/* user 0 has all items, at times that go up and down; the others have item 0 and 1 + user */
	make_case(&c, USERS, ITEMS, ITEMS + 2 * (USERS - 1), 5, false);
	for (i = 0; i < ITEMS; i++)
		c.events[i] = (NeighborsEvent) {(int64_t) i * 7919 % 100003, 0, i, 1};
	for (i = 1; i < USERS; i++)
	{
		c.events[ITEMS + 2 * (i - 1)] = (NeighborsEvent) {1, i, 0, 1};
		c.events[ITEMS + 2 * (i - 1) + 1] = (NeighborsEvent) {2, i, i + 1, 1};
	}
	is_u64(build(&c), NEIGHBORS_DONE, "300000 items of one user");
	ok(c.steps > 5 + ITEMS / 65536 * 7, "are sorted in steps");
	for (i = 1; i < ITEMS; i++)
	{
		uint32_t	a = c.matrix.by_user.item[i - 1];
		uint32_t	b = c.matrix.by_user.item[i];
		int64_t		at_a = (int64_t) a * 7919 % 100003;
		int64_t		at_b = (int64_t) b * 7919 % 100003;

		if (at_a < at_b || (at_a == at_b && a <= b))
			break;
	}
	is_u64(i, ITEMS, "the newest first");
	is_u64(c.matrix.norm[0], USERS, "an item that all have");
	neighbors_norms(norm, c.matrix.norm, ITEMS, false);
	neighbors_sums_init(&sums, sum, touched, ITEMS);
	neighbors_sums_start(&sums, &c.matrix, 0);
	while (!neighbors_sums_step(&sums, &c.matrix))
		steps++;
	ok(steps >= ITEMS / 65536, "its sums come in steps");
	is_u64(sums.count, ITEMS, "with all others");
	is_u64(neighbors_nearest(&sums, norm, false, 3, 0, nearest), 3, "three of them");
	/* shared with 2 users: 2 / sqrt(3000 * 2); the first of those who are equal */
	ok(nearest[0].item == 2 && nearest[1].item == 3 && nearest[2].item == 4, "ties go to the smaller number");
	is_dbl(nearest[0].value, 0.025819888974716113, 1e-15, "the similarity by hand");
	free(sum);
	free(touched);
	free(norm);
	free_case(&c);
}

static void
test_overflow(void)
{
	Case		c;
	uint32_t	i;

	make_case(&c, 9, 2, 9, 5, true);
	for (i = 0; i < c.n; i++)
		c.events[i] = (NeighborsEvent) {0, i, 1, UINT32_C(1) << 30};
	/* eight squares of 2^60 are 2^63 */
	is_u64(build(&c), NEIGHBORS_OVERFLOW, "squared weights that don't fit");
	free_case(&c);
	make_case(&c, 7, 2, 7, 5, true);
	for (i = 0; i < c.n; i++)
		c.events[i] = (NeighborsEvent) {0, i, 1, UINT32_C(1) << 30};
	is_u64(build(&c), NEIGHBORS_DONE, "and the most that do");
	free_case(&c);
}

/* Item 0: 1 (.5), 2 (.25); item 1: 0 (.5), 3 (.4); item 2: 0 (.25); item 3: 1 (.4) */
static void
test_scores(void)
{
	static const size_t start[] = {0, 2, 4, 5, 6};
	static const NeighborsScore neighbor[] = {{.5, 1}, {.25, 2}, {.5, 0}, {.4, 3}, {.25, 0}, {.4, 1}};
	NeighborsLists lists = {4, start, neighbor};
	double		score[4] = {0};
	uint32_t	touched[4];
	bool		seen[4] = {0};
	NeighborsScore best[4];
	NeighborsScores scores;

	neighbors_scores_init(&scores, score, touched, seen, 4);
	neighbors_score(&scores, &lists, 1, 1);
	neighbors_score(&scores, &lists, 2, 0.5);
	is_u64(neighbors_best(&scores, 4, best), 2, "a history of two items has two neighbours");
	ok(best[0].item == 0 && best[0].value == .625, "sums of weight times similarity");
	ok(best[1].item == 3 && best[1].value == .4, "the best first");

	neighbors_score(&scores, &lists, 0, 1);
	neighbors_scores_seen(&scores, 1);
	is_u64(neighbors_best(&scores, 4, best), 1, "what was seen is left out");
	ok(best[0].item == 2 && best[0].value == .25, "and nothing is left of the history before");

	seen[1] = false;
	neighbors_score(&scores, &lists, 0, 1);
	neighbors_score(&scores, &lists, 1, 1);
	is_u64(neighbors_best(&scores, 2, best), 2, "the best two of four");
	ok(best[0].item == 0 && best[1].item == 1, "of equal ones the smaller number first");

	neighbors_score(&scores, &lists, 0, 5e-324);
	is_u64(neighbors_best(&scores, 4, best), 0, "a score that is too small for a double is none");
	is_dbl(neighbors_recency(0, 20), 1, 0, "the newest has weight one");
	is_dbl(neighbors_recency(20, 20), .5, 0, "a half-life later half of it");
	is_dbl(neighbors_recency(30, 20), .35355339059327376, 1e-16, "and so on");
}

int
main(void)
{
	test_shapes();
	test_order();
	test_steps();
	test_overflow();
	test_scores();
	return done_testing();
}

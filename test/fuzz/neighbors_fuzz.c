/*
 * neighbors_fuzz.c
 *	  neighbors_core and id_map_core: any events give the histories, sums and
 *	  neighbours of the plain definition, whatever their order; keys keep their
 *	  numbers.
 */
#include "fuzz.h"

#include <math.h>

#include "../../src/common/id_map_core.h"
#include "../../src/neighbors/neighbors_core.h"

#define MAX_EVENTS 200
#define MAX_USERS 12
#define MAX_ITEMS 16

typedef struct Chosen
{
	int64_t		at;
	uint32_t	weight;			/* 0: not chosen */
} Chosen;

/* The latest of each user and item, then the newest of each user, by looking. */
static void
define(Chosen chosen[MAX_USERS][MAX_ITEMS], const NeighborsEvent *events, size_t n, uint32_t max_history)
{
	size_t		i;
	uint32_t	user;
	uint32_t	item;
	uint32_t	other;

	memset(chosen, 0, MAX_USERS * sizeof(*chosen));
	for (i = 0; i < n; i++)
	{
		const NeighborsEvent *e = &events[i];
		Chosen	   *c = &chosen[e->user][e->item];

		if (c->weight == 0 || e->at > c->at || (e->at == c->at && e->weight > c->weight))
		{
			c->at = e->at;
			c->weight = e->weight;
		}
	}
	for (user = 0; user < MAX_USERS; user++)
	{
		bool		old[MAX_ITEMS] = {false};

		for (item = 0; item < MAX_ITEMS; item++)
		{
			uint32_t	newer = 0;

			for (other = 0; other < MAX_ITEMS; other++)
				newer += chosen[user][other].weight != 0 &&
					(chosen[user][other].at > chosen[user][item].at ||
					 (chosen[user][other].at == chosen[user][item].at && other > item));
			old[item] = newer >= max_history;
		}
		for (item = 0; item < MAX_ITEMS; item++)
		{
			if (old[item])
				chosen[user][item].weight = 0;
		}
	}
}

static void
check_histories(const NeighborsHistories *histories, Chosen chosen[MAX_USERS][MAX_ITEMS])
{
	uint32_t	user;
	uint32_t	item;
	uint32_t	i;

	MUST(histories->start[0] == 0);
	for (user = 0; user < histories->users; user++)
	{
		uint32_t	count = 0;

		for (item = 0; item < MAX_ITEMS; item++)
			count += chosen[user][item].weight != 0;
		MUST(histories->start[user + 1] - histories->start[user] == count);
		for (i = histories->start[user]; i < histories->start[user + 1]; i++)
		{
			const Chosen *c = &chosen[user][histories->item[i]];

			MUST(c->weight == histories->weight[i] && c->at == histories->at[i]);
			if (i > histories->start[user])
				MUST(histories->at[i - 1] > c->at ||
					 (histories->at[i - 1] == c->at && histories->item[i - 1] > histories->item[i]));
		}
	}
}

/* False where squared weights don't fit. */
static bool
check_sums(NeighborsMatrix *matrix, Chosen chosen[MAX_USERS][MAX_ITEMS], uint32_t k, double shrink)
{
	NeighborsTranspose transpose;
	NeighborsStatus status;
	NeighborsSums sums;
	NeighborsScore *nearest = fuzz_alloc((k < MAX_ITEMS ? k : MAX_ITEMS) * sizeof(NeighborsScore));
	uint64_t   *sum = calloc(MAX_ITEMS, sizeof(uint64_t));
	uint32_t   *touched = fuzz_alloc(MAX_ITEMS * sizeof(uint32_t));
	double		norm[MAX_ITEMS];
	bool		fits = true;
	uint32_t	item;
	uint32_t	other;
	uint32_t	user;
	uint32_t	i;

	for (item = 0; item < MAX_ITEMS; item++)
	{
		unsigned __int128 squares = 0;

		for (user = 0; user < MAX_USERS; user++)
			squares += (unsigned __int128) chosen[user][item].weight * chosen[user][item].weight;
		fits = fits && squares >> 63 == 0;
	}
	neighbors_transpose_start(&transpose, matrix);
	while ((status = neighbors_transpose_step(&transpose)) == NEIGHBORS_MORE)
		;
	MUST(status == (fits ? NEIGHBORS_DONE : NEIGHBORS_OVERFLOW));

	neighbors_norms(norm, matrix->norm, MAX_ITEMS, true);
	neighbors_sums_init(&sums, sum, touched, MAX_ITEMS);
	for (item = 0; item < MAX_ITEMS && fits; item++)
	{
		uint32_t	found = 0;
		uint32_t	n;

		neighbors_sums_start(&sums, matrix, item);
		while (!neighbors_sums_step(&sums, matrix))
			;
		for (other = 0; other < MAX_ITEMS; other++)
		{
			unsigned __int128 common = 0;

			for (user = 0; user < MAX_USERS; user++)
				common += (unsigned __int128) chosen[user][item].weight * chosen[user][other].weight;
			MUST(sum[other] == common);
			found += common != 0 && other != item;
		}
		n = neighbors_nearest(&sums, norm, true, k, shrink, nearest);
		MUST(n == (found < k ? found : k));
		for (i = 0; i < n; i++)
		{
			MUST(nearest[i].item < MAX_ITEMS && nearest[i].item != item && nearest[i].value >= 0 && nearest[i].value <= 1 + 1e-15);
			MUST(i == 0 || nearest[i - 1].value > nearest[i].value ||
				 (nearest[i - 1].value == nearest[i].value && nearest[i - 1].item < nearest[i].item));
		}
		for (other = 0; other < MAX_ITEMS; other++)
			MUST(sum[other] == 0);
	}
	free(nearest);
	free(sum);
	free(touched);
	return fits;
}

static void
check_neighbors(FuzzInput *in)
{
	size_t		n = (size_t) take_below(in, MAX_EVENTS);
	uint32_t	max_history = (uint32_t) take_below(in, 20) + 1;
	uint32_t	k = (uint32_t) take_below(in, 20);
	double		shrink = (double) take_u8(in) / 8;
	uint8_t		shape = take_u8(in);
	NeighborsEvent *events = fuzz_alloc(n * sizeof(NeighborsEvent));
	NeighborsEvent *scratch = fuzz_alloc(n * sizeof(NeighborsEvent));
	bool		mark[MAX_ITEMS] = {false};
	Chosen		chosen[MAX_USERS][MAX_ITEMS];
	NeighborsMatrix matrix;
	NeighborsHistories *histories = &matrix.by_user;
	NeighborsBuild build;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		uint8_t		who = take_u8(in);

		events[i].user = shape & 1 ? who % 2 : who % MAX_USERS;
		events[i].item = take_u8(in) % MAX_ITEMS;
		events[i].at = shape & 2 ? take_i64(in) : who / 64;
		events[i].weight = (uint32_t) (shape & 4 ? 1 + take_below(in, (UINT32_C(1) << 31) - 2) : 1 + take_u8(in) * 4096);
	}
	define(chosen, events, n, max_history);

	histories->users = MAX_USERS;
	histories->items = MAX_ITEMS;
	histories->start = fuzz_alloc((MAX_USERS + 1) * sizeof(uint32_t));
	histories->item = fuzz_alloc(n * sizeof(uint32_t));
	histories->weight = fuzz_alloc(n * sizeof(uint32_t));
	histories->at = fuzz_alloc(n * sizeof(int64_t));
	neighbors_histories_start(&build, histories, events, scratch, n, mark, max_history);
	while (!neighbors_histories_step(&build))
		;
	check_histories(histories, chosen);
	for (i = 0; i < MAX_ITEMS; i++)
		MUST(!mark[i]);

	matrix.start = fuzz_alloc((MAX_ITEMS + 1) * sizeof(uint32_t));
	matrix.user = fuzz_alloc(n * sizeof(uint32_t));
	matrix.weight = fuzz_alloc(n * sizeof(uint32_t));
	matrix.norm = fuzz_alloc(MAX_ITEMS * sizeof(uint64_t));
	check_sums(&matrix, chosen, k, shrink);

	free(events);
	free(scratch);
	free(histories->start);
	free(histories->item);
	free(histories->weight);
	free(histories->at);
	free(matrix.start);
	free(matrix.user);
	free(matrix.weight);
	free(matrix.norm);
}

static void
check_map(FuzzInput *in)
{
	uint32_t	words = 1 + take_u8(in) % 2;
	uint32_t	capacity = 4;
	uint64_t   *keys = fuzz_alloc(capacity * words * sizeof(uint64_t));
	uint32_t   *buckets = fuzz_alloc(2 * capacity * sizeof(uint32_t));
	uint64_t	known[64][2];
	uint32_t	count = 0;
	IdMap		map;
	int			round;

	id_map_init(&map, words, take_u64(in), keys, buckets, capacity);
	for (round = 0; round < 64; round++)
	{
		uint64_t	key[2] = {take_u8(in), take_u8(in) % 3};
		uint32_t	number;
		uint32_t	i = 0;

		while (i < count && (known[i][0] != key[0] || (words == 2 && known[i][1] != key[1])))
			i++;
		MUST(id_map_find(&map, key) == (i < count ? i : ID_MAP_FULL));
		number = id_map_number(&map, key);
		if (number == ID_MAP_FULL)
		{
			MUST(i == count && count == map.capacity);
			capacity *= 2;
			keys = realloc(keys, capacity * words * sizeof(uint64_t));
			buckets = realloc(buckets, 2 * capacity * sizeof(uint32_t));
			id_map_grow(&map, keys, buckets, capacity);
			number = id_map_number(&map, key);
		}
		MUST(number == i);
		if (i == count)
			memcpy(known[count++], key, sizeof(key));
	}
	free(keys);
	free(buckets);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};

	if (take_u8(&in) % 4 == 0)
		check_map(&in);
	else
		check_neighbors(&in);
	return 0;
}

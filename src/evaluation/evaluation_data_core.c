/*
 * evaluation_data_core.c
 *	  Events as ordered histories, and the splits of each protocol.
 *
 * Histories are neighbors_histories of a mirrored world: with ~at and items
 * numbered backwards, "newest first, the latest of an item" is "oldest first,
 * the first of an item".
 */
#include "evaluation_core.h"

#include "../common/radix_core.h"

/* at most so many tests choose parameters */
#define MOST_VALIDATION 4000
#define TEST_SHARE 0.8			/* of the events; the rest is asked */

/* splitmix64 (Steele et al., OOPSLA 2014) */
uint64_t
evaluation_mix(uint64_t word)
{
	word += UINT64_C(0x9e3779b97f4a7c15);
	word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
	return word ^ (word >> 31);
}

static void
make_histories(EvaluationData *data, NeighborsEvent *events, size_t n)
{
	const EvaluationHost *host = data->host;
	NeighborsHistories histories = {data->users, data->items, data->start, data->item, data->weight, data->at};
	NeighborsEvent *scratch = host->allocate(n * sizeof(NeighborsEvent));
	bool	   *mark = host->allocate(data->items * sizeof(bool));
	NeighborsBuild build;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		events[i].at = ~events[i].at;
		events[i].item = data->items - 1 - events[i].item;
	}
	neighbors_histories_start(&build, &histories, events, scratch, n, mark, NEIGHBORS_MAX);
	while (!neighbors_histories_step(&build))
		host->pause();
	for (i = 0; i < data->start[data->users]; i++)
	{
		data->at[i] = ~data->at[i];
		data->item[i] = data->items - 1 - data->item[i];
	}
	host->release(mark);
	host->release(scratch);
}

static void
sign_users(EvaluationData *data, const int64_t *item_ids)
{
	uint32_t	user;
	uint32_t	i;

	for (user = 0; user < data->users; user++)
	{
		for (i = data->start[user]; i < data->start[user + 1]; i++)
			data->signature[user] += evaluation_mix((uint64_t) item_ids[data->item[i]]);
	}
}

/* Without times the order is drawn: by a hash of the user's items and the item. */
static size_t
draw_times(const EvaluationData *data, NeighborsEvent *events, const int64_t *item_ids)
{
	uint32_t	user;
	uint32_t	i;

	for (user = 0; user < data->users; user++)
	{
		for (i = data->start[user]; i < data->start[user + 1]; i++)
		{
			uint64_t	hash = evaluation_mix(data->signature[user] ^ (uint64_t) item_ids[data->item[i]]);

			events[i].at = (int64_t) (hash >> 1);
			events[i].user = user;
			events[i].item = data->item[i];
			events[i].weight = data->weighted ? data->weight[i] : 1;
		}
	}
	return data->start[data->users];
}

static void
order_times(EvaluationData *data)
{
	const EvaluationHost *host = data->host;
	uint32_t	n = data->start[data->users];
	RadixEntry *entries = host->allocate(n * sizeof(RadixEntry));
	RadixEntry *scratch = host->allocate(n * sizeof(RadixEntry));
	RadixSort	sort;
	uint32_t	i;

	for (i = 0; i < n; i++)
		entries[i].key = (uint64_t) data->at[i] ^ (UINT64_C(1) << 63);
	radix_start(&sort, entries, scratch, n);
	while (!radix_step(&sort))
		host->pause();
	data->ordered_at = host->allocate(n * sizeof(int64_t));
	for (i = 0; i < n; i++)
		data->ordered_at[i] = (int64_t) (sort.entries[i].key ^ (UINT64_C(1) << 63));
	host->release(entries);
	host->release(scratch);
}

void
evaluation_data_build(EvaluationData *data, NeighborsEvent *events, size_t n, const int64_t *item_ids)
{
	const EvaluationHost *host = data->host;
	size_t		i;

	data->start = host->allocate(((size_t) data->users + 1) * sizeof(uint32_t));
	data->item = host->allocate(n * sizeof(uint32_t));
	data->weight = data->weighted ? host->allocate(n * sizeof(uint32_t)) : NULL;
	data->at = host->allocate(n * sizeof(int64_t));
	data->signature = host->allocate(data->users * sizeof(uint64_t));

	data->timeless = true;
	for (i = 1; i < n && data->timeless; i++)
		data->timeless = events[i].at == events[0].at;
	make_histories(data, events, n);
	sign_users(data, item_ids);
	if (data->timeless && n > 0)
	{
		int64_t		at = data->at[0];

		n = draw_times(data, events, item_ids);
		make_histories(data, events, n);
		for (i = 0; i < n; i++)
			data->at[i] = at;
	}
	order_times(data);
}

static uint32_t
length_of(const EvaluationData *data, uint32_t user)
{
	return data->start[user + 1] - data->start[user];
}

/*
 * The moment before which this share of the events lies; later than the first
 * one, so that something is learned.
 */
static int64_t
quantile(const EvaluationData *data, double share)
{
	uint32_t	n = data->start[data->users];
	uint32_t	i = (uint32_t) (share * n);

	if (i >= n)
		return INT64_MAX;
	while (i < n - 1 && data->ordered_at[i] == data->ordered_at[0])
		i++;
	return data->ordered_at[i];
}

/* How many of a user's items were chosen before that. */
static uint32_t
length_before(const EvaluationData *data, uint32_t user, int64_t at)
{
	const int64_t *ats = data->at + data->start[user];
	uint32_t	low = 0;
	uint32_t	high = length_of(data, user);

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (ats[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static EvaluationSlice *
add_slice(const EvaluationData *data, EvaluationSplit *split, size_t most_tests)
{
	EvaluationSlice *slice = &split->slices[split->nslices++];

	slice->learned = data->host->allocate(data->users * sizeof(uint32_t));
	slice->tests = data->host->allocate(most_tests * sizeof(EvaluationTest));
	slice->ntests = 0;
	return slice;
}

static void
add_test(EvaluationSlice *slice, uint32_t user, uint32_t known, uint32_t until)
{
	EvaluationTest *test = &slice->tests[slice->ntests++];

	test->user = user;
	test->known = known;
	test->until = until;
}

/* The last item of each user, or the one before it; a user's only item is learned. */
static void
split_last(const EvaluationData *data, uint32_t back, EvaluationSplit *split)
{
	EvaluationSlice *slice = add_slice(data, split, data->users);
	uint32_t	user;

	for (user = 0; user < data->users; user++)
	{
		uint32_t	length = length_of(data, user);

		slice->learned[user] = length <= 1 ? length : length > back ? length - back : 0;
		if (length > back)
			add_test(slice, user, length - back, length - back + 1);
	}
}

/* Learned from what is before from; asked what comes from then until the end. */
static void
split_time(const EvaluationData *data, double from_share, double until_share, bool each, EvaluationSplit *split)
{
	int64_t		from = quantile(data, from_share);
	int64_t		until = quantile(data, until_share);
	bool		last = until_share >= 1;
	EvaluationSlice *slice;
	uint32_t	user;
	uint32_t	i;

	if (from >= until && !last)
		return;
	slice = add_slice(data, split, each ? data->start[data->users] : data->users);
	for (user = 0; user < data->users; user++)
	{
		uint32_t	begin = length_before(data, user, from);
		uint32_t	end = last ? length_of(data, user) : length_before(data, user, until);

		slice->learned[user] = begin;
		if (each)
		{
			for (i = begin; i < end; i++)
				add_test(slice, user, i, i + 1);
		}
		else if (end > begin)
			add_test(slice, user, begin, end);
	}
}

/* About MOST_VALIDATION of the tests, drawn by hash. */
static void
thin_out(const EvaluationData *data, EvaluationSplit *split)
{
	double		tests = 0;
	uint64_t	limit;
	int			s;

	for (s = 0; s < split->nslices; s++)
		tests += split->slices[s].ntests;
	if (tests <= MOST_VALIDATION)
		return;
	limit = (uint64_t) (MOST_VALIDATION / tests * 4294967296.0);
	for (s = 0; s < split->nslices; s++)
	{
		EvaluationSlice *slice = &split->slices[s];
		uint32_t	kept = 0;
		uint32_t	i;

		for (i = 0; i < slice->ntests; i++)
		{
			EvaluationTest test = slice->tests[i];

			if (evaluation_mix(data->signature[test.user] + test.known) >> 32 < limit)
				slice->tests[kept++] = test;
		}
		slice->ntests = kept;
	}
}

void
evaluation_split(const EvaluationData *data, EvaluationProtocol protocol, bool validation, EvaluationSplit *split)
{
	int			slices = validation ? 2 : EVALUATION_MAX_SLICES;
	double		from = validation ? TEST_SHARE * TEST_SHARE : TEST_SHARE;
	double		until = validation ? TEST_SHARE : 1;
	int			s;

	split->nslices = 0;
	switch (protocol)
	{
		case EVALUATION_LEAVE_LAST_OUT:
			split_last(data, validation ? 2 : 1, split);
			break;
		case EVALUATION_TIME:
			split_time(data, from, until, false, split);
			break;
		case EVALUATION_PREQUENTIAL:
			for (s = 0; s < slices; s++)
				split_time(data, from + (until - from) * s / slices,
						   s == slices - 1 ? until : from + (until - from) * (s + 1) / slices, true, split);
			break;
	}
	if (validation)
		thin_out(data, split);
}

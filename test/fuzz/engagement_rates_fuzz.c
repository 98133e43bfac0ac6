/*
 * engagement_rates_fuzz.c
 *	  engagement_list_core and what reads its rows: no bytes harm it as a state,
 *	  a multiset is the same however rows are shared out, means lie between the
 *	  least and the greatest rate, shrunk rates between rate and mean.
 */
#include "fuzz.h"

#include <math.h>

#include "../../src/engagement/engagement_list_core.h"
#include "../../src/engagement/engagement_pattern_core.h"
#include "../../src/engagement/engagement_prior_core.h"

#define MOST_ROWS 400

static const ListKind *
take_kind(FuzzInput *in)
{
	const ListKind *const kinds[] = {&LIST_RATES, &LIST_CREATORS, &LIST_AMOUNTS, &LIST_TIMES, &LIST_TOPICS};

	return kinds[take_below(in, 4)];
}

/* A row whose words are in range. */
static void
take_row(FuzzInput *in, const ListKind *kind, int64_t *row)
{
	int			word;

	for (word = 0; word < kind->words; word++)
	{
		row[word] = take_i64(in);
		if (row[word] < kind->lowest[word] || row[word] > kind->highest[word])
			row[word] = (int64_t) ((uint64_t) row[word] % ((uint64_t) kind->highest[word] - (uint64_t) kind->lowest[word])) +
				kind->lowest[word];
	}
}

/* A larger state with the same rows and room for one more; on an odd address. */
static uint8_t *
grown(const ListKind *kind, uint8_t *block, const int64_t *row)
{
	const uint8_t *old = block == NULL ? NULL : block + 1;
	size_t		size = list_next_size(kind, old, NULL, row);
	uint8_t    *larger = fuzz_alloc(size + 1);

	list_init(kind, larger + 1, size);
	if (old != NULL)
		MUST(list_append(kind, larger + 1, old) == LIST_OK);
	free(block);
	MUST(list_has_frame(kind, larger + 1, size));
	return larger;
}

static uint8_t *
added(const ListKind *kind, uint8_t *block, const int64_t *row)
{
	if (block != NULL && list_add(kind, block + 1, row) == LIST_OK)
		return block;
	block = grown(kind, block, row);
	MUST(list_add(kind, block + 1, row) == LIST_OK);
	return block;
}

/* The rows sorted, in memory of their own size. */
static int64_t *
sorted_rows(const ListKind *kind, const uint8_t *state, size_t *n)
{
	size_t		bytes = kind->words * sizeof(int64_t);
	int64_t    *rows;
	int64_t    *target;
	RadixEntry *entries;
	RadixEntry *scratch;
	ListSort	sort;

	*n = list_count(state);
	rows = fuzz_alloc(*n * bytes);
	if (!list_load(kind, state, rows))
	{
		free(rows);
		return NULL;
	}
	if (*n <= LIST_FEW)
	{
		list_sort_few(rows, *n, kind->words);
		return rows;
	}
	target = fuzz_alloc(*n * bytes);
	entries = fuzz_alloc(*n * sizeof(RadixEntry));
	scratch = fuzz_alloc(*n * sizeof(RadixEntry));
	list_sort_start(&sort, rows, *n, kind->words, entries, scratch, target);
	while (!list_sort_step(&sort))
		;
	free(rows);
	free(entries);
	free(scratch);
	return target;
}

static void
check_rates(FuzzInput *in, const int64_t *rows, size_t n)
{
	const EngagementRow *rates = (const EngagementRow *) rows;
	double		low = rates[0].rate;
	double		high = rates[n - 1].rate;
	EngagementCreator creators[2];
	EngagementFit fit;
	EngagementPrior prior;
	int64_t		posts;
	double		value = engagement_mean(rates, n);

	MUST(value >= low && value <= high);
	if (!engagement_posts(rates, n, &posts))
		return;
	value = engagement_median(rates, posts);
	MUST(value >= low && value <= high);
	value = engagement_trimmed(rates, n, posts, (double) take_below(in, 255) / 512.0);
	MUST(value >= low && value <= high);
	/* squares of what no quotient of bigints can be leave double */
	if (high > 0x1p63)
		return;
	creators[0] = engagement_creator(rates, n, posts);
	creators[1] = engagement_creator(rates + n / 2, n - n / 2, 1 + (int64_t) take_below(in, 1000));
	MUST(creators[0].squares >= 0 && (low < high || creators[0].squares == 0));
	list_sort_few((int64_t *) creators, 2, sizeof(EngagementCreator) / sizeof(int64_t));
	engagement_fit_start(&fit);
	do
		engagement_fit_piece(&fit, creators, 2);
	while (engagement_fit_next(&fit, &prior));
	MUST(prior.mean >= low && prior.mean <= high);
	MUST(isnan(prior.within) || prior.within >= 0);
	MUST(isnan(prior.between) || prior.between >= 0);
	MUST(isnan(prior.strength) || prior.strength >= 0);
	value = engagement_shrink((double) posts, creators[0].mean, &prior);
	MUST(value >= low && value <= high);
	value = engagement_shrink_margin((double) posts, creators[0].mean, &prior, 2);
	MUST(isnan(value) == isnan(prior.within) && !(value < 0));
}

static void
check_patterns(const ListKind *kind, const int64_t *rows, size_t n)
{
	EngagementFocus focus = {0};
	EngagementGrowth growth = {0};
	double		result;

	if (kind == &LIST_TOPICS)
	{
		engagement_focus_piece(&focus, (const EngagementTopic *) rows, n / 2);
		engagement_focus_piece(&focus, (const EngagementTopic *) rows + n / 2, n - n / 2);
		MUST(engagement_focus_result(&focus, &result) == (n > 0));
		MUST(n == 0 || (result >= 0.999999 / (double) n && result <= 1));
	}
	else if (kind == &LIST_AMOUNTS)
	{
		engagement_growth_piece(&growth, (const EngagementAmount *) rows, n);
		engagement_growth_again(&growth);
		engagement_growth_piece(&growth, (const EngagementAmount *) rows, n);
		if (engagement_growth_result(&growth, &result))
			MUST(result >= -1);
	}
	else if (engagement_regularity(rows, n, &result))
		MUST(result > 0 && result <= 1);
}

static void
check_rows(FuzzInput *in, const ListKind *kind, const int64_t *rows, size_t n)
{
	size_t		i;

	for (i = kind->words; i < n * kind->words; i += kind->words)
		MUST(rows[i - kind->words] <= rows[i]);
	if (kind == &LIST_RATES && n > 0)
		check_rates(in, rows, n);
	else if (kind != &LIST_RATES && kind != &LIST_CREATORS)
		check_patterns(kind, rows, n);
}

/* Any bytes; most often with a header that fits, so that the rest is reached. */
static void
check_forged(FuzzInput *in)
{
	const ListKind *kind = take_kind(in);
	bool		framed = take_u8(in) % 8 != 0;
	size_t		size = take_below(in, 600);
	uint8_t    *block = fuzz_alloc(size + 1);
	uint8_t		frame[64];
	int64_t    *rows;
	int64_t		row[LIST_MAX_WORDS];
	size_t		n;

	take_bytes(in, block + 1, size);
	list_init(kind, frame, size < sizeof(frame) ? sizeof(frame) : size);
	if (framed && size >= 24)
	{
		memcpy(block + 1, frame, 16);
		if (size < sizeof(frame))
			memcpy(block + 9, &(uint64_t) {size}, sizeof(uint64_t));
		/* count, words and sorted that may fit */
		memcpy(block + 17, &(uint32_t) {(uint32_t) take_below(in, 80)}, sizeof(uint32_t));
		memcpy(block + 21, &(uint16_t) {(uint16_t) (kind->words - (take_u8(in) & 1))}, sizeof(uint16_t));
		memcpy(block + 23, &(uint16_t) {take_u8(in) & 1}, sizeof(uint16_t));
	}
	if (list_has_frame(kind, block + 1, size))
	{
		rows = sorted_rows(kind, block + 1, &n);
		if (rows != NULL)
			check_rows(in, kind, rows, n);
		free(rows);
		take_row(in, kind, row);
		block = added(kind, block, row);
	}
	free(block);
}

/* The same rows in one state and in three that are joined: equal once sorted. */
static void
check_multiset(FuzzInput *in)
{
	const ListKind *kind = take_kind(in);
	uint8_t    *whole = NULL;
	uint8_t    *parts[3] = {NULL, NULL, NULL};
	uint8_t    *joined;
	int64_t		row[LIST_MAX_WORDS];
	int64_t    *rows[2];
	uint8_t    *stored;
	size_t		n[2];
	size_t		size;
	int			count;
	int			i;

	for (count = 0; in->left > 0 && count < MOST_ROWS; count++)
	{
		int			part = (int) take_below(in, 2);

		take_row(in, kind, row);
		if (kind->short_rows && take_u8(in) % 4 != 0)
			row[kind->words - 1] = 1;
		whole = added(kind, whole, row);
		parts[part] = added(kind, parts[part], row);
	}
	if (whole == NULL)
		return;

	size = list_next_size(kind, whole + 1, NULL, NULL);
	joined = fuzz_alloc(2 * size + 4096);
	list_init(kind, joined + 1, 2 * size + 4095);
	for (i = 2; i >= 0; i--)
	{
		if (parts[i] != NULL)
			MUST(list_append(kind, joined + 1, parts[i] + 1) == LIST_OK);
	}
	rows[0] = sorted_rows(kind, whole + 1, &n[0]);
	rows[1] = sorted_rows(kind, joined + 1, &n[1]);
	MUST(rows[0] != NULL && rows[1] != NULL);
	if (!kind->adds_up)
	{
		MUST(n[0] == (size_t) count && n[1] == n[0]);
		MUST(memcmp(rows[0], rows[1], n[0] * kind->words * sizeof(int64_t)) == 0);
	}
	check_rows(in, kind, rows[1], n[1]);

	size = list_stored_size(kind, rows[0], n[0]);
	stored = fuzz_alloc(size);
	list_store(kind, stored, size, rows[0], n[0]);
	MUST(list_has_frame(kind, stored, size) && list_is_sorted(stored));
	free(rows[1]);
	rows[1] = fuzz_alloc(n[0] * kind->words * sizeof(int64_t));
	MUST(list_load(kind, stored, rows[1]));
	MUST(memcmp(rows[0], rows[1], n[0] * kind->words * sizeof(int64_t)) == 0);

	free(stored);
	free(rows[0]);
	free(rows[1]);
	free(joined);
	free(whole);
	for (i = 0; i < 3; i++)
		free(parts[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};

	if (take_u8(&in) % 2 == 0)
		check_forged(&in);
	else
		check_multiset(&in);
	return 0;
}

/*
 * radix_test.c
 *	  The radix sorts of entries and of words: order by the bits asked for,
 *	  stability, steps, and keys that differ in few or in all of their digits.
 */
#include "../../src/common/radix_core.h"
#include "tap.h"

/* what is sorted by the bits of a mask, and what came of it */
typedef struct Run
{
	size_t		n;
	uint64_t	mask;
	uint64_t	fixed;			/* what the keys have in their other bits */
	uint64_t   *given;
	uint64_t   *sorted;			/* the keys */
	size_t	   *rows;			/* where each of them was given; NULL: words without room for that */
	size_t		steps;
	size_t		least;			/* steps that there have to be */
	size_t		passes;			/* that there are at the most */
	bool		in_place;		/* the result lies in one of the arrays that were lent */
} Run;

static uint64_t state = 88172645463325252U;

static uint64_t
next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* arrays of malloc, so that one too far is seen; tags are the complement of rows */
static void
run_entries(Run *run)
{
	RadixEntry *entries = malloc(run->n * sizeof(RadixEntry));
	RadixEntry *scratch = malloc(run->n * sizeof(RadixEntry));
	RadixSort	sort;
	size_t		i;

	for (i = 0; i < run->n; i++)
	{
		run->given[i] = (next_random() & run->mask) | run->fixed;
		entries[i] = (RadixEntry) {run->given[i], (uint32_t) i, ~(uint32_t) i};
	}
	radix_start(&sort, entries, scratch, run->n);
	while (!radix_step(&sort))
		run->steps++;

	run->least = run->n / 65536;
	run->passes = 10;			/* one to look, one to count, eight to move */
	run->in_place = sort.entries == entries || sort.entries == scratch;
	for (i = 0; i < run->n; i++)
	{
		run->sorted[i] = sort.entries[i].key;
		run->rows[i] = sort.entries[i].tag == ~sort.entries[i].row ? sort.entries[i].row : SIZE_MAX;
	}
	free(entries);
	free(scratch);
}

/* the bits below the mask's lowest count the rows, where they suffice */
static void
run_words(Run *run)
{
	int			low = run->mask == 0 ? 20 : __builtin_ctzll(run->mask);
	uint64_t   *words = malloc(run->n * sizeof(uint64_t));
	uint64_t   *scratch = malloc(run->n * sizeof(uint64_t));
	uint64_t	rows = (UINT64_C(1) << low) - 1;
	uint64_t	differing = 0;
	RadixWords	sort;
	size_t		i;

	for (i = 0; i < run->n; i++)
	{
		run->given[i] = (next_random() & run->mask) | (run->fixed & ~run->mask & ~rows);
		words[i] = run->given[i] | (i & rows);
		differing |= (run->given[i] ^ run->given[0]) & run->mask;
	}
	radix_words_start(&sort, words, scratch, run->n, differing);
	while (!radix_words_step(&sort))
		run->steps++;

	run->least = differing == 0 ? 0 : run->n / 65536;
	run->passes = 9;			/* one to count, eight to move */
	run->in_place = sort.entries == words || sort.entries == scratch;
	for (i = 0; i < run->n; i++)
	{
		run->sorted[i] = sort.entries[i] & ~rows;
		run->rows[i] = (size_t) (sort.entries[i] & rows);
	}
	if (run->n > rows)
	{
		free(run->rows);
		run->rows = NULL;
	}
	free(words);
	free(scratch);
}

typedef void (*Runner) (Run *run);

static bool
sorts(Runner runner, size_t n, uint64_t mask, uint64_t fixed)
{
	Run			run = {.n = n, .mask = mask, .fixed = fixed, .steps = 1};
	bool	   *seen = calloc(n + 1, sizeof(bool));
	bool		right;
	size_t		i;

	run.given = malloc(n * sizeof(uint64_t));
	run.sorted = malloc(n * sizeof(uint64_t));
	run.rows = malloc(n * sizeof(size_t));
	runner(&run);

	/* a step moves at most 65536 entries */
	right = run.in_place && run.steps >= run.least && run.steps <= run.passes * (n / 65536 + 1) + 1;
	for (i = 0; i < n; i++)
	{
		if (run.rows != NULL)
		{
			right = right && run.rows[i] < n && !seen[run.rows[i]] &&
				run.sorted[i] == run.given[run.rows[i]];
			if (run.rows[i] < n)
				seen[run.rows[i]] = true;
		}
		if (i > 0)
			right = right && (run.sorted[i - 1] < run.sorted[i] ||
							  (run.sorted[i - 1] == run.sorted[i] &&
							   (run.rows == NULL || run.rows[i - 1] < run.rows[i])));
	}
	free(run.given);
	free(run.sorted);
	free(run.rows);
	free(seen);
	return right;
}

static void
test_sort(Runner runner, const char *what)
{
	static const struct
	{
		uint64_t	mask;
		uint64_t	fixed;
		const char *name;
	}			shapes[] = {
		{UINT64_MAX, 0, "any bits"},
		{UINT64_MAX << 20, 3, "the upper 44, four wide digits"},
		{UINT64_MAX << 31, 0, "the upper 33, three wide digits"},
		{UINT64_MAX << 18, 0, "the upper 46, narrow digits"},
		{0, UINT64_MAX, "all equal"},
		{1, 0, "two keys"},
		{UINT64_C(1) << 20, 0, "two keys above others' bits"},
		{UINT64_C(0xFF) << 56, UINT64_C(7) << 52 | 7, "a difference in the last digit"},
		{0xFF, UINT64_C(1) << 63, "a difference in the first digit"},
		{UINT64_C(0xFF) << 20, UINT64_C(1) << 63, "a difference in one digit"},
		{UINT64_C(0xFF00FF0000FF0000), 1, "differences in digits between equal ones"},
		{UINT64_C(0xFF00FF0000F00000), UINT64_C(1) << 40, "differences in digits between equal ones, and lower"},
		{0x3FF, 0, "many ties"},
		{UINT64_C(0x3FF) << 18, 0, "many ties above others' bits"}
	};
	static const size_t sizes[] = {0, 1, 2, 3, 31, 32, 33, 34, 100, 255, 256, 257, 4095, 4096, 5000, 65535, 65536, 65537, 131072, 200001};
	char		name[100];
	size_t		shape;
	size_t		size;
	size_t		i;
	bool		right;

	for (shape = 0; shape < sizeof(shapes) / sizeof(shapes[0]); shape++)
	{
		right = true;
		for (size = 0; size < sizeof(sizes) / sizeof(sizes[0]); size++)
		{
			if (!sorts(runner, sizes[size], shapes[shape].mask, shapes[shape].fixed))
			{
				right = false;
				diag("%zu %s", sizes[size], what);
			}
		}
		snprintf(name, sizeof(name), "%s: %s, 0 to 200001 of them", what, shapes[shape].name);
		ok(right, name);
	}

	right = true;
	for (i = 0; i < 2000; i++)
	{
		/* every other time with room for the row below */
		uint64_t	mask = next_random() & next_random() & (i % 2 == 0 ? UINT64_MAX : UINT64_MAX << 7);

		right = right && sorts(runner, next_random() % 80, mask, next_random() & next_random());
	}
	snprintf(name, sizeof(name), "%s: few, around the size where another sort takes over", what);
	ok(right, name);
}

int
main(void)
{
	RadixEntry	one = {5, 0, 0};
	RadixEntry	other;
	RadixSort	sort;

	test_sort(run_entries, "entries");
	test_sort(run_words, "words");

	radix_start(&sort, &one, &other, 1);
	ok(radix_step(&sort), "one step for one entry");
	ok(sort.entries == &one && one.key == 5, "which stays where it is");
	return done_testing();
}

/*
 * radix_words_test.c
 *	  The radix sort of words: order by the bits asked for, stability, steps, and
 *	  words that differ in few or in all of their digits.
 */
#include "../../src/common/radix_words_core.h"
#include "tap.h"

static uint64_t state = 88172645463325252U;

static uint64_t
next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* words of malloc, so that one too far is seen; the bits below mask's lowest count the rows */
static bool
sorts(size_t n, uint64_t mask, uint64_t fixed)
{
	int			low = mask == 0 ? 20 : __builtin_ctzll(mask);
	uint64_t   *words = malloc(n * sizeof(uint64_t));
	uint64_t   *scratch = malloc(n * sizeof(uint64_t));
	uint64_t   *given = malloc(n * sizeof(uint64_t));
	uint64_t	rows = (UINT64_C(1) << low) - 1;
	uint64_t	differing = 0;
	bool		right;
	size_t		steps = 1;
	size_t		i;
	RadixWords	sort;

	for (i = 0; i < n; i++)
	{
		given[i] = words[i] = (next_random() & mask) | (fixed & ~mask & ~rows) | (i & rows);
		differing |= (words[i] ^ words[0]) & mask;
	}
	radix_words_start(&sort, words, scratch, n, differing);
	while (!radix_words_step(&sort))
		steps++;

	/* a step moves at most 65536 words: one pass to count, eight to move */
	right = steps <= 9 * (n / 65536 + 1) + 1 && (sort.words == words || sort.words == scratch);
	for (i = 0; i < n; i++)
	{
		uint64_t	row = sort.words[i] & rows;

		if (n <= rows)
			right = right && row < n && sort.words[i] == given[row];
		if (i > 0 && n <= rows)
			right = right && sort.words[i - 1] < sort.words[i];
		else if (i > 0)
			right = right && sort.words[i - 1] >> low <= sort.words[i] >> low;
	}
	free(words);
	free(scratch);
	free(given);
	return right;
}

int
main(void)
{
	static const struct
	{
		uint64_t	mask;
		uint64_t	fixed;
		const char *name;
	}			shapes[] = {
		{UINT64_MAX, 0, "all bits"},
		{UINT64_MAX << 20, 0, "the upper 44, four wide digits"},
		{UINT64_MAX << 31, 0, "the upper 33, three wide digits"},
		{UINT64_MAX << 18, 0, "the upper 46, narrow digits"},
		{0, UINT64_MAX, "equal words"},
		{UINT64_C(1) << 20, 0, "two kinds of words"},
		{UINT64_C(0xFF) << 56, UINT64_C(7) << 60, "words that differ in the last digit"},
		{UINT64_C(0xFF) << 20, UINT64_C(1) << 63, "words that differ in the first digit"},
		{UINT64_C(0xFF00FF0000F00000), UINT64_C(1) << 40, "words that differ in digits between equal ones"},
		{UINT64_C(0x3FF) << 18, 0, "many ties"}
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
			if (!sorts(sizes[size], shapes[shape].mask, shapes[shape].fixed))
			{
				right = false;
				diag("%zu words", sizes[size]);
			}
		}
		snprintf(name, sizeof(name), "%s, 0 to 200001 of them", shapes[shape].name);
		ok(right, name);
	}

	right = true;
	for (i = 0; i < 2000; i++)
		right = right && sorts(next_random() % 80, next_random() & next_random() & (UINT64_MAX << 7), next_random() & next_random());
	ok(right, "few words, around the size where another sort takes over");
	return done_testing();
}

/*
 * radix_test.c
 *	  The radix sort: order, stability, steps, and keys that differ in few or
 *	  in all of their digits.
 */
#include "../../src/common/radix_core.h"
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

/* entries of malloc, so that one too far is seen; rows count from 0, tags are their complement */
static bool
sorts(size_t n, uint64_t mask, uint64_t fixed)
{
	RadixEntry *entries = malloc(n * sizeof(RadixEntry));
	RadixEntry *scratch = malloc(n * sizeof(RadixEntry));
	uint64_t   *keys = malloc(n * sizeof(uint64_t));
	bool	   *seen = calloc(n + 1, sizeof(bool));
	RadixSort	sort;
	bool		right = true;
	size_t		steps = 1;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		keys[i] = (next_random() & mask) | fixed;
		entries[i].key = keys[i];
		entries[i].row = (uint32_t) i;
		entries[i].tag = ~(uint32_t) i;
	}
	radix_start(&sort, entries, scratch, n);
	while (!radix_step(&sort))
		steps++;

	/* a step moves at most 65536 entries: one pass to look, one to count, eight to move */
	right = steps <= 10 * (n / 65536 + 1) + 1 && steps * 65536 >= n &&
		(sort.entries == entries || sort.entries == scratch);
	for (i = 0; i < n; i++)
	{
		const RadixEntry *entry = &sort.entries[i];

		right = right && entry->row < n && !seen[entry->row] &&
			entry->key == keys[entry->row] && entry->tag == ~entry->row;
		if (entry->row < n)
			seen[entry->row] = true;
		if (i > 0)
			right = right && (entry[-1].key < entry->key ||
							  (entry[-1].key == entry->key && entry[-1].row < entry->row));
	}
	free(entries);
	free(scratch);
	free(keys);
	free(seen);
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
		{UINT64_MAX, 0, "any keys"},
		{0, UINT64_MAX, "equal keys"},
		{1, 0, "two keys"},
		{UINT64_C(0xFF) << 56, 7, "keys that differ in the last digit"},
		{0xFF, UINT64_C(1) << 63, "keys that differ in the first digit"},
		{UINT64_C(0xFF00FF0000FF0000), 1, "keys that differ in digits between equal ones"},
		{0x3FF, 0, "many ties"},
		{((UINT64_C(1) << 44) - 1) << 20, 3, "four wide digits"}
	};
	static const size_t sizes[] = {0, 1, 2, 3, 31, 32, 33, 34, 100, 255, 256, 257, 5000, 65535, 65536, 65537, 131072, 200001};
	char		name[100];
	size_t		shape;
	size_t		size;
	size_t		i;
	bool		right;
	RadixEntry	one = {5, 0, 0};
	RadixEntry	other;
	RadixSort	sort;

	for (shape = 0; shape < sizeof(shapes) / sizeof(shapes[0]); shape++)
	{
		right = true;
		for (size = 0; size < sizeof(sizes) / sizeof(sizes[0]); size++)
		{
			if (!sorts(sizes[size], shapes[shape].mask, shapes[shape].fixed))
			{
				right = false;
				diag("%zu entries", sizes[size]);
			}
		}
		snprintf(name, sizeof(name), "%s, 0 to 200001 of them", shapes[shape].name);
		ok(right, name);
	}

	right = true;
	for (i = 0; i < 2000; i++)
		right = right && sorts(next_random() % 80, next_random() & next_random(), next_random() & next_random());
	ok(right, "few entries, around the size where another sort takes over");

	radix_start(&sort, &one, &other, 1);
	ok(radix_step(&sort), "one step for one entry");
	ok(sort.entries == &one && one.key == 5, "which stays where it is");
	return done_testing();
}

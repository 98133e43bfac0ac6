/*
 * radix_template.h
 *	  What a radix sort does to its entries, for one type of them.
 *
 * radix_core.c includes this once for each type, as PostgreSQL does with
 * lib/sort_template.h, after it defined these macros, which are undefined at the
 * end:
 *
 *		RADIX_PREFIX	of the functions; PREFIX_step() is the one to call
 *		RADIX_SORT		the state: entries, scratch, progress
 *		RADIX_ENTRY		the type of an entry
 *		RADIX_KEY(entry)	its key, of 64 bits
 */
#define RADIX_CONCAT_(a, b) a##_##b
#define RADIX_CONCAT(a, b) RADIX_CONCAT_(a, b)
#define RADIX_NAME(name) RADIX_CONCAT(RADIX_PREFIX, name)

/* By the bits from the lowest that differs on, or by all. */
static void
RADIX_NAME(sort_few) (RADIX_ENTRY *entries, size_t n, int lowest)
{
	size_t		i;

	for (i = 1; i < n; i++)
	{
		RADIX_ENTRY moving = entries[i];
		size_t		j = i;

		for (; j > 0 && RADIX_KEY(entries[j - 1]) >> lowest > RADIX_KEY(moving) >> lowest; j--)
			entries[j] = entries[j - 1];
		entries[j] = moving;
	}
}

static inline void
RADIX_NAME(count_digits) (const RADIX_ENTRY *entries, size_t n, int lowest, int digits, int bits,
						  uint32_t *counts)
{
	uint64_t	mask = (UINT64_C(1) << bits) - 1;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		uint64_t	key = RADIX_KEY(entries[i]) >> lowest;
		int			digit;

		for (digit = 0; digit < digits; digit++)
		{
			counts[((uint64_t) digit << bits) + (key & mask)]++;
			key >>= bits;
		}
	}
}

static bool
RADIX_NAME(step_count) (RADIX_SORT *sort)
{
	RadixProgress *progress = &sort->progress;
	const RADIX_ENTRY *entries = sort->entries + progress->next;
	size_t		n = step_end(progress) - progress->next;

	/* the bits of a digit are known to the compiler, and the most common number of wide ones */
	if (progress->bits == NARROW_BITS)
		RADIX_NAME(count_digits) (entries, n, progress->lowest, progress->digits, NARROW_BITS, progress->counts);
	else if (progress->digits == 4)
		RADIX_NAME(count_digits) (entries, n, progress->lowest, 4, WIDE_BITS, progress->counts);
	else
		RADIX_NAME(count_digits) (entries, n, progress->lowest, progress->digits, WIDE_BITS, progress->counts);
	progress->next += n;
	return progress->next == progress->n && !next_digit(progress);
}

static bool
RADIX_NAME(step_move) (RADIX_SORT *sort)
{
	RadixProgress *progress = &sort->progress;
	uint32_t   *places = counts_of(progress, progress->pass);
	int			shift = progress->lowest + progress->pass * progress->bits;
	uint64_t	mask = (UINT64_C(1) << progress->bits) - 1;
	const RADIX_ENTRY *entries = sort->entries;
	RADIX_ENTRY *target = sort->scratch;
	size_t		stop = step_end(progress);
	size_t		i;

	for (i = progress->next; i < stop; i++)
	{
		RADIX_ENTRY entry = entries[i];

		target[places[(RADIX_KEY(entry) >> shift) & mask]++] = entry;
	}
	progress->next = stop;
	if (progress->next < progress->n)
		return false;

	sort->scratch = sort->entries;
	sort->entries = target;
	return !next_digit(progress);
}

/* Behind the look for the bits that differ; true when done. */
static bool
RADIX_NAME(step) (RADIX_SORT *sort)
{
	RadixProgress *progress = &sort->progress;

	if (progress->pass == SORTED)
		return true;
	if (progress->n <= FEW_ENTRIES)
	{
		RADIX_NAME(sort_few) (sort->entries, progress->n, progress->lowest);
		return true;
	}
	return progress->pass == COUNTING ? RADIX_NAME(step_count) (sort) : RADIX_NAME(step_move) (sort);
}

#undef RADIX_PREFIX
#undef RADIX_SORT
#undef RADIX_ENTRY
#undef RADIX_KEY
#undef RADIX_CONCAT_
#undef RADIX_CONCAT
#undef RADIX_NAME

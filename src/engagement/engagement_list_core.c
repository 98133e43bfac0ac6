/*
 * engagement_list_core.c
 *	  Multisets of observations as flat states.
 *
 * Sizes are powers of two less a varlena header, which is what PostgreSQL's
 * allocator rounds up to anyway; so a state doubles when it is full, a row costs
 * an append, and a creator with a handful of posts costs 64 bytes.
 */
#include "engagement_list_core.h"

#define LIST_VERSION 1

/* PostgreSQL's largest value, less the varlena header */
#define MAX_SIZE ((size_t) 0x3fffffff - 4)
#define FIRST_SIZE ((size_t) 60)

#define STEP_ROWS 65536

/* how far back a row may find one that it can be added to */
#define RECENT_ROWS 16

typedef struct ListHeader
{
	FlatHeader	header;
	uint32_t	count;
	uint16_t	words;			/* of a row as it is kept */
	uint16_t	sorted;
} ListHeader;

const ListKind LIST_RATES = {
	0x50494572, 2, true, false, /* PIEr */
	{0, 1}, {LIST_MAX_DOUBLE, INT64_MAX}
};

const ListKind LIST_CREATORS = {
	0x50494563, 5, false, false,	/* PIEc */
	{0, 1, 0, 1, INT64_MIN},
	{LIST_MAX_DOUBLE, INT64_MAX, LIST_MAX_DOUBLE, INT64_MAX, LIST_MAX_DOUBLE}
};

const ListKind LIST_AMOUNTS = {
	0x50494561, 2, false, false,	/* PIEa */
	{INT64_MIN, 1}, {INT64_MAX, INT64_MAX}
};

const ListKind LIST_TIMES = {
	0x50494574, 1, false, false,	/* PIEt */
	{INT64_MIN}, {INT64_MAX}
};

const ListKind LIST_TOPICS = {
	0x5049456f, 2, false, true, /* PIEo */
	{INT64_MIN, 1}, {INT64_MAX, INT64_MAX}
};

static inline ListHeader
load_header(const uint8_t *state)
{
	ListHeader	h;

	memcpy(&h, state, sizeof(h));
	return h;
}

static inline uint8_t *
row_at(const uint8_t *state, size_t words, size_t i)
{
	return (uint8_t *) state + sizeof(ListHeader) + i * words * sizeof(int64_t);
}

static inline size_t
room_of(size_t size, size_t words)
{
	return (size - sizeof(ListHeader)) / (words * sizeof(int64_t));
}

bool
list_has_frame(const ListKind *kind, const uint8_t *state, size_t size)
{
	ListHeader	h;

	if (size < sizeof(h) ||
		!flat_header_matches(state, size, kind->magic, LIST_VERSION))
		return false;
	h = load_header(state);
	return (h.words == kind->words ||
			(kind->short_rows && h.words == kind->words - 1)) &&
		h.count <= room_of(size, h.words) && h.sorted <= 1;
}

size_t
list_count(const uint8_t *state)
{
	return load_header(state).count;
}

size_t
list_size_for(size_t words, size_t rows, bool exact)
{
	size_t		size = FIRST_SIZE;
	size_t		needed;

	if (rows > MAX_SIZE / (words * sizeof(int64_t)))
		return 0;
	needed = sizeof(ListHeader) + rows * words * sizeof(int64_t);
	if (needed > MAX_SIZE)
		return 0;
	if (exact)
		return needed;
	while (size < needed)
		size = 2 * (size + 4) - 4;
	return size < MAX_SIZE ? size : MAX_SIZE;
}

static inline size_t
words_for(const ListKind *kind, const int64_t *row)
{
	return kind->short_rows && row[kind->words - 1] == 1 ? kind->words - 1u : kind->words;
}

size_t
list_next_size(const ListKind *kind, const uint8_t *a, const uint8_t *b,
			   const int64_t *row)
{
	size_t		words = kind->short_rows ? kind->words - 1u : kind->words;
	size_t		rows = 0;

	if (a != NULL)
	{
		rows += load_header(a).count;
		words = words < load_header(a).words ? load_header(a).words : words;
	}
	if (b != NULL)
	{
		rows += load_header(b).count;
		words = words < load_header(b).words ? load_header(b).words : words;
	}
	if (row != NULL)
	{
		rows++;
		words = words < words_for(kind, row) ? words_for(kind, row) : words;
	}
	return list_size_for(words, rows, false);
}

void
list_init(const ListKind *kind, uint8_t *state, size_t size)
{
	ListHeader	h = {
		.header = flat_header(kind->magic, LIST_VERSION, size),
		.words = kind->short_rows ? kind->words - 1u : kind->words
	};

	memcpy(state, &h, sizeof(h));
}

/* Give short rows their last word, from the end, in place. */
static void
widen(const ListKind *kind, uint8_t *state, ListHeader *h)
{
	const int64_t one = 1;
	size_t		i;

	for (i = h->count; i-- > 0;)
	{
		memmove(row_at(state, kind->words, i), row_at(state, h->words, i),
				h->words * sizeof(int64_t));
		memcpy(row_at(state, kind->words, i) + h->words * sizeof(int64_t), &one, sizeof(one));
	}
	h->words = kind->words;
}

/* Room for so many rows more of that width? Then the state has that width. */
static ListStatus
make_ready(const ListKind *kind, uint8_t *state, ListHeader *h, size_t words, size_t more)
{
	size_t		room = room_of((size_t) h->header.length, words > h->words ? words : h->words);

	if (h->count > room || more > room - h->count)
		return list_size_for(words > h->words ? words : h->words, h->count + more, true) == 0 ?
			LIST_FULL : LIST_NO_ROOM;
	if (words > h->words)
		widen(kind, state, h);
	h->sorted = 0;
	return LIST_OK;
}

/* Add a row of two words to a recent one, if there is one and the sum is none too large. */
static bool
add_to_recent(uint8_t *state, const ListHeader *h, const int64_t *row)
{
	size_t		stop = h->count > RECENT_ROWS ? h->count - RECENT_ROWS : 0;
	int64_t		recent[2];
	size_t		i;

	for (i = h->count; i-- > stop;)
	{
		memcpy(recent, row_at(state, 2, i), sizeof(recent));
		if (recent[0] == row[0] && !__builtin_add_overflow(recent[1], row[1], &recent[1]))
		{
			memcpy(row_at(state, 2, i), recent, sizeof(recent));
			return true;
		}
	}
	return false;
}

ListStatus
list_add(const ListKind *kind, uint8_t *state, const int64_t *row)
{
	ListHeader	h = load_header(state);
	ListStatus	status;

	if (kind->adds_up && add_to_recent(state, &h, row))
		return LIST_OK;
	status = make_ready(kind, state, &h, words_for(kind, row), 1);
	if (status != LIST_OK)
		return status;
	memcpy(row_at(state, h.words, h.count), row, h.words * sizeof(int64_t));
	h.count++;
	memcpy(state, &h, sizeof(h));
	return LIST_OK;
}

ListStatus
list_append(const ListKind *kind, uint8_t *state, const uint8_t *from)
{
	ListHeader	h = load_header(state);
	ListHeader	other = load_header(from);
	ListStatus	status = make_ready(kind, state, &h, other.words, other.count);
	const int64_t one = 1;
	size_t		i;

	if (status != LIST_OK)
		return status;
	if (h.words == other.words)
		memcpy(row_at(state, h.words, h.count), row_at(from, h.words, 0),
			   other.count * h.words * sizeof(int64_t));
	else
	{
		for (i = 0; i < other.count; i++)
		{
			uint8_t    *into = row_at(state, h.words, h.count + i);

			memcpy(into, row_at(from, other.words, i), other.words * sizeof(int64_t));
			memcpy(into + other.words * sizeof(int64_t), &one, sizeof(one));
		}
	}
	h.count += other.count;
	memcpy(state, &h, sizeof(h));
	return LIST_OK;
}

static inline bool
is_after(const int64_t *a, const int64_t *b, size_t words)
{
	size_t		word;

	for (word = 0; word + 1 < words && a[word] == b[word]; word++)
		;
	return a[word] > b[word];
}

bool
list_load(const ListKind *kind, const uint8_t *state, int64_t *rows)
{
	ListHeader	h = load_header(state);
	bool		valid = true;
	size_t		i;
	size_t		word;

	for (i = 0; i < h.count; i++)
	{
		int64_t    *row = rows + i * kind->words;

		row[kind->words - 1] = 1;
		memcpy(row, row_at(state, h.words, i), h.words * sizeof(int64_t));
		for (word = 0; word < kind->words; word++)
			valid &= row[word] >= kind->lowest[word] && row[word] <= kind->highest[word];
		if (h.sorted && i > 0)
			valid &= !is_after(row - kind->words, row, kind->words);
	}
	return valid;
}

bool
list_is_sorted(const uint8_t *state)
{
	return load_header(state).sorted != 0;
}

void
list_sort_few(int64_t *rows, size_t n, size_t words)
{
	int64_t		moving[LIST_MAX_WORDS];
	size_t		bytes = words * sizeof(int64_t);
	size_t		i;

	for (i = 1; i < n; i++)
	{
		size_t		j = i;

		memcpy(moving, rows + i * words, bytes);
		for (; j > 0 && is_after(rows + (j - 1) * words, moving, words); j--)
			memcpy(rows + j * words, rows + (j - 1) * words, bytes);
		memcpy(rows + j * words, moving, bytes);
	}
}

void
list_sort_start(ListSort *sort, const int64_t *rows, size_t n, size_t words,
				RadixEntry *entries, RadixEntry *scratch, int64_t *target)
{
	size_t		i;

	sort->rows = rows;
	sort->target = target;
	sort->n = n;
	sort->words = words;
	sort->word = words;
	sort->next = 0;
	sort->phase = LIST_KEYING;
	sort->radix.entries = entries;
	sort->radix.scratch = scratch;
	for (i = 0; i < n; i++)
		entries[i].row = (uint32_t) i;
}

/* The last word first: the radix sort keeps the order of what is equal. */
bool
list_sort_step(ListSort *sort)
{
	size_t		stop = sort->n - sort->next > STEP_ROWS ? sort->next + STEP_ROWS : sort->n;
	RadixEntry *entries = sort->radix.entries;

	switch (sort->phase)
	{
		case LIST_KEYING:
			for (; sort->next < stop; sort->next++)
				entries[sort->next].key =
					(uint64_t) sort->rows[entries[sort->next].row * sort->words + sort->word - 1] ^
					(UINT64_C(1) << 63);
			if (sort->next < sort->n)
				return false;
			radix_start(&sort->radix, entries, sort->radix.scratch, sort->n);
			sort->phase = LIST_SORTING;
			return false;
		case LIST_SORTING:
			if (!radix_step(&sort->radix))
				return false;
			sort->word--;
			sort->next = 0;
			sort->phase = sort->word > 0 ? LIST_KEYING : LIST_MOVING;
			return false;
		case LIST_MOVING:
			for (; sort->next < stop; sort->next++)
				memcpy(sort->target + sort->next * sort->words,
					   sort->rows + entries[sort->next].row * sort->words,
					   sort->words * sizeof(int64_t));
			break;
	}
	return sort->next == sort->n;
}

/* Words of the rows in a canonical state: the shortest that hold them. */
static size_t
stored_words(const ListKind *kind, const int64_t *rows, size_t n)
{
	size_t		i;

	if (!kind->short_rows)
		return kind->words;
	for (i = 0; i < n; i++)
	{
		if (rows[(i + 1) * kind->words - 1] != 1)
			return kind->words;
	}
	return kind->words - 1u;
}

size_t
list_stored_size(const ListKind *kind, const int64_t *rows, size_t n)
{
	return list_size_for(stored_words(kind, rows, n), n, true);
}

void
list_store(const ListKind *kind, uint8_t *state, size_t size,
		   const int64_t *rows, size_t n)
{
	ListHeader	h;
	size_t		i;

	list_init(kind, state, size);
	h = load_header(state);
	h.words = (uint16_t) stored_words(kind, rows, n);
	h.count = (uint32_t) n;
	h.sorted = 1;
	memcpy(state, &h, sizeof(h));
	for (i = 0; i < n; i++)
		memcpy(row_at(state, h.words, i), rows + i * kind->words, h.words * sizeof(int64_t));
}

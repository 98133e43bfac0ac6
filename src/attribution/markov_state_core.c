/*
 * markov_state_core.c
 *	  What markov_agg() keeps: weighted counts of the transitions of paths.
 *
 * The table is open-addressed with linear probing and at most three quarters
 * full, so a creator of a path costs one probe and a doubling is paid for by
 * the rows before it.  All sums are of integers that are not negative: they do
 * not depend on the order of adding, and neither does whether one overflows.
 *
 * Bytes are not trusted.  markov_state_is_table() bounds every access; a slot's
 * content only ever takes part in comparisons and checked additions until
 * markov_state_entry() has looked at all of it.
 */
#include "markov_state_core.h"

#include <string.h>

#define MARKOV_MAGIC 0x50494d43 /* PIMC: pg_influence Markov chain */
#define MARKOV_VERSION 1

#define FIRST_CAPACITY 12
#define SLOTS_PER_STEP 8192		/* below a millisecond */

/* a slot: length, four amounts, the creators; all of 8 bytes */
#define SLOT_AMOUNTS 4
#define SLOT_IDS (1 + SLOT_AMOUNTS)

typedef struct MarkovHeader
{
	FlatHeader	header;
	uint32_t	order;
	uint32_t	packed;			/* 0 a hash table, 1 sorted and full */
	uint64_t	capacity;
	uint64_t	used;
} MarkovHeader;

static inline MarkovHeader
load_header(const uint8_t *state)
{
	MarkovHeader h;

	memcpy(&h, state, sizeof(h));
	return h;
}

static inline void
store_header(uint8_t *state, const MarkovHeader *h)
{
	memcpy(state, h, sizeof(*h));
}

static inline size_t
slot_size(uint32_t order)
{
	return (SLOT_IDS + order + 1) * sizeof(int64_t);
}

static inline size_t
size_for(uint32_t order, size_t capacity)
{
	return sizeof(MarkovHeader) + capacity * slot_size(order);
}

static inline uint8_t *
slot_at(const uint8_t *state, uint32_t order, size_t slot)
{
	return (uint8_t *) state + sizeof(MarkovHeader) + slot * slot_size(order);
}

static inline int64_t
load_word(const uint8_t *slot, size_t word)
{
	int64_t		value;

	memcpy(&value, slot + word * sizeof(value), sizeof(value));
	return value;
}

static inline void
store_word(uint8_t *slot, size_t word, int64_t value)
{
	memcpy(slot + word * sizeof(value), &value, sizeof(value));
}

size_t
markov_state_first_size(uint32_t order)
{
	return size_for(order, FIRST_CAPACITY);
}

/* Twice the room, or what the limit leaves if that is worth the copy. */
size_t
markov_state_next_size(const uint8_t *state, size_t limit)
{
	MarkovHeader h = load_header(state);
	size_t		most = (limit - sizeof(h)) / slot_size(h.order);
	size_t		capacity = h.capacity > SIZE_MAX / 2 ? SIZE_MAX : h.capacity * 2;

	if (capacity > most)
		capacity = most;
	return capacity > h.capacity + h.capacity / 16 ? size_for(h.order, capacity) : 0;
}

static void
init_as(uint8_t *state, size_t size, uint32_t order, uint32_t packed, uint64_t used)
{
	MarkovHeader h;

	memset(&h, 0, sizeof(h));
	h.header = flat_header(MARKOV_MAGIC, MARKOV_VERSION, size);
	h.order = order;
	h.packed = packed;
	h.capacity = (size - sizeof(h)) / slot_size(order);
	h.used = used;
	store_header(state, &h);
}

void
markov_state_init(uint8_t *state, size_t size, uint32_t order)
{
	memset(state, 0, size);
	init_as(state, size, order, 0, 0);
}

static bool
has_frame(const uint8_t *state, size_t size, uint32_t packed)
{
	MarkovHeader h;

	if (size < sizeof(h) ||
		!flat_header_matches(state, size, MARKOV_MAGIC, MARKOV_VERSION))
		return false;
	h = load_header(state);
	return h.order >= 1 && h.order <= MARKOV_MAX_ORDER && h.packed == packed &&
		h.capacity == (size - sizeof(h)) / slot_size(h.order) &&
		size == size_for(h.order, h.capacity) &&
		(packed ? h.used == h.capacity : h.used <= h.capacity && h.capacity >= FIRST_CAPACITY);
}

bool
markov_state_is_table(const uint8_t *state, size_t size)
{
	return has_frame(state, size, 0);
}

bool
markov_state_is_packed(const uint8_t *state, size_t size)
{
	return has_frame(state, size, 1);
}

uint32_t
markov_state_order(const uint8_t *state)
{
	return load_header(state).order;
}

size_t
markov_state_used(const uint8_t *state)
{
	return load_header(state).used;
}

bool
markov_state_entry(const uint8_t *state, size_t slot, MarkovEntry *entry)
{
	uint32_t	order = load_header(state).order;
	const uint8_t *at = slot_at(state, order, slot);
	int64_t		length = load_word(at, 0);
	uint32_t	i;

	memset(entry, 0, sizeof(*entry));
	if (length < 0 || length > order + 1)
		return false;
	entry->length = (uint32_t) length;
	entry->weight = load_word(at, 1);
	entry->conversions = load_word(at, 2);
	entry->nulls = load_word(at, 3);
	entry->value = load_word(at, 4);
	for (i = 0; i <= order; i++)
	{
		entry->ids[i] = load_word(at, SLOT_IDS + i);
		if (i >= length ? entry->ids[i] != 0
			: i > 0 && entry->ids[i] == entry->ids[i - 1])
			return false;
	}
	if (length == 0)
		return entry->weight == 0 && entry->conversions == 0 &&
			entry->nulls == 0 && entry->value == 0;
	if (length > order)
		return entry->weight > 0 && entry->conversions == 0 &&
			entry->nulls == 0 && entry->value == 0;
	return entry->weight == 0 && entry->conversions >= 0 && entry->nulls >= 0 &&
		(entry->conversions > 0 ? entry->value >= 0 : entry->value == 0 && entry->nulls > 0);
}

int
markov_entry_compare(const MarkovEntry *a, const MarkovEntry *b)
{
	uint32_t	i;

	for (i = 0; i < a->length && i < b->length; i++)
	{
		if (a->ids[i] != b->ids[i])
			return a->ids[i] < b->ids[i] ? -1 : 1;
	}
	return a->length < b->length ? -1 : a->length > b->length;
}

/* Finalizer of splitmix64 after every word. */
static size_t
hash_slot(const int64_t *ids, uint32_t length, size_t capacity)
{
	uint64_t	h = length;
	uint32_t	i;

	for (i = 0; i < length; i++)
	{
		h = (h ^ (uint64_t) ids[i]) + UINT64_C(0x9E3779B97F4A7C15);
		h = (h ^ (h >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
		h = (h ^ (h >> 27)) * UINT64_C(0x94D049BB133111EB);
		h ^= h >> 31;
	}
	return (size_t) (((unsigned __int128) h * capacity) >> 64);
}

/* Add the amounts of an entry where it belongs. */
static MarkovStatus
upsert(uint8_t *state, const MarkovEntry *entry)
{
	MarkovHeader h = load_header(state);
	size_t		slot = hash_slot(entry->ids, entry->length, h.capacity);
	int64_t		amounts[SLOT_AMOUNTS] = {entry->weight, entry->conversions, entry->nulls, entry->value};
	uint64_t	probes;
	uint32_t	i;

	for (probes = 0; probes < h.capacity; probes++)
	{
		uint8_t    *at = slot_at(state, h.order, slot);
		int64_t		length = load_word(at, 0);

		if (length == 0)
		{
			if (h.used >= h.capacity / 4 * 3)
				return MARKOV_NO_ROOM;
			store_word(at, 0, entry->length);
			for (i = 0; i < SLOT_AMOUNTS; i++)
				store_word(at, 1 + i, amounts[i]);
			memcpy(at + SLOT_IDS * sizeof(int64_t), entry->ids, (h.order + 1) * sizeof(int64_t));
			h.used++;
			store_header(state, &h);
			return MARKOV_OK;
		}
		if (length == entry->length &&
			memcmp(at + SLOT_IDS * sizeof(int64_t), entry->ids, entry->length * sizeof(int64_t)) == 0)
		{
			for (i = 0; i < SLOT_AMOUNTS; i++)
			{
				if (__builtin_add_overflow(amounts[i], load_word(at, 1 + i), &amounts[i]))
					return MARKOV_OVERFLOW;
			}
			for (i = 0; i < SLOT_AMOUNTS; i++)
				store_word(at, 1 + i, amounts[i]);
			return MARKOV_OK;
		}
		if (++slot == h.capacity)
			slot = 0;
	}
	return MARKOV_CORRUPT;		/* full: a table that was written has a gap */
}

void
markov_path_start(MarkovPath *path, const int64_t *ids, size_t count,
				  int64_t conversions, int64_t value, int64_t nulls)
{
	memset(path, 0, sizeof(*path));
	path->ids = ids;
	path->count = count;
	path->conversions = conversions;
	path->value = value;
	path->nulls = nulls;
}

static MarkovStatus
add_step(const MarkovPath *path, uint8_t *state, uint32_t order, int64_t id)
{
	MarkovEntry step;

	memset(&step, 0, sizeof(step));
	step.length = order + 1;
	memcpy(step.ids, path->window, order * sizeof(int64_t));
	step.ids[order] = id;
	if (__builtin_add_overflow(path->conversions, path->nulls, &step.weight))
		return MARKOV_OVERFLOW;
	return upsert(state, &step);
}

static MarkovStatus
add_end(const MarkovPath *path, uint8_t *state)
{
	MarkovEntry end;

	memset(&end, 0, sizeof(end));
	end.length = path->filled;
	end.conversions = path->conversions;
	end.nulls = path->nulls;
	end.value = path->value;
	memcpy(end.ids, path->window, path->filled * sizeof(int64_t));
	return upsert(state, &end);
}

/* Some creators of the path at a time; nothing is added twice after NO_ROOM. */
MarkovStatus
markov_path_step(MarkovPath *path, uint8_t *state)
{
	uint32_t	order = load_header(state).order;
	size_t		end = path->count - path->next > SLOTS_PER_STEP ?
		path->next + SLOTS_PER_STEP : path->count;

	for (; path->next < end; path->next++)
	{
		int64_t		id = path->ids[path->next];

		if (path->filled > 0 && id == path->window[path->filled - 1])
			continue;
		if (path->filled == order)
		{
			MarkovStatus status = add_step(path, state, order, id);

			if (status != MARKOV_OK)
				return status;
			memmove(path->window, path->window + 1, (order - 1) * sizeof(int64_t));
			path->filled--;
		}
		path->window[path->filled++] = id;
	}
	if (path->next < path->count)
		return MARKOV_WORKING;
	return path->filled == 0 ? MARKOV_OK : add_end(path, state);
}

MarkovStatus
markov_merge_step(uint8_t *into, const uint8_t *from, size_t *cursor)
{
	size_t		capacity = load_header(from).capacity;
	size_t		end = capacity - *cursor > SLOTS_PER_STEP ? *cursor + SLOTS_PER_STEP : capacity;

	for (; *cursor < end; (*cursor)++)
	{
		MarkovEntry entry;
		MarkovStatus status;

		if (!markov_state_entry(from, *cursor, &entry))
			return MARKOV_CORRUPT;
		if (entry.length == 0)
			continue;
		status = upsert(into, &entry);
		if (status != MARKOV_OK)
			return status;
	}
	return *cursor < capacity ? MARKOV_WORKING : MARKOV_OK;
}

size_t
markov_state_packed_size(const uint8_t *state)
{
	MarkovHeader h = load_header(state);

	return size_for(h.order, h.used);
}

/* the slots of a state */
typedef struct SlotTable
{
	const uint8_t *state;
	uint32_t	order;
} SlotTable;

static int
compare_slots(const SlotTable *table, uint32_t a, uint32_t b)
{
	const uint8_t *x = slot_at(table->state, table->order, a);
	const uint8_t *y = slot_at(table->state, table->order, b);
	int64_t		length_x = load_word(x, 0);
	int64_t		length_y = load_word(y, 0);
	int64_t		i;

	for (i = 0; i < length_x && i < length_y; i++)
	{
		int64_t		id_x = load_word(x, SLOT_IDS + i);
		int64_t		id_y = load_word(y, SLOT_IDS + i);

		if (id_x != id_y)
			return id_x < id_y ? -1 : 1;
	}
	return length_x < length_y ? -1 : length_x > length_y;
}

/* numbers of slots of a table, which is arg */
#define MARKOV_SORT sort_slots
#define MARKOV_ITEM uint32_t
#define MARKOV_IN_ORDER(a, b) (compare_slots(arg, a, b) <= 0)
#define MARKOV_BREATH SLOTS_PER_STEP
#include "markov_sort_template.h"

MarkovStatus
markov_state_pack(uint8_t *into, size_t size, const uint8_t *state, const MarkovHost *host)
{
	MarkovHeader h = load_header(state);
	SlotTable	table = {state, h.order};
	uint32_t   *slots = host->allocate(host->arg, 2 * (h.used + 1) * sizeof(uint32_t));
	uint32_t   *sorted;
	size_t		used = 0;
	size_t		i;

	if (slots == NULL)
		return MARKOV_NO_MEMORY;
	for (i = 0; i < h.capacity; i++)
	{
		MarkovEntry entry;

		if (i % SLOTS_PER_STEP == 0)
			host->breathe(host->arg);
		if (!markov_state_entry(state, i, &entry) || (entry.length > 0 && used == h.used))
		{
			host->release(host->arg, slots);
			return MARKOV_CORRUPT;
		}
		if (entry.length > 0)
			slots[used++] = (uint32_t) i;
	}
	if (used < h.used)
	{
		host->release(host->arg, slots);
		return MARKOV_CORRUPT;
	}

	sorted = sort_slots(slots, slots + used, used, &table, host);
	init_as(into, size, h.order, 1, used);
	for (i = 0; i < used; i++)
	{
		if (i % SLOTS_PER_STEP == 0)
			host->breathe(host->arg);
		memcpy(slot_at(into, h.order, i), slot_at(state, h.order, sorted[i]), slot_size(h.order));
	}
	host->release(host->arg, slots);
	return MARKOV_OK;
}

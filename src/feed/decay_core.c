/*
 * decay_core.c
 *	  Exact sum of exponentially decayed weights, as a sparse big integer.
 *
 * Forward decay (Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009): instead of
 * letting old events shrink with the clock, new ones weigh more,
 *
 *		S = sum of w * 2^((t - L) / h),		score = log2(S)
 *
 * so a stored score keeps its place between events and needs no refresh.
 *
 * A float sum would depend on the order of rows.  Here a row becomes an integer
 * (weight in 2^-20, times the fraction's power in 2^-48), shifted by the whole
 * number of half-lives and cut into limbs of 24 bits.  Limbs are only ever
 * added, never carried, so every entry is a plain sum over rows and the state
 * does not depend on the order of rows or merges, nor does cancellation (a like
 * and its un-like) leave anything behind.  Only limbs that some row touched are
 * stored; those below the window of the newest row are dropped, which bounds
 * the size and depends on the set of rows only: a limb inside the final window
 * was inside every earlier one.  Carries happen once, in decay_log2_core.c.
 *
 * Error: each row's power is rounded once to 2^-48, relative error < 2^-48.
 */
#include "decay_core.h"

#include <string.h>

#include "../common/fixed_exp2_core.h"
#include "decay_state.h"

#define DECAY_MAGIC 0x50494453	/* PIDS: pg_influence decayed score */
#define DECAY_VERSION 1

/* weight 2^51, power 2^49, shift 23: 124 bits, so 6 limbs */
#define LIMBS_PER_ROW 6
#define WINDOW_LIMBS (DECAY_WINDOW_HALF_LIVES / LIMB_BITS)
#define MAX_ENTRIES (WINDOW_LIMBS + LIMBS_PER_ROW)
#define FIRST_ENTRIES 12

/* 2^38 rows of 2^24 - 1 each keep a limb's sum within 2^62 */
#define MAX_ROWS (INT64_C(1) << 38)

static inline void
store_header(uint8_t *state, const DecayHeader *h)
{
	memcpy(state, h, sizeof(*h));
}

static inline void
store_entry(uint8_t *state, uint32_t i, DecayEntry e)
{
	memcpy(entry_at(state, i), &e, sizeof(e));
}

/* Wraps instead of being undefined: only a forged state can reach the limits. */
static inline int64_t
add_wrapping(int64_t a, int64_t b)
{
	return (int64_t) ((uint64_t) a + (uint64_t) b);
}

static size_t
size_for(uint32_t entries)
{
	return sizeof(DecayHeader) + (size_t) entries * sizeof(DecayEntry);
}

/* The lowest limb that is kept when the newest row starts at top. */
static inline int64_t
window_start(int64_t top)
{
	return top < INT64_MIN + WINDOW_LIMBS ? INT64_MIN : top - WINDOW_LIMBS;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	int64_t		quotient = a / b;

	return a % b < 0 ? quotient - 1 : quotient;
}

size_t
decay_state_first_size(void)
{
	return size_for(FIRST_ENTRIES);
}

size_t
decay_state_next_size(const uint8_t *state)
{
	uint32_t	capacity = load_header(state).capacity;

	/* a trimmed state may be smaller than a new one; either way a row's limbs fit then */
	if (capacity < FIRST_ENTRIES / 2)
		return size_for(FIRST_ENTRIES);
	return size_for(capacity < MAX_ENTRIES / 2 ? capacity * 2 : MAX_ENTRIES);
}

void
decay_state_init(uint8_t *state, size_t size, int64_t half_life_us)
{
	DecayHeader h;

	memset(state, 0, size);
	memset(&h, 0, sizeof(h));
	h.header = flat_header(DECAY_MAGIC, DECAY_VERSION, size);
	h.half_life_us = half_life_us;
	h.capacity = (uint32_t) ((size - sizeof(h)) / sizeof(DecayEntry));
	store_header(state, &h);
}

void
decay_state_copy(uint8_t *into, size_t size, const uint8_t *from)
{
	DecayHeader old = load_header(from);
	DecayHeader h;

	decay_state_init(into, size, old.half_life_us);
	h = load_header(into);
	h.rows = old.rows;
	h.top = old.top;
	h.count = old.count;
	store_header(into, &h);
	memcpy(entry_at(into, 0), entry_at(from, 0), old.count * sizeof(DecayEntry));
}

bool
decay_state_has_frame(const uint8_t *state, size_t size)
{
	DecayHeader h;

	if (size < sizeof(h) ||
		!flat_header_matches(state, size, DECAY_MAGIC, DECAY_VERSION))
		return false;
	h = load_header(state);
	return h.capacity >= 1 && h.capacity <= MAX_ENTRIES &&
		size == size_for(h.capacity) && h.count <= h.capacity &&
		h.half_life_us > 0 && h.rows >= 0 && h.rows <= MAX_ROWS;
}

bool
decay_entries_are_valid(const uint8_t *state)
{
	DecayHeader h = load_header(state);
	int64_t		bound = h.rows * (int64_t) LIMB_MASK;
	uint32_t	i;

	for (i = 0; i < h.count; i++)
	{
		DecayEntry	e = load_entry(state, i);

		if (e.sum < -bound || e.sum > bound ||
			e.limb < window_start(h.top) ||
			(e.limb > h.top &&
			 (uint64_t) e.limb - (uint64_t) h.top >= LIMBS_PER_ROW))
			return false;
		if (i > 0 && load_entry(state, i - 1).limb >= e.limb)
			return false;
	}
	return true;
}

int64_t
decay_state_half_life(const uint8_t *state)
{
	return load_header(state).half_life_us;
}

/* First entry whose limb is not below the one given. */
static uint32_t
find_entry(const uint8_t *state, uint32_t count, int64_t limb)
{
	uint32_t	low = 0;
	uint32_t	high = count;

	/* rows mostly come in order of time: look at the end first */
	if (count > LIMBS_PER_ROW &&
		load_entry(state, count - LIMBS_PER_ROW).limb < limb)
		low = count - LIMBS_PER_ROW;

	while (low < high)
	{
		uint32_t	middle = low + (high - low) / 2;

		if (load_entry(state, middle).limb < limb)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Drop the entries below the window. */
static void
prune(uint8_t *state, DecayHeader *h)
{
	uint32_t	gone;

	if (h->count == 0 || load_entry(state, 0).limb >= window_start(h->top))
		return;
	gone = find_entry(state, h->count, window_start(h->top));
	h->count -= gone;
	memmove(entry_at(state, 0), entry_at(state, gone),
			h->count * sizeof(DecayEntry));
}

/* Add one row's number, shifted to start at limb `lowest`, limb by limb. */
static DecayStatus
add_limbs(uint8_t *state, DecayHeader *h, int64_t lowest, uint128_decay number,
		  bool negative)
{
	int64_t		limb = lowest;
	uint32_t	i;

	if (limb < window_start(h->top))
	{
		/* as an unsigned difference it can't overflow */
		uint64_t	below = (uint64_t) window_start(h->top) - (uint64_t) limb;

		if (below >= LIMBS_PER_ROW)
			return DECAY_OK;
		number >>= below * LIMB_BITS;
		limb += (int64_t) below;
	}

	i = find_entry(state, h->count, limb);
	for (; number != 0; limb++, number >>= LIMB_BITS)
	{
		DecayEntry	e;
		int64_t		digit = (int64_t) ((uint64_t) number & LIMB_MASK);

		if (digit == 0)
			continue;
		if (negative)
			digit = -digit;

		while (i < h->count && (e = load_entry(state, i)).limb < limb)
			i++;
		if (i < h->count && e.limb == limb)
			e.sum = add_wrapping(e.sum, digit);
		else
		{
			/* the caller saw to the room; this is for forged states */
			if (h->count >= h->capacity)
				return DECAY_CORRUPT;
			memmove(entry_at(state, i + 1), entry_at(state, i),
					(size_t) (h->count - i) * sizeof(DecayEntry));
			h->count++;
			e.limb = limb;
			e.sum = digit;
		}
		store_entry(state, i, e);
	}
	return DECAY_OK;
}

DecayStatus
decay_state_add(uint8_t *state, int64_t half_life_us, int64_t at_us,
				int64_t weight)
{
	DecayHeader h = load_header(state);
	int64_t		halvings;
	int64_t		rest;
	int64_t		lowest;
	uint64_t	power;
	uint128_decay number;
	DecayStatus status;

	if (h.half_life_us != half_life_us)
		return DECAY_OTHER_HALF_LIFE;
	if (h.rows >= MAX_ROWS)
		return DECAY_TOO_MANY_ROWS;
	if (h.capacity < MAX_ENTRIES && h.count + LIMBS_PER_ROW > h.capacity)
		return DECAY_NO_ROOM;

	if (weight != 0)
	{
		halvings = floor_div(at_us, half_life_us);
		rest = at_us % half_life_us;
		if (rest < 0)
			rest += half_life_us;
		power = fixed_exp2((uint64_t) (((uint128_decay) rest << 63) /
									   (uint64_t) half_life_us), 63);
		power = (power + (UINT64_C(1) << (FIXED_EXP2_RESULT_BITS - POWER_BITS - 1)))
			>> (FIXED_EXP2_RESULT_BITS - POWER_BITS);

		lowest = floor_div(halvings, LIMB_BITS);
		number = (uint128_decay) power *
			(uint64_t) (weight < 0 ? -weight : weight);
		number <<= (halvings % LIMB_BITS + LIMB_BITS) % LIMB_BITS;

		if (h.count == 0 || lowest > h.top)
		{
			h.top = lowest;
			prune(state, &h);
		}
		status = add_limbs(state, &h, lowest, number, weight < 0);
		if (status != DECAY_OK)
			return status;
	}
	h.rows++;
	store_header(state, &h);
	return DECAY_OK;
}

size_t
decay_state_merged_size(const uint8_t *a, const uint8_t *b)
{
	uint32_t	entries = load_header(a).count + load_header(b).count;

	if (entries < FIRST_ENTRIES)
		entries = FIRST_ENTRIES;
	if (entries > MAX_ENTRIES)
		entries = MAX_ENTRIES;
	return size_for(entries);
}

DecayStatus
decay_state_merge(uint8_t *into, size_t size, const uint8_t *a, const uint8_t *b)
{
	DecayHeader ha = load_header(a);
	DecayHeader hb = load_header(b);
	DecayHeader h;
	uint32_t	i = 0;
	uint32_t	j = 0;

	if (!decay_entries_are_valid(a) || !decay_entries_are_valid(b))
		return DECAY_CORRUPT;
	if (ha.half_life_us != hb.half_life_us)
		return DECAY_OTHER_HALF_LIFE;
	if (ha.rows > MAX_ROWS - hb.rows)
		return DECAY_TOO_MANY_ROWS;

	decay_state_init(into, size, ha.half_life_us);
	h = load_header(into);
	h.rows = ha.rows + hb.rows;
	if (hb.count == 0 || (ha.count > 0 && ha.top > hb.top))
		h.top = ha.top;
	else
		h.top = hb.top;

	while (i < ha.count || j < hb.count)
	{
		DecayEntry	e = {INT64_MAX, 0};
		DecayEntry	other = {INT64_MAX, 0};

		if (i < ha.count)
			e = load_entry(a, i);
		if (j < hb.count)
			other = load_entry(b, j);

		if (i < ha.count && j < hb.count && e.limb == other.limb)
		{
			e.sum += other.sum;
			i++;
			j++;
		}
		else if (j >= hb.count || (i < ha.count && e.limb < other.limb))
			i++;
		else
		{
			e = other;
			j++;
		}

		if (e.limb < window_start(h.top))
			continue;
		if (h.count >= h.capacity)
			return DECAY_CORRUPT;
		store_entry(into, h.count++, e);
	}
	store_header(into, &h);
	return DECAY_OK;
}

static uint32_t
nonzero_entries(const uint8_t *state)
{
	uint32_t	count = load_header(state).count;
	uint32_t	nonzero = 0;
	uint32_t	i;

	for (i = 0; i < count; i++)
		nonzero += load_entry(state, i).sum != 0;
	return nonzero;
}

size_t
decay_state_trimmed_size(const uint8_t *state)
{
	uint32_t	entries = nonzero_entries(state);

	return size_for(entries > 0 ? entries : 1);
}

/*
 * What was cancelled is left out: a limb without an entry is zero.  One entry
 * stays in any case, so that the window is where the newest row put it.
 */
void
decay_state_trim(uint8_t *into, size_t size, const uint8_t *from)
{
	DecayHeader old = load_header(from);
	DecayHeader h;
	uint32_t	i;

	decay_state_init(into, size, old.half_life_us);
	h = load_header(into);
	h.rows = old.rows;
	h.top = old.top;
	for (i = 0; i < old.count; i++)
	{
		DecayEntry	e = load_entry(from, i);

		if (e.sum != 0 && h.count < h.capacity)
			store_entry(into, h.count++, e);
	}
	if (h.count == 0 && old.count > 0)
		store_entry(into, h.count++, load_entry(from, old.count - 1));
	store_header(into, &h);
}

/*
 * markov_fuzz.c
 *	  The Markov cores: no bytes harm them as a state, any order and division of
 *	  rows gives the same bytes, and both ways of solving the same numbers.
 */
#include "fuzz.h"

#include <math.h>

#include "../../src/attribution/markov_core.h"

#define MAX_ROWS 24
#define MAX_PATH 10
#define HEADER_SIZE 40

static void *
host_allocate(void *arg, size_t size)
{
	(void) arg;
	return fuzz_alloc(size);
}

static void
host_release(void *arg, void *memory)
{
	(void) arg;
	free(memory);
}

static void
host_breathe(void *arg)
{
	(void) arg;
}

static const MarkovHost host = {host_allocate, host_release, host_breathe, NULL};

/* A state on an odd address, as behind a short varlena header. */
typedef struct State
{
	uint8_t    *block;
	size_t		size;
} State;

static uint8_t *
bytes_of(const State *state)
{
	return state->block + 1;
}

static State
make_state(size_t size)
{
	State		state = {fuzz_alloc(size + 1), size};

	return state;
}

static State
new_state(uint32_t order)
{
	State		state = make_state(markov_state_first_size(order));

	markov_state_init(bytes_of(&state), state.size, order);
	return state;
}

static MarkovStatus merge(State *into, const State *from);

static MarkovStatus
grow(State *state)
{
	State		larger = make_state(markov_state_next_size(bytes_of(state), SIZE_MAX));
	MarkovStatus status;

	MUST(larger.size > state->size);
	markov_state_init(bytes_of(&larger), larger.size, markov_state_order(bytes_of(state)));
	status = merge(&larger, state);
	free(state->block);
	*state = larger;
	return status;
}

static MarkovStatus
merge(State *into, const State *from)
{
	size_t		cursor = 0;
	MarkovStatus status;

	while ((status = markov_merge_step(bytes_of(into), bytes_of(from), &cursor)) != MARKOV_OK)
	{
		if (status == MARKOV_NO_ROOM)
			status = grow(into);
		if (status != MARKOV_OK && status != MARKOV_WORKING)
			break;
	}
	return status;
}

static MarkovStatus
add_row(State *state, const int64_t *ids, size_t count, int64_t conversions, int64_t value,
		int64_t nulls)
{
	MarkovPath	path;
	MarkovStatus status;

	markov_path_start(&path, ids, count, conversions, value, nulls);
	while ((status = markov_path_step(&path, bytes_of(state))) != MARKOV_OK)
	{
		if (status == MARKOV_NO_ROOM)
			status = grow(state);
		if (status != MARKOV_OK && status != MARKOV_WORKING)
			break;
	}
	return status;
}

static MarkovStatus
pack(State *into, const State *state)
{
	*into = make_state(markov_state_packed_size(bytes_of(state)));
	return markov_state_pack(bytes_of(into), into->size, bytes_of(state), &host);
}

/* Numbers that can be: effects are chances, and add up to 1 at least. */
static void
check_credits(const MarkovCredits *credits)
{
	double		sum = 0;
	size_t		c;

	for (c = 0; c < credits->count; c++)
	{
		const MarkovCredit *row = &credits->rows[c];

		MUST(c == 0 || credits->rows[c - 1].creator_id < row->creator_id);
		MUST(row->removal_effect >= 0 && row->removal_effect <= 1 + 1e-9);
		MUST(row->value_removal_effect >= 0 && row->value_removal_effect <= 1 + 1e-9);
		MUST(row->conversions >= 0 && row->value >= 0);
		sum += row->removal_effect;
	}
	MUST(!credits->has_conversions || sum >= 1 - 1e-9);
}

/* A sorted state, whatever its bytes are: refused, or solved by both ways alike. */
static void
check_packed(const State *packed)
{
	MarkovCredits a;
	MarkovCredits b;
	MarkovStatus status;
	size_t		c;

	if (!markov_state_is_packed(bytes_of(packed), packed->size))
		return;
	status = markov_credit(bytes_of(packed), MARKOV_ELIMINATE, &host, &a);
	if (status != MARKOV_OK)
	{
		MUST(status == MARKOV_CORRUPT);
		MUST(markov_credit(bytes_of(packed), MARKOV_ITERATE, &host, &b) == MARKOV_CORRUPT);
		return;
	}
	check_credits(&a);
	status = markov_credit(bytes_of(packed), MARKOV_ITERATE, &host, &b);
	MUST(status == MARKOV_OK || status == MARKOV_UNSOLVED);
	if (status == MARKOV_OK)
	{
		check_credits(&b);
		MUST(a.count == b.count && b.bound <= MARKOV_ACCURACY / 2);
		for (c = 0; c < a.count; c++)
		{
			MUST(fabs(a.rows[c].removal_effect - b.rows[c].removal_effect) <= b.bound + 1e-12);
			MUST(fabs(a.rows[c].value_removal_effect - b.rows[c].value_removal_effect) <= b.bound + 1e-12);
		}
		free(b.rows);
	}
	free(a.rows);
}

static int64_t
take_count(FuzzInput *in)
{
	return take_u8(in) % 4 == 0 ? take_positive(in) >> take_below(in, 62) : take_u8(in) % 4;
}

static void
check_rows(FuzzInput *in)
{
	uint32_t	order = 1 + take_u8(in) % MARKOV_MAX_ORDER;
	size_t		n = (size_t) take_below(in, MAX_ROWS);
	uint8_t		creators = 1 + take_u8(in) % 9;
	State		whole = new_state(order);
	State		parts[2] = {new_state(order), new_state(order)};
	State		packed[2];
	bool		fits = true;
	size_t		i;
	size_t		j;

	for (i = 0; i < n; i++)
	{
		int64_t		ids[MAX_PATH];
		size_t		count = 1 + (size_t) take_below(in, MAX_PATH - 1);
		int64_t		conversions = take_count(in);
		int64_t		nulls = take_count(in);
		int64_t		value = conversions > 0 ? take_count(in) : 0;

		for (j = 0; j < count; j++)
			ids[j] = take_u8(in) % creators - (int64_t) 2;
		if (conversions == 0 && nulls == 0)
			continue;
		fits = fits && add_row(&whole, ids, count, conversions, value, nulls) == MARKOV_OK;
		fits = fits && add_row(&parts[take_u8(in) & 1], ids, count, conversions, value, nulls) == MARKOV_OK;
	}
	if (fits)
	{
		MUST(merge(&parts[1], &parts[0]) == MARKOV_OK);
		MUST(pack(&packed[0], &whole) == MARKOV_OK && pack(&packed[1], &parts[1]) == MARKOV_OK);
		MUST(packed[0].size == packed[1].size &&
			 memcmp(bytes_of(&packed[0]), bytes_of(&packed[1]), packed[0].size) == 0);
		MUST(markov_state_is_packed(bytes_of(&packed[0]), packed[0].size));
		check_packed(&packed[0]);
		/* and as an attacker might change it */
		for (i = take_u8(in) % 4; i > 0; i--)
			bytes_of(&packed[0])[take_below(in, packed[0].size - 1)] ^= take_u8(in);
		check_packed(&packed[0]);
		free(packed[0].block);
		free(packed[1].block);
	}
	free(whole.block);
	free(parts[0].block);
	free(parts[1].block);
}

/* Words behind a header whose size and magic fit, often believable entries. */
static State
forge(FuzzInput *in, bool sorted)
{
	uint32_t	order = 1 + take_u8(in) % MARKOV_MAX_ORDER;
	uint64_t	counts[2] = {sorted ? take_below(in, 12) : 12 + take_below(in, 12), 0};
	size_t		words = 5 + order + 1;
	State		state = make_state(HEADER_SIZE + counts[0] * words * 8);
	uint64_t	length = state.size;
	uint32_t	kind[2] = {order, sorted};
	State		model = new_state(order);
	size_t		i;
	size_t		w;

	counts[1] = sorted ? counts[0] : take_below(in, counts[0]);
	memset(bytes_of(&state), 0, state.size);
	memcpy(bytes_of(&state), bytes_of(&model), 8);
	free(model.block);
	memcpy(bytes_of(&state) + 8, &length, 8);
	memcpy(bytes_of(&state) + 16, kind, 8);
	memcpy(bytes_of(&state) + 24, counts, 16);
	for (i = 0; i < counts[0]; i++)
	{
		int64_t		entry[5 + MARKOV_MAX_ORDER + 1] = {0};

		entry[0] = (int64_t) take_below(in, order + 1);
		if (entry[0] == order + 1)
			entry[1] = take_count(in);
		else if (entry[0] > 0)
		{
			entry[2] = take_count(in);
			entry[3] = take_count(in);
			entry[4] = take_count(in);
		}
		for (w = 0; w < (size_t) entry[0]; w++)
			entry[5 + w] = take_u8(in) % 4;
		if (take_u8(in) % 16 == 0)
			entry[take_below(in, words - 1)] = take_i64(in);
		memcpy(bytes_of(&state) + HEADER_SIZE + i * words * 8, entry, words * 8);
	}
	return state;
}

static void
check_forged(FuzzInput *in)
{
	State		sorted = forge(in, true);
	State		a = forge(in, false);
	State		b = forge(in, false);
	int			i;

	check_packed(&sorted);
	if (markov_state_is_table(bytes_of(&a), a.size) && markov_state_is_table(bytes_of(&b), b.size))
	{
		State		packed;

		if (pack(&packed, &b) == MARKOV_OK)
			check_packed(&packed);
		free(packed.block);
		if (markov_state_order(bytes_of(&a)) == markov_state_order(bytes_of(&b)))
			merge(&a, &b);
		for (i = 0; i < 8; i++)
		{
			int64_t		ids[4];
			int			j;

			for (j = 0; j < 4; j++)
				ids[j] = take_u8(in) % 4;
			if (add_row(&a, ids, 4, 1, take_count(in), take_count(in)) != MARKOV_OK)
				break;
		}
		if (pack(&packed, &a) == MARKOV_OK)
			check_packed(&packed);
		free(packed.block);
	}
	free(sorted.block);
	free(a.block);
	free(b.block);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};

	if (take_u8(&in) % 2 == 0)
		check_forged(&in);
	else
		check_rows(&in);
	return 0;
}

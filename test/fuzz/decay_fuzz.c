/*
 * decay_fuzz.c
 *	  decay_core: no bytes harm it as a state, the sum does not depend on the
 *	  order of rows and merges, and it is the sum.
 */
#include "fuzz.h"

#include <math.h>

#include "../../src/feed/decay_core.h"

#define MAX_ROWS 48
#define HEADER_SIZE 48

typedef struct Row
{
	int64_t		at;
	int64_t		weight;
} Row;

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

static DecayStatus
add_row(State *state, int64_t half_life, int64_t at, int64_t weight)
{
	DecayStatus status = decay_state_add(bytes_of(state), half_life, at, weight);

	if (status == DECAY_NO_ROOM)
	{
		State		larger = make_state(decay_state_next_size(bytes_of(state)));

		MUST(larger.size > state->size);
		decay_state_copy(bytes_of(&larger), larger.size, bytes_of(state));
		free(state->block);
		*state = larger;
		status = decay_state_add(bytes_of(state), half_life, at, weight);
		MUST(status != DECAY_NO_ROOM);
	}
	return status;
}

static DecayStatus
merge(State *into, const State *a, const State *b)
{
	*into = make_state(decay_state_merged_size(bytes_of(a), bytes_of(b)));
	return decay_state_merge(bytes_of(into), into->size, bytes_of(a), bytes_of(b));
}

/* Without spare room and zeros a state says the same. */
static void
check_trim(const State *state, double score)
{
	State		trimmed = make_state(decay_state_trimmed_size(bytes_of(state)));
	double		again = 0;

	decay_state_trim(bytes_of(&trimmed), trimmed.size, bytes_of(state));
	MUST(decay_state_has_frame(bytes_of(&trimmed), trimmed.size));
	MUST(decay_state_log2(bytes_of(&trimmed), &again) == DECAY_OK);
	MUST(memcmp(&again, &score, sizeof(score)) == 0);
	free(trimmed.block);
}

static void
put(uint8_t *bytes, size_t at, const void *value, size_t size)
{
	memcpy(bytes + at, value, size);
}

/*
 * Any bytes behind a header whose size and magic fit, and most often a
 * believable number of entries, near the ends of the range too.
 */
static State
forge(FuzzInput *in)
{
	uint32_t	capacity = (uint32_t) take_below(in, 40);
	uint32_t	count = (uint32_t) take_below(in, 40);
	size_t		size = HEADER_SIZE + (size_t) capacity * 16;
	State		state;
	uint8_t    *b;
	uint64_t	length = size;
	int64_t		limb = take_i64(in);
	int64_t		value;
	uint32_t	i;

	if (take_u8(in) % 16 == 0)
		size = take_below(in, size);
	state = make_state(size);
	b = bytes_of(&state);
	if (size < HEADER_SIZE)
	{
		take_bytes(in, b, size);
		return state;
	}
	memset(b, 0, size);
	decay_state_init(b, size, take_positive(in));
	put(b, 8, &length, 8);
	value = take_positive(in) >> take_below(in, 63);
	put(b, 24, &value, 8);		/* rows */
	value = take_u8(in) % 4 == 0 ? take_i64(in)
		: (int64_t) ((uint64_t) limb + take_below(in, 3000));
	put(b, 32, &value, 8);		/* top */
	put(b, 40, &capacity, 4);
	put(b, 44, &count, 4);
	for (i = 0; i < capacity && HEADER_SIZE + (i + 1) * 16 <= size; i++)
	{
		put(b, HEADER_SIZE + i * 16, &limb, 8);
		value = take_i64(in) >> take_below(in, 63);
		put(b, HEADER_SIZE + i * 16 + 8, &value, 8);
		limb = take_u8(in) % 16 == 0 ? take_i64(in)
			: (int64_t) ((uint64_t) limb + 1 + take_below(in, 100));
	}
	if (take_u8(in) % 8 == 0)
		b[take_below(in, size - 1)] ^= take_u8(in);
	return state;
}

static void
check_forged(FuzzInput *in)
{
	State		a = forge(in);
	State		b = forge(in);
	double		score = 0;
	int			i;

	if (decay_state_has_frame(bytes_of(&a), a.size) &&
		decay_state_has_frame(bytes_of(&b), b.size))
	{
		State		both;

		if (decay_state_log2(bytes_of(&a), &score) == DECAY_OK)
			MUST(!isnan(score) && score < INFINITY);
		if (merge(&both, &a, &b) == DECAY_OK)
		{
			MUST(decay_state_has_frame(bytes_of(&both), both.size));
			MUST(decay_state_log2(bytes_of(&both), &score) == DECAY_OK);
			check_trim(&both, score);
		}
		free(both.block);
	}
	for (i = 0; i < 12 && decay_state_has_frame(bytes_of(&a), a.size); i++)
	{
		int64_t		weight = take_i64(in) % (DECAY_MAX_WEIGHT + 1);

		if (add_row(&a, decay_state_half_life(bytes_of(&a)), take_i64(in), weight) != DECAY_OK)
			break;
		decay_state_log2(bytes_of(&a), &score);
	}
	free(a.block);
	free(b.block);
}

/*
 * The same rows, newest limb and entries, whatever room there is: the score
 * would not show what is missing at the old end of the window.
 */
static bool
same_content(const State *a, const State *b)
{
	uint32_t	count;

	memcpy(&count, bytes_of(a) + 44, sizeof(count));
	return memcmp(bytes_of(a) + 16, bytes_of(b) + 16, 24) == 0 &&
		memcmp(bytes_of(a) + 44, bytes_of(b) + 44, 4 + (size_t) count * 16) == 0;
}

/* The score in long double, where it has digits enough and nothing cancels. */
static void
check_against_floats(const Row *rows, size_t n, int64_t half_life, double score)
{
	long double newest = -INFINITY;
	long double sum = 0;
	long double total = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (rows[i].weight != 0)
			newest = fmaxl(newest, (long double) rows[i].at / half_life);
	}
	for (i = 0; i < n; i++)
	{
		long double power = exp2l((long double) rows[i].at / half_life - newest);

		sum += rows[i].weight * power;
		total += fabsl((long double) rows[i].weight) * power;
	}
	/* the position of a row, at / half_life, has 64 bits in all */
	if (sum > 0 && sum > total / 1024 && fabsl(newest) < 1e6)
	{
		long double wanted = log2l(sum) - 20 + newest;

		MUST(fabsl(wanted - score) < 1e-9 + fabsl(wanted) * 1e-15);
	}
	if (sum < 0 && -sum > total / 1024 && fabsl(newest) < 1e6)
		MUST(score == -INFINITY);
}

static void
check_sums(FuzzInput *in)
{
	int64_t		half_life = take_positive(in);
	size_t		n = (size_t) take_below(in, MAX_ROWS);
	uint8_t		shape = take_u8(in);
	int64_t		base = take_i64(in);
	Row			rows[MAX_ROWS];
	State		forward;
	State		backward;
	State		parts[2];
	State		merged;
	double		score[3];
	size_t		i;

	if (half_life == 0)
		half_life = 1;
	forward = make_state(decay_state_first_size());
	backward = make_state(decay_state_first_size());
	decay_state_init(bytes_of(&forward), forward.size, half_life);
	decay_state_init(bytes_of(&backward), backward.size, half_life);
	for (i = 0; i < 2; i++)
	{
		parts[i] = make_state(decay_state_first_size());
		decay_state_init(bytes_of(&parts[i]), parts[i].size, half_life);
	}

	for (i = 0; i < n; i++)
	{
		__int128	at = base;

		/* rows near each other, about a window apart, or anywhere */
		if (shape % 4 == 0)
			at = take_i64(in);
		else if (shape % 4 == 1)
			at += (__int128) half_life * (take_u8(in) % 4 * 32772 + take_u8(in));
		else
			at += (__int128) (take_positive(in) % half_life) * take_u8(in);
		rows[i].at = at > INT64_MAX ? INT64_MAX : (int64_t) at;
		rows[i].weight = take_i64(in) % (DECAY_MAX_WEIGHT + 1);
		MUST(add_row(&forward, half_life, rows[i].at, rows[i].weight) == DECAY_OK);
		MUST(add_row(&parts[take_u8(in) & 1], half_life, rows[i].at, rows[i].weight) == DECAY_OK);
	}
	for (i = n; i-- > 0;)
		MUST(add_row(&backward, half_life, rows[i].at, rows[i].weight) == DECAY_OK);
	MUST(merge(&merged, &parts[0], &parts[1]) == DECAY_OK);

	MUST(same_content(&forward, &backward) && same_content(&forward, &merged));
	MUST(decay_state_log2(bytes_of(&forward), &score[0]) == DECAY_OK);
	MUST(decay_state_log2(bytes_of(&backward), &score[1]) == DECAY_OK);
	MUST(decay_state_log2(bytes_of(&merged), &score[2]) == DECAY_OK);
	MUST(score[0] == score[1] && score[0] == score[2]);
	if (shape % 4 != 0)
		check_against_floats(rows, n, half_life, score[0]);

	/* every row taken back leaves nothing, but for what the window dropped */
	if (shape % 4 > 1)
	{
		for (i = 0; i < n; i++)
			MUST(add_row(&merged, half_life, rows[i].at, -rows[i].weight) == DECAY_OK);
		MUST(decay_state_log2(bytes_of(&merged), &score[0]) == DECAY_OK);
		MUST(score[0] == -INFINITY);
	}

	MUST(add_row(&forward, half_life == 1 ? 2 : half_life - 1, 0, 1) == DECAY_OTHER_HALF_LIFE);
	free(forward.block);
	free(backward.block);
	free(parts[0].block);
	free(parts[1].block);
	free(merged.block);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};

	if (take_u8(&in) % 2 == 0)
		check_forged(&in);
	else
		check_sums(&in);
	return 0;
}

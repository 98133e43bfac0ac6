/*
 * markov_test.c
 *	  The Markov cores: chains worked out by hand, both ways of solving against
 *	  each other, and that neither the order of rows nor merges change a bit.
 */
#include "tap.h"

#include "../../src/attribution/markov_core.h"

static uint64_t random_state = UINT64_C(11);

static uint64_t
random64(void)
{
	uint64_t	z = (random_state += UINT64_C(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

static size_t blocks_held;		/* what the host has given and not got back */
static size_t blocks_left;		/* what it will still give */
static size_t breaths;

static void *
host_allocate(void *arg, size_t size)
{
	(void) arg;
	if (blocks_left == 0)
		return NULL;
	blocks_left--;
	blocks_held++;
	return malloc(size);
}

static void
host_release(void *arg, void *memory)
{
	(void) arg;
	blocks_held--;
	free(memory);
}

static void
host_breathe(void *arg)
{
	(void) arg;
	breaths++;
}

static const MarkovHost host = {host_allocate, host_release, host_breathe, NULL};

/* A state on an odd address, as behind a short varlena header. */
typedef struct State
{
	uint8_t    *block;
	size_t		size;
} State;

static State
state_make(size_t size)
{
	State		state = {malloc(size + 1), size};

	return state;
}

static State
state_new(uint32_t order)
{
	State		state = state_make(markov_state_first_size(order));

	markov_state_init(state.block + 1, state.size, order);
	return state;
}

static MarkovStatus state_merge(State *into, const State *from);

static void
state_grow(State *state)
{
	State		larger = state_make(markov_state_next_size(state->block + 1, SIZE_MAX));

	markov_state_init(larger.block + 1, larger.size, markov_state_order(state->block + 1));
	state_merge(&larger, state);
	free(state->block);
	*state = larger;
}

static MarkovStatus
state_merge(State *into, const State *from)
{
	size_t		cursor = 0;
	MarkovStatus status;

	while ((status = markov_merge_step(into->block + 1, from->block + 1, &cursor)) != MARKOV_OK)
	{
		if (status == MARKOV_NO_ROOM)
			state_grow(into);
		else if (status != MARKOV_WORKING)
			break;
	}
	return status;
}

static MarkovStatus
state_add(State *state, const int64_t *ids, size_t count, int64_t conversions, int64_t value,
		  int64_t nulls)
{
	MarkovPath	path;
	MarkovStatus status;

	markov_path_start(&path, ids, count, conversions, value, nulls);
	while ((status = markov_path_step(&path, state->block + 1)) != MARKOV_OK)
	{
		if (status == MARKOV_NO_ROOM)
			state_grow(state);
		else if (status != MARKOV_WORKING)
			break;
	}
	return status;
}

static State
state_packed(const State *state)
{
	State		packed = state_make(markov_state_packed_size(state->block + 1));

	blocks_left = SIZE_MAX;
	if (markov_state_pack(packed.block + 1, packed.size, state->block + 1, &host) != MARKOV_OK)
		ok(false, "a state is packed");
	return packed;
}

static MarkovStatus
state_credit(const State *state, MarkovMethod method, MarkovCredits *credits)
{
	State		packed = state_packed(state);
	MarkovStatus status;

	blocks_left = SIZE_MAX;
	status = markov_state_is_packed(packed.block + 1, packed.size) ? markov_credit(packed.block + 1, method, &host, credits)
		: MARKOV_CORRUPT;
	free(packed.block);
	return status;
}

static void
check_by_hand(MarkovMethod method)
{
	State		state = state_new(1);
	MarkovCredits credits;

	/* start -> 1 (4 of 6), 2 (2 of 6); 1 -> 2; 2 -> conversion 2 of 6 */
	state_add(&state, (int64_t[]) {1, 1, 2}, 3, 1, 10, 3);
	state_add(&state, (int64_t[]) {2, 2}, 2, 1, 2, 1);
	is_i64(state_credit(&state, method, &credits), MARKOV_OK, "by hand: solved");
	is_u64(credits.count, 2, "by hand: two creators");
	is_i64(credits.rows[0].creator_id, 1, "by hand: the first");
	is_dbl(credits.rows[0].removal_effect, 2.0 / 3, 1e-15, "by hand: its removal effect");
	is_dbl(credits.rows[0].conversions, 0.8, 1e-15, "by hand: its conversions");
	is_dbl(credits.rows[0].value_removal_effect, 2.0 / 3, 1e-15, "by hand: its removal effect by value");
	is_dbl(credits.rows[0].value, 4.8, 1e-14, "by hand: its value");
	is_dbl(credits.rows[1].removal_effect, 1, 1e-15, "by hand: everything goes through the second");
	is_dbl(credits.rows[1].value, 7.2, 1e-14, "by hand: its value");
	host_release(NULL, credits.rows);
	free(state.block);
}

/*
 * 1 and 2 alternate 2^60 times as often as they let go: the chance of staying is
 * no double below 1, yet all leads to one conversion in the end.
 */
static void
check_sticky(MarkovMethod method, const char *name)
{
	State		state = state_new(1);
	MarkovCredits credits;
	MarkovStatus status;

	state_add(&state, (int64_t[]) {1, 2, 1}, 3, 0, 0, INT64_C(1) << 60);
	state_add(&state, (int64_t[]) {2, 1}, 2, 1, 7, 0);
	state_add(&state, (int64_t[]) {3, 1}, 2, 1, 7, 0);
	status = state_credit(&state, method, &credits);
	/* the iteration may say that it can't, but must not be wrong */
	if (method == MARKOV_ITERATE && status == MARKOV_UNSOLVED)
		ok(true, name);
	else
	{
		double		n = ldexp(1, 60);

		/* start: 1 n, 2 and 3 one each; 1 goes to 2 n times of 2 n + 2 and converts 2 */
		ok(status == MARKOV_OK && fabs(credits.rows[0].removal_effect - 1) < 1e-12 &&
		   fabs(credits.rows[2].removal_effect - 1 / (n + 2)) < 1e-12, name);
		host_release(NULL, credits.rows);
	}
	free(state.block);
}

static State
random_state_of(uint32_t order, size_t rows, uint64_t creators, uint64_t most)
{
	State		state = state_new(order);
	int64_t		ids[24];
	size_t		i;
	size_t		j;

	for (i = 0; i < rows; i++)
	{
		size_t		count = 1 + random64() % (random64() % 8 == 0 ? 24 : 6);
		int64_t		conversions = (int64_t) (random64() % 4 == 0 ? random64() % most + 1 : 0);

		/* small ids are more often */
		for (j = 0; j < count; j++)
			ids[j] = (int64_t) (random64() % creators * (random64() % creators) / creators);
		state_add(&state, ids, count, conversions, conversions > 0 ? (int64_t) (random64() % most) : 0,
				  conversions == 0 || random64() % 2 == 0 ? (int64_t) (random64() % most + 1) : 0);
	}
	return state;
}

static void
check_methods(void)
{
	double		worst = 0;
	double		worst_sum = 0;
	size_t		compared = 0;
	size_t		bounded = 0;
	int			i;

	for (i = 0; i < 60; i++)
	{
		State		state = random_state_of(1 + i % 4, 20 + random64() % 400, 2 + random64() % 30,
											i % 3 == 0 ? INT64_C(1) << 40 : 3);
		MarkovCredits a;
		MarkovCredits b;
		size_t		c;

		if (state_credit(&state, MARKOV_ELIMINATE, &a) == MARKOV_OK &&
			state_credit(&state, MARKOV_ITERATE, &b) == MARKOV_OK && a.count == b.count)
		{
			double		sum = 0;

			for (c = 0; c < a.count; c++)
			{
				worst = fmax(worst, fabs(a.rows[c].removal_effect - b.rows[c].removal_effect));
				worst = fmax(worst, fabs(a.rows[c].value_removal_effect - b.rows[c].value_removal_effect));
				bounded += fabs(a.rows[c].removal_effect - b.rows[c].removal_effect) <= b.bound + 1e-14;
				sum += a.rows[c].removal_effect;
				compared++;
			}
			if (a.has_conversions)
				worst_sum = fmax(worst_sum, 1 - sum);
			host_release(NULL, a.rows);
			host_release(NULL, b.rows);
		}
		free(state.block);
	}
	diag("%zu creators, largest difference %.1e", compared, worst);
	ok(compared > 500 && worst < 1e-12, "elimination and iteration agree");
	is_u64(bounded, compared, "the difference is within the bound");
	ok(worst_sum < 1e-12, "effects add up to 1 at least");
}

static void
check_same_bytes(void)
{
	int			i;
	bool		same = true;

	for (i = 0; i < 40; i++)
	{
		uint32_t	order = 1 + i % 4;
		State		forward = state_new(order);
		State		backward = state_new(order);
		State		parts[2] = {state_new(order), state_new(order)};
		int64_t		ids[300];
		int			j;

		for (j = 0; j < 300; j++)
			ids[j] = (int64_t) (random64() % 40) - 20;
		for (j = 0; j < 290; j++)
		{
			state_add(&forward, ids + j, 1 + j % 9, j % 3, 0, 1);
			state_add(&parts[random64() % 2], ids + j, 1 + j % 9, j % 3, 0, 1);
			state_add(&backward, ids + 289 - j, 1 + (289 - j) % 9, (289 - j) % 3, 0, 1);
		}
		if (state_merge(&parts[i % 2], &parts[1 - i % 2]) == MARKOV_OK)
		{
			State		a = state_packed(&forward);
			State		b = state_packed(&backward);
			State		c = state_packed(&parts[i % 2]);

			same = same && a.size == b.size && a.size == c.size &&
				memcmp(a.block + 1, b.block + 1, a.size) == 0 &&
				memcmp(a.block + 1, c.block + 1, a.size) == 0;
			free(a.block);
			free(b.block);
			free(c.block);
		}
		else
			same = false;
		free(forward.block);
		free(backward.block);
		free(parts[0].block);
		free(parts[1].block);
	}
	ok(same, "the same bytes in any order and division of rows");
}

static void
check_limits(void)
{
	State		state = state_new(2);
	State		other = state_new(2);
	MarkovCredits credits;
	int64_t	   *ids = malloc(100000 * sizeof(int64_t));
	size_t		i;

	is_i64(state_add(&state, (int64_t[]) {1, 2, 3}, 3, INT64_MAX, 0, 0), MARKOV_OK, "the greatest count is one");
	is_i64(state_add(&state, (int64_t[]) {1, 2, 3}, 3, 0, 0, 1), MARKOV_OVERFLOW, "one more is too much");
	is_i64(state_add(&other, (int64_t[]) {1, 2, 3}, 3, INT64_MAX, 0, 1), MARKOV_OVERFLOW,
		   "conversions and nulls of one path are too much");
	is_i64(state_add(&other, (int64_t[]) {2, 3}, 2, 1, INT64_MAX, 0), MARKOV_OK, "the greatest value is one");
	is_i64(state_merge(&state, &other), MARKOV_OVERFLOW, "a merge may be too much");
	free(state.block);
	free(other.block);

	/* one path of 100,000 touches of 300 creators */
	state = state_new(1);
	for (i = 0; i < 100000; i++)
		ids[i] = (int64_t) (random64() % 300);
	is_i64(state_add(&state, ids, 100000, 1, 1, 0), MARKOV_OK, "a long path is added");
	is_i64(state_credit(&state, MARKOV_AUTOMATIC, &credits), MARKOV_OK, "and solved");
	ok(credits.rows[0].removal_effect > 0.99, "where everybody is met");
	host_release(NULL, credits.rows);
	free(state.block);

	/* nothing converts */
	state = state_new(1);
	state_add(&state, (int64_t[]) {1, 2}, 2, 0, 0, 1);
	is_i64(state_credit(&state, MARKOV_AUTOMATIC, &credits), MARKOV_OK, "nothing converts: no error");
	ok(credits.count == 2 && !credits.has_conversions && credits.rows[0].conversions == 0,
	   "nothing converts: nothing to share");
	host_release(NULL, credits.rows);
	free(state.block);
	free(ids);
}

/* Every block may be the one that the host has not got. */
static void
check_memory(void)
{
	State		state = random_state_of(2, 50, 8, 3);
	State		packed = state_packed(&state);
	MarkovMethod method;
	bool		clean = true;

	for (method = MARKOV_ELIMINATE; method <= MARKOV_ITERATE; method++)
	{
		size_t		allowed = 0;
		MarkovStatus status;

		do
		{
			MarkovCredits credits;
			size_t		before = blocks_held;

			blocks_left = allowed++;
			status = markov_credit(packed.block + 1, method, &host, &credits);
			if (status == MARKOV_OK)
				host_release(NULL, credits.rows);
			clean = clean && blocks_held == before;
		} while (status == MARKOV_NO_MEMORY);
		clean = clean && status == MARKOV_OK && allowed > 10;
	}
	ok(clean, "without memory it says so and gives back what it has");
	free(state.block);
	free(packed.block);
}

/* A state made by hand from words: 40 bytes of header, then slots. */
static void
check_forged(void)
{
	State		state = state_new(1);
	State		packed;
	State		copy;
	MarkovCredits credits;
	size_t		at;
	bool		survived = true;

	state_add(&state, (int64_t[]) {1, 2, 1}, 3, 1, 1, 1);
	state_add(&state, (int64_t[]) {3}, 1, 2, 0, 0);
	packed = state_packed(&state);
	copy = state_make(packed.size);
	for (at = 0; at < packed.size; at++)
	{
		int			bit;

		for (bit = 0; bit < 8; bit++)
		{
			memcpy(copy.block + 1, packed.block + 1, packed.size);
			copy.block[1 + at] ^= (uint8_t) (1 << bit);
			blocks_left = SIZE_MAX;
			if (markov_state_is_packed(copy.block + 1, copy.size) &&
				markov_credit(copy.block + 1, MARKOV_AUTOMATIC, &host, &credits) == MARKOV_OK)
			{
				survived = survived && credits.rows[0].removal_effect >= 0 &&
					credits.rows[0].removal_effect <= 1 + 1e-12;
				host_release(NULL, credits.rows);
			}
		}
	}
	ok(survived, "no flipped bit harms");
	ok(!markov_state_is_packed(packed.block + 1, packed.size - 1), "a cut state is refused");
	ok(!markov_state_is_table(packed.block + 1, packed.size), "a sorted state is no table");

	/* a circle that no path enters: 1 -> 2 five times, 2 -> 1 five times */
	memcpy(copy.block + 1, packed.block + 1, packed.size);
	free(state.block);
	state = state_new(1);
	state_add(&state, (int64_t[]) {1, 2, 1}, 3, 5, 0, 0);
	free(packed.block);
	packed = state_packed(&state);
	/* entries: 1; 1 2; 2 1. Without the first, nothing starts and nothing ends. */
	free(copy.block);
	copy = state_make(packed.size - 56);
	memcpy(copy.block + 1, packed.block + 1, 40);
	memcpy(copy.block + 1 + 40, packed.block + 1 + 40 + 56, packed.size - 40 - 56);
	memcpy(copy.block + 1 + 8, (uint64_t[]) {copy.size}, 8);
	memcpy(copy.block + 1 + 24, (uint64_t[]) {2, 2}, 16);
	ok(markov_state_is_packed(copy.block + 1, copy.size), "a circle has the form of a state");
	is_i64(markov_credit(copy.block + 1, MARKOV_AUTOMATIC, &host, &credits), MARKOV_CORRUPT,
		   "but paths could not have made it");
	free(copy.block);
	free(packed.block);
	free(state.block);
}

int
main(void)
{
	check_by_hand(MARKOV_ELIMINATE);
	check_by_hand(MARKOV_ITERATE);
	check_sticky(MARKOV_ELIMINATE, "a chain that hardly ever lets go, by elimination");
	check_sticky(MARKOV_ITERATE, "a chain that hardly ever lets go, by iteration");
	check_sticky(MARKOV_AUTOMATIC, "a chain that hardly ever lets go");
	check_methods();
	check_same_bytes();
	check_limits();
	check_memory();
	check_forged();
	ok(breaths > 0, "it breathes");
	is_u64(blocks_held, 0, "all memory was given back");
	return done_testing();
}

/*
 * tally_sums.c
 *	  What new events add to decayed counters.
 *
 * The sums are states of decayed_score(), the same to the bit whatever the order
 * of the events. As large as the new events are many.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "../feed/decayed_score.h"
#include "tally_sums.h"

void
tally_sums_create(TallySums *sums, int nkeys, int nkinds, ArrayType *weights, ArrayType *half_lives, MemoryContext context)
{
	uint64		seed = pg_prng_uint64(&pg_global_prng_state);
	Datum	   *values;
	int			count;
	int			i;

	memset(sums, 0, sizeof(*sums));
	sums->context = context;
	sums->first_key = nkeys - 2;
	deconstruct_array(weights, FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &values, NULL, &count);
	if (count != nkinds || nkeys < 2)
		elog(ERROR, "sums take two keys and a weight per kind");
	for (i = 0; i < count; i++)
	{
		sums->counts[i] = DatumGetFloat8(values[i]) != 0;
		sums->weights[i] = decayed_weight_units(DatumGetFloat8(values[i]));
	}
	deconstruct_array(half_lives, INTERVALOID, sizeof(Interval), false, TYPALIGN_DOUBLE, &values, NULL, &count);
	if (count != TALLY_HALF_LIVES)
		elog(ERROR, "sums take %d half-lives", TALLY_HALF_LIVES);
	for (i = 0; i < count; i++)
		sums->half_lives[i] = decayed_half_life_us(DatumGetIntervalP(values[i]));
	id_map_create(&sums->programs, context, 1, seed);
	id_map_create(&sums->numbers, context, 2, seed);
}

static void
add_to(TallySums *sums, TallySumKind kind, int64 key, uint32 program, const TallyEvent *event)
{
	uint64		words[2] = {(uint64) key, (uint64) kind << 32 | program};
	uint32		number = id_map_add(&sums->numbers, words, "sums");
	TallySum   *sum;
	int			i;

	if (number >= sums->room)
	{
		uint32		larger = Max(256, sums->room * 2);

		sums->sum = sums->sum == NULL ? MemoryContextAllocHuge(sums->context, larger * sizeof(TallySum))
			: repalloc_huge(sums->sum, larger * sizeof(TallySum));
		memset(sums->sum + sums->room, 0, (larger - sums->room) * sizeof(TallySum));
		sums->room = larger;
	}
	sum = sums->sum + number;
	sum->kind = kind;
	sum->key = key;
	sum->program = event->program;
	for (i = 0; i < TALLY_HALF_LIVES; i++)
		sum->states[i] = decayed_state_with(sum->states[i], sums->half_lives[i], event->at, sums->weights[event->kind]);
}

void
tally_sums_add(TallySums *sums, const TallyEvent *event)
{
	int			first = sums->first_key;
	int			second = first + 1;
	uint64		program_word = (uint64) event->program;
	MemoryContext old_context;
	uint32		program;

	if (event->kind >= TALLY_MAX_KINDS || !sums->counts[event->kind])
		return;
	old_context = MemoryContextSwitchTo(sums->context);
	program = id_map_add(&sums->programs, &program_word, "programs");
	if (event->has_key[first])
		add_to(sums, TALLY_SUM_FIRST, event->keys[first], program, event);
	if (event->has_key[second])
		add_to(sums, TALLY_SUM_SECOND, event->keys[second], program, event);
	else if (event->has_key[first])
		add_to(sums, TALLY_SUM_FIRST_ALONE, event->keys[first], program, event);
	MemoryContextSwitchTo(old_context);
}

static int
compare_sums(const void *a, const void *b)
{
	const TallySum *x = a;
	const TallySum *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->program < y->program ? -1 : x->program > y->program;
}

void
tally_sums_sort(TallySums *sums)
{
	qsort(sums->sum, sums->numbers.count, sizeof(TallySum), compare_sums);
}

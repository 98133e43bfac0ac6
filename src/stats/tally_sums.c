/*
 * tally_sums.c
 *	  What new events add to decayed counters; as one value, and
 *	  influence_internal.touch_sums(), which takes it apart.
 *
 * The sums are states of decayed_score(), the same to the bit whatever the order
 * of the events. As large as the new events are many.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "../common/flat_state.h"
#include "../feed/decayed_score.h"
#include "tally_sums.h"

PG_FUNCTION_INFO_V1(stats_touch_sums);

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

/* How the packed sums begin; of each: TallySum with lengths in place of states, then the states. */
#define SUMS_MAGIC UINT32_C(0x50474953)	/* "PGIS" */
#define SUMS_VERSION 1

typedef struct PackedSum
{
	int64		key;
	int64		program;
	uint32		kind;
	uint32		lengths[TALLY_HALF_LIVES];
} PackedSum;

bytea *
tally_sums_pack(TallySums *sums)
{
	uint32		count = sums->numbers.count;
	Size		size = VARHDRSZ + sizeof(FlatHeader);
	bytea	   *result;
	FlatHeader	header;
	uint8	   *to;
	uint32		i;
	int			h;

	qsort(sums->sum, count, sizeof(TallySum), compare_sums);
	for (i = 0; i < count; i++)
	{
		size += sizeof(PackedSum);
		for (h = 0; h < TALLY_HALF_LIVES; h++)
		{
			sums->sum[i].states[h] = decayed_state_trimmed(sums->sum[i].states[h]);
			size += VARSIZE(sums->sum[i].states[h]);
		}
		CHECK_FOR_INTERRUPTS();
	}
	result = palloc(size);
	SET_VARSIZE(result, size);
	to = (uint8 *) VARDATA(result);
	header = flat_header(SUMS_MAGIC, SUMS_VERSION, size - VARHDRSZ);
	memcpy(to, &header, sizeof(header));
	to += sizeof(header);
	for (i = 0; i < count; i++)
	{
		const TallySum *sum = &sums->sum[i];
		PackedSum	packed = {sum->key, sum->program, (uint32) sum->kind + 1, {0}};

		for (h = 0; h < TALLY_HALF_LIVES; h++)
			packed.lengths[h] = VARSIZE(sum->states[h]);
		memcpy(to, &packed, sizeof(packed));
		to += sizeof(packed);
		for (h = 0; h < TALLY_HALF_LIVES; h++)
		{
			memcpy(to, sum->states[h], packed.lengths[h]);
			to += packed.lengths[h];
		}
	}
	return result;
}

/* A state of a packed sum: a bytea of its own. */
static Datum
unpacked_state(const uint8 **from, const uint8 *end, uint32 length)
{
	bytea	   *state;

	if (length < VARHDRSZ || length > end - *from)
		flat_state_corrupted();
	state = palloc(length);
	memcpy(state, *from, length);
	SET_VARSIZE(state, length);
	*from += length;
	return PointerGetDatum(state);
}

/* touch_sums(sums bytea): the sums one by one */
Datum
stats_touch_sums(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context;
	MemoryContext old;
	bytea	   *sums;
	const uint8 *from;
	const uint8 *end;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	sums = PG_GETARG_BYTEA_PP(0);
	if (!flat_header_matches(FLAT_STATE_DATA(sums), FLAT_STATE_SIZE(sums), SUMS_MAGIC, SUMS_VERSION))
		flat_state_corrupted();
	from = FLAT_STATE_DATA(sums) + sizeof(FlatHeader);
	end = FLAT_STATE_DATA(sums) + FLAT_STATE_SIZE(sums);
	context = AllocSetContextCreate(CurrentMemoryContext, "sums of touches", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	while (from < end)
	{
		PackedSum	packed;
		Datum		values[3 + TALLY_HALF_LIVES];
		bool		nulls[3 + TALLY_HALF_LIVES] = {0};
		int			h;

		if (end - from < (ptrdiff_t) sizeof(packed))
			flat_state_corrupted();
		memcpy(&packed, from, sizeof(packed));
		from += sizeof(packed);
		values[0] = Int32GetDatum((int32) packed.kind);
		values[1] = Int64GetDatum(packed.key);
		values[2] = Int64GetDatum(packed.program);
		for (h = 0; h < TALLY_HALF_LIVES; h++)
			values[3 + h] = unpacked_state(&from, end, packed.lengths[h]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/*
 * tally.c
 *	  What new events add to buckets.
 *
 * Visitors, hours, programs, buckets and pairs of a bucket and a visitor get
 * numbers from hash tables. All of it is as large as the new events are many,
 * whatever the buckets have.
 */
#include "postgres.h"

#include "common/pg_prng.h"

#include "tally.h"

#define BUCKET_HOUR_BITS 32
#define BUCKET_PROGRAM_BITS 30

TimestampTz
tally_hour(TimestampTz at)
{
	int64		rest = at % USECS_PER_HOUR;

	/* times before 2000 are below zero */
	return at - (rest < 0 ? rest + USECS_PER_HOUR : rest);
}

void
tally_create(Tally *tally, int nkeys, bool counts_visitors, MemoryContext context)
{
	uint64		seed = pg_prng_uint64(&pg_global_prng_state);

	memset(tally, 0, sizeof(*tally));
	tally->nkeys = nkeys;
	tally->counts_visitors = counts_visitors;
	tally->context = context;
	id_map_create(&tally->visitors, context, 2, seed);
	id_map_create(&tally->hours, context, 1, seed);
	id_map_create(&tally->programs, context, 1, seed);
	id_map_create(&tally->buckets, context, 2, seed);
	id_map_create(&tally->pairs, context, 1, seed);
}

/* Room for a number; what is new is zero. */
static void *
grown(Tally *tally, void *array, uint32 *room, uint32 number, size_t size)
{
	uint32		larger = *room == 0 ? 256 : *room;

	if (number < *room)
		return array;
	while (larger <= number)
		larger *= 2;
	array = array == NULL ? MemoryContextAllocHuge(tally->context, larger * size) : repalloc_huge(array, larger * size);
	memset((char *) array + *room * size, 0, (larger - *room) * size);
	*room = larger;
	return array;
}

static inline void
bucket_words(const TallyEvent *event, int place, uint32 program, uint32 hour, uint64 *words)
{
	words[0] = (uint64) event->keys[place];
	words[1] = (((uint64) place << BUCKET_PROGRAM_BITS | program) << BUCKET_HOUR_BITS) | hour;
}

static inline uint64
pair_word(uint32 bucket, uint32 visitor)
{
	return (uint64) bucket << 32 | visitor;
}

void
tally_add(Tally *tally, const TallyEvent *event)
{
	uint64		hour_word = (uint64) tally_hour(event->at);
	uint64		program_word = (uint64) event->program;
	uint32		hour = id_map_add(&tally->hours, &hour_word, "hours");
	uint32		program = id_map_add(&tally->programs, &program_word, "programs");
	uint32		visitor = tally->counts_visitors ? id_map_add(&tally->visitors, event->visitor, "visitors") : 0;
	int			place;

	tally->hour_events = grown(tally, tally->hour_events, &tally->hour_room, hour, sizeof(uint32));
	tally->hour_events[hour]++;
	for (place = 0; place < tally->nkeys; place++)
	{
		uint64		words[2];
		uint64		word;
		uint32		number;
		uint32		pair;

		if (!event->has_key[place])
			continue;
		bucket_words(event, place, program, hour, words);
		number = id_map_add(&tally->buckets, words, "buckets");
		tally->bucket = grown(tally, tally->bucket, &tally->bucket_room, number, sizeof(TallyBucket));
		tally->bucket[number].key = event->keys[place];
		tally->bucket[number].place = place;
		tally->bucket[number].program = program;
		tally->bucket[number].hour = hour;
		if (event->kind < TALLY_MAX_KINDS)
			tally->bucket[number].counts[event->kind]++;
		if (!tally->counts_visitors)
			continue;
		word = pair_word(number, visitor);
		pair = id_map_add(&tally->pairs, &word, "visitors of buckets");
		tally->pair_seen = grown(tally, tally->pair_seen, &tally->pair_room, pair, sizeof(bool));
	}
}

void
tally_seen(Tally *tally, const TallyEvent *event)
{
	uint32		visitor = id_map_find(&tally->visitors, event->visitor);
	uint64		hour_word = (uint64) tally_hour(event->at);
	uint64		program_word = (uint64) event->program;
	uint32		hour;
	uint32		program;
	int			place;

	if (visitor == ID_MAP_FULL)
		return;
	hour = id_map_find(&tally->hours, &hour_word);
	program = id_map_find(&tally->programs, &program_word);
	if (hour == ID_MAP_FULL || program == ID_MAP_FULL)
		return;
	for (place = 0; place < tally->nkeys; place++)
	{
		uint64		words[2];
		uint64		word;
		uint32		number;

		if (!event->has_key[place])
			continue;
		bucket_words(event, place, program, hour, words);
		number = id_map_find(&tally->buckets, words);
		if (number == ID_MAP_FULL)
			continue;
		word = pair_word(number, visitor);
		number = id_map_find(&tally->pairs, &word);
		if (number != ID_MAP_FULL)
			tally->pair_seen[number] = true;
	}
}

static int
compare_buckets(const void *a, const void *b)
{
	const TallyBucket *x = a;
	const TallyBucket *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->program != y->program)
		return x->program < y->program ? -1 : 1;
	return x->hour < y->hour ? -1 : x->hour > y->hour;
}

void
tally_finish(Tally *tally)
{
	uint32		pair;

	for (pair = 0; pair < tally->pairs.count; pair++)
		if (!tally->pair_seen[pair])
			tally->bucket[tally->pairs.keys[pair] >> 32].visitors++;
	/* neighbours in an index together; their numbers are no longer needed */
	qsort(tally->bucket, tally->buckets.count, sizeof(TallyBucket), compare_buckets);
}

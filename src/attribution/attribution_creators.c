/*
 * attribution_creators.c
 *	  What each creator earned, added up: a table by creator_id, which can go to
 *	  another process and become rows.
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/numeric.h"

#include "../common/errors.h"
#include "attribution_creators.h"

typedef struct CreatorTotal
{
	int64		creator_id;		/* hash key */
	char		status;			/* hash status */
	bool		used;
	int64		conversions;	/* billionths */
	int128		credit;			/* wide: signs mix, only the end must fit */
} CreatorTotal;

/* neighbouring ids are usual, and must not be neighbours in the table: 2^64 over the golden ratio */
static inline uint32
hash_creator(int64 creator_id)
{
	return (uint32) (((uint64) creator_id * UINT64CONST(0x9E3779B97F4A7C15)) >> 32);
}

#define SH_PREFIX creator_totals
#define SH_ELEMENT_TYPE CreatorTotal
#define SH_KEY_TYPE int64
#define SH_KEY creator_id
#define SH_HASH_KEY(table, key) hash_creator(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct AttributionCreators
{
	creator_totals_hash *creators;
	CreatorTotal nobody;		/* credits without a creator */
};

AttributionCreators *
attribution_creators_create(MemoryContext context)
{
	AttributionCreators *creators = MemoryContextAllocZero(context, sizeof(AttributionCreators));

	creators->creators = creator_totals_create(context, 256, NULL);
	return creators;
}

void
attribution_creators_add(AttributionCreators *creators, bool has_creator, int64 creator_id,
						 int64 conversions, int128 credit)
{
	CreatorTotal *total = &creators->nobody;

	if (has_creator)
	{
		bool		found;

		total = creator_totals_insert(creators->creators, creator_id, &found);
		if (!found)
		{
			total->conversions = 0;
			total->credit = 0;
		}
	}
	total->used = true;
	total->credit += credit;
	if (pg_add_s64_overflow(total->conversions, conversions, &total->conversions))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_MONEY_OVERFLOW),
				 errmsg("too many conversions for one creator"),
				 errhint("Run influence.attribute_totals() over shorter periods.")));
}

void
attribution_creators_prefetch(const AttributionCreators *creators, int64 creator_id)
{
	const creator_totals_hash *table = creators->creators;

	__builtin_prefetch(&table->data[hash_creator(creator_id) & table->sizemask], 1);
}

/* A total on its way to another process; int128 wants an alignment that it may not have there. */
typedef struct SavedTotal
{
	int64		creator_id;
	int64		conversions;
	uint64		credit_low;
	int64		credit_high;
} SavedTotal;

typedef struct SavedTotals
{
	size_t		count;			/* of creators */
	bool		nobody_used;
	SavedTotal	totals[FLEXIBLE_ARRAY_MEMBER];	/* nobody's first */
} SavedTotals;

size_t
attribution_creators_size(const AttributionCreators *creators)
{
	return offsetof(SavedTotals, totals) +
		((size_t) creators->creators->members + 1) * sizeof(SavedTotal);
}

static void
save_total(SavedTotal *saved, const CreatorTotal *total)
{
	saved->creator_id = total->creator_id;
	saved->conversions = total->conversions;
	saved->credit_low = (uint64) total->credit;
	saved->credit_high = (int64) (total->credit >> 64);
}

void
attribution_creators_save(const AttributionCreators *creators, void *place)
{
	SavedTotals *saved = place;
	creator_totals_iterator iterator;
	const CreatorTotal *total;

	saved->count = 0;
	saved->nobody_used = creators->nobody.used;
	save_total(&saved->totals[0], &creators->nobody);
	creator_totals_start_iterate(creators->creators, &iterator);
	while ((total = creator_totals_iterate(creators->creators, &iterator)) != NULL)
		save_total(&saved->totals[++saved->count], total);
}

void
attribution_creators_merge(AttributionCreators *creators, const void *place)
{
	const SavedTotals *saved = place;
	size_t		i;

	for (i = saved->nobody_used ? 0 : 1; i <= saved->count; i++)
	{
		const SavedTotal *total = &saved->totals[i];

		if ((i & 0xffff) == 0xffff)
			CHECK_FOR_INTERRUPTS();
		attribution_creators_add(creators, i > 0, total->creator_id, total->conversions,
								 ((int128) total->credit_high << 64) | total->credit_low);
	}
}

static void
emit_total(ReturnSetInfo *result, const CreatorTotal *total, bool has_creator)
{
	Datum		values[3];
	bool		nulls[3] = {!has_creator, false, false};

	if (total->credit > PG_INT64_MAX || total->credit < PG_INT64_MIN)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_MONEY_OVERFLOW),
				 has_creator
				 ? errmsg("the credit of creator " INT64_FORMAT " is out of range for bigint",
						  total->creator_id)
				 : errmsg("the credit without a creator is out of range for bigint"),
				 errhint("Total a shorter period at a time.")));

	values[0] = Int64GetDatum(total->creator_id);
	values[1] = NumericGetDatum(int64_div_fast_to_numeric(total->conversions, 9));
	values[2] = Int64GetDatum((int64) total->credit);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

void
attribution_creators_emit(AttributionCreators *creators, ReturnSetInfo *result)
{
	creator_totals_iterator iterator;
	CreatorTotal *total;

	creator_totals_start_iterate(creators->creators, &iterator);
	while ((total = creator_totals_iterate(creators->creators, &iterator)) != NULL)
		emit_total(result, total, true);
	if (creators->nobody.used)
		emit_total(result, &creators->nobody, false);
}

/*
 * commission_tier_sql.c
 *	  Tiers from SQL arguments, and the plain functions tiered_amount and
 *	  reached_tier.
 *
 * A query has few tiers and many rows.  Reading tiers takes microseconds,
 * because rates are numeric; comparing the bytes takes nanoseconds.  So the last
 * few stay with the call site, with the bytes they were read from.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "../common/errors.h"
#include "../common/money_sql.h"
#include "commission_tier_sql.h"

PG_FUNCTION_INFO_V1(commission_tiered_amount);
PG_FUNCTION_INFO_V1(commission_reached_tier);

/* of the three arguments that make tiers */
enum
{
	TIER_THRESHOLDS,
	TIER_RATES,
	TIER_MODE,
	TIER_ARGUMENTS
};

static const char *const argument_names[TIER_ARGUMENTS] = {"thresholds", "rates", "mode"};

#define TIER_HINT "Give one threshold and one rate per tier, for instance '{0,20000}' and '{0.04,0.06}', and mode graduated or volume."

/* Tiers that a call site remembers, all in its own memory; NULL: none. */
typedef struct TierEntry
{
	CommissionTiers *tiers;
	struct varlena *bytes[TIER_ARGUMENTS];
	uint64		serial;
} TierEntry;

#define TIER_ENTRIES 8

typedef struct TierMemory
{
	TierEntry	entries[TIER_ENTRIES];
	int			latest;			/* the one of the row before */
	int			oldest;			/* the next to make room */
	uint64		serial;			/* the last one given */
} TierMemory;

static void
check_one_dimension(ArrayType *array, const char *name)
{
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s must be a one-dimensional array", name),
				 errhint(TIER_HINT)));
}

static int
element_count(ArrayType *array)
{
	return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

static void
refuse_null_element(const char *name, int position)
{
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("%s must not contain NULL", name),
			 errdetail("Tier %d has none.", position),
			 errhint(TIER_HINT)));
}

/* The elements of thresholds, once they can be used. */
static const int64_t *
checked_thresholds(ArrayType *array, size_t *n)
{
	const int64_t *thresholds;
	size_t		at;

	check_one_dimension(array, argument_names[TIER_THRESHOLDS]);
	*n = (size_t) element_count(array);
	if (*n > COMMISSION_MAX_TIERS)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("too many tiers"),
				 errdetail("There are %d thresholds, at most %d are possible.",
						   (int) *n, COMMISSION_MAX_TIERS),
				 errhint("Give neighbours with the same rate as one tier.")));
	if (array_contains_nulls(array))
	{
		const bits8 *present = ARR_NULLBITMAP(array);
		int			position = 0;

		while ((present[position / 8] & (1 << (position % 8))) != 0)
			position++;
		refuse_null_element(argument_names[TIER_THRESHOLDS], position + 1);
	}

	/* ARR_DATA_PTR mixes signs, which -Wextra minds */
	thresholds = (const int64_t *) ((char *) array +
									(ARR_HASNULL(array) ? (size_t) array->dataoffset
									 : ARR_OVERHEAD_NONULLS(ARR_NDIM(array))));
	switch (commission_tiers_check(thresholds, *n, &at))
	{
		case COMMISSION_TIERS_OK:
		case COMMISSION_TIERS_TOO_MANY: /* refused above */
			break;
		case COMMISSION_TIERS_NONE:
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("thresholds must not be empty"),
					 errhint(TIER_HINT)));
			break;
		case COMMISSION_TIERS_FIRST:
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("the first threshold must be 0"),
					 errdetail("It is %lld.", (long long) thresholds[0]),
					 errhint("Thresholds are lower bounds: begin with 0, and give what earns nothing a rate of 0.")));
			break;
		case COMMISSION_TIERS_ORDER:
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("thresholds must ascend"),
					 errdetail("Threshold %d is %lld, the one before it %lld.", (int) at + 1,
							   (long long) thresholds[at], (long long) thresholds[at - 1]),
					 errhint("Give each lower bound once, the lowest first.")));
			break;
	}
	return thresholds;
}

static void
read_rates(ArrayType *array, CommissionTiers *tiers)
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
	int			i;

	check_one_dimension(array, argument_names[TIER_RATES]);
	if ((size_t) element_count(array) != tiers->n)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("thresholds and rates must be equally many"),
				 errdetail("There are %d thresholds and %d rates.", (int) tiers->n,
						   element_count(array)),
				 errhint(TIER_HINT)));
	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (i = 0; i < n; i++)
	{
		char		what[32];

		if (nulls[i])
			refuse_null_element(argument_names[TIER_RATES], i + 1);
		snprintf(what, sizeof(what), "rate of tier %d", i + 1);
		tiers->rates[i] = money_rate_from_numeric(DatumGetNumeric(values[i]), what);
	}
}

static CommissionTierMode
mode_from_text(text *mode)
{
	char	   *name = text_to_cstring(mode);

	if (strcmp(name, "graduated") == 0)
		return COMMISSION_GRADUATED;
	if (strcmp(name, "volume") == 0)
		return COMMISSION_VOLUME;

	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("mode \"%s\" is not known", name),
			 errhint("Use graduated (each slice at its own rate) or volume (everything at the reached rate).")));
	pg_unreachable();
}

/* In the current context: an error in here must leave nothing behind. */
static CommissionTiers *
read_tiers(const Datum *arguments)
{
	ArrayType  *array = DatumGetArrayTypeP(arguments[TIER_THRESHOLDS]);
	const int64_t *thresholds;
	size_t		n;
	CommissionTiers *tiers;

	thresholds = checked_thresholds(array, &n);
	tiers = commission_tiers_place(palloc(commission_tiers_size(n)), n);
	memcpy(tiers->thresholds, thresholds, n * sizeof(int64_t));
	read_rates(DatumGetArrayTypeP(arguments[TIER_RATES]), tiers);
	tiers->mode = mode_from_text(DatumGetTextPP(arguments[TIER_MODE]));
	commission_tiers_prepare(tiers);
	return tiers;
}

static bool
same_bytes(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static bool
entry_fits(const TierEntry *entry, struct varlena *const *bytes)
{
	return entry->tiers != NULL &&
		same_bytes(entry->bytes[TIER_RATES], bytes[TIER_RATES]) &&
		same_bytes(entry->bytes[TIER_THRESHOLDS], bytes[TIER_THRESHOLDS]) &&
		same_bytes(entry->bytes[TIER_MODE], bytes[TIER_MODE]);
}

/*
 * Other bytes may still be the same tiers, as 0.1 and 0.10.  The row before is
 * remembered whatever came since, so in a run of the same tiers the serial stays
 * the same, however they are spelt.
 */
static uint64
serial_of(TierMemory *memory, const CommissionTiers *tiers)
{
	int			i;

	for (i = 0; i < TIER_ENTRIES; i++)
	{
		const TierEntry *entry = &memory->entries[i];

		if (entry->tiers != NULL && commission_tiers_equal(tiers, entry->tiers))
			return entry->serial;
	}
	return ++memory->serial;
}

static void
remember(TierEntry *entry, MemoryContext context, const CommissionTiers *tiers,
		 struct varlena *const *bytes)
{
	int			i;

	/* without tiers until everything is there: memory may run out */
	if (entry->tiers != NULL)
		pfree(entry->tiers);
	entry->tiers = NULL;
	for (i = 0; i < TIER_ARGUMENTS; i++)
	{
		Size		size = VARSIZE_ANY(bytes[i]);

		if (entry->bytes[i] != NULL)
			pfree(entry->bytes[i]);
		entry->bytes[i] = NULL;
		entry->bytes[i] = (struct varlena *) MemoryContextAlloc(context, size);
		memcpy(entry->bytes[i], bytes[i], size);
	}
	entry->tiers = commission_tiers_copy(MemoryContextAlloc(context, commission_tiers_size(tiers->n)),
										 tiers);
}

/* The entry for these arguments, found or read. */
static TierEntry *
find_entry(TierMemory *memory, MemoryContext context, const Datum *arguments)
{
	struct varlena *bytes[TIER_ARGUMENTS];
	CommissionTiers *tiers;
	TierEntry  *entry;
	int			i;

	for (i = 0; i < TIER_ARGUMENTS; i++)
		bytes[i] = PG_DETOAST_DATUM_PACKED(arguments[i]);

	if (entry_fits(&memory->entries[memory->latest], bytes))
		return &memory->entries[memory->latest];
	for (i = 0; i < TIER_ENTRIES; i++)
	{
		if (entry_fits(&memory->entries[i], bytes))
		{
			memory->latest = i;
			return &memory->entries[i];
		}
	}

	tiers = read_tiers(arguments);
	entry = &memory->entries[memory->oldest];
	entry->serial = serial_of(memory, tiers);
	remember(entry, context, tiers, bytes);
	memory->latest = memory->oldest;
	memory->oldest = (memory->oldest + 1) % TIER_ENTRIES;
	return entry;
}

const CommissionTiers *
commission_tiers_from_arguments(FmgrInfo *flinfo, const Datum *arguments, const bool *nulls,
								uint64 *serial)
{
	TierMemory *memory = (TierMemory *) flinfo->fn_extra;
	TierEntry  *entry;
	int			i;

	for (i = 0; i < TIER_ARGUMENTS; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("%s must not be NULL", argument_names[i]),
					 errhint(TIER_HINT)));
	}
	if (memory == NULL)
	{
		memory = (TierMemory *) MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(TierMemory));
		flinfo->fn_extra = memory;
	}
	entry = find_entry(memory, flinfo->fn_mcxt, arguments);
	if (serial != NULL)
		*serial = entry->serial;
	return entry->tiers;
}

void
commission_tiers_refuse_others(const char *rows_of, const char *clause)
{
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("tiers must be the same in all rows of a %s", rows_of),
			 errhint("Add thresholds, rates and mode to %s, or give constants.", clause)));
}

void
commission_tiers_status(MoneyStatus status)
{
	if (status == MONEY_OVERFLOW)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_MONEY_OVERFLOW),
				 errmsg("commission is out of range"),
				 errdetail("Commissions are minor units between -2^63 and 2^63-1."),
				 errhint("Group by a shorter period, or look at the rates: 0.045 stands for 4.5 percent.")));
	money_check(status);
}

/* tiered_amount(amount, thresholds, rates, mode, rounding), strict */
Datum
commission_tiered_amount(PG_FUNCTION_ARGS)
{
	Datum		arguments[TIER_ARGUMENTS] = {PG_GETARG_DATUM(1), PG_GETARG_DATUM(2), PG_GETARG_DATUM(3)};
	bool		nulls[TIER_ARGUMENTS] = {false, false, false};
	MoneyRounding rounding = money_rounding_from_text(PG_GETARG_TEXT_PP(4));
	const CommissionTiers *tiers;
	int64_t		result = 0;

	tiers = commission_tiers_from_arguments(fcinfo->flinfo, arguments, nulls, NULL);
	commission_tiers_status(commission_tiers_apply(tiers, PG_GETARG_INT64(0), rounding, &result));
	PG_RETURN_INT64(result);
}

/* reached_tier(amount, thresholds), strict */
Datum
commission_reached_tier(PG_FUNCTION_ARGS)
{
	size_t		n;
	const int64_t *thresholds = checked_thresholds(PG_GETARG_ARRAYTYPE_P(1), &n);

	PG_RETURN_INT32((int32) commission_tiers_reached(thresholds, n, PG_GETARG_INT64(0)));
}

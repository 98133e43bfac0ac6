/*
 * post_total.c
 *	  A row of influence.post_total, and the hours of a post, of which it is the sum.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"

#include "post_total.h"

enum
{
	TOTAL_POST,
	TOTAL_PROGRAM,
	TOTAL_IMPRESSIONS,
	TOTAL_ENGAGEMENT,
	TOTAL_REVENUE,
	TOTAL_STATE,
	TOTAL_REACTIONS
};

static const KeyedColumn total_columns[] = {
	{"post_id", INT8OID}, {"program_id", INT8OID}, {"impressions", INT8OID}, {"engagement", FLOAT8OID}, {"revenue", NUMERICOID},
	{"quality_state", BYTEAOID}, {"reactions", INT8ARRAYOID}
};

#define HOUR_KEYS 3

static const KeyedColumn hour_columns[] = {
	{"post_id", INT8OID}, {"bucket_start", TIMESTAMPTZOID}, {"part", INT4OID}, {"impressions", INT8OID}, {"smiles", INT8OID},
	{"unsmiles", INT8OID}, {"comments", INT8OID}, {"shares", INT8OID}, {"saves", INT8OID}, {"clicks", INT8OID}
};

KeyedRows *
post_totals_open(void)
{
	return keyed_rows_open("post_total", total_columns, lengthof(total_columns), 1, 1);
}

KeyedRows *
post_hours_open(void)
{
	return keyed_rows_open("post_hour", hour_columns, lengthof(hour_columns), HOUR_KEYS, lengthof(hour_columns) - HOUR_KEYS);
}

/* Somebody may have written something else than six numbers: it is as if there were none. */
static bool
read_reactions(KeyedRows *rows, int64 *reactions)
{
	bool		is_null;
	Datum		value = keyed_rows_value(rows, TOTAL_REACTIONS, &is_null);
	ArrayType  *array;

	if (is_null)
		return false;
	array = DatumGetArrayTypeP(value);
	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != POST_REACTIONS || ARR_LBOUND(array)[0] != 1 || ARR_HASNULL(array))
		return false;
	memcpy(reactions, (char *) array + ARR_OVERHEAD_NONULLS(1), POST_REACTIONS * sizeof(*reactions));
	return true;
}

bool
post_total_find(KeyedRows *rows, int64 post_id, PostTotal *total)
{
	Datum		key = Int64GetDatum(post_id);
	Datum		state;
	bool		is_null;

	if (!keyed_rows_find(rows, &key, 1))
		return false;
	total->program_id = DatumGetInt64(keyed_rows_value(rows, TOTAL_PROGRAM, &is_null));
	total->counts.impressions = DatumGetInt64(keyed_rows_value(rows, TOTAL_IMPRESSIONS, &is_null));
	total->engagement = DatumGetFloat8(keyed_rows_value(rows, TOTAL_ENGAGEMENT, &is_null));
	total->revenue = keyed_rows_value(rows, TOTAL_REVENUE, &is_null);
	state = keyed_rows_value(rows, TOTAL_STATE, &is_null);
	total->quality_state = is_null ? NULL : DatumGetByteaPP(state);
	total->has_reactions = read_reactions(rows, total->counts.reactions);
	return true;
}

static bool
states_differ(const bytea *a, const bytea *b)
{
	if (a == NULL || b == NULL)
		return a != b;
	return VARSIZE_ANY_EXHDR(a) != VARSIZE_ANY_EXHDR(b) || memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) != 0;
}

static bool
totals_differ(const PostTotal *a, const PostTotal *b)
{
	return a->counts.impressions != b->counts.impressions || float8_ne(a->engagement, b->engagement) ||
		!DatumGetBool(DirectFunctionCall2(numeric_eq, a->revenue, b->revenue)) ||
		states_differ(a->quality_state, b->quality_state) || a->has_reactions != b->has_reactions ||
		memcmp(a->counts.reactions, b->counts.reactions, sizeof(a->counts.reactions)) != 0;
}

void
post_total_write(KeyedRows *rows, int64 post_id, const PostTotal *total, const PostTotal *before)
{
	Datum		values[lengthof(total_columns)];
	bool		nulls[lengthof(total_columns)] = {false};
	Datum		reactions[POST_REACTIONS];
	int			i;

	if (before != NULL && !totals_differ(total, before))
		return;
	for (i = 0; i < POST_REACTIONS; i++)
		reactions[i] = Int64GetDatum(total->counts.reactions[i]);
	values[TOTAL_POST] = Int64GetDatum(post_id);
	values[TOTAL_PROGRAM] = Int64GetDatum(total->program_id);
	values[TOTAL_IMPRESSIONS] = Int64GetDatum(total->counts.impressions);
	values[TOTAL_ENGAGEMENT] = Float8GetDatum(total->engagement);
	values[TOTAL_REVENUE] = total->revenue;
	values[TOTAL_STATE] = PointerGetDatum(total->quality_state);
	nulls[TOTAL_STATE] = total->quality_state == NULL;
	values[TOTAL_REACTIONS] = PointerGetDatum(construct_array(reactions, POST_REACTIONS, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	if (before == NULL)
		keyed_rows_insert(rows, values, nulls);
	else
		keyed_rows_update(rows, values + TOTAL_IMPRESSIONS, nulls + TOTAL_IMPRESSIONS);
}

/* In this order: a sum of floats in another one may be another sum. */
float8
post_counts_engagement(const PostCounts *counts, const float8 *weights)
{
	float8		sum = float8_mul((float8) counts->reactions[0], weights[0]);
	int			i;

	for (i = 1; i < POST_REACTIONS; i++)
		sum = float8_pl(sum, float8_mul((float8) counts->reactions[i], weights[i]));
	return sum;
}

static void
add(int64 *sum, int64 number)
{
	if (pg_add_s64_overflow(*sum, number, sum))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bigint out of range")));
}

void
post_counts_add(PostCounts *counts, const PostCounts *came)
{
	int			i;

	add(&counts->impressions, came->impressions);
	for (i = 0; i < POST_REACTIONS; i++)
		add(&counts->reactions[i], came->reactions[i]);
}

void
post_hours_sum(KeyedRows *rows, int64 post_id, PostCounts *counts)
{
	Datum		key = Int64GetDatum(post_id);
	bool		is_there;

	memset(counts, 0, sizeof(*counts));
	for (is_there = keyed_rows_find(rows, &key, 1); is_there; is_there = keyed_rows_next(rows))
	{
		PostCounts	hour;
		bool		is_null;
		int			i;

		hour.impressions = DatumGetInt64(keyed_rows_value(rows, HOUR_KEYS, &is_null));
		for (i = 0; i < POST_REACTIONS; i++)
			hour.reactions[i] = DatumGetInt64(keyed_rows_value(rows, HOUR_KEYS + 1 + i, &is_null));
		post_counts_add(counts, &hour);
	}
}

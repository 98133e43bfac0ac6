/*
 * trend_row.c
 *	  A row of influence.trend_state: exact sums, and what follows from them.
 *
 * The score of a sum is its logarithm, NULL where it is not above zero. Posts have
 * it in score_..., which are in indexes; all others in other_score_..., and, where
 * they are about all categories, in step_...: rounded down to half-lives of 6 hours
 * and to halves of 3 and 30 days, so that most changes leave what is in an index as
 * it is. (A list sorts the last step that it reads, of a few hundred items.)
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/float.h"

#include "../feed/decayed_score.h"
#include "trend_row.h"

/* where columns begin, of one for each half-life */
#define LIST 0
#define SCORES 1
#define OTHER_SCORES (SCORES + TREND_HALF_LIVES)
#define STEPS (OTHER_SCORES + TREND_HALF_LIVES)
#define STATES (STEPS + TREND_HALF_LIVES)

static const KeyedColumn columns[TREND_KEYS + TREND_COLUMNS] = {
	{"kind", TEXTOID}, {"item_id", INT8OID}, {"scope_id", INT8OID}, {"program_id", INT8OID},
	{"list_id", INT8OID},
	{"score_6h", FLOAT8OID}, {"score_3d", FLOAT8OID}, {"score_30d", FLOAT8OID},
	{"other_score_6h", FLOAT8OID}, {"other_score_3d", FLOAT8OID}, {"other_score_30d", FLOAT8OID},
	{"step_6h", FLOAT8OID}, {"step_3d", FLOAT8OID}, {"step_30d", FLOAT8OID},
	{"state_6h", BYTEAOID}, {"state_3d", BYTEAOID}, {"state_30d", BYTEAOID}
};

/* steps in a half-life */
static const float8 steps_in[TREND_HALF_LIVES] = {1, 2, 2};

KeyedRows *
trend_rows_open(void)
{
	return keyed_rows_open("trend_state", columns, lengthof(columns), TREND_KEYS, 0);
}

void
trend_row_read(KeyedRows *rows, TrendRow *row)
{
	bool		is_null;
	int			i;

	for (i = 0; i < TREND_KEYS; i++)
		row->keys[i] = keyed_rows_value(rows, i, &is_null);
	for (i = 0; i < TREND_COLUMNS; i++)
		row->values[i] = keyed_rows_value(rows, TREND_KEYS + i, &row->nulls[i]);
	for (i = 0; i < TREND_HALF_LIVES; i++)
		row->states[i] = row->nulls[STATES + i] ? NULL : DatumGetByteaPP(row->values[STATES + i]);
}

void
trend_states_plus(bytea **sum, bytea *const *a, bytea *const *b)
{
	int			h;

	for (h = 0; h < TREND_HALF_LIVES; h++)
		sum[h] = decayed_state_plus(a[h], b == NULL ? NULL : b[h]);
}

static bool
is_kind(const TrendRow *row, const char *kind)
{
	const text *found = DatumGetTextPP(row->keys[0]);

	return VARSIZE_ANY_EXHDR(found) == strlen(kind) && memcmp(VARDATA_ANY(found), kind, strlen(kind)) == 0;
}

bool
trend_row_may_have_votes(const TrendRow *row)
{
	return is_kind(row, "product") || is_kind(row, "category");
}

static void
put_number(TrendRow *row, int column, float8 number)
{
	row->values[column] = Float8GetDatum(number);
	row->nulls[column] = false;
}

void
trend_row_score(TrendRow *row, bytea *const *votes)
{
	bool		is_post = is_kind(row, "post");
	bool		is_vote = DatumGetInt64(row->keys[TREND_KEYS - 1]) == 0;
	bool		has_steps = !is_post && DatumGetInt64(row->keys[TREND_GROUP_KEYS - 1]) == 0;
	int			h;

	for (h = 0; h < TREND_HALF_LIVES; h++)
	{
		const bytea *state = row->states[h];
		float8		score;

		row->nulls[SCORES + h] = row->nulls[OTHER_SCORES + h] = row->nulls[STEPS + h] = true;
		if (is_vote)
			continue;
		if (votes != NULL && votes[h] != NULL)
			state = decayed_state_plus(state, votes[h]);
		score = state == NULL ? -get_float8_infinity() : decayed_state_score(state);
		if (isinf(score))
			continue;
		put_number(row, (is_post ? SCORES : OTHER_SCORES) + h, score);
		if (has_steps)
			put_number(row, STEPS + h, floor(score * steps_in[h]));
	}
}

static bool
states_differ(const bytea *a, const bytea *b)
{
	if (a == NULL || b == NULL)
		return a != b;
	return VARSIZE_ANY_EXHDR(a) != VARSIZE_ANY_EXHDR(b) || memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) != 0;
}

static bool
numbers_differ(const TrendRow *a, int in_a, const TrendRow *b, int in_b)
{
	if (a->nulls[in_a] || b->nulls[in_b])
		return a->nulls[in_a] != b->nulls[in_b];
	return float8_ne(DatumGetFloat8(a->values[in_a]), DatumGetFloat8(b->values[in_b]));
}

/* Where a row has a score; a post has it in other columns than the rest. */
static int
score_column(const TrendRow *row, int h)
{
	return row->nulls[SCORES + h] ? OTHER_SCORES + h : SCORES + h;
}

bool
trend_row_write(KeyedRows *rows, TrendRow *row, const TrendRow *before)
{
	bool		is_moved;
	bool		differs;
	int			i;

	for (i = 0; i < TREND_HALF_LIVES; i++)
	{
		row->values[STATES + i] = PointerGetDatum(row->states[i]);
		row->nulls[STATES + i] = row->states[i] == NULL;
	}
	if (before == NULL)
	{
		Datum		values[TREND_KEYS + TREND_COLUMNS];
		bool		nulls[TREND_KEYS + TREND_COLUMNS] = {false};

		memcpy(values, row->keys, sizeof(row->keys));
		memcpy(values + TREND_KEYS, row->values, sizeof(row->values));
		memcpy(nulls + TREND_KEYS, row->nulls, sizeof(row->nulls));
		keyed_rows_insert(rows, values, nulls);
		return true;
	}
	is_moved = DatumGetInt64(row->values[LIST]) != DatumGetInt64(before->values[LIST]);
	differs = is_moved;
	for (i = 0; i < TREND_HALF_LIVES; i++)
	{
		is_moved |= numbers_differ(row, score_column(row, i), before, score_column(before, i));
		differs |= numbers_differ(row, SCORES + i, before, SCORES + i) || numbers_differ(row, OTHER_SCORES + i, before, OTHER_SCORES + i) ||
			numbers_differ(row, STEPS + i, before, STEPS + i) || states_differ(row->states[i], before->states[i]);
	}
	if (differs)
		keyed_rows_update(rows, row->values, row->nulls);
	return is_moved;
}

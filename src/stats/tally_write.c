/*
 * tally_write.c
 *	  What a tally adds goes into tables of hourly buckets.
 *
 * Of the parts of a bucket at most one is open, the last: it is added to. Where
 * all are sealed, or there is none, a further part begins.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/timestamp.h"

#include "../common/keyed_rows.h"
#include "tally_write.h"

typedef struct HourTable
{
	const char *name;
	const char *key;
	bool		has_program;
} HourTable;

static const HourTable hour_tables[] = {
	{"post_hour", "post_id", false},
	{"creator_hour", "creator_id", true},
	{"product_hour", "product_id", true},
	{"category_hour", "category_id", true}
};

/* key, program_id, bucket_start, part, sealed */
#define MAX_FIRST_COLUMNS 5
#define MAX_COUNTS (TALLY_MAX_KINDS + 1)
#define MAX_COLUMNS (MAX_FIRST_COLUMNS + MAX_COUNTS)

typedef struct BucketTable
{
	KeyedRows  *rows;
	KeyedColumn columns[MAX_COLUMNS];
	int			first_count;	/* of the columns */
	int			ncounts;
	bool		has_program;
} BucketTable;

static const HourTable *
hour_table(const char *name)
{
	size_t		i;

	for (i = 0; i < lengthof(hour_tables); i++)
	{
		if (strcmp(hour_tables[i].name, name) == 0)
			return &hour_tables[i];
	}
	elog(ERROR, "\"%s\" is not a table of hourly buckets", name);
}

static void
open_table(BucketTable *table, const Tally *tally, const char *name, char *const *columns, int nkinds)
{
	const HourTable *known = hour_table(name);
	int			n = 0;
	int			i;

	table->has_program = known->has_program;
	table->ncounts = nkinds + (tally->counts_visitors ? 1 : 0);
	table->columns[n++] = (KeyedColumn) {known->key, INT8OID};
	if (known->has_program)
		table->columns[n++] = (KeyedColumn) {"program_id", INT8OID};
	table->columns[n++] = (KeyedColumn) {"bucket_start", TIMESTAMPTZOID};
	table->columns[n++] = (KeyedColumn) {"part", INT4OID};
	table->columns[n++] = (KeyedColumn) {"sealed", BOOLOID};
	table->first_count = n;
	for (i = 0; i < table->ncounts; i++)
		table->columns[n++] = (KeyedColumn) {columns[i], INT8OID};
	table->rows = keyed_rows_open(name, table->columns, n, table->first_count - 1, 1);
}

static int64
count_of(const TallyBucket *bucket, int nkinds, int i)
{
	return i < nkinds ? bucket->counts[i] : bucket->visitors;
}

static void
add_to_row(BucketTable *table, const TallyBucket *bucket, int nkinds)
{
	Datum		values[MAX_COUNTS];
	bool		nulls[MAX_COUNTS] = {0};
	int			i;

	for (i = 0; i < table->ncounts; i++)
	{
		bool		is_null;
		int64		sum;

		if (pg_add_s64_overflow(DatumGetInt64(keyed_rows_value(table->rows, table->first_count + i, &is_null)), count_of(bucket, nkinds, i), &sum))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("bigint out of range")));
		values[i] = Int64GetDatum(sum);
	}
	keyed_rows_update(table->rows, values, nulls);
}

static void
write_bucket(BucketTable *table, const Tally *tally, const TallyBucket *bucket, int nkinds)
{
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS] = {0};
	int			nkeys = 0;
	int32		part = 0;
	bool		is_null;
	bool		is_there;
	int			i;

	values[nkeys++] = Int64GetDatum(bucket->key);
	if (table->has_program)
		values[nkeys++] = Int64GetDatum(tally_program_at(tally, bucket->program));
	values[nkeys++] = TimestampTzGetDatum(tally_hour_at(tally, bucket->hour));
	for (is_there = keyed_rows_find(table->rows, values, nkeys); is_there; is_there = keyed_rows_next(table->rows))
	{
		if (!DatumGetBool(keyed_rows_value(table->rows, nkeys + 1, &is_null)))
		{
			add_to_row(table, bucket, nkinds);
			return;
		}
		part = DatumGetInt32(keyed_rows_value(table->rows, nkeys, &is_null)) + 1;
	}
	values[nkeys] = Int32GetDatum(part);
	values[nkeys + 1] = BoolGetDatum(false);
	for (i = 0; i < table->ncounts; i++)
		values[table->first_count + i] = Int64GetDatum(count_of(bucket, nkinds, i));
	keyed_rows_insert(table->rows, values, nulls);
}

/* An event of a kind that nothing counts, of a visitor who is known there, adds nothing. */
static bool
adds_something(const TallyBucket *bucket, int ncounts, int nkinds)
{
	int			i;

	for (i = 0; i < ncounts; i++)
	{
		if (count_of(bucket, nkinds, i) != 0)
			return true;
	}
	return false;
}

int64
tally_write(const Tally *tally, int place, const char *name, char *const *columns, int nkinds)
{
	BucketTable table = {0};
	int64		written = 0;
	uint32		i;

	for (i = 0; i < tally->buckets.count; i++)
	{
		const TallyBucket *bucket = &tally->bucket[i];

		if (bucket->place != place)
			continue;
		if (table.rows == NULL)
			open_table(&table, tally, name, columns, nkinds);
		if (!adds_something(bucket, table.ncounts, nkinds))
			continue;
		write_bucket(&table, tally, bucket, nkinds);
		written++;
	}
	if (table.rows != NULL)
		keyed_rows_close(table.rows);
	return written;
}

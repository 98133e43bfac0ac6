/*
 * engagement_list.c
 *	  Aggregates whose state is a multiset: the part that they share.
 *
 * A row is appended in place; a full state moves to one of twice the size.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "../common/flat_state.h"
#include "engagement_list.h"

static void
too_many_rows(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many rows in a group"),
			 errdetail("The rows of a group are kept until its last one, and a value has at most 1 GB."),
			 errhint("Aggregate by smaller groups.")));
}

static bytea *
make_state(const ListKind *kind, size_t size)
{
	bytea	   *state;

	if (size == 0)
		too_many_rows();
	state = (bytea *) palloc(VARHDRSZ + size);
	SET_VARSIZE(state, VARHDRSZ + size);
	/* spare room is never read, but it travels: nothing of ours goes along */
	memset(VARDATA(state), 0, size);
	list_init(kind, FLAT_STATE_DATA(state), size);
	return state;
}

bytea *
list_state(const ListKind *kind, Datum value)
{
	bytea	   *state = DatumGetByteaPP(value);

	if (!list_has_frame(kind, FLAT_STATE_DATA(state), FLAT_STATE_SIZE(state)))
		flat_state_corrupted();
	return state;
}

Datum
list_trans(FunctionCallInfo fcinfo, const ListKind *kind, const int64_t *row)
{
	bytea	   *state = NULL;
	bytea	   *larger;
	const uint8_t *data = NULL;

	flat_state_require_aggregate(fcinfo);

	if (row == NULL)
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	if (!PG_ARGISNULL(0))
	{
		state = list_state(kind, PG_GETARG_DATUM(0));
		data = FLAT_STATE_DATA(state);
		if (list_add(kind, FLAT_STATE_DATA(state), row) == LIST_OK)
			PG_RETURN_BYTEA_P(state);
	}
	larger = make_state(kind, list_next_size(kind, data, NULL, row));
	if (data != NULL && list_append(kind, FLAT_STATE_DATA(larger), data) != LIST_OK)
		too_many_rows();
	if (list_add(kind, FLAT_STATE_DATA(larger), row) != LIST_OK)
		too_many_rows();
	PG_RETURN_BYTEA_P(larger);
}

Datum
list_combine(FunctionCallInfo fcinfo, const ListKind *kind)
{
	bytea	   *state;
	bytea	   *other;
	bytea	   *larger;

	flat_state_require_aggregate(fcinfo);

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	other = list_state(kind, PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
		PG_RETURN_BYTEA_P(other);

	state = list_state(kind, PG_GETARG_DATUM(0));
	if (list_append(kind, FLAT_STATE_DATA(state), FLAT_STATE_DATA(other)) == LIST_OK)
		PG_RETURN_BYTEA_P(state);
	larger = make_state(kind, list_next_size(kind, FLAT_STATE_DATA(state),
											 FLAT_STATE_DATA(other), NULL));
	if (list_append(kind, FLAT_STATE_DATA(larger), FLAT_STATE_DATA(state)) != LIST_OK ||
		list_append(kind, FLAT_STATE_DATA(larger), FLAT_STATE_DATA(other)) != LIST_OK)
		too_many_rows();
	PG_RETURN_BYTEA_P(larger);
}

static void *
alloc_huge(size_t count, size_t size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, count * size);
}

int64_t *
list_sorted_rows(const ListKind *kind, bytea *state, size_t *n)
{
	const uint8_t *data = FLAT_STATE_DATA(state);
	int64_t    *rows;
	int64_t    *sorted;
	RadixEntry *entries;
	RadixEntry *scratch;
	ListSort	sort;

	*n = list_count(data);
	rows = alloc_huge(Max(*n, 1), kind->words * sizeof(int64_t));
	if (!list_load(kind, data, rows))
		flat_state_corrupted();
	if (list_is_sorted(data))
		return rows;
	if (*n <= LIST_FEW)
	{
		list_sort_few(rows, *n, kind->words);
		return rows;
	}

	sorted = alloc_huge(*n, kind->words * sizeof(int64_t));
	entries = alloc_huge(*n, sizeof(RadixEntry));
	scratch = alloc_huge(*n, sizeof(RadixEntry));
	list_sort_start(&sort, rows, *n, kind->words, entries, scratch, sorted);
	while (!list_sort_step(&sort))
		CHECK_FOR_INTERRUPTS();
	pfree(entries);
	pfree(scratch);
	pfree(rows);
	return sorted;
}

bytea *
list_state_of(const ListKind *kind, const int64_t *rows, size_t n)
{
	size_t		size = list_stored_size(kind, rows, n);
	bytea	   *state = make_state(kind, size);

	list_store(kind, FLAT_STATE_DATA(state), size, rows, n);
	return state;
}

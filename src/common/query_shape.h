/*
 * query_shape.h
 *	  Queries that are arguments: which columns they need, where those are, and
 *	  what is in them.
 */
#ifndef PG_INFLUENCE_QUERY_SHAPE_H
#define PG_INFLUENCE_QUERY_SHAPE_H

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/date.h"

/* The types that a column may have, domains over them included; bits. */
#define QUERY_INTEGER 1			/* bigint, integer */
#define QUERY_TEXT 2			/* text, varchar */
#define QUERY_UUID 4
#define QUERY_TIME 8			/* timestamptz, timestamp, date */
#define QUERY_FLOAT 16			/* float8, float4 */
#define QUERY_INTEGERS 32		/* arrays of bigint or integer */

typedef struct QueryColumn
{
	const char *name;
	bool		required;
	int			types;
	const char *wanted;			/* the types, for a message: "bigint, uuid or text" */
	const char *cast;			/* the one that is proposed: "bigint" */
} QueryColumn;

typedef struct QueryShape
{
	const char *name;			/* "posts": for messages */
	const char *hint;			/* which columns it must and may return */
	int			ncolumns;
	const QueryColumn *columns;
} QueryShape;

/* Where a column is in a row; attno 0: not there. */
typedef struct QueryPlace
{
	int			attno;
	Oid			type;			/* of a domain the base type */
} QueryPlace;

typedef struct QueryPlan
{
	SPIPlanPtr	plan;
	bool		read_only;		/* it sees what the calling statement sees */
} QueryPlan;

/*
 * Within SPI: the plan of a query with these parameters, and its places.
 * IN008 for what is no single SELECT, or lacks a column, or has it twice or
 * with another type.
 */
extern QueryPlan query_shape_prepare(const QueryShape *shape, const char *text, int nargs, Oid *argtypes,
									 QueryPlace *places);

/* The places in a row type; how many columns one has to look at. */
extern int	query_shape_place(const QueryShape *shape, TupleDesc desc, QueryPlace *places);

static inline bool
query_is_null(const QueryPlace *place, TupleTableSlot *slot)
{
	return place->attno == 0 || slot->tts_isnull[place->attno - 1];
}

static inline Datum
query_datum(const QueryPlace *place, TupleTableSlot *slot)
{
	return slot->tts_values[place->attno - 1];
}

/* False for NULL. */
static inline bool
query_integer(const QueryPlace *place, TupleTableSlot *slot, int64 *value)
{
	if (query_is_null(place, slot))
		return false;
	*value = place->type == INT4OID ? DatumGetInt32(query_datum(place, slot)) : DatumGetInt64(query_datum(place, slot));
	return true;
}

static inline bool
query_number(const QueryPlace *place, TupleTableSlot *slot, double *value)
{
	Datum		datum;

	if (query_is_null(place, slot))
		return false;
	datum = query_datum(place, slot);
	*value = place->type == INT4OID ? DatumGetInt32(datum) : place->type == INT8OID ? (double) DatumGetInt64(datum)
		: place->type == FLOAT4OID ? DatumGetFloat4(datum) : DatumGetFloat8(datum);
	return true;
}

/* Later is greater: microseconds, days, or the number that it is; infinite times of any type are the ends of int64. */
static inline bool
query_moment(const QueryPlace *place, TupleTableSlot *slot, int64 *value)
{
	if (query_is_null(place, slot))
		return false;
	if (place->type == DATEOID)
	{
		DateADT		date = DatumGetDateADT(query_datum(place, slot));

		*value = DATE_IS_NOBEGIN(date) ? PG_INT64_MIN : DATE_IS_NOEND(date) ? PG_INT64_MAX : date;
	}
	else
		*value = place->type == INT4OID ? DatumGetInt32(query_datum(place, slot)) : DatumGetInt64(query_datum(place, slot));
	return true;
}

#endif							/* PG_INFLUENCE_QUERY_SHAPE_H */

/*
 * attribution_columns.h
 *	  The columns that the queries of attribute() may have.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_COLUMNS_H
#define PG_INFLUENCE_ATTRIBUTION_COLUMNS_H

#include "access/tupdesc.h"

/* what is read of a query */
typedef enum InputColumn
{
	INPUT_VISITOR,
	INPUT_AT,
	INPUT_ID,
	INPUT_CREATOR,
	INPUT_KIND,
	INPUT_PRODUCT,
	INPUT_CATEGORY,
	INPUT_CHANNEL,
	INPUT_WEIGHT,
	INPUT_AMOUNT,
	INPUT_ORDER,
	INPUT_EXCLUDED,
	INPUT_COLUMNS
} InputColumn;

typedef struct InputSpec InputSpec;

extern const InputSpec attribution_touches_spec;
extern const InputSpec attribution_conversions_spec;

/* where a column is and which of the accepted types it has */
typedef struct ColumnSource
{
	int			attno;			/* 0: the query has no such column */
	Oid			type;
} ColumnSource;

/* "touches" or "conversions", and what such a query must have */
extern const char *attribution_query_name(const InputSpec *query);
extern const char *attribution_query_columns(const InputSpec *query);

/* fills sources[INPUT_COLUMNS]; IN008 */
extern void attribution_map_columns(const InputSpec *query, TupleDesc desc,
									ColumnSource *sources);

/* IN008 unless the rows still have what was found in the query, a type or nothing */
extern void attribution_check_column(const InputSpec *query, InputColumn column,
									 Oid found, Oid now);

/* the type to read a column of a row as; InvalidOid when there is none, or 0 */
extern Oid	attribution_column_type(TupleDesc desc, int attno);

#endif							/* PG_INFLUENCE_ATTRIBUTION_COLUMNS_H */

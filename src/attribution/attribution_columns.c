/*
 * attribution_columns.c
 *	  The columns that the queries of attribute() may have: names, types, and
 *	  where they are in a query.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "../common/errors.h"
#include "attribution_columns.h"

typedef enum ColumnType
{
	COLUMN_VISITOR,
	COLUMN_KEY,
	COLUMN_TIME,
	COLUMN_INTEGER,
	COLUMN_NUMBER,
	COLUMN_TEXT,
	COLUMN_INTEGERS
} ColumnType;

typedef struct ColumnSpec
{
	InputColumn column;
	const char *name;
	ColumnType	type;
	bool		required;
} ColumnSpec;

struct InputSpec
{
	const char *name;
	const char *required;		/* for hints */
	int			ncolumns;
	ColumnSpec	columns[9];
};

const InputSpec attribution_touches_spec = {
	"touches",
	"visitor, touched_at timestamptz, touch_id bigint and creator_id bigint", 9,
	{
		{INPUT_VISITOR, "visitor", COLUMN_VISITOR, true},
		{INPUT_AT, "touched_at", COLUMN_TIME, true},
		{INPUT_ID, "touch_id", COLUMN_INTEGER, true},
		{INPUT_CREATOR, "creator_id", COLUMN_INTEGER, true},
		{INPUT_KIND, "kind", COLUMN_TEXT, false},
		{INPUT_PRODUCT, "product_id", COLUMN_INTEGER, false},
		{INPUT_CATEGORY, "category_id", COLUMN_INTEGER, false},
		{INPUT_CHANNEL, "channel", COLUMN_TEXT, false},
		{INPUT_WEIGHT, "weight", COLUMN_NUMBER, false}
	}
};

const InputSpec attribution_conversions_spec = {
	"conversions",
	"visitor, converted_at timestamptz and conversion_id bigint", 8,
	{
		{INPUT_VISITOR, "visitor", COLUMN_VISITOR, true},
		{INPUT_AT, "converted_at", COLUMN_TIME, true},
		{INPUT_ID, "conversion_id", COLUMN_INTEGER, true},
		{INPUT_AMOUNT, "amount", COLUMN_INTEGER, false},
		{INPUT_ORDER, "order_id", COLUMN_KEY, false},
		{INPUT_PRODUCT, "product_id", COLUMN_INTEGER, false},
		{INPUT_CATEGORY, "category_id", COLUMN_INTEGER, false},
		{INPUT_EXCLUDED, "excluded_creator_ids", COLUMN_INTEGERS, false}
	}
};

const char *
attribution_query_name(const InputSpec *query)
{
	return query->name;
}

const char *
attribution_query_columns(const InputSpec *query)
{
	return query->required;
}

/* The built-in type to read a column as, or InvalidOid when there is none. */
static Oid
accepted_type(ColumnType wanted, Oid type)
{
	Oid			base = getBaseType(type);
	bool		integer = base == INT8OID || base == INT4OID;
	bool		text = base == TEXTOID || base == VARCHAROID;

	switch (wanted)
	{
		case COLUMN_VISITOR:
		case COLUMN_KEY:
			return integer || text || base == UUIDOID ? base : InvalidOid;
		case COLUMN_TIME:
			return base == TIMESTAMPTZOID ? base : InvalidOid;
		case COLUMN_INTEGER:
			return integer ? base : InvalidOid;
		case COLUMN_NUMBER:
			return integer || base == NUMERICOID ? base : InvalidOid;
		case COLUMN_TEXT:
			return text ? base : InvalidOid;
		case COLUMN_INTEGERS:
			return base == INT8ARRAYOID || base == INT4ARRAYOID ? base : InvalidOid;
	}
	return InvalidOid;
}

static void
refuse_type(const InputSpec *query, const ColumnSpec *column, Oid type)
{
	static const char *const wanted[] = {
		[COLUMN_VISITOR] = "bigint, uuid or text",
		[COLUMN_KEY] = "bigint, uuid or text",
		[COLUMN_TIME] = "timestamp with time zone",
		[COLUMN_INTEGER] = "bigint",
		[COLUMN_NUMBER] = "bigint or numeric",
		[COLUMN_TEXT] = "text",
		[COLUMN_INTEGERS] = "bigint[]"
	};

	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
			 errmsg("column \"%s\" of the %s query has type %s, not %s",
					column->name, query->name, format_type_be(type),
					wanted[column->type]),
			 column->type == COLUMN_TIME
			 ? errhint("Cast it and say in which time zone it counts: %s AT TIME ZONE 'UTC'.",
					   column->name)
			 : errhint("Cast it: CAST(%s AS %s).", column->name,
					   column->type == COLUMN_VISITOR || column->type == COLUMN_KEY ? "text" :
					   column->type == COLUMN_NUMBER ? "numeric" : wanted[column->type])));
}

/* Find the columns of a query by name; IN008 when one is missing or odd. */
void
attribution_map_columns(const InputSpec *query, TupleDesc desc,
						ColumnSource *sources)
{
	int			i;

	memset(sources, 0, INPUT_COLUMNS * sizeof(*sources));
	for (i = 0; i < query->ncolumns; i++)
	{
		const ColumnSpec *column = &query->columns[i];
		ColumnSource *source = &sources[column->column];
		int			attno;

		for (attno = 1; attno <= desc->natts; attno++)
		{
			Form_pg_attribute attribute = TupleDescAttr(desc, attno - 1);

			if (strcmp(NameStr(attribute->attname), column->name) != 0)
				continue;
			if (source->attno != 0)
				ereport(ERROR,
						(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
						 errmsg("the %s query has more than one column \"%s\"",
								query->name, column->name),
						 errhint("Name each column once.")));
			source->attno = attno;
			source->type = accepted_type(column->type, attribute->atttypid);
			if (!OidIsValid(source->type))
				refuse_type(query, column, attribute->atttypid);
		}

		if (column->required && source->attno == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
					 errmsg("the %s query has no column \"%s\"",
							query->name, column->name),
					 errhint("It must return the columns %s.", query->required)));
	}
}

Oid
attribution_column_type(TupleDesc desc, int attno)
{
	Form_pg_attribute attribute;

	if (attno <= 0 || attno > desc->natts)
		return InvalidOid;
	attribute = TupleDescAttr(desc, attno - 1);
	return attribute->attisdropped ? InvalidOid : getBaseType(attribute->atttypid);
}

/*
 * Both queries are checked before either runs; the functions of one may alter
 * the tables of the other.
 */
void
attribution_check_column(const InputSpec *query, InputColumn column, Oid found, Oid now)
{
	const char *name = "?";
	int			i;

	if (found == now)
		return;
	for (i = 0; i < query->ncolumns; i++)
	{
		if (query->columns[i].column == column)
			name = query->columns[i].name;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
			 errmsg("column \"%s\" of the %s query changed while the queries ran", name, query->name),
			 errdetail("It was %s and is %s.",
					   OidIsValid(found) ? format_type_be(found) : "not there",
					   OidIsValid(now) ? format_type_be(now) : "not there"),
			 errhint("Let no function that the queries call alter their tables.")));
}

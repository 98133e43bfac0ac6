/*
 * query_shape.c
 *	  Queries that are arguments: checked before they run, as the caller.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "errors.h"
#include "query_shape.h"

static int
type_bit(Oid type)
{
	switch (type)
	{
		case INT8OID:
		case INT4OID:
			return QUERY_INTEGER;
		case TEXTOID:
		case VARCHAROID:
			return QUERY_TEXT;
		case UUIDOID:
			return QUERY_UUID;
		case TIMESTAMPTZOID:
		case TIMESTAMPOID:
		case DATEOID:
			return QUERY_TIME;
		case FLOAT8OID:
		case FLOAT4OID:
			return QUERY_FLOAT;
		case INT8ARRAYOID:
		case INT4ARRAYOID:
			return QUERY_INTEGERS;
		default:
			return 0;
	}
}

static void
place_column(const QueryShape *shape, const QueryColumn *column, TupleDesc desc, int attno, QueryPlace *place)
{
	Oid			type = getBaseType(TupleDescAttr(desc, attno - 1)->atttypid);

	if (place->attno != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("the %s query has more than one column \"%s\"", shape->name, column->name),
				 errhint("Name each column once.")));
	if ((type_bit(type) & column->types) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("column \"%s\" of the %s query has type %s, not %s",
						column->name, shape->name, format_type_be(type), column->wanted),
				 errhint("Cast it: CAST(%s AS %s).", column->name, column->cast)));
	place->attno = attno;
	place->type = type;
}

int
query_shape_place(const QueryShape *shape, TupleDesc desc, QueryPlace *places)
{
	int			natts = 0;
	int			i;
	int			attno;

	memset(places, 0, shape->ncolumns * sizeof(QueryPlace));
	for (i = 0; i < shape->ncolumns; i++)
	{
		const QueryColumn *column = &shape->columns[i];

		for (attno = 1; attno <= desc->natts; attno++)
		{
			if (strcmp(NameStr(TupleDescAttr(desc, attno - 1)->attname), column->name) == 0)
				place_column(shape, column, desc, attno, &places[i]);
		}
		if (column->required && places[i].attno == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
					 errmsg("the %s query has no column \"%s\"", shape->name, column->name),
					 errhint("%s", shape->hint)));
		natts = Max(natts, places[i].attno);
	}
	return natts;
}

/* Somewhere in the query rows are locked, which a reading plan may not do. */
static bool
locks_rows(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, locks_rows, context);
	return ((Query *) node)->rowMarks != NIL || query_tree_walker((Query *) node, locks_rows, context, 0);
}

QueryPlan
query_shape_prepare(const QueryShape *shape, const char *text, int nargs, Oid *argtypes, QueryPlace *places)
{
	QueryPlan	result;
	CachedPlanSource *source = NULL;
	List	   *sources;
	Query	   *parsed;

	result.plan = SPI_prepare_cursor(text, nargs, argtypes, CURSOR_OPT_PARALLEL_OK);
	sources = result.plan == NULL ? NIL : SPI_plan_get_plan_sources(result.plan);
	if (list_length(sources) == 1)
		source = linitial(sources);
	if (source == NULL || source->commandTag != CMDTAG_SELECT || source->resultDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("the %s query is not one SELECT", shape->name),
				 errdetail("It has %d statements.", list_length(sources)),
				 errhint("%s", shape->hint)));
	query_shape_place(shape, source->resultDesc, places);

	/* a reading query sees what the calling statement sees */
	parsed = linitial_node(Query, source->query_list);
	result.read_only = !parsed->hasModifyingCTE && !locks_rows((Node *) parsed, NULL);
	return result;
}

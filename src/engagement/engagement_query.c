/*
 * engagement_query.c
 *	  The query of score_creators(): checked, run as the caller, decoded.
 *
 * Its rows go from the executor, by way of a DestReceiver, to a sink: nothing
 * is buffered here, and the plan may be parallel, which a cursor's could not.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "../common/errors.h"
#include "../common/query_run.h"
#include "engagement_query.h"

typedef enum QueryColumn
{
	COLUMN_CREATOR,
	COLUMN_INTERACTIONS,
	COLUMN_BASE,
	COLUMN_POSTS,
	COLUMN_VERTICAL,
	COLUMN_TIER,
	QUERY_COLUMNS
} QueryColumn;

static const struct
{
	const char *name;
	bool		required;
	bool		text;			/* else an integer */
}			column_specs[QUERY_COLUMNS] = {
	[COLUMN_CREATOR] = {"creator_id", true, false},
	[COLUMN_INTERACTIONS] = {"interactions", true, false},
	[COLUMN_BASE] = {"base", true, false},
	[COLUMN_POSTS] = {"posts", false, false},
	[COLUMN_VERTICAL] = {"vertical", false, true},
	[COLUMN_TIER] = {"tier", false, true}
};

#define COLUMNS_HINT "It must return the columns creator_id, interactions and base bigint, and may return posts bigint, vertical and tier text."

/* where a column is in a row; attno 0: not there */
typedef struct ColumnPlace
{
	int			attno;
	bool		is_int4;
} ColumnPlace;

struct EngagementQuery
{
	SPIPlanPtr	plan;
	bool		read_only;
	ColumnPlace columns[QUERY_COLUMNS];
};

/* A destination of the executor. */
typedef struct PostReceiver
{
	DestReceiver receiver;
	ColumnPlace columns[QUERY_COLUMNS];
	int			natts;			/* up to the last column that is read */
	EngagementPostSink sink;
	void	   *arg;
} PostReceiver;

static void
place_column(QueryColumn column, TupleDesc desc, int attno, ColumnPlace *place)
{
	Oid			type = getBaseType(TupleDescAttr(desc, attno - 1)->atttypid);
	bool		fits = column_specs[column].text ? type == TEXTOID || type == VARCHAROID
		: type == INT8OID || type == INT4OID;

	if (place->attno != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("the posts query has more than one column \"%s\"", column_specs[column].name),
				 errhint("Name each column once.")));
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("column \"%s\" of the posts query has type %s, not %s",
						column_specs[column].name, format_type_be(type),
						column_specs[column].text ? "text" : "bigint"),
				 errhint("Cast it: CAST(%s AS %s).", column_specs[column].name,
						 column_specs[column].text ? "text" : "bigint")));
	place->attno = attno;
	place->is_int4 = type == INT4OID;
}

static void
place_columns(TupleDesc desc, ColumnPlace *columns)
{
	int			column;
	int			attno;

	memset(columns, 0, QUERY_COLUMNS * sizeof(ColumnPlace));
	for (column = 0; column < QUERY_COLUMNS; column++)
	{
		for (attno = 1; attno <= desc->natts; attno++)
		{
			if (strcmp(NameStr(TupleDescAttr(desc, attno - 1)->attname), column_specs[column].name) == 0)
				place_column(column, desc, attno, &columns[column]);
		}
		if (column_specs[column].required && columns[column].attno == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
					 errmsg("the posts query has no column \"%s\"", column_specs[column].name),
					 errhint(COLUMNS_HINT)));
	}
}

EngagementQuery *
engagement_query_prepare(const char *text)
{
	EngagementQuery *query = palloc0(sizeof(EngagementQuery));
	CachedPlanSource *source = NULL;
	List	   *sources;
	Query	   *parsed;

	query->plan = SPI_prepare_cursor(text, 0, NULL, CURSOR_OPT_PARALLEL_OK);
	sources = query->plan == NULL ? NIL : SPI_plan_get_plan_sources(query->plan);
	if (list_length(sources) == 1)
		source = linitial(sources);
	if (source == NULL || source->commandTag != CMDTAG_SELECT || source->resultDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_QUERY_SHAPE),
				 errmsg("the posts query is not one SELECT"),
				 errdetail("It has %d statements.", list_length(sources)),
				 errhint(COLUMNS_HINT)));
	place_columns(source->resultDesc, query->columns);

	/* a reading query sees what the calling statement sees */
	parsed = linitial_node(Query, source->query_list);
	query->read_only = !parsed->hasModifyingCTE && parsed->rowMarks == NIL;
	return query;
}

bool
engagement_query_has_posts(const EngagementQuery *query)
{
	return query->columns[COLUMN_POSTS].attno != 0;
}

/* False for NULL. */
static inline bool
read_integer(const ColumnPlace *place, TupleTableSlot *slot, int64 *value)
{
	Datum		datum = slot->tts_values[place->attno - 1];

	if (slot->tts_isnull[place->attno - 1])
		return false;
	*value = place->is_int4 ? DatumGetInt32(datum) : DatumGetInt64(datum);
	return true;
}

/* The varlena that was made for it, to be freed, or NULL. */
static inline void *
read_text(const ColumnPlace *place, TupleTableSlot *slot, const char **text, size_t *size)
{
	Datum		datum;
	struct varlena *value;

	*text = "";
	*size = 0;
	if (place->attno == 0 || slot->tts_isnull[place->attno - 1])
		return NULL;
	datum = slot->tts_values[place->attno - 1];
	value = PG_DETOAST_DATUM_PACKED(datum);
	*text = VARDATA_ANY(value);
	*size = VARSIZE_ANY_EXHDR(value);
	return value == (struct varlena *) DatumGetPointer(datum) ? NULL : value;
}

static void
must_not_be_negative(const char *what, int64 value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("%s must not be negative", what),
			 errdetail("A row has %lld %s.", (long long) value, what),
			 errhint("Leave out rows with impossible counts by WHERE.")));
}

/* The same rows count as in engagement_agg(). */
static bool
receive_post(TupleTableSlot *slot, DestReceiver *self)
{
	PostReceiver *receiver = (PostReceiver *) self;
	const ColumnPlace *columns = receiver->columns;
	EngagementPost post;
	int64		interactions;
	int64		base;
	void	   *vertical;
	void	   *tier;

	slot_getsomeattrs(slot, receiver->natts);
	post.posts = 1;
	if (!read_integer(&columns[COLUMN_CREATOR], slot, &post.creator_id) ||
		!read_integer(&columns[COLUMN_INTERACTIONS], slot, &interactions) ||
		!read_integer(&columns[COLUMN_BASE], slot, &base) || base <= 0)
		return true;
	if (columns[COLUMN_POSTS].attno != 0 &&
		(!read_integer(&columns[COLUMN_POSTS], slot, &post.posts) || post.posts == 0))
		return true;
	if (post.posts < 0)
		must_not_be_negative("posts", post.posts);
	if (interactions < 0)
		must_not_be_negative("interactions", interactions);
	post.rate = (double) interactions / (double) base;

	vertical = read_text(&columns[COLUMN_VERTICAL], slot, &post.vertical, &post.vertical_size);
	tier = read_text(&columns[COLUMN_TIER], slot, &post.tier, &post.tier_size);
	receiver->sink(receiver->arg, &post);
	if (vertical != NULL)
		pfree(vertical);
	if (tier != NULL)
		pfree(tier);
	return true;
}

/* The plan may have been made anew since it was prepared. */
static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	PostReceiver *receiver = (PostReceiver *) self;
	int			column;

	place_columns(desc, receiver->columns);
	receiver->natts = 0;
	for (column = 0; column < QUERY_COLUMNS; column++)
		receiver->natts = Max(receiver->natts, receiver->columns[column].attno);
}

void
engagement_query_run(EngagementQuery *query, EngagementPostSink sink, void *arg)
{
	PostReceiver receiver;

	memset(&receiver, 0, sizeof(receiver));
	receiver.receiver.receiveSlot = receive_post;
	receiver.receiver.rStartup = receiver_startup;
	receiver.sink = sink;
	receiver.arg = arg;
	query_run(query->plan, query->read_only, &receiver.receiver);
}

/*
 * engagement_query.c
 *	  The query of score_creators(): checked, run as the caller, decoded.
 *
 * Its rows go from the executor, by way of a DestReceiver, to a sink: nothing
 * is buffered here, and the plan may be parallel, which a cursor's could not.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "tcop/dest.h"

#include "../common/errors.h"
#include "../common/query_run.h"
#include "../common/query_shape.h"
#include "engagement_query.h"

enum
{
	COLUMN_CREATOR,
	COLUMN_INTERACTIONS,
	COLUMN_BASE,
	COLUMN_POSTS,
	COLUMN_VERTICAL,
	COLUMN_TIER,
	QUERY_COLUMNS
};

static const QueryColumn columns[QUERY_COLUMNS] = {
	[COLUMN_CREATOR] = {"creator_id", true, QUERY_INTEGER, "bigint", "bigint"},
	[COLUMN_INTERACTIONS] = {"interactions", true, QUERY_INTEGER, "bigint", "bigint"},
	[COLUMN_BASE] = {"base", true, QUERY_INTEGER, "bigint", "bigint"},
	[COLUMN_POSTS] = {"posts", false, QUERY_INTEGER, "bigint", "bigint"},
	[COLUMN_VERTICAL] = {"vertical", false, QUERY_TEXT, "text", "text"},
	[COLUMN_TIER] = {"tier", false, QUERY_TEXT, "text", "text"}
};

static const QueryShape posts_shape = {
	"posts",
	"It must return the columns creator_id, interactions and base bigint, and may return posts bigint, vertical and tier text.",
	QUERY_COLUMNS,
	columns
};

struct EngagementQuery
{
	QueryPlan	plan;
	QueryPlace	places[QUERY_COLUMNS];
};

/* A destination of the executor. */
typedef struct PostReceiver
{
	DestReceiver receiver;
	QueryPlace	places[QUERY_COLUMNS];
	int			natts;			/* up to the last column that is read */
	EngagementPostSink sink;
	void	   *arg;
} PostReceiver;

EngagementQuery *
engagement_query_prepare(const char *text)
{
	EngagementQuery *query = palloc0(sizeof(EngagementQuery));

	query->plan = query_shape_prepare(&posts_shape, text, 0, NULL, query->places);
	return query;
}

bool
engagement_query_has_posts(const EngagementQuery *query)
{
	return query->places[COLUMN_POSTS].attno != 0;
}

/* The varlena that was made for it, to be freed, or NULL. */
static inline void *
read_text(const QueryPlace *place, TupleTableSlot *slot, const char **text, size_t *size)
{
	Datum		datum;
	struct varlena *value;

	*text = "";
	*size = 0;
	if (query_is_null(place, slot))
		return NULL;
	datum = query_datum(place, slot);
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
	const QueryPlace *places = receiver->places;
	EngagementPost post;
	int64		interactions;
	int64		base;
	void	   *vertical;
	void	   *tier;

	slot_getsomeattrs(slot, receiver->natts);
	post.posts = 1;
	if (!query_integer(&places[COLUMN_CREATOR], slot, &post.creator_id) ||
		!query_integer(&places[COLUMN_INTERACTIONS], slot, &interactions) ||
		!query_integer(&places[COLUMN_BASE], slot, &base) || base <= 0)
		return true;
	if (places[COLUMN_POSTS].attno != 0 &&
		(!query_integer(&places[COLUMN_POSTS], slot, &post.posts) || post.posts == 0))
		return true;
	if (post.posts < 0)
		must_not_be_negative("posts", post.posts);
	if (interactions < 0)
		must_not_be_negative("interactions", interactions);
	post.rate = (double) interactions / (double) base;

	vertical = read_text(&places[COLUMN_VERTICAL], slot, &post.vertical, &post.vertical_size);
	tier = read_text(&places[COLUMN_TIER], slot, &post.tier, &post.tier_size);
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

	receiver->natts = query_shape_place(&posts_shape, desc, receiver->places);
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
	query_run(query->plan.plan, query->plan.read_only, NULL, &receiver.receiver);
}

/*
 * feed_history.c
 *	  What the viewer did lately: engagements with posts and purchases, weighed by
 *	  how many came after them.
 *
 * The latest FEED_HISTORY events count, weight x 2^(-rank / half) with rank 0 for
 * the newest: an event fades as others follow it, not with the clock, so that who
 * comes back after a month finds the feed it left.  From them follow the affinity
 * to creators, learned interests, the posts and products whose neighbours are
 * looked at, formats and sounds, and the usual price.  Tastes last, but what was
 * chosen just now says most of what is wanted next: neighbours have a shorter half
 * of their own.
 */
#include "postgres.h"

#include "catalog/pg_collation_d.h"
#include "catalog/pg_type_d.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "feed_items.h"
#include "feed_read.h"
#include "feed_score_core.h"
#include "feed_statement.h"

typedef struct PastEvent
{
	TimestampTz at;
	int64		post_id;		/* 0 = a purchase */
	int64		creator_id;		/* 0 = nobody */
	int64		topic_id;
	int64		product_id;
	int64		price;			/* of what was bought, 0 = not known */
	int64		sound_key;		/* 0 = none */
	double		weight;
	double		format_weight;	/* 0 = no post */
	FeedFormat	format;
	bool		clicked;
	bool		elsewhere;		/* on another device */
	bool		is_bare;		/* says nothing of its post: it came by COPY */
} PastEvent;

/* what a viewer does on another device says half as much of the formats that it wants on this one */
#define OTHER_DEVICE 0.5

typedef struct PastEvents
{
	FeedCall   *call;
	PastEvent	engagements[FEED_HISTORY];
	int			nengagements;
	PastEvent	purchases[FEED_HISTORY];
	int			npurchases;
	int64		unsmiled[FEED_HISTORY];
	int			nunsmiled;
} PastEvents;

/* prices of posts */
typedef struct PastPrices
{
	int64		ids[FEED_HISTORY];
	int64		prices[FEED_HISTORY];
	int			count;
} PastPrices;

/* the newest engagements of a visitor; $4 = the key of the device, NULL = not said */
#define ENGAGEMENTS_OF(visitor) \
	"SELECT g.kind, g.occurred_at, g.post_id, g.creator_id, g.topic_id, g.format, g.sound_key, g.device_key <> $4, g.event_ref" \
	" FROM influence.engagement g" \
	" WHERE g.visitor_id = " visitor " AND g.occurred_at <= $2" \
	" AND (g.kind IN ('smile', 'unsmile', 'comment', 'share', 'save', 'click') OR (g.kind = 'vote' AND g.value > 0))" \
	" ORDER BY g.occurred_at DESC, g.event_ref DESC LIMIT $3"

/* most persons are one visitor: theirs are in order as the index has them */
static FeedStatement read_engagements = {
	.text = ENGAGEMENTS_OF("$1"),
	.nargs = 4,
	.types = {UUIDOID, TIMESTAMPTZOID, INT8OID, INT4OID}
};

static FeedStatement read_engagements_of_all = {
	.text =
	"SELECT x.* FROM unnest($1) v(visitor_id) CROSS JOIN LATERAL (" ENGAGEMENTS_OF("v.visitor_id") ") x"
	" ORDER BY x.occurred_at DESC, x.event_ref DESC LIMIT $3",
	.nargs = 4,
	.types = {UUIDARRAYOID, TIMESTAMPTZOID, INT8OID, INT4OID}
};

static FeedStatement read_items = {
	.text =
	"SELECT i.post_id, i.creator_id, i.topic_id, i.format, i.sound_key FROM influence.feed_item i WHERE i.post_id = ANY ($1)",
	.nargs = 1,
	.types = {INT8ARRAYOID}
};

static FeedStatement read_prices = {
	.text =
	"SELECT i.post_id, i.price FROM influence.feed_item i WHERE i.post_id = ANY ($1) AND i.price > 0",
	.nargs = 1,
	.types = {INT8ARRAYOID}
};

/* with the creator that has most of the credit */
static FeedStatement read_purchases = {
	.text =
	"SELECT b.ordered_at, b.product_id, CASE WHEN b.currency = $4 THEN b.paid_price END,"
	" (SELECT c.creator_id FROM influence.credit c"
	" WHERE c.visitor_id = b.visitor_id AND c.program_id = b.program_id AND c.order_ref = b.order_ref"
	" AND c.line_no = b.line_no AND c.superseded_by IS NULL AND c.creator_id IS NOT NULL"
	" ORDER BY c.credit DESC, c.creator_id LIMIT 1)"
	" FROM (SELECT o.visitor_id, o.program_id, o.order_ref, o.ordered_at, o.currency, l.line_no, l.product_id, l.paid_price"
	" FROM influence.orders o JOIN influence.order_line l"
	" ON l.visitor_id = o.visitor_id AND l.program_id = o.program_id AND l.order_ref = o.order_ref"
	" WHERE o.visitor_id = ANY ($1) AND o.ordered_at <= $2"
	" ORDER BY o.ordered_at DESC, o.program_id, o.order_ref, l.line_no LIMIT $3) b"
	" ORDER BY b.ordered_at DESC, b.program_id, b.order_ref, b.line_no",
	.nargs = 4,
	.types = {UUIDARRAYOID, TIMESTAMPTZOID, INT8OID, BPCHAROID}
};

static double
kind_weight(const FeedSettings *settings, const char *kind)
{
	switch (kind[0])
	{
		case 's':
			return kind[1] == 'm' ? settings->smile : kind[1] == 'h' ? settings->share : settings->save;
		case 'c':
			return kind[1] == 'o' ? settings->comment : settings->click;
		default:
			return settings->vote;
	}
}

static void
describe_post(PastEvent *event, TupleTableSlot *slot, int format, int sound_key)
{
	event->format_weight = slot->tts_isnull[format] ? 0.0 : event->elsewhere ? OTHER_DEVICE : 1.0;
	event->format = slot->tts_isnull[format] ? FEED_PHOTO : feed_format(DatumGetChar(slot->tts_values[format]));
	event->sound_key = feed_int64(slot, sound_key);
}

/* An unsmile takes away the smile before it, which comes later here. */
static void
take_engagement(TupleTableSlot *slot, void *target)
{
	PastEvents *past = target;
	text	   *name = DatumGetTextPP(slot->tts_values[0]);
	const char *kind = VARDATA_ANY(name);
	int64		post_id = feed_int64(slot, 2);
	PastEvent  *event;
	int			i;

	if (kind[0] == 'u')
	{
		past->unsmiled[past->nunsmiled++] = post_id;
		return;
	}
	if (kind[0] == 's' && kind[1] == 'm')
		for (i = 0; i < past->nunsmiled; i++)
			if (past->unsmiled[i] == post_id)
			{
				past->unsmiled[i] = past->unsmiled[--past->nunsmiled];
				return;
			}
	event = &past->engagements[past->nengagements++];
	event->at = DatumGetTimestampTz(slot->tts_values[1]);
	event->post_id = post_id;
	event->creator_id = feed_int64(slot, 3);
	event->topic_id = feed_int64(slot, 4);
	event->product_id = 0;
	event->price = 0;
	event->clicked = kind[0] == 'c' && kind[1] == 'l';
	event->weight = kind_weight(&past->call->settings, kind);
	event->elsewhere = feed_bool(slot, 7);
	event->is_bare = slot->tts_isnull[5] && post_id != 0;
	describe_post(event, slot, 5, 6);
}

static void
take_item(TupleTableSlot *slot, void *target)
{
	PastEvents *past = target;
	int64		post_id = feed_int64(slot, 0);
	int			i;

	for (i = 0; i < past->nengagements; i++)
	{
		PastEvent  *event = &past->engagements[i];

		if (!event->is_bare || event->post_id != post_id)
			continue;
		event->creator_id = feed_int64(slot, 1);
		event->topic_id = feed_int64(slot, 2);
		describe_post(event, slot, 3, 4);
	}
}

/* What the writers put into an engagement of its post, for those that came by COPY without it. */
static void
complete_engagements(PastEvents *past)
{
	int64		bare[FEED_HISTORY];
	Datum		values[1];
	int			nbare = 0;
	int			i;

	for (i = 0; i < past->nengagements; i++)
		if (past->engagements[i].is_bare)
			bare[nbare++] = past->engagements[i].post_id;
	if (nbare == 0)
		return;
	values[0] = feed_id_array(bare, nbare);
	feed_statement_run(&read_items, values, NULL, take_item, past);
}

static void
take_purchase(TupleTableSlot *slot, void *target)
{
	PastEvents *past = target;
	PastEvent  *event = &past->purchases[past->npurchases++];

	event->at = DatumGetTimestampTz(slot->tts_values[0]);
	event->post_id = 0;
	event->product_id = feed_int64(slot, 1);
	event->price = feed_int64(slot, 2);
	event->creator_id = feed_int64(slot, 3);
	event->topic_id = 0;
	event->format_weight = 0.0;
	event->format = FEED_PHOTO;
	event->sound_key = 0;
	event->clicked = false;
	event->weight = past->call->settings.purchase;
}

/* One entry per post or product, in the order of its newest event. */
static void
remember(FeedPast *list, int *count, int64 id, double weight)
{
	int			i;

	for (i = 0; i < *count; i++)
		if (list[i].id == id)
		{
			list[i].weight += weight;
			return;
		}
	list[*count].id = id;
	list[*count].weight = weight;
	(*count)++;
}

static int
compare_prices(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static double
median(int64 *prices, int count)
{
	int			low = (count - 1) / 2;
	int			high = count / 2;

	if (count == 0)
		return 0.0;
	qsort(prices, count, sizeof(int64), compare_prices);
	return ((double) prices[low] + (double) prices[high]) / 2.0;
}

static void
take_price(TupleTableSlot *slot, void *target)
{
	PastPrices *found = target;

	found->ids[found->count] = feed_int64(slot, 0);
	found->prices[found->count++] = feed_int64(slot, 1);
}

/* What is usual for who bought nothing: of the posts that were clicked, each as often as it was. */
static double
price_of_clicks(const int64 *clicked, int nclicked)
{
	PastPrices	found = {.count = 0};
	int64		prices[FEED_HISTORY];
	Datum		values[1];
	int			nprices = 0;
	int			i;
	int			j;

	if (nclicked == 0)
		return 0.0;
	values[0] = feed_id_array(clicked, nclicked);
	feed_statement_run(&read_prices, values, NULL, take_price, &found);
	for (i = 0; i < nclicked; i++)
		for (j = 0; j < found.count; j++)
			if (found.ids[j] == clicked[i])
				prices[nprices++] = found.prices[j];
	return median(prices, nprices);
}

static void
count_event(FeedCall *call, const PastEvent *event, double weight, double near)
{
	FeedViewer *viewer = &call->viewer;

	if (event->creator_id != 0)
		feed_facts_get(viewer->creators, event->creator_id)->weight += weight;
	if (event->topic_id != 0)
		feed_facts_get(viewer->topics, event->topic_id)->weight += weight;
	if (event->post_id != 0)
		remember(viewer->posts_past, &viewer->nposts, event->post_id, near);
	if (event->product_id != 0)
		remember(viewer->products_past, &viewer->nproducts, event->product_id, near);
	viewer->formats[event->format] += weight * event->format_weight;
	if (event->sound_key != 0)
	{
		if (viewer->sounds == NULL)
			viewer->sounds = feed_facts_create(call->context);
		feed_facts_get(viewer->sounds, event->sound_key)->weight += weight;
	}
	viewer->signal = true;
}

void
feed_read_history(FeedCall *call)
{
	FeedViewer *viewer = &call->viewer;
	PastEvents *past = palloc(sizeof(PastEvents));
	int64		bought[FEED_HISTORY];
	int64		clicked[FEED_HISTORY];
	int			nbought = 0;
	int			nclicked = 0;
	int			e = 0;
	int			p = 0;
	uint32		rank;
	Datum		values[4];
	bool		nulls[4] = {false, false, false, call->device == NULL};

	past->call = call;
	past->nengagements = past->npurchases = past->nunsmiled = 0;
	values[0] = viewer->visitors;
	values[1] = TimestampTzGetDatum(call->moment);
	values[2] = Int64GetDatum(FEED_HISTORY);
	/* influence_internal.device_key() */
	values[3] = call->device == NULL ? (Datum) 0 :
		DirectFunctionCall1Coll(hashtext, DEFAULT_COLLATION_OID, CStringGetTextDatum(call->device));
	if (viewer->aliases)
		feed_statement_run(&read_engagements_of_all, values, nulls, take_engagement, past);
	else
	{
		values[0] = UUIDPGetDatum(&viewer->id);
		feed_statement_run(&read_engagements, values, nulls, take_engagement, past);
	}
	complete_engagements(past);
	values[0] = viewer->visitors;
	values[3] = CStringGetTextDatum(call->currency);
	feed_statement_run(&read_purchases, values, NULL, take_purchase, past);

	for (rank = 0; rank < FEED_HISTORY; rank++)
	{
		const PastEvent *event;

		if (e < past->nengagements && (p == past->npurchases || past->engagements[e].at >= past->purchases[p].at))
			event = &past->engagements[e++];
		else if (p < past->npurchases)
			event = &past->purchases[p++];
		else
			break;
		count_event(call, event, event->weight * feed_history_weight(rank, call->settings.history_half),
					event->weight * feed_history_weight(rank, call->settings.neighbor_half));
		if (event->price > 0)
			bought[nbought++] = event->price;
		else if (event->clicked)
			clicked[nclicked++] = event->post_id;
	}
	viewer->usual_price = nbought > 0 ? median(bought, nbought) : price_of_clicks(clicked, nclicked);
}

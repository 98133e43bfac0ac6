/*
 * feed_explain.c
 *	  influence_internal.feed_explain(): why a post is in a viewer's feed, where,
 *	  or what keeps it out.
 *
 * It runs the same steps as a page over the same facts, so features and score
 * have the same bits; only the page is as long as a session may be, so that the
 * place of a post that is not on the first page is known, too.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "feed_items.h"
#include "feed_rank.h"
#include "feed_read.h"
#include "feed_score_core.h"
#include "feed_statement.h"

PG_FUNCTION_INFO_V1(feed_explain);

#define EXPLAIN_COLUMNS 6

static FeedStatement read_item = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS " FROM influence.feed_item i WHERE i.post_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static FeedStatement read_topic = {
	.text =
	"SELECT t.name FROM influence.topic t WHERE t.topic_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

/* in the order of influence.feed_features() */
static FeedStatement read_features = {
	.text =
	"SELECT f.name FROM influence.feed_features() f ORDER BY f.ordinal",
	.nargs = 0
};

static const char *const rule_details[FEED_RULES] = {
	NULL,
	"the program has no such post",
	"it is published later",
	"it has expired",
	"it waits for approval or was removed",
	"its creator is suspended or banned",
	"it is the viewer's own",
	"viewer and creator have blocked each other",
	"the viewer has muted the creator or the topic",
	"the viewer has hidden or reported it or its creator, or wants to see less of the creator or topic",
	"the viewer has seen it",
	"it is not for the viewer's country",
	"it is in another language than the viewer's",
	"none of its products is in stock and may be shown by the program",
	"its media are those of a better post",
	"it, or its creator, was shown as often as feed_caps allows",
	"the session has delivered it"
};

typedef struct Explanation
{
	FeedCall   *call;
	ReturnSetInfo *result;
	FeedPost	post;
	bool		has_item;
	char	   *topic;
	char	   *features[FEED_FEATURES];
	int			nfeatures;
} Explanation;

static void
put(const Explanation *e, const char *item, const char *name, const double *value, const double *weight, const char *detail)
{
	Datum		values[EXPLAIN_COLUMNS];
	bool		nulls[EXPLAIN_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(item);
	values[1] = CStringGetTextDatum(name);
	nulls[2] = value == NULL;
	values[2] = nulls[2] ? (Datum) 0 : Float8GetDatum(*value);
	nulls[3] = weight == NULL;
	values[3] = nulls[3] ? (Datum) 0 : Float8GetDatum(*weight);
	nulls[4] = value == NULL || weight == NULL;
	values[4] = nulls[4] ? (Datum) 0 : Float8GetDatum(*value * *weight);
	nulls[5] = detail == NULL;
	values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(detail);
	tuplestore_putvalues(e->result->setResult, e->result->setDesc, values, nulls);
}

static void
take_item(TupleTableSlot *slot, void *target)
{
	Explanation *e = target;

	feed_item_post(e->call, slot, &e->post);
	e->has_item = true;
}

static void
take_topic(TupleTableSlot *slot, void *target)
{
	((Explanation *) target)->topic = TextDatumGetCString(slot->tts_values[0]);
}

static void
take_feature(TupleTableSlot *slot, void *target)
{
	Explanation *e = target;

	if (e->nfeatures < FEED_FEATURES)
		e->features[e->nfeatures++] = TextDatumGetCString(slot->tts_values[0]);
}

/* Why a source did not bring the post. */
static const char *
absence(const Explanation *e, FeedSource source)
{
	const FeedViewer *viewer = &e->call->viewer;
	const FeedSettings *s = &e->call->settings;
	const FeedFacts *creator = feed_facts_find(viewer->creators, e->post.creator_id);
	const FeedFacts *topic = e->post.topic_id == 0 ? NULL : feed_facts_find(viewer->topics, e->post.topic_id);

	if (!e->has_item)
		return "the jobs have not read the post yet: influence.refresh_stats()";
	if (e->post.published_at <= e->call->moment - s->history_days * USECS_PER_DAY)
		return psprintf("it is older than %d days", s->history_days);
	if (!viewer->personalised && source <= FEED_FROM_NEIGHBOR)
		return "the viewer has no personal feed";
	switch (source)
	{
		case FEED_FROM_FOLLOW:
			return creator == NULL || (creator->flags & FEED_FLAG_FOLLOWED) == 0 ?
				psprintf("the creator is not among the %d that the viewer followed last", FEED_FOLLOWS) :
				psprintf("it is not among the newest %d of the %d followed creators with most affinity",
						 s->per_creator, s->follow_creators);
		case FEED_FROM_INTEREST:
			return topic == NULL || topic->weight <= 0.0 ? "its topic is no interest of the viewer" :
				psprintf("it is not among the best %d of the viewer's %d topics", s->per_topic, s->topics);
		case FEED_FROM_NEIGHBOR:
			return psprintf("it is no near neighbour of the viewer's last %d posts or %d products",
							s->neighbor_items, s->neighbor_products);
		case FEED_FROM_TRENDING:
			return psprintf("it is not among the %d that trend most", s->trending);
		case FEED_FROM_POPULAR:
			return psprintf("it is not among the %d most popular", s->popular);
		case FEED_FROM_EXPLORE:
			return psprintf("it is not among the %d that were drawn for the viewer today", s->explore);
		case FEED_FROM_INTENT:
			return "it shows no product that the viewer means to buy, nor a neighbour of one";
		default:
			return NULL;
	}
}

static void
put_sources(const Explanation *e)
{
	int			i;

	for (i = 0; i < FEED_SOURCES; i++)
	{
		const char *name = feed_source_names[i];

		if (i == FEED_FROM_SPONSORED || (i == FEED_FROM_INTENT) != e->call->buying)
			continue;
		if (e->post.sources & (1u << i))
			put(e, "source", i == FEED_FROM_INTEREST && e->topic != NULL ? psprintf("%s: %s", name, e->topic) : name,
				NULL, NULL, NULL);
		else if (e->post.sources == 0)
			put(e, "source", name, NULL, NULL, absence(e, (FeedSource) i));
	}
}

static void
put_score(const Explanation *e)
{
	double		features[FEED_FEATURES];
	FeedKnown	known = feed_known(&e->call->viewer, &e->post);
	double		dampening = feed_dampening_of(&known);
	double		score;
	int			i;

	feed_features_of(e->call, &e->post, &known, features);
	for (i = 0; i < e->nfeatures; i++)
		put(e, "feature", e->features[i], &features[i], &e->call->profile.weights[i], NULL);
	put(e, "dampening", "see_less", &dampening, NULL, NULL);
	score = feed_score(e->call->profile.weights, features, dampening);
	put(e, "score", "score", &score, NULL, NULL);
}

/* The verdict, and of an eligible candidate the place. */
static void
put_verdict(Explanation *e, const FeedRanking *ranking, FeedRule rule)
{
	const FeedOrder *order = ranking->order;
	const char *detail = rule_details[rule];
	const char *name = feed_rule_names[rule];
	uint32		i;

	if (rule == FEED_RULE_ELIGIBLE && e->post.sources == 0)
	{
		put(e, "verdict", "not_a_candidate", NULL, NULL, "it may be shown, but no source brought it");
		return;
	}
	if (rule == FEED_RULE_ELIGIBLE)
	{
		detail = psprintf("its rank is beyond the %d posts of a session", CURSOR_MAX_IDS);
		for (i = 0; i < order->placed; i++)
			if (feed_placed(ranking, i)->post_id == e->post.post_id)
				detail = psprintf("rank would be %u%s", i + 1, order->places[i].sponsored ? ", sponsored" : "");
		for (i = 0; i < order->accepted; i++)
			if (ranking->candidates[i].post_id == e->post.post_id && order->verdicts[i] == FEED_DUPLICATE)
			{
				name = feed_rule_names[FEED_RULE_DUPLICATE];
				detail = rule_details[FEED_RULE_DUPLICATE];
			}
	}
	put(e, "verdict", name, NULL, NULL, detail);
}

static void
explain_post(Explanation *e)
{
	FeedCall   *call = e->call;
	CursorContent *session = palloc0(sizeof(CursorContent));
	FeedRanking *ranking;
	const FeedPost *pooled;
	FeedRule	rule;
	Datum		values[1];

	feed_open(call, session);
	ranking = feed_rank(call, session, CURSOR_MAX_IDS);
	feed_judge(call, &e->post.post_id, 1, FEED_ORGANIC, &rule);
	pooled = feed_pool_find(&call->pool, e->post.post_id);
	if (pooled != NULL)
	{
		e->post = *pooled;
		e->post.sources &= ~(1u << FEED_FROM_SPONSORED);
		e->has_item = true;
	}
	else
	{
		values[0] = Int64GetDatum(e->post.post_id);
		feed_statement_run(&read_item, values, NULL, take_item, e);
	}
	values[0] = Int64GetDatum(e->post.topic_id);
	feed_statement_run(&read_topic, values, NULL, take_topic, e);
	feed_statement_run(&read_features, NULL, NULL, take_feature, e);

	put_verdict(e, ranking, rule);
	if (rule == FEED_RULE_NOT_HERE)
		return;
	put_sources(e);
	if (e->has_item)
		put_score(e);
}

Datum
feed_explain(PG_FUNCTION_ARGS)
{
	MemoryContext caller;
	Explanation *e;
	FeedCall   *call;
	int			level;

	InitMaterializedSRF(fcinfo, 0);
	feed_require_arguments(fcinfo, 1 << 5 | 1 << 7, 4);
	call = palloc0(sizeof(FeedCall));
	call->context = AllocSetContextCreate(CurrentMemoryContext, "explanation of the feed", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(call->context);
	call->program_id = PG_GETARG_INT64(0);
	call->currency = text_to_cstring(PG_GETARG_TEXT_PP(1));
	call->viewer.id = *PG_GETARG_UUID_P(2);
	call->as_of = call->moment = PG_GETARG_TIMESTAMPTZ(4);
	call->surface = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	call->buying = PG_GETARG_BOOL(6);
	call->device = PG_ARGISNULL(7) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(7));
	e = palloc0(sizeof(Explanation));
	e->call = call;
	e->result = (ReturnSetInfo *) fcinfo->resultinfo;
	e->post.post_id = PG_GETARG_INT64(3);

	level = feed_statements_begin();
	MemoryContextSwitchTo(call->context);
	explain_post(e);
	feed_statements_end(level);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(call->context);
	return (Datum) 0;
}

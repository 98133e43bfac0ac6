/*
 * feed_eligible.c
 *	  Who may be shown what: one rule for every path.
 *
 * The tables are asked at the moment of the call, whatever a cursor froze: a post
 * that was removed, a creator who was blocked, a product that was sold since the
 * first page are gone.  Only publication is judged by the feed's own moment, so
 * that a session shows nothing newer than its beginning.
 *
 * Asking costs a few probes per post, so the feed asks for as many as it needs,
 * in the order of the score; what only depends on the viewer is tested before.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "feed_delivered.h"
#include "feed_items.h"
#include "feed_read.h"
#include "feed_score_core.h"
#include "feed_statement.h"

PG_FUNCTION_INFO_V1(feed_eligible);

/*
 * What the tables say of posts, a row for each product that a post tags: the
 * row number, facts of the post, and the tag with its place.  OFFSET 0: a post's
 * facts are looked up once, not once for each of its tags.
 */
static FeedStatement read_shown = {
	.text =
	"SELECT p.n, p.creator_id, p.topic_id, p.here, p.out, p.lasts, p.published, p.active, p.home, p.spoken, p.disclosure,"
	" g.tag_id, g.product_id, g.x, g.y, g.t_from_ms, g.t_to_ms,"
	" (SELECT k.quantity FROM influence.product_stock k"
	" WHERE k.product_id = g.product_id AND k.valid_from <= $4 ORDER BY k.valid_from DESC LIMIT 1) > 0"
	" FROM (SELECT u.n, p.post_id, p.creator_id, p.topic_id, p.program_id = $2 AS here, p.published_at <= $3 AS out,"
	" p.expires_at IS NULL OR p.expires_at > $4 AS lasts,"
	" (SELECT s.status = 'published' FROM influence.post_status s"
	" WHERE s.creator_id = p.creator_id AND s.post_id = p.post_id AND s.since <= $4 ORDER BY s.since DESC LIMIT 1) AS published,"
	/* most creators were never anything else: a small index knows the others (EXISTS would read all of it) */
	" (SELECT true FROM influence.creator_status s WHERE s.creator_id = p.creator_id AND s.status <> 'active' LIMIT 1) IS NULL"
	" OR coalesce((SELECT s.status = 'active' FROM influence.creator_status s"
	" WHERE s.creator_id = p.creator_id AND s.since <= $4 ORDER BY s.since DESC LIMIT 1), true) AS active,"
	" p.countries IS NULL OR $5 = ANY (p.countries) AS home, p.language = $6 AS spoken, p.disclosure"
	" FROM unnest($1) WITH ORDINALITY u(post_id, n) JOIN influence.post p ON p.post_id = u.post_id OFFSET 0) p"
	" LEFT JOIN influence.post_tag g ON g.creator_id = p.creator_id AND g.post_id = p.post_id",
	.nargs = 6,
	.types = {INT8ARRAYOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID}
};

static FeedStatement read_barred = {
	.text =
	"SELECT DISTINCT b.product_id FROM influence_internal.tagging_bars($1, NULL, $2, $3) b",
	.nargs = 3,
	.types = {INT8OID, INT8ARRAYOID, TIMESTAMPTZOID}
};

/* Tags in the order of their ids, in whatever order they come. */
static void
add_tag(FeedShown *shown, const TupleTableSlot *slot)
{
	int32		tag_id = DatumGetInt32(slot->tts_values[11]);
	FeedTag    *tag;

	if (shown->ntags == shown->room)
	{
		shown->room = Max(2, 2 * shown->room);
		shown->tags = shown->tags == NULL ? palloc(sizeof(FeedTag) * shown->room) :
			repalloc(shown->tags, sizeof(FeedTag) * shown->room);
	}
	for (tag = shown->tags + shown->ntags++; tag > shown->tags && tag[-1].tag_id > tag_id; tag--)
		*tag = tag[-1];
	tag->tag_id = tag_id;
	tag->product_id = feed_int64(slot, 12);
	memcpy(tag->unknown, slot->tts_isnull + 13, sizeof(tag->unknown));
	memcpy(tag->parts, slot->tts_values + 13, sizeof(tag->parts));
	tag->stocked = feed_bool(slot, 13 + FEED_TAG_PARTS);
}

static void
take_shown(TupleTableSlot *slot, void *target)
{
	FeedShown  *shown = (FeedShown *) target + (feed_int64(slot, 0) - 1);

	CHECK_FOR_INTERRUPTS();
	if (shown->ntags == 0)
	{
		shown->post.creator_id = feed_int64(slot, 1);
		shown->post.topic_id = feed_int64(slot, 2);
		shown->rule = !feed_bool(slot, 3) ? FEED_RULE_NOT_HERE :
			!feed_bool(slot, 4) ? FEED_RULE_NOT_YET :
			!feed_bool(slot, 5) ? FEED_RULE_EXPIRED :
			!feed_bool(slot, 6) ? FEED_RULE_MODERATION :
			!feed_bool(slot, 7) ? FEED_RULE_CREATOR_STATUS : FEED_RULE_ELIGIBLE;
		shown->post.elsewhere = !feed_bool(slot, 8);
		/* one of the two may be unknown */
		shown->post.foreign = !slot->tts_isnull[9] && !feed_bool(slot, 9);
		shown->disclosure = feed_disclosure(TextDatumGetCString(slot->tts_values[10]));
	}
	if (!slot->tts_isnull[12])
		add_tag(shown, slot);
}

static void
take_barred(TupleTableSlot *slot, void *target)
{
	FeedIds    *barred = target;

	feed_ids_add(barred, feed_int64(slot, 0));
}

static bool
contains(const FeedIds *ids, int64 id)
{
	int			i;

	for (i = 0; i < ids->count; i++)
		if (ids->ids[i] == id)
			return true;
	return false;
}

/* Of what is in stock, what the program's rules of brands let through. */
static void
sort_products(FeedCall *call, FeedShown *shown, int count)
{
	FeedIds		products = {NULL, 0, 0};
	FeedIds		barred = {NULL, 0, 0};
	int			i;
	int			j;

	if (call->brand_rules)
	{
		Datum		values[3];

		for (i = 0; i < count; i++)
			for (j = 0; j < shown[i].ntags; j++)
				if (shown[i].tags[j].stocked)
					feed_ids_add(&products, shown[i].tags[j].product_id);
		values[0] = Int64GetDatum(call->program_id);
		values[1] = feed_id_array(products.ids, products.count);
		values[2] = TimestampTzGetDatum(call->as_of);
		feed_statement_run(&read_barred, values, NULL, take_barred, &barred);
	}
	for (i = 0; i < count; i++)
		for (j = 0; j < shown[i].ntags; j++)
		{
			FeedTag    *tag = &shown[i].tags[j];

			tag->stocked &= !contains(&barred, tag->product_id);
			shown[i].stocked |= tag->stocked;
		}
}

static double
days_since(const FeedCall *call, TimestampTz at)
{
	return ((double) call->as_of - (double) at) / (double) USECS_PER_DAY;
}

static bool
wants_less(const FeedCall *call, const FeedFacts *facts)
{
	return facts->less != DT_NOBEGIN && days_since(call, facts->less) < FEED_AWAY_DAYS;
}

/* The first rule that the viewer's own facts break, the products' apart. */
FeedRule
feed_viewer_rule(const FeedCall *call, const FeedPost *post, const FeedKnown *viewers, FeedPlaceKind kind)
{
	const FeedFacts *creator = viewers->creator;
	const FeedFacts *topic = viewers->topic;
	const FeedFacts *known = viewers->post;

	if (creator->flags & FEED_FLAG_OWN)
		return FEED_RULE_OWN;
	if (creator->flags & FEED_FLAG_BLOCKED)
		return FEED_RULE_BLOCKED;
	if ((creator->flags | topic->flags) & FEED_FLAG_MUTED)
		return FEED_RULE_MUTED;
	if (((creator->flags | topic->flags | known->flags) & FEED_FLAG_HIDDEN) ||
		wants_less(call, creator) || wants_less(call, topic))
		return FEED_RULE_HIDDEN;
	if (kind == FEED_ORGANIC && feed_was_seen(call, post->post_id))
		return FEED_RULE_SEEN;
	if (post->elsewhere)
		return FEED_RULE_COUNTRY;
	if (post->foreign)
		return FEED_RULE_LANGUAGE;
	if (kind != FEED_LISTED &&
		(known->shown >= call->settings.post_cap || creator->shown >= call->settings.creator_cap))
		return FEED_RULE_CAPPED;
	if (kind != FEED_LISTED && (known->flags & FEED_FLAG_DELIVERED))
		return FEED_RULE_DELIVERED;
	return FEED_RULE_ELIGIBLE;
}

/* The whole rule, for some posts: the first that fails, in the order of FeedRule. */
void
feed_judge(FeedCall *call, const int64 *post_ids, int count, FeedPlaceKind kind, FeedRule *rules)
{
	FeedShown  *shown;
	Datum		values[6];
	bool		nulls[6] = {false, false, false, false, false, false};
	int			i;

	if (count == 0)
		return;
	/* the call remembers what it was told, for the rows that are delivered */
	shown = palloc0(sizeof(FeedShown) * count);
	for (i = 0; i < count; i++)
	{
		shown[i].post.post_id = post_ids[i];
		shown[i].rule = FEED_RULE_NOT_HERE;
		shown[i].next = call->shown;
		call->shown = &shown[i];
	}
	values[0] = feed_id_array(post_ids, count);
	values[1] = Int64GetDatum(call->program_id);
	values[2] = TimestampTzGetDatum(call->moment);
	values[3] = TimestampTzGetDatum(call->as_of);
	nulls[4] = call->viewer.country == NULL;
	values[4] = nulls[4] ? (Datum) 0 : CStringGetTextDatum(call->viewer.country);
	nulls[5] = call->viewer.language == NULL;
	values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(call->viewer.language);
	feed_statement_run(&read_shown, values, nulls, take_shown, shown);
	sort_products(call, shown, count);
	for (i = 0; i < count; i++)
	{
		rules[i] = shown[i].rule;
		if (rules[i] == FEED_RULE_ELIGIBLE)
		{
			FeedKnown	known = feed_known(&call->viewer, &shown[i].post);
			FeedRule	own = feed_viewer_rule(call, &shown[i].post, &known, kind);

			/* in the order of the rules: products come between the viewer's */
			rules[i] = !shown[i].stocked && (own == FEED_RULE_ELIGIBLE || own > FEED_RULE_PRODUCT) ?
				FEED_RULE_PRODUCT : own;
		}
	}
}

/* influence_internal.feed_eligible(): the same for whoever lists posts elsewhere. */
Datum
feed_eligible(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	FeedCall   *call;
	Datum	   *values;
	bool	   *nulls;
	int64	   *post_ids;
	FeedRule   *rules;
	int			count;
	int			level;
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3) || !IS_VALID_TIMESTAMP(PG_GETARG_TIMESTAMPTZ(3)))
		return (Datum) 0;
	call = palloc0(sizeof(FeedCall));
	call->context = AllocSetContextCreate(CurrentMemoryContext, "eligibility of posts", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(call->context);
	call->program_id = PG_GETARG_INT64(0);
	call->as_of = call->moment = PG_GETARG_TIMESTAMPTZ(3);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &values, &nulls, &count);
	post_ids = palloc(sizeof(int64) * Max(count, 1));
	rules = palloc(sizeof(FeedRule) * Max(count, 1));
	for (i = 0; i < count; i++)
		post_ids[i] = nulls[i] ? 0 : DatumGetInt64(values[i]);

	level = feed_statements_begin();
	MemoryContextSwitchTo(call->context);
	if (!PG_ARGISNULL(1))
		call->viewer.id = *PG_GETARG_UUID_P(1);
	feed_read_settings(call);
	feed_read_person(call);
	feed_judge(call, post_ids, count, FEED_LISTED, rules);
	for (i = 0; i < count; i++)
	{
		Datum		row[2];
		bool		row_nulls[2] = {nulls[i], false};

		row[0] = Int64GetDatum(post_ids[i]);
		row[1] = CStringGetTextDatum(feed_rule_names[rules[i]]);
		tuplestore_putvalues(result->setResult, result->setDesc, row, row_nulls);
	}
	feed_statements_end(level);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(call->context);
	return (Datum) 0;
}

/*
 * feed_viewer.c
 *	  Who looks at the feed: all facts of the person that change what it sees.
 *
 * A person is all visitors that are one (influence_internal.person_visitors).
 * Blocks, mutes, what was hidden, what was shown and seen hold for everybody;
 * follows, interests and history only for those who want a personal feed.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "feed_read.h"
#include "feed_score_core.h"
#include "feed_statement.h"
#include "seen_core.h"

#define DAY_US USECS_PER_DAY
#define WEEK_DAYS 7

typedef struct FeedSeen
{
	int64		generation;
	const uint8 *bits;
	struct FeedSeen *next;
} FeedSeen;

static FeedStatement read_person = {
	.text =
	"SELECT influence_internal.person_visitors($1)",
	.nargs = 1,
	.types = {UUIDOID}
};

/* own row first; a person with several accounts wants what its strictest account says */
static FeedStatement read_shopper = {
	.text =
	"SELECT s.country, s.language, s.personalised, left(s.language, 16)"
	" FROM influence.shopper s WHERE s.visitor_id = ANY ($1)"
	" ORDER BY s.visitor_id <> $2, s.visitor_id",
	.nargs = 2,
	.types = {UUIDARRAYOID, UUIDOID}
};

/* Most persons are one visitor: theirs are in order as the indexes have them. */
#define FOLLOWS_OF(visitor) \
	"SELECT false, f.target_id, f.since FROM influence.follow f" \
	" WHERE f.visitor_id = " visitor " AND f.target_kind = 'creator'" \
	" ORDER BY f.since DESC, f.target_id DESC LIMIT $2"

static FeedStatement read_follows = {
	.text =
	"(" FOLLOWS_OF("$1") ")"
	" UNION ALL"
	" SELECT true, f.target_id, f.since FROM influence.follow f"
	" WHERE f.visitor_id = $1 AND f.target_kind = 'topic'",
	.nargs = 2,
	.types = {UUIDOID, INT8OID}
};

static FeedStatement read_follows_of_all = {
	.text =
	"(SELECT n.* FROM unnest($1) v(visitor_id) CROSS JOIN LATERAL (" FOLLOWS_OF("v.visitor_id") ") n"
	" ORDER BY n.since DESC, n.target_id DESC LIMIT $2)"
	" UNION ALL"
	" SELECT true, f.target_id, f.since FROM influence.follow f"
	" WHERE f.visitor_id = ANY ($1) AND f.target_kind = 'topic'",
	.nargs = 2,
	.types = {UUIDARRAYOID, INT8OID}
};

static FeedStatement read_interests = {
	.text =
	"SELECT i.topic_id, i.weight FROM influence.interest i WHERE i.visitor_id = ANY ($1)",
	.nargs = 1,
	.types = {UUIDARRAYOID}
};

/* table ('c'reator, 't'opic, 'p'ost), id, flag, and since when "see less" */
static FeedStatement read_refusals = {
	.text =
	"SELECT 'c'::\"char\", b.creator_id, 2, NULL::timestamptz FROM influence.block b WHERE b.visitor_id = ANY ($1)"
	" UNION ALL"
	" SELECT CASE m.target_kind WHEN 'creator' THEN 'c' ELSE 't' END::\"char\", m.target_id, 4, NULL"
	" FROM influence.mute m WHERE m.visitor_id = ANY ($1) AND (m.until IS NULL OR m.until > $2)"
	" UNION ALL"
	" SELECT CASE h.target_kind WHEN 'creator' THEN 'c' WHEN 'topic' THEN 't' ELSE 'p' END::\"char\", h.target_id,"
	" CASE WHEN h.kind = 'see_less' AND h.target_kind <> 'post' THEN 0 ELSE 8 END,"
	" CASE WHEN h.kind = 'see_less' AND h.target_kind <> 'post' THEN h.since END"
	" FROM influence.hidden h WHERE h.visitor_id = ANY ($1)"
	" UNION ALL"
	" SELECT 'c'::\"char\", c.creator_id, 16, NULL FROM influence.creator c WHERE c.visitor_id = ANY ($1)",
	.nargs = 2,
	.types = {UUIDARRAYOID, TIMESTAMPTZOID}
};

#define IMPRESSIONS_OF(visitor) \
	"SELECT i.post_id, i.creator_id, i.shown_at FROM influence.impression i" \
	" WHERE i.visitor_id = " visitor " AND i.shown_at <= $2 AND i.shown_at > $3" \
	" ORDER BY i.shown_at DESC, i.impression_id DESC LIMIT $4"

static FeedStatement read_impressions = {
	.text = IMPRESSIONS_OF("$1"),
	.nargs = 4,
	.types = {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}
};

static FeedStatement read_impressions_of_all = {
	.text =
	"SELECT m.* FROM unnest($1) v(visitor_id) CROSS JOIN LATERAL (" IMPRESSIONS_OF("v.visitor_id") ") m"
	" ORDER BY m.shown_at DESC, m.post_id DESC LIMIT $4",
	.nargs = 4,
	.types = {UUIDARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID}
};

static FeedStatement read_seen = {
	.text =
	"SELECT f.generation, f.bits FROM influence.seen_filter f"
	" WHERE f.visitor_id = ANY ($1) AND f.program_id = $2",
	.nargs = 2,
	.types = {UUIDARRAYOID, INT8OID}
};

static void
take_person(TupleTableSlot *slot, void *target)
{
	FeedViewer *viewer = target;

	viewer->visitors = PointerGetDatum(DatumGetArrayTypePCopy(slot->tts_values[0]));
}

typedef struct ShopperRows
{
	FeedViewer *viewer;
	int			rows;
} ShopperRows;

static void
take_shopper(TupleTableSlot *slot, void *target)
{
	ShopperRows *shopper = target;
	FeedViewer *viewer = shopper->viewer;

	if (shopper->rows++ == 0)
	{
		viewer->country = slot->tts_isnull[0] ? NULL : TextDatumGetCString(slot->tts_values[0]);
		viewer->language = slot->tts_isnull[1] ? NULL : TextDatumGetCString(slot->tts_values[1]);
		viewer->spoken = slot->tts_isnull[3] ? NULL : TextDatumGetCString(slot->tts_values[3]);
		viewer->personalised = true;
	}
	viewer->personalised &= feed_bool(slot, 2);
}

static void
take_follow(TupleTableSlot *slot, void *target)
{
	FeedViewer *viewer = target;
	bool		topic = feed_bool(slot, 0);
	FeedFacts  *facts = feed_facts_get(topic ? viewer->topics : viewer->creators, feed_int64(slot, 1));

	/* two visitors of a person may follow the same */
	if (topic && (facts->flags & FEED_FLAG_FOLLOWED) == 0)
		facts->weight += 1.0;
	facts->flags |= FEED_FLAG_FOLLOWED;
	facts->since = Max(facts->since, DatumGetTimestampTz(slot->tts_values[2]));
	viewer->signal = true;
}

/* The weight a shopper chose: of several accounts, the greatest. */
static void
take_interest(TupleTableSlot *slot, void *target)
{
	FeedViewer *viewer = target;
	FeedFacts  *facts = feed_facts_get(viewer->topics, feed_int64(slot, 0));

	facts->weight = Max(facts->weight, feed_float8(slot, 1));
	viewer->signal = true;
}

static void
take_refusal(TupleTableSlot *slot, void *target)
{
	FeedViewer *viewer = target;
	char		table = DatumGetChar(slot->tts_values[0]);
	FeedFacts  *facts = feed_facts_get(table == 'c' ? viewer->creators : table == 't' ? viewer->topics : viewer->posts,
									   feed_int64(slot, 1));

	CHECK_FOR_INTERRUPTS();
	facts->flags |= (uint8) DatumGetInt32(slot->tts_values[2]);
	if (!slot->tts_isnull[3])
		facts->less = Max(facts->less, DatumGetTimestampTz(slot->tts_values[3]));
}

static void
take_impression(TupleTableSlot *slot, void *target)
{
	FeedCall   *call = target;
	FeedFacts  *post = feed_facts_get(call->viewer.posts, feed_int64(slot, 0));
	FeedFacts  *creator = feed_facts_get(call->viewer.creators, feed_int64(slot, 1));
	int64		age_us = call->moment - DatumGetTimestampTz(slot->tts_values[2]);
	double		decayed = feed_decay(age_us, DAY_US);

	post->fatigue += decayed;
	post->shown++;
	creator->fatigue += decayed;
	if (age_us < DAY_US)
		creator->shown++;
}

static void
take_seen(TupleTableSlot *slot, void *target)
{
	FeedViewer *viewer = target;
	bytea	   *bits = DatumGetByteaPCopy(slot->tts_values[1]);
	FeedSeen   *seen;

	if (VARSIZE(bits) - VARHDRSZ != SEEN_BYTES)
		elog(ERROR, "seen filter of %d bytes", (int) (VARSIZE(bits) - VARHDRSZ));
	seen = palloc(sizeof(FeedSeen));
	seen->generation = feed_int64(slot, 0);
	seen->bits = (uint8 *) VARDATA(bits);
	seen->next = viewer->seen;
	viewer->seen = seen;
}

bool
feed_was_seen(const FeedCall *call, int64 post_id)
{
	const FeedSeen *seen;

	for (seen = call->viewer.seen; seen != NULL; seen = seen->next)
		if (seen_test(seen->bits, seen->generation, post_id))
			return true;
	return false;
}

/* Who the viewer is and what it may not be shown. */
void
feed_read_person(FeedCall *call)
{
	FeedViewer *viewer = &call->viewer;
	ShopperRows shopper = {viewer, 0};
	Datum		values[2];

	viewer->creators = feed_facts_create(call->context);
	viewer->topics = feed_facts_create(call->context);
	viewer->posts = feed_facts_create(call->context);
	values[0] = UUIDPGetDatum(&viewer->id);
	if (viewer->aliases)
		feed_statement_run(&read_person, values, NULL, take_person, viewer);
	else
		viewer->visitors = PointerGetDatum(construct_array(values, 1, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	values[0] = viewer->visitors;
	values[1] = UUIDPGetDatum(&viewer->id);
	feed_statement_run(&read_shopper, values, NULL, take_shopper, &shopper);
	values[1] = TimestampTzGetDatum(call->as_of);
	feed_statement_run(&read_refusals, values, NULL, take_refusal, viewer);
}

/* The same with what it was shown, and for a personal feed what it is interested in. */
void
feed_read_viewer(FeedCall *call)
{
	FeedViewer *viewer = &call->viewer;
	Datum		person;
	Datum		values[4];

	feed_read_person(call);
	person = viewer->aliases ? viewer->visitors : UUIDPGetDatum(&viewer->id);
	values[0] = person;
	values[1] = TimestampTzGetDatum(call->moment);
	values[2] = TimestampTzGetDatum(call->moment - WEEK_DAYS * DAY_US);
	values[3] = Int64GetDatum(FEED_IMPRESSIONS);
	feed_statement_run(viewer->aliases ? &read_impressions_of_all : &read_impressions, values, NULL, take_impression, call);
	values[0] = viewer->visitors;
	values[1] = Int64GetDatum(call->program_id);
	feed_statement_run(&read_seen, values, NULL, take_seen, viewer);
	if (viewer->personalised)
	{
		/* interests before follows: a follow adds to what was chosen */
		feed_statement_run(&read_interests, values, NULL, take_interest, viewer);
		values[0] = person;
		values[1] = Int64GetDatum(FEED_FOLLOWS);
		feed_statement_run(viewer->aliases ? &read_follows_of_all : &read_follows, values, NULL, take_follow, viewer);
	}
}

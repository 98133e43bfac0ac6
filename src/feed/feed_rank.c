/*
 * feed_rank.c
 *	  From candidates to a page: scores, order, eligibility as far as it is
 *	  asked for, diversity and sponsored slots.
 *
 * All candidates are scored, which is cheap, and walked in the order of the
 * score; the tables are asked about those that the page wants to show, until all
 * of them may be.  The page is the one that asking about all would give:
 * feed_order_core sees to it.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "feed_items.h"
#include "feed_rank.h"
#include "feed_read.h"
#include "feed_statement.h"

/* sponsored posts that are looked at */
#define SPONSORED_MOST 40

static FeedStatement read_sponsored = {
	.text =
	"SELECT " FEED_ITEM_COLUMNS ", s.sponsored_campaign_id, s.disclosure, s.room"
	" FROM influence_internal.sponsored_candidates($1, $2, $3, $4, $5, $6, $7, $8, $9) s"
	" JOIN influence.feed_item i ON i.post_id = s.post_id"
	" ORDER BY s.place",
	.nargs = 9,
	.types = {INT8OID, UUIDOID, UUIDARRAYOID, TEXTOID, INT8ARRAYOID, BOOLOID, TEXTOID, TIMESTAMPTZOID, INT4OID}
};

static FeedStatement read_media = {
	.text =
	"SELECT i.media_key FROM influence.feed_item i WHERE i.post_id = ANY ($1)",
	.nargs = 1,
	.types = {INT8ARRAYOID}
};

/*
 * get_feed() and explain_feed() check what they are asked for; who calls the
 * functions below them by hand gets an error without manners, and no crash.
 * nullable: bits of the arguments that may be NULL.
 */
void
feed_require_arguments(FunctionCallInfo fcinfo, int nullable, int as_of)
{
	int			i;

	for (i = 0; i < PG_NARGS(); i++)
		if (PG_ARGISNULL(i) && (nullable & (1 << i)) == 0)
			elog(ERROR, "argument %d is NULL", i + 1);
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(as_of)))
		elog(ERROR, "moment of a feed is not finite");
}

void
feed_open(FeedCall *call, const CursorContent *session)
{
	uint32		i;

	feed_read_settings(call);
	feed_read_viewer(call);
	if (call->viewer.personalised)
		feed_read_history(call);
	feed_read_profile(call, session->profile_id, session->assignment_id);
	for (i = 0; i < session->count; i++)
		feed_facts_get(call->viewer.posts, session->ids[i])->flags |= FEED_FLAG_DELIVERED;
	feed_weigh_facts(call);
	feed_pool_begin(&call->pool, call->context);
	if (call->buying)
		feed_read_intent(call);
	else
		feed_read_candidates(call);
}

static void
score_pool(FeedRanking *ranking)
{
	const FeedPool *pool = &ranking->call->pool;
	uint32		i;

	ranking->candidates = palloc(sizeof(FeedCandidate) * Max(pool->count, 1));
	for (i = 0; i < pool->count; i++)
	{
		const FeedPost *post = &pool->posts[i];
		FeedCandidate *candidate = &ranking->candidates[ranking->count];
		FeedKnown	known;

		CHECK_FOR_INTERRUPTS();
		/* beyond the bounds of every source that it is in */
		if (post->sources == 0)
			continue;
		known = feed_known(&ranking->call->viewer, post);
		if (feed_viewer_rule(ranking->call, post, &known, FEED_ORGANIC) != FEED_RULE_ELIGIBLE)
			continue;
		candidate->score = feed_score_of(ranking->call, post, &known);
		candidate->post_id = post->post_id;
		candidate->creator_id = post->creator_id;
		candidate->category_id = post->category_id;
		candidate->media_key = post->media_key;
		candidate->row = i;
		ranking->count++;
	}
}

/* ---- sponsored posts ---- */

typedef struct SponsoredRows
{
	FeedRanking *ranking;
	const CursorContent *session;
} SponsoredRows;

static void
take_sponsored(TupleTableSlot *slot, void *target)
{
	SponsoredRows *rows = target;
	FeedRanking *ranking = rows->ranking;
	int64		campaign_id = feed_int64(slot, FEED_ITEM_COUNT);
	FeedSponsored *sponsored = &ranking->sponsored[ranking->sponsored_count];
	FeedPost   *post;
	FeedKnown	known;
	uint32		i;
	int32		room = slot->tts_isnull[FEED_ITEM_COUNT + 2] ? CURSOR_MAX_CAMPAIGNS :
		DatumGetInt32(slot->tts_values[FEED_ITEM_COUNT + 2]);

	/* what the session delivered may not be recorded yet */
	for (i = 0; i < rows->session->campaign_count; i++)
		room -= rows->session->campaigns[i] == campaign_id;
	if (ranking->sponsored_count == SPONSORED_MOST || room <= 0)
		return;
	post = feed_take_post(ranking->call, slot, FEED_FROM_SPONSORED);
	known = feed_known(&ranking->call->viewer, post);
	sponsored->post.score = feed_score_of(ranking->call, post, &known);
	sponsored->post.post_id = post->post_id;
	sponsored->post.creator_id = post->creator_id;
	sponsored->post.category_id = post->category_id;
	sponsored->post.media_key = post->media_key;
	sponsored->post.row = (uint32) (post - ranking->call->pool.posts);
	sponsored->campaign_id = campaign_id;
	sponsored->room = (uint32) room;
	ranking->disclosures[ranking->sponsored_count++] = TextDatumGetCString(slot->tts_values[FEED_ITEM_COUNT + 1]);
}

/* What campaigns pay for, in the order of their auction: only posts that may be shown. */
static void
rank_sponsored(FeedRanking *ranking, const CursorContent *session)
{
	FeedCall   *call = ranking->call;
	SponsoredRows rows = {ranking, session};
	int64		post_ids[SPONSORED_MOST];
	FeedRule	rules[SPONSORED_MOST];
	FeedFacts **topics;
	int64	   *topic_ids;
	int			count;
	int			kept = 0;
	uint32		eligible = 0;
	uint32		i;
	Datum		values[9];
	bool		nulls[9] = {false};

	ranking->sponsored = palloc(sizeof(FeedSponsored) * SPONSORED_MOST);
	ranking->disclosures = palloc(sizeof(char *) * SPONSORED_MOST);
	topics = feed_facts_all(call->viewer.topics, &count);
	topic_ids = palloc(sizeof(int64) * Max(count, 1));
	for (i = 0; i < (uint32) count; i++)
		if (topics[i]->weight > 0.0)
			topic_ids[kept++] = topics[i]->id;
	values[0] = Int64GetDatum(call->program_id);
	values[1] = UUIDPGetDatum(&call->viewer.id);
	values[2] = call->viewer.visitors;
	nulls[3] = call->viewer.country == NULL;
	values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(call->viewer.country);
	values[4] = feed_id_array(topic_ids, kept);
	values[5] = BoolGetDatum(call->viewer.personalised);
	nulls[6] = call->surface == NULL;
	values[6] = nulls[6] ? (Datum) 0 : CStringGetTextDatum(call->surface);
	values[7] = TimestampTzGetDatum(call->as_of);
	values[8] = Int32GetDatum(SPONSORED_MOST);
	feed_statement_run(&read_sponsored, values, nulls, take_sponsored, &rows);

	for (i = 0; i < ranking->sponsored_count; i++)
		post_ids[i] = ranking->sponsored[i].post.post_id;
	feed_judge(call, post_ids, (int) ranking->sponsored_count, FEED_PAID, rules);
	for (i = 0; i < ranking->sponsored_count; i++)
		if (rules[i] == FEED_RULE_ELIGIBLE)
		{
			ranking->sponsored[eligible] = ranking->sponsored[i];
			ranking->disclosures[eligible++] = ranking->disclosures[i];
		}
	ranking->sponsored_count = eligible;
}

/* ---- the page ---- */

typedef struct MediaKeys
{
	int64	   *keys;
	uint32		count;
} MediaKeys;

static void
take_media(TupleTableSlot *slot, void *target)
{
	MediaKeys  *media = target;

	media->keys[media->count++] = feed_int64(slot, 0);
}

/* The media of what was delivered: most of it is among the candidates. */
static void
delivered_media(const FeedCall *call, const CursorContent *session, MediaKeys *media)
{
	int64	   *others = palloc(sizeof(int64) * Max(session->count, 1));
	int			nothers = 0;
	uint32		i;

	media->keys = palloc(sizeof(int64) * Max(session->count, 1));
	media->count = 0;
	for (i = 0; i < session->count; i++)
	{
		const FeedPost *post = feed_pool_find(&call->pool, session->ids[i]);

		if (post != NULL)
			media->keys[media->count++] = post->media_key;
		else
			others[nothers++] = session->ids[i];
	}
	if (nothers > 0)
	{
		Datum		values[1];

		values[0] = feed_id_array(others, nothers);
		feed_statement_run(&read_media, values, NULL, take_media, media);
	}
}

/* Answers what the order asks. */
static void
judge_asked(FeedRanking *ranking)
{
	FeedOrder  *order = ranking->order;
	int64	   *post_ids = palloc(sizeof(int64) * order->asked_count);
	FeedRule   *rules = palloc(sizeof(FeedRule) * order->asked_count);
	uint32		i;

	for (i = 0; i < order->asked_count; i++)
		post_ids[i] = ranking->candidates[order->asked[i]].post_id;
	feed_judge(ranking->call, post_ids, (int) order->asked_count, FEED_ORGANIC, rules);
	for (i = 0; i < order->asked_count; i++)
		order->answers[order->asked[i]] = rules[i] == FEED_RULE_ELIGIBLE ? FEED_ELIGIBLE : FEED_REFUSED;
	pfree(post_ids);
	pfree(rules);
}

FeedRanking *
feed_rank(FeedCall *call, const CursorContent *session, uint32 page_size)
{
	FeedRanking *ranking = palloc0(sizeof(FeedRanking));
	FeedOrderInput input;
	FeedOrderStep step;
	MediaKeys	media;
	size_t		size;

	ranking->call = call;
	/* first the organic ones: what only a campaign brings is no candidate */
	score_pool(ranking);
	delivered_media(call, session, &media);
	if (!call->buying && call->campaigns)
		rank_sponsored(ranking, session);

	memset(&input, 0, sizeof(input));
	input.candidates = ranking->candidates;
	input.candidate_count = ranking->count;
	input.sponsored = ranking->sponsored;
	input.sponsored_count = ranking->sponsored_count;
	input.delivered_posts = session->ids;
	input.delivered_post_count = session->count;
	input.delivered_media = media.keys;
	input.delivered_media_count = media.count;
	input.tail = session->tail;
	input.page_size = page_size;
	input.diverse = call->viewer.signal;
	size = feed_order_size(&input);
	if (size == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many candidates of a feed"),
				 errdetail("The sources have brought %u, and at most %d can be ranked.", ranking->count, FEED_MAX_CANDIDATES),
				 errhint("Lower what the setting feed_candidates says, with influence.set_setting().")));
	ranking->order = feed_order_begin(palloc(size), &input);
	while ((step = feed_order_run(ranking->order)) != FEED_ORDER_DONE)
	{
		CHECK_FOR_INTERRUPTS();
		if (step == FEED_ORDER_ASK)
			judge_asked(ranking);
		else
			feed_candidates_order(ranking->candidates, ranking->count, &ranking->order->ordered, ranking->order->ordered + 1);
	}
	return ranking;
}

const FeedCandidate *
feed_placed(const FeedRanking *ranking, uint32 place)
{
	const FeedPlace *placed = &ranking->order->places[place];

	return placed->sponsored ? &ranking->sponsored[placed->index].post : &ranking->candidates[placed->index];
}

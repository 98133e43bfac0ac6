/*
 * feed_page.c
 *	  influence_internal.feed_page(): a page of the feed, in rows.
 *
 * What a row says besides the place, and its impression token, is made for
 * delivered posts only.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "feed_cursor.h"
#include "feed_delivered.h"
#include "feed_rank.h"
#include "feed_read.h"
#include "feed_score_core.h"
#include "feed_statement.h"
#include "feed_token.h"

PG_FUNCTION_INFO_V1(feed_page);

#define PAGE_COLUMNS 10

static FeedStatement read_secret = {
	.text =
	"SELECT s.seal_secret FROM influence.program_secret s WHERE s.program_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

/* what tokens and cursors of a program are sealed with */
typedef struct FeedKey
{
	uint8		bytes[FEED_TOKEN_KEY_BYTES];
	bool		known;
} FeedKey;

static void
take_secret(TupleTableSlot *slot, void *target)
{
	FeedKey    *key = target;
	bytea	   *secret = DatumGetByteaPP(slot->tts_values[0]);

	feed_token_key((const uint8 *) VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret), key->bytes);
	key->known = true;
}

/* An error without a secret: a key that anybody knows would seal nothing. */
static FeedKey
read_key(int64 program_id)
{
	FeedKey		key = {{0}, false};
	Datum		args[1];

	args[0] = Int64GetDatum(program_id);
	feed_statement_run(&read_secret, args, NULL, take_secret, &key);
	if (!key.known)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_NOT_INSTALLED),
				 errmsg("program " INT64_FORMAT " has no secret", program_id),
				 errhint("Restore its row in influence.program_secret from a backup.")));
	return key;
}

/* {follow, "interest: bikes", ...} in the order of FeedSource */
static Datum
source_array(uint32 sources, const char *topic)
{
	Datum		names[FEED_SOURCES];
	int			count = 0;
	int			i;

	for (i = 0; i < FEED_SOURCES; i++)
		if (sources & (1u << i))
			names[count++] = i == FEED_FROM_INTEREST && topic != NULL ?
				CStringGetTextDatum(psprintf("%s: %s", feed_source_names[i], topic)) :
				CStringGetTextDatum(feed_source_names[i]);
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
fill_token(FeedToken *token, const FeedCall *call, const FeedPost *post, uint32 sources, uint32 rank)
{
	FeedKnown	known = feed_known(&call->viewer, post);

	memset(token, 0, sizeof(FeedToken));
	memcpy(token->viewer, call->viewer.id.data, FEED_VIEWER_BYTES);
	token->program_id = call->program_id;
	token->post_id = post->post_id;
	token->creator_id = post->creator_id;
	token->moment_us = call->moment;
	token->rank = rank;
	token->sources = sources;
	token->topic_id = sources & (1u << FEED_FROM_INTEREST) ? post->topic_id : 0;
	feed_features_of(call, post, &known, token->features);
	token->dampening = feed_dampening_of(&known);
	token->score = feed_score(call->profile.weights, token->features, token->dampening);
	token->propensity = post->propensity;
	token->profile_id = call->profile.profile_id;
	token->assignment_id = call->profile.assignment_id;
	token->buying = call->buying;
	token->surface_length = (uint8) (call->surface == NULL ? 0 : Min(strlen(call->surface), FEED_TOKEN_SURFACE_BYTES));
	if (token->surface_length > 0)
		memcpy(token->surface, call->surface, token->surface_length);
	token->device_length = (uint8) (call->device == NULL ? 0 : Min(strlen(call->device), FEED_TOKEN_DEVICE_BYTES));
	if (token->device_length > 0)
		memcpy(token->device, call->device, token->device_length);
}

/* The cursor behind this page: NULL where the feed ends. */
static text *
next_cursor(const FeedRanking *ranking, CursorContent *session, const CursorOwner *owner,
			const uint8 key[FEED_TOKEN_KEY_BYTES], uint32 page_size)
{
	const FeedCall *call = ranking->call;
	const FeedOrder *order = ranking->order;
	uint32		i;

	if (order->placed < page_size || session->count + order->placed >= CURSOR_MAX_IDS)
		return NULL;
	session->as_of_us = call->moment;
	session->profile_id = call->profile.profile_id;
	session->assignment_id = call->profile.assignment_id;
	session->tail = order->tail;
	for (i = 0; i < order->placed; i++)
	{
		session->ids[session->count++] = feed_placed(ranking, i)->post_id;
		if (order->places[i].sponsored && session->campaign_count < CURSOR_MAX_CAMPAIGNS)
			session->campaigns[session->campaign_count++] = ranking->sponsored[order->places[i].index].campaign_id;
	}
	return feed_cursor_text(session, owner, key);
}

static void
put_rows(const FeedRanking *ranking, CursorContent *session, const CursorOwner *owner, uint32 page_size,
		 ReturnSetInfo *result)
{
	FeedCall   *call = ranking->call;
	const FeedOrder *order = ranking->order;
	uint32		before = session->count;
	FeedDelivered *rows;
	int64	   *post_ids = palloc(sizeof(int64) * Max(order->placed, 1));
	int64	   *topic_ids = palloc(sizeof(int64) * Max(order->placed, 1));
	FeedKey		key = read_key(call->program_id);
	text	   *cursor;
	uint32		i;

	for (i = 0; i < order->placed; i++)
	{
		const FeedPost *post = &call->pool.posts[feed_placed(ranking, i)->row];

		post_ids[i] = post->post_id;
		/* a topic is named as the reason that it was */
		topic_ids[i] = post->sources & (1u << FEED_FROM_INTEREST) ? post->topic_id : 0;
	}
	rows = feed_read_delivered(call, post_ids, topic_ids, (int) order->placed);
	cursor = next_cursor(ranking, session, owner, key.bytes, page_size);

	for (i = 0; i < order->placed; i++)
	{
		const FeedPlace *place = &order->places[i];
		const FeedPost *post = &call->pool.posts[feed_placed(ranking, i)->row];
		uint32		sources = place->sponsored ? post->sources : post->sources & ~(1u << FEED_FROM_SPONSORED);
		Datum		values[PAGE_COLUMNS];
		bool		nulls[PAGE_COLUMNS] = {false};
		FeedToken	token;

		fill_token(&token, call, post, sources, before + i + 1);
		token.disclosure = place->sponsored ? feed_disclosure(ranking->disclosures[place->index]) : rows[i].disclosure;
		token.campaign_id = place->sponsored ? ranking->sponsored[place->index].campaign_id : 0;
		values[0] = Int32GetDatum((int32) token.rank);
		values[1] = Int64GetDatum(post->post_id);
		values[2] = Int64GetDatum(post->creator_id);
		values[3] = Float8GetDatum(token.score);
		values[4] = BoolGetDatum(place->sponsored != 0);
		values[5] = CStringGetTextDatum(feed_disclosure_names[token.disclosure]);
		values[6] = source_array(sources, rows[i].topic);
		values[7] = rows[i].products;
		nulls[7] = rows[i].products == (Datum) 0;
		values[8] = PointerGetDatum(cursor);
		nulls[8] = cursor == NULL;
		values[9] = PointerGetDatum(feed_token_seal(&token, key.bytes));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

static void
read_session(CursorContent *session, const CursorOwner *owner, text *cursor)
{
	FeedKey		key = read_key(owner->program_id);

	feed_cursor_content(cursor, owner, key.bytes, session);
}

Datum
feed_page(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	FeedCall   *call;
	CursorContent *session;
	CursorOwner owner;
	uint32		page_size;
	int			level;

	InitMaterializedSRF(fcinfo, 0);
	/* the first page has no cursor; surface and device need not be said */
	feed_require_arguments(fcinfo, 1 << 4 | 1 << 6 | 1 << 8, 5);
	page_size = (uint32) Max(PG_GETARG_INT32(3), 0);
	call = palloc0(sizeof(FeedCall));
	call->context = AllocSetContextCreate(CurrentMemoryContext, "page of the feed", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(call->context);
	call->program_id = PG_GETARG_INT64(0);
	call->currency = text_to_cstring(PG_GETARG_TEXT_PP(1));
	call->viewer.id = *PG_GETARG_UUID_P(2);
	call->as_of = PG_GETARG_TIMESTAMPTZ(5);
	call->surface = PG_ARGISNULL(6) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(6));
	call->buying = PG_GETARG_BOOL(7);
	call->device = PG_ARGISNULL(8) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(8));

	memset(&owner, 0, sizeof(owner));
	owner.program_id = call->program_id;
	memcpy(owner.viewer, call->viewer.id.data, CURSOR_VIEWER_BYTES);
	owner.surface = call->surface == NULL ? "" : call->surface;
	owner.surface_length = strlen(owner.surface);
	owner.intent = call->buying ? "buy" : "browse";
	owner.intent_length = strlen(owner.intent);
	owner.device = call->device == NULL ? "" : call->device;
	owner.device_length = strlen(owner.device);
	session = palloc0(sizeof(CursorContent));
	level = feed_statements_begin();
	MemoryContextSwitchTo(call->context);
	if (!PG_ARGISNULL(4))
		read_session(session, &owner, PG_GETARG_TEXT_PP(4));
	call->moment = PG_ARGISNULL(4) ? call->as_of : Min(session->as_of_us, call->as_of);
	session->tail.delivered = session->count;
	page_size = Min(page_size, CURSOR_MAX_IDS - session->count);

	feed_open(call, session);
	put_rows(feed_rank(call, session, page_size), session, &owner, page_size, result);
	feed_statements_end(level);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(call->context);
	return (Datum) 0;
}

/*
 * feed_settings.c
 *	  What settings and profiles say to a call of the feed.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"

#include "feed_read.h"
#include "feed_statement.h"

/* more than this of anything is a slip of the pen */
#define BOUND_MOST 10000

static FeedStatement read_settings = {
	.text =
	"SELECT (e ->> 'smile')::float8, (e ->> 'comment')::float8, (e ->> 'share')::float8, (e ->> 'save')::float8,"
	" (e ->> 'vote')::float8, (e ->> 'click')::float8, (e ->> 'purchase')::float8, (h #>> '{}')::float8,"
	" extract(epoch FROM (r #>> '{}')::interval)::float8, extract(epoch FROM (w #>> '{}')::interval)::float8,"
	" (c ->> 'per_creator')::int, (c ->> 'follow_creators')::int, (c ->> 'per_topic')::int, (c ->> 'topics')::int,"
	" (c ->> 'neighbor_items')::int, (c ->> 'per_item')::int, (c ->> 'neighbor_products')::int,"
	" (c ->> 'per_product')::int, (c ->> 'product_posts')::int, (c ->> 'trending')::int, (c ->> 'popular')::int,"
	" (c ->> 'explore')::int, (c ->> 'explore_places')::int, (c ->> 'explore_days')::int, (c ->> 'history_days')::int,"
	" (c ->> 'intent_posts')::int, (k ->> 'post')::int, (k ->> 'creator')::int,"
	/* whether any product may be barred at all: most programs have no rules of brands */
	" EXISTS (SELECT FROM influence.brand_rule b WHERE b.program_id = $1) OR EXISTS (SELECT FROM influence.authorised_seller),"
	/* whether the viewer is known by other names: most are not */
	" EXISTS (SELECT FROM influence.visitor_alias a WHERE a.visitor_id = $2)"
	" OR EXISTS (SELECT FROM influence.visitor_alias a WHERE a.shopper_id = $2)"
	" FROM (SELECT"
	" (SELECT s.value FROM influence.setting s WHERE s.name = 'engagement_weights' ORDER BY s.version DESC LIMIT 1) AS e,"
	" (SELECT s.value FROM influence.setting s WHERE s.name = 'feed_history_half' ORDER BY s.version DESC LIMIT 1) AS h,"
	/* the one that the ranks were counted with: a new one is in force when they are counted anew */
	" coalesce((SELECT b.settings -> 'rank_half_life' FROM influence.trend_basis b WHERE b.only_row),"
	" (SELECT s.value FROM influence.setting s WHERE s.name = 'rank_half_life' ORDER BY s.version DESC LIMIT 1)) AS r,"
	" (SELECT s.value FROM influence.setting s WHERE s.name = 'feed_intent_window' ORDER BY s.version DESC LIMIT 1) AS w,"
	" (SELECT s.value FROM influence.setting s WHERE s.name = 'feed_candidates' ORDER BY s.version DESC LIMIT 1) AS c,"
	" (SELECT s.value FROM influence.setting s WHERE s.name = 'feed_caps' ORDER BY s.version DESC LIMIT 1) AS k"
	" OFFSET 0) x",
	.nargs = 2,
	.types = {INT8OID, UUIDOID}
};

static FeedStatement profile_at = {
	.text =
	"SELECT f.profile_id, f.assignment_id, f.weights"
	" FROM influence_internal.feed_profile_at($1, $2, $3, $4) f",
	.nargs = 4,
	.types = {INT8OID, TEXTOID, UUIDOID, TIMESTAMPTZOID}
};

static FeedStatement profile_of = {
	.text =
	"SELECT f.profile_id, 0::bigint, f.weights FROM influence.feed_profile f WHERE f.profile_id = $1",
	.nargs = 1,
	.types = {INT8OID}
};

static double
weight_of(const TupleTableSlot *slot, int column)
{
	double		weight = feed_float8(slot, column);

	return isfinite(weight) ? weight : 0.0;
}

static int32
bound_of(const TupleTableSlot *slot, int column)
{
	int32		bound = slot->tts_isnull[column] ? 0 : DatumGetInt32(slot->tts_values[column]);

	return Max(0, Min(bound, BOUND_MOST));
}

static int64
microseconds_of(const TupleTableSlot *slot, int column)
{
	double		seconds = feed_float8(slot, column);

	/* a century is for ever */
	return (int64) (Max(1.0, Min(seconds, 100.0 * 365.25 * 86400.0)) * USECS_PER_SEC);
}

static void
take_settings(TupleTableSlot *slot, void *target)
{
	FeedCall   *call = target;
	FeedSettings *s = &call->settings;

	s->smile = weight_of(slot, 0);
	s->comment = weight_of(slot, 1);
	s->share = weight_of(slot, 2);
	s->save = weight_of(slot, 3);
	s->vote = weight_of(slot, 4);
	s->click = weight_of(slot, 5);
	s->purchase = weight_of(slot, 6);
	s->history_half = weight_of(slot, 7);
	s->half_life_us = microseconds_of(slot, 8);
	s->intent_window_us = microseconds_of(slot, 9);
	s->per_creator = bound_of(slot, 10);
	s->follow_creators = bound_of(slot, 11);
	s->per_topic = bound_of(slot, 12);
	s->topics = bound_of(slot, 13);
	s->neighbor_items = bound_of(slot, 14);
	s->per_item = bound_of(slot, 15);
	s->neighbor_products = bound_of(slot, 16);
	s->per_product = bound_of(slot, 17);
	s->product_posts = bound_of(slot, 18);
	s->trending = bound_of(slot, 19);
	s->popular = bound_of(slot, 20);
	s->explore = bound_of(slot, 21);
	s->explore_places = bound_of(slot, 22);
	s->explore_days = bound_of(slot, 23);
	s->history_days = bound_of(slot, 24);
	s->intent_posts = bound_of(slot, 25);
	s->post_cap = bound_of(slot, 26);
	s->creator_cap = bound_of(slot, 27);
	call->brand_rules = feed_bool(slot, 28);
	call->viewer.aliases = feed_bool(slot, 29);
}

static void
take_profile(TupleTableSlot *slot, void *target)
{
	FeedProfile *profile = target;
	ArrayType  *weights;
	Datum	   *values;
	bool	   *nulls;
	int			count;
	int			i;

	if (slot->tts_isnull[2])
		return;
	weights = DatumGetArrayTypePCopy(slot->tts_values[2]);
	deconstruct_array(weights, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &values, &nulls, &count);
	profile->profile_id = feed_int64(slot, 0);
	profile->assignment_id = feed_int64(slot, 1);
	/* a feature that came later weighs nothing in an old profile */
	for (i = 0; i < FEED_FEATURES; i++)
		profile->weights[i] = i < count && !nulls[i] ? DatumGetFloat8(values[i]) : 0.0;
}

void
feed_read_settings(FeedCall *call)
{
	Datum		values[2];

	values[0] = Int64GetDatum(call->program_id);
	values[1] = UUIDPGetDatum(&call->viewer.id);
	feed_statement_run(&read_settings, values, NULL, take_settings, call);
}

/*
 * The profile that is in force for the viewer, or with a profile_id the one that
 * a cursor says.
 */
void
feed_read_profile(FeedCall *call, int64 profile_id, int64 assignment_id)
{
	Datum		values[4];
	bool		nulls[4] = {false, false, false, false};

	memset(&call->profile, 0, sizeof(FeedProfile));
	if (profile_id != 0)
	{
		values[0] = Int64GetDatum(profile_id);
		feed_statement_run(&profile_of, values, NULL, take_profile, &call->profile);
		call->profile.assignment_id = assignment_id;
	}
	if (call->profile.profile_id != 0)
		return;
	values[0] = Int64GetDatum(call->program_id);
	values[1] = call->surface == NULL ? (Datum) 0 : CStringGetTextDatum(call->surface);
	values[2] = UUIDPGetDatum(&call->viewer.id);
	values[3] = TimestampTzGetDatum(call->moment);
	nulls[1] = call->surface == NULL;
	feed_statement_run(&profile_at, values, nulls, take_profile, &call->profile);
	if (call->profile.profile_id == 0)
		elog(ERROR, "no profile of the feed is in force");
}

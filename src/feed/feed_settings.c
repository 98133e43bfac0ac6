/*
 * feed_settings.c
 *	  What settings and profiles say to a call of the feed.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "feed_read.h"
#include "feed_statement.h"

/* more than this of anything is a slip of the pen */
#define BOUND_MOST 10000

/* every version: few are ever made, and the latest is found here */
static FeedStatement read_settings = {
	.text =
	"SELECT s.name, s.version, s.value FROM influence.setting s WHERE s.name = ANY ($1)",
	.nargs = 1,
	.types = {TEXTARRAYOID}
};

/* What most programs and viewers do not have, so that it need not be asked for in detail. */
static FeedStatement read_facts = {
	.text =
	/* products that may not be shown */
	"SELECT EXISTS (SELECT FROM influence.brand_rule b WHERE b.program_id = $1) OR EXISTS (SELECT FROM influence.authorised_seller),"
	/* other names of the viewer */
	" EXISTS (SELECT FROM influence.visitor_alias a WHERE a.visitor_id = $2)"
	" OR EXISTS (SELECT FROM influence.visitor_alias a WHERE a.shopper_id = $2),"
	/* campaigns, as sponsored_candidates() begins */
	" EXISTS (SELECT FROM influence.sponsored_campaign c WHERE c.program_id = $1 AND c.status = 'active' AND upper(c.valid) > $3),"
	/* profiles other than the standard one */
	" EXISTS (SELECT FROM influence.feed_assignment a WHERE a.program_id IN ($1, 0)),"
	/* the half-life that the ranks were counted with: a new one is in force when they are counted anew */
	" (SELECT b.settings -> 'rank_half_life' FROM influence.trend_basis b WHERE b.only_row),"
	/* formats of posts: what everybody does, and those with the same device */
	" (SELECT f.shares FROM influence.feed_format f WHERE f.program_id = $1 AND f.device = ''),"
	" (SELECT f.shares FROM influence.feed_format f WHERE f.program_id = $1 AND f.device = $4)",
	.nargs = 4,
	.types = {INT8OID, UUIDOID, TIMESTAMPTZOID, TEXTOID}
};

static FeedStatement profile_standard = {
	.text =
	"SELECT f.profile_id, 0::bigint, f.weights FROM influence.feed_profile f WHERE f.profile = 'standard' ORDER BY f.version DESC LIMIT 1",
	.nargs = 0
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

/* ---- settings ---- */

typedef enum SettingKind
{
	SETTING_WEIGHT,				/* double */
	SETTING_BOUND,				/* int32 */
	SETTING_INTERVAL			/* int64, microseconds */
} SettingKind;

typedef struct SettingPart
{
	const char *name;			/* of the setting */
	const char *key;			/* NULL = its whole value */
	SettingKind kind;
	size_t		offset;			/* in FeedSettings */
} SettingPart;

#define PART(name, key, kind, member) {name, key, kind, offsetof(FeedSettings, member)}
#define WEIGHT(member) PART("engagement_weights", #member, SETTING_WEIGHT, member)
#define BOUND(member) PART("feed_candidates", #member, SETTING_BOUND, member)

/* parts of a setting follow one another */
static const SettingPart parts[] = {
	WEIGHT(smile), WEIGHT(comment), WEIGHT(share), WEIGHT(save), WEIGHT(vote), WEIGHT(click), WEIGHT(purchase),
	BOUND(per_creator), BOUND(follow_creators), BOUND(per_topic), BOUND(topics), BOUND(neighbor_items), BOUND(per_item),
	BOUND(neighbor_products), BOUND(per_product), BOUND(product_posts), BOUND(trending), BOUND(popular), BOUND(explore),
	BOUND(explore_places), BOUND(explore_days), BOUND(history_days), BOUND(intent_posts),
	PART("feed_caps", "post", SETTING_BOUND, post_cap),
	PART("feed_caps", "creator", SETTING_BOUND, creator_cap),
	PART("feed_history_half", NULL, SETTING_WEIGHT, history_half),
	PART("feed_neighbor_half", NULL, SETTING_WEIGHT, neighbor_half),
	PART("feed_intent_window", NULL, SETTING_INTERVAL, intent_window_us),
	PART("rank_half_life", NULL, SETTING_INTERVAL, half_life_us)
};

typedef struct SettingRows
{
	FeedSettings *settings;
	int32		versions[lengthof(parts)];	/* that the part is from, 0 = none yet */
} SettingRows;

/* A number, or a string that says one: 0 where there is none. */
static double
number_of(const JsonbValue *value)
{
	double		number = 0.0;

	if (value != NULL && value->type == jbvNumeric)
		number = DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(value->val.numeric)));
	else if (value != NULL && value->type == jbvString)
		number = DatumGetFloat8(DirectFunctionCall1(float8in,
													CStringGetDatum(pnstrdup(value->val.string.val, value->val.string.len))));
	return isfinite(number) ? number : 0.0;
}

static int64
microseconds_of(const JsonbValue *value)
{
	double		seconds = 0.0;

	if (value != NULL && value->type == jbvNumeric)
		seconds = number_of(value);
	else if (value != NULL && value->type == jbvString)
		seconds = DatumGetFloat8(DirectFunctionCall2(interval_part, CStringGetTextDatum("epoch"),
													 DirectFunctionCall3(interval_in,
																		 CStringGetDatum(pnstrdup(value->val.string.val, value->val.string.len)),
																		 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
	/* a century is for ever */
	return (int64) (Max(1.0, Min(seconds, 100.0 * 365.25 * 86400.0)) * USECS_PER_SEC);
}

static void
take_part(const SettingPart *part, Jsonb *setting, FeedSettings *settings)
{
	void	   *target = (char *) settings + part->offset;
	JsonbValue	room;
	JsonbValue *value = NULL;

	if (part->key != NULL && JB_ROOT_IS_OBJECT(setting))
		value = getKeyJsonValueFromContainer(&setting->root, part->key, (int) strlen(part->key), &room);
	else if (part->key == NULL && JsonbExtractScalar(&setting->root, &room))
		value = &room;
	switch (part->kind)
	{
		case SETTING_WEIGHT:
			*(double *) target = number_of(value);
			break;
		case SETTING_BOUND:
			*(int32 *) target = (int32) Max(0.0, Min(number_of(value), (double) BOUND_MOST));
			break;
		case SETTING_INTERVAL:
			*(int64 *) target = microseconds_of(value);
			break;
	}
}

static void
take_setting(TupleTableSlot *slot, void *target)
{
	SettingRows *rows = target;
	text	   *name = DatumGetTextPP(slot->tts_values[0]);
	int32		version = DatumGetInt32(slot->tts_values[1]);
	Jsonb	   *setting = DatumGetJsonbP(slot->tts_values[2]);
	size_t		i;

	for (i = 0; i < lengthof(parts); i++)
		if (version > rows->versions[i] && strlen(parts[i].name) == VARSIZE_ANY_EXHDR(name) &&
			memcmp(parts[i].name, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) == 0)
		{
			rows->versions[i] = version;
			take_part(&parts[i], setting, rows->settings);
		}
}

static void
take_shares(const TupleTableSlot *slot, int column, double shares[FEED_FORMATS])
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	int			i;

	if (slot->tts_isnull[column])
		return;
	deconstruct_array(DatumGetArrayTypeP(slot->tts_values[column]), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &values, &nulls, &count);
	for (i = 0; i < Min(count, FEED_FORMATS); i++)
		shares[i] = nulls[i] ? 0.0 : DatumGetFloat8(values[i]);
}

static void
take_facts(TupleTableSlot *slot, void *target)
{
	FeedCall   *call = target;
	JsonbValue	value;

	call->brand_rules = feed_bool(slot, 0);
	call->viewer.aliases = feed_bool(slot, 1);
	call->campaigns = feed_bool(slot, 2);
	call->assigned = feed_bool(slot, 3);
	if (!slot->tts_isnull[4] && JsonbExtractScalar(&DatumGetJsonbP(slot->tts_values[4])->root, &value))
		call->settings.half_life_us = microseconds_of(&value);
	take_shares(slot, 5, call->settings.format_share);
	/* of those with the same device, where that is known */
	memcpy(call->settings.format_expected, call->settings.format_share, sizeof(call->settings.format_expected));
	take_shares(slot, 6, call->settings.format_expected);
}

/* ---- the profile ---- */

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
	SettingRows rows = {&call->settings, {0}};
	Datum		names[lengthof(parts)];
	Datum		values[4];
	bool		nulls[4] = {false, false, false, call->device == NULL};
	int			count = 0;
	size_t		i;

	for (i = 0; i < lengthof(parts); i++)
		if (i == 0 || strcmp(parts[i].name, parts[i - 1].name) != 0)
			names[count++] = CStringGetTextDatum(parts[i].name);
	values[0] = PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
	feed_statement_run(&read_settings, values, NULL, take_setting, &rows);
	values[0] = Int64GetDatum(call->program_id);
	values[1] = UUIDPGetDatum(&call->viewer.id);
	values[2] = TimestampTzGetDatum(call->as_of);
	values[3] = call->device == NULL ? (Datum) 0 : CStringGetTextDatum(call->device);
	feed_statement_run(&read_facts, values, nulls, take_facts, call);
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
	if (call->profile.profile_id == 0 && !call->assigned)
		feed_statement_run(&profile_standard, NULL, NULL, take_profile, &call->profile);
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

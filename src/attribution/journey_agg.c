/*
 * journey_agg.c
 *	  Aggregate journey(occurred_at, kind, id, ...).
 *
 * The state is a flat bytea: counts, then the events as they came, then spare
 * room that doubles when it is used up. So a row costs an append, states join by
 * copying one behind the other, and only the final function sorts.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "../common/errors.h"
#include "../common/flat_state.h"
#include "../common/money_sql.h"
#include "attribution_decode.h"
#include "journey.h"

PG_FUNCTION_INFO_V1(journey_trans);
PG_FUNCTION_INFO_V1(journey_combine);
PG_FUNCTION_INFO_V1(journey_final);

#define STATE_MAGIC 0x4a524e59	/* "JRNY" */
#define STATE_VERSION 1
#define FIRST_SIZE 256

/* argument positions */
enum
{
	ARG_STATE,
	ARG_OCCURRED_AT,
	ARG_KIND,
	ARG_ID,
	ARG_CREATOR,
	ARG_AMOUNT,
	ARG_ORDER,
	ARG_PRODUCT,
	ARG_CATEGORY,
	ARG_CHANNEL,
	ARG_WEIGHT,
	ARG_EXCLUDED
};

/* What a state begins with; moved by memcpy, since states lie anywhere. */
typedef struct JourneyState
{
	FlatHeader	header;
	JourneyHeader counts;
	uint64		used;			/* bytes of events */
} JourneyState;

static size_t
state_room(bytea *state)
{
	return FLAT_STATE_SIZE(state) - sizeof(JourneyState);
}

static uint8_t *
state_events(bytea *state)
{
	return FLAT_STATE_DATA(state) + sizeof(JourneyState);
}

static bytea *
read_state(Datum value, JourneyState *content)
{
	bytea	   *state = DatumGetByteaPP(value);

	if (FLAT_STATE_SIZE(state) < sizeof(*content) ||
		!flat_header_matches(FLAT_STATE_DATA(state), FLAT_STATE_SIZE(state),
							 STATE_MAGIC, STATE_VERSION))
		flat_state_corrupted();
	memcpy(content, FLAT_STATE_DATA(state), sizeof(*content));
	if (content->used > state_room(state))
		flat_state_corrupted();
	return state;
}

static void
write_state(bytea *state, const JourneyState *content)
{
	memcpy(FLAT_STATE_DATA(state), content, sizeof(*content));
}

/* A state with room for that many bytes more; the same one when it has it. */
static bytea *
make_room(bytea *state, JourneyState *content, size_t more)
{
	size_t		needed = sizeof(*content) + content->used + more;
	size_t		size = FIRST_SIZE;
	bytea	   *larger;

	if (state != NULL && FLAT_STATE_SIZE(state) >= needed)
		return state;
	if (needed > JOURNEY_MAX_SIZE)
		journey_too_large();
	if (state != NULL)
		size = 2 * FLAT_STATE_SIZE(state);
	size = Min(Max(size, needed), JOURNEY_MAX_SIZE);

	larger = flat_state_make(size);
	content->header = flat_header(STATE_MAGIC, STATE_VERSION, size);
	if (state != NULL)
		memcpy(state_events(larger), state_events(state), content->used);
	return larger;
}

static int64
nullable_id(FunctionCallInfo fcinfo, int argno, bool *present)
{
	*present = !PG_ARGISNULL(argno);
	return *present ? PG_GETARG_INT64(argno) : 0;
}

/* A touch is a click unless it says otherwise, as in attribute(). */
static uint8
read_kind(FunctionCallInfo fcinfo)
{
	text	   *name;
	int			kind;

	if (PG_ARGISNULL(ARG_KIND))
		return ATTRIBUTION_CLICK;
	name = PG_GETARG_TEXT_PP(ARG_KIND);
	kind = journey_kind_from_name(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	if (kind == JOURNEY_KINDS)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("unknown kind of event \"%s\"", text_to_cstring(name)),
				 errhint("The kinds are view, click, cart, coupon and conversion.")));
	return (uint8) kind;
}

static void
read_touch(FunctionCallInfo fcinfo, JourneyEvent *event)
{
	event->creator_id = nullable_id(fcinfo, ARG_CREATOR, &event->has_creator);
	if (!PG_ARGISNULL(ARG_CHANNEL))
	{
		text	   *channel = PG_GETARG_TEXT_PP(ARG_CHANNEL);

		event->is_direct = attribution_channel_is_direct(VARDATA_ANY(channel),
														 VARSIZE_ANY_EXHDR(channel));
	}
	if (!PG_ARGISNULL(ARG_WEIGHT))
		event->weight = money_weight_from_numeric(PG_GETARG_NUMERIC(ARG_WEIGHT));
}

static void
read_conversion(FunctionCallInfo fcinfo, JourneyEvent *event)
{
	event->order_id = nullable_id(fcinfo, ARG_ORDER, &event->has_order);
	event->amount = nullable_id(fcinfo, ARG_AMOUNT, &event->has_amount);
	if (!PG_ARGISNULL(ARG_EXCLUDED))
	{
		Datum	   *elements;
		bool	   *nulls;
		int64	   *ids;
		int			count;
		int			kept = 0;
		int			i;

		deconstruct_array(PG_GETARG_ARRAYTYPE_P(ARG_EXCLUDED), INT8OID, sizeof(int64),
						  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &count);
		ids = palloc(Max(count, 1) * sizeof(int64));
		for (i = 0; i < count; i++)
		{
			if (!nulls[i])
				ids[kept++] = DatumGetInt64(elements[i]);
		}
		journey_set_excluded(event, ids, kept);
	}
}

/* False when the row can't take part: it has no time or id. */
static bool
read_event(FunctionCallInfo fcinfo, JourneyEvent *event)
{
	if (PG_ARGISNULL(ARG_OCCURRED_AT) || PG_ARGISNULL(ARG_ID) ||
		TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(ARG_OCCURRED_AT)))
		return false;

	memset(event, 0, sizeof(*event));
	event->at = PG_GETARG_TIMESTAMPTZ(ARG_OCCURRED_AT);
	event->id = PG_GETARG_INT64(ARG_ID);
	event->kind = read_kind(fcinfo);
	event->product_id = nullable_id(fcinfo, ARG_PRODUCT, &event->has_product);
	event->category_id = nullable_id(fcinfo, ARG_CATEGORY, &event->has_category);
	if (event->kind == JOURNEY_CONVERSION)
		read_conversion(fcinfo, event);
	else
		read_touch(fcinfo, event);
	return true;
}

Datum
journey_trans(PG_FUNCTION_ARGS)
{
	bytea	   *state = NULL;
	JourneyState content;
	JourneyEvent event;

	flat_state_require_aggregate(fcinfo);

	memset(&content, 0, sizeof(content));
	if (!PG_ARGISNULL(ARG_STATE))
		state = read_state(PG_GETARG_DATUM(ARG_STATE), &content);

	if (read_event(fcinfo, &event))
	{
		state = make_room(state, &content, journey_event_size(&event, 0));
		content.used += journey_event_write(&event, 0, state_events(state) + content.used);
		if (event.kind == JOURNEY_CONVERSION)
			content.counts.conversions++;
		else
			content.counts.touches++;
	}
	else
	{
		state = make_room(state, &content, 0);
		content.counts.rejected++;
	}
	write_state(state, &content);
	PG_RETURN_BYTEA_P(state);
}

Datum
journey_combine(PG_FUNCTION_ARGS)
{
	bytea	   *state;
	bytea	   *other;
	JourneyState content;
	JourneyState more;

	flat_state_require_aggregate(fcinfo);

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	other = read_state(PG_GETARG_DATUM(1), &more);
	if (PG_ARGISNULL(0))
		PG_RETURN_BYTEA_P(other);

	state = read_state(PG_GETARG_DATUM(0), &content);
	state = make_room(state, &content, more.used);
	memcpy(state_events(state) + content.used, state_events(other), more.used);
	content.used += more.used;
	content.counts.rejected += more.counts.rejected;
	content.counts.touches += more.counts.touches;
	content.counts.conversions += more.counts.conversions;
	write_state(state, &content);
	PG_RETURN_BYTEA_P(state);
}

Datum
journey_final(PG_FUNCTION_ARGS)
{
	bytea	   *state;
	JourneyState content;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = read_state(PG_GETARG_DATUM(0), &content);
	if (content.counts.rejected > PG_INT64_MAX)
		flat_state_corrupted();
	PG_RETURN_POINTER(journey_build(state_events(state), content.used, &content.counts));
}

/*
 * attribution_person.c
 *	  The touches of a person in the program, read through SPI.
 *
 * The statements are planned once per session. They run with the caller's
 * rights and in its snapshot, and name everything with its schema; the operators
 * are those of the search_path that the functions which lead here set.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "../common/kept_plan.h"
#include "../common/query_run.h"
#include "attribution_decode.h"
#include "attribution_person.h"
#include "attribution_visitor.h"

/* A statement and its plan, made by the first call of the session. */
typedef struct PersonStatement
{
	const char *text;
	int			nargs;
	Oid			types[8];
	SPIPlanPtr	plan;
} PersonStatement;

/* columns of the statements that read touches */
enum
{
	TOUCH_VISITOR_ID,
	TOUCH_TOUCHED_AT,
	TOUCH_REF,
	TOUCH_KIND,
	TOUCH_CREATOR_ID,
	TOUCH_PRODUCT_ID,
	TOUCH_CATEGORY_ID,
	TOUCH_CHANNEL,
	TOUCH_POST_ID,
	TOUCH_CAMPAIGN_ID,
	TOUCH_RECEIVED_AT,
	TOUCH_PROGRAM_ID,
	TOUCH_VIEWABLE_MS,
	TOUCH_COLUMNS
};

#define TOUCH_LIST(kind) "x.visitor_id, x.touched_at, x.touch_ref, " kind ", x.creator_id, x.product_id, x.category_id, " \
	"x.channel, x.post_id, x.campaign_id, x.received_at, x.program_id, x.viewable_ms"

/*
 * The touches of visitors $1 after $3 up to $2, and of what is older carts after
 * $4, which have an index of their own. What else a touch has to be may_earn()
 * asks, which costs less than to prepare conditions for each month. Both arms
 * read nothing but columns that their indexes include.
 */
#define TOUCHES_OF(visitors) \
	"SELECT " TOUCH_LIST("x.kind") " FROM influence.touch x" \
	" WHERE x.visitor_id = " visitors " AND x.touched_at > $3 AND x.touched_at <= $2" \
	" UNION ALL " \
	"SELECT " TOUCH_LIST("'cart'") " FROM influence.touch x" \
	" WHERE x.visitor_id = " visitors " AND x.kind = 'cart' AND x.touched_at > $4 AND x.touched_at <= $3"

/*
 * Most persons are one visitor, and are asked for as one: of an array the planner
 * expects ten times as many touches, and in a month of less than a few hundred
 * thousand would rather read all of the window, by its time.
 */
static PersonStatement visitor_touches_statement = {
	TOUCHES_OF("$1"),
	4, {UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
	NULL
};

static PersonStatement touches_statement = {
	TOUCHES_OF("ANY ($1)"),
	4, {UUIDARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
	NULL
};

static PersonStatement older_statement = {
	"SELECT o.touched_at, o.kind FROM influence_internal.older_touch($1, $2, $3, $4) o WHERE o.kind IS NOT NULL",
	4, {UUIDARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID, INT4OID}, NULL
};

/* a cart without a creator: whose session it was put into */
static PersonStatement session_statement = {
	"SELECT influence_internal.session_creator($1, $2, $3, $4, $5, $6)",
	6, {UUIDARRAYOID, INT8ARRAYOID, INT8OID, TIMESTAMPTZOID, INTERVALOID, INTERVALOID}, NULL
};

static PersonStatement category_statement = {
	"SELECT h.category_id FROM influence.product_category h WHERE h.product_id = $1 AND h.valid_from <= $2"
	" ORDER BY h.valid_from DESC LIMIT 1",
	2, {INT8OID, TIMESTAMPTZOID}, NULL
};

/* what happened before its program was here is late when it was imported late */
static PersonStatement late_statement = {
	"SELECT influence_internal.is_late($1, $2, g.created_at, $3) FROM influence.program g WHERE g.program_id = $4",
	4, {TIMESTAMPTZOID, TIMESTAMPTZOID, INTERVALOID, INT8OID}, NULL
};

static SPIPlanPtr
statement_plan(PersonStatement *statement)
{
	return kept_plan(&statement->plan, statement->text, statement->nargs, statement->types, 0);
}

static uint64
run_statement(PersonStatement *statement, Datum *values, const char *nulls)
{
	int			result = SPI_execute_plan(statement_plan(statement), values, nulls, true, 0);

	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

/* a column of the last statement's row i */
static Datum
result_value(uint64 i, int column, bool *present)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column, &isnull);

	*present = !isnull;
	return value;
}

/* the moment of the order less a window of the policy, and two days for time zones */
static TimestampTz
since(const Person *person, int window)
{
	Interval	two_days = {0, 2, 0};
	Datum		start = DirectFunctionCall2(timestamptz_mi_interval, attribution_person_argument(person, PERSON_CONVERTED_AT),
											attribution_person_argument(person, PERSON_POLICY + window));

	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval, start, IntervalPGetDatum(&two_days)));
}

/* The order in which touches are numbered. */
static int
compare_shown(const void *a, const void *b)
{
	const PersonTouch *first = a;
	const PersonTouch *second = b;
	size_t		first_length = VARSIZE_ANY_EXHDR(first->ref);
	size_t		second_length = VARSIZE_ANY_EXHDR(second->ref);
	int			order;

	if (first->touched_at != second->touched_at)
		return first->touched_at < second->touched_at ? -1 : 1;
	order = memcmp(VARDATA_ANY(first->ref), VARDATA_ANY(second->ref), Min(first_length, second_length));
	if (order == 0 && first_length != second_length)
		order = first_length < second_length ? -1 : 1;
	return order != 0 ? order : memcmp(&first->visitor_id, &second->visitor_id, UUID_LEN);
}

/* Those of one visitor and touch_ref together, the earliest first. */
static int
compare_keys(const void *a, const void *b)
{
	const PersonTouch *first = *(PersonTouch *const *) a;
	const PersonTouch *second = *(PersonTouch *const *) b;
	size_t		first_length = VARSIZE_ANY_EXHDR(first->ref);
	size_t		second_length = VARSIZE_ANY_EXHDR(second->ref);
	int			order;

	if (first_length != second_length)
		return first_length < second_length ? -1 : 1;
	order = memcmp(VARDATA_ANY(first->ref), VARDATA_ANY(second->ref), first_length);
	if (order == 0)
		order = memcmp(&first->visitor_id, &second->visitor_id, UUID_LEN);
	if (order == 0 && first->touched_at != second->touched_at)
		order = first->touched_at < second->touched_at ? -1 : 1;
	return order;
}

static bool
same_key(const PersonTouch *a, const PersonTouch *b)
{
	return VARSIZE_ANY_EXHDR(a->ref) == VARSIZE_ANY_EXHDR(b->ref) &&
		memcmp(VARDATA_ANY(a->ref), VARDATA_ANY(b->ref), VARSIZE_ANY_EXHDR(a->ref)) == 0 &&
		memcmp(&a->visitor_id, &b->visitor_id, UUID_LEN) == 0;
}

/* A touch_ref is one touch of its visitor: of two that COPY brought the earliest counts. */
static void
drop_repeated(Person *person)
{
	PersonTouch **keys = MemoryContextAllocHuge(person->context, Max(person->count, 1) * sizeof(PersonTouch *));
	size_t		kept = 0;
	size_t		i;

	for (i = 0; i < person->count; i++)
		keys[i] = &person->shown[i];
	qsort(keys, person->count, sizeof(PersonTouch *), compare_keys);
	for (i = 1; i < person->count; i++)
		keys[i]->is_repeated = same_key(keys[i], keys[i - 1]);
	for (i = 0; i < person->count; i++)
	{
		if (!person->shown[i].is_repeated)
			person->shown[kept++] = person->shown[i];
	}
	person->count = kept;
	pfree(keys);
}

static bool
came_late(const Person *person, const PersonTouch *touch)
{
	Datum		delay = DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(touch->received_at),
											TimestampTzGetDatum(touch->touched_at));
	Datum		values[4];
	bool		present;

	bool		late;

	/* most came at once: the program's age matters to few */
	if (!DatumGetBool(DirectFunctionCall2(interval_gt, delay, attribution_person_argument(person, PERSON_MAX_TOUCH_DELAY))))
		return false;
	values[0] = TimestampTzGetDatum(touch->touched_at);
	values[1] = TimestampTzGetDatum(touch->received_at);
	values[2] = attribution_person_argument(person, PERSON_MAX_TOUCH_DELAY);
	values[3] = Int64GetDatum(touch->program_id);
	late = run_statement(&late_statement, values, NULL) == 1 && DatumGetBool(result_value(0, 1, &present)) && present;
	SPI_freetuptable(SPI_tuptable);
	return late;
}

/* What a touch itself does not say. */
static void
look_up(const Person *person, PersonTouch *touch)
{
	Datum		values[6];
	char		nulls[6] = {' ', ' ', ' ', ' ', ' ', ' '};

	touch->is_late = came_late(person, touch);
	if (touch->kind == ATTRIBUTION_CART && !touch->has_creator)
	{
		values[0] = attribution_person_argument(person, PERSON_PEOPLE);
		values[1] = attribution_person_argument(person, PERSON_SCOPE);
		values[2] = Int64GetDatum(touch->program_id);
		values[3] = TimestampTzGetDatum(touch->touched_at);
		values[4] = attribution_person_argument(person, PERSON_MAX_TOUCH_DELAY);
		values[5] = attribution_person_argument(person, PERSON_CART_SESSION);
		if (person->fcinfo->args[PERSON_CART_SESSION].isnull)
			nulls[5] = 'n';
		if (run_statement(&session_statement, values, nulls) == 1)
			touch->creator_id = DatumGetInt64(result_value(0, 1, &touch->has_creator));
		SPI_freetuptable(SPI_tuptable);
	}
	if (!touch->has_category && touch->has_product && person->policy.rules.match == ATTRIBUTION_MATCH_CATEGORY)
	{
		values[0] = Int64GetDatum(touch->product_id);
		values[1] = TimestampTzGetDatum(touch->touched_at);
		if (run_statement(&category_statement, values, NULL) == 1)
			touch->category_id = DatumGetInt64(result_value(0, 1, &touch->has_category));
		SPI_freetuptable(SPI_tuptable);
	}
}

static text *
copy_text(const Person *person, Datum value)
{
	text	   *source = DatumGetTextPP(value);
	text	   *copy = MemoryContextAlloc(person->context, VARSIZE_ANY(source));

	memcpy(copy, source, VARSIZE_ANY(source));
	return copy;
}

/* What could earn: views after since_view that were seen for view_min_ms, carts after since_cart, others after since_click, in a scope. */
typedef struct TouchWindows
{
	TimestampTz since_view;
	TimestampTz since_cart;
	TimestampTz since_click;
	int32		view_min_ms;
	const int64 *programs;
	int			program_count;
} TouchWindows;

/* Takes touches as the executor finds them. */
typedef struct TouchReceiver
{
	DestReceiver receiver;
	Person	   *person;
	size_t		room;
	TouchWindows windows;
} TouchReceiver;

static void
start_touches(DestReceiver *self, int operation, TupleDesc descriptor)
{
	if (descriptor->natts != TOUCH_COLUMNS)
		elog(ERROR, "touches have %d columns, not %d", descriptor->natts, (int) TOUCH_COLUMNS);
}

/* Keeps room for a touch that is out of the windows, and for the coupon. */
static void
make_room(TouchReceiver *receiver)
{
	Person	   *person = receiver->person;

	if (receiver->room >= person->count + 2)
		return;
	receiver->room = Max(64, 2 * receiver->room);
	person->shown = person->shown == NULL
		? MemoryContextAllocHuge(person->context, receiver->room * sizeof(*person->shown))
		: repalloc_huge(person->shown, receiver->room * sizeof(*person->shown));
}

static bool
may_earn(const TouchWindows *windows, AttributionKind kind, const Datum *row, const bool *nulls)
{
	TimestampTz at = DatumGetTimestampTz(row[TOUCH_TOUCHED_AT]);
	int			i;

	if (at <= (kind == ATTRIBUTION_VIEW ? windows->since_view : kind == ATTRIBUTION_CART ? windows->since_cart : windows->since_click))
		return false;
	if (kind == ATTRIBUTION_VIEW && (nulls[TOUCH_VIEWABLE_MS] ? 0 : DatumGetInt32(row[TOUCH_VIEWABLE_MS])) < windows->view_min_ms)
		return false;
	for (i = 0; i < windows->program_count; i++)
	{
		if (windows->programs[i] == DatumGetInt64(row[TOUCH_PROGRAM_ID]))
			return true;
	}
	return false;
}

static bool
receive_touch(TupleTableSlot *slot, DestReceiver *self)
{
	TouchReceiver *receiver = (TouchReceiver *) self;
	Person	   *person = receiver->person;
	PersonTouch *touch = &person->shown[person->count];
	const Datum *row;
	const bool *nulls;
	text	   *kind_name;
	AttributionKind kind;

	slot_getallattrs(slot);
	row = slot->tts_values;
	nulls = slot->tts_isnull;
	kind_name = DatumGetTextPP(row[TOUCH_KIND]);
	kind = attribution_kind_from_name(VARDATA_ANY(kind_name), VARSIZE_ANY_EXHDR(kind_name));
	if (!may_earn(&receiver->windows, kind, row, nulls))
		return true;
	touch->kind = kind;
	touch->visitor_id = *DatumGetUUIDP(row[TOUCH_VISITOR_ID]);
	touch->touched_at = DatumGetTimestampTz(row[TOUCH_TOUCHED_AT]);
	touch->ref = copy_text(person, row[TOUCH_REF]);
	touch->has_creator = !nulls[TOUCH_CREATOR_ID];
	touch->creator_id = DatumGetInt64(row[TOUCH_CREATOR_ID]);
	touch->has_product = !nulls[TOUCH_PRODUCT_ID];
	touch->product_id = DatumGetInt64(row[TOUCH_PRODUCT_ID]);
	touch->has_category = !nulls[TOUCH_CATEGORY_ID];
	touch->category_id = DatumGetInt64(row[TOUCH_CATEGORY_ID]);
	touch->channel = nulls[TOUCH_CHANNEL] ? NULL : copy_text(person, row[TOUCH_CHANNEL]);
	touch->has_post = !nulls[TOUCH_POST_ID];
	touch->post_id = DatumGetInt64(row[TOUCH_POST_ID]);
	touch->has_campaign = !nulls[TOUCH_CAMPAIGN_ID];
	touch->campaign_id = DatumGetInt64(row[TOUCH_CAMPAIGN_ID]);
	touch->received_at = DatumGetTimestampTz(row[TOUCH_RECEIVED_AT]);
	touch->program_id = DatumGetInt64(row[TOUCH_PROGRAM_ID]);
	touch->is_repeated = false;
	person->count++;
	make_room(receiver);
	return true;
}

/* Runs a statement that reads touches. */
static void
collect_touches(Person *person, PersonStatement *statement, const Datum *values, const TouchWindows *windows)
{
	ParamListInfo params = makeParamList(statement->nargs);
	TouchReceiver receiver = {0};
	int			i;

	for (i = 0; i < statement->nargs; i++)
	{
		params->params[i].value = values[i];
		params->params[i].isnull = false;
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = statement->types[i];
	}
	receiver.receiver.rStartup = start_touches;
	receiver.receiver.receiveSlot = receive_touch;
	receiver.person = person;
	receiver.windows = *windows;
	person->shown = NULL;
	person->count = 0;
	make_room(&receiver);
	query_run(statement_plan(statement), true, params, &receiver.receiver);
	pfree(params);
}

static void
read_windows(const Person *person, TouchWindows *windows)
{
	Datum	   *programs;
	bool	   *no_program;

	windows->since_view = since(person, POLICY_VIEW_LOOKBACK);
	windows->since_cart = since(person, POLICY_CART_LOOKBACK);
	windows->since_click = since(person, POLICY_LOOKBACK);
	windows->view_min_ms = DatumGetInt32(attribution_person_argument(person, PERSON_VIEW_MIN_MS));
	deconstruct_array(DatumGetArrayTypeP(attribution_person_argument(person, PERSON_SCOPE)), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &programs, &no_program, &windows->program_count);
	StaticAssertStmt(sizeof(Datum) == sizeof(int64), "ids are passed by value");
	windows->programs = (const int64 *) programs;
}

/* What could earn. */
static void
read_touches(Person *person)
{
	TouchWindows windows;
	Datum		values[4];
	PersonStatement *statement = &touches_statement;
	Datum	   *visitors;
	bool	   *no_visitor;
	int			visitor_count;
	size_t		i;

	read_windows(person, &windows);
	values[0] = attribution_person_argument(person, PERSON_PEOPLE);
	deconstruct_array(DatumGetArrayTypeP(values[0]), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR, &visitors, &no_visitor, &visitor_count);
	if (visitor_count == 1 && !no_visitor[0])
	{
		statement = &visitor_touches_statement;
		values[0] = visitors[0];
	}
	values[1] = attribution_person_argument(person, PERSON_CONVERTED_AT);
	values[2] = TimestampTzGetDatum(Min(windows.since_view, windows.since_click));
	values[3] = TimestampTzGetDatum(windows.since_cart);
	collect_touches(person, statement, values, &windows);
	drop_repeated(person);
	qsort(person->shown, person->count, sizeof(*person->shown), compare_shown);
	for (i = 0; i < person->count; i++)
		look_up(person, &person->shown[i]);
}

/* With nothing that could earn an older touch tells "outside the window" from "no touch". */
static void
read_older(Person *person)
{
	PersonTouch *touch = &person->shown[0];
	Datum		values[4];
	text	   *kind;
	bool		present;

	values[0] = attribution_person_argument(person, PERSON_PEOPLE);
	values[1] = attribution_person_argument(person, PERSON_SCOPE);
	values[2] = attribution_person_argument(person, PERSON_CONVERTED_AT);
	values[3] = attribution_person_argument(person, PERSON_VIEW_MIN_MS);
	if (run_statement(&older_statement, values, NULL) == 1)
	{
		memset(touch, 0, sizeof(*touch));
		touch->touched_at = DatumGetTimestampTz(result_value(0, 1, &present));
		touch->received_at = touch->touched_at;
		kind = DatumGetTextPP(result_value(0, 2, &present));
		touch->kind = attribution_kind_from_name(VARDATA_ANY(kind), VARSIZE_ANY_EXHDR(kind));
		touch->ref = person->empty;
		touch->rival = ATTRIBUTION_NONE;
		person->count = 1;
	}
	SPI_freetuptable(SPI_tuptable);
}

/* The order's own coupon: greater than any other touch of that moment, and nobody's, so that no touch_ref is like it. */
static void
add_coupon(Person *person)
{
	PersonTouch *touch = &person->shown[person->count];
	size_t		i;

	memset(touch, 0, sizeof(*touch));
	touch->touched_at = DatumGetTimestampTz(attribution_person_argument(person, PERSON_CONVERTED_AT));
	touch->received_at = touch->touched_at;
	touch->ref = DatumGetTextPP(attribution_person_argument(person, PERSON_COUPON));
	touch->kind = ATTRIBUTION_COUPON;
	touch->creator_id = DatumGetInt64(attribution_person_argument(person, PERSON_COUPON_OWNER));
	touch->has_creator = true;
	touch->rival = ATTRIBUTION_NONE;
	for (i = 0; i < person->count; i++)
	{
		if (!person->shown[i].has_creator || person->shown[i].creator_id != touch->creator_id)
			touch->rival = i;
	}
	person->coupon = person->count++;
}

/* Numbers the touches and hands them to the core. */
static void
prepare_touches(Person *person)
{
	size_t		i;

	person->touches = MemoryContextAllocHuge(person->context, Max(person->count, 1) * sizeof(*person->touches));
	for (i = 0; i < person->count; i++)
	{
		PersonTouch *shown = &person->shown[i];
		AttributionTouch *touch = &person->touches[i];

		if ((i & 0xffff) == 0xffff)
			CHECK_FOR_INTERRUPTS();
		memset(touch, 0, sizeof(*touch));
		touch->kind = shown->kind;
		if (i != person->coupon)
		{
			shown->rival = ATTRIBUTION_NONE;
			if (i > 0)
			{
				const PersonTouch *before = &person->shown[i - 1];

				/* a run of touches of one creator has one runner-up */
				shown->rival = before->has_creator != shown->has_creator ||
					(shown->has_creator && before->creator_id != shown->creator_id) ? i - 1 : before->rival;
			}
		}
		touch->touched_at = shown->touched_at;
		touch->touch_id = i == person->coupon ? PG_INT64_MAX : (int64) i + 1;
		touch->creator_id = shown->creator_id;
		touch->product_id = shown->product_id;
		touch->category_id = shown->category_id;
		touch->has_creator = shown->has_creator;
		touch->has_product = shown->has_product;
		touch->has_category = shown->has_category;
		touch->is_late = shown->is_late;
		touch->is_direct = shown->channel != NULL &&
			attribution_channel_is_direct(VARDATA_ANY(shown->channel), VARSIZE_ANY_EXHDR(shown->channel));
	}
	attribution_sort_touches(person->touches, person->count);
}

void
attribution_person_read(Person *person)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	read_touches(person);
	if (person->count == 0)
		read_older(person);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	person->coupon = ATTRIBUTION_NONE;
	if (!person->fcinfo->args[PERSON_COUPON_OWNER].isnull)
		add_coupon(person);
	prepare_touches(person);
}

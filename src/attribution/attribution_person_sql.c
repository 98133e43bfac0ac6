/*
 * attribution_person_sql.c
 *	  influence_internal.credit_touches(): the lines of one order of the program,
 *	  credited to the touches of its person.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "../common/errors.h"
#include "attribution_person.h"
#include "attribution_rows.h"

PG_FUNCTION_INFO_V1(attribution_credit_touches);

static const char *const person_argument_names[PERSON_REQUIRED] = {
	"people",
	"scope",
	"converted_at",
	"line_ids",
	"amounts",
	"line_product_ids",
	"line_category_ids",
	"excluded_creator_ids",
	"cart_starts",
	"max_touch_delay",
	"view_min_ms",
	POLICY_ARGUMENT_NAMES
};

static const char *const kind_names[ATTRIBUTION_KINDS] = {
	[ATTRIBUTION_VIEW] = "view",
	[ATTRIBUTION_CLICK] = "click",
	[ATTRIBUTION_CART] = "cart",
	[ATTRIBUTION_COUPON] = "coupon"
};

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
}

static void
push_string(JsonbParseState **state, const char *key, const char *string, size_t length)
{
	JsonbValue	value;

	push_key(state, key);
	value.type = jbvString;
	value.val.string.val = unconstify(char *, string);
	value.val.string.len = length;
	pushJsonbValue(state, WJB_VALUE, &value);
}

static void
push_text(JsonbParseState **state, const char *key, const text *source)
{
	push_string(state, key, VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source));
}

static void
push_number(JsonbParseState **state, const char *key, int64 number)
{
	JsonbValue	value;

	push_key(state, key);
	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(number);
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* What a touch was when it was credited, with its runner-up; what is not known is left out. */
static Datum
touch_snapshot(const Person *person, const PersonTouch *touch, const text *model)
{
	JsonbParseState *state = NULL;
	JsonbValue *result;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_string(&state, "kind", kind_names[touch->kind], strlen(kind_names[touch->kind]));
	if (touch->channel != NULL)
		push_text(&state, "channel", touch->channel);
	if (touch->has_product)
		push_number(&state, "product_id", touch->product_id);
	if (touch->has_post)
		push_number(&state, "post_id", touch->post_id);
	if (touch->has_campaign)
		push_number(&state, "campaign_id", touch->campaign_id);
	push_text(&state, "model", model);
	if (touch->rival != ATTRIBUTION_NONE)
	{
		const PersonTouch *rival = &person->shown[touch->rival];
		char		moment[MAXDATELEN + 1];

		push_key(&state, "runner_up");
		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		push_text(&state, "touch_ref", rival->ref);
		if (rival->has_creator)
			push_number(&state, "creator_id", rival->creator_id);
		JsonEncodeDateTime(moment, TimestampTzGetDatum(rival->touched_at), TIMESTAMPTZOID, NULL);
		push_string(&state, "touched_at", moment, strlen(moment));
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	result = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(result));
}

static void
add_rows(const Person *person, PersonCreditSink sink, void *target, const AttributionConversion *conversion,
		 const AttributionWorkspace *workspace, Datum *snapshots)
{
	const AttributionPath *path = &workspace->path;
	const AttributionRoom *room = &workspace->room;
	const text *model = DatumGetTextPP(attribution_person_argument(person, PERSON_POLICY + POLICY_MODEL));
	Datum		values[CREDIT_COLUMNS];
	bool		nulls[CREDIT_COLUMNS];
	size_t		i;

	values[CREDIT_LINE_NO] = Int32GetDatum((int32) conversion->conversion_id);
	values[CREDIT_REASON] = CStringGetTextDatum(attribution_reason_name(path->reason));
	values[CREDIT_PATH_LENGTH] = Int32GetDatum((int32) path->path_length);
	for (i = 0; i < path->rows; i++)
	{
		const AttributionTouch *touch = room->touch[i] == ATTRIBUTION_NONE ? NULL : &person->touches[room->touch[i]];

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		memset(nulls, false, sizeof(nulls));
		values[CREDIT_WEIGHT] = Float8GetDatum(attribution_row_weight(path, room, i));
		values[CREDIT_CREDIT] = Int64GetDatum(room->credit[i]);
		if (touch == NULL)
		{
			values[CREDIT_TOUCH_REF] = PointerGetDatum(person->empty);
			nulls[CREDIT_TOUCH_VISITOR_ID] = true;
			nulls[CREDIT_CREATOR_ID] = true;
			nulls[CREDIT_TOUCHED_AT] = true;
			nulls[CREDIT_TOUCH_POSITION] = true;
			nulls[CREDIT_SNAPSHOT] = true;
		}
		else
		{
			size_t		number = touch->touch_id == PG_INT64_MAX ? person->coupon : (size_t) touch->touch_id - 1;
			const PersonTouch *shown = &person->shown[number];

			values[CREDIT_TOUCH_REF] = PointerGetDatum(shown->ref);
			values[CREDIT_TOUCH_VISITOR_ID] = UUIDPGetDatum(&shown->visitor_id);
			nulls[CREDIT_CREATOR_ID] = !shown->has_creator;
			values[CREDIT_CREATOR_ID] = Int64GetDatum(shown->creator_id);
			values[CREDIT_TOUCHED_AT] = TimestampTzGetDatum(shown->touched_at);
			values[CREDIT_TOUCH_POSITION] = Int32GetDatum((int32) room->position[i]);
			/* several lines may be credited to one touch */
			if (snapshots[number] == (Datum) 0)
				snapshots[number] = touch_snapshot(person, shown, model);
			values[CREDIT_SNAPSHOT] = snapshots[number];
		}
		sink(target, values, nulls);
	}
}

/* elements of an array of 64-bit values: of lines, of excluded creators */
static int
read_numbers(FunctionCallInfo fcinfo, int argno, int expected, Datum **values, bool **nulls)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(argno);
	int			count;

	deconstruct_array(array, ARR_ELEMTYPE(array), sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, values, nulls, &count);
	if (expected >= 0 && count != expected)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s and %s must have the same number of elements",
						person_argument_names[PERSON_LINE_IDS], person_argument_names[argno]),
				 errdetail("They have %d and %d.", expected, count),
				 errhint("Build the arrays from the same rows.")));
	return count;
}

static void
credit_lines(Person *person, PersonCreditSink sink, void *target)
{
	FunctionCallInfo fcinfo = person->fcinfo;
	AttributionConversion conversion;
	AttributionWorkspace workspace;
	Datum	   *columns[PERSON_CART_STARTS + 1];
	bool	   *nulls[PERSON_CART_STARTS + 1];
	Datum	   *snapshots;
	int			lines;
	int			i;

	lines = read_numbers(fcinfo, PERSON_LINE_IDS, -1, &columns[PERSON_LINE_IDS], &nulls[PERSON_LINE_IDS]);
	read_numbers(fcinfo, PERSON_AMOUNTS, lines, &columns[PERSON_AMOUNTS], &nulls[PERSON_AMOUNTS]);
	read_numbers(fcinfo, PERSON_LINE_PRODUCT_IDS, lines, &columns[PERSON_LINE_PRODUCT_IDS], &nulls[PERSON_LINE_PRODUCT_IDS]);
	read_numbers(fcinfo, PERSON_LINE_CATEGORY_IDS, lines, &columns[PERSON_LINE_CATEGORY_IDS], &nulls[PERSON_LINE_CATEGORY_IDS]);
	read_numbers(fcinfo, PERSON_CART_STARTS, lines, &columns[PERSON_CART_STARTS], &nulls[PERSON_CART_STARTS]);

	memset(&conversion, 0, sizeof(conversion));
	conversion.excluded_count = read_numbers(fcinfo, PERSON_EXCLUDED, -1, &columns[PERSON_EXCLUDED], &nulls[PERSON_EXCLUDED]);
	StaticAssertStmt(sizeof(Datum) == sizeof(int64_t), "ids are passed by value");
	conversion.excluded = (const int64_t *) columns[PERSON_EXCLUDED];
	conversion.converted_at = PG_GETARG_TIMESTAMPTZ(PERSON_CONVERTED_AT);
	conversion.has_amount = true;
	conversion.path_start = PG_ARGISNULL(PERSON_PATH_START) ? PG_INT64_MIN : PG_GETARG_TIMESTAMPTZ(PERSON_PATH_START);
	attribution_policy_windows(&person->policy, &conversion);

	snapshots = MemoryContextAllocExtended(person->context, Max(person->count, 1) * sizeof(*snapshots),
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	attribution_workspace_init(&workspace, person->context);
	for (i = 0; i < lines; i++)
	{
		conversion.conversion_id = DatumGetInt64(columns[PERSON_LINE_IDS][i]);
		conversion.amount = DatumGetInt64(columns[PERSON_AMOUNTS][i]);
		conversion.has_product = !nulls[PERSON_LINE_PRODUCT_IDS][i];
		conversion.product_id = DatumGetInt64(columns[PERSON_LINE_PRODUCT_IDS][i]);
		conversion.has_category = !nulls[PERSON_LINE_CATEGORY_IDS][i];
		conversion.category_id = DatumGetInt64(columns[PERSON_LINE_CATEGORY_IDS][i]);
		conversion.cart_start = nulls[PERSON_CART_STARTS][i] ? PG_INT64_MIN
			: DatumGetTimestampTz(columns[PERSON_CART_STARTS][i]);
		attribution_credit(&workspace, &person->policy.rules, person->touches, person->count, &conversion);
		add_rows(person, sink, target, &conversion, &workspace, snapshots);
	}
}

void
attribution_credit_person(FunctionCallInfo fcinfo, PersonCreditSink sink, void *target)
{
	Person		person;

	attribution_check_no_nulls(fcinfo, person_argument_names, PERSON_REQUIRED, PERSON_REQUIRED);
	person.fcinfo = fcinfo;
	person.context = CurrentMemoryContext;
	person.empty = cstring_to_text("");
	attribution_policy_read(&person.policy, fcinfo, PERSON_POLICY);
	attribution_person_read(&person);
	credit_lines(&person, sink, target);
}

static void
put_row(void *target, Datum *values, bool *nulls)
{
	ReturnSetInfo *set = target;

	tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

/*
 * credit_touches(a person, one order and its lines as arrays, what earlier
 * orders consumed, policy, the order's coupon) -> rows of table credit
 */
Datum
attribution_credit_touches(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	attribution_credit_person(fcinfo, put_row, fcinfo->resultinfo);
	return (Datum) 0;
}

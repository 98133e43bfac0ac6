/*
 * attribution_rows.c
 *	  Credits as rows of a set-returning function, and the checks that the SQL
 *	  entry points share.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"

#include "../common/errors.h"
#include "attribution_rows.h"

/* columns of a credit */
enum
{
	CREDIT_CONVERSION_ID,
	CREDIT_TOUCH_ID,
	CREDIT_CREATOR_ID,
	CREDIT_TOUCH_POSITION,
	CREDIT_PATH_LENGTH,
	CREDIT_WEIGHT,
	CREDIT_CREDIT,
	CREDIT_REASON,
	CREDIT_COLUMNS
};

static const char *const reason_names[ATTRIBUTION_REASONS] = {
	[ATTRIBUTION_CREDITED] = "credited",
	[ATTRIBUTION_NO_TOUCH] = "no_touch",
	[ATTRIBUTION_OUTSIDE_WINDOW] = "outside_window",
	[ATTRIBUTION_EXCLUDED] = "excluded",
	[ATTRIBUTION_CONSUMED] = "consumed",
	[ATTRIBUTION_LATE] = "late",
	[ATTRIBUTION_NO_WEIGHT] = "no_weight"
};

void
attribution_check_no_nulls(FunctionCallInfo fcinfo, const char *const *names, int count,
						   int first_default)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("%s must not be NULL", names[i]),
					 i < first_default ? errhint("Give a value; there is no default.") :
					 errhint("Leave the argument out to get its default.")));
	}
}

const char *
attribution_reason_name(AttributionReason reason)
{
	return reason_names[reason];
}

void
attribution_rows_init(AttributionRows *rows, FunctionCallInfo fcinfo)
{
	int			i;

	InitMaterializedSRF(fcinfo, 0);
	rows->result = (ReturnSetInfo *) fcinfo->resultinfo;
	for (i = 0; i < ATTRIBUTION_REASONS; i++)
		rows->reasons[i] = CStringGetTextDatum(reason_names[i]);
}

void
attribution_rows_add(AttributionRows *rows, const AttributionTouch *touches,
					 const AttributionConversion *conversion,
					 const AttributionWorkspace *workspace)
{
	const AttributionPath *path = &workspace->path;
	const AttributionRoom *room = &workspace->room;
	Datum		values[CREDIT_COLUMNS];
	bool		nulls[CREDIT_COLUMNS];
	size_t		i;

	memset(nulls, false, sizeof(nulls));
	values[CREDIT_CONVERSION_ID] = Int64GetDatum(conversion->conversion_id);
	values[CREDIT_PATH_LENGTH] = Int32GetDatum((int32) path->path_length);
	values[CREDIT_REASON] = rows->reasons[path->reason];
	nulls[CREDIT_CREDIT] = !conversion->has_amount;

	for (i = 0; i < path->rows; i++)
	{
		const AttributionTouch *touch = room->touch[i] == ATTRIBUTION_NONE ? NULL
			: &touches[room->touch[i]];

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		nulls[CREDIT_TOUCH_ID] = touch == NULL;
		nulls[CREDIT_TOUCH_POSITION] = touch == NULL;
		nulls[CREDIT_CREATOR_ID] = touch == NULL || !touch->has_creator;
		values[CREDIT_TOUCH_ID] = Int64GetDatum(touch == NULL ? 0 : touch->touch_id);
		values[CREDIT_CREATOR_ID] = Int64GetDatum(touch == NULL ? 0 : touch->creator_id);
		values[CREDIT_TOUCH_POSITION] = Int32GetDatum((int32) room->position[i]);
		values[CREDIT_WEIGHT] = Float8GetDatum(attribution_row_weight(path, room, i));
		values[CREDIT_CREDIT] = Int64GetDatum(room->credit[i]);
		tuplestore_putvalues(rows->result->setResult, rows->result->setDesc,
							 values, nulls);
	}
}

/*
 * engagement_agg.c
 *	  Aggregate engagement_rate(interactions, base).
 *
 * The state is a flat bytea of fixed size (engagement_core.h), changed in place:
 * the executor owns it and keeps the same pointer.
 */
#include "postgres.h"

#include "fmgr.h"

#include "../common/errors.h"
#include "../common/flat_state.h"
#include "engagement_core.h"

PG_FUNCTION_INFO_V1(engagement_rate_trans);
PG_FUNCTION_INFO_V1(engagement_rate_combine);
PG_FUNCTION_INFO_V1(engagement_rate_final);

static bytea *
checked_state(Datum value)
{
	bytea	   *state = DatumGetByteaPP(value);

	if (!engagement_state_is_valid(FLAT_STATE_DATA(state),
								   FLAT_STATE_SIZE(state)))
		flat_state_corrupted();
	return state;
}

Datum
engagement_rate_trans(PG_FUNCTION_ARGS)
{
	bytea	   *state;
	int64		interactions;
	int64		base;

	flat_state_require_aggregate(fcinfo);

	/* a post that nobody could see says nothing about engagement */
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_GETARG_INT64(2) <= 0)
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}

	interactions = PG_GETARG_INT64(1);
	base = PG_GETARG_INT64(2);
	if (interactions < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("interactions must not be negative"),
				 errdetail("A row has %lld interactions.",
						   (long long) interactions),
				 errhint("Leave out rows with impossible counts, for instance by FILTER.")));

	if (PG_ARGISNULL(0))
	{
		state = flat_state_make(ENGAGEMENT_STATE_SIZE);
		engagement_state_init(FLAT_STATE_DATA(state));
	}
	else
		state = checked_state(PG_GETARG_DATUM(0));

	engagement_state_add(FLAT_STATE_DATA(state), interactions, base);
	PG_RETURN_BYTEA_P(state);
}

Datum
engagement_rate_combine(PG_FUNCTION_ARGS)
{
	bytea	   *state;
	bytea	   *other;

	flat_state_require_aggregate(fcinfo);

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (PG_ARGISNULL(0))
		PG_RETURN_BYTEA_P(checked_state(PG_GETARG_DATUM(1)));

	state = checked_state(PG_GETARG_DATUM(0));
	other = checked_state(PG_GETARG_DATUM(1));
	engagement_state_merge(FLAT_STATE_DATA(state), FLAT_STATE_DATA(other));
	PG_RETURN_BYTEA_P(state);
}

Datum
engagement_rate_final(PG_FUNCTION_ARGS)
{
	double		rate;

	if (PG_ARGISNULL(0) ||
		!engagement_state_rate(FLAT_STATE_DATA(checked_state(PG_GETARG_DATUM(0))),
							   &rate))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(rate);
}

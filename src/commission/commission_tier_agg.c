/*
 * commission_tier_agg.c
 *	  Aggregate tiered_commission(amount, thresholds, rates, mode).
 *
 * The state is a flat bytea (commission_tier_state_core.c), changed
 * in place.  It is never NULL, because a moving aggregate must not answer NULL:
 * a state without rows stands for it.
 */
#include "postgres.h"

#include "fmgr.h"

#include "../common/errors.h"
#include "../common/flat_state.h"
#include "commission_tier_sql.h"

PG_FUNCTION_INFO_V1(commission_tiered_trans);
PG_FUNCTION_INFO_V1(commission_tiered_inverse);
PG_FUNCTION_INFO_V1(commission_tiered_combine);
PG_FUNCTION_INFO_V1(commission_tiered_final);

/* argument positions of the transition function */
enum
{
	ARG_STATE,
	ARG_AMOUNT,
	ARG_THRESHOLDS,
	ARG_RATES,
	ARG_MODE
};

static bytea *
framed_state(Datum value)
{
	bytea	   *state = DatumGetByteaPP(value);

	if (!commission_tier_state_has_frame(FLAT_STATE_DATA(state), FLAT_STATE_SIZE(state)))
		flat_state_corrupted();
	return state;
}

static bytea *
checked_state(Datum value)
{
	bytea	   *state = DatumGetByteaPP(value);

	if (!commission_tier_state_is_valid(FLAT_STATE_DATA(state), FLAT_STATE_SIZE(state)))
		flat_state_corrupted();
	return state;
}

/* tiers NULL: a state without rows */
static bytea *
make_state(const CommissionTiers *tiers)
{
	bytea	   *state = flat_state_make(commission_tier_state_size(tiers == NULL ? 0 : tiers->n));

	commission_tier_state_init(FLAT_STATE_DATA(state), tiers);
	return state;
}

Datum
commission_tiered_trans(PG_FUNCTION_ARGS)
{
	Datum		arguments[3] = {PG_GETARG_DATUM(ARG_THRESHOLDS), PG_GETARG_DATUM(ARG_RATES), PG_GETARG_DATUM(ARG_MODE)};
	bool		nulls[3] = {PG_ARGISNULL(ARG_THRESHOLDS), PG_ARGISNULL(ARG_RATES), PG_ARGISNULL(ARG_MODE)};
	const CommissionTiers *tiers;
	bytea	   *state = NULL;

	flat_state_require_aggregate(fcinfo);

	if (!PG_ARGISNULL(ARG_STATE))
		state = framed_state(PG_GETARG_DATUM(ARG_STATE));
	if (PG_ARGISNULL(ARG_AMOUNT))
		PG_RETURN_BYTEA_P(state != NULL ? state : make_state(NULL));

	tiers = commission_tiers_from_arguments(fcinfo->flinfo, arguments, nulls, NULL);
	if (state == NULL || commission_tier_state_is_empty(FLAT_STATE_DATA(state)))
		state = make_state(tiers);
	else if (!commission_tier_state_has_tiers(FLAT_STATE_DATA(state), tiers))
		commission_tiers_refuse_others("group", "GROUP BY");
	commission_tier_state_add(FLAT_STATE_DATA(state), PG_GETARG_INT64(ARG_AMOUNT));
	PG_RETURN_BYTEA_P(state);
}

/* A row leaves a moving frame; what it was checked for when it came holds. */
Datum
commission_tiered_inverse(PG_FUNCTION_ARGS)
{
	bytea	   *state;

	flat_state_require_aggregate(fcinfo);
	if (PG_ARGISNULL(ARG_STATE))
		elog(ERROR, "moving aggregate without a state");

	state = framed_state(PG_GETARG_DATUM(ARG_STATE));
	if (PG_ARGISNULL(ARG_AMOUNT))
		PG_RETURN_BYTEA_P(state);
	if (!commission_tier_state_remove(FLAT_STATE_DATA(state), PG_GETARG_INT64(ARG_AMOUNT)))
		flat_state_corrupted();
	if (commission_tier_state_is_empty(FLAT_STATE_DATA(state)))
		state = make_state(NULL);
	PG_RETURN_BYTEA_P(state);
}

Datum
commission_tiered_combine(PG_FUNCTION_ARGS)
{
	bytea	   *state;
	bytea	   *other;

	flat_state_require_aggregate(fcinfo);

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	other = checked_state(PG_GETARG_DATUM(1));
	if (PG_ARGISNULL(0))
		PG_RETURN_BYTEA_P(other);

	state = checked_state(PG_GETARG_DATUM(0));
	if (commission_tier_state_is_empty(FLAT_STATE_DATA(other)))
		PG_RETURN_BYTEA_P(state);
	if (commission_tier_state_is_empty(FLAT_STATE_DATA(state)))
		PG_RETURN_BYTEA_P(other);
	if (!commission_tier_states_agree(FLAT_STATE_DATA(state), FLAT_STATE_DATA(other)))
		commission_tiers_refuse_others("group", "GROUP BY");
	commission_tier_state_merge(FLAT_STATE_DATA(state), FLAT_STATE_DATA(other));
	PG_RETURN_BYTEA_P(state);
}

Datum
commission_tiered_final(PG_FUNCTION_ARGS)
{
	bytea	   *state;
	CommissionTiers *tiers;
	size_t		n;
	__int128	sum;
	int64_t		result = 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = checked_state(PG_GETARG_DATUM(0));
	if (commission_tier_state_is_empty(FLAT_STATE_DATA(state)))
		PG_RETURN_NULL();

	n = commission_tier_state_count(FLAT_STATE_DATA(state));
	tiers = commission_tiers_place(palloc(commission_tiers_size(n)), n);
	sum = commission_tier_state_read(FLAT_STATE_DATA(state), tiers);
	commission_tiers_status(commission_tiers_apply(tiers, sum, MONEY_HALF_UP, &result));
	PG_RETURN_INT64(result);
}

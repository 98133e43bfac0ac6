/*
 * decayed_score_agg.c
 *	  Aggregate decayed_score(weight, at, half_life).
 *
 * The state is a flat bytea (decay_core.h) with spare room, changed in place
 * until it has to grow, so a row costs no copy.  PostgreSQL's timestamps count
 * microseconds from 2000-01-01 UTC, which is the landmark L of the formula.
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "../common/errors.h"
#include "../common/flat_state.h"
#include "decay_core.h"
#include "decayed_score.h"

PG_FUNCTION_INFO_V1(feed_decayed_score_trans);
PG_FUNCTION_INFO_V1(feed_decayed_score_combine);
PG_FUNCTION_INFO_V1(feed_decayed_score_final);
PG_FUNCTION_INFO_V1(feed_decayed_state_final);
PG_FUNCTION_INFO_V1(feed_decayed_state_plus);

static void
check_frame(const bytea *state)
{
	if (!decay_state_has_frame(FLAT_STATE_DATA(state), FLAT_STATE_SIZE(state)))
		flat_state_corrupted();
}

static bytea *
checked_state(Datum value)
{
	bytea	   *state = DatumGetByteaPP(value);

	check_frame(state);
	return state;
}

static void
check_status(DecayStatus status)
{
	switch (status)
	{
		case DECAY_OK:
			return;
		case DECAY_OTHER_HALF_LIFE:
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("half-life must be the same in all rows of a group"),
					 errhint("Add the half-life to GROUP BY, or give a constant.")));
			break;
		case DECAY_TOO_MANY_ROWS:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many rows in a group"),
					 errdetail("At most 2^38 rows can be summed exactly.")));
			break;
		case DECAY_CORRUPT:
			flat_state_corrupted();
			break;
		case DECAY_NO_ROOM:
			break;
	}
	elog(ERROR, "unexpected decay status: %d", (int) status);
}

/* A half-life in microseconds; a day has 24 hours, a month no fixed length. */
int64
decayed_half_life_us(const Interval *half_life)
{
	int64		result;

	if (half_life->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("half-life must not contain months or years"),
				 errhint("Give days or hours, as interval '30 days'.")));
	if (pg_mul_s64_overflow(half_life->day, USECS_PER_DAY, &result) ||
		pg_add_s64_overflow(result, half_life->time, &result) ||
		result <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("half-life must be positive and below 292,000 years"),
				 errhint("Give days or hours, as interval '7 days'.")));
	return result;
}

/* A weight in units of 2^-20; the product is exact, ties go to even. */
int64
decayed_weight_units(float8 weight)
{
	/* written so that NaN fails */
	if (!(fabs(weight) <= 2147483648.0))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("weight must be a number between -2^31 and 2^31"),
				 errdetail("The value is %g.", weight),
				 errhint("Scale the weights down: only their ratios matter.")));
	return (int64) rint(ldexp(weight, DECAY_WEIGHT_BITS));
}

bytea *
decayed_state_with(bytea *state, int64 half_life, TimestampTz at, int64 weight)
{
	DecayStatus status;

	if (state == NULL)
	{
		state = flat_state_make(decay_state_first_size());
		decay_state_init(FLAT_STATE_DATA(state), FLAT_STATE_SIZE(state), half_life);
	}
	status = decay_state_add(FLAT_STATE_DATA(state), half_life, at, weight);
	if (status == DECAY_NO_ROOM)
	{
		bytea	   *larger = flat_state_make(decay_state_next_size(FLAT_STATE_DATA(state)));

		decay_state_copy(FLAT_STATE_DATA(larger), FLAT_STATE_SIZE(larger), FLAT_STATE_DATA(state));
		state = larger;
		status = decay_state_add(FLAT_STATE_DATA(state), half_life, at, weight);
	}
	check_status(status);
	return state;
}

Datum
feed_decayed_score_trans(PG_FUNCTION_ARGS)
{
	bytea	   *state;
	int64		half_life;
	int64		weight;
	TimestampTz at;

	flat_state_require_aggregate(fcinfo);

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}

	weight = decayed_weight_units(PG_GETARG_FLOAT8(1));
	at = PG_GETARG_TIMESTAMPTZ(2);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("time of an event must be finite"),
				 errhint("Leave out such rows, for instance by FILTER.")));
	half_life = decayed_half_life_us(PG_GETARG_INTERVAL_P(3));
	state = PG_ARGISNULL(0) ? NULL : checked_state(PG_GETARG_DATUM(0));
	PG_RETURN_BYTEA_P(decayed_state_with(state, half_life, at, weight));
}

Datum
feed_decayed_score_combine(PG_FUNCTION_ARGS)
{
	bytea	   *a;
	bytea	   *b;
	bytea	   *state;

	flat_state_require_aggregate(fcinfo);

	if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (PG_ARGISNULL(0))
		PG_RETURN_BYTEA_P(checked_state(PG_GETARG_DATUM(1)));

	a = checked_state(PG_GETARG_DATUM(0));
	b = checked_state(PG_GETARG_DATUM(1));
	state = flat_state_make(decay_state_merged_size(FLAT_STATE_DATA(a),
													FLAT_STATE_DATA(b)));
	check_status(decay_state_merge(FLAT_STATE_DATA(state),
								   FLAT_STATE_SIZE(state),
								   FLAT_STATE_DATA(a), FLAT_STATE_DATA(b)));
	PG_RETURN_BYTEA_P(state);
}

float8
decayed_state_score(const bytea *state)
{
	double		score;

	check_frame(state);
	check_status(decay_state_log2(FLAT_STATE_DATA(state), &score));
	return score;
}

Datum
feed_decayed_score_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(decayed_state_score(PG_GETARG_BYTEA_PP(0)));
}

bytea *
decayed_state_trimmed(const bytea *state)
{
	bytea	   *result = flat_state_make(decay_state_trimmed_size(FLAT_STATE_DATA(state)));

	decay_state_trim(FLAT_STATE_DATA(result), FLAT_STATE_SIZE(result),
					 FLAT_STATE_DATA(state));
	return result;
}

Datum
feed_decayed_state_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(decayed_state_trimmed(checked_state(PG_GETARG_DATUM(0))));
}

bytea *
decayed_state_plus(const bytea *a, const bytea *b)
{
	bytea	   *sum;
	bytea	   *result;

	if (a == NULL || b == NULL)
	{
		const bytea *state = a == NULL ? b : a;

		if (state == NULL)
			return NULL;
		check_frame(state);
		return decayed_state_trimmed(state);
	}
	check_frame(a);
	check_frame(b);
	sum = flat_state_make(decay_state_merged_size(FLAT_STATE_DATA(a), FLAT_STATE_DATA(b)));
	check_status(decay_state_merge(FLAT_STATE_DATA(sum), FLAT_STATE_SIZE(sum), FLAT_STATE_DATA(a), FLAT_STATE_DATA(b)));
	result = decayed_state_trimmed(sum);
	pfree(sum);
	return result;
}

Datum
feed_decayed_state_plus(PG_FUNCTION_ARGS)
{
	bytea	   *sum = decayed_state_plus(PG_ARGISNULL(0) ? NULL : PG_GETARG_BYTEA_PP(0), PG_ARGISNULL(1) ? NULL : PG_GETARG_BYTEA_PP(1));

	if (sum == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BYTEA_P(sum);
}

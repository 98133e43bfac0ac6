/*
 * attribution_policy.c
 *	  Checks the arguments of attribution and computes its windows.
 *
 * A lookback with months or days counts on the calendar of the policy's time
 * zone: the window opens at the same local time that many months and days ago,
 * less the hours, minutes and seconds elapsed. So "1 day" covers 25 hours over
 * the night in which summer time ends. In zones of one constant offset days
 * are elapsed time, which saves the calendar per conversion.
 */
#include "postgres.h"

#include "common/int.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "../common/errors.h"
#include "../common/money_sql.h"
#include "attribution_policy.h"

typedef struct Choice
{
	const char *name;
	int			value;
} Choice;

static const Choice models[] = {
	{"first_touch", ATTRIBUTION_FIRST_TOUCH},
	{"last_touch", ATTRIBUTION_LAST_TOUCH},
	{"last_non_direct", ATTRIBUTION_LAST_NON_DIRECT},
	{"linear", ATTRIBUTION_LINEAR},
	{"position_based", ATTRIBUTION_POSITION_BASED},
	{"j_shaped", ATTRIBUTION_POSITION_BASED},
	{"inverse_j", ATTRIBUTION_POSITION_BASED},
	{"time_decay", ATTRIBUTION_TIME_DECAY},
	{"participation", ATTRIBUTION_PARTICIPATION},
	{"shapley", ATTRIBUTION_SHAPLEY},
	{"custom", ATTRIBUTION_CUSTOM},
	{NULL, 0}
};

static const Choice reuses[] = {
	{"reuse", ATTRIBUTION_REUSE},
	{"consume", ATTRIBUTION_CONSUME},
	{"session", ATTRIBUTION_SESSION},
	{NULL, 0}
};

static const Choice matches[] = {
	{"any", ATTRIBUTION_MATCH_ANY},
	{"product", ATTRIBUTION_MATCH_PRODUCT},
	{"category", ATTRIBUTION_MATCH_CATEGORY},
	{NULL, 0}
};

/* first, middle together, last: .2 .2 .6 and .6 .2 .2 in lowest terms */
static const int64_t j_shaped_weights[3] = {1, 1, 3};
static const int64_t inverse_j_weights[3] = {3, 1, 1};

static char *
choice_names(const Choice *choices)
{
	StringInfoData names;
	const Choice *choice;

	initStringInfo(&names);
	for (choice = choices; choice->name != NULL; choice++)
		appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "",
						 choice->name);
	return names.data;
}

static int
choose(const char *argument, const char *value, const Choice *choices)
{
	const Choice *choice;

	for (choice = choices; choice->name != NULL; choice++)
	{
		if (strcmp(choice->name, value) == 0)
			return choice->value;
	}

	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("unknown %s \"%s\"", argument, value),
			 errhint("It can be: %s.", choice_names(choices))));
	return 0;					/* keeps the compiler quiet */
}

static void
check_not_negative(const char *argument, const Interval *interval)
{
	if (interval->month < 0 || interval->day < 0 || interval->time < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s must not be negative", argument),
				 errdetail("No part of the interval, months, days or time, may be below zero."),
				 errhint("Give an interval of 0 or more, for instance '30 days'.")));
}

static void
check_positive(const char *argument, const Interval *interval)
{
	check_not_negative(argument, interval);
	if (interval->month == 0 && interval->day == 0 && interval->time == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s must be longer than zero", argument),
				 errhint("Give an interval above 0, for instance '7 days'.")));
}

static void
build_lookback(AttributionLookback *lookback, const char *argument,
			   const Interval *interval, pg_tz *time_zone)
{
	long		offset;
	int64		days_us;

	check_not_negative(argument, interval);

	lookback->calendar = interval->month != 0 ||
		(interval->day != 0 && !pg_get_timezone_offset(time_zone, &offset));
	lookback->months = interval->month;
	lookback->days = interval->day;
	lookback->elapsed_us = interval->time;

	/* beyond int64 a window is as long as time itself */
	if (!lookback->calendar &&
		(pg_mul_s64_overflow(interval->day, USECS_PER_DAY, &days_us) ||
		 pg_add_s64_overflow(interval->time, days_us, &lookback->elapsed_us)))
		lookback->elapsed_us = PG_INT64_MAX;
}

/* A rate of decay needs a constant length: a day is 24 hours. */
static void
build_half_life(DecayRate *decay, const Interval *half_life)
{
	int64		microseconds;
	int64		days_us;

	check_positive("half_life", half_life);
	if (half_life->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("half_life must not have months"),
				 errhint("Months differ in length: give days or hours.")));
	if (pg_mul_s64_overflow(half_life->day, USECS_PER_DAY, &days_us) ||
		pg_add_s64_overflow(half_life->time, days_us, &microseconds))
		microseconds = PG_INT64_MAX;
	decay_rate_init(decay, (uint64_t) microseconds);
}

static int64
greatest_divisor(int64 a, int64 b)
{
	while (b != 0)
	{
		int64		rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Lowest terms: the ratios are all that counts, and small numbers are exact. */
static void
build_position_weights(int64_t *position_weights, ArrayType *array)
{
	int			n;
	int64	   *weights = money_weights_from_array(array, &n);
	int64		divisor;
	int			i;

	if (n != 3)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("position_weights must have three elements, not %d", n),
				 errhint("Give the weight of the first touch, of all middle touches together, and of the last one, for instance '{0.4,0.2,0.4}'.")));
	if (weights[0] == 0 && weights[2] == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("position_weights give neither the first nor the last touch a weight"),
				 errdetail("A path of two touches has no middle and could not be credited."),
				 errhint("Paths of two touches need one: for instance '{0.4,0.2,0.4}'.")));

	divisor = greatest_divisor(greatest_divisor(weights[0], weights[1]),
							   weights[2]);
	for (i = 0; i < 3; i++)
		position_weights[i] = weights[i] / divisor;

	if (position_weights[0] > ATTRIBUTION_MAX_WEIGHT_SUM ||
		position_weights[1] > ATTRIBUTION_MAX_WEIGHT_SUM ||
		position_weights[2] > ATTRIBUTION_MAX_WEIGHT_SUM ||
		position_weights[0] + position_weights[1] + position_weights[2] >
		ATTRIBUTION_MAX_WEIGHT_SUM)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("position_weights are too fine to be exact"),
				 errhint("Give weights that add up to 1, with at most nine decimals.")));
	pfree(weights);
}

void
attribution_policy_build(AttributionPolicy *policy,
						 const AttributionPolicyArguments *arguments)
{
	policy->time_zone = pg_tzset(arguments->time_zone);
	if (policy->time_zone == NULL || !pg_tz_acceptable(policy->time_zone))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("unknown time_zone \"%s\"", arguments->time_zone),
				 errhint("SELECT name FROM pg_timezone_names lists the time zones.")));

	policy->rules.model = choose("model", arguments->model, models);
	policy->rules.reuse = choose("reuse", arguments->reuse, reuses);
	policy->rules.match = choose("match", arguments->match, matches);

	/* all of them are checked, so that a wrong one does not wait for its model */
	check_positive("session_lifetime", arguments->session_lifetime);
	build_lookback(&policy->lookback, "lookback",
				   arguments->lookback, policy->time_zone);
	build_lookback(&policy->view_lookback, "view_lookback",
				   arguments->view_lookback, policy->time_zone);
	build_lookback(&policy->cart_lookback, "cart_lookback",
				   arguments->cart_lookback, policy->time_zone);
	build_lookback(&policy->session_lifetime, "session_lifetime",
				   arguments->session_lifetime, policy->time_zone);
	build_half_life(&policy->rules.decay, arguments->half_life);
	build_position_weights(policy->rules.position_weights,
						   arguments->position_weights);
	if (strcmp(arguments->model, "j_shaped") == 0)
		memcpy(policy->rules.position_weights, j_shaped_weights,
			   sizeof(j_shaped_weights));
	else if (strcmp(arguments->model, "inverse_j") == 0)
		memcpy(policy->rules.position_weights, inverse_j_weights,
			   sizeof(inverse_j_weights));
}

void
attribution_policy_read(AttributionPolicy *policy, FunctionCallInfo fcinfo, int first)
{
	AttributionPolicyArguments arguments;

	arguments.model = text_to_cstring(PG_GETARG_TEXT_PP(first + POLICY_MODEL));
	arguments.lookback = PG_GETARG_INTERVAL_P(first + POLICY_LOOKBACK);
	arguments.view_lookback = PG_GETARG_INTERVAL_P(first + POLICY_VIEW_LOOKBACK);
	arguments.cart_lookback = PG_GETARG_INTERVAL_P(first + POLICY_CART_LOOKBACK);
	arguments.half_life = PG_GETARG_INTERVAL_P(first + POLICY_HALF_LIFE);
	arguments.position_weights = PG_GETARG_ARRAYTYPE_P(first + POLICY_POSITION_WEIGHTS);
	arguments.reuse = text_to_cstring(PG_GETARG_TEXT_PP(first + POLICY_REUSE));
	arguments.session_lifetime = PG_GETARG_INTERVAL_P(first + POLICY_SESSION_LIFETIME);
	arguments.match = text_to_cstring(PG_GETARG_TEXT_PP(first + POLICY_MATCH));
	arguments.time_zone = text_to_cstring(PG_GETARG_TEXT_PP(first + POLICY_TIME_ZONE));
	attribution_policy_build(policy, &arguments);
}

/*
 * The instant with the local time of "at" in the zone, months and days before;
 * a day beyond the end of its month becomes the last one, as in PostgreSQL's
 * own arithmetic. Before the calendar begins there is no limit: DT_NOBEGIN.
 */
static TimestampTz
calendar_before(TimestampTz at, int32 months, int32 days, pg_tz *zone)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;
	int64		month;
	int64		day;
	int			last_day;
	TimestampTz result;

	if (timestamp2tm(at, &offset, &tm, &fsec, NULL, zone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));

	/* months since January of year 0, which is 1 BC */
	month = (int64) tm.tm_year * MONTHS_PER_YEAR + (tm.tm_mon - 1) - months;
	if (month < (int64) JULIAN_MINYEAR * MONTHS_PER_YEAR + JULIAN_MINMONTH)
		return DT_NOBEGIN;
	tm.tm_mon = (int) (((month % MONTHS_PER_YEAR) + MONTHS_PER_YEAR) %
					   MONTHS_PER_YEAR) + 1;
	tm.tm_year = (int) ((month - (tm.tm_mon - 1)) / MONTHS_PER_YEAR);
	last_day = day_tab[isleap(tm.tm_year)][tm.tm_mon - 1];
	if (tm.tm_mday > last_day)
		tm.tm_mday = last_day;

	day = (int64) date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - days;
	if (day < 0)
		return DT_NOBEGIN;
	j2date((int) day, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);

	offset = DetermineTimeZoneOffset(&tm, zone);
	if (tm2timestamp(&tm, fsec, &offset, &result) != 0)
		return DT_NOBEGIN;
	return result;
}

static int64
window_start(const AttributionLookback *lookback, TimestampTz converted_at,
			 pg_tz *time_zone)
{
	int64		start = converted_at;

	if (lookback->calendar)
		start = calendar_before(converted_at, lookback->months,
								lookback->days, time_zone);
	if (pg_sub_s64_overflow(start, lookback->elapsed_us, &start))
		return PG_INT64_MIN;
	return start;
}

void
attribution_policy_windows(const AttributionPolicy *policy,
						   AttributionConversion *conversion)
{
	TimestampTz at = conversion->converted_at;
	int64_t    *starts = conversion->window_start;
	int64		start = window_start(&policy->lookback, at, policy->time_zone);

	starts[ATTRIBUTION_CLICK] = start;
	starts[ATTRIBUTION_COUPON] = start;
	starts[ATTRIBUTION_VIEW] = window_start(&policy->view_lookback, at,
											policy->time_zone);
	starts[ATTRIBUTION_CART] = window_start(&policy->cart_lookback, at,
											policy->time_zone);
	if (policy->rules.reuse == ATTRIBUTION_SESSION)
		conversion->session_start = window_start(&policy->session_lifetime, at,
												 policy->time_zone);
}

/* At least as long as any window of it: the zone's clock may change by a day. */
static int64
longest(const AttributionLookback *lookback)
{
	int64		days = (int64) lookback->months * 31 + lookback->days + 2;
	int64		us;

	if (!lookback->calendar)
		return lookback->elapsed_us;
	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &us) ||
		pg_add_s64_overflow(us, lookback->elapsed_us, &us))
		return PG_INT64_MAX;
	return us;
}

int64
attribution_policy_reach(const AttributionPolicy *policy, bool has_kinds)
{
	int64		reach = longest(&policy->lookback);

	if (has_kinds)
		reach = Max(reach, Max(longest(&policy->view_lookback), longest(&policy->cart_lookback)));
	return reach;
}

/*
 * engagement_pattern_agg.c
 *	  Aggregates topic_focus, growth_rate and posting_regularity.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "../common/errors.h"
#include "../common/flat_state.h"
#include "engagement_list.h"
#include "engagement_pattern_core.h"

PG_FUNCTION_INFO_V1(engagement_focus_trans);
PG_FUNCTION_INFO_V1(engagement_focus_combine);
PG_FUNCTION_INFO_V1(engagement_focus_final);
PG_FUNCTION_INFO_V1(engagement_growth_trans);
PG_FUNCTION_INFO_V1(engagement_growth_combine);
PG_FUNCTION_INFO_V1(engagement_growth_final);
PG_FUNCTION_INFO_V1(engagement_regularity_trans);
PG_FUNCTION_INFO_V1(engagement_regularity_combine);
PG_FUNCTION_INFO_V1(engagement_regularity_final);

#define PIECE_ROWS 65536

StaticAssertDecl(sizeof(EngagementTopic) == 2 * sizeof(int64_t), "rows of LIST_TOPICS");
StaticAssertDecl(sizeof(EngagementAmount) == 2 * sizeof(int64_t), "rows of LIST_AMOUNTS");

static void
check_time(TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("time of a row must be finite"),
				 errhint("Leave out such rows, for instance by FILTER.")));
}

Datum
engagement_focus_trans(PG_FUNCTION_ARGS)
{
	int64		row[2];

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_GETARG_INT64(2) == 0)
		return list_trans(fcinfo, &LIST_TOPICS, NULL);
	row[0] = PG_GETARG_INT64(1);
	row[1] = PG_GETARG_INT64(2);
	if (row[1] < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("posts must not be negative"),
				 errdetail("Topic %lld has %lld posts.", (long long) row[0], (long long) row[1]),
				 errhint("Leave out rows with impossible counts, for instance by FILTER.")));
	return list_trans(fcinfo, &LIST_TOPICS, row);
}

Datum
engagement_focus_combine(PG_FUNCTION_ARGS)
{
	return list_combine(fcinfo, &LIST_TOPICS);
}

Datum
engagement_focus_final(PG_FUNCTION_ARGS)
{
	EngagementFocus focus = {0};
	const EngagementTopic *topics;
	double		result;
	size_t		n;
	size_t		done;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	topics = (const EngagementTopic *)
		list_sorted_rows(&LIST_TOPICS, list_state(&LIST_TOPICS, PG_GETARG_DATUM(0)), &n);
	for (done = 0; done < n; done += PIECE_ROWS)
	{
		CHECK_FOR_INTERRUPTS();
		engagement_focus_piece(&focus, topics + done, Min(n - done, PIECE_ROWS));
	}
	if (!engagement_focus_result(&focus, &result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}

Datum
engagement_growth_trans(PG_FUNCTION_ARGS)
{
	int64		row[2];

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_GETARG_INT64(2) <= 0)
		return list_trans(fcinfo, &LIST_AMOUNTS, NULL);
	row[0] = PG_GETARG_TIMESTAMPTZ(1);
	row[1] = PG_GETARG_INT64(2);
	check_time(row[0]);
	return list_trans(fcinfo, &LIST_AMOUNTS, row);
}

Datum
engagement_growth_combine(PG_FUNCTION_ARGS)
{
	return list_combine(fcinfo, &LIST_AMOUNTS);
}

static void
add_all_amounts(EngagementGrowth *growth, const EngagementAmount *amounts, size_t n)
{
	size_t		done;

	for (done = 0; done < n; done += PIECE_ROWS)
	{
		CHECK_FOR_INTERRUPTS();
		engagement_growth_piece(growth, amounts + done, Min(n - done, PIECE_ROWS));
	}
}

Datum
engagement_growth_final(PG_FUNCTION_ARGS)
{
	EngagementGrowth growth = {0};
	const EngagementAmount *amounts;
	double		result;
	size_t		n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	amounts = (const EngagementAmount *)
		list_sorted_rows(&LIST_AMOUNTS, list_state(&LIST_AMOUNTS, PG_GETARG_DATUM(0)), &n);
	add_all_amounts(&growth, amounts, n);
	engagement_growth_again(&growth);
	add_all_amounts(&growth, amounts, n);
	if (!engagement_growth_result(&growth, &result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}

Datum
engagement_regularity_trans(PG_FUNCTION_ARGS)
{
	int64		at;

	if (PG_ARGISNULL(1))
		return list_trans(fcinfo, &LIST_TIMES, NULL);
	at = PG_GETARG_TIMESTAMPTZ(1);
	check_time(at);
	return list_trans(fcinfo, &LIST_TIMES, &at);
}

Datum
engagement_regularity_combine(PG_FUNCTION_ARGS)
{
	return list_combine(fcinfo, &LIST_TIMES);
}

Datum
engagement_regularity_final(PG_FUNCTION_ARGS)
{
	const int64_t *times;
	double		result;
	size_t		n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	times = list_sorted_rows(&LIST_TIMES, list_state(&LIST_TIMES, PG_GETARG_DATUM(0)), &n);
	if (!engagement_regularity(times, n, &result))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(result);
}
